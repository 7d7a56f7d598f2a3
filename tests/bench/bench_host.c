/* What the host adds: the cost of a table call, blocks delivered to a follower that does nothing
 * with them, and coins looked up and walked over. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/chain/coins.h"
#include "core/host/internal.h"
#include "core/os/file.h"
#include "quoin/chain_follow.h"
#include "quoin/chain_read.h"
#include "quoin/coins_read.h"
#include "tests/bench/bench.h"
#include "tests/bench/chaingen.h"

#include <stdio.h>
#include <stdlib.h>

#define CALLS 1000u

typedef struct rig {
    char dir[64];
    qc_chain *chain;
    qc_host *host;
    qc_plugin *plugin; /* only what the adapters look at */
    qn_cap read, follow, coins;
    uint64_t bytes, blocks, inputs;
    bool spent, cold;
} rig;

/* ---- the chain ---- */

static void take_block(void *arg, qc_span framed)
{
    rig *r = arg;
    qc_block *b;
    bool is_new;
    qc_verdict v;
    if (qc_block_parse(qc_span_of(framed.data + 8, framed.len - 8), &b))
        abort();
    qc_err err = qc_chain_process_block(r->chain, b, true, true, &is_new, &v);
    if (err || !is_new)
        abort();
    r->bytes += framed.len - 8;
    r->blocks++;
    qc_block_unref(b);
}

static void open_rig(rig *r, cg_chain *g, unsigned mixed)
{
    char detail[256] = "", *dir;
    snprintf(r->dir, sizeof r->dir, "/tmp/quoin-bench-XXXXXX");
    if (!mkdtemp(r->dir))
        abort();
    dir = qc_asprintf("%s/regtest", r->dir);
    const qc_chain_options o = {.params = cg_params(g),
                                .dir = dir,
                                .dbcache = (size_t)450 << 20,
                                .par = 1,
                                .prefetch_threads = 1,
                                .max_tip_age = INT64_C(10000000000),
                                .sigcache_bytes = (size_t)1 << 20};
    if (qc_os_mkdirs(dir) || qc_chain_open(&r->chain, &o, NULL, detail, sizeof detail)) {
        fprintf(stderr, "%s\n", detail);
        abort();
    }
    const qc_host_options h = {.chain = r->chain,
                               .network = "regtest",
                               .plugin_dir = r->dir,
                               .grant_dir = r->dir,
                               .data_dir = r->dir};
    r->host = qc_host_new(&h);
    if (qc_chain_activate(r->chain))
        abort();
    r->inputs = cg_write(g, mixed, take_block, r);
    if (qc_chain_sync(r->chain))
        abort();
    qc_free(dir);
}

static void open_caps(rig *r)
{
    const char *why;
    r->plugin = qc_alloc(sizeof *r->plugin);
    r->plugin->host = r->host;
    r->plugin->label = qc_strdup("bench");
    if (qc_loop_new(&r->plugin->loop))
        abort();
    qc_plugin_here = r->plugin;
    r->read = (qn_cap){.adapter = &QC_ADAPTER_CHAIN_READ, .plugin = r->plugin};
    r->follow = (qn_cap){.adapter = &QC_ADAPTER_CHAIN_FOLLOW, .plugin = r->plugin};
    r->coins = (qn_cap){.adapter = &QC_ADAPTER_COINS_READ, .plugin = r->plugin};
    if (r->read.adapter->open(&r->read, &why) || r->follow.adapter->open(&r->follow, &why) ||
        r->coins.adapter->open(&r->coins, &why))
        abort();
}

static void close_rig(rig *r)
{
    r->follow.adapter->quiesce(&r->follow);
    r->follow.adapter->close(&r->follow);
    r->read.adapter->close(&r->read);
    r->coins.adapter->close(&r->coins);
    qc_loop_free(r->plugin->loop);
    qc_free(r->plugin->label);
    qc_free(r->plugin);
    qc_host_stop(r->host);
    qc_chain_close(r->chain);
    qc_host_free(r->host);
    if (qc_os_remove_tree(r->dir))
        fprintf(stderr, "%s is left behind\n", r->dir);
}

