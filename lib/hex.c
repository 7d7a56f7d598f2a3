#include "lib/hex.h"

static const char DIGITS[] = "0123456789abcdef";

int qn_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Eight digits of four bytes at once: each half of a byte in a byte of its own, the digit's place
 * in the alphabet; from 10 on the letters are farther than the figures. */
static void encode4(const uint8_t *p, char *out)
{
    uint64_t x =
        (uint64_t)p[0] | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 32 | (uint64_t)p[3] << 48;
    x = (x >> 4 | x << 8) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t letters = ((x + UINT64_C(0x0606060606060606)) >> 4) & UINT64_C(0x0101010101010101);
    x += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
    for (unsigned i = 0; i < 8; i++)
        out[i] = (char)(x >> (8 * i));
}

void qn_hex_encode(const void *data, size_t len, char *out)
{
    const uint8_t *p = data;
    size_t i = 0;
    for (; i + 4 <= len; i += 4, out += 8)
        encode4(p + i, out);
    for (; i < len; i++) {
        *out++ = DIGITS[p[i] >> 4];
        *out++ = DIGITS[p[i] & 15];
    }
    *out = '\0';
}

void qn_hex_encode_reversed(const void *data, size_t len, char *out)
{
    const uint8_t *p = data;
    for (size_t i = len; i-- > 0;) {
        *out++ = DIGITS[p[i] >> 4];
        *out++ = DIGITS[p[i] & 15];
    }
    *out = '\0';
}

/* Looked up, for the kinds of digits come in no order that a processor could foresee. One more than
 * the value; 0: no digit. */
static const uint8_t VALUE[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

static bool decode_byte(const char *hex, uint8_t *out)
{
    const unsigned hi = VALUE[(uint8_t)hex[0]], lo = hi ? VALUE[(uint8_t)hex[1]] : 0;
    *out = (uint8_t)((hi - 1) << 4 | ((lo - 1) & 15));
    return lo != 0;
}

bool qn_hex_decode(const char *hex, size_t hex_len, uint8_t *out, size_t cap)
{
    if (hex_len % 2 != 0 || hex_len / 2 > cap)
        return false;
    for (size_t i = 0; i < hex_len / 2; i++)
        if (!decode_byte(hex + 2 * i, out + i))
            return false;
    return true;
}

bool qn_hex_decode_reversed(const char *hex, size_t hex_len, uint8_t *out, size_t len)
{
    if (hex_len % 2 != 0 || hex_len / 2 != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!decode_byte(hex + 2 * i, out + len - 1 - i))
            return false;
    return true;
}
