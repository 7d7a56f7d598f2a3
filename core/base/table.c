#include "core/base/table.h"

#include "core/base/alloc.h"

#define LEAST 16u /* slots */

static void put(qc_table *t, qc_table_link *l)
{
    qc_table_link **at = &t->slot[l->key & (t->n_slots - 1)];
    l->next = *at;
    l->at = at;
    if (l->next)
        l->next->at = &l->next;
    *at = l;
}

/* Links of one key keep their order. */
static void resize(qc_table *t, size_t n_slots)
{
    qc_table old = *t;
    qc_table_link **slot = qc_try_calloc(n_slots, sizeof(qc_table_link *));
    if (!slot)
        return;
    t->slot = slot;
    t->n_slots = n_slots;
    for (size_t i = 0; i < old.n_slots; i++) {
        qc_table_link *turned = NULL, *l = old.slot[i], *next;
        for (; l; l = next) {
            next = l->next;
            l->next = turned;
            turned = l;
        }
        for (l = turned; l; l = next) {
            next = l->next;
            put(t, l);
        }
    }
    qc_free(old.slot);
}

void qc_table_clear(qc_table *t)
{
    qc_free(t->slot);
    *t = (qc_table){.n = 0};
}

void qc_table_add(qc_table *t, qc_table_link *l, uint64_t key)
{
    if (!t->slot) {
        t->slot = qc_alloc(LEAST * sizeof(qc_table_link *));
        t->n_slots = LEAST;
    }
    if (t->n >= t->n_slots)
        resize(t, 2 * t->n_slots);
    l->key = key;
    put(t, l);
    t->n++;
}

void qc_table_remove(qc_table *t, qc_table_link *l)
{
    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    l->next = NULL;
    l->at = NULL;
    t->n--;
    if (t->n_slots > LEAST && t->n < t->n_slots / 8)
        resize(t, t->n_slots / 2);
}

static qc_table_link *with_key(qc_table_link *l, uint64_t key)
{
    while (l && l->key != key)
        l = l->next;
    return l;
}

qc_table_link *qc_table_find(const qc_table *t, uint64_t key)
{
    return t->slot ? with_key(t->slot[key & (t->n_slots - 1)], key) : NULL;
}

qc_table_link *qc_table_next(const qc_table_link *l)
{
    return with_key(l->next, l->key);
}

qc_table_link *qc_table_any(const qc_table *t)
{
    for (size_t i = 0; i < t->n_slots; i++)
        if (t->slot[i])
            return t->slot[i];
    return NULL;
}
