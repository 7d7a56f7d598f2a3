/* Finding blocks in files of unknown state. */
#include "core/store/blockfiles.h"

#include "core/kv/obfuscate.h"
#include "core/os/file.h"
#include "tests/unit/store_util.h"

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};

static void put_frame(qc_bytes *b, uint32_t says, size_t len, uint8_t fill)
{
    put_bytes(b, MAGIC, 4);
    put_le(b, says, 4);
    for (size_t i = 0; i < len; i++)
        put_u8(b, fill);
}

static void put_text(qc_bytes *b, const char *s)
{
    put_bytes(b, s, strlen(s));
}

static qc_blkscan *scan_of(const qc_bytes *b, const uint8_t *key)
{
    qc_blkscan *s;
    assert_int_equal(qc_blkscan_open(&s, tmp_write(b->data, b->len), MAGIC, key), QC_OK);
    assert_int_equal(qc_blkscan_size(s), b->len);
    return s;
}

static void expect_next(qc_blkscan *s, uint8_t fill, size_t len, uint64_t at)
{
    qc_span block;
    uint64_t offset;
    assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_OK);
    assert_int_equal(block.len, len);
    assert_int_equal(block.data[0], fill);
    assert_int_equal(block.data[len - 1], fill);
    assert_int_equal(offset, at);
}

static void expect_end(qc_blkscan *s, uint64_t skipped)
{
    qc_span block;
    uint64_t offset;
    assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_ENOENT);
    assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_ENOENT);
    assert_int_equal(qc_blkscan_skipped(s), skipped);
    qc_blkscan_close(s);
}

static void test_next__passes_over_garbage_and_zeros(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    put_text(&b, "garbage");
    put_frame(&b, 80, 80, 1);
    put_frame(&b, 90, 90, 2);
    put_text(&b, "\xfa\xbf\xb5more"); /* the beginning of a magic */
    put_frame(&b, 100, 100, 3);
    for (int i = 0; i < 1000; i++)
        put_u8(&b, 0);
    qc_blkscan *s = scan_of(&b, NULL);
    expect_next(s, 1, 80, 7 + 8);
    expect_next(s, 2, 90, 7 + 88 + 8);
    expect_next(s, 3, 100, 7 + 88 + 98 + 7 + 8);
    expect_end(s, 14);
    qc_bytes_free(&b);
}

static void test_next__a_magic_right_behind_its_own_first_byte_is_found(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    put_text(&b, "\xfa\xfa\xbf");
    put_frame(&b, 80, 80, 1);
    qc_blkscan *s = scan_of(&b, NULL);
    expect_next(s, 1, 80, 3 + 8);
    expect_end(s, 3);
    qc_bytes_free(&b);
}

static void test_next__lengths_that_no_block_has_are_garbage(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    put_frame(&b, 79, 79, 1);
    put_frame(&b, 4000001, 10, 2);
    put_frame(&b, 80, 80, 3);
    qc_blkscan *s = scan_of(&b, NULL);
    expect_next(s, 3, 80, 8 + 79 + 8 + 10 + 8);
    qc_blkscan_close(s);
    qc_bytes_free(&b);
}

static void test_next__a_frame_cut_off_by_the_end_hides_nothing(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    put_frame(&b, 80, 80, 1);
    put_frame(&b, 5000, 80, 2); /* a flipped bit in a length */
    put_frame(&b, 80, 80, 3);
    put_frame(&b, 80, 79, 4); /* cut off */
    qc_blkscan *s = scan_of(&b, NULL);
    expect_next(s, 1, 80, 8);
    expect_next(s, 3, 80, 88 + 88 + 8);
    qc_span block;
    uint64_t offset;
    assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_ENOENT);
    qc_blkscan_close(s);
    qc_bytes_free(&b);
}

static void test_next__a_tail_too_short_for_a_frame_ends_the_scan(void **state)
{
    (void)state;
    for (size_t n = 0; n < 8; n++) {
        qc_bytes b = QC_BYTES_INIT;
        put_frame(&b, 80, 80, 1);
        put_frame(&b, 80, 0, 0);
        b.len -= 8 - n;
        qc_blkscan *s = scan_of(&b, NULL);
        expect_next(s, 1, 80, 8);
        qc_span block;
        uint64_t offset;
        assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_ENOENT);
        qc_blkscan_close(s);
        qc_bytes_free(&b);
    }
}

static void test_resync__looks_into_a_block_that_did_not_parse(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    put_frame(&b, 188, 100, 1); /* its length takes in the next */
    put_frame(&b, 80, 80, 2);
    qc_blkscan *s = scan_of(&b, NULL);
    qc_span block;
    uint64_t offset;
    assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_OK);
    assert_int_equal(block.len, 188);
    qc_blkscan_resync(s);
    expect_next(s, 2, 80, 108 + 8);
    qc_blkscan_seek(s, 0);
    assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_OK);
    qc_blkscan_used(s, 100);
    expect_next(s, 2, 80, 108 + 8);
    qc_blkscan_seek(s, 1u << 30);
    assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_ENOENT);
    qc_blkscan_close(s);
    qc_bytes_free(&b);
}

