/* A parsed block: one allocation holds the flat view of quoin/block.h; what only the node needs
 * (roots, sigops, header fields) lies beside it. */
#include "core/btc/block.h"

#include "core/base/alloc.h"
#include "core/btc/parse.h"
#include "core/crypto/sha256.h"

#include <stdatomic.h>

#define SCRIPT_GUESS 40u /* bytes of a script that is spent */

struct qc_block {
    _Atomic uint32_t refs;
    bool mutated;
    bool bare; /* transactions have no ids, but those that were asked for */
    qc_header header;
    qc_hash hash, merkle_root, witness_root;
    size_t stripped;
    qn_block_view *view; /* owned */
    uint64_t room;       /* bytes that it may grow to where it lies */
    uint32_t *sigops;    /* owned, per transaction */
    uint32_t *place;     /* owned, per transaction; NULL: they stand where they are */
};

static uint64_t align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}

/* First pass over a block. Out: *n_tx and *c. A failure is left in r. */
static void scan_block(qc_reader *r, size_t *n_tx, qc_tx_counts *c)
{
    (void)qc_r_span(r, QC_HEADER_LEN);
    uint64_t n = qc_r_compact(r);
    for (uint64_t i = 0; i < n && !r->fail; i++)
        qc_scan_tx(r, true, c);
    *n_tx = (size_t)n;
}

static void *array_of(qn_block_view *v, const qn_array *a)
{
    return (uint8_t *)v + a->off;
}

static qn_array array_after(uint64_t *at, size_t count, size_t stride)
{
    qn_array a = {*at, (uint32_t)count, (uint32_t)stride};
    *at = align8(*at + (uint64_t)count * stride);
    return a;
}

/* A view with empty arrays of the right sizes and a copy of the bytes, and `spare` bytes behind
 * them. NULL: no memory. */
static qn_block_view *new_view(qc_span bytes, size_t n_tx, const qc_tx_counts *c, uint64_t spare)
{
    uint64_t at = align8(sizeof(qn_block_view));
    qn_block_view head = {.size = sizeof head, .height = UINT32_MAX};
    head.tx = array_after(&at, n_tx, sizeof(qn_tx_rec));
    head.in = array_after(&at, c->in, sizeof(qn_in_rec));
    head.out = array_after(&at, c->out, sizeof(qn_out_rec));
    head.raw = (qn_range){at, bytes.len};
    head.total = at + bytes.len;
    if (head.total > SIZE_MAX / 2)
        return NULL;
    qn_block_view *v = qc_try_malloc((size_t)(head.total + spare));
    if (!v)
        return NULL;
    *v = head;
    memcpy((uint8_t *)v + at, bytes.data, bytes.len);
    return v;
}

static void fill_ids(qn_tx_rec *rec, const uint8_t *raw, const qc_tx_ids *known)
{
    if (!known || !known->txid) {
        qc_hash_tx(rec, raw);
        return;
    }
    memcpy(rec->txid, known->txid, sizeof rec->txid);
    memcpy(rec->wtxid, known->wtxid, sizeof rec->wtxid);
}

/* Second pass: records, hashes, sigops, sizes. */
static void fill_block(qc_block *b, const qc_tx_ids *known)
{
    qn_block_view *v = b->view;
    qn_tx_rec *tx = array_of(v, &v->tx);
    qn_in_rec *in = array_of(v, &v->in);
    qn_out_rec *out = array_of(v, &v->out);
    qc_reader r = qc_reader_of((qc_span){qn_view_raw(v), (size_t)v->raw.len});
    const uint8_t *head = qc_r_span(&r, QC_HEADER_LEN).data;
    qc_header_read(head, &b->header);
    qc_sha256d(qc_span_of(head, QC_HEADER_LEN), b->hash.b);
    memcpy(v->hash, b->hash.b, sizeof v->hash);
    memcpy(v->prev, b->header.prev.b, sizeof v->prev);
    (void)qc_r_compact(&r);
    b->stripped = (size_t)(r.p - r.start);
    uint32_t n_in = 0, n_out = 0;
    for (uint32_t i = 0; i < v->tx.count; i++) {
        tx[i].in0 = n_in;
        tx[i].out0 = n_out;
        b->sigops[i] = qc_fill_tx(&r, true, &tx[i], in + n_in, out + n_out);
        if (b->bare) {
            memset(tx[i].txid, 0, sizeof tx[i].txid);
            memset(tx[i].wtxid, 0, sizeof tx[i].wtxid);
        } else {
            fill_ids(&tx[i], r.start, known ? &known[i] : NULL);
        }
        n_in += tx[i].n_in;
        n_out += tx[i].n_out;
        b->stripped += tx[i].stripped;
    }
    if (b->stripped != v->raw.len)
        v->flags |= QN_VIEW_WITNESS;
}

