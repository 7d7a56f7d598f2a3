/* fees.estimate/1: what the estimator and the pool say, asked of the chain thread that owns both.
 */
#include "core/host/adapter_mempool.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/fees.h"

#include "quoin/fees_estimate.h"

#define STEPS_MAX 256u
#define FIRST_STEP 100 /* satoshis per 1,000 virtual bytes */

typedef struct job {
    qc_host *host;
    uint32_t target, permille;
    bool conservative;
    qn_fees_estimate estimate;
    qn_fees_floors floors;
    qn_mempool_at at;
    qn_fees_step step[STEPS_MAX];
    uint32_t n;
} job;

static job *job_new(const qn_cap *cap)
{
    job *j = qc_alloc(sizeof *j);
    j->host = cap->plugin->host;
    return j;
}

/* What gets in pays at least this. */
static int64_t floor_now(const qc_host *h)
{
    return QC_MAX(qc_feerate_kvb(qc_mempool_min_fee(h->pool)),
                  qc_feerate_kvb(qc_mempool_policy(h->pool)->min_relay));
}

/* ---- estimates ---- */

static void settle(job *j, int64_t rate, uint32_t by)
{
    qn_fees_estimate *e = &j->estimate;
    int64_t least = floor_now(j->host);
    e->size = sizeof *e;
    e->estimated = rate;
    e->feerate = QC_MAX(rate, least);
    e->by = rate <= 0 ? QN_FEES_BY_NOTHING : rate < least ? QN_FEES_BY_FLOOR : by;
}

static void find_smart(qc_chain *c, void *arg)
{
    static const uint32_t BY[] = {QN_FEES_BY_NOTHING, QN_FEES_BY_HALF, QN_FEES_BY_FULL,
                                  QN_FEES_BY_DOUBLE, QN_FEES_BY_CONSERVATIVE};
    job *j = arg;
    (void)c;
    qc_fees_answer a = qc_fees_smart(j->host->o.node->fees, j->target, j->conservative);
    j->estimate.target = a.target;
    j->estimate.height = a.best_height;
    settle(j, a.rate, BY[a.reason]);
}

static void find_confident(qc_chain *c, void *arg)
{
    job *j = arg;
    const qc_fees *f = j->host->o.node->fees;
    qc_fees_horizon h = QC_FEES_SHORT;
    (void)c;
    while (h < QC_FEES_LONG && j->target > qc_fees_max_target(f, h))
        h++;
    j->estimate.target = j->target;
    j->estimate.height = qc_fees_smart(f, j->target, false).best_height;
    settle(j, qc_fees_raw(f, j->target, j->permille / 1000.0, h, NULL), QN_FEES_BY_ASKED);
}

static qn_status estimate(qn_cap *cap, const job *like, void (*fn)(qc_chain *c, void *arg),
                          qn_fees_estimate *out)
{
    const qc_node *node = cap->plugin->host->o.node;
    if (!out || out->size < sizeof(uint32_t) || like->target < 1 || like->target > 1008)
        return QN_E_INVAL;
    if (!node->fees)
        return QN_E_UNSUPPORTED;
    job *j = job_new(cap);
    j->target = like->target;
    j->permille = like->permille;
    j->conservative = like->conservative;
    qn_status st = qc_host_ask(j->host, 0, fn, j, qc_free);
    if (st != QN_OK)
        return st;
    qn_fees_estimate e = j->estimate;
    qc_free(j);
    e.size = QC_MIN(out->size, (uint32_t)sizeof e);
    memcpy(out, &e, e.size);
    return e.by == QN_FEES_BY_NOTHING ? QN_E_NOTFOUND : QN_OK;
}

static qn_status fees_estimate(qn_cap *cap, uint32_t target, uint32_t flags, qn_fees_estimate *out)
{
    qn_status st = qc_cap_ask(cap);
    job like = {.target = target, .conservative = (flags & QN_FEES_CONSERVATIVE) != 0};
    if (st != QN_OK)
        return st;
    return flags & ~(uint32_t)QN_FEES_CONSERVATIVE ? QN_E_INVAL
                                                   : estimate(cap, &like, find_smart, out);
}

static qn_status fees_confident(qn_cap *cap, uint32_t target, uint32_t permille,
                                qn_fees_estimate *out)
{
    qn_status st = qc_cap_ask(cap);
    job like = {.target = target, .permille = permille};
    if (st != QN_OK)
        return st;
    return permille < 1 || permille > 1000 ? QN_E_INVAL : estimate(cap, &like, find_confident, out);
}

