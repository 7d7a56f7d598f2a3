/* core/script/sighash.h: what signatures sign. Facts: Core script/interpreter.cpp, BIP143, BIP341,
 * BIP342. Nothing is copied or allocated: the parts are streamed from the parsed transaction.
 * Thread: any. */
#pragma once
#include "core/crypto/sha256.h"
#include "core/script/verify.h"

#define QC_SIGHASH_DEFAULT 0u
#define QC_SIGHASH_ALL 1u
#define QC_SIGHASH_NONE 2u
#define QC_SIGHASH_SINGLE 3u
#define QC_SIGHASH_ANYONECANPAY 0x80u

static inline bool qc_sighash_is_single(uint32_t type)
{
    return (type & 0x1f) == QC_SIGHASH_SINGLE;
}
static inline bool qc_sighash_is_none(uint32_t type)
{
    return (type & 0x1f) == QC_SIGHASH_NONE;
}

/** Legacy hash of input `in`; `code` is the script code after CODESEPARATOR and FindAndDelete (any
 *  CODESEPARATOR left in it is skipped). SINGLE without a matching output: the number one. */
void qc_sighash_legacy(const qc_tx *tx, uint32_t in, qc_span code, uint32_t type, qc_hash *out);
/** BIP143. `hashes` must have its BIP143 part. */
void qc_sighash_v0(const qc_tx *tx, uint32_t in, qc_span code, qc_amount value, uint32_t type,
                   const qc_sighash_cache *hashes, qc_hash *out);

/** What a BIP341 hash covers beside the transaction; pointers may be NULL where it says so. */
typedef struct qc_taproot_env {
    const qc_tx *tx;
    uint32_t in;
    const qc_spent *spent;          /* one per input */
    const qc_sighash_cache *hashes; /* with its BIP341 part */
    const qc_hash *annex;           /* SHA-256 of the annex with its length; NULL: no annex */
    const qc_hash *leaf;            /* tapleaf hash; NULL: key path */
    uint32_t codesep_pos;           /* script path: of the last CODESEPARATOR run, or 0xffffffff */
    const qc_hash *output;          /* SHA-256 of output `in`, if it is known already; or NULL */
} qc_taproot_env;
/** Returns false (and leaves *out): an undefined hash type, or SINGLE without a matching output. */
bool qc_sighash_taproot(const qc_taproot_env *e, uint8_t type, qc_hash *out);
/** As qc_sighash_taproot(), leaving the hash unfinished: the message is what `c` has taken. */
bool qc_sighash_taproot_write(qc_sha256_ctx *c, const qc_taproot_env *e, uint8_t type);

/** SHA-256 of one serialized output. */
void qc_sighash_output(const qc_tx *tx, uint32_t o, qc_hash *out);
/** As qc_sighash_cache_init(), whatever kinds of inputs the transaction seems to have. */
void qc_sighash_cache_force(qc_sighash_cache *c, const qc_tx *tx, const qc_spent *spent);

/** Everything of the legacy or BIP143 message before the hash type. Legacy: the caller has dealt
 *  with SINGLE without a matching output. */
void qc_sighash_legacy_write(qc_sha256_ctx *c, const qc_tx *tx, uint32_t in, qc_span code,
                             uint32_t type);
void qc_sighash_v0_write(qc_sha256_ctx *c, const qc_tx *tx, uint32_t in, qc_span code,
                         qc_amount value, uint32_t type, const qc_sighash_cache *hashes);
/** Append the hash type and finish. */
void qc_sighash_finish(qc_sha256_ctx *c, uint32_t type, qc_hash *out);
