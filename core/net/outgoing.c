/* Making connections: which way leads to a peer (directly, through the proxy of its network, over
 * I2P, by a name that is looked up here or by a proxy), and trying that without blocking. Facts:
 * Core net.cpp ConnectNode, netbase.cpp. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/hostport.h"
#include "core/base/log.h"
#include "core/net/internal.h"
#include "core/net/proxies.h"
#include "core/net/resolve.h"
#include "core/net/sockaddr.h"
#include "core/os/file.h"

#include <stdio.h>
#include <unistd.h>

#define PROXY_MS 20000 /* for each answer of a proxy (Core g_socks5_recv_timeout) */
#define MAX_HOST 255u  /* longer ones have no place in SOCKS5 */

/* One peer on its way. At most one of look, dial and i2p is there. */
typedef struct qc_outgoing {
    qc_peer *peer;
    qc_lookup *look;
    qc_dial *dial;
    qc_i2p_dial *i2p;
    char host[MAX_HOST + 1];
    uint16_t port;
    qc_peer_addr to[QC_LOOKUP_MAX]; /* to try, in this order; none: the proxy knows */
    size_t n, at;
    bool count; /* that it cannot be reached speaks against the address */
} qc_outgoing;

void qc_outgoing_free(qc_outgoing *o)
{
    if (!o)
        return;
    if (o->look)
        qc_lookup_cancel(o->look);
    qc_dial_cancel(o->dial);
    qc_i2p_cancel(o->i2p);
    qc_free(o);
}

qc_resolver *qc_net_resolver(qc_net *n)
{
    if (!n->resolver && qc_resolver_new(&n->resolver))
        return NULL;
    return n->resolver;
}

/* Operators want to know what becomes of the peers that they named. */
static void fail(qc_outgoing *o, const char *why)
{
    qc_peer *p = o->peer;
    qc_log(p->info.type == QC_CONN_MANUAL ? QC_LOG_INFO : QC_LOG_DEBUG, "net",
           "connection to %s failed: %s", p->info.addr, why);
    qc_peer_close(p, why);
}

/* ---- one try ---- */

static void try_next(qc_outgoing *o, const char *why);

/* A proxy that is away says nothing of the peer behind it. */
static void note_attempt(const qc_outgoing *o, qc_dial_end end)
{
    if (o->at && end != QC_DIAL_NO_PROXY)
        qc_peerbook_attempt(o->peer->net->book, &o->to[o->at - 1], o->count);
}

static void on_dialed(void *arg, qc_dial_end end, int fd)
{
    qc_outgoing *o = arg;
    o->dial = NULL;
    note_attempt(o, end);
    if (end != QC_DIAL_OK)
        try_next(o, qc_dial_end_text(end));
    else
        qc_peer_connected(o->peer, fd, NULL);
}

static void dial(qc_outgoing *o, const qc_dial_options *d)
{
    o->dial = qc_dial_start(o->peer->net->loop, d, on_dialed, o);
    if (!o->dial)
        fail(o, "no timer to be had");
}

static void dial_proxy(qc_outgoing *o, const char *host, uint16_t port, const qc_proxy *proxy)
{
    char text[QC_PROXY_TEXT];
    const qc_dial_options d = {.host = host,
                               .port = port,
                               .proxy = proxy,
                               .always = true,
                               .timeout_ms = o->peer->net->connect_ms,
                               .proxy_ms = PROXY_MS};
    qc_proxy_text(proxy, text);
    qc_log(QC_LOG_DEBUG, "proxy", "Using proxy: %s to connect to %s:%u", text, host, port);
    dial(o, &d);
}

static void on_i2p(void *arg, qc_dial_end end, int fd, const qc_netaddr *me, qc_i2p_session *hold)
{
    qc_outgoing *o = arg;
    qc_peer *p = o->peer;
    o->i2p = NULL;
    note_attempt(o, end);
    if (end != QC_DIAL_OK) {
        try_next(o, qc_dial_end_text(end));
        return;
    }
    const qc_peer_addr own = {.addr = *me};
    p->session = hold;
    qc_peer_connected(p, fd, &own);
}

