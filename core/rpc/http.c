/* HTTP in front of the engine, over libmicrohttpd: one daemon (and its polling thread) per address.
 * A complete request suspends its connection until the engine, or the delay after a wrong password,
 * resumes it; so no HTTP thread ever waits. Statuses follow Core's httprpc.cpp. What lies below /p/
 * goes to whoever mounted it, suspended in the same way. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/rpc/exchange.h"
#include "core/rpc/listen.h"

#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEAD 8192
#define HEAD_MEMORY                                                                                \
    (128u << 10) /* of a connection: libmicrohttpd refuses heads beyond it itself                  \
                  */
#define FAILED_AUTH_DELAY_MS 250
#define STOP_WAIT_S 30

static void count(exchange *x)
{
    pthread_mutex_lock(&x->server->lock);
    x->server->answering++;
    pthread_mutex_unlock(&x->server->lock);
    x->counted = true;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **state,
                         enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)conn;
    (void)why;
    exchange *x = *state;
    if (!x)
        return;
    *state = NULL;
    qc_rpc_server *s = x->server;
    if (x->counted) {
        pthread_mutex_lock(&s->lock);
        if (--s->answering == 0)
            pthread_cond_broadcast(&s->idle);
        pthread_mutex_unlock(&s->lock);
    }
    qc_http_call_unref(x->call);
    qc_http_mount_unref(x->mount);
    qc_free(x->at);
    qc_free(x->target);
    qc_bytes_free(&x->body);
    qc_bytes_free(&x->reply);
    qc_free(x->user);
    qc_free(x);
}

/* ---- answering ---- */
/* Pages of a mount load what they need from this server only, and nobody frames them: they are
 * shown to a browser that may hold the password of the RPC. */
#define POLICY                                                                                     \
    "default-src 'self' 'unsafe-inline' data:; form-action 'self'; base-uri 'none'; "              \
    "frame-ancestors 'none'"

static void add_headers(const exchange *x, struct MHD_Response *resp, bool json)
{
    if (*x->content_type)
        MHD_add_response_header(resp, "Content-Type", x->content_type);
    else if (x->at)
        MHD_add_response_header(resp, "Content-Type", "text/plain; charset=utf-8");
    else if (json)
        MHD_add_response_header(resp, "Content-Type", "application/json");
    else if (x->status != 204)
        MHD_add_response_header(resp, "Content-Type", "text/html; charset=ISO-8859-1");
    if (x->at) {
        MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(resp, "Content-Security-Policy", POLICY);
        MHD_add_response_header(resp, "Referrer-Policy", "same-origin");
    }
    if (x->cache)
        MHD_add_response_header(resp, "Cache-Control", x->cache);
    if (*x->location)
        MHD_add_response_header(resp, "Location", x->location);
    if (x->status == 401)
        MHD_add_response_header(resp, "WWW-Authenticate", "Basic realm=\"jsonrpc\"");
    if (!x->cache && (x->status == 405 || x->status == 503 || x->at))
        MHD_add_response_header(resp, "Cache-Control", "no-store");
    if (x->status == 413 || x->status == 400)
        MHD_add_response_header(resp, "Connection", "close");
}

/* Core's words for this status, which its clients look for, are not those of libmicrohttpd, which
 * lets nobody choose them. Nothing comes after it on this connection, so it goes past the library.
 * Whatever the client does not take is lost, as the rest of its own message. */
