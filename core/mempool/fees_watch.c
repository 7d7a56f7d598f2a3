#include "core/mempool/fees_watch.h"

#include "core/base/alloc.h"

#define MIN_CAP 64u

void qc_fees_watch_clear(qc_fees_watch *w)
{
    qc_free(w->slot);
    qc_free(w->used);
    w->slot = NULL;
    w->used = NULL;
    w->n = w->cap = 0;
}

static size_t home_of(const qc_fees_watch *w, const qc_hash *txid)
{
    return (size_t)qc_siphash_hash(&w->key, txid) & (w->cap - 1);
}

/* Where it is, or the free slot where it belongs. There is one: the table is never full. */
static size_t find(const qc_fees_watch *w, const qc_hash *txid)
{
    size_t i = home_of(w, txid);
    while (w->used[i] && !qc_hash_eq(&w->slot[i].txid, txid))
        i = (i + 1) & (w->cap - 1);
    return i;
}

static void put(qc_fees_watch *w, const qc_fees_watched_tx *tx)
{
    size_t i = find(w, &tx->txid);
    w->slot[i] = *tx;
    w->used[i] = true;
    w->n++;
}

static bool resize(qc_fees_watch *w, size_t cap)
{
    qc_fees_watch next = {.key = w->key, .cap = cap};
    next.slot = qc_try_calloc(cap, sizeof *next.slot);
    next.used = qc_try_calloc(cap, sizeof *next.used);
    if (!next.slot || !next.used) {
        qc_fees_watch_clear(&next);
        return false;
    }
    for (size_t i = 0; i < w->cap; i++)
        if (w->used[i])
            put(&next, &w->slot[i]);
    qc_fees_watch_clear(w);
    *w = next;
    return true;
}

bool qc_fees_watch_add(qc_fees_watch *w, const qc_fees_watched_tx *tx)
{
    if (w->cap && w->used[find(w, &tx->txid)])
        return false;
    if (w->n >= w->cap / 2 && !resize(w, w->cap ? w->cap * 2 : MIN_CAP))
        return false;
    put(w, tx);
    return true;
}

/* What stands behind the gap and does not belong there moves into it, so that nobody's way from
 * its home to its slot is cut. */
static void close_gap(qc_fees_watch *w, size_t gap)
{
    size_t mask = w->cap - 1;
    for (size_t i = (gap + 1) & mask; w->used[i]; i = (i + 1) & mask) {
        size_t home = home_of(w, &w->slot[i].txid);
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        w->slot[gap] = w->slot[i];
        gap = i;
    }
    w->used[gap] = false;
}

bool qc_fees_watch_take(qc_fees_watch *w, const qc_hash *txid, qc_fees_watched_tx *tx)
{
    if (!w->cap)
        return false;
    size_t i = find(w, txid);
    if (!w->used[i])
        return false;
    *tx = w->slot[i];
    close_gap(w, i);
    w->n--;
    return true;
}
