#include "lib/descriptor.h"
#include "tests/unit/harness.h"

#include "lib/hex.h"
#include "lib/secp/curve.h"
#include "tests/unit/descriptor_bips.h"

#define G "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define G65                                                                                        \
    "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e" \
    "1108a8fd17b448a68554199c47d08ffb10d4b8"
#define X "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define B "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
#define WIF "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA"
#define WPKH_G "0014751e76e8199196d454941c45d1b3a323f1433bd6"
#define SH_WPKH_G "a914bcfeb728b584253d5f3f70bcb780e9ef218a68f487"

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

static qn_descriptor *parse_on(const char *chain, const char *text, unsigned flags, char *err,
                               size_t cap)
{
    return qn_descriptor_parse(qn_chain_by_name(chain), &curve, text, strlen(text), flags, err,
                               cap);
}

/* What Bitcoin Core says of each: getdescriptorinfo, and scantxoutset of its coins. */
static const struct {
    const char *text, *canonical; /* NULL: as given */
    bool solvable, secret;
    struct {
        const char *script, *desc;
    } out[4];
} GOOD[] = {
    {"pk(" G ")", NULL, true, false, {{"21" G "ac", "pk([751e76e8]" G ")#x6xjvu3m"}}},
    {"pkh(" G65 ")",
     NULL,
     true,
     false,
     {{"76a91491b24bf9f5288532960ac687abb035127b1d28a588ac", "pkh([91b24bf9]" G65 ")#klqlm4sj"}}},
    {"wpkh(" G ")#ucxz0gak",
     "wpkh(" G ")",
     true,
     false,
     {{WPKH_G, "wpkh([751e76e8]" G ")#p7evpe7t"}}},
    {"sh(wpkh(" G "))", NULL, true, false, {{SH_WPKH_G, "sh(wpkh([751e76e8]" G "))#ehygyxlc"}}},
    {"combo(" G ")",
     NULL,
     true,
     false,
     {{"21" G "ac", "pk([751e76e8]" G ")#x6xjvu3m"},
      {"76a914751e76e8199196d454941c45d1b3a323f1433bd688ac", NULL},
      {WPKH_G, "wpkh([751e76e8]" G ")#p7evpe7t"},
      {SH_WPKH_G, "sh(wpkh([751e76e8]" G "))#ehygyxlc"}}},
    {"combo(" G65 ")",
     NULL,
     true,
     false,
     {{"41" G65 "ac", NULL},
      {"76a91491b24bf9f5288532960ac687abb035127b1d28a588ac", "pkh([91b24bf9]" G65 ")#klqlm4sj"}}},
    {"multi(1," B "," G ")",
     NULL,
     true,
     false,
     {{"5121" B "21" G "52ae", "multi(1,[06afd46b]" B ",[751e76e8]" G ")#qlu8660x"}}},
    {"sortedmulti(2," B "," G ")",
     NULL,
     true,
     false,
     {{"5221" G "21" B "52ae", "multi(2,[751e76e8]" G ",[06afd46b]" B ")#lh4ge6uy"}}},
    {"sh(multi(1," G "," G65 "))",
     NULL,
     true,
     false,
     {{"a914919c54789b4118187ff7563a916f6431fc48f4e387",
       "sh(multi(1,[751e76e8]" G ",[91b24bf9]" G65 "))#r7dutg3d"}}},
    {"wsh(sortedmulti(1," B "," G "))",
     NULL,
     true,
     false,
     {{"00206eb3ac1f460d34871c2b21e1ce02f0c056bcf558a6d4942052b1856a4fe54f6d",
       "wsh(multi(1,[751e76e8]" G ",[06afd46b]" B "))#ms9kvd55"}}},
    {"sh(wsh(pkh(" G ")))",
     NULL,
     true,
     false,
     {{"a914d7c1e6f8f430d9563ed6ca46ca74f6d1e3b96e0e87",
       "sh(wsh(pkh([751e76e8]" G ")))#kclww6w6"}}},
    {"tr(" X ")",
     NULL,
     true,
     false,
     {{"5120da4710964f7852695de2da025290e24af6d8c281de5a0b902b7135fd9fd74d21",
       "tr([751e76e8]" X ")#9c0rklxf"}}},
    {"rawtr(" X ")", NULL, true, false, {{"5120" X, "rawtr([751e76e8]" X ")#8j24upjn"}}},
    {"tr(" WIF ")",
     "tr(" X ")",
     true,
     true,
     {{"5120da4710964f7852695de2da025290e24af6d8c281de5a0b902b7135fd9fd74d21",
       "tr([751e76e8]" X ")#9c0rklxf"}}},
    {"wpkh(" WIF ")#4wpu93nd",
     "wpkh(" G ")",
     true,
     true,
     {{WPKH_G, "wpkh([751e76e8]" G ")#p7evpe7t"}}},
    {"pkh([d34db33f/44'/0h/7]" G ")",
     "pkh([d34db33f/44h/0h/7]" G ")",
     true,
     false,
     {{"76a914751e76e8199196d454941c45d1b3a323f1433bd688ac",
       "pkh([d34db33f/44h/0h/7]" G ")#gfxjhz7t"}}},
    {"pkh([D34DB33F/0h/00']" G ")",
     "pkh([d34db33f/0'/0']" G ")",
     true,
     false,
     {{"76a914751e76e8199196d454941c45d1b3a323f1433bd688ac", NULL}}},
    {"addr(bcrt1pfeesnyr2tx)",
     NULL,
     false,
     false,
     {{"51024e73", "addr(bcrt1pfeesnyr2tx)#swxgse0y"}}},
    {"raw(51024E73)",
     "raw(51024e73)",
     false,
     false,
     {{"51024e73", "addr(bcrt1pfeesnyr2tx)#swxgse0y"}}},
    {"raw(6a)", NULL, false, false, {{"6a", "raw(6a)#4mhr9ur5"}}},
};

