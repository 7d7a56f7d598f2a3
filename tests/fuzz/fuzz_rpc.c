/* Bodies of JSON-RPC requests. Whatever comes: one answer, a known status, and a reply that is one
 * JSON value on one line (or nothing, where nothing is to be said). */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"
#include "core/rpc/engine.h"

typedef struct answer {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool have;
    int status;
    qc_bytes reply;
} answer;

/* Every kind of typed access, each on its own position. */
static void do_all(qc_rpc_req *r, void *arg)
{
    (void)arg;
    bool b;
    int32_t i32;
    uint32_t u32;
    int64_t i64, amount;
    double d;
    const char *s;
    qc_hash h;
    qc_bytes hex = QC_BYTES_INIT;
    bool ok = qc_rpc_bool(r, 0, &b) && qc_rpc_i32(r, 1, &i32) && qc_rpc_u32(r, 2, &u32) &&
              qc_rpc_i64(r, 3, &i64) && qc_rpc_double(r, 4, &d) && qc_rpc_str(r, 5, &s) &&
              qc_rpc_hash(r, 6, "hash", &h) && qc_rpc_amount(r, 7, &amount) &&
              qc_rpc_verbosity(r, 8, true, &i32) && qc_rpc_hex(r, 9, "hex", &hex);
    if (ok)
        qc_jw_bool(qc_rpc_out(r), ok);
    qc_bytes_free(&hex);
}

static void do_echo(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    qc_jw_json(w, qc_rpc_raw_params(r));
    for (size_t i = 0; i < qc_rpc_n(r); i++)
        qc_jw_json(w, qc_rpc_arg(r, i));
    qc_jw_arr_end(w);
}

static void resumed(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    (void)arg;
    qc_jw_int(qc_rpc_out(r), why);
}

static void do_park(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_rpc_park(r, 0, resumed, NULL);
}

#define ANY(name)                                                                                  \
    {                                                                                              \
        name, .type = QC_T_STR, .skip_type_check = true                                            \
    }
static const qc_rpc_param NAMED[] = {
    {"speed|pace", .type = QC_T_NUM}, {"c", .type = QC_T_STR}, {.names = NULL}};
static const qc_rpc_param ALL_PARAMS[] = {ANY("a"), ANY("b|bb"), ANY("c"),       ANY("d"),
                                          ANY("e"), ANY("f"),    ANY("g"),       ANY("h"),
                                          ANY("i"), ANY("j"),    {.names = NULL}};
static const qc_rpc_param TYPED[] = {{"x", QC_T_NUM, .required = true},
                                     {"y", .type = QC_T_ARR},
                                     {"o", QC_T_OBJ_NAMED, .inner = NAMED},
                                     {"z", .type = QC_T_BOOL},
                                     {.names = NULL}};
static const qc_rpc_method METHODS[] = {{"c", "all", "All.", ALL_PARAMS, .fn = do_all},
                                        {"c", "echo", "Echo.", TYPED, .fn = do_echo},
                                        {"c", "raw", "Raw.", .fn = do_echo, .raw_params = true},
                                        {"c", "park", "Park.", .fn = do_park},
                                        {.name = NULL}};

static void on_done(void *arg, int status, qc_bytes reply)
{
    answer *a = arg;
    pthread_mutex_lock(&a->lock);
    a->status = status;
    a->reply = reply;
    a->have = true;
    pthread_cond_signal(&a->done);
    pthread_mutex_unlock(&a->lock);
}

static void judge(const answer *a)
{
    static const int KNOWN[] = {200, 204, 400, 404, 500};
    bool known = false;
    for (size_t i = 0; i < QC_COUNTOF(KNOWN); i++)
        known |= a->status == KNOWN[i];
    QC_ASSERT(known);
    QC_ASSERT((a->status == 204) == (a->reply.len == 0));
    if (a->reply.len == 0)
        return;
    QC_ASSERT(a->reply.data[a->reply.len - 1] == '\n');
    json_t *v = json_loadb((const char *)a->reply.data, a->reply.len, JSON_ALLOW_NUL, NULL);
    QC_ASSERT(v != NULL);
    json_decref(v);
    QC_ASSERT(memchr(a->reply.data, '\n', a->reply.len) == a->reply.data + a->reply.len - 1);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    static qc_rpc_engine *engine; /* its thread serves all inputs */
    if (!engine) {
        qc_rpc_registry *g = qc_rpc_registry_new();
        qc_rpc_register_all(g, METHODS, NULL);
        QC_ASSERT(qc_rpc_engine_new(&engine, g, 1, 4) == QC_OK);
        qc_rpc_engine_warmup(engine, NULL);
    }
    answer a = {.have = false};
    pthread_mutex_init(&a.lock, NULL);
    pthread_cond_init(&a.done, NULL);
    char *body = qc_alloc(len + 1); /* an allocation of its own, so that overreads show */
    memcpy(body, data, len);
    qc_rpc_call c = {body, len, "user", "peer", NULL, on_done, &a};
    QC_ASSERT(qc_rpc_engine_submit(engine, &c));
    pthread_mutex_lock(&a.lock);
    while (!a.have)
        pthread_cond_wait(&a.done, &a.lock);
    pthread_mutex_unlock(&a.lock);
    judge(&a);
    qc_rpc_engine_drain(engine);
    qc_bytes_free(&a.reply);
    qc_free(body);
    pthread_cond_destroy(&a.done);
    pthread_mutex_destroy(&a.lock);
    return 0;
}
