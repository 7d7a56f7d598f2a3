#include "core/net/addrman.h"

#include "core/base/endian.h"
#include "core/crypto/sha256.h"
#include "core/net/addrfile.h"
#include "core/os/file.h"
#include "tests/unit/harness.h"

#define NOW 1700000000
#define DAY 86400

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};
static const qc_netgroups NO_MAP;
static uint64_t g_seed;

static uint64_t next_random(void *arg)
{
    /* test_rand() has few good low bits */
    return test_rand(arg) << 32 ^ test_rand(arg);
}

static qc_addrman_options options(void)
{
    g_seed = 1;
    return (qc_addrman_options){
        .groups = &NO_MAP, .key = {{1}}, .random = next_random, .random_arg = &g_seed};
}

static qc_addrman *manager(void)
{
    qc_addrman_options o = options();
    return qc_addrman_new(&o);
}

static qc_peer_addr at(const char *text, uint16_t port)
{
    qc_peer_addr a = {.port = port, .services = 9, .time = NOW};
    assert_int_equal(qc_netaddr_parse(text, &a.addr), QC_OK);
    a.addr = qc_netaddr_flip_cjdns(&a.addr, true);
    return a;
}

static qc_peer_addr ipv4(uint32_t ip)
{
    qc_peer_addr a = {.port = 8333, .services = 9, .time = NOW};
    uint8_t b[4];
    qc_write_be32(b, ip);
    a.addr = qc_netaddr_of(QC_NETWORK_IPV4, b);
    return a;
}

/* It tells of itself. */
static bool add(qc_addrman *m, const qc_peer_addr *a)
{
    return qc_addrman_add(m, a, 1, &a->addr, 0, NOW);
}

static void assert_place(qc_addrman *m, const char *text, uint16_t port, bool tried, int bucket,
                         int position)
{
    qc_peer_addr a = at(text, port);
    qc_addrman_place p;
    assert_true(add(m, &a));
    assert_true(!tried || qc_addrman_good(m, &a, NOW));
    assert_true(qc_addrman_find(m, &a, &p));
    assert_true(p.tried == tried);
    assert_int_equal(p.bucket, bucket);
    assert_int_equal(p.position, position);
}

/* What Core's rpc_net.py finds with the same key: files can be exchanged. */
static void test_places__are_cores(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    assert_place(m, "1.2.3.4", 8333, true, 6, 33);
    assert_place(m, "2.0.0.0", 8333, false, 82, 8);
    assert_place(m, "1233:3432:2434:2343:3234:2345:6546:4534", 8333, true, 197, 34);
    assert_place(m, "2803:0:1234:abcd::1", 45324, false, 613, 6);
    assert_place(m, "fc00:1:2:3:4:5:6:7", 8333, false, 336, 24);
    assert_place(m, "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", 8333, true,
                 72, 61);
    assert_place(m, "nrfj6inpyf73gpkyool35hcmne5zwfmse3jl3aw23vk7chdemalyaqad.onion", 45324, true,
                 139, 46);
    assert_place(m, "c4gfnttsuwqomiygupdqqqyy5y5emnk5c73hrfvatri67prd7vyq.b32.i2p", 8333, false,
                 963, 46);
    assert_int_equal(qc_addrman_size(m, QC_NETWORK_ALL, QC_TABLE_BOTH), 8);
    assert_int_equal(qc_addrman_size(m, QC_NETWORK_ONION, QC_TABLE_TRIED), 2);
    assert_int_equal(qc_addrman_size(m, QC_NETWORK_I2P, QC_TABLE_NEW), 1);
    assert_int_equal(qc_addrman_size(m, QC_NETWORK_IPV4, QC_TABLE_BOTH), 2);
    assert_int_equal(qc_addrman_size(m, QC_NETWORK_CJDNS, QC_TABLE_TRIED), 0);
    assert_int_equal(qc_addrman_check(m), 0);
    qc_addrman_free(m);
}

static qc_peer_addr only(qc_addrman *m, bool all)
{
    const qc_addrman_ask ask = {.net = QC_NETWORK_ALL, .all_qualities = all};
    qc_peer_addr *list, one = {.port = 0};
    size_t n;
    assert_int_equal(qc_addrman_get(m, &ask, NOW, &list, &n), QC_OK);
    if (n == 1)
        one = list[0];
    qc_free(list);
    return one;
}

