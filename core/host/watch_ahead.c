#include "core/host/watch_ahead.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"

#include <pthread.h>

#define SLOTS 16u
#define ROOM ((uint64_t)32 << 20) /* bytes of blocks that wait, above which none is asked for */
#define GUESS ((uint64_t)4 << 20) /* bytes of one that is not read yet */
#define JOBS 64u                  /* that a busy pool has not come to */

typedef enum slot_state { FREE, ASKED, READING, READ } slot_state;

typedef struct slot {
    slot_state state;
    const void *reader; /* NULL: it has gone while the block is being read */
    const qc_index *at;
    uint64_t ticket;  /* of the job that may take it up */
    qc_watchset *set; /* what the reader watches, */
    uint16_t owner;   /* as this one of it */
    qc_block *block;  /* READ: what is the reader's of it, as the set was at `version` */
    bool done;        /* READ: it could be; NULL is nothing then */
    uint64_t version; /* of the set before it was looked at */
} slot;

struct qc_watch_ahead {
    qc_chain *chain;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* a slot has been read, or a job is over */
    slot slot[SLOTS];
    uint64_t tickets;
    unsigned jobs; /* that were given to the pool and are not over */
};

typedef struct job {
    qc_watch_ahead *a;
    slot *s;
    uint64_t ticket;
} job;

qc_watch_ahead *qc_watch_ahead_new(qc_chain *c)
{
    qc_watch_ahead *a = qc_alloc(sizeof *a);
    a->chain = c;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->moved, NULL);
    return a;
}

static void clear(slot *s)
{
    qc_block_unref(s->block);
    *s = (slot){.state = FREE};
}

void qc_watch_ahead_free(qc_watch_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    while (a->jobs)
        pthread_cond_wait(&a->moved, &a->lock);
    for (size_t i = 0; i < SLOTS; i++)
        clear(&a->slot[i]);
    pthread_mutex_unlock(&a->lock);
    pthread_cond_destroy(&a->moved);
    pthread_mutex_destroy(&a->lock);
    qc_free(a);
}

/* ---- looking ---- */

typedef struct looker {
    qc_watchset *set;
    const qc_sieve *sieve;
    uint16_t owner;
    bool found;
} looker;

static void is_ours(void *arg, const qc_watch_found *f)
{
    looker *l = arg;
    l->found |= f->owner == l->owner;
}

static bool look_at(void *arg, const uint8_t *spent, qc_span script)
{
    looker *l = arg;
    qc_outpoint o;
    l->found = false;
    qc_watchset_sift(l->set, l->sieve, QC_WATCH_SCRIPT, script, is_ours, l);
    if (spent) { /* as the set has it: the number in the host's order */
        memcpy(o.txid.b, spent, sizeof o.txid.b);
        o.n = qc_read_le32(spent + sizeof o.txid.b);
        qc_watchset_sift(l->set, l->sieve, QC_WATCH_OUTPOINT, qc_span_of(&o, sizeof o), is_ours, l);
    }
    return l->found;
}

/* What is the reader's: no more is made of the block. */
static qc_err read_one(qc_watch_ahead *a, const qc_index *at, qc_watchset *set, uint16_t owner,
                       qc_block **out)
{
    qc_sieve *sieve = qc_watchset_sieve(set);
    looker l = {set, sieve, owner, false};
    qc_err err = qc_chain_pick_coins(a->chain, at, look_at, &l, out);
    qc_sieve_unref(sieve);
    return err ? qc_chain_read_block_bare(a->chain, at, out) : QC_OK;
}

/* ---- under the lock ---- */

