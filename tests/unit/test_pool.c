/* The pool by itself: limits, the fee that rises and falls, what the operator says, and what the
 * pool shows of its transactions. */
#include "core/mempool/pool.h"

#include "core/mempool/keymap.h"
#include "core/mempool/persist.h"
#include "tests/unit/pool_kit.h"

static pool_kit p;

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

static void test_new__a_pool_too_small_for_its_clusters_is_refused(void **state)
{
    (void)state;
    qc_mempool *m;
    pk_init(&p);
    p.o.max_bytes = (size_t)p.o.cluster_vbytes * 40 - 1;
    assert_int_equal(qc_mempool_new(&m, &p.o), QC_ERANGE);
    assert_null(m);
    pk_end(&p);
}

/* ---- memory ---- */

#define N_FAN 300u
static pk_coin fan[N_FAN];

static void make_fan(void)
{
    tb_tx *tx = pk_spend(&p.coin[0], 1, 100000, N_FAN);
    for (uint32_t i = 0; i < N_FAN; i++)
        fan[i] = pk_out(tx, i);
    pk_mine(&p, &tx, 1);
    tb_tx_free(tx);
}

static tb_tx *padded(size_t i, qc_amount fee)
{
    tb_tx *tx = pk_spend(&fan[i], 1, fee, 1);
    pk_pad(tx, 1500);
    return tx;
}

/* Fill until something goes; the fee rises by `step` with each. Returns how many were offered. */
static size_t fill(qc_amount step)
{
    for (size_t i = 0; i < N_FAN; i++) {
        size_t before = qc_mempool_count(p.m);
        pk_add(&p, padded(i, 2000 + step * (qc_amount)i));
        qc_mempool_info info;
        qc_mempool_info_of(p.m, &info);
        assert_true(info.usage <= p.o.max_bytes);
        if (qc_mempool_count(p.m) <= before)
            return i + 1;
    }
    fail();
    return 0;
}

static void test_trim__the_worst_goes_and_the_fee_rises(void **state)
{
    (void)state;
    make_fan();
    assert_int_equal(qc_feerate_kvb(qc_mempool_min_fee(p.m)), 0);
    const qc_mempool_entry *first = pk_add(&p, padded(N_FAN - 1, 1900));
    qc_hash worst = *qc_entry_txid(first);
    int64_t rate = qc_feerate_kvb(qc_feerate_paid(first->fee, first->vsize));
    size_t n = fill(100);
    assert_true(n > 40 && n < 130);
    assert_false(pk_has(&p, &worst));
    assert_int_equal(p.news[pk_find_news(&p, 0, PK_REMOVED, &worst)].why, QC_GONE_SIZELIMIT);
    /* What the worst paid, and the incremental fee on top. */
    assert_int_equal(qc_feerate_kvb(qc_mempool_min_fee(p.m)), rate + 100);
    tb_tx *tx = pk_spend(&fan[N_FAN - 2], 1, rate * 90 / 1000, 1);
    pk_refuse(&p, tx, QC_V_RECONSIDERABLE, "mempool min fee not met", " < ");
}

static void test_trim__who_is_the_worst_by_coming_is_not_told_of(void **state)
{
    (void)state;
    make_fan();
    size_t n = fill(1000);
    /* More than the minimum, less than all others: it is let in, and goes at once. */
    int64_t min = qc_feerate_kvb(qc_mempool_min_fee(p.m));
    tb_tx *tx = padded(n, min * 1700 / 1000);
    qc_accept_result r;
    size_t told = p.n_news, count = qc_mempool_count(p.m);
    uint64_t sequence = qc_mempool_sequence(p.m);
    pk_try(&p, tx, false, &r);
    assert_int_equal(r.kind, QC_ACCEPT_INVALID);
    assert_int_equal(r.v.code, QC_V_RECONSIDERABLE);
    assert_string_equal(r.v.reason, "mempool full");
    assert_true(r.has_feerate);
    assert_int_equal(p.n_news, told);
    assert_int_equal(qc_mempool_sequence(p.m), sequence + 1);
    assert_int_equal(qc_mempool_count(p.m), count);
    assert_true(qc_feerate_kvb(qc_mempool_min_fee(p.m)) > min);
    qc_accept_result_clear(&r);
    tb_tx_free(tx);
}

