/* Bytes as the calls of a runner: every generated stub, and those written by hand, over the real
 * adapters with a small chain behind. Whatever comes is answered, or called malformed; then all
 * that it opened or was lent is gone. An input is a row of calls: capability, method (128: as a
 * cast), length, payload. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/host/arena.h"
#include "core/host/book.h"
#include "core/host/internal.h"
#include "core/host/isolated.h"
#include "core/mempool/fees.h"
#include "core/methods/submit.h"
#include "core/mining/miner.h"
#include "core/os/file.h"
#include "tests/unit/builder.h"

#include <stdlib.h>
#include <unistd.h>

#define BASE 12u
#define TURNS 4 /* of the loop after each call */

static const struct {
    const qc_adapter *adapter;
    const char *params;
} CAPS[] = {{&QC_ADAPTER_CHAIN_READ, NULL},
            {&QC_ADAPTER_CHAIN_FOLLOW, "window=5, pin=1MB"},
            {&QC_ADAPTER_BLOCK_READ, "window=6"},
            {&QC_ADAPTER_RPC_SERVE, "prefix=good., names=other"},
            {&QC_ADAPTER_MEMPOOL_READ, NULL},
            {&QC_ADAPTER_MEMPOOL_FOLLOW_UNSTABLE, "window=5"},
            {&QC_ADAPTER_TX_SUBMIT, "rate=1000000, max_fee=1000"},
            {&QC_ADAPTER_FEES_ESTIMATE, NULL},
            {&QC_ADAPTER_MINING_TEMPLATE_UNSTABLE, "templates=3, prioritise=yes"},
            {&QC_ADAPTER_MINING_SUBMIT, NULL},
            {&QC_ADAPTER_MINING_CHECK, NULL}};

static qc_chain *g_chain;
static tb_chain *g_builder;
static qc_host *g_host;
static qc_node g_node; /* with a pool and nothing else */
static qc_rpc_registry *g_registry;
static char g_dir[] = "/tmp/quoin-fuzz-XXXXXX";

static void no_log(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)line;
    (void)len;
}

static void end(void)
{
    qc_arena_free(g_host->arena);
    g_host->arena = NULL;
    QC_ASSERT(qc_host_stop(g_host));
    qc_chain_close(g_chain);
    qc_miner_free(g_node.miner);
    qc_mempool_free(g_node.pool);
    qc_fees_free(g_node.fees);
    qc_host_free(g_host);
    qc_rpc_registry_free(g_registry);
    tb_chain_free(g_builder);
    qc_err ignored = qc_os_remove_tree(g_dir);
    (void)ignored;
}

static void grow(void)
{
    for (uint32_t n = 0; n < BASE; n++) {
        tb_block *b = tb_chain_next(g_builder, 0);
        tb_block_finish(b, g_builder->params);
        qc_block *p = tb_block_parse(b);
        qc_verdict v;
        QC_ASSERT(!qc_chain_process_block(g_chain, p, true, true, NULL, &v) && qc_verdict_ok(&v));
        qc_block_unref(p);
        tb_chain_push(g_builder, b);
        tb_block_free(b);
    }
    QC_ASSERT(!qc_chain_sync(g_chain));
}

static void start(void)
{
    char detail[256];
    qc_log_set_sink(no_log, NULL);
    QC_ASSERT(mkdtemp(g_dir));
    g_builder = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    const qc_chain_options o = {.params = g_builder->params,
                                .dir = g_dir,
                                .dbcache = (size_t)8 << 20,
                                .has_min_work = true,
                                .has_assume_valid = true};
    qc_err err = qc_chain_open(&g_chain, &o, NULL, detail, sizeof detail);
    QC_ASSERT(!err);
    g_registry = qc_rpc_registry_new();
    const qc_miner_options mo = {
        .chain = g_chain, .template = qc_template_defaults(), .first_id = 0};
    QC_ASSERT(!qc_miner_new(&g_node.miner, &mo));
    const qc_mempool_options m = qc_mempool_defaults(g_chain);
    static const uint64_t SALT[2] = {1, 2};
    QC_ASSERT(!qc_mempool_new(&g_node.pool, &m) && !qc_fees_new(&g_node.fees, SALT));
    qc_miner_use_mempool(g_node.miner, g_node.pool);
    const qc_chain_events submit = qc_m_submit_events(&g_node);
    qc_chain_listen(g_chain, &submit);
    g_node.chain = g_chain;
    g_node.params = g_builder->params;
    const qc_host_options h = {.chain = g_chain,
                               .registry = g_registry,
                               .node = &g_node,
                               .network = "regtest",
                               .plugin_dir = g_dir,
                               .grant_dir = g_dir,
                               .data_dir = g_dir};
    g_host = qc_host_new(&h);
    QC_ASSERT(!qc_chain_activate(g_chain));
    grow();
    /* Little, so that views of their own are needed too. */
    QC_ASSERT(!qc_arena_new((size_t)256 << 10, &g_host->arena));
    QC_ASSERT(atexit(end) == 0);
}

