#include "core/mempool/fees.h"
#include "core/base/endian.h"
#include "core/os/file.h"
#include "tests/unit/harness.h"

#include <math.h>

/* Places in the file: head, buckets, then for each horizon its decay, scale, two lists and two
 * tables. */
#define BUCKETS 237u
#define LIST (1 + 8 * BUCKETS)
#define AT_BUCKETS 16u
#define AT_MEDIUM (AT_BUCKETS + LIST)
#define STATS(periods) (12 + 2 * LIST + 2 * (1 + (periods)*LIST))
#define AT_SHORT (AT_MEDIUM + STATS(24))
#define AT_LONG (AT_SHORT + STATS(12))
#define END (AT_LONG + STATS(42))

static qc_fees *new_fees(void)
{
    static const uint64_t salt[2] = {1, 2};
    qc_fees *f;
    assert_int_equal(qc_fees_new(&f, salt), QC_OK);
    return f;
}

/* One with a history up to `height`: some rates, some failures. */
static qc_fees *lived(uint32_t height)
{
    qc_fees *f = new_fees();
    uint32_t id = 0;
    for (uint32_t h = 1; h <= height; h++) {
        qc_hash a = {{1}}, b = {{2}};
        memcpy(a.b + 8, &id, sizeof id);
        memcpy(b.b + 8, &id, sizeof id);
        id++;
        qc_fees_added(f, &(qc_fees_tx){.txid = &a, .height = h - 1, .fee = 5000, .vsize = 1000});
        qc_fees_added(f, &(qc_fees_tx){.txid = &b, .height = h - 1, .fee = 100 + h, .vsize = 100});
        qc_fees_block_begin(f, h);
        qc_fees_mined(f, &a);
        qc_fees_block_end(f);
        b.b[8]--;
        qc_fees_removed(f, &b);
    }
    qc_fees_flush_unconfirmed(f);
    return f;
}

static qc_bytes bytes_of(const qc_fees *f)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_fees_write(f, &b), QC_OK);
    return b;
}

static double double_at(const qc_bytes *b, size_t at)
{
    uint64_t bits = qc_read_le64(b->data + at);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void put_double(qc_bytes *b, size_t at, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    qc_write_le64(b->data + at, bits);
}

static void test_write__is_cores_format(void **state)
{
    (void)state;
    qc_fees *f = lived(50);
    qc_bytes b = bytes_of(f);
    assert_int_equal(b.len, END);
    assert_int_equal(qc_read_le32(b.data), 309900);
    assert_int_equal(qc_read_le32(b.data + 4), 50); /* best height */
    assert_int_equal(qc_read_le32(b.data + 8), 1);  /* first one with a counted transaction */
    assert_int_equal(qc_read_le32(b.data + 12), 50);
    assert_int_equal(b.data[AT_BUCKETS], BUCKETS);
    assert_true(double_at(&b, AT_BUCKETS + 1) == 100);
    assert_true(double_at(&b, AT_BUCKETS + 9) == 105);
    assert_true(double_at(&b, AT_MEDIUM - 8) == 1e99);
    static const struct {
        size_t at;
        double decay;
        uint32_t scale, periods;
    } c[] = {{AT_MEDIUM, .9952, 2, 24}, {AT_SHORT, .962, 1, 12}, {AT_LONG, .99931, 24, 42}};
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        assert_true(double_at(&b, c[i].at) == c[i].decay);
        assert_int_equal(qc_read_le32(b.data + c[i].at + 8), c[i].scale);
        assert_int_equal(b.data[c[i].at + 12], BUCKETS);
        assert_int_equal(b.data[c[i].at + 12 + 2 * LIST], c[i].periods);
        assert_int_equal(b.data[c[i].at + 12 + 2 * LIST + 1], BUCKETS);
    }
    /* 5000 sat/kvB is in the bucket of those up to 100 * 1.05^81. One came with each block. */
    size_t bucket = (size_t)ceil(log(50) / log(1.05));
    double n = double_at(&b, AT_SHORT + 12 + LIST + 1 + 8 * bucket);
    double sum = double_at(&b, AT_SHORT + 12 + 1 + 8 * bucket);
    assert_true(fabs(n - (1 - pow(.962, 50)) / (1 - .962)) < 1e-9);
    assert_true(fabs(sum - 5000 * n) < 1e-6);
    qc_bytes_free(&b);
    qc_fees_free(f);
}

