#include "tests/vectors/tally.h"

#include "core/btc/wire.h"

#include <stdarg.h>

#define MAX_SHOWN 20 /* failures printed in full */

bool tally_case(tally *t, bool ok, const char *fmt, ...)
{
    if (ok) {
        t->passed++;
        return true;
    }
    if (t->failed++ < MAX_SHOWN) {
        va_list ap;
        va_start(ap, fmt);
        fputs("FAILED: ", stdout);
        vprintf(fmt, ap);
        putchar('\n');
        va_end(ap);
    }
    return false;
}

void bad_vectors(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("run_vectors: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

json_t *load_json(const char *file)
{
    json_error_t e;
    json_t *root = json_load_file(file, 0, &e);
    if (!root)
        bad_vectors("%s:%d: %s", file, e.line, e.text);
    return root;
}

json_t *json_need(const json_t *object, const char *member)
{
    json_t *v = json_object_get(object, member);
    if (!v)
        bad_vectors("member %s is missing", member);
    return v;
}

json_t *json_at(const json_t *array, size_t i)
{
    json_t *v = json_array_get(array, i);
    if (!v)
        bad_vectors("element %zu is missing", i);
    return v;
}

const char *json_text(const json_t *v)
{
    if (!json_is_string(v))
        bad_vectors("a string is wanted");
    return json_string_value(v);
}

int64_t json_int(const json_t *v)
{
    if (!json_is_integer(v))
        bad_vectors("an integer is wanted");
    return json_integer_value(v);
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

qc_bytes unhex(const char *hex)
{
    qc_bytes b;
    size_t n = strlen(hex);
    if (n % 2 || qc_bytes_alloc(&b, n / 2))
        bad_vectors("not hex: %.40s", hex);
    for (size_t i = 0; i < n / 2; i++) {
        int hi = nibble(hex[2 * i]), lo = nibble(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            bad_vectors("not hex: %.40s", hex);
        b.data[i] = (uint8_t)(hi << 4 | lo);
    }
    return b;
}

bool hex_is(const char *hex, const void *bytes, size_t len)
{
    qc_bytes want = unhex(hex);
    bool same = qc_span_eq(qc_bytes_span(&want), qc_span_of(bytes, len));
    qc_bytes_free(&want);
    return same;
}

static void need(qc_err err)
{
    if (err)
        bad_vectors("%s", qc_err_text(err));
}

void put(qc_bytes *b, const void *data, size_t len)
{
    need(qc_bytes_append(b, data, len));
}

void put_span(qc_bytes *b, qc_span s)
{
    if (s.len)
        put(b, s.data, s.len);
}

void put_compact(qc_bytes *b, uint64_t v)
{
    need(qc_w_compact(b, v));
}

void put_var(qc_bytes *b, qc_span s)
{
    put_compact(b, s.len);
    put_span(b, s);
}

void put_le32(qc_bytes *b, uint32_t v)
{
    need(qc_w_le32(b, v));
}

void put_le64(qc_bytes *b, uint64_t v)
{
    need(qc_w_le64(b, v));
}
