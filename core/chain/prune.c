/* Deleting old block files (Core node/blockstorage.cpp FindFilesToPrune, FindFilesToPruneManual,
 * PruneOneBlockFile, validation.cpp GetPruneRange). */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"

#include <stdlib.h>

#define BLOCK_CHUNK ((uint64_t)16 << 20)
#define UNDO_CHUNK ((uint64_t)1 << 20)
#define PIN_BUFFER 10u /* blocks kept below the lowest pin (Core PRUNE_LOCK_BUFFER) */
#define AVERAGE_BLOCK ((uint64_t)1000000)

static uint64_t bytes_from(const qc_chain *c, uint32_t height)
{
    uint64_t sum = 0;
    for (uint32_t f = 0; f <= qc_blockfiles_last(c->files); f++) {
        qc_fileinfo info = qc_blockfiles_info(c->files, f);
        if (info.size && info.height_last >= height)
            sum += (uint64_t)info.size + info.undo_size;
    }
    return sum;
}

/* Whoever falls so far behind that more would be held than it may: the disk is not its own. */
static void release_greedy(qc_chain *c)
{
    for (size_t k = 0; k < c->n_pin; k++) {
        qc_pin *p = &c->pin[k];
        if (!p->name || p->height == UINT32_MAX)
            continue;
        uint64_t held = bytes_from(c, p->height);
        if (held <= p->bytes)
            continue;
        qc_log(QC_LOG_WARN, "prune",
               "%s: its pin at height %u holds %llu bytes of block files, %llu are allowed: "
               "released",
               p->name, p->height, (unsigned long long)held, (unsigned long long)p->bytes);
        p->height = UINT32_MAX;
    }
}

/* Last height that nobody holds back. */
static uint32_t last_unpinned(qc_chain *c)
{
    uint32_t last = c->active.n ? (uint32_t)(c->active.n - 1) : 0;
    release_greedy(c);
    for (size_t k = 0; k < c->n_pin; k++) {
        if (!c->pin[k].name || c->pin[k].height == UINT32_MAX)
            continue;
        uint32_t at = c->pin[k].height > PIN_BUFFER + 1 ? c->pin[k].height - PIN_BUFFER - 1 : 0;
        uint32_t limit = QC_MAX(1, QC_MIN(last, at));
        if (limit < last)
            qc_log(QC_LOG_DEBUG, "prune", "%s limited pruning to height %u", c->pin[k].name, limit);
        last = limit;
    }
    return last;
}

static uint32_t last_prunable(const qc_chain *c, uint32_t limit)
{
    uint32_t height = c->active.n ? (uint32_t)(c->active.n - 1) : 0;
    uint32_t keep = height > QC_MIN_BLOCKS_TO_KEEP ? height - QC_MIN_BLOCKS_TO_KEEP : 0;
    return QC_MIN(limit, keep);
}

static void forget_file(qc_chain *c, uint32_t file)
{
    for (size_t k = 0; k < qc_tree_count(c->tree); k++) {
        qc_index *i = qc_tree_at(c->tree, k);
        if (atomic_load(&i->file) != (int32_t)file ||
            !(qc_index_status(i) & (QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO)))
            continue;
        qc_tree_mark(c->tree, i, 0, QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO);
        atomic_store(&i->file, -1);
        atomic_store(&i->data_pos, 0);
        atomic_store(&i->undo_pos, 0);
        /* Its body would have to come again before its branch could be taken. */
        qc_unlinked_remove(&c->unlinked, i);
    }
    qc_blockfiles_forget(c->files, file);
}

struct choice {
    uint32_t *file;
    size_t n, cap;
};

static qc_err choose(struct choice *ch, uint32_t file)
{
    if (ch->n == ch->cap) {
        size_t cap = ch->cap ? ch->cap * 2 : 16;
        uint32_t *v = qc_try_realloc(ch->file, cap * sizeof *v);
        if (!v)
            return QC_ENOMEM;
        ch->file = v;
        ch->cap = cap;
    }
    ch->file[ch->n++] = file;
    return QC_OK;
}

