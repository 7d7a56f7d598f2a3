/* Base64 (RFC 4648, section 4) as PSBTs are written: padded, on one line, with no other bits. */
#include "lib/psbt.h"

#include <stdlib.h>
#include <string.h>

static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *qn_base64_encode(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    char *text = len <= QN_PSBT_MAX ? malloc((len + 2) / 3 * 4 + 1) : NULL, *at = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)b[i] << 16 | (i + 1 < len ? (uint32_t)b[i + 1] << 8 : 0) |
                     (i + 2 < len ? b[i + 2] : 0);
        *at++ = DIGIT[v >> 18];
        *at++ = DIGIT[v >> 12 & 63];
        *at++ = i + 1 < len ? DIGIT[v >> 6 & 63] : '=';
        *at++ = i + 2 < len ? DIGIT[v & 63] : '=';
    }
    *at = 0;
    return text;
}

/* -1: no digit. */
static int digit_of(char c)
{
    const char *at = c ? strchr(DIGIT, c) : NULL;
    return at ? (int)(at - DIGIT) : -1;
}

uint8_t *qn_base64_decode(const char *text, size_t len, size_t *out_len)
{
    size_t digits = len, n = 0;
    if (len % 4 || len / 4 > QN_PSBT_MAX / 3 + 1)
        return NULL;
    for (int i = 0; i < 2 && digits && text[digits - 1] == '='; i++)
        digits--;
    uint8_t *out = malloc(digits / 4 * 3 + 4);
    uint32_t v = 0;
    for (size_t i = 0; out && i < digits; i++) {
        int d = digit_of(text[i]);
        if (d < 0) {
            free(out);
            return NULL;
        }
        v = v << 6 | (uint32_t)d;
        if (i % 4)
            out[n++] = (uint8_t)(v >> (6 - 2 * (i % 4)));
    }
    /* The last digit has no bits beyond the last byte. */
    if (out && v & (digits % 4 == 2 ? 15u : digits % 4 == 3 ? 3u : 0u)) {
        free(out);
        return NULL;
    }
    if (out)
        *out_len = n;
    return out;
}
