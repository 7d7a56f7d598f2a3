#include "core/host/spare.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/frame/frame.h"
#include "core/os/thread.h"

typedef struct place {
    bool wanted, ready;
    qc_child child;
} place;

struct qc_spare {
    int runner_fd, module_fd;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t changed;
    qc_thread *thread; /* a process dies with the thread that started it: this one outlives all */
    bool stop;
    place place[QC_SPARE_KINDS];
};

/* The message fits into the empty socket; who is not there any more will be seen by who takes it.
 */
static qc_err make(const qc_spare *s, qc_spare_kind kind, qc_child *out)
{
    qc_chan chan;
    qc_child c;
    qc_err err = qc_child_start(s->runner_fd, &c);
    if (err)
        return err;
    qc_chan_init(&chan, c.socket, 0);
    qc_outgoing o = qc_outgoing_of(QC_FRAME_WARM, 0, 0, 0, qc_span_of(NULL, 0));
    o.fd = &s->module_fd;
    o.n_fd = kind == QC_SPARE_STORE;
    err = qc_chan_send(&chan, &o);
    chan.fd = -1; /* the child's again */
    qc_chan_clear(&chan);
    *out = c;
    return err == QC_ENOENT ? QC_OK : err;
}

static void end(qc_child *c)
{
    int status;
    qc_child_kill(c);
    qc_child_wait(c, &status);
    qc_child_clear(c);
}

/* Under the lock, which is let go meanwhile. */
static void fill(qc_spare *s, qc_spare_kind kind)
{
    qc_child c = QC_CHILD_INIT;
    s->place[kind].wanted = false;
    pthread_mutex_unlock(&s->lock);
    qc_err err = make(s, kind, &c);
    if (err)
        qc_log(QC_LOG_DEBUG, "plugin", "no runner to wait for a plugin: %s", qc_err_text(err));
    if (err && c.pid > 0)
        end(&c);
    pthread_mutex_lock(&s->lock);
    s->place[kind].child = c;
    s->place[kind].ready = !err;
}

/* The kind to be made next, or none. */
static qc_spare_kind next(const qc_spare *s)
{
    qc_spare_kind k = 0;
    while (k < QC_SPARE_KINDS && (!s->place[k].wanted || s->place[k].ready))
        k++;
    return k;
}

static void thread_main(void *arg)
{
    qc_spare *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        qc_spare_kind kind = next(s);
        if (kind == QC_SPARE_KINDS)
            pthread_cond_wait(&s->changed, &s->lock);
        else
            fill(s, kind);
    }
    for (unsigned k = 0; k < QC_SPARE_KINDS; k++)
        if (s->place[k].ready)
            end(&s->place[k].child);
    pthread_mutex_unlock(&s->lock);
}

qc_spare *qc_spare_new(int runner_fd, int module_fd)
{
    qc_spare *s = qc_alloc(sizeof *s);
    s->runner_fd = runner_fd;
    s->module_fd = module_fd;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    return s;
}

void qc_spare_free(qc_spare *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    qc_thread_join(s->thread);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    qc_free(s);
}

void qc_spare_want(qc_spare *s, qc_spare_kind kind)
{
    if (!s || (kind == QC_SPARE_STORE && s->module_fd < 0))
        return;
    pthread_mutex_lock(&s->lock);
    s->place[kind].wanted = true;
    if (!s->thread && qc_thread_start(&s->thread, "p.spare", thread_main, s))
        s->thread = NULL; /* perhaps the next time */
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool qc_spare_take(qc_spare *s, qc_spare_kind kind, qc_child *out)
{
    int status;
    if (!s)
        return false;
    pthread_mutex_lock(&s->lock);
    bool ready = s->place[kind].ready;
    qc_child c = s->place[kind].child;
    s->place[kind].ready = false;
    pthread_mutex_unlock(&s->lock);
    if (ready && qc_child_reap(&c, &status)) { /* somebody has ended it meanwhile */
        qc_child_clear(&c);
        ready = false;
    }
    if (ready)
        *out = c;
    return ready;
}
