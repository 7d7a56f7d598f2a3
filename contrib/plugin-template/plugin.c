/* @NAME@: a plugin for the Quoin node. */
@if block.read/1
#include <quoin/block_read.h>
@end
@if chain.read/1
#include <quoin/chain_read.h>
@end
@if fees.estimate/1
#include <quoin/fees_estimate.h>
@end
@if http.serve/1
#include <quoin/http_serve.h>
@end
@if coins.read/1
#include <quoin/coins_read.h>
@end
@if mempool.read/1
#include <quoin/mempool_read.h>
@end
@if net.connect/1
#include <quoin/net_connect.h>
@end
@if net.listen/1
#include <quoin/net_listen.h>
@end
@if node.control/1
#include <quoin/node_control.h>
@end
@if node.read/1
#include <quoin/node_read.h>
@end
@if peers.control/1
#include <quoin/peers_control.h>
@end
@if peers.read/1
#include <quoin/peers_read.h>
@end
@if rpc.serve/1
#include <quoin/rpc_serve.h>
@end
#include <quoin/sdk.h>
@if mining.template/1
#include <quoin/mining_template.h>
@end
@if mining.submit/1
#include <quoin/mining_submit.h>
@end
@if mining.check/1
#include <quoin/mining_check.h>
@end
@if tx.submit/1
#include <quoin/tx_submit.h>
@end
@if net.listen/1

#include <unistd.h>
@end
@if net.connect/1 !net.listen/1

#include <unistd.h>
@end

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
@if http.serve/1
    const qn_http_serve_1 *http;
    qn_cap *http_cap;
@end
@if net.listen/1
    const qn_net_listen_1 *listen;
    qn_cap *listen_cap;
    char address[61];
@end
@if net.connect/1
    const qn_net_connect_1 *connect;
    qn_cap *connect_cap;
    char target[201];
@end
@if node.read/1
    const qn_node_read_1 *node;
    qn_cap *node_cap;
@end
@if node.control/1
    const qn_node_control_1 *control;
    qn_cap *control_cap;
@end
@if peers.read/1
    const qn_peers_read_1 *peers;
    qn_cap *peers_cap;
@end
@if peers.control/1
    const qn_peers_control_1 *bouncer;
    qn_cap *bouncer_cap;
@end
@if coins.read/1
    const qn_coins_read_1 *coins;
    qn_cap *coins_cap;
@end
@if mempool.read/1
    const qn_mempool_read_1 *waiting;
    qn_cap *waiting_cap;
@end
@if mempool.follow/1
    qn_pool_follower pool;
    uint64_t pooled; /* transactions in the mempool */
@end
@if tx.submit/1
    const qn_tx_submit_1 *submit;
    qn_cap *submit_cap;
@end
@if fees.estimate/1
    const qn_fees_estimate_1 *fees;
    qn_cap *fees_cap;
@end
@if mining.template/1
    const qn_mining_template_1 *mining;
    qn_cap *mining_cap;
    uint64_t templates; /* the subscription */
@end
@if mining.submit/1
    const qn_mining_submit_1 *solved;
    qn_cap *solved_cap;
@end
@if mining.check/1
    const qn_mining_check_1 *check;
    qn_cap *check_cap;
@end
@if others
    qn_cap *other_cap;
@end
} state;
@if mining.template/1

/* ---- what would be mined next ---- */

static void on_template(void *arg, uint64_t subscription, int32_t status)
{
    state *s = arg;
    qn_template_view v;
    qn_status st = status;
    QN_INIT(&v);
    while (st == QN_OK && (st = s->mining->next(s->mining_cap, subscription, &v)) == QN_OK) {
        qn_logf(s->host, s->host_cap, QN_LOG_INFO, "block %u would have %u transactions", v.height,
                v.n_tx);
        st = s->mining->release(s->mining_cap, v.id);
    }
    if (st != QN_E_AGAIN && st != QN_E_NOTREADY)
        s->host->fail(s->host_cap, st, "templates", 9);
}
@end
@if mempool.follow/1

/* ---- the mempool, change by change ---- */

static qn_status on_added(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    (void)ev;
    s->pooled++;
    return QN_OK;
}

static qn_status on_removed(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    (void)ev;
    s->pooled--;
    return QN_OK;
}

/* It was too slow, and begins anew. */
static qn_status on_forget(void *arg)
{
    state *s = arg;
    s->pooled = 0;
    return QN_OK;
}

static qn_status on_synced(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    (void)ev;
    if (s->pooled)
        qn_logf(s->host, s->host_cap, QN_LOG_INFO, "%llu transactions wait",
                (unsigned long long)s->pooled);
    return QN_OK;
}
@end
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
@if chain.follow/1 mempool.follow/1
    qn_pool_follow_run(&s->pool); /* what waited for the chain to stand here */
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
@if http.serve/1

/* ---- pages ---- */

