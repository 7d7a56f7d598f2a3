/* Methods about single connections: peers that are kept, blocks asked of one peer, connections of a
 * kind for tests (Core rpc/net.cpp, rpc/blockchain.cpp getblockfrompeer). */
#include "core/base/alloc.h"
#include "core/methods/common.h"

static bool need_net(qc_rpc_req *r, const qc_node *n)
{
    return n->net || qc_rpc_fail(r, QC_RPC_CLIENT_P2P_DISABLED,
                                 "Error: Peer-to-peer functionality missing or disabled");
}

static void put_added(qc_jw *w, const qc_added_info *a)
{
    qc_jw_obj(w);
    qc_jw_kstr(w, "addednode", a->node);
    qc_jw_kbool(w, "connected", a->connected);
    qc_jw_karr(w, "addresses");
    if (a->connected) {
        qc_jw_obj(w);
        qc_jw_kstr(w, "address", a->addr);
        qc_jw_kstr(w, "connected", a->inbound ? "inbound" : "outbound");
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
}

static void getaddednodeinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *node = NULL;
    qc_added_info *list;
    size_t count, hits = 0;
    if (!need_net(r, n) || !qc_rpc_str(r, 0, &node))
        return;
    qc_err err = qc_net_added(n->net, &list, &count);
    if (err) {
        qc_m_fail_err(r, err, "Cannot list the added nodes");
        return;
    }
    for (size_t i = 0; i < count; i++)
        hits += !node || strcmp(node, list[i].node) == 0;
    if (node && !hits) {
        qc_free(list);
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_NOT_ADDED, "Error: Node has not been added.");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < count; i++)
        if (!node || strcmp(node, list[i].node) == 0)
            put_added(w, &list[i]);
    qc_jw_arr_end(w);
    qc_free(list);
}

static bool conn_type(const char *text, qc_conn_type *out)
{
    static const qc_conn_type ALL[] = {QC_CONN_FULL, QC_CONN_BLOCK_ONLY, QC_CONN_ADDR_FETCH,
                                       QC_CONN_FEELER};
    for (size_t i = 0; i < QC_COUNTOF(ALL); i++)
        if (strcmp(text, qc_conn_type_text(ALL[i])) == 0) {
            *out = ALL[i];
            return true;
        }
    return false;
}

static void addconnection(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *addr = "", *text = "";
    qc_conn_type type;
    bool v2 = false;
    if (n->params->id != QC_CHAIN_REGTEST) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR,
                    "addconnection is for regression testing (-regtest mode) only.");
        return;
    }
    if (!need_net(r, n) || !qc_rpc_str(r, 0, &addr) || !qc_rpc_str(r, 1, &text) ||
        !qc_rpc_bool(r, 2, &v2))
        return;
    if (v2 && !(qc_net_services(n->net) & QC_NODE_P2P_V2)) {
        qc_rpc_fail(
            r, QC_RPC_INVALID_PARAMETER,
            "Error: Adding v2transport connections requires -v2transport init flag to be set.");
        return;
    }
    if (!conn_type(text, &type)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Unknown connection type: %s", text);
        return;
    }
    /* As in Core, a try that comes to nothing is no error of the call. */
    if (qc_net_connect(n->net, addr, type, v2) == QC_EFULL) {
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_CAPACITY_REACHED,
                    "Error: Already at capacity for specified connection type.");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kstr(w, "address", addr);
    qc_jw_kstr(w, "connection_type", text);
    qc_jw_obj_end(w);
}

static void getblockfrompeer(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_hash hash;
    int64_t id = 0;
    if (!need_net(r, n) || !qc_rpc_hash(r, 0, "blockhash", &hash) || !qc_rpc_i64(r, 1, &id))
        return;
    const qc_index *i = qc_chain_find(n->chain, &hash), *tip = qc_chain_tip(n->chain);
    const char *why = NULL;
    if (!i)
        why = "Block header missing";
    else if (qc_chain_is_pruned_mode(n->chain, NULL) && i->height > tip->height)
        why = "In prune mode, only blocks that the node has already synced previously can be "
              "fetched from a peer";
    else if (atomic_load(&i->status) & QC_BLOCK_HAVE_DATA)
        why = "Block already downloaded";
    else
        why = qc_sync_fetch(n->sync, id, i);
    if (why) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "%s", why);
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_obj_end(w);
}

static const qc_rpc_param P_ADDED[] = {
    {"node", QC_T_STR, .dflt = "all nodes", .help = "One of the nodes that were added"},
    {.names = NULL}};
static const qc_rpc_param P_CONNECTION[] = {
    {"address", QC_T_STR, true, .help = "IP address and port"},
    {"connection_type", QC_T_STR, true,
     .help = "outbound-full-relay, block-relay-only, addr-fetch or feeler"},
    {"v2transport", QC_T_BOOL, true,
     .help = "Encrypt the connection; a peer that cannot gets another try without"},
    {.names = NULL}};
static const qc_rpc_param P_FETCH[] = {
    {"blockhash", QC_T_STR, true, .help = "A block whose header is known"},
    {"peer_id", QC_T_NUM, true, .help = "The id that getpeerinfo shows"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_NODES[] = {
    {"network", "getaddednodeinfo", "The nodes that addnode or -addnode asked for.", P_ADDED,
     .result = "[ { addednode, connected, addresses: [ { address, connected } ] }, ... ]",
     .examples = "getaddednodeinfo", .fn = getaddednodeinfo},
    {"blockchain", "getblockfrompeer",
     "Ask one peer for a block whose header is known. The block arrives later.", P_FETCH,
     .result = "{}",
     .examples = "getblockfrompeer "
                 "\"00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09\" 0",
     .fn = getblockfrompeer},
    {"hidden", "addconnection", "Opens a connection of one kind (regtest only).", P_CONNECTION,
     .result = "{ address, connection_type }",
     .examples = "addconnection \"127.0.0.1:18444\" \"outbound-full-relay\" false",
     .fn = addconnection},
    {.name = NULL}};
