/* quoin/tx_submit.h: submit transactions to the mempool, alone or as a package,
 * or only test them.
 *
 * A transaction that is refused is an answer, not a failure: the result says
 * why, in the words that bitcoind uses ("bad-txns-inputs-missingorspent", "txn-
 * mempool-conflict", "min relay fee not met"). What was let in is announced to
 * peers. Every use, also one that is refused, is a line in the node's log that
 * names the plugin; of those beyond the rate not each.
 *
 * Made by api/generate.py from api/interfaces/tx.submit.toml: change that, then run it. */
#ifndef QUOIN_TX_SUBMIT_H
#define QUOIN_TX_SUBMIT_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of submit() and package(). */
#define QN_SUBMIT_TEST 1u /* only say whether it would be taken; nothing changes */

/** What became of a transaction; treat an unknown one as refused. */
#define QN_SUBMIT_IS_ACCEPTED 1u /* it is in the mempool; with QN_SUBMIT_TEST: it would be */
#define QN_SUBMIT_IS_REFUSED 2u  /* see code, reason and debug */
#define QN_SUBMIT_IS_THERE 3u    /* it was in the mempool already */
/* one of the same txid is in the mempool already: other_wtxid */
#define QN_SUBMIT_IS_OTHER_WITNESS 4u
#define QN_SUBMIT_IS_UNJUDGED 5u /* the package failed before it was looked at */

/** Kinds of refusal; treat an unknown one as POLICY. */
#define QN_SUBMIT_CODE_NONE 0u           /* it was not refused */
#define QN_SUBMIT_CODE_CONSENSUS 1u      /* no block may contain it */
#define QN_SUBMIT_CODE_POLICY 2u         /* this node does not relay such transactions */
#define QN_SUBMIT_CODE_MISSING_INPUTS 3u /* a coin is unknown, or spent in the chain */
#define QN_SUBMIT_CODE_PREMATURE 4u      /* it may not be in the next block yet */
/* a transaction in the mempool spends the same, or is the same */
#define QN_SUBMIT_CODE_CONFLICT 5u
#define QN_SUBMIT_CODE_POOL 6u /* fee, replacement, limits of the mempool */
/* it may do as part of a package, or the package as such is wrong */
#define QN_SUBMIT_CODE_PACKAGE 7u
/* the operator's grant does not allow it: its fee, or submitting at all */
#define QN_SUBMIT_CODE_GRANT 8u
#define QN_SUBMIT_CODE_MALFORMED 9u /* the bytes are no transaction */

/** Where one transaction lies in the bytes of a package. Never changes. */
typedef struct qn_submit_part {
    uint32_t off; /* of its first byte */
    uint32_t len; /* bytes */
} qn_submit_part;

/** What became of one transaction. Texts end with a NUL and are cut to fit.
 *  Never changes. */
typedef struct qn_submit_result {
    uint32_t is;   /* QN_SUBMIT_IS_* */
    uint32_t code; /* QN_SUBMIT_CODE_* */
    qn_hash txid;  /* 0: the bytes could not be read */
    qn_hash wtxid;
    qn_hash other_wtxid; /* OTHER_WITNESS: of the one that is there */
    int64_t fee;         /* ACCEPTED, THERE: satoshis */
    int64_t vsize;       /* ACCEPTED, THERE: virtual bytes, as counted against limits */
    /* satoshis per 1,000 vbytes that counted: of its package, if that was let in for its
     * children's fee; 0: not known */
    int64_t feerate;
    uint32_t replaced; /* ACCEPTED, not with QN_SUBMIT_TEST: transactions that had to go for it */
    uint32_t reserved; /* 0 */
    char reason[96];   /* REFUSED: the reject reason */
    char debug[288];   /* REFUSED: more about it; may be empty */
} qn_submit_result;

/** What became of a package as a whole. */
typedef struct qn_submit_package {
    uint32_t size;   /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t code;   /* QN_SUBMIT_CODE_*: NONE: every transaction was taken */
    char reason[96]; /* the reject reason; "transaction failed": see the results */
} qn_submit_package;

/** tx.submit/1, revision 1. Frozen. */
typedef struct qn_tx_submit_1_r1 {
    qn_head h;

    /** Judge one transaction and, unless it is a test, let it in. QN_OK: it was
     *  judged, see *result. QN_E_LIMIT: the rate of the grant. QN_E_BUSY: more
     *  than 50 uses in a second. QN_E_TIMEOUT: the node had no time for it
     *  within five seconds; it was not judged. QN_E_IO, QN_E_CORRUPT: coins
     *  could not be read.
     *  tx: its serialization, at most 4,000,000 bytes.
     *  flags: QN_SUBMIT_*.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_LIMIT, QN_E_TIMEOUT,
     *    QN_E_INVAL, QN_E_IO, QN_E_CORRUPT, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*submit)(qn_cap *cap, const void *tx, uint32_t tx_len, uint32_t flags,
                        qn_submit_result *result);

    /** The same for several, sorted so that parents come first. To be let in
     *  they are a child and all its unconfirmed parents, at most 25 in all;
     *  each is tried by itself first. Each counts for the rate and for the
     *  largest fee.
     *  txs: their serializations, at most 4,000,000 bytes.
     *  parts: one per transaction, at least one; together no longer than txs.
     *  flags: QN_SUBMIT_*.
     *  results: one per transaction.
     *  package: size must be set.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_LIMIT, QN_E_TIMEOUT,
     *    QN_E_INVAL, QN_E_IO, QN_E_CORRUPT, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*package)(qn_cap *cap, const void *txs, uint32_t txs_len,
                         const qn_submit_part *parts, uint32_t n_parts, uint32_t flags,
                         qn_submit_result *results, qn_submit_package *package);
} qn_tx_submit_1_r1;

/** The newest revision. */
typedef qn_tx_submit_1_r1 qn_tx_submit_1;
#define QN_TX_SUBMIT_1_ID "tx.submit/1"
#define QN_TX_SUBMIT_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
