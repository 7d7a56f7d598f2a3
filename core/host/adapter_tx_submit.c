/* tx.submit/1: transactions into the pool, or only a judgement on them. The chain thread judges;
 * the plugin's loop waits for it a few seconds at most. What the grant says of who may, and how
 * often, comes before anything that costs; what may be paid is one of the rules of acceptance, so
 * that nothing dearer ever gets in and nothing is looked up that other rules refuse. */
#include "core/host/adapter_mempool.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/mempool/accept.h"

#include "quoin/tx_submit.h"

#include <stdio.h>

#define BYTES_MAX 4000000u
#define PACKAGE_MAX 25u

typedef struct submit_state {
    double rate, tokens; /* transactions a minute; that are left now */
    qc_mono counted_at;
    qc_amount max_fee;
    bool test_only;
} submit_state;

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    if (!cap->plugin->host->pool) {
        *why = QC_NO_MEMPOOL;
        return QC_EINVAL;
    }
    submit_state *s = qc_alloc(sizeof *s);
    s->tokens = s->rate = (double)qc_cap_number(cap, "rate", 60);
    s->counted_at = qc_clock_mono();
    s->max_fee = (qc_amount)QC_MIN(qc_cap_number(cap, "max_fee", 100000), (uint64_t)QC_MAX_MONEY);
    s->test_only = qc_cap_flag(cap, "test_only");
    cap->state = s;
    return QC_OK;
}

static void adapter_close(qn_cap *cap)
{
    qc_free(cap->state);
}

static bool has_turn(submit_state *s, uint32_t n)
{
    qc_mono now = qc_clock_mono();
    s->tokens += (double)(now - s->counted_at) * 1e-9 * s->rate / 60;
    s->tokens = QC_MIN(s->tokens, s->rate);
    s->counted_at = now;
    if (s->tokens < n)
        return false;
    s->tokens -= n;
    return true;
}

/* One use. It is of its own, since who asked may have gone on. */
typedef struct job {
    qc_host *host;
    bool test, package;
    qc_amount max_fee;
    qc_err err;
    uint32_t n;
    qc_txbuf tx[PACKAGE_MAX];
    qn_submit_result result[PACKAGE_MAX];
    qn_submit_package whole;
} job;

static void job_free(void *arg)
{
    job *j = arg;
    for (uint32_t i = 0; i < j->n; i++)
        qc_txbuf_clear(&j->tx[i]);
    qc_free(j);
}

/* ---- results ---- */

static uint32_t code_of(qc_vcode code)
{
    switch (code) {
    case QC_V_OK:
        return QN_SUBMIT_CODE_NONE;
    case QC_V_INPUTS_NOT_STANDARD:
    case QC_V_NOT_STANDARD:
    case QC_V_WITNESS_MUTATED:
    case QC_V_WITNESS_STRIPPED:
        return QN_SUBMIT_CODE_POLICY;
    case QC_V_MISSING_INPUTS:
        return QN_SUBMIT_CODE_MISSING_INPUTS;
    case QC_V_PREMATURE_SPEND:
        return QN_SUBMIT_CODE_PREMATURE;
    case QC_V_CONFLICT:
        return QN_SUBMIT_CODE_CONFLICT;
    case QC_V_MEMPOOL_POLICY:
    case QC_V_NO_MEMPOOL:
        return QN_SUBMIT_CODE_POOL;
    case QC_V_RECONSIDERABLE:
    case QC_V_UNKNOWN:
    case QC_V_PACKAGE_POLICY:
    case QC_V_PACKAGE_TX:
        return QN_SUBMIT_CODE_PACKAGE;
    case QC_V_CONSENSUS:
    case QC_V_CACHED_INVALID:
    case QC_V_INVALID_HEADER:
    case QC_V_MUTATED:
    case QC_V_MISSING_PREV:
    case QC_V_INVALID_PREV:
    case QC_V_TIME_FUTURE:
    case QC_V_LOW_WORK:
        break;
    }
    return QN_SUBMIT_CODE_CONSENSUS;
}

static void refuse(qn_submit_result *r, uint32_t code, const char *reason, const char *debug)
{
    r->is = QN_SUBMIT_IS_REFUSED;
    r->code = code;
    qc_host_text(r->reason, sizeof r->reason, reason);
    qc_host_text(r->debug, sizeof r->debug, debug);
}

