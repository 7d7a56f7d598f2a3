/* Files of blocks that are not as they should be: out of order, cut off, damaged, of another chain,
 * with garbage between the blocks or frames longer than their block. */
#include "core/chain/chain.h"

#include "core/os/file.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#define N 150u

struct fix {
    chain_kit k;
    qc_bytes raw[N + 1]; /* blocks by height */
    qc_bytes file;
};

static void fix_init(struct fix *f)
{
    memset(f, 0, sizeof *f);
    kit_init(&f->k, QC_CHAIN_REGTEST);
    tb_chain *t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    for (uint32_t h = 1; h <= N; h++)
        tb_chain_grow(t, 1, &f->raw[h]);
    tb_chain_free(t);
    kit_must_open(&f->k);
    kit_log_clear();
}

static void fix_end(struct fix *f)
{
    for (uint32_t h = 1; h <= N; h++)
        qc_bytes_free(&f->raw[h]);
    qc_bytes_free(&f->file);
    kit_end(&f->k);
}

static void put(struct fix *f, const void *data, size_t len)
{
    assert_int_equal(qc_bytes_append(&f->file, data, len), QC_OK);
}

/* A block in a frame that says it is `extra` bytes longer. */
static void put_block(struct fix *f, uint32_t height, uint32_t extra)
{
    uint32_t len = (uint32_t)f->raw[height].len + extra;
    put(f, f->k.params->magic, 4);
    put(f, &len, 4);
    put(f, f->raw[height].data, f->raw[height].len);
}

static qc_import_stats import(struct fix *f)
{
    const _Atomic bool stop = false;
    qc_import_stats st;
    const char *path = tmp_write(f->file.data, f->file.len);
    assert_int_equal(qc_chain_import_file(f->k.c, path, NULL, &stop, &st), QC_OK);
    assert_int_equal(f->k.fatals, 0);
    return st;
}

static void test_import__blocks_in_reverse_order_wait_for_their_parents(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    for (uint32_t h = N; h >= 1; h--)
        put_block(&f, h, 0);
    qc_import_stats st = import(&f);
    assert_int_equal(st.blocks, N);
    assert_int_equal(st.out_of_order, N - 1);
    assert_int_equal(kit_height(&f.k), N);
    fix_end(&f);
}

static void test_import__shuffled_blocks_all_find_their_place(void **state)
{
    (void)state;
    struct fix f;
    uint64_t seed = 8;
    uint32_t order[N];
    fix_init(&f);
    for (uint32_t n = 0; n < N; n++) {
        uint32_t at = (uint32_t)(test_rand(&seed) % (n + 1));
        order[n] = order[at];
        order[at] = n + 1;
    }
    for (uint32_t n = 0; n < N; n++)
        put_block(&f, order[n], 0);
    assert_int_equal(import(&f).blocks, N);
    assert_int_equal(kit_height(&f.k), N);
    /* The same file again has nothing new. */
    qc_import_stats st = import(&f);
    assert_int_equal(st.blocks, 0);
    assert_int_equal(st.duplicates, N);
    fix_end(&f);
}

static void test_import__garbage_between_blocks_is_skipped(void **state)
{
    (void)state;
    struct fix f;
    uint8_t junk[300];
    uint64_t seed = 9;
    fix_init(&f);
    for (uint32_t h = 1; h <= N; h++) {
        for (size_t i = 0; i < sizeof junk; i++)
            junk[i] = (uint8_t)test_rand(&seed);
        put(&f, junk, h % sizeof junk);
        put(&f, f.k.params->magic, h % 5); /* a magic, or a part of one, with nothing behind it */
        put_block(&f, h, 0);
    }
    assert_int_equal(import(&f).blocks, N);
    assert_int_equal(kit_height(&f.k), N);
    fix_end(&f);
}

/* As Core does: go on right behind the block, in the middle of its frame. */
static void test_import__a_frame_longer_than_its_block_hides_nothing(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    for (uint32_t h = 1; h <= N; h++)
        put_block(&f, h, h % 7 == 0 && h < N ? (uint32_t)f.raw[h + 1].len + 8 : 0);
    qc_import_stats st = import(&f);
    assert_int_equal(st.blocks, N);
    assert_int_equal(kit_height(&f.k), N);
    fix_end(&f);
}

