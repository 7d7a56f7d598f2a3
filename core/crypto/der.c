#include "core/crypto/der.h"

#define TAG_SEQUENCE 0x30
#define TAG_INTEGER 0x02
#define LONG_FORM 0x80 /* the low bits then count the bytes of the length */

static bool take_u8(qc_span *s, uint8_t *out)
{
    if (s->len == 0)
        return false;
    *out = s->data[0];
    s->data++;
    s->len--;
    return true;
}

static void skip(qc_span *s, size_t n)
{
    s->data += n;
    s->len -= n;
}

static bool take_tag(qc_span *s, uint8_t tag)
{
    uint8_t t;
    return take_u8(s, &t) && t == tag;
}

/* The outer length is never looked at: only its own bytes are passed over. */
static bool skip_sequence_length(qc_span *s)
{
    uint8_t b;
    if (!take_u8(s, &b))
        return false;
    if (b & LONG_FORM) {
        size_t n = b - LONG_FORM;
        if (n > s->len)
            return false;
        skip(s, n);
    }
    return true;
}

/* A long form may carry any number of leading zero bytes and then at most three others. */
static bool take_integer_length(qc_span *s, size_t *out)
{
    uint8_t b;
    if (!take_u8(s, &b))
        return false;
    if (!(b & LONG_FORM)) {
        *out = b;
        return b <= s->len;
    }
    size_t n = b - LONG_FORM, len = 0;
    if (n > s->len)
        return false;
    for (; n > 0 && s->data[0] == 0; n--)
        skip(s, 1);
    if (n > 3)
        return false;
    for (; n > 0; n--) {
        len = len << 8 | s->data[0];
        skip(s, 1);
    }
    *out = len;
    return len <= s->len;
}

static bool take_integer(qc_span *s, qc_span *out)
{
    size_t len;
    if (!take_tag(s, TAG_INTEGER) || !take_integer_length(s, &len))
        return false;
    *out = qc_span_of(s->data, len);
    skip(s, len);
    while (out->len > 0 && out->data[0] == 0)
        skip(out, 1);
    return true;
}

static void right_align(uint8_t out[32], qc_span v)
{
    if (v.len)
        memcpy(out + 32 - v.len, v.data, v.len);
}

bool qc_der_parse_lax(qc_span sig, uint8_t rs[static 64])
{
    qc_span r, s;
    if (!take_tag(&sig, TAG_SEQUENCE) || !skip_sequence_length(&sig) || !take_integer(&sig, &r) ||
        !take_integer(&sig, &s))
        return false;
    memset(rs, 0, 64);
    if (r.len <= 32 && s.len <= 32) {
        right_align(rs, r);
        right_align(rs + 32, s);
    }
    return true;
}
