/* The engine through its front door: bodies in, statuses and bodies out. */
#include "core/rpc/engine.h"
#include "core/os/thread.h"
#include "tests/unit/harness.h"

#include <stdatomic.h>

#define H64 "00000000000000000000000000000000000000000000000000000000000000ab"

/* ---- methods ---- */
static void do_echo(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < qc_rpc_n(r); i++)
        qc_jw_json(w, qc_rpc_arg(r, i));
    qc_jw_arr_end(w);
}

static void do_typed(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_hash h;
    int32_t verbosity = 1;
    int64_t amount = 0;
    if (!qc_rpc_hash(r, 0, "blockhash", &h) || !qc_rpc_verbosity(r, 1, true, &verbosity) ||
        !qc_rpc_amount(r, 2, &amount))
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_khash(w, "hash", &h);
    qc_jw_kint(w, "verbosity", verbosity);
    qc_jw_kamount(w, "amount", amount);
    qc_jw_obj_end(w);
}

static void do_fail(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw_arr(qc_rpc_out(r)); /* what was begun must vanish */
    qc_rpc_fail(r, QC_RPC_VERIFY_ERROR, "no %s", "\"luck\"");
}

static void do_nothing(qc_rpc_req *r, void *arg)
{
    (void)r;
    (void)arg;
}

/* Parks until woken; says why it was resumed. */
typedef struct gate {
    qc_rpc_waitlist *list;
    int64_t timeout_ms;
    atomic_int resumptions;
    bool again; /* park once more after a wake */
    pthread_mutex_t lock;
    pthread_cond_t parked;
    int n_parked;
} gate;

static void announce(gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->n_parked++;
    pthread_cond_signal(&g->parked);
    pthread_mutex_unlock(&g->lock);
}

static void resumed(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    gate *g = arg;
    g->resumptions++;
    if (g->again) {
        g->again = why == QC_RPC_SHUTDOWN;
        qc_rpc_waitlist_join(g->list, r);
        qc_rpc_park(r, g->timeout_ms, resumed, g);
        announce(g);
        return;
    }
    qc_jw_str(qc_rpc_out(r), why == QC_RPC_WOKEN     ? "woken"
                             : why == QC_RPC_TIMEOUT ? "timeout"
                                                     : "shutdown");
}

static void do_wait(qc_rpc_req *r, void *arg)
{
    gate *g = arg;
    qc_rpc_waitlist_join(g->list, r);
    qc_rpc_park(r, g->timeout_ms, resumed, g);
    announce(g);
}

