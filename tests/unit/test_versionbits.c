#include "core/consensus/versionbits.h"
#include "tests/unit/harness.h"

#define PERIOD 10u
#define SIGNAL ((int32_t)(QC_VB_TOP_BITS | 1u << 28))
#define SILENT ((int32_t)QC_VB_TOP_BITS)

/* Headers every ten minutes from time 0; versions as set. */
typedef struct branch {
    int32_t version[200];
} branch;

static void branch_get(void *arg, uint32_t height, uint32_t *time, uint32_t *bits, int32_t *version)
{
    const branch *b = arg;
    assert_true(height < QC_COUNTOF(b->version));
    *time = height * 600;
    *bits = 0;
    *version = b->version[height];
}

static qc_bip9 deployment(void)
{
    /* Median time past of block h is (h - 5) * 600: 25 * 600 is first met by block 30. */
    return (qc_bip9){"testdummy", 28, 25 * 600, 65 * 600, 0, PERIOD, 8};
}

static void signal_from(branch *b, uint32_t from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        b->version[from + i] = SIGNAL;
}

static void expect(const qc_bip9 *d, const branch *b, uint32_t height, const char *name,
                   uint32_t since)
{
    uint32_t got;
    qc_ancestors a = {(void *)(uintptr_t)b, branch_get};
    assert_string_equal(qc_vb_state_name(qc_vb_state_at(d, &a, height, &got)), name);
    assert_int_equal(got, since);
}

static void test_state_at__signalled_in_time(void **state)
{
    (void)state;
    static branch b;
    qc_bip9 d = deployment();
    memset(&b, 0, sizeof b);
    signal_from(&b, 0, 20); /* too early: does not count */
    signal_from(&b, 42, 8);
    expect(&d, &b, 0, "defined", 0);
    expect(&d, &b, 39, "defined", 0);
    expect(&d, &b, 40, "started", 40);
    expect(&d, &b, 49, "started", 40);
    expect(&d, &b, 50, "locked_in", 50);
    expect(&d, &b, 59, "locked_in", 50);
    expect(&d, &b, 60, "active", 60);
    expect(&d, &b, 150, "active", 60);
    d.min_activation_height = 71;
    expect(&d, &b, 79, "locked_in", 50);
    expect(&d, &b, 80, "active", 80);
}

static void test_state_at__not_enough_signals(void **state)
{
    (void)state;
    static branch b;
    qc_bip9 d = deployment();
    memset(&b, 0, sizeof b);
    signal_from(&b, 43, 7);
    signal_from(&b, 50, 1);  /* eight in a row, in two periods */
    b.version[41] = 1 << 28; /* without the top bits */
    b.version[42] = (int32_t)(0xe0000000u | 1u << 28);
    expect(&d, &b, 79, "started", 40);
    /* Timeout: the median time past of block 70 is the first to reach it. */
    expect(&d, &b, 80, "failed", 80);
    expect(&d, &b, 199, "failed", 80);
    /* Enough signals in the period in which it would time out still lock it in. */
    signal_from(&b, 70, 8);
    expect(&d, &b, 80, "locked_in", 80);
}

static void test_state_at__times_are_met_when_equal(void **state)
{
    (void)state;
    static branch b;
    qc_bip9 d = deployment();
    memset(&b, 0, sizeof b);
    d.start_time = 24 * 600; /* the median time past of block 29 */
    d.timeout = 64 * 600;    /* and of block 69 */
    expect(&d, &b, 29, "defined", 0);
    expect(&d, &b, 30, "started", 30);
    expect(&d, &b, 69, "started", 30);
    expect(&d, &b, 70, "failed", 70);
}

static void test_state_at__always_and_never(void **state)
{
    (void)state;
    static branch b;
    qc_bip9 d = deployment();
    d.start_time = QC_BIP9_ALWAYS_ACTIVE;
    expect(&d, &b, 0, "active", 0);
    expect(&d, &b, 100, "active", 0);
    d.start_time = QC_BIP9_NEVER_ACTIVE;
    expect(&d, &b, 100, "failed", 0);
}

static void test_info_at__counts_the_period(void **state)
{
    (void)state;
    static branch b;
    char signalling[PERIOD + 1];
    qc_vb_info info;
    qc_ancestors a = {&b, branch_get};
    qc_bip9 d = deployment();
    memset(&b, 0, sizeof b);
    qc_vb_info_at(&d, &a, 30, &info, signalling);
    assert_false(info.has_stats);
    assert_string_equal(signalling, "");
    signal_from(&b, 41, 2);
    qc_vb_info_at(&d, &a, 43, &info, signalling);
    assert_true(info.has_stats && info.possible && !info.has_active_since);
    assert_int_equal(info.period, PERIOD);
    assert_int_equal(info.threshold, 8);
    assert_int_equal(info.elapsed, 4);
    assert_int_equal(info.count, 2);
    assert_string_equal(signalling, "-##-");
    qc_vb_info_at(&d, &a, 44, &info, NULL); /* three misses: out of reach */
    assert_false(info.possible);
    signal_from(&b, 40, 10);
    qc_vb_info_at(&d, &a, 49, &info, signalling);
    assert_int_equal(info.next, QC_VB_LOCKED_IN);
    assert_string_equal(signalling, "##########");
    qc_vb_info_at(&d, &a, 59, &info, NULL);
    assert_int_equal(info.current, QC_VB_LOCKED_IN);
    assert_int_equal(info.threshold, 0);
    assert_false(info.possible);
    assert_true(info.has_active_since);
    assert_int_equal(info.active_since, 60);
    qc_vb_info_at(&d, &a, 75, &info, NULL);
    assert_false(info.has_stats);
    assert_int_equal(info.active_since, 60);
}

static void test_block_version__signals_while_it_matters(void **state)
{
    (void)state;
    static branch b;
    qc_ancestors a = {&b, branch_get};
    qc_params *p;
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, NULL, &p), QC_OK);
    p->testdummy = deployment();
    memset(&b, 0, sizeof b);
    signal_from(&b, 40, 10);
    assert_int_equal(qc_vb_block_version(p, &a, 39), SILENT);
    assert_int_equal(qc_vb_block_version(p, &a, 40), SIGNAL);
    assert_int_equal(qc_vb_block_version(p, &a, 59), SIGNAL);
    assert_int_equal(qc_vb_block_version(p, &a, 60), SILENT);
    qc_params_free(p);
}

QC_TEST_MAIN(cmocka_unit_test(test_state_at__signalled_in_time),
             cmocka_unit_test(test_state_at__not_enough_signals),
             cmocka_unit_test(test_state_at__times_are_met_when_equal),
             cmocka_unit_test(test_state_at__always_and_never),
             cmocka_unit_test(test_info_at__counts_the_period),
             cmocka_unit_test(test_block_version__signals_while_it_matters))
