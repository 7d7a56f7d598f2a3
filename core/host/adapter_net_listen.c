/* net.listen/1: listens on granted addresses and hands connections over. Places are counted by the
 * host; while none is free nothing is accepted, so that clients wait in the kernel's queue. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/host/endpoint.h"
#include "core/host/io.h"
#include "core/rpc/listen.h"

#include "quoin/net_listen.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

/* What waits in the kernel until the host comes to it: where it is full clients try again a second
 * later, so that thousands who come back at once would take minutes. */
#define BACKLOG_MIN 64u
#define BACKLOG_MAX 4096u
#define ACCEPTS_PER_TURN 16
#define RETRY_MS 200 /* after the system had no descriptor or memory */

typedef struct listener {
    struct listen_state *st;
    uint64_t id; /* 0: free */
    qc_endpoint at;
    int fd;
    qc_watch *watch; /* NULL: paused */
    qn_accept_fn *fn;
    void *arg;
} listener;

typedef struct listen_state {
    qn_cap *cap;
    qc_endpoint granted[QC_ENDPOINT_MAX];
    size_t n_granted;
    listener slot[QC_ENDPOINT_MAX];
    uint64_t *out; /* ids of connections that are out, n_out of max_out */
    size_t n_out, max_out;
    uint64_t next_id;
    qc_timer *retry;
    qc_io_set io;
} listen_state;

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    char text[1024];
    listen_state *st = qc_alloc(sizeof *st);
    st->cap = cap;
    st->max_out = (size_t)qc_cap_number(cap, "max_conns", 64);
    st->out = qc_try_calloc(st->max_out, sizeof *st->out);
    if (!st->out || !qc_cap_text(cap, "listen", text, sizeof text) ||
        !qc_endpoint_list(text, true, st->granted, QC_ENDPOINT_MAX, &st->n_granted)) {
        *why = "no addresses, or no memory for max_conns";
        qc_free(st->out);
        qc_free(st);
        return QC_EINVAL;
    }
    cap->state = st;
    return QC_OK;
}

/* ---- accepting ---- */

static void pause_all(listen_state *st)
{
    for (size_t i = 0; i < QC_ENDPOINT_MAX; i++) {
        qc_unwatch(st->slot[i].watch);
        st->slot[i].watch = NULL;
    }
}

static void on_connection(void *arg, int fd, unsigned events);

static void go_on(void *arg)
{
    listen_state *st = arg;
    for (size_t i = 0; i < QC_ENDPOINT_MAX && st->n_out < st->max_out; i++) {
        listener *l = &st->slot[i];
        if (l->id && !l->watch &&
            qc_io_watch(st->cap->plugin->loop, l->fd, QC_IO_READ, on_connection, l, &l->watch))
            l->watch = NULL; /* no memory: done() or the next retry tries again */
    }
}

/* The system is out of descriptors: looking again at once would only burn time. */
static void retry_later(listen_state *st)
{
    pause_all(st);
    if (st->retry || !qc_timer_new(st->cap->plugin->loop, go_on, st, &st->retry))
        qc_timer_set(st->retry, RETRY_MS);
}

static void hand_over(listener *l, int fd, const struct sockaddr *from)
{
    listen_state *st = l->st;
    char peer[64];
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    qc_listen_peer_text(from, peer, sizeof peer);
    st->out[st->n_out++] = ++st->next_id;
    l->fn(l->arg, l->id, st->next_id, fd, peer, (uint32_t)strlen(peer));
}

static void on_connection(void *arg, int fd, unsigned events)
{
    listener *l = arg;
    listen_state *st = l->st;
    uint64_t id = l->id;
    struct sockaddr_storage from;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && st->cap->plugin->callable; i++) {
        if (st->n_out == st->max_out) {
            pause_all(st);
            return;
        }
        socklen_t len = sizeof from;
        int got = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (got < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            retry_later(st);
        if (got < 0)
            return;
        hand_over(l, got, (struct sockaddr *)&from);
        if (l->id != id) /* the plugin closed the listener */
            return;
    }
}

/* ---- the table ---- */

static bool granted(const listen_state *st, const qc_endpoint *e)
{
    for (size_t i = 0; i < st->n_granted; i++)
        if (qc_endpoint_eq(&st->granted[i], e))
            return true;
    return false;
}

static qn_status complain(const listen_state *st, const qc_endpoint *e, const char *what)
{
    int error = errno;
    char text[300];
    qc_endpoint_text(e, text, sizeof text);
    if (qc_plugin_may_log(st->cap->plugin))
        qc_log(QC_LOG_WARN, "plugin", "%s: net.listen cannot %s %s: %s", st->cap->plugin->label,
               what, text, strerror(error));
    return error == EADDRINUSE ? QN_E_BUSY : QN_E_IO;
}

