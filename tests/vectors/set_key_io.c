/* key_io_valid, key_io_invalid: addresses and secret keys as text, on every chain. */
#include "core/crypto/secp.h"
#include "lib/address.h"
#include "tests/vectors/sets.h"

static bool decodes(const qn_chain_text *chain, const char *text, qc_span want)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len;
    return qn_address_decode(chain, text, strlen(text), script, &len, NULL) &&
           qc_span_eq(qc_span_of(script, len), want);
}

static bool is_address(const qn_chain_text *chain, const char *text)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len;
    return qn_address_decode(chain, text, strlen(text), script, &len, NULL);
}

static bool is_secret(const qn_chain_text *chain, const char *text)
{
    uint8_t key[32];
    bool compressed;
    return qn_wif_decode(chain, text, strlen(text), key, &compressed) && qc_seckey_valid(key);
}

static bool secret_right(const qn_chain_text *chain, const char *text, qc_span want,
                         bool compressed)
{
    uint8_t key[32];
    char again[QN_ADDRESS_MAX];
    bool got;
    if (!qn_wif_decode(chain, text, strlen(text), key, &got) || !qc_seckey_valid(key))
        return false;
    qn_wif_encode(chain, key, got, again);
    return got == compressed && qc_span_eq(qc_span_of(key, 32), want) && strcmp(again, text) == 0 &&
           !is_address(chain, text);
}

static char flip(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool address_right(const qn_chain_text *chain, const char *text, qc_span want, bool flips)
{
    char again[QN_ADDRESS_MAX], flipped[QN_ADDRESS_MAX] = "";
    if (!decodes(chain, text, want) || is_secret(chain, text))
        return false;
    qn_address_encode(chain, want.data, want.len, again);
    for (size_t i = 0; text[i] && i + 1 < sizeof flipped; i++)
        flipped[i] = flip(text[i]);
    return strcmp(again, text) == 0 && decodes(chain, flipped, want) == flips;
}

void set_key_io_valid(const char *file, tally *t)
{
    json_t *root = load_json(file);
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *v = json_at(root, i), *meta = json_at(v, 2);
        const char *text = json_text(json_at(v, 0));
        qc_bytes want = unhex(json_text(json_at(v, 1)));
        const qn_chain_text *chain = qn_chain_by_name(json_text(json_need(meta, "chain")));
        bool ok;
        if (!chain)
            bad_vectors("case %zu: no such chain", i);
        if (json_is_true(json_need(meta, "isPrivkey")))
            ok = secret_right(chain, text, qc_bytes_span(&want),
                              json_is_true(json_need(meta, "isCompressed")));
        else
            ok = address_right(chain, text, qc_bytes_span(&want),
                               json_is_true(json_object_get(meta, "tryCaseFlip")));
        tally_case(t, ok, "%zu: %s", i, text);
        qc_bytes_free(&want);
    }
    json_decref(root);
}

void set_key_io_invalid(const char *file, tally *t)
{
    static const char *const chain[] = {"main", "test", "testnet4", "signet", "regtest"};
    json_t *root = load_json(file);
    for (size_t i = 0; i < json_array_size(root); i++) {
        const char *text = json_text(json_at(json_at(root, i), 0));
        bool ok = true;
        for (size_t j = 0; j < QC_COUNTOF(chain); j++) {
            const qn_chain_text *c = qn_chain_by_name(chain[j]);
            ok = ok && !is_address(c, text) && !is_secret(c, text);
        }
        tally_case(t, ok, "%zu: %s", i, text);
    }
    json_decref(root);
}
