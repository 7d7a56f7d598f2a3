/* core/crypto/fschacha.h: the ciphers of BIP324 over nettle's ChaCha20 and Poly1305. Both change
 * their key after QC_REKEY messages, so that what was sent earlier stays secret when the state of
 * now is stolen. Thread: any, one at a time per object. */
#pragma once
#include "core/base/bytes.h"

#define QC_REKEY 224u
#define QC_TAG_LEN 16u
#define QC_LENGTH_LEN 3u

/** FSChaCha20 for the one use it has: packet lengths, always three bytes. */
typedef struct qc_fschacha20 {
    uint8_t stream[QC_REKEY * QC_LENGTH_LEN + 32]; /* key stream of this epoch, then the next key */
    uint32_t used;                                 /* lengths done in this epoch */
    uint64_t epoch;
} qc_fschacha20;

void qc_fschacha20_init(qc_fschacha20 *c, const uint8_t key[static 32]);
/** Encrypt or decrypt the next length in place. */
void qc_fschacha20_crypt(qc_fschacha20 *c, uint8_t length[static QC_LENGTH_LEN]);

/** FSChaCha20Poly1305: the AEAD of RFC 8439, its nonce counted up. */
typedef struct qc_fsaead {
    uint8_t key[32];
    uint32_t used;
    uint64_t epoch;
} qc_fsaead;

void qc_fsaead_init(qc_fsaead *c, const uint8_t key[static 32]);
/** Encrypt `len` bytes in place. Out: their tag, which covers `aad` too. */
void qc_fsaead_encrypt(qc_fsaead *c, qc_span aad, uint8_t *data, size_t len,
                       uint8_t tag[static QC_TAG_LEN]);
/** Decrypt in place. Returns: false when `data`, `aad` or the tag are not what was encrypted;
 *  `data` is then zeroed. The comparison is in constant time. */
bool qc_fsaead_decrypt(qc_fsaead *c, qc_span aad, uint8_t *data, size_t len,
                       const uint8_t tag[static QC_TAG_LEN]);
