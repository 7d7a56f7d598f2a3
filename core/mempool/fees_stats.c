#include "core/mempool/fees_stats.h"

#include "core/base/alloc.h"

#define MIN_BUCKET 100.0
#define MAX_BUCKET 1e7
#define SPACING 1.05

qc_err qc_fees_buckets_init(qc_fees_buckets *b)
{
    size_t n = 1;
    for (double end = MIN_BUCKET; end <= MAX_BUCKET; end *= SPACING)
        n++;
    double *list = qc_try_calloc(n, sizeof *list);
    if (!list)
        return QC_ENOMEM;
    /* The same products in the same order as in Core: the file holds them to the last bit. */
    double end = MIN_BUCKET;
    for (size_t i = 0; i + 1 < n; i++, end *= SPACING)
        list[i] = end;
    list[n - 1] = QC_FEES_LAST_BUCKET;
    *b = (qc_fees_buckets){list, n};
    return QC_OK;
}

size_t qc_fees_bucket_of(const qc_fees_buckets *b, double rate)
{
    size_t lo = 0, hi = b->n - 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->end[mid] < rate)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

qc_err qc_fees_stats_init(qc_fees_stats *s, size_t n_buckets, uint32_t periods, uint32_t scale,
                          double decay)
{
    *s = (qc_fees_stats){.n = n_buckets, .periods = periods, .scale = scale, .decay = decay};
    size_t table = n_buckets * periods;
    s->rate_sum = qc_try_calloc(n_buckets, sizeof *s->rate_sum);
    s->mined = qc_try_calloc(n_buckets, sizeof *s->mined);
    s->within = qc_try_calloc(table, sizeof *s->within);
    s->left = qc_try_calloc(table, sizeof *s->left);
    s->waiting = qc_try_calloc(table * scale, sizeof *s->waiting);
    s->long_ago = qc_try_calloc(n_buckets, sizeof *s->long_ago);
    if (s->rate_sum && s->mined && s->within && s->left && s->waiting && s->long_ago)
        return QC_OK;
    qc_fees_stats_clear(s);
    return QC_ENOMEM;
}

void qc_fees_stats_clear(qc_fees_stats *s)
{
    qc_free(s->rate_sum);
    qc_free(s->mined);
    qc_free(s->within);
    qc_free(s->left);
    qc_free(s->waiting);
    qc_free(s->long_ago);
    *s = (qc_fees_stats){0};
}

static void shrink(double *v, size_t n, double by)
{
    for (size_t i = 0; i < n; i++)
        v[i] *= by;
}

/* Those who wait in a bucket since they entered at `height`, or a whole turn of the ring before. */
static uint32_t *waiting_at(const qc_fees_stats *s, uint32_t height, size_t bucket)
{
    return &s->waiting[(height % qc_fees_stats_max(s)) * s->n + bucket];
}

void qc_fees_stats_block(qc_fees_stats *s, uint32_t height)
{
    for (size_t i = 0; i < s->n; i++) {
        uint32_t *w = waiting_at(s, height, i);
        s->long_ago[i] += *w;
        *w = 0;
    }
    shrink(s->rate_sum, s->n, s->decay);
    shrink(s->mined, s->n, s->decay);
    shrink(s->within, s->n * s->periods, s->decay);
    shrink(s->left, s->n * s->periods, s->decay);
}

void qc_fees_stats_enter(qc_fees_stats *s, uint32_t height, size_t bucket)
{
    (*waiting_at(s, height, bucket))++;
}

void qc_fees_stats_leave(qc_fees_stats *s, uint32_t entered, uint32_t best, size_t bucket,
                         bool mined)
{
    uint32_t ago = best > entered ? best - entered : 0;
    uint32_t *w =
        ago >= qc_fees_stats_max(s) ? &s->long_ago[bucket] : waiting_at(s, entered, bucket);
    if (*w > 0)
        (*w)--;
    if (mined)
        return;
    /* It fails those targets whose whole time it has waited. */
    for (uint32_t p = 0; p < ago / s->scale && p < s->periods; p++)
        s->left[p * s->n + bucket]++;
}

