#include "core/sync/invbucket.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#define BURST 30 /* seconds of transactions */
#define LEAST                                                                                      \
    5 /* seconds of transactions that go whenever any may: sorting those that wait is work */
#define SIZE_FIRST INT64_C(12000000) /* bytes; a node that starts often shall not send more */
#define SIZE_MOST INT64_C(50000000)
#define SIZE_LEAST INT64_C(50000) /* as LEAST */
#define SIZE_RATE INT64_C(20000)  /* bytes a second: three times what blocks can take, at least */
#define LONG INT64_C(86400000000) /* microseconds: more is no different */

void qc_inv_bucket_init(qc_inv_bucket *b, uint32_t rate, bool outbound)
{
    QC_ASSERT(rate <= QC_INV_RATE_MAX);
    *b = (qc_inv_bucket){.rate = rate, .speed = outbound ? 5 : 2};
    b->count = b->rate * BURST * QC_INV_TOKEN;
    b->size = SIZE_FIRST * QC_INV_TOKEN;
}

void qc_inv_bucket_clear(qc_inv_bucket *b)
{
    qc_free(b->waiting);
    b->waiting = NULL;
    b->n = b->cap = 0;
}

void qc_inv_bucket_add(qc_inv_bucket *b, const qc_hash *wtxid)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 64;
        qc_hash *more = qc_try_realloc(b->waiting, cap * sizeof *more);
        if (!more)
            return;
        b->waiting = more;
        b->cap = cap;
    }
    b->waiting[b->n++] = *wtxid;
}

void qc_inv_bucket_fill(qc_inv_bucket *b, int64_t now)
{
    if (b->last && now > b->last) {
        int64_t passed = QC_MIN(now - b->last, LONG);
        b->count = QC_MIN(b->count + passed * b->rate * b->speed, b->rate * BURST * QC_INV_TOKEN);
        b->size = QC_MIN(b->size + passed * SIZE_RATE * b->speed, SIZE_MOST * QC_INV_TOKEN);
    }
    b->last = now;
}

bool qc_inv_bucket_ready(const qc_inv_bucket *b)
{
    return b->n > 0 && b->count > 0 && b->size > 0;
}

size_t qc_inv_bucket_most(const qc_inv_bucket *b)
{
    int64_t most = (b->count + b->rate * LEAST * QC_INV_TOKEN) / QC_INV_TOKEN;
    return most > 0 ? (size_t)most : 0;
}

bool qc_inv_bucket_spend(qc_inv_bucket *b, size_t bytes)
{
    b->size -= (int64_t)bytes * QC_INV_TOKEN;
    b->count -= QC_INV_TOKEN;
    return b->size > -SIZE_LEAST * QC_INV_TOKEN && b->count > -b->rate * LEAST * QC_INV_TOKEN;
}
