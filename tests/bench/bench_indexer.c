/* How fast the indexer takes blocks, after the parse, into a RocksDB store opened as the host opens
 * it, and what they take on disk. A few blocks with the shape of mainnet block 866,342 are signed
 * once; every further round changes their ids and scripts, so that all keys differ as in reality.
 */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/kv/kv.h"
#include "core/os/file.h"
#include "quoin/block_read.h"
#include "quoin/chain_follow.h"
#include "quoin/chain_read.h"
#include "quoin/plugin.h"
#include "quoin/rpc_serve.h"
#include "quoin/store_own.h"
#include "tests/bench/bench.h"
#include "tests/bench/chaingen.h"
#include "tests/unit/coinmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define MODELS 4
#define CACHE_BYTES ((size_t)64 << 20) /* as core/host gives a plugin's store */
#define OPEN_FILES 256
#define WINDOW 16

typedef struct bench {
    qn_block_view *view[MODELS];
    unsigned n_views;
    uint32_t blocks, next, acked; /* heights: to deliver, next one, acknowledged */
    qn_follow_event event;
    qc_mono feeding; /* time spent on making up blocks */
    uint64_t puts;
    qc_kv *kv;
    qn_task_fn *task;
    void *task_arg;
    bool failed;
} bench;

static bench *of(qn_cap *cap)
{
    return (bench *)cap;
}

/* ---- the model blocks ---- */

static void attach(qc_block *b, coinmap *coins)
{
    qc_spent *spent = qc_alloc(qc_block_view(b)->in.count * sizeof *spent);
    uint32_t k = 0;
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        qc_tx tx = qc_block_tx(b, i);
        for (uint32_t o = 0; o < tx.rec->n_out; o++) {
            qc_outpoint at = {.n = o};
            memcpy(at.txid.b, tx.rec->txid, 32);
            qc_spent coin = {tx.out[o].value, qc_tx_script(&tx, o), 1, i == 0};
            coinmap_add(coins, &at, &coin);
        }
        for (uint32_t in = 0; in < tx.rec->n_in; in++, k++) {
            qc_outpoint at = qc_tx_prevout(&tx, in);
            const qc_spent *coin = i ? coinmap_get(coins, &at) : NULL;
            QC_ASSERT(i == 0 || coin);
            if (coin)
                spent[k] = *coin;
        }
    }
    QC_ASSERT(qc_block_attach_spent(b, spent) == QC_OK);
    qc_free(spent);
}

typedef struct sink_arg {
    bench *b;
    coinmap *coins;
} sink_arg;

static void take_block(void *arg, qc_span framed)
{
    sink_arg *s = arg;
    qc_block *block;
    QC_ASSERT(qc_block_parse(qc_span_of(framed.data + 8, framed.len - 8), &block) == QC_WIRE_OK);
    attach(block, s->coins);
    const qn_block_view *v = qc_block_view(block);
    if (v->in.count > 2000 && s->b->n_views < MODELS) {
        qn_block_view *copy = qc_alloc(v->total);
        memcpy(copy, v, v->total);
        s->b->view[s->b->n_views++] = copy;
    }
    qc_block_unref(block);
}

