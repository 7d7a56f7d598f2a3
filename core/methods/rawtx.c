/* Raw transactions as such (Core rpc/rawtransaction.cpp): of the mempool, of a block that the
 * caller names, or of any block by -txindex. */
#include "core/methods/common.h"
#include "core/methods/findtx.h"
#include "core/methods/hexarg.h"
#include "core/methods/script_text.h"
#include "core/methods/tx_json.h"

static bool is_genesis_coinbase(const qc_node *n, const qc_hash *txid)
{
    const qc_index *genesis = qc_chain_at(n->chain, 0);
    return genesis && qc_hash_eq(txid, &genesis->header.merkle_root);
}

static bool find_tx(const qc_block *b, const qc_hash *txid, qc_tx *out)
{
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        *out = qc_block_tx(b, i);
        if (memcmp(out->rec->txid, txid->b, 32) == 0)
            return true;
    }
    return false;
}

static void put_place(qc_jw *w, const qc_node *n, const qc_index *at)
{
    bool active = qc_chain_contains(n->chain, at);
    qc_jw_khash(w, "blockhash", &at->hash);
    if (active) {
        qc_jw_kint(w, "confirmations", (int64_t)qc_chain_tip(n->chain)->height - at->height + 1);
        qc_jw_kuint(w, "time", at->header.time);
        qc_jw_kuint(w, "blocktime", at->header.time);
    } else {
        qc_jw_kint(w, "confirmations", 0);
    }
}

static void put_tx(qc_jw *w, const qc_node *n, const qc_index *at, const qc_block *b,
                   const qc_tx *tx, int32_t verbosity, bool named)
{
    const qn_block_view *v = qc_block_view(b);
    qc_tx_detail detail =
        verbosity >= 2 && (v->flags & QN_VIEW_SPENT) ? QC_TX_PREVOUT : QC_TX_PLAIN;
    qc_jw_obj(w);
    if (named)
        qc_jw_kbool(w, "in_active_chain", qc_chain_contains(n->chain, at));
    qc_m_tx_members(w, n->params, tx, v, detail, true);
    put_place(w, n, at);
    qc_jw_obj_end(w);
}

/* The transaction of block `at`, which the caller has named, or the index. */
static void answer_tx(qc_rpc_req *r, const qc_node *n, const qc_index *at, const qc_hash *txid,
                      int32_t verbosity, bool named)
{
    uint32_t status = atomic_load(&at->status);
    if (!(status & QC_BLOCK_HAVE_DATA)) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Block not available");
        return;
    }
    qc_block *b = qc_m_read_block(r, n, at, verbosity >= 2 && (status & QC_BLOCK_HAVE_UNDO));
    if (!b)
        return;
    qc_tx tx;
    if (!find_tx(b, txid, &tx))
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                    "No such transaction found in the provided block. Use gettransaction for "
                    "wallet transactions.");
    else if (verbosity <= 0)
        qc_jw_hex(qc_rpc_out(r), qc_tx_bytes(&tx));
    else
        put_tx(qc_rpc_out(r), n, at, b, &tx, verbosity, named);
    qc_block_unref(b);
}

/* ---- the mempool ---- */

static void put_pooled(qc_rpc_req *r, const qc_node *n, qc_span raw, uint32_t vsize,
                       int32_t verbosity)
{
    qc_txbuf t;
    qc_jw *w = qc_rpc_out(r);
    if (verbosity <= 0) {
        qc_jw_hex(w, raw);
        return;
    }
    if (qc_tx_parse(raw, true, &t)) {
        qc_m_fail_err(r, QC_ENOMEM, "Cannot read the transaction");
        return;
    }
    qc_jw_obj(w);
    qc_jw_kuint(w, "vsize_adjusted", vsize);
    qc_m_tx_members(w, n->params, &t.tx, NULL, QC_TX_PLAIN, true);
    qc_jw_obj_end(w);
    qc_txbuf_clear(&t);
}

/* True: it is in the mempool, and the request is answered. */
static bool answer_pooled(qc_rpc_req *r, const qc_node *n, const qc_hash *txid, int32_t verbosity)
{
    qc_bytes raw = QC_BYTES_INIT;
    uint32_t vsize = 0;
    qc_err err = qc_m_pooled_tx(n, txid, &raw, &vsize);
    if (err == QC_ENOENT)
        return false;
    if (err)
        qc_m_fail_err(r, err, "Cannot copy the transaction");
    else
        put_pooled(r, n, qc_bytes_span(&raw), vsize, verbosity);
    qc_bytes_free(&raw);
    return true;
}

