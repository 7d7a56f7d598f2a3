/* The Stratum server's store: what becomes of jobs and sessions over an update of the plugin. */
/* Before cmocka, whose fail() is a macro. */
#include "quoin/sdk.h"

#include "tests/unit/stratum_play.h"

/* All hashes reach 2.3 of these, and a block is 4.6. */
#define E 1e-10

/* Let what is due happen, without time going by. */
static void settle(qn_mock *m, unsigned steps)
{
    qn_mock_steps(m, steps);
    (void)qn_mock_run(m);
    qn_mock_steps(m, UINT32_MAX);
}

static qn_mock *easy_one(void)
{
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "start_difficulty", "1e-10");
    qn_mock_config(m, "min_difficulty", "1e-12");
    qn_mock_mine(m, 20);
    return m;
}

static void begin(qn_mock *m)
{
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    settle(m, 4);
}

static client *arrived(qn_mock *m, const char *session)
{
    client *c = joined(m);
    qn_mock_steps(m, 4);
    greet(m, c, session);
    qn_mock_steps(m, UINT32_MAX);
    return c;
}

static void ask_for(qn_mock *m, client *c, double d)
{
    char line[120];
    snprintf(line, sizeof line,
             "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[%.17g]}", d);
    say(c, line);
    settle(m, 2);
    expect(c, 3, "true");
    free(hear(c, -1));
}

/* Submit work of a job as it was told to `was`, over the connection of c. */
static void submit_as(qn_mock *m, client *c, const client *was, double at_least, double below,
                      const char *answer)
{
    static client x;
    x = *was;
    x.fd = c->fd;
    submit(&x, 5, "00000000000000aa", grind_for(&x, "00000000000000aa", at_least, below), "");
    settle(m, 2);
    expect(c, 5, answer);
}

/* ---- another version of the plugin ---- */

static const qn_host_1 *g_host;
static qn_cap *g_cap;
static bool g_has_number; /* it knows that the number of the newest job is kept */
static bool g_other_rows; /* it keeps difficulties otherwise */

static qn_status older_init(qn_cap *cap, const qn_host_1 *host, const qn_config *c, void **self)
{
    (void)c;
    g_cap = cap;
    g_host = host;
    *self = &g_cap;
    return QN_OK;
}

/* Write the jobs that are there as it would. */
static qn_status older_start(void *self)
{
    const void *table = NULL;
    qn_cap *cap;
    qn_batch b = {0};
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    (void)self;
    qn_status st = g_host->get(g_cap, QN_STORE_OWN_1_ID, 1, &table, &cap);
    assert_int_equal(st, QN_OK);
    const qn_store_own_1 *store = table;
    assert_int_equal(store->iter_open(cap, 0, "j", 1, "k", 1, 0, &iter), QN_OK);
    while (store->iter_next(cap, iter, &key, &n_key, &value, &n_value) == QN_OK) {
        uint8_t row[ST_JOB_BYTES];
        const uint32_t format = UINT32_C(0x51530000) + (uint32_t)sizeof(st_job) - 8;
        assert_int_equal(n_value, sizeof row);
        memcpy(row, value, sizeof row);
        memcpy(row, &format, sizeof format);
        qn_batch_put(&b, key, n_key, row, sizeof row - 8);
    }
    assert_int_equal(store->iter_close(cap, iter), QN_OK);
    if (g_other_rows)
        qn_batch_put(&b, "d\0\1", 3, "otherwise", 9);
    if (!g_has_number)
        qn_batch_delete(&b, "n", 1);
    assert_int_equal(qn_batch_write(&b, store, cap, QN_STORE_SYNC), QN_OK);
    qn_batch_free(&b);
    return QN_OK;
}

static qn_status older_stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

static void older_fini(void *self)
{
    (void)self;
}

static const qn_plugin_1 g_older = {.h = QN_PLUGIN_HEAD,
                                    .id = "org.quoin.stratum",
                                    .version = "0.0.1",
                                    .init = older_init,
                                    .start = older_start,
                                    .stop = older_stop,
                                    .fini = older_fini};

/* The numbers of jobs go on when what is stored of them cannot be read: who comes back is told
 * jobs that are behind those of before, and what comes for those is lost and not late. */
static void test_store__numbers_go_on_over_an_update(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        static client before;
        qn_mock *m = easy_one();
        begin(m);
        for (int k = 0; k < 5; k++) {
            qn_mock_mine(m, 1);
            settle(m, 4);
        }
        client *c = arrived(m, NULL), *d;
        ask_for(m, c, 4 * E);
        before = *c;
        assert_int_equal(qn_mock_stop(m), QN_OK);
        g_has_number = i;
        assert_int_equal(qn_mock_start(m, &g_older), QN_OK);
        assert_int_equal(qn_mock_stop(m), QN_OK);
        begin(m);
        d = arrived(m, before.session);
        assert_string_equal(d->en1, before.en1);
        assert_true(strtoull(d->job, NULL, 16) > strtoull(before.job, NULL, 16));
        assert_true(d->difficulty == 4 * E);
        submit_as(m, d, d, 4 * E, 4.6 * E, "\"result\":true");
        submit_as(m, d, d, E, 4 * E, "[23,");
        submit_as(m, d, &before, 4 * E, 4.6 * E, "[20,\"This job was lost");
        assert_int_equal(count(qn_mock_log(m), "a block among them is LOST"), 1);
        submit_as(m, d, &before, 4 * E, 4.6 * E, "[20,\"This job was lost"); /* it is said once */
        assert_int_equal(count(qn_mock_log(m), "a block among them is LOST"), 1);
        leave(c);
        leave(d);
        qn_mock_free(m);
    }
}

