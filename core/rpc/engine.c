/* JSON-RPC 1.x and 2.0 (Core httprpc.cpp ExecuteHTTPRPC, rpc/request.cpp, rpc/server.cpp): parse a
 * body, run its calls one after the other, write the reply while they run. A call that parks leaves
 * the thread; the job goes on where it stopped when the call is resumed. */
#include "core/rpc/engine.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/rpc/dup_key.h"
#include "core/rpc/request.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

/* What of the envelope the reply repeats. It lasts over the elements of a batch: an element that is
 * no object is answered with those of the one before, as in Core. */
typedef struct envelope {
    bool v2;
    bool has_id;
    json_t *id; /* owned reference; NULL stands for null */
} envelope;

/* State of the reply where an answer begins. */
typedef struct answer_mark {
    size_t len;
    uint32_t depth;
    bool comma;
} answer_mark;

typedef struct rpc_job {
    qc_rpc_engine *engine;
    qc_rpc_call call;
    json_t *root;
    bool twice; /* an object of it had a key twice */
    bool batch;
    size_t next;
    size_t text_at; /* with twice: where the next call's text begins */
    envelope env;
    qc_jw reply;
    answer_mark mark;
    int status;
    size_t answers; /* batch elements answered */
} rpc_job;

struct qc_rpc_engine {
    qc_rpc_registry *registry;
    qc_rpc_pool *pool;
    unsigned queue;
    _Atomic bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t pending;
    char *warmup; /* NULL: over */
    qc_rpc_req *active_first, *active_last;
};

/* ---- small things requests ask for ---- */
qc_rpc_pool *qc_rpc_engine_pool(qc_rpc_engine *e)
{
    return e->pool;
}
bool qc_rpc_engine_stopping(const qc_rpc_engine *e)
{
    return atomic_load(&e->stopping);
}
qc_rpc_registry *qc_rpc_engine_registry(const qc_rpc_engine *e)
{
    return e->registry;
}
const char *qc_rpc_job_user(const rpc_job *j)
{
    return j->call.user;
}
const char *qc_rpc_job_peer(const rpc_job *j)
{
    return j->call.peer;
}

/* ---- active calls ---- */
static void active_add(qc_rpc_req *r)
{
    qc_rpc_engine *e = r->engine;
    pthread_mutex_lock(&e->lock);
    r->prev = e->active_last;
    if (e->active_last)
        e->active_last->next = r;
    else
        e->active_first = r;
    e->active_last = r;
    pthread_mutex_unlock(&e->lock);
}

static void active_remove(qc_rpc_req *r)
{
    qc_rpc_engine *e = r->engine;
    pthread_mutex_lock(&e->lock);
    if (r->prev)
        r->prev->next = r->next;
    else
        e->active_first = r->next;
    if (r->next)
        r->next->prev = r->prev;
    else
        e->active_last = r->prev;
    pthread_mutex_unlock(&e->lock);
}

void qc_rpc_each_active(qc_rpc_req *r, void (*fn)(void *arg, const char *method, int64_t us),
                        void *arg)
{
    qc_rpc_engine *e = r->engine;
    qc_mono now = qc_clock_mono();
    pthread_mutex_lock(&e->lock);
    for (qc_rpc_req *a = e->active_first; a; a = a->next)
        fn(arg, a->name, (now - a->started) / 1000);
    pthread_mutex_unlock(&e->lock);
}

/* ---- replies ---- */
static void open_reply(rpc_job *j, const char *member)
{
    qc_jw_obj(&j->reply);
    if (j->env.v2)
        qc_jw_kstr(&j->reply, "jsonrpc", "2.0");
    if (!j->env.v2 && strcmp(member, "error") == 0)
        qc_jw_knull(&j->reply, "result");
    qc_jw_key(&j->reply, member);
}

static void close_reply(rpc_job *j, bool was_result)
{
    if (!j->env.v2 && was_result)
        qc_jw_knull(&j->reply, "error");
    if (j->env.has_id)
        qc_jw_kjson(&j->reply, "id", j->env.id);
    qc_jw_obj_end(&j->reply);
    j->answers++;
}

