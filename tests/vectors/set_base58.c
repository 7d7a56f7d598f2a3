/* base58_encode_decode: pairs of hex and text. */
#include "lib/base58.h"
#include "tests/vectors/sets.h"

void set_base58(const char *file, tally *t)
{
    json_t *root = load_json(file);
    for (size_t i = 0; i < json_array_size(root); i++) {
        const char *hex = json_text(json_at(json_at(root, i), 0));
        const char *text = json_text(json_at(json_at(root, i), 1));
        qc_bytes raw = unhex(hex);
        char got[QN_BASE58_TEXT_MAX];
        uint8_t back[QN_BASE58_MAX];
        size_t n = 0;
        qn_base58_encode(raw.data, raw.len, got, sizeof got);
        bool ok = strcmp(got, text) == 0 &&
                  qn_base58_decode(text, strlen(text), back, sizeof back, &n) &&
                  hex_is(hex, back, n);
        tally_case(t, ok, "%zu: %s", i, text);
        qc_bytes_free(&raw);
    }
    json_decref(root);
}
