/* Typed access to parameters, with Core's errors (univalue's getters, rpc/util.cpp's Parse*). */
#include "core/rpc/rpc.h"

#include "core/base/alloc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COIN INT64_C(100000000)
#define MAX_MONEY (21000000 * COIN)

bool qc_rpc_v_type(qc_rpc_req *r, const json_t *v, json_type want)
{
    if (strcmp(qc_rpc_type_name(v), qc_rpc_type_text(want)) == 0)
        return true;
    return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "JSON value of type %s is not of expected type %s",
                       qc_rpc_type_name(v), qc_rpc_type_text(want));
}

bool qc_rpc_v_bool(qc_rpc_req *r, const json_t *v, bool *out)
{
    if (!qc_rpc_v_type(r, v, JSON_TRUE))
        return false;
    *out = json_is_true(v);
    return true;
}

/* Numbers with a fraction or an exponent are no integers to Core, whatever their value. */
static bool integer_in(qc_rpc_req *r, const json_t *v, int64_t lo, int64_t hi, int64_t *out)
{
    if (!qc_rpc_v_type(r, v, JSON_INTEGER))
        return false;
    if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi)
        return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "JSON integer out of range");
    *out = json_integer_value(v);
    return true;
}

bool qc_rpc_v_i64(qc_rpc_req *r, const json_t *v, int64_t *out)
{
    return integer_in(r, v, INT64_MIN, INT64_MAX, out);
}

bool qc_rpc_v_i32(qc_rpc_req *r, const json_t *v, int32_t *out)
{
    int64_t wide = 0;
    if (!integer_in(r, v, INT32_MIN, INT32_MAX, &wide))
        return false;
    *out = (int32_t)wide;
    return true;
}

bool qc_rpc_v_u32(qc_rpc_req *r, const json_t *v, uint32_t *out)
{
    int64_t wide = 0;
    if (!integer_in(r, v, 0, UINT32_MAX, &wide))
        return false;
    *out = (uint32_t)wide;
    return true;
}

bool qc_rpc_v_double(qc_rpc_req *r, const json_t *v, double *out)
{
    if (!qc_rpc_v_type(r, v, JSON_REAL))
        return false;
    *out = json_number_value(v);
    return true;
}

bool qc_rpc_v_str(qc_rpc_req *r, const json_t *v, const char **out)
{
    if (!qc_rpc_v_type(r, v, JSON_STRING))
        return false;
    *out = json_string_value(v);
    return true;
}

bool qc_rpc_v_hash(qc_rpc_req *r, const json_t *v, const char *name, qc_hash *out)
{
    const char *text;
    if (!qc_rpc_v_str(r, v, &text))
        return false;
    size_t len = json_string_length(v);
    if (len != QC_HASH_HEX_LEN)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "%s must be of length %d (not %zu, for '%s')", name, QC_HASH_HEX_LEN,
                           len, text);
    if (qc_hash_parse(text, out))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "%s must be hexadecimal string (not '%s')",
                           name, text);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool parse_hex(const char *text, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len / 2; i++) {
        int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

bool qc_rpc_v_hex(qc_rpc_req *r, const json_t *v, const char *name, qc_bytes *out)
{
    /* Core takes a value that is no string for an empty one, which is no hex. */
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    size_t len = json_is_string(v) ? json_string_length(v) : 0;
    bool ok = len > 0 && len % 2 == 0;
    qc_bytes b = QC_BYTES_INIT;
    if (ok && qc_bytes_alloc(&b, len / 2))
        return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    if (!ok || !parse_hex(text, len, b.data)) {
        qc_bytes_free(&b);
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "%s must be hexadecimal string (not '%s')",
                           name, text);
    }
    *out = b;
    return true;
}

/* ---- amounts ---- */
/* A decimal number taken apart: value = digits * 10^exp. Digits beyond 18 are refused. */
typedef struct decimal {
    bool negative;
    int64_t digits;
    int64_t exp;
} decimal;

static bool push_digit(decimal *d, char c)
{
    if (d->digits >= INT64_C(100000000000000000))
        return false;
    d->digits = d->digits * 10 + (c - '0');
    return true;
}

