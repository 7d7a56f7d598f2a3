/* net.connect/1 with real sockets: what is granted, how often and how many; how it ends. */
#include "tests/unit/host_rig.h"

#include "quoin/net_connect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct plug {
    host_rig r;
    const qn_net_connect_1 *t;
    qn_cap *cap;
    int listen_fd;
    char target[64];
    uint32_t timeout;
    uint64_t request, last;
    qn_status status, end;
    int fd[16];
    _Atomic int ends;
} plug;

static void begin(plug *p, const char *more)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    memset(p, 0, sizeof *p);
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listen_fd, (void *)&a, len), 0);
    assert_int_equal(getsockname(p->listen_fd, (void *)&a, &len), 0);
    assert_int_equal(listen(p->listen_fd, 16), 0);
    snprintf(p->target, sizeof p->target, "127.0.0.1:%u", ntohs(a.sin_port));
    char *grants = qc_asprintf("net.connect/1 = %s no-such-host.invalid:80 localhost:%u%s\n",
                               p->target, ntohs(a.sin_port), more);
    rig_services(&p->r, grants);
    p->t = rig_table(&p->r, QN_NET_CONNECT_1_ID, &p->cap);
    p->timeout = 10000;
    qc_free(grants);
}

static void end(plug *p)
{
    for (int i = 0; i < atomic_load(&p->ends); i++)
        if (p->fd[i] >= 0)
            close(p->fd[i]);
    if (p->listen_fd >= 0)
        close(p->listen_fd);
    rig_close(&p->r);
}

static void on_end(void *arg, uint64_t request, int32_t status, int32_t fd)
{
    plug *p = arg;
    int n = atomic_load(&p->ends);
    p->last = request;
    p->end = status;
    p->fd[n] = fd;
    atomic_store(&p->ends, n + 1);
}

static void do_connect(void *arg)
{
    plug *p = arg;
    const qn_connect_options o = {
        .size = sizeof o, .set = QN_SET_CONNECT_OPTIONS_TIMEOUT_MS, .timeout_ms = p->timeout};
    p->status = p->t->connect(p->cap, &o, p->target, on_end, p, &p->request);
}

static void do_cancel(void *arg)
{
    plug *p = arg;
    p->status = p->t->cancel(p->cap, p->request);
}

static void do_done(void *arg)
{
    plug *p = arg;
    p->status = p->t->done(p->cap, p->request);
}

static void call(plug *p, void (*fn)(void *arg), qn_status want)
{
    rig_on_loop(&p->r, fn, p);
    if (p->status != want)
        fail_msg("it answered %d, wanted %d", p->status, want);
}

