/* What a miner makes of a template, and the search for a nonce. */
#include "lib/mining.h"
#include "lib/search.h"
#include "tests/unit/harness.h"

#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/tx.h"

/* The header of block 1 of mainnet. */
static const char BLOCK1[] =
    "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe68"
    "0e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299";

static void test_target_of_bits__knows_the_compact_form(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        const char *hex; /* as a number; NULL: none */
    } row[] = {{0x1d00ffff, "00000000ffff0000000000000000000000000000000000000000000000000000"},
               {0x207fffff, "7fffff0000000000000000000000000000000000000000000000000000000000"},
               {0x03123456, "0000000000000000000000000000000000000000000000000000000000123456"},
               {0x02123456, "0000000000000000000000000000000000000000000000000000000000001234"},
               {0x2100ffff, "ffff000000000000000000000000000000000000000000000000000000000000"},
               {0x2200ffff, NULL},
               {0x01003456, NULL},
               {0x1d800001, NULL},
               {0, NULL}};
    for (size_t i = 0; i < QC_COUNTOF(row); i++) {
        uint8_t got[32] = {7};
        char hex[65];
        assert_int_equal(qn_target_of_bits(row[i].bits, got), row[i].hex != NULL);
        qn_hex_encode_reversed(got, 32, hex);
        if (row[i].hex)
            assert_string_equal(hex, row[i].hex);
        else
            assert_int_equal(got[0], 7);
    }
}

static void test_hash_meets__compares_as_numbers(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    assert_true(qn_hash_meets(a, b));
    a[0] = 1;
    assert_false(qn_hash_meets(a, b));
    b[31] = 1;
    assert_true(qn_hash_meets(a, b));
    assert_false(qn_hash_meets(b, a));
}

static void test_header_write__makes_block_1(void **state)
{
    (void)state;
    qc_bytes want = hex_bytes(BLOCK1);
    uint8_t got[QN_HEADER_LEN];
    const qn_header_parts h = {.version = 1,
                               .prev = want.data + 4,
                               .root = want.data + 36,
                               .time = 1231469665,
                               .bits = 0x1d00ffff,
                               .nonce = 2573394689};
    qn_header_write(&h, got);
    assert_memory_equal(got, want.data, sizeof got);
    qc_bytes_free(&want);
}

static void test_nonce_search__finds_block_1(void **state)
{
    (void)state;
    qc_bytes h = hex_bytes(BLOCK1);
    uint8_t target[32];
    uint32_t n = 0;
    assert_true(qn_target_of_bits(0x1d00ffff, target));
    const uint32_t want = 2573394689;
    for (uint32_t before = 0; before < 5; before++) {
        assert_true(qn_nonce_search(h.data, target, want - before, before + 1, &n));
        assert_int_equal(n, want);
        assert_true(qn_nonce_search_plain(h.data, target, want - before, before + 1, &n));
        n = 5;
        assert_false(qn_nonce_search(h.data, target, want - before, before, &n));
        assert_int_equal(n, 5);
    }
    qc_bytes_free(&h);
}

/* Both ways of hashing must agree on every nonce, at targets of all heights. */
static void test_nonce_search__agrees_with_plain_hashing(void **state)
{
    (void)state;
    uint64_t seed = 5;
    uint8_t header[QN_HEADER_LEN], target[32];
    for (int i = 0; i < 300; i++) {
        uint32_t a = 1, b = 1, count = (uint32_t)(test_rand(&seed) % 600);
        uint32_t first = i % 3 ? (uint32_t)test_rand(&seed) : UINT32_MAX - count / 2;
        for (size_t k = 0; k < sizeof header; k++)
            header[k] = (uint8_t)test_rand(&seed);
        memset(target, 0xff, sizeof target);
        target[31] = (uint8_t)(test_rand(&seed) & 3);
        target[30] = (uint8_t)test_rand(&seed);
        target[29] = 0;
        bool x = qn_nonce_search(header, target, first, count, &a);
        bool y = qn_nonce_search_plain(header, target, first, count, &b);
        assert_int_equal(x, y);
        assert_int_equal(a, b);
    }
}

static const uint8_t PREFIX[] = {3, 1, 2, 3}, TAG[] = "/x/",
                     LAST[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0x6a};
static const qn_coinbase_out OUT = {5000000000, (const uint8_t *)"\x51", 1};

static qn_coinbase plain(void)
{
    return (qn_coinbase){.version = 2,
                         .sequence = 0xfffffffe,
                         .locktime = 77,
                         .prefix = PREFIX,
                         .prefix_len = sizeof PREFIX,
                         .space = 8,
                         .tag = TAG,
                         .tag_len = 3,
                         .out = &OUT,
                         .n_out = 1,
                         .last = LAST,
                         .last_len = sizeof LAST,
                         .n_last = 1};
}

