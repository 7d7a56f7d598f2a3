#include "core/sync/extra.h"

#include "core/base/alloc.h"

typedef struct entry {
    qc_hash txid, wtxid;
    uint8_t *data; /* owned */
    size_t len;
} entry;

struct qc_extra {
    entry *ring;
    size_t most, first, n, bytes;
};

qc_extra *qc_extra_new(size_t most)
{
    qc_extra *x = qc_alloc(sizeof *x);
    x->ring = qc_try_calloc(most + 1, sizeof *x->ring);
    x->most = x->ring ? most : 0;
    return x;
}

static void drop_oldest(qc_extra *x)
{
    entry *e = &x->ring[x->first];
    x->bytes -= e->len;
    qc_free(e->data);
    *e = (entry){.len = 0};
    x->first = (x->first + 1) % x->most;
    x->n--;
}

void qc_extra_free(qc_extra *x)
{
    if (!x)
        return;
    while (x->n)
        drop_oldest(x);
    qc_free(x->ring);
    qc_free(x);
}

void qc_extra_add(qc_extra *x, const qc_known_tx *tx)
{
    size_t len = tx->bytes.len;
    if (x->most == 0 || len > QC_EXTRA_BYTES)
        return;
    uint8_t *data = qc_try_malloc(len);
    if (!data)
        return;
    memcpy(data, tx->bytes.data, len);
    while (x->n == x->most || x->bytes + len > QC_EXTRA_BYTES)
        drop_oldest(x);
    x->ring[(x->first + x->n) % x->most] = (entry){*tx->txid, *tx->wtxid, data, len};
    x->n++;
    x->bytes += len;
}

size_t qc_extra_count(const qc_extra *x)
{
    return x->n;
}

void qc_extra_each(void *extra, qc_tx_taker *take, void *to)
{
    const qc_extra *x = extra;
    for (size_t k = 0; k < x->n; k++) {
        const entry *e = &x->ring[(x->first + k) % x->most];
        const qc_known_tx tx = {&e->txid, &e->wtxid, qc_span_of(e->data, e->len)};
        if (!take(to, &tx))
            return;
    }
}
