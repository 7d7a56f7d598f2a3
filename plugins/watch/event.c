/* Events as JSON: what is stored is what every delivery of an event says, to the last letter. */
#include "lib/address.h"
#include "plugins/watch/watch.h"

#define DETAILS_MAX 100u /* coins that one event lists */

static const char *const STATE[] = {
    [WT_NEW] = "new",
    [WT_MEMPOOL] = "mempool",
    [WT_CONFIRMED] = "confirmed",
    [WT_UNCONFIRMED] = "unconfirmed",
    [WT_GONE] = "gone",
};

static const char *reason_text(uint32_t reason)
{
    switch (reason) {
    case QN_WATCH_GONE_EXPIRY:
        return "expiry";
    case QN_WATCH_GONE_SIZE:
        return "size";
    case QN_WATCH_GONE_REORG:
        return "reorg";
    case QN_WATCH_GONE_CONFLICT:
        return "conflict";
    case QN_WATCH_GONE_REPLACED:
        return "replaced";
    default:
        return "unknown";
    }
}

void wt_put_address(const wt *x, qn_json *j, const wt_script *s)
{
    char text[QN_ADDRESS_MAX];
    if (qn_address_encode(x->m.chain, s->bytes, s->len, text))
        qn_json_text(j, "address", text);
}

static const char *category(const wt *x, const wt_tx *t, const wt_entry *e)
{
    if (e->spent)
        return "send";
    if (!t->coinbase)
        return "receive";
    if (t->state != WT_CONFIRMED)
        return "orphan";
    return wt_immature(&x->m, t) ? "immature" : "generate";
}

static void put_detail(const wt *x, qn_json *j, const wt_wallet *w, const wt_tx *t,
                       const wt_entry *e)
{
    const char *label = wt_label(&x->m, e->coin, w);
    qn_json_open(j, NULL, '{');
    if (e->coin->script)
        wt_put_address(x, j, e->coin->script);
    qn_json_text(j, "category", category(x, t, e));
    qn_json_amount(j, "amount", e->spent ? -e->coin->value : e->coin->value);
    if (label[0])
        qn_json_text(j, "label", label);
    if (!wt_owns(e->coin, w))
        qn_json_bool(j, "outpoint", 1);
    if (!e->spent) {
        qn_json_int(j, "vout", e->io);
    } else {
        qn_json_int(j, "vin", e->io);
        qn_json_hex(j, "spent_txid", e->coin->at.txid.b, 32, 1);
        qn_json_int(j, "spent_vout", e->coin->at.n);
    }
    qn_json_close(j, '}');
}

static void put_where(qn_json *j, const wt_tx *t)
{
    static const qn_hash nobody;
    if (t->state == WT_CONFIRMED) {
        qn_json_hex(j, "blockhash", t->block.hash.b, 32, 1);
        qn_json_int(j, "blockheight", t->block.height);
        qn_json_int(j, "blockindex", t->tx_index);
        qn_json_int(j, "blocktime", t->block_time);
    }
    if (t->state == WT_GONE) {
        qn_json_text(j, "reason", reason_text(t->reason));
        if (memcmp(&t->by, &nobody, sizeof nobody) != 0)
            qn_json_hex(j, t->reason == QN_WATCH_GONE_REPLACED ? "replaced_by_txid" : "by", t->by.b,
                        32, 1);
    }
}

