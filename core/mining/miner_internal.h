/* core/mining/miner_internal.h: the miner as its parts see it. */
#pragma once
#include "core/mining/make.h"
#include "core/mining/miner.h"

/** A tip that is none any more. */
typedef struct qc_left_tip {
    _Atomic(const qc_index *) tip;
    _Atomic qc_mono at;
} qc_left_tip;
#define QC_LEFT_TIPS 64u

struct qc_miner {
    qc_miner_options o;
    qc_maker maker;
    qc_mempool *mempool; /* NULL: none */
    const qc_params *params;
    uint64_t id;                   /* of the last template */
    _Atomic(const qc_index *) tip; /* NULL: nothing was connected since the start */
    _Atomic qc_mono t_tip;
    _Atomic uint64_t last;          /* weight << 32 | transactions << 1 | 1; 0: none yet */
    qc_left_tip left[QC_LEFT_TIPS]; /* the last ones */
    _Atomic unsigned n_left;
    qc_push *pushes;
};

/** One template on this tip, not of a request. Out: *out shared. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_miner_make(qc_miner *m, const qc_index *tip, const qc_template_options *o,
                                   bool empty, qc_template_why why, qc_unixtime now,
                                   const qc_template **out);

/* ---- push.c: what the chain tells ---- */
/** A block is the tip; the pool does not know yet. */
void qc_pushes_connected(qc_miner *m, const qc_index *tip);
/** The pool has followed. */
void qc_pushes_settled(qc_miner *m, const qc_index *tip);
/** The pool has changed. */
void qc_pushes_pool(qc_miner *m);
