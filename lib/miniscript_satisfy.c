/* Each expression is given the best way to satisfy it and the best way not to, from those of its
 * parts. A way is a stack; of two the one is better that nobody can turn into another (it needs a
 * signature, or it is the only one that does not), then the one that is smaller. */
#include "lib/miniscript_satisfy.h"

#include <string.h>

typedef struct rope rope;
struct rope {
    const rope *left, *right; /* both NULL: an item */
    qn_ms_item item;
};

/* A way. */
typedef struct way {
    bool there;
    bool sig;       /* it has a signature */
    bool malleable; /* others can turn it into another one */
    size_t size;    /* bytes in a witness */
    size_t items;
    const rope *stack;
} way;

typedef struct ways {
    way no, yes;
} ways;

typedef struct maker {
    qn_arena arena;
    const qn_ms_means *with;
} maker;

static const way NONE = {.there = false};
static const way EMPTY = {.there = true};

static size_t size_of(size_t len)
{
    return len + (len < 253 ? 1 : len <= 0xffff ? 3 : 5);
}

static way item(maker *m, const uint8_t *data, size_t len)
{
    rope *r = qn_arena_get(&m->arena, 1, sizeof *r);
    if (!r)
        return NONE;
    r->item = (qn_ms_item){data, len};
    return (way){.there = true, .size = size_of(len), .items = 1, .stack = r};
}

static way zero(maker *m)
{
    return item(m, (const uint8_t *)"", 0);
}

static way one(maker *m)
{
    return item(m, (const uint8_t *)"\x01", 1);
}

/* What a hash is not of: anybody can put another. */
static way no_preimage(maker *m)
{
    static const uint8_t ZEROS[32];
    way w = item(m, ZEROS, 32);
    w.malleable = true;
    return w;
}

static way malleable(way w)
{
    w.malleable = true;
    return w;
}

/* `b` lies on top of `a`. The stack is made only for what is chosen: see join(). */
static way sum(way a, way b)
{
    if (!a.there || !b.there)
        return NONE;
    return (way){.there = true,
                 .sig = a.sig || b.sig,
                 .malleable = a.malleable || b.malleable,
                 .size = a.size + b.size,
                 .items = a.items + b.items};
}

static way join(maker *m, way a, way b)
{
    way w = sum(a, b);
    if (!w.there)
        return w;
    if (!a.stack || !b.stack) {
        w.stack = a.stack ? a.stack : b.stack;
        return w;
    }
    rope *r = qn_arena_get(&m->arena, 1, sizeof *r);
    if (!r)
        return NONE;
    *r = (rope){a.stack, b.stack, {NULL, 0}};
    w.stack = r;
    return w;
}

/* Which is better: the first? Both are there. Sets *open when neither needs a signature. */
static bool first_is_better(const way *a, const way *b, bool *open)
{
    *open = !a->sig && !b->sig;
    if (a->sig != b->sig)
        return !a->sig;
    if (a->sig && a->malleable != b->malleable)
        return !a->malleable;
    return a->size <= b->size;
}

static way better(way a, way b)
{
    bool open;
    if (!a.there || !b.there)
        return a.there ? a : b;
    way w = first_is_better(&a, &b, &open) ? a : b;
    w.malleable |= open;
    return w;
}

/* ---- leaves ---- */

static way sig_of(maker *m, uint32_t key)
{
    qn_ms_item s;
    if (!m->with->sig(m->with->arg, key, &s))
        return NONE;
    way w = item(m, s.data, s.len);
    w.sig = true;
    return w;
}

static ways of_key(maker *m, const qn_ms_node *n)
{
    way sig = sig_of(m, n->key[0]);
    if (n->kind == QN_MS_PK_K)
        return (ways){zero(m), sig};
    qn_ms_item k = m->with->key(m->with->arg, n->key[0]);
    way key = item(m, k.data, k.len);
    return (ways){join(m, zero(m), key), join(m, sig, key)};
}

static ways of_hash(maker *m, const qn_ms_node *n)
{
    qn_ms_item x;
    bool known = m->with->preimage(m->with->arg, n->kind, n->hash, &x);
    return (ways){no_preimage(m), known ? item(m, x.data, x.len) : NONE};
}

static ways of_time(const maker *m, const qn_ms_node *n)
{
    bool (*holds)(void *, uint32_t) = n->kind == QN_MS_AFTER ? m->with->after : m->with->older;
    return (ways){NONE, holds(m->with->arg, n->k) ? EMPTY : NONE};
}

/* ---- some of many ---- */

/* best[j]: the best way, without its stack, with j of those that were looked at. Which side each
 * step took is kept in bits: the stacks of all would take the square of their number. */
typedef struct table {
    const ways *of; /* in the order of the stack, from the bottom */
    size_t n;
    way first; /* what lies below */
    way *best;
    uint8_t *took; /* bit i * (n + 1) + j */
} table;

