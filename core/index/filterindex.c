/* The basic filters of the active chain: the follower takes it from block to block, filterdb keeps
 * them. */
#include "core/index/filterindex.h"

#include "core/base/alloc.h"
#include "core/index/blockfilter.h"
#include "core/index/filterdb.h"

struct qc_filterindex {
    qc_filterdb *db;
    qc_keeper *keeper;
    qc_hash header; /* filter header of the last block: index thread only */
};

static qc_err header_at(qc_filterindex *x, const qc_index *i, qc_hash *out)
{
    if (!i) {
        *out = (qc_hash){{0}};
        return QC_OK;
    }
    return qc_filterdb_get(x->db, i->height, &i->hash, NULL, out);
}

static qc_err locator(void *arg, qc_bookmark *out)
{
    qc_filterindex *x = arg;
    return qc_filterdb_locator(x->db, out);
}

static qc_err restore(void *arg, const qc_index *at)
{
    qc_filterindex *x = arg;
    return header_at(x, at, &x->header);
}

static qc_err append(void *arg, const qc_index *i, const qc_block *b)
{
    qc_filterindex *x = arg;
    qc_bytes filter;
    qc_hash hash, header;
    qc_err err = qc_blockfilter_basic(b, &filter);
    if (err)
        return err;
    qc_blockfilter_hash(qc_bytes_span(&filter), &hash);
    qc_blockfilter_header(&hash, &x->header, &header);
    err = qc_filterdb_put(x->db, i->height, &i->hash, qc_bytes_span(&filter), &header);
    qc_bytes_free(&filter);
    if (!err)
        x->header = header;
    return err;
}

static qc_err take_back(void *arg, const qc_index *i, const qc_block *b)
{
    qc_filterindex *x = arg;
    (void)b;
    qc_err err = qc_filterdb_leave(x->db, i->height);
    return err ? err : header_at(x, i->parent, &x->header);
}

static qc_err commit(void *arg, const qc_bookmark *l)
{
    qc_filterindex *x = arg;
    return qc_filterdb_commit(x->db, l);
}

static const qc_keeper_ops OPS = {.name = "basic block filter index",
                                  .thread_name = "blkfltbscidx",
                                  .append_spent = true,
                                  .locator = locator,
                                  .restore = restore,
                                  .append = append,
                                  .remove = take_back,
                                  .commit = commit};

qc_err qc_filterindex_start(qc_filterindex **out, qc_chain *c, const char *dir, size_t cache,
                            bool wipe, char *detail, size_t cap)
{
    qc_filterindex *x = qc_alloc(sizeof *x);
    char *path = qc_asprintf("%s/indexes/blockfilter/basic", dir);
    qc_err err = qc_filterdb_open(&x->db, path, cache, wipe, detail, cap);
    if (!err)
        err = qc_keeper_start(&x->keeper, &OPS, x, c, detail, cap);
    qc_free(path);
    if (err) {
        qc_filterindex_free(x);
        x = NULL;
    }
    *out = x;
    return err;
}

void qc_filterindex_stop(qc_filterindex *x)
{
    if (x)
        qc_keeper_stop(x->keeper);
}

void qc_filterindex_free(qc_filterindex *x)
{
    if (!x)
        return;
    qc_keeper_free(x->keeper);
    qc_filterdb_close(x->db);
    qc_free(x);
}

qc_keeper *qc_filterindex_keeper(qc_filterindex *x)
{
    return x->keeper;
}

qc_err qc_filterindex_get(qc_filterindex *x, const qc_index *i, qc_bytes *filter, qc_hash *header)
{
    return qc_filterdb_get(x->db, i->height, &i->hash, filter, header);
}

qc_err qc_filterindex_hash(qc_filterindex *x, const qc_index *i, qc_hash *out)
{
    return qc_filterdb_hash(x->db, i->height, &i->hash, out);
}
