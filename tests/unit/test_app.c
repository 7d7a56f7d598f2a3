/* Parts of quoind that stand alone: commands, progress lines, options turned into chain options,
 * the log file. */
#include "core/app/chainopts.h"
#include "core/app/logfile.h"
#include "core/app/notify.h"
#include "core/app/options.h"
#include "core/app/app.h"
#include "core/app/progress.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "tests/unit/harness.h"

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
    qc_err err = qc_settings_args(s, argc, argv, false, NULL, &error);
    if (err)
        fail_msg("%s", error);
    return s;
}

static void test_notify_fill__replaces_every_mark(void **state)
{
    (void)state;
    char *s = qc_notify_fill("echo %s >> f; touch %s%", "ab");
    assert_string_equal(s, "echo ab >> f; touch ab%");
    qc_free(s);
    s = qc_notify_fill("", "ab");
    assert_string_equal(s, "");
    qc_free(s);
}

static void test_notify_quote__leaves_nothing_for_a_shell(void **state)
{
    (void)state;
    char *s = qc_notify_quote("a'b\"c`d$(e);f\n|g&");
    assert_string_equal(s, "'abcd(e);fg'");
    qc_free(s);
}

static void test_notify_run_all__waits(void **state)
{
    (void)state;
    char *cmd = qc_asprintf("echo done > %s", tmp_path("notify"));
    const char *const list[] = {cmd, NULL};
    qc_notify_run_all(list);
    qc_bytes b = tmp_read(tmp_path("notify"));
    assert_string_equal((char *)b.data, "done\n");
    qc_bytes_free(&b);
    qc_free(cmd);
}

static void test_progress__lines_at_intervals_with_the_time_left(void **state)
{
    (void)state;
    const qc_mono s = 1000000000;
    qc_progress p = {0};
    char line[160];
    assert_true(qc_progress_line(&p, "Importing", 0, 1231006505, 0, 10 * s, line, sizeof line));
    assert_string_equal(line, "Importing: height 0 (2009-01-03), 0.00 % done");
    assert_false(qc_progress_line(&p, "Importing", 10, 0, 0.01, 14 * s, line, sizeof line));
    assert_true(qc_progress_line(&p, "Importing", 2000, 0, 0.25, 110 * s, line, sizeof line));
    assert_string_equal(line, "Importing: height 2000, 25.00 % done, 20 blocks/s, about 5 min 00 s "
                              "left");
    assert_true(qc_progress_line(&p, "Importing", 4000, 0, 1, 111 * s, line, sizeof line));
    assert_true(qc_progress_line(&p, "Verifying", 7, 0, 0.5, 111 * s, line, sizeof line));
    assert_string_equal(line, "Verifying: height 7, 50.00 % done");
}

static void test_rate__is_of_the_last_samples(void **state)
{
    (void)state;
    const qc_mono s = 1000000000;
    qc_rate r;
    qc_rate_view v;
    qc_rate_init(&r);
    assert_false(qc_rate_get(&r, &v));
    qc_rate_add(&r, &(qc_rate_sample){10 * s, 100, 0.10, 1000});
    assert_false(qc_rate_get(&r, &v));
    qc_rate_add(&r, &(qc_rate_sample){20 * s, 150, 0.15, 6000});
    assert_true(qc_rate_get(&r, &v));
    assert_int_equal(v.blocks * 10, 50);
    assert_int_equal(v.bytes * 10, 5000);
    assert_int_equal(v.left + 0.5, 170);
    /* A fast start is forgotten. */
    for (uint32_t i = 0; i < QC_RATE_SAMPLES; i++)
        qc_rate_add(&r, &(qc_rate_sample){(30 + 5 * i) * s, 200 + i, 0.2, 7000});
    assert_true(qc_rate_get(&r, &v));
    assert_int_equal(v.blocks * 1000, 200);
    assert_int_equal(v.bytes, 0);
    assert_true(v.left < 0);
    /* Wound back: begin anew. */
    qc_rate_add(&r, &(qc_rate_sample){1000 * s, 7, 0.01, 8000});
    assert_false(qc_rate_get(&r, &v));
    qc_rate_clear(&r);
}

