/* Taking in blocks from files: our own (reindex) or others' (-loadblock), as Core validation.cpp
 * LoadExternalBlockFile. The file is cut into frames a group at a time; the pool parses and checks
 * one group while the chain thread takes in the one before. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/chain/internal.h"
#include "core/os/file.h"

#define GROUP_BLOCKS 64u
#define GROUP_BYTES ((size_t)16 << 20)

/* One frame of the file. */
struct frame {
    qc_bytes raw;
    uint64_t offset;
    qc_block *b; /* NULL: does not parse */
    size_t used; /* bytes the block took, or where parsing failed */
    qc_wire_fail fail;
    bool checked;
};

struct group {
    const qc_params *params;
    struct frame v[GROUP_BLOCKS];
    size_t n;
    bool last;       /* the file ends with it */
    qc_batch *batch; /* parses it; NULL when joined */
};

struct run {
    qc_chain *c;
    const char *path;
    const uint8_t *xor_key;
    int32_t file; /* number of our own file; -1: somebody else's */
    qc_blkscan *scan;
    qc_blkscan *again; /* a second look at a file that is not ours, for blocks that waited */
    qc_waiting *waiting;
    qc_import_stats *out;
    uint64_t before; /* bytes of the files before this one */
    uint64_t total;  /* bytes of all files */
};

static bool parse_one(void *arg, size_t k)
{
    struct group *g = arg;
    struct frame *f = &g->v[k];
    f->fail = qc_block_parse_at(qc_bytes_span(&f->raw), &f->b, &f->used);
    if (!f->fail) {
        qc_verdict v = {0};
        f->checked = qc_check_block(g->params, f->b, true, true, &v);
    }
    return true;
}

static void group_clear(struct group *g)
{
    if (g->batch)
        qc_batch_join(g->batch);
    for (size_t k = 0; k < g->n; k++) {
        if (g->v[k].b)
            qc_block_unref(g->v[k].b);
        qc_bytes_free(&g->v[k].raw);
    }
    memset(g->v, 0, sizeof g->v);
    g->n = 0;
    g->last = false;
    g->batch = NULL;
}

/* Cut the next group out of the file and have it parsed. */
static qc_err group_fill(struct run *r, struct group *g)
{
    size_t bytes = 0;
    qc_err err = QC_OK;
    while (g->n < GROUP_BLOCKS && bytes < GROUP_BYTES) {
        struct frame *f = &g->v[g->n];
        qc_span raw;
        err = qc_blkscan_next(r->scan, &raw, &f->offset);
        if (err)
            break;
        if ((err = qc_bytes_append(&f->raw, raw.data, raw.len)))
            break;
        bytes += raw.len;
        g->n++;
    }
    g->last = err == QC_ENOENT;
    if (err && !g->last)
        return err;
    g->params = r->c->params;
    g->batch = qc_pool_start(r->c->pool, parse_one, g, g->n, 1);
    return QC_OK;
}

/* ---- one block ---- */

