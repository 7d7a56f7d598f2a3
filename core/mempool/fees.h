/* core/mempool/fees.h: what fee rate gets a transaction into a block within so many blocks, by what
 * became of those that were seen before. Behaviour and file format: Core
 * policy/fees/block_policy_estimator, so that both programs give the same answers from the same
 * history and read each other's fee_estimates.dat.
 *
 * Transactions are counted in buckets by fee rate. Three horizons remember, each with its own
 * decay per block: how many of a bucket were mined, within how many periods of `scale` blocks, how
 * many left the pool unmined, and how many wait. Thread: one at a time (the pool's owner). */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/mempool/feerate.h"

#define QC_FEES_FILE_VERSION 309900
#define QC_FEES_MAX_FILE (4u << 20)              /* bytes; one of ours has some 300,000 */
#define QC_FEES_FLUSH_SECONDS 3600               /* between two calls of qc_fees_save() */
#define QC_FEES_MAX_FILE_AGE_SECONDS (60 * 3600) /* older files tell of other times */

typedef enum qc_fees_horizon {
    QC_FEES_SHORT,  /* 12 periods of 1 block, half of it forgotten after 18 blocks */
    QC_FEES_MEDIUM, /* 24 of 2, 144 */
    QC_FEES_LONG,   /* 42 of 24, 1008 */
    QC_FEES_HORIZONS
} qc_fees_horizon;
/** "short", "medium", "long". */
const char *qc_fees_horizon_name(qc_fees_horizon h);

typedef struct qc_fees qc_fees;
/** `salt`: entropy, for a table that peers fill. Out: *out owned: qc_fees_free(). Returns: QC_OK;
 *  QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_fees_new(qc_fees **out, const uint64_t salt[static 2]);
void qc_fees_free(QC_OWN qc_fees *f);

/** A transaction that has entered the pool. */
typedef struct qc_fees_tx {
    const qc_hash *txid;
    uint32_t height; /* of the chain's tip */
    qc_amount fee;   /* its own, without the operator's delta */
    int64_t vsize;   /* sigop-adjusted */
    /* What tells nothing about fees that transactions need by themselves: */
    bool limits_bypassed; /* put back from a disconnected block */
    bool in_package;      /* accepted with others */
    bool chain_behind;    /* the node is still catching up */
    bool has_parents;     /* unconfirmed ones */
} qc_fees_tx;
/** Watch it, unless it is of no use or memory runs out. */
void qc_fees_added(qc_fees *f, const qc_fees_tx *tx);
/** It has left the pool, not for a block: replaced, expired, evicted, in conflict with a block.
 *  Returns: was it watched? */
bool qc_fees_removed(qc_fees *f, const qc_hash *txid);

/** A block was connected: begin, qc_fees_mined() for each of its transactions (others than those
 *  that are watched do no harm), end. A block that is not higher than all before teaches nothing:
 *  what it mines is just no longer watched. Blocks that are disconnected are not told. */
void qc_fees_block_begin(qc_fees *f, uint32_t height);
void qc_fees_mined(qc_fees *f, const qc_hash *txid);
void qc_fees_block_end(qc_fees *f);

/** A range of buckets, and what became of the transactions in it (decayed counts). */
typedef struct qc_fees_range {
    double start, end; /* sat/kvB; start -1: there is no such range */
    double within_target, total_confirmed, in_pool, left_pool;
} qc_fees_range;
typedef struct qc_fees_detail {
    qc_fees_range pass; /* the cheapest that met the threshold */
    qc_fees_range fail; /* the dearest that did not */
    double decay;
    uint32_t scale;
} qc_fees_detail;
/** Fee rate (sat/kvB) of which more than `threshold` (0..1) were mined within `target` blocks, by
 *  one horizon. 0: not known, or the target is not tracked. Out: *detail (may be NULL), untouched
 *  for a target or threshold out of range. */
int64_t qc_fees_raw(const qc_fees *f, uint32_t target, double threshold, qc_fees_horizon h,
                    qc_fees_detail *detail);

typedef enum qc_fees_reason {
    QC_FEES_NONE,
    QC_FEES_HALF,   /* 60 % within half the target */
    QC_FEES_FULL,   /* 85 % within the target */
    QC_FEES_DOUBLE, /* 95 % within twice the target */
    QC_FEES_CONSERVATIVE
} qc_fees_reason;
typedef struct qc_fees_answer {
    int64_t rate;          /* sat/kvB; 0: not known */
    uint32_t target;       /* the one answered for, which may be lower than asked */
    uint32_t best_height;  /* of the last block that was counted */
    qc_fees_reason reason; /* which threshold decided */
    qc_fees_detail detail;
} qc_fees_answer;
/** The rate that meets all three thresholds, and for `conservative` the last one over longer
 *  horizons too. It knows nothing of the pool's minimum, below which callers never go. */
qc_fees_answer qc_fees_smart(const qc_fees *f, uint32_t target, bool conservative);
/** Highest target that a horizon tracks, in blocks: 12, 48, 1008. */
uint32_t qc_fees_max_target(const qc_fees *f, qc_fees_horizon h);
size_t qc_fees_watched(const qc_fees *f);

/** Stop watching what waits; it counts as not mined. Before the last qc_fees_save(). */
void qc_fees_flush_unconfirmed(qc_fees *f);
/** Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_fees_write(const qc_fees *f, qc_bytes *out);
/** Replace all that is remembered by what these bytes say; nothing must be watched yet. Out: *why
 *  (may be NULL) on failure, static. Returns: QC_OK; QC_ECORRUPT, QC_EUNSUPPORTED (another
 *  version), QC_ENOMEM (nothing changed). */
QC_MUST_CHECK qc_err qc_fees_read(qc_fees *f, qc_span bytes, const char **why);
/** Read a file. `now`: seconds since 1970. What cannot be used is logged and makes no difference.
 *  accept_stale: whatever its age. Returns: was it used? */
bool qc_fees_load(qc_fees *f, const char *path, int64_t now, bool accept_stale);
/** Write the file atomically. A failure is logged. May block on disk. */
void qc_fees_save(const qc_fees *f, const char *path);

/** Chunks of the pool, the best first. False: no more. */
typedef struct qc_fees_chunk {
    qc_amount fee; /* modified */
    int64_t weight;
} qc_fees_chunk;
typedef struct qc_fees_chunks {
    void *arg;
    bool (*next)(void *arg, qc_fees_chunk *chunk);
} qc_fees_chunks;
/** What a transaction must pay more than to be mined within `blocks` blocks with room for
 *  `block_weight` each, if nothing else came: the rate of the first chunk that has no room in them.
 *  {0, 0}: there is room for all. */
qc_feerate qc_fees_pool_floor(const qc_fees_chunks *c, uint32_t blocks, uint32_t block_weight);

/** Rates for feefilter messages: few, so that they do not tell which transactions this node has.
 *  Immutable once made. */
#define QC_FEE_STEPS 176
typedef struct qc_fee_rounder {
    double step[QC_FEE_STEPS]; /* sat/kvB */
    size_t n;
} qc_fee_rounder;
void qc_fee_rounder_init(qc_fee_rounder *r, qc_feerate incremental);
/** One of the steps next to `rate` (sat/kvB): mostly the lower one. random: 32 uniform bits. */
int64_t qc_fee_rounder_round(const qc_fee_rounder *r, int64_t rate, uint32_t random);
