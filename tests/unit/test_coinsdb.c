/* The chainstate database: coins, flushes in parts, walks, statistics. */
#include "core/store/coinsdb.h"

#include "core/crypto/muhash.h"
#include "core/crypto/sha256.h"
#include "core/store/coding.h"
#include "tests/unit/store_util.h"

static char g_detail[512];

static qc_coinsdb *open_db(const char *path)
{
    qc_coinsdb *db;
    assert_int_equal(qc_coinsdb_open(&db, path, 1 << 20, false, g_detail, sizeof g_detail), QC_OK);
    return db;
}

static qc_outpoint point(uint8_t tx, uint32_t n)
{
    qc_outpoint o = {.n = n};
    memset(o.txid.b, tx, sizeof o.txid.b);
    return o;
}

static qc_hash hash_of(uint8_t c)
{
    return point(c, 0).txid;
}

static qc_err put(qc_coinsdb_flush *f, uint8_t tx, uint32_t n)
{
    qc_outpoint o = point(tx, n);
    uint8_t script[3] = {0x51, tx, (uint8_t)n};
    return qc_coinsdb_flush_put(f, &o, (qc_amount)n * 1000 + tx, qc_span_of(script, 3), 100u + tx,
                                tx & 1);
}

static void expect_coin(qc_coinsdb *db, uint8_t tx, uint32_t n, bool there)
{
    qc_outpoint o = point(tx, n);
    qc_coin c;
    assert_int_equal(qc_coinsdb_get(db, &o, &c), there ? QC_OK : QC_ENOENT);
    if (!there)
        return;
    assert_int_equal(c.value, (qc_amount)n * 1000 + tx);
    assert_int_equal(c.height, 100 + tx);
    assert_int_equal(c.coinbase, tx & 1);
    assert_int_equal(c.script_len, 3);
    assert_memory_equal(c.script, ((uint8_t[]){0x51, tx, (uint8_t)n}), 3);
    qc_coin_clear(&c);
}

static void expect_state(qc_coinsdb *db, uint8_t best, uint8_t to, uint8_t from)
{
    qc_hash h = hash_of(99), t, f;
    bool unfinished;
    assert_int_equal(qc_coinsdb_best(db, &h), QC_OK);
    assert_true(qc_hash_eq(&h, &(qc_hash){{0}}) == (best == 0));
    assert_int_equal(h.b[5], best);
    assert_int_equal(qc_coinsdb_heads(db, &t, &f, &unfinished), QC_OK);
    assert_int_equal(unfinished, to != 0);
    if (unfinished) {
        assert_int_equal(t.b[7], to);
        assert_int_equal(f.b[7], from);
    }
}

/* Transactions `first` to `last` with three coins each. */
static qc_err flush(qc_coinsdb *db, uint8_t to, uint8_t first, uint8_t last, size_t batch)
{
    qc_hash h = hash_of(to);
    qc_coinsdb_flush *f;
    qc_err err = qc_coinsdb_flush_begin(db, &h, batch, &f);
    if (err)
        return err;
    for (uint8_t tx = first; tx <= last && !err; tx++)
        for (uint32_t n = 0; n < 3 && !err; n++)
            err = put(f, tx, n);
    if (!err)
        return qc_coinsdb_flush_end(f);
    qc_coinsdb_flush_abort(f);
    return err;
}

static void test_flush__is_there_after_reopening(void **state)
{
    (void)state;
    const char *path = tmp_mkdir();
    qc_coinsdb *db = open_db(path);
    expect_state(db, 0, 0, 0);
    assert_int_equal(flush(db, 7, 1, 5, 0), QC_OK);
    expect_state(db, 7, 0, 0);
    qc_coinsdb_close(db);
    db = open_db(path);
    expect_state(db, 7, 0, 0);
    expect_coin(db, 1, 0, true);
    expect_coin(db, 5, 2, true);
    expect_coin(db, 5, 3, false);
    qc_hash to = hash_of(8);
    qc_coinsdb_flush *f;
    qc_outpoint gone = point(5, 2);
    assert_int_equal(qc_coinsdb_flush_begin(db, &to, 0, &f), QC_OK);
    assert_int_equal(qc_coinsdb_flush_delete(f, &gone), QC_OK);
    assert_int_equal(put(f, 6, 0x12345678), QC_OK);
    expect_coin(db, 5, 2, true); /* nothing before the end when it fits one part */
    assert_int_equal(qc_coinsdb_flush_end(f), QC_OK);
    expect_coin(db, 5, 2, false);
    expect_coin(db, 6, 0x12345678, true);
    expect_state(db, 8, 0, 0);
    qc_coinsdb_close(db);
}

