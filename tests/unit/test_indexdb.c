/* The block index database. */
#include "core/store/indexdb.h"

#include "core/kv/kv.h"
#include "core/store/files.h"
#include "tests/unit/store_util.h"

static char g_detail[512];

/* Records as Bitcoin Core v31.99 wrote them for a regtest chain. */
#define CORE_GENESIS                                                                               \
    "8eed3c00800b010008"                                                                           \
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b2"     \
    "7ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000"
#define CORE_150                                                                                   \
    "8eed3c8016801d1f00c1820789a83a"                                                               \
    "00000030d944be8f87a4fe93c721a71db5bd5d0c0e3a67be3c4c033bb570e5484ee2d052d9a904e18a09f6fe"     \
    "d429a4d86689bd41ed614fc1174441a9b4b2b9c0a0c2e749bae1036bffff7f2000000000"

static qc_indexdb *open_db(const char *path)
{
    qc_indexdb *db;
    assert_int_equal(qc_indexdb_open(&db, path, 1 << 20, false, g_detail, sizeof g_detail), QC_OK);
    return db;
}

static void expect_record(const char *hex, qc_index_record want)
{
    qc_bytes b = hex_bytes(hex);
    qc_index_record got;
    uint8_t again[QC_INDEX_RECORD_MAX];
    assert_null(qc_index_record_decode(qc_bytes_span(&b), &got));
    assert_int_equal(got.height, want.height);
    assert_int_equal(got.status, want.status);
    assert_int_equal(got.n_tx, want.n_tx);
    assert_int_equal(got.file, want.file);
    assert_int_equal(got.data_pos, want.data_pos);
    assert_int_equal(got.undo_pos, want.undo_pos);
    assert_int_equal(qc_index_record_encode(&got, again), b.len);
    assert_memory_equal(again, b.data, b.len);
    qc_bytes_free(&b);
}

static void test_record__is_read_and_written_as_core_does(void **state)
{
    (void)state;
    expect_record(CORE_GENESIS, (qc_index_record){.status = 139, .n_tx = 1, .data_pos = 8});
    expect_record(
        CORE_150,
        (qc_index_record){
            .height = 150, .status = 157, .n_tx = 31, .data_pos = 1081735, .undo_pos = 169146});
}

static void test_record__malformed_bytes_say_why(void **state)
{
    (void)state;
    qc_bytes b = hex_bytes(CORE_150);
    qc_index_record r = {.height = 77};
    for (size_t n = 0; n < b.len; n++)
        assert_non_null(qc_index_record_decode(qc_span_of(b.data, n), &r));
    put_u8(&b, 0);
    assert_string_equal(qc_index_record_decode(qc_bytes_span(&b), &r), "bytes left over");
    qc_bytes_free(&b);
    b = hex_bytes("8eed3c8efefeff00801d1f00c1820789a83a");
    assert_string_equal(qc_index_record_decode(qc_bytes_span(&b), &r), "height is not a number");
    qc_bytes_free(&b);
    b = hex_bytes("8eed3c8016801d1f8efefeff00c1820789a83a");
    assert_string_equal(qc_index_record_decode(qc_bytes_span(&b), &r), "file is not a number");
    qc_bytes_free(&b);
    assert_int_equal(r.height, 77);
}

/* ---- the database ---- */

static qc_index_record record(uint32_t nonce, qc_hash *hash)
{
    qc_index_record r = {.header = {.version = 4, .time = 5, .bits = 0x207fffff, .nonce = nonce},
                         .height = nonce,
                         .status = QC_BLOCK_VALID_TREE,
                         .n_tx = nonce,
                         .file = -1};
    if (nonce & 1) {
        r.status = QC_BLOCK_VALID_SCRIPTS | QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO;
        r.file = 3;
        r.data_pos = 1000 * nonce;
        r.undo_pos = 100 * nonce;
    }
    qc_header_hash(&r.header, hash);
    return r;
}

static qc_err seen(void *arg, const qc_hash *hash, const qc_index_record *rec)
{
    qc_hash h;
    qc_index_record want = record(rec->header.nonce, &h);
    assert_true(qc_hash_eq(hash, &h));
    assert_int_equal(rec->height, want.height);
    assert_int_equal(rec->status, want.status);
    assert_int_equal(rec->file, want.file);
    assert_int_equal(rec->data_pos, want.data_pos);
    assert_int_equal(rec->undo_pos, want.undo_pos);
    *(unsigned *)arg += rec->header.nonce;
    return rec->header.nonce == 1000 ? QC_ECANCELED : QC_OK;
}

static const qc_fileinfo INFO = {190, 2405074, 380020, 0, 184, 1296688602, 1795000000};

static qc_err write_batch(qc_indexdb *db, uint32_t from, uint32_t to)
{
    qc_indexdb_batch *b = qc_indexdb_batch_new(db);
    for (uint32_t n = from; n <= to; n++) {
        qc_hash h;
        qc_index_record r = record(n, &h);
        qc_indexdb_batch_put(b, &h, &r);
    }
    qc_indexdb_batch_info(b, 3, &INFO);
    qc_indexdb_batch_last(b, 3);
    return qc_indexdb_batch_commit(b, true);
}

