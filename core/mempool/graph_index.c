/* core/mempool/graph_index.c: main's chunks from the best to the worst: a B+ tree. Each entry has a
 * rounded rate beside the number of its chunk, so that few comparisons have to look at the chunk,
 * which is a cache miss. Each chunk knows its leaf, so that leaving needs no search. */
#include "core/mempool/graph_internal.h"

#include "core/base/alloc.h"

#include <string.h>

#define FAN 40
#define CLUSTER_BYTES 256             /* of a cluster: its head, and members of a small one */
#define TOGETHER 8                    /* of a chunk's transactions, asked for ahead */
#define LEAF_READ offsetof(leaf, key) /* what a walk reads of it */

typedef struct leaf {
    struct leaf *up;
    struct leaf *prev, *next; /* leaves only */
    uint32_t n;
    bool inner;
    uint32_t id[FAN];     /* chunk; inner: the first one below the child */
    uint64_t key[FAN];    /* of the chunk: lower is better */
    struct leaf *child[]; /* inner only */
} leaf;

static chunk *node(const qc_graph *g, uint32_t id)
{
    return &g->chunks[id];
}

int qc_index_compare(const qc_graph *g, const chunk *a, const chunk *b)
{
    qc_int128 x = (qc_int128)b->fee * a->size, y = (qc_int128)a->fee * b->size;
    if (x != y)
        return x < y ? -1 : 1;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return qc_graph_tie(g, a->last, b->last);
}

/* Rounded and cut off at both ends, but never in another order than the rates themselves. */
static uint64_t key_of(const chunk *x)
{
    int64_t q;
    if (x->fee < (int64_t)1 << 42 && x->fee > -((int64_t)1 << 42)) {
        q = x->fee * (1 << 20) / x->size;
    } else {
        qc_int128 wide = (qc_int128)x->fee * (1 << 20) / x->size, end = (qc_int128)1 << 62;
        q = (int64_t)(wide > end ? end : wide < -end ? -end : wide);
    }
    return ((uint64_t)1 << 63) - (uint64_t)q;
}

static uint32_t take(qc_graph *g)
{
    uint32_t id = g->free_chunk;
    if (id) {
        g->free_chunk = node(g, id)->last;
    } else {
        if (g->nchunks == 0)
            g->nchunks = 1; /* none has number 0 */
        GROW_LARGE(g->chunks, g->chunks_cap, (size_t)g->nchunks + 1);
        id = g->nchunks++;
    }
    g->live_chunks++;
    return id;
}

/* ---- nodes ---- */

static size_t leaf_bytes(bool inner)
{
    return sizeof(leaf) + (inner ? FAN * sizeof(leaf *) : 0);
}

static leaf *leaf_new(qc_graph *g, bool inner)
{
    leaf *l = qc_alloc(leaf_bytes(inner));
    l->inner = inner;
    g->index_bytes += leaf_bytes(inner) + 8;
    return l;
}

static void leaf_free(qc_graph *g, leaf *l)
{
    g->index_bytes -= leaf_bytes(l->inner) + 8;
    qc_free(l);
}

static uint32_t slot_of(const leaf *p, const leaf *child)
{
    uint32_t k = 0;
    while (p->child[k] != child)
        k++;
    return k;
}

/* The first of l is another now: tell those above. */
static void new_first(leaf *l)
{
    for (leaf *p = l->up; p; l = p, p = p->up) {
        uint32_t k = slot_of(p, l);
        p->key[k] = l->key[0];
        p->id[k] = l->id[0];
        if (k)
            return;
    }
}

static void put(leaf *l, uint32_t k, uint64_t key, uint32_t id, leaf *child)
{
    size_t after = l->n - k;
    memmove(&l->key[k + 1], &l->key[k], after * sizeof l->key[0]);
    memmove(&l->id[k + 1], &l->id[k], after * sizeof l->id[0]);
    l->key[k] = key;
    l->id[k] = id;
    l->n++;
    if (l->inner) {
        memmove(&l->child[k + 1], &l->child[k], after * sizeof l->child[0]);
        l->child[k] = child;
        child->up = l;
    }
}

static void cut(leaf *l, uint32_t k)
{
    size_t after = --l->n - k;
    memmove(&l->key[k], &l->key[k + 1], after * sizeof l->key[0]);
    memmove(&l->id[k], &l->id[k + 1], after * sizeof l->id[0]);
    if (l->inner)
        memmove(&l->child[k], &l->child[k + 1], after * sizeof l->child[0]);
}

