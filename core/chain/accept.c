/* Taking a body in (Core validation.cpp ProcessNewBlock, AcceptBlock, ReceivedBlockTransactions).
 */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

/* Unrequested bodies are stored only when they may soon matter: this keeps others from filling the
 * disk with work that we did not ask for. True: leave it. */
static bool unwanted(const qc_chain *c, const qc_index *i)
{
    const qc_index *tip = qc_active_tip(&c->active);
    uint32_t height = tip ? tip->height : 0;
    if (atomic_load_explicit(&i->n_tx, memory_order_relaxed) != 0)
        return true; /* was here and has been pruned */
    if (tip && qc_u256_cmp(&i->chain_work, &tip->chain_work) < 0)
        return true;
    if (i->height > height + QC_MIN_BLOCKS_TO_KEEP)
        return true; /* too far ahead: it would keep its file from being pruned */
    return qc_u256_cmp(&i->chain_work, &c->min_work) < 0;
}

static qc_err link_body(qc_chain *c, qc_index *i)
{
    uint64_t below = i->parent ? atomic_load(&i->parent->chain_tx) : 0;
    atomic_store(&i->chain_tx, below + atomic_load(&i->n_tx));
    i->sequence = c->next_sequence++;
    return qc_try_candidate(c, i);
}

qc_err qc_body_arrived(qc_chain *c, qc_index *i, uint32_t n_tx, qc_filepos pos)
{
    atomic_store(&i->n_tx, n_tx);
    atomic_store(&i->data_pos, pos.pos);
    atomic_store(&i->undo_pos, 0);
    atomic_store(&i->file, pos.file);
    uint32_t set = QC_BLOCK_HAVE_DATA;
    if (qc_deployment_active(c->params, QC_DEP_SEGWIT, i->height))
        set |= QC_BLOCK_OPT_WITNESS;
    qc_tree_mark(c->tree, i, set, 0);
    qc_tree_raise(c->tree, i, QC_BLOCK_VALID_TRANSACTIONS);
    if (i->parent && !qc_index_linked(i->parent))
        return qc_unlinked_add(&c->unlinked, i);
    /* This entry and all that waited for it, breadth first. */
    qc_index **queue = NULL;
    size_t n = 0, cap = 0;
    qc_err err = QC_OK;
    for (size_t k = 0; i && !err;) {
        /* An entry that is a candidate already (its body came back after pruning) gets a new
         * sequence: take it out while it still sorts where it lies. */
        qc_candidates_erase(&c->candidates, i);
        err = link_body(c, i);
        for (qc_index *child; !err && (child = qc_unlinked_take_child(&c->unlinked, i));) {
            if (n == cap) {
                cap = cap ? cap * 2 : 16;
                qc_index **v = qc_try_realloc(queue, cap * sizeof(qc_index *));
                if (!v) {
                    err = QC_ENOMEM;
                    break;
                }
                queue = v;
            }
            queue[n++] = child;
        }
        i = k < n ? queue[k++] : NULL;
    }
    qc_free(queue);
    return err;
}

/* A new file or a new 16 MiB piece of one: time to look whether to prune (Core
 * m_check_for_pruning). */
static void note_growth(qc_chain *c, qc_filepos pos, size_t len, uint32_t chunk)
{
    if (c->prune_target && (pos.pos + len) / chunk != (pos.pos < 8 ? 0 : pos.pos - 8) / chunk)
        c->check_for_pruning = true;
    if (c->prune_target && pos.pos <= 8)
        c->check_for_pruning = true;
}

static qc_err store_body(qc_chain *c, const qc_block *b, qc_index *i, const qc_filepos *at)
{
    qc_filepos pos;
    qc_span raw = qc_block_bytes(b);
    uint32_t time = qc_block_header(b)->time;
    qc_err err;
    if (at) {
        pos = *at;
        err = qc_blockfiles_note_block(c->files, raw.len, i->height, time, pos);
    } else {
        err = qc_blockfiles_write_block(c->files, raw, i->height, time, &pos);
        note_growth(c, pos, raw.len, c->fastprune ? 0x4000 : 16u << 20);
    }
    if (err == QC_EFULL)
        return qc_chain_fatal(c, err, "Disk space is too low!");
    if (err)
        return qc_chain_fatal(c, err, "System error while saving block to disk: %s",
                              qc_err_text(err));
    err = qc_body_arrived(c, i, qc_block_n_tx(b), pos);
    if (err)
        return qc_chain_fatal(c, err, "Cannot keep a block: %s", qc_err_text(err));
    return QC_OK;
}

