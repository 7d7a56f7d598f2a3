#include "core/sync/gossip.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/net/net.h"
#include "core/sync/gossip_internal.h"

#define SECOND INT64_C(1000000)
#define DAY 86400
#define FRESH 600          /* seconds: what is younger is passed on */
#define PENALTY (2 * 3600) /* seconds by which hearsay is taken for older */
#define RELAY_PEERS 2u

/* Draws and other uses of the key never hash the same bytes. */
enum { USE_DRAW, USE_RELAY };

/* For 5,000 addresses with one in a thousand taken for known by mistake (Core m_addr_known). */
static const qc_bloom_shape KNOWN = {5000, 10, 107833};

/* ---- life ---- */

qc_gossip *qc_gossip_new(const qc_gossip_options *o)
{
    qc_gossip *g = qc_alloc(sizeof *g);
    g->o = *o;
    return g;
}

void qc_gossip_free(qc_gossip *g)
{
    if (!g)
        return;
    QC_ASSERT(!g->peers);
    for (size_t i = 0; i < g->n_answer; i++)
        qc_free(g->answer[i].list);
    qc_free(g);
}

uint64_t qc_gossip_chance(qc_gossip *g)
{
    const uint64_t w[2] = {USE_DRAW, g->drawn++};
    return qc_siphash(&g->o.key, w, sizeof w);
}

bool qc_gossip_take_part(qc_gossip *g, qc_gossip_peer *p)
{
    if (p->who.silent)
        return false;
    if (!p->takes_part)
        p->takes_part = !qc_rolling_bloom_init(&p->known, &KNOWN, (uint32_t)qc_gossip_chance(g));
    return p->takes_part;
}

/* Outbound peers are asked once, and may answer with a full message over what they may tell. */
static void ask(qc_gossip *g, qc_gossip_peer *p)
{
    qc_bytes none = QC_BYTES_INIT;
    if (p->who.local.inbound || !qc_gossip_take_part(g, p))
        return;
    g->o.send(g->o.arg, p->who.id, "getaddr", &none);
    p->asked = true;
    p->tokens += (int64_t)QC_ADDR_MESSAGE_MAX * QC_GOSSIP_TOKEN;
}

qc_gossip_peer *qc_gossip_join(qc_gossip *g, const qc_gossip_who *who, int64_t now)
{
    qc_gossip_peer *p = qc_alloc(sizeof *p), **at = &g->peers;
    p->who = *who;
    p->tokens = QC_GOSSIP_TOKEN; /* for a self-announcement */
    p->tokens_at = now;
    while (*at)
        at = &(*at)->next;
    *at = p;
    ask(g, p);
    return p;
}

void qc_gossip_leave(qc_gossip *g, qc_gossip_peer *p)
{
    if (!p)
        return;
    qc_gossip_peer **at = &g->peers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    qc_rolling_bloom_clear(&p->known);
    qc_free(p->queue);
    qc_free(p);
}

qc_gossip_state qc_gossip_state_of(const qc_gossip_peer *p)
{
    return (qc_gossip_state){p->takes_part, p->processed, p->limited};
}

size_t qc_gossip_bytes(const qc_gossip_peer *p)
{
    return sizeof *p + p->known.words * sizeof *p->known.data + p->cap_queue * sizeof *p->queue;
}

/* ---- what a peer knows ---- */

void qc_gossip_known(qc_gossip_peer *p, const qc_peer_addr *a)
{
    uint8_t key[QC_PEER_ADDR_KEY];
    qc_rolling_bloom_add(&p->known, qc_span_of(key, qc_peer_addr_key(a, key)));
}

bool qc_gossip_knows(const qc_gossip_peer *p, const qc_peer_addr *a)
{
    uint8_t key[QC_PEER_ADDR_KEY];
    return qc_rolling_bloom_has(&p->known, qc_span_of(key, qc_peer_addr_key(a, key)));
}

/* ---- passing on ---- */

/* The same peers are chosen for an address during a day, and they get it once: who repeats an
 * address makes it no better known. The hour at which the day ends is the address's own. */
