#include "core/script/sigcheck.h"

#include "core/crypto/secp.h"
#include "core/script/sigcache.h"
#include "core/script/sighash.h"

/* The shared hashes; made here if the caller's lack the part that is needed. */
static const qc_sighash_cache *shared_hashes(qc_vm *v, bool taproot)
{
    const qc_sighash_cache *h = v->hashes;
    if (h && (taproot ? h->bip341_ready : h->bip143_ready))
        return h;
    qc_sighash_cache_force(&v->own_hashes, v->check->tx, v->check->spent);
    return v->hashes = &v->own_hashes;
}

/* Types of one class hash the same bytes up to the type itself. */
static size_t midstate_class(uint32_t type)
{
    size_t outputs = qc_sighash_is_single(type) ? 2 : qc_sighash_is_none(type) ? 1 : 0;
    return (type & QC_SIGHASH_ANYONECANPAY ? 3 : 0) + outputs;
}

static bool same_code(const qc_midstate *m, const qc_script_code *code)
{
    return m->used && m->start == code->start && m->len == code->bytes.len &&
           qc_hash_eq(&m->digest, &code->digest);
}

/* The hash for CHECKSIG and CHECKMULTISIG. A script may check many signatures over the same code;
 * the transaction is hashed once for each class of types. */
static void ecdsa_sighash(qc_vm *v, const qc_script_code *code, uint32_t type, qc_hash *out)
{
    const qc_script_check *c = v->check;
    bool v0 = v->sigversion == QC_SIGV_WITNESS_V0;
    if (!v0 && qc_sighash_is_single(type) && c->in >= c->tx->rec->n_out) {
        *out = (qc_hash){{1}};
        return;
    }
    qc_midstate *m = &v->midstate[midstate_class(type)];
    if (!same_code(m, code)) {
        qc_sha256_init(&m->ctx);
        if (v0)
            qc_sighash_v0_write(&m->ctx, c->tx, c->in, code->bytes, c->spent[c->in].value, type,
                                shared_hashes(v, false));
        else
            qc_sighash_legacy_write(&m->ctx, c->tx, c->in, code->bytes, type);
        m->used = true;
        m->start = code->start;
        m->len = code->bytes.len;
        m->digest = code->digest;
    }
    qc_sha256_ctx ctx = m->ctx;
    qc_sighash_finish(&ctx, type, out);
}

bool qc_vm_check_ecdsa(qc_vm *v, qc_span sig, qc_span key, const qc_script_code *code)
{
    const qc_script_check *c = v->check;
    if (key.len == 0 || key.len != qc_pubkey_len(key.data[0]) || sig.len == 0)
        return false;
    qc_span der = {sig.data, sig.len - 1};
    qc_hash hash, entry;
    ecdsa_sighash(v, code, sig.data[sig.len - 1], &hash);
    if (!c->cache)
        return qc_ecdsa_verify(key, der, hash.b);
    qc_sig_cache_entry(c->cache, QC_SIG_ECDSA, &hash, key, der, &entry);
    if (qc_sig_cache_has(c->cache, &entry, !c->cache_store))
        return true;
    if (!qc_ecdsa_verify(key, der, hash.b))
        return false;
    if (c->cache_store)
        qc_sig_cache_add(c->cache, &entry);
    return true;
}

static bool schnorr_holds(const qc_script_check *c, const uint8_t *sig, const uint8_t *key,
                          const qc_hash *hash)
{
    qc_hash entry;
    qc_span msg = qc_span_of(hash->b, sizeof hash->b);
    if (!c->cache)
        return qc_schnorr_verify(key, sig, msg);
    qc_sig_cache_entry(c->cache, QC_SIG_SCHNORR, hash, qc_span_of(key, QC_XONLY_LEN),
                       qc_span_of(sig, QC_SCHNORR_LEN), &entry);
    if (qc_sig_cache_has(c->cache, &entry, !c->cache_store))
        return true;
    if (!qc_schnorr_verify(key, sig, msg))
        return false;
    if (c->cache_store)
        qc_sig_cache_add(c->cache, &entry);
    return true;
}

/* SHA-256 of the output of the same index; a script may need it for many signatures. */
static const qc_hash *own_output_hash(qc_vm *v, uint8_t type)
{
    const qc_script_check *c = v->check;
    if ((type & 3) != QC_SIGHASH_SINGLE || c->in >= c->tx->rec->n_out)
        return NULL;
    if (!v->output_hash_ready)
        qc_sighash_output(c->tx, c->in, &v->output_hash);
    v->output_hash_ready = true;
    return &v->output_hash;
}

qc_script_err qc_vm_check_schnorr(qc_vm *v, qc_span sig, const uint8_t key[static 32])
{
    const qc_script_check *c = v->check;
    if (sig.len != QC_SCHNORR_LEN && sig.len != QC_SCHNORR_LEN + 1)
        return QC_SE_SCHNORR_SIG_SIZE;
    uint8_t type = QC_SIGHASH_DEFAULT;
    if (sig.len > QC_SCHNORR_LEN) {
        type = sig.data[QC_SCHNORR_LEN];
        if (type == QC_SIGHASH_DEFAULT)
            return QC_SE_SCHNORR_SIG_HASHTYPE;
    }
    qc_taproot_env env = {
        .tx = c->tx,
        .in = c->in,
        .spent = c->spent,
        .hashes = shared_hashes(v, true),
        .annex = v->annex_present ? &v->annex_hash : NULL,
        .leaf = v->sigversion == QC_SIGV_TAPSCRIPT ? &v->tapleaf_hash : NULL,
        .codesep_pos = v->codesep_pos,
        .output = own_output_hash(v, type),
    };
    qc_hash hash;
    if (!qc_sighash_taproot(&env, type, &hash))
        return QC_SE_SCHNORR_SIG_HASHTYPE;
    return schnorr_holds(c, sig.data, key, &hash) ? QC_SE_OK : QC_SE_SCHNORR_SIG;
}
