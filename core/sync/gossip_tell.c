/* What peers are told: queued addresses, our own, answers to getaddr. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/chance.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/sync/gossip_internal.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define SEND_EVERY (30 * SECOND) /* on average; Core AVG_ADDRESS_BROADCAST_INTERVAL */
#define OWN_EVERY (24 * HOUR)    /* Core AVG_LOCAL_ADDRESS_BROADCAST_INTERVAL */
#define ANSWER_TIME (21 * HOUR)
#define ANSWER_MORE (6 * HOUR) /* by chance */
#define QUEUE_KEEP 40u         /* a larger one is given back when it is empty */

/* ---- the queue ---- */

bool qc_gossip_fits(const qc_gossip_peer *p, const qc_peer_addr *a)
{
    switch ((qc_network)a->addr.net) {
    case QC_NETWORK_ONION:
    case QC_NETWORK_I2P:
    case QC_NETWORK_CJDNS:
        return p->who.v2;
    case QC_NETWORK_IPV4:
    case QC_NETWORK_IPV6:
    case QC_NETWORK_INTERNAL:
    case QC_NETWORK_UNROUTABLE:
    case QC_NETWORK_COUNT:
        break;
    }
    return true;
}

static bool grow(qc_gossip_peer *p)
{
    size_t cap = QC_MIN(QC_MAX(2 * p->cap_queue, 8), QC_GOSSIP_QUEUE);
    qc_peer_addr *more = qc_try_realloc(p->queue, cap * sizeof *more);
    if (!more)
        return false;
    p->queue = more;
    p->cap_queue = cap;
    return true;
}

void qc_gossip_push(qc_gossip *g, qc_gossip_peer *p, const qc_peer_addr *a)
{
    if (!qc_netaddr_is_valid(&a->addr) || !qc_gossip_fits(p, a) || qc_gossip_knows(p, a))
        return;
    if (p->n_queue == QC_GOSSIP_QUEUE)
        p->queue[qc_gossip_chance(g) % QC_GOSSIP_QUEUE] = *a;
    else if (p->n_queue < p->cap_queue || grow(p))
        p->queue[p->n_queue++] = *a;
}

static void send(qc_gossip *g, qc_gossip_peer *p, const qc_peer_addr *list, size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    if (!qc_addr_message_write(&b, p->who.v2, list, n))
        g->o.send(g->o.arg, p->who.id, p->who.v2 ? "addrv2" : "addr", &b);
    qc_bytes_free(&b);
}

static void flush(qc_gossip *g, qc_gossip_peer *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_queue; i++) {
        if (qc_gossip_knows(p, &p->queue[i]))
            continue;
        qc_gossip_known(p, &p->queue[i]);
        p->queue[n++] = p->queue[i];
    }
    if (n)
        send(g, p, p->queue, n);
    p->n_queue = 0;
    if (p->cap_queue > QUEUE_KEEP) {
        qc_free(p->queue);
        p->queue = NULL;
        p->cap_queue = 0;
    }
}

/* ---- our own address ---- */

/* The first comes alone: a peer that hears but one address of us at first is to hear this one. */
static void advertise(qc_gossip *g, qc_gossip_peer *p, int64_t now)
{
    qc_peer_addr own = {.services = g->o.services, .time = now / SECOND};
    bool first = p->next_own == 0;
    if (!first) /* or it would not be told again */
        qc_rolling_bloom_reset(&p->known, (uint32_t)qc_gossip_chance(g));
    p->next_own = now + qc_chance_wait(OWN_EVERY, qc_gossip_chance(g));
    if (!qc_local_for_peer(g->o.book->local, &p->who.local, qc_gossip_chance(g), &own.addr,
                           &own.port))
        return;
    char text[QC_PEER_ADDR_TEXT];
    qc_peer_addr_text(&own, text);
    qc_log(QC_LOG_DEBUG, "net", "Advertising address %s to peer=%lld", text, (long long)p->who.id);
    if (!first)
        qc_gossip_push(g, p, &own);
    else if (qc_gossip_fits(p, &own))
        send(g, p, &own, 1);
}

void qc_gossip_care(qc_gossip *g, qc_gossip_peer *p, bool own, int64_t now)
{
    if (!p->takes_part)
        return;
    if (own && p->next_own < now)
        advertise(g, p, now);
    if (now <= p->next_send)
        return;
    p->next_send = now + qc_chance_wait(SEND_EVERY, qc_gossip_chance(g));
    flush(g, p);
}

/* ---- answers ---- */

static qc_err collect(qc_gossip *g, qc_peer_addr **list, size_t *n, int64_t now)
{
    const qc_addrman_ask ask = {
        .max = QC_ADDR_MESSAGE_MAX, .percent = QC_ADDRMAN_PERCENT, .net = QC_NETWORK_ALL};
    return qc_peerbook_addresses(g->o.book, &ask, now / SECOND, list, n);
}

/* Which of the kept answers a peer gets: by the network that it comes from and the address that it
 * connected to, so that who asks on several of them cannot tell that they are one node. */
static uint64_t answer_key(const qc_gossip *g, const qc_gossip_peer *p)
{
    uint8_t at[QC_NETADDR_MAX + 4] = {(uint8_t)p->who.local.through, p->who.bind.net};
    memcpy(at + 2, p->who.bind.b, QC_NETADDR_MAX);
    qc_write_be16(at + 2 + QC_NETADDR_MAX, p->who.bind_port);
    return qc_siphash(&g->o.key, at, sizeof at);
}

static answer *answer_for(qc_gossip *g, const qc_gossip_peer *p)
{
    uint64_t key = answer_key(g, p);
    size_t i = 0;
    while (i < g->n_answer && g->answer[i].key != key)
        i++;
    if (i == QC_GOSSIP_ANSWERS) /* a host of very many addresses: some share one */
        return &g->answer[key % QC_GOSSIP_ANSWERS];
    if (i == g->n_answer)
        g->answer[g->n_answer++] = (answer){.key = key};
    return &g->answer[i];
}

static void refresh(qc_gossip *g, answer *a, int64_t now)
{
    qc_peer_addr *list;
    size_t n;
    if (a->until >= now || collect(g, &list, &n, now))
        return;
    qc_free(a->list);
    a->list = list;
    a->n = n;
    a->until = now + ANSWER_TIME + (int64_t)(qc_gossip_chance(g) % (uint64_t)ANSWER_MORE);
}

qc_gossip_asked qc_gossip_answer(qc_gossip *g, qc_gossip_peer *p, int64_t now)
{
    answer fresh = {0}, *a = &fresh;
    if (!p->who.local.inbound)
        return QC_ASKED_OUTBOUND;
    if (p->answered)
        return QC_ASKED_AGAIN;
    if (!qc_gossip_take_part(g, p))
        return QC_ASKED_OK;
    p->answered = true;
    p->n_queue = 0;
    if (!p->who.unlimited) {
        a = answer_for(g, p);
        refresh(g, a, now);
    } else if (collect(g, &fresh.list, &fresh.n, now)) {
        return QC_ASKED_OK;
    }
    for (size_t i = 0; i < a->n; i++)
        qc_gossip_push(g, p, &a->list[i]);
    qc_free(fresh.list);
    return QC_ASKED_OK;
}
