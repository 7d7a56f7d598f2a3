#include "core/mempool/feesize.h"
#include "tests/unit/harness.h"

static int by_rate(const void *a, const void *b)
{
    return qc_feesize_cmp(*(const qc_feesize *)b, *(const qc_feesize *)a);
}

/* Height at x of the line through the sums, as the fraction num / den. */
static void height(const qc_feesize *c, size_t n, int64_t x, int64_t *num, int64_t *den)
{
    int64_t fee = 0, size = 0;
    *den = 1;
    for (size_t i = 0; i < n; i++) {
        if (x < size + c[i].size) {
            *num = fee * c[i].size + c[i].fee * (x - size);
            *den = c[i].size;
            return;
        }
        fee += c[i].fee;
        size += c[i].size;
    }
    *num = fee;
}

static qc_diagram slow(const qc_feesize *a, size_t na, const qc_feesize *b, size_t nb)
{
    bool above = false, under = false;
    for (int64_t x = 0; x < 200; x++) {
        int64_t p, dp, q, dq;
        height(a, na, x, &p, &dp);
        height(b, nb, x, &q, &dq);
        above |= p * dq > q * dp;
        under |= p * dq < q * dp;
    }
    return above && under ? QC_DIAGRAM_CROSSING
           : above        ? QC_DIAGRAM_BETTER
           : under        ? QC_DIAGRAM_WORSE
                          : QC_DIAGRAM_EQUAL;
}

static size_t gen(qc_feesize *c, uint64_t *seed)
{
    size_t n = test_rand(seed) % 6;
    for (size_t i = 0; i < n; i++)
        c[i] =
            (qc_feesize){(int64_t)(test_rand(seed) % 12) - 2, 1 + (int32_t)(test_rand(seed) % 8)};
    if (n)
        qsort(c, n, sizeof *c, by_rate);
    return n;
}

static void test_compare__agrees_with_looking_at_every_point(void **state)
{
    (void)state;
    uint64_t seed = 1;
    unsigned met[4] = {0};
    for (unsigned i = 0; i < 20000; i++) {
        qc_feesize a[6], b[6];
        size_t na = gen(a, &seed), nb = gen(b, &seed);
        qc_diagram d = qc_diagram_compare(a, na, b, nb);
        assert_int_equal(d, slow(a, na, b, nb));
        met[d]++;
    }
    for (int i = 0; i < 4; i++)
        assert_true(met[i] > 100);
}

static void test_compare__cutting_a_piece_in_two_changes_nothing(void **state)
{
    (void)state;
    const qc_feesize whole[] = {{30, 10}, {4, 4}}, cut[] = {{12, 4}, {18, 6}, {1, 1}, {3, 3}};
    assert_int_equal(qc_diagram_compare(whole, 2, cut, 4), QC_DIAGRAM_EQUAL);
    assert_int_equal(qc_diagram_compare(cut, 4, whole, 2), QC_DIAGRAM_EQUAL);
}

static void test_compare__the_end_goes_on_flat(void **state)
{
    (void)state;
    const qc_feesize a[] = {{10, 5}}, more[] = {{10, 5}, {1, 100}}, less[] = {{10, 5}, {-1, 100}};
    const qc_feesize zero[] = {{10, 5}, {0, 100}};
    assert_int_equal(qc_diagram_compare(more, 2, a, 1), QC_DIAGRAM_BETTER);
    assert_int_equal(qc_diagram_compare(less, 2, a, 1), QC_DIAGRAM_WORSE);
    assert_int_equal(qc_diagram_compare(zero, 2, a, 1), QC_DIAGRAM_EQUAL);
    assert_int_equal(qc_diagram_compare(a, 1, NULL, 0), QC_DIAGRAM_BETTER);
    assert_int_equal(qc_diagram_compare(NULL, 0, NULL, 0), QC_DIAGRAM_EQUAL);
}

/* Sums of 6400 fees at their limit are over 64 bits. */
static void test_compare__sums_do_not_overflow(void **state)
{
    (void)state;
    static qc_feesize a[6400], b[6400];
    for (size_t i = 0; i < 6400; i++)
        a[i] = b[i] = (qc_feesize){(int64_t)1 << 62, INT32_MAX};
    b[6399].fee--;
    assert_int_equal(qc_diagram_compare(a, 6400, b, 6400), QC_DIAGRAM_BETTER);
    assert_int_equal(qc_diagram_compare(b, 6400, a, 6400), QC_DIAGRAM_WORSE);
}

static void test_cmp__is_exact_where_floating_point_is_not(void **state)
{
    (void)state;
    qc_feesize a = {((int64_t)1 << 62) + 1, INT32_MAX}, b = {(int64_t)1 << 62, INT32_MAX};
    assert_true(qc_feesize_cmp(a, b) > 0 && qc_feesize_cmp(b, a) < 0);
    assert_true(qc_feesize_cmp((qc_feesize){1, 2}, (qc_feesize){2, 4}) == 0);
    assert_true(qc_feesize_cmp((qc_feesize){-1, 2}, (qc_feesize){-1, 3}) < 0);
}

QC_TEST_MAIN(cmocka_unit_test(test_compare__agrees_with_looking_at_every_point),
             cmocka_unit_test(test_compare__cutting_a_piece_in_two_changes_nothing),
             cmocka_unit_test(test_compare__the_end_goes_on_flat),
             cmocka_unit_test(test_compare__sums_do_not_overflow),
             cmocka_unit_test(test_cmp__is_exact_where_floating_point_is_not))
