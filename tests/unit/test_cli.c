#include "core/cli/cli.h"
#include "core/cli/convert.h"
#include "core/cli/http.h"
#include "core/cli/text.h"
#include "core/os/thread.h"
#include "tests/unit/harness.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void expect_bytes(qc_bytes *b, const char *want)
{
    qc_text_add(b, "", 1);
    assert_string_equal((char *)b->data, want);
    qc_bytes_free(b);
}

static void test_pretty__is_univalues(void **state)
{
    (void)state;
    static const char IN[] =
        " {\"a\" : [1.10,-2e+5 ,{}],\"b\":\"x,}\\\"]\" , \"c\":[] ,\"d\":null}";
    qc_bytes b = QC_BYTES_INIT;
    qc_text_pretty(&b, qc_span_str(IN));
    expect_bytes(&b, "{\n  \"a\": [\n    1.10,\n    -2e+5,\n    {\n    }\n  ],\n"
                     "  \"b\": \"x,}\\\"]\",\n  \"c\": [\n  ],\n  \"d\": null\n}");
}

static void expect_member(const char *text, const char *key, const char *want)
{
    qc_span v = qc_text_member(qc_span_str(text), key);
    assert_int_equal(v.len, strlen(want));
    assert_memory_equal(v.data ? (const char *)v.data : "", want, v.len);
}

static void test_member__finds_top_level_values(void **state)
{
    (void)state;
    static const char T[] =
        "{\"x\":{\"result\":1},\"res\\u0075lt\" : [1,{\"result\":2}] ,\"e\":\"}\"}";
    expect_member(T, "result", "[1,{\"result\":2}]");
    expect_member(T, "e", "\"}\"");
    expect_member(T, "none", "");
    expect_member("[]", "e", "");
    expect_member("{\"a\":1,\"a\":2}", "a", "2");
}

static void test_next__gives_each_element_once(void **state)
{
    (void)state;
    static const char *const LIST[] = {
        " [ 1 ,[2,3]\n, \"],\" , {\"a\":[]}] ", "[1]", "[]", " [ ] ", "{\"a\":1}", "\"a\"", ""};
    static const char *const ELEMENTS[] = {"1;[2,3];\"],\";{\"a\":[]};", "1;", "", "", "", "", ""};
    for (size_t i = 0; i < QC_COUNTOF(LIST); i++) {
        const qc_span list = qc_span_str(LIST[i]);
        qc_bytes all = QC_BYTES_INIT;
        size_t at = 0;
        for (qc_span e; (e = qc_text_next(list, &at)).len;)
            qc_text_addf(&all, "%.*s;", (int)e.len, (const char *)e.data);
        expect_bytes(&all, ELEMENTS[i]);
        assert_int_equal(qc_text_next(list, &at).len, 0);
    }
    assert_true(
        qc_span_eq(qc_text_element(qc_span_str("[ 1 ,[2,3], \"x\"]"), 1), qc_span_str("[2,3]")));
    assert_int_equal(qc_text_element(qc_span_str("[1]"), 1).len, 0);
}

static void test_is_json__takes_any_value(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"1", "\"\"", "null", "[]", "123456789012345678901234567890"};
    static const char *const BAD[] = {"", "x", "[", "1 2", "01", "\"", "{a:1}"};
    for (size_t i = 0; i < QC_COUNTOF(GOOD); i++)
        assert_true(qc_text_is_json(qc_span_str(GOOD[i])));
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++)
        assert_false(qc_text_is_json(qc_span_str(BAD[i])));
}

static void expect_slip(const char *text, const char *want)
{
    char *slip = qc_text_json_error(qc_span_str(text));
    if (!want) {
        assert_null(slip);
        return;
    }
    assert_non_null(slip);
    if (strncmp(slip, want, strlen(want)) != 0)
        fail_msg("%s: %s, wanted %s", text, slip, want);
    qc_free(slip);
}

static void test_json_error__says_where(void **state)
{
    (void)state;
    expect_slip("[1,{}]", NULL);
    expect_slip("5", NULL);
    expect_slip("[1,2", "at character 4: ");
    expect_slip("{\"a\":1,}", "at character 8: ");
    expect_slip("{'a':1}", "at character 2: ");
}

