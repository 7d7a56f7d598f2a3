/* Parameters before a handler sees them: names to positions, count, JSON types. Texts and order of
 * checks follow Core's rpc/server.cpp (transformNamedArguments) and rpc/util.cpp (RPCMethod). */
#include "core/rpc/registry.h"

#include "core/base/alloc.h"

#include <stdio.h>

bool qc_rpc_names_have(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = names; p; p = strchr(p, '|'), p = p ? p + 1 : NULL) {
        size_t len = strcspn(p, "|");
        if (len == n && memcmp(p, name, n) == 0)
            return true;
    }
    return false;
}

int qc_rpc_first_name_len(const char *names)
{
    return (int)strcspn(names, "|");
}

size_t qc_rpc_param_count(const qc_rpc_param *p)
{
    size_t n = 0;
    while (p && p[n].names)
        n++;
    return n;
}

bool qc_rpc_arity_ok(const qc_rpc_param *params, size_t n)
{
    size_t max = qc_rpc_param_count(params), min = 0;
    for (size_t i = 0; i < max; i++)
        if (params[i].required)
            min = i + 1;
    return min <= n && n <= max;
}

/* ---- types ---- */
const char *qc_rpc_type_text(json_type t)
{
    switch (t) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "null";
}

const char *qc_rpc_type_name(const json_t *v)
{
    return qc_rpc_type_text(v ? json_typeof(v) : JSON_NULL);
}

/* Name of the JSON type a parameter must have; NULL: checked by its accessor. */
static const char *expected_type(qc_rpc_type t)
{
    switch (t) {
    case QC_T_STR:
    case QC_T_HEX:
        return "string";
    case QC_T_NUM:
        return "number";
    case QC_T_BOOL:
        return "bool";
    case QC_T_OBJ:
    case QC_T_OBJ_USER_KEYS:
    case QC_T_OBJ_NAMED:
        return "object";
    case QC_T_ARR:
        return "array";
    case QC_T_AMOUNT:
    case QC_T_RANGE:
        break;
    }
    return NULL;
}

static bool type_matches(const qc_rpc_param *p, const json_t *v)
{
    const char *want = expected_type(p->type);
    if (p->skip_type_check || !want || (!p->required && (!v || json_is_null(v))))
        return true;
    return strcmp(want, qc_rpc_type_name(v)) == 0;
}

bool qc_rpc_check_types(qc_rpc_req *r, const qc_rpc_param *params, const json_t *array)
{
    char *text = NULL;
    for (size_t i = 0; i < qc_rpc_param_count(params); i++) {
        const json_t *v = json_array_get(array, i);
        if (type_matches(&params[i], v))
            continue;
        char *more =
            qc_asprintf("%s%s\n    \"Position %zu (%s)\": \"JSON value of type %s is not of "
                        "expected type %s\"",
                        text ? text : "", text ? "," : "", i + 1, params[i].names,
                        qc_rpc_type_name(v), expected_type(params[i].type));
        qc_free(text);
        text = more;
    }
    if (!text)
        return true;
    qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Wrong type passed:\n{%s\n}", text);
    qc_free(text);
    return false;
}

/* ---- names ---- */
typedef struct resolver {
    qc_rpc_req *r;
    json_t *left;    /* named parameters not used yet */
    json_t *out;     /* positional parameters so far */
    json_t *options; /* named-only members waiting for their options object */
    size_t hole;     /* unspecified positions since the last specified one */
    size_t initial_hole;
    const char *initial_names; /* first parameter given by name */
} resolver;

/* The key in `left` that is one of `names`, or NULL. Borrowed from the names table. */
static const char *given_as(const resolver *s, const char *names, char *buf, size_t cap)
{
    for (const char *p = names; p; p = strchr(p, '|'), p = p ? p + 1 : NULL) {
        int len = (int)strcspn(p, "|");
        snprintf(buf, cap, "%.*s", len, p);
        if (json_object_get(s->left, buf))
            return buf;
    }
    return NULL;
}

static bool take_named_only(resolver *s, const qc_rpc_param *inner)
{
    char key[64];
    for (; inner && inner->names; inner++) {
        if (!given_as(s, inner->names, key, sizeof key))
            continue;
        json_object_set(s->options, key, json_object_get(s->left, key));
        json_object_del(s->left, key);
    }
    return true;
}

static bool take_positional(resolver *s, const qc_rpc_param *p)
{
    char key[64];
    const char *given = given_as(s, p->names, key, sizeof key);
    bool have_options = json_object_size(s->options) > 0;
    if (!given && !have_options) {
        s->hole++;
        if (json_array_size(s->out) == 0)
            s->initial_hole = s->hole;
        return true;
    }
    /* Positions skipped before this one become null; trailing ones stay absent. */
    for (; s->hole > 0; s->hole--)
        json_array_append_new(s->out, json_null());
    if (!s->initial_names)
        s->initial_names = p->names;
    if (given && have_options) {
        const char *first = json_object_iter_key(json_object_iter(s->options));
        return qc_rpc_fail(s->r, QC_RPC_INVALID_PARAMETER,
                           "Parameter %s conflicts with parameter %s", given, first);
    }
    if (given) {
        json_array_append(s->out, json_object_get(s->left, key));
        json_object_del(s->left, key);
    } else {
        json_array_append(s->out, s->options);
        json_decref(s->options);
        s->options = json_object();
    }
    return true;
}

/* "args": [...] gives the first positions; the named ones must lie behind them. */
static bool merge_args(resolver *s)
{
    json_t *args = json_object_get(s->left, "args");
    if (!json_is_array(args)) {
        /* Core takes the key out whatever it holds, and looks no further at it. */
        if (args)
            json_object_del(s->left, "args");
        return true;
    }
    if (s->initial_hole < json_array_size(args) && s->initial_names)
        return qc_rpc_fail(s->r, QC_RPC_INVALID_PARAMETER,
                           "Parameter %s specified twice both as positional and named argument",
                           s->initial_names);
    json_t *merged = json_copy(args);
    for (size_t i = json_array_size(args); i < json_array_size(s->out); i++)
        json_array_append(merged, json_array_get(s->out, i));
    json_decref(s->out);
    s->out = merged;
    json_object_del(s->left, "args");
    return true;
}

static bool resolve(resolver *s, const qc_rpc_param *params)
{
    for (const qc_rpc_param *p = params; p && p->names; p++) {
        if (p->type == QC_T_OBJ_NAMED && !take_named_only(s, p->inner))
            return false;
        if (!take_positional(s, p))
            return false;
    }
    if (!merge_args(s))
        return false;
    if (json_object_size(s->left) > 0)
        return qc_rpc_fail(s->r, QC_RPC_INVALID_PARAMETER, "Unknown named parameter %s",
                           json_object_iter_key(json_object_iter(s->left)));
    return true;
}

bool qc_rpc_resolve_names(qc_rpc_req *r, const qc_rpc_param *params, const json_t *named,
                          const char *dup_key, json_t **out)
{
    if (dup_key && json_object_get(named, dup_key))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Parameter %s specified multiple times",
                           dup_key);
    resolver s = {.r = r, .out = json_array(), .options = json_object()};
    s.left = json_copy((json_t *)(uintptr_t)named);
    bool ok = s.left && s.out && s.options;
    if (!ok)
        qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    ok = ok && resolve(&s, params);
    if (ok) {
        *out = s.out;
        s.out = NULL;
    }
    json_decref(s.left);
    json_decref(s.out);
    json_decref(s.options);
    return ok;
}
