/* Packages: who is let in with the help of others, who replaces whom, and what becomes of each. */
#include "core/mempool/accept.h"

#include "tests/unit/pool_kit.h"

static pool_kit p;

static int start(void **state)
{
    (void)state;
    pk_start(&p);
    return 0;
}

/* A pool of 200,000 bytes. */
static int start_small(void **state)
{
    (void)state;
    pk_init(&p);
    p.o.cluster_vbytes = 5000;
    p.o.max_bytes = 200000;
    pk_open(&p);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pk_end(&p);
    return 0;
}

static tb_tx *plain(size_t i)
{
    return pk_spend(&p.coin[i], 1, 1000, 1);
}

struct pack {
    qc_txbuf buf[4];
    const qc_tx *tx[4];
    size_t n;
    qc_package_result r;
};

static void run_package(struct pack *k, tb_tx *const *tx, size_t n, const qc_package_opts *o)
{
    static const qc_package_opts none = {0};
    memset(k, 0, sizeof *k);
    k->n = n;
    for (size_t i = 0; i < n; i++) {
        tb_tx_parse(tx[i], &k->buf[i]);
        k->tx[i] = &k->buf[i].tx;
    }
    assert_int_equal(qc_mempool_accept_package(p.m, k->tx, n, o ? o : &none, &k->r), QC_OK);
    assert_int_equal(k->r.n, n);
    qc_mempool_check(p.m);
}

static void pack_free(struct pack *k)
{
    for (size_t i = 0; i < k->n; i++)
        qc_txbuf_clear(&k->buf[i]);
    qc_package_result_clear(&k->r);
}

static void free_txs(tb_tx **tx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tb_tx_free(tx[i]);
}

/* A parent without a fee and a child that pays for both. */
static void make_pair(tb_tx *tx[2], size_t coin, qc_amount parent_fee, qc_amount child_fee)
{
    tx[0] = pk_spend(&p.coin[coin], 1, parent_fee, 1);
    const pk_coin out = pk_out(tx[0], 0);
    tx[1] = pk_spend(&out, 1, child_fee, 1);
}

static void test_package__the_child_pays_for_its_parent(void **state)
{
    (void)state;
    tb_tx *tx[2];
    struct pack k;
    make_pair(tx, 0, 0, 5000);
    run_package(&k, tx, 2, NULL);
    assert_true(qc_verdict_ok(&k.r.v));
    for (size_t i = 0; i < 2; i++) {
        const qc_accept_result *r = &k.r.tx[i];
        assert_int_equal(r->kind, QC_ACCEPT_VALID);
        assert_int_equal(r->n_fee_wtxids, 2);
        assert_int_equal(r->feerate.fee, 5000);
        assert_int_equal(r->feerate.size, k.r.tx[0].vsize + k.r.tx[1].vsize);
        assert_int_equal(r->fee, i ? 5000 : 0);
        assert_true(p.news[i].added.in_package);
        assert_true(qc_hash_eq(&p.news[i].txid, &r->txid));
    }
    assert_true(p.news[0].added.no_parents && !p.news[1].added.no_parents);
    pack_free(&k);
    run_package(&k, tx, 2, NULL); /* again */
    assert_true(qc_verdict_ok(&k.r.v));
    assert_int_equal(k.r.tx[0].kind, QC_ACCEPT_THERE);
    assert_int_equal(k.r.tx[1].kind, QC_ACCEPT_THERE);
    assert_int_equal(k.r.tx[1].fee, 5000);
    pack_free(&k);
    tb_tx_witness(tx[1], 0, qc_span_str("other"));
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.tx[1].kind, QC_ACCEPT_OTHER_WITNESS);
    assert_true(
        qc_hash_eq(&k.r.tx[1].other_wtxid, qc_entry_wtxid(qc_mempool_find(p.m, &k.r.tx[1].txid))));
    pack_free(&k);
    free_txs(tx, 2);
}

