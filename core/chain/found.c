/* Block files of which the databases know nothing: those were removed, or the node was killed
 * before it had written them for the first time. A new chain would be written over the files. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"

#include <stdlib.h>

int64_t qc_blockfile_number(const char *name, const char *kind)
{
    if (strlen(name) != 12 || strncmp(name, kind, 3) != 0 || strcmp(name + 8, ".dat") != 0)
        return -1;
    return strspn(name + 3, "0123456789") == 5 ? strtol(name + 3, NULL, 10) : -1;
}

/* ---- whose files are these? ---- */

static const char *chain_of_magic(const uint8_t magic[4])
{
    static const char *const name[] = {[QC_CHAIN_MAIN] = "main",
                                       [QC_CHAIN_TESTNET3] = "test",
                                       [QC_CHAIN_TESTNET4] = "testnet4",
                                       [QC_CHAIN_SIGNET] = "signet",
                                       [QC_CHAIN_REGTEST] = "regtest"};
    for (unsigned id = 0; id < QC_COUNTOF(name); id++) {
        qc_params *p;
        if (qc_params_new((qc_chain_id)id, NULL, &p))
            continue;
        bool same = memcmp(p->magic, magic, 4) == 0;
        qc_params_free(p);
        if (same)
            return name[id];
    }
    return NULL;
}

static qc_err tell_magic(const qc_chain *c, const uint8_t m[4], const char *of, char *detail,
                         size_t cap)
{
    const uint8_t *w = c->params->magic;
    snprintf(detail, cap,
             "%s/blk00000.dat, offset 0: found the magic bytes %02x%02x%02x%02x%s%s%s, wanted "
             "%02x%02x%02x%02x (%s). Wrong datadir for network?",
             c->blocks_dir, m[0], m[1], m[2], m[3], of ? " (" : "", of ? of : "", of ? ")" : "",
             w[0], w[1], w[2], w[3], c->params->name);
    return QC_EINVAL;
}

qc_err qc_foreign_files(const qc_chain *c, char *detail, size_t cap)
{
    uint8_t magic[4];
    uint32_t len;
    qc_err err = qc_blockfiles_frame(c->files, (qc_filepos){0, 8}, magic, &len);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    /* What is nobody's magic is damage, which a reindex steps over. */
    const char *of = memcmp(magic, c->params->magic, 4) != 0 ? chain_of_magic(magic) : NULL;
    return of ? tell_magic(c, magic, of, detail, cap) : QC_OK;
}

/* ---- is there anything to lose? ---- */

static qc_err stop_at_one(void *arg, const qc_hash *hash, const qc_index_record *rec)
{
    (void)hash;
    (void)rec;
    *(bool *)arg = true;
    return QC_ECANCELED;
}

/* An unreadable record is one, too: reading them all will tell. */
static bool index_is_empty(const qc_chain *c)
{
    bool any = false;
    return !qc_indexdb_each(c->indexdb, stop_at_one, &any) && !any;
}

static bool is_genesis(const qc_chain *c)
{
    char ignored[160];
    qc_bytes raw;
    qc_header h;
    qc_hash hash;
    if (qc_blockfiles_read_block(c->files, (qc_filepos){0, 8}, &raw, ignored, sizeof ignored))
        return false;
    bool is = raw.len >= QC_HEADER_LEN;
    if (is) {
        qc_header_read(raw.data, &h);
        qc_header_hash(&h, &hash);
        is = qc_hash_eq(&hash, &c->params->genesis_hash);
    }
    qc_bytes_free(&raw);
    return is;
}

/* blk00000.dat is the only file: does it hold more than the block that every chain begins with? */
static qc_err first_file(const qc_chain *c, bool *found, char *detail, size_t cap)
{
    uint8_t magic[4];
    uint32_t len;
    *found = false;
    qc_err err = qc_blockfiles_frame(c->files, (qc_filepos){0, 8}, magic, &len);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    if (memcmp(magic, c->params->magic, 4) != 0)
        return tell_magic(c, magic, chain_of_magic(magic), detail, cap);
    *found = true;
    if (!is_genesis(c))
        return QC_OK;
    err = qc_blockfiles_frame(c->files, (qc_filepos){0, len + 16}, magic, &len);
    *found = err != QC_ENOENT;
    return err == QC_ENOENT ? QC_OK : err;
}

/* *files: how many there are; a gap in their numbers is an error, for a reindex ends there and what
 * is behind it would be overwritten one day. */
static qc_err count(const qc_chain *c, uint32_t *files, char *detail, size_t cap)
{
    qc_os_list l = {0};
    *files = 0;
    qc_err err = qc_os_list_dir(c->blocks_dir, &l);
    for (size_t k = 0; !err && k < l.n; k++) { /* names are sorted */
        int64_t n = qc_blockfile_number(l.name[k], "blk");
        if (n < 0)
            continue;
        if (n > *files) {
            snprintf(detail, cap,
                     "%s/%s is there, but blk%05u.dat is missing and the block index is empty: "
                     "these blocks cannot be connected. Bring the block index and the chainstate "
                     "back, or restart with -reindex to begin again without them",
                     c->blocks_dir, l.name[k], *files);
            err = QC_EINVAL;
        }
        *files += 1;
    }
    qc_os_list_free(&l);
    return err;
}

qc_err qc_found_files(const qc_chain *c, bool *found, char *detail, size_t cap)
{
    uint32_t files;
    bool reindexing;
    *found = false;
    qc_err err = qc_indexdb_reindexing(c->indexdb, &reindexing);
    if (err || reindexing || !index_is_empty(c))
        return err;
    if ((err = count(c, &files, detail, cap)) || files == 0)
        return err;
    err = first_file(c, found, detail, cap);
    if (!err)
        *found = *found || files > 1;
    return err;
}
