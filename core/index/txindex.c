/* A transaction's entry is a key alone: five bytes of the salted hash of its id, the number that
 * its block got when it was connected, the offset in the block. Numbers lead to block hashes. Older
 * databases have entries by the whole id, which lead to a place in the block files: these are read,
 * but not made any more. */
#include "core/index/txindex.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/btc/wire.h"
#include "core/index/blocktx.h"

#include <stdlib.h>

#define KEY_MAX 14 /* prefix 1, hash 5, number 5, offset 3 */
#define PREFIX_LEN 6
/* Text keys are written with their length in front. */
#define K_BEST                                                                                     \
    "\x0d"                                                                                         \
    "best_block_v2"
#define K_NEXT                                                                                     \
    "\x0e"                                                                                         \
    "next_block_seq"
#define K_SALT                                                                                     \
    "\x0e"                                                                                         \
    "txid_hash_salt"
#define K_LEGACY_BEST "B"

struct qc_txindex {
    qc_kv *kv;
    qc_chain *chain;
    qc_keeper *keeper;
    qc_siphash_key salt;
    bool legacy; /* entries by the whole id are there */
};

/* ---- keys ---- */

static void prefix_of(const qc_txindex *x, const qc_hash *txid, uint8_t out[static PREFIX_LEN])
{
    uint8_t be[8];
    qc_write_be64(be, qc_siphash_uj(&x->salt, txid));
    out[0] = 'x';
    memcpy(out + 1, be, PREFIX_LEN - 1);
}

static void block_key(const qc_hash *block, uint8_t out[static 33])
{
    out[0] = 'h';
    memcpy(out + 1, block->b, sizeof block->b);
}

static qc_err number_key(uint32_t number, qc_bytes *out)
{
    qc_err err = qc_w_u8(out, 's');
    return err ? err : qc_w_varint(out, number);
}

static qc_err tx_key(const qc_txindex *x, const qc_hash *txid, uint32_t number, uint32_t offset,
                     qc_bytes *out)
{
    uint8_t prefix[PREFIX_LEN];
    uint8_t be[3] = {(uint8_t)(offset >> 16), (uint8_t)(offset >> 8), (uint8_t)offset};
    prefix_of(x, txid, prefix);
    qc_err err = qc_bytes_append(out, prefix, sizeof prefix);
    if (!err)
        err = qc_w_varint(out, number);
    return err ? err : qc_bytes_append(out, be, sizeof be);
}

static bool read_tx_key(qc_span key, uint32_t *number, uint32_t *offset)
{
    qc_reader r = qc_reader_of((qc_span){key.data + PREFIX_LEN, key.len - PREFIX_LEN});
    uint64_t n = qc_r_varint(&r);
    qc_span be = qc_r_span(&r, 3);
    if (r.fail || qc_reader_left(&r) || n > UINT32_MAX)
        return false;
    *number = (uint32_t)n;
    *offset = (uint32_t)be.data[0] << 16 | (uint32_t)be.data[1] << 8 | be.data[2];
    return true;
}

/* ---- what the follower asks for ---- */

static qc_err locator(void *arg, qc_bookmark *out)
{
    qc_txindex *x = arg;
    qc_err err = qc_bookmark_get(x->kv, qc_span_str(K_BEST), out);
    return err || out->n ? err : qc_bookmark_get(x->kv, qc_span_str(K_LEGACY_BEST), out);
}

static qc_err restore(void *arg, const qc_index *at)
{
    (void)arg;
    (void)at;
    return QC_OK;
}

static qc_err next_number(qc_txindex *x, uint32_t *out)
{
    qc_bytes v = QC_BYTES_INIT;
    *out = 0;
    qc_err err = qc_kv_get(x->kv, NULL, qc_span_str(K_NEXT), &v);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    if (v.len == 4)
        *out = qc_read_le32(v.data);
    else
        err = QC_ECORRUPT;
    qc_bytes_free(&v);
    return err;
}

static qc_err put_block(qc_kv_batch *batch, const qc_hash *hash, uint32_t number)
{
    uint8_t by_hash[33], le[4];
    qc_bytes key = QC_BYTES_INIT;
    qc_err err = number_key(number, &key);
    if (err)
        return err;
    block_key(hash, by_hash);
    qc_write_le32(le, number);
    qc_kv_batch_put(batch, qc_span_of(by_hash, sizeof by_hash), qc_span_of(le, sizeof le));
    qc_kv_batch_put(batch, qc_bytes_span(&key), qc_span_of(hash->b, sizeof hash->b));
    qc_write_le32(le, number + 1);
    qc_kv_batch_put(batch, qc_span_str(K_NEXT), qc_span_of(le, sizeof le));
    qc_bytes_free(&key);
    return QC_OK;
}

