/* watch.*: what methods share, and those that change something. */
#include "lib/address.h"
#include "plugins/watch/query.h"
#include "plugins/watch/spend.h"

void wt_refuse(const wt *x, uint64_t request, int32_t code, const char *message)
{
    (void)x->rpc.t->reply_error(x->rpc.cap, request, code, message, (uint32_t)strlen(message));
}

void wt_refuse_status(const wt *x, uint64_t request, qn_status st)
{
    if (st == QN_E_NOMEM)
        wt_refuse(x, request, -7, "Out of memory");
    else if (st == QN_E_FULL)
        wt_refuse(x, request, WT_RPC_WALLET, "The quota of the store or the disk is full");
    else
        wt_refuse(x, request, WT_RPC_INTERNAL,
                  "The store or the node could not be read or written");
}

void wt_answer(const wt *x, uint64_t request, qn_json *j)
{
    if (j->failed)
        wt_refuse_status(x, request, QN_E_NOMEM);
    else
        (void)x->rpc.t->reply(x->rpc.cap, request, j->data, j->len);
    qn_json_free(j);
}

/* ---- arguments ---- */

json_t *wt_params(const wt *x, uint64_t request, const char *params, uint32_t len)
{
    json_t *a = json_loadb(params, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_array(a))
        return a;
    wt_refuse(x, request, WT_RPC_INVALID, "Parameters must be an array");
    json_decref(a);
    return NULL;
}

bool wt_number(const wt *x, uint64_t request, const json_t *a, size_t i, const char *name,
               uint64_t max, uint64_t *out)
{
    const json_t *v = json_array_get(a, i);
    const char *text = json_string_value(v);
    char why[120];
    if (!v || json_is_null(v))
        return true;
    size_t digits = text ? strspn(text, "0123456789") : 0;
    bool given = json_is_integer(v) && json_integer_value(v) >= 0;
    uint64_t n = given ? (uint64_t)json_integer_value(v) : 0;
    if (digits && !text[digits] && digits <= 18) { /* a client that does not know the method */
        n = strtoull(text, NULL, 10);
        given = true;
    }
    if (given && n <= max) {
        *out = n;
        return true;
    }
    snprintf(why, sizeof why, "%s must be a whole number from 0 to %llu", name,
             (unsigned long long)max);
    wt_refuse(x, request, WT_RPC_INVALID, why);
    return false;
}

/* A string without NULs; NULL when it is missing. False: refused. */
static bool text_arg(const wt *x, uint64_t request, const json_t *a, size_t i, const char *name,
                     size_t max, const char **out)
{
    const json_t *v = json_array_get(a, i);
    char why[120];
    *out = NULL;
    if (!v || json_is_null(v))
        return true;
    *out = json_string_value(v);
    size_t len = json_string_length(v);
    if (*out && len <= max && strlen(*out) == len)
        return true;
    snprintf(why, sizeof why, "%s must be a string of at most %zu bytes", name, max);
    wt_refuse(x, request, WT_RPC_INVALID, why);
    return false;
}

#define NAMED 6u /* wallets that a refusal names */

/* "a", "b" ... */
static void name_wallets(const wt_model *m, char *out, size_t cap)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < m->n_wallets && i < NAMED && at < cap; i++)
        at += (size_t)snprintf(out + at, cap - at, "%s\"%s\"", i ? ", " : "", m->wallet[i]->name);
    if (m->n_wallets > NAMED && at < cap)
        snprintf(out + at, cap - at, " and %zu more", m->n_wallets - NAMED);
}

static void refuse_wallet(const wt *x, uint64_t request, const char *name)
{
    char names[NAMED * (WT_NAME_MAX + 4) + 40], why[sizeof names + WT_NAME_MAX + 80];
    name_wallets(&x->m, names, sizeof names);
    if (x->m.n_wallets == 0)
        snprintf(why, sizeof why, "No wallet exists yet: create one with watch.create");
    else if (name)
        snprintf(why, sizeof why, "Wallet \"%s\" does not exist; there is %s", name, names);
    else
        snprintf(why, sizeof why, "Several wallets exist (%s): say which one, as \"wallet\"",
                 names);
    wt_refuse(x, request, WT_RPC_NO_WALLET, why);
}

