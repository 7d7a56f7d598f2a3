#include "core/net/asmap.h"

#include "core/net/netgroup.h"
#include "tests/unit/harness.h"

/* ---- a small assembler: the format is told in core/net/asmap.c ---- */

typedef struct program {
    uint8_t bytes[256];
    size_t bits;
} program;

static void bit(program *p, unsigned v)
{
    assert_true(p->bits < 8 * sizeof p->bytes);
    p->bytes[p->bits / 8] |= (uint8_t)(v << p->bits % 8);
    p->bits++;
}

static void number(program *p, uint32_t v, uint32_t least, unsigned width, unsigned last)
{
    uint32_t from = least;
    while (width < last && v >= from + (1u << width)) {
        bit(p, 1);
        from += 1u << width++;
    }
    if (width < last)
        bit(p, 0);
    for (unsigned b = width; b-- > 0;)
        bit(p, (v - from) >> b & 1);
}

static void op_return(program *p, uint32_t asn)
{
    bit(p, 0);
    number(p, asn, 1, 15, 24);
}

static void op_jump(program *p, uint32_t by)
{
    bit(p, 1);
    bit(p, 0);
    number(p, by, 17, 5, 30);
}

static void op_match(program *p, uint32_t pattern, unsigned len)
{
    bit(p, 1);
    bit(p, 1);
    bit(p, 0);
    number(p, pattern | 1u << len, 2, 1, 8);
}

static void op_default(program *p, uint32_t asn)
{
    bit(p, 1);
    bit(p, 1);
    bit(p, 1);
    number(p, asn, 1, 15, 24);
}

static qc_span map_of(const program *p)
{
    return qc_span_of(p->bytes, (p->bits + 7) / 8);
}

static program mapped_ipv4(void) /* matches ::ffff:0:0/96 */
{
    program p = {.bits = 0};
    for (int i = 0; i < 10; i++)
        op_match(&p, 0, 8);
    op_match(&p, 0xff, 8);
    op_match(&p, 0xff, 8);
    return p;
}

/* 0.0.0.0/1 is AS 1000; of the upper half 128.0.0.0/8 is AS 70000, the rest AS 4242. */
static program halves(void)
{
    program p = mapped_ipv4();
    op_jump(&p, 17); /* a RETURN of the first class is 17 bits long */
    op_return(&p, 1000);
    op_default(&p, 4242);
    op_match(&p, 0, 7);
    op_return(&p, 70000);
    return p;
}

static uint32_t asn_of(const program *p, const char *text)
{
    qc_netgroups g = {0};
    qc_netaddr a;
    qc_bytes b = QC_BYTES_INIT;
    qc_span map = map_of(p);
    assert_int_equal(qc_bytes_append(&b, map.data, map.len), QC_OK);
    assert_int_equal(qc_netgroups_load(&g, b), QC_OK);
    assert_int_equal(qc_netaddr_parse(text, &a), QC_OK);
    uint32_t asn = qc_netgroups_asn(&g, &a);
    qc_netgroups_clear(&g);
    return asn;
}

static void test_lookup__follows_the_program(void **state)
{
    (void)state;
    program p = halves();
    assert_true(qc_asmap_is_sane(map_of(&p)));
    assert_int_equal(asn_of(&p, "1.2.3.4"), 1000);
    assert_int_equal(asn_of(&p, "126.255.255.255"), 1000);
    assert_int_equal(asn_of(&p, "128.1.2.3"), 70000);
    assert_int_equal(asn_of(&p, "129.1.2.3"), 4242);
    assert_int_equal(asn_of(&p, "223.1.2.3"), 4242);
    assert_int_equal(asn_of(&p, "2002:8101::1"), 4242); /* looked up by the IPv4 address in it */
    assert_int_equal(asn_of(&p, "2a01:4f8::1"), 0);     /* no match, no default yet */
    assert_int_equal(asn_of(&p, "10.0.0.1"), 0);        /* not routable: never looked up */
}

static void test_lookup__reads_every_class_of_numbers(void **state)
{
    static const uint32_t ASN[] = {1,     2,      32768,   32769,   98304,    98305,
                                   65536, 229376, 4194304, 9999999, 16777215, 33521664};
    uint8_t ip[16] = {0};
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(ASN); i++) {
        program p = {.bits = 0};
        op_return(&p, ASN[i]);
        assert_true(qc_asmap_is_sane(map_of(&p)));
        assert_int_equal(qc_asmap_lookup(map_of(&p), ip), ASN[i]);
    }
}

static void test_groups__follow_the_map(void **state)
{
    qc_netgroups g = {0};
    program p = halves();
    qc_span map = map_of(&p);
    qc_bytes b = QC_BYTES_INIT;
    qc_netaddr a, six;
    (void)state;
    assert_int_equal(qc_bytes_append(&b, map.data, map.len), QC_OK);
    assert_int_equal(qc_netgroups_load(&g, b), QC_OK);
    assert_int_equal(qc_netaddr_parse("1.2.3.4", &a), QC_OK);
    qc_netgroup of = qc_netgroups_of(&g, &a);
    assert_int_equal(of.len, 5);
    assert_memory_equal(of.b, "\2\xe8\3\0\0", 5);
    assert_int_equal(qc_netaddr_parse("99.2.3.4", &a), QC_OK); /* another /16, the same system */
    qc_netgroup other = qc_netgroups_of(&g, &a);
    assert_true(qc_netgroup_eq(&of, &other));
    assert_int_equal(qc_netaddr_parse("2a01:4f8::1", &six), QC_OK); /* not in the map: by prefix */
    other = qc_netgroups_of(&g, &six);
    assert_int_equal(other.len, 5);
    assert_memory_equal(other.b, "\2\x2a\1\4\xf8", 5);
    qc_netgroups_clear(&g);
}

