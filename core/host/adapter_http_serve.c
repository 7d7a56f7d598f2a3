/* http.serve/1: a plugin's routes below /p/NAME/. A request arrives on an HTTP thread, suspended;
 * it is served on the plugin's loop, and answered by reply(), at its deadline, or when the plugin
 * stops, whichever takes it first from the list of those that wait. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/rpc/mount.h"
#include "core/rpc/target.h"

#include "quoin/http_serve.h"

#include <stdio.h>

#define ROUTES_MAX 256u
#define PATH_MAX_LEN 256u
#define TYPE_MAX_LEN 128u
#define REPLY_MAX ((uint64_t)64 << 20)
#define TIMEOUT_DEFAULT 30000u
#define TIMEOUT_MAX 600000u
#define PENDING_DEFAULT 16u
#define PENDING_MAX 256u
#define BODY_MAX ((uint64_t)32 << 20) /* what the server takes at all */

typedef struct route {
    char path[PATH_MAX_LEN + 1];
    uint32_t methods, timeout_ms, max_pending, n_pending;
    size_t max_body, bytes;      /* bytes: of those that are pending */
    qn_http_handler_fn *handler; /* NULL: content */
    void *arg;
    char content_type[TYPE_MAX_LEN + 1];
    qc_bytes content;
    bool removed; /* freed with its last pending request */
} route;

/* One request that waits. Whoever unlinks it answers it. */
typedef struct pending {
    struct pending *next;
    route *route;
    uint64_t id;
    qc_http_call *call;
    qc_mono deadline;
    qn_http_request head;
    qc_bytes data;
    size_t bytes; /* of it */
} pending;

/* What the plugin's side and the HTTP side share; whichever is last frees it. */
typedef struct http_shared {
    pthread_mutex_t lock;
    unsigned refs; /* under the lock */
    qc_plugin *plugin;
    bool open; /* requests may be posted to the plugin */
    route *route[ROUTES_MAX];
    size_t n_route;
    pending *pending;
    uint64_t next_id;
} http_shared;

typedef struct http_state {
    http_shared *s;
    char name[65];
    size_t max_body;
    uint64_t content_max, content_used;
} http_state;

static void shared_unref(http_shared *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&s->lock);
    qc_free(s);
}

static void release(void *arg)
{
    shared_unref(arg);
}

static void route_free(route *r)
{
    qc_bytes_free(&r->content);
    qc_free(r);
}

/* ---- the list of those that wait; under the lock ---- */

static pending *take(http_shared *s, uint64_t id)
{
    for (pending **at = &s->pending; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            pending *p = *at;
            *at = p->next;
            p->route->bytes -= p->bytes;
            if (--p->route->n_pending == 0 && p->route->removed)
                route_free(p->route);
            return p;
        }
    return NULL;
}

static void pending_free(pending *p)
{
    qc_http_call_unref(p->call);
    qc_bytes_free(&p->data);
    qc_free(p);
}

static bool take_and_answer(http_shared *s, uint64_t id, int status, const char *text)
{
    pthread_mutex_lock(&s->lock);
    pending *p = take(s, id);
    pthread_mutex_unlock(&s->lock);
    if (!p)
        return false;
    (void)qc_http_answer_text(p->call, status, text);
    pending_free(p);
    return true;
}

/* ---- HTTP threads ---- */

/* The route that serves a path: the exact one, else the longest that ends in '/'. */
static route *find_route(const http_shared *s, const char *path)
{
    route *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < s->n_route; i++) {
        route *r = s->route[i];
        size_t n = strlen(r->path);
        if (strcmp(r->path, path) == 0)
            return r;
        if (r->handler && r->path[n - 1] == '/' && strncmp(r->path, path, n) == 0 && n > best_len) {
            best = r;
            best_len = n;
        }
    }
    return best;
}

