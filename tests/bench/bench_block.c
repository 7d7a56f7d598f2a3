/* Checking a whole real block: rules without scripts, then its scripts on one and all threads. */
#include "tests/bench/bench.h"

#include "core/consensus/check.h"
#include "core/os/thread.h"
#include "tests/unit/harness.h"
#include "tests/vectors/blockjob.h"

#define HEIGHT 866342u

typedef struct data {
    qc_params *params;
    blockjob j;
    unsigned workers;
} data;

static void rules(void *arg)
{
    data *d = arg;
    qc_verdict v = {0};
    if (!qc_check_block(d->params, d->j.block, true, true, &v) ||
        !qc_check_block_context(d->params, d->j.block, HEIGHT, qc_block_header(d->j.block)->time,
                                &v))
        abort();
}

static void connect_rules(void *arg)
{
    data *d = arg;
    qc_verdict v = {0};
    qc_amount fees = 0;
    uint64_t sigops = 0;
    qc_params p = *d->params;
    p.dep_height[QC_DEP_CSV] = UINT32_MAX; /* times of the chain are not at hand */
    qc_connect_env e = {.params = &p, .height = HEIGHT, .flags = d->j.flags};
    for (uint32_t t = 0; t < qc_block_n_tx(d->j.block); t++) {
        qc_tx tx = qc_block_tx(d->j.block, t);
        if (!qc_check_connect_tx(&e, &tx, d->j.spent + tx.rec->in0,
                                 qc_block_legacy_sigops(d->j.block, t), &sigops, &fees, &v))
            abort();
    }
}

static void scripts(void *arg)
{
    data *d = arg;
    if (blockjob_scripts(&d->j, d->workers) < 0 || d->j.failed_in != UINT32_MAX)
        abort();
}

static bool load(data *d)
{
    const char *dir = qc_test_vectors_dir();
    char raw[1024], spent[1024], why[300];
    if (!dir || qc_params_new(QC_CHAIN_MAIN, NULL, &d->params))
        return false;
    snprintf(raw, sizeof raw, "%s/mainnet/block_866342.raw", dir);
    snprintf(spent, sizeof spent, "%s/mainnet/block_866342.spent.json", dir);
    if (blockjob_load(&d->j, raw, spent, why, sizeof why))
        return false;
    d->j.flags = qc_block_script_flags(d->params, HEIGHT, qc_block_hash(d->j.block));
    return true;
}

int main(int argc, char **argv)
{
    data d = {0};
    qc_bench *b = qc_bench_new(argc, argv, "consensus");
    if (load(&d)) {
        qc_bench_run(b, "block 866,342: rules of the block", rules, &d, 1);
        qc_bench_run(b, "block 866,342: rules of connecting", connect_rules, &d, 1);
        qc_bench_run(b, "block 866,342: all scripts, 1 thread", scripts, &d, 1);
        d.workers = qc_cpu_count() - 1;
        qc_bench_vs(b, "block 866,342: all scripts, all threads", scripts, &d, 1);
    } else {
        qc_bench_skip(b, "block 866,342", "no test vectors");
    }
    blockjob_clear(&d.j);
    qc_params_free(d.params);
    return qc_bench_end(b);
}
