#include "core/sync/poolsource.h"

static void each(void *arg, qc_tx_taker *take, void *to)
{
    const qc_mempool *m = arg;
    for (size_t i = 0; i < qc_mempool_count(m); i++) {
        const qc_mempool_entry *e = qc_mempool_at(m, i);
        const qc_known_tx tx = {qc_entry_txid(e), qc_entry_wtxid(e), qc_tx_bytes(&e->tx)};
        if (!take(to, &tx))
            return;
    }
}

qc_tx_source qc_pool_source(const qc_mempool *m)
{
    return (qc_tx_source){(void *)(uintptr_t)m, each};
}
