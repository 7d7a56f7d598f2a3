/* The set of peers: listening, connecting, the calls of other threads. Those run on the loop by
 * qc_loop_call(), so that nothing here is locked. */
#include "core/net/net.h"

#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/base/log.h"
#include "core/net/dial.h"
#include "core/net/internal.h"
#include "core/os/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 100 /* deadlines are of seconds; tests set the clock and wait for what happens */
#define BACKLOG 64

/* ---- addresses ---- */

typedef union sockaddr_any {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
} sockaddr_any;

static bool parse_address(const char *text, uint16_t port, sockaddr_any *out, socklen_t *len)
{
    char host[256];
    if (qc_split_host_port(text, host, sizeof host, &port) ||
        !qc_sockaddr_numeric(host, port, &out->room))
        return false;
    *len = qc_sockaddr_len(&out->room);
    return true;
}

static void print_address(const sockaddr_any *a, char out[64])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
        snprintf(out, 64, "%s:%u", host, ntohs(a->v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
        snprintf(out, 64, "[%s]:%u", host, ntohs(a->v6.sin6_port));
    }
}

static int new_socket(int family)
{
    int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* ---- listening ---- */

static void on_accept(void *arg, int fd, unsigned events)
{
    qc_net *n = arg;
    sockaddr_any from, to;
    socklen_t len = sizeof from;
    char text[64];
    (void)events;
    int peer = accept4(fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0)
        return;
    if (!atomic_load(&n->active) || n->n_peers >= n->max_peers) {
        close(peer);
        return;
    }
    print_address(&from, text);
    uint32_t may = qc_permit_of(n->permit, n->n_permit, text, true);
    if ((may & QC_PERMIT_NOBAN) != QC_PERMIT_NOBAN && qc_net_held(n) > n->held_pause) {
        qc_log(QC_LOG_DEBUG, "net", "connection from %s dropped (too much waits to be processed)",
               text);
        close(peer);
        return;
    }
    if ((may & QC_PERMIT_NOBAN) != QC_PERMIT_NOBAN && n->refuses &&
        n->refuses(n->refuses_arg, text, n->n_peers + 1 >= n->max_peers)) {
        qc_log(QC_LOG_DEBUG, "net", "connection from %s dropped (banned)", text);
        close(peer);
        return;
    }
    qc_peer *p = qc_peer_new(n, peer, QC_CONN_INBOUND, (n->services & QC_NODE_P2P_V2) != 0, text);
    len = sizeof to;
    if (p && getsockname(peer, &to.sa, &len) == 0)
        print_address(&to, p->info.addr_bind);
    if (p)
        qc_log(QC_LOG_DEBUG, "net", "connection from %s accepted, peer=%lld", text,
               (long long)p->info.id);
}

qc_err qc_net_listen(qc_net *n, const char *bind_to, uint16_t default_port)
{
    sockaddr_any a;
    socklen_t len;
    int on = 1;
    if (!parse_address(bind_to, default_port, &a, &len))
        return QC_EINVAL;
    int fd = new_socket(a.sa.sa_family);
    if (fd < 0)
        return QC_EIO;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    qc_listener *l = qc_alloc(sizeof *l);
    qc_err err = bind(fd, &a.sa, len) || listen(fd, BACKLOG) ? QC_EBUSY : QC_OK;
    if (!err)
        err = qc_io_watch(n->loop, fd, QC_IO_READ, on_accept, n, &l->watch);
    if (err) {
        close(fd);
        qc_free(l);
        return err;
    }
    l->fd = fd;
    l->next = n->listeners;
    n->listeners = l;
    return QC_OK;
}

/* ---- life ---- */

static void on_timer(void *arg)
{
    qc_net *n = arg;
    qc_mono now = qc_peer_clock();
    for (qc_peer *p = n->peers, *next; p; p = next) {
        next = p->next;
        qc_peer_tick(p, now);
    }
    qc_net_added_tick(n, qc_clock_mono());
    if (n->owner.tick)
        n->owner.tick(n->owner.arg);
    qc_timer_set(n->timer, TICK_MS);
}

qc_err qc_net_new(qc_net **out, const qc_net_options *o)
{
    qc_net *n = qc_alloc(sizeof *n);
    qc_err err = qc_loop_new(&n->loop);
    if (err) {
        qc_free(n);
        return err;
    }
    memcpy(n->magic, o->magic, sizeof n->magic);
    n->user_agent = qc_strdup(o->user_agent);
    n->max_peers = o->max_peers;
    n->peer_timeout = o->peer_timeout;
    n->services = o->services;
    n->recv_max = o->recv_max ? o->recv_max : QC_NET_RECV_MAX;
    n->held_pause = o->held_pause ? o->held_pause : QC_NET_HELD_PAUSE;
    n->held_max = o->held_max ? o->held_max : QC_NET_HELD_MAX;
    uint8_t seed[32];
    qc_os_random(seed, sizeof seed);
    n->signer = qc_signer_new(seed);
    qc_wipe(seed, sizeof seed);
    n->upload.target = o->upload_target;
    n->capture_dir = o->capture_dir ? qc_strdup(o->capture_dir) : NULL;
    n->refuses = o->refuses;
    n->refuses_arg = o->refuses_arg;
    n->default_port = o->default_port;
    n->permit = qc_alloc((o->n_permit + 1) * sizeof *n->permit);
    n->n_permit = o->n_permit;
    if (o->n_permit)
        memcpy(n->permit, o->permit, o->n_permit * sizeof *n->permit);
    atomic_store(&n->active, o->active);
    err = qc_timer_new(n->loop, on_timer, n, &n->timer);
    if (err) {
        qc_loop_free(n->loop);
        qc_signer_free(n->signer);
        qc_free(n->user_agent);
        qc_free(n->capture_dir);
        qc_free(n->permit);
        qc_free(n);
        return err;
    }
    qc_timer_set(n->timer, TICK_MS);
    *out = n;
    return QC_OK;
}

static void close_all(qc_net *n, const char *why)
{
    while (n->peers)
        qc_peer_close(n->peers, why);
}

static void run(void *arg)
{
    qc_net *n = arg;
    qc_loop_run(n->loop);
}

qc_err qc_net_start(qc_net *n)
{
    return qc_thread_start(&n->thread, "net", run, n);
}

void qc_net_set_owner(qc_net *n, const qc_net_owner *o)
{
    n->owner = *o;
}

void qc_net_stop(qc_net *n)
{
    if (!n || n->stopped)
        return;
    if (n->thread) {
        qc_loop_stop(n->loop);
        qc_thread_join(n->thread);
    }
    n->stopped = true;
    close_all(n, "shutdown");
    qc_net_added_free(n);
}

void qc_net_free(qc_net *n)
{
    if (!n)
        return;
    qc_net_stop(n);
    for (qc_listener *l = n->listeners, *next; l; l = next) {
        next = l->next;
        qc_unwatch(l->watch);
        close(l->fd);
        qc_free(l);
    }
    qc_timer_free(n->timer);
    qc_loop_free(n->loop);
    qc_signer_free(n->signer);
    qc_free(n->user_agent);
    qc_free(n->capture_dir);
    qc_free(n->permit);
    qc_free(n);
}

void qc_net_set_height(qc_net *n, uint32_t height)
{
    atomic_store(&n->height, height);
}

uint64_t qc_net_services(const qc_net *n)
{
    return n->services;
}

qc_upload_state qc_net_upload(const qc_net *n)
{
    return qc_upload_now(&n->upload);
}

bool qc_net_active(const qc_net *n)
{
    return atomic_load(&n->active);
}

void qc_net_totals(const qc_net *n, uint64_t *received, uint64_t *sent)
{
    *received = atomic_load(&n->received);
    *sent = atomic_load(&n->sent);
}

/* ---- the owner's wishes ---- */

typedef struct wish {
    qc_net *n;
    qc_peer_id id;
    char name[QC_MSG_NAME + 1];
    qc_bytes payload;
    size_t len;
    const char *why;
} wish;

qc_peer *qc_net_find(const qc_net *n, qc_peer_id id, const char *addr)
{
    for (qc_peer *p = n->peers; p; p = p->next)
        if (addr ? strcmp(p->info.addr, addr) == 0 : p->info.id == id)
            return p;
    return NULL;
}

static void do_send(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p)
        qc_peer_send(p, w->name, qc_bytes_span(&w->payload));
    qc_bytes_free(&w->payload);
    qc_free(w);
}