/* ---- what is measured ---- */

static void on_ready(void *arg, uint64_t follow)
{
    (void)arg;
    (void)follow;
}

static void call_ack(void *arg)
{
    rig *r = arg;
    const qn_chain_follow_1 *t = r->follow.adapter->table;
    for (unsigned i = 0; i < CALLS; i++)
        QC_BENCH_KEEP(t->ack(&r->follow, 1, 0));
}

static void call_find_fork(void *arg)
{
    rig *r = arg;
    const qn_chain_read_1 *t = r->read.adapter->table;
    qn_block_ref fork;
    for (unsigned i = 0; i < CALLS; i++)
        QC_BENCH_KEEP(t->find_fork(&r->read, NULL, 0, &fork));
}

static void call_info(void *arg)
{
    rig *r = arg;
    const qn_chain_read_1 *t = r->read.adapter->table;
    qn_chain_info info;
    for (unsigned i = 0; i < CALLS; i++) {
        info.size = sizeof info;
        QC_BENCH_KEEP(t->info(&r->read, &info));
    }
}

static void call_now(void *arg)
{
    rig *r = arg;
    for (unsigned i = 0; i < CALLS; i++)
        QC_BENCH_KEEP(QC_HOST_TABLE.now_ms(&r->plugin->host_cap));
}

/* From genesis to the tip, every block read from its file, parsed, and handed over. */
static void deliver(void *arg)
{
    rig *r = arg;
    const qn_chain_follow_1 *t = r->follow.adapter->table;
    const qn_follow_options o = {.size = sizeof o,
                                 .set = QN_SET_FOLLOW_OPTIONS_FLAGS,
                                 .flags = r->spent ? QN_FOLLOW_SPENT : 0};
    const qn_follow_event *ev;
    const qn_block_view *view;
    qn_block_ref start;
    uint64_t id, n = 0;
    qn_status st;
    qc_blocks_free(r->host->blocks); /* nothing is left from the last round */
    r->host->blocks = qc_blocks_new(r->chain, (size_t)64 << 20);
    if (t->open(&r->follow, &o, NULL, 0, on_ready, NULL, &id, &start) != QN_OK)
        abort();
    while ((st = t->next(&r->follow, id, &ev, &view)) == QN_OK) {
        n += view->raw.len;
        if (t->ack(&r->follow, id, ev->seq) != QN_OK)
            abort();
    }
    if (st != QN_E_AGAIN || n < r->bytes || t->close(&r->follow, id) != QN_OK)
        abort();
}

static void bench_calls(qc_bench *b, rig *r)
{
    const qn_chain_follow_1 *t = r->follow.adapter->table;
    qn_block_ref start;
    uint64_t id;
    if (t->open(&r->follow, NULL, NULL, 0, on_ready, NULL, &id, &start) != QN_OK || id != 1)
        abort();
    qc_bench_run(b, "trusted table call: chain.follow ack", call_ack, r, CALLS);
    qc_bench_run(b, "trusted table call: chain.read find_fork", call_find_fork, r, CALLS);
    qc_bench_run(b, "trusted table call: host now_ms", call_now, r, CALLS);
    qc_bench_run(b, "trusted table call: chain.read info", call_info, r, CALLS);
    if (t->close(&r->follow, id) != QN_OK)
        abort();
}

/* ---- coins ---- */

#define ROWS 4096u

typedef struct coins_rig {
    rig *r;
    qn_coin_row row[ROWS];
    uint8_t script[ROWS * 64];
    qn_mempool_outpoint some[CALLS];
    qn_coin coin[CALLS];
    uint32_t n, some_n;
    uint64_t scan;
} coins_rig;

