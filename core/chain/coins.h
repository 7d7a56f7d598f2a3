/* core/chain/coins.h: unspent coins in memory, over the database or over another cache. Changes
 * are kept until qc_coins_write() or qc_coins_merge(); a coin that is made and spent between two
 * writes never reaches the disk. Thread: chain, except qc_coins_peek(): any number of threads
 * while nobody changes the cache. */
#pragma once
#include "core/btc/block.h"
#include "core/store/coinsdb.h"

typedef struct qc_coins qc_coins;

/** A cache over `db` (borrowed for its life; NULL: over nothing). Out: owned, qc_coins_free().
 * Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coins_new(qc_coins **out, qc_coinsdb *db);
/** A cache over another cache, which must not change while this one lives (but by
 * qc_coins_merge()). */
QC_MUST_CHECK qc_err qc_coins_new_over(qc_coins **out, qc_coins *base);
/** Drops unwritten changes. NULL is allowed. */
void qc_coins_free(QC_OWN qc_coins *c);

typedef enum qc_coins_hit { QC_COINS_MISS, QC_COINS_UNSPENT, QC_COINS_SPENT } qc_coins_hit;
/** What memory knows of a coin (this cache and those below it), without asking the database.
 *  Out: *out when UNSPENT; its script is borrowed until the coin is changed. */
qc_coins_hit qc_coins_peek(const qc_coins *c, const qc_outpoint *o, qc_spent *out);
/** Look up a coin; a hit in the database is kept as a clean entry. out NULL: only ask.
 *  Returns: QC_OK (*out's script borrowed until the coin is changed); QC_ENOENT; QC_ECORRUPT;
 * QC_EIO; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coins_get(qc_coins *c, const qc_outpoint *o, qc_spent *out);
/** Forget a coin that qc_coins_get() has brought from the database, if nothing changed it since. */
void qc_coins_uncache(qc_coins *c, const qc_outpoint *o);
/** Mark spent. `known`: the caller has seen it unspent, so that the database need not be asked.
 *  Returns: QC_OK; QC_ENOENT (not unspent); as qc_coins_get(). */
QC_MUST_CHECK qc_err qc_coins_spend(qc_coins *c, const qc_outpoint *o, bool known);
/** Add a coin; the script is copied. overwrite: an unspent coin of that name may exist.
 *  Returns: QC_OK; QC_ENOMEM; QC_EBUG (exists and !overwrite). */
QC_MUST_CHECK qc_err qc_coins_add(qc_coins *c, const qc_outpoint *o, const qc_spent *coin,
                                  bool overwrite);
/** Make room for `n` more entries, so that the changes of one block do not fail half-way for want
 *  of table space. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coins_reserve(qc_coins *c, size_t n);

/** The block whose state this is. Zero: none (empty database). */
const qc_hash *qc_coins_best(const qc_coins *c);
void qc_coins_set_best(qc_coins *c, const qc_hash *best);

/** Move all changes of `over` down into the cache it was made over; `over` is empty afterwards.
 *  On failure both are unusable. Returns: QC_OK; QC_ENOMEM; QC_EBUG. */
QC_MUST_CHECK qc_err qc_coins_merge(qc_coins *over);
/** Write all changes and the best block to the database. `empty`: forget every entry, else keep
 *  them as clean. On failure nothing is forgotten. Only for a cache over a database.
 *  Returns: QC_OK; QC_EIO; QC_EFULL; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coins_write(qc_coins *c, size_t batch_bytes, bool empty);

size_t qc_coins_count(const qc_coins *c);
size_t qc_coins_dirty(const qc_coins *c);
/** Bytes of memory held. */
size_t qc_coins_usage(const qc_coins *c);
/** Internal consistency of the table, flags and counts, for tests. */
bool qc_coins_sane(const qc_coins *c);
