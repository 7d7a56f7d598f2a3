/* Which transaction of the mempool spends an output (Core rpc/mempool.cpp gettxspendingprevout). */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/methods/common.h"
#include "core/methods/poolrows.h"

#define STEP 4096u /* outputs between two looks of the chain thread at what else waits */

typedef struct spend_job {
    const qc_node *n;
    const qc_outpoint *o;
    const qc_mempool_entry **e;
    size_t from, to;
} spend_job;

static void run_spend(qc_chain *c, void *arg)
{
    spend_job *j = arg;
    (void)c;
    for (size_t i = j->from; i < j->to; i++) {
        j->e[i] = qc_mempool_spender(j->n->pool, &j->o[i]);
        if (j->e[i])
            qc_mempool_entry_ref(j->e[i]);
    }
}

/* One { txid, vout } and nothing else. False: the request has failed. */
static bool outpoint_arg(qc_rpc_req *r, const json_t *v, qc_outpoint *o)
{
    static const char *const KEY[] = {"txid", "vout"};
    static const json_type TYPE[] = {JSON_STRING, JSON_INTEGER};
    int32_t n = 0;
    const char *key;
    json_t *member;
    if (!qc_rpc_v_type(r, v, JSON_OBJECT))
        return false;
    for (size_t k = 0; k < QC_COUNTOF(KEY); k++) {
        const json_t *m = json_object_get(v, KEY[k]);
        if (!m)
            return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Missing %s", KEY[k]);
        if (TYPE[k] == JSON_STRING ? !json_is_string(m) : !json_is_number(m))
            return qc_rpc_fail(r, QC_RPC_TYPE_ERROR,
                               "JSON value of type %s for field %s is not of expected type %s",
                               qc_rpc_type_name(m), KEY[k], qc_rpc_type_text(TYPE[k]));
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        if (strcmp(key, "txid") != 0 && strcmp(key, "vout") != 0)
            return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Unexpected key %s", key);
    }
    if (!qc_rpc_v_hash(r, json_object_get(v, "txid"), "txid", &o->txid) ||
        !qc_rpc_v_i32(r, json_object_get(v, "vout"), &n))
        return false;
    o->n = (uint32_t)n;
    return n >= 0 ||
           qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, vout cannot be negative");
}

/* Two booleans and nothing else. False: the request has failed. */
static bool options_arg(qc_rpc_req *r, bool *mempool_only, bool *with_tx)
{
    const json_t *o = qc_rpc_arg(r, 1);
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        bool *to = strcmp(key, "mempool_only") == 0         ? mempool_only
                   : strcmp(key, "return_spending_tx") == 0 ? with_tx
                                                            : NULL;
        if (!to)
            return qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Unexpected key %s", key);
        if (json_is_null(v))
            continue;
        if (!json_is_boolean(v))
            return qc_rpc_fail(r, QC_RPC_TYPE_ERROR,
                               "JSON value of type %s for field %s is not of expected type bool",
                               qc_rpc_type_name(v), key);
        *to = json_is_true(v);
    }
    return true;
}

static void put_spends(qc_jw *w, const spend_job *j, size_t n, bool with_tx)
{
    qc_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        qc_jw_obj(w);
        qc_jw_khash(w, "txid", &j->o[i].txid);
        qc_jw_kuint(w, "vout", j->o[i].n);
        if (j->e[i]) {
            qc_jw_khash(w, "spendingtxid", qc_entry_txid(j->e[i]));
            if (with_tx)
                qc_jw_khex(w, "spendingtx", qc_tx_bytes(&j->e[i]->tx));
        }
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static void look_up(qc_rpc_req *r, const qc_node *n, const qc_outpoint *o, size_t count,
                    bool mempool_only, bool with_tx)
{
    spend_job j = {n, o, qc_try_calloc(count + 1, sizeof(const qc_mempool_entry *)), 0, 0};
    bool all = true;
    if (!j.e) {
        qc_m_fail_err(r, QC_ENOMEM, "Cannot look up the outputs");
        return;
    }
    while (j.to < count) {
        j.from = j.to;
        j.to = QC_MIN(j.from + STEP, count);
        qc_chain_call(n->chain_thread, run_spend, &j);
    }
    for (size_t i = 0; i < count; i++)
        all = all && j.e[i];
    if (all || mempool_only)
        put_spends(qc_rpc_out(r), &j, count, with_tx);
    else
        qc_rpc_fail(r, QC_RPC_MISC_ERROR,
                    "Mempool lacks a relevant spend, and txospenderindex is unavailable.");
    qc_m_give_back(n, j.e, count);
}

static void gettxspendingprevout(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const json_t *list = qc_rpc_arg(r, 0);
    size_t count = json_array_size(list);
    bool mempool_only = true, with_tx = false, ok = true;
    if (count == 0) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, outputs are missing");
        return;
    }
    if (!options_arg(r, &mempool_only, &with_tx))
        return;
    qc_outpoint *o = qc_try_calloc(count, sizeof *o);
    if (!o) {
        qc_m_fail_err(r, QC_ENOMEM, "Cannot look up the outputs");
        return;
    }
    for (size_t i = 0; i < count && ok; i++)
        ok = outpoint_arg(r, json_array_get(list, i), &o[i]);
    if (ok && qc_m_need_pool(r, n))
        look_up(r, n, o, count, mempool_only, with_tx);
    qc_free(o);
}

static const qc_rpc_param P_OUTPUT[] = {
    {"txid", QC_T_HEX, true, .help = "The transaction that made it"},
    {"vout", QC_T_NUM, true, .help = "Which of its outputs"},
    {.names = NULL}};
static const qc_rpc_param P_OUTPUTS[] = {
    {"output", QC_T_OBJ, .help = "An output", .inner = P_OUTPUT}, {.names = NULL}};
static const qc_rpc_param P_OPTIONS[] = {
    {"mempool_only", QC_T_BOOL, .dflt = "true",
     .help = "false: fail if one is not spent in the mempool, as there is no index of spenders"},
    {"return_spending_tx", QC_T_BOOL, .dflt = "false", .help = "Add the transaction itself in hex"},
    {.names = NULL}};
static const qc_rpc_param P_SPENDING[] = {
    {"outputs", QC_T_ARR, true, .help = "Which outputs", .inner = P_OUTPUTS},
    {"options", QC_T_OBJ_NAMED, .help = "What to do", .inner = P_OPTIONS},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_SPENDING[] = {
    {"blockchain", "gettxspendingprevout",
     "The transactions of the mempool that spend some outputs.", P_SPENDING,
     .result = "[ { txid, vout, spendingtxid, spendingtx }, ... ]",
     .examples = "gettxspendingprevout '[{\"txid\":\"mytxid\",\"vout\":3}]'",
     .fn = gettxspendingprevout},
    {.name = NULL}};