static void dial_i2p(qc_outgoing *o, const qc_peer_addr *to)
{
    if (to->port != 0) { /* SAM 3.1 would connect to port 0 all the same */
        qc_log(QC_LOG_DEBUG, "i2p",
               "Error connecting to %s, connection refused due to arbitrary port %u",
               o->peer->info.addr, to->port);
        try_next(o, "arbitrary port");
        return;
    }
    bool alone = o->peer->info.type == QC_CONN_PRIVATE;
    o->i2p = qc_i2p_connect(o->peer->net->i2p, to, alone, on_i2p, o);
    if (!o->i2p)
        fail(o, "no timer to be had");
}

static bool proxy_to(const qc_outgoing *o, const qc_peer_addr *to, qc_proxy *out)
{
    const qc_net *n = o->peer->net;
    if (o->peer->info.type == QC_CONN_PRIVATE)
        return qc_private_proxy(n, &to->addr, out);
    return n->proxies && to->addr.net != QC_NETWORK_I2P &&
           qc_proxies_get(n->proxies, qc_netaddr_network(&to->addr), out);
}

static void dial_address(qc_outgoing *o, const qc_peer_addr *to)
{
    char host[QC_NETADDR_TEXT];
    qc_proxy proxy, direct;
    qc_net *n = o->peer->net;
    const qc_dial_options d = {.to = &direct, .timeout_ms = n->connect_ms};
    qc_netaddr_text(&to->addr, host);
    if (to->addr.net == QC_NETWORK_I2P && n->i2p)
        dial_i2p(o, to);
    else if (proxy_to(o, to, &proxy))
        dial_proxy(o, host, to->port, &proxy);
    else if (o->peer->info.type != QC_CONN_PRIVATE && qc_sockaddr_write(to, &direct))
        dial(o, &d);
    else
        try_next(o, "no proxy for its network");
}

static void try_next(qc_outgoing *o, const char *why)
{
    if (o->at == o->n) {
        fail(o, why);
        return;
    }
    const qc_peer_addr *to = &o->to[o->at++];
    qc_peer_settle_at(o->peer, to);
    dial_address(o, to);
}

/* ---- names ---- */

static void shuffle(qc_peer_addr *list, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        uint64_t r;
        qc_os_random(&r, sizeof r);
        qc_peer_addr swap = list[i - 1];
        list[i - 1] = list[r % i];
        list[r % i] = swap;
    }
}

static void looked_up(void *arg, const struct sockaddr_storage *addr, size_t n)
{
    qc_outgoing *o = arg;
    qc_net *net = o->peer->net;
    o->look = NULL;
    for (size_t i = 0; i < n; i++) {
        qc_peer_addr *a = &o->to[o->n];
        if (!qc_sockaddr_read(&addr[i], net->cjdns, a) || !qc_netaddr_is_valid(&a->addr))
            continue;
        const qc_peer *other = qc_net_find_at(net, a);
        if (other && other != o->peer) {
            qc_log(QC_LOG_INFO, "net", "Not opening a connection to %s, already connected to %s",
                   o->peer->info.addr, other->info.addr);
            qc_peer_close(o->peer, "already connected");
            return;
        }
        o->n++;
    }
    shuffle(o->to, o->n);
    try_next(o, "no address for the name");
}

static qc_err begin_name(qc_outgoing *o)
{
    qc_net *n = o->peer->net;
    qc_proxy proxy;
    if (n->proxies && qc_proxies_get_names(n->proxies, &proxy)) {
        dial_proxy(o, o->host, o->port, &proxy);
        return QC_OK;
    }
    if (n->no_dns || qc_host_is_hidden(o->host))
        return QC_EINVAL;
    if (!qc_net_resolver(n))
        return QC_EIO;
    o->look = qc_lookup_start(n->resolver, n->loop, o->host, o->port, looked_up, o);
    return QC_OK;
}

/* ---- beginning ---- */

