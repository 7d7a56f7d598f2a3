/* tests/unit/graph_model.c: the naive model of core/mempool/graph.h. */
#include "tests/unit/graph_model.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/graph.h"

#include <stdlib.h>
#include <string.h>

#define N 96 /* transactions that a history can name */

typedef struct table {
    bool on[N];
    bool anc[N][N]; /* anc[i][j]: j is an ancestor of i, or i itself */
} table;

typedef struct model {
    qc_graph *g;
    qc_graph_ref ref[N]; /* NONE: the name is free */
    int64_t fee[N];
    int32_t size[N];
    uint32_t rank[N]; /* order of ties; user points here */
    table lv[2];
    bool staged;
    uint32_t max_count;
    int64_t max_size;
    const uint8_t *p, *end;
    qc_model_met met;
} model;

static uint32_t u8(model *m)
{
    return m->p < m->end ? *m->p++ : 0;
}

static uint32_t below(model *m, uint32_t n)
{
    return u8(m) % n;
}

static int by_rank(void *ctx, const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    (void)ctx;
    return (*x > *y) - (*x < *y);
}

static table *now(model *m)
{
    return &m->lv[m->staged];
}

static uint32_t name_of(model *m, qc_graph_ref t)
{
    const uint32_t *user = qc_graph_user(m->g, t);
    uint32_t i = (uint32_t)(user - m->rank);
    QC_ASSERT(i < N && m->ref[i] == t);
    return i;
}

/* ---- components ---- */

/* label[i]: the lowest name in i's component. */
static void components(const table *t, uint32_t label[N])
{
    for (uint32_t i = 0; i < N; i++)
        label[i] = i;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < N; i++)
            for (uint32_t j = 0; t->on[i] && j < N; j++)
                if (t->on[j] && t->anc[i][j] && label[i] != label[j]) {
                    uint32_t low = QC_MIN(label[i], label[j]);
                    label[i] = label[j] = low;
                    more = true;
                }
    }
}

static bool within(const model *m, const table *t, const uint32_t label[N], uint32_t of)
{
    uint32_t count = 0;
    int64_t size = 0;
    for (uint32_t i = 0; i < N; i++)
        if (t->on[i] && label[i] == of) {
            count++;
            size += m->size[i];
        }
    return count <= m->max_count && size <= m->max_size;
}

static bool oversized(const model *m, const table *t)
{
    uint32_t label[N];
    components(t, label);
    for (uint32_t i = 0; i < N; i++)
        if (t->on[i] && !within(m, t, label, label[i]))
            return true;
    return false;
}

/* ---- operations ---- */

static void op_add(model *m)
{
    uint32_t i = 0;
    while (i < N && m->ref[i] != QC_GRAPH_NONE)
        i++;
    if (i == N)
        return;
    m->fee[i] = (int64_t)u8(m) * (below(m, 4) ? 1 : -1);
    m->size[i] = 1 + (int32_t)below(m, 16);
    if (below(m, 64) == 0)
        m->size[i] = (int32_t)m->max_size + 1;
    if (u8(m) < 120) /* equal rates are where orders are decided by little */
        m->fee[i] = m->size[i] * (int64_t)below(m, 3);
    m->ref[i] = qc_graph_add(m->g, m->fee[i], m->size[i], &m->rank[i]);
    now(m)->on[i] = now(m)->anc[i][i] = true;
}

static bool any_name(model *m, uint32_t *i)
{
    *i = below(m, N);
    for (uint32_t k = 0; k < N; k++, *i = (*i + 1) % N)
        if (m->ref[*i] != QC_GRAPH_NONE)
            return true;
    return false;
}

static void relate(table *t, uint32_t p, uint32_t c)
{
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; t->anc[i][c] && j < N; j++)
            t->anc[i][j] |= t->anc[p][j];
}

static void op_depend(model *m)
{
    uint32_t p, c;
    if (!any_name(m, &p) || !any_name(m, &c) || p == c || m->lv[0].anc[p][c] || m->lv[1].anc[p][c])
        return;
    qc_graph_depend(m->g, m->ref[p], m->ref[c]);
    table *t = now(m);
    if (!t->on[p] || !t->on[c])
        return;
    relate(t, p, c);
    m->met.merges++;
}

