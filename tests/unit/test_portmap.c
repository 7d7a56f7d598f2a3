/* Asking a router for a port: packets, routing tables, and the whole against a router of our own on
 * loopback, with a clock on which a second takes a millisecond. */
#include "core/net/portmap.h"
#include "tests/unit/harness.h"

#include "core/base/clock.h"
#include "core/base/endian.h"
#include "core/net/gateway.h"
#include "core/net/pcp.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t LOOPBACK[4] = {127, 0, 0, 1}, PUBLIC[4] = {1, 2, 3, 4};

/* ---- packets ---- */

static qc_pcp_ask an_ask(void)
{
    qc_pcp_ask a = {.port = 8333, .lifetime = 2400};
    memset(a.nonce, 7, sizeof a.nonce);
    a.internal = qc_netaddr_of(QC_NETWORK_IPV4, LOOPBACK);
    a.wanted = qc_netaddr_of(QC_NETWORK_IPV4, (const uint8_t[4]){0});
    return a;
}

/* RFC 6887, 7.2 and 11.1. */
static void pcp_answer(const uint8_t *request, unsigned result, uint32_t lifetime, uint8_t out[60])
{
    memcpy(out, request, 60);
    memset(out + 4, 0, 20);
    out[1] = 0x81;
    out[3] = (uint8_t)result;
    qc_write_be32(out + 4, lifetime);
    qc_write_be16(out + 42, 9333);
    memcpy(out + 44, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    memcpy(out + 56, PUBLIC, 4);
}

static void test_pcp__asks_in_the_words_of_the_rfc_and_takes_only_its_own_answer(void **state)
{
    uint8_t request[QC_PCP_REQUEST], b[60];
    qc_pcp_ask a = an_ask();
    qc_pcp_answer got;
    (void)state;
    /* version, MAP, 2,400 s; from 127.0.0.1; nonce; TCP; both ports; to be reached at any */
    qc_bytes want = hex_bytes("02010000000009600000000000000000"
                              "0000ffff7f00000107070707070707070707070706000000"
                              "208d208d00000000000000000000ffff00000000");
    qc_pcp_write(&a, request);
    assert_int_equal(want.len, sizeof request);
    assert_memory_equal(request, want.data, sizeof request);
    qc_bytes_free(&want);

    pcp_answer(request, 0, 1200, b);
    assert_int_equal(qc_pcp_read(qc_span_of(b, 60), &a, &got), QC_PCP_OK);
    assert_int_equal(got.lifetime, 1200);
    assert_int_equal(got.external.port, 9333);
    assert_memory_equal(got.external.addr.b, PUBLIC, 4);
    assert_int_equal(got.external.addr.net, QC_NETWORK_IPV4);
    assert_int_equal(qc_pcp_read(qc_span_of(b, 59), &a, &got), QC_PCP_OTHER);
    static const size_t MATTERS[] = {0, 1, 24, 35, 36, 40, 41};
    for (size_t i = 0; i < QC_COUNTOF(MATTERS); i++) {
        b[MATTERS[i]] ^= 1;
        assert_int_equal(qc_pcp_read(qc_span_of(b, 60), &a, &got), QC_PCP_OTHER);
        b[MATTERS[i]] ^= 1;
    }
    b[3] = 2;
    assert_int_equal(qc_pcp_read(qc_span_of(b, 60), &a, &got), QC_PCP_DENIED);
    b[3] = 8;
    assert_int_equal(qc_pcp_read(qc_span_of(b, 60), &a, &got), QC_PCP_NO_RESOURCES);
    b[3] = 4;
    assert_int_equal(qc_pcp_read(qc_span_of(b, 60), &a, &got), QC_PCP_REFUSED);
    assert_string_equal(qc_pcp_code_text(got.code, false), "UNSUPP_OPCODE");
    const uint8_t old[8] = {0, 0x80, 0, 1};
    assert_int_equal(qc_pcp_read(qc_span_of(old, 8), &a, &got), QC_PCP_VERSION);
    assert_int_equal(qc_pcp_read(qc_span_of(old, 0), &a, &got), QC_PCP_OTHER);
}

static void test_natpmp__asks_for_the_address_and_then_the_port(void **state)
{
    uint8_t b[QC_NATPMP_REQUEST];
    const uint8_t want[12] = {0, 2, 0, 0, 0x20, 0x8d, 0x20, 0x8d, 0, 0, 0x09, 0x60};
    uint8_t address[12] = {0, 0x80, 0, 0, 9, 9, 9, 9, 1, 2, 3, 4};
    uint8_t map[16] = {0, 0x82, 0, 0, 9, 9, 9, 9, 0x20, 0x8d, 0x24, 0x75, 0, 0, 0, 60};
    qc_pcp_ask a = an_ask();
    qc_pcp_answer got = {.code = 0};
    (void)state;
    assert_int_equal(qc_natpmp_write_address(b), 2);
    assert_memory_equal(b, "\0\0", 2);
    assert_int_equal(qc_natpmp_write(&a, b), 12);
    assert_memory_equal(b, want, 12);
    assert_int_equal(qc_natpmp_read_address(qc_span_of(address, 12), &got), QC_PCP_OK);
    assert_int_equal(qc_natpmp_read_address(qc_span_of(address, 11), &got), QC_PCP_OTHER);
    assert_int_equal(qc_natpmp_read_address(qc_span_of(map, 16), &got), QC_PCP_OTHER);
    assert_int_equal(qc_natpmp_read(qc_span_of(map, 16), &a, &got), QC_PCP_OK);
    assert_memory_equal(got.external.addr.b, PUBLIC, 4);
    assert_int_equal(got.external.port, 9333);
    assert_int_equal(got.lifetime, 60);
    map[9]++;
    assert_int_equal(qc_natpmp_read(qc_span_of(map, 16), &a, &got), QC_PCP_OTHER);
    map[9]--;
    map[3] = 4;
    assert_int_equal(qc_natpmp_read(qc_span_of(map, 16), &a, &got), QC_PCP_NO_RESOURCES);
}

/* ---- routing tables ---- */

static void test_gateway__is_the_default_route_of_least_metric(void **state)
{
    static const char V4[] =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "eth0\t00000000\t0202A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"
        "wlan0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
        "tun0\t00000000\t0302A8C0\t0002\t0\t0\t1\t00000000\t0\t0\t0\n"  /* down */
        "tun0\t00000000\t0402A8C0\t0003\t0\t0\t1\t00000080\t0\t0\t0\n"; /* half the world */
    static const char V6[] =
        "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n"
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
    static const char *const BAD[] = {"", "\n", "x", "eth0\t00000000\t0102A8C0\n", "\n\n\n"};
    char text[QC_NETADDR_TEXT], interface[16];
    qc_netaddr a;
    (void)state;
    assert_true(qc_gateway_parse_v4(V4, &a));
    qc_netaddr_text(&a, text);
    assert_string_equal(text, "192.168.2.1");
    assert_true(qc_gateway_parse_v6(V6, &a, interface));
    qc_netaddr_text(&a, text);
    assert_string_equal(text, "fe80::1");
    assert_string_equal(interface, "eth0");
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        assert_false(qc_gateway_parse_v4(BAD[i], &a));
        assert_false(qc_gateway_parse_v6(BAD[i], &a, interface));
    }
}

