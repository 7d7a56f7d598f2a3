/* Keys, scripts and control blocks of derived descriptors, and what is inferred from them. */
#include "lib/descriptor.h"
#include "tests/unit/harness.h"

#include "core/script/taproot.h"
#include "lib/address.h"
#include "lib/secp/curve.h"

#define G "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define X "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define B "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
#define BX "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
#define TPUB                                                                                       \
    "tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZ" \
    "P"                                                                                            \
    "StJRJCTKvosUCJZL5B"
#define TPRV                                                                                       \
    "tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUc" \
    "M"                                                                                            \
    "RvmDUjyEmNUWwx8UbK"
#define TPRV_PUBLIC TPUB /* the same key */

static qn_secp *secp;
static qn_curve curve;

static int setup(void **state)
{
    static const uint8_t seed[32] = {9};
    (void)state;
    secp = qn_secp_new(seed);
    assert_non_null(secp);
    curve = qn_secp_curve(secp);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    qn_secp_free(secp);
    return 0;
}

static qn_descriptor *parse(const char *text)
{
    char err[600];
    qn_descriptor *d = qn_descriptor_parse(qn_chain_by_name("regtest"), &curve, text, strlen(text),
                                           QN_DESC_SECRETS, err, sizeof err);
    if (!d)
        fail_msg("%s: %s", text, err);
    return d;
}

static void derive(const char *text, uint32_t index, qn_derived *v)
{
    qn_descriptor *d = parse(text);
    assert_int_equal(qn_descriptor_derive(d, 0, index, v), QN_DERIVE_OK);
    qn_descriptor_free(d); /* what was derived outlives it */
}

/* ---- keys ---- */

static void test_derive__gives_the_origin_of_each_key(void **state)
{
    (void)state;
    static const uint8_t given[4] = {0xd3, 0x4d, 0xb3, 0x3f}, own[4] = {0x75, 0x1e, 0x76, 0xe8};
    static const uint8_t root[4] = {0x0c, 0x5f, 0x9a, 0x1e};
    static const uint32_t path[] = {0x80000054, 7, 1, 9};
    qn_derived v;
    derive("wsh(multi(1,[d34db33f/84h/7]" TPUB "/1/*," G "," TPUB "/2))", 9, &v);
    assert_int_equal(v.n_keys, 3);
    assert_memory_equal(v.key[0].fingerprint, given, 4);
    assert_int_equal(v.key[0].n_path, 4);
    assert_memory_equal(v.key[0].path, path, sizeof path);
    assert_memory_equal(v.key[1].fingerprint, own, 4);
    assert_int_equal(v.key[1].n_path, 0);
    assert_memory_equal(v.key[2].fingerprint, root, 4);
    assert_int_equal(v.key[2].n_path, 1);
    assert_int_equal(v.key[2].path[0], 2);
    assert_int_equal(v.n_scripts, 1);
    assert_null(v.script[0].redeem.data);
    assert_int_equal(v.script[0].witness.len, 3 + 3 * 34);
    assert_memory_equal(v.script[0].witness.data + 2, v.key[0].bytes, 33);
    qn_derived_clear(&v);
}

static void test_derive__gives_both_scripts_of_nested_segwit(void **state)
{
    (void)state;
    qn_derived v;
    derive("sh(wsh(pk(" G ")))", 0, &v);
    assert_int_equal(v.script[0].script.len, 23);
    assert_int_equal(v.script[0].redeem.len, 34);
    assert_int_equal(v.script[0].witness.len, 35);
    qn_derived_clear(&v);
    derive("sh(wpkh(" G "))", 0, &v);
    assert_int_equal(v.script[0].redeem.len, 22);
    assert_null(v.script[0].witness.data);
    qn_derived_clear(&v);
}