/* Of the walk that is open, up to `most`; they begin at row[0] of each answer. */
static uint64_t walk_some(coins_rig *c, uint64_t most)
{
    const qn_coins_read_1 *t = c->r->coins.adapter->table;
    uint64_t n = 0;
    uint32_t bytes = 0;
    qn_status st = QN_OK;
    while (n < most && (st = t->scan_next(&c->r->coins, c->scan, c->row, ROWS, &c->n, c->script,
                                          sizeof c->script, &bytes)) == QN_OK)
        n += c->n;
    if (st != QN_OK && st != QN_E_END)
        abort();
    return n;
}

static void open_walk(coins_rig *c)
{
    const qn_coins_read_1 *t = c->r->coins.adapter->table;
    /* As another plugin: the rate is not what is measured. */
    const char *why;
    c->r->coins.adapter->close(&c->r->coins);
    if (c->r->coins.adapter->open(&c->r->coins, &why) ||
        t->scan_open(&c->r->coins, NULL, &c->scan, NULL) != QN_OK)
        abort();
}

static void walk_all(void *arg)
{
    coins_rig *c = arg;
    open_walk(c);
    (void)walk_some(c, UINT64_MAX);
}

static void look_up(void *arg)
{
    coins_rig *c = arg;
    const qn_coins_read_1 *t = c->r->coins.adapter->table;
    uint32_t bytes = 0;
    c->r->coins.act_at = 0; /* nor is that what is asked for too much */
    c->r->coins.act_tokens = 50;
    if (t->coins(&c->r->coins, c->some, c->some_n, c->coin, c->script, sizeof c->script, &bytes,
                 NULL) != QN_OK ||
        c->coin[0].status != QN_OK)
        abort();
}

static void per_second(qc_bench *b)
{
    if (qc_bench_last_ns(b) > 0)
        qc_bench_note(b, "  that is", 1e9 / qc_bench_last_ns(b), "a second");
}

static void bench_coins(qc_bench *b, rig *r)
{
    coins_rig *c = qc_alloc(sizeof *c);
    c->r = r;
    open_walk(c);
    uint64_t all = walk_some(c, UINT64_MAX);
    open_walk(c);
    (void)walk_some(c, 1);
    c->some_n = c->n < CALLS ? c->n : CALLS;
    for (uint32_t i = 0; i < c->some_n; i++)
        c->some[i] = c->row[(uint64_t)i * 7919 % c->n].outpoint;
    qc_bench_run(b, "coins.read: walk over all coins, per coin", walk_all, c, all);
    per_second(b);
    qc_bench_run(b, "coins.read: look-up in memory, per coin", look_up, c, c->some_n);
    per_second(b);
    for (uint32_t i = 0; i < c->some_n; i++) {
        qc_outpoint o = {.n = c->some[i].n};
        memcpy(o.txid.b, c->some[i].txid.b, 32);
        qc_coins_uncache(qc_chain_coins(r->chain), &o);
    }
    qc_bench_run(b, "coins.read: look-up in the database, per coin", look_up, c, c->some_n);
    per_second(b);
    qc_free(c);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "host");
    rig r = {.bytes = 0};
    qc_pool *pool;
    if (qc_pool_new(&pool, 1, "bench"))
        abort();
    cg_chain *g = cg_new(1, pool);
    open_rig(&r, g, qc_bench_is_smoke(b) ? 1 : 8);
    open_caps(&r);
    bench_calls(b, &r);
    bench_coins(b, &r);
    for (int spent = 0; spent < 2; spent++) {
        r.spent = spent;
        qc_bench_run(
            b, spent ? "parse and deliver with spent coins, per MB" : "parse and deliver, per MB",
            deliver, &r, r.bytes / 1000000 ? r.bytes / 1000000 : 1);
        if (qc_bench_last_ns(b) > 0)
            qc_bench_note(b, "  that is", 1e9 / qc_bench_last_ns(b), "MB/s");
    }
    close_rig(&r);
    cg_free(g);
    qc_pool_free(pool);
    return qc_bench_end(b);
}