static void test_add__refuses_the_unroutable_and_takes_time_off(void **state)
{
    qc_peer_addr a = at("10.0.0.1", 1), b = ipv4(0x08080808);
    qc_netaddr source = at("9.9.9.9", 1).addr;
    (void)state;
    qc_addrman *m = manager();
    assert_false(add(m, &a));
    assert_true(qc_addrman_add(m, &b, 1, &source, 7200, NOW));
    assert_int_equal(only(m, true).time, NOW - 7200);
    assert_false(qc_addrman_add(m, &b, 1, &source, 7200, NOW)); /* nothing new */
    assert_int_equal(only(m, true).time, NOW - 7200);
    b.services = 1024;
    qc_addrman_add(m, &b, 1, &b.addr, 7200, NOW); /* of itself: no penalty, and two hours newer */
    assert_int_equal(only(m, true).time, NOW);
    assert_int_equal(only(m, true).services, 1024 | 9);
    qc_addrman_free(m);
}

static void test_add__gives_one_address_eight_places_at_most(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    qc_addrman_place p;
    qc_peer_addr a = ipv4(0x01020304);
    for (uint32_t k = 0; k < 20000; k++) {
        qc_peer_addr source = ipv4(0x10000000 + (k << 16));
        a.time = NOW + k; /* always news */
        qc_addrman_add(m, &a, 1, &source.addr, 0, NOW + k);
    }
    assert_true(qc_addrman_find(m, &a, &p));
    assert_int_equal(p.multiplicity, 8);
    assert_int_equal(qc_addrman_check(m), 0);
    assert_true(qc_addrman_good(m, &a, NOW)); /* and all eight are given back */
    assert_int_equal(qc_addrman_size(m, QC_NETWORK_ALL, QC_TABLE_NEW), 0);
    assert_int_equal(qc_addrman_check(m), 0);
    qc_addrman_free(m);
}

/* ---- quality ---- */

static bool told(qc_addrman *m)
{
    return only(m, false).port != 0;
}

static void test_get__leaves_out_terrible_addresses(void **state)
{
    (void)state;
    qc_peer_addr a = ipv4(0x01020304), b = ipv4(0x05060708);
    qc_addrman *m = manager();
    a.time = NOW - 30 * DAY;
    assert_true(add(m, &a));
    assert_true(told(m));
    qc_addrman_free(m);

    m = manager();
    a.time = NOW - 30 * DAY - 1; /* beyond the horizon */
    assert_true(add(m, &a));
    assert_false(told(m));
    qc_addrman_attempt(m, &a, true, NOW - 60); /* but it is being tried */
    assert_true(told(m));
    qc_addrman_free(m);

    m = manager();
    a.time = NOW + 601; /* from the future */
    assert_true(add(m, &a));
    assert_false(told(m));
    qc_addrman_free(m);

    m = manager();
    a.time = NOW;
    assert_true(add(m, &a));
    for (int k = 0; k < 3; k++) {
        assert_true(told(m));                   /* fewer than three failures */
        qc_addrman_good(m, &b, NOW - 1000 + k); /* something can be reached: failures count */
        qc_addrman_attempt(m, &a, true, NOW - 1000 + k - 1);
    }
    assert_false(told(m));
    qc_addrman_free(m);

    m = manager();
    assert_true(add(m, &a));
    for (int k = 0; k < 20; k++) /* without a success in between one failure counts */
        qc_addrman_attempt(m, &a, true, NOW - 1000 + k);
    assert_true(told(m));
    qc_addrman_free(m);

    for (int days = 7; days <= 8; days++) { /* ten failures over more than a week */
        m = manager();
        assert_true(add(m, &a));
        assert_true(qc_addrman_good(m, &a, NOW - days * DAY));
        for (int k = 0; k < 10; k++) {
            assert_true(told(m));
            qc_addrman_good(m, &b, NOW - 1000 + 2 * k);
            qc_addrman_attempt(m, &a, true, NOW - 1000 + 2 * k - 1);
        }
        assert_true(told(m) == (days == 7));
        qc_addrman_free(m);
    }
}

