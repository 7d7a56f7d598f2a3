/* The operator's say about the mempool (Core rpc/mempool.cpp, rpc/mining.cpp). */
#include "core/base/alloc.h"
#include "core/mempool/persist.h"
#include "core/methods/common.h"
#include "core/os/file.h"

#define IMPORT_STEP 100u /* transactions between two looks at what else waits */

/* ---- priorities ---- */

typedef struct prioritise_job {
    const qc_node *n;
    qc_hash txid;
    int64_t delta;
    bool dusty;
} prioritise_job;

static void run_prioritise(qc_chain *c, void *arg)
{
    prioritise_job *j = arg;
    (void)c;
    const qc_policy *p = qc_mempool_policy(j->n->pool);
    const qc_mempool_entry *e = qc_mempool_find(j->n->pool, &j->txid);
    /* Such a transaction pays nothing, so that nobody mines it without its child. */
    j->dusty = p->require_standard && e && qc_tx_dust(&e->tx, p->dust, NULL) > 0;
    if (j->dusty)
        return;
    qc_mempool_prioritise(j->n->pool, &j->txid, j->delta);
    if (j->n->miner)
        qc_miner_reprioritised(j->n->miner);
}

static void prioritisetransaction(qc_rpc_req *r, void *arg)
{
    prioritise_job j = {.n = arg};
    double dummy = 0;
    if (!qc_rpc_hash(r, 0, "txid", &j.txid) || !qc_rpc_double(r, 1, &dummy) ||
        !qc_rpc_i64(r, 2, &j.delta))
        return;
    if (dummy < 0 || dummy > 0) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Priority is no longer supported, dummy argument to prioritisetransaction "
                    "must be 0.");
        return;
    }
    if (!qc_m_need_pool(r, j.n))
        return;
    qc_chain_call(j.n->chain_thread, run_prioritise, &j);
    if (j.dusty)
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Priority is not supported for transactions with dust outputs.");
    else
        qc_jw_bool(qc_rpc_out(r), true);
}

typedef struct deltas_job {
    const qc_node *n;
    qc_jw *w;
} deltas_job;

static void run_deltas(qc_chain *c, void *arg)
{
    const deltas_job *j = arg;
    qc_mempool_delta_rec *d;
    char hex[QC_HASH_HEX_LEN + 1];
    (void)c;
    size_t count = qc_mempool_deltas(j->n->pool, &d);
    for (size_t i = 0; i < count; i++) {
        const qc_mempool_entry *e = qc_mempool_find(j->n->pool, &d[i].txid);
        qc_hash_hex(&d[i].txid, hex);
        qc_jw_kobj(j->w, hex);
        qc_jw_kint(j->w, "fee_delta", d[i].delta);
        qc_jw_kbool(j->w, "in_mempool", e != NULL);
        if (e)
            qc_jw_kint(j->w, "modified_fee", e->modified_fee);
        qc_jw_obj_end(j->w);
    }
    qc_free(d);
}

static void getprioritisedtransactions(qc_rpc_req *r, void *arg)
{
    deltas_job j = {arg, qc_rpc_out(r)};
    if (!qc_m_need_pool(r, j.n))
        return;
    qc_jw_obj(j.w);
    qc_chain_call(j.n->chain_thread, run_deltas, &j);
    qc_jw_obj_end(j.w);
}

/* ---- files ---- */

typedef struct save_job {
    const qc_node *n;
    bool loaded;
    qc_mempool_dump dump;
    qc_err err;
} save_job;

/* Only the copy is the chain thread's: the disk may be slow. */
static void run_save(qc_chain *c, void *arg)
{
    save_job *j = arg;
    qc_mempool_info info;
    (void)c;
    qc_mempool_info_of(j->n->pool, &info);
    j->loaded = info.load_tried;
    if (j->loaded)
        j->err = qc_mempool_dump_take(j->n->pool, &j->dump);
}

/* One writer at a time. */
static qc_err write_dump(const qc_mempool_dump *d, const char *path, bool v1)
{
    static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&writing);
    qc_err err = qc_mempool_dump_write(d, path, v1, NULL);
    pthread_mutex_unlock(&writing);
    return err;
}

static void savemempool(qc_rpc_req *r, void *arg)
{
    save_job j = {.n = arg};
    if (!qc_m_need_pool(r, j.n))
        return;
    char *path = qc_asprintf("%s/mempool.dat", j.n->datadir);
    qc_chain_call(j.n->chain_thread, run_save, &j);
    if (j.loaded && !j.err)
        j.err = write_dump(&j.dump, path, j.n->persist_v1);
    qc_mempool_dump_clear(&j.dump);
    if (!j.loaded) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "The mempool was not loaded yet");
    } else if (j.err) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Unable to dump mempool to disk");
    } else {
        qc_jw *w = qc_rpc_out(r);
        qc_jw_obj(w);
        qc_jw_kstr(w, "filename", path);
        qc_jw_obj_end(w);
    }
    qc_free(path);
}

