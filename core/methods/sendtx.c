/* Offering transactions to the mempool (Core rpc/mempool.cpp, node/transaction.cpp). Judged on the
 * chain thread, which also writes what it found: packages are small. */
#include "core/base/alloc.h"
#include "core/mempool/accept.h"
#include "core/mempool/policy_package.h"
#include "core/methods/common.h"
#include "core/methods/hexarg.h"
#include "core/script/pattern.h"
#include "core/sync/private.h"

#include <stdlib.h>

#define DEFAULT_MAX_RATE (QC_COIN / 10) /* satoshis for 1,000 virtual bytes */
#define VERDICT_TEXT (QC_VERDICT_REASON_LEN + QC_VERDICT_DEBUG_LEN + 2)

static const char TOO_DEAR[] =
    "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)";
static const char BURNS[] = "Unspendable output exceeds maximum configured by user (maxburnamount)";

/* ---- arguments ---- */

static bool rate_arg(qc_rpc_req *r, size_t i, int64_t *rate)
{
    *rate = DEFAULT_MAX_RATE;
    if (!qc_rpc_amount(r, i, rate))
        return false;
    return *rate < QC_COIN ||
           qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                       "Fee rates larger than or equal to 1BTC/kvB are not accepted");
}

/* Outputs that nobody can spend may hold so much at most. */
static bool check_burn(qc_rpc_req *r, const qc_tx *tx, int64_t most)
{
    for (uint32_t o = 0; o < tx->rec->n_out; o++) {
        qc_span script = qc_tx_script(tx, o);
        if (tx->out[o].value > most &&
            (qc_script_is_unspendable(script) || !qc_m_has_valid_ops(script)))
            return qc_rpc_fail(r, QC_RPC_VERIFY_ERROR, "%s", BURNS);
    }
    return true;
}

/* The transactions of an array. */
typedef struct txs {
    qc_txbuf buf[QC_MAX_PACKAGE_COUNT];
    const qc_tx *tx[QC_MAX_PACKAGE_COUNT];
    size_t n;
} txs;

static void txs_clear(txs *t)
{
    for (size_t i = 0; i < t->n; i++)
        qc_txbuf_clear(&t->buf[i]);
    t->n = 0;
}

/* most_burnt < 0: outputs are not looked at. False: the request has failed. */
static bool txs_arg(qc_rpc_req *r, int64_t most_burnt, txs *t)
{
    const json_t *list = qc_rpc_arg(r, 0);
    size_t n = json_array_size(list);
    t->n = 0;
    if (n < 1 || n > QC_MAX_PACKAGE_COUNT)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Array must contain between 1 and %u transactions.",
                           QC_MAX_PACKAGE_COUNT);
    for (size_t i = 0; i < n; i++) {
        const char *hex;
        if (!qc_rpc_v_str(r, json_array_get(list, i), &hex))
            return false;
        if (!qc_m_decode_tx(hex, false, true, &t->buf[i]))
            return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                               "TX decode failed: %s Make sure the tx has at least one input.",
                               hex);
        t->tx[i] = &t->buf[i].tx;
        t->n++;
        if (most_burnt >= 0 && !check_burn(r, t->tx[i], most_burnt))
            return false;
    }
    return true;
}

static const qc_hash *wtxid_of(const qc_tx *tx)
{
    return (const qc_hash *)tx->rec->wtxid;
}
static const qc_hash *txid_of(const qc_tx *tx)
{
    return (const qc_hash *)tx->rec->txid;
}

static void announce(const qc_node *n, const qc_hash *wtxid)
{
    if (n->announce)
        n->announce(n->announce_arg, wtxid);
}

/* ---- sendrawtransaction ---- */

typedef struct send_job {
    qc_rpc_req *r;
    const qc_node *n;
    const qc_tx *tx;
    qc_amount max_fee; /* 0: any */
} send_job;

