/* Block and undo files: appending, reading back, rolling over, syncing, pruning. */
#include "core/store/blockfiles.h"

#include "core/base/endian.h"
#include "core/os/file.h"
#include "core/store/files.h"
#include "tests/unit/store_util.h"

static char g_detail[512];
static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};

static qc_err try_open(qc_blockfiles **f, const char *dir, bool use_xor, bool fast)
{
    qc_blockfiles_options o = {.dir = dir,
                               .use_xor = use_xor,
                               .fast = fast,
                               .detail = g_detail,
                               .detail_cap = sizeof g_detail};
    memcpy(o.magic, MAGIC, 4);
    return qc_blockfiles_open(f, &o);
}

static qc_blockfiles *open_files(const char *dir, bool use_xor, bool fast)
{
    qc_blockfiles *f;
    assert_int_equal(try_open(&f, dir, use_xor, fast), QC_OK);
    return f;
}

/* Bytes that tell which block they are. */
static qc_bytes body(unsigned i, size_t len)
{
    qc_bytes b = {qc_alloc(len), len, len}; /* also while a fault is armed */
    for (size_t k = 0; k < len; k++)
        b.data[k] = (uint8_t)(k * 31 + i);
    return b;
}

static qc_err write_one(qc_blockfiles *f, unsigned i, size_t len, qc_filepos *pos)
{
    qc_bytes b = body(i, len);
    qc_err err = qc_blockfiles_write_block(f, qc_bytes_span(&b), 10 + i, 1000 + i, pos);
    qc_bytes_free(&b);
    return err;
}

static void expect_block(const qc_blockfiles *f, unsigned i, size_t len, qc_filepos pos)
{
    qc_bytes want = body(i, len), got = QC_BYTES_INIT;
    assert_int_equal(qc_blockfiles_read_block(f, pos, &got, g_detail, sizeof g_detail), QC_OK);
    assert_true(qc_span_eq(qc_bytes_span(&want), qc_bytes_span(&got)));
    qc_bytes_free(&want);
    qc_bytes_free(&got);
}