static int judge(void *arg, qc_http_method method, const char *path, size_t *max_body)
{
    http_shared *s = arg;
    pthread_mutex_lock(&s->lock);
    const route *r = find_route(s, path);
    int status = !r                                                                   ? 404
                 : r->methods & (method == QC_HTTP_POST ? QN_HTTP_POST : QN_HTTP_GET) ? 0
                                                                                      : 405;
    if (r)
        *max_body = r->max_body;
    pthread_mutex_unlock(&s->lock);
    return status;
}

static bool add(qc_bytes *b, const void *data, size_t len)
{
    return qc_bytes_append(b, data, len) == QC_OK;
}

static bool add_span(qc_bytes *b, qn_http_span *span, const void *data, size_t len)
{
    *span = (qn_http_span){(uint32_t)b->len, (uint32_t)len};
    return len == 0 || add(b, data, len);
}

/* Headers that a handler may care about. A value that a line could not hold is left out. */
static bool add_headers(qc_bytes *b, qn_http_span *span, const qc_http_call *c)
{
    static const char *const name[] = {"accept",        "accept-language", "content-type", "host",
                                       "if-none-match", "origin",          "user-agent"};
    bool ok = true;
    span->off = (uint32_t)b->len;
    for (size_t i = 0; i < QC_COUNTOF(name); i++) {
        const char *v = qc_http_header(c, name[i]);
        bool plain = v != NULL;
        for (const char *p = v; plain && *p; p++)
            plain = (unsigned char)*p >= 32 && *p != 127;
        if (plain)
            ok &= add(b, name[i], strlen(name[i])) && add(b, ": ", 2) && add(b, v, strlen(v)) &&
                  add(b, "\n", 1);
    }
    span->len = (uint32_t)b->len - span->off;
    return ok;
}

static bool fill(pending *p, const qc_http_call *c)
{
    qn_http_request *h = &p->head;
    qc_bytes *b = &p->data;
    h->size = sizeof *h;
    h->method = c->method == QC_HTTP_POST ? QN_HTTP_POST : QN_HTTP_GET;
    return add_span(b, &h->path, c->path, strlen(c->path)) &&
           add_span(b, &h->query, c->query, strlen(c->query)) && add_headers(b, &h->headers, c) &&
           add_span(b, &h->user, c->user, strlen(c->user)) &&
           add_span(b, &h->peer, c->peer, strlen(c->peer)) &&
           add_span(b, &h->body, c->body.data, c->body.len);
}

/* A message to the plugin's loop or to a timer: found again by id, for it may have ended. */
typedef struct note {
    http_shared *s;
    uint64_t id;
    qc_plugin *plugin;
    size_t bytes; /* as counted by qc_plugin_ask_begin() */
} note;

static note *note_new(http_shared *s, uint64_t id, size_t bytes)
{
    note *n = qc_alloc(sizeof *n);
    *n = (note){s, id, s->plugin, bytes};
    s->refs++; /* under the lock */
    return n;
}

static void note_free(note *n)
{
    if (n->bytes) /* a deadline asks for nothing, and its plugin may be gone when it passes */
        qc_plugin_ask_end(n->plugin, n->bytes);
    shared_unref(n->s);
    qc_free(n);
}

static void on_deadline(void *arg, bool passed)
{
    note *n = arg;
    if (passed)
        (void)take_and_answer(n->s, n->id, 504, "The plugin did not answer in time\n");
    note_free(n);
}

static void deliver(void *arg);

/* Enqueue p, with its deadline, under the lock. Returns 0, or the status to answer with. */
static int enqueue(http_shared *s, route *r, pending *p)
{
    p->bytes = p->data.len;
    if (!s->open || r->n_pending == r->max_pending ||
        !qc_plugin_ask_begin(s->plugin, p->bytes, r->bytes))
        return 503;
    p->id = p->head.request = ++s->next_id;
    p->route = r;
    p->deadline = qc_clock_mono() + (qc_mono)r->timeout_ms * 1000000;
    p->next = s->pending;
    s->pending = p;
    r->n_pending++;
    r->bytes += p->bytes;
    qc_http_call_ref(p->call);
    qc_http_deadline(p->call, r->timeout_ms, on_deadline, note_new(s, p->id, 0));
    /* Under the lock: quiesce() closes the door before the loop goes away. */
    qc_loop_post(s->plugin->loop, deliver, note_new(s, p->id, p->bytes));
    return 0;
}