static void fill(qn_submit_result *out, const qc_accept_result *r)
{
    switch (r->kind) {
    case QC_ACCEPT_NONE:
        out->is = QN_SUBMIT_IS_UNJUDGED;
        break;
    case QC_ACCEPT_VALID:
        out->is = QN_SUBMIT_IS_ACCEPTED;
        break;
    case QC_ACCEPT_INVALID:
        if (strcmp(r->v.reason, QC_MAX_FEE_EXCEEDED) == 0)
            refuse(out, QN_SUBMIT_CODE_GRANT, r->v.reason,
                   "it pays more than the grant of the plugin allows");
        else
            refuse(out, code_of(r->v.code), r->v.reason, r->v.debug);
        break;
    case QC_ACCEPT_THERE:
        out->is = QN_SUBMIT_IS_THERE;
        break;
    case QC_ACCEPT_OTHER_WITNESS:
        out->is = QN_SUBMIT_IS_OTHER_WITNESS;
        memcpy(out->other_wtxid.b, r->other_wtxid.b, 32);
        break;
    }
    if (r->kind == QC_ACCEPT_VALID || r->kind == QC_ACCEPT_THERE) {
        out->fee = r->fee;
        out->vsize = r->vsize;
    }
    out->feerate = r->has_feerate ? qc_feerate_kvb(r->feerate) : 0;
    out->replaced = (uint32_t)r->n_replaced;
}

/* ---- chain thread ---- */

/* Peers are told of it, again if it was there. */
static void spread(const job *j, const qc_tx *t, bool is_new)
{
    const qc_node *n = j->host->o.node;
    if (is_new)
        qc_mempool_unbroadcast_add(n->pool, (const qc_hash *)t->rec->txid);
    if (n->announce)
        n->announce(n->announce_arg, (const qc_hash *)t->rec->wtxid);
}

static bool is_there(job *j)
{
    const qc_tx *t = &j->tx[0].tx;
    const qc_mempool_entry *e = qc_mempool_find(j->host->pool, (const qc_hash *)t->rec->txid);
    qn_submit_result *r = &j->result[0];
    if (!e)
        return false;
    if (memcmp(e->tx.rec->wtxid, t->rec->wtxid, 32) != 0) {
        r->is = QN_SUBMIT_IS_OTHER_WITNESS;
        memcpy(r->other_wtxid.b, e->tx.rec->wtxid, 32);
        return true;
    }
    r->is = QN_SUBMIT_IS_THERE;
    r->fee = e->fee;
    r->vsize = e->vsize;
    return true;
}

static void whole(job *j, uint32_t code, const char *reason)
{
    j->whole.code = code;
    memset(j->whole.reason, 0, sizeof j->whole.reason);
    qc_host_text(j->whole.reason, sizeof j->whole.reason, reason);
}

static void judge_one(job *j)
{
    const qc_accept_opts o = {.test_only = j->test, .has_max_fee = true, .max_fee = j->max_fee};
    qc_accept_result r;
    if (!is_there(j)) {
        j->err = qc_mempool_accept(j->host->pool, &j->tx[0].tx, &o, &r);
        fill(&j->result[0], &r);
        qc_accept_result_clear(&r);
    }
}

static void judge_package(job *j)
{
    const qc_package_opts o = {.test_only = j->test, .has_max_fee = true, .max_fee = j->max_fee};
    const qc_tx *tx[PACKAGE_MAX];
    qc_package_result r;
    for (uint32_t i = 0; i < j->n; i++)
        tx[i] = &j->tx[i].tx;
    j->err = qc_mempool_accept_package(j->host->pool, tx, j->n, &o, &r);
    for (uint32_t i = 0; i < j->n && i < r.n; i++)
        fill(&j->result[i], &r.tx[i]);
    whole(j, code_of(r.v.code), r.v.reason);
    for (uint32_t i = 0; i < j->n; i++)
        if (j->result[i].code == QN_SUBMIT_CODE_GRANT)
            whole(j, QN_SUBMIT_CODE_GRANT, QC_MAX_FEE_EXCEEDED);
    qc_package_result_clear(&r);
}

static void judge(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    if (j->package)
        judge_package(j);
    else
        judge_one(j);
    for (uint32_t i = 0; i < j->n && !j->test; i++)
        if (j->result[i].is == QN_SUBMIT_IS_ACCEPTED || j->result[i].is == QN_SUBMIT_IS_THERE)
            spread(j, &j->tx[i].tx, j->result[i].is == QN_SUBMIT_IS_ACCEPTED);
}

/* ---- calls ---- */

/* Before anything is read. What is beyond the rate fills the log no faster than a plugin's own
 * lines. */
static qn_status enter(qn_cap *cap, uint32_t flags, uint32_t n)
{
    submit_state *s = cap->state;
    bool test = (flags & QN_SUBMIT_TEST) != 0;
    qn_status st = qc_cap_may_act(cap, test || !s->test_only, test ? "test" : "submit", "");
    if (st != QN_OK || has_turn(s, n))
        return st;
    if (qc_plugin_may_log(cap->plugin))
        qc_cap_acted(cap, test ? "test" : "submit", "refused, beyond the rate of the grant");
    return QN_E_LIMIT;
}

