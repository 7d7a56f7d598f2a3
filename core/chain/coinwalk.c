/* The coins of a block on disk, without the block: no view, no hashes of transactions, nothing that
 * outlives the call. For who looks through many blocks of which few matter: one of those is read
 * anew, and there whatever is wrong with it is judged and logged. */
#include "core/chain/internal.h"

#include "core/btc/wire.h"
#include "core/crypto/sha256.h"
#include "core/store/coding.h"

#define OUTPOINT_LEN 36

typedef struct walker {
    qc_reader block, undo;
    qc_bytes script; /* of the coin that is spent */
    qc_coin_walk_fn *fn;
    void *arg;
    bool enough;
    qc_err err;
} walker;

static bool going(const walker *w)
{
    return !w->enough && !w->err && !w->block.fail;
}

static void walk_in(walker *w, bool coinbase)
{
    qc_coin_code code;
    qc_amount value;
    const char *why;
    const qc_span at = qc_r_span(&w->block, OUTPOINT_LEN);
    (void)qc_r_var(&w->block);
    (void)qc_r_le32(&w->block);
    if (coinbase || w->block.fail)
        return;
    w->script.len = 0;
    w->err = qc_coin_read(&w->undo, true, &code, &value, &w->script, &why);
    if (!w->err)
        w->enough = !w->fn(w->arg, at.data, qc_bytes_span(&w->script));
}

static void walk_outs(walker *w)
{
    const uint64_t n = qc_r_compact(&w->block);
    for (uint64_t i = 0; i < n && going(w); i++) {
        (void)qc_r_le64(&w->block);
        const qc_span script = qc_r_var(&w->block);
        if (!w->block.fail)
            w->enough = !w->fn(w->arg, NULL, script);
    }
}

/* As BIP144 has it; in a block that was connected every transaction has inputs. */
static void walk_tx(walker *w, bool coinbase)
{
    (void)qc_r_le32(&w->block);
    uint64_t n = qc_r_compact(&w->block);
    const bool witness = n == 0;
    if (witness) {
        if (qc_r_u8(&w->block) != 1)
            w->err = QC_ECORRUPT;
        n = qc_r_compact(&w->block);
    }
    if (n == 0 || (!coinbase && (qc_r_compact(&w->undo) != n || w->undo.fail)))
        w->err = QC_ECORRUPT;
    for (uint64_t i = 0; i < n && going(w); i++)
        walk_in(w, coinbase);
    if (going(w))
        walk_outs(w);
    for (uint64_t i = 0; witness && i < n && going(w); i++)
        for (uint64_t k = qc_r_compact(&w->block); k && going(w); k--)
            (void)qc_r_var(&w->block);
    (void)qc_r_le32(&w->block);
}

static void walk_block(walker *w, const qc_hash *want)
{
    qc_hash hash;
    const qc_span head = qc_r_span(&w->block, QC_HEADER_LEN);
    if (head.len)
        qc_sha256d(head, hash.b);
    if (!head.len || !qc_hash_eq(&hash, want)) {
        w->err = QC_ECORRUPT;
        return;
    }
    const uint64_t n = qc_r_compact(&w->block);
    if (n == 0 || qc_r_compact(&w->undo) != n - 1 || w->undo.fail)
        w->err = QC_ECORRUPT;
    for (uint64_t i = 0; i < n && going(w); i++)
        walk_tx(w, i == 0);
    if (w->block.fail || (going(w) && (qc_reader_left(&w->block) || qc_reader_left(&w->undo))))
        w->err = w->err ? w->err : QC_ECORRUPT;
}

qc_err qc_chain_walk_coins(const qc_chain *c, const qc_index *i, qc_coin_walk_fn *fn, void *arg,
                           bool *all)
{
    char detail[256];
    qc_bytes raw = QC_BYTES_INIT, undo = QC_BYTES_INIT;
    const int32_t file = atomic_load(&i->file);
    const qc_filepos body = {file, atomic_load(&i->data_pos)};
    const qc_filepos back = {file, atomic_load(&i->undo_pos)};
    if (!qc_index_has(i, QC_BLOCK_HAVE_DATA) || !qc_index_has(i, QC_BLOCK_HAVE_UNDO) || !i->parent)
        return QC_ENOENT;
    qc_err err = qc_blockfiles_read_block(c->files, body, &raw, detail, sizeof detail);
    if (!err)
        err =
            qc_blockfiles_read_undo(c->files, back, &i->parent->hash, &undo, detail, sizeof detail);
    if (!err) {
        walker w = {.block = qc_reader_of(qc_bytes_span(&raw)),
                    .undo = qc_reader_of(qc_bytes_span(&undo)),
                    .script = QC_BYTES_INIT,
                    .fn = fn,
                    .arg = arg};
        walk_block(&w, &i->hash);
        qc_bytes_free(&w.script);
        err = w.err;
        *all = !w.enough;
    }
    qc_bytes_free(&raw);
    qc_bytes_free(&undo);
    return err;
}