static void test_connected__refreshes_the_time_every_20_minutes(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    qc_peer_addr a = ipv4(0x01020304);
    assert_true(add(m, &a));
    qc_addrman_connected(m, &a, NOW + 1200);
    assert_int_equal(only(m, true).time, NOW);
    qc_addrman_connected(m, &a, NOW + 1201);
    assert_int_equal(only(m, true).time, NOW + 1201);
    qc_addrman_set_services(m, &a, 5);
    assert_int_equal(only(m, true).services, 5);
    qc_addrman_free(m);
}

static void test_get__keeps_to_share_number_and_network(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    qc_addrman_ask ask = {.percent = QC_ADDRMAN_PERCENT, .net = QC_NETWORK_ALL};
    qc_peer_addr *list, six = at("2a01:4f8::1", 8333), four = at("2002:102:304::1", 8333);
    size_t n, total;
    for (uint32_t k = 0; k < 2000; k++) {
        qc_peer_addr a = ipv4(0x10000001 + (k << 16));
        add(m, &a);
    }
    assert_true(add(m, &six));
    assert_true(add(m, &four)); /* a tunnel: of the network IPv6, of the class IPv4 */
    total = qc_addrman_size(m, QC_NETWORK_ALL, QC_TABLE_BOTH);
    assert_true(total > 1900);
    assert_int_equal(qc_addrman_get(m, &ask, NOW, &list, &n), QC_OK);
    assert_int_equal(n, 23 * total / 100);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(qc_peer_addr_same(&list[i], &list[k]));
    qc_free(list);
    ask.max = 10;
    assert_int_equal(qc_addrman_get(m, &ask, NOW, &list, &n), QC_OK);
    assert_int_equal(n, 10);
    qc_peer_addr first = list[0];
    unsigned same = 0;
    qc_free(list);
    for (int k = 0; k < 20; k++) { /* others each time */
        assert_int_equal(qc_addrman_get(m, &ask, NOW, &list, &n), QC_OK);
        same += qc_peer_addr_same(&first, &list[0]);
        qc_free(list);
    }
    assert_true(same < 5);
    ask = (qc_addrman_ask){.net = QC_NETWORK_IPV6};
    assert_int_equal(qc_addrman_get(m, &ask, NOW, &list, &n), QC_OK);
    assert_int_equal(n, 1);
    assert_true(qc_peer_addr_same(&list[0], &six));
    qc_free(list);
    assert_int_equal(qc_addrman_size(m, QC_NETWORK_IPV6, QC_TABLE_NEW), 2);
    qc_addrman_free(m);
}

/* ---- selecting ---- */

static void test_select__keeps_to_table_and_networks(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    qc_peer_addr out, four = ipv4(0x01020304), six = at("2a01:4f8::1", 8333);
    qc_peer_addr onion = at("pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", 8333);
    qc_unixtime tried;
    unsigned seen = 0;
    assert_false(qc_addrman_select(m, false, 0, NOW, &out, &tried));
    add(m, &four);
    add(m, &six);
    assert_true(qc_addrman_good(m, &six, NOW - 5000));
    assert_false(qc_addrman_select(m, false, 1u << QC_NETWORK_ONION, NOW, &out, &tried));
    assert_false(qc_addrman_select(m, true, 1u << QC_NETWORK_IPV6, NOW, &out, &tried));
    add(m, &onion);
    for (int k = 0; k < 200; k++) {
        assert_true(qc_addrman_select(m, false, 1u << QC_NETWORK_ONION, NOW, &out, &tried));
        assert_true(qc_peer_addr_same(&out, &onion));
        assert_true(qc_addrman_select(m, true, 0, NOW, &out, &tried));
        assert_false(qc_peer_addr_same(&out, &six));
        assert_true(qc_addrman_select(m, false, 0, NOW, &out, &tried));
        if (qc_peer_addr_same(&out, &six)) {
            seen++;
            assert_int_equal(tried, NOW - 5000);
        }
    }
    assert_in_range(seen, 60, 140); /* either table with one half */
    qc_addrman_free(m);
}

