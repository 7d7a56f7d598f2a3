#include "core/net/evict.h"

#include "tests/unit/harness.h"

#define MAX 200

/* n inbound peers that differ in nothing but number, group and time: the higher the younger. */
static void crowd(qc_evict_peer *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        p[i] = (qc_evict_peer){.id = i,
                               .connected = 1000 + i,
                               .min_ping_us = 1000,
                               .relays_txs = true,
                               .relevant_services = true,
                               .inbound = true,
                               .keyed_group = (uint64_t)i,
                               .net = QC_NETWORK_IPV4};
}

/* Is any peer in [from, to) ever chosen, evicting one after the other until all left are safe? */
static bool ever_chosen(const qc_evict_peer *in, size_t n, int64_t from, int64_t to)
{
    qc_evict_peer all[MAX], list[MAX];
    int64_t id;
    memcpy(all, in, n * sizeof *all);
    for (;;) {
        memcpy(list, all, n * sizeof *all);
        if (!qc_evict_choose(list, n, &id))
            return false;
        if (id >= from && id < to)
            return true;
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (all[i].id != id)
                all[kept++] = all[i];
        assert_int_equal(kept + 1, n);
        n = kept;
    }
}

static void shuffle(qc_evict_peer *p, size_t n, uint64_t *seed)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = test_rand(seed) % i;
        qc_evict_peer t = p[i - 1];
        p[i - 1] = p[j];
        p[j] = t;
    }
}

static void test_choose__few_are_all_protected(void **state)
{
    qc_evict_peer p[MAX];
    int64_t id;
    (void)state;
    crowd(p, 20);
    assert_false(qc_evict_choose(p, 0, &id));
    crowd(p, 20); /* 4 by group, 8 by ping, 4 by transactions, 4 by blocks */
    assert_false(qc_evict_choose(p, 20, &id));
    crowd(p, 21); /* of one, half is none */
    assert_true(qc_evict_choose(p, 21, &id));
}

static void test_choose__never_outbound_or_noban(void **state)
{
    qc_evict_peer p[MAX];
    int64_t id;
    (void)state;
    crowd(p, 100);
    for (int i = 0; i < 100; i++) {
        p[i].inbound = i % 2;
        p[i].noban = i % 2;
    }
    assert_false(qc_evict_choose(p, 100, &id));
}

/* Each: `n` peers that have it are safe among others of any kind; with one too many one goes. */
static void protects(void (*give)(qc_evict_peer *p, int64_t i), int64_t n, bool exact)
{
    uint64_t seed = 3;
    for (int round = 0; round < 20; round++) {
        qc_evict_peer p[MAX];
        crowd(p, MAX);
        for (int64_t i = 0; i < MAX; i++) { /* the chosen are the youngest: nothing else helps */
            p[i].connected = 1000 + MAX - i;
            p[i].keyed_group = 1 + (uint64_t)(i % 3);
            p[i].last_tx = p[i].last_block = i < 60 ? 0 : 50;
            p[i].min_ping_us = i < 60 ? 1000000 : 1000;
        }
        for (int64_t i = 0; i < n; i++)
            give(&p[i], i);
        shuffle(p, MAX, &seed);
        assert_false(ever_chosen(p, MAX, 0, n));
    }
    if (!exact)
        return;
    qc_evict_peer p[MAX];
    crowd(p, MAX);
    for (int64_t i = 0; i < MAX; i++) {
        p[i].connected = 1000 + MAX - i;
        p[i].keyed_group = 1 + (uint64_t)(i % 3);
        p[i].last_tx = p[i].last_block = i < 60 ? 0 : 50;
        p[i].min_ping_us = i < 60 ? 1000000 : 1000;
    }
    for (int64_t i = 0; i <= n; i++)
        give(&p[i], i);
    assert_true(ever_chosen(p, MAX, 0, n + 1));
}