/* What qc_block_attach_spent() will want, as a rule: a bare block has its coins attached at once.
 */
static uint64_t spent_guess(size_t n_tx, const qc_tx_counts *c)
{
    return 16 + n_tx * sizeof(int64_t) + (uint64_t)c->in * (sizeof(qn_spent_rec) + SCRIPT_GUESS);
}

typedef enum parse_how { WHOLE, WITH_REST, BARE } parse_how;

/* Both roots; `leaves` has room for one hash per transaction. */
static void fill_roots(qc_block *b, qc_hash *leaves)
{
    static const qc_hash zero;
    uint32_t n = b->view->tx.count;
    if (!n)
        return;
    for (uint32_t i = 0; i < n; i++)
        memcpy(leaves[i].b, qn_view_tx(b->view, i)->txid, 32);
    b->merkle_root = qc_merkle_root(leaves, n, &b->mutated);
    memcpy(leaves[0].b, zero.b, 32);
    for (uint32_t i = 1; i < n; i++)
        memcpy(leaves[i].b, qn_view_tx(b->view, i)->wtxid, 32);
    b->witness_root = qc_merkle_root(leaves, n, NULL);
}

static qc_wire_fail parse(qc_span bytes, parse_how how, const qc_tx_ids *known, qc_block **out,
                          size_t *where)
{
    *out = NULL;
    *where = 0;
    size_t n_tx;
    qc_tx_counts c = {0, 0};
    qc_reader r = qc_reader_of(bytes);
    scan_block(&r, &n_tx, &c);
    *where = (size_t)(r.p - r.start);
    if (r.fail)
        return r.fail;
    if (qc_reader_left(&r) && how != WITH_REST)
        return QC_WIRE_TRAILING;
    if (*where > QC_MAX_SIZE)
        return QC_WIRE_TOO_LARGE;
    qc_block *b = qc_try_alloc(sizeof *b);
    qc_hash *leaves = qc_try_malloc(n_tx * sizeof *leaves);
    if (b) {
        atomic_init(&b->refs, 1);
        b->bare = how == BARE;
        const uint64_t spare = b->bare ? spent_guess(n_tx, &c) : 0;
        b->view = new_view((qc_span){bytes.data, *where}, n_tx, &c, spare);
        b->room = b->view ? b->view->total + spare : 0;
        b->sigops = qc_try_malloc(n_tx * sizeof *b->sigops);
    }
    if (!b || !leaves || !b->view || !b->sigops) {
        qc_free(leaves);
        qc_block_unref(b);
        return QC_WIRE_NOMEM;
    }
    fill_block(b, known);
    if (!b->bare)
        fill_roots(b, leaves);
    qc_free(leaves);
    *out = b;
    return QC_WIRE_OK;
}

qc_wire_fail qc_block_parse(qc_span bytes, qc_block **out)
{
    size_t where;
    return parse(bytes, WHOLE, NULL, out, &where);
}

qc_wire_fail qc_block_parse_bare(qc_span bytes, qc_block **out)
{
    size_t where;
    return parse(bytes, BARE, NULL, out, &where);
}

void qc_block_make_ids(qc_block *b, uint32_t i)
{
    QC_ASSERT(i < b->view->tx.count);
    if (b->bare)
        qc_hash_tx((qn_tx_rec *)array_of(b->view, &b->view->tx) + i, qn_view_raw(b->view));
}

void qc_block_make_all_ids(qc_block *b)
{
    for (uint32_t i = 0; i < b->view->tx.count; i++)
        qc_block_make_ids(b, i);
    b->bare = false;
}

qc_wire_fail qc_block_parse_known(qc_span bytes, const qc_tx_ids *known, qc_block **out)
{
    size_t where;
    return parse(bytes, WHOLE, known, out, &where);
}

qc_wire_fail qc_block_parse_at(qc_span bytes, qc_block **out, size_t *where)
{
    return parse(bytes, WITH_REST, NULL, out, where);
}

qc_block *qc_block_ref(const qc_block *b)
{
    qc_block *own = (qc_block *)(uintptr_t)b; /* the count is the one field that changes */
    atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
    return own;
}

void qc_block_unref(const qc_block *b)
{
    qc_block *own = (qc_block *)(uintptr_t)b;
    if (!own || atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) != 1)
        return;
    qc_free(own->view);
    qc_free(own->sigops);
    qc_free(own->place);
    qc_free(own);
}

const qn_block_view *qc_block_view(const qc_block *b)
{
    return b->view;
}

const qc_header *qc_block_header(const qc_block *b)
{
    return &b->header;
}

