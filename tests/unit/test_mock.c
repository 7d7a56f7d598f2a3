/* The mock host, with the plugin that the real host's tests use: it must see the same world. */
#include "quoin/mock.h"
#include "tests/unit/harness.h"

#include <pthread.h>

static qn_mock *started(void)
{
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    return m;
}

static void expect(qn_mock *m, const char *method, const char *params, const char *part)
{
    char *text = qn_mock_rpc(m, method, params);
    if (!strstr(text, part))
        fail_msg("%s: found %s, wanted %s", method, text, part);
    free(text);
}

/* Rows of the plugin are the active chain. */
static void rows_equal(qn_mock *m)
{
    char *text = qn_mock_rpc(m, "good.rows", "[]"), *at = text;
    for (uint32_t h = 0; h <= qn_mock_height(m); h++) {
        char hex[65];
        const qn_block_view *v = qn_mock_block(m, h);
        for (int i = 0; i < 32; i++)
            snprintf(hex + 2 * i, 3, "%02x", v->hash[31 - i]);
        assert_memory_equal(at + 2, hex, 64);
        at += 67;
    }
    assert_string_equal(at, "]");
    free(text);
}

static void test_mock__a_plugin_follows_growth_and_reorganisation(void **state)
{
    (void)state;
    qn_mock *m = started();
    rows_equal(m);
    qn_mock_mine(m, 50);
    qn_mock_run(m);
    rows_equal(m);
    qn_mock_reorg(m, 5, 8);
    qn_mock_run(m);
    rows_equal(m);
    expect(m, "good.status", "[]", "\"disconnects\":5");
    assert_null(qn_mock_failure(m));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_rpc__refuses_a_number_of_parameters_that_is_not_the_methods(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"[1]", "[[1,2,[3]]]",
                                       " [ {\"a\":1,\"b\":[2]} ,\"x,]\\\",\"]", "[\"a\", \"\"]",
                                       "[null,null]"};
    static const char *const BAD[] = {"[]", "[ \n]", "[1,2,3]", "[\"\",\"\",\"\"]", "[[],[],{}]"};
    qn_mock *m = started();
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        expect(m, "good.echo", GOOD[i], GOOD[i]);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        expect(m, "good.echo", BAD[i], "error -1: good.echo \"first\" ( second )\n");
    expect(m, "good.status", "[1]", "error -1: for tests");
    expect(m, "good.status", "[]", "\"disconnects\":0");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_rpc__puts_named_parameters_in_their_order(void **state)
{
    (void)state;
    static const struct {
        const char *params, *want;
    } ROW[] = {
        {"{\"first\":1}", "[1]"},
        {" { \"second\" : [ 2, \"}\" ] , \"first\" : {\"a\":\"\\\"\"} } ",
         "[{\"a\":\"\\\"\"},[ 2, \"}\" ]]"},
        {"{\"zweites\":2}", "[null,2]"},
        {"{\"second\":2,\"args\":[1]}", "[1,2]"},
        {"{\"args\":[1,2]}", "[1,2]"},
        {"{\"args\":5,\"first\":1}", "[1]"},
        {"{\"first\":null,\"second\":1}", "[null,1]"},
        {"{}", "error -1: good.echo \"first\" ( second )\n"},
        {"{\"args\":[1,2,3]}", "error -1: good.echo \"first\" ( second )\n"},
        {"{\"third\":3}", "error -8: Unknown named parameter third"},
        {"{\"args\":[null],\"first\":1}",
         "error -8: Parameter first specified twice both as positional and named argument"},
        {"{\"second\":1,\"zweites\":2}", "error -8: Parameter zweites specified multiple times"},
        {"{\"first\":null,\"first\":2}", "error -8: Parameter first specified multiple times"},
        {"{\"first\"", "error -32700: Parse error"},
        {"{\"first\":\"1}", "error -32700: Parse error"},
        {"{1:2}", "error -32700: Parse error"},
        {"[1", "error -32700: Parse error"},
    };
    qn_mock *m = started();
    for (size_t i = 0; i < sizeof ROW / sizeof *ROW; i++)
        expect(m, "good.echo", ROW[i].params, ROW[i].want);
    expect(m, "good.status", "{\"a\":1}", "error -8: Unknown named parameter a");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_mock__a_plugin_comes_back_after_a_crash_at_any_call(void **state)
{
    (void)state;
    for (unsigned k = 1; k < 120; k++) {
        qn_mock *m = started();
        qn_mock_mine(m, 20);
        qn_mock_fail_call(m, k, QN_E_IO);
        (void)qn_mock_run(m);
        qn_mock_fail_call(m, 0, QN_OK);
        qn_mock_crash(m);
        qn_mock_reorg(m, 3, 5);
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        rows_equal(m);
        qn_mock_free(m);
    }
}

static void test_mock__rpc_answers_at_once_later_and_never(void **state)
{
    (void)state;
    qn_mock *m = started();
    expect(m, "good.echo", "[1]", "[1]");
    expect(m, "good.later", "[]", "\"later\"");
    expect(m, "good.never", "[]", "error: no answer");
    expect(m, "good.none", "[]", "error: no such method");
    expect(m, "good.fail", "[]", "error: no answer");
    assert_non_null(strstr(qn_mock_failure(m), "as asked"));
    qn_mock_free(m);
}

static void test_mock__what_is_denied_is_not_given(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    qn_mock_deny(m, "store.own/1");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_DENIED);
    qn_mock_free(m);
}

static void test_mock_mine__coins_are_paid_and_spent(void **state)
{
    (void)state;
    static const uint8_t script[] = {0x00, 0x14, 1, 2, 3};
    qn_mock *m = qn_mock_new();
    qn_hash txid;
    uint32_t n = qn_mock_pay(m, script, sizeof script, 5000);
    qn_mock_mine(m, 1);
    const qn_block_view *v = qn_mock_block(m, 1);
    assert_int_equal(v->tx.count, 2);
    memcpy(txid.b, qn_view_tx(v, 1)->txid, 32);
    qn_mock_spend(m, &txid, n);
    (void)qn_mock_pay(m, script, 1, 4000);
    qn_mock_mine(m, 1);
    v = qn_mock_block(m, 2);
    const qn_spent_rec *s = qn_view_spent(v, 1);
    assert_int_equal(s->value, 5000);
    assert_int_equal(s->height, 1);
    assert_int_equal(s->script_len, sizeof script);
    assert_memory_equal(qn_view_spent_script(v, s), script, sizeof script);
    assert_int_equal(qn_view_fee(v, 1), 1000);
    assert_memory_equal(v->prev, qn_mock_block(m, 1)->hash, 32);
    qn_mock_free(m);
}

static void keep(void *arg, const char *line)
{
    char *text = arg;
    size_t n = strlen(text);
    snprintf(text + n, 20000 - n, "%s\n", line);
}

static void test_mock_trace__says_what_goes_in_and_comes_out(void **state)
{
    (void)state;
    static char text[20000];
    static const char *const want[] = {
        "-- init()\n",
        "host/1 get(id=\"store.own/1\", min_revision=1) = QN_OK",
        "store.own/1 get(snapshot=0, key=746970, max_value=36) = QN_E_NOTFOUND (-9)",
        "next(follow=1) -> (event={type=1, flags=1, lag=0, epoch=1, seq=1, chain_seq=1",
        "chain.follow/1 next(follow=1) = QN_E_AGAIN (-8)",
        "-- call of good.echo [1]\n"};
    text[0] = 0;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    qn_mock_trace(m, keep, text);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "good.echo", "[1]", "[1]");
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        if (!strstr(text, want[i]))
            fail_msg("found no '%s' in\n%s", want[i], text);
    qn_mock_free(m);
}

