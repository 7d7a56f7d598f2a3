#include "tests/unit/builder_sign.h"

#include "core/crypto/hashes.h"
#include "core/crypto/sha256.h"
#include "core/script/pattern.h"
#include "core/script/sighash.h"

static qc_signer *signer(void)
{
    static qc_signer *s; /* lives as long as the program */
    static const uint8_t seed[32] = {1};
    if (!s)
        s = qc_signer_new(seed);
    return s;
}

static void put(qc_bytes *b, const void *data, size_t len)
{
    qc_err err = qc_bytes_append(b, data, len);
    QC_ASSERT(!err);
}

static void put_op(qc_bytes *b, uint8_t op)
{
    put(b, &op, 1);
}

static void put_push(qc_bytes *b, const void *data, size_t len)
{
    uint8_t head[5];
    put(b, head, qc_push_header(len, head));
    put(b, data, len);
}

tb_key tb_key_at(uint32_t i)
{
    tb_key k;
    uint8_t pub[QC_PUBKEY_UNCOMPRESSED];
    qc_sha256(qc_span_of(&i, sizeof i), k.secret);
    size_t n = qc_seckey_pubkey(signer(), k.secret, true, pub);
    QC_ASSERT(n == sizeof k.pub);
    memcpy(k.pub, pub, sizeof k.pub);
    return k;
}

static qc_bytes program(uint8_t op, const void *data, size_t len)
{
    qc_bytes b = QC_BYTES_INIT;
    put_op(&b, op);
    put_push(&b, data, len);
    return b;
}

static qc_bytes pay_key_hash(const tb_key *k)
{
    uint8_t hash[QC_HASH160_LEN];
    qc_bytes b = QC_BYTES_INIT;
    qc_hash160(qc_span_of(k->pub, sizeof k->pub), hash);
    put_op(&b, QC_OP_DUP);
    put_op(&b, QC_OP_HASH160);
    put_push(&b, hash, sizeof hash);
    put_op(&b, QC_OP_EQUALVERIFY);
    put_op(&b, QC_OP_CHECKSIG);
    return b;
}

static qc_bytes pay_script_hash(const qc_bytes *redeem)
{
    uint8_t hash[QC_HASH160_LEN];
    qc_bytes b = QC_BYTES_INIT;
    qc_hash160(qc_bytes_span(redeem), hash);
    put_op(&b, QC_OP_HASH160);
    put_push(&b, hash, sizeof hash);
    put_op(&b, QC_OP_EQUAL);
    return b;
}

static qc_bytes pay_key(const tb_key *k)
{
    qc_bytes b = QC_BYTES_INIT;
    put_push(&b, k->pub, sizeof k->pub);
    put_op(&b, QC_OP_CHECKSIG);
    return b;
}

static qc_bytes pay_witness_key(const tb_key *k)
{
    uint8_t hash[QC_HASH160_LEN];
    qc_hash160(qc_span_of(k->pub, sizeof k->pub), hash);
    return program(QC_OP_0, hash, sizeof hash);
}

static qc_bytes pay_taproot(const tb_key *k)
{
    uint8_t out[QC_XONLY_LEN];
    bool odd, ok = qc_tap_tweak(k->pub + 1, NULL, out, &odd);
    QC_ASSERT(ok);
    return program(QC_OP_1, out, sizeof out);
}

/* The script behind a hash: redeem script or witness script. Empty: none. */
static qc_bytes inner_script(tb_kind kind, const tb_key *k)
{
    qc_bytes b = QC_BYTES_INIT;
    if (kind == TB_P2SH_MULTISIG) {
        put_op(&b, QC_OP_1);
        put_push(&b, k->pub, sizeof k->pub);
        put_op(&b, QC_OP_1);
        put_op(&b, QC_OP_CHECKMULTISIG);
    } else if (kind == TB_P2SH_P2WPKH) {
        b = pay_witness_key(k);
    } else if (kind == TB_P2WSH) {
        b = pay_key(k);
    }
    return b;
}

qc_bytes tb_script(tb_kind kind, const tb_key *k)
{
    qc_bytes inner = inner_script(kind, k), b = QC_BYTES_INIT;
    uint8_t hash[32];
    switch (kind) {
    case TB_P2PK:
        b = pay_key(k);
        break;
    case TB_P2PKH:
        b = pay_key_hash(k);
        break;
    case TB_P2SH_MULTISIG:
    case TB_P2SH_P2WPKH:
        b = pay_script_hash(&inner);
        break;
    case TB_P2WPKH:
        b = pay_witness_key(k);
        break;
    case TB_P2WSH:
        qc_sha256(qc_bytes_span(&inner), hash);
        b = program(QC_OP_0, hash, sizeof hash);
        break;
    case TB_P2TR:
        b = pay_taproot(k);
        break;
    case TB_KINDS:
        break;
    }
    qc_bytes_free(&inner);
    return b;
}

