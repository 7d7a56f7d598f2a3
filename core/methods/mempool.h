/* core/methods/mempool.h: the mempool as JSON, for its methods and for REST. Thread: rpc. */
#pragma once
#include "core/methods/context.h"

/** The object of getmempoolinfo. */
void qc_m_mempool_info(qc_jw *w, const qc_node *n);
/** The value of getrawmempool. Not both verbose and sequence. Returns: QC_OK; QC_ENOMEM (nothing is
 *  written). */
QC_MUST_CHECK qc_err qc_m_mempool_contents(qc_jw *w, const qc_node *n, bool verbose, bool sequence);