static void test_select__prefers_what_did_not_fail(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    qc_peer_addr out, good = ipv4(0x01020304), bad = ipv4(0x05060708), other = ipv4(0x09090909);
    qc_unixtime tried;
    unsigned seen = 0;
    add(m, &good);
    add(m, &bad);
    for (int k = 0; k < 8; k++) {
        qc_addrman_good(m, &other, NOW - 9000 + 2 * k);
        qc_addrman_attempt(m, &bad, true, NOW - 9000 + 2 * k - 1);
    }
    for (int k = 0; k < 2000; k++) {
        assert_true(qc_addrman_select(m, false, 0, NOW, &out, &tried));
        seen += qc_peer_addr_same(&out, &bad);
    }
    assert_in_range(seen, 1, 400);
    seen = 0;
    qc_addrman_attempt(m, &good, false, NOW - 10); /* and what was not tried a moment ago */
    for (int k = 0; k < 2000; k++) {
        assert_true(qc_addrman_select(m, false, 0, NOW, &out, &tried));
        seen += qc_peer_addr_same(&out, &good);
    }
    assert_in_range(seen, 0, 1000);
    qc_addrman_free(m);
}

/* ---- test before evict ---- */

/* A tried address, and another that wants its place. */
static void collide(qc_addrman *m, qc_peer_addr *old, qc_peer_addr *fresh)
{
    qc_addrman_place want, p = {.tried = false};
    qc_peer_addr out;
    qc_unixtime tried;
    *old = ipv4(0x01020304);
    assert_true(add(m, old));
    assert_true(qc_addrman_good(m, old, NOW - 5 * 3600));
    assert_true(qc_addrman_find(m, old, &want));
    for (uint32_t k = 0; k < 20000; k++) { /* where would it go? A manager of its own tells */
        qc_addrman *alone = manager();
        *fresh = ipv4(0x01020401 + k);
        assert_true(add(alone, fresh) && qc_addrman_good(alone, fresh, NOW));
        assert_true(qc_addrman_find(alone, fresh, &p));
        qc_addrman_free(alone);
        if (p.bucket == want.bucket && p.position == want.position)
            break;
    }
    assert_true(add(m, fresh));
    assert_false(qc_addrman_good(m, fresh, NOW - 5 * 3600));
    assert_true(qc_addrman_collision(m, &out, &tried));
    assert_true(qc_peer_addr_same(&out, old));
    assert_int_equal(tried, NOW - 5 * 3600);
}

static bool is_tried(qc_addrman *m, const qc_peer_addr *a)
{
    qc_addrman_place p;
    return qc_addrman_find(m, a, &p) && p.tried;
}

static void test_collision__old_address_that_works_stays(void **state)
{
    qc_peer_addr old, fresh, out;
    qc_unixtime tried;
    (void)state;
    qc_addrman *m = manager();
    collide(m, &old, &fresh);
    assert_true(is_tried(m, &old));
    assert_false(is_tried(m, &fresh));
    qc_addrman_good(m, &old, NOW);
    qc_addrman_resolve_collisions(m, NOW);
    assert_true(is_tried(m, &old));
    assert_false(is_tried(m, &fresh));
    assert_false(qc_addrman_collision(m, &out, &tried)); /* decided */
    qc_addrman_free(m);
}

static void test_collision__old_address_that_fails_makes_room(void **state)
{
    qc_peer_addr old, fresh;
    (void)state;
    qc_addrman *m = manager();
    collide(m, &old, &fresh);
    qc_addrman_good(m, &fresh, NOW);
    qc_addrman_attempt(m, &old, false, NOW);
    qc_addrman_resolve_collisions(m, NOW + 60); /* a minute to answer */
    assert_true(is_tried(m, &old));
    qc_addrman_resolve_collisions(m, NOW + 61);
    assert_true(is_tried(m, &fresh));
    assert_false(is_tried(m, &old)); /* back among the new */
    qc_addrman_place p;
    assert_true(qc_addrman_find(m, &old, &p));
    assert_int_equal(qc_addrman_check(m), 0);
    qc_addrman_free(m);
}

static void test_collision__without_a_test_the_new_one_wins_in_time(void **state)
{
    qc_peer_addr old, fresh;
    (void)state;
    qc_addrman *m = manager();
    collide(m, &old, &fresh);
    qc_addrman_good(m, &fresh, NOW);
    qc_addrman_resolve_collisions(m, NOW + 40 * 60);
    assert_true(is_tried(m, &old));
    qc_addrman_resolve_collisions(m, NOW + 40 * 60 + 1);
    assert_true(is_tried(m, &fresh));
    assert_int_equal(qc_addrman_check(m), 0);
    qc_addrman_free(m);
}

