/* core/methods/gbt.h: what getblocktemplate keeps between its calls. */
#pragma once
#include "core/mining/miner.h"

/** The last template and what came of it; zero-initialised: none. */
typedef struct qc_gbt_cache {
    const qc_template *t; /* chain thread, as the next */
    qc_unixtime made;
    _Atomic uint64_t updates; /* of the last template */
} qc_gbt_cache;
/** Forget the template. Thread: chain, or nobody calls any more. */
void qc_gbt_cache_clear(qc_gbt_cache *c);
