/* BIP158: published filters of real blocks, sets against membership, and the index on disk. */
#include "tests/unit/harness.h"

#include "core/crypto/siphash.h"
#include "core/index/blockfilter.h"
#include "core/index/filterdb.h"
#include "core/index/gcs.h"

#include <jansson.h>

__extension__ typedef unsigned __int128 u128;

static qc_bytes hex_at(const json_t *row, size_t i)
{
    return hex_bytes(json_string_value(json_array_get(row, i)));
}

static qc_hash hash_at(const json_t *row, size_t i)
{
    qc_hash h;
    assert_int_equal(qc_hash_parse(json_string_value(json_array_get(row, i)), &h), QC_OK);
    return h;
}

/* The vectors give the spent scripts in the order of the inputs, coinbase left out. */
static qc_block *block_with_spent(const json_t *row)
{
    qc_block *b;
    qc_bytes raw = hex_at(row, 2);
    assert_int_equal(qc_block_parse(qc_bytes_span(&raw), &b), QC_WIRE_OK);
    qc_bytes_free(&raw);
    const json_t *scripts = json_array_get(row, 3);
    const qn_block_view *v = qc_block_view(b);
    qc_spent *spent = calloc(v->in.count, sizeof *spent);
    size_t n = json_array_size(scripts);
    qc_bytes *held = calloc(n ? n : 1, sizeof *held);
    uint32_t skip = qn_view_tx(v, 0)->n_in;
    for (size_t i = 0; i < n && skip + i < v->in.count; i++) {
        held[i] = hex_at(scripts, i);
        spent[skip + i].script = qc_bytes_span(&held[i]);
    }
    assert_int_equal(qc_block_attach_spent(b, spent), QC_OK);
    for (size_t i = 0; i < n; i++)
        qc_bytes_free(&held[i]);
    free(held);
    free(spent);
    return b;
}

static void test_blockfilter__published_filters_and_headers(void **state)
{
    (void)state;
    if (!qc_test_vectors_dir())
        skip();
    json_t *all = json_load_file(vectors_path("core/blockfilters.json"), 0, NULL);
    assert_true(json_array_size(all) > 5);
    for (size_t i = 1; i < json_array_size(all); i++) {
        const json_t *row = json_array_get(all, i);
        qc_block *b = block_with_spent(row);
        qc_bytes got, want = hex_at(row, 5);
        assert_int_equal(qc_blockfilter_basic(b, &got), QC_OK);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.data, want.data, want.len);
        qc_hash hash, header, prev = hash_at(row, 4), expected = hash_at(row, 6);
        qc_blockfilter_hash(qc_bytes_span(&got), &hash);
        qc_blockfilter_header(&hash, &prev, &header);
        assert_memory_equal(header.b, expected.b, 32);
        qc_bytes_free(&got);
        qc_bytes_free(&want);
        qc_block_unref(b);
    }
    json_decref(all);
}

static void test_gcs__members_match_and_strangers_do_not(void **state)
{
    (void)state;
    qc_hash block = {{7}};
    qc_gcs_builder g;
    qc_bytes filter = QC_BYTES_INIT;
    bool hit;
    qc_gcs_begin(&g, &block);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t twice = i / 2; /* each element is added two times */
        assert_int_equal(qc_gcs_add(&g, qc_span_of(&twice, sizeof twice)), QC_OK);
    }
    assert_int_equal(qc_gcs_finish(&g, &filter), QC_OK);
    for (uint32_t i = 0; i < 1500; i++) {
        assert_int_equal(
            qc_gcs_match(qc_bytes_span(&filter), &block, qc_span_of(&i, sizeof i), &hit), QC_OK);
        assert_true(hit);
    }
    unsigned wrong = 0;
    for (uint32_t i = 10000; i < 11000; i++) {
        assert_int_equal(
            qc_gcs_match(qc_bytes_span(&filter), &block, qc_span_of(&i, sizeof i), &hit), QC_OK);
        wrong += hit;
    }
    assert_true(wrong <= 1);
    qc_bytes_free(&filter);
}