static bool has_coins(qc_chain *c, const qc_tx *tx)
{
    qc_outpoint o = {.txid = *txid_of(tx)};
    qc_coin coin;
    for (; o.n < tx->rec->n_out; o.n++)
        if (!qc_chain_coin(c, &o, &coin)) {
            qc_coin_clear(&coin);
            return true;
        }
    return false;
}

/* False: the request has failed. */
static bool offer(const send_job *j, bool test_only)
{
    const qc_accept_opts o = {
        .test_only = test_only, .has_max_fee = j->max_fee > 0, .max_fee = j->max_fee};
    char text[VERDICT_TEXT];
    qc_accept_result res;
    bool ok = true;
    qc_err err = qc_mempool_accept(j->n->pool, j->tx, &o, &res);
    if (err)
        ok = qc_m_fail_err(j->r, err, "Cannot check the transaction");
    else if (res.kind != QC_ACCEPT_VALID && strcmp(res.v.reason, QC_MAX_FEE_EXCEEDED) == 0)
        ok = qc_rpc_fail(j->r, QC_RPC_VERIFY_ERROR, "%s", TOO_DEAR);
    else if (res.kind != QC_ACCEPT_VALID)
        ok = qc_rpc_fail(
            j->r, res.v.code == QC_V_MISSING_INPUTS ? QC_RPC_VERIFY_ERROR : QC_RPC_VERIFY_REJECTED,
            "%s", qc_verdict_text(&res.v, text, sizeof text));
    qc_accept_result_clear(&res);
    return ok;
}

/* It goes to a few peers in private, and comes to the pool when they have told others. */
static void send_private(const send_job *j, bool there)
{
    if (!there && !offer(j, true))
        return;
    if (qc_private_add(j->n->priv, j->tx) == QC_PRIVQ_FULL)
        qc_rpc_fail(j->r, QC_RPC_LIMIT_EXCEEDED, "Private broadcast queue is full");
    else
        qc_jw_hash(qc_rpc_out(j->r), txid_of(j->tx));
}

static void run_send(qc_chain *c, void *arg)
{
    const send_job *j = arg;
    const qc_hash *txid = txid_of(j->tx), *wtxid = wtxid_of(j->tx);
    if (has_coins(c, j->tx)) {
        qc_rpc_fail(j->r, QC_RPC_VERIFY_ALREADY_IN_UTXO_SET,
                    "Transaction outputs already in utxo set");
        return;
    }
    const qc_mempool_entry *e = qc_mempool_find(j->n->pool, txid);
    if (j->n->priv) {
        send_private(j, e != NULL);
        return;
    }
    if (e) {
        wtxid = qc_entry_wtxid(e); /* maybe with another witness: that is the one to tell of */
    } else {
        if (!offer(j, false))
            return;
        qc_mempool_unbroadcast_add(j->n->pool, txid);
    }
    announce(j->n, wtxid);
    qc_jw_hash(qc_rpc_out(j->r), txid);
}

static int64_t vsize_bip141(const qc_tx *tx)
{
    return qc_vsize(tx->rec->weight);
}

static void sendrawtransaction(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *hex = "";
    int64_t burn = 0, rate;
    qc_txbuf t;
    if (!qc_rpc_amount(r, 2, &burn) || !qc_rpc_str(r, 0, &hex))
        return;
    if (!qc_m_decode_tx(hex, false, true, &t)) {
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                    "TX decode failed. Make sure the tx has at least one input.");
        return;
    }
    if (check_burn(r, &t.tx, burn) && rate_arg(r, 1, &rate) && qc_m_private_may(r, n) &&
        qc_m_need_pool(r, n)) {
        send_job j = {r, n, &t.tx, qc_feerate_fee(qc_feerate_per_kvb(rate), vsize_bip141(&t.tx))};
        qc_chain_enter(n->chain_thread, run_send, &j);
    }
    qc_txbuf_clear(&t);
}

/* ---- testmempoolaccept ---- */

typedef struct package_job {
    qc_rpc_req *r;
    const qc_node *n;
    const txs *t;
    int64_t rate; /* 0: any */
} package_job;

