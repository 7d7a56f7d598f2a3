/* lib/miniscript_satisfy.h: what unlocks a Miniscript, without leaving others a choice (BIP379). */
#ifndef QUOIN_LIB_MINISCRIPT_SATISFY_H
#define QUOIN_LIB_MINISCRIPT_SATISFY_H
#include "lib/miniscript.h"

typedef struct qn_ms_item {
    const uint8_t *data;
    size_t len;
} qn_ms_item;

/** What there is to unlock with. Each returns false when it is not there; bytes are borrowed for
 * the whole time. */
typedef struct qn_ms_means {
    void *arg;
    bool (*sig)(void *arg, uint32_t key, qn_ms_item *out);
    qn_ms_item (*key)(void *arg, uint32_t key);
    /** kind: QN_MS_SHA256 and so on. */
    bool (*preimage)(void *arg, qn_ms_kind kind, const uint8_t *hash, qn_ms_item *out);
    bool (*after)(void *arg, uint32_t k);
    bool (*older)(void *arg, uint32_t k);
} qn_ms_means;

/** The smallest stack that unlocks it and that nobody without a key can change.
 *  Out: *item, in the arena `to`, the bytes borrowed as `with` gave them; the bottom of the stack
 *  comes first. Returns: false: there is none, or memory is short. */
bool qn_ms_satisfy(const qn_ms *m, const qn_ms_means *with, qn_arena *to, qn_ms_item **item,
                   size_t *n);
#endif