static void test_syncing_line__says_how_far_and_how_fast(void **state)
{
    (void)state;
    char line[240];
    qc_syncing s = {123456, 876543, 1300000000, 0.12345, 8};
    qc_rate_view v = {512.4, 8100000, 11525};
    qc_syncing_line(&s, &v, line, sizeof line);
    assert_string_equal(line, "Syncing: height 123456 (2011-03-13) of 876543, 12.35 % done, 512 "
                              "blocks/s, 8.1 MB/s, about 3 h 12 min left, 8 peers");
    v.left = -1;
    s.peers = 1;
    qc_syncing_line(&s, &v, line, sizeof line);
    assert_string_equal(line, "Syncing: height 123456 (2011-03-13) of 876543, 12.35 % done, 512 "
                              "blocks/s, 8.1 MB/s, 1 peer");
}

static void test_user_hex__pads_and_limits(void **state)
{
    (void)state;
    qc_hash h;
    assert_true(qc_app_user_hex("0x1f", &h));
    assert_int_equal(h.b[0], 0x1f);
    assert_true(qc_app_user_hex("0", &h));
    assert_true(qc_hash_is_zero(&h));
    assert_false(qc_app_user_hex("xyz", &h));
    assert_false(
        qc_app_user_hex("11111111111111111111111111111111111111111111111111111111111111111", &h));
}

static void expect_params_error(const char *args, const char *chain, const char *text)
{
    char *error = NULL;
    qc_params *p = NULL;
    qc_settings *s = settings(args);
    assert_int_equal(qc_app_params(s, chain, &p, &error), QC_EINVAL);
    assert_string_equal(error, text);
    qc_free(error);
    qc_settings_free(s);
}

static void test_params__overrides_and_errors(void **state)
{
    (void)state;
    char *error = NULL;
    qc_params *p = NULL;
    qc_settings *s = settings("-testactivationheight=segwit@5 -testactivationheight=dersig@7 "
                              "-vbparams=testdummy:1:2:3 -test=bip94");
    assert_int_equal(qc_app_params(s, "regtest", &p, &error), QC_OK);
    assert_int_equal(p->dep_height[QC_DEP_SEGWIT], 5);
    assert_int_equal(p->dep_height[QC_DEP_BIP66], 7);
    assert_int_equal(p->testdummy.min_activation_height, 3);
    assert_true(p->bip94);
    qc_params_free(p);
    qc_settings_free(s);
    expect_params_error("-testactivationheight=x", "regtest",
                        "Invalid format (x) for -testactivationheight=name@height.");
    expect_params_error("-testactivationheight=x@1", "regtest",
                        "Invalid name (x@1) for -testactivationheight=name@height.");
    expect_params_error("-testactivationheight=csv@-1", "regtest",
                        "Invalid height value (csv@-1) for -testactivationheight=name@height.");
    expect_params_error("-testactivationheight=csv@1", "main",
                        "The -testactivationheight option may not be used on mainnet.");
    expect_params_error("-vbparams=testdummy:1", "regtest",
                        "Version bits parameters malformed, expecting "
                        "deployment:start:end[:min_activation_height]");
    expect_params_error("-vbparams=taproot:1:2", "regtest", "Invalid deployment (taproot)");
    expect_params_error("-signetchallenge=51 -signetchallenge=52", "signet",
                        "-signetchallenge cannot be multiple values.");
    expect_params_error("-signetchallenge=5", "signet", "-signetchallenge must be hex, not '5'.");
    expect_params_error("-test=bip94", "signet", "-test=<option> can only be used with regtest");
}

static void expect_chain_error(const char *args, const char *text)
{
    char *error = NULL;
    qc_chain_options o = {0};
    const qc_params p = {.id = QC_CHAIN_REGTEST};
    qc_settings *s = settings(args);
    assert_int_equal(qc_app_chain_options(s, &p, &o, &error), QC_EINVAL);
    assert_string_equal(error, text);
    qc_free(error);
    qc_settings_free(s);
}

