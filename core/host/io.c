#include "core/host/io.h"

#include "core/base/alloc.h"

#include <fcntl.h>

#define FD_MAX 65536

typedef struct qc_io_entry {
    qc_plugin *plugin;
    qc_watch *watch;
    qn_io_fn *fn;
    void *arg;
} qc_io_entry;

static void on_ready(void *arg, int fd, unsigned events)
{
    const qc_io_entry *e = arg;
    if (e->plugin->callable)
        e->fn(e->arg, fd, events); /* e may be gone */
}

static bool make_room(qc_io_set *s, size_t fd)
{
    size_t cap = s->cap ? s->cap : 64;
    while (cap <= fd)
        cap *= 2;
    if (cap == s->cap)
        return true;
    qc_io_entry **more = qc_try_realloc(s->by_fd, cap * sizeof(qc_io_entry *));
    if (!more)
        return false;
    memset(more + s->cap, 0, (cap - s->cap) * sizeof(qc_io_entry *));
    s->by_fd = more;
    s->cap = cap;
    return true;
}

qn_status qc_io_set_watch(qc_io_set *s, qc_plugin *p, int32_t fd, uint32_t events, qn_io_fn *fn,
                          void *arg)
{
    if (!fn || !events || events & ~(QN_IO_READ | QN_IO_WRITE) || fd < 0 || fd >= FD_MAX ||
        fcntl(fd, F_GETFD) < 0)
        return QN_E_INVAL;
    (void)qc_io_set_unwatch(s, fd);
    if (s->n == QC_IO_WATCHES || !make_room(s, (size_t)fd))
        return QN_E_LIMIT;
    qc_io_entry *e = qc_alloc(sizeof *e);
    *e = (qc_io_entry){p, NULL, fn, arg};
    if (qc_io_watch(p->loop, fd, events, on_ready, e, &e->watch)) {
        qc_free(e);
        return QN_E_INVAL; /* a regular file, say: it is always ready */
    }
    s->by_fd[fd] = e;
    s->n++;
    return QN_OK;
}

qn_status qc_io_set_unwatch(qc_io_set *s, int32_t fd)
{
    if (fd < 0 || (size_t)fd >= s->cap || !s->by_fd[fd])
        return QN_E_NOTFOUND;
    qc_unwatch(s->by_fd[fd]->watch);
    qc_free(s->by_fd[fd]);
    s->by_fd[fd] = NULL;
    s->n--;
    return QN_OK;
}

void qc_io_set_clear(qc_io_set *s)
{
    for (size_t fd = 0; fd < s->cap; fd++)
        (void)qc_io_set_unwatch(s, (int32_t)fd);
    qc_free(s->by_fd);
    *s = (qc_io_set){0};
}