static void await_parked(gate *g, int n)
{
    pthread_mutex_lock(&g->lock);
    while (g->n_parked < n)
        pthread_cond_wait(&g->parked, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static const qc_rpc_param ECHO_PARAMS[] = {{"arg0", QC_T_STR, .skip_type_check = true},
                                           {"arg1|one", QC_T_STR, .skip_type_check = true},
                                           {"arg2", QC_T_STR, .skip_type_check = true},
                                           {.names = NULL}};
static const qc_rpc_param OPTIONS[] = {
    {"speed", .type = QC_T_NUM}, {"color|colour", .type = QC_T_STR}, {.names = NULL}};
static const qc_rpc_param NAMED_PARAMS[] = {{"first", QC_T_STR, .required = true},
                                            {"options", QC_T_OBJ_NAMED, .inner = OPTIONS},
                                            {.names = NULL}};
static const qc_rpc_param TYPED_PARAMS[] = {
    {"blockhash", QC_T_HEX, .required = true, .help = "The hash"},
    {"verbosity|verbose", QC_T_NUM, .dflt = "1", .help = "How much", .skip_type_check = true},
    {"amount", .type = QC_T_AMOUNT},
    {.names = NULL}};
static gate g_gate;
static const qc_rpc_method METHODS[] = {
    {"control", "echo", "Gives back its parameters.", ECHO_PARAMS, .fn = do_echo},
    {"control", "named", "Takes options.", NAMED_PARAMS, .fn = do_echo},
    {"blockchain", "typed", "Checks types.", TYPED_PARAMS, "{...}", "typed \"" H64 "\"",
     .fn = do_typed},
    {"hidden", "fail", "Fails.", .fn = do_fail},
    {"hidden", "nothing", "Writes nothing.", .fn = do_nothing},
    {"hidden", "wait", "Waits.", .fn = do_wait},
    {.name = NULL}};

/* ---- one engine for a test ---- */
typedef struct rig {
    qc_rpc_registry *registry;
    qc_rpc_engine *engine;
    const qc_rpc_access *access;
} rig;

static void rig_open(rig *k, unsigned threads, unsigned queue)
{
    *k = (rig){0};
    g_gate = (gate){.list = qc_rpc_waitlist_new(), .timeout_ms = -1};
    pthread_mutex_init(&g_gate.lock, NULL);
    pthread_cond_init(&g_gate.parked, NULL);
    k->registry = qc_rpc_registry_new();
    qc_rpc_register_all(k->registry, METHODS, &g_gate);
    assert_int_equal(qc_rpc_engine_new(&k->engine, k->registry, threads, queue), QC_OK);
    qc_rpc_engine_warmup(k->engine, NULL);
}

static void rig_close(rig *k)
{
    qc_rpc_engine_free(k->engine);
    qc_rpc_registry_free(k->registry);
    qc_rpc_waitlist_free(g_gate.list);
    pthread_cond_destroy(&g_gate.parked);
    pthread_mutex_destroy(&g_gate.lock);
}

typedef struct answer {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool have;
    int status;
    char *text;
} answer;

static void answer_init(answer *a)
{
    *a = (answer){0};
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->done, NULL);
}

static void on_done(void *arg, int status, qc_bytes reply)
{
    answer *a = arg;
    pthread_mutex_lock(&a->lock);
    a->status = status;
    a->text = calloc(1, reply.len + 1);
    memcpy(a->text, reply.len ? (const void *)reply.data : "", reply.len);
    a->have = true;
    pthread_cond_signal(&a->done);
    pthread_mutex_unlock(&a->lock);
    qc_bytes_free(&reply);
}

static bool post(rig *k, answer *a, const char *body)
{
    answer_init(a);
    qc_rpc_call c = {body, strlen(body), "alice", "127.0.0.1:1", k->access, on_done, a};
    return qc_rpc_engine_submit(k->engine, &c);
}

static void expect_answer(answer *a, int status, const char *text)
{
    pthread_mutex_lock(&a->lock);
    while (!a->have)
        pthread_cond_wait(&a->done, &a->lock);
    pthread_mutex_unlock(&a->lock);
    assert_string_equal(a->text, text);
    assert_int_equal(a->status, status);
    free(a->text);
    pthread_cond_destroy(&a->done);
    pthread_mutex_destroy(&a->lock);
}

static void expect(rig *k, const char *body, int status, const char *text)
{
    answer a;
    assert_true(post(k, &a, body));
    expect_answer(&a, status, text);
}

/* ---- envelopes ---- */
static void test_submit__version_1_has_both_members_and_statuses(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    expect(&k, "{\"method\":\"echo\",\"params\":[1,\"a\"],\"id\":\"x\"}", 200,
           "{\"result\":[1,\"a\"],\"error\":null,\"id\":\"x\"}\n");
    expect(&k, "{\"method\":\"nothing\"}", 200, "{\"result\":null,\"error\":null}\n");
    expect(&k, "{\"method\":\"fail\",\"id\":1}", 500,
           "{\"result\":null,\"error\":{\"code\":-25,\"message\":\"no \\\"luck\\\"\"},\"id\":1}\n");
    expect(&k, "{\"method\":\"nowhere\",\"id\":null,\"jsonrpc\":\"1.0\"}", 404,
           "{\"result\":null,\"error\":{\"code\":-32601,\"message\":\"Method not "
           "found\"},\"id\":null}\n");
    rig_close(&k);
}

static void test_submit__version_2_has_one_member_and_status_200(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    expect(&k, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":5}", 200,
           "{\"jsonrpc\":\"2.0\",\"result\":[],\"id\":5}\n");
    expect(&k, "{\"jsonrpc\":\"2.0\",\"method\":\"fail\",\"id\":5}", 200,
           "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-25,\"message\":\"no \\\"luck\\\"\"},\"id\":"
           "5}\n");
    expect(&k, "{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}", 204, "");
    expect(&k, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":null}", 200,
           "{\"jsonrpc\":\"2.0\",\"result\":[],\"id\":null}\n");
    rig_close(&k);
}

static void test_submit__malformed_requests_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *reply;
    } CASE[] = {
        {"", 500,
         "{\"result\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"},\"id\":null}\n"},
        {"{", 500,
         "{\"result\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"},\"id\":null}\n"},
        {"{} x", 500,
         "{\"result\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"},\"id\":null}\n"},
        {"3", 500,
         "{\"result\":null,\"error\":{\"code\":-32700,\"message\":\"Top-level object parse "
         "error\"},\"id\":null}\n"},
        {"{\"id\":1}", 400,
         "{\"result\":null,\"error\":{\"code\":-32600,\"message\":\"Missing method\"},\"id\":1}\n"},
        {"{\"method\":3}", 400,
         "{\"result\":null,\"error\":{\"code\":-32600,\"message\":\"Method must be a string\"}}\n"},
        {"{\"method\":\"echo\",\"params\":1,\"id\":1}", 400,
         "{\"result\":null,\"error\":{\"code\":-32600,\"message\":\"Params must be an array or "
         "object\"},\"id\":1}\n"},
        {"{\"method\":\"echo\",\"jsonrpc\":2.0}", 400,
         "{\"result\":null,\"error\":{\"code\":-32600,\"message\":\"jsonrpc field must be a "
         "string\"}}\n"},
        {"{\"method\":\"echo\",\"jsonrpc\":\"3.0\"}", 400,
         "{\"result\":null,\"error\":{\"code\":-32600,\"message\":\"JSON-RPC version not "
         "supported\"}}\n"},
    };
    rig k;
    rig_open(&k, 1, 16);
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++)
        expect(&k, CASE[i].body, CASE[i].status, CASE[i].reply);
    rig_close(&k);
}

