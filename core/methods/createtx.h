/* core/methods/createtx.h: a transaction from the arguments of createrawtransaction, which others
 * have too: inputs, outputs, locktime, replaceable, version. Thread: rpc. */
#pragma once
#include "core/methods/context.h"

/** Of the elements of "inputs". */
extern const qc_rpc_param QC_M_CREATE_INPUTS[];
/** The first five parameters of whatever makes one. */
#define QC_M_CREATE_PARAMS                                                                         \
    {"inputs", QC_T_ARR, true, .help = "The coins to spend", .inner = QC_M_CREATE_INPUTS},         \
        {"outputs",                                                                                \
         QC_T_ARR,                                                                                 \
         true,                                                                                     \
         .help = "Objects with one member each, {\"address\": amount} or {\"data\": \"hex\"}; or " \
                 "one object with all of them. No address and no data twice",                      \
         .skip_type_check = true,                                                                  \
         .type_text = "json array or object"},                                                     \
        {"locktime", QC_T_NUM, .dflt = "0", .help = "Lock time; inputs obey it unless it is 0"},   \
        {"replaceable", QC_T_BOOL, .dflt = "true",                                                 \
         .help = "Let inputs signal that they may be replaced (BIP125)"},                          \
    {                                                                                              \
        "version", QC_T_NUM, .dflt = "2", .help = "Version of the transaction, 1 to 3"             \
    }
/** Out: *out appended to, the transaction as it is sent, without signatures. False: the request has
 *  failed. */
bool qc_m_construct_tx(qc_rpc_req *r, const qc_node *n, qc_bytes *out);
