#include "core/rpc/mount.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"
#include "core/rpc/target.h"

#include <string.h>

struct qc_http_mount {
    qc_http_mount *next;
    _Atomic unsigned refs;
    char name[65];
    char *owner;
    qc_http_handler h;
};

struct qc_http_mounts {
    pthread_mutex_t lock;
    qc_http_mount *first;
};

/* ---- calls ---- */

void qc_http_call_ref(qc_http_call *c)
{
    atomic_fetch_add(&c->refs, 1);
}

void qc_http_call_unref(qc_http_call *c)
{
    if (c && atomic_fetch_sub(&c->refs, 1) == 1)
        qc_free(c);
}

const char *qc_http_header(const qc_http_call *c, const char *name)
{
    return c->header(c->exchange, name);
}

bool qc_http_answer(qc_http_call *c, int status, const char *content_type, qc_bytes body)
{
    if (atomic_exchange(&c->answered, true)) {
        qc_bytes_free(&body);
        return false;
    }
    if (c->timer && qc_rpc_pool_cancel(c->pool, c->timer, c)) {
        c->deadline(c->deadline_arg, false);
        qc_http_call_unref(c); /* the timer's; the caller has its own */
    }
    c->send(c->exchange, status, content_type, body);
    return true;
}

bool qc_http_answer_text(qc_http_call *c, int status, const char *text)
{
    qc_bytes body = QC_BYTES_INIT;
    if (qc_bytes_append(&body, text, strlen(text)))
        qc_bytes_free(&body);
    return qc_http_answer(c, status, "text/plain; charset=utf-8", body);
}

static void on_deadline(void *arg)
{
    qc_http_call *c = arg;
    c->deadline(c->deadline_arg, true);
    qc_http_call_unref(c);
}

/* The timer's argument is the call, which it holds: an address that is compared when the timer is
 * canceled cannot have become another's. */
void qc_http_deadline(qc_http_call *c, int64_t ms, void (*fn)(void *arg, bool passed), void *arg)
{
    QC_ASSERT(!c->timer);
    c->deadline = fn;
    c->deadline_arg = arg;
    qc_http_call_ref(c);
    c->timer = qc_rpc_pool_after(c->pool, ms, on_deadline, c);
}

/* ---- mounts ---- */

qc_http_mounts *qc_http_mounts_new(void)
{
    qc_http_mounts *m = qc_alloc(sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void qc_http_mounts_free(qc_http_mounts *m)
{
    if (!m || m->first) /* left by a thread that was left behind, and may still come back */
        return;
    pthread_mutex_destroy(&m->lock);
    qc_free(m);
}

static qc_http_mount *find(const qc_http_mounts *m, const char *name)
{
    qc_http_mount *x = m->first;
    while (x && strcmp(x->name, name) != 0)
        x = x->next;
    return x;
}

qc_err qc_http_mount_add(qc_http_mounts *m, const char *name, const qc_http_handler *h)
{
    if (!qc_mount_name_ok(name, strlen(name)))
        return QC_EINVAL;
    qc_http_mount *x = qc_alloc(sizeof *x);
    atomic_init(&x->refs, 1);
    memcpy(x->name, name, strlen(name) + 1);
    x->h = *h;
    x->h.owner = x->owner = qc_strdup(h->owner);
    pthread_mutex_lock(&m->lock);
    const qc_http_mount *other = find(m, name);
    bool taken = other && strcmp(other->owner, x->owner) != 0;
    qc_http_mount **end = &m->first; /* behind the one that serves now */
    while (*end)
        end = &(*end)->next;
    if (!taken)
        *end = x;
    pthread_mutex_unlock(&m->lock);
    if (taken) {
        qc_free(x->owner);
        qc_free(x);
    }
    return taken ? QC_EEXIST : QC_OK;
}

void qc_http_mount_remove(qc_http_mounts *m, const char *name, const void *arg)
{
    qc_http_mount *x = NULL;
    pthread_mutex_lock(&m->lock);
    for (qc_http_mount **at = &m->first; *at; at = &(*at)->next)
        if (strcmp((*at)->name, name) == 0 && (*at)->h.arg == arg) {
            x = *at;
            *at = x->next;
            break;
        }
    pthread_mutex_unlock(&m->lock);
    qc_http_mount_unref(x);
}

qc_http_mount *qc_http_mount_get(qc_http_mounts *m, const char *name)
{
    pthread_mutex_lock(&m->lock);
    qc_http_mount *x = find(m, name);
    if (x)
        atomic_fetch_add(&x->refs, 1);
    pthread_mutex_unlock(&m->lock);
    return x;
}

void qc_http_mount_unref(qc_http_mount *x)
{
    if (!x || atomic_fetch_sub(&x->refs, 1) != 1)
        return;
    x->h.release(x->h.arg);
    qc_free(x->owner);
    qc_free(x);
}

const qc_http_handler *qc_http_mount_handler(const qc_http_mount *x)
{
    return &x->h;
}