static void test_batch__is_there_after_reopening(void **state)
{
    (void)state;
    const char *path = tmp_mkdir();
    qc_indexdb *db = open_db(path);
    uint32_t last;
    qc_fileinfo info;
    unsigned sum = 0;
    assert_int_equal(qc_indexdb_last(db, &last), QC_ENOENT);
    assert_int_equal(qc_indexdb_info(db, 3, &info), QC_ENOENT);
    assert_int_equal(qc_indexdb_each(db, seen, &sum), QC_OK);
    assert_int_equal(write_batch(db, 1, 10), QC_OK);
    qc_indexdb_close(db);
    db = open_db(path);
    assert_int_equal(qc_indexdb_each(db, seen, &sum), QC_OK);
    assert_int_equal(sum, 55);
    assert_int_equal(qc_indexdb_last(db, &last), QC_OK);
    assert_int_equal(last, 3);
    assert_int_equal(qc_indexdb_info(db, 3, &info), QC_OK);
    assert_int_equal(info.blocks, INFO.blocks);
    assert_int_equal(info.size, INFO.size);
    assert_int_equal(info.undo_size, INFO.undo_size);
    assert_int_equal(info.height_first, INFO.height_first);
    assert_int_equal(info.height_last, INFO.height_last);
    assert_int_equal(info.time_first, INFO.time_first);
    assert_int_equal(info.time_last, INFO.time_last);
    assert_int_equal(qc_indexdb_info(db, 2, &info), QC_ENOENT);
    assert_int_equal(write_batch(db, 1000, 1000), QC_OK);
    assert_int_equal(qc_indexdb_each(db, seen, &sum), QC_ECANCELED); /* the caller's wish */
    qc_indexdb_close(db);
}

static void test_flags__are_set_and_unset(void **state)
{
    (void)state;
    qc_indexdb *db = open_db(tmp_mkdir());
    bool on = true;
    assert_int_equal(qc_indexdb_reindexing(db, &on), QC_OK);
    assert_false(on);
    assert_int_equal(qc_indexdb_flag(db, "prunedblockfiles", &on), QC_ENOENT);
    assert_int_equal(qc_indexdb_set_flag(db, "prunedblockfiles", true), QC_OK);
    assert_int_equal(qc_indexdb_set_reindexing(db, true), QC_OK);
    assert_int_equal(qc_indexdb_reindexing(db, &on), QC_OK);
    assert_true(on);
    on = false;
    assert_int_equal(qc_indexdb_flag(db, "prunedblockfiles", &on), QC_OK);
    assert_true(on);
    assert_int_equal(qc_indexdb_set_flag(db, "prunedblockfiles", false), QC_OK);
    assert_int_equal(qc_indexdb_flag(db, "prunedblockfiles", &on), QC_OK);
    assert_false(on);
    assert_int_equal(qc_indexdb_set_reindexing(db, false), QC_OK);
    assert_int_equal(qc_indexdb_reindexing(db, &on), QC_OK);
    assert_false(on);
    qc_indexdb_close(db);
}

/* Keys and values byte for byte as Core has them, read past our own decoding. */
static void expect_raw(qc_kv *kv, qc_span key, qc_span value)
{
    qc_bytes v = QC_BYTES_INIT;
    assert_int_equal(qc_kv_get(kv, NULL, key, &v), QC_OK);
    assert_true(qc_span_eq(qc_bytes_span(&v), value));
    qc_bytes_free(&v);
}

static void test_keys__are_those_of_core(void **state)
{
    (void)state;
    const char *path = tmp_mkdir();
    qc_indexdb *db = open_db(path);
    assert_int_equal(write_batch(db, 1, 1), QC_OK);
    assert_int_equal(qc_indexdb_set_flag(db, "prunedblockfiles", true), QC_OK);
    assert_int_equal(qc_indexdb_set_reindexing(db, true), QC_OK);
    qc_indexdb_close(db);
    qc_kv *kv;
    qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = 1 << 20};
    assert_int_equal(qc_kv_open(&kv, path, &o, NULL, 0), QC_OK);
    expect_raw(kv, qc_span_of("f\3\0\0\0", 5),
               qc_span_of("\x80\x3e\x80\x91\xe4\x52\x96\x97\x74\x00\x80\x38"
                          "\x83\xe9\xa6\xca\x5a\x85\xd6\xf5\x8c\x40",
                          22));
    expect_raw(kv, qc_span_str("l"), qc_span_of("\3\0\0\0", 4));
    expect_raw(kv, qc_span_str("F\x10prunedblockfiles"), qc_span_str("1"));
    expect_raw(kv, qc_span_str("R"), qc_span_str("1"));
    uint8_t key[33] = {'b'};
    qc_hash h;
    qc_index_record r = record(1, &h);
    memcpy(key + 1, h.b, 32);
    uint8_t value[QC_INDEX_RECORD_MAX];
    expect_raw(kv, qc_span_of(key, 33), qc_span_of(value, qc_index_record_encode(&r, value)));
    qc_kv_close(kv);
}

