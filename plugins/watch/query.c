/* watch.list, balance, transactions, utxos, status. Names of members are those of bitcoind's
 * listdescriptors, getbalances, listtransactions and listunspent where there are such. */
#include "plugins/watch/query.h"

#include "lib/address.h"
#include "lib/tx.h"
#include "plugins/watch/ask.h"

#define PAGE_MAX 10000u
#define PAYEES_MAX 100u /* of one transaction */

static void put_tip(const wt *x, qn_json *j)
{
    if (x->m.tip.height == WT_NO_HEIGHT)
        return;
    qn_json_open(j, "lastprocessedblock", '{');
    qn_json_hex(j, "hash", x->m.tip.hash.b, 32, 1);
    qn_json_int(j, "height", x->m.tip.height);
    qn_json_close(j, '}');
}

static void finish(const wt *x, uint64_t request, qn_json *j, qn_status st)
{
    if (st == QN_OK) {
        wt_answer(x, request, j);
        return;
    }
    qn_json_free(j);
    wt_refuse_status(x, request, st);
}

/* The wallet of a method with parameters (wallet, count, skip). NULL: refused. */
static wt_wallet *page_args(const wt *x, uint64_t request, const json_t *a, uint64_t *count,
                            uint64_t *skip)
{
    wt_wallet *w = wt_wallet_arg(x, request, a, 0);
    if (!w || !wt_number(x, request, a, 1, "count", PAGE_MAX, count) ||
        !wt_number(x, request, a, 2, "skip", UINT32_MAX, skip))
        return NULL;
    return w;
}

/* ---- list ---- */

static void put_birthday(qn_json *j, const wt_source *s)
{
    qn_json_int(j, "timestamp", s->timestamp);
    if (s->height != WT_NO_HEIGHT)
        qn_json_int(j, "birthday", s->height);
    if (s->label[0])
        qn_json_text(j, "label", s->label);
}

static void put_source(qn_json *j, const wt_source *s)
{
    qn_json_open(j, NULL, '{');
    if (s->kind == WT_DESCRIPTOR) {
        qn_json_text(j, "desc", s->text);
        qn_json_bool(j, "active", s->active);
    } else if (s->kind == WT_SCRIPT) {
        bool hex = strspn(s->text, "0123456789abcdefABCDEF") == strlen(s->text);
        qn_json_text(j, hex ? "script" : "address", s->text);
    } else {
        qn_json_hex(j, "txid", s->coin.txid.b, 32, 1);
        qn_json_int(j, "vout", s->coin.n);
    }
    put_birthday(j, s);
    qn_json_bool(j, "internal", s->internal);
    if (s->ranged) {
        qn_json_open(j, "range", '[');
        qn_json_int(j, NULL, s->first);
        qn_json_int(j, NULL, (int64_t)s->end - 1);
        qn_json_close(j, ']');
        qn_json_int(j, "next", s->next);
        qn_json_int(j, "next_index", s->next);
    }
    qn_json_close(j, '}');
}

static void put_kind(const wt *x, qn_json *j, const wt_wallet *w, wt_kind kind, const char *name,
                     uint64_t *skip, uint64_t *count)
{
    qn_json_open(j, name, '[');
    for (size_t i = 0; i < x->m.n_sources && *count; i++) {
        const wt_source *s = x->m.source[i];
        if (s->wallet != w || s->kind != kind || s->building)
            continue;
        if (*skip) {
            --*skip;
            continue;
        }
        put_source(j, s);
        --*count;
    }
    qn_json_close(j, ']');
}

static void put_wallets(const wt *x, qn_json *j)
{
    qn_json_open(j, NULL, '[');
    for (size_t i = 0; i < x->m.n_wallets; i++) {
        const wt_wallet *w = x->m.wallet[i];
        uint64_t sources = 0, scripts = 0;
        for (size_t k = 0; k < x->m.n_sources; k++)
            if (x->m.source[k]->wallet == w) {
                sources++;
                scripts += x->m.source[k]->n_owners;
            }
        qn_json_open(j, NULL, '{');
        qn_json_text(j, "wallet_name", w->name);
        qn_json_int(j, "created", w->created);
        qn_json_int(j, "imports", (int64_t)sources);
        qn_json_int(j, "scripts", (int64_t)scripts);
        qn_json_close(j, '}');
    }
    qn_json_close(j, ']');
}

