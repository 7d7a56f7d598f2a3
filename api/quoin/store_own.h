/* quoin/store_own.h: my own ordered key-value store on disk.
 *
 * Lives in the plugin's own process in every mode, so a call costs no message.
 * Keys are ordered as byte strings. write() is atomic, and with QN_STORE_SYNC
 * durable when it returns, also under kill -9 and power loss. Keys are 1 to
 * 4,096 bytes, values up to 64 MiB.
 *
 * Made by api/generate.py from api/interfaces/store.own.toml: change that, then run it. */
#ifndef QUOIN_STORE_OWN_H
#define QUOIN_STORE_OWN_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of write(). */
#define QN_STORE_SYNC 1u /* durable when the call returns */

/** Kinds of qn_store_op. */
#define QN_STORE_OP_PUT 1u    /* set key to value */
#define QN_STORE_OP_DELETE 2u /* remove key; no value follows */

/** Flags of iter_open(). */
#define QN_ITER_REVERSE 1u /* from the largest key down */

/** Head of one step of a batch; key bytes and then value bytes follow it
 *  without padding. Never changes. */
typedef struct qn_store_op {
    uint32_t op; /* QN_STORE_OP_* */
    uint32_t key_len;
    uint32_t value_len; /* 0 for DELETE */
} qn_store_op;

/** Size of the store. */
typedef struct qn_store_info {
    uint32_t size;     /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t reserved; /* 0 */
    uint64_t bytes;    /* on disk, as last measured */
    uint64_t quota;    /* of the grant; 0: none */
} qn_store_info;

/** store.own/1, revision 1. Frozen. */
typedef struct qn_store_own_1_r1 {
    qn_head h;

    /** The value of a key. QN_E_SPACE: the buffer is too small, *n_value is the
     *  length.
     *  snapshot: 0: newest.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_SPACE, QN_E_CLOSED, QN_E_REVOKED,
     *    QN_E_IO, QN_E_CORRUPT, QN_E_INVAL. */
    qn_status (*get)(qn_cap *cap, uint64_t snapshot, const void *key, uint32_t key_len, void *value,
                     uint32_t max_value, uint32_t *n_value);

    /** Apply a batch whole or not at all. The batch is a run of qn_store_op
     *  records, each followed by its key and value; qn_batch of sdk.h builds
     *  one. QN_E_FULL: the quota or the disk is full.
     *  batch: at most 512 MiB.
     *  flags: QN_STORE_*.
     *  Returns: QN_OK, QN_E_FULL, QN_E_REVOKED, QN_E_IO, QN_E_CORRUPT,
     *    QN_E_INVAL, QN_E_NOMEM. */
    qn_status (*write)(qn_cap *cap, const void *batch, uint64_t batch_len, uint32_t flags);

    /** Freeze the present state for reading. At most 16 at once.
     *  snapshot: its id; never 0.
     *  Returns: QN_OK, QN_E_LIMIT, QN_E_REVOKED. */
    qn_status (*snapshot_open)(qn_cap *cap, uint64_t *snapshot);

    /** Let a snapshot go; close its walks first.
     *  snapshot: id from snapshot_open.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_BUSY. */
    qn_status (*snapshot_close)(qn_cap *cap, uint64_t snapshot);

    /** Walk the keys in [from, to) in order. The walk sees one state of the
     *  store. At most 64 at once.
     *  snapshot: 0: the state at this call.
     *  from: empty: the first key.
     *  to: empty: to the end.
     *  flags: QN_ITER_*.
     *  iter: its id; never 0.
     *  Returns: QN_OK, QN_E_LIMIT, QN_E_CLOSED, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*iter_open)(qn_cap *cap, uint64_t snapshot, const void *from, uint32_t from_len,
                           const void *to, uint32_t to_len, uint32_t flags, uint64_t *iter);

    /** The next pair. Key and value are valid until the next call on this walk.
     *  QN_E_END: no more.
     *  iter: the walk.
     *  Returns: QN_OK, QN_E_END, QN_E_CLOSED, QN_E_REVOKED, QN_E_IO,
     *    QN_E_CORRUPT. */
    qn_status (*iter_next)(qn_cap *cap, uint64_t iter, const uint8_t **key, uint32_t *n_key,
                           const uint8_t **value, uint32_t *n_value);

    /** End a walk.
     *  iter: the walk.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*iter_close)(qn_cap *cap, uint64_t iter);

    /** Size on disk and quota.
     *  info: size must be set.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*info)(qn_cap *cap, qn_store_info *info);

    /** Approximate bytes on disk of the keys in [from, to).
     *  to: empty: to the end.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*size_of)(qn_cap *cap, const void *from, uint32_t from_len, const void *to,
                         uint32_t to_len, uint64_t *size);

    /** Remove everything, durably. No walk or snapshot may be open.
     *  Returns: QN_OK, QN_E_BUSY, QN_E_REVOKED, QN_E_IO. */
    qn_status (*wipe)(qn_cap *cap);
} qn_store_own_1_r1;

/** The newest revision. */
typedef qn_store_own_1_r1 qn_store_own_1;
#define QN_STORE_OWN_1_ID "store.own/1"
#define QN_STORE_OWN_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