static void test_submit__batches(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    expect(&k, "[]", 200, "[]\n");
    expect(
        &k,
        "[{\"method\":\"echo\",\"id\":1},{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},"
        "{\"jsonrpc\":\"2.0\",\"method\":\"nope\",\"id\":2},7,{\"method\":\"fail\",\"id\":3}]",
        200,
        "[{\"result\":[],\"error\":null,\"id\":1},"
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"Method not "
        "found\"},\"id\":2},"
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request "
        "object\"},\"id\":2},"
        "{\"result\":null,\"error\":{\"code\":-25,\"message\":\"no \\\"luck\\\"\"},\"id\":3}]\n");
    expect(&k, "[{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]", 204, "");
    rig_close(&k);
}

/* A key that one call has twice is its own: the others are not refused, and each of its own is. */
static void test_submit__of_a_batch_each_call_has_its_own_doubled_keys(void **state)
{
    (void)state;
    static const char named[] = "{\"method\":\"echo\",\"params\":{\"arg1\":[\"]\"]},\"id\":1}";
    static const char twice[] = "\"method\":\"echo\",\"params\":{\"arg1\":1,\"arg1\":2}}";
    static const char good[] = "{\"result\":[null,[\"]\"]],\"error\":null,\"id\":1}";
    static const char bad[] =
        "{\"result\":null,\"error\":{\"code\":-8,\"message\":\"Parameter arg1 "
        "specified multiple times\"},\"id\":2}";
    char *body =
        qc_asprintf(" [ %s , {\"id\":2,%s,%s,7,{\"id\":3,\"id\":2,\"p\\u0061rams\":[],%s ] ", named,
                    twice, named, twice);
    char *reply = qc_asprintf("[%s,%s,%s,{\"result\":null,\"error\":{\"code\":-32600,\"message\":"
                              "\"Invalid Request object\"},\"id\":1},%s]\n",
                              good, bad, good, bad);
    rig k;
    rig_open(&k, 1, 16);
    expect(&k, body, 200, reply);
    rig_close(&k);
    qc_free(body);
    qc_free(reply);
}

static void test_submit__warm_up_comes_before_everything(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    qc_rpc_engine_warmup(k.engine, "Loading block index…");
    expect(&k, "{\"method\":\"nope\",\"id\":1}", 500,
           "{\"result\":null,\"error\":{\"code\":-28,\"message\":\"Loading block "
           "index…\"},\"id\":1}\n");
    qc_rpc_engine_warmup(k.engine, NULL);
    expect(&k, "{\"method\":\"nothing\",\"id\":1}", 200,
           "{\"result\":null,\"error\":null,\"id\":1}\n");
    rig_close(&k);
}

/* ---- parameters ---- */
static void expect_error(rig *k, const char *method, const char *params, int code,
                         const char *message)
{
    char *body = qc_asprintf("{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":%s,\"id\":0}",
                             method, params);
    char *reply =
        qc_asprintf("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":%d,\"message\":\"%s\"},\"id\":0}\n",
                    code, message);
    expect(k, body, 200, reply);
    qc_free(body);
    qc_free(reply);
}

static void expect_result(rig *k, const char *method, const char *params, const char *result)
{
    char *body = qc_asprintf("{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":%s,\"id\":0}",
                             method, params);
    char *reply = qc_asprintf("{\"jsonrpc\":\"2.0\",\"result\":%s,\"id\":0}\n", result);
    expect(k, body, 200, reply);
    qc_free(body);
    qc_free(reply);
}

