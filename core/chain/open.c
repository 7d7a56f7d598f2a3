/* Opening and closing (Core node/chainstate.cpp). */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/chain/internal.h"
#include "core/os/file.h"

#include <stdio.h>

#define DEFAULT_DBCACHE ((size_t)450 << 20)
#define MAX_INDEX_CACHE ((size_t)2 << 20) /* Core kernel/caches.h MAX_BLOCK_DB_CACHE */
#define MAX_COINSDB_CACHE ((size_t)8 << 20)
#define DEFAULT_BATCH ((size_t)32 << 20)
#define DEFAULT_TIP_AGE (24 * 60 * 60)
#define MAX_THREADS 64
#define MIN_PRUNE_TARGET ((uint64_t)550 << 20) /* Core MIN_DISK_SPACE_FOR_BLOCK_FILES */
#define MIN_SIG_CACHE ((size_t)1 << 16)

/* Share of the whole as Core splits -dbcache (kernel/caches.h). */
struct caches {
    size_t index, coinsdb, coins;
};

static struct caches split(size_t total)
{
    struct caches s;
    s.index = QC_MIN(total / 8, MAX_INDEX_CACHE);
    total -= s.index;
    s.coinsdb = QC_MIN(total / 2, MAX_COINSDB_CACHE);
    s.coins = total - s.coinsdb;
    return s;
}

static void take_options(qc_chain *c, const qc_chain_options *o)
{
    c->params = o->params;
    c->dir = qc_strdup(o->dir);
    c->blocks_dir = o->blocks_dir ? qc_strdup(o->blocks_dir) : qc_asprintf("%s/blocks", o->dir);
    c->dbcache = o->dbcache ? o->dbcache : DEFAULT_DBCACHE;
    c->flush_batch = o->flush_batch_bytes ? o->flush_batch_bytes : DEFAULT_BATCH;
    c->max_tip_age = o->max_tip_age ? o->max_tip_age : DEFAULT_TIP_AGE;
    c->prune_target = o->prune_target;
    c->prune_least = o->prune_least ? o->prune_least : MIN_PRUNE_TARGET;
    c->fastprune = o->fastprune;
    c->check_index = o->checkblockindex;
    c->stop_at_height = o->stop_at_height;
    c->assume_valid = o->has_assume_valid ? o->assume_valid : o->params->assume_valid;
    c->min_work = o->has_min_work ? o->min_work : o->params->min_chain_work;
    c->check_level = o->check_level;
    c->check_blocks = o->check_blocks;
    c->open_stop = o->stop;
    c->open_stop_arg = o->stop_arg;
    c->next_sequence = QC_SEQ_FROM_DISK + 1;
    c->next_reverse = -1;
    atomic_store(&c->ibd, true);
    qc_os_random(&c->salt, sizeof c->salt);
}

static void log_options(const qc_chain *c)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash work;
    qc_hash_hex(&c->assume_valid, hex);
    if (qc_hash_is_zero(&c->assume_valid))
        qc_log(QC_LOG_INFO, "validation", "Validating signatures for all blocks.");
    else
        qc_log(QC_LOG_INFO, "validation", "Assuming ancestors of block %s have valid signatures.",
               hex);
    qc_u256_to_hash(&c->min_work, &work);
    qc_hash_hex(&work, hex);
    qc_log(QC_LOG_INFO, "validation", "Setting nMinimumChainWork=%s", hex);
    if (qc_u256_cmp(&c->min_work, &c->params->min_chain_work) < 0) {
        qc_u256_to_hash(&c->params->min_chain_work, &work);
        qc_hash_hex(&work, hex);
        qc_log(QC_LOG_WARN, "validation", "nMinimumChainWork set below default value of %s", hex);
    }
    if (c->prune_target == 1)
        qc_log(
            QC_LOG_INFO, "prune",
            "Block pruning enabled. Use RPC call pruneblockchain(height) to manually prune block "
            "and undo files.");
    else if (c->prune_target)
        qc_log(QC_LOG_INFO, "prune",
               "Prune configured to target %llu MiB on disk for block and undo "
               "files.",
               (unsigned long long)(c->prune_target >> 20));
}

static qc_err start_threads(qc_chain *c, const qc_chain_options *o)
{
    unsigned par = (unsigned)QC_MAX(0, QC_MIN(o->par, MAX_THREADS));
    unsigned fetch = (unsigned)QC_MAX(0, QC_MIN(o->prefetch_threads, MAX_THREADS));
    qc_err err = qc_pool_new(&c->pool, par, "scriptch");
    if (!err)
        err = qc_pool_new(&c->fetch_pool, fetch, "prevout");
    if (!err)
        err = qc_ahead_new(&c->ahead, c, par ? 1 : 0);
    return err;
}

