/* The rules D1 to D8 of chain.follow. Nothing is queued: each step follows from where the cursor
 * stands and from the newest durable block. */
#include "core/host/follow.h"

#include "core/base/alloc.h"

static bool on_chain_of(const qc_index *i, const qc_index *tip)
{
    return qc_index_ancestor(tip, i->height) == i;
}

static bool failed(const qc_index *i)
{
    return (atomic_load(&i->status) & (QC_BLOCK_FAILED_VALID | QC_BLOCK_FAILED_CHILD)) != 0;
}

/* After a crash the tip may be behind the cursor, even on another branch, while the node replays. A
 * cursor with more work than the tip waits, since the node will come back to it; only a block that
 * was found invalid, or declared so, leaves the chain this way. */
static bool waits_above(const qc_index *cursor, const qc_index *durable)
{
    return qc_u256_cmp(&cursor->chain_work, &durable->chain_work) > 0 && !failed(cursor);
}

static void ref_of(const qc_index *i, qn_block_ref *out)
{
    if (i)
        memcpy(out->hash.b, i->hash.b, 32);
    else
        memset(out->hash.b, 0, 32);
    out->height = i ? i->height : QC_BEFORE_GENESIS;
}

/* Can a plugin that stands on `i` be led back to the chain? A header alone cannot be undone. */
static bool usable(const qc_index *i, const qc_index *durable)
{
    return on_chain_of(i, durable) || waits_above(i, durable) ||
           (atomic_load(&i->status) & QC_BLOCK_HAVE_DATA) != 0;
}

static qn_status place(qc_follow *f, const qn_hash *locator, uint32_t n, const qc_index *durable)
{
    for (uint32_t k = 0; k < n; k++) {
        qc_hash h;
        memcpy(h.b, locator[k].b, 32);
        const qc_index *i = f->src.find(f->src.arg, &h);
        if (k == 0 && i && usable(i, durable)) {
            f->cursor = i;
            return QN_OK;
        }
        if (i && on_chain_of(i, durable)) {
            f->cursor = i;
            return QN_E_UNKNOWN_TIP;
        }
    }
    return n ? QN_E_UNKNOWN_TIP : QN_OK;
}

qn_status qc_follow_open(qc_follow *f, const qc_follow_source *src, const qn_hash *locator,
                         uint32_t n_locator, uint32_t from_height, uint32_t window,
                         qn_block_ref *start)
{
    const qc_index *durable = src->durable(src->arg);
    *f = (qc_follow){.src = *src, .from_height = n_locator ? 0 : from_height, .window = window};
    if (n_locator > QC_LOCATOR_MAX || window == 0)
        return QN_E_INVAL;
    /* A new node has nothing durable yet: whoever starts from nothing waits for the first group. */
    if (!durable && n_locator)
        return QN_E_BUSY;
    qn_status st = place(f, locator, n_locator, durable);
    ref_of(f->cursor, start);
    if (st != QN_OK)
        return st;
    f->acked_at = f->cursor;
    f->unacked = qc_try_calloc(window, sizeof(const qc_index *));
    return f->unacked ? QN_OK : QN_E_NOMEM;
}

void qc_follow_clear(qc_follow *f)
{
    qc_free((void *)f->unacked);
    *f = (qc_follow){.window = 0};
}

/* The step up from the cursor to `next`; a hole in the bodies is said, never passed over (D8). */
static uint32_t step_up(const qc_follow *f, const qc_index *durable, const qc_index *next,
                        const qc_index **at)
{
    *at = next;
    if (atomic_load(&next->status) & QC_BLOCK_HAVE_DATA)
        return QN_EV_CONNECT;
    uint32_t first = f->src.prune_height(f->src.arg);
    if (first <= next->height)
        return QN_EV_CONNECT; /* not pruned but missing: the read says what is wrong */
    *at = first <= durable->height ? qc_index_ancestor(durable, first) : durable;
    return QN_EV_GAP;
}

qn_status qc_follow_peek(const qc_follow *f, const qc_index **at, uint32_t *type)
{
    const qc_index *durable = f->src.durable(f->src.arg), *c = f->cursor;
    if (!durable || durable == c)
        return QN_E_AGAIN;
    if (!c && durable->height < f->from_height)
        return QN_E_AGAIN;
    if (c && !on_chain_of(c, durable) && waits_above(c, durable))
        return QN_E_AGAIN;
    if (f->seq - f->acked >= f->window)
        return QN_E_LIMIT;
    if (!c || on_chain_of(c, durable)) {
        uint32_t height = c ? c->height + 1 : f->from_height;
        *type = step_up(f, durable, qc_index_ancestor(durable, height), at);
    } else {
        *type = QN_EV_DISCONNECT;
        *at = c;
    }
    return QN_OK;
}

void qc_follow_take(qc_follow *f, const qc_index *at, uint32_t type)
{
    qn_follow_event *e = &f->event;
    const qc_index *before = f->cursor;
    *e = (qn_follow_event){.size = sizeof *e, .type = type, .epoch = f->src.epoch, .seq = ++f->seq};
    ref_of(at, &e->ref);
    ref_of(type == QN_EV_GAP ? before : at->parent, &e->prev);
    f->cursor = type == QN_EV_CONNECT ? at : at->parent;
    f->unacked[(f->seq - 1) % f->window] = f->cursor;
    const qc_index *durable = f->src.durable(f->src.arg), *next;
    uint32_t height = f->cursor ? f->cursor->height : 0, next_type;
    e->lag = durable->height > height ? durable->height - height : 0;
    if (durable == f->cursor) {
        e->flags = QN_EVF_TIP;
        e->chain_seq = f->src.tip_seq(f->src.arg, f->cursor);
    } else if (qc_follow_peek(f, &next, &next_type) == QN_E_AGAIN) {
        e->flags = QN_EVF_TIP; /* above a tip that is still catching up */
    }
}

qn_status qc_follow_ack(qc_follow *f, uint64_t seq)
{
    if (seq > f->seq)
        return QN_E_INVAL;
    if (seq > f->acked) {
        f->acked_at = f->unacked[(seq - 1) % f->window];
        f->acked = seq;
    }
    return QN_OK;
}
