/* Appending to blk and rev files: the file table, preallocation, obfuscation, syncs. */
#include "core/store/blockfiles.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/crypto/sha256.h"
#include "core/kv/obfuscate.h"
#include "core/os/file.h"
#include "core/store/files.h"

#include <stdio.h>

#define FILE_BYTES (128u << 20)
#define FILE_BYTES_FAST (64u << 10) /* -fastprune */
#define BLK_CHUNK (16u << 20)
#define BLK_CHUNK_FAST (16u << 10)
#define REV_CHUNK (1u << 20)
#define SPACE_KEPT ((uint64_t)50 << 20) /* Core CheckDiskSpace: left free on the disk */
#define SCRATCH_KEPT ((size_t)8 << 20)
#define N_WRITER 4

/* An open file that may hold bytes not yet synced: one is never closed before it is. */
typedef struct writer {
    int fd; /* -1: free */
    qc_filekind kind;
    uint32_t file;
    bool dirty;
    uint64_t used; /* clock of the last use */
} writer;

typedef struct entry {
    qc_fileinfo info;
    bool dirty;
} entry;

struct qc_blockfiles {
    qc_filebase base;
    bool fast;
    entry *table;
    uint32_t n, cap; /* files known; there is always one to write to */
    uint32_t first_dirty;
    writer writer[N_WRITER];
    uint64_t clock;
    bool names_dirty; /* a file was made since the folder was synced */
    qc_bytes scratch;
};

char *qc_blockfile_path(const char *dir, qc_filekind kind, uint32_t file)
{
    return qc_asprintf("%s/%s%05u.dat", dir, kind == QC_FILE_BLK ? "blk" : "rev", file);
}

const qc_filebase *qc_blockfiles_base(const qc_blockfiles *f)
{
    return &f->base;
}

const uint8_t *qc_blockfiles_xor(const qc_blockfiles *f)
{
    return f->base.key;
}

/* ---- opening ---- */

/* Core InitBlocksdirXorKey: a folder that holds only hidden names has never been used. */
static qc_err is_first_run(const char *dir, bool *yes)
{
    qc_os_list l;
    qc_err err = qc_os_list_dir(dir, &l);
    if (err)
        return err;
    *yes = true;
    for (size_t i = 0; i < l.n; i++)
        if (l.name[i][0] != '.')
            *yes = false;
    qc_os_list_free(&l);
    return QC_OK;
}

static qc_err read_key(qc_filebase *b, const char *path, char *detail, size_t cap)
{
    qc_bytes v;
    qc_err err = qc_os_read_file(path, 4096, &v);
    if (err)
        return err == QC_ERANGE ? QC_ECORRUPT : err;
    if (v.len < sizeof b->key) {
        if (detail && cap)
            snprintf(detail, cap, "%s: %zu bytes found, 8 wanted", path, v.len);
        err = QC_ECORRUPT;
    } else {
        memcpy(b->key, v.data, sizeof b->key);
    }
    qc_bytes_free(&v);
    return err;
}

static qc_err key_not_zero(const qc_filebase *b, const char *path, char *detail, size_t cap)
{
    char hex[17];
    for (unsigned i = 0; i < 8; i++)
        snprintf(hex + 2 * i, 3, "%02x", b->key[i]);
    if (detail && cap)
        snprintf(detail, cap,
                 "The blocksdir XOR-key can not be disabled when a random key was already stored! "
                 "Stored key: '%s', stored path: '%s'.",
                 hex, path);
    return QC_EINVAL;
}

static qc_err load_key(qc_filebase *b, const qc_blockfiles_options *o, const char *path)
{
    bool first;
    qc_err err = is_first_run(b->dir, &first);
    if (err)
        return err;
    if (qc_os_exists(path)) {
        err = read_key(b, path, o->detail, o->detail_cap);
    } else {
        if (o->use_xor && first)
            qc_os_random(b->key, sizeof b->key);
        err = qc_os_write_file_atomic(path, qc_span_of(b->key, sizeof b->key), 0600);
    }
    b->xored = memcmp(b->key, (uint8_t[8]){0}, 8) != 0;
    if (!err && !o->use_xor && b->xored)
        err = key_not_zero(b, path, o->detail, o->detail_cap);
    return err;
}