/* ---- floors ---- */

static void find_floors(qc_chain *c, void *arg)
{
    job *j = arg;
    const qc_policy *p = qc_mempool_policy(j->host->pool);
    const qc_fees *f = j->host->o.node->fees;
    (void)c;
    j->floors = (qn_fees_floors){.size = sizeof j->floors,
                                 .max_target = f ? qc_fees_max_target(f, QC_FEES_LONG) : 0,
                                 .mempool_min = qc_feerate_kvb(qc_mempool_min_fee(j->host->pool)),
                                 .min_relay = qc_feerate_kvb(p->min_relay),
                                 .incremental = qc_feerate_kvb(p->incremental),
                                 .dust_relay = qc_feerate_kvb(p->dust)};
    qc_host_pool_moment(j->host, &j->floors.at);
}

static qn_status fees_floors(qn_cap *cap, qn_fees_floors *out)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!out || out->size < sizeof(uint32_t))
        return QN_E_INVAL;
    job *j = job_new(cap);
    if ((st = qc_host_ask(j->host, 0, find_floors, j, qc_free)) != QN_OK)
        return st;
    j->floors.size = QC_MIN(out->size, j->floors.size);
    memcpy(out, &j->floors, j->floors.size);
    qc_free(j);
    return QN_OK;
}

/* ---- the histogram ---- */

/* The lower ends of all steps, from 0 up. Returns how many. */
static uint32_t ends_of_steps(int64_t end[static STEPS_MAX])
{
    uint32_t n = 0;
    end[n++] = 0;
    for (int64_t at = FIRST_STEP; n < STEPS_MAX && at <= INT64_MAX / 11; at += at / 10)
        end[n++] = at;
    return n;
}

/* By weight, so that what falls from chunk to chunk falls here too. */
static int64_t rate_of(const qc_mempool_point *sum)
{
    if (sum->fee <= 0 || sum->weight <= 0)
        return 0;
    return QC_MIN(sum->fee, QC_MAX_MONEY) * 4000 / sum->weight;
}

/* Chunks come by falling rate, so one walk down the steps finds each one's. */
static void find_histogram(qc_chain *c, void *arg)
{
    job *j = arg;
    int64_t end[STEPS_MAX];
    uint32_t at = ends_of_steps(end) - 1;
    const qc_mempool_entry *const *e;
    qc_mempool_point sum;
    qn_fees_step *s = NULL;
    qc_mempool_build *b = qc_mempool_build_start(j->host->pool);
    (void)c;
    for (size_t n; (n = qc_mempool_build_chunk(b, &e, &sum)); qc_mempool_build_take(b)) {
        int64_t rate = rate_of(&sum);
        while (at && end[at] > rate)
            at--;
        if (!s || s->from != end[at]) {
            s = &j->step[j->n++];
            s->from = end[at];
        }
        s->count += (uint32_t)n;
        s->fees += sum.fee;
        for (size_t i = 0; i < n; i++)
            s->vsize += (uint64_t)e[i]->vsize;
    }
    qc_mempool_build_end(b);
    qc_host_pool_moment(j->host, &j->at);
}

static qn_status fees_histogram(qn_cap *cap, qn_fees_step *out, uint32_t max, uint32_t *n,
                                qn_mempool_at *at)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!n || (!out && max))
        return QN_E_INVAL;
    job *j = job_new(cap);
    if ((st = qc_host_ask(j->host, 0, find_histogram, j, qc_free)) != QN_OK)
        return st;
    uint64_t walked = 0;
    for (uint32_t i = 0; i < j->n; i++)
        walked += j->step[i].count;
    qc_cap_worked(cap, walked);
    if (out)
        memcpy(out, j->step, QC_MIN(j->n, max) * sizeof *out);
    if (at)
        *at = j->at;
    *n = j->n;
    qc_free(j);
    return *n > max ? QN_E_SPACE : QN_OK;
}

static const qn_fees_estimate_1 TABLE = {
    .h = {sizeof(qn_fees_estimate_1), QN_FEES_ESTIMATE_1_REVISION},
    .estimate = fees_estimate,
    .confident = fees_confident,
    .floors = fees_floors,
    .histogram = fees_histogram};

const qc_adapter QC_ADAPTER_FEES_ESTIMATE = {QN_FEES_ESTIMATE_1_ID, &TABLE, qc_mempool_adapter_open,
                                             NULL, qc_mempool_adapter_close};
