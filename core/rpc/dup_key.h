/* core/rpc/dup_key.h: keys that an object of a call's parameters had twice. The parser keeps one of
 * their values, and its tree does not tell. Internal to core/rpc. */
#pragma once
#include "core/base/bytes.h"

/** The next call of a batch in valid JSON. *at is 0 before the first one. Empty: there is none. */
qc_span qc_rpc_next_call(qc_span batch, size_t *at);
/** A key that is there twice somewhere below the `params` of a call, which is valid JSON: owned,
 *  qc_free(); "": it cannot be told which. NULL: none is. */
char *qc_rpc_find_dup_key(qc_span call);