const qc_hash *qc_block_hash(const qc_block *b)
{
    return &b->hash;
}

qc_span qc_block_bytes(const qc_block *b)
{
    return (qc_span){qn_view_raw(b->view), (size_t)b->view->raw.len};
}

uint32_t qc_block_n_tx(const qc_block *b)
{
    return b->view->tx.count;
}

qc_tx qc_block_tx(const qc_block *b, uint32_t i)
{
    const qn_block_view *v = b->view;
    QC_ASSERT(i < v->tx.count);
    const qn_tx_rec *rec = qn_view_tx(v, i);
    return (qc_tx){qn_view_raw(v), rec, qn_view_in(v, rec->in0), qn_view_out(v, rec->out0)};
}

size_t qc_block_stripped_size(const qc_block *b)
{
    return b->stripped;
}

uint32_t qc_block_weight(const qc_block *b)
{
    return (uint32_t)(b->stripped * 3 + b->view->raw.len);
}

const qc_hash *qc_block_merkle_root(const qc_block *b, bool *mutated)
{
    if (mutated)
        *mutated = b->mutated;
    return &b->merkle_root;
}

const qc_hash *qc_block_witness_root(const qc_block *b)
{
    return &b->witness_root;
}

uint32_t qc_block_legacy_sigops(const qc_block *b, uint32_t i)
{
    QC_ASSERT(i < b->view->tx.count);
    return b->sigops[i];
}

void qc_block_set_places(qc_block *b, QC_OWN uint32_t *place)
{
    QC_ASSERT(!b->place);
    b->place = place;
}

uint32_t qc_block_place(const qc_block *b, uint32_t i)
{
    return b->place ? b->place[i] : i;
}

void qc_block_set_height(qc_block *b, uint32_t height)
{
    b->view->height = height;
}

/* Fees: what goes in less what comes out. Amounts may be nonsense here (no rule has judged them
 * yet), so the sums wrap instead of overflowing. */
static void fill_fees(qn_block_view *v)
{
    int64_t *fee = array_of(v, &v->fee);
    for (uint32_t t = 0; t < v->tx.count; t++) {
        const qn_tx_rec *tx = qn_view_tx(v, t);
        uint64_t sum = 0;
        for (uint32_t i = 0; t && i < tx->n_in; i++)
            sum += (uint64_t)qn_view_spent(v, tx->in0 + i)->value;
        for (uint32_t o = 0; t && o < tx->n_out; o++)
            sum -= (uint64_t)qn_view_out(v, tx->out0 + o)->value;
        fee[t] = (int64_t)sum;
    }
}

qc_err qc_block_attach_spent(qc_block *b, const qc_spent *spent)
{
    qn_block_view head = *b->view;
    QC_ASSERT(!(head.flags & QN_VIEW_SPENT));
    uint32_t first = head.tx.count ? qn_view_tx(b->view, 0)->n_in : 0;
    uint64_t scripts = 0, at = align8(head.total);
    for (uint32_t i = first; i < head.in.count; i++)
        scripts += spent[i].script.len;
    head.spent = array_after(&at, head.in.count, sizeof(qn_spent_rec));
    head.fee = array_after(&at, head.tx.count, sizeof(int64_t));
    head.spent_scripts = (qn_range){at, scripts};
    if (scripts > SIZE_MAX / 4 || at > SIZE_MAX / 4)
        return QC_ENOMEM;
    /* The old view lives on until all scripts are copied: those of coins that the block makes and
     * spends itself lie in it. */
    qn_block_view *old = b->view;
    const bool fits = at + scripts <= b->room;
    uint8_t *mem = fits ? (uint8_t *)old : qc_try_realloc(NULL, (size_t)(at + scripts));
    if (!mem)
        return QC_ENOMEM;
    if (!fits)
        memcpy(mem, old, (size_t)head.total);
    memset(mem + head.total, 0, (size_t)(head.spent.off - head.total));
    head.total = at + scripts;
    head.flags |= QN_VIEW_SPENT;
    b->view = (void *)mem;
    *b->view = head;
    qn_spent_rec *rec = array_of(b->view, &head.spent);
    memset(rec, 0, first * sizeof *rec);
    uint64_t off = 0;
    for (uint32_t i = first; i < head.in.count; i++) {
        const qc_spent *s = &spent[i];
        rec[i] = (qn_spent_rec){s->value, off, (uint32_t)s->script.len, s->height, s->coinbase, 0};
        if (s->script.len)
            memcpy(mem + at + off, s->script.data, s->script.len);
        off += s->script.len;
    }
    if (!fits)
        qc_free(old);
    fill_fees(b->view);
    return QC_OK;
}
