/* core/mempool/graph_index.c: main's chunks from the best to the worst. A treap with links up, so
 * that leaving needs no search: fees may have changed by then. */
#include "core/mempool/graph_internal.h"

static chunk *node(const qc_graph *g, uint32_t id)
{
    return &g->chunks[id];
}

int index_compare(const qc_graph *g, const chunk *a, const chunk *b)
{
    qc_int128 x = (qc_int128)b->fee * a->size, y = (qc_int128)a->fee * b->size;
    if (x != y)
        return x < y ? -1 : 1;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return graph_tie(g, a->last, b->last);
}

static uint32_t take(qc_graph *g)
{
    uint32_t id = g->free_chunk;
    if (id) {
        g->free_chunk = node(g, id)->up;
    } else {
        if (g->nchunks == 0)
            g->nchunks = 1; /* none has number 0 */
        GROW(g->chunks, g->chunks_cap, (size_t)g->nchunks + 1);
        id = g->nchunks++;
    }
    g->live_chunks++;
    *node(g, id) = (chunk){.prio = 0};
    return id;
}

/* Put `now` where `was` hangs. */
static void replace(qc_graph *g, uint32_t was, uint32_t now)
{
    uint32_t up = node(g, was)->up;
    if (!up)
        g->root = now;
    else if (node(g, up)->left == was)
        node(g, up)->left = now;
    else
        node(g, up)->right = now;
    if (now)
        node(g, now)->up = up;
}

/* Move `id` above its parent. */
static void rotate(qc_graph *g, uint32_t id)
{
    uint32_t up = node(g, id)->up, inner;
    replace(g, up, id);
    if (node(g, up)->left == id) {
        inner = node(g, id)->right;
        node(g, up)->left = inner;
        node(g, id)->right = up;
    } else {
        inner = node(g, id)->left;
        node(g, up)->right = inner;
        node(g, id)->left = up;
    }
    node(g, up)->up = id;
    if (inner)
        node(g, inner)->up = up;
}

static void insert(qc_graph *g, uint32_t id)
{
    chunk *x = node(g, id);
    g->rng = g->rng * 6364136223846793005u + 1442695040888963407u;
    x->prio = (uint32_t)(g->rng >> 32);
    uint32_t up = 0, at = g->root;
    bool left = false;
    while (at) {
        up = at;
        left = index_compare(g, x, node(g, at)) < 0;
        at = left ? node(g, at)->left : node(g, at)->right;
    }
    x->up = up;
    if (!up)
        g->root = id;
    else if (left)
        node(g, up)->left = id;
    else
        node(g, up)->right = id;
    while (x->up && node(g, x->up)->prio < x->prio)
        rotate(g, id);
}

static void erase(qc_graph *g, uint32_t id)
{
    chunk *x = node(g, id);
    while (x->left && x->right)
        rotate(g, node(g, x->left)->prio > node(g, x->right)->prio ? x->left : x->right);
    replace(g, id, x->left ? x->left : x->right);
    x->c = NULL;
    x->up = g->free_chunk;
    g->free_chunk = id;
    g->live_chunks--;
}

void index_add(qc_graph *g, cluster *c)
{
    qc_feesize before = {0, 0};
    int32_t prefix = 0;
    for (uint32_t from = 0, to; from < c->n; from = to) {
        uint32_t first, id = take(g);
        cluster_chunk(c, from, &first, &to);
        QC_ASSERT(first == from);
        qc_feesize sum = cluster_sum(g, c, from, to);
        prefix = from && qc_feesize_cmp(before, sum) == 0 ? prefix + sum.size : sum.size;
        before = sum;
        uint32_t last = members(c)[from];
        for (uint32_t i = from; i < to; i++) {
            uint32_t t = members(c)[i];
            g->txs[t].chunk = id;
            if (graph_tie(g, t, last) > 0)
                last = t;
        }
        chunk *x = node(g, id);
        x->fee = sum.fee;
        x->size = sum.size;
        x->prefix = prefix;
        x->c = c;
        x->last = last;
        x->first = (uint8_t)from;
        x->n = (uint8_t)(to - from);
        insert(g, id);
    }
}

void index_drop(qc_graph *g, cluster *c)
{
    uint32_t id = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        tx *x = &g->txs[members(c)[i]];
        if (x->chunk && x->chunk != id) {
            id = x->chunk;
            erase(g, id);
        }
        x->chunk = 0;
    }
}

static uint32_t outermost(const qc_graph *g, uint32_t at, bool left)
{
    uint32_t id = 0;
    while (at) {
        id = at;
        at = left ? node(g, at)->left : node(g, at)->right;
    }
    return id;
}

uint32_t index_best(const qc_graph *g)
{
    return outermost(g, g->root, true);
}

uint32_t index_worst(const qc_graph *g)
{
    return outermost(g, g->root, false);
}

uint32_t index_next(const qc_graph *g, uint32_t id)
{
    if (node(g, id)->right)
        return outermost(g, node(g, id)->right, true);
    uint32_t up = node(g, id)->up;
    while (up && node(g, up)->right == id) {
        id = up;
        up = node(g, up)->up;
    }
    return up;
}

void index_check(const qc_graph *g)
{
    uint32_t n = 0, last = 0;
    for (uint32_t id = index_best(g); id; last = id, id = index_next(g, id), n++) {
        const chunk *x = node(g, id);
        QC_ASSERT(!last || index_compare(g, node(g, last), x) < 0);
        QC_ASSERT(x->up || g->root == id);
        QC_ASSERT(!x->up || node(g, x->up)->prio >= x->prio);
        QC_ASSERT(!x->left || node(g, x->left)->up == id);
        QC_ASSERT(!x->right || node(g, x->right)->up == id);
        cluster *c = x->c;
        QC_ASSERT(c && c->level == MAIN && c->quality >= Q_GOOD);
        qc_feesize sum = cluster_sum(g, c, x->first, (uint32_t)x->first + x->n);
        QC_ASSERT(sum.fee == x->fee && sum.size == x->size);
        for (uint32_t i = 0; i < x->n; i++)
            QC_ASSERT(g->txs[members(c)[x->first + i]].chunk == id);
    }
    QC_ASSERT(n == g->live_chunks);
}
