/* Bodies from disk, and the reads that other threads may ask for (Core node/blockstorage.cpp
 * ReadBlock). */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

/* What is wrong with a body that was read, or NULL. */
static const char *fault_of(const qc_chain *c, const qc_block *b, const qc_hash *want)
{
    const qc_hash *hash = qc_block_hash(b);
    if (!qc_pow_ok(c->params, hash, qc_block_header(b)->bits))
        return "Errors in block header";
    if (c->params->signet_challenge.len && !qc_check_signet(c->params, b))
        return "Errors in block solution";
    if (want && !qc_hash_eq(hash, want))
        return "GetHash() doesn't match index";
    return NULL;
}

/* How a body is parsed. A signet's solution is over the ids. */
static qc_wire_fail parse(const qc_chain *c, qc_span raw, bool bare, qc_block **out)
{
    return bare && !c->params->signet_challenge.len ? qc_block_parse_bare(raw, out)
                                                    : qc_block_parse(raw, out);
}

static qc_err read_at(const qc_chain *c, qc_filepos pos, const qc_hash *want, bool bare,
                      qc_block **out, char *detail, size_t cap)
{
    qc_bytes raw = QC_BYTES_INIT;
    qc_err err = qc_blockfiles_read_block(c->files, pos, &raw, detail, cap);
    if (err)
        return err;
    qc_block *b = NULL;
    qc_wire_fail fail = parse(c, qc_bytes_span(&raw), bare, &b);
    qc_bytes_free(&raw);
    if (fail == QC_WIRE_NOMEM)
        return QC_ENOMEM;
    const char *fault = fail ? qc_wire_text(fail) : fault_of(c, b, want);
    if (!fault) {
        *out = b;
        return QC_OK;
    }
    snprintf(detail, cap, "%s at blk%05d.dat:%u while reading block", fault, (int)pos.file,
             pos.pos);
    if (!fail)
        qc_block_unref(b);
    return QC_ECORRUPT;
}

static qc_err read_or_log(const qc_chain *c, qc_filepos pos, const qc_hash *hash, bool bare,
                          qc_block **out)
{
    char detail[256] = "";
    qc_err err = read_at(c, pos, hash, bare, out, detail, sizeof detail);
    if (err)
        qc_log(QC_LOG_ERROR, "validation", "%s: %s", qc_err_text(err),
               *detail ? detail : "while reading a block");
    return err;
}

qc_err qc_read_body_at(const qc_chain *c, qc_filepos pos, const qc_hash *hash, qc_block **out)
{
    return read_or_log(c, pos, hash, false, out);
}

/* Where the body lies. A reader may meet pruning between the two loads: the read then fails. */
static qc_err place_of(const qc_index *i, qc_filepos *pos)
{
    if (!qc_index_has(i, QC_BLOCK_HAVE_DATA))
        return atomic_load(&i->n_tx) ? QC_EPRUNED : QC_ENOENT;
    pos->file = atomic_load(&i->file);
    pos->pos = atomic_load(&i->data_pos);
    return QC_OK;
}

qc_err qc_read_body_quietly(const qc_chain *c, const qc_index *i, qc_block **out)
{
    char detail[256];
    qc_filepos pos;
    qc_err err = place_of(i, &pos);
    if (!err && !(err = read_at(c, pos, &i->hash, false, out, detail, sizeof detail)))
        qc_block_set_height(*out, i->height);
    return err;
}

static qc_err read_body(const qc_chain *c, const qc_index *i, bool bare, qc_block **out)
{
    qc_filepos pos;
    qc_err err = place_of(i, &pos);
    if (!err && !(err = read_or_log(c, pos, &i->hash, bare, out)))
        qc_block_set_height(*out, i->height);
    /* Pruned while we were reading is not corrupt. */
    return err && err != QC_ENOENT && !qc_index_has(i, QC_BLOCK_HAVE_DATA) ? QC_EPRUNED : err;
}

qc_err qc_read_body(const qc_chain *c, const qc_index *i, qc_block **out)
{
    return read_body(c, i, false, out);
}

qc_err qc_chain_read_block(const qc_chain *c, const qc_index *i, qc_block **out)
{
    return qc_read_body(c, i, out);
}

static qc_err read_spent(const qc_chain *c, const qc_index *i, bool bare, qc_block **out)
{
    qc_block *b;
    qc_err err = read_body(c, i, bare, &b);
    if (err)
        return err;
    qc_spent *spent = NULL;
    qc_bytes scripts = QC_BYTES_INIT;
    if (i->height == 0) /* genesis spends nothing and has no undo record */
        err =
            (spent = qc_try_calloc(qc_block_view(b)->in.count, sizeof *spent)) ? QC_OK : QC_ENOMEM;
    else
        err = qc_read_undo(c, b, i, &spent, &scripts);
    if (!err)
        err = qc_block_attach_spent(b, spent);
    qc_free(spent);
    qc_bytes_free(&scripts);
    if (err)
        qc_block_unref(b);
    else
        *out = b;
    return err;
}

qc_err qc_chain_read_block_spent(const qc_chain *c, const qc_index *i, qc_block **out)
{
    return read_spent(c, i, false, out);
}

qc_err qc_chain_read_block_bare(const qc_chain *c, const qc_index *i, qc_block **out)
{
    return read_spent(c, i, true, out);
}

qc_err qc_chain_read_raw(const qc_chain *c, const qc_index *i, qc_bytes *out)
{
    char detail[256] = "";
    qc_filepos pos;
    qc_err err = place_of(i, &pos);
    if (err)
        return err;
    err = qc_blockfiles_read_block(c->files, pos, out, detail, sizeof detail);
    if (err && !qc_index_has(i, QC_BLOCK_HAVE_DATA))
        return QC_EPRUNED;
    if (err)
        qc_log(QC_LOG_ERROR, "validation", "%s: %s", qc_err_text(err), detail);
    return err;
}

qc_err qc_chain_read_at(const qc_chain *c, qc_filepos pos, qc_bytes *out)
{
    char detail[256] = "";
    qc_err err = qc_blockfiles_read_block(c->files, pos, out, detail, sizeof detail);
    if (err && err != QC_EPRUNED)
        qc_log(QC_LOG_ERROR, "validation", "%s: %s", qc_err_text(err), detail);
    return err;
}
