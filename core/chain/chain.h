/* core/chain/chain.h: the validated chain: header tree, coins, connect and disconnect, storage.
 * No event loop: a program, a test or a benchmark may run it on one plain thread. All functions
 * are `Thread: chain` (the one owner) unless they say `any`. */
#pragma once
#include "core/btc/params.h"
#include "core/chain/index.h"
#include "core/consensus/check.h"
#include "core/os/thread.h"
#include "core/store/blockfiles.h"
#include "core/store/coinsdb.h"

typedef struct qc_chain qc_chain;

/** Told of changes, on the chain thread, in order. Any member may be NULL. Lower layers register
 *  nothing upward: app/ and host/ register here before the chain starts. */
typedef struct qc_chain_events {
    void *arg;
    /** A new active tip (after the last connect of an activation step); `fork` = last common block.
     */
    void (*tip)(void *arg, const qc_index *tip, const qc_index *fork, bool initial_download);
    void (*connected)(void *arg, const qc_index *i,
                      const qc_block *b); /* part B attached when followers() > 0 */
    void (*disconnected)(void *arg, const qc_index *i, const qc_block *b);
    /** The chain stands still again, at `tip`, and agrees with its coins: after whatever came of
     *  connected and disconnected, before `tip`. give_back: what was in blocks that left may be
     *  wanted again; false after a failure, and for blocks deep under an invalidation. */
    void (*settled)(void *arg, const qc_index *tip, bool give_back);
    /** Everything about that has been told, `tip` too if it is another one. */
    void (*told)(void *arg);
    /** A block on top of the tip keeps all rules but those that need coins and scripts; it is about
     *  to be stored and connected. Not during the initial download (Core NewPoWValidBlock). */
    void (*pow_valid)(void *arg, const qc_index *i, const qc_block *b);
    /** Everything up to this tip is durable (body, undo, index record synced). */
    void (*durable)(void *arg, const qc_index *tip);
    /** Verdict on a block that was submitted or imported (Core BlockChecked). */
    void (*checked)(void *arg, const qc_hash *hash, const qc_verdict *v);
    void (*header_tip)(void *arg, const qc_index *best_header);
    /** Progress of long work: "Importing blocks", "Reindexing", "Verifying", "Replaying",
     * "Pruning". */
    void (*progress)(void *arg, const char *what, const qc_index *at, double share);
    /** The node cannot go on (disk full, corrupt database ...): text for the operator. */
    void (*fatal)(void *arg, const char *text);
} qc_chain_events;

typedef struct qc_chain_options {
    const qc_params *params;
    const char *dir;        /* <datadir>/<chain>: blocks/, chainstate/ live here */
    const char *blocks_dir; /* NULL: dir/blocks (-blocksdir) */
    size_t dbcache;         /* bytes */
    int par;                /* script check threads besides the caller's */
    int prefetch_threads;   /* prevout prefetch */
    bool reindex, reindex_chainstate;
    uint64_t prune_target; /* bytes; 0 off; 1 manual only (Core's -prune=1) */
    uint64_t prune_least;  /* least target, for tests; 0: Core's 550 MiB */
    bool fastprune, blocksxor;
    bool has_assume_valid; /* else params->assume_valid */
    qc_hash assume_valid;  /* zero: check all scripts */
    bool has_min_work;
    qc_u256 min_work;
    int64_t max_tip_age;   /* seconds; -maxtipage */
    size_t sigcache_bytes; /* -maxsigcachesize */
    bool checkblockindex;
    uint32_t stop_at_height;
    size_t flush_batch_bytes;           /* -dbbatchsize; 0: 32 MiB */
    unsigned check_level, check_blocks; /* start-up verification, -checklevel -checkblocks */
    /** Asked between the steps of a long opening: true ends it. May be NULL. */
    bool (*stop)(void *arg);
    void *stop_arg;
} qc_chain_options;

/** Open (or make) the folder, load the index, recover from an unfinished flush, verify the last
 *  blocks. A folder that has blocks but neither index nor coins is opened as for a reindex.
 *  detail gets a sentence that names file, found and wanted when it fails.
 *  Returns: QC_OK; QC_EBUSY; QC_ECORRUPT ("... reindex"); QC_EFULL; QC_EIO; QC_EPERM; QC_EINVAL
 *  (folder of another chain; prune settings that do not fit the folder); QC_ECANCELED (stop() said
 *  so; nothing is lost). Out: owned, qc_chain_close(). */
QC_MUST_CHECK qc_err qc_chain_open(qc_chain **out, const qc_chain_options *o,
                                   const qc_chain_events *ev, char *detail, size_t cap);
/** Flush everything and close. NULL is allowed. */
void qc_chain_close(QC_OWN qc_chain *c);
/** Flush everything and close the databases, but keep what other threads read: for an end at which
 *  one of them does not let go. Of the chain thread's functions none may be called any more. */
void qc_chain_close_databases(qc_chain *c);
/** Add a listener (up to 16). Before the chain thread runs. */
void qc_chain_listen(qc_chain *c, const qc_chain_events *ev);
/** Ask whatever runs (activation, import, verification) to end at its next safe place, and not to
 *  start again: shutdown. Thread: any. */