static void test_flush__cut_off_between_parts_says_where_it_was_going(void **state)
{
    (void)state;
    const char *path = tmp_mkdir();
    qc_coinsdb *db = open_db(path);
    assert_int_equal(flush(db, 1, 1, 2, 0), QC_OK);
    qc_hash to = hash_of(2);
    qc_coinsdb_flush *f;
    assert_int_equal(qc_coinsdb_flush_begin(db, &to, 200, &f), QC_OK);
    for (uint8_t tx = 10; tx < 20; tx++)
        assert_int_equal(put(f, tx, 0), QC_OK);
    qc_coinsdb_flush_abort(f);
    qc_coinsdb_close(db);
    db = open_db(path);
    expect_state(db, 0, 2, 1);
    expect_coin(db, 10, 0, true);
    expect_coin(db, 19, 0, false);
    /* Only the same way again; the place it came from stays. */
    assert_int_equal(flush(db, 3, 1, 1, 0), QC_ECORRUPT);
    assert_int_equal(qc_coinsdb_flush_begin(db, &to, 200, &f), QC_OK);
    for (uint8_t tx = 10; tx < 20; tx++)
        assert_int_equal(put(f, tx, 0), QC_OK);
    expect_state(db, 0, 2, 1);
    assert_int_equal(qc_coinsdb_flush_end(f), QC_OK);
    expect_state(db, 2, 0, 0);
    expect_coin(db, 19, 0, true);
    qc_coinsdb_close(db);
}

static void test_iter__walks_a_snapshot_in_order_and_can_be_placed(void **state)
{
    (void)state;
    qc_coinsdb *db = open_db(tmp_mkdir());
    assert_int_equal(flush(db, 1, 1, 4, 0), QC_OK);
    qc_coins_iter *it;
    assert_int_equal(qc_coins_iter_new(db, &it), QC_OK);
    assert_int_equal(flush(db, 2, 5, 9, 0), QC_OK);
    qc_outpoint o;
    qc_coin c;
    for (uint8_t tx = 1; tx <= 4; tx++)
        for (uint32_t n = 0; n < 3; n++) {
            assert_int_equal(qc_coins_iter_next(it, &o, &c), QC_OK);
            assert_int_equal(o.txid.b[0], tx);
            assert_int_equal(o.n, n);
            assert_int_equal(c.value, (qc_amount)n * 1000 + tx);
            assert_int_equal(c.script[2], n);
        }
    assert_int_equal(qc_coins_iter_next(it, &o, &c), QC_ENOENT);
    assert_int_equal(qc_coins_iter_next(it, &o, &c), QC_ENOENT);
    assert_int_equal(qc_coins_iter_best(it)->b[0], 1);
    qc_outpoint from = point(3, 1);
    qc_coins_iter_seek(it, &from);
    assert_int_equal(qc_coins_iter_next(it, &o, &c), QC_OK);
    assert_int_equal(o.txid.b[0], 3);
    assert_int_equal(o.n, 1);
    qc_coins_iter_free(it);
    qc_coinsdb_close(db);
}

/* ---- hostile records ---- */

/* A fresh database with one record. */
static qc_coinsdb *with_record(qc_span key, qc_span value)
{
    const char *path = tmp_mkdir();
    qc_coinsdb_close(open_db(path));
    qc_kv *kv;
    qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = 1 << 20, .paranoid = true};
    assert_int_equal(qc_kv_open(&kv, path, &o, NULL, 0), QC_OK);
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, key, value);
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
    qc_kv_close(kv);
    return open_db(path);
}

