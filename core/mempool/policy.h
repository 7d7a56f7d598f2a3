/* core/mempool/policy.h: what this node relays and mines of what consensus allows: judgements on a
 * single transaction and the coins it spends. Pure functions: no pool, no I/O, no clock, no log.
 * Rules and texts: Core policy/policy, policy/ephemeral_policy, validation.cpp (MemPoolAccept).
 * Those on several transactions: policy_package.h.
 *
 * A function that judges returns true, or false with *v filled in with Core's reject reason. The
 * order in which a candidate is asked is Core's: qc_check_tx(), qc_policy_check_tx(), finality,
 * inputs present, BIP68, qc_check_tx_inputs(), qc_policy_check_inputs(), then, with the sigop cost
 * under QC_POLICY_FLAGS, qc_policy_check_dust_fee(), qc_policy_check_sigops(),
 * qc_policy_check_fee(), qc_truc_check(); last the scripts. Thread: any. */
#pragma once
#include "core/consensus/check.h"
#include "core/mempool/feerate.h"
#include "core/script/verify.h"

#define QC_STD_MIN_VERSION 1u
#define QC_STD_MAX_VERSION 3u
#define QC_STD_MAX_TX_WEIGHT 400000u
#define QC_STD_MIN_TX_SIZE 65u /* stripped bytes; CVE-2017-12842 */
#define QC_STD_MAX_SCRIPTSIG 1650u
#define QC_STD_MAX_BARE_KEYS 3u /* of a bare multisig output */
#define QC_STD_MAX_DUST 1u      /* outputs */
#define QC_STD_MAX_P2SH_SIGOPS 15u
#define QC_STD_MAX_LEGACY_SIGOPS 2500u /* BIP54, whole transaction */
#define QC_STD_MAX_SIGOPS_COST (QC_MAX_BLOCK_SIGOPS_COST / 5)
#define QC_STD_MAX_P2WSH_ITEMS 100u /* besides the witness script */
#define QC_STD_MAX_P2WSH_ITEM 80u   /* bytes */
#define QC_STD_MAX_P2WSH_SCRIPT 3600u
#define QC_STD_MAX_TAPSCRIPT_ITEM 80u

/** What a new transaction must meet or be invalid (not: what blocks must, see
 *  qc_block_script_flags()). */
#define QC_MANDATORY_FLAGS                                                                         \
    (QC_SCRIPT_P2SH | QC_SCRIPT_DERSIG | QC_SCRIPT_NULLDUMMY | QC_SCRIPT_CHECKLOCKTIMEVERIFY |     \
     QC_SCRIPT_CHECKSEQUENCEVERIFY | QC_SCRIPT_WITNESS | QC_SCRIPT_TAPROOT)
/** What the scripts of a transaction must meet to be relayed. */
#define QC_POLICY_FLAGS                                                                            \
    (QC_MANDATORY_FLAGS | QC_SCRIPT_STRICTENC | QC_SCRIPT_MINIMALDATA |                            \
     QC_SCRIPT_DISCOURAGE_UPGRADABLE_NOPS | QC_SCRIPT_CLEANSTACK | QC_SCRIPT_MINIMALIF |           \
     QC_SCRIPT_NULLFAIL | QC_SCRIPT_LOW_S | QC_SCRIPT_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM |      \
     QC_SCRIPT_WITNESS_PUBKEYTYPE | QC_SCRIPT_CONST_SCRIPTCODE |                                   \
     QC_SCRIPT_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION | QC_SCRIPT_DISCOURAGE_OP_SUCCESS |           \
     QC_SCRIPT_DISCOURAGE_UPGRADABLE_PUBKEYTYPE)