static enum MHD_Result send_too_large(const exchange *x)
{
    static const char REPLY[] = "HTTP/1.1 413 Content too large\r\n"
                                "Connection: close\r\n"
                                "Content-Type: text/html; charset=ISO-8859-1\r\n"
                                "Content-Length: 0\r\n\r\n";
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info && send(info->connect_fd, REPLY, sizeof REPLY - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        qc_log(QC_LOG_DEBUG, "http", "Cannot refuse a request from %s that is too large", x->peer);
    return MHD_NO;
}

static enum MHD_Result send_reply(exchange *x)
{
    if (x->status == 413 && !x->at)
        return send_too_large(x);
    bool json = x->reply.len > 0;
    const char *text = x->text ? x->text : "";
    struct MHD_Response *resp;
    if (json) {
        /* The response takes the bytes over. */
        resp = MHD_create_response_from_buffer_with_free_callback(x->reply.len, x->reply.data,
                                                                  qc_free);
        if (resp)
            x->reply = (qc_bytes)QC_BYTES_INIT;
    } else {
        resp = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                               MHD_RESPMEM_PERSISTENT);
    }
    if (!resp)
        return MHD_NO;
    add_headers(x, resp, json);
    enum MHD_Result ok = MHD_queue_response(x->conn, (unsigned)x->status, resp);
    MHD_destroy_response(resp);
    return ok;
}

/* On an rpc thread. Once resumed, the exchange belongs to the HTTP thread. */
static void on_engine_done(void *arg, int status, qc_bytes reply)
{
    exchange *x = arg;
    x->status = status;
    x->reply = reply;
    x->answered = true;
    MHD_resume_connection(x->conn);
}

static void on_delay_over(void *arg)
{
    exchange *x = arg;
    x->answered = true;
    MHD_resume_connection(x->conn);
}

static enum MHD_Result submit(exchange *x)
{
    qc_rpc_server *s = x->server;
    qc_rpc_call call = {.body = (const char *)x->body.data,
                        .len = x->body.len,
                        .user = x->user,
                        .peer = x->peer,
                        .access = qc_rpc_auth_access(s->auth),
                        .done = on_engine_done,
                        .arg = x};
    if (!call.body)
        call.body = "";
    /* Suspended first: the answer may come before this function returns. */
    MHD_suspend_connection(x->conn);
    if (qc_rpc_engine_submit(s->engine, &call))
        return MHD_YES;
    qc_log(QC_LOG_WARN, "http",
           "Request rejected because http work queue depth exceeded, it can be increased with the "
           "-rpcworkqueue= setting");
    x->status = 503;
    x->text = "Work queue depth exceeded";
    x->answered = true;
    MHD_resume_connection(x->conn);
    return MHD_YES;
}

/* The request is complete. */
static enum MHD_Result dispatch(exchange *x)
{
    if (x->too_large) {
        x->status = 413;
        return send_reply(x);
    }
    if (atomic_load(&x->server->interrupted)) {
        x->status = 503;
        return send_reply(x);
    }
    count(x);
    if (x->wrong_password) {
        /* Deter guessing without holding a thread. */
        MHD_suspend_connection(x->conn);
        qc_rpc_pool_after(qc_rpc_engine_pool(x->server->engine), FAILED_AUTH_DELAY_MS,
                          on_delay_over, x);
        return MHD_YES;
    }
    if (x->status)
        return send_reply(x);
    if (x->is_rest)
        return qc_http_submit_rest(x);
    return x->mount ? qc_http_hand_over(x) : submit(x);
}

/* ---- receiving ---- */
/* What the head of a request already decides: *status stays 0 if the body matters. */
static void judge_head(exchange *x, const char *url, const char *method)
{
    static const char *const KNOWN[] = {"GET", "POST", "HEAD", "PUT"};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    qc_listen_peer_text(info ? info->client_addr : NULL, x->peer, sizeof x->peer);
    bool known = false;
    for (size_t i = 0; i < QC_COUNTOF(KNOWN); i++)
        known |= strcmp(method, KNOWN[i]) == 0;
    if (!known) {
        x->status = 405;
        return;
    }
    if (x->target && strncmp(x->target, "/p/", 3) == 0) {
        qc_http_judge_mount(x, method);
        return;
    }
    x->is_rest = qc_http_is_rest(x);
    if (x->is_rest) {
        x->max_body = QC_HTTP_REST_BODY;
        return;
    }
    if (strcmp(url, "/") != 0 && strncmp(url, "/wallet/", 8) != 0) {
        x->status = 404;
        return;
    }
    if (strcmp(method, "POST") != 0) {
        x->status = 405;
        x->text = "JSONRPC server handles only POST requests";
        return;
    }
    /* Only a page below /p/ is of this origin: it may not use the password for more than it is. */
    qc_http_origin from = qc_http_origin_of(x);
    if (from == QC_ORIGIN_HERE || from == QC_ORIGIN_HIDDEN) {
        x->status = 403;
        return;
    }
    qc_http_judge_password(x);
}