static void write_error(rpc_job *j, int code, const char *message)
{
    open_reply(j, "error");
    qc_jw_obj(&j->reply);
    qc_jw_kint(&j->reply, "code", code);
    qc_jw_kstr(&j->reply, "message", message);
    qc_jw_obj_end(&j->reply);
    close_reply(j, false);
}

/* Remember where an answer begins, and forget what was written of it since. */
static void set_mark(rpc_job *j)
{
    j->mark = (answer_mark){j->reply.out.len, j->reply.depth, j->reply.comma};
}

static void rewind_to_mark(rpc_job *j)
{
    j->reply.out.len = j->mark.len;
    j->reply.depth = j->mark.depth;
    j->reply.comma = j->mark.comma;
    j->reply.failed = false;
}

/* A single 1.x request that fails, or one that could not be read, also fails as HTTP. */
static int status_of(int code)
{
    if (code == QC_RPC_INVALID_REQUEST)
        return 400;
    return code == QC_RPC_METHOD_NOT_FOUND ? 404 : 500;
}

static bool is_notification(const rpc_job *j)
{
    return j->env.v2 && !j->env.has_id;
}

static void job_done(rpc_job *j)
{
    qc_rpc_engine *e = j->engine;
    /* Nothing is said to a notification, nor to somebody who may not call. */
    if (j->status == 204 || j->status == 403)
        qc_jw_clear(&j->reply);
    else if (j->reply.failed || qc_bytes_append(&j->reply.out, "\n", 1))
        j->status = 500;
    if (j->reply.failed)
        qc_jw_clear(&j->reply);
    j->call.done(j->call.arg, j->status, j->reply.out);
    json_decref(j->root);
    json_decref(j->env.id);
    qc_free(j);
    pthread_mutex_lock(&e->lock);
    if (--e->pending == 0)
        pthread_cond_broadcast(&e->idle);
    pthread_mutex_unlock(&e->lock);
}

static void job_fail(rpc_job *j, int code, const char *message)
{
    write_error(j, code, message);
    j->status = status_of(code);
    job_done(j);
}

/* ---- one call ---- */
static const char *parse_version(envelope *env, const json_t *v)
{
    env->v2 = false;
    if (!v || json_is_null(v))
        return NULL;
    if (!json_is_string(v))
        return "jsonrpc field must be a string";
    env->v2 = strcmp(json_string_value(v), "2.0") == 0;
    if (!env->v2 && strcmp(json_string_value(v), "1.0") != 0)
        return "JSON-RPC version not supported";
    return NULL;
}

/* Read what the reply repeats and what is to be called. Returns NULL, or what is wrong. */
static const char *parse_request(rpc_job *j, const json_t *q, const char **method,
                                 const json_t **params)
{
    if (!json_is_object(q))
        return "Invalid Request object";
    /* The id first: errors from here on carry it. */
    json_t *id = json_object_get(q, "id");
    json_decref(j->env.id);
    j->env.id = json_incref(id);
    j->env.has_id = id != NULL;
    const char *bad = parse_version(&j->env, json_object_get(q, "jsonrpc"));
    if (bad)
        return bad;
    const json_t *m = json_object_get(q, "method");
    if (!m || json_is_null(m))
        return "Missing method";
    if (!json_is_string(m))
        return "Method must be a string";
    *method = json_string_value(m);
    *params = json_object_get(q, "params");
    if (*params && !json_is_array(*params) && !json_is_object(*params) && !json_is_null(*params))
        return "Params must be an array or object";
    return NULL;
}

/* What may be put on a log line of what a client sent (Core SanitizeString). */
static void sanitize(const char *in, char *out, size_t cap)
{
    size_t n = 0;
    for (; *in && n + 1 < cap; in++)
        if (isalnum((unsigned char)*in) || strchr(" .,;-_/:?@()", *in))
            out[n++] = *in;
    out[n] = 0;
}

