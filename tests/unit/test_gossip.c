/* Addresses between peers, with a clock and a network of the test's own. */
#include "core/sync/gossip.h"
#include "tests/unit/harness.h"

#include "core/net/net.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define NOW INT64_C(1700000000)
#define SENT_MAX 64

typedef struct sent {
    int64_t id;
    char name[13];
    qc_peer_addr list[QC_ADDR_MESSAGE_MAX];
    size_t n;
} sent;

typedef struct rig {
    qc_peerbook *book;
    qc_gossip *g;
    int64_t now; /* microseconds */
    sent *out;   /* messages since the last look */
    size_t n_out;
} rig;

static void record(void *arg, int64_t id, const char *name, qc_bytes *payload)
{
    rig *r = arg;
    qc_addr_fault why;
    assert_true(r->n_out < SENT_MAX);
    sent *s = &r->out[r->n_out++];
    *s = (sent){.id = id};
    snprintf(s->name, sizeof s->name, "%s", name);
    if (strcmp(name, "getaddr") == 0)
        assert_int_equal(payload->len, 0);
    else
        assert_int_equal(qc_addr_message_read(qc_bytes_span(payload), strcmp(name, "addrv2") == 0,
                                              s->list, &s->n, &why),
                         QC_ADDR_MESSAGE_OK);
    qc_bytes_free(payload);
}

static rig begin(void)
{
    rig r = {.now = NOW * SECOND};
    char *error = NULL;
    const qc_peerbook_options o = {
        .dir = tmp_mkdir(),
        .known_key = true,
        .ban_seconds = QC_BAN_SECONDS,
        .local = {.listen = true, .port = 8333, .unreachable = 1u << QC_NETWORK_I2P}};
    assert_int_equal(qc_peerbook_open(&r.book, &o, &error), QC_OK);
    r.out = calloc(SENT_MAX, sizeof *r.out);
    return r;
}

static void start(rig *r, uint64_t seed)
{
    const qc_gossip_options o = {
        .book = r->book, .key = {seed, 7}, .services = 9, .send = record, .arg = r};
    r->g = qc_gossip_new(&o);
}

static void end(rig *r)
{
    qc_gossip_free(r->g);
    qc_peerbook_close(r->book);
    free(r->out);
}

static qc_netaddr addr(const char *text)
{
    qc_netaddr a;
    assert_int_equal(qc_netaddr_parse(text, &a), QC_OK);
    return a;
}

static qc_gossip_who who(int64_t id, bool inbound)
{
    qc_gossip_who w = {.id = id, .local = {.addr = addr("9.9.0.0"), .inbound = inbound}};
    w.local.addr.b[3] = (uint8_t)id;
    w.local.through = QC_NETWORK_IPV4;
    w.local.told = qc_netaddr_none();
    w.bind = addr("5.5.5.5");
    w.bind_port = 8333;
    return w;
}

static qc_gossip_peer *join(rig *r, int64_t id, bool inbound)
{
    qc_gossip_who w = who(id, inbound);
    return qc_gossip_join(r->g, &w, r->now);
}

/* n addresses from `first` on, heard of a moment ago. */
static void fill(const rig *r, qc_peer_addr *list, size_t n, unsigned first)
{
    for (size_t i = 0; i < n; i++) {
        unsigned k = first + (unsigned)i;
        list[i] = (qc_peer_addr){
            .addr = addr("23.0.0.0"), .port = 8333, .services = 9, .time = r->now / SECOND - 60};
        list[i].addr.b[1] = (uint8_t)(k >> 16);
        list[i].addr.b[2] = (uint8_t)(k >> 8);
        list[i].addr.b[3] = (uint8_t)k;
    }
}