static qn_status stop_third(void *arg, uint64_t k, const char *interface, const char *method)
{
    char *text = arg;
    if (k == 3)
        snprintf(text, 100, "%s %s", interface, method);
    return k == 3 ? QN_E_BUSY : QN_OK;
}

static void test_mock_on_call__sees_and_fails_a_call(void **state)
{
    (void)state;
    char text[100] = "";
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    qn_mock_on_call(m, stop_third, text);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_DENIED);
    assert_string_equal(text, "host/1 get");
    assert_int_equal(qn_mock_calls(m), 3);
    qn_mock_free(m);
}

static void test_mock_store_folder__holds_what_was_synced(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    for (int round = 0; round < 3; round++) {
        qn_mock *m = qn_mock_new();
        qn_mock_config(m, "greeting", "hi");
        qn_mock_config(m, "batch", "7");
        assert_int_equal(qn_mock_store_folder(m, dir), QN_OK);
        uint64_t before = qn_mock_store_count(m);
        assert_int_equal(before, round == 0 ? 0 : round == 1 ? 21 + 1 : 31 + 1);
        qn_mock_mine(m, round == 0 ? 20 : 30); /* the same chain, and longer */
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        rows_equal(m);
        if (round == 0)
            qn_mock_crash(m);
        else
            assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
    const void *key, *value;
    uint32_t n_key, n_value;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_store_folder(m, dir), QN_OK);
    assert_true(qn_mock_store_row(m, 0, &key, &n_key, &value, &n_value));
    assert_int_equal(n_key, 5);
    assert_memory_equal(value, qn_mock_block(m, 0)->hash, 32);
    assert_false(qn_mock_store_row(m, 32, &key, &n_key, &value, &n_value));
    qn_mock_free(m);
}

