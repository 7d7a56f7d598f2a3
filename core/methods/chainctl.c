/* Methods that change or verify the chain (Core rpc/blockchain.cpp, rpc/mining.cpp submit*). Each
 * hands its work to the chain thread and waits for it. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/methods/common.h"
#include "core/methods/submit.h"

#define TIMESTAMP_WINDOW 7200 /* Core chain.h: block times may lie this far apart */
#define MIN_BLOCKS_TO_KEEP 288

typedef struct index_job {
    const qc_index *i;
    qc_err (*fn)(qc_chain *c, const qc_index *i);
    qc_err err;
} index_job;

static void run_index_job(qc_chain *c, void *arg)
{
    index_job *j = arg;
    j->err = j->fn(c, j->i);
}

static void on_block(qc_rpc_req *r, qc_node *n, qc_err (*fn)(qc_chain *, const qc_index *))
{
    index_job j = {qc_m_block_arg(r, n, 0, "blockhash"), fn, QC_OK};
    if (!j.i)
        return;
    qc_chain_call(n->chain_thread, run_index_job, &j);
    if (j.err)
        qc_rpc_fail(r, QC_RPC_DATABASE_ERROR, "%s", qc_err_text(j.err));
}

static void preciousblock(qc_rpc_req *r, void *arg)
{
    on_block(r, arg, qc_chain_precious);
}

static void invalidateblock(qc_rpc_req *r, void *arg)
{
    on_block(r, arg, qc_chain_invalidate);
}

static void reconsiderblock(qc_rpc_req *r, void *arg)
{
    on_block(r, arg, qc_chain_reconsider);
}

typedef struct verify_job {
    int32_t level, blocks;
    bool ok;
    qc_err err;
} verify_job;

static void run_verify(qc_chain *c, void *arg)
{
    verify_job *j = arg;
    j->err = qc_chain_verify(c, (unsigned)j->level, (unsigned)j->blocks, &j->ok);
}

static void verifychain(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    verify_job j = {3, 6, false, QC_OK};
    if (!qc_rpc_i32(r, 0, &j.level) || !qc_rpc_i32(r, 1, &j.blocks))
        return;
    j.level = QC_MAX(0, QC_MIN(4, j.level));
    j.blocks = QC_MAX(0, j.blocks);
    qc_chain_call(n->chain_thread, run_verify, &j);
    if (j.err && j.err != QC_ECORRUPT)
        qc_m_fail_err(r, j.err, "Cannot verify the chain");
    else
        qc_jw_bool(qc_rpc_out(r), !j.err && j.ok);
}

typedef struct prune_job {
    uint32_t height, pruned_to;
    qc_err err;
} prune_job;

static void run_prune(qc_chain *c, void *arg)
{
    prune_job *j = arg;
    j->err = qc_chain_prune(c, j->height, &j->pruned_to);
}

/* First active block whose highest-time-so-far reaches `time` (Core FindEarliestAtLeast). */
static const qc_index *earliest_at_least(const qc_node *n, int64_t time)
{
    uint32_t lo = 0, hi = qc_chain_tip(n->chain)->height + 1;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const qc_index *i = qc_chain_at(n->chain, mid);
        if (!i || (int64_t)i->time_max >= time)
            hi = mid;
        else
            lo = mid + 1;
    }
    return qc_chain_at(n->chain, lo);
}

static bool prune_height(qc_rpc_req *r, const qc_node *n, uint32_t *out)
{
    int32_t wanted = 0;
    if (!qc_rpc_i32(r, 0, &wanted))
        return false;
    if (wanted < 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Negative block height.");
    uint32_t height = (uint32_t)wanted, tip = qc_chain_tip(n->chain)->height;
    /* Too high for a height, too low for a time (September 2001): it is a time. */
    if (wanted > 1000000000) {
        const qc_index *i = earliest_at_least(n, (int64_t)wanted - TIMESTAMP_WINDOW);
        if (!i)
            return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                               "Could not find block with at least the specified timestamp.");
        height = i->height;
    }
    if (tip < n->params->prune_after_height)
        return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Blockchain is too short for pruning.");
    if (height > tip)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Blockchain is shorter than the attempted prune height.");
    uint32_t most = tip > MIN_BLOCKS_TO_KEEP ? tip - MIN_BLOCKS_TO_KEEP : 0;
    *out = QC_MIN(height, most);
    return true;
}

static void pruneblockchain(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    prune_job j = {0};
    if (!qc_chain_is_pruned_mode(n->chain, NULL)) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Cannot prune blocks because node is not in prune mode.");
        return;
    }
    if (!prune_height(r, n, &j.height))
        return;
    qc_chain_call(n->chain_thread, run_prune, &j);
    if (j.err) {
        qc_m_fail_err(r, j.err, "Cannot prune");
        return;
    }
    /* The last block pruned, -1 when every block is still here. */
    qc_jw_int(qc_rpc_out(r), (int64_t)qc_chain_prune_height(n->chain) - 1);
}

static void nothing(qc_chain *c, void *arg)
{
    (void)c;
    (void)arg;
}

static void syncwithqueue(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    qc_chain_call(n->chain_thread, nothing, NULL);
    (void)r;
}

static void submitblock(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    const char *hex = "";
    if (!qc_rpc_str(r, 0, &hex))
        return;
    qc_block *b = qc_m_decode_block(n, hex);
    if (!b) {
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "Block decode failed");
        return;
    }
    qc_submit_result res;
    qc_m_submit(n, b, &res);
    qc_block_unref(b);
    if (res.err)
        qc_m_fail_err(r, res.err, "Cannot process the block");
    else if (res.accepted && !res.is_new)
        qc_jw_str(qc_rpc_out(r), "duplicate");
    else if (!res.checked)
        qc_jw_str(qc_rpc_out(r), "inconclusive");
    else if (!qc_verdict_ok(&res.verdict))
        qc_jw_str(qc_rpc_out(r), *res.verdict.reason ? res.verdict.reason : "rejected");
}

