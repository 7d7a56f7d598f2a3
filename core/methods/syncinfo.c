/* getsyncinfo: how far the node has come, how fast it goes, how long it will take. Bitcoin Core has
 * no method for that. */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/peers.h"

static void getsyncinfo(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    qc_m_totals t;
    qc_rate_view v = {.left = -1};
    const qc_index *tip = qc_chain_tip(n->chain);
    qc_err err = qc_m_peer_totals(n, &t);
    if (err) {
        qc_m_fail_err(r, err, "Cannot list the peers");
        return;
    }
    bool known = qc_rate_get(&n->rate, &v), loaded = atomic_load(&n->loaded);
    bool initial = qc_chain_initial_download(n->chain);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kstr(w, "phase", !loaded ? "loading" : initial ? "syncing" : "synced");
    qc_jw_kuint(w, "blocks", tip->height);
    qc_jw_kuint(w, "headers", qc_chain_best_header(n->chain)->height);
    qc_jw_kuint(w, "time", tip->header.time);
    qc_jw_kdouble(w, "verificationprogress", qc_chain_progress(n->chain, tip));
    qc_jw_kbool(w, "initialblockdownload", initial);
    if (known) {
        qc_jw_kdouble(w, "blocks_per_second", v.blocks);
        qc_jw_kdouble(w, "bytes_per_second", v.bytes);
    }
    if (initial && v.left >= 0)
        qc_jw_kint(w, "seconds_left", (int64_t)v.left);
    qc_jw_kuint(w, "connections", t.in + t.out);
    qc_jw_obj_end(w);
}

const qc_rpc_method QC_METHODS_SYNCINFO[] = {
    {"blockchain", "getsyncinfo",
     "How far the node has come, how fast it goes, and how long the rest will take.",
     .result =
         "{ phase, blocks, headers, time, verificationprogress, initialblockdownload,\n"
         "  blocks_per_second, bytes_per_second, seconds_left, connections }\n"
         "phase: loading (import, reindex), syncing or synced. Rates are of the last minutes;\n"
         "bytes are those that peers sent. Rates and seconds_left are absent while they are\n"
         "not known.",
     .examples = "getsyncinfo", .fn = getsyncinfo},
    {.name = NULL}};
