/* peers.control/1: acting on the peers. Bans for a day whoever says that it is a program which is
 * not wanted. */
#include <quoin/peers_control.h>
#include <quoin/peers_read.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST(
    "{\"manifest\": 1, \"id\": \"org.example.bouncer\", \"version\": \"1.0.0\","
    " \"requires\": [\"peers.read/1\", \"peers.control/1\"],"
    " \"why\": {\"peers.control/1\": \"bans who is not wanted (ban=yes)\"},"
    " \"config\": [{\"name\": \"unwanted\", \"type\": \"text\", \"min\": 3, \"max\": 100,"
    " \"default\": \"/Leech:\"}]}");

#define PEERS 1000
#define A_DAY 86400

typedef struct state {
    const qn_host_1 *host;
    const qn_peers_read_1 *peers;
    const qn_peers_control_1 *control;
    qn_cap *cap, *peers_cap, *control_cap;
    char unwanted[101];
    qn_peer list[PEERS];
} state;

/* The address without its port: "1.2.3.4:8333", "[2001:db8::1]:8333". */
static void host_of(const qn_peer *p, char *out, size_t cap)
{
    const char *from = p->address + (p->address[0] == '['), *end = strrchr(p->address, ':');
    if (from > p->address)
        end = strchr(from, ']');
    snprintf(out, cap, "%.*s", end ? (int)(end - from) : (int)strlen(from), from);
}

/* Each way to act is granted by itself: a refused one is an answer to live with. */
static void throw_out(state *s, const qn_peer *p)
{
    char host[sizeof p->address];
    host_of(p, host, sizeof host);
    qn_status st = s->control->ban(s->control_cap, host, A_DAY, 0);
    if (st == QN_E_DENIED)
        qn_logf(s->host, s->cap, QN_LOG_WARN, "not granted: ban=yes");
    else if (st != QN_OK && st != QN_E_EXISTS)
        qn_logf(s->host, s->cap, QN_LOG_WARN, "cannot ban peer %lld: status %d", (long long)p->id,
                (int)st);
}

static void look(void *arg)
{
    state *s = arg;
    uint64_t timer;
    uint32_t n = 0;
    qn_status st = s->peers->peers(s->peers_cap, s->list, PEERS, &n);
    for (uint32_t i = 0; (st == QN_OK || st == QN_E_SPACE) && i < n && i < PEERS; i++)
        if (strstr(s->list[i].user_agent, s->unwanted) &&
            !(s->list[i].permissions & QN_PERMIT_NOBAN))
            throw_out(s, &s->list[i]);
    if (st == QN_OK || st == QN_E_SPACE)
        st = s->host->timer_set(s->cap, 10000, look, s, &timer);
    if (st != QN_OK)
        s->host->fail(s->cap, st, "cannot look", 11);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    snprintf(s->unwanted, sizeof s->unwanted, "%s", qn_config_text(config, "unwanted"));
    qn_status st = host->get(cap, QN_PEERS_READ_1_ID, 1, &table, &s->peers_cap);
    if (st == QN_OK) {
        s->peers = table;
        st = host->get(cap, QN_PEERS_CONTROL_1_ID, 1, &table, &s->control_cap);
    }
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->control = table;
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
                                     .id = "org.example.bouncer",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
