#include "lib/descriptor.h"
#include "tests/unit/harness.h"

#include "core/crypto/secp.h"
#include "lib/hex.h"

#define G "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define G65                                                                                        \
    "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e" \
    "1108a8fd17b448a68554199c47d08ffb10d4b8"
#define X "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define B "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
#define WIF "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA"
#define WPKH_G "0014751e76e8199196d454941c45d1b3a323f1433bd6"
#define SH_WPKH_G "a914bcfeb728b584253d5f3f70bcb780e9ef218a68f487"

static bool pubkey_valid(void *arg, const uint8_t *key, size_t len)
{
    (void)arg;
    return qc_pubkey_valid(qc_span_of(key, len));
}
static bool pubkey_of(void *arg, const uint8_t *secret, bool compressed, uint8_t *out)
{
    return qc_seckey_pubkey(arg, secret, compressed, out) > 0;
}
static bool tap_output(void *arg, const uint8_t *internal, uint8_t *out)
{
    (void)arg;
    bool odd;
    return qc_tap_tweak(internal, NULL, out, &odd);
}
static qn_curve curve = {NULL, pubkey_valid, pubkey_of, tap_output};

static int setup(void **state)
{
    static const uint8_t seed[32] = {9};
    (void)state;
    curve.arg = qc_signer_new(seed);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    qc_signer_free(curve.arg);
    return 0;
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

typedef struct want {
    size_t i, n;
} want;

static void check_script(void *arg, const uint8_t *script, size_t len, const char *desc)
{
    want *w = arg;
    char *hex = qc_alloc(2 * len + 1);
    assert_true(w->n < 4 && GOOD[w->i].out[w->n].script);
    qn_hex_encode(script, len, hex);
    assert_string_equal(hex, GOOD[w->i].out[w->n].script);
    if (GOOD[w->i].out[w->n].desc)
        assert_string_equal(desc, GOOD[w->i].out[w->n].desc);
    qc_free(hex);
    w->n++;
}

static void test_descriptor__gives_cores_scripts_and_texts(void **state)
{
    (void)state;
    const qn_chain_text *chain = qn_chain_by_name("regtest");
    for (size_t i = 0; i < QC_COUNTOF(GOOD); i++) {
        qn_descriptor d;
        char err[256], text[600];
        if (!qn_descriptor_parse(chain, &curve, GOOD[i].text, strlen(GOOD[i].text), false, &d, err,
                                 sizeof err))
            fail_msg("%s: %s", GOOD[i].text, err);
        const char *canonical = GOOD[i].canonical ? GOOD[i].canonical : GOOD[i].text;
        assert_int_equal(qn_descriptor_print(&d, text, sizeof text), strlen(canonical));
        assert_string_equal(text, canonical);
        assert_int_equal(qn_descriptor_print(&d, text, 8), strlen(canonical));
        assert_memory_equal(text, canonical, 7);
        assert_int_equal(qn_descriptor_is_solvable(&d), GOOD[i].solvable);
        assert_int_equal(qn_descriptor_has_secret(&d), GOOD[i].secret);
        want w = {i, 0};
        assert_true(qn_descriptor_expand(&d, &curve, check_script, &w));
        assert_true(w.n == 4 || !GOOD[i].out[w.n].script);
        qn_descriptor_clear(&d);
    }
}

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
    {"wpkh(91f3ZR2t5PBQpqWCZMMNWxUvGgj9VZNfMd7N4EKBsXDHp9cCLPw)",
     "wpkh(): key '91f3ZR2t5PBQpqWCZMMNWxUvGgj9VZNfMd7N4EKBsXDHp9cCLPw' is not valid"},
    {"pk(nothing)", "pk(): key 'nothing' is not valid"},
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
    {"pkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ"
     "76uZPStJRJCTKvosUCJZL5B/0)",
     "pkh(): Extended keys are not supported: give the derived public key"},
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
    {"tr(" X ",pk(" X "))", "tr(): script trees are not supported"},
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
    const qn_chain_text *chain = qn_chain_by_name("regtest");
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        qn_descriptor d;
        char err[256] = "";
        assert_false(qn_descriptor_parse(chain, &curve, BAD[i].text, strlen(BAD[i].text), false, &d,
                                         err, sizeof err));
        assert_string_equal(err, BAD[i].why);
        assert_false(qn_descriptor_parse(chain, &curve, BAD[i].text, strlen(BAD[i].text), false, &d,
                                         NULL, 0));
    }
}

static void test_descriptor_parse__wants_the_checksum_when_told(void **state)
{
    (void)state;
    qn_descriptor d;
    char err[256];
    const qn_chain_text *chain = qn_chain_by_name("regtest");
    assert_false(qn_descriptor_parse(chain, NULL, "raw(6a)", 7, true, &d, err, sizeof err));
    assert_string_equal(err, "Missing checksum");
    assert_true(
        qn_descriptor_parse(chain, NULL, "raw(6a)#4mhr9ur5", 16, true, &d, err, sizeof err));
    qn_descriptor_clear(&d);
}

static void test_descriptor_parse__without_a_curve_refuses_keys(void **state)
{
    (void)state;
    qn_descriptor d;
    char err[256];
    const char *text = "wpkh(" G ")";
    assert_false(qn_descriptor_parse(qn_chain_by_name("main"), NULL, text, strlen(text), false, &d,
                                     err, sizeof err));
    assert_string_equal(err, "wpkh(): Descriptors with keys are not supported here");
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
        size_t n = qn_descriptor_infer(qn_chain_by_name("regtest"), &curve, s.data, s.len, NULL, 0);
        assert_int_equal(
            qn_descriptor_infer(qn_chain_by_name("regtest"), &curve, s.data, s.len, text, n + 1),
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
                   cmocka_unit_test(test_descriptor_infer__knows_only_the_script))
