/* tr() with its tree of scripts (BIP386), and Miniscript as a script expression. */
#include "lib/descriptor_impl.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 128 /* BIP341: steps of a control block */

/* The way from the root to where the parser is: right[i] says which side at depth i. */
typedef struct way {
    bool right[MAX_DEPTH];
    size_t n;
} way;

static bool open_branches(qn_desc_parser *ps, qn_text *t, way *w)
{
    while (qn_text_take(t, '{')) {
        if (w->n == MAX_DEPTH)
            return qn_desc_fail(ps, "tr() supports at most %d nesting levels", MAX_DEPTH);
        w->right[w->n++] = false;
    }
    return true;
}

/* After a script: leave what ends here, and go over to the right side. */
static bool next_branch(qn_desc_parser *ps, qn_text *t, way *w)
{
    for (; w->n && w->right[w->n - 1]; w->n--)
        if (!qn_text_take(t, '}'))
            return qn_desc_fail(ps, "tr(): expected '}' after script expression");
    if (w->n == 0)
        return true;
    if (!qn_text_take(t, ','))
        return qn_desc_fail(ps, "tr(): expected ',' after script expression");
    w->right[w->n - 1] = true;
    return true;
}

/* branches: of every leaf; *most: of any. */
static bool parse_tree(qn_desc_parser *ps, qn_text t, qn_grow *branches, size_t *most)
{
    way w = {{false}, 0};
    do {
        size_t b;
        if (!open_branches(ps, &t, &w))
            return false;
        qn_text e = qn_text_expression(&t);
        if (!qn_desc_parse_script(ps, &e, QN_CTX_TR, &b))
            return false;
        ps->d->expr[ps->d->n_exprs - 1].depth = (unsigned)w.n;
        qn_grow_put(branches, &b, sizeof b);
        *most = b > *most ? b : *most;
        if (!next_branch(ps, &t, &w))
            return false;
    } while (w.n);
    return t.len == 0 || qn_desc_fail(ps, "tr(): expected ')' after script expression");
}

static bool check_branches(qn_desc_parser *ps, const qn_grow *branches, size_t own, size_t most)
{
    if (branches->failed)
        return qn_desc_no_memory(ps);
    for (size_t i = 0; i < branches->len / sizeof(size_t); i++) {
        size_t b;
        memcpy(&b, branches->data + i * sizeof b, sizeof b);
        if (b != 1 && b != most)
            return qn_desc_fail(ps, "tr(): Multipath subscripts have mismatched lengths");
    }
    return own == 1 || own == most ||
           qn_desc_fail(ps, "tr(): Multipath internal key mismatches multipath subscripts lengths");
}

bool qn_desc_parse_taproot(qn_desc_parser *ps, qn_text t, size_t *branches)
{
    qn_descriptor *d = ps->d;
    qn_grow each = {NULL, 0, 0, false};
    d->tr = true;
    if (!qn_desc_parse_key(ps, qn_text_expression(&t), QN_CTX_TR, &d->internal))
        return qn_desc_prefix(ps, "tr()");
    size_t own = d->key[d->internal].branches;
    *branches = own;
    if (t.len == 0)
        return true;
    if (!qn_text_take(&t, ','))
        return qn_desc_fail(ps, "tr: expected ',', got '%c'", t.p[0]);
    bool ok = parse_tree(ps, t, &each, branches) && check_branches(ps, &each, own, *branches);
    qn_grow_clear(&each);
    return ok;
}

/* ---- Miniscript ---- */

typedef struct key_reader {
    qn_desc_parser *ps;
    qn_desc_context ctx;
    qn_grow keys; /* numbers, uint32_t each */
    bool refused;
} key_reader;

static bool read_key(void *arg, qn_text t)
{
    key_reader *r = arg;
    uint32_t key;
    r->refused = !qn_desc_parse_key(r->ps, t, r->ctx, &key);
    if (r->refused)
        return false;
    qn_grow_put(&r->keys, &key, sizeof key);
    return !r->keys.failed;
}

/* Public bytes of every key at index 0 for the comparison. All that need a secret count as the
 * same, as in Core. */
