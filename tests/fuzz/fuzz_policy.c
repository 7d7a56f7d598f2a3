/* A transaction and the scripts of the coins it spends, before all relay rules. Input: length of
 * the transaction (two bytes), the transaction, then scripts with a length byte each in front. */
#include "core/mempool/policy_package.h"
#include "tests/fuzz/fuzz.h"

#define MAX_IN 64

/* A transaction is its own pool. */
static const qc_tx *find_self(void *arg, const qc_hash *txid)
{
    const qc_tx *tx = arg;
    return memcmp(txid->b, tx->rec->txid, 32) == 0 || txid->b[0] % 2 ? tx : NULL;
}

static void judge_together(const qc_tx *tx, uint8_t choice)
{
    const qc_tx *both[3] = {tx, tx, tx};
    qc_package p = {both, 1 + choice % 3u};
    qc_verdict v = {0};
    qc_hash h, other = {{choice}};
    size_t which = 9;
    qc_tx pool = *tx;
    qc_tx_finder finder = {&pool, find_self};
    qc_truc_parent parent = {&h,
                             &other,
                             choice % 4,
                             choice % 3 + 1u,
                             choice / 3 % 3 + 1u,
                             choice & 1,
                             choice / 5 % 3 + 1u};
    qc_package_hash(&p, &h);
    QC_ASSERT(p.n == 1 || !qc_package_check(&p, &v));
    qc_package_is_child_with_parents(&p);
    qc_package_is_tree(&p);
    if (!qc_package_check_dust_spends(&p, qc_feerate_per_kvb(3000), &finder, &which, &v))
        QC_ASSERT(which < p.n && v.reason[0]);
    bool evict;
    if (qc_truc_check(tx, qc_vsize(tx->rec->weight), &parent, choice % 2, &evict, &v))
        QC_ASSERT(!evict);
    for (size_t i = 0; i < p.n; i++)
        if (!qc_truc_check_package(&p, i, 100, &parent, choice / 2 % 2, &v))
            QC_ASSERT(v.code == QC_V_PACKAGE_POLICY && v.debug[0]);
}

static void judge(const qc_tx *tx, const qc_spent *spent)
{
    qc_policy p = qc_policy_default();
    qc_verdict v = {0};
    uint32_t first = UINT32_MAX, dust = qc_tx_dust(tx, p.dust, &first);
    QC_ASSERT(dust <= tx->rec->n_out && (dust == 0 || qc_tx_out_is_dust(tx, first, p.dust)));
    if (!qc_policy_check_tx(&p, tx, &v)) {
        QC_ASSERT(v.code == QC_V_NOT_STANDARD && v.reason[0]);
    } else {
        QC_ASSERT(dust <= QC_STD_MAX_DUST && tx->rec->weight <= QC_STD_MAX_TX_WEIGHT);
        QC_ASSERT(qc_policy_check_dust_fee(&p, tx, 1, 0, &v) == (dust == 0));
    }
    /* Also without: with -acceptnonstdtxn nobody has looked at the scriptSigs before. */
    memset(&v, 0, sizeof v);
    if (!qc_policy_check_inputs(&p, tx, spent, &v))
        QC_ASSERT(v.reason[0] && v.code != QC_V_OK);
    QC_ASSERT(!qc_policy_is_stripped(tx, spent) || !qc_tx_has_witness(tx));
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fuzz_in in = {data, len};
    size_t tx_len = qc_fuzz_u8(&in);
    tx_len |= (size_t)qc_fuzz_u8(&in) << 8;
    tx_len = QC_MIN(tx_len, in.left);
    qc_txbuf t;
    if (qc_tx_parse(qc_span_of(in.p, tx_len), true, &t) != QC_WIRE_OK)
        return -1;
    in.p += tx_len;
    in.left -= tx_len;
    qc_spent spent[MAX_IN];
    memset(spent, 0, sizeof spent);
    if (t.tx.rec->n_in <= MAX_IN) {
        for (uint32_t i = 0; i < t.tx.rec->n_in; i++) {
            size_t n = qc_fuzz_u8(&in);
            n = QC_MIN(n, in.left);
            spent[i].script = qc_span_of(in.p, n);
            in.p += n;
            in.left -= n;
        }
        judge(&t.tx, spent);
        judge_together(&t.tx, qc_fuzz_u8(&in));
    }
    qc_txbuf_clear(&t);
    return 0;
}