/* Two lengths that differ are an attack on whoever stands between us and the client. */
static enum MHD_Result compare_lengths(void *cls, enum MHD_ValueKind kind, const char *key,
                                       const char *value)
{
    const char **first = cls;
    (void)kind;
    if (strcasecmp(key, "Content-Length") != 0)
        return MHD_YES;
    if (*first && (!value || strcmp(*first, value) != 0)) {
        *first = NULL;
        return MHD_NO;
    }
    *first = value;
    return MHD_YES;
}

static bool lengths_differ(exchange *x, const char *len)
{
    const char *first = len;
    MHD_get_connection_values(x->conn, MHD_HEADER_KIND, compare_lengths, &first);
    return len && !first;
}

/* White space before the colon: others on the way may read another name than we do (RFC 7230,
 * section 3.2.4). */
static enum MHD_Result look_for_space(void *cls, enum MHD_ValueKind kind, const char *key,
                                      const char *value)
{
    bool *found = cls;
    (void)kind;
    (void)value;
    *found |= strpbrk(key, " \t") != NULL;
    return MHD_YES;
}

static bool names_hold_space(exchange *x)
{
    bool found = false;
    MHD_get_connection_values(x->conn, MHD_HEADER_KIND, look_for_space, &found);
    return found;
}

/* Larger than a head may be, or than a body may be: answered before anything more is read. */
static void judge_size(exchange *x)
{
    const union MHD_ConnectionInfo *head =
        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const char *len = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Content-Length");
    unsigned long long n = 0;
    if (len && sscanf(len, "%llu", &n) == 1 && n > x->max_body)
        x->too_large = true;
    if (x->too_large)
        x->status = 413;
    else if ((head && head->header_size > MAX_HEAD) || lengths_differ(x, len) ||
             names_hold_space(x))
        x->status = 400;
}

/* Take body bytes, or drop them when nobody will read them. False: give the client up. */
static bool receive(exchange *x, const char *data, size_t len)
{
    if (x->status || x->too_large) {
        /* Keep reading, so that the client gets its answer; but not without end. */
        x->body.cap += len;
        return x->body.cap < (size_t)4 * QC_HTTP_MAX_BODY;
    }
    if (len > x->max_body - x->body.len || qc_bytes_append(&x->body, data, len)) {
        qc_bytes_free(&x->body);
        x->too_large = true;
    }
    return true;
}

/* The request line is here: the only moment at which its target is shown as it was sent. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *conn)
{
    exchange *x = qc_alloc(sizeof *x);
    x->server = cls;
    x->conn = conn;
    x->max_body = QC_HTTP_MAX_BODY;
    if (strlen(target) < MAX_HEAD)
        x->target = qc_strdup(target);
    return x;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **state)
{
    (void)version;
    (void)cls;
    (void)conn;
    exchange *x = *state; /* on_target() made it */
    if (!x->begun) {
        x->begun = true;
        judge_size(x);
        if (x->status)
            return send_reply(x);
        judge_head(x, url, method);
        if (!x->status && x->max_body < QC_HTTP_MAX_BODY)
            judge_size(x); /* against the mount's own limit */
        return x->status == 413 ? send_reply(x) : MHD_YES;
    }
    if (*len > 0) {
        bool go_on = receive(x, data, *len);
        *len = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    return x->answered ? send_reply(x) : dispatch(x);
}

