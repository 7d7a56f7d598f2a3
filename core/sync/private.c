#include "core/sync/private.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/sync/internal.h"

#define AREA "privatebroadcast"
#define AGAIN_EVERY (120 * QC_SECOND)
#define AGAIN_MORE (60 * QC_SECOND) /* by chance */
#define REASON 160
#define A_TICK 8u /* transactions that the pool is asked about at once */

struct qc_private {
    qc_private_options o;
    qc_privq *queue;
    qc_peer_id *peer; /* owned; whose connections are for us */
    size_t n_peers;
    int64_t next;   /* 0: not planned yet */
    qc_hash *again; /* owned; wtxids: to be sent again, but the first n_again_done are dealt with */
    size_t n_again, n_again_done;
};

/** A transaction in the log. */
typedef struct names {
    char txid[QC_HASH_HEX_LEN + 1], wtxid[QC_HASH_HEX_LEN + 1];
} names;

static names names_of(const qc_tx *tx)
{
    names n;
    qc_hash_hex((const qc_hash *)tx->rec->txid, n.txid);
    qc_hash_hex((const qc_hash *)tx->rec->wtxid, n.wtxid);
    return n;
}

static int64_t now_of(const qc_private *p)
{
    return p->o.now(p->o.arg);
}

/* ---- life ---- */

qc_private *qc_private_new(const qc_private_options *o)
{
    qc_private *p = qc_alloc(sizeof *p);
    p->o = *o;
    p->queue = qc_privq_new(&o->key, 0, 0);
    return p;
}

void qc_private_free(qc_private *p)
{
    if (!p)
        return;
    qc_privq_free(p->queue);
    qc_free(p->peer);
    qc_free(p->again);
    qc_free(p);
}

/* ---- transactions ---- */

qc_privq_added qc_private_add(qc_private *p, const qc_tx *tx)
{
    names n = names_of(tx);
    qc_privq_added end = qc_privq_add(p->queue, tx, now_of(p));
    switch (end) {
    case QC_PRIVQ_ADDED:
        qc_log(QC_LOG_DEBUG, AREA, "Requesting %u new connections due to txid=%s, wtxid=%s",
               QC_PRIVATE_PEERS, n.txid, n.wtxid);
        p->o.want(p->o.arg, QC_PRIVATE_PEERS);
        break;
    case QC_PRIVQ_THERE:
        qc_log(QC_LOG_DEBUG, AREA,
               "Ignoring unnecessary request to schedule an already scheduled transaction: "
               "txid=%s, wtxid=%s",
               n.txid, n.wtxid);
        break;
    case QC_PRIVQ_FULL:
        qc_log(QC_LOG_DEBUG, AREA,
               "Rejecting private broadcast, queue full (cap=%u): txid=%s, wtxid=%s",
               QC_PRIVATE_MAX, n.txid, n.wtxid);
        break;
    }
    return end;
}

/* What is still to be opened for one that needs no more. Returns false: it was not there. */
static bool take_out(qc_private *p, const qc_hash *wtxid)
{
    int64_t received = qc_privq_remove(p->queue, wtxid);
    if (received >= 0 && received < (int64_t)QC_PRIVATE_PEERS)
        p->o.want(p->o.arg, received - (int64_t)QC_PRIVATE_PEERS);
    return received >= 0;
}

/** Some of the queue, while it may not change. */
typedef struct some {
    const qc_hash *id; /* those with it; NULL: those that should have come back */
    const qc_tx **tx;  /* owned */
    size_t n, cap;
} some;

static void note(void *arg, const qc_privq_info *info)
{
    some *s = arg;
    const uint8_t *txid = info->tx->rec->txid, *wtxid = info->tx->rec->wtxid;
    bool is =
        s->id ? memcmp(s->id->b, txid, 32) == 0 || memcmp(s->id->b, wtxid, 32) == 0 : info->stale;
    if (!is)
        return;
    if (s->n == s->cap) {
        size_t cap = 2 * s->cap + 8;
        const qc_tx **more = qc_try_realloc(s->tx, cap * sizeof *more);
        if (!more)
            return;
        s->tx = more;
        s->cap = cap;
    }
    s->tx[s->n++] = info->tx;
}

size_t qc_private_abort(qc_private *p, const qc_hash *id, void (*gone)(void *arg, const qc_tx *tx),
                        void *arg)
{
    some s = {.id = id};
    qc_privq_each(p->queue, now_of(p), note, &s);
    for (size_t i = 0; i < s.n; i++) {
        qc_hash wtxid;
        memcpy(wtxid.b, s.tx[i]->rec->wtxid, sizeof wtxid.b);
        gone(arg, s.tx[i]);
        (void)take_out(p, &wtxid);
    }
    qc_free(s.tx);
    return s.n;
}

const qc_privq *qc_private_queue(const qc_private *p)
{
    return p->queue;
}

void qc_private_heard(qc_private *p, qc_peer_id from, const qc_tx *tx)
{
    if (!take_out(p, (const qc_hash *)tx->rec->wtxid))
        return;
    names n = names_of(tx);
    qc_log(
        QC_LOG_DEBUG, AREA,
        "Received our privately broadcast transaction (txid=%s) from the network from peer=%lld; "
        "stopping private broadcast attempts",
        n.txid, (long long)from);
}

/* ---- connections ---- */

static bool has_peer(const qc_private *p, qc_peer_id id, size_t *at)
{
    for (*at = 0; *at < p->n_peers; ++*at)
        if (p->peer[*at] == id)
            return true;
    return false;
}

