/* Hex, base 58, bech32 and the hashes behind them. */
#include "lib/bech32.h"
#include "tests/unit/harness.h"

#include "lib/base58.h"
#include "lib/hash.h"
#include "lib/hex.h"

static void test_hex__decodes_what_it_encodes(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    qn_hex_encode(all, sizeof all, text);
    assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
    assert_true(qn_hex_decode(text, 512, back, sizeof back));
    assert_memory_equal(back, all, sizeof all);
    qn_hex_encode_reversed(all, sizeof all, text);
    assert_memory_equal(text, "fffefd", 6);
    assert_true(qn_hex_decode_reversed(text, 512, back, sizeof back));
    assert_memory_equal(back, all, sizeof all);
    assert_true(qn_hex_decode("aBCdEF", 6, back, 3));
    assert_memory_equal(back, "\xab\xcd\xef", 3);
}

static void test_hex_decode__refuses_the_rest(void **state)
{
    (void)state;
    uint8_t out[4];
    assert_false(qn_hex_decode("abc", 3, out, 4));
    assert_false(qn_hex_decode("0g", 2, out, 4));
    assert_false(qn_hex_decode("g0", 2, out, 4));
    assert_false(qn_hex_decode(" 0", 2, out, 4));
    assert_false(qn_hex_decode("0x", 2, out, 4));
    assert_false(qn_hex_decode("0011223344", 10, out, 4));
    assert_true(qn_hex_decode("", 0, out, 0));
    assert_false(qn_hex_decode_reversed("0011", 4, out, 4));
    assert_false(qn_hex_decode_reversed("00112233445", 11, out, 4));
}