static qc_gossip_end tell_list(rig *r, qc_gossip_peer *p, const qc_peer_addr *list, size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_addr_fault why;
    size_t heard;
    assert_int_equal(qc_addr_message_write(&b, true, list, n), QC_OK);
    qc_gossip_end e = qc_gossip_hear(r->g, p, true, qc_bytes_span(&b), r->now, &heard, &why);
    if (e == QC_GOSSIP_OK)
        assert_int_equal(heard, n);
    qc_bytes_free(&b);
    return e;
}

static qc_gossip_end tell(rig *r, qc_gossip_peer *p, size_t n, unsigned first)
{
    static qc_peer_addr list[QC_ADDR_MESSAGE_MAX + 1];
    fill(r, list, n, first);
    return tell_list(r, p, list, n);
}

/* Let time pass, then do what is due. */
static void care(rig *r, qc_gossip_peer *const *p, size_t n, int64_t seconds, bool own)
{
    r->now += seconds * SECOND;
    r->n_out = 0;
    for (size_t i = 0; i < n; i++)
        qc_gossip_care(r->g, p[i], own, r->now);
}

static size_t known(rig *r)
{
    return qc_addrman_size(r->book->addrs, QC_NETWORK_ALL, QC_TABLE_BOTH);
}

static void assert_state(const qc_gossip_peer *p, uint64_t processed, uint64_t limited)
{
    qc_gossip_state s = qc_gossip_state_of(p);
    assert_int_equal(s.processed, processed);
    assert_int_equal(s.limited, limited);
}

static void test_hear__an_address_every_ten_seconds(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 1);
    qc_gossip_peer *p = join(&r, 1, true);
    assert_false(qc_gossip_state_of(p).enabled);
    assert_int_equal(tell(&r, p, 600, 0), QC_GOSSIP_OK);
    assert_true(qc_gossip_state_of(p).enabled);
    assert_state(p, 1, 599);
    assert_int_equal(known(&r), 1);
    r.now += 100 * SECOND;
    assert_int_equal(tell(&r, p, 200, 1000), QC_GOSSIP_OK);
    assert_state(p, 11, 789);
    r.now += 9 * SECOND;
    assert_int_equal(tell(&r, p, 1, 2000), QC_GOSSIP_OK);
    assert_state(p, 11, 790);
    r.now += SECOND;
    assert_int_equal(tell(&r, p, 1, 2000), QC_GOSSIP_OK);
    assert_state(p, 12, 790);
    r.now += 1000 * HOUR; /* no more than 1,000 are saved up */
    assert_int_equal(tell(&r, p, 1000, 3000), QC_GOSSIP_OK);
    assert_int_equal(tell(&r, p, 1, 4000), QC_GOSSIP_OK);
    assert_state(p, 1012, 791);
    r.now -= 100 * SECOND; /* a clock that goes back gives nothing and takes nothing */
    assert_int_equal(tell(&r, p, 1, 4000), QC_GOSSIP_OK);
    assert_state(p, 1012, 792);
    qc_gossip_leave(r.g, p);
    end(&r);
}

static void test_hear__an_answer_to_getaddr_may_be_long(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 2);
    qc_gossip_peer *p = join(&r, 1, false);
    assert_true(qc_gossip_state_of(p).enabled);
    assert_int_equal(r.n_out, 1);
    assert_string_equal(r.out[0].name, "getaddr");
    assert_int_equal(tell(&r, p, 600, 0), QC_GOSSIP_OK);
    assert_int_equal(tell(&r, p, 600, 600), QC_GOSSIP_OK);
    assert_state(p, 1001, 199);
    qc_gossip_leave(r.g, p);
    end(&r);
}

static void test_hear__who_may_tells_as_much_as_it_likes(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 3);
    qc_gossip_who w = who(1, true);
    w.unlimited = true;
    qc_gossip_peer *p = qc_gossip_join(r.g, &w, r.now);
    assert_int_equal(tell(&r, p, 1000, 0), QC_GOSSIP_OK);
    assert_int_equal(tell(&r, p, 1000, 1000), QC_GOSSIP_OK);
    assert_state(p, 2000, 0);
    assert_int_equal(tell(&r, p, 1001, 0), QC_GOSSIP_TOO_MANY);
    qc_gossip_leave(r.g, p);
    end(&r);
}

