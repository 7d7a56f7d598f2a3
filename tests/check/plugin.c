/* One plugin in many shapes, for tests of `quoin-plugin check`. GOOD keeps every rule; each other
 * shape breaks one, in the place that its name says. Built with -DSHAPE_<name>. */
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#include <pthread.h>
#include <unistd.h>

#define ID "org.quoin.test.check"

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"1.0.0\","
                   "\"requires\":[\"chain.follow/1\",\"store.own/1\"],"
                   "\"optional\":[\"rpc.serve/1\",\"chain.read/1\"],"
                   "\"resources\":{\"memory_mb\":64},"
                   "\"config\":[{\"name\":\"batch\",\"type\":\"int\",\"min\":1,\"max\":50,"
                   "\"default\":5}]}");

#if defined(SHAPE_SYMBOL)
QN_EXPORT int a_symbol_more(void);
QN_EXPORT int a_symbol_more(void)
{
    return 1;
}
#endif

#if defined(SHAPE_THREAD_AT_LOAD)
static void *sleep_on(void *arg)
{
    pause();
    return arg;
}
#endif

__attribute__((constructor)) static void at_load(void)
{
#if defined(SHAPE_PRINT_AT_LOAD)
    printf("hello\n");
#elif defined(SHAPE_FILE_AT_LOAD)
    FILE *f = fopen("a-file", "w");
    if (f)
        fclose(f);
#elif defined(SHAPE_OPEN_AT_LOAD)
    static int fd[2];
    if (pipe(fd))
        abort();
#elif defined(SHAPE_THREAD_AT_LOAD)
    pthread_t t;
    if (pthread_create(&t, NULL, sleep_on, NULL) == 0)
        pthread_detach(t);
#elif defined(SHAPE_SLOW_AT_LOAD)
    usleep(130000);
#elif defined(SHAPE_CRASH_AT_LOAD)
    abort();
#endif
}

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap, *store_cap, *rpc_cap;
    const qn_store_own_1 *store;
    const qn_rpc_serve_1 *rpc;
    qn_follower f;
    qn_batch batch;
    uint32_t limit;
    uint64_t coins; /* a running sum, which must be undone exactly */
    void *hoard;
    unsigned ticks;
} state;

static void row_key(uint8_t key[5], uint32_t height)
{
    key[0] = 'h';
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(height >> (24 - 8 * i));
}

static qn_status on_connect(void *arg, const qn_follow_event *ev, const qn_block_view *v)
{
    state *s = arg;
    uint8_t key[5];
    row_key(key, ev->ref.height);
    qn_batch_put(&s->batch, key, sizeof key, v->hash, 32);
    s->coins += v->out.count;
    s->f.want_commit = s->batch.n >= s->limit;
#if defined(SHAPE_WINDOW)
    s->f.want_commit = 0;
#endif
#if defined(SHAPE_CHATTY)
    for (int i = 0; i < 10; i++)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "block %u, and again %d", ev->ref.height, i);
#endif
#if defined(SHAPE_MEMORY)
    if (ev->ref.height == 40 && !s->hoard && !(s->hoard = malloc((size_t)200 << 20)))
        return QN_E_NOMEM;
#endif
    return QN_OK;
}

static qn_status on_disconnect(void *arg, const qn_follow_event *ev, const qn_block_view *v)
{
    state *s = arg;
    uint8_t key[5];
    row_key(key, ev->ref.height);
    qn_batch_delete(&s->batch, key, sizeof key);
#if !defined(SHAPE_HISTORY)
    s->coins -= v->out.count;
#endif
    return QN_OK;
}

static qn_status on_gap(void *arg, const qn_follow_event *ev)
{
    (void)arg;
    (void)ev;
#if defined(SHAPE_GAP)
    abort();
#endif
    return QN_E_PRUNED;
}

static qn_status commit(void *arg, const qn_block_ref *at)
{
    state *s = arg;
    qn_status st;
#if defined(SHAPE_WINDOW)
    if (s->f.seq - s->f.acked < 2 && s->f.lag > 0)
        return QN_E_INTERNAL; /* takes a window of two or more for granted */
#endif
#if defined(SHAPE_TORN)
    /* The position goes first, in a batch of its own. */
    qn_batch tip = {0};
    qn_batch_put(&tip, "tip", 3, at, sizeof *at);
    st = qn_batch_write(&tip, s->store, s->store_cap, QN_STORE_SYNC);
    qn_batch_free(&tip);
    if (st != QN_OK)
        return st;
#else
    qn_batch_put(&s->batch, "tip", 3, at, sizeof *at);
#endif
    qn_batch_put(&s->batch, "coins", 5, &s->coins, sizeof s->coins);
    st = qn_batch_write(&s->batch, s->store, s->store_cap, QN_STORE_SYNC);
#if defined(SHAPE_CARELESS)
    if (st != QN_OK && st != QN_E_FULL) {
        qn_batch_clear(&s->batch);
        st = QN_OK;
    }
#elif defined(SHAPE_QUOTA)
    if (st == QN_E_FULL)
        abort();
#endif
    return st;
}

static qn_status position(state *s, qn_block_ref *tip)
{
    uint32_t n;
    qn_status st = s->store->get(s->store_cap, 0, "tip", 3, tip, sizeof *tip, &n);
    if (st == QN_OK)
        st = s->store->get(s->store_cap, 0, "coins", 5, &s->coins, sizeof s->coins, &n);
#if defined(SHAPE_STATIC)
    /* In a new process it begins at genesis, with the sum that it had. */
    static int lived;
    if (!lived)
        tip->height = UINT32_MAX;
    lived = 1;
#endif
    return st;
}