/* DER signature and hash type. */
static size_t sign_ecdsa(const tb_key *k, const qc_hash *hash, uint8_t out[static QC_DER_MAX + 1])
{
    size_t n = qc_ecdsa_sign(signer(), k->secret, hash->b, out);
    QC_ASSERT(n > 0);
    out[n] = QC_SIGHASH_ALL;
    return n + 1;
}

static void sign_legacy(tb_tx *tx, size_t in, tb_kind kind, const tb_key *k, qc_span code,
                        const qc_tx *parsed)
{
    uint8_t sig[QC_DER_MAX + 1];
    qc_hash hash;
    qc_bytes script = QC_BYTES_INIT;
    qc_sighash_legacy(parsed, (uint32_t)in, code, QC_SIGHASH_ALL, &hash);
    if (kind == TB_P2SH_MULTISIG)
        put_op(&script, QC_OP_0); /* CHECKMULTISIG takes one more than it needs */
    put_push(&script, sig, sign_ecdsa(k, &hash, sig));
    if (kind == TB_P2PKH)
        put_push(&script, k->pub, sizeof k->pub);
    if (kind == TB_P2SH_MULTISIG)
        put_push(&script, code.data, code.len);
    tb_tx_set_script(tx, in, qc_bytes_span(&script));
    qc_bytes_free(&script);
}

static void sign_v0(tb_tx *tx, size_t in, tb_kind kind, const tb_key *k, qc_span inner,
                    const qc_tx *parsed, const qc_spent *spent)
{
    uint8_t sig[QC_DER_MAX + 1];
    qc_hash hash;
    qc_sighash_cache cache;
    qc_bytes key_hash = pay_key_hash(k);
    qc_span code = kind == TB_P2WSH ? inner : qc_bytes_span(&key_hash);
    qc_sighash_cache_force(&cache, parsed, spent);
    qc_sighash_v0(parsed, (uint32_t)in, code, spent[in].value, QC_SIGHASH_ALL, &cache, &hash);
    tb_tx_clear_witness(tx, in);
    tb_tx_witness(tx, in, qc_span_of(sig, sign_ecdsa(k, &hash, sig)));
    tb_tx_witness(tx, in, kind == TB_P2WSH ? inner : qc_span_of(k->pub, sizeof k->pub));
    if (kind == TB_P2SH_P2WPKH) {
        qc_bytes push = QC_BYTES_INIT;
        put_push(&push, inner.data, inner.len);
        tb_tx_set_script(tx, in, qc_bytes_span(&push));
        qc_bytes_free(&push);
    }
    qc_bytes_free(&key_hash);
}

static void sign_taproot(tb_tx *tx, size_t in, const tb_key *k, const qc_tx *parsed,
                         const qc_spent *spent)
{
    uint8_t secret[QC_SECKEY_LEN], sig[QC_SCHNORR_LEN];
    qc_hash hash;
    qc_sighash_cache cache;
    qc_sighash_cache_force(&cache, parsed, spent);
    qc_taproot_env env = {.tx = parsed,
                          .in = (uint32_t)in,
                          .spent = spent,
                          .hashes = &cache,
                          .codesep_pos = UINT32_MAX};
    bool ok = qc_sighash_taproot(&env, QC_SIGHASH_DEFAULT, &hash) &&
              qc_seckey_tap_tweak(signer(), k->secret, NULL, secret) &&
              qc_schnorr_sign(signer(), secret, qc_span_of(hash.b, 32), NULL, sig);
    QC_ASSERT(ok);
    tb_tx_clear_witness(tx, in);
    tb_tx_witness(tx, in, qc_span_of(sig, sizeof sig));
}

void tb_sign(tb_tx *tx, size_t in, tb_kind kind, const tb_key *k, const qc_spent *spent)
{
    qc_txbuf t;
    tb_tx_parse(tx, &t);
    qc_bytes inner = inner_script(kind, k);
    qc_span inner_span = qc_bytes_span(&inner);
    switch (kind) {
    case TB_P2PK:
    case TB_P2PKH:
        sign_legacy(tx, in, kind, k, spent[in].script, &t.tx);
        break;
    case TB_P2SH_MULTISIG:
        sign_legacy(tx, in, kind, k, inner_span, &t.tx);
        break;
    case TB_P2WPKH:
    case TB_P2SH_P2WPKH:
    case TB_P2WSH:
        sign_v0(tx, in, kind, k, inner_span, &t.tx, spent);
        break;
    case TB_P2TR:
        sign_taproot(tx, in, k, &t.tx, spent);
        break;
    case TB_KINDS:
        break;
    }
    qc_bytes_free(&inner);
    qc_txbuf_clear(&t);
}