qc_err qc_blockfiles_open(qc_blockfiles **out, const qc_blockfiles_options *o)
{
    *out = NULL;
    if (o->detail && o->detail_cap)
        o->detail[0] = 0;
    qc_blockfiles *f = qc_alloc(sizeof *f);
    f->base.dir = qc_strdup(o->dir);
    memcpy(f->base.magic, o->magic, sizeof f->base.magic);
    f->fast = o->fast;
    for (size_t i = 0; i < N_WRITER; i++)
        f->writer[i].fd = -1;
    char *path = qc_asprintf("%s/xor.dat", o->dir);
    qc_err err = qc_os_mkdirs(o->dir);
    if (!err)
        err = load_key(&f->base, o, path);
    if (!err)
        err = qc_blockfiles_set_info(f, 0, &(qc_fileinfo){0});
    if (err && o->detail && o->detail_cap && !o->detail[0])
        snprintf(o->detail, o->detail_cap, "%s: %s", path, qc_err_text(err));
    qc_free(path);
    if (err) {
        qc_blockfiles_close(f);
        return err;
    }
    *out = f;
    return QC_OK;
}

void qc_blockfiles_close(qc_blockfiles *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < N_WRITER; i++)
        if (f->writer[i].fd >= 0)
            qc_os_close(f->writer[i].fd);
    qc_free(f->table);
    qc_bytes_free(&f->scratch);
    qc_free(f->base.dir);
    qc_free(f);
}

/* ---- the file table ---- */

static qc_err grow(qc_blockfiles *f, uint32_t file)
{
    if (file > QC_FILE_MAX)
        return QC_ERANGE;
    if (file >= f->cap) {
        uint32_t cap = QC_MAX(file + 1, QC_MAX(f->cap * 2, 16));
        entry *t = qc_try_realloc(f->table, cap * sizeof *t);
        if (!t)
            return QC_ENOMEM;
        memset(t + f->cap, 0, (cap - f->cap) * sizeof *t);
        f->table = t;
        f->cap = cap;
    }
    f->n = QC_MAX(f->n, file + 1);
    return QC_OK;
}

static void mark(qc_blockfiles *f, uint32_t file)
{
    f->table[file].dirty = true;
    f->first_dirty = QC_MIN(f->first_dirty, file);
}

qc_err qc_blockfiles_set_info(qc_blockfiles *f, uint32_t file, const qc_fileinfo *info)
{
    qc_err err = grow(f, file);
    if (!err)
        f->table[file].info = *info;
    return err;
}

qc_fileinfo qc_blockfiles_info(const qc_blockfiles *f, uint32_t file)
{
    return file < f->n ? f->table[file].info : (qc_fileinfo){0};
}

uint32_t qc_blockfiles_last(const qc_blockfiles *f)
{
    return f->n - 1;
}

size_t qc_blockfiles_dirty(qc_blockfiles *f, uint32_t *out, size_t cap)
{
    size_t n = 0;
    for (; f->first_dirty < f->n && n < cap; f->first_dirty++) {
        entry *e = &f->table[f->first_dirty];
        if (e->dirty)
            out[n++] = f->first_dirty;
        e->dirty = false;
    }
    return n;
}

uint64_t qc_blockfiles_usage(const qc_blockfiles *f)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < f->n; i++)
        sum += (uint64_t)f->table[i].info.size + f->table[i].info.undo_size;
    return sum;
}

/* Core CBlockFileInfo::AddBlock. */
static void account(qc_blockfiles *f, uint32_t file, uint32_t height, uint32_t time)
{
    qc_fileinfo *i = &f->table[file].info;
    if (i->blocks == 0 || i->height_first > height)
        i->height_first = height;
    if (i->blocks == 0 || i->time_first > time)
        i->time_first = time;
    i->blocks++;
    i->height_last = QC_MAX(i->height_last, height);
    i->time_last = QC_MAX(i->time_last, time);
    mark(f, file);
}

