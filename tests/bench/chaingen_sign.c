/* Keys, scripts and signatures of the generated chain. */
#include "tests/bench/chaingen.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/crypto/hashes.h"
#include "core/crypto/sha256.h"
#include "core/script/sighash.h"

#define MUST(x) QC_ASSERT(!(x))

static void make_key(const qc_signer *s, uint64_t seed, uint32_t i, cg_key *k)
{
    uint8_t src[12];
    qc_hash h;
    qc_write_le64(src, seed);
    qc_write_le32(src + 8, i);
    qc_sha256(qc_span_of(src, sizeof src), h.b);
    memcpy(k->secret, h.b, 32);
    QC_ASSERT(qc_seckey_pubkey(s, k->secret, true, (uint8_t[65]){0}) == 33);
    uint8_t pub[65];
    qc_seckey_pubkey(s, k->secret, true, pub);
    memcpy(k->pub, pub, 33);
    bool odd;
    QC_ASSERT(qc_seckey_tap_tweak(s, k->secret, NULL, k->tap_secret));
    QC_ASSERT(qc_tap_tweak(k->pub + 1, NULL, k->tap_output, &odd));
    qc_hash160(qc_span_of(k->pub, 33), k->h160);
    uint8_t program[22] = {0, 20};
    memcpy(program + 2, k->h160, 20);
    qc_hash160(qc_span_of(program, sizeof program), k->redeem_h160);
    k->wsh_script[0] = 33;
    memcpy(k->wsh_script + 1, k->pub, 33);
    k->wsh_script[34] = 0xac;
    qc_sha256(qc_span_of(k->wsh_script, sizeof k->wsh_script), h.b);
    memcpy(k->wsh_program, h.b, 32);
}

static void make_multisig(cg_key *keys, uint32_t i)
{
    uint8_t *p = keys[i].multisig;
    *p++ = 0x52;
    for (uint32_t k = 0; k < 3; k++, p += 33) {
        *p++ = 33;
        memcpy(p, keys[(i + k) % CG_KEYS].pub, 33);
    }
    *p++ = 0x53;
    *p++ = 0xae;
    qc_hash160(qc_span_of(keys[i].multisig, CG_MULTISIG_LEN), keys[i].multisig_h160);
}

void cg_keys_make(const qc_signer *s, uint64_t seed, cg_key key[static CG_KEYS])
{
    for (uint32_t i = 0; i < CG_KEYS; i++)
        make_key(s, seed, i, &key[i]);
    for (uint32_t i = 0; i < CG_KEYS; i++)
        make_multisig(key, i);
}

static size_t put(uint8_t *out, const void *head, size_t n_head, const void *body, size_t n_body,
                  const void *tail, size_t n_tail)
{
    memcpy(out, head, n_head);
    memcpy(out + n_head, body, n_body);
    if (n_tail)
        memcpy(out + n_head + n_body, tail, n_tail);
    return n_head + n_body + n_tail;
}

size_t cg_script(const cg_key *key, cg_kind kind, uint8_t out[static 40])
{
    switch (kind) {
    case CG_P2WPKH:
        return put(out, "\x00\x14", 2, key->h160, 20, NULL, 0);
    case CG_P2TR:
        return put(out, "\x51\x20", 2, key->tap_output, 32, NULL, 0);
    case CG_P2PKH:
        return put(out, "\x76\xa9\x14", 3, key->h160, 20, "\x88\xac", 2);
    case CG_P2SH:
        return put(out, "\xa9\x14", 2, key->redeem_h160, 20, "\x87", 1);
    case CG_P2WSH:
        return put(out, "\x00\x20", 2, key->wsh_program, 32, NULL, 0);
    case CG_OP_RETURN:
        return put(out, "\x6a\x5d\x0b", 3, key->h160, 11, NULL, 0);
    case CG_MULTISIG:
        return put(out, "\xa9\x14", 2, key->multisig_h160, 20, "\x87", 1);
    }
    return 0;
}

/* One input's unlocking data. */
typedef struct unlock {
    uint8_t script_sig[260];
    size_t script_len;
    uint8_t witness[120];
    size_t witness_len;
} unlock;

