/* The chainstate database: coins under 'C', the best block under 'B', and while a flush is under
 * way the pair of blocks it leads between under 'H' (Core txdb.cpp). */
#include "core/store/coinsdb.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/store/coding.h"

#include <stdio.h>

#define KEY_COIN 'C'
#define KEY_BEST 'B'
#define KEY_HEADS 'H'
#define KEY_OLD_COINS 'c' /* Core up to 0.14: one record per transaction */
#define COIN_KEY_MAX (1 + 32 + 5)
#define BATCH_BYTES ((size_t)32 << 20) /* Core DEFAULT_DB_CACHE_BATCH */

struct qc_coinsdb {
    qc_kv *kv;
};

static qc_span one(const char *key)
{
    return qc_span_of(key, 1);
}

static size_t coin_key(uint8_t key[static COIN_KEY_MAX], const qc_outpoint *o)
{
    key[0] = KEY_COIN;
    memcpy(key + 1, o->txid.b, 32);
    return 33 + qc_varint_put(key + 33, o->n);
}

/* ---- opening ---- */

/* Core CCoinsViewDB::NeedsUpgrade: nothing of today's sorts behind the old coins. */
static qc_err refuse_old(qc_coinsdb *db, char *detail, size_t cap)
{
    qc_kv_iter *it = qc_kv_iter_new(db->kv, NULL);
    qc_kv_iter_seek(it, qc_span_of(&(uint8_t){KEY_OLD_COINS}, 1));
    bool old = qc_kv_iter_valid(it);
    qc_err err = qc_kv_iter_status(it);
    qc_kv_iter_free(it);
    if (detail && cap && (err || old))
        snprintf(detail, cap, "%s: %s", qc_kv_path(db->kv),
                 err ? qc_err_text(err)
                     : "Unsupported chainstate database format found. Please restart with "
                       "-reindex-chainstate. This will rebuild the chainstate database.");
    return err ? err : old ? QC_EUNSUPPORTED : QC_OK;
}

qc_err qc_coinsdb_open(qc_coinsdb **out, const char *path, size_t cache_bytes, bool wipe,
                       char *detail, size_t cap)
{
    *out = NULL;
    qc_kv_options o = {.engine = QC_KV_LEVELDB,
                       .cache_bytes = cache_bytes,
                       .create = true,
                       .wipe = wipe,
                       .obfuscate = true,
                       .paranoid = true};
    qc_coinsdb *db = qc_alloc(sizeof *db);
    qc_err err = qc_kv_open(&db->kv, path, &o, detail, cap);
    if (!err)
        err = refuse_old(db, detail, cap);
    if (err) {
        qc_coinsdb_close(db);
        return err;
    }
    *out = db;
    return QC_OK;
}

void qc_coinsdb_close(qc_coinsdb *db)
{
    if (!db)
        return;
    qc_kv_close(db->kv);
    qc_free(db);
}

uint64_t qc_coinsdb_size_estimate(qc_coinsdb *db)
{
    return qc_kv_size_estimate(db->kv, one("C"), one("D"));
}

/* ---- reading ---- */

void qc_coin_clear(qc_coin *c)
{
    qc_free(c->script);
    *c = (qc_coin){0};
}

static void log_corrupt(const qc_kv *kv, qc_span key, const char *why)
{
    char hex[2 * COIN_KEY_MAX + 1] = "";
    for (size_t i = 0; i < key.len && i < COIN_KEY_MAX; i++)
        snprintf(hex + 2 * i, 3, "%02x", key.data[i]);
    qc_log(QC_LOG_ERROR, "coindb", "%s: record %s: %s", qc_kv_path(kv), hex, why);
}

/* The whole value must be one coin. The script is appended to *script. */
static qc_err read_coin(const qc_kv *kv, qc_span key, qc_span value, qc_coin *c, qc_bytes *script)
{
    qc_reader r = qc_reader_of(value);
    qc_coin_code code;
    const char *why = NULL;
    qc_err err = qc_coin_read(&r, false, &code, &c->value, script, &why);
    if (!err && qc_reader_left(&r)) {
        why = "bytes left over";
        err = QC_ECORRUPT;
    }
    if (err) {
        if (err == QC_ECORRUPT)
            log_corrupt(kv, key, why);
        return err;
    }
    c->height = code.height;
    c->coinbase = code.coinbase;
    c->script = script->data;
    c->script_len = (uint32_t)script->len;
    return QC_OK;
}