/* ---- the whole ---- */

/* What the router does with requests, in their order: one letter each, the last one for ever.
 * p: maps by PCP; s: maps for too short a time; v: knows NAT-PMP only; a: its address; m: maps by
 * NAT-PMP; n: no resources; d: denies; x: nothing; g: garbage, then the answer of p. */
typedef struct world {
    qc_loop *loop;
    qc_watch *watch;
    int router;
    uint16_t port;
    const char *script;
    char asked[64]; /* the version and operation of each request: "P" PCP, "A", "M" of NAT-PMP */
    size_t requests, until;
    qc_peer_addr mapped;
    int mappings;
} world;

static bool gateway(void *arg, bool v6, qc_netaddr *out)
{
    (void)arg;
    *out = qc_netaddr_of(QC_NETWORK_IPV4, LOOPBACK);
    return !v6;
}

static size_t own_v6(void *arg, qc_netaddr *out, size_t cap)
{
    (void)arg;
    (void)out;
    (void)cap;
    return 0;
}

static void on_mapped(void *arg, const qc_peer_addr *external)
{
    world *w = arg;
    w->mapped = *external;
    w->mappings++;
}

static size_t reply(char what, const uint8_t *request, uint8_t out[64])
{
    static const uint8_t OLD[8] = {0, 0x80, 0, 1};
    static const uint8_t ADDRESS[12] = {0, 0x80, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4};
    static const uint8_t MAP[16] = {0, 0x82, 0, 0, 0, 0, 0, 1, 0x20, 0x8d, 0x24, 0x75, 0, 0, 0, 60};
    switch (what) {
    case 'v':
        memcpy(out, OLD, sizeof OLD);
        return sizeof OLD;
    case 'a':
        memcpy(out, ADDRESS, sizeof ADDRESS);
        return sizeof ADDRESS;
    case 'm':
        memcpy(out, MAP, sizeof MAP);
        return sizeof MAP;
    case 'x':
        return 0;
    default:
        pcp_answer(request, what == 'n' ? 8 : what == 'd' ? 2 : 0, what == 's' ? 29 : 60, out);
        return 60;
    }
}

static void on_request(void *arg, int fd, unsigned events)
{
    world *w = arg;
    uint8_t in[64], out[64];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    (void)events;
    ssize_t n = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&from, &len);
    assert_true(n == 60 || n == 2 || n == 12);
    char what = *w->script;
    if (w->script[1])
        w->script++;
    w->asked[w->requests++] = n == 60 ? 'P' : n == 2 ? 'A' : 'M';
    if (w->requests == w->until) { /* no answer: what follows is not looked at */
        qc_loop_stop(w->loop);
        return;
    }
    if (what == 'g')
        assert_int_equal(sendto(fd, "?", 1, 0, (struct sockaddr *)&from, len), 1);
    size_t k = reply(what, in, out);
    if (k)
        assert_int_equal(sendto(fd, out, k, 0, (struct sockaddr *)&from, len), k);
}