static void test_read__gives_back_what_was_written(void **state)
{
    (void)state;
    qc_fees *f = lived(60), *g = new_fees();
    qc_bytes a = bytes_of(f);
    assert_int_equal(qc_fees_read(g, qc_bytes_span(&a), NULL), QC_OK);
    qc_bytes b = bytes_of(g);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    for (uint32_t t = 1; t < 60; t++) {
        qc_fees_answer x = qc_fees_smart(f, t, t % 2), y = qc_fees_smart(g, t, t % 2);
        assert_true(x.rate > 0);
        assert_int_equal(x.rate, y.rate);
        assert_int_equal(x.target, y.target);
        assert_int_equal(x.best_height, y.best_height);
    }
    qc_bytes_free(&a);
    qc_bytes_free(&b);
    qc_fees_free(f);
    qc_fees_free(g);
}

/* What an earlier run has seen counts as long as it is not too far back, and is kept in the file
 * until this run has seen half as much. */
static void test_read__earlier_history_counts_for_a_time(void **state)
{
    (void)state;
    qc_fees *f = lived(101);
    qc_bytes a = bytes_of(f);
    static const struct {
        uint32_t height; /* of a block after a gap */
        uint32_t target;
    } c[] = {{102, 50}, {101 + 6048, 50}, {101 + 6049, 0}};
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_fees *g = new_fees();
        assert_int_equal(qc_fees_read(g, qc_bytes_span(&a), NULL), QC_OK);
        qc_fees_block_begin(g, c[i].height);
        qc_fees_block_end(g);
        assert_int_equal(qc_fees_smart(g, 1000, false).target, c[i].target);
        qc_fees_free(g);
    }
    qc_fees *g = new_fees();
    assert_int_equal(qc_fees_read(g, qc_bytes_span(&a), NULL), QC_OK);
    for (uint32_t h = 102; h < 160; h++) {
        qc_hash id = {{(uint8_t)h}};
        qc_fees_added(g, &(qc_fees_tx){.txid = &id, .height = h - 1, .fee = 5000, .vsize = 1000});
        qc_fees_block_begin(g, h);
        qc_fees_mined(g, &id);
        qc_fees_block_end(g);
        qc_bytes b = bytes_of(g);
        bool own = h - 102 > 50;
        assert_int_equal(qc_read_le32(b.data + 4), h);
        assert_int_equal(qc_read_le32(b.data + 8), own ? 102 : 1);
        assert_int_equal(qc_read_le32(b.data + 12), own ? h : 101);
        qc_bytes_free(&b);
    }
    qc_fees_free(g);
    qc_bytes_free(&a);
    qc_fees_free(f);
}

/* These bytes are refused, and what was known before is still known. */
static void expect_refused(const void *data, size_t len, qc_err want)
{
    static qc_fees *f;
    static qc_bytes before;
    const char *why = NULL;
    if (!data) {
        qc_fees_free(f);
        qc_bytes_free(&before);
        f = NULL;
        return;
    }
    if (!f) {
        f = lived(3);
        before = bytes_of(f);
    }
    assert_int_equal(qc_fees_read(f, qc_span_of(data, len), &why), want);
    assert_non_null(why);
    qc_bytes after = bytes_of(f);
    assert_memory_equal(before.data, after.data, before.len);
    qc_bytes_free(&after);
}

static void test_read__every_cut_is_refused(void **state)
{
    (void)state;
    qc_fees *f = lived(20);
    qc_bytes b = bytes_of(f);
    for (size_t len = 0; len < b.len; len += len < 40 || b.len - len < 40 ? 1 : 1499)
        expect_refused(b.data, len, QC_ECORRUPT);
    assert_int_equal(qc_bytes_append(&b, "x", 1), QC_OK);
    expect_refused(b.data, b.len, QC_ECORRUPT);
    expect_refused(NULL, 0, QC_OK);
    qc_bytes_free(&b);
    qc_fees_free(f);
}

