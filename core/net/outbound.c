#include "core/net/outbound.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/chance.h"
#include "core/base/log.h"
#include "core/net/badport.h"
#include "core/net/outbound_internal.h"

/* Core's intervals. */
#define FEELER_EVERY (2 * MINUTE_US)
#define BLOCK_ONLY_EVERY (5 * MINUTE_US)
#define NETWORK_EVERY (5 * MINUTE_US)
#define FEELER_PAUSE 1000000000u /* nanoseconds, at most */

#define TRIES 100       /* addresses drawn for one connection */
#define TRIES_RECENT 30 /* before one is taken that was tried a short while ago */
#define TRIES_PORT 50   /* ... that has the port of another service */
#define RECENT (10 * 60)

uint64_t qc_outbound_random(qc_outbound *o)
{
    return o->ops.random(o->ops.arg);
}

size_t qc_outbound_known(qc_outbound *o)
{
    qc_peerbook *b = o->o.book;
    pthread_mutex_lock(&b->lock);
    size_t n = qc_addrman_size(b->addrs, QC_NETWORK_ALL, QC_TABLE_BOTH);
    pthread_mutex_unlock(&b->lock);
    return n;
}

uint32_t qc_outbound_full(const qc_outbound_view *v)
{
    uint32_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->conn[i].handshaken && v->conn[i].type == QC_CONN_FULL;
    return n;
}

/* ---- what there is ---- */

typedef struct tally {
    uint32_t full, block_only, automatic;
    uint32_t in_network[QC_NETWORK_COUNT]; /* manual ones and those that relay */
    qc_netgroup *group;                    /* of kept connections over IPv4 and IPv6; owned */
    size_t n_group;
    uint32_t diverse; /* made ones: groups of those, and all of other networks */
} tally;

static bool is_kept(qc_conn_type t)
{
    return t == QC_CONN_MANUAL || t == QC_CONN_FULL || t == QC_CONN_BLOCK_ONLY;
}

static bool has_group(const tally *t, const qc_netgroup *g)
{
    for (size_t i = 0; i < t->n_group; i++)
        if (qc_netgroup_eq(&t->group[i], g))
            return true;
    return false;
}

/* Groups of Tor, I2P and CJDNS say nothing of whose hands an address is in. */
static bool has_true_group(const qc_netaddr *a)
{
    return a->net != QC_NETWORK_ONION && a->net != QC_NETWORK_I2P && a->net != QC_NETWORK_CJDNS;
}

static void count_kept(const qc_outbound *o, tally *t, const qc_outbound_conn *c)
{
    qc_netgroup g = qc_netgroups_of(&o->o.book->groups, &c->where.addr);
    if (c->type != QC_CONN_BLOCK_ONLY)
        t->in_network[qc_netaddr_network(&c->where.addr)]++;
    if (!has_true_group(&c->where.addr)) {
        t->diverse += c->made;
    } else if (!has_group(t, &g)) {
        t->group[t->n_group++] = g;
        t->diverse += c->made;
    }
}

/* Made connections first: of a group, one that is made counts. */
static tally take_tally(const qc_outbound *o, const qc_outbound_view *v)
{
    tally t = {.group = qc_alloc((v->n + 1) * sizeof *t.group)};
    for (size_t i = 0; i < v->n; i++) {
        const qc_outbound_conn *c = &v->conn[i];
        t.full += c->type == QC_CONN_FULL;
        t.block_only += c->type == QC_CONN_BLOCK_ONLY;
        t.automatic +=
            c->type != QC_CONN_INBOUND && c->type != QC_CONN_MANUAL && c->type != QC_CONN_PRIVATE;
    }
    for (int made = 1; made >= 0; made--)
        for (size_t i = 0; i < v->n; i++)
            if (is_kept(v->conn[i].type) && v->conn[i].made == (made == 1))
                count_kept(o, &t, &v->conn[i]);
    return t;
}

static bool is_connected(const qc_outbound_view *v, const qc_netaddr *a)
{
    for (size_t i = 0; i < v->n; i++)
        if (qc_netaddr_eq(&v->conn[i].where.addr, a))
            return true;
    return false;
}

