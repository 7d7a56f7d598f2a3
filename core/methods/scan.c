/* RPC scantxoutset (Core rpc/blockchain.cpp): coins whose script is one of a set. */
#include "core/methods/scan.h"

#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/descriptors.h"

#include <stdlib.h>

/* What is looked for: sorted once, then searched. */
static int by_bytes(const void *a, const void *b)
{
    const qc_described *x = a, *y = b;
    size_t n = x->script.len < y->script.len ? x->script.len : y->script.len;
    int c = n ? memcmp(x->script.data, y->script.data, n) : 0;
    return c ? c : (x->script.len > y->script.len) - (x->script.len < y->script.len);
}

static bool needles_take(qc_script_list *s, qc_script_list *l)
{
    if (s->n + l->n > s->cap) {
        size_t cap = (s->n + l->n) * 2;
        qc_described *p = qc_try_realloc(s->item, cap * sizeof *p);
        if (!p)
            return false;
        s->item = p;
        s->cap = cap;
    }
    memcpy(s->item + s->n, l->item, l->n * sizeof *l->item);
    s->n += l->n;
    l->n = 0; /* moved */
    return true;
}

static bool add_object(qc_rpc_req *r, const qc_node *n, const json_t *o, qc_script_list *s)
{
    const char *desc;
    char error[256] = "";
    if (json_is_object(o)) {
        o = json_object_get(o, "desc");
        if (!o)
            return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                               "Descriptor needs to be provided in scan object");
        if (!qc_rpc_v_str(r, o, &desc))
            return false;
    } else if (json_is_string(o)) {
        desc = json_string_value(o);
    } else {
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Scan object needs to be either a string or an object");
    }
    qc_script_list l;
    if (!qc_m_descriptor_scripts(n->params, desc, false, &l, error, sizeof error))
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "%s", error);
    bool ok = needles_take(s, &l);
    qc_script_list_free(&l);
    return ok || qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
}

static bool read_needles(qc_rpc_req *r, const qc_node *n, const json_t *list, qc_script_list *s)
{
    if (!list)
        return qc_rpc_fail(r, QC_RPC_MISC_ERROR,
                           "scanobjects argument is required for the start action");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add_object(r, n, json_array_get(list, i), s))
            return false;
    if (s->n)
        qsort(s->item, s->n, sizeof *s->item, by_bytes);
    return true;
}

static void put_unspent(qc_jw *w, const qc_index *tip, const qc_outpoint *o, const qc_coin *coin,
                        const char *desc)
{
    qc_span script = {coin->script, coin->script_len};
    const qc_index *made = qc_index_ancestor(tip, coin->height);
    qc_jw_obj(w);
    qc_jw_khash(w, "txid", &o->txid);
    qc_jw_kuint(w, "vout", o->n);
    qc_jw_khex(w, "scriptPubKey", script);
    qc_jw_kstr(w, "desc", desc);
    qc_jw_kamount(w, "amount", coin->value);
    qc_jw_kbool(w, "coinbase", coin->coinbase);
    qc_jw_kuint(w, "height", coin->height);
    if (made)
        qc_jw_khash(w, "blockhash", &made->hash);
    qc_jw_kint(w, "confirmations", (int64_t)tip->height - coin->height + 1);
    qc_jw_obj_end(w);
}

typedef struct walk_result {
    uint64_t count;
    qc_amount total;
    bool complete;
} walk_result;

static qc_err walk(qc_node *n, qc_coins_iter *it, const qc_script_list *s, const qc_index *tip,
                   qc_jw *w, walk_result *res)
{
    qc_outpoint o;
    qc_coin coin;
    qc_err err;
    while (!(err = qc_coins_iter_next(it, &o, &coin))) {
        if (++res->count % 256 == 0) {
            unsigned high = (unsigned)o.txid.b[0] << 8 | o.txid.b[1];
            atomic_store(&n->scan.progress, (int)(high * 100u / 65536u));
        }
        if (n->scan.abort || n->stopping)
            return QC_OK;
        qc_described key = {{coin.script, coin.script_len, coin.script_len}, NULL};
        const qc_described *hit = s->n ? bsearch(&key, s->item, s->n, sizeof key, by_bytes) : NULL;
        if (!hit)
            continue;
        put_unspent(w, tip, &o, &coin, hit->desc);
        res->total += coin.value;
    }
    res->complete = err == QC_ENOENT;
    return res->complete ? QC_OK : err;
}

