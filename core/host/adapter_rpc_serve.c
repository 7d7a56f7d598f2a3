/* rpc.serve/1: a plugin's methods in the node's registry. A call arrives on an rpc thread, is
 * parked, is served on the plugin's loop, and wakes up with the answer or at its deadline. */
#include "core/host/granted_names.h"
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "core/base/clock.h"
#include "core/base/log.h"

#include "lib/rpc_args.h"
#include "quoin/rpc_serve.h"

#include <jansson.h>
#include <stdio.h>

#define METHODS_MAX 256u
#define HELP_MAX (16u << 10)
#define REPLY_MAX ((uint64_t)64 << 20)
#define TIMEOUT_DEFAULT 30000u
#define TIMEOUT_MAX 3600000u
#define PENDING_DEFAULT 64u
#define PENDING_MAX 1024u

/* What the plugin's side and the rpc side share; whichever is last frees it. */
typedef struct rpc_shared {
    pthread_mutex_t lock;
    unsigned refs; /* under the lock */
    qc_plugin *plugin;
    bool open;              /* calls may be posted to the plugin */
    qc_rpc_registry *moved; /* who has the names now serves what came too late; NULL: nobody */
    struct pending *pending;
    uint64_t next_id;
} rpc_shared;

typedef struct method {
    rpc_shared *s;
    char *name, *arg_names, *help;
    qn_rpc_range n_args;
    uint32_t timeout_ms, max_pending, n_pending; /* n_pending under s->lock */
    size_t bytes;                                /* of those; under s->lock */
    qn_rpc_handler_fn *handler;
    void *arg;
    bool removed; /* under s->lock */
} method;

/* One call that waits. Owned by the rpc side until its resumption. */
typedef struct pending {
    struct pending *next;
    rpc_shared *s;
    method *m;
    uint64_t id;
    char *params;
    size_t bytes; /* of them */
    qc_mono deadline;
    qc_rpc_ticket *ticket;
    bool answered, failed;
    int code;
    char *message;
    qc_bytes result;
} pending;

typedef struct serve_state {
    rpc_shared *s;
    qc_granted_names granted;
    method *method[METHODS_MAX]; /* borrowed: the registry holds them */
    size_t n_method;
} serve_state;

static void shared_unref(rpc_shared *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&s->lock);
    qc_free(s);
}

static void shared_ref(rpc_shared *s)
{
    pthread_mutex_lock(&s->lock);
    s->refs++;
    pthread_mutex_unlock(&s->lock);
}

/* The registry let the method go: its last call has ended. */
static void method_release(void *arg)
{
    method *m = arg;
    shared_unref(m->s);
    qc_free(m->name);
    qc_free(m->arg_names);
    qc_free(m->help);
    qc_free(m);
}

/* ---- rpc threads ---- */

static pending *unlink_pending(rpc_shared *s, pending *p)
{
    for (pending **at = &s->pending; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            p->m->n_pending--;
            p->m->bytes -= p->bytes;
            return p;
        }
    return NULL;
}

static void pending_free(pending *p)
{
    qc_rpc_ticket_unref(p->ticket);
    qc_free(p->params);
    qc_free(p->message);
    qc_bytes_free(&p->result);
    qc_free(p);
}

static void resume(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    pending *p = arg;
    rpc_shared *s = p->s;
    pthread_mutex_lock(&s->lock);
    qc_mono left = p->deadline - qc_clock_mono();
    if (why == QC_RPC_WOKEN && !p->answered && s->open && left > 0) {
        /* Woken by what it waited for before it came to this plugin. */
        pthread_mutex_unlock(&s->lock);
        qc_rpc_park(r, left / 1000000 + 1, resume, p);
        return;
    }
    (void)unlink_pending(s, p); /* from here on the plugin cannot reach it */
    qc_rpc_registry *moved =
        p->params ? s->moved : NULL; /* what it never saw may be served again */
    pthread_mutex_unlock(&s->lock);
    if (moved && !p->answered && why == QC_RPC_WOKEN)
        qc_rpc_again(r, moved);
    else if (p->answered && p->failed)
        (void)qc_rpc_fail(r, p->code, "%s", p->message);
    else if (p->answered)
        qc_jw_raw(qc_rpc_out(r), (const char *)p->result.data, p->result.len);
    else if (why == QC_RPC_SHUTDOWN)
        (void)qc_rpc_fail(r, QC_RPC_CLIENT_NOT_CONNECTED, "Shutting down");
    else if (why == QC_RPC_TIMEOUT)
        (void)qc_rpc_fail(r, QC_RPC_MISC_ERROR, "The plugin did not answer %s in %u ms", p->m->name,
                          p->m->timeout_ms);
    else
        (void)qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR, "The plugin that serves %s has stopped",
                          p->m->name);
    pending_free(p);
}

