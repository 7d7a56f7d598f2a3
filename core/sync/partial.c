#include "core/sync/partial.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/consensus/check.h"

#define TX_WEIGHT_LEAST 40u /* Core MIN_SERIALIZABLE_TRANSACTION_WEIGHT */
#define PROBES 64u          /* of the table of short ids */
#define EMPTY UINT64_MAX    /* no place is 0xffff */

typedef enum origin { NOWHERE, PREFILLED, POOL, EXTRA, COLLIDED } origin;

typedef struct slot {
    qc_span tx;    /* data NULL: missing */
    qc_tx_ids ids; /* of a known one, until it has to wait */
    uint8_t from;
} slot;

struct qc_partial {
    qc_header header;
    uint32_t n_tx, n_missing;
    qc_partial_counts count;
    bool spent;
    slot *slot;    /* owned */
    uint8_t *held; /* owned; where the slots point once it waits */
    size_t n_held;
};

/* ---- short ids ---- */

/* An open hash table of id << 16 | place. The ids come from a stranger, and so must not be trusted
 * to be spread: a long run of neighbours is taken for an attack, as Core takes a full bucket. With
 * a quarter of the places in use chance needs far fewer probes. */
typedef struct id_map {
    uint64_t *at;
    uint64_t mask;
} id_map;

/* Where `id` is, or where it belongs; NULL: too far away. */
static uint64_t *probe(const id_map *m, uint64_t id)
{
    for (uint64_t k = 0; k < PROBES; k++) {
        uint64_t *e = &m->at[(id + k) & m->mask];
        if (*e == EMPTY || *e >> 16 == id)
            return e;
    }
    return NULL;
}

static qc_partial_status map_ids(id_map *m, const qc_partial *p, const qc_cmpct *c)
{
    uint64_t size = 64;
    uint32_t place = 0;
    while (size < (uint64_t)c->n_ids * 4)
        size *= 2;
    m->mask = size - 1;
    m->at = qc_try_malloc(size * sizeof *m->at);
    if (!m->at)
        return QC_PARTIAL_FAILED;
    memset(m->at, 0xff, size * sizeof *m->at);
    for (uint32_t i = 0; i < c->n_ids; i++, place++) {
        while (p->slot[place].tx.data)
            place++;
        uint64_t id = qc_cmpct_id_at(c, i), *e = probe(m, id);
        if (!e || *e != EMPTY)
            return QC_PARTIAL_FAILED; /* two of one id: which is which? */
        *e = id << 16 | place;
    }
    return QC_PARTIAL_OK;
}

/* ---- what is known ---- */

typedef struct search {
    qc_partial *p;
    const id_map *map;
    const qc_siphash_key *key;
    uint32_t n_ids;
    origin from;
} search;

static bool take(void *to, const qc_known_tx *tx)
{
    search *q = to;
    qc_partial *p = q->p;
    const uint64_t *e = probe(q->map, qc_cmpct_id(q->key, tx->wtxid));
    if (!e || *e == EMPTY)
        return true;
    slot *s = &p->slot[*e & 0xffff];
    if (s->from == NOWHERE) {
        *s = (slot){tx->bytes, {tx->txid->b, tx->wtxid->b}, (uint8_t)q->from};
        p->count.known++;
        p->count.extra += q->from == EXTRA;
    } else if (s->from != COLLIDED && !qc_span_eq(s->tx, tx->bytes)) {
        /* Two that fit: ask for it. One round trip is cheaper than a wrong block. */
        p->count.known--;
        p->count.extra -= s->from == EXTRA;
        *s = (slot){.from = COLLIDED};
    }
    return p->count.known < q->n_ids;
}

static qc_partial_status place_prefilled(qc_partial *p, const qc_cmpct *c)
{
    qc_cmpct_walk w = qc_cmpct_walk_of(c);
    qc_span tx;
    for (uint64_t seen = 0; qc_cmpct_next(&w, &tx); seen++) {
        /* Behind all short ids and all that is placed: something between would be missing. */
        if (qc_cmpct_is_null(tx) || w.place > c->n_ids + seen)
            return QC_PARTIAL_INVALID;
        p->slot[w.place] = (slot){.tx = tx, .from = PREFILLED};
    }
    p->count.prefilled = c->n_prefilled;
    return QC_PARTIAL_OK;
}

static qc_partial_status place_known(qc_partial *p, const qc_cmpct *c, const qc_tx_source *pool,
                                     const qc_tx_source *extra)
{
    id_map map = {NULL, 0};
    search q = {p, &map, &c->key, c->n_ids, POOL};
    qc_partial_status st = map_ids(&map, p, c);
    if (st == QC_PARTIAL_OK && c->n_ids && pool && pool->each)
        pool->each(pool->arg, take, &q);
    q.from = EXTRA;
    if (st == QC_PARTIAL_OK && p->count.known < c->n_ids && extra && extra->each)
        extra->each(extra->arg, take, &q);
    qc_free(map.at);
    p->n_missing = c->n_ids - p->count.known;
    return st;
}

static bool null_header(const qc_header *h)
{
    return h->bits == 0; /* Core CBlockHeader::IsNull */
}