/* One that is ASKED becomes READ; the lock is let go meanwhile. */
static void serve(qc_watch_ahead *a, slot *s)
{
    const qc_index *at = s->at;
    qc_watchset *set = s->set;
    const uint16_t owner = s->owner;
    qc_block *b;
    s->state = READING;
    s->version = qc_watchset_version(set);
    pthread_mutex_unlock(&a->lock);
    qc_err err = read_one(a, at, set, owner, &b);
    pthread_mutex_lock(&a->lock);
    s->block = err ? NULL : b;
    s->done = !err;
    s->state = READ;
    if (!s->reader)
        clear(s);
    pthread_cond_broadcast(&a->moved);
}

static slot *find(qc_watch_ahead *a, const void *reader, const qc_index *at)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (a->slot[i].state != FREE && a->slot[i].reader == reader && a->slot[i].at == at)
            return &a->slot[i];
    return NULL;
}

/* NULL: no room. */
static slot *room(qc_watch_ahead *a)
{
    slot *s = NULL;
    uint64_t bytes = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        slot_state state = a->slot[i].state;
        if (a->slot[i].block)
            bytes += qc_block_view(a->slot[i].block)->total;
        else if (state == ASKED || state == READING)
            bytes += GUESS;
        if (state == FREE)
            s = &a->slot[i];
    }
    return bytes > ROOM || a->jobs >= JOBS ? NULL : s;
}

/* The lowest that nobody has begun. */
static slot *first_asked(qc_watch_ahead *a, const void *reader)
{
    slot *best = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        slot *s = &a->slot[i];
        if (s->state == ASKED && s->reader == reader && (!best || s->ticket < best->ticket))
            best = s;
    }
    return best;
}

/* ---- readers ---- */

static void run(void *arg)
{
    job *j = arg;
    qc_watch_ahead *a = j->a;
    pthread_mutex_lock(&a->lock);
    if (j->s->state == ASKED && j->s->ticket == j->ticket)
        serve(a, j->s);
    a->jobs--;
    pthread_cond_broadcast(&a->moved);
    pthread_mutex_unlock(&a->lock);
    qc_free(j);
}

void qc_watch_ahead_ask(qc_watch_ahead *a, const void *reader, const qc_index *at, qc_watchset *set,
                        uint16_t owner)
{
    qc_pool *pool = qc_chain_pool(a->chain);
    if (!qc_pool_workers(pool))
        return;
    pthread_mutex_lock(&a->lock);
    slot *s = find(a, reader, at) ? NULL : room(a);
    job *j = s ? qc_try_malloc(sizeof *j) : NULL;
    if (j) {
        *s = (slot){.state = ASKED,
                    .reader = reader,
                    .at = at,
                    .ticket = ++a->tickets,
                    .set = set,
                    .owner = owner};
        *j = (job){a, s, s->ticket};
        a->jobs++;
    }
    pthread_mutex_unlock(&a->lock);
    if (j)
        qc_pool_post(pool, run, j);
}

qc_err qc_watch_ahead_take(qc_watch_ahead *a, const void *reader, const qc_index *at,
                           qc_watchset *set, uint16_t owner, uint64_t since, qc_block **out)
{
    qc_block *b = NULL;
    bool done = false;
    pthread_mutex_lock(&a->lock);
    slot *s = find(a, reader, at);
    while (s && s->state == READING) { /* a worker does: another one is ours meanwhile */
        slot *other = first_asked(a, reader);
        if (other)
            serve(a, other);
        else
            pthread_cond_wait(&a->moved, &a->lock);
    }
    if (s) {
        done = s->done && s->version >= since;
        if (done) {
            b = s->block;
            s->block = NULL;
        }
        clear(s);
    }
    pthread_mutex_unlock(&a->lock);
    *out = b;
    return done ? QC_OK : read_one(a, at, set, owner, out);
}

void qc_watch_ahead_drop(qc_watch_ahead *a, const void *reader)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < SLOTS; i++) {
        slot *s = &a->slot[i];
        if (s->state == FREE || s->reader != reader)
            continue;
        s->reader = NULL;
        if (s->state != READING)
            clear(s);
    }
    pthread_mutex_unlock(&a->lock);
}