static void put_fees(qc_jw *w, const qc_accept_result *res)
{
    qc_jw_kobj(w, "fees");
    qc_jw_kamount(w, "base", res->fee);
    if (res->has_feerate && res->kind == QC_ACCEPT_VALID) {
        qc_jw_kamount(w, "effective-feerate", qc_feerate_kvb(res->feerate));
        qc_jw_karr(w, "effective-includes");
        for (size_t i = 0; i < res->n_fee_wtxids; i++)
            qc_jw_hash(w, &res->fee_wtxids[i]);
        qc_jw_arr_end(w);
    }
    qc_jw_obj_end(w);
}

static void put_sizes(qc_jw *w, const qc_tx *tx, const qc_accept_result *res)
{
    qc_jw_kint(w, "vsize_adjusted", res->vsize);
    qc_jw_kint(w, "vsize", res->vsize);
    qc_jw_kint(w, "vsize_bip141", vsize_bip141(tx));
}

/* Returns false if no later transaction is worth an answer: this one is too dear. */
static bool put_tested(qc_jw *w, const qc_tx *tx, const qc_accept_result *res, int64_t rate)
{
    char text[VERDICT_TEXT];
    qc_amount most = qc_feerate_fee(qc_feerate_per_kvb(rate), res->vsize);
    if (res->kind == QC_ACCEPT_VALID && most && res->fee > most) {
        qc_jw_kbool(w, "allowed", false);
        qc_jw_kstr(w, "reject-reason", "max-fee-exceeded");
        return false;
    }
    qc_jw_kbool(w, "allowed", res->kind == QC_ACCEPT_VALID);
    if (res->kind == QC_ACCEPT_VALID) {
        put_sizes(w, tx, res);
        put_fees(w, res);
    } else if (res->v.code == QC_V_MISSING_INPUTS) {
        qc_jw_kstr(w, "reject-reason", "missing-inputs");
    } else {
        qc_jw_kstr(w, "reject-reason", res->v.reason);
        qc_jw_kstr(w, "reject-details", qc_verdict_text(&res->v, text, sizeof text));
    }
    return true;
}