static void test_net_connect__hands_over_a_connected_private_descriptor(void **state)
{
    (void)state;
    plug p;
    begin(&p, "");
    call(&p, do_connect, QN_OK);
    rig_until(&p.ends, 1);
    assert_int_equal(p.end, QN_OK);
    assert_int_equal(p.last, p.request);
    assert_true(fcntl(p.fd[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(p.fd[0], F_GETFD) & FD_CLOEXEC);
    call(&p, do_cancel, QN_E_CLOSED); /* it is out */
    call(&p, do_done, QN_OK);
    call(&p, do_done, QN_E_CLOSED);
    end(&p);
}

static void test_net_connect__tells_grant_name_and_target_apart(void **state)
{
    (void)state;
    plug p;
    begin(&p, "");
    char good[64];
    memcpy(good, p.target, sizeof good);
    snprintf(p.target, sizeof p.target, "127.0.0.1:1");
    call(&p, do_connect, QN_E_DENIED);
    snprintf(p.target, sizeof p.target, "example.org:80");
    call(&p, do_connect, QN_E_DENIED);
    snprintf(p.target, sizeof p.target, "127.0.0.1");
    call(&p, do_connect, QN_E_INVAL);
    p.timeout = 600001;
    memcpy(p.target, good, sizeof good);
    call(&p, do_connect, QN_E_INVAL);
    p.timeout = 20000;
    snprintf(p.target, sizeof p.target, "No-Such-Host.INVALID:80");
    call(&p, do_connect, QN_OK);
    rig_until(&p.ends, 1);
    assert_int_equal(p.end, QN_E_RESOLVE);
    close(p.listen_fd);
    p.listen_fd = -1;
    memcpy(p.target, good, sizeof good);
    call(&p, do_connect, QN_OK);
    rig_until(&p.ends, 2);
    assert_int_equal(p.end, QN_E_REFUSED);
    call(&p, do_done, QN_E_CLOSED); /* a failed one keeps no place */
    end(&p);
}

static void test_net_connect__is_bounded_in_number(void **state)
{
    (void)state;
    plug p;
    begin(&p, ", max_conns=2");
    call(&p, do_connect, QN_OK);
    call(&p, do_connect, QN_OK);
    call(&p, do_connect, QN_E_LIMIT);
    rig_until(&p.ends, 2);
    call(&p, do_connect, QN_E_LIMIT);
    call(&p, do_done, QN_OK);
    call(&p, do_connect, QN_OK);
    rig_until(&p.ends, 3);
    end(&p);
}

static void test_net_connect__is_bounded_in_rate(void **state)
{
    (void)state;
    plug p;
    begin(&p, ", rate=3");
    for (int i = 0; i < 3; i++)
        call(&p, do_connect, QN_OK);
    call(&p, do_connect, QN_E_LIMIT);
    rig_until(&p.ends, 3);
    end(&p);
}

static void connect_and_cancel(void *arg)
{
    plug *p = arg;
    do_connect(p);
    QC_ASSERT(p->t->done(p->cap, p->request) == QN_E_CLOSED); /* it is not out yet */
    do_cancel(p);
}

static void test_net_connect__a_canceled_one_does_not_call_back(void **state)
{
    (void)state;
    plug p;
    begin(&p, ", max_conns=1");
    for (int i = 0; i < 3; i++) /* the place is free again each time */
        call(&p, connect_and_cancel, QN_OK);
    assert_int_equal(atomic_load(&p.ends), 0);
    end(&p);
}

/* Whatever is under way when the plugin is stopped: no callback, no descriptor, no look-up left. */
static void test_net_connect__ends_with_its_plugin(void **state)
{
    (void)state;
    plug p;
    begin(&p, "");
    char good[64];
    memcpy(good, p.target, sizeof good);
    qc_plugin *plugin = rig_plugin_at(&p.r, 0);
    snprintf(p.target, sizeof p.target, "localhost%s", strchr(good, ':'));
    call(&p, do_connect, QN_OK);
    qc_plugin_stop(plugin, NULL);
    assert_true(qc_plugin_join(plugin));
    end(&p);
}

static void bad_arguments(void *arg)
{
    plug *p = arg;
    const qn_connect_options small = {.size = 4};
    QC_ASSERT(p->t->connect(p->cap, NULL, NULL, on_end, p, &p->request) == QN_E_INVAL);
    QC_ASSERT(p->t->connect(p->cap, NULL, p->target, NULL, p, &p->request) == QN_E_INVAL);
    QC_ASSERT(p->t->connect(p->cap, NULL, p->target, on_end, p, NULL) == QN_E_INVAL);
    QC_ASSERT(p->t->connect(p->cap, &small, p->target, on_end, p, &p->request) == QN_E_INVAL);
    QC_ASSERT(p->t->cancel(p->cap, 0) == QN_E_CLOSED);
}

static void test_net_connect__bad_arguments_threads_and_grants_are_refused(void **state)
{
    (void)state;
    plug p;
    host_rig r;
    begin(&p, "");
    rig_on_loop(&p.r, bad_arguments, &p);
    do_connect(&p);
    assert_int_equal(p.status, QN_E_THREAD);
    end(&p);
    rig_services(&r, "net.connect/1 = yes\n");
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "found yes, wanted hosts");
    rig_close(&r);
    rig_services(&r, "net.connect/1 = *:443\n");
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "wanted hosts to be hosts");
    rig_close(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_net_connect__hands_over_a_connected_private_descriptor),
             cmocka_unit_test(test_net_connect__tells_grant_name_and_target_apart),
             cmocka_unit_test(test_net_connect__is_bounded_in_number),
             cmocka_unit_test(test_net_connect__is_bounded_in_rate),
             cmocka_unit_test(test_net_connect__a_canceled_one_does_not_call_back),
             cmocka_unit_test(test_net_connect__ends_with_its_plugin),
             cmocka_unit_test(test_net_connect__bad_arguments_threads_and_grants_are_refused))
