#include "core/net/resolve.h"

#include "core/base/alloc.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define THREADS 2

struct qc_resolver {
    qc_pool *pool;
    _Atomic bool stopping;
};

/* Held by the loop's side and by the resolver's; whoever is last frees it. */
struct qc_lookup {
    qc_resolver *r;
    pthread_mutex_t lock;
    qc_loop *loop; /* NULL: canceled; under the lock */
    char *host, service[8];
    qc_lookup_fn *fn;
    void *arg;
    struct sockaddr_storage addr[QC_LOOKUP_MAX];
    size_t n;
};

static void lookup_free(qc_lookup *k)
{
    pthread_mutex_destroy(&k->lock);
    qc_free(k->host);
    qc_free(k);
}

/* On the loop. The lock is taken so that the resolver's side has let go of it. */
static void deliver(void *arg)
{
    qc_lookup *k = arg;
    pthread_mutex_lock(&k->lock);
    bool wanted = k->loop != NULL;
    pthread_mutex_unlock(&k->lock);
    if (wanted)
        k->fn(k->arg, k->addr, k->n);
    lookup_free(k);
}

static void ask(qc_lookup *k)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    if (atomic_load(&k->r->stopping) || getaddrinfo(k->host, k->service, &hints, &list))
        return;
    for (const struct addrinfo *i = list; i && k->n < QC_LOOKUP_MAX; i = i->ai_next)
        if (i->ai_addrlen <= sizeof k->addr[0] &&
            (i->ai_family == AF_INET || i->ai_family == AF_INET6))
            memcpy(&k->addr[k->n++], i->ai_addr, i->ai_addrlen);
    freeaddrinfo(list);
}

/* On a thread of the pool. Posting is done under the lock: the loop is there while nobody has
 * canceled, and a loop that ends cancels first. */
static void work(void *arg)
{
    qc_lookup *k = arg;
    ask(k);
    pthread_mutex_lock(&k->lock);
    bool wanted = k->loop != NULL;
    if (wanted)
        qc_loop_post(k->loop, deliver, k);
    pthread_mutex_unlock(&k->lock);
    if (!wanted)
        lookup_free(k);
}

qc_lookup *qc_lookup_start(qc_resolver *r, qc_loop *l, const char *host, uint16_t port,
                           qc_lookup_fn *fn, void *arg)
{
    qc_lookup *k = qc_alloc(sizeof *k);
    *k = (qc_lookup){.r = r, .loop = l, .host = qc_strdup(host), .fn = fn, .arg = arg};
    snprintf(k->service, sizeof k->service, "%u", port);
    pthread_mutex_init(&k->lock, NULL);
    qc_pool_post(r->pool, work, k);
    return k;
}

void qc_lookup_cancel(qc_lookup *k)
{
    pthread_mutex_lock(&k->lock);
    k->loop = NULL; /* deliver() or work(), whichever comes, frees it */
    pthread_mutex_unlock(&k->lock);
}

qc_err qc_resolver_new(qc_resolver **out)
{
    qc_resolver *r = qc_alloc(sizeof *r);
    qc_err err = qc_pool_new(&r->pool, THREADS, "resolve");
    if (err) {
        qc_free(r);
        return err;
    }
    *out = r;
    return QC_OK;
}

void qc_resolver_free(qc_resolver *r)
{
    if (!r)
        return;
    atomic_store(&r->stopping, true);
    qc_pool_free(r->pool);
    qc_free(r);
}

qc_pool *qc_resolver_pool(qc_resolver *r)
{
    return r->pool;
}

bool qc_resolve_now(const char *host, uint16_t port, struct sockaddr_storage *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char service[8];
    struct addrinfo *list = NULL;
    bool ok = false;
    snprintf(service, sizeof service, "%u", port);
    if (qc_host_is_hidden(host) || getaddrinfo(host, service, &hints, &list))
        return false;
    for (const struct addrinfo *i = list; i && !ok; i = i->ai_next)
        if (i->ai_family == AF_INET || i->ai_family == AF_INET6) {
            memset(out, 0, sizeof *out);
            memcpy(out, i->ai_addr, i->ai_addrlen);
            ok = true;
        }
    freeaddrinfo(list);
    return ok;
}
