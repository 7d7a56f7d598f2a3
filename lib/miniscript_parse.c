/* Miniscript from text. What is open is kept on a stack of frames: wrappers wait for the expression
 * behind their colon, functions for their arguments. */
#include "lib/miniscript.h"

#include "lib/hex.h"

#include <stdlib.h>
#include <string.h>

/* Beside the kinds of nodes: names that stand for a combination. */
enum { AND_N = 100, WRAP_L, WRAP_U, WRAP_T };

typedef struct frame {
    int kind;
    uint32_t k;
    size_t have, want; /* arguments; want 0: any number, of thresh() */
} frame;

typedef struct parser {
    qn_ms *m;
    const qn_ms_reader *r;
    qn_text t;
    frame *frame;
    size_t n_frames, frames_cap;
    qn_ms_node **value; /* finished arguments of all open functions */
    size_t n_values, values_cap;
} parser;

static bool open_frame(parser *p, int kind, size_t want, uint32_t k)
{
    if (p->n_frames == p->frames_cap) {
        size_t cap = p->frames_cap ? 2 * p->frames_cap : 64;
        frame *more = realloc(p->frame, cap * sizeof *more);
        if (!more)
            return false;
        p->frame = more;
        p->frames_cap = cap;
    }
    p->frame[p->n_frames++] = (frame){kind, k, 0, want};
    return p->n_frames <= QN_MS_MAX_NODES;
}

static bool keep_value(parser *p, qn_ms_node *v)
{
    if (p->n_values == p->values_cap) {
        size_t cap = p->values_cap ? 2 * p->values_cap : 64;
        qn_ms_node **more = realloc(p->value, cap * sizeof *more);
        if (!more)
            return false;
        p->value = more;
        p->values_cap = cap;
    }
    p->value[p->n_values++] = v;
    return true;
}

/* Letters in front of a colon. */
static bool open_wrappers(parser *p)
{
    static const struct {
        char letter;
        int kind;
    } wrappers[] = {{'a', QN_MS_A}, {'s', QN_MS_S}, {'c', QN_MS_C}, {'d', QN_MS_D},
                    {'v', QN_MS_V}, {'j', QN_MS_J}, {'n', QN_MS_N}, {'l', WRAP_L},
                    {'u', WRAP_U},  {'t', WRAP_T},  {'\0', QN_MS_0}};
    size_t n = 0;
    while (n < p->t.len && p->t.p[n] >= 'a' && p->t.p[n] <= 'z')
        n++;
    if (n == 0 || n == p->t.len || p->t.p[n] != ':')
        return true;
    for (size_t i = 0; i < n; i++) {
        size_t w = 0;
        while (wrappers[w].letter && wrappers[w].letter != p->t.p[i])
            w++;
        /* V of V is no expression, and never made. */
        if (!wrappers[w].letter || (i > 0 && p->t.p[i] == 'v' && p->t.p[i - 1] == 'v') ||
            !open_frame(p, wrappers[w].kind, 1, 0))
            return false;
    }
    p->t.p += n + 1;
    p->t.len -= n + 1;
    return true;
}

/* "name(", and what is inside. NULL p: another name, or no end. */
static qn_text take_call(parser *p, const char *name)
{
    qn_text e = qn_text_expression(&p->t);
    return qn_text_function(&e, name) ? e : (qn_text){NULL, 0};
}

static bool read_key(parser *p, qn_text t)
{
    if (!p->r->text(p->r->arg, t))
        return false;
    p->m->n_keys++;
    return true;
}

static qn_ms_node *parse_key(parser *p, const char *name, qn_ms_kind kind, bool checked)
{
    qn_text t = take_call(p, name);
    if (!t.p || !read_key(p, t))
        return NULL;
    qn_ms_node *n = qn_ms_keys(p->m, kind, 1, 0, false);
    return n && checked ? qn_ms_join(p->m, QN_MS_C, &n, 1, 0) : n;
}

