#include "core/net/outbound.h"

#include "core/base/chance.h"
#include "core/net/badport.h"
#include "core/net/peerbook.h"
#include "tests/unit/harness.h"

#include <stdio.h>

#define BEGIN INT64_C(1700000000)
#define SECOND INT64_C(1000000)
#define FULL_NODE (QC_NODE_NETWORK | QC_NODE_WITNESS)
#define CONNS 64
#define LOG 4096

typedef struct made {
    qc_peer_addr a;
    qc_conn_type type;
    bool v2, count;
    int64_t at;
} made;

/* A network in which everything can be reached that is not in `dead`. */
typedef struct world {
    qc_peerbook book;
    qc_outbound *o;
    qc_outbound_conn conn[CONNS];
    size_t n;
    int64_t now;
    qc_mono mono;
    uint64_t rng;
    bool inactive, all_dead, proxied, stay; /* stay: feelers are not ended */
    unsigned networks;
    const char *added;
    made log[LOG];
    size_t n_log;
    char fetched[8][64], looked_up[16][64];
    size_t n_fetched, n_looked_up;
} world;

static uint64_t rnd(void *arg)
{
    world *w = arg;
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng * UINT64_C(0x2545f4914f6cdd1d);
}

static void op_dial(void *arg, const qc_peer_addr *a, qc_conn_type type, bool v2, bool count)
{
    world *w = arg;
    assert_true(w->n_log < LOG);
    w->log[w->n_log++] = (made){*a, type, v2, count, w->now};
    qc_peerbook_attempt(&w->book, a, count);
    if (w->all_dead)
        return;
    if (type == QC_CONN_FEELER && !w->stay) {
        qc_peerbook_good(&w->book, a);
        return;
    }
    assert_true(w->n < CONNS);
    w->conn[w->n++] = (qc_outbound_conn){type, true, true, *a};
}

static void op_fetch(void *arg, const char *node)
{
    world *w = arg;
    snprintf(w->fetched[w->n_fetched++], sizeof w->fetched[0], "%s", node);
}

static void op_look_up(void *arg, const char *host)
{
    world *w = arg;
    snprintf(w->looked_up[w->n_looked_up++], sizeof w->looked_up[0], "%s", host);
}

static uint64_t op_desirable(void *arg, uint64_t services)
{
    (void)arg;
    (void)services;
    return FULL_NODE;
}

static bool op_is_added(void *arg, const qc_peer_addr *a)
{
    const world *w = arg;
    char text[QC_PEER_ADDR_TEXT] = "";
    if (a)
        qc_peer_addr_text(a, text);
    return w->added && (!a || strcmp(text, w->added) == 0);
}

static bool op_is_own(void *arg, const qc_netaddr *a)
{
    (void)arg;
    return a->net == QC_NETWORK_IPV4 && a->b[0] == 77;
}

static unsigned op_networks(void *arg)
{
    return ((const world *)arg)->networks;
}

static bool op_has_name_proxy(void *arg)
{
    return ((const world *)arg)->proxied;
}

static qc_outbound_options usual(void)
{
    return (qc_outbound_options){
        .slots = qc_slots_of(200, 50), .default_port = 8333, .automatic = true};
}

static world *begin(qc_outbound_options o)
{
    world *w = qc_alloc(sizeof *w);
    w->rng = 88172645463325252u;
    w->now = BEGIN * SECOND;
    w->networks = 1u << QC_NETWORK_IPV4 | 1u << QC_NETWORK_IPV6;
    pthread_mutex_init(&w->book.lock, NULL);
    const qc_addrman_options ao = {
        .groups = &w->book.groups, .key = {{9}}, .random = rnd, .random_arg = w};
    w->book.addrs = qc_addrman_new(&ao);
    assert_int_equal(qc_bans_init(&w->book.bans, QC_BAN_SECONDS, 7), QC_OK);
    const qc_outbound_ops ops = {
        w,           rnd,       op_dial,     op_fetch,         op_look_up, op_desirable,
        op_is_added, op_is_own, op_networks, op_has_name_proxy};
    o.book = &w->book;
    w->o = qc_outbound_new(&o, &ops);
    qc_clock_set_mock(BEGIN);
    return w;
}

