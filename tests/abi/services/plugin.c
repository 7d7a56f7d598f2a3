/* Calls every method of node.read, node.control, peers.read and peers.control, and says by
 * services.api whether each answered as its contract has it. The node may have peers or none; the
 * ways to act may be granted or not. */
#include "quoin/node_control.h"
#include "quoin/node_read.h"
#include "quoin/peers_control.h"
#include "quoin/peers_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"org.quoin.test.plugin\",\"version\":\"1.2.3\","
                   "\"requires\":[\"rpc.serve/1\",\"node.read/1\",\"node.control/1\","
                   "\"peers.read/1\",\"peers.control/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_rpc_serve_1 *rpc;
    const qn_node_read_1 *node;
    const qn_node_control_1 *control;
    const qn_peers_read_1 *peers;
    const qn_peers_control_1 *bouncer;
    qn_cap *cap, *rpc_cap, *node_cap, *control_cap, *peers_cap, *bouncer_cap;
} state;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return #x;                                                                             \
    } while (0)

static const char *check_node(const state *s)
{
    static qn_node_plugin plugin[256];
    static qn_node_metric metric[128];
    char text[4096];
    uint32_t n;
    qn_node_info info;
    QN_INIT(&info);
    CHECK(s->node->info(s->node_cap, &info) == QN_OK && info.size == sizeof info);
    CHECK(strcmp(info.network, "regtest") == 0);
    CHECK(s->node->warnings(s->node_cap, text, sizeof text, &n) == QN_OK);
    CHECK(s->node->plugins(s->node_cap, plugin, 256, &n) == QN_OK);
    CHECK(s->node->metrics(s->node_cap, metric, 128, &n) == QN_OK);
    return NULL;
}

static const char *check_peers(const state *s)
{
    static qn_peer peer[256];
    static qn_peer_message message[64];
    static qn_peer_network network[8];
    static qn_peer_local local[64];
    static qn_peer_ban ban[64];
    static qn_peer_added added[64];
    char text[4096];
    uint32_t n;
    qn_peers_info info;
    QN_INIT(&info);
    CHECK(s->peers->info(s->peers_cap, &info) == QN_OK && info.size == sizeof info);
    CHECK(s->peers->peers(s->peers_cap, peer, 256, &n) == QN_OK);
    CHECK(s->peers->messages(s->peers_cap, -1, message, 64, &n) == QN_OK);
    CHECK(s->peers->messages(s->peers_cap, INT64_MAX, message, 64, &n) == QN_E_NOTFOUND);
    CHECK(s->peers->networks(s->peers_cap, network, 8, &n) == QN_OK);
    CHECK(s->peers->local(s->peers_cap, local, 64, &n) == QN_OK);
    CHECK(s->peers->bans(s->peers_cap, ban, 64, &n) == QN_OK);
    CHECK(s->peers->added(s->peers_cap, added, 64, &n) == QN_OK);
    CHECK(s->peers->warnings(s->peers_cap, text, sizeof text, &n) == QN_OK);
    return NULL;
}

static void pruned(void *arg, int32_t status, uint32_t pruned_to)
{
    (void)arg;
    (void)status;
    (void)pruned_to;
}

static int fits(qn_status st)
{
    return st == QN_OK || st == QN_E_DENIED;
}

static const char *check_acting(const state *s)
{
    CHECK(fits(s->control->prune(s->control_cap, 1, pruned, NULL)));
    CHECK(fits(s->control->log_level(s->control_cap, "net", QN_LOG_INFO)));
    CHECK(fits(s->control->plugin_start(s->control_cap, "no.such.plugin")));
    CHECK(fits(s->control->plugin_stop(s->control_cap, "no.such.plugin")));
    CHECK(fits(s->control->plugin_reload(s->control_cap, "no.such.plugin")));
    CHECK(fits(s->control->stop(s->control_cap)));
    CHECK(fits(s->bouncer->connect(s->bouncer_cap, "127.0.0.1:1", QN_CONNECT_PLAIN)));
    CHECK(fits(s->bouncer->keep(s->bouncer_cap, "127.0.0.1:1", 0)));
    CHECK(fits(s->bouncer->forget(s->bouncer_cap, "127.0.0.1:1")));
    CHECK(fits(s->bouncer->disconnect(s->bouncer_cap, INT64_MAX)));
    CHECK(fits(s->bouncer->disconnect_address(s->bouncer_cap, "127.0.0.1:1")));
    CHECK(fits(s->bouncer->ban(s->bouncer_cap, "203.0.113.0/24", 60, 0)));
    CHECK(fits(s->bouncer->unban(s->bouncer_cap, "203.0.113.0/24")));
    CHECK(fits(s->bouncer->unban_all(s->bouncer_cap)));
    CHECK(fits(s->bouncer->network(s->bouncer_cap, 1)));
    return NULL;
}

static void api(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    const char *why = check_node(s);
    (void)params;
    (void)len;
    why = why ? why : check_peers(s);
    why = why ? why : check_acting(s);
    qn_json_text(&j, NULL, why ? why : "ok");
    (void)s->rpc->reply(s->rpc_cap, r->request, j.data, j.len);
    qn_json_free(&j);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *t;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    *self = s;
#define GET(id, table, handle)                                                                     \
    do {                                                                                           \
        qn_status st = host->get(cap, id, 1, &t, &s->handle);                                      \
        if (st != QN_OK) {                                                                         \
            free(s);                                                                               \
            return st;                                                                             \
        }                                                                                          \
        s->table = t;                                                                              \
    } while (0)
    GET(QN_RPC_SERVE_1_ID, rpc, rpc_cap);
    GET(QN_NODE_READ_1_ID, node, node_cap);
    GET(QN_NODE_CONTROL_1_ID, control, control_cap);
    GET(QN_PEERS_READ_1_ID, peers, peers_cap);
    GET(QN_PEERS_CONTROL_1_ID, bouncer, bouncer_cap);
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->rpc->add(s->rpc_cap, NULL, "services.api", "", "services.api\nIs every method right?",
                       api, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.quoin.test.plugin",
                                     .version = "1.2.3",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
