#include "core/methods/coins.h"

#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/crypto/sha256.h"
#include "core/methods/common.h"
#include "lib/address.h"
#include "lib/asm.h"
#include "lib/script.h"

void qc_m_coins_clear(qc_m_coins *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        qc_bytes_free(&c->script[i]);
    qc_free(c->spent);
    qc_free(c->script);
    qc_free(c->known);
    *c = (qc_m_coins){.n = 0};
}

bool qc_m_coins_all_known(const qc_m_coins *c)
{
    bool all = true;
    for (uint32_t i = 0; i < c->n; i++)
        all = all && c->known[i];
    return all;
}

static qc_err set_coin(qc_m_coins *c, uint32_t i, int64_t value, qc_span script)
{
    qc_bytes copy = QC_BYTES_INIT;
    qc_err err = script.len ? qc_bytes_append(&copy, script.data, script.len) : QC_OK;
    if (err)
        return err;
    qc_bytes_free(&c->script[i]);
    c->script[i] = copy;
    c->spent[i] = (qc_spent){.value = value, .script = qc_bytes_span(&c->script[i]), .height = 1};
    c->known[i] = true;
    return QC_OK;
}

/* ---- chain and mempool ---- */

typedef struct find_job {
    const qc_node *n;
    const qc_tx *tx;
    qc_m_coins *c;
    qc_err err;
} find_job;

/* Output of a pooled transaction. QC_ENOENT: it is not pooled, or has no such output. */
static qc_err pooled(const find_job *j, const qc_outpoint *o, uint32_t i)
{
    const qc_pool_view *pool = j->n->pool_view;
    qc_span raw;
    uint32_t vsize;
    qc_txbuf t;
    if (!pool || !pool->tx(pool->arg, &o->txid, &raw, &vsize))
        return QC_ENOENT;
    qc_wire_fail fail = qc_tx_parse(raw, true, &t);
    if (fail)
        return fail == QC_WIRE_NOMEM ? QC_ENOMEM : QC_ENOENT;
    qc_err err = o->n < t.tx.rec->n_out
                     ? set_coin(j->c, i, t.tx.out[o->n].value, qc_tx_script(&t.tx, o->n))
                     : QC_ENOENT;
    qc_txbuf_clear(&t);
    return err;
}

static void run_find(qc_chain *chain, void *arg)
{
    find_job *j = arg;
    for (uint32_t i = 0; i < j->tx->rec->n_in && !j->err; i++) {
        qc_outpoint o = qc_tx_prevout(j->tx, i);
        qc_coin coin;
        j->err = pooled(j, &o, i);
        if (j->err != QC_ENOENT)
            continue;
        j->err = qc_chain_coin(chain, &o, &coin);
        if (!j->err) {
            j->err = set_coin(j->c, i, coin.value, qc_span_of(coin.script, coin.script_len));
            qc_coin_clear(&coin);
        } else if (j->err == QC_ENOENT) {
            j->err = QC_OK;
        }
    }
}

bool qc_m_coins_find(qc_rpc_req *r, const qc_node *n, const qc_tx *tx, qc_m_coins *c)
{
    uint32_t count = tx->rec->n_in;
    *c = (qc_m_coins){.n = 0};
    c->spent = qc_try_calloc(count + 1, sizeof *c->spent);
    c->script = qc_try_calloc(count + 1, sizeof *c->script);
    c->known = qc_try_calloc(count + 1, sizeof *c->known);
    find_job j = {n, tx, c, QC_ENOMEM};
    if (c->spent && c->script && c->known) {
        c->n = count;
        j.err = QC_OK;
        qc_chain_call(n->chain_thread, run_find, &j);
    }
    return !j.err || qc_m_fail_err(r, j.err, "Cannot read the coins");
}

/* ---- prevtxs ---- */

/* What one element says. */
typedef struct given {
    qc_outpoint o;
    int64_t value;
    qc_bytes script;
} given;

static bool member_type(qc_rpc_req *r, const json_t *o, const char *key, json_type want, bool may)
{
    const json_t *v = json_object_get(o, key);
    bool null = !v || json_is_null(v);
    if (null && may)
        return true;
    if (null)
        return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Missing %s", key);
    if (strcmp(qc_rpc_type_name(v), qc_rpc_type_text(want)) == 0)
        return true;
    return qc_rpc_fail(r, QC_RPC_TYPE_ERROR,
                       "JSON value of type %s for field %s is not of expected type %s",
                       qc_rpc_type_name(v), key, qc_rpc_type_text(want));
}

static bool read_given(qc_rpc_req *r, const json_t *o, given *g)
{
    int32_t n = 0;
    const json_t *amount = json_object_get(o, "amount");
    if (!json_is_object(o))
        return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                           "expected object with {\"txid'\",\"vout\",\"scriptPubKey\"}");
    if (!member_type(r, o, "scriptPubKey", JSON_STRING, false) ||
        !member_type(r, o, "txid", JSON_STRING, false) ||
        !member_type(r, o, "vout", JSON_INTEGER, false) ||
        !qc_rpc_v_hash(r, json_object_get(o, "txid"), "txid", &g->o.txid) ||
        !qc_rpc_v_i32(r, json_object_get(o, "vout"), &n))
        return false;
    if (n < 0)
        return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "vout cannot be negative");
    g->o.n = (uint32_t)n;
    if (!qc_rpc_v_hex(r, json_object_get(o, "scriptPubKey"), "scriptPubKey", &g->script))
        return false;
    g->value = QC_M_AMOUNT_UNKNOWN;
    return !amount || qc_rpc_v_amount(r, amount, &g->value);
}

