/* core/methods/rest.h: what lies below /rest/ (Core rest.cpp): routes, formats, texts of errors. */
#pragma once
#include "core/methods/context.h"
#include "core/rpc/rest.h"

/** A qc_rest.serve; `node` is a qc_node that has a chain with a tip. Thread: rpc. */
void qc_m_rest_serve(void *node, const qc_rest_request *q, qc_rest_reply *out);