static void take(table *t, size_t i, size_t j)
{
    size_t bit = i * (t->n + 1) + j;
    t->took[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static bool took(const table *t, size_t i, size_t j)
{
    size_t bit = i * (t->n + 1) + j;
    return t->took[bit / 8] >> bit % 8 & 1;
}

static void one_more(table *t, size_t i)
{
    const ways *w = &t->of[i];
    t->best[i + 1] = sum(t->best[i], w->yes);
    take(t, i, i + 1);
    for (size_t j = i; j > 0; j--) {
        way x = sum(t->best[j], w->no), y = sum(t->best[j - 1], w->yes);
        bool open = false, second = !x.there || (y.there && !first_is_better(&x, &y, &open));
        t->best[j] = second ? y : x;
        t->best[j].malleable |= open;
        if (second)
            take(t, i, j);
    }
    t->best[0] = sum(t->best[0], w->no);
}

static bool fill(maker *m, table *t, const ways *of, size_t n, way first)
{
    *t = (table){.of = of, .n = n, .first = first};
    t->best = qn_arena_get(&m->arena, n + 2, sizeof *t->best);
    t->took = qn_arena_get(&m->arena, n * (n + 1) / 8 + 1, 1);
    if (!t->best || !t->took)
        return false;
    t->best[0] = first;
    for (size_t i = 0; i < n; i++)
        one_more(t, i);
    return true;
}

/* The best way with j, and its stack. */
static way with_stack(maker *m, const table *t, size_t j)
{
    way w = t->best[j], made = t->first;
    const way **part = qn_arena_get(&m->arena, t->n, sizeof *part);
    if (!w.there || !part)
        return NONE;
    for (size_t i = t->n; i-- > 0;) {
        bool yes = took(t, i, j);
        part[i] = yes ? &t->of[i].yes : &t->of[i].no;
        j -= yes;
    }
    for (size_t i = 0; i < t->n; i++)
        made = join(m, made, *part[i]);
    w.stack = made.stack;
    return made.there ? w : NONE;
}

static ways of_multi(maker *m, const qn_ms_node *n)
{
    bool tap = n->kind == QN_MS_MULTI_A;
    ways *of = qn_arena_get(&m->arena, n->n_keys, sizeof *of);
    table t;
    way no = zero(m);
    if (!of)
        return (ways){NONE, NONE};
    for (uint32_t i = 0; i < n->n_keys; i++) {
        uint32_t key = n->key[tap ? n->n_keys - 1 - i : i];
        of[i] = (ways){tap ? zero(m) : EMPTY, sig_of(m, key)};
    }
    if (!fill(m, &t, of, n->n_keys, tap ? EMPTY : zero(m)))
        return (ways){NONE, NONE};
    for (uint32_t i = 0; !tap && i < n->k; i++)
        no = join(m, no, zero(m));
    return (ways){tap ? with_stack(m, &t, 0) : no, with_stack(m, &t, n->k)};
}

/* The best way with any number but k. */
static way other_number(maker *m, const table *t, size_t k)
{
    way no = NONE;
    size_t at = 0;
    for (size_t i = 0; i <= t->n; i++) {
        way next = i ? malleable(t->best[i]) : t->best[i];
        bool open = false;
        if (i == k || !next.there)
            continue;
        if (!no.there || !first_is_better(&no, &next, &open)) {
            no = next;
            at = i;
        }
        no.malleable |= open;
    }
    if (!no.there)
        return NONE;
    way made = with_stack(m, t, at);
    if (!made.there)
        return NONE; /* no memory */
    no.stack = made.stack;
    return no;
}

static ways of_thresh(maker *m, const qn_ms_node *n, const ways *subs)
{
    ways *of = qn_arena_get(&m->arena, n->n_subs, sizeof *of);
    table t;
    if (!of)
        return (ways){NONE, NONE};
    for (uint32_t i = 0; i < n->n_subs; i++)
        of[i] = subs[n->n_subs - 1 - i];
    if (!fill(m, &t, of, n->n_subs, EMPTY))
        return (ways){NONE, NONE};
    return (ways){other_number(m, &t, n->k), with_stack(m, &t, n->k)};
}

/* ---- the rest ---- */

static ways of_and(maker *m, const qn_ms_node *n, const ways *x, const ways *y)
{
    way yes = join(m, y->yes, x->yes);
    if (n->kind == QN_MS_AND_V)
        return (ways){join(m, y->no, x->yes), yes};
    way no = join(m, y->no, x->no);
    no = better(no, malleable(join(m, y->yes, x->no)));
    return (ways){better(no, malleable(join(m, y->no, x->yes))), yes};
}

static ways of_or(maker *m, const qn_ms_node *n, const ways *x, const ways *z)
{
    way no = n->kind == QN_MS_OR_C ? NONE : join(m, z->no, x->no);
    if (n->kind == QN_MS_OR_B) {
        way yes = better(join(m, z->no, x->yes), join(m, z->yes, x->no));
        return (ways){no, better(yes, malleable(join(m, z->yes, x->yes)))};
    }
    if (n->kind == QN_MS_OR_I)
        return (ways){better(join(m, x->no, one(m)), join(m, z->no, zero(m))),
                      better(join(m, x->yes, one(m)), join(m, z->yes, zero(m)))};
    return (ways){no, better(x->yes, join(m, z->yes, x->no))};
}

static ways of_andor(maker *m, const ways *x, const ways *y, const ways *z)
{
    return (ways){better(join(m, y->no, x->yes), join(m, z->no, x->no)),
                  better(join(m, y->yes, x->yes), join(m, z->yes, x->no))};
}

static ways of_node(maker *m, const qn_ms_node *n, const ways *of)
{
    way no;
    switch (n->kind) {
    case QN_MS_0:
        return (ways){EMPTY, NONE};
    case QN_MS_1:
        return (ways){NONE, EMPTY};
    case QN_MS_PK_K:
    case QN_MS_PK_H:
        return of_key(m, n);
    case QN_MS_OLDER:
    case QN_MS_AFTER:
        return of_time(m, n);
    case QN_MS_SHA256:
    case QN_MS_HASH256:
    case QN_MS_RIPEMD160:
    case QN_MS_HASH160:
        return of_hash(m, n);
    case QN_MS_A:
    case QN_MS_S:
    case QN_MS_C:
    case QN_MS_N:
        return of[0];
    case QN_MS_D:
        return (ways){zero(m), join(m, of[0].yes, one(m))};
    case QN_MS_V:
        return (ways){NONE, of[0].yes};
    case QN_MS_J:
        no = zero(m);
        no.malleable = of[0].no.there && !of[0].no.sig;
        return (ways){no, of[0].yes};
    case QN_MS_AND_V:
    case QN_MS_AND_B:
        return of_and(m, n, &of[0], &of[1]);
    case QN_MS_OR_B:
    case QN_MS_OR_C:
    case QN_MS_OR_D:
    case QN_MS_OR_I:
        return of_or(m, n, &of[0], &of[1]);
    case QN_MS_ANDOR:
        return of_andor(m, &of[0], &of[1], &of[2]);
    case QN_MS_THRESH:
        return of_thresh(m, n, of);
    case QN_MS_MULTI:
    case QN_MS_MULTI_A:
        return of_multi(m, n);
    }
    return (ways){NONE, NONE};
}

/* ---- the whole ---- */

/* Items of a rope from its left end on. The way down is kept on a stack of its own. */
static bool flatten(maker *m, const rope *r, size_t items, qn_arena *to, qn_ms_item **out,
                    size_t *n)
{
    const rope **stack = qn_arena_get(&m->arena, items + 1, sizeof *stack);
    qn_ms_item *v = qn_arena_get(to, items + 1, sizeof *v);
    size_t left = 0, got = 0;
    if (!stack || !v)
        return false;
    if (r)
        stack[left++] = r;
    while (left) {
        r = stack[--left];
        if (r->left) {
            stack[left++] = r->right;
            stack[left++] = r->left;
            continue;
        }
        v[got++] = r->item;
    }
    *out = v;
    *n = got;
    return true;
}

typedef struct visit {
    maker *m;
    ways *of; /* by the place of a node */
} visit;

/* From left to right, an expression after its parts. */
static bool step(void *arg, const qn_ms_node *n, size_t place, bool flag)
{
    visit *v = arg;
    ways part[3], *subs = part;
    (void)flag;
    if (place < n->n_subs || v->m->arena.failed)
        return false;
    if (n->n_subs > 3 && !(subs = qn_arena_get(&v->m->arena, n->n_subs, sizeof *subs)))
        return false;
    for (uint32_t i = 0; i < n->n_subs; i++)
        subs[i] = v->of[n->sub[i]->place];
    v->of[n->place] = of_node(v->m, n, subs);
    return false;
}

static bool walk(maker *m, const qn_ms *ms, way *out)
{
    visit v = {m, qn_arena_get(&m->arena, ms->n_nodes + 1, sizeof *v.of)};
    if (!v.of || !qn_ms_walk(ms->root, step, NULL, &v))
        return false;
    *out = v.of[ms->root->place].yes;
    return !m->arena.failed;
}

bool qn_ms_satisfy(const qn_ms *ms, const qn_ms_means *with, qn_arena *to, qn_ms_item **out,
                   size_t *n)
{
    maker m = {.with = with};
    way w = NONE;
    bool ok = walk(&m, ms, &w) && w.there && w.sig && !w.malleable &&
              flatten(&m, w.stack, w.items, to, out, n);
    qn_arena_clear(&m.arena);
    return ok;
}
