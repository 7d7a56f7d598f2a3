/* core/consensus/check.h: the rules. Pure functions of their arguments: no I/O, no clock, no log.
 * Each returns true, or false with *v filled (Core's reject reasons). Rules: reference in each
 * function's source comment to the BIP or Core file. Thread: any. */
#pragma once
#include "core/btc/block.h"
#include "core/btc/params.h"
#include "core/consensus/verdict.h"

#define QC_MAX_BLOCK_WEIGHT 4000000u
#define QC_MAX_BLOCK_SIGOPS_COST 80000u
#define QC_WITNESS_SCALE 4u
#define QC_COINBASE_MATURITY 100u
#define QC_MAX_FUTURE_BLOCK_TIME 7200
#define QC_MAX_TIMEWARP 600 /* BIP94 */
#define QC_LOCKTIME_THRESHOLD 500000000u

/** What header rules ask about the ancestors of a header. The chain implements it over its tree;
 *  verify tools and tests over arrays. `height` < the new header's height. */
typedef struct qc_ancestors {
    void *arg;
    /** Header fields of the ancestor at `height` on this branch. */
    void (*get)(void *arg, uint32_t height, uint32_t *time, uint32_t *bits, int32_t *version);
} qc_ancestors;

/** Subsidy of the block at `height`. */
qc_amount qc_subsidy(const qc_params *p, uint32_t height);
/** Median of the 11 (or fewer) headers that end at `height`. */
uint32_t qc_median_time_past(const qc_ancestors *a, uint32_t height);
/** Required bits of a header at `height` (>= 1) with time `time` (GetNextWorkRequired). */
uint32_t qc_next_bits(const qc_params *p, const qc_ancestors *a, uint32_t height, uint32_t time);
/** Is a change from old_bits at height-1 to new_bits at height within limits
 * (PermittedDifficultyTransition)? */
bool qc_permitted_transition(const qc_params *p, uint32_t height, uint32_t old_bits,
                             uint32_t new_bits);
/** hash <= target(bits), target well-formed and <= powLimit. */
bool qc_pow_ok(const qc_params *p, const qc_hash *hash, uint32_t bits);
bool qc_deployment_active(const qc_params *p, qc_deployment d, uint32_t height);

bool qc_check_header(const qc_params *p, const qc_header *h, const qc_hash *hash, qc_verdict *v);
/** In context; `height` is the new header's (>= 1), `now` the adjusted time. */
bool qc_check_header_context(const qc_params *p, const qc_header *h, uint32_t height,
                             const qc_ancestors *a, int64_t now, qc_verdict *v);
/** CheckTransaction. Context-free; at most QC_MAX_BLOCK_WEIGHT / 4 stripped bytes pass. */
bool qc_check_tx(const qc_tx *tx, qc_verdict *v);
/** CheckBlock, merkle root, sizes, coinbase place, each transaction, legacy sigops, signet
 *  solution; header's proof of work when check_pow. check_merkle false: verify_block --no-merkle,
 * block templates. */
bool qc_check_block(const qc_params *p, const qc_block *b, bool check_pow, bool check_merkle,
                    qc_verdict *v);
/** ContextualCheckBlock: finality, BIP34, witness commitment, weight. mtp: of the parent. */
bool qc_check_block_context(const qc_params *p, const qc_block *b, uint32_t height,
                            uint32_t mtp_prev, qc_verdict *v);
/** Are mutation symptoms present (IsBlockMutated: merkle, witness malleation, 64-byte txs)? True:
 *  *v says which. */
bool qc_block_is_mutated(const qc_block *b, bool check_witness_root, qc_verdict *v);
/** The time that is locked until has come: that a transaction is final is then known without a look
 *  at its inputs. */
static inline bool qc_locktime_passed(uint32_t lock, uint32_t height, int64_t time)
{
    return lock == 0 || lock < (lock < QC_LOCKTIME_THRESHOLD ? (int64_t)height : time);
}
bool qc_tx_is_final(const qc_tx *tx, uint32_t height, int64_t time);
/** BIP325: challenge satisfied (only for signets). Aborts when memory runs out. */
bool qc_check_signet(const qc_params *p, const qc_block *b);
/** Index of the witness commitment output of the coinbase, or -1. */
int qc_witness_commitment_index(const qc_block *b);

/** Script flags for the block (GetBlockScriptFlags). */
uint32_t qc_block_script_flags(const qc_params *p, uint32_t height, const qc_hash *hash);
/** Must BIP30 be checked at this height? `hash_at_bip34`: hash of this branch's block at the BIP34
 * height, NULL if lower. */
bool qc_bip30_applies(const qc_params *p, uint32_t height, const qc_hash *hash,
                      const qc_hash *hash_at_bip34);

/** Were this block's coinbase outputs overwritten by a later duplicate (91722, 91812 of the main
 *  chain)? They can never be spent, and are already gone when the block is disconnected. */
bool qc_bip30_overwritten(uint32_t height, const qc_hash *hash);

/** Sum of the outputs of a transaction that has passed qc_check_tx(). */
qc_amount qc_tx_value_out(const qc_tx *tx);
/** CheckTxInputs: maturity, ranges, in >= out. Out: *fee. spent: one per input, all present. */
bool qc_check_tx_inputs(const qc_tx *tx, const qc_spent *spent, uint32_t height, qc_amount *fee,
                        qc_verdict *v);
/** BIP68. `mtp_at(arg, h)`: median time past of this branch's block at height h. */
bool qc_check_sequence_locks(const qc_tx *tx, const qc_spent *spent, uint32_t height,
                             uint32_t mtp_prev, uint32_t (*mtp_at)(void *, uint32_t), void *arg);
/** GetTransactionSigOpCost. */
uint64_t qc_tx_sigop_cost(const qc_tx *tx, const qc_spent *spent, uint32_t legacy, uint32_t flags);

/** Everything connect checks about a whole block given all its spent coins, except scripts, BIP30
 *  and presence: input values, fees, BIP68, sigop cost, coinbase value, in Core's order of errors.
 *  spent: one per input of the block in block order (coinbase slot ignored). Out: fees total. */
typedef struct qc_connect_env {
    const qc_params *params;
    uint32_t height;
    uint32_t mtp_prev;
    uint32_t flags; /* script flags */
    uint32_t (*mtp_at)(void *arg, uint32_t height);
    void *arg;
} qc_connect_env;
bool qc_check_connect_tx(const qc_connect_env *e, const qc_tx *tx, const qc_spent *spent,
                         uint32_t legacy_sigops, uint64_t *sigop_cost, qc_amount *fees,
                         qc_verdict *v);
bool qc_check_connect_end(const qc_connect_env *e, const qc_block *b, qc_amount fees,
                          qc_verdict *v);