static char *asm_of(qc_span script)
{
    size_t len = qn_script_asm(script.data, script.len, false, NULL, 0);
    char *text = qc_alloc(len + 1);
    qn_script_asm(script.data, script.len, false, text, len + 1);
    return text;
}

static bool apply(qc_rpc_req *r, const given *g, const qc_tx *tx, qc_m_coins *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        qc_outpoint o = qc_tx_prevout(tx, i);
        if (o.n != g->o.n || !qc_hash_eq(&o.txid, &g->o.txid))
            continue;
        qc_span script = qc_bytes_span(&g->script);
        if (c->known[i] && !qc_span_eq(c->spent[i].script, script)) {
            char *was = asm_of(c->spent[i].script), *is = asm_of(script);
            qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                        "Previous output scriptPubKey mismatch:\n%s\nvs:\n%s", was, is);
            qc_free(was);
            qc_free(is);
            return false;
        }
        if (set_coin(c, i, g->value, script))
            return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    }
    return true;
}

static size_t p2sh_of(qc_span script, uint8_t *out)
{
    uint8_t h160[20];
    qc_hash160(script, h160);
    return qn_script_p2sh(h160, out);
}

static bool pays(qc_span output, const uint8_t *script, size_t len)
{
    return qc_span_eq(output, qc_span_of(script, len));
}

/* `script` was given for `output`: it must be what the output commits to, bare or inside P2WSH. */
static bool check_script(qc_rpc_req *r, qc_span output, bool p2sh, qc_span script, qc_span program)
{
    uint8_t bare[QN_ADDRESS_SCRIPT_MAX], wrapped[QN_ADDRESS_SCRIPT_MAX];
    bool fits = p2sh ? pays(output, bare, p2sh_of(script, bare)) ||
                           pays(output, wrapped, p2sh_of(program, wrapped))
                     : qc_span_eq(output, program);
    return fits || qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                               "redeemScript/witnessScript does not match scriptPubKey");
}

/* Both were given: the same, or one wraps the other. */
static bool check_both(qc_rpc_req *r, const json_t *redeem, const json_t *witness, qc_span program)
{
    qc_bytes b = QC_BYTES_INIT;
    if (!json_is_string(redeem) || !json_is_string(witness) || json_equal(redeem, witness))
        return true;
    if (!qc_rpc_v_hex(r, redeem, "redeemScript", &b))
        return false;
    bool same = qc_span_eq(qc_bytes_span(&b), program);
    qc_bytes_free(&b);
    return same || qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                               "redeemScript does not correspond to witnessScript");
}

static bool add_scripts(qc_rpc_req *r, qc_span output, bool p2sh, const json_t *o, qc_keyring *ring)
{
    const json_t *rs = json_object_get(o, "redeemScript"),
                 *ws = json_object_get(o, "witnessScript");
    uint8_t hash[32], program[QN_ADDRESS_SCRIPT_MAX];
    qc_bytes b = QC_BYTES_INIT;
    bool has_witness = json_is_string(ws);
    if (!member_type(r, o, "redeemScript", JSON_STRING, true) ||
        !member_type(r, o, "witnessScript", JSON_STRING, true))
        return false;
    if (!json_is_string(rs) && !has_witness)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Missing redeemScript/witnessScript");
    if (!qc_rpc_v_hex(r, has_witness ? ws : rs, has_witness ? "witnessScript" : "redeemScript", &b))
        return false;
    qc_sha256(qc_bytes_span(&b), hash);
    qc_span wrapped = {program, qn_script_witness(0, hash, 32, program)};
    qc_err err = qc_keyring_add_script(ring, qc_bytes_span(&b));
    if (!err)
        err = qc_keyring_add_script(ring, wrapped);
    bool ok = err ? qc_m_fail_err(r, err, "Cannot keep the scripts")
                  : check_both(r, rs, ws, wrapped) &&
                        check_script(r, output, p2sh, qc_bytes_span(&b), wrapped);
    qc_bytes_free(&b);
    return ok;
}

static bool one_given(qc_rpc_req *r, const json_t *o, const qc_tx *tx, qc_keyring *ring,
                      qc_m_coins *c)
{
    given g = {.script = QC_BYTES_INIT};
    qn_script_info info;
    bool ok = read_given(r, o, &g) && apply(r, &g, tx, c);
    if (ok) {
        qn_script_type type = qn_script_classify(g.script.data, g.script.len, &info);
        if (type == QN_SCRIPT_SCRIPTHASH || type == QN_SCRIPT_WITNESS_V0_SCRIPTHASH)
            ok = add_scripts(r, qc_bytes_span(&g.script), type == QN_SCRIPT_SCRIPTHASH, o, ring);
    }
    qc_bytes_free(&g.script);
    return ok;
}

bool qc_m_coins_given(qc_rpc_req *r, const json_t *prevtxs, const qc_tx *tx, qc_keyring *ring,
                      qc_m_coins *c)
{
    size_t i;
    json_t *o;
    json_array_foreach(prevtxs, i, o)
    {
        if (!one_given(r, o, tx, ring, c))
            return false;
    }
    return true;
}
