/* What is let into the pool and what is not, with Core's reasons, one by one; replacement; BIP431.
 */
#include "core/mempool/accept.h"

#include "core/chain/coins.h"
#include "core/mempool/pool_internal.h"
#include "core/script/opcode.h"
#include "core/script/sigcache.h"
#include "tests/unit/builder_sign.h"
#include "tests/unit/pool_kit.h"

static pool_kit p;

static tb_tx *plain(size_t i)
{
    return pk_spend(&p.coin[i], 1, 1000, 1);
}

static int start(void **state)
{
    (void)state;
    pk_start(&p);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pk_end(&p);
    return 0;
}

/* ---- one by one ---- */

static void test_accept__a_plain_transaction_is_let_in_and_told(void **state)
{
    (void)state;
    tb_tx *tx = pk_spend(&p.coin[0], 1, 1000, 2);
    qc_hash txid = tb_txid(tx);
    qc_accept_result r;
    pk_try(&p, tx, true, &r);
    assert_int_equal(r.kind, QC_ACCEPT_VALID);
    assert_false(pk_has(&p, &txid));
    qc_accept_result_clear(&r);
    pk_try(&p, tx, false, &r);
    assert_int_equal(r.kind, QC_ACCEPT_VALID);
    assert_int_equal(r.fee, 1000);
    assert_true(r.has_feerate);
    assert_int_equal(r.feerate.fee, 1000);
    assert_int_equal(r.feerate.size, r.vsize);
    assert_int_equal(r.n_fee_wtxids, 1);
    assert_true(qc_hash_eq(&r.fee_wtxids[0], &r.wtxid));
    assert_int_equal(r.n_replaced, 0);
    qc_accept_result_clear(&r);
    const qc_mempool_entry *e = qc_mempool_find(p.m, &txid);
    assert_ptr_equal(qc_mempool_find_wtxid(p.m, qc_entry_wtxid(e)), e);
    assert_ptr_equal(qc_mempool_spender(p.m, &p.coin[0].o), e);
    assert_int_equal(e->height, PK_BLOCKS);
    assert_int_equal(e->time, p.now);
    assert_true(e->spends_coinbase);
    assert_int_equal(e->sequence, 1);
    assert_int_equal(p.n_news, 1);
    assert_int_equal(p.news[0].kind, PK_ADDED);
    assert_int_equal(p.news[0].sequence, 1);
    assert_true(p.news[0].added.no_parents);
    assert_false(p.news[0].added.in_package);
    pk_refuse(&p, tx, QC_V_CONFLICT, "txn-already-in-mempool", NULL);
}

static void test_accept__the_same_transaction_with_another_witness_is_known(void **state)
{
    (void)state;
    tb_tx *tx = plain(0);
    pk_add(&p, tb_tx_copy(tx));
    tb_tx_witness(tx, 0, qc_span_str("more"));
    pk_refuse(&p, tx, QC_V_CONFLICT, "txn-same-nonwitness-data-in-mempool", NULL);
}

static void test_accept__breaches_of_consensus_are_named(void **state)
{
    (void)state;
    tb_tx *tx = plain(0);
    tx->out[0].value = -1;
    pk_refuse(&p, tx, QC_V_CONSENSUS, "bad-txns-vout-negative", NULL);
    tx = plain(0);
    tx->out[0].value = p.coin[0].value + 1;
    pk_refuse(&p, tx, QC_V_CONSENSUS, "bad-txns-in-belowout", NULL);
    const pk_coin twice[] = {p.coin[0], p.coin[0]};
    pk_refuse(&p, pk_spend(twice, 2, 1000, 1), QC_V_CONSENSUS, "bad-txns-inputs-duplicate", NULL);
    pk_refuse(&p, tb_coinbase(131, 0, 50, pk_script()), QC_V_CONSENSUS, "coinbase", NULL);
}

static void test_accept__what_is_not_standard_is_named(void **state)
{
    (void)state;
    tb_tx *tx = plain(0);
    tx->version = 4;
    pk_refuse(&p, tx, QC_V_NOT_STANDARD, "version", NULL);
    tx = pk_spend(&p.coin[0], 1, 1000, 1);
    tb_tx_out(tx, 100, pk_script());
    pk_refuse(&p, tx, QC_V_NOT_STANDARD, "dust", NULL);
    static const uint8_t odd[] = {QC_OP_1, QC_OP_DROP, QC_OP_1};
    tx = pk_spend(&p.coin[0], 1, 51000, 1);
    tb_tx_out(tx, 50000, qc_span_of(odd, sizeof odd));
    pk_refuse(&p, tx, QC_V_NOT_STANDARD, "scriptpubkey", NULL);
}

