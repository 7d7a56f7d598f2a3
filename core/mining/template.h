/* core/mining/template.h: a block template: what a miner needs to know of one block on one tip. It
 * never changes once it is made (miner.h), so any thread may read it; its transactions are the
 * mempool's own bytes, which live as long as the template does. Facts: BIP22, BIP23, BIP145, Core
 * node/miner.cpp. Thread: any, where nothing else is said. */
#pragma once
#include "core/consensus/versionbits.h"
#include "core/mempool/pool.h"
#include "core/mining/coinbase.h"

#define QC_TEMPLATE_RESERVED_WEIGHT 8000u
#define QC_TEMPLATE_LEAST_RESERVED_WEIGHT 2000u
#define QC_TEMPLATE_RESERVED_SIGOPS 400u
#define QC_TEMPLATE_MIN_FEE 1 /* satoshis for 1,000 virtual bytes */

typedef struct qc_template_options {
    int64_t reserved_weight; /* kept for the header, the count of transactions and the coinbase */
    int64_t reserved_sigops; /* cost, kept for the coinbase's outputs */
    int64_t max_weight;      /* of the whole block */
    qc_feerate min_feerate;  /* chunks below stay out */
    bool no_mempool;         /* leave all transactions out */
    bool print;              /* log what each transaction pays (-printpriority) */
} qc_template_options;
/** Core's defaults. */
qc_template_options qc_template_defaults(void);
/** Are the options within limits? named: the text speaks of them as on the command line. Out: why
 *  (may be NULL), a sentence when they are not. Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_template_options_check(const qc_template_options *o, bool named, char *why,
                                               size_t cap);

/** What one template thinks of a transaction. */
typedef struct qc_overlay_change {
    qc_hash txid;
    qc_amount delta;       /* it looks dearer by that much */
    bool exclude, include; /* left out with all that spends it; taken first with all it spends */
} qc_overlay_change;
/** The policy of one template. Borrowed for the call. */
typedef struct qc_overlay {
    const qc_overlay_change *change;
    size_t n_changes;
    qc_unixtime newest;     /* leave out what came later, and what spends it; 0: nothing for that */
    int64_t reserved_space; /* weight, beside what the options reserve */
} qc_overlay;

typedef enum qc_template_kind { QC_TEMPLATE_EMPTY, QC_TEMPLATE_FULL } qc_template_kind;
typedef enum qc_template_why {
    QC_TEMPLATE_REQUEST, /* somebody asked */
    QC_TEMPLATE_TIP,     /* there is a new tip */
    QC_TEMPLATE_FEES,    /* something else can be earned than before */
    QC_TEMPLATE_TIME     /* time has changed what must be proved (test networks) */
} qc_template_why;

/** A version bits deployment that is started, locked in or active for this block. */
typedef struct qc_template_rule {
    const char *name; /* static */
    uint8_t bit;
    qc_vb_state state;
    bool optional; /* who does not know it can still use the template (BIP9) */
} qc_template_rule;

/** What was taken from the pool at once. */
typedef struct qc_template_chunk {
    qc_amount fee;  /* as the operator's deltas make it look */
    int64_t weight; /* adjusted for sigops */
    uint32_t first; /* index of its first transaction */
} qc_template_chunk;

typedef struct qc_template {
    uint64_t id; /* goes up with every template that this miner makes */
    uint32_t height;
    int32_t version;
    uint32_t bits, cur_time, min_time; /* times in seconds since 1970 */
    qc_hash target, prev;              /* prev: zero while `parent` is not found */
    const struct qc_template *parent;  /* the block on which it is, not found yet; NULL: on `tip` */
    qc_amount fees;                    /* of all transactions; the reward is in the coinbase */
    uint32_t weight, sigops;           /* of all transactions; sigops as cost */
    uint32_t tx_bytes, n_in;           /* of all transactions: bytes, inputs */
    qc_coinbase coinbase;
    qc_hash path[QC_MERKLE_MAX_DEPTH]; /* of the coinbase, bottom up */
    unsigned path_len;
    uint32_t n_tx; /* without the coinbase */
    uint32_t n_chunks;
    const qc_template_chunk *chunk;
    qc_template_rule rule[1];
    unsigned n_rules;
    bool segwit; /* active for this block */
    qc_template_kind kind;
    qc_template_why why;
    uint64_t updates;       /* qc_mempool_info.updates when it was made; 0 without a pool */
    qc_mono t_tip, t_built; /* when its tip became the tip (0: before the start), and it was made */
    const qc_index *tip;    /* entry of prev; with a parent: a stand-in of its own */
    const qc_params *params;
    /* Its own. */
    const qc_mempool_entry **entry;
    _Atomic(struct qc_template_depends *) depends; /* made when it is first asked for */
    _Atomic(const qc_index *) found;               /* the last block of it that was accepted */
    _Atomic uint32_t refs;
} qc_template;

