/* Connections that each carry one transaction of ours and nothing else, over Tor or I2P only, so
 * that nobody learns whose it is (rules: Core net.cpp ThreadPrivateBroadcast). */
#include "core/base/log.h"
#include "core/net/internal.h"
#include "core/net/proxies.h"
#include "core/os/file.h"

#define SECOND ((qc_mono)1000000000)
#define TRIES 20           /* addresses that are drawn in one go */
#define PAUSE (5 * SECOND) /* when there is no network for it */
#define REST (SECOND / 2)  /* when there was no address */

/* More or fewer are wanted. Returns how many are. */
static int64_t change(qc_net *n, int64_t more)
{
    int64_t old = atomic_load(&n->private_wanted), now;
    do {
        now = old + more < 0 ? 0 : old + more;
    } while (!atomic_compare_exchange_weak(&n->private_wanted, &old, now));
    return now;
}

void qc_net_private(qc_net *n, int64_t more)
{
    (void)change(n, more);
}

void qc_private_made(qc_peer *p)
{
    int64_t left = change(p->net, -1);
    qc_log(QC_LOG_DEBUG, "privatebroadcast", "Connected to %s; remaining connections to open: %lld",
           p->info.addr, (long long)left);
}

bool qc_private_proxy(const qc_net *n, const qc_netaddr *to, qc_proxy *out)
{
    qc_network net = qc_netaddr_network(to);
    bool clear = net == QC_NETWORK_IPV4 || net == QC_NETWORK_IPV6;
    return (clear || net == QC_NETWORK_ONION) && n->proxies &&
           qc_proxies_get(n->proxies, QC_NETWORK_ONION, out);
}

/* Tor reaches IPv4 and IPv6, too, through its exits: once it has been seen to work. */
static unsigned networks(const qc_net *n)
{
    const unsigned clear = 1u << QC_NETWORK_IPV4 | 1u << QC_NETWORK_IPV6;
    const unsigned hidden = 1u << QC_NETWORK_ONION | 1u << QC_NETWORK_I2P;
    unsigned reachable = qc_local_reachable(n->book->local), found = reachable & hidden;
    qc_proxy proxy;
    if ((found >> QC_NETWORK_ONION & 1) && n->tor_works && n->proxies &&
        qc_proxies_get(n->proxies, QC_NETWORK_ONION, &proxy))
        found |= reachable & clear;
    return found;
}

static qc_network pick(unsigned from)
{
    qc_network list[QC_NETWORK_COUNT];
    size_t k = 0;
    uint64_t r;
    for (unsigned i = 0; i < QC_NETWORK_COUNT; i++)
        if (from >> i & 1)
            list[k++] = (qc_network)i;
    qc_os_random(&r, sizeof r);
    return list[r % k];
}

/* May it be connected to without anybody asking? One connection to a host is enough. */
static qc_err may_try(const qc_net *n, const qc_netaddr *a)
{
    if (!qc_netaddr_is_valid(a) || qc_local_has(n->book->local, a) ||
        qc_peerbook_standing(n->book, a) != QC_STANDING_GOOD)
        return QC_ENOENT;
    for (const qc_peer *p = n->peers; p; p = p->next)
        if (qc_netaddr_eq(&p->info.where.addr, a))
            return QC_EEXIST;
    return QC_OK;
}

/* Returns: QC_OK; QC_ENOENT (the address drawn was none); what qc_net_dial() says. */
static qc_err try_one(qc_net *n, unsigned from)
{
    qc_target t = {.type = QC_CONN_PRIVATE, .count = true};
    qc_unixtime last_try;
    char text[QC_PEER_ADDR_TEXT];
    pthread_mutex_lock(&n->book->lock);
    bool found = qc_addrman_select(n->book->addrs, false, 1u << pick(from), qc_clock_now(), &t.at,
                                   &last_try);
    pthread_mutex_unlock(&n->book->lock);
    if (!found)
        return QC_ENOENT;
    t.v2 = (t.at.services & QC_NODE_P2P_V2) != 0;
    qc_err err = may_try(n, &t.at.addr);
    if (!err)
        err = qc_net_dial(n, &t);
    qc_peer_addr_text(&t.at, text);
    if (err && err != QC_ENOENT)
        qc_log(QC_LOG_DEBUG, "privatebroadcast", "Cannot connect to %s: %s", text,
               qc_err_text(err));
    return err;
}

/* Those on their way to being of use count as done: when one is lost another is made. */
void qc_private_connect(qc_net *n, qc_mono now)
{
    int64_t wanted = atomic_load(&n->private_wanted);
    uint32_t all = 0;
    if (wanted == 0 || now < n->private_next || !atomic_load(&n->active))
        return;
    for (const qc_peer *p = n->peers; p; p = p->next) {
        bool is = p->info.type == QC_CONN_PRIVATE;
        all += is;
        wanted -= is && !p->info.handshaken;
    }
    unsigned from = networks(n);
    if (!from) {
        qc_log(QC_LOG_WARN, "privatebroadcast",
               "Unable to open -privatebroadcast connections: neither Tor nor I2P is reachable");
        n->private_next = now + PAUSE;
        return;
    }
    for (int tries = 0; tries < TRIES && wanted > 0 && all < QC_NET_PRIVATE_MAX; tries++) {
        qc_err err = try_one(n, from);
        wanted -= !err;
        all += !err;
        if (err && err != QC_ENOENT)
            break; /* connected already, more often than not: there are few addresses */
    }
    if (wanted > 0)
        n->private_next = now + REST;
}
