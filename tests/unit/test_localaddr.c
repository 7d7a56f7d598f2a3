/* Own addresses: whom to believe, and what is told to whom. */
#include "core/net/localaddr.h"
#include "tests/unit/harness.h"

#define ONION "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
#define I2P "c4gfnttsuwqomiygupdqqqyy5y5emnk5c73hrfvatri67prd7vyq.b32.i2p"

static qc_netaddr addr(const char *text)
{
    qc_netaddr a;
    assert_int_equal(qc_netaddr_parse(text, &a), QC_OK);
    return a;
}

static qc_localaddrs *book(bool discover)
{
    return qc_localaddrs_new(
        &(qc_localaddrs_options){.listen = true, .discover = discover, .port = 8333});
}

static bool add(qc_localaddrs *l, const char *text, qc_local_source source)
{
    qc_netaddr a = addr(text);
    return qc_local_add(l, &a, 0, source, false);
}

/* Score and port of an address; score -1: not known. */
static int score(qc_localaddrs *l, const char *text, uint16_t *port)
{
    qc_local_addr *list;
    qc_netaddr a = addr(text);
    size_t n;
    int found = -1;
    assert_int_equal(qc_local_list(l, &list, &n), QC_OK);
    for (size_t i = 0; i < n; i++) {
        if (i)
            assert_true(qc_netaddr_cmp(&list[i - 1].addr, &list[i].addr) < 0);
        if (qc_netaddr_eq(&list[i].addr, &a)) {
            found = list[i].score;
            if (port)
                *port = list[i].port;
        }
    }
    qc_free(list);
    return found;
}

static void test_add__believes_who_knows_better(void **state)
{
    qc_localaddrs *l = book(true);
    qc_netaddr a = addr("5.6.7.8");
    uint16_t port = 0;
    (void)state;
    assert_true(add(l, "5.6.7.8", QC_LOCAL_BIND));
    assert_int_equal(score(l, "5.6.7.8", &port), QC_LOCAL_BIND);
    assert_int_equal(port, 8333);
    assert_true(qc_local_add(l, &a, 1000, QC_LOCAL_IF, false));
    assert_int_equal(score(l, "5.6.7.8", &port), QC_LOCAL_BIND);
    assert_int_equal(port, 8333);
    assert_true(qc_local_add(l, &a, 1000, QC_LOCAL_MANUAL, false));
    assert_int_equal(score(l, "5.6.7.8", &port), QC_LOCAL_MANUAL + 1);
    assert_int_equal(port, 1000);
    assert_true(qc_local_vote(l, &a));
    assert_int_equal(score(l, "5.6.7.8", NULL), QC_LOCAL_MANUAL + 2);
    assert_true(qc_local_has(l, &a));
    qc_local_remove(l, &a);
    assert_false(qc_local_has(l, &a));
    assert_false(qc_local_vote(l, &a));
    qc_local_remove(l, &a);
    qc_localaddrs_free(l);
}

static void test_add__takes_only_what_peers_could_use(void **state)
{
    qc_localaddrs *l = book(true), *shy = book(false);
    qc_netaddr onion = addr(ONION);
    (void)state;
    assert_false(add(l, "192.168.1.1", QC_LOCAL_MANUAL));
    assert_false(add(l, "127.0.0.1", QC_LOCAL_BIND));
    assert_false(add(shy, "5.6.7.8", QC_LOCAL_MAPPED));
    assert_true(add(shy, "5.6.7.8", QC_LOCAL_MANUAL));
    qc_local_set_reachable(l, QC_NETWORK_ONION, false);
    assert_false(qc_local_reaches(l, &onion));
    assert_false(add(l, ONION, QC_LOCAL_MANUAL));
    assert_true(qc_local_add(l, &onion, 0, QC_LOCAL_MANUAL, true));
    qc_local_set_reachable(l, QC_NETWORK_ONION, true);
    assert_true(qc_local_reaches(l, &onion));
    assert_true(add(l, ONION, QC_LOCAL_MANUAL));
    onion = qc_netaddr_none();
    assert_false(qc_local_reaches(l, &onion));
    qc_localaddrs_free(l);
    qc_localaddrs_free(shy);
}

static void test_add__is_bounded(void **state)
{
    qc_localaddrs *l = book(true);
    qc_local_addr *list;
    size_t n, taken = 0;
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        qc_netaddr a = addr("5.6.0.0");
        a.b[2] = (uint8_t)(i >> 8);
        a.b[3] = (uint8_t)i;
        taken += qc_local_add(l, &a, 0, QC_LOCAL_IF, false);
    }
    assert_int_equal(qc_local_list(l, &list, &n), QC_OK);
    assert_int_equal(n, 256);
    assert_int_equal(taken, 256);
    qc_free(list);
    qc_localaddrs_free(l);
}

static qc_local_peer peer(const char *at)
{
    qc_local_peer p = {.addr = addr(at), .inbound = true, .told = qc_netaddr_none()};
    p.through = qc_netaddr_class(&p.addr);
    return p;
}