void wt_on_list(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    uint64_t count = 1000, skip = 0;
    if (wt_later_if(x, r, params, len, wt_on_list))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    const json_t *name = json_array_get(a, 0);
    if (a && (!name || json_is_null(name))) {
        put_wallets(x, &j);
        wt_answer(x, r->request, &j);
        json_decref(a);
        return;
    }
    const wt_wallet *w = a ? page_args(x, r->request, a, &count, &skip) : NULL;
    json_decref(a);
    if (!w)
        return;
    qn_json_open(&j, NULL, '{');
    qn_json_text(&j, "wallet_name", w->name);
    put_kind(x, &j, w, WT_DESCRIPTOR, "descriptors", &skip, &count);
    put_kind(x, &j, w, WT_SCRIPT, "addresses", &skip, &count);
    put_kind(x, &j, w, WT_OUTPOINT, "outpoints", &skip, &count);
    qn_json_close(&j, '}');
    wt_answer(x, r->request, &j);
}

/* ---- balance ---- */

void wt_on_balance(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    wt_balance b;
    if (wt_later_if(x, r, params, len, wt_on_balance))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    const wt_wallet *w = a ? wt_wallet_arg(x, r->request, a, 0) : NULL;
    json_decref(a);
    if (!w)
        return;
    qn_status st = wt_balance_of(&x->m, w, &b);
    if (st == QN_OK) {
        qn_json_open(&j, NULL, '{');
        qn_json_open(&j, "mine", '{');
        qn_json_amount(&j, "trusted", b.trusted);
        qn_json_amount(&j, "untrusted_pending", b.pending);
        qn_json_amount(&j, "immature", b.immature);
        qn_json_close(&j, '}');
        put_tip(x, &j);
        qn_json_close(&j, '}');
    }
    finish(x, r->request, &j, st);
}

/* ---- transactions ---- */

static void put_conflicts(qn_json *j, const wt_tx *t)
{
    qn_json_open(j, "walletconflicts", '[');
    for (uint32_t i = 0; i < t->n_entries; i++)
        for (uint32_t k = 0; t->entry[i].spent && k < t->entry[i].coin->n_spenders; k++)
            if (t->entry[i].coin->spender[k] != t)
                qn_json_hex(j, NULL, t->entry[i].coin->spender[k]->txid.b, 32, 1);
    qn_json_close(j, ']');
}

static bool is_ours(const wt *x, const wt_wallet *w, const qn_tx_out *o)
{
    const wt_script *s = o->script_len <= UINT32_MAX
                             ? wt_script_find(&x->m, o->script, (uint32_t)o->script_len)
                             : NULL;
    for (const wt_owner *p = s ? s->owner : NULL; p; p = p->next)
        if (p->source->wallet == w)
            return true;
    return false;
}

static void put_payee(const wt *x, qn_json *j, const qn_tx_out *o, uint32_t n)
{
    char text[QN_ADDRESS_MAX];
    qn_json_open(j, NULL, '{');
    if (qn_address_encode(x->m.chain, o->script, o->script_len, text))
        qn_json_text(j, "address", text);
    else
        qn_json_hex(j, "scriptPubKey", o->script, (uint32_t)o->script_len, 0);
    qn_json_text(j, "category", "send");
    qn_json_amount(j, "amount", -o->value);
    qn_json_int(j, "vout", n);
    qn_json_close(j, '}');
}

/* Whom the wallet has paid: the outputs that are not its own, of a transaction that spends its
 * coins.
 */
static qn_status put_payees(const wt *x, qn_json *j, const wt_wallet *w, const wt_tx *t)
{
    wt_amounts a;
    uint8_t *raw = NULL;
    uint32_t len = t->raw_len, put = 0;
    qn_tx_view v;
    qn_tx_cursor c = {0};
    qn_tx_out o;
    qn_status st = wt_amounts_of(t, w, &a);
    if (st != QN_OK || !a.n_spent)
        return st;
    if (!t->raw)
        st = wt_store_raw(x, &t->txid, &raw, &len);
    if (st != QN_OK)
        return st == QN_E_NOTFOUND ? QN_OK : st;
    qn_json_open(j, "payees", '[');
    for (bool good = qn_tx_read(raw ? raw : t->raw, len, &v); good && qn_tx_next_out(&v, &c, &o);)
        if (!is_ours(x, w, &o) && put++ < PAYEES_MAX)
            put_payee(x, j, &o, c.index - 1);
    qn_json_close(j, ']');
    if (put > PAYEES_MAX)
        qn_json_int(j, "n_payees", put);
    free(raw);
    return QN_OK;
}