static void end(world *w)
{
    qc_clock_set_mock(0);
    qc_outbound_free(w->o);
    qc_addrman_free(w->book.addrs);
    qc_bans_clear(&w->book.bans);
    pthread_mutex_destroy(&w->book.lock);
    qc_free(w);
}

/* Half seconds pass. */
static void run(world *w, int halves)
{
    for (int i = 0; i < halves; i++) {
        const qc_outbound_view v = {w->now, w->mono, !w->inactive, w->conn, w->n};
        qc_outbound_tick(w->o, &v);
        w->now += SECOND / 2;
        w->mono += 500000000;
        qc_clock_set_mock(w->now / SECOND);
    }
}

static qc_peer_addr at(const char *text)
{
    qc_peer_addr a;
    assert_true(qc_peer_addr_parse(text, 8333, &a));
    a.services = FULL_NODE;
    a.time = BEGIN - 3600;
    return a;
}

static void know(world *w, qc_peer_addr a)
{
    const qc_netaddr source = a.addr;
    qc_addrman_add(w->book.addrs, &a, 1, &source, 0, w->now / SECOND);
}

/* n addresses, each in a group of its own: 20.0.0.1, 20.1.0.1, ... */
static void know_many(world *w, int first, int n)
{
    for (int i = 0; i < n; i++) {
        char text[64];
        snprintf(text, sizeof text, "%d.%d.0.1:8333", first + i / 256, i % 256);
        know(w, at(text));
    }
}

static size_t count(const world *w, qc_conn_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->conn[i].type == type;
    return n;
}

static size_t count_log(const world *w, qc_conn_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_log; i++)
        n += w->log[i].type == type;
    return n;
}

static void assert_distinct_groups(world *w)
{
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < i; k++) {
            qc_netgroup a = qc_netgroups_of(&w->book.groups, &w->conn[i].where.addr);
            qc_netgroup b = qc_netgroups_of(&w->book.groups, &w->conn[k].where.addr);
            assert_false(qc_netgroup_eq(&a, &b));
        }
}

/* ---- slots ---- */

static void assert_slots(uint32_t connections, uint32_t percent, qc_slots want)
{
    qc_slots s = qc_slots_of(connections, percent);
    want.connections = connections;
    assert_int_equal(s.connections, want.connections);
    assert_int_equal(s.full, want.full);
    assert_int_equal(s.block_only, want.block_only);
    assert_int_equal(s.outbound, want.outbound);
    assert_int_equal(s.inbound, want.inbound);
    assert_int_equal(s.inbound_relay, want.inbound_relay);
}

static void test_slots_of__outbound_ones_come_first(void **state)
{
    (void)state;
    assert_slots(200, 50, (qc_slots){0, 8, 2, 11, 189, 94});
    assert_slots(53, 50, (qc_slots){0, 8, 2, 11, 42, 21});
    assert_slots(13, 50, (qc_slots){0, 8, 2, 11, 2, 1});
    assert_slots(33, 0, (qc_slots){0, 8, 2, 11, 22, 0});
    assert_slots(33, 100, (qc_slots){0, 8, 2, 11, 22, 22});
    assert_slots(11, 50, (qc_slots){0, 8, 2, 11, 0, 0});
    assert_slots(10, 50, (qc_slots){0, 8, 2, 10, 0, 0});
    assert_slots(9, 50, (qc_slots){0, 8, 1, 9, 0, 0});
    assert_slots(3, 50, (qc_slots){0, 3, 0, 3, 0, 0});
    assert_slots(0, 50, (qc_slots){0, 0, 0, 0, 0, 0});
}

/* ---- kept connections ---- */