static void on_tick(void *arg)
{
    (void)arg;
}

/* A plugin without a process: what is sent to it goes nowhere. */
static qc_plugin *plugin(void)
{
    const char *why;
    qc_plugin *p = qc_plugin_new_found(g_host, "/nonexistent/fuzz.so");
    qc_isolated *iso = qc_alloc(sizeof *iso);
    qc_problems_clear(&p->problems);
    QC_ASSERT(!qc_loop_new(&p->loop));
    p->state = QC_PLUGIN_RUNNING;
    p->callable = true;
    p->host_cap.plugin = p;
    QC_ASSERT(!qc_timer_new(p->loop, on_tick, iso, &iso->timer));
    iso->plugin = p;
    iso->queue_end = &iso->queue;
    iso->child = (qc_child)QC_CHILD_INIT;
    iso->chan.fd = -1;
    iso->step = QC_ISO_RUNNING;
    p->iso = iso;
    qc_plugin_here = p;
    for (size_t i = 0; i < QC_COUNTOF(CAPS); i++) {
        qn_cap *cap = &p->cap[p->n_cap++];
        *cap = (qn_cap){.adapter = CAPS[i].adapter, .plugin = p, .params = CAPS[i].params};
        QC_ASSERT(!cap->adapter->open(cap, &why));
    }
    return p;
}

static void clear(qc_plugin *p)
{
    qc_isolated_violation(p->iso, "the end of the input");
    QC_ASSERT(p->iso->dead && p->n_cap == 0);
    (void)qc_loop_poll(p->loop);
    qc_isolated_let_go(p->iso);
    QC_ASSERT(qc_arena_lent(g_host->arena) == 0 && !g_host->n_followers);
    QC_ASSERT(!g_host->n_pool_followers);
    QC_ASSERT(qc_book_usage_of(g_host->book, p->label).held == 0);
    qc_plugin_free(p);
    qc_plugin_here = NULL;
}

/* As isolated.c serves it. False: malformed. */
static bool serve(qc_plugin *p, uint8_t number, uint8_t method, qc_span payload)
{
    qc_unpack in = qc_unpack_of(payload);
    qc_pack out = QC_PACK_INIT;
    qc_stub_call c = {.iso = p->iso,
                      .cap = number ? &p->cap[number - 1] : &p->host_cap,
                      .in = &in,
                      .out = &out,
                      .status = QN_E_INTERNAL,
                      .cast = (method & 128) != 0};
    bool ok = qc_stub_run(&c, method & 127);
    QC_ASSERT(c.n_fd <= QC_FRAME_FDS);
    for (uint32_t i = 0; i < c.n_fd; i++)
        close(c.fd[i]);
    qc_pack_clear(&out);
    return ok;
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fuzz_in in = {data, len};
    if (!g_chain)
        start();
    qc_plugin *p = plugin();
    bool ok = true;
    while (in.left && ok && !p->iso->dead) {
        uint8_t number = qc_fuzz_u8(&in) % (QC_COUNTOF(CAPS) + 1), method = qc_fuzz_u8(&in);
        uint8_t n[2];
        qc_fuzz_take(&in, n, sizeof n);
        size_t size = QC_MIN((size_t)(n[0] | n[1] << 8), in.left);
        /* A copy of exactly its length: a byte read past the end is seen. */
        uint8_t *copy = qc_alloc(size ? size : 1);
        qc_fuzz_take(&in, copy, size);
        ok = serve(p, number, method, qc_span_of(copy, size));
        qc_free(copy);
        for (int i = 0; i < TURNS && !p->iso->dead; i++)
            (void)qc_loop_poll(p->loop);
    }
    clear(p);
    return 0;
}