/* Entries from k on of `from` go to the end of `to`. */
static void move_tail(qc_graph *g, leaf *from, uint32_t k, leaf *to)
{
    uint32_t n = from->n - k;
    memcpy(&to->key[to->n], &from->key[k], n * sizeof to->key[0]);
    memcpy(&to->id[to->n], &from->id[k], n * sizeof to->id[0]);
    for (uint32_t i = 0; i < n; i++)
        if (to->inner) {
            to->child[to->n + i] = from->child[k + i];
            to->child[to->n + i]->up = to;
        } else {
            node(g, from->id[k + i])->leaf = to;
        }
    to->n += n;
    from->n = k;
}

/* The upper half goes to a new node at its right. */
static void split(qc_graph *g, leaf *l)
{
    if (!l->up) {
        g->root = leaf_new(g, true);
        put(g->root, 0, l->key[0], l->id[0], l);
    }
    if (l->up->n == FAN)
        split(g, l->up);
    leaf *r = leaf_new(g, l->inner);
    move_tail(g, l, l->n / 2, r);
    put(l->up, slot_of(l->up, l) + 1, r->key[0], r->id[0], r);
    if (l->inner)
        return;
    r->next = l->next;
    r->prev = l;
    l->next = r;
    if (r->next)
        r->next->prev = r;
    else
        g->worst = r;
}

/* How many entries of l come before chunk id, or are it. */
static uint32_t count_before(const qc_graph *g, const leaf *l, uint64_t key, uint32_t id)
{
    uint32_t from = 0, to = l->n;
    while (from < to) {
        uint32_t k = (from + to) / 2;
        bool after = l->key[k] != key ? l->key[k] > key
                                      : qc_index_compare(g, node(g, l->id[k]), node(g, id)) > 0;
        if (after)
            to = k;
        else
            from = k + 1;
    }
    return from;
}

static void insert(qc_graph *g, uint32_t id)
{
    uint64_t key = key_of(node(g, id));
    if (!g->root)
        g->root = g->best = g->worst = leaf_new(g, false);
    leaf *l = g->root;
    uint32_t k = count_before(g, l, key, id);
    while (l->inner) {
        l = l->child[k ? k - 1 : 0];
        k = count_before(g, l, key, id);
    }
    if (l->n == FAN) {
        split(g, l);
        if (k > l->n) {
            k -= l->n;
            l = l->next;
        }
    }
    put(l, k, key, id, NULL);
    node(g, id)->leaf = l;
    if (k == 0)
        new_first(l);
}

static void thinner(qc_graph *g, leaf *l, uint32_t k);

/* An empty node goes. */
static void drop(qc_graph *g, leaf *l)
{
    leaf *p = l->up;
    if (!l->inner) {
        *(l->prev ? &l->prev->next : &g->best) = l->next;
        *(l->next ? &l->next->prev : &g->worst) = l->prev;
    }
    if (!p) {
        g->root = NULL;
    } else {
        uint32_t k = slot_of(p, l);
        cut(p, k);
        if (p->n)
            thinner(g, p, k);
        else
            drop(g, p);
    }
    leaf_free(g, l);
}

/* A thin node and a neighbour become one, if they leave room. */
static void join(qc_graph *g, leaf *l)
{
    if (!l->up || l->up->n < 2)
        return;
    uint32_t k = slot_of(l->up, l);
    if (k + 1 == l->up->n)
        l = l->up->child[--k];
    leaf *r = l->up->child[k + 1];
    if (l->n + r->n > FAN * 3 / 4)
        return;
    move_tail(g, r, 0, l);
    drop(g, r);
}

/* Entry k has left l, which is not empty. */
static void thinner(qc_graph *g, leaf *l, uint32_t k)
{
    if (!k)
        new_first(l);
    if (l->n < FAN / 4)
        join(g, l);
}

static uint32_t place_of(const qc_graph *g, uint32_t id)
{
    const leaf *l = node(g, id)->leaf;
    uint32_t k = 0;
    while (l->id[k] != id)
        k++;
    return k;
}