static void serve(void *arg, qc_http_call *c)
{
    http_shared *s = arg;
    qc_bytes copy = QC_BYTES_INIT;
    char type[TYPE_MAX_LEN + 1] = "";
    pending *p = qc_alloc(sizeof *p);
    *p = (pending){.call = c};
    int status = fill(p, c) ? 0 : 503;
    pthread_mutex_lock(&s->lock);
    route *r = find_route(s, c->path);
    if (!r) { /* removed since the head was judged */
        status = 404;
    } else if (!r->handler) {
        status = qc_bytes_append(&copy, r->content.data, r->content.len) ? 503 : 200;
        memcpy(type, r->content_type, sizeof type);
    } else if (!status) {
        status = enqueue(s, r, p);
    }
    pthread_mutex_unlock(&s->lock);
    if (!status)
        return; /* c may have been answered by now */
    qc_bytes_free(&p->data);
    qc_free(p);
    if (status == 200)
        (void)qc_http_answer(c, 200, type, copy);
    else
        (void)qc_http_answer_text(
            c, status, status == 404 ? "Not found\n" : "The plugin is busy or has stopped\n");
}

/* ---- the plugin's loop ---- */

static void deliver(void *arg)
{
    note *n = arg;
    qn_http_request head = {0};
    qc_bytes data = QC_BYTES_INIT;
    qn_http_handler_fn *handler = NULL;
    void *handler_arg = NULL;
    pthread_mutex_lock(&n->s->lock);
    for (pending *p = n->s->pending; p; p = p->next)
        if (p->id == n->id) {
            qc_mono left = (p->deadline - qc_clock_mono()) / 1000000;
            head = p->head;
            head.timeout_ms = left > 0 ? (uint32_t)left : 0;
            data = p->data;
            p->data = (qc_bytes)QC_BYTES_INIT;
            handler = p->route->removed ? NULL : p->route->handler;
            handler_arg = p->route->arg;
            break;
        }
    pthread_mutex_unlock(&n->s->lock);
    if (handler && n->plugin->callable)
        handler(handler_arg, &head, data.data, (uint32_t)data.len);
    else
        (void)take_and_answer(n->s, n->id, 503, "The plugin has stopped\n");
    qc_bytes_free(&data);
    note_free(n);
}

static bool path_ok(const char *path, bool is_static)
{
    size_t n = strlen(path);
    if (n < 1 || n > PATH_MAX_LEN || path[0] != '/' || (is_static && n > 1 && path[n - 1] == '/'))
        return false;
    static const char ALLOWED[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    qc_target t;
    return strspn(path, ALLOWED) == n && qc_target_parse(path, &t); /* no empty or dot segment */
}

static bool type_ok(const char *type)
{
    size_t n = strlen(type);
    for (size_t i = 0; i < n; i++)
        if (type[i] < 32 || type[i] > 126)
            return false;
    return n >= 3 && n <= TYPE_MAX_LEN && strchr(type, '/') && type[0] != ' ';
}

static bool limits_of(const http_state *v, const qn_http_route *o, route *out)
{
    qn_http_route have = {.size = sizeof have};
    if (o && o->size < 8)
        return false;
    if (o)
        memcpy(&have, o, o->size < sizeof have ? o->size : sizeof have);
    out->methods = have.set & QN_SET_HTTP_ROUTE_METHODS ? have.methods : QN_HTTP_GET;
    out->timeout_ms = have.set & QN_SET_HTTP_ROUTE_TIMEOUT_MS ? have.timeout_ms : TIMEOUT_DEFAULT;
    out->max_body = have.set & QN_SET_HTTP_ROUTE_MAX_BODY ? have.max_body : v->max_body;
    out->max_pending =
        have.set & QN_SET_HTTP_ROUTE_MAX_PENDING ? have.max_pending : PENDING_DEFAULT;
    return out->methods && !(out->methods & ~(QN_HTTP_GET | QN_HTTP_POST)) &&
           out->timeout_ms >= 1 && out->timeout_ms <= TIMEOUT_MAX && out->max_body <= v->max_body &&
           out->max_pending >= 1 && out->max_pending <= PENDING_MAX;
}

/* Takes r in any case. */
static qn_status add_route(http_shared *s, QC_OWN route *r)
{
    qn_status st = QN_OK;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_route; i++)
        if (strcmp(s->route[i]->path, r->path) == 0)
            st = QN_E_EXISTS;
    if (st == QN_OK && s->n_route == ROUTES_MAX)
        st = QN_E_LIMIT;
    if (st == QN_OK)
        s->route[s->n_route++] = r;
    pthread_mutex_unlock(&s->lock);
    if (st != QN_OK)
        route_free(r);
    return st;
}

