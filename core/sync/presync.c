#include "core/sync/presync.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/consensus/check.h"

#define BLOCKS_PER_SECOND                                                                          \
    6 /* no chain can grow faster: median time past goes up by 1 in 6 blocks */

/* A header without its parent's hash. */
typedef struct held {
    int32_t version;
    qc_hash merkle_root;
    uint32_t time, bits, nonce;
} held;

struct qc_presync {
    qc_presync_start start;
    qc_presync_size size;
    uint64_t offset;
    bool second; /* pass */

    /* first pass */
    uint64_t max_bits;
    uint8_t *bit;
    uint64_t n_bits, cap_bits, bits_used;
    qc_hash last_hash;
    uint32_t last_bits, last_time;
    int64_t height;
    qc_u256 work;

    /* second pass: a queue of headers held back */
    held *queue;
    size_t head, n, cap;
    qc_hash before; /* parent of the first in the queue */
    qc_hash tail_hash;
    int64_t tail_height;
    qc_u256 again;
    bool all; /* the work is there: nothing is held back any more */
};

qc_presync_size qc_presync_size_of(qc_chain_id id)
{
    switch (id) {
    case QC_CHAIN_MAIN:
        return (qc_presync_size){641, 15218};
    case QC_CHAIN_TESTNET3:
        return (qc_presync_size){673, 14460};
    case QC_CHAIN_TESTNET4:
        return (qc_presync_size){606, 16092};
    case QC_CHAIN_SIGNET:
        return (qc_presync_size){620, 15724};
    case QC_CHAIN_REGTEST:
        break;
    }
    return (qc_presync_size){275, 7017};
}

qc_presync *qc_presync_new(const qc_presync_start *s)
{
    qc_presync *p = qc_alloc(sizeof *p);
    p->start = *s;
    p->size = qc_presync_size_of(s->params->id);
    p->offset = s->offset % p->size.period;
    int64_t seconds = QC_MAX(s->now - (int64_t)s->mtp, 0) + QC_MAX_FUTURE_BLOCK_TIME;
    p->max_bits = BLOCKS_PER_SECOND * (uint64_t)seconds / p->size.period;
    p->last_hash = s->hash;
    p->last_bits = s->header.bits;
    p->last_time = s->header.time;
    p->height = s->height;
    p->work = s->work;
    qc_log(QC_LOG_DEBUG, "net",
           "Initial headers sync started with peer=%lld: height=%u, max_commitments=%llu",
           (long long)s->peer, s->height, (unsigned long long)p->max_bits);
    return p;
}

void qc_presync_free(qc_presync *p)
{
    if (!p)
        return;
    qc_free(p->bit);
    qc_free(p->queue);
    qc_free(p);
}

static bool give_up(const qc_presync *p, const char *why, int64_t height)
{
    qc_log(QC_LOG_DEBUG, "net",
           "Initial headers sync aborted with peer=%lld: %s at height=%lld (%s phase)",
           (long long)p->start.peer, why, (long long)height, p->second ? "redownload" : "presync");
    return false;
}

static unsigned bit_of(const qc_presync *p, const qc_hash *hash)
{
    return (unsigned)(qc_siphash_hash(&p->start.salt, hash) & 1);
}

static bool at_commitment(const qc_presync *p, int64_t height)
{
    return (uint64_t)height % p->size.period == p->offset;
}

static bool keep_bit(qc_presync *p, const qc_hash *hash, int64_t height)
{
    if (p->n_bits >= p->max_bits)
        return give_up(p, "exceeded max commitments", height);
    if (p->n_bits == p->cap_bits) {
        uint64_t cap = p->cap_bits ? p->cap_bits * 2 : 1024;
        uint8_t *v = qc_try_realloc(p->bit, cap / 8);
        if (!v)
            return give_up(p, "out of memory", height);
        p->bit = v;
        p->cap_bits = cap;
    }
    uint8_t mask = (uint8_t)(1u << p->n_bits % 8), *byte = &p->bit[p->n_bits / 8];
    *byte = (uint8_t)(bit_of(p, hash) ? *byte | mask : *byte & ~mask);
    p->n_bits++;
    return true;
}

static void begin_second(qc_presync *p)
{
    p->second = true;
    p->before = p->tail_hash = p->start.hash;
    p->tail_height = p->start.height;
    p->again = p->start.work;
    qc_log(QC_LOG_DEBUG, "net",
           "Initial headers sync transition with peer=%lld: reached sufficient work at "
           "height=%lld, redownloading from height=%u",
           (long long)p->start.peer, (long long)p->height, p->start.height);
}