static void make_models(bench *b, unsigned n)
{
    qc_pool *pool;
    QC_ASSERT(qc_pool_new(&pool, qc_cpu_count() - 1, "sign") == QC_OK);
    cg_chain *g = cg_new(1, pool);
    sink_arg s = {b, coinmap_new()};
    (void)cg_write(g, n, take_block, &s);
    coinmap_free(s.coins);
    cg_free(g);
    qc_pool_free(pool);
    QC_ASSERT(b->n_views > 0);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

static void change(uint8_t *p, uint32_t len, uint64_t salt)
{
    uint64_t v;
    if (len < 12)
        return;
    memcpy(&v, p + 4, sizeof v);
    v = mix(v + salt);
    memcpy(p + 4, &v, sizeof v);
}

/* Other ids and scripts in the same block. What it spends changes with the salt of an earlier
 * round, so that scripts are paid once and spent once. */
static void renew(qn_block_view *v, uint64_t salt)
{
    uint8_t *raw = (uint8_t *)v + v->raw.off, *scripts = (uint8_t *)v + v->spent_scripts.off;
    for (uint32_t i = 0; i < v->tx.count; i++)
        change((uint8_t *)v + v->tx.off + (uint64_t)i * v->tx.stride, 32, salt);
    for (uint32_t i = 0; i < v->out.count; i++) {
        const qn_out_rec *o = qn_view_out(v, i);
        change(raw + o->script_off, o->script_len, salt);
    }
    for (uint32_t i = qn_view_tx(v, 0)->n_in; i < v->spent.count; i++) {
        const qn_spent_rec *s = qn_view_spent(v, i);
        change(scripts + s->script_off, s->script_len, salt);
    }
    change(v->hash, 32, salt);
}

/* ---- tables ---- */

static void host_log(qn_cap *cap, uint32_t level, const char *m, uint32_t len)
{
    (void)cap;
    if (level <= QN_LOG_WARN)
        fprintf(stderr, "%.*s\n", (int)len, m);
}
static void host_fail(qn_cap *cap, int32_t why, const char *m, uint32_t len)
{
    fprintf(stderr, "bench_indexer: the plugin gave up: %d %.*s\n", why, (int)len, m);
    of(cap)->failed = true;
}
static qn_status host_post(qn_cap *cap, qn_task_fn *task, void *arg)
{
    of(cap)->task = task;
    of(cap)->task_arg = arg;
    return QN_OK;
}
static qn_status no_timer(qn_cap *cap, uint32_t ms, qn_task_fn *task, void *arg, uint64_t *id)
{
    (void)cap, (void)ms, (void)task, (void)arg, (void)id;
    return QN_E_LIMIT;
}
static qn_status no_cancel(qn_cap *cap, uint64_t id)
{
    (void)cap, (void)id;
    return QN_E_NOTFOUND;
}
static void no_progress(qn_cap *cap, uint32_t permille, const char *what, uint32_t len)
{
    (void)cap, (void)permille, (void)what, (void)len;
}
static uint64_t host_now(qn_cap *cap)
{
    (void)cap;
    return (uint64_t)qc_clock_mono() / 1000000;
}
static int64_t host_time(qn_cap *cap)
{
    (void)cap;
    return 0;
}
static qn_status no_random(qn_cap *cap, void *buffer, uint32_t len)
{
    (void)cap, (void)buffer, (void)len;
    return QN_E_UNSUPPORTED;
}

static qn_status chain_params(qn_cap *cap, qn_chain_params *p)
{
    (void)cap;
    snprintf(p->name, sizeof p->name, "regtest");
    return QN_OK;
}
static qn_status chain_locator(qn_cap *cap, const qn_hash *from, qn_hash *hashes, uint32_t max,
                               uint32_t *n)
{
    (void)cap, (void)max;
    hashes[0] = *from;
    *n = 1;
    return QN_OK;
}

static qn_status follow_open(qn_cap *cap, const qn_follow_options *o, const qn_hash *locator,
                             uint32_t n, qn_follow_ready_fn *ready, void *arg, uint64_t *follow,
                             qn_block_ref *start)
{
    (void)cap, (void)o, (void)locator, (void)n, (void)ready, (void)arg;
    *follow = 1;
    *start = (qn_block_ref){.height = UINT32_MAX};
    return QN_OK;
}
static qn_status follow_next(qn_cap *cap, uint64_t follow, const qn_follow_event **event,
                             const qn_block_view **view)
{
    bench *b = of(cap);
    (void)follow;
    if (b->next == b->blocks)
        return QN_E_AGAIN;
    if (b->next - b->acked >= WINDOW)
        return QN_E_LIMIT;
    qc_mono t = qc_clock_mono();
    qn_block_view *v = b->view[b->next % b->n_views];
    renew(v, b->next);
    b->event.size = sizeof b->event;
    b->event.type = QN_EV_CONNECT;
    b->event.prev = b->event.ref;
    memcpy(b->event.ref.hash.b, v->hash, 32);
    b->event.ref.height = b->next++;
    b->event.seq = b->next;
    b->event.flags = b->next == b->blocks ? QN_EVF_TIP : 0;
    b->feeding += qc_clock_mono() - t;
    *event = &b->event;
    *view = v;
    return QN_OK;
}
static qn_status follow_ack(qn_cap *cap, uint64_t follow, uint64_t seq)
{
    (void)follow;
    of(cap)->acked = (uint32_t)seq;
    return QN_OK;
}
static qn_status follow_close(qn_cap *cap, uint64_t follow)
{
    (void)cap, (void)follow;
    return QN_OK;
}

static qn_status store_get(qn_cap *cap, uint64_t snapshot, const void *key, uint32_t key_len,
                           void *value, uint32_t max, uint32_t *n)
{
    (void)cap, (void)snapshot, (void)key, (void)key_len, (void)value, (void)max, (void)n;
    return QN_E_NOTFOUND; /* the bench always begins with an empty store */
}
static qn_status store_write(qn_cap *cap, const void *batch, uint64_t len, uint32_t flags)
{
    bench *b = of(cap);
    const uint8_t *p = batch, *end = p + len;
    qc_kv_batch *kb = qc_kv_batch_new(b->kv);
    while (p < end) {
        qn_store_op op;
        memcpy(&op, p, sizeof op);
        p += sizeof op;
        qc_kv_batch_put(kb, qc_span_of(p, op.key_len), qc_span_of(p + op.key_len, op.value_len));
        p += op.key_len + op.value_len;
        b->puts++;
    }
    qc_err err = qc_kv_write(b->kv, kb, flags & QN_STORE_SYNC);
    qc_kv_batch_free(kb);
    return err ? QN_E_IO : QN_OK;
}
static qn_status store_info(qn_cap *cap, qn_store_info *info)
{
    (void)cap, (void)info;
    return QN_OK;
}

static const qn_chain_read_1 CHAIN = {
    .h = {sizeof CHAIN, 1}, .params = chain_params, .locator = chain_locator};
static const qn_chain_follow_1 FOLLOW = {.h = {sizeof FOLLOW, 1},
                                         .open = follow_open,
                                         .next = follow_next,
                                         .ack = follow_ack,
                                         .close = follow_close};
static const qn_block_read_1 BLOCKS = {.h = {sizeof BLOCKS, 1}};
static const qn_store_own_1 STORE = {
    .h = {sizeof STORE, 1}, .get = store_get, .write = store_write, .info = store_info};

static qn_status host_get(qn_cap *cap, const char *id, uint32_t min, const void **table,
                          qn_cap **handle)
{
    (void)min;
    *table = !strcmp(id, QN_CHAIN_READ_1_ID)     ? (const void *)&CHAIN
             : !strcmp(id, QN_CHAIN_FOLLOW_1_ID) ? (const void *)&FOLLOW
             : !strcmp(id, QN_BLOCK_READ_1_ID)   ? (const void *)&BLOCKS
             : !strcmp(id, QN_STORE_OWN_1_ID)    ? (const void *)&STORE
                                                 : NULL;
    *handle = cap;
    return *table ? QN_OK : QN_E_DENIED; /* no RPC */
}

static const qn_host_1 HOST = {.h = {sizeof HOST, 1},
                               .get = host_get,
                               .log = host_log,
                               .fail = host_fail,
                               .post = host_post,
                               .timer_set = no_timer,
                               .timer_cancel = no_cancel,
                               .progress = no_progress,
                               .now_ms = host_now,
                               .time = host_time,
                               .random = no_random};

/* ---- the measurement ---- */

static uint64_t bytes_on_disk(const char *dir)
{
    qc_os_list list;
    uint64_t sum = 0;
    QC_ASSERT(qc_os_list_dir(dir, &list) == QC_OK);
    for (size_t i = 0; i < list.n; i++) {
        struct stat st;
        char *path = qc_asprintf("%s/%s", dir, list.name[i]);
        if (!stat(path, &st) && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_size;
        qc_free(path);
    }
    qc_os_list_free(&list);
    return sum;
}

/* Everything from an empty store to the last commit. Returns nanoseconds without the making up. */
static qc_mono run_once(bench *b, const qn_plugin_1 *p)
{
    static const qn_config_item item[] = {
        {"batch_mb", "32"}, {"data_outputs", "true"}, {"max_results", "1000"}};
    const qn_config config = {sizeof config, QC_COUNTOF(item), item};
    void *self;
    b->feeding = 0;
    qc_mono t = qc_clock_mono();
    QC_ASSERT(p->init((qn_cap *)b, &HOST, &config, &self) == QN_OK && p->start(self) == QN_OK);
    while (b->task && !b->failed) {
        qn_task_fn *task = b->task;
        b->task = NULL;
        task(b->task_arg);
    }
    QC_ASSERT(!b->failed && p->stop(self, 1000) == QN_OK);
    t = qc_clock_mono() - t - b->feeding;
    p->fini(self);
    return t;
}

static void report(qc_bench *q, bench *b, const char *dir)
{
    uint64_t io = 0;
    for (uint32_t i = 0; i < b->blocks; i++) {
        const qn_block_view *v = b->view[i % b->n_views];
        io += v->in.count + v->out.count;
    }
    clock_t processor = clock();
    qc_mono t = run_once(b, &qn_plugin_entry);
    processor = clock() - processor; /* of all threads, the making up of blocks included */
    qc_bench_note(q, "indexer: inputs + outputs", (double)io, "");
    qc_bench_note(q, "indexer: rate after parse", (double)io * 1e9 / (double)t, "in+out/s");
    qc_bench_note(q, "indexer: rate by processor time",
                  (double)io * CLOCKS_PER_SEC / (double)processor, "in+out/s");
    qc_bench_note(q, "indexer: rows per input or output", (double)b->puts / (double)io, "");
    qc_bench_note(q, "indexer: bytes on disk at the end", (double)bytes_on_disk(dir) / (double)io,
                  "per in+out");
    qc_kv_compact(b->kv);
    qc_bench_note(q, "indexer: bytes on disk, compacted", (double)bytes_on_disk(dir) / (double)io,
                  "per in+out");
}

int main(int argc, char **argv)
{
    qc_bench *q = qc_bench_new(argc, argv, "plugins");
    char dir[] = "/tmp/quoin-bench.XXXXXX", detail[256], *store;
    bench *b = qc_alloc(sizeof *b);
    const qc_kv_options o = {.engine = QC_KV_ROCKSDB,
                             .cache_bytes = CACHE_BYTES,
                             .create = true,
                             .max_open_files = OPEN_FILES};
    QC_ASSERT(mkdtemp(dir) != NULL);
    store = qc_asprintf("%s/store", dir);
    if (qc_kv_open(&b->kv, store, &o, detail, sizeof detail)) {
        fprintf(stderr, "bench_indexer: %s\n", detail);
        return 1;
    }
    make_models(b, qc_bench_is_smoke(q) ? 1 : MODELS);
    b->blocks = qc_bench_is_smoke(q) ? 4 : 400;
    report(q, b, store);
    qc_kv_close(b->kv);
    QC_ASSERT(qc_os_remove_tree(dir) == QC_OK);
    for (unsigned i = 0; i < b->n_views; i++)
        qc_free(b->view[i]);
    qc_free(b);
    qc_free(store);
    return qc_bench_end(q);
}
