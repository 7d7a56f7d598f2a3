/* Any bytes as a PSBT: what is read is written in one form only, which reads as the same; combined
 * with itself it stays as it is; what roles make of it can be written and read. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "lib/psbt_sign.h"
#include "lib/secp/curve.h"

#include <stdlib.h>

static qn_psbt *must_read(const uint8_t *raw, size_t len)
{
    const qn_curve curve = qn_secp_curve(NULL);
    char *why;
    qn_psbt *p = qn_psbt_read(&curve, raw, len, &why);
    QC_ASSERT(p && !why);
    return p;
}

/* Owned: free(). */
static uint8_t *must_write(const qn_psbt *p, size_t *len)
{
    uint8_t *raw;
    QC_ASSERT(qn_psbt_write(p, &raw, len));
    return raw;
}

static bool verify(void *arg, size_t in, qn_psbt_bytes sig, qn_psbt_bytes wit)
{
    (void)arg;
    (void)in;
    return sig.len || wit.len;
}

static size_t sign(void *arg, size_t in, const uint8_t *x, const uint8_t *leaf, const uint8_t *root,
                   uint8_t *out)
{
    (void)arg;
    (void)in;
    (void)leaf;
    (void)root;
    memset(out, 7, 64);
    return x[0] & 1 ? 64 : 0;
}

static void all_roles(qn_psbt *p, bool any_time)
{
    const qn_psbt_helper h = {.verify = verify, .schnorr = sign, .any_time = any_time};
    uint8_t *tx;
    size_t len;
    for (size_t i = 0; i < p->n_in; i++) {
        qn_psbt_missing m;
        (void)qn_psbt_sign(p, i, &h, -1, i % 2, &m);
        qn_psbt_missing_clear(&m);
    }
    for (size_t i = 0; i < p->n_out; i++)
        QC_ASSERT(qn_psbt_update_output(p, i, &h));
    qn_psbt_drop_transactions(p);
    if (qn_psbt_tx(p, true, &tx, &len) == QN_PSBT_OK)
        free(tx);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    const qn_curve curve = qn_secp_curve(NULL);
    char *why = NULL;
    size_t one_len, two_len;
    qn_psbt *p = qn_psbt_read(&curve, data, len, &why);
    QC_ASSERT(!p == (why != NULL));
    free(why);
    if (!p)
        return 0;
    uint8_t *one = must_write(p, &one_len);
    qn_psbt *again = must_read(one, one_len);
    uint32_t at;
    QC_ASSERT(qn_psbt_combine(again, p) ==
              (qn_psbt_locktime(p, &at) ? QN_PSBT_OK : QN_PSBT_OTHER_TX));
    uint8_t *two = must_write(again, &two_len);
    QC_ASSERT(one_len == two_len && memcmp(one, two, one_len) == 0);
    all_roles(p, len % 2);
    free(two);
    two = must_write(p, &two_len);
    qn_psbt_free(again);
    again = must_read(two, two_len);
    qn_psbt_free(again);
    qn_psbt_free(p);
    free(one);
    free(two);
    return 0;
}