static qc_err find_manual(qc_chain *c, uint32_t last, struct choice *ch)
{
    qc_err err = QC_OK;
    for (uint32_t f = 0; f < qc_blockfiles_last(c->files) && !err; f++) {
        qc_fileinfo info = qc_blockfiles_info(c->files, f);
        if (info.size && info.height_last <= last)
            err = choose(ch, f);
    }
    qc_log(QC_LOG_INFO, "prune", "Prune (Manual): prune_height=%u removed %zu blk/rev pairs", last,
           ch->n);
    return err;
}

/* During the initial download, prune further than needed: every pruning costs a flush. */
static uint64_t ibd_margin(const qc_chain *c)
{
    uint32_t height = (uint32_t)(c->active.n - 1);
    if (!atomic_load(&c->ibd) || !c->best_header || c->best_header->height <= height)
        return 0;
    return AVERAGE_BLOCK * (c->best_header->height - height);
}

static qc_err find_auto(qc_chain *c, uint32_t last, struct choice *ch)
{
    uint64_t target = QC_MAX(c->prune_least, c->prune_target);
    uint64_t usage = qc_blockfiles_usage(c->files);
    /* Room for the next pieces of files; of a target below Core's least one it is no more than the
     * same share. */
    uint64_t buffer = QC_MIN(BLOCK_CHUNK + UNDO_CHUNK, target / 32);
    qc_err err = QC_OK;
    if (usage + buffer < target)
        return QC_OK;
    buffer += ibd_margin(c);
    for (uint32_t f = 0; f < qc_blockfiles_last(c->files) && !err; f++) {
        qc_fileinfo info = qc_blockfiles_info(c->files, f);
        if (!info.size)
            continue;
        if (usage + buffer < target)
            break;
        if (info.height_last > last)
            continue;
        err = choose(ch, f);
        usage -= (uint64_t)info.size + info.undo_size;
    }
    qc_log(QC_LOG_DEBUG, "prune",
           "target=%lluMiB actual=%lluMiB max_prune_height=%u removed %zu blk/rev pairs",
           (unsigned long long)(target >> 20), (unsigned long long)(usage >> 20), last, ch->n);
    return err;
}

qc_err qc_prune_find(qc_chain *c, uint32_t manual, uint32_t **files, size_t *n, uint32_t *pruned_to)
{
    struct choice ch = {0};
    uint32_t limit = last_unpinned(c);
    qc_err err = QC_OK;
    if (manual) {
        uint32_t last = last_prunable(c, QC_MIN(limit, manual));
        if (c->active.n)
            err = find_manual(c, last, &ch);
        if (pruned_to)
            *pruned_to = last;
    } else {
        c->check_for_pruning = false;
        if (c->prune_target > 1 && c->active.n > c->params->prune_after_height + 1)
            err = find_auto(c, last_prunable(c, limit), &ch);
    }
    if (err) {
        qc_free(ch.file);
        return qc_chain_fatal(c, err, "Cannot prune: %s", qc_err_text(err));
    }
    *files = ch.file;
    *n = ch.n;
    return QC_OK;
}

static void unlink_files(qc_chain *c, const uint32_t *files, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        qc_err err = qc_blockfiles_delete(c->files, files[k]);
        if (err && err != QC_ENOENT)
            qc_log(QC_LOG_WARN, "prune", "Cannot remove blk%05u.dat and its undo file: %s",
                   files[k], qc_err_text(err));
        else
            qc_log(QC_LOG_DEBUG, "prune", "Prune: deleted blk/rev (%05u)", files[k]);
    }
}

/* Lowest height of the active chain whose body and undo stay when the marked files go. */
static uint32_t first_kept(const qc_chain *c, const uint8_t *going)
{
    const uint32_t need = QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO;
    const qc_index *i = qc_active_tip(&c->active);
    for (; i->parent; i = i->parent) {
        const qc_index *p = i->parent;
        if (!qc_index_has(p, p->parent ? need : QC_BLOCK_HAVE_DATA) ||
            (going && going[atomic_load(&p->file)]))
            break;
    }
    return i->height;
}

