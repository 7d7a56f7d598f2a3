#include "tests/unit/feed_model.h"

#include "core/base/alloc.h"
#include "tests/unit/harness.h"

#define BLOCKS 96u
#define TXS 48u /* in the pool at once */
#define PLUGINS 3u
#define ROOM 24u /* of the feed: falling behind is common */
#define STEPS 300u

typedef struct node {
    qc_index block[BLOCKS];
    bool synced[BLOCKS];
    unsigned n_block;
    const qc_index *tip;
    uint64_t chain_seq, sequence, epoch, next_tx;
    uint64_t tx[TXS];
    unsigned n_tx;
    qc_feed *feed;
    feed_mutant mutant;
    uint64_t seed;
} node;

/* What a plugin believes. */
typedef struct copy {
    qc_feed_reader r;
    bool open, ordered; /* a snapshot was asked for */
    qc_snapshot torn;   /* of a moment that was too early */
    bool has_torn;
    uint64_t tx[2 * TXS];
    unsigned n;
    bool whole;
    uint64_t seq, chain_seq, sequence;
} copy;

static uint64_t rnd(node *w, uint64_t below)
{
    return test_rand(&w->seed) % below;
}

static unsigned find(const uint64_t *v, unsigned n, uint64_t x)
{
    unsigned i = 0;
    while (i < n && v[i] != x)
        i++;
    return i;
}

/* ---- the node ---- */

static void tell(node *w, uint32_t type, uint64_t tx)
{
    qn_mempool_event e = {.type = type, .sequence = w->sequence++};
    memcpy(e.txid.b, &tx, sizeof tx);
    qc_feed_at(w->feed, w->chain_seq, w->tip);
    if (w->mutant != FEED_DROPS || rnd(w, 20))
        qc_feed_tell(w->feed, &e);
}

static void add(node *w)
{
    if (w->n_tx == TXS)
        return;
    w->tx[w->n_tx++] = ++w->next_tx;
    tell(w, QN_MEMPOOL_EV_ADDED, w->next_tx);
}

static void take_out(node *w)
{
    if (!w->n_tx)
        return;
    unsigned i = (unsigned)rnd(w, w->n_tx);
    uint64_t tx = w->tx[i];
    w->tx[i] = w->tx[--w->n_tx];
    tell(w, QN_MEMPOOL_EV_REMOVED, tx);
}

/* A sync covers all that is there, branches that were left too. */
static void sync_chain(node *w)
{
    memset(w->synced, 1, w->n_block);
    qc_feed_durable(w->feed, w->tip);
}

/* A block on the tip or on one before it: what was in blocks that left comes back, what is in the
 * new one goes. */
static void move_chain(node *w)
{
    const qc_index *parent = w->tip;
    if (w->n_block == BLOCKS)
        return;
    for (uint64_t back = rnd(w, 4) ? 0 : rnd(w, 3); back && parent->parent; back--)
        parent = parent->parent;
    qc_index *i = &w->block[w->n_block++];
    *i = (qc_index){.parent = (qc_index *)(uintptr_t)parent, .height = parent->height + 1};
    memcpy(i->hash.b, &w->n_block, sizeof w->n_block);
    bool reorg = parent != w->tip;
    w->tip = i;
    w->chain_seq++;
    for (uint64_t n = rnd(w, 4); n; n--)
        take_out(w);
    for (uint64_t n = reorg ? rnd(w, 4) : 0; n; n--)
        add(w);
    qc_feed_at(w->feed, w->chain_seq, w->tip);
    if (w->mutant == FEED_NO_HOLD)
        qc_feed_durable(w->feed, w->tip);
    qc_feed_followed(w->feed);
}

static void begin(node *w)
{
    w->feed = qc_feed_new(ROOM, ++w->epoch);
    w->chain_seq = w->sequence = 1;
    qc_feed_at(w->feed, w->chain_seq, w->tip);
    sync_chain(w);
}

/* ---- the plugins ---- */

static void entries(const node *w, qc_snapshot *s)
{
    s->entry = qc_try_calloc(w->n_tx + 1, sizeof *s->entry);
    assert_non_null(s->entry);
    for (s->n = 0; s->n < w->n_tx; s->n++)
        memcpy(s->entry[s->n].txid.b, &w->tx[s->n], sizeof w->tx[0]);
}

/* The chain thread gets to it some time later. */
static void serve(node *w, copy *c)
{
    qc_snapshot s = {0};
    if (!c->ordered)
        return;
    c->ordered = false;
    if (w->mutant == FEED_TORN) {
        s = c->torn;
        c->torn = (qc_snapshot){0};
    } else {
        entries(w, &s);
    }
    qc_feed_at(w->feed, w->chain_seq, w->tip);
    qc_feed_mark(w->feed, w->sequence, &s);
    qc_feed_reader_start(&c->r, &s);
}

static void order(const node *w, copy *c)
{
    if (c->ordered)
        return;
    c->ordered = true;
    if (w->mutant == FEED_TORN)
        entries(w, &c->torn);
}

static void shut(copy *c)
{
    if (c->open)
        qc_feed_reader_close(&c->r);
    qc_free(c->torn.entry);
    *c = (copy){0};
}

static void open_or_shut(node *w, copy *c)
{
    if (c->open) {
        shut(c);
        return;
    }
    c->open = true;
    assert_int_equal(qc_feed_reader_open(&c->r, w->feed, 1 + (uint32_t)rnd(w, 60)), QC_OK);
    order(w, c);
}

