/* utxoupdatepsbt and descriptorprocesspsbt (Core rpc/rawtransaction.cpp, ProcessPSBT): coins from
 * the node, keys and scripts from descriptors, and signatures where their secrets are known. */
#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/methods/common.h"
#include "core/methods/findtx.h"
#include "core/methods/psbt_known.h"
#include "core/methods/psbt_sign.h"
#include "core/script/sign.h"
#include "lib/script.h"

#include <stdlib.h>

#define MAX_MONEY INT64_C(2100000000000000)

/* ---- coins ---- */

static bool add_transactions(qc_rpc_req *r, const qc_node *n, qn_psbt *p)
{
    for (size_t i = 0; i < p->n_in; i++) {
        qc_hash txid;
        qc_bytes raw = QC_BYTES_INIT;
        const qc_index *at;
        if (qn_psbt_get(&p->in[i].map, QN_PSBT_IN_TX))
            continue;
        memcpy(txid.b, p->in[i].txid, 32);
        qc_err err = qc_m_find_tx(n, &txid, &raw, &at);
        if (err && err != QC_ENOENT)
            return qc_m_fail_err(r, err, "Cannot look a transaction up");
        bool ok = err || qn_psbt_put(p, &p->in[i].map, QN_PSBT_IN_TX, NULL, 0, raw.data, raw.len);
        qc_bytes_free(&raw);
        if (!ok)
            return qc_m_fail_memory(r);
    }
    return true;
}

/* Spent by a witness, as far as is known. */
static bool is_segwit(const qc_m_known *k, qc_span script)
{
    qn_script_info info;
    qn_script_part program;
    qn_psbt_bytes inner;
    int version;
    if (qn_script_witness_program(script.data, script.len, &version, &program))
        return true;
    return qn_script_classify(script.data, script.len, &info) == QN_SCRIPT_SCRIPTHASH &&
           qn_psbt_known_script(qc_m_known_of(k), info.part[0].data, &inner) &&
           qn_script_witness_program(inner.data, inner.len, &version, &program);
}

static bool put_coin(qn_psbt *p, size_t i, const qc_spent *coin)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_err err = qc_w_le64(&b, (uint64_t)coin->value);
    if (!err)
        err = qc_w_var(&b, coin->script);
    bool ok = !err && qn_psbt_put(p, &p->in[i].map, QN_PSBT_IN_COIN, NULL, 0, b.data, b.len);
    qc_bytes_free(&b);
    return ok;
}

static bool add_coins(qc_rpc_req *r, const qc_node *n, qn_psbt *p, const qc_m_known *k,
                      const qc_tx *tx)
{
    qc_m_coins coins;
    bool ok = qc_m_coins_find(r, n, tx, &coins);
    for (uint32_t i = 0; ok && i < coins.n; i++) {
        if (!coins.known[i] || qn_psbt_get(&p->in[i].map, QN_PSBT_IN_TX) ||
            !is_segwit(k, coins.spent[i].script))
            continue;
        ok = put_coin(p, i, &coins.spent[i]) || qc_m_fail_memory(r);
    }
    qc_m_coins_clear(&coins);
    return ok;
}

/* ---- what is known ---- */

static qn_psbt_known *known_of(void *arg)
{
    return qc_m_known_of(((const qc_m_psbt_helper *)arg)->known);
}

static bool help_script(void *arg, const uint8_t *hash, qn_psbt_bytes *out)
{
    return qn_psbt_known_script(known_of(arg), hash, out);
}

static bool help_key(void *arg, const uint8_t *hash, qn_psbt_bytes *out)
{
    return qn_psbt_known_key(known_of(arg), hash, out);
}

static bool help_origin(void *arg, qn_psbt_bytes key, qn_psbt_bytes *out)
{
    const qc_m_psbt_helper *x = arg;
    return !x->hide_origins && qn_psbt_known_origin(known_of(arg), key, out);
}

static void help_taproot(void *arg, const uint8_t *output, qn_psbt_known_put *put, void *put_arg)
{
    qn_psbt_known_taproot(known_of(arg), output, put, put_arg);
}

static void help_tree(void *arg, const uint8_t *output, qn_psbt_known_put *put, void *put_arg)
{
    qn_psbt_known_tree(known_of(arg), output, put, put_arg);
}

/* ---- signatures ---- */

static uint8_t sighash_of(const qc_m_psbt_helper *x, bool taproot)
{
    if (x->sighash >= 0)
        return (uint8_t)x->sighash;
    return (uint8_t)(taproot ? QC_SIGHASH_DEFAULT : QC_SIGHASH_ALL);
}

