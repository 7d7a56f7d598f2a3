/* core/index/bookmark.h: where an index stands, as Core keeps it in each index (Core
 * index/base.cpp): hashes from its block back to genesis, ever sparser. Thread: any. */
#pragma once
#include "core/chain/index.h"
#include "core/kv/kv.h"

#define QC_BOOKMARK_MAX 101

typedef struct qc_bookmark {
    qc_hash hash[QC_BOOKMARK_MAX]; /* newest first */
    size_t n;                      /* 0: nowhere */
} qc_bookmark;

void qc_bookmark_make(const qc_index *at, qc_bookmark *out);
/** The record at `key`. None: n is 0. Returns: QC_OK; QC_ECORRUPT; QC_EIO; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bookmark_get(qc_kv *kv, qc_span key, qc_bookmark *out);
/** Add the record to a batch. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bookmark_put(qc_kv_batch *b, qc_span key, const qc_bookmark *l);
