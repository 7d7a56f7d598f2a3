/* signrawtransactionwithkey and combinerawtransaction (Core rpc/rawtransaction.cpp,
 * rpc/rawtransaction_util.cpp). */
#include "core/base/alloc.h"
#include "core/methods/coins.h"
#include "core/methods/common.h"
#include "core/methods/hexarg.h"
#include "core/methods/script_text.h"
#include "core/methods/tx_json.h"
#include "core/os/file.h"
#include "core/script/sign.h"
#include "lib/address.h"
#include "lib/hex.h"

static qc_keyring *new_ring(void)
{
    uint8_t seed[32];
    qc_os_random(seed, sizeof seed);
    qc_keyring *ring = qc_keyring_new(seed);
    qc_wipe(seed, sizeof seed);
    return ring;
}

static bool add_key(qc_rpc_req *r, const qc_node *n, qc_keyring *ring, const json_t *v)
{
    const char *text;
    uint8_t secret[QC_SECKEY_LEN];
    bool compressed = false;
    qc_err err = QC_EINVAL;
    if (!qc_rpc_v_str(r, v, &text))
        return false;
    if (qn_wif_decode(qc_m_chain(n->params), text, json_string_length(v), secret, &compressed))
        err = qc_keyring_add_key(ring, secret, compressed);
    qc_wipe(secret, sizeof secret);
    if (err == QC_EINVAL)
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Invalid private key");
    return !err || qc_m_fail_err(r, err, "Cannot keep the key");
}

static bool add_keys(qc_rpc_req *r, const qc_node *n, qc_keyring *ring, const json_t *list)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (!add_key(r, n, ring, v))
            return false;
    }
    return true;
}

static bool sighash_arg(qc_rpc_req *r, size_t i, uint8_t *out)
{
    static const struct {
        const char *name;
        uint8_t type;
    } TYPES[] = {{"DEFAULT", QC_SIGHASH_DEFAULT},
                 {"ALL", QC_SIGHASH_ALL},
                 {"ALL|ANYONECANPAY", QC_SIGHASH_ALL | QC_SIGHASH_ANYONECANPAY},
                 {"NONE", QC_SIGHASH_NONE},
                 {"NONE|ANYONECANPAY", QC_SIGHASH_NONE | QC_SIGHASH_ANYONECANPAY},
                 {"SINGLE", QC_SIGHASH_SINGLE},
                 {"SINGLE|ANYONECANPAY", QC_SIGHASH_SINGLE | QC_SIGHASH_ANYONECANPAY}};
    const char *text = "DEFAULT";
    if (!qc_rpc_str(r, i, &text))
        return false;
    for (size_t k = 0; k < QC_COUNTOF(TYPES); k++)
        if (strcmp(text, TYPES[k].name) == 0) {
            *out = TYPES[k].type;
            return true;
        }
    return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "'%s' is not a valid sighash parameter.", text);
}

/* ---- the result ---- */

/* What became of each input. */
typedef struct outcome {
    qc_unlock *u;
    const char **error; /* NULL: unlocked */
    uint32_t n;
} outcome;

static bool outcome_new(qc_rpc_req *r, outcome *o, uint32_t n)
{
    *o = (outcome){.u = qc_try_calloc(n + 1, sizeof *o->u)};
    o->error = (const char **)qc_try_calloc(n + 1, sizeof *o->error);
    if (o->u && o->error)
        o->n = n;
    return (o->u && o->error) || qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
}

static void outcome_clear(outcome *o)
{
    for (uint32_t i = 0; i < o->n; i++)
        qc_unlock_clear(&o->u[i]);
    qc_free(o->u);
    qc_free((void *)o->error);
}

static const char *error_text(qc_script_err why)
{
    if (why == QC_SE_INVALID_STACK_OPERATION)
        return "Unable to sign input, invalid stack size (possibly missing key)";
    if (why == QC_SE_SIG_NULLFAIL)
        return "CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)";
    return qc_script_err_text(why);
}

