/* net.connect/1: connections to others. Says once a minute that the node is alive. */
#include <quoin/net_connect.h>
#include <quoin/sdk.h>

#include <unistd.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.alive\", \"version\": \"1.0.0\","
                   " \"requires\": [\"net.connect/1\"],"
                   " \"config\": [{\"name\": \"target\", \"type\": \"text\", \"max\": 200,"
                   " \"default\": \"localhost:7008\"}]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_net_connect_1 *net;
    qn_cap *cap, *net_cap;
    char target[201];
    int32_t last; /* how the last one ended */
} state;

/* The host looked the name up, went through the node's proxy if there is one, and connected. */
static void on_end(void *arg, uint64_t request, int32_t status, int32_t fd)
{
    state *s = arg;
    if (status == QN_OK) { /* the descriptor is mine: close it, then say done() */
        if (write(fd, "alive\n", 6) != 6)
            status = QN_E_IO;
        close(fd);
        (void)s->net->done(s->net_cap, request);
    }
    if (status != s->last)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "%s: %s", s->target,
                status == QN_OK ? "told" : "cannot be reached");
    s->last = status;
}

static void tell(void *arg)
{
    state *s = arg;
    uint64_t id;
    qn_status st = s->net->connect(s->net_cap, NULL, s->target, on_end, s, &id);
    if (st == QN_OK || st == QN_E_LIMIT) /* so many are under way: the next minute is another */
        st = s->host->timer_set(s->cap, 60000, tell, s, &id);
    if (st != QN_OK)
        s->host->fail(s->cap, st, "cannot connect", 14);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    s->last = 1; /* none yet */
    snprintf(s->target, sizeof s->target, "%s", qn_config_text(config, "target"));
    qn_status st = host->get(cap, QN_NET_CONNECT_1_ID, 1, &table, &s->net_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->net = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->host->post(s->cap, tell, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.alive",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
