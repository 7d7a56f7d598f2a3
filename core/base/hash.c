#include "core/base/hash.h"

void qc_hash_hex(const qc_hash *h, char out[static QC_HASH_HEX_LEN + 1])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        out[2 * i] = digit[h->b[31 - i] >> 4];
        out[2 * i + 1] = digit[h->b[31 - i] & 15];
    }
    out[64] = 0;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

qc_err qc_hash_parse(const char *hex, qc_hash *out)
{
    qc_hash h;
    if (strlen(hex) != QC_HASH_HEX_LEN)
        return QC_EINVAL;
    for (int i = 0; i < 32; i++) {
        int hi = nibble(hex[2 * i]), lo = nibble(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return QC_EINVAL;
        h.b[31 - i] = (uint8_t)(hi << 4 | lo);
    }
    *out = h;
    return QC_OK;
}
