#include "core/script/keyring.h"

#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/crypto/sha256.h"

typedef struct ring_script {
    qc_bytes bytes;
    uint8_t h160[20], h256[32];
} ring_script;

struct qc_keyring {
    qc_signer *signer;
    qc_ring_key *key;
    size_t n_keys, cap_keys;
    ring_script *script;
    size_t n_scripts, cap_scripts;
};

qc_keyring *qc_keyring_new(const uint8_t seed[static 32])
{
    qc_keyring *k = qc_alloc(sizeof *k);
    k->signer = qc_signer_new(seed);
    return k;
}

void qc_keyring_free(qc_keyring *k)
{
    if (!k)
        return;
    if (k->key)
        qc_wipe(k->key, k->cap_keys * sizeof *k->key);
    for (size_t i = 0; i < k->n_scripts; i++)
        qc_bytes_free(&k->script[i].bytes);
    qc_signer_free(k->signer);
    qc_free(k->key);
    qc_free(k->script);
    qc_free(k);
}

/* No realloc(): it would leave secrets behind. */
static qc_err grow_keys(qc_keyring *k)
{
    if (k->n_keys < k->cap_keys)
        return QC_OK;
    size_t cap = k->cap_keys ? 2 * k->cap_keys : 4;
    qc_ring_key *p = qc_try_calloc(cap, sizeof *p);
    if (!p)
        return QC_ENOMEM;
    if (k->n_keys) {
        memcpy(p, k->key, k->n_keys * sizeof *p);
        qc_wipe(k->key, k->n_keys * sizeof *p);
    }
    qc_free(k->key);
    k->key = p;
    k->cap_keys = cap;
    return QC_OK;
}

qc_err qc_keyring_add_key(qc_keyring *k, const uint8_t secret[static QC_SECKEY_LEN],
                          bool compressed)
{
    uint8_t pub[QC_PUBKEY_UNCOMPRESSED];
    bool odd;
    if (!qc_seckey_pubkey(k->signer, secret, true, pub))
        return QC_EINVAL;
    qc_err err = grow_keys(k);
    if (err)
        return err;
    qc_ring_key *e = &k->key[k->n_keys];
    memcpy(e->secret, secret, sizeof e->secret);
    memcpy(e->x, pub + 1, sizeof e->x);
    if (!qc_tap_tweak(e->x, NULL, e->tweaked, &odd))
        memset(e->tweaked, 0, sizeof e->tweaked);
    e->len = (uint8_t)qc_seckey_pubkey(k->signer, secret, compressed, e->pub);
    qc_hash160(qc_span_of(e->pub, e->len), e->id);
    k->n_keys++;
    return QC_OK;
}

qc_err qc_keyring_add_script(qc_keyring *k, qc_span script)
{
    if (k->n_scripts == k->cap_scripts) {
        size_t cap = k->cap_scripts ? 2 * k->cap_scripts : 4;
        ring_script *p = qc_try_realloc(k->script, cap * sizeof *p);
        if (!p)
            return QC_ENOMEM;
        k->script = p;
        k->cap_scripts = cap;
    }
    ring_script *s = &k->script[k->n_scripts];
    *s = (ring_script){.bytes = QC_BYTES_INIT};
    qc_err err = qc_bytes_append(&s->bytes, script.data, script.len);
    if (err)
        return err;
    qc_hash160(script, s->h160);
    qc_sha256(script, s->h256);
    k->n_scripts++;
    return QC_OK;
}

const qc_signer *qc_keyring_signer(const qc_keyring *k)
{
    return k->signer;
}

const qc_ring_key *qc_keyring_by_id(const qc_keyring *k, const uint8_t id[static 20])
{
    for (size_t i = 0; i < k->n_keys; i++)
        if (memcmp(k->key[i].id, id, 20) == 0)
            return &k->key[i];
    return NULL;
}

const qc_ring_key *qc_keyring_by_output(const qc_keyring *k, const uint8_t x[static QC_XONLY_LEN])
{
    for (size_t i = 0; i < k->n_keys; i++)
        if (memcmp(k->key[i].x, x, QC_XONLY_LEN) == 0 ||
            memcmp(k->key[i].tweaked, x, QC_XONLY_LEN) == 0)
            return &k->key[i];
    return NULL;
}

qc_span qc_keyring_script(const qc_keyring *k, const uint8_t hash[static 20])
{
    for (size_t i = 0; i < k->n_scripts; i++)
        if (memcmp(k->script[i].h160, hash, 20) == 0)
            return qc_bytes_span(&k->script[i].bytes);
    return (qc_span){NULL, 0};
}

qc_span qc_keyring_witness_script(const qc_keyring *k, const uint8_t hash[static 32])
{
    for (size_t i = 0; i < k->n_scripts; i++)
        if (memcmp(k->script[i].h256, hash, 32) == 0)
            return qc_bytes_span(&k->script[i].bytes);
    return (qc_span){NULL, 0};
}
