/* core/mining/offer.h: the template that all callers of getblocktemplate share while it is good
 * enough.
 *
 * It is delivered first and judged as a block afterwards. What it is made of was verified when it
 * came into the pool and again with each new tip, so the judgement is a second opinion on the
 * node's own work: it finds a bug, not an attack, and costs several times what the template does.
 * Core judges each template before it is delivered. Here the first bad one may be seen; it is
 * withdrawn, those who poll for a better one are to be told at once, and from then on each is
 * judged before it is delivered, until one is good. Thread: chain, where nothing else is said. */
#pragma once
#include "core/mining/miner.h"

/** Zero-initialised: none yet. */
typedef struct qc_offer {
    const qc_template *t;
    qc_unixtime made;
    _Atomic uint64_t updates;   /* of the last one: qc_template.updates; any thread */
    _Atomic uint64_t withdrawn; /* one more than the updates of the last bad one; 0: none */
    bool doubt;                 /* a bad one was made, and no good one since */
} qc_offer;

/** The template of now: the last one while its tip is the tip and either nothing has happened since
 *  or it is young, else a new one. Out: *out shared, qc_template_unref(); NULL when it was judged
 *  and is not valid, *v says why; *fresh: it was not judged, qc_offer_judge() is to be called when
 *  it is delivered. Returns: as qc_miner_template(). */
QC_MUST_CHECK qc_err qc_offer_take(qc_offer *o, qc_miner *m, qc_chain *c, qc_unixtime now,
                                   const qc_template **out, bool *fresh, qc_verdict *v);
/** Judge what was delivered. Returns: false when it was found bad and is withdrawn. One whose tip
 * is none any more is not judged. */
bool qc_offer_judge(qc_offer *o, qc_chain *c, const qc_template *t);
/** Was the template with these updates found bad, or a later one, since one was good? Thread: any.
 */
bool qc_offer_is_withdrawn(const qc_offer *o, uint64_t updates);
/** Forget the template. Thread: chain, or nobody calls any more. */
void qc_offer_clear(qc_offer *o);
