#include "core/mempool/fees_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"

#include <math.h>

#define AREA "estimatefee"

/* Transactions per block and range of buckets without which nothing is said. */
#define ENOUGH 0.1
#define ENOUGH_SHORT 0.5
#define HALF_SUCCESS 0.6
#define SUCCESS 0.85
#define DOUBLE_SUCCESS 0.95
#define OLDEST_HISTORY (6u * 1008) /* blocks */

static const struct {
    const char *name;
    uint32_t periods, scale;
    double decay, enough;
} horizons[QC_FEES_HORIZONS] = {
    [QC_FEES_SHORT] = {"short", 12, 1, .962, ENOUGH_SHORT},
    [QC_FEES_MEDIUM] = {"medium", 24, 2, .9952, ENOUGH},
    [QC_FEES_LONG] = {"long", 42, 24, .99931, ENOUGH},
};

const char *qc_fees_horizon_name(qc_fees_horizon h)
{
    return horizons[h].name;
}

qc_err qc_fees_new(qc_fees **out, const uint64_t salt[static 2])
{
    *out = NULL;
    qc_fees *f = qc_try_alloc(sizeof *f);
    if (!f)
        return QC_ENOMEM;
    f->watch.key = (qc_siphash_key){salt[0], salt[1]};
    qc_err err = qc_fees_buckets_init(&f->buckets);
    for (int h = 0; h < QC_FEES_HORIZONS && !err; h++)
        err = qc_fees_stats_init(&f->stats[h], f->buckets.n, horizons[h].periods, horizons[h].scale,
                                 horizons[h].decay);
    if (err)
        qc_fees_free(f);
    else
        *out = f;
    return err;
}

void qc_fees_free(qc_fees *f)
{
    if (!f)
        return;
    for (int h = 0; h < QC_FEES_HORIZONS; h++)
        qc_fees_stats_clear(&f->stats[h]);
    qc_fees_watch_clear(&f->watch);
    qc_free(f->buckets.end);
    qc_free(f);
}

size_t qc_fees_watched(const qc_fees *f)
{
    return f->watch.n;
}

uint32_t qc_fees_max_target(const qc_fees *f, qc_fees_horizon h)
{
    return qc_fees_stats_max(&f->stats[h]);
}

void qc_fees_added(qc_fees *f, const qc_fees_tx *tx)
{
    /* In another branch, or before we have caught up with the chain: how long it waits would be
     * counted from a wrong block. */
    if (tx->height != f->best)
        return;
    if (tx->limits_bypassed || tx->in_package || tx->chain_behind || tx->has_parents) {
        f->n_ignored++;
        return;
    }
    qc_fees_watched_tx w = {
        .txid = *tx->txid,
        .height = tx->height,
        .rate = qc_feerate_kvb(qc_feerate_paid(tx->fee, tx->vsize)),
    };
    w.bucket = (uint32_t)qc_fees_bucket_of(&f->buckets, (double)w.rate);
    if (!qc_fees_watch_add(&f->watch, &w))
        return;
    f->n_watched++;
    for (int h = 0; h < QC_FEES_HORIZONS; h++)
        qc_fees_stats_enter(&f->stats[h], w.height, w.bucket);
}

static bool leave(qc_fees *f, const qc_hash *txid, bool mined, qc_fees_watched_tx *w)
{
    if (!qc_fees_watch_take(&f->watch, txid, w))
        return false;
    for (int h = 0; h < QC_FEES_HORIZONS; h++)
        qc_fees_stats_leave(&f->stats[h], w->height, f->best, w->bucket, mined);
    return true;
}

bool qc_fees_removed(qc_fees *f, const qc_hash *txid)
{
    qc_fees_watched_tx w;
    return leave(f, txid, false, &w);
}

void qc_fees_flush_unconfirmed(qc_fees *f)
{
    size_t n = f->watch.n;
    for (size_t i = 0; i < f->watch.cap; i++) {
        const qc_fees_watched_tx *w = &f->watch.slot[i];
        for (int h = 0; h < QC_FEES_HORIZONS && f->watch.used[i]; h++)
            qc_fees_stats_leave(&f->stats[h], w->height, f->best, w->bucket, false);
    }
    qc_fees_watch_clear(&f->watch);
    qc_log(QC_LOG_DEBUG, AREA, "Recorded %zu unconfirmed transactions of the pool", n);
}

void qc_fees_block_begin(qc_fees *f, uint32_t height)
{
    /* What reorganisations do to the count is taken to be chance. */
    f->block_counts = height > f->best;
    f->n_mined = f->n_counted = 0;
    if (!f->block_counts)
        return;
    f->best = height;
    for (int h = 0; h < QC_FEES_HORIZONS; h++)
        qc_fees_stats_block(&f->stats[h], height);
}

void qc_fees_mined(qc_fees *f, const qc_hash *txid)
{
    qc_fees_watched_tx w;
    f->n_mined++;
    if (!leave(f, txid, true, &w) || !f->block_counts || w.height >= f->best)
        return;
    for (int h = 0; h < QC_FEES_HORIZONS; h++)
        qc_fees_stats_mined(&f->stats[h], f->best - w.height, w.bucket, (double)w.rate);
    f->n_counted++;
}

uint32_t qc_fees_span(const qc_fees *f)
{
    return f->first_recorded ? f->best - f->first_recorded : 0;
}

uint32_t qc_fees_old_span(const qc_fees *f)
{
    if (f->old_first == 0 || f->best - f->old_best > OLDEST_HISTORY)
        return 0;
    return f->old_best - f->old_first;
}

