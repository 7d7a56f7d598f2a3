/* Where addresses come from when few are known: seed nodes, DNS seeds, and what is built in. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/net/outbound_internal.h"

#include <stdio.h>

/* Core's numbers. */
#define SEEDNODE_SECONDS 30 /* for all seed nodes, before DNS is asked */
#define SEEDNODE_EVERY 10   /* seconds until the next one is asked */
#define FIXED_AFTER 60      /* seconds */
#define DNS_AT_ONCE 3u
#define DNS_FEW_PAUSE 11   /* seconds, when few addresses are known */
#define DNS_MANY_PAUSE 300 /* ... or many */
#define DNS_MANY 1000u
#define DNS_IPS_MAX 32u /* addresses taken from one seed */
#define DAY (24 * 3600)
#define SECOND ((qc_mono)1000000000)
#define SEED_SERVICES (QC_NODE_NETWORK | QC_NODE_WITNESS)

/* ---- life ---- */

static void shuffle(qc_outbound *o, char **list, size_t n)
{
    for (; n > 1; n--) {
        size_t k = (size_t)(qc_outbound_random(o) % n);
        char *t = list[k];
        list[k] = list[n - 1];
        list[n - 1] = t;
    }
}

void qc_seeds_init(qc_outbound *o)
{
    shuffle(o, o->names, o->n_names);
    shuffle(o, o->seednodes, o->n_seednodes);
    o->had_seednodes = o->n_seednodes > 0;
    o->add_seednode = o->had_seednodes && qc_outbound_known(o) == 0;
    o->use_fixed = o->o.fixedseeds && o->o.automatic;
    o->dns = !o->o.dnsseed ? DNS_DONE : o->had_seednodes ? DNS_SEEDNODES : DNS_PLAN;
    if (!o->o.dnsseed)
        qc_log(QC_LOG_INFO, "net", "DNS seeding disabled");
    if (o->dns == DNS_SEEDNODES)
        qc_log(QC_LOG_INFO, "net",
               "-seednode enabled. Trying the provided seeds for %d seconds before defaulting to "
               "the dnsseeds.",
               SEEDNODE_SECONDS);
    if (o->o.automatic && !o->use_fixed)
        qc_log(QC_LOG_INFO, "net", "Fixed seeds are disabled");
}

void qc_seeds_free(qc_outbound *o)
{
    while (o->n_seednodes)
        qc_free(o->seednodes[--o->n_seednodes]);
    while (o->n_names)
        qc_free(o->names[--o->n_names]);
    while (o->n_fetch)
        qc_free(o->fetch[--o->n_fetch]);
    qc_free(o->seednodes);
    qc_free(o->fetch);
    qc_free(o->names);
}

/* ---- peers that are asked for addresses ---- */

/* Each seed is put here once. */
static void add_fetch(qc_outbound *o, const char *node)
{
    char **more = qc_try_realloc(o->fetch, (o->n_fetch + 1) * sizeof *more);
    if (!more)
        return;
    o->fetch = more;
    o->fetch[o->n_fetch++] = qc_strdup(node);
}

static void take_seednode(qc_outbound *o)
{
    if (!o->add_seednode || !o->n_seednodes)
        return;
    char *node = o->seednodes[--o->n_seednodes];
    o->add_seednode = false;
    add_fetch(o, node);
    if (qc_outbound_known(o) == 0)
        qc_log(QC_LOG_INFO, "net", "Empty addrman, adding seednode (%s) to addrfetch", node);
    else
        qc_log(QC_LOG_INFO, "net",
               "Couldn't connect to peers from addrman after %d seconds. Adding seednode (%s) to "
               "addrfetch",
               SEEDNODE_EVERY, node);
    qc_free(node);
}

void qc_seeds_fetch(qc_outbound *o, const qc_outbound_view *v, bool free)
{
    take_seednode(o);
    if (!o->n_fetch || !free || !v->active)
        return;
    char *node = o->fetch[0];
    o->n_fetch--;
    memmove(o->fetch, o->fetch + 1, o->n_fetch * sizeof *o->fetch);
    o->ops.fetch(o->ops.arg, node);
    qc_free(node);
}

/* ---- what is built in ---- */