wt_wallet *wt_wallet_arg(const wt *x, uint64_t request, const json_t *a, size_t i)
{
    const char *name;
    if (!text_arg(x, request, a, i, "wallet", WT_NAME_MAX, &name))
        return NULL;
    wt_wallet *w = name ? wt_wallet_find(&x->m, name) : x->m.n_wallets == 1 ? x->m.wallet[0] : NULL;
    if (!w)
        refuse_wallet(x, request, name);
    return w;
}

void wt_done(wt *x, uint64_t request, qn_status st, qn_json *j)
{
    if (st == QN_OK) {
        wt_answer(x, request, j);
        return;
    }
    qn_json_free(j);
    wt_refuse_status(x, request, st);
    wt_fail(x, st, "cannot keep what was asked for");
}

/* ---- create, remove ---- */

static bool good_name(const char *name)
{
    if (!*name)
        return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return true;
}

static void on_create(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    const char *name = NULL;
    json_t *a = wt_params(x, r->request, params, len);
    if (!a || !text_arg(x, r->request, a, 0, "wallet", WT_NAME_MAX, &name)) {
        json_decref(a);
        return;
    }
    if (!name || !good_name(name))
        wt_refuse(x, r->request, WT_RPC_INVALID, "wallet must be a name of 1 to 64 bytes");
    else if (wt_wallet_find(&x->m, name))
        wt_refuse(x, r->request, WT_RPC_WALLET, "A wallet of this name exists already");
    else if (x->m.n_wallets >= WT_WALLETS_MAX)
        wt_refuse(x, r->request, WT_RPC_WALLET, "There are 1,000 wallets already");
    else {
        const wt_wallet *w = wt_wallet_add(&x->m, 0, name, x->host->time(x->cap));
        qn_json_open(&j, NULL, '{');
        qn_json_text(&j, "name", name);
        qn_json_close(&j, '}');
        wt_done(x, r->request, w ? wt_store_set(x) : QN_E_NOMEM, &j);
    }
    json_decref(a);
}

/* The source that a text names: a descriptor, an address, a script, TXID:N. */
static wt_source *named_source(const wt *x, const wt_wallet *w, const char *text)
{
    for (size_t i = 0; i < x->m.n_sources; i++) {
        wt_source *s = x->m.source[i];
        char coin[80];
        if (s->wallet != w || s->building)
            continue;
        if (s->text && strcmp(s->text, text) == 0)
            return s;
        if (s->kind != WT_OUTPOINT)
            continue;
        for (int b = 0; b < 32; b++)
            snprintf(coin + 2 * b, 3, "%02x", s->coin.txid.b[31 - b]);
        snprintf(coin + 64, sizeof coin - 64, ":%u", s->coin.n);
        if (strcmp(coin, text) == 0)
            return s;
    }
    return NULL;
}

/* By the text of one of them, or of a descriptor with several branches that they are. Out: *any. */
static qn_status remove_named(wt *x, const wt_wallet *w, const char *text, bool *any)
{
    char err[256];
    wt_source *s = named_source(x, w, text);
    *any = s != NULL;
    if (s)
        return wt_source_remove(&x->m, s);
    qn_status st = QN_OK;
    qn_descriptor *d = wt_parse(&x->m, text, strlen(text), false, err, sizeof err);
    for (size_t b = 0; d && b < qn_descriptor_branches(d) && st == QN_OK; b++) {
        size_t len = qn_descriptor_print(d, b, NULL, 0);
        char *one = malloc(len + 1);
        if (one)
            qn_descriptor_print(d, b, one, len + 1);
        s = one ? named_source(x, w, one) : NULL;
        *any = *any || s;
        st = !one ? QN_E_NOMEM : s ? wt_source_remove(&x->m, s) : QN_OK;
        free(one);
    }
    qn_descriptor_free(d);
    return st;
}

/* The wallet goes when nothing else is named, and not when what was to be named is not there: a
 * program's variable without a value is null. False: refused. */
static bool what_arg(const wt *x, uint64_t request, const json_t *a, const char **what)
{
    if (!text_arg(x, request, a, 1, "what", QN_DESC_MAX_TEXT, what))
        return false;
    if (*what || json_array_size(a) < 2)
        return true;
    wt_refuse(x, request, WT_RPC_INVALID, "what must be named, or left out to remove the wallet");
    return false;
}