static void log_call(const rpc_job *j, const char *method)
{
    char m[128], id[128] = "";
    if (!qc_log_enabled(QC_LOG_DEBUG, "rpc"))
        return;
    sanitize(method, m, sizeof m);
    if (json_is_string(j->env.id))
        sanitize(json_string_value(j->env.id), id, sizeof id);
    else if (json_is_integer(j->env.id))
        snprintf(id, sizeof id, "%" JSON_INTEGER_FORMAT, json_integer_value(j->env.id));
    qc_log(QC_LOG_DEBUG, "rpc", "ThreadRPCServer method=%s user=%s id=%s", m, j->call.user, id);
}

static qc_rpc_req *req_new(rpc_job *j, const char *method, const json_t *params)
{
    qc_rpc_req *r = qc_alloc(sizeof *r);
    r->engine = j->engine;
    r->job = j;
    r->name = qc_strdup(method);
    r->sent = json_incref((json_t *)(uintptr_t)(json_is_null(params) ? NULL : params));
    r->out = &j->reply;
    r->started = qc_clock_mono();
    qc_rpc_ticket_begin(r);
    qc_rpc_count_begin(r->engine->registry);
    active_add(r);
    return r;
}

static void req_free(qc_rpc_req *r)
{
    active_remove(r);
    qc_rpc_count_end(r->engine->registry, r->failed);
    qc_rpc_ticket_end(r);
    qc_rpc_entry_unref(r->entry);
    json_decref(r->sent);
    json_decref(r->params);
    qc_free(r->message);
    qc_free(r->dup_key);
    qc_free(r->name);
    qc_free(r);
}

/* The call's parameters as positions, checked. False: the request has failed. */
bool qc_rpc_prepare(qc_rpc_req *r)
{
    const qc_rpc_method *m = &r->entry->m;
    if (m->raw_params)
        return true;
    if (json_is_object(r->sent)) {
        if (!qc_rpc_resolve_names(r, m->params, r->sent, r->dup_key, &r->params))
            return false;
    } else {
        r->params = r->sent ? json_incref(r->sent) : json_array();
    }
    if (!qc_rpc_arity_ok(m->params, json_array_size(r->params))) {
        char *help = qc_rpc_method_help(r->entry);
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "%s", help);
        qc_free(help);
        return false;
    }
    return qc_rpc_check_types(r, m->params, r->params);
}

static bool in_warmup(qc_rpc_req *r)
{
    qc_rpc_engine *e = r->engine;
    pthread_mutex_lock(&e->lock);
    bool warm = e->warmup == NULL;
    if (!warm)
        qc_rpc_fail(r, QC_RPC_IN_WARMUP, "%s", e->warmup);
    pthread_mutex_unlock(&e->lock);
    return !warm;
}

/* True: it parked. */
static bool execute(qc_rpc_req *r)
{
    if (in_warmup(r))
        return false;
    r->entry = qc_rpc_entry_get(r->engine->registry, r->name);
    if (!r->entry) {
        qc_rpc_again(r, r->engine->registry);
        return qc_rpc_settle(r);
    }
    if (!qc_rpc_prepare(r))
        return false;
    r->entry->m.fn(r, r->entry->arg);
    return qc_rpc_settle(r);
}

/* Write what became of a call, and free it. */
static void finish_call(qc_rpc_req *r)
{
    rpc_job *j = r->job;
    qc_jw *w = &j->reply;
    if (!r->failed && w->failed)
        qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    if (!r->failed && w->out.len == r->mark)
        qc_jw_null(w);
    if (!r->failed && QC_BUG(w->depth != j->mark.depth + 1))
        qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR, "Internal bug: %s left its result open", r->name);
    if (is_notification(j)) {
        rewind_to_mark(j);
        if (!j->batch)
            j->status = 204;
    } else if (r->failed) {
        rewind_to_mark(j);
        write_error(j, r->code, r->message);
        if (!j->batch && !j->env.v2)
            j->status = status_of(r->code);
    } else {
        close_reply(j, true);
    }
    req_free(r);
}

/* What the parser lost of this call: of each of a batch alone. */
static char *take_dup_key(rpc_job *j)
{
    const qc_span body = qc_span_of(j->call.body, j->call.len);
    if (!j->twice)
        return NULL;
    return qc_rpc_find_dup_key(j->batch ? qc_rpc_next_call(body, &j->text_at) : body);
}

