/* The pool's file: offered to the pool at the start, written at the end (Core
 * node/mempool_persist.cpp LoadMempool, DumpMempool). */
#include "core/mempool/persist.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/kv/obfuscate.h"
#include "core/mempool/pool_internal.h"
#include "core/os/file.h"

#include <stdlib.h>

#define LEAST_MAX_FILE ((size_t)1 << 30)
#define PIECE ((size_t)1 << 20)

/* Of a file worth reading: a pool's file is smaller than the pool, but this one may come from a
 * larger pool than ours. */
static size_t max_file(const qc_mempool *m)
{
    return QC_MAX(LEAST_MAX_FILE, QC_MIN(m->o.max_bytes, SIZE_MAX / 2) * 2);
}

struct qc_mempool_loader {
    qc_mempool *m;
    qc_mempool_load_opts o;
    qc_bytes bytes;
    qc_mempool_file file;
    qc_mempool_load_stats stats;
    uint64_t tenth; /* of the way, last logged */
};

qc_err qc_mempool_load_start(qc_mempool_loader **out, qc_mempool *m, const char *path,
                             const qc_mempool_load_opts *o)
{
    *out = NULL;
    qc_mempool_loader *l = qc_alloc(sizeof *l);
    l->m = m;
    l->o = *o;
    qc_err err = qc_os_read_regular(path, max_file(m), &l->bytes);
    if (!err)
        err = qc_mempool_file_open(&l->file, l->bytes.data, l->bytes.len);
    if (err) {
        qc_mempool_load_end(l);
        return err == QC_EINVAL || err == QC_ERANGE ? QC_ECORRUPT : err;
    }
    l->stats.total = l->file.left;
    qc_log(QC_LOG_INFO, "mempool", "Loading %llu mempool transactions from file...",
           (unsigned long long)l->stats.total);
    *out = l;
    return QC_OK;
}

void qc_mempool_load_end(qc_mempool_loader *l)
{
    if (l)
        qc_bytes_free(&l->bytes);
    qc_free(l);
}

const qc_mempool_load_stats *qc_mempool_load_stats_of(const qc_mempool_loader *l)
{
    return &l->stats;
}

static qc_err offer(qc_mempool_loader *l, const qc_mempool_file_tx *t)
{
    qc_mempool_load_stats *st = &l->stats;
    const qc_hash *txid = (const qc_hash *)t->tx.tx.rec->txid;
    const qc_accept_opts o = {.time = l->o.current_time ? qc_clock_now() : t->time};
    qc_accept_result r;
    if (t->delta && !l->o.skip_deltas)
        qc_mempool_prioritise(l->m, txid, t->delta);
    if (o.time <= qc_clock_now() - l->m->o.expiry) {
        st->expired++;
        return QC_OK;
    }
    qc_err err = qc_mempool_accept(l->m, &t->tx.tx, &o, &r);
    if (r.kind == QC_ACCEPT_VALID)
        st->accepted++;
    else if (qc_mempool_find(l->m, txid))
        st->there++;
    else
        st->failed++;
    qc_accept_result_clear(&r);
    return err;
}

static qc_err finish(qc_mempool_loader *l)
{
    const uint8_t *d, *u;
    size_t nd, nu;
    qc_hash txid;
    qc_err err = qc_mempool_file_rest(&l->file, &d, &nd, &u, &nu);
    if (err)
        return err;
    for (size_t i = 0; i < nd && !l->o.skip_deltas; i++, d += sizeof txid + 8) {
        memcpy(txid.b, d, sizeof txid.b);
        qc_mempool_prioritise(l->m, &txid, (qc_amount)qc_read_le64(d + sizeof txid));
    }
    for (size_t i = 0; i < nu && !l->o.skip_unbroadcast; i++) {
        memcpy(txid.b, u + i * sizeof txid, sizeof txid.b);
        qc_mempool_unbroadcast_add(l->m, &txid);
        l->stats.unbroadcast++;
    }
    return QC_OK;
}

static void log_progress(qc_mempool_loader *l)
{
    uint64_t done = l->stats.total - l->file.left, tenth = done / (l->stats.total / 10 + 1);
    if (tenth == l->tenth)
        return;
    l->tenth = tenth;
    qc_log(QC_LOG_INFO, "mempool",
           "Progress loading mempool transactions from file: %llu tried, %llu remaining",
           (unsigned long long)done, (unsigned long long)l->file.left);
}