static void forget(table *t, uint32_t i)
{
    t->on[i] = false;
    for (uint32_t j = 0; j < N; j++)
        t->anc[i][j] = t->anc[j][i] = false;
}

/* A name whose transaction is on no level any more is free. */
static void collect(model *m)
{
    for (uint32_t i = 0; i < N; i++)
        if (!m->staged && !m->lv[0].on[i])
            m->ref[i] = QC_GRAPH_NONE;
}

/* Remove one with all its descendants, or with all its ancestors. */
static void op_remove(model *m)
{
    uint32_t i;
    bool down = below(m, 3) != 0;
    if (!any_name(m, &i))
        return;
    table *t = now(m), was = *t;
    if (!t->on[i])
        return;
    for (uint32_t j = 0; j < N; j++)
        if (was.on[j] && (down ? was.anc[j][i] : was.anc[i][j])) {
            qc_graph_remove(m->g, m->ref[j]);
            forget(t, j);
        }
    collect(m);
}

static void op_fee(model *m)
{
    uint32_t i;
    if (!any_name(m, &i))
        return;
    m->fee[i] = (int64_t)u8(m) * 2;
    qc_graph_set_fee(m->g, m->ref[i], m->fee[i]);
}

static void op_stage(model *m)
{
    if (m->staged) {
        if (below(m, 2)) {
            qc_graph_commit(m->g);
            m->lv[0] = m->lv[1];
            m->met.commits++;
        } else {
            qc_graph_abort(m->g);
            m->met.aborts++;
        }
        memset(&m->lv[1], 0, sizeof m->lv[1]);
        m->staged = false;
        collect(m);
    } else if (!oversized(m, &m->lv[0])) {
        qc_graph_stage(m->g);
        m->lv[1] = m->lv[0];
        m->staged = true;
    }
}

/* What stays is within limits and has its parents; who went was connected to too much. Who goes of
 * them is the matter of tests/unit/test_graph_trim.c. */
static void op_trim(model *m)
{
    table *t = now(m), was = *t;
    bool over = oversized(m, t);
    QC_ASSERT(qc_graph_oversized(m->g, QC_GRAPH_TOP) == over);
    qc_graph_refs r = qc_graph_trim(m->g);
    QC_ASSERT((r.n > 0) == over);
    uint32_t before[N];
    components(&was, before);
    for (size_t k = 0; k < r.n; k++) {
        uint32_t i = name_of(m, r.ref[k]);
        QC_ASSERT(t->on[i] && !within(m, &was, before, before[i]));
        forget(t, i);
    }
    QC_ASSERT(!oversized(m, t));
    m->met.trims += over;
    m->met.trimmed += (unsigned)r.n;
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; t->on[i] && j < N; j++)
            QC_ASSERT(!was.anc[i][j] || t->on[j]);
    collect(m);
}

/* ---- comparing ---- */

static void check_set(model *m, qc_graph_refs got, const bool want[N], const table *t)
{
    bool seen[N] = {false};
    uint32_t n = 0;
    for (uint32_t i = 0; i < N; i++)
        n += want[i];
    QC_ASSERT(got.n == n);
    for (size_t k = 0; k < got.n; k++) {
        uint32_t i = name_of(m, got.ref[k]);
        QC_ASSERT(want[i] && !seen[i]);
        seen[i] = true;
        for (uint32_t j = 0; j < N; j++)
            QC_ASSERT(!t->anc[i][j] || !want[j] || seen[j]); /* ancestors first */
    }
}

static void check_relations(model *m, qc_graph_level level, const table *t)
{
    qc_graph_ref ask[4];
    uint32_t i, n = 0, label[N], clusters = 0;
    bool up[N] = {false}, down[N] = {false}, hit[N] = {false}, with[N];
    components(t, label);
    for (uint32_t k = 1 + below(m, 4); k && any_name(m, &i); k--) {
        ask[n++] = m->ref[i];
        if (!t->on[i])
            continue;
        clusters += !hit[label[i]];
        hit[label[i]] = true;
        for (uint32_t j = 0; j < N; j++) {
            up[j] |= t->anc[i][j];
            down[j] |= t->anc[j][i];
        }
    }
    check_set(m, qc_graph_ancestors(m->g, level, ask, n), up, t);
    check_set(m, qc_graph_descendants(m->g, level, ask, n), down, t);
    QC_ASSERT(qc_graph_count_clusters(m->g, level, ask, n) == clusters);
    if (!n)
        return;
    for (uint32_t j = 0; j < N; j++)
        with[j] = t->on[i] && t->on[j] && label[j] == label[i];
    check_set(m, qc_graph_cluster(m->g, level, m->ref[i]), with, t);
}

