/* core/methods/psbt_known.h: what descriptors tell of keys and scripts, found by their hashes.
 * Thread: rpc. */
#pragma once
#include "core/methods/descriptors.h"
#include "core/script/keyring.h"
#include "lib/psbt_sign.h"

typedef struct qc_m_known qc_m_known;

/** From an array of descriptors, or objects with one and a range (NULL: nothing is known).
 * `secrets`: their secret keys go into a ring. Out: *out owned, qc_m_known_free(). False: the
 * request has failed. */
bool qc_m_known_new(qc_rpc_req *r, const qc_params *params, const json_t *list, bool secrets,
                    qc_m_known **out);
void qc_m_known_free(qc_m_known *k);
/** NULL without secrets. */
const qc_keyring *qc_m_known_ring(const qc_m_known *k);

/* As qn_psbt_helper has them. Borrowed from `k`; an origin until the next call. */
bool qc_m_known_script(const qc_m_known *k, const uint8_t *hash, qn_psbt_bytes *out);
bool qc_m_known_key(const qc_m_known *k, const uint8_t *hash, qn_psbt_bytes *out);
bool qc_m_known_origin(qc_m_known *k, qn_psbt_bytes key, qn_psbt_bytes *out);
typedef void qc_m_known_put(void *arg, uint8_t type, qn_psbt_bytes data, qn_psbt_bytes value);
void qc_m_known_taproot(const qc_m_known *k, const uint8_t *output, qc_m_known_put *put, void *arg);
void qc_m_known_tree(const qc_m_known *k, const uint8_t *output, qc_m_known_put *put, void *arg);
