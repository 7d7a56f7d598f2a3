/* core/script/keyring.h: secret keys and scripts for one act of signing, found by what an output
 * names them by. Thread: any, one at a time while it is filled, then const. */
#pragma once
#include "core/base/bytes.h"
#include "core/crypto/secp.h"

typedef struct qc_keyring qc_keyring;

/** A secret key with its public key as outputs see it. */
typedef struct qc_ring_key {
    uint8_t secret[QC_SECKEY_LEN];
    uint8_t pub[QC_PUBKEY_UNCOMPRESSED];
    uint8_t len; /* of pub: 33 or 65 */
    uint8_t x[QC_XONLY_LEN];
    uint8_t tweaked[QC_XONLY_LEN]; /* its taproot output key without scripts (BIP86) */
    uint8_t id[20];                /* HASH160 of pub */
} qc_ring_key;

/** `seed`: entropy that blinds the arithmetic. Owned: qc_keyring_free(). */
qc_keyring *qc_keyring_new(const uint8_t seed[static 32]);
/** Wipes the keys. NULL is allowed. */
void qc_keyring_free(QC_OWN qc_keyring *k);
/** Returns: QC_OK; QC_EINVAL (no secret key: out of range); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_keyring_add_key(qc_keyring *k, const uint8_t secret[static QC_SECKEY_LEN],
                                        bool compressed);
/** The script is copied. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_keyring_add_script(qc_keyring *k, qc_span script);

const qc_signer *qc_keyring_signer(const qc_keyring *k);
/* What is asked for, borrowed from the ring, or NULL (an empty span: data NULL). */
const qc_ring_key *qc_keyring_by_id(const qc_keyring *k, const uint8_t id[static 20]);
/** Key whose taproot output key this is, as it is or tweaked. */
const qc_ring_key *qc_keyring_by_output(const qc_keyring *k, const uint8_t x[static QC_XONLY_LEN]);
/** Script with this HASH160 (P2SH). */
qc_span qc_keyring_script(const qc_keyring *k, const uint8_t hash[static 20]);
/** Script with this SHA-256 (P2WSH). */
qc_span qc_keyring_witness_script(const qc_keyring *k, const uint8_t hash[static 32]);
