#include "core/cli/text.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "core/base/json_walk.h"

#include <jansson.h>

#include <stdarg.h>
#include <stdio.h>

void qc_text_add(qc_bytes *out, const char *s, size_t n)
{
    qc_err err = qc_bytes_append(out, s, n);
    QC_ASSERT(err == QC_OK); /* a client that runs out of memory has nothing to save */
}

void qc_text_addf(qc_bytes *out, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    qc_err err = n < 0 ? QC_EBUG : qc_bytes_reserve(out, (size_t)n + 1);
    QC_ASSERT(err == QC_OK);
    vsnprintf((char *)out->data + out->len, (size_t)n + 1, fmt, again);
    va_end(again);
    out->len += (size_t)n;
}

bool qc_text_is_json(qc_span text)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_t *v = json_loadb((const char *)text.data, text.len, flags, NULL);
    json_decref(v);
    return v != NULL;
}

char *qc_text_json_error(qc_span text)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_error_t e;
    json_t *v = json_loadb((const char *)text.data, text.len, flags, &e);
    if (v) {
        json_decref(v);
        return NULL;
    }
    return qc_asprintf("at character %d: %s", e.position, e.text);
}

/* ---- walking valid JSON ---- */

static qc_span cut(qc_span t, size_t from, size_t to)
{
    return (qc_span){t.data + from, to - from};
}

/* Decoded text of a string token; false when it is none. */
static json_t *decode(qc_span token)
{
    return json_loadb((const char *)token.data, token.len,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

static bool key_is(qc_span token, const char *key)
{
    json_t *v = decode(token);
    bool same = json_is_string(v) && strcmp(json_string_value(v), key) == 0;
    json_decref(v);
    return same;
}

qc_span qc_text_member(qc_span t, const char *key)
{
    qc_span found = {NULL, 0};
    size_t i = qc_json_skip_space(t, 0);
    if (i >= t.len || t.data[i] != '{')
        return found;
    i = qc_json_skip_space(t, i + 1);
    while (i < t.len && t.data[i] == '"') {
        size_t end = qc_json_skip_string(t, i);
        bool here = key_is(cut(t, i, end), key);
        i = qc_json_skip_space(t, end);
        i = qc_json_skip_space(t, i + 1); /* the colon */
        end = qc_json_skip_value(t, i);
        if (here)
            found = cut(t, i, end); /* the last of that name counts */
        i = qc_json_skip_space(t, end);
        if (i < t.len && t.data[i] == ',')
            i = qc_json_skip_space(t, i + 1);
    }
    return found;
}

qc_span qc_text_next(qc_span t, size_t *at)
{
    size_t i = qc_json_skip_space(t, *at);
    if (*at == 0 && i < t.len && t.data[i] == '[')
        i = qc_json_skip_space(t, i + 1);
    else if (*at && i < t.len && t.data[i] == ',')
        i = qc_json_skip_space(t, i + 1);
    else
        i = t.len;
    if (i >= t.len || t.data[i] == ']')
        return (qc_span){NULL, 0};
    *at = qc_json_skip_value(t, i);
    return cut(t, i, *at);
}

qc_span qc_text_element(qc_span t, size_t n)
{
    size_t at = 0;
    qc_span e = qc_text_next(t, &at);
    while (e.len && n--)
        e = qc_text_next(t, &at);
    return e;
}

bool qc_text_is_null(qc_span v)
{
    return v.len == 0 || qc_span_eq(v, qc_span_str("null"));
}

/* ---- printing ---- */
static void new_line(qc_bytes *out, size_t depth)
{
    qc_text_add(out, "\n", 1);
    for (size_t i = 0; i < depth; i++)
        qc_text_add(out, "  ", 2);
}

void qc_text_pretty(qc_bytes *out, qc_span v)
{
    size_t depth = 0;
    for (size_t i = qc_json_skip_space(v, 0); i < v.len; i = qc_json_skip_space(v, i)) {
        const char *at = (const char *)v.data + i;
        size_t end = i + 1;
        switch (*at) {
        case '{':
        case '[':
            qc_text_add(out, at, 1);
            depth++;
            i = qc_json_skip_space(v, end);
            if (i < v.len && v.data[i] != '}' && v.data[i] != ']')
                new_line(out, depth);
            continue;
        case '}':
        case ']':
            depth--;
            new_line(out, depth);
            qc_text_add(out, at, 1);
            break;
        case ',':
            qc_text_add(out, at, 1);
            new_line(out, depth);
            break;
        case ':':
            qc_text_add(out, ": ", 2);
            break;
        case '"':
            end = qc_json_skip_string(v, i);
            qc_text_add(out, at, end - i);
            break;
        default:
            while (end < v.len && !strchr(",:]} \t\r\n", v.data[end]))
                end++;
            qc_text_add(out, at, end - i);
            break;
        }
        i = end;
    }
}

void qc_text_plain(qc_bytes *out, qc_span v)
{
    json_t *s = v.len && v.data[0] == '"' ? decode(v) : NULL;
    if (json_is_string(s))
        qc_text_add(out, json_string_value(s), json_string_length(s));
    else
        qc_text_add(out, (const char *)v.data, v.len);
    json_decref(s);
}

void qc_text_tame(qc_bytes *out, qc_span text, bool json)
{
    while (text.len) {
        const qc_char c = qc_char_at(text);
        if (c.fit || c.point == '\n' || c.point == '\t')
            qc_text_add(out, (const char *)text.data, c.len);
        else if (json && c.point <= 0xffff)
            qc_text_addf(out, "\\u%04x", (unsigned)c.point);
        else
            qc_text_add(out, "?", 1);
        text = qc_span_of(text.data + c.len, text.len - c.len);
    }
}

void qc_text_shown(qc_bytes *out, qc_span v)
{
    qc_bytes plain = QC_BYTES_INIT;
    qc_text_plain(&plain, v);
    qc_text_tame(out, qc_bytes_span(&plain), false);
    qc_bytes_free(&plain);
}

void qc_text_quote(qc_bytes *out, const char *s, size_t n)
{
    qc_text_add(out, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            qc_text_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            qc_text_addf(out, "\\u%04x", c);
        else
            qc_text_add(out, s + i, 1);
    }
    qc_text_add(out, "\"", 1);
}