static void test_import__a_cut_off_file_gives_what_is_whole(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    for (uint32_t h = 1; h <= N; h++)
        put_block(&f, h, 0);
    f.file.len -= 5;
    assert_int_equal(import(&f).blocks, N - 1);
    assert_int_equal(kit_height(&f.k), N - 1);
    fix_end(&f);
}

static void test_import__damaged_blocks_stop_only_their_branch(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    for (uint32_t h = 1; h <= N; h++) {
        if (h == 100)
            f.raw[h].data[f.raw[h].len - 20] ^= 1; /* in the coinbase: the merkle root is wrong */
        put_block(&f, h, 0);
    }
    qc_import_stats st = import(&f);
    assert_int_equal(kit_height(&f.k), 99);
    assert_true(st.rejected >= 1);
    /* The same hash with the right bytes is not held against it. */
    f.raw[100].data[f.raw[100].len - 20] ^= 1;
    f.file.len = 0;
    for (uint32_t h = 100; h <= N; h++)
        put_block(&f, h, 0);
    import(&f);
    assert_int_equal(kit_height(&f.k), N);
    fix_end(&f);
}

static void test_import__bytes_that_do_not_parse_are_stepped_over(void **state)
{
    (void)state;
    struct fix f;
    uint8_t bad[200];
    fix_init(&f);
    for (uint32_t h = 1; h <= N; h++) {
        put_block(&f, h, 0);
        if (h != 50)
            continue;
        /* The next header, then an impossible number of transactions. */
        uint32_t len = sizeof bad;
        memset(bad, 0xff, sizeof bad);
        memcpy(bad, f.raw[51].data, QC_HEADER_LEN);
        put(&f, f.k.params->magic, 4);
        put(&f, &len, 4);
        put(&f, bad, sizeof bad);
    }
    qc_import_stats st = import(&f);
    assert_int_equal(st.rejected, 1);
    assert_int_equal(kit_height(&f.k), N);
    fix_end(&f);
}

static void test_import__another_chains_file_gives_nothing(void **state)
{
    (void)state;
    struct fix f;
    const _Atomic bool stop = false;
    qc_import_stats st;
    fix_init(&f);
    for (uint32_t h = 1; h <= N; h++)
        put_block(&f, h, 0);
    for (size_t i = 0; i + 4 < f.file.len; i++)
        if (memcmp(f.file.data + i, f.k.params->magic, 4) == 0)
            f.file.data[i] ^= 0x55;
    st = import(&f);
    assert_int_equal(st.blocks, 0);
    assert_true(st.skipped_bytes > 0);
    assert_int_equal(qc_chain_import_file(f.k.c, tmp_path("absent"), NULL, &stop, &st), QC_ENOENT);
    fix_end(&f);
}

static void test_import__stops_when_asked_and_goes_on_later(void **state)
{
    (void)state;
    struct fix f;
    const _Atomic bool stop = true;
    qc_import_stats st;
    fix_init(&f);
    for (uint32_t h = 1; h <= N; h++)
        put_block(&f, h, 0);
    const char *path = tmp_write(f.file.data, f.file.len);
    assert_int_equal(qc_chain_import_file(f.k.c, path, NULL, &stop, &st), QC_ECANCELED);
    assert_int_equal(kit_height(&f.k), 0);
    assert_int_equal(import(&f).blocks, N);
    assert_int_equal(kit_height(&f.k), N);
    fix_end(&f);
}

QC_TEST_MAIN(cmocka_unit_test(test_import__blocks_in_reverse_order_wait_for_their_parents),
             cmocka_unit_test(test_import__shuffled_blocks_all_find_their_place),
             cmocka_unit_test(test_import__garbage_between_blocks_is_skipped),
             cmocka_unit_test(test_import__a_frame_longer_than_its_block_hides_nothing),
             cmocka_unit_test(test_import__a_cut_off_file_gives_what_is_whole),
             cmocka_unit_test(test_import__damaged_blocks_stop_only_their_branch),
             cmocka_unit_test(test_import__bytes_that_do_not_parse_are_stepped_over),
             cmocka_unit_test(test_import__another_chains_file_gives_nothing),
             cmocka_unit_test(test_import__stops_when_asked_and_goes_on_later))