static void put_item(unlock *u, const void *data, size_t len)
{
    u->witness[u->witness_len++] = (uint8_t)len;
    memcpy(u->witness + u->witness_len, data, len);
    u->witness_len += len;
}

static size_t der_sig(const qc_signer *s, const cg_key *k, const qc_hash *msg, uint8_t out[80])
{
    size_t n = qc_ecdsa_sign(s, k->secret, msg->b, out);
    QC_ASSERT(n > 0);
    out[n++] = QC_SIGHASH_ALL;
    return n;
}

static void unlock_wpkh(const qc_signer *s, const cg_key *k, const qc_tx *tx, uint32_t i,
                        qc_amount value, const qc_sighash_cache *hashes, unlock *u)
{
    uint8_t code[40], sig[80];
    qc_hash msg;
    size_t n = cg_script(k, CG_P2PKH, code);
    qc_sighash_v0(tx, i, qc_span_of(code, n), value, QC_SIGHASH_ALL, hashes, &msg);
    n = der_sig(s, k, &msg, sig);
    u->witness[u->witness_len++] = 2;
    put_item(u, sig, n);
    put_item(u, k->pub, 33);
}

static void unlock_wsh(const qc_signer *s, const cg_key *k, const qc_tx *tx, uint32_t i,
                       qc_amount value, const qc_sighash_cache *hashes, unlock *u)
{
    uint8_t sig[80];
    qc_hash msg;
    qc_sighash_v0(tx, i, qc_span_of(k->wsh_script, sizeof k->wsh_script), value, QC_SIGHASH_ALL,
                  hashes, &msg);
    size_t n = der_sig(s, k, &msg, sig);
    u->witness[u->witness_len++] = 2;
    put_item(u, sig, n);
    put_item(u, k->wsh_script, sizeof k->wsh_script);
}

static void unlock_tr(const qc_signer *s, const cg_key *k, const qc_taproot_env *env, unlock *u)
{
    uint8_t sig[64];
    qc_hash msg;
    QC_ASSERT(qc_sighash_taproot(env, QC_SIGHASH_DEFAULT, &msg));
    QC_ASSERT(qc_schnorr_sign(s, k->tap_secret, qc_span_of(msg.b, 32), NULL, sig));
    u->witness[u->witness_len++] = 1;
    put_item(u, sig, sizeof sig);
}

static void unlock_pkh(const qc_signer *s, const cg_key *k, const qc_tx *tx, uint32_t i, unlock *u)
{
    uint8_t code[40], sig[80];
    qc_hash msg;
    size_t n = cg_script(k, CG_P2PKH, code);
    qc_sighash_legacy(tx, i, qc_span_of(code, n), QC_SIGHASH_ALL, &msg);
    n = der_sig(s, k, &msg, sig);
    uint8_t *p = u->script_sig;
    *p++ = (uint8_t)n;
    memcpy(p, sig, n);
    p += n;
    *p++ = 33;
    memcpy(p, k->pub, 33);
    u->script_len = n + 35;
}

/* `k` and the next key sign. */
static void unlock_multisig(const qc_signer *s, const cg_key *keys, uint32_t key, const qc_tx *tx,
                            uint32_t i, unlock *u)
{
    const qc_span code = qc_span_of(keys[key].multisig, CG_MULTISIG_LEN);
    qc_hash msg;
    qc_sighash_legacy(tx, i, code, QC_SIGHASH_ALL, &msg);
    uint8_t *p = u->script_sig;
    *p++ = 0;
    for (uint32_t n = 0; n < 2; n++) {
        uint8_t sig[80];
        size_t len = der_sig(s, &keys[(key + n) % CG_KEYS], &msg, sig);
        *p++ = (uint8_t)len;
        memcpy(p, sig, len);
        p += len;
    }
    *p++ = 0x4c;
    *p++ = CG_MULTISIG_LEN;
    memcpy(p, code.data, code.len);
    u->script_len = (size_t)(p - u->script_sig) + code.len;
}

