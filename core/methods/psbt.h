/* core/methods/psbt.h: partially signed transactions as arguments and results. Thread: rpc. */
#pragma once
#include "core/methods/context.h"
#include "lib/psbt.h"

/** An argument in Base64. Out: *out owned, qn_psbt_free(). False: the request has failed. */
bool qc_m_psbt_arg(qc_rpc_req *r, const json_t *v, qn_psbt **out);
/** As a string in Base64. False: the request has failed. */
bool qc_m_put_psbt(qc_rpc_req *r, const qn_psbt *p);
/** All members of a decoded one, into an open object. False: the request has failed. */
bool qc_m_psbt_members(qc_rpc_req *r, const qc_params *params, const qn_psbt *p);
/** Bytes of it, as a span. */
static inline qc_span qc_m_psbt_span(qn_psbt_bytes b)
{
    return (qc_span){b.data, b.len};
}