/* ---- what must not load ---- */

static void assert_insane(const program *p, const char *why)
{
    if (qc_asmap_is_sane(map_of(p)))
        fail_msg("%s", why);
}

static void test_sane__refuses_broken_programs(void **state)
{
    program p;
    (void)state;
    assert_false(qc_asmap_is_sane(qc_span_of(NULL, 0)));
    p = mapped_ipv4();
    assert_insane(&p, "it ends without an answer");
    p = (program){.bits = 0};
    op_default(&p, 5);
    op_return(&p, 6);
    assert_insane(&p, "a default before an answer is of no use");
    p = (program){.bits = 0};
    op_default(&p, 5);
    op_default(&p, 6);
    op_match(&p, 1, 1);
    op_return(&p, 6);
    assert_insane(&p, "two defaults");
    p = (program){.bits = 0};
    op_return(&p, 5);
    op_return(&p, 6);
    assert_insane(&p, "nothing leads to the second answer");
    p = (program){.bits = 0};
    op_jump(&p, 30);
    op_return(&p, 5);
    op_return(&p, 6);
    assert_insane(&p, "a jump into the middle");
    p = (program){.bits = 0};
    op_jump(&p, 1000);
    op_return(&p, 5);
    op_return(&p, 6);
    assert_insane(&p, "a jump out of the file");
    p = (program){.bits = 0};
    op_match(&p, 1, 3);
    op_match(&p, 1, 3);
    op_return(&p, 5);
    assert_insane(&p, "two short matches in a row");
    p = (program){.bits = 0};
    op_jump(&p, 17);
    op_return(&p, 5);
    op_return(&p, 6);
    p.bits += 8;
    assert_insane(&p, "a byte of padding too many");
    p.bits -= 8;
    assert_true(qc_asmap_is_sane(map_of(&p)));
    p.bytes[p.bits / 8] |= 0x80;
    assert_insane(&p, "padding that is not zero");
}

static void test_sane__counts_the_bits_of_an_address(void **state)
{
    program p = {.bits = 0};
    (void)state;
    for (int i = 0; i < 16; i++)
        op_match(&p, 0x55, 8);
    op_return(&p, 9);
    assert_true(qc_asmap_is_sane(map_of(&p)));
    p = (program){.bits = 0};
    for (int i = 0; i < 16; i++)
        op_match(&p, 0x55, 8);
    op_match(&p, 1, 1);
    op_return(&p, 9);
    assert_insane(&p, "a 129th bit is matched");
    p = (program){.bits = 0};
    for (int i = 0; i < 16; i++)
        op_match(&p, 0x55, 8);
    op_jump(&p, 17);
    op_return(&p, 9);
    op_return(&p, 8);
    assert_insane(&p, "a jump on a 129th bit");
}

static void test_sane__any_cut_is_found(void **state)
{
    program p = halves();
    qc_span map = map_of(&p);
    (void)state;
    for (size_t len = 0; len < map.len; len++)
        assert_false(qc_asmap_is_sane(qc_span_of(map.data, len)));
}

/* The sane ones among arbitrary programs answer for every address without leaving the map. */
static void test_lookup__stays_within_any_sane_map(void **state)
{
    uint64_t seed = 7;
    unsigned sane = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint8_t raw[12], ip[16];
        for (size_t k = 0; k < sizeof raw; k++)
            raw[k] = (uint8_t)test_rand(&seed);
        qc_span map = qc_span_of(raw, 1 + test_rand(&seed) % sizeof raw);
        if (!qc_asmap_is_sane(map))
            continue;
        sane++;
        for (size_t k = 0; k < sizeof ip; k++)
            ip[k] = (uint8_t)test_rand(&seed);
        assert_true(qc_asmap_lookup(map, ip) < 1u << 25);
    }
    assert_true(sane > 20);
}

static void test_load__keeps_the_old_map_when_the_new_one_is_broken(void **state)
{
    qc_netgroups g = {0};
    program p = halves();
    qc_span map = map_of(&p);
    qc_bytes good = QC_BYTES_INIT, bad = QC_BYTES_INIT;
    static const qc_hash NONE;
    (void)state;
    assert_true(qc_hash_eq(&g.version, &NONE));
    assert_int_equal(qc_bytes_append(&good, map.data, map.len), QC_OK);
    assert_int_equal(qc_bytes_append(&bad, map.data, map.len - 1), QC_OK);
    assert_int_equal(qc_netgroups_load(&g, good), QC_OK);
    qc_hash version = g.version;
    assert_false(qc_hash_eq(&version, &NONE));
    assert_int_equal(qc_netgroups_load(&g, bad), QC_ECORRUPT);
    assert_true(qc_hash_eq(&g.version, &version));
    assert_int_equal(g.asmap.len, map.len);
    qc_netgroups_clear(&g);
    assert_true(qc_hash_eq(&g.version, &NONE));
}

QC_TEST_MAIN(cmocka_unit_test(test_lookup__follows_the_program),
             cmocka_unit_test(test_lookup__reads_every_class_of_numbers),
             cmocka_unit_test(test_groups__follow_the_map),
             cmocka_unit_test(test_sane__refuses_broken_programs),
             cmocka_unit_test(test_sane__counts_the_bits_of_an_address),
             cmocka_unit_test(test_sane__any_cut_is_found),
             cmocka_unit_test(test_lookup__stays_within_any_sane_map),
             cmocka_unit_test(test_load__keeps_the_old_map_when_the_new_one_is_broken))