static qn_status put_tx(wt *x, qn_json *j, const wt_wallet *w, wt_tx *t)
{
    qn_json_open(j, NULL, '{');
    qn_json_int(j, "confirmations", t->state == WT_GONE ? -1 : (int64_t)wt_depth(&x->m, t));
    if (t->state != WT_CONFIRMED)
        qn_json_bool(j, "trusted", wt_trusted(&x->m, t, w));
    qn_status st = wt_put_tx(x, j, w, t);
    if (st == QN_OK)
        st = put_payees(x, j, w, t);
    put_conflicts(j, t);
    qn_json_close(j, '}');
    return st;
}

static bool after_height(const wt_tx *t, uint64_t since)
{
    return t->state != WT_CONFIRMED || t->block.height > since;
}

/* The list is in the order of the chain, and so is the page; `skip` counts from its end. */
static qn_status put_txs(wt *x, qn_json *j, const wt_wallet *w, uint64_t count, uint64_t skip,
                         const uint64_t *since)
{
    wt_tx **list;
    size_t n, first = 0;
    qn_status st = wt_txs_of(&x->m, w, &list, &n);
    if (st != QN_OK)
        return st;
    while (since && first < n && !after_height(list[first], *since))
        first++;
    size_t end = n - first > skip ? n - (size_t)skip : first;
    size_t begin = end - first > count ? end - (size_t)count : first;
    qn_json_open(j, "transactions", '[');
    for (size_t i = begin; i < end && st == QN_OK; i++)
        st = put_tx(x, j, w, list[i]);
    qn_json_close(j, ']');
    qn_json_int(j, "total", (int64_t)(n - first));
    free(list);
    return st;
}

void wt_on_transactions(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    uint64_t count = 100, skip = 0, since = 0;
    if (wt_later_if(x, r, params, len, wt_on_transactions))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    const wt_wallet *w = a ? page_args(x, r->request, a, &count, &skip) : NULL;
    const json_t *given = json_array_get(a, 3);
    bool all = !given || json_is_null(given);
    if (w && !wt_number(x, r->request, a, 3, "since", INT32_MAX, &since))
        w = NULL;
    json_decref(a);
    if (!w)
        return;
    qn_json_open(&j, NULL, '{');
    qn_status st = put_txs(x, &j, w, count, skip, all ? NULL : &since);
    if (x->m.tip.height != WT_NO_HEIGHT)
        qn_json_hex(&j, "lastblock", x->m.tip.hash.b, 32, 1);
    put_tip(x, &j);
    qn_json_close(&j, '}');
    finish(x, r->request, &j, st);
}

/* ---- unspent coins ---- */

static void put_coin(wt *x, qn_json *j, const wt_wallet *w, const wt_coin *c)
{
    const wt_owner *o = wt_claim(&x->m, c, w);
    const char *label = wt_label(&x->m, c, w);
    qn_json_open(j, NULL, '{');
    qn_json_hex(j, "txid", c->at.txid.b, 32, 1);
    qn_json_int(j, "vout", c->at.n);
    wt_put_address(x, j, c->script);
    if (label[0])
        qn_json_text(j, "label", label);
    qn_json_hex(j, "scriptPubKey", c->script->bytes, c->script->len, 0);
    qn_json_amount(j, "amount", c->value);
    qn_json_int(j, "confirmations", wt_depth(&x->m, c->maker));
    qn_json_bool(j, "spendable", !wt_immature(&x->m, c->maker));
    qn_json_bool(j, "solvable", wt_solvable(&x->m, o->source));
    qn_json_open(j, "parent_descs", '[');
    for (const wt_owner *p = c->script->owner; p; p = p->next)
        if (p->source->wallet == w && p->source->kind == WT_DESCRIPTOR)
            qn_json_text(j, NULL, p->source->text);
    qn_json_close(j, ']');
    if (o->source->ranged)
        qn_json_int(j, "index", o->index);
    qn_json_bool(j, "safe", wt_safe_coin(&x->m, c, w));
    if (c->locked)
        qn_json_bool(j, "locked", 1);
    qn_json_close(j, '}');
}

