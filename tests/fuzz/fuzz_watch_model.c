/* What the watch plugin keeps: rows of its store as they may have been damaged, and events about a
 * few scripts in any order. The first byte says which row the rest is, or that it is events; what
 * was read is written and read again. */
#include "plugins/watch/rows.h"
#include "tests/fuzz/fuzz.h"

#include "lib/secp/curve.h"

#include <stdlib.h>
#include <string.h>

static void set_up(wt_model *m)
{
    static const uint8_t seed[16] = {1};
    const qn_curve curve = qn_secp_curve(NULL);
    wt_model_init(m, qn_chain_by_name("regtest"), &curve, seed, 3);
    wt_wallet *w = wt_wallet_add(m, 1, "w", 0);
    wt_source *s = w ? wt_source_add(m, 1, w, WT_SCRIPT, "t", "l") : NULL;
    for (uint8_t i = 0; s && i < 4; i++) {
        const uint8_t script[2] = {0x51, i};
        (void)wt_own(m, s, i, 0, script, 2, 0, NULL);
    }
}

static qn_status one_row(wt_model *m, int kind, wt_read *r)
{
    static const qn_hash txid = {{7}};
    if (kind == 0)
        return wt_read_source(m, 2, r);
    return kind == 1 ? wt_read_owner(m, wt_source_by_id(m, 1), 9, 0, r) : wt_read_tx(m, &txid, r);
}

static void again(int kind, const wt_row *row)
{
    wt_model m;
    set_up(&m);
    wt_read r = {row->data, row->len, false};
    if (!row->failed && one_row(&m, kind, &r) != QN_OK)
        abort();
    wt_model_clear(&m);
}

static void rows(wt_model *m, int kind, const uint8_t *data, size_t len)
{
    static const qn_hash txid = {{7}};
    wt_read r = {data, len, false};
    wt_row out = {0};
    if (one_row(m, kind, &r) != QN_OK)
        return;
    if (kind == 0)
        wt_write_source(&out, wt_source_by_id(m, 2));
    if (kind == 2)
        wt_write_tx(&out, wt_tx_find(m, &txid));
    if (kind != 1)
        again(kind, &out);
    wt_row_free(&out);
}

static qn_status told(void *arg, const wt_wallet *w, const wt_tx *t)
{
    (void)arg;
    if (!wt_concerns(t, w))
        abort();
    return QN_OK;
}

/* Ten bytes are an event. */
static void event(wt_model *m, const uint8_t *p)
{
    const uint8_t script[2] = {0x51, p[1] % 6};
    qn_watch_event ev = {.type = p[0] % 5, .flags = p[2], .value = p[3] * INT64_C(100000000000000)};
    ev.txid.b[0] = p[4] % 8;
    ev.coin.txid.b[0] = p[5] % 8;
    ev.coin.n = p[6] % 3;
    ev.ref.height = ev.ref.hash.b[0] = p[7] % 9;
    ev.script_len = 2;
    ev.reason = p[8];
    if (ev.type == QN_WATCH_EV_GONE)
        (void)wt_apply_gone(m, &ev);
    else if (ev.type)
        (void)wt_apply_hit(m, &ev, NULL, script, NULL);
    else if (p[9] % 4 == 0)
        (void)wt_apply_synced(m);
    else if (p[9] % 4 == 1)
        wt_seek(m);
    else if (p[9] % 4 == 2)
        wt_apply_tip(m, &ev.ref);
    else
        (void)wt_roll_back(m, p[8] % 9);
    if (p[9] & 16)
        (void)wt_tell(m, told, NULL);
}

static void events(wt_model *m, const uint8_t *data, size_t len)
{
    wt_balance b;
    wt_coin **coin = NULL;
    wt_tx **tx = NULL;
    size_t n;
    for (; len >= 10; data += 10, len -= 10)
        event(m, data);
    (void)wt_balance_of(m, m->wallet[0], &b);
    if (wt_coins_of(m, m->wallet[0], &coin, &n) == QN_OK)
        free(coin);
    if (wt_txs_of(m, m->wallet[0], &tx, &n) == QN_OK)
        free(tx);
    if (wt_wallet_remove(m, m->wallet[0]) != QN_OK || wt_sweep(m) != QN_OK)
        return;
    if (m->txs.n || m->coins.n || m->scripts.n)
        abort(); /* it concerned nobody else */
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    wt_model m;
    if (!len)
        return 0;
    set_up(&m);
    if (data[0] % 4 < 3)
        rows(&m, data[0] % 4, data + 1, len - 1);
    else
        events(&m, data + 1, len - 1);
    wt_model_clear(&m);
    return 0;
}
