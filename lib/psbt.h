/* lib/psbt.h: partially signed transactions, versions 0 and 2: BIP174, 370, 371, 373. Reading of
 * hostile bytes, writing, and the roles that need no secret: creator, combiner, joiner, updater,
 * finalizer, extractor, analysis. Behaviour and errors follow Bitcoin Core's psbt.h.
 *
 * A map of a PSBT is a list of records, key and value as they stand in it; what this library does
 * not know is kept. Thread: any, one at a time per object. */
#ifndef QUOIN_LIB_PSBT_H
#define QUOIN_LIB_PSBT_H
#include "lib/curve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QN_PSBT_MAX 100000000u /* bytes of one */

/** Types of records, by the map that they are in. */
enum {
    QN_PSBT_G_TX = 0x00,
    QN_PSBT_G_XPUB = 0x01,
    QN_PSBT_G_TX_VERSION = 0x02,
    QN_PSBT_G_LOCKTIME = 0x03,
    QN_PSBT_G_INPUTS = 0x04,
    QN_PSBT_G_OUTPUTS = 0x05,
    QN_PSBT_G_MODIFIABLE = 0x06,
    QN_PSBT_G_VERSION = 0xfb,
    QN_PSBT_PROPRIETARY = 0xfc, /* in each map */

    QN_PSBT_IN_TX = 0x00, /* that made the coin */
    QN_PSBT_IN_COIN = 0x01,
    QN_PSBT_IN_SIG = 0x02,
    QN_PSBT_IN_SIGHASH = 0x03,
    QN_PSBT_IN_REDEEM = 0x04,
    QN_PSBT_IN_WITNESS = 0x05,
    QN_PSBT_IN_ORIGIN = 0x06,
    QN_PSBT_IN_FINAL_SIG = 0x07,
    QN_PSBT_IN_FINAL_WITNESS = 0x08,
    QN_PSBT_IN_RIPEMD160 = 0x0a,
    QN_PSBT_IN_SHA256 = 0x0b,
    QN_PSBT_IN_HASH160 = 0x0c,
    QN_PSBT_IN_HASH256 = 0x0d,
    QN_PSBT_IN_TXID = 0x0e,
    QN_PSBT_IN_VOUT = 0x0f,
    QN_PSBT_IN_SEQUENCE = 0x10,
    QN_PSBT_IN_TIME = 0x11,
    QN_PSBT_IN_HEIGHT = 0x12,
    QN_PSBT_IN_TAP_SIG = 0x13,
    QN_PSBT_IN_TAP_SCRIPT_SIG = 0x14,
    QN_PSBT_IN_TAP_LEAF = 0x15,
    QN_PSBT_IN_TAP_ORIGIN = 0x16,
    QN_PSBT_IN_TAP_KEY = 0x17,
    QN_PSBT_IN_TAP_ROOT = 0x18,
    QN_PSBT_IN_MUSIG = 0x1a,
    QN_PSBT_IN_MUSIG_NONCE = 0x1b,
    QN_PSBT_IN_MUSIG_SIG = 0x1c,

    QN_PSBT_OUT_REDEEM = 0x00,
    QN_PSBT_OUT_WITNESS = 0x01,
    QN_PSBT_OUT_ORIGIN = 0x02,
    QN_PSBT_OUT_AMOUNT = 0x03,
    QN_PSBT_OUT_SCRIPT = 0x04,
    QN_PSBT_OUT_TAP_KEY = 0x05,
    QN_PSBT_OUT_TAP_TREE = 0x06,
    QN_PSBT_OUT_TAP_ORIGIN = 0x07,
    QN_PSBT_OUT_MUSIG = 0x08,
};
#define QN_PSBT_UNKNOWN UINT64_MAX /* what stands for every type that is none of the map's */

/** Flags of QN_PSBT_G_MODIFIABLE. */
#define QN_PSBT_INPUTS_MODIFIABLE 1u
#define QN_PSBT_OUTPUTS_MODIFIABLE 2u
#define QN_PSBT_HAS_SINGLE 4u

/** Borrowed bytes. */
typedef struct qn_psbt_bytes {
    const uint8_t *data;
    size_t len;
} qn_psbt_bytes;

/** A record. Key data follows the type. Borrowed from the object until it changes. */
typedef struct qn_psbt_record {
    uint64_t type;     /* QN_PSBT_UNKNOWN: none that is known */
    qn_psbt_bytes key; /* the type among it */
    qn_psbt_bytes data;
    qn_psbt_bytes value;
    const uint8_t *id; /* of a SIG: HASH160 of its key */
} qn_psbt_record;

/** One map, in the order of writing. */
typedef struct qn_psbt_map {
    qn_psbt_record *record;
    size_t n, cap;
    uint8_t kind; /* 0: global, 1: of an input, 2: of an output */
} qn_psbt_map;

/** An output of a transaction. */
typedef struct qn_psbt_coin {
    int64_t value; /* satoshis; anything */
    qn_psbt_bytes script;
} qn_psbt_coin;