static void check_hex(qn_desc_bytes b, const char *want)
{
    char *hex = qc_alloc(2 * b.len + 1);
    qn_hex_encode(b.data, b.len, hex);
    assert_string_equal(hex, want);
    qc_free(hex);
}

static void check_good(size_t at, const qn_derived *v)
{
    const qn_chain_text *chain = qn_chain_by_name("regtest");
    assert_true(v->n_scripts == 4 || !GOOD[at].out[v->n_scripts].script);
    for (size_t i = 0; i < v->n_scripts; i++) {
        const qn_desc_bytes s = v->script[i].script;
        char text[600];
        check_hex(s, GOOD[at].out[i].script);
        assert_in_range(qn_descriptor_infer(chain, &curve, s.data, s.len, v, text, sizeof text), 1,
                        sizeof text - 1);
        if (GOOD[at].out[i].desc)
            assert_string_equal(text, GOOD[at].out[i].desc);
    }
}

static void test_descriptor__gives_cores_scripts_and_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(GOOD); i++) {
        char err[256], text[600], part[9];
        qn_derived v;
        qn_descriptor *d = parse_on("regtest", GOOD[i].text, QN_DESC_SECRETS, err, sizeof err);
        if (!d)
            fail_msg("%s: %s", GOOD[i].text, err);
        const char *canonical = GOOD[i].canonical ? GOOD[i].canonical : GOOD[i].text;
        const size_t len = strlen(canonical);
        assert_int_equal(qn_descriptor_print(d, 0, text, sizeof text), len + 9);
        assert_memory_equal(text, canonical, len);
        assert_int_equal(text[len], '#');
        assert_int_equal(qn_descriptor_print(d, 0, part, 8), len + 9);
        assert_memory_equal(part, canonical, 7);
        assert_int_equal(part[7], 0);
        assert_int_equal(qn_descriptor_is_solvable(d), GOOD[i].solvable);
        assert_int_equal(qn_descriptor_has_secret(d), GOOD[i].secret);
        assert_false(qn_descriptor_is_range(d));
        assert_int_equal(qn_descriptor_derive(d, 0, 7, &v), QN_DERIVE_OK);
        check_good(i, &v);
        qn_derived_clear(&v);
        qn_descriptor_free(d);
        /* Who takes no secrets refuses these. */
        d = parse_on("regtest", GOOD[i].text, 0, err, sizeof err);
        assert_int_equal(d != NULL, !GOOD[i].secret);
        qn_descriptor_free(d);
    }
}

#define OTHER                                                                                      \
    "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TM" \
    "g7usUDFdp6W1EGMcet8"
