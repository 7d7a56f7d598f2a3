/* lib/mining.h: what a miner makes of a block template: coinbase, merkle root, header, and whether
 * a hash is good enough. Thread: any. */
#ifndef QUOIN_LIB_MINING_H
#define QUOIN_LIB_MINING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QN_HEADER_LEN 80

/** The target of a compact form. Out: 32 bytes in wire order. Returns: false when it is negative,
 *  zero or above 256 bits. */
bool qn_target_of_bits(uint32_t bits, uint8_t out[32]);
/** A hash, as a number in wire order, is at most the target. */
bool qn_hash_meets(const uint8_t hash[32], const uint8_t target[32]);
/** From the coinbase's txid to the root, by `n` hashes of 32 bytes, the deepest first. */
void qn_merkle_fold(uint8_t hash[32], const uint8_t *path, size_t n);

/** A block's header in parts. Borrowed. */
typedef struct qn_header_parts {
    int32_t version;
    const uint8_t *prev, *root; /* 32 bytes each, wire order */
    uint32_t time, bits, nonce;
} qn_header_parts;
void qn_header_write(const qn_header_parts *h, uint8_t out[QN_HEADER_LEN]);

/** An output. Borrowed. */
typedef struct qn_coinbase_out {
    int64_t value; /* satoshis */
    const uint8_t *script;
    size_t len; /* at most 10,000 */
} qn_coinbase_out;

/** A coinbase in parts. Borrowed. The script of its input is `prefix`, a push of `space` bytes that
 *  are the miner's, and a push of `tag`: pushes, so that none of their bytes counts as a signature
 *  check. */
typedef struct qn_coinbase {
    uint32_t version, sequence, locktime;
    const uint8_t *prefix;
    size_t prefix_len, space; /* at most 75 */
    const uint8_t *tag;       /* may be NULL */
    size_t tag_len;           /* at most 75 */
    const qn_coinbase_out *out;
    size_t n_out;
    const uint8_t *last; /* outputs that must come last, serialized */
    size_t last_len;
    uint32_t n_last;
} qn_coinbase;

/** Write the transaction without witness, `space` zeroed.
 *  Out: *space_at, where these bytes begin. Returns: its length; 0: the script has not 2 to 100
 *  bytes, something is too long, or it does not fit in `cap`. */
size_t qn_coinbase_write(const qn_coinbase *c, uint8_t *out, size_t cap, size_t *space_at);
/** Put the witness that a commitment needs, one item of 32 bytes, into a coinbase without one.
 *  `out` may not overlap `tx`. Returns: its length; 0: `tx` is no transaction, has a witness or not
 *  one input, or it does not fit. */
size_t qn_coinbase_add_witness(const uint8_t *tx, size_t len, const uint8_t witness[32],
                               uint8_t *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
