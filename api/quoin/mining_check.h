/* quoin/mining_check.h: whether a proposed block would be valid on the tip
 * (BIP23).
 *
 * The judgement is the node's own, with every script run, for a child of the
 * tip of now. A block that is refused is an answer, not a failure.
 *
 * Made by api/generate.py from api/interfaces/mining.check.toml: change that, then run it. */
#ifndef QUOIN_MINING_CHECK_H
#define QUOIN_MINING_CHECK_H
#include "quoin/types.h"
#include "quoin/mining.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of block(). */
#define QN_CHECK_NO_POW 1u    /* it need not be solved; on a signet: nor signed */
#define QN_CHECK_NO_MERKLE 2u /* its merkle root need not fit */

/** mining.check/1, revision 1. Frozen. */
typedef struct qn_mining_check_1_r1 {
    qn_head h;

    /** Judge a block. One whose parent is not the tip is REJECTED as
     *  "inconclusive-not-best-prevblk"; one that is known already is a
     *  DUPLICATE or one of its kin. What could not be judged in 3 s is REJECTED
     *  as "inconclusive-takes-too-long". QN_E_INVAL: the bytes are no block.
     *  QN_E_BUSY: too much was asked for in short time, come back in a second.
     *  block: its serialization, at most 16,000,000 bytes; one of more than
     *    4,000,000 is never valid.
     *  flags: QN_CHECK_*.
     *  result: size must be set.
     *  Returns: QN_OK, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*block)(qn_cap *cap, const void *block, uint32_t block_len, uint32_t flags,
                       qn_mining_result *result);
} qn_mining_check_1_r1;

/** The newest revision. */
typedef qn_mining_check_1_r1 qn_mining_check_1;
#define QN_MINING_CHECK_1_ID "mining.check/1"
#define QN_MINING_CHECK_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
