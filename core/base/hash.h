/* core/base/hash.h: the 32-byte hash value, in wire order (reversed when shown as text). */
#pragma once
#include "core/base/err.h"

#include <string.h>

/** A txid, wtxid, block hash, merkle node ... Bytes as they lie on the wire. */
typedef struct qc_hash {
    uint8_t b[32];
} qc_hash;

#define QC_HASH_HEX_LEN 64
static inline bool qc_hash_eq(const qc_hash *a, const qc_hash *b)
{
    return memcmp(a->b, b->b, 32) == 0;
}
static inline bool qc_hash_is_zero(const qc_hash *a)
{
    static const qc_hash zero;
    return qc_hash_eq(a, &zero);
}
/** Text as RPC and logs show it: 64 hex digits, byte-reversed, NUL-terminated. Thread: any. */
void qc_hash_hex(const qc_hash *h, char out[static QC_HASH_HEX_LEN + 1]);
/** Returns: QC_OK; QC_EINVAL (not exactly 64 hex digits; *out untouched). Thread: any. */
QC_MUST_CHECK qc_err qc_hash_parse(const char *hex, qc_hash *out);
/** A transaction output's name. 36 bytes without padding, as on the wire (n in host order). */
typedef struct qc_outpoint {
    qc_hash txid;
    uint32_t n;
} qc_outpoint;
