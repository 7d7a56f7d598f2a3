/* core/chain/internal.h: the parts of the chain, as its own files see them. Everything here is
 * `Thread: chain` unless it says otherwise. */
#pragma once
#include "core/base/arith.h"
#include "core/chain/active.h"
#include "core/chain/ahead.h"
#include "core/chain/candidates.h"
#include "core/chain/chain.h"
#include "core/chain/coins.h"
#include "core/chain/tree.h"
#include "core/crypto/siphash.h"
#include "core/os/thread.h"
#include "core/script/sigcache.h"

#define QC_MAX_LISTENERS 16
#define QC_VERDICT_TEXT_LEN (QC_VERDICT_DEBUG_LEN + 112)
#define QC_MIN_BLOCKS_TO_KEEP 288u /* Core validation.h MIN_BLOCKS_TO_KEEP */

typedef struct qc_pin {
    char *name;      /* NULL: free place */
    uint32_t height; /* UINT32_MAX: it was too much and holds nothing */
    uint64_t bytes;  /* it may hold */
} qc_pin;

struct qc_chain {
    const qc_params *params;
    char *dir, *blocks_dir;
    /* as given */
    size_t dbcache, flush_batch;
    int64_t max_tip_age;
    uint64_t prune_target; /* 0 off, 1 manual only */
    uint64_t prune_least;  /* a smaller target is taken for this one */
    bool fastprune, check_index;
    uint32_t stop_at_height;
    qc_hash assume_valid;
    qc_u256 min_work;
    unsigned check_level, check_blocks;

    qc_pool *pool, *fetch_pool;
    qc_siphash_key salt; /* of tables that live for one block */
    qc_blockfiles *files;
    qc_indexdb *indexdb;
    qc_coinsdb *coinsdb;
    qc_coins *coins;
    size_t coins_limit; /* bytes that c->coins may use */
    qc_tree *tree;
    qc_candidates candidates;
    qc_unlinked unlinked;
    qc_active active; /* the chain thread's own view */
    qc_published pub; /* what other threads see */
    qc_sig_cache *sig_cache;
    qc_script_cache *script_cache;
    qc_ahead *ahead;

    qc_index *best_header; /* most work not known to be invalid; never NULL once genesis is there */
    const qc_index *best_invalid;
    const qc_index *header_told;
    int32_t next_sequence, next_reverse;
    qc_u256 last_precious_work;
    _Atomic bool ibd, large_invalid;
    _Atomic bool reindexing; /* body places are being rediscovered */
    bool importing;          /* inside qc_chain_import_file() or qc_chain_reindex() */
    bool broken;             /* a change failed half-way: nothing may be written any more */
    bool in_yield, in_invalidate;
    const char *script_reason; /* last one logged */
    bool script_reason_set;

    /* flush and durability */
    int64_t next_write; /* seconds; 0: not set */
    const qc_index *last_flushed;
    const qc_index *synced; /* tip when body, undo and index were last synced */
    uint32_t unsynced;      /* blocks connected since then */
    qc_mono last_sync;
    _Atomic unsigned followers;

    /* pruning */
    bool have_pruned, check_for_pruning;
    _Atomic uint32_t prune_height;
    qc_pin *pin;
    size_t n_pin;

    qc_chain_events listener[QC_MAX_LISTENERS];
    unsigned n_listener;
    const _Atomic bool *stop;     /* of the import that runs */
    bool (*open_stop)(void *arg); /* while opening */
    void *open_stop_arg;
    _Atomic bool interrupt;
    void (*yield)(void *arg);
    void *yield_arg;
};