/* v: of the package, NULL: there is none. */
static void put_test(const package_job *j, const qc_verdict *v, const qc_accept_result *res)
{
    char text[VERDICT_TEXT];
    qc_jw *w = qc_rpc_out(j->r);
    bool go_on = true;
    qc_jw_arr(w);
    for (size_t i = 0; i < j->t->n; i++) {
        qc_jw_obj(w);
        qc_jw_khash(w, "txid", txid_of(j->t->tx[i]));
        qc_jw_khash(w, "wtxid", wtxid_of(j->t->tx[i]));
        if (v && v->code == QC_V_PACKAGE_POLICY)
            qc_jw_kstr(w, "package-error", qc_verdict_text(v, text, sizeof text));
        if (go_on && res[i].kind != QC_ACCEPT_NONE)
            go_on = put_tested(w, j->t->tx[i], &res[i], j->rate);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static void run_test_one(const package_job *j)
{
    const qc_accept_opts o = {.test_only = true};
    qc_accept_result res;
    qc_err err = qc_mempool_accept(j->n->pool, j->t->tx[0], &o, &res);
    if (err)
        qc_m_fail_err(j->r, err, "Cannot check the transaction");
    else
        put_test(j, NULL, &res);
    qc_accept_result_clear(&res);
}

static void run_test(qc_chain *c, void *arg)
{
    const package_job *j = arg;
    const qc_package_opts o = {.test_only = true};
    qc_package_result res;
    (void)c;
    if (j->t->n == 1) {
        run_test_one(j);
        return;
    }
    qc_err err = qc_mempool_accept_package(j->n->pool, j->t->tx, j->t->n, &o, &res);
    if (err)
        qc_m_fail_err(j->r, err, "Cannot check the transactions");
    else
        put_test(j, &res.v, res.tx);
    qc_package_result_clear(&res);
}

static void testmempoolaccept(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    txs t = {.n = 0};
    package_job j = {r, n, &t, 0};
    size_t count = json_array_size(qc_rpc_arg(r, 0));
    bool count_ok = count >= 1 && count <= QC_MAX_PACKAGE_COUNT;
    if ((!count_ok || rate_arg(r, 1, &j.rate)) && txs_arg(r, -1, &t) && qc_m_need_pool(r, n))
        qc_chain_enter(n->chain_thread, run_test, &j);
    txs_clear(&t);
}

/* ---- submitpackage ---- */

static bool seen_before(const txs *t, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (qc_hash_eq(wtxid_of(t->tx[k]), wtxid_of(t->tx[i])))
            return true;
    return false;
}

static void put_submitted(qc_jw *w, const qc_tx *tx, const qc_accept_result *res)
{
    char text[VERDICT_TEXT];
    qc_jw_khash(w, "txid", txid_of(tx));
    switch (res->kind) {
    case QC_ACCEPT_NONE:
        qc_jw_kstr(w, "error", "package-not-validated");
        break;
    case QC_ACCEPT_OTHER_WITNESS:
        qc_jw_khash(w, "other-wtxid", &res->other_wtxid);
        break;
    case QC_ACCEPT_INVALID:
        qc_jw_kstr(w, "error", qc_verdict_text(&res->v, text, sizeof text));
        break;
    case QC_ACCEPT_VALID:
    case QC_ACCEPT_THERE:
        put_sizes(w, tx, res);
        put_fees(w, res);
        break;
    }
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(qc_hash));
}

static void put_replaced(qc_jw *w, const qc_package_result *res)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < res->n; i++)
        n += res->tx[i].n_replaced;
    qc_hash *id = qc_alloc((n + 1) * sizeof *id);
    for (size_t i = 0; i < res->n; i++)
        for (size_t c = 0; c < res->tx[i].n_replaced; c++)
            id[k++] = *qc_entry_txid(res->tx[i].replaced[c]);
    qsort(id, n, sizeof *id, by_bytes);
    qc_jw_karr(w, "replaced-transactions");
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !qc_hash_eq(&id[i], &id[i - 1]))
            qc_jw_hash(w, &id[i]);
    qc_jw_arr_end(w);
    qc_free(id);
}

static void put_package(const package_job *j, const qc_package_result *res)
{
    char text[VERDICT_TEXT], hex[QC_HASH_HEX_LEN + 1];
    qc_jw *w = qc_rpc_out(j->r);
    qc_jw_obj(w);
    qc_jw_kstr(w, "package_msg",
               qc_verdict_ok(&res->v) ? "success" : qc_verdict_text(&res->v, text, sizeof text));
    qc_jw_kobj(w, "tx-results");
    for (size_t i = 0; i < j->t->n; i++) {
        if (seen_before(j->t, i))
            continue;
        qc_hash_hex(wtxid_of(j->t->tx[i]), hex);
        qc_jw_kobj(w, hex);
        put_submitted(w, j->t->tx[i], &res->tx[i]);
        qc_jw_obj_end(w);
    }
    qc_jw_obj_end(w);
    put_replaced(w, res);
    qc_jw_obj_end(w);
}

static void run_submit(qc_chain *c, void *arg)
{
    const package_job *j = arg;
    const qc_package_opts o = {.has_max_feerate = j->rate != 0,
                               .max_feerate = qc_feerate_per_kvb(j->rate)};
    qc_package_result res;
    (void)c;
    qc_err err = qc_mempool_accept_package(j->n->pool, j->t->tx, j->t->n, &o, &res);
    for (size_t i = 0; i < j->t->n; i++) {
        const qc_mempool_entry *e = qc_mempool_find(j->n->pool, txid_of(j->t->tx[i]));
        if (e)
            announce(j->n, qc_entry_wtxid(e));
    }
    if (err)
        qc_m_fail_err(j->r, err, "Cannot check the transactions");
    else
        put_package(j, &res);
    qc_package_result_clear(&res);
}

