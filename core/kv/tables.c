/* A look at LevelDB's table files before they are opened: are their blocks compressed? The index
 * block, the metaindex block and the first data block of each table answer for it. What does not
 * read as a table is left for the engine to judge. Format: leveldb doc/table_format.md. */
#include "core/kv/engine.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/os/file.h"

#include <stdio.h>

#define FOOTER_LEN 48
#define TABLE_MAGIC 0xdb4775248b80fb57u
#define FIRST_ENTRY_MAX 512 /* enough of an index block to hold its first entry */

typedef struct handle {
    uint64_t off, len;
} handle;

typedef struct table {
    int fd;
    uint64_t size;
} table;

/* LevelDB's varint64; false when it does not end within the bytes. */
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
        uint8_t b = *(*p)++;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool handle_read(const uint8_t **p, const uint8_t *end, handle *h)
{
    return varint(p, end, &h->off) && varint(p, end, &h->len);
}

/* The type byte that follows a block; 0 (not compressed) when the block lies outside the file. */
static qc_err block_type(const table *t, handle h, uint8_t *type)
{
    uint64_t at;
    *type = 0;
    if (!QC_ADD_OK(h.off, h.len, &at) || at >= t->size)
        return QC_OK;
    return qc_os_pread_full(t->fd, type, 1, at);
}

/* The handle in the first entry of an uncompressed index block. */
static qc_err first_data_block(const table *t, handle index, handle *out, bool *found)
{
    uint8_t buf[FIRST_ENTRY_MAX];
    size_t n = (size_t)QC_MIN(index.len, (uint64_t)sizeof buf);
    *found = false;
    if (index.off > t->size || n > t->size - index.off)
        return QC_OK;
    qc_err err = qc_os_pread_full(t->fd, buf, n, index.off);
    if (err)
        return err;
    const uint8_t *p = buf, *end = buf + n;
    uint64_t shared, unshared, value;
    if (!varint(&p, end, &shared) || !varint(&p, end, &unshared) || !varint(&p, end, &value) ||
        unshared > (uint64_t)(end - p))
        return QC_OK;
    p += unshared;
    *found = handle_read(&p, end, out);
    return QC_OK;
}

static qc_err table_compressed(const table *t, bool *yes)
{
    uint8_t foot[FOOTER_LEN], type;
    *yes = false;
    if (t->size < FOOTER_LEN)
        return QC_OK;
    qc_err err = qc_os_pread_full(t->fd, foot, sizeof foot, t->size - FOOTER_LEN);
    if (err || qc_read_le64(foot + FOOTER_LEN - 8) != TABLE_MAGIC)
        return err;
    const uint8_t *p = foot, *end = foot + FOOTER_LEN - 8;
    handle meta, index, data;
    if (!handle_read(&p, end, &meta) || !handle_read(&p, end, &index))
        return QC_OK;
    if ((err = block_type(t, meta, &type)) || (*yes = type != 0))
        return err;
    if ((err = block_type(t, index, &type)) || (*yes = type != 0))
        return err;
    bool found;
    if ((err = first_data_block(t, index, &data, &found)) || !found)
        return err;
    err = block_type(t, data, &type);
    *yes = type != 0;
    return err;
}

static bool is_table_name(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && (strcmp(name + n - 4, ".ldb") == 0 || strcmp(name + n - 4, ".sst") == 0);
}

static qc_err check_file(const char *file, char *detail, size_t cap)
{
    table t;
    qc_err err = qc_os_open_ro(&t.fd, file);
    if (err)
        return err == QC_ENOENT ? QC_OK : err; /* a missing table is the engine's to tell */
    bool compressed = false;
    err = qc_os_size(t.fd, &t.size);
    if (!err)
        err = table_compressed(&t, &compressed);
    qc_os_close(t.fd);
    if (err || !compressed)
        return err;
    if (detail && cap)
        snprintf(detail, cap,
                 "%s: a compressed table: tables must be uncompressed, as Bitcoin Core reads no "
                 "others; rebuild this database (-reindex or -reindex-chainstate)",
                 file);
    return QC_EUNSUPPORTED;
}

qc_err qc_kv_tables_check(const char *path, char *detail, size_t cap)
{
    qc_os_list l;
    qc_err err = qc_os_list_dir(path, &l);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    for (size_t i = 0; i < l.n && !err; i++) {
        if (!is_table_name(l.name[i]))
            continue;
        char *file = qc_asprintf("%s/%s", path, l.name[i]);
        err = check_file(file, detail, cap);
        if (err && err != QC_EUNSUPPORTED && detail && cap)
            snprintf(detail, cap, "%s: %s", file, qc_err_text(err));
        qc_free(file);
    }
    qc_os_list_free(&l);
    return err;
}