static void test_hash__gives_known_digests(void **state)
{
    (void)state;
    uint8_t h[32];
    char text[65];
    qn_sha256("abc", 3, h);
    qn_hex_encode(h, 32, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    qn_sha256d(NULL, 0, h);
    qn_hex_encode(h, 32, text);
    assert_string_equal(text, "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456");
    qn_hash160("", 0, h);
    qn_hex_encode(h, 20, text);
    assert_string_equal(text, "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb");
    /* The Electrum protocol's own example: the script of 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa. */
    uint8_t script[25];
    assert_true(
        qn_hex_decode("76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac", 50, script, 25));
    qn_script_hash(script, 25, h);
    qn_hex_encode_reversed(h, 32, text);
    assert_string_equal(text, "8b01df4e368ea28f8dc0423bcf7a4923e3a12d307c875e47a0cfbf90b5c39161");
}

static void test_base58__decodes_what_it_encodes(void **state)
{
    (void)state;
    uint8_t in[QN_BASE58_MAX] = {0}, out[QN_BASE58_MAX];
    char text[QN_BASE58_TEXT_MAX];
    uint64_t seed = 5;
    size_t n;
    for (size_t len = 0; len <= sizeof in; len++) {
        for (size_t i = 0; i < len; i++)
            in[i] = i < len % 5 ? 0 : (uint8_t)test_rand(&seed);
        size_t chars = qn_base58_encode(in, len, text, sizeof text);
        assert_int_equal(chars, strlen(text));
        assert_int_equal(!chars, !len);
        assert_true(qn_base58_decode(text, chars, out, len, &n));
        assert_int_equal(n, len);
        assert_memory_equal(in, out, len);
        if (len)
            assert_false(qn_base58_decode(text, chars, out, len - 1, &n));
        if (len > QN_BASE58_MAX - 4)
            continue;
        chars = qn_base58check_encode(in, len, text, sizeof text);
        assert_true(qn_base58check_decode(text, chars, out, len, &n));
        assert_int_equal(n, len);
        assert_memory_equal(in, out, len);
        text[chars / 2] = text[chars / 2] == '2' ? '3' : '2';
        assert_false(qn_base58check_decode(text, chars, out, len, &n));
    }
    memset(in, 0xff, sizeof in);
    assert_int_equal(qn_base58_encode(in, sizeof in, text, sizeof text), 350);
    assert_int_equal(qn_base58_encode(in, sizeof in, text, 350), 0);
    assert_int_equal(qn_base58_encode(in, sizeof in + 1, text, sizeof text), 0);
}

static bool base58(const char *text, uint8_t *out, size_t cap, size_t *n)
{
    return qn_base58_decode(text, strlen(text), out, cap, n);
}

/* What was wiped held the text that is looked for: on the stack of who has returned there is
 * nothing left that could be looked at safely. */
static const void *secret;
static size_t secret_len;
static unsigned n_wiped;

void __real_qn_wipe(void *p, size_t len);
void __wrap_qn_wipe(void *p, size_t len);

void __wrap_qn_wipe(void *p, size_t len)
{
    n_wiped += secret && memmem(p, len, secret, secret_len) != NULL;
    __real_qn_wipe(p, len);
}

static void test_base58__leaves_nothing_on_the_stack(void **state)
{
    uint8_t out[40];
    char text[80];
    size_t n, chars = qn_base58check_encode("a private key", 13, text, sizeof text);
    (void)state;
    assert_true(chars > 0);
    secret = "a private key";
    secret_len = 13;
    n_wiped = 0;
    assert_int_equal(qn_base58check_encode("a private key", 13, text, sizeof text), chars);
    assert_int_equal(n_wiped, 1);
    assert_true(qn_base58check_decode(text, chars, out, sizeof out, &n));
    assert_int_equal(n_wiped, 2);
    text[chars - 1] = text[chars - 1] == '2' ? '3' : '2'; /* the sum alone is wrong */
    assert_false(qn_base58check_decode(text, chars, out, sizeof out, &n));
    assert_int_equal(n_wiped, 3);
    secret = "yek etavirp a"; /* least significant first */
    chars = qn_base58_encode("a private key", 13, text, sizeof text);
    assert_true(qn_base58_decode(text, chars, out, sizeof out, &n));
    assert_int_equal(n_wiped, 4);
    secret = NULL;
}

static void test_base58_decode__refuses_foreign_characters(void **state)
{
    (void)state;
    uint8_t out[300];
    size_t n;
    assert_true(base58(" \t\n\v\f\r skip \r\f\v\n\t ", out, 3, &n));
    assert_memory_equal(out, "\x97\x1a\x55", 3);
    assert_false(base58(" \t\n\v\f\r skip \r\f\v\n\t a", out, 9, &n));
    assert_false(base58("invalid", out, 99, &n)); /* l */
    assert_false(base58("bad0IOl", out, 99, &n));
    assert_false(base58("good\x80", out, 99, &n));
    assert_false(qn_base58_decode("goo\0d", 5, out, 99, &n));
    assert_true(base58("  ", out, 0, &n));
    assert_int_equal(n, 0);
    char ones[400];
    memset(ones, '1', sizeof ones);
    assert_true(qn_base58_decode(ones, 256, out, sizeof out, &n));
    assert_int_equal(n, 256);
    assert_false(qn_base58_decode(ones, 257, out, sizeof out, &n));
    assert_false(qn_base58_decode(ones, 11, out, 10, &n));
    memset(ones, 'z', sizeof ones);
    assert_false(qn_base58_decode(ones, 400, out, sizeof out, &n));
    assert_false(qn_base58check_decode("111", 3, out, 99, &n));
}

static void test_bech32__accepts_the_bips_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        qn_bech32_kind kind;
    } v[] = {
        {"A12UEL5L", QN_BECH32},
        {"a12uel5l", QN_BECH32},
        {"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt"
         "5tgs",
         QN_BECH32},
        {"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", QN_BECH32},
        {"11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8"
         "247j",
         QN_BECH32},
        {"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", QN_BECH32},
        {"?1ezyfcl", QN_BECH32},
        {"A1LQFN3A", QN_BECH32M},
        {"a1lqfn3a", QN_BECH32M},
        {"an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg"
         "7hg6",
         QN_BECH32M},
        {"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", QN_BECH32M},
        {"11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr"
         "8",
         QN_BECH32M},
        {"split1checkupstagehandshakeupstreamerranterredcaperredlc445v", QN_BECH32M},
        {"?1v759aa", QN_BECH32M},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qn_bech32_text t;
        char again[QN_BECH32_MAX + 1];
        size_t len = strlen(v[i].text);
        assert_int_equal(qn_bech32_decode(v[i].text, len, &t), v[i].kind);
        assert_int_equal(qn_bech32_encode(t.kind, t.hrp, t.data, t.data_len, again, sizeof again),
                         len);
        assert_int_equal(strcasecmp(again, v[i].text), 0);
        assert_int_equal(qn_bech32_encode(t.kind, t.hrp, t.data, t.data_len, again, len), 0);
        qn_bech32_error e;
        qn_bech32_locate(v[i].text, len, &e);
        assert_string_equal(e.text, "");
    }
}

