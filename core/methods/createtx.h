/* core/methods/createtx.h: a transaction from the arguments of createrawtransaction, which others
 * have too: inputs, outputs, locktime, replaceable, version. Thread: rpc. */
#pragma once
#include "core/methods/context.h"

/** Of the elements of "inputs". */
extern const qc_rpc_param QC_M_CREATE_INPUTS[];
/** Out: *out appended to, the transaction as it is sent, without signatures. False: the request has
 *  failed. */
bool qc_m_construct_tx(qc_rpc_req *r, const qc_node *n, qc_bytes *out);
