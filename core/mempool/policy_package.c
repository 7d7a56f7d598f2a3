/* Context-free rules of packages. */
#include "core/mempool/policy_package.h"

#include "core/crypto/sha256.h"

#include <stdlib.h>
#include <string.h>

/* Inputs that fit into a package: each has at least an outpoint, a sequence and a length. */
#define MIN_INPUT_WEIGHT (41u * QC_WITNESS_SCALE)
#define MAX_INPUTS (QC_MAX_PACKAGE_WEIGHT / MIN_INPUT_WEIGHT)

/* An outpoint that is spent, and by which transaction. */
typedef struct spend {
    const qn_in_rec *in;
    size_t by;
} spend;

static bool bad_package(qc_verdict *v, const char *reason)
{
    return qc_verdict_fail(v, QC_V_PACKAGE_POLICY, reason, NULL);
}

static bool is_spent_by(const qc_tx *tx, const uint8_t txid[static 32])
{
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        if (memcmp(tx->in[i].prev_txid, txid, 32) == 0)
            return true;
    return false;
}

static bool has_duplicates(const qc_package *p)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = i + 1; j < p->n; j++)
            if (memcmp(p->tx[i]->rec->txid, p->tx[j]->rec->txid, 32) == 0)
                return true;
    return false;
}

static bool is_sorted(const qc_package *p)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = i; j < p->n; j++)
            if (is_spent_by(p->tx[i], p->tx[j]->rec->txid))
                return false;
    return true;
}

static int by_outpoint(const void *a, const void *b)
{
    const qn_in_rec *x = ((const spend *)a)->in, *y = ((const spend *)b)->in;
    int c = memcmp(x->prev_txid, y->prev_txid, 32);
    return c ? c : (x->prev_n > y->prev_n) - (x->prev_n < y->prev_n);
}

/* Does a coin have two spenders, or a transaction no input? A coin that one transaction spends
 * twice is a matter of consensus, for qc_check_tx() to name. */
static bool has_conflict(const qc_package *p)
{
    spend all[MAX_INPUTS];
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->tx[i]->rec->n_in == 0)
            return true;
        for (uint32_t k = 0; k < p->tx[i]->rec->n_in && p->n > 1; k++)
            all[n++] = (spend){&p->tx[i]->in[k], i};
    }
    qsort(all, n, sizeof all[0], by_outpoint);
    for (size_t k = 1; k < n; k++)
        if (all[k].by != all[k - 1].by && by_outpoint(&all[k], &all[k - 1]) == 0)
            return true;
    return false;
}

bool qc_package_check(const qc_package *p, qc_verdict *v)
{
    uint64_t weight = 0;
    if (p->n > QC_MAX_PACKAGE_COUNT)
        return bad_package(v, "package-too-many-transactions");
    for (size_t i = 0; i < p->n; i++)
        weight += p->tx[i]->rec->weight;
    /* One that is too heavy by itself is better told so. */
    if (p->n > 1 && weight > QC_MAX_PACKAGE_WEIGHT)
        return bad_package(v, "package-too-large");
    if (has_duplicates(p))
        return bad_package(v, "package-contains-duplicates");
    if (!is_sorted(p))
        return bad_package(v, "package-not-sorted");
    if (has_conflict(p))
        return bad_package(v, "conflict-in-package");
    return true;
}

bool qc_package_is_child_with_parents(const qc_package *p)
{
    if (p->n < 2)
        return false;
    for (size_t i = 0; i + 1 < p->n; i++)
        if (!is_spent_by(p->tx[p->n - 1], p->tx[i]->rec->txid))
            return false;
    return true;
}

bool qc_package_is_tree(const qc_package *p)
{
    if (!qc_package_is_child_with_parents(p))
        return false;
    for (size_t i = 0; i + 1 < p->n; i++)
        for (size_t j = 0; j + 1 < p->n; j++)
            if (is_spent_by(p->tx[i], p->tx[j]->rec->txid))
                return false;
    return true;
}

/* Hashes are numbers with the least byte first. */
static int by_number(const void *a, const void *b)
{
    const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;
    for (size_t i = 32; i-- > 0;)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

void qc_package_hash(const qc_package *p, qc_hash *out)
{
    const uint8_t *wtxid[QC_MAX_PACKAGE_COUNT];
    QC_ASSERT(p->n <= QC_MAX_PACKAGE_COUNT);
    for (size_t i = 0; i < p->n; i++)
        wtxid[i] = p->tx[i]->rec->wtxid;
    qsort(wtxid, p->n, sizeof wtxid[0], by_number);
    qc_sha256_ctx c;
    qc_sha256_init(&c);
    for (size_t i = 0; i < p->n; i++)
        qc_sha256_update(&c, wtxid[i], 32);
    qc_sha256_final(&c, out->b);
}
