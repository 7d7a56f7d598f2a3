/* An entry is a key alone: the salted hash of the coin's outpoint, and where the transaction that
 * spends it lies: block file, place of the block, offset behind its header. */
#include "core/index/spenders.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/btc/wire.h"
#include "core/index/blocktx.h"

#define PREFIX_LEN 9 /* 's' and the hash */

struct qc_spenders {
    qc_kv *kv;
    qc_chain *chain;
    qc_keeper *keeper;
    qc_siphash_key salt;
    qc_hash committed; /* block that the locator on disk names; zeros: none. Index thread */
};

typedef struct place {
    qc_filepos block;
    uint32_t offset; /* behind the header */
} place;

/* The key of the salt ends in a NUL. */
static qc_span salt_key(void)
{
    return qc_span_of("siphash_key", sizeof "siphash_key");
}

static void prefix_of(const qc_spenders *x, const qc_outpoint *o, uint8_t out[static PREFIX_LEN])
{
    out[0] = 's';
    qc_write_le64(out + 1, qc_siphash_hash_u32(&x->salt, &o->txid, o->n));
}

static qc_err make_key(const qc_spenders *x, const qc_outpoint *o, place p, qc_bytes *out)
{
    uint8_t prefix[PREFIX_LEN];
    prefix_of(x, o, prefix);
    out->len = 0;
    qc_err err = qc_bytes_append(out, prefix, sizeof prefix);
    if (!err)
        err = qc_w_varint(out, (uint64_t)p.block.file);
    if (!err)
        err = qc_w_varint(out, p.block.pos);
    return err ? err : qc_w_varint(out, p.offset);
}

static bool read_key(qc_span key, place *out)
{
    qc_reader r = qc_reader_of((qc_span){key.data + PREFIX_LEN, key.len - PREFIX_LEN});
    uint64_t file = qc_r_varint(&r), pos = qc_r_varint(&r), offset = qc_r_varint(&r);
    if (r.fail || qc_reader_left(&r) || file > INT32_MAX || pos > UINT32_MAX || offset > UINT32_MAX)
        return false;
    *out = (place){{(int32_t)file, (uint32_t)pos}, (uint32_t)offset};
    return true;
}

/* ---- what the follower asks for ---- */

static qc_err locator(void *arg, qc_bookmark *out)
{
    qc_spenders *x = arg;
    return qc_bookmark_get(x->kv, qc_span_str("B"), out);
}

static qc_err restore(void *arg, const qc_index *at)
{
    qc_spenders *x = arg;
    if (at)
        x->committed = at->hash;
    return QC_OK;
}

/* Put, or delete, an entry for each coin that the transactions of a block spend. */
static qc_err each_input(const qc_spenders *x, const qc_index *i, const qc_block *b,
                         qc_kv_batch *batch, bool remove)
{
    qc_bytes key = QC_BYTES_INIT;
    qc_err err = QC_OK;
    place p = {{atomic_load(&i->file), atomic_load(&i->data_pos)}, 0};
    for (uint32_t t = 1; t < qc_block_n_tx(b) && !err; t++) {
        qc_tx tx = qc_block_tx(b, t);
        p.offset = tx.rec->off - QC_HEADER_LEN;
        for (uint32_t k = 0; k < tx.rec->n_in && !err; k++) {
            qc_outpoint o = qc_tx_prevout(&tx, k);
            err = make_key(x, &o, p, &key);
            if (!err && remove)
                qc_kv_batch_delete(batch, qc_bytes_span(&key));
            else if (!err)
                qc_kv_batch_put(batch, qc_bytes_span(&key), (qc_span){NULL, 0});
        }
    }
    qc_bytes_free(&key);
    return err;
}

static qc_err append(void *arg, const qc_index *i, const qc_block *b)
{
    qc_spenders *x = arg;
    qc_kv_batch *batch = qc_kv_batch_new(x->kv);
    qc_err err = each_input(x, i, b, batch, false);
    if (!err)
        err = qc_kv_write(x->kv, batch, false);
    qc_kv_batch_free(batch);
    return err;
}

/* The locator must not name a block whose entries are gone: when it is that block's turn, both go
 * back together. The parent of a durable block is durable. */
static qc_err take_back(void *arg, const qc_index *i, const qc_block *b)
{
    qc_spenders *x = arg;
    qc_bookmark l;
    bool named = i->parent && qc_hash_eq(&i->hash, &x->committed);
    qc_kv_batch *batch = qc_kv_batch_new(x->kv);
    qc_err err = each_input(x, i, b, batch, true);
    if (!err && named) {
        qc_bookmark_make(i->parent, &l);
        err = qc_bookmark_put(batch, qc_span_str("B"), &l);
    }
    if (!err)
        err = qc_kv_write(x->kv, batch, false);
    if (!err && named)
        x->committed = i->parent->hash;
    qc_kv_batch_free(batch);
    return err;
}

