/* State of the chain as a whole (Core rpc/blockchain.cpp). Answers come from the published
 * snapshot: no lock, no wait for the chain thread. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/consensus/check.h"
#include "core/methods/common.h"
#include "core/methods/deployments.h"

static void getblockcount(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_jw_uint(qc_rpc_out(r), qc_chain_tip(n->chain)->height);
}

static void getbestblockhash(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_jw_hash(qc_rpc_out(r), &qc_chain_tip(n->chain)->hash);
}

static void getdifficulty(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_jw_double(qc_rpc_out(r), qc_m_difficulty(qc_chain_tip(n->chain)->header.bits));
}

static void put_prune_state(qc_jw *w, const qc_node *n)
{
    uint64_t target = 0;
    bool pruned = qc_chain_is_pruned_mode(n->chain, &target);
    qc_jw_kbool(w, "pruned", pruned);
    if (!pruned)
        return;
    bool automatic = target != UINT64_MAX && target > 1;
    qc_jw_kuint(w, "pruneheight", qc_chain_prune_height(n->chain));
    qc_jw_kbool(w, "automatic_pruning", automatic);
    if (automatic)
        qc_jw_kuint(w, "prune_target_size", target);
}

void qc_m_put_chain_info(qc_jw *w, const qc_node *n)
{
    const qc_index *tip = qc_chain_tip(n->chain);
    qc_jw_obj(w);
    qc_jw_kstr(w, "chain", n->params->name);
    qc_jw_kuint(w, "blocks", tip->height);
    qc_jw_kuint(w, "headers", qc_chain_best_header(n->chain)->height);
    qc_jw_khash(w, "bestblockhash", &tip->hash);
    qc_m_kbits(w, tip->header.bits);
    qc_m_ktarget(w, tip->header.bits);
    qc_jw_kdouble(w, "difficulty", qc_m_difficulty(tip->header.bits));
    qc_jw_kuint(w, "time", tip->header.time);
    qc_jw_kuint(w, "mediantime", qc_index_mtp(tip));
    qc_jw_kdouble(w, "verificationprogress", qc_chain_progress(n->chain, tip));
    qc_jw_kbool(w, "initialblockdownload", qc_chain_initial_download(n->chain));
    qc_m_ku256(w, "chainwork", &tip->chain_work);
    qc_jw_kuint(w, "size_on_disk", qc_chain_disk_usage(n->chain));
    put_prune_state(w, n);
    if (n->params->signet_challenge.len)
        qc_jw_khex(w, "signet_challenge", qc_bytes_span(&n->params->signet_challenge));
    qc_m_kwarnings(w, n);
    qc_jw_obj_end(w);
}

static void getblockchaininfo(qc_rpc_req *r, void *arg)
{
    qc_m_put_chain_info(qc_rpc_out(r), arg);
}

static int by_height_down(const void *a, const void *b)
{
    const qc_index *const *x = a, *const *y = b;
    if ((*x)->height != (*y)->height)
        return (*x)->height < (*y)->height ? 1 : -1;
    return (*x < *y) - (*x > *y);
}

static const char *tip_status(const qc_node *n, const qc_index *i)
{
    uint32_t status = atomic_load(&i->status);
    if (qc_chain_contains(n->chain, i))
        return "active";
    if (status & (QC_BLOCK_FAILED_VALID | QC_BLOCK_FAILED_CHILD))
        return "invalid";
    if (atomic_load(&i->chain_tx) == 0)
        return "headers-only";
    if (qc_index_valid(i, QC_BLOCK_VALID_SCRIPTS))
        return "valid-fork";
    return qc_index_valid(i, QC_BLOCK_VALID_TREE) ? "valid-headers" : "unknown";
}

static void getchaintips(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const qc_index **list, *tip = qc_chain_tip(n->chain);
    size_t count;
    qc_err err = qc_chain_leaves(n->chain, &list, &count);
    if (err) {
        qc_m_fail_err(r, err, "Cannot list the chain tips");
        return;
    }
    qsort(list, count, sizeof *list, by_height_down);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < count; i++) {
        qc_jw_obj(w);
        qc_jw_kuint(w, "height", list[i]->height);
        qc_jw_khash(w, "hash", &list[i]->hash);
        qc_jw_kuint(w, "branchlen", list[i]->height - qc_index_fork(tip, list[i])->height);
        qc_jw_kstr(w, "status", tip_status(n, list[i]));
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
    qc_free(list);
}

static void getchainstates(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const qc_index *tip = qc_chain_tip(n->chain);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kuint(w, "headers", qc_chain_best_header(n->chain)->height);
    qc_jw_karr(w, "chainstates");
    qc_jw_obj(w);
    qc_jw_kuint(w, "blocks", tip->height);
    qc_jw_khash(w, "bestblockhash", &tip->hash);
    qc_m_kbits(w, tip->header.bits);
    qc_m_ktarget(w, tip->header.bits);
    qc_jw_kdouble(w, "difficulty", qc_m_difficulty(tip->header.bits));
    qc_jw_kdouble(w, "verificationprogress", qc_chain_progress(n->chain, tip));
    qc_jw_kuint(w, "coins_db_cache_bytes", n->coinsdb_cache);
    qc_jw_kuint(w, "coins_tip_cache_bytes", n->coinstip_cache);
    qc_jw_kbool(w, "validated", true);
    qc_jw_obj_end(w);
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
}

void qc_m_put_deployment_info(qc_jw *w, const qc_node *n, const qc_index *at)
{
    qc_jw_obj(w);
    qc_jw_khash(w, "hash", &at->hash);
    qc_jw_kuint(w, "height", at->height);
    qc_m_kscript_flags(w, qc_block_script_flags(n->params, at->height, &at->hash));
    qc_m_kdeployments(w, n->params, at);
    qc_jw_obj_end(w);
}

static void getdeploymentinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const qc_index *at = qc_chain_tip(n->chain);
    if (qc_rpc_arg(r, 0) && !(at = qc_m_block_arg(r, n, 0, "blockhash")))
        return;
    qc_m_put_deployment_info(qc_rpc_out(r), n, at);
}

static void put_window(qc_jw *w, const qc_index *last, uint32_t blocks)
{
    const qc_index *first = qc_index_ancestor(last, last->height - blocks);
    int64_t seconds = (int64_t)qc_index_mtp(last) - qc_index_mtp(first);
    uint64_t tx_last = atomic_load(&last->chain_tx), tx_first = atomic_load(&first->chain_tx);
    qc_jw_kint(w, "window_interval", seconds);
    if (!tx_last || !tx_first)
        return;
    qc_jw_kuint(w, "window_tx_count", tx_last - tx_first);
    if (seconds > 0)
        qc_jw_kdouble(w, "txrate", (double)(tx_last - tx_first) / (double)seconds);
}

static void getchaintxstats(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const qc_index *last = qc_chain_tip(n->chain);
    if (qc_rpc_arg(r, 1)) {
        if (!(last = qc_m_block_arg(r, n, 1, "blockhash")))
            return;
        if (!qc_chain_contains(n->chain, last)) {
            qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Block is not in main chain");
            return;
        }
    }
    int64_t height = last->height;
    int64_t month = 30 * 24 * 60 * 60 / (int64_t)n->params->pow_spacing;
    int32_t blocks = (int32_t)QC_MAX(0, QC_MIN(month, height - 1));
    if (!qc_rpc_i32(r, 0, &blocks))
        return;
    if (blocks < 0 || (blocks > 0 && blocks >= height)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Invalid block count: should be between 0 and the block's height - 1");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kuint(w, "time", last->header.time);
    if (atomic_load(&last->chain_tx))
        qc_jw_kuint(w, "txcount", atomic_load(&last->chain_tx));
    qc_jw_khash(w, "window_final_block_hash", &last->hash);
    qc_jw_kuint(w, "window_final_block_height", last->height);
    qc_jw_kint(w, "window_block_count", blocks);
    if (blocks > 0)
        put_window(w, last, (uint32_t)blocks);
    qc_jw_obj_end(w);
}

static const qc_rpc_param P_DEPLOYMENT[] = {
    {"blockhash", QC_T_HEX, .dflt = "the tip",
     .help = "Show the state as the block after this one sees it"},
    {.names = NULL}};
static const qc_rpc_param P_TXSTATS[] = {
    {"nblocks", QC_T_NUM, .dflt = "a month's worth", .help = "How many blocks to look at"},
    {"blockhash", QC_T_HEX, .dflt = "the tip",
     .help = "Newest block to look at; must be on the active chain"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_BLOCKCHAIN[] = {
    {"blockchain", "getblockcount", "Height of the tip: 0 when there is only the genesis block.",
     .result = "n    (numeric)", .examples = "getblockcount", .fn = getblockcount},
    {"blockchain", "getbestblockhash", "Hash of the tip.", .result = "\"hex\"    (string)",
     .examples = "getbestblockhash", .fn = getbestblockhash},
    {"blockchain", "getdifficulty",
     "How much harder the tip was to find than the easiest block allowed.",
     .result = "n    (numeric)", .examples = "getdifficulty", .fn = getdifficulty},
    {"blockchain", "getblockchaininfo",
     "Where the chain stands: tip, headers, progress, pruning, warnings.",
     .result =
         "{ chain, blocks, headers, bestblockhash, bits, target, difficulty, time, mediantime,\n"
         "  verificationprogress, initialblockdownload, chainwork, size_on_disk, pruned,\n"
         "  pruneheight, automatic_pruning, prune_target_size, signet_challenge, warnings }",
     .examples = "getblockchaininfo", .fn = getblockchaininfo},
    {"blockchain", "getchaintips", "Every end of the header tree, the active tip among them.",
     .result =
         "[ { height, hash, branchlen, status }, ... ]\n"
         "status: active; valid-fork (validated once, then left); valid-headers (bodies here, not\n"
         "validated); headers-only; invalid",
     .examples = "getchaintips", .fn = getchaintips},
    {"blockchain", "getchainstates",
     "The chainstate and its caches. There is always just one here.",
     .result =
         "{ headers, chainstates: [ { blocks, bestblockhash, bits, target, difficulty,\n"
         "  verificationprogress, coins_db_cache_bytes, coins_tip_cache_bytes, validated } ] }",
     .examples = "getchainstates", .fn = getchainstates},
    {"blockchain", "getdeploymentinfo",
     "Soft forks and script flags at a block. Rules that hold since genesis are not listed.",
     P_DEPLOYMENT,
     .result = "{ hash, height, script_flags: [...], deployments: { name: {...}, ... } }",
     .examples = "getdeploymentinfo", .fn = getdeploymentinfo},
    {"blockchain", "getchaintxstats",
     "Transactions so far, and their rate over a stretch of blocks.", P_TXSTATS,
     .result = "{ time, txcount, window_final_block_hash, window_final_block_height, "
               "window_block_count,\n"
               "  window_interval, window_tx_count, txrate }",
     .examples = "getchaintxstats\ngetchaintxstats 2016", .fn = getchaintxstats},
    {.name = NULL}};
