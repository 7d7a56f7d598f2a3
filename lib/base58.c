#include "lib/base58.h"

#include "lib/arena_impl.h"
#include "lib/hash.h"

#include <string.h>

static const char ALPHABET[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
#define CHECKSUM 4

/* What passes through here may be a private key: nothing of it stays on the stack. */

/* The digits of base 58, least significant first. Returns how many. */
static size_t to_digits(const uint8_t *in, size_t len, uint8_t *digits)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned carry = in[i];
        for (size_t j = 0; j < n || carry; j++) {
            carry += j < n ? 256u * digits[j] : 0;
            digits[j] = (uint8_t)(carry % 58);
            carry /= 58;
            n = j < n ? n : j + 1;
        }
    }
    return n;
}

size_t qn_base58_encode(const void *data, size_t len, char *out, size_t cap)
{
    const uint8_t *in = data;
    uint8_t digits[QN_BASE58_TEXT_MAX];
    size_t zeros = 0, end = 0;
    if (cap == 0)
        return 0;
    out[0] = '\0';
    if (len > QN_BASE58_MAX)
        return 0;
    while (zeros < len && in[zeros] == 0)
        zeros++;
    size_t n = to_digits(in + zeros, len - zeros, digits);
    if (zeros + n + 1 <= cap) {
        end = zeros + n;
        memset(out, '1', zeros);
        for (size_t i = 0; i < n; i++)
            out[zeros + i] = ALPHABET[digits[n - 1 - i]];
        out[end] = '\0';
    }
    qn_wipe(digits, sizeof digits);
    return end;
}

size_t qn_base58check_encode(const void *data, size_t len, char *out, size_t cap)
{
    uint8_t buf[QN_BASE58_MAX], sum[32];
    if (cap == 0)
        return 0;
    out[0] = '\0';
    if (len > sizeof buf - CHECKSUM)
        return 0;
    qn_sha256d(data, len, sum);
    if (len)
        memcpy(buf, data, len);
    memcpy(buf + len, sum, CHECKSUM);
    size_t n = qn_base58_encode(buf, len + CHECKSUM, out, cap);
    qn_wipe(buf, sizeof buf);
    qn_wipe(sum, sizeof sum);
    return n;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int digit_value(char c)
{
    const char *p = c ? strchr(ALPHABET, c) : NULL;
    return p ? (int)(p - ALPHABET) : -1;
}

/* acc (least significant byte first, *n bytes, zero above) = acc * 58 + v. False: more than `max`
 * bytes. */
static bool mul58_add(uint8_t *acc, size_t *n, size_t max, unsigned v)
{
    for (size_t j = 0; j < *n || v; j++) {
        if (j == *n && (*n)++ >= max)
            return false;
        v += 58u * acc[j];
        acc[j] = (uint8_t)v;
        v >>= 8;
    }
    return true;
}

static bool read_digits(const char *text, size_t len, size_t max, uint8_t *acc, size_t *n)
{
    for (size_t i = 0; i < len; i++) {
        int v = digit_value(text[i]);
        if (v < 0 || !mul58_add(acc, n, max, (unsigned)v))
            return false;
    }
    return true;
}

bool qn_base58_decode(const char *text, size_t text_len, uint8_t *out, size_t cap, size_t *len)
{
    uint8_t acc[QN_BASE58_MAX] = {0};
    size_t max = cap < sizeof acc ? cap : sizeof acc, zeros = 0, n = 0;
    while (text_len && is_space(text[0]))
        text++, text_len--;
    while (text_len && is_space(text[text_len - 1]))
        text_len--;
    for (; zeros < text_len && text[zeros] == '1'; zeros++)
        if (zeros >= max)
            return false;
    bool ok = read_digits(text + zeros, text_len - zeros, max - zeros, acc, &n);
    if (ok) {
        memset(out, 0, zeros);
        for (size_t i = 0; i < n; i++)
            out[zeros + i] = acc[n - 1 - i];
        *len = zeros + n;
    }
    qn_wipe(acc, sizeof acc);
    return ok;
}

static bool sum_fits(const uint8_t *data, size_t len, const uint8_t *end)
{
    uint8_t sum[32];
    qn_sha256d(data, len, sum);
    bool ok = memcmp(sum, end, CHECKSUM) == 0;
    qn_wipe(sum, sizeof sum);
    return ok;
}

bool qn_base58check_decode(const char *text, size_t text_len, uint8_t *out, size_t cap, size_t *len)
{
    uint8_t buf[QN_BASE58_MAX];
    size_t n, max = cap < sizeof buf - CHECKSUM ? cap + CHECKSUM : sizeof buf;
    bool ok = qn_base58_decode(text, text_len, buf, max, &n) && n >= CHECKSUM &&
              sum_fits(buf, n - CHECKSUM, buf + n - CHECKSUM);
    if (ok) {
        *len = n - CHECKSUM;
        memcpy(out, buf, *len);
    }
    qn_wipe(buf, sizeof buf);
    return ok;
}
