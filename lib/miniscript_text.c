/* Miniscript as text, with the shorthands that Core writes. */
#include "lib/miniscript.h"

typedef struct printer {
    qn_out *o;
    qn_ms_print_fn *key;
    void *arg;
} printer;

static const char *name_of(qn_ms_kind kind)
{
    static const char *const name[] = {
        "0",       "1",    "pk_k", "pk_h", "older", "after", "sha256", "hash256", "ripemd160",
        "hash160", "a",    "s",    "c",    "d",     "v",     "j",      "n",       "and_v",
        "and_b",   "or_b", "or_c", "or_d", "or_i",  "andor", "thresh", "multi",   "multi_a"};
    return name[kind];
}

/* A letter in front of a colon stands for the node; *sub: what stands behind. */
static char letter_of(const qn_ms_node *n, size_t *sub)
{
    *sub = 0;
    if (n->kind >= QN_MS_A && n->kind <= QN_MS_N)
        return name_of(n->kind)[0];
    if (n->kind == QN_MS_AND_V && n->sub[1]->kind == QN_MS_1)
        return 't';
    if (n->kind == QN_MS_OR_I && n->sub[0]->kind == QN_MS_0) {
        *sub = 1;
        return 'l';
    }
    if (n->kind == QN_MS_OR_I && n->sub[1]->kind == QN_MS_0)
        return 'u';
    return '\0';
}

static bool is_short_key(const qn_ms_node *n)
{
    return n->kind == QN_MS_C && (n->sub[0]->kind == QN_MS_PK_K || n->sub[0]->kind == QN_MS_PK_H);
}

static bool is_and_n(const qn_ms_node *n)
{
    return n->kind == QN_MS_ANDOR && n->sub[2]->kind == QN_MS_0;
}

static void put_leaf(const printer *p, const qn_ms_node *n, const char *name)
{
    const bool counted = n->kind == QN_MS_MULTI || n->kind == QN_MS_MULTI_A ||
                         n->kind == QN_MS_OLDER || n->kind == QN_MS_AFTER;
    qn_out_str(p->o, name);
    if (n->kind == QN_MS_0 || n->kind == QN_MS_1)
        return;
    qn_out_str(p->o, "(");
    if (counted)
        qn_out_number(p->o, n->k);
    for (uint32_t i = 0; i < n->n_keys; i++) {
        qn_out_str(p->o, counted || i ? "," : "");
        p->key(p->arg, n->key[i], p->o);
    }
    if (n->hash)
        qn_out_hex(p->o, n->hash, n->kind == QN_MS_SHA256 || n->kind == QN_MS_HASH256 ? 32 : 20);
    qn_out_str(p->o, ")");
}

/* `behind`: a wrapper's letter was written last, so that what is no wrapper needs a colon. */
static bool step(void *arg, const qn_ms_node *n, size_t place, bool behind)
{
    const printer *p = arg;
    size_t sub;
    char letter = letter_of(n, &sub);
    if (letter && !is_short_key(n)) {
        if (place == 0)
            qn_out_put(p->o, &letter, 1);
        return true;
    }
    if (place == 0 && behind)
        qn_out_str(p->o, ":");
    if (n->n_subs == 0) {
        put_leaf(p, n, name_of(n->kind));
        return false;
    }
    if (place == 0) {
        qn_out_str(p->o, is_and_n(n) ? "and_n" : name_of(n->kind));
        qn_out_str(p->o, "(");
        if (n->kind == QN_MS_THRESH) {
            qn_out_number(p->o, n->k);
            qn_out_str(p->o, ",");
        }
    } else {
        qn_out_str(p->o, place == n->n_subs ? ")" : ",");
    }
    return false;
}

/* The walk visits all children; one that a shorthand leaves out is a leaf, and is passed over when
 * the walk comes to it, which is at once. */
typedef struct filter {
    printer p;
    const qn_ms_node *hidden;
} filter;

static bool shown_step(void *arg, const qn_ms_node *n, size_t place, bool flag)
{
    filter *f = arg;
    size_t sub;
    if (n == f->hidden) {
        f->hidden = NULL;
        return false;
    }
    if (is_short_key(n)) {
        const qn_ms_node *key = n->sub[0];
        if (place == 0) {
            qn_out_str(f->p.o, flag ? ":" : "");
            put_leaf(&f->p, key, key->kind == QN_MS_PK_K ? "pk" : "pkh");
            f->hidden = key;
        }
        return false;
    }
    if (letter_of(n, &sub) && n->n_subs == 2 && place != 2) {
        f->hidden = place != sub ? n->sub[place] : NULL;
        if (place == 0)
            (void)step(&f->p, n, 0, flag);
        return true;
    }
    if (is_and_n(n) && place >= 2) {
        f->hidden = place == 2 ? n->sub[2] : NULL;
        qn_out_str(f->p.o, place == 3 ? ")" : "");
        return false;
    }
    return step(&f->p, n, place, flag);
}

bool qn_ms_print(const qn_ms *m, const qn_ms_node *part, qn_ms_print_fn *key, void *arg, qn_out *o)
{
    filter f = {{o, key, arg}, NULL};
    (void)m;
    return qn_ms_walk(part, shown_step, NULL, &f);
}
