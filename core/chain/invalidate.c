/* The operator's say in the choice of a chain (Core validation.cpp InvalidateBlock,
 * ResetBlockFailureFlags, PreciousBlock). */
#include "core/chain/internal.h"

#include "core/base/alloc.h"

#include <stdlib.h>

/* Entries off the active chain that could be the tip, or the best header, once the blocks above
 * `low` are gone: looked up once, not at every disconnect. */
struct rivals {
    qc_index **v; /* by work, least first; NULL: found to be invalid too */
    size_t n;
};

static int by_work(const void *a, const void *b)
{
    const qc_index *x = *(qc_index *const *)a, *y = *(qc_index *const *)b;
    int w = qc_u256_cmp(&x->chain_work, &y->chain_work);
    return w ? w : x->order < y->order ? -1 : x->order > y->order;
}

static bool is_rival(const qc_chain *c, const qc_index *i, const qc_index *low)
{
    return !qc_active_has(&c->active, i) && !qc_index_worse(i, low) && !qc_index_failed(i);
}

static qc_err find_rivals(const qc_chain *c, const qc_index *low, struct rivals *r)
{
    size_t n = 0;
    for (size_t k = 0; k < qc_tree_count(c->tree); k++)
        n += is_rival(c, qc_tree_at(c->tree, k), low);
    r->n = 0;
    r->v = qc_try_calloc(n, sizeof(qc_index *));
    if (!r->v)
        return QC_ENOMEM;
    for (size_t k = 0; k < qc_tree_count(c->tree); k++)
        if (is_rival(c, qc_tree_at(c->tree, k), low))
            r->v[r->n++] = qc_tree_at(c->tree, k);
    qsort(r->v, r->n, sizeof *r->v, by_work);
    return QC_OK;
}

/* `gone` has just left the chain: mark what hangs on it, and let the others stand as candidates. */
static qc_err weigh_rivals(qc_chain *c, struct rivals *r, const qc_index *gone, bool header_lost)
{
    const qc_index *tip = qc_active_tip(&c->active);
    for (size_t k = 0; k < r->n; k++) {
        qc_index *i = r->v[k];
        if (!i || qc_u256_cmp(&i->chain_work, &tip->chain_work) < 0)
            continue;
        if (qc_index_ancestor(i, gone->height) == gone) {
            qc_tree_mark(c->tree, i, QC_BLOCK_FAILED_VALID, 0);
            r->v[k] = NULL;
            continue;
        }
        if (!qc_index_worse(i, tip) && qc_index_valid(i, QC_BLOCK_VALID_TRANSACTIONS) &&
            qc_index_linked(i)) {
            qc_err err = qc_candidates_insert(&c->candidates, i);
            if (err)
                return err;
        }
        if (header_lost && qc_u256_cmp(&c->best_header->chain_work, &i->chain_work) < 0)
            c->best_header = i;
    }
    return QC_OK;
}

/* Disconnect the tip and mark it; it was valid only as long as nobody said otherwise. */
static qc_err drop_tip(qc_chain *c, struct rivals *r)
{
    qc_index *gone = qc_active_tip(&c->active);
    qc_err err = qc_disconnect_tip(c);
    if (err)
        return err;
    qc_tree_mark(c->tree, gone, QC_BLOCK_FAILED_VALID, 0);
    qc_candidates_erase(&c->candidates, gone);
    if ((err = qc_candidates_insert(&c->candidates, gone->parent)))
        return err;
    bool header_lost = qc_index_ancestor(c->best_header, gone->height) == gone;
    if (header_lost)
        c->best_header = gone->parent;
    return weigh_rivals(c, r, gone, header_lost);
}

static qc_err add_missing_candidates(qc_chain *c)
{
    const qc_index *tip = qc_active_tip(&c->active);
    qc_err err = QC_OK;
    for (size_t k = 0; k < qc_tree_count(c->tree) && !err; k++) {
        qc_index *i = qc_tree_at(c->tree, k);
        if (qc_index_valid(i, QC_BLOCK_VALID_TRANSACTIONS) && qc_index_linked(i) &&
            !qc_index_worse(i, tip))
            err = qc_candidates_insert(&c->candidates, i);
    }
    return err;
}

