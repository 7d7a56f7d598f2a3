/* Reading and writing of lines. The parser is jansson; everything behind it checks types, lengths
 * and ranges before anything is used. */
#include "plugins/stratum/message.h"

#include "lib/hex.h"

#include <jansson.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static bool room(st_text *t, size_t n)
{
    if (t->cap - t->len >= n)
        return true;
    size_t cap = t->cap * 2 > t->len + n ? t->cap * 2 : t->len + n + 256;
    char *data = realloc(t->data, cap);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->cap = cap;
    return true;
}

void st_put(st_text *t, const char *data, size_t len)
{
    if (!len || !room(t, len))
        return;
    memcpy(t->data + t->len, data, len);
    t->len += len;
}

void st_puts(st_text *t, const char *s)
{
    st_put(t, s, strlen(s));
}

void st_put_hex(st_text *t, const uint8_t *data, size_t len)
{
    if (!room(t, 2 * len + 1)) /* the encoder adds a NUL */
        return;
    qn_hex_encode(data, len, t->data + t->len);
    t->len += 2 * len;
}

void st_putf(st_text *t, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        st_put(t, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void st_text_take(st_text *t, size_t n)
{
    t->len -= n;
    if (t->len)
        memmove(t->data, t->data + n, t->len);
}

void st_text_free(st_text *t)
{
    free(t->data);
    *t = (st_text){.data = NULL};
}

void st_put_result(st_text *t, const char *id, const char *result)
{
    st_putf(t, "{\"id\":%s,\"result\":%s,\"error\":null}\n", id, result);
}

void st_put_error(st_text *t, const char *id, int code, const char *text)
{
    st_putf(t, "{\"id\":%s,\"result\":null,\"error\":[%d,\"%s\",null]}\n", id, code, text);
}

/* ---- reading ---- */

bool st_number(const char *text, double *out)
{
    /* strtod() alone would take "inf", "nan", hex and leading blanks. */
    size_t len = strlen(text);
    if (!len || len > 40 || strspn(text, "0123456789.eE+-") != len || *text == '-')
        return false;
    char *end;
    double v = strtod(text, &end);
    if (*end || !(v >= 1e-15) || !(v <= 1e18))
        return false;
    *out = v;
    return true;
}

/* Printable ASCII; what else a name may hold is of no use in logs and JSON. */
static bool read_text(const json_t *v, char *out, size_t cap)
{
    const char *s = json_string_value(v);
    if (!s || strlen(s) >= cap || strlen(s) != json_string_length(v))
        return false;
    for (const char *p = s; *p; p++)
        if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
            return false;
    memcpy(out, s, strlen(s) + 1);
    return true;
}

/* Up to eight hex digits of a number. */
static bool read_hex32(const json_t *v, uint32_t *out)
{
    const char *s = json_string_value(v);
    uint32_t n = 0;
    if (!s || !*s || strlen(s) > 8)
        return false;
    for (; *s; s++) {
        int d = qn_hex_digit(*s);
        if (d < 0)
            return false;
        n = n << 4 | (uint32_t)d;
    }
    *out = n;
    return true;
}

/* "1f02": variant 2 of job 1f */
static bool read_job(const json_t *v, uint64_t *job, uint8_t *variant)
{
    const char *s = json_string_value(v);
    uint64_t n = 0;
    unsigned digits = 0;
    for (; s && qn_hex_digit(*s) >= 0 && digits < 16; s++, digits++)
        n = n << 4 | (uint64_t)qn_hex_digit(*s);
    *job = n >> 8;
    *variant = (uint8_t)n;
    return digits && !*s;
}

static bool read_real(const json_t *v, double *out)
{
    double d = json_number_value(v);
    if (!json_is_number(v) || !(d >= 1e-15) || !(d <= 1e18))
        return false;
    *out = d;
    return true;
}

/* "x,d=0.5": the part behind d= */
static void read_password(const char *s, double *out)
{
    char text[41];
    const char *at = strncmp(s, "d=", 2) == 0 ? s : strstr(s, ",d=");
    if (!at)
        return;
    at += *at == ',' ? 3 : 2;
    size_t n = strcspn(at, ",; ");
    if (n >= sizeof text)
        return;
    memcpy(text, at, n);
    text[n] = 0;
    (void)st_number(text, out);
}

/* A name that cannot be one is nobody's: what it comes with may be a block all the same. */
static bool read_submit(const json_t *p, st_message *m)
{
    const char *en2 = json_string_value(json_array_get(p, 2));
    const json_t *version = json_array_get(p, 5);
    m->has_version = version && !json_is_null(version);
    if (!read_text(json_array_get(p, 0), m->user, sizeof m->user))
        memcpy(m->user, "?", sizeof "?");
    return read_job(json_array_get(p, 1), &m->job, &m->variant) && en2 &&
           strlen(en2) == 2 * sizeof m->en2 &&
           qn_hex_decode(en2, strlen(en2), m->en2, sizeof m->en2) &&
           read_hex32(json_array_get(p, 3), &m->time) &&
           read_hex32(json_array_get(p, 4), &m->nonce) &&
           (!m->has_version || read_hex32(version, &m->version));
}

static bool read_authorize(const json_t *p, st_message *m)
{
    const char *password = json_string_value(json_array_get(p, 1));
    if (!read_text(json_array_get(p, 0), m->user, sizeof m->user) || !*m->user)
        return false;
    if (password)
        read_password(password, &m->difficulty);
    return true;
}

/* Each is answered, as BIP310 wants it, once. */
static void add_unknown(st_message *m, const json_t *v)
{
    char name[41], text[sizeof name + 16];
    if (!read_text(v, name, sizeof name))
        return;
    snprintf(text, sizeof text, "\"%s\":false,", name);
    size_t have = strlen(m->unknown), more = strlen(text);
    if (!strstr(m->unknown, text) && have + more < sizeof m->unknown)
        memcpy(m->unknown + have, text, more + 1);
}

static void read_extension(st_message *m, const json_t *v)
{
    const char *name = json_string_value(v);
    if (!name)
        return;
    if (strcmp(name, "version-rolling") == 0)
        m->rolling = true;
    else if (strcmp(name, "minimum-difficulty") == 0)
        m->min_difficulty = true;
    else if (strcmp(name, "subscribe-extranonce") == 0)
        m->sub_extranonce = true;
    else
        add_unknown(m, v);
}

static bool read_configure(const json_t *p, st_message *m)
{
    const json_t *names = json_array_get(p, 0), *values = json_array_get(p, 1), *v;
    if (!json_is_array(names) || json_array_size(names) > 32)
        return false;
    for (size_t i = 0; i < json_array_size(names); i++)
        read_extension(m, json_array_get(names, i));
    m->mask = UINT32_MAX;
    v = json_object_get(values, "version-rolling.mask");
    if (v && !read_hex32(v, &m->mask))
        return false;
    v = json_object_get(values, "version-rolling.min-bit-count");
    if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= 32)
        m->min_bits = (uint32_t)json_integer_value(v);
    v = json_object_get(values, "minimum-difficulty.value");
    m->has_difficulty = m->min_difficulty && read_real(v, &m->difficulty);
    return true;
}

static void read_subscribe(const json_t *p, st_message *m)
{
    if (!read_text(json_array_get(p, 0), m->agent, sizeof m->agent))
        *m->agent = 0;
    if (!read_text(json_array_get(p, 1), m->session, sizeof m->session))
        *m->session = 0;
}

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* By prefix where clients are known to vary. */
static st_method method_of(const char *s)
{
    if (strcmp(s, "mining.submit") == 0)
        return ST_SUBMIT;
    if (strcmp(s, "mining.subscribe") == 0)
        return ST_SUBSCRIBE;
    if (starts(s, "mining.auth"))
        return ST_AUTHORIZE;
    if (strcmp(s, "mining.configure") == 0)
        return ST_CONFIGURE;
    if (strcmp(s, "mining.extranonce.subscribe") == 0)
        return ST_EXTRANONCE;
    if (starts(s, "mining.suggest_diff"))
        return ST_SUGGEST;
    if (starts(s, "mining.get_trans"))
        return ST_TRANSACTIONS;
    return strcmp(s, "mining.ping") == 0 ? ST_PING : ST_UNKNOWN;
}

static bool read_params(const json_t *p, st_message *m)
{
    switch (m->method) {
    case ST_SUBSCRIBE:
        read_subscribe(p, m);
        return true;
    case ST_AUTHORIZE:
        return read_authorize(p, m);
    case ST_SUBMIT:
        return read_submit(p, m);
    case ST_CONFIGURE:
        return read_configure(p, m);
    case ST_SUGGEST:
        return read_real(json_array_get(p, 0), &m->difficulty);
    case ST_UNKNOWN:
    case ST_EXTRANONCE:
    case ST_TRANSACTIONS:
    case ST_PING:
    case ST_ANSWER:
        return true;
    }
    return false;
}

static void read_id(const json_t *id, st_message *m)
{
    memcpy(m->id, "null", sizeof "null");
    if (!json_is_integer(id) && !json_is_string(id))
        return;
    char *text = json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text && strlen(text) <= ST_ID_MAX)
        memcpy(m->id, text, strlen(text) + 1);
    free(text);
}

bool st_message_read(const char *line, size_t len, st_message *m)
{
    *m = (st_message){.method = ST_UNKNOWN};
    json_t *j = json_loadb(line, len, 0, NULL);
    if (!json_is_object(j)) {
        json_decref(j);
        return false;
    }
    const json_t *method = json_object_get(j, "method"), *p = json_object_get(j, "params");
    read_id(json_object_get(j, "id"), m);
    bool ok = true;
    if (!method || json_is_null(method)) {
        m->method = ST_ANSWER;
        ok = json_object_get(j, "result") || json_object_get(j, "error");
    } else if (json_is_string(method)) {
        m->method = method_of(json_string_value(method));
        m->bad = (p && !json_is_array(p) && !json_is_null(p)) || !read_params(p, m);
    } else {
        ok = false;
    }
    json_decref(j);
    return ok;
}