/* ---- what is wanted ---- */

typedef struct want {
    qc_conn_type type;
    bool anchor;
    qc_network net; /* QC_NETWORK_UNROUTABLE: any */
} want;

static int64_t wait_for(qc_outbound *o, int64_t mean)
{
    return qc_chance_wait(mean, qc_outbound_random(o));
}

/* A network of which addresses are known, and none is connected. */
static bool find_network(qc_outbound *o, const tally *t, qc_network *out)
{
    qc_network net[] = {QC_NETWORK_IPV4, QC_NETWORK_IPV6, QC_NETWORK_ONION, QC_NETWORK_I2P,
                        QC_NETWORK_CJDNS};
    qc_peerbook *b = o->o.book;
    unsigned reachable = o->ops.networks(o->ops.arg);
    for (size_t left = QC_COUNTOF(net); left > 0; left--) {
        size_t k = (size_t)(qc_outbound_random(o) % left);
        qc_network n = net[k];
        net[k] = net[left - 1];
        if (!(reachable >> n & 1) || t->in_network[n])
            continue;
        pthread_mutex_lock(&b->lock);
        size_t known = qc_addrman_size(b->addrs, n, QC_TABLE_BOTH);
        pthread_mutex_unlock(&b->lock);
        if (known) {
            *out = n;
            return true;
        }
    }
    return false;
}

/* False: nothing. */
static bool decide(qc_outbound *o, const tally *t, int64_t now, want *w)
{
    const qc_slots *s = &o->o.slots;
    *w = (want){.type = QC_CONN_FULL};
    if (o->n_anchors && t->block_only < s->block_only) {
        w->type = QC_CONN_BLOCK_ONLY;
        w->anchor = true;
    } else if (t->full < s->full) {
        return true;
    } else if (t->block_only < s->block_only) {
        w->type = QC_CONN_BLOCK_ONLY;
    } else if (o->try_another) {
        return true;
    } else if (o->extra_block_only && now > o->next_block_only) {
        o->next_block_only = now + wait_for(o, BLOCK_ONLY_EVERY);
        w->type = QC_CONN_BLOCK_ONLY;
    } else if (!o->feeler_waits && now > o->next_feeler) {
        o->next_feeler = now + wait_for(o, FEELER_EVERY);
        w->type = QC_CONN_FEELER;
    } else if (t->full == s->full && s->full == QC_SLOTS_FULL && now > o->next_network &&
               find_network(o, t, &w->net)) {
        o->next_network = now + wait_for(o, NETWORK_EVERY);
    } else {
        return false;
    }
    return true;
}

/* ---- an address for it ---- */

static bool take_anchor(qc_outbound *o, const tally *t, qc_peer_addr *out)
{
    unsigned reachable = o->ops.networks(o->ops.arg);
    while (o->n_anchors) {
        qc_peer_addr a = o->anchors[--o->n_anchors];
        qc_netgroup g = qc_netgroups_of(&o->o.book->groups, &a.addr);
        char text[QC_PEER_ADDR_TEXT];
        if (!qc_netaddr_is_valid(&a.addr) || o->ops.is_own(o->ops.arg, &a.addr) ||
            !(reachable >> qc_netaddr_network(&a.addr) & 1) ||
            (o->ops.desirable(o->ops.arg, a.services) & ~a.services) || has_group(t, &g))
            continue;
        qc_peer_addr_text(&a, text);
        qc_log(QC_LOG_DEBUG, "net", "Trying to make an anchor connection to %s", text);
        *out = a;
        return true;
    }
    return false;
}

/* For a feeler: the old address of a collision, else one that was never connected to. */
static bool draw_feeler(qc_outbound *o, const qc_outbound_view *v, unsigned networks,
                        qc_peer_addr *a, qc_unixtime *last_try)
{
    qc_addrman *m = o->o.book->addrs;
    qc_unixtime now = v->now / SECOND_US;
    if (qc_addrman_collision(m, a, last_try)) {
        if (!is_connected(v, &a->addr))
            return true;
        qc_addrman_good(m, a, now); /* no need to ask what answers already */
    }
    return qc_addrman_select(m, true, networks, now, a, last_try);
}

