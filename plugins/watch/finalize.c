/* watch.finalize, watch.submit: what became of a PSBT when it was signed. */
#include "plugins/watch/ask.h"
#include "plugins/watch/fund.h"
#include "plugins/watch/psbt.h"
#include "plugins/watch/spend.h"

#include "lib/tx.h"

/* The PSBT of parameter 0, its inputs final as far as they go. NULL: refused. */
static qn_psbt *finished(wt *x, uint64_t request, const json_t *a, bool *complete)
{
    const json_t *v = json_array_get(a, 0);
    const char *text = json_string_value(v);
    char *why = NULL, line[200];
    size_t len = 0;
    uint8_t *raw = text ? qn_base64_decode(text, json_string_length(v), &len) : NULL;
    qn_psbt *p = raw ? qn_psbt_read(&x->m.curve, raw, len, &why) : NULL;
    free(raw);
    if (!p) {
        snprintf(line, sizeof line, "TX decode failed %.150s", why ? why : "invalid base64");
        free(why);
        wt_refuse(x, request, -22, line);
        return NULL;
    }
    /* Signers may leave out what they do not need: it is known here. */
    qn_status st = wt_psbt_fill(x, p, NULL);
    *complete = st == QN_OK && wt_psbt_finish(p, &st);
    if (st == QN_OK)
        return p;
    qn_psbt_free(p);
    wt_refuse_status(x, request, st);
    return NULL;
}

/* The transaction. Out: *raw owned: free(). False: refused. */
static bool extract(const wt *x, uint64_t request, const qn_psbt *p, uint8_t **raw, size_t *len)
{
    switch (qn_psbt_tx(p, true, raw, len)) {
    case QN_PSBT_OK:
        return true;
    case QN_PSBT_NO_MEMORY:
        wt_refuse_status(x, request, QN_E_NOMEM);
        return false;
    case QN_PSBT_NO_LOCKTIME:
    case QN_PSBT_OTHER_TX:
        break;
    }
    wt_refuse(x, request, -22, "The inputs' lock times exclude each other");
    return false;
}

void wt_on_finalize(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    bool complete = false;
    uint8_t *raw = NULL;
    size_t n = 0;
    json_t *a = wt_params(x, r->request, params, len);
    const json_t *given = json_array_get(a, 1);
    bool want = !json_is_false(given);
    qn_psbt *p = a ? finished(x, r->request, a, &complete) : NULL;
    json_decref(a);
    if (p && (!complete || !want || extract(x, r->request, p, &raw, &n))) {
        qn_json_open(&j, NULL, '{');
        if (raw)
            qn_json_hex(&j, "hex", raw, n, 0);
        else
            wt_put_psbt(&j, "psbt", p);
        qn_json_bool(&j, "complete", complete);
        qn_json_close(&j, '}');
        wt_answer(x, r->request, &j);
    }
    free(raw);
    qn_psbt_free(p);
}

/* ---- handing in ---- */

/* Coins of the wallets that it spends. Out: *fee that it pays with these at least, for a coin that
 * is not known adds to it; -1: with what is known it pays none. */
static size_t own_coins(const wt *x, const qn_psbt *p, int64_t *fee)
{
    size_t n = 0;
    int64_t in = 0, out = 0;
    bool known = true;
    for (size_t i = 0; i < p->n_in; i++) {
        qn_mempool_outpoint at = {.n = p->in[i].vout};
        qn_psbt_coin coin;
        memcpy(at.txid.b, p->in[i].txid, 32);
        const wt_coin *c = wt_coin_find(&x->m, &at);
        bool mine = c && c->script && c->script->owner;
        n += mine;
        int64_t value = mine ? c->value : qn_psbt_coin_of(&p->in[i], &coin) ? coin.value : 0;
        known = known && value >= 0 && value <= WT_MONEY_MAX - in;
        in += known ? value : 0;
    }
    for (size_t i = 0; i < p->n_out && known; i++) {
        int64_t value = p->out[i].coin.value;
        known = value >= 0 && value <= WT_MONEY_MAX - out;
        out += known ? value : 0;
    }
    *fee = known && in >= out ? in - out : -1;
    return n;
}

static uint64_t vsize_of(const uint8_t *raw, size_t len)
{
    qn_tx_view v;
    if (!qn_tx_read(raw, len, &v) || v.len != len)
        return 0;
    /* Marker and flag, and what stands between the outputs and the lock time. */
    size_t witness = v.has_witness ? len - 4 - v.witness_off + 2 : 0;
    return wt_vsize(4 * (uint64_t)(len - witness) + witness);
}