static qc_err commit(void *arg, const qc_bookmark *l)
{
    qc_spenders *x = arg;
    qc_kv_batch *b = qc_kv_batch_new(x->kv);
    qc_err err = qc_bookmark_put(b, qc_span_str("B"), l);
    if (!err)
        err = qc_kv_write(x->kv, b, true);
    if (!err)
        x->committed = l->hash[0];
    qc_kv_batch_free(b);
    return err;
}

static const qc_keeper_ops OPS = {.name = "txospenderindex",
                                  .thread_name = "txospenderidx",
                                  .remove_block = true,
                                  .locator = locator,
                                  .restore = restore,
                                  .append = append,
                                  .remove = take_back,
                                  .commit = commit};

/* ---- looking up ---- */

/* Does the transaction there spend the coin? QC_ENOENT: no, the hashes are equal by chance. */
static qc_err try_place(const qc_spenders *x, place p, const qc_outpoint *o, qc_bytes *raw,
                        qc_hash *block)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_span tx;
    qc_header h;
    qc_err err = qc_chain_read_at(x->chain, p.block, &b);
    if (!err && b.len < QC_HEADER_LEN)
        err = QC_ECORRUPT;
    if (!err)
        err = qc_blocktx_at(qc_bytes_span(&b), (uint64_t)QC_HEADER_LEN + p.offset, &tx);
    if (!err && !qc_blocktx_spends(tx, o))
        err = QC_ENOENT;
    if (!err) {
        qc_header_read(b.data, &h);
        qc_header_hash(&h, block);
        err = qc_bytes_append(raw, tx.data, tx.len);
    }
    qc_bytes_free(&b);
    return err;
}

/* Is the block on the active chain? */
static bool is_active(const qc_spenders *x, const qc_hash *block)
{
    const qc_index *i = qc_chain_find(x->chain, block);
    return i && qc_chain_contains(x->chain, i);
}

/* Keep the spender found at one more place, unless the one kept lies on the active chain: a crash
 * may have left the keys of a branch that the chain has left. */
static void prefer(const qc_spenders *x, qc_bytes *kept, qc_hash *block, qc_bytes *raw,
                   const qc_hash *at)
{
    if (kept->len && is_active(x, block)) {
        qc_bytes_free(raw);
        return;
    }
    qc_bytes_free(kept);
    *kept = *raw;
    *block = *at;
    *raw = (qc_bytes)QC_BYTES_INIT;
}

/* A key that a crash has left behind leads to anywhere in a block file, so what fails there is told
 * only when no other key leads to the spender. */
qc_err qc_spenders_find(qc_spenders *x, const qc_outpoint *o, qc_bytes *raw, qc_hash *block)
{
    uint8_t prefix[PREFIX_LEN];
    qc_err err = QC_OK, failed = QC_OK;
    *raw = (qc_bytes)QC_BYTES_INIT;
    prefix_of(x, o, prefix);
    qc_kv_iter *it = qc_kv_iter_new(x->kv, NULL);
    for (qc_kv_iter_seek(it, qc_span_of(prefix, sizeof prefix));
         qc_kv_iter_valid(it) && err != QC_ENOMEM; qc_kv_iter_next(it)) {
        qc_span key = qc_kv_iter_key(it);
        qc_bytes tx = QC_BYTES_INIT;
        qc_hash at;
        place p;
        if (key.len < sizeof prefix || memcmp(key.data, prefix, sizeof prefix) != 0)
            break;
        err = read_key(key, &p) ? try_place(x, p, o, &tx, &at) : QC_ECORRUPT;
        if (!err)
            prefer(x, raw, block, &tx, &at);
        else if (err != QC_ENOENT && !failed)
            failed = err;
        qc_bytes_free(&tx);
    }
    qc_err walk = qc_kv_iter_status(it);
    qc_kv_iter_free(it);
    if (err == QC_ENOMEM) {
        qc_bytes_free(raw);
        return err;
    }
    return raw->len ? QC_OK : walk ? walk : failed ? failed : QC_ENOENT;
}

/* ---- life ---- */

qc_err qc_spenders_start(qc_spenders **out, qc_chain *c, const char *dir, size_t cache, bool wipe,
                         char *detail, size_t cap)
{
    qc_spenders *x = qc_alloc(sizeof *x);
    char *path = qc_asprintf("%s/indexes/txospenderindex/db", dir);
    x->chain = c;
    qc_err err = qc_index_open(&x->kv, path, cache, wipe, detail, cap);
    if (!err)
        err = qc_index_salt(x->kv, salt_key(), &x->salt);
    if (!err)
        err = qc_keeper_start(&x->keeper, &OPS, x, c, detail, cap);
    qc_free(path);
    if (err) {
        qc_spenders_free(x);
        x = NULL;
    }
    *out = x;
    return err;
}

void qc_spenders_stop(qc_spenders *x)
{
    if (x)
        qc_keeper_stop(x->keeper);
}

void qc_spenders_free(qc_spenders *x)
{
    if (!x)
        return;
    qc_keeper_free(x->keeper);
    qc_kv_close(x->kv);
    qc_free(x);
}

qc_keeper *qc_spenders_keeper(qc_spenders *x)
{
    return x->keeper;
}
