/* The loop of an isolated plugin, without its messages: here they never end. */
#include "runner/loop.h"
#include "tests/unit/harness.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOR_EVER 50000000u /* messages: minutes of a loop's time */

static unsigned steps;

/* ---- instead of rt.c ---- */

bool qc_rt_step(qc_rt *rt)
{
    (void)rt;
    if (++steps > FOR_EVER)
        _exit(1);
    return true;
}

void qc_rt_wait(qc_rt *rt)
{
    (void)rt;
}

void qc_rt_log_tell(qc_rt *rt)
{
    (void)rt;
}

/* ---- what must have its turn ---- */

static void on_ready(void *arg, const qc_rt_watch *w, short ready)
{
    (void)arg;
    (void)w;
    (void)ready;
    _exit(0);
}

static void on_timer(void *arg)
{
    (void)arg;
    _exit(0);
}

static void watch_something(qc_rt *rt)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], "x", 1), 1);
    const qc_rt_watch w = {.fd = fd[0], .mask = POLLIN, .fn = on_ready};
    assert_int_equal(qc_rt_watch_set(rt, &w), QN_OK);
}

static void set_timer(qc_rt *rt)
{
    uint64_t id;
    assert_int_equal(qc_rt_timer_set(rt, 1, on_timer, NULL, &id), QN_OK);
}

/* Does what was prepared run while messages come without an end? */
static void check_runs(void (*prepare)(qc_rt *rt))
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        int socket[2];
        static qc_rt rt;
        rt = (qc_rt){.posts_end = &rt.posts, .queue_end = &rt.queue};
        pthread_mutex_init(&rt.lock, NULL);
        if (pipe(socket))
            _exit(2);
        qc_chan_init(&rt.chan, socket[0], SIZE_MAX / 2);
        if (!qc_rt_loop_open(&rt))
            _exit(3);
        prepare(&rt);
        qc_rt_run(&rt);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_run__descriptors_have_their_turn_between_messages(void **state)
{
    (void)state;
    check_runs(watch_something);
}

static void test_run__timers_have_their_turn_between_messages(void **state)
{
    (void)state;
    check_runs(set_timer);
}

QC_TEST_MAIN(cmocka_unit_test(test_run__descriptors_have_their_turn_between_messages),
             cmocka_unit_test(test_run__timers_have_their_turn_between_messages))
