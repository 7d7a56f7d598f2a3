/* @NAME@: a plugin for the Quoin node. */
@if block.read/1
#include <quoin/block_read.h>
@end
@if chain.read/1
#include <quoin/chain_read.h>
@end
@if rpc.serve/1
#include <quoin/rpc_serve.h>
@end
#include <quoin/sdk.h>

#include "manifest.h"

typedef struct state {
    const qn_host_1 *host;
    qn_cap *host_cap;
@if chain.read/1
    const qn_chain_read_1 *chain;
    qn_cap *chain_cap;
@end
@if block.read/1
    const qn_block_read_1 *block;
    qn_cap *block_cap;
@end
@if store.own/1
    const qn_store_own_1 *store;
    qn_cap *store_cap;
    qn_batch batch;
@end
@if rpc.serve/1
    const qn_rpc_serve_1 *rpc;
    qn_cap *rpc_cap;
@end
@if chain.follow/1
    qn_follower follower;
    uint64_t blocks, transactions; /* seen since the start */
@end
} state;
@if chain.follow/1

/* ---- the chain, block by block ---- */

static qn_status on_connect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    state *s = arg;
    (void)ev;
    s->blocks++;
    QN_EACH_TX(view, i, tx)
    {
        (void)tx;
        s->transactions++;
    }
    return QN_OK;
}

static qn_status on_disconnect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    state *s = arg;
    (void)ev;
    s->blocks--;
    s->transactions -= view->tx.count;
    return QN_OK;
}

/* Make what was seen durable, together with the place it belongs to. */
static qn_status commit(void *arg, const qn_block_ref *at)
{
    state *s = arg;
    (void)s;
    (void)at;
@end
@if chain.follow/1 store.own/1
    qn_batch_put(&s->batch, "tip", 3, at, sizeof *at);
    qn_batch_put(&s->batch, "blocks", 6, &s->blocks, sizeof s->blocks);
    qn_batch_put(&s->batch, "txs", 3, &s->transactions, sizeof s->transactions);
    return qn_batch_write(&s->batch, s->store, s->store_cap, QN_STORE_SYNC);
}
@end
@if chain.follow/1 !store.own/1
    return QN_OK;
}
@end
@if rpc.serve/1

/* ---- RPC ---- */

static void rpc_status(void *arg, const qn_rpc_request *request, const char *params, uint32_t params_len)
{
    state *s = arg;
    qn_json j = {0};
    (void)params;
    (void)params_len;
    qn_json_open(&j, NULL, '{');
    qn_json_text(&j, "plugin", "@ID@");
@end
@if rpc.serve/1 chain.follow/1
    qn_json_int(&j, "height", (int64_t)s->follower.at.height);
    qn_json_int(&j, "blocks", (int64_t)s->blocks);
@end
@if rpc.serve/1
    qn_json_close(&j, '}');
    (void)s->rpc->reply(s->rpc_cap, request->request, j.data, j.len);
    qn_json_free(&j);
}
@end
@if chain.follow/1 store.own/1

/* Go on where the last commit stands; without one, or when the node does not know that block any
 * more, begin again. */
static qn_status load(state *s)
{
    qn_block_ref tip;
    uint32_t n;
    qn_status st = s->store->get(s->store_cap, 0, "tip", 3, &tip, sizeof tip, &n);
    if (st == QN_OK)
        st = s->store->get(s->store_cap, 0, "blocks", 6, &s->blocks, sizeof s->blocks, &n);
    if (st == QN_OK)
        st = s->store->get(s->store_cap, 0, "txs", 3, &s->transactions, sizeof s->transactions, &n);
    if (st == QN_OK)
        st = qn_follow_start(&s->follower, NULL, &tip.hash, tip.height == UINT32_MAX ? 0 : 1);
    if (st != QN_E_NOTFOUND && st != QN_E_UNKNOWN_TIP)
        return st;
    s->blocks = s->transactions = 0;
    st = s->store->wipe(s->store_cap);
    return st == QN_OK ? qn_follow_start(&s->follower, NULL, NULL, 0) : st;
}
@end

/* ---- life ---- */

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    state *s = calloc(1, sizeof *s);
    const void *table;
    qn_status st = s ? QN_OK : QN_E_NOMEM;
    if (st != QN_OK)
        return st;
    s->host = host;
    s->host_cap = cap;
@if chain.read/1
    if (st == QN_OK && (st = host->get(cap, QN_CHAIN_READ_1_ID, 1, &table, &s->chain_cap)) == QN_OK)
        s->chain = table;
@end
@if block.read/1
    if (st == QN_OK && (st = host->get(cap, QN_BLOCK_READ_1_ID, 1, &table, &s->block_cap)) == QN_OK)
        s->block = table;
@end
@if store.own/1
    if (st == QN_OK && (st = host->get(cap, QN_STORE_OWN_1_ID, 1, &table, &s->store_cap)) == QN_OK)
        s->store = table;
@end
@if rpc.serve/1
    if (st == QN_OK && (st = host->get(cap, QN_RPC_SERVE_1_ID, 1, &table, &s->rpc_cap)) == QN_OK)
        s->rpc = table;
@end
@if chain.follow/1
    if (st == QN_OK && (st = host->get(cap, QN_CHAIN_FOLLOW_1_ID, 1, &table, &s->follower.cap)) == QN_OK)
        s->follower.table = table;
@end
    (void)table;
    if (st != QN_OK) {
        free(s);
        return st;
    }
    qn_logf(host, cap, QN_LOG_INFO, "%s", qn_config_text(config, "greeting"));
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    qn_status st = QN_OK;
    (void)s;
@if rpc.serve/1
    st = s->rpc->add(s->rpc_cap, NULL, "@NAME@.status", "", "@NAME@.status\nHow the plugin is.",
                     rpc_status, s);
    if (st != QN_OK)
        return st;
@end
@if chain.follow/1
    s->follower.host = s->host;
    s->follower.host_cap = s->host_cap;
    s->follower.on = (qn_follow_handlers){on_connect, on_disconnect, NULL, commit, s};
@end
@if chain.follow/1 store.own/1
    st = load(s);
@end
@if chain.follow/1 !store.own/1
    st = qn_follow_start(&s->follower, NULL, NULL, 0); /* from genesis */
@end
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    (void)s;
@if chain.follow/1
    qn_follow_end(&s->follower);
@end
    return QN_OK;
}

static void fini(void *self)
{
    state *s = self;
@if store.own/1
    qn_batch_free(&s->batch);
@end
    free(s);
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "@ID@",
                                     .version = "0.1.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = fini};
