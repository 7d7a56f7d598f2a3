/* Peers that an operator wants kept: connected, and connected again when they go. Names are looked
 * up before each try. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/hostport.h"
#include "core/base/log.h"
#include "core/net/internal.h"
#include "core/net/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>

#define SECOND ((qc_mono)1000000000)
#define RETRY_MAX (60 * SECOND)

struct qc_added {
    qc_added *next;
    qc_net *net;
    char *text; /* as given */
    bool v2;
    char at[64];     /* numeric, of the last try */
    qc_lookup *look; /* while one runs */
    qc_mono retry, wait;
};

static void try_connect(qc_added *a, const char *numeric, uint16_t port)
{
    qc_err err = qc_net_dial(a->net, numeric, port, QC_CONN_MANUAL, a->v2, a->at);
    if (err && err != QC_EEXIST)
        qc_log(QC_LOG_DEBUG, "net", "added node %s: %s", a->text, qc_err_text(err));
}

static void looked_up(void *arg, const struct sockaddr_storage *addr, size_t n)
{
    qc_added *a = arg;
    char host[INET6_ADDRSTRLEN] = "", text[64];
    a->look = NULL;
    if (n == 0) {
        qc_log(QC_LOG_DEBUG, "net", "added node %s: no address", a->text);
        return;
    }
    uint16_t port;
    if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        port = ntohs(v6->sin6_port);
        snprintf(text, sizeof text, "[%s]:%u", host, port);
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        port = ntohs(v4->sin_port);
        snprintf(text, sizeof text, "%s:%u", host, port);
    }
    try_connect(a, text, port);
}

static bool is_numeric(const char *host)
{
    struct in6_addr room;
    return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1;
}

static void attempt(qc_added *a)
{
    char host[256];
    uint16_t port = a->net->default_port;
    if (qc_split_host_port(a->text, host, sizeof host, &port))
        return;
    if (is_numeric(host)) {
        try_connect(a, a->text, port);
        return;
    }
    if (!a->net->resolver && qc_resolver_new(&a->net->resolver))
        return;
    a->look = qc_lookup_start(a->net->resolver, a->net->loop, host, port, looked_up, a);
}

void qc_net_added_tick(qc_net *n, qc_mono now)
{
    for (qc_added *a = n->added; a && atomic_load(&n->active); a = a->next) {
        if (qc_net_find(n, 0, a->at)) {
            a->wait = SECOND;
            a->retry = now + a->wait;
        } else if (!a->look && now >= a->retry) {
            a->wait = QC_MIN(QC_MAX(2 * a->wait, SECOND), RETRY_MAX);
            a->retry = now + a->wait;
            attempt(a);
        }
    }
}

static void free_added(qc_added *a)
{
    if (a->look)
        qc_lookup_cancel(a->look);
    qc_free(a->text);
    qc_free(a);
}

void qc_net_added_free(qc_net *n)
{
    for (qc_added *a = n->added, *next; a; a = next) {
        next = a->next;
        free_added(a);
    }
    n->added = NULL;
    qc_resolver_free(n->resolver);
    n->resolver = NULL;
}

/* ---- calls from other threads ---- */

typedef struct call {
    qc_net *n;
    const char *text;
    bool v2;
    qc_err err;
    qc_added_info *list;
    size_t count;
} call;

static void do_add(void *arg)
{
    call *c = arg;
    qc_added **at = &c->n->added;
    for (; *at; at = &(*at)->next)
        if (strcmp((*at)->text, c->text) == 0) {
            c->err = QC_EEXIST;
            return;
        }
    *at = qc_alloc(sizeof **at);
    (*at)->net = c->n;
    (*at)->text = qc_strdup(c->text);
    (*at)->v2 = c->v2;
}

static void do_remove(void *arg)
{
    call *c = arg;
    for (qc_added **at = &c->n->added; *at; at = &(*at)->next)
        if (strcmp((*at)->text, c->text) == 0) {
            qc_added *a = *at;
            *at = a->next;
            free_added(a);
            return;
        }
    c->err = QC_ENOENT;
}

static void do_list(void *arg)
{
    call *c = arg;
    size_t n = 0;
    for (const qc_added *a = c->n->added; a; a = a->next)
        n++;
    c->list = qc_try_calloc(n + 1, sizeof *c->list);
    for (const qc_added *a = c->n->added; c->list && a; a = a->next) {
        qc_added_info *i = &c->list[c->count++];
        const qc_peer *p = qc_net_find(c->n, 0, a->at);
        snprintf(i->node, sizeof i->node, "%s", a->text);
        i->connected = p && !p->connecting;
        snprintf(i->addr, sizeof i->addr, "%s", a->at);
    }
    c->err = c->list ? QC_OK : QC_ENOMEM;
}

qc_err qc_net_add(qc_net *n, const char *node, bool v2)
{
    call c = {.n = n, .text = node, .v2 = v2};
    qc_loop_call(n->loop, do_add, &c);
    return c.err;
}

qc_err qc_net_remove(qc_net *n, const char *node)
{
    call c = {.n = n, .text = node};
    qc_loop_call(n->loop, do_remove, &c);
    return c.err;
}

qc_err qc_net_added(qc_net *n, qc_added_info **list, size_t *count)
{
    call c = {.n = n};
    qc_loop_call(n->loop, do_list, &c);
    *list = c.list;
    *count = c.count;
    return c.err;
}