static void expect_bad_coin(const char *value_hex)
{
    uint8_t key[34] = {'C'};
    memset(key + 1, 9, 32);
    qc_bytes v = hex_bytes(value_hex);
    qc_coinsdb *db = with_record(qc_span_of(key, sizeof key), qc_bytes_span(&v));
    qc_outpoint o = point(9, 0);
    qc_coin c;
    assert_int_equal(qc_coinsdb_get(db, &o, &c), QC_ECORRUPT);
    qc_coins_iter *it;
    assert_int_equal(qc_coins_iter_new(db, &it), QC_OK);
    assert_int_equal(qc_coins_iter_next(it, &o, &c), QC_ECORRUPT);
    qc_coins_iter_free(it);
    qc_utxo_stats st;
    assert_int_equal(qc_utxo_stats_compute(db, QC_UTXO_NONE, NULL, &st), QC_ECORRUPT);
    qc_coinsdb_close(db);
    qc_bytes_free(&v);
}

static void test_get__malformed_values_are_corrupt(void **state)
{
    (void)state;
    expect_bad_coin("");
    expect_bad_coin("0032");
    expect_bad_coin("00320952");
    expect_bad_coin("0032075100");
    expect_bad_coin("008980dd4a0751");
}

static void expect_bad_key(qc_span key)
{
    qc_coinsdb *db = with_record(key, qc_span_of("\x00\x32\x07\x51", 4));
    qc_coins_iter *it;
    qc_outpoint o;
    qc_coin c;
    assert_int_equal(qc_coins_iter_new(db, &it), QC_OK);
    assert_int_equal(qc_coins_iter_next(it, &o, &c), QC_ECORRUPT);
    qc_coins_iter_free(it);
    qc_coinsdb_close(db);
}

static void test_iter__malformed_keys_are_corrupt(void **state)
{
    (void)state;
    uint8_t key[40] = {'C'};
    expect_bad_key(qc_span_of(key, 1));
    expect_bad_key(qc_span_of(key, 33));
    expect_bad_key(qc_span_of(key, 35));
    memcpy(key + 33, "\x8e\xfe\xfe\xff\x00", 5); /* 2^32 */
    expect_bad_key(qc_span_of(key, 38));
}

static void test_best__malformed_markers_are_corrupt(void **state)
{
    (void)state;
    uint8_t v[65] = {2};
    qc_hash a, b;
    bool unfinished;
    qc_coins_iter *it;
    qc_coinsdb *db = with_record(qc_span_of("B", 1), qc_span_of(v, 31));
    assert_int_equal(qc_coinsdb_best(db, &a), QC_ECORRUPT);
    assert_int_equal(qc_coins_iter_new(db, &it), QC_ECORRUPT);
    assert_null(it);
    qc_coinsdb_close(db);
    db = with_record(qc_span_of("H", 1), qc_span_of(v, 64));
    assert_int_equal(qc_coinsdb_heads(db, &a, &b, &unfinished), QC_ECORRUPT);
    qc_coinsdb_close(db);
    v[0] = 1;
    db = with_record(qc_span_of("H", 1), qc_span_of(v, 65));
    assert_int_equal(qc_coinsdb_heads(db, &a, &b, &unfinished), QC_ECORRUPT);
    qc_coinsdb_close(db);
}

static void test_open__the_format_before_0_15_is_refused(void **state)
{
    (void)state;
    const char *path = tmp_mkdir();
    qc_kv *kv;
    qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = 1 << 20, .create = true};
    assert_int_equal(qc_kv_open(&kv, path, &o, NULL, 0), QC_OK);
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, qc_span_of("c12345678901234567890123456789012", 33), qc_span_str("x"));
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
    qc_kv_close(kv);
    qc_coinsdb *db;
    assert_int_equal(qc_coinsdb_open(&db, path, 1 << 20, false, g_detail, sizeof g_detail),
                     QC_EUNSUPPORTED);
    assert_non_null(strstr(g_detail, "Unsupported chainstate database format found."));
    assert_int_equal(qc_coinsdb_open(&db, path, 1 << 20, true, g_detail, sizeof g_detail), QC_OK);
    qc_coinsdb_close(db);
}

/* ---- statistics ---- */