static const char *path_in(const char *dir, const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static uint64_t size_of(const char *dir, const char *name)
{
    int fd;
    uint64_t n = 0;
    assert_int_equal(qc_os_open_ro(&fd, path_in(dir, name)), QC_OK);
    assert_int_equal(qc_os_size(fd, &n), QC_OK);
    qc_os_close(fd);
    return n;
}

/* ---- xor.dat ---- */

static void test_open__a_fresh_folder_gets_a_key_only_when_wanted(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f = open_files(dir, true, false);
    uint8_t key[8];
    memcpy(key, qc_blockfiles_xor(f), 8);
    assert_true(memcmp(key, (uint8_t[8]){0}, 8) != 0);
    qc_blockfiles_close(f);
    qc_bytes file = tmp_read(path_in(dir, "xor.dat"));
    assert_int_equal(file.len, 8);
    assert_memory_equal(file.data, key, 8);
    qc_bytes_free(&file);
    f = open_files(dir, true, false); /* an existing key wins */
    assert_memory_equal(qc_blockfiles_xor(f), key, 8);
    qc_blockfiles_close(f);
    assert_int_equal(try_open(&f, dir, false, false), QC_EINVAL);
    assert_non_null(strstr(g_detail, "The blocksdir XOR-key can not be disabled"));
    assert_non_null(strstr(g_detail, "xor.dat"));
    dir = tmp_mkdir();
    f = open_files(dir, false, false);
    assert_memory_equal(qc_blockfiles_xor(f), ((uint8_t[8]){0}), 8);
    qc_blockfiles_close(f);
    f = open_files(dir, true, false); /* used before: stays without */
    assert_memory_equal(qc_blockfiles_xor(f), ((uint8_t[8]){0}), 8);
    qc_blockfiles_close(f);
}

static void test_open__a_used_folder_without_a_key_gets_zeros(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    assert_int_equal(qc_os_write_file_atomic(path_in(dir, "blk00000.dat"), qc_span_str("x"), 0600),
                     QC_OK);
    qc_blockfiles *f = open_files(dir, true, false);
    assert_memory_equal(qc_blockfiles_xor(f), ((uint8_t[8]){0}), 8);
    qc_blockfiles_close(f);
    dir = tmp_mkdir();
    assert_int_equal(qc_os_write_file_atomic(path_in(dir, ".lock"), qc_span_str(""), 0600), QC_OK);
    f = open_files(dir, true, false); /* hidden names do not count */
    assert_true(memcmp(qc_blockfiles_xor(f), (uint8_t[8]){0}, 8) != 0);
    qc_blockfiles_close(f);
}

static void test_open__a_short_key_is_corrupt(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f;
    assert_int_equal(qc_os_write_file_atomic(path_in(dir, "xor.dat"), qc_span_str("1234567"), 0600),
                     QC_OK);
    assert_int_equal(try_open(&f, dir, true, false), QC_ECORRUPT);
    assert_null(f);
    assert_non_null(strstr(g_detail, "xor.dat: 7 bytes found, 8 wanted"));
}

/* ---- appending ---- */

static void test_write_block__frames_and_obfuscates_as_core_does(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    uint8_t key[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(qc_os_write_file_atomic(path_in(dir, "xor.dat"), qc_span_of(key, 8), 0600),
                     QC_OK);
    qc_blockfiles *f = open_files(dir, true, false);
    qc_filepos pos[2];
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(write_one(f, i, 81 + i, &pos[i]), QC_OK);
    assert_int_equal(pos[0].file, 0);
    assert_int_equal(pos[0].pos, 8);
    assert_int_equal(pos[1].pos, 8 + 81 + 8);
    for (unsigned i = 0; i < 2; i++)
        expect_block(f, i, 81 + i, pos[i]);
    assert_int_equal(size_of(dir, "blk00000.dat"), 16 << 20); /* preallocated */
    qc_bytes file = tmp_read(path_in(dir, "blk00000.dat"));
    uint8_t head[8];
    for (size_t i = 0; i < 8; i++)
        head[i] = file.data[89 + i] ^ key[(89 + i) % 8];
    assert_memory_equal(head, MAGIC, 4);
    assert_int_equal(qc_read_le32(head + 4), 82);
    assert_int_equal(file.data[97 + 3] ^ key[100 % 8], (uint8_t)(3 * 31 + 1));
    for (size_t i = 97 + 82; i < 4096; i++)
        assert_int_equal(file.data[i], 0);
    qc_bytes_free(&file);
    qc_fileinfo info = qc_blockfiles_info(f, 0);
    assert_int_equal(info.blocks, 2);
    assert_int_equal(info.size, 89 + 90);
    assert_int_equal(info.height_first, 10);
    assert_int_equal(info.height_last, 11);
    assert_int_equal(info.time_first, 1000);
    assert_int_equal(info.time_last, 1001);
    assert_int_equal(qc_blockfiles_usage(f), 89 + 90);
    qc_blockfiles_close(f);
}

static void test_write_block__goes_on_in_a_new_file_and_trims_the_full_one(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f = open_files(dir, true, true); /* files of 64 KiB */
    qc_filepos pos[20];
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(write_one(f, i, 20000, &pos[i]), QC_OK);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(pos[i].file, i / 3); /* 3 * 20008 + 20008 would reach 65536 */
        expect_block(f, i, 20000, pos[i]);
    }
    assert_int_equal(qc_blockfiles_last(f), 6);
    assert_int_equal(size_of(dir, "blk00000.dat"), 3 * 20008);
    assert_int_equal(size_of(dir, "blk00006.dat"), 3 * 16384); /* in steps of 16 KiB */
    qc_filepos big;
    assert_int_equal(write_one(f, 30, 100000, &big), QC_OK); /* larger than a file */
    assert_int_equal(big.file, 7);
    expect_block(f, 30, 100000, big);
    uint32_t dirty[4];
    assert_int_equal(qc_blockfiles_dirty(f, dirty, 4), 4);
    assert_int_equal(dirty[3], 3);
    assert_int_equal(qc_blockfiles_dirty(f, dirty, 4), 4);
    assert_int_equal(dirty[0], 4);
    assert_int_equal(qc_blockfiles_dirty(f, dirty, 4), 0);
    qc_blockfiles_close(f);
}

/* Exactly as Core: a file is full when a record would reach its size. */
static void test_write_block__the_last_byte_of_a_file_is_never_used(void **state)
{
    (void)state;
    qc_blockfiles *f = open_files(tmp_mkdir(), false, true);
    qc_filepos pos;
    assert_int_equal(write_one(f, 0, 30000, &pos), QC_OK);
    assert_int_equal(write_one(f, 1, 65536 - 30008 - 8 - 1, &pos), QC_OK);
    assert_int_equal(pos.file, 0);
    qc_blockfiles_close(f);
    f = open_files(tmp_mkdir(), false, true);
    assert_int_equal(write_one(f, 0, 30000, &pos), QC_OK);
    assert_int_equal(write_one(f, 1, 65536 - 30008 - 8, &pos), QC_OK);
    assert_int_equal(pos.file, 1);
    qc_blockfiles_close(f);
}

static void test_open__goes_on_where_the_table_says(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f = open_files(dir, true, true);
    qc_filepos pos[5];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(write_one(f, i, 20000, &pos[i]), QC_OK);
    qc_fileinfo info[2] = {qc_blockfiles_info(f, 0), qc_blockfiles_info(f, 1)};
    assert_int_equal(qc_blockfiles_sync(f), QC_OK);
    qc_blockfiles_close(f);
    f = open_files(dir, true, true);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(qc_blockfiles_set_info(f, i, &info[i]), QC_OK);
    assert_int_equal(write_one(f, 4, 20000, &pos[4]), QC_OK);
    assert_int_equal(pos[4].file, 1);
    assert_int_equal(pos[4].pos, 20008 + 8);
    for (unsigned i = 0; i < 5; i++)
        expect_block(f, i, 20000, pos[i]);
    assert_int_equal(qc_blockfiles_set_info(f, QC_FILE_MAX + 1, &info[0]), QC_ERANGE);
    qc_blockfiles_close(f);
}

static void test_note_block__accounts_for_what_lies_there(void **state)
{
    (void)state;
    qc_blockfiles *f = open_files(tmp_mkdir(), false, false);
    qc_filepos pos = {2, 1000};
    assert_int_equal(qc_blockfiles_note_block(f, 500, 7, 70, pos), QC_OK);
    pos.pos = 8;
    assert_int_equal(qc_blockfiles_note_block(f, 100, 5, 90, pos), QC_OK);
    qc_fileinfo i = qc_blockfiles_info(f, 2);
    assert_int_equal(i.size, 1500);
    assert_int_equal(i.blocks, 2);
    assert_int_equal(i.height_first, 5);
    assert_int_equal(i.height_last, 7);
    assert_int_equal(i.time_first, 70);
    assert_int_equal(i.time_last, 90);
    assert_int_equal(qc_blockfiles_last(f), 2);
    pos.pos = UINT32_MAX - 10;
    assert_int_equal(qc_blockfiles_note_block(f, 11, 5, 90, pos), QC_ERANGE);
    pos.file = -1;
    assert_int_equal(qc_blockfiles_note_block(f, 11, 5, 90, pos), QC_ERANGE);
    qc_blockfiles_close(f);
}

/* ---- undo ---- */

static const qc_hash PREV = {{1, 2, 3}};

static void test_undo__is_read_back_with_its_checksum(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f = open_files(dir, true, true);
    qc_filepos pos[8];
    for (unsigned i = 0; i < 8; i++) { /* three files of blocks */
        qc_filepos at;
        assert_int_equal(write_one(f, i, 20000, &at), QC_OK);
    }
    for (unsigned i = 0; i < 8; i++) {
        qc_bytes u = body(i, 100 * i);
        int32_t file = (int32_t)(i % 3);
        assert_int_equal(qc_blockfiles_write_undo(f, file, qc_bytes_span(&u), &PREV, &pos[i]),
                         QC_OK);
        assert_int_equal(pos[i].file, file);
        qc_bytes_free(&u);
    }
    assert_int_equal(pos[0].pos, 8);
    assert_int_equal(pos[3].pos, 8 + 0 + 32 + 8);
    assert_int_equal(size_of(dir, "rev00000.dat"), 1 << 20);
    assert_int_equal(qc_blockfiles_sync(f), QC_OK);
    assert_int_equal(size_of(dir, "rev00000.dat"), 3 * 40 + 900); /* trimmed: not the last */
    assert_int_equal(size_of(dir, "rev00002.dat"), 1 << 20);
    for (unsigned i = 0; i < 8; i++) {
        qc_bytes want = body(i, 100 * i), got;
        assert_int_equal(qc_blockfiles_read_undo(f, pos[i], &PREV, &got, g_detail, sizeof g_detail),
                         QC_OK);
        assert_true(qc_span_eq(qc_bytes_span(&want), qc_bytes_span(&got)));
        qc_bytes_free(&got);
        qc_bytes_free(&want);
    }
    qc_bytes got;
    qc_hash other = PREV;
    other.b[31] ^= 1;
    assert_int_equal(qc_blockfiles_read_undo(f, pos[1], &other, &got, g_detail, sizeof g_detail),
                     QC_ECORRUPT);
    assert_non_null(strstr(g_detail, "rev00001.dat offset 8: checksum begins"));
    assert_int_equal(qc_blockfiles_info(f, 0).undo_size, 3 * 40 + 900);
    assert_int_equal(qc_blockfiles_usage(f), 8 * 20008 + 8 * 40 + 2800);
    qc_blockfiles_close(f);
}

/* ---- hostile files ---- */

static void flip(const char *path, uint64_t at)
{
    int fd;
    uint8_t c;
    assert_int_equal(qc_os_open_rw(&fd, path, false), QC_OK);
    assert_int_equal(qc_os_pread_full(fd, &c, 1, at), QC_OK);
    c ^= 0x80;
    assert_int_equal(qc_os_pwrite_full(fd, &c, 1, at), QC_OK);
    qc_os_close(fd);
}

static void test_read__any_flipped_byte_of_a_frame_or_of_undo_is_corrupt(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f = open_files(dir, true, false);
    qc_filepos pos, undo;
    qc_bytes got, u = body(3, 50);
    assert_int_equal(write_one(f, 0, 100, &pos), QC_OK);
    assert_int_equal(qc_blockfiles_write_undo(f, 0, qc_bytes_span(&u), &PREV, &undo), QC_OK);
    for (uint64_t at = 0; at < 8; at++) {
        flip(path_in(dir, "blk00000.dat"), at);
        assert_int_equal(qc_blockfiles_read_block(f, pos, &got, g_detail, sizeof g_detail),
                         at == 4 || at == 5 ? QC_OK : QC_ECORRUPT); /* as many lie there */
        if (at == 4 || at == 5)
            qc_bytes_free(&got);
        else
            assert_non_null(strstr(g_detail, "blk00000.dat offset 8: "));
        flip(path_in(dir, "blk00000.dat"), at);
    }
    for (uint64_t at = 0; at < 8 + 50 + 32; at++) {
        flip(path_in(dir, "rev00000.dat"), at);
        assert_int_equal(qc_blockfiles_read_undo(f, undo, &PREV, &got, g_detail, sizeof g_detail),
                         QC_ECORRUPT);
        assert_non_null(strstr(g_detail, "rev00000.dat offset 8: "));
        flip(path_in(dir, "rev00000.dat"), at);
    }
    expect_block(f, 0, 100, pos);
    qc_bytes_free(&u);
    qc_blockfiles_close(f);
}

static void expect_unread(const qc_blockfiles *f, qc_filepos pos, qc_err err, const char *words)
{
    qc_bytes got = QC_BYTES_INIT;
    assert_int_equal(qc_blockfiles_read_block(f, pos, &got, g_detail, sizeof g_detail), err);
    assert_non_null(strstr(g_detail, words));
    assert_null(got.data);
    assert_int_equal(qc_blockfiles_read_block(f, pos, &got, NULL, 0), err);
}

static void test_read__places_outside_the_file_are_refused(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f = open_files(dir, false, false);
    qc_filepos pos;
    assert_int_equal(write_one(f, 0, 100, &pos), QC_OK);
    expect_unread(f, (qc_filepos){-1, 8}, QC_ECORRUPT, "no record can lie here");
    expect_unread(f, (qc_filepos){0, 7}, QC_ECORRUPT, "no record can lie here");
    expect_unread(f, (qc_filepos){0, 9}, QC_ECORRUPT, "magic bfb5da64 found, fabfb5da wanted");
    expect_unread(f, (qc_filepos){0, 1u << 30}, QC_ECORRUPT, "file has 16777216 bytes");
    expect_unread(f, (qc_filepos){1, 8}, QC_EPRUNED, "blk00001.dat");
    int fd;
    assert_int_equal(qc_os_open_rw(&fd, path_in(dir, "blk00000.dat"), false), QC_OK);
    assert_int_equal(qc_os_truncate(fd, 107), QC_OK);
    expect_unread(f, pos, QC_ECORRUPT, "length 100 found, 99 bytes left in the file");
    assert_int_equal(qc_os_truncate(fd, 7), QC_OK);
    expect_unread(f, pos, QC_ECORRUPT, "file has 7 bytes");
    qc_os_close(fd);
    qc_blockfiles_close(f);
}

static void test_read__a_length_beyond_any_block_allocates_nothing(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    uint8_t frame[8] = {0xfa, 0xbf, 0xb5, 0xda};
    qc_blockfiles *f = open_files(dir, false, false);
    qc_write_le32(frame + 4, 4000001);
    assert_int_equal(
        qc_os_write_file_atomic(path_in(dir, "blk00000.dat"), qc_span_of(frame, 8), 0600), QC_OK);
    expect_unread(f, (qc_filepos){0, 8}, QC_ECORRUPT,
                  "length 4000001 found, at most 4000000 wanted");
    qc_bytes got;
    qc_write_le32(frame + 4, UINT32_MAX);
    assert_int_equal(
        qc_os_write_file_atomic(path_in(dir, "rev00000.dat"), qc_span_of(frame, 8), 0600), QC_OK);
    assert_int_equal(
        qc_blockfiles_read_undo(f, (qc_filepos){0, 8}, &PREV, &got, g_detail, sizeof g_detail),
        QC_ECORRUPT);
    assert_non_null(strstr(g_detail, "0 bytes left in the file"));
    qc_blockfiles_close(f);
}

/* ---- pruning ---- */

static void test_delete__removes_both_files_and_forgets_them(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_blockfiles *f = open_files(dir, true, true);
    qc_filepos pos[6], undo;
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(write_one(f, i, 20000, &pos[i]), QC_OK);
    assert_int_equal(qc_blockfiles_write_undo(f, 0, qc_span_str("undo"), &PREV, &undo), QC_OK);
    uint32_t dirty[4];
    assert_int_equal(qc_blockfiles_dirty(f, dirty, 4), 2);
    qc_blockfiles_forget(f, 0);
    assert_int_equal(qc_blockfiles_dirty(f, dirty, 4), 1);
    assert_int_equal(dirty[0], 0);
    assert_int_equal(qc_blockfiles_usage(f), 3 * 20008);
    expect_block(f, 0, 20000, pos[0]); /* still there */
    assert_int_equal(qc_blockfiles_delete(f, 0), QC_OK);
    assert_int_equal(qc_blockfiles_dirty(f, dirty, 4), 0); /* known already */
    expect_unread(f, pos[0], QC_EPRUNED, "blk00000.dat");
    assert_false(qc_os_exists(path_in(dir, "rev00000.dat")));
    expect_block(f, 3, 20000, pos[3]);
    assert_int_equal(qc_blockfiles_delete(f, 0), QC_OK); /* a second time is fine */
    assert_int_equal(qc_blockfiles_sync(f), QC_OK);
    qc_blockfiles_close(f);
}

/* ---- faults ---- */

static qc_err use_once(qc_blockfiles *f, qc_filepos pos[static 6], unsigned *written)
{
    qc_err err = QC_OK;
    qc_filepos undo;
    for (*written = 0; *written < 6; ++*written)
        if ((err = write_one(f, *written, 20000, &pos[*written])))
            return err;
    if (!(err = qc_blockfiles_write_undo(f, 0, qc_span_str("undo"), &PREV, &undo)))
        err = qc_blockfiles_sync(f);
    qc_bytes got = QC_BYTES_INIT;
    if (!err)
        err = qc_blockfiles_read_block(f, pos[2], &got, g_detail, sizeof g_detail);
    qc_bytes_free(&got);
    if (!err)
        err = qc_blockfiles_read_undo(f, undo, &PREV, &got, g_detail, sizeof g_detail);
    qc_bytes_free(&got);
    return err;
}

/* What was written stays written, and the next call goes on after it. */
static void test_use__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        fault_arm(0);
        const char *dir = tmp_mkdir();
        fault_arm(runs);
        qc_blockfiles *f;
        qc_filepos pos[7];
        unsigned n = 0;
        qc_err err = try_open(&f, dir, true, true);
        bool opened = !err;
        if (opened)
            err = use_once(f, pos, &n);
        bool hit = fault_was_hit();
        fault_arm(0);
        assert_true(hit ? err == QC_EIO || err == QC_ENOMEM || !err : !err);
        if (opened) {
            assert_int_equal(write_one(f, n, 20000, &pos[n]), QC_OK);
            for (unsigned i = 0; i <= n; i++)
                expect_block(f, i, 20000, pos[i]);
            uint32_t blocks = 0;
            for (uint32_t k = 0; k <= qc_blockfiles_last(f); k++)
                blocks += qc_blockfiles_info(f, k).blocks;
            assert_int_equal(blocks, n + 1);
            qc_blockfiles_close(f);
        }
        fault_arm(hit ? 0 : UINT64_MAX); /* as it was, for the loop */
    }
    assert_true(runs > 40);
}