/* ---- events.c ---- */
void qc_tell_tip(qc_chain *c, const qc_index *tip, const qc_index *fork);
void qc_tell_connected(qc_chain *c, const qc_index *i, const qc_block *b);
void qc_tell_disconnected(qc_chain *c, const qc_index *i, const qc_block *b);
void qc_tell_settled(qc_chain *c, bool give_back);
void qc_tell_told(qc_chain *c);
void qc_tell_pow_valid(qc_chain *c, const qc_index *i, const qc_block *b);
void qc_tell_durable(qc_chain *c, const qc_index *tip);
void qc_tell_checked(qc_chain *c, const qc_hash *hash, const qc_verdict *v);
void qc_tell_header_tip(qc_chain *c);
void qc_tell_progress(qc_chain *c, const char *what, const qc_index *at, double share);
/** Logs, tells, and refuses all further writes when `broken`. Returns err. */
qc_err qc_chain_fatal(qc_chain *c, qc_err err, const char *fmt, ...) QC_PRINTF(3, 4);
/** Somebody asked to stop: a long loop ends at its next safe place. */
bool qc_chain_stopping(const qc_chain *c);
/** Let queued work run between two whole steps. */
void qc_chain_yield(qc_chain *c);
/** "2009-01-03T18:15:05Z" */
#define QC_ISO_TIME_LEN 24
const char *qc_iso_time(int64_t t, char out[static QC_ISO_TIME_LEN]);
double qc_log2_work(const qc_u256 *work);

/* ---- header.c ---- */
/** Core AddToBlockIndex: a new entry under its parent, best header updated. */
QC_MUST_CHECK qc_err qc_header_add(qc_chain *c, const qc_header *h, const qc_hash *hash,
                                   qc_index **out);
/** Rules of a header in the context of its parent. */
bool qc_header_in_context(const qc_chain *c, const qc_header *h, const qc_index *parent,
                          qc_verdict *v);
/** As qc_chain_accept_header() with a writable entry. QC_OK and the verdict, or a failure of ours.
 */
QC_MUST_CHECK qc_err qc_accept_header(qc_chain *c, const qc_header *h, const qc_hash *hash,
                                      bool min_pow_checked, qc_index **out, qc_verdict *v);

/* ---- accept.c ---- */
typedef struct qc_accept_how {
    bool requested;       /* by us: the rules for unasked bodies do not apply */
    bool min_pow_checked; /* see qc_chain_accept_header() */
    bool checked;         /* context-free rules were applied to this very object and hold */
    const qc_filepos *at; /* where the body lies already (reindex); NULL: append it */
} qc_accept_how;
/** Core AcceptBlock. Out: *is_new: the body was taken in.
 *  Returns: QC_OK and the verdict; a failure of ours, told already. */
QC_MUST_CHECK qc_err qc_accept_block(qc_chain *c, qc_block *b, const qc_accept_how *how,
                                     bool *is_new, qc_verdict *v);
/** Core ReceivedBlockTransactions: the body is at `pos`; link what waited for it. */
QC_MUST_CHECK qc_err qc_body_arrived(qc_chain *c, qc_index *i, uint32_t n_tx, qc_filepos pos);
QC_MUST_CHECK qc_err qc_write_genesis(qc_chain *c);

/* ---- choose.c ---- */
/** Into the candidates, if not worse than the tip (Core TryAddBlockIndexCandidate). */
QC_MUST_CHECK qc_err qc_try_candidate(qc_chain *c, qc_index *i);
/** Best candidate whose branch is valid and has all bodies, or NULL (Core FindMostWorkChain). */
QC_MUST_CHECK qc_err qc_most_work(qc_chain *c, qc_index **out);

/* ---- failed.c ---- */
void qc_block_failed(qc_chain *c, qc_index *i, const qc_verdict *v);
void qc_chain_failed(qc_chain *c, qc_index *i);
void qc_best_header_again(qc_chain *c);
void qc_fork_warning(qc_chain *c);

/* ---- connect.c, disconnect.c ---- */
typedef struct qc_connect_opts {
    bool just_check; /* qc_chain_test_block(): nothing is written, results are cached */
    bool checked;    /* context-free rules hold for this object */
    bool check_pow, check_merkle;
    bool quiet;    /* a verification run: no undo is written */
    qc_mono until; /* with just_check: no script is begun later (qc_clock_mono()); 0: whenever */
} qc_connect_opts;
/** Core ConnectBlock: judge `b` on top of view's best block and apply it to the view.
 *  Returns: QC_OK and the verdict (view unchanged unless it is OK); a failure of ours. */
QC_MUST_CHECK qc_err qc_connect_block(qc_chain *c, qc_block *b, qc_index *i, qc_coins *view,
                                      const qc_connect_opts *o, qc_verdict *v);
