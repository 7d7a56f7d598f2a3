/* What is mounted below /p/: which requests go there, handing them over, and their end. */
#include "core/rpc/exchange.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

#include <sched.h>
#include <stdio.h>
#include <strings.h>

void qc_http_judge_password(exchange *x)
{
    const char *header = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Authorization");
    if (!header) {
        x->status = 401;
    } else if (!qc_rpc_auth_check(x->server->auth, header, &x->user)) {
        qc_log(QC_LOG_WARN, "rpc", "ThreadRPCServer incorrect password attempt from %s", x->peer);
        x->status = 401;
        x->wrong_password = true;
    }
}

qc_http_origin qc_http_origin_of(const exchange *x)
{
    const char *from = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Origin");
    const char *site = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Sec-Fetch-Site");
    const char *host = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Host");
    const char *authority = from ? strstr(from, "://") : NULL;
    if (site && strcmp(site, "same-origin") == 0)
        return QC_ORIGIN_HERE;
    if (!from)
        return QC_ORIGIN_NONE;
    if (!authority)
        return QC_ORIGIN_HIDDEN;
    return host && strcasecmp(authority + 3, host) == 0 ? QC_ORIGIN_HERE : QC_ORIGIN_ELSEWHERE;
}

static bool may_use(const exchange *x, const char *mount)
{
    const qc_rpc_access *a = qc_rpc_auth_access(x->server->auth);
    bool has_list, deny;
    char name[70];
    a->user(a->arg, x->user, &has_list, &deny);
    snprintf(name, sizeof name, "/p/%s", mount);
    return has_list ? a->allows(a->arg, x->user, name) : !deny;
}

static const char *text_of(int status)
{
    return status == 404 ? "Not found\n" : status == 405 ? "Method not allowed\n" : "";
}

static void judge_route(exchange *x, const char *name)
{
    if (!x->mount) {
        x->status = 404;
    } else if (!*x->rest) {
        snprintf(x->location, sizeof x->location, "/p/%s/", name);
        x->status = 301; /* so that relative links work */
    } else {
        const qc_http_handler *h = qc_http_mount_handler(x->mount);
        x->status = h->judge(h->arg, x->method, x->rest, &x->max_body);
    }
    x->text = text_of(x->status);
}

/* Below /p/: the target is read as it was sent, for the library's own decoding lets a NUL end it
 * and an escaped slash begin a segment. */
void qc_http_judge_mount(exchange *x, const char *method)
{
    char name[65] = "";
    x->at = qc_alloc(sizeof *x->at);
    if (!qc_target_parse(x->target, x->at)) {
        x->status = 400;
        x->text = "Bad path or query\n";
        return;
    }
    if (qc_target_mount(x->at->path, name, &x->rest) && x->server->mounts)
        x->mount = qc_http_mount_get(x->server->mounts, name);
    x->method = strcmp(method, "GET") == 0    ? QC_HTTP_GET
                : strcmp(method, "HEAD") == 0 ? QC_HTTP_HEAD
                                              : QC_HTTP_POST;
    bool is_public = x->mount && qc_http_mount_handler(x->mount)->is_public;
    if (!is_public)
        qc_http_judge_password(x);
    if (x->status)
        return;
    qc_http_origin from = qc_http_origin_of(x);
    bool foreign = x->method == QC_HTTP_POST && from >= QC_ORIGIN_HIDDEN;
    if (!is_public && (foreign || !may_use(x, name))) {
        x->status = 403;
        x->text = "Forbidden\n";
        return;
    }
    if (strcmp(method, "PUT") == 0) {
        x->status = 405;
        x->text = text_of(405);
        return;
    }
    judge_route(x, name);
}

/* ---- what is mounted ---- */
static const char *header_of(void *exchange_, const char *name)
{
    const exchange *x = exchange_;
    return MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, name);
}

static void calls_add(qc_rpc_server *s, qc_http_call *c)
{
    pthread_mutex_lock(&s->lock);
    c->next = s->calls;
    if (c->next)
        c->next->prev = c;
    s->calls = c;
    pthread_mutex_unlock(&s->lock);
}

static void calls_remove(qc_rpc_server *s, qc_http_call *c)
{
    pthread_mutex_lock(&s->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pthread_mutex_unlock(&s->lock);
}

/* On any thread, once. After the resumption the exchange belongs to the HTTP thread. */
static void send_answer(void *exchange_, int status, const char *content_type, qc_bytes body)
{
    exchange *x = exchange_;
    calls_remove(x->server, x->call);
    x->status = status;
    x->text = NULL;
    x->reply = body;
    snprintf(x->content_type, sizeof x->content_type, "%s", content_type);
    x->answered = true;
    MHD_resume_connection(x->conn);
}

enum MHD_Result qc_http_hand_over(exchange *x)
{
    qc_http_call *c = qc_alloc(sizeof *c);
    const qc_http_handler *h = qc_http_mount_handler(x->mount);
    *c = (qc_http_call){.method = x->method,
                        .path = x->rest,
                        .query = x->at->query,
                        .user = x->user ? x->user : "",
                        .peer = x->peer,
                        .body = qc_bytes_span(&x->body),
                        .exchange = x,
                        .header = header_of,
                        .send = send_answer,
                        .pool = qc_rpc_engine_pool(x->server->engine)};
    atomic_init(&c->refs, 2); /* the exchange's, and ours until serve() is back */
    atomic_init(&c->serving, true);
    x->call = c;
    MHD_suspend_connection(x->conn);
    calls_add(x->server, c);
    h->serve(h->arg, c); /* x may be gone */
    atomic_store(&c->serving, false);
    qc_http_call_unref(c);
    return MHD_YES;
}

/* What nobody has answered when the server ends: a mount's owner that hangs. */
void qc_http_answer_left(qc_rpc_server *s)
{
    for (;;) {
        pthread_mutex_lock(&s->lock);
        qc_http_call *c = s->calls;
        if (c)
            qc_http_call_ref(c);
        pthread_mutex_unlock(&s->lock);
        if (!c)
            return;
        if (atomic_load(&c->serving) || !qc_http_answer_text(c, 503, "Shutting down\n"))
            sched_yield(); /* another thread is at it just now */
        qc_http_call_unref(c);
    }
}
