/* Sockets that peers connect to, and what happens to who comes. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/net/internal.h"
#include "core/net/sockaddr.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Is there a place for it? Says why not. */
static bool admits(qc_net *n, const qc_arrival *a, uint32_t may, bool *discouraged)
{
    char from[QC_PEER_ADDR_TEXT];
    qc_standing s = qc_peerbook_standing(n->book, &a->from.addr);
    const char *why = NULL;
    *discouraged = s == QC_STANDING_DISCOURAGED;
    if (!atomic_load(&n->active))
        why = "not accepting new connections";
    else if ((may & QC_PERMIT_NOBAN) == QC_PERMIT_NOBAN)
        why = NULL;
    else if (qc_net_held(n) > n->held_pause)
        why = "too much waits to be processed";
    else if (s == QC_STANDING_BANNED)
        why = "banned";
    else if (*discouraged && qc_room_is_last(n))
        why = "discouraged";
    if (!why)
        return qc_room_make(n);
    qc_peer_addr_text(&a->from, from);
    qc_log(QC_LOG_DEBUG, "net", "connection from %s dropped (%s)", from, why);
    return false;
}

void qc_net_adopt(qc_net *n, const qc_arrival *a)
{
    char from[QC_PEER_ADDR_TEXT];
    qc_peer_birth b = {.type = QC_CONN_INBOUND, .at = a->from, .onion = a->onion};
    bool discouraged;
    int on = 1;
    qc_peer_addr_text(&a->from, from);
    b.permissions = a->permissions;
    if (!a->onion)
        b.permissions |= qc_permit_of(n->permit, n->n_permit, from, true);
    if (!admits(n, a, b.permissions, &discouraged)) {
        close(a->fd);
        return;
    }
    setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    b.v2 = (n->services & QC_NODE_P2P_V2) != 0;
    qc_peer *p = qc_peer_new(n, &b);
    p->prefer_evict = discouraged;
    if (qc_peer_connected(p, a->fd, &a->to))
        qc_log(QC_LOG_DEBUG, "net", "connection from %s accepted, peer=%lld", from,
               (long long)p->info.id);
}

static void on_accept(void *arg, int fd, unsigned events)
{
    qc_listener *l = arg;
    struct sockaddr_storage from, to;
    socklen_t len = sizeof from;
    (void)events;
    qc_arrival a = {.permissions = l->permissions, .onion = l->onion};
    a.fd = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (a.fd < 0)
        return;
    len = sizeof to;
    if (!qc_sockaddr_read(&from, l->net->cjdns, &a.from) ||
        getsockname(a.fd, (struct sockaddr *)&to, &len) ||
        !qc_sockaddr_read(&to, l->net->cjdns, &a.to))
        close(a.fd);
    else
        qc_net_adopt(l->net, &a);
}

static int open_socket(const qc_proxy *at)
{
    int on = 1, family = at->addr.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) /* 0.0.0.0 has a socket of its own */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return fd;
}

qc_err qc_net_listen(qc_net *n, const qc_net_bind *b)
{
    qc_proxy at;
    char text[QC_PEER_ADDR_TEXT];
    if (!qc_sockaddr_write(&b->at, &at))
        return QC_EINVAL;
    int fd = open_socket(&at);
    if (fd < 0)
        return QC_EIO;
    qc_listener *l = qc_alloc(sizeof *l);
    *l = (qc_listener){.net = n, .fd = fd, .permissions = b->permissions, .onion = b->onion};
    qc_err err =
        bind(fd, (struct sockaddr *)&at.addr, at.len) || listen(fd, SOMAXCONN) ? QC_EBUSY : QC_OK;
    int why = errno;
    if (!err)
        err = qc_io_watch(n->loop, fd, QC_IO_READ, on_accept, l, &l->watch);
    if (err) {
        close(fd);
        qc_free(l);
        errno = why;
        return err;
    }
    l->next = n->listeners;
    n->listeners = l;
    qc_peer_addr_text(&b->at, text);
    qc_log(QC_LOG_INFO, "net", "Bound to %s", text);
    return QC_OK;
}

void qc_net_listeners_free(qc_net *n)
{
    for (qc_listener *l = n->listeners, *next; l; l = next) {
        next = l->next;
        qc_unwatch(l->watch);
        close(l->fd);
        qc_free(l);
    }
    n->listeners = NULL;
}
