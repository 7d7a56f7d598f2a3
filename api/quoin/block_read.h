/* quoin/block_read.h: block views and byte ranges by height or hash, spent
 * coins included.
 *
 * Reads come from disk or from the node's memory and never wait for validation.
 * Views are lent until they are released; the grant bounds how many are out at
 * once. Ask for many at once: a call costs the same for one block or for
 * sixteen.
 *
 * Made by api/generate.py from api/interfaces/block.read.toml: change that, then run it. */
#ifndef QUOIN_BLOCK_READ_H
#define QUOIN_BLOCK_READ_H
#include "quoin/types.h"
#include "quoin/block.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of the reading methods. */
#define QN_READ_SPENT 1u /* with part B: the spent coins and fees */

/** A byte range of a block's serialization with witness data. Never changes. */
typedef struct qn_read_range {
    qn_hash hash;    /* the block; all zero: the active block at `height` */
    uint32_t height; /* used when hash is zero */
    uint32_t off;    /* first byte; 0 is the first byte of the header */
    uint32_t len;    /* bytes; at most 4,000,000 */
} qn_read_range;

/** What became of one range. Never changes. */
typedef struct qn_read_result {
    /* QN_OK, QN_E_NOTFOUND, QN_E_PRUNED, QN_E_INVAL (past the end), QN_E_IO, QN_E_CORRUPT */
    int32_t status;
    uint32_t len; /* bytes given; they follow each other in the buffer in the order asked */
} qn_read_result;

/** block.read/1, revision 1. Frozen. */
typedef struct qn_block_read_1_r1 {
    qn_head h;

    /** Views of blocks by hash, on any branch. Stops at the first that cannot
     *  be given: *n_views says how many are there, and the status is that of
     *  the first missing one when there are none.
     *  hashes: at most 4,096.
     *  flags: QN_READ_*.
     *  views: each lent until release().
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_PRUNED, QN_E_LIMIT, QN_E_IO,
     *    QN_E_CORRUPT, QN_E_NOMEM, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*views)(qn_cap *cap, const qn_hash *hashes, uint32_t n_hashes, uint32_t flags,
                       const qn_block_view **views, uint32_t max_views, uint32_t *n_views);

    /** Views of the active chain from a height up, all of one chain. Counts and
     *  status as views().
     *  from: first height.
     *  flags: QN_READ_*.
     *  views: each lent until release().
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_PRUNED, QN_E_LIMIT, QN_E_IO,
     *    QN_E_CORRUPT, QN_E_NOMEM, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*views_at)(qn_cap *cap, uint32_t from, uint32_t flags, const qn_block_view **views,
                          uint32_t max_views, uint32_t *n_views);

    /** Give a view back.
     *  view: as given by views() or views_at().
     *  Returns: QN_OK, QN_E_INVAL.
     *  Thread: any. */
    qn_status (*release)(qn_cap *cap, const qn_block_view *view);

    /** Bytes of many blocks in one call, without a view: transactions by their
     *  place. *n_bytes counts what was put into the buffer; QN_E_SPACE: it is
     *  too small, *n_bytes says how much all ranges need.
     *  ranges: at most 4,096.
     *  results: one per range.
     *  bytes: the bytes of all ranges that could be read; at most 64 MiB.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_SPACE, QN_E_INVAL. */
    qn_status (*ranges)(qn_cap *cap, const qn_read_range *ranges, uint32_t n_ranges,
                        qn_read_result *results, void *bytes, uint32_t max_bytes,
                        uint32_t *n_bytes);
} qn_block_read_1_r1;

/** The newest revision. */
typedef qn_block_read_1_r1 qn_block_read_1;
#define QN_BLOCK_READ_1_ID "block.read/1"
#define QN_BLOCK_READ_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
