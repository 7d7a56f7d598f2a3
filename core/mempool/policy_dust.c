/* Ephemeral dust: an output of no worth may exist only while its child, which spends it, comes
 * along. */
#include "core/mempool/policy_package.h"

#include "core/base/alloc.h"

#include <stdlib.h>
#include <string.h>

static int by_outpoint(const void *a, const void *b)
{
    const qn_in_rec *x = *(const qn_in_rec *const *)a, *y = *(const qn_in_rec *const *)b;
    int c = memcmp(x->prev_txid, y->prev_txid, 32);
    return c ? c : (x->prev_n > y->prev_n) - (x->prev_n < y->prev_n);
}

static const qc_tx *find_parent(const qc_package *p, const qc_tx_finder *pool,
                                const uint8_t txid[static 32])
{
    qc_hash id;
    for (size_t i = 0; i < p->n; i++)
        if (memcmp(p->tx[i]->rec->txid, txid, 32) == 0)
            return p->tx[i];
    memcpy(id.b, txid, 32);
    return pool->find(pool->arg, &id);
}

/* in[0..n): what is spent from `parent`, in the order of its outputs. */
static bool spends_all_dust(const qc_tx *parent, qc_feerate dust, const qn_in_rec *const *in,
                            size_t n)
{
    size_t k = 0;
    for (uint32_t o = 0; o < parent->rec->n_out; o++) {
        if (!qc_tx_out_is_dust(parent, o, dust))
            continue;
        while (k < n && in[k]->prev_n < o)
            k++;
        if (k == n || in[k]->prev_n != o)
            return false;
    }
    return true;
}

static bool spends_dust_of_parents(const qc_package *p, const qc_tx *tx, qc_feerate dust,
                                   const qc_tx_finder *pool)
{
    size_t n = tx->rec->n_in;
    const qn_in_rec **in = qc_alloc((n ? n : 1) * sizeof *in);
    bool good = true;
    for (size_t i = 0; i < n; i++)
        in[i] = &tx->in[i];
    qsort(in, n, sizeof *in, by_outpoint);
    for (size_t i = 0, end; i < n && good; i = end) {
        for (end = i + 1; end < n && memcmp(in[end]->prev_txid, in[i]->prev_txid, 32) == 0;)
            end++;
        const qc_tx *parent = find_parent(p, pool, in[i]->prev_txid);
        good = !parent || spends_all_dust(parent, dust, in + i, end - i);
    }
    qc_free(in);
    return good;
}

bool qc_package_check_dust_spends(const qc_package *p, qc_feerate dust, const qc_tx_finder *pool,
                                  size_t *which, qc_verdict *v)
{
    for (size_t i = 0; i < p->n; i++) {
        if (spends_dust_of_parents(p, p->tx[i], dust, pool))
            continue;
        qc_hash txid, wtxid;
        char a[QC_HASH_HEX_LEN + 1], b[QC_HASH_HEX_LEN + 1];
        memcpy(txid.b, p->tx[i]->rec->txid, 32);
        memcpy(wtxid.b, p->tx[i]->rec->wtxid, 32);
        qc_hash_hex(&txid, a);
        qc_hash_hex(&wtxid, b);
        if (which)
            *which = i;
        return qc_verdict_fail(v, QC_V_MEMPOOL_POLICY, "missing-ephemeral-spends",
                               "tx %s (wtxid=%s) did not spend parent's ephemeral dust", a, b);
    }
    return true;
}