static qc_err put_txs(const qc_txindex *x, qc_kv_batch *batch, const qc_block *b, uint32_t number)
{
    qc_bytes key = QC_BYTES_INIT;
    qc_err err = QC_OK;
    for (uint32_t i = 0; i < qc_block_n_tx(b) && !err; i++) {
        const qn_tx_rec *rec = qn_view_tx(qc_block_view(b), i);
        qc_hash txid;
        memcpy(txid.b, rec->txid, sizeof txid.b);
        key.len = 0;
        err = tx_key(x, &txid, number, rec->off, &key);
        if (!err)
            qc_kv_batch_put(batch, qc_bytes_span(&key), (qc_span){NULL, 0});
    }
    qc_bytes_free(&key);
    return err;
}

/* The outputs of genesis cannot be spent: it is left out. A block that was connected before keeps
 * its number. */
static qc_err append(void *arg, const qc_index *i, const qc_block *b)
{
    qc_txindex *x = arg;
    uint8_t key[33];
    uint32_t number;
    qc_bytes v = QC_BYTES_INIT;
    if (i->height == 0)
        return QC_OK;
    block_key(&i->hash, key);
    qc_err err = qc_kv_get(x->kv, NULL, qc_span_of(key, sizeof key), &v);
    qc_bytes_free(&v);
    if (err != QC_ENOENT)
        return err;
    if ((err = next_number(x, &number)))
        return err;
    qc_kv_batch *batch = qc_kv_batch_new(x->kv);
    err = put_block(batch, &i->hash, number);
    if (!err)
        err = put_txs(x, batch, b, number);
    if (!err)
        err = qc_kv_write(x->kv, batch, false);
    qc_kv_batch_free(batch);
    return err;
}

static qc_err take_back(void *arg, const qc_index *i, const qc_block *b)
{
    (void)arg;
    (void)i;
    (void)b;
    return QC_OK;
}

static qc_err commit(void *arg, const qc_bookmark *l)
{
    qc_txindex *x = arg;
    qc_kv_batch *b = qc_kv_batch_new(x->kv);
    qc_err err = qc_bookmark_put(b, qc_span_str(K_BEST), l);
    if (!err)
        err = qc_kv_write(x->kv, b, true);
    qc_kv_batch_free(b);
    return err;
}

static const qc_keeper_ops OPS = {.name = "txindex",
                                  .thread_name = "txidx",
                                  .locator = locator,
                                  .restore = restore,
                                  .append = append,
                                  .remove = take_back,
                                  .commit = commit};

/* ---- looking up ---- */

typedef struct candidate {
    const qc_index *at;
    uint32_t number, offset;
    bool active;
} candidate;

typedef struct candidates {
    candidate *item;
    size_t n, cap;
} candidates;

/* Blocks of the active chain first, then those connected last. */
static int by_worth(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->active != y->active)
        return x->active ? -1 : 1;
    return (x->number < y->number) - (x->number > y->number);
}

static const qc_index *block_of(qc_txindex *x, uint32_t number)
{
    qc_bytes key = QC_BYTES_INIT, v = QC_BYTES_INIT;
    qc_hash hash;
    qc_err err = number_key(number, &key);
    if (!err)
        err = qc_kv_get(x->kv, NULL, qc_bytes_span(&key), &v);
    bool ok = !err && v.len == sizeof hash.b;
    if (ok)
        memcpy(hash.b, v.data, sizeof hash.b);
    qc_bytes_free(&v);
    qc_bytes_free(&key);
    return ok ? qc_chain_find(x->chain, &hash) : NULL;
}

static qc_err add_candidate(candidates *c, candidate k)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 4;
        candidate *p = qc_try_realloc(c->item, cap * sizeof *p);
        if (!p)
            return QC_ENOMEM;
        c->item = p;
        c->cap = cap;
    }
    c->item[c->n++] = k;
    return QC_OK;
}

static qc_err gather(qc_txindex *x, const qc_hash *txid, candidates *out)
{
    uint8_t prefix[PREFIX_LEN];
    qc_err err = QC_OK;
    prefix_of(x, txid, prefix);
    qc_kv_iter *it = qc_kv_iter_new(x->kv, NULL);
    for (qc_kv_iter_seek(it, qc_span_of(prefix, sizeof prefix)); qc_kv_iter_valid(it) && !err;
         qc_kv_iter_next(it)) {
        qc_span key = qc_kv_iter_key(it);
        candidate k = {.at = NULL};
        if (key.len < sizeof prefix || memcmp(key.data, prefix, sizeof prefix) != 0)
            break;
        if (read_tx_key(key, &k.number, &k.offset))
            k.at = block_of(x, k.number);
        if (!k.at || !(atomic_load(&k.at->status) & QC_BLOCK_HAVE_DATA))
            continue;
        k.active = qc_chain_contains(x->chain, k.at);
        err = add_candidate(out, k);
    }
    if (!err)
        err = qc_kv_iter_status(it);
    qc_kv_iter_free(it);
    return err;
}