/** Core DisconnectBlock. *clean false: the coins did not agree with the block.
 *  Returns: QC_OK; QC_ECORRUPT (view is then unusable); as reading. */
QC_MUST_CHECK qc_err qc_disconnect_block(qc_chain *c, qc_block *b, const qc_index *i,
                                         qc_coins *view, bool *clean);
/** Never stored as a coin (Core CScript::IsUnspendable): OP_RETURN first, or over 10,000 bytes. */
static inline bool qc_unspendable(qc_span script)
{
    return (script.len > 0 && script.data[0] == 0x6a) || script.len > 10000;
}
/** Body of `i`, parsed, proof of work and hash checked, height set. */
QC_MUST_CHECK qc_err qc_read_body(const qc_chain *c, const qc_index *i, qc_block **out);
/** Same without a word in the log. Thread: any. */
QC_MUST_CHECK qc_err qc_read_body_quietly(const qc_chain *c, const qc_index *i, qc_block **out);
/** Same from a place on disk; hash NULL: any. */
QC_MUST_CHECK qc_err qc_read_body_at(const qc_chain *c, qc_filepos pos, const qc_hash *hash,
                                     qc_block **out);
/** Coins that `i` spent, from its undo record. Out: as qc_undo_decode(). Thread: any. */
QC_MUST_CHECK qc_err qc_read_undo(const qc_chain *c, const qc_block *b, const qc_index *i,
                                  qc_spent **spent, qc_bytes *scripts);
/** qc_chain_script_check_reason(), logged when it changes. */
bool qc_scripts_wanted(qc_chain *c, const qc_index *i);
bool qc_bip30_exception(const qc_index *i);

/* ---- inputs.c ---- */
/** The coins that a block spends, found before it is judged. */
typedef struct qc_inputs {
    qc_spent *spent;    /* one per input of the block; coinbase slots zero */
    uint8_t *state;     /* one per input: QC_IN_* */
    uint8_t *out_spent; /* one per output: 1 when the block itself spends it */
    qc_coin *from_db;   /* owns the scripts of coins that came from the database */
    uint32_t *tx_of;    /* transaction of each input */
    uint32_t n_in, n_out, n_tx;
} qc_inputs;
enum { QC_IN_MISSING, QC_IN_OUTSIDE, QC_IN_INSIDE, QC_IN_COINBASE };
/** Look up everything, in parallel where the database is asked. */
QC_MUST_CHECK qc_err qc_inputs_find(qc_chain *c, const qc_block *b, uint32_t height,
                                    const qc_coins *view, qc_inputs *out);
void qc_inputs_clear(qc_inputs *in);
/** Is an output of `b` unspent in the view already (BIP30)? */
QC_MUST_CHECK qc_err qc_inputs_overwrite(qc_chain *c, const qc_block *b, const qc_coins *view,
                                         bool *found);

/* ---- scripts.c ---- */
/** All scripts of the block on the pool. Fills the verdict of the first input that fails, or with
 *  QC_TEST_TOO_LONG. store, until: of qc_connect_opts, just_check. */
QC_MUST_CHECK qc_err qc_check_scripts(qc_chain *c, const qc_block *b, const qc_inputs *in,
                                      uint32_t flags, bool store, qc_mono until, qc_verdict *v);

/* ---- activate.c ---- */
QC_MUST_CHECK qc_err qc_activate_with(qc_chain *c, qc_block *b);
QC_MUST_CHECK qc_err qc_disconnect_tip(qc_chain *c);
void qc_set_tip(qc_chain *c, qc_index *i);
/** Make the chain thread's view visible to all. */
void qc_publish(qc_chain *c);
void qc_update_ibd(qc_chain *c);

/* ---- flush.c ---- */
typedef enum qc_flush_mode {
    QC_FLUSH_NONE,
    QC_FLUSH_IF_NEEDED,
    QC_FLUSH_PERIODIC,
    QC_FLUSH_SYNC, /* write, keep the cache (Core FORCE_SYNC) */
    QC_FLUSH_EMPTY /* write, empty the cache (Core FORCE_FLUSH) */
} qc_flush_mode;
QC_MUST_CHECK qc_err qc_flush_state(qc_chain *c, qc_flush_mode mode, uint32_t prune_to,
                                    uint32_t *pruned_to);
