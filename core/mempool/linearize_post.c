/* core/mempool/linearize_post.c: making an order better by what is next to each other (Core
 * cluster_linearize: PostLinearize). It settles what is left open inside of a chunk, and makes the
 * chunks of an order that is not optimal connected.
 *
 * Transactions are added one by one to a row of groups. While the newest group has a better rate
 * than the one before it, it is joined to that if it depends on it, else it goes before it. This is
 * done from the back first, where before and after, better and worse change roles, then from the
 * front. */
#include "core/mempool/linearize_internal.h"

typedef struct group {
    uint64_t set, anc; /* members; their ancestors */
    qc_feesize sum;
    uint8_t first, last; /* members, linked by row.next */
} group;

typedef struct row {
    bool back; /* from the back: groups stand in reverse, their members do not */
    uint32_t n;
    uint8_t next[QC_LIN_MAX];
    group at[QC_LIN_MAX];
} row;

/* Is c to move towards the start of the row, where p is? */
static bool passes(const row *r, const group *c, const group *p)
{
    int cmp = qc_feesize_cmp(c->sum, p->sum);
    return r->back ? cmp < 0 : cmp > 0;
}

static bool bound(const row *r, const group *c, const group *p)
{
    return r->back ? p->anc & c->set : c->anc & p->set;
}

/* Join number k with the one before it. */
static void join(row *r, uint32_t k)
{
    group *p = &r->at[k - 1], *c = &r->at[k];
    group *front = r->back ? c : p, *rear = r->back ? p : c;
    r->next[front->last] = rear->first;
    *p = (group){.set = p->set | c->set,
                 .anc = p->anc | c->anc,
                 .sum = qc_feesize_add(p->sum, c->sum),
                 .first = front->first,
                 .last = rear->last};
    r->n--;
    for (; k < r->n; k++)
        r->at[k] = r->at[k + 1];
}

static void add(row *r, const qc_lin_graph *g, uint8_t i)
{
    uint32_t k = r->n++;
    r->at[k] = (group){BIT(i), g->anc[i], g->own[i], i, i};
    for (; k && passes(r, &r->at[k], &r->at[k - 1]); k--) {
        if (bound(r, &r->at[k], &r->at[k - 1])) {
            join(r, k);
            continue;
        }
        group p = r->at[k - 1];
        r->at[k - 1] = r->at[k];
        r->at[k] = p;
    }
}

static void pass(const qc_lin_graph *g, uint8_t *order, bool back)
{
    row r = {.back = back, .n = 0};
    for (uint32_t k = 0; k < g->n; k++)
        add(&r, g, order[back ? g->n - 1 - k : k]);
    uint32_t at = 0;
    for (uint32_t k = 0; k < r.n; k++) {
        const group *c = &r.at[back ? r.n - 1 - k : k];
        for (uint8_t i = c->first;; i = r.next[i]) {
            order[at++] = i;
            if (i == c->last)
                break;
        }
    }
    QC_ASSERT(at == g->n);
}

void qc_lin_polish(const qc_lin_graph *g, uint8_t *order)
{
    pass(g, order, true);
    pass(g, order, false);
}
