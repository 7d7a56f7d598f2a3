/* Finding up to two wrong characters of a bech32 text. Its code is a BCH code over GF(32) whose
 * generator has the roots e^997, e^998 and e^999, e being the element of order 1023 in GF(1024)
 * with e^2 = 9 e + 23. The errors' values at these roots (the syndromes) say where they are. */
#include "lib/bech32.h"

#include "lib/bech32_impl.h"

#include <string.h>

#define ORDER 1023
#define FIRST_ROOT 997

typedef struct field {
    int16_t exp[ORDER];
    int16_t log[ORDER + 1]; /* log[0] = -1 */
} field;

static int gf32_mul(int a, int b)
{
    int r = 0;
    for (int i = 0; i < 5; i++) {
        if (b >> i & 1)
            r ^= a;
        a <<= 1;
        if (a & 32)
            a ^= 41; /* x^5 + x^3 + 1 */
    }
    return r;
}

static void field_init(field *f)
{
    int v = 1;
    f->log[0] = -1;
    for (int i = 0; i < ORDER; i++) {
        f->exp[i] = (int16_t)v;
        f->log[v] = (int16_t)i;
        int hi = v >> 5, lo = v & 31; /* v = hi e + lo; times e: */
        v = (gf32_mul(hi, 9) ^ lo) << 5 | gf32_mul(hi, 23);
    }
}

static int mul_pow(const field *f, int a, size_t power)
{
    return a ? f->exp[((size_t)f->log[a] + power) % ORDER] : 0;
}

/* The remainder's value at e^root. */
static int syndrome(const field *f, uint32_t residue, unsigned root)
{
    int s = 0;
    for (unsigned k = 0; k < 6; k++)
        s ^= mul_pow(f, residue >> 5 * k & 31, root * k);
    return s;
}

/* log(value) of an error must be that of an element of GF(32): a multiple of 33. */
static bool in_gf32(size_t log)
{
    return log % 33 == 0;
}

/* One error at p: s1 / s0 = s2 / s1 = e^p. Returns the number found. */
static size_t locate_one(const field *f, const int s[3], size_t length, size_t at[2])
{
    size_t p = (size_t)(f->log[s[1]] - f->log[s[0]] + ORDER) % ORDER;
    if (p >= length || !in_gf32((size_t)f->log[s[0]] + (ORDER - FIRST_ROOT) * p))
        return 0;
    at[0] = p;
    return 1;
}

/* Given that one error is at p1, the other must be at p2. */
static bool try_pair(const field *f, const int s[3], size_t length, size_t p1, size_t *p2)
{
    int a = s[2] ^ mul_pow(f, s[1], p1);
    int b = s[1] ^ mul_pow(f, s[0], p1);
    if (a == 0 || b == 0)
        return false;
    *p2 = (size_t)(f->log[a] - f->log[b] + ORDER) % ORDER;
    if (*p2 >= length || *p2 == p1)
        return false;
    int c = s[1] ^ mul_pow(f, s[0], *p2);
    if (c == 0)
        return false;
    size_t inv = (size_t)(ORDER - f->log[f->exp[p1] ^ f->exp[*p2]]);
    return in_gf32((size_t)f->log[b] + inv + (ORDER - FIRST_ROOT) * *p2) &&
           in_gf32((size_t)f->log[c] + inv + (ORDER - FIRST_ROOT) * p1);
}

/* Out: error places counted from the right end, greater first. Returns their number. */
static size_t locate(const field *f, uint32_t residue, size_t length, size_t at[2])
{
    int s[3];
    for (unsigned i = 0; i < 3; i++)
        s[i] = syndrome(f, residue, FIRST_ROOT + i);
    if (s[0] && s[1] && s[2] &&
        (2 * f->log[s[1]] - f->log[s[2]] - f->log[s[0]] + 2 * ORDER) % ORDER == 0)
        return locate_one(f, s, length, at);
    for (size_t p1 = 0, p2; p1 < length; p1++)
        if (try_pair(f, s, length, p1, &p2)) {
            at[0] = p1 > p2 ? p1 : p2;
            at[1] = p1 > p2 ? p2 : p1;
            return 2;
        }
    return 0;
}

static void checksum_errors(const char *text, size_t len, size_t sep, const uint8_t *values,
                            qn_bech32_error *out)
{
    char hrp[QN_BECH32_MAX];
    field f;
    qn_bech32_kind found = QN_BECH32_INVALID;
    size_t n = len - sep - 1;
    field_init(&f);
    for (size_t i = 0; i < sep; i++)
        hrp[i] = qn_bech32_lower(text[i]);
    /* The version may itself be wrong: try both checksums and take the one with fewer errors. */
    for (qn_bech32_kind kind = QN_BECH32; kind <= QN_BECH32M; kind++) {
        size_t at[2];
        uint32_t residue = qn_bech32_polymod(hrp, sep, values, n) ^ qn_bech32_constant(kind);
        if (residue == 0) {
            out->text = "";
            out->n = 0;
            return;
        }
        size_t k = locate(&f, residue, n, at);
        if (k && (out->n == 0 || k < out->n)) {
            found = kind;
            out->n = k;
            for (size_t i = 0; i < k; i++)
                out->at[i] = (uint32_t)(len - at[i] - 1);
        }
    }
    out->text = found == QN_BECH32    ? "Invalid Bech32 checksum"
                : found == QN_BECH32M ? "Invalid Bech32m checksum"
                                      : "Invalid checksum";
}

static void fail_at(qn_bech32_error *out, const char *text, size_t at)
{
    out->text = text;
    out->n = 1;
    out->at[0] = (uint32_t)at;
}

void qn_bech32_locate(const char *text, size_t len, qn_bech32_error *out)
{
    uint8_t values[QN_BECH32_MAX];
    memset(out, 0, sizeof *out);
    if (len > QN_BECH32_MAX) {
        fail_at(out, "Bech32 string too long", QN_BECH32_MAX);
        out->more = len - QN_BECH32_MAX - 1;
        return;
    }
    out->n = qn_bech32_bad_characters(text, len, out->at);
    if (out->n) {
        out->text = "Invalid character or mixed case";
        return;
    }
    size_t sep = qn_bech32_separator(text, len);
    if (sep == len) {
        out->text = "Missing separator";
        return;
    }
    if (sep == 0 || sep + QN_BECH32_CHECKSUM >= len) {
        fail_at(out, "Invalid separator position", sep);
        return;
    }
    for (size_t i = sep + 1; i < len; i++) {
        int v = qn_bech32_value(text[i]);
        if (v < 0) {
            fail_at(out, "Invalid Base 32 character", i);
            return;
        }
        values[i - sep - 1] = (uint8_t)v;
    }
    checksum_errors(text, len, sep, values, out);
}