static void test_params__names_become_positions(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    expect_result(&k, "echo", "{}", "[]");
    expect_result(&k, "echo", "{\"one\":5}", "[null,5]");
    expect_result(&k, "echo", "{\"arg2\":2,\"arg0\":0}", "[0,null,2]");
    expect_result(&k, "echo", "{\"args\":[1],\"arg2\":3}", "[1,null,3]");
    expect_result(&k, "echo", "{\"args\":[1,2,3]}", "[1,2,3]");
    expect_result(&k, "echo", "{\"args\":7}", "[]");
    expect_error(&k, "echo", "{\"args\":[1,2],\"arg1\":3}", -8,
                 "Parameter arg1|one specified twice both as positional and named argument");
    expect_error(&k, "echo", "{\"argo\":1}", -8, "Unknown named parameter argo");
    expect_error(&k, "echo", "{\"arg1\":1,\"arg1\":2}", -8,
                 "Parameter arg1 specified multiple times");
    expect_error(&k, "echo", "{\"args\":[99999999999999999999],\"arg1\":1,\"arg1\":2}", -8,
                 "Parameter arg1 specified multiple times");
    expect_error(&k, "echo", "{\"arg1\":1,\"arg1\":99999999999999999999}", -8,
                 "Parameter arg1 specified multiple times");
    expect_error(&k, "echo", "{\"arg1\":1,\"one\":2}", -8, "Unknown named parameter one");
    expect_result(&k, "named", "{\"first\":\"f\",\"colour\":\"red\",\"speed\":3}",
                  "[\"f\",{\"speed\":3,\"colour\":\"red\"}]");
    expect_result(&k, "named", "{\"args\":[\"f\"],\"speed\":3}", "[\"f\",{\"speed\":3}]");
    expect_error(&k, "named", "{\"first\":\"f\",\"options\":{},\"speed\":3}", -8,
                 "Parameter options conflicts with parameter speed");
    rig_close(&k);
}

static void test_params__count_and_types_are_checked(void **state)
{
    (void)state;
    static const char HELP[] =
        "typed \\\"blockhash\\\" ( verbosity amount )\\n\\nChecks types.\\n\\nArguments:\\n"
        "1. blockhash    (string, required) The hash\\n"
        "2. verbosity    (numeric, optional, default=1) How much\\n"
        "3. amount    (numeric or string, optional)\\n\\nResult:\\n{...}\\n\\nExamples:\\n"
        "> quoin-cli typed \\\"" H64 "\\\"\\n";
    rig k;
    rig_open(&k, 1, 16);
    expect_error(&k, "typed", "[]", -1, HELP);
    expect_error(&k, "typed", "[\"\",1,1,1]", -1, HELP);
    expect_error(
        &k, "typed", "[7]", -3,
        "Wrong type passed:\\n{\\n    \\\"Position 1 (blockhash)\\\": \\\"JSON value of type "
        "number is not of expected type string\\\"\\n}");
    expect_error(
        &k, "named", "[null,[]]", -3,
        "Wrong type passed:\\n{\\n    \\\"Position 1 (first)\\\": \\\"JSON value of type null "
        "is not of expected type string\\\",\\n    \\\"Position 2 (options)\\\": \\\"JSON "
        "value of type array is not of expected type object\\\"\\n}");
    expect_error(&k, "typed", "[\"ab\"]", -8, "blockhash must be of length 64 (not 2, for 'ab')");
    expect_error(&k, "typed",
                 "[\""
                 "zz000000000000000000000000000000000000000000000000000000000000ab"
                 "\"]",
                 -8,
                 "blockhash must be hexadecimal string (not "
                 "'zz000000000000000000000000000000000000000000000000000000000000ab')");
    expect_error(&k, "typed", "[\"" H64 "\",\"1\"]", -3,
                 "JSON value of type string is not of expected type number");
    expect_error(&k, "typed", "[\"" H64 "\",1.0]", -1, "JSON integer out of range");
    expect_error(&k, "typed", "[\"" H64 "\",99999999999]", -1, "JSON integer out of range");
    expect_error(&k, "typed", "[\"" H64 "\",99999999999999999999999]", -1,
                 "JSON integer out of range");
    expect_result(&k, "typed", "[\"" H64 "\",true,0.3]",
                  "{\"hash\":\"" H64 "\",\"verbosity\":1,\"amount\":0.30000000}");
    expect_result(&k, "typed", "[\"" H64 "\",null,\"20999999.99999999\"]",
                  "{\"hash\":\"" H64 "\",\"verbosity\":1,\"amount\":20999999.99999999}");
    expect_error(&k, "typed", "[\"" H64 "\",0,0.000000001]", -3, "Invalid amount");
    expect_error(&k, "typed", "[\"" H64 "\",0,-1]", -3, "Amount out of range");
    expect_error(&k, "typed", "[\"" H64 "\",0,21000001]", -3, "Amount out of range");
    expect_error(&k, "typed", "[\"" H64 "\",0,true]", -3, "Amount is not a number or string");
    rig_close(&k);
}

