/* The mock's sockets: a connection is a pair, the plugin has one end and the test the other. */
#include "lib/mock/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two connected ends: the plugin's does not block. */
static void pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ||
        fcntl(ends[0], F_SETFL, O_NONBLOCK))
        abort();
}

/* ---- watches ---- */

static int find_watch(const qn_mock *m, int32_t fd)
{
    for (int i = 0; i < m->n_watch; i++)
        if (m->watch[i].fd == fd)
            return i;
    return -1;
}

qn_status qn_mk_io_unwatch(qn_cap *cap, int32_t fd)
{
    qn_mock *m = cap->mock;
    int i = find_watch(m, fd);
    if (i < 0)
        return QN_E_NOTFOUND;
    m->watch[i] = m->watch[--m->n_watch];
    return QN_OK;
}

qn_status qn_mk_io_watch(qn_cap *cap, int32_t fd, uint32_t events, qn_io_fn *fn, void *arg)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!fn || !events || events & ~(QN_IO_READ | QN_IO_WRITE) || fcntl(fd, F_GETFD) < 0)
        return QN_E_INVAL;
    (void)qn_mk_io_unwatch(cap, fd);
    if (m->n_watch == MOCK_WATCHES)
        return QN_E_LIMIT;
    m->watch[m->n_watch++] = (struct qn_mk_watch){fd, events, fn, arg};
    return QN_OK;
}

unsigned qn_mk_io_poll(qn_mock *m)
{
    struct pollfd p[MOCK_WATCHES];
    nfds_t n = (nfds_t)m->n_watch;
    unsigned calls = 0;
    for (nfds_t i = 0; i < n; i++) {
        uint32_t e = m->watch[i].events;
        p[i] = (struct pollfd){
            .fd = m->watch[i].fd,
            .events = (short)((e & QN_IO_READ ? POLLIN : 0) | (e & QN_IO_WRITE ? POLLOUT : 0))};
    }
    if (n == 0 || poll(p, n, 0) <= 0)
        return 0;
    for (nfds_t i = 0; i < n; i++) {
        int at = p[i].revents ? find_watch(m, p[i].fd) : -1; /* a callback may have removed it */
        if (at < 0)
            continue;
        struct qn_mk_watch w = m->watch[at];
        uint32_t e = p[i].revents & (POLLERR | POLLHUP) ? QN_IO_READ | QN_IO_WRITE : 0;
        e |= (p[i].revents & POLLIN ? QN_IO_READ : 0) | (p[i].revents & POLLOUT ? QN_IO_WRITE : 0);
        if (e & w.events) {
            w.fn(w.arg, w.fd, e & w.events);
            calls++;
        }
    }
    return calls;
}

/* ---- net.listen ---- */

static struct qn_mk_listen *listener_at(qn_mock *m, const char *address)
{
    for (int i = 0; i < MOCK_LISTENS; i++)
        if (m->listen[i].id && strcmp(m->listen[i].address, address) == 0)
            return &m->listen[i];
    return NULL;
}

static qn_status listen_open(qn_cap *cap, const char *address, qn_accept_fn *fn, void *arg,
                             uint64_t *out)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!address || !fn || !out || strlen(address) >= sizeof m->listen[0].address)
        return QN_E_INVAL;
    if (listener_at(m, address))
        return QN_E_EXISTS;
    for (int i = 0; i < MOCK_LISTENS; i++)
        if (!m->listen[i].id) {
            m->listen[i] = (struct qn_mk_listen){.id = ++m->next_id, .fn = fn, .arg = arg};
            memcpy(m->listen[i].address, address, strlen(address) + 1);
            *out = m->listen[i].id;
            return QN_OK;
        }
    return QN_E_DENIED;
}

static qn_status listen_close(qn_cap *cap, uint64_t id)
{
    qn_mock *m = cap->mock;
    for (int i = 0; id && i < MOCK_LISTENS; i++)
        if (m->listen[i].id == id) {
            m->listen[i].id = 0;
            return QN_OK;
        }
    return QN_E_CLOSED;
}