static qn_status follow(state *s)
{
    qn_block_ref tip;
    qn_status st = position(s, &tip);
    if (st == QN_OK)
        st = qn_follow_start(&s->f, NULL, &tip.hash, tip.height == UINT32_MAX ? 0 : 1);
#if defined(SHAPE_MIDWAY)
    if (st == QN_E_UNKNOWN_TIP)
        abort();
#endif
    if (st != QN_E_NOTFOUND && st != QN_E_UNKNOWN_TIP)
        return st;
    s->coins = 0;
    if ((st = s->store->wipe(s->store_cap)) != QN_OK)
        return st;
    return qn_follow_start(&s->f, NULL, NULL, 0);
}

#if defined(SHAPE_CLOCK)
/* Says something four times a second: that differs from run to run, and is nothing wrong. */
static void tick(void *arg)
{
    state *s = arg;
    uint64_t timer;
    qn_logf(s->host, s->cap, QN_LOG_INFO, "tick %u", s->ticks++);
    (void)s->host->timer_set(s->cap, 250, tick, s, &timer);
}
#endif

static void rpc_status(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    (void)len;
#if defined(SHAPE_RPC_CRASH)
    if (strcmp(params, "[null]") == 0)
        abort();
#elif defined(SHAPE_RPC_FAIL)
    if (strcmp(params, "[true]") == 0)
        s->host->fail(s->cap, QN_E_INVAL, "a caller's mistake", 18);
#endif
    (void)params;
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "coins", (int64_t)s->coins);
#if defined(SHAPE_PARITY_ANSWER)
    /* In a process of its own there is no environment. */
    qn_json_int(&j, "confined", !getenv("PATH"));
#endif
#if !defined(SHAPE_RPC_JSON)
    qn_json_close(&j, '}');
#endif
    (void)s->rpc->reply(s->rpc_cap, r->request, j.data, j.len);
    qn_json_free(&j);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *t;
    qn_status st;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    s->limit = (uint32_t)qn_config_u64(config, "batch", 5);
    if ((st = host->get(cap, QN_CHAIN_FOLLOW_1_ID, 1, &t, &s->f.cap)) != QN_OK)
        goto fail;
    s->f.table = t;
    if ((st = host->get(cap, QN_STORE_OWN_1_ID, 1, &t, &s->store_cap)) == QN_OK)
        s->store = t;
#if defined(SHAPE_REQUIRED)
    else if (st != QN_E_OLDHOST)
        goto fail;
#else
    else
        goto fail;
#endif
    st = host->get(cap, QN_RPC_SERVE_1_ID, 1, &t, &s->rpc_cap);
    if (st == QN_OK)
        s->rpc = t;
#if defined(SHAPE_OPTIONAL)
    if (st == QN_E_DENIED)
        goto fail;
#endif
    *self = s;
    return QN_OK;
fail:
    free(s);
    return st;
}

#if defined(SHAPE_WRONG_THREAD)
static void *from_elsewhere(void *arg)
{
    state *s = arg;
    uint8_t v[8];
    uint32_t n;
    (void)s->store->get(s->store_cap, 0, "x", 1, v, sizeof v, &n);
    return NULL;
}
#endif

static qn_status start(void *self)
{
    state *s = self;
#if defined(SHAPE_REQUIRED)
    if (!s->store)
        return QN_OK;
#endif
#if defined(SHAPE_WRONG_THREAD)
    pthread_t t;
    if (pthread_create(&t, NULL, from_elsewhere, s) == 0)
        pthread_join(t, NULL);
#endif
#if defined(SHAPE_OPTIONAL_CRASH)
    (void)s->rpc->add(s->rpc_cap, NULL, "check.status", "", "", rpc_status, s);
#else
    if (s->rpc)
        (void)s->rpc->add(s->rpc_cap, NULL, "check.status", "some thing", "check.status\nIts sum.",
                          rpc_status, s);
#endif
#if defined(SHAPE_PARITY_LOG)
    /* Files can be opened in the node only. */
    FILE *own = fopen("/proc/self/status", "r");
    qn_logf(s->host, s->cap, QN_LOG_INFO, "status %s", own ? "read" : "not read");
    if (own)
        fclose(own);
#endif
    s->f.host = s->host;
    s->f.host_cap = s->cap;
#if defined(SHAPE_CLOCK)
    s->host->post(s->cap, tick, s);
#endif
    s->f.on = (qn_follow_handlers){on_connect, on_disconnect, on_gap, commit, s};
    return follow(s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
#if defined(SHAPE_STOP_HANG)
    while (s->f.lag > 20)
        usleep(1000);
#elif defined(SHAPE_STOP_CRASH)
    if (s->f.follow && s->f.posted && s->f.at.height == UINT32_MAX)
        abort();
#endif
    qn_follow_end(&s->f);
    return QN_OK;
}

static void fini(void *self)
{
    state *s = self;
    qn_batch_free(&s->batch);
    free(s->hoard);
#if !defined(SHAPE_LEAK)
    free(s);
#endif
#if defined(SHAPE_LEAK_FD)
    (void)!dup(0);
#endif
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = ID,
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = fini};