static void log_child(const qc_hash *hash, const qc_hash *parent)
{
    char a[QC_HASH_HEX_LEN + 1], b[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(hash, a);
    qc_hash_hex(parent, b);
    qc_log(QC_LOG_DEBUG, "reindex", "LoadExternalBlockFile: Processing out of order child %s of %s",
           a, b);
}

static void log_orphan(const qc_hash *hash, const qc_hash *parent)
{
    char a[QC_HASH_HEX_LEN + 1], b[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(hash, a);
    qc_hash_hex(parent, b);
    qc_log(QC_LOG_DEBUG, "reindex",
           "LoadExternalBlockFile: Out of order block %s, parent %s not known", a, b);
}

static qc_filepos place_of(const struct run *r, uint64_t offset)
{
    return (qc_filepos){r->file, (uint32_t)offset};
}

static qc_err take_in(struct run *r, qc_block *b, const qc_filepos *at, bool checked, bool *taken)
{
    qc_verdict v;
    bool is_new;
    const qc_accept_how how = {true, true, checked, at};
    qc_err err = qc_accept_block(r->c, b, &how, &is_new, &v);
    *taken = !err && qc_verdict_ok(&v);
    if (!err && *taken)
        r->out->blocks++;
    else if (!err)
        r->out->rejected++;
    return err;
}

static qc_err read_waiting(struct run *r, const qc_waiting_block *w, qc_block **out)
{
    qc_span raw;
    uint64_t offset;
    size_t used;
    if (w->pos.file >= 0)
        return qc_read_body_at(r->c, w->pos, NULL, out);
    qc_err err =
        r->again ? QC_OK : qc_blkscan_open(&r->again, r->path, r->c->params->magic, r->xor_key);
    if (err)
        return err;
    qc_blkscan_seek(r->again, w->offset - 8);
    err = qc_blkscan_next(r->again, &raw, &offset);
    if (err || offset != w->offset)
        return err ? err : QC_ECORRUPT;
    qc_wire_fail fail = qc_block_parse_at(raw, out, &used);
    return fail == QC_WIRE_NOMEM ? QC_ENOMEM : fail ? QC_ECORRUPT : QC_OK;
}

/* Blocks met earlier whose parent has just come, and their descendants in turn. */
static qc_err take_in_children(struct run *r, const qc_hash *first)
{
    qc_hash *queue = NULL;
    size_t n = 0, cap = 0;
    qc_hash head = *first;
    qc_err err = QC_OK;
    for (size_t k = 0; !err; head = queue[k++]) {
        qc_waiting_block w;
        while (!err && qc_waiting_take(r->waiting, &head, &w)) {
            qc_block *b;
            bool taken = false;
            if ((err = read_waiting(r, &w, &b))) {
                err = err == QC_ECORRUPT || err == QC_ENOENT ? QC_OK : err;
                continue;
            }
            log_child(qc_block_hash(b), &head);
            err = take_in(r, b, w.pos.file >= 0 ? &w.pos : NULL, false, &taken);
            if (taken && n == cap) {
                cap = cap ? cap * 2 : 16;
                qc_hash *v = qc_try_realloc(queue, cap * sizeof *v);
                err = v ? err : QC_ENOMEM;
                queue = v ? v : queue;
            }
            if (taken && !err)
                queue[n++] = *qc_block_hash(b);
            qc_block_unref(b);
        }
        if (k == n)
            break;
    }
    qc_free(queue);
    return err;
}

/* Its parent is not known: keep its place for later. */
static qc_err set_aside(struct run *r, const struct frame *f, const qc_header *h,
                        const qc_hash *hash)
{
    r->out->out_of_order++;
    log_orphan(hash, &h->prev);
    qc_waiting_block w = {.parent = h->prev, .pos = {-1, 0}, .offset = f->offset};
    if (r->file >= 0)
        w.pos = place_of(r, f->offset);
    return qc_waiting_add(r->waiting, &w);
}

static qc_err take_frame(struct run *r, struct frame *f, bool *taken)
{
    qc_filepos pos = place_of(r, f->offset);
    if (f->fail == QC_WIRE_NOMEM)
        return QC_ENOMEM;
    if (!f->fail)
        return take_in(r, f->b, r->file >= 0 ? &pos : NULL, f->checked, taken);
    qc_log(QC_LOG_DEBUG, "reindex",
           "LoadExternalBlockFile: unexpected data at file offset 0x%llx - %s. continuing",
           (unsigned long long)(f->offset + f->used), qc_wire_text(f->fail));
    r->out->rejected++;
    return QC_OK;
}

static qc_err one_frame(struct run *r, struct frame *f)
{
    qc_chain *c = r->c;
    qc_header h;
    qc_hash hash;
    bool taken = false;
    qc_err err = QC_OK;
    qc_header_read(f->raw.data, &h);
    qc_header_hash(&h, &hash);
    bool genesis = qc_hash_eq(&hash, &c->params->genesis_hash);
    if (!genesis && !qc_tree_find(c->tree, &h.prev))
        return set_aside(r, f, &h, &hash);
    const qc_index *known = qc_tree_find(c->tree, &hash);
    if (!known || !qc_index_has(known, QC_BLOCK_HAVE_DATA)) {
        err = take_frame(r, f, &taken);
    } else {
        r->out->duplicates++;
        f->used = f->raw.len; /* it is not looked into */
    }
    /* The first block of all lets everything else go on; pruning needs a tip that moves. */
    if (!err &&
        ((genesis && !c->active.n) || (c->prune_target && taken && !qc_chain_reindexing(c))))
        err = qc_chain_activate(c);
    qc_tell_header_tip(c);
    return err ? err : take_in_children(r, &hash);
}

static void tell_share(const struct run *r)
{
    double share = r->total ? (double)r->out->bytes / (double)r->total : 1.0;
    qc_tell_progress(r->c, qc_chain_reindexing(r->c) ? "Reindexing" : "Importing blocks",
                     r->c->best_header, share > 1.0 ? 1.0 : share);
}

/* *cut: a frame was longer than its block; the file is to be cut anew from `from` on, as Core goes
 * on right behind the block. */
static qc_err take_group(struct run *r, struct group *g, bool *cut, uint64_t *from)
{
    *cut = false;
    qc_batch_join(g->batch);
    g->batch = NULL;
    for (size_t k = 0; k < g->n && !qc_chain_stopping(r->c); k++) {
        struct frame *f = &g->v[k];
        qc_err err = one_frame(r, f);
        if (err)
            return err;
        r->out->bytes = r->before + f->offset + f->raw.len;
        if (!f->fail && f->used < f->raw.len) {
            *from = f->offset + f->used;
            *cut = true;
            return QC_OK;
        }
    }
    tell_share(r);
    return QC_OK;
}

static qc_err run_groups(struct run *r, struct group *a, struct group *b)
{
    qc_err err = group_fill(r, a);
    while (!err && !qc_chain_stopping(r->c)) {
        bool cut;
        uint64_t from;
        if (!a->last && (err = group_fill(r, b)))
            break;
        if ((err = take_group(r, a, &cut, &from)))
            break;
        bool last = a->last && !cut;
        group_clear(a);
        if (cut) {
            group_clear(b);
            qc_blkscan_seek(r->scan, from);
            err = group_fill(r, b);
        }
        if (last)
            break;
        struct group *t = a;
        a = b;
        b = t;
        qc_chain_yield(r->c);
    }
    return err;
}

static qc_err run_file(struct run *r)
{
    struct group *g = qc_try_calloc(2, sizeof *g);
    if (!g)
        return QC_ENOMEM;
    qc_err err = qc_blkscan_open(&r->scan, r->path, r->c->params->magic, r->xor_key);
    if (!err) {
        qc_mono start = qc_clock_mono();
        uint64_t had = r->out->blocks;
        err = run_groups(r, &g[0], &g[1]);
        r->out->skipped_bytes += qc_blkscan_skipped(r->scan);
        r->before += qc_blkscan_size(r->scan);
        group_clear(&g[0]);
        group_clear(&g[1]);
        qc_blkscan_close(r->scan);
        qc_log(QC_LOG_INFO, "validation", "Loaded %llu blocks from external file in %lldms",
               (unsigned long long)(r->out->blocks - had),
               (long long)((qc_clock_mono() - start) / 1000000));
    }
    qc_blkscan_close(r->again);
    r->again = NULL;
    qc_free(g);
    return err;
}

static qc_err file_size(const char *path, uint64_t *out)
{
    int fd;
    qc_err err = qc_os_open_ro(&fd, path);
    if (err)
        return err;
    err = qc_os_size(fd, out);
    qc_os_close(fd);
    return err;
}

static void begin(qc_chain *c, const _Atomic bool *stop, qc_import_stats *out)
{
    memset(out, 0, sizeof *out);
    c->stop = stop;
    c->importing = true;
}

static qc_err end(qc_chain *c, qc_err err)
{
    if (!err && qc_chain_stopping(c))
        err = QC_ECANCELED;
    if (!err)
        err = qc_chain_activate(c);
    if (!err && qc_chain_stopping(c))
        err = QC_ECANCELED;
    c->importing = false;
    c->stop = NULL;
    qc_update_ibd(c);
    return err;
}

qc_err qc_chain_import_file(qc_chain *c, const char *path, const uint8_t *xor_key,
                            const _Atomic bool *stop, qc_import_stats *out)
{
    begin(c, stop, out);
    struct run r = {.c = c, .path = path, .xor_key = xor_key, .file = -1, .out = out};
    qc_err err = file_size(path, &r.total);
    if (err)
        qc_log(QC_LOG_WARN, "validation", "Could not open blocks file %s", path);
    /* A new folder has no tip yet, and the file may begin above the genesis block. */
    if (!err && !c->active.n)
        err = qc_chain_activate(c);
    if (!err && !(err = qc_waiting_new(&r.waiting))) {
        qc_log(QC_LOG_INFO, "validation", "Importing blocks file %s...", path);
        err = run_file(&r);
        qc_waiting_free(r.waiting);
    }
    return end(c, err);
}

/* ---- reindex ---- */

static char *own_path(const qc_chain *c, uint32_t file)
{
    return qc_asprintf("%s/blk%05u.dat", c->blocks_dir, file);
}

static uint32_t count_files(const qc_chain *c, uint64_t *bytes)
{
    for (uint32_t n = 0;; n++) {
        uint64_t size = 0;
        char *path = own_path(c, n);
        bool there = qc_os_exists(path);
        qc_err err = there ? file_size(path, &size) : QC_OK;
        qc_free(path);
        if (!there || err)
            return n;
        *bytes += size;
    }
}

static qc_err reindex_files(struct run *r)
{
    qc_chain *c = r->c;
    uint32_t files = count_files(c, &r->total);
    qc_err err = qc_waiting_new(&r->waiting);
    for (uint32_t f = 0; f < files && !err; f++) {
        char *path = own_path(c, f);
        r->path = path;
        r->file = (int32_t)f;
        qc_log(QC_LOG_INFO, "validation", "Reindexing block file blk%05u.dat (%u%% complete)...", f,
               f * 100 / files);
        err = run_file(r);
        qc_free(path);
        if (!err && qc_chain_stopping(c)) {
            qc_log(QC_LOG_INFO, "validation", "Interrupt requested. Exit reindexing.");
            err = QC_ECANCELED;
        }
    }
    qc_waiting_free(r->waiting);
    return err;
}

qc_err qc_chain_reindex(qc_chain *c, const _Atomic bool *stop, qc_import_stats *out)
{
    begin(c, stop, out);
    struct run r = {.c = c, .xor_key = qc_blockfiles_xor(c->files), .out = out};
    qc_err err = QC_OK;
    if (atomic_load(&c->reindexing)) {
        err = reindex_files(&r);
        if (!err)
            err = qc_write_genesis(c); /* when no file had it */
        /* What was found is in the index on disk before it is said that nothing is missing. */
        if (!err && !(err = qc_sync_index(c)) &&
            !(err = qc_indexdb_set_reindexing(c->indexdb, false))) {
            atomic_store(&c->reindexing, false);
            qc_log(QC_LOG_INFO, "validation", "Reindexing finished");
        }
    }
    return end(c, err);
}
