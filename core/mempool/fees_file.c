/* fee_estimates.dat, in Core's format: numbers little-endian, doubles as IEEE 754 has them, lists
 * with a CompactSize in front. The file may come from anywhere: sizes are bounded by it, and
 * numbers must be such that all sums and quotients of them are harmless. */
#include "core/mempool/fees_internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/btc/wire.h"
#include "core/os/file.h"

#include <errno.h>
#include <math.h>

#define AREA "estimatefee"
#define MAX_NUMBER 1e60 /* of an average; sums of thousands, and products, still fit */

/* The order of horizons in the file. */
static const qc_fees_horizon file_order[QC_FEES_HORIZONS] = {QC_FEES_MEDIUM, QC_FEES_SHORT,
                                                             QC_FEES_LONG};

static qc_err write_double(qc_bytes *b, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return qc_w_le64(b, bits);
}

static qc_err write_list(qc_bytes *b, const double *v, size_t n)
{
    qc_err err = qc_w_compact(b, n);
    for (size_t i = 0; i < n && !err; i++)
        err = write_double(b, v[i]);
    return err;
}

static qc_err write_table(qc_bytes *b, const double *v, size_t rows, size_t n)
{
    qc_err err = qc_w_compact(b, rows);
    for (size_t i = 0; i < rows && !err; i++)
        err = write_list(b, v + i * n, n);
    return err;
}

static qc_err write_stats(qc_bytes *b, const qc_fees_stats *s)
{
    qc_err err = write_double(b, s->decay);
    if (!err)
        err = qc_w_le32(b, s->scale);
    if (!err)
        err = write_list(b, s->rate_sum, s->n);
    if (!err)
        err = write_list(b, s->mined, s->n);
    if (!err)
        err = write_table(b, s->within, s->periods, s->n);
    if (!err)
        err = write_table(b, s->left, s->periods, s->n);
    return err;
}

qc_err qc_fees_write(const qc_fees *f, qc_bytes *out)
{
    /* The history of an earlier run is worth more until this one has half as much. */
    bool own = qc_fees_span(f) > qc_fees_old_span(f) / 2;
    uint32_t head[4] = {QC_FEES_FILE_VERSION, f->best, own ? f->first_recorded : f->old_first,
                        own ? f->best : f->old_best};
    qc_bytes b = QC_BYTES_INIT;
    qc_err err = QC_OK;
    for (size_t i = 0; i < QC_COUNTOF(head) && !err; i++)
        err = qc_w_le32(&b, head[i]);
    if (!err)
        err = write_list(&b, f->buckets.end, f->buckets.n);
    for (size_t i = 0; i < QC_FEES_HORIZONS && !err; i++)
        err = write_stats(&b, &f->stats[file_order[i]]);
    if (err)
        qc_bytes_free(&b);
    else
        *out = b;
    return err;
}

