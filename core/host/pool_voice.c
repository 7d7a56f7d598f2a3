/* The pool's voice, as mempool.follow passes it on. Chain thread, all of it. */
#include "core/host/adapter_watch.h"
#include "core/host/feed.h"
#include "core/host/internal.h"

/* A tip that is told of later than the pool tells what came of it is looked up here. */
static void look(qc_host *h)
{
    qc_feed_at(h->feed, qc_chain_seq(h->o.chain), qc_chain_tip(h->o.chain));
}

static uint32_t reason_of(qc_mempool_why why)
{
    switch (why) {
    case QC_GONE_EXPIRY:
        return QN_MEMPOOL_GONE_EXPIRY;
    case QC_GONE_SIZELIMIT:
        return QN_MEMPOOL_GONE_SIZE;
    case QC_GONE_REORG:
        return QN_MEMPOOL_GONE_REORG;
    case QC_GONE_BLOCK:
        return QN_MEMPOOL_GONE_BLOCK;
    case QC_GONE_CONFLICT:
        return QN_MEMPOOL_GONE_CONFLICT;
    case QC_GONE_REPLACED:
        return QN_MEMPOOL_GONE_REPLACED;
    }
    return 0;
}

static void tell(qc_host *h, const qc_mempool_entry *e, qn_mempool_event *ev)
{
    look(h);
    memcpy(ev->txid.b, e->tx.rec->txid, 32);
    memcpy(ev->wtxid.b, e->tx.rec->wtxid, 32);
    ev->fee = e->fee;
    ev->vsize = e->vsize;
    ev->weight = e->tx.rec->weight;
    ev->time = e->time;
    qc_feed_tell(h->feed, ev);
    qc_pool_followers_wake(h);
}

static void on_added(void *arg, const qc_mempool_added *a)
{
    qc_host *h = arg;
    qc_host_watch_added(h, a);
    if (!qc_feed_read(h->feed))
        return;
    qn_mempool_event ev = {.type = QN_MEMPOOL_EV_ADDED,
                           .flags = a->limits_bypassed ? QN_MEMPOOL_EVF_REORG : 0u,
                           .sequence = a->sequence};
    tell(h, a->e, &ev);
}

static void on_removed(void *arg, const qc_mempool_removed *r)
{
    qc_host *h = arg;
    qc_host_watch_removed(h, r);
    if (!qc_feed_read(h->feed))
        return;
    qn_mempool_event ev = {
        .type = QN_MEMPOOL_EV_REMOVED, .sequence = r->sequence, .reason = reason_of(r->why)};
    if (r->by)
        memcpy(ev.by.b, r->by->b, 32);
    tell(h, r->e, &ev);
}

static void on_loaded(void *arg)
{
    qc_host_watch_loaded(arg);
}

void qc_host_pool_told(qc_host *h)
{
    if (!h->feed)
        return;
    look(h);
    qc_feed_durable(h->feed, qc_chain_durable(h->o.chain));
    qc_feed_followed(h->feed);
    qc_pool_followers_wake(h);
}

void qc_host_pool_durable(qc_host *h, const qc_index *durable)
{
    if (!h->feed)
        return;
    qc_feed_durable(h->feed, durable);
    qc_pool_followers_wake(h);
}

void qc_host_hear_pool(qc_host *h)
{
    const qc_mempool_events ev = {
        .arg = h, .added = on_added, .removed = on_removed, .loaded = on_loaded};
    h->pool = h->o.node ? h->o.node->pool : NULL;
    if (!h->pool)
        return;
    h->feed = qc_feed_new(h->o.feed_events, h->epoch);
    qc_mempool_listen(h->pool, &ev);
}
