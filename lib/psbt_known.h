/* lib/psbt_known.h: what derived descriptors tell of keys and scripts, found by their hashes: the
 * half of a qn_psbt_helper that makes no signatures. Thread: any, one at a time per object. */
#ifndef QUOIN_LIB_PSBT_KNOWN_H
#define QUOIN_LIB_PSBT_KNOWN_H
#include "lib/descriptor.h"
#include "lib/psbt_sign.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qn_psbt_known qn_psbt_known;

/** Empty. Returns: owned, qn_psbt_known_free(); NULL: memory is short. */
qn_psbt_known *qn_psbt_known_new(void);
void qn_psbt_known_free(qn_psbt_known *k);
/** Know what a descriptor stands for at an index. `v` is taken, on failure too.
 *  Returns: false: memory is short. */
bool qn_psbt_known_add(qn_psbt_known *k, qn_derived *v);

/* As qn_psbt_helper has them. Borrowed from `k` until something is added; an origin until the next
 * call. */
bool qn_psbt_known_script(qn_psbt_known *k, const uint8_t *hash, qn_psbt_bytes *out);
bool qn_psbt_known_key(qn_psbt_known *k, const uint8_t *hash, qn_psbt_bytes *out);
bool qn_psbt_known_origin(qn_psbt_known *k, qn_psbt_bytes key, qn_psbt_bytes *out);
typedef void qn_psbt_known_put(void *arg, uint8_t type, qn_psbt_bytes data, qn_psbt_bytes value);
void qn_psbt_known_taproot(qn_psbt_known *k, const uint8_t *output, qn_psbt_known_put *put,
                           void *arg);
void qn_psbt_known_tree(qn_psbt_known *k, const uint8_t *output, qn_psbt_known_put *put, void *arg);

/** A helper that fills in what is known and makes nothing: its `arg` is `k`, which is borrowed. */
qn_psbt_helper qn_psbt_known_helper(qn_psbt_known *k);

#ifdef __cplusplus
}
#endif
#endif