qc_err qc_mempool_load_step(qc_mempool_loader *l, uint64_t n, bool *done)
{
    *done = false;
    for (; n > 0 && l->file.left; n--) {
        qc_mempool_file_tx t;
        qc_err err = qc_mempool_file_tx_next(&l->file, &t);
        if (!err)
            err = offer(l, &t);
        qc_txbuf_clear(&t.tx);
        if (err)
            return err;
        log_progress(l);
    }
    if (l->file.left)
        return QC_OK;
    *done = true;
    return finish(l);
}

void qc_mempool_load_log(const qc_mempool_loader *l, qc_err err)
{
    const qc_mempool_load_stats *st = l ? &l->stats : NULL;
    if (!st)
        qc_log(QC_LOG_INFO, "mempool", "Failed to open mempool file: %s. Continuing anyway.",
               qc_err_text(err));
    else if (err)
        qc_log(QC_LOG_INFO, "mempool",
               "Failed to deserialize mempool data on file: %s. Continuing anyway.",
               qc_err_text(err));
    else
        qc_log(
            QC_LOG_INFO, "mempool",
            "Imported mempool transactions from file: %llu succeeded, %llu failed, %llu expired, "
            "%llu already there, %llu waiting for initial broadcast",
            (unsigned long long)st->accepted, (unsigned long long)st->failed,
            (unsigned long long)st->expired, (unsigned long long)st->there,
            (unsigned long long)st->unbroadcast);
}

qc_err qc_mempool_load(qc_mempool *m, const char *path, const qc_mempool_load_opts *o,
                       qc_mempool_load_stats *stats)
{
    qc_mempool_loader *l;
    bool done;
    qc_err err = qc_mempool_load_start(&l, m, path, o);
    if (!err)
        err = qc_mempool_load_step(l, UINT64_MAX, &done);
    if (stats)
        *stats = l ? l->stats : (qc_mempool_load_stats){0};
    qc_mempool_load_log(l, err);
    qc_mempool_load_end(l);
    return err;
}

/* ---- what to write ---- */

static qc_err take_entries(const qc_mempool *m, qc_mempool_dump *d)
{
    qc_mempool_list all;
    qc_mempool_sorted(m, &all);
    d->entry = qc_try_calloc(all.n + 1, sizeof *d->entry);
    for (; d->entry && d->n < all.n; d->n++)
        d->entry[d->n] = (qc_mempool_dump_rec){qc_mempool_entry_ref(all.e[d->n]),
                                               qc_mempool_delta(m, qc_entry_txid(all.e[d->n]))};
    qc_mempool_list_clear(&all);
    return d->entry ? QC_OK : QC_ENOMEM;
}

/* Deltas of entries stand with them. */
static void take_deltas(const qc_mempool *m, qc_mempool_dump *d)
{
    size_t n = qc_mempool_deltas(m, &d->delta);
    for (size_t i = 0; i < n; i++)
        if (!qc_mempool_find(m, &d->delta[i].txid))
            d->delta[d->n_delta++] = d->delta[i];
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(qc_hash));
}

qc_err qc_mempool_dump_take(const qc_mempool *m, qc_mempool_dump *out)
{
    *out = (qc_mempool_dump){.n = 0};
    qc_err err = take_entries(m, out);
    if (err)
        return err;
    take_deltas(m, out);
    out->n_unbroadcast = qc_mempool_unbroadcast_all(m, &out->unbroadcast);
    qsort(out->unbroadcast, out->n_unbroadcast, sizeof *out->unbroadcast, by_bytes);
    return QC_OK;
}

void qc_mempool_dump_clear(qc_mempool_dump *d)
{
    for (size_t i = 0; i < d->n; i++)
        qc_mempool_entry_unref(d->entry[i].e);
    qc_free(d->entry);
    qc_free(d->delta);
    qc_free(d->unbroadcast);
    *d = (qc_mempool_dump){.n = 0};
}

/* ---- writing ---- */

/* What is written next, kept until there is a good deal of it. */
struct out {
    int fd;
    qc_bytes buf;
    uint64_t at; /* bytes written before buf */
    bool plain;
    uint8_t key[8];
    qc_err err;
};

