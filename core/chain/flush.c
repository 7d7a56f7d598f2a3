/* Writing what is in memory to disk (Core validation.cpp FlushStateToDisk). The order is what makes
 * a crash harmless: bodies and undo records are durable before the index that points to them, and
 * the index before coins that are true for a block in it, and these before bodies are deleted. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/os/file.h"

#define MIN_FREE_SPACE ((uint64_t)50 << 20) /* Core CheckDiskSpace */
#define WRITE_INTERVAL_MIN (50 * 60)        /* seconds; Core DATABASE_WRITE_INTERVAL_* */
#define WRITE_INTERVAL_SPAN (20 * 60)
#define LARGE_MARGIN ((size_t)10 << 20)
#define COIN_ON_DISK 48u /* typical bytes; written up to twice, factor 2 for safety */
#define GROUP_BLOCKS 128u
#define GROUP_TIME ((qc_mono)1000000000)

static qc_err check_space(qc_chain *c, const char *dir, uint64_t more)
{
    uint64_t room;
    if (qc_os_free_space(dir, &room) || room >= MIN_FREE_SPACE + more)
        return QC_OK; /* a file system that cannot say is no reason to stop */
    return qc_chain_fatal(c, QC_EFULL, "Disk space is too low!");
}

static void record_of(const qc_index *i, qc_index_record *r)
{
    *r = (qc_index_record){
        .header = i->header,
        .height = i->height,
        .status = qc_index_status(i),
        .n_tx = atomic_load(&i->n_tx),
        .file = atomic_load(&i->file),
        .data_pos = atomic_load(&i->data_pos),
        .undo_pos = atomic_load(&i->undo_pos),
    };
}

static qc_err write_index(qc_chain *c)
{
    qc_indexdb_batch *batch = qc_indexdb_batch_new(c->indexdb);
    uint32_t file[64];
    size_t n;
    while ((n = qc_blockfiles_dirty(c->files, file, QC_COUNTOF(file))) > 0)
        for (size_t k = 0; k < n; k++) {
            qc_fileinfo info = qc_blockfiles_info(c->files, file[k]);
            qc_indexdb_batch_info(batch, file[k], &info);
        }
    qc_indexdb_batch_last(batch, qc_blockfiles_last(c->files));
    for (const qc_index *i = qc_tree_dirty(c->tree); i; i = i->dirty_next) {
        qc_index_record r;
        record_of(i, &r);
        qc_indexdb_batch_put(batch, &i->hash, &r);
    }
    qc_err err = qc_indexdb_batch_commit(batch, true);
    if (err)
        c->broken = true; /* what was dirty is no longer known */
    else
        qc_tree_clean(c->tree);
    return err;
}

qc_err qc_sync_index(qc_chain *c)
{
    if (c->broken)
        return QC_EIO;
    qc_err err = qc_blockfiles_sync(c->files);
    if (!err)
        err = write_index(c);
    if (err)
        return qc_chain_fatal(c, err, "System error while flushing: %s", qc_err_text(err));
    c->synced = qc_active_tip(&c->active);
    c->unsynced = 0;
    c->last_sync = qc_clock_mono();
    if (c->synced && c->synced == atomic_load(&c->pub.tip))
        qc_tell_durable(c, c->synced);
    return QC_OK;
}

qc_err qc_sync_followed(qc_chain *c, bool now)
{
    if (!atomic_load(&c->followers) || !c->unsynced)
        return QC_OK;
    if (!now && c->unsynced < GROUP_BLOCKS && qc_clock_mono() - c->last_sync < GROUP_TIME)
        return QC_OK;
    return qc_sync_index(c);
}

qc_err qc_chain_sync(qc_chain *c)
{
    return qc_sync_index(c);
}

/* ---- coins ---- */

static qc_err write_coins(qc_chain *c, bool empty)
{
    if (qc_hash_is_zero(qc_coins_best(c->coins)))
        return QC_OK;
    qc_err err = check_space(c, c->dir, (uint64_t)COIN_ON_DISK * 4 * qc_coins_dirty(c->coins));
    if (err)
        return err;
    err = qc_coins_write(c->coins, c->flush_batch, empty);
    if (err) {
        c->broken =
            true; /* begun for this tip, it can only be finished for this tip: at the start */
        return qc_chain_fatal(c, err, "System error while flushing: %s", qc_err_text(err));
    }
    c->last_flushed = qc_tree_find(c->tree, qc_coins_best(c->coins));
    return QC_OK;
}

static bool cache_critical(const qc_chain *c)
{
    size_t used = qc_coins_usage(c->coins);
    if (used <= c->coins_limit)
        return false;
    qc_log(QC_LOG_INFO, "validation", "Cache size (%zu) exceeds total space (%zu)", used,
           c->coins_limit);
    return true;
}

static bool cache_large(const qc_chain *c)
{
    size_t limit = c->coins_limit;
    size_t mark = QC_MAX(limit / 10 * 9, limit > LARGE_MARGIN ? limit - LARGE_MARGIN : 0);
    return qc_coins_usage(c->coins) > mark;
}

static void plan_next_write(qc_chain *c)
{
    uint32_t r;
    qc_os_random(&r, sizeof r);
    c->next_write = qc_clock_now() + WRITE_INTERVAL_MIN + r % WRITE_INTERVAL_SPAN;
}

static qc_err write_all(qc_chain *c, const uint32_t *files, size_t n, bool empty)
{
    qc_err err = check_space(c, c->blocks_dir, 0);
    if (!err)
        err = qc_sync_index(c);
    if (!err)
        err = write_coins(c, empty);
    /* Not earlier, as Core does: a crash in between would leave coins that cannot be brought up to
     * the tip, since the blocks on the way are gone. */
    if (!err && n)
        err = qc_prune_files(c, files, n);
    plan_next_write(c);
    return err;
}

qc_err qc_flush_state(qc_chain *c, qc_flush_mode mode, uint32_t prune_to, uint32_t *pruned_to)
{
    uint32_t *files = NULL;
    size_t n = 0;
    if (c->broken)
        return QC_EIO;
    qc_err err = QC_OK;
    if (c->prune_target && (c->check_for_pruning || prune_to) && !atomic_load(&c->reindexing))
        err = qc_prune_find(c, prune_to, &files, &n, pruned_to);
    bool periodic = mode == QC_FLUSH_PERIODIC && c->next_write && qc_clock_now() >= c->next_write;
    bool empty = mode == QC_FLUSH_EMPTY || (mode == QC_FLUSH_PERIODIC && cache_large(c)) ||
                 (mode == QC_FLUSH_IF_NEEDED && cache_critical(c));
    if (!err && (mode == QC_FLUSH_SYNC || empty || periodic || n)) {
        qc_log(QC_LOG_DEBUG, "coindb",
               "Writing chainstate to disk: flush mode=%d, prune=%d, empty=%d, periodic=%d",
               (int)mode, n > 0, empty, periodic);
        err = write_all(c, files, n, empty);
    }
    if (!c->next_write)
        plan_next_write(c);
    qc_free(files);
    return err;
}

qc_err qc_chain_flush(qc_chain *c)
{
    return qc_flush_state(c, QC_FLUSH_SYNC, 0, NULL);
}

qc_err qc_chain_tick(qc_chain *c)
{
    return qc_flush_state(c, QC_FLUSH_PERIODIC, 0, NULL);
}
