/* Trees of Miniscript: making nodes, walking them, and what Core asks of a whole one. */
#include "lib/miniscript.h"

#include <stdlib.h>
#include <string.h>

#define MAX_OPS 201u          /* of a witness script, consensus */
#define MAX_WITNESS_ITEMS 100 /* beside the script in P2WSH, standardness */
#define MAX_STACK 1000        /* consensus, as to leaves */

void qn_ms_init(qn_ms *m, qn_arena *arena, bool tap)
{
    *m = (qn_ms){tap, arena, NULL, NULL, NULL, 0, 0};
}

static qn_ms_node *make(qn_ms *m, qn_ms_kind kind, uint32_t k)
{
    qn_ms_node *n = NULL;
    if (m->n_nodes++ < QN_MS_MAX_NODES)
        n = qn_arena_get(m->arena, 1, sizeof *n);
    if (!n)
        return NULL;
    n->kind = kind;
    n->k = k;
    n->order = m->n_keys;
    n->place = m->n_nodes - 1;
    if (m->last)
        m->last->made_after = n;
    else
        m->first = n;
    m->last = n;
    return n;
}

qn_ms_node *qn_ms_leaf(qn_ms *m, qn_ms_kind kind, uint32_t k)
{
    qn_ms_node *n = make(m, kind, k);
    if (n)
        qn_ms_judge(m, n);
    return n;
}

qn_ms_node *qn_ms_hash(qn_ms *m, qn_ms_kind kind, const uint8_t *hash, size_t len)
{
    uint8_t *copy = qn_arena_copy(m->arena, hash, len);
    qn_ms_node *n = copy ? qn_ms_leaf(m, kind, 0) : NULL;
    if (n)
        n->hash = copy;
    return n;
}

qn_ms_node *qn_ms_keys(qn_ms *m, qn_ms_kind kind, size_t n_keys, uint32_t k, bool backwards)
{
    qn_ms_node *n = make(m, kind, k);
    uint32_t *key = qn_arena_get(m->arena, n_keys, sizeof *key);
    if (!n || !key)
        return NULL;
    size_t first = m->n_keys - n_keys;
    for (size_t i = 0; i < n_keys; i++)
        key[i] = (uint32_t)(first + (backwards ? n_keys - 1 - i : i));
    n->key = key;
    n->n_keys = (uint32_t)n_keys;
    n->all_keys = n_keys;
    n->order = first;
    qn_ms_judge(m, n);
    return n;
}

qn_ms_node *qn_ms_join(qn_ms *m, qn_ms_kind kind, qn_ms_node *const *sub, size_t n_subs, uint32_t k)
{
    qn_ms_node *n = make(m, kind, k);
    qn_ms_node **copy = qn_arena_copy(m->arena, sub, n_subs * sizeof(qn_ms_node *));
    if (!n || !copy)
        return NULL;
    n->sub = copy;
    n->n_subs = (uint32_t)n_subs;
    for (size_t i = 0; i < n_subs; i++) {
        if (copy[i]->all_keys && copy[i]->order < n->order)
            n->order = copy[i]->order;
        n->all_keys += copy[i]->all_keys;
    }
    qn_ms_judge(m, n);
    return n;
}

typedef struct visit {
    const qn_ms_node *node;
    size_t place;
    bool flag;
} visit;

bool qn_ms_walk(const qn_ms_node *root, qn_ms_step_fn *step, qn_ms_order_fn *order, void *arg)
{
    size_t n = 1, cap = 64;
    visit *stack = malloc(cap * sizeof *stack);
    if (!stack)
        return false;
    stack[0] = (visit){root, 0, false};
    while (n > 0) {
        visit *v = &stack[n - 1];
        const qn_ms_node *node = v->node;
        bool below = step(arg, node, v->place, v->flag);
        if (v->place == node->n_subs) {
            n--;
            continue;
        }
        size_t child = order ? order(node, v->place) : v->place;
        v->place++;
        if (n == cap) {
            visit *more = realloc(stack, 2 * cap * sizeof *stack);
            if (!more) {
                free(stack);
                return false;
            }
            stack = more;
            cap *= 2;
        }
        stack[n++] = (visit){node->sub[child], 0, below};
    }
    free(stack);
    return true;
}

/* ---- duplicate keys ---- */

typedef struct sorter {
    qn_ms_compare_fn *compare;
    const void *arg;
} sorter;

/* Merge sort of key numbers: stable, and the order needs an argument, which qsort() has no room
 * for. */
