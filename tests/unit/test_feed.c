/* The rules of mempool.follow over random histories, and the proof that the histories would find a
 * host that breaks them. */
#include "core/host/ask.h"
#include "tests/unit/feed_model.h"
#include "tests/unit/harness.h"

#define HISTORIES 4000u
#define MUTANT_HISTORIES 400u

static void test_feed__copies_equal_the_pool_over_random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        const char *bad = feed_run(seed, FEED_SOUND);
        if (bad)
            fail_msg("history %llu: %s", (unsigned long long)seed, bad);
    }
}

static unsigned found(feed_mutant mutant)
{
    unsigned n = 0;
    for (uint64_t seed = 1; seed <= MUTANT_HISTORIES; seed++)
        n += feed_run(seed, mutant) != NULL;
    return n;
}

static void test_feed__histories_find_a_host_that_tells_before_durable(void **state)
{
    (void)state;
    assert_true(found(FEED_NO_HOLD) > MUTANT_HISTORIES / 2);
}

static void test_feed__histories_find_a_host_that_drops_an_event(void **state)
{
    (void)state;
    assert_true(found(FEED_DROPS) > MUTANT_HISTORIES / 4);
}

static void test_feed__histories_find_a_host_whose_snapshot_is_torn(void **state)
{
    (void)state;
    assert_true(found(FEED_TORN) > MUTANT_HISTORIES / 4);
}

/* ---- single rules ---- */

static void tell(qc_feed *f, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        qn_mempool_event e = {.type = QN_MEMPOOL_EV_ADDED, .sequence = i + 1};
        qc_feed_tell(f, &e);
    }
}

static qc_feed_reader reader_on(qc_feed *f, uint32_t window)
{
    qc_feed_reader r;
    qc_snapshot s = {.entry = qc_try_calloc(1, sizeof *s.entry)};
    assert_int_equal(qc_feed_reader_open(&r, f, window), QC_OK);
    qc_feed_mark(f, 1, &s);
    qc_feed_reader_start(&r, &s);
    return r;
}

static void test_feed_reader__a_slow_one_gets_a_gap_and_wants_a_snapshot(void **state)
{
    (void)state;
    qc_index genesis = {.height = 0};
    qc_feed *f = qc_feed_new(4, 9);
    qn_mempool_event e[16];
    uint32_t n = 0;
    qc_feed_at(f, 1, &genesis);
    qc_feed_durable(f, &genesis);
    qc_feed_reader r = reader_on(f, 100);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(e[0].type, QN_MEMPOOL_EV_SYNCED);
    tell(f, 4);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(n, 4); /* all that are kept */
    assert_int_equal(e[3].epoch, 9);
    assert_int_equal(e[3].seq, 5);
    tell(f, 5);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(e[0].type, QN_MEMPOOL_EV_GAP);
    assert_int_equal(r.state, QC_READER_WANTS);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_E_AGAIN);
    qc_feed_reader_close(&r);
    qc_feed_free(f);
}

static void test_feed_reader__the_window_bounds_what_is_given(void **state)
{
    (void)state;
    qc_index genesis = {.height = 0};
    qc_feed *f = qc_feed_new(0, 9);
    qn_mempool_event e[16];
    uint32_t n = 0;
    qc_feed_at(f, 1, &genesis);
    qc_feed_durable(f, &genesis);
    qc_feed_reader r = reader_on(f, 3);
    tell(f, 10);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK); /* SYNCED */
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(n, 2);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_E_LIMIT);
    assert_int_equal(qc_feed_reader_ack(&r, 4), QN_E_INVAL); /* never given */
    assert_int_equal(qc_feed_reader_ack(&r, 2), QN_OK);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(n, 2);
    assert_int_equal(e[0].seq, 4);
    qc_feed_reader_close(&r);
    qc_feed_free(f);
}