/* ---- properties ---- */

/* Anything that peers and time can do, over few addresses so that they meet often. */
static void rummage(qc_addrman *m, unsigned steps, uint64_t seed, uint32_t hosts)
{
    qc_unixtime now = NOW;
    for (unsigned k = 0; k < steps; k++) {
        qc_peer_addr a = ipv4(0x01000000 + (uint32_t)(test_rand(&seed) % hosts << 14)), out;
        qc_peer_addr source = ipv4(0x20000000 + (uint32_t)(test_rand(&seed) % 50 << 16));
        qc_unixtime tried;
        a.port = (uint16_t)(8333 + test_rand(&seed) % 3);
        a.time = now - (qc_unixtime)(test_rand(&seed) % (40 * DAY));
        now += (qc_unixtime)(test_rand(&seed) % 600);
        switch (test_rand(&seed) % 12) {
        case 0:
        case 1:
            qc_addrman_good(m, &a, now);
            break;
        case 2:
            qc_addrman_attempt(m, &a, true, now);
            break;
        case 3:
            qc_addrman_resolve_collisions(m, now);
            break;
        case 4:
            qc_addrman_collision(m, &out, &tried);
            break;
        case 5:
            qc_addrman_select(m, test_rand(&seed) & 1, 0, now, &out, &tried);
            break;
        case 6:
            qc_addrman_connected(m, &a, now);
            break;
        default:
            qc_addrman_add(m, &a, 1, &source.addr, 7200, now);
        }
        if (k % 256 == 0)
            assert_int_equal(qc_addrman_check(m), 0);
    }
}

static void test_any_calls__leave_the_tables_consistent(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        qc_addrman *m = manager();
        rummage(m, 12000, seed, 900);
        assert_int_equal(qc_addrman_check(m), 0);
        assert_true(qc_addrman_size(m, QC_NETWORK_ALL, QC_TABLE_TRIED) > 100);
        qc_addrman_free(m);
    }
}

static void test_check_ratio__checks_itself(void **state)
{
    (void)state;
    qc_addrman_options o = options();
    o.check_ratio = 4;
    qc_addrman *m = qc_addrman_new(&o);
    rummage(m, 500, 9, 100);
    qc_addrman_free(m);
}

typedef struct tally {
    unsigned places, buckets, of_attacker, attacker_buckets;
    int last;
} tally;

static void count_place(void *arg, const qc_peer_addr *a, const qc_netaddr *source, int bucket,
                        int position)
{
    tally *t = arg;
    (void)source;
    (void)position;
    t->places++;
    if (a->addr.b[0] != 66)
        return;
    t->of_attacker++;
    t->attacker_buckets += bucket != t->last;
    t->last = bucket;
}

/* A thousand addresses in two groups, told over and over by two sources and connected to: they
 * reach 64 new buckets per source group and 8 tried ones per group, whatever they do. */
static void test_eclipse__few_groups_get_few_buckets(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    uint64_t seed = 5;
    for (uint32_t k = 0; k < 8000; k++) {
        qc_peer_addr a = ipv4(0x01000000 + (uint32_t)(test_rand(&seed) % 0x20000000));
        qc_peer_addr source = ipv4(0x30000001 + (uint32_t)(test_rand(&seed) % 400 << 16));
        qc_addrman_add(m, &a, 1, &source.addr, 0, NOW);
        if (k % 8 == 0)
            qc_addrman_good(m, &a, NOW);
    }
    size_t honest = qc_addrman_size(m, QC_NETWORK_ALL, QC_TABLE_BOTH);
    for (int round = 0; round < 20; round++)
        for (uint32_t k = 0; k < 1000; k++) {
            qc_peer_addr a = ipv4(0x42000000 + (k % 2 << 16) + k);
            qc_peer_addr source = ipv4(0x42000001 + (uint32_t)(round % 2 << 16));
            a.time = NOW + round;
            qc_addrman_add(m, &a, 1, &source.addr, 0, NOW + round);
            if (round > 10) {
                qc_addrman_good(m, &a, NOW + round);
                qc_addrman_resolve_collisions(m, NOW + round);
            }
        }
    tally in_new = {.last = -1}, in_tried = {.last = -1};
    qc_addrman_each(m, false, count_place, &in_new);
    qc_addrman_each(m, true, count_place, &in_tried);
    assert_true(in_new.attacker_buckets <= 2 * 64);
    assert_true(in_tried.attacker_buckets <= 2 * 8);
    assert_true(in_tried.of_attacker <= 2 * 8 * QC_ADDRMAN_BUCKET);
    assert_true(in_new.of_attacker * 5 < in_new.places); /* 1,000 of 9,000 heard of */
    assert_true(qc_addrman_size(m, QC_NETWORK_ALL, QC_TABLE_BOTH) >= honest);
    assert_int_equal(qc_addrman_check(m), 0);
    qc_addrman_free(m);
}

