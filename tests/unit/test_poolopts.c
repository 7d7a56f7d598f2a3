/* Options of the mempool: values, ranges, errors in Core's words. */
#include "core/app/poolopts.h"

#include "core/app/options.h"
#include "tests/unit/harness.h"

#include <stdio.h>

static const qc_params MAIN = {.id = QC_CHAIN_MAIN, .name = "main"};
static const qc_params REGTEST = {.id = QC_CHAIN_REGTEST, .name = "regtest"};

/* Words apart by blanks. */
static qc_settings *settings(const char *args)
{
    static char buf[1024];
    char *argv[32] = {buf}, *error = NULL;
    int argc = 1;
    qc_settings *s = qc_settings_new(QC_OPTIONS);
    snprintf(buf, sizeof buf, "quoind %s", args);
    for (char *p = buf; *p; p++)
        if (*p == ' ') {
            *p = 0;
            if (p[1])
                argv[argc++] = p + 1;
        }
    assert_int_equal(qc_settings_args(s, argc, argv, false, NULL, &error), QC_OK);
    return s;
}

static qc_mempool_options read(const char *args, const qc_params *p)
{
    qc_mempool_options o;
    char *error = NULL;
    qc_settings *s = settings(args);
    qc_app_pool_interact(s);
    assert_int_equal(qc_app_pool_options(s, p, &o, &error), QC_OK);
    assert_null(error);
    qc_settings_free(s);
    return o;
}

static void refuse(const char *args, const qc_params *p, const char *text)
{
    qc_mempool_options o;
    char *error = NULL;
    qc_settings *s = settings(args);
    assert_int_equal(qc_app_pool_options(s, p, &o, &error), QC_EINVAL);
    assert_string_equal(error, text);
    qc_free(error);
    qc_settings_free(s);
}

static void test_pool_options__defaults_are_cores(void **state)
{
    (void)state;
    qc_mempool_options o = read("", &MAIN), r = read("", &REGTEST);
    assert_int_equal(o.max_bytes, 300000000);
    assert_int_equal(o.expiry, 336 * 3600);
    assert_int_equal(o.cluster_count, 64);
    assert_int_equal(o.cluster_vbytes, 101000);
    assert_int_equal(o.check_ratio, 0);
    assert_int_equal(r.check_ratio, 1);
    assert_int_equal(qc_feerate_kvb(o.policy.min_relay), 100);
    assert_int_equal(qc_feerate_kvb(o.policy.incremental), 100);
    assert_int_equal(qc_feerate_kvb(o.policy.dust), 3000);
    assert_true(o.policy.datacarrier && o.policy.bare_multisig && o.policy.require_standard);
    assert_int_equal(o.policy.datacarrier_size, 100000);
    assert_int_equal(o.policy.bytes_per_sigop, 20);
}

static void test_pool_options__each_does_what_it_says(void **state)
{
    (void)state;
    qc_mempool_options o =
        read("-maxmempool=6 -mempoolexpiry=2 -limitclustercount=3 -limitclustersize=5 "
             "-checkmempool=7 -bytespersigop=11 -datacarriersize=83 -nopermitbaremultisig "
             "-acceptnonstdtxn -dustrelayfee=0.1 -minrelaytxfee=0.00000001",
             &REGTEST);
    assert_int_equal(o.max_bytes, 6000000);
    assert_int_equal(o.expiry, 7200);
    assert_int_equal(o.cluster_count, 3);
    assert_int_equal(o.cluster_vbytes, 5000);
    assert_int_equal(o.check_ratio, 7);
    assert_int_equal(o.policy.bytes_per_sigop, 11);
    assert_int_equal(o.policy.datacarrier_size, 83);
    assert_false(o.policy.bare_multisig || o.policy.require_standard);
    assert_int_equal(qc_feerate_kvb(o.policy.dust), 10000000);
    assert_int_equal(qc_feerate_kvb(o.policy.min_relay), 1);
    assert_false(read("-datacarrier=0", &REGTEST).policy.datacarrier);
    assert_int_equal(read("-maxmempool=0", &REGTEST).max_bytes, 0);
    /* What a replacement must add, everybody must pay, unless told otherwise. */
    o = read("-incrementalrelayfee=0.00005", &REGTEST);
    assert_int_equal(qc_feerate_kvb(o.policy.min_relay), 5000);
    o = read("-incrementalrelayfee=0.00005 -minrelaytxfee=0.00002", &REGTEST);
    assert_int_equal(qc_feerate_kvb(o.policy.min_relay), 2000);
}