void qc_chain_interrupt(qc_chain *c);
/** Called between two steps of long work, so that queued jobs need not wait for its end; fn may
 * call anything of this header. qc_chain_thread sets it. */
void qc_chain_set_yield(qc_chain *c, void (*fn)(void *arg), void *arg);
const qc_params *qc_chain_params(const qc_chain *c); /* any */
qc_pool *qc_chain_pool(const qc_chain *c);           /* any: the work pool */

/** What was found valid before; for whoever checks scripts outside a block. Any thread. */
struct qc_sig_cache *qc_chain_sig_cache(const qc_chain *c);
struct qc_script_cache *qc_chain_script_cache(const qc_chain *c);

/* ---- reads from any thread: the published snapshot, never the writer's lock ---- */
/** Active tip; genesis after qc_chain_activate() ran once; NULL before. */
const qc_index *qc_chain_tip(const qc_chain *c);
const qc_index *qc_chain_best_header(const qc_chain *c);
/** Durable watermark: at or behind the tip, possibly on a branch just left. */
const qc_index *qc_chain_durable(const qc_chain *c);
/** Active block at height, or NULL. */
const qc_index *qc_chain_at(const qc_chain *c, uint32_t height);
bool qc_chain_contains(const qc_chain *c, const qc_index *i);
/** Any known header, or NULL. */
const qc_index *qc_chain_find(const qc_chain *c, const qc_hash *hash);
/** +1 per tip change since start. */
uint64_t qc_chain_seq(const qc_chain *c);
/** Initial download: latches to false (Core IsInitialBlockDownload). */
bool qc_chain_initial_download(const qc_chain *c);
/** An invalid branch has six blocks more work than the tip: worth a warning. */
bool qc_chain_large_invalid(const qc_chain *c);
/** Bits that a child of `parent` with this time must have. */
uint32_t qc_chain_next_bits(const qc_chain *c, const qc_index *parent, uint32_t time);
/** Core GuessVerificationProgress of i, 0..1. */
double qc_chain_progress(const qc_chain *c, const qc_index *i);
/** Body from disk, height set. QC_EPRUNED; QC_ENOENT (never had it); QC_ECORRUPT; QC_EIO. Out:
 * shared, qc_block_unref(). */
QC_MUST_CHECK qc_err qc_chain_read_block(const qc_chain *c, const qc_index *i, qc_block **out);
/** Body with part B (spent coins) attached from undo data. */
QC_MUST_CHECK qc_err qc_chain_read_block_spent(const qc_chain *c, const qc_index *i,
                                               qc_block **out);
/** As qc_chain_read_block_spent(), but transactions need not have ids: qc_block_make_ids(). */
QC_MUST_CHECK qc_err qc_chain_read_block_bare(const qc_chain *c, const qc_index *i, qc_block **out);
/** A coin of a block: spent is the 36 bytes of its outpoint where it is spent, NULL where it is
 *  made. Borrowed for the call. Returns: its transaction is wanted. */
typedef bool qc_coin_pick_fn(void *arg, const uint8_t *spent, qc_span script);
/** Show every coin that the block makes or spends (its coinbase spends none) to fn, from disk and
 *  without making a block of it. Out: *out NULL: nothing is wanted; else shared: the header, the
 *  coinbase and what is wanted, with its coins and ids but no roots; see qc_block_place().
 *  Anything else than QC_OK: some may have been shown, and what is wrong is not said here:
 * qc_chain_read_block_bare() finds it, or reads the block (genesis is never walked). Thread: any.
 */
QC_MUST_CHECK qc_err qc_chain_pick_coins(const qc_chain *c, const qc_index *i, qc_coin_pick_fn *fn,
                                         void *arg, qc_block **out);
/** Raw bytes of the body. Out: owned. */
QC_MUST_CHECK qc_err qc_chain_read_raw(const qc_chain *c, const qc_index *i, qc_bytes *out);
/** Raw bytes of the block whose body lies at this place of the block files, for an index that keeps
 *  places. Returns as qc_chain_read_raw(). Out: owned. */
QC_MUST_CHECK qc_err qc_chain_read_at(const qc_chain *c, qc_filepos pos, qc_bytes *out);
/** All header-tree leaves plus the tip (getchaintips). Out: *list owned qc_free(). */
QC_MUST_CHECK qc_err qc_chain_leaves(const qc_chain *c, const qc_index ***list, size_t *n);
/** Lowest height whose body and undo are here on the active chain (0: not pruned). */
uint32_t qc_chain_prune_height(const qc_chain *c);
bool qc_chain_is_pruned_mode(const qc_chain *c, uint64_t *target);
uint64_t qc_chain_disk_usage(const qc_chain *c);

/* ---- changes: chain thread ---- */
/** Core AcceptBlockHeader. min_pow_checked false: refuse headers below minimum work when not yet
 * known. Out: *out the entry (also for known ones). */
bool qc_chain_accept_header(qc_chain *c, const qc_header *h, bool min_pow_checked,
                            const qc_index **out, qc_verdict *v);
