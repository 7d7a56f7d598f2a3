/* watch: what a large set costs in memory and time, a whole real block looked through for it, and a
 * block of a rescan by its filter. */
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/crypto/sha256.h"
#include "core/index/blockfilter.h"
#include "core/index/gcs.h"
#include "core/watch/match.h"
#include "tests/unit/harness.h"
#include "tests/vectors/blockjob.h"

#include <malloc.h>

#define CALL 65536u /* things in one call, as a plugin adds them */
#define FEW 1000u

typedef struct data {
    qc_watchset *set;
    qc_watch_owner owner;
    qc_watch_key *key;
    uint8_t *bytes;
    size_t n, n_outpoints;
    blockjob j;
    qc_bytes filter;
    qc_span few[FEW];
    qc_watch_hits hits;
} data;

/* Half of P2WPKH, then P2TR, P2PKH and P2SH, of keys that nobody has. */
static size_t script_of(size_t i, uint8_t out[34])
{
    static const struct {
        uint8_t len, head, at, n;
        uint8_t front[3], back[2];
    } KIND[] = {{22, 2, 2, 20, {0, 20}, {0}},
                {34, 2, 2, 32, {0x51, 32}, {0}},
                {25, 3, 3, 20, {0x76, 0xa9, 20}, {0x88, 0xac}},
                {23, 2, 2, 20, {0xa9, 20}, {0x87}}};
    uint8_t hash[32];
    const unsigned k = i % 10 < 4 ? 0 : i % 10 < 8 ? 1 : i % 10 == 8 ? 2 : 3;
    qc_sha256(qc_span_of(&i, sizeof i), hash);
    memcpy(out, KIND[k].front, KIND[k].head);
    memcpy(out + KIND[k].at, hash, KIND[k].n);
    memcpy(out + KIND[k].at + KIND[k].n, KIND[k].back,
           (size_t)KIND[k].len - KIND[k].at - KIND[k].n);
    return KIND[k].len;
}

static void make_keys(data *d)
{
    size_t at = 0, all = d->n + d->n_outpoints;
    d->key = qc_alloc(all * sizeof *d->key);
    d->bytes = qc_alloc(all * 36);
    for (size_t i = 0; i < all; i++) {
        size_t len = 36;
        if (i < d->n)
            len = script_of(i, d->bytes + at);
        else
            qc_sha256(qc_span_of(&i, sizeof i), d->bytes + at);
        d->key[i] = (qc_watch_key){i < d->n ? QC_WATCH_SCRIPT : QC_WATCH_OUTPOINT,
                                   qc_span_of(d->bytes + at, len), i};
        at += len;
    }
}

static void forget_all(data *d)
{
    if (d->set)
        qc_watchset_leave(d->set, &d->owner);
    qc_watchset_free(d->set);
}

/* With what it takes to forget those of the last time, which a plugin's end does. */
static void add_all(void *arg)
{
    data *d = arg;
    const qc_siphash_key salt = {1, 2};
    forget_all(d);
    d->set = qc_watchset_new(&salt);
    if (qc_watchset_enter(d->set, &d->owner))
        abort();
    for (size_t i = 0, all = d->n + d->n_outpoints, n; i < all; i += n) {
        n = all - i < CALL ? all - i : CALL;
        if (qc_watchset_add(d->set, &d->owner, d->key + i, n, (uint32_t)(i / CALL + 1)))
            abort();
    }
}

static void match(void *arg)
{
    data *d = arg;
    if (qc_watch_match_block(d->set, d->j.block, 0, &d->hits))
        abort();
    QC_BENCH_KEEP(d->hits.n);
}

static void by_filter(void *arg)
{
    data *d = arg;
    bool hit;
    if (qc_gcs_match_any(qc_bytes_span(&d->filter), qc_block_hash(d->j.block), d->few, FEW, &hit))
        abort();
    QC_BENCH_KEEP(hit);
}

static bool load(data *d)
{
    const char *dir = qc_test_vectors_dir();
    char raw[1024], spent[1024], why[300];
    if (!dir)
        return false;
    snprintf(raw, sizeof raw, "%s/mainnet/block_866342.raw", dir);
    snprintf(spent, sizeof spent, "%s/mainnet/block_866342.spent.json", dir);
    return !blockjob_load(&d->j, raw, spent, why, sizeof why) &&
           !qc_block_attach_spent(d->j.block, d->j.spent);
}

static double heap(void)
{
    const struct mallinfo2 m = mallinfo2();
    return (double)(m.uordblks + m.hblkhd);
}

static void measure_block(data *d, qc_bench *b)
{
    if (!load(d) || qc_blockfilter_basic(d->j.block, &d->filter)) {
        qc_bench_skip(b, "block 866,342", "no test vectors");
        return;
    }
    for (size_t i = 0; i < FEW; i++)
        d->few[i] = d->key[i].bytes;
    qc_bench_run(b, "block 866,342 looked through", match, d, 1);
    qc_bench_vs(b, "rescan by its filter, 1,000 scripts", by_filter, d, 1);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "watch");
    data d = {.n = qc_bench_is_smoke(b) ? 10000 : 1000000};
    d.n_outpoints = d.n / 10;
    make_keys(&d);
    double before = heap();
    add_all(&d);
    qc_bench_note(b, "memory, scripts and outpoints", (heap() - before) / 1048576, "MiB");
    qc_bench_note(b, "the same, as it is reckoned", (double)d.owner.bytes / 1048576, "MiB");
    qc_bench_run(b, "all of them added", add_all, &d, 1);
    measure_block(&d, b);
    forget_all(&d);
    qc_watch_hits_clear(&d.hits);
    qc_bytes_free(&d.filter);
    blockjob_clear(&d.j);
    qc_free(d.key);
    qc_free(d.bytes);
    return qc_bench_end(b);
}
