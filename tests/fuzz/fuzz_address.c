/* The input as an address, a secret key, a script: what decodes encodes to the same. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "lib/address.h"
#include "lib/asm.h"
#include "lib/descriptor.h"
#include "lib/script.h"

static const qn_chain_text *chain_of(uint8_t v)
{
    static const char *const name[] = {"main", "test", "testnet4", "signet", "regtest"};
    return qn_chain_by_name(name[v % QC_COUNTOF(name)]);
}

static void as_address(const qn_chain_text *chain, const char *text, size_t len)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX], again[QN_ADDRESS_SCRIPT_MAX], key[32];
    char out[QN_ADDRESS_MAX];
    size_t n, m;
    bool compressed;
    qn_address_error err;
    if (qn_address_decode(chain, text, len, script, &n, &err)) {
        size_t chars = qn_address_encode(chain, script, n, out);
        QC_ASSERT(chars > 0 && qn_address_decode(chain, out, chars, again, &m, NULL));
        QC_ASSERT(n == m && memcmp(script, again, n) == 0);
    } else {
        QC_ASSERT(err.text[0] != '\0');
        for (size_t i = 0; i < err.where.n; i++)
            QC_ASSERT(err.where.at[i] < len);
        QC_ASSERT(err.where.more <= len);
    }
    if (qn_wif_decode(chain, text, len, key, &compressed))
        QC_ASSERT(qn_wif_encode(chain, key, compressed, out) > 0);
}

static void as_script(const qn_chain_text *chain, const uint8_t *script, size_t len)
{
    uint8_t again[QN_ADDRESS_SCRIPT_MAX];
    char out[QN_ADDRESS_MAX];
    size_t n, chars = qn_address_encode(chain, script, len, out);
    if (chars) {
        QC_ASSERT(qn_address_decode(chain, out, chars, again, &n, NULL));
        QC_ASSERT(n == len && memcmp(again, script, n) == 0);
    }
    for (int sighash = 0; sighash < 2; sighash++) {
        n = qn_script_asm(script, len, sighash, NULL, 0);
        QC_ASSERT(n <= 23 * len);
        char *text = qc_alloc(n + 1);
        QC_ASSERT(qn_script_asm(script, len, sighash, text, n + 1) == n && strlen(text) == n);
        qc_free(text);
    }
    n = qn_descriptor_infer(chain, NULL, script, len, NULL, NULL, 0);
    QC_ASSERT(n <= 2 * len + 120);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len == 0)
        return -1;
    as_address(chain_of(data[0]), (const char *)data + 1, len - 1);
    as_script(chain_of(data[0]), data + 1, len - 1);
    return 0;
}
