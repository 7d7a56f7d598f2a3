/* Whether the scripts of a block are run (Core validation.cpp ConnectBlock, -assumevalid). A block
 * under the assumed-valid one is spared only when it also lies two weeks of work under the best
 * header, so that nobody gains by talking users into assuming something that was just mined. */
#include "core/chain/internal.h"

#include "core/base/log.h"

#define TWO_WEEKS (14 * 24 * 60 * 60)

/* Time that the best header's difficulty would need for the work from `from` to `to`
 * (Core chain.cpp GetBlockProofEquivalentTime), saturated. */
static int64_t equivalent_time(const qc_chain *c, const qc_index *to, const qc_index *from)
{
    bool ahead = qc_u256_cmp(&to->chain_work, &from->chain_work) > 0;
    qc_u256 work = ahead ? to->chain_work : from->chain_work;
    qc_u256_sub(&work, ahead ? &from->chain_work : &to->chain_work);
    qc_u256_mul32(&work, c->params->pow_spacing);
    qc_u256 per_block, t;
    qc_header_work(to->header.bits, &per_block);
    qc_u256_div(&work, &per_block, &t);
    int64_t seconds = qc_u256_bits(&t) > 63 ? INT64_MAX : (int64_t)t.w[0];
    return ahead ? seconds : -seconds;
}

const char *qc_chain_script_check_reason(const qc_chain *c, const qc_index *i, bool *check)
{
    *check = true;
    if (qc_hash_is_zero(&c->assume_valid))
        return "assumevalid=0 (always verify)";
    const qc_index *av = qc_tree_find(c->tree, &c->assume_valid);
    if (!av)
        return "assumevalid hash not in headers";
    if (qc_index_ancestor(av, i->height) != i)
        return i->height > av->height ? "block height above assumevalid height"
                                      : "block not in assumevalid chain";
    if (qc_index_ancestor(c->best_header, i->height) != i)
        return "block not in best header chain";
    if (qc_u256_cmp(&c->best_header->chain_work, &c->min_work) < 0)
        return "best header chainwork below minimumchainwork";
    if (equivalent_time(c, c->best_header, i) <= TWO_WEEKS)
        return "block too recent relative to best header";
    *check = false;
    return "";
}

bool qc_scripts_wanted(qc_chain *c, const qc_index *i)
{
    bool check;
    const char *reason = qc_chain_script_check_reason(c, i, &check);
    if (c->script_reason_set && strcmp(reason, c->script_reason) == 0)
        return check;
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&i->hash, hex);
    if (check)
        qc_log(QC_LOG_INFO, "validation", "Enabling script verification at block #%u (%s): %s.",
               i->height, hex, reason);
    else
        qc_log(QC_LOG_INFO, "validation", "Disabling script verification at block #%u (%s).",
               i->height, hex);
    c->script_reason = reason;
    c->script_reason_set = true;
    return check;
}