static void test_feed__an_event_waits_until_its_tip_is_durable(void **state)
{
    (void)state;
    qc_index b[2] = {{.height = 0}, {.height = 1}};
    qc_feed *f = qc_feed_new(0, 9);
    qn_mempool_event e[16];
    uint32_t n = 0;
    b[1].parent = &b[0];
    b[1].hash.b[0] = 7;
    qc_feed_at(f, 1, &b[0]);
    qc_feed_durable(f, &b[0]);
    qc_feed_reader r = reader_on(f, 100);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    tell(f, 1);
    qc_feed_at(f, 2, &b[1]);
    tell(f, 2);
    qc_feed_followed(f);
    qc_feed_followed(f);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_E_AGAIN);
    qc_feed_durable(f, &b[0]); /* that is no news */
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_E_AGAIN);
    qc_feed_durable(f, &b[1]);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(n, 3); /* with one TIP at the end */
    assert_int_equal(e[2].type, QN_MEMPOOL_EV_TIP);
    assert_int_equal(e[2].chain_seq, 2);
    assert_int_equal(e[2].tip.b[0], 7);
    assert_int_equal(e[2].height, 1);
    qc_feed_reader_close(&r);
    qc_feed_free(f);
}

static void test_feed__without_readers_nothing_is_kept(void **state)
{
    (void)state;
    qc_index genesis = {.height = 0};
    qc_feed *f = qc_feed_new(0, 9);
    qn_mempool_event e[16];
    uint32_t n = 0;
    unsigned runs;
    qc_feed_at(f, 1, &genesis);
    qc_feed_durable(f, &genesis);
    assert_false(qc_feed_read(f));
    tell(f, 3);
    qc_feed_reader r = reader_on(f, 100);
    assert_true(qc_feed_read(f));
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_OK);
    assert_int_equal(qc_feed_reader_next(&r, e, 16, &n), QN_E_AGAIN);
    qc_feed_reader_close(&r);
    assert_false(qc_feed_read(f));
    FOR_EACH_FAULT (runs) {
        if (qc_feed_reader_open(&r, f, 1) == QC_OK) {
            assert_false(fault_was_hit());
            qc_feed_reader_close(&r);
        }
        assert_false(qc_feed_read(f));
    }
    qc_feed_free(f);
}

static void test_ask_wait__questions_take_a_fifth_of_the_time(void **state)
{
    (void)state;
    const int64_t ms = 1000000;
    qc_ask_credit c = {0};
    assert_int_equal(qc_ask_wait(&c, 1000 * ms), 0);
    c.left -= 50 * ms; /* as much as there is at once */
    assert_int_equal(qc_ask_wait(&c, 1000 * ms), 0);
    c.left -= 10 * ms;
    assert_int_equal(qc_ask_wait(&c, 1000 * ms), 50 * ms);
    assert_int_equal(qc_ask_wait(&c, 1025 * ms), 25 * ms);
    assert_int_equal(qc_ask_wait(&c, 1050 * ms), 0);
    assert_int_equal(qc_ask_wait(&c, 100000 * ms), 0);
    c.left -= 60 * ms; /* a long rest is worth no more than what goes at once */
    assert_int_equal(qc_ask_wait(&c, 100000 * ms), 50 * ms);
}

QC_TEST_MAIN(cmocka_unit_test(test_feed__copies_equal_the_pool_over_random_histories),
             cmocka_unit_test(test_feed__histories_find_a_host_that_tells_before_durable),
             cmocka_unit_test(test_feed__histories_find_a_host_that_drops_an_event),
             cmocka_unit_test(test_feed__histories_find_a_host_whose_snapshot_is_torn),
             cmocka_unit_test(test_feed_reader__a_slow_one_gets_a_gap_and_wants_a_snapshot),
             cmocka_unit_test(test_feed_reader__the_window_bounds_what_is_given),
             cmocka_unit_test(test_feed__an_event_waits_until_its_tip_is_durable),
             cmocka_unit_test(test_feed__without_readers_nothing_is_kept),
             cmocka_unit_test(test_ask_wait__questions_take_a_fifth_of_the_time))