/** After a run of qc_chain_accept_header(): tells `header_tip` when it moved, and logs progress
 * during the initial download. last: the last one accepted, or NULL. */
void qc_chain_headers_done(qc_chain *c, const qc_index *last);
/** Core ProcessNewBlock: check, store, activate. force: as requested by us (submitblock, import).
 *  Out: *is_new: body not had before. Returns the verdict on the block itself; a disk failure is
 * reported by fatal() and QC_EIO. The activation's verdict on this block arrives by `checked`. */
QC_MUST_CHECK qc_err qc_chain_process_block(qc_chain *c, qc_block *b, bool force,
                                            bool min_pow_checked, bool *is_new, qc_verdict *v);
/** As qc_chain_process_block() for a block whose context-free rules (qc_check_block() with both
 *  flags) another thread has judged already: `found` is what it said. */
QC_MUST_CHECK qc_err qc_chain_process_checked(qc_chain *c, qc_block *b, const qc_verdict *found,
                                              bool force, bool min_pow_checked, bool *is_new,
                                              qc_verdict *v);
/** Work that a chain must have to be downloaded (-minimumchainwork). Thread: any. */
const qc_u256 *qc_chain_min_work(const qc_chain *c);
/** Connect the best chain that is known (ActivateBestChain). */
QC_MUST_CHECK qc_err qc_chain_activate(qc_chain *c);
/** Would this block (on the tip) be valid? (TestBlockValidity: proposals, generateblock) */
bool qc_chain_test_block(qc_chain *c, qc_block *b, bool check_pow, bool check_merkle,
                         qc_verdict *v);
QC_MUST_CHECK qc_err qc_chain_invalidate(qc_chain *c, const qc_index *i);
QC_MUST_CHECK qc_err qc_chain_reconsider(qc_chain *c, const qc_index *i);
QC_MUST_CHECK qc_err qc_chain_precious(qc_chain *c, const qc_index *i);

/** Coin by outpoint at the tip; cache first. Out: *coin owned, qc_coin_clear(). QC_ENOENT. */
QC_MUST_CHECK qc_err qc_chain_coin(qc_chain *c, const qc_outpoint *o, qc_coin *coin);
/** Flush the coins cache so that the database equals the tip; the database for scans (any thread).
 */
QC_MUST_CHECK qc_err qc_chain_flush(qc_chain *c);
/** Periodic work (hourly flush, prune); call about once a minute. */
QC_MUST_CHECK qc_err qc_chain_tick(qc_chain *c);
qc_coinsdb *qc_chain_coinsdb(qc_chain *c);
/** The cache of coins at the tip, to be asked, not changed. Borrowed for the chain's life. */
struct qc_coins *qc_chain_coins(qc_chain *c);
/** Number of coins cached and their bytes (getchainstates, getmemoryinfo). */
void qc_chain_cache_usage(const qc_chain *c, size_t *coins, size_t *bytes);

/** Files are removed up to `height` as far as rules allow. Out: *pruned_to last pruned height.
 *  QC_EINVAL not in prune mode. */
QC_MUST_CHECK qc_err qc_chain_prune(qc_chain *c, uint32_t height, uint32_t *pruned_to);
/** Hold blocks from `height` up against pruning. name is the holder; height UINT32_MAX releases.
 *  When pruning is due and these blocks fill more than `bytes` of files, the pin is released. */
void qc_chain_pin(qc_chain *c, const char *name, uint32_t height, uint64_t bytes);
/** Followers present: connect attaches part B and syncs before publishing `durable`. */
void qc_chain_set_followers(qc_chain *c, unsigned n); /* any */
/** Sync body, undo and index records up to the tip now, then publish `durable`. */
QC_MUST_CHECK qc_err qc_chain_sync(qc_chain *c);
/** Unset the scripts-checked state of nothing: verify the last n blocks (RPC verifychain).
 *  Returns QC_OK and *ok; progress by event. */
QC_MUST_CHECK qc_err qc_chain_verify(qc_chain *c, unsigned level, unsigned n_blocks, bool *ok);

/** Why scripts of the next block are or are not checked (assumevalid), Core's wording. */
const char *qc_chain_script_check_reason(const qc_chain *c, const qc_index *i, bool *check);

/* ---- import: chain thread; each checks *stop between blocks ---- */
typedef struct qc_import_stats {
    uint64_t blocks, skipped_bytes, out_of_order, duplicates, rejected, bytes;
} qc_import_stats;
/** Core LoadExternalBlockFile over a file that is not ours (-loadblock, bootstrap.dat), xor NULL:
 * none. */
QC_MUST_CHECK qc_err qc_chain_import_file(qc_chain *c, const char *path, const uint8_t *xor_key,
                                          const _Atomic bool *stop, qc_import_stats *out);
/** Continue or start a reindex of our own blk files, then activate. */
QC_MUST_CHECK qc_err qc_chain_reindex(qc_chain *c, const _Atomic bool *stop, qc_import_stats *out);
bool qc_chain_reindexing(const qc_chain *c); /* any */