/* Words separated by blanks. */
static void expect_params(bool named, const char *method, const char *words, const char *want)
{
    char buf[256], *word[16], *error = NULL;
    size_t n = 0;
    qc_bytes out = QC_BYTES_INIT;
    snprintf(buf, sizeof buf, "%s", words);
    for (char *p = buf; *p;) {
        word[n++] = p;
        p += strcspn(p, " ");
        if (*p)
            *p++ = 0;
    }
    qc_err err = named ? qc_convert_named(method, word, n, &out, &error)
                       : qc_convert_positional(method, word, n, &out, &error);
    if (err) {
        assert_string_equal(error, want);
        qc_free(error);
        qc_bytes_free(&out);
        return;
    }
    expect_bytes(&out, want);
}

/* What is printed to stderr by one conversion. */
static void expect_warning(const char *method, char *word, const char *want)
{
    char text[300] = "", *error = NULL;
    qc_bytes out = QC_BYTES_INIT;
    FILE *kept = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_non_null(kept);
    assert_true(before >= 0 && dup2(fileno(kept), STDERR_FILENO) >= 0);
    qc_err err = qc_convert_positional(method, &word, 1, &out, &error);
    (void)dup2(before, STDERR_FILENO);
    close(before);
    rewind(kept);
    text[fread(text, 1, sizeof text - 1, kept)] = 0;
    fclose(kept);
    assert_int_equal(err, QC_OK);
    if (strncmp(text, want, strlen(want)) != 0 || (!*want && *text))
        fail_msg("'%s', wanted '%s'", text, want);
    qc_bytes_free(&out);
}

static void test_convert__warns_of_json_that_is_none(void **state)
{
    (void)state;
    char broken[] = "[{\"desc\":\"x\"", whole[] = "[1]", plain[] = "wpkh({x})";
    static const char WANT[] =
        "Warning: [{\"desc\":\"x\": this is no JSON, and is sent as text (at "
        "character 12: ";
    expect_warning("watch.import", broken, WANT);
    expect_warning("decoderawtransaction", broken, WANT);
    expect_warning("watch.import", whole, "");
    expect_warning("getdescriptorinfo", plain, "");
    expect_params(false, "getblockhash", "[1",
                  "Error parsing JSON: [1 (at character 2: ']' expected "
                  "near end of file)");
}

static void test_convert__knows_which_words_are_json(void **state)
{
    (void)state;
    expect_params(false, "getblock", "ab 2", "[\"ab\",2]");
    expect_params(false, "getblock", "ab x", "Error parsing JSON: x");
    expect_params(false, "getblockhash", "5", "[5]");
    expect_params(false, "getblockstats", "00ff [\"a\"]", "[\"00ff\",[\"a\"]]");
    expect_params(false, "getblockstats", "77", "[77]");
    expect_params(false, "unknown", "5 {}", "[\"5\",\"{}\"]");
    expect_params(false, "gettxout", "ab 0 false", "[\"ab\",0,false]");
    expect_params(false, "echojson", "1.10", "[1.10]");
    expect_params(false, "indexer.history", "bc1q 5 {\"a\":1} 1234567890123456 true",
                  "[\"bc1q\",5,{\"a\":1},\"1234567890123456\",true]");
    expect_params(false, "miner.start", "\"51\" 1 \"a", "[\"51\",1,\"\\\"a\"]");
    expect_params(false, "echo", "a\"b\\", "[\"a\\\"b\\\\\"]");
}

static void test_convert_named__names_positions_and_doubt(void **state)
{
    (void)state;
    expect_params(true, "getblock", "blockhash=ab verbosity=2",
                  "{\"blockhash\":\"ab\",\"verbosity\":2}");
    expect_params(true, "getblock", "ab verbosity=2", "{\"verbosity\":2,\"args\":[\"ab\"]}");
    expect_params(true, "getblock", "ab 1", "{\"args\":[\"ab\",1]}");
    expect_params(true, "getblock", "verbosity=1 verbosity=2", "{\"verbosity\":2}");
    expect_params(true, "echojson", "[\"a=b\"]", "{\"args\":[[\"a=b\"]]}");
    expect_params(true, "echo", "arg0=x=y", "{\"arg0\":\"x=y\"}");
    expect_params(true, "getblock", "", "{}");
}

