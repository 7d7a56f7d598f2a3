#include "core/chain/ahead.h"

#include "core/base/alloc.h"
#include "core/chain/internal.h"

#define DEPTH 8u

enum { FREE, PLANNED, RUNNING, DONE };

struct place {
    qc_ahead *owner;
    const qc_index *i;
    int state;
    bool unwanted; /* the branch was left while it was being read */
    bool checked;
    qc_block *b; /* NULL when DONE: it failed */
};

struct qc_ahead {
    const qc_chain *c;
    qc_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct place place[DEPTH];
};

qc_err qc_ahead_new(qc_ahead **out, const struct qc_chain *c, unsigned workers)
{
    *out = NULL;
    qc_ahead *a = qc_try_alloc(sizeof *a);
    if (!a)
        return QC_ENOMEM;
    a->c = c;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->done, NULL);
    for (size_t k = 0; k < DEPTH; k++)
        a->place[k].owner = a;
    qc_err err = workers ? qc_pool_new(&a->pool, workers, "ahead") : QC_OK;
    if (err) {
        qc_ahead_free(a);
        return err;
    }
    *out = a;
    return QC_OK;
}

static void empty(struct place *p)
{
    if (p->b)
        qc_block_unref(p->b);
    p->b = NULL;
    p->i = NULL;
    p->state = FREE;
    p->unwanted = false;
}

void qc_ahead_free(qc_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    for (size_t k = 0; k < DEPTH; k++)
        a->place[k].unwanted = true;
    pthread_mutex_unlock(&a->lock);
    qc_pool_free(a->pool);
    for (size_t k = 0; k < DEPTH; k++)
        empty(&a->place[k]);
    pthread_cond_destroy(&a->done);
    pthread_mutex_destroy(&a->lock);
    qc_free(a);
}

/* On a worker. A failure is not told here: the chain thread reads again and tells it. */
static void prepare(void *arg)
{
    struct place *p = arg;
    qc_ahead *a = p->owner;
    pthread_mutex_lock(&a->lock);
    bool skip = p->unwanted;
    const qc_index *i = p->i;
    p->state = RUNNING;
    pthread_mutex_unlock(&a->lock);
    qc_block *b = NULL;
    bool checked = false;
    if (!skip && qc_read_body_quietly(a->c, i, &b) == QC_OK) {
        qc_verdict v = {0};
        checked = qc_check_block(a->c->params, b, true, true, &v);
    }
    pthread_mutex_lock(&a->lock);
    p->b = b;
    p->checked = checked;
    p->state = DONE;
    if (p->unwanted)
        empty(p);
    pthread_cond_broadcast(&a->done);
    pthread_mutex_unlock(&a->lock);
}

static struct place *place_of(qc_ahead *a, const qc_index *i)
{
    for (size_t k = 0; k < DEPTH; k++)
        if (a->place[k].i == i && a->place[k].state != FREE && !a->place[k].unwanted)
            return &a->place[k];
    return NULL;
}

static struct place *place_free(qc_ahead *a)
{
    for (size_t k = 0; k < DEPTH; k++)
        if (a->place[k].state == FREE)
            return &a->place[k];
    return NULL;
}

static void forget_others(qc_ahead *a, const qc_index *most, uint32_t height)
{
    for (size_t k = 0; k < DEPTH; k++) {
        struct place *p = &a->place[k];
        if (p->state == FREE || p->unwanted ||
            (p->i->height >= height && qc_index_ancestor(most, p->i->height) == p->i))
            continue;
        if (p->state == DONE)
            empty(p);
        else
            p->unwanted = true;
    }
}

void qc_ahead_plan(qc_ahead *a, const qc_index *most, uint32_t height)
{
    if (!a->pool || most->height <= height)
        return; /* a single block is not worth handing over */
    pthread_mutex_lock(&a->lock);
    forget_others(a, most, height);
    uint32_t last = QC_MIN(most->height, height + DEPTH - 1);
    for (uint32_t h = height; h <= last; h++) {
        const qc_index *i = qc_index_ancestor(most, h);
        struct place *p = place_of(a, i) ? NULL : place_free(a);
        if (!p || !qc_index_has(i, QC_BLOCK_HAVE_DATA))
            continue;
        p->i = i;
        p->state = PLANNED;
        qc_pool_post(a->pool, prepare, p);
    }
    pthread_mutex_unlock(&a->lock);
}

qc_err qc_ahead_take(qc_ahead *a, const qc_index *i, qc_block **out, bool *checked)
{
    pthread_mutex_lock(&a->lock);
    struct place *p = place_of(a, i);
    while (p && p->state != DONE)
        pthread_cond_wait(&a->done, &a->lock);
    qc_err err = p && p->b ? QC_OK : QC_ENOENT;
    if (!err) {
        *out = p->b;
        *checked = p->checked;
        p->b = NULL;
    }
    if (p)
        empty(p);
    pthread_mutex_unlock(&a->lock);
    return err;
}
