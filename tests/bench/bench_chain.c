/* The chain: coins in memory, and real blocks from file to coins. */
#include "core/base/alloc.h"
#include "core/chain/chain.h"
#include "core/chain/coins.h"
#include "core/os/file.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

struct ops {
    uint32_t n, keys;
};

/* Adds, lookups and spends of random coins, as a connecting chain makes them. */
static void coin_ops(void *arg)
{
    const struct ops *o = arg;
    static const uint8_t script[25] = {0x76, 0xa9, 0x14};
    const qc_spent coin = {5000, {script, sizeof script}, 100, false};
    uint64_t seed = 1;
    qc_coins *c;
    if (qc_coins_new(&c, NULL))
        abort();
    for (uint32_t k = 0; k < o->n; k++) {
        uint64_t r = next(&seed);
        uint64_t name = next(&r) % o->keys;
        qc_outpoint p = {.n = (uint32_t)name & 3};
        for (int i = 0; i < 4; i++, name = next(&name))
            memcpy(p.txid.b + 8 * i, &name, 8);
        qc_spent got;
        qc_err err = qc_coins_get(c, &p, &got);
        err = err ? qc_coins_add(c, &p, &coin, true) : qc_coins_spend(c, &p, true);
        QC_BENCH_KEEP(err);
    }
    qc_coins_free(c);
}

struct import {
    qc_params *params;
    const char *path, *dir;
    uint32_t height;
    int par;
    bool scripts;
};

static void import_chain(void *arg)
{
    const struct import *m = arg;
    char detail[256];
    qc_chain *c;
    qc_import_stats st;
    const _Atomic bool stop = false;
    const qc_chain_options o = {
        .params = m->params,
        .dir = m->dir,
        .dbcache = (size_t)450 << 20,
        .par = m->par,
        .prefetch_threads = m->par,
        .has_min_work = true,
        .has_assume_valid = true,
        .sigcache_bytes = (size_t)32 << 20,
    };
    if (qc_os_remove_tree(m->dir) || qc_os_mkdirs(m->dir) ||
        qc_chain_open(&c, &o, NULL, detail, sizeof detail) ||
        qc_chain_import_file(c, m->path, NULL, &stop, &st) || qc_chain_tip(c)->height != m->height)
        abort();
    qc_chain_close(c);
}

/* The vectors' hex lines as a framed file. */
static bool frame_lines(const char *from, const char *to, const uint8_t magic[4])
{
    qc_bytes text = QC_BYTES_INIT, out = QC_BYTES_INIT;
    bool ok = !qc_os_read_file(from, (size_t)64 << 20, &text);
    for (size_t at = 0; ok && at < text.len;) {
        size_t end = at;
        while (end < text.len && text.data[end] != '\n')
            end++;
        uint32_t len = (uint32_t)((end - at) / 2);
        ok = !qc_bytes_append(&out, magic, 4) && !qc_bytes_append(&out, &len, 4);
        for (size_t k = at; ok && k + 1 < end; k += 2) {
            char two[3] = {(char)text.data[k], (char)text.data[k + 1], 0};
            uint8_t b = (uint8_t)strtoul(two, NULL, 16);
            ok = !qc_bytes_append(&out, &b, 1);
        }
        at = end + 1;
    }
    ok = ok && !qc_os_write_file_atomic(to, qc_bytes_span(&out), 0600);
    qc_bytes_free(&text);
    qc_bytes_free(&out);
    return ok;
}

static void bench_import(qc_bench *b, qc_chain_id id, const char *name, const char *dir)
{
    char *file = qc_asprintf("%s/blocks_1_2100.hex", name), *from = qc_bench_vector(file);
    char *to = qc_asprintf("%s/%s.dat", dir, name), *work = qc_asprintf("%s/chain", dir);
    struct import m = {.path = to, .dir = work, .height = 2100};
    if (qc_params_new(id, NULL, &m.params))
        abort();
    for (m.par = 0; m.par < 2; m.par++) {
        char *row = qc_asprintf("block of %s 1-2100, %d threads more", name, m.par);
        if (frame_lines(from, to, m.params->magic))
            qc_bench_run(b, row, import_chain, &m, m.height);
        else
            qc_bench_skip(b, row, "no vectors");
        qc_free(row);
    }
    qc_params_free(m.params);
    qc_free(file);
    qc_free(from);
    qc_free(to);
    qc_free(work);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "chain");
    char dir[] = "/tmp/quoin-bench-XXXXXX";
    bool smoke = qc_bench_is_smoke(b);
    struct ops small = {smoke ? 1000 : 1000000, 100000}, large = {smoke ? 1000 : 1000000, 2000000};
    qc_bench_run(b, "coin operation, 50,000 coins", coin_ops, &small, small.n);
    qc_bench_run(b, "coin operation, 600,000 coins", coin_ops, &large, large.n);
    if (!mkdtemp(dir))
        abort();
    bench_import(b, QC_CHAIN_MAIN, "mainnet", dir);
    bench_import(b, QC_CHAIN_TESTNET3, "testnet3", dir);
    if (qc_os_remove_tree(dir))
        fprintf(stderr, "%s is left behind\n", dir);
    return qc_bench_end(b);
}
