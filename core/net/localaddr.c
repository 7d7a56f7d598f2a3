#include "core/net/localaddr.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/net/peeraddr.h"
#include "core/os/thread.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 256u /* a host may have any number; nobody needs to hear of more */

struct qc_localaddrs {
    pthread_mutex_t lock;
    qc_localaddrs_options o;
    qc_local_addr *list; /* sorted by address */
    size_t n;
};

qc_localaddrs *qc_localaddrs_new(const qc_localaddrs_options *o)
{
    qc_localaddrs *l = qc_alloc(sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    l->o = *o;
    return l;
}

void qc_localaddrs_free(qc_localaddrs *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    qc_free(l->list);
    qc_free(l);
}

void qc_localaddrs_set(qc_localaddrs *l, const qc_localaddrs_options *o)
{
    pthread_mutex_lock(&l->lock);
    l->o = *o;
    pthread_mutex_unlock(&l->lock);
}

qc_localaddrs_options qc_localaddrs_get(qc_localaddrs *l)
{
    pthread_mutex_lock(&l->lock);
    qc_localaddrs_options o = l->o;
    pthread_mutex_unlock(&l->lock);
    return o;
}

/* ---- networks ---- */

void qc_local_set_reachable(qc_localaddrs *l, qc_network net, bool on)
{
    pthread_mutex_lock(&l->lock);
    if (on)
        l->o.unreachable &= ~(1u << net);
    else
        l->o.unreachable |= 1u << net;
    pthread_mutex_unlock(&l->lock);
}

unsigned qc_local_reachable(qc_localaddrs *l)
{
    unsigned all = (1u << QC_NETWORK_COUNT) - (1u << QC_NETWORK_IPV4);
    return all & ~qc_localaddrs_get(l).unreachable;
}

bool qc_local_reaches_network(qc_localaddrs *l, qc_network net)
{
    return qc_local_reachable(l) >> net & 1;
}

bool qc_local_reaches(qc_localaddrs *l, const qc_netaddr *a)
{
    return qc_local_reaches_network(l, qc_netaddr_network(a));
}

/* ---- addresses ---- */

/* Where it is, or would be. */
static size_t place_of(const qc_localaddrs *l, const qc_netaddr *a)
{
    size_t i = 0;
    while (i < l->n && qc_netaddr_cmp(&l->list[i].addr, a) < 0)
        i++;
    return i;
}

/* NULL: not there. The lock is held. */
static qc_local_addr *find(const qc_localaddrs *l, const qc_netaddr *a)
{
    size_t i = place_of(l, a);
    return i < l->n && qc_netaddr_eq(&l->list[i].addr, a) ? &l->list[i] : NULL;
}

static bool insert(qc_localaddrs *l, const qc_local_addr *a)
{
    qc_local_addr *grown = NULL;
    size_t i = place_of(l, &a->addr);
    if (l->n < ADDRESSES_MAX)
        grown = qc_try_realloc(l->list, (l->n + 1) * sizeof *grown);
    if (!grown)
        return false;
    memmove(grown + i + 1, grown + i, (l->n - i) * sizeof *grown);
    grown[i] = *a;
    l->list = grown;
    l->n++;
    return true;
}

static int32_t one_more(int32_t score)
{
    return score == INT32_MAX ? score : score + 1;
}

static void log_it(const char *what, const qc_netaddr *a, uint16_t port, int score)
{
    char text[QC_PEER_ADDR_TEXT];
    qc_peer_addr_text(&(qc_peer_addr){.addr = *a, .port = port}, text);
    qc_log(QC_LOG_DEBUG, "net", "%s(%s,%d)", what, text, score);
}

bool qc_local_add(qc_localaddrs *l, const qc_netaddr *a, uint16_t port, qc_local_source source,
                  bool unreachable_too)
{
    qc_localaddrs_options o = qc_localaddrs_get(l);
    bool own_port = port || a->net == QC_NETWORK_I2P; /* there, 0 is the only one */
    qc_local_addr add = {qc_netaddr_flip_cjdns(a, o.cjdns), own_port ? port : o.port,
                         (int32_t)source};
    if (!qc_netaddr_is_routable(&add.addr) || (!o.discover && source < QC_LOCAL_MANUAL) ||
        (!unreachable_too && !qc_local_reaches(l, &add.addr)))
        return false;
    pthread_mutex_lock(&l->lock);
    qc_local_addr *known = find(l, &add.addr);
    bool added = known || insert(l, &add);
    if (known && add.score >= known->score) {
        known->score = one_more(add.score);
        known->port = add.port;
    }
    pthread_mutex_unlock(&l->lock);
    if (added)
        log_it("AddLocal", &add.addr, add.port, (int)source);
    return added;
}

void qc_local_remove(qc_localaddrs *l, const qc_netaddr *a)
{
    pthread_mutex_lock(&l->lock);
    qc_local_addr *known = find(l, a), gone = {.port = 0};
    if (known) {
        gone = *known;
        l->n--;
        memmove(known, known + 1, (size_t)(l->list + l->n - known) * sizeof *known);
    }
    pthread_mutex_unlock(&l->lock);
    if (known)
        log_it("RemoveLocal", &gone.addr, gone.port, gone.score);
}

bool qc_local_vote(qc_localaddrs *l, const qc_netaddr *a)
{
    pthread_mutex_lock(&l->lock);
    qc_local_addr *known = find(l, a);
    if (known)
        known->score = one_more(known->score);
    pthread_mutex_unlock(&l->lock);
    return known != NULL;
}

bool qc_local_has(qc_localaddrs *l, const qc_netaddr *a)
{
    pthread_mutex_lock(&l->lock);
    bool has = find(l, a) != NULL;
    pthread_mutex_unlock(&l->lock);
    return has;
}

qc_err qc_local_list(qc_localaddrs *l, qc_local_addr **list, size_t *n)
{
    pthread_mutex_lock(&l->lock);
    size_t count = l->n;
    qc_local_addr *copy = qc_try_calloc(count + 1, sizeof *copy);
    if (copy && count)
        memcpy(copy, l->list, count * sizeof *copy);
    pthread_mutex_unlock(&l->lock);
    if (!copy)
        return QC_ENOMEM;
    *list = copy;
    *n = count;
    return QC_OK;
}

/* ---- the system's interfaces ---- */

static bool address_of(const struct sockaddr *sa, qc_netaddr *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (sa && sa->sa_family == AF_INET) {
        memcpy(&v4, sa, sizeof v4);
        *out = qc_netaddr_of(QC_NETWORK_IPV4, (const uint8_t *)&v4.sin_addr);
        return true;
    }
    if (sa && sa->sa_family == AF_INET6) {
        memcpy(&v6, sa, sizeof v6);
        *out = qc_netaddr_of_v1(v6.sin6_addr.s6_addr);
        return true;
    }
    return false;
}

void qc_local_discover(qc_localaddrs *l)
{
    struct ifaddrs *all;
    qc_netaddr a;
    if (!qc_localaddrs_get(l).discover || getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        if ((i->ifa_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP && address_of(i->ifa_addr, &a))
            (void)qc_local_add(l, &a, 0, QC_LOCAL_IF, false);
    freeifaddrs(all);
}

/* ---- the choice for a peer ---- */

/* How well an address can be reached from somewhere (Core CNetAddr::GetReachabilityFrom). */
enum { UNREACHABLE, DEFAULT, TEREDO, IPV6_WEAK, IPV4, IPV6_STRONG, PRIVATE };

#define NET_TEREDO QC_NETWORK_COUNT /* counts as a network of its own here */

static int network_of(const qc_netaddr *a)
{
    return qc_netaddr_in(a, QC_RANGE_RFC4380) ? NET_TEREDO : (int)qc_netaddr_network(a);
}

static bool is_tunnel(const qc_netaddr *a)
{
    return qc_netaddr_in(a, QC_RANGE_RFC3964) || qc_netaddr_in(a, QC_RANGE_RFC6052) ||
           qc_netaddr_in(a, QC_RANGE_RFC6145);
}

static int reach_from(const qc_netaddr *ours, const qc_netaddr *theirs)
{
    /* Rows: where the peer is; columns: of what kind our address is. */
    static const uint8_t REACH[NET_TEREDO + 1][NET_TEREDO + 1] = {
        [QC_NETWORK_UNROUTABLE] = {[QC_NETWORK_IPV4] = IPV4,
                                   [QC_NETWORK_IPV6] = IPV6_WEAK,
                                   [QC_NETWORK_ONION] = PRIVATE,
                                   [NET_TEREDO] = TEREDO},
        [QC_NETWORK_INTERNAL] = {[QC_NETWORK_IPV4] = IPV4,
                                 [QC_NETWORK_IPV6] = IPV6_WEAK,
                                 [QC_NETWORK_ONION] = PRIVATE,
                                 [NET_TEREDO] = TEREDO},
        [QC_NETWORK_IPV4] = {[QC_NETWORK_IPV4] = IPV4},
        [QC_NETWORK_IPV6] =
            {[QC_NETWORK_IPV4] = IPV4, [QC_NETWORK_IPV6] = IPV6_STRONG, [NET_TEREDO] = TEREDO},
        [QC_NETWORK_ONION] = {[QC_NETWORK_IPV4] = IPV4, [QC_NETWORK_ONION] = PRIVATE},
        [QC_NETWORK_I2P] = {[QC_NETWORK_I2P] = PRIVATE},
        [QC_NETWORK_CJDNS] = {[QC_NETWORK_CJDNS] = PRIVATE},
        [NET_TEREDO] =
            {[QC_NETWORK_IPV4] = IPV4, [QC_NETWORK_IPV6] = IPV6_WEAK, [NET_TEREDO] = TEREDO},
    };
    if (!qc_netaddr_is_routable(ours))
        return UNREACHABLE;
    int reach = REACH[network_of(theirs)][network_of(ours)];
    if (reach == IPV6_STRONG && is_tunnel(ours))
        return IPV6_WEAK;
    return reach ? reach : DEFAULT;
}

static bool is_private(qc_network net)
{
    return net == QC_NETWORK_ONION || net == QC_NETWORK_I2P;
}

/* NULL: none. The lock is held. */
static const qc_local_addr *best_for(const qc_localaddrs *l, const qc_local_peer *p)
{
    const qc_local_addr *best = NULL;
    int best_reach = -1;
    for (size_t i = 0; l->o.listen && i < l->n; i++) {
        const qc_local_addr *a = &l->list[i];
        qc_network net = qc_netaddr_network(&a->addr);
        /* Who we are on a network that hides us is not told on others, nor the other way round. */
        if (net != p->through && (is_private(net) || is_private(p->through)))
            continue;
        int reach = reach_from(&a->addr, &p->addr);
        if (reach > best_reach || (best && reach == best_reach && a->score > best->score)) {
            best = a;
            best_reach = reach;
        }
    }
    return best;
}

bool qc_local_for_peer(qc_localaddrs *l, const qc_local_peer *p, uint64_t chance, qc_netaddr *addr,
                       uint16_t *port)
{
    bool told_is_good = qc_netaddr_is_routable(&p->addr) && qc_netaddr_is_routable(&p->told) &&
                        qc_local_reaches(l, &p->told);
    pthread_mutex_lock(&l->lock);
    const qc_local_addr *best = best_for(l, p);
    qc_local_addr own = {.addr = qc_netaddr_none(), .port = l->o.port};
    if (best)
        own = *best;
    bool believe = told_is_good && l->o.discover && l->o.listen;
    pthread_mutex_unlock(&l->lock);
    /* The surer we are, the less often the peer is believed. */
    uint64_t one_in = own.score > QC_LOCAL_MANUAL ? 8 : 2;
    if (believe && (!best || chance % one_in == 0)) {
        own.addr = p->told;
        if (p->inbound) /* else it saw the port that we happened to connect from */
            own.port = p->told_port;
    }
    if (!qc_netaddr_is_routable(&own.addr))
        return false;
    *addr = own.addr;
    *port = own.port;
    return true;
}
