/* Block assembly (Core node/miner.cpp CreateNewBlock). */
#include "core/mining/assemble.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/btc/wire.h"
#include "core/consensus/versionbits.h"
#include "core/crypto/sha256.h"

static void ancestor_get(void *arg, uint32_t height, uint32_t *time, uint32_t *bits,
                         int32_t *version)
{
    const qc_index *i = qc_index_ancestor(arg, height);
    *time = i->header.time;
    *bits = i->header.bits;
    *version = i->header.version;
}

/* The interface takes a plain pointer; the entry behind it is only read. */
qc_ancestors qc_mining_ancestors(const qc_index *prev)
{
    qc_ancestors a = {NULL, ancestor_get};
    memcpy(&a.arg, &prev, sizeof a.arg);
    return a;
}

int64_t qc_mining_min_time(const qc_params *p, const qc_index *prev)
{
    int64_t least = (int64_t)qc_index_mtp(prev) + 1;
    uint32_t interval = p->pow_timespan / p->pow_spacing;
    if ((prev->height + 1) % interval == 0)
        least = QC_MAX(least, (int64_t)prev->header.time - QC_MAX_TIMEWARP);
    return least;
}

int32_t qc_mining_version(const qc_params *p, const qc_index *prev)
{
    qc_ancestors a = qc_mining_ancestors(prev);
    return qc_vb_block_version(p, &a, prev->height + 1);
}

uint32_t qc_mining_bits(const qc_params *p, const qc_index *prev, uint32_t time)
{
    qc_ancestors a = qc_mining_ancestors(prev);
    return qc_next_bits(p, &a, prev->height + 1, time);
}

/* Over the witness ids; the coinbase's counts as zero. */
static qc_err witness_root(const qc_assemble *req, qc_hash *out)
{
    qc_hash *leaf = qc_try_calloc(req->n_tx + 1, sizeof *leaf);
    if (!leaf)
        return QC_ENOMEM;
    for (size_t i = 0; i < req->n_tx; i++)
        memcpy(leaf[i + 1].b, req->tx[i].rec->wtxid, 32);
    *out = qc_merkle_root(leaf, req->n_tx + 1, NULL);
    qc_free(leaf);
    return QC_OK;
}

static qc_err write_coinbase(const qc_params *p, uint32_t height, const qc_assemble *req,
                             qc_bytes *b)
{
    qc_hash root;
    qc_coinbase c;
    qc_err err = witness_root(req, &root);
    if (err)
        return err;
    qc_coinbase_fix(p, height, req->fees, &root, &c);
    return qc_coinbase_write(&c, req->coinbase_script, qc_span_of(NULL, 0), b);
}

static qc_err merkle_root(const qc_assemble *req, const qc_hash *coinbase, qc_hash *out)
{
    qc_hash *leaf = qc_try_calloc(req->n_tx + 1, sizeof *leaf);
    if (!leaf)
        return QC_ENOMEM;
    leaf[0] = *coinbase;
    for (size_t i = 0; i < req->n_tx; i++)
        memcpy(leaf[i + 1].b, req->tx[i].rec->txid, 32);
    *out = qc_merkle_root(leaf, req->n_tx + 1, NULL);
    qc_free(leaf);
    return QC_OK;
}

static qc_err write_header(const qc_params *p, const qc_index *prev, const qc_assemble *req,
                           qc_span coinbase, uint8_t *at)
{
    qc_txbuf cb;
    if (qc_tx_parse(coinbase, true, &cb) != QC_WIRE_OK)
        return QC_ENOMEM; /* our own bytes are well-formed: only memory can be short */
    qc_hash txid;
    memcpy(txid.b, cb.tx.rec->txid, 32);
    qc_txbuf_clear(&cb);
    int64_t time = QC_MAX(qc_mining_min_time(p, prev), req->now);
    qc_header h = {
        .version = req->has_version ? req->version : qc_mining_version(p, prev),
        .prev = prev->hash,
        .time = (uint32_t)QC_MIN(time, (int64_t)UINT32_MAX),
    };
    h.bits = qc_mining_bits(p, prev, h.time);
    qc_err err = merkle_root(req, &txid, &h.merkle_root);
    if (!err)
        qc_header_write(&h, at);
    return err;
}

qc_err qc_mining_assemble(const qc_params *p, const qc_index *prev, const qc_assemble *req,
                          qc_bytes *out)
{
    static const uint8_t blank[QC_HEADER_LEN];
    qc_bytes b = QC_BYTES_INIT;
    qc_err err = qc_bytes_append(&b, blank, sizeof blank);
    if (!err)
        err = qc_w_compact(&b, req->n_tx + 1);
    size_t coinbase_at = b.len;
    if (!err)
        err = write_coinbase(p, prev->height + 1, req, &b);
    if (!err)
        err = write_header(p, prev, req, qc_span_of(b.data + coinbase_at, b.len - coinbase_at),
                           b.data);
    for (size_t i = 0; !err && i < req->n_tx; i++) {
        qc_span tx = qc_tx_bytes(&req->tx[i]);
        err = qc_bytes_append(&b, tx.data, tx.len);
    }
    if (err) {
        qc_bytes_free(&b);
        return err;
    }
    *out = b;
    return QC_OK;
}

qc_solve qc_mining_solve(const qc_params *p, uint8_t *block, uint64_t *tries,
                         const _Atomic bool *stop)
{
    uint32_t bits = qc_read_le32(block + 72), nonce = qc_read_le32(block + 76);
    for (;;) {
        if (*tries == 0 || (stop && *stop))
            return QC_SOLVE_TRIES_USED;
        if (nonce == UINT32_MAX)
            return QC_SOLVE_NONCES_USED;
        qc_hash hash;
        qc_sha256d(qc_span_of(block, QC_HEADER_LEN), hash.b);
        if (qc_pow_ok(p, &hash, bits))
            return QC_SOLVE_FOUND;
        qc_write_le32(block + 76, ++nonce);
        --*tries;
    }
}