static void test_package__what_stands_alone_is_let_in_alone(void **state)
{
    (void)state;
    tb_tx *tx[2];
    struct pack k;
    make_pair(tx, 0, 2000, 5); /* the child pays too little, also by itself */
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_TX);
    assert_string_equal(k.r.v.reason, "transaction failed");
    assert_int_equal(k.r.tx[0].kind, QC_ACCEPT_VALID);
    assert_int_equal(k.r.tx[0].n_fee_wtxids, 1);
    assert_int_equal(k.r.tx[1].kind, QC_ACCEPT_INVALID);
    assert_string_equal(k.r.tx[1].v.reason, "min relay fee not met");
    assert_int_equal(qc_mempool_count(p.m), 1);
    pack_free(&k);
    free_txs(tx, 2);
}

static void test_package__too_little_for_both_is_the_childs_failure(void **state)
{
    (void)state;
    tb_tx *tx[2];
    struct pack k;
    make_pair(tx, 0, 0, 10);
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_TX);
    assert_int_equal(k.r.tx[0].kind, QC_ACCEPT_INVALID);
    assert_int_equal(k.r.tx[0].v.code, QC_V_RECONSIDERABLE);
    assert_int_equal(k.r.tx[1].v.code, QC_V_RECONSIDERABLE);
    assert_int_equal(k.r.tx[1].n_fee_wtxids, 2);
    assert_int_equal(k.r.tx[1].feerate.fee, 10);
    assert_int_equal(qc_mempool_count(p.m), 0);
    pack_free(&k);
    free_txs(tx, 2);
}

static void test_package__shapes_that_are_none_are_refused(void **state)
{
    (void)state;
    tb_tx *tx[2] = {plain(0), plain(1)}, *swap;
    struct pack k;
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_POLICY);
    assert_string_equal(k.r.v.reason, "package-not-child-with-parents");
    assert_int_equal(k.r.tx[0].kind, QC_ACCEPT_NONE);
    pack_free(&k);
    free_txs(tx, 2);
    make_pair(tx, 0, 0, 5000);
    swap = tx[0];
    tx[0] = tx[1];
    tx[1] = swap;
    run_package(&k, tx, 2, NULL);
    assert_string_equal(k.r.v.reason, "package-not-sorted");
    pack_free(&k);
    free_txs(tx, 2);
    assert_int_equal(qc_mempool_count(p.m), 0);
}

static void test_package__tested_together_nothing_is_replaced(void **state)
{
    (void)state;
    const qc_package_opts test = {.test_only = true};
    tb_tx *tx[2];
    struct pack k;
    make_pair(tx, 0, 1000, 1000);
    run_package(&k, tx, 2, &test);
    assert_true(qc_verdict_ok(&k.r.v));
    assert_int_equal(k.r.tx[1].kind, QC_ACCEPT_VALID);
    assert_int_equal(k.r.tx[1].n_fee_wtxids, 1);
    assert_int_equal(qc_mempool_count(p.m), 0);
    pack_free(&k);
    pk_add(&p, pk_spend(&p.coin[0], 1, 200, 1));
    run_package(&k, tx, 2, &test);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_TX);
    assert_string_equal(k.r.tx[0].v.reason, "bip125-replacement-disallowed");
    assert_int_equal(k.r.tx[1].kind, QC_ACCEPT_NONE);
    pack_free(&k);
    free_txs(tx, 2);
}

static void test_package__a_pair_replaces_what_pays_less(void **state)
{
    (void)state;
    tb_tx *tx[2];
    struct pack k;
    const qc_mempool_entry *old = pk_add(&p, pk_spend(&p.coin[0], 1, 3000, 2));
    qc_hash was = *qc_entry_txid(old);
    make_pair(tx, 0, 0, 2000);
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_POLICY);
    assert_string_equal(k.r.v.reason, "package RBF failed: insufficient anti-DoS fees");
    assert_true(pk_has(&p, &was));
    pack_free(&k);
    free_txs(tx, 2);
    make_pair(tx, 0, 0, 30000);
    run_package(&k, tx, 2, NULL);
    assert_true(qc_verdict_ok(&k.r.v));
    assert_int_equal(k.r.tx[0].n_replaced + k.r.tx[1].n_replaced, 1);
    assert_false(pk_has(&p, &was));
    assert_int_equal(qc_mempool_count(p.m), 2);
    pack_free(&k);
    free_txs(tx, 2);
}

