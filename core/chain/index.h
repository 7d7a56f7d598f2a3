/* core/chain/index.h: the header tree. Entries are never freed while the chain is open, so a
 * `const qc_index *` may be kept by any thread. Fields marked (atomic) change; the rest are fixed.
 */
#pragma once
#include "core/btc/header.h"
#include "core/store/indexdb.h"

#include <stdatomic.h>

/* Values of qc_index.sequence before a body arrives in this run (Core chain.h SEQ_ID_*). */
#define QC_SEQ_BEST_FROM_DISK 0 /* on the best chain that was loaded */
#define QC_SEQ_FROM_DISK 1      /* everything else; bodies that arrive count on from here */

typedef struct qc_index qc_index;
struct qc_index {
    qc_hash hash;
    qc_header header;
    uint32_t height;
    qc_index *parent, *skip;
    qc_u256 chain_work;
    uint32_t time_max;         /* highest header time up to here */
    _Atomic uint32_t status;   /* QC_BLOCK_* (atomic; written by chain) */
    _Atomic uint32_t n_tx;     /* 0: body never seen (atomic) */
    _Atomic uint64_t chain_tx; /* transactions up to here, 0: some body missing (atomic) */
    _Atomic int32_t file;      /* (atomic) -1: none */
    _Atomic uint32_t data_pos, undo_pos; /* (atomic) */
    int32_t sequence;                    /* arrival order of the body: ties (chain thread) */
    uint32_t order;                      /* place in the order in which headers became known */
    qc_index *dirty_next;                /* list of records to be written (chain thread) */
    bool dirty;
};

/** Ancestor at `height` (skip list). NULL if height > i->height. Thread: any. */
const qc_index *qc_index_ancestor(const qc_index *i, uint32_t height);
/** Last common ancestor. Thread: any. */
const qc_index *qc_index_fork(const qc_index *a, const qc_index *b);
/** Median time past of the 11 headers ending here. Thread: any. */
uint32_t qc_index_mtp(const qc_index *i);
/** Valid at least to `level` (QC_BLOCK_VALID_*) and not failed. Thread: any. */
bool qc_index_valid(const qc_index *i, uint32_t level);