static void test_bech32_locate__says_what_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
        uint32_t n, at[2];
    } v[] = {
        {" 1nwldj5", "Invalid character or mixed case", 1, {0}},
        {"\x7f"
         "1axkwrx",
         "Invalid character or mixed case",
         1,
         {0}},
        {"\x80"
         "1eym55h",
         "Invalid character or mixed case",
         1,
         {0}},
        {"an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569"
         "pvx",
         "Bech32 string too long",
         1,
         {90}},
        {"pzry9x0s0muk", "Missing separator", 0, {0}},
        {"1pzry9x0s0muk", "Invalid separator position", 1, {0}},
        {"x1b4n0q5v", "Invalid Base 32 character", 1, {2}},
        {"li1dgmt3", "Invalid separator position", 1, {2}},
        {"de1lg7wt\xff", "Invalid character or mixed case", 1, {8}},
        {"A1G7SGD8", "Invalid checksum", 0, {0}},
        {"10a06t8", "Invalid separator position", 1, {0}},
        {"1qzzfhee", "Invalid separator position", 1, {0}},
        {"a12UEL5L", "Invalid character or mixed case", 2, {3, 4}},
        {"A12uEL5L", "Invalid character or mixed case", 1, {3}},
        {"abcdef1qpzrz9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "Invalid Bech32 checksum", 1, {11}},
        {"test1zg69w7y6hn0aqy352euf40x77qddq3dc", "Invalid Bech32 checksum", 2, {9, 16}},
        {"test1zg69v7y60n00qy352euf40x77qcusag6", "Invalid Bech32m checksum", 2, {13, 32}},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qn_bech32_error e;
        qn_bech32_text t;
        qn_bech32_locate(v[i].text, strlen(v[i].text), &e);
        assert_string_equal(e.text, v[i].what);
        if (i != 12) { /* four letters of the wrong case */
            assert_int_equal(e.n, v[i].n);
        }
        for (uint32_t j = 0; j < v[i].n; j++)
            assert_int_equal(e.at[j], v[i].at[j]);
        assert_int_equal(qn_bech32_decode(v[i].text, strlen(v[i].text), &t), QN_BECH32_INVALID);
    }
    qn_bech32_error e;
    char longer[200];
    memset(longer, 'q', sizeof longer);
    qn_bech32_locate(longer, sizeof longer, &e);
    assert_int_equal(e.at[0], 90);
    assert_int_equal(e.n + e.more, 110);
}

