/* Heights and transaction numbers, and the cursor that is committed with the rows.
 *
 * A transaction's number is its place in the chain: numbers run on from block to block, so a number
 * is found by the first number of each height, which is kept in memory (4 bytes a block).
 * The cursor row 'C': format (4), heights (4), next number (4), data_outputs (4), count (4), then
 * the locator's hashes, newest first. It is written in the same batch as the rows it speaks of. */
#include "plugins/indexer/indexer.h"

#include <stdlib.h>

#define FORMAT 1u
#define CURSOR_HEAD 20
#define LOCATOR_MAX 48

static void logf_info(const ix *x, const char *what, uint32_t height)
{
    qn_logf(x->host, x->cap, QN_LOG_INFO, "%s at height %d", what,
            height == IX_NO_HEIGHT ? -1 : (int)height);
}

static bool grow(ix *x)
{
    if (x->n_heights < x->cap_heights)
        return true;
    uint32_t cap = x->cap_heights ? x->cap_heights * 2 : 4096;
    uint32_t *first = realloc(x->first, cap * sizeof *first);
    if (!first)
        return false;
    x->first = first;
    x->cap_heights = cap;
    return true;
}

qn_status ix_catalogue_push(ix *x, const qn_hash *hash, uint32_t n_tx)
{
    if (!grow(x))
        return QN_E_NOMEM;
    x->first[x->n_heights++] = x->next_txnum;
    x->next_txnum += n_tx;
    x->tip = *hash;
    return QN_OK;
}

void ix_catalogue_pop(ix *x, const qn_hash *parent)
{
    x->n_heights--;
    x->next_txnum = x->first[x->n_heights];
    x->tip = *parent;
    x->shrinks++;
}

void ix_catalogue_clear(ix *x)
{
    free(x->first);
    x->first = NULL;
    x->n_heights = x->cap_heights = x->next_txnum = x->done_heights = 0;
}

static qn_status write_cursor(ix *x)
{
    uint8_t value[CURSOR_HEAD + LOCATOR_MAX * 32];
    qn_hash locator[LOCATOR_MAX];
    uint32_t n = 0;
    if (x->n_heights) {
        qn_status st = x->chain.t->locator(x->chain.cap, &x->tip, locator, LOCATOR_MAX, &n);
        if (st != QN_OK)
            return st;
    }
    ix_put_be32(value, FORMAT);
    ix_put_be32(value + 4, x->n_heights);
    ix_put_be32(value + 8, x->next_txnum);
    ix_put_be32(value + 12, x->data_outputs);
    ix_put_be32(value + 16, n);
    memcpy(value + CURSOR_HEAD, locator, (size_t)n * 32);
    qn_batch_put(&x->batch, "C", 1, value, CURSOR_HEAD + n * 32);
    return QN_OK;
}

qn_status ix_commit(void *arg, const qn_block_ref *at)
{
    ix *x = arg;
    (void)at;
    ix_batch_sort(&x->batch);
    qn_status st = write_cursor(x);
    if (st == QN_OK)
        st = qn_batch_write(&x->batch, x->store.t, x->store.cap, QN_STORE_SYNC);
    if (st != QN_OK)
        return st;
    x->done_heights = x->n_heights;
    x->done_tip = x->tip;
    return QN_OK;
}

/* ---- loading ---- */

static qn_status load_heights(ix *x, uint32_t n_heights)
{
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    qn_status st = x->store.t->iter_open(x->store.cap, 0, "B", 1, "C", 1, 0, &iter);
    if (st != QN_OK)
        return st;
    while ((st = x->store.t->iter_next(x->store.cap, iter, &key, &n_key, &value, &n_value)) ==
           QN_OK) {
        if (n_key != IX_BLOCK_ROW_LEN || n_value != IX_BLOCK_VALUE_LEN ||
            ix_be32(key + 1) != x->n_heights || !grow(x)) {
            st = QN_E_CORRUPT;
            break;
        }
        x->first[x->n_heights++] = ix_be32(value + 32);
        memcpy(x->tip.b, value, 32);
    }
    x->store.t->iter_close(x->store.cap, iter);
    if (st != QN_E_END)
        return st;
    return x->n_heights == n_heights ? QN_OK : QN_E_CORRUPT;
}

static qn_status start_afresh(ix *x, const char *why)
{
    qn_logf(x->host, x->cap, QN_LOG_WARN, "%s: the index is built again from the first block", why);
    ix_catalogue_clear(x);
    return x->store.t->wipe(x->store.cap);
}

