#include "lib/address.h"
#include "tests/unit/harness.h"

#include "lib/base58.h"
#include "lib/elsewhere.h"
#include "lib/hex.h"

static const struct {
    const char *chain, *address, *script;
} GOOD[] = {
    {"main", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo",
     "76a914a31c06bd463e3923bc1aadbde48b16976c08071788ac"},
    {"main", "36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm",
     "a914373b819a068f32b7a6b38b6b38729647cfde01c287"},
    {"testnet4", "mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ",
     "76a914ce28b26c57472737f5c3561a1761185bd8589a4388ac"},
    {"signet", "2N1r7aC69VHeE7yQJPDLi9T1PYq4wnwvjuT",
     "a9145e5a35ab44b3efaea5129ba22b88ba3e2976614587"},
    {"main", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
     "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
    {"test", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
     "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"},
    {"main", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
     "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"},
    {"main", "bc1sw50qgdz25j", "6002751e"},
    {"main", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"},
    {"regtest", "bcrt1pfeesnyr2tx", "51024e73"},
    {"main", "bc1pfeessrawgf", "51024e73"},
};

static void test_address__goes_to_script_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(GOOD); i++) {
        const qn_chain_text *chain = qn_chain_by_name(GOOD[i].chain);
        qc_bytes want = hex_bytes(GOOD[i].script);
        uint8_t script[QN_ADDRESS_SCRIPT_MAX];
        char text[QN_ADDRESS_MAX];
        size_t len = 0;
        qn_address_error err;
        if (!qn_address_decode(chain, GOOD[i].address, strlen(GOOD[i].address), script, &len, &err))
            fail_msg("%s: %s", GOOD[i].address, err.text);
        assert_int_equal(len, want.len);
        assert_memory_equal(script, want.data, len);
        assert_int_equal(qn_address_encode(chain, script, len, text), strlen(GOOD[i].address));
        assert_string_equal(text, GOOD[i].address);
        qc_bytes_free(&want);
    }
}

/* What Core's rpc_validateaddress and rpc_invalid_address_message expect, main and regtest. */
static const struct {
    const char *chain, *address, *why;
    int at; /* -1: no place */
} BAD[] = {
    {"main", "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty",
     "Invalid or unsupported Segwit (Bech32) or Base58 encoding.", -1},
    {"main", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "Invalid Bech32 checksum", 41},
    {"main", "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2",
     "Version 1+ witness address must use Bech32m checksum", -1},
    {"main", "bc1rw5uspcuh", "Version 1+ witness address must use Bech32m checksum", -1},
    {"main", "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
     "Invalid Bech32 v0 address program size (16 bytes), per BIP141", -1},
    {"main", "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
     "Invalid Base 32 character", 59},
    {"main", "bc130xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq7zwS8R",
     "Invalid character or mixed case", 59},
    {"main", "bc1pw5dgrnzv", "Invalid Bech32 address program size (1 byte)", -1},
    {"main", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
     "Invalid Bech32 address program size (41 bytes)", -1},
    {"main", "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
     "Invalid Bech32 address witness version", -1},
    {"main", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
     "Invalid padding in Bech32 data section", -1},
    {"main", "bc1gmk9yu", "Empty Bech32 data section", -1},
    {"main", "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v5f8vt5",
     "Version 0 witness address must use Bech32 checksum", -1},
    {"regtest", "bcrt1", "Invalid separator position", 4},
    {"regtest", "bcrtpw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
     "Missing separator", -1},
    {"regtest", "17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem",
     "Invalid or unsupported Base58-encoded address.", -1},
    {"regtest", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJJfn",
     "Invalid checksum or length of Base58 address (P2PKH or P2SH)", -1},
    {"regtest", "2VKf7XKMrp4bVNVmuRbyCewkP8FhGLP2E54LHDPakr9Sq5mtU2",
     "Invalid checksum or length of Base58 address (P2PKH or P2SH)", -1},
    {"regtest", "asfah14i8fajz0123f", "Invalid or unsupported Segwit (Bech32) or Base58 encoding.",
     -1},
    {"regtest", "", "Invalid checksum or length of Base58 address (P2PKH or P2SH)", -1},
};

static void test_address_decode__says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        uint8_t script[QN_ADDRESS_SCRIPT_MAX];
        size_t len;
        qn_address_error err;
        const qn_chain_text *chain = qn_chain_by_name(BAD[i].chain);
        assert_false(
            qn_address_decode(chain, BAD[i].address, strlen(BAD[i].address), script, &len, &err));
        assert_string_equal(err.text, BAD[i].why);
        assert_int_equal(err.where.n > 0, BAD[i].at >= 0);
        if (BAD[i].at >= 0)
            assert_int_equal(err.where.at[0], BAD[i].at);
        assert_false(
            qn_address_decode(chain, BAD[i].address, strlen(BAD[i].address), script, &len, NULL));
    }
}

static void test_address_decode__names_the_expected_prefix(void **state)
{
    (void)state;
    /* "bc" is a prefix of "bcrt": the text is read as bech32 and found to be of another chain. */
    const char *text = "bcrt1pfeesnyr2tx";
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len;
    qn_address_error err;
    assert_false(
        qn_address_decode(qn_chain_by_name("main"), text, strlen(text), script, &len, &err));
    assert_string_equal(err.text, "Invalid or unsupported prefix for Segwit (Bech32) address "
                                  "(expected bc, got bcrt).");
}