typedef struct qn_psbt_in {
    qn_psbt_map map;
    const uint8_t *txid; /* 32 bytes of the coin's transaction */
    uint32_t vout;
    bool has_sequence, has_time, has_height;
    uint32_t sequence, time, height; /* the last two: lock times that it needs */
} qn_psbt_in;

typedef struct qn_psbt_out {
    qn_psbt_map map;
    qn_psbt_coin coin;
} qn_psbt_out;

typedef struct qn_psbt {
    uint32_t version; /* 0 or 2 */
    uint32_t tx_version;
    bool has_locktime, has_modifiable;
    uint32_t locktime; /* where no input needs another one; of version 0 the transaction's */
    uint8_t modifiable;
    qn_psbt_map map;
    size_t n_in, n_out;
    qn_psbt_in *in;
    qn_psbt_out *out;
    struct qn_psbt_memory *memory;
} qn_psbt;

/** Read `len` bytes as a whole.
 *  curve:   keys are checked with it.
 *  Out:     *error: Core's sentence when it is none; owned, free(); NULL: memory is short.
 *  Returns: owned, qn_psbt_free(); NULL: it is none. The bytes are copied. */
qn_psbt *qn_psbt_read(const qn_curve *curve, const void *bytes, size_t len, char **error);
void qn_psbt_free(qn_psbt *p);
/** Serialize. Out: *out owned, free(); *len. Returns: false: memory is short. */
bool qn_psbt_write(const qn_psbt *p, uint8_t **out, size_t *len);

/** Base64 (RFC 4648). Out: owned, free(); NULL: malformed, or memory is short. */
uint8_t *qn_base64_decode(const char *text, size_t len, size_t *out_len);
char *qn_base64_encode(const void *bytes, size_t len);

/** An empty one for a transaction's inputs and outputs; scriptSigs and witnesses are left out.
 *  `tx`: serialized, with or without witness data. Returns: owned; NULL: malformed, or memory. */
qn_psbt *qn_psbt_new(uint32_t version, const void *tx, size_t len);
/** The same from parts. `in` and `out` without their maps; copied. */
qn_psbt *qn_psbt_new_of(uint32_t version, uint32_t tx_version, uint32_t locktime,
                        const qn_psbt_in *in, size_t n_in, const qn_psbt_out *out, size_t n_out);

/** First record of a type, or with this key (type first) as a whole; NULL: none. */
const qn_psbt_record *qn_psbt_get(const qn_psbt_map *m, uint64_t type);
const qn_psbt_record *qn_psbt_find(const qn_psbt_map *m, const void *key, size_t len);
/** Its value, data NULL without one. */
qn_psbt_bytes qn_psbt_value(const qn_psbt_map *m, uint64_t type);
/** Set or replace a record of a type below 0xfd; all is copied. Returns: false: memory. */
bool qn_psbt_put(qn_psbt *p, qn_psbt_map *m, uint8_t type, const void *data, size_t data_len,
                 const void *value, size_t value_len);
/** Take all of a type out. */
void qn_psbt_drop(qn_psbt_map *m, uint64_t type);
/** A copy of all records of `from` whose keys `to` does not have, whose owner is `p`. Both are maps
 *  of the same kind. Returns: false: memory. */
bool qn_psbt_merge(qn_psbt *p, qn_psbt_map *to, const qn_psbt_map *from);

/** Lock time by the inputs' needs (BIP370). Returns: false: they exclude each other. */
bool qn_psbt_locktime(const qn_psbt *p, uint32_t *out);
/** The transaction as it would be now. Final: with what finalizers have made. Out: *out owned,
 *  free(); *len. Returns: QN_PSBT_OK, QN_PSBT_NO_LOCKTIME, QN_PSBT_NO_MEMORY. */
typedef enum qn_psbt_result {
    QN_PSBT_OK,
    QN_PSBT_NO_LOCKTIME,
    QN_PSBT_OTHER_TX, /* combiner: not the same transaction, or not the same version */
    QN_PSBT_NO_MEMORY,
} qn_psbt_result;
qn_psbt_result qn_psbt_tx(const qn_psbt *p, bool final, uint8_t **out, size_t *len);
/** Combine `from` into `p`: what p has already stays (BIP174). Returns: as above. */
qn_psbt_result qn_psbt_combine(qn_psbt *p, const qn_psbt *from);

/** The coin that an input spends. Returns: false: not known, or the transaction given is not the
 *  one. Borrowed from `p`. */
bool qn_psbt_coin_of(const qn_psbt_in *in, qn_psbt_coin *out);
/** QN_PSBT_IN_COIN alone. */
bool qn_psbt_witness_coin(const qn_psbt_in *in, qn_psbt_coin *out);
/** A finalizer has been at it. */
bool qn_psbt_is_final(const qn_psbt_in *in);

#ifdef __cplusplus
}
#endif
#endif