static qc_err make_caches(qc_chain *c, size_t bytes)
{
    uint8_t salt[32];
    qc_os_random(salt, sizeof salt);
    qc_err err = qc_sig_cache_new(&c->sig_cache, QC_MAX(bytes / 2, MIN_SIG_CACHE), salt);
    qc_os_random(salt, sizeof salt);
    return err ? err
               : qc_script_cache_new(&c->script_cache, QC_MAX(bytes / 2, MIN_SIG_CACHE), salt);
}

/* Put Core's sentence before the engine's words. Somebody else's lock is told as it is. */
static void explain(qc_err err, const char *sentence, char *detail, size_t cap)
{
    char *words = qc_strdup(cap ? detail : "");
    if (err != QC_EBUSY)
        snprintf(detail, cap, "%s%s%s", sentence, *words ? ": " : "", words);
    qc_free(words);
}

static qc_err make_folder(const char *path, char *detail, size_t cap)
{
    qc_err err = qc_os_mkdirs(path);
    if (err)
        snprintf(detail, cap, "%s: cannot make this folder: %s", path, qc_err_text(err));
    return err;
}

static qc_err begin_reindex(qc_chain *c, char *detail, size_t cap)
{
    atomic_store(&c->reindexing, true);
    qc_err err = qc_indexdb_set_reindexing(c->indexdb, true);
    if (err)
        snprintf(detail, cap, "Error writing block database: %s/index: %s", c->blocks_dir,
                 qc_err_text(err));
    return err;
}

static qc_err open_blocks(qc_chain *c, const qc_chain_options *o, size_t cache, char *detail,
                          size_t cap)
{
    qc_blockfiles_options bo = {.dir = c->blocks_dir,
                                .use_xor = o->blocksxor,
                                .fast = o->fastprune,
                                .detail = detail,
                                .detail_cap = cap};
    memcpy(bo.magic, o->params->magic, sizeof bo.magic);
    qc_err err = make_folder(c->blocks_dir, detail, cap);
    if (err || (err = qc_blockfiles_open(&c->files, &bo)))
        return err;
    if (o->reindex && (err = qc_foreign_files(c, detail, cap)))
        return err;
    char *path = qc_asprintf("%s/blocks/index", c->dir);
    err = make_folder(path, detail, cap);
    if (!err && (err = qc_indexdb_open(&c->indexdb, path, cache, o->reindex, detail, cap)))
        explain(err, "Error opening block database", detail, cap);
    qc_free(path);
    if (err || !o->reindex)
        return err;
    err = begin_reindex(c, detail, cap);
    return !err && c->prune_target ? qc_prune_clean_folder(c->blocks_dir) : err;
}

static qc_err load_blocks(qc_chain *c, char *detail, size_t cap)
{
    qc_err err = qc_load_index(c, detail, cap);
    if (err)
        return err;
    if (c->have_pruned && !c->prune_target) {
        snprintf(
            detail, cap,
            "You need to rebuild the database using -reindex to go back to unpruned mode.  This "
            "will redownload the entire blockchain");
        return QC_EINVAL;
    }
    /* In a reindex genesis is found where it lies. */
    if (!atomic_load(&c->reindexing) && (err = qc_write_genesis(c)))
        snprintf(detail, cap, "Error initializing block database");
    return err;
}

static qc_err open_coinsdb(qc_chain *c, const qc_chain_options *o, const struct caches *s,
                           char *detail, size_t cap)
{
    if (c->coinsdb)
        return QC_OK;
    char *path = qc_asprintf("%s/chainstate", c->dir);
    qc_err err = qc_coinsdb_open(&c->coinsdb, path, s->coinsdb, o->reindex || o->reindex_chainstate,
                                 detail, cap);
    if (err)
        explain(err, "Error opening coins database", detail, cap);
    qc_free(path);
    return err;
}

/* Blocks without an index and without coins are taken in where they lie; a new chain would be
 * written over them. */
static qc_err take_found(qc_chain *c, const qc_chain_options *o, const struct caches *s,
                         char *detail, size_t cap)
{
    bool found, unfinished;
    qc_hash best, to, from;
    if (o->reindex)
        return QC_OK;
    qc_err err = qc_found_files(c, &found, detail, cap);
    if (err && cap && !detail[0])
        snprintf(detail, cap, "%s: cannot see which block files there are: %s", c->blocks_dir,
                 qc_err_text(err));
    if (err || !found)
        return err;
    if ((err = open_coinsdb(c, o, s, detail, cap)) || (err = qc_coinsdb_best(c->coinsdb, &best)) ||
        (err = qc_coinsdb_heads(c->coinsdb, &to, &from, &unfinished)))
        return err;
    if (unfinished || !qc_hash_is_zero(&best)) {
        snprintf(detail, cap,
                 "The block index in %s/blocks/index is empty, but block files and chainstate are "
                 "there",
                 c->dir);
        return QC_ECORRUPT;
    }
    qc_log(QC_LOG_WARN, "reindex",
           "Block index and chainstate are empty, but there are blocks in %s: rebuilding both from "
           "the block files, as -reindex does",
           c->blocks_dir);
    return begin_reindex(c, detail, cap);
}