static bool draw(qc_outbound *o, const qc_outbound_view *v, const want *w, qc_peer_addr *a,
                 qc_unixtime *last_try)
{
    qc_peerbook *b = o->o.book;
    unsigned networks = w->net ? 1u << w->net : o->ops.networks(o->ops.arg);
    if (!networks)
        return false;
    pthread_mutex_lock(&b->lock);
    bool ok = w->type == QC_CONN_FEELER
                  ? draw_feeler(o, v, networks, a, last_try)
                  : qc_addrman_select(b->addrs, false, networks, v->now / SECOND_US, a, last_try);
    pthread_mutex_unlock(&b->lock);
    return ok;
}

static bool offers_enough(qc_outbound *o, const want *w, uint64_t services)
{
    if (w->type == QC_CONN_FEELER) /* who serves no blocks rarely knows many addresses */
        return (services & (QC_NODE_NETWORK | QC_NODE_NETWORK_LIMITED)) != 0;
    return (o->ops.desirable(o->ops.arg, services) & ~services) == 0;
}

static bool is_added(qc_outbound *o, const want *w, const qc_peer_addr *a)
{
    char text[QC_PEER_ADDR_TEXT];
    if (!o->ops.is_added(o->ops.arg, a))
        return false;
    qc_peer_addr_text(a, text);
    qc_log(QC_LOG_DEBUG, "net",
           "Not making automatic %s%s connection to %s peer selected for manual (addnode) "
           "connection: %s",
           w->net ? "network-specific " : "", qc_conn_type_text(w->type),
           qc_network_name(qc_netaddr_network(&a->addr)), text);
    return true;
}

static bool find_address(qc_outbound *o, const qc_outbound_view *v, const tally *t, const want *w,
                         qc_peer_addr *out)
{
    unsigned reachable = o->ops.networks(o->ops.arg);
    if (w->anchor && take_anchor(o, t, out))
        return true;
    for (int tries = 1; tries <= TRIES; tries++) {
        qc_peer_addr a;
        qc_unixtime last_try;
        if (!draw(o, v, w, &a, &last_try))
            return false;
        qc_network net = qc_netaddr_network(&a.addr);
        qc_netgroup g = qc_netgroups_of(&o->o.book->groups, &a.addr);
        if (w->type != QC_CONN_FEELER && has_group(t, &g))
            continue;
        if (!qc_netaddr_is_valid(&a.addr) || o->ops.is_own(o->ops.arg, &a.addr))
            return false;
        bool recent = v->now / SECOND_US - last_try < RECENT && tries < TRIES_RECENT;
        bool bad_port = (net == QC_NETWORK_IPV4 || net == QC_NETWORK_IPV6) && tries < TRIES_PORT &&
                        qc_is_bad_port(a.port);
        if (!(reachable >> net & 1) || recent || !offers_enough(o, w, a.services) || bad_port ||
            is_added(o, w, &a))
            continue;
        *out = a;
        return true;
    }
    return false;
}

/* ---- connecting ---- */

static void dial(qc_outbound *o, const qc_outbound_view *v, const qc_peer_addr *a,
                 qc_conn_type type, bool count)
{
    if (o->ops.is_own(o->ops.arg, &a->addr) || is_connected(v, &a->addr) ||
        qc_peerbook_standing(o->o.book, &a->addr) != QC_STANDING_GOOD)
        return;
    o->ops.dial(o->ops.arg, a, type, (a->services & QC_NODE_P2P_V2) != 0, count);
}

/* True: its time has come. */
static bool run_feeler(qc_outbound *o, const qc_outbound_view *v)
{
    char text[QC_PEER_ADDR_TEXT];
    if (!o->feeler_waits || v->mono < o->feeler_at)
        return false;
    o->feeler_waits = false;
    qc_peer_addr_text(&o->feeler, text);
    qc_log(QC_LOG_DEBUG, "net", "Making feeler connection to %s", text);
    dial(o, v, &o->feeler, QC_CONN_FEELER, o->feeler_counts);
    return true;
}