QC_TEST_MAIN_GROUP(quiet, NULL,
                   cmocka_unit_test(test_open__a_fresh_folder_gets_a_key_only_when_wanted),
                   cmocka_unit_test(test_open__a_used_folder_without_a_key_gets_zeros),
                   cmocka_unit_test(test_open__a_short_key_is_corrupt),
                   cmocka_unit_test(test_write_block__frames_and_obfuscates_as_core_does),
                   cmocka_unit_test(test_write_block__goes_on_in_a_new_file_and_trims_the_full_one),
                   cmocka_unit_test(test_write_block__the_last_byte_of_a_file_is_never_used),
                   cmocka_unit_test(test_open__goes_on_where_the_table_says),
                   cmocka_unit_test(test_note_block__accounts_for_what_lies_there),
                   cmocka_unit_test(test_undo__is_read_back_with_its_checksum),
                   cmocka_unit_test(test_read__any_flipped_byte_of_a_frame_or_of_undo_is_corrupt),
                   cmocka_unit_test(test_read__places_outside_the_file_are_refused),
                   cmocka_unit_test(test_read__a_length_beyond_any_block_allocates_nothing),
                   cmocka_unit_test(test_delete__removes_both_files_and_forgets_them),
                   cmocka_unit_test(test_use__survives_each_single_fault))
