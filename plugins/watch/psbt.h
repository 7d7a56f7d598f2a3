/* plugins/watch/psbt.h: what the wallets know, as PSBTs have it (BIP174, 370, 371). */
#pragma once
#include "lib/psbt.h"
#include "plugins/watch/watch.h"

/** What the input weighs that spends a coin with this script, when it is signed: by as many keys as
 *  are needed and the shortest way there is at this sequence and lock time; for taproot by its own
 *  key or by the shortest leaf, whichever is larger. Signatures count as long as they can be.
 *  Out: *weight (units, witness included), *witness: it has one.
 *  Returns: QN_OK; QN_E_UNSUPPORTED: its source is no descriptor that says how it is spent, or not
 *  at this sequence and lock time; QN_E_NOMEM. */
qn_status wt_psbt_weigh(wt *x, const wt_owner *o, uint32_t sequence, uint32_t locktime,
                        uint32_t *weight, bool *witness);
/** Put in what is known of inputs and outputs: coins and the transactions that made them, scripts,
 *  keys and where they come from, as the wallet knows them (NULL: none), else any. What is there
 *  already stays.
 *  Returns: QN_OK; QN_E_NOMEM; failures of the store. */
qn_status wt_psbt_fill(wt *x, qn_psbt *p, const wt_wallet *w);
/** Make inputs final that have all they need; signatures are not checked. True: all are final.
 *  Out: *st: QN_OK, QN_E_NOMEM. */
bool wt_psbt_finish(qn_psbt *p, qn_status *st);