static void test_parse_amount__takes_what_core_takes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t sat;
    } CASE[] = {{"0", true, 0},
                {"1", true, 100000000},
                {"0.00000001", true, 1},
                {"-0.5", true, -50000000},
                {"1e-8", true, 1},
                {"1e-9", false, 0},
                {"0.000000010", true, 1},
                {"1.", false, 0},
                {".5", false, 0},
                {"01", false, 0},
                {"1e", false, 0},
                {"1e3", true, 100000000000},
                {" 1", false, 0},
                {"1 ", false, 0},
                {"", false, 0},
                {"-", false, 0},
                {"+1", false, 0},
                {"1e99999", false, 0},
                {"0e99999", true, 0},
                {"0.00000000000000000000", true, 0},
                {"92233720368.54775807", false, 0}};
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        int64_t sat = 0;
        assert_int_equal(qc_rpc_parse_amount(CASE[i].text, &sat), CASE[i].ok);
        assert_int_equal(sat, CASE[i].sat);
    }
}

/* ---- parking ---- */
static void test_park__wakes_and_holds_no_thread(void **state)
{
    (void)state;
    rig k;
    answer a, b;
    rig_open(&k, 1, 16);
    g_gate.again = true;
    assert_true(post(&k, &a, "[{\"method\":\"wait\",\"id\":1},{\"method\":\"echo\",\"id\":2}]"));
    await_parked(&g_gate, 1);
    expect(&k, "{\"method\":\"nothing\"}", 200, "{\"result\":null,\"error\":null}\n");
    qc_rpc_waitlist_wake(g_gate.list); /* parks once more */
    await_parked(&g_gate, 2);
    assert_true(post(&k, &b, "{\"method\":\"wait\",\"id\":3}"));
    await_parked(&g_gate, 3);
    qc_rpc_waitlist_wake(g_gate.list);
    expect_answer(&a, 200,
                  "[{\"result\":\"woken\",\"error\":null,\"id\":1},{\"result\":[],\"error\":null,"
                  "\"id\":2}]\n");
    expect_answer(&b, 200, "{\"result\":\"woken\",\"error\":null,\"id\":3}\n");
    assert_int_equal(g_gate.resumptions, 3);
    rig_close(&k);
}

static void test_park__ends_at_its_deadline(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    g_gate.timeout_ms = 20;
    expect(&k, "{\"method\":\"wait\"}", 200, "{\"result\":\"timeout\",\"error\":null}\n");
    qc_rpc_waitlist_wake(g_gate.list); /* a late wake meets nobody */
    g_gate.timeout_ms = 0;
    expect(&k, "{\"method\":\"wait\"}", 200, "{\"result\":\"timeout\",\"error\":null}\n");
    assert_int_equal(g_gate.resumptions, 2);
    rig_close(&k);
}

static void test_park__shutdown_ends_it(void **state)
{
    (void)state;
    rig k;
    answer a;
    rig_open(&k, 1, 16);
    assert_true(post(&k, &a, "{\"method\":\"wait\"}"));
    await_parked(&g_gate, 1);
    qc_rpc_engine_interrupt(k.engine);
    expect_answer(&a, 200, "{\"result\":\"shutdown\",\"error\":null}\n");
    g_gate.again = true; /* parks after it was told */
    expect(&k, "{\"method\":\"wait\"}", 500,
           "{\"result\":null,\"error\":{\"code\":-9,\"message\":\"Shutting down\"}}\n");
    rig_close(&k);
}

typedef struct storm {
    qc_rpc_waitlist *list;
    _Atomic bool stop;
} storm;

static void keep_waking(void *arg)
{
    storm *s = arg;
    while (!s->stop)
        qc_rpc_waitlist_wake(s->list);
}

static void test_park__each_request_is_answered_once_under_a_storm_of_wakes(void **state)
{
    (void)state;
    enum { N = 300 };
    static answer a[N];
    rig k;
    rig_open(&k, 4, N);
    storm s = {.list = g_gate.list};
    qc_thread *t;
    g_gate.timeout_ms = 1;
    assert_int_equal(qc_thread_start(&t, "storm", keep_waking, &s), QC_OK);
    for (int i = 0; i < N; i++)
        assert_true(post(&k, &a[i], "{\"method\":\"wait\"}"));
    for (int i = 0; i < N; i++) {
        pthread_mutex_lock(&a[i].lock);
        while (!a[i].have)
            pthread_cond_wait(&a[i].done, &a[i].lock);
        pthread_mutex_unlock(&a[i].lock);
        free(a[i].text);
    }
    s.stop = true;
    qc_thread_join(t);
    rig_close(&k);
}

