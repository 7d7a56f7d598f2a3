/* gettxspendingprevout (Core rpc/mempool.cpp): who spends an output, in the mempool first, then in
 * the chain by -txospenderindex. */
#include "core/base/alloc.h"
#include "core/methods/common.h"

typedef struct asked {
    qc_outpoint o;
    bool found;
    qc_hash txid, block;
    bool confirmed;
    qc_bytes raw;
} asked;

typedef struct job {
    const qc_node *n;
    asked *item;
    size_t count;
    bool with_tx;
    qc_err err;
} job;

static void run_pool(qc_chain *c, void *arg)
{
    job *j = arg;
    const qc_pool_view *pool = j->n->pool_view;
    (void)c;
    for (size_t i = 0; i < j->count && !j->err; i++) {
        asked *a = &j->item[i];
        qc_span raw;
        a->found = pool->spender(pool->arg, &a->o, &a->txid, &raw);
        if (a->found && j->with_tx)
            j->err = qc_bytes_append(&a->raw, raw.data, raw.len);
    }
}

static bool fail_field(qc_rpc_req *r, const json_t *v, const char *key, const char *want)
{
    return qc_rpc_fail(r, QC_RPC_TYPE_ERROR,
                       "JSON value of type %s for field %s is not of expected type %s",
                       qc_rpc_type_name(v), key, want);
}

static bool known_keys(qc_rpc_req *r, const json_t *o, const char *a, const char *b)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        if (strcmp(key, a) != 0 && strcmp(key, b) != 0)
            return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Unexpected key %s", key);
    }
    return true;
}

static bool read_output(qc_rpc_req *r, const json_t *o, qc_outpoint *out)
{
    int32_t n = 0;
    if (!qc_rpc_v_type(r, o, JSON_OBJECT))
        return false;
    const json_t *txid = json_object_get(o, "txid"), *vout = json_object_get(o, "vout");
    if (!txid || json_is_null(txid))
        return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Missing txid");
    if (!json_is_string(txid))
        return fail_field(r, txid, "txid", "string");
    if (!vout || json_is_null(vout))
        return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Missing vout");
    if (!json_is_number(vout))
        return fail_field(r, vout, "vout", "number");
    if (!known_keys(r, o, "txid", "vout") || !qc_rpc_v_hash(r, txid, "txid", &out->txid) ||
        !qc_rpc_v_i32(r, vout, &n))
        return false;
    out->n = (uint32_t)n;
    return n >= 0 ||
           qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, vout cannot be negative");
}

static bool read_flag(qc_rpc_req *r, const json_t *options, const char *key, bool *out)
{
    const json_t *v = json_object_get(options, key);
    if (!v || json_is_null(v))
        return true;
    if (!json_is_boolean(v))
        return fail_field(r, v, key, "bool");
    *out = json_is_true(v);
    return true;
}

static bool read_outputs(qc_rpc_req *r, const json_t *list, job *j)
{
    size_t n = json_array_size(list);
    if (n == 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, outputs are missing");
    j->item = qc_try_calloc(n, sizeof *j->item);
    if (!j->item)
        return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    for (; j->count < n; j->count++)
        if (!read_output(r, json_array_get(list, j->count), &j->item[j->count].o))
            return false;
    return true;
}

static bool look_in_chain(qc_rpc_req *r, const qc_node *n, asked *a)
{
    qc_txbuf t;
    qc_err err = qc_spenders_find(n->spenders, &a->o, &a->raw, &a->block);
    if (err == QC_ENOENT)
        return true;
    if (!err && qc_tx_parse(qc_bytes_span(&a->raw), true, &t))
        err = QC_ENOMEM;
    if (err) {
        char hex[QC_HASH_HEX_LEN + 1];
        qc_hash_hex(&a->o.txid, hex);
        return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "IO error finding spending tx for outpoint %s:%u.",
                           hex, a->o.n);
    }
    memcpy(a->txid.b, t.tx.rec->txid, sizeof a->txid.b);
    qc_txbuf_clear(&t);
    a->found = a->confirmed = true;
    return true;
}

