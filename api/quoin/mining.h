/* quoin/mining.h: what the interfaces about mining share: what a template is,
 * and what becomes of a block.
 *
 * Made by api/generate.py from api/interfaces/mining.toml: change that, then run it. */
#ifndef QUOIN_MINING_H
#define QUOIN_MINING_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_template_view. */
#define QN_TEMPLATE_SEGWIT 1u /* segwit is active for this block */
/* the coinbase's input needs a witness of one item: coinbase_witness */
#define QN_TEMPLATE_WITNESS 2u
#define QN_TEMPLATE_FUTURE 4u /* its parent is not found yet: prev is 0, see create_on() */

/** What a template is made of. */
#define QN_TEMPLATE_KIND_EMPTY 1u /* of the coinbase alone: there at once when the tip changes */
#define QN_TEMPLATE_KIND_FULL 2u  /* with transactions of the mempool, if it has any */

/** Why a template was made; an unknown one is like any other. */
#define QN_TEMPLATE_WHY_REQUEST 1u /* it was asked for */
#define QN_TEMPLATE_WHY_TIP 2u     /* there is a new tip */
#define QN_TEMPLATE_WHY_FEES 3u    /* its fees are others by the fee_delta of the subscription */
#define QN_TEMPLATE_WHY_TIME 4u    /* time has changed what the block must prove (test networks) */

/** What became of a block; treat an unknown one as REJECTED. */
/* it is the tip now; checked: it would be valid on the tip */
#define QN_BLOCK_IS_ACCEPTED 1u
#define QN_BLOCK_IS_REJECTED 2u          /* see reason and debug */
#define QN_BLOCK_IS_DUPLICATE 3u         /* it was known and valid already */
#define QN_BLOCK_IS_DUPLICATE_INVALID 4u /* it was known and invalid already */
/* it was known already, and whether it is valid was never found out */
#define QN_BLOCK_IS_DUPLICATE_INCONCLUSIVE 5u
/* it is kept, but is not the tip: its branch has no more work than another */
#define QN_BLOCK_IS_INCONCLUSIVE 6u

/** Flags of qn_mining_options. */
#define QN_MINING_NO_MEMPOOL 1u  /* leave all transactions out */
#define QN_MINING_IGNORE_SYNC 2u /* do not wait until the node has caught up with the network */

/** A block template. It never changes. The coinbase is the plugin's own: its
 *  input's script begins with coinbase_prefix and has 2 to 100 bytes in all,
 *  its outputs end with coinbase_outputs and pay at most reward, its version,
 *  sequence and locktime are as given here. */
typedef struct qn_template_view {
    uint32_t size;  /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t flags; /* QN_TEMPLATE_* */
    /* names it; higher than that of any template before, also before a restart of the
     * node; below 2^53 */
    uint64_t id;
    uint32_t kind;   /* QN_TEMPLATE_KIND_* */
    uint32_t why;    /* QN_TEMPLATE_WHY_* */
    uint32_t height; /* of the block */
    int32_t version; /* of the block: bits of the header that are not free to roll */
    uint32_t bits;   /* target in compact form, for a block of the time cur_time */
    /* time of the block if it were found when the template was made, seconds since 1970 */
    uint32_t cur_time;
    uint32_t min_time;  /* the least that its time may be */
    uint32_t n_tx;      /* transactions, without the coinbase */
    qn_hash prev;       /* hash of its parent */
    qn_hash target;     /* what the block's hash may not exceed, in wire order */
    int64_t reward;     /* satoshis that the coinbase may claim */
    int64_t fees;       /* of them, from transactions */
    uint32_t weight;    /* of its transactions */
    uint32_t sigops;    /* cost of its transactions */
    uint32_t tx_bytes;  /* length of all transactions together, see bytes() */
    uint32_t n_depends; /* entries that depends() gives at most */
    /* how often the mempool had changed since the node's start; with prev it names the
     * state of things */
    uint64_t updates;
    /* when its parent became the tip, on the machine's monotonic clock; 0: before the
     * node's start */
    uint64_t t_tip_ns;
    uint64_t t_built_ns; /* when it was made, on the same clock */
    uint32_t coinbase_version;
    uint32_t coinbase_sequence; /* of its input */
    uint32_t coinbase_locktime;
    uint32_t coinbase_prefix_len;
    uint8_t coinbase_prefix[16];  /* what the script of its input must begin with (BIP34) */
    uint8_t coinbase_witness[32]; /* with QN_TEMPLATE_WITNESS */
    uint32_t n_coinbase_outputs;
    uint32_t coinbase_outputs_len;
    uint8_t coinbase_outputs[256]; /* its last outputs, serialized, without their count */
    uint32_t n_rules;              /* entries that rules() gives */
    uint32_t n_path;
    /* merkle path of the coinbase, deepest first: what its txid is hashed with, step by
     * step, gives the root */
    qn_hash path[24];
} qn_template_view;

/** What a template is made with. What is not given is as the operator
 *  configured it. */
typedef struct qn_mining_options {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    /* weight units kept for header, count of transactions and coinbase: 2,000 to
     * max_weight (-blockreservedweight) */
    uint32_t reserved_weight;
    /* cost kept for the outputs of the coinbase: at most 80,000; default 400 */
    uint32_t reserved_sigops;
    uint32_t max_weight; /* of the whole block: at most 4,000,000 (-blockmaxweight) */
    uint32_t flags;      /* QN_MINING_*; default 0 */
    /* satoshis per 1,000 vbytes: what pays less stays out (-blockmintxfee) */
    int64_t min_feerate;
} qn_mining_options;
/* Bits of `set`. */
#define QN_SET_MINING_OPTIONS_RESERVED_WEIGHT 1u
#define QN_SET_MINING_OPTIONS_RESERVED_SIGOPS 2u
#define QN_SET_MINING_OPTIONS_MAX_WEIGHT 4u
#define QN_SET_MINING_OPTIONS_FLAGS 8u
#define QN_SET_MINING_OPTIONS_MIN_FEERATE 16u

/** What makes a block of a template, beside its coinbase. */
typedef struct qn_mining_solution {
    uint32_t size;   /* bytes of this struct */
    int32_t version; /* of the header */
    uint32_t time;   /* of the header */
    uint32_t nonce;
} qn_mining_solution;

/** What became of a block. Texts end with a NUL and are cut to fit. */
typedef struct qn_mining_result {
    uint32_t size; /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t is;   /* QN_BLOCK_IS_* */
    qn_hash hash;  /* of the block */
    /* as submitblock answers (BIP22): empty, "duplicate", "inconclusive", or a reject
     * reason such as "high-hash" */
    char reason[64];
    char debug[192]; /* REJECTED: more about it; may be empty */
} qn_mining_result;

#ifdef __cplusplus
}
#endif
#endif