/** The operator's choices. Immutable after start-up. */
typedef struct qc_policy {
    qc_feerate min_relay;      /* -minrelaytxfee */
    qc_feerate incremental;    /* -incrementalrelayfee */
    qc_feerate dust;           /* -dustrelayfee */
    bool datacarrier;          /* -datacarrier */
    uint32_t datacarrier_size; /* -datacarriersize: bytes of all data outputs of a transaction */
    bool bare_multisig;        /* -permitbaremultisig */
    bool require_standard;     /* not -acceptnonstdtxn */
    uint32_t bytes_per_sigop;  /* -bytespersigop */
} qc_policy;

/** The defaults of all chains. */
qc_policy qc_policy_default(void);
/** Follow -acceptnonstdtxn. Returns false, and changes nothing, where the chain does not allow it:
 *  on the main chain. */
bool qc_policy_accept_nonstandard(qc_policy *p, const qc_params *params);
/** Unless -minrelaytxfee was given, it is at least -incrementalrelayfee. Returns: was it raised? */
bool qc_policy_settle_fees(qc_policy *p, bool min_relay_given);

/** Version, weight, scriptSigs, kinds of outputs, data, dust (only with require_standard), and the
 *  least size. Verdicts: QC_V_NOT_STANDARD. The transaction has passed qc_check_tx(). */
bool qc_policy_check_tx(const qc_policy *p, const qc_tx *tx, qc_verdict *v);
/** What is spent and how: nothing without require_standard. Verdicts: QC_V_INPUTS_NOT_STANDARD,
 *  QC_V_WITNESS_MUTATED. spent: one per input. The transaction has passed qc_policy_check_tx(). */
bool qc_policy_check_inputs(const qc_policy *p, const qc_tx *tx, const qc_spent *spent,
                            qc_verdict *v);
/** `cost`: qc_tx_sigop_cost() under QC_POLICY_FLAGS. Verdict: QC_V_NOT_STANDARD. */
bool qc_policy_check_sigops(uint64_t cost, qc_verdict *v);
/** A transaction with a dust output pays no fee, neither really nor as modified by the operator,
 *  so that nobody mines it without its child. Verdict: QC_V_NOT_STANDARD. */
bool qc_policy_check_dust_fee(const qc_policy *p, const qc_tx *tx, qc_amount base_fee,
                              qc_amount modified_fee, qc_verdict *v);
/** Does `fee` for `vsize` virtual bytes meet the pool's own minimum and -minrelaytxfee? Verdict:
 *  QC_V_RECONSIDERABLE. */
bool qc_policy_check_fee(const qc_policy *p, qc_feerate pool_min, int64_t vsize, qc_amount fee,
                         qc_verdict *v);

/** Could the reason why the scripts of this transaction fail be that somebody took its witness
 *  away? It has none and spends a witness program other than pay-to-anchor: QC_V_WITNESS_STRIPPED
 *  is then the code of the script's verdict. */
bool qc_policy_is_stripped(const qc_tx *tx, const qc_spent *spent);

/** Least value of an output with this script that is not dust; 0 if it is never dust. */
qc_amount qc_dust_threshold(qc_span script, qc_feerate dust);
/** Number of dust outputs. Out: *first (may be NULL): index of the first, untouched for 0. */
uint32_t qc_tx_dust(const qc_tx *tx, qc_feerate dust, uint32_t *first);
bool qc_tx_out_is_dust(const qc_tx *tx, uint32_t out, qc_feerate dust);

/** Signature operations in its scripts, not scaled (Core GetLegacySigOpCount). */
uint32_t qc_tx_legacy_sigops(const qc_tx *tx);

/** Weight as the pool counts it: signature operations weigh at least bytes_per_sigop each. */
static inline int64_t qc_adjusted_weight(int64_t weight, uint64_t sigop_cost,
                                         uint32_t bytes_per_sigop)
{
    int64_t sigops = (int64_t)(sigop_cost * bytes_per_sigop);
    return weight > sigops ? weight : sigops;
}
/** Virtual bytes of a weight, rounded up. */
static inline int64_t qc_vsize(int64_t weight)
{
    return (weight + QC_WITNESS_SCALE - 1) / QC_WITNESS_SCALE;
}
