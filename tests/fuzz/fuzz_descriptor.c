/* Any text as a descriptor. What parses prints as a descriptor that parses and prints the same, and
 * each of its scripts has a descriptor that parses too and stands for that script. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/crypto/secp.h"
#include "lib/descriptor.h"

static bool pubkey_valid(void *arg, const uint8_t *key, size_t len)
{
    (void)arg;
    return qc_pubkey_valid(qc_span_of(key, len));
}
static bool pubkey_of(void *arg, const uint8_t *secret, bool compressed, uint8_t *out)
{
    (void)arg;
    /* Any fixed point will do: the parser only passes it on. */
    static const uint8_t g[] =
        "\x02\x79\xbe\x66\x7e\xf9\xdc\xbb\xac\x55\xa0\x62\x95\xce\x87\x0b\x07"
        "\x02\x9b\xfc\xdb\x2d\xce\x28\xd9\x59\xf2\x81\x5b\x16\xf8\x17\x98";
    if (!qc_seckey_valid(secret))
        return false;
    if (compressed)
        memcpy(out, g, QC_PUBKEY_COMPRESSED);
    return compressed || qc_pubkey_decompress(qc_span_of(g, QC_PUBKEY_COMPRESSED), out);
}
static bool tap_output(void *arg, const uint8_t *internal, uint8_t *out)
{
    (void)arg;
    bool odd;
    return qc_tap_tweak(internal, NULL, out, &odd);
}
static const qn_curve CURVE = {NULL, pubkey_valid, pubkey_of, tap_output};

typedef struct seen {
    const qn_chain_text *chain;
    const uint8_t *script;
    size_t len;
} seen;

static void same_script(void *arg, const uint8_t *script, size_t len, const char *desc)
{
    const seen *s = arg;
    (void)desc;
    QC_ASSERT(len == s->len && memcmp(script, s->script, len) == 0);
}

static void one_script(void *arg, const uint8_t *script, size_t len, const char *desc)
{
    const qn_descriptor *of = arg;
    seen s = {of->chain, script, len};
    qn_descriptor d;
    char err[256];
    bool ok = qn_descriptor_parse(s.chain, &CURVE, desc, strlen(desc), true, &d, err, sizeof err);
    /* A raw script may hold what only looks like keys. */
    QC_ASSERT(ok || of->kind == QN_DESC_RAW);
    if (ok)
        QC_ASSERT(qn_descriptor_expand(&d, &CURVE, same_script, &s));
    qn_descriptor_clear(&d);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qn_descriptor d, e;
    char err[256];
    const qn_chain_text *chain = qn_chain_by_name(len % 2 ? "main" : "regtest");
    if (!qn_descriptor_parse(chain, &CURVE, (const char *)data, len, false, &d, err, sizeof err)) {
        QC_ASSERT(err[0] != '\0');
        return 0;
    }
    size_t n = qn_descriptor_print(&d, NULL, 0), m;
    char *text = qc_alloc(n + 1), *again = qc_alloc(n + 1);
    QC_ASSERT(qn_descriptor_print(&d, text, n + 1) == n);
    QC_ASSERT(qn_descriptor_parse(chain, &CURVE, text, n, false, &e, err, sizeof err));
    m = qn_descriptor_print(&e, again, n + 1);
    QC_ASSERT(n == m && strcmp(text, again) == 0);
    (void)qn_descriptor_expand(&d, &CURVE, one_script, &d);
    qn_descriptor_clear(&e);
    qn_descriptor_clear(&d);
    qc_free(text);
    qc_free(again);
    return 0;
}