static void on_remove(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    const char *what = NULL;
    json_t *a = wt_params(x, r->request, params, len);
    wt_wallet *w = NULL;
    if (a && !json_is_string(json_array_get(a, 0)))
        wt_refuse(x, r->request, WT_RPC_INVALID, "wallet must be named");
    else if (a)
        w = wt_wallet_arg(x, r->request, a, 0);
    if (!w || !what_arg(x, r->request, a, &what)) {
        json_decref(a);
        return;
    }
    bool any = true;
    qn_status st = what ? remove_named(x, w, what, &any) : wt_wallet_remove(&x->m, w);
    json_decref(a);
    if (st == QN_OK && !any) {
        wt_refuse(x, r->request, WT_RPC_KEY, "The wallet has no such import");
        return;
    }
    if (st == QN_OK)
        st = wt_stream_sweep(x);
    if (st == QN_OK)
        st = wt_store_set(x);
    qn_json_key_(&j, NULL);
    qn_json_raw(&j, "null", 4);
    wt_done(x, r->request, st, &j);
}

/* ---- newaddress ---- */

wt_source *wt_address_source(const wt *x, const wt_wallet *w, bool internal)
{
    wt_source *only = NULL;
    size_t n = 0;
    for (size_t i = x->m.n_sources; i-- > 0;) {
        wt_source *s = x->m.source[i];
        if (s->wallet != w || !s->ranged || s->building || s->internal != internal ||
            !wt_is_single(&x->m, s))
            continue;
        if (s->active)
            return s;
        only = s;
        n++;
    }
    return n == 1 ? only : NULL;
}

wt_owner *wt_owner_at(const wt_source *s, uint32_t index)
{
    size_t lo = 0, hi = s->n_owners;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->owner[mid]->index < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n_owners && s->owner[lo]->index == index ? s->owner[lo] : NULL;
}

qn_status wt_take_address(wt *x, wt_source *s, wt_owner **o)
{
    uint32_t index = s->next;
    if (index >= QN_DESC_MAX_INDEX)
        return QN_E_END;
    s->next = index + 1;
    s->dirty = true;
    bool all = true;
    qn_status st = wt_stream_derive(x, s, wt_wanted_end(&x->m, s), wt_tip_height(x), &all);
    *o = st == QN_OK ? wt_owner_at(s, index) : NULL;
    if (st != QN_OK || all)
        return st == QN_OK && !*o ? QN_E_UNSUPPORTED : st;
    if (*o && wt_is_watched(*o))
        return QN_OK;         /* though not all that lies behind it */
    if (s->next == index + 1) /* and none behind it was found to be paid */
        s->next = index;
    return QN_E_LIMIT;
}

/* QN_E_END: the range has no more. Out: text. */
static qn_status give_address(wt *x, wt_source *s, const char *label, char text[QN_ADDRESS_MAX])
{
    wt_owner *o = NULL;
    qn_status st = wt_take_address(x, s, &o);
    if (st != QN_OK)
        return st;
    if (!qn_address_encode(x->m.chain, o->script->bytes, o->script->len, text))
        return QN_E_UNSUPPORTED;
    return label && label[0] ? wt_owner_label(o, label) : QN_OK;
}

static void on_newaddress(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    const char *label = NULL;
    char text[QN_ADDRESS_MAX];
    if (wt_later_if(x, r, params, len, on_newaddress))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    const wt_wallet *w = a ? wt_wallet_arg(x, r->request, a, 0) : NULL;
    bool internal = json_is_true(json_array_get(a, 2));
    if (!w || !text_arg(x, r->request, a, 1, "label", WT_LABEL_MAX, &label)) {
        json_decref(a);
        return;
    }
    wt_source *s = wt_address_source(x, w, internal);
    qn_status st = s ? give_address(x, s, label, text) : QN_E_NOTFOUND;
    if (st == QN_E_NOTFOUND)
        wt_refuse(x, r->request, WT_RPC_WALLET,
                  "The wallet has no active descriptor with a range for this");
    else if (st == QN_E_UNSUPPORTED)
        wt_refuse(x, r->request, WT_RPC_WALLET, "Scripts of the descriptor have no address");
    else if (st == QN_E_END || st == QN_E_LIMIT || st == QN_E_INVAL)
        wt_refuse(x, r->request, WT_RPC_WALLET,
                  "No further address: the range or the grant of watch/1 is used up");
    else {
        if (st == QN_OK)
            st = wt_store_set(x);
        if (st == QN_OK)
            qn_json_text(&j, NULL, text);
        wt_done(x, r->request, st, &j);
    }
    json_decref(a);
}

