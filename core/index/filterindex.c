/* The thread that keeps the block filter index. Its position is a block; each step takes it one
 * block towards the tip: back while it is off the active chain, else forward. The position is
 * committed when the tip is reached, every 30 s on the way, and at the end; blocks after the last
 * commit are done again after a crash. */
#include "core/index/filterindex.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/index/blockfilter.h"
#include "core/index/filterdb.h"

#include <errno.h>
#include <time.h>

#define COMMIT_NS ((qc_mono)30 * 1000000000)
#define NAME "basic block filter index"

struct qc_filterindex {
    qc_chain *chain;
    qc_filterdb *db;
    qc_thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* tip, position or stop */
    bool stop, poked, failed;
    const qc_index *at; /* guarded by lock; written by the index thread only */
    qc_hash header;     /* filter header of `at`: index thread only */
    qc_mono committed;
    bool dirty;
};

/* ---- position ---- */

static void move_to(qc_filterindex *x, const qc_index *at, const qc_hash *header)
{
    pthread_mutex_lock(&x->lock);
    x->at = at;
    x->header = *header;
    x->dirty = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

static qc_err header_at(qc_filterindex *x, const qc_index *i, qc_hash *out)
{
    if (!i) {
        *out = (qc_hash){{0}};
        return QC_OK;
    }
    return qc_filterdb_get(x->db, i->height, &i->hash, NULL, out);
}

/* Newest block of the committed locator that this node knows and whose filter is here. */
static qc_err restore(qc_filterindex *x)
{
    qc_hash list[QC_FILTER_LOCATOR];
    size_t n;
    qc_err err = qc_filterdb_locator(x->db, list, &n);
    for (size_t i = 0; i < n && !err; i++) {
        const qc_index *at = qc_chain_find(x->chain, &list[i]);
        qc_hash header;
        if (!at)
            continue;
        err = header_at(x, at, &header);
        if (!err) {
            x->at = at;
            x->header = header;
            return QC_OK;
        }
        if (err == QC_ENOENT)
            err = QC_OK;
    }
    return err;
}

static size_t make_locator(const qc_index *at, qc_hash out[static QC_FILTER_LOCATOR])
{
    size_t n = 0;
    uint32_t step = 1;
    while (at && n < QC_FILTER_LOCATOR) {
        out[n++] = at->hash;
        if (at->height == 0)
            break;
        if (n > 10)
            step *= 2;
        at = qc_index_ancestor(at, at->height > step ? at->height - step : 0);
    }
    return n;
}

static qc_err commit(qc_filterindex *x)
{
    qc_hash list[QC_FILTER_LOCATOR];
    if (!x->dirty || !x->at)
        return QC_OK;
    qc_err err = qc_filterdb_commit(x->db, list, make_locator(x->at, list));
    x->dirty = err != QC_OK;
    x->committed = qc_clock_mono();
    return err;
}

/* ---- steps ---- */

static qc_err step_back(qc_filterindex *x)
{
    const qc_index *to = x->at->parent;
    qc_hash header;
    qc_err err = qc_filterdb_leave(x->db, x->at->height);
    if (!err)
        err = header_at(x, to, &header);
    if (!err)
        move_to(x, to, &header);
    return err;
}

static qc_err step_forward(qc_filterindex *x, const qc_index *next)
{
    qc_block *b;
    qc_bytes filter;
    qc_hash hash, header;
    qc_err err = qc_chain_read_block_spent(x->chain, next, &b);
    if (err)
        return err;
    err = qc_blockfilter_basic(b, &filter);
    qc_block_unref(b);
    if (err)
        return err;
    qc_blockfilter_hash(qc_bytes_span(&filter), &hash);
    qc_blockfilter_header(&hash, &x->header, &header);
    err = qc_filterdb_put(x->db, next->height, &next->hash, qc_bytes_span(&filter), &header);
    qc_bytes_free(&filter);
    if (!err)
        move_to(x, next, &header);
    return err;
}

/* One step towards the tip. QC_ENOENT: there is nothing to do. */
static qc_err step(qc_filterindex *x)
{
    if (x->at && !qc_chain_contains(x->chain, x->at))
        return step_back(x);
    const qc_index *next = qc_chain_at(x->chain, x->at ? x->at->height + 1 : 0);
    if (!next)
        return QC_ENOENT;
    if (next->parent != x->at)
        return QC_OK; /* the chain moved between the two looks: look again */
    return step_forward(x, next);
}

static bool wait_for_work(qc_filterindex *x)
{
    pthread_mutex_lock(&x->lock);
    while (!x->stop && !x->poked)
        pthread_cond_wait(&x->changed, &x->lock);
    x->poked = false;
    bool go_on = !x->stop;
    pthread_mutex_unlock(&x->lock);
    return go_on;
}

static bool stopping(qc_filterindex *x)
{
    pthread_mutex_lock(&x->lock);
    bool stop = x->stop;
    pthread_mutex_unlock(&x->lock);
    return stop;
}

static void give_up(qc_filterindex *x, qc_err err)
{
    qc_log(QC_LOG_ERROR, "base", "%s stopped at height %lld: %s", NAME,
           x->at ? (long long)x->at->height : -1, qc_err_text(err));
    pthread_mutex_lock(&x->lock);
    x->failed = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

static void run(void *arg)
{
    qc_filterindex *x = arg;
    qc_err err = QC_OK;
    while (!stopping(x)) {
        err = step(x);
        if (err == QC_ENOENT) {
            err = commit(x);
            if (err || !wait_for_work(x))
                break;
        } else if (err) {
            break;
        } else if (qc_clock_mono() - x->committed > COMMIT_NS && (err = commit(x))) {
            break;
        }
    }
    if (!err)
        err = commit(x);
    if (err)
        give_up(x, err);
}

static void on_tip(void *arg, const qc_index *tip, const qc_index *fork, bool initial)
{
    qc_filterindex *x = arg;
    (void)tip;
    (void)fork;
    (void)initial;
    pthread_mutex_lock(&x->lock);
    x->poked = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

/* ---- life ---- */

qc_err qc_filterindex_start(qc_filterindex **out, qc_chain *c, const char *dir, size_t cache,
                            bool wipe, char *detail, size_t cap)
{
    qc_filterindex *x = qc_alloc(sizeof *x);
    char *path = qc_asprintf("%s/indexes/blockfilter/basic", dir);
    x->chain = c;
    pthread_mutex_init(&x->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&x->changed, &attr);
    pthread_condattr_destroy(&attr);
    qc_err err = qc_filterdb_open(&x->db, path, cache, wipe, detail, cap);
    if (!err)
        err = restore(x);
    x->committed = qc_clock_mono();
    if (!err) {
        qc_chain_events ev = {.arg = x, .tip = on_tip};
        qc_chain_listen(c, &ev);
        err = qc_thread_start(&x->thread, "blkfltbscidx", run, x);
    }
    qc_free(path);
    if (err) {
        qc_filterindex_free(x);
        x = NULL;
    }
    *out = x;
    return err;
}

void qc_filterindex_stop(qc_filterindex *x)
{
    if (!x || !x->thread)
        return;
    pthread_mutex_lock(&x->lock);
    x->stop = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
    qc_thread_join(x->thread);
    x->thread = NULL;
}

void qc_filterindex_free(qc_filterindex *x)
{
    if (!x)
        return;
    qc_filterindex_stop(x);
    qc_filterdb_close(x->db);
    pthread_cond_destroy(&x->changed);
    pthread_mutex_destroy(&x->lock);
    qc_free(x);
}

int64_t qc_filterindex_height(const qc_filterindex *x, bool *synced)
{
    qc_filterindex *m = (qc_filterindex *)(uintptr_t)x; /* only its lock is written */
    pthread_mutex_lock(&m->lock);
    const qc_index *at = x->at;
    pthread_mutex_unlock(&m->lock);
    *synced = at && at == qc_chain_tip(x->chain);
    return at ? (int64_t)at->height : -1;
}

bool qc_filterindex_wait(qc_filterindex *x, int64_t ms)
{
    const qc_index *tip = qc_chain_tip(x->chain);
    qc_mono end = qc_clock_mono() + ms * 1000000;
    struct timespec ts = {(time_t)(end / 1000000000), (long)(end % 1000000000)};
    int rc = 0;
    pthread_mutex_lock(&x->lock);
    while (!x->failed && !x->stop && rc != ETIMEDOUT &&
           !(x->at && tip && qc_index_ancestor(x->at, tip->height) == tip))
        rc = pthread_cond_timedwait(&x->changed, &x->lock, &ts);
    bool ok = x->at && tip && qc_index_ancestor(x->at, tip->height) == tip;
    pthread_mutex_unlock(&x->lock);
    return ok;
}

qc_err qc_filterindex_get(qc_filterindex *x, const qc_index *i, qc_bytes *filter, qc_hash *header)
{
    return qc_filterdb_get(x->db, i->height, &i->hash, filter, header);
}

qc_err qc_filterindex_hash(qc_filterindex *x, const qc_index *i, qc_hash *out)
{
    return qc_filterdb_hash(x->db, i->height, &i->hash, out);
}
