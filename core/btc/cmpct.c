#include "core/btc/cmpct.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/btc/parse.h"
#include "core/crypto/sha256.h"

#define TX_LEAST 10u        /* bytes of a transaction without inputs and outputs */
#define PLACE_MAX 0xffffu   /* Core: indexes are uint16_t */
#define PLACES_MAX 0x10000u /* that many different ones */
#define NONCE_LEN 8

static void fail(qc_reader *r, qc_wire_fail f)
{
    if (!r->fail)
        r->fail = f;
    r->end = r->p;
}

/* ---- short ids ---- */

void qc_cmpct_key(const qc_header *h, uint64_t nonce, qc_siphash_key *out)
{
    uint8_t in[QC_HEADER_LEN + NONCE_LEN], hash[32];
    qc_header_write(h, in);
    qc_write_le64(in + QC_HEADER_LEN, nonce);
    qc_sha256(qc_span_of(in, sizeof in), hash);
    *out = (qc_siphash_key){qc_read_le64(hash), qc_read_le64(hash + 8)};
}

static uint64_t read_id(const uint8_t *p)
{
    return (uint64_t)qc_read_le32(p) | (uint64_t)qc_read_le16(p + 4) << 32;
}

uint64_t qc_cmpct_id_at(const qc_cmpct *c, uint32_t i)
{
    QC_ASSERT(i < c->n_ids);
    return read_id(c->ids + (size_t)i * QC_CMPCT_ID_LEN);
}

/* ---- cmpctblock ---- */

/* The distance to the place before it; Core keeps it in 16 bits. */
static uint64_t read_distance(qc_reader *r)
{
    uint64_t d = qc_r_compact(r);
    if (d > PLACE_MAX)
        fail(r, QC_WIRE_LIMIT);
    return d;
}

static qc_span read_tx(qc_reader *r)
{
    qc_tx_counts ignored = {0, 0};
    const uint8_t *start = r->p;
    qc_scan_tx(r, true, &ignored);
    return qc_span_of(start, (size_t)(r->p - start));
}

qc_wire_fail qc_cmpct_read(qc_span payload, qc_cmpct *out)
{
    qc_reader r = qc_reader_of(payload);
    qc_cmpct c = {.n_ids = 0};
    qc_span head = qc_r_span(&r, QC_HEADER_LEN);
    uint64_t nonce = qc_r_le64(&r);
    uint64_t ids = qc_r_count(&r, QC_CMPCT_ID_LEN);
    c.ids = qc_r_span(&r, (size_t)ids * QC_CMPCT_ID_LEN).data;
    uint64_t filled = qc_r_count(&r, 1 + TX_LEAST);
    const uint8_t *start = r.p;
    for (uint64_t k = 0; k < filled && !r.fail; k++) {
        (void)read_distance(&r);
        (void)read_tx(&r);
    }
    if (!r.fail && ids + filled > QC_CMPCT_TX_MAX)
        fail(&r, QC_WIRE_INDEXES);
    if (r.fail)
        return r.fail;
    c.n_ids = (uint32_t)ids;
    c.n_prefilled = (uint32_t)filled;
    c.prefilled = qc_span_of(start, (size_t)(r.p - start));
    qc_header_read(head.data, &c.header);
    qc_header_hash(&c.header, &c.hash);
    qc_cmpct_key(&c.header, nonce, &c.key);
    *out = c;
    return QC_WIRE_OK;
}

qc_cmpct_walk qc_cmpct_walk_of(const qc_cmpct *c)
{
    /* A step adds the distance and one: the first place is the distance itself. */
    return (qc_cmpct_walk){qc_reader_of(c->prefilled), c->n_prefilled, true, UINT64_MAX};
}

bool qc_cmpct_next(qc_cmpct_walk *w, qc_span *tx)
{
    if (w->left == 0)
        return false;
    w->left--;
    w->place += 1 + (w->placed ? read_distance(&w->r) : 0);
    *tx = read_tx(&w->r);
    return true;
}

bool qc_cmpct_is_null(qc_span tx)
{
    return tx.len == TX_LEAST && tx.data[4] == 0;
}

static qc_err write_ids(qc_bytes *out, const qc_block *b, const qc_siphash_key *key)
{
    uint32_t n = qc_block_n_tx(b);
    qc_err err = qc_w_compact(out, n - 1);
    if (!err)
        err = qc_bytes_reserve(out, (size_t)n * QC_CMPCT_ID_LEN);
    for (uint32_t i = 1; i < n && !err; i++) {
        qc_hash wtxid;
        uint8_t id[8];
        memcpy(wtxid.b, qn_view_tx(qc_block_view(b), i)->wtxid, sizeof wtxid.b);
        qc_write_le64(id, qc_cmpct_id(key, &wtxid));
        err = qc_bytes_append(out, id, QC_CMPCT_ID_LEN);
    }
    return err;
}

