#include "core/rpc/json_write.h"

#include "core/base/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COIN 100000000u

static void put(qc_jw *w, const void *data, size_t n)
{
    if (!w->failed && qc_bytes_append(&w->out, data, n))
        w->failed = true;
}

/* What must stand before a value: the comma of the one before it. */
static void begin_value(qc_jw *w)
{
    if (w->comma)
        put(w, ",", 1);
    w->comma = true;
}

static void put_value(qc_jw *w, const char *text, size_t n)
{
    begin_value(w);
    put(w, text, n);
}

bool qc_jw_ok(const qc_jw *w)
{
    return !w->failed && w->depth == 0;
}

bool qc_jw_is_empty(const qc_jw *w)
{
    return w->out.len == 0 && !w->failed;
}

void qc_jw_clear(qc_jw *w)
{
    qc_bytes_free(&w->out);
    *w = (qc_jw)QC_JW_INIT;
}

static void open_level(qc_jw *w, char c)
{
    begin_value(w);
    put(w, &c, 1);
    w->comma = false;
    w->depth++;
}

static void close_level(qc_jw *w, char c)
{
    QC_ASSERT(w->depth > 0);
    put(w, &c, 1);
    w->comma = true;
    w->depth--;
}

void qc_jw_obj(qc_jw *w)
{
    open_level(w, '{');
}

void qc_jw_obj_end(qc_jw *w)
{
    close_level(w, '}');
}

void qc_jw_arr(qc_jw *w)
{
    open_level(w, '[');
}

void qc_jw_arr_end(qc_jw *w)
{
    close_level(w, ']');
}

/* The escape of one byte, or 0 when it stands for itself. */
static size_t escape(unsigned char c, char out[8])
{
    static const char SHORT[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; SHORT[i]; i += 2) {
        if ((unsigned char)SHORT[i] == c) {
            out[0] = '\\';
            out[1] = SHORT[i + 1];
            return 2;
        }
    }
    if (c >= 0x20 && c != 0x7f)
        return 0;
    snprintf(out, 8, "\\u%04x", c);
    return 6;
}

static void put_quoted(qc_jw *w, const char *s, size_t n)
{
    put(w, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        char esc[8];
        size_t len = escape((unsigned char)s[i], esc);
        if (len == 0)
            continue;
        put(w, s + from, i - from);
        put(w, esc, len);
        from = i + 1;
    }
    put(w, s + from, n - from);
    put(w, "\"", 1);
}

void qc_jw_key(qc_jw *w, const char *key)
{
    begin_value(w);
    put_quoted(w, key, strlen(key));
    put(w, ":", 1);
    w->comma = false;
}

void qc_jw_strn(qc_jw *w, const char *s, size_t n)
{
    begin_value(w);
    put_quoted(w, s, n);
}

void qc_jw_str(qc_jw *w, const char *s)
{
    qc_jw_strn(w, s, strlen(s));
}

void qc_jw_strf(qc_jw *w, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = n < 0 ? NULL : qc_try_malloc((size_t)n + 1);
    if (text) {
        vsnprintf(text, (size_t)n + 1, fmt, again);
        qc_jw_strn(w, text, (size_t)n);
    } else {
        w->failed = true;
    }
    va_end(again);
    qc_free(text);
}

void qc_jw_int(qc_jw *w, int64_t v)
{
    char buf[24];
    put_value(w, buf, (size_t)snprintf(buf, sizeof buf, "%" PRId64, v));
}

void qc_jw_uint(qc_jw *w, uint64_t v)
{
    char buf[24];
    put_value(w, buf, (size_t)snprintf(buf, sizeof buf, "%" PRIu64, v));
}

void qc_jw_bool(qc_jw *w, bool v)
{
    put_value(w, v ? "true" : "false", v ? 4 : 5);
}

void qc_jw_null(qc_jw *w)
{
    put_value(w, "null", 4);
}

void qc_jw_amount(qc_jw *w, int64_t satoshis)
{
    uint64_t abs = satoshis < 0 ? 0 - (uint64_t)satoshis : (uint64_t)satoshis;
    char buf[40];
    int n = snprintf(buf, sizeof buf, "%s%" PRIu64 ".%08" PRIu64, satoshis < 0 ? "-" : "",
                     abs / COIN, abs % COIN);
    put_value(w, buf, (size_t)n);
}

void qc_jw_double(qc_jw *w, double v)
{
    char buf[40];
    if (!isfinite(v)) {
        qc_jw_null(w);
        return;
    }
    put_value(w, buf, (size_t)snprintf(buf, sizeof buf, "%.16g", v));
}

void qc_jw_hex(qc_jw *w, qc_span data)
{
    static const char DIGIT[] = "0123456789abcdef";
    begin_value(w);
    put(w, "\"", 1);
    if (!w->failed && (data.len > SIZE_MAX / 2 || qc_bytes_reserve(&w->out, data.len * 2)))
        w->failed = true;
    if (w->failed)
        return;
    uint8_t *p = w->out.data + w->out.len;
    for (size_t i = 0; i < data.len; i++) {
        *p++ = (uint8_t)DIGIT[data.data[i] >> 4];
        *p++ = (uint8_t)DIGIT[data.data[i] & 15];
    }
    w->out.len += data.len * 2;
    put(w, "\"", 1);
}

void qc_jw_hash(qc_jw *w, const qc_hash *h)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(h, hex);
    qc_jw_strn(w, hex, QC_HASH_HEX_LEN);
}

void qc_jw_raw(qc_jw *w, const char *text, size_t n)
{
    put_value(w, text, n);
}

char *qc_jw_room(qc_jw *w, size_t n)
{
    begin_value(w);
    if (!w->failed && qc_bytes_reserve(&w->out, n))
        w->failed = true;
    if (w->failed)
        return NULL;
    char *room = (char *)w->out.data + w->out.len;
    w->out.len += n;
    return room;
}

static void put_real(qc_jw *w, double v)
{
    /* The shortest text that reads back as the same number. */
    char buf[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, v);
        if (strtod(buf, NULL) >= v && strtod(buf, NULL) <= v)
            break;
    }
    put_value(w, buf, strlen(buf));
}

void qc_jw_json(qc_jw *w, const json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        qc_jw_obj(w);
        /* jansson's iterators lack const; nothing is changed through them. */
        for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
             it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
            key = json_object_iter_key(it);
            begin_value(w);
            put_quoted(w, key, json_object_iter_key_len(it));
            put(w, ":", 1);
            w->comma = false;
            qc_jw_json(w, json_object_iter_value(it));
        }
        qc_jw_obj_end(w);
        break;
    case JSON_ARRAY:
        qc_jw_arr(w);
        json_array_foreach(v, i, item)
        {
            qc_jw_json(w, item);
        }
        qc_jw_arr_end(w);
        break;
    case JSON_STRING:
        qc_jw_strn(w, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        qc_jw_int(w, json_integer_value(v));
        break;
    case JSON_REAL:
        put_real(w, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        qc_jw_bool(w, json_is_true(v));
        break;
    case JSON_NULL:
        qc_jw_null(w);
        break;
    }
}