static const struct {
    const char *text, *why;
} BAD[] = {
    {"", "'' is not a valid descriptor function"},
    {"foo(" G ")", "'foo(" G ")' is not a valid descriptor function"},
    {"pk(" G, "'pk(" G "' is not a valid descriptor function"},
    {"pk()", "pk(): No key provided"},
    {"pk( " G ")", "pk(): Key ' " G "' is invalid due to whitespace"},
    {"pk(" X ")", "pk(): Pubkey '" X "' is invalid"},
    {"pk(06" X "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8)",
     "pk(): Hybrid public keys are not allowed"},
    {"wpkh(" G65 ")", "wpkh(): Uncompressed keys are not allowed"},
    {"wsh(pk(" G65 "))", "pk(): Uncompressed keys are not allowed"},
    {"wsh(c:multi(0," G65 "))", "Uncompressed keys are not allowed"},
    {"wsh(c:multi(0," G "))", "A function is needed within P2WSH"},
    {"wpkh(91f3ZR2t5PBQpqWCZMMNWxUvGgj9VZNfMd7N4EKBsXDHp9cCLPw)",
     "wpkh(): key '91f3ZR2t5PBQpqWCZMMNWxUvGgj9VZNfMd7N4EKBsXDHp9cCLPw' is not valid"},
    {"pk(nothing)", "pk(): key 'nothing' is not valid"},
    {"pkh(" OTHER "/0/*)", "pkh(): key '" OTHER "' is of main; this node is on regtest (keys "
                           "begin with tpub)"},
    {"pk(" WIF "/0)", "pk(): key '" WIF "' is not valid"},
    {"pkh([" G ")", "pkh(): key '[" G "' is not valid"},
    {"pkh([d34db33f]]" G ")", "pkh(): Multiple ']' characters found for a single pubkey"},
    {"pkh(d34db33f]" G ")",
     "pkh(): Key origin start '[ character expected but not found, got 'd' instead"},
    {"pkh(]" G ")", "pkh(): Key origin start '[ character expected but not found, got ']' instead"},
    {"pkh([d34db33]" G ")",
     "pkh(): Fingerprint is not 4 bytes (7 characters instead of 8 characters)"},
    {"pkh([d34db33x]" G ")", "pkh(): Fingerprint 'd34db33x' is not hex"},
    {"pkh([d34db33f/x]" G ")", "pkh(): Key path value 'x' is not a valid uint32"},
    {"pkh([d34db33f/4294967296]" G ")", "pkh(): Key path value '4294967296' is not a valid uint32"},
    {"pkh([d34db33f/2147483648]" G ")", "pkh(): Key path value 2147483648 is out of range"},
    {"pkh([d34db33f/]" G ")", "pkh(): Key path value '' is not a valid uint32"},
    {"sh(sh(pk(" G ")))", "Can only have sh() at top level"},
    {"sh(combo(" G "))", "Can only have combo() at top level"},
    {"wsh(wpkh(" G "))", "Can only have wpkh() at top level or inside sh()"},
    {"wsh(wsh(pk(" G ")))", "Can only have wsh() at top level or inside sh()"},
    {"wsh(addr(x))", "Can only have addr() at top level"},
    {"sh(raw(51))", "Can only have raw() at top level"},
    {"sh(tr(" X "))", "Can only have tr at top level"},
    {"sh(" G ")", "A function is needed within P2SH"},
    {"multi(a," G ")", "Multi threshold 'a' is not valid"},
    {"multi(1h," G ")", "Multi threshold '1h' is not valid"},
    {"multi(0," G ")", "Multisig threshold cannot be 0, must be at least 1"},
    {"multi(2," G ")",
     "Multisig threshold cannot be larger than the number of keys; threshold is 2 "
     "but only 1 keys specified"},
    {"multi(1)", "Cannot have 0 keys in multisig; must have between 1 and 20 keys, inclusive"},
    {"multi(1," G ",x)", "Multi: key 'x' is not valid"},
    {"multi(1," G "," G "," G "," G ")",
     "Cannot have 4 pubkeys in bare multisig; only at most 3 pubkeys"},
    {"sh(multi(1," G65 "," G65 "," G65 "," G65 "," G65 "," G65 "," G65 "," G65 "))",
     "P2SH script is too large, 531 bytes is larger than 520 bytes"},
    {"multi_a(1," X ")", "Can only have multi_a/sortedmulti_a inside tr()"},
    {"tr(" X ",pk(" X ")}", "'tr(" X ",pk(" X ")}' is not a valid descriptor function"},
    {"rawtr(" X "," X ")", "rawtr(): only one key expected."},
    {"addr(nothing)", "Address is not valid"},
    {"addr(bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4)", "Address is not valid"},
    {"raw()", "Raw script is not hex"},
    {"raw(0)", "Raw script is not hex"},
    {"raw(6a)#", "Expected 8 character checksum, not 0 characters"},
    {"raw(6a)#4mhr9ur5#", "Multiple '#' symbols"},
    {"raw(6a)#4mhr9ur6",
     "Provided checksum '4mhr9ur6' does not match computed checksum '4mhr9ur5'"},
    {"raw(6a)\n", "Invalid characters in payload"},
    {"raw(6a),raw(6a)", "Unexpected text ',raw(6a)' after the descriptor"},
};

