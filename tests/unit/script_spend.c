#include "tests/unit/script_spend.h"

#include "core/crypto/hashes.h"
#include "core/script/pattern.h"

void put_op(qc_bytes *b, uint8_t op)
{
    put(b, &op, 1);
}

void put_data(qc_bytes *b, const void *data, size_t len)
{
    uint8_t head[5];
    put(b, head, qc_push_header(len, head));
    put_span(b, qc_span_of(data, len));
}

void put_data_span(qc_bytes *b, qc_span s)
{
    put_data(b, s.data, s.len);
}

qc_bytes program_script(uint8_t version, const void *program, size_t len)
{
    qc_bytes b = QC_BYTES_INIT;
    put_op(&b, version ? (uint8_t)(QC_OP_1 - 1 + version) : QC_OP_0);
    put_data(&b, program, len);
    return b;
}

qc_bytes p2pkh_script(qc_span key)
{
    uint8_t hash[QC_HASH160_LEN];
    qc_bytes b = QC_BYTES_INIT;
    qc_hash160(key, hash);
    put_op(&b, QC_OP_DUP);
    put_op(&b, QC_OP_HASH160);
    put_data(&b, hash, sizeof hash);
    put_op(&b, QC_OP_EQUALVERIFY);
    put_op(&b, QC_OP_CHECKSIG);
    return b;
}

qc_bytes p2sh_script(qc_span redeem)
{
    uint8_t hash[QC_HASH160_LEN];
    qc_bytes b = QC_BYTES_INIT;
    qc_hash160(redeem, hash);
    put_op(&b, QC_OP_HASH160);
    put_data(&b, hash, sizeof hash);
    put_op(&b, QC_OP_EQUAL);
    return b;
}

qc_bytes p2wsh_script(qc_span script)
{
    uint8_t hash[32];
    qc_sha256(script, hash);
    return program_script(0, hash, sizeof hash);
}

static const uint8_t OTHER_SCRIPT[] = {QC_OP_1, QC_OP_NOP};

void spend_init(spend *s)
{
    static const uint8_t SEED[32] = {9}, TXID[32] = {0xaa, 0xbb};
    *s = (spend){.in = 0};
    s->signer = qc_signer_new(SEED);
    for (size_t k = 0; k < N_KEYS; k++) {
        uint8_t out[65];
        memset(s->secret[k], (int)(0x21 + k), 32);
        if (qc_seckey_pubkey(s->signer, s->secret[k], true, out) != 33)
            bad_vectors("a key of the tests is not valid");
        memcpy(s->pub[k], out, 33);
        qc_seckey_pubkey(s->signer, s->secret[k], false, s->pub65[k]);
    }
    testtx t = {.version = 2, .locktime = 5};
    for (uint32_t i = 0; i < 3; i++) {
        testtx_add_input(&t, TXID, i, (qc_span){NULL, 0}, 0xfffffffd - i);
        s->spent[i] = (qc_spent){.value = 1000 + i, .script = qc_span_of(OTHER_SCRIPT, 2)};
    }
    testtx_add_output(&t, 700, qc_span_of(OTHER_SCRIPT, 1));
    testtx_add_output(&t, 800, qc_span_of(OTHER_SCRIPT, 2));
    qc_bytes raw = testtx_bytes(&t, NULL);
    testtx_parse(qc_bytes_span(&raw), &s->tx);
    qc_bytes_free(&raw);
    testtx_clear(&t);
}

void spend_clear(spend *s)
{
    qc_signer_free(s->signer);
    qc_bytes_free(&s->pubkey);
    qc_txbuf_clear(&s->tx);
}

void spend_coin(spend *s, uint32_t in, qc_bytes script)
{
    qc_bytes_free(&s->pubkey);
    for (uint32_t i = 0; i < 3; i++)
        s->spent[i].script = qc_span_of(OTHER_SCRIPT, 2);
    s->pubkey = script;
    s->in = in;
    s->spent[in].script = qc_bytes_span(&s->pubkey);
    qc_sighash_cache_force(&s->hashes, &s->tx.tx, s->spent);
}

qc_script_err spend_check(const spend *s, qc_span sig, const testwit *wit, uint32_t flags)
{
    static const testwit NONE;
    qc_txbuf tx;
    testtx_with_input(&s->tx.tx, s->in, sig, wit ? wit : &NONE, &tx);
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, &tx.tx, s->spent);
    qc_script_check c = {
        .tx = &tx.tx, .in = s->in, .spent = s->spent, .hashes = &hashes, .flags = flags};
    qc_script_err err = qc_script_verify_input(&c);
    /* What the caller precomputes must not matter. */
    c.hashes = NULL;
    if (qc_script_verify_input(&c) != err)
        bad_vectors("the result depends on the shared hashes");
    qc_txbuf_clear(&tx);
    return err;
}

size_t spend_sign_hash(const spend *s, size_t k, const qc_hash *hash, uint8_t type,
                       uint8_t out[static QC_DER_MAX + 1])
{
    size_t n = qc_ecdsa_sign(s->signer, s->secret[k], hash->b, out);
    out[n] = type;
    return n + 1;
}

size_t spend_sign_legacy(const spend *s, size_t k, qc_span code, uint8_t type,
                         uint8_t out[static QC_DER_MAX + 1])
{
    qc_hash hash;
    qc_sighash_legacy(&s->tx.tx, s->in, code, type, &hash);
    return spend_sign_hash(s, k, &hash, type, out);
}

size_t spend_sign_v0(const spend *s, size_t k, qc_span code, uint8_t type,
                     uint8_t out[static QC_DER_MAX + 1])
{
    qc_hash hash;
    qc_sighash_v0(&s->tx.tx, s->in, code, s->spent[s->in].value, type, &s->hashes, &hash);
    return spend_sign_hash(s, k, &hash, type, out);
}
