#include "core/net/netaddr.h"

#include "core/net/netgroup.h"
#include "core/net/netrange.h"
#include "core/net/peeraddr.h"
#include "tests/unit/harness.h"

#define ONION "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
#define ONION_HEX "79bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f"
#define I2P "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p"
#define I2P_HEX "a2894dabaec08c0051a481a6dac88b64f98232ae42d4b6fd2fa81952dfe36a87"
#define Z4 "00000000"
#define Z16 Z4 Z4 Z4 Z4

static qc_netaddr addr(const char *text)
{
    qc_netaddr a;
    if (qc_netaddr_parse(text, &a))
        fail_msg("%s is an address", text);
    return a;
}

static void assert_text(const qc_netaddr *a, const char *want)
{
    char text[QC_NETADDR_TEXT];
    qc_netaddr_text(a, text);
    assert_string_equal(text, want);
}

static void test_parse__reads_what_text_prints(void **state)
{
    static const struct {
        const char *in, *out;
        qc_network net;
    } T[] = {
        {"1.2.3.4", "1.2.3.4", QC_NETWORK_IPV4},
        {"255.255.255.255", "255.255.255.255", QC_NETWORK_IPV4},
        {"127.1", "127.0.0.1", QC_NETWORK_IPV4}, /* as inet_aton() reads numbers */
        {"::ffff:1.2.3.4", "1.2.3.4", QC_NETWORK_IPV4},
        {"[::1]", "::1", QC_NETWORK_IPV6},
        {"::", "::", QC_NETWORK_IPV6},
        {"1::", "1::", QC_NETWORK_IPV6},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3", QC_NETWORK_IPV6},
        {"1:0:0:2:0:0:3:4", "1::2:0:0:3:4", QC_NETWORK_IPV6}, /* the first of equal runs */
        {"1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7", QC_NETWORK_IPV6},
        {"2001:DB8::AbCd", "2001:db8::abcd", QC_NETWORK_IPV6},
        {"0:0:1:2:3:4:5:6", "::1:2:3:4:5:6", QC_NETWORK_IPV6},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::", QC_NETWORK_IPV6},
        {"fe80::1%7", "fe80::1%7", QC_NETWORK_IPV6},
        {"fd87:d87e:eb43:1::1", "::", QC_NETWORK_IPV6}, /* Tor version 2 is gone */
        {ONION, ONION, QC_NETWORK_ONION},
        {I2P, I2P, QC_NETWORK_I2P},
        {"UKEU3K5OYCGAAUNEQGTNVSELMT4YEMVOILKLN7JPVAMVFX7DNKDQ.B32.I2P", I2P, QC_NETWORK_I2P},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_netaddr a = addr(T[i].in);
        assert_text(&a, T[i].out);
        assert_int_equal(a.net, T[i].net);
    }
    qc_netaddr onion = addr(ONION);
    qc_bytes want = hex_bytes(ONION_HEX);
    assert_memory_equal(onion.b, want.data, 32);
    qc_bytes_free(&want);
}

static void test_parse__refuses_what_is_no_address(void **state)
{
    static const char *const BAD[] = {
        "",
        "[]",
        "example.org",
        "1.2.3.4:80",
        "1.2.3.256",
        ":::",
        "1::2::3",
        /* a changed letter breaks the checksum; a version that is not 3 */
        "qg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion",
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryq.onion",
        "6hzph5hv6337r6p2.onion",
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onio",
        /* bits after the 32nd byte must be zero */
        "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdr.b32.i2p",
        "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkd.b32.i2p",
        "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnk1q.b32.i2p",
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        qc_netaddr a;
        if (qc_netaddr_parse(BAD[i], &a) != QC_EINVAL)
            fail_msg("'%s' is no address", BAD[i]);
    }
}

typedef enum kind { INVALID, INSIDE, ROUTABLE } kind;