/* True: it parked; somebody else goes on. */
static bool start_call(rpc_job *j, const json_t *q, QC_OWN char *dup_key)
{
    const char *method = NULL;
    const json_t *params = NULL;
    set_mark(j);
    const char *bad = parse_request(j, q, &method, &params);
    if (bad) {
        qc_free(dup_key);
        if (!j->batch)
            j->status = status_of(QC_RPC_INVALID_REQUEST);
        if (!j->batch || !is_notification(j))
            write_error(j, QC_RPC_INVALID_REQUEST, bad);
        return false;
    }
    log_call(j, method);
    if (!j->batch && j->call.access) {
        bool has_list, deny;
        j->call.access->user(j->call.access->arg, j->call.user, &has_list, &deny);
        if (has_list && !j->call.access->allows(j->call.access->arg, j->call.user, method)) {
            qc_log(QC_LOG_WARN, "rpc", "RPC User %s not allowed to call method %s", j->call.user,
                   method);
            qc_free(dup_key);
            j->status = 403;
            return false;
        }
    }
    qc_rpc_req *r = req_new(j, method, params);
    r->dup_key = dup_key;
    open_reply(j, "result");
    r->mark = j->reply.out.len;
    if (execute(r))
        return true;
    finish_call(r);
    return false;
}

/* ---- the job ---- */
static void job_step(rpc_job *j)
{
    if (!j->batch) {
        if (j->next++ == 0 && start_call(j, j->root, take_dup_key(j)))
            return;
        job_done(j);
        return;
    }
    size_t n = json_array_size(j->root);
    while (j->next < n)
        if (start_call(j, json_array_get(j->root, j->next++), take_dup_key(j)))
            return;
    qc_jw_arr_end(&j->reply);
    /* A batch of notifications gets no answer; an empty batch gets an empty one. */
    if (j->answers == 0 && n > 0)
        j->status = 204;
    job_done(j);
}

void qc_rpc_job_continue(qc_rpc_req *r)
{
    rpc_job *j = r->job;
    finish_call(r);
    job_step(j);
}

static json_t *parse_body(rpc_job *j)
{
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    json_error_t err;
    json_t *v = json_loadb(j->call.body, j->call.len, flags, &err);
    /* Neither makes it invalid: who wants an integer refuses one beyond 64 bits. Whichever comes
     * first is found first. */
    while (!v) {
        const enum json_error_code why = json_error_code(&err);
        if (why == json_error_duplicate_key && flags & JSON_REJECT_DUPLICATES) {
            flags &= ~(size_t)JSON_REJECT_DUPLICATES;
            j->twice = true;
        } else if (why == json_error_numeric_overflow && !(flags & JSON_DECODE_INT_AS_REAL)) {
            flags |= JSON_DECODE_INT_AS_REAL;
        } else {
            break;
        }
        v = json_loadb(j->call.body, j->call.len, flags, &err);
    }
    return v;
}

/* With a whitelist, one forbidden method forbids the batch. True: the job has ended. */
static bool batch_refused(rpc_job *j)
{
    const qc_rpc_access *a = j->call.access;
    size_t i;
    json_t *q;
    json_array_foreach(j->root, i, q)
    {
        const json_t *m = json_object_get(q, "method");
        if (!json_is_object(q)) {
            job_fail(j, QC_RPC_INVALID_REQUEST, "Invalid Request object");
            return true;
        }
        if (!json_is_string(m)) {
            char *text = qc_asprintf("JSON value of type %s is not of expected type string",
                                     qc_rpc_type_name(m));
            job_fail(j, QC_RPC_PARSE_ERROR, text);
            qc_free(text);
            return true;
        }
        if (!a->allows(a->arg, j->call.user, json_string_value(m))) {
            qc_log(QC_LOG_WARN, "rpc", "RPC User %s not allowed to call method %s", j->call.user,
                   json_string_value(m));
            j->status = 403;
            job_done(j);
            return true;
        }
    }
    return false;
}