/* Addresses as Bitcoin Core derives them. */
static const struct {
    const char *text;
    uint32_t index;
    const char *address;
} ADDRESSES[] = {
    {"wpkh(" TPUB "/0/*)", 1000000, "bcrt1qdm24p48ak6gt5qepnsywxyvwyzyg5fnc5epk9c"},
    {"pkh(" TPRV "/1h/2/*h)", 2147483647, "mkQsoViHB8s7FLGdx1FCBRxr6ewDCGxCJH"},
    {"sh(wsh(sortedmulti(2," TPUB "/*," TPRV "/*h," G ")))", 3,
     "2NDUjWD377Sh1YRH85FVFP8n8gooitZ8xAj"},
    {"wsh(thresh(2,pk(" TPUB "/*),s:pk(" TPUB "/1/*),sln:older(65535)))", 8,
     "bcrt1qdudgzh3nexu2yq2jwwxy3kuvpzg59x2qq0ndhu9zf2xsttguzrqsss366q"},
    {"wsh(or_i(and_v(v:pkh(" G "),hash256(" X ")),andor(pk(" B "),after(500000001),pk(" TPUB
     "/*))))",
     1, "bcrt1qdsjgr0dyhamdfwrnzg2s6q0nrz9w7rjclas53j34nkdq75hp39aqkkn2yn"},
    {"tr(" TPUB "/0/*,{pk(" X "),{{multi_a(1," X "," BX "),and_v(v:pk(" X "),older(5))},pk(" TPUB
     "/1/*)}})",
     4, "bcrt1pkzer8amf6tk7jg0ahvdaxheufvtdy4qzc0g0n5tw39xrkmyvqmeq8mn8lv"},
    {"tr(musig(" TPUB "," TPRV "/0)/3/*,pk(" BX "))", 12,
     "bcrt1plr65f24kf3phye2nc0ujjw2ftkgvzfmuhde28ujcgy4mah2teyqsrkxqsx"},
    {"tr(musig(" TPUB "/*," TPRV "/0/*," G "))", 12,
     "bcrt1p09sd3w2cj0jr65w7csrhfmhwhfw0at8z27re7tsfg5n0qrkfxrtq3zzady"},
    {"tr(musig(" G "," G "," B "))", 0,
     "bcrt1pq3hupr9le5r2sudk9n0d6cf9jxa7z7mcwncja6p85x34alhkpekqdly7s0"},
    {"wsh(multi(1," TPRV "/7," TPUB "/1h))", 0,
     "bcrt1qzwmfe68e0d32snsv4yk06a4qk3nzsueqjvvs47wq3nh30arnk0hs05r2n8"},
};

static void test_derive__gives_cores_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(ADDRESSES); i++) {
        char address[QN_ADDRESS_MAX];
        qn_derived v;
        derive(ADDRESSES[i].text, ADDRESSES[i].index, &v);
        const qn_desc_bytes s = v.script[0].script;
        assert_true(qn_address_encode(qn_chain_by_name("regtest"), s.data, s.len, address) > 0);
        assert_string_equal(address, ADDRESSES[i].address);
        qn_derived_clear(&v);
    }
}

static void test_derive__needs_secrets_for_hardened_steps(void **state)
{
    (void)state;
    static const char *const text[] = {"wpkh(" TPUB "/0h/1)", "wpkh(" TPUB "/*')",
                                       "tr(musig(" TPUB "/1h," G "))",
                                       "wsh(multi(1," G "," TPUB "/0/1h))"};
    for (size_t i = 0; i < QC_COUNTOF(text); i++) {
        qn_derived v;
        qn_descriptor *d = parse(text[i]);
        assert_false(qn_descriptor_is_public(d));
        assert_int_equal(qn_descriptor_derive(d, 0, 0, &v), QN_DERIVE_NO_SECRET);
        assert_int_equal(v.n_scripts, 0);
        assert_int_equal(qn_descriptor_derive(d, 0, 0, &v), QN_DERIVE_NO_SECRET);
        qn_descriptor_free(d);
    }
    /* Per branch. */
    qn_derived v;
    qn_descriptor *d = parse("wpkh(" TPUB "/<0;1h>/*)");
    assert_int_equal(qn_descriptor_derive(d, 1, 0, &v), QN_DERIVE_NO_SECRET);
    assert_int_equal(qn_descriptor_derive(d, 0, 0, &v), QN_DERIVE_OK);
    qn_derived_clear(&v);
    qn_descriptor_free(d);
}

static void test_derive__takes_a_secret_given_for_the_same_key(void **state)
{
    (void)state;
    qn_derived v, w;
    derive("wsh(multi(1," TPRV "/7," TPRV_PUBLIC "/1h))", 0, &v);
    derive("wsh(multi(1," TPRV "/7," TPRV "/1h))", 0, &w);
    assert_memory_equal(v.script[0].script.data, w.script[0].script.data, 34);
    qn_derived_clear(&v);
    qn_derived_clear(&w);
}

static void test_derive__goes_255_steps_deep(void **state)
{
    (void)state;
    for (size_t steps = 255; steps <= 256; steps++) {
        qc_bytes b = QC_BYTES_INIT;
        qn_derived v;
        assert_false(qc_bytes_append(&b, "wpkh(" TPUB, strlen("wpkh(" TPUB)));
        for (size_t i = 0; i < steps; i++)
            assert_false(qc_bytes_append(&b, "/0", 2));
        assert_false(qc_bytes_append(&b, ")", 2));
        qn_descriptor *d = parse((char *)b.data);
        assert_int_equal(qn_descriptor_derive(d, 0, 0, &v),
                         steps == 255 ? QN_DERIVE_OK : QN_DERIVE_IMPOSSIBLE);
        qn_derived_clear(&v);
        qn_descriptor_free(d);
        qc_bytes_free(&b);
    }
}