static void give_group(qc_evict_peer *p, int64_t i)
{
    p->keyed_group = UINT64_MAX - (uint64_t)i;
}
static void give_ping(qc_evict_peer *p, int64_t i)
{
    (void)i;
    p->min_ping_us = 10;
}
static void give_tx(qc_evict_peer *p, int64_t i)
{
    (void)i;
    p->last_tx = 100;
}
static void give_block(qc_evict_peer *p, int64_t i)
{
    (void)i;
    p->last_block = 100;
}
static void give_block_only(qc_evict_peer *p, int64_t i)
{
    (void)i;
    p->last_block = 100;
    p->relays_txs = false;
}

static void test_choose__protects_4_by_group(void **state)
{
    (void)state;
    protects(give_group, 4, true);
}
static void test_choose__protects_8_by_ping(void **state)
{
    (void)state;
    protects(give_ping, 8, true);
}
static void test_choose__protects_4_by_transactions(void **state)
{
    (void)state;
    protects(give_tx, 4, true);
}
static void test_choose__protects_4_by_blocks(void **state)
{
    (void)state;
    protects(give_block, 4, true);
}
static void test_choose__protects_8_more_that_only_relay_blocks(void **state)
{
    (void)state;
    protects(give_block_only, 12, true); /* and 4 of them as any others */
}

/* ---- by ratio: 20 peers are taken off before, by what they have; 80 remain ---- */

static void remaining(qc_evict_peer *p, int64_t n)
{
    crowd(p, n + 20);
    for (int64_t i = n; i < n + 20; i++) {
        p[i].keyed_group = i < n + 4 ? UINT64_MAX - (uint64_t)i : 0;
        p[i].min_ping_us = i >= n + 4 && i < n + 12 ? 1 : 1000;
        p[i].last_tx = i >= n + 12 && i < n + 16 ? 9 : 0;
        p[i].last_block = i >= n + 16 ? 9 : 0;
    }
    for (int64_t i = 0; i < n; i++)
        p[i].keyed_group = 5;
}

/* How many of the peers in [from, to) are safe in the first choice? Told by what is evicted when
 * they alone are preferred. */
static bool is_safe(const qc_evict_peer *in, size_t n, int64_t id)
{
    qc_evict_peer list[MAX];
    int64_t chosen;
    memcpy(list, in, n * sizeof *list);
    list[id].prefer_evict = true; /* the only one considered, unless protected */
    return !qc_evict_choose(list, n, &chosen) || chosen != id;
}

static int safe_in(const qc_evict_peer *in, size_t n, int64_t from, int64_t to)
{
    int safe = 0;
    for (int64_t i = from; i < to; i++)
        safe += is_safe(in, n, i);
    return safe;
}

static void test_ratio__half_stay_by_uptime(void **state)
{
    qc_evict_peer p[MAX];
    (void)state;
    remaining(p, 80);
    assert_int_equal(safe_in(p, 100, 0, 40), 40); /* the longest connected */
    assert_int_equal(safe_in(p, 100, 40, 80), 0);
}

static void test_ratio__a_quarter_may_be_of_slow_networks(void **state)
{
    static const qc_network NET[] = {QC_NETWORK_CJDNS, QC_NETWORK_I2P, QC_NETWORK_ONION,
                                     QC_NETWORK_COUNT};
    (void)state;
    for (size_t k = 0; k < QC_COUNTOF(NET); k++) {
        qc_evict_peer p[MAX];
        remaining(p, 80);
        for (int64_t i = 50; i < 80; i++) { /* thirty of the youngest */
            p[i].is_local = NET[k] == QC_NETWORK_COUNT;
            p[i].net = p[i].is_local ? QC_NETWORK_IPV4 : NET[k];
        }
        assert_int_equal(safe_in(p, 100, 50, 70), 20); /* a quarter of 80, the oldest of them */
        assert_int_equal(safe_in(p, 100, 70, 80), 0);
        assert_int_equal(safe_in(p, 100, 0, 20), 20);
        assert_int_equal(safe_in(p, 100, 20, 50), 0);
    }
}

