/* quoin/mempool_read.h: the mempool: entries by txid or wtxid, who spends an
 * output, totals, bytes.
 *
 * Ask for many at once. Each answer is true for one moment, which it names:
 * compare two moments to know whether two answers belong together. The node is
 * asked between two pieces of its own work; QN_E_TIMEOUT says that it had none
 * to spare for five seconds, QN_E_BUSY that the plugin has asked for too much
 * of its time lately: come back in a second. What ids name may be gone by the
 * next call: that is an answer, not a failure.
 *
 * Made by api/generate.py from api/interfaces/mempool.read.toml: change that, then run it. */
#ifndef QUOIN_MEMPOOL_READ_H
#define QUOIN_MEMPOOL_READ_H
#include "quoin/types.h"
#include "quoin/mempool.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_mempool_info. */
/* what was in the mempool at the last stop has been loaded, or tried */
#define QN_MEMPOOL_LOADED 1u
#define QN_MEMPOOL_OPTIMAL 2u /* the mining order is known to be the best */

/** Flags of entries() and transactions(). */
#define QN_MEMPOOL_BY_WTXID 1u /* the ids are wtxids */

/** Flags of qn_mempool_entry. */
/* it, or an unconfirmed ancestor, signals replaceability (BIP125) */
#define QN_MEMPOOL_ENTRY_REPLACEABLE 1u
/* it came from this machine, and no peer has asked for it yet */
#define QN_MEMPOOL_ENTRY_UNBROADCAST 2u

/** The whole at one moment. Fee rates are satoshis per 1,000 vbytes. */
typedef struct qn_mempool_info {
    uint32_t size;  /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t flags; /* QN_MEMPOOL_* */
    qn_mempool_at at;
    uint64_t count;       /* transactions */
    uint64_t vbytes;      /* of all of them, as counted against limits */
    int64_t fees;         /* satoshis, of all of them, not modified */
    uint64_t usage;       /* bytes of memory */
    uint64_t max_usage;   /* bytes of memory it may take (-maxmempool) */
    uint64_t unbroadcast; /* transactions of this machine that no peer has asked for yet */
    /* what gets in pays at least this now: the higher of the mempool's own minimum and
     * min_relay_fee */
    int64_t min_fee;
    int64_t min_relay_fee;   /* -minrelaytxfee */
    int64_t incremental_fee; /* -incrementalrelayfee: what a replacement pays more */
} qn_mempool_info;

/** One transaction. Sums over relatives count itself and modified fees; its
 *  chunk is what is mined with it at once. chunk_fee for chunk_weight is the
 *  fee rate at which it is mined. Never changes. */
typedef struct qn_mempool_entry {
    int32_t status; /* QN_OK; QN_E_NOTFOUND: it is not there, and the rest is 0 */
    uint32_t flags; /* QN_MEMPOOL_ENTRY_* */
    qn_hash txid;
    qn_hash wtxid;
    int64_t fee;          /* satoshis */
    int64_t modified_fee; /* with what the operator added */
    int64_t vsize;        /* virtual bytes, as counted against limits */
    int64_t weight;       /* of its bytes */
    int64_t time;         /* when it came: seconds since 1970 */
    /* number of the mempool's event with which it came; 0: it was in a block that left
     * the chain */
    uint64_t sequence;
    int64_t chunk_fee;    /* satoshis, modified */
    int64_t chunk_weight; /* weight units, as counted against limits */
    int64_t ancestor_vsize;
    int64_t ancestor_fees;
    int64_t descendant_vsize;
    int64_t descendant_fees;
    uint32_t ancestors; /* unconfirmed ones */
    uint32_t descendants;
    uint32_t cluster; /* transactions that are related to it in any way */
    uint32_t height;  /* of the tip when it came */
} qn_mempool_entry;

/** Who spends an output. Never changes. */
typedef struct qn_mempool_spender {
    int32_t status; /* QN_OK; QN_E_NOTFOUND: nobody in the mempool */
    uint32_t input; /* which of its inputs */
    qn_hash txid;
    qn_hash wtxid;
} qn_mempool_spender;

/** What became of one transaction's bytes. Never changes. */
typedef struct qn_mempool_bytes {
    int32_t status; /* QN_OK, QN_E_NOTFOUND */
    uint32_t len;   /* bytes given; they follow each other in the buffer in the order asked */
} qn_mempool_bytes;

/** mempool.read/1, revision 1. Frozen. */
typedef struct qn_mempool_read_1_r1 {
    qn_head h;

    /** Totals and limits.
     *  info: size must be set.
     *  Returns: QN_OK, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*info)(qn_cap *cap, qn_mempool_info *info);

    /** What is known of each of these transactions, all at one moment.
     *  ids: at most 1,000.
     *  flags: QN_MEMPOOL_BY_*.
     *  entries: one per id.
     *  at: the moment; may be NULL.
     *  Returns: QN_OK, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*entries)(qn_cap *cap, const qn_hash *ids, uint32_t n_ids, uint32_t flags,
                         qn_mempool_entry *entries, qn_mempool_at *at);

    /** Who in the mempool spends each of these outputs, whether the chain or
     *  the mempool made them.
     *  outpoints: at most 1,000.
     *  spenders: one per outpoint.
     *  at: the moment; may be NULL.
     *  Returns: QN_OK, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*spenders)(qn_cap *cap, const qn_mempool_outpoint *outpoints, uint32_t n_outpoints,
                          qn_mempool_spender *spenders, qn_mempool_at *at);

    /** Every txid, in mining order: what is mined first comes first, parents
     *  before children. QN_E_SPACE: *n_txids says how many there are; what fits
     *  is filled in. To stay up to date use mempool.follow instead of asking
     *  again.
     *  at: the moment; may be NULL.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*txids)(qn_cap *cap, qn_hash *txids, uint32_t max_txids, uint32_t *n_txids,
                       qn_mempool_at *at);

    /** The bytes of many transactions, with witness data. *n_bytes counts what
     *  was put into the buffer; QN_E_SPACE: it is too small, *n_bytes says how
     *  much all of them need, and nothing is given.
     *  ids: at most 1,000.
     *  flags: QN_MEMPOOL_BY_*.
     *  results: one per id.
     *  bytes: the bytes of all that are there; at most 64 MiB.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*transactions)(qn_cap *cap, const qn_hash *ids, uint32_t n_ids, uint32_t flags,
                              qn_mempool_bytes *results, void *bytes, uint32_t max_bytes,
                              uint32_t *n_bytes);
} qn_mempool_read_1_r1;

/** The newest revision. */
typedef qn_mempool_read_1_r1 qn_mempool_read_1;
#define QN_MEMPOOL_READ_1_ID "mempool.read/1"
#define QN_MEMPOOL_READ_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
