#include "core/host/spare.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/frame/frame.h"
#include "core/os/thread.h"

struct qc_spare {
    int runner_fd, module_fd;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t changed;
    qc_thread *thread; /* a process dies with the thread that started it: this one outlives all */
    bool wanted, stop, ready;
    qc_child child;
};

/* The message fits into the empty socket; who is not there any more will be seen by who takes it.
 */
static qc_err make(const qc_spare *s, qc_child *out)
{
    qc_chan chan;
    qc_child c;
    qc_err err = qc_child_start(s->runner_fd, &c);
    if (err)
        return err;
    qc_chan_init(&chan, c.socket, 0);
    qc_outgoing o = qc_outgoing_of(QC_FRAME_WARM, 0, 0, 0, qc_span_of(NULL, 0));
    o.fd = &s->module_fd;
    o.n_fd = 1;
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

static void thread_main(void *arg)
{
    qc_spare *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (!s->wanted || s->ready) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        qc_child c = QC_CHILD_INIT;
        s->wanted = false;
        pthread_mutex_unlock(&s->lock);
        qc_err err = make(s, &c);
        if (err)
            qc_log(QC_LOG_DEBUG, "plugin", "no runner to wait for a plugin: %s", qc_err_text(err));
        if (err && c.pid > 0)
            end(&c);
        pthread_mutex_lock(&s->lock);
        s->child = c;
        s->ready = !err;
    }
    if (s->ready)
        end(&s->child);
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

void qc_spare_want(qc_spare *s)
{
    pthread_mutex_lock(&s->lock);
    s->wanted = true;
    if (!s->thread && qc_thread_start(&s->thread, "p.spare", thread_main, s))
        s->thread = NULL; /* perhaps the next time */
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool qc_spare_take(qc_spare *s, qc_child *out)
{
    int status;
    pthread_mutex_lock(&s->lock);
    bool ready = s->ready;
    qc_child c = s->child;
    s->ready = false;
    pthread_mutex_unlock(&s->lock);
    if (ready && qc_child_reap(&c, &status)) { /* somebody has ended it meanwhile */
        qc_child_clear(&c);
        ready = false;
    }
    if (ready)
        *out = c;
    return ready;
}
