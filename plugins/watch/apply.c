/* Events in. Every event may come again, so each is taken as a statement of how things are. */
#include "lib/tx.h"
#include "plugins/watch/model.h"

#include <stdlib.h>
#include <string.h>

#define SEQUENCE_FINAL 0xfffffffeu /* from here on an input signals nothing (BIP125) */

/* What the bytes tell, once. */
static qn_status read_bytes(wt_tx *t, const uint8_t *raw, uint32_t len)
{
    qn_tx_view v;
    qn_tx_cursor c = {0};
    qn_tx_in in;
    if (t->n_in || !raw)
        return QN_OK;
    if (!qn_tx_read(raw, len, &v) || v.len != len)
        return QN_E_CORRUPT;
    t->n_in = v.n_in;
    while (qn_tx_next_in(&v, &c, &in))
        if (in.sequence < SEQUENCE_FINAL)
            t->replaceable = true;
    t->raw = malloc(len);
    if (!t->raw)
        return QN_E_NOMEM;
    memcpy(t->raw, raw, len);
    t->raw_len = len;
    return QN_OK;
}

static bool money(int64_t v)
{
    return v >= 0 && v <= WT_MONEY_MAX;
}

/* An index of a range that was paid: more may have to be derived. */
static void use(const wt_coin *c, bool *used)
{
    for (wt_owner *o = c->script->owner; o; o = o->next)
        if (wt_use(o) && used)
            *used = true;
}

static void confirm(wt_model *m, wt_tx *t, const qn_watch_event *ev)
{
    t->coinbase = (ev->flags & QN_WATCH_EVF_COINBASE) != 0;
    wt_set_state(m, t, WT_CONFIRMED);
    t->block = ev->ref;
    t->tx_index = ev->tx_index;
    t->block_time = ev->time;
    if (!t->received)
        t->received = ev->time;
}

static void take_state(wt_model *m, wt_tx *t, const qn_watch_event *ev)
{
    t->sought = false;
    if (ev->type == QN_WATCH_EV_CONFIRMED) {
        confirm(m, t, ev);
    } else if (t->state != WT_CONFIRMED) {
        /* The mempool has nothing that a block has: where both are told, the block is right. */
        wt_set_state(m, t, WT_MEMPOOL);
        if (!t->received)
            t->received = ev->time;
    }
}

static qn_status leave_block(wt_model *m, const qn_watch_event *ev)
{
    wt_tx *t = wt_tx_find(m, &ev->txid);
    if (!t || t->state != WT_CONFIRMED || memcmp(&t->block, &ev->ref, sizeof ev->ref) != 0)
        return QN_OK; /* it came to be known after this block was passed, or not at all */
    wt_set_state(m, t, WT_UNCONFIRMED);
    t->sought = false;
    wt_touch(m, t);
    return QN_OK;
}

/* It is known to spend the coin, and told again. */
static bool spends(const wt_tx *t, const wt_coin *c)
{
    for (uint32_t i = 0; c && wt_alive(t) && i < c->n_spenders; i++)
        if (c->spender[i] == t)
            return true;
    return false;
}

static qn_status enter(wt_model *m, wt_tx *t, const qn_watch_event *ev, const uint8_t *script)
{
    const uint32_t before = t->n_entries;
    qn_status st = wt_tx_entry(m, t, &ev->coin, (ev->flags & QN_WATCH_EVF_SPENT) != 0, ev->io,
                               ev->value, script, ev->script_len);
    if (t->n_entries > before)
        t->entry[before].untold = true;
    return st;
}

qn_status wt_apply_hit(wt_model *m, const qn_watch_event *ev, const uint8_t *tx,
                       const uint8_t *script, bool *used)
{
    const qn_mempool_outpoint *at = &ev->coin;
    bool spent = (ev->flags & QN_WATCH_EVF_SPENT) != 0;
    if (ev->type == QN_WATCH_EV_UNCONFIRMED)
        return leave_block(m, ev);
    const wt_script *s = wt_script_find(m, script, ev->script_len);
    const wt_coin *c = wt_coin_find(m, at);
    if (!(s && s->owner) && !(c && c->watcher))
        return QN_OK; /* it was removed while this event was on its way */
    if (!money(ev->value))
        return QN_E_CORRUPT;
    wt_tx *t = wt_tx_find(m, &ev->txid);
    if (!t && !(t = wt_tx_add(m, &ev->txid)))
        return QN_E_NOMEM;
    t->wtxid = ev->wtxid;
    if (ev->fee >= 0 || t->fee < 0)
        t->fee = ev->fee >= 0 ? ev->fee : -1;
    const bool again = ev->type == QN_WATCH_EV_SEEN && spends(t, c);
    qn_status st = read_bytes(t, tx, ev->tx_len);
    if (st == QN_OK)
        st = enter(m, t, ev, script);
    wt_coin *made = st == QN_OK ? wt_coin_find(m, at) : NULL;
    if (made && spent && !again) /* a PSBT that replaces a spender keeps it from others still */
        st = wt_lock(m, made, false); /* what it was kept for is done */
    if (st != QN_OK)
        return st;
    take_state(m, t, ev);
    use(made, used);
    wt_touch(m, t);
    return QN_OK;
}

