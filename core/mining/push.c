/* Who is told of new templates, and when. A new tip is told at once, whatever was told before.
 * While the tip stays, a look at the fees is due when the pool has changed and the subscriber's
 * interval is over; who does not ask to be told of fees, or has nothing to be told of, costs
 * nothing. What an owner's looks and templates cost puts off the next look: however many he has,
 * all of them take a small part of the chain thread's time. */
#include "core/mining/miner_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"

#include <time.h>

#define SECOND ((qc_mono)1000000000)
#define CLOCK_LOOK (60 * SECOND) /* the wall clock may be set: so long it is believed */
#define FEW_BEHIND 3u            /* blocks that may be withheld from us: no reason to wait */
#define BEHIND_S 3               /* so long nothing comes of blocks that are known: go on */
#define BEHIND_MAX_S 20
#define SHARE 20                 /* of the chain thread's time one part is an owner's */
#define LITTLE ((qc_mono)250000) /* ns: nobody is slowed down for that */
#define AT_ONCE 2u /* kinds of FULL templates that an owner has at once at a new tip */
#define ONE_BY_ONE ((qc_mono)50000000)

struct qc_push {
    qc_push *next;
    qc_miner *m;
    qc_push_options o;
    qc_push_to to;
    const qc_index *tip; /* of the last FULL one (or of the only one); NULL: none yet */
    qc_mono at;          /* when the last one, or the last look, was */
    qc_mono rest;        /* so long after it nothing is looked at */
    qc_amount fees;      /* of the last */
    uint32_t bits;
    qc_unixtime easier_at;
    uint64_t updates;         /* of the pool at the last look */
    qc_mono due;              /* a look is wished for then; 0: none */
    const qc_template *fresh; /* while all are served: what it was given, for others to have too */
    bool made;                /* the same: it was made for this one */
};

static void wish(qc_push *p, qc_mono at)
{
    if (p->due && p->due <= at)
        return;
    p->due = at;
    p->to.later(p->to.arg, at);
}

static bool same_owner(const qc_push *a, const qc_push *b)
{
    return a == b || (a->to.owner && a->to.owner == b->to.owner);
}

static qc_mono worked(const qc_miner *m)
{
    struct timespec t;
    if (m->o.worked)
        return m->o.worked();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (qc_mono)t.tv_sec * SECOND + t.tv_nsec;
}

/* A look or a template took so much. */
static void pay(qc_push *p, qc_mono took)
{
    qc_mono n = 0;
    for (const qc_push *q = p->m->pushes; q; q = q->next)
        n += same_owner(p, q);
    p->rest = took > LITTLE ? took * n * SHARE : 0;
}

static qc_mono interval(const qc_push *p)
{
    return QC_MAX(p->o.min_interval, p->rest);
}

/* When time changes what must be proved. */
static void wish_for_time(qc_push *p)
{
    qc_unixtime left = p->easier_at ? p->easier_at - qc_clock_now() : 0;
    if (p->easier_at)
        wish(p, qc_clock_mono() + QC_MIN(QC_MAX((qc_mono)left, 1) * SECOND, CLOCK_LOOK));
}

static bool wants_fees(const qc_push *p)
{
    return !p->o.tip_only && !p->o.template.no_mempool && p->m->mempool;
}

static void give(qc_push *p, const qc_template *t, bool last)
{
    if (last) {
        p->tip = t->tip;
        p->fees = t->fees;
        p->bits = t->bits;
        p->easier_at = qc_template_easier_at(t);
        p->updates = t->updates;
        p->at = t->t_built;
    }
    p->to.deliver(p->to.arg, qc_template_ref(t));
}

static bool same_options(const qc_template_options *a, const qc_template_options *b)
{
    return a->reserved_weight == b->reserved_weight && a->reserved_sigops == b->reserved_sigops &&
           a->max_weight == b->max_weight && a->no_mempool == b->no_mempool &&
           qc_feerate_cmp(a->min_feerate, b->min_feerate) == 0;
}

static const qc_template *shared(const qc_push *p, bool empty)
{
    for (const qc_push *q = p->m->pushes; q; q = q->next)
        if (q->fresh && (empty || same_options(&q->o.template, &p->o.template)))
            return q->fresh;
    return NULL;
}

/* A template on this tip; EMPTY ones are alike: what is reserved in them they do not use. */
static void serve(qc_push *p, const qc_index *tip, bool empty, qc_template_why why)
{
    const qc_template *t = shared(p, empty);
    bool last = !empty || p->o.template.no_mempool || !p->m->mempool;
    if (!t && qc_miner_make(p->m, tip, &p->o.template, empty, why, qc_clock_now(), &t)) {
        qc_log(QC_LOG_WARN, "mining", "no memory for a template");
        wish(p, qc_clock_mono() + SECOND);
        return;
    }
    p->made |= !shared(p, empty);
    if (!p->fresh)
        p->fresh = shared(p, empty) ? qc_template_ref(t) : t;
    give(p, t, last);
    if (last)
        wish_for_time(p);
}

static void served(qc_miner *m)
{
    for (qc_push *p = m->pushes; p; p = p->next) {
        qc_template_unref(p->fresh);
        p->fresh = NULL;
        p->made = false;
    }
}

/* ---- a new tip ---- */

/* Blocks that are known to be better than the tip, by more than can be withheld from us. */
static bool is_behind(const qc_miner *m, const qc_index *tip)
{
    const qc_index *best = qc_chain_best_header(m->o.chain);
    return best && best->height > tip->height + FEW_BEHIND &&
           qc_u256_cmp(&best->chain_work, &tip->chain_work) > 0;
}