const qc_template *qc_template_ref(const qc_template *t);
/** NULL is allowed. */
void qc_template_unref(const qc_template *t);

typedef struct qc_template_tx {
    const uint8_t *txid, *wtxid; /* 32 bytes each */
    qc_amount fee;               /* really paid */
    uint32_t weight, sigops;     /* sigops as cost */
    qc_unixtime time;            /* when it came into the pool; 0: it was not there */
    /** Whose outputs it spends, input by input: places in the block, the coinbase is 0. */
    const uint32_t *depends;
    uint32_t n_depends;
    qc_span bytes; /* with witness */
} qc_template_tx;
/** Who spends whom: of transaction i place[at[i] .. at[i + 1]). */
typedef struct qc_template_depends {
    uint32_t n;
    uint32_t *at, *place;
} qc_template_depends;
/** Found when it is first asked for, once. Aborts when memory runs out. Borrowed: lives as long as
 *  the template. */
const qc_template_depends *qc_template_depends_of(const qc_template *t);

/** Transaction i < n_tx. What it points to lives as long as the template. */
void qc_template_tx_at(const qc_template *t, uint32_t i, qc_template_tx *out);

/** A block that was made of it has been accepted: so do those know who are on it. `i` lives as long
 *  as the chain. Thread: any, as the next two. */
void qc_template_set_found(const qc_template *t, const qc_index *i);
/** NULL: none has. */
const qc_index *qc_template_found(const qc_template *t);
/** The block that it is on: with a parent the one that was found of it, until then a stand-in. */
const qc_index *qc_template_on(const qc_template *t);

/** The bits of a header of this time. */
uint32_t qc_template_bits(const qc_template *t, uint32_t time);
/** From which time on a block needs other bits than the template's, since none was found for so
 *  long (testnets); 0: never. */
qc_unixtime qc_template_easier_at(const qc_template *t);
/** The time that a header made now should carry, and the bits for that time. */
void qc_template_time(const qc_template *t, qc_unixtime now, uint32_t *time, uint32_t *bits);

typedef struct qc_solution {
    int32_t version;
    uint32_t time, bits, nonce;
    qc_span coinbase;    /* the whole transaction, with its witness */
    const qc_hash *prev; /* of a template with a parent: that block's hash; else NULL */
} qc_solution;
/** The header alone, for a look at its hash. Returns: QC_OK; QC_EINVAL (the coinbase is no
 *  transaction); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_template_header(const qc_template *t, const qc_solution *s, qc_header *out);
/** Serialize the block that a solution makes of the template, which stays as it is. Nothing is
 *  judged. Returns: QC_OK; QC_EINVAL (the coinbase is no transaction); QC_ENOMEM. Out: *out owned,
 *  qc_bytes_free(). */
QC_MUST_CHECK qc_err qc_template_bytes(const qc_template *t, const qc_solution *s, qc_bytes *out);
/** The same as a parsed block. Out: shared, qc_block_unref(). */
QC_MUST_CHECK qc_err qc_template_block(const qc_template *t, const qc_solution *s, qc_block **out);
/** A block with a plain coinbase that pays `script`; not solved. Out: *out owned. Returns: QC_OK;
 *  QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_template_simple(const qc_template *t, qc_span script, qc_bytes *out);
/** Would a block of it be valid, as far as a miner cannot spoil it? False: *v says why; also when
 *  its tip is not the tip any more. Thread: chain. */
bool qc_template_check(qc_chain *c, const qc_template *t, qc_verdict *v);
/** As qc_chain_test_block_until(). Thread: chain. */
bool qc_template_check_until(qc_chain *c, const qc_template *t, qc_mono until, qc_verdict *v);