/* Grammar of a JSON number. Trailing zeros of the fraction cost nothing. */
static bool parse_decimal(const char *p, decimal *d)
{
    *d = (decimal){0};
    if (*p == '-') {
        d->negative = true;
        p++;
    }
    if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        if (!push_digit(d, *p))
            return false;
    if (*p == '.') {
        p++;
        if (*p < '0' || *p > '9')
            return false;
        int64_t zeros = 0;
        for (; *p >= '0' && *p <= '9'; p++) {
            if (*p == '0') {
                zeros++;
                continue;
            }
            for (; zeros > 0; zeros--, d->exp--)
                if (!push_digit(d, '0'))
                    return false;
            if (!push_digit(d, *p))
                return false;
            d->exp--;
        }
    }
    if (*p == 'e' || *p == 'E') {
        char *end;
        p++;
        if (!(*p >= '0' && *p <= '9') && !((*p == '+' || *p == '-') && p[1] >= '0' && p[1] <= '9'))
            return false;
        long e = strtol(p, &end, 10);
        if (e < -1000000 || e > 1000000)
            return false;
        d->exp += e;
        p = end;
    }
    return *p == 0;
}

bool qc_rpc_parse_amount(const char *text, int64_t *out)
{
    decimal d;
    if (!parse_decimal(text, &d))
        return false;
    d.exp += 8;
    for (; d.exp < 0 && d.digits != 0; d.exp++) {
        if (d.digits % 10)
            return false; /* finer than one satoshi */
        d.digits /= 10;
    }
    for (; d.exp > 0 && d.digits != 0; d.exp--) {
        if (d.digits > INT64_C(1000000000000000000) / 10)
            return false;
        d.digits *= 10;
    }
    *out = d.negative ? -d.digits : d.digits;
    return true;
}

/* The parser made a double of it: it is an amount if it is the double nearest to one. */
static bool amount_of_real(double v, int64_t *out)
{
    char text[64];
    if (!isfinite(v) || fabs(v) > 1e10)
        return false;
    snprintf(text, sizeof text, "%.8f", v);
    double back = strtod(text, NULL);
    return !(back < v) && !(back > v) && qc_rpc_parse_amount(text, out);
}

bool qc_rpc_v_amount(qc_rpc_req *r, const json_t *v, int64_t *out)
{
    int64_t sat = 0;
    bool ok;
    if (json_is_string(v))
        ok = strlen(json_string_value(v)) == json_string_length(v) &&
             qc_rpc_parse_amount(json_string_value(v), &sat);
    else if (json_is_integer(v))
        ok = !__builtin_mul_overflow(json_integer_value(v), COIN, &sat);
    else if (json_is_real(v))
        ok = amount_of_real(json_real_value(v), &sat);
    else
        return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Amount is not a number or string");
    if (!ok)
        return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Invalid amount");
    if (sat < 0 || sat > MAX_MONEY)
        return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Amount out of range");
    *out = sat;
    return true;
}

/* ---- by position ---- */
#define BY_POSITION(name, type)                                                                    \
    bool qc_rpc_##name(qc_rpc_req *r, size_t i, type *out)                                         \
    {                                                                                              \
        const json_t *v = qc_rpc_arg(r, i);                                                        \
        return v ? qc_rpc_v_##name(r, v, out) : true;                                              \
    }
BY_POSITION(bool, bool)
BY_POSITION(i32, int32_t)
BY_POSITION(u32, uint32_t)
BY_POSITION(i64, int64_t)
BY_POSITION(double, double)
BY_POSITION(str, const char *)
BY_POSITION(amount, int64_t)

bool qc_rpc_hash(qc_rpc_req *r, size_t i, const char *name, qc_hash *out)
{
    const json_t *v = qc_rpc_arg(r, i);
    return v ? qc_rpc_v_hash(r, v, name, out) : true;
}

bool qc_rpc_hex(qc_rpc_req *r, size_t i, const char *name, qc_bytes *out)
{
    const json_t *v = qc_rpc_arg(r, i);
    return v ? qc_rpc_v_hex(r, v, name, out) : true;
}

bool qc_rpc_verbosity(qc_rpc_req *r, size_t i, bool allow_bool, int32_t *out)
{
    const json_t *v = qc_rpc_arg(r, i);
    if (!v)
        return true;
    if (!json_is_boolean(v))
        return qc_rpc_v_i32(r, v, out);
    if (!allow_bool)
        return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Verbosity was boolean but only integer allowed");
    *out = json_is_true(v);
    return true;
}