static void test_hear__silent_connections_stay_silent(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 4);
    qc_gossip_who w = who(1, false);
    w.silent = true;
    qc_gossip_peer *p = qc_gossip_join(r.g, &w, r.now), *other = join(&r, 2, true);
    assert_int_equal(r.n_out, 0);
    assert_int_equal(tell(&r, p, 1, 0), QC_GOSSIP_SILENT);
    assert_int_equal(tell(&r, p, 1001, 0), QC_GOSSIP_SILENT);
    assert_int_equal(tell(&r, other, 1, 0), QC_GOSSIP_OK);
    assert_int_equal(known(&r), 1);
    qc_gossip_peer *both[] = {p, other};
    care(&r, both, 2, 3600, true);
    assert_int_equal(r.n_out, 0);
    assert_false(qc_gossip_state_of(p).enabled);
    qc_gossip_leave(r.g, p);
    qc_gossip_leave(r.g, other);
    end(&r);
}

static void test_hear__what_does_not_decode_changes_nothing(void **state)
{
    rig r = begin();
    qc_addr_fault why;
    size_t n;
    (void)state;
    start(&r, 5);
    qc_gossip_peer *p = join(&r, 1, true);
    assert_int_equal(qc_gossip_hear(r.g, p, true, qc_span_of("\x02\x00", 2), r.now, &n, &why),
                     QC_GOSSIP_BAD);
    assert_false(qc_gossip_state_of(p).enabled);
    assert_int_equal(known(&r), 0);
    qc_gossip_leave(r.g, p);
    end(&r);
}

/* One address as it is kept after it was told with this time and these services. */
static bool kept(rig *r, const char *text, qc_unixtime time, uint64_t services, qc_unixtime *out)
{
    static int64_t id;
    const qc_addrman_ask ask = {.net = QC_NETWORK_ALL, .all_qualities = true};
    qc_gossip_peer *p = join(r, ++id, true);
    qc_peer_addr a = {.addr = addr(text), .port = 1, .services = services, .time = time}, *list;
    size_t n;
    bool found = false;
    assert_int_equal(tell_list(r, p, &a, 1), QC_GOSSIP_OK);
    assert_int_equal(qc_addrman_get(r->book->addrs, &ask, r->now / SECOND, &list, &n), QC_OK);
    for (size_t i = 0; i < n; i++)
        if (qc_peer_addr_same(&list[i], &a)) {
            *out = list[i].time;
            found = true;
        }
    qc_free(list);
    qc_gossip_leave(r->g, p);
    return found;
}

static void test_hear__times_are_taken_with_doubt(void **state)
{
    rig r = begin();
    qc_unixtime t;
    (void)state;
    start(&r, 6);
    assert_true(kept(&r, "4.1.1.1", NOW - 100, 9, &t));
    assert_int_equal(t, NOW - 100 - 7200);
    assert_true(kept(&r, "4.2.1.1", NOW + 600, 1, &t));
    assert_int_equal(t, NOW + 600 - 7200);
    assert_true(kept(&r, "4.3.1.1", NOW + 601, 1024, &t));
    assert_int_equal(t, NOW - 5 * 86400 - 7200);
    assert_true(kept(&r, "4.4.1.1", 100000000, 9, &t));
    assert_int_equal(t, NOW - 5 * 86400 - 7200);
    assert_false(kept(&r, "4.5.1.1", NOW, 8, &t)); /* has no blocks */
    assert_false(kept(&r, "10.1.1.1", NOW, 9, &t));
    assert_false(kept(&r, "c4gfnttsuwqomiygupdqqqyy5y5emnk5c73hrfvatri67prd7vyq.b32.i2p", NOW, 9,
                      &t)); /* not reachable */
    end(&r);
}