static void test_chain_options__values_and_errors(void **state)
{
    (void)state;
    char *error = NULL;
    qc_chain_options o = {0};
    const qc_params p = {.id = QC_CHAIN_REGTEST};
    qc_settings *s = settings("-prune=600 -dbcache=1 -par=1 -assumevalid=0 -minimumchainwork=0x10 "
                              "-checklevel=9 -stopatheight=7 -prevoutfetchthreads=99");
    assert_int_equal(qc_app_chain_options(s, &p, &o, &error), QC_OK);
    assert_int_equal(o.prune_target, (uint64_t)600 << 20);
    assert_int_equal(o.dbcache, 4 << 20);
    assert_int_equal(o.par, 0);
    assert_int_equal(o.prefetch_threads, 16);
    assert_true(o.has_assume_valid && qc_hash_is_zero(&o.assume_valid));
    assert_int_equal(o.min_work.w[0], 16);
    assert_int_equal(o.check_level, 4);
    assert_int_equal(o.stop_at_height, 7);
    assert_true(o.checkblockindex && o.blocksxor);
    qc_settings_free(s);
    expect_chain_error("-prune=-1", "Prune cannot be configured with a negative value.");
    expect_chain_error("-prune=549", "Prune configured below the minimum of 550 MiB.  Please use a "
                                     "higher number.");
    expect_chain_error("-prune=1 -reindex-chainstate",
                       "Prune mode is incompatible with -reindex-chainstate. Use full -reindex "
                       "instead.");
    expect_chain_error("-assumevalid=g",
                       "Invalid assumevalid block hash specified (g), must be up to "
                       "64 hex digits (or 0 to disable)");
    expect_chain_error(
        "-prevoutfetchthreads=-1",
        "-prevoutfetchthreads must be non-negative (got -1). Use 0 to disable parallel "
        "input fetching.");
}

static void expect_template_error(const char *args, const char *text)
{
    char *error = NULL;
    qc_template_options o;
    qc_settings *s = settings(args);
    assert_int_equal(qc_app_template_options(s, &o, &error), QC_EINVAL);
    assert_string_equal(error, text);
    qc_free(error);
    qc_settings_free(s);
}

static void test_template_options__values_and_errors(void **state)
{
    (void)state;
    char *error = NULL;
    qc_template_options o;
    qc_settings *s = settings("-blockmaxweight=100000 -blockreservedweight=4000 "
                              "-blockmintxfee=0.00001 -printpriority");
    assert_int_equal(qc_app_template_options(s, &o, &error), QC_OK);
    assert_int_equal(o.max_weight, 100000);
    assert_int_equal(o.reserved_weight, 4000);
    assert_int_equal(qc_feerate_kvb(o.min_feerate), 1000);
    assert_true(o.print);
    qc_settings_free(s);
    s = settings("-dbcache=100");
    assert_int_equal(qc_app_template_options(s, &o, &error), QC_OK);
    assert_int_equal(o.max_weight, 4000000);
    assert_int_equal(o.reserved_weight, 8000);
    assert_int_equal(qc_feerate_kvb(o.min_feerate), 1);
    qc_settings_free(s);
    expect_template_error(
        "-blockmaxweight=4000001",
        "-blockmaxweight (4000001) exceeds consensus maximum block weight (4000000)");
    expect_template_error(
        "-blockreservedweight=1999",
        "-blockreservedweight (1999) is lower than minimum safety value of (2000)");
    expect_template_error("-blockmintxfee=x", "Invalid amount for -blockmintxfee=<amount>: 'x'");
}

static void test_cache_sizes__are_split_as_core_splits(void **state)
{
    (void)state;
    qc_settings *s = settings("-dbcache=100");
    qc_cache_sizes c = qc_app_cache_sizes(s);
    assert_int_equal(c.block_tree_db, 2 << 20);
    assert_int_equal(c.coins_db, 8 << 20);
    assert_int_equal(c.coins, 90 << 20);
    qc_settings_free(s);
    s = settings("-dbcache=4");
    c = qc_app_cache_sizes(s);
    assert_int_equal(c.block_tree_db, 512 << 10);
    assert_int_equal(c.coins_db, 1792 << 10);
    qc_settings_free(s);
}

