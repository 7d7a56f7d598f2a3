/* getblocktemplate and submitblock as a plugin, against the mock. */
#include "plugins/gbt/gbt.h"
#include "quoin/mock.h"
#include "tests/unit/harness.h"

#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/mining.h"

extern const qn_plugin_1 qn_plugin_entry;

static const char RULES[] = "[{\"rules\":[\"segwit\"]}]";

static qn_mock *started(void)
{
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 30);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    return m;
}

static void expect(qn_mock *m, const char *method, const char *params, const char *want)
{
    char *got = qn_mock_rpc(m, method, params);
    if (!strstr(got, want))
        fail_msg("%s %s: '%s', not '%s'", method, params, got, want);
    free(got);
}

static json_t *ask(qn_mock *m, const char *method, const char *params)
{
    char *got = qn_mock_rpc(m, method, params);
    json_t *j = json_loads(got, 0, NULL);
    if (!json_is_object(j))
        fail_msg("%s: %s", method, got);
    free(got);
    return j;
}

static const char *text(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    assert_non_null(s);
    return s;
}

static void test_template__is_that_of_the_node(void **state)
{
    (void)state;
    qn_mock *m = started();
    const qn_mempool_outpoint spends = {.txid = {{1}}};
    const qn_mock_tx a = {.txid = {{1}}, .fee = 1000, .vsize = 100, .bytes = "abc", .len = 3},
                     b = {.txid = {{2}},
                          .fee = 9000,
                          .vsize = 100,
                          .bytes = "de",
                          .len = 2,
                          .spends = &spends,
                          .n_spends = 1};
    qn_mock_pool_add(m, &a);
    qn_mock_pool_add(m, &b);
    json_t *j = ask(m, "getblocktemplate", RULES), *txs = json_object_get(j, "transactions");
    assert_int_equal(json_array_size(txs), 2);
    assert_string_equal(text(json_array_get(txs, 0), "data"), "616263");
    assert_string_equal(text(json_array_get(txs, 1), "data"), "6465");
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(json_array_get(txs, 1), "depends"), 0)),
        1);
    assert_int_equal(json_integer_value(json_object_get(j, "coinbasevalue")), 5000010000);
    assert_int_equal(json_integer_value(json_object_get(j, "height")), 31);
    assert_string_equal(text(j, "bits"), "207fffff");
    assert_string_equal(text(j, "target"),
                        "7fffff0000000000000000000000000000000000000000000000000000000000");
    json_decref(j);
    /* The same within five seconds; another one when the tip is another one. */
    const qn_mock_tx c = {.txid = {{3}}, .fee = 1, .vsize = 100, .bytes = "f", .len = 1};
    qn_mock_pool_add(m, &c);
    j = ask(m, "getblocktemplate", RULES);
    assert_int_equal(json_array_size(json_object_get(j, "transactions")), 2);
    json_decref(j);
    qn_mock_sleep(m, 6000);
    j = ask(m, "getblocktemplate", RULES);
    assert_int_equal(json_array_size(json_object_get(j, "transactions")), 3);
    json_decref(j);
    qn_mock_mine(m, 1);
    j = ask(m, "gbt.getblocktemplate", RULES);
    assert_int_equal(json_integer_value(json_object_get(j, "height")), 32);
    json_decref(j);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_template__what_is_refused(void **state)
{
    (void)state;
    qn_mock *m = started();
    const char *const row[][2] = {
        {"[]", "error -1: getblocktemplate {"},
        {"[5]", "error -3: JSON value of type number is not of expected type object"},
        {"[{}]", "error -8: getblocktemplate must be called with the segwit rule set"},
        {"[{\"rules\":[1]}]", "error -3: JSON value of type number is not of expected type string"},
        {"[{\"mode\":\"x\",\"rules\":[\"segwit\"]}]", "error -8: Invalid mode"},
        {"[{\"mode\":7}]", "error -8: Invalid mode"},
        {"[{\"longpollid\":\"abc\",\"rules\":[\"segwit\"]}]",
         "error -8: longpollid must be of length 64 (not 3, for 'abc')"},
        {"[{\"mode\":\"proposal\"}]", "error -3: Missing data String key for proposal"},
        {"[{\"mode\":\"proposal\",\"data\":\"0\"}]", "error -22: Block decode failed"}};
    for (size_t i = 0; i < QC_COUNTOF(row); i++)
        expect(m, "getblocktemplate", row[i][0], row[i][1]);
    expect(m, "gbt.light", "[]", "error -1: gbt.light {");
    qn_mining_info info = {.flags = 0};
    qn_mock_mining(m, &info);
    expect(m, "getblocktemplate", RULES, "error -9: Quoin is not connected!");
    info.peers = 3;
    info.flags = QN_MINING_INFO_INITIAL_DOWNLOAD;
    expect(m, "getblocktemplate", RULES, "error -10: Quoin is in initial sync");
    qn_mock_free(m);
    m = qn_mock_new();
    qn_mock_challenge(m, "\x51", 1);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "getblocktemplate", RULES,
           "error -8: getblocktemplate must be called with the signet rule set");
    expect(m, "getblocktemplate", "[{\"rules\":[\"segwit\",\"signet\"]}]",
           "\"signet_challenge\":\"51\"");
    qn_mock_free(m);
}