static int position(const char *arg_names, const char *name)
{
    return qn_rpc_arg_at(arg_names, name, strlen(name));
}

/* "args", unless the method has one of its own: the first positions, as the node's own methods. */
static json_t *first_args(const method *m, const json_t *named)
{
    const json_t *args = json_object_get(named, "args");
    bool given = json_is_array(args) && position(m->arg_names, "args") < 0;
    return given ? json_copy((json_t *)(uintptr_t)args) : json_array();
}

static bool take_named(qc_rpc_req *r, const method *m, json_t *out, size_t n_first, const char *key,
                       json_t *v)
{
    const int at = position(m->arg_names, key);
    if (at < 0 && strcmp(key, "args") == 0)
        return true;
    if (at < 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Unknown named parameter %s", key);
    if ((size_t)at < n_first)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Parameter %s specified twice both as positional and named argument",
                           key);
    while (json_array_size(out) <= (size_t)at)
        json_array_append_new(out, json_null());
    if (!json_is_null(json_array_get(out, (size_t)at)))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Parameter %s specified multiple times",
                           key);
    json_array_set(out, (size_t)at, v);
    return true;
}

/* As Core's transformNamedArguments: by position, holes are null. */
static json_t *by_position(qc_rpc_req *r, const method *m, const json_t *named)
{
    json_t *out = first_args(m, named), *v;
    const size_t n_first = json_array_size(out);
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)named, key, v)
    {
        if (!take_named(r, m, out, n_first, key, v)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* Of a key that was there twice the parser kept one value: the plugin would be asked for something
 * else than was meant, and could not know. */
static bool refused_twice(qc_rpc_req *r, const json_t *raw)
{
    const char *twice = qc_rpc_dup_key(r);
    if (!twice)
        return false;
    if (*twice && json_object_get(raw, twice))
        (void)qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Parameter %s specified multiple times",
                          twice);
    else
        (void)qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, duplicated key%s%s",
                          *twice ? ": " : "", twice);
    return true;
}

/* Out: *out, to be given back: json_decref(); NULL: there are none. */
static bool take_params(qc_rpc_req *r, const method *m, json_t **out)
{
    const json_t *raw = qc_rpc_raw_params(r);
    *out = NULL;
    if (refused_twice(r, raw))
        return false;
    if (json_is_object(raw) && !(*out = by_position(r, m, raw)))
        return false;
    if (json_is_array(raw))
        *out = json_incref((json_t *)(uintptr_t)raw);
    /* As the node's own methods. */
    const size_t n = json_array_size(*out);
    if (n >= m->n_args.least && n <= m->n_args.most)
        return true;
    json_decref(*out);
    return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "%s", m->help);
}

static char *params_text(qc_rpc_req *r, const method *m)
{
    json_t *array;
    qc_jw w = QC_JW_INIT;
    if (!take_params(r, m, &array))
        return NULL;
    if (array) {
        qc_jw_json(&w, array);
        json_decref(array);
    } else {
        qc_jw_arr(&w);
        qc_jw_arr_end(&w);
    }
    char *text = NULL;
    if (qc_jw_ok(&w)) {
        text = qc_try_malloc(w.out.len + 1);
        if (text) {
            memcpy(text, w.out.data, w.out.len);
            text[w.out.len] = 0;
        }
    }
    qc_jw_clear(&w);
    if (!text)
        (void)qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    return text;
}

/* What goes to the plugin's loop: found again by id, for the call may have ended meanwhile. */
typedef struct delivery {
    rpc_shared *s;
    uint64_t id;
    qc_plugin *plugin;
    size_t bytes; /* as counted by qc_plugin_ask_begin() */
} delivery;

static void deliver(void *arg);

static void on_call(qc_rpc_req *r, void *arg)
{
    method *m = arg;
    rpc_shared *s = m->s;
    char *params = params_text(r, m);
    if (!params)
        return;
    pending *p = qc_alloc(sizeof *p);
    *p = (pending){.s = s, .m = m, .params = params, .ticket = qc_rpc_ticket_take(r)};
    p->deadline = qc_clock_mono() + (qc_mono)m->timeout_ms * 1000000;
    delivery *d = qc_alloc(sizeof *d);
    p->bytes = strlen(params);
    pthread_mutex_lock(&s->lock);
    qc_rpc_registry *moved = s->moved;
    bool open = s->open && !m->removed, room = open && m->n_pending < m->max_pending &&
                                               qc_plugin_ask_begin(s->plugin, p->bytes, m->bytes);
    if (room) {
        p->id = ++s->next_id;
        p->next = s->pending;
        s->pending = p;
        m->n_pending++;
        m->bytes += p->bytes;
        s->refs++;
        *d = (delivery){s, p->id, s->plugin, p->bytes};
        /* Under the lock: quiesce() closes the door before the loop goes away. */
        qc_loop_post(s->plugin->loop, deliver, d);
    }
    pthread_mutex_unlock(&s->lock);
    if (room) {
        qc_rpc_park(r, m->timeout_ms, resume, p);
        return;
    }
    qc_free(d);
    pending_free(p);
    if (!open && moved) {
        qc_rpc_again(r, moved);
        return;
    }
    (void)qc_rpc_fail(r, open ? QC_RPC_LIMIT_EXCEEDED : QC_RPC_INTERNAL_ERROR,
                      open ? "Too many calls of %s wait for the plugin"
                           : "The plugin that serves %s has stopped",
                      m->name);
}