static void do_done(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p)
        qc_peer_done(p, w->len);
    qc_free(w);
}

static void do_drop(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p)
        qc_peer_close(p, w->why);
    qc_free(w);
}

void qc_net_send(qc_net *n, qc_peer_id id, const char *name, qc_bytes *payload)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .payload = *payload};
    snprintf(w->name, sizeof w->name, "%s", name);
    *payload = (qc_bytes)QC_BYTES_INIT;
    qc_loop_post(n->loop, do_send, w);
}

void qc_net_done(qc_net *n, qc_peer_id id, size_t payload_len)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .len = payload_len + QC_INBOX_EACH};
    qc_loop_post(n->loop, do_done, w);
}

void qc_net_drop(qc_net *n, qc_peer_id id, const char *why)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .why = why};
    qc_loop_post(n->loop, do_drop, w);
}

/* ---- calls from other threads ---- */

typedef struct call {
    qc_net *n;
    const char *addr;
    uint16_t port;
    qc_peer_id id;
    qc_conn_type type;
    bool on; /* or: version 2 */
    qc_peer_info *list;
    size_t count;
    qc_err err;
} call;

qc_err qc_net_dial(qc_net *n, const char *addr, uint16_t default_port, qc_conn_type type, bool v2,
                   char text[64])
{
    sockaddr_any a;
    socklen_t len;
    if (!parse_address(addr, default_port, &a, &len))
        return QC_EINVAL;
    print_address(&a, text);
    if (!atomic_load(&n->active))
        return QC_EPERM;
    if (type != QC_CONN_MANUAL && n->n_peers >= n->max_peers)
        return QC_EFULL;
    if (qc_net_find(n, 0, text))
        return QC_EEXIST;
    int fd = new_socket(a.sa.sa_family);
    if (fd < 0)
        return QC_EIO;
    v2 = v2 && (n->services & QC_NODE_P2P_V2);
    qc_log(QC_LOG_DEBUG, "net", "trying v%d connection (%s) to %s", v2 ? 2 : 1,
           qc_conn_type_text(type), text);
    if (connect(fd, &a.sa, len) && errno != EINPROGRESS) {
        close(fd);
        return QC_EIO;
    }
    return qc_peer_new(n, fd, type, v2, text) ? QC_OK : QC_EIO;
}

