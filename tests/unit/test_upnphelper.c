/* The process of the UPnP helper: this program plays it, under the helper's name. */
#include "core/net/upnphelper.h"
#include "tests/unit/harness.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOCKET 3
#define NOBODY 65534u
#define KILL_BIT (1u << CAP_KILL)

/* As another user, where root started it: says so, and then heeds nobody. */
__attribute__((constructor)) static void play_the_helper(void)
{
    if (strcmp(program_invocation_short_name, "quoin-upnp") != 0)
        return;
    if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
        _exit(1);
    if (send(SOCKET, "here", 4, MSG_NOSIGNAL) != 4)
        _exit(1);
    for (;;)
        pause();
}

static void start(qc_upnp_helper *h)
{
    char text[8];
    int fd;
    assert_int_equal(qc_upnp_helper_start(h, &fd), QC_OK);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, -1), 1);
    assert_int_equal(recv(fd, text, sizeof text, 0), 4);
}

/* May we kill processes of others? False: that cannot be had. */
static bool may_kill(bool yes)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data) || !(data[0].permitted & KILL_BIT))
        return false;
    data[0].effective = yes ? data[0].effective | KILL_BIT : data[0].effective & ~KILL_BIT;
    return syscall(SYS_capset, &head, data) == 0;
}

static void test_end__kills_one_that_heeds_nobody(void **state)
{
    qc_upnp_helper h;
    (void)state;
    assert_int_equal(qc_upnp_helper_open(&h, "/proc/self/exe"), QC_OK);
    start(&h);
    assert_int_equal(qc_upnp_helper_end(&h), SIGKILL);
    assert_int_equal(h.pid, -1);
    assert_int_equal(qc_upnp_helper_end(&h), 0);
    qc_upnp_helper_close(&h);
}

static void test_end__waits_for_none_that_may_not_be_killed(void **state)
{
    qc_upnp_helper h;
    int fd;
    (void)state;
    if (geteuid() != 0 || !may_kill(true))
        skip();
    assert_int_equal(qc_upnp_helper_open(&h, "/proc/self/exe"), QC_OK);
    start(&h);
    assert_true(may_kill(false));
    alarm(60); /* where it does wait, for ever */
    int sig = qc_upnp_helper_end(&h);
    pid_t left = h.pid;
    qc_err again = qc_upnp_helper_start(&h, &fd);
    alarm(0);
    assert_true(may_kill(true));
    assert_int_equal(sig, 0);
    assert_true(left > 0);
    assert_int_equal(h.socket, -1);
    assert_int_equal(again, QC_EBUSY);
    assert_int_equal(qc_upnp_helper_end(&h), SIGKILL);
    start(&h);
    qc_upnp_helper_close(&h);
    assert_int_equal(h.pid, -1);
}

QC_TEST_MAIN(cmocka_unit_test(test_end__kills_one_that_heeds_nobody),
             cmocka_unit_test(test_end__waits_for_none_that_may_not_be_killed))