static qn_status http_add(qn_cap *cap, const qn_http_route *limits, const char *path,
                          qn_http_handler_fn *handler, void *arg)
{
    qn_status st = qc_cap_enter(cap);
    http_state *v = cap->state;
    if (st != QN_OK)
        return st;
    if (!path || !handler || !path_ok(path, false))
        return QN_E_INVAL;
    route *r = qc_alloc(sizeof *r);
    *r = (route){.handler = handler, .arg = arg};
    memcpy(r->path, path, strlen(path) + 1);
    if (!limits_of(v, limits, r)) {
        route_free(r);
        return QN_E_INVAL;
    }
    return add_route(v->s, r);
}

static qn_status http_add_static(qn_cap *cap, const char *path, const char *content_type,
                                 const void *content, uint32_t len)
{
    qn_status st = qc_cap_enter(cap);
    http_state *v = cap->state;
    if (st != QN_OK)
        return st;
    if (!path || !content_type || (!content && len) || !path_ok(path, true) ||
        !type_ok(content_type))
        return QN_E_INVAL;
    if (len > v->content_max - v->content_used)
        return QN_E_FULL;
    route *r = qc_alloc(sizeof *r);
    *r = (route){.methods = QN_HTTP_GET};
    memcpy(r->path, path, strlen(path) + 1);
    memcpy(r->content_type, content_type, strlen(content_type) + 1);
    if (qc_bytes_append(&r->content, content, len)) {
        route_free(r);
        return QN_E_NOMEM;
    }
    st = add_route(v->s, r);
    if (st == QN_OK)
        v->content_used += len;
    return st;
}

/* Under the lock. */
static void drop_route(http_state *v, size_t i)
{
    http_shared *s = v->s;
    route *r = s->route[i];
    s->route[i] = s->route[--s->n_route];
    v->content_used -= r->content.len;
    r->removed = true;
    if (r->n_pending == 0)
        route_free(r);
}

static qn_status http_remove(qn_cap *cap, const char *path)
{
    qn_status st = qc_cap_enter(cap);
    http_state *v = cap->state;
    if (st != QN_OK)
        return st;
    st = QN_E_NOTFOUND;
    pthread_mutex_lock(&v->s->lock);
    for (size_t i = 0; path && i < v->s->n_route; i++)
        if (strcmp(v->s->route[i]->path, path) == 0) {
            drop_route(v, i);
            st = QN_OK;
            break;
        }
    pthread_mutex_unlock(&v->s->lock);
    return st;
}

static bool status_ok(uint32_t status, uint64_t len)
{
    if (status < 200 || status > 599 || (status >= 300 && status < 400 && status != 304))
        return false;
    return (status != 204 && status != 304) || len == 0;
}

