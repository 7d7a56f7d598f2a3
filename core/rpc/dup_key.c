#include "core/rpc/dup_key.h"

#include "core/base/alloc.h"
#include "core/base/json_walk.h"

#include <jansson.h>

static qc_span cut(qc_span t, size_t from, size_t to)
{
    return qc_span_of(t.data + from, to - from);
}

qc_span qc_rpc_next_call(qc_span t, size_t *at)
{
    size_t i = qc_json_skip_space(t, *at);
    if (i < t.len && (t.data[i] == '[' || t.data[i] == ','))
        i = qc_json_skip_space(t, i + 1);
    if (i >= t.len || t.data[i] == ']')
        return (qc_span){NULL, 0};
    *at = qc_json_skip_value(t, i);
    return cut(t, i, *at);
}

static json_t *parse(qc_span t, size_t flags, json_error_t *err)
{
    return json_loadb((const char *)t.data, t.len, flags | JSON_DECODE_ANY | JSON_ALLOW_NUL, err);
}

/* However it is written. */
static bool is_params(qc_span key)
{
    json_t *v = parse(key, 0, NULL);
    const bool same = json_is_string(v) && strcmp(json_string_value(v), "params") == 0;
    json_decref(v);
    return same;
}

/* The last one, as the parser takes it. */
static qc_span params_of(qc_span t)
{
    qc_span found = {NULL, 0};
    size_t i = qc_json_skip_space(t, 0);
    if (i >= t.len || t.data[i] != '{')
        return found;
    i = qc_json_skip_space(t, i + 1);
    while (i < t.len && t.data[i] == '"') {
        size_t end = qc_json_skip_string(t, i);
        const bool here = is_params(cut(t, i, end));
        i = qc_json_skip_space(t, end);
        i = qc_json_skip_space(t, i + 1); /* the colon */
        end = qc_json_skip_value(t, i);
        if (here)
            found = cut(t, i, end);
        i = qc_json_skip_space(t, end);
        if (i < t.len && t.data[i] == ',')
            i = qc_json_skip_space(t, i + 1);
    }
    return found;
}

/* A key that came twice, whose closing quote is the last thing that the parser has read. Empty: it
 * cannot be told, as with a key that is written with escapes. */
static char *key_before(qc_span t, int position)
{
    const char *text = (const char *)t.data;
    const size_t end = position > 0 && (size_t)position <= t.len ? (size_t)position : 0;
    size_t from = end ? end - 1 : 0;
    if (end < 2 || text[end - 1] != '"')
        return qc_strdup("");
    while (from > 0 && text[from - 1] != '"')
        from--;
    if (from == 0 || memchr(text + from, '\\', end - 1 - from) ||
        (from > 1 && text[from - 2] == '\\'))
        return qc_strdup("");
    return qc_asprintf("%.*s", (int)(end - 1 - from), text + from);
}

char *qc_rpc_find_dup_key(qc_span call)
{
    const qc_span params = params_of(call);
    json_error_t err;
    if (!params.len)
        return NULL;
    json_t *v = parse(params, JSON_REJECT_DUPLICATES, &err);
    if (!v && json_error_code(&err) == json_error_numeric_overflow)
        v = parse(params, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &err);
    if (!v && json_error_code(&err) == json_error_duplicate_key)
        return key_before(params, err.position);
    json_decref(v);
    return NULL;
}
