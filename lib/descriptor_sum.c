/* The descriptor checksum (BIP380): a BCH code over GF(32), fed with each character's place within
 * its group of 32 and, once for every three characters, with their groups. */
#include "lib/descriptor.h"

#include <string.h>

static const char INPUT[] = "0123456789()[],'/*abcdefgh@:$%{}"
                            "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~"
                            "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
static const char OUTPUT[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint64_t step(uint64_t c, unsigned value)
{
    static const uint64_t gen[5] = {0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a,
                                    0x644d626ffd};
    uint64_t top = c >> 35;
    c = (c & 0x7ffffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        c ^= top >> i & 1 ? gen[i] : 0;
    return c;
}

bool qn_descriptor_checksum(const char *text, size_t len, char out[QN_DESC_CHECKSUM + 1])
{
    uint64_t c = 1;
    unsigned groups = 0;
    for (size_t i = 0; i < len; i++) {
        const char *at = text[i] ? strchr(INPUT, text[i]) : NULL;
        if (!at)
            return false;
        unsigned place = (unsigned)(at - INPUT);
        c = step(c, place & 31);
        groups = groups * 3 + (place >> 5);
        if (i % 3 == 2) {
            c = step(c, groups);
            groups = 0;
        }
    }
    if (len % 3)
        c = step(c, groups);
    for (int i = 0; i < QN_DESC_CHECKSUM; i++)
        c = step(c, 0);
    c ^= 1;
    for (int i = 0; i < QN_DESC_CHECKSUM; i++)
        out[i] = OUTPUT[c >> 5 * (7 - i) & 31];
    out[QN_DESC_CHECKSUM] = '\0';
    return true;
}
