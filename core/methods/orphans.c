/* Transactions that wait for their parents (Core rpc/mempool.cpp getorphantxs). */
#include "core/base/alloc.h"
#include "core/mempool/policy.h"
#include "core/methods/common.h"
#include "core/sync/txrelay.h"

typedef struct orphan_job {
    const qc_node *n;
    qc_jw *w;
    int32_t verbosity;
} orphan_job;

static void put_orphan(void *arg, const qc_orphan *x, const qc_peer_id *peers, size_t n)
{
    const orphan_job *j = arg;
    const qc_tx *tx = &x->buf.tx;
    int64_t vsize = qc_vsize(tx->rec->weight);
    if (j->verbosity == 0) {
        qc_jw_hash(j->w, (const qc_hash *)tx->rec->txid);
        return;
    }
    qc_jw_obj(j->w);
    qc_jw_khash(j->w, "txid", (const qc_hash *)tx->rec->txid);
    qc_jw_khash(j->w, "wtxid", qc_orphan_wtxid(x));
    qc_jw_kuint(j->w, "bytes", tx->rec->len);
    qc_jw_kint(j->w, "vsize", vsize);
    qc_jw_kint(j->w, "vsize_bip141", vsize);
    qc_jw_kuint(j->w, "weight", tx->rec->weight);
    qc_jw_karr(j->w, "from");
    for (size_t i = 0; i < n; i++)
        qc_jw_int(j->w, (int64_t)peers[i]);
    qc_jw_arr_end(j->w);
    if (j->verbosity == 2)
        qc_jw_khex(j->w, "hex", qc_tx_bytes(tx));
    qc_jw_obj_end(j->w);
}

static void run_orphans(qc_chain *c, void *arg)
{
    orphan_job *j = arg;
    (void)c;
    qc_orphanage_each(qc_txrelay_orphans(j->n->relay), put_orphan, j);
}

static void getorphantxs(qc_rpc_req *r, void *arg)
{
    orphan_job j = {arg, qc_rpc_out(r), 0};
    if (!qc_m_need_net(r, j.n) || !qc_rpc_verbosity(r, 0, false, &j.verbosity))
        return;
    if (j.verbosity < 0 || j.verbosity > 2) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid verbosity value %d", j.verbosity);
        return;
    }
    qc_jw_arr(j.w);
    if (j.n->relay)
        qc_chain_call(j.n->chain_thread, run_orphans, &j);
    qc_jw_arr_end(j.w);
}

static const qc_rpc_param P_ORPHANS[] = {
    {"verbosity", QC_T_NUM, .dflt = "0",
     .help = "0: ids; 1: what is known of them; 2: the transactions too", .skip_type_check = true},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_ORPHANS[] = {
    {"hidden", "getorphantxs", "Transactions that wait for their parents.", P_ORPHANS,
     .result = "[ \"txid\", ... ], or [ { txid, wtxid, bytes, vsize, vsize_bip141, weight,\n"
               "  from: [...], hex }, ... ]",
     .examples = "getorphantxs 2", .fn = getorphantxs},
    {.name = NULL}};
