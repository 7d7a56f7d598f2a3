/* The mock's sockets and HTTP, with a plugin that echoes what it gets. */
#include "quoin/mock.h"
#include "tests/unit/harness.h"

#include <unistd.h>

typedef struct echo {
    const qn_net_listen_1 *listen;
    const qn_net_connect_1 *connect;
    const qn_http_serve_1 *http;
    qn_cap *listen_cap, *connect_cap, *http_cap;
    uint64_t conn, later;
    qn_status end;
    int fd;
} echo;

static echo g_echo;

static void on_read(void *arg, int32_t fd, uint32_t events)
{
    echo *e = arg;
    char text[64];
    ssize_t n = read(fd, text, sizeof text);
    assert_true(events & QN_IO_READ);
    if (n > 0) {
        assert_int_equal(write(fd, text, (size_t)n), n);
        return;
    }
    assert_int_equal(e->listen->io_unwatch(e->listen_cap, fd), QN_OK);
    close(fd);
    assert_int_equal(e->listen->done(e->listen_cap, e->conn), QN_OK);
}

static void on_accept(void *arg, uint64_t listener, uint64_t conn, int32_t fd, const char *peer,
                      uint32_t len)
{
    echo *e = arg;
    (void)listener;
    assert_int_equal(len, 5);
    assert_memory_equal(peer, "1.2.3", 5);
    e->conn = conn;
    assert_int_equal(e->listen->io_watch(e->listen_cap, fd, QN_IO_READ, on_read, e), QN_OK);
}

static void on_connected(void *arg, uint64_t request, int32_t status, int32_t fd)
{
    echo *e = arg;
    (void)request;
    e->end = status;
    e->fd = fd;
    if (status == QN_OK)
        assert_int_equal(write(fd, "hi", 2), 2);
}

static void serve(void *arg, const qn_http_request *r, const void *data, uint32_t len)
{
    echo *e = arg;
    const char *d = data;
    assert_true(r->body.off + r->body.len <= len);
    if (r->query.len == 5 && memcmp(d + r->query.off, "never", 5) == 0)
        return;
    assert_int_equal(
        e->http->reply(e->http_cap, r->request, 201, "text/plain", d + r->body.off, r->body.len),
        QN_OK);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *t;
    (void)config;
    g_echo = (echo){.end = 1, .fd = -1};
    if (host->get(cap, QN_NET_LISTEN_1_ID, 1, &t, &g_echo.listen_cap) != QN_OK)
        return QN_E_DENIED;
    g_echo.listen = t;
    if (host->get(cap, QN_NET_CONNECT_1_ID, 1, &t, &g_echo.connect_cap) != QN_OK)
        return QN_E_DENIED;
    g_echo.connect = t;
    if (host->get(cap, QN_HTTP_SERVE_1_ID, 1, &t, &g_echo.http_cap) != QN_OK)
        return QN_E_DENIED;
    g_echo.http = t;
    *self = &g_echo;
    return QN_OK;
}

static qn_status start(void *self)
{
    echo *e = self;
    uint64_t id;
    const qn_http_route r = {
        .size = sizeof r, .set = QN_SET_HTTP_ROUTE_METHODS, .methods = QN_HTTP_POST};
    qn_status st = e->listen->open(e->listen_cap, "127.0.0.1:1", on_accept, e, &id);
    if (st == QN_OK)
        st = e->http->add(e->http_cap, &r, "/post/", serve, e);
    return st == QN_OK ? e->http->add_static(e->http_cap, "/", "text/plain", "front", 5) : st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

static void fini(void *self)
{
    (void)self;
}

static const qn_plugin_1 ENTRY = {.h = QN_PLUGIN_HEAD,
                                  .id = "org.quoin.test.echo",
                                  .version = "1.0.0",
                                  .init = init,
                                  .start = start,
                                  .stop = stop,
                                  .fini = fini};

static void test_mock__connections_are_accepted_echoed_and_given_back(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    char got[8] = "";
    assert_int_equal(qn_mock_start(m, &ENTRY), QN_OK);
    assert_int_equal(qn_mock_accept(m, "127.0.0.1:2", "1.2.3"), -1);
    int fd = qn_mock_accept(m, "127.0.0.1:1", "1.2.3");
    assert_true(fd >= 0);
    assert_int_equal(qn_mock_connections(m), 1);
    assert_int_equal(write(fd, "abc", 3), 3);
    (void)qn_mock_run(m);
    assert_int_equal(read(fd, got, sizeof got), 3);
    assert_string_equal(got, "abc");
    close(fd);
    (void)qn_mock_run(m);
    assert_int_equal(qn_mock_connections(m), 0);
    qn_mock_free(m);
}

static void test_mock__connections_are_made_or_fail_as_asked(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    char got[8] = "";
    uint64_t id;
    assert_int_equal(qn_mock_start(m, &ENTRY), QN_OK);
    echo *e = &g_echo;
    qn_mock_connect_with(m, QN_E_TIMEOUT);
    assert_int_equal(e->connect->connect(e->connect_cap, NULL, "a:1", on_connected, e, &id), QN_OK);
    (void)qn_mock_run(m);
    assert_int_equal(e->end, QN_E_TIMEOUT);
    qn_mock_connect_with(m, QN_OK);
    assert_int_equal(e->connect->connect(e->connect_cap, NULL, "a:1", on_connected, e, &id), QN_OK);
    assert_int_equal(e->connect->cancel(e->connect_cap, id), QN_OK);
    (void)qn_mock_run(m);
    assert_int_equal(e->end, QN_E_TIMEOUT);
    assert_int_equal(e->connect->connect(e->connect_cap, NULL, "a:1", on_connected, e, &id), QN_OK);
    (void)qn_mock_run(m);
    assert_int_equal(e->end, QN_OK);
    int fd = qn_mock_take(m);
    assert_int_equal(read(fd, got, sizeof got), 2);
    assert_string_equal(got, "hi");
    assert_int_equal(qn_mock_take(m), -1);
    close(fd);
    close(e->fd);
    qn_mock_free(m);
}

static void expect(qn_mock *m, const char *method, const char *target, const char *body,
                   uint32_t status, const char *want)
{
    uint32_t got;
    char *text = qn_mock_http(m, method, target, body, &got);
    if (got != status || strcmp(text, want) != 0)
        fail_msg("%s %s: %u '%s', wanted %u '%s'", method, target, got, text, status, want);
    free(text);
}

static void test_mock__http_finds_the_route_and_gives_the_reply(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &ENTRY), QN_OK);
    expect(m, "GET", "/", NULL, 200, "front");
    expect(m, "GET", "/none", NULL, 404, "");
    expect(m, "GET", "/post/a", NULL, 405, "");
    expect(m, "POST", "/post/a?x=1", "body", 201, "body");
    expect(m, "POST", "/post/a?never", "body", 504, "");
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_mock__connections_are_accepted_echoed_and_given_back),
             cmocka_unit_test(test_mock__connections_are_made_or_fail_as_asked),
             cmocka_unit_test(test_mock__http_finds_the_route_and_gives_the_reply))