static void test_hear__who_is_banned_is_not_passed_on(void **state)
{
    rig r = begin();
    qc_netrange range;
    qc_unixtime t;
    (void)state;
    start(&r, 7);
    qc_netaddr a = addr("4.1.1.1");
    assert_int_equal(qc_netrange_of(&a, &range), QC_OK);
    assert_int_equal(qc_bans_add(&r.book->bans, &range, 0, false, NOW), QC_OK);
    a = addr("4.2.1.1");
    qc_bans_discourage(&r.book->bans, &a);
    qc_gossip_peer *to = join(&r, 100, true);
    assert_int_equal(tell(&r, to, 0, 0), QC_GOSSIP_OK); /* it takes part */
    assert_false(kept(&r, "4.1.1.1", NOW, 9, &t));
    assert_false(kept(&r, "4.2.1.1", NOW, 9, &t));
    care(&r, &to, 1, 3600, false);
    assert_int_equal(r.n_out, 0);
    assert_true(kept(&r, "4.3.1.1", r.now / SECOND, 9, &t));
    care(&r, &to, 1, 3600, false);
    assert_int_equal(r.n_out, 1);
    qc_gossip_leave(r.g, to);
    end(&r);
}

#define CROWD 20

static void crowd(rig *r, qc_gossip_peer **p)
{
    for (int i = 0; i < CROWD; i++) {
        p[i] = join(r, i + 10, true);
        assert_int_equal(tell(r, p[i], 0, 0), QC_GOSSIP_OK);
    }
    care(r, p, CROWD, 3600, false); /* the first sending, of nothing */
    assert_int_equal(r->n_out, 0);
}

static void disperse(rig *r, qc_gossip_peer **p)
{
    for (int i = 0; i < CROWD; i++)
        qc_gossip_leave(r->g, p[i]);
}

static void test_relay__two_peers_get_it_and_not_the_teller(void **state)
{
    rig r = begin();
    qc_gossip_peer *p[CROWD];
    size_t total = 0;
    (void)state;
    start(&r, 8);
    crowd(&r, p);
    r.now += HOUR;
    assert_int_equal(tell(&r, p[3], 10, 0), QC_GOSSIP_OK);
    care(&r, p, CROWD, 600, false);
    for (size_t i = 0; i < r.n_out; i++) {
        assert_string_equal(r.out[i].name, "addr");
        assert_int_not_equal(r.out[i].id, 13);
        total += r.out[i].n;
    }
    assert_int_equal(total, 20);
    /* A long message is kept and not passed on. */
    r.now += HOUR;
    assert_int_equal(tell(&r, p[3], 11, 100), QC_GOSSIP_OK);
    care(&r, p, CROWD, 600, false);
    assert_int_equal(r.n_out, 0);
    /* Nor is what is old. */
    qc_peer_addr old;
    fill(&r, &old, 1, 200);
    old.time = r.now / SECOND - 600;
    assert_int_equal(tell_list(&r, p[3], &old, 1), QC_GOSSIP_OK);
    care(&r, p, CROWD, 600, false);
    assert_int_equal(r.n_out, 0);
    disperse(&r, p);
    end(&r);
}

static void test_relay__repeating_reaches_no_more_within_a_day(void **state)
{
    rig r = begin();
    qc_gossip_peer *p[CROWD];
    unsigned got[CROWD + 20] = {0}, in_a_day = 0, in_ten = 0, messages = 0;
    (void)state;
    start(&r, 9);
    crowd(&r, p);
    for (int hour = 0; hour < 240; hour++) {
        assert_int_equal(tell(&r, p[0], 1, 5), QC_GOSSIP_OK);
        care(&r, p, CROWD, 3600, false);
        messages += (unsigned)r.n_out;
        for (size_t i = 0; i < r.n_out; i++)
            got[r.out[i].id]++;
        for (int i = 0; hour == 23 && i < CROWD + 20; i++)
            in_a_day += got[i] > 0;
    }
    for (int i = 0; i < CROWD + 20; i++) {
        in_ten += got[i] > 0;
        assert_true(got[i] <= 1); /* it knows it then */
    }
    assert_in_range(in_a_day, 2, 4); /* the day may end in between */
    assert_in_range(in_ten, 5, CROWD - 1);
    assert_int_equal(messages, in_ten);
    disperse(&r, p);
    end(&r);
}