static void test_info__shows_what_core_shows(void **state)
{
    (void)state;
    static const char BATCH[] =
        "[{\"id\":1,\"result\":{\"chain\":\"regtest\",\"blocks\":5,\"headers\":6,"
        "\"verificationprogress\":1,\"difficulty\":4.6e-10}},"
        "{\"result\":{\"connections\":3,\"connections_in\":1,\"connections_out\":2,\"version\":"
        "310000,"
        "\"timeoffset\":0,\"relayfee\":0.00000100,\"networks\":[{\"name\":\"ipv4\",\"proxy\":\"p:"
        "1\"},"
        "{\"name\":\"onion\",\"proxy\":\"p:1\"},{\"name\":\"i2p\",\"proxy\":\"\"}],"
        "\"warnings\":[\"a\",\"b\"]},\"id\":0}]";
    qc_bytes out = QC_BYTES_INIT;
    char *error = NULL;
    assert_int_equal(qc_cli_info(qc_span_str(BATCH), false, &out, &error), QC_OK);
    expect_bytes(&out, "Chain: regtest\nBlocks: 5\nHeaders: 6\nVerification progress: 100.0000%\n"
                       "Difficulty: 4.6e-10\n\nNetwork: in 1, out 2, total 3\nVersion: 310000\n"
                       "Time offset (s): 0\nProxies: p:1 (ipv4, onion)\n"
                       "Min tx relay fee rate (BTC/kvB): 0.00000100\n\nWarnings: a; b");
    static const char FAILED[] =
        "[{\"id\":0,\"error\":{\"code\":-28,\"message\":\"Loading\"}},{\"id\":1}]";
    assert_int_equal(qc_cli_info(qc_span_str(FAILED), false, &out, &error), QC_EINVAL);
    assert_string_equal(error, "error code: -28\nerror message:\nLoading");
    qc_free(error);
    qc_bytes_free(&out);
}

static void expect_tame(const char *text, bool json, const char *want)
{
    qc_bytes out = QC_BYTES_INIT;
    qc_text_tame(&out, qc_span_str(text), json);
    expect_bytes(&out, want);
}

static void test_tame__leaves_no_order_to_a_terminal(void **state)
{
    (void)state;
    static const char T[] = "\xc3\xa9\n\t\x1b[2J\x7f\xc2\x9b"
                            "2J\xe2\x80\xae\xff";
    expect_tame(T, false, "\xc3\xa9\n\t?[2J??2J??");
    expect_tame(T, true, "\xc3\xa9\n\t\\u001b[2J\\u007f\\u009b2J\\u202e?");
    qc_bytes out = QC_BYTES_INIT;
    qc_text_shown(&out, qc_span_str("\"a\\u001bb\\u009bc\\nd\""));
    expect_bytes(&out, "a?b?c\nd");
    qc_text_shown(&out, qc_span_str("[\"\xc2\x9b\"]"));
    expect_bytes(&out, "[\"?\"]");
    char *error = NULL;
    assert_int_equal(
        qc_cli_info(qc_span_str("[{\"id\":0,\"result\":{\"warnings\":[\"\\u001b]0;x\"],"
                                "\"version\":\"\\u001b[2J\",\"networks\":[{\"proxy\":"
                                "\"\\u009b\",\"name\":\"\\u009b\"}]}},"
                                "{\"id\":1,\"result\":{\"chain\":\"\xc2\x9b\"}}]"),
                    false, &out, &error),
        QC_OK);
    for (size_t i = 0; i < out.len; i++)
        assert_true(out.data[i] == '\n' || (out.data[i] >= 32 && out.data[i] < 127) ||
                    (out.data[i] != 0xc2 && out.data[i] != 0x9b && out.data[i] > 127));
    qc_bytes_free(&out);
}

static void expect_exit(const char *error, int want)
{
    qc_bytes out = QC_BYTES_INIT;
    assert_int_equal(qc_cli_error_text(qc_span_str(error), &out), want);
    qc_bytes_free(&out);
}

static void test_error__is_never_a_success_to_a_shell(void **state)
{
    (void)state;
    expect_exit("{\"code\":-8}", 8);
    expect_exit("{\"code\":-1}", 1);
    expect_exit("{\"code\":-32601}", QC_CLI_NO_METHOD);
    expect_exit("{\"code\":-257}", 257); /* 1 to a shell */
    static const char *const NOTHING[] = {
        "0",     "256",         "-256",        "-65536",     "null",
        "\"x\"", "-2147483648", "-2147483649", "4294967297", "-99999999999999999999"};
    for (size_t i = 0; i < QC_COUNTOF(NOTHING); i++) {
        char error[64];
        snprintf(error, sizeof error, "{\"code\":%s,\"message\":\"m\"}", NOTHING[i]);
        expect_exit(error, 1);
    }
    expect_exit("{\"message\":\"m\"}", 1);
    expect_exit("\"m\"", 1);
}

