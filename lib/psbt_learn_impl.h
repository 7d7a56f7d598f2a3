/* lib/psbt_learn_impl.h: what the solver of an input or output knows: its records, what was learned
 * on the way, and what the helper tells. */
#ifndef QUOIN_LIB_PSBT_LEARN_IMPL_H
#define QUOIN_LIB_PSBT_LEARN_IMPL_H
#include "lib/psbt_impl.h"
#include "lib/psbt_sign.h"

typedef struct qn_psbt_stack {
    qn_psbt_bytes *item;
    size_t n, cap;
} qn_psbt_stack;

/* A key by its HASH160. */
typedef struct qn_psbt_key_id {
    uint8_t id[20];
    qn_psbt_bytes key;
} qn_psbt_key_id;

/* A key whose origin is known, and where it was met: a leaf, or (false) none. */
typedef struct qn_psbt_tap_use {
    uint8_t x[32];
    bool in_leaf;
    uint8_t leaf[32];
} qn_psbt_tap_use;

typedef struct qn_psbt_solver {
    qn_psbt *p;
    size_t i;
    const qn_psbt_map *have; /* of the input or output */
    qn_psbt_key_id *ids;     /* of the origins in `have`, sorted; NULL: not made yet */
    size_t n_ids;
    qn_psbt_tap_use *tap; /* what learn_tap_origins() will make records of */
    size_t n_taps, cap_taps;
    qn_psbt_map add; /* what was learned: records of an input */
    const qn_psbt_helper *h;
    bool asked_locktime, has_locktime;
    uint32_t locktime; /* of the transaction */
    qn_psbt_missing missing;
    qn_psbt_stack sig, wit;
    bool witness; /* the solution is one of segwit */
    bool failed;  /* memory */
} qn_psbt_solver;

/** A record of an input, given or learned; NULL: none. */
const qn_psbt_record *qn_psbt_known(const qn_psbt_solver *s, uint8_t type, qn_psbt_bytes data);
/** Add a record, unless it is known. */
void qn_psbt_learn(qn_psbt_solver *s, uint8_t type, qn_psbt_bytes data, qn_psbt_bytes value);
/** What has this HASH160. Out: borrowed. Returns: false: it is not known. */
bool qn_psbt_find_script(qn_psbt_solver *s, const uint8_t *hash, qn_psbt_bytes *out);
bool qn_psbt_find_key(qn_psbt_solver *s, const uint8_t *id, qn_psbt_bytes *out);
/** Where a key comes from, if the helper knows: one of taproot, in this leaf (its hash; NULL: in
 *  none), is put down and becomes a record by qn_psbt_learn_tap_origins(). */
void qn_psbt_learn_origin(qn_psbt_solver *s, qn_psbt_bytes key);
void qn_psbt_learn_tap_origin(qn_psbt_solver *s, const uint8_t *x, const uint8_t *leaf);
void qn_psbt_learn_tap_origins(qn_psbt_solver *s);
#endif