static bool first_pass(qc_presync *p, const qc_header *h, const qc_hash *hash, size_t n)
{
    if (!qc_hash_eq(&h[0].prev, &p->last_hash))
        return give_up(p, "non-continuous headers", p->height);
    for (size_t k = 0; k < n; k++) {
        int64_t next = p->height + 1;
        qc_u256 work;
        if (!qc_permitted_transition(p->start.params, (uint32_t)next, p->last_bits, h[k].bits))
            return give_up(p, "invalid difficulty transition", next);
        if (at_commitment(p, next) && !keep_bit(p, &hash[k], next))
            return false;
        qc_header_work(h[k].bits, &work);
        qc_u256_add(&p->work, &work);
        p->last_hash = hash[k];
        p->last_bits = h[k].bits;
        p->last_time = h[k].time;
        p->height = next;
    }
    if (qc_u256_cmp(&p->work, &p->start.want) >= 0)
        begin_second(p);
    return true;
}

/* ---- the second pass ---- */

static bool push(qc_presync *p, const qc_header *h)
{
    if (p->head + p->n == p->cap) {
        if (p->head && p->n)
            memmove(p->queue, p->queue + p->head, p->n * sizeof *p->queue);
        p->head = 0;
    }
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 4096;
        held *v = qc_try_realloc(p->queue, cap * sizeof *v);
        if (!v)
            return false;
        p->queue = v;
        p->cap = cap;
    }
    p->queue[p->head + p->n++] = (held){h->version, h->merkle_root, h->time, h->bits, h->nonce};
    return true;
}

static bool bit_agrees(qc_presync *p, const qc_hash *hash, int64_t height)
{
    if (p->bits_used == p->n_bits)
        return give_up(p, "commitment overrun", height);
    unsigned want = (unsigned)p->bit[p->bits_used / 8] >> p->bits_used % 8 & 1u;
    p->bits_used++;
    return bit_of(p, hash) == want || give_up(p, "commitment mismatch", height);
}

static bool second_pass(qc_presync *p, const qc_header *h, const qc_hash *hash)
{
    int64_t next = p->tail_height + 1;
    uint32_t bits = p->n ? p->queue[p->head + p->n - 1].bits : p->start.header.bits;
    qc_u256 work;
    if (!qc_hash_eq(&h->prev, &p->tail_hash))
        return give_up(p, "non-continuous headers", next);
    if (!qc_permitted_transition(p->start.params, (uint32_t)next, bits, h->bits))
        return give_up(p, "invalid difficulty transition", next);
    qc_header_work(h->bits, &work);
    qc_u256_add(&p->again, &work);
    if (qc_u256_cmp(&p->again, &p->start.want) >= 0)
        p->all = true;
    /* Past the wanted work there may be no more bits: the chain can have grown meanwhile. */
    if (!p->all && at_commitment(p, next) && !bit_agrees(p, hash, next))
        return false;
    if (!push(p, h))
        return give_up(p, "out of memory", next);
    p->tail_height = next;
    p->tail_hash = *hash;
    return true;
}

static bool release(qc_presync *p, qc_presync_result *out)
{
    size_t n = p->all ? p->n : p->n > p->size.buffer ? p->n - p->size.buffer : 0;
    if (!n)
        return true;
    out->released = qc_try_calloc(n, sizeof *out->released);
    if (!out->released)
        return give_up(p, "out of memory", p->tail_height);
    for (size_t k = 0; k < n; k++) {
        const held *q = &p->queue[p->head + k];
        qc_header *h = &out->released[k];
        *h = (qc_header){q->version, p->before, q->merkle_root, q->time, q->bits, q->nonce};
        qc_header_hash(h, &p->before);
    }
    p->head += n;
    p->n -= n;
    out->n_released = n;
    return true;
}

static void continue_second(qc_presync *p, const qc_header *h, const qc_hash *hash, size_t n,
                            bool full, qc_presync_result *out)
{
    for (size_t k = 0; k < n; k++)
        if (!second_pass(p, &h[k], &hash[k]))
            return;
    if (!release(p, out))
        return;
    out->ok = true;
    if (p->all && !p->n)
        qc_log(QC_LOG_DEBUG, "net",
               "Initial headers sync complete with peer=%lld: releasing all at height=%lld "
               "(redownload phase)",
               (long long)p->start.peer, (long long)p->tail_height);
    else if (full)
        out->more = true;
    else
        give_up(p, "incomplete headers message", p->tail_height);
}

void qc_presync_next(qc_presync *p, const qc_header *h, const qc_hash *hash, size_t n, bool full,
                     qc_presync_result *out)
{
    *out = (qc_presync_result){.ok = false};
    if (p->second) {
        continue_second(p, h, hash, n, full, out);
    } else {
        out->ok = first_pass(p, h, hash, n);
        out->more = out->ok && (full || p->second);
        if (out->ok && !out->more)
            give_up(p, "incomplete headers message", p->height);
    }
    out->from = p->second ? p->tail_hash : p->last_hash;
}

int64_t qc_presync_height(const qc_presync *p)
{
    return p->second ? -1 : p->height;
}

const qc_hash *qc_presync_base(const qc_presync *p)
{
    return &p->start.hash;
}

uint32_t qc_presync_time(const qc_presync *p)
{
    return p->last_time;
}

size_t qc_presync_bytes(const qc_presync *p)
{
    return sizeof *p + p->cap_bits / 8 + p->cap * sizeof *p->queue;
}
