/* Room for inbound peers: when all places are taken, one that nothing speaks for goes. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/net/evict.h"
#include "core/net/internal.h"

static qc_evict_peer candidate(const qc_peer *p)
{
    return (qc_evict_peer){
        .id = p->info.id,
        .connected = p->info.connected,
        .min_ping_us = p->info.min_ping_us < 0 ? INT64_MAX : p->info.min_ping_us,
        .last_block = p->last_block,
        .last_tx = p->last_tx,
        .relevant_services = p->wanted_services,
        .relays_txs = p->relays_txs,
        .has_filter = p->has_filter,
        .inbound = p->info.inbound,
        .noban = (p->info.permissions & QC_PERMIT_NOBAN) == QC_PERMIT_NOBAN,
        .prefer_evict = p->prefer_evict,
        .is_local = qc_netaddr_in(&p->info.where.addr, QC_RANGE_LOCAL),
        .keyed_group = p->keyed_group,
        .net = p->info.network,
    };
}

/* relaying_only: among those that relay transactions. keep: an id, or -1. */
static bool evict_one(qc_net *n, bool relaying_only, qc_peer_id keep)
{
    qc_evict_peer *list = qc_try_calloc(n->n_peers + 1, sizeof *list);
    size_t count = 0;
    int64_t id;
    for (const qc_peer *p = n->peers; list && p; p = p->next)
        if (!p->closing && !p->connecting && p->info.id != keep &&
            (p->relays_txs || !relaying_only))
            list[count++] = candidate(p);
    bool found = list && qc_evict_choose(list, count, &id);
    qc_free(list);
    if (found)
        qc_peer_close(qc_net_find(n, id, NULL), "selected inbound connection for eviction");
    return found;
}

static uint32_t count_inbound(const qc_net *n, bool relaying_only)
{
    uint32_t count = 0;
    for (const qc_peer *p = n->peers; p; p = p->next)
        count += p->info.inbound && !(relaying_only && (p->closing || !p->relays_txs));
    return count;
}

bool qc_room_is_last(const qc_net *n)
{
    return count_inbound(n, false) + 1 >= n->slots.inbound;
}

bool qc_room_make(qc_net *n)
{
    if (count_inbound(n, false) < n->slots.inbound || evict_one(n, false, -1))
        return true;
    qc_log(QC_LOG_DEBUG, "net", "failed to find an eviction candidate - connection dropped (full)");
    return false;
}

bool qc_room_to_relay(qc_peer *p, const char *message)
{
    qc_net *n = p->net;
    if (!p->info.inbound || !p->relays_txs || count_inbound(n, true) <= n->slots.inbound_relay ||
        evict_one(n, true, p->info.id))
        return true;
    qc_log(QC_LOG_DEBUG, "net",
           "failed to find a tx-relaying eviction candidate - connection dropped after %s message, "
           "peer=%lld",
           message, (long long)p->info.id);
    return false;
}