qc_err qc_cmpct_write(qc_bytes *out, const qc_block *b, uint64_t nonce)
{
    static const uint8_t one_at_the_start[2] = {1, 0};
    uint8_t head[QC_HEADER_LEN];
    qc_siphash_key key;
    QC_ASSERT(qc_block_n_tx(b) > 0);
    qc_tx coinbase = qc_block_tx(b, 0);
    qc_span tx = qc_tx_bytes(&coinbase);
    qc_cmpct_key(qc_block_header(b), nonce, &key);
    qc_header_write(qc_block_header(b), head);
    qc_err err = qc_bytes_append(out, head, sizeof head);
    if (!err)
        err = qc_w_le64(out, nonce);
    if (!err)
        err = write_ids(out, b, &key);
    if (!err)
        err = qc_bytes_append(out, one_at_the_start, sizeof one_at_the_start);
    return err ? err : qc_bytes_append(out, tx.data, tx.len);
}

/* ---- getblocktxn ---- */

qc_wire_fail qc_cmpct_ask_read(qc_span payload, qc_cmpct_ask *out)
{
    qc_reader r = qc_reader_of(payload);
    qc_cmpct_ask a = {.n = 0};
    qc_r_hash(&r, &a.hash);
    uint64_t n = qc_r_count(&r, 1), place = 0;
    if (r.fail)
        return r.fail;
    a.place = qc_try_calloc(QC_MIN(n, PLACES_MAX) + 1, sizeof *a.place);
    if (!a.place)
        return QC_WIRE_NOMEM;
    for (; a.n < n && !r.fail; place++) {
        place += qc_r_compact(&r);
        if (place > PLACE_MAX)
            fail(&r, QC_WIRE_DIFFERENCE);
        else
            a.place[a.n++] = (uint16_t)place;
    }
    if (r.fail) {
        qc_free(a.place);
        return r.fail;
    }
    *out = a;
    return QC_WIRE_OK;
}

qc_err qc_cmpct_ask_write(qc_bytes *out, const qc_hash *hash, const uint16_t *place, size_t n)
{
    qc_err err = qc_bytes_append(out, hash, sizeof *hash);
    if (!err)
        err = qc_w_compact(out, n);
    for (size_t k = 0, next = 0; k < n && !err; k++) {
        QC_ASSERT(place[k] >= next);
        err = qc_w_compact(out, place[k] - next);
        next = (size_t)place[k] + 1;
    }
    return err;
}

/* ---- blocktxn ---- */

qc_wire_fail qc_cmpct_txs_read(qc_span payload, qc_cmpct_txs *out)
{
    qc_reader r = qc_reader_of(payload);
    qc_cmpct_txs t = {.n = 0};
    qc_r_hash(&r, &t.hash);
    uint64_t n = qc_r_count(&r, TX_LEAST);
    const uint8_t *start = r.p;
    for (uint64_t k = 0; k < n && !r.fail; k++)
        (void)read_tx(&r);
    if (r.fail)
        return r.fail;
    t.n = (uint32_t)n;
    t.txs = qc_span_of(start, (size_t)(r.p - start));
    *out = t;
    return QC_WIRE_OK;
}

qc_cmpct_walk qc_cmpct_walk_txs(const qc_cmpct_txs *t)
{
    return (qc_cmpct_walk){qc_reader_of(t->txs), t->n, false, UINT64_MAX};
}

qc_err qc_cmpct_txs_write(qc_bytes *out, const qc_block *b, const uint16_t *place, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (place[k] >= qc_block_n_tx(b))
            return QC_EINVAL;
    qc_err err = qc_bytes_append(out, qc_block_hash(b), sizeof(qc_hash));
    if (!err)
        err = qc_w_compact(out, n);
    for (size_t k = 0; k < n && !err; k++) {
        qc_tx tx = qc_block_tx(b, place[k]);
        err = qc_bytes_append(out, tx.raw + tx.rec->off, tx.rec->len);
    }
    return err;
}

/* ---- sendcmpct ---- */

bool qc_cmpct_hello_read(qc_span payload, uint8_t *announce, uint64_t *version)
{
    qc_reader r = qc_reader_of(payload);
    *announce = qc_r_u8(&r);
    *version = qc_r_le64(&r);
    return !r.fail;
}

qc_err qc_cmpct_hello_write(qc_bytes *out, bool announce)
{
    qc_err err = qc_w_u8(out, announce);
    return err ? err : qc_w_le64(out, QC_CMPCT_VERSION);
}