static void test_pool_options__blocksonly_needs_little_room(void **state)
{
    (void)state;
    assert_int_equal(read("-blocksonly", &REGTEST).max_bytes, 5000000);
    assert_int_equal(read("-blocksonly -maxmempool=9", &REGTEST).max_bytes, 9000000);
}

static void test_pool_options__what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const RATE[] = {"minrelaytxfee", "incrementalrelayfee", "dustrelayfee"};
    for (size_t i = 0; i < QC_COUNTOF(RATE); i++) {
        char args[64], text[96];
        snprintf(args, sizeof args, "-%s=1x", RATE[i]);
        snprintf(text, sizeof text, "Invalid amount for -%s=<amount>: '1x'", RATE[i]);
        refuse(args, &REGTEST, text);
    }
    refuse("-limitclustercount=65", &REGTEST, "limitclustercount must be less than or equal to 64");
    refuse("-limitclustercount=-1", &REGTEST, "limitclustercount must be less than or equal to 64");
    refuse("-maxmempool=4", &REGTEST, "-maxmempool must be at least 5 MB");
    refuse("-maxmempool=-4", &REGTEST, "-maxmempool must be at least 5 MB");
    refuse("-acceptnonstdtxn", &MAIN, "acceptnonstdtxn is not currently supported for main chain");
    refuse("-acceptstalefeeestimates", &MAIN,
           "acceptstalefeeestimates is not supported on main chain.");
    read("-acceptstalefeeestimates", &REGTEST);
}

static void test_pool_options__the_largest_numbers_do_no_harm(void **state)
{
    (void)state;
    qc_mempool_options o =
        read("-maxmempool=9223372036854775807 -mempoolexpiry=9223372036854775807 "
             "-checkmempool=9223372036854775807 -bytespersigop=-5",
             &REGTEST);
    assert_true(o.max_bytes >= (size_t)1 << 40);
    assert_int_equal(o.expiry, ((int64_t)1 << 40) * 3600);
    assert_int_equal(o.check_ratio, UINT32_MAX);
    assert_int_equal(o.policy.bytes_per_sigop, 0);
    o = read("-mempoolexpiry=-9223372036854775808", &REGTEST);
    assert_int_equal(o.expiry, -((int64_t)1 << 40) * 3600);
    assert_int_equal(
        read("-limitclustersize=9223372036854775807 -maxmempool=0", &REGTEST).cluster_vbytes,
        INT32_MAX / 4000 * (int64_t)1000);
}

/* A limit that lets nothing in is not taken for none: the least there is has a meaning. */
static void test_pool_options__the_least_cluster_has_a_thousand_bytes(void **state)
{
    (void)state;
    assert_int_equal(read("-limitclustersize=1", &REGTEST).cluster_vbytes, 1000);
    assert_int_equal(read("-limitclustersize=0", &REGTEST).cluster_vbytes, 1000);
    assert_int_equal(read("-limitclustersize=-3", &REGTEST).cluster_vbytes, 1000);
}

static void test_parse_money__is_exact_and_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        qc_amount sat;
    } GOOD[] = {{"0", 0},        {"1", QC_COIN},    {" 0.5\n", QC_COIN / 2},   {".5", QC_COIN / 2},
                {"1.", QC_COIN}, {"0.00000001", 1}, {"21000000", QC_MAX_MONEY}};
    static const char *const BAD[] = {"",
                                      " ",
                                      "-1",
                                      "+1",
                                      "1e3",
                                      "1 1",
                                      "0x1",
                                      "0.000000001",
                                      "21000000.00000001",
                                      "99999999999",
                                      "1.1.1",
                                      "a"};
    qc_amount v;
    for (size_t i = 0; i < QC_COUNTOF(GOOD); i++) {
        assert_true(qc_app_parse_money(GOOD[i].text, &v));
        assert_int_equal(v, GOOD[i].sat);
    }
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++)
        assert_false(qc_app_parse_money(BAD[i], &v));
}

QC_TEST_MAIN(cmocka_unit_test(test_pool_options__defaults_are_cores),
             cmocka_unit_test(test_pool_options__the_least_cluster_has_a_thousand_bytes),
             cmocka_unit_test(test_pool_options__each_does_what_it_says),
             cmocka_unit_test(test_pool_options__blocksonly_needs_little_room),
             cmocka_unit_test(test_pool_options__what_cannot_be_is_refused),
             cmocka_unit_test(test_pool_options__the_largest_numbers_do_no_harm),
             cmocka_unit_test(test_parse_money__is_exact_and_strict))
