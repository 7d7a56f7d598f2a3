/* Looking at the mempool (Core rpc/mempool.cpp). The chain thread copies what is asked for; the
 * answer is written here. */
#include "core/methods/mempool.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/methods/common.h"
#include "core/methods/poolrows.h"

typedef struct info_job {
    const qc_node *n;
    qc_mempool_info info;
} info_job;

static void run_info(qc_chain *c, void *arg)
{
    info_job *j = arg;
    (void)c;
    qc_mempool_info_of(j->n->pool, &j->info);
}

static qc_feerate larger(qc_feerate a, qc_feerate b)
{
    return qc_feerate_cmp(a, b) < 0 ? b : a;
}

void qc_m_mempool_info(qc_jw *w, const qc_node *n)
{
    info_job j = {.n = n};
    qc_chain_call(j.n->chain_thread, run_info, &j);
    const qc_mempool_options *o = qc_mempool_limits(j.n->pool);
    const qc_policy *p = &o->policy;
    qc_jw_obj(w);
    qc_jw_kbool(w, "loaded", j.info.load_tried);
    qc_jw_kuint(w, "size", j.info.count);
    qc_jw_kuint(w, "bytes", j.info.vbytes);
    qc_jw_kuint(w, "usage", j.info.usage);
    qc_jw_kamount(w, "total_fee", j.info.fees);
    qc_jw_kuint(w, "maxmempool", o->max_bytes);
    qc_jw_kamount(w, "mempoolminfee", qc_feerate_kvb(larger(j.info.min_fee, p->min_relay)));
    qc_jw_kamount(w, "minrelaytxfee", qc_feerate_kvb(p->min_relay));
    qc_jw_kamount(w, "incrementalrelayfee", qc_feerate_kvb(p->incremental));
    qc_jw_kuint(w, "unbroadcastcount", j.info.unbroadcast);
    qc_jw_kbool(w, "permitbaremultisig", p->bare_multisig);
    qc_jw_kuint(w, "maxdatacarriersize", p->datacarrier ? p->datacarrier_size : 0);
    qc_jw_kuint(w, "limitclustercount", o->cluster_count);
    qc_jw_kint(w, "limitclustersize", o->cluster_vbytes);
    qc_jw_kbool(w, "optimal", j.info.optimal);
    if (j.n->deprecated_fullrbf)
        qc_jw_kbool(w, "fullrbf", true);
    qc_jw_obj_end(w);
}

static bool no_memory(qc_rpc_req *r)
{
    return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
}

static void getmempoolinfo(qc_rpc_req *r, void *arg)
{
    if (qc_m_need_pool(r, arg))
        qc_m_mempool_info(qc_rpc_out(r), arg);
}

/* ---- all of it ---- */

typedef struct all_job {
    const qc_node *n;
    bool verbose;
    qc_m_rows rows; /* verbose */
    qc_hash *id;    /* else */
    size_t n_id;
    uint64_t sequence;
    qc_err err;
} all_job;

static void run_all(qc_chain *c, void *arg)
{
    all_job *j = arg;
    qc_mempool_list l;
    (void)c;
    qc_mempool_sorted(j->n->pool, &l);
    j->sequence = qc_mempool_sequence(j->n->pool);
    if (j->verbose) {
        j->err = qc_m_rows_take(j->n, &l, &j->rows);
    } else {
        j->id = qc_try_calloc(l.n + 1, sizeof *j->id);
        j->err = j->id ? QC_OK : QC_ENOMEM;
        for (; !j->err && j->n_id < l.n; j->n_id++)
            j->id[j->n_id] = *qc_entry_txid(l.e[j->n_id]);
    }
    qc_mempool_list_clear(&l);
}

static void put_ids(qc_jw *w, const qc_hash *id, size_t n)
{
    qc_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        qc_jw_hash(w, &id[i]);
    qc_jw_arr_end(w);
}

static void put_all(qc_jw *w, const all_job *j, bool sequence)
{
    if (j->verbose) {
        qc_m_rows_put(w, j->n, &j->rows);
    } else if (!sequence) {
        put_ids(w, j->id, j->n_id);
    } else {
        qc_jw_obj(w);
        qc_jw_key(w, "txids");
        put_ids(w, j->id, j->n_id);
        qc_jw_kuint(w, "mempool_sequence", j->sequence);
        qc_jw_obj_end(w);
    }
}