static bool durable(const node *w, const qn_mempool_event *e)
{
    for (unsigned i = 0; i < w->n_block; i++)
        if (memcmp(w->block[i].hash.b, e->tip.b, 32) == 0 && w->synced[i])
            return true;
    return false;
}

static const char *take_change(copy *c, const qn_mempool_event *e)
{
    uint64_t tx;
    memcpy(&tx, e->txid.b, sizeof tx);
    unsigned i = find(c->tx, c->n, tx);
    if (e->type == QN_MEMPOOL_EV_ADDED) {
        if (i < c->n)
            return "it was added twice";
        c->tx[c->n++] = tx;
    } else {
        if (i == c->n)
            return "what is removed is not there";
        c->tx[i] = c->tx[--c->n];
    }
    if (e->flags & QN_MEMPOOL_EVF_SNAPSHOT)
        return NULL;
    if (!c->whole)
        return "a change before the snapshot was whole";
    if (e->sequence != c->sequence)
        return "an event was left out";
    c->sequence++;
    return NULL;
}

static const char *take(const node *w, copy *c, const qn_mempool_event *e)
{
    if (e->seq != ++c->seq || e->epoch != w->epoch)
        return "seq or epoch is wrong";
    if (e->type == QN_MEMPOOL_EV_GAP) {
        c->n = 0;
        c->whole = false;
        return NULL;
    }
    if (!durable(w, e))
        return "its tip does not survive a crash";
    if (e->chain_seq < c->chain_seq)
        return "the chain goes backwards";
    if (e->type == QN_MEMPOOL_EV_TIP && e->chain_seq <= c->chain_seq && c->whole &&
        e->chain_seq != c->chain_seq)
        return "a tip comes twice";
    c->chain_seq = e->chain_seq;
    if (e->type == QN_MEMPOOL_EV_SYNCED) {
        c->whole = true;
        c->sequence = e->sequence;
        return NULL;
    }
    return e->type == QN_MEMPOOL_EV_TIP ? NULL : take_change(c, e);
}

static const char *read_some(node *w, copy *c, bool all)
{
    qn_mempool_event e[8];
    const char *bad = NULL;
    for (bool more = true; more && !bad && c->open; more = all) {
        uint32_t n = 0;
        if (c->r.state == QC_READER_WANTS) {
            order(w, c);
            if (all)
                serve(w, c);
        }
        qn_status st = qc_feed_reader_next(&c->r, e, 1 + (uint32_t)rnd(w, 8), &n);
        for (uint32_t i = 0; st == QN_OK && i < n && !bad; i++)
            bad = take(w, c, &e[i]);
        if (st == QN_E_LIMIT || rnd(w, 2))
            assert_int_equal(qc_feed_reader_ack(&c->r, c->seq), QN_OK);
        if (st == QN_E_AGAIN)
            break;
    }
    return bad;
}

/* All is durable and all is read: a copy is the pool. */
static const char *compare(node *w, copy *c)
{
    serve(w, c);
    const char *bad = read_some(w, c, true);
    if (bad || !c->open)
        return bad;
    if (!c->whole)
        return "no snapshot has come";
    if (c->n != w->n_tx)
        return "the copy has another number of transactions";
    for (unsigned i = 0; i < c->n; i++)
        if (find(w->tx, w->n_tx, c->tx[i]) == w->n_tx)
            return "the copy is not the pool";
    return NULL;
}

/* The pool is read back from its file, in part; blocks that were not synced are gone. */
static void restart(node *w, copy *c)
{
    for (unsigned i = 0; i < PLUGINS; i++)
        shut(&c[i]);
    qc_feed_free(w->feed);
    while (!w->synced[w->tip - w->block])
        w->tip = w->tip->parent;
    w->n_tx -= (unsigned)rnd(w, w->n_tx + 1);
    begin(w);
    for (unsigned i = 0; i < PLUGINS; i++)
        open_or_shut(w, &c[i]);
}

static const char *step(node *w, copy *c)
{
    copy *one = &c[rnd(w, PLUGINS)];
    switch (rnd(w, 16)) {
    case 0:
    case 1:
    case 2:
        add(w);
        break;
    case 3:
        take_out(w);
        break;
    case 4: /* a replacement */
        take_out(w);
        add(w);
        break;
    case 5:
    case 6:
        move_chain(w);
        break;
    case 7:
    case 8:
        sync_chain(w);
        break;
    case 9:
        if (rnd(w, 8) == 0)
            open_or_shut(w, one);
        break;
    case 10:
    case 11:
        serve(w, one);
        break;
    case 12:
        if (rnd(w, 20) == 0)
            restart(w, c);
        break;
    default:
        return read_some(w, one, false);
    }
    return NULL;
}

const char *feed_run(uint64_t seed, feed_mutant mutant)
{
    node *w = qc_alloc(sizeof *w);
    copy c[PLUGINS] = {0};
    const char *bad = NULL;
    w->seed = seed * 7919 + 1;
    w->mutant = mutant;
    w->n_block = 1;
    w->tip = &w->block[0];
    begin(w);
    for (unsigned i = 0; i < PLUGINS; i++)
        open_or_shut(w, &c[i]);
    for (unsigned i = 0; i < STEPS && !bad; i++)
        bad = step(w, c);
    sync_chain(w);
    for (unsigned i = 0; i < PLUGINS && !bad; i++)
        bad = compare(w, &c[i]);
    for (unsigned i = 0; i < PLUGINS; i++)
        shut(&c[i]);
    qc_feed_free(w->feed);
    qc_free(w);
    return bad;
}