/** Body and undo files to disk, then the index batch; then `durable` is the tip. */
QC_MUST_CHECK qc_err qc_sync_index(qc_chain *c);
QC_MUST_CHECK qc_err qc_sync_followed(qc_chain *c, bool now);

/* ---- waiting.c ---- */
/** Blocks of a file whose parent is not known yet, by parent (import and reindex). */
typedef struct qc_waiting qc_waiting;
typedef struct qc_waiting_block {
    qc_hash parent;
    qc_filepos pos; /* file -1: in the file that is being imported */
    uint64_t offset;
    uint32_t next;
} qc_waiting_block;
QC_MUST_CHECK qc_err qc_waiting_new(qc_waiting **out);
void qc_waiting_free(QC_OWN qc_waiting *w);
QC_MUST_CHECK qc_err qc_waiting_add(qc_waiting *w, const qc_waiting_block *b);
/** Take one that waits for `parent`. False: none left. */
bool qc_waiting_take(qc_waiting *w, const qc_hash *parent, qc_waiting_block *out);

/* ---- prune.c ---- */
/** Choose files. Out: numbers, owned qc_free(). */
QC_MUST_CHECK qc_err qc_prune_find(qc_chain *c, uint32_t manual_height, uint32_t **files, size_t *n,
                                   uint32_t *pruned_to);
/** Forget them in the index, on disk too, and delete them. The coins are written by now. */
QC_MUST_CHECK qc_err qc_prune_files(qc_chain *c, const uint32_t *files, size_t n);
void qc_prune_height_again(qc_chain *c);
void qc_pins_on_disconnect(qc_chain *c, uint32_t height);
/** -prune with -reindex: remove what the reindex will not read (Core CleanupBlockRevFiles). */
QC_MUST_CHECK qc_err qc_prune_clean_folder(const char *blocks_dir);

/* ---- coinwalk.c ---- */
/** As qc_chain_pick_coins(), of the bytes of a block and of its undo record. Returns: QC_OK;
 *  QC_ECORRUPT (anything about them is odd); QC_ENOMEM. Out: *out untouched or NULL then. Thread:
 *  any. */
QC_MUST_CHECK qc_err qc_coins_pick(qc_span raw, qc_span undo, const qc_hash *hash, uint32_t height,
                                   qc_coin_pick_fn *fn, void *arg, qc_block **out);

/* ---- found.c ---- */
/** NNNNN of "blkNNNNN.dat" for kind "blk" (or "rev"), else -1. */
int64_t qc_blockfile_number(const char *name, const char *kind);
/** Is the index empty although the folder holds more than the genesis block? Nothing is written.
 *  Returns: QC_OK; QC_EINVAL with a sentence: blocks of another chain, a file is missing; QC_EIO.
 */
QC_MUST_CHECK qc_err qc_found_files(const qc_chain *c, bool *found, char *detail, size_t cap);
/** QC_EINVAL, with a sentence, when the first block file is that of another known chain. */
QC_MUST_CHECK qc_err qc_foreign_files(const qc_chain *c, char *detail, size_t cap);

/* ---- load.c, replay.c, verify.c, check_index.c ---- */
QC_MUST_CHECK qc_err qc_load_index(qc_chain *c, char *detail, size_t cap);
QC_MUST_CHECK qc_err qc_load_tip(qc_chain *c, char *detail, size_t cap);
QC_MUST_CHECK qc_err qc_replay(qc_chain *c, char *detail, size_t cap);
typedef enum qc_verify_result {
    QC_VERIFY_OK,
    QC_VERIFY_CORRUPT,
    QC_VERIFY_STOPPED,
    QC_VERIFY_SKIPPED_L3,
    QC_VERIFY_MISSING /* pruned blocks: verified as far as there are any */
} qc_verify_result;
QC_MUST_CHECK qc_err qc_verify_chain(qc_chain *c, unsigned level, unsigned depth,
                                     qc_verify_result *out);
/** Every invariant of the header tree (Core CheckBlockIndex). Aborts when one does not hold. */
void qc_check_index(const qc_chain *c);
