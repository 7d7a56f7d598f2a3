/* Outgoing connections: look-up, proxy, deadline; against sockets of our own. */
#include "core/net/dial.h"
#include "tests/unit/harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the other side: plays a script on one connection ---- */

typedef struct line {
    const char *expect; /* hex; '.' matches any digit; NULL: none */
    const char *send;   /* hex */
} line;

typedef struct far {
    int fd;
    uint16_t port;
    const line *script;
    qc_thread *thread;
    char problem[256];
    int kept; /* the connection, when the script is over */
} far;

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (unsigned v; hex[0] && sscanf(hex, "%2x", &v) == 1; hex += 2)
        out[n++] = (uint8_t)v;
    return n;
}

static bool play(far *f, int fd, const line *l)
{
    uint8_t raw[600];
    char hex[1300] = "";
    size_t want = l->expect ? strlen(l->expect) / 2 : 0, have = 0;
    while (have < want) {
        ssize_t n = read(fd, raw + have, want - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    for (size_t i = 0; i < have; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
    bool same = have == want;
    for (size_t i = 0; same && i < 2 * want; i++)
        same = l->expect[i] == '.' || l->expect[i] == hex[i];
    if (!same)
        snprintf(f->problem, sizeof f->problem, "got %.100s, wanted %.100s", hex, l->expect);
    size_t n = same && l->send ? unhex(l->send, raw) : 0;
    return same && (n == 0 || write(fd, raw, n) == (ssize_t)n);
}

static void serve(void *arg)
{
    far *f = arg;
    int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
    const line *l = f->script;
    while (l->expect || l->send)
        if (!play(f, fd, l++))
            break;
    f->kept = fd;
}

static void far_open(far *f, const line *script)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    *f = (far){.script = script, .kept = -1};
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->fd, (void *)&a, len), 0);
    assert_int_equal(getsockname(f->fd, (void *)&a, &len), 0);
    assert_int_equal(listen(f->fd, 4), 0);
    f->port = ntohs(a.sin_port);
    if (script)
        assert_int_equal(qc_thread_start(&f->thread, "far", serve, f), QC_OK);
}

static void far_close(far *f)
{
    qc_thread_join(f->thread);
    if (f->kept >= 0)
        close(f->kept);
    close(f->fd);
    if (*f->problem)
        fail_msg("%s", f->problem);
}

/* ---- our side ---- */

typedef struct near {
    qc_loop *loop;
    qc_resolver *resolver;
    qc_dial_end end;
    int fd, calls;
} near;

static void on_end(void *arg, qc_dial_end end, int fd)
{
    near *n = arg;
    n->end = end;
    n->fd = fd;
    n->calls++;
    qc_loop_stop(n->loop);
}

static void near_open(near *n)
{
    *n = (near){.fd = -1};
    assert_int_equal(qc_loop_new(&n->loop), QC_OK);
    assert_int_equal(qc_resolver_new(&n->resolver), QC_OK);
}

static void near_close(near *n)
{
    if (n->fd >= 0)
        close(n->fd);
    qc_loop_free(n->loop);
    qc_resolver_free(n->resolver);
}

static void dial(near *n, const char *host, uint16_t port, int64_t ms, const qc_proxy *proxy)
{
    const qc_dial_options o = {
        .host = host, .port = port, .timeout_ms = ms, .proxy = proxy, .resolver = n->resolver};
    assert_non_null(qc_dial_start(n->loop, &o, on_end, n));
    assert_int_equal(n->calls, 0);
    qc_loop_run(n->loop);
    assert_int_equal(n->calls, 1);
    assert_true((n->fd >= 0) == (n->end == QC_DIAL_OK));
}

static void proxy_at(const far *f, bool randomize, qc_proxy *out)
{
    char text[32];
    snprintf(text, sizeof text, "127.0.0.1:%u", f->port);
    assert_int_equal(qc_proxy_parse(text, QC_PROXY_PORT, out), QC_OK);
    out->randomize = randomize;
}

static const line JUST_ACCEPT[] = {{NULL, "6869"}, {NULL, NULL}};