qc_err qc_m_mempool_contents(qc_jw *w, const qc_node *n, bool verbose, bool sequence)
{
    all_job j = {.n = n, .verbose = verbose};
    qc_chain_call(n->chain_thread, run_all, &j);
    if (!j.err)
        put_all(w, &j, sequence);
    qc_m_rows_release(n, &j.rows);
    qc_free(j.id);
    return j.err;
}

static void getrawmempool(qc_rpc_req *r, void *arg)
{
    bool verbose = false, sequence = false;
    if (!qc_rpc_bool(r, 0, &verbose) || !qc_rpc_bool(r, 1, &sequence) || !qc_m_need_pool(r, arg))
        return;
    if (verbose && sequence) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Verbose results cannot contain mempool sequence values.");
        return;
    }
    if (qc_m_mempool_contents(qc_rpc_out(r), arg, verbose, sequence))
        no_memory(r);
}

typedef struct diagram_job {
    const qc_node *n;
    qc_mempool_point *point;
    size_t count;
} diagram_job;

static void run_diagram(qc_chain *c, void *arg)
{
    diagram_job *j = arg;
    (void)c;
    j->count = qc_mempool_diagram(j->n->pool, &j->point);
}

static void getmempoolfeeratediagram(qc_rpc_req *r, void *arg)
{
    diagram_job j = {.n = arg};
    if (!qc_m_need_pool(r, j.n))
        return;
    qc_chain_call(j.n->chain_thread, run_diagram, &j);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < j.count; i++) {
        qc_jw_obj(w);
        qc_jw_kint(w, "weight", j.point[i].weight);
        qc_jw_kamount(w, "fee", j.point[i].fee);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
    qc_free(j.point);
}

/* ---- an entry and its relatives ---- */

typedef struct kin_job {
    const qc_node *n;
    qc_hash txid;
    void (*relatives)(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out);
    bool sorted; /* by txid */
    bool found;
    qc_m_rows rows;
    qc_err err;
} kin_job;

static void run_kin(qc_chain *c, void *arg)
{
    kin_job *j = arg;
    (void)c;
    const qc_mempool_entry *e = qc_mempool_find(j->n->pool, &j->txid);
    qc_mempool_list l = {&e, 1};
    if (!e)
        return;
    j->found = true;
    if (j->relatives) {
        j->relatives(j->n->pool, e, &l);
        if (j->sorted)
            qc_mempool_list_sort(&l);
    }
    j->err = qc_m_rows_take(j->n, &l, &j->rows);
    if (j->relatives)
        qc_mempool_list_clear(&l);
}

/* False: the request has failed. */
static bool find_kin(qc_rpc_req *r, kin_job *j)
{
    if (!qc_rpc_hash(r, 0, "txid", &j->txid) || !qc_m_need_pool(r, j->n))
        return false;
    qc_chain_call(j->n->chain_thread, run_kin, j);
    if (!j->found)
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Transaction not in mempool");
    if (!j->err)
        return true;
    qc_m_rows_release(j->n, &j->rows);
    return no_memory(r);
}

static void getmempoolentry(qc_rpc_req *r, void *arg)
{
    kin_job j = {.n = arg};
    if (!find_kin(r, &j))
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_m_row_members(w, j.n, &j.rows, 0);
    qc_jw_obj_end(w);
    qc_m_rows_release(j.n, &j.rows);
}

static void answer_kin(qc_rpc_req *r, kin_job *j)
{
    bool verbose = false;
    if (!qc_rpc_bool(r, 1, &verbose) || !find_kin(r, j))
        return;
    qc_jw *w = qc_rpc_out(r);
    if (verbose) {
        qc_m_rows_put(w, j->n, &j->rows);
    } else {
        qc_jw_arr(w);
        for (size_t i = 0; i < j->rows.n; i++)
            qc_jw_hash(w, qc_entry_txid(j->rows.row[i].e));
        qc_jw_arr_end(w);
    }
    qc_m_rows_release(j->n, &j->rows);
}

static void getmempoolancestors(qc_rpc_req *r, void *arg)
{
    kin_job j = {.n = arg, .relatives = qc_mempool_ancestors, .sorted = true};
    answer_kin(r, &j);
}

static void getmempooldescendants(qc_rpc_req *r, void *arg)
{
    kin_job j = {.n = arg, .relatives = qc_mempool_descendants, .sorted = true};
    answer_kin(r, &j);
}