static void test_min_fee__falls_by_half_in_twelve_hours_once_a_block_came(void **state)
{
    (void)state;
    make_fan();
    fill(100);
    int64_t rate = qc_feerate_kvb(qc_mempool_min_fee(p.m));
    assert_true(rate > 1200);
    pk_wait(&p, 24 * 3600);
    assert_int_equal(qc_feerate_kvb(qc_mempool_min_fee(p.m)), rate); /* no block yet */
    pk_mine(&p, NULL, 0);
    assert_int_equal(qc_feerate_kvb(qc_mempool_min_fee(p.m)), rate);
    pk_wait(&p, 10);
    assert_int_equal(qc_feerate_kvb(qc_mempool_min_fee(p.m)), rate);
    pk_wait(&p, 12 * 3600 - 10);
    assert_int_equal(qc_feerate_kvb(qc_mempool_min_fee(p.m)), (rate + 1) / 2);
    pk_mine_pool(&p); /* empty: four times as fast */
    assert_int_equal(qc_mempool_count(p.m), 0);
    pk_wait(&p, 3 * 3600);
    int64_t now = qc_feerate_kvb(qc_mempool_min_fee(p.m));
    assert_in_range(now, rate / 4 - 1, rate / 4 + 1);
    pk_wait(&p, 12 * 3600); /* below the incremental fee, but not below its half */
    int64_t low = qc_feerate_kvb(qc_mempool_min_fee(p.m));
    assert_true(low == 100 || low == 0);
    pk_wait(&p, 12 * 3600);
    assert_int_equal(qc_feerate_kvb(qc_mempool_min_fee(p.m)), 0);
}

static void test_expiry__old_ones_go_with_all_that_spends_them(void **state)
{
    (void)state;
    tb_tx *old = pk_spend(&p.coin[0], 1, 1000, 1);
    const pk_coin out = pk_out(old, 0);
    qc_hash ids[] = {tb_txid(old), {{0}}, {{0}}};
    pk_add(&p, old);
    pk_wait(&p, QC_MEMPOOL_EXPIRY / 2);
    ids[1] = *qc_entry_txid(pk_add(&p, pk_spend(&out, 1, 1000, 1)));
    ids[2] = *qc_entry_txid(pk_add(&p, pk_spend(&p.coin[1], 1, 1000, 1)));
    pk_wait(&p, QC_MEMPOOL_EXPIRY / 2);
    qc_mempool_trim(p.m);
    assert_int_equal(qc_mempool_count(p.m), 3); /* not older than that yet */
    pk_wait(&p, 1);
    qc_mempool_trim(p.m);
    qc_mempool_check(p.m);
    assert_int_equal(qc_mempool_count(p.m), 1);
    assert_true(pk_has(&p, &ids[2]));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(p.news[pk_find_news(&p, 0, PK_REMOVED, &ids[i])].why, QC_GONE_EXPIRY);
}

/* ---- what the operator says ---- */

static void test_prioritise__unknown_ones_are_remembered_and_sums_saturate(void **state)
{
    (void)state;
    const qc_hash a = {{1}}, b = {{2}};
    qc_mempool_delta_rec *d;
    qc_mempool_prioritise(p.m, &a, INT64_MAX);
    qc_mempool_prioritise(p.m, &a, 5);
    qc_mempool_prioritise(p.m, &b, INT64_MIN);
    qc_mempool_prioritise(p.m, &b, -1);
    assert_int_equal(qc_mempool_delta(p.m, &a), INT64_MAX);
    assert_int_equal(qc_mempool_delta(p.m, &b), INT64_MIN);
    assert_int_equal(qc_mempool_deltas(p.m, &d), 2);
    assert_true(qc_hash_eq(&d[0].txid, &a) && qc_hash_eq(&d[1].txid, &b));
    qc_free(d);
}

static void test_prioritise__changes_who_is_mined_first(void **state)
{
    (void)state;
    const qc_mempool_entry *a = pk_add(&p, pk_spend(&p.coin[0], 1, 1000, 1));
    const qc_mempool_entry *b = pk_add(&p, pk_spend(&p.coin[1], 1, 2000, 1));
    qc_mempool_list l;
    assert_true(qc_mempool_compare(p.m, b, a) < 0);
    qc_mempool_prioritise(p.m, qc_entry_txid(a), 5000);
    assert_true(qc_mempool_compare(p.m, a, b) < 0);
    qc_mempool_sorted(p.m, &l);
    assert_int_equal(l.n, 2);
    assert_ptr_equal(l.e[0], a);
    qc_mempool_list_clear(&l);
    qc_mempool_check(p.m);
}