/* Any of many is there if and only if one of them is. */
static void test_gcs_match_any__says_what_each_alone_says(void **state)
{
    (void)state;
    const qc_hash block = {{5, 6, 7}};
    qc_bytes filter = QC_BYTES_INIT;
    qc_gcs_builder g;
    uint64_t seed = 4, value[40];
    qc_span some[40];
    bool hit;
    qc_gcs_begin(&g, &block);
    for (uint64_t i = 0; i < 500; i++)
        assert_int_equal(qc_gcs_add(&g, qc_span_of(&i, sizeof i)), QC_OK);
    assert_int_equal(qc_gcs_finish(&g, &filter), QC_OK);
    for (unsigned round = 0; round < 300; round++) {
        size_t n = (size_t)(test_rand(&seed) % 40);
        bool want = false;
        for (size_t i = 0; i < n; i++) {
            value[i] = test_rand(&seed) % 20000 + (round % 2 ? 500 : 0);
            some[i] = qc_span_of(&value[i], sizeof value[i]);
            assert_int_equal(qc_gcs_match(qc_bytes_span(&filter), &block, some[i], &hit), QC_OK);
            want |= hit;
        }
        assert_int_equal(qc_gcs_match_any(qc_bytes_span(&filter), &block, some, n, &hit), QC_OK);
        assert_int_equal(hit, want);
    }
    assert_int_equal(qc_gcs_match_any(qc_span_of(filter.data, 20), &block, some, 10, &hit),
                     QC_ECORRUPT);
    qc_bytes_free(&filter);
}

/* Bit by bit, as BIP158 has it. False: it ends too early, before a value above `most`. */
static bool plain_values(qc_span bits, uint64_t n, uint64_t most, uint64_t *value, size_t *n_value)
{
    size_t at = 0;
    uint64_t last = 0;
    for (*n_value = 0; *n_value < n && last <= most; value[(*n_value)++] = last) {
        uint64_t q = 0, rest = 0;
        for (; at < 8 * bits.len && bits.data[at / 8] >> (7 - at % 8) & 1; at++)
            q++;
        if (at++ + QC_GCS_P >= 8 * bits.len)
            return false;
        for (unsigned i = 0; i < QC_GCS_P; i++, at++)
            rest = rest << 1 | (bits.data[at / 8] >> (7 - at % 8) & 1);
        last += q << QC_GCS_P | rest;
    }
    return true;
}

/* Whatever the bytes are: runs of ones as long as nobody codes them among them. */
static void test_gcs_match__reads_any_bytes_as_they_are_read_bit_by_bit(void **state)
{
    (void)state;
    static const qc_hash block;
    uint64_t seed = 5, value[200];
    unsigned whole = 0, cut = 0;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t f[1 + 120];
        size_t n_value = 0, len = 1 + (size_t)(test_rand(&seed) % 120);
        unsigned ones = (unsigned)(test_rand(&seed) % 4);
        f[0] = (uint8_t)(1 + test_rand(&seed) % 40);
        for (size_t i = 0; i < len; i++)
            f[1 + i] = test_rand(&seed) % 4 < ones ? 0xff : (uint8_t)test_rand(&seed);
        bool hit, is = false, good;
        qc_siphash_key k = {0, 0};
        uint64_t x = test_rand(&seed);
        u128 scaled = (u128)qc_siphash(&k, &x, sizeof x) * (f[0] * (uint64_t)QC_GCS_M);
        uint64_t want = (uint64_t)(scaled >> 64);
        good = plain_values(qc_span_of(f + 1, len), f[0], want, value, &n_value);
        for (size_t i = 0; i < n_value; i++)
            is |= value[i] == want;
        qc_span e = qc_span_of(&x, sizeof x), filter = qc_span_of(f, 1 + len);
        good |= is || (n_value && value[n_value - 1] > want);
        whole += good;
        cut += !good;
        assert_int_equal(qc_gcs_match(filter, &block, e, &hit), good ? QC_OK : QC_ECORRUPT);
        assert_int_equal(hit, is);
        assert_int_equal(qc_gcs_match_any(filter, &block, &e, 1, &hit), good ? QC_OK : QC_ECORRUPT);
        assert_int_equal(hit, is);
    }
    assert_true(whole > 1000 && cut > 1000);
}