static void test_next__obfuscated_files_and_their_preallocation(void **state)
{
    (void)state;
    const uint8_t key[8] = {9, 8, 7, 6, 5, 4, 3, 2};
    qc_bytes b = QC_BYTES_INIT;
    put_frame(&b, 80, 80, 1);
    put_text(&b, "abc");
    put_frame(&b, 81, 81, 2);
    qc_obfuscate(b.data, b.data, b.len, key, 0);
    for (int i = 0; i < 5000; i++)
        put_u8(&b, 0);
    qc_blkscan *s = scan_of(&b, key);
    expect_next(s, 1, 80, 8);
    expect_next(s, 2, 81, 88 + 3 + 8);
    expect_end(s, 3);
    qc_bytes_free(&b);
}

/* More than the buffer, with blocks of the greatest size across every boundary. */
static void test_next__large_files_and_blocks(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    uint64_t at[6];
    for (uint8_t i = 0; i < 6; i++) {
        at[i] = b.len + 8;
        uint32_t len = i % 2 ? 4000000 : 3000001;
        put_bytes(&b, MAGIC, 4);
        put_le(&b, len, 4);
        assert_int_equal(qc_bytes_reserve(&b, len), QC_OK);
        memset(b.data + b.len, i + 1, len);
        b.len += len;
    }
    qc_blkscan *s = scan_of(&b, NULL);
    for (uint8_t i = 0; i < 6; i++)
        expect_next(s, i + 1, i % 2 ? 4000000 : 3000001, at[i]);
    qc_blkscan_seek(s, at[1] - 8); /* far back */
    expect_next(s, 2, 4000000, at[1]);
    expect_next(s, 3, 3000001, at[2]);
    qc_blkscan_seek(s, at[5] - 8);
    expect_next(s, 6, 4000000, at[5]);
    expect_end(s, 0);
    qc_bytes_free(&b);
}

/* Blocks of every size from a few to a few hundred thousand bytes: each is whole wherever the
 * buffer's end happens to fall. */
static void test_next__blocks_are_whole_wherever_the_buffer_ends(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    uint64_t seed = 5;
    uint32_t len[120];
    for (size_t i = 0; i < QC_COUNTOF(len); i++) {
        len[i] = 80 + (uint32_t)(test_rand(&seed) % (i % 3 ? 400000 : 300));
        put_bytes(&b, MAGIC, 4);
        put_le(&b, len[i], 4);
        assert_int_equal(qc_bytes_reserve(&b, len[i]), QC_OK);
        for (uint32_t k = 0; k < len[i]; k++)
            b.data[b.len++] = (uint8_t)(k * 7 + k / 251 + i);
    }
    qc_blkscan *s = scan_of(&b, NULL);
    for (size_t i = 0; i < QC_COUNTOF(len); i++) {
        qc_span block;
        uint64_t offset;
        assert_int_equal(qc_blkscan_next(s, &block, &offset), QC_OK);
        assert_int_equal(block.len, len[i]);
        assert_memory_equal(block.data, b.data + offset, block.len);
    }
    expect_end(s, 0);
    qc_bytes_free(&b);
}

static void test_open__what_is_not_there_is_enoent(void **state)
{
    (void)state;
    qc_blkscan *s;
    assert_int_equal(qc_blkscan_open(&s, tmp_path("none.dat"), MAGIC, NULL), QC_ENOENT);
    assert_null(s);
    qc_bytes b = QC_BYTES_INIT;
    put_u8(&b, 1);
    b.len = 0;
    expect_end(scan_of(&b, NULL), 0);
    qc_bytes_free(&b);
}

static void test_use__survives_each_single_fault(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    put_text(&b, "garbage");
    put_frame(&b, 80, 80, 1);
    put_frame(&b, 90, 90, 2);
    const char *path = tmp_write(b.data, b.len);
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_blkscan *s;
        qc_span block;
        uint64_t offset;
        qc_err err = qc_blkscan_open(&s, path, MAGIC, NULL);
        while (!err)
            err = qc_blkscan_next(s, &block, &offset);
        assert_true(fault_was_hit() ? err == QC_EIO || err == QC_ENOMEM : err == QC_ENOENT);
        qc_blkscan_close(s);
    }
    assert_true(runs > 3);
    qc_bytes_free(&b);
}

QC_TEST_MAIN_GROUP(quiet, NULL, cmocka_unit_test(test_next__passes_over_garbage_and_zeros),
                   cmocka_unit_test(test_next__a_magic_right_behind_its_own_first_byte_is_found),
                   cmocka_unit_test(test_next__lengths_that_no_block_has_are_garbage),
                   cmocka_unit_test(test_next__a_frame_cut_off_by_the_end_hides_nothing),
                   cmocka_unit_test(test_next__a_tail_too_short_for_a_frame_ends_the_scan),
                   cmocka_unit_test(test_resync__looks_into_a_block_that_did_not_parse),
                   cmocka_unit_test(test_next__obfuscated_files_and_their_preallocation),
                   cmocka_unit_test(test_next__large_files_and_blocks),
                   cmocka_unit_test(test_next__blocks_are_whole_wherever_the_buffer_ends),
                   cmocka_unit_test(test_open__what_is_not_there_is_enoent),
                   cmocka_unit_test(test_use__survives_each_single_fault))
