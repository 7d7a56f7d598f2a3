#include "lib/base58.h"

#include "lib/hash.h"

#include <string.h>

static const char ALPHABET[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
#define CHECKSUM 4

size_t qn_base58_encode(const void *data, size_t len, char *out, size_t cap)
{
    const uint8_t *in = data;
    uint8_t digits[QN_BASE58_TEXT_MAX]; /* least significant first */
    size_t n = 0, zeros = 0;
    if (cap == 0)
        return 0;
    out[0] = '\0';
    if (len > QN_BASE58_MAX)
        return 0;
    while (zeros < len && in[zeros] == 0)
        zeros++;
    for (size_t i = zeros; i < len; i++) {
        unsigned carry = in[i];
        for (size_t j = 0; j < n || carry; j++) {
            carry += j < n ? 256u * digits[j] : 0;
            digits[j] = (uint8_t)(carry % 58);
            carry /= 58;
            n = j < n ? n : j + 1;
        }
    }
    if (zeros + n + 1 > cap)
        return 0;
    memset(out, '1', zeros);
    for (size_t i = 0; i < n; i++)
        out[zeros + i] = ALPHABET[digits[n - 1 - i]];
    out[zeros + n] = '\0';
    return zeros + n;
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
    return qn_base58_encode(buf, len + CHECKSUM, out, cap);
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
    for (size_t i = zeros; i < text_len; i++) {
        int v = digit_value(text[i]);
        if (v < 0 || !mul58_add(acc, &n, max - zeros, (unsigned)v))
            return false;
    }
    memset(out, 0, zeros);
    for (size_t i = 0; i < n; i++)
        out[zeros + i] = acc[n - 1 - i];
    *len = zeros + n;
    return true;
}

bool qn_base58check_decode(const char *text, size_t text_len, uint8_t *out, size_t cap, size_t *len)
{
    uint8_t buf[QN_BASE58_MAX], sum[32];
    size_t n, max = cap < sizeof buf - CHECKSUM ? cap + CHECKSUM : sizeof buf;
    if (!qn_base58_decode(text, text_len, buf, max, &n) || n < CHECKSUM)
        return false;
    n -= CHECKSUM;
    qn_sha256d(buf, n, sum);
    if (memcmp(sum, buf + n, CHECKSUM) != 0)
        return false;
    memcpy(out, buf, n);
    *len = n;
    return true;
}