/* Long enough for an answer to come, however busy the machine is. */
#define ANSWERED 2000

/* Until the router has been asked so often. */
static void play(world *w, const char *script, size_t until, int64_t try_ms)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    qc_portmap *m;
    *w = (world){.script = script, .until = until};
    assert_int_equal(qc_loop_new(&w->loop), QC_OK);
    w->router = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->router, (void *)&a, len), 0);
    assert_int_equal(getsockname(w->router, (void *)&a, &len), 0);
    assert_int_equal(qc_io_watch(w->loop, w->router, QC_IO_READ, on_request, w, &w->watch), QC_OK);
    const qc_portmap_system s = {.gateway = gateway,
                                 .own_v6 = own_v6,
                                 .port = ntohs(a.sin_port),
                                 .try_ms = try_ms,
                                 .second_ms = 1};
    const qc_portmap_options o = {
        .loop = w->loop, .port = 8333, .system = &s, .mapped = on_mapped, .arg = w};
    assert_int_equal(qc_portmap_new(&m, &o), QC_OK);
    qc_loop_run(w->loop);
    qc_portmap_free(m);
    qc_unwatch(w->watch);
    qc_loop_free(w->loop);
    close(w->router);
}

static void test_portmap__maps_by_pcp_and_asks_again_before_the_mapping_ends(void **state)
{
    world w;
    (void)state;
    play(&w, "gp", 2, ANSWERED);
    assert_string_equal(w.asked, "PP");
    assert_int_equal(w.mappings, 1); /* the second request is its renewal */
    assert_int_equal(w.mapped.port, 9333);
    assert_memory_equal(w.mapped.addr.b, PUBLIC, 4);
}

static void test_portmap__falls_back_to_natpmp(void **state)
{
    world w;
    (void)state;
    play(&w, "vamx", 4, ANSWERED);
    assert_string_equal(w.asked, "PAMP");
    assert_int_equal(w.mappings, 1);
    assert_int_equal(w.mapped.port, 9333);
    assert_memory_equal(w.mapped.addr.b, PUBLIC, 4);
}

static void test_portmap__a_silent_router_is_asked_three_times_and_then_left_alone(void **state)
{
    world w;
    (void)state;
    play(&w, "xxxp", 4, 20);
    assert_string_equal(w.asked, "PPPP");
    assert_int_equal(w.mappings, 0);
    play(&w, "xp", 3, ANSWERED); /* one packet is lost */
    assert_int_equal(w.mappings, 1);
}

static void test_portmap__refusals_are_no_mappings(void **state)
{
    world w;
    (void)state;
    play(&w, "ndddp", 6, ANSWERED);
    assert_string_equal(w.asked, "PPPPPP");
    assert_int_equal(w.mappings, 1);
}

/* When it is next asked: 5 minutes of this clock are 300 ms, half of 29 seconds would be 14 ms. */
static void test_portmap__a_lifetime_that_is_too_short_is_not_run_after(void **state)
{
    world w;
    (void)state;
    qc_mono before = qc_clock_mono();
    play(&w, "s", 2, ANSWERED);
    assert_true(qc_clock_mono() - before > 250 * INT64_C(1000000));
}

static void test_portmap_renew_ms__lies_between_half_of_a_life_and_five_eighths(void **state)
{
    (void)state;
    assert_int_equal(qc_portmap_renew_ms(2400, 0), 1200000);
    assert_in_range(qc_portmap_renew_ms(2400, UINT32_MAX), 1499999, 1500000);
    assert_int_equal(qc_portmap_renew_ms(UINT32_MAX, 0), INT64_C(4294967295) * 500);
}

QC_TEST_MAIN(
    cmocka_unit_test(test_pcp__asks_in_the_words_of_the_rfc_and_takes_only_its_own_answer),
    cmocka_unit_test(test_natpmp__asks_for_the_address_and_then_the_port),
    cmocka_unit_test(test_gateway__is_the_default_route_of_least_metric),
    cmocka_unit_test(test_portmap__maps_by_pcp_and_asks_again_before_the_mapping_ends),
    cmocka_unit_test(test_portmap__falls_back_to_natpmp),
    cmocka_unit_test(test_portmap__a_silent_router_is_asked_three_times_and_then_left_alone),
    cmocka_unit_test(test_portmap__refusals_are_no_mappings),
    cmocka_unit_test(test_portmap__a_lifetime_that_is_too_short_is_not_run_after),
    cmocka_unit_test(test_portmap_renew_ms__lies_between_half_of_a_life_and_five_eighths))