/* Extranonces that end alike are of two sessions. */
static void test_store__nobody_takes_the_place_of_another(void **state)
{
    (void)state;
    qn_mock *m = easy_one();
    static client a, variant;
    begin(m);
    client *c = arrived(m, NULL), *d, *e;
    snprintf(a.session, sizeof a.session, "%s", c->session);
    snprintf(a.en1, sizeof a.en1, "%s", c->en1);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    begin(m); /* extranonces are taken from the store by 65,536 */
    d = arrived(m, NULL);
    assert_string_equal(d->en1 + 4, a.en1 + 4);
    assert_string_not_equal(d->en1, a.en1);
    leave(c);
    c = arrived(m, a.session);
    ask_for(m, c, 2 * E);
    variant = *c;
    ask_for(m, d, 3 * E);
    e = arrived(m, a.session);
    ask_for(m, e, 4 * E);
    assert_string_equal(e->en1, a.en1);
    assert_string_not_equal(e->job, variant.job);
    submit_as(m, e, &variant, 4 * E, 4.6 * E, "\"result\":true");
    char *shares = qn_mock_rpc(m, "stratum.shares", "[1]"); /* for what it was told with */
    assert_non_null(strstr(shares, "\"difficulty\":2.0000000000000001e-10,"));
    free(shares);
    leave(c);
    leave(d);
    leave(e);
    qn_mock_free(m);
}

static qn_status no_write(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    return strcmp(interface, "store.own/1") == 0 && strcmp(method, "write") == 0 ? QN_E_IO : QN_OK;
}

/* Where a difficulty could not be written the one of before is worth nothing either. */
static void test_store__what_could_not_be_kept_does_not_count(void **state)
{
    (void)state;
    qn_mock *m = easy_one();
    static client before;
    begin(m);
    client *c = arrived(m, NULL), *d;
    ask_for(m, c, 2 * E);
    qn_mock_on_call(m, no_write, NULL);
    ask_for(m, c, 3 * E);
    before = *c;
    qn_mock_on_call(m, NULL, NULL);
    d = arrived(m, before.session);
    ask_for(m, d, 4 * E);
    submit_as(m, d, &before, 4 * E, 4.6 * E, "[21,");
    /* It was told a new job soon, of the same work. */
    assert_true(strtoull(d->job, NULL, 16) >> 8 > strtoull(before.job, NULL, 16) >> 8);
    assert_string_equal(d->prev, before.prev);
    submit_as(m, d, d, 4 * E, 4.6 * E, "\"result\":true");
    leave(c);
    leave(d);
    qn_mock_free(m);
}

/* Whoever mines is remembered, also one who has never asked for anything; what an older version
 * kept is taken away. */
static void test_store__rows_of_sessions_come_back(void **state)
{
    (void)state;
    qn_mock *m = easy_one();
    static client before;
    begin(m);
    client *c = arrived(m, NULL), *d;
    before = *c;
    assert_true(before.difficulty == E);
    qn_mock_config(m, "start_difficulty", "3e-10");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    begin(m);
    d = arrived(m, before.session);
    assert_true(d->difficulty == E);
    submit_as(m, d, &before, E, 3 * E, "\"result\":true");
    leave(c);
    leave(d);
    qn_mock_free(m);
}

/* A full store, from which what an older version kept cannot even be taken, keeps nobody who comes
 * back from mining. */
static void test_store__a_full_one_can_be_started_with(void **state)
{
    (void)state;
    qn_mock *m = easy_one();
    begin(m);
    client *before = arrived(m, NULL);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    g_other_rows = g_has_number = true;
    assert_int_equal(qn_mock_start(m, &g_older), QN_OK);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    g_other_rows = false;
    qn_mock_quota(m, 1);
    begin(m);
    assert_int_equal(count(qn_mock_log(m), "the store cannot be written"), 1);
    client *c = arrived(m, before->session);
    submit_as(m, c, c, E, 4.6 * E, "\"result\":true");
    leave(before);
    leave(c);
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_store__numbers_go_on_over_an_update),
             cmocka_unit_test(test_store__nobody_takes_the_place_of_another),
             cmocka_unit_test(test_store__what_could_not_be_kept_does_not_count),
             cmocka_unit_test(test_store__rows_of_sessions_come_back),
             cmocka_unit_test(test_store__a_full_one_can_be_started_with))
