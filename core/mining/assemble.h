/* core/mining/assemble.h: block assembly on the active tip, and the solving loop of regtest's
 * generate* methods. Rules: Core node/miner.cpp. */
#pragma once
#include "core/chain/chain.h"
#include "core/mining/coinbase.h"

/** What a block is made of. All borrowed for the call. */
typedef struct qc_assemble {
    qc_span coinbase_script; /* scriptPubKey of the reward output */
    const qc_tx *tx; /* in block order, without the coinbase; their fees are not collected */
    size_t n_tx;
    qc_amount fees; /* added to the subsidy */
    qc_unixtime now;
    bool has_version; /* -blockversion, only where blocks are mined on demand */
    int32_t version;
} qc_assemble;

/** The branch that ends at `tip`, as the pure rules ask for it. Borrowed: lives as long as the
 * header tree. Thread: any. */
qc_ancestors qc_mining_ancestors(const qc_index *tip);
/** Smallest time a block on `prev` may carry: median time past + 1, and at a retarget boundary no
 *  more than 600 s behind its parent (BIP94, applied on every chain as Core does). Thread: any. */
int64_t qc_mining_min_time(const qc_params *p, const qc_index *prev);
/** Version bits of the next block on `prev` (Core ComputeBlockVersion). Thread: any. */
int32_t qc_mining_version(const qc_params *p, const qc_index *prev);
/** Required bits of a block on `prev` that carries `time`. Thread: any. */
uint32_t qc_mining_bits(const qc_params *p, const qc_index *prev, uint32_t time);

/** Serialize an unsolved block on `prev`: coinbase with height, reward and witness commitment,
 *  transactions, Merkle root, bits. Out: *out owned, qc_bytes_free(). Returns: QC_OK; QC_ENOMEM.
 *  Thread: any (prev and req are const). */
QC_MUST_CHECK qc_err qc_mining_assemble(const qc_params *p, const qc_index *prev,
                                        const qc_assemble *req, qc_bytes *out);

typedef enum qc_solve { QC_SOLVE_FOUND, QC_SOLVE_TRIES_USED, QC_SOLVE_NONCES_USED } qc_solve;
/** Search nonces from the one in the header at `block`. *tries counts down; *stop (may be NULL)
 *  ends the search as QC_SOLVE_TRIES_USED. Thread: any. */
qc_solve qc_mining_solve(const qc_params *p, uint8_t *block, uint64_t *tries,
                         const _Atomic bool *stop);