static void test_descriptor_parse__says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        char err[256] = "";
        assert_null(parse_on("regtest", BAD[i].text, QN_DESC_SECRETS, err, sizeof err));
        assert_string_equal(err, BAD[i].why);
        assert_null(parse_on("regtest", BAD[i].text, QN_DESC_SECRETS, NULL, 0));
    }
}

static void test_descriptor_parse__wants_the_checksum_when_told(void **state)
{
    (void)state;
    char err[256];
    assert_null(parse_on("regtest", "raw(6a)", QN_DESC_NEED_CHECKSUM, err, sizeof err));
    assert_string_equal(err, "Missing checksum");
    qn_descriptor *d =
        parse_on("regtest", "raw(6a)#4mhr9ur5", QN_DESC_NEED_CHECKSUM, err, sizeof err);
    assert_non_null(d);
    qn_descriptor_free(d);
}

static void test_descriptor_parse__without_a_curve_refuses_keys(void **state)
{
    (void)state;
    char err[256];
    const char *text = "wpkh(" G ")";
    assert_null(qn_descriptor_parse(qn_chain_by_name("main"), NULL, text, strlen(text), 0, err,
                                    sizeof err));
    assert_string_equal(err, "wpkh(): Descriptors with keys are not supported here");
}

static void test_descriptor_parse__refuses_secrets_unless_told(void **state)
{
    (void)state;
    static const char *const text[] = {
        "pkh(" WIF ")",
        "wpkh(tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHc"
        "QJCCRUcMRvmDUjyEmNUWwx8UbK/0/*)"};
    for (size_t i = 0; i < QC_COUNTOF(text); i++) {
        char err[256];
        /* Also where the curve has no secrets. */
        const qn_curve public = qn_secp_curve(NULL);
        assert_null(parse_on("regtest", text[i], 0, err, sizeof err));
        assert_non_null(strstr(err, "): Private keys are not accepted: give the public key"));
        assert_null(qn_descriptor_parse(qn_chain_by_name("regtest"), &public, text[i],
                                        strlen(text[i]), 0, err, sizeof err));
        assert_non_null(strstr(err, "): Private keys are not accepted: give the public key"));
    }
}

/* ---- what the BIPs list ---- */

static void test_descriptor__gives_the_scripts_of_the_bips(void **state)
{
    (void)state;
    for (const bip_valid *b = BIP_VALID; b->text; b++) {
        char err[2000];
        qn_descriptor *d = parse_on("main", b->text, QN_DESC_SECRETS, err, sizeof err);
        if (!d)
            fail_msg("%s: %s", b->text, err);
        size_t n = 0;
        for (uint32_t index = 0; b->script[n]; index++) {
            qn_derived v;
            assert_true(index == 0 || qn_descriptor_is_range(d));
            assert_int_equal(qn_descriptor_derive(d, 0, index, &v), QN_DERIVE_OK);
            assert_int_equal(qn_descriptor_is_single(d), v.n_scripts == 1);
            for (size_t i = 0; i < v.n_scripts; i++)
                check_hex(v.script[i].script, b->script[n++]);
            qn_derived_clear(&v);
        }
        assert_true(n > 0);
        qn_descriptor_free(d);
    }
}

static void test_descriptor__refuses_what_the_bips_call_invalid(void **state)
{
    (void)state;
    for (const char *const *t = BIP_INVALID; *t; t++) {
        char err[2000] = "";
        qn_descriptor *d = parse_on("main", *t, QN_DESC_SECRETS, err, sizeof err);
        if (d)
            fail_msg("%s was taken", *t);
        assert_true(err[0] != 0);
    }
}

static void test_descriptor__takes_the_key_expressions_of_the_bips(void **state)
{
    (void)state;
    for (const char *const *t = BIP_KEYS; *t; t++) {
        char err[2000], *text = qc_asprintf("pkh(%s)", *t);
        qn_descriptor *d = parse_on("main", text, QN_DESC_SECRETS, err, sizeof err);
        if (!d)
            fail_msg("%s: %s", text, err);
        qn_descriptor_free(d);
        qc_free(text);
    }
}

