/* core/store/coinsdb.h: the chainstate database in Core's exact format (Core txdb.cpp,
 * compressor.cpp, coins.h). Readers: any thread. Writer: chain or flush thread. */
#pragma once
#include "core/btc/block.h"
#include "core/kv/kv.h"

typedef struct qc_coinsdb qc_coinsdb;

QC_MUST_CHECK qc_err qc_coinsdb_open(qc_coinsdb **out, const char *path, size_t cache_bytes,
                                     bool wipe, char *detail, size_t cap);
void qc_coinsdb_close(qc_coinsdb *db);

/** A coin as stored; script owned with the coin: qc_coin_clear(). */
typedef struct qc_coin {
    qc_amount value;
    uint32_t height;
    bool coinbase;
    uint32_t script_len;
    uint8_t *script;
} qc_coin;
void qc_coin_clear(qc_coin *c);
/** Returns: QC_OK; QC_ENOENT; QC_ECORRUPT; QC_EIO; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coinsdb_get(qc_coinsdb *db, const qc_outpoint *o, qc_coin *out);
/** Best block 'B' (zero hash: none), and the head pair 'H' of an unfinished flush. */
QC_MUST_CHECK qc_err qc_coinsdb_best(qc_coinsdb *db, qc_hash *best);
QC_MUST_CHECK qc_err qc_coinsdb_heads(qc_coinsdb *db, qc_hash *to, qc_hash *from, bool *unfinished);

/** A flush in parts of at most batch_bytes: begin writes 'H' (to, from), puts and deletes follow in
 *  any order, end writes 'B' and removes 'H' (Core CCoinsViewDB::BatchWrite). */
typedef struct qc_coinsdb_flush qc_coinsdb_flush;
QC_MUST_CHECK qc_err qc_coinsdb_flush_begin(qc_coinsdb *db, const qc_hash *to, size_t batch_bytes,
                                            qc_coinsdb_flush **out);
QC_MUST_CHECK qc_err qc_coinsdb_flush_put(qc_coinsdb_flush *f, const qc_outpoint *o,
                                          qc_amount value, qc_span script, uint32_t height,
                                          bool coinbase);
QC_MUST_CHECK qc_err qc_coinsdb_flush_delete(qc_coinsdb_flush *f, const qc_outpoint *o);
/** Frees f, on failure too. */
QC_MUST_CHECK qc_err qc_coinsdb_flush_end(QC_OWN qc_coinsdb_flush *f);
void qc_coinsdb_flush_abort(QC_OWN qc_coinsdb_flush *f);

/** Ordered walk over a snapshot. */
typedef struct qc_coins_iter qc_coins_iter;
QC_MUST_CHECK qc_err qc_coins_iter_new(qc_coinsdb *db, qc_coins_iter **out);
/** Another walk over the same snapshot, placed at its start, for another thread. `it` must outlive
 * it. Out: owned, qc_coins_iter_free(). Thread: that of `it`. */
qc_coins_iter *qc_coins_iter_sibling(const qc_coins_iter *it);
/** Continue from this outpoint on (inclusive). */
void qc_coins_iter_seek(qc_coins_iter *it, const qc_outpoint *o);
/** Returns: QC_OK (coin->script borrowed until the next call); QC_ENOENT at the end; QC_ECORRUPT;
 * QC_EIO. */
QC_MUST_CHECK qc_err qc_coins_iter_next(qc_coins_iter *it, qc_outpoint *o, qc_coin *coin);
const qc_hash *qc_coins_iter_best(const qc_coins_iter *it);
void qc_coins_iter_free(qc_coins_iter *it);
uint64_t qc_coinsdb_size_estimate(qc_coinsdb *db);

/** Compressed output coding, shared with undo (Core compressor.cpp). */
QC_MUST_CHECK qc_err qc_txout_compress(qc_bytes *out, qc_amount value, qc_span script);
/** script appended to *script; QC_ECORRUPT on malformed input. */
QC_MUST_CHECK qc_err qc_txout_decompress(qc_reader *r, qc_amount *value, qc_bytes *script);

/** Append what the hashes of the set take of a coin: outpoint, height and coinbase, output as on
 * the wire (Core kernel/coinstats.cpp TxOutSer). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coin_hash_text(qc_bytes *b, const qc_outpoint *o, const qc_coin *c);
/** What a coin counts in "bogosize": its parts with fixed sizes. */
uint64_t qc_coin_bogosize(size_t script_len);

/** UTXO set statistics (Core kernel/coinstats.cpp). */
typedef enum qc_utxo_hash { QC_UTXO_NONE, QC_UTXO_HASH3, QC_UTXO_MUHASH } qc_utxo_hash;
typedef struct qc_utxo_stats {
    qc_hash best;
    uint64_t transactions, txouts, bogosize, disk_size;
    qc_amount total;
    qc_hash hash;
} qc_utxo_stats;
/** Walks the whole set as it is now; *cancel (may be NULL) is looked at now and then. A large set
 * is walked by a few threads at once unless its order matters. Thread: any; blocks long. Returns:
 * QC_OK; QC_ECANCELED; QC_ECORRUPT; QC_EIO; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_utxo_stats_compute(qc_coinsdb *db, qc_utxo_hash kind,
                                           const _Atomic bool *cancel, qc_utxo_stats *out);