/* Networks that can be reached, but no address of which is known. */
static unsigned empty_networks(qc_outbound *o)
{
    qc_peerbook *b = o->o.book;
    unsigned reachable = o->ops.networks(o->ops.arg), empty = 0;
    pthread_mutex_lock(&b->lock);
    for (qc_network n = QC_NETWORK_IPV4; n < QC_NETWORK_INTERNAL; n++)
        if ((reachable >> n & 1) && !qc_addrman_size(b->addrs, n, QC_TABLE_BOTH))
            empty |= 1u << n;
    pthread_mutex_unlock(&b->lock);
    return empty;
}

/* At a time some days ago, so that nothing that is fresher is displaced. */
static qc_unixtime seed_time(qc_outbound *o, qc_unixtime now)
{
    return now - 3 * DAY - (qc_unixtime)(qc_outbound_random(o) % (4 * DAY));
}

static size_t add_fixed(qc_outbound *o, unsigned networks, qc_unixtime now)
{
    const qc_netaddr source = qc_netaddr_internal("fixedseeds");
    qc_peerbook *b = o->o.book;
    size_t n = 0;
    for (size_t i = 0; o->o.fixed && o->o.fixed[i]; i++) {
        qc_peer_addr a;
        if (!qc_peer_addr_parse(o->o.fixed[i], o->o.default_port, &a) ||
            !(networks >> qc_netaddr_network(&a.addr) & 1))
            continue;
        a.services = SEED_SERVICES | QC_NODE_P2P_V2;
        a.time = seed_time(o, now);
        pthread_mutex_lock(&b->lock);
        qc_addrman_add(b->addrs, &a, 1, &source, 0, now);
        pthread_mutex_unlock(&b->lock);
        n++;
    }
    return n;
}

static void care_for_fixed(qc_outbound *o, int64_t now)
{
    unsigned empty = o->use_fixed ? empty_networks(o) : 0;
    if (!empty)
        return;
    if (now > o->start + FIXED_AFTER * SECOND_US)
        qc_log(QC_LOG_INFO, "net",
               "Adding fixed seeds as 60 seconds have passed and addrman is empty for at least one "
               "reachable network");
    else if (!o->o.dnsseed && !o->had_seednodes && !o->ops.is_added(o->ops.arg, NULL))
        qc_log(QC_LOG_INFO, "net",
               "Adding fixed seeds as -dnsseed=0 (or IPv4/IPv6 connections are disabled via "
               "-onlynet) and neither -addnode nor -seednode are provided");
    else
        return;
    size_t n = add_fixed(o, empty, now / SECOND_US);
    o->use_fixed = false;
    qc_log(QC_LOG_INFO, "net", "Added %zu fixed seeds from reachable networks.", n);
}

void qc_seeds_care(qc_outbound *o, const qc_outbound_view *v)
{
    uint32_t full = 0;
    care_for_fixed(o, v->now);
    for (size_t i = 0; i < v->n; i++)
        full += v->conn[i].made && v->conn[i].type == QC_CONN_FULL;
    if (!o->n_seednodes || full >= ENOUGH_PEERS ||
        v->now <= o->seednode_time + SEEDNODE_EVERY * SECOND_US)
        return;
    o->seednode_time = v->now;
    o->add_seednode = true;
}

/* ---- DNS ---- */

static void dns_over(qc_outbound *o)
{
    qc_log(QC_LOG_INFO, "net", "%zu addresses found from DNS seeds", o->found);
    o->dns = DNS_DONE;
}

/* -seednode has had its time? */
static void dns_seednodes(qc_outbound *o, const qc_outbound_view *v)
{
    if (v->now > o->start + SEEDNODE_SECONDS * SECOND_US)
        qc_log(QC_LOG_INFO, "net",
               "Couldn't connect to enough peers via seed nodes. Handing fetch logic to the DNS "
               "seeds.");
    else if (qc_outbound_full(v) >= ENOUGH_PEERS)
        qc_log(QC_LOG_INFO, "net", "P2P peers available. Finished fetching data from seed nodes.");
    else
        return;
    o->dns = DNS_PLAN;
}

static void dns_plan(qc_outbound *o, const qc_outbound_view *v)
{
    if (o->o.forcednsseed || qc_outbound_known(o) == 0)
        o->names_now = o->n_names;
    o->dns = DNS_NEXT;
    if (o->names_now || !o->had_seednodes || qc_outbound_full(v) < ENOUGH_PEERS)
        return;
    qc_log(QC_LOG_INFO, "net", "Skipping DNS seeds. Enough peers have been found");
    o->dns = DNS_DONE;
}

