/* The header tree from its database (Core node/blockstorage.cpp LoadBlockIndex, LoadBlockIndexDB,
 * validation.cpp LoadChainTip, PopulateBlockIndexCandidates, NeedsRedownload). Nothing that is read
 * is trusted: hash, proof of work, parent and height of every record are checked. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"

#include <stdlib.h>

struct load {
    qc_chain *c;
    qc_index **v;
    size_t n, cap;
    const char *fault;
    qc_hash at; /* record that `fault` is about */
    bool genesis;
};

static qc_err keep(struct load *l, qc_index *i)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1024;
        qc_index **v = qc_try_realloc(l->v, cap * sizeof(qc_index *));
        if (!v)
            return QC_ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = i;
    return QC_OK;
}

static qc_err one(void *arg, const qc_hash *key, const qc_index_record *r)
{
    struct load *l = arg;
    qc_hash hash;
    qc_index *i;
    if (qc_chain_stopping(l->c))
        return QC_ECANCELED;
    qc_header_hash(&r->header, &hash);
    l->genesis = l->genesis || qc_hash_eq(&hash, &l->c->params->genesis_hash);
    const char *fault = NULL;
    if (!qc_hash_eq(&hash, key))
        fault = "the header does not have the record's hash";
    else if (!qc_pow_ok(l->c->params, &hash, r->header.bits))
        fault = "CheckProofOfWork failed";
    if (fault) { /* go on: whether genesis is there decides what to tell */
        l->fault = fault;
        l->at = *key;
        return QC_OK;
    }
    qc_err err = qc_tree_add(l->c->tree, &hash, &r->header, &i);
    if (err)
        return err;
    i->height = r->height;
    atomic_init(&i->status, r->status);
    atomic_init(&i->n_tx, r->n_tx);
    atomic_init(&i->file, r->file);
    atomic_init(&i->data_pos, r->data_pos);
    atomic_init(&i->undo_pos, r->undo_pos);
    return keep(l, i);
}

static int by_height(const void *a, const void *b)
{
    const qc_index *x = *(qc_index *const *)a, *y = *(qc_index *const *)b;
    if (x->height != y->height)
        return x->height < y->height ? -1 : 1;
    return memcmp(x->hash.b, y->hash.b, sizeof x->hash.b);
}

static bool status_fits(const qc_index *i)
{
    uint32_t s = qc_index_status(i);
    bool stored = (s & (QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO)) != 0;
    if ((s & QC_BLOCK_HAVE_UNDO) && !(s & QC_BLOCK_HAVE_DATA))
        return false;
    if ((s & QC_BLOCK_HAVE_DATA) && !atomic_load(&i->n_tx))
        return false;
    return !stored || atomic_load(&i->file) >= 0;
}

/* Failure marks: an old kind is made the new one, and a failed parent's children have failed too.
 */
static void settle_marks(qc_chain *c, qc_index *i)
{
    if (qc_index_has(i, QC_BLOCK_FAILED_CHILD))
        qc_tree_mark(c->tree, i, QC_BLOCK_FAILED_VALID, QC_BLOCK_FAILED_CHILD);
    if (i->parent && qc_index_failed(i->parent) && !qc_index_failed(i))
        qc_tree_mark(c->tree, i, QC_BLOCK_FAILED_VALID, 0);
}

static qc_err settle(qc_chain *c, qc_index *i)
{
    uint32_t n_tx = atomic_load(&i->n_tx);
    qc_err err = QC_OK;
    if (n_tx && !i->parent)
        atomic_store(&i->chain_tx, n_tx);
    else if (n_tx && qc_index_linked(i->parent))
        atomic_store(&i->chain_tx, atomic_load(&i->parent->chain_tx) + n_tx);
    else if (n_tx && qc_index_has(i, QC_BLOCK_HAVE_DATA))
        err = qc_unlinked_add(&c->unlinked, i);
    settle_marks(c, i);
    if (qc_index_failed(i) &&
        (!c->best_invalid || qc_u256_cmp(&i->chain_work, &c->best_invalid->chain_work) > 0))
        c->best_invalid = i;
    if (qc_index_valid(i, QC_BLOCK_VALID_TREE) &&
        (!c->best_header || qc_index_worse(c->best_header, i)))
        c->best_header = i;
    return err;
}