/* ---- hostile records ---- */

static qc_indexdb *with_record(qc_span key, qc_span value)
{
    const char *path = tmp_mkdir();
    qc_kv *kv;
    qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = 1 << 20, .create = true};
    assert_int_equal(qc_kv_open(&kv, path, &o, NULL, 0), QC_OK);
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, key, value);
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
    qc_kv_close(kv);
    return open_db(path);
}

static void expect_each_corrupt(qc_span key, qc_span value, const char *words)
{
    unsigned sum = 0;
    qc_indexdb *db = with_record(key, value);
    assert_int_equal(qc_indexdb_each(db, seen, &sum), QC_ECORRUPT);
    assert_non_null(strstr(qc_indexdb_detail(db), words));
    qc_indexdb_close(db);
}

static void test_each__malformed_records_are_corrupt_in_words(void **state)
{
    (void)state;
    uint8_t key[34] = {'b'}, value[QC_INDEX_RECORD_MAX];
    qc_hash h;
    qc_index_record r = record(1, &h);
    size_t n = qc_index_record_encode(&r, value);
    memcpy(key + 1, h.b, 32);
    expect_each_corrupt(qc_span_of(key, 34), qc_span_of(value, n), "key of 34 bytes, 33 wanted");
    expect_each_corrupt(qc_span_of(key, 33), qc_span_of(value, n - 1), "data ends inside");
    key[5] ^= 1;
    expect_each_corrupt(qc_span_of(key, 33), qc_span_of(value, n), "holds the header of");
}

static void test_reads__malformed_values_are_corrupt_in_words(void **state)
{
    (void)state;
    uint32_t last = 55;
    qc_fileinfo info;
    bool on;
    qc_indexdb *db = with_record(qc_span_str("l"), qc_span_of("\0\0\0", 3));
    assert_int_equal(qc_indexdb_last(db, &last), QC_ECORRUPT);
    assert_non_null(strstr(qc_indexdb_detail(db), "3 bytes found, 4 wanted"));
    qc_indexdb_close(db);
    db = with_record(qc_span_str("l"), qc_span_of("\xff\xff\xff\x7f", 4));
    assert_int_equal(qc_indexdb_last(db, &last), QC_ECORRUPT);
    assert_int_equal(last, 55);
    qc_indexdb_close(db);
    db = with_record(qc_span_of("f\0\0\0\0", 5), qc_span_of("\1\1\1\1\1\1", 6));
    assert_int_equal(qc_indexdb_info(db, 0, &info), QC_ECORRUPT);
    qc_indexdb_close(db);
    db = with_record(qc_span_of("f\0\0\0\0", 5), qc_span_of("\1\1\1\1\1\1\1\1", 8));
    assert_int_equal(qc_indexdb_info(db, 0, &info), QC_ECORRUPT);
    assert_non_null(strstr(qc_indexdb_detail(db), "block file 0"));
    qc_indexdb_close(db);
    db = with_record(qc_span_str("F\4flag"), qc_span_str("11"));
    assert_int_equal(qc_indexdb_flag(db, "flag", &on), QC_ECORRUPT);
    qc_indexdb_close(db);
}

static qc_err use_once(const char *path)
{
    qc_indexdb *db;
    qc_err err = qc_indexdb_open(&db, path, 1 << 20, false, g_detail, sizeof g_detail);
    if (err)
        return err;
    unsigned sum = 0;
    uint32_t last;
    bool on;
    qc_fileinfo info;
    err = write_batch(db, 1, 5);
    if (!err)
        err = qc_indexdb_each(db, seen, &sum);
    if (!err)
        err = qc_indexdb_set_flag(db, "x", true);
    if (!err)
        err = qc_indexdb_flag(db, "x", &on);
    if (!err)
        err = qc_indexdb_set_reindexing(db, true);
    if (!err)
        err = qc_indexdb_reindexing(db, &on);
    if (!err)
        err = qc_indexdb_last(db, &last);
    if (!err)
        err = qc_indexdb_info(db, 3, &info);
    assert_true(err || sum == 15);
    qc_indexdb_close(db);
    return err;
}

static void test_use__survives_each_single_fault(void **state)
{
    (void)state;
    const char *path = tmp_mkdir();
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_err err = use_once(path);
        assert_true(fault_was_hit() ? err == QC_EIO || err == QC_ENOMEM : !err);
    }
    assert_true(runs > 15);
}

QC_TEST_MAIN_GROUP(quiet, NULL, cmocka_unit_test(test_record__is_read_and_written_as_core_does),
                   cmocka_unit_test(test_record__malformed_bytes_say_why),
                   cmocka_unit_test(test_batch__is_there_after_reopening),
                   cmocka_unit_test(test_flags__are_set_and_unset),
                   cmocka_unit_test(test_keys__are_those_of_core),
                   cmocka_unit_test(test_each__malformed_records_are_corrupt_in_words),
                   cmocka_unit_test(test_reads__malformed_values_are_corrupt_in_words),
                   cmocka_unit_test(test_use__survives_each_single_fault))
