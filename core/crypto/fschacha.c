#include "core/crypto/fschacha.h"

#include "core/base/endian.h"
#include "core/crypto/hashes.h"

#include <nettle/chacha-poly1305.h>
#include <nettle/chacha.h>

/* A whole epoch is a whole number of ChaCha20 blocks, so the stream is made at once. */
_Static_assert(sizeof((qc_fschacha20 *)0)->stream % CHACHA_BLOCK_SIZE == 0, "whole blocks");

static void nonce_of(uint32_t first, uint64_t epoch, uint8_t out[CHACHA_NONCE96_SIZE])
{
    qc_write_le32(out, first);
    qc_write_le64(out + 4, epoch);
}

/* ---- lengths ---- */

static void begin_epoch(qc_fschacha20 *c, const uint8_t key[static 32])
{
    static const uint8_t zero[4];
    struct chacha_ctx x;
    uint8_t nonce[CHACHA_NONCE96_SIZE];
    nonce_of(0, c->epoch, nonce);
    chacha_set_key(&x, key);
    chacha_set_nonce96(&x, nonce);
    chacha_set_counter32(&x, zero);
    memset(c->stream, 0, sizeof c->stream);
    chacha_crypt32(&x, sizeof c->stream, c->stream, c->stream);
    c->used = 0;
    qc_wipe(&x, sizeof x);
}

void qc_fschacha20_init(qc_fschacha20 *c, const uint8_t key[static 32])
{
    c->epoch = 0;
    begin_epoch(c, key);
}

void qc_fschacha20_crypt(qc_fschacha20 *c, uint8_t length[static QC_LENGTH_LEN])
{
    uint8_t *s = c->stream + c->used * QC_LENGTH_LEN;
    for (size_t i = 0; i < QC_LENGTH_LEN; i++)
        length[i] ^= s[i];
    qc_wipe(s, QC_LENGTH_LEN);
    if (++c->used < QC_REKEY)
        return;
    uint8_t key[32];
    memcpy(key, s + QC_LENGTH_LEN, sizeof key);
    c->epoch++;
    begin_epoch(c, key);
    qc_wipe(key, sizeof key);
}

/* ---- contents ---- */

void qc_fsaead_init(qc_fsaead *c, const uint8_t key[static 32])
{
    memcpy(c->key, key, sizeof c->key);
    c->used = 0;
    c->epoch = 0;
}

static void begin(const qc_fsaead *c, struct chacha_poly1305_ctx *x, uint32_t first, qc_span aad)
{
    uint8_t nonce[CHACHA_NONCE96_SIZE];
    nonce_of(first, c->epoch, nonce);
    chacha_poly1305_set_key(x, c->key);
    chacha_poly1305_set_nonce(x, nonce);
    if (aad.len)
        chacha_poly1305_update(x, aad.len, aad.data);
}

/* The next key is what 32 zero bytes encrypt to under a nonce that no message has. */
static void end(qc_fsaead *c, struct chacha_poly1305_ctx *x)
{
    if (++c->used == QC_REKEY) {
        uint8_t key[32] = {0};
        begin(c, x, UINT32_MAX, qc_span_of(NULL, 0));
        chacha_poly1305_encrypt(x, sizeof key, key, key);
        memcpy(c->key, key, sizeof key);
        c->used = 0;
        c->epoch++;
        qc_wipe(key, sizeof key);
    }
    qc_wipe(x, sizeof *x);
}

void qc_fsaead_encrypt(qc_fsaead *c, qc_span aad, uint8_t *data, size_t len,
                       uint8_t tag[static QC_TAG_LEN])
{
    struct chacha_poly1305_ctx x;
    begin(c, &x, c->used, aad);
    chacha_poly1305_encrypt(&x, len, data, data);
    chacha_poly1305_digest(&x, QC_TAG_LEN, tag);
    end(c, &x);
}

bool qc_fsaead_decrypt(qc_fsaead *c, qc_span aad, uint8_t *data, size_t len,
                       const uint8_t tag[static QC_TAG_LEN])
{
    struct chacha_poly1305_ctx x;
    uint8_t want[QC_TAG_LEN];
    begin(c, &x, c->used, aad);
    chacha_poly1305_decrypt(&x, len, data, data);
    chacha_poly1305_digest(&x, QC_TAG_LEN, want);
    end(c, &x);
    bool ok = qc_equal_const_time(qc_span_of(want, sizeof want), qc_span_of(tag, QC_TAG_LEN));
    if (!ok)
        qc_wipe(data, len);
    return ok;
}
