#include "tests/unit/follow_model.h"

#include "tests/unit/harness.h"

typedef struct node {
    qc_index block[MODEL_BLOCKS];
    bool synced[MODEL_BLOCKS]; /* body, undo and index record survive a crash */
    unsigned n;
    const qc_index *tip, *durable;
    const qc_index *coins; /* where the chainstate on disk stands: replay starts here */
    const qc_index *replay_to;
    model_mutant mutant;
    uint64_t seed;
} node;

typedef struct rows {
    const qc_index *top;
    uint8_t hash[MODEL_ROWS][32]; /* by height */
} rows;

typedef struct plugin {
    rows now, kept; /* kept: committed, with its locator (top and ancestors) */
    uint64_t seq;
    bool open;
    qc_follow f;
    qc_hash host_record;
    bool host_has_record;
} plugin;

static uint64_t rnd(node *w, uint64_t below)
{
    return test_rand(&w->seed) % below;
}

static const qc_index *on_durable(void *arg)
{
    const node *w = arg;
    return w->mutant == MODEL_NO_D1 ? w->tip : w->durable;
}
static const qc_index *on_find(void *arg, const qc_hash *hash)
{
    node *w = arg;
    for (unsigned i = 0; i < w->n; i++)
        if (qc_hash_eq(&w->block[i].hash, hash))
            return &w->block[i];
    return NULL;
}
static uint32_t on_prune_height(void *arg)
{
    (void)arg;
    return 0;
}
static uint64_t on_tip_seq(void *arg, const qc_index *at)
{
    (void)arg;
    (void)at;
    return 1;
}

static bool is_failed(const qc_index *i)
{
    for (; i; i = i->parent)
        if (i->status & QC_BLOCK_FAILED_VALID)
            return true;
    return false;
}

/* ---- the node ---- */

static qc_index *new_block(node *w, qc_index *parent)
{
    if (w->n == MODEL_BLOCKS)
        return NULL;
    qc_index *i = &w->block[w->n];
    *i = (qc_index){.parent = parent,
                    .height = parent ? parent->height + 1 : 0,
                    .status = QC_BLOCK_VALID_SCRIPTS | QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO};
    i->chain_work.w[0] = i->height;
    for (unsigned k = 0; k < 32; k += 8) {
        uint64_t r = test_rand(&w->seed);
        memcpy(i->hash.b + k, &r, 8);
    }
    w->synced[w->n++] = false;
    return i;
}

static void sync_all(node *w)
{
    memset(w->synced, 1, sizeof w->synced);
    w->durable = w->tip;
    if (rnd(w, 3) == 0)
        w->coins = w->tip; /* the coins are flushed far less often */
}

static const qc_index *best_valid(const node *w)
{
    const qc_index *best = NULL;
    for (unsigned i = 0; i < w->n; i++)
        if (!is_failed(&w->block[i]) && (!best || w->block[i].height > best->height))
            best = &w->block[i];
    return best;
}

static void extend_or_fork(node *w)
{
    qc_index *parent = (qc_index *)(uintptr_t)w->tip;
    if (rnd(w, 4) == 0)
        for (uint64_t back = rnd(w, 6); back && parent->parent; back--)
            parent = parent->parent;
    for (uint64_t n = 1 + rnd(w, 4); n && parent; n--) {
        qc_index *i = new_block(w, parent);
        if (i && !is_failed(i) && i->height > w->tip->height && !w->replay_to)
            w->tip = i;
        parent = i;
    }
}

static void invalidate(node *w)
{
    qc_index *i = (qc_index *)(uintptr_t)w->tip;
    for (uint64_t back = rnd(w, 4); back && i->parent; back--)
        i = i->parent;
    if (!i->parent || w->replay_to)
        return;
    for (unsigned k = 0; k < w->n; k++)
        if (w->block[k].height >= i->height && qc_index_ancestor(&w->block[k], i->height) == i)
            w->block[k].status |= QC_BLOCK_FAILED_VALID;
    w->tip = best_valid(w);
    sync_all(w);
}

/* What was not synced is gone; the coins stand where they were flushed last. */
static void crash_node(node *w)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < w->n; i++)
        kept = w->synced[i] ? i + 1 : kept; /* syncs cover all that is there: a prefix */
    w->n = kept;
    const qc_index *best = best_valid(w);
    w->tip = w->durable = w->coins && !is_failed(w->coins) ? w->coins : &w->block[0];
    w->replay_to = best == w->tip ? NULL : best;
}

static void replay_step(node *w)
{
    if (!w->replay_to)
        return;
    const qc_index *fork = w->tip;
    while (qc_index_ancestor(w->replay_to, fork->height) != fork)
        fork = fork->parent;
    w->tip = w->durable = qc_index_ancestor(w->replay_to, fork->height + 1);
    if (w->tip == w->replay_to)
        w->replay_to = NULL;
}

/* ---- the plugin ---- */

