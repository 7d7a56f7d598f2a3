#include "core/crypto/bip324.h"

#include "core/crypto/hashes.h"

#define FLAG_IGNORE 0x80u

/* HKDF (RFC 5869) of one block, 32 bytes: T(1) = HMAC(PRK, info | 1). */
static void expand(const uint8_t prk[static 32], const char *info, uint8_t out[static 32])
{
    uint8_t text[32];
    size_t n = strlen(info);
    QC_ASSERT(n < sizeof text);
    memcpy(text, info, n);
    text[n] = 1;
    qc_hmac_sha256(qc_span_of(prk, 32), qc_span_of(text, n + 1), out);
}

/* The keys of one direction, by the name of the side that sends. */
static void derive(const uint8_t prk[static 32], bool initiator, qc_fschacha20 *length,
                   qc_fsaead *packet)
{
    uint8_t key[32];
    expand(prk, initiator ? "initiator_L" : "responder_L", key);
    qc_fschacha20_init(length, key);
    expand(prk, initiator ? "initiator_P" : "responder_P", key);
    qc_fsaead_init(packet, key);
    qc_wipe(key, sizeof key);
}

void qc_bip324_init(qc_bip324 *c, const uint8_t secret[static 32], const uint8_t magic[static 4],
                    bool initiating)
{
    uint8_t salt[28] = "bitcoin_v2_shared_secret", prk[32], both[2 * QC_TERMINATOR_LEN];
    memcpy(salt + 24, magic, 4);
    qc_hmac_sha256(qc_span_of(salt, sizeof salt), qc_span_of(secret, 32), prk);
    derive(prk, initiating, &c->send_length, &c->send_packet);
    derive(prk, !initiating, &c->recv_length, &c->recv_packet);
    expand(prk, "garbage_terminators", both); /* the initiator's, the responder's */
    memcpy(initiating ? c->send_terminator : c->recv_terminator, both, QC_TERMINATOR_LEN);
    memcpy(initiating ? c->recv_terminator : c->send_terminator, both + QC_TERMINATOR_LEN,
           QC_TERMINATOR_LEN);
    expand(prk, "session_id", c->session_id);
    qc_wipe(prk, sizeof prk);
}

void qc_bip324_seal(qc_bip324 *c, uint8_t *packet, size_t contents_len, qc_span aad, bool ignore)
{
    QC_ASSERT(contents_len <= QC_BIP324_CONTENTS_MAX);
    packet[0] = (uint8_t)contents_len;
    packet[1] = (uint8_t)(contents_len >> 8);
    packet[2] = (uint8_t)(contents_len >> 16);
    packet[3] = ignore ? FLAG_IGNORE : 0;
    qc_fschacha20_crypt(&c->send_length, packet);
    qc_fsaead_encrypt(&c->send_packet, aad, packet + QC_LENGTH_LEN, contents_len + 1,
                      packet + QC_BIP324_HEAD + contents_len);
}

uint32_t qc_bip324_length(qc_bip324 *c, const uint8_t in[static QC_LENGTH_LEN])
{
    uint8_t b[QC_LENGTH_LEN];
    memcpy(b, in, sizeof b);
    qc_fschacha20_crypt(&c->recv_length, b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

bool qc_bip324_open(qc_bip324 *c, uint8_t *packet, size_t contents_len, qc_span aad, bool *ignore)
{
    if (!qc_fsaead_decrypt(&c->recv_packet, aad, packet + QC_LENGTH_LEN, contents_len + 1,
                           packet + QC_BIP324_HEAD + contents_len))
        return false;
    *ignore = (packet[QC_LENGTH_LEN] & FLAG_IGNORE) != 0;
    return true;
}
