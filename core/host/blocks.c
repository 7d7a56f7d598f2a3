#include "core/host/blocks.h"

#include "core/base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLOTS 64u
#define JOBS 64u /* that a busy pool has not come to */

typedef struct slot {
    const qc_index *at;
    qc_block *block; /* NULL while it is being read */
    uint64_t used;   /* clock of the last use */
    bool spent;
    bool queued; /* nobody reads it yet: whoever wants it first does */
    bool unused; /* it was read ahead, and nobody came for it yet */
} slot;

struct qc_blocks {
    qc_chain *chain;
    size_t max, bytes;
    size_t unused; /* of these, of blocks that were read ahead and are waited for */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    slot slot[SLOTS];
    uint64_t clock;
    unsigned jobs; /* background reads under way */
};

typedef struct ahead_job {
    qc_blocks *b;
    const qc_index *at;
    bool spent;
} ahead_job;

qc_blocks *qc_blocks_new(qc_chain *c, size_t bytes)
{
    qc_blocks *b = qc_alloc(sizeof *b);
    b->chain = c;
    b->max = bytes;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->idle, NULL);
    return b;
}

static size_t size_of(const qc_block *block)
{
    return (size_t)qc_block_view(block)->total;
}

static void drop(qc_blocks *b, slot *s)
{
    if (s->block) {
        b->bytes -= size_of(s->block);
        b->unused -= s->unused ? size_of(s->block) : 0;
        qc_block_unref(s->block);
    }
    *s = (slot){0};
}

void qc_blocks_free(qc_blocks *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    while (b->jobs)
        pthread_cond_wait(&b->idle, &b->lock);
    for (size_t i = 0; i < SLOTS; i++)
        drop(b, &b->slot[i]);
    pthread_mutex_unlock(&b->lock);
    pthread_cond_destroy(&b->idle);
    pthread_mutex_destroy(&b->lock);
    qc_free(b);
}

static slot *find(qc_blocks *b, const qc_index *at)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (b->slot[i].at == at)
            return &b->slot[i];
    return NULL;
}

/* Room for one more: an empty slot, or the one not used for longest. Slots being read stay. */
static slot *room(qc_blocks *b)
{
    slot *best = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        slot *s = &b->slot[i];
        if (!s->at)
            return s;
        if (s->block && (!best || s->used < best->used))
            best = s;
    }
    if (best)
        drop(b, best);
    return best;
}

static void shrink(qc_blocks *b, size_t more)
{
    while (b->bytes && b->bytes + more > b->max) {
        slot *oldest = NULL;
        for (size_t i = 0; i < SLOTS; i++)
            if (b->slot[i].block && (!oldest || b->slot[i].used < oldest->used))
                oldest = &b->slot[i];
        if (!oldest)
            return;
        drop(b, oldest);
    }
}

/* Under the lock. Out: where it is kept, NULL: nowhere, or it was there. */
static slot *keep(qc_blocks *b, const qc_index *at, const qc_block *block, bool spent)
{
    size_t need = size_of(block);
    if (need > b->max)
        return NULL;
    slot *s = find(b, at);
    if (s && s->block && (s->spent || !spent))
        return NULL;
    if (s)
        drop(b, s);
    shrink(b, need);
    s = room(b);
    if (!s)
        return NULL;
    *s = (slot){.at = at, .block = qc_block_ref(block), .used = ++b->clock, .spent = spent};
    b->bytes += need;
    return s;
}

void qc_blocks_offer(qc_blocks *b, const qc_index *i, const qc_block *block)
{
    bool spent = (qc_block_view(block)->flags & QN_VIEW_SPENT) != 0;
    pthread_mutex_lock(&b->lock);
    (void)keep(b, i, block, spent);
    pthread_mutex_unlock(&b->lock);
}

static qc_err read_from_chain(const qc_blocks *b, const qc_index *i, bool spent, qc_block **out)
{
    return spent ? qc_chain_read_block_spent(b->chain, i, out)
                 : qc_chain_read_block(b->chain, i, out);
}

qc_err qc_blocks_get(qc_blocks *b, const qc_index *i, bool spent, qc_block **out)
{
    slot *s;
    pthread_mutex_lock(&b->lock);
    /* Somebody reads it now: better wait than read it twice. */
    while ((s = find(b, i)) && !s->block && !s->queued)
        pthread_cond_wait(&b->idle, &b->lock);
    if (s && s->queued) { /* its job will find that it is not wanted any more */
        *s = (slot){0};
        s = NULL;
    }
    if (s && (s->spent || !spent)) {
        s->used = ++b->clock;
        b->unused -= s->unused ? size_of(s->block) : 0;
        s->unused = false;
        *out = qc_block_ref(s->block);
        pthread_mutex_unlock(&b->lock);
        return QC_OK;
    }
    pthread_mutex_unlock(&b->lock);
    qc_err err = read_from_chain(b, i, spent, out);
    if (err)
        return err;
    qc_blocks_offer(b, i, *out);
    return QC_OK;
}

static void read_ahead(void *arg)
{
    ahead_job *j = arg;
    qc_blocks *b = j->b;
    qc_block *block = NULL;
    pthread_mutex_lock(&b->lock);
    slot *s = find(b, j->at);
    bool wanted = s && s->queued;
    if (wanted)
        s->queued = false;
    pthread_mutex_unlock(&b->lock);
    bool ok = wanted && read_from_chain(b, j->at, j->spent, &block) == QC_OK;
    pthread_mutex_lock(&b->lock);
    if (wanted && (s = find(b, j->at)) && !s->block)
        *s = (slot){0};
    if (ok && (s = keep(b, j->at, block, j->spent))) {
        s->unused = true;
        b->unused += size_of(block);
    }
    b->jobs--;
    pthread_cond_broadcast(&b->idle);
    pthread_mutex_unlock(&b->lock);
    if (ok)
        qc_block_unref(block);
    qc_free(j);
}

void qc_blocks_ahead(qc_blocks *b, uint32_t height, unsigned n, bool spent)
{
    qc_pool *pool = qc_chain_pool(b->chain);
    for (unsigned k = 0; qc_pool_workers(pool) && k < n; k++) {
        const qc_index *at = qc_chain_at(b->chain, height + k);
        if (!at)
            return;
        pthread_mutex_lock(&b->lock);
        /* What was used makes room: a full cache is how it is as a rule. */
        bool full = b->unused > b->max / 2 || b->jobs >= JOBS;
        slot *s = find(b, at) || full ? NULL : room(b);
        if (s) {
            *s = (slot){.at = at, .used = ++b->clock, .spent = spent, .queued = true};
            b->jobs++;
        }
        pthread_mutex_unlock(&b->lock);
        if (!s)
            continue;
        ahead_job *j = qc_alloc(sizeof *j);
        *j = (ahead_job){b, at, spent};
        qc_pool_post(pool, read_ahead, j);
    }
}