static void dns_next(qc_outbound *o, qc_mono now)
{
    size_t known = qc_outbound_known(o);
    if (o->next_name == o->n_names) {
        dns_over(o);
        return;
    }
    o->dns = DNS_ASK;
    if (o->names_now)
        return;
    o->names_now = DNS_AT_ONCE;
    if (known == 0)
        return;
    int pause = known >= DNS_MANY ? DNS_MANY_PAUSE : DNS_FEW_PAUSE;
    qc_log(QC_LOG_INFO, "net", "Waiting %d seconds before querying DNS seeds.", pause);
    o->dns_until = now + pause * SECOND;
    o->dns_look = now + DNS_FEW_PAUSE * SECOND;
    o->dns = DNS_WAIT;
}

/* Looks now and then whether there are peers enough. */
static void dns_wait(qc_outbound *o, const qc_outbound_view *v)
{
    if (v->mono < o->dns_look)
        return;
    o->dns_look = QC_MIN(o->dns_look + DNS_FEW_PAUSE * SECOND, o->dns_until);
    if (qc_outbound_full(v) >= ENOUGH_PEERS) {
        if (o->found)
            qc_log(QC_LOG_INFO, "net", "%zu addresses found from DNS seeds", o->found);
        qc_log(QC_LOG_INFO, "net", "P2P peers available. %s DNS seeding.",
               o->found ? "Finished" : "Skipped");
        o->dns = DNS_DONE;
    } else if (v->mono >= o->dns_until) {
        o->dns = DNS_ASK;
    }
}

/* By the name for the services that are wanted; the answers' source. */
static void seed_host(const char *seed, char *out, size_t cap)
{
    snprintf(out, cap, "x%llx.%s", (unsigned long long)SEED_SERVICES, seed);
}

static void dns_ask(qc_outbound *o, const qc_outbound_view *v)
{
    char host[256];
    const char *seed = o->names[o->next_name];
    if (!v->active) {
        if (!o->dns_said_inactive)
            qc_log(QC_LOG_INFO, "net",
                   "Waiting for network to be reactivated before querying DNS seeds.");
        o->dns_said_inactive = true;
        return;
    }
    o->dns_said_inactive = false;
    qc_log(QC_LOG_INFO, "net", "Loading addresses from DNS seed %s", seed);
    o->names_now--;
    if (o->ops.has_name_proxy(o->ops.arg)) {
        add_fetch(o, seed);
        o->next_name++;
        o->dns = DNS_NEXT;
        return;
    }
    seed_host(seed, host, sizeof host);
    o->dns = DNS_ANSWER;
    o->ops.look_up(o->ops.arg, host);
}

void qc_outbound_found(qc_outbound *o, const qc_netaddr *list, size_t n, qc_unixtime now)
{
    char host[256];
    if (o->dns != DNS_ANSWER)
        return;
    const char *seed = o->names[o->next_name++];
    o->dns = DNS_NEXT;
    if (n == 0) { /* it may not know names for services: ask one of its peers */
        add_fetch(o, seed);
        return;
    }
    seed_host(seed, host, sizeof host);
    const qc_netaddr source = qc_netaddr_internal(host);
    qc_peerbook *b = o->o.book;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < QC_MIN(n, DNS_IPS_MAX); i++) {
        const qc_peer_addr a = {.addr = list[i],
                                .port = o->o.default_port,
                                .services = SEED_SERVICES | QC_NODE_P2P_V2,
                                .time = seed_time(o, now)};
        qc_addrman_add(b->addrs, &a, 1, &source, 0, now);
        o->found++;
    }
    pthread_mutex_unlock(&b->lock);
}

void qc_seeds_dns(qc_outbound *o, const qc_outbound_view *v)
{
    dns_state was;
    do {
        was = o->dns;
        switch (was) {
        case DNS_SEEDNODES:
            dns_seednodes(o, v);
            break;
        case DNS_PLAN:
            dns_plan(o, v);
            break;
        case DNS_NEXT:
            dns_next(o, v->mono);
            break;
        case DNS_WAIT:
            dns_wait(o, v);
            break;
        case DNS_ASK:
            dns_ask(o, v);
            break;
        case DNS_ANSWER:
        case DNS_DONE:
            break;
        }
    } while (o->dns != was);
}