#define PEER_A                                                                                     \
    "{\"id\":7,\"addr\":\"[2001:db8::1]:8333\",\"network\":\"ipv6\",\"servicesnames\":["           \
    "\"NETWORK\","                                                                                 \
    "\"WITNESS\",\"NETWORK_LIMITED\",\"P2P_V2\"],\"relaytxes\":true,\"lastsend\":990,"             \
    "\"lastrecv\":999,\"last_transaction\":0,\"last_block\":880,\"conntime\":400,"                 \
    "\"pingtime\":0.0213,\"minping\":0.0105,\"version\":70016,\"subver\":\"/Quoin:0.1.0/\","       \
    "\"inbound\":false,\"bip152_hb_to\":true,\"bip152_hb_from\":false,"                            \
    "\"addr_relay_enabled\":true,\"addr_processed\":12,\"addr_rate_limited\":0,"                   \
    "\"connection_type\":\"outbound-full-relay\",\"transport_protocol_type\":\"v2\"}"
#define PEER_B                                                                                     \
    "{\"id\":8,\"addr\":\"127.0.0.1:5\",\"network\":\"not_publicly_routable\",\"servicesnames\":[" \
    "],"                                                                                           \
    "\"relaytxes\":false,\"lastsend\":0,\"lastrecv\":0,\"last_transaction\":0,\"last_block\":0,"   \
    "\"conntime\":940,\"version\":0,\"subver\":\"\",\"inbound\":true,\"bip152_hb_to\":false,"      \
    "\"bip152_hb_from\":true,\"addr_relay_enabled\":false,\"addr_processed\":0,"                   \
    "\"addr_rate_limited\":0,\"connection_type\":\"inbound\",\"transport_protocol_type\":"         \
    "\"detecting\"}"
#define NET                                                                                        \
    "{\"id\":1,\"result\":{\"protocolversion\":70016,\"subversion\":\"/Quoin:0.1.0/\","            \
    "\"localservicesnames\":[\"WITNESS\",\"NETWORK_LIMITED\"],\"networks\":[{\"name\":\"ipv4\","   \
    "\"reachable\":true},{\"name\":\"ipv6\",\"reachable\":true},{\"name\":\"onion\","              \
    "\"reachable\":false}],\"localaddresses\":[{\"address\":\"1.2.3.4\",\"port\":8333,"            \
    "\"score\":4}]}}"

static void expect_netinfo(unsigned level, bool only, const char *want)
{
    static const char BATCH[] = "[" NET ",{\"id\":0,\"result\":[" PEER_A "," PEER_B "]}]";
    const qc_cli_netinfo o = {level, only, "signet", 1000};
    qc_bytes out = QC_BYTES_INIT;
    char *error = NULL;
    assert_int_equal(qc_cli_netinfo_text(qc_span_str(BATCH), &o, &out, &error), QC_OK);
    expect_bytes(&out, want);
    qc_bytes_free(&out);
}

#define COUNTS                                                                                     \
    "         ipv4    ipv6     npr   total   block\n"                                              \
    "in          0       0       1       1\n"                                                      \
    "out         0       1       0       1       0\n"                                              \
    "total       0       1       1       2"
#define LOCAL "\n\nLocal addresses\n1.2.3.4     port   8333    score      4"

#define HEAD "<->   type   net   serv  v  mping   ping send recv  txn  blk  hb addrp addrl  age"
#define IN " in          npr                                      *        *     .          1"
#define OUT "out   full  ipv6   nwl2  2     10     21   10    1         2  .     12         10"
#define FOOT "                               ms     ms  sec  sec  min  min                  min\n\n"

static void test_netinfo__shows_what_core_shows(void **state)
{
    (void)state;
    expect_netinfo(0, false,
                   "Quoin client v" PACKAGE_VERSION " signet - server 70016/Quoin:0.1.0/\n\n" COUNTS
                   "\n\nLocal services: witness, network limited" LOCAL);
    expect_netinfo(4, false,
                   "Quoin client v" PACKAGE_VERSION
                   " signet - server 70016/Quoin:0.1.0/ - services wl\n\n" HEAD
                   " id address            version\n" IN "  8 127.0.0.1:5        \n" OUT
                   "  7 [2001:db8::1]:8333 70016/Quoin:0.1.0/\n" FOOT COUNTS LOCAL);
    expect_netinfo(1, true,
                   "Quoin client v" PACKAGE_VERSION
                   " signet - server 70016/Quoin:0.1.0/ - services wl\n\n" HEAD " id \n" OUT
                   "  7 \n" FOOT COUNTS LOCAL);
}