static void test_package__the_callers_highest_rate_is_kept(void **state)
{
    (void)state;
    const qc_package_opts o = {.has_max_feerate = true, .max_feerate = {100, 1}};
    tb_tx *tx[2];
    struct pack k;
    make_pair(tx, 0, 0, 100000);
    run_package(&k, tx, 2, &o);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_TX);
    assert_string_equal(k.r.tx[1].v.reason, "max feerate exceeded");
    assert_int_equal(qc_mempool_count(p.m), 0);
    pack_free(&k);
    free_txs(tx, 2);
}

static void test_package__dust_comes_and_goes_together(void **state)
{
    (void)state;
    tb_tx *tx[2];
    struct pack k;
    tx[0] = pk_spend(&p.coin[0], 1, 0, 1);
    tx[0]->out[0].value -= 100;
    tb_tx_out(tx[0], 100, pk_script());
    const pk_coin out[] = {pk_out(tx[0], 0), pk_out(tx[0], 1)};
    tx[1] = pk_spend(out, 1, 5000, 1);
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_TX);
    assert_string_equal(k.r.v.reason, "unspent-dust");
    assert_string_equal(k.r.tx[1].v.reason, "missing-ephemeral-spends");
    pack_free(&k);
    tb_tx_free(tx[1]);
    tx[1] = pk_spend(out, 2, 5000, 1);
    run_package(&k, tx, 2, NULL);
    assert_true(qc_verdict_ok(&k.r.v));
    pack_free(&k);
    free_txs(tx, 2);
}

static void expect_policy(tb_tx *tx[2], const char *reason)
{
    struct pack k;
    size_t n = qc_mempool_count(p.m);
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_POLICY);
    assert_string_equal(k.r.v.reason, reason);
    assert_int_equal(qc_mempool_count(p.m), n);
    pack_free(&k);
    free_txs(tx, 2);
}

static void test_package__a_pair_that_replaces_stands_by_itself(void **state)
{
    (void)state;
    tb_tx *tx[2];
    tb_tx *below = plain(5);
    const pk_coin in_pool = pk_out(below, 0);
    pk_add(&p, below);
    pk_add(&p, pk_spend(&p.coin[0], 1, 3000, 2));
    const pk_coin both[] = {p.coin[0], in_pool};
    tx[0] = pk_spend(both, 2, 0, 1);
    const pk_coin out = pk_out(tx[0], 0);
    tx[1] = pk_spend(&out, 1, 30000, 1);
    expect_policy(tx, "package RBF failed: new transaction cannot have mempool ancestors");
}

static void test_package__the_child_must_pay_more_than_its_parent(void **state)
{
    (void)state;
    tb_tx *tx[2];
    pk_add(&p, pk_spend(&p.coin[0], 1, 3000, 2));
    /* The parent lacks what is asked for its own size, both together have it, and the child adds
     * less by the byte than the parent has. */
    tx[0] = pk_spend(&p.coin[0], 1, 3005, 1);
    const pk_coin out = pk_out(tx[0], 0);
    tx[1] = pk_spend(&out, 1, 250, 1);
    pk_pad(tx[1], 300);
    expect_policy(tx,
                  "package RBF failed: package feerate is less than or equal to parent feerate");
}

