/* What makes blocks, inside quoind. */
#include "core/app/app.h"

#include "core/os/file.h"

/* Where ids of templates begin. Plugins keep ids longer than the node lives, and a clock may be set
 * back: of 2^62 places no two runs take the same ones. */
static uint64_t first_id(void)
{
    uint64_t id;
    qc_os_random(&id, sizeof id);
    return id >> 2;
}

bool qc_app_miner_new(qc_app *a)
{
    qc_node *n = &a->node;
    const qc_miner_options o = {
        .chain = n->chain,
        .template = a->template_options,
        .has_version = n->has_block_version,
        .version = n->block_version,
        .first_id = first_id(),
    };
    qc_err err = qc_miner_new(&n->miner, &o);
    return !err || qc_app_error(a, "Cannot make the block maker: %s", qc_err_text(err));
}

void qc_app_miner_free(qc_app *a)
{
    qc_offer_clear(&a->node.offer);
    qc_miner_free(a->node.miner);
    a->node.miner = NULL;
}