typedef struct import_job {
    qc_mempool_loader *loader;
    bool done;
    qc_err err;
} import_job;

static void run_import(qc_chain *c, void *arg)
{
    import_job *j = arg;
    (void)c;
    j->err = qc_mempool_load_step(j->loader, IMPORT_STEP, &j->done);
}

/* The file is read here; the chain thread takes its transactions a few at a time. Returns: as the
 * loader; QC_ECANCELED: the node stops. */
static qc_err import_file(const qc_node *n, const char *path, const qc_mempool_load_opts *o)
{
    import_job j = {.done = false};
    j.err = qc_mempool_load_start(&j.loader, n->pool, path, o);
    while (!j.done && !j.err) {
        if (atomic_load(&n->stopping))
            j.err = QC_ECANCELED;
        else
            qc_chain_call(n->chain_thread, run_import, &j);
    }
    if (j.err != QC_ECANCELED)
        qc_mempool_load_log(j.loader, j.err);
    qc_mempool_load_end(j.loader);
    return j.err;
}

/* A boolean member of the options object; untouched when it is not there. */
static bool flag(qc_rpc_req *r, const char *name, bool *out)
{
    const json_t *v = json_object_get(qc_rpc_arg(r, 1), name);
    return !v || json_is_null(v) || qc_rpc_v_bool(r, v, out);
}

static void importmempool(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *path;
    bool now = true, deltas = false, unbroadcast = false;
    if (!qc_m_need_pool(r, n))
        return;
    if (qc_chain_initial_download(n->chain)) {
        qc_rpc_fail(r, QC_RPC_CLIENT_IN_INITIAL_DOWNLOAD,
                    "Can only import the mempool after the block download and sync is done.");
        return;
    }
    if (!qc_rpc_str(r, 0, &path) || !flag(r, "use_current_time", &now) ||
        !flag(r, "apply_fee_delta_priority", &deltas) ||
        !flag(r, "apply_unbroadcast_set", &unbroadcast))
        return;
    const qc_mempool_load_opts o = {now, !deltas, !unbroadcast};
    qc_err err = import_file(n, path, &o);
    if (err == QC_ECANCELED) {
        qc_rpc_fail(r, QC_RPC_CLIENT_NOT_CONNECTED, "Shutting down");
        return;
    }
    if (err) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR,
                    "Unable to import mempool file, see debug log for details.");
        return;
    }
    qc_jw_obj(qc_rpc_out(r));
    qc_jw_obj_end(qc_rpc_out(r));
}

static const qc_rpc_param P_PRIORITISE[] = {
    {"txid", QC_T_HEX, true, .help = "A transaction, in the mempool or not"},
    {"dummy", QC_T_NUM, .help = "0 or null: something else once stood here"},
    {"fee_delta", QC_T_NUM, true,
     .help = "Satoshis to add to what it pays, or to take away, when blocks are filled and when "
             "room is short; nobody pays them"},
    {.names = NULL}};
static const qc_rpc_param P_IMPORT_OPTIONS[] = {
    {"use_current_time", QC_T_BOOL, .dflt = "true",
     .help = "They come now, not when the file says"},
    {"apply_fee_delta_priority", QC_T_BOOL, .dflt = "false",
     .help = "Add the file's fee deltas to those that are known"},
    {"apply_unbroadcast_set", QC_T_BOOL, .dflt = "false",
     .help = "Believe the file which ones are our own and not sent out"},
    {.names = NULL}};
static const qc_rpc_param P_IMPORT[] = {
    {"filepath", QC_T_STR, true, .help = "A mempool.dat of this program or of Bitcoin Core"},
    {"options", QC_T_OBJ_NAMED, .help = "What to believe of it", .inner = P_IMPORT_OPTIONS},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_POOLCTL[] = {
    {"mining", "prioritisetransaction", "Reckon with another fee than a transaction really pays.",
     P_PRIORITISE, .result = "true", .examples = "prioritisetransaction \"txid\" 0.0 10000",
     .fn = prioritisetransaction},
    {"mining", "getprioritisedtransactions", "What prioritisetransaction has been told.",
     .result = "{ txid: { fee_delta, in_mempool, modified_fee }, ... }",
     .examples = "getprioritisedtransactions", .fn = getprioritisedtransactions},
    {"blockchain", "savemempool", "Write the mempool to its file.", .result = "{ filename }",
     .examples = "savemempool", .fn = savemempool},
    {"blockchain", "importmempool",
     "Offer the transactions of a mempool.dat to the mempool. Do not import files of strangers.",
     P_IMPORT, .result = "{}", .examples = "importmempool /path/to/mempool.dat",
     .fn = importmempool},
    {.name = NULL}};