static void test_coinbase_write__is_a_transaction(void **state)
{
    (void)state;
    uint8_t raw[400];
    size_t at = 0;
    qn_coinbase c = plain();
    qn_tx_view v;
    qn_tx_cursor in_at = {0}, out_at = {0};
    qn_tx_in in;
    qn_tx_out out;
    size_t len = qn_coinbase_write(&c, raw, sizeof raw, &at);
    assert_true(len && qn_tx_read(raw, len, &v) && v.len == len && !v.has_witness);
    assert_int_equal(v.version, 2);
    assert_int_equal(v.locktime, 77);
    assert_true(qn_tx_next_in(&v, &in_at, &in));
    assert_int_equal(in.prev_n, UINT32_MAX);
    assert_int_equal(in.sequence, 0xfffffffe);
    assert_int_equal(in.script_len, 17);
    assert_memory_equal(in.script, "\3\1\2\3\10\0\0\0\0\0\0\0\0\3/x/", 17);
    assert_ptr_equal(raw + at, in.script + 5);
    assert_true(qn_tx_next_out(&v, &out_at, &out) && out.value == OUT.value);
    assert_true(qn_tx_next_out(&v, &out_at, &out) && out.script[0] == 0x6a);
    assert_false(qn_tx_next_out(&v, &out_at, &out));
    for (size_t cap = 0; cap < len; cap++) {
        uint8_t *small = malloc(cap + 1);
        assert_int_equal(qn_coinbase_write(&c, small, cap, &at), 0);
        free(small);
    }
    c.tag_len = 76;
    assert_int_equal(qn_coinbase_write(&c, raw, sizeof raw, &at), 0);
    c.tag_len = 75; /* with the prefix and the space it is 90 */
    uint8_t tag[75] = {0};
    c.tag = tag;
    assert_true(qn_coinbase_write(&c, raw, sizeof raw, &at));
    c.space = 20;
    assert_int_equal(qn_coinbase_write(&c, raw, sizeof raw, &at), 0);
    c.space = c.tag_len = 0;
    c.prefix_len = 1;
    assert_int_equal(qn_coinbase_write(&c, raw, sizeof raw, &at), 0);
}

static void test_coinbase_add_witness__keeps_the_txid(void **state)
{
    (void)state;
    uint8_t raw[400], whole[500], id[32], id2[32], witness[32];
    size_t at = 0;
    qn_coinbase c = plain();
    qn_tx_view v, w;
    qn_tx_cursor cursor = {0};
    qn_tx_in in;
    memset(witness, 9, sizeof witness);
    size_t len = qn_coinbase_write(&c, raw, sizeof raw, &at);
    size_t n = qn_coinbase_add_witness(raw, len, witness, whole, sizeof whole);
    assert_int_equal(n, len + 36);
    assert_true(qn_tx_read(raw, len, &v) && qn_tx_read(whole, n, &w) && w.has_witness);
    qn_tx_id(&v, id);
    qn_tx_id(&w, id2);
    assert_memory_equal(id, id2, 32);
    assert_true(qn_tx_next_in(&w, &cursor, &in));
    assert_int_equal(in.witness_len, 34);
    assert_memory_equal(in.witness + 2, witness, 32);
    assert_int_equal(qn_coinbase_add_witness(whole, n, witness, raw, sizeof raw), 0);
    assert_int_equal(qn_coinbase_add_witness(raw, len - 1, witness, whole, sizeof whole), 0);
    assert_int_equal(qn_coinbase_add_witness(raw, len, witness, whole, n - 1), 0);
}

static void test_merkle_fold__goes_up_the_path(void **state)
{
    (void)state;
    uint8_t hash[32] = {1}, path[64] = {2}, pair[64], want[32];
    path[32] = 3;
    memcpy(pair, hash, 32);
    memcpy(pair + 32, path, 32);
    qn_sha256d(pair, 64, want);
    memcpy(pair, want, 32);
    memcpy(pair + 32, path + 32, 32);
    qn_sha256d(pair, 64, want);
    qn_merkle_fold(hash, path, 2);
    assert_memory_equal(hash, want, 32);
    qn_merkle_fold(hash, path, 0);
    assert_memory_equal(hash, want, 32);
}

QC_TEST_MAIN(cmocka_unit_test(test_target_of_bits__knows_the_compact_form),
             cmocka_unit_test(test_hash_meets__compares_as_numbers),
             cmocka_unit_test(test_header_write__makes_block_1),
             cmocka_unit_test(test_nonce_search__finds_block_1),
             cmocka_unit_test(test_nonce_search__agrees_with_plain_hashing),
             cmocka_unit_test(test_coinbase_write__is_a_transaction),
             cmocka_unit_test(test_coinbase_add_witness__keeps_the_txid),
             cmocka_unit_test(test_merkle_fold__goes_up_the_path))