static void relay(qc_gossip *g, const qc_gossip_peer *from, const qc_peer_addr *a, bool reachable,
                  qc_unixtime now)
{
    static const qc_siphash_key PLAIN;
    uint8_t key[QC_PEER_ADDR_KEY + 1];
    size_t len = qc_peer_addr_key(a, key);
    key[len++] = a->addr.net;
    uint64_t hash = qc_siphash(&PLAIN, key, len);
    uint64_t w[4] = {USE_RELAY, hash, ((uint64_t)now + hash) / DAY};
    uint64_t best[RELAY_PEERS] = {0};
    qc_gossip_peer *to[RELAY_PEERS] = {NULL};
    size_t want = reachable || qc_siphash(&g->o.key, w, 3 * sizeof w[0]) & 1 ? RELAY_PEERS : 1;
    for (qc_gossip_peer *p = g->peers; p; p = p->next) {
        if (p == from || !p->takes_part || !qc_gossip_fits(p, a))
            continue;
        w[3] = (uint64_t)p->who.id;
        uint64_t rank = qc_siphash(&g->o.key, w, sizeof w);
        if (rank > best[0]) {
            best[1] = best[0];
            to[1] = to[0];
            best[0] = rank;
            to[0] = p;
        } else if (rank > best[1]) {
            best[1] = rank;
            to[1] = p;
        }
    }
    for (size_t i = 0; i < want && to[i]; i++)
        qc_gossip_push(g, to[i], a);
}

/* ---- hearing ---- */

static void refill(qc_gossip_peer *p, int64_t now)
{
    const int64_t most = (int64_t)QC_GOSSIP_TOKENS * QC_GOSSIP_TOKEN;
    /* What an answer to getaddr may have above that is not taken away. */
    if (p->tokens < most && now > p->tokens_at)
        p->tokens = now - p->tokens_at > most - p->tokens ? most : p->tokens + now - p->tokens_at;
    p->tokens_at = now;
}

/* Whose addresses are limited, is heard in no order that it can choose. */
static void shuffle(qc_gossip *g, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)(qc_gossip_chance(g) % i);
        qc_peer_addr swap = g->heard[k];
        g->heard[k] = g->heard[i - 1];
        g->heard[i - 1] = swap;
    }
}

/* False: one too many. */
static bool take_token(qc_gossip_peer *p)
{
    if (p->tokens >= QC_GOSSIP_TOKEN) {
        p->tokens -= QC_GOSSIP_TOKEN;
        return true;
    }
    p->limited += !p->who.unlimited;
    return p->who.unlimited;
}

/* Should it be kept? The book is locked. */
static bool hear_one(qc_gossip *g, qc_gossip_peer *p, qc_peer_addr *a, bool few, qc_unixtime now)
{
    qc_peerbook *b = g->o.book;
    if (!take_token(p) || (a->services & (QC_NODE_NETWORK | QC_NODE_NETWORK_LIMITED)) == 0)
        return false;
    if (a->time <= QC_PEER_TIME_INIT || a->time > now + FRESH)
        a->time = now - 5 * DAY;
    qc_gossip_known(p, a);
    if (qc_bans_is_discouraged(&b->bans, &a->addr) || qc_bans_has(&b->bans, &a->addr, now))
        return false;
    p->processed++;
    bool reachable = qc_local_reaches(b->local, &a->addr);
    if (few && !p->asked && a->time > now - FRESH && qc_netaddr_is_routable(&a->addr))
        relay(g, p, a, reachable, now);
    return reachable;
}

static void hear_all(qc_gossip *g, qc_gossip_peer *p, size_t n, qc_unixtime now)
{
    qc_peerbook *b = g->o.book;
    size_t kept = 0;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < n; i++)
        if (hear_one(g, p, &g->heard[i], n <= QC_GOSSIP_RELAY_MAX, now))
            g->heard[kept++] = g->heard[i];
    qc_addrman_add(b->addrs, g->heard, kept, &p->who.local.addr, PENALTY, now);
    pthread_mutex_unlock(&b->lock);
    if (n < QC_ADDR_MESSAGE_MAX)
        p->asked = false;
}

qc_gossip_end qc_gossip_hear(qc_gossip *g, qc_gossip_peer *p, bool v2, qc_span payload, int64_t now,
                             size_t *n, qc_addr_fault *why)
{
    qc_addr_message_end end = qc_addr_message_read(payload, v2, g->heard, n, why);
    if (end == QC_ADDR_MESSAGE_BAD)
        return QC_GOSSIP_BAD;
    if (!qc_gossip_take_part(g, p))
        return QC_GOSSIP_SILENT;
    if (end == QC_ADDR_MESSAGE_TOO_MANY)
        return QC_GOSSIP_TOO_MANY;
    refill(p, now);
    shuffle(g, *n);
    hear_all(g, p, *n, now / SECOND);
    return QC_GOSSIP_OK;
}