static void test_logfile__lines_are_cores_and_forgery_fails(void **state)
{
    (void)state;
    char *error = NULL;
    qc_logfile *l;
    const char *path = tmp_path("debug.log");
    qc_settings *s = settings("-debug=rpc -debugexclude=http -logtimestamps=0 -printtoconsole=0");
    assert_int_equal(qc_logfile_new(&l, s, &error), QC_OK);
    qc_log(QC_LOG_INFO, "base", "early");
    assert_int_equal(qc_logfile_open(l, path), QC_OK);
    qc_log(QC_LOG_WARN, "rpc", "careful");
    qc_log(QC_LOG_DEBUG, "rpc", "detail");
    qc_log(QC_LOG_DEBUG, "http", "hidden");
    qc_log(QC_LOG_TRACE, "rpc", "hidden");
    qc_log(QC_LOG_INFO, "rpc", "a\x1b[31mb\rc");
    qc_bytes b = tmp_read(path); /* on disk before the next call */
    assert_string_equal((char *)b.data,
                        "early\n[warning] careful\n[rpc] detail\na\\x1b[31mb\\x0dc\n");
    qc_bytes_free(&b);
    qc_logfile_close(l);
    qc_settings_free(s);
}

static void expect_log_error(const char *args, const char *text)
{
    char *error = NULL;
    qc_logfile *l;
    qc_settings *s = settings(args);
    assert_int_equal(qc_logfile_new(&l, s, &error), QC_EINVAL);
    assert_memory_equal(error, text, strlen(text));
    qc_free(error);
    qc_settings_free(s);
}

static void test_logfile__refuses_unknown_categories_and_levels(void **state)
{
    (void)state;
    expect_log_error("-debug=nope", "Unsupported logging category -debug=nope.");
    expect_log_error("-debugexclude=nope", "Unsupported logging category -debugexclude=nope.");
    expect_log_error("-loglevel=loud",
                     "Unsupported global logging level -loglevel=loud. Valid values: "
                     "info, debug, trace.");
    expect_log_error("-loglevel=rpc:loud", "Unsupported category-specific logging level "
                                           "-loglevel=rpc:loud.");
}

static uint64_t first_id(const char *folder, int64_t now)
{
    uint64_t id = 0;
    assert_int_equal(qc_app_first_template_id(folder, now, &id), QC_OK);
    return id;
}

/* As if each run had made as many as it may. */
static void test_first_template_id__rises_whatever_the_clock_says(void **state)
{
    static const int64_t clock[] = {1700000000000000, 1700000000000001, 1800000000000000, 1, 0, -5,
                                    1800000000000000};
    const char *folder = tmp_mkdir();
    uint64_t last = 0;
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(clock); i++) {
        uint64_t id = first_id(folder, clock[i]);
        assert_true(id >= last && id < UINT64_C(1) << 53);
        assert_true((int64_t)id >= clock[i]);
        last = id + (UINT64_C(1) << 32);
    }
}

static void test_first_template_id__is_the_clock_without_a_good_file(void **state)
{
    static const char *const text[] = {"", "x", "-1", "99999999999999999999999999"};
    const char *folder = tmp_mkdir();
    char *path = qc_asprintf("%s/template_id", folder);
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(text); i++) {
        assert_int_equal(qc_os_write_file_atomic(path, qc_span_str(text[i]), 0600), QC_OK);
        assert_int_equal(first_id(folder, 1700000000000000), 1700000000000000);
    }
    uint64_t id = 7;
    assert_int_not_equal(qc_app_first_template_id("/nowhere/at/all", 1, &id), QC_OK);
    assert_int_equal(id, 7);
    qc_free(path);
}

QC_TEST_MAIN(cmocka_unit_test(test_first_template_id__rises_whatever_the_clock_says),
             cmocka_unit_test(test_first_template_id__is_the_clock_without_a_good_file),
             cmocka_unit_test(test_notify_fill__replaces_every_mark),
             cmocka_unit_test(test_notify_quote__leaves_nothing_for_a_shell),
             cmocka_unit_test(test_notify_run_all__waits),
             cmocka_unit_test(test_progress__lines_at_intervals_with_the_time_left),
             cmocka_unit_test(test_rate__is_of_the_last_samples),
             cmocka_unit_test(test_syncing_line__says_how_far_and_how_fast),
             cmocka_unit_test(test_user_hex__pads_and_limits),
             cmocka_unit_test(test_params__overrides_and_errors),
             cmocka_unit_test(test_chain_options__values_and_errors),
             cmocka_unit_test(test_template_options__values_and_errors),
             cmocka_unit_test(test_cache_sizes__are_split_as_core_splits),
             cmocka_unit_test(test_logfile__lines_are_cores_and_forgery_fails),
             cmocka_unit_test(test_logfile__refuses_unknown_categories_and_levels))