/* Out: a copy of the transaction of `block` at `offset`, if that is its id. */
static qc_err take_tx(qc_span block, uint64_t offset, const qc_hash *txid, qc_bytes *raw)
{
    qc_span tx;
    qc_hash id;
    qc_err err = qc_blocktx_at(block, offset, &tx);
    if (!err)
        err = qc_blocktx_id(tx, &id);
    if (!err && !qc_hash_eq(&id, txid))
        err = QC_ENOENT;
    return err ? err : qc_bytes_append(raw, tx.data, tx.len);
}

static qc_err try_candidate(const qc_txindex *x, const candidate *k, const qc_hash *txid,
                            qc_bytes *raw)
{
    qc_bytes block = QC_BYTES_INIT;
    qc_err err = qc_chain_read_raw(x->chain, k->at, &block);
    if (!err)
        err = take_tx(qc_bytes_span(&block), k->offset, txid, raw);
    qc_bytes_free(&block);
    return err;
}

static qc_err find_legacy(qc_txindex *x, const qc_hash *txid, const qc_index **at, qc_bytes *raw)
{
    uint8_t key[33] = {'t'};
    qc_bytes v = QC_BYTES_INIT, block = QC_BYTES_INIT;
    qc_header h;
    qc_hash hash;
    memcpy(key + 1, txid->b, sizeof txid->b);
    qc_err err = qc_kv_get(x->kv, NULL, qc_span_of(key, sizeof key), &v);
    if (err)
        return err;
    qc_reader r = qc_reader_of(qc_bytes_span(&v));
    uint64_t file = qc_r_varint(&r), pos = qc_r_varint(&r), offset = qc_r_varint(&r);
    if (r.fail || qc_reader_left(&r) || file > INT32_MAX || pos > UINT32_MAX)
        err = QC_ECORRUPT;
    if (!err)
        err = qc_chain_read_at(x->chain, (qc_filepos){(int32_t)file, (uint32_t)pos}, &block);
    if (!err && block.len < QC_HEADER_LEN)
        err = QC_ECORRUPT;
    if (!err) {
        qc_header_read(block.data, &h);
        qc_header_hash(&h, &hash);
        *at = qc_chain_find(x->chain, &hash);
        err = *at ? take_tx(qc_bytes_span(&block), QC_HEADER_LEN + offset, txid, raw) : QC_ENOENT;
    }
    qc_bytes_free(&block);
    qc_bytes_free(&v);
    return err;
}

qc_err qc_txindex_find(qc_txindex *x, const qc_hash *txid, const qc_index **at, qc_bytes *raw)
{
    candidates c = {NULL, 0, 0};
    *raw = (qc_bytes)QC_BYTES_INIT;
    qc_err err = gather(x, txid, &c), found = QC_ENOENT;
    if (c.n > 1)
        qsort(c.item, c.n, sizeof *c.item, by_worth);
    for (size_t i = 0; i < c.n && !err && found; i++) {
        found = try_candidate(x, &c.item[i], txid, raw);
        *at = c.item[i].at;
    }
    qc_free(c.item);
    if (err || !found)
        return err;
    return x->legacy ? find_legacy(x, txid, at, raw) : found == QC_ENOMEM ? found : QC_ENOENT;
}

/* ---- life ---- */

static qc_err find_out_legacy(qc_txindex *x)
{
    qc_kv_iter *it = qc_kv_iter_new(x->kv, NULL);
    qc_kv_iter_seek(it, qc_span_str("t"));
    x->legacy =
        qc_kv_iter_valid(it) && qc_kv_iter_key(it).len == 33 && qc_kv_iter_key(it).data[0] == 't';
    qc_err err = qc_kv_iter_status(it);
    qc_kv_iter_free(it);
    if (x->legacy)
        qc_log(QC_LOG_INFO, "base",
               "txindex contains entries in the legacy format, which uses excessive disk space. To "
               "reclaim disk space, stop the node, delete %s and restart to rebuild the index.",
               qc_kv_path(x->kv));
    return err;
}

qc_err qc_txindex_start(qc_txindex **out, qc_chain *c, const char *dir, size_t cache, bool wipe,
                        char *detail, size_t cap)
{
    qc_txindex *x = qc_alloc(sizeof *x);
    char *path = qc_asprintf("%s/indexes/txindex", dir);
    x->chain = c;
    qc_err err = qc_index_open(&x->kv, path, cache, wipe, detail, cap);
    if (!err)
        err = qc_index_salt(x->kv, qc_span_str(K_SALT), &x->salt);
    if (!err)
        err = find_out_legacy(x);
    if (!err)
        err = qc_keeper_start(&x->keeper, &OPS, x, c, detail, cap);
    qc_free(path);
    if (err) {
        qc_txindex_free(x);
        x = NULL;
    }
    *out = x;
    return err;
}

void qc_txindex_stop(qc_txindex *x)
{
    if (x)
        qc_keeper_stop(x->keeper);
}

void qc_txindex_free(qc_txindex *x)
{
    if (!x)
        return;
    qc_keeper_free(x->keeper);
    qc_kv_close(x->kv);
    qc_free(x);
}

qc_keeper *qc_txindex_keeper(qc_txindex *x)
{
    return x->keeper;
}