static const char *open_follow(node *w, plugin *p)
{
    const qc_follow_source src = {w, on_durable, on_find, on_prune_height, on_tip_seq, 1};
    qn_hash locator[QC_LOCATOR_MAX];
    uint32_t n = 0;
    qn_block_ref start;
    const qc_index *i = p->now.top;
    for (; i && n < QC_LOCATOR_MAX; i = i->parent)
        memcpy(locator[n++].b, p->now.hash[i->height], 32);
    if (w->mutant == MODEL_HOST_RECORD && p->host_has_record && n) {
        memcpy(locator[0].b, p->host_record.b, 32);
        n = 1;
    }
    qn_status st = qc_follow_open(&p->f, &src, locator, n, 0, 1 + (uint32_t)rnd(w, 8), &start);
    p->seq = 0;
    p->open = st == QN_OK;
    return p->open ? NULL : "the node does not know what it had delivered";
}

static void commit(plugin *p)
{
    p->kept = p->now;
    (void)qc_follow_ack(&p->f, p->seq);
}

static const char *one_event(node *w, plugin *p, bool *more)
{
    const qc_index *at;
    uint32_t type;
    qn_status st = qc_follow_peek(&p->f, &at, &type);
    const qc_index *c = p->f.cursor;
    if (w->mutant == MODEL_NO_WAIT_ABOVE && st == QN_E_AGAIN && c &&
        c->height > w->durable->height) {
        at = c;
        type = QN_EV_DISCONNECT;
        st = p->f.seq - p->f.acked < p->f.window ? QN_OK : QN_E_LIMIT;
    }
    *more = st != QN_E_AGAIN;
    if (st == QN_E_LIMIT) {
        if (p->f.seq - p->f.acked != p->f.window)
            return "the window is full too early";
        commit(p);
        return NULL;
    }
    if (st == QN_E_AGAIN)
        return NULL;
    qc_follow_take(&p->f, at, type);
    const qn_follow_event *e = &p->f.event;
    if (e->seq != ++p->seq || p->f.seq - p->f.acked > p->f.window)
        return "sequence or window is wrong";
    if (type == QN_EV_CONNECT) {
        if (at->parent != p->now.top)
            return "a block is connected on another one than the newest";
        memcpy(p->now.hash[at->height], e->ref.hash.b, 32);
        p->now.top = at;
    } else {
        if (at != p->now.top)
            return "a block is disconnected that is not the newest";
        if (w->replay_to && at->height > w->tip->height &&
            qc_index_ancestor(w->replay_to, at->height) == at)
            return "a block of the chain being replayed is disconnected";
        p->now.top = at->parent;
    }
    p->host_record = p->now.top ? p->now.top->hash : p->host_record;
    p->host_has_record = p->now.top != NULL;
    if ((e->flags & QN_EVF_TIP) && rnd(w, 2))
        commit(p);
    return NULL;
}

static void crash_plugin(plugin *p)
{
    qc_follow_clear(&p->f);
    p->open = false;
    p->now = p->kept;
}

static const char *settle(node *w, plugin *p)
{
    bool more = true;
    while (w->replay_to)
        replay_step(w);
    sync_all(w);
    const char *bad = p->open ? NULL : open_follow(w, p);
    while (!bad && more)
        bad = one_event(w, p, &more);
    if (bad)
        return bad;
    if (p->now.top != w->tip)
        return "the plugin does not stand on the tip";
    for (const qc_index *i = w->tip; i; i = i->parent)
        if (memcmp(p->now.hash[i->height], i->hash.b, 32) != 0)
            return "a row is not of the active chain";
    return NULL;
}

static const char *one_step(node *w, plugin *p)
{
    bool more = true;
    const char *bad = NULL;
    switch (rnd(w, 12)) {
    case 0:
    case 1:
        extend_or_fork(w);
        break;
    case 2:
    case 3:
        if (!w->replay_to)
            sync_all(w);
        break;
    case 4:
        if (rnd(w, 4) == 0)
            invalidate(w);
        break;
    case 5:
        if (rnd(w, 3) == 0) { /* the machine stops: both come back from what is on disk */
            crash_plugin(p);
            crash_node(w);
        }
        break;
    case 6:
        if (rnd(w, 3) == 0)
            crash_plugin(p);
        break;
    case 7:
        replay_step(w);
        break;
    default:
        if (!p->open)
            return open_follow(w, p);
        for (uint64_t n = 1 + rnd(w, 6); !bad && more && n; n--)
            bad = one_event(w, p, &more);
        if (!bad && rnd(w, 3) == 0)
            commit(p);
    }
    return bad;
}

const char *model_run(uint64_t seed, model_mutant mutant)
{
    node *w = qc_alloc(sizeof *w);
    plugin *p = qc_alloc(sizeof *p);
    const char *bad = NULL;
    w->seed = seed;
    w->mutant = mutant;
    w->tip = new_block(w, NULL);
    sync_all(w);
    w->coins = w->tip;
    for (unsigned i = 0; !bad && i < 120; i++)
        bad = one_step(w, p);
    if (!bad)
        bad = settle(w, p);
    qc_follow_clear(&p->f);
    qc_free(p);
    qc_free(w);
    return bad;
}