qc_err qc_coinsdb_get(qc_coinsdb *db, const qc_outpoint *o, qc_coin *out)
{
    uint8_t key[COIN_KEY_MAX];
    qc_span k = qc_span_of(key, coin_key(key, o));
    qc_bytes v = QC_BYTES_INIT, script = QC_BYTES_INIT;
    qc_err err = qc_kv_get(db->kv, NULL, k, &v);
    if (err)
        return err;
    qc_coin c;
    err = read_coin(db->kv, k, qc_bytes_span(&v), &c, &script);
    qc_bytes_free(&v);
    if (err)
        qc_bytes_free(&script);
    else
        *out = c;
    return err;
}

static qc_err read_best(qc_kv *kv, const qc_kv_snapshot *snap, qc_hash *best)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(kv, snap, one("B"), &v);
    if (err == QC_ENOENT) {
        *best = (qc_hash){{0}};
        return QC_OK;
    }
    if (!err && v.len != sizeof best->b) {
        log_corrupt(kv, one("B"), "best block is not 32 bytes");
        err = QC_ECORRUPT;
    }
    if (!err)
        memcpy(best->b, v.data, sizeof best->b);
    qc_bytes_free(&v);
    return err;
}

qc_err qc_coinsdb_best(qc_coinsdb *db, qc_hash *best)
{
    return read_best(db->kv, NULL, best);
}

/* Stored as a vector of two hashes. */
qc_err qc_coinsdb_heads(qc_coinsdb *db, qc_hash *to, qc_hash *from, bool *unfinished)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(db->kv, NULL, one("H"), &v);
    if (err == QC_ENOENT) {
        *unfinished = false;
        return QC_OK;
    }
    if (!err && (v.len != 65 || v.data[0] != 2)) {
        log_corrupt(db->kv, one("H"), "head blocks are not two hashes");
        err = QC_ECORRUPT;
    }
    if (!err) {
        memcpy(to->b, v.data + 1, 32);
        memcpy(from->b, v.data + 33, 32);
        *unfinished = true;
    }
    qc_bytes_free(&v);
    return err;
}

/* ---- flushing ---- */

struct qc_coinsdb_flush {
    qc_coinsdb *db;
    qc_kv_batch *batch;
    qc_bytes value; /* scratch */
    qc_hash to;
    size_t limit;
};

/* The state a flush starts from: 'B', or the second of 'H' when one was cut off on its way to the
 * same block. */
static qc_err flush_from(qc_coinsdb *db, const qc_hash *to, qc_hash *from)
{
    qc_hash old_to, old_from;
    bool unfinished;
    qc_err err = qc_coinsdb_best(db, from);
    if (err || !qc_hash_is_zero(from))
        return err;
    if ((err = qc_coinsdb_heads(db, &old_to, &old_from, &unfinished)) || !unfinished)
        return err;
    if (!qc_hash_eq(&old_to, to)) {
        log_corrupt(db->kv, one("H"),
                    "The coins database detected an inconsistent state, likely due to a previous "
                    "crash or shutdown. Restart with -reindex-chainstate or -reindex.");
        return QC_ECORRUPT;
    }
    *from = old_from;
    return QC_OK;
}

qc_err qc_coinsdb_flush_begin(qc_coinsdb *db, const qc_hash *to, size_t batch_bytes,
                              qc_coinsdb_flush **out)
{
    QC_ASSERT(!qc_hash_is_zero(to));
    qc_hash from;
    *out = NULL;
    qc_err err = flush_from(db, to, &from);
    if (err)
        return err;
    qc_coinsdb_flush *f = qc_alloc(sizeof *f);
    f->db = db;
    f->batch = qc_kv_batch_new(db->kv);
    f->to = *to;
    f->limit = batch_bytes ? batch_bytes : BATCH_BYTES;
    uint8_t heads[65] = {2};
    memcpy(heads + 1, to->b, 32);
    memcpy(heads + 33, from.b, 32);
    qc_kv_batch_delete(f->batch, one("B"));
    qc_kv_batch_put(f->batch, one("H"), qc_span_of(heads, sizeof heads));
    *out = f;
    return QC_OK;
}

/* Every part is synced: LevelDB changes its log file between parts without syncing the old one, so
 * that an unsynced part could be lost where a later one is not. */
static qc_err write_part(qc_coinsdb_flush *f)
{
    qc_err err = qc_kv_write(f->db->kv, f->batch, true);
    if (!err)
        qc_kv_batch_clear(f->batch);
    return err;
}

static qc_err write_when_large(qc_coinsdb_flush *f)
{
    if (qc_kv_batch_size(f->batch) <= f->limit)
        return QC_OK;
    qc_log(QC_LOG_DEBUG, "coindb", "Writing partial batch of %zu bytes",
           qc_kv_batch_size(f->batch));
    return write_part(f);
}

