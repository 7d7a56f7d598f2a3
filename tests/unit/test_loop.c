#include "core/loop/loop.h"
#include "tests/unit/harness.h"

#include <signal.h>
#include <unistd.h>

typedef struct rig {
    qc_loop *loop;
    qc_timer *timer[3];
    qc_watch *watch;
    char trace[64];
    int pipe[2];
} rig;

static void note(rig *k, const char *what)
{
    size_t n = strlen(k->trace);
    snprintf(k->trace + n, sizeof k->trace - n, "%s", what);
}

static void post_a(void *arg)
{
    note(arg, "a");
}
static void post_b(void *arg)
{
    note(arg, "b");
}
static void stop(void *arg)
{
    rig *k = arg;
    note(k, ".");
    qc_loop_stop(k->loop);
}
static void post_again(void *arg)
{
    rig *k = arg;
    note(k, "c");
    qc_loop_post(k->loop, post_a, k);
    qc_loop_post(k->loop, stop, k);
}

static void test_post__runs_in_order_and_before_stop_returns(void **state)
{
    (void)state;
    rig k = {0};
    assert_int_equal(qc_loop_new(&k.loop), QC_OK);
    qc_loop_post(k.loop, post_a, &k);
    qc_loop_post(k.loop, post_b, &k);
    qc_loop_post(k.loop, post_again, &k);
    qc_loop_run(k.loop);
    assert_string_equal(k.trace, "abca.");
    qc_loop_post(k.loop, post_b, &k); /* never run: free runs it */
    qc_loop_stop(k.loop);
    qc_loop_free(k.loop);
    assert_string_equal(k.trace, "abca.b");
}

static void fire_late(void *arg)
{
    note(arg, "2");
    stop(arg);
}
static void fire_early(void *arg)
{
    rig *k = arg;
    note(k, "1");
    qc_timer_cancel(k->timer[2]);
    qc_timer_free(k->timer[0]); /* itself */
    qc_timer_set(k->timer[1], 5);
}

static void test_timer__fires_once_in_order_unless_cancelled(void **state)
{
    (void)state;
    rig k = {0};
    assert_int_equal(qc_loop_new(&k.loop), QC_OK);
    assert_int_equal(qc_timer_new(k.loop, fire_early, &k, &k.timer[0]), QC_OK);
    assert_int_equal(qc_timer_new(k.loop, fire_late, &k, &k.timer[1]), QC_OK);
    assert_int_equal(qc_timer_new(k.loop, post_b, &k, &k.timer[2]), QC_OK);
    qc_timer_set(k.timer[1], 3600 * 1000); /* replaced below */
    qc_timer_set(k.timer[2], 2);
    qc_timer_set(k.timer[0], 0);
    qc_loop_run(k.loop);
    assert_string_equal(k.trace, "12.");
    qc_timer_free(k.timer[1]);
    qc_timer_free(k.timer[2]);
    qc_timer_free(NULL);
    qc_loop_free(k.loop);
}

static void readable(void *arg, int fd, unsigned events)
{
    rig *k = arg;
    char c[2] = "";
    assert_int_equal(events, QC_IO_READ);
    assert_int_equal(read(fd, c, 1), 1);
    note(k, c);
    if (c[0] != '!')
        return;
    qc_unwatch(k->watch); /* inside its own callback */
    qc_loop_stop(k->loop);
}

static void test_io_watch__is_level_triggered_until_unwatched(void **state)
{
    (void)state;
    rig k = {0};
    assert_int_equal(pipe(k.pipe), 0);
    assert_int_equal(qc_loop_new(&k.loop), QC_OK);
    assert_int_equal(qc_io_watch(k.loop, k.pipe[0], QC_IO_READ, readable, &k, &k.watch), QC_OK);
    assert_int_equal(write(k.pipe[1], "xy!z", 4), 4);
    qc_loop_run(k.loop);
    assert_string_equal(k.trace, "xy!");
    qc_loop_free(k.loop);
    close(k.pipe[0]);
    close(k.pipe[1]);
}

static void signalled(void *arg, int signo, unsigned events)
{
    (void)events;
    assert_int_equal(signo, SIGUSR1);
    stop(arg);
}

