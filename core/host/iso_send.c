/* Messages to a runner: sent at once when there is room, else queued until there is. */
#include "core/host/isolated.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

#include <unistd.h>

/* What waits for a plugin that does not read: replies to itself, events within its windows, calls
 * of others, of which none are let in above QC_PLUGIN_ASKED_ALL. More is a plugin that has stopped
 * reading. */
#define QUEUE_MAX ((size_t)256 << 20)

static void count(qc_isolated *iso, size_t queued)
{
    iso->queued = queued;
    atomic_store(&iso->plugin->queued, queued);
}

static void free_message(qc_iso_message *m)
{
    for (uint32_t i = 0; i < m->out.n_fd; i++)
        close(m->fd[i]);
    qc_bytes_free(&m->payload);
    qc_free(m);
}

static void on_writable(void *arg, int fd, unsigned events)
{
    qc_isolated *iso = arg;
    (void)fd;
    (void)events;
    while (iso->queue && !iso->dead) {
        qc_iso_message *m = iso->queue;
        qc_err err = qc_chan_send(&iso->chan, &m->out);
        if (err == QC_EBUSY)
            return;
        if (err) /* it has gone: the end will be seen by its descriptor */
            break;
        iso->queue = m->next;
        count(iso, iso->queued - (m->payload.len + sizeof *m));
        /* From here on the next call may come, though other messages still wait. */
        if (m->is_reply)
            iso->replying = false;
        free_message(m);
    }
    if (!iso->queue)
        iso->queue_end = &iso->queue;
    qc_unwatch(iso->writing);
    iso->writing = NULL;
}

/* Messages come from the middle of adapters, which go on when they have been sent: what is killed
 * here and now would take their state away beneath them. */
static void give_up(qc_isolated *iso, const char *why)
{
    if (!iso->given_up)
        qc_plugin_kill(iso->plugin, "%s", why);
    iso->given_up = true;
}

static void enqueue(qc_isolated *iso, qc_iso_message *m)
{
    *iso->queue_end = m;
    iso->queue_end = &m->next;
    count(iso, iso->queued + m->payload.len + sizeof *m);
    if (iso->queued > QUEUE_MAX)
        give_up(iso, "it does not read what is sent to it");
    else if (!iso->writing && qc_io_watch(iso->plugin->loop, iso->chan.fd, QC_IO_WRITE, on_writable,
                                          iso, &iso->writing))
        give_up(iso, "no descriptor to watch its socket with");
}

void qc_isolated_send(qc_isolated *iso, qc_frame_kind kind, uint16_t method, uint32_t seq,
                      uint32_t cap, qc_pack *out, const int *fd, uint32_t n_fd)
{
    qc_iso_message *m = qc_alloc(sizeof *m);
    if (out) {
        m->payload = out->out;
        if (out->failed || out->out.len > QC_MESSAGE_MAX) {
            qc_log(QC_LOG_ERROR, "plugin", "%s: no memory for a message to it", iso->plugin->label);
            qc_bytes_free(&m->payload);
        }
        out->out = (qc_bytes)QC_BYTES_INIT;
    }
    m->out = qc_outgoing_of(kind, method, seq, cap, qc_bytes_span(&m->payload));
    if (n_fd)
        memcpy(m->fd, fd, n_fd * sizeof *fd);
    m->out.fd = m->fd;
    m->out.n_fd = n_fd;
    qc_err err = iso->dead || iso->queue ? QC_EBUSY : qc_chan_send(&iso->chan, &m->out);
    if (err == QC_EBUSY && !iso->dead && !iso->given_up) {
        m->is_reply = kind == QC_FRAME_REPLY;
        iso->replying |= m->is_reply;
        enqueue(iso, m);
    } else {
        free_message(m);
    }
}

void qc_iso_queue_clear(qc_isolated *iso)
{
    while (iso->queue) {
        qc_iso_message *m = iso->queue;
        iso->queue = m->next;
        free_message(m);
    }
    iso->queue_end = &iso->queue;
    count(iso, 0);
    qc_unwatch(iso->writing);
    iso->writing = NULL;
}