static void put_error(qc_jw *w, const qc_tx *tx, uint32_t i, const outcome *o)
{
    qc_outpoint prev = qc_tx_prevout(tx, i);
    qc_jw_obj(w);
    qc_jw_khash(w, "txid", &prev.txid);
    qc_jw_kuint(w, "vout", prev.n);
    qc_jw_karr(w, "witness");
    if (o->u[i].witness.len)
        qc_m_witness_items(w, qc_bytes_span(&o->u[i].witness));
    qc_jw_arr_end(w);
    qc_jw_khex(w, "scriptSig", qc_bytes_span(&o->u[i].script_sig));
    qc_jw_kuint(w, "sequence", tx->in[i].sequence);
    qc_jw_kstr(w, "error", o->error[i]);
    qc_jw_obj_end(w);
}

static void put_outcome(qc_rpc_req *r, const qc_tx *tx, const outcome *o)
{
    qc_bytes raw = QC_BYTES_INIT;
    bool complete = true;
    for (uint32_t i = 0; i < o->n; i++)
        complete = complete && !o->error[i];
    qc_err err = qc_tx_write_unlocked(tx, o->u, &raw);
    if (err) {
        qc_bytes_free(&raw);
        qc_m_fail_err(r, err, "Cannot write the transaction");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_khex(w, "hex", qc_bytes_span(&raw));
    qc_jw_kbool(w, "complete", complete);
    if (!complete) {
        qc_jw_karr(w, "errors");
        for (uint32_t i = 0; i < o->n; i++)
            if (o->error[i])
                put_error(w, tx, i, o);
        qc_jw_arr_end(w);
    }
    qc_jw_obj_end(w);
    qc_bytes_free(&raw);
}

/* ---- signing ---- */

static qc_err keep(const qc_tx *tx, uint32_t i, qc_unlock *u)
{
    qc_span sig = qc_tx_script_sig(tx, i), wit = qc_tx_witness(tx, i);
    qc_err err = sig.len ? qc_bytes_append(&u->script_sig, sig.data, sig.len) : QC_OK;
    return err || !wit.len ? err : qc_bytes_append(&u->witness, wit.data, wit.len);
}

/* Segwit signatures cover the amount: without it they are worth nothing. */
static bool need_amount(qc_rpc_req *r, const qc_spent *coin, const qc_unlock *u)
{
    char hex[31];
    if (coin->value != QC_M_AMOUNT_UNKNOWN || !u->witness.len)
        return true;
    size_t n = coin->script.len < 15 ? coin->script.len : 15;
    qn_hex_encode(coin->script.data, n, hex);
    return qc_rpc_fail(
        r, QC_RPC_TYPE_ERROR, "Missing amount for CTxOut(nValue=%lld.%08lld, scriptPubKey=%s)",
        (long long)(coin->value / 100000000), (long long)(coin->value % 100000000), hex);
}

static bool sign_all(qc_rpc_req *r, qc_sign_job *j, const qc_m_coins *c, outcome *o)
{
    for (uint32_t i = 0; i < c->n; i++) {
        qc_script_err why = QC_SE_OK;
        qc_err err;
        j->in = i;
        if (c->known[i]) {
            err = qc_sign_input(j, &o->u[i], &why);
        } else {
            o->error[i] = "Input not found or already spent";
            err = keep(j->tx, i, &o->u[i]);
        }
        if (err)
            return qc_m_fail_err(r, err, "Cannot sign");
        if (!c->known[i])
            continue;
        if (!need_amount(r, &c->spent[i], &o->u[i]))
            return false;
        if (why != QC_SE_OK)
            o->error[i] = error_text(why);
    }
    return true;
}

static void sign_and_answer(qc_rpc_req *r, const qc_tx *tx, const qc_keyring *ring,
                            const qc_m_coins *c, uint8_t type)
{
    qc_sighash_cache hashes;
    outcome o;
    bool all = qc_m_coins_all_known(c);
    qc_sighash_cache_force(&hashes, tx, all ? c->spent : NULL);
    qc_sign_job j = {.ring = ring,
                     .tx = tx,
                     .spent = c->spent,
                     .all_known = all,
                     .hashes = &hashes,
                     .sighash = type,
                     .copy = &tx,
                     .n_copies = 1};
    if (outcome_new(r, &o, c->n) && sign_all(r, &j, c, &o))
        put_outcome(r, tx, &o);
    outcome_clear(&o);
}

static void signrawtransactionwithkey(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *hex = "";
    uint8_t type = QC_SIGHASH_DEFAULT;
    qc_txbuf t;
    qc_m_coins c = {.n = 0};
    if (!qc_rpc_str(r, 0, &hex))
        return;
    if (!qc_m_decode_tx(hex, false, true, &t)) {
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                    "TX decode failed. Make sure the tx has at least one input.");
        return;
    }
    qc_keyring *ring = new_ring();
    if (add_keys(r, n, ring, qc_rpc_arg(r, 1)) && qc_m_coins_find(r, n, &t.tx, &c) &&
        qc_m_coins_given(r, qc_rpc_arg(r, 2), &t.tx, ring, &c) && sighash_arg(r, 3, &type))
        sign_and_answer(r, &t.tx, ring, &c, type);
    qc_m_coins_clear(&c);
    qc_keyring_free(ring);
    qc_txbuf_clear(&t);
}