/* Half of what was seen: who was not mined must have had the time to fail. */
static uint32_t max_usable_target(const qc_fees *f)
{
    uint32_t span = QC_MAX(qc_fees_span(f), qc_fees_old_span(f)) / 2;
    return QC_MIN(span, qc_fees_max_target(f, QC_FEES_LONG));
}

void qc_fees_block_end(qc_fees *f)
{
    if (!f->block_counts)
        return;
    if (f->first_recorded == 0 && f->n_counted > 0)
        f->first_recorded = f->best;
    qc_log(QC_LOG_DEBUG, AREA,
           "Block %u: %u of %u transactions counted; since the last one %u watched, %u not; "
           "%zu wait, highest target %u",
           f->best, f->n_counted, f->n_mined, f->n_watched, f->n_ignored, f->watch.n,
           max_usable_target(f));
    f->n_watched = f->n_ignored = 0;
}

static double ask(const qc_fees *f, qc_fees_horizon h, uint32_t target, double threshold,
                  qc_fees_detail *detail)
{
    qc_fees_question q = {target, horizons[h].enough, threshold, f->best};
    return qc_fees_stats_estimate(&f->stats[h], &f->buckets, &q, detail);
}

/* Averages from a file may be any numbers. */
static int64_t to_rate(double median)
{
    if (!(median >= 0))
        return 0;
    return median >= (double)QC_MAX_MONEY ? QC_MAX_MONEY : llround(median);
}

int64_t qc_fees_raw(const qc_fees *f, uint32_t target, double threshold, qc_fees_horizon h,
                    qc_fees_detail *detail)
{
    if (target == 0 || target > qc_fees_max_target(f, h) || threshold > 1)
        return 0;
    return to_rate(ask(f, h, target, threshold, detail));
}

/* Let the longest target of a shorter horizon, which knows better what is going on now, give a
 * lower answer than *best. */
static void ask_shorter(const qc_fees *f, qc_fees_horizon h, uint32_t target, double threshold,
                        double *best, qc_fees_detail *detail)
{
    qc_fees_detail d;
    uint32_t max = qc_fees_max_target(f, h);
    if (target <= max)
        return;
    double rate = ask(f, h, max, threshold, &d);
    if (rate > 0 && (*best == -1 || rate < *best)) {
        *best = rate;
        *detail = d;
    }
}

/* By the shortest horizon that tracks the target. *detail stays when none does. */
static double ask_combined(const qc_fees *f, uint32_t target, double threshold, bool shorter,
                           qc_fees_detail *detail)
{
    double rate = -1;
    if (target < 1 || target > qc_fees_max_target(f, QC_FEES_LONG))
        return -1;
    for (qc_fees_horizon h = QC_FEES_SHORT; h < QC_FEES_HORIZONS; h++)
        if (target <= qc_fees_max_target(f, h)) {
            rate = ask(f, h, target, threshold, detail);
            break;
        }
    if (shorter) {
        ask_shorter(f, QC_FEES_MEDIUM, target, threshold, &rate, detail);
        ask_shorter(f, QC_FEES_SHORT, target, threshold, &rate, detail);
    }
    return rate;
}

/* By all horizons longer than the shortest that tracks the target: the highest answer. */
static double ask_conservative(const qc_fees *f, uint32_t target, qc_fees_detail *detail)
{
    double rate = -1;
    for (qc_fees_horizon h = QC_FEES_MEDIUM; h < QC_FEES_HORIZONS; h++) {
        qc_fees_detail d;
        if (target > qc_fees_max_target(f, h - 1))
            continue;
        double r = ask(f, h, target, DOUBLE_SUCCESS, &d);
        if (r > rate) {
            rate = r;
            *detail = d;
        }
    }
    return rate;
}

/* The answer so far, before it is rounded. */
typedef struct draft {
    double rate;
    qc_fees_reason reason;
    qc_fees_detail detail;
} draft;

static void raise_to(draft *a, double rate, qc_fees_reason reason, const qc_fees_detail *detail)
{
    if (rate <= a->rate && reason != QC_FEES_HALF)
        return;
    *a = (draft){rate, reason, *detail};
}

static draft smart_rate(const qc_fees *f, uint32_t target, bool conservative)
{
    draft a = {.rate = -1};
    qc_fees_detail d = {.pass = {-1, -1, 0, 0, 0, 0}, .fail = {-1, -1, 0, 0, 0, 0}};
    double rate = ask_combined(f, target / 2, HALF_SUCCESS, true, &d);
    raise_to(&a, rate, QC_FEES_HALF, &d);
    rate = ask_combined(f, target, SUCCESS, true, &d);
    raise_to(&a, rate, QC_FEES_FULL, &d);
    rate = ask_combined(f, 2 * target, DOUBLE_SUCCESS, !conservative, &d);
    raise_to(&a, rate, QC_FEES_DOUBLE, &d);
    if (conservative || a.rate == -1) {
        rate = ask_conservative(f, 2 * target, &d);
        raise_to(&a, rate, QC_FEES_CONSERVATIVE, &d);
    }
    return a;
}

qc_fees_answer qc_fees_smart(const qc_fees *f, uint32_t target, bool conservative)
{
    qc_fees_answer a = {
        .target = target,
        .best_height = f->best,
        .detail = {.pass = {.start = -1, .end = -1}, .fail = {.start = -1, .end = -1}},
    };
    if (target == 0 || target > qc_fees_max_target(f, QC_FEES_LONG))
        return a;
    target = QC_MIN(QC_MAX(target, 2u), max_usable_target(f)); /* nobody can promise the next one */
    a.target = target;
    if (target <= 1)
        return a;
    draft d = smart_rate(f, target, conservative);
    a.rate = to_rate(d.rate);
    a.reason = d.reason;
    a.detail = d.detail;
    return a;
}
