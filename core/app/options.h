/* core/app/options.h: every option of quoind: Bitcoin Core's (v31.99), each honoured, accepted
 * without effect, or refused with what to do instead, and our own. */
#pragma once
#include "core/conf/options.h"

extern const qc_opt QC_OPTIONS_NODE[], QC_OPTIONS_CHAIN[], QC_OPTIONS_LOG[], QC_OPTIONS_RPC[],
    QC_OPTIONS_PEERS[], QC_OPTIONS_POLICY[], QC_OPTIONS_OTHER[], QC_OPTIONS_PLUGINS[];

/** All of them, for qc_settings_new(). */
extern const qc_opt *const QC_OPTIONS[];