static double read_double(qc_reader *r)
{
    uint64_t bits = qc_r_le64(r);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* A list of n averages. False: it is another one, or holds nonsense. */
static bool read_list(qc_reader *r, double *v, size_t n)
{
    if (qc_r_compact(r) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        v[i] = read_double(r);
        if (!(v[i] >= 0 && v[i] <= MAX_NUMBER))
            return false;
    }
    return r->fail == QC_WIRE_OK;
}

static bool read_table(qc_reader *r, double *v, size_t rows, size_t n)
{
    if (qc_r_compact(r) != rows)
        return false;
    for (size_t i = 0; i < rows; i++)
        if (!read_list(r, v + i * n, n))
            return false;
    return true;
}

static qc_err read_buckets(qc_reader *r, qc_fees_buckets *out, const char **why)
{
    size_t n = qc_r_count(r, 8);
    *why = "the number of buckets is out of range";
    if (n < 2 || n > QC_FEES_MAX_BUCKETS)
        return QC_ECORRUPT;
    double *end = qc_try_calloc(n, sizeof *end);
    if (!end)
        return QC_ENOMEM;
    bool good = true;
    for (size_t i = 0; i < n && good; i++) {
        end[i] = read_double(r);
        good = end[i] > (i ? end[i - 1] : 0);
    }
    *why = "the buckets do not ascend to one that holds all";
    if (!good || end[n - 1] < QC_FEES_LAST_BUCKET || isinf(end[n - 1])) {
        qc_free(end);
        return QC_ECORRUPT;
    }
    *out = (qc_fees_buckets){end, n};
    return QC_OK;
}

/* The number of periods stands behind the lists of all buckets: look ahead for it. */
static uint64_t peek_periods(const qc_reader *r, size_t n)
{
    qc_reader ahead = *r;
    for (int list = 0; list < 2; list++)
        qc_r_span(&ahead, qc_r_count(&ahead, 8) == n ? n * 8 : SIZE_MAX);
    return qc_r_compact(&ahead);
}

static qc_err read_stats(qc_reader *r, size_t n, qc_fees_stats *s, const char **why)
{
    double decay = read_double(r);
    uint32_t scale = qc_r_le32(r);
    *why = "the decay is not between 0 and 1";
    if (!(decay > 0 && decay < 1))
        return QC_ECORRUPT;
    *why = "the number of periods is out of range";
    uint64_t periods = peek_periods(r, n);
    if (scale == 0 || periods == 0 || periods > QC_FEES_MAX_CONFIRMS / scale)
        return QC_ECORRUPT;
    /* Memory for all that the lists say is taken only when it is there. */
    *why = "it ends too early";
    if (qc_reader_left(r) / 8 < 2 * n * (periods + 1))
        return QC_ECORRUPT;
    qc_err err = qc_fees_stats_init(s, n, (uint32_t)periods, scale, decay);
    if (err)
        return err;
    *why = "a list has another length, or a number in it is out of range";
    if (read_list(r, s->rate_sum, n) && read_list(r, s->mined, n) &&
        read_table(r, s->within, s->periods, n) && read_table(r, s->left, s->periods, n))
        return QC_OK;
    qc_fees_stats_clear(s);
    return QC_ECORRUPT;
}

/* A question that a shorter horizon can hear, the longer ones are asked, too. */
static bool horizons_grow(const qc_fees *f)
{
    for (int h = QC_FEES_SHORT + 1; h < QC_FEES_HORIZONS; h++)
        if (qc_fees_stats_max(&f->stats[h - 1]) > qc_fees_stats_max(&f->stats[h]))
            return false;
    return true;
}

/* Everything behind the version. *next holds nothing but what it was given. */
static qc_err read_body(qc_reader *r, qc_fees *next, const char **why)
{
    next->best = qc_r_le32(r);
    next->old_first = qc_r_le32(r);
    next->old_best = qc_r_le32(r);
    *why = "the range of blocks is none";
    if (next->old_first > next->old_best || next->old_best > next->best)
        return QC_ECORRUPT;
    qc_err err = read_buckets(r, &next->buckets, why);
    for (size_t i = 0; i < QC_FEES_HORIZONS && !err; i++)
        err = read_stats(r, next->buckets.n, &next->stats[file_order[i]], why);
    if (err)
        return err;
    *why = "a horizon tracks fewer targets than a shorter one";
    if (!horizons_grow(next))
        return QC_ECORRUPT;
    *why = "something follows its end";
    return r->fail || qc_reader_left(r) ? QC_ECORRUPT : QC_OK;
}

static void swap_history(qc_fees *f, qc_fees *next)
{
    for (int h = 0; h < QC_FEES_HORIZONS; h++) {
        qc_fees_stats_clear(&f->stats[h]);
        f->stats[h] = next->stats[h];
    }
    qc_free(f->buckets.end);
    f->buckets = next->buckets;
    f->best = next->best;
    f->old_first = next->old_first;
    f->old_best = next->old_best;
    f->first_recorded = 0;
}

qc_err qc_fees_read(qc_fees *f, qc_span bytes, const char **why)
{
    qc_reader r = qc_reader_of(bytes);
    qc_fees next = {.best = 0};
    const char *reason = "it is of another version";
    QC_ASSERT(f->watch.n == 0);
    uint32_t version = qc_r_le32(&r);
    qc_err err = r.fail ? QC_ECORRUPT : version == QC_FEES_FILE_VERSION ? QC_OK : QC_EUNSUPPORTED;
    if (!err)
        err = read_body(&r, &next, &reason);
    if (!err) {
        swap_history(f, &next);
        return QC_OK;
    }
    for (int h = 0; h < QC_FEES_HORIZONS; h++)
        qc_fees_stats_clear(&next.stats[h]);
    qc_free(next.buckets.end);
    if (why)
        *why = err == QC_ENOMEM ? qc_err_text(err) : reason;
    return err;
}

/* Is the file so old that its tale may mislead? In whole hours, as Core counts. */
static bool is_stale(const char *path, int64_t now)
{
    const int max = QC_FEES_MAX_FILE_AGE_SECONDS / 3600;
    int64_t changed;
    if (qc_os_mtime(path, &changed) || (now - changed) / 3600 <= max)
        return false;
    qc_log(QC_LOG_WARN, AREA,
           "Fee estimation file %s too old (age=%lld > %d hours) and will not be used to avoid "
           "serving stale estimates.",
           path, (long long)((now - changed) / 3600), max);
    return true;
}

bool qc_fees_load(qc_fees *f, const char *path, int64_t now, bool accept_stale)
{
    qc_bytes b = QC_BYTES_INIT;
    if (!qc_os_exists(path)) {
        qc_log(QC_LOG_INFO, AREA, "%s is not found. Continue anyway.", path);
        return false;
    }
    if (!accept_stale && is_stale(path, now))
        return false;
    const char *why = NULL;
    qc_err err = qc_os_read_regular(path, QC_FEES_MAX_FILE, &b);
    if (!err)
        err = qc_fees_read(f, qc_bytes_span(&b), &why);
    if (err)
        qc_log(QC_LOG_WARN, AREA, "Fee estimates in %s are of no use: %s", path,
               why ? why : qc_err_text(err));
    qc_bytes_free(&b);
    return !err;
}

void qc_fees_save(const qc_fees *f, const char *path)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_err err = qc_fees_write(f, &b);
    if (!err)
        err = qc_os_write_file_atomic(path, qc_bytes_span(&b), 0600);
    if (err)
        qc_log(QC_LOG_WARN, AREA, "Fee estimates could not be written to %s: %s", path,
               qc_err_text(err));
    else
        qc_log(QC_LOG_DEBUG, AREA, "Flushed fee estimates to %s.", path);
    qc_bytes_free(&b);
}