static void put_result(qn_json *j, const qn_submit_result *res, bool test)
{
    qn_json_open(j, NULL, '{');
    qn_json_hex(j, "txid", res->txid.b, 32, 1);
    qn_json_hex(j, "wtxid", res->wtxid.b, 32, 1);
    qn_json_text(j, "state",
                 res->is == QN_SUBMIT_IS_THERE ? "there"
                 : test                        ? "tested"
                                               : "submitted");
    qn_json_amount(j, "fee", res->fee);
    qn_json_int(j, "vsize", res->vsize);
    wt_put_rate(j, "fee_rate", wt_rate_of(res->fee, (uint64_t)res->vsize));
    qn_json_close(j, '}');
}

static void answer_result(const wt *x, uint64_t request, const qn_submit_result *res, bool test)
{
    qn_json j = {0};
    char line[420];
    bool in = res->is == QN_SUBMIT_IS_ACCEPTED || res->is == QN_SUBMIT_IS_THERE;
    if (in && res->vsize >= 0) {
        put_result(&j, res, test);
        wt_answer(x, request, &j);
        return;
    }
    const char *reason = res->is == QN_SUBMIT_IS_OTHER_WITNESS
                             ? "txn-same-nonwitness-data-in-mempool"
                         : res->reason[0] ? res->reason
                                          : "it was not judged";
    snprintf(line, sizeof line, "%.95s%s%.280s", reason, res->debug[0] ? ", " : "", res->debug);
    wt_refuse(x, request, res->code == QN_SUBMIT_CODE_MISSING_INPUTS ? -25 : -26, line);
}

static void hand_in(const wt *x, uint64_t request, const uint8_t *raw, size_t len, bool test)
{
    qn_submit_result res;
    memset(&res, 0, sizeof res);
    qn_status st =
        x->submit.t->submit(x->submit.cap, raw, (uint32_t)len, test ? QN_SUBMIT_TEST : 0, &res);
    if (st == QN_OK)
        answer_result(x, request, &res, test);
    else if (st == QN_E_LIMIT || st == QN_E_BUSY)
        wt_refuse(x, request, WT_RPC_MISC,
                  "The grant of tx.submit/1 allows no more transactions at this moment");
    else if (st == QN_E_DENIED)
        wt_refuse(x, request, WT_RPC_MISC, "The grant of tx.submit/1 allows tests only");
    else if (st == QN_E_TIMEOUT)
        wt_refuse(x, request, WT_RPC_MISC, "The node had no time for it: try again");
    else
        wt_refuse_status(x, request, st);
}

static bool options(const wt *x, uint64_t request, const json_t *o, uint64_t *max_rate, bool *test)
{
    static const char *const KNOWN[] = {"max_fee_rate", "test", NULL};
    const json_t *rate = json_object_get(o, "max_fee_rate"), *t = json_object_get(o, "test");
    bool good = !o || json_is_null(o) || (json_is_object(o) && !wt_unknown_member(o, KNOWN));
    *max_rate = WT_MAX_RATE;
    if (rate && !json_is_null(rate))
        good = good && wt_decimal(rate, 3, WT_RATE_MAX, max_rate);
    good = good && (!t || json_is_null(t) || json_is_boolean(t));
    *test = json_is_true(t);
    if (!good)
        wt_refuse(x, request, WT_RPC_INVALID,
                  "options may have max_fee_rate (satoshis per virtual byte) and test (true or "
                  "false)");
    return good;
}

static void submit(wt *x, uint64_t request, const qn_psbt *p, uint64_t max_rate, bool test)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    int64_t fee;
    if (!own_coins(x, p, &fee)) {
        wt_refuse(x, request, WT_RPC_WALLET, "It spends no coin of the wallets");
        return;
    }
    if (!extract(x, request, p, &raw, &len))
        return;
    if (len > 4000000)
        wt_refuse(x, request, -26, "tx-size");
    else if (fee >= 0 && wt_rate_of(fee, vsize_of(raw, len)) > max_rate)
        wt_refuse(x, request, WT_RPC_WALLET, "The fee rate is above max_fee_rate");
    else
        hand_in(x, request, raw, len, test);
    free(raw);
}

void wt_on_submit(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    bool complete = false, test = false;
    uint64_t max_rate;
    json_t *a = wt_params(x, r->request, params, len);
    if (!a)
        return;
    if (!x->submit.t) {
        wt_refuse(x, r->request, WT_RPC_MISC,
                  "tx.submit/1 is not granted: take what watch.finalize gives, and hand it in "
                  "elsewhere");
    } else if (options(x, r->request, json_array_get(a, 1), &max_rate, &test)) {
        qn_psbt *p = finished(x, r->request, a, &complete);
        if (p && !complete)
            wt_refuse(x, r->request, -22, "The PSBT is not complete: signatures are missing");
        else if (p)
            submit(x, r->request, p, max_rate, test);
        qn_psbt_free(p);
    }
    json_decref(a);
}
