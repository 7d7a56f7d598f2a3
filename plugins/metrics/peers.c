/* What peers.read says, summed up: a family per question, never a line per peer, whose number and
 * names strangers choose. */
#include "plugins/metrics/metrics.h"

static const char *const NETWORK[] = {[QN_NETWORK_UNROUTABLE] = "unroutable",
                                      [QN_NETWORK_IPV4] = "ipv4",
                                      [QN_NETWORK_IPV6] = "ipv6",
                                      [QN_NETWORK_ONION] = "onion",
                                      [QN_NETWORK_I2P] = "i2p",
                                      [QN_NETWORK_CJDNS] = "cjdns"};
static const char *const KIND[] = {
    [QN_PEER_KIND_INBOUND] = "inbound",  [QN_PEER_KIND_MANUAL] = "manual",
    [QN_PEER_KIND_FEELER] = "feeler",    [QN_PEER_KIND_FULL] = "full",
    [QN_PEER_KIND_BLOCK_ONLY] = "block", [QN_PEER_KIND_ADDR_FETCH] = "addr"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef struct sums {
    uint64_t network[COUNT(NETWORK)], kind[COUNT(KIND)];
    uint64_t encrypted, in_flight, ready;
} sums;

static void add(sums *s, const qn_peer *p)
{
    if (p->network < COUNT(NETWORK))
        s->network[p->network]++;
    if (p->kind < COUNT(KIND))
        s->kind[p->kind]++;
    s->encrypted += (p->flags & QN_PEER_ENCRYPTED) != 0;
    s->ready += (p->flags & QN_PEER_READY) != 0;
    s->in_flight += p->in_flight;
}

static void named(mx_text *t, const char *family, const char *label, const char *const *name,
                  const uint64_t *value, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        mx_puts(t, family);
        mx_label(t, 1, label, name[i]);
        mx_puts(t, "}");
        mx_value(t, value[i]);
    }
}

static void put_info(mx_text *t, const qn_peers_info *i)
{
    mx_one(t, "quoin_network_active", "gauge", "1 when peers may be talked to.",
           (i->flags & QN_PEERS_ACTIVE) != 0);
    mx_family(t, "quoin_peers", "gauge", "Connected peers.");
    mx_puts(t, "quoin_peers{direction=\"inbound\"}");
    mx_value(t, i->connections_in);
    mx_puts(t, "quoin_peers{direction=\"outbound\"}");
    mx_value(t, i->connections_out);
    mx_one(t, "quoin_peers_max", "gauge", "Peers that may be connected.", i->max_connections);
    mx_one(t, "quoin_peers_banned", "gauge", "Addresses and subnets that are banned.", i->n_bans);
    mx_one(t, "quoin_network_received_bytes_total", "counter", "Bytes received from peers.",
           i->bytes_received);
    mx_one(t, "quoin_network_sent_bytes_total", "counter", "Bytes sent to peers.", i->bytes_sent);
}

static void put_sums(mx_text *t, const sums *s)
{
    mx_family(t, "quoin_peers_by_network", "gauge", "Connected peers, by network.");
    named(t, "quoin_peers_by_network", "network", NETWORK, s->network, COUNT(NETWORK));
    mx_family(t, "quoin_peers_by_kind", "gauge", "Connected peers, by the kind of connection.");
    named(t, "quoin_peers_by_kind", "kind", KIND, s->kind, COUNT(KIND));
    mx_one(t, "quoin_peers_ready", "gauge", "Peers whose handshake is over.", s->ready);
    mx_one(t, "quoin_peers_encrypted", "gauge", "Peers with an encrypted connection.",
           s->encrypted);
    mx_one(t, "quoin_peers_blocks_in_flight", "gauge", "Blocks that peers have been asked for.",
           s->in_flight);
}

static void put_messages(mx_text *t, const qn_peer_message *m, uint32_t n)
{
    static const char NAME[] = "quoin_peers_message_bytes";
    mx_family(t, NAME, "gauge", "Bytes exchanged with the peers that are connected, by message.");
    for (uint32_t i = 0; i < n; i++)
        for (int sent = 0; sent < 2; sent++) {
            mx_puts(t, NAME);
            mx_label(t, 1, "message", m[i].name);
            mx_label(t, 0, "direction", sent ? "sent" : "received");
            mx_puts(t, "}");
            mx_value(t, sent ? m[i].sent : m[i].received);
        }
}

static void put_networks(mx_text *t, const qn_peer_network *list, uint32_t n)
{
    static const char NAME[] = "quoin_addresses_known";
    mx_family(t, NAME, "gauge", "Addresses of peers that are known, by network and table.");
    for (uint32_t i = 0; i < n; i++)
        for (int tried = 0; tried < 2 && list[i].network < COUNT(NETWORK); tried++) {
            mx_puts(t, NAME);
            mx_label(t, 1, "network", NETWORK[list[i].network]);
            mx_label(t, 0, "table", tried ? "tried" : "new");
            mx_puts(t, "}");
            mx_value(t, tried ? list[i].known_tried : list[i].known_new);
        }
}

/* A list that was too long is a list all the same. */
static qn_status fits(qn_status st, uint32_t max, uint32_t *n)
{
    if (*n > max)
        *n = max;
    return st == QN_E_SPACE ? QN_OK : st;
}

qn_status mx_put_peers(mx *x, mx_text *t)
{
    qn_peers_info info;
    qn_peer_message message[64];
    qn_peer_network network[8];
    uint32_t n = 0, n_message = 0, n_network = 0;
    sums s = {.ready = 0};
    QN_INIT(&info);
    qn_status st = x->peers->info(x->peers_cap, &info);
    if (st == QN_OK)
        st = fits(x->peers->peers(x->peers_cap, x->peer, MX_PEERS, &n), MX_PEERS, &n);
    if (st == QN_OK)
        st = fits(x->peers->messages(x->peers_cap, -1, message, 64, &n_message), 64, &n_message);
    if (st == QN_OK)
        st = fits(x->peers->networks(x->peers_cap, network, 8, &n_network), 8, &n_network);
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; i < n; i++)
        add(&s, &x->peer[i]);
    put_info(t, &info);
    put_sums(t, &s);
    put_messages(t, message, n_message);
    put_networks(t, network, n_network);
    return QN_OK;
}