static qn_ms_node *parse_hash(parser *p, const char *name, qn_ms_kind kind, size_t len)
{
    uint8_t hash[32];
    qn_text t = take_call(p, name);
    if (!t.p || t.len != 2 * len || !qn_hex_decode(t.p, t.len, hash, sizeof hash))
        return NULL;
    return qn_ms_hash(p->m, kind, hash, len);
}

static qn_ms_node *parse_lock(parser *p, const char *name, qn_ms_kind kind)
{
    uint64_t v;
    qn_text t = take_call(p, name);
    if (!t.p || !qn_text_number(t, 0x7fffffff, &v) || v < 1)
        return NULL;
    return qn_ms_leaf(p->m, kind, (uint32_t)v);
}

/* Up to a comma or closing bracket, whatever opens between. *end: which it was. */
static qn_text take_item(parser *p, char *end)
{
    size_t n = 0;
    while (n < p->t.len && p->t.p[n] != ',' && p->t.p[n] != ')')
        n++;
    qn_text item = {p->t.p, n};
    *end = n < p->t.len ? p->t.p[n] : '\0';
    p->t.p += n + (*end != '\0');
    p->t.len -= n + (*end != '\0');
    return item;
}

static bool take_number(parser *p, uint64_t max, uint64_t *k)
{
    char end;
    qn_text t = take_item(p, &end);
    return end == ',' && qn_text_number(t, max, k);
}

/* Behind "multi(" or "multi_a(". The number is judged behind the keys, of which one may be wrong.
 */
static qn_ms_node *parse_multi(parser *p, qn_ms_kind kind)
{
    uint64_t k;
    size_t n = 0, max = kind == QN_MS_MULTI ? QN_MS_MAX_MULTI : QN_MS_MAX_MULTI_A;
    char end = ',';
    if (p->m->tap != (kind == QN_MS_MULTI_A) || !take_number(p, INT64_MAX, &k))
        return NULL;
    for (; end == ','; n++) {
        qn_text t = take_item(p, &end);
        if (t.len == 0 || end == '\0' || !read_key(p, t))
            return NULL;
    }
    return n > max || k < 1 || k > n ? NULL : qn_ms_keys(p->m, kind, n, (uint32_t)k, false);
}

static bool skip(parser *p, const char *word)
{
    if (!qn_text_starts(p->t, word))
        return false;
    p->t.p += strlen(word);
    p->t.len -= strlen(word);
    return true;
}

/* An expression without arguments that are expressions. *met: it was one. */
static qn_ms_node *parse_leaf(parser *p, bool *met)
{
    *met = true;
    if (skip(p, "0"))
        return qn_ms_leaf(p->m, QN_MS_0, 0);
    if (skip(p, "1"))
        return qn_ms_leaf(p->m, QN_MS_1, 0);
    if (qn_text_starts(p->t, "pk("))
        return parse_key(p, "pk", QN_MS_PK_K, true);
    if (qn_text_starts(p->t, "pkh("))
        return parse_key(p, "pkh", QN_MS_PK_H, true);
    if (qn_text_starts(p->t, "pk_k("))
        return parse_key(p, "pk_k", QN_MS_PK_K, false);
    if (qn_text_starts(p->t, "pk_h("))
        return parse_key(p, "pk_h", QN_MS_PK_H, false);
    if (qn_text_starts(p->t, "sha256("))
        return parse_hash(p, "sha256", QN_MS_SHA256, 32);
    if (qn_text_starts(p->t, "hash256("))
        return parse_hash(p, "hash256", QN_MS_HASH256, 32);
    if (qn_text_starts(p->t, "ripemd160("))
        return parse_hash(p, "ripemd160", QN_MS_RIPEMD160, 20);
    if (qn_text_starts(p->t, "hash160("))
        return parse_hash(p, "hash160", QN_MS_HASH160, 20);
    if (qn_text_starts(p->t, "older("))
        return parse_lock(p, "older", QN_MS_OLDER);
    if (qn_text_starts(p->t, "after("))
        return parse_lock(p, "after", QN_MS_AFTER);
    if (skip(p, "multi("))
        return parse_multi(p, QN_MS_MULTI);
    if (skip(p, "multi_a("))
        return parse_multi(p, QN_MS_MULTI_A);
    *met = false;
    return NULL;
}

