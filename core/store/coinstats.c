/* Statistics and hashes of the whole set of coins (Core kernel/coinstats.cpp). */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/crypto/muhash.h"
#include "core/crypto/sha256.h"
#include "core/os/thread.h"
#include "core/store/coding.h"

#include <stdlib.h>

/* Bytes a coin counts besides its script: txid 32, n 4, code 4, value 8, length 2. */
#define BOGO_FIXED 50u
#define CANCEL_EVERY 1024u
#define N_RANGE 64u
#define MAX_WORKERS 3u /* leave something to validation */
/* Bytes on disk; below, threads are not worth their start. */
#define LARGE_SET ((uint64_t)8 << 20)

/* One output of the transaction that is being gathered: its bytes in `text`. */
typedef struct output {
    uint32_t n;
    size_t off, len;
} output;

typedef struct walk {
    qc_utxo_hash kind;
    qc_utxo_stats st;
    qc_sha256_ctx sha;
    qc_muhash mu;
    bool any; /* a transaction is being gathered */
    qc_hash txid;
    output *out;
    size_t n_out, cap_out;
    bool unsorted;
    qc_bytes text;
} walk;

qc_err qc_coin_hash_text(qc_bytes *b, const qc_outpoint *o, const qc_coin *c)
{
    qc_err err = qc_bytes_reserve(b, 36 + 4 + 8 + 9 + (size_t)c->script_len);
    if (err)
        return err;
    uint8_t *p = b->data + b->len;
    memcpy(p, o->txid.b, 32);
    qc_write_le32(p + 32, o->n);
    qc_write_le32(p + 36, c->height << 1 | (c->coinbase ? 1u : 0u));
    qc_write_le64(p + 40, (uint64_t)c->value);
    b->len += 48;
    return qc_w_var(b, qc_span_of(c->script, c->script_len));
}

uint64_t qc_coin_bogosize(size_t script_len)
{
    return BOGO_FIXED + script_len;
}

static int by_n(const void *a, const void *b)
{
    uint32_t x = ((const output *)a)->n, y = ((const output *)b)->n;
    return (x > y) - (x < y);
}

/* Core gathers a transaction's outputs in a map: keys sort by n only up to 16,511, as a VARINT of
 * three bytes may sort before one of two. */
static void close_tx(walk *w)
{
    if (!w->any)
        return;
    w->st.transactions++;
    if (w->kind == QC_UTXO_HASH3 && w->unsorted) {
        qsort(w->out, w->n_out, sizeof *w->out, by_n);
        for (size_t i = 0; i < w->n_out; i++)
            qc_sha256_update(&w->sha, w->text.data + w->out[i].off, w->out[i].len);
    } else if (w->kind == QC_UTXO_HASH3) {
        qc_sha256_update(&w->sha, w->text.data, w->text.len);
    }
    w->any = false;
    w->n_out = 0;
    w->text.len = 0;
    w->unsorted = false;
}

static qc_err remember(walk *w, uint32_t n, size_t off)
{
    if (w->n_out == w->cap_out) {
        size_t cap = w->cap_out ? 2 * w->cap_out : 64;
        output *out = qc_try_realloc(w->out, cap * sizeof *out);
        if (!out)
            return QC_ENOMEM;
        w->out = out;
        w->cap_out = cap;
    }
    if (w->n_out && w->out[w->n_out - 1].n > n)
        w->unsorted = true;
    w->out[w->n_out++] = (output){n, off, w->text.len - off};
    return QC_OK;
}

static qc_err hash_coin(walk *w, const qc_outpoint *o, const qc_coin *c)
{
    if (w->kind == QC_UTXO_NONE)
        return QC_OK;
    size_t off = w->text.len;
    qc_err err = qc_coin_hash_text(&w->text, o, c);
    if (err || w->kind == QC_UTXO_HASH3)
        return err ? err : remember(w, o->n, off);
    qc_muhash_add(&w->mu, qc_bytes_span(&w->text));
    w->text.len = 0;
    return QC_OK;
}

static qc_err add_total(qc_utxo_stats *st, qc_amount v)
{
    if (QC_ADD_OK(st->total, v, &st->total))
        return QC_OK;
    qc_log(QC_LOG_ERROR, "coindb", "the coins add up to more than an amount can hold");
    return QC_ECORRUPT;
}

static qc_err add_coin(walk *w, const qc_outpoint *o, const qc_coin *c)
{
    if (!w->any || !qc_hash_eq(&w->txid, &o->txid)) {
        close_tx(w);
        w->any = true;
        w->txid = o->txid;
    }
    w->st.txouts++;
    w->st.bogosize += qc_coin_bogosize(c->script_len);
    qc_err err = add_total(&w->st, c->value);
    return err ? err : hash_coin(w, o, c);
}