qc_err qc_blockfiles_note_block(qc_blockfiles *f, size_t len, uint32_t height, uint32_t time,
                                qc_filepos pos)
{
    uint32_t end;
    if (pos.file < 0 || len > UINT32_MAX || !QC_ADD_OK(pos.pos, (uint32_t)len, &end))
        return QC_ERANGE;
    qc_err err = grow(f, (uint32_t)pos.file);
    if (err)
        return err;
    qc_fileinfo *i = &f->table[pos.file].info;
    i->size = QC_MAX(i->size, end);
    account(f, (uint32_t)pos.file, height, time);
    return QC_OK;
}

/* ---- open files ---- */

/* Say which file it was: the caller knows of positions only. */
static qc_err failed(const qc_blockfiles *f, qc_filekind kind, uint32_t file, const char *what,
                     qc_err err)
{
    char *path = qc_blockfile_path(f->base.dir, kind, file);
    qc_log(QC_LOG_ERROR, "blockstorage", "%s: %s: %s", path, what, qc_err_text(err));
    qc_free(path);
    return err;
}

/* What is left of preallocation goes when a file gets no more: Core FlatFileSeq::Flush finalize. */
static qc_err trim(const qc_blockfiles *f, const writer *w)
{
    const qc_fileinfo *i = &f->table[w->file].info;
    if (w->file + 1 >= f->n)
        return QC_OK;
    return qc_os_truncate(w->fd, w->kind == QC_FILE_BLK ? i->size : i->undo_size);
}

static qc_err writer_sync(const qc_blockfiles *f, writer *w)
{
    if (w->fd < 0 || !w->dirty)
        return QC_OK;
    qc_err err = trim(f, w);
    if (err)
        return failed(f, w->kind, w->file, "truncate", err);
    if ((err = qc_os_sync(w->fd)))
        return failed(f, w->kind, w->file, "sync", err);
    w->dirty = false;
    return QC_OK;
}

static qc_err writer_close(const qc_blockfiles *f, writer *w)
{
    qc_err err = writer_sync(f, w);
    if (err)
        return err;
    qc_os_close(w->fd);
    w->fd = -1;
    return QC_OK;
}

static writer *writer_find(qc_blockfiles *f, qc_filekind kind, uint32_t file)
{
    for (size_t i = 0; i < N_WRITER; i++) {
        writer *w = &f->writer[i];
        if (w->fd >= 0 && w->kind == kind && w->file == file)
            return w;
    }
    return NULL;
}

static qc_err writer_open(qc_blockfiles *f, qc_filekind kind, uint32_t file, writer *w)
{
    char *path = qc_blockfile_path(f->base.dir, kind, file);
    bool fresh = !qc_os_exists(path);
    qc_err err = qc_os_open_rw(&w->fd, path, true);
    qc_free(path);
    if (err) {
        w->fd = -1;
        return failed(f, kind, file, "open", err);
    }
    f->names_dirty |= fresh;
    w->kind = kind;
    w->file = file;
    w->dirty = false;
    return QC_OK;
}

static qc_err writer_get(qc_blockfiles *f, qc_filekind kind, uint32_t file, writer **out)
{
    writer *w = writer_find(f, kind, file);
    if (!w) {
        w = &f->writer[0];
        for (size_t i = 1; i < N_WRITER && w->fd >= 0; i++)
            if (f->writer[i].fd < 0 || f->writer[i].used < w->used)
                w = &f->writer[i];
        qc_err err = w->fd >= 0 ? writer_close(f, w) : QC_OK;
        if (err || (err = writer_open(f, kind, file, w)))
            return err;
    }
    w->used = ++f->clock;
    *out = w;
    return QC_OK;
}

/* Core FlatFileSeq::Allocate: whole chunks ahead. Only a full disk matters; that a file system
 * cannot preallocate does not. */