qn_status wt_put_tx(const wt *x, qn_json *j, const wt_wallet *w, const wt_tx *t)
{
    wt_amounts a;
    uint32_t n = 0;
    qn_status st = wt_amounts_of(t, w, &a);
    if (st != QN_OK)
        return st;
    qn_json_text(j, "state", STATE[t->state]);
    qn_json_hex(j, "txid", t->txid.b, 32, 1);
    qn_json_hex(j, "wtxid", t->wtxid.b, 32, 1);
    qn_json_amount(j, "amount", a.received - a.sent);
    if (t->fee >= 0 && t->n_in && a.n_spent == t->n_in)
        qn_json_amount(j, "fee", -t->fee);
    qn_json_bool(j, "generated", t->coinbase);
    put_where(j, t);
    qn_json_int(j, "timereceived", t->received);
    qn_json_text(j, "bip125-replaceable",
                 t->state != WT_MEMPOOL ? "no"
                 : t->replaceable       ? "yes"
                                        : "unknown");
    qn_json_int(j, "n_details", a.n_entries);
    qn_json_open(j, "details", '[');
    for (uint32_t i = 0; i < t->n_entries && n < DETAILS_MAX; i++)
        if (wt_knows(t->entry[i].coin, w)) {
            put_detail(x, j, w, t, &t->entry[i]);
            n++;
        }
    qn_json_close(j, ']');
    return QN_OK;
}

/* ---- telling ---- */

static void put_be(uint8_t *p, uint64_t v, int n)
{
    for (int i = n; i-- > 0; v >>= 8)
        p[i] = (uint8_t)v;
}

/* The row: wallet (0: none), then the JSON. Frees the JSON. */
static qn_status keep(wt *x, uint32_t wallet, qn_json *j)
{
    uint8_t key[9] = {'E'}, head[4];
    qn_json row = {0};
    put_be(key + 1, x->next_event, 8);
    put_be(head, wallet, 4);
    qn_json_raw(&row, (const char *)head, sizeof head);
    if (!j->failed)
        qn_json_raw(&row, j->data, j->len);
    bool failed = j->failed || row.failed;
    if (!failed) {
        qn_batch_put(&x->events, key, sizeof key, row.data, (uint32_t)row.len);
        x->next_event++;
    }
    qn_json_free(j);
    qn_json_free(&row);
    return failed || x->events.failed ? QN_E_NOMEM : QN_OK;
}

static void begin(const wt *x, qn_json *j, const char *event)
{
    qn_json_open(j, NULL, '{');
    qn_json_int(j, "id", (int64_t)x->next_event);
    qn_json_text(j, "event", event);
}

static qn_status tell(void *arg, const wt_wallet *w, const wt_tx *t)
{
    wt *x = arg;
    qn_json j = {0};
    begin(x, &j, t->state == WT_MEMPOOL ? "seen" : STATE[t->state]);
    qn_json_text(&j, "wallet", w->name);
    qn_status st = wt_put_tx(x, &j, w, t);
    qn_json_close(&j, '}');
    if (st == QN_OK)
        return keep(x, w->id, &j);
    qn_json_free(&j);
    return st;
}

qn_status wt_events_tell(wt *x)
{
    return wt_tell(&x->m, tell, x);
}

void wt_event_rescan(wt *x, const wt_wish *w, uint64_t found, const char *status, uint32_t height)
{
    qn_json j = {0};
    const wt_wallet *whose = w->wallet ? wt_wallet_by_id(&x->m, w->wallet) : NULL;
    begin(x, &j, "rescan");
    qn_json_int(&j, "rescan", (int64_t)w->id);
    qn_json_text(&j, "status", status);
    qn_json_int(&j, "start_height", w->from);
    if (height != WT_NO_HEIGHT)
        qn_json_int(&j, "stop_height", height);
    if (whose)
        qn_json_text(&j, "wallet", whose->name);
    qn_json_int(&j, "transactions", (int64_t)found);
    qn_json_close(&j, '}');
    if (keep(x, w->wallet, &j) != QN_OK)
        wt_fail(x, QN_E_NOMEM, "no memory for an event");
}

void wt_event_gap(wt *x, const qn_watch_event *ev)
{
    qn_json j = {0};
    begin(x, &j, "gap");
    qn_json_int(&j, "start_height",
                ev->prev.height == WT_NO_HEIGHT ? 0 : (int64_t)ev->prev.height + 1);
    qn_json_int(&j, "stop_height", (int64_t)ev->ref.height - 1);
    qn_json_close(&j, '}');
    if (keep(x, 0, &j) != QN_OK)
        wt_fail(x, QN_E_NOMEM, "no memory for an event");
}