void qc_pushes_connected(qc_miner *m, const qc_index *tip)
{
    const qc_index *best = m->pushes ? qc_chain_best_header(m->o.chain) : NULL;
    if (!best || qc_u256_cmp(&best->chain_work, &tip->chain_work) > 0)
        return; /* the next one comes at once, or nobody listens */
    for (qc_push *p = m->pushes; p; p = p->next)
        if (!p->o.no_empty && qc_miner_ready(m, p->o.always))
            serve(p, tip, true, QC_TEMPLATE_TIP);
    served(m);
}

/* The full one of a tip, unless it was given or must wait. */
static void full(qc_push *p, const qc_index *tip, qc_template_why why)
{
    qc_mono since = qc_clock_mono() - qc_miner_tip_since(p->m);
    if (p->tip == tip || !qc_miner_ready(p->m, p->o.always))
        return;
    if (!p->o.always && is_behind(p->m, tip) && qc_miner_tip_since(p->m)) {
        uint32_t behind = qc_chain_best_header(p->m->o.chain)->height - tip->height;
        qc_mono wait = QC_MAX(BEHIND_S, QC_MIN((qc_mono)behind, BEHIND_MAX_S)) * SECOND;
        if (since < wait) {
            wish(p, qc_clock_mono() + wait - since);
            return;
        }
    }
    serve(p, tip, false, why);
}

/* Kinds that p's owner has been given since the tip came. */
static unsigned kinds(const qc_push *p)
{
    unsigned n = 0;
    for (const qc_push *q = p->m->pushes; q; q = q->next)
        n += q->made && same_owner(p, q);
    return n;
}

/* The chain has more to do now than to make all of them. */
void qc_pushes_settled(qc_miner *m, const qc_index *tip)
{
    unsigned late = 0;
    for (qc_push *p = m->pushes; p && tip; p = p->next) {
        if (kinds(p) < AT_ONCE || p->o.template.no_mempool || shared(p, false))
            full(p, tip, QC_TEMPLATE_TIP);
        else if (p->tip != tip)
            wish(p, qc_clock_mono() + ++late * ONE_BY_ONE);
    }
    served(m);
}

/* ---- the same tip ---- */

void qc_pushes_pool(qc_miner *m)
{
    qc_mono now = m->pushes ? qc_clock_mono() : 0;
    for (qc_push *p = m->pushes; p; p = p->next)
        if (wants_fees(p) && p->tip)
            wish(p, QC_MAX(now, p->at + interval(p)));
}

static void look_at_fees(qc_push *p, const qc_index *tip)
{
    uint64_t updates = qc_miner_updates(p->m);
    if (!wants_fees(p) || updates == p->updates)
        return;
    if (qc_clock_mono() < p->at + interval(p)) {
        wish(p, p->at + interval(p));
        return;
    }
    qc_mono began = worked(p->m);
    qc_amount fees =
        qc_choose_fees(p->m->mempool, &p->o.template, tip->height + 1, qc_index_mtp(tip));
    qc_amount by = fees > p->fees ? fees - p->fees : p->fees - fees;
    p->at = qc_clock_mono();
    p->updates = updates;
    if (by && by >= p->o.fee_delta)
        serve(p, tip, false, QC_TEMPLATE_FEES);
    pay(p, worked(p->m) - began);
}

static bool time_has_come(const qc_push *p, const qc_index *tip)
{
    return p->easier_at && p->tip == tip && qc_clock_now() >= p->easier_at;
}

void qc_push_look(qc_push *p)
{
    const qc_index *tip = qc_chain_tip(p->m->o.chain);
    p->due = 0;
    if (!tip || tip != qc_miner_tip(p->m))
        return; /* in the middle of a change: it will be told */
    if (!qc_miner_ready(p->m, p->o.always)) {
        wish(p, qc_clock_mono() + SECOND); /* nobody tells when that ends */
        return;
    }
    if (p->tip != tip)
        full(p, tip, p->tip ? QC_TEMPLATE_TIP : QC_TEMPLATE_REQUEST);
    else if (time_has_come(p, tip))
        serve(p, tip, false, QC_TEMPLATE_TIME);
    else
        look_at_fees(p, tip);
    served(p->m);
    if (p->tip == tip)
        wish_for_time(p);
}

/* ---- subscriptions ---- */

qc_err qc_push_open(qc_miner *m, const qc_push_options *o, const qc_push_to *to, qc_push **out)
{
    *out = NULL;
    qc_err err = qc_template_options_check(&o->template, false, NULL, 0);
    qc_push *p = err ? NULL : qc_try_alloc(sizeof *p);
    if (!p)
        return err ? err : QC_ENOMEM;
    *p = (qc_push){.next = m->pushes, .m = m, .o = *o, .to = *to};
    m->pushes = p;
    *out = p;
    qc_push_look(p);
    return QC_OK;
}

qc_err qc_push_set(qc_push *p, const qc_push_options *o)
{
    qc_err err = qc_template_options_check(&o->template, false, NULL, 0);
    if (err)
        return err;
    p->o = *o;
    p->tip = NULL;
    qc_push_look(p);
    return QC_OK;
}

void qc_push_close(qc_push *p)
{
    if (!p)
        return;
    qc_push **at = &p->m->pushes;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    qc_free(p);
}
