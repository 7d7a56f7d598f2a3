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
    if (j->ok)
        qc_chain_headers_done(c, i);
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

static const qc_rpc_param P_WHICH[] = {{"blockhash", QC_T_HEX, true, .help = "Which block"},
                                       {.names = NULL}};
static const qc_rpc_param P_VERIFY[] = {
    {"checklevel", QC_T_NUM, .dflt = "3",
     .help =
         "0: bodies can be read; 1: they obey the context-free rules; 2: undo data can be read; "
         "3: they disconnect cleanly, as far as memory lasts; 4: they connect again"},
    {"nblocks", QC_T_NUM, .dflt = "6", .help = "How many, from the tip down; 0: all"},
    {.names = NULL}};
static const qc_rpc_param P_PRUNE[] = {
    {"height", QC_T_NUM, true,
     .help = "Last height that may go; above 1000000000 it is a time, and blocks older than two "
             "hours before it may go"},
    {.names = NULL}};
static const qc_rpc_param P_SUBMITBLOCK[] = {
    {"hexdata", QC_T_HEX, true, .help = "The block in hex"},
    {"dummy", QC_T_STR, .dflt = "ignored", .help = "Taken because BIP22 has it"},
    {.names = NULL}};
static const qc_rpc_param P_SUBMITHEADER[] = {
    {"hexdata", QC_T_HEX, true, .help = "80 bytes in hex"}, {.names = NULL}};

const qc_rpc_method QC_METHODS_CHAINCTL[] = {
    {"blockchain", "preciousblock",
     "Among blocks of equal work, prefer this one, until another call "
     "or the next start.",
     P_WHICH, .result = "null", .examples = "preciousblock \"blockhash\"", .fn = preciousblock},
    {"hidden", "invalidateblock",
     "Treat a block, and all that build on it, as breaking the rules. "
     "Undone by reconsiderblock.",
     P_WHICH, .result = "null", .examples = "invalidateblock \"blockhash\"", .fn = invalidateblock},
    {"hidden", "reconsiderblock",
     "Forget that a block, what it stands on and what builds on it were "
     "called invalid, and look at them anew.",
     P_WHICH, .result = "null", .examples = "reconsiderblock \"blockhash\"", .fn = reconsiderblock},
    {"blockchain", "verifychain", "Read the newest blocks again and check them.", P_VERIFY,
     .result = "true|false    (boolean) false: debug.log has the reason", .examples = "verifychain",
     .fn = verifychain},
    {"blockchain", "pruneblockchain",
     "Delete old block and undo files. Needs -prune; what is gone "
     "is gone.",
     P_PRUNE, .result = "n    (numeric) Newest height that is gone, or -1",
     .examples = "pruneblockchain 1000", .fn = pruneblockchain},
    {"hidden", "syncwithvalidationinterfacequeue",
     "Answer when the chain thread has done everything queued before this call.", .result = "null",
     .examples = "syncwithvalidationinterfacequeue", .fn = syncwithqueue},
    {"mining", "submitblock", "Hand in a block (BIP22).", P_SUBMITBLOCK,
     .result = "null, or the reason why not    (string)", .examples = "submitblock \"mydata\"",
     .fn = submitblock},
    {"mining", "submitheader", "Hand in a header whose parent is known.", P_SUBMITHEADER,
     .result = "null", .examples = "submitheader \"aabbcc\"", .fn = submitheader},
    {.name = NULL}};
