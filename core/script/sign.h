/* core/script/sign.h: making what unlocks one input: new signatures by the keys of a ring, together
 * with those that one or more copies of the transaction carry already. Knows P2PK, P2PKH, bare
 * multisig, these inside P2SH, P2WSH and both, P2WPKH, the taproot key path, and P2A. Facts: Core
 * script/sign.cpp, BIP143, BIP341. Thread: any. */
#pragma once
#include "core/script/keyring.h"
#include "core/script/sighash.h"

/** The rules a signed input is held to: all that Core's policy has (STANDARD_SCRIPT_VERIFY_FLAGS).
 */
#define QC_SIGN_FLAGS (((1u << 21) - 1) & ~QC_SCRIPT_SIGPUSHONLY)

/** What unlocks an input. Owned: qc_unlock_clear(). */
typedef struct qc_unlock {
    qc_bytes script_sig;
    qc_bytes witness; /* serialized stack, item count first; empty: none */
} qc_unlock;
void qc_unlock_clear(qc_unlock *u);

typedef struct qc_sign_job {
    const qc_keyring *ring;
    const qc_tx *tx;
    uint32_t in;
    const qc_spent *spent;          /* one per input; spent[in] is known */
    bool all_known;                 /* all others are, too: taproot can be signed */
    const qc_sighash_cache *hashes; /* of tx: qc_sighash_cache_force() */
    uint8_t sighash;                /* QC_SIGHASH_*; DEFAULT: ALL where there is no default */
    const qc_tx *const *copy;       /* same but for scriptSigs and witnesses; tx among them */
    size_t n_copies;
} qc_sign_job;

/** Unlock input j->in as far as it can be done. SINGLE without an output of this number signs
 *  nothing: what tx has is kept.
 *  Out:     *out owned, also when it is not enough; *why: QC_SE_OK, or why it is not.
 *  Returns: QC_OK; QC_ENOMEM (*out is empty). */
QC_MUST_CHECK qc_err qc_sign_input(const qc_sign_job *j, qc_unlock *out, qc_script_err *why);

/** Serialize tx with these scriptSigs and witnesses, one per input, appended to *out.
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_tx_write_unlocked(const qc_tx *tx, const qc_unlock *u, qc_bytes *out);