static void test_ratio__networks_share_and_pass_on_what_they_do_not_need(void **state)
{
    qc_evict_peer p[MAX];
    (void)state;
    remaining(p, 80);
    for (int64_t i = 40; i < 80; i++)
        p[i].net = i < 43 ? QC_NETWORK_I2P : i < 46 ? QC_NETWORK_CJDNS : QC_NETWORK_ONION;
    assert_int_equal(safe_in(p, 100, 40, 43), 3);
    assert_int_equal(safe_in(p, 100, 43, 46), 3);
    assert_int_equal(safe_in(p, 100, 46, 80), 14); /* 20 less those six */
    for (int64_t i = 40; i < 80; i++)
        p[i].net = i % 2 ? QC_NETWORK_I2P : QC_NETWORK_ONION;
    assert_int_equal(safe_in(p, 100, 40, 80), 20);
    int i2p = 0;
    for (int64_t i = 41; i < 80; i += 2)
        i2p += is_safe(p, 100, i);
    assert_int_equal(i2p, 10);
}

static void test_ratio__the_smallest_network_comes_first(void **state)
{
    qc_evict_peer p[MAX];
    (void)state;
    remaining(p, 6); /* three stay, one of them for its network */
    p[3].net = p[4].net = QC_NETWORK_I2P;
    p[5].net = QC_NETWORK_ONION;
    assert_int_equal(safe_in(p, 26, 5, 6), 1);
    assert_int_equal(safe_in(p, 26, 2, 5), 0);
    assert_int_equal(safe_in(p, 26, 0, 2), 2);
}

static void test_choose__takes_the_youngest_of_the_largest_group(void **state)
{
    qc_evict_peer p[MAX];
    int64_t id;
    (void)state;
    remaining(p, 80);
    for (int64_t i = 0; i < 80; i++)
        p[i].keyed_group = i >= 40 && i < 70 && i % 2 ? 7 : 100 + (uint64_t)i;
    assert_true(qc_evict_choose(p, 100, &id));
    /* 41, 43 ... 69; group ids above 7 win the protection by group */
    assert_int_equal(id, 69);
    remaining(p, 80);
    for (int64_t i = 0; i < 80; i++)
        p[i].keyed_group = 10 + (uint64_t)(i % 2);
    assert_true(qc_evict_choose(p, 100, &id)); /* equal groups: the one with the youngest */
    assert_int_equal(id, 79);
}

static void test_choose__does_not_depend_on_order(void **state)
{
    qc_evict_peer p[MAX], list[MAX];
    uint64_t seed = 4;
    int64_t first, id;
    (void)state;
    crowd(p, 120);
    for (int i = 0; i < 120; i++) {
        p[i].keyed_group = (uint64_t)i % 7;
        p[i].net = (qc_network)(1 + i % 5);
        p[i].relays_txs = i % 4;
        p[i].connected = 1000 + i % 10;
    }
    memcpy(list, p, sizeof list);
    assert_true(qc_evict_choose(list, 120, &first));
    for (int k = 0; k < 50; k++) {
        shuffle(p, 120, &seed);
        memcpy(list, p, sizeof list);
        assert_true(qc_evict_choose(list, 120, &id));
        assert_int_equal(id, first);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_choose__few_are_all_protected),
             cmocka_unit_test(test_choose__never_outbound_or_noban),
             cmocka_unit_test(test_choose__protects_4_by_group),
             cmocka_unit_test(test_choose__protects_8_by_ping),
             cmocka_unit_test(test_choose__protects_4_by_transactions),
             cmocka_unit_test(test_choose__protects_4_by_blocks),
             cmocka_unit_test(test_choose__protects_8_more_that_only_relay_blocks),
             cmocka_unit_test(test_ratio__half_stay_by_uptime),
             cmocka_unit_test(test_ratio__a_quarter_may_be_of_slow_networks),
             cmocka_unit_test(test_ratio__networks_share_and_pass_on_what_they_do_not_need),
             cmocka_unit_test(test_ratio__the_smallest_network_comes_first),
             cmocka_unit_test(test_choose__takes_the_youngest_of_the_largest_group),
             cmocka_unit_test(test_choose__does_not_depend_on_order))
