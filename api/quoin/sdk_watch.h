/* quoin/sdk_watch.h: part of quoin/sdk.h: watch as functions. It offers the room, acknowledges what
 * was handled, and yields the loop. */
#ifndef QUOIN_SDK_WATCH_H
#define QUOIN_SDK_WATCH_H
#include "quoin/sdk.h"
#include "quoin/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a watcher calls, on the plugin's loop. Any failure ends it: host->fail() is called with the
 *  status. All but on_hit and on_block may be NULL. A handler may add, remove and rescan. */
typedef struct qn_watch_handlers {
    /** SEEN, CONFIRMED, UNCONFIRMED. tx: ev->tx_len bytes (NULL with QN_WATCH_NO_TX); script:
     *  ev->script_len bytes. Both are borrowed for the call. */
    qn_status (*on_hit)(void *arg, const qn_watch_event *ev, const uint8_t *tx,
                        const uint8_t *script);
    qn_status (*on_gone)(void *arg, const qn_watch_event *ev);
    /** BLOCK, UNBLOCK, GAP: commit, with qn_watch_at() as the locator. */
    qn_status (*on_block)(void *arg, const qn_watch_event *ev);
    qn_status (*on_synced)(void *arg, const qn_watch_event *ev); /* MEMPOOL_SYNCED */
    qn_status (*on_rescan)(void *arg, const qn_watch_event *ev); /* PROGRESS and DONE */
    qn_status (*on_other)(void *arg, const qn_watch_event *ev);  /* any other type */
    void *arg;
} qn_watch_handlers;

#define QN_WATCHER_EVENTS 256
#define QN_WATCHER_BYTES 65536u

/** One stream with its handlers. Fill in the first five, then qn_watch_start(), then add. */
typedef struct qn_watcher {
    const qn_host_1 *host;
    qn_cap *host_cap;
    const qn_watch_1 *table;
    qn_cap *cap;
    qn_watch_handlers on;

    uint64_t watch;  /* 0: closed */
    uint32_t posted; /* a continuation is queued */
    uint8_t *data;
    uint32_t room;
    qn_watch_event event[QN_WATCHER_EVENTS];
} qn_watcher;