static void test_addrinfo__sums_what_is_known(void **state)
{
    (void)state;
    static const char BATCH[] =
        "[{\"id\":0,\"result\":{\"ipv4\":{\"new\":1,\"tried\":2,\"total\":3},\"ipv6\":{\"total\":4}"
        ","
        "\"onion\":{\"total\":0},\"i2p\":{\"total\":0},\"cjdns\":{\"total\":0},"
        "\"all_networks\":{\"total\":7}}}]";
    qc_bytes out = QC_BYTES_INIT;
    char *error = NULL;
    assert_int_equal(qc_cli_addrinfo_text(qc_span_str(BATCH), &out, &error), QC_OK);
    expect_bytes(&out, "{\n  \"addresses_known\": {\n    \"ipv4\": 3,\n    \"ipv6\": 4,\n"
                       "    \"onion\": 0,\n    \"i2p\": 0,\n    \"cjdns\": 0,\n"
                       "    \"total\": 7\n  }\n}");
    qc_bytes_free(&out);
    static const char FAILED[] = "[{\"id\":0,\"error\":{\"code\":-31,\"message\":\"No\"}}]";
    assert_int_equal(qc_cli_addrinfo_text(qc_span_str(FAILED), &out, &error), QC_EINVAL);
    assert_string_equal(error, "error code: -31\nerror message:\nNo");
    qc_free(error);
}

/* ---- a server that answers with given bytes ---- */
typedef struct canned {
    int listener;
    uint16_t port;
    const char *reply;
} canned;

static void serve_one(void *arg)
{
    canned *c = arg;
    char buf[4096];
    size_t got = 0;
    int fd = accept(c->listener, NULL, NULL);
    while (got < sizeof buf - 1) {
        ssize_t n = recv(fd, buf + got, sizeof buf - 1 - got, 0);
        if (n <= 0)
            break;
        got += (size_t)n;
        buf[got] = 0;
        if (strstr(buf, "\r\n\r\n{}"))
            break;
    }
    send(fd, c->reply, strlen(c->reply), MSG_NOSIGNAL);
    close(fd);
}

static qc_err fetch(const char *reply, qc_http_reply *r, char **why)
{
    canned c = {.reply = reply};
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    qc_thread *t;
    c.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(c.listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(c.listener, 1), 0);
    assert_int_equal(getsockname(c.listener, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(qc_thread_start(&t, "canned", serve_one, &c), QC_OK);
    *why = NULL;
    qc_err err =
        qc_http_post("127.0.0.1", ntohs(sa.sin_port), "/", "u:p", qc_span_str("{}"), 10, r, why);
    qc_thread_join(t);
    close(c.listener);
    return err;
}

static void test_post__reads_whole_replies_only(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        int status; /* 0: a failure */
        const char *body;
    } CASE[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc"},
        {"HTTP/1.1 500 Oops\r\ncontent-length:  1\r\n\r\nx", 500, "x"},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
         200, "abc"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", 0, NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab\r\n", 0, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", 0, NULL},
        {"nonsense\r\n\r\n", 0, NULL},
        {"", 0, NULL}};
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        qc_http_reply r = {0};
        char *why;
        qc_err err = fetch(CASE[i].reply, &r, &why);
        assert_int_equal(err, CASE[i].status ? QC_OK : QC_EIO);
        if (!err) {
            assert_int_equal(r.status, CASE[i].status);
            expect_bytes(&r.body, CASE[i].body);
        }
        qc_free(why);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_pretty__is_univalues),
             cmocka_unit_test(test_member__finds_top_level_values),
             cmocka_unit_test(test_next__gives_each_element_once),
             cmocka_unit_test(test_is_json__takes_any_value),
             cmocka_unit_test(test_json_error__says_where),
             cmocka_unit_test(test_convert__warns_of_json_that_is_none),
             cmocka_unit_test(test_convert__knows_which_words_are_json),
             cmocka_unit_test(test_convert_named__names_positions_and_doubt),
             cmocka_unit_test(test_info__shows_what_core_shows),
             cmocka_unit_test(test_tame__leaves_no_order_to_a_terminal),
             cmocka_unit_test(test_error__is_never_a_success_to_a_shell),
             cmocka_unit_test(test_netinfo__shows_what_core_shows),
             cmocka_unit_test(test_addrinfo__sums_what_is_known),
             cmocka_unit_test(test_post__reads_whole_replies_only))