static void test_derive__ends_at_the_last_index(void **state)
{
    (void)state;
    qn_derived v;
    qn_descriptor *d = parse("wpkh(" TPUB "/*)");
    assert_int_equal(qn_descriptor_derive(d, 0, QN_DESC_MAX_INDEX, &v), QN_DERIVE_OK);
    qn_derived_clear(&v);
    assert_int_equal(qn_descriptor_derive(d, 0, QN_DESC_MAX_INDEX + 1u, &v), QN_DERIVE_IMPOSSIBLE);
    assert_int_equal(qn_descriptor_derive(d, 1, 0, &v), QN_DERIVE_IMPOSSIBLE);
    qn_descriptor_free(d);
}

/* ---- trees ---- */

#define TREE                                                                                       \
    "tr(" TPUB "/0/*,{pk(" X "),{{multi_a(1," X "," BX "),and_v(v:pk(" X "),older(5))},pk(" TPUB   \
    "/1/*)}})"

static void test_control__leads_from_each_leaf_to_the_output(void **state)
{
    (void)state;
    static const unsigned depth[] = {1, 3, 3, 2};
    qn_derived v;
    derive(TREE, 4, &v);
    assert_true(v.taproot && v.has_tree);
    assert_int_equal(v.n_leaves, 4);
    for (size_t i = 0; i < v.n_leaves; i++) {
        uint8_t block[33 + 32 * 128];
        qc_hash leaf;
        const size_t n = qn_derived_control(&v, i, block, sizeof block);
        assert_int_equal(v.leaf[i].depth, depth[i]);
        assert_int_equal(n, 33 + 32 * depth[i]);
        qc_taproot_leaf_hash(0xc0, qc_span_of(v.leaf[i].script.data, v.leaf[i].script.len), &leaf);
        assert_true(qc_taproot_commits(qc_span_of(block, n), v.script[0].script.data + 2, &leaf));
        assert_int_equal(qn_derived_control(&v, i, block, n - 1), 0);
    }
    uint8_t one[33 + 32 * 128];
    assert_int_equal(qn_derived_control(&v, 4, one, sizeof one), 0);
    qn_derived_clear(&v);
}

static void test_parse__trees_are_128_deep_at_most(void **state)
{
    (void)state;
    for (size_t depth = 128; depth <= 129; depth++) {
        qc_bytes b = QC_BYTES_INIT;
        char err[200];
        assert_false(qc_bytes_append(&b, "tr(" X ",", strlen("tr(" X ",")));
        for (size_t i = 0; i < depth; i++)
            assert_false(qc_bytes_append(&b, "{pk(" X "),", strlen("{pk(" X "),")));
        assert_false(qc_bytes_append(&b, "pk(" X ")", strlen("pk(" X ")")));
        for (size_t i = 0; i <= depth; i++)
            assert_false(qc_bytes_append(&b, i == depth ? ")" : "}", 1));
        qn_descriptor *d = qn_descriptor_parse(qn_chain_by_name("regtest"), &curve, (char *)b.data,
                                               b.len, 0, err, sizeof err);
        assert_int_equal(d != NULL, depth == 128);
        if (!d)
            assert_string_equal(err, "tr() supports at most 128 nesting levels");
        qn_derived v = {0};
        if (d)
            assert_int_equal(qn_descriptor_derive(d, 0, 0, &v), QN_DERIVE_OK);
        qn_derived_clear(&v);
        qn_descriptor_free(d);
        qc_bytes_free(&b);
    }
}

/* ---- what is inferred ---- */

static const struct {
    const char *text, *inferred;
} INFERRED[] = {
    {"wpkh([d34db33f/84'/0']" G ")", "wpkh([d34db33f/84h/0h]" G ")"},
    {"sh(wsh(sortedmulti(1," B "," G ")))", "sh(wsh(multi(1,[751e76e8]" G ",[06afd46b]" B ")))"},
    {"wsh(and_v(v:pk(" G "),or_d(pk(" B "),older(9))))",
     "wsh(and_v(v:pk([751e76e8]" G "),or_d(pk([06afd46b]" B "),older(9))))"},
    {"wsh(c:or_i(pk_h(" G "),pk_k(" B ")))",
     "wsh(c:or_i(pk_h([751e76e8]" G "),pk_k([06afd46b]" B ")))"},
    {"tr(" X ")", "tr([751e76e8]" X ")"},
    {"tr(" X ",pk(" BX "))", "tr([751e76e8]" X ",pk([06afd46b]" BX "))"},
    /* The side of the smallest script comes first. */
    {"tr(" X ",{pk(" BX "),and_v(v:pk(" X "),after(7))})",
     "tr([751e76e8]" X ",{and_v(v:pk([751e76e8]" X "),after(7)),pk([06afd46b]" BX ")})"},
    {"tr(" X ",sortedmulti_a(2," BX "," X "))",
     "tr([751e76e8]" X ",multi_a(2,[751e76e8]" X ",[06afd46b]" BX "))"},
    {"rawtr(" X ")", "rawtr([751e76e8]" X ")"},
    {"sh(pkh(" G "))", "sh(pkh([751e76e8]" G "))"},
};