/* ---- combining ---- */

typedef struct copies {
    qc_txbuf *buf;
    const qc_tx **tx;
    size_t n;
} copies;

static void copies_clear(copies *c)
{
    for (size_t i = 0; i < c->n; i++)
        qc_txbuf_clear(&c->buf[i]);
    qc_free(c->buf);
    qc_free((void *)c->tx);
}

static bool read_copies(qc_rpc_req *r, const json_t *list, copies *c)
{
    size_t n = json_array_size(list);
    if (n < 2)
        return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                           "Missing transactions. At least two transactions required.");
    c->buf = qc_try_calloc(n, sizeof *c->buf);
    c->tx = (const qc_tx **)qc_try_calloc(n, sizeof *c->tx);
    if (!c->buf || !c->tx)
        return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    for (size_t i = 0; i < n; i++) {
        const char *hex;
        if (!qc_rpc_v_str(r, json_array_get(list, i), &hex))
            return false;
        if (!qc_m_decode_tx(hex, false, true, &c->buf[i]))
            return qc_rpc_fail(
                r, QC_RPC_DESERIALIZATION_ERROR,
                "TX decode failed for tx %zu. Make sure the tx has at least one input.", i);
        c->tx[i] = &c->buf[i].tx;
        c->n++;
    }
    return true;
}

/* The bytes without any scriptSig and witness: what all copies have in common. */
static bool write_bare(qc_rpc_req *r, const qc_tx *tx, qc_bytes *out)
{
    qc_unlock *none = qc_try_calloc(tx->rec->n_in + 1, sizeof *none);
    qc_err err = none ? qc_tx_write_unlocked(tx, none, out) : QC_ENOMEM;
    qc_free(none);
    return !err || qc_m_fail_err(r, err, "Cannot compare the transactions");
}

static bool same_but_for_scripts(qc_rpc_req *r, const copies *c)
{
    qc_bytes first = QC_BYTES_INIT;
    bool ok = write_bare(r, c->tx[0], &first);
    for (size_t i = 1; i < c->n && ok; i++) {
        qc_bytes other = QC_BYTES_INIT;
        ok = write_bare(r, c->tx[i], &other);
        if (ok && !qc_span_eq(qc_bytes_span(&first), qc_bytes_span(&other)))
            ok = qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                             "Transaction number %zu not compatible with first transaction", i + 1);
        qc_bytes_free(&other);
    }
    qc_bytes_free(&first);
    return ok;
}