typedef struct key_bytes {
    uint8_t (*b)[65];
} key_bytes;

static int compare_keys(const void *arg, uint32_t a, uint32_t b)
{
    const key_bytes *k = arg;
    return memcmp(k->b[a], k->b[b], 65);
}

static bool find_duplicates(qn_desc_parser *ps, qn_ms *m, const uint32_t *key)
{
    key_bytes k = {calloc(m->n_keys + 1, sizeof *k.b)};
    const qn_key_at first = {0, 0, false, NULL};
    bool ok = k.b != NULL;
    for (size_t i = 0; ok && i < m->n_keys; i++) {
        size_t len;
        ok = qn_key_derive(ps->d, key[i], &first, k.b[i], &len) != QN_DERIVE_NO_MEMORY;
    }
    ok = ok && qn_ms_find_duplicates(m, compare_keys, &k);
    free(k.b);
    return ok || qn_desc_no_memory(ps);
}

typedef struct key_printer {
    const qn_descriptor *d;
    const uint32_t *key;
} key_printer;

static void print_key(void *arg, uint32_t key, qn_out *o)
{
    const key_printer *p = arg;
    qn_key_print(p->d, &p->d->key[p->key[key]], 0, o);
}

/* "PART why": of a part that is too long for the error its beginning. */
static bool fail_insane(qn_desc_parser *ps, const qn_ms *m, const uint32_t *key)
{
    const qn_ms_node *part = NULL;
    const char *why = qn_ms_why(m, &part);
    key_printer p = {ps->d, key};
    qn_out o = {ps->err, ps->err_cap, 0};
    size_t room = strlen(why) + 1;
    if (ps->err_cap <= room)
        return false;
    o.cap -= room;
    if (!qn_ms_print(m, part, print_key, &p, &o))
        return qn_desc_no_memory(ps);
    memcpy(ps->err + (o.len < o.cap ? o.len : o.cap), why, room);
    return false;
}

static bool finish(qn_desc_parser *ps, qn_ms *m, qn_desc_context ctx, const key_reader *r,
                   size_t *branches)
{
    const size_t n = m->n_keys;
    uint32_t *key = qn_arena_copy(&ps->d->arena, r->keys.data, n * sizeof *key);
    if (!key)
        return qn_desc_no_memory(ps);
    if (ctx != QN_CTX_WSH && ctx != QN_CTX_TR)
        return qn_desc_fail(ps, "Miniscript expressions can only be used in wsh or tr.");
    if (!find_duplicates(ps, m, key))
        return false;
    if (!qn_ms_sane(m) || !qn_ms_satisfiable(m))
        return fail_insane(ps, m, key);
    for (size_t i = 0; i < n; i++)
        if (ps->d->key[key[i]].branches > *branches)
            *branches = ps->d->key[key[i]].branches;
    for (size_t i = 0; i < n; i++) {
        size_t b = ps->d->key[key[i]].branches;
        if (b != 1 && b != *branches)
            return qn_desc_fail(ps,
                                "Miniscript: Multipath derivation paths have mismatched lengths");
    }
    qn_expr *e = qn_desc_new_expr(ps, QN_EXPR_MINISCRIPT);
    if (!e)
        return false;
    e->ms = m;
    e->key = key;
    e->n_keys = n;
    return true;
}

bool qn_desc_parse_miniscript(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, bool *met,
                              size_t *branches)
{
    const bool tap = ctx != QN_CTX_WSH;
    key_reader r = {ps, tap ? QN_CTX_TR : QN_CTX_WSH, {NULL, 0, 0, false}, false};
    const qn_ms_reader reader = {&r, read_key, NULL, NULL};
    qn_ms *m = qn_arena_get(&ps->d->arena, 1, sizeof *m);
    bool ok = false;
    *met = true;
    if (!m)
        return qn_desc_no_memory(ps);
    qn_ms_init(m, &ps->d->arena, tap);
    if (qn_ms_parse(m, t, &reader))
        ok = finish(ps, m, ctx, &r, branches);
    else
        *met = r.refused;
    qn_grow_clear(&r.keys);
    return ok;
}
