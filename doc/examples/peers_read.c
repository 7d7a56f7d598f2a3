/* peers.read/1: the peers. Logs how many there are of each kind, when that changes. */
#include <quoin/peers_read.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.headcount\", \"version\": \"1.0.0\","
                   " \"requires\": [\"peers.read/1\"]}");

#define PEERS 1000

typedef struct state {
    const qn_host_1 *host;
    const qn_peers_read_1 *peers;
    qn_cap *cap, *peers_cap;
    uint32_t known[3]; /* in, out, encrypted: as of the last look */
    qn_peer list[PEERS];
} state;

static qn_status count(state *s)
{
    uint32_t n = 0, now[3] = {0};
    qn_status st = s->peers->peers(s->peers_cap, s->list, PEERS, &n);
    if (st != QN_OK && st != QN_E_SPACE) /* more than fit: those are filled in */
        return st;
    for (uint32_t i = 0; i < n && i < PEERS; i++) {
        if (!(s->list[i].flags & QN_PEER_READY)) /* it has not said hello yet */
            continue;
        now[s->list[i].flags & QN_PEER_INBOUND ? 0 : 1]++;
        now[2] += (s->list[i].flags & QN_PEER_ENCRYPTED) != 0;
    }
    if (memcmp(now, s->known, sizeof now) != 0)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "%u peers came, we went to %u; %u encrypted", now[0],
                now[1], now[2]);
    memcpy(s->known, now, sizeof now);
    return QN_OK;
}

static void look(void *arg)
{
    state *s = arg;
    uint64_t timer;
    qn_status st = count(s);
    if (st == QN_OK)
        st = s->host->timer_set(s->cap, 10000, look, s, &timer);
    if (st != QN_OK)
        s->host->fail(s->cap, st, "cannot look", 11);
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
    qn_status st = host->get(cap, QN_PEERS_READ_1_ID, 1, &table, &s->peers_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->peers = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->host->post(s->cap, look, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.headcount",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
