/* quoin/block.h: the block view, one flat, pointer-free record of a block that is made once and
 * read by everybody: validation, RPC, and every plugin.
 *
 * A view is a single range of bytes that starts with qn_block_view. Every array is found by an
 * offset from the start of the view, a count and a stride; use the accessors below, never
 * sizeof, because a later host may append fields to a record (the stride grows).
 * All integers are in host byte order except inside `raw`, which holds consensus bytes.
 * Part A (tx, in, out, raw) is made by the parse. Part B (spent, fee, spent_scripts) is made by
 * connect and is present only when QN_VIEW_SPENT is set.
 */
#ifndef QUOIN_BLOCK_H
#define QUOIN_BLOCK_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An array inside the view. off: bytes from the view's start, a multiple of 8. */
typedef struct qn_array {
    uint64_t off;
    uint32_t count;
    uint32_t stride;
} qn_array;

/** A range of bytes inside the view. off: bytes from the view's start. */
typedef struct qn_range {
    uint64_t off;
    uint64_t len;
} qn_range;

#define QN_VIEW_SPENT 1u   /* part B is present */
#define QN_VIEW_WITNESS 2u /* some transaction carries witness data */

/** Head of a view. */
typedef struct qn_block_view {
    uint32_t size;       /* bytes of this head */
    uint32_t generation; /* of the arena slot it lies in; 0 outside an arena */
    uint64_t total;      /* bytes of the whole view, head included */
    uint32_t flags;      /* QN_VIEW_* */
    uint32_t height;     /* 0xffffffff until the block has a place in the header tree */
    uint8_t hash[32];    /* block hash, wire order */
    uint8_t prev[32];    /* parent's hash */
    qn_array tx;         /* qn_tx_rec, block order */
    qn_array in;         /* qn_in_rec, block order over all transactions, coinbase included */
    qn_array out;        /* qn_out_rec, likewise */
    qn_array spent; /* qn_spent_rec: spent[i] is the coin in[i] consumes; zero for the coinbase */
    qn_array fee;   /* int64_t per transaction, satoshis; 0 for the coinbase */
    qn_range raw;   /* the block as serialized with witness data, 80-byte header first */
    qn_range spent_scripts;
} qn_block_view;

/** A transaction. Offsets `off` count from the start of `raw`. */
typedef struct qn_tx_rec {
    uint8_t txid[32];
    uint8_t wtxid[32];
    uint32_t off, len;    /* its bytes in raw */
    uint32_t in0, n_in;   /* its records in in[] */
    uint32_t out0, n_out; /* its records in out[] */
    uint32_t weight;      /* BIP141 */
    uint32_t stripped;    /* bytes without witness data */
    uint32_t version;
    uint32_t locktime;
} qn_tx_rec;

/** An input. `script_off` and `witness_off` count from the start of `raw`. */
typedef struct qn_in_rec {
    uint8_t prev_txid[32];
    uint32_t prev_n;
    uint32_t sequence;
    uint32_t script_off, script_len;   /* scriptSig */
    uint32_t witness_off, witness_len; /* its witness stack, item count included; len 0: none */
} qn_in_rec;

/** An output. `script_off` counts from the start of `raw`. */
typedef struct qn_out_rec {
    int64_t value; /* satoshis */
    uint32_t script_off, script_len;
} qn_out_rec;

/** A spent coin. `script_off` counts from the start of `spent_scripts`. */
typedef struct qn_spent_rec {
    int64_t value;
    uint64_t script_off;
    uint32_t script_len;
    uint32_t height;   /* of the block that made it */
    uint32_t coinbase; /* 1: made by a coinbase */
    uint32_t reserved; /* 0 */
} qn_spent_rec;

static inline const void *qn_array_at(const qn_block_view *v, const qn_array *a, uint32_t i)
{
    return (const uint8_t *)v + a->off + (uint64_t)i * a->stride;
}
static inline const uint8_t *qn_view_raw(const qn_block_view *v)
{
    return (const uint8_t *)v + v->raw.off;
}
static inline const qn_tx_rec *qn_view_tx(const qn_block_view *v, uint32_t i)
{
    return (const qn_tx_rec *)qn_array_at(v, &v->tx, i);
}
static inline const qn_in_rec *qn_view_in(const qn_block_view *v, uint32_t i)
{
    return (const qn_in_rec *)qn_array_at(v, &v->in, i);
}
static inline const qn_out_rec *qn_view_out(const qn_block_view *v, uint32_t i)
{
    return (const qn_out_rec *)qn_array_at(v, &v->out, i);
}
static inline const qn_spent_rec *qn_view_spent(const qn_block_view *v, uint32_t i)
{
    return (const qn_spent_rec *)qn_array_at(v, &v->spent, i);
}
static inline int64_t qn_view_fee(const qn_block_view *v, uint32_t tx)
{
    return *(const int64_t *)qn_array_at(v, &v->fee, tx);
}
/** scriptPubKey of the coin that in[i] spends. */
static inline const uint8_t *qn_view_spent_script(const qn_block_view *v, const qn_spent_rec *s)
{
    return (const uint8_t *)v + v->spent_scripts.off + s->script_off;
}

#ifdef __cplusplus
}
#endif
#endif