static bool look(qc_rpc_req *r, job *j, bool mempool_only)
{
    const qc_node *n = j->n;
    bool ready = false;
    if (n->pool_view)
        qc_chain_call(n->chain_thread, run_pool, j);
    if (j->err)
        return qc_m_fail_err(r, j->err, "Cannot copy the transactions");
    for (size_t i = 0; i < j->count && !mempool_only; i++) {
        if (j->item[i].found)
            continue;
        ready = ready || (n->spenders && qc_m_index_ready(n, qc_spenders_keeper(n->spenders)));
        if (!ready)
            return qc_rpc_fail(
                r, QC_RPC_MISC_ERROR,
                "Mempool lacks a relevant spend, and txospenderindex is unavailable.");
        if (!look_in_chain(r, n, &j->item[i]))
            return false;
    }
    return true;
}

static void put_found(qc_jw *w, const job *j)
{
    qc_jw_arr(w);
    for (size_t i = 0; i < j->count; i++) {
        const asked *a = &j->item[i];
        qc_jw_obj(w);
        qc_jw_khash(w, "txid", &a->o.txid);
        qc_jw_kuint(w, "vout", a->o.n);
        if (a->found)
            qc_jw_khash(w, "spendingtxid", &a->txid);
        if (a->found && j->with_tx)
            qc_jw_khex(w, "spendingtx", qc_bytes_span(&a->raw));
        if (a->confirmed)
            qc_jw_khash(w, "blockhash", &a->block);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static void gettxspendingprevout(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const json_t *options = qc_rpc_arg(r, 1);
    bool mempool_only = !n->spenders;
    job j = {.n = n};
    if (json_array_size(qc_rpc_arg(r, 0)) == 0) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, outputs are missing");
        return;
    }
    if (read_flag(r, options, "mempool_only", &mempool_only) &&
        read_flag(r, options, "return_spending_tx", &j.with_tx) &&
        known_keys(r, options, "mempool_only", "return_spending_tx") &&
        read_outputs(r, qc_rpc_arg(r, 0), &j) && look(r, &j, mempool_only))
        put_found(qc_rpc_out(r), &j);
    for (size_t i = 0; i < j.count; i++)
        qc_bytes_free(&j.item[i].raw);
    qc_free(j.item);
}

static const qc_rpc_param P_OUTPUT[] = {
    {"txid", QC_T_HEX, true, .help = "The transaction that made the output"},
    {"vout", QC_T_NUM, true, .help = "Which of its outputs"},
    {.names = NULL}};
static const qc_rpc_param P_OUTPUTS[] = {{"", QC_T_OBJ, .inner = P_OUTPUT}, {.names = NULL}};
static const qc_rpc_param P_OPTIONS[] = {
    {"mempool_only", QC_T_BOOL, .dflt = "true without -txospenderindex, else false",
     .help = "Do not look in the chain"},
    {"return_spending_tx", QC_T_BOOL, .dflt = "false", .help = "Add the whole transaction"},
    {.names = NULL}};
static const qc_rpc_param P_SPENDING[] = {
    {"outputs", QC_T_ARR, true, .help = "The outputs in question", .inner = P_OUTPUTS},
    {"options", QC_T_OBJ_NAMED, .help = "How to look", .inner = P_OPTIONS},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_SPENDING[] = {
    {"blockchain", "gettxspendingprevout", "Which transactions spend these outputs.", P_SPENDING,
     .result = "[ { txid, vout, spendingtxid, spendingtx, blockhash }, ... ] (only the first two: "
               "not spent)",
     .examples = "gettxspendingprevout \"[{\\\"txid\\\":\\\"mytxid\\\",\\\"vout\\\":3}]\"",
     .fn = gettxspendingprevout},
    {.name = NULL}};
