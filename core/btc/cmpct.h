/* core/btc/cmpct.h: messages of BIP152, version 2 (Core blockencodings.h): a block as its header
 * and short ids of its transactions, and asking for those that are missing. What is read here is
 * borrowed from the message; nothing is judged but its form. Thread: any. */
#pragma once
#include "core/btc/block.h"
#include "core/crypto/siphash.h"

#define QC_CMPCT_VERSION 2u
#define QC_CMPCT_ID_LEN 6u
#define QC_CMPCT_TX_MAX 65535u /* places in a block are 16-bit numbers */

/** What the short ids of one message are keyed with. */
void qc_cmpct_key(const qc_header *h, uint64_t nonce, qc_siphash_key *out);
/** Short id of a transaction: 48 bits. */
static inline uint64_t qc_cmpct_id(const qc_siphash_key *k, const qc_hash *wtxid)
{
    return qc_siphash_hash(k, wtxid) & 0xffffffffffffu;
}

/** A cmpctblock. n_ids + n_prefilled <= QC_CMPCT_TX_MAX. */
typedef struct qc_cmpct {
    qc_header header;
    qc_hash hash;
    qc_siphash_key key;
    uint32_t n_ids, n_prefilled;
    const uint8_t *ids; /* QC_CMPCT_ID_LEN bytes each */
    qc_span prefilled;  /* qc_cmpct_walk() */
} qc_cmpct;
/** Out: *out, borrowed from the payload. Returns: what is wrong with it, or QC_WIRE_OK. */
QC_MUST_CHECK qc_wire_fail qc_cmpct_read(qc_span payload, qc_cmpct *out);
/** Short id number i < n_ids. */
uint64_t qc_cmpct_id_at(const qc_cmpct *c, uint32_t i);

/** Steps over transactions that a message holds. */
typedef struct qc_cmpct_walk {
    qc_reader r;
    uint32_t left;
    bool placed;    /* each comes with its place */
    uint64_t place; /* after a step: of the transaction in its block; may lie behind its end */
} qc_cmpct_walk;
/** Over the prefilled ones. */
qc_cmpct_walk qc_cmpct_walk_of(const qc_cmpct *c);
/** The next one, serialized. False: there is none. */
bool qc_cmpct_next(qc_cmpct_walk *w, qc_span *tx);
/** A transaction with neither inputs nor outputs. */
bool qc_cmpct_is_null(qc_span tx);

/** Append the payload for `b`, of which only the coinbase is spelled out. `b` has transactions.
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_cmpct_write(qc_bytes *out, const qc_block *b, uint64_t nonce);

/** A getblocktxn: which transactions of a block are wanted, rising. */
typedef struct qc_cmpct_ask {
    qc_hash hash;
    uint16_t *place; /* owned: qc_free() */
    size_t n;        /* <= 65536 */
} qc_cmpct_ask;
QC_MUST_CHECK qc_wire_fail qc_cmpct_ask_read(qc_span payload, qc_cmpct_ask *out);
/** Append the payload. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_cmpct_ask_write(qc_bytes *out, const qc_hash *hash, const uint16_t *place,
                                        size_t n);

/** A blocktxn: transactions that were asked for. */
typedef struct qc_cmpct_txs {
    qc_hash hash;
    uint32_t n;
    qc_span txs; /* qc_cmpct_walk_txs() */
} qc_cmpct_txs;
QC_MUST_CHECK qc_wire_fail qc_cmpct_txs_read(qc_span payload, qc_cmpct_txs *out);
qc_cmpct_walk qc_cmpct_walk_txs(const qc_cmpct_txs *t);
/** Append the payload. Returns: QC_OK; QC_EINVAL (a place behind the end of the block; nothing is
 *  appended); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_cmpct_txs_write(qc_bytes *out, const qc_block *b, const uint16_t *place,
                                        size_t n);

/** A sendcmpct. False: it ends too early. */
bool qc_cmpct_hello_read(qc_span payload, uint8_t *announce, uint64_t *version);
QC_MUST_CHECK qc_err qc_cmpct_hello_write(qc_bytes *out, bool announce);