static void test_classes__follow_the_reserved_ranges(void **state)
{
    static const struct {
        const char *text;
        kind kind;
        qc_network class;
    } T[] = {
        {"0.0.0.0", INVALID, QC_NETWORK_UNROUTABLE},
        {"255.255.255.255", INVALID, QC_NETWORK_UNROUTABLE},
        {"::", INVALID, QC_NETWORK_UNROUTABLE},
        {"2001:db8::1", INVALID, QC_NETWORK_UNROUTABLE},
        {"10.1.2.3", INSIDE, QC_NETWORK_UNROUTABLE},
        {"172.16.0.1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"172.31.255.255", INSIDE, QC_NETWORK_UNROUTABLE},
        {"172.32.0.0", ROUTABLE, QC_NETWORK_IPV4},
        {"172.15.255.255", ROUTABLE, QC_NETWORK_IPV4},
        {"192.168.0.1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"192.169.0.1", ROUTABLE, QC_NETWORK_IPV4},
        {"198.18.0.0", INSIDE, QC_NETWORK_UNROUTABLE},
        {"198.19.255.255", INSIDE, QC_NETWORK_UNROUTABLE},
        {"198.20.0.0", ROUTABLE, QC_NETWORK_IPV4},
        {"169.254.1.1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"100.64.0.0", INSIDE, QC_NETWORK_UNROUTABLE},
        {"100.127.255.255", INSIDE, QC_NETWORK_UNROUTABLE},
        {"100.128.0.0", ROUTABLE, QC_NETWORK_IPV4},
        {"192.0.2.1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"198.51.100.1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"203.0.113.1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"127.9.9.9", INSIDE, QC_NETWORK_UNROUTABLE},
        {"0.1.2.3", INSIDE, QC_NETWORK_UNROUTABLE},
        {"8.8.8.8", ROUTABLE, QC_NETWORK_IPV4},
        {"::1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"::2", ROUTABLE, QC_NETWORK_IPV6},
        {"fe80::1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"fc00::1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"fdff::1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"2001:10::1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"2001:2f::1", INSIDE, QC_NETWORK_UNROUTABLE},
        {"2001:30::1", ROUTABLE, QC_NETWORK_IPV6},
        {"2001:470::1", ROUTABLE, QC_NETWORK_IPV6},
        {"2a01:4f8::1", ROUTABLE, QC_NETWORK_IPV6},
        {"2002:102:304::1", ROUTABLE, QC_NETWORK_IPV4},        /* 6to4 */
        {"64:ff9b::102:304", ROUTABLE, QC_NETWORK_IPV4},       /* NAT64 */
        {"2001:0:9999::fefd:fcfb", ROUTABLE, QC_NETWORK_IPV4}, /* Teredo */
        {"::ffff:0:102:304", ROUTABLE, QC_NETWORK_IPV4},       /* translated */
        {ONION, ROUTABLE, QC_NETWORK_ONION},
        {I2P, ROUTABLE, QC_NETWORK_I2P},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_netaddr a = addr(T[i].text);
        kind k = qc_netaddr_is_routable(&a) ? ROUTABLE : qc_netaddr_is_valid(&a) ? INSIDE : INVALID;
        if (k != T[i].kind || qc_netaddr_class(&a) != T[i].class)
            fail_msg("%s: kind %d, class %d", T[i].text, (int)k, (int)qc_netaddr_class(&a));
        assert_int_equal(qc_netaddr_network(&a), k == ROUTABLE ? a.net : QC_NETWORK_UNROUTABLE);
    }
    qc_netaddr in = qc_netaddr_internal("seed.example");
    assert_false(qc_netaddr_is_valid(&in));
    assert_int_equal(qc_netaddr_network(&in), QC_NETWORK_INTERNAL);
    assert_int_equal(qc_netaddr_class(&in), QC_NETWORK_INTERNAL);
    qc_netaddr zero = {.net = 0};
    assert_false(qc_netaddr_is_valid(&zero));
}

static void test_linked_ipv4__is_what_a_tunnel_leads_to(void **state)
{
    static const char *const TUNNEL[] = {"1.2.3.4", "2002:102:304::1", "64:ff9b::102:304",
                                         "2001:0:9999::fefd:fcfb", "::ffff:0:102:304"};
    uint8_t out[4];
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(TUNNEL); i++) {
        qc_netaddr a = addr(TUNNEL[i]);
        assert_true(qc_netaddr_linked_ipv4(&a, out));
        assert_memory_equal(out, "\1\2\3\4", 4);
    }
    qc_netaddr other = addr("2a01:4f8::1"), inside = addr("10.0.0.1");
    assert_false(qc_netaddr_linked_ipv4(&other, out));
    assert_false(qc_netaddr_linked_ipv4(&inside, out));
}

static void test_flip_cjdns__only_when_reachable(void **state)
{
    (void)state;
    qc_netaddr a = addr("fc00:1::2"), b = addr("fd00:1::2"), x;
    x = qc_netaddr_flip_cjdns(&a, false);
    assert_int_equal(x.net, QC_NETWORK_IPV6);
    x = qc_netaddr_flip_cjdns(&b, true);
    assert_int_equal(x.net, QC_NETWORK_IPV6);
    x = qc_netaddr_flip_cjdns(&a, true);
    assert_int_equal(x.net, QC_NETWORK_CJDNS);
    assert_true(qc_netaddr_is_routable(&x));
    assert_text(&x, "fc00:1::2");
    x.b[0] = 0xfd;
    assert_false(qc_netaddr_is_valid(&x));
}

static void test_groups__are_prefixes(void **state)
{
    static const struct {
        const char *text, *group;
    } T[] = {
        {"1.2.3.4", "010102"},
        {"2002:102:304::1", "010102"},
        {"2001:0:9999::fefd:fcfb", "010102"},
        {"127.0.0.1", "00"},
        {"10.1.2.3", "00"},
        {"2001:470:abcd:9999::1", "02200104"
                                  "70af"},
        {"2001:2001:9999::1", "0220012001"},
        {ONION, "037f"},
        {I2P, "04af"},
    };
    static const qc_netgroups NO_MAP;
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_netaddr a = addr(T[i].text);
        qc_netgroup g = qc_netgroups_of(&NO_MAP, &a);
        qc_bytes want = hex_bytes(T[i].group);
        if (!qc_span_eq(qc_span_of(g.b, g.len), qc_bytes_span(&want)))
            fail_msg("group of %s", T[i].text);
        qc_bytes_free(&want);
    }
    qc_netaddr six = addr("fc12:3456::1"), in = qc_netaddr_internal("x");
    qc_netaddr cjdns = qc_netaddr_flip_cjdns(&six, true);
    qc_netgroup g = qc_netgroups_of(&NO_MAP, &cjdns);
    assert_int_equal(g.len, 3);
    assert_memory_equal(g.b, "\5\xfc\x1f", 3);
    g = qc_netgroups_of(&NO_MAP, &in);
    assert_int_equal(g.len, 11);
    assert_int_equal(g.b[0], QC_NETWORK_INTERNAL);
    assert_memory_equal(g.b + 1, in.b, 10);
}

/* ---- encodings ---- */

static bool read_addr(const char *hex, bool v2, qc_netaddr *out, qc_addr_fault *why, size_t *left)
{
    qc_bytes b = hex_bytes(hex);
    qc_reader r = qc_reader_of(qc_bytes_span(&b));
    bool ok = qc_netaddr_read(&r, v2, out, why);
    *left = qc_reader_left(&r);
    qc_bytes_free(&b);
    return ok;
}

static void test_read__knows_every_network(void **state)
{
    static const struct {
        const char *hex, *text;
        bool same; /* written again it is the same bytes */
    } T[] = {
        {"0104"
         "01020304",
         "1.2.3.4", true},
        {"0210"
         "0102030405060708090a0b0c0d0e0f10",
         "102:304:506:708:90a:b0c:d0e:f10", true},
        {"0420" ONION_HEX, ONION, true},
        {"0520" I2P_HEX, I2P, true},
        {"0610"
         "fc000001000200030004000500060007",
         "fc00:1:2:3:4:5:6:7", true},
        {"0210" Z4 Z4 "0000ffff01020304", "::", false}, /* mapped IPv4 */
        {"0210"
         "fd87d87eeb430102030405060708090a",
         "::", false}, /* Tor version 2 */
        {"030a"
         "f1f2f3f4f5f6f7f8f9fa",
         "::", false}, /* and its number */
        {"0210"
         "fd6b88c08724ca978112ca1bbdcafac2",
         "zklycewkdo64v6wc.internal", true},
        {"aa04"
         "01020304",
         "::", false}, /* from the future */
        {"aa00", "::", false},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_addr_fault why;
        qc_netaddr a;
        size_t left;
        assert_true(read_addr(T[i].hex, true, &a, &why, &left));
        assert_int_equal(left, 0);
        assert_text(&a, T[i].text);
        qc_bytes again = QC_BYTES_INIT, want = hex_bytes(T[i].hex);
        assert_int_equal(qc_netaddr_write(&again, true, &a), QC_OK);
        assert_true(qc_span_eq(qc_bytes_span(&again), qc_bytes_span(&want)) == T[i].same);
        qc_bytes_free(&again);
        qc_bytes_free(&want);
    }
}

static void test_read__names_what_is_wrong(void **state)
{
    static const struct {
        const char *hex, *why;
    } T[] = {
        {"", "end of data"},
        {"01", "end of data"},
        {"010401020304", NULL},
        {"01040102", "end of data"},
        {"0105"
         "0102030405",
         "BIP155 IPv4 address with length 5 (should be 4)"},
        {"0204"
         "01020304",
         "BIP155 IPv6 address with length 4 (should be 16)"},
        {"0400", "BIP155 TORv3 address with length 0 (should be 32)"},
        {"0503"
         "010203",
         "BIP155 I2P address with length 3 (should be 32)"},
        {"0601"
         "01",
         "BIP155 CJDNS address with length 1 (should be 16)"},
        {"aafd0102"
         "00",
         "Address too long: 513 > 512"},
        {"01fd0400"
         "01020304",
         "non-canonical ReadCompactSize()"},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_addr_fault why;
        qc_netaddr a = addr("9.9.9.9");
        size_t left;
        bool ok = read_addr(T[i].hex, true, &a, &why, &left);
        if (ok != !T[i].why || (T[i].why && strcmp(why.text, T[i].why) != 0))
            fail_msg("%s: %s", T[i].hex, ok ? "read" : why.text);
        if (!ok)
            assert_text(&a, "9.9.9.9");
    }
}

static void test_v1__hides_networks_in_ipv6(void **state)
{
    qc_addr_fault why;
    qc_netaddr a, four = addr("1.2.3.4"), onion = addr(ONION);
    size_t left;
    (void)state;
    qc_bytes b = QC_BYTES_INIT, want = hex_bytes(Z4 Z4 "0000ffff01020304" Z16);
    assert_int_equal(qc_netaddr_write(&b, false, &four), QC_OK);
    assert_int_equal(qc_netaddr_write(&b, false, &onion), QC_OK);
    assert_true(qc_span_eq(qc_bytes_span(&b), qc_bytes_span(&want)));
    qc_bytes_free(&b);
    qc_bytes_free(&want);
    assert_true(read_addr(Z4 Z4 "0000ffff01020304", false, &a, &why, &left));
    assert_text(&a, "1.2.3.4");
    assert_true(read_addr("fd6b88c08724ca978112ca1bbdcafac2", false, &a, &why, &left));
    assert_int_equal(a.net, QC_NETWORK_INTERNAL);
    assert_false(read_addr(Z4 Z4 Z4, false, &a, &why, &left));
}

/* The examples of BIP155's test vectors carry time, services and port around the address. */
static void test_peer_addr__has_four_forms(void **state)
{
    static const struct {
        qc_addr_format f;
        const char *hex;
    } T[] = {
        {QC_ADDR_V1, "e3615b4d"
                     "0904000000000000" Z4 Z4 "0000ffff01020304"
                     "208d"},
        {QC_ADDR_V2, "e3615b4d"
                     "fd0904"
                     "0104"
                     "01020304"
                     "208d"},
        {QC_ADDR_DISK_V1, "605b0300"
                          "e3615b4d"
                          "0904000000000000" Z4 Z4 "0000ffff01020304"
                          "208d"},
        {QC_ADDR_DISK_V2, "605b0320"
                          "e3615b4d"
                          "fd0904"
                          "0104"
                          "01020304"
                          "208d"},
    };
    const qc_peer_addr a = {addr("1.2.3.4"), 8333, 0x409, 0x4d5b61e3};
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_peer_addr got;
        qc_addr_fault why;
        qc_bytes b = QC_BYTES_INIT, want = hex_bytes(T[i].hex);
        assert_int_equal(qc_peer_addr_write(&b, T[i].f, &a), QC_OK);
        assert_int_equal(b.len, want.len);
        assert_memory_equal(b.data, want.data, b.len);
        qc_reader r = qc_reader_of(qc_bytes_span(&b));
        assert_true(qc_peer_addr_read(&r, T[i].f, &got, &why));
        assert_int_equal(qc_reader_left(&r), 0);
        assert_true(qc_peer_addr_same(&a, &got));
        assert_true(got.time == a.time && got.services == a.services);
        for (size_t len = 0; len < b.len; len++) {
            r = qc_reader_of(qc_span_of(b.data, len));
            assert_false(qc_peer_addr_read(&r, T[i].f, &got, &why));
        }
        qc_bytes_free(&b);
        qc_bytes_free(&want);
    }
}

static void test_peer_addr__on_disk_says_its_version(void **state)
{
    qc_bytes old = hex_bytes("ffff0700"
                             "e3615b4d"
                             "0904000000000000" Z4 Z4 "0000ffff01020304"
                             "208d");
    qc_bytes odd = hex_bytes("605b0310"
                             "e3615b4d"
                             "fd0904"
                             "0104"
                             "01020304"
                             "208d");
    qc_peer_addr got;
    qc_addr_fault why;
    (void)state;
    qc_reader r = qc_reader_of(qc_bytes_span(&old));
    assert_true(qc_peer_addr_read(&r, QC_ADDR_DISK_V2, &got, &why));
    r = qc_reader_of(qc_bytes_span(&odd));
    assert_false(qc_peer_addr_read(&r, QC_ADDR_DISK_V2, &got, &why));
    assert_string_equal(why.text, "Unsupported CAddress disk format version");
    odd.data[3] = 0x20; /* version 2 in a file that may not have it */
    r = qc_reader_of(qc_bytes_span(&odd));
    assert_false(qc_peer_addr_read(&r, QC_ADDR_DISK_V1, &got, &why));
    qc_bytes_free(&old);
    qc_bytes_free(&odd);
}

static void test_message__is_bounded(void **state)
{
    static qc_peer_addr in[QC_ADDR_MESSAGE_MAX + 1], out[QC_ADDR_MESSAGE_MAX];
    qc_addr_fault why;
    size_t n;
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(in); i++) {
        in[i] = (qc_peer_addr){addr("1.2.3.4"), (uint16_t)i, UINT64_MAX, 1700000000};
        in[i].addr.b[1] = (uint8_t)(i >> 8);
    }
    for (int v2 = 0; v2 < 2; v2++) {
        qc_bytes b = QC_BYTES_INIT;
        assert_int_equal(qc_addr_message_write(&b, v2, in, QC_ADDR_MESSAGE_MAX), QC_OK);
        assert_int_equal(qc_addr_message_read(qc_bytes_span(&b), v2, out, &n, &why),
                         QC_ADDR_MESSAGE_OK);
        assert_int_equal(n, QC_ADDR_MESSAGE_MAX);
        for (size_t i = 0; i < n; i++)
            assert_true(qc_peer_addr_same(&in[i], &out[i]) && out[i].services == UINT64_MAX);
        b.len--;
        assert_int_equal(qc_addr_message_read(qc_bytes_span(&b), v2, out, &n, &why),
                         QC_ADDR_MESSAGE_BAD);
        b.len = 0;
        assert_int_equal(qc_addr_message_write(&b, v2, in, QC_COUNTOF(in)), QC_OK);
        assert_int_equal(qc_addr_message_read(qc_bytes_span(&b), v2, out, &n, &why),
                         QC_ADDR_MESSAGE_TOO_MANY);
        assert_string_equal(why.text,
                            v2 ? "addrv2 message size = 1001" : "addr message size = 1001");
        qc_bytes_free(&b);
    }
}

static void test_message__an_unknown_network_hides_no_other(void **state)
{
    static qc_peer_addr out[QC_ADDR_MESSAGE_MAX];
    qc_bytes b = hex_bytes("02"
                           "e3615b4d"
                           "01"
                           "aa03"
                           "010203"
                           "208d"
                           "e3615b4d"
                           "01"
                           "0104"
                           "01020304"
                           "208d");
    qc_addr_fault why;
    size_t n;
    (void)state;
    assert_int_equal(qc_addr_message_read(qc_bytes_span(&b), true, out, &n, &why),
                     QC_ADDR_MESSAGE_OK);
    assert_int_equal(n, 2);
    assert_false(qc_netaddr_is_valid(&out[0].addr));
    assert_text(&out[1].addr, "1.2.3.4");
    qc_bytes_free(&b);
}

static void test_texts__of_services(void **state)
{
    char text[QC_PEER_ADDR_TEXT];
    qc_peer_addr a = {.addr = addr("1.2.3.4"), .port = 8333};
    (void)state;
    qc_peer_addr_text(&a, text);
    assert_string_equal(text, "1.2.3.4:8333");
    a.addr = addr("::1");
    qc_peer_addr_text(&a, text);
    assert_string_equal(text, "[::1]:8333");
    a.addr = addr(ONION);
    a.port = 65535;
    qc_peer_addr_text(&a, text);
    assert_string_equal(text, ONION ":65535");
}

/* ---- ranges ---- */

static void test_range__is_printed_as_core_prints_it(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } T[] = {
        {"1.2.3.4", "1.2.3.4/32"},
        {"1.2.3.4/24", "1.2.3.0/24"},
        {"1.2.3.4/0", "0.0.0.0/0"},
        {"1.2.3.4/255.255.240.0", "1.2.0.0/20"},
        {"1.2.3.4/255.0.255.0", NULL},
        {"1.2.3.4/33", NULL},
        {"1.2.3.4/-1", NULL},
        {"1.2.3.4/", NULL},
        {"1.2.3.4/ffff::", NULL},
        {"::1", "::1/128"},
        {"fd00:1:2::9/33", "fd00:1::/33"},
        {"1:2:3::/ffff:ffff::", "1:2::/32"},
        {"::1/129", NULL},
        {ONION, ONION},
        {ONION "/32", NULL},
        {I2P, I2P},
        {"nonsense", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(T); i++) {
        qc_netrange r;
        char text[QC_NETRANGE_TEXT];
        if (qc_netrange_parse(T[i].in, false, &r) != (T[i].out ? QC_OK : QC_EINVAL))
            fail_msg("'%s'", T[i].in);
        if (!T[i].out)
            continue;
        qc_netrange_text(&r, text);
        assert_string_equal(text, T[i].out);
    }
}

static bool range_has(const char *range, const char *text)
{
    qc_netrange r;
    qc_netaddr a = addr(text);
    assert_int_equal(qc_netrange_parse(range, false, &r), QC_OK);
    return qc_netrange_has(&r, &a);
}

static void test_range__has_its_addresses_only(void **state)
{
    (void)state;
    assert_true(range_has("1.2.3.0/24", "1.2.3.255"));
    assert_false(range_has("1.2.3.0/24", "1.2.4.0"));
    assert_true(range_has("1.2.3.0/25", "1.2.3.127"));
    assert_false(range_has("1.2.3.0/25", "1.2.3.128"));
    assert_true(range_has("0.0.0.0/0", "9.9.9.9"));
    assert_false(range_has("0.0.0.0/0", "255.255.255.255")); /* not valid */
    assert_false(range_has("::/0", "9.9.9.9"));
    assert_true(range_has("1:2::/32", "1:2:3::4"));
    assert_true(range_has(ONION, ONION));
    assert_false(range_has(ONION, I2P));
    qc_netaddr in = qc_netaddr_internal("x");
    qc_netrange r;
    assert_int_equal(qc_netrange_of(&in, &r), QC_EINVAL);
}

static void test_network_names__are_read_and_printed(void **state)
{
    (void)state;
    assert_int_equal(qc_network_parse("Onion"), QC_NETWORK_ONION);
    assert_int_equal(qc_network_parse("cjdns"), QC_NETWORK_CJDNS);
    assert_int_equal(qc_network_parse("internal"), QC_NETWORK_UNROUTABLE);
    assert_int_equal(qc_network_parse(""), QC_NETWORK_UNROUTABLE);
    assert_string_equal(qc_network_name(QC_NETWORK_UNROUTABLE), "not_publicly_routable");
}

QC_TEST_MAIN(cmocka_unit_test(test_parse__reads_what_text_prints),
             cmocka_unit_test(test_parse__refuses_what_is_no_address),
             cmocka_unit_test(test_classes__follow_the_reserved_ranges),
             cmocka_unit_test(test_linked_ipv4__is_what_a_tunnel_leads_to),
             cmocka_unit_test(test_flip_cjdns__only_when_reachable),
             cmocka_unit_test(test_groups__are_prefixes),
             cmocka_unit_test(test_read__knows_every_network),
             cmocka_unit_test(test_read__names_what_is_wrong),
             cmocka_unit_test(test_v1__hides_networks_in_ipv6),
             cmocka_unit_test(test_peer_addr__has_four_forms),
             cmocka_unit_test(test_peer_addr__on_disk_says_its_version),
             cmocka_unit_test(test_message__is_bounded),
             cmocka_unit_test(test_message__an_unknown_network_hides_no_other),
             cmocka_unit_test(test_texts__of_services),
             cmocka_unit_test(test_range__is_printed_as_core_prints_it),
             cmocka_unit_test(test_range__has_its_addresses_only),
             cmocka_unit_test(test_network_names__are_read_and_printed))