/* ---- files ---- */

static qc_bytes encode(qc_addrman *m)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_peers_encode(m, MAGIC, &b), QC_OK);
    return b;
}

static void test_file__read_and_written_is_the_same(void **state)
{
    (void)state;
    qc_addrman *m = manager(), *again = manager();
    qc_peers_fault why;
    rummage(m, 8000, 11, 700);
    qc_netaddr seed = qc_netaddr_internal("seed.example");
    qc_peer_addr a = at("2a01:4f8::1", 8333);
    assert_true(qc_addrman_add(m, &a, 1, &seed, 0, NOW));
    qc_bytes one = encode(m);
    assert_int_equal(qc_peers_decode(again, MAGIC, qc_bytes_span(&one), &why), QC_PEERS_OK);
    const qc_addrman_ask all = {.net = QC_NETWORK_ALL};
    qc_peer_addr *list;
    size_t n;
    assert_int_equal(qc_addrman_get(again, &all, NOW, &list, &n), QC_OK); /* shuffles */
    qc_free(list);
    qc_bytes two = encode(again);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
    for (int t = 0; t < 2; t++)
        assert_int_equal(qc_addrman_size(m, QC_NETWORK_ALL, (qc_addrman_table)t),
                         qc_addrman_size(again, QC_NETWORK_ALL, (qc_addrman_table)t));
    qc_bytes_free(&one);
    qc_bytes_free(&two);
    qc_addrman_free(m);
    qc_addrman_free(again);
}

static void test_file__another_asmap_moves_addresses(void **state)
{
    (void)state;
    /* Everything is of AS 5: one group, told by one group, is one bucket. */
    static const uint8_t ONE_SYSTEM[] = {0x00, 0x40, 0x00};
    qc_netgroups other = {.asmap = QC_BYTES_INIT};
    qc_bytes map = QC_BYTES_INIT;
    assert_int_equal(qc_bytes_append(&map, ONE_SYSTEM, sizeof ONE_SYSTEM), QC_OK);
    assert_int_equal(qc_netgroups_load(&other, map), QC_OK);
    qc_addrman_options o = options();
    o.groups = &other;
    qc_addrman *m = manager(), *moved = qc_addrman_new(&o);
    qc_peers_fault why;
    rummage(m, 4000, 12, 700);
    assert_true(qc_addrman_size(m, QC_NETWORK_ALL, QC_TABLE_NEW) > 2 * QC_ADDRMAN_BUCKET);
    qc_bytes b = encode(m);
    assert_int_equal(qc_peers_decode(moved, MAGIC, qc_bytes_span(&b), &why), QC_PEERS_OK);
    assert_int_equal(qc_addrman_check(moved), 0);
    tally t = {.last = -1};
    qc_addrman_each(moved, false, count_place, &t);
    assert_in_range(t.places, 1, QC_ADDRMAN_BUCKET);
    assert_in_range(qc_addrman_size(moved, QC_NETWORK_ALL, QC_TABLE_TRIED), 1,
                    8 * QC_ADDRMAN_BUCKET);
    qc_netgroups_clear(&other);
    qc_bytes_free(&b);
    qc_addrman_free(m);
    qc_addrman_free(moved);
}

/* A file of no addresses; the sum is made at the end. */
typedef struct empty_file {
    uint8_t format, compat;
    int32_t n_new, n_tried;
    uint8_t key;
} empty_file;