qc_err qc_coinsdb_flush_put(qc_coinsdb_flush *f, const qc_outpoint *o, qc_amount value,
                            qc_span script, uint32_t height, bool coinbase)
{
    uint8_t key[COIN_KEY_MAX];
    f->value.len = 0;
    qc_err err = qc_coin_write(&f->value, (qc_coin_code){height, coinbase}, false, value, script);
    if (err)
        return err;
    qc_kv_batch_put(f->batch, qc_span_of(key, coin_key(key, o)), qc_bytes_span(&f->value));
    return write_when_large(f);
}

qc_err qc_coinsdb_flush_delete(qc_coinsdb_flush *f, const qc_outpoint *o)
{
    uint8_t key[COIN_KEY_MAX];
    qc_kv_batch_delete(f->batch, qc_span_of(key, coin_key(key, o)));
    return write_when_large(f);
}

qc_err qc_coinsdb_flush_end(qc_coinsdb_flush *f)
{
    qc_kv_batch_delete(f->batch, one("H"));
    qc_kv_batch_put(f->batch, one("B"), qc_span_of(f->to.b, 32));
    qc_err err = write_part(f);
    qc_coinsdb_flush_abort(f);
    return err;
}

void qc_coinsdb_flush_abort(qc_coinsdb_flush *f)
{
    if (!f)
        return;
    qc_kv_batch_free(f->batch);
    qc_bytes_free(&f->value);
    qc_free(f);
}

/* ---- walking ---- */

struct qc_coins_iter {
    qc_coinsdb *db;
    qc_kv_snapshot *snap;
    bool borrowed; /* the snapshot is a sibling's */
    qc_kv_iter *it;
    qc_hash best;
    qc_bytes script; /* of the coin given last */
    bool placed;     /* `it` stands on the record to give next */
};

qc_err qc_coins_iter_new(qc_coinsdb *db, qc_coins_iter **out)
{
    qc_coins_iter *it = qc_alloc(sizeof *it);
    it->db = db;
    it->snap = qc_kv_snapshot_new(db->kv);
    it->it = qc_kv_iter_new(db->kv, it->snap);
    *out = NULL;
    qc_err err = read_best(db->kv, it->snap, &it->best);
    if (err) {
        qc_coins_iter_free(it);
        return err;
    }
    *out = it;
    return QC_OK;
}

qc_coins_iter *qc_coins_iter_sibling(const qc_coins_iter *it)
{
    qc_coins_iter *s = qc_alloc(sizeof *s);
    s->db = it->db;
    s->snap = it->snap;
    s->borrowed = true;
    s->it = qc_kv_iter_new(s->db->kv, s->snap);
    s->best = it->best;
    return s;
}

void qc_coins_iter_free(qc_coins_iter *it)
{
    if (!it)
        return;
    qc_kv_iter_free(it->it);
    if (!it->borrowed)
        qc_kv_snapshot_free(it->db->kv, it->snap);
    qc_bytes_free(&it->script);
    qc_free(it);
}

const qc_hash *qc_coins_iter_best(const qc_coins_iter *it)
{
    return &it->best;
}

void qc_coins_iter_seek(qc_coins_iter *it, const qc_outpoint *o)
{
    uint8_t key[COIN_KEY_MAX];
    qc_kv_iter_seek(it->it, qc_span_of(key, coin_key(key, o)));
    it->placed = true;
}

static qc_err read_key(const qc_kv *kv, qc_span key, qc_outpoint *o)
{
    qc_reader r = qc_reader_of(key);
    qc_r_u8(&r);
    qc_r_hash(&r, &o->txid);
    if (qc_varint_u32(&r, &o->n) && !qc_reader_left(&r))
        return QC_OK;
    log_corrupt(kv, key, "key is not an outpoint");
    return QC_ECORRUPT;
}

qc_err qc_coins_iter_next(qc_coins_iter *it, qc_outpoint *o, qc_coin *coin)
{
    if (!it->placed)
        qc_kv_iter_seek(it->it, one("C"));
    it->placed = true;
    if (!qc_kv_iter_valid(it->it)) {
        qc_err err = qc_kv_iter_status(it->it);
        return err ? err : QC_ENOENT;
    }
    qc_span key = qc_kv_iter_key(it->it);
    if (key.len == 0 || key.data[0] != KEY_COIN)
        return QC_ENOENT;
    qc_err err = read_key(it->db->kv, key, o);
    if (err)
        return err;
    qc_span value = qc_kv_iter_value(it->it);
    it->script.len = 0;
    if ((err = qc_kv_iter_status(it->it)) ||
        (err = read_coin(it->db->kv, key, value, coin, &it->script)))
        return err;
    qc_kv_iter_next(it->it);
    return QC_OK;
}
