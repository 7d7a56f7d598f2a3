/* core/script/sigcache.h: what was found valid before. Two caches: signatures, and whole input
 * sets of a transaction under given flags. Both are sets of 32-byte salted digests, of fixed size,
 * that forget old entries when full. Facts: Core script/sigcache.cpp, validation.cpp.
 * Thread: any; every call may run beside every other. */
#pragma once
#include "core/base/hash.h"
#include "core/script/verify.h"

/** A fixed-size set of uniformly distributed digests (a cuckoo table with a lock per bucket). */
typedef struct qc_digest_set qc_digest_set;
/** `bytes`: memory to use, at least one bucket. Out: *out owned, qc_digest_set_free().
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_digest_set_new(qc_digest_set **out, size_t bytes);
void qc_digest_set_free(QC_OWN qc_digest_set *s);
/** Is it there? `spent`: it will hardly be asked for again; it stays until its place is needed. */
bool qc_digest_set_has(qc_digest_set *s, const qc_hash *digest, bool spent);
void qc_digest_set_add(qc_digest_set *s, const qc_hash *digest);
/** Entries it can hold. */
size_t qc_digest_set_capacity(const qc_digest_set *s);

typedef enum qc_sig_kind { QC_SIG_ECDSA, QC_SIG_SCHNORR } qc_sig_kind;

/** `salt`: entropy; makes entries unpredictable to peers. Out: *out owned, qc_sig_cache_free().
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_sig_cache_new(qc_sig_cache **out, size_t bytes,
                                      const uint8_t salt[static 32]);
void qc_sig_cache_free(QC_OWN qc_sig_cache *c);
/** Name of the fact that `sig` of `key` signs `hash`. */
void qc_sig_cache_entry(const qc_sig_cache *c, qc_sig_kind kind, const qc_hash *hash, qc_span key,
                        qc_span sig, qc_hash *entry);
bool qc_sig_cache_has(qc_sig_cache *c, const qc_hash *entry, bool spent);
void qc_sig_cache_add(qc_sig_cache *c, const qc_hash *entry);

/** All scripts of a transaction hold under some flags. The wtxid commits to the inputs' scripts
 *  and, through the outpoints, to what they spend. */
typedef struct qc_script_cache qc_script_cache;
/** As qc_sig_cache_new(). Out: *out owned, qc_script_cache_free(). */
QC_MUST_CHECK qc_err qc_script_cache_new(qc_script_cache **out, size_t bytes,
                                         const uint8_t salt[static 32]);
void qc_script_cache_free(QC_OWN qc_script_cache *c);
/** Were all inputs of `wtxid` found valid under exactly these flags? `spent`: in a block, so that
 *  it will hardly be asked for again. */
bool qc_script_cache_has(qc_script_cache *c, const qc_hash *wtxid, uint32_t flags, bool spent);
void qc_script_cache_add(qc_script_cache *c, const qc_hash *wtxid, uint32_t flags);