/* One chunk from row `i` on. Returns the row after it. */
static size_t put_chunk(qc_jw *w, const qc_m_rows *rows, size_t i)
{
    const qc_m_row *first = &rows->row[i];
    int64_t left = first->f.chunk_weight;
    qc_jw_obj(w);
    qc_jw_kamount(w, "chunkfee", first->f.chunk_fee);
    qc_jw_kint(w, "chunkweight", first->f.chunk_weight);
    qc_jw_karr(w, "txs");
    do {
        qc_jw_hash(w, qc_entry_txid(rows->row[i].e));
        left -= rows->row[i++].e->adjusted_weight;
    } while (left > 0 && i < rows->n);
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
    return i;
}

static void getmempoolcluster(qc_rpc_req *r, void *arg)
{
    kin_job j = {.n = arg, .relatives = qc_mempool_cluster};
    int64_t weight = 0;
    if (!find_kin(r, &j))
        return;
    for (size_t i = 0; i < j.rows.n; i++)
        weight += j.rows.row[i].e->adjusted_weight;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kint(w, "clusterweight", weight);
    qc_jw_kuint(w, "txcount", j.rows.n);
    qc_jw_karr(w, "chunks");
    for (size_t i = 0; i < j.rows.n;)
        i = put_chunk(w, &j.rows, i);
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
    qc_m_rows_release(j.n, &j.rows);
}

#define ENTRY                                                                                      \
    "{ vsize_adjusted, vsize, vsize_bip141, weight, time, height, descendantcount,\n"              \
    "  descendantsize, ancestorcount, ancestorsize, wtxid, chunkweight,\n"                         \
    "  fees: { base, modified, ancestor, descendant, chunk }, depends: [...], spentby: [...],\n"   \
    "  unbroadcast }"

static const qc_rpc_param P_RAW[] = {
    {"verbose", QC_T_BOOL, .dflt = "false", .help = "An object with details instead of a list"},
    {"mempool_sequence", QC_T_BOOL, .dflt = "false",
     .help = "Add the sequence number; not with verbose"},
    {.names = NULL}};
static const qc_rpc_param P_TXID[] = {
    {"txid", QC_T_HEX, true, .help = "A transaction of the mempool"}, {.names = NULL}};
static const qc_rpc_param P_KIN[] = {
    {"txid", QC_T_HEX, true, .help = "A transaction of the mempool"},
    {"verbose", QC_T_BOOL, .dflt = "false", .help = "An object with details instead of a list"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_MEMPOOL[] = {
    {"blockchain", "getmempoolinfo", "Size and limits of the mempool.",
     .result =
         "{ loaded, size, bytes, usage, total_fee, maxmempool, mempoolminfee, minrelaytxfee,\n"
         "  incrementalrelayfee, unbroadcastcount, permitbaremultisig, maxdatacarriersize,\n"
         "  limitclustercount, limitclustersize, optimal }",
     .examples = "getmempoolinfo", .fn = getmempoolinfo},
    {"blockchain", "getrawmempool", "The transactions of the mempool, in mining order.", P_RAW,
     .result = "[ \"txid\", ... ], or { txids: [...], mempool_sequence }, or { txid: as in "
               "getmempoolentry, ... }",
     .examples = "getrawmempool true", .fn = getrawmempool},
    {"blockchain", "getmempoolentry", "What is known of a transaction of the mempool.", P_TXID,
     .result = ENTRY, .examples = "getmempoolentry \"mytxid\"", .fn = getmempoolentry},
    {"blockchain", "getmempoolancestors",
     "Unconfirmed transactions that a transaction of the mempool needs.", P_KIN,
     .result = "[ \"txid\", ... ], or { txid: as in getmempoolentry, ... }",
     .examples = "getmempoolancestors \"mytxid\"", .fn = getmempoolancestors},
    {"blockchain", "getmempooldescendants", "Transactions that need a transaction of the mempool.",
     P_KIN, .result = "[ \"txid\", ... ], or { txid: as in getmempoolentry, ... }",
     .examples = "getmempooldescendants \"mytxid\"", .fn = getmempooldescendants},
    {"blockchain", "getmempoolcluster",
     "All transactions that are connected with one of the mempool, in mining order.", P_TXID,
     .result = "{ clusterweight, txcount, chunks: [ { chunkfee, chunkweight, txs: [...] }, ... ] }",
     .examples = "getmempoolcluster \"mytxid\"", .fn = getmempoolcluster},
    {"hidden", "getmempoolfeeratediagram",
     "Fees against weight of the whole mempool, chunk by chunk, as sums.",
     .result = "[ { weight, fee }, ... ]", .examples = "getmempoolfeeratediagram",
     .fn = getmempoolfeeratediagram},
    {.name = NULL}};