static void test_accept__a_small_transaction_is_refused(void **state)
{
    (void)state;
    static const uint8_t data[] = {QC_OP_RETURN};
    tb_tx *tx = pk_spend(&p.coin[0], 1, 1000, 0);
    tb_tx_out(tx, 0, qc_span_of(data, sizeof data));
    pk_refuse(&p, tx, QC_V_NOT_STANDARD, "tx-size-small", NULL);
}

static void test_accept__what_is_too_early_is_named(void **state)
{
    (void)state;
    tb_tx *tx = plain(0);
    tx->locktime = PK_BLOCKS + 1;
    tx->in[0].sequence = 0xfffffffe;
    pk_refuse(&p, tb_tx_copy(tx), QC_V_PREMATURE_SPEND, "non-final", NULL);
    tx->locktime = PK_BLOCKS;
    pk_add(&p, tx);
    /* coin[1] was made at height 2: 129 blocks are over when 131 is made. */
    tx = plain(1);
    tx->in[0].sequence = 130;
    pk_refuse(&p, tb_tx_copy(tx), QC_V_PREMATURE_SPEND, "non-BIP68-final", NULL);
    tx->in[0].sequence = 129;
    pk_add(&p, tx);
    /* By time: from the median at height 2, which is the time of block 1, to that of 125. */
    tx = plain(2);
    tx->in[0].sequence = 0x400000 | ((600 * 124 >> 9) + 1);
    pk_refuse(&p, tb_tx_copy(tx), QC_V_PREMATURE_SPEND, "non-BIP68-final", NULL);
    tx->in[0].sequence = 0x400000 | (600 * 124 >> 9);
    pk_add(&p, tx);
}

static void test_accept__an_immature_coinbase_is_too_early(void **state)
{
    (void)state;
    pk_coin young = p.coin[PK_COINS - 1]; /* of height 30: 131 - 30 >= 100 */
    pk_add(&p, pk_spend(&young, 1, 1000, 1));
    qc_block *b;
    assert_int_equal(qc_chain_read_block(p.k.c, qc_chain_at(p.k.c, 32), &b), QC_OK);
    qc_tx cb = qc_block_tx(b, 0);
    memcpy(young.o.txid.b, cb.rec->txid, 32);
    young.value = cb.out[0].value;
    qc_block_unref(b);
    pk_refuse(&p, pk_spend(&young, 1, 1000, 1), QC_V_PREMATURE_SPEND,
              "bad-txns-premature-spend-of-coinbase", "depth 99");
}

static void test_accept__missing_inputs_and_confirmed_ones(void **state)
{
    (void)state;
    pk_coin none = {.value = 100000};
    none.o.txid.b[0] = 1;
    pk_refuse(&p, pk_spend(&none, 1, 1000, 1), QC_V_MISSING_INPUTS,
              "bad-txns-inputs-missingorspent", NULL);
    tb_tx *tx = plain(0);
    pk_coin past = {{tb_txid(tx), 7}, 5000}; /* no such output */
    pk_mine(&p, &tx, 1);
    pk_refuse(&p, tx, QC_V_CONFLICT, "txn-already-known", NULL);
    pk_refuse(&p, pk_spend(&past, 1, 1000, 1), QC_V_MISSING_INPUTS,
              "bad-txns-inputs-missingorspent", NULL);
    tx = plain(1);
    pk_add(&p, tb_tx_copy(tx));
    past = (pk_coin){{tb_txid(tx), 1}, 5000};
    pk_refuse(&p, pk_spend(&past, 1, 1000, 1), QC_V_MISSING_INPUTS,
              "bad-txns-inputs-missingorspent", NULL);
    tb_tx_free(tx);
}