static void test_dial__connects_to_numbers_and_names(void **state)
{
    (void)state;
    static const char *const host[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < QC_COUNTOF(host); i++) {
        far f;
        near n;
        near_open(&n);
        far_open(&f, JUST_ACCEPT);
        dial(&n, host[i], f.port, 10000, NULL);
        assert_int_equal(n.end, QC_DIAL_OK);
        assert_true(fcntl(n.fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(n.fd, F_GETFD) & FD_CLOEXEC);
        near_close(&n);
        far_close(&f);
    }
}

static void test_dial__tells_its_failures_apart(void **state)
{
    (void)state;
    far f;
    near n;
    near_open(&n);
    far_open(&f, NULL);
    close(f.fd);
    dial(&n, "127.0.0.1", f.port, 10000, NULL);
    assert_int_equal(n.end, QC_DIAL_REFUSED);
    near_close(&n);

    near_open(&n);
    dial(&n, "no-such-host.invalid", 1, 20000, NULL);
    assert_int_equal(n.end, QC_DIAL_RESOLVE);
    near_close(&n);
}

/* A proxy that takes the connection and says nothing. */
static void test_dial__the_deadline_covers_the_proxy(void **state)
{
    (void)state;
    far f;
    near n;
    qc_proxy p;
    near_open(&n);
    far_open(&f, NULL);
    proxy_at(&f, false, &p);
    dial(&n, "192.0.2.1", 80, 50, &p);
    assert_int_equal(n.end, QC_DIAL_TIMEOUT);
    near_close(&n);
    close(f.fd);
}

static void with_proxy(const line *script, bool randomize, const char *host, qc_dial_end want)
{
    far f;
    near n;
    qc_proxy p;
    char got[3] = "";
    near_open(&n);
    far_open(&f, script);
    proxy_at(&f, randomize, &p);
    dial(&n, host, 0x1234, 10000, &p);
    assert_int_equal(n.end, want);
    if (want == QC_DIAL_OK) {
        fcntl(n.fd, F_SETFL, 0);
        assert_int_equal(read(n.fd, got, 2), 2); /* what the target sent is not the proxy's */
        assert_string_equal(got, "hi");
    }
    near_close(&n);
    far_close(&f);
}

/* "hi" follows the last answer in the same packet. */
#define OK4 "050000010000000000006869"
static const line NAMED[] = {
    {"050100", "0500"}, {"050100030b6578616d706c652e6f72671234", OK4}, {NULL, NULL}};
static const line V4[] = {
    {"050100", "0500"}, {"05010003093139322e302e322e311234", OK4}, {NULL, NULL}};
static const line V6[] = {{"050100", "0500"},
                          {"050100030b323030313a6462383a3a311234",
                           "05000004000000000000000000000000000000000000"
                           "6869"},
                          {NULL, NULL}};
static const line AUTH[] = {
    {"05020002", "0502"},
    {"0110................................10................................", "0100"},
    {"05010003093139322e302e322e311234", "0500000302787800006869"},
    {NULL, NULL}};

static void test_dial__speaks_socks5_with_names_numbers_and_credentials(void **state)
{
    (void)state;
    with_proxy(NAMED, false, "example.org", QC_DIAL_OK);
    with_proxy(V4, false, "192.0.2.1", QC_DIAL_OK);
    with_proxy(V6, false, "2001:db8::1", QC_DIAL_OK);
    with_proxy(AUTH, true, "192.0.2.1", QC_DIAL_OK);
}

static const line NO_METHOD[] = {{"050100", "05ff"}, {NULL, NULL}};
static const line NOT_OFFERED[] = {{"050100", "0502"}, {NULL, NULL}};
static const line NO_SOCKS[] = {{"050100", "4854"}, {NULL, NULL}};
static const line BAD_PASS[] = {{"05020002", "0502"}, {"0110", "0101"}, {NULL, NULL}};
static const line RULES[] = {
    {"050100", "0500"}, {"05010003093139322e302e322e311234", "05020001000000000000"}, {NULL, NULL}};
static const line REFUSED[] = {
    {"050100", "0500"}, {"05010003093139322e302e322e311234", "05050001000000000000"}, {NULL, NULL}};
static const line BAD_KIND[] = {
    {"050100", "0500"}, {"05010003093139322e302e322e311234", "05000009000000000000"}, {NULL, NULL}};

static void test_dial__a_proxy_that_will_not_is_told_from_a_target_that_refuses(void **state)
{
    (void)state;
    with_proxy(NO_METHOD, false, "192.0.2.1", QC_DIAL_PROXY);
    with_proxy(NOT_OFFERED, false, "192.0.2.1", QC_DIAL_PROXY);
    with_proxy(NO_SOCKS, false, "192.0.2.1", QC_DIAL_PROXY);
    with_proxy(BAD_PASS, true, "192.0.2.1", QC_DIAL_PROXY);
    with_proxy(RULES, false, "192.0.2.1", QC_DIAL_PROXY);
    with_proxy(BAD_KIND, false, "192.0.2.1", QC_DIAL_PROXY);
    with_proxy(REFUSED, false, "192.0.2.1", QC_DIAL_REFUSED);

    far f;
    near n;
    qc_proxy p;
    near_open(&n);
    far_open(&f, NULL);
    close(f.fd);
    proxy_at(&f, false, &p);
    dial(&n, "192.0.2.1", 80, 10000, &p);
    assert_int_equal(n.end, QC_DIAL_NO_PROXY);
    near_close(&n);
}

static void test_dial__near_addresses_are_reached_past_the_proxy(void **state)
{
    (void)state;
    far f, unused;
    near n;
    qc_proxy p;
    near_open(&n);
    far_open(&f, JUST_ACCEPT);
    far_open(&unused, NULL);
    proxy_at(&unused, false, &p);
    dial(&n, "127.0.0.1", f.port, 10000, &p);
    assert_int_equal(n.end, QC_DIAL_OK);
    near_close(&n);
    far_close(&f);
    close(unused.fd);
}

static void test_dial_cancel__leaves_nothing_behind(void **state)
{
    (void)state;
    far f;
    near n;
    near_open(&n);
    far_open(&f, NULL);
    const qc_dial_options a = {
        .host = "127.0.0.1", .port = f.port, .timeout_ms = 10000, .resolver = n.resolver};
    const qc_dial_options b = {
        .host = "localhost", .port = f.port, .timeout_ms = 10000, .resolver = n.resolver};
    for (int i = 0; i < 50; i++) {
        qc_dial_cancel(qc_dial_start(n.loop, &a, on_end, &n));
        qc_dial_cancel(qc_dial_start(n.loop, &b, on_end, &n));
    }
    near_close(&n); /* the loop insists that no timer and no watch is left */
    assert_int_equal(n.calls, 0);
    close(f.fd);
}

static void test_proxy_parse__takes_numeric_addresses_and_paths(void **state)
{
    (void)state;
    qc_proxy p;
    assert_int_equal(qc_proxy_parse("127.0.0.1", QC_PROXY_PORT, &p), QC_OK);
    assert_int_equal(ntohs(((struct sockaddr_in *)(void *)&p.addr)->sin_port), 9050);
    assert_int_equal(qc_proxy_parse("[::1]:9150", QC_PROXY_PORT, &p), QC_OK);
    assert_int_equal(qc_proxy_parse("proxy.example.org:1", QC_PROXY_PORT, &p), QC_EINVAL);
    char text[QC_PROXY_TEXT];
    qc_proxy_text(&p, text);
    assert_string_equal(text, "[::1]:9150");
    char path[] = "unix:/run/tor/this/path/is/so/long/that/its/last/byte/is/the/last/one/that/fits/"
                  "into/a/socket/address/of/unix/ab";
    assert_int_equal(strlen(path), 5 + 107);
    assert_int_equal(qc_proxy_parse(path, QC_PROXY_PORT, &p), QC_OK);
    qc_proxy_text(&p, text);
    assert_string_equal(text, path);
    assert_int_equal(qc_proxy_parse("unix:", QC_PROXY_PORT, &p), QC_EINVAL);
    char longer[120];
    snprintf(longer, sizeof longer, "%sx", path);
    assert_int_equal(qc_proxy_parse(longer, QC_PROXY_PORT, &p), QC_EINVAL);
    assert_int_equal(qc_proxy_parse("127.0.0.1:9050=tor", QC_PROXY_PORT, &p), QC_EINVAL);
    assert_int_equal(qc_proxy_parse("127.0.0.1:0", QC_PROXY_PORT, &p), QC_EINVAL);
}

static void test_host_is_hidden__whatever_its_case_and_last_dot(void **state)
{
    static const char *const YES[] = {"a.onion", "A.ONION.", "b32.i2p", ".i2p", "x.onion.."};
    static const char *const NO[] = {"onion", "onion.org", "a.onions", "", ".", "i2p"};
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(YES); i++)
        assert_true(qc_host_is_hidden(YES[i]));
    for (size_t i = 0; i < QC_COUNTOF(NO); i++)
        assert_false(qc_host_is_hidden(NO[i]));
}

QC_TEST_MAIN(cmocka_unit_test(test_host_is_hidden__whatever_its_case_and_last_dot),
             cmocka_unit_test(test_dial__connects_to_numbers_and_names),
             cmocka_unit_test(test_dial__tells_its_failures_apart),
             cmocka_unit_test(test_dial__the_deadline_covers_the_proxy),
             cmocka_unit_test(test_dial__speaks_socks5_with_names_numbers_and_credentials),
             cmocka_unit_test(test_dial__a_proxy_that_will_not_is_told_from_a_target_that_refuses),
             cmocka_unit_test(test_dial__near_addresses_are_reached_past_the_proxy),
             cmocka_unit_test(test_dial_cancel__leaves_nothing_behind),
             cmocka_unit_test(test_proxy_parse__takes_numeric_addresses_and_paths))
