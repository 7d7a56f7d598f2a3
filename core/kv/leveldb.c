/* LevelDB through its C API, tuned as Core tunes it (dbwrapper.cpp GetOptions): half of the cache
 * for blocks, a quarter for the write buffer (two may be held), bloom filters of 10 bits, 32 MiB
 * tables, no compression. */
#include "core/kv/engine.h"

#include "core/base/alloc.h"

#include <leveldb/c.h>

#include <stdlib.h>

#define BLOOM_BITS 10
#define TABLE_BYTES ((size_t)32 << 20)

typedef struct engine {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_readoptions_t *get;
    leveldb_readoptions_t *walk;
    leveldb_writeoptions_t *write, *write_sync;
    bool verify;
} engine;

typedef struct snapshot {
    const leveldb_snapshot_t *s;
    leveldb_readoptions_t *get, *walk;
} snapshot;

/* Walks must not push what is read often out of the block cache. */
static leveldb_readoptions_t *read_options(bool verify, bool fill_cache)
{
    leveldb_readoptions_t *r = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(r, verify);
    leveldb_readoptions_set_fill_cache(r, fill_cache);
    return r;
}

static void ldb_close(void *db)
{
    engine *e = db;
    if (e->db)
        leveldb_close(e->db);
    leveldb_readoptions_destroy(e->get);
    leveldb_readoptions_destroy(e->walk);
    leveldb_writeoptions_destroy(e->write);
    leveldb_writeoptions_destroy(e->write_sync);
    leveldb_options_destroy(e->options);
    leveldb_filterpolicy_destroy(e->filter);
    leveldb_cache_destroy(e->cache);
    qc_free(e);
}

static void *ldb_open(const char *path, const qc_kv_options *o, char **msg)
{
    engine *e = qc_alloc(sizeof *e);
    e->verify = o->paranoid;
    e->cache = leveldb_cache_create_lru(o->cache_bytes / 2);
    e->filter = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
    e->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(e->options, o->create);
    leveldb_options_set_paranoid_checks(e->options, o->paranoid);
    leveldb_options_set_write_buffer_size(e->options, o->cache_bytes / 4);
    leveldb_options_set_cache(e->options, e->cache);
    leveldb_options_set_filter_policy(e->options, e->filter);
    leveldb_options_set_compression(e->options, leveldb_no_compression);
    leveldb_options_set_max_file_size(e->options, TABLE_BYTES);
    if (o->max_open_files)
        leveldb_options_set_max_open_files(e->options, (int)o->max_open_files);
    e->get = read_options(e->verify, true);
    e->walk = read_options(e->verify, false);
    e->write = leveldb_writeoptions_create();
    e->write_sync = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(e->write_sync, 1);
    e->db = leveldb_open(e->options, path, msg);
    if (*msg) {
        ldb_close(e);
        return NULL;
    }
    return e;
}

static void ldb_destroy(const char *path, char **msg)
{
    leveldb_options_t *o = leveldb_options_create();
    leveldb_destroy_db(o, path, msg);
    leveldb_options_destroy(o);
}

static qc_err ldb_get(void *db, void *snap, qc_span key, qc_bytes *out, char **msg)
{
    engine *e = db;
    const leveldb_readoptions_t *r = snap ? ((snapshot *)snap)->get : e->get;
    size_t n;
    char *v = leveldb_get(e->db, r, (const char *)key.data, key.len, &n, msg);
    if (!v)
        return QC_ENOENT;
    qc_err err = qc_bytes_append(out, v, n);
    leveldb_free(v);
    return err;
}

static void ldb_write(void *db, void *batch, bool sync, char **msg)
{
    engine *e = db;
    leveldb_write(e->db, sync ? e->write_sync : e->write, batch, msg);
}

static void *ldb_batch_new(void)
{
    return leveldb_writebatch_create();
}

static void ldb_batch_free(void *b)
{
    leveldb_writebatch_destroy(b);
}

