/* Each step takes the index one block towards the tip: back while its block is off the active
 * chain, else forward. The position is committed when the tip is reached, every 30 s on the way,
 * and at the end; blocks after the last commit are done again after a crash. */
#include "core/index/keeper.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define COMMIT_NS ((qc_mono)30 * 1000000000)

struct qc_keeper {
    const qc_keeper_ops *ops;
    void *arg;
    qc_chain *chain;
    qc_thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* tip, position or stop */
    bool stop, poked, failed;
    const qc_index *at; /* guarded by lock; written by the index thread only */
    qc_mono committed;
    bool dirty;
};

/* ---- position ---- */

static void move_to(qc_keeper *f, const qc_index *at)
{
    pthread_mutex_lock(&f->lock);
    f->at = at;
    f->dirty = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* Newest block of the committed locator that this node knows and the index has. */
static qc_err restore(qc_keeper *f)
{
    qc_bookmark l;
    qc_err err = f->ops->locator(f->arg, &l);
    if (err)
        return err;
    for (size_t i = 0; i < l.n; i++) {
        const qc_index *at = qc_chain_find(f->chain, &l.hash[i]);
        if (!at)
            continue;
        err = f->ops->restore(f->arg, at);
        if (err == QC_ENOENT)
            continue;
        if (!err)
            f->at = at;
        return err;
    }
    return f->ops->restore(f->arg, NULL);
}

/* Is the block part of what would be there after a crash? */
static bool is_durable(const qc_keeper *f, const qc_index *at)
{
    const qc_index *safe = qc_chain_durable(f->chain);
    return safe && qc_index_ancestor(safe, at->height) == at;
}

static qc_err commit(qc_keeper *f)
{
    qc_bookmark l;
    f->committed = qc_clock_mono();
    if (!f->dirty || !f->at || !is_durable(f, f->at))
        return QC_OK;
    qc_bookmark_make(f->at, &l);
    qc_err err = f->ops->commit(f->arg, &l);
    f->dirty = err != QC_OK;
    return err;
}

/* ---- steps ---- */

static qc_err step_back(qc_keeper *f)
{
    qc_block *b = NULL;
    qc_err err = f->ops->remove_block ? qc_chain_read_block_spent(f->chain, f->at, &b) : QC_OK;
    if (!err)
        err = f->ops->remove(f->arg, f->at, b);
    if (b)
        qc_block_unref(b);
    if (!err)
        move_to(f, f->at->parent);
    return err;
}

static qc_err step_forward(qc_keeper *f, const qc_index *next)
{
    qc_block *b;
    qc_err err = f->ops->append_spent ? qc_chain_read_block_spent(f->chain, next, &b)
                                      : qc_chain_read_block(f->chain, next, &b);
    if (err)
        return err;
    err = f->ops->append(f->arg, next, b);
    qc_block_unref(b);
    if (!err)
        move_to(f, next);
    return err;
}

/* Does the index stand at the tip, or has the chain only gone back on the branch that it has? Then
 * nothing is undone before the chain takes another way (Core BaseIndex): after a crash, and while
 * the coins are built anew, it comes the same way again; and a block that was invalidated may be
 * reconsidered. */
static bool covers_tip(const qc_keeper *f, const qc_index *at)
{
    const qc_index *tip = qc_chain_tip(f->chain);
    return tip && at && qc_index_ancestor(at, tip->height) == tip;
}

/* One step towards the tip. QC_ENOENT: there is nothing to do. */
static qc_err step(qc_keeper *f)
{
    if (!qc_chain_tip(f->chain) || covers_tip(f, f->at))
        return QC_ENOENT;
    if (f->at && !qc_chain_contains(f->chain, f->at))
        return step_back(f);
    const qc_index *next = qc_chain_at(f->chain, f->at ? f->at->height + 1 : 0);
    if (!next)
        return QC_ENOENT;
    if (next->parent != f->at)
        return QC_OK; /* the chain moved between the two looks: look again */
    qc_err err = step_forward(f, next);
    return err == QC_ENOENT ? QC_ECORRUPT : err; /* "nothing to do" is another thing */
}

static bool wait_for_work(qc_keeper *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->stop && !f->poked)
        pthread_cond_wait(&f->changed, &f->lock);
    f->poked = false;
    bool go_on = !f->stop;
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static bool stopping(qc_keeper *f)
{
    pthread_mutex_lock(&f->lock);
    bool stop = f->stop;
    pthread_mutex_unlock(&f->lock);
    return stop;
}

static void give_up(qc_keeper *f, qc_err err)
{
    qc_log(QC_LOG_ERROR, "base", "%s stopped at height %lld: %s", f->ops->name,
           f->at ? (long long)f->at->height : -1, qc_err_text(err));
    pthread_mutex_lock(&f->lock);
    f->failed = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* At the end: what was not undone yet would be forgotten, since the place of a block that is not
 * durable is not committed. While the coins are built anew the chain comes to the branch again. */
static qc_err leave_branch(qc_keeper *f)
{
    qc_err err = QC_OK;
    bool comes_again = qc_chain_initial_download(f->chain) && covers_tip(f, f->at);
    while (!err && !comes_again && f->at && qc_chain_tip(f->chain) &&
           !qc_chain_contains(f->chain, f->at))
        err = step_back(f);
    return err;
}

static void run(void *arg)
{
    qc_keeper *f = arg;
    qc_err err = QC_OK;
    while (!stopping(f)) {
        err = step(f);
        if (err == QC_ENOENT) {
            err = commit(f);
            if (err || !wait_for_work(f))
                break;
        } else if (err) {
            break;
        } else if (qc_clock_mono() - f->committed > COMMIT_NS && (err = commit(f))) {
            break;
        }
    }
    if (!err)
        err = leave_branch(f);
    if (!err)
        err = commit(f);
    if (err)
        give_up(f, err);
}

/* ---- what the chain tells ---- */

static void poke(qc_keeper *f)
{
    pthread_mutex_lock(&f->lock);
    f->poked = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* Chain thread, or before it runs. */
static void hold_blocks(qc_keeper *f)
{
    if (!qc_chain_is_pruned_mode(f->chain, NULL))
        return;
    pthread_mutex_lock(&f->lock);
    uint32_t height = f->at ? f->at->height : 0; /* the chain itself keeps some below it */
    bool failed = f->failed;
    pthread_mutex_unlock(&f->lock);
    qc_chain_pin(f->chain, f->ops->name, failed ? UINT32_MAX : height, UINT64_MAX);
}

static void on_tip(void *arg, const qc_index *tip, const qc_index *fork, bool initial)
{
    (void)tip;
    (void)fork;
    (void)initial;
    hold_blocks(arg);
    poke(arg);
}

static void on_durable(void *arg, const qc_index *tip)
{
    (void)tip;
    poke(arg);
}

/* ---- life ---- */

/* Are the blocks that are still to come there? */
static qc_err check_pruned(const qc_keeper *f, char *detail, size_t cap)
{
    uint32_t next = f->at ? f->at->height + 1 : 0;
    const qc_index *tip = qc_chain_tip(f->chain);
    if (!qc_chain_is_pruned_mode(f->chain, NULL) || !tip || tip->height < next ||
        qc_chain_prune_height(f->chain) <= next)
        return QC_OK;
    snprintf(detail, cap,
             "%s best block of the index goes beyond pruned data (including undo data). Please "
             "disable the index or reindex (which will download the whole blockchain again)",
             f->ops->name);
    return QC_EPRUNED;
}

qc_err qc_keeper_start(qc_keeper **out, const qc_keeper_ops *ops, void *arg, qc_chain *c,
                       char *detail, size_t cap)
{
    qc_keeper *f = qc_alloc(sizeof *f);
    pthread_condattr_t attr;
    f->ops = ops;
    f->arg = arg;
    f->chain = c;
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->changed, &attr);
    pthread_condattr_destroy(&attr);
    qc_err err = restore(f);
    if (!err)
        err = check_pruned(f, detail, cap);
    f->committed = qc_clock_mono();
    if (!err) {
        qc_chain_events ev = {.arg = f, .tip = on_tip, .durable = on_durable};
        qc_chain_listen(c, &ev);
        hold_blocks(f);
        err = qc_thread_start(&f->thread, ops->thread_name, run, f);
    }
    if (err) {
        qc_keeper_free(f);
        f = NULL;
    }
    *out = f;
    return err;
}

void qc_keeper_stop(qc_keeper *f)
{
    if (!f || !f->thread)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    qc_thread_join(f->thread);
    f->thread = NULL;
}

void qc_keeper_free(qc_keeper *f)
{
    if (!f)
        return;
    qc_keeper_stop(f);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    qc_free(f);
}

const char *qc_keeper_name(const qc_keeper *f)
{
    return f->ops->name;
}

int64_t qc_keeper_height(const qc_keeper *f, bool *synced)
{
    qc_keeper *m = (qc_keeper *)(uintptr_t)f; /* only its lock is written */
    pthread_mutex_lock(&m->lock);
    const qc_index *at = f->at;
    pthread_mutex_unlock(&m->lock);
    *synced = covers_tip(f, at);
    return at ? (int64_t)at->height : -1;
}

bool qc_keeper_wait(qc_keeper *f, int64_t ms)
{
    const qc_index *tip = qc_chain_tip(f->chain);
    qc_mono end = qc_clock_mono() + ms * 1000000;
    struct timespec ts = {(time_t)(end / 1000000000), (long)(end % 1000000000)};
    int rc = 0;
    pthread_mutex_lock(&f->lock);
    while (!f->failed && !f->stop && rc != ETIMEDOUT &&
           !(f->at && tip && qc_index_ancestor(f->at, tip->height) == tip))
        rc = pthread_cond_timedwait(&f->changed, &f->lock, &ts);
    bool ok = f->at && tip && qc_index_ancestor(f->at, tip->height) == tip;
    pthread_mutex_unlock(&f->lock);
    return ok;
}
