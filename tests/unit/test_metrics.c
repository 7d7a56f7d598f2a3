/* The exporter against the mock: what it says, how it escapes, and its own port. */
#include "quoin/mock.h"
#include "tests/unit/harness.h"

#include <unistd.h>

extern const qn_plugin_1 qn_plugin_entry;

static const qn_node_plugin PLUGINS[] = {
    {.id = "org.quoin.metrics",
     .version = "0.1.0",
     .state = QN_PLUGIN_STATE_RUNNING,
     .trusted = 1,
     .calls = 7,
     .cpu_us = 1500000},
    {.id = "bad\"\\\nname", .state = 99, .restarts = 3},
    {.id = "org.quoin.new", .version = "2.0", .state = QN_PLUGIN_STATE_DISCOVERED}};
static const qn_node_metric METRICS[] = {
    {.name = "rpc_requests_total",
     .help = "Calls \\ answered.",
     .value = 12,
     .type = QN_METRIC_COUNTER},
    {.name = "process_cpu_seconds_total",
     .help = "CPU.",
     .value = 1234567,
     .scale = -6,
     .type = QN_METRIC_COUNTER},
    {.name = "small_ratio", .help = "Small.", .value = -5, .scale = -3, .type = QN_METRIC_GAUGE}};

static qn_mock *started(const char *listen)
{
    qn_mock *m = qn_mock_new();
    qn_node_info info = {.flags = QN_NODE_LOADED | QN_NODE_NETWORK_ACTIVE,
                         .version = 10203,
                         .network = "regtest",
                         .user_agent = "/Mock:1/",
                         .uptime_s = 60,
                         .n_warnings = 1,
                         .connections_in = 3,
                         .connections_out = 8,
                         .bytes_received = UINT64_MAX,
                         .mempool_fees = -1};
    qn_mock_node(m, &info, "careful\n");
    qn_mock_node_plugins(m, PLUGINS, 3);
    qn_mock_node_metrics(m, METRICS, 3);
    qn_mock_deny(m, QN_PEERS_READ_1_ID); /* then node.read tells the little that it knows */
    qn_mock_config(m, "listen", listen);
    qn_mock_mine(m, 5);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    return m;
}

static void has(const char *text, const char *line)
{
    char *whole = qc_asprintf("\n%s\n", line);
    if (!strstr(text, whole))
        fail_msg("no line '%s' in\n%s", line, text);
    qc_free(whole);
}

static void check_text(const char *text)
{
    static const char *const line[] = {
        "quoin_build_info{version=\"0.1.2\",network=\"regtest\",user_agent=\"/Mock:1/\"} 1",
        "# TYPE quoin_network_received_bytes_total counter",
        "quoin_network_received_bytes_total 9223372036854775807",
        "quoin_peers{direction=\"inbound\"} 3",
        "quoin_peers{direction=\"outbound\"} 8",
        "quoin_mempool_fees_satoshis -1",
        "quoin_warnings 1",
        "quoin_chain_height 5",
        "# HELP quoin_rpc_requests_total Calls \\\\ answered.",
        "# TYPE quoin_rpc_requests_total counter",
        "quoin_rpc_requests_total 12",
        "process_cpu_seconds_total 1.234567",
        "quoin_small_ratio -0.005",
        "quoin_plugin_info{plugin=\"org.quoin.metrics\",version=\"0.1.0\",mode=\"trusted\"} 1",
        "quoin_plugin_info{plugin=\"org.quoin.new\",version=\"2.0\",mode=\"\"} 1",
        "quoin_plugin_state{plugin=\"org.quoin.metrics\",state=\"running\"} 1",
        "quoin_plugin_state{plugin=\"org.quoin.metrics\",state=\"crashed\"} 0",
        "quoin_plugin_state{plugin=\"bad\\\"\\\\\\nname\",state=\"running\"} 0",
        "quoin_plugin_calls_total{plugin=\"org.quoin.metrics\"} 7",
        "quoin_plugin_restarts_total{plugin=\"bad\\\"\\\\\\nname\"} 3",
        "quoin_plugin_cpu_seconds_total{plugin=\"org.quoin.metrics\"} 1.500000"};
    for (size_t i = 0; i < QC_COUNTOF(line); i++)
        has(text, line[i]);
}

