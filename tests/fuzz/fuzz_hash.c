/* A hash given as text: what is accepted prints as it was given, in lower case. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"

#include <ctype.h>

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    char *text = qc_alloc(len + 1), out[QC_HASH_HEX_LEN + 1];
    qc_hash h;
    if (len)
        memcpy(text, data, len);
    qc_err err = qc_hash_parse(text, &h);
    if (!err) {
        qc_hash_hex(&h, out);
        for (char *p = text; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        QC_ASSERT(strcmp(text, out) == 0);
    }
    qc_free(text);
    return 0;
}
