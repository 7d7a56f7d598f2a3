/* RocksDB through its C API, for plugin stores: fixed options, so that one plugin's store can take
 * neither the threads nor the descriptors of another. */
#include "core/kv/engine.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include <rocksdb/c.h>

#include <stdlib.h>

#define BLOOM_BITS 10
#define BACKGROUND_JOBS 2
#define OPEN_FILES 256
#define LOG_PIECE ((uint64_t)512 << 10) /* bytes, behind which the disk is set to work on them */
#define TABLE_BYTES ((uint64_t)32 << 20)
#define WRITE_BUFFER_MIN ((size_t)1 << 20)
#define WRITE_BUFFER_MAX ((size_t)64 << 20)
/* rocksdb::HEADER_LEVEL, the level that leaves only what is written at opening: Debian's build has
 * assertions, and one of them aborts the process when RocksDB's own log goes on after it met a full
 * disk. What fails is told by our log. */
#define LOG_LEVEL_HEADER 5

typedef struct engine {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *get, *walk;
    rocksdb_writeoptions_t *write, *write_sync;
} engine;

typedef struct snapshot {
    const rocksdb_snapshot_t *s;
    rocksdb_readoptions_t *get, *walk;
} snapshot;

static rocksdb_readoptions_t *read_options(bool fill_cache)
{
    rocksdb_readoptions_t *r = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(r, 1);
    rocksdb_readoptions_set_fill_cache(r, fill_cache);
    return r;
}

static void rdb_close(void *db)
{
    engine *e = db;
    if (e->db)
        rocksdb_close(e->db);
    rocksdb_readoptions_destroy(e->get);
    rocksdb_readoptions_destroy(e->walk);
    rocksdb_writeoptions_destroy(e->write);
    rocksdb_writeoptions_destroy(e->write_sync);
    rocksdb_options_destroy(e->options);
    rocksdb_cache_destroy(e->cache);
    qc_free(e);
}

/* The factory takes the filter over; the cache is shared by count. */
static void set_tables(engine *e)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(
        t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_block_based_options_set_block_cache(t, e->cache);
    rocksdb_options_set_block_based_table_factory(e->options, t);
    rocksdb_block_based_options_destroy(t);
}

/* What has just been written is soon written anew, to the first level below: it waits for that as
 * it is. */
static void set_compression(engine *e, int kind)
{
    rocksdb_options_set_compression(e->options, kind);
    rocksdb_options_set_min_level_to_compress(e->options, 1);
}

static void set_options(engine *e, const qc_kv_options *o)
{
    size_t buffer = QC_MIN(QC_MAX(o->cache_bytes / 4, WRITE_BUFFER_MIN), WRITE_BUFFER_MAX);
    e->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(e->options, o->create);
    rocksdb_options_set_paranoid_checks(e->options, 1);
    set_compression(e, rocksdb_zstd_compression);
    rocksdb_options_set_max_background_jobs(e->options, BACKGROUND_JOBS);
    rocksdb_options_set_max_open_files(
        e->options, o->max_open_files ? (int)QC_MIN(o->max_open_files, OPEN_FILES) : OPEN_FILES);
    rocksdb_options_set_write_buffer_size(e->options, buffer);
    rocksdb_options_set_target_file_size_base(e->options, TABLE_BYTES);
    rocksdb_options_set_max_total_wal_size(e->options, 4 * buffer);
    rocksdb_options_set_wal_bytes_per_sync(e->options, LOG_PIECE);
    rocksdb_options_set_info_log_level(e->options, LOG_LEVEL_HEADER);
    rocksdb_options_set_keep_log_file_num(e->options, 1);
    rocksdb_options_set_max_file_opening_threads(e->options, 1);
    rocksdb_options_set_skip_stats_update_on_db_open(e->options, 1);
    rocksdb_options_set_stats_dump_period_sec(e->options, 0);
    rocksdb_options_set_stats_persist_period_sec(e->options, 0);
    set_tables(e);
}

/* Rows of an index share much with their neighbours, and each carries eight bytes of RocksDB's own:
 * zstd halves them. A library built without zstd refuses it at opening, and stores do without. */
static rocksdb_t *open_compressed(engine *e, const char *path, char **msg)
{
    rocksdb_t *db = rocksdb_open(e->options, path, msg);
    if (!*msg || !strstr(*msg, "not linked"))
        return db;
    rocksdb_free(*msg);
    *msg = NULL;
    set_compression(e, rocksdb_no_compression);
    return rocksdb_open(e->options, path, msg);
}

static void *rdb_open(const char *path, const qc_kv_options *o, char **msg)
{
    engine *e = qc_alloc(sizeof *e);
    e->cache = rocksdb_cache_create_lru(o->cache_bytes / 2);
    set_options(e, o);
    e->get = read_options(true);
    e->walk = read_options(false);
    e->write = rocksdb_writeoptions_create();
    e->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(e->write_sync, 1);
    e->db = open_compressed(e, path, msg);
    if (*msg) {
        rdb_close(e);
        return NULL;
    }
    return e;
}

static void rdb_destroy(const char *path, char **msg)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_destroy_db(o, path, msg);
    rocksdb_options_destroy(o);
}