static void unlock_input(const qc_signer *s, const cg_key *keys, const cg_coin *c,
                         const qc_taproot_env *env, unlock *u)
{
    const cg_key *k = &keys[c->key];
    memset(u, 0, sizeof *u);
    switch ((cg_kind)c->kind) {
    case CG_P2WPKH:
        unlock_wpkh(s, k, env->tx, env->in, c->value, env->hashes, u);
        return;
    case CG_P2SH:
        u->script_sig[0] = 22;
        u->script_sig[1] = 0;
        u->script_sig[2] = 20;
        memcpy(u->script_sig + 3, k->h160, 20);
        u->script_len = 23;
        unlock_wpkh(s, k, env->tx, env->in, c->value, env->hashes, u);
        return;
    case CG_P2TR:
        unlock_tr(s, k, env, u);
        return;
    case CG_P2PKH:
        unlock_pkh(s, k, env->tx, env->in, u);
        return;
    case CG_P2WSH:
        unlock_wsh(s, k, env->tx, env->in, c->value, env->hashes, u);
        return;
    case CG_MULTISIG:
        unlock_multisig(s, keys, c->key, env->tx, env->in, u);
        return;
    case CG_OP_RETURN:
        break;
    }
    qc_assert_fail(__FILE__, __LINE__, "an OP_RETURN output cannot be spent");
}

static void write_tx(const cg_coin *in, const unlock *u, size_t n_in, qc_span outputs, bool witness,
                     qc_bytes *b)
{
    MUST(qc_w_le32(b, 2));
    if (witness)
        MUST(qc_bytes_append(b, "\x00\x01", 2));
    MUST(qc_w_compact(b, n_in));
    for (size_t i = 0; i < n_in; i++) {
        MUST(qc_bytes_append(b, in[i].txid.b, 32));
        MUST(qc_w_le32(b, in[i].n));
        MUST(qc_w_var(b, u ? qc_span_of(u[i].script_sig, u[i].script_len) : qc_span_of("", 0)));
        MUST(qc_w_le32(b, 0xfffffffd));
    }
    MUST(qc_bytes_append(b, outputs.data, outputs.len));
    for (size_t i = 0; witness && i < n_in; i++) {
        if (u[i].witness_len)
            MUST(qc_bytes_append(b, u[i].witness, u[i].witness_len));
        else
            MUST(qc_w_u8(b, 0));
    }
    MUST(qc_w_le32(b, 0));
}

static bool any_witness(const unlock *u, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (u[i].witness_len)
            return true;
    return false;
}

void cg_sign_tx(const qc_signer *s, const cg_key *keys, const cg_coin *in, size_t n_in,
                qc_span outputs, qc_bytes *out)
{
    qc_bytes bare = QC_BYTES_INIT;
    write_tx(in, NULL, n_in, outputs, false, &bare);
    qc_txbuf t;
    QC_ASSERT(qc_tx_parse(qc_bytes_span(&bare), false, &t) == QC_WIRE_OK);
    qc_spent *spent = qc_alloc(n_in * sizeof *spent);
    uint8_t(*script)[40] = qc_alloc(n_in * sizeof *script);
    for (size_t i = 0; i < n_in; i++) {
        size_t n = cg_script(&keys[in[i].key], (cg_kind)in[i].kind, script[i]);
        spent[i] = (qc_spent){.value = in[i].value, .script = qc_span_of(script[i], n)};
    }
    qc_sighash_cache hashes;
    qc_sighash_cache_force(&hashes, &t.tx, spent);
    unlock *u = qc_alloc(n_in * sizeof *u);
    for (size_t i = 0; i < n_in; i++) {
        qc_taproot_env env = {.tx = &t.tx, .in = (uint32_t)i, .spent = spent, .hashes = &hashes};
        env.codesep_pos = 0xffffffff;
        unlock_input(s, keys, &in[i], &env, &u[i]);
    }
    write_tx(in, u, n_in, outputs, any_witness(u, n_in), out);
    qc_free(u);
    qc_free(script);
    qc_free(spent);
    qc_txbuf_clear(&t);
    qc_bytes_free(&bare);
}