static void go(wt_model *m, wt_tx *t, uint32_t reason, const qn_hash *by)
{
    wt_set_state(m, t, WT_GONE);
    t->sought = false;
    t->reason = reason;
    t->by = *by;
    wt_touch(m, t);
}

qn_status wt_apply_gone(wt_model *m, const qn_watch_event *ev)
{
    wt_tx *t = wt_tx_find(m, &ev->txid);
    if (t && (t->state == WT_MEMPOOL || t->state == WT_UNCONFIRMED))
        go(m, t, ev->reason, &ev->by);
    return QN_OK;
}

/* It left while nobody listened. Another spender of one of its coins tells why. */
static void go_unheard(wt_model *m, wt_tx *t)
{
    const wt_tx *culprit = NULL;
    for (uint32_t i = 0; i < t->n_entries; i++) {
        const wt_coin *c = t->entry[i].coin;
        for (uint32_t k = 0; t->entry[i].spent && k < c->n_spenders; k++) {
            const wt_tx *o = c->spender[k];
            if (o != t && wt_alive(o) && !o->sought && !(culprit && culprit->state == WT_CONFIRMED))
                culprit = o;
        }
    }
    static const qn_hash nobody;
    uint32_t reason = !culprit                         ? QN_WATCH_GONE_UNKNOWN
                      : culprit->state == WT_CONFIRMED ? QN_WATCH_GONE_CONFLICT
                                                       : QN_WATCH_GONE_REPLACED;
    go(m, t, reason, culprit ? &culprit->txid : &nobody);
}

/* The node would have told of it. */
static bool is_told(const wt_tx *t)
{
    for (uint32_t i = 0; i < t->n_entries; i++)
        if (wt_is_told(t->entry[i].coin))
            return true;
    return false;
}

qn_status wt_apply_synced(wt_model *m)
{
    for (wt_node *n = wt_map_next(&m->txs, NULL); n; n = wt_map_next(&m->txs, n)) {
        wt_tx *t = (wt_tx *)n;
        if (t->sought && (t->state == WT_MEMPOOL || t->state == WT_UNCONFIRMED) && is_told(t))
            go_unheard(m, t);
    }
    return QN_OK;
}

void wt_apply_tip(wt_model *m, const qn_block_ref *tip)
{
    /* Coinbases may be too young again. */
    m->miscounted = m->miscounted || (m->matured && tip->height < m->tip.height);
    m->tip = *tip;
}

void wt_seek(wt_model *m)
{
    for (wt_node *n = wt_map_next(&m->txs, NULL); n; n = wt_map_next(&m->txs, n)) {
        wt_tx *t = (wt_tx *)n;
        t->sought = t->state == WT_MEMPOOL || t->state == WT_UNCONFIRMED;
    }
}

static void unconfirm(wt_model *m, wt_tx *t)
{
    wt_set_state(m, t, WT_UNCONFIRMED);
    t->sought = true;
    wt_touch(m, t);
}

void wt_apply_unblock(wt_model *m, const qn_block_ref *block)
{
    for (wt_node *n = wt_map_next(&m->txs, NULL); n; n = wt_map_next(&m->txs, n)) {
        wt_tx *t = (wt_tx *)n;
        if (t->state == WT_CONFIRMED && memcmp(&t->block, block, sizeof *block) == 0)
            unconfirm(m, t);
    }
}

qn_status wt_roll_back(wt_model *m, uint32_t height)
{
    for (wt_node *n = wt_map_next(&m->txs, NULL); n; n = wt_map_next(&m->txs, n)) {
        wt_tx *t = (wt_tx *)n;
        if (t->state == WT_CONFIRMED && (height == WT_NO_HEIGHT || t->block.height > height))
            unconfirm(m, t);
    }
    return QN_OK;
}