static qn_status conn_done(qn_cap *cap, uint64_t id)
{
    qn_mock *m = cap->mock;
    for (int i = 0; id && i < m->n_conn; i++)
        if (m->conn[i] == id) {
            m->conn[i] = m->conn[--m->n_conn];
            return QN_OK;
        }
    return QN_E_CLOSED;
}

const qn_net_listen_1 QN_MK_NET_LISTEN = {.h = {sizeof(qn_net_listen_1), QN_NET_LISTEN_1_REVISION},
                                          .open = listen_open,
                                          .close = listen_close,
                                          .done = conn_done,
                                          .io_watch = qn_mk_io_watch,
                                          .io_unwatch = qn_mk_io_unwatch};

int qn_mock_accept(qn_mock *m, const char *address, const char *peer)
{
    struct qn_mk_listen *l = listener_at(m, address);
    int ends[2];
    if (!l || m->n_conn == MOCK_CONNS)
        return -1;
    pair(ends);
    m->conn[m->n_conn++] = ++m->next_id;
    l->fn(l->arg, l->id, m->next_id, ends[0], peer, (uint32_t)strlen(peer));
    return ends[1];
}

/* ---- net.connect ---- */

static void connect_end(void *arg)
{
    struct qn_mk_connect c = *(struct qn_mk_connect *)arg;
    qn_mock *m = c.mock;
    int ends[2] = {-1, -1};
    if (!c.id) /* canceled */
        return;
    ((struct qn_mk_connect *)arg)->id = 0;
    if (m->connect_with == QN_OK && m->n_far < MOCK_CONNS && m->n_conn < MOCK_CONNS) {
        pair(ends);
        m->far_end[m->n_far++] = ends[1];
        m->conn[m->n_conn++] = c.id;
    }
    qn_status st = ends[0] >= 0 ? QN_OK : m->connect_with != QN_OK ? m->connect_with : QN_E_REFUSED;
    c.fn(c.arg, c.id, st, ends[0]);
}

static qn_status connect_begin(qn_cap *cap, const qn_connect_options *options, const char *target,
                               qn_connected_fn *fn, void *arg, uint64_t *request)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    (void)options;
    if (st != QN_OK)
        return st;
    if (!target || !fn || !request)
        return QN_E_INVAL;
    for (int i = 0; i < MOCK_CONNS; i++)
        if (!m->connect[i].id) {
            m->connect[i] = (struct qn_mk_connect){++m->next_id, m, fn, arg};
            *request = m->next_id;
            qn_mk_post(m, 0, 0, connect_end, &m->connect[i]);
            return QN_OK;
        }
    return QN_E_LIMIT;
}

static qn_status connect_cancel(qn_cap *cap, uint64_t request)
{
    qn_mock *m = cap->mock;
    for (int i = 0; request && i < MOCK_CONNS; i++)
        if (m->connect[i].id == request) {
            m->connect[i].id = 0;
            return QN_OK;
        }
    return QN_E_CLOSED;
}

const qn_net_connect_1 QN_MK_NET_CONNECT = {
    .h = {sizeof(qn_net_connect_1), QN_NET_CONNECT_1_REVISION},
    .connect = connect_begin,
    .cancel = connect_cancel,
    .done = conn_done,
    .io_watch = qn_mk_io_watch,
    .io_unwatch = qn_mk_io_unwatch};

void qn_mock_connect_with(qn_mock *m, qn_status st)
{
    m->connect_with = st;
}

int qn_mock_take(qn_mock *m)
{
    if (m->n_far == 0)
        return -1;
    int fd = m->far_end[0];
    memmove(m->far_end, m->far_end + 1, (size_t)--m->n_far * sizeof fd);
    return fd;
}

uint32_t qn_mock_connections(const qn_mock *m)
{
    return (uint32_t)m->n_conn;
}

void qn_mk_net_drop(qn_mock *m)
{
    memset(m->listen, 0, sizeof m->listen);
    memset(m->connect, 0, sizeof m->connect);
    while (m->n_far)
        close(m->far_end[--m->n_far]);
    m->n_conn = m->n_watch = 0;
}