static void test_read__nonsense_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        double v;
    } number[] = {
        {AT_BUCKETS + 1, 0},
        {AT_BUCKETS + 1, -1},
        {AT_BUCKETS + 1, NAN},
        {AT_BUCKETS + 9, 100},
        {AT_BUCKETS + 9, 99},
        {AT_BUCKETS + 9, NAN},
        {AT_MEDIUM - 8, 1e98},
        {AT_MEDIUM - 8, INFINITY},
        {AT_MEDIUM - 8, NAN},
        {AT_MEDIUM, 0},
        {AT_MEDIUM, 1},
        {AT_MEDIUM, -.5},
        {AT_MEDIUM, NAN},
        {AT_SHORT, 2},
        {AT_LONG, INFINITY},
        {AT_MEDIUM + 13, -1},
        {AT_MEDIUM + 13, INFINITY},
        {AT_MEDIUM + 13, NAN},
        {AT_MEDIUM + 13, 1e61},
        {AT_SHORT + 13 + LIST, -1e-300},
        {END - 8, NAN},
        {END - 8, -1},
        {AT_LONG - 8, INFINITY},
    };
    static const struct {
        size_t at;
        uint32_t v;
    } word[] = {
        {4, 19},  /* best below the end of the history */
        {8, 21},  /* begins after its end */
        {12, 21}, /* ends after the best */
        {AT_MEDIUM + 8, 0},
        {AT_MEDIUM + 8, 43}, /* 24 * 43 > 1008 */
        {AT_MEDIUM + 8, UINT32_MAX},
        {AT_LONG + 8, 25},
        {AT_LONG + 8, 1},  /* 42 targets, fewer than 48 */
        {AT_SHORT + 8, 5}, /* 60, more than 48 */
        {AT_LONG + 8, 0x80000000},
    };
    static const size_t count[] = {AT_BUCKETS,
                                   AT_MEDIUM + 12,
                                   AT_MEDIUM + 12 + LIST,
                                   AT_MEDIUM + 12 + 2 * LIST,
                                   AT_MEDIUM + 12 + 2 * LIST + 1,
                                   AT_SHORT + 12 + 2 * LIST,
                                   AT_SHORT + 12 + 2 * LIST + 1 + 12 * LIST,
                                   AT_SHORT + 12 + 2 * LIST + 1 + 12 * LIST + 1};
    qc_fees *f = lived(20);
    qc_bytes a = bytes_of(f), b = bytes_of(f);
    for (size_t i = 0; i < QC_COUNTOF(number); i++) {
        put_double(&b, number[i].at, number[i].v);
        expect_refused(b.data, b.len, QC_ECORRUPT);
        memcpy(b.data, a.data, a.len);
    }
    for (size_t i = 0; i < QC_COUNTOF(word); i++) {
        qc_write_le32(b.data + word[i].at, word[i].v);
        expect_refused(b.data, b.len, QC_ECORRUPT);
        memcpy(b.data, a.data, a.len);
    }
    for (size_t i = 0; i < QC_COUNTOF(count); i++)
        for (int d = 0; d < 4; d++) {
            static const uint8_t other[] = {0, 1, 0xfd, 0xff};
            b.data[count[i]] = d < 2 ? (uint8_t)(a.data[count[i]] + (d ? 1 : -1)) : other[d];
            expect_refused(b.data, b.len, QC_ECORRUPT);
            memcpy(b.data, a.data, a.len);
        }
    for (int d = -1; d <= 1; d += 2) {
        qc_write_le32(b.data, (uint32_t)(309900 + d));
        expect_refused(b.data, b.len, QC_EUNSUPPORTED);
    }
    expect_refused(NULL, 0, QC_OK);
    qc_bytes_free(&a);
    qc_bytes_free(&b);
    qc_fees_free(f);
}