static bool body_rules(qc_chain *c, const qc_block *b, qc_index *i, bool checked, qc_verdict *v)
{
    if ((checked || qc_check_block(c->params, b, true, true, v)) &&
        (!i->parent || qc_check_block_context(c->params, b, i->height, qc_index_mtp(i->parent), v)))
        return true;
    char text[QC_VERDICT_TEXT_LEN];
    qc_block_failed(c, i, v);
    qc_log(QC_LOG_ERROR, "validation", "AcceptBlock: %s", qc_verdict_text(v, text, sizeof text));
    return false;
}

qc_err qc_accept_block(qc_chain *c, qc_block *b, const qc_accept_how *how, bool *is_new,
                       qc_verdict *v)
{
    qc_index *i;
    *is_new = false;
    qc_err err =
        qc_accept_header(c, qc_block_header(b), qc_block_hash(b), how->min_pow_checked, &i, v);
    if (err)
        return qc_chain_fatal(c, err, "Cannot keep a block header: %s", qc_err_text(err));
    if (c->check_index)
        qc_check_index(c);
    if (!qc_verdict_ok(v) || qc_index_has(i, QC_BLOCK_HAVE_DATA))
        return QC_OK;
    if (!how->requested && unwanted(c, i))
        return QC_OK;
    if (!body_rules(c, b, i, how->checked, v))
        return QC_OK;
    if (qc_block_view(b)->height != i->height)
        qc_block_set_height(b, i->height);
    if (i->parent == qc_active_tip(&c->active) && !qc_chain_initial_download(c))
        qc_tell_pow_valid(c, i, b);
    if ((err = store_body(c, b, i, how->at)))
        return err;
    *is_new = true;
    /* Pruning may be due; its failure is told to the operator and is no verdict on this block. */
    qc_err ignored = qc_flush_state(c, QC_FLUSH_NONE, 0, NULL);
    (void)ignored;
    if (c->check_index)
        qc_check_index(c);
    return QC_OK;
}

qc_err qc_chain_process_block(qc_chain *c, qc_block *b, bool force, bool min_pow_checked,
                              bool *is_new, qc_verdict *v)
{
    qc_verdict found = {0};
    (void)qc_check_block(c->params, b, true, true, &found);
    return qc_chain_process_checked(c, b, &found, force, min_pow_checked, is_new, v);
}

qc_err qc_chain_process_checked(qc_chain *c, qc_block *b, const qc_verdict *found, bool force,
                                bool min_pow_checked, bool *is_new, qc_verdict *v)
{
    bool fresh = false;
    qc_err err = QC_OK;
    *v = *found;
    /* A body that fails the context-free rules never marks its hash invalid: it may be a mutation
     * of a valid one (CVE-2012-2459). */
    const qc_accept_how how = {force, min_pow_checked, .checked = true};
    if (qc_verdict_ok(found))
        err = qc_accept_block(c, b, &how, &fresh, v);
    if (is_new)
        *is_new = fresh;
    if (err)
        return err;
    if (!qc_verdict_ok(v)) {
        char text[QC_VERDICT_TEXT_LEN];
        qc_tell_checked(c, qc_block_hash(b), v);
        qc_log(QC_LOG_ERROR, "validation", "ProcessNewBlock: AcceptBlock FAILED (%s)",
               qc_verdict_text(v, text, sizeof text));
        return QC_OK;
    }
    qc_tell_header_tip(c);
    if ((err = qc_activate_with(c, b)))
        qc_log(QC_LOG_ERROR, "validation", "ProcessNewBlock: ActivateBestChain failed (%s)",
               qc_err_text(err));
    return err;
}

qc_err qc_write_genesis(qc_chain *c)
{
    if (qc_tree_find(c->tree, &c->params->genesis_hash))
        return QC_OK;
    qc_block *b;
    if (qc_block_parse(qc_params_genesis(c->params), &b))
        return QC_EBUG;
    qc_index *i;
    qc_err err = qc_header_add(c, qc_block_header(b), qc_block_hash(b), &i);
    if (!err)
        err = store_body(c, b, i, NULL);
    qc_block_unref(b);
    return err;
}