qc_partial_status qc_partial_new(qc_partial **out, const qc_cmpct *c, const qc_tx_source *pool,
                                 const qc_tx_source *extra)
{
    uint32_t n = c->n_ids + c->n_prefilled;
    *out = NULL;
    if (null_header(&c->header) || n == 0 || n > QC_MAX_BLOCK_WEIGHT / TX_WEIGHT_LEAST)
        return QC_PARTIAL_INVALID;
    qc_partial *p = qc_alloc(sizeof *p);
    p->header = c->header;
    p->n_tx = n;
    p->slot = qc_try_calloc(n, sizeof *p->slot);
    qc_partial_status st = p->slot ? place_prefilled(p, c) : QC_PARTIAL_FAILED;
    if (st == QC_PARTIAL_OK)
        st = place_known(p, c, pool, extra);
    if (st == QC_PARTIAL_OK)
        *out = p;
    else
        qc_partial_free(p);
    return st;
}

void qc_partial_free(qc_partial *p)
{
    if (!p)
        return;
    qc_free(p->slot);
    qc_free(p->held);
    qc_free(p);
}

/* ---- waiting ---- */

size_t qc_partial_missing(const qc_partial *p, uint16_t **place)
{
    if (!place)
        return p->n_missing;
    *place = qc_try_calloc((size_t)p->n_missing + 1, sizeof **place);
    for (uint32_t i = 0, n = 0; *place && n < p->n_missing; i++)
        if (!p->slot[i].tx.data)
            (*place)[n++] = (uint16_t)i;
    return p->n_missing;
}

qc_partial_status qc_partial_hold(qc_partial *p)
{
    size_t total = 0, at = 0;
    QC_ASSERT(!p->held && !p->spent);
    for (uint32_t i = 0; i < p->n_tx; i++)
        total += p->slot[i].tx.len;
    if (total > QC_PARTIAL_HELD || !(p->held = qc_try_malloc(total + 1)))
        return QC_PARTIAL_FAILED;
    p->n_held = total;
    for (uint32_t i = 0; i < p->n_tx; i++) {
        qc_span *tx = &p->slot[i].tx;
        p->slot[i].ids = (qc_tx_ids){NULL, NULL};
        if (!tx->data)
            continue;
        memcpy(p->held + at, tx->data, tx->len);
        tx->data = p->held + at;
        at += tx->len;
    }
    return QC_PARTIAL_OK;
}

/* ---- the block ---- */

/* Puts the transactions of the message where one is missing. */
static qc_partial_status add_missing(qc_partial *p, const qc_cmpct_txs *t)
{
    uint32_t n = t ? t->n : 0;
    if (n != p->n_missing)
        return QC_PARTIAL_INVALID;
    if (n == 0)
        return QC_PARTIAL_OK;
    qc_cmpct_walk w = qc_cmpct_walk_txs(t);
    for (uint32_t i = 0; i < p->n_tx; i++)
        if (!p->slot[i].tx.data && !qc_cmpct_next(&w, &p->slot[i].tx))
            return QC_PARTIAL_INVALID;
    return QC_PARTIAL_OK;
}

static qc_err serialize(const qc_partial *p, qc_bytes *out)
{
    uint8_t head[QC_HEADER_LEN];
    size_t total = QC_HEADER_LEN + 9;
    for (uint32_t i = 0; i < p->n_tx; i++)
        total += p->slot[i].tx.len;
    qc_header_write(&p->header, head);
    qc_err err = qc_bytes_reserve(out, total);
    if (!err)
        err = qc_bytes_append(out, head, sizeof head);
    if (!err)
        err = qc_w_compact(out, p->n_tx);
    for (uint32_t i = 0; i < p->n_tx && !err; i++)
        err = qc_bytes_append(out, p->slot[i].tx.data, p->slot[i].tx.len);
    return err;
}

/* Hashes only what nobody has hashed before. */
static qc_wire_fail parse(const qc_partial *p, qc_block **out)
{
    qc_bytes bytes = QC_BYTES_INIT;
    qc_tx_ids *ids = qc_try_calloc(p->n_tx, sizeof *ids);
    qc_wire_fail fail = !ids || serialize(p, &bytes) ? QC_WIRE_NOMEM : QC_WIRE_OK;
    for (uint32_t i = 0; i < p->n_tx && !fail; i++)
        ids[i] = p->slot[i].ids;
    if (!fail)
        fail = qc_block_parse_known(qc_bytes_span(&bytes), ids, out);
    qc_bytes_free(&bytes);
    qc_free(ids);
    return fail;
}

qc_partial_status qc_partial_fill(qc_partial *p, const qc_cmpct_txs *t, bool segwit, qc_block **out)
{
    qc_verdict ignored;
    qc_block *b = NULL;
    *out = NULL;
    QC_ASSERT(!p->spent);
    p->spent = true;
    qc_partial_status st = add_missing(p, t);
    if (st == QC_PARTIAL_OK && parse(p, &b))
        st = QC_PARTIAL_FAILED;
    /* Not what the header commits to: a short id that met the wrong transaction, perhaps. */
    if (st == QC_PARTIAL_OK && qc_block_is_mutated(b, segwit, &ignored))
        st = QC_PARTIAL_FAILED;
    qc_free(p->slot);
    qc_free(p->held);
    p->slot = NULL;
    p->held = NULL;
    p->n_held = 0;
    if (st == QC_PARTIAL_OK)
        *out = b;
    else
        qc_block_unref(b);
    return st;
}

bool qc_partial_is_spent(const qc_partial *p)
{
    return p->spent;
}

const qc_header *qc_partial_header(const qc_partial *p)
{
    return &p->header;
}

qc_partial_counts qc_partial_count(const qc_partial *p)
{
    return p->count;
}

size_t qc_partial_bytes(const qc_partial *p)
{
    return sizeof *p + p->n_held + (p->slot ? p->n_tx * sizeof *p->slot : 0);
}
