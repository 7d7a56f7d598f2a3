#include "core/sync/privatequeue.h"

#include "core/base/alloc.h"
#include "core/base/heap.h"
#include "core/base/table.h"

#include <stdio.h>

#define STALE_FIRST INT64_C(300000000)
#define STALE_THEN INT64_C(60000000)

typedef struct item item;

typedef struct sending {
    qc_table_link by_peer;
    item *item;
    qc_peer_id peer;
    bool asked;
    qc_privq_send s;
} sending;

struct item {
    qc_table_link by_wtxid;
    qc_heap_node in_turn; /* while it may be sent */
    qc_txbuf buf;
    int64_t added, last_sent, last_received;
    size_t n_sends, n_received;
    qc_privq_send *first, **end;
};

struct qc_privq {
    qc_siphash_key key;
    size_t most, sends;
    qc_table items, peers;
    qc_heap turn;
};

static const qc_hash *wtxid_of(const item *i)
{
    return (const qc_hash *)i->buf.tx.rec->wtxid;
}

static bool sooner(const qc_heap_node *x, const qc_heap_node *y)
{
    const item *a = QC_HOLDER(item, in_turn, x), *b = QC_HOLDER(item, in_turn, y);
    if (a->n_sends != b->n_sends)
        return a->n_sends < b->n_sends;
    if (a->n_received != b->n_received)
        return a->n_received < b->n_received;
    if (a->last_sent != b->last_sent)
        return a->last_sent < b->last_sent;
    return a->last_received < b->last_received;
}

static bool pending(const qc_privq *q, const item *i)
{
    return i->n_sends < q->sends;
}

static item *find(const qc_privq *q, const qc_hash *wtxid)
{
    qc_table_link *l = qc_table_find(&q->items, qc_siphash_hash(&q->key, wtxid));
    for (; l; l = qc_table_next(l)) {
        item *i = QC_HOLDER(item, by_wtxid, l);
        if (qc_hash_eq(wtxid_of(i), wtxid))
            return i;
    }
    return NULL;
}

static sending *find_peer(const qc_privq *q, qc_peer_id peer)
{
    qc_table_link *l = qc_table_find(&q->peers, (uint64_t)peer);
    return l ? QC_HOLDER(sending, by_peer, l) : NULL;
}

/* ---- coming and going ---- */

qc_privq *qc_privq_new(const qc_siphash_key *key, size_t most, size_t sends)
{
    qc_privq *q = qc_alloc(sizeof *q);
    q->key = *key;
    q->most = most ? most : QC_PRIVATE_MAX;
    q->sends = sends ? sends : QC_PRIVATE_SENDS;
    q->turn.before = sooner;
    return q;
}

static void forget_sends(qc_privq *q, item *i)
{
    for (qc_privq_send *at = i->first, *next; at; at = next) {
        sending *s = QC_HOLDER(sending, s, at);
        next = at->next;
        qc_table_remove(&q->peers, &s->by_peer);
        qc_free(s);
    }
    i->first = NULL;
    i->end = &i->first;
    i->n_sends = i->n_received = 0;
    i->last_sent = i->last_received = 0;
}

static void free_item(qc_privq *q, item *i)
{
    if (pending(q, i))
        qc_heap_remove(&q->turn, &i->in_turn);
    forget_sends(q, i);
    qc_table_remove(&q->items, &i->by_wtxid);
    qc_txbuf_clear(&i->buf);
    qc_free(i);
}

void qc_privq_free(qc_privq *q)
{
    qc_table_link *l;
    if (!q)
        return;
    while ((l = qc_table_any(&q->items)) != NULL)
        free_item(q, QC_HOLDER(item, by_wtxid, l));
    qc_table_clear(&q->items);
    qc_table_clear(&q->peers);
    qc_free(q);
}

