/* What a wallet has to be told: the difference between what it heard last and how things are. What
 * was told is kept with the transaction, so that nothing is told twice, whatever comes again. */
#include "plugins/watch/model.h"

#include <stdlib.h>
#include <string.h>

static wt_told *told_to(wt_tx *t, const wt_wallet *w)
{
    for (uint32_t i = 0; i < t->n_told; i++)
        if (t->told[i].wallet == w->id)
            return &t->told[i];
    return NULL;
}

static wt_told as_it_is(const wt_tx *t, const wt_wallet *w, uint32_t n_entries)
{
    wt_told now = {.wallet = w->id, .n_entries = n_entries, .state = t->state};
    if (t->state == WT_CONFIRMED)
        now.where = t->block.hash;
    if (t->state == WT_GONE) {
        now.reason = t->reason;
        now.where = t->by;
    }
    return now;
}

static bool same(const wt_told *a, const wt_told *b)
{
    return a->state == b->state && a->reason == b->reason && a->n_entries == b->n_entries &&
           memcmp(&a->where, &b->where, sizeof a->where) == 0;
}

static qn_status tell_one(wt_tx *t, const wt_wallet *w, wt_tell_fn *fn, void *arg)
{
    wt_amounts a;
    qn_status st = wt_amounts_of(t, w, &a);
    if (st != QN_OK || a.n_entries == 0)
        return st;
    wt_told *before = told_to(t, w), now = as_it_is(t, w, a.n_entries);
    if (before ? same(before, &now) : t->state == WT_GONE)
        return QN_OK;
    if (!before) {
        wt_told *more = realloc(t->told, (t->n_told + 1) * sizeof *more);
        if (!more)
            return QN_E_NOMEM;
        t->told = more;
        before = &t->told[t->n_told++];
    }
    *before = now;
    return fn(arg, w, t);
}

qn_status wt_tell(wt_model *m, wt_tell_fn *fn, void *arg)
{
    qn_status st = QN_OK;
    while (m->touched && st == QN_OK) {
        wt_tx *t = m->touched;
        m->touched = t->next_touched;
        *(m->touched ? &m->touched->at_touched : &m->touched_end) = &m->touched;
        t->touched = false;
        for (size_t i = 0; i < m->n_wallets && st == QN_OK; i++)
            st = tell_one(t, m->wallet[i], fn, arg);
        for (uint32_t i = 0; i < t->n_entries; i++)
            t->entry[i].untold = false;
    }
    return st;
}
