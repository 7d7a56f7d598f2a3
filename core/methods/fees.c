/* Fee estimates (Core rpc/fees.cpp). */
#include "core/mempool/fees.h"

#include "core/methods/common.h"

#include <math.h>
#include <strings.h>

#define MIN_TARGET 1

static bool need_fees(qc_rpc_req *r, const qc_node *n)
{
    return n->fees || qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR, "Fee estimation disabled");
}

/* False: the request has failed. */
static bool target_arg(qc_rpc_req *r, const qc_node *n, uint32_t *target)
{
    int32_t v = 0;
    uint32_t most = qc_fees_max_target(n->fees, QC_FEES_LONG); /* fixed */
    if (!qc_rpc_i32(r, 0, &v))
        return false;
    *target = (uint32_t)v;
    return (v >= MIN_TARGET && *target <= most) ||
           qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                       "Invalid conf_target, must be between %d and %u", MIN_TARGET, most);
}

static bool mode_arg(qc_rpc_req *r, bool *conservative)
{
    const char *mode = "economical";
    if (!qc_rpc_str(r, 1, &mode))
        return false;
    *conservative = strcasecmp(mode, "conservative") == 0;
    return *conservative || strcasecmp(mode, "economical") == 0 || strcasecmp(mode, "unset") == 0 ||
           qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                       "Invalid estimate_mode parameter, must be one of: \"unset\", "
                       "\"economical\", \"conservative\"");
}

typedef struct smart_job {
    const qc_node *n;
    uint32_t target;
    bool conservative;
    qc_fees_answer a;
    qc_feerate pool_min;
} smart_job;

static void run_smart(qc_chain *c, void *arg)
{
    smart_job *j = arg;
    (void)c;
    j->a = qc_fees_smart(j->n->fees, j->target, j->conservative);
    j->pool_min = qc_mempool_min_fee(j->n->pool);
}

static void put_errors(qc_jw *w, const char *text)
{
    qc_jw_karr(w, "errors");
    qc_jw_str(w, text);
    qc_jw_arr_end(w);
}

static void estimatesmartfee(qc_rpc_req *r, void *arg)
{
    smart_job j = {.n = arg};
    if (!need_fees(r, j.n) || !qc_m_need_pool(r, j.n) || !target_arg(r, j.n, &j.target) ||
        !mode_arg(r, &j.conservative))
        return;
    qc_chain_call(j.n->chain_thread, run_smart, &j);
    qc_feerate rate = qc_feerate_per_kvb(j.a.rate);
    qc_feerate relay = qc_mempool_policy(j.n->pool)->min_relay;
    if (qc_feerate_cmp(rate, j.pool_min) < 0)
        rate = j.pool_min;
    if (qc_feerate_cmp(rate, relay) < 0)
        rate = relay;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    if (j.a.rate)
        qc_jw_kamount(w, "feerate", qc_feerate_kvb(rate));
    else
        put_errors(w, "Insufficient data or no feerate found");
    qc_jw_kuint(w, "blocks", j.a.target);
    qc_jw_obj_end(w);
}

/* ---- what it is made of ---- */

typedef struct raw_job {
    const qc_node *n;
    uint32_t target;
    double threshold;
    int64_t rate[QC_FEES_HORIZONS];
    qc_fees_detail detail[QC_FEES_HORIZONS];
} raw_job;

static void run_raw(qc_chain *c, void *arg)
{
    raw_job *j = arg;
    (void)c;
    for (unsigned h = 0; h < QC_FEES_HORIZONS; h++)
        j->rate[h] =
            qc_fees_raw(j->n->fees, j->target, j->threshold, (qc_fees_horizon)h, &j->detail[h]);
}

static double hundredths(double v)
{
    return round(v * 100.0) / 100.0;
}

static void put_range(qc_jw *w, const char *key, const qc_fees_range *b)
{
    qc_jw_kobj(w, key);
    qc_jw_kdouble(w, "startrange", round(b->start));
    qc_jw_kdouble(w, "endrange", round(b->end));
    qc_jw_kdouble(w, "withintarget", hundredths(b->within_target));
    qc_jw_kdouble(w, "totalconfirmed", hundredths(b->total_confirmed));
    qc_jw_kdouble(w, "inmempool", hundredths(b->in_pool));
    qc_jw_kdouble(w, "leftmempool", hundredths(b->left_pool));
    qc_jw_obj_end(w);
}

static void put_horizon(qc_jw *w, int64_t rate, const qc_fees_detail *d)
{
    if (rate)
        qc_jw_kamount(w, "feerate", rate);
    qc_jw_kdouble(w, "decay", d->decay);
    qc_jw_kuint(w, "scale", d->scale);
    if (rate)
        put_range(w, "pass", &d->pass);
    if (!rate || d->fail.start >= 0) /* else all that was seen met it */
        put_range(w, "fail", &d->fail);
    if (!rate)
        put_errors(w, "Insufficient data or no feerate found which meets threshold");
}

static void estimaterawfee(qc_rpc_req *r, void *arg)
{
    raw_job j = {.n = arg, .threshold = 0.95};
    if (!need_fees(r, j.n) || !target_arg(r, j.n, &j.target) || !qc_rpc_double(r, 1, &j.threshold))
        return;
    if (!(j.threshold >= 0 && j.threshold <= 1)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid threshold");
        return;
    }
    qc_chain_call(j.n->chain_thread, run_raw, &j);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    for (unsigned h = 0; h < QC_FEES_HORIZONS; h++) {
        if (j.target > qc_fees_max_target(j.n->fees, (qc_fees_horizon)h))
            continue;
        qc_jw_kobj(w, qc_fees_horizon_name((qc_fees_horizon)h));
        put_horizon(w, j.rate[h], &j.detail[h]);
        qc_jw_obj_end(w);
    }
    qc_jw_obj_end(w);
}

static const qc_rpc_param P_SMART[] = {
    {"conf_target", QC_T_NUM, true, .help = "Within how many blocks (1 to 1008)"},
    {"estimate_mode", QC_T_STR, .dflt = "economical",
     .help = "economical, or conservative: by a longer history too"},
    {.names = NULL}};
static const qc_rpc_param P_RAW[] = {
    {"conf_target", QC_T_NUM, true, .help = "Within how many blocks (1 to 1008)"},
    {"threshold", QC_T_NUM, .dflt = "0.95",
     .help = "Share of transactions at a fee rate that must have been mined within them"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_FEES[] = {
    {"util", "estimatesmartfee",
     "Fee rate that should get a transaction into a block in time, in BTC/kvB.", P_SMART,
     .result = "{ feerate, errors: [...], blocks }", .examples = "estimatesmartfee 6",
     .fn = estimatesmartfee},
    {"hidden", "estimaterawfee", "The figures behind fee estimates.", P_RAW,
     .result = "{ short|medium|long: { feerate, decay, scale, pass: {...}, fail: {...}, errors } }",
     .examples = "estimaterawfee 6 0.9", .fn = estimaterawfee},
    {.name = NULL}};