static void test_accept__a_refused_transaction_leaves_no_coins_in_the_cache(void **state)
{
    (void)state;
    qc_coins *coins = qc_chain_coins(p.k.c);
    tb_tx *tx = plain(3);
    /* Written and forgotten: everything must come from the database. */
    pk_end(&p);
    pk_init(&p);
    kit_reopen(&p.k);
    p.o.chain = p.k.c;
    pk_open(&p);
    coins = qc_chain_coins(p.k.c);
    assert_int_equal(qc_coins_peek(coins, &p.coin[3].o, NULL), QC_COINS_MISS);
    tx->version = 2;
    tx->out[0].value = p.coin[3].value; /* pays nothing */
    pk_refuse(&p, tx, QC_V_RECONSIDERABLE, "min relay fee not met", "0 < ");
    assert_int_equal(qc_coins_peek(coins, &p.coin[3].o, NULL), QC_COINS_MISS);
    pk_add(&p, plain(3));
    assert_int_equal(qc_coins_peek(coins, &p.coin[3].o, NULL), QC_COINS_UNSPENT);
}

static void test_accept__fees_count_with_the_operators_delta(void **state)
{
    (void)state;
    tb_tx *tx = pk_spend(&p.coin[0], 1, 0, 1);
    qc_hash txid = tb_txid(tx);
    pk_refuse(&p, tb_tx_copy(tx), QC_V_RECONSIDERABLE, "min relay fee not met", NULL);
    qc_mempool_prioritise(p.m, &txid, 5000);
    const qc_mempool_entry *e = pk_add(&p, tx);
    assert_int_equal(e->fee, 0);
    assert_int_equal(e->modified_fee, 5000);
    qc_mempool_prioritise(p.m, &txid, -2000);
    assert_int_equal(e->modified_fee, 3000);
    assert_int_equal(qc_mempool_delta(p.m, &txid), 3000);
    qc_mempool_check(p.m);
    qc_mempool_prioritise(p.m, &txid, -3000);
    qc_mempool_delta_rec *d;
    assert_int_equal(qc_mempool_deltas(p.m, &d), 0);
    qc_free(d);
}

static void test_accept__scripts_that_fail_are_named(void **state)
{
    (void)state;
    tb_tx *tx = plain(0);
    tb_tx_witness(tx, 0, qc_span_str("x")); /* another script than the one paid */
    pk_refuse(&p, tx, QC_V_NOT_STANDARD,
              "mempool-script-verify-flag-failed (Witness program hash mismatch)", "input 0 of");
    tx = plain(0);
    tb_tx_clear_witness(tx, 0);
    pk_refuse(&p, tx, QC_V_WITNESS_STRIPPED,
              "mempool-script-verify-flag-failed (Witness program was passed an empty witness)",
              "spending");
}

static void test_accept__a_block_of_known_transactions_runs_no_script(void **state)
{
    (void)state;
    tb_tx *tx = plain(0);
    qc_txbuf b;
    tb_tx_parse(tx, &b);
    const qc_index *tip = qc_chain_tip(p.k.c);
    uint32_t now = qc_block_script_flags(p.k.params, tip->height, &tip->hash);
    qc_script_cache *known = qc_chain_script_cache(p.k.c);
    const qc_hash *wtxid = (const qc_hash *)b.tx.rec->wtxid;
    assert_false(qc_script_cache_has(known, wtxid, now, false));
    pk_add(&p, tb_tx_copy(tx));
    assert_true(qc_script_cache_has(known, wtxid, now, false));
    pk_mine(&p, &tx, 1);
    tip = qc_chain_tip(p.k.c);
    assert_int_equal(now, qc_block_script_flags(p.k.params, tip->height, &tip->hash));
    qc_txbuf_clear(&b);
    tb_tx_free(tx);
}

static void test_accept__chains_are_let_in_up_to_the_limit_of_a_cluster(void **state)
{
    (void)state;
    pk_coin last = p.coin[0];
    for (unsigned i = 0; i < QC_MEMPOOL_CLUSTER_COUNT; i++) {
        tb_tx *tx = pk_spend(&last, 1, 1000, 1);
        last = pk_out(tx, 0);
        pk_add(&p, tx);
    }
    tb_tx *tx = pk_spend(&last, 1, 1000, 1);
    qc_txbuf b;
    tb_tx_parse(tx, &b);
    assert_false(qc_mempool_fits_cluster(p.m, &b.tx));
    qc_txbuf_clear(&b);
    pk_refuse(&p, tx, QC_V_MEMPOOL_POLICY, "too-large-cluster", NULL);
    const qc_mempool_entry *e = qc_mempool_spender(p.m, &p.coin[0].o);
    qc_mempool_family f;
    qc_mempool_family_of(p.m, e, &f);
    assert_int_equal(f.ancestors, 1);
    assert_int_equal(f.descendants, QC_MEMPOOL_CLUSTER_COUNT);
    assert_int_equal(f.descendant_fees, 1000 * QC_MEMPOOL_CLUSTER_COUNT);
    assert_int_equal(f.cluster, QC_MEMPOOL_CLUSTER_COUNT);
}

