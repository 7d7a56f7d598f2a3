/* Sorted arrays: bodies mostly arrive in order of work, so that inserts go to the end, and
 * connected blocks leave from the front, which only moves `head`. */
#include "core/chain/candidates.h"

#include "core/base/alloc.h"

/* First place whose entry is not worse than i. */
static size_t lower(const qc_candidates *s, const qc_index *i)
{
    size_t lo = s->head, hi = s->end;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (qc_index_worse(s->v[mid], i))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool qc_candidates_has(const qc_candidates *s, const qc_index *i)
{
    size_t at = lower(s, i);
    return at < s->end && s->v[at] == i;
}

static qc_err room(qc_candidates *s)
{
    if (s->end < s->cap)
        return QC_OK;
    if (s->head > s->cap / 2) {
        memmove(s->v, s->v + s->head, (s->end - s->head) * sizeof(qc_index *));
        s->end -= s->head;
        s->head = 0;
        return QC_OK;
    }
    size_t cap = s->cap ? s->cap * 2 : 64;
    qc_index **v = qc_try_realloc(s->v, cap * sizeof(qc_index *));
    if (!v)
        return QC_ENOMEM;
    s->v = v;
    s->cap = cap;
    return QC_OK;
}

qc_err qc_candidates_insert(qc_candidates *s, qc_index *i)
{
    qc_err err = room(s);
    if (err)
        return err;
    size_t at = lower(s, i);
    if (at < s->end && s->v[at] == i)
        return QC_OK;
    memmove(s->v + at + 1, s->v + at, (s->end - at) * sizeof(qc_index *));
    s->v[at] = i;
    s->end++;
    return QC_OK;
}

void qc_candidates_erase(qc_candidates *s, const qc_index *i)
{
    size_t at = lower(s, i);
    if (at == s->end || s->v[at] != i)
        return;
    memmove(s->v + at, s->v + at + 1, (s->end - at - 1) * sizeof(qc_index *));
    s->end--;
}

qc_index *qc_candidates_best(const qc_candidates *s)
{
    return s->end > s->head ? s->v[s->end - 1] : NULL;
}

void qc_candidates_drop_worse(qc_candidates *s, const qc_index *i)
{
    s->head = lower(s, i);
}

void qc_candidates_clear(qc_candidates *s)
{
    qc_free(s->v);
    *s = (qc_candidates){NULL, 0, 0, 0};
}

/* ---- unlinked ---- */

static int by_parent(const qc_index *a, const qc_index *parent, uint32_t order)
{
    if (a->parent->order != parent->order)
        return a->parent->order < parent->order ? -1 : 1;
    return a->order < order ? -1 : a->order > order;
}

static size_t lower_unlinked(const qc_unlinked *u, const qc_index *parent, uint32_t order)
{
    size_t lo = 0, hi = u->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (by_parent(u->v[mid], parent, order) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool qc_unlinked_has(const qc_unlinked *u, const qc_index *i)
{
    if (!i->parent)
        return false;
    size_t at = lower_unlinked(u, i->parent, i->order);
    return at < u->n && u->v[at] == i;
}

qc_err qc_unlinked_add(qc_unlinked *u, qc_index *i)
{
    if (qc_unlinked_has(u, i))
        return QC_OK;
    if (u->n == u->cap) {
        size_t cap = u->cap ? u->cap * 2 : 64;
        qc_index **v = qc_try_realloc(u->v, cap * sizeof(qc_index *));
        if (!v)
            return QC_ENOMEM;
        u->v = v;
        u->cap = cap;
    }
    size_t at = lower_unlinked(u, i->parent, i->order);
    memmove(u->v + at + 1, u->v + at, (u->n - at) * sizeof(qc_index *));
    u->v[at] = i;
    u->n++;
    return QC_OK;
}

static void remove_at(qc_unlinked *u, size_t at)
{
    memmove(u->v + at, u->v + at + 1, (u->n - at - 1) * sizeof(qc_index *));
    u->n--;
}

void qc_unlinked_remove(qc_unlinked *u, const qc_index *i)
{
    if (!qc_unlinked_has(u, i))
        return;
    remove_at(u, lower_unlinked(u, i->parent, i->order));
}

qc_index *qc_unlinked_take_child(qc_unlinked *u, const qc_index *parent)
{
    size_t at = lower_unlinked(u, parent, 0);
    if (at == u->n || u->v[at]->parent != parent)
        return NULL;
    qc_index *i = u->v[at];
    remove_at(u, at);
    return i;
}

void qc_unlinked_clear(qc_unlinked *u)
{
    qc_free(u->v);
    *u = (qc_unlinked){NULL, 0, 0};
}
