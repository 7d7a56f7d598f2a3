/* A wallet of the watch plugin with many coins, each of a transaction and a script of its own. */
#include "lib/secp/curve.h"
#include "plugins/watch/model.h"
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

typedef struct wallet {
    wt_model m;
    wt_wallet *w;
} wallet;

static void add_coin(wallet *x, wt_source *s, uint32_t n)
{
    uint8_t script[22] = {0, 20};
    qn_watch_event ev = {.type = QN_WATCH_EV_CONFIRMED, .value = 1000, .fee = -1, .script_len = 22};
    memcpy(script + 2, &n, sizeof n);
    memcpy(ev.txid.b, &n, sizeof n);
    ev.coin.txid = ev.txid;
    ev.ref.height = n / 100;
    if (wt_own(&x->m, s, n, 0, script, sizeof script, 0, NULL) != QN_OK ||
        wt_apply_hit(&x->m, &ev, NULL, script, NULL) != QN_OK)
        abort();
}

static void open_wallet(wallet *x, uint32_t coins)
{
    const uint8_t seed[16] = {1};
    const qn_curve curve = qn_secp_curve(NULL);
    wt_model_init(&x->m, qn_chain_by_name("regtest"), &curve, seed, 20);
    x->w = wt_wallet_add(&x->m, 0, "w", 0);
    wt_source *s = wt_source_add(&x->m, 0, x->w, WT_DESCRIPTOR, "text", "");
    if (!x->w || !s)
        abort();
    for (uint32_t i = 0; i < coins; i++)
        add_coin(x, s, i);
    const qn_block_ref tip = {.height = coins};
    wt_apply_tip(&x->m, &tip);
}

static void balance(void *arg)
{
    wallet *x = arg;
    wt_balance b;
    if (wt_balance_of(&x->m, x->w, &b) != QN_OK || b.trusted != (int64_t)x->m.coins.n * 1000)
        abort();
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "watch wallet");
    wallet x;
    open_wallet(&x, qc_bench_is_smoke(b) ? 1000 : 100000);
    qc_bench_run(b, "balance of 100,000 coins", balance, &x, 1);
    wt_model_clear(&x.m);
    return qc_bench_end(b);
}