static void test_metrics__tells_of_node_chain_and_plugins(void **state)
{
    (void)state;
    qn_mock *m = started("off");
    uint32_t status;
    char *text = qn_mock_http(m, "GET", "/metrics", NULL, &status);
    assert_int_equal(status, 200);
    check_text(text);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
    text = qn_mock_http(m, "GET", "/", NULL, &status);
    assert_int_equal(status, 200);
    assert_non_null(strstr(text, "href=\"metrics\""));
    free(text);
    text = qn_mock_http(m, "POST", "/metrics", "", &status);
    assert_int_equal(status, 405);
    free(text);
    qn_mock_free(m);
}

static void test_metrics__sums_up_the_peers_where_it_may_read_them(void **state)
{
    (void)state;
    const qn_peers_info info = {.flags = QN_PEERS_RUNNING | QN_PEERS_ACTIVE,
                                .max_connections = 125,
                                .connections_in = 1,
                                .connections_out = 2,
                                .bytes_received = UINT64_MAX};
    const qn_peer list[] = {{.network = QN_NETWORK_IPV4,
                             .kind = QN_PEER_KIND_INBOUND,
                             .flags = QN_PEER_INBOUND | QN_PEER_READY},
                            {.network = QN_NETWORK_ONION,
                             .kind = QN_PEER_KIND_FULL,
                             .flags = QN_PEER_READY | QN_PEER_ENCRYPTED,
                             .in_flight = 16},
                            {.network = 77, .kind = 99}}; /* of a later version */
    const qn_peer_message messages[] = {{.name = "a\"b", .sent = 5, .received = 7}};
    const qn_peer_network networks[] = {
        {.network = QN_NETWORK_I2P, .known_new = 3, .known_tried = 4}, {.network = 77}};
    static const char *const line[] = {
        "quoin_network_active 1",
        "quoin_peers{direction=\"inbound\"} 1",
        "quoin_peers{direction=\"outbound\"} 2",
        "quoin_peers_max 125",
        "quoin_network_received_bytes_total 9223372036854775807",
        "quoin_peers_by_network{network=\"ipv4\"} 1",
        "quoin_peers_by_network{network=\"onion\"} 1",
        "quoin_peers_by_network{network=\"cjdns\"} 0",
        "quoin_peers_by_kind{kind=\"inbound\"} 1",
        "quoin_peers_by_kind{kind=\"full\"} 1",
        "quoin_peers_ready 2",
        "quoin_peers_encrypted 1",
        "quoin_peers_blocks_in_flight 16",
        "quoin_peers_message_bytes{message=\"a\\\"b\",direction=\"received\"} 7",
        "quoin_peers_message_bytes{message=\"a\\\"b\",direction=\"sent\"} 5",
        "quoin_addresses_known{network=\"i2p\",table=\"new\"} 3",
        "quoin_addresses_known{network=\"i2p\",table=\"tried\"} 4"};
    qn_mock *m = qn_mock_new();
    qn_mock_peers(m, &info, list, 3);
    qn_mock_peer_messages(m, messages, 1);
    qn_mock_peer_networks(m, networks, 2);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    uint32_t status;
    char *text = qn_mock_http(m, "GET", "/metrics", NULL, &status);
    assert_int_equal(status, 200);
    for (size_t i = 0; i < QC_COUNTOF(line); i++)
        has(text, line[i]);
    free(text);
    qn_mock_free(m);
}