/* ---- the plugin's loop ---- */

static pending *find_pending(rpc_shared *s, uint64_t id)
{
    for (pending *p = s->pending; p; p = p->next)
        if (p->id == id && !p->answered)
            return p;
    return NULL;
}

static void deliver(void *arg)
{
    delivery *d = arg;
    qn_rpc_request q = {.size = sizeof q, .request = d->id};
    char *params = NULL;
    qn_rpc_handler_fn *handler = NULL;
    void *handler_arg = NULL;
    pthread_mutex_lock(&d->s->lock);
    pending *p = find_pending(d->s, d->id);
    if (p && !atomic_load(&d->plugin->handing_over)) { /* else it is for the one that comes */
        qc_mono left = (p->deadline - qc_clock_mono()) / 1000000;
        q.timeout_ms = left > 0 ? (uint32_t)left : 0;
        params = p->params;
        p->params = NULL;
        handler = p->m->handler;
        handler_arg = p->m->arg;
    }
    pthread_mutex_unlock(&d->s->lock);
    if (handler && d->plugin->callable)
        handler(handler_arg, &q, params, (uint32_t)strlen(params));
    qc_free(params);
    qc_plugin_ask_end(d->plugin, d->bytes);
    shared_unref(d->s);
    qc_free(d);
}

static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    return n >= 1 && n <= QC_METHOD_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._") == n;
}

static bool limits_of(const qn_rpc_method *o, uint32_t *timeout, uint32_t *pending_max)
{
    qn_rpc_method have = {.size = sizeof have};
    if (o) {
        if (o->size < 8)
            return false;
        memcpy(&have, o, o->size < sizeof have ? o->size : sizeof have);
    }
    *timeout = have.set & QN_SET_RPC_METHOD_TIMEOUT_MS ? have.timeout_ms : TIMEOUT_DEFAULT;
    *pending_max = have.set & QN_SET_RPC_METHOD_MAX_PENDING ? have.max_pending : PENDING_DEFAULT;
    return *timeout >= 1 && *timeout <= TIMEOUT_MAX && *pending_max >= 1 &&
           *pending_max <= PENDING_MAX;
}

static qn_status serve_add(qn_cap *cap, const qn_rpc_method *limits, const char *name,
                           const char *arg_names, const char *help, qn_rpc_handler_fn *handler,
                           void *arg)
{
    qn_status st = qc_cap_enter(cap);
    serve_state *v = cap->state;
    uint32_t timeout, max;
    if (st != QN_OK)
        return st;
    if (!name || !arg_names || !help || !handler || !name_ok(name) || strlen(help) > HELP_MAX ||
        strlen(arg_names) > 1024 || !limits_of(limits, &timeout, &max))
        return QN_E_INVAL;
    if (!qc_granted_names_have(&v->granted, name))
        return QN_E_DENIED;
    bool exact = qc_granted_names_exact(&v->granted, name); /* it may be one of the node's own */
    if (v->n_method == METHODS_MAX)
        return QN_E_LIMIT;
    method *m = qc_alloc(sizeof *m);
    *m = (method){.s = v->s,
                  .name = qc_strdup(name),
                  .arg_names = qc_strdup(arg_names),
                  .help = qc_strdup(help),
                  .n_args = qn_rpc_args(name, arg_names, help),
                  .timeout_ms = timeout,
                  .max_pending = max,
                  .handler = handler,
                  .arg = arg};
    shared_ref(v->s);
    qc_rpc_registry *g = cap->plugin->host->o.registry;
    qc_clean_lines(m->help); /* as reply_error() */
    qc_err err =
        exact ? qc_rpc_register_in_front(g, "plugins", name, m->help, on_call, m, method_release)
              : qc_rpc_register_dynamic(g, "plugins", name, m->help, on_call, m, method_release);
    if (err) {
        method_release(m);
        return QN_E_EXISTS;
    }
    v->method[v->n_method++] = m;
    return QN_OK;
}