/* ---- anywhere ---- */

static void answer_anywhere(qc_rpc_req *r, const qc_node *n, const qc_hash *txid, int32_t verbosity)
{
    const qc_index *at = NULL;
    qc_bytes raw;
    bool ready = n->txindex && qc_m_index_ready(n, qc_txindex_keeper(n->txindex));
    if (answer_pooled(r, n, txid, verbosity))
        return;
    qc_err err = n->txindex ? qc_txindex_find(n->txindex, txid, &at, &raw) : QC_ENOENT;
    if (!err) {
        qc_bytes_free(&raw);
        answer_tx(r, n, at, txid, verbosity, false);
        return;
    }
    const char *why =
        !n->txindex ? "No such mempool transaction. Use -txindex or provide a block hash to enable "
                      "blockchain transaction queries"
        : !ready ? "No such mempool transaction. Blockchain transactions are still in the process "
                   "of being indexed"
                 : "No such mempool or blockchain transaction";
    qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "%s. Use gettransaction for wallet transactions.",
                why);
}

static void getrawtransaction(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_hash txid = {{0}}, block_hash = {{0}};
    int32_t verbosity = 0;
    if (!qc_rpc_hash(r, 0, "parameter 1", &txid))
        return;
    if (is_genesis_coinbase(n, &txid)) {
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                    "The genesis block coinbase is not considered an ordinary transaction and "
                    "cannot be retrieved");
        return;
    }
    if (!qc_rpc_verbosity(r, 1, true, &verbosity) || !qc_rpc_hash(r, 2, "parameter 3", &block_hash))
        return;
    if (!qc_rpc_arg(r, 2)) {
        answer_anywhere(r, n, &txid, verbosity);
        return;
    }
    const qc_index *at = qc_chain_find(n->chain, &block_hash);
    if (at)
        answer_tx(r, n, at, &txid, verbosity, true);
    else
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Block hash not found");
}

static void decoderawtransaction(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *hex = "";
    bool witness = false;
    if (!qc_rpc_str(r, 0, &hex) || !qc_rpc_bool(r, 1, &witness))
        return;
    bool given = qc_rpc_arg(r, 1) != NULL;
    qc_txbuf t;
    if (!qc_m_decode_tx(hex, !given || !witness, !given || witness, &t)) {
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "TX decode failed");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_m_tx_members(w, n->params, &t.tx, NULL, QC_TX_PLAIN, false);
    qc_jw_obj_end(w);
    qc_txbuf_clear(&t);
}

static const qc_rpc_param P_GETRAW[] = {
    {"txid", QC_T_HEX, true, .help = "Which transaction"},
    {"verbosity|verbose", QC_T_NUM, .dflt = "0",
     .help = "0: the bytes in hex; 1: decoded; 2: with its fee and the coins it spends",
     .skip_type_check = true},
    {"blockhash", QC_T_HEX,
     .help = "The block it is in. Without it, it must be in the mempool, or -txindex be on"},
    {.names = NULL}};
static const qc_rpc_param P_DECODE[] = {
    {"hexstring", QC_T_HEX, true, .help = "The transaction in hex"},
    {"iswitness", QC_T_BOOL, .dflt = "whichever reads better",
     .help = "Read it with (true) or without (false) witness data only"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_RAWTX[] = {
    {"rawtransactions", "getrawtransaction", "A transaction of the mempool or of a block.",
     P_GETRAW,
     .result = "\"hex\", or { in_active_chain, vsize_adjusted, txid, hash, version, size, vsize, "
               "weight, locktime, vin, "
               "vout,\n  fee, hex, blockhash, confirmations, time, blocktime }",
     .examples = "getrawtransaction \"mytxid\" 1 \"myblockhash\"", .fn = getrawtransaction},
    {"rawtransactions", "decoderawtransaction", "Read a transaction.", P_DECODE,
     .result = "{ txid, hash, version, size, vsize, weight, locktime, vin: [...], vout: [...] }",
     .examples = "decoderawtransaction \"hexstring\"", .fn = decoderawtransaction},
    {.name = NULL}};