/* ---- rescan ---- */

static void refuse_height(const wt *x, uint64_t request, uint64_t from)
{
    char why[120];
    if (x->m.tip.height == WT_NO_HEIGHT)
        snprintf(why, sizeof why, "Invalid start_height: no block is known yet");
    else
        snprintf(why, sizeof why,
                 "Invalid start_height: %llu, where it can be 0 to %u, the newest block's",
                 (unsigned long long)from, x->m.tip.height);
    wt_refuse(x, request, WT_RPC_INVALID, why);
}

static void start_rescan(wt *x, uint64_t request, uint64_t from)
{
    qn_json j = {0};
    uint64_t id;
    uint32_t lowest;
    if (x->m.tip.height == WT_NO_HEIGHT || from > x->m.tip.height) {
        refuse_height(x, request, from);
        return;
    }
    qn_status st = wt_wishes(x) < WT_WISHES_MAX
                       ? wt_rescan_want(x, &(wt_rescan_for){.from = (uint32_t)from}, &id, &lowest)
                       : QN_E_LIMIT;
    if (st == QN_E_LIMIT) {
        wt_refuse(x, request, WT_RPC_WALLET, "Too many rescans wait");
        return;
    }
    if (st == QN_OK)
        st = wt_store_set(x);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "rescan", st == QN_OK ? (int64_t)id : 0);
    qn_json_int(&j, "start_height", st == QN_OK && lowest > from ? (int64_t)lowest : (int64_t)from);
    qn_json_close(&j, '}');
    wt_done(x, request, st, &j);
}

static void on_rescan(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    uint64_t from = 0, cancel = 0;
    json_t *a = wt_params(x, r->request, params, len);
    bool good = a && wt_number(x, r->request, a, 0, "start_height", UINT32_MAX - 1, &from) &&
                wt_number(x, r->request, a, 1, "cancel", INT64_MAX, &cancel);
    json_decref(a);
    if (!good)
        return;
    if (!cancel) {
        start_rescan(x, r->request, from);
        return;
    }
    qn_status st = wt_rescan_cancel(x, cancel);
    if (st == QN_E_NOTFOUND) {
        wt_refuse(x, r->request, WT_RPC_INVALID, "There is no such rescan");
        return;
    }
    qn_json_bool(&j, NULL, 1);
    wt_done(x, r->request, st, &j);
}

/* ---- the table ---- */

