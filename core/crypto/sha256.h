/* core/crypto/sha256.h: SHA-256. On x86 with SHA extensions our own code runs (chosen once, at run
 * time); elsewhere nettle's. Both give identical results. Thread: any, one at a time per context.
 */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define QC_SHA256_LEN 32

/** A hash under way. Copy it by value to keep a midstate. */
typedef struct qc_sha256_ctx {
    uint32_t state[8];
    uint64_t count; /* bytes taken so far */
    uint8_t buf[64];
} qc_sha256_ctx;

void qc_sha256_init(qc_sha256_ctx *c);
void qc_sha256_update(qc_sha256_ctx *c, const void *data, size_t len);
/** Out: the digest. `c` is spent: initialise it again before another use. */
void qc_sha256_final(qc_sha256_ctx *c, uint8_t out[static QC_SHA256_LEN]);
/** As qc_sha256_final(), then SHA-256 of that digest. */
void qc_sha256d_final(qc_sha256_ctx *c, uint8_t out[static QC_SHA256_LEN]);

/** SHA-256 of `data`. `out` may overlap it. */
void qc_sha256(qc_span data, uint8_t out[static QC_SHA256_LEN]);
/** SHA-256 of the SHA-256 of `data`: transaction ids, block hashes, checksums. */
void qc_sha256d(qc_span data, uint8_t out[static QC_SHA256_LEN]);
/** qc_sha256d() of `n` consecutive 64-byte blocks: out[32 i] from in[64 i]. `out` may be `in`
 * itself: one level of a merkle tree is reduced in place. Two blocks run interleaved, or sixteen
 * side by side. */
void qc_sha256d64_many(uint8_t *out, const uint8_t *in, size_t n);

/** BIP340 tagged hashes: a context that has taken SHA256(tag) twice, from a constant midstate. */
typedef enum qc_sha256_tag {
    QC_TAG_BIP340_AUX,
    QC_TAG_BIP340_NONCE,
    QC_TAG_BIP340_CHALLENGE,
    QC_TAG_TAPLEAF,
    QC_TAG_TAPBRANCH,
    QC_TAG_TAPTWEAK,
    QC_TAG_TAPSIGHASH,
    QC_TAG_COUNT
} qc_sha256_tag;
void qc_sha256_init_tag(qc_sha256_ctx *c, qc_sha256_tag tag);
/** The same for any tag, computed at each call. */
void qc_sha256_init_tag_str(qc_sha256_ctx *c, const char *tag);

/** The code in use, for the log: "x86_shani(1way,2way)", with ",avx512(16way)" behind it where the
 *  processor has that too, or "nettle". */
const char *qc_sha256_impl(void);
/** Tests and benches: true turns our own code off in the whole process, false back on. */
void qc_sha256_force_nettle(bool on);
