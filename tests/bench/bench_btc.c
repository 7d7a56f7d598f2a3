/* Parsing real blocks, and their merkle trees. */
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/btc/block.h"
#include "core/os/file.h"
#include "tests/unit/harness.h"

#define MAX_FILE (8u << 20)

typedef struct data {
    qc_bytes raw;
    qc_block *block;
    qc_hash *ids, *work;
    size_t n;
} data;

static void parse(void *arg)
{
    data *d = arg;
    qc_block *b;
    if (qc_block_parse(qc_bytes_span(&d->raw), &b))
        abort();
    qc_block_unref(b);
}

static void merkle(void *arg)
{
    data *d = arg;
    memcpy(d->work, d->ids, d->n * sizeof *d->ids);
    qc_hash root = qc_merkle_root(d->work, d->n, NULL);
    QC_BENCH_KEEP(root.b[0]);
}

static bool load(data *d, const char *name)
{
    const char *dir = qc_test_vectors_dir();
    char path[1024];
    if (!dir)
        return false;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (qc_os_read_file(path, MAX_FILE, &d->raw) ||
        qc_block_parse(qc_bytes_span(&d->raw), &d->block))
        return false;
    d->n = qc_block_n_tx(d->block);
    d->ids = qc_alloc(d->n * sizeof *d->ids);
    d->work = qc_alloc(d->n * sizeof *d->work);
    for (uint32_t i = 0; i < d->n; i++)
        memcpy(d->ids[i].b, qc_block_tx(d->block, i).rec->txid, sizeof d->ids[i].b);
    return true;
}

static void clear(data *d)
{
    qc_bytes_free(&d->raw);
    qc_block_unref(d->block);
    qc_free(d->ids);
    qc_free(d->work);
    *d = (data){0};
}

int main(int argc, char **argv)
{
    data d = {0};
    qc_bench *b = qc_bench_new(argc, argv, "btc");
    if (load(&d, "mainnet/block_540107.raw"))
        qc_bench_run(b, "parse and hash block 540,107 (2.3 MB)", parse, &d, 1);
    else
        qc_bench_skip(b, "parse and hash block 540,107", "no test vectors");
    clear(&d);
    if (load(&d, "mainnet/block_866342.raw")) {
        qc_bench_run(b, "parse and hash block 866,342 (4,864 txs)", parse, &d, 1);
        qc_bench_run(b, "merkle root of 4,864 ids", merkle, &d, 1);
    } else {
        qc_bench_skip(b, "parse and merkle of block 866,342", "no test vectors");
    }
    clear(&d);
    return qc_bench_end(b);
}