static qc_bytes make_file(const empty_file *f)
{
    qc_bytes b = QC_BYTES_INIT;
    uint8_t key[32] = {f->key}, zero[4] = {0};
    assert_int_equal(qc_bytes_append(&b, MAGIC, 4), QC_OK);
    assert_int_equal(qc_w_u8(&b, f->format), QC_OK);
    assert_int_equal(qc_w_u8(&b, f->compat), QC_OK);
    assert_int_equal(qc_bytes_append(&b, key, sizeof key), QC_OK);
    assert_int_equal(qc_w_le32(&b, (uint32_t)f->n_new), QC_OK);
    assert_int_equal(qc_w_le32(&b, (uint32_t)f->n_tried), QC_OK);
    assert_int_equal(qc_w_le32(&b, 1024 ^ 1u << 30), QC_OK);
    for (int k = 0; k < 1024; k++)
        assert_int_equal(qc_bytes_append(&b, zero, 4), QC_OK);
    uint8_t h[QC_SHA256_LEN];
    qc_sha256d(qc_bytes_span(&b), h);
    assert_int_equal(qc_bytes_append(&b, h, sizeof h), QC_OK);
    return b;
}

/* Out: the sentence, owned; NULL: it loaded. */
static char *load(const char *path, qc_err want)
{
    qc_addrman_options o = options();
    qc_addrman *m;
    char *error = NULL;
    assert_int_equal(qc_peers_load(path, MAGIC, &o, &m, &error), want);
    assert_true(!m == (want != QC_OK));
    qc_addrman_free(m);
    return error;
}

static void assert_load(qc_bytes *b, const char *why)
{
    const char *path = tmp_write(b->len ? (const char *)b->data : "", b->len);
    char *error = load(path, why ? QC_ECORRUPT : QC_OK);
    if (why) {
        assert_non_null(error);
        if (strncmp(error, "Invalid or corrupt peers.dat (", 30) != 0 || !strstr(error, why) ||
            !strstr(error, path))
            fail_msg("%s: %s", why, error);
    }
    qc_free(error);
    qc_bytes_free(b);
}

static void test_load__says_what_is_wrong_in_cores_words(void **state)
{
    static const struct {
        empty_file f;
        const char *why;
    } T[] = {
        {{1, 36, 0, 0, 1}, NULL},
        {{1, 0, 0, 0, 1},
         "(Corrupted addrman database: The compat value (0) is lower than the expected minimum "
         "value 32.: "},
        {{1, 36, 0, -1, 1}, "(Corrupt AddrMan serialization: nTried=-1, should be in [0, 16384]: "},
        {{1, 36, 0, 16385, 1}, "nTried=16385, should be in [0, 16384]: "},
        {{1, 36, -1, 0, 1}, "(Corrupt AddrMan serialization: nNew=-1, should be in [0, 65536]: "},
        {{1, 36, 65537, 0, 1}, "nNew=65537, should be in [0, 65536]: "},
        {{1, 36, 0, 0, 0}, "(Corrupt data. Consistency check failed with code -16: "},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_bytes b = make_file(&T[i].f);
        assert_load(&b, T[i].why);
    }
    qc_bytes b = make_file(&T[0].f);
    b.len--;
    assert_load(&b, "(AutoFile::read: end of file: iostream error)");
    b = make_file(&T[0].f);
    b.data[b.len - 1] ^= 1;
    assert_load(&b, "(Checksum mismatch, data corrupted)");
    b = make_file(&T[0].f);
    b.data[0] ^= 1;
    assert_load(&b, "(Invalid network magic number)");
    b.len = 0;
    b = (qc_bytes)QC_BYTES_INIT;
    assert_load(&b, "(AutoFile::read: end of file");
}

static void test_load__makes_a_missing_file_and_sets_a_future_one_aside(void **state)
{
    (void)state;
    const empty_file future = {9, 32 + 9, 0, 0, 1};
    char *path = qc_asprintf("%s/peers.dat", tmp_mkdir()), *bak = qc_asprintf("%s.bak", path);
    assert_null(load(path, QC_OK));
    assert_true(qc_os_exists(path));
    assert_false(qc_os_exists(bak));
    assert_null(load(path, QC_OK)); /* what was made can be read */
    qc_bytes b = make_file(&future);
    assert_int_equal(qc_os_write_file_atomic(path, qc_bytes_span(&b), 0600), QC_OK);
    qc_bytes_free(&b);
    assert_null(load(path, QC_OK));
    assert_true(qc_os_exists(path) && qc_os_exists(bak));
    qc_free(path);
    qc_free(bak);
}