static size_t sign_ecdsa(void *arg, size_t in, qn_psbt_bytes key, qn_psbt_bytes code, bool v0,
                         uint8_t *out)
{
    const qc_m_psbt_helper *x = arg;
    uint8_t id[20];
    qc_hash hash;
    qc_hash160(qc_m_psbt_span(key), id);
    const qc_ring_key *k = qc_keyring_by_id(x->ring, id);
    int64_t value = x->spent[in].value;
    /* Segwit signs the amount, and wants compressed keys (BIP143). */
    if (!k || (v0 && (k->len != QC_PUBKEY_COMPRESSED || value < 0 || value > MAX_MONEY)))
        return 0;
    uint8_t type = sighash_of(x, false);
    if (type == QC_SIGHASH_DEFAULT)
        type = QC_SIGHASH_ALL;
    if (v0)
        qc_sighash_v0(&x->tx.tx, (uint32_t)in, qc_m_psbt_span(code), value, type, &x->hashes,
                      &hash);
    else
        qc_sighash_legacy(&x->tx.tx, (uint32_t)in, qc_m_psbt_span(code), type, &hash);
    size_t len = qc_ecdsa_sign_low_r(qc_keyring_signer(x->ring), k->secret, hash.b, out);
    if (!len)
        return 0;
    out[len] = type;
    return len + 1;
}

static const qc_ring_key *key_by_x(const qc_keyring *ring, const uint8_t *x)
{
    uint8_t full[33], id[20];
    const qc_ring_key *k = NULL;
    memcpy(full + 1, x, 32);
    for (full[0] = 2; full[0] <= 3 && !k; full[0]++) {
        qc_hash160(qc_span_of(full, 33), id);
        k = qc_keyring_by_id(ring, id);
    }
    return k;
}

static size_t sign_schnorr(void *arg, size_t in, const uint8_t *pub, const uint8_t *leaf,
                           const uint8_t *root, uint8_t *out)
{
    static const uint8_t NO_TREE[32], NO_AUX[32];
    const qc_m_psbt_helper *x = arg;
    const qc_ring_key *k = key_by_x(x->ring, pub);
    uint8_t type = sighash_of(x, true);
    uint8_t secret[QC_SECKEY_LEN];
    qc_hash hash, leaf_hash;
    if (leaf)
        memcpy(leaf_hash.b, leaf, 32);
    const qc_taproot_env e = {&x->tx.tx,  (uint32_t)in, x->spent,
                              &x->hashes, NULL,         leaf ? &leaf_hash : NULL,
                              UINT32_MAX, NULL};
    if (!k || !x->all_known || !qc_sighash_taproot(&e, type, &hash))
        return 0;
    const qc_signer *signer = qc_keyring_signer(x->ring);
    memcpy(secret, k->secret, sizeof secret);
    bool tree = root && memcmp(root, NO_TREE, 32) != 0;
    bool ok = !root || qc_seckey_tap_tweak(signer, secret, tree ? root : NULL, secret);
    ok = ok && qc_schnorr_sign(signer, secret, qc_span_of(hash.b, 32), NO_AUX, out);
    qc_wipe(secret, sizeof secret);
    out[QC_SCHNORR_LEN] = type;
    return ok ? QC_SCHNORR_LEN + (type != QC_SIGHASH_DEFAULT) : 0;
}

/* ---- the whole ---- */

typedef struct process {
    int sighash;
    bool finalize, hide_origins;
} process;

static bool fill(qc_rpc_req *r, qn_psbt *p, const qc_m_psbt_helper *x, const process *how)
{
    for (size_t i = 0; i < p->n_in; i++) {
        if (qn_psbt_is_final(&p->in[i]))
            continue;
        qn_psbt_sign_result res = qn_psbt_sign(p, i, &x->h, how->sighash, how->finalize, NULL);
        if (res == QN_PSBT_SIGN_NO_MEMORY)
            return qc_m_fail_memory(r);
        if (res == QN_PSBT_SIGN_SIGHASH)
            return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                               "Specified sighash value does not match value stored in PSBT");
    }
    for (size_t i = 0; i < p->n_out; i++)
        if (!qn_psbt_update_output(p, i, &x->h))
            return qc_m_fail_memory(r);
    qn_psbt_drop_transactions(p);
    return true;
}

static void lend(qc_m_psbt_helper *x, const qc_m_known *k, const process *how)
{
    x->known = k;
    x->ring = qc_m_known_ring(k);
    x->sighash = how->sighash;
    x->hide_origins = how->hide_origins;
    x->h.script = help_script;
    x->h.key = help_key;
    x->h.origin = help_origin;
    x->h.taproot = help_taproot;
    x->h.tree = help_tree;
    if (x->ring) {
        x->h.ecdsa = sign_ecdsa;
        x->h.schnorr = sign_schnorr;
    }
}

/* False: the request has failed. */
static bool run(qc_rpc_req *r, const qc_node *n, qn_psbt *p, const qc_m_known *k,
                const process *how)
{
    qc_m_psbt_helper x = {.has_tx = false};
    uint32_t at;
    if (!qn_psbt_locktime(p, &at))
        return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                           "PSBT does not represent a valid transaction");
    bool ok = add_transactions(r, n, p) && qc_m_psbt_helper_new(r, p, &x) &&
              add_coins(r, n, p, k, &x.tx.tx);
    qc_m_psbt_helper_clear(&x);
    ok = ok && qc_m_psbt_helper_new(r, p, &x);
    if (ok) {
        lend(&x, k, how);
        ok = fill(r, p, &x, how);
    }
    qc_m_psbt_helper_clear(&x);
    return ok;
}