typedef struct scan_job {
    qc_coins_iter *it;
    const qc_index *tip;
    qc_err err;
} scan_job;

static void run_begin(qc_chain *c, void *arg)
{
    scan_job *j = arg;
    j->tip = qc_chain_tip(c);
    j->err = qc_chain_flush(c);
    if (!j->err)
        j->err = qc_coins_iter_new(qc_chain_coinsdb(c), &j->it);
}

static void scan(qc_rpc_req *r, qc_node *n, const qc_script_list *s)
{
    scan_job j = {NULL, NULL, QC_OK};
    qc_chain_call(n->chain_thread, run_begin, &j);
    if (j.err) {
        qc_m_fail_err(r, j.err, "Cannot read the UTXO set");
        return;
    }
    walk_result res = {0, 0, false};
    qc_jw found = QC_JW_INIT;
    qc_jw_arr(&found);
    qc_err err = walk(n, j.it, s, j.tip, &found, &res);
    qc_jw_arr_end(&found);
    qc_coins_iter_free(j.it);
    if (err || !qc_jw_ok(&found)) {
        qc_m_fail_err(r, err ? err : QC_ENOMEM, "Cannot read the UTXO set");
    } else {
        qc_jw *w = qc_rpc_out(r);
        qc_jw_obj(w);
        qc_jw_kbool(w, "success", res.complete);
        qc_jw_kuint(w, "txouts", res.count);
        qc_jw_kuint(w, "height", j.tip->height);
        qc_jw_khash(w, "bestblock", &j.tip->hash);
        qc_jw_key(w, "unspents");
        qc_jw_raw(w, (const char *)found.out.data, found.out.len);
        qc_jw_kamount(w, "total_amount", res.total);
        qc_jw_obj_end(w);
    }
    qc_jw_clear(&found);
}

static void start(qc_rpc_req *r, qc_node *n)
{
    if (atomic_exchange(&n->scan.running, true)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Scan already in progress, use action \"abort\" or \"status\"");
        return;
    }
    n->scan.abort = false;
    qc_script_list s = {NULL, 0, 0, false};
    if (read_needles(r, n, qc_rpc_arg(r, 1), &s))
        scan(r, n, &s);
    qc_script_list_free(&s);
    atomic_store(&n->scan.progress, 0);
    atomic_store(&n->scan.running, false);
}

static void scantxoutset(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    const char *action = "";
    if (!qc_rpc_str(r, 0, &action))
        return;
    qc_jw *w = qc_rpc_out(r);
    bool running = atomic_load(&n->scan.running);
    if (strcmp(action, "start") == 0) {
        start(r, n);
    } else if (strcmp(action, "abort") == 0) {
        n->scan.abort = running;
        qc_jw_bool(w, running);
    } else if (strcmp(action, "status") == 0) {
        if (!running)
            return; /* null */
        qc_jw_obj(w);
        qc_jw_kint(w, "progress", atomic_load(&n->scan.progress));
        qc_jw_obj_end(w);
    } else {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid action '%s'", action);
    }
}

static const qc_rpc_param P_SCAN_OBJECT[] = {
    {"descriptor", QC_T_STR, .help = "A descriptor, or an object with one as \"desc\"",
     .skip_type_check = true, .type_text = "string or object"},
    {.names = NULL}};
static const qc_rpc_param P_SCAN[] = {
    {"action", QC_T_STR, true,
     .help = "start; abort (true: one was running); status (percent done)"},
    {"scanobjects", QC_T_ARR, .help = "What to look for; needed to start", .inner = P_SCAN_OBJECT},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_SCAN[] = {
    {"blockchain", "scantxoutset",
     "Walk all unspent outputs and list those of some descriptors: "
     "addr(), raw(), and the kinds whose keys are given outright. One walk at a time.",
     P_SCAN,
     .result = "{ success, txouts, height, bestblock, unspents: [ { txid, vout, scriptPubKey, "
               "desc, amount,\n"
               "  coinbase, height, blockhash, confirmations }, ... ], total_amount }",
     .examples = "scantxoutset start '[\"addr(1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa)\"]'",
     .fn = scantxoutset},
    {.name = NULL}};