static void test_relay__what_we_cannot_reach_goes_to_one_or_two(void **state)
{
    rig r = begin();
    qc_gossip_peer *p[6];
    unsigned once = 0, twice = 0;
    (void)state;
    start(&r, 10);
    for (int i = 0; i < 6; i++) {
        qc_gossip_who w = who(i, true);
        w.v2 = i > 2; /* the others cannot be told */
        w.unlimited = true;
        p[i] = qc_gossip_join(r.g, &w, r.now);
        assert_int_equal(tell(&r, p[i], 0, 0), QC_GOSSIP_OK);
    }
    care(&r, p, 6, 3600, false);
    for (unsigned k = 0; k < 100; k++) {
        qc_peer_addr a = {.port = 1, .services = 9, .time = r.now / SECOND};
        a.addr = addr("c4gfnttsuwqomiygupdqqqyy5y5emnk5c73hrfvatri67prd7vyq.b32.i2p");
        a.addr.b[0] = (uint8_t)k;
        assert_int_equal(tell_list(&r, p[0], &a, 1), QC_GOSSIP_OK);
        care(&r, p, 6, 600, false);
        for (size_t i = 0; i < r.n_out; i++) {
            assert_string_equal(r.out[i].name, "addrv2");
            assert_in_range(r.out[i].id, 3, 5);
        }
        once += r.n_out == 1;
        twice += r.n_out == 2;
    }
    assert_int_equal(once + twice, 100);
    assert_in_range(once, 30, 70);
    assert_int_equal(known(&r), 0);
    for (int i = 0; i < 6; i++)
        qc_gossip_leave(r.g, p[i]);
    end(&r);
}

static void test_relay__the_answer_to_our_getaddr_is_not_passed_on(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 11);
    qc_gossip_peer *in = join(&r, 1, true), *out = join(&r, 2, false);
    assert_int_equal(tell(&r, in, 0, 0), QC_GOSSIP_OK);
    assert_int_equal(tell(&r, out, 2, 0), QC_GOSSIP_OK);
    care(&r, &in, 1, 600, false);
    assert_int_equal(r.n_out, 0);
    assert_int_equal(tell(&r, out, 2, 10), QC_GOSSIP_OK);
    care(&r, &in, 1, 600, false);
    assert_int_equal(r.n_out, 1);
    assert_int_equal(r.out[0].n, 2);
    qc_gossip_leave(r.g, in);
    qc_gossip_leave(r.g, out);
    end(&r);
}

static void test_push__no_more_than_a_thousand_wait(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 12);
    qc_gossip_who w = who(1, true);
    w.unlimited = true;
    qc_gossip_peer *from = qc_gossip_join(r.g, &w, r.now), *to = join(&r, 2, true);
    assert_int_equal(tell(&r, to, 0, 0), QC_GOSSIP_OK);
    for (unsigned k = 0; k < 250; k++)
        assert_int_equal(tell(&r, from, 10, 10 * k), QC_GOSSIP_OK);
    /* What the documents state per peer: a filter of 27 kB and the addresses that wait. */
    assert_true(qc_gossip_bytes(to) <= 28000 + QC_GOSSIP_QUEUE * sizeof(qc_peer_addr));
    care(&r, &to, 1, 0, false);
    assert_int_equal(r.n_out, 1);
    assert_in_range(r.out[0].n, 900, 1000);
    assert_true(qc_gossip_bytes(to) <= 28000);
    qc_gossip_leave(r.g, from);
    qc_gossip_leave(r.g, to);
    end(&r);
}