/* Blocks whose transactions may come back (Core InvalidateBlock). */
#define GIVE_BACK_BLOCKS 10u

static qc_err leave(qc_chain *c, qc_index *bad, qc_index **last)
{
    struct rivals r;
    unsigned gone = 0;
    qc_err err = find_rivals(c, bad->parent, &r);
    while (!err && qc_active_has(&c->active, bad) && !qc_chain_stopping(c)) {
        *last = qc_active_tip(&c->active);
        err = drop_tip(c, &r);
        qc_tell_settled(c, !err && ++gone <= GIVE_BACK_BLOCKS);
    }
    qc_free(r.v);
    return err;
}

static qc_index *writable(const qc_chain *c, const qc_index *i)
{
    return qc_tree_find(c->tree, &i->hash);
}

qc_err qc_chain_invalidate(qc_chain *c, const qc_index *target)
{
    qc_index *bad = writable(c, target), *last = bad;
    if (c->broken)
        return QC_EIO;
    if (bad->height == 0 || !c->active.n)
        return qc_chain_activate(c); /* genesis cannot be invalid */
    bool active = qc_active_has(&c->active, bad);
    qc_err err = leave(c, bad, &last);
    if (!err && qc_active_has(&c->active, last))
        err = QC_ECANCELED;
    if (!err && !active && !qc_index_failed(bad)) {
        qc_tree_mark(c->tree, bad, QC_BLOCK_FAILED_VALID, 0);
        qc_candidates_erase(&c->candidates, bad);
    }
    if (!err)
        err = add_missing_candidates(c);
    if (!err)
        qc_chain_failed(c, last);
    qc_publish(c);
    if (active && qc_active_tip(&c->active) != last)
        qc_tell_tip(c, qc_active_tip(&c->active), qc_active_tip(&c->active));
    qc_tell_told(c);
    if (err)
        return err == QC_ECANCELED ? err : qc_chain_fatal(c, err, "Failed to disconnect block.");
    if (c->check_index)
        qc_check_index(c);
    return qc_chain_activate(c);
}

qc_err qc_chain_reconsider(qc_chain *c, const qc_index *target)
{
    qc_index *at = writable(c, target);
    const qc_index *tip = qc_active_tip(&c->active);
    for (size_t k = 0; k < qc_tree_count(c->tree); k++) {
        qc_index *i = qc_tree_at(c->tree, k);
        if (!qc_index_failed(i) ||
            (qc_index_ancestor(i, at->height) != at && qc_index_ancestor(at, i->height) != i))
            continue;
        qc_tree_mark(c->tree, i, 0, QC_BLOCK_FAILED_VALID);
        if (i == c->best_invalid)
            c->best_invalid = NULL;
        if (!qc_index_valid(i, QC_BLOCK_VALID_TRANSACTIONS) || !qc_index_linked(i) ||
            (tip && !qc_index_worse(tip, i)))
            continue;
        qc_err err = qc_candidates_insert(&c->candidates, i);
        if (err)
            return err;
    }
    qc_best_header_again(c);
    return qc_chain_activate(c);
}

qc_err qc_chain_precious(qc_chain *c, const qc_index *target)
{
    qc_index *i = writable(c, target);
    const qc_index *tip = qc_active_tip(&c->active);
    qc_err err = QC_OK;
    if (!tip || qc_u256_cmp(&i->chain_work, &tip->chain_work) < 0)
        return QC_OK;
    if (qc_u256_cmp(&tip->chain_work, &c->last_precious_work) > 0)
        c->next_reverse = -1; /* the chain has grown since: start again */
    c->last_precious_work = tip->chain_work;
    qc_candidates_erase(&c->candidates, i);
    i->sequence = c->next_reverse;
    if (c->next_reverse > INT32_MIN)
        c->next_reverse--;
    if (qc_index_valid(i, QC_BLOCK_VALID_TRANSACTIONS) && qc_index_linked(i)) {
        err = qc_candidates_insert(&c->candidates, i);
        if (!err)
            qc_candidates_drop_worse(&c->candidates, tip);
    }
    return err ? err : qc_chain_activate(c);
}