static void test_accept__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    const qc_accept_opts o = {0};
    tb_tx *old = pk_spend(&p.coin[0], 1, 1000, 1), *tx = pk_spend(&p.coin[0], 2, 9000, 1);
    qc_hash was = tb_txid(old);
    qc_txbuf b;
    pk_add(&p, old);
    tb_tx_parse(tx, &b);
    FOR_EACH_FAULT (runs) {
        qc_accept_result r;
        qc_err err = qc_mempool_accept(p.m, &b.tx, &o, &r);
        assert_true(!err == (r.kind == QC_ACCEPT_VALID));
        assert_int_equal(pk_has(&p, &r.txid), !err);
        assert_int_equal(pk_has(&p, &was), !!err);
        if (!err)
            assert_int_equal(r.n_replaced, 1);
        qc_accept_result_clear(&r);
        uint64_t left = qc_fault_left();
        fault_arm(0);
        qc_mempool_check(p.m);
        fault_arm(left);
    }
    assert_true(runs > 4);
    qc_txbuf_clear(&b);
    tb_tx_free(tx);
}

/* ---- replacement ---- */

static void test_replace__it_must_pay_more_and_better(void **state)
{
    (void)state;
    const qc_mempool_entry *old = pk_add(&p, pk_spend(&p.coin[0], 1, 10000, 1));
    int64_t vsize = old->vsize;
    qc_hash was = *qc_entry_txid(old);
    assert_true(vsize > 80 && vsize < 200);
    pk_refuse(&p, pk_spend(&p.coin[0], 1, 9999, 2), QC_V_RECONSIDERABLE, "insufficient fee",
              "less fees than conflicting txs; 0.00009999 < 0.0001");
    pk_refuse(&p, pk_spend(&p.coin[0], 1, 10001, 2), QC_V_RECONSIDERABLE, "insufficient fee",
              "not enough additional fees to relay; 0.00000001 < 0.0000001");
    tb_tx *big = pk_spend(&p.coin[0], 1, 13000, 1);
    pk_pad(big, 5000);
    pk_refuse(&p, big, QC_V_RECONSIDERABLE, "replacement-failed",
              "insufficient feerate: does not improve feerate diagram");
    tb_tx *tx = pk_spend(&p.coin[0], 1, 11000, 1);
    qc_accept_result r;
    pk_try(&p, tx, false, &r);
    assert_int_equal(r.kind, QC_ACCEPT_VALID);
    assert_int_equal(r.n_replaced, 1);
    assert_true(qc_hash_eq(qc_entry_txid(r.replaced[0]), &was));
    qc_accept_result_clear(&r);
    assert_false(pk_has(&p, &was));
    qc_hash now = tb_txid(tx);
    size_t gone = pk_find_news(&p, 0, PK_REMOVED, &was), came = pk_find_news(&p, 0, PK_ADDED, &now);
    assert_int_equal(came, gone + 1);
    assert_int_equal(p.news[gone].why, QC_GONE_REPLACED);
    assert_true(p.news[gone].has_by && qc_hash_eq(&p.news[gone].by, &now));
    assert_int_equal(p.news[came].sequence, p.news[gone].sequence + 1);
    tb_tx_free(tx);
}

static void test_replace__descendants_go_too_and_are_paid_for(void **state)
{
    (void)state;
    tb_tx *a = pk_spend(&p.coin[0], 1, 1000, 2);
    pk_coin out[] = {pk_out(a, 0), pk_out(a, 1)};
    pk_add(&p, a);
    pk_add(&p, pk_spend(&out[0], 1, 20000, 1));
    pk_add(&p, pk_spend(&out[1], 1, 30000, 1));
    pk_refuse(&p, pk_spend(&p.coin[0], 1, 50999, 1), QC_V_RECONSIDERABLE, "insufficient fee",
              "0.00050999 < 0.00051");
    pk_add(&p, pk_spend(&p.coin[0], 1, 52000, 1));
    assert_int_equal(qc_mempool_count(p.m), 1);
}