/* ---- getaddr ---- */

static void stock(rig *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        qc_peer_addr a = {.port = 8333, .services = 9, .time = r->now / SECOND};
        a.addr = addr("4.0.1.1");
        a.addr.b[0] = (uint8_t)(4 + i / 256);
        a.addr.b[1] = (uint8_t)i;
        qc_addrman_add(r->book->addrs, &a, 1, &a.addr, 0, r->now / SECOND);
    }
}

static const sent *answer_at(rig *r, const char *bind, bool unlimited)
{
    static int64_t id = 50;
    qc_gossip_who w = who(++id, true);
    w.bind = addr(bind);
    w.unlimited = unlimited;
    qc_gossip_peer *p = qc_gossip_join(r->g, &w, r->now);
    assert_int_equal(qc_gossip_answer(r->g, p, r->now), QC_ASKED_OK);
    care(r, &p, 1, 0, false);
    assert_int_equal(r->n_out, 1);
    assert_int_equal(qc_gossip_answer(r->g, p, r->now), QC_ASKED_AGAIN);
    r->n_out = 0;
    care(r, &p, 1, 3600, false);
    assert_int_equal(r->n_out, 0);
    qc_gossip_leave(r->g, p);
    return &r->out[0];
}

static bool same(const sent *a, const sent *b)
{
    size_t hits = 0;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            hits += qc_peer_addr_same(&a->list[i], &b->list[k]);
    return a->n == b->n && hits == a->n;
}

static void test_answer__is_the_same_for_a_day_at_one_address(void **state)
{
    static sent first, other, later, free_one;
    rig r = begin();
    (void)state;
    start(&r, 13);
    stock(&r, 1000);
    size_t all = known(&r);
    first = *answer_at(&r, "5.5.5.5", false);
    assert_int_equal(first.n, all * 23 / 100);
    other = *answer_at(&r, "5.5.5.6", false);
    assert_false(same(&first, &other));
    r.now += 15 * HOUR;
    later = *answer_at(&r, "5.5.5.5", false);
    assert_true(same(&first, &later));
    free_one = *answer_at(&r, "5.5.5.5", true);
    assert_false(same(&first, &free_one));
    r.now += 10 * HOUR; /* 27 hours after the first */
    later = *answer_at(&r, "5.5.5.5", false);
    assert_false(same(&first, &later));
    end(&r);
}

static void test_answer__is_no_longer_than_a_message(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 14);
    stock(&r, 8000);
    assert_true(known(&r) > 4400);
    assert_int_equal(answer_at(&r, "5.5.5.5", false)->n, 1000);
    end(&r);
}

static void test_answer__only_to_who_came_to_us(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 15);
    stock(&r, 100);
    qc_gossip_peer *p = join(&r, 1, false);
    r.n_out = 0;
    assert_int_equal(qc_gossip_answer(r.g, p, r.now), QC_ASKED_OUTBOUND);
    care(&r, &p, 1, 3600, false);
    assert_int_equal(r.n_out, 0);
    qc_gossip_leave(r.g, p);
    end(&r);
}

static void test_answer__many_addresses_of_ours_share_some(void **state)
{
    rig r = begin();
    (void)state;
    start(&r, 16);
    stock(&r, 400);
    for (int i = 0; i < 100; i++) {
        char bind[20];
        snprintf(bind, sizeof bind, "6.6.6.%d", i);
        assert_true(answer_at(&r, bind, false)->n > 50);
        r.now -= HOUR; /* answer_at() lets one pass */
    }
    end(&r);
}