static void test_tick__keeps_eight_and_two_in_distinct_groups(void **state)
{
    (void)state;
    world *w = begin(usual());
    know_many(w, 20, 100);
    run(w, 60);
    assert_int_equal(count(w, QC_CONN_FULL), 8);
    assert_int_equal(count(w, QC_CONN_BLOCK_ONLY), 2);
    assert_int_equal(w->conn[7].type, QC_CONN_FULL); /* those first */
    assert_distinct_groups(w);
    w->n--; /* one goes, and another comes */
    run(w, 4);
    assert_int_equal(w->n, 10);
    end(w);
}

static void test_tick__one_group_gives_one_connection_however_large(void **state)
{
    (void)state;
    world *w = begin(usual());
    for (int i = 0; i < 1000; i++) { /* an attacker: four groups */
        char text[64];
        snprintf(text, sizeof text, "66.%d.%d.%d:8333", i % 4, i / 200, 1 + i % 200);
        know(w, at(text));
    }
    know_many(w, 20, 12);
    run(w, 400);
    assert_int_equal(w->n, 10);
    assert_distinct_groups(w);
    size_t hostile = 0;
    for (size_t i = 0; i < w->n; i++)
        hostile += w->conn[i].where.addr.b[0] == 66;
    assert_true(hostile <= 4);
    end(w);
}

static void test_tick__manual_peers_hold_their_group_inbound_ones_do_not(void **state)
{
    (void)state;
    world *w = begin(usual());
    know(w, at("20.1.0.1:8333"));
    know(w, at("20.2.0.1:8333"));
    w->conn[w->n++] = (qc_outbound_conn){QC_CONN_MANUAL, true, true, at("20.1.9.9:8333")};
    w->conn[w->n++] = (qc_outbound_conn){QC_CONN_INBOUND, true, true, at("20.2.9.9:50000")};
    run(w, 20);
    assert_int_equal(w->n_log, 1);
    assert_int_equal(w->log[0].a.addr.b[1], 2);
    end(w);
}

static void test_tick__respects_the_switches(void **state)
{
    (void)state;
    qc_outbound_options o = usual();
    o.automatic = false;
    world *w = begin(o);
    know_many(w, 20, 100);
    run(w, 100);
    assert_int_equal(w->n_log, 0);
    end(w);
    w = begin(usual());
    know_many(w, 20, 100);
    w->inactive = true;
    run(w, 100);
    assert_int_equal(w->n_log, 0);
    w->inactive = false;
    run(w, 100);
    assert_int_equal(w->n, 10);
    end(w);
    o = usual();
    o.slots = qc_slots_of(3, 50);
    w = begin(o);
    know_many(w, 20, 100);
    run(w, 100);
    assert_int_equal(count(w, QC_CONN_FULL), 3);
    assert_int_equal(w->n, 3);
    end(w);
}

static void test_tick__addresses_that_are_not_dialled(void **state)
{
    (void)state;
    world *w = begin(usual());
    qc_peer_addr a = at("20.1.0.1:8333"), banned = at("20.2.0.1:8333"), light = at("20.3.0.1:8333");
    qc_netrange r;
    know(w, a);
    w->added = "20.1.0.1:8333";
    know(w, banned);
    assert_int_equal(qc_netrange_parse("20.2.0.1", false, &r), QC_OK);
    assert_int_equal(qc_bans_add(&w->book.bans, &r, 0, false, BEGIN), QC_OK);
    light.services = QC_NODE_WITNESS;
    know(w, light);
    know(w, at("77.1.0.1:8333"));    /* our own */
    know(w, at("[fc00:1::1]:8333")); /* not routable: not even kept */
    know(w, at("20.4.0.1:8333"));
    w->conn[w->n++] = (qc_outbound_conn){QC_CONN_INBOUND, true, true, at("20.4.0.1:41000")};
    run(w, 60);
    assert_int_equal(w->n_log, 0);
    know(w, at("pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333"));
    run(w, 60); /* a network that is out of reach */
    assert_int_equal(w->n_log, 0);
    w->networks |= 1u << QC_NETWORK_ONION;
    run(w, 60);
    assert_int_equal(w->n_log, 1);
    end(w);
}

