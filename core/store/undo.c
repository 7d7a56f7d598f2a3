/* Undo data of a block: the coins its transactions spent, in order (Core undo.h CBlockUndo). */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/store/blockfiles.h"
#include "core/store/coding.h"

static qc_err encode_tx(qc_tx tx, const qc_spent *spent, qc_bytes *out)
{
    qc_err err = qc_w_compact(out, tx.rec->n_in);
    for (uint32_t i = 0; i < tx.rec->n_in && !err; i++) {
        const qc_spent *s = &spent[i];
        qc_coin_code code = {s->height, s->coinbase};
        err = qc_coin_write(out, code, true, s->value, s->script);
    }
    return err;
}

qc_err qc_undo_encode(const qc_block *b, const qc_spent *spent, qc_bytes *out)
{
    uint32_t n_tx = qc_block_n_tx(b);
    QC_ASSERT(n_tx > 0);
    qc_bytes u = QC_BYTES_INIT;
    qc_err err = qc_w_compact(&u, n_tx - 1);
    for (uint32_t t = 1; t < n_tx && !err; t++) {
        qc_tx tx = qc_block_tx(b, t);
        err = encode_tx(tx, spent + tx.rec->in0, &u);
    }
    if (err)
        qc_bytes_free(&u);
    else
        *out = u;
    return err;
}

typedef struct decoder {
    qc_reader r;
    qc_spent *spent;
    qc_bytes scripts;
} decoder;

static qc_err wrong(const decoder *d, const char *why)
{
    qc_log(QC_LOG_ERROR, "blockstorage", "undo data of %zu bytes, byte %zu: %s",
           (size_t)(d->r.end - d->r.start), (size_t)(d->r.p - d->r.start), why);
    return QC_ECORRUPT;
}

/* A count that must be the block's. */
static qc_err expect_count(decoder *d, uint64_t wanted, const char *of)
{
    uint64_t found = qc_r_compact(&d->r);
    if (d->r.fail)
        return wrong(d, "a count is missing");
    if (found == wanted)
        return QC_OK;
    qc_log(QC_LOG_ERROR, "blockstorage", "undo data: %llu %s found, %llu wanted",
           (unsigned long long)found, of, (unsigned long long)wanted);
    return QC_ECORRUPT;
}

static qc_err decode_coin(decoder *d, qc_spent *s)
{
    qc_coin_code code;
    const char *why = NULL;
    size_t before = d->scripts.len;
    qc_err err = qc_coin_read(&d->r, true, &code, &s->value, &d->scripts, &why);
    if (err)
        return err == QC_ECORRUPT ? wrong(d, why) : err;
    s->height = code.height;
    s->coinbase = code.coinbase;
    s->script.len = d->scripts.len - before; /* data: when all scripts have come to rest */
    return QC_OK;
}

static qc_err decode_all(decoder *d, const qc_block *b)
{
    uint32_t n_tx = qc_block_n_tx(b);
    qc_err err = expect_count(d, n_tx - 1, "transactions");
    for (uint32_t t = 1; t < n_tx && !err; t++) {
        qc_tx tx = qc_block_tx(b, t);
        err = expect_count(d, tx.rec->n_in, "inputs of a transaction");
        for (uint32_t i = 0; i < tx.rec->n_in && !err; i++)
            err = decode_coin(d, &d->spent[tx.rec->in0 + i]);
    }
    return !err && qc_reader_left(&d->r) ? wrong(d, "bytes left over") : err;
}

qc_err qc_undo_decode(const qc_block *b, qc_span undo, qc_spent **spent, qc_bytes *scripts)
{
    if (qc_block_n_tx(b) == 0) /* no block of a chain: stored bytes that happen to parse */
        return QC_ECORRUPT;
    uint32_t n_in = qc_block_view(b)->in.count;
    decoder d = {.r = qc_reader_of(undo), .spent = qc_try_calloc(n_in, sizeof *d.spent)};
    qc_err err = d.spent ? decode_all(&d, b) : QC_ENOMEM;
    if (err) {
        qc_free(d.spent);
        qc_bytes_free(&d.scripts);
        return err;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < n_in; i++) {
        d.spent[i].script.data = d.scripts.data ? d.scripts.data + at : NULL;
        at += d.spent[i].script.len;
    }
    *spent = d.spent;
    *scripts = d.scripts;
    return QC_OK;
}