static void connect_one(qc_outbound *o, const qc_outbound_view *v, const tally *t)
{
    want w;
    qc_peer_addr a;
    char text[QC_PEER_ADDR_TEXT];
    if (!decide(o, t, v->now, &w))
        return;
    qc_peerbook *b = o->o.book;
    pthread_mutex_lock(&b->lock);
    qc_addrman_resolve_collisions(b->addrs, v->now / SECOND_US);
    pthread_mutex_unlock(&b->lock);
    if (!find_address(o, v, t, &w, &a))
        return;
    /* While this host is off line every address fails, which says nothing about any. */
    uint32_t enough = QC_MIN(o->o.slots.connections - 1, 2);
    bool count = t->diverse >= enough;
    if (w.type == QC_CONN_FEELER) {
        o->feeler_waits = true;
        o->feeler = a;
        o->feeler_counts = count;
        o->feeler_at = v->mono + (qc_mono)(qc_outbound_random(o) % FEELER_PAUSE);
        return;
    }
    qc_peer_addr_text(&a, text);
    if (w.net)
        qc_log(QC_LOG_DEBUG, "net", "Making network specific connection to %s on %s.", text,
               qc_network_name(w.net));
    dial(o, v, &a, w.type, count);
}

static void begin(qc_outbound *o, int64_t now)
{
    o->begun = true;
    o->start = o->seednode_time = now;
    o->next_feeler = now + wait_for(o, FEELER_EVERY);
    o->next_block_only = now + wait_for(o, BLOCK_ONLY_EVERY);
    o->next_network = now + wait_for(o, NETWORK_EVERY);
    qc_seeds_init(o);
    if (o->o.automatic)
        qc_log(QC_LOG_INFO, "net", "opencon thread start"); /* in Core's words; there is none */
}

void qc_outbound_tick(qc_outbound *o, const qc_outbound_view *v)
{
    if (!o->begun)
        begin(o, v->now);
    qc_seeds_dns(o, v);
    if (!o->o.automatic)
        return;
    tally t = take_tally(o, v);
    bool free = v->active && t.automatic < o->o.slots.outbound;
    qc_seeds_fetch(o, v, free);
    if (free || !v->active)
        qc_seeds_care(o, v);
    if (free && !run_feeler(o, v))
        connect_one(o, v, &t);
    qc_free(t.group);
}

void qc_outbound_try_another(qc_outbound *o, bool on)
{
    o->try_another = on;
}

void qc_outbound_extra_block_only(qc_outbound *o)
{
    o->extra_block_only = true;
}

/* ---- life ---- */

static char **copy_texts(const char *const *list, size_t *n)
{
    *n = 0;
    while (list && list[*n])
        ++*n;
    char **copy = qc_alloc((*n + 1) * sizeof *copy);
    for (size_t i = 0; i < *n; i++)
        copy[i] = qc_strdup(list[i]);
    return copy;
}

qc_outbound *qc_outbound_new(const qc_outbound_options *opt, const qc_outbound_ops *ops)
{
    qc_outbound *o = qc_alloc(sizeof *o);
    o->o = *opt;
    o->ops = *ops;
    o->anchors = qc_alloc((opt->n_anchors + 1) * sizeof *o->anchors);
    o->n_anchors = opt->n_anchors;
    if (opt->n_anchors)
        memcpy(o->anchors, opt->anchors, opt->n_anchors * sizeof *o->anchors);
    o->seednodes = copy_texts(opt->seednodes, &o->n_seednodes);
    o->names = copy_texts(opt->dns, &o->n_names);
    o->o.anchors = NULL;
    o->o.dns = o->o.seednodes = NULL;
    o->o.anchors_path = NULL;
    return o;
}

void qc_outbound_free(qc_outbound *o)
{
    if (!o)
        return;
    qc_seeds_free(o);
    qc_free(o->anchors);
    qc_free(o);
}