static void flush(struct out *w)
{
    if (w->err)
        return;
    if (!w->plain)
        qc_obfuscate(w->buf.data, w->buf.data, w->buf.len, w->key, w->at);
    w->err = qc_os_pwrite_full(w->fd, w->buf.data, w->buf.len, w->at);
    w->at += w->buf.len;
    w->buf.len = 0;
}

static void put(struct out *w, const void *data, size_t len)
{
    if (!w->err)
        w->err = qc_bytes_append(&w->buf, data, len);
    if (w->buf.len >= PIECE)
        flush(w);
}

static void put_le64(struct out *w, uint64_t v)
{
    uint8_t b[8];
    qc_write_le64(b, v);
    put(w, b, sizeof b);
}

static void put_compact(struct out *w, uint64_t v)
{
    if (!w->err)
        w->err = qc_w_compact(&w->buf, v);
}

/* The head is not obfuscated. */
static void put_head(struct out *w, bool v1)
{
    w->plain = true;
    put_le64(w, v1 ? 1 : 2);
    if (!v1) {
        qc_os_random(w->key, sizeof w->key);
        put_compact(w, sizeof w->key);
        put(w, w->key, sizeof w->key);
    }
    flush(w);
    w->plain = v1;
}

static void put_entries(struct out *w, const qc_mempool_dump *d)
{
    put_le64(w, d->n);
    for (size_t i = 0; i < d->n; i++) {
        qc_span bytes = qc_tx_bytes(&d->entry[i].e->tx);
        put(w, bytes.data, bytes.len);
        put_le64(w, (uint64_t)d->entry[i].e->time);
        put_le64(w, (uint64_t)d->entry[i].delta);
    }
}

static void put_deltas(struct out *w, const qc_mempool_dump *d)
{
    put_compact(w, d->n_delta);
    for (size_t i = 0; i < d->n_delta; i++) {
        put(w, d->delta[i].txid.b, sizeof d->delta[i].txid.b);
        put_le64(w, (uint64_t)d->delta[i].delta);
    }
}

static qc_err write_file(const qc_mempool_dump *d, const char *path, bool v1, uint64_t *bytes)
{
    struct out w = {0};
    w.err = qc_os_open_rw(&w.fd, path, true);
    if (w.err)
        return w.err;
    w.err = qc_os_truncate(w.fd, 0);
    put_head(&w, v1);
    put_entries(&w, d);
    put_deltas(&w, d);
    put_compact(&w, d->n_unbroadcast);
    put(&w, d->unbroadcast, d->n_unbroadcast * sizeof *d->unbroadcast);
    flush(&w);
    if (!w.err)
        w.err = qc_os_sync(w.fd);
    qc_os_close(w.fd);
    qc_bytes_free(&w.buf);
    *bytes = w.at;
    return w.err;
}

static qc_err replace_file(const qc_mempool_dump *d, const char *path, bool v1, uint64_t *bytes)
{
    char *tmp = qc_asprintf("%s.new", path);
    qc_err err = write_file(d, tmp, v1, bytes);
    if (!err)
        err = qc_os_rename(tmp, path);
    if (err && qc_os_unlink(tmp))
        qc_log(QC_LOG_DEBUG, "mempool", "%s is left behind", tmp);
    if (!err)
        err = qc_os_sync_dir_of(path);
    qc_free(tmp);
    return err;
}

qc_err qc_mempool_dump_write(const qc_mempool_dump *d, const char *path, bool v1, uint64_t *bytes)
{
    uint64_t size = 0;
    qc_err err = replace_file(d, path, v1, &size);
    if (err)
        qc_log(QC_LOG_WARN, "mempool", "Failed to dump mempool to %s: %s. Continuing anyway.", path,
               qc_err_text(err));
    else
        qc_log(QC_LOG_INFO, "mempool", "Dumped mempool: %llu bytes dumped to file",
               (unsigned long long)size);
    if (bytes)
        *bytes = size;
    return err;
}

qc_err qc_mempool_save(const qc_mempool *m, const char *path, bool v1, uint64_t *bytes)
{
    qc_mempool_dump d;
    qc_err err = qc_mempool_dump_take(m, &d);
    if (!err)
        err = qc_mempool_dump_write(&d, path, v1, bytes);
    qc_mempool_dump_clear(&d);
    return err;
}