static void test_gcs__a_cut_filter_is_corrupt(void **state)
{
    (void)state;
    qc_hash block = {{7}};
    qc_gcs_builder g;
    qc_bytes filter = QC_BYTES_INIT;
    bool hit, some = false;
    qc_gcs_begin(&g, &block);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(qc_gcs_add(&g, qc_span_of(&i, sizeof i)), QC_OK);
    assert_int_equal(qc_gcs_finish(&g, &filter), QC_OK);
    for (uint32_t i = 0; i < 50; i++)
        some |= qc_gcs_match(qc_span_of(filter.data, 20), &block, qc_span_of(&i, sizeof i), &hit) ==
                QC_ECORRUPT;
    assert_true(some);
    assert_int_equal(qc_gcs_match(qc_span_of("", 0), &block, qc_span_str("x"), &hit), QC_ECORRUPT);
    qc_bytes_free(&filter);
}

static void test_filterdb__keeps_what_left_the_chain_and_survives_reopening(void **state)
{
    (void)state;
    char detail[256];
    qc_filterdb *f;
    qc_hash a = {{1}}, b = {{2}}, ha = {{3}}, hb = {{4}}, got;
    qc_bytes filter;
    qc_bookmark at = {.hash = {b}, .n = 1}, found;
    const char *dir = tmp_path("filters");
    assert_int_equal(qc_filterdb_open(&f, dir, 1 << 20, false, detail, sizeof detail), QC_OK);
    assert_int_equal(qc_filterdb_get(f, 5, &a, &filter, &got), QC_ENOENT);
    assert_int_equal(qc_filterdb_put(f, 5, &a, qc_span_str("first"), &ha), QC_OK);
    assert_int_equal(qc_filterdb_leave(f, 5), QC_OK);
    assert_int_equal(qc_filterdb_put(f, 5, &b, qc_span_str("second"), &hb), QC_OK);
    assert_int_equal(qc_filterdb_commit(f, &at), QC_OK);
    qc_filterdb_close(f);
    assert_int_equal(qc_filterdb_open(&f, dir, 1 << 20, false, detail, sizeof detail), QC_OK);
    assert_int_equal(qc_filterdb_locator(f, &found), QC_OK);
    assert_int_equal(found.n, 1);
    assert_memory_equal(found.hash[0].b, b.b, 32);
    assert_int_equal(qc_filterdb_get(f, 5, &a, &filter, &got), QC_OK);
    assert_memory_equal(filter.data, "first", 5);
    assert_memory_equal(got.b, ha.b, 32);
    qc_bytes_free(&filter);
    assert_int_equal(qc_filterdb_get(f, 5, &b, &filter, &got), QC_OK);
    assert_memory_equal(filter.data, "second", 6);
    qc_bytes_free(&filter);
    qc_filterdb_close(f);
}

QC_TEST_MAIN(cmocka_unit_test(test_blockfilter__published_filters_and_headers),
             cmocka_unit_test(test_gcs__members_match_and_strangers_do_not),
             cmocka_unit_test(test_gcs_match_any__says_what_each_alone_says),
             cmocka_unit_test(test_gcs_match__reads_any_bytes_as_they_are_read_bit_by_bit),
             cmocka_unit_test(test_gcs__a_cut_filter_is_corrupt),
             cmocka_unit_test(test_filterdb__keeps_what_left_the_chain_and_survives_reopening))