static void test_submit__refuses_when_the_queue_is_full(void **state)
{
    (void)state;
    rig k;
    answer a, b, c;
    rig_open(&k, 1, 1);
    pthread_mutex_lock(&g_gate.lock); /* the only thread stops inside do_wait */
    assert_true(post(&k, &a, "{\"method\":\"wait\"}"));
    while (!post(&k, &b, "{\"method\":\"nothing\"}"))
        ; /* until the first has left the queue */
    assert_false(post(&k, &c, "{}"));
    pthread_mutex_unlock(&g_gate.lock);
    expect_answer(&b, 200, "{\"result\":null,\"error\":null}\n");
    qc_rpc_waitlist_wake(g_gate.list);
    expect_answer(&a, 200, "{\"result\":\"woken\",\"error\":null}\n");
    rig_close(&k);
}

/* ---- access ---- */
static void acc_user(void *arg, const char *user, bool *has_list, bool *deny)
{
    (void)user;
    *has_list = *(int *)arg == 1;
    *deny = *(int *)arg == 2;
}

static bool acc_allows(void *arg, const char *user, const char *method)
{
    (void)arg;
    (void)user;
    return strcmp(method, "echo") == 0;
}

static void test_access__whitelists_forbid_single_calls_and_whole_batches(void **state)
{
    (void)state;
    rig k;
    int mode = 1;
    const qc_rpc_access access = {&mode, acc_user, acc_allows};
    rig_open(&k, 1, 16);
    k.access = &access;
    expect(&k, "{\"method\":\"echo\"}", 200, "{\"result\":[],\"error\":null}\n");
    expect(&k, "{\"method\":\"nothing\"}", 403, "");
    expect(&k, "[{\"method\":\"echo\"},{\"method\":\"nothing\"}]", 403, "");
    expect(&k, "[{\"method\":\"echo\"}]", 200, "[{\"result\":[],\"error\":null}]\n");
    expect(&k, "[1]", 400,
           "{\"result\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid Request "
           "object\"},\"id\":null}\n");
    mode = 2;
    expect(&k, "{\"method\":\"echo\"}", 403, "");
    mode = 0;
    expect(&k, "{\"method\":\"nothing\"}", 200, "{\"result\":null,\"error\":null}\n");
    rig_close(&k);
}

/* ---- the registry at run time ---- */
static int g_released;
static void on_release(void *arg)
{
    (void)arg;
    g_released++;
}

static void do_raw(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw_json(qc_rpc_out(r), qc_rpc_raw_params(r));
}

static void test_register__methods_come_and_go(void **state)
{
    (void)state;
    rig k;
    answer a;
    rig_open(&k, 1, 16);
    g_released = 0;
    assert_int_equal(qc_rpc_register_dynamic(k.registry, "plugin", "x.raw", "x.raw\n\nhelp", do_raw,
                                             NULL, on_release),
                     QC_OK);
    assert_int_equal(
        qc_rpc_register_dynamic(k.registry, "plugin", "echo", "", do_raw, NULL, on_release),
        QC_EEXIST);
    expect_result(&k, "x.raw", "{\"any\":[1]}", "{\"any\":[1]}");
    char *help = qc_rpc_help(k.registry, "x.raw");
    assert_string_equal(help, "x.raw\n\nhelp");
    qc_free(help);
    assert_int_equal(qc_rpc_unregister(k.registry, "x.raw"), QC_OK);
    assert_int_equal(qc_rpc_unregister(k.registry, "x.raw"), QC_ENOENT);
    assert_int_equal(g_released, 1);
    expect_error(&k, "x.raw", "[]", -32601, "Method not found");
    /* A parked call outlives its method. */
    assert_int_equal(
        qc_rpc_register_dynamic(k.registry, "plugin", "x.wait", "", do_wait, &g_gate, on_release),
        QC_OK);
    assert_true(post(&k, &a, "{\"method\":\"x.wait\"}"));
    await_parked(&g_gate, 1);
    assert_int_equal(qc_rpc_unregister(k.registry, "x.wait"), QC_OK);
    assert_int_equal(g_released, 1);
    qc_rpc_waitlist_wake(g_gate.list);
    expect_answer(&a, 200, "{\"result\":\"woken\",\"error\":null}\n");
    qc_rpc_engine_drain(k.engine);
    assert_int_equal(g_released, 2);
    rig_close(&k);
}