/* After this m may be gone. On a reload the name is kept for the one that comes. */
static void withdraw(qn_cap *cap, method *m)
{
    qc_rpc_registry *g = cap->plugin->host->o.registry;
    pthread_mutex_lock(&m->s->lock);
    m->removed = true;
    pthread_mutex_unlock(&m->s->lock);
    if (!cap->plugin->handing_over || qc_rpc_hold(g, m->name, cap->plugin->label))
        (void)!qc_rpc_unregister(g, m->name);
}

static qn_status serve_remove(qn_cap *cap, const char *name)
{
    serve_state *v = cap->state;
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    for (size_t i = 0; name && i < v->n_method; i++)
        if (strcmp(v->method[i]->name, name) == 0) {
            method *m = v->method[i];
            v->method[i] = v->method[--v->n_method];
            withdraw(cap, m);
            return QN_OK;
        }
    return QN_E_NOTFOUND;
}

/* Answer p under the lock; its rpc thread does the rest. */
static void answered(pending *p)
{
    p->answered = true;
    qc_rpc_wake(p->ticket);
}

static qn_status serve_reply(qn_cap *cap, uint64_t request, const char *result, uint64_t result_len)
{
    qn_status st = qc_cap_enter(cap);
    serve_state *v = cap->state;
    qc_bytes copy = QC_BYTES_INIT;
    if (st != QN_OK)
        return st;
    if (!result || result_len == 0 || result_len > REPLY_MAX)
        return QN_E_INVAL;
    /* A reply is foreign text: one value, nothing behind it, or the whole batch would be broken. */
    json_t *value = json_loadb(result, (size_t)result_len, JSON_DECODE_ANY, NULL);
    if (!value)
        return QN_E_INVAL;
    json_decref(value);
    if (qc_bytes_append(&copy, result, (size_t)result_len))
        return QN_E_NOMEM;
    pthread_mutex_lock(&v->s->lock);
    pending *p = find_pending(v->s, request);
    if (p) {
        p->result = copy;
        answered(p);
    }
    pthread_mutex_unlock(&v->s->lock);
    if (!p)
        qc_bytes_free(&copy);
    return p ? QN_OK : QN_E_CLOSED;
}

static qn_status serve_reply_error(qn_cap *cap, uint64_t request, int32_t code, const char *message,
                                   uint32_t message_len)
{
    qn_status st = qc_cap_enter(cap);
    serve_state *v = cap->state;
    if (st != QN_OK)
        return st;
    if (!message || message_len > 1024 || code == 0)
        return QN_E_INVAL;
    json_t *text = json_stringn(message, message_len); /* refuses what is no UTF-8 */
    if (!text)
        return QN_E_INVAL;
    json_decref(text);
    pthread_mutex_lock(&v->s->lock);
    pending *p = find_pending(v->s, request);
    if (p) {
        p->message = qc_asprintf("%.*s", (int)message_len, message);
        qc_clean_lines(p->message); /* clients print it as it is */
        p->code = code;
        p->failed = true;
        answered(p);
    }
    pthread_mutex_unlock(&v->s->lock);
    return p ? QN_OK : QN_E_CLOSED;
}

static const qn_rpc_serve_1 TABLE = {.h = {sizeof(qn_rpc_serve_1), QN_RPC_SERVE_1_REVISION},
                                     .add = serve_add,
                                     .remove = serve_remove,
                                     .reply = serve_reply,
                                     .reply_error = serve_reply_error};

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    (void)why;
    serve_state *v = qc_alloc(sizeof *v);
    v->s = qc_alloc(sizeof *v->s);
    pthread_mutex_init(&v->s->lock, NULL);
    v->s->refs = 1;
    v->s->plugin = cap->plugin;
    v->s->open = true;
    qc_granted_names_read(&v->granted, cap->params);
    cap->state = v;
    return QC_OK;
}

/* Close the door, then answer whoever waits. */
static void adapter_quiesce(qn_cap *cap)
{
    serve_state *v = cap->state;
    pthread_mutex_lock(&v->s->lock);
    v->s->moved = cap->plugin->handing_over ? cap->plugin->host->o.registry : NULL;
    pthread_mutex_unlock(&v->s->lock);
    while (v->n_method)
        withdraw(cap, v->method[--v->n_method]);
    pthread_mutex_lock(&v->s->lock);
    v->s->open = false;
    for (pending *p = v->s->pending; p; p = p->next)
        if (!p->answered)
            qc_rpc_wake(p->ticket);
    pthread_mutex_unlock(&v->s->lock);
}

static void adapter_close(qn_cap *cap)
{
    serve_state *v = cap->state;
    shared_unref(v->s);
    qc_free(v);
}

const qc_adapter QC_ADAPTER_RPC_SERVE = {QN_RPC_SERVE_1_ID, &TABLE, adapter_open, adapter_quiesce,
                                         adapter_close};