static void test_unbroadcast__only_what_is_here_and_as_long_as_it_is(void **state)
{
    (void)state;
    const qc_hash none = {{1}};
    qc_hash a = *qc_entry_txid(pk_add(&p, pk_spend(&p.coin[0], 1, 1000, 1)));
    qc_hash b = *qc_entry_txid(pk_add(&p, pk_spend(&p.coin[1], 1, 1000, 1)));
    qc_hash *all;
    qc_mempool_unbroadcast_add(p.m, &none);
    qc_mempool_unbroadcast_add(p.m, &a);
    qc_mempool_unbroadcast_add(p.m, &a);
    qc_mempool_unbroadcast_add(p.m, &b);
    assert_false(qc_mempool_unbroadcast(p.m, &none));
    assert_int_equal(qc_mempool_unbroadcast_all(p.m, &all), 2);
    qc_free(all);
    qc_mempool_unbroadcast_done(p.m, &a);
    qc_mempool_unbroadcast_done(p.m, &a);
    assert_false(qc_mempool_unbroadcast(p.m, &a));
    pk_mine_pool(&p);
    assert_false(qc_mempool_unbroadcast(p.m, &b));
    qc_mempool_info info;
    qc_mempool_info_of(p.m, &info);
    assert_int_equal(info.unbroadcast, 0);
}

/* ---- what it shows ---- */

static bool in_list(const qc_mempool_list *l, const qc_mempool_entry *e)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->e[i] == e)
            return true;
    return false;
}

static void test_view__relatives_sums_and_order(void **state)
{
    (void)state;
    tb_tx *a = pk_spend(&p.coin[0], 1, 1000, 2);
    const pk_coin ab = pk_out(a, 0), ac = pk_out(a, 1);
    tb_tx *b = pk_spend(&ab, 1, 9000, 1), *c = pk_spend(&ac, 1, 300, 1);
    const pk_coin bcd[] = {pk_out(b, 0), pk_out(c, 0)};
    c->in[0].sequence = 0xfffffffd;
    const pk_coin cd[] = {bcd[0], pk_out(c, 0)};
    tb_tx *d = pk_spend(cd, 2, 100, 1);
    const qc_mempool_entry *ea = pk_add(&p, a), *eb = pk_add(&p, b), *ec = pk_add(&p, c);
    const qc_mempool_entry *ed = pk_add(&p, d),
                           *other = pk_add(&p, pk_spend(&p.coin[1], 1, 500, 1));
    qc_mempool_list l;
    qc_mempool_parents(p.m, ed, &l);
    assert_true(l.n == 2 && in_list(&l, eb) && in_list(&l, ec));
    qc_mempool_list_clear(&l);
    qc_mempool_children(p.m, ea, &l);
    assert_true(l.n == 2 && in_list(&l, eb) && in_list(&l, ec));
    qc_mempool_list_clear(&l);
    qc_mempool_ancestors(p.m, ed, &l);
    assert_true(l.n == 3 && !in_list(&l, ed));
    qc_mempool_list_clear(&l);
    qc_mempool_descendants(p.m, ea, &l);
    assert_true(l.n == 3 && in_list(&l, ed) && !in_list(&l, ea));
    qc_mempool_list_clear(&l);
    qc_mempool_cluster(p.m, eb, &l);
    assert_true(l.n == 4 && !in_list(&l, other));
    qc_mempool_list_clear(&l);
    qc_mempool_family f;
    qc_mempool_family_of(p.m, ed, &f);
    assert_int_equal(f.ancestors, 4);
    assert_int_equal(f.ancestor_fees, 10400);
    assert_int_equal(f.ancestor_vsize, ea->vsize + eb->vsize + ec->vsize + ed->vsize);
    assert_int_equal(f.descendants, 1);
    qc_mempool_family_of(p.m, eb, &f);
    assert_int_equal(f.chunk_fee, 10000); /* with its parent */
    assert_int_equal(f.chunk_weight, ea->adjusted_weight + eb->adjusted_weight);
    assert_false(qc_mempool_signals(p.m, eb));
    assert_true(qc_mempool_signals(p.m, ec) && qc_mempool_signals(p.m, ed));
    qc_mempool_point *points;
    size_t n = qc_mempool_diagram(p.m, &points);
    assert_true(n >= 3);
    assert_int_equal(points[0].fee, 0);
    assert_int_equal(points[1].fee, 10000);
    assert_int_equal(points[n - 1].fee, 10900);
    qc_free(points);
    qc_mempool_info info;
    qc_mempool_info_of(p.m, &info);
    assert_int_equal(info.count, 5);
    assert_int_equal(info.fees, 10900);
    assert_true(info.optimal);
}

