/* core/sync/poolsource.h: the pool as a place where transactions of a new block may be found. */
#pragma once
#include "core/mempool/pool.h"
#include "core/sync/txsource.h"

/** Shows every entry of `m`, which is borrowed for the source's life. Thread: chain. */
qc_tx_source qc_pool_source(const qc_mempool *m);