static const struct {
    const char *name, *args, *help;
    qn_rpc_handler_fn *fn;
    uint32_t timeout_ms, max_pending;
} METHOD[] = {
    {"watch.create", "wallet",
     "watch.create \"wallet\"\n\nA new, empty wallet. It has no keys and never will.\n", on_create,
     30000, 64},
    {"watch.import", "wallet requests",
     "watch.import \"wallet\" requests\n\nWatch descriptors, addresses, scripts and outpoints.\n"
     "requests: objects with one of desc (checksum included), address, script (hex), outpoint "
     "(\"TXID:N\"); with timestamp (seconds since 1970, or \"now\") or birthday (a height): blocks "
     "since are looked through; and, as they fit, range (end or [begin,end]), next_index, active, "
     "internal, label.\nEach gets success, or an error. The answer does not wait for the rescan: "
     "watch.status shows it, and an event tells its end.\n",
     wt_on_import, 3600000, 64},
    {"watch.list", "wallet count skip",
     "watch.list ( \"wallet\" count skip )\n\nThe wallets; or what one of them watches.\n",
     wt_on_list, 30000, 64},
    {"watch.remove", "wallet what",
     "watch.remove \"wallet\" ( \"what\" )\n\nForget a wallet and all that was known of it; or one "
     "import of it: a descriptor, an address, a script, TXID:N. A what that is null is refused.\n",
     on_remove, 60000, 64},
    {"watch.newaddress", "wallet label internal",
     "watch.newaddress ( \"wallet\" \"label\" internal )\n\nThe next address of the wallet's "
     "active "
     "descriptor.\n",
     on_newaddress, 30000, 64},
    {"watch.balance", "wallet",
     "watch.balance ( \"wallet\" )\n\nWhat the wallet holds: trusted (confirmed, or change of its "
     "own), untrusted_pending, immature.\n",
     wt_on_balance, 30000, 64},
    {"watch.transactions", "wallet count skip since",
     "watch.transactions ( \"wallet\" count skip since )\n\nThe newest `count` transactions (100) "
     "but for the newest `skip` (0), in the order of the chain, those in no block last. since: "
     "only those behind the block of this height, and those in none.\n",
     wt_on_transactions, 30000, 64},
    {"watch.utxos", "wallet minconf maxconf count skip options",
     "watch.utxos ( \"wallet\" minconf maxconf count skip options )\n\nUnspent coins with minconf "
     "(1) to "
     "maxconf confirmations; locked: kept for an open PSBT, or by watch.lockunspent. options: "
     "{\"include_immature_coinbase\": true} for these too.\n",
     wt_on_utxos, 30000, 64},
    {"watch.psbt", "wallet outputs options",
     "watch.psbt \"wallet\" outputs ( options )\n\nAn unsigned PSBT of the wallet's coins.\n"
     "outputs: {address: amount, ...} or a list of such objects; \"data\": hex for bytes.\n"
     "options: fee_rate (satoshis per virtual byte), or conf_target (blocks, 6) and estimate_mode "
     "(economical, conservative); max_fee_rate (1000); inputs (\"TXID:N\" or txid, vout, "
     "sequence), "
     "add_inputs, minconf (0), include_unsafe (false); subtractFeeFromOutputs (places); "
     "changeAddress, changePosition; lockUnspents (true); replaceable (true), sequence, locktime "
     "(0); psbt_version (2).\n",
     wt_on_psbt, 60000, 64},
    {"watch.finalize", "psbt extract",
     "watch.finalize \"psbt\" ( extract )\n\nMake a PSBT with all its signatures final, and give "
     "the "
     "transaction (extract, true) or the PSBT. Signatures are not checked.\n",
     wt_on_finalize, 30000, 64},
    {"watch.submit", "psbt options",
     "watch.submit \"psbt\" ( options )\n\nFinalize a PSBT that spends a coin of the wallets, and "
     "hand it in.\noptions: max_fee_rate (satoshis per virtual byte, 1000), test (false): only "
     "ask whether it would be taken.\n",
     wt_on_submit, 30000, 64},
    {"watch.lockunspent", "wallet unlock coins",
     "watch.lockunspent \"wallet\" unlock ( coins )\n\nKeep coins (\"TXID:N\" or txid, vout) out "
     "of "
     "PSBTs, or let them go; without coins let all of them go.\n",
     wt_on_lockunspent, 30000, 64},
    {"watch.listlockunspent", "wallet",
     "watch.listlockunspent ( \"wallet\" )\n\nCoins that are locked.\n", wt_on_listlockunspent,
     30000, 64},
    {"watch.rescan", "start_height cancel",
     "watch.rescan ( start_height cancel )\n\nLook through the chain from start_height (0) on; or "
     "give up the rescan of this number.\n",
     on_rescan, 30000, 64},
    {"watch.status", "", "watch.status\n\nWhere it stands, and how much it watches.\n",
     wt_on_status, 30000, 64},
    {"watch.waitevent", "cursor timeout wallet count",
     "watch.waitevent ( cursor timeout \"wallet\" count )\n\nEvents behind `cursor` (default: "
     "those "
     "from now on), at most count (100); when there are none it waits up to timeout seconds (30). "
     "The answer's cursor is the next call's, for ever. missed: events between the two are not "
     "kept any more; ahead, too: the cursor is beyond the last event, of another store than "
     "this.\n",
     wt_on_waitevent, 3600000, 1024},
};

qn_status wt_methods_add(wt *x)
{
    for (size_t i = 0; i < sizeof METHOD / sizeof METHOD[0]; i++) {
        qn_rpc_method limits;
        QN_INIT(&limits);
        limits.set = QN_SET_RPC_METHOD_TIMEOUT_MS | QN_SET_RPC_METHOD_MAX_PENDING;
        limits.timeout_ms = METHOD[i].timeout_ms;
        limits.max_pending = METHOD[i].max_pending;
        qn_status st = x->rpc.t->add(x->rpc.cap, &limits, METHOD[i].name, METHOD[i].args,
                                     METHOD[i].help, METHOD[i].fn, x);
        if (st != QN_OK)
            return st;
    }
    return QN_OK;
}
