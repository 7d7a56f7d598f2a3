/* getprivatebroadcastinfo, abortprivatebroadcast (Core rpc/mempool.cpp): what -privatebroadcast has
 * still to send. */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/net/peerbook.h"
#include "core/sync/private.h"

#define INFO_BYTES 100000u /* that are shown while the chain waits */
#define INFO_SEND 64u      /* what a peer counts for */

bool qc_m_private_may(qc_rpc_req *r, const qc_node *n)
{
    const unsigned hidden = 1u << QC_NETWORK_ONION | 1u << QC_NETWORK_I2P;
    if (!n->priv || (n->book && (qc_local_reachable(n->book->local) & hidden)))
        return true;
    return qc_rpc_fail(
        r, QC_RPC_MISC_ERROR,
        "-privatebroadcast is enabled, but none of the Tor or I2P networks is "
        "reachable. Maybe the location of the Tor proxy couldn't be retrieved from "
        "the Tor daemon at startup. Check whether the Tor daemon is running and that "
        "-torcontrol, -torpassword and -i2psam are configured properly.");
}

static bool need_private(qc_rpc_req *r, const qc_node *n)
{
    return n->priv || qc_rpc_fail(r, QC_RPC_METHOD_NOT_FOUND,
                                  "Private broadcast is not enabled. Ensure you're running Bitcoin "
                                  "Core with -privatebroadcast=1.");
}

static void put_tx(qc_jw *w, const qc_tx *tx)
{
    qc_jw_khash(w, "txid", (const qc_hash *)tx->rec->txid);
    qc_jw_khash(w, "wtxid", (const qc_hash *)tx->rec->wtxid);
    qc_jw_khex(w, "hex", qc_tx_bytes(tx));
}

/* Returns: about how many bytes that was. */
static size_t put_info(qc_jw *w, const qc_privq_info *info)
{
    size_t size = qc_tx_bytes(info->tx).len;
    qc_jw_obj(w);
    put_tx(w, info->tx);
    qc_jw_kint(w, "time_added", info->added / 1000000);
    qc_jw_kuint(w, "attempts_remaining", info->sends_left);
    qc_jw_karr(w, "peers");
    for (const qc_privq_send *s = info->first; s; s = s->next, size += INFO_SEND) {
        qc_jw_obj(w);
        qc_jw_kstr(w, "address", s->at);
        qc_jw_kint(w, "sent", s->sent / 1000000);
        if (s->received)
            qc_jw_kint(w, "received", s->received / 1000000);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
    return size;
}

typedef struct job {
    qc_rpc_req *r;
    const qc_node *n;
    qc_hash id;

    qc_hash *wtxid; /* owned; of all there are, of which the first `at` have been shown */
    size_t n_txs, cap, at;
    bool failed;
} job;

static void note_name(void *arg, const qc_privq_info *info)
{
    job *j = arg;
    if (j->n_txs == j->cap) {
        size_t cap = 2 * j->cap + 64;
        qc_hash *more = qc_try_realloc(j->wtxid, cap * sizeof *more);
        j->failed |= !more;
        if (!more)
            return;
        j->wtxid = more;
        j->cap = cap;
    }
    memcpy(j->wtxid[j->n_txs++].b, info->tx->rec->wtxid, sizeof j->wtxid->b);
}

static void run_names(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    qc_privq_each(qc_private_queue(j->n->priv), 0, note_name, j);
}

/* A few more of them; those that have come back in the meantime are left out. */
static void run_info(qc_chain *c, void *arg)
{
    job *j = arg;
    int64_t now = qc_clock_now_us();
    size_t size = 0;
    qc_privq_info info;
    (void)c;
    while (j->at < j->n_txs && size < INFO_BYTES)
        if (qc_privq_get(qc_private_queue(j->n->priv), &j->wtxid[j->at++], now, &info))
            size += put_info(qc_rpc_out(j->r), &info);
}

static void put_all(job *j)
{
    qc_jw *w = qc_rpc_out(j->r);
    qc_jw_obj(w);
    qc_jw_karr(w, "transactions");
    while (j->at < j->n_txs)
        qc_chain_call(j->n->chain_thread, run_info, j);
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
}

static void getprivatebroadcastinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    job j = {.r = r, .n = n};
    if (!need_private(r, n))
        return;
    qc_chain_call(n->chain_thread, run_names, &j);
    if (j.failed)
        qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    else
        put_all(&j);
    qc_free(j.wtxid);
}

static void put_gone(void *arg, const qc_tx *tx)
{
    qc_jw *w = arg;
    qc_jw_obj(w);
    put_tx(w, tx);
    qc_jw_obj_end(w);
}

typedef struct search {
    const qc_hash *id;
    bool found;
} search;

static void compare(void *arg, const qc_privq_info *info)
{
    search *s = arg;
    s->found |= memcmp(info->tx->rec->txid, s->id->b, 32) == 0 ||
                memcmp(info->tx->rec->wtxid, s->id->b, 32) == 0;
}

static bool is_there(const qc_privq *q, const qc_hash *id)
{
    search s = {id, false};
    qc_privq_each(q, 0, compare, &s);
    return s.found;
}

static void run_abort(qc_chain *c, void *arg)
{
    const job *j = arg;
    (void)c;
    if (!is_there(qc_private_queue(j->n->priv), &j->id)) {
        qc_rpc_fail(j->r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                    "Transaction not in private broadcast queue. Check getprivatebroadcastinfo.");
        return;
    }
    qc_jw *w = qc_rpc_out(j->r);
    qc_jw_obj(w);
    qc_jw_karr(w, "removed_transactions");
    size_t n = qc_private_abort(j->n->priv, &j->id, put_gone, w);
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
    if (n == 0)
        qc_rpc_fail(j->r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
}

static void abortprivatebroadcast(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    job j = {.r = r, .n = n};
    if (need_private(r, n) && qc_rpc_hash(r, 0, "id", &j.id))
        qc_chain_call(n->chain_thread, run_abort, &j);
}

static const qc_rpc_param P_ABORT[] = {
    {"id", QC_T_HEX, true, .help = "txid or wtxid; all transactions with it are meant"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_PRIVATE[] = {
    {"rawtransactions", "getprivatebroadcastinfo",
     "Transactions that -privatebroadcast sends, and to whom each has gone.", NULL,
     .result = "{ transactions: [ { txid, wtxid, hex, time_added, attempts_remaining,\n"
               "    peers: [ { address, sent, received }, ... ] }, ... ] }",
     .examples = "getprivatebroadcastinfo", .fn = getprivatebroadcastinfo},
    {"rawtransactions", "abortprivatebroadcast",
     "Stop sending a transaction in private. Who has got it may still tell others.", P_ABORT,
     .result = "{ removed_transactions: [ { txid, wtxid, hex }, ... ] }",
     .examples = "abortprivatebroadcast \"txid\"", .fn = abortprivatebroadcast},
    {.name = NULL}};