qc_err qc_net_target(const qc_net *n, const char *text, uint16_t default_port,
                     char host[static 256], qc_peer_addr *at)
{
    qc_netaddr a;
    uint16_t port = 0;
    if (qc_split_host_port0(text, host, MAX_HOST + 1, &port) || !*host)
        return QC_EINVAL;
    bool has_port = strlen(text) > strlen(host) + (*text == '[' ? 2 : 0);
    if (qc_netaddr_parse(host, &a)) {
        *at = (qc_peer_addr){.addr = qc_netaddr_none(), .port = has_port ? port : default_port};
        return QC_OK;
    }
    if (!has_port) /* SAM 3.1 knows no ports */
        port = a.net == QC_NETWORK_I2P ? 0 : default_port;
    *at = (qc_peer_addr){.addr = qc_netaddr_flip_cjdns(&a, n->cjdns), .port = port};
    return qc_netaddr_is_valid(&at->addr) ? QC_OK : QC_EINVAL;
}

static qc_err may_dial(const qc_net *n, const char *text, const qc_peer_addr *at)
{
    if (!atomic_load(&n->active))
        return QC_EPERM;
    return qc_net_find(n, 0, text) || qc_net_find_at(n, at) ? QC_EEXIST : QC_OK;
}

static void log_try(const qc_target *t, bool v2, const char *text)
{
    /* Nothing is known of one that was named. */
    int64_t seen = t->name ? 0 : QC_MAX(qc_clock_now() - t->at.time, 0);
    qc_log(QC_LOG_DEBUG, "net", "trying v%d connection (%s) to %s, lastseen=%lld.%lldhrs",
           v2 ? 2 : 1, qc_conn_type_text(t->type), text, (long long)(seen / 3600),
           (long long)(seen % 3600 / 360));
}

qc_err qc_net_dial(qc_net *n, const qc_target *t)
{
    qc_peer_birth b = {.type = t->type, .name = t->name, .at = t->at};
    char host[MAX_HOST + 1] = "", text[QC_PEER_ADDR_TEXT];
    qc_err err = t->name ? qc_net_target(n, t->name, n->default_port, host, &b.at) : QC_OK;
    qc_peer_addr_text(&t->at, text);
    if (!err)
        err = may_dial(n, t->name ? t->name : text, &b.at);
    if (err)
        return err;
    b.v2 = t->v2 && (n->services & QC_NODE_P2P_V2);
    log_try(t, b.v2, t->name ? t->name : text);
    qc_peer *p = qc_peer_new(n, &b);
    qc_outgoing *o = qc_alloc(sizeof *o);
    *o = (qc_outgoing){.peer = p, .port = b.at.port, .count = t->count};
    snprintf(o->host, sizeof o->host, "%s", host);
    p->out = o;
    if (qc_netaddr_is_valid(&b.at.addr)) {
        o->to[o->n++] = b.at;
        try_next(o, "");
        return QC_OK;
    }
    err = begin_name(o);
    if (err)
        qc_peer_close(p, "no way to look its name up");
    return err;
}

/* ---- I2P ---- */

static void on_visitor(void *arg, int fd, const qc_netaddr *from, const qc_netaddr *me)
{
    const qc_arrival a = {.fd = fd, .from = {.addr = *from}, .to = {.addr = *me}};
    qc_net_adopt(arg, &a);
}

static void on_address(void *arg, const qc_netaddr *me, bool on)
{
    const qc_net *n = arg;
    if (n->i2p_address)
        n->i2p_address(n->i2p_arg, me, on);
}

qc_err qc_net_i2p_start(qc_net *n, const qc_net_options *o)
{
    qc_i2p_options i = {.loop = n->loop,
                        .lasting = o->i2p_key != NULL,
                        .key_path = o->i2p_key,
                        .accepted = on_visitor,
                        .listening = on_address,
                        .arg = n};
    n->i2p_address = o->i2p_address;
    n->i2p_arg = o->i2p_arg;
    if (!n->proxies || !qc_proxies_get(n->proxies, QC_NETWORK_I2P, &i.sam))
        return QC_OK;
    if (i.lasting && !qc_net_resolver(n))
        return QC_EIO;
    i.pool = i.lasting ? qc_resolver_pool(n->resolver) : NULL;
    return qc_i2p_new(&n->i2p, &i);
}
