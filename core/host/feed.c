#include "core/host/feed.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include <pthread.h>

typedef struct feed_tip {
    uint64_t chain_seq;
    const qc_index *tip;
} feed_tip;

struct qc_feed {
    pthread_mutex_t lock;
    uint64_t epoch;
    uint32_t room, readers;
    qn_mempool_event *event;    /* by place % room; NULL: nobody reads */
    uint64_t next;              /* place of the next event */
    uint64_t first;             /* place of the oldest that is kept */
    feed_tip tip[QC_FEED_TIPS]; /* changes of the tip, newest last, that are not durable */
    uint32_t n_tip;
    uint64_t durable; /* chain_seq up to which events may be given */
    feed_tip now;
    uint64_t followed; /* chain_seq of the last TIP */
};

qc_feed *qc_feed_new(uint32_t room, uint64_t epoch)
{
    qc_feed *f = qc_alloc(sizeof *f);
    f->room = room ? room : QC_FEED_EVENTS;
    f->epoch = epoch;
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void qc_feed_free(qc_feed *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    qc_free(f->event);
    qc_free(f);
}

qc_err qc_feed_enter(qc_feed *f)
{
    qc_err err = QC_OK;
    pthread_mutex_lock(&f->lock);
    if (!f->event && !(f->event = qc_try_calloc(f->room, sizeof *f->event)))
        err = QC_ENOMEM;
    else
        f->readers++;
    pthread_mutex_unlock(&f->lock);
    return err;
}

void qc_feed_leave(qc_feed *f)
{
    pthread_mutex_lock(&f->lock);
    if (--f->readers == 0) {
        qc_free(f->event);
        f->event = NULL;
        f->first = f->next;
    }
    pthread_mutex_unlock(&f->lock);
}

bool qc_feed_read(const qc_feed *f)
{
    qc_feed *m = (qc_feed *)(uintptr_t)f; /* for its lock alone */
    pthread_mutex_lock(&m->lock);
    bool read = f->readers > 0;
    pthread_mutex_unlock(&m->lock);
    return read;
}

/* ---- the pool's owner ---- */

void qc_feed_at(qc_feed *f, uint64_t chain_seq, const qc_index *tip)
{
    if (f->now.tip == tip && f->now.chain_seq == chain_seq)
        return;
    pthread_mutex_lock(&f->lock);
    f->now = (feed_tip){chain_seq, tip};
    /* Of too many the newer stands for the older: what is held back is then held back longer. */
    if (f->n_tip == QC_FEED_TIPS)
        memmove(f->tip, f->tip + 1, --f->n_tip * sizeof *f->tip);
    f->tip[f->n_tip++] = f->now;
    pthread_mutex_unlock(&f->lock);
}

/* Under the lock. */
static void put(qc_feed *f, const qn_mempool_event *e)
{
    if (!f->event)
        return;
    qn_mempool_event *to = &f->event[f->next++ % f->room];
    *to = *e;
    to->epoch = f->epoch;
    to->chain_seq = f->now.chain_seq;
    to->height = f->now.tip ? f->now.tip->height : 0;
    if (f->now.tip)
        memcpy(to->tip.b, f->now.tip->hash.b, 32);
    if (f->next - f->first > f->room)
        f->first = f->next - f->room;
}

void qc_feed_tell(qc_feed *f, const qn_mempool_event *e)
{
    pthread_mutex_lock(&f->lock);
    put(f, e);
    pthread_mutex_unlock(&f->lock);
}

void qc_feed_followed(qc_feed *f)
{
    const qn_mempool_event e = {.type = QN_MEMPOOL_EV_TIP};
    pthread_mutex_lock(&f->lock);
    if (f->followed != f->now.chain_seq) {
        f->followed = f->now.chain_seq;
        put(f, &e);
    }
    pthread_mutex_unlock(&f->lock);
}

static bool below(const qc_index *i, const qc_index *top)
{
    return i && i->height <= top->height && qc_index_ancestor(top, i->height) == i;
}

void qc_feed_durable(qc_feed *f, const qc_index *durable)
{
    if (!durable)
        return;
    pthread_mutex_lock(&f->lock);
    for (uint32_t i = f->n_tip; i-- > 0;)
        if (below(f->tip[i].tip, durable)) {
            f->durable = f->tip[i].chain_seq;
            f->n_tip -= i + 1;
            memmove(f->tip, f->tip + i + 1, f->n_tip * sizeof *f->tip);
            break;
        }
    pthread_mutex_unlock(&f->lock);
}

void qc_feed_mark(qc_feed *f, uint64_t sequence, qc_snapshot *s)
{
    pthread_mutex_lock(&f->lock);
    s->from = f->next;
    s->sequence = sequence;
    s->chain_seq = f->now.chain_seq;
    s->height = f->now.tip ? f->now.tip->height : 0;
    if (f->now.tip)
        memcpy(s->tip.b, f->now.tip->hash.b, 32);
    pthread_mutex_unlock(&f->lock);
}

/* ---- readers ---- */

qc_err qc_feed_reader_open(qc_feed_reader *r, qc_feed *f, uint32_t window)
{
    *r = (qc_feed_reader){.feed = f, .window = window};
    return qc_feed_enter(f);
}

static void drop_snapshot(qc_feed_reader *r)
{
    qc_free(r->snap.entry);
    r->snap = (qc_snapshot){0};
    r->at = 0;
}

void qc_feed_reader_close(qc_feed_reader *r)
{
    drop_snapshot(r);
    qc_feed_leave(r->feed);
}

void qc_feed_reader_start(qc_feed_reader *r, qc_snapshot *s)
{
    drop_snapshot(r);
    r->snap = *s;
    s->entry = NULL;
    r->place = s->from;
    r->state = QC_READER_SNAPSHOT;
}

static void of_snapshot(const qc_feed_reader *r, uint32_t type, qn_mempool_event *e)
{
    *e = (qn_mempool_event){.type = type,
                            .epoch = r->feed->epoch,
                            .chain_seq = r->snap.chain_seq,
                            .sequence = r->snap.sequence,
                            .tip = r->snap.tip,
                            .height = r->snap.height};
}

static void of_entry(const qc_feed_reader *r, const qc_feed_entry *from, qn_mempool_event *e)
{
    of_snapshot(r, QN_MEMPOOL_EV_ADDED, e);
    e->flags = QN_MEMPOOL_EVF_SNAPSHOT;
    e->txid = from->txid;
    e->wtxid = from->wtxid;
    e->fee = from->fee;
    e->vsize = from->vsize;
    e->weight = from->weight;
    e->time = from->time;
}

static uint32_t give_snapshot(qc_feed_reader *r, qn_mempool_event *out, uint32_t max)
{
    uint32_t n = 0;
    for (; n < max && r->at < r->snap.n; n++)
        of_entry(r, &r->snap.entry[r->at++], &out[n]);
    if (n < max) {
        of_snapshot(r, QN_MEMPOOL_EV_SYNCED, &out[n++]);
        r->state = QC_READER_LIVE;
        drop_snapshot(r);
    }
    return n;
}

/* Under the lock. */
static uint32_t give_live(qc_feed_reader *r, qn_mempool_event *out, uint32_t max)
{
    const qc_feed *f = r->feed;
    uint32_t n = 0;
    if (r->place < f->first) {
        out[0] = (qn_mempool_event){
            .type = QN_MEMPOOL_EV_GAP, .epoch = f->epoch, .chain_seq = f->durable};
        r->state = QC_READER_WANTS;
        return 1;
    }
    for (; n < max && r->place < f->next; n++) {
        const qn_mempool_event *e = &f->event[r->place % f->room];
        if (e->chain_seq > f->durable)
            break;
        out[n] = *e;
        r->place++;
    }
    return n;
}

qn_status qc_feed_reader_next(qc_feed_reader *r, qn_mempool_event *out, uint32_t max, uint32_t *n)
{
    qc_feed *f = r->feed;
    uint64_t unacked = r->seq - r->acked;
    uint32_t got = 0;
    if (unacked >= r->window)
        return QN_E_LIMIT;
    max = (uint32_t)QC_MIN((uint64_t)QC_MIN(max, QC_FEED_GIVEN), r->window - unacked);
    pthread_mutex_lock(&f->lock);
    if (r->state == QC_READER_SNAPSHOT && r->snap.chain_seq <= f->durable)
        got = give_snapshot(r, out, max);
    else if (r->state == QC_READER_LIVE)
        got = give_live(r, out, max);
    pthread_mutex_unlock(&f->lock);
    for (uint32_t i = 0; i < got; i++)
        out[i].seq = ++r->seq;
    if (got)
        *n = got;
    return got ? QN_OK : QN_E_AGAIN;
}

qn_status qc_feed_reader_ack(qc_feed_reader *r, uint64_t seq)
{
    if (seq > r->seq)
        return QN_E_INVAL;
    if (seq > r->acked)
        r->acked = seq;
    return QN_OK;
}