static void test_decode__any_flipped_byte_is_found(void **state)
{
    (void)state;
    qc_addrman *m = manager();
    rummage(m, 60, 3, 40);
    qc_bytes b = encode(m);
    for (size_t k = 0; k < b.len; k += 1 + k / 40) {
        qc_peers_fault why;
        qc_addrman *again = manager();
        b.data[k] ^= 0x41;
        assert_int_not_equal(qc_peers_decode(again, MAGIC, qc_bytes_span(&b), &why), QC_PEERS_OK);
        b.data[k] ^= 0x41;
        qc_addrman_free(again);
    }
    qc_bytes_free(&b);
    qc_addrman_free(m);
}

static void test_save__survives_each_single_fault(void **state)
{
    (void)state;
    char *path = qc_asprintf("%s/peers.dat", tmp_mkdir());
    qc_addrman *m = manager();
    unsigned runs;
    rummage(m, 60, 3, 40);
    assert_int_equal(qc_peers_save(m, path, MAGIC), QC_OK);
    FOR_EACH_FAULT (runs) {
        qc_err err = qc_peers_save(m, path, MAGIC);
        assert_true(!err == !fault_was_hit());
        assert_true(qc_os_exists(path)); /* the old one at least */
    }
    assert_true(runs > 5);
    qc_addrman_free(m);
    qc_free(path);
}

static void test_anchors__are_taken_once(void **state)
{
    (void)state;
    char *path = qc_asprintf("%s/anchors.dat", tmp_mkdir());
    qc_peer_addr in[3] = {
        at("1.2.3.4", 8333),
        at("pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", 8333),
        at("5.6.7.8", 1)};
    qc_peer_addr out[QC_ANCHORS_MAX];
    assert_int_equal(qc_anchors_take(path, MAGIC, out), 0);
    assert_int_equal(qc_anchors_save(path, MAGIC, in, 3), QC_OK);
    assert_int_equal(qc_anchors_take(path, MAGIC, out), 2);
    assert_true(qc_peer_addr_same(&in[0], &out[0]) && qc_peer_addr_same(&in[1], &out[1]));
    assert_false(qc_os_exists(path));
    assert_int_equal(qc_anchors_save(path, MAGIC, in, 2), QC_OK);
    qc_bytes b = tmp_read(path);
    b.data[20] ^= 1;
    assert_int_equal(qc_os_write_file_atomic(path, qc_bytes_span(&b), 0600), QC_OK);
    assert_int_equal(qc_anchors_take(path, MAGIC, out), 0); /* and it is gone all the same */
    assert_false(qc_os_exists(path));
    qc_bytes_free(&b);
    qc_free(path);
}

QC_TEST_MAIN(cmocka_unit_test(test_places__are_cores),
             cmocka_unit_test(test_add__refuses_the_unroutable_and_takes_time_off),
             cmocka_unit_test(test_add__gives_one_address_eight_places_at_most),
             cmocka_unit_test(test_get__leaves_out_terrible_addresses),
             cmocka_unit_test(test_connected__refreshes_the_time_every_20_minutes),
             cmocka_unit_test(test_get__keeps_to_share_number_and_network),
             cmocka_unit_test(test_select__keeps_to_table_and_networks),
             cmocka_unit_test(test_select__prefers_what_did_not_fail),
             cmocka_unit_test(test_collision__old_address_that_works_stays),
             cmocka_unit_test(test_collision__old_address_that_fails_makes_room),
             cmocka_unit_test(test_collision__without_a_test_the_new_one_wins_in_time),
             cmocka_unit_test(test_any_calls__leave_the_tables_consistent),
             cmocka_unit_test(test_check_ratio__checks_itself),
             cmocka_unit_test(test_eclipse__few_groups_get_few_buckets),
             cmocka_unit_test(test_file__read_and_written_is_the_same),
             cmocka_unit_test(test_file__another_asmap_moves_addresses),
             cmocka_unit_test(test_load__says_what_is_wrong_in_cores_words),
             cmocka_unit_test(test_load__makes_a_missing_file_and_sets_a_future_one_aside),
             cmocka_unit_test(test_decode__any_flipped_byte_is_found),
             cmocka_unit_test(test_save__survives_each_single_fault),
             cmocka_unit_test(test_anchors__are_taken_once))