static void test_stats__of_no_coins(void **state)
{
    (void)state;
    qc_coinsdb *db = open_db(tmp_mkdir());
    qc_utxo_stats st;
    uint8_t want[32];
    assert_int_equal(qc_utxo_stats_compute(db, QC_UTXO_HASH3, NULL, &st), QC_OK);
    qc_sha256d(qc_span_of("", 0), want);
    assert_memory_equal(st.hash.b, want, 32);
    assert_int_equal(st.txouts + st.transactions + st.bogosize, 0);
    assert_int_equal(qc_utxo_stats_compute(db, QC_UTXO_MUHASH, NULL, &st), QC_OK);
    qc_muhash m;
    qc_muhash_init(&m);
    qc_muhash_finalize(&m, want);
    assert_memory_equal(st.hash.b, want, 32);
    qc_coinsdb_close(db);
}

/* Numbers whose keys sort otherwise than they do: Core hashes a transaction's outputs by number. */
static const uint32_t NUMBER[] = {0, 127, 128, 255, 256, 16511, 16512, 40000, 0xffffffff};
#define N_NUMBER QC_COUNTOF(NUMBER)

static size_t coin_text(uint8_t out[static 64], uint8_t tx, uint32_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_outpoint o = point(tx, n);
    put_bytes(&b, o.txid.b, 32);
    put_le(&b, n, 4);
    put_le(&b, (100u + tx) << 1 | (tx & 1), 4);
    put_le(&b, (uint64_t)n * 1000 + tx, 8);
    put_le(&b, 3, 1);
    put_bytes(&b, (uint8_t[]){0x51, tx, (uint8_t)n}, 3);
    memcpy(out, b.data, b.len);
    size_t len = b.len;
    qc_bytes_free(&b);
    return len;
}

static void test_stats__hash_outputs_by_number_and_count_transactions(void **state)
{
    (void)state;
    qc_coinsdb *db = open_db(tmp_mkdir());
    qc_hash to = hash_of(1);
    qc_coinsdb_flush *f;
    assert_int_equal(qc_coinsdb_flush_begin(db, &to, 0, &f), QC_OK);
    qc_sha256_ctx sha;
    qc_muhash mu;
    qc_sha256_init(&sha);
    qc_muhash_init(&mu);
    qc_amount total = 0;
    for (uint8_t tx = 3; tx < 5; tx++)
        for (size_t i = 0; i < N_NUMBER; i++) {
            uint8_t text[64];
            size_t len = coin_text(text, tx, NUMBER[i]);
            qc_sha256_update(&sha, text, len);
            qc_muhash_add(&mu, qc_span_of(text, len));
            total += (qc_amount)NUMBER[i] * 1000 + tx;
            assert_int_equal(put(f, tx, NUMBER[i]), QC_OK);
        }
    assert_int_equal(qc_coinsdb_flush_end(f), QC_OK);
    uint8_t want[32];
    qc_utxo_stats st;
    assert_int_equal(qc_utxo_stats_compute(db, QC_UTXO_HASH3, NULL, &st), QC_OK);
    qc_sha256d_final(&sha, want);
    assert_memory_equal(st.hash.b, want, 32);
    assert_int_equal(st.transactions, 2);
    assert_int_equal(st.txouts, 2 * N_NUMBER);
    assert_int_equal(st.bogosize, 2 * N_NUMBER * 53);
    assert_int_equal(st.total, total);
    assert_true(qc_hash_eq(&st.best, &to));
    assert_int_equal(qc_utxo_stats_compute(db, QC_UTXO_MUHASH, NULL, &st), QC_OK);
    qc_muhash_finalize(&mu, want);
    assert_memory_equal(st.hash.b, want, 32);
    assert_int_equal(qc_utxo_stats_compute(db, QC_UTXO_NONE, NULL, &st), QC_OK);
    assert_int_equal(st.transactions, 2);
    assert_true(qc_hash_is_zero(&st.hash));
    _Atomic bool cancel = true;
    assert_int_equal(qc_utxo_stats_compute(db, QC_UTXO_NONE, &cancel, &st), QC_ECANCELED);
    qc_coinsdb_close(db);
}