static void test_tick__ports_of_other_services_are_the_last_choice(void **state)
{
    (void)state;
    assert_true(qc_is_bad_port(22));
    assert_true(qc_is_bad_port(1));
    assert_true(qc_is_bad_port(27017));
    assert_false(qc_is_bad_port(8333));
    assert_false(qc_is_bad_port(0));
    assert_false(qc_is_bad_port(65535));
    world *w = begin(usual());
    know_many(w, 20, 30);
    for (int i = 0; i < 30; i++) {
        char text[64];
        snprintf(text, sizeof text, "40.%d.0.1:22", i);
        know(w, at(text));
    }
    run(w, 40);
    for (size_t i = 0; i < w->n_log; i++)
        assert_int_equal(w->log[i].a.port, 8333);
    end(w);
}

static void test_tick__failures_count_once_the_host_is_on_line(void **state)
{
    (void)state;
    world *w = begin(usual());
    know_many(w, 20, 100);
    run(w, 20);
    for (size_t i = 0; i < w->n_log; i++)
        assert_int_equal(w->log[i].count, i >= 2);
    end(w);
}

static void test_tick__speaks_version_2_to_who_offers_it(void **state)
{
    (void)state;
    world *w = begin(usual());
    qc_peer_addr a = at("20.1.0.1:8333");
    a.services |= QC_NODE_P2P_V2;
    know(w, a);
    know(w, at("20.2.0.1:8333"));
    run(w, 20);
    assert_int_equal(w->n_log, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(w->log[i].v2, w->log[i].a.addr.b[1] == 1);
    end(w);
}

/* ---- anchors ---- */

static void test_tick__anchors_come_before_all_others(void **state)
{
    (void)state;
    qc_peer_addr anchor[] = {at("30.1.0.1:8333"), at("30.2.0.1:8333")};
    qc_outbound_options o = usual();
    o.anchors = anchor;
    o.n_anchors = 2;
    world *w = begin(o);
    know_many(w, 20, 100);
    run(w, 60);
    assert_int_equal(w->log[0].type, QC_CONN_BLOCK_ONLY);
    assert_true(qc_peer_addr_same(&w->log[0].a, &anchor[1]));
    assert_int_equal(w->log[1].type, QC_CONN_BLOCK_ONLY);
    assert_true(qc_peer_addr_same(&w->log[1].a, &anchor[0]));
    assert_int_equal(w->log[2].type, QC_CONN_FULL);
    assert_int_equal(w->n, 10);
    end(w);
}

static void test_tick__anchors_must_be_worth_it(void **state)
{
    (void)state;
    qc_peer_addr anchor[] = {at("30.1.0.1:8333"), at("30.2.0.1:8333")};
    qc_outbound_options o = usual();
    anchor[0].services = 0;
    o.anchors = anchor;
    o.n_anchors = 2;
    world *w = begin(o);
    w->conn[w->n++] = (qc_outbound_conn){QC_CONN_MANUAL, true, true, at("30.2.7.7:8333")};
    run(w, 10);
    assert_int_equal(w->n_log, 0);
    end(w);
}

/* ---- feelers and extra connections ---- */

static void test_tick__feelers_every_two_minutes_or_so(void **state)
{
    (void)state;
    world *w = begin(usual());
    know_many(w, 20, 1500);
    run(w, 4 * 3600 * 2);
    size_t n = count_log(w, QC_CONN_FEELER);
    assert_in_range(n, 85, 155); /* 120 on average */
    assert_int_equal(w->n, 10);
    assert_int_equal(count_log(w, QC_CONN_BLOCK_ONLY), 2);
    for (size_t i = 10; i < w->n_log; i++)
        for (size_t k = 0; k < 10; k++)
            assert_false(qc_netaddr_eq(&w->log[i].a.addr, &w->conn[k].where.addr));
    end(w);
}

/* Addresses that were connected to, from the i-th on; until one finds its place taken, or n. */
static int connected_once(world *w, int i, int n)
{
    qc_peer_addr old;
    qc_unixtime last_try;
    for (; i < n && !qc_addrman_collision(w->book.addrs, &old, &last_try); i++) {
        char text[64];
        snprintf(text, sizeof text, "%d.%d.%d.1:8333", 90 + i / 65536, i / 256 % 256, i % 256);
        qc_peer_addr a = at(text);
        know(w, a);
        qc_addrman_good(w->book.addrs, &a, w->now / SECOND);
    }
    return i;
}

static void test_tick__a_feeler_tests_who_stands_in_the_way(void **state)
{
    (void)state;
    world *w = begin(usual());
    qc_addrman *m = w->book.addrs;
    qc_peer_addr old;
    qc_unixtime last_try;
    know_many(w, 20, 10);
    run(w, 20);
    assert_int_equal(w->n, 10);
    int i = connected_once(w, 0, 2000);
    w->now += 5 * 3600 * SECOND; /* too long ago to stay for it */
    qc_addrman_resolve_collisions(m, w->now / SECOND);
    connected_once(w, i, 65536);
    assert_true(qc_addrman_collision(m, &old, &last_try));
    w->all_dead = true;
    w->n_log = 0;
    run(w, 2 * 60 * 30);
    size_t tested = 0;
    for (size_t k = 0; k < w->n_log; k++)
        tested += w->log[k].type == QC_CONN_FEELER && qc_peer_addr_same(&w->log[k].a, &old);
    assert_true(tested > 0);
    qc_addrman_place place;
    assert_true(qc_addrman_find(m, &old, &place));
    assert_false(place.tried); /* it did not answer, and made room */
    end(w);
}

static void test_tick__one_more_while_the_tip_is_stale(void **state)
{
    (void)state;
    world *w = begin(usual());
    know_many(w, 20, 100);
    run(w, 60);
    qc_outbound_try_another(w->o, true);
    run(w, 60);
    assert_int_equal(count(w, QC_CONN_FULL), 9);
    assert_int_equal(w->n, 11); /* in the place of a feeler */
    w->n--;
    qc_outbound_try_another(w->o, false);
    run(w, 60);
    assert_int_equal(w->n, 10);
    end(w);
}

static void test_tick__extra_ones_for_blocks_after_the_first_sync(void **state)
{
    (void)state;
    world *w = begin(usual());
    know_many(w, 20, 1500);
    run(w, 60);
    qc_outbound_extra_block_only(w->o);
    for (int i = 0; i < 4 * 3600 * 2; i++) {
        run(w, 1);
        if (w->n == 11)
            w->n--;
    }
    assert_in_range(count_log(w, QC_CONN_BLOCK_ONLY) - 2, 27, 72); /* 48 on average */
    end(w);
}

static void test_tick__tries_a_network_that_none_is_of(void **state)
{
    (void)state;
    world *w = begin(usual());
    know_many(w, 20, 1000);
    run(w, 60);
    w->networks |= 1u << QC_NETWORK_ONION;
    know(w, at("pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333"));
    run(w, 2 * 3600);
    assert_int_equal(count(w, QC_CONN_FULL), 9);
    assert_int_equal(w->conn[10].where.addr.net, QC_NETWORK_ONION);
    end(w);
}

/* ---- where addresses come from ---- */

static const char *const SEEDS[] = {"a.test.", "b.test.", "c.test.", "d.test.", "e.test.", NULL};

static qc_outbound_options seeded(void)
{
    qc_outbound_options o = usual();
    o.dnsseed = true;
    o.dns = SEEDS;
    return o;
}

static void test_dns__all_are_asked_when_nothing_is_known(void **state)
{
    (void)state;
    world *w = begin(seeded());
    qc_netaddr found[40];
    for (int i = 0; i < 40; i++)
        found[i] = at("50.0.0.1:1").addr, found[i].b[1] = (uint8_t)i;
    for (size_t i = 0; i < 5; i++) {
        run(w, 1);
        assert_int_equal(w->n_looked_up, i + 1);
        assert_memory_equal(w->looked_up[i], "x9.", 3);
        qc_outbound_found(w->o, found, i == 0 ? 40 : i == 1 ? 0 : 1, w->now / SECOND);
    }
    assert_true(qc_addrman_size(w->book.addrs, QC_NETWORK_ALL, QC_TABLE_NEW) <= 32);
    run(w, 4);
    assert_int_equal(w->n_looked_up, 5);
    assert_int_equal(w->n_fetched, 1); /* of the one that knew nothing */
    assert_string_equal(w->fetched[0], w->looked_up[1] + 3);
    assert_true(w->n_log > 0);
    assert_true(w->log[0].v2);
    assert_int_equal(w->log[0].a.port, 8333);
    end(w);
}

static void test_dns__three_at_a_time_while_peers_are_few(void **state)
{
    (void)state;
    world *w = begin(seeded());
    know_many(w, 20, 100);
    w->all_dead = true;
    run(w, 22);
    assert_int_equal(w->n_looked_up, 0);
    for (size_t i = 1; i <= 3; i++) {
        run(w, 1);
        assert_int_equal(w->n_looked_up, i);
        qc_outbound_found(w->o, NULL, 0, w->now / SECOND);
    }
    run(w, 20);
    assert_int_equal(w->n_looked_up, 3);
    run(w, 4);
    assert_int_equal(w->n_looked_up, 4);
    end(w);
}

static void test_dns__is_left_alone_while_there_are_peers(void **state)
{
    (void)state;
    world *w = begin(seeded());
    know_many(w, 20, 100);
    run(w, 1000);
    assert_int_equal(w->n_looked_up, 0);
    end(w);
    qc_outbound_options o = seeded();
    o.forcednsseed = true;
    w = begin(o);
    know_many(w, 20, 100);
    run(w, 1);
    assert_int_equal(w->n_looked_up, 1);
    end(w);
    o.dnsseed = false;
    w = begin(o);
    run(w, 1000);
    assert_int_equal(w->n_looked_up, 0);
    end(w);
}

static void test_dns__many_addresses_are_given_five_minutes(void **state)
{
    (void)state;
    world *w = begin(seeded());
    know_many(w, 20, 2000);
    assert_true(qc_addrman_size(w->book.addrs, QC_NETWORK_ALL, QC_TABLE_NEW) >= 1000);
    w->all_dead = true;
    run(w, 598);
    assert_int_equal(w->n_looked_up, 0);
    run(w, 4);
    assert_int_equal(w->n_looked_up, 1);
    end(w);
}

static void test_dns__behind_a_proxy_a_peer_of_the_seed_is_asked(void **state)
{
    (void)state;
    world *w = begin(seeded());
    w->proxied = true;
    run(w, 10);
    assert_int_equal(w->n_looked_up, 0);
    assert_int_equal(w->n_fetched, 5);
    end(w);
}

static const char *const NODES[] = {"n1.test:1", "n2.test:2", NULL};

static void test_seednodes__one_at_once_the_next_after_ten_seconds(void **state)
{
    (void)state;
    qc_outbound_options o = seeded();
    o.seednodes = NODES;
    world *w = begin(o);
    run(w, 20);
    assert_int_equal(w->n_fetched, 1);
    assert_int_equal(w->n_looked_up, 0); /* half a minute is theirs */
    run(w, 4);
    assert_int_equal(w->n_fetched, 2);
    assert_string_not_equal(w->fetched[0], w->fetched[1]);
    run(w, 60);
    assert_int_equal(w->n_fetched, 2);
    assert_int_equal(w->n_looked_up, 1);
    end(w);
}

static void test_seednodes__are_spared_while_there_are_peers(void **state)
{
    (void)state;
    qc_outbound_options o = usual();
    o.seednodes = NODES;
    world *w = begin(o);
    know_many(w, 20, 100);
    run(w, 200);
    assert_int_equal(w->n_fetched, 0);
    end(w);
}

static const char *const FIXED[] = {"60.1.0.1", "60.2.0.1:99", "[2a00::1]", "nonsense", NULL};

static void test_fixed__after_a_minute_and_for_empty_networks_only(void **state)
{
    (void)state;
    qc_outbound_options o = seeded();
    o.fixed = FIXED;
    o.fixedseeds = true;
    world *w = begin(o);
    know(w, at("[2a01::1]:8333"));
    w->all_dead = true;
    run(w, 118);
    assert_int_equal(qc_addrman_size(w->book.addrs, QC_NETWORK_ALL, QC_TABLE_NEW), 1);
    run(w, 6);
    assert_int_equal(qc_addrman_size(w->book.addrs, QC_NETWORK_IPV4, QC_TABLE_NEW), 2);
    assert_int_equal(qc_addrman_size(w->book.addrs, QC_NETWORK_IPV6, QC_TABLE_NEW), 1);
    end(w);
}

static void test_fixed__at_once_when_nothing_else_is_left(void **state)
{
    (void)state;
    qc_outbound_options o = usual();
    o.fixed = FIXED;
    o.fixedseeds = true;
    world *w = begin(o);
    run(w, 2);
    assert_int_equal(qc_addrman_size(w->book.addrs, QC_NETWORK_ALL, QC_TABLE_NEW), 3);
    end(w);
    w = begin(o);
    w->added = "20.1.0.1:8333"; /* that one may tell of others */
    run(w, 100);
    assert_int_equal(qc_addrman_size(w->book.addrs, QC_NETWORK_ALL, QC_TABLE_NEW), 0);
    end(w);
}

QC_TEST_MAIN(cmocka_unit_test(test_slots_of__outbound_ones_come_first),
             cmocka_unit_test(test_tick__keeps_eight_and_two_in_distinct_groups),
             cmocka_unit_test(test_tick__one_group_gives_one_connection_however_large),
             cmocka_unit_test(test_tick__manual_peers_hold_their_group_inbound_ones_do_not),
             cmocka_unit_test(test_tick__respects_the_switches),
             cmocka_unit_test(test_tick__addresses_that_are_not_dialled),
             cmocka_unit_test(test_tick__ports_of_other_services_are_the_last_choice),
             cmocka_unit_test(test_tick__failures_count_once_the_host_is_on_line),
             cmocka_unit_test(test_tick__speaks_version_2_to_who_offers_it),
             cmocka_unit_test(test_tick__anchors_come_before_all_others),
             cmocka_unit_test(test_tick__anchors_must_be_worth_it),
             cmocka_unit_test(test_tick__feelers_every_two_minutes_or_so),
             cmocka_unit_test(test_tick__a_feeler_tests_who_stands_in_the_way),
             cmocka_unit_test(test_tick__one_more_while_the_tip_is_stale),
             cmocka_unit_test(test_tick__extra_ones_for_blocks_after_the_first_sync),
             cmocka_unit_test(test_tick__tries_a_network_that_none_is_of),
             cmocka_unit_test(test_dns__all_are_asked_when_nothing_is_known),
             cmocka_unit_test(test_dns__three_at_a_time_while_peers_are_few),
             cmocka_unit_test(test_dns__is_left_alone_while_there_are_peers),
             cmocka_unit_test(test_dns__many_addresses_are_given_five_minutes),
             cmocka_unit_test(test_dns__behind_a_proxy_a_peer_of_the_seed_is_asked),
             cmocka_unit_test(test_seednodes__one_at_once_the_next_after_ten_seconds),
             cmocka_unit_test(test_seednodes__are_spared_while_there_are_peers),
             cmocka_unit_test(test_fixed__after_a_minute_and_for_empty_networks_only),
             cmocka_unit_test(test_fixed__at_once_when_nothing_else_is_left))
