/* Methods about single connections: peers that are kept, blocks asked of one peer, connections of a
 * kind for tests (Core rpc/net.cpp, rpc/blockchain.cpp getblockfrompeer). */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/methods/common.h"
#include "core/methods/hexarg.h"
#include "core/methods/peers.h"

/* -v2transport is on. */
static bool speaks_v2(const qc_node *n)
{
    return n->net && (qc_net_services(n->net) & QC_NODE_P2P_V2) != 0;
}

static void keep(qc_rpc_req *r, const qc_node *n, const char *node, bool v2)
{
    if (qc_m_keep(n, node, v2))
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_ALREADY_ADDED, "Error: Node already added");
}

static void forget(qc_rpc_req *r, const qc_node *n, const char *node)
{
    if (qc_m_forget(n, node))
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_NOT_ADDED,
                    "Error: Node could not be removed. It has not been added previously.");
}

/* As in Core, a try that cannot succeed is no error of the call. */
static void try_once(const qc_node *n, const char *node, bool v2)
{
    qc_err err = qc_m_connect(n, node, QC_CONN_MANUAL, v2);
    if (err)
        qc_log(QC_LOG_DEBUG, "net", "addnode %s: %s", node, qc_err_text(err));
}

static void addnode(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *node = "", *command = "";
    bool v2 = speaks_v2(n);
    if (!qc_rpc_str(r, 0, &node) || !qc_rpc_str(r, 1, &command))
        return;
    bool add = strcmp(command, "add") == 0, remove = strcmp(command, "remove") == 0;
    if (!add && !remove && strcmp(command, "onetry") != 0) {
        qc_m_fail_help(r, QC_RPC_MISC_ERROR);
        return;
    }
    if (!qc_m_need_net(r, n))
        return;
    if (qc_m_is_blank(node)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Error: Node address cannot be empty");
        return;
    }
    if (!qc_rpc_bool(r, 2, &v2))
        return;
    if (v2 && !speaks_v2(n)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Error: v2transport requested but not enabled (see -v2transport)");
        return;
    }
    if (add)
        keep(r, n, node, v2);
    else if (remove)
        forget(r, n, node);
    else
        try_once(n, node, v2);
}

static void disconnectnode(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *addr = NULL;
    int64_t id = 0;
    if (!qc_m_need_net(r, n) || !qc_rpc_str(r, 0, &addr) || !qc_rpc_i64(r, 1, &id))
        return;
    bool by_id = qc_rpc_arg(r, 1) != NULL;
    if (addr && !*addr && by_id)
        addr = NULL;
    if ((addr != NULL) == by_id) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMS, "Only one of address and nodeid should be provided.");
        return;
    }
    if (qc_m_disconnect(n, id, addr))
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_NOT_CONNECTED, "Node not found in connected nodes");
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
    if (!qc_m_need_net(r, n) || !qc_rpc_str(r, 0, &node))
        return;
    qc_err err = qc_m_kept(n, &list, &count);
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
    if (!qc_m_need_net(r, n) || !qc_rpc_str(r, 0, &addr) || !qc_rpc_str(r, 1, &text) ||
        !qc_rpc_bool(r, 2, &v2))
        return;
    if (!conn_type(text, &type)) {
        qc_m_fail_help(r, QC_RPC_INVALID_PARAMETER);
        return;
    }
    if (v2 && !speaks_v2(n)) {
        qc_rpc_fail(
            r, QC_RPC_INVALID_PARAMETER,
            "Error: Adding v2transport connections requires -v2transport init flag to be set.");
        return;
    }
    /* As in Core, a try that comes to nothing is no error of the call. */
    if (qc_m_connect(n, addr, type, v2) == QC_EFULL) {
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
    if (!qc_m_need_net(r, n) || !qc_rpc_hash(r, 0, "blockhash", &hash) || !qc_rpc_i64(r, 1, &id))
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

static void sendmsgtopeer(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int64_t id = 0;
    const char *type = "";
    qc_bytes body = QC_BYTES_INIT;
    if (!qc_rpc_i64(r, 0, &id) || !qc_rpc_str(r, 1, &type))
        return;
    if (strlen(type) > QC_MSG_NAME) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Error: msg_type too long, max length is %d",
                    QC_MSG_NAME);
        return;
    }
    const char *hex = "";
    if (!qc_rpc_str(r, 2, &hex))
        return;
    if (*hex && !qc_m_hex_decode(hex, &body)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Error parsing input for msg");
        return;
    }
    if (qc_m_need_net(r, n) && qc_net_push(n->net, id, type, &body))
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Error: Could not send message to peer");
    qc_bytes_free(&body);
    if (qc_rpc_failed(r))
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_obj_end(w);
}

static const qc_rpc_param P_ADDNODE[] = {
    {"node", QC_T_STR, true, .help = "IP address or name of the peer, and its port"},
    {"command", QC_T_STR, true,
     .help = "add: keep connecting; remove: no longer; onetry: connect once"},
    {"v2transport", QC_T_BOOL, .dflt = "set by -v2transport",
     .help = "Encrypt the connection; a peer that cannot gets another try without"},
    {.names = NULL}};
static const qc_rpc_param P_DISCONNECT[] = {
    {"address", QC_T_STR, .dflt = "use nodeid",
     .help = "Address and port as getpeerinfo shows them"},
    {"nodeid", QC_T_NUM, .dflt = "use address", .help = "The id that getpeerinfo shows"},
    {.names = NULL}};
static const qc_rpc_param P_SEND[] = {
    {"peer_id", QC_T_NUM, true, .help = "The id that getpeerinfo shows"},
    {"msg_type", QC_T_STR, true, .help = "Type of the message, at most 12 characters"},
    {"msg", QC_T_HEX, true, .help = "Its payload"},
    {.names = NULL}};
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
    {"network", "addnode",
     "Connect to a peer, once or whenever it is away. At most 8 are kept so, beside those that\n"
     "-maxconnections counts.",
     P_ADDNODE, .result = "null", .examples = "addnode \"127.0.0.1:18444\" \"onetry\"",
     .fn = addnode},
    {"network", "disconnectnode", "Close the connection to one peer, named by address or by id.",
     P_DISCONNECT, .result = "null",
     .examples = "disconnectnode \"127.0.0.1:18444\"\ndisconnectnode \"\" 1", .fn = disconnectnode},
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
    {"hidden", "sendmsgtopeer", "Send one message to a peer, whatever it says; for tests.", P_SEND,
     .result = "{}", .examples = "sendmsgtopeer 0 \"addr\" \"ffffff\"", .fn = sendmsgtopeer},
    {.name = NULL}};