static void erase(qc_graph *g, uint32_t id)
{
    leaf *l = node(g, id)->leaf;
    uint32_t k = place_of(g, id);
    cut(l, k);
    if (l->n)
        thinner(g, l, k);
    else
        drop(g, l);
    while (g->root && g->root->inner && g->root->n == 1) {
        leaf *top = g->root;
        g->root = top->child[0];
        g->root->up = NULL;
        leaf_free(g, top);
    }
    *node(g, id) = (chunk){.last = g->free_chunk};
    g->free_chunk = id;
    g->live_chunks--;
}

/* ---- clusters ---- */

void qc_index_add(qc_graph *g, cluster *c)
{
    qc_feesize before = {0, 0};
    int32_t prefix = 0;
    for (uint32_t from = 0, to; from < c->n; from = to) {
        uint32_t first, id = take(g);
        qc_cluster_chunk(c, from, &first, &to);
        QC_ASSERT(first == from);
        qc_feesize sum = qc_cluster_sum(g, c, from, to);
        prefix = from && qc_feesize_cmp(before, sum) == 0 ? prefix + sum.size : sum.size;
        before = sum;
        uint32_t last = members(c)[from];
        void *user[CHUNK_FEW] = {NULL};
        for (uint32_t i = from; i < to; i++) {
            uint32_t t = members(c)[i];
            g->txs[t].chunk = id;
            if (to - from <= CHUNK_FEW)
                user[i - from] = g->txs[t].user;
            if (qc_graph_tie(g, t, last) > 0)
                last = t;
        }
        *node(g, id) = (chunk){.fee = sum.fee,
                               .size = sum.size,
                               .prefix = prefix,
                               .c = c,
                               .last = last,
                               .first = (uint8_t)from,
                               .n = (uint8_t)(to - from),
                               .more = to < c->n,
                               .user = {user[0], user[1], user[2]}};
        insert(g, id);
    }
}

void qc_index_drop(qc_graph *g, cluster *c)
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

uint32_t qc_index_worst(const qc_graph *g)
{
    return g->worst ? g->worst->id[g->worst->n - 1] : 0;
}

/* ---- walking ---- */

/* The chunk k places on, which may lie in the next leaf; 0: there is none, or it is farther. */
static uint32_t peek(const leaf *l, uint32_t k)
{
    if (k < l->n)
        return l->id[k];
    return l->next && k - l->n < l->next->n ? l->next->id[k - l->n] : 0;
}

/* Ask memory for all lines that n > 0 bytes lie on. The empty statement does something, as far as
 * the compiler knows: calls of a function that only asks ahead are left out by some. */
static inline void fetch(const void *p, size_t n)
{
    const char *at = p, *end = at + n;
    for (; at < end; at += QC_CACHE_LINE - (uintptr_t)at % QC_CACHE_LINE)
        __builtin_prefetch(at);
    __asm__ volatile("");
}

static void fetch_txs(const qc_graph *g, const chunk *x)
{
    const uint32_t *t = &members(x->c)[x->first];
    for (uint32_t i = 0; i < x->n && i < TOGETHER; i++)
        fetch(&g->txs[t[i]], sizeof(tx));
}

static void fetch_users(const qc_graph *g, const chunk *x)
{
    for (uint32_t i = 0; i < x->n && i < TOGETHER; i++) {
        const char *user =
            x->n <= CHUNK_FEW ? x->user[i] : g->txs[members(x->c)[x->first + i]].user;
        fetch(user + g->cfg.read_at, g->cfg.read_bytes);
    }
}

/* Each step from the index to a user object is a cache miss: they are asked for some chunks ahead,
 * step by step. Who the members of a large chunk are says only its cluster. Who leaves chunks out
 * reads of most only whether their cluster is left out. */
enum { CHUNK_AHEAD = 24, CLUSTER_AHEAD = 18, TXS_AHEAD = 13, USERS_AHEAD = 8 };

static void fetch_step(const qc_graph *g, uint32_t id, int ahead, bool skipping)
{
    const chunk *x = node(g, id);
    bool many = ahead != CHUNK_AHEAD && x->n > CHUNK_FEW;
    if (ahead == CHUNK_AHEAD)
        fetch(x, sizeof *x);
    else if (ahead == CLUSTER_AHEAD && many)
        fetch(x->c, CLUSTER_BYTES);
    else if (ahead == CLUSTER_AHEAD && skipping && (x->first || x->more))
        fetch(&x->c->skip, sizeof x->c->skip);
    else if (ahead == TXS_AHEAD && many)
        fetch_txs(g, x);
    else if (ahead == USERS_AHEAD && !skipping && g->cfg.read_bytes)
        fetch_users(g, x);
}