static void log_use(qn_cap *cap, const job *j)
{
    char on[96] = "bytes that are no transaction", hex[QC_HASH_HEX_LEN + 1];
    if (j->tx[0].mem) {
        qc_hash_hex((const qc_hash *)j->tx[0].tx.rec->txid, hex);
        if (j->n == 1)
            snprintf(on, sizeof on, "%s", hex);
        else
            snprintf(on, sizeof on, "%.24s... of %u", hex, j->n);
    }
    qc_cap_acted(cap, j->test ? "test" : "submit", on);
}

static qn_status run(qn_cap *cap, job *j)
{
    const submit_state *s = cap->state;
    log_use(cap, j);
    for (uint32_t i = 0; i < j->n; i++)
        if (!j->tx[i].mem)
            return QN_OK; /* the results say so already */
    j->max_fee = s->max_fee;
    qn_status st = qc_host_ask(j->host, 0, judge, j, job_free);
    if (st == QN_OK && j->err) {
        st = qc_status_of(j->err);
        job_free(j);
    }
    return st;
}

static job *job_new(const qn_cap *cap, uint32_t flags, bool package)
{
    job *j = qc_alloc(sizeof *j);
    j->host = cap->plugin->host;
    j->test = (flags & QN_SUBMIT_TEST) != 0;
    j->package = package;
    j->whole.size = sizeof j->whole;
    return j;
}

/* Bytes that no transaction may exceed. */
static uint32_t largest(const job *j)
{
    return qc_mempool_policy(j->host->pool)->require_standard ? QC_STD_MAX_TX_WEIGHT : BYTES_MAX;
}

static void parse(job *j, const uint8_t *data, uint32_t len)
{
    qn_submit_result *r = &j->result[j->n];
    qc_txbuf *t = &j->tx[j->n++];
    r->is = QN_SUBMIT_IS_UNJUDGED;
    if (len > largest(j)) {
        refuse(r, QN_SUBMIT_CODE_POLICY, "tx-size", "it is larger than any that is relayed");
        whole(j, QN_SUBMIT_CODE_POLICY, "tx-size");
        return;
    }
    qc_wire_fail f = qc_tx_parse((qc_span){data, len}, true, t);
    if (f) {
        refuse(r, QN_SUBMIT_CODE_MALFORMED, "decode-failed", qc_wire_text(f));
        whole(j, QN_SUBMIT_CODE_MALFORMED, "decode-failed");
        return;
    }
    memcpy(r->txid.b, t->tx.rec->txid, 32);
    memcpy(r->wtxid.b, t->tx.rec->wtxid, 32);
}

static qn_status tx_submit(qn_cap *cap, const void *tx, uint32_t len, uint32_t flags,
                           qn_submit_result *result)
{
    if (!tx || !len || len > BYTES_MAX || flags & ~(uint32_t)QN_SUBMIT_TEST || !result) {
        qn_status st = qc_cap_enter(cap);
        return st == QN_OK ? QN_E_INVAL : st;
    }
    qn_status st = enter(cap, flags, 1);
    if (st != QN_OK)
        return st;
    job *j = job_new(cap, flags, false);
    parse(j, tx, len);
    if ((st = run(cap, j)) != QN_OK)
        return st;
    *result = j->result[0];
    job_free(j);
    return QN_OK;
}

/* Within the bytes, and not more in sum: what overlaps would be read again and again. */
static bool parts_fit(const qn_submit_part *part, uint32_t n, uint32_t len)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += part[i].len;
        if (part[i].off > len || part[i].len > len - part[i].off || sum > len)
            return false;
    }
    return true;
}

static qn_status tx_package(qn_cap *cap, const void *txs, uint32_t len, const qn_submit_part *parts,
                            uint32_t n, uint32_t flags, qn_submit_result *results,
                            qn_submit_package *package)
{
    if (!txs || !len || len > BYTES_MAX || !parts || n < 1 || n > PACKAGE_MAX ||
        !parts_fit(parts, n, len) || flags & ~(uint32_t)QN_SUBMIT_TEST || !results || !package ||
        package->size < sizeof(uint32_t)) {
        qn_status st = qc_cap_enter(cap);
        return st == QN_OK ? QN_E_INVAL : st;
    }
    qn_status st = enter(cap, flags, n);
    if (st != QN_OK)
        return st;
    job *j = job_new(cap, flags, true);
    for (uint32_t i = 0; i < n; i++)
        parse(j, (const uint8_t *)txs + parts[i].off, parts[i].len);
    if ((st = run(cap, j)) != QN_OK)
        return st;
    memcpy(results, j->result, n * sizeof *results);
    j->whole.size = QC_MIN(package->size, j->whole.size);
    memcpy(package, &j->whole, j->whole.size);
    job_free(j);
    return QN_OK;
}

static const qn_tx_submit_1 TABLE = {.h = {sizeof(qn_tx_submit_1), QN_TX_SUBMIT_1_REVISION},
                                     .submit = tx_submit,
                                     .package = tx_package};

const qc_adapter QC_ADAPTER_TX_SUBMIT = {QN_TX_SUBMIT_1_ID, &TABLE, adapter_open, NULL,
                                         adapter_close};
