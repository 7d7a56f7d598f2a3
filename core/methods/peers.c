#include "core/methods/peers.h"

#include "core/base/alloc.h"
#include "core/base/hostport.h"

#include <stdio.h>
#include <stdlib.h>

#define OFFSETS_MIN 5 /* with fewer the median says nothing (Core timeoffsets.h) */

/* ---- who there is ---- */

static bool read_address(const qc_peerbook *b, const char *text, qc_netaddr *out)
{
    char host[256];
    uint16_t port = 0;
    if (qc_split_host_port(text, host, sizeof host, &port) || qc_netaddr_parse(host, out))
        return false;
    *out = qc_netaddr_flip_cjdns(out, b && b->cjdns);
    return true;
}

/* What is known of a conversation; one that has not begun has nothing to tell. */
static qc_sync_peer sync_state(const qc_sync_peer *list, size_t n, const qc_peer_info *p)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].id == p->id)
            return list[i];
    return (qc_sync_peer){.id = p->id,
                          .relay_txs = p->relay,
                          .presynced_headers = -1,
                          .synced_headers = -1,
                          .synced_blocks = -1};
}

void qc_m_host_port(const qc_netaddr *a, uint16_t port, char *out, size_t cap)
{
    char host[QC_NETADDR_TEXT];
    qc_netaddr_text(a, host);
    snprintf(out, cap, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

static void place(const qc_node *n, qc_m_peer *p)
{
    qc_netaddr a;
    if (p->net.version && qc_netaddr_is_valid(&p->net.told))
        qc_m_host_port(&p->net.told, p->net.told_port, p->local, sizeof p->local);
    if (n->book && read_address(n->book, p->net.addr, &a))
        p->mapped_as = qc_netgroups_asn(&n->book->groups, &a);
}

qc_err qc_m_peers(const qc_node *n, int64_t wait_ms, qc_m_peer **list, size_t *count)
{
    qc_peer_info *net = NULL;
    qc_sync_peer *sync = NULL;
    size_t n_net = 0, n_sync = 0;
    qc_m_peer *out = NULL;
    qc_err err = n->net ? qc_net_peers(n->net, &net, &n_net) : QC_OK;
    if (!err && n->sync)
        err = qc_sync_peers(n->sync, wait_ms, &sync, &n_sync);
    if (!err && !(out = qc_try_calloc(n_net + 1, sizeof *out)))
        err = QC_ENOMEM;
    for (size_t i = 0; !err && i < n_net; i++) {
        out[i].net = net[i];
        out[i].sync = sync_state(sync, n_sync, &net[i]);
        place(n, &out[i]);
    }
    qc_free(net);
    qc_free(sync);
    if (err)
        return err;
    *list = out;
    *count = n_net;
    return QC_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median_offset(const qc_peer_info *list, size_t n)
{
    int64_t *offset = qc_try_calloc(n + 1, sizeof *offset), median = 0;
    size_t k = 0;
    for (size_t i = 0; offset && i < n; i++)
        if (list[i].handshaken && !list[i].inbound)
            offset[k++] = list[i].time_offset;
    if (k >= OFFSETS_MIN) {
        qsort(offset, k, sizeof *offset, by_value);
        median = offset[k / 2];
    }
    qc_free(offset);
    return median;
}

qc_err qc_m_peer_totals(const qc_node *n, qc_m_totals *out)
{
    qc_m_totals t = {.running = n->net != NULL};
    qc_peer_info *list = NULL;
    size_t count = 0;
    if (n->net) {
        qc_err err = qc_net_peers(n->net, &list, &count);
        if (err)
            return err;
        t.active = qc_net_active(n->net);
        t.services = qc_net_services(n->net);
        t.max = qc_net_slots(n->net).connections;
        t.relay = qc_net_wants_txs(n->net);
        t.upload = qc_net_upload(n->net);
        qc_net_totals(n->net, &t.received, &t.sent);
    }
    for (size_t i = 0; i < count; i++)
        ++*(list[i].inbound ? &t.in : &t.out);
    t.time_offset = median_offset(list, count);
    qc_free(list);
    *out = t;
    return QC_OK;
}

void qc_m_networks(const qc_node *n, qc_m_network out[static QC_M_NETWORKS])
{
    qc_peerbook *b = n->book;
    for (unsigned i = 0; i < QC_M_NETWORKS; i++) {
        qc_network net = (qc_network)(QC_NETWORK_IPV4 + i);
        qc_proxy p = {.len = 0};
        out[i] = (qc_m_network){.network = net};
        out[i].randomize = n->proxies && qc_proxies_get(n->proxies, net, &p) && p.randomize;
        qc_proxy_text(&p, out[i].proxy);
        if (!b)
            continue;
        out[i].reachable = qc_local_reaches_network(b->local, net);
        pthread_mutex_lock(&b->lock);
        out[i].known_new = qc_addrman_size(b->addrs, net, QC_TABLE_NEW);
        out[i].known_tried = qc_addrman_size(b->addrs, net, QC_TABLE_TRIED);
        pthread_mutex_unlock(&b->lock);
    }
}

qc_err qc_m_local(const qc_node *n, qc_local_addr **list, size_t *count)
{
    if (n->book)
        return qc_local_list(n->book->local, list, count);
    *list = NULL;
    *count = 0;
    return QC_OK;
}

/* ---- connections ---- */

qc_err qc_m_connect(const qc_node *n, const char *addr, qc_conn_type type, bool v2)
{
    return n->net ? qc_net_connect(n->net, addr, type, v2) : QC_EUNSUPPORTED;
}

qc_err qc_m_connect_manual(const qc_node *n, const char *addr, bool v2)
{
    return n->net ? qc_net_connect_manual(n->net, addr, v2, QC_M_CONNECT_MAX) : QC_EUNSUPPORTED;
}

bool qc_m_is_blank(const char *text)
{
    return text[strspn(text, " \f\n\r\t\v")] == 0;
}

qc_err qc_m_keep(const qc_node *n, const char *node, bool v2)
{
    if (!n->net)
        return QC_EUNSUPPORTED;
    /* A blank one would never be found, and be looked for for ever. */
    return qc_m_is_blank(node) ? QC_EINVAL : qc_net_add(n->net, node, v2, false);
}

qc_err qc_m_forget(const qc_node *n, const char *node)
{
    return n->net ? qc_net_remove(n->net, node) : QC_EUNSUPPORTED;
}

qc_err qc_m_kept(const qc_node *n, qc_added_info **list, size_t *count)
{
    if (n->net)
        return qc_net_added(n->net, list, count);
    *list = NULL;
    *count = 0;
    return QC_OK;
}

qc_err qc_m_disconnect(const qc_node *n, qc_peer_id id, const char *addr)
{
    return n->net ? qc_net_disconnect(n->net, id, addr) : QC_EUNSUPPORTED;
}

qc_err qc_m_set_network(const qc_node *n, bool on)
{
    if (!n->net)
        return QC_EUNSUPPORTED;
    qc_net_set_active(n->net, on);
    return QC_OK;
}

/* ---- bans ---- */

/* A subnet has a slash; without one it is an address. */
static qc_err read_range(const qc_peerbook *b, const char *text, qc_netrange *out)
{
    if (qc_netrange_parse(text, b->cjdns, out))
        return QC_EINVAL;
    return strchr(text, '/') || qc_netaddr_is_valid(&out->base) ? QC_OK : QC_EINVAL;
}

static void close_covered(const qc_node *n, const qc_netrange *range)
{
    qc_peer_info *list = NULL;
    size_t count = 0;
    qc_netaddr a;
    if (!n->net || qc_net_peers(n->net, &list, &count))
        return;
    for (size_t i = 0; i < count; i++)
        if (read_address(n->book, list[i].addr, &a) && qc_netrange_has(range, &a) &&
            qc_net_disconnect(n->net, list[i].id, NULL) != QC_OK)
            continue; /* it has gone meanwhile */
    qc_free(list);
}

/* Under the lock. A single address is banned when any subnet covers it; a subnet is known only as
 * such. */
static qc_err add_ban(qc_bans *b, const qc_netrange *range, bool single, const qc_m_ban_time *t)
{
    qc_unixtime now = qc_clock_now();
    if (single ? qc_bans_has(b, &range->base, now) : qc_bans_has_range(b, range, now))
        return QC_EEXIST;
    if (t->absolute && t->seconds < now)
        return QC_ERANGE;
    return qc_bans_add(b, range, t->seconds, t->absolute, now);
}

qc_err qc_m_ban(const qc_node *n, const char *subnet, const qc_m_ban_time *t, size_t most)
{
    qc_peerbook *b = n->book;
    qc_netrange range;
    if (!b)
        return QC_EUNSUPPORTED;
    qc_err err = read_range(b, subnet, &range);
    if (err)
        return err;
    pthread_mutex_lock(&b->lock);
    err = most && b->bans.n >= most ? QC_EFULL : add_ban(&b->bans, &range, !strchr(subnet, '/'), t);
    pthread_mutex_unlock(&b->lock);
    if (err)
        return err;
    qc_peerbook_write_bans(b);
    close_covered(n, &range);
    return QC_OK;
}

qc_err qc_m_unban(const qc_node *n, const char *subnet)
{
    qc_peerbook *b = n->book;
    qc_netrange range;
    if (!b)
        return QC_EUNSUPPORTED;
    qc_err err = read_range(b, subnet, &range);
    if (err)
        return err;
    pthread_mutex_lock(&b->lock);
    bool was = qc_bans_remove(&b->bans, &range);
    pthread_mutex_unlock(&b->lock);
    if (!was)
        return QC_ENOENT;
    qc_peerbook_write_bans(b);
    return QC_OK;
}

qc_err qc_m_unban_all(const qc_node *n)
{
    qc_peerbook *b = n->book;
    if (!b)
        return QC_EUNSUPPORTED;
    pthread_mutex_lock(&b->lock);
    qc_bans_remove_all(&b->bans);
    pthread_mutex_unlock(&b->lock);
    qc_peerbook_write_bans(b);
    return QC_OK;
}

qc_err qc_m_bans(const qc_node *n, qc_ban **list, size_t *count)
{
    qc_peerbook *b = n->book;
    if (!b)
        return QC_EUNSUPPORTED;
    pthread_mutex_lock(&b->lock);
    qc_bans_sweep(&b->bans, qc_clock_now());
    qc_ban *out = qc_try_calloc(b->bans.n + 1, sizeof *out);
    size_t k = out ? b->bans.n : 0;
    if (k)
        memcpy(out, b->bans.list, k * sizeof *out);
    pthread_mutex_unlock(&b->lock);
    if (!out)
        return QC_ENOMEM;
    *list = out;
    *count = k;
    return QC_OK;
}
