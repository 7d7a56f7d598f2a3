/* RPC scantxoutset (Core rpc/blockchain.cpp): coins whose script is one of a set. */
#include "core/methods/scan.h"

#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/descriptors.h"
#include "core/methods/script_text.h"
#include "lib/secp/curve.h"

#include <stdlib.h>

/* A script that is looked for, and where it comes from: its descriptor is made when it is found. */
typedef struct needle {
    uint8_t *script;
    uint32_t len;
    uint32_t object, branch, index, which;
} needle;

/* What is looked for: sorted once, then searched. */
typedef struct needles {
    const qc_node *node;
    qc_m_scan_object *object;
    size_t n_objects;
    needle *item;
    size_t n, cap;
} needles;

static void needles_free(needles *s)
{
    for (size_t i = 0; i < s->n; i++)
        qc_free(s->item[i].script);
    for (size_t i = 0; i < s->n_objects; i++)
        qc_m_desc_close(&s->object[i].desc);
    qc_free(s->item);
    qc_free(s->object);
}

static int by_bytes(const void *a, const void *b)
{
    const needle *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int c = n ? memcmp(x->script, y->script, n) : 0;
    return c ? c : (x->len > y->len) - (x->len < y->len);
}

static bool needles_add(needles *s, needle at, qn_desc_bytes script)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        needle *p = qc_try_realloc(s->item, cap * sizeof *p);
        if (!p)
            return false;
        s->item = p;
        s->cap = cap;
    }
    at.script = qc_try_alloc(script.len + 1);
    if (!at.script)
        return false;
    memcpy(at.script, script.data, script.len);
    at.len = (uint32_t)script.len;
    s->item[s->n++] = at;
    return true;
}

/* What is stopped here finds nothing, and says that it is not complete. */
static qc_m_step add_scripts(void *arg, const qc_m_scan_object *o, size_t branch, uint32_t index,
                             qn_derived *v)
{
    needles *s = arg;
    const uint32_t object = (uint32_t)(o - s->object);
    bool ok = true;
    for (size_t i = 0; ok && i < v->n_scripts; i++)
        ok = needles_add(s, (needle){NULL, 0, object, (uint32_t)branch, index, (uint32_t)i},
                         v->script[i].script);
    qn_derived_clear(v);
    if (!ok)
        return QC_M_NO_MEMORY;
    return s->node->scan.abort || s->node->stopping ? QC_M_STOP : QC_M_GO_ON;
}

static bool add_object(qc_rpc_req *r, const json_t *o, needles *s)
{
    qc_m_scan_object *to = &s->object[s->n_objects];
    if (!qc_m_scan_object_open(r, s->node->params, o, to))
        return false;
    s->n_objects++;
    return qc_m_scan_object_each(r, to, add_scripts, s);
}

/* The descriptor of a script that was found, with what is known from where it comes. */
static char *describe(const needles *s, const needle *hit)
{
    qn_derived v;
    const qn_curve curve = qn_secp_curve(NULL);
    const qn_chain_text *chain = qc_m_chain(s->node->params);
    qn_derive_result res =
        qn_descriptor_derive(s->object[hit->object].desc.d, hit->branch, hit->index, &v);
    const qn_derived *known = res ? NULL : &v;
    size_t len = qn_descriptor_infer(chain, &curve, hit->script, hit->len, known, NULL, 0);
    char *text = qc_alloc(len + 1);
    text[0] = 0;
    qn_descriptor_infer(chain, &curve, hit->script, hit->len, known, text, len + 1);
    qn_derived_clear(&v);
    return text;
}

static bool read_needles(qc_rpc_req *r, const json_t *list, needles *s)
{
    if (!list)
        return qc_rpc_fail(r, QC_RPC_MISC_ERROR,
                           "scanobjects argument is required for the start action");
    s->object = qc_try_alloc((json_array_size(list) + 1) * sizeof *s->object);
    if (!s->object)
        return qc_m_fail_memory(r);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add_object(r, json_array_get(list, i), s))
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

static qc_err walk(qc_node *n, qc_coins_iter *it, const needles *s, const qc_index *tip, qc_jw *w,
                   walk_result *res)
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
        needle key = {.script = (uint8_t *)(uintptr_t)coin.script,
                      .len = (uint32_t)coin.script_len};
        const needle *hit = s->n ? bsearch(&key, s->item, s->n, sizeof key, by_bytes) : NULL;
        if (!hit)
            continue;
        char *desc = describe(s, hit);
        put_unspent(w, tip, &o, &coin, desc);
        qc_free(desc);
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

static void scan(qc_rpc_req *r, qc_node *n, const needles *s)
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
    needles s = {.node = n};
    if (read_needles(r, qc_rpc_arg(r, 1), &s))
        scan(r, n, &s);
    needles_free(&s);
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

static const qc_rpc_param P_SCAN[] = {
    {"action", QC_T_STR, true,
     .help = "start; abort (true: one was running); status (percent done)"},
    {"scanobjects", QC_T_ARR, .help = "What to look for; needed to start",
     .inner = QC_M_SCAN_OBJECTS, .usage = "[scanobjects,...]"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_SCAN[] = {
    {"blockchain", "scantxoutset",
     "Walk all unspent outputs and list those of some descriptors. One walk at a time.", P_SCAN,
     .result = "{ success, txouts, height, bestblock, unspents: [ { txid, vout, scriptPubKey, "
               "desc, amount,\n"
               "  coinbase, height, blockhash, confirmations }, ... ], total_amount }",
     .examples = "scantxoutset start '[\"addr(1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa)\"]'",
     .fn = scantxoutset},
    {.name = NULL}};
