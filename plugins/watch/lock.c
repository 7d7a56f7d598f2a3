/* watch.lockunspent, watch.listlockunspent: coins that open PSBTs keep for themselves. */
#include "plugins/watch/item.h"
#include "plugins/watch/spend.h"

/* Whether each of the list is a coin of the wallet that can be locked, or is locked. */
static bool check_list(const wt *x, uint64_t request, const wt_wallet *w, const json_t *list,
                       bool unlock)
{
    qn_mempool_outpoint at;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const wt_coin *c =
            wt_outpoint_read(json_array_get(list, i), &at) ? wt_coin_find(&x->m, &at) : NULL;
        const char *why = NULL;
        if (!c || !wt_owns(c, w) || !c->maker || !wt_alive(c->maker))
            why = "Invalid parameter, unknown transaction or vout";
        else if (unlock && !c->locked)
            why = "Invalid parameter, expected locked output";
        else if (!unlock && c->locked)
            why = "Invalid parameter, output already locked";
        else if (!unlock && c->maker->dirty)
            why = "The transaction is being told, and not stored yet: try again";
        else if (!unlock && wt_is_spent(c))
            why = "Invalid parameter, expected unspent output";
        if (why) {
            wt_refuse(x, request, WT_RPC_INVALID, why);
            return false;
        }
    }
    return true;
}

static qn_status lock_list(wt *x, const json_t *list, bool locked)
{
    qn_mempool_outpoint at;
    qn_status st = QN_OK;
    for (size_t i = 0; i < json_array_size(list) && st == QN_OK; i++)
        if (wt_outpoint_read(json_array_get(list, i), &at))
            st = wt_lock(&x->m, wt_coin_find(&x->m, &at), locked);
    return st;
}

static qn_status unlock_all(wt *x, const wt_wallet *w)
{
    qn_status st = QN_OK;
    for (wt_node *n = wt_map_next(&x->m.coins, NULL); n && st == QN_OK;
         n = wt_map_next(&x->m.coins, n))
        if (((wt_coin *)n)->locked && wt_owns((wt_coin *)n, w))
            st = wt_lock(&x->m, (wt_coin *)n, false);
    return st;
}

void wt_on_lockunspent(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    if (wt_later_if(x, r, params, len, wt_on_lockunspent))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    const wt_wallet *w = a ? wt_wallet_arg(x, r->request, a, 0) : NULL;
    const json_t *how = json_array_get(a, 1), *list = json_array_get(a, 2);
    bool unlock = json_is_true(how);
    qn_status st;
    if (json_is_null(list))
        list = NULL;
    if (w && (!json_is_boolean(how) || (list && !json_is_array(list)) || (!list && !unlock)))
        wt_refuse(x, r->request, WT_RPC_INVALID,
                  "unlock must be true or false, followed by a list of coins; to unlock all coins "
                  "it can be left out");
    else if (w && (st = wt_stream_settle(x)) != QN_OK)
        wt_done(x, r->request, st, &j);
    else if (w && check_list(x, r->request, w, list, unlock)) {
        st = list ? lock_list(x, list, !unlock) : unlock_all(x, w);
        if (st == QN_OK)
            st = wt_store_set(x);
        qn_json_bool(&j, NULL, 1);
        wt_done(x, r->request, st, &j);
    }
    json_decref(a);
}

void wt_on_listlockunspent(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    if (wt_later_if(x, r, params, len, wt_on_listlockunspent))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    const wt_wallet *w = a ? wt_wallet_arg(x, r->request, a, 0) : NULL;
    json_decref(a);
    if (!w)
        return;
    qn_json_open(&j, NULL, '[');
    for (wt_node *n = wt_map_next(&x->m.coins, NULL); n; n = wt_map_next(&x->m.coins, n)) {
        const wt_coin *c = (const wt_coin *)n;
        if (!c->locked || !wt_owns(c, w))
            continue;
        qn_json_open(&j, NULL, '{');
        qn_json_hex(&j, "txid", c->at.txid.b, 32, 1);
        qn_json_int(&j, "vout", c->at.n);
        qn_json_close(&j, '}');
    }
    qn_json_close(&j, ']');
    wt_answer(x, r->request, &j);
}
