/* core/app/chainopts.h: settings turned into the chain's parameters and options. */
#pragma once
#include "core/chain/chain.h"
#include "core/conf/settings.h"
#include "core/mining/template.h"

/** Parameters of the selected chain with -testactivationheight, -vbparams, -signetchallenge, -test.
 *  Out: *out owned, qc_params_free(); *error owned on failure. Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_app_params(const qc_settings *s, const char *chain, qc_params **out,
                                   char **error);

/** What becomes of -dbcache (Core node/caches.cpp). */
typedef struct qc_cache_sizes {
    size_t total, block_tree_db, coins_db, coins;
} qc_cache_sizes;
qc_cache_sizes qc_app_cache_sizes(const qc_settings *s);

/** Fill o (params, dir and blocks_dir are the caller's). Out: *error owned on failure. */
QC_MUST_CHECK qc_err qc_app_chain_options(const qc_settings *s, const qc_params *params,
                                          qc_chain_options *o, char **error);

/** Of the blocks that are made here: -blockmaxweight, -blockreservedweight, -blockmintxfee. Out:
 *  *error owned on failure. Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_app_template_options(const qc_settings *s, qc_template_options *o,
                                             char **error);

/** 64 or fewer hex digits, "0x" allowed, as a number. */
bool qc_app_user_hex(const char *text, qc_hash *out);
