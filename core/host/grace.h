/* core/host/grace.h: what of the time that passed does not count against an isolated plugin. */
#pragma once
#include "core/base/clock.h"

#include <stdbool.h>

/** How often the time that a step has may be forgiven for want of a processor: a plugin whose own
 *  threads keep its first one from running would never be late otherwise. */
#define QC_GRACE_TIMES 10

typedef struct qc_grace {
    qc_mono due;    /* when the next tick should come; 0: before the first */
    qc_mono last;   /* the tick before */
    qc_mono waited; /* what the process had waited then; -1: not known */
    qc_mono left;   /* what may still be forgiven for want of a processor */
} qc_grace;
#define QC_GRACE_INIT ((qc_grace){.waited = -1})

/** A tick at `now`, the next of which is due at `next`: how much of the time since the last one
 * must not count, nanoseconds. That is what our own loop was late by, if more than a fifth of a
 * second (a node that is busy kills nobody for it), or what the process waited for a processor,
 * whichever is more, and never more than has passed. `waited` is what qc_os_process_waited() says
 * in all; -1: not known. */
qc_mono qc_grace_take(qc_grace *g, qc_mono now, qc_mono next, qc_mono waited);
/** A step has begun that has `limit` nanoseconds. Before the first nothing is forgiven for want of
 * a processor. */
void qc_grace_anew(qc_grace *g, qc_mono limit);