static void job_begin(void *arg)
{
    rpc_job *j = arg;
    bool has_list = false, deny = false;
    j->status = 200;
    j->env.has_id = true; /* null, until a request says otherwise */
    j->root = parse_body(j);
    if (!j->root) {
        job_fail(j, QC_RPC_PARSE_ERROR, "Parse error");
        return;
    }
    if (j->call.access)
        j->call.access->user(j->call.access->arg, j->call.user, &has_list, &deny);
    if (!has_list && deny) {
        qc_log(QC_LOG_WARN, "rpc", "RPC User %s not allowed to call any methods", j->call.user);
        j->status = 403;
        job_done(j);
        return;
    }
    if (!json_is_object(j->root) && !json_is_array(j->root)) {
        job_fail(j, QC_RPC_PARSE_ERROR, "Top-level object parse error");
        return;
    }
    j->batch = json_is_array(j->root);
    if (j->batch && has_list && batch_refused(j))
        return;
    if (j->batch)
        qc_jw_arr(&j->reply);
    job_step(j);
}

bool qc_rpc_engine_submit(qc_rpc_engine *e, const qc_rpc_call *c)
{
    rpc_job *j = qc_alloc(sizeof *j);
    j->engine = e;
    j->call = *c;
    pthread_mutex_lock(&e->lock);
    e->pending++;
    pthread_mutex_unlock(&e->lock);
    if (qc_rpc_pool_post(e->pool, job_begin, j, e->queue))
        return true;
    pthread_mutex_lock(&e->lock);
    e->pending--;
    pthread_mutex_unlock(&e->lock);
    qc_free(j);
    return false;
}

/* ---- the engine ---- */
qc_err qc_rpc_engine_new(qc_rpc_engine **out, qc_rpc_registry *g, unsigned threads, unsigned queue)
{
    qc_rpc_engine *e = qc_alloc(sizeof *e);
    e->registry = g;
    e->queue = queue;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->idle, NULL);
    e->warmup = qc_strdup("RPC server started");
    qc_err err = qc_rpc_pool_new(&e->pool, threads);
    if (err) {
        qc_rpc_engine_free(e);
        e = NULL;
    }
    *out = e;
    return err;
}

void qc_rpc_engine_interrupt(qc_rpc_engine *e)
{
    atomic_store(&e->stopping, true);
    size_t n = 0, cap = 0;
    qc_rpc_ticket **parked = NULL;
    pthread_mutex_lock(&e->lock);
    for (qc_rpc_req *r = e->active_first; r; r = r->next)
        cap++;
    parked = qc_alloc((cap + 1) * sizeof(qc_rpc_ticket *));
    for (qc_rpc_req *r = e->active_first; r; r = r->next)
        parked[n++] = qc_rpc_ticket_take(r);
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        qc_rpc_force(parked[i], QC_RPC_SHUTDOWN);
        qc_rpc_ticket_unref(parked[i]);
    }
    qc_free(parked);
}

void qc_rpc_engine_drain(qc_rpc_engine *e)
{
    pthread_mutex_lock(&e->lock);
    while (e->pending)
        pthread_cond_wait(&e->idle, &e->lock);
    pthread_mutex_unlock(&e->lock);
}

void qc_rpc_engine_free(qc_rpc_engine *e)
{
    if (!e)
        return;
    if (e->pool) {
        qc_rpc_engine_interrupt(e);
        qc_rpc_engine_drain(e);
        qc_rpc_pool_stop(e->pool);
    }
    pthread_cond_destroy(&e->idle);
    pthread_mutex_destroy(&e->lock);
    qc_free(e->warmup);
    qc_free(e);
}

bool qc_rpc_engine_warming(qc_rpc_engine *e, char *text, size_t cap)
{
    pthread_mutex_lock(&e->lock);
    bool warming = e->warmup != NULL;
    if (warming)
        snprintf(text, cap, "%s", e->warmup);
    pthread_mutex_unlock(&e->lock);
    return warming;
}

void qc_rpc_engine_warmup(qc_rpc_engine *e, const char *text)
{
    pthread_mutex_lock(&e->lock);
    qc_free(e->warmup);
    e->warmup = text ? qc_strdup(text) : NULL;
    pthread_mutex_unlock(&e->lock);
}