static qc_err make_room(const qc_blockfiles *f, const writer *w, uint64_t at, uint64_t len)
{
    uint64_t chunk = w->kind == QC_FILE_REV ? REV_CHUNK : f->fast ? BLK_CHUNK_FAST : BLK_CHUNK;
    uint64_t had = (at + chunk - 1) / chunk * chunk;
    uint64_t end = (at + len + chunk - 1) / chunk * chunk;
    if (end <= had)
        return QC_OK;
    uint64_t left;
    qc_err err = qc_os_free_space(f->base.dir, &left);
    if (err)
        return err;
    if (left < SPACE_KEPT + (end - at))
        return QC_EFULL;
    return qc_os_preallocate(w->fd, at, end - at) == QC_EFULL ? QC_EFULL : QC_OK;
}

/* Obfuscate the gathered record and write it at `at`. */
static qc_err append(qc_blockfiles *f, qc_filekind kind, uint32_t file, uint32_t at)
{
    qc_bytes *s = &f->scratch;
    writer *w;
    qc_err err = writer_get(f, kind, file, &w);
    if (err)
        return err;
    if ((err = make_room(f, w, at, s->len)))
        return failed(f, kind, file, "make room", err);
    if (f->base.xored)
        qc_obfuscate(s->data, s->data, s->len, f->base.key, at);
    w->dirty = true;
    err = qc_os_pwrite_full(w->fd, s->data, s->len, at);
    return err ? failed(f, kind, file, "write", err) : QC_OK;
}

/* Start a record of `len` bytes in the scratch buffer, with room for `more` behind it. */
static qc_err frame(qc_blockfiles *f, qc_span body, size_t more)
{
    qc_bytes *s = &f->scratch;
    s->len = 0;
    qc_err err = qc_bytes_reserve(s, QC_FRAME_LEN + body.len + more);
    if (err)
        return err;
    memcpy(s->data, f->base.magic, 4);
    qc_write_le32(s->data + 4, (uint32_t)body.len);
    if (body.len)
        memcpy(s->data + QC_FRAME_LEN, body.data, body.len);
    s->len = QC_FRAME_LEN + body.len;
    return QC_OK;
}

static void scratch_shrink(qc_blockfiles *f)
{
    if (f->scratch.cap > SCRATCH_KEPT)
        qc_bytes_free(&f->scratch);
}

/* ---- appending ---- */

static uint32_t file_limit(const qc_blockfiles *f, uint32_t add)
{
    if (!f->fast)
        return FILE_BYTES;
    return QC_MAX(FILE_BYTES_FAST, add + 1); /* a block must fit */
}

/* Go on to a new file: what the full one holds becomes durable now. Its rev file is trimmed by the
 * next sync, since its blocks may still have to be connected. */
static qc_err leave(qc_blockfiles *f, uint32_t full)
{
    qc_err err = grow(f, full + 1);
    if (err)
        return err;
    writer *blk = writer_find(f, QC_FILE_BLK, full), *rev = writer_find(f, QC_FILE_REV, full);
    if (rev)
        rev->dirty = true;
    if (blk) {
        blk->dirty = true;
        err = writer_close(f, blk);
    }
    if (err)
        f->n = full + 1; /* the new file was not begun */
    return err;
}

qc_err qc_blockfiles_write_block(qc_blockfiles *f, qc_span block, uint32_t height, uint32_t time,
                                 qc_filepos *pos)
{
    QC_ASSERT(block.len <= QC_BLOCK_MAX);
    uint32_t add = (uint32_t)block.len + QC_FRAME_LEN;
    uint32_t file = qc_blockfiles_last(f);
    qc_err err = QC_OK;
    if ((uint64_t)f->table[file].info.size + add >= file_limit(f, add)) {
        if ((err = leave(f, file)))
            return err;
        file = qc_blockfiles_last(f);
    }
    uint32_t at = f->table[file].info.size;
    if ((err = frame(f, block, 0)) || (err = append(f, QC_FILE_BLK, file, at)))
        return err;
    f->table[file].info.size += add;
    account(f, file, height, time);
    *pos = (qc_filepos){(int32_t)file, at + QC_FRAME_LEN};
    return QC_OK;
}