void qc_private_opened(qc_private *p, const qc_peer_info *info)
{
    char at[QC_PEER_ADDR_TEXT];
    qc_bytes b = QC_BYTES_INIT;
    qc_peer_id *more = qc_try_realloc(p->peer, (p->n_peers + 1) * sizeof *more);
    if (!more) {
        p->o.drop(p->o.arg, info->id, "out of memory");
        return;
    }
    p->peer = more;
    p->peer[p->n_peers++] = info->id;
    qc_peer_addr_text(&info->where, at);
    const qc_tx *tx = qc_privq_pick(p->queue, info->id, at, now_of(p));
    if (!tx) {
        p->o.drop(p->o.arg, info->id,
                  "no more transactions for private broadcast (connected in vain)");
        return;
    }
    names n = names_of(tx);
    bool witness = qc_tx_has_witness(tx);
    qc_log(QC_LOG_DEBUG, AREA, "P2P handshake completed, sending INV for txid=%s%s%s, peer=%lld",
           n.txid, witness ? ", wtxid=" : "", witness ? n.wtxid : "", (long long)info->id);
    qc_inv inv = {.type = QC_INV_TX};
    memcpy(inv.hash.b, tx->rec->txid, sizeof inv.hash.b);
    if (!qc_inv_write(&b, &inv, 1))
        p->o.send(p->o.arg, info->id, "inv", &b);
    qc_bytes_free(&b);
}

/* The one that it was told of, and nothing else. */
static bool asks_for(qc_span payload, const qc_tx *tx)
{
    qc_inv *list;
    size_t n;
    if (qc_inv_read(payload, &list, &n))
        return false;
    bool is = n == 1 &&
              (list[0].type == QC_INV_TX || list[0].type == (QC_INV_TX | QC_INV_WITNESS)) &&
              memcmp(list[0].hash.b, tx->rec->txid, 32) == 0;
    qc_free(list);
    return is;
}

void qc_private_getdata(qc_private *p, qc_peer_id id, qc_span payload)
{
    const qc_tx *tx = qc_privq_of(p->queue, id);
    qc_bytes b = QC_BYTES_INIT;
    size_t at;
    if (!has_peer(p, id, &at))
        return;
    if (!tx) {
        p->o.drop(p->o.arg, id, "got GETDATA without sending an INV");
        return;
    }
    if (!asks_for(payload, tx)) {
        p->o.drop(p->o.arg, id, "got an unexpected GETDATA message");
        return;
    }
    /* Nobody needs it twice; who does not read would have us keep one copy more each time. */
    if (!qc_privq_ask(p->queue, id)) {
        p->o.drop(p->o.arg, id, "got a second GETDATA message");
        return;
    }
    qc_span raw = qc_tx_bytes(tx);
    if (!qc_bytes_append(&b, raw.data, raw.len)) {
        p->o.send(p->o.arg, id, "tx", &b);
        p->o.ping(p->o.arg, id);
    }
    qc_bytes_free(&b);
}

void qc_private_pong(qc_private *p, qc_peer_id id)
{
    qc_privq_received(p->queue, id, now_of(p));
}

void qc_private_closed(qc_private *p, qc_peer_id id)
{
    size_t at;
    if (!has_peer(p, id, &at))
        return;
    p->peer[at] = p->peer[--p->n_peers];
    if (!qc_privq_has_received(p->queue, id) && qc_privq_pending(p->queue))
        p->o.want(p->o.arg, 1);
}

/* ---- again ---- */

static void plan(qc_private *p, int64_t now)
{
    p->next = now + AGAIN_EVERY + (int64_t)(p->o.random(p->o.arg) % (uint64_t)AGAIN_MORE);
}

static void send_again(qc_private *p, const qc_tx *tx)
{
    char why[REASON] = "";
    names n = names_of(tx);
    if (p->o.is_welcome(p->o.arg, tx, why, sizeof why)) {
        qc_log(QC_LOG_DEBUG, AREA, "Reattempting broadcast of stale txid=%s wtxid=%s", n.txid,
               n.wtxid);
        p->o.want(p->o.arg, 1);
        return;
    }
    qc_log(QC_LOG_DEBUG, AREA, "Giving up broadcast attempts for txid=%s wtxid=%s: %s", n.txid,
           n.wtxid, why);
    (void)qc_privq_remove(p->queue, (const qc_hash *)tx->rec->wtxid);
}

/* What is stale now. Without memory it waits for the next time. */
static void note_again(qc_private *p, int64_t now)
{
    some s = {.id = NULL};
    qc_privq_each(p->queue, now, note, &s);
    p->again = s.n ? qc_try_calloc(s.n, sizeof *p->again) : NULL;
    for (size_t i = 0; p->again && i < s.n; i++)
        memcpy(p->again[i].b, s.tx[i]->rec->wtxid, sizeof p->again[i].b);
    p->n_again = p->again ? s.n : 0;
    p->n_again_done = 0;
    qc_free(s.tx);
}

/* There may be thousands, and the pool takes its time over each. */
static void go_on(qc_private *p, int64_t now)
{
    qc_privq_info info;
    for (size_t i = 0; i < A_TICK && p->n_again_done < p->n_again; i++)
        if (qc_privq_get(p->queue, &p->again[p->n_again_done++], now, &info) && info.stale)
            send_again(p, info.tx);
    if (p->n_again_done < p->n_again)
        return;
    qc_free(p->again);
    p->again = NULL;
    p->n_again = p->n_again_done = 0;
}

void qc_private_tick(qc_private *p)
{
    int64_t now = now_of(p);
    if (!p->next)
        plan(p, now);
    if (!p->n_again && now >= p->next) {
        note_again(p, now);
        plan(p, now);
    }
    go_on(p, now);
}

void qc_private_hurry(qc_private *p, int64_t us)
{
    p->next -= us;
}
