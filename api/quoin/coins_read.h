/* quoin/coins_read.h: unspent coins: by outpoint, and a walk over all of them
 * at one tip.
 *
 * The coins that the chain has left unspent at one tip; what the mempool makes
 * or spends is not in it (mempool.read tells that). Each answer names the tip
 * for which it is true.
 *
 * Look-ups are asked of the node between two pieces of its own work:
 * QN_E_TIMEOUT says that it had none to spare for five seconds, QN_E_BUSY that
 * the plugin has asked for too much of its time lately: come back in a second.
 *
 * A walk reads a snapshot of the database: what happens to the chain meanwhile
 * does not change it, and scan_tip() says how often the tip has moved since.
 * The database keeps for it what it would throw away else, so that walks are
 * few and do not stay: one that is not read for a minute or is open for an hour
 * is closed by the node. Who is interrupted opens another behind the last
 * outpoint it has had; that one is of another tip, which its answer names, and
 * what was read before is of the old one.
 *
 * Made by api/generate.py from api/interfaces/coins.read.toml: change that, then run it. */
#ifndef QUOIN_COINS_READ_H
#define QUOIN_COINS_READ_H
#include "quoin/types.h"
#include "quoin/mempool.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of coins. */
#define QN_COIN_COINBASE 1u /* a coinbase made it */

/** The tip for which an answer is true. Never changes. */
typedef struct qn_coins_at {
    uint64_t epoch;     /* changes at every start of the node; chain_seq counts within one */
    uint64_t chain_seq; /* the change of the tip that made it the tip */
    qn_hash tip;        /* its hash */
    uint32_t height;    /* of it */
    uint32_t reserved;  /* 0 */
} qn_coins_at;

/** What is known of one outpoint. Never changes. */
typedef struct qn_coin {
    int32_t status;  /* QN_OK; QN_E_NOTFOUND: it is spent or never was, and the rest is 0 */
    uint32_t flags;  /* QN_COIN_* */
    int64_t value;   /* satoshis */
    uint32_t height; /* of the block that made it */
    /* bytes of its script; scripts follow each other in the buffer in the order asked */
    uint32_t script_len;
} qn_coin;

/** One coin of a walk. Never changes. */
typedef struct qn_coin_row {
    qn_mempool_outpoint outpoint;
    uint32_t flags;  /* QN_COIN_* */
    int64_t value;   /* satoshis */
    uint32_t height; /* of the block that made it */
    /* bytes of its script; scripts follow each other in the buffer in the order of the
     * rows */
    uint32_t script_len;
} qn_coin_row;

/** coins.read/1, revision 1. Frozen. */
typedef struct qn_coins_read_1_r1 {
    qn_head h;

    /** The coins of these outpoints, all at one tip. *n_scripts counts what was
     *  put into the buffer; QN_E_SPACE: it is too small, *n_scripts says how
     *  much all of them need, and nothing is given.
     *  outpoints: at most 1,000.
     *  coins: one per outpoint.
     *  scripts: the scripts of all that are there; 10,000,000 bytes are always
     *    enough.
     *  at: the tip; may be NULL.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY, QN_E_IO,
     *    QN_E_CORRUPT, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*coins)(qn_cap *cap, const qn_mempool_outpoint *outpoints, uint32_t n_outpoints,
                       qn_coin *coins, void *scripts, uint32_t max_scripts, uint32_t *n_scripts,
                       qn_coins_at *at);

    /** Begin a walk over all coins of the present tip. The order is that of
     *  txids as bytes, with outputs of one transaction in an order of the
     *  database's. The node writes what it has in memory first, which may take
     *  seconds. QN_E_NOTREADY: the node is still catching up. QN_E_LIMIT: the
     *  grant's walks are open already. QN_E_BUSY: the node's are, or this
     *  plugin has begun too many lately: two at once and then one in ten
     *  seconds.
     *  after: NULL: begin with the first coin; else with the next one behind
     *    this outpoint, which need not exist.
     *  scan: its id; never 0.
     *  at: the tip; may be NULL.
     *  Returns: QN_OK, QN_E_NOTREADY, QN_E_LIMIT, QN_E_TIMEOUT, QN_E_BUSY,
     *    QN_E_IO, QN_E_CORRUPT, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*scan_open)(qn_cap *cap, const qn_mempool_outpoint *after, uint64_t *scan,
                           qn_coins_at *at);

    /** The next coins, as many as there is room for. QN_E_SPACE: not even one
     *  script fits, *n_scripts says how much the next one needs. QN_E_END: no
     *  more. QN_E_CLOSED: there is no such walk, or its time was over.
     *  scan: id from scan_open.
     *  rows: at most 4,096 are filled in.
     *  scripts: their scripts; 10,000 bytes are enough for one.
     *  Returns: QN_OK, QN_E_END, QN_E_SPACE, QN_E_CLOSED, QN_E_IO,
     *    QN_E_CORRUPT, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*scan_next)(qn_cap *cap, uint64_t scan, qn_coin_row *rows, uint32_t max_rows,
                           uint32_t *n_rows, void *scripts, uint32_t max_scripts,
                           uint32_t *n_scripts);

    /** The tip of a walk, and how far the chain has gone since. QN_E_CLOSED: as
     *  scan_next().
     *  scan: id from scan_open.
     *  at: as given by scan_open(); may be NULL.
     *  moved: changes of the tip since; 0: it is still the tip.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*scan_tip)(qn_cap *cap, uint64_t scan, qn_coins_at *at, uint64_t *moved);

    /** End a walk.
     *  scan: id from scan_open.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*scan_close)(qn_cap *cap, uint64_t scan);
} qn_coins_read_1_r1;

/** The newest revision. */
typedef qn_coins_read_1_r1 qn_coins_read_1;
#define QN_COINS_READ_1_ID "coins.read/1"
#define QN_COINS_READ_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
