/* quoin/mining_submit.h: hand in a solution of a template, or a whole block.
 *
 * A block that is refused is an answer, not a failure: the result says why, in
 * the words of BIP22 that bitcoind's submitblock uses. What does not meet its
 * target, and a block() that is known already, is answered without asking the
 * node, and costs little of what may be asked in a second. Solutions are never
 * refused for that. A solution never changes the template, and any number may
 * be handed in for one. Once QN_E_TIMEOUT is answered the block is still
 * processed, when the node has time for it: nothing that was found is lost.
 *
 * Made by api/generate.py from api/interfaces/mining.submit.toml: change that, then run it. */
#ifndef QUOIN_MINING_SUBMIT_H
#define QUOIN_MINING_SUBMIT_H
#include "quoin/types.h"
#include "quoin/mining.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of block(). */
/* put the 32 zero bytes that a witness commitment needs into a coinbase without a
 * witness, as submitblock does */
#define QN_BLOCK_ADD_WITNESS 1u

/** mining.submit/1, revision 1. Frozen. */
typedef struct qn_mining_submit_1_r1 {
    qn_head h;

    /** A solution of a template that this plugin holds. The coinbase is the
     *  whole transaction with its witness: nothing is added to it. QN_E_CLOSED:
     *  it is not held. QN_E_STALE: its tip has gone more than 10 minutes ago.
     *  QN_E_NOTREADY: it is a template on a block whose solution was not
     *  accepted yet (create_on()). QN_E_INVAL: the coinbase is no transaction.
     *  QN_E_BUSY: as for block(), of a header that has come 16 times before.
     *  id: of the template.
     *  coinbase: at most 1,000,000 bytes.
     *  result: size must be set.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_STALE, QN_E_NOTREADY, QN_E_TIMEOUT,
     *    QN_E_BUSY, QN_E_INVAL, QN_E_IO, QN_E_CORRUPT, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*solution)(qn_cap *cap, uint64_t id, const qn_mining_solution *solution,
                          const void *coinbase, uint32_t coinbase_len, qn_mining_result *result);

    /** The same for a template that this plugin holds or has held in the last
     *  10 minutes. A plugin that ends, also by a crash, holds nothing any more:
     *  whoever is started in its place has 10 minutes from then on.
     *  QN_E_NOTFOUND: none of that id was held, or memory was short for it.
     *  id: of the template.
     *  coinbase: at most 1,000,000 bytes.
     *  result: size must be set.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_NOTREADY, QN_E_TIMEOUT, QN_E_BUSY,
     *    QN_E_INVAL, QN_E_IO, QN_E_CORRUPT, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*solution_by_id)(qn_cap *cap, uint64_t id, const qn_mining_solution *solution,
                                const void *coinbase, uint32_t coinbase_len,
                                qn_mining_result *result);

    /** A whole block, made with a template or without. QN_E_INVAL: the bytes
     *  are no block. QN_E_BUSY: too many that were no good in short time, come
     *  back in a second; one that is new and meets the target of a child of its
     *  parent, near the tip, is taken all the same, unless its header has come
     *  16 times before.
     *  block: its serialization, at most 16,000,000 bytes; one of more than
     *    4,000,000 is never valid.
     *  flags: QN_BLOCK_*.
     *  result: size must be set.
     *  Returns: QN_OK, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL, QN_E_IO,
     *    QN_E_CORRUPT, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*block)(qn_cap *cap, const void *block, uint32_t block_len, uint32_t flags,
                       qn_mining_result *result);
} qn_mining_submit_1_r1;

/** The newest revision. */
typedef qn_mining_submit_1_r1 qn_mining_submit_1;
#define QN_MINING_SUBMIT_1_ID "mining.submit/1"
#define QN_MINING_SUBMIT_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
