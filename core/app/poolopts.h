/* core/app/poolopts.h: the options of the mempool and of fee estimates, with Core's ranges and
 * words (node/mempool_args.cpp, init.cpp). Thread: any. */
#pragma once
#include "core/conf/settings.h"
#include "core/mempool/pool.h"

/** -blocksonly needs little room. Before anything else is read. */
void qc_app_pool_interact(qc_settings *s);
/** Fill in *o but for its chain. Out: *error owned, qc_free(), on failure. Returns: QC_OK;
 *  QC_EINVAL. */
QC_MUST_CHECK qc_err qc_app_pool_options(const qc_settings *s, const qc_params *params,
                                         qc_mempool_options *o, char **error);
/** Text of bitcoins as an option gives it: no sign, at most eight decimals, blanks around it; at
 *  most 21 million. */
bool qc_app_parse_money(const char *text, qc_amount *out);
