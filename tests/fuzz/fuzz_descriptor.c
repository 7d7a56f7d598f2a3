/* Any text as a descriptor. What parses prints as a descriptor that parses and prints the same;
 * each script has a descriptor that parses too and stands for that script; each leaf of a tree has
 * a control block that leads to the output. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "lib/descriptor.h"
#include "lib/secp/curve.h"

#define FLAGS QN_DESC_SECRETS

static const qn_curve *curve_of(void)
{
    static qn_secp *secp;
    static qn_curve curve;
    static const uint8_t seed[32] = {1};
    if (!secp) {
        secp = qn_secp_new(seed);
        QC_ASSERT(secp);
        curve = qn_secp_curve(secp);
    }
    return &curve;
}

static char *print(const qn_descriptor *d, size_t branch)
{
    size_t n = qn_descriptor_print(d, branch, NULL, 0);
    char *text = qc_alloc(n + 1);
    QC_ASSERT(qn_descriptor_print(d, branch, text, n + 1) == n && strlen(text) == n);
    return text;
}

/* A descriptor with its secrets made public may have steps that need them. */
static void same_again(const qn_chain_text *chain, const qn_descriptor *d, size_t branch)
{
    char err[256], *text = print(d, branch);
    qn_descriptor *e = qn_descriptor_parse(chain, curve_of(), text, strlen(text),
                                           QN_DESC_NEED_CHECKSUM, err, sizeof err);
    QC_ASSERT(e && qn_descriptor_branches(e) == 1);
    char *again = print(e, 0);
    QC_ASSERT(strcmp(text, again) == 0);
    qn_descriptor_free(e);
    qc_free(text);
    qc_free(again);
}

static void one_script(const qn_chain_text *chain, const qn_derived *v, qn_desc_bytes s)
{
    char err[256];
    size_t n = qn_descriptor_infer(chain, curve_of(), s.data, s.len, v, NULL, 0);
    char *text = qc_alloc(n + 1);
    QC_ASSERT(n && qn_descriptor_infer(chain, curve_of(), s.data, s.len, v, text, n + 1) == n);
    qn_descriptor *d =
        qn_descriptor_parse(chain, curve_of(), text, n, QN_DESC_NEED_CHECKSUM, err, sizeof err);
    qn_derived w;
    /* A raw script may hold what only looks like keys. */
    QC_ASSERT(d || v->n_keys == 0);
    if (d && !qn_descriptor_derive(d, 0, 0, &w)) {
        const qn_desc_bytes t = w.script[0].script;
        QC_ASSERT(w.n_scripts == 1 && t.len == s.len && memcmp(t.data, s.data, s.len) == 0);
        qn_derived_clear(&w);
    }
    qn_descriptor_free(d);
    qc_free(text);
}

static void leaves(const qn_derived *v)
{
    uint8_t block[33 + 32 * 128];
    for (size_t i = 0; i < v->n_leaves && i < 8; i++) {
        size_t n = qn_derived_control(v, i, block, sizeof block);
        QC_ASSERT(n == 33 + 32 * (size_t)v->leaf[i].depth);
        QC_ASSERT(memcmp(block + 1, v->internal, 32) == 0 && (block[0] & 0xfe) == 0xc0);
        QC_ASSERT(qn_derived_control(v, i, block, n - 1) == 0);
    }
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    char err[256];
    const qn_chain_text *chain = qn_chain_by_name(len % 2 ? "main" : "regtest");
    qn_descriptor *d =
        qn_descriptor_parse(chain, curve_of(), (const char *)data, len, FLAGS, err, sizeof err);
    if (!d) {
        QC_ASSERT(err[0] != '\0');
        return 0;
    }
    const size_t branches = QC_MIN(qn_descriptor_branches(d), (size_t)3);
    for (size_t b = 0; b < branches; b++) {
        qn_derived v;
        same_again(chain, d, b);
        if (qn_descriptor_derive(d, b, 3, &v))
            continue;
        for (size_t i = 0; i < v.n_scripts; i++)
            one_script(chain, &v, v.script[i].script);
        leaves(&v);
        qn_derived_clear(&v);
    }
    qn_descriptor_free(d);
    return 0;
}
