/* core/chain/newrules.h: bits of versions by which miners agree on rules that this node does not
 * know (BIP9; Core versionbits.cpp CheckUnknownActivations). Thread: one at a time. */
#pragma once
#include "core/btc/params.h"
#include "core/chain/index.h"

/** Zeroed: nothing has been looked at. */
typedef struct qc_newrules {
    const qc_index *end; /* last block of the last period that was looked at */
    uint32_t locked_in, active;
} qc_newrules;

/** Look at the branch that ends at `tip`: bits that have locked in, and bits that are active. Each
 *  period is looked at once while the branch stays the same. */
void qc_newrules_look(qc_newrules *n, const qc_params *p, const qc_index *tip);