static void test_package__too_many_clusters_are_not_replaced(void **state)
{
    (void)state;
    pk_coin wide[101];
    tb_tx *fan = pk_spend(&p.coin[0], 1, 100000, QC_COUNTOF(wide));
    tb_tx *tx[2];
    for (uint32_t i = 0; i < QC_COUNTOF(wide); i++)
        wide[i] = pk_out(fan, i);
    pk_mine(&p, &fan, 1);
    tb_tx_free(fan);
    for (size_t i = 0; i < QC_COUNTOF(wide); i++)
        pk_add(&p, pk_spend(&wide[i], 1, 1000, 1));
    /* Alone the parent is refused for good; so it is the child that conflicts with all. */
    tx[0] = pk_spend(&p.coin[1], 1, 0, 1);
    pk_coin in[102];
    in[0] = pk_out(tx[0], 0);
    memcpy(in + 1, wide, sizeof wide);
    tx[1] = pk_spend(in, QC_COUNTOF(in), 5000000, 1);
    expect_policy(tx, "package RBF failed: too many potential replacements");
}

static void test_package__truc_rules_hold_within(void **state)
{
    (void)state;
    tb_tx *tx[2];
    make_pair(tx, 0, 0, 5000);
    tx[1]->version = 3;
    expect_policy(tx, "TRUC-violation");
    make_pair(tx, 0, 0, 5000);
    tb_tx_free(tx[1]);
    tx[0]->version = 3;
    const pk_coin out = pk_out(tx[0], 0);
    tx[1] = pk_spend(&out, 1, 5000, 1);
    tx[1]->version = 3;
    struct pack k;
    run_package(&k, tx, 2, NULL);
    assert_true(qc_verdict_ok(&k.r.v));
    assert_int_equal(qc_mempool_count(p.m), 2);
    pack_free(&k);
    free_txs(tx, 2);
}

/* Room for about 3,000 bytes is left by what pays well. */
static void fill_small(void)
{
    enum { N = 60 };
    tb_tx *fan = pk_spend(&p.coin[0], 1, 100000, N);
    qc_mempool_info info;
    pk_mine(&p, &fan, 1);
    for (uint32_t i = 0; i < N; i++) {
        const pk_coin c = pk_out(fan, i);
        qc_mempool_info_of(p.m, &info);
        if (info.usage + 7000 > p.o.max_bytes)
            break;
        tb_tx *tx = pk_spend(&c, 1, 900000, 1);
        pk_pad(tx, 3500);
        pk_add(&p, tx);
    }
    assert_true(info.usage + 7000 > p.o.max_bytes && info.usage < p.o.max_bytes);
    tb_tx_free(fan);
}

static void test_package__who_does_not_stay_has_failed(void **state)
{
    (void)state;
    tb_tx *tx[2];
    struct pack k;
    fill_small();
    size_t n = qc_mempool_count(p.m);
    tx[0] = pk_spend(&p.coin[1], 1, 0, 1);
    pk_pad(tx[0], 2400);
    const pk_coin out = pk_out(tx[0], 0);
    tx[1] = pk_spend(&out, 1, 5000, 1);
    pk_pad(tx[1], 2400);
    run_package(&k, tx, 2, NULL);
    assert_int_equal(k.r.v.code, QC_V_PACKAGE_TX);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(k.r.tx[i].kind, QC_ACCEPT_INVALID);
        assert_int_equal(k.r.tx[i].v.code, QC_V_MEMPOOL_POLICY);
        assert_string_equal(k.r.tx[i].v.reason, "mempool full");
    }
    assert_int_equal(qc_mempool_count(p.m), n);
    pack_free(&k);
    free_txs(tx, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, finish)
#define TS(f) cmocka_unit_test_setup_teardown(f, start_small, finish)
QC_TEST_MAIN(T(test_package__the_child_pays_for_its_parent),
             T(test_package__what_stands_alone_is_let_in_alone),
             T(test_package__too_little_for_both_is_the_childs_failure),
             T(test_package__shapes_that_are_none_are_refused),
             T(test_package__tested_together_nothing_is_replaced),
             T(test_package__a_pair_replaces_what_pays_less),
             T(test_package__the_callers_highest_rate_is_kept),
             T(test_package__dust_comes_and_goes_together),
             T(test_package__a_pair_that_replaces_stands_by_itself),
             T(test_package__the_child_must_pay_more_than_its_parent),
             T(test_package__too_many_clusters_are_not_replaced),
             T(test_package__truc_rules_hold_within),
             TS(test_package__who_does_not_stay_has_failed))