static qc_err open_coins(qc_chain *c, const qc_chain_options *o, const struct caches *s,
                         char *detail, size_t cap)
{
    qc_err err = open_coinsdb(c, o, s, detail, cap);
    if (err || (err = qc_replay(c, detail, cap)) || (err = qc_coins_new(&c->coins, c->coinsdb)))
        return err;
    c->coins_limit = s->coins;
    return qc_load_tip(c, detail, cap);
}

static qc_err verify_at_start(qc_chain *c, char *detail, size_t cap)
{
    const qc_index *tip = qc_active_tip(&c->active);
    qc_verify_result r = QC_VERIFY_OK;
    if (!tip)
        return QC_OK;
    if ((int64_t)tip->header.time > qc_clock_now() + QC_MAX_FUTURE_BLOCK_TIME) {
        snprintf(
            detail, cap,
            "The block database contains a block which appears to be from the future. This may "
            "be due to your computer's date and time being set incorrectly. Only rebuild the "
            "block database if you are sure that your computer's date and time are correct");
        return QC_ECORRUPT;
    }
    qc_err err = qc_verify_chain(c, c->check_level, c->check_blocks, &r);
    if (err)
        return err;
    if (r == QC_VERIFY_CORRUPT) {
        snprintf(detail, cap, "Corrupted block database detected");
        return QC_ECORRUPT;
    }
    return r == QC_VERIFY_STOPPED ? QC_ECANCELED : QC_OK;
}

static qc_err open_all(qc_chain *c, const qc_chain_options *o, char *detail, size_t cap)
{
    const struct caches s = split(c->dbcache);
    if (c->prune_target && o->reindex_chainstate) {
        snprintf(detail, cap,
                 "Prune mode is incompatible with -reindex-chainstate. Use full "
                 "-reindex instead.");
        return QC_EINVAL;
    }
    qc_err err = start_threads(c, o);
    if (err || (err = make_caches(c, o->sigcache_bytes)) || (err = qc_tree_new(&c->tree)) ||
        (err = open_blocks(c, o, s.index, detail, cap)) ||
        (err = take_found(c, o, &s, detail, cap)) || (err = load_blocks(c, detail, cap)) ||
        (err = open_coins(c, o, &s, detail, cap)) || (err = verify_at_start(c, detail, cap)))
        return err;
    qc_publish(c);
    return QC_OK;
}

static void release(qc_chain *c)
{
    qc_ahead_free(c->ahead);
    qc_pool_free(c->fetch_pool);
    qc_pool_free(c->pool);
    qc_sig_cache_free(c->sig_cache);
    qc_script_cache_free(c->script_cache);
    qc_coins_free(c->coins);
    qc_coinsdb_close(c->coinsdb);
    qc_indexdb_close(c->indexdb);
    qc_blockfiles_close(c->files);
    qc_candidates_clear(&c->candidates);
    qc_unlinked_clear(&c->unlinked);
    qc_active_clear(&c->active);
    qc_published_clear(&c->pub);
    qc_tree_free(c->tree);
    for (size_t k = 0; k < c->n_pin; k++)
        qc_free(c->pin[k].name);
    qc_free(c->pin);
    qc_free(c->blocks_dir);
    qc_free(c->dir);
    qc_free(c);
}

qc_err qc_chain_open(qc_chain **out, const qc_chain_options *o, const qc_chain_events *ev,
                     char *detail, size_t cap)
{
    *out = NULL;
    if (cap)
        detail[0] = 0;
    qc_chain *c = qc_try_alloc(sizeof *c);
    if (!c)
        return QC_ENOMEM;
    take_options(c, o);
    if (ev)
        qc_chain_listen(c, ev);
    log_options(c);
    qc_err err = open_all(c, o, detail, cap);
    if (err) {
        if (cap && !detail[0])
            snprintf(detail, cap, "%s: %s", o->dir, qc_err_text(err));
        release(c);
        return err;
    }
    c->open_stop = NULL;
    *out = c;
    return QC_OK;
}

void qc_chain_close_databases(qc_chain *c)
{
    if (!c->broken && qc_flush_state(c, QC_FLUSH_EMPTY, 0, NULL))
        qc_log(QC_LOG_WARN, "validation", "Failed to force flush state");
    qc_coinsdb_close(c->coinsdb);
    qc_indexdb_close(c->indexdb);
    c->coinsdb = NULL;
    c->indexdb = NULL;
}

void qc_chain_close(qc_chain *c)
{
    if (!c)
        return;
    qc_chain_close_databases(c);
    release(c);
}
