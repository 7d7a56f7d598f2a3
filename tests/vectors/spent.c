#include "tests/vectors/spent.h"

#include "core/base/alloc.h"
#include "core/btc/wire.h"

#include <jansson.h>

#include <stdio.h>

#define MIN_COIN_LEN 9 /* value and an empty script */

void spent_clear(spent_set *s)
{
    qc_free(s->coin);
    qc_free(s->time);
    qc_bytes_free(&s->scripts);
    *s = (spent_set){0};
}

/* The bytes of the file itself serve as the scripts' memory. */
static qc_err read_binary(qc_span file, spent_set *s, char *why, size_t cap)
{
    qc_err err = qc_bytes_append(&s->scripts, file.data, file.len);
    if (err)
        return err;
    s->coin = qc_try_calloc(file.len / MIN_COIN_LEN + 1, sizeof *s->coin);
    if (!s->coin)
        return QC_ENOMEM;
    qc_reader r = qc_reader_of(qc_bytes_span(&s->scripts));
    while (qc_reader_left(&r)) {
        qc_spent coin = {.value = (qc_amount)qc_r_le64(&r)};
        coin.script = qc_r_var(&r);
        if (r.fail) {
            snprintf(why, cap, "coin %zu, offset %zu: %s", s->n, (size_t)(r.p - r.start),
                     qc_wire_text(r.fail));
            return QC_EINVAL;
        }
        s->coin[s->n++] = coin;
    }
    return QC_OK;
}

static json_t *either(const json_t *o, const char *a, const char *b)
{
    json_t *v = json_object_get(o, a);
    return v ? v : json_object_get(o, b);
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static qc_err append_hex(qc_bytes *b, const char *hex, size_t len)
{
    if (len % 2)
        return QC_EINVAL;
    for (size_t i = 0; i < len; i += 2) {
        int hi = digit(hex[i]), lo = digit(hex[i + 1]);
        if (hi < 0 || lo < 0)
            return QC_EINVAL;
        uint8_t byte = (uint8_t)(hi << 4 | lo);
        qc_err err = qc_bytes_append(b, &byte, 1);
        if (err)
            return err;
    }
    return QC_OK;
}

static bool u32_of(const json_t *v, uint32_t *out)
{
    json_int_t n = json_integer_value(v);
    *out = (uint32_t)n;
    return json_is_integer(v) && n >= 0 && n <= UINT32_MAX;
}

/* One object. Its script is appended to s->scripts; its place there is kept as a length only. */
static qc_err read_object(const json_t *o, spent_set *s)
{
    qc_spent *coin = &s->coin[s->n];
    const json_t *txout = json_object_get(o, "txout");
    txout = txout ? txout : o;
    const json_t *value = json_object_get(txout, "value");
    const json_t *script = either(txout, "script_pubkey", "script");
    const json_t *coinbase = either(o, "is_coinbase", "coinbase");
    const json_t *time = either(o, "creation_time", "time");
    if (!json_is_integer(value) || !json_is_string(script) || !json_is_boolean(coinbase) ||
        !u32_of(either(o, "creation_height", "height"), &coin->height))
        return QC_EINVAL;
    coin->value = json_integer_value(value);
    coin->coinbase = json_is_true(coinbase);
    if (s->time && !u32_of(time, &s->time[s->n]))
        return QC_EINVAL;
    size_t before = s->scripts.len;
    qc_err err = append_hex(&s->scripts, json_string_value(script), json_string_length(script));
    coin->script.len = s->scripts.len - before;
    return err;
}

static qc_err read_json(const json_t *list, spent_set *s, char *why, size_t cap)
{
    size_t n = json_array_size(list);
    const json_t *first = json_array_get(list, 0);
    s->has_heights = true;
    s->coin = qc_try_calloc(n, sizeof *s->coin);
    if (either(first, "creation_time", "time"))
        s->time = qc_try_calloc(n, sizeof *s->time);
    if (!s->coin)
        return QC_ENOMEM;
    for (; s->n < n; s->n++) {
        qc_err err = read_object(json_array_get(list, s->n), s);
        if (err) {
            snprintf(why, cap, "coin %zu: value, script, coinbase, height or time is wrong", s->n);
            return err;
        }
    }
    const uint8_t *at = s->scripts.data; /* it moves no more */
    for (size_t i = 0; i < n; i++) {
        s->coin[i].script.data = at;
        at += s->coin[i].script.len;
    }
    return QC_OK;
}

qc_err spent_read(qc_span file, spent_set *out, char *why, size_t cap)
{
    json_error_t where;
    qc_err err;
    *out = (spent_set){0};
    snprintf(why, cap, "out of memory");
    size_t skip = 0;
    while (skip < file.len && strchr(" \t\r\n", file.data[skip]) && file.data[skip])
        skip++;
    json_t *list = NULL;
    if (skip < file.len && file.data[skip] == '[')
        list = json_loadb((const char *)file.data, file.len, 0, &where);
    if (list)
        err = read_json(list, out, why, cap);
    else
        err = read_binary(file, out, why, cap);
    if (err && !list && skip < file.len && file.data[skip] == '[') {
        size_t n = strlen(why);
        snprintf(why + n, cap - n, " (and as JSON: line %d: %s)", where.line, where.text);
    }
    json_decref(list);
    if (err)
        spent_clear(out);
    return err;
}