static qc_err rdb_get(void *db, void *snap, qc_span key, qc_bytes *out, char **msg)
{
    engine *e = db;
    const rocksdb_readoptions_t *r = snap ? ((snapshot *)snap)->get : e->get;
    rocksdb_pinnableslice_t *p = rocksdb_get_pinned(e->db, r, (const char *)key.data, key.len, msg);
    if (!p)
        return QC_ENOENT;
    size_t n;
    const char *v = rocksdb_pinnableslice_value(p, &n);
    qc_err err = qc_bytes_append(out, v, n);
    rocksdb_pinnableslice_destroy(p);
    return err;
}

static void rdb_write(void *db, void *batch, bool sync, char **msg)
{
    engine *e = db;
    rocksdb_set_perf_level(rocksdb_disable); /* of this thread: else each comparison is counted */
    rocksdb_write(e->db, sync ? e->write_sync : e->write, batch, msg);
}

static void *rdb_batch_new(void)
{
    return rocksdb_writebatch_create();
}

static void rdb_batch_free(void *b)
{
    rocksdb_writebatch_destroy(b);
}

static void rdb_batch_put(void *b, qc_span key, qc_span value)
{
    rocksdb_writebatch_put(b, (const char *)key.data, key.len, (const char *)value.data, value.len);
}

static void rdb_batch_delete(void *b, qc_span key)
{
    rocksdb_writebatch_delete(b, (const char *)key.data, key.len);
}

static void rdb_batch_clear(void *b)
{
    rocksdb_writebatch_clear(b);
}

static void *rdb_snapshot_new(void *db)
{
    snapshot *s = qc_alloc(sizeof *s);
    s->s = rocksdb_create_snapshot(((engine *)db)->db);
    s->get = read_options(true);
    s->walk = read_options(false);
    rocksdb_readoptions_set_snapshot(s->get, s->s);
    rocksdb_readoptions_set_snapshot(s->walk, s->s);
    return s;
}

static void rdb_snapshot_free(void *db, void *snap)
{
    snapshot *s = snap;
    rocksdb_release_snapshot(((engine *)db)->db, s->s);
    rocksdb_readoptions_destroy(s->get);
    rocksdb_readoptions_destroy(s->walk);
    qc_free(s);
}

static void *rdb_iter_new(void *db, void *snap)
{
    engine *e = db;
    return rocksdb_create_iterator(e->db, snap ? ((snapshot *)snap)->walk : e->walk);
}

static void rdb_iter_free(void *it)
{
    rocksdb_iter_destroy(it);
}

static void rdb_iter_seek(void *it, qc_span key)
{
    rocksdb_iter_seek(it, (const char *)key.data, key.len);
}

static void rdb_iter_seek_last(void *it)
{
    rocksdb_iter_seek_to_last(it);
}

static bool rdb_iter_valid(const void *it)
{
    return rocksdb_iter_valid(it);
}

static void rdb_iter_next(void *it)
{
    rocksdb_iter_next(it);
}

static void rdb_iter_prev(void *it)
{
    rocksdb_iter_prev(it);
}

static qc_span rdb_iter_key(const void *it)
{
    size_t n;
    const char *p = rocksdb_iter_key(it, &n);
    return qc_span_of(p, n);
}

static qc_span rdb_iter_value(const void *it)
{
    size_t n;
    const char *p = rocksdb_iter_value(it, &n);
    return qc_span_of(p, n);
}

static void rdb_iter_error(const void *it, char **msg)
{
    rocksdb_iter_get_error(it, msg);
}

static uint64_t rdb_size_estimate(void *db, qc_span from, qc_span to)
{
    const char *a = (const char *)from.data, *b = (const char *)to.data;
    uint64_t size = 0;
    char *msg = NULL;
    rocksdb_approximate_sizes(((engine *)db)->db, 1, &a, &from.len, &b, &to.len, &size, &msg);
    free(msg);
    return size;
}

static void rdb_compact(void *db)
{
    rocksdb_compact_range(((engine *)db)->db, NULL, 0, NULL, 0);
}

const qc_kv_ops qc_kv_rocksdb = {
    .name = "RocksDB",
    .open = rdb_open,
    .close = rdb_close,
    .destroy = rdb_destroy,
    .get = rdb_get,
    .write = rdb_write,
    .batch_new = rdb_batch_new,
    .batch_free = rdb_batch_free,
    .batch_put = rdb_batch_put,
    .batch_delete = rdb_batch_delete,
    .batch_clear = rdb_batch_clear,
    .snapshot_new = rdb_snapshot_new,
    .snapshot_free = rdb_snapshot_free,
    .iter_new = rdb_iter_new,
    .iter_free = rdb_iter_free,
    .iter_seek = rdb_iter_seek,
    .iter_seek_last = rdb_iter_seek_last,
    .iter_valid = rdb_iter_valid,
    .iter_next = rdb_iter_next,
    .iter_prev = rdb_iter_prev,
    .iter_key = rdb_iter_key,
    .iter_value = rdb_iter_value,
    .iter_error = rdb_iter_error,
    .size_estimate = rdb_size_estimate,
    .compact = rdb_compact,
};
