/* core/mempool/keymap.h: a table from 32-byte ids, or 36-byte outpoints, to pointers. Open
 * addressing under a secret key, so that nobody can choose ids that collide. Keys are borrowed:
 * they lie in what the pointers point to. Internal. Thread: one at a time. */
#pragma once
#include "core/base/err.h"
#include "core/crypto/siphash.h"

typedef struct qc_keyslot {
    uint64_t hash;
    const uint8_t *key; /* NULL: free */
    void *value;
} qc_keyslot;

typedef struct qc_keymap {
    qc_siphash_key salt;
    size_t key_len;
    qc_keyslot *slot;
    size_t mask, n;
} qc_keymap;

/** key_len: 32 or 36. Holds no memory until something is put in. */
void qc_keymap_init(qc_keymap *k, size_t key_len);
void qc_keymap_clear(qc_keymap *k);
/** Room for `more`. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_keymap_reserve(qc_keymap *k, size_t more);
/** The same; aborts when memory runs out. */
void qc_keymap_must_reserve(qc_keymap *k, size_t more);
/** Room is there, the key is not. */
void qc_keymap_put(qc_keymap *k, const void *key, void *value);
/** NULL: not there. */
void *qc_keymap_get(const qc_keymap *k, const void *key);
/** Remove and return; NULL: not there. */
void *qc_keymap_take(qc_keymap *k, const void *key);
/** Some entry from slot *at on; *at is then behind it. NULL: no more. */
void *qc_keymap_next(const qc_keymap *k, size_t *at);
