/* Counts the blocks and transactions of the chain. */
#include <quoin/rpc_serve.h>
#include <quoin/sdk.h>

#include "manifest.h"

typedef struct counts {
    qn_block_ref at; /* the block that the numbers stand on */
    uint32_t pad;
    uint64_t blocks, transactions;
} counts;

typedef struct state {
    const qn_host_1 *host;
    const qn_store_own_1 *store;
    const qn_rpc_serve_1 *rpc;
    qn_cap *cap, *store_cap, *rpc_cap;
    qn_follower follower;
    counts now;
} state;

static qn_status on_connect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    state *s = arg;
    (void)ev;
    s->now.blocks++;
    s->now.transactions += view->tx.count;
    return QN_OK;
}

static qn_status on_disconnect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    state *s = arg;
    (void)ev;
    s->now.blocks--;
    s->now.transactions -= view->tx.count;
    return QN_OK;
}

/* Numbers and position in one batch: a crash leaves both or none. */
static qn_status commit(void *arg, const qn_block_ref *at)
{
    state *s = arg;
    qn_batch b = {0};
    s->now.at = *at;
    qn_batch_put(&b, "now", 3, &s->now, sizeof s->now);
    qn_status st = qn_batch_write(&b, s->store, s->store_cap, QN_STORE_SYNC);
    qn_batch_free(&b);
    return st;
}

static void rpc_status(void *arg, const qn_rpc_request *request, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    (void)params;
    (void)len;
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "blocks", (int64_t)s->now.blocks);
    qn_json_int(&j, "transactions", (int64_t)s->now.transactions);
    qn_json_close(&j, '}');
    (void)s->rpc->reply(s->rpc_cap, request->request, j.data, j.len);
    qn_json_free(&j);
}

/* Go on where the last commit stands; begin again when there is none, or when the node does not know
 * that block. */
static qn_status follow(state *s)
{
    uint32_t n = 0;
    qn_status st = s->store->get(s->store_cap, 0, "now", 3, &s->now, sizeof s->now, &n);
    if (st == QN_OK)
        st = qn_follow_start(&s->follower, NULL, &s->now.at.hash, 1);
    if (st != QN_E_NOTFOUND && st != QN_E_UNKNOWN_TIP)
        return st;
    memset(&s->now, 0, sizeof s->now);
    return qn_follow_start(&s->follower, NULL, NULL, 0);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    qn_status st = host->get(cap, QN_STORE_OWN_1_ID, 1, &table, &s->store_cap);
    if (st == QN_OK) {
        s->store = table;
        st = host->get(cap, QN_RPC_SERVE_1_ID, 1, &table, &s->rpc_cap);
    }
    if (st == QN_OK) {
        s->rpc = table;
        st = host->get(cap, QN_CHAIN_FOLLOW_1_ID, 1, &table, &s->follower.cap);
    }
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->follower.table = table;
    s->follower.host = host;
    s->follower.host_cap = cap;
    s->follower.on = (qn_follow_handlers){on_connect, on_disconnect, NULL, commit, s};
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    qn_status st = s->rpc->add(s->rpc_cap, NULL, "count.status", "",
                               "count.status\nHow many blocks and transactions the chain has.",
                               rpc_status, s);
    return st == QN_OK ? follow(s) : st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    qn_follow_end(&s->follower);
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.count",
                                     .version = "0.1.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