static void do_connect(void *arg)
{
    call *c = arg;
    char text[64];
    c->err = qc_net_dial(c->n, c->addr, c->port, c->type, c->on, text);
}

static void do_disconnect(void *arg)
{
    call *c = arg;
    qc_peer *p = qc_net_find(c->n, c->id, c->addr);
    c->err = p ? QC_OK : QC_ENOENT;
    if (p)
        qc_peer_close(p, "RPC disconnectnode");
}

static void do_set_active(void *arg)
{
    call *c = arg;
    atomic_store(&c->n->active, c->on);
    if (!c->on)
        close_all(c->n, "network inactive");
}

static void do_ping(void *arg)
{
    call *c = arg;
    for (qc_peer *p = c->n->peers; p; p = p->next)
        qc_peer_ping(p);
}

static void do_list(void *arg)
{
    call *c = arg;
    c->list = qc_try_calloc(c->n->n_peers + 1, sizeof *c->list);
    c->err = c->list ? QC_OK : QC_ENOMEM;
    for (qc_peer *p = c->n->peers; c->list && p; p = p->next)
        if (!p->connecting) {
            c->list[c->count] = p->info;
            if (p->ping_sent)
                c->list[c->count].ping_wait_us = (qc_peer_clock() - p->ping_sent) / 1000;
            c->count++;
        }
}

qc_err qc_net_connect(qc_net *n, const char *addr, uint16_t default_port, qc_conn_type type,
                      bool v2)
{
    call c = {.n = n, .addr = addr, .port = default_port, .type = type, .on = v2};
    qc_loop_call(n->loop, do_connect, &c);
    return c.err;
}

qc_err qc_net_disconnect(qc_net *n, qc_peer_id id, const char *addr)
{
    call c = {.n = n, .id = id, .addr = addr};
    qc_loop_call(n->loop, do_disconnect, &c);
    return c.err;
}

void qc_net_set_active(qc_net *n, bool on)
{
    call c = {.n = n, .on = on};
    qc_loop_call(n->loop, do_set_active, &c);
}

void qc_net_ping(qc_net *n)
{
    call c = {.n = n};
    qc_loop_call(n->loop, do_ping, &c);
}

qc_err qc_net_peers(qc_net *n, qc_peer_info **list, size_t *count)
{
    call c = {.n = n};
    qc_loop_call(n->loop, do_list, &c);
    *list = c.list;
    *count = c.count;
    return c.err;
}
