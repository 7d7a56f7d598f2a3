#include "plugins/stratum/rows.h"

#include <stdlib.h>

#define HEADS 65536u

static uint32_t *group_of(st_rows *r, const st_row *row)
{
    return &r->group[row->from % ST_ROW_GROUPS];
}

/* Where the index of this one is kept: its head, or the one before it; a place with 0: nowhere. */
static uint32_t *place(const st_rows *r, uint32_t en1)
{
    uint32_t *at = &r->head[en1 % HEADS];
    while (*at && r->row[*at - 1].en1 != en1)
        at = &r->row[*at - 1].next;
    return at;
}

st_row *st_rows_find(const st_rows *r, uint32_t en1)
{
    uint32_t i = r->head ? *place(r, en1) : 0;
    return i ? &r->row[i - 1] : NULL;
}

/* The last takes the place of the one that goes. */
void st_rows_remove(st_rows *r, uint32_t en1)
{
    uint32_t *at = r->head ? place(r, en1) : NULL;
    if (!at || !*at)
        return;
    const uint32_t i = *at;
    --*group_of(r, &r->row[i - 1]);
    *at = r->row[i - 1].next;
    if (i != r->n) {
        *place(r, r->row[r->n - 1].en1) = i;
        r->row[i - 1] = r->row[r->n - 1];
    }
    r->n--;
}

static bool goes_before(st_rows *r, const st_row *x, const st_row *w)
{
    const bool gone = x->used != ST_ROW_LIVE;
    if (gone != (w->used != ST_ROW_LIVE))
        return gone;
    const uint32_t n = *group_of(r, x), most = *group_of(r, w);
    return n > most || (n == most && x->used < w->used);
}

static uint32_t who_goes(st_rows *r)
{
    const st_row *w = r->row;
    for (uint32_t i = 1; i < r->n; i++)
        if (goes_before(r, &r->row[i], w))
            w = &r->row[i];
    return w->en1;
}

static bool grow(st_rows *r)
{
    if (!r->head && !(r->head = calloc(HEADS, sizeof *r->head)))
        return false;
    if (r->n < r->cap)
        return true;
    uint32_t cap = r->cap ? r->cap * 2 : 64;
    st_row *row = realloc(r->row, cap * sizeof *row);
    if (!row)
        return false;
    r->row = row;
    r->cap = cap;
    return true;
}

bool st_rows_put(st_rows *r, uint32_t en1, uint32_t from, uint64_t used, uint32_t *out)
{
    *out = en1;
    st_rows_remove(r, en1);
    if (r->n && r->n >= r->max) {
        *out = who_goes(r);
        st_rows_remove(r, *out);
    }
    if (!grow(r))
        return false;
    uint32_t *head = &r->head[en1 % HEADS];
    r->row[r->n] = (st_row){en1, from, *head, used};
    ++*group_of(r, &r->row[r->n]);
    *head = ++r->n;
    return true;
}

void st_rows_clear(st_rows *r)
{
    free(r->row);
    free(r->head);
    *r = (st_rows){.max = r->max};
}
