/* quoin/sdk_mempool.h: part of quoin/sdk.h: mempool.follow as functions, in step with a qn_follower
 * if there is one. */
#ifndef QUOIN_SDK_MEMPOOL_H
#define QUOIN_SDK_MEMPOOL_H
#include "quoin/mempool_follow.h"
#include "quoin/sdk.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a follower of the mempool calls, on the plugin's loop. Any failure ends it: host->fail() is
 *  called with the status. on_synced and on_tip may be NULL. */
typedef struct qn_pool_handlers {
    qn_status (*on_added)(void *arg, const qn_mempool_event *ev);
    qn_status (*on_removed)(void *arg, const qn_mempool_event *ev);
    qn_status (*on_synced)(void *arg, const qn_mempool_event *ev); /* the snapshot is whole */
    qn_status (*on_tip)(void *arg, const qn_mempool_event *ev);
    qn_status (*on_forget)(void *arg); /* a gap: forget everything, it comes anew */
    void *arg;
} qn_pool_handlers;

#define QN_POOL_EVENTS 64

/** One subscription with its handlers. Fill in the first six, then qn_pool_follow_start(). */
typedef struct qn_pool_follower {
    const qn_host_1 *host;
    qn_cap *host_cap;
    const qn_mempool_follow_1 *table;
    qn_cap *cap;
    qn_pool_handlers on;
    /** Of this plugin, or NULL. Events then wait until it stands on their tip: end its commit()
     *  with qn_pool_follow_run(). */
    const qn_follower *chain;

    uint64_t follow; /* 0: closed */
    uint64_t passed; /* chain_seq of the newest event that was handled */
    uint32_t posted; /* a continuation is queued */
    uint32_t n, at;  /* events in hand: those from `at` on are not handled yet */
    qn_mempool_event event[QN_POOL_EVENTS];
} qn_pool_follower;

static inline void qn_pool_follow_end(qn_pool_follower *f)
{
    if (f->follow)
        (void)f->table->close(f->cap, f->follow);
    f->follow = 0;
}
static inline void qn_pool_follow_fail_(qn_pool_follower *f, qn_status st)
{
    static const char what[] = "following the mempool failed";
    qn_pool_follow_end(f);
    f->host->fail(f->host_cap, st, what, sizeof what - 1);
}
/* May the event be handled, as far as the chain goes? */
static inline int qn_pool_follow_due_(const qn_pool_follower *f, const qn_mempool_event *ev)
{
    const qn_follower *c = f->chain;
    return !c || ev->type == QN_MEMPOOL_EV_GAP || ev->chain_seq <= f->passed ||
           ev->chain_seq <= c->chain_seq || memcmp(ev->tip.b, c->at.hash.b, 32) == 0;
}
static inline qn_status qn_pool_follow_step_(qn_pool_follower *f, const qn_mempool_event *ev)
{
    if (ev->type == QN_MEMPOOL_EV_GAP)
        return f->on.on_forget(f->on.arg);
    f->passed = ev->chain_seq;
    if (ev->type == QN_MEMPOOL_EV_ADDED)
        return f->on.on_added(f->on.arg, ev);
    if (ev->type == QN_MEMPOOL_EV_REMOVED)
        return f->on.on_removed(f->on.arg, ev);
    if (ev->type == QN_MEMPOOL_EV_SYNCED)
        return f->on.on_synced ? f->on.on_synced(f->on.arg, ev) : QN_OK;
    if (ev->type == QN_MEMPOOL_EV_TIP)
        return f->on.on_tip ? f->on.on_tip(f->on.arg, ev) : QN_OK;
    return QN_E_UNSUPPORTED;
}
/* Handle what is in hand. QN_E_AGAIN: the chain is not there yet. */
static inline qn_status qn_pool_follow_hand_(qn_pool_follower *f)
{
    while (f->follow && f->at < f->n) {
        const qn_mempool_event *ev = &f->event[f->at];
        if (!qn_pool_follow_due_(f, ev))
            return QN_E_AGAIN;
        f->at++;
        qn_status st = qn_pool_follow_step_(f, ev);
        if (st == QN_OK && f->at == f->n && f->follow)
            st = f->table->ack(f->cap, f->follow, ev->seq);
        if (st != QN_OK)
            return st == QN_E_AGAIN ? QN_E_INTERNAL : st;
    }
    return QN_OK;
}
static inline void qn_pool_follow_run(qn_pool_follower *f);
static inline void qn_pool_follow_again_(void *arg)
{
    qn_pool_follower *f = (qn_pool_follower *)arg;
    f->posted = 0;
    qn_pool_follow_run(f);
}
static inline qn_status qn_pool_follow_later_(qn_pool_follower *f)
{
    if (f->posted)
        return QN_OK;
    qn_status st = f->host->post(f->host_cap, qn_pool_follow_again_, f);
    f->posted = st == QN_OK;
    return st;
}
/** Handle events until there is nothing more, but yield the loop after QN_FOLLOW_SLICE_MS. */
static inline void qn_pool_follow_run(qn_pool_follower *f)
{
    uint64_t end = f->host->now_ms(f->host_cap) + QN_FOLLOW_SLICE_MS;
    while (f->follow) {
        qn_status st = qn_pool_follow_hand_(f);
        if (st == QN_OK && f->follow) {
            f->at = f->n = 0;
            st = f->table->next(f->cap, f->follow, f->event, QN_POOL_EVENTS, &f->n);
        }
        if (st == QN_E_AGAIN || st == QN_E_REVOKED || st == QN_E_CLOSED)
            return;
        if (st == QN_OK && f->host->now_ms(f->host_cap) >= end) {
            if ((st = qn_pool_follow_later_(f)) == QN_OK)
                return;
        }
        if (st != QN_OK) {
            qn_pool_follow_fail_(f, st);
            return;
        }
    }
}
static inline void qn_pool_follow_ready_(void *arg, uint64_t follow)
{
    (void)follow;
    qn_pool_follow_run((qn_pool_follower *)arg);
}
/** Open and begin; failures as mempool.follow's open(). */
static inline qn_status qn_pool_follow_start(qn_pool_follower *f,
                                             const qn_mempool_follow_options *o)
{
    f->passed = 0;
    f->posted = f->n = f->at = 0;
    return f->table->open(f->cap, o, qn_pool_follow_ready_, f, &f->follow);
}

#ifdef __cplusplus
}
#endif
#endif