static qc_err link_all(struct load *l)
{
    if (l->n)
        qsort(l->v, l->n, sizeof(qc_index *), by_height);
    for (size_t k = 0; k < l->n; k++) {
        if (qc_chain_stopping(l->c))
            return QC_ECANCELED;
        qc_index *i = l->v[k];
        qc_index *parent = qc_tree_find(l->c->tree, &i->header.prev);
        bool genesis = qc_hash_eq(&i->hash, &l->c->params->genesis_hash);
        uint32_t height = i->height;
        l->at = i->hash;
        if (!parent && !genesis)
            l->fault = "its parent is missing";
        else if (height != (genesis ? 0 : parent->height + 1))
            l->fault = "its height does not follow its parent's";
        else if (!status_fits(i))
            l->fault = "its status does not fit its place on disk";
        if (l->fault)
            return QC_ECORRUPT;
        qc_tree_link(i, parent);
        qc_err err = qc_tree_publish(l->c->tree, i);
        if (err || (err = settle(l->c, i)))
            return err;
    }
    return QC_OK;
}

static qc_err load_tree(qc_chain *c, char *detail, size_t cap)
{
    struct load l = {.c = c};
    qc_err err = qc_indexdb_each(c->indexdb, one, &l);
    if (!err && (l.n || l.fault) && !l.genesis) {
        snprintf(detail, cap, "Incorrect or no genesis block found. Wrong datadir for network?");
        qc_free(l.v);
        return QC_EINVAL;
    }
    if (!err)
        err = l.fault ? QC_ECORRUPT : link_all(&l);
    if (err == QC_ECORRUPT) {
        char hex[QC_HASH_HEX_LEN + 1];
        qc_hash_hex(&l.at, hex);
        snprintf(detail, cap, "Error loading block database: record of block %s: %s",
                 l.fault ? hex : "(unknown)", l.fault ? l.fault : "does not decode");
    }
    qc_free(l.v);
    return err;
}

static void log_info(const qc_fileinfo *f)
{
    char a[QC_ISO_TIME_LEN], b[QC_ISO_TIME_LEN];
    qc_iso_time((int64_t)f->time_first, a);
    qc_iso_time((int64_t)f->time_last, b);
    a[10] = b[10] = 0; /* the date alone */
    qc_log(QC_LOG_INFO, "blockstorage",
           "Loading block index db: last block file info: CBlockFileInfo(blocks=%u, size=%u, "
           "heights=%u...%u, time=%s...%s)",
           f->blocks, f->size, f->height_first, f->height_last, a, b);
}

static qc_err load_files(qc_chain *c)
{
    uint32_t last = 0, f = 0;
    qc_err err = qc_indexdb_last(c->indexdb, &last);
    if (err && err != QC_ENOENT)
        return err;
    qc_log(QC_LOG_INFO, "blockstorage", "Loading block index db: last block file = %u", last);
    for (;; f++) {
        qc_fileinfo info = {0};
        err = qc_indexdb_info(c->indexdb, f, &info);
        if (err == QC_ENOENT && f > last)
            return QC_OK;
        if (err && err != QC_ENOENT)
            return err;
        if (!err && (err = qc_blockfiles_set_info(c->files, f, &info)))
            return err;
        if (f == last)
            log_info(&info);
    }
}

/* Every file that some record points into must be there. */
static qc_err check_files(qc_chain *c, char *detail, size_t cap)
{
    qc_log(QC_LOG_INFO, "blockstorage", "Checking all blk files are present...");
    uint32_t n = qc_blockfiles_last(c->files) + 1;
    uint8_t *seen = qc_try_calloc(n, 1);
    if (!seen)
        return QC_ENOMEM;
    qc_err err = QC_OK;
    for (size_t k = 0; k < qc_tree_count(c->tree) && !err; k++) {
        const qc_index *i = qc_tree_at(c->tree, k);
        int32_t f = atomic_load(&i->file);
        if (!qc_index_has(i, QC_BLOCK_HAVE_DATA) || (f < (int32_t)n && seen[f]))
            continue;
        char *path = qc_asprintf("%s/blk%05d.dat", c->blocks_dir, (int)f);
        if (f >= (int32_t)n || !qc_os_exists(path)) {
            snprintf(
                detail, cap,
                "Error loading block database: %s is missing, but the block index points into it",
                path);
            err = QC_ECORRUPT;
        } else {
            seen[f] = 1;
        }
        qc_free(path);
    }
    qc_free(seen);
    return err;
}

