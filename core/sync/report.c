/* What others ask of the conversations: a list of them, a block from one peer. */
#include "core/base/alloc.h"
#include "core/sync/internal.h"

#include <time.h>

void qc_report_init(qc_report *r)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->done, &attr);
    pthread_condattr_destroy(&attr);
}

void qc_report_clear(qc_report *r)
{
    qc_free(r->list);
    pthread_cond_destroy(&r->done);
    pthread_mutex_destroy(&r->lock);
}

static int64_t height_of(const qc_index *i)
{
    return i ? (int64_t)i->height : -1;
}

static void fill(const qc_sync *s, const qc_peer_state *p, qc_sync_peer *out)
{
    *out = (qc_sync_peer){.id = p->id, .hb_to = p->hb_to, .hb_from = p->hb_from};
    out->presynced_headers = p->presync ? qc_presync_height(p->presync) : -1;
    out->synced_headers = height_of(p->best_known);
    out->synced_blocks = height_of(p->last_common);
    out->last_block = p->last_block;
    out->fee_filter = p->fee_filter;
    out->relay_txs = p->relay_txs;
    if (s->relay.stats)
        s->relay.stats(s->relay.arg, p->id, &out->relay);
    if (p->gossip) {
        qc_gossip_state g = qc_gossip_state_of(p->gossip);
        out->addr_relay = g.enabled;
        out->addr_processed = g.processed;
        out->addr_limited = g.limited;
    }
    for (const qc_flight *f = p->flight; f && out->n_in_flight < QC_SYNC_IN_FLIGHT; f = f->next)
        out->in_flight[out->n_in_flight++] = f->index->height;
}

static void take_stock(qc_chain *c, void *arg)
{
    qc_sync *s = arg;
    qc_report *r = &s->report;
    size_t n = 0, i = 0;
    (void)c;
    for (const qc_peer_state *p = s->peers; p; p = p->next)
        n++;
    qc_sync_peer *list = qc_try_calloc(n + 1, sizeof *list);
    for (const qc_peer_state *p = s->peers; list && p; p = p->next)
        fill(s, p, &list[i++]);
    pthread_mutex_lock(&r->lock);
    if (list) {
        qc_free(r->list);
        r->list = list;
        r->n = n;
    }
    r->posted = false;
    r->taken++;
    pthread_cond_broadcast(&r->done);
    pthread_mutex_unlock(&r->lock);
}

qc_err qc_sync_peers(qc_sync *s, int64_t wait_ms, qc_sync_peer **list, size_t *n)
{
    qc_report *r = &s->report;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait_ms % 1000 * 1000000;
    until.tv_sec += (time_t)(wait_ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&r->lock);
    uint64_t want = r->taken + 1;
    if (!r->posted) {
        r->posted = true;
        qc_chain_post(s->thread, take_stock, s);
    }
    while (r->taken < want && !pthread_cond_timedwait(&r->done, &r->lock, &until))
        ;
    *list = qc_try_calloc(r->n + 1, sizeof **list);
    *n = *list ? r->n : 0;
    if (*n)
        memcpy(*list, r->list, r->n * sizeof **list);
    pthread_mutex_unlock(&r->lock);
    return *list ? QC_OK : QC_ENOMEM;
}

typedef struct fetch_call {
    qc_sync *s;
    qc_peer_id id;
    const qc_index *i;
    const char *why;
} fetch_call;

static void do_fetch(qc_chain *c, void *arg)
{
    fetch_call *f = arg;
    qc_peer_state *p = qc_sync_peer_find(f->s, f->id);
    (void)c;
    f->why = !qc_sync_loaded(f->s)          ? "Loading blocks ..."
             : !p || p->closing             ? "Peer does not exist"
             : !qc_peer_serves_witnesses(p) ? "Pre-SegWit peer"
                                            : NULL;
    if (f->why)
        return;
    qc_request_over(f->s, &f->i->hash, NULL);
    if (!qc_request(f->s, p, f->i))
        f->why = "Already requested from this peer";
    else
        qc_send_getdata(f->s, p, &f->i, 1);
}

const char *qc_sync_fetch(qc_sync *s, qc_peer_id id, const qc_index *i)
{
    fetch_call f = {s, id, i, NULL};
    qc_chain_call(s->thread, do_fetch, &f);
    return f.why;
}