static void merge_sort(uint32_t *a, uint32_t *spare, size_t n, const sorter *by)
{
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t at = 0; at < n; at += 2 * run) {
            size_t mid = at + run < n ? at + run : n, end = at + 2 * run < n ? at + 2 * run : n;
            size_t i = at, j = mid, out = at;
            while (i < mid || j < end) {
                bool left = j == end || (i < mid && by->compare(by->arg, a[i], a[j]) <= 0);
                spare[out++] = left ? a[i++] : a[j++];
            }
        }
        memcpy(a, spare, n * sizeof *a);
    }
}

/* twin[i]: 1 + the nearest key before i that is the same, or 0. The keys of a part have consecutive
 * numbers, so it holds two of the same where the largest twin inside lies behind its start.
 * Children come first, and know theirs. */
static void mark(qn_ms *m, const size_t *twin)
{
    for (qn_ms_node *n = m->first; n; n = n->made_after) {
        n->duplicate = false;
        n->twin = 0;
        for (size_t i = n->order; n->n_subs == 0 && i < n->order + n->all_keys; i++)
            n->twin = twin[i] > n->twin ? twin[i] : n->twin;
        for (uint32_t i = 0; i < n->n_subs; i++) {
            const qn_ms_node *sub = n->sub[i];
            n->duplicate |= sub->duplicate;
            n->twin = sub->twin > n->twin ? sub->twin : n->twin;
        }
        n->duplicate |= n->twin > n->order;
    }
}

bool qn_ms_find_duplicates(qn_ms *m, qn_ms_compare_fn *compare, const void *arg)
{
    size_t n = m->n_keys;
    uint32_t *sorted = malloc((n + 1) * 2 * sizeof *sorted);
    size_t *twin = calloc(n + 1, sizeof *twin);
    const sorter by = {compare, arg};
    if (sorted && twin) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (uint32_t)i;
        merge_sort(sorted, sorted + n, n, &by);
        for (size_t i = 1; i < n; i++)
            if (compare(arg, sorted[i - 1], sorted[i]) == 0)
                twin[sorted[i]] = sorted[i - 1] + 1u;
        mark(m, twin);
    }
    bool ok = sorted && twin;
    free(sorted);
    free(twin);
    return ok;
}

/* ---- judgement ---- */

bool qn_ms_valid(const qn_ms *m, const qn_ms_node *n)
{
    return n->type != 0 && n->size <= (m->tap ? QN_MS_MAX_TAP : QN_MS_MAX_WSH);
}

static int32_t result_left(const qn_ms_node *n)
{
    return n->type & (QN_MS_TB | QN_MS_TK | QN_MS_TW) ? 1 : 0;
}

static bool within_limits(const qn_ms *m, const qn_ms_node *n)
{
    if (!n->sat.possible)
        return true;
    if (m->tap)
        return n->sat.most + result_left(n) <= MAX_STACK;
    return n->ops + (uint32_t)n->sat.multi <= MAX_OPS &&
           n->sat.net + result_left(n) <= MAX_WITNESS_ITEMS;
}

static bool sane_part(const qn_ms *m, const qn_ms_node *n)
{
    return qn_ms_valid(m, n) && within_limits(m, n) && (n->type & QN_MS_TM) &&
           (n->type & QN_MS_LK) && !n->duplicate;
}

bool qn_ms_sane(const qn_ms *m)
{
    return sane_part(m, m->root) && (m->root->type & QN_MS_TB) && (m->root->type & QN_MS_TS);
}

bool qn_ms_satisfiable(const qn_ms *m)
{
    return m->root->sat.possible;
}

const char *qn_ms_why(const qn_ms *m, const qn_ms_node **part)
{
    const qn_ms_node *bad = m->first;
    const bool sane = qn_ms_sane(m);
    if (sane && qn_ms_satisfiable(m))
        return NULL;
    while (bad && sane_part(m, bad))
        bad = bad->made_after;
    bad = bad ? bad : m->root;
    *part = bad;
    if (!qn_ms_valid(m, bad))
        return " is invalid";
    if (sane)
        return " is not satisfiable";
    if (!(bad->type & QN_MS_TM))
        return " is not sane: malleable witnesses exist";
    if (bad == m->root && !(bad->type & QN_MS_TS))
        return " is not sane: witnesses without signature exist";
    if (!(bad->type & QN_MS_LK))
        return " is not sane: contains mixes of timelocks expressed in blocks and seconds";
    if (bad->duplicate)
        return " is not sane: contains duplicate public keys";
    if (!within_limits(m, bad))
        return " is not sane: needs witnesses that may exceed resource limits";
    return " is not sane";
}