static void fetch_ahead(const qc_graph *g, const leaf *l, uint32_t k, bool skipping)
{
    static const int step[] = {CHUNK_AHEAD, CLUSTER_AHEAD, TXS_AHEAD, USERS_AHEAD};
    for (unsigned i = 0; i < QC_COUNTOF(step); i++) {
        uint32_t id = peek(l, k + (uint32_t)step[i]);
        if (id)
            fetch_step(g, id, step[i], skipping);
    }
    if (!k && l->next && l->next->next)
        fetch(l->next->next, LEAF_READ);
}

/* What a walk has not come to yet when it begins. */
static void fetch_first(const qc_graph *g, const leaf *l)
{
    static const int step[] = {CHUNK_AHEAD, CLUSTER_AHEAD, TXS_AHEAD, USERS_AHEAD};
    for (unsigned i = 0; i < QC_COUNTOF(step); i++)
        for (uint32_t k = 0, id; k < (uint32_t)step[i] && (id = peek(l, k)) != 0; k++)
            fetch_step(g, id, step[i], false);
}

void qc_index_start(const qc_graph *g, qc_graph_walk *w)
{
    w->leaf = g->best;
    w->place = 0;
    w->chunk = g->best ? g->best->id[0] : 0;
    if (g->best)
        fetch_first(g, g->best);
}

void qc_index_next(const qc_graph *g, qc_graph_walk *w, bool skipping)
{
    const leaf *l = w->leaf;
    if (++w->place == l->n) {
        w->leaf = l = l->next;
        w->place = 0;
    }
    w->chunk = l ? l->id[w->place] : 0;
    if (l)
        fetch_ahead(g, l, w->place, skipping);
}

/* ---- whole tree ---- */

static void free_below(qc_graph *g, leaf *l)
{
    for (uint32_t k = 0; l->inner && k < l->n; k++)
        free_below(g, l->child[k]);
    leaf_free(g, l);
}

void qc_index_free(qc_graph *g)
{
    if (g->root)
        free_below(g, g->root);
    g->root = g->best = g->worst = NULL;
}

static void check_chunk(const qc_graph *g, uint32_t id)
{
    const chunk *x = node(g, id);
    cluster *c = x->c;
    QC_ASSERT(c && c->level == MAIN && c->quality >= Q_GOOD);
    qc_feesize sum = qc_cluster_sum(g, c, x->first, (uint32_t)x->first + x->n);
    QC_ASSERT(sum.fee == x->fee && sum.size == x->size);
    QC_ASSERT(x->more == ((uint32_t)x->first + x->n < c->n));
    for (uint32_t i = 0; i < x->n; i++) {
        const tx *t = &g->txs[members(c)[x->first + i]];
        QC_ASSERT(t->chunk == id && (x->n > CHUNK_FEW || x->user[i] == t->user));
    }
}

/* Returns the depth below l. */
static uint32_t check_node(const qc_graph *g, const leaf *l, size_t *bytes)
{
    uint32_t depth = 0;
    QC_ASSERT(l->n >= 1 && l->n <= FAN);
    *bytes += leaf_bytes(l->inner) + 8;
    for (uint32_t k = 0; k < l->n; k++) {
        QC_ASSERT(l->key[k] == key_of(node(g, l->id[k])));
        if (!l->inner) {
            QC_ASSERT(node(g, l->id[k])->leaf == l);
            continue;
        }
        QC_ASSERT(l->child[k]->up == l && l->child[k]->id[0] == l->id[k]);
        uint32_t d = check_node(g, l->child[k], bytes) + 1;
        QC_ASSERT(!depth || d == depth);
        depth = d;
    }
    return depth;
}

void qc_index_check(const qc_graph *g)
{
    uint32_t n = 0, last = 0;
    size_t bytes = 0;
    QC_ASSERT(!g->root == !g->best && !g->root == !g->worst);
    if (g->root)
        check_node(g, g->root, &bytes);
    QC_ASSERT(bytes == g->index_bytes);
    qc_graph_walk w;
    for (qc_index_start(g, &w); w.chunk; last = w.chunk, qc_index_next(g, &w, false), n++) {
        QC_ASSERT(!last || qc_index_compare(g, node(g, last), node(g, w.chunk)) < 0);
        check_chunk(g, w.chunk);
    }
    QC_ASSERT(n == g->live_chunks && last == qc_index_worst(g));
}