/** The block that the stream stands on after this BLOCK, UNBLOCK or GAP. */
static inline const qn_block_ref *qn_watch_at(const qn_watch_event *ev)
{
    return ev->type == QN_WATCH_EV_BLOCK ? &ev->ref : &ev->prev;
}
static inline void qn_watch_end(qn_watcher *w)
{
    if (w->watch)
        (void)w->table->close(w->cap, w->watch);
    w->watch = 0;
    free(w->data);
    w->data = NULL;
    w->room = 0;
}
static inline qn_status qn_watch_call_(qn_status (*fn)(void *, const qn_watch_event *), void *arg,
                                       const qn_watch_event *ev)
{
    return fn ? fn(arg, ev) : QN_OK;
}
static inline qn_status qn_watch_step_(qn_watcher *w, const qn_watch_event *ev)
{
    const qn_watch_handlers *on = &w->on;
    switch (ev->type) {
    case QN_WATCH_EV_SEEN:
    case QN_WATCH_EV_CONFIRMED:
    case QN_WATCH_EV_UNCONFIRMED:
        return on->on_hit(on->arg, ev, ev->tx_len ? w->data + ev->tx_off : NULL,
                          w->data + ev->script_off);
    case QN_WATCH_EV_GONE:
        return qn_watch_call_(on->on_gone, on->arg, ev);
    case QN_WATCH_EV_BLOCK:
    case QN_WATCH_EV_UNBLOCK:
    case QN_WATCH_EV_GAP:
        return on->on_block(on->arg, ev);
    case QN_WATCH_EV_MEMPOOL_SYNCED:
        return qn_watch_call_(on->on_synced, on->arg, ev);
    case QN_WATCH_EV_RESCAN_PROGRESS:
    case QN_WATCH_EV_RESCAN_DONE:
        return qn_watch_call_(on->on_rescan, on->arg, ev);
    default:
        return qn_watch_call_(on->on_other, on->arg, ev);
    }
}
static inline qn_status qn_watch_room_(qn_watcher *w, uint32_t need)
{
    uint8_t *more = (uint8_t *)realloc(w->data, need);
    if (!more)
        return QN_E_NOMEM;
    w->data = more;
    w->room = need;
    return QN_OK;
}
/* What there is now, handled and acknowledged. */
static inline qn_status qn_watch_take_(qn_watcher *w)
{
    uint32_t n = 0, bytes = 0;
    qn_status st = w->room ? QN_OK : qn_watch_room_(w, QN_WATCHER_BYTES);
    while (st == QN_OK || st == QN_E_SPACE) {
        st = w->table->next(w->cap, w->watch, w->event, QN_WATCHER_EVENTS, &n, w->data, w->room,
                            &bytes);
        if (st != QN_E_SPACE)
            break;
        /* More than this event needs: its transaction's other coins then come with it, and not each
         * with the transaction again. */
        st = bytes > w->room
                 ? qn_watch_room_(
                       w, bytes > UINT32_MAX - QN_WATCHER_BYTES ? bytes : bytes + QN_WATCHER_BYTES)
                 : QN_E_INTERNAL;
    }
    for (uint32_t i = 0; st == QN_OK && i < n && w->watch; i++)
        if ((st = qn_watch_step_(w, &w->event[i])) == QN_E_AGAIN)
            st = QN_E_INTERNAL;
    return st == QN_OK && w->watch ? w->table->ack(w->cap, w->watch, w->event[n - 1].seq) : st;
}
static inline void qn_watch_run(qn_watcher *w);
static inline void qn_watch_again_(void *arg)
{
    qn_watcher *w = (qn_watcher *)arg;
    w->posted = 0;
    qn_watch_run(w);
}
/** Handle events until there is nothing more, but yield the loop after QN_FOLLOW_SLICE_MS. */
static inline void qn_watch_run(qn_watcher *w)
{
    static const char what[] = "watching failed";
    uint64_t end = w->host->now_ms(w->host_cap) + QN_FOLLOW_SLICE_MS;
    while (w->watch) {
        qn_status st = qn_watch_take_(w);
        if (st == QN_E_AGAIN || st == QN_E_REVOKED || st == QN_E_CLOSED)
            return;
        if (st == QN_OK && w->watch && w->host->now_ms(w->host_cap) >= end) {
            if (!w->posted)
                st = w->host->post(w->host_cap, qn_watch_again_, w);
            if (st == QN_OK) {
                w->posted = 1;
                return;
            }
        }
        if (st != QN_OK) {
            qn_watch_end(w);
            w->host->fail(w->host_cap, st, what, sizeof what - 1);
            return;
        }
    }
}
static inline void qn_watch_ready_(void *arg, uint64_t watch)
{
    (void)watch;
    qn_watch_run((qn_watcher *)arg);
}
/** Open; failures as watch's open(). Nothing is handled before the plugin's loop runs again, so
 *  that the set can be added first. */
static inline qn_status qn_watch_start(qn_watcher *w, const qn_watch_options *o,
                                       const qn_hash *locator, uint32_t n_locator,
                                       qn_block_ref *start)
{
    qn_block_ref at;
    w->posted = 0;
    w->data = NULL;
    w->room = 0;
    qn_status st = w->table->open(w->cap, o, locator, n_locator, qn_watch_ready_, w, &w->watch,
                                  start ? start : &at);
    if (st != QN_OK)
        return st;
    st = w->host->post(w->host_cap, qn_watch_again_, w);
    w->posted = st == QN_OK;
    if (st != QN_OK)
        qn_watch_end(w);
    return st;
}

#ifdef __cplusplus
}
#endif
#endif
