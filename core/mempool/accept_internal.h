/* core/mempool/accept_internal.h: a transaction, or a few, on the way into the pool. Functions that
 * judge return true, or false with a verdict, or false with try->err when the failure is ours. All
 * of it `Thread: chain`. */
#pragma once
#include "core/mempool/policy_package.h"
#include "core/mempool/pool_internal.h"

#define QC_MAX_REPLACED_CLUSTERS 100u /* Core MAX_REPLACEMENT_CANDIDATES */

/** One transaction. */
typedef struct qc_candidate {
    const qc_tx *tx;
    qc_spent *spent;           /* one per input; scripts borrowed from coins, pool, or candidates */
    qc_mempool_entry *e;       /* owned until it is in the pool; NULL: not got so far */
    qc_mempool_list conflicts; /* entries that spend what it spends, and a sibling to be evicted */
    qc_mempool_list parents;   /* in the pool */
    bool sibling;              /* a sibling is among the conflicts */
    qc_accept_result *r;
} qc_candidate;

/** How it is tried. */
typedef struct qc_try_rules {
    bool test_only;
    bool bypass_limits; /* it was in a block: no fee, TRUC, or dust rules, no trimming after */
    bool allow_replacement;
    bool allow_sibling;            /* eviction of a sibling (BIP431) */
    bool in_package;               /* the caller trims */
    bool package_feerates;         /* fees count together */
    const qc_feerate *max_feerate; /* NULL: any */
    const qc_amount *max_fee;      /* of each; NULL: any */
    qc_unixtime time;
} qc_try_rules;

/** Coins that were not at hand before: forgotten again if nothing comes of it. */
typedef struct qc_fetched {
    qc_outpoint *o;
    size_t n, cap;
} qc_fetched;

/** Candidates that come in together or not at all. */
typedef struct qc_try {
    qc_mempool *m;
    qc_try_rules rules;
    qc_candidate *c;
    size_t n;
    bool replaces;           /* some candidate has conflicts */
    bool related;            /* dependencies are staged */
    qc_mempool_list leaving; /* conflicts with all descendants, staged as removed */
    qc_amount leaving_fees;  /* modified */
    int64_t leaving_vsize;
    qc_amount fees; /* of all candidates, modified */
    int64_t vsize;
    qc_hash *wtxids; /* of all; NULL unless the package's rate counts */
    qc_err err;
    qc_fetched *fetched;
} qc_try;

void qc_fetched_clear(qc_mempool *m, qc_fetched *f, bool forget);

/* ---- accept.c ---- */
/** Memory for n candidates. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_try_open(qc_try *t, qc_mempool *m, const qc_try_rules *rules, size_t n,
                                 qc_fetched *fetched);
/** Forget what is staged, free everything. */
void qc_try_close(qc_try *t);
void qc_result_start(qc_accept_result *r, const qc_tx *tx);
/** The verdict is in r->v. with_rate: `feerate` and the wtxids tell what was reckoned with. */
void qc_try_failed(qc_try *t, qc_candidate *c);
void qc_try_valid(qc_try *t, qc_candidate *c);
/** One transaction: all that is asked of it but for its scripts. */
bool qc_try_before_scripts(qc_try *t, qc_candidate *c);
/** One transaction, from first to last; fills in c[0].r. */
void qc_try_single(qc_try *t);
/** Relate the candidates; is every cluster within its limits then? */
bool qc_try_fits(qc_try *t);
/** Make what is staged so. False: no memory. */
bool qc_try_commit(qc_try *t);
/** Not more fee than the caller allows? After qc_try_pre_checks(). */
bool qc_try_affordable(const qc_try *t, qc_candidate *c);
void qc_flush_after_accept(qc_mempool *m);
/** Announce that the candidate is in. */
void qc_try_announce(qc_try *t, const qc_candidate *c);

/* ---- accept_pre.c ---- */
/** All that costs little: Core PreChecks. */
bool qc_try_pre_checks(qc_try *t, qc_candidate *c);
/** Parents in the pool as the rules of BIP431 see them. Relatives are counted only where the rules
 *  ask for them: for the one parent of a version 3 transaction. Owned: qc_free(). */
qc_truc_parent *qc_truc_views(qc_mempool *m, const qc_candidate *c);

/* ---- accept_replace.c ---- */
bool qc_try_replacement(qc_try *t, qc_candidate *c);
/** The two candidates of t; *v is the package's. */
bool qc_try_package_replacement(qc_try *t, qc_verdict *v);
/** Does it spend what it would replace? */
bool qc_try_disjoint(qc_try *t, qc_candidate *c);

/* ---- accept_scripts.c ---- */
/** Flags of the next block. Thread: chain. */
uint32_t qc_next_block_flags(const qc_mempool *m);
/** The scripts of all inputs, in order, until one fails. Signatures go to the chain's cache.
 * unwanted: looked at before each input; NULL: never. Out: *in: the input that failed. Thread: any.
 */
qc_script_err qc_run_scripts(const qc_chain *chain, const qc_tx *tx, const qc_spent *spent,
                             uint32_t flags, const _Atomic bool *unwanted, uint32_t *in);
bool qc_try_policy_scripts(qc_try *t, qc_candidate *c);
/** By the rules of the next block, so that connecting it need not do it again. */
bool qc_try_block_scripts(qc_try *t, qc_candidate *c);

/* ---- ahead.c ---- */
/** What has been found out ahead of its turn; waits for it if it is being found out, and has a part
 *  in it. False: nothing. Out: *err, *in: as of qc_run_scripts() with QC_POLICY_FLAGS. */
bool qc_ahead_result(qc_mempool *m, const qc_hash *wtxid, qc_script_err *err, uint32_t *in);
/** Has it been found out that the scripts hold under these flags of a block? */
bool qc_ahead_holds(qc_mempool *m, const qc_hash *wtxid, uint32_t flags);