static void utxoupdatepsbt(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const process how = {.sighash = -1};
    qc_m_known *k = NULL;
    qn_psbt *p = NULL;
    if (qc_m_known_new(r, n->params, qc_rpc_arg(r, 1), false, &k) &&
        qc_m_psbt_arg(r, qc_rpc_arg(r, 0), &p) && run(r, n, p, k, &how))
        (void)qc_m_put_psbt(r, p);
    qn_psbt_free(p);
    qc_m_known_free(k);
}

static bool sighash_arg(qc_rpc_req *r, size_t i, int *out)
{
    static const char *const NAME[] = {"DEFAULT", "ALL", "NONE", "SINGLE"};
    const char *text = NULL;
    *out = -1;
    if (!qc_rpc_arg(r, i))
        return true;
    if (!qc_rpc_str(r, i, &text))
        return false;
    for (int k = 0; k < 4; k++) {
        size_t len = strlen(NAME[k]);
        if (strncmp(text, NAME[k], len) != 0)
            continue;
        if (!text[len] || (k && strcmp(text + len, "|ANYONECANPAY") == 0)) {
            *out = k + (text[len] ? (int)QC_SIGHASH_ANYONECANPAY : 0);
            return true;
        }
    }
    return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "'%s' is not a valid sighash parameter.", text);
}

static bool put_processed(qc_rpc_req *r, const qn_psbt *p)
{
    qc_m_psbt_helper x;
    uint8_t *raw = NULL;
    size_t len = 0;
    if (!qc_m_psbt_helper_new(r, p, &x)) {
        qc_m_psbt_helper_clear(&x);
        return false;
    }
    qc_jw *w = qc_rpc_out(r);
    bool complete = qc_m_psbt_complete(p, &x), ok;
    qc_m_psbt_helper_clear(&x);
    qc_jw_obj(w);
    qc_jw_key(w, "psbt");
    ok = qc_m_put_psbt(r, p);
    qc_jw_kbool(w, "complete", complete);
    if (ok && complete && qn_psbt_tx(p, true, &raw, &len))
        ok = qc_m_fail_memory(r);
    if (ok && complete)
        qc_jw_khex(w, "hex", qc_span_of(raw, len));
    free(raw);
    if (ok)
        qc_jw_obj_end(w);
    return ok;
}

static void descriptorprocesspsbt(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    process how = {.finalize = true};
    bool derivs = true;
    qc_m_known *k = NULL;
    qn_psbt *p = NULL;
    bool ok = qc_m_known_new(r, n->params, qc_rpc_arg(r, 1), true, &k) &&
              sighash_arg(r, 2, &how.sighash) && qc_rpc_bool(r, 3, &derivs) &&
              qc_rpc_bool(r, 4, &how.finalize);
    how.hide_origins = !derivs;
    if (ok && qc_m_psbt_arg(r, qc_rpc_arg(r, 0), &p) && run(r, n, p, k, &how))
        (void)put_processed(r, p);
    qn_psbt_free(p);
    qc_m_known_free(k);
}

static const qc_rpc_param P_UPDATE[] = {{"psbt", QC_T_STR, true, .help = "In Base64"},
                                        {"descriptors", QC_T_ARR,
                                         .help = "Where keys and scripts come from",
                                         .inner = QC_M_SCAN_OBJECTS},
                                        {.names = NULL}};
static const qc_rpc_param P_PROCESS[] = {
    {"psbt", QC_T_STR, true, .help = "In Base64"},
    {"descriptors", QC_T_ARR, true, .help = "Where keys and scripts come from",
     .inner = QC_M_SCAN_OBJECTS},
    {"sighashtype", QC_T_STR, .dflt = "DEFAULT for Taproot, ALL otherwise",
     .help = "DEFAULT, ALL, NONE or SINGLE; the last three also with |ANYONECANPAY"},
    {"bip32derivs", QC_T_BOOL, .dflt = "true", .help = "Put in where keys are derived from"},
    {"finalize", QC_T_BOOL, .dflt = "true", .help = "Finalize what is complete"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_PSBTUPDATE[] = {
    {"rawtransactions", "utxoupdatepsbt",
     "Fill a PSBT in: with the coins of segwit inputs that the node knows, and what descriptors "
     "tell "
     "of keys and scripts.",
     P_UPDATE, .result = "\"psbt\"", .examples = "utxoupdatepsbt \"psbt\"", .fn = utxoupdatepsbt},
    {"rawtransactions", "descriptorprocesspsbt",
     "Fill a PSBT in, as utxoupdatepsbt does, and sign with the secret keys of the descriptors.",
     P_PROCESS, .result = "{ psbt, complete, hex }",
     .examples = "descriptorprocesspsbt \"psbt\" \"[\\\"descriptor1\\\", \\\"descriptor2\\\"]\"",
     .fn = descriptorprocesspsbt},
    {.name = NULL}};
