/* What a method of the mock's rpc.serve is called with, and when it is not: named parameters in
 * their order, and no more or fewer than there may be, as the node has it. */
#include "lib/mock/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text {
    const char *p;
    size_t len;
} text;

typedef struct list {
    text *v; /* p NULL: a hole */
    size_t n;
} list;

/* ---- walking JSON; NULL: it is none ---- */

static const char *space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

static const char *string(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : NULL;
}

static const char *value(const char *p)
{
    size_t depth = 0;
    do {
        p = space(p);
        const size_t plain = strcspn(p, "\"[]{}:, \t\r\n");
        if (*p == '"') {
            p = string(p);
        } else if (plain) {
            p += plain;
        } else if (*p == '[' || *p == '{') {
            depth++;
            p++;
        } else if (depth && *p) {
            depth -= *p == ']' || *p == '}';
            p++;
        } else {
            return NULL;
        }
    } while (p && depth);
    return p;
}

/* One behind the bracket or the last one. *p: behind it; NULL: it is no JSON. False: that was all.
 */
static bool next_value(const char **p, text *v)
{
    const char *at = space(*p);
    if (*at == ']' || *at == '}')
        return false;
    at = *at == ',' ? space(at + 1) : at;
    *p = value(at);
    *v = (text){at, *p ? (size_t)(*p - at) : 0};
    return *p != NULL;
}

/* As next_value(). Out: the key without quotes. */
static bool next_member(const char **p, text *key, text *v)
{
    if (!next_value(p, key))
        return false;
    const char *colon = space(*p);
    *p = *key->p == '"' && *colon == ':' ? colon + 1 : NULL;
    *key = (text){key->p + 1, key->len - 2};
    return *p && next_value(p, v);
}

/* ---- by name ---- */

static bool is(text a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.p, b, a.len) == 0;
}

static char *wrong(const char *before, text key, const char *after)
{
    const size_t room = strlen(before) + key.len + strlen(after) + 16;
    char *out = qn_mk_grow(NULL, room);
    snprintf(out, room, "error -8: %s%.*s%s", before, (int)key.len, key.p, after);
    return out;
}

static char *no_json(void)
{
    static const char why[] = "error -32700: Parse error";
    return qn_mk_text(why, sizeof why - 1);
}

static void put(list *l, size_t at, text v)
{
    if (at >= l->n) {
        l->v = qn_mk_grow(l->v, (at + 1) * sizeof *l->v);
        memset(l->v + l->n, 0, (at + 1 - l->n) * sizeof *l->v);
        l->n = at + 1;
    }
    l->v[at] = v;
}

/* "args", unless the method has one of its own: the first positions. NULL: fine. */
static char *take_first(const qn_mk_method *x, const char *params, list *out)
{
    const char *p = params + 1;
    text key, v, one;
    while (next_member(&p, &key, &v)) {
        const char *in = v.p + 1;
        if (!is(key, "args") || *v.p != '[' || qn_rpc_arg_at(x->arg_names, "args", 4) >= 0)
            continue;
        while (next_value(&in, &one))
            put(out, out->n, one);
        if (!in)
            return no_json();
    }
    return p ? NULL : no_json();
}

static bool came_before(const char *params, text key)
{
    const char *p = params + 1;
    text k, v;
    while (next_member(&p, &k, &v) && k.p < key.p)
        if (k.len == key.len && memcmp(k.p, key.p, k.len) == 0)
            return true;
    return false;
}

static char *take_one(const qn_mk_method *x, list *out, size_t n_first, text key, text v)
{
    const int at = qn_rpc_arg_at(x->arg_names, key.p, key.len);
    if (at < 0 && is(key, "args"))
        return NULL;
    if (at < 0)
        return wrong("Unknown named parameter ", key, "");
    if ((size_t)at < n_first)
        return wrong("Parameter ", key, " specified twice both as positional and named argument");
    if ((size_t)at < out->n && out->v[at].p && !is(out->v[at], "null"))
        return wrong("Parameter ", key, " specified multiple times");
    put(out, (size_t)at, v);
    return NULL;
}

/* NULL: fine. */
static char *take_named(const qn_mk_method *x, const char *params, list *out)
{
    text key, v;
    char *error = take_first(x, params, out);
    const size_t n_first = out->n;
    for (const char *p = params + 1; !error && next_member(&p, &key, &v);)
        if (came_before(params, key))
            error = wrong("Parameter ", key, " specified multiple times");
    for (const char *p = params + 1; !error && next_member(&p, &key, &v);)
        error = take_one(x, out, n_first, key, v);
    return error;
}

static char *array_of(const list *l)
{
    size_t room = 3, at = 0;
    for (size_t i = 0; i < l->n; i++)
        room += l->v[i].len + 5;
    char *out = qn_mk_grow(NULL, room);
    out[at++] = '[';
    for (size_t i = 0; i < l->n; i++) {
        const text v = l->v[i].p ? l->v[i] : (text){"null", 4};
        if (i)
            out[at++] = ',';
        memcpy(out + at, v.p, v.len);
        at += v.len;
    }
    out[at++] = ']';
    out[at] = 0;
    return out;
}

/* ---- any ---- */

static char *help_of(const qn_mk_method *x)
{
    const size_t room = strlen(x->help) + 16;
    char *out = qn_mk_grow(NULL, room);
    snprintf(out, room, "error -1: %s", x->help);
    return out;
}

char *qn_mk_params(const qn_mk_method *x, const char *params, bool *refused)
{
    list l = {NULL, 0};
    char *out = NULL;
    const char *p = space(params);
    text one;
    *refused = false;
    if (*p != '[' && *p != '{')
        return qn_mk_text(params, strlen(params));
    if (*p == '{') {
        out = take_named(x, p, &l);
    } else {
        for (p++; next_value(&p, &one);)
            put(&l, l.n, one);
        out = p ? NULL : no_json();
    }
    if (!out && (l.n < x->n_args.least || l.n > x->n_args.most))
        out = help_of(x);
    *refused = out != NULL;
    if (!out)
        out = *space(params) == '{' ? array_of(&l) : qn_mk_text(params, strlen(params));
    free(l.v);
    return out;
}