static void test_infer__says_what_was_derived(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(INFERRED); i++) {
        char text[700];
        qn_derived v;
        derive(INFERRED[i].text, 0, &v);
        const qn_desc_bytes s = v.script[0].script;
        assert_true(qn_descriptor_infer(qn_chain_by_name("regtest"), &curve, s.data, s.len, &v,
                                        text, sizeof text) > 0);
        text[strcspn(text, "#")] = 0;
        assert_string_equal(text, INFERRED[i].inferred);
        qn_derived_clear(&v);
    }
}

static void test_infer__of_a_ranged_key_has_its_index(void **state)
{
    (void)state;
    char text[200];
    qn_derived v;
    derive("pkh(" TPUB "/1/*)", 77, &v);
    const qn_desc_bytes s = v.script[0].script;
    qn_descriptor_infer(qn_chain_by_name("regtest"), &curve, s.data, s.len, &v, text, sizeof text);
    assert_memory_equal(text, "pkh([0c5f9a1e/1/77]0", 20);
    qn_derived_clear(&v);
}

/* ---- bounds ---- */

static const char *why_not(const char *before, const char *part, size_t n, const char *after)
{
    static char err[300];
    qc_bytes b = QC_BYTES_INIT;
    assert_false(qc_bytes_append(&b, before, strlen(before)));
    for (size_t i = 0; i < n; i++)
        assert_false(qc_bytes_append(&b, part, strlen(part)));
    assert_false(qc_bytes_append(&b, after, strlen(after)));
    qn_descriptor *d = qn_descriptor_parse(qn_chain_by_name("regtest"), &curve, (char *)b.data,
                                           b.len, 0, err, sizeof err);
    const bool ok = d != NULL;
    qn_descriptor_free(d);
    qc_bytes_free(&b);
    return ok ? NULL : err;
}

static void test_parse__bounds_what_it_takes(void **state)
{
    (void)state;
    assert_null(why_not("raw(", "00", 1000, ")"));
    assert_string_equal(why_not("raw(", "00", QN_DESC_MAX_TEXT / 2, ")"),
                        "The descriptor is longer than 1048576 characters");
    assert_null(why_not("pkh(" TPUB, "/1", 1024, ")"));
    assert_string_equal(why_not("pkh(" TPUB, "/1", 1025, ")"),
                        "pkh(): Key path has more than 1024 steps");
    assert_string_equal(why_not("pkh(" TPUB "/<0", ";1", 256, ">)"),
                        "pkh(): Duplicated key path value 1 in multipath specifier");
    assert_null(why_not("tr(" X ",multi_a(1", "," X, 999, "))"));
    assert_string_equal(why_not("tr(" X ",multi_a(1", "," X, 1000, "))"),
                        "Cannot have 1000 keys in multi_a; must have between 1 and 999 keys, "
                        "inclusive");
}

QC_TEST_MAIN_GROUP(setup, teardown, cmocka_unit_test(test_derive__gives_the_origin_of_each_key),
                   cmocka_unit_test(test_derive__gives_both_scripts_of_nested_segwit),
                   cmocka_unit_test(test_derive__gives_cores_addresses),
                   cmocka_unit_test(test_derive__needs_secrets_for_hardened_steps),
                   cmocka_unit_test(test_derive__takes_a_secret_given_for_the_same_key),
                   cmocka_unit_test(test_derive__goes_255_steps_deep),
                   cmocka_unit_test(test_derive__ends_at_the_last_index),
                   cmocka_unit_test(test_control__leads_from_each_leaf_to_the_output),
                   cmocka_unit_test(test_parse__trees_are_128_deep_at_most),
                   cmocka_unit_test(test_infer__says_what_was_derived),
                   cmocka_unit_test(test_infer__of_a_ranged_key_has_its_index),
                   cmocka_unit_test(test_parse__bounds_what_it_takes))