/* Tables as a plugin gets them, without a plugin. */
typedef struct bare {
    const qn_host_1 *host;
    qn_cap *cap, *store_cap;
    const qn_store_own_1 *store;
    qn_status st;
} bare;
static bare the_bare;

static qn_status bare_init(qn_cap *cap, const qn_host_1 *host, const qn_config *c, void **self)
{
    bare *b = &the_bare;
    const void *t;
    (void)c;
    *self = b;
    b->host = host;
    b->cap = cap;
    qn_status st = host->get(cap, QN_STORE_OWN_1_ID, 1, &t, &b->store_cap);
    b->store = t;
    return st;
}
static qn_status bare_start(void *self)
{
    (void)self;
    return QN_OK;
}
static qn_status bare_stop(void *self, uint32_t ms)
{
    (void)self;
    (void)ms;
    return QN_OK;
}
static void bare_fini(void *self)
{
    (void)self;
}
static const qn_plugin_1 BARE = {.h = QN_PLUGIN_HEAD,
                                 .init = bare_init,
                                 .start = bare_start,
                                 .stop = bare_stop,
                                 .fini = bare_fini};

static void test_mock_store__unsynced_writes_do_not_survive_a_crash(void **state)
{
    (void)state;
    static const uint8_t one[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 'a', '1'},
                         two[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 'b', '2'};
    const char *dir = tmp_mkdir();
    qn_mock *m = qn_mock_new();
    const bare *b = &the_bare;
    assert_int_equal(qn_mock_store_folder(m, dir), QN_OK);
    assert_int_equal(qn_mock_start(m, &BARE), QN_OK);
    assert_int_equal(b->store->write(b->store_cap, one, sizeof one, QN_STORE_SYNC), QN_OK);
    assert_int_equal(b->store->write(b->store_cap, two, sizeof two, 0), QN_OK);
    assert_int_equal(qn_mock_store_count(m), 2);
    qn_mock *other = qn_mock_new(); /* as after a kill: the first one is not told */
    assert_int_equal(qn_mock_store_folder(other, dir), QN_OK);
    assert_int_equal(qn_mock_store_count(other), 1);
    qn_mock_free(other);
    qn_mock_crash(m);
    assert_int_equal(qn_mock_store_count(m), 1);
    qn_mock_free(m);
}