/* Text of one branch. Owned: qc_free(). */
static char *print(const qn_descriptor *d, size_t branch)
{
    size_t n = qn_descriptor_print(d, branch, NULL, 0);
    char *text = qc_alloc(n + 1);
    assert_int_equal(qn_descriptor_print(d, branch, text, n + 1), n);
    return text;
}

static void test_descriptor__stands_for_the_branches_of_the_bips(void **state)
{
    (void)state;
    for (const bip_multipath *b = BIP_MULTIPATH; b->text; b++) {
        char err[2000];
        qn_descriptor *d = parse_on("main", b->text, QN_DESC_SECRETS, err, sizeof err);
        if (!d)
            fail_msg("%s: %s", b->text, err);
        size_t n = 0;
        for (; n < 4 && b->branch[n]; n++) {
            qn_derived x, y;
            qn_descriptor *e = parse_on("main", b->branch[n], QN_DESC_SECRETS, err, sizeof err);
            assert_non_null(e);
            char *one = print(d, n), *other = print(e, 0);
            assert_string_equal(one, other);
            assert_int_equal(qn_descriptor_derive(d, n, 5, &x), QN_DERIVE_OK);
            assert_int_equal(qn_descriptor_derive(e, 0, 5, &y), QN_DERIVE_OK);
            assert_int_equal(x.script[0].script.len, y.script[0].script.len);
            assert_memory_equal(x.script[0].script.data, y.script[0].script.data,
                                x.script[0].script.len);
            qn_derived_clear(&x);
            qn_derived_clear(&y);
            qn_descriptor_free(e);
            qc_free(one);
            qc_free(other);
        }
        assert_int_equal(qn_descriptor_branches(d), n);
        qn_derived v;
        assert_int_equal(qn_descriptor_derive(d, n, 0, &v), QN_DERIVE_IMPOSSIBLE);
        qn_descriptor_free(d);
    }
}

static void test_descriptor_infer__knows_only_the_script(void **state)
{
    (void)state;
    static const struct {
        const char *script, *desc;
    } v[] = {
        {"21" G "ac", "pk(" G ")#gn28ywm7"},
        {WPKH_G, "addr(bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080)#8pk5s7ya"},
        {"5121" B "21" G "52ae", "multi(1," B "," G ")#cf94gjze"},
        {"5120" X, "rawtr(" X ")#xsjqcczm"},
        {"5120eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
         "rawtr(eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee)#jk7c6kys"},
        {"5102eeee", "addr(bcrt1pamhqk96edn)#vkh8uj5a"},
        {"6a", "raw(6a)#4mhr9ur5"},
        {"", "raw()#58lrscpx"},
        /* no point has this x: no key */
        {"51200000000000000000000000000000000000000000000000000000000000000000",
         "addr(bcrt1pqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqm3usuw)"},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qc_bytes s = hex_bytes(v[i].script);
        char text[400];
        size_t n =
            qn_descriptor_infer(qn_chain_by_name("regtest"), &curve, s.data, s.len, NULL, NULL, 0);
        assert_int_equal(qn_descriptor_infer(qn_chain_by_name("regtest"), &curve, s.data, s.len,
                                             NULL, text, n + 1),
                         n);
        assert_int_equal(strlen(text), n);
        assert_int_equal(strncmp(text, v[i].desc, strcspn(v[i].desc, "#")), 0);
        if (strchr(v[i].desc, '#'))
            assert_string_equal(text, v[i].desc);
        qc_bytes_free(&s);
    }
}

QC_TEST_MAIN_GROUP(setup, teardown,
                   cmocka_unit_test(test_descriptor__gives_cores_scripts_and_texts),
                   cmocka_unit_test(test_descriptor_parse__says_why_not),
                   cmocka_unit_test(test_descriptor_parse__wants_the_checksum_when_told),
                   cmocka_unit_test(test_descriptor_parse__without_a_curve_refuses_keys),
                   cmocka_unit_test(test_descriptor_parse__refuses_secrets_unless_told),
                   cmocka_unit_test(test_descriptor__gives_the_scripts_of_the_bips),
                   cmocka_unit_test(test_descriptor__refuses_what_the_bips_call_invalid),
                   cmocka_unit_test(test_descriptor__takes_the_key_expressions_of_the_bips),
                   cmocka_unit_test(test_descriptor__stands_for_the_branches_of_the_bips),
                   cmocka_unit_test(test_descriptor_infer__knows_only_the_script))
