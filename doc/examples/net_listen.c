/* net.listen/1: connections that others make. Sends back whatever it is sent. */
#include <quoin/net_listen.h>
#include <quoin/sdk.h>

#include <errno.h>
#include <unistd.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.echo\", \"version\": \"1.0.0\","
                   " \"requires\": [\"net.listen/1\"],"
                   " \"config\": [{\"name\": \"listen\", \"type\": \"text\", \"max\": 60,"
                   " \"default\": \"127.0.0.1:7007\"}]}");

#define CLIENTS 16

typedef struct client {
    struct state *s;
    uint64_t connection; /* 0: free */
    int32_t fd;
} client;

typedef struct state {
    const qn_host_1 *host;
    const qn_net_listen_1 *net;
    qn_cap *cap, *net_cap;
    char address[61];
    client client[CLIENTS];
} state;

/* Watch it no more, close it, and say so: that frees its place among max_conns. */
static void drop(client *c)
{
    (void)c->s->net->io_unwatch(c->s->net_cap, c->fd);
    close(c->fd);
    (void)c->s->net->done(c->s->net_cap, c->connection);
    c->connection = 0;
}

/* A descriptor does not block: what cannot be read now is not there yet. */
static void on_readable(void *arg, int32_t fd, uint32_t events)
{
    client *c = arg;
    char bytes[4096];
    (void)events;
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || write(fd, bytes, (size_t)n) != n) /* gone, or it does not read its echo */
        drop(c);
}

/* The descriptor is mine from here on. */
static void on_accept(void *arg, uint64_t listener, uint64_t connection, int32_t fd,
                      const char *peer, uint32_t peer_len)
{
    state *s = arg;
    client *c = s->client;
    (void)listener;
    while (c < s->client + CLIENTS && c->connection)
        c++;
    if (c == s->client + CLIENTS) {
        close(fd);
        (void)s->net->done(s->net_cap, connection);
        return;
    }
    *c = (client){s, connection, fd};
    qn_logf(s->host, s->cap, QN_LOG_INFO, "%.*s is here", (int)peer_len, peer);
    if (s->net->io_watch(s->net_cap, fd, QN_IO_READ, on_readable, c) != QN_OK)
        drop(c);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    snprintf(s->address, sizeof s->address, "%s", qn_config_text(config, "listen"));
    qn_status st = host->get(cap, QN_NET_LISTEN_1_ID, 1, &table, &s->net_cap);
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
    uint64_t listener;
    qn_status st = s->net->open(s->net_cap, s->address, on_accept, s, &listener);
    if (st == QN_E_DENIED)
        qn_logf(s->host, s->cap, QN_LOG_ERROR, "%s is not granted", s->address);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    for (client *c = s->client; c < s->client + CLIENTS; c++)
        if (c->connection)
            drop(c);
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.echo",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