static void test_replace__what_it_replaces_it_may_not_spend(void **state)
{
    (void)state;
    tb_tx *a = pk_spend(&p.coin[0], 1, 1000, 1);
    const pk_coin both[] = {p.coin[0], pk_out(a, 0)};
    pk_add(&p, a);
    pk_refuse(&p, pk_spend(both, 2, 5000000, 1), QC_V_CONSENSUS, "bad-txns-spends-conflicting-tx",
              "spends conflicting transaction");
}

static void test_replace__at_most_a_hundred_clusters(void **state)
{
    (void)state;
    pk_coin wide[102];
    tb_tx *fan = pk_spend(&p.coin[0], 1, 100000, QC_COUNTOF(wide));
    for (uint32_t i = 0; i < QC_COUNTOF(wide); i++)
        wide[i] = pk_out(fan, i);
    pk_mine(&p, &fan, 1);
    tb_tx_free(fan);
    for (size_t i = 0; i < QC_COUNTOF(wide); i++)
        pk_add(&p, pk_spend(&wide[i], 1, 1000, 1));
    pk_refuse(&p, pk_spend(wide, 101, 5000000, 1), QC_V_MEMPOOL_POLICY,
              "too many potential replacements", "too many conflicting clusters (101 > 100)");
    pk_add(&p, pk_spend(wide, 100, 5000000, 1));
    assert_int_equal(qc_mempool_count(p.m), 3);
}

/* ---- BIP431, dust ---- */

static tb_tx *v3(tb_tx *tx)
{
    tx->version = 3;
    return tx;
}

static void test_truc__one_child_which_a_better_one_evicts(void **state)
{
    (void)state;
    tb_tx *a = v3(pk_spend(&p.coin[0], 1, 1000, 2));
    pk_coin out[] = {pk_out(a, 0), pk_out(a, 1)};
    pk_add(&p, a);
    pk_refuse(&p, pk_spend(&out[0], 1, 1000, 1), QC_V_MEMPOOL_POLICY, "TRUC-violation",
              "non-version=3 tx");
    tb_tx *child = v3(pk_spend(&out[0], 1, 1000, 1));
    pk_coin grand = pk_out(child, 0);
    qc_hash first = tb_txid(child);
    pk_add(&p, child);
    pk_refuse(&p, v3(pk_spend(&grand, 1, 1000, 1)), QC_V_MEMPOOL_POLICY, "TRUC-violation",
              "would have too many ancestors");
    pk_refuse(&p, v3(pk_spend(&out[1], 1, 900, 1)), QC_V_RECONSIDERABLE,
              "insufficient fee (including sibling eviction)", NULL);
    pk_add(&p, v3(pk_spend(&out[1], 1, 5000, 1)));
    assert_false(pk_has(&p, &first));
    assert_int_equal(qc_mempool_count(p.m), 2);
}

static void test_truc__the_parent_of_the_least_txid_is_named(void **state)
{
    enum { PARENTS = 5 };
    (void)state;
    pk_coin out[PARENTS];
    uint32_t least = 0;
    for (uint32_t i = 0; i < PARENTS; i++) {
        tb_tx *a = v3(pk_spend(&p.coin[i], 1, 1000, 1));
        out[i] = pk_out(a, 0);
        pk_add(&p, a);
        if (memcmp(out[i].o.txid.b, out[least].o.txid.b, 32) < 0)
            least = i;
    }
    char text[QC_HASH_HEX_LEN + 64] = "cannot spend from version=3 tx ";
    qc_hash_hex(&out[least].o.txid, text + strlen(text));
    pk_refuse(&p, pk_spend(out, PARENTS, 9000, 1), QC_V_MEMPOOL_POLICY, "TRUC-violation", text);
}

/* How many entries the graph has named before it was refused. Frees tx. */
static uint64_t cost_of(tb_tx *tx, const char *reason)
{
    const qc_accept_opts o = {0};
    qc_accept_result r;
    qc_txbuf b;
    tb_tx_parse(tx, &b);
    uint64_t before = qc_graph_named(p.m->graph);
    assert_int_equal(qc_mempool_accept(p.m, &b.tx, &o, &r), QC_OK);
    uint64_t after = qc_graph_named(p.m->graph);
    assert_int_equal(r.kind, QC_ACCEPT_INVALID);
    assert_string_equal(r.v.reason, reason);
    qc_accept_result_clear(&r);
    qc_txbuf_clear(&b);
    tb_tx_free(tx);
    return after - before;
}