static void test_signal_watch__hears_the_process(void **state)
{
    (void)state;
    rig k = {0};
    assert_int_equal(qc_loop_new(&k.loop), QC_OK);
    assert_int_equal(qc_signal_watch(k.loop, SIGUSR1, signalled, &k, &k.watch), QC_OK);
    raise(SIGUSR1);
    qc_loop_run(k.loop);
    assert_string_equal(k.trace, ".");
    qc_unwatch(k.watch);
    qc_loop_free(k.loop);
}

static void stop_now(void *arg, int signo, unsigned events)
{
    (void)signo;
    (void)events;
    qc_loop_stop(arg);
}

static void test_poll__hears_a_signal_and_the_stop_holds(void **state)
{
    (void)state;
    qc_loop *l;
    qc_watch *w;
    assert_int_equal(qc_loop_new(&l), QC_OK);
    assert_int_equal(qc_signal_watch(l, SIGUSR1, stop_now, l, &w), QC_OK);
    assert_false(qc_loop_poll(l));
    assert_int_equal(raise(SIGUSR1), 0);
    for (int i = 0; i < 100 && !qc_loop_poll(l); i++)
        usleep(1000);
    assert_true(qc_loop_poll(l));
    qc_loop_run(l); /* returns at once, or the test does not end */
    assert_false(qc_loop_poll(l));
    qc_unwatch(w);
    qc_loop_free(l);
}

static void other_thread(void *arg)
{
    rig *k = arg;
    char before[64];
    for (int i = 0; i < 1000; i++)
        qc_loop_post(k->loop, post_b, k);
    qc_loop_call(k->loop, post_a, k);
    memcpy(before, k->trace, sizeof before); /* it has run */
    qc_loop_call(k->loop, stop, k);
    assert_non_null(strchr(before, 'b'));
}

static void test_call__waits_for_the_loop(void **state)
{
    (void)state;
    rig k = {0};
    qc_thread *t;
    assert_int_equal(qc_loop_new(&k.loop), QC_OK);
    assert_int_equal(qc_thread_start(&t, "other", other_thread, &k), QC_OK);
    qc_loop_run(k.loop);
    qc_thread_join(t);
    qc_loop_free(k.loop);
}

static void job_work(void *arg)
{
    rig *k = arg;
    snprintf(k->trace, sizeof k->trace, "on %s ", qc_thread_name());
}

static void test_job__works_on_the_pool_and_replies_on_the_loop(void **state)
{
    (void)state;
    rig k = {0};
    qc_pool *pool;
    assert_int_equal(qc_loop_new(&k.loop), QC_OK);
    assert_int_equal(qc_pool_new(&pool, 1, "pool"), QC_OK);
    qc_loop_job(k.loop, pool, job_work, stop, &k);
    qc_loop_run(k.loop);
    assert_memory_equal(k.trace, "on pool", 7);
    assert_int_equal(k.trace[strlen(k.trace) - 1], '.');
    qc_pool_free(pool);
    qc_loop_free(k.loop);
}

static void test_new__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        rig k = {0};
        assert_int_equal(pipe(k.pipe), 0);
        qc_err err = qc_loop_new(&k.loop);
        if (!err) {
            err = qc_timer_new(k.loop, stop, &k, &k.timer[0]);
            if (!err)
                err = qc_io_watch(k.loop, k.pipe[0], QC_IO_READ, readable, &k, &k.watch);
            qc_unwatch(k.watch);
            qc_timer_free(k.timer[0]);
        }
        assert_true(!err == !fault_was_hit());
        qc_loop_free(k.loop);
        close(k.pipe[0]);
        close(k.pipe[1]);
    }
    assert_true(runs >= 4);
}

QC_TEST_MAIN(cmocka_unit_test(test_post__runs_in_order_and_before_stop_returns),
             cmocka_unit_test(test_timer__fires_once_in_order_unless_cancelled),
             cmocka_unit_test(test_io_watch__is_level_triggered_until_unwatched),
             cmocka_unit_test(test_signal_watch__hears_the_process),
             cmocka_unit_test(test_poll__hears_a_signal_and_the_stop_holds),
             cmocka_unit_test(test_call__waits_for_the_loop),
             cmocka_unit_test(test_job__works_on_the_pool_and_replies_on_the_loop),
             cmocka_unit_test(test_new__survives_each_single_fault))