/* One chunk as the naive order knows it. */
typedef struct piece {
    qc_feesize sum;
    int32_t prefix;
    uint32_t last, cluster, n, members[64];
} piece;

static int piece_cmp(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    int cmp = qc_feesize_cmp(y->sum, x->sum);
    if (cmp)
        return cmp;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return (x->last > y->last) - (x->last < y->last);
}

/* The chunks of the cluster of i, which are checked by what the order of a cluster must obey. */
static uint32_t cluster_pieces(model *m, qc_graph_level level, uint32_t i, uint32_t cluster,
                               piece *out)
{
    uint32_t counts[QC_GRAPH_MAX_COUNT], n = 0, at = 0;
    qc_graph_sums s = qc_graph_cluster_chunks(m->g, level, m->ref[i], counts);
    qc_feesize sums[QC_GRAPH_MAX_COUNT];
    memcpy(sums, s.chunk, s.n * sizeof *sums);
    qc_graph_refs r = qc_graph_cluster(m->g, level, m->ref[i]);
    for (; n < s.n; n++) {
        piece *p = &out[n];
        *p = (piece){.cluster = cluster, .n = counts[n]};
        for (uint32_t k = 0; k < counts[n]; k++) {
            uint32_t j = name_of(m, r.ref[at++]);
            p->members[k] = j;
            p->sum = qc_feesize_add(p->sum, (qc_feesize){m->fee[j], m->size[j]});
            p->last = QC_MAX(p->last, m->rank[j]);
        }
        QC_ASSERT(p->sum.fee == sums[n].fee && p->sum.size == sums[n].size);
        int cmp = n ? qc_feesize_cmp(out[n - 1].sum, p->sum) : 1;
        QC_ASSERT(cmp >= 0);
        p->prefix = p->sum.size + (cmp ? 0 : out[n - 1].prefix);
    }
    QC_ASSERT(at == r.n);
    return n;
}

static uint32_t all_pieces(model *m, qc_graph_level level, const table *t, const bool *skip,
                           piece *out)
{
    uint32_t label[N], n = 0;
    components(t, label);
    for (uint32_t i = 0; i < N; i++)
        if (t->on[i] && label[i] == i && !(skip && skip[i]))
            n += cluster_pieces(m, level, i, i, out + n);
    qsort(out, n, sizeof *out, piece_cmp);
    return n;
}

static void check_piece(model *m, qc_graph_refs r, qc_feesize sum, const piece *p)
{
    QC_ASSERT(sum.fee == p->sum.fee && sum.size == p->sum.size && r.n == p->n);
    for (uint32_t k = 0; k < p->n; k++)
        QC_ASSERT(name_of(m, r.ref[k]) == p->members[k]);
}

static void check_users(model *m, const qc_graph_walk *w, const piece *p)
{
    void *const *user;
    qc_feesize sum;
    QC_ASSERT(qc_graph_walk_users(w, &user, &sum) == p->n);
    QC_ASSERT(sum.fee == p->sum.fee && sum.size == p->sum.size);
    for (uint32_t k = 0; k < p->n; k++)
        QC_ASSERT(user[k] == qc_graph_user(m->g, qc_graph_walk_chunk(w, &sum).ref[k]));
}

/* The walk gives the naive order, without the rest of clusters that are left out. */
static void check_walk(model *m, const piece *p, uint32_t n, bool leave_out)
{
    qc_graph_walk w;
    qc_feesize sum;
    bool out[N] = {false};
    qc_graph_walk_start(m->g, &w);
    for (uint32_t i = 0; i < n; i++) {
        if (out[p[i].cluster])
            continue;
        check_piece(m, qc_graph_walk_chunk(&w, &sum), sum, &p[i]);
        check_users(m, &w, &p[i]);
        bool skip = leave_out && below(m, 3) == 0;
        out[p[i].cluster] = skip;
        qc_graph_walk_next(&w, skip);
    }
    void *const *user;
    QC_ASSERT(qc_graph_walk_chunk(&w, &sum).n == 0 && !qc_graph_walk_users(&w, &user, &sum));
}

