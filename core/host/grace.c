#include "core/host/grace.h"

#define ON_TIME (INT64_C(1000000000) / 5)

static qc_mono least(qc_mono a, qc_mono b)
{
    return a < b ? a : b;
}

/* What it waited for a processor since the last tick, as far as that is forgiven. */
static qc_mono starved(qc_grace *g, qc_mono passed, qc_mono waited)
{
    qc_mono d = waited >= 0 && g->waited >= 0 && waited > g->waited ? waited - g->waited : 0;
    g->waited = waited;
    d = least(least(d, passed), g->left);
    g->left -= d;
    return d;
}

qc_mono qc_grace_take(qc_grace *g, qc_mono now, qc_mono next, qc_mono waited)
{
    qc_mono late = g->due ? now - g->due : 0, passed = g->due ? now - g->last : 0;
    g->due = next;
    g->last = now;
    qc_mono d = starved(g, passed, waited);
    if (late > ON_TIME && late > d)
        d = late;
    return d;
}

void qc_grace_anew(qc_grace *g, qc_mono limit)
{
    g->left = QC_GRACE_TIMES * limit;
}