static qn_status load_cursor(ix *x, const uint8_t *value, uint32_t len,
                             qn_hash locator[static LOCATOR_MAX], uint32_t *n)
{
    if (len < CURSOR_HEAD || ix_be32(value) != FORMAT)
        return start_afresh(x, "the store has an unknown format");
    if (ix_be32(value + 12) != (uint32_t)x->data_outputs)
        return start_afresh(x, "data_outputs was changed");
    *n = ix_be32(value + 16);
    if (*n > LOCATOR_MAX || len != CURSOR_HEAD + *n * 32)
        return QN_E_CORRUPT;
    memcpy(locator, value + CURSOR_HEAD, (size_t)*n * 32);
    qn_status st = load_heights(x, ix_be32(value + 4));
    if (st != QN_OK)
        return st;
    x->next_txnum = ix_be32(value + 8);
    x->done_heights = x->n_heights;
    x->done_tip = x->tip;
    if (*n && memcmp(&locator[0], &x->tip, sizeof x->tip) != 0)
        return QN_E_CORRUPT;
    logf_info(x, "index opened", x->n_heights - 1);
    return QN_OK;
}

qn_status ix_catalogue_load(ix *x, qn_hash locator[static LOCATOR_MAX], uint32_t *n_locator)
{
    uint8_t value[CURSOR_HEAD + LOCATOR_MAX * 32];
    uint32_t len;
    *n_locator = 0;
    ix_catalogue_clear(x);
    qn_status st = x->store.t->get(x->store.cap, 0, "C", 1, value, sizeof value, &len);
    if (st == QN_E_NOTFOUND)
        return QN_OK;
    if (st == QN_OK)
        st = load_cursor(x, value, len, locator, n_locator);
    if (st != QN_E_CORRUPT)
        return st;
    *n_locator = 0;
    return start_afresh(x, "the store's cursor and rows do not agree");
}

/* ---- cutting ---- */

/* A row of a transaction with this number or a later one. */
static bool above(const uint8_t *key, uint32_t n_key, uint32_t txnum)
{
    return n_key == IX_ROW_LEN && (key[0] == 'H' || key[0] == 'T') && ix_row_txnum(key) >= txnum;
}

qn_status ix_catalogue_cut(ix *x, const qn_block_ref *at)
{
    uint32_t height = at->height == IX_NO_HEIGHT ? 0 : at->height + 1;
    if (height >= x->n_heights)
        return QN_E_CORRUPT;
    uint32_t txnum = x->first[height];
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    logf_info(x, "the node does not know the index's tip; rolling back to the fork", at->height);
    qn_status st = x->store.t->iter_open(x->store.cap, 0, "", 0, "", 0, 0, &iter);
    if (st != QN_OK)
        return st;
    /* Rows go first and the cursor last: a crash in between leaves the old cursor, and the same
     * walk is done again. */
    while ((st = x->store.t->iter_next(x->store.cap, iter, &key, &n_key, &value, &n_value)) ==
           QN_OK) {
        if (!above(key, n_key, txnum))
            continue;
        qn_batch_delete(&x->batch, key, n_key);
        if (x->batch.len >= x->batch_limit &&
            (st = qn_batch_write(&x->batch, x->store.t, x->store.cap, 0)) != QN_OK)
            break;
    }
    x->store.t->iter_close(x->store.cap, iter);
    if (st != QN_E_END)
        return st;
    for (uint32_t h = height; h < x->n_heights; h++) {
        uint8_t row[IX_BLOCK_ROW_LEN];
        ix_block_row(h, row);
        qn_batch_delete(&x->batch, row, sizeof row);
    }
    x->n_heights = height;
    x->next_txnum = txnum;
    x->tip = at->hash;
    x->shrinks++;
    return ix_commit(x, at);
}

/* ---- questions ---- */

bool ix_place(const ix *x, uint32_t txnum, uint32_t *height, uint32_t *pos)
{
    uint32_t lo = 0, hi = x->done_heights;
    /* The last height whose first number is not above txnum. */
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (x->first[mid] <= txnum)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return false;
    *height = lo - 1;
    *pos = txnum - x->first[lo - 1];
    return true;
}

qn_status ix_block_hash(const ix *x, uint32_t height, qn_hash *out)
{
    uint8_t key[IX_BLOCK_ROW_LEN], value[IX_BLOCK_VALUE_LEN];
    uint32_t len;
    ix_block_row(height, key);
    qn_status st = x->store.t->get(x->store.cap, 0, key, sizeof key, value, sizeof value, &len);
    if (st == QN_OK && len != sizeof value)
        st = QN_E_CORRUPT;
    if (st == QN_OK)
        memcpy(out->b, value, 32);
    return st;
}
