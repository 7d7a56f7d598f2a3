/* core/frame/spin.h: whether an end that expects a message soon looks for it again and again before
 * it sleeps. To be put to sleep and woken costs more than a quick answer takes, at both ends. Only
 * after messages that came quickly, and ever more rarely when it was in vain, so that who is idle,
 * or slow, or alone on its processor burns nothing. An end may also be held to a small part of the
 * time: who calls as if by a clock would otherwise have it look without end, each time with
 * success. Thread: one at a time. */
#pragma once
#include "core/base/clock.h"

#define QC_SPIN_NEAR INT64_C(100000) /* ns: what came within this came quickly */
#define QC_SPIN_LIMIT INT64_C(50000) /* ns: as long as this is looked for one */
#define QC_SPIN_FIRST 2u             /* quick ones in a row, before looking begins */
#define QC_SPIN_MOST 1024u           /* the same, after many that were looked for in vain */

#define QC_SPIN_SHARE 20               /* a thrifty end looks for one part in so many of the time */
#define QC_SPIN_SAVED INT64_C(5000000) /* ns: as much looking can be saved up */

typedef struct qc_spin {
    bool off;               /* for good: there is but one processor */
    bool thrifty;           /* held to QC_SPIN_SHARE */
    qc_mono since;          /* when the wait for a message began; 0: none is expected */
    uint32_t quick, wanted; /* that came in a row; that are wanted before the next look */
    qc_mono left, left_at;  /* thrifty: ns of looking that are left (below 0: owed), as of then */
} qc_spin;

#define QC_SPIN_INIT(processors)                                                                   \
    {                                                                                              \
        .off = (processors) < 2, .wanted = QC_SPIN_FIRST                                           \
    }

/** A message has gone out that another will follow. */
static inline void qc_spin_expect(qc_spin *s, qc_mono now)
{
    s->since = now;
}
/** Has it looked for too long already? */
static inline bool qc_spin_spent(qc_spin *s, qc_mono now)
{
    qc_mono left = s->left + (now - s->left_at) / QC_SPIN_SHARE;
    if (now - s->left_at >= QC_SPIN_SHARE) { /* else it would be rounded away */
        s->left = left < QC_SPIN_SAVED ? left : QC_SPIN_SAVED;
        s->left_at = now;
    }
    return s->left <= 0;
}
/** So long it has looked. */
static inline void qc_spin_looked(qc_spin *s, qc_mono ns)
{
    s->left -= ns;
}
/** Until when to look for it; 0: not at all. */
static inline qc_mono qc_spin_until(qc_spin *s, qc_mono now)
{
    if (s->thrifty && qc_spin_spent(s, now))
        return 0;
    return s->since && !s->off && s->quick >= s->wanted ? now + QC_SPIN_LIMIT : 0;
}
/** It did not come while it was looked for. */
static inline void qc_spin_vain(qc_spin *s)
{
    s->quick = 0;
    s->wanted = s->wanted < QC_SPIN_MOST ? 2 * s->wanted : QC_SPIN_MOST;
    s->since = 0;
}
/** One came; what was not expected says nothing. `looked`: while it was looked for. */
static inline void qc_spin_came(qc_spin *s, qc_mono now, bool looked)
{
    if (!s->since)
        return;
    if (now - s->since <= QC_SPIN_NEAR)
        s->quick += s->quick < QC_SPIN_MOST;
    else
        s->quick = 0;
    if (looked && s->wanted > QC_SPIN_FIRST)
        s->wanted /= 2;
    s->since = 0;
}