static bool open_function(parser *p)
{
    static const struct {
        const char *name;
        int kind;
        size_t want;
    } functions[] = {{"andor(", QN_MS_ANDOR, 3}, {"and_n(", AND_N, 2},
                     {"and_b(", QN_MS_AND_B, 2}, {"and_v(", QN_MS_AND_V, 2},
                     {"or_b(", QN_MS_OR_B, 2},   {"or_c(", QN_MS_OR_C, 2},
                     {"or_d(", QN_MS_OR_D, 2},   {"or_i(", QN_MS_OR_I, 2}};
    uint64_t k = 0;
    if (skip(p, "thresh("))
        return take_number(p, QN_MS_MAX_SUBS, &k) && k >= 1 &&
               open_frame(p, QN_MS_THRESH, 0, (uint32_t)k);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (skip(p, functions[i].name))
            return open_frame(p, functions[i].kind, functions[i].want, 0);
    return false;
}

static qn_ms_node *wrap(parser *p, int kind, qn_ms_node *x)
{
    qn_ms_node *pair[2] = {x, x};
    if (!x || kind < AND_N)
        return x ? qn_ms_join(p->m, (qn_ms_kind)kind, &x, 1, 0) : NULL;
    pair[kind == WRAP_L ? 0 : 1] = qn_ms_leaf(p->m, kind == WRAP_T ? QN_MS_1 : QN_MS_0, 0);
    if (!pair[0] || !pair[1])
        return NULL;
    return qn_ms_join(p->m, kind == WRAP_T ? QN_MS_AND_V : QN_MS_OR_I, pair, 2, 0);
}

static qn_ms_node *close_function(parser *p, const frame *f)
{
    qn_ms_node **sub = p->value + p->n_values - f->have;
    qn_ms_node *three[3];
    p->n_values -= f->have;
    if (f->kind != AND_N)
        return qn_ms_join(p->m, (qn_ms_kind)f->kind, sub, f->have, f->k);
    three[0] = sub[0];
    three[1] = sub[1];
    three[2] = qn_ms_leaf(p->m, QN_MS_0, 0);
    return three[2] ? qn_ms_join(p->m, QN_MS_ANDOR, three, 3, 0) : NULL;
}

/* An expression is complete: close what it completes. *more: another argument follows. */
static qn_ms_node *reduce(parser *p, qn_ms_node *v, bool *more)
{
    *more = false;
    while (v && p->n_frames) {
        frame *f = &p->frame[p->n_frames - 1];
        bool is_wrapper = f->want == 1;
        if (is_wrapper) {
            v = wrap(p, f->kind, v);
        } else {
            if (!keep_value(p, v))
                return NULL;
            f->have++;
            if ((f->want == 0 ? f->have < QN_MS_MAX_SUBS : f->have < f->want) &&
                qn_text_take(&p->t, ',')) {
                *more = true;
                return v;
            }
            if ((f->want ? f->have != f->want : f->have < f->k) || !qn_text_take(&p->t, ')'))
                return NULL;
            v = close_function(p, f);
        }
        p->n_frames--;
    }
    return v;
}

static qn_ms_node *parse_all(parser *p)
{
    for (;;) {
        bool leaf, more;
        if (!open_wrappers(p))
            return NULL;
        qn_ms_node *v = parse_leaf(p, &leaf);
        if (!leaf) {
            if (!open_function(p))
                return NULL;
            continue;
        }
        v = reduce(p, v, &more);
        if (!v || !more)
            return v;
    }
}

bool qn_ms_parse(qn_ms *m, qn_text t, const qn_ms_reader *r)
{
    parser p = {m, r, t, NULL, 0, 0, NULL, 0, 0};
    m->root = parse_all(&p);
    free(p.frame);
    free(p.value);
    if (p.t.len || (m->root && m->root->size > (m->tap ? QN_MS_MAX_TAP : QN_MS_MAX_WSH)))
        m->root = NULL;
    return m->root != NULL;
}
