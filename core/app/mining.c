/* What makes blocks, inside quoind. */
#include "core/app/app.h"

#include "core/base/clock.h"

bool qc_app_miner_new(qc_app *a)
{
    qc_node *n = &a->node;
    uint64_t first_id;
    qc_err err = qc_app_first_template_id(a->net_dir, qc_clock_real_us(), &first_id);
    if (err)
        return qc_app_error(a, "Cannot write %s/template_id: %s", a->net_dir, qc_err_text(err));
    const qc_miner_options o = {
        .chain = n->chain,
        .template = a->template_options,
        .has_version = n->has_block_version,
        .version = n->block_version,
        .first_id = first_id,
    };
    err = qc_miner_new(&n->miner, &o);
    return !err || qc_app_error(a, "Cannot make the block maker: %s", qc_err_text(err));
}

void qc_app_miner_free(qc_app *a)
{
    qc_offer_clear(&a->node.offer);
    qc_miner_free(a->node.miner);
    a->node.miner = NULL;
}