/* Out: *fd when QN_OK. */
static qn_status bind_to(const listen_state *st, const qc_endpoint *e, int *fd)
{
    struct sockaddr_storage sa;
    socklen_t len;
    int on = 1;
    qn_status answer;
    qc_endpoint_sockaddr(e, &sa, &len);
    int s = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (s < 0)
        return complain(st, e, "make a socket for");
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (sa.ss_family == AF_INET6)
        setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(s, (struct sockaddr *)&sa, len) ||
        listen(s, (int)QC_MAX(BACKLOG_MIN, QC_MIN(st->max_out, BACKLOG_MAX)))) {
        answer = complain(st, e, "bind");
        close(s);
        return answer;
    }
    *fd = s;
    return QN_OK;
}

static qn_status net_open(qn_cap *cap, const char *address, qn_accept_fn *fn, void *arg,
                          uint64_t *out)
{
    qn_status answer = qc_cap_enter(cap);
    listen_state *st = cap->state;
    listener *l = NULL;
    qc_endpoint e;
    if (answer != QN_OK)
        return answer;
    if (!address || !fn || !out || !qc_endpoint_parse(address, strlen(address), &e))
        return QN_E_INVAL;
    if (!granted(st, &e))
        return QN_E_DENIED;
    for (size_t i = QC_ENDPOINT_MAX; i--;) {
        if (st->slot[i].id && qc_endpoint_eq(&st->slot[i].at, &e))
            return QN_E_EXISTS;
        if (!st->slot[i].id)
            l = &st->slot[i];
    }
    QC_ASSERT(l); /* as many slots as addresses may be granted */
    int fd = -1;
    if ((answer = bind_to(st, &e, &fd)) != QN_OK)
        return answer;
    *l = (listener){st, ++st->next_id, e, fd, NULL, fn, arg};
    go_on(st);
    if (!l->watch && st->n_out < st->max_out) {
        close(fd);
        l->id = 0;
        return QN_E_IO;
    }
    if (qc_plugin_may_log(cap->plugin))
        qc_log(QC_LOG_INFO, "plugin", "%s: listens on %s", cap->plugin->label, address);
    *out = l->id;
    return QN_OK;
}

static void close_listener(listener *l)
{
    qc_unwatch(l->watch);
    close(l->fd);
    l->watch = NULL;
    l->id = 0;
}

static qn_status net_close(qn_cap *cap, uint64_t id)
{
    qn_status answer = qc_cap_enter(cap);
    listen_state *st = cap->state;
    if (answer != QN_OK)
        return answer;
    for (size_t i = 0; id && i < QC_ENDPOINT_MAX; i++)
        if (st->slot[i].id == id) {
            close_listener(&st->slot[i]);
            return QN_OK;
        }
    return QN_E_CLOSED;
}

static qn_status net_done(qn_cap *cap, uint64_t connection)
{
    qn_status answer = qc_cap_enter(cap);
    listen_state *st = cap->state;
    if (answer != QN_OK)
        return answer;
    for (size_t i = 0; i < st->n_out; i++)
        if (st->out[i] == connection) {
            st->out[i] = st->out[--st->n_out];
            go_on(st);
            return QN_OK;
        }
    return QN_E_CLOSED;
}

static qn_status net_io_watch(qn_cap *cap, int32_t fd, uint32_t events, qn_io_fn *fn, void *arg)
{
    qn_status answer = qc_cap_enter(cap);
    listen_state *st = cap->state;
    return answer != QN_OK ? answer : qc_io_set_watch(&st->io, cap->plugin, fd, events, fn, arg);
}

static qn_status net_io_unwatch(qn_cap *cap, int32_t fd)
{
    listen_state *st = cap->state;
    return qc_plugin_here != cap->plugin ? QN_E_THREAD : qc_io_set_unwatch(&st->io, fd);
}

static const qn_net_listen_1 TABLE = {.h = {sizeof(qn_net_listen_1), QN_NET_LISTEN_1_REVISION},
                                      .open = net_open,
                                      .close = net_close,
                                      .done = net_done,
                                      .io_watch = net_io_watch,
                                      .io_unwatch = net_io_unwatch};

static void adapter_quiesce(qn_cap *cap)
{
    listen_state *st = cap->state;
    for (size_t i = 0; i < QC_ENDPOINT_MAX; i++)
        if (st->slot[i].id)
            close_listener(&st->slot[i]);
    qc_timer_free(st->retry);
    st->retry = NULL;
    qc_io_set_clear(&st->io);
}

static void adapter_close(qn_cap *cap)
{
    listen_state *st = cap->state;
    qc_free(st->out);
    qc_free(st);
}

const qc_adapter QC_ADAPTER_NET_LISTEN = {QN_NET_LISTEN_1_ID, &TABLE, adapter_open, adapter_quiesce,
                                          adapter_close};
