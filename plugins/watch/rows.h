/* plugins/watch/rows.h: what is stored of each object, as bytes. Numbers are big-endian, so that
 * keys of one kind lie in order.
 *
 *   'F'                       format (4), name of the chain
 *   'N'                       counters: wallet, source (4), cookie, order, event, first event,
 *                             rescan (8)
 *   'C'                       where the stream stands: height (4), hash, locator
 *   'W' wallet (4)            created (8), name
 *   'D' source (4)            a source
 *   'S' source, index (4), sub (1)   cookie (8), script, label
 *   'T' txid                  a transaction, with its entries and what was told of it
 *   'R' txid                  its bytes
 *   'G'                       block (4), number of a script (8): from there on not all scripts from
 *                             this one on were watched
 *   'E' event (8)             wallet (4; 0: none), JSON
 *   'L' txid, n (4)           nothing: an open PSBT spends the coin
 *   'X' txid, n (4)           nothing: a spender of the coin that was replaced is forgotten
 *   'P' wish (8)              for a rescan that is not done: first and next height (4), number of a
 *                             script (8), wallet (4), transactions (8), WT_RESCAN_* (1; none: 0)
 *   'H'                       the webhook's position (8)
 */
#pragma once
#include "plugins/watch/model.h"

#define WT_FORMAT 1u
#define WT_RESCAN_CANCELED 1u /* see wt_wish */
#define WT_RESCAN_PRUNED 2u

/** A growing row. `failed` sticks. */
typedef struct wt_row {
    uint8_t *data;
    size_t len, cap;
    bool failed;
} wt_row;
void wt_row_clear(wt_row *r); /* empty it, keep its memory */
void wt_row_free(wt_row *r);
/** The lowest `n` bytes of v, big end first. */
void wt_row_int(wt_row *r, uint64_t v, int n);
void wt_row_bytes(wt_row *r, const void *data, size_t len);
/** Length (4), then the bytes. */
void wt_row_text(wt_row *r, const void *data, size_t len);

/** A place in a row. `bad` sticks: check it at the end, with wt_read_end(). */
typedef struct wt_read {
    const uint8_t *p;
    size_t left;
    bool bad;
} wt_read;
uint64_t wt_read_int(wt_read *r, int n);
void wt_read_bytes(wt_read *r, void *out, size_t len);
/** Out: *len; borrowed from the row. */
const uint8_t *wt_read_text(wt_read *r, uint32_t *len);
/** As a string, owned: free(). NULL: bad, or memory is short. */
char *wt_read_string(wt_read *r);
/** Nothing was bad, and nothing is left over. */
bool wt_read_end(const wt_read *r);

void wt_write_source(wt_row *r, const wt_source *s);
/** QN_E_CORRUPT, QN_E_NOMEM. */
qn_status wt_read_source(wt_model *m, uint32_t id, wt_read *r);
void wt_write_owner(wt_row *r, const wt_owner *o);
qn_status wt_read_owner(wt_model *m, wt_source *s, uint32_t index, uint8_t sub, wt_read *r);
void wt_write_tx(wt_row *r, const wt_tx *t);
qn_status wt_read_tx(wt_model *m, const qn_hash *txid, wt_read *r);
