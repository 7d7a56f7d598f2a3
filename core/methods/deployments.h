/* core/methods/deployments.h: how soft forks are printed. Thread: any. */
#pragma once
#include "core/btc/params.h"
#include "core/chain/index.h"
#include "core/rpc/json_write.h"

/** "script_flags": names in alphabetical order, as Core lists them. */
void qc_m_kscript_flags(qc_jw *w, uint32_t flags);
/** "deployments": buried ones, then testdummy, as seen by the block after `at`. */
void qc_m_kdeployments(qc_jw *w, const qc_params *p, const qc_index *at);
