/* lib/psbt_sign.h: what a PSBT's inputs still want, and what unlocks them: the work of updaters,
 * signers and finalizers. Knows P2PK, P2PKH, multisig, these and Miniscript inside P2SH, P2WSH and
 * both, P2WPKH, taproot by key and by Miniscript leaves, P2A. It makes no signature itself and runs
 * no script: who calls says how. Behaviour follows Bitcoin Core's script/sign.cpp and psbt.cpp.
 * Thread: any, one at a time per object. */
#ifndef QUOIN_LIB_PSBT_SIGN_H
#define QUOIN_LIB_PSBT_SIGN_H
#include "lib/psbt.h"

#ifdef __cplusplus
extern "C" {
#endif

#define QN_PSBT_SIG_MAX 73u /* bytes of a signature, with its type */

/** What the solver may ask. Any function may be NULL: nothing is known or made. Bytes that are
 * given are borrowed until the next call. */
typedef struct qn_psbt_helper {
    void *arg;
    /** Sign with the key of this public key, for input `in`. Out: at most QN_PSBT_SIG_MAX bytes.
     *  Returns: their number; 0: not. */
    size_t (*ecdsa)(void *arg, size_t in, qn_psbt_bytes key, qn_psbt_bytes code, bool v0,
                    uint8_t *out);
    /** With the key of these 32 bytes. leaf: hash of the leaf, or NULL for the key path; there root
     *  says how the key is tweaked: NULL: not; all zero: without a tree. */
    size_t (*schnorr)(void *arg, size_t in, const uint8_t *x, const uint8_t *leaf,
                      const uint8_t *root, uint8_t *out);
    /** Does this unlock input `in`? `witness`: a serialized stack, or empty. */
    bool (*verify)(void *arg, size_t in, qn_psbt_bytes script_sig, qn_psbt_bytes witness);
    /** Script with this HASH160. */
    bool (*script)(void *arg, const uint8_t *hash, qn_psbt_bytes *out);
    /** Public key with this HASH160. */
    bool (*key)(void *arg, const uint8_t *hash, qn_psbt_bytes *out);
    /** Fingerprint and path of a key: of 33 or 65 bytes, or of the 32 of taproot. */
    bool (*origin)(void *arg, qn_psbt_bytes key, qn_psbt_bytes *out);
    /** What is behind a taproot output: calls put(put_arg, type, data, value) for each record of an
     *  input (QN_PSBT_IN_TAP_KEY, _ROOT, _LEAF). */
    void (*taproot)(void *arg, const uint8_t *output,
                    void (*put)(void *put_arg, uint8_t type, qn_psbt_bytes data,
                                qn_psbt_bytes value),
                    void *put_arg);
    /** The same for what an output has: QN_PSBT_OUT_TAP_KEY, _TREE. */
    void (*tree)(void *arg, const uint8_t *output,
                 void (*put)(void *put_arg, uint8_t type, qn_psbt_bytes data, qn_psbt_bytes value),
                 void *put_arg);
    bool any_time; /* lock times hold, whatever the transaction says: for estimates */
} qn_psbt_helper;

/** What an input lacks. Owned: qn_psbt_missing_clear(). */
typedef struct qn_psbt_missing {
    uint8_t (*key)[20]; /* ids of keys that are not known, in the order they were wanted */
    uint8_t (*sig)[20]; /* of those whose signature is not there */
    size_t n_keys, n_sigs;
    bool has_redeem, has_witness;
    uint8_t redeem[20], witness[32]; /* hashes of scripts */
} qn_psbt_missing;
void qn_psbt_missing_clear(qn_psbt_missing *m);

typedef enum qn_psbt_sign_result {
    QN_PSBT_SIGN_DONE,       /* all is there: finalized, if that was asked for */
    QN_PSBT_SIGN_INCOMPLETE, /* what was found is in the input now */
    QN_PSBT_SIGN_NO_COIN,    /* it is not known what it spends */
    QN_PSBT_SIGN_SIGHASH,    /* it wants another hash type, or has signatures of another */
    QN_PSBT_SIGN_NO_MEMORY,
} qn_psbt_sign_result;

/** Fill input `i` in, and finalize it if `finalize` and all is there.
 *  sighash: wanted; -1: the default of the coin. Out: *missing (may be NULL). */
qn_psbt_sign_result qn_psbt_sign(qn_psbt *p, size_t i, const qn_psbt_helper *h, int sighash,
                                 bool finalize, qn_psbt_missing *missing);
/** Fill output `i` in. Returns: false: memory is short. */
bool qn_psbt_update_output(qn_psbt *p, size_t i, const qn_psbt_helper *h);
/** Its hash type, -1: none is set. */
int qn_psbt_sighash(const qn_psbt_in *in);
/** Take out transactions that made coins where every input is of taproot or later and signs all of
 *  its coins (Core: RemoveUnnecessaryTransactions). */
void qn_psbt_drop_transactions(qn_psbt *p);

#ifdef __cplusplus
}
#endif
#endif
