/* io_watch() and io_unwatch() of the interfaces that hand descriptors over: the descriptors are
 * here, and so is the loop. */
#include "runner/loop.h"
#include "runner/proxies.h"

#include <poll.h>

static void on_ready(void *arg, const qc_rt_watch *w, short ready)
{
    uint32_t events = 0;
    (void)arg;
    if (ready & (POLLIN | POLLHUP | POLLERR | POLLNVAL))
        events |= QN_IO_READ;
    if (ready & (POLLOUT | POLLHUP | POLLERR | POLLNVAL))
        events |= QN_IO_WRITE;
    events &= (w->mask & POLLIN ? QN_IO_READ : 0) | (w->mask & POLLOUT ? QN_IO_WRITE : 0);
    if (events)
        ((qn_io_fn *)w->user)(w->arg, w->fd, events);
}

static qn_status watch(qn_cap *cap, int32_t fd, uint32_t events, qn_io_fn *fn, void *arg)
{
    qn_status st = qc_rt_enter(cap, 0);
    if (st != QN_OK)
        return st;
    if (!fn || !events || events & ~(QN_IO_READ | QN_IO_WRITE))
        return QN_E_INVAL;
    /* Of a new id: what was seen ready for an old watch is not told to the new one. */
    const qc_rt_watch w = {
        .fd = fd,
        .mask = (short)((events & QN_IO_READ ? POLLIN : 0) | (events & QN_IO_WRITE ? POLLOUT : 0)),
        .fn = on_ready,
        .user = (qc_rt_fn *)fn,
        .arg = arg};
    return qc_rt_watch_set(cap->rt, &w);
}

static qn_status unwatch(qn_cap *cap, int32_t fd)
{
    qn_status st = qc_rt_enter(cap, 1);
    qc_rt_watch *w = st == QN_OK ? qc_rt_watch_of(cap->rt, fd) : NULL;
    if (w)
        qc_rt_watch_end(cap->rt, w);
    return st != QN_OK || w ? st : QN_E_NOTFOUND;
}

qn_status qc_px_net_listen_1_io_watch(qn_cap *cap, int32_t fd, uint32_t events,
                                      qn_io_fn *on_ready_fn, void *arg)
{
    return watch(cap, fd, events, on_ready_fn, arg);
}

qn_status qc_px_net_listen_1_io_unwatch(qn_cap *cap, int32_t fd)
{
    return unwatch(cap, fd);
}

qn_status qc_px_net_connect_1_io_watch(qn_cap *cap, int32_t fd, uint32_t events,
                                       qn_io_fn *on_ready_fn, void *arg)
{
    return watch(cap, fd, events, on_ready_fn, arg);
}

qn_status qc_px_net_connect_1_io_unwatch(qn_cap *cap, int32_t fd)
{
    return unwatch(cap, fd);
}