static void test_build__a_chunk_left_out_takes_its_cluster_with_it(void **state)
{
    (void)state;
    tb_tx *a = pk_spend(&p.coin[0], 1, 9000, 1);
    const pk_coin out = pk_out(a, 0);
    const qc_mempool_entry *ea = pk_add(&p, a), *eb = pk_add(&p, pk_spend(&out, 1, 100, 1));
    const qc_mempool_entry *ec = pk_add(&p, pk_spend(&p.coin[1], 1, 2000, 1));
    const qc_mempool_entry *const *e;
    qc_mempool_point sum;
    qc_mempool_build *b = qc_mempool_build_start(p.m);
    assert_int_equal(qc_mempool_build_chunk(b, &e, &sum), 1);
    assert_ptr_equal(e[0], ea);
    assert_int_equal(sum.fee, 9000);
    assert_int_equal(sum.weight, ea->adjusted_weight);
    qc_mempool_build_take(b);
    assert_int_equal(qc_mempool_build_chunk(b, &e, &sum), 1);
    assert_ptr_equal(e[0], ec);
    qc_mempool_build_take(b);
    assert_int_equal(qc_mempool_build_chunk(b, &e, &sum), 1);
    assert_ptr_equal(e[0], eb);
    qc_mempool_build_end(b);
    b = qc_mempool_build_start(p.m);
    assert_int_equal(qc_mempool_build_chunk(b, &e, &sum), 1);
    qc_mempool_build_skip(b);
    assert_int_equal(qc_mempool_build_chunk(b, &e, &sum), 1);
    assert_ptr_equal(e[0], ec);
    qc_mempool_build_take(b);
    assert_int_equal(qc_mempool_build_chunk(b, &e, &sum), 0);
    qc_mempool_build_end(b);
}

static void test_coin__the_pool_lies_over_the_chain(void **state)
{
    (void)state;
    tb_tx *tx = pk_spend(&p.coin[0], 1, 1000, 1);
    qc_outpoint o = {tb_txid(tx), 0};
    qc_amount value = tx->out[0].value;
    qc_spent c;
    assert_int_equal(qc_mempool_coin(p.m, &o, NULL), QC_ENOENT);
    assert_int_equal(qc_mempool_coin(p.m, &p.coin[0].o, &c), QC_OK);
    assert_int_equal(c.height, 1);
    pk_add(&p, tx);
    assert_int_equal(qc_mempool_coin(p.m, &o, &c), QC_OK);
    assert_int_equal(c.height, QC_MEMPOOL_HEIGHT);
    assert_int_equal(c.value, value);
    o.n = 1;
    assert_int_equal(qc_mempool_coin(p.m, &o, &c), QC_ENOENT);
}

static void test_keymap__agrees_with_a_plain_list(void **state)
{
    (void)state;
    static uint8_t key[200][36];
    bool in[200] = {false};
    qc_keymap k;
    size_t n = 0;
    uint64_t seed = 5;
    qc_keymap_init(&k, 36);
    for (size_t i = 0; i < 200; i++)
        key[i][35] = (uint8_t)i;
    for (unsigned step = 0; step < 20000; step++) {
        size_t i = test_rand(&seed) % 200;
        if (in[i]) {
            assert_ptr_equal(qc_keymap_take(&k, key[i]), key[i]);
        } else {
            assert_null(qc_keymap_take(&k, key[i]));
            assert_int_equal(qc_keymap_reserve(&k, 1), QC_OK);
            qc_keymap_put(&k, key[i], key[i]);
        }
        in[i] = !in[i];
        n = in[i] ? n + 1 : n - 1;
        size_t j = test_rand(&seed) % 200;
        assert_ptr_equal(qc_keymap_get(&k, key[j]), in[j] ? key[j] : NULL);
        assert_int_equal(k.n, n);
    }
    size_t at = 0, seen = 0;
    while (qc_keymap_next(&k, &at))
        seen++;
    assert_int_equal(seen, n);
    qc_keymap_clear(&k);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, finish)
#define TS(f) cmocka_unit_test_setup_teardown(f, start_small, finish)
QC_TEST_MAIN(cmocka_unit_test(test_new__a_pool_too_small_for_its_clusters_is_refused),
             TS(test_trim__the_worst_goes_and_the_fee_rises),
             TS(test_trim__who_is_the_worst_by_coming_is_not_told_of),
             TS(test_min_fee__falls_by_half_in_twelve_hours_once_a_block_came),
             T(test_expiry__old_ones_go_with_all_that_spends_them),
             T(test_prioritise__unknown_ones_are_remembered_and_sums_saturate),
             T(test_prioritise__changes_who_is_mined_first),
             T(test_unbroadcast__only_what_is_here_and_as_long_as_it_is),
             T(test_view__relatives_sums_and_order),
             T(test_build__a_chunk_left_out_takes_its_cluster_with_it),
             T(test_coin__the_pool_lies_over_the_chain),
             cmocka_unit_test(test_keymap__agrees_with_a_plain_list))