static void test_longpoll__waits_for_the_tip_or_for_time(void **state)
{
    (void)state;
    qn_mock *m = started();
    char params[200];
    json_t *j = ask(m, "getblocktemplate", RULES);
    snprintf(params, sizeof params, "[{\"rules\":[\"segwit\"],\"longpollid\":\"%s\"}]",
             text(j, "longpollid"));
    json_decref(j);
    uint64_t before = qn_mock_now(m);
    expect(m, "getblocktemplate", params,
           "error: no answer"); /* nothing has changed within a minute */
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    qn_mock_free(m);
    m = started();
    j = ask(m, "getblocktemplate", RULES);
    snprintf(params, sizeof params, "[{\"rules\":[\"segwit\"],\"longpollid\":\"%s\"}]",
             text(j, "longpollid"));
    json_decref(j);
    const qn_mock_tx a = {.txid = {{1}}, .fee = 1000, .vsize = 100, .bytes = "abc", .len = 3};
    qn_mock_pool_add(m, &a);
    before = qn_mock_now(m);
    expect(m, "getblocktemplate", params, "\"data\":\"616263\"");
    assert_int_equal(qn_mock_now(m) - before, 60000);
    qn_mock_mine(m, 1); /* the tip is another one already */
    before = qn_mock_now(m);
    expect(m, "getblocktemplate", params, "\"height\":32");
    assert_int_equal(qn_mock_now(m), before);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* Who waits is answered within the hour, and who has gone is forgotten then: there is always room.
 */
static void test_longpoll__does_not_wait_for_ever(void **state)
{
    (void)state;
    qn_mock *m = started();
    char params[200];
    json_t *j = ask(m, "getblocktemplate", RULES);
    snprintf(params, sizeof params, "[{\"rules\":[\"segwit\"],\"longpollid\":\"%s\"}]",
             text(j, "longpollid"));
    json_decref(j);
    for (int i = 0; i < 600; i++) /* each a minute */
        expect(m, "getblocktemplate", params, "error: no answer");
    assert_null(qn_mock_failure(m));
    qn_mock_mine(m, 1);
    expect(m, "getblocktemplate", params, "\"height\":32");
    qn_mock_free(m);
}

static void test_submitblock__says_what_became_of_it(void **state)
{
    (void)state;
    static const qn_mining_result list[] = {
        {.is = QN_BLOCK_IS_ACCEPTED},
        {.is = QN_BLOCK_IS_REJECTED, .reason = "bad-cb-amount"},
        {.is = QN_BLOCK_IS_INCONCLUSIVE, .reason = "inconclusive"},
        {.is = QN_BLOCK_IS_REJECTED}};
    qn_mock *m = started();
    char params[400] = "[\"", *at = params + 2;
    for (int i = 0; i < 81; i++, at += 2)
        memcpy(at, "01", 2);
    memcpy(at, "\"]", 3);
    qn_mock_blocks_with(m, list, 4);
    expect(m, "submitblock", params, "null");
    expect(m, "submitblock", params, "\"bad-cb-amount\"");
    expect(m, "gbt.submitblock", params, "\"inconclusive\"");
    expect(m, "submitblock", params, "\"rejected\"");
    expect(m, "submitblock", "[\"00\"]", "error -22: Block decode failed");
    expect(m, "submitblock", "[\"0\"]", "error -22: Block decode failed");
    expect(m, "submitblock", "[\"\"]", "error -22: Block decode failed");
    expect(m, "submitblock", "[]", "error -1: submitblock");
    qn_mock_free(m);
}

/* Without the calls before it, which are the plugin's own business: the first that answers BUSY. */
static uint64_t calls_before_hand_in(const char *method, const char *params)
{
    static const qn_mining_result said[] = {{.is = QN_BLOCK_IS_REJECTED, .reason = "said"}};
    for (uint64_t k = 1;; k++) {
        qn_mock *m = started();
        qn_mock_blocks_with(m, said, 1);
        qn_mock_fail_call(m, k, QN_E_NOMEM);
        char *got = qn_mock_rpc(m, method, params);
        bool found = strstr(got, "Out of memory") != NULL;
        free(got);
        qn_mock_free(m);
        if (found)
            return k;
        assert_true(k < 20);
    }
}

static void test_submitblock__is_offered_again_while_the_node_is_busy(void **state)
{
    (void)state;
    static const qn_mining_result said[] = {{.is = QN_BLOCK_IS_REJECTED, .reason = "said"}};
    char params[400] = "[\"", *at = params + 2, proposal[500];
    for (int i = 0; i < 81; i++, at += 2)
        memcpy(at, "01", 2);
    memcpy(at, "\"]", 3);
    snprintf(proposal, sizeof proposal, "[{\"mode\":\"proposal\",\"data\":\"%.162s\"}]",
             params + 2);
    const char *const calls[][2] = {{"submitblock", params}, {"getblocktemplate", proposal}};
    for (int i = 0; i < 2; i++) {
        uint64_t k = calls_before_hand_in(calls[i][0], calls[i][1]);
        qn_mock *m = started();
        qn_mock_blocks_with(m, said, 1);
        qn_mock_fail_call(m, k, QN_E_BUSY);
        expect(m, calls[i][0], calls[i][1], "\"said\"");
        qn_mock_free(m);
    }
}

/* ---- many at once ---- */

/* The plugin's methods without the mock, which serves one request after the other. */
typedef struct desk {
    gb g;
    char log[64]; /* first digit of each block as it is looked at, then 'B' of each that is refused
                   */
    uint32_t len; /* of the last block */
    bool busy;    /* the node is */
    qn_task_fn *post;
    void *post_arg;
} desk;

static desk at_once;

static void note(char c)
{
    size_t n = strlen(at_once.log);
    assert_true(n + 1 < sizeof at_once.log);
    at_once.log[n] = c;
}

static qn_status desk_post(qn_cap *cap, qn_task_fn *fn, void *arg)
{
    (void)cap;
    assert_null(at_once.post);
    at_once.post = fn;
    at_once.post_arg = arg;
    return QN_OK;
}

static qn_status desk_block(qn_cap *cap, const void *block, uint32_t len, uint32_t flags,
                            qn_mining_result *r)
{
    (void)cap;
    (void)flags;
    if (at_once.busy)
        return QN_E_BUSY;
    note((char)('0' + (*(const uint8_t *)block >> 4)));
    at_once.len = len;
    r->is = QN_BLOCK_IS_ACCEPTED;
    return QN_OK;
}

static qn_status desk_reply(qn_cap *cap, uint64_t request, const char *result, uint64_t len)
{
    (void)cap;
    (void)request;
    (void)result;
    (void)len;
    return QN_OK;
}

static qn_status desk_error(qn_cap *cap, uint64_t request, int32_t code, const char *message,
                            uint32_t len)
{
    (void)cap;
    (void)request;
    (void)len;
    note(strstr(message, "busy") ? 'B' : code == GB_DECODE ? 'D' : '?');
    return QN_OK;
}

static uint64_t desk_now(qn_cap *cap)
{
    (void)cap;
    return 0;
}

static qn_status desk_timer(qn_cap *cap, uint32_t ms, qn_task_fn *fn, void *arg, uint64_t *timer)
{
    (void)cap;
    (void)ms;
    (void)fn;
    (void)arg;
    *timer = 1;
    return QN_OK;
}

static qn_status desk_no_timer(qn_cap *cap, uint64_t timer)
{
    (void)cap;
    (void)timer;
    return QN_OK;
}

static void desk_open(void)
{
    static const qn_host_1 host = {.post = desk_post,
                                   .now_ms = desk_now,
                                   .timer_set = desk_timer,
                                   .timer_cancel = desk_no_timer};
    static const qn_mining_submit_1 submit = {.block = desk_block};
    static const qn_mining_check_1 check = {.block = desk_block};
    static const qn_rpc_serve_1 rpc = {.reply = desk_reply, .reply_error = desk_error};
    memset(&at_once, 0, sizeof at_once);
    at_once.g.host = &host;
    at_once.g.submit = &submit;
    at_once.g.check = &check;
    at_once.g.rpc = &rpc;
}

/* `bytes` of which the first is `digit` and a zero, between `before` and `after`. */
static void desk_ask(qn_rpc_handler_fn *fn, const char *before, char digit, size_t bytes,
                     const char *after)
{
    const qn_rpc_request r = {.size = sizeof r, .timeout_ms = 60000};
    size_t n = strlen(before), len = n + 2 * bytes + strlen(after);
    char *params = malloc(len + 1);
    assert_non_null(params);
    memcpy(params, before, n);
    memset(params + n, '0', 2 * bytes);
    params[n] = digit;
    memcpy(params + n + 2 * bytes, after, strlen(after) + 1);
    fn(&at_once.g, &r, params, (uint32_t)len);
    free(params);
}

static void propose(char digit, size_t bytes)
{
    desk_ask(gb_on_template, "[{\"mode\":\"proposal\",\"data\":\"", digit, bytes,
             "\",\"rules\":[\"segwit\"]}]");
}

/* What was posted. False: nothing. */
static bool turn(void)
{
    qn_task_fn *fn = at_once.post;
    at_once.post = NULL;
    if (fn)
        fn(at_once.post_arg);
    return fn != NULL;
}

/* One proposal of a turn, and large ones not even one behind the other: what was found goes before
 * all of them. */
static void test_proposals__what_was_found_does_not_wait_for_them(void **state)
{
    (void)state;
    desk_open();
    propose('1', 4000000);
    propose('2', 15900000);
    propose('3', 100);
    desk_ask(gb_on_block, "[\"", '4', 15900000, "\"]");
    assert_int_equal(at_once.len, 15900000);
    assert_string_equal(at_once.log, "B4");
    for (unsigned turns = 0; turn(); turns++)
        assert_int_equal(strlen(at_once.log), 3 + turns);
    assert_string_equal(at_once.log, "B413");
    for (int i = 0; i < 12; i++)
        propose('5', 100);
    assert_string_equal(at_once.log, "B413BBBB");
    gb_late_end(&at_once.g);
    assert_string_equal(at_once.log, "B413BBBBBBBBBBBB");
}

/* Those that the node was too busy for are still there, and a block must have room behind them. */
static void test_proposals__count_until_they_are_answered(void **state)
{
    (void)state;
    desk_open();
    at_once.busy = true;
    propose('1', 15900000);
    assert_true(turn());
    propose('2', 15900000);
    assert_string_equal(at_once.log, "B");
    for (int i = 0; i < 20; i++) {
        propose('3', 100);
        (void)turn();
    }
    assert_string_equal(at_once.log, "BBBBBBBBBBBBBB");
    desk_ask(gb_on_block, "[\"", '4', 100, "\"]");
    assert_int_equal(at_once.g.n_late, 9);
    assert_string_equal(at_once.log, "BBBBBBBBBBBBBB");
    gb_late_end(&at_once.g);
    assert_int_equal(strlen(at_once.log), 23);
    assert_int_equal(at_once.g.unanswered, 0);
    assert_int_equal(at_once.g.unanswered_bytes, 0);
}

/* However a block is written in the text. */
static void test_params__a_block_is_found_wherever_it_stands(void **state)
{
    (void)state;
    desk_open();
    desk_ask(gb_on_block, "[\"", '1', 5000, "\",\"dummy\"]");
    assert_int_equal(at_once.len, 5000);
    desk_ask(gb_on_block, "[ \"", '2', 5000, "\" ]");
    assert_int_equal(at_once.len, 5000);
    desk_ask(gb_on_block, "[\"", '3', 5000, "\\u0030\\u0030\"]");
    assert_int_equal(at_once.len, 5001);
    desk_ask(gb_on_block, "[\"", '4', 1000, "\"]");
    assert_int_equal(at_once.len, 1000);
    desk_ask(gb_on_block, "[\"", 'x', 5000, "\"]");
    desk_ask(gb_on_block, "[\"", '5', 5000, "0\"]");
    desk_ask(gb_on_block, "[\"", '6', 16000001, "\"]");
    desk_ask(gb_on_block, "[\"left out\",\"", '7', 5000, "\"]");
    assert_string_equal(at_once.log, "1234DDDD");
    propose('8', 5000);
    at_once.post(at_once.post_arg);
    assert_int_equal(at_once.len, 5000);
    at_once.post = NULL;
    desk_ask(gb_on_template, "[{\"data\" : \"", '9', 5000, "\", \"mode\" : \"proposal\"}]");
    at_once.post(at_once.post_arg);
    assert_string_equal(at_once.log, "1234DDDD89");
}

/* A block of the light variant: coinbase, path and id are all that it takes. */
static void solve(qn_mock *m, const json_t *t, bool good, char *params, size_t cap)
{
    const json_t *cb = json_object_get(t, "coinbase"), *path = json_object_get(t, "merklepath");
    uint8_t prefix[16], last[256], raw[512], root[32], step[32], prev[32], header[80], target[32],
        hash[32];
    size_t space, n_prefix = strlen(text(cb, "prefix")) / 2,
                  n_last = strlen(text(cb, "lastoutputs")) / 2;
    (void)m;
    assert_true(qn_hex_decode(text(cb, "prefix"), 2 * n_prefix, prefix, sizeof prefix));
    assert_true(qn_hex_decode(text(cb, "lastoutputs"), 2 * n_last, last, sizeof last));
    const qn_coinbase_out out = {json_integer_value(json_object_get(t, "coinbasevalue")),
                                 (const uint8_t *)"\x51", 1};
    const qn_coinbase c = {
        .version = (uint32_t)json_integer_value(json_object_get(cb, "version")),
        .sequence = (uint32_t)json_integer_value(json_object_get(cb, "sequence")),
        .locktime = (uint32_t)json_integer_value(json_object_get(cb, "locktime")),
        .prefix = prefix,
        .prefix_len = n_prefix,
        .space = 2,
        .out = &out,
        .n_out = 1,
        .last = last,
        .last_len = n_last,
        .n_last = (uint32_t)json_integer_value(json_object_get(cb, "nlastoutputs"))};
    size_t len = qn_coinbase_write(&c, raw, sizeof raw, &space);
    assert_true(len);
    qn_sha256d(raw, len, root);
    for (size_t i = 0; i < json_array_size(path); i++) {
        assert_true(qn_hex_decode(json_string_value(json_array_get(path, i)), 64, step, 32));
        qn_merkle_fold(root, step, 1);
    }
    assert_true(qn_hex_decode_reversed(text(t, "previousblockhash"), 64, prev, 32));
    assert_true(qn_hex_decode_reversed(text(t, "target"), 64, target, 32));
    qn_header_parts h = {.version = (int32_t)json_integer_value(json_object_get(t, "version")),
                         .prev = prev,
                         .root = root,
                         .time = (uint32_t)json_integer_value(json_object_get(t, "curtime")),
                         .bits = 0x207fffff};
    do {
        h.nonce++;
        qn_header_write(&h, header);
        qn_sha256d(header, 80, hash);
    } while (qn_hash_meets(hash, target) != good);
    char hex[1100];
    qn_hex_encode(raw, len, hex);
    snprintf(params, cap,
             "[{\"template\":\"%s\",\"version\":%d,\"time\":%u,\"nonce\":%u,\"coinbase\":\"%s\"}]",
             text(t, "template"), h.version, h.time, h.nonce, hex);
}

static void test_light__is_solved_by_id(void **state)
{
    (void)state;
    qn_mock *m = started();
    char params[2000];
    const qn_mock_tx a = {.txid = {{1}}, .fee = 1000, .vsize = 100, .bytes = "abc", .len = 3};
    qn_mock_pool_add(m, &a);
    json_t *t = ask(m, "gbt.light", RULES);
    assert_int_equal(json_array_size(json_object_get(t, "merklepath")), 1);
    solve(m, t, false, params, sizeof params);
    expect(m, "gbt.solve", params, "\"high-hash\"");
    solve(m, t, true, params, sizeof params);
    expect(m, "gbt.solve", params, "null");
    expect(m, "gbt.solve", params, "\"duplicate\"");
    expect(m, "gbt.solve",
           "[{\"template\":\"77\",\"version\":1,\"time\":1,\"nonce\":1,\"coinbase\":\"00\"}]",
           "error -8: No template of this id");
    expect(m, "gbt.solve",
           "[{\"template\":\"x\",\"version\":1,\"time\":1,\"nonce\":1,\"coinbase\":\"00\"}]",
           "error -8: wanted");
    expect(m, "gbt.solve", "[]", "error -8: wanted");
    json_decref(t);
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_template__is_that_of_the_node),
             cmocka_unit_test(test_template__what_is_refused),
             cmocka_unit_test(test_longpoll__waits_for_the_tip_or_for_time),
             cmocka_unit_test(test_longpoll__does_not_wait_for_ever),
             cmocka_unit_test(test_submitblock__says_what_became_of_it),
             cmocka_unit_test(test_submitblock__is_offered_again_while_the_node_is_busy),
             cmocka_unit_test(test_proposals__what_was_found_does_not_wait_for_them),
             cmocka_unit_test(test_proposals__count_until_they_are_answered),
             cmocka_unit_test(test_params__a_block_is_found_wherever_it_stands),
             cmocka_unit_test(test_light__is_solved_by_id))