static void combine(qc_rpc_req *r, const copies *c, const qc_m_coins *coins)
{
    const qc_tx *tx = c->tx[0];
    qc_sighash_cache hashes;
    qc_bytes raw = QC_BYTES_INIT;
    outcome o;
    qc_err err = QC_OK;
    qc_keyring *nobody = new_ring();
    qc_sighash_cache_force(&hashes, tx, coins->spent);
    qc_sign_job j = {.ring = nobody,
                     .tx = tx,
                     .spent = coins->spent,
                     .all_known = true,
                     .hashes = &hashes,
                     .sighash = QC_SIGHASH_ALL,
                     .copy = c->tx,
                     .n_copies = c->n};
    if (outcome_new(r, &o, coins->n)) {
        for (uint32_t i = 0; i < coins->n && !err; i++) {
            qc_script_err why;
            j.in = i;
            err = qc_sign_input(&j, &o.u[i], &why);
        }
        if (!err)
            err = qc_tx_write_unlocked(tx, o.u, &raw);
        if (err)
            qc_m_fail_err(r, err, "Cannot combine");
        else
            qc_jw_hex(qc_rpc_out(r), qc_bytes_span(&raw));
    }
    qc_bytes_free(&raw);
    outcome_clear(&o);
    qc_keyring_free(nobody);
}

static void combinerawtransaction(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    copies c = {NULL, NULL, 0};
    qc_m_coins coins = {.n = 0};
    if (read_copies(r, qc_rpc_arg(r, 0), &c) && same_but_for_scripts(r, &c) &&
        qc_m_coins_find(r, n, c.tx[0], &coins)) {
        if (qc_m_coins_all_known(&coins))
            combine(r, &c, &coins);
        else
            qc_rpc_fail(r, QC_RPC_VERIFY_ERROR, "Input not found or already spent");
    }
    qc_m_coins_clear(&coins);
    copies_clear(&c);
}

static const qc_rpc_param P_PREVTX[] = {
    {"txid", QC_T_HEX, true, .help = "The transaction that made the coin"},
    {"vout", QC_T_NUM, true, .help = "Which of its outputs"},
    {"scriptPubKey", QC_T_HEX, true, .help = "Its script"},
    {"redeemScript", QC_T_HEX, .help = "Needed for P2SH"},
    {"witnessScript", QC_T_HEX, .help = "Needed for P2WSH, also inside P2SH"},
    {"amount", QC_T_AMOUNT, .help = "Needed for segwit"},
    {.names = NULL}};
static const qc_rpc_param P_PREVTXS[] = {{"", QC_T_OBJ, .inner = P_PREVTX}, {.names = NULL}};
static const qc_rpc_param P_KEYS[] = {{"privatekey", QC_T_HEX, .help = "In wallet import format"},
                                      {.names = NULL}};
static const qc_rpc_param P_SIGN[] = {
    {"hexstring", QC_T_STR, true, .help = "The transaction in hex"},
    {"privkeys", QC_T_ARR, true, .help = "The only keys to sign with", .inner = P_KEYS},
    {"prevtxs", QC_T_ARR, .help = "Coins that the chain may not have yet, and scripts",
     .inner = P_PREVTXS},
    {"sighashtype", QC_T_STR, .dflt = "DEFAULT for Taproot, ALL otherwise",
     .help = "DEFAULT, ALL, NONE or SINGLE; the last three also with |ANYONECANPAY"},
    {.names = NULL}};
static const qc_rpc_param P_HEXES[] = {{"hexstring", QC_T_HEX, .help = "A transaction in hex"},
                                       {.names = NULL}};
static const qc_rpc_param P_COMBINE[] = {
    {"txs", QC_T_ARR, true, .help = "The same transaction, signed by some here and some there",
     .inner = P_HEXES},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_SIGNTX[] = {
    {"rawtransactions", "combinerawtransaction",
     "Put the signatures of several copies of a transaction together.", P_COMBINE,
     .result = "\"hex\"",
     .examples = "combinerawtransaction '[\"myhex1\", \"myhex2\", \"myhex3\"]'",
     .fn = combinerawtransaction},
    {"rawtransactions", "signrawtransactionwithkey", "Sign the inputs of a transaction.", P_SIGN,
     .result =
         "{ hex, complete, errors: [ { txid, vout, witness: [...], scriptSig, sequence, error "
         "}, ... ] }",
     .examples = "signrawtransactionwithkey \"myhex\" \"[\\\"key1\\\",\\\"key2\\\"]\"",
     .fn = signrawtransactionwithkey},
    {.name = NULL}};
