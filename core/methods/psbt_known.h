/* core/methods/psbt_known.h: what descriptors tell of keys and scripts, found by their hashes.
 * Thread: rpc. */
#pragma once
#include "core/methods/descriptors.h"
#include "core/script/keyring.h"
#include "lib/psbt_known.h"

typedef struct qc_m_known qc_m_known;

/** From an array of descriptors, or objects with one and a range (NULL: nothing is known).
 * `secrets`: their secret keys go into a ring. Out: *out owned, qc_m_known_free(). False: the
 * request has failed. */
bool qc_m_known_new(qc_rpc_req *r, const qc_params *params, const json_t *list, bool secrets,
                    qc_m_known **out);
void qc_m_known_free(qc_m_known *k);
/** NULL without secrets. */
const qc_keyring *qc_m_known_ring(const qc_m_known *k);

/** What there is to ask. Borrowed. */
qn_psbt_known *qc_m_known_of(const qc_m_known *k);