/* Parents of many children are looked at one by one, not with all their families: nobody has asked
 * yet whether there are too many. */
static void test_truc__many_parents_cost_little(void **state)
{
    (void)state;
    enum { PARENTS = 8, CHILDREN = 20 };
    pk_coin last[PARENTS], again[2 * PARENTS];
    for (uint32_t i = 0; i < PARENTS; i++) {
        tb_tx *fan = pk_spend(&p.coin[i], 1, 100000, CHILDREN + 1);
        last[i] = again[2 * i] = pk_out(fan, CHILDREN);
        again[2 * i + 1] = pk_out(fan, 0);
        tb_tx *child[CHILDREN];
        for (uint32_t k = 0; k < CHILDREN; k++) {
            const pk_coin out = pk_out(fan, k);
            child[k] = pk_spend(&out, 1, 1000, 1);
        }
        pk_add(&p, fan);
        for (uint32_t k = 0; k < CHILDREN; k++)
            pk_add(&p, child[k]);
    }
    assert_int_equal(cost_of(pk_spend(last, PARENTS, 5000, 1), "too-large-cluster"), 0);
    assert_int_equal(cost_of(v3(pk_spend(last, PARENTS, 5000, 1)), "TRUC-violation"), 0);
    assert_int_equal(cost_of(v3(pk_spend(again, QC_COUNTOF(again), 5000, 1)), "TRUC-violation"), 0);
    /* Before its replacements are counted, whether it spends from them: once over. */
    assert_true(cost_of(pk_spend(again, QC_COUNTOF(again), 50000, 1), "too-large-cluster") <=
                2 * PARENTS);
}

/* A conflict over three coins is one conflict. */
static void test_replace__each_conflict_counts_once(void **state)
{
    (void)state;
    const pk_coin more[] = {p.coin[0], p.coin[1], p.coin[2]};
    tb_tx *old = pk_spend(more, 3, 1000, 1), *tx = pk_spend(more, 3, 9000, 1);
    const qc_accept_opts o = {0};
    qc_accept_result r;
    qc_txbuf b;
    pk_add(&p, old);
    tb_tx_parse(tx, &b);
    assert_int_equal(qc_mempool_accept(p.m, &b.tx, &o, &r), QC_OK);
    assert_int_equal(r.kind, QC_ACCEPT_VALID);
    assert_int_equal(r.n_replaced, 1);
    qc_accept_result_clear(&r);
    qc_txbuf_clear(&b);
    tb_tx_free(tx);
}

static void test_dust__is_let_in_only_with_who_spends_it(void **state)
{
    (void)state;
    tb_tx *a = pk_spend(&p.coin[0], 1, 1100, 1);
    tb_tx_out(a, 100, pk_script());
    pk_refuse(&p, tb_tx_copy(a), QC_V_NOT_STANDARD, "dust", "tx with dust output must be 0-fee");
    a->out[0].value += 1000;
    pk_refuse(&p, a, QC_V_RECONSIDERABLE, "min relay fee not met", NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, finish)
QC_TEST_MAIN(
    T(test_accept__a_plain_transaction_is_let_in_and_told), T(test_truc__many_parents_cost_little),
    T(test_truc__the_parent_of_the_least_txid_is_named), T(test_replace__each_conflict_counts_once),
    T(test_accept__the_same_transaction_with_another_witness_is_known),
    T(test_accept__breaches_of_consensus_are_named), T(test_accept__what_is_not_standard_is_named),
    T(test_accept__a_small_transaction_is_refused), T(test_accept__what_is_too_early_is_named),
    T(test_accept__an_immature_coinbase_is_too_early),
    T(test_accept__missing_inputs_and_confirmed_ones),
    T(test_accept__a_refused_transaction_leaves_no_coins_in_the_cache),
    T(test_accept__fees_count_with_the_operators_delta),
    T(test_accept__scripts_that_fail_are_named),
    T(test_accept__a_block_of_known_transactions_runs_no_script),
    T(test_accept__chains_are_let_in_up_to_the_limit_of_a_cluster),
    T(test_accept__survives_each_single_fault), T(test_replace__it_must_pay_more_and_better),
    T(test_replace__descendants_go_too_and_are_paid_for),
    T(test_replace__what_it_replaces_it_may_not_spend), T(test_replace__at_most_a_hundred_clusters),
    T(test_truc__one_child_which_a_better_one_evicts),
    T(test_dust__is_let_in_only_with_who_spends_it))