qc_privq_added qc_privq_add(qc_privq *q, const qc_tx *tx, int64_t now)
{
    item *i = find(q, (const qc_hash *)tx->rec->wtxid);
    if (i && pending(q, i))
        return QC_PRIVQ_THERE;
    if (!i) {
        i = q->items.n < q->most ? qc_try_alloc(sizeof *i) : NULL;
        if (!i || qc_tx_parse(qc_tx_bytes(tx), true, &i->buf)) {
            qc_free(i);
            return QC_PRIVQ_FULL;
        }
        i->end = &i->first;
        qc_table_add(&q->items, &i->by_wtxid, qc_siphash_hash(&q->key, wtxid_of(i)));
    }
    forget_sends(q, i);
    i->added = now;
    qc_heap_push(&q->turn, &i->in_turn);
    return QC_PRIVQ_ADDED;
}

int64_t qc_privq_remove(qc_privq *q, const qc_hash *wtxid)
{
    item *i = find(q, wtxid);
    if (!i)
        return -1;
    int64_t n = (int64_t)i->n_received;
    free_item(q, i);
    return n;
}

/* ---- sending ---- */

const qc_tx *qc_privq_pick(qc_privq *q, qc_peer_id peer, const char *at, int64_t now)
{
    if (!q->turn.top || find_peer(q, peer))
        return NULL;
    item *i = QC_HOLDER(item, in_turn, qc_heap_pop(&q->turn));
    sending *s = qc_alloc(sizeof *s);
    s->item = i;
    s->peer = peer;
    s->s.sent = now;
    snprintf(s->s.at, sizeof s->s.at, "%s", at);
    *i->end = &s->s;
    i->end = &s->s.next;
    qc_table_add(&q->peers, &s->by_peer, (uint64_t)peer);
    i->n_sends++;
    if (now > i->last_sent)
        i->last_sent = now;
    if (pending(q, i))
        qc_heap_push(&q->turn, &i->in_turn);
    return &i->buf.tx;
}

const qc_tx *qc_privq_of(const qc_privq *q, qc_peer_id peer)
{
    const sending *s = find_peer(q, peer);
    return s ? &s->item->buf.tx : NULL;
}

bool qc_privq_ask(qc_privq *q, qc_peer_id peer)
{
    sending *s = find_peer(q, peer);
    if (!s || s->asked)
        return false;
    s->asked = true;
    return true;
}

void qc_privq_received(qc_privq *q, qc_peer_id peer, int64_t now)
{
    sending *s = find_peer(q, peer);
    if (!s)
        return;
    item *i = s->item;
    if (pending(q, i))
        qc_heap_remove(&q->turn, &i->in_turn);
    i->n_received += s->s.received == 0;
    s->s.received = now;
    if (now > i->last_received)
        i->last_received = now;
    if (pending(q, i))
        qc_heap_push(&q->turn, &i->in_turn);
}

bool qc_privq_has_received(const qc_privq *q, qc_peer_id peer)
{
    const sending *s = find_peer(q, peer);
    return s && s->s.received;
}

bool qc_privq_pending(const qc_privq *q)
{
    return q->turn.top != NULL;
}

/* ---- looking ---- */

static bool is_stale(const qc_privq *q, const item *i, int64_t now)
{
    if (!pending(q, i))
        return false;
    return i->n_received ? i->last_received < now - STALE_THEN : i->added < now - STALE_FIRST;
}

static qc_privq_info info_of(const qc_privq *q, const item *i, int64_t now)
{
    return (qc_privq_info){.tx = &i->buf.tx,
                           .added = i->added,
                           .sends_left = q->sends - i->n_sends,
                           .stale = is_stale(q, i, now),
                           .first = i->first};
}

bool qc_privq_get(const qc_privq *q, const qc_hash *wtxid, int64_t now, qc_privq_info *out)
{
    const item *i = find(q, wtxid);
    if (i)
        *out = info_of(q, i, now);
    return i != NULL;
}

void qc_privq_each(const qc_privq *q, int64_t now,
                   void (*take)(void *arg, const qc_privq_info *info), void *arg)
{
    for (size_t k = 0; k < q->items.n_slots; k++)
        for (qc_table_link *l = q->items.slot[k]; l; l = l->next) {
            const qc_privq_info info = info_of(q, QC_HOLDER(item, by_wtxid, l), now);
            take(arg, &info);
        }
}
