/* Headers: adding them to the tree, their rules in context (Core validation.cpp AcceptBlockHeader,
 * node/blockstorage.cpp AddToBlockIndex). */
#include "core/chain/internal.h"

#include "core/base/clock.h"
#include "core/base/log.h"

/* Rules ask for ancestors mostly one after the other, downwards: remember where we are. */
struct walk {
    const qc_index *top, *at;
};

static void walk_get(void *arg, uint32_t height, uint32_t *time, uint32_t *bits, int32_t *version)
{
    struct walk *w = arg;
    if (height > w->at->height)
        w->at = w->top;
    w->at = qc_index_ancestor(w->at, height);
    QC_ASSERT(w->at);
    *time = w->at->header.time;
    *bits = w->at->header.bits;
    *version = w->at->header.version;
}

bool qc_header_in_context(const qc_chain *c, const qc_header *h, const qc_index *parent,
                          qc_verdict *v)
{
    struct walk w = {parent, parent};
    const qc_ancestors a = {&w, walk_get};
    return qc_check_header_context(c->params, h, parent->height + 1, &a, qc_clock_now(), v);
}

uint32_t qc_chain_next_bits(const qc_chain *c, const qc_index *parent, uint32_t time)
{
    struct walk w = {parent, parent};
    const qc_ancestors a = {&w, walk_get};
    return qc_next_bits(c->params, &a, parent->height + 1, time);
}

qc_err qc_header_add(qc_chain *c, const qc_header *h, const qc_hash *hash, qc_index **out)
{
    qc_index *i;
    qc_err err = qc_tree_add(c->tree, hash, h, &i);
    if (err)
        return err;
    qc_tree_link(i, qc_tree_find(c->tree, &h->prev));
    qc_tree_raise(c->tree, i, QC_BLOCK_VALID_TREE);
    if ((err = qc_tree_publish(c->tree, i)))
        return err;
    if (!c->best_header || qc_u256_cmp(&c->best_header->chain_work, &i->chain_work) < 0)
        c->best_header = i;
    *out = i;
    return QC_OK;
}

static bool rules(qc_chain *c, const qc_header *h, const qc_hash *hash, qc_verdict *v)
{
    char hex[QC_HASH_HEX_LEN + 1], prev[QC_HASH_HEX_LEN + 1], text[QC_VERDICT_TEXT_LEN];
    qc_hash_hex(hash, hex);
    if (!qc_check_header(c->params, h, hash, v)) {
        qc_log(QC_LOG_DEBUG, "validation", "AcceptBlockHeader: Consensus::CheckBlockHeader: %s, %s",
               hex, qc_verdict_text(v, text, sizeof text));
        return false;
    }
    const qc_index *parent = qc_tree_find(c->tree, &h->prev);
    qc_hash_hex(&h->prev, prev);
    if (!parent) {
        qc_log(QC_LOG_DEBUG, "validation", "header %s has prev block not found: %s", hex, prev);
        return qc_verdict_fail(v, QC_V_MISSING_PREV, "prev-blk-not-found", NULL);
    }
    if (qc_index_failed(parent)) {
        qc_log(QC_LOG_DEBUG, "validation", "header %s has prev block invalid: %s", hex, prev);
        return qc_verdict_fail(v, QC_V_INVALID_PREV, "bad-prevblk", NULL);
    }
    if (!qc_header_in_context(c, h, parent, v)) {
        qc_log(QC_LOG_DEBUG, "validation",
               "AcceptBlockHeader: Consensus::ContextualCheckBlockHeader: %s, %s", hex,
               qc_verdict_text(v, text, sizeof text));
        return false;
    }
    return true;
}

qc_err qc_accept_header(qc_chain *c, const qc_header *h, const qc_hash *hash, bool min_pow_checked,
                        qc_index **out, qc_verdict *v)
{
    char hex[QC_HASH_HEX_LEN + 1];
    *v = (qc_verdict){0};
    *out = qc_tree_find(c->tree, hash);
    qc_hash_hex(hash, hex);
    if (*out && qc_index_failed(*out)) {
        qc_log(QC_LOG_DEBUG, "validation", "AcceptBlockHeader: block %s is marked invalid", hex);
        qc_verdict_fail(v, QC_V_CACHED_INVALID, "duplicate-invalid",
                        "block %s was previously marked invalid", hex);
        return QC_OK;
    }
    if (*out)
        return QC_OK;
    if (!qc_hash_eq(hash, &c->params->genesis_hash) && !rules(c, h, hash, v))
        return QC_OK;
    if (!min_pow_checked) {
        qc_log(QC_LOG_DEBUG, "validation",
               "AcceptBlockHeader: not adding new block header %s, missing anti-dos proof-of-work "
               "validation",
               hex);
        qc_verdict_fail(v, QC_V_LOW_WORK, "too-little-chainwork", NULL);
        return QC_OK;
    }
    return qc_header_add(c, h, hash, out);
}

bool qc_chain_accept_header(qc_chain *c, const qc_header *h, bool min_pow_checked,
                            const qc_index **out, qc_verdict *v)
{
    qc_hash hash;
    qc_index *i = NULL;
    qc_header_hash(h, &hash);
    qc_err err = qc_accept_header(c, h, &hash, min_pow_checked, &i, v);
    if (err) {
        (void)qc_chain_fatal(c, err, "Cannot keep a block header: %s", qc_err_text(err));
        return qc_verdict_fail(v, QC_V_LOW_WORK, "error", "%s", qc_err_text(err));
    }
    if (c->check_index)
        qc_check_index(c);
    if (out)
        *out = i;
    return qc_verdict_ok(v);
}

void qc_chain_headers_done(qc_chain *c, const qc_index *last)
{
    bool news = c->best_header != c->header_told;
    qc_tell_header_tip(c);
    if (!news || !last || !qc_chain_initial_download(c))
        return;
    /* Two decimals of a percentage, in integers. */
    int64_t left = (qc_clock_now() - (int64_t)last->header.time) / c->params->pow_spacing;
    left = left < 0 ? 0 : left;
    int64_t share = 10000 * (int64_t)last->height / QC_MAX((int64_t)last->height + left, 1);
    qc_log(QC_LOG_INFO, "validation", "Synchronizing blockheaders, height: %u (~%d.%02d%%)",
           last->height, (int)(share / 100), (int)(share % 100));
}
