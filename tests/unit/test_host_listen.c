/* net.listen/1 with real sockets: what is granted, how many, and what stays when it ends. */
#include "tests/unit/host_rig.h"

#include "core/base/log.h"
#include "quoin/net_listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define MAX_CONNS 3

typedef struct plug {
    host_rig r;
    const qn_net_listen_1 *t;
    qn_cap *cap;
    uint16_t port;
    char address[64];
    uint64_t listener, conn[8];
    int fd[8];
    char peer[64], text[64];
    _Atomic int accepted, read, close_inside;
    qn_status status;
} plug;

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (void *)&a, len), 0);
    assert_int_equal(getsockname(fd, (void *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void begin(plug *p, const char *more)
{
    uint16_t port = free_port();
    memset(p, 0, sizeof *p);
    char *grants = qc_asprintf("net.listen/1 = 127.0.0.1:%u%s\n", port, more);
    rig_services(&p->r, grants);
    p->port = port;
    snprintf(p->address, sizeof p->address, "127.0.0.1:%u", port);
    p->t = rig_table(&p->r, QN_NET_LISTEN_1_ID, &p->cap);
    qc_free(grants);
}

static void end(plug *p)
{
    for (int i = 0; i < atomic_load(&p->accepted); i++)
        if (p->fd[i] >= 0)
            close(p->fd[i]);
    rig_close(&p->r);
}

/* ---- the plugin's part ---- */

static void on_accept(void *arg, uint64_t listener, uint64_t connection, int32_t fd,
                      const char *peer, uint32_t len)
{
    plug *p = arg;
    int n = atomic_load(&p->accepted);
    QC_ASSERT(n < 8 && listener == p->listener);
    p->conn[n] = connection;
    p->fd[n] = fd;
    snprintf(p->peer, sizeof p->peer, "%.*s", (int)len, peer);
    if (atomic_load(&p->close_inside))
        p->status = p->t->close(p->cap, listener);
    atomic_store(&p->accepted, n + 1);
}

static void do_open(void *arg)
{
    plug *p = arg;
    p->status = p->t->open(p->cap, p->address, on_accept, p, &p->listener);
}

static void do_close(void *arg)
{
    plug *p = arg;
    p->status = p->t->close(p->cap, p->listener);
}

static void do_done(void *arg)
{
    plug *p = arg;
    close(p->fd[0]);
    p->fd[0] = -1;
    p->status = p->t->done(p->cap, p->conn[0]);
}

static void on_readable(void *arg, int32_t fd, uint32_t events)
{
    plug *p = arg;
    ssize_t n = read(fd, p->text, sizeof p->text - 1);
    QC_ASSERT(events & QN_IO_READ);
    if (n > 0 && write(fd, p->text, (size_t)n) != n)
        return;
    if (n <= 0)
        QC_ASSERT(p->t->io_unwatch(p->cap, fd) == QN_OK);
    atomic_fetch_add(&p->read, 1);
}

static void do_watch(void *arg)
{
    plug *p = arg;
    p->status = p->t->io_watch(p->cap, p->fd[0], QN_IO_READ, on_readable, p);
}

static void open_ok(plug *p)
{
    rig_on_loop(&p->r, do_open, p);
    assert_int_equal(p->status, QN_OK);
}

/* ---- a client's part ---- */

static int dial(const plug *p)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(p->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (void *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

static void test_net_listen__hands_over_a_connected_private_descriptor(void **state)
{
    (void)state;
    plug p;
    char got[8] = "";
    struct sockaddr_in self;
    socklen_t len = sizeof self;
    begin(&p, "");
    open_ok(&p);
    int fd = dial(&p);
    assert_true(fd >= 0);
    rig_until(&p.accepted, 1);
    assert_true(fcntl(p.fd[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(p.fd[0], F_GETFD) & FD_CLOEXEC);
    char *want = NULL;
    assert_int_equal(getsockname(fd, (void *)&self, &len), 0);
    want = qc_asprintf("127.0.0.1:%u", ntohs(self.sin_port));
    assert_string_equal(p.peer, want);
    qc_free(want);

    rig_on_loop(&p.r, do_watch, &p);
    assert_int_equal(p.status, QN_OK);
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(read(fd, got, sizeof got), 5);
    assert_string_equal(p.text, "hello");
    close(fd);
    rig_until(&p.read, 2); /* the end is readable too, and unwatched inside the callback */
    end(&p);
}

static void test_net_listen__opens_granted_addresses_only_and_says_why_not(void **state)
{
    (void)state;
    plug p;
    begin(&p, "");
    snprintf(p.address, sizeof p.address, "127.0.0.1:%u", p.port == 65535 ? 1 : p.port + 1);
    rig_on_loop(&p.r, do_open, &p);
    assert_int_equal(p.status, QN_E_DENIED);
    snprintf(p.address, sizeof p.address, "0.0.0.0:%u", p.port);
    rig_on_loop(&p.r, do_open, &p);
    assert_int_equal(p.status, QN_E_DENIED);
    snprintf(p.address, sizeof p.address, "nonsense");
    rig_on_loop(&p.r, do_open, &p);
    assert_int_equal(p.status, QN_E_INVAL);
    assert_int_equal(p.listener, 0);
    snprintf(p.address, sizeof p.address, "127.0.0.1:%u", p.port);
    open_ok(&p);
    rig_on_loop(&p.r, do_open, &p);
    assert_int_equal(p.status, QN_E_EXISTS);
    rig_on_loop(&p.r, do_close, &p);
    assert_int_equal(p.status, QN_OK);
    assert_int_equal(dial(&p), -1);
    rig_on_loop(&p.r, do_close, &p);
    assert_int_equal(p.status, QN_E_CLOSED);
    end(&p);
}

static char g_logged[512];

static void remember(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    if (memmem(line, len, "cannot bind", 11))
        snprintf(g_logged, sizeof g_logged, "%.*s", (int)len, line);
}

static void test_net_listen__an_address_in_use_is_named_with_the_reason(void **state)
{
    (void)state;
    plug p;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    begin(&p, "");
    a.sin_port = htons(p.port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (void *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    qc_log_set_sink(remember, NULL);
    rig_on_loop(&p.r, do_open, &p);
    qc_log_set_sink(NULL, NULL);
    assert_int_equal(p.status, QN_E_BUSY);
    assert_non_null(strstr(g_logged, p.address));
    assert_non_null(strstr(g_logged, "Address already in use"));
    assert_non_null(strstr(g_logged, RIG_ID));
    close(fd);
    open_ok(&p); /* and it can be tried again */
    end(&p);
}

/* Is the other end still waiting to be accepted? It would answer if it were echoed. */
static void test_net_listen__takes_no_more_than_the_grant_allows(void **state)
{
    (void)state;
    plug p;
    int fd[MAX_CONNS + 2];
    const struct timespec t = {0, 100000000};
    begin(&p, ", max_conns=3");
    open_ok(&p);
    for (int i = 0; i < MAX_CONNS + 2; i++)
        assert_true((fd[i] = dial(&p)) >= 0); /* the kernel's queue takes the rest */
    rig_until(&p.accepted, MAX_CONNS);
    nanosleep(&t, NULL);
    assert_int_equal(atomic_load(&p.accepted), MAX_CONNS);
    rig_on_loop(&p.r, do_done, &p);
    assert_int_equal(p.status, QN_OK);
    rig_until(&p.accepted, MAX_CONNS + 1);
    nanosleep(&t, NULL);
    assert_int_equal(atomic_load(&p.accepted), MAX_CONNS + 1);
    p.fd[0] = dup(p.fd[1]);
    rig_on_loop(&p.r, do_done, &p); /* the same one again */
    assert_int_equal(p.status, QN_E_CLOSED);
    for (int i = 0; i < MAX_CONNS + 2; i++)
        close(fd[i]);
    end(&p);
}

static void test_net_listen__may_be_closed_inside_its_callback(void **state)
{
    (void)state;
    plug p;
    begin(&p, "");
    atomic_store(&p.close_inside, 1);
    open_ok(&p);
    int a = dial(&p);
    rig_until(&p.accepted, 1);
    assert_int_equal(p.status, QN_OK);
    assert_int_equal(dial(&p), -1);
    close(a);
    end(&p);
}

static void bad_watches(void *arg)
{
    plug *p = arg;
    QC_ASSERT(p->t->io_watch(p->cap, -1, QN_IO_READ, on_readable, p) == QN_E_INVAL);
    QC_ASSERT(p->t->io_watch(p->cap, 60000, QN_IO_READ, on_readable, p) == QN_E_INVAL);
    QC_ASSERT(p->t->io_watch(p->cap, 0, 0, on_readable, p) == QN_E_INVAL);
    QC_ASSERT(p->t->io_watch(p->cap, 0, 4, on_readable, p) == QN_E_INVAL);
    QC_ASSERT(p->t->io_watch(p->cap, 0, QN_IO_READ, NULL, p) == QN_E_INVAL);
    QC_ASSERT(p->t->io_unwatch(p->cap, 0) == QN_E_NOTFOUND);
    QC_ASSERT(p->t->io_unwatch(p->cap, -1) == QN_E_NOTFOUND);
    QC_ASSERT(p->t->open(p->cap, NULL, on_accept, p, &p->listener) == QN_E_INVAL);
    QC_ASSERT(p->t->open(p->cap, p->address, NULL, p, &p->listener) == QN_E_INVAL);
    QC_ASSERT(p->t->done(p->cap, 0) == QN_E_CLOSED);
}

static void test_net_listen__bad_arguments_and_threads_are_refused(void **state)
{
    (void)state;
    plug p;
    begin(&p, "");
    rig_on_loop(&p.r, bad_watches, &p);
    assert_int_equal(p.t->open(p.cap, p.address, on_accept, &p, &p.listener), QN_E_THREAD);
    assert_int_equal(p.t->io_unwatch(p.cap, 0), QN_E_THREAD);
    end(&p);
}

static void test_net_listen__ends_with_its_plugin(void **state)
{
    (void)state;
    plug p;
    begin(&p, "");
    open_ok(&p);
    int a = dial(&p);
    rig_until(&p.accepted, 1);
    rig_on_loop(&p.r, do_watch, &p);
    qc_plugin *plugin = rig_plugin_at(&p.r, 0);
    qc_plugin_stop(plugin, NULL);
    assert_true(qc_plugin_join(plugin));
    assert_int_equal(dial(&p), -1);
    close(a);
    end(&p);
}

static const struct {
    const char *grant, *text;
} BAD[] = {{"yes", "found yes, wanted addresses"},
           {"", "found nothing, wanted addresses"},
           {"max_conns=3", "found no addresses"},
           {"localhost:1", "wanted listen to be addresses"},
           {"127.0.0.1", "wanted listen to be addresses"},
           {"127.0.0.1:1, 127.0.0.1:2", "found listen twice"},
           {"127.0.0.1:1, listen=127.0.0.1:2", "found listen twice"},
           {"127.0.0.1:1, max_conns=0", "wanted max_conns to be a count"},
           {"127.0.0.1:1, port=0", "with a key of this interface"}};

static void test_net_listen__a_grant_that_names_no_address_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        host_rig r;
        char *line = qc_asprintf("net.listen/1 = %s\n", BAD[i].grant);
        rig_services(&r, line);
        rig_refused(&r, 0, QC_PLUGIN_REJECTED, BAD[i].text);
        rig_close(&r);
        qc_free(line);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_net_listen__hands_over_a_connected_private_descriptor),
             cmocka_unit_test(test_net_listen__opens_granted_addresses_only_and_says_why_not),
             cmocka_unit_test(test_net_listen__an_address_in_use_is_named_with_the_reason),
             cmocka_unit_test(test_net_listen__takes_no_more_than_the_grant_allows),
             cmocka_unit_test(test_net_listen__may_be_closed_inside_its_callback),
             cmocka_unit_test(test_net_listen__bad_arguments_and_threads_are_refused),
             cmocka_unit_test(test_net_listen__ends_with_its_plugin),
             cmocka_unit_test(test_net_listen__a_grant_that_names_no_address_is_refused))