static char *scrape(qn_mock *m, const char *request, bool finish)
{
    int fd = qn_mock_accept(m, "127.0.0.1:9332", "127.0.0.1:5");
    assert_true(fd >= 0);
    size_t len = strlen(request), n = 0;
    len = finish ? len : len / 2;
    assert_int_equal(write(fd, request, len), len);
    char *text = qc_alloc(65536);
    for (ssize_t got = 1; got > 0; n += got > 0 ? (size_t)got : 0) {
        (void)qn_mock_run(m);
        got = read(fd, text + n, 65535 - n);
    }
    text[n] = 0;
    close(fd);
    assert_int_equal(qn_mock_connections(m), 0);
    return text;
}

static void test_metrics__answers_on_a_port_of_its_own(void **state)
{
    (void)state;
    qn_mock *m = started("127.0.0.1:9332");
    char *text = scrape(m, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", true), want[64];
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    const char *body = strstr(text, "\r\n\r\n");
    snprintf(want, sizeof want, "Content-Length: %zu\r\n", strlen(body + 4));
    assert_non_null(strstr(text, want));
    check_text(text);
    qc_free(text);
    text = scrape(m, "GET /metrics?collect=all HTTP/1.1\r\n\r\n", true);
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    check_text(text);
    qc_free(text);
    static const char *const elsewhere[] = {"/", "/secrets", "/metrics2", "/metrics/"};
    for (size_t i = 0; i < QC_COUNTOF(elsewhere); i++) {
        char *request = qc_asprintf("GET %s HTTP/1.1\r\n\r\n", elsewhere[i]);
        text = scrape(m, request, true);
        assert_non_null(strstr(text, "HTTP/1.1 404 Not Found\r\n"));
        assert_non_null(strstr(text, "\r\n\r\nNothing is here: the metrics are at /metrics\n"));
        assert_null(strstr(text, "quoin_"));
        qc_free(text);
        qc_free(request);
    }
    text = scrape(m, "POST /metrics HTTP/1.1\r\n\r\n", true);
    assert_non_null(strstr(text, "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"));
    assert_non_null(strstr(text, "wanted GET /metrics\n"));
    qc_free(text);
    char *longest = qc_alloc(10001);
    memset(longest, 'a', 10000);
    text = scrape(m, longest, true);
    assert_string_equal(text, "");
    qc_free(text);
    qc_free(longest);
    qn_mock_free(m);
}

/* The mock's time runs a minute on: a client that does not come to the point is dropped. */
static void test_metrics__a_slow_client_is_dropped(void **state)
{
    (void)state;
    qn_mock *m = started("127.0.0.1:9332");
    char *text = scrape(m, "GET /metrics HTTP/1.1\r\n\r\n", false);
    assert_string_equal(text, "");
    qc_free(text);
    qn_mock_free(m);
}

static void test_metrics__does_without_what_is_not_granted(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_deny(m, "http.serve/1");
    qn_mock_deny(m, "net.listen/1");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "nobody can scrape"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_config(m, "listen", "127.0.0.1:9332");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_DENIED);
    qn_mock_deny(m, "node.read/1");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_DENIED);
    qn_mock_free(m);
}

static void test_metrics__survives_any_failing_call(void **state)
{
    (void)state;
    for (uint64_t k = 1; k < 14; k++) {
        qn_mock *m = started("127.0.0.1:9332");
        qn_mock_fail_call(m, k, QN_E_REVOKED);
        uint32_t status;
        char *text = qn_mock_http(m, "GET", "/metrics", NULL, &status);
        assert_true(status == 200 || status == 503 || status == 504);
        free(text);
        qn_mock_fail_call(m, 0, 0);
        qn_mock_free(m);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_metrics__tells_of_node_chain_and_plugins),
             cmocka_unit_test(test_metrics__sums_up_the_peers_where_it_may_read_them),
             cmocka_unit_test(test_metrics__answers_on_a_port_of_its_own),
             cmocka_unit_test(test_metrics__a_slow_client_is_dropped),
             cmocka_unit_test(test_metrics__does_without_what_is_not_granted),
             cmocka_unit_test(test_metrics__survives_any_failing_call))