static void test_register_in_front__stands_in_for_a_static_method(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    g_released = 0;
    assert_int_equal(
        qc_rpc_register_in_front(k.registry, "plugin", "echo", "mine", do_raw, NULL, on_release),
        QC_OK);
    assert_int_equal(
        qc_rpc_register_in_front(k.registry, "plugin", "echo", "", do_raw, NULL, on_release),
        QC_EEXIST);
    expect_result(&k, "echo", "{\"any\":[1]}", "{\"any\":[1]}");
    assert_int_equal(qc_rpc_hold(k.registry, "echo", "me"), QC_OK);
    assert_int_equal(g_released, 1);
    assert_int_equal(
        qc_rpc_register_in_front(k.registry, "plugin", "echo", "", do_raw, NULL, on_release),
        QC_OK);
    expect_result(&k, "echo", "{\"any\":[2]}", "{\"any\":[2]}");
    assert_int_equal(qc_rpc_hold(k.registry, "echo", "me"), QC_OK);
    qc_rpc_release_held(k.registry, "me"); /* nobody comes: the node's own is there again */
    expect_error(&k, "echo", "{\"any\":[1]}", -8, "Unknown named parameter any");
    assert_int_equal(g_released, 2);
    assert_int_equal(
        qc_rpc_register_in_front(k.registry, "plugin", "echo", "", do_raw, NULL, on_release),
        QC_OK);
    assert_int_equal(qc_rpc_unregister(k.registry, "echo"), QC_OK);
    expect_error(&k, "echo", "{\"any\":[1]}", -8, "Unknown named parameter any");
    assert_int_equal(
        qc_rpc_register_in_front(k.registry, "plugin", "echo", "", do_raw, NULL, on_release),
        QC_OK);
    rig_close(&k); /* both go */
}

typedef struct absence {
    _Atomic int is; /* qc_rpc_absent */
    _Atomic int asked;
} absence;

static qc_rpc_absent ask_absent(void *arg, const char *name, char *why, size_t cap)
{
    absence *a = arg;
    if (strcmp(name, "x.later") != 0)
        return QC_RPC_NOBODYS;
    snprintf(why, cap, "x is away");
    a->asked++;
    return (qc_rpc_absent)a->is;
}

static void await_asked(absence *a, int n)
{
    while (a->asked < n)
        sched_yield();
}

static void test_absent__a_call_waits_for_what_comes(void **state)
{
    (void)state;
    rig k;
    answer a, b;
    absence x = {.is = QC_RPC_COMES};
    rig_open(&k, 1, 16);
    g_released = 0;
    qc_rpc_set_absent(k.registry, ask_absent, &x);
    expect_error(&k, "x.other", "[]", -32601, "Method not found");
    assert_true(post(&k, &a, "{\"method\":\"x.later\",\"params\":[7]}"));
    await_asked(&x, 1);
    qc_rpc_absent_changed(k.registry); /* still on the way */
    await_asked(&x, 2);
    assert_int_equal(
        qc_rpc_register_dynamic(k.registry, "plugin", "x.later", "", do_raw, NULL, on_release),
        QC_OK);
    qc_rpc_absent_changed(k.registry);
    expect_answer(&a, 200, "{\"result\":[7],\"error\":null}\n");
    expect_result(&k, "x.later", "[8]", "[8]");
    /* It does not come after all. */
    assert_int_equal(qc_rpc_unregister(k.registry, "x.later"), QC_OK);
    assert_true(post(&k, &b, "{\"method\":\"x.later\",\"id\":1}"));
    await_asked(&x, 3);
    x.is = QC_RPC_AWAY;
    qc_rpc_absent_changed(k.registry);
    expect_answer(
        &b, 404,
        "{\"result\":null,\"error\":{\"code\":-32601,\"message\":\"Method not found: x is "
        "away\"},\"id\":1}\n");
    qc_rpc_set_absent(k.registry, NULL, NULL);
    expect_error(&k, "x.later", "[]", -32601, "Method not found");
    rig_close(&k);
}

static void test_absent__a_call_is_served_as_soon_as_its_name_is_there(void **state)
{
    (void)state;
    rig k;
    answer a;
    absence x = {.is = QC_RPC_COMES};
    rig_open(&k, 1, 16);
    qc_rpc_set_absent(k.registry, ask_absent, &x);
    assert_true(post(&k, &a, "{\"method\":\"x.later\",\"params\":[7]}"));
    await_asked(&x, 1);
    assert_int_equal(
        qc_rpc_register_dynamic(k.registry, "plugin", "x.later", "", do_raw, NULL, on_release),
        QC_OK);
    expect_answer(&a, 200, "{\"result\":[7],\"error\":null}\n");
    rig_close(&k);
}