qc_err qc_blockfiles_write_undo(qc_blockfiles *f, int32_t file, qc_span undo, const qc_hash *prev,
                                qc_filepos *pos)
{
    QC_ASSERT(file >= 0 && (uint32_t)file < f->n);
    qc_fileinfo *i = &f->table[file].info;
    uint64_t add = (uint64_t)undo.len + QC_FRAME_LEN + QC_SUM_LEN;
    if (i->undo_size + add > UINT32_MAX)
        return QC_ERANGE;
    uint32_t at = i->undo_size;
    qc_err err = frame(f, undo, QC_SUM_LEN);
    if (err)
        return err;
    qc_sha256_ctx sum;
    qc_sha256_init(&sum);
    qc_sha256_update(&sum, prev->b, sizeof prev->b);
    qc_sha256_update(&sum, undo.data, undo.len);
    qc_sha256d_final(&sum, f->scratch.data + f->scratch.len);
    f->scratch.len += QC_SUM_LEN;
    err = append(f, QC_FILE_REV, (uint32_t)file, at);
    scratch_shrink(f);
    if (err)
        return err;
    i = &f->table[file].info;
    i->undo_size += (uint32_t)add;
    mark(f, (uint32_t)file);
    *pos = (qc_filepos){file, at + QC_FRAME_LEN};
    return QC_OK;
}

/* As Core's flush leaves it, the last block file has an undo file, an empty one if need be. */
static qc_err make_last_undo(qc_blockfiles *f)
{
    writer *w;
    if (!f->n || !f->table[f->n - 1].info.size)
        return QC_OK;
    char *path = qc_blockfile_path(f->base.dir, QC_FILE_REV, f->n - 1);
    bool there = qc_os_exists(path);
    qc_free(path);
    return there ? QC_OK : writer_get(f, QC_FILE_REV, f->n - 1, &w);
}

qc_err qc_blockfiles_sync(qc_blockfiles *f)
{
    qc_err err = make_last_undo(f);
    for (size_t i = 0; i < N_WRITER && !err; i++)
        err = writer_sync(f, &f->writer[i]);
    if (err || !f->names_dirty)
        return err;
    char *path = qc_blockfile_path(f->base.dir, QC_FILE_BLK, 0);
    err = qc_os_sync_dir_of(path);
    qc_free(path);
    if (err)
        qc_log(QC_LOG_ERROR, "blockstorage", "%s: sync of the folder: %s", f->base.dir,
               qc_err_text(err));
    else
        f->names_dirty = false;
    return err;
}

/* ---- pruning ---- */

void qc_blockfiles_forget(qc_blockfiles *f, uint32_t file)
{
    if (file >= f->n)
        return;
    f->table[file].info = (qc_fileinfo){0};
    mark(f, file);
}

static qc_err remove_one(qc_blockfiles *f, qc_filekind kind, uint32_t file)
{
    writer *w = writer_find(f, kind, file);
    if (w) {
        qc_os_close(w->fd); /* its bytes are not wanted any more */
        w->fd = -1;
    }
    char *path = qc_blockfile_path(f->base.dir, kind, file);
    qc_err err = qc_os_unlink(path);
    qc_free(path);
    return err && err != QC_ENOENT ? failed(f, kind, file, "remove", err) : QC_OK;
}

qc_err qc_blockfiles_delete(qc_blockfiles *f, uint32_t file)
{
    qc_fileinfo i = qc_blockfiles_info(f, file);
    if (i.blocks || i.size || i.undo_size)
        qc_blockfiles_forget(f, file);
    qc_err err = remove_one(f, QC_FILE_BLK, file);
    qc_err rev = remove_one(f, QC_FILE_REV, file);
    return err ? err : rev;
}
