/* core/crypto/bip324.h: the packets of a v2 connection, once both sides have a shared secret. What
 * is sent before, and in which order, is core/net's. Thread: any, one at a time per object. */
#pragma once
#include "core/crypto/fschacha.h"

#define QC_BIP324_HEAD 4u /* encrypted length, then one byte of flags inside the encryption */
#define QC_BIP324_EXPANSION (QC_BIP324_HEAD + QC_TAG_LEN) /* a packet beyond its contents */
#define QC_BIP324_CONTENTS_MAX 0xffffffu
#define QC_TERMINATOR_LEN 16u

typedef struct qc_bip324 {
    qc_fschacha20 send_length, recv_length;
    qc_fsaead send_packet, recv_packet;
    uint8_t send_terminator[QC_TERMINATOR_LEN], recv_terminator[QC_TERMINATOR_LEN];
    uint8_t session_id[32];
} qc_bip324;

/** Derive all keys from the secret of qc_ellswift_ecdh(). qc_wipe() the object at the end. */
void qc_bip324_init(qc_bip324 *c, const uint8_t secret[static 32], const uint8_t magic[static 4],
                    bool initiating);
/** Make a packet of contents (QC_BIP324_CONTENTS_MAX at most) that already lie QC_BIP324_HEAD
 *  bytes into it; there must be room for the tag behind them. ignore: a decoy. */
void qc_bip324_seal(qc_bip324 *c, uint8_t *packet, size_t contents_len, qc_span aad, bool ignore);
/** The length of the contents of the next packet, from its first three bytes. Once per packet. */
uint32_t qc_bip324_length(qc_bip324 *c, const uint8_t in[static QC_LENGTH_LEN]);
/** Decrypt a whole packet in place: its contents then lie QC_BIP324_HEAD bytes into it.
 *  Out: *ignore. Returns: false when it is not authentic; nothing more can be read then. */
bool qc_bip324_open(qc_bip324 *c, uint8_t *packet, size_t contents_len, qc_span aad, bool *ignore);