static void ldb_batch_put(void *b, qc_span key, qc_span value)
{
    leveldb_writebatch_put(b, (const char *)key.data, key.len, (const char *)value.data, value.len);
}

static void ldb_batch_delete(void *b, qc_span key)
{
    leveldb_writebatch_delete(b, (const char *)key.data, key.len);
}

static void ldb_batch_clear(void *b)
{
    leveldb_writebatch_clear(b);
}

static void *ldb_snapshot_new(void *db)
{
    engine *e = db;
    snapshot *s = qc_alloc(sizeof *s);
    s->s = leveldb_create_snapshot(e->db);
    s->get = read_options(e->verify, true);
    s->walk = read_options(e->verify, false);
    leveldb_readoptions_set_snapshot(s->get, s->s);
    leveldb_readoptions_set_snapshot(s->walk, s->s);
    return s;
}

static void ldb_snapshot_free(void *db, void *snap)
{
    snapshot *s = snap;
    leveldb_release_snapshot(((engine *)db)->db, s->s);
    leveldb_readoptions_destroy(s->get);
    leveldb_readoptions_destroy(s->walk);
    qc_free(s);
}

static void *ldb_iter_new(void *db, void *snap)
{
    engine *e = db;
    return leveldb_create_iterator(e->db, snap ? ((snapshot *)snap)->walk : e->walk);
}

static void ldb_iter_free(void *it)
{
    leveldb_iter_destroy(it);
}

static void ldb_iter_seek(void *it, qc_span key)
{
    leveldb_iter_seek(it, (const char *)key.data, key.len);
}

static void ldb_iter_seek_last(void *it)
{
    leveldb_iter_seek_to_last(it);
}

static bool ldb_iter_valid(const void *it)
{
    return leveldb_iter_valid(it);
}

static void ldb_iter_next(void *it)
{
    leveldb_iter_next(it);
}

static void ldb_iter_prev(void *it)
{
    leveldb_iter_prev(it);
}

static qc_span ldb_iter_key(const void *it)
{
    size_t n;
    const char *p = leveldb_iter_key(it, &n);
    return qc_span_of(p, n);
}

static qc_span ldb_iter_value(const void *it)
{
    size_t n;
    const char *p = leveldb_iter_value(it, &n);
    return qc_span_of(p, n);
}

static void ldb_iter_error(const void *it, char **msg)
{
    leveldb_iter_get_error(it, msg);
}

static uint64_t ldb_size_estimate(void *db, qc_span from, qc_span to)
{
    const char *a = (const char *)from.data, *b = (const char *)to.data;
    uint64_t size = 0;
    leveldb_approximate_sizes(((engine *)db)->db, 1, &a, &from.len, &b, &to.len, &size);
    return size;
}

static void ldb_compact(void *db)
{
    leveldb_compact_range(((engine *)db)->db, NULL, 0, NULL, 0);
}

const qc_kv_ops qc_kv_leveldb = {
    .name = "LevelDB",
    .one_failed_write = true,
    .open = ldb_open,
    .close = ldb_close,
    .destroy = ldb_destroy,
    .get = ldb_get,
    .write = ldb_write,
    .batch_new = ldb_batch_new,
    .batch_free = ldb_batch_free,
    .batch_put = ldb_batch_put,
    .batch_delete = ldb_batch_delete,
    .batch_clear = ldb_batch_clear,
    .snapshot_new = ldb_snapshot_new,
    .snapshot_free = ldb_snapshot_free,
    .iter_new = ldb_iter_new,
    .iter_free = ldb_iter_free,
    .iter_seek = ldb_iter_seek,
    .iter_seek_last = ldb_iter_seek_last,
    .iter_valid = ldb_iter_valid,
    .iter_next = ldb_iter_next,
    .iter_prev = ldb_iter_prev,
    .iter_key = ldb_iter_key,
    .iter_value = ldb_iter_value,
    .iter_error = ldb_iter_error,
    .size_estimate = ldb_size_estimate,
    .compact = ldb_compact,
};