static void check_order(model *m)
{
    static piece p[N];
    qc_feesize sum;
    uint32_t n = all_pieces(m, QC_GRAPH_MAIN, &m->lv[0], NULL, p);
    check_walk(m, p, n, false);
    check_walk(m, p, n, true);
    qc_graph_refs r = qc_graph_worst(m->g, &sum);
    QC_ASSERT((r.n == 0) == (n == 0));
    for (size_t k = 0; k < r.n; k++)
        QC_ASSERT(name_of(m, r.ref[k]) == p[n - 1].members[r.n - 1 - k]);
    uint32_t last = N;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < p[i].n; k++) {
            qc_feesize s = qc_graph_chunk(m->g, m->ref[p[i].members[k]]);
            QC_ASSERT(s.fee == p[i].sum.fee && s.size == p[i].sum.size);
            if (last != N) {
                QC_ASSERT(qc_graph_compare(m->g, m->ref[last], m->ref[p[i].members[k]]) < 0);
                QC_ASSERT(qc_graph_compare(m->g, m->ref[p[i].members[k]], m->ref[last]) > 0);
            }
            last = p[i].members[k];
        }
}

/* skip[i]: the cluster named i is the same on both levels. */
static void find_same(const model *m, bool skip[2][N])
{
    uint32_t label[2][N];
    components(&m->lv[0], label[0]);
    components(&m->lv[1], label[1]);
    for (uint32_t i = 0; i < N; i++) {
        bool same = m->lv[0].on[i] && m->lv[1].on[i];
        for (uint32_t j = 0; same && j < N; j++) {
            bool in0 = m->lv[0].on[j] && label[0][j] == label[0][i];
            bool in1 = m->lv[1].on[j] && label[1][j] == label[1][i];
            same = in0 == in1 &&
                   (!in0 || !memcmp(m->lv[0].anc[j], m->lv[1].anc[j], sizeof m->lv[0].anc[j]));
        }
        skip[0][i] = skip[1][i] = same;
    }
}

/* Height of a diagram at x, as a fraction. */
static void height(const qc_feesize *p, size_t n, int64_t x, int64_t *num, int64_t *den)
{
    int64_t fee = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        if (x <= size + p[i].size) {
            *num = fee * p[i].size + p[i].fee * (x - size);
            *den = p[i].size;
            return;
        }
        fee += p[i].fee;
        size += p[i].size;
    }
    *num = fee;
    *den = 1;
}

static qc_diagram compare_slowly(const qc_feesize *const c[2], const size_t n[2], int64_t total)
{
    bool above = false, under = false;
    for (int64_t x = 0; x <= total; x++) {
        int64_t a, da, b, db;
        height(c[0], n[0], x, &a, &da);
        height(c[1], n[1], x, &b, &db);
        above |= b * da > a * db;
        under |= b * da < a * db;
    }
    return above && under ? QC_DIAGRAM_CROSSING
           : above        ? QC_DIAGRAM_BETTER
           : under        ? QC_DIAGRAM_WORSE
                          : QC_DIAGRAM_EQUAL;
}

