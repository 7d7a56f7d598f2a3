/* core/script/sighash_parts.h: serialized pieces of a transaction, for hashing. Internal. */
#pragma once
#include "core/base/endian.h"
#include "core/script/sighash.h"

static inline size_t qc_put_compact(uint64_t v, uint8_t out[static 9])
{
    if (v < 0xfd) {
        out[0] = (uint8_t)v;
        return 1;
    }
    if (v <= 0xffff) {
        out[0] = 0xfd;
        qc_write_le16(out + 1, (uint16_t)v);
        return 3;
    }
    if (v <= 0xffffffff) {
        out[0] = 0xfe;
        qc_write_le32(out + 1, (uint32_t)v);
        return 5;
    }
    out[0] = 0xff;
    qc_write_le64(out + 1, v);
    return 9;
}
static inline void qc_hash_compact(qc_sha256_ctx *c, uint64_t v)
{
    uint8_t b[9];
    qc_sha256_update(c, b, qc_put_compact(v, b));
}
static inline void qc_hash_le32(qc_sha256_ctx *c, uint32_t v)
{
    uint8_t b[4];
    qc_write_le32(b, v);
    qc_sha256_update(c, b, sizeof b);
}
static inline void qc_hash_le64(qc_sha256_ctx *c, uint64_t v)
{
    uint8_t b[8];
    qc_write_le64(b, v);
    qc_sha256_update(c, b, sizeof b);
}
static inline void qc_hash_bytes(qc_sha256_ctx *c, qc_span s)
{
    qc_sha256_update(c, s.data, s.len);
}
static inline void qc_hash_hash(qc_sha256_ctx *c, const qc_hash *h)
{
    qc_sha256_update(c, h->b, sizeof h->b);
}
static inline void qc_put_prevout(const qn_in_rec *in, uint8_t out[static 36])
{
    memcpy(out, in->prev_txid, 32);
    qc_write_le32(out + 32, in->prev_n);
}
static inline void qc_hash_prevout(qc_sha256_ctx *c, const qn_in_rec *in)
{
    uint8_t b[36];
    qc_put_prevout(in, b);
    qc_sha256_update(c, b, sizeof b);
}

/** Outputs [from, to) as they lie on the wire, next to each other. */
qc_span qc_tx_output_bytes(const qc_tx *tx, uint32_t from, uint32_t to);
