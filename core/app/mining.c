/* What makes blocks, inside quoind. */
#include "core/app/app.h"

#include "core/base/clock.h"

bool qc_app_miner_new(qc_app *a)
{
    qc_node *n = &a->node;
    const qc_miner_options o = {
        .chain = n->chain,
        .template = a->template_options,
        .has_version = n->has_block_version,
        .version = n->block_version,
        /* Higher than any before the restart, as long as no million is made in a second. */
        .first_id = (uint64_t)(qc_clock_real_us() / 1000000) << 20,
    };
    qc_err err = qc_miner_new(&n->miner, &o);
    return !err || qc_app_error(a, "Cannot make the block maker: %s", qc_err_text(err));
}

void qc_app_miner_free(qc_app *a)
{
    qc_gbt_cache_clear(&a->node.gbt);
    qc_miner_free(a->node.miner);
    a->node.miner = NULL;
}