static void page(void *arg, const qn_http_request *request, const void *data, uint32_t data_len)
{
    state *s = arg;
    qn_json j = {0};
    (void)data;
    (void)data_len;
    qn_json_open(&j, NULL, '{');
    qn_json_text(&j, "plugin", "@ID@");
    qn_json_close(&j, '}');
    (void)s->http->reply(s->http_cap, request->request, 200, "application/json", j.data, j.len);
    qn_json_free(&j);
}
@end
@if net.listen/1

/* ---- who connects ---- */

/* Greets and closes. To read what is sent, watch the descriptor: io_watch(). */
static void on_accept(void *arg, uint64_t listener, uint64_t connection, int32_t fd,
                      const char *peer, uint32_t peer_len)
{
    state *s = arg;
    (void)listener;
    if (write(fd, "hello\n", 6) == 6)
        qn_logf(s->host, s->host_cap, QN_LOG_INFO, "greeted %.*s", (int)peer_len, peer);
    close(fd);
    (void)s->listen->done(s->listen_cap, connection);
}
@end
@if net.connect/1

/* ---- whom it connects to ---- */

static void on_connected(void *arg, uint64_t request, int32_t status, int32_t fd)
{
    state *s = arg;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "%s: %s", s->target,
            status == QN_OK ? "connected" : "cannot be reached");
    if (status != QN_OK)
        return;
    close(fd);
    (void)s->connect->done(s->connect_cap, request);
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
@if http.serve/1
    if (st == QN_OK && (st = host->get(cap, QN_HTTP_SERVE_1_ID, 1, &table, &s->http_cap)) == QN_OK)
        s->http = table;
@end
@if net.listen/1
    if (st == QN_OK && (st = host->get(cap, QN_NET_LISTEN_1_ID, 1, &table, &s->listen_cap)) == QN_OK)
        s->listen = table;
@end
@if net.connect/1
    if (st == QN_OK && (st = host->get(cap, QN_NET_CONNECT_1_ID, 1, &table, &s->connect_cap)) == QN_OK)
        s->connect = table;
@end
@if node.read/1
    if (st == QN_OK && (st = host->get(cap, QN_NODE_READ_1_ID, 1, &table, &s->node_cap)) == QN_OK)
        s->node = table;
@end
@if node.control/1
    if (st == QN_OK && (st = host->get(cap, QN_NODE_CONTROL_1_ID, 1, &table, &s->control_cap)) == QN_OK)
        s->control = table;
@end
@if peers.read/1
    if (st == QN_OK && (st = host->get(cap, QN_PEERS_READ_1_ID, 1, &table, &s->peers_cap)) == QN_OK)
        s->peers = table;
@end
@if peers.control/1
    if (st == QN_OK && (st = host->get(cap, QN_PEERS_CONTROL_1_ID, 1, &table, &s->bouncer_cap)) == QN_OK)
        s->bouncer = table;
@end
@if coins.read/1
    if (st == QN_OK && (st = host->get(cap, QN_COINS_READ_1_ID, 1, &table, &s->coins_cap)) == QN_OK)
        s->coins = table;
@end
@if mempool.read/1
    if (st == QN_OK && (st = host->get(cap, QN_MEMPOOL_READ_1_ID, 1, &table, &s->waiting_cap)) == QN_OK)
        s->waiting = table;
@end
@if mempool.follow/1
    if (st == QN_OK && (st = host->get(cap, QN_MEMPOOL_FOLLOW_1_ID, 1, &table, &s->pool.cap)) == QN_OK)
        s->pool.table = table;
@end
@if tx.submit/1
    if (st == QN_OK && (st = host->get(cap, QN_TX_SUBMIT_1_ID, 1, &table, &s->submit_cap)) == QN_OK)
        s->submit = table;
@end
@if fees.estimate/1
    if (st == QN_OK && (st = host->get(cap, QN_FEES_ESTIMATE_1_ID, 1, &table, &s->fees_cap)) == QN_OK)
        s->fees = table;
@end
@if mining.template/1
    if (st == QN_OK && (st = host->get(cap, QN_MINING_TEMPLATE_1_ID, 1, &table, &s->mining_cap)) == QN_OK)
        s->mining = table;
@end
@if mining.submit/1
    if (st == QN_OK && (st = host->get(cap, QN_MINING_SUBMIT_1_ID, 1, &table, &s->solved_cap)) == QN_OK)
        s->solved = table;
@end
@if mining.check/1
    if (st == QN_OK && (st = host->get(cap, QN_MINING_CHECK_1_ID, 1, &table, &s->check_cap)) == QN_OK)
        s->check = table;
@end
@if others
@OTHERS@
@end
    (void)table;
    if (st != QN_OK) {
        free(s);
        return st;
    }
@if net.listen/1
    snprintf(s->address, sizeof s->address, "%s", qn_config_text(config, "listen"));
@end
@if net.connect/1
    snprintf(s->target, sizeof s->target, "%s", qn_config_text(config, "target"));
