/* Mempool methods. This version has no mempool yet: the answers are the truthful ones of an empty
 * pool (nothing is ever accepted into it), so that tools which only look at it work. */
#include "core/methods/common.h"

static void getmempoolinfo(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kbool(w, "loaded", atomic_load(&n->loaded));
    qc_jw_kint(w, "size", 0);
    qc_jw_kint(w, "bytes", 0);
    qc_jw_kint(w, "usage", 0);
    qc_jw_kamount(w, "total_fee", 0);
    qc_jw_kint(w, "maxmempool", 300000000);
    qc_jw_kamount(w, "mempoolminfee", 100);
    qc_jw_kamount(w, "minrelaytxfee", 100);
    qc_jw_kamount(w, "incrementalrelayfee", 100);
    qc_jw_kint(w, "unbroadcastcount", 0);
    qc_jw_kbool(w, "permitbaremultisig", true);
    qc_jw_kint(w, "maxdatacarriersize", 100000);
    qc_jw_kint(w, "limitclustercount", 64);
    qc_jw_kint(w, "limitclustersize", 101000);
    qc_jw_kbool(w, "optimal", true);
    qc_jw_obj_end(w);
}

static void getrawmempool(qc_rpc_req *r, void *arg)
{
    (void)arg;
    bool verbose = false, sequence = false;
    if (!qc_rpc_bool(r, 0, &verbose) || !qc_rpc_bool(r, 1, &sequence))
        return;
    if (verbose && sequence) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Verbose results cannot contain mempool sequence values.");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    if (verbose || sequence)
        qc_jw_obj(w);
    if (sequence)
        qc_jw_key(w, "txids");
    if (!verbose) {
        qc_jw_arr(w);
        qc_jw_arr_end(w);
    }
    if (sequence)
        qc_jw_kint(w, "mempool_sequence", 1);
    if (verbose || sequence)
        qc_jw_obj_end(w);
}

static const qc_rpc_param P_RAW[] = {
    {"verbose", QC_T_BOOL, .dflt = "false", .help = "An object with details instead of a list"},
    {"mempool_sequence", QC_T_BOOL, .dflt = "false",
     .help = "Add the sequence number; not with verbose"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_MEMPOOL[] = {
    {"blockchain", "getmempoolinfo",
     "Size and limits of the mempool, which is empty in this version.",
     .result =
         "{ loaded, size, bytes, usage, total_fee, maxmempool, mempoolminfee, minrelaytxfee,\n"
         "  incrementalrelayfee, unbroadcastcount, permitbaremultisig, maxdatacarriersize,\n"
         "  limitclustercount, limitclustersize, optimal }",
     .examples = "getmempoolinfo", .fn = getmempoolinfo},
    {"blockchain", "getrawmempool", "Ids of the transactions in the mempool.", P_RAW,
     .result = "[ \"txid\", ... ]", .examples = "getrawmempool true", .fn = getrawmempool},
    {.name = NULL}};
