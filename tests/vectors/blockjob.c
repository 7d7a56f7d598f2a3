#include "tests/vectors/blockjob.h"

#include "core/base/alloc.h"
#include "core/os/file.h"
#include "core/os/thread.h"

#include <stdio.h>

#define MAX_FILE (256u << 20)

void blockjob_clear(blockjob *j)
{
    qc_block_unref(j->block);
    spent_clear(&j->set);
    qc_free(j->spent);
    qc_free(j->tx_of);
    qc_free(j->hashes);
    *j = (blockjob){0};
}

static qc_err load_block(blockjob *j, const char *file, char *why, size_t cap)
{
    qc_bytes raw;
    size_t where;
    qc_err err = qc_os_read_file(file, MAX_FILE, &raw);
    if (err) {
        snprintf(why, cap, "%s: %s", file, qc_err_text(err));
        return err;
    }
    qc_wire_fail f = qc_block_parse_at(qc_bytes_span(&raw), &j->block, &where);
    if (!f && where != raw.len)
        f = QC_WIRE_TRAILING;
    qc_bytes_free(&raw);
    if (f)
        snprintf(why, cap, "%s, offset %zu: %s", file, where, qc_wire_text(f));
    return f ? QC_ECORRUPT : QC_OK;
}

static qc_err load_coins(blockjob *j, const char *file, char *why, size_t cap)
{
    qc_bytes b;
    char detail[200];
    qc_err err = qc_os_read_file(file, MAX_FILE, &b);
    if (err) {
        snprintf(why, cap, "%s: %s", file, qc_err_text(err));
        return err;
    }
    err = spent_read(qc_bytes_span(&b), &j->set, detail, sizeof detail);
    qc_bytes_free(&b);
    if (err)
        snprintf(why, cap, "%s: %s", file, detail);
    return err;
}

/* Line the coins up with the inputs. */
static qc_err place_coins(blockjob *j, const char *file, char *why, size_t cap)
{
    uint32_t n_in = qc_block_view(j->block)->in.count, n_tx = qc_block_n_tx(j->block);
    uint32_t first = n_tx ? qc_block_tx(j->block, 0).rec->n_in : 0;
    if (j->set.n != n_in - first) {
        snprintf(why, cap, "%s: %zu coins, but the block spends %u", file, j->set.n, n_in - first);
        return QC_EINVAL;
    }
    snprintf(why, cap, "out of memory");
    j->spent = qc_try_calloc(n_in, sizeof *j->spent);
    j->tx_of = qc_try_calloc(n_in, sizeof *j->tx_of);
    j->hashes = qc_try_calloc(n_tx, sizeof *j->hashes);
    if (!j->spent || !j->tx_of || !j->hashes)
        return QC_ENOMEM;
    for (size_t i = 0; i < j->set.n; i++)
        j->spent[first + i] = j->set.coin[i];
    for (uint32_t t = 0; t < n_tx; t++) {
        qc_tx tx = qc_block_tx(j->block, t);
        for (uint32_t i = 0; i < tx.rec->n_in; i++)
            j->tx_of[tx.rec->in0 + i] = t;
    }
    j->failed_in = UINT32_MAX;
    return QC_OK;
}

qc_err blockjob_load(blockjob *j, const char *raw, const char *spent, char *why, size_t cap)
{
    *j = (blockjob){0};
    qc_err err = load_block(j, raw, why, cap);
    err = err ? err : load_coins(j, spent, why, cap);
    return err ? err : place_coins(j, spent, why, cap);
}

qc_script_check blockjob_input(const blockjob *j, uint32_t in, qc_tx *tx)
{
    uint32_t t = j->tx_of[in];
    *tx = qc_block_tx(j->block, t);
    return (qc_script_check){.tx = tx,
                             .in = in - tx->rec->in0,
                             .spent = j->spent + tx->rec->in0,
                             .hashes = &j->hashes[t],
                             .flags = j->flags};
}

static bool hash_tx(void *arg, size_t t)
{
    blockjob *j = arg;
    qc_tx tx = qc_block_tx(j->block, (uint32_t)t + 1);
    qc_sighash_cache_init(&j->hashes[t + 1], &tx, j->spent + tx.rec->in0);
    return true;
}

static bool check_input(void *arg, size_t i)
{
    blockjob *j = arg;
    qc_tx tx;
    uint32_t in = (uint32_t)i + qc_block_tx(j->block, 0).rec->n_in, lowest = j->failed_in;
    qc_script_check c = blockjob_input(j, in, &tx);
    if (qc_script_verify_input(&c))
        while (in < lowest && !atomic_compare_exchange_weak(&j->failed_in, &lowest, in))
            ;
    return true; /* go on: the lowest one is named */
}

int64_t blockjob_scripts(blockjob *j, unsigned workers)
{
    qc_pool *pool;
    size_t n_tx = qc_block_n_tx(j->block), n_in = qc_block_view(j->block)->in.count;
    if (n_tx == 0)
        return 0;
    if (qc_pool_new(&pool, workers, "scripts"))
        return -1;
    qc_mono t = qc_clock_mono();
    (void)qc_pool_run(pool, hash_tx, j, n_tx - 1, 0);
    (void)qc_pool_run(pool, check_input, j, n_in - qc_block_tx(j->block, 0).rec->n_in, 0);
    t = qc_clock_mono() - t;
    qc_pool_free(pool);
    return t;
}