static void check_diagrams(model *m)
{
    static piece p[2][N];
    static qc_feesize copy[2][N];
    bool skip[2][N];
    size_t n[2];
    uint32_t least[2];
    int64_t total = 0, fee[2] = {0, 0}, size[2] = {0, 0};
    find_same(m, skip);
    for (int lv = 0; lv < 2; lv++)
        least[lv] = all_pieces(m, lv ? QC_GRAPH_TOP : QC_GRAPH_MAIN, &m->lv[lv], skip[lv], p[lv]);
    qc_graph_sums s[2];
    qc_graph_diagrams(m->g, &s[0], &s[1]);
    for (int lv = 0; lv < 2; lv++) {
        int64_t width = 0;
        n[lv] = s[lv].n;
        if (n[lv])
            memcpy(copy[lv], s[lv].chunk, n[lv] * sizeof *copy[lv]);
        for (size_t i = 0; i < n[lv]; i++) {
            QC_ASSERT(!i || qc_feesize_cmp(copy[lv][i - 1], copy[lv][i]) >= 0);
            fee[lv] += copy[lv][i].fee;
            width += copy[lv][i].size;
        }
        size[lv] = width;
        total = QC_MAX(total, width);
        for (uint32_t i = 0; i < least[lv]; i++) {
            QC_ASSERT(n[lv] != least[lv] || qc_feesize_cmp(copy[lv][i], p[lv][i].sum) == 0);
            fee[lv] -= p[lv][i].sum.fee;
            size[lv] -= p[lv][i].sum.size;
        }
    }
    /* A cluster that was changed and changed back may be there too, on both sides. */
    QC_ASSERT(fee[0] == fee[1] && size[0] == size[1] && size[0] >= 0);
    const qc_feesize *const c[2] = {copy[0], copy[1]};
    qc_diagram want = compare_slowly(c, n, total);
    QC_ASSERT(qc_graph_replacement(m->g) == want);
    m->met.diagrams++;
    m->met.better += want == QC_DIAGRAM_BETTER;
    m->met.crossing += want == QC_DIAGRAM_CROSSING;
}

static void check_simple(model *m)
{
    for (int lv = 0; lv <= m->staged; lv++) {
        qc_graph_level level = lv ? QC_GRAPH_TOP : QC_GRAPH_MAIN;
        uint32_t n = 0;
        for (uint32_t i = 0; i < N; i++) {
            n += m->lv[lv].on[i];
            if (m->ref[i] == QC_GRAPH_NONE)
                continue;
            QC_ASSERT(qc_graph_exists(m->g, level, m->ref[i]) == m->lv[lv].on[i]);
            qc_feesize s = qc_graph_feesize(m->g, m->ref[i]);
            QC_ASSERT(s.fee == m->fee[i] && s.size == m->size[i]);
        }
        QC_ASSERT(qc_graph_count(m->g, level) == n);
    }
}

static void op_check(model *m)
{
    check_simple(m);
    for (int lv = 0; lv <= m->staged; lv++) {
        qc_graph_level level = lv ? QC_GRAPH_TOP : QC_GRAPH_MAIN;
        bool over = oversized(m, &m->lv[lv]);
        QC_ASSERT(qc_graph_oversized(m->g, level) == over);
        if (over)
            return;
        check_relations(m, level, &m->lv[lv]);
        if (lv)
            check_diagrams(m);
        else
            check_order(m);
    }
    qc_graph_check(m->g);
}

static void one(model *m)
{
    switch (below(m, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        op_add(m);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        op_depend(m);
        break;
    case 9:
        op_remove(m);
        break;
    case 10:
        op_fee(m);
        break;
    case 11:
        op_stage(m);
        break;
    case 12:
        op_trim(m);
        break;
    case 13:
        qc_graph_work(m->g, 50 * (uint64_t)u8(m));
        break;
    case 14:
        op_check(m);
        break;
    case 15:
        qc_graph_check(m->g);
        check_simple(m);
        break;
    }
}

void qc_model_run(const uint8_t *data, size_t len, qc_model_met *met)
{
    model *m = qc_alloc(sizeof *m);
    m->p = data;
    m->end = data + len;
    m->max_count = 1 + below(m, QC_GRAPH_MAX_COUNT);
    m->max_size = 16 + (int64_t)below(m, 64) * 4;
    for (uint32_t i = 0; i < N; i++) {
        m->ref[i] = QC_GRAPH_NONE;
        m->rank[i] = i * 37 % N;
    }
    qc_graph_config cfg = {.max_count = m->max_count,
                           .max_size = m->max_size,
                           .acceptable_cost = 1 + 100 * (uint64_t)below(m, 32),
                           .seed = u8(m),
                           .order = by_rank};
    m->g = qc_graph_new(&cfg);
    while (m->p < m->end)
        one(m);
    op_check(m);
    if (m->staged)
        op_stage(m);
    op_trim(m);
    op_check(m);
    if (met) {
        const unsigned *from = &m->met.commits;
        unsigned *to = &met->commits;
        for (size_t i = 0; i < sizeof *met / sizeof *to; i++)
            to[i] += from[i];
    }
    qc_graph_free(m->g);
    qc_free(m);
}