static void test_answer__leaves_out_who_is_banned(void **state)
{
    rig r = begin();
    qc_netrange range;
    (void)state;
    start(&r, 17);
    stock(&r, 1000);
    assert_int_equal(qc_netrange_parse("4.0.0.0/7", false, &range), QC_OK);
    assert_int_equal(qc_bans_add(&r.book->bans, &range, 0, false, r.now / SECOND), QC_OK);
    const sent *s = answer_at(&r, "5.5.5.5", false);
    for (size_t i = 0; i < s->n; i++)
        assert_true(s->list[i].addr.b[0] > 5);
    end(&r);
}

/* ---- our own address ---- */

static void test_care__our_address_comes_first_and_about_daily(void **state)
{
    rig r = begin();
    qc_netaddr own = addr("42.42.42.42");
    unsigned times = 0;
    (void)state;
    start(&r, 18);
    stock(&r, 300);
    assert_true(qc_local_add(r.book->local, &own, 0, QC_LOCAL_MANUAL, true));
    qc_gossip_peer *p = join(&r, 1, true);
    assert_int_equal(qc_gossip_answer(r.g, p, r.now), QC_ASKED_OK);
    care(&r, &p, 1, 0, true);
    assert_int_equal(r.n_out, 2);
    assert_int_equal(r.out[0].n, 1);
    assert_true(qc_netaddr_eq(&r.out[0].list[0].addr, &own));
    assert_int_equal(r.out[0].list[0].port, 8333);
    assert_int_equal(r.out[0].list[0].services, 9);
    assert_int_equal(r.out[0].list[0].time, r.now / SECOND);
    assert_true(r.out[1].n > 50);
    for (int hour = 0; hour < 24 * 100; hour++) {
        care(&r, &p, 1, 3600, true);
        times += (unsigned)r.n_out;
        if (r.n_out)
            assert_true(qc_netaddr_eq(&r.out[0].list[0].addr, &own));
    }
    assert_in_range(times, 70, 130);
    qc_gossip_leave(r.g, p);
    end(&r);
}

static void test_care__our_address_is_kept_while_we_sync(void **state)
{
    rig r = begin();
    qc_netaddr own = addr("42.42.42.42");
    (void)state;
    start(&r, 19);
    assert_true(qc_local_add(r.book->local, &own, 0, QC_LOCAL_MANUAL, true));
    qc_gossip_peer *p = join(&r, 1, false);
    care(&r, &p, 1, 0, false);
    assert_int_equal(r.n_out, 0);
    care(&r, &p, 1, 1, true);
    assert_int_equal(r.n_out, 1);
    qc_gossip_leave(r.g, p);
    end(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_hear__an_address_every_ten_seconds),
             cmocka_unit_test(test_hear__an_answer_to_getaddr_may_be_long),
             cmocka_unit_test(test_hear__who_may_tells_as_much_as_it_likes),
             cmocka_unit_test(test_hear__silent_connections_stay_silent),
             cmocka_unit_test(test_hear__what_does_not_decode_changes_nothing),
             cmocka_unit_test(test_hear__times_are_taken_with_doubt),
             cmocka_unit_test(test_hear__who_is_banned_is_not_passed_on),
             cmocka_unit_test(test_relay__two_peers_get_it_and_not_the_teller),
             cmocka_unit_test(test_relay__repeating_reaches_no_more_within_a_day),
             cmocka_unit_test(test_relay__what_we_cannot_reach_goes_to_one_or_two),
             cmocka_unit_test(test_relay__the_answer_to_our_getaddr_is_not_passed_on),
             cmocka_unit_test(test_push__no_more_than_a_thousand_wait),
             cmocka_unit_test(test_answer__is_the_same_for_a_day_at_one_address),
             cmocka_unit_test(test_answer__is_no_longer_than_a_message),
             cmocka_unit_test(test_answer__only_to_who_came_to_us),
             cmocka_unit_test(test_answer__many_addresses_of_ours_share_some),
             cmocka_unit_test(test_answer__leaves_out_who_is_banned),
             cmocka_unit_test(test_care__our_address_comes_first_and_about_daily),
             cmocka_unit_test(test_care__our_address_is_kept_while_we_sync))