void qc_fees_stats_mined(qc_fees_stats *s, uint32_t blocks, size_t bucket, double rate)
{
    for (uint32_t p = (blocks - 1) / s->scale; p < s->periods; p++)
        s->within[p * s->n + bucket]++;
    s->mined[bucket]++;
    s->rate_sum[bucket] += rate;
}

/* Buckets from `low` to `high`, and what is counted there. */
typedef struct span {
    size_t low, high;
    double within, total, waiting, left;
} span;

/* Of each bucket, those that have waited for the target or longer. Row by row of the ring: it is
 * a million counters, best read in the order in which they lie. */
static void count_waiting(const qc_fees_stats *s, const qc_fees_question *q,
                          uint64_t n[static QC_FEES_MAX_BUCKETS])
{
    for (size_t i = 0; i < s->n; i++)
        n[i] = s->long_ago[i];
    /* On a chain shorter than the ring, Core takes heights below 0 for others and so may count
     * some twice. */
    for (uint32_t ago = q->target; ago < qc_fees_stats_max(s) && ago <= q->best; ago++) {
        const uint32_t *row = waiting_at(s, q->best - ago, 0);
        for (size_t i = 0; i < s->n; i++)
            n[i] += row[i];
    }
}

static void add_bucket(span *r, const qc_fees_stats *s, const qc_fees_question *q, size_t bucket,
                       uint64_t waiting)
{
    size_t at = (q->target - 1) / s->scale * s->n + bucket;
    r->low = bucket;
    r->within += s->within[at];
    r->total += s->mined[bucket];
    r->left += s->left[at];
    r->waiting += (double)waiting;
}

static qc_fees_range range_of(const span *r, const qc_fees_buckets *b)
{
    return (qc_fees_range){
        .start = r->low ? b->end[r->low - 1] : 0,
        .end = b->end[r->high],
        .within_target = r->within,
        .total_confirmed = r->total,
        .in_pool = r->waiting,
        .left_pool = r->left,
    };
}

/* Average rate in the bucket where the middle one of the mined transactions is. */
static double median_rate(const qc_fees_stats *s, const span *r)
{
    double half = 0;
    for (size_t i = r->low; i <= r->high; i++)
        half += s->mined[i];
    half /= 2;
    if (!(half > 0))
        return -1;
    for (size_t i = r->low; i <= r->high; i++) {
        if (s->mined[i] >= half)
            return s->rate_sum[i] / s->mined[i];
        half -= s->mined[i];
    }
    return -1; /* only by rounding */
}

static const qc_fees_range no_range = {.start = -1, .end = -1};

/* From the dearest bucket down, buckets are joined until they hold enough to judge; the cheapest
 * range that passes is the answer, even below one that fails. Ranges that fail go on growing. */
double qc_fees_stats_estimate(const qc_fees_stats *s, const qc_fees_buckets *b,
                              const qc_fees_question *q, qc_fees_detail *detail)
{
    double enough = q->enough / (1 - s->decay), seen = 0;
    span cur = {0}, best = {0};
    qc_fees_range pass = no_range, fail = no_range;
    bool open = false, found = false, passing = true;
    uint64_t waiting[QC_FEES_MAX_BUCKETS];
    count_waiting(s, q, waiting);
    for (size_t i = s->n; i-- > 0;) {
        if (!open)
            cur = (span){.high = i};
        open = true;
        add_bucket(&cur, s, q, i, waiting[i]);
        seen += s->mined[i];
        if (seen < enough)
            continue;
        seen = 0;
        if (cur.within / (cur.total + cur.left + cur.waiting) < q->threshold) {
            if (passing)
                fail = range_of(&cur, b);
            passing = false;
            continue;
        }
        best = cur;
        fail = no_range;
        found = passing = true;
        open = false;
    }
    double rate = found ? median_rate(s, &best) : -1;
    if (found)
        pass = range_of(&best, b);
    if (passing && open)
        fail = range_of(&cur, b); /* the last buckets were too few to judge */
    if (detail)
        *detail = (qc_fees_detail){pass, fail, s->decay, s->scale};
    return rate;
}
