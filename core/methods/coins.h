/* core/methods/coins.h: the coins that a transaction spends, as the chain, the mempool and the
 * caller know them. Thread: rpc. */
#pragma once
#include "core/methods/context.h"
#include "core/script/keyring.h"

/** Coins of all inputs. Owned: qc_m_coins_clear(). */
typedef struct qc_m_coins {
    qc_spent *spent; /* one per input, zero when not known; borrows script[] */
    qc_bytes *script;
    bool *known;
    uint32_t n;
} qc_m_coins;
void qc_m_coins_clear(qc_m_coins *c);
bool qc_m_coins_all_known(const qc_m_coins *c);

/** Look them up. False: the request has failed. Out: *c owned, also when false. */
bool qc_m_coins_find(qc_rpc_req *r, const qc_node *n, const qc_tx *tx, qc_m_coins *c);
/** Coins by a prevtxs argument (may be NULL) in the place of those found; the scripts it gives are
 *  added to the ring. False: the request has failed, as in Core (ParsePrevouts). */
bool qc_m_coins_given(qc_rpc_req *r, const json_t *prevtxs, const qc_tx *tx, qc_keyring *ring,
                      qc_m_coins *c);
/** Value of a coin whose amount the caller did not give (Core: MAX_MONEY). */
#define QC_M_AMOUNT_UNKNOWN INT64_C(2100000000000000)
