/* Methods of the built-in indexes (Core rpc/blockchain.cpp getblockfilter, rpc/node.cpp
 * getindexinfo). */
#include "core/index/filterindex.h"

#include "core/methods/common.h"

#define WAIT_MS 60000

bool qc_m_index_ready(const qc_node *n, qc_keeper *f)
{
    return qc_keeper_wait(f, qc_chain_initial_download(n->chain) ? 0 : WAIT_MS);
}

static void fail_lookup(qc_rpc_req *r, const qc_index *i, bool ready)
{
    if (!qc_index_valid(i, QC_BLOCK_VALID_SCRIPTS))
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                    "Filter not found. Block was not connected to active chain.");
    else if (!ready)
        qc_rpc_fail(r, QC_RPC_MISC_ERROR,
                    "Filter not found. Block filters are still in the process of being indexed.");
    else
        qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR,
                    "Filter not found. This error is unexpected and indicates index corruption.");
}

static void getblockfilter(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    const char *type = "basic";
    qc_hash hash = {{0}}, header;
    qc_bytes filter;
    if (!qc_rpc_hash(r, 0, "blockhash", &hash) || !qc_rpc_str(r, 1, &type))
        return;
    if (strcmp(type, "basic") != 0) {
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Unknown filtertype");
        return;
    }
    if (!n->filters) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Index is not enabled for filtertype %s", type);
        return;
    }
    const qc_index *i = qc_chain_find(n->chain, &hash);
    if (!i) {
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Block not found");
        return;
    }
    bool ready = qc_m_index_ready(n, qc_filterindex_keeper(n->filters));
    if (qc_filterindex_get(n->filters, i, &filter, &header)) {
        fail_lookup(r, i, ready);
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_khex(w, "filter", qc_bytes_span(&filter));
    qc_jw_khash(w, "header", &header);
    qc_jw_obj_end(w);
    qc_bytes_free(&filter);
}

static void put_index(qc_jw *w, const qc_keeper *f, const char *only)
{
    bool synced;
    if (!f || (*only && strcmp(only, qc_keeper_name(f)) != 0))
        return;
    int64_t height = qc_keeper_height(f, &synced);
    qc_jw_kobj(w, qc_keeper_name(f));
    qc_jw_kbool(w, "synced", synced);
    qc_jw_kint(w, "best_block_height", height < 0 ? 0 : height);
    qc_jw_obj_end(w);
}

static void getindexinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *only = "";
    if (!qc_rpc_str(r, 0, &only))
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    put_index(w, n->txindex ? qc_txindex_keeper(n->txindex) : NULL, only);
    put_index(w, n->coinstats ? qc_coinstatsindex_keeper(n->coinstats) : NULL, only);
    put_index(w, n->spenders ? qc_spenders_keeper(n->spenders) : NULL, only);
    put_index(w, n->filters ? qc_filterindex_keeper(n->filters) : NULL, only);
    qc_jw_obj_end(w);
}

static const qc_rpc_param P_FILTER[] = {
    {"blockhash", QC_T_HEX, true, .help = "A block that is or was on the active chain"},
    {"filtertype", QC_T_STR, .dflt = "basic", .help = "Only basic is there"},
    {.names = NULL}};
static const qc_rpc_param P_INFO[] = {{"index_name", QC_T_STR, .help = "Only this one"},
                                      {.names = NULL}};

const qc_rpc_method QC_METHODS_INDEX[] = {
    {"blockchain", "getblockfilter",
     "The compact filter of a block and its header (BIP157, BIP158). "
     "Needs -blockfilterindex.",
     P_FILTER, .result = "{ filter, header }", .examples = "getblockfilter \"blockhash\" \"basic\"",
     .fn = getblockfilter},
    {"util", "getindexinfo", "How far the built-in indexes are.", P_INFO,
     .result = "{ name: { synced, best_block_height }, ... }", .examples = "getindexinfo",
     .fn = getindexinfo},
    {.name = NULL}};
