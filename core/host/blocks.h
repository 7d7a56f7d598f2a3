/* core/host/blocks.h: parsed blocks shared by all plugins: a bounded cache that the chain feeds
 * while it connects, and reads ahead of a follower in catch-up. Thread: any. */
#pragma once
#include "core/chain/chain.h"

typedef struct qc_blocks qc_blocks;

/** `bytes`: most that the cache holds. Out: owned, qc_blocks_free(). */
qc_blocks *qc_blocks_new(qc_chain *c, size_t bytes);
/** Waits for reads ahead that are under way. NULL is allowed. */
void qc_blocks_free(QC_OWN qc_blocks *b);
/** A block that has just been connected or disconnected, with part B. Cheap. */
void qc_blocks_offer(qc_blocks *b, const qc_index *i, const qc_block *block);
/** Body of `i`, with part B when `spent`. Out: shared, qc_block_unref(). May block on disk.
 *  Returns as qc_chain_read_block(). */
QC_MUST_CHECK qc_err qc_blocks_get(qc_blocks *b, const qc_index *i, bool spent, qc_block **out);
/** Have the `n` active blocks from `height` up read in the background, as far as there is room. */
void qc_blocks_ahead(qc_blocks *b, uint32_t height, unsigned n, bool spent);