static void assert_told(qc_localaddrs *l, const qc_local_peer *p, uint64_t chance, const char *want)
{
    qc_netaddr a;
    uint16_t port;
    if (!want) {
        assert_false(qc_local_for_peer(l, p, chance, &a, &port));
        return;
    }
    assert_true(qc_local_for_peer(l, p, chance, &a, &port));
    char host[QC_NETADDR_TEXT], text[QC_NETADDR_TEXT + 10];
    qc_netaddr_text(&a, host);
    snprintf(text, sizeof text, "%s %u", host, port);
    assert_string_equal(text, want);
}

static void test_for_peer__tells_what_is_nearest(void **state)
{
    qc_localaddrs *l = book(false);
    qc_local_peer v4 = peer("9.9.9.9"), v6 = peer("2a01:4f8::1"), tor = peer(ONION),
                  i2p = peer(I2P), hidden = peer("127.0.0.1");
    (void)state;
    assert_told(l, &v4, 1, NULL);
    assert_true(add(l, "5.6.7.8", QC_LOCAL_MANUAL));
    assert_told(l, &v4, 1, "5.6.7.8 8333");
    assert_told(l, &v6, 1, "5.6.7.8 8333");
    assert_true(add(l, "2a02:2::3", QC_LOCAL_MANUAL));
    assert_told(l, &v4, 1, "5.6.7.8 8333");
    assert_told(l, &v6, 1, "2a02:2::3 8333");
    /* The better known of two that are as near. */
    assert_true(add(l, "5.6.7.9", QC_LOCAL_MANUAL) && add(l, "5.6.7.9", QC_LOCAL_MANUAL));
    assert_told(l, &v4, 1, "5.6.7.9 8333");
    /* A network that hides us gets nothing of the others, and the others nothing of it. */
    assert_told(l, &tor, 1, NULL);
    assert_told(l, &i2p, 1, NULL);
    assert_true(add(l, ONION, QC_LOCAL_MANUAL));
    assert_told(l, &tor, 1, ONION " 8333");
    assert_told(l, &i2p, 1, NULL);
    assert_told(l, &v4, 1, "5.6.7.9 8333");
    hidden.through = QC_NETWORK_ONION; /* what Tor brings in comes from this host */
    assert_told(l, &hidden, 1, ONION " 8333");
    qc_localaddrs_options o = qc_localaddrs_get(l);
    o.listen = false;
    qc_localaddrs_set(l, &o);
    assert_told(l, &v4, 1, NULL);
    qc_localaddrs_free(l);
}

static void test_for_peer__believes_the_peer_now_and_then(void **state)
{
    qc_localaddrs *l = book(true);
    qc_local_peer in = peer("9.9.9.9"), out;
    (void)state;
    in.told = addr("7.7.7.7");
    in.told_port = 1234;
    out = in;
    out.inbound = false;
    assert_told(l, &in, 1, "7.7.7.7 1234"); /* there is nothing better */
    assert_told(l, &out, 1, "7.7.7.7 8333");
    assert_true(add(l, "5.6.7.8", QC_LOCAL_MANUAL));
    assert_told(l, &in, 1, "5.6.7.8 8333");
    assert_told(l, &in, 2, "7.7.7.7 1234");
    assert_true(add(l, "5.6.7.8", QC_LOCAL_MANUAL)); /* surer now */
    assert_told(l, &in, 2, "5.6.7.8 8333");
    assert_told(l, &in, 8, "7.7.7.7 1234");
    in.told = addr("10.1.1.1");
    assert_told(l, &in, 8, "5.6.7.8 8333");
    in.told = addr("7.7.7.7");
    in.addr = addr("192.168.0.9"); /* a neighbour sees us from inside */
    assert_told(l, &in, 8, "5.6.7.8 8333");
    in.addr = addr("9.9.9.9");
    qc_local_set_reachable(l, QC_NETWORK_IPV4, false);
    assert_told(l, &in, 8, "5.6.7.8 8333");
    qc_localaddrs_free(l);
}

static void test_discover__leaves_loopback_out(void **state)
{
    qc_localaddrs *l = book(true), *shy = book(false);
    qc_local_addr *list;
    size_t n;
    (void)state;
    qc_local_discover(l);
    qc_local_discover(shy);
    assert_int_equal(qc_local_list(l, &list, &n), QC_OK);
    for (size_t i = 0; i < n; i++) {
        assert_true(qc_netaddr_is_routable(&list[i].addr));
        assert_int_equal(list[i].score, QC_LOCAL_IF);
    }
    qc_free(list);
    assert_int_equal(qc_local_list(shy, &list, &n), QC_OK);
    assert_int_equal(n, 0);
    qc_free(list);
    qc_localaddrs_free(l);
    qc_localaddrs_free(shy);
}

QC_TEST_MAIN(cmocka_unit_test(test_add__believes_who_knows_better),
             cmocka_unit_test(test_add__takes_only_what_peers_could_use),
             cmocka_unit_test(test_add__is_bounded),
             cmocka_unit_test(test_for_peer__tells_what_is_nearest),
             cmocka_unit_test(test_for_peer__believes_the_peer_now_and_then),
             cmocka_unit_test(test_discover__leaves_loopback_out))