static qc_err forget_files(qc_chain *c, const uint32_t *files, size_t n)
{
    uint8_t *going = qc_try_calloc((size_t)qc_blockfiles_last(c->files) + 1, 1);
    if (!going)
        return qc_chain_fatal(c, QC_ENOMEM, "Cannot prune: %s", qc_err_text(QC_ENOMEM));
    for (size_t k = 0; k < n; k++)
        going[files[k]] = 1;
    /* Told before the first body is missed: a reader that misses one knows why. */
    if (c->active.n)
        atomic_store(&c->prune_height, first_kept(c, going));
    qc_free(going);
    for (size_t k = 0; k < n; k++)
        forget_file(c, files[k]);
    return QC_OK;
}

qc_err qc_prune_files(qc_chain *c, const uint32_t *files, size_t n)
{
    if (!c->have_pruned) {
        qc_err err = qc_indexdb_set_flag(c->indexdb, "prunedblockfiles", true);
        if (err)
            return qc_chain_fatal(c, err, "Cannot prune: %s", qc_err_text(err));
        c->have_pruned = true;
    }
    qc_err err = forget_files(c, files, n);
    if (!err && !(err = qc_sync_index(c)))
        unlink_files(c, files, n);
    return err;
}

void qc_prune_height_again(qc_chain *c)
{
    if (c->have_pruned && c->active.n)
        atomic_store(&c->prune_height, first_kept(c, NULL));
}

uint32_t qc_chain_prune_height(const qc_chain *c)
{
    return atomic_load(&c->prune_height);
}

bool qc_chain_is_pruned_mode(const qc_chain *c, uint64_t *target)
{
    if (target)
        *target = c->prune_target;
    return c->prune_target != 0;
}

qc_err qc_chain_prune(qc_chain *c, uint32_t height, uint32_t *pruned_to)
{
    if (!c->prune_target)
        return QC_EINVAL;
    *pruned_to = 0;
    return height ? qc_flush_state(c, QC_FLUSH_NONE, height, pruned_to) : QC_OK;
}

/* ---- pins ---- */

static qc_pin *pin_of(qc_chain *c, const char *name)
{
    qc_pin *p = NULL;
    for (size_t k = 0; k < c->n_pin; k++)
        if (!c->pin[k].name)
            p = &c->pin[k];
        else if (strcmp(c->pin[k].name, name) == 0)
            return &c->pin[k];
    if (p)
        return p;
    qc_pin *more = qc_alloc((c->n_pin + 1) * sizeof *more);
    if (c->n_pin)
        memcpy(more, c->pin, c->n_pin * sizeof *more);
    qc_free(c->pin);
    c->pin = more;
    return &more[c->n_pin++];
}

void qc_chain_pin(qc_chain *c, const char *name, uint32_t height, uint64_t bytes)
{
    qc_pin *p = pin_of(c, name);
    if (height == UINT32_MAX) {
        qc_free(p->name);
        p->name = NULL;
        return;
    }
    if (!p->name)
        p->name = qc_strdup(name);
    p->height = height;
    p->bytes = bytes;
}

/* A pin at or above a block that leaves the chain steps back with it, so that its holder can
 * follow the reorganisation. */
void qc_pins_on_disconnect(qc_chain *c, uint32_t height)
{
    for (size_t k = 0; k < c->n_pin; k++)
        if (c->pin[k].name && c->pin[k].height != UINT32_MAX && c->pin[k].height >= height) {
            c->pin[k].height = height ? height - 1 : 0;
            qc_log(QC_LOG_DEBUG, "prune", "%s prune lock moved back to %u", c->pin[k].name,
                   c->pin[k].height);
        }
}

/* ---- before a reindex ---- */

qc_err qc_prune_clean_folder(const char *blocks_dir)
{
    qc_os_list l;
    qc_err err = qc_os_list_dir(blocks_dir, &l);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    qc_log(QC_LOG_INFO, "prune",
           "Removing unusable blk?????.dat and rev?????.dat files for -reindex with -prune");
    int64_t next = 0; /* names are sorted: a gap ends what a reindex will read */
    for (size_t k = 0; k < l.n && !err; k++) {
        int64_t blk = qc_blockfile_number(l.name[k], "blk");
        if (blk < 0 && qc_blockfile_number(l.name[k], "rev") < 0)
            continue;
        if (blk == next) {
            next++;
            continue;
        }
        char *path = qc_asprintf("%s/%s", blocks_dir, l.name[k]);
        err = qc_os_unlink(path);
        qc_free(path);
    }
    qc_os_list_free(&l);
    return err;
}