static bool check_topology(qc_rpc_req *r, const txs *t)
{
    const qc_package p = {t->tx, t->n};
    return t->n == 1 || qc_package_is_tree(&p) ||
           qc_rpc_fail(r, QC_RPC_VERIFY_ERROR,
                       "package topology disallowed. not child-with-parents or parents depend on "
                       "each other.");
}

static void submitpackage(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int64_t burn = 0;
    txs t = {.n = 0};
    package_job j = {r, n, &t, 0};
    size_t count = json_array_size(qc_rpc_arg(r, 0));
    bool count_ok = count >= 1 && count <= QC_MAX_PACKAGE_COUNT;
    if ((!count_ok || (rate_arg(r, 1, &j.rate) && qc_rpc_amount(r, 2, &burn))) &&
        txs_arg(r, burn, &t) && check_topology(r, &t) && qc_m_need_pool(r, n))
        qc_chain_enter(n->chain_thread, run_submit, &j);
    txs_clear(&t);
}

#define RATE_HELP "Refuse what pays more, in BTC/kvB; less than 1. 0: any fee rate is fine"
#define BURN_HELP "Refuse outputs that nobody can spend if they hold more than this, in BTC"

static const qc_rpc_param P_SEND[] = {
    {"hexstring", QC_T_HEX, true, .help = "The transaction in hex"},
    {"maxfeerate", QC_T_AMOUNT, .dflt = "0.10", .help = RATE_HELP},
    {"maxburnamount", QC_T_AMOUNT, .dflt = "0.00", .help = BURN_HELP},
    {.names = NULL}};
static const qc_rpc_param P_RAWTX[] = {{"rawtx", QC_T_HEX, .help = "A transaction in hex"},
                                       {.names = NULL}};
static const qc_rpc_param P_TEST[] = {
    {"rawtxs", QC_T_ARR, true, .help = "Transactions in hex, parents before children",
     .inner = P_RAWTX},
    {"maxfeerate", QC_T_AMOUNT, .dflt = "0.10", .help = RATE_HELP},
    {.names = NULL}};
static const qc_rpc_param P_PACKAGE[] = {
    {"package", QC_T_ARR, true,
     .help = "Transactions in hex: a child after its unconfirmed parents, or one alone",
     .inner = P_RAWTX},
    {"maxfeerate", QC_T_AMOUNT, .dflt = "0.10", .help = RATE_HELP},
    {"maxburnamount", QC_T_AMOUNT, .dflt = "0.00", .help = BURN_HELP},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_SENDTX[] = {
    {"rawtransactions", "sendrawtransaction",
     "Put a transaction into the mempool and tell all peers of it. With -privatebroadcast it is "
     "sent to a few peers over Tor or I2P instead, and comes to the mempool when others tell of "
     "it.",
     P_SEND, .result = "\"txid\"", .examples = "sendrawtransaction \"signedhex\"",
     .fn = sendrawtransaction},
    {"rawtransactions", "testmempoolaccept",
     "Would the mempool take these transactions, together when there are several? Nothing is kept "
     "of them.",
     P_TEST,
     .result = "[ { txid, wtxid, package-error, allowed, vsize_adjusted, vsize, vsize_bip141,\n"
               "    fees: { base, effective-feerate, effective-includes: [...] }, reject-reason,\n"
               "    reject-details }, ... ]",
     .examples = "testmempoolaccept '[\"signedhex\"]'", .fn = testmempoolaccept},
    {"rawtransactions", "submitpackage",
     "Put a child and its parents into the mempool; the child may pay for them.", P_PACKAGE,
     .result = "{ package_msg, tx-results: { wtxid: { txid, other-wtxid, vsize_adjusted, vsize,\n"
               "  vsize_bip141, fees: {...}, error }, ... }, replaced-transactions: [...] }",
     .examples = "submitpackage '[\"parenthex\", \"childhex\"]'", .fn = submitpackage},
    {.name = NULL}};