static void test_address_encode__has_none_for_bare_scripts(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "6a",
        "51",
        "210279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798ac",
        "0014751e76e8199196d454941c45d1b3a323f1433b", /* a v0 program of 19 bytes */
    };
    for (size_t i = 0; i < QC_COUNTOF(none); i++) {
        qc_bytes s = hex_bytes(none[i]);
        char text[QN_ADDRESS_MAX] = "x";
        assert_int_equal(qn_address_encode(qn_chain_by_name("main"), s.data, s.len, text), 0);
        assert_string_equal(text, "");
        qc_bytes_free(&s);
    }
}

static void test_wif__goes_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *chain, *text, *key;
        bool compressed;
    } v[] = {
        {"main", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
         "0c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d", false},
        {"main", "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617",
         "0c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d", true},
        {"regtest", "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA",
         "0000000000000000000000000000000000000000000000000000000000000001", true},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        const qn_chain_text *chain = qn_chain_by_name(v[i].chain);
        uint8_t key[32];
        char hex[65], text[QN_ADDRESS_MAX];
        bool compressed;
        assert_true(qn_wif_decode(chain, v[i].text, strlen(v[i].text), key, &compressed));
        qn_hex_encode(key, 32, hex);
        assert_string_equal(hex, v[i].key);
        assert_int_equal(compressed, v[i].compressed);
        assert_int_equal(qn_wif_encode(chain, key, compressed, text), strlen(v[i].text));
        assert_string_equal(text, v[i].text);
        const qn_chain_text *other = qn_chain_by_name(i == 2 ? "main" : "regtest");
        assert_false(qn_wif_decode(other, v[i].text, strlen(v[i].text), key, &compressed));
        assert_false(qn_wif_decode(chain, v[i].text, strlen(v[i].text) - 1, key, &compressed));
    }
}

static void test_wif_decode__wants_a_one_behind_compressed_keys(void **state)
{
    (void)state;
    uint8_t data[35] = {128, 7}, key[32];
    char text[QN_BASE58_TEXT_MAX];
    bool compressed;
    for (size_t len = 32; len <= 35; len++)
        for (uint8_t last = 0; last < 3; last++) {
            data[33] = last;
            size_t n = qn_base58check_encode(data, len, text, sizeof text);
            assert_int_equal(qn_wif_decode(qn_chain_by_name("main"), text, n, key, &compressed),
                             len == 33 || (len == 34 && last == 1));
        }
}

static const char *where_address(const char *chain, const char *text)
{
    static char out[QN_ELSEWHERE_MAX];
    const bool is = qn_address_elsewhere(qn_chain_by_name(chain), text, strlen(text), out);
    assert_int_equal(is, out[0] != 0);
    return out;
}

static void test_address_elsewhere__names_the_chains(void **state)
{
    (void)state;
    static const char B32[] = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                      T32[] = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
                      B58[] = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
                      T58[] = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
    assert_string_equal(where_address("regtest", B32),
                        "of main; this node is on regtest (addresses "
                        "begin with bcrt1, m, n or 2)");
    assert_string_equal(where_address("signet", B58),
                        "of main; this node is on signet (addresses begin with tb1, m, n or 2)");
    assert_string_equal(where_address("main", T32), "of test, testnet4 or signet; this node is on "
                                                    "main (addresses begin with bc1, 1 or 3)");
    assert_string_equal(where_address("main", T58),
                        "of test, testnet4, signet or regtest; this node is on main (addresses "
                        "begin with bc1, 1 or 3)");
    assert_string_equal(where_address("regtest", T58), "");
    assert_string_equal(where_address("main", "nonsense"), "");
    assert_string_equal(where_address("main", ""), "");
}

static void test_ext_elsewhere__names_the_chains(void **state)
{
    (void)state;
    static const char PUB[] =
        "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJ"
        "oCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8";
    char out[QN_ELSEWHERE_MAX];
    assert_true(qn_ext_elsewhere(qn_chain_by_name("test"), PUB, strlen(PUB), out));
    assert_string_equal(out, "of main; this node is on test (keys begin with tpub)");
    assert_false(qn_ext_elsewhere(qn_chain_by_name("main"), PUB, strlen(PUB), out));
    assert_string_equal(out, "");
    assert_false(qn_ext_elsewhere(qn_chain_by_name("test"), PUB, strlen(PUB) - 1, out));
}

static void test_chain_by_name__knows_five(void **state)
{
    (void)state;
    assert_string_equal(qn_chain_by_name("signet")->hrp, "tb");
    assert_string_equal(qn_chain_by_name("main")->hrp, "bc");
    assert_null(qn_chain_by_name("mainnet"));
    assert_null(qn_chain_by_name(""));
}

QC_TEST_MAIN(cmocka_unit_test(test_address__goes_to_script_and_back),
             cmocka_unit_test(test_address_decode__says_why_not),
             cmocka_unit_test(test_address_decode__names_the_expected_prefix),
             cmocka_unit_test(test_address_encode__has_none_for_bare_scripts),
             cmocka_unit_test(test_wif__goes_both_ways),
             cmocka_unit_test(test_wif_decode__wants_a_one_behind_compressed_keys),
             cmocka_unit_test(test_address_elsewhere__names_the_chains),
             cmocka_unit_test(test_ext_elsewhere__names_the_chains),
             cmocka_unit_test(test_chain_by_name__knows_five))
