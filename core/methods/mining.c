/* The numbers of mining (Core rpc/mining.cpp). */
#include "core/base/arith.h"
#include "core/methods/common.h"
#include "core/mining/assemble.h"

static bool hash_rate(qc_rpc_req *r, const qc_node *n, int32_t lookup, int32_t height, double *out)
{
    const qc_index *tip = qc_chain_tip(n->chain);
    if (lookup < -1 || lookup == 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Invalid nblocks. Must be a positive number or -1.");
    if (height < -1 || height > (int64_t)tip->height)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Block does not exist at specified height");
    const qc_index *last = height >= 0 ? qc_chain_at(n->chain, (uint32_t)height) : tip;
    *out = 0;
    if (!last || last->height == 0)
        return true;
    uint32_t interval = n->params->pow_timespan / n->params->pow_spacing;
    uint32_t blocks = lookup == -1 ? last->height % interval + 1 : (uint32_t)lookup;
    blocks = QC_MIN(blocks, last->height);
    const qc_index *i = last;
    int64_t lo = i->header.time, hi = lo;
    for (uint32_t k = 0; k < blocks; k++) {
        i = i->parent;
        lo = QC_MIN(lo, (int64_t)i->header.time);
        hi = QC_MAX(hi, (int64_t)i->header.time);
    }
    qc_u256 work = last->chain_work;
    qc_u256_sub(&work, &i->chain_work);
    if (hi != lo)
        *out = qc_u256_double(&work) / (double)(hi - lo);
    return true;
}

static void getnetworkhashps(qc_rpc_req *r, void *arg)
{
    int32_t lookup = 120, height = -1;
    double rate;
    if (qc_rpc_i32(r, 0, &lookup) && qc_rpc_i32(r, 1, &height) &&
        hash_rate(r, arg, lookup, height, &rate))
        qc_jw_double(qc_rpc_out(r), rate);
}

static void put_next(qc_jw *w, const qc_node *n, const qc_index *tip)
{
    int64_t time = QC_MAX(qc_mining_min_time(n->params, tip), qc_clock_now());
    uint32_t bits = qc_mining_bits(n->params, tip, (uint32_t)time);
    qc_jw_kobj(w, "next");
    qc_jw_kuint(w, "height", tip->height + 1);
    qc_m_kbits(w, bits);
    qc_jw_kdouble(w, "difficulty", qc_m_difficulty(bits));
    qc_m_ktarget(w, bits);
    qc_jw_obj_end(w);
}

typedef struct count_job {
    const qc_mempool *pool;
    size_t n;
} count_job;

static void run_count(qc_chain *c, void *arg)
{
    count_job *j = arg;
    (void)c;
    j->n = qc_mempool_count(j->pool);
}

static size_t pooled(const qc_node *n)
{
    count_job j = {n->pool, 0};
    if (n->pool)
        qc_chain_call(n->chain_thread, run_count, &j);
    return j.n;
}

static void getmininginfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const qc_index *tip = qc_chain_tip(n->chain);
    double rate;
    uint32_t weight, n_tx;
    if (!hash_rate(r, n, 120, -1, &rate))
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kuint(w, "blocks", tip->height);
    if (qc_miner_last(n->miner, &weight, &n_tx)) {
        qc_jw_kuint(w, "currentblockweight", weight);
        qc_jw_kuint(w, "currentblocktx", n_tx);
    }
    qc_m_kbits(w, tip->header.bits);
    qc_jw_kdouble(w, "difficulty", qc_m_difficulty(tip->header.bits));
    qc_m_ktarget(w, tip->header.bits);
    qc_jw_kdouble(w, "networkhashps", rate);
    qc_jw_kuint(w, "pooledtx", pooled(n));
    qc_jw_kamount(w, "blockmintxfee", qc_feerate_kvb(qc_miner_defaults(n->miner)->min_feerate));
    qc_jw_kstr(w, "chain", n->params->name);
    put_next(w, n, tip);
    if (n->params->signet_challenge.len)
        qc_jw_khex(w, "signet_challenge", qc_bytes_span(&n->params->signet_challenge));
    qc_m_kwarnings(w, n);
    qc_jw_obj_end(w);
}

static const qc_rpc_param P_HASHPS[] = {
    {"nblocks", QC_T_NUM, .dflt = "120", .help = "Blocks to look at; -1: since the last retarget"},
    {"height", QC_T_NUM, .dflt = "-1", .help = "Look back from here; -1: from the tip"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_MINING[] = {
    {"mining", "getnetworkhashps",
     "Hashes per second that all miners together seem to make, from "
     "the work and times of a stretch of blocks.",
     P_HASHPS, .result = "n    (numeric)", .examples = "getnetworkhashps", .fn = getnetworkhashps},
    {"mining", "getmininginfo", "What a miner wants to know of the tip and of the block after it.",
     .result =
         "{ blocks, currentblockweight, currentblocktx, bits, difficulty, target, networkhashps,\n"
         "  pooledtx, blockmintxfee, chain,\n"
         "  next: { height, bits, difficulty, target }, signet_challenge, warnings }",
     .examples = "getmininginfo", .fn = getmininginfo},
    {.name = NULL}};
