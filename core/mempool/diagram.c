/* core/mempool/diagram.c: comparing feerate diagrams. */
#include "core/mempool/feesize.h"

/* A walk along one diagram: the point reached, and what is left of the chunk in hand. */
typedef struct line {
    const qc_feesize *c;
    size_t n, i;
    qc_int128 fee; /* where the walk stands at the end of chunk i - 1 */
    qc_int128 size;
} line;

/* Is a's height at `size`, within a's chunk in hand, above (1) or below (-1) `fee`? Multiplied out
 * by the size of that chunk: below 2^40 * 2^64. */
static int above(const line *a, qc_int128 size, qc_int128 fee)
{
    if (a->i == a->n)
        return (a->fee > fee) - (a->fee < fee);
    qc_int128 left = (a->fee - fee) * a->c[a->i].size;
    qc_int128 gain = (size - a->size) * a->c[a->i].fee;
    qc_int128 h = left + gain;
    return (h > 0) - (h < 0);
}

static void advance(line *a)
{
    a->fee += a->c[a->i].fee;
    a->size += a->c[a->i].size;
    a->i++;
}

qc_diagram qc_diagram_compare(const qc_feesize *a, size_t na, const qc_feesize *b, size_t nb)
{
    line x = {a, na, 0, 0, 0}, y = {b, nb, 0, 0, 0};
    bool better = false, worse = false;
    /* Both are made of straight pieces, so it is enough to look where a piece of one ends. */
    while (x.i < x.n || y.i < y.n) {
        bool step_x = y.i == y.n || (x.i < x.n && x.size + x.c[x.i].size <= y.size + y.c[y.i].size);
        int sign;
        if (step_x) {
            advance(&x);
            sign = -above(&y, x.size, x.fee);
        } else {
            advance(&y);
            sign = above(&x, y.size, y.fee);
        }
        better |= sign > 0;
        worse |= sign < 0;
    }
    if (better && worse)
        return QC_DIAGRAM_CROSSING;
    return better ? QC_DIAGRAM_BETTER : worse ? QC_DIAGRAM_WORSE : QC_DIAGRAM_EQUAL;
}