/* Threads take ranges of transaction ids: the sums must be those of one walk. */
static void test_stats__are_the_same_with_threads(void **state)
{
    (void)state;
    qc_coinsdb *db = open_db(tmp_mkdir());
    assert_int_equal(flush(db, 9, 1, 254, 0), QC_OK);
    for (int kind = QC_UTXO_NONE; kind <= QC_UTXO_MUHASH; kind++) {
        qc_utxo_stats a, b;
        assert_int_equal(qc_utxo_stats_with(db, (qc_utxo_hash)kind, NULL, 0, &a), QC_OK);
        assert_int_equal(qc_utxo_stats_with(db, (qc_utxo_hash)kind, NULL, 2, &b), QC_OK);
        assert_int_equal(a.transactions, 254);
        assert_int_equal(a.txouts, 3 * 254);
        assert_int_equal(a.transactions, b.transactions);
        assert_int_equal(a.txouts, b.txouts);
        assert_int_equal(a.bogosize, b.bogosize);
        assert_int_equal(a.total, b.total);
        assert_true(qc_hash_eq(&a.hash, &b.hash));
        assert_true(qc_hash_eq(&a.best, &b.best));
    }
    _Atomic bool cancel = true;
    qc_utxo_stats st;
    assert_int_equal(qc_utxo_stats_with(db, QC_UTXO_MUHASH, &cancel, 2, &st), QC_ECANCELED);
    qc_coinsdb_close(db);
}

/* ---- faults ---- */

static qc_err use_once(const char *path)
{
    qc_coinsdb *db;
    qc_err err = qc_coinsdb_open(&db, path, 1 << 20, false, g_detail, sizeof g_detail);
    if (err)
        return err;
    qc_hash to, from;
    bool unfinished;
    qc_utxo_stats st;
    err = flush(db, 2, 1, 20, 500);
    if (!err)
        err = qc_coinsdb_heads(db, &to, &from, &unfinished);
    for (int kind = QC_UTXO_NONE; kind <= QC_UTXO_MUHASH && !err; kind++)
        err = qc_utxo_stats_compute(db, (qc_utxo_hash)kind, NULL, &st);
    qc_outpoint o = point(20, 2);
    qc_coin c = {0};
    if (!err)
        err = qc_coinsdb_get(db, &o, &c);
    qc_coin_clear(&c);
    qc_coinsdb_close(db);
    return err;
}

/* Whatever fails, the database is left before, after, or on the way with 'H' saying so. */
static void test_use__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        fault_arm(0);
        const char *path = tmp_mkdir();
        fault_arm(runs);
        qc_err err = use_once(path);
        bool hit = fault_was_hit();
        fault_arm(0);
        assert_true(hit ? err == QC_EIO || err == QC_ENOMEM || !err : !err);
        qc_coinsdb *db = open_db(path);
        qc_hash best, to, from;
        bool unfinished;
        assert_int_equal(qc_coinsdb_best(db, &best), QC_OK);
        assert_int_equal(qc_coinsdb_heads(db, &to, &from, &unfinished), QC_OK);
        assert_true(unfinished ? qc_hash_is_zero(&best) && to.b[0] == 2 && from.b[0] == 0
                               : qc_hash_is_zero(&best) || best.b[0] == 2);
        if (!unfinished)
            expect_coin(db, 20, 2, best.b[0] == 2);
        qc_coinsdb_close(db);
        fault_arm(hit ? 0 : UINT64_MAX); /* as it was, for the loop */
    }
    assert_true(runs > 20);
}

QC_TEST_MAIN_GROUP(quiet, NULL, cmocka_unit_test(test_flush__is_there_after_reopening),
                   cmocka_unit_test(test_flush__cut_off_between_parts_says_where_it_was_going),
                   cmocka_unit_test(test_iter__walks_a_snapshot_in_order_and_can_be_placed),
                   cmocka_unit_test(test_get__malformed_values_are_corrupt),
                   cmocka_unit_test(test_iter__malformed_keys_are_corrupt),
                   cmocka_unit_test(test_best__malformed_markers_are_corrupt),
                   cmocka_unit_test(test_open__the_format_before_0_15_is_refused),
                   cmocka_unit_test(test_stats__of_no_coins),
                   cmocka_unit_test(test_stats__hash_outputs_by_number_and_count_transactions),
                   cmocka_unit_test(test_stats__are_the_same_with_threads),
                   cmocka_unit_test(test_use__survives_each_single_fault))