static qn_status put_coins(wt *x, qn_json *j, const wt_wallet *w, const uint64_t conf[static 2],
                           uint64_t count, uint64_t skip, bool immature)
{
    wt_coin **list;
    size_t n;
    qn_status st = wt_coins_of(&x->m, w, &list, &n);
    if (st != QN_OK)
        return st;
    qn_json_open(j, NULL, '[');
    for (size_t i = 0; i < n && count; i++) {
        uint32_t depth = wt_depth(&x->m, list[i]->maker);
        if (depth < conf[0] || depth > conf[1])
            continue;
        if (!immature && wt_immature(&x->m, list[i]->maker))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        put_coin(x, j, w, list[i]);
        count--;
    }
    qn_json_close(j, ']');
    free(list);
    return QN_OK;
}

/* The name of listunspent's option. False: refused. */
static bool utxo_options(const wt *x, uint64_t request, const json_t *o, bool *immature)
{
    static const char *const KNOWN[] = {"include_immature_coinbase", NULL};
    const json_t *v = json_object_get(o, KNOWN[0]);
    *immature = json_is_true(v);
    if (!o || json_is_null(o) ||
        (json_is_object(o) && !wt_unknown_member(o, KNOWN) && (!v || json_is_boolean(v))))
        return true;
    wt_refuse(x, request, WT_RPC_INVALID,
              "options can have include_immature_coinbase, true or false, and nothing else");
    return false;
}

void wt_on_utxos(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    uint64_t conf[2] = {1, 9999999}, count = PAGE_MAX, skip = 0;
    bool immature = false;
    if (wt_later_if(x, r, params, len, wt_on_utxos))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    const wt_wallet *w = a ? wt_wallet_arg(x, r->request, a, 0) : NULL;
    if (w && (!wt_number(x, r->request, a, 1, "minconf", 9999999, &conf[0]) ||
              !wt_number(x, r->request, a, 2, "maxconf", 9999999, &conf[1]) ||
              !wt_number(x, r->request, a, 3, "count", PAGE_MAX, &count) ||
              !wt_number(x, r->request, a, 4, "skip", UINT32_MAX, &skip) ||
              !utxo_options(x, r->request, json_array_get(a, 5), &immature)))
        w = NULL;
    json_decref(a);
    if (w)
        finish(x, r->request, &j, put_coins(x, &j, w, conf, count, skip, immature));
}

/* ---- status ---- */

static void put_rescans(const wt *x, qn_json *j)
{
    qn_json_open(j, "rescans", '[');
    for (const wt_rescan *s = x->rescan; s; s = s->next)
        for (const wt_wish *w = s->wish; w; w = w->next) {
            if (s->over && w->canceled)
                continue; /* what is left of it is to be told of */
            qn_json_open(j, NULL, '{');
            qn_json_int(j, "rescan", (int64_t)w->id);
            qn_json_int(j, "start_height", w->from);
            qn_json_int(j, "height", s->at > w->from ? s->at : w->from);
            qn_json_bool(j, "running", s->host != 0);
            qn_json_close(j, '}');
        }
    qn_json_close(j, ']');
}

void wt_on_status(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    const wt *x = arg;
    qn_json j = {0};
    qn_watch_usage u;
    (void)params;
    (void)len;
    QN_INIT(&u);
    qn_json_open(&j, NULL, '{');
    put_tip(x, &j);
    qn_json_int(&j, "wallets", (int64_t)x->m.n_wallets);
    qn_json_int(&j, "scripts", (int64_t)x->m.n_watched);
    qn_json_int(&j, "transactions", (int64_t)x->m.txs.n);
    if (x->watch.t->usage(x->watch.cap, &u) == QN_OK) {
        qn_json_int(&j, "max_scripts", (int64_t)u.max_scripts);
        qn_json_int(&j, "node_bytes", (int64_t)u.bytes);
    }
    qn_json_bool(&j, "complete", !x->is_short);
    if (x->is_short) {
        qn_json_int(&j, "unwatched", (int64_t)wt_stream_unwatched(x));
        qn_json_int(&j, "unwatched_since", x->short_from);
        qn_json_text(&j, "warning",
                     "The grant of watch/1 has no room for all scripts: raise its scripts= or "
                     "memory=");
    }
    qn_json_int(&j, "cursor", (int64_t)x->stored_event - 1);
    qn_json_int(&j, "oldest_event", (int64_t)x->first_event);
    put_rescans(x, &j);
    qn_json_close(&j, '}');
    wt_answer(x, r->request, &j);
}
