/* core/methods/psbt_sign.h: the inputs of a PSBT with the node's interpreter and keys. Thread: rpc.
 */
#pragma once
#include "core/methods/coins.h"
#include "core/methods/psbt.h"
#include "lib/psbt_sign.h"

struct qc_m_known;

/** What helps with one PSBT. Its transaction and coins are those of qc_m_psbt_helper_new(). */
typedef struct qc_m_psbt_helper {
    qn_psbt_helper h; /* arg is this */
    qc_txbuf tx;      /* unsigned */
    bool has_tx;
    qc_spent *spent;
    bool all_known;
    qc_sighash_cache hashes;
    const qc_keyring *ring;         /* NULL: it signs nothing */
    int sighash;                    /* to sign with; -1: the default of each coin */
    const struct qc_m_known *known; /* NULL: nothing */
    bool hide_origins;
} qc_m_psbt_helper;

/** Out: *out owned, also when false: qc_m_psbt_helper_clear(). It verifies, and knows nothing else.
 *  `p` must not lose its coins meanwhile; call again when it has got some. False: the request has
 *  failed. */
bool qc_m_psbt_helper_new(qc_rpc_req *r, const qn_psbt *p, qc_m_psbt_helper *out);
void qc_m_psbt_helper_clear(qc_m_psbt_helper *x);
/** Every input is unlocked, and holds. */
bool qc_m_psbt_complete(const qn_psbt *p, const qc_m_psbt_helper *x);
