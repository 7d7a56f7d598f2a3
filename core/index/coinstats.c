/* Entries by height, of the active chain; those of blocks that have left it by hash. The MuHash in
 * its two parts is kept with the position only, so that both are always of the same block. */
#include "core/index/coinstats.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/index/blocktx.h"
#include "core/index/coinstats_set.h"

#define ENTRY_LEN (32 + QC_COINSTATS_LEN) /* by height: the block's hash in front */

struct qc_coinstatsindex {
    qc_kv *kv;
    qc_chain *chain;
    qc_keeper *keeper;
    qc_coinstats at; /* index thread only, as is the next */
    qc_muhash muhash;
};

static void height_key(uint32_t height, uint8_t out[static 5])
{
    out[0] = 't';
    qc_write_be32(out + 1, height);
}

static void hash_key(const qc_hash *block, uint8_t out[static 33])
{
    out[0] = 's';
    memcpy(out + 1, block->b, sizeof block->b);
}

static qc_err get_exactly(qc_coinstatsindex *x, qc_span key, size_t len, uint8_t *out)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(x->kv, NULL, key, &v);
    if (!err && v.len != len)
        err = QC_ECORRUPT;
    if (!err)
        memcpy(out, v.data, len);
    qc_bytes_free(&v);
    return err;
}

qc_err qc_coinstatsindex_get(qc_coinstatsindex *x, const qc_index *i, qc_coinstats *out)
{
    uint8_t by_height[5], by_hash[33], raw[ENTRY_LEN];
    height_key(i->height, by_height);
    qc_err err = get_exactly(x, qc_span_of(by_height, sizeof by_height), ENTRY_LEN, raw);
    if (!err && memcmp(raw, i->hash.b, 32) == 0) {
        qc_coinstats_read(raw + 32, out);
        return QC_OK;
    }
    if (err && err != QC_ENOENT)
        return err;
    hash_key(&i->hash, by_hash);
    err = get_exactly(x, qc_span_of(by_hash, sizeof by_hash), QC_COINSTATS_LEN, raw);
    if (!err)
        qc_coinstats_read(raw, out);
    return err;
}

/* ---- what the follower asks for ---- */

static qc_err locator(void *arg, qc_bookmark *out)
{
    qc_coinstatsindex *x = arg;
    return qc_bookmark_get(x->kv, qc_span_str("B"), out);
}

/* The kept MuHash must be the one of the block's entry. */
static qc_err restore(void *arg, const qc_index *at)
{
    qc_coinstatsindex *x = arg;
    uint8_t raw[QC_MUHASH_LEN];
    qc_hash hash;
    qc_muhash_init(&x->muhash);
    x->at = (qc_coinstats){.txouts = 0};
    if (!at)
        return QC_OK;
    qc_err err = qc_coinstatsindex_get(x, at, &x->at);
    if (!err)
        err = get_exactly(x, qc_span_str("M"), sizeof raw, raw);
    if (err)
        return err == QC_ENOENT ? QC_ECORRUPT : err;
    qc_muhash_read(&x->muhash, raw);
    qc_muhash copy = x->muhash;
    qc_muhash_finalize(&copy, hash.b);
    return qc_hash_eq(&hash, &x->at.muhash) ? QC_OK : QC_ECORRUPT;
}

static qc_err put(qc_coinstatsindex *x, qc_span key, qc_span value)
{
    qc_kv_batch *b = qc_kv_batch_new(x->kv);
    qc_kv_batch_put(b, key, value);
    qc_err err = qc_kv_write(x->kv, b, false);
    qc_kv_batch_free(b);
    return err;
}

static qc_err append(void *arg, const qc_index *i, const qc_block *b)
{
    qc_coinstatsindex *x = arg;
    uint8_t key[5], raw[ENTRY_LEN];
    qc_err err = qc_coinstats_apply(&x->at, &x->muhash, qc_chain_params(x->chain), i, b);
    if (err)
        return err;
    height_key(i->height, key);
    memcpy(raw, i->hash.b, 32);
    qc_coinstats_write(&x->at, raw + 32);
    return put(x, qc_span_of(key, sizeof key), qc_span_of(raw, sizeof raw));
}

/* The entry is kept by hash; the numbers of the parent are read again, its hash is computed back.
 */
static qc_err take_back(void *arg, const qc_index *i, const qc_block *b)
{
    qc_coinstatsindex *x = arg;
    uint8_t key[33], raw[QC_COINSTATS_LEN];
    qc_coinstats parent = {.txouts = 0};
    qc_hash hash;
    qc_coinstats_write(&x->at, raw);
    hash_key(&i->hash, key);
    qc_err err = put(x, qc_span_of(key, sizeof key), qc_span_of(raw, sizeof raw));
    if (!err && i->parent)
        err = qc_coinstatsindex_get(x, i->parent, &parent);
    if (!err)
        err = qc_coinstats_undo_hash(&x->muhash, i, b);
    if (err)
        return err;
    qc_muhash copy = x->muhash;
    qc_muhash_finalize(&copy, hash.b);
    if (i->parent && !qc_hash_eq(&hash, &parent.muhash))
        return QC_ECORRUPT;
    x->at = parent;
    return QC_OK;
}

static qc_err commit(void *arg, const qc_bookmark *l)
{
    qc_coinstatsindex *x = arg;
    uint8_t raw[QC_MUHASH_LEN];
    qc_kv_batch *b = qc_kv_batch_new(x->kv);
    qc_muhash_write(&x->muhash, raw);
    qc_err err = qc_bookmark_put(b, qc_span_str("B"), l);
    if (!err) {
        qc_kv_batch_put(b, qc_span_str("M"), qc_span_of(raw, sizeof raw));
        err = qc_kv_write(x->kv, b, true);
    }
    qc_kv_batch_free(b);
    return err;
}

static const qc_keeper_ops OPS = {.name = "coinstatsindex",
                                  .thread_name = "coinstatsidx",
                                  .append_spent = true,
                                  .remove_block = true,
                                  .locator = locator,
                                  .restore = restore,
                                  .append = append,
                                  .remove = take_back,
                                  .commit = commit};

/* ---- life ---- */

qc_err qc_coinstatsindex_start(qc_coinstatsindex **out, qc_chain *c, const char *dir, size_t cache,
                               bool wipe, char *detail, size_t cap)
{
    qc_coinstatsindex *x = qc_alloc(sizeof *x);
    char *path = qc_asprintf("%s/indexes/coinstatsindex/db", dir);
    x->chain = c;
    qc_err err = qc_index_open(&x->kv, path, cache, wipe, detail, cap);
    if (!err)
        err = qc_keeper_start(&x->keeper, &OPS, x, c, detail, cap);
    if (err == QC_ECORRUPT)
        qc_log(QC_LOG_ERROR, "base",
               "Cannot read current coinstatsindex state; index may be "
               "corrupted");
    qc_free(path);
    if (err) {
        qc_coinstatsindex_free(x);
        x = NULL;
    }
    *out = x;
    return err;
}

void qc_coinstatsindex_stop(qc_coinstatsindex *x)
{
    if (x)
        qc_keeper_stop(x->keeper);
}

void qc_coinstatsindex_free(qc_coinstatsindex *x)
{
    if (!x)
        return;
    qc_keeper_free(x->keeper);
    qc_kv_close(x->kv);
    qc_free(x);
}

qc_keeper *qc_coinstatsindex_keeper(qc_coinstatsindex *x)
{
    return x->keeper;
}