/* It leaves, and lets whoever has the name then serve the call. */
static void do_leave(qc_rpc_req *r, void *arg)
{
    assert_int_equal(qc_rpc_unregister(arg, "echo"), QC_OK);
    qc_rpc_again(r, arg);
}

static void leaves_echo(const char *call, int status, const char *reply)
{
    rig k;
    answer a;
    rig_open(&k, 1, 16);
    assert_int_equal(
        qc_rpc_register_in_front(k.registry, "plugin", "echo", "", do_leave, k.registry, NULL),
        QC_OK);
    assert_true(post(&k, &a, call));
    expect_answer(&a, status, reply);
    rig_close(&k);
}

/* The plugin that stood in front of it has gone, and the node's own checks its parameters. */
static void test_again__a_call_may_come_to_a_method_of_the_node(void **state)
{
    (void)state;
    leaves_echo("{\"method\":\"echo\",\"params\":[1,2]}", 200,
                "{\"result\":[1,2],\"error\":null}\n");
    leaves_echo(
        "{\"method\":\"echo\",\"params\":{\"any\":1}}", 500,
        "{\"result\":null,\"error\":{\"code\":-8,\"message\":\"Unknown named parameter any\"}}\n");
}

static void test_absent__a_shutdown_ends_the_wait(void **state)
{
    (void)state;
    rig k;
    answer a;
    absence x = {.is = QC_RPC_COMES};
    rig_open(&k, 1, 16);
    qc_rpc_set_absent(k.registry, ask_absent, &x);
    assert_true(post(&k, &a, "{\"method\":\"x.later\",\"id\":1}"));
    await_asked(&x, 1);
    qc_rpc_engine_interrupt(k.engine);
    expect_answer(&a, 500,
                  "{\"result\":null,\"error\":{\"code\":-1,\"message\":\"Shutting "
                  "down\"},\"id\":1}\n");
    rig_close(&k);
}

static void test_help__lists_by_category_and_hides(void **state)
{
    (void)state;
    rig k;
    rig_open(&k, 1, 16);
    char *help = qc_rpc_help(k.registry, NULL);
    assert_string_equal(help, "== Blockchain ==\ntyped \"blockhash\" ( verbosity amount )\n\n"
                              "== Control ==\necho ( \"arg0\" \"arg1\" \"arg2\" )\n"
                              "named \"first\" ( options )");
    qc_free(help);
    help = qc_rpc_help(k.registry, "nope");
    assert_string_equal(help, "help: unknown command: nope");
    qc_free(help);
    rig_close(&k);
}

QC_TEST_MAIN(cmocka_unit_test(test_submit__version_1_has_both_members_and_statuses),
             cmocka_unit_test(test_submit__version_2_has_one_member_and_status_200),
             cmocka_unit_test(test_submit__malformed_requests_say_what_is_wrong),
             cmocka_unit_test(test_submit__batches),
             cmocka_unit_test(test_submit__of_a_batch_each_call_has_its_own_doubled_keys),
             cmocka_unit_test(test_submit__warm_up_comes_before_everything),
             cmocka_unit_test(test_params__names_become_positions),
             cmocka_unit_test(test_params__count_and_types_are_checked),
             cmocka_unit_test(test_parse_amount__takes_what_core_takes),
             cmocka_unit_test(test_park__wakes_and_holds_no_thread),
             cmocka_unit_test(test_park__ends_at_its_deadline),
             cmocka_unit_test(test_park__shutdown_ends_it),
             cmocka_unit_test(test_park__each_request_is_answered_once_under_a_storm_of_wakes),
             cmocka_unit_test(test_submit__refuses_when_the_queue_is_full),
             cmocka_unit_test(test_access__whitelists_forbid_single_calls_and_whole_batches),
             cmocka_unit_test(test_register__methods_come_and_go),
             cmocka_unit_test(test_register_in_front__stands_in_for_a_static_method),
             cmocka_unit_test(test_absent__a_call_waits_for_what_comes),
             cmocka_unit_test(test_absent__a_shutdown_ends_the_wait),
             cmocka_unit_test(test_absent__a_call_is_served_as_soon_as_its_name_is_there),
             cmocka_unit_test(test_again__a_call_may_come_to_a_method_of_the_node),
             cmocka_unit_test(test_help__lists_by_category_and_hides))