static void test_mock_quota__a_write_beyond_it_changes_nothing(void **state)
{
    (void)state;
    static const uint8_t one[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 'a', '1'},
                         gone[] = {2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 'a'};
    qn_mock *m = qn_mock_new();
    const bare *b = &the_bare;
    qn_mock_quota(m, 3);
    assert_int_equal(qn_mock_start(m, &BARE), QN_OK);
    assert_int_equal(b->store->write(b->store_cap, one, sizeof one, 0), QN_OK);
    assert_int_equal(b->store->write(b->store_cap, one, sizeof one, 0), QN_E_FULL);
    assert_int_equal(qn_mock_store_count(m), 1);
    assert_int_equal(b->store->write(b->store_cap, gone, sizeof gone, 0), QN_OK);
    qn_mock_free(m);
}

static void *call_from_elsewhere(void *arg)
{
    bare *b = arg;
    uint32_t n;
    char v[8];
    b->st = b->store->get(b->store_cap, 0, "a", 1, v, sizeof v, &n);
    b->host->log(b->cap, QN_LOG_INFO, "from elsewhere", 14);
    return NULL;
}

static void test_mock_thread__a_call_from_a_wrong_thread_is_refused_and_kept(void **state)
{
    (void)state;
    pthread_t t;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &BARE), QN_OK);
    assert_null(qn_mock_wrong_thread(m));
    assert_int_equal(pthread_create(&t, NULL, call_from_elsewhere, &the_bare), 0);
    pthread_join(t, NULL);
    assert_int_equal(the_bare.st, QN_E_THREAD);
    assert_string_equal(qn_mock_wrong_thread(m), "store.own/1 get");
    assert_non_null(strstr(qn_mock_log(m), "from elsewhere"));
    qn_mock_free(m);
}

static void test_mock_prune__a_follower_is_told_of_the_gap(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    qn_mock_mine(m, 10);
    qn_mock_prune(m, 5);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(
        strstr(qn_mock_failure(m), "following the chain failed")); /* it has no on_gap */
    qn_mock_free(m);
}

static void test_mock_steps__bound_what_runs(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    qn_mock_mine(m, 3);
    qn_mock_steps(m, 0);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_int_equal(qn_mock_run(m), 0);
    assert_int_equal(qn_mock_store_count(m), 0);
    qn_mock_steps(m, 1);
    assert_int_equal(qn_mock_run(m), 1);
    assert_int_equal(qn_mock_store_count(m), 5);
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_mock_trace__says_what_goes_in_and_comes_out),
             cmocka_unit_test(test_mock_on_call__sees_and_fails_a_call),
             cmocka_unit_test(test_mock_store_folder__holds_what_was_synced),
             cmocka_unit_test(test_mock_store__unsynced_writes_do_not_survive_a_crash),
             cmocka_unit_test(test_mock_quota__a_write_beyond_it_changes_nothing),
             cmocka_unit_test(test_mock_thread__a_call_from_a_wrong_thread_is_refused_and_kept),
             cmocka_unit_test(test_mock_prune__a_follower_is_told_of_the_gap),
             cmocka_unit_test(test_mock_steps__bound_what_runs),
             cmocka_unit_test(test_mock__a_plugin_follows_growth_and_reorganisation),
             cmocka_unit_test(test_rpc__refuses_a_number_of_parameters_that_is_not_the_methods),
             cmocka_unit_test(test_rpc__puts_named_parameters_in_their_order),
             cmocka_unit_test(test_mock__a_plugin_comes_back_after_a_crash_at_any_call),
             cmocka_unit_test(test_mock__rpc_answers_at_once_later_and_never),
             cmocka_unit_test(test_mock__what_is_denied_is_not_given),
             cmocka_unit_test(test_mock_mine__coins_are_paid_and_spent))