@end
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
@if http.serve/1
    if ((st = s->http->add(s->http_cap, NULL, "/", page, s)) != QN_OK)
        return st;
@end
@if net.listen/1
    uint64_t listener;
    st = s->listen->open(s->listen_cap, s->address, on_accept, s, &listener);
    if (st != QN_OK) {
        qn_logf(s->host, s->host_cap, QN_LOG_ERROR, "%s: status %d (is it granted?)", s->address, (int)st);
        return st;
    }
@end
@if net.connect/1
    uint64_t request;
    st = s->connect->connect(s->connect_cap, NULL, s->target, on_connected, s, &request);
    if (st != QN_OK) {
        qn_logf(s->host, s->host_cap, QN_LOG_ERROR, "%s: status %d (is it granted?)", s->target, (int)st);
        return st;
    }
@end
@if node.read/1
    qn_node_info info;
    QN_INIT(&info);
    if ((st = s->node->info(s->node_cap, &info)) != QN_OK)
        return st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "the node is on %s", info.network);
@end
@if node.control/1
    /* Each way to act is granted by itself; this one is log=yes. */
    st = s->control->log_level(s->control_cap, "all", QN_LOG_INFO);
    if (st == QN_E_DENIED)
        qn_logf(s->host, s->host_cap, QN_LOG_INFO, "log=yes is not granted");
    else if (st != QN_OK)
        return st;
    st = QN_OK;
@end
@if peers.read/1
    qn_peers_info peers;
    QN_INIT(&peers);
    if ((st = s->peers->info(s->peers_cap, &peers)) != QN_OK)
        return st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "the node may have %u peers", peers.max_connections);
@end
@if peers.control/1
    /* Each way to act is granted by itself; this one is ban=yes. */
    st = s->bouncer->ban(s->bouncer_cap, "203.0.113.0/24", 0, 0);
    if (st == QN_E_DENIED)
        qn_logf(s->host, s->host_cap, QN_LOG_INFO, "ban=yes is not granted");
    else if (st != QN_OK && st != QN_E_EXISTS)
        return st;
    st = QN_OK;
@end
@if coins.read/1
    /* Nothing in particular: the answer names the tip for which it is true. */
    qn_coins_at coins_at;
    uint32_t n_scripts = 0;
    if ((st = s->coins->coins(s->coins_cap, NULL, 0, NULL, NULL, 0, &n_scripts, &coins_at)) != QN_OK)
        return st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "coins are known at height %u", coins_at.height);
@end
@if mempool.read/1
    qn_mempool_info waiting;
    QN_INIT(&waiting);
    if ((st = s->waiting->info(s->waiting_cap, &waiting)) != QN_OK)
        return st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "the mempool may take %llu bytes",
            (unsigned long long)waiting.max_usage);
@end
@if tx.submit/1
    /* Not a transaction: a refusal is an answer, not a failure. */
    qn_submit_result result;
    if ((st = s->submit->submit(s->submit_cap, "hello", 5, QN_SUBMIT_TEST, &result)) != QN_OK)
        return st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "a test was %s",
            result.is == QN_SUBMIT_IS_ACCEPTED ? "accepted" : "refused");
@end
@if fees.estimate/1
    qn_fees_floors floors;
    QN_INIT(&floors);
    if ((st = s->fees->floors(s->fees_cap, &floors)) != QN_OK)
        return st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "relayed from %lld sat/kvB on", (long long)floors.min_relay);
@end
@if mining.template/1
    if ((st = s->mining->open(s->mining_cap, NULL, NULL, on_template, s, &s->templates)) != QN_OK)
        return st;
@end
@if mining.submit/1
    /* No block at all: a mistake of ours, and nothing was handed in. */
    qn_mining_result became;
    QN_INIT(&became);
    st = s->solved->block(s->solved_cap, "no block", 8, 0, &became);
    if (st != QN_E_INVAL)
        return st == QN_OK ? QN_E_INTERNAL : st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "blocks can be handed in");
    st = QN_OK;
@end
@if mining.check/1
    qn_mining_result judged;
    QN_INIT(&judged);
    st = s->check->block(s->check_cap, "no block", 8, QN_CHECK_NO_POW, &judged);
    if (st != QN_E_INVAL)
        return st == QN_OK ? QN_E_INTERNAL : st;
    qn_logf(s->host, s->host_cap, QN_LOG_INFO, "blocks can be judged");
    st = QN_OK;
@end
@if mempool.follow/1
    s->pool.host = s->host;
    s->pool.host_cap = s->host_cap;
    s->pool.on = (qn_pool_handlers){on_added, on_removed, on_synced, NULL, on_forget, s};
@end
@if mempool.follow/1 chain.follow/1
    s->pool.chain = &s->follower;
@end
@if mempool.follow/1
    if ((st = qn_pool_follow_start(&s->pool, NULL)) != QN_OK)
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
@if mempool.follow/1
    qn_pool_follow_end(&s->pool);
@end
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