/* ---- life ---- */
/* Strangers are not even listened to. */
static enum MHD_Result on_accept(void *cls, const struct sockaddr *sa, socklen_t len)
{
    const qc_rpc_server *s = cls;
    char peer[64];
    (void)len;
    if (qc_rpc_auth_allows_peer(s->auth, sa))
        return MHD_YES;
    qc_listen_peer_text(sa, peer, sizeof peer);
    qc_log(QC_LOG_DEBUG, "http",
           "HTTP connection from %s rejected: Client network is not allowed RPC access", peer);
    return MHD_NO;
}

static bool start_daemon(qc_rpc_server *s, int fd, unsigned timeout_s)
{
    /* poll(), not epoll: the library's edge-triggered loop misses a client that closes right behind
     * its last bytes, and keeps the connection until it times out. */
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, on_accept, s,
        on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        NULL, MHD_OPTION_CONNECTION_TIMEOUT, timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEAD_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK,
        on_target, s, MHD_OPTION_END);
    if (!d)
        return false;
    s->daemon[s->n_daemon++] = d;
    return true;
}

qc_err qc_rpc_server_start(qc_rpc_server **out, qc_rpc_engine *e, const qc_rpc_auth *a,
                           const qc_rpc_server_options *o)
{
    qc_rpc_server *s = qc_alloc(sizeof *s);
    s->engine = e;
    s->auth = a;
    s->mounts = o->mounts;
    s->rest = o->rest;
    s->rest_queue = o->rest_queue;
    s->daemon = qc_alloc((o->n_bind + 1) * sizeof *s->daemon);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    qc_err err = QC_OK;
    for (size_t i = 0; i < o->n_bind && err != QC_EINVAL; i++) {
        int fd = -1;
        err = qc_listen_open(o->bind[i], o->port, &fd);
        if (!err && !start_daemon(s, fd, o->timeout_s)) {
            qc_log(QC_LOG_ERROR, "http", "Cannot start the HTTP server on %s", o->bind[i]);
            close(fd);
        }
    }
    if (err == QC_EINVAL || s->n_daemon == 0) {
        if (err != QC_EINVAL)
            qc_log(QC_LOG_ERROR, "http", "Unable to bind any endpoint for RPC server");
        err = err == QC_EINVAL ? err : QC_EBUSY;
        qc_rpc_server_stop(s);
        s = NULL;
    } else {
        err = QC_OK;
    }
    *out = s;
    return err;
}

void qc_rpc_server_interrupt(qc_rpc_server *s)
{
    atomic_store(&s->interrupted, true);
    qc_rpc_engine_interrupt(s->engine);
}

/* Every call has been served; what is left is sending. */
static void wait_sent(qc_rpc_server *s)
{
    struct timespec until;
    int timed_out = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_WAIT_S;
    pthread_mutex_lock(&s->lock);
    while (s->answering > 0 && !timed_out)
        timed_out = pthread_cond_timedwait(&s->idle, &s->lock, &until);
    pthread_mutex_unlock(&s->lock);
    if (timed_out)
        qc_log(QC_LOG_WARN, "http",
               "Timeout waiting for HTTP clients to take their answers, continuing shutdown");
}

void qc_rpc_server_stop(qc_rpc_server *s)
{
    if (!s)
        return;
    if (s->n_daemon)
        qc_rpc_server_interrupt(s);
    for (size_t i = 0; i < s->n_daemon; i++) {
        int fd = MHD_quiesce_daemon(s->daemon[i]);
        if (fd >= 0)
            close(fd);
    }
    if (s->n_daemon) {
        qc_rpc_engine_drain(s->engine);
        qc_http_drain_rest(s);
        qc_http_answer_left(s);
        wait_sent(s);
    }
    for (size_t i = 0; i < s->n_daemon; i++)
        MHD_stop_daemon(s->daemon[i]);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    qc_free(s->daemon);
    qc_free(s);
}
