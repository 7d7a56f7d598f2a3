/* Is our tip behind the network's, and are there outbound peers beyond those that are kept? An
 * extra one is tried when the tip is old, and later the one goes that was least of use (Core
 * CheckForStaleTipAndEvictPeers, EvictExtraOutboundPeers). */
#include "core/base/log.h"
#include "core/sync/internal.h"

#define CHECK_EVERY (45 * QC_SECOND)  /* Core EXTRA_PEER_CHECK_INTERVAL */
#define STALE_EVERY (600 * QC_SECOND) /* Core STALE_CHECK_INTERVAL */
#define CONNECTED_LEAST 30            /* seconds; Core MINIMUM_CONNECT_TIME */
#define OLD_BLOCKS 3                  /* times the spacing of blocks without a new tip */

static uint32_t count_type(const qc_sync *s, qc_conn_type type)
{
    uint32_t n = 0;
    for (const qc_peer_state *p = s->peers; p; p = p->next)
        n += p->info.type == type && !p->closing;
    return n;
}

/* ---- extra peers ---- */

/* Time to show something, and nothing on its way from it? */
static bool may_go(const qc_peer_state *p, int64_t least)
{
    int64_t connected = qc_clock_now() - p->info.connected;
    if (connected >= least && p->n_flight == 0)
        return true;
    qc_log(QC_LOG_DEBUG, "net",
           "keeping %s peer=%lld chosen for eviction (connect time: %lld, blocks_in_flight: %u)",
           p->info.type == QC_CONN_BLOCK_ONLY ? "block-relay-only" : "outbound", (long long)p->id,
           (long long)p->info.connected, p->n_flight);
    return false;
}

/* The youngest goes, unless it was it that gave us a block last: then the one before it. */
static void evict_block_only(qc_sync *s)
{
    qc_peer_state *youngest = NULL, *second = NULL;
    if (count_type(s, QC_CONN_BLOCK_ONLY) <= qc_net_slots(s->net).block_only)
        return;
    for (qc_peer_state *p = s->peers; p; p = p->next) { /* in order of connection */
        if (p->info.type != QC_CONN_BLOCK_ONLY || p->closing)
            continue;
        second = youngest;
        youngest = p;
    }
    qc_peer_state *p = second && youngest->last_block > second->last_block ? second : youngest;
    if (!p || !may_go(p, CONNECTED_LEAST))
        return;
    qc_log(QC_LOG_DEBUG, "net",
           "disconnecting extra block-relay-only peer=%lld (last block received at time %lld)",
           (long long)p->id, (long long)p->last_block);
    qc_sync_drop(s, p, "extra block-relay-only peer");
}

/* The only one in its network, of those that relay and those an operator named? */
static bool is_only_one(const qc_sync *s, const qc_peer_state *p)
{
    for (const qc_peer_state *q = s->peers; q; q = q->next)
        if (q != p && q->info.network == p->info.network &&
            (q->info.type == QC_CONN_FULL || q->info.type == QC_CONN_MANUAL))
            return false;
    return true;
}

/* The one goes whose last announcement of a new block is the oldest; of equals the youngest. */
static void evict_full(qc_sync *s)
{
    qc_peer_state *worst = NULL;
    if (count_type(s, QC_CONN_FULL) <= qc_net_slots(s->net).full)
        return;
    for (qc_peer_state *p = s->peers; p; p = p->next) {
        if (p->info.type != QC_CONN_FULL || p->closing || p->protect || is_only_one(s, p))
            continue;
        if (!worst || p->last_announcement <= worst->last_announcement)
            worst = p;
    }
    if (!worst || !may_go(worst, CONNECTED_LEAST + 1))
        return;
    qc_log(QC_LOG_DEBUG, "net",
           "disconnecting extra outbound peer=%lld (last block announcement received at time %lld)",
           (long long)worst->id, (long long)worst->last_announcement);
    qc_sync_drop(s, worst, "extra outbound peer");
    /* There is one, so the search for it has succeeded. */
    qc_net_try_another(s->net, false);
}

/* ---- the tip ---- */

static bool is_old(qc_sync *s, int64_t now)
{
    int64_t limit = (int64_t)s->params->pow_spacing * OLD_BLOCKS * QC_SECOND;
    if (s->last_connected == 0)
        s->last_connected = now;
    return s->last_connected < now - limit && s->n_flight == 0;
}

static void check_tip(qc_sync *s, int64_t now)
{
    if (qc_net_active(s->net) && qc_net_is_automatic(s->net) && is_old(s, now)) {
        qc_log(QC_LOG_INFO, "net",
               "Potential stale tip detected, will try using extra outbound peer (last tip update: "
               "%lld seconds ago)",
               (long long)((now - s->last_connected) / QC_SECOND));
        qc_net_try_another(s->net, true);
    } else if (qc_net_tries_another(s->net)) {
        qc_net_try_another(s->net, false);
    }
}

/* A clock that was set back does not put things off. */
static bool is_due(int64_t *last, int64_t now, int64_t every)
{
    if (now >= *last && now - *last <= every)
        return false;
    *last = now;
    return true;
}

void qc_stale_care(qc_sync *s)
{
    int64_t now = qc_clock_now_us();
    if (!qc_sync_loaded(s) || !is_due(&s->extra_checked, now, CHECK_EVERY))
        return;
    evict_block_only(s);
    evict_full(s);
    if (is_due(&s->stale_checked, now, STALE_EVERY))
        check_tip(s, now);
    if (!s->caught_up && qc_can_direct_fetch(s)) {
        qc_net_extra_block_only(s->net);
        s->caught_up = true;
    }
}