static const char CHARSET[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const char *const ADDRESS[] = {
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    /* so long that some errors have an explanation as bech32 too, with more of them */
    "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
};

static char other_char(char c, size_t by)
{
    return CHARSET[((size_t)(strchr(CHARSET, c) - CHARSET) + by) % 32];
}

static void test_bech32_locate__finds_every_single_error(void **state)
{
    (void)state;
    char text[QN_BECH32_MAX];
    for (size_t k = 0; k < QC_COUNTOF(ADDRESS); k++) {
        size_t len = strlen(ADDRESS[k]), first = strcspn(ADDRESS[k] + 1, "1") + 2;
        for (size_t n = 0; n < (len - first) * 31; n++) {
            size_t i = first + n / 31;
            memcpy(text, ADDRESS[k], len);
            text[i] = other_char(text[i], 1 + n % 31);
            qn_bech32_error e;
            qn_bech32_locate(text, len, &e);
            assert_int_equal(e.n, 1);
            assert_int_equal(e.at[0], i);
            assert_string_equal(e.text, k ? "Invalid Bech32m checksum" : "Invalid Bech32 checksum");
        }
    }
}

/* Of bech32 only: for bech32m another pair may explain the text as bech32, which is tried first. */
static void test_bech32_locate__finds_pairs_of_errors(void **state)
{
    (void)state;
    char text[QN_BECH32_MAX];
    uint64_t seed = 11;
    for (size_t n = 0; n < 1000; n++) {
        size_t len = strlen(ADDRESS[0]);
        size_t i = 3 + test_rand(&seed) % (len - 4), j = i + 1 + test_rand(&seed) % (len - i - 1);
        memcpy(text, ADDRESS[0], len);
        text[i] = other_char(text[i], 1 + test_rand(&seed) % 31);
        text[j] = other_char(text[j], 1 + test_rand(&seed) % 31);
        qn_bech32_error e;
        qn_bech32_locate(text, len, &e);
        assert_int_equal(e.n, 2);
        assert_int_equal(e.at[0], i);
        assert_int_equal(e.at[1], j);
    }
}

static void test_convert_bits__wants_clean_padding(void **state)
{
    (void)state;
    uint8_t out[8];
    size_t n;
    assert_true(qn_convert_bits((const uint8_t *)"\xff\x01", 2, 8, 5, true, out, 8, &n));
    assert_int_equal(n, 4);
    assert_memory_equal(out, "\x1f\x1c\x00\x10", 4);
    assert_false(qn_convert_bits((const uint8_t *)"\xff\x01", 2, 8, 5, true, out, 3, &n));
    assert_true(qn_convert_bits((const uint8_t *)"\x1f\x1c\x00\x10", 4, 5, 8, false, out, 8, &n));
    assert_int_equal(n, 2);
    assert_memory_equal(out, "\xff\x01", 2);
    assert_false(qn_convert_bits((const uint8_t *)"\x1f\x1c\x00\x11", 4, 5, 8, false, out, 8, &n));
    assert_false(qn_convert_bits((const uint8_t *)"\x1f", 1, 5, 8, false, out, 8, &n));
    assert_false(qn_convert_bits((const uint8_t *)"\x00", 1, 5, 8, false, out, 8, &n));
    assert_false(qn_convert_bits((const uint8_t *)"\x20\x00", 2, 5, 8, false, out, 8, &n));
}

QC_TEST_MAIN(cmocka_unit_test(test_hex__decodes_what_it_encodes),
             cmocka_unit_test(test_hex_decode__refuses_the_rest),
             cmocka_unit_test(test_hash__gives_known_digests),
             cmocka_unit_test(test_base58__decodes_what_it_encodes),
             cmocka_unit_test(test_base58__leaves_nothing_on_the_stack),
             cmocka_unit_test(test_base58_decode__refuses_foreign_characters),
             cmocka_unit_test(test_bech32__accepts_the_bips_strings),
             cmocka_unit_test(test_bech32_locate__says_what_and_where),
             cmocka_unit_test(test_bech32_locate__finds_every_single_error),
             cmocka_unit_test(test_bech32_locate__finds_pairs_of_errors),
             cmocka_unit_test(test_convert_bits__wants_clean_padding))