static qn_status http_reply(qn_cap *cap, uint64_t request, uint32_t status,
                            const char *content_type, const void *body, uint64_t len)
{
    qn_status st = qc_cap_enter(cap);
    http_state *v = cap->state;
    qc_bytes copy = QC_BYTES_INIT;
    if (st != QN_OK)
        return st;
    if (!content_type || !type_ok(content_type) || (!body && len) || len > REPLY_MAX ||
        !status_ok(status, len))
        return QN_E_INVAL;
    if (len && qc_bytes_append(&copy, body, (size_t)len))
        return QN_E_NOMEM;
    pthread_mutex_lock(&v->s->lock);
    pending *p = take(v->s, request);
    pthread_mutex_unlock(&v->s->lock);
    if (!p) {
        qc_bytes_free(&copy);
        return QN_E_CLOSED;
    }
    bool sent = qc_http_answer(p->call, (int)status, content_type, copy);
    pending_free(p);
    return sent ? QN_OK : QN_E_CLOSED;
}

static const qn_http_serve_1 TABLE = {.h = {sizeof(qn_http_serve_1), QN_HTTP_SERVE_1_REVISION},
                                      .add = http_add,
                                      .add_static = http_add_static,
                                      .remove = http_remove,
                                      .reply = http_reply};

/* ---- life ---- */

static bool name_of(const qn_cap *cap, char name[65])
{
    const char *id = cap->plugin->image.manifest.id, *last = strrchr(id, '.');
    if (!qc_cap_text(cap, "name", name, 65))
        snprintf(name, 65, "%s", last ? last + 1 : id);
    return qc_mount_name_ok(name, strlen(name));
}

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    http_state *v = qc_alloc(sizeof *v);
    qc_host *h = cap->plugin->host;
    if (!name_of(cap, v->name) || !h->o.mounts) {
        *why = h->o.mounts ? "a name is 1 to 64 of a-z, 0-9 and -" : "this node serves no HTTP";
        qc_free(v);
        return QC_EINVAL;
    }
    uint64_t body = qc_cap_number(cap, "body", 1000000);
    v->max_body = (size_t)(body < BODY_MAX ? body : BODY_MAX);
    v->content_max = qc_cap_number(cap, "content", 16000000);
    v->s = qc_alloc(sizeof *v->s);
    *v->s = (http_shared){.refs = 2, .plugin = cap->plugin, .open = true};
    pthread_mutex_init(&v->s->lock, NULL);
    const qc_http_handler handler = {.arg = v->s,
                                     .owner = cap->plugin->image.manifest.id,
                                     .is_public = qc_cap_flag(cap, "public"),
                                     .judge = judge,
                                     .serve = serve,
                                     .release = release};
    qc_err err = qc_http_mount_add(h->o.mounts, v->name, &handler);
    if (err) {
        *why = "another plugin serves that name; give name=... in the grant";
        shared_unref(v->s);
        shared_unref(v->s);
        qc_free(v);
        return err;
    }
    cap->state = v;
    return QC_OK;
}

/* Close the door, then answer whoever waits. */
static void adapter_quiesce(qn_cap *cap)
{
    http_state *v = cap->state;
    http_shared *s = v->s;
    qc_http_mount_remove(cap->plugin->host->o.mounts, v->name, s);
    pthread_mutex_lock(&s->lock);
    s->open = false;
    while (s->n_route)
        drop_route(v, s->n_route - 1);
    uint64_t id = s->pending ? s->pending->id : 0;
    pthread_mutex_unlock(&s->lock);
    while (id) {
        (void)take_and_answer(s, id, 503, "The plugin has stopped\n");
        pthread_mutex_lock(&s->lock);
        id = s->pending ? s->pending->id : 0;
        pthread_mutex_unlock(&s->lock);
    }
}

static void adapter_close(qn_cap *cap)
{
    http_state *v = cap->state;
    shared_unref(v->s);
    qc_free(v);
}

const qc_adapter QC_ADAPTER_HTTP_SERVE = {QN_HTTP_SERVE_1_ID, &TABLE, adapter_open, adapter_quiesce,
                                          adapter_close};