/* A crash between the index batch and the unlink leaves files that nothing points to. */
static void unlink_pruned(qc_chain *c)
{
    for (uint32_t f = 0; c->have_pruned && f < qc_blockfiles_last(c->files); f++)
        if (qc_blockfiles_info(c->files, f).size == 0) {
            qc_err ignored = qc_blockfiles_delete(c->files, f);
            (void)ignored;
        }
}

qc_err qc_load_index(qc_chain *c, char *detail, size_t cap)
{
    qc_err err = load_tree(c, detail, cap);
    if (err || (err = load_files(c)) || (err = check_files(c, detail, cap)))
        return err;
    err = qc_indexdb_flag(c->indexdb, "prunedblockfiles", &c->have_pruned);
    if (err && err != QC_ENOENT)
        return err;
    if (c->have_pruned)
        qc_log(QC_LOG_INFO, "blockstorage",
               "Loading block index db: Block files have previously been pruned");
    bool reindexing = false;
    if ((err = qc_indexdb_reindexing(c->indexdb, &reindexing)))
        return err;
    if (reindexing)
        atomic_store(&c->reindexing, true);
    unlink_pruned(c);
    return QC_OK;
}

/* ---- the tip ---- */

static qc_err fill_candidates(qc_chain *c)
{
    qc_err err = QC_OK;
    for (size_t k = 0; k < qc_tree_count(c->tree) && !err; k++) {
        qc_index *i = qc_tree_at(c->tree, k);
        if (qc_chain_stopping(c))
            err = QC_ECANCELED;
        else if (qc_index_valid(i, QC_BLOCK_VALID_TRANSACTIONS) &&
                 (qc_index_linked(i) || !i->parent))
            err = qc_try_candidate(c, i);
    }
    return err;
}

/* Blocks that an old version took without their witness data (Core NeedsRedownload). */
static bool lacks_witness(const qc_chain *c)
{
    for (const qc_index *i = qc_active_tip(&c->active);
         i && qc_deployment_active(c->params, QC_DEP_SEGWIT, i->height); i = i->parent)
        if (!qc_index_has(i, QC_BLOCK_OPT_WITNESS))
            return true;
    return false;
}

static void log_best(const qc_chain *c, const qc_index *tip)
{
    char hex[QC_HASH_HEX_LEN + 1], date[QC_ISO_TIME_LEN];
    qc_hash_hex(&tip->hash, hex);
    qc_log(QC_LOG_INFO, "validation",
           "Loaded best chain: hashBestChain=%s height=%u date=%s progress=%f", hex, tip->height,
           qc_iso_time(tip->header.time, date), qc_chain_progress(c, tip));
}

static qc_err set_loaded_tip(qc_chain *c, char *detail, size_t cap)
{
    const qc_hash *best = qc_coins_best(c->coins);
    if (qc_hash_is_zero(best))
        return QC_OK;
    qc_index *tip = qc_tree_find(c->tree, best);
    if (!tip) {
        char hex[QC_HASH_HEX_LEN + 1];
        qc_hash_hex(best, hex);
        qc_log(QC_LOG_ERROR, "validation",
               "The chainstate is at block %s, which the block index does not have", hex);
        snprintf(detail, cap, "Error initializing block database");
        return QC_ECORRUPT;
    }
    qc_err err = qc_active_reserve(&c->active, (size_t)tip->height + 1);
    if (err || (err = qc_published_reserve(&c->pub, tip->height)))
        return err;
    /* Ties are decided for what was the tip before the restart. */
    for (qc_index *i = tip; i; i = i->parent)
        i->sequence = QC_SEQ_BEST_FROM_DISK;
    qc_set_tip(c, tip);
    c->last_flushed = c->synced = tip;
    log_best(c, tip);
    qc_fork_warning(c);
    return QC_OK;
}

qc_err qc_load_tip(qc_chain *c, char *detail, size_t cap)
{
    qc_err err = set_loaded_tip(c, detail, cap);
    if (err || (err = fill_candidates(c)))
        return err;
    if (lacks_witness(c)) {
        snprintf(detail, cap,
                 "Witness data for blocks after height %u requires validation. Please restart with "
                 "-reindex.",
                 c->params->dep_height[QC_DEP_SEGWIT]);
        return QC_ECORRUPT;
    }
    qc_prune_height_again(c);
    return QC_OK;
}
