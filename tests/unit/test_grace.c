/* Time that does not count against a plugin: when the node was busy, and when the machine was. */
#include "core/host/grace.h"
#include "tests/unit/harness.h"

#include "core/os/process.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define S INT64_C(1000000000)

static void test_grace__a_tick_on_time_forgives_nothing(void **state)
{
    (void)state;
    qc_grace g = QC_GRACE_INIT;
    assert_int_equal(qc_grace_take(&g, 100 * S, 101 * S, 0), 0);
    assert_int_equal(qc_grace_take(&g, 101 * S, 102 * S, 0), 0);
    assert_int_equal(qc_grace_take(&g, 102 * S + S / 5, 103 * S, -1), 0);
}

static void test_grace__what_we_were_late_by_is_forgiven(void **state)
{
    (void)state;
    qc_grace g = QC_GRACE_INIT;
    (void)qc_grace_take(&g, 100 * S, 101 * S, -1);
    assert_int_equal(qc_grace_take(&g, 104 * S, 105 * S, -1), 3 * S);
}

static void test_grace__waiting_for_a_processor_is_forgiven_within_what_passed(void **state)
{
    (void)state;
    qc_grace g = QC_GRACE_INIT;
    qc_grace_anew(&g, 60 * S);
    (void)qc_grace_take(&g, 100 * S, 101 * S, 50 * S); /* before our time */
    assert_int_equal(qc_grace_take(&g, 101 * S, 102 * S, 50 * S + S / 2), S / 2);
    assert_int_equal(qc_grace_take(&g, 102 * S, 103 * S, 90 * S), S);
    /* We were late by 3 s, and it waited for 2 s of the 4 that passed: not both. */
    assert_int_equal(qc_grace_take(&g, 106 * S, 107 * S, 92 * S), 3 * S);
    /* What is not known for a while is not counted at once later. */
    assert_int_equal(qc_grace_take(&g, 107 * S, 108 * S, -1), 0);
    assert_int_equal(qc_grace_take(&g, 108 * S, 109 * S, 200 * S), 0);
    assert_int_equal(qc_grace_take(&g, 109 * S, 110 * S, 100 * S), 0);
}

static void test_grace__it_has_an_end_until_the_next_step(void **state)
{
    (void)state;
    qc_grace g = QC_GRACE_INIT;
    qc_mono sum = 0, now = S;
    qc_grace_anew(&g, 30 * S);
    for (int i = 0; i < 1000; i++, now += S)
        sum += qc_grace_take(&g, now, now + S, now);
    assert_int_equal(sum, QC_GRACE_TIMES * 30 * S);
    qc_grace_anew(&g, 30 * S);
    assert_int_equal(qc_grace_take(&g, now, now + S, now), S);
}

static pid_t spin_on(unsigned cpu, int policy)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    const struct sched_param none = {0};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) || sched_setscheduler(0, policy, &none))
        _exit(1);
    alarm(60);
    for (;;)
        continue;
}

static void test_process__waited_grows_for_one_of_two_on_a_processor(void **state)
{
    (void)state;
    int64_t waited = 0, first;
    assert_true(qc_os_process_ran(getpid(), &first) && first > 0);
    for (volatile unsigned i = 0; i < 1000000; i++)
        ;
    assert_true(qc_os_process_ran(getpid(), &waited) && waited > first);
    if (!qc_os_process_waited(getpid(), &first))
        skip();
    int at = sched_getcpu();
    assert_true(at >= 0);
    unsigned cpu = (unsigned)at;
    pid_t busy = spin_on(cpu, SCHED_OTHER), idle = spin_on(cpu, SCHED_BATCH);
    assert_true(qc_os_process_waited(idle, &first));
    for (int i = 0; i < 60000 && waited < first + S / 10; i++) {
        usleep(1000);
        assert_true(qc_os_process_waited(idle, &waited));
    }
    assert_true(waited >= first + S / 10);
    kill(busy, SIGKILL);
    kill(idle, SIGKILL);
    assert_int_equal(waitpid(busy, NULL, 0), busy);
    assert_int_equal(waitpid(idle, NULL, 0), idle);
    assert_false(qc_os_process_waited(idle, &waited));
    assert_false(qc_os_process_ran(idle, &waited));
}

QC_TEST_MAIN(cmocka_unit_test(test_grace__a_tick_on_time_forgives_nothing),
             cmocka_unit_test(test_grace__what_we_were_late_by_is_forgiven),
             cmocka_unit_test(test_grace__waiting_for_a_processor_is_forgiven_within_what_passed),
             cmocka_unit_test(test_grace__it_has_an_end_until_the_next_step),
             cmocka_unit_test(test_process__waited_grows_for_one_of_two_on_a_processor))
