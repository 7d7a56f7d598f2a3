#include "lib/bech32.h"

#include "lib/bech32_impl.h"

#include <string.h>

static const char CHARSET[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

char qn_bech32_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int qn_bech32_value(char c)
{
    const char *p = c ? strchr(CHARSET, qn_bech32_lower(c)) : NULL;
    return p ? (int)(p - CHARSET) : -1;
}

uint32_t qn_bech32_constant(qn_bech32_kind kind)
{
    return kind == QN_BECH32 ? 1 : 0x2bc830a3;
}

static uint32_t polymod_step(uint32_t c, unsigned value)
{
    static const uint32_t gen[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = c >> 25;
    c = (c & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        c ^= top >> i & 1 ? gen[i] : 0;
    return c;
}

uint32_t qn_bech32_polymod(const char *hrp, size_t hrp_len, const uint8_t *values, size_t len)
{
    uint32_t c = 1;
    for (size_t i = 0; i < hrp_len; i++)
        c = polymod_step(c, (uint8_t)hrp[i] >> 5);
    c = polymod_step(c, 0);
    for (size_t i = 0; i < hrp_len; i++)
        c = polymod_step(c, hrp[i] & 31);
    for (size_t i = 0; i < len; i++)
        c = polymod_step(c, values[i]);
    return c;
}

size_t qn_bech32_encode(qn_bech32_kind kind, const char *hrp, const uint8_t *values, size_t len,
                        char *out, size_t cap)
{
    uint8_t all[QN_BECH32_MAX + QN_BECH32_CHECKSUM];
    size_t hrp_len = strlen(hrp), total = hrp_len + 1 + len + QN_BECH32_CHECKSUM;
    if (cap)
        out[0] = '\0';
    if (len > QN_BECH32_MAX || hrp_len > QN_BECH32_MAX || total > QN_BECH32_MAX || total >= cap)
        return 0;
    if (len)
        memcpy(all, values, len);
    memset(all + len, 0, QN_BECH32_CHECKSUM);
    uint32_t sum =
        qn_bech32_polymod(hrp, hrp_len, all, len + QN_BECH32_CHECKSUM) ^ qn_bech32_constant(kind);
    for (size_t i = 0; i < QN_BECH32_CHECKSUM; i++)
        all[len + i] = sum >> 5 * (5 - i) & 31;
    memcpy(out, hrp, hrp_len);
    out[hrp_len] = '1';
    for (size_t i = 0; i < len + QN_BECH32_CHECKSUM; i++)
        out[hrp_len + 1 + i] = CHARSET[all[i] & 31];
    out[total] = '\0';
    return total;
}

size_t qn_bech32_separator(const char *text, size_t len)
{
    for (size_t i = len; i-- > 0;)
        if (text[i] == '1')
            return i;
    return len;
}

size_t qn_bech32_bad_characters(const char *text, size_t len, uint32_t *at)
{
    bool lower = false, upper = false;
    size_t n = 0;
    for (size_t i = 0; i < len && n < QN_BECH32_MAX; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_lower = c >= 'a' && c <= 'z', is_upper = c >= 'A' && c <= 'Z';
        if ((is_lower && upper) || (is_upper && lower) || c < 33 || c > 126) {
            at[n++] = (uint32_t)i;
            continue;
        }
        lower |= is_lower;
        upper |= is_upper;
    }
    return n;
}

qn_bech32_kind qn_bech32_decode(const char *text, size_t len, qn_bech32_text *out)
{
    uint32_t bad[QN_BECH32_MAX];
    uint8_t values[QN_BECH32_MAX];
    memset(out, 0, sizeof *out);
    if (len > QN_BECH32_MAX || qn_bech32_bad_characters(text, len, bad))
        return QN_BECH32_INVALID;
    size_t sep = qn_bech32_separator(text, len);
    if (sep == 0 || sep + QN_BECH32_CHECKSUM >= len)
        return QN_BECH32_INVALID;
    size_t n = len - sep - 1;
    for (size_t i = 0; i < n; i++) {
        int v = qn_bech32_value(text[sep + 1 + i]);
        if (v < 0)
            return QN_BECH32_INVALID;
        values[i] = (uint8_t)v;
    }
    for (size_t i = 0; i < sep; i++)
        out->hrp[i] = qn_bech32_lower(text[i]);
    uint32_t sum = qn_bech32_polymod(out->hrp, sep, values, n);
    if (sum == qn_bech32_constant(QN_BECH32))
        out->kind = QN_BECH32;
    else if (sum == qn_bech32_constant(QN_BECH32M))
        out->kind = QN_BECH32M;
    out->data_len = n - QN_BECH32_CHECKSUM;
    memcpy(out->data, values, out->data_len);
    return out->kind;
}

bool qn_convert_bits(const uint8_t *in, size_t len, unsigned from, unsigned to, bool pad,
                     uint8_t *out, size_t cap, size_t *out_len)
{
    uint32_t acc = 0, mask = (1u << to) - 1;
    unsigned bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (in[i] >> from)
            return false;
        acc = (acc << from | in[i]) & 0xffff;
        for (bits += from; bits >= to; n++) {
            bits -= to;
            if (n >= cap)
                return false;
            out[n] = (uint8_t)(acc >> bits & mask);
        }
    }
    uint32_t rest = acc << (to - bits) & mask;
    if (pad && bits) {
        if (n >= cap)
            return false;
        out[n++] = (uint8_t)rest;
    } else if (!pad && (bits >= from || rest)) {
        return false;
    }
    *out_len = n;
    return true;
}