typedef struct header_job {
    qc_header h;
    bool ok;
    qc_verdict v;
} header_job;

static void run_header(qc_chain *c, void *arg)
{
    header_job *j = arg;
    const qc_index *i;
    j->ok = qc_chain_accept_header(c, &j->h, true, &i, &j->v);
}

static void submitheader(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    const char *hex = "";
    if (!qc_rpc_str(r, 0, &hex))
        return;
    header_job j = {.ok = false};
    if (!qc_m_decode_header(hex, &j.h)) {
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "Block header decode failed");
        return;
    }
    if (!qc_chain_find(n->chain, &j.h.prev)) {
        char prev[QC_HASH_HEX_LEN + 1];
        qc_hash_hex(&j.h.prev, prev);
        qc_rpc_fail(r, QC_RPC_VERIFY_ERROR, "Must submit previous header (%s) first", prev);
        return;
    }
    qc_chain_call(n->chain_thread, run_header, &j);
    if (!j.ok)
        qc_rpc_fail(r, QC_RPC_VERIFY_ERROR, "%s", j.v.reason);
}

#define BLOCKHASH_PARAM(text)                                                                      \
    {                                                                                              \
        "blockhash", QC_T_HEX, true, NULL, text, NULL, false, false, false, NULL                   \
    }

static const qc_rpc_param P_PRECIOUS[] = {
    BLOCKHASH_PARAM("the hash of the block to mark as precious"), {0}};
static const qc_rpc_param P_INVALIDATE[] = {
    BLOCKHASH_PARAM("the hash of the block to mark as invalid"), {0}};
static const qc_rpc_param P_RECONSIDER[] = {BLOCKHASH_PARAM("the hash of the block to reconsider"),
                                            {0}};
static const qc_rpc_param P_VERIFY[] = {
    {"checklevel", QC_T_NUM, false, "3, range=0-4",
     "How thorough the block verification is:\n"
     "- level 0 reads the blocks from disk\n- level 1 verifies block validity\n"
     "- level 2 verifies undo data\n- level 3 checks disconnection of tip blocks\n"
     "- level 4 tries to reconnect the blocks\n- each level includes the checks of the previous "
     "levels",
     NULL, false, false, false, NULL},
    {"nblocks", QC_T_NUM, false, "6, 0=all", "The number of blocks to check.", NULL, false, false,
     false, NULL},
    {0},
};
static const qc_rpc_param P_PRUNE[] = {
    {"height", QC_T_NUM, true, NULL,
     "The block height to prune up to. May be set to a discrete height, or to a UNIX epoch time "
     "to prune blocks whose block time is at least 2 hours older than the provided timestamp.",
     NULL, false, false, false, NULL},
    {0},
};
static const qc_rpc_param P_SUBMITBLOCK[] = {
    {"hexdata", QC_T_HEX, true, NULL, "the hex-encoded block data to submit", NULL, false, false,
     false, NULL},
    {"dummy", QC_T_STR, false, "ignored",
     "dummy value, for compatibility with BIP22. This value is ignored.", NULL, false, false, false,
     NULL},
    {0},
};
static const qc_rpc_param P_SUBMITHEADER[] = {
    {"hexdata", QC_T_HEX, true, NULL, "the hex-encoded block header data", NULL, false, false,
     false, NULL},
    {0},
};

const qc_rpc_method QC_METHODS_CHAINCTL[] = {
    {"blockchain", "preciousblock",
     "Treats a block as if it were received before others with the same work.\n"
     "A later preciousblock call can override the effect of an earlier one.\n"
     "The effects of preciousblock are not retained across restarts.",
     P_PRECIOUS, "null", "preciousblock \"blockhash\"", preciousblock, false},
    {"hidden", "invalidateblock",
     "Permanently marks a block as invalid, as if it violated a consensus rule.", P_INVALIDATE,
     "null", "invalidateblock \"blockhash\"", invalidateblock, false},
    {"hidden", "reconsiderblock",
     "Removes invalidity status of a block, its ancestors and its descendants, reconsider them "
     "for activation.\nThis can be used to undo the effects of invalidateblock.",
     P_RECONSIDER, "null", "reconsiderblock \"blockhash\"", reconsiderblock, false},
    {"blockchain", "verifychain", "Verifies blockchain database.", P_VERIFY,
     "true|false    (boolean) Verification finished successfully. If false, check debug.log for "
     "the reason.",
     "verifychain", verifychain, false},
    {"blockchain", "pruneblockchain",
     "Attempts to delete block and undo data up to a specified height or timestamp, if eligible "
     "for pruning.\nRequires `-prune` to be enabled at startup. Local deletion is irreversible.",
     P_PRUNE, "n    (numeric) Height of the last block pruned", "pruneblockchain 1000",
     pruneblockchain, false},
    {"hidden", "syncwithvalidationinterfacequeue",
     "Waits until everything that was queued for the chain thread before this call is done.", NULL,
     "null", "syncwithvalidationinterfacequeue", syncwithqueue, false},
    {"mining", "submitblock", "Attempts to submit new block to network. See BIP 22.", P_SUBMITBLOCK,
     "null    (json null) If the block was accepted\n\"str\"    (string) Otherwise, according to "
     "BIP22",
     "submitblock \"mydata\"", submitblock, false},
    {"mining", "submitheader",
     "Decode the given hexdata as a header and submit it as a candidate chain tip if valid.\n"
     "Throws when the header is invalid.",
     P_SUBMITHEADER, "null", "submitheader \"aabbcc\"", submitheader, false},
    {0},
};