/* Numbers at their limits are harmless, whatever comes out. */
static void test_read__extreme_numbers_are_harmless(void **state)
{
    (void)state;
    static const double v[] = {1e60, 5e-324, 0, 1};
    qc_fees *f = lived(40);
    qc_bytes a = bytes_of(f), b = bytes_of(f);
    for (size_t x = 0; x < 4; x++)
        for (size_t y = 0; y < 4; y++) {
            qc_fees *g = new_fees();
            memcpy(b.data, a.data, a.len);
            for (size_t i = 0; i < BUCKETS; i++) {
                put_double(&b, AT_SHORT + 13 + 8 * i, v[x]);
                put_double(&b, AT_SHORT + 13 + LIST + 8 * i, v[y]);
            }
            assert_int_equal(qc_fees_read(g, qc_bytes_span(&b), NULL), QC_OK);
            for (uint32_t t = 1; t <= 12; t++) {
                int64_t rate = qc_fees_raw(g, t, 0, QC_FEES_SHORT, NULL);
                assert_true(rate >= 0 && rate <= QC_MAX_MONEY);
                rate = qc_fees_smart(g, t, true).rate;
                assert_true(rate >= 0 && rate <= QC_MAX_MONEY);
            }
            qc_fees_free(g);
        }
    qc_bytes_free(&a);
    qc_bytes_free(&b);
    qc_fees_free(f);
}

static void test_read__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    qc_fees *f = lived(20);
    qc_bytes b = bytes_of(f);
    FOR_EACH_FAULT (runs) {
        fault_arm(0);
        qc_fees *g = lived(3);
        qc_bytes before = bytes_of(g);
        fault_arm(runs);
        const char *why = NULL;
        qc_err err = qc_fees_read(g, qc_bytes_span(&b), &why);
        bool hit = fault_was_hit();
        fault_arm(0);
        qc_bytes after = bytes_of(g);
        assert_int_equal(err, hit ? QC_ENOMEM : QC_OK);
        const qc_bytes *want = hit ? &before : &b;
        assert_int_equal(after.len, want->len);
        assert_memory_equal(after.data, want->data, want->len);
        qc_bytes_free(&before);
        qc_bytes_free(&after);
        qc_fees_free(g);
        fault_arm(hit ? 1 : 1000);
        if (hit)
            qc_fault_hit();
    }
    assert_int_equal(runs, 20); /* buckets, and six arrays of each horizon */
    qc_bytes_free(&b);
    qc_fees_free(f);
}

static void test_load__only_what_is_young_and_sound(void **state)
{
    (void)state;
    qc_fees *f = lived(20);
    const char *path = tmp_path("fee_estimates.dat");
    int64_t changed;
    assert_false(qc_fees_load(f, path, 0, true));
    qc_fees_save(f, path);
    assert_int_equal(qc_os_mtime(path, &changed), QC_OK);
    static const struct {
        int64_t age;
        bool stale_ok, used;
    } c[] = {
        {0, false, true},
        {-100, false, true},          /* from the future */
        {61 * 3600 - 1, false, true}, /* 60 whole hours */
        {61 * 3600, false, false},
        {61 * 3600, true, true},
        {(int64_t)1 << 40, false, false},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_fees *g = new_fees();
        assert_int_equal(qc_fees_load(g, path, changed + c[i].age, c[i].stale_ok), c[i].used);
        assert_int_equal(qc_fees_smart(g, 2, false).best_height, c[i].used ? 20 : 0);
        qc_fees_free(g);
    }
    qc_fees *g = new_fees();
    assert_false(qc_fees_load(g, tmp_write("nonsense", 8), 0, true));
    assert_false(qc_fees_load(g, tmp_mkdir(), 0, true));
    static uint8_t big[QC_FEES_MAX_FILE + 1];
    assert_false(qc_fees_load(g, tmp_write(big, sizeof big), 0, true));
    assert_int_equal(qc_fees_smart(g, 2, false).best_height, 0);
    qc_fees_save(g, tmp_path("no/such/folder"));
    qc_fees_free(g);
    qc_fees_free(f);
}

QC_TEST_MAIN(cmocka_unit_test(test_write__is_cores_format),
             cmocka_unit_test(test_read__gives_back_what_was_written),
             cmocka_unit_test(test_read__earlier_history_counts_for_a_time),
             cmocka_unit_test(test_read__every_cut_is_refused),
             cmocka_unit_test(test_read__nonsense_is_refused),
             cmocka_unit_test(test_read__extreme_numbers_are_harmless),
             cmocka_unit_test(test_read__survives_each_single_fault),
             cmocka_unit_test(test_load__only_what_is_young_and_sound))