/* Transactions whose id begins with a byte from `from` to `to`. */
static qc_err walk_range(walk *w, qc_coins_iter *it, unsigned from, unsigned to,
                         const _Atomic bool *cancel)
{
    qc_outpoint o = {.txid = {{(uint8_t)from}}};
    qc_coin c;
    qc_err err = QC_OK;
    qc_coins_iter_seek(it, &o);
    for (uint32_t i = 0; !err; i++) {
        if (cancel && i % CANCEL_EVERY == 0 && *cancel)
            return QC_ECANCELED;
        err = qc_coins_iter_next(it, &o, &c);
        if (!err && o.txid.b[0] > to)
            break;
        if (!err)
            err = add_coin(w, &o, &c);
    }
    close_tx(w);
    return err == QC_ENOENT ? QC_OK : err;
}

static void walk_init(walk *w, qc_utxo_hash kind)
{
    *w = (walk){.kind = kind};
    qc_sha256_init(&w->sha);
    qc_muhash_init(&w->mu);
}

static void walk_clear(walk *w)
{
    qc_free(w->out);
    qc_bytes_free(&w->text);
}

/* ---- several ranges at once ---- */

typedef struct ranges {
    qc_coins_iter *root;
    const _Atomic bool *cancel;
    walk sum;
    qc_err err; /* of the range that failed first */
    pthread_mutex_t lock;
} ranges;

static qc_err join_range(walk *sum, const walk *w)
{
    sum->st.transactions += w->st.transactions;
    sum->st.txouts += w->st.txouts;
    sum->st.bogosize += w->st.bogosize;
    qc_muhash_combine(&sum->mu, &w->mu);
    return add_total(&sum->st, w->st.total);
}

static bool one_range(void *arg, size_t i)
{
    ranges *r = arg;
    walk w;
    walk_init(&w, r->sum.kind);
    pthread_mutex_lock(&r->lock);
    qc_coins_iter *it = qc_coins_iter_sibling(r->root);
    pthread_mutex_unlock(&r->lock);
    unsigned width = 256 / N_RANGE, from = (unsigned)i * width;
    qc_err err = walk_range(&w, it, from, from + width - 1, r->cancel);
    pthread_mutex_lock(&r->lock);
    if (!err)
        err = join_range(&r->sum, &w);
    if (!r->err)
        r->err = err;
    pthread_mutex_unlock(&r->lock);
    qc_coins_iter_free(it);
    walk_clear(&w);
    return !err;
}

static qc_err walk_ranges(walk *w, qc_coins_iter *it, unsigned workers, const _Atomic bool *cancel)
{
    qc_pool *pool;
    qc_err err = qc_pool_new(&pool, workers, "coinstats");
    if (err)
        return err;
    ranges r = {.root = it, .cancel = cancel, .sum = *w};
    pthread_mutex_init(&r.lock, NULL);
    qc_pool_run(pool, one_range, &r, N_RANGE, 1);
    pthread_mutex_destroy(&r.lock);
    qc_pool_free(pool);
    *w = r.sum;
    return r.err;
}

/* ---- the whole ---- */

qc_err qc_utxo_stats_with(qc_coinsdb *db, qc_utxo_hash kind, const _Atomic bool *cancel,
                          unsigned workers, qc_utxo_stats *out)
{
    qc_coins_iter *it;
    qc_err err = qc_coins_iter_new(db, &it);
    if (err)
        return err;
    walk w;
    walk_init(&w, kind);
    if (workers && kind != QC_UTXO_HASH3)
        err = walk_ranges(&w, it, workers, cancel);
    else
        err = walk_range(&w, it, 0, 255, cancel);
    if (!err) {
        if (kind == QC_UTXO_HASH3)
            qc_sha256d_final(&w.sha, w.st.hash.b);
        else if (kind == QC_UTXO_MUHASH)
            qc_muhash_finalize(&w.mu, w.st.hash.b);
        w.st.best = *qc_coins_iter_best(it);
        w.st.disk_size = qc_coinsdb_size_estimate(db);
        *out = w.st;
    }
    walk_clear(&w);
    qc_coins_iter_free(it);
    return err;
}

qc_err qc_utxo_stats_compute(qc_coinsdb *db, qc_utxo_hash kind, const _Atomic bool *cancel,
                             qc_utxo_stats *out)
{
    bool large = qc_coinsdb_size_estimate(db) >= LARGE_SET;
    unsigned workers = large ? QC_MIN(qc_cpu_count() - 1, MAX_WORKERS) : 0;
    return qc_utxo_stats_with(db, kind, cancel, workers, out);
}
