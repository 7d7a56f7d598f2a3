#include "core/mining/miner_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/mining/assemble.h"

/* ---- the chain's voice ---- */

static void set_tip(qc_miner *m, const qc_index *tip, const qc_index *old)
{
    unsigned n = atomic_load(&m->n_left);
    qc_left_tip *l = &m->left[n % QC_LEFT_TIPS];
    atomic_store(&l->tip, NULL);
    atomic_store(&l->at, qc_clock_mono());
    atomic_store(&l->tip, old);
    atomic_store(&m->n_left, n + 1);
    atomic_store(&m->t_tip, qc_clock_mono());
    atomic_store(&m->tip, tip);
}

/* The verdict on the tip is known; what the pool makes of it comes later. */
static void on_connected(void *arg, const qc_index *i, const qc_block *b)
{
    qc_miner *m = arg;
    (void)b;
    set_tip(m, i, i->parent);
    qc_pushes_connected(m, i);
}

static void on_disconnected(void *arg, const qc_index *i, const qc_block *b)
{
    (void)b;
    set_tip(arg, i->parent, i);
}

static void on_settled(void *arg, const qc_index *tip, bool give_back)
{
    (void)give_back;
    qc_pushes_settled(arg, tip);
}

static void on_added(void *arg, const qc_mempool_added *a)
{
    (void)a;
    qc_pushes_pool(arg);
}

static void on_removed(void *arg, const qc_mempool_removed *r)
{
    (void)r;
    qc_pushes_pool(arg);
}

void qc_miner_reprioritised(qc_miner *m)
{
    qc_pushes_pool(m);
}

/* ---- making and unmaking ---- */

qc_err qc_miner_new(qc_miner **out, const qc_miner_options *o)
{
    *out = NULL;
    qc_err err = qc_template_options_check(&o->template, false, NULL, 0);
    if (err)
        return err;
    qc_miner *m = qc_try_alloc(sizeof *m);
    if (!m)
        return QC_ENOMEM;
    m->o = *o;
    m->id = o->first_id;
    m->params = qc_chain_params(o->chain);
    m->maker =
        (qc_maker){.params = m->params, .has_version = o->has_version, .version = o->version};
    const qc_chain_events ev = {
        .arg = m, .connected = on_connected, .disconnected = on_disconnected};
    qc_chain_listen(o->chain, &ev);
    *out = m;
    return QC_OK;
}

void qc_miner_use_mempool(qc_miner *m, qc_mempool *pool)
{
    const qc_chain_events ev = {.arg = m, .settled = on_settled};
    const qc_mempool_events news = {.arg = m, .added = on_added, .removed = on_removed};
    m->mempool = pool;
    qc_chain_listen(m->o.chain, &ev);
    if (pool)
        qc_mempool_listen(pool, &news);
}

void qc_miner_free(qc_miner *m)
{
    while (m && m->pushes)
        qc_push_close(m->pushes);
    qc_free(m);
}

/* ---- what there is to know ---- */

const qc_template_options *qc_miner_defaults(const qc_miner *m)
{
    return &m->o.template;
}

const qc_index *qc_miner_tip(const qc_miner *m)
{
    const qc_index *tip = atomic_load(&m->tip);
    return tip ? tip : qc_chain_tip(m->o.chain);
}

qc_mono qc_miner_tip_left(const qc_miner *m, const qc_index *tip)
{
    if (tip == qc_miner_tip(m))
        return 0;
    for (unsigned i = atomic_load(&m->n_left), k = 0; i-- > 0 && k < QC_LEFT_TIPS; k++)
        if (atomic_load(&m->left[i % QC_LEFT_TIPS].tip) == tip)
            return atomic_load(&m->left[i % QC_LEFT_TIPS].at);
    unsigned n =
        atomic_load(&m->n_left); /* no later than the oldest that is known, if it ever was */
    return n < QC_LEFT_TIPS ? 1 : QC_MAX(1, atomic_load(&m->left[n % QC_LEFT_TIPS].at));
}

qc_mono qc_miner_tip_since(const qc_miner *m)
{
    return atomic_load(&m->t_tip);
}

bool qc_miner_ready(const qc_miner *m, bool always)
{
    if (!qc_miner_tip(m))
        return false;
    return always || m->params->id != QC_CHAIN_MAIN || !qc_chain_initial_download(m->o.chain);
}

uint64_t qc_miner_updates(const qc_miner *m)
{
    return m->mempool ? qc_mempool_updates(m->mempool) : 0;
}

bool qc_miner_last(const qc_miner *m, uint32_t *weight, uint32_t *n_tx)
{
    uint64_t v = atomic_load(&m->last);
    *weight = (uint32_t)(v >> 32);
    *n_tx = (uint32_t)v >> 1;
    return v != 0;
}

void qc_miner_made(qc_miner *m, uint32_t weight, uint32_t n_tx)
{
    atomic_store(&m->last, (uint64_t)weight << 32 | (uint64_t)n_tx << 1 | 1);
}

/* ---- templates ---- */

static void log_made(const qc_template *t, const qc_template_options *o)
{
    qc_log_level level = t->why == QC_TEMPLATE_REQUEST ? QC_LOG_INFO : QC_LOG_DEBUG;
    qc_log(level, "mining", "template %llu: block weight: %u txs: %u fees: %lld sigops %u",
           (unsigned long long)t->id, t->weight + (uint32_t)o->reserved_weight, t->n_tx,
           (long long)t->fees, t->sigops + (uint32_t)o->reserved_sigops);
}

/* `chosen` is taken. */
static qc_err finish(qc_miner *m, qc_make *req, qc_chosen *chosen, const qc_template **out)
{
    req->id = ++m->id;
    req->updates = qc_miner_updates(m);
    req->t_tip = qc_miner_tip_since(m);
    qc_miner_made(m, (uint32_t)chosen->weight, (uint32_t)chosen->n);
    qc_err err = qc_make_template(&m->maker, req, chosen, out);
    if (!err)
        log_made(*out, req->o);
    return err;
}

qc_err qc_miner_make(qc_miner *m, const qc_index *tip, const qc_template_options *o, bool empty,
                     qc_template_why why, qc_unixtime now, const qc_template **out)
{
    qc_chosen c = {.weight = o->reserved_weight, .sigops = o->reserved_sigops};
    bool full = m->mempool && !o->no_mempool && !empty;
    qc_make req = {.tip = tip, .o = o, .why = why, .now = now};
    qc_err err = full ? qc_choose(m->mempool, o, tip->height + 1, qc_index_mtp(tip), &c) : QC_OK;
    req.kind = full ? QC_TEMPLATE_FULL : QC_TEMPLATE_EMPTY;
    return err ? err : finish(m, &req, &c, out);
}

/* Options and tip of a request. */
static qc_err begin(const qc_miner *m, const qc_template_options **o, const qc_index **tip)
{
    *o = *o ? *o : &m->o.template;
    *tip = qc_chain_tip(m->o.chain);
    qc_err err = qc_template_options_check(*o, false, NULL, 0);
    return err ? err : *tip ? QC_OK : QC_ENOENT;
}

qc_err qc_miner_template(qc_miner *m, const qc_template_options *o, qc_template_why why,
                         qc_unixtime now, const qc_template **out)
{
    const qc_index *tip;
    *out = NULL;
    qc_err err = begin(m, &o, &tip);
    return err ? err : qc_miner_make(m, tip, o, false, why, now, out);
}

qc_err qc_miner_template_with(qc_miner *m, const qc_template_options *o, const qc_overlay *ov,
                              qc_unixtime now, const qc_template **out)
{
    qc_chosen c;
    qc_make req = {.kind = QC_TEMPLATE_FULL, .why = QC_TEMPLATE_REQUEST, .now = now};
    *out = NULL;
    qc_err err = begin(m, &o, &req.tip);
    if (err)
        return err;
    req.o = o;
    err = qc_choose_with(m->mempool, o, ov, NULL, req.tip->height + 1, qc_index_mtp(req.tip), &c);
    return err ? err : finish(m, &req, &c, out);
}

/* The least that the median can be when the parent is found: its time is the finder's. */
static uint32_t mtp_on(const qc_template *parent)
{
    const qc_index child = {.parent = (qc_index *)(uintptr_t)parent->tip,
                            .header.time = parent->min_time};
    return qc_index_mtp(&child);
}

qc_err qc_miner_template_on(qc_miner *m, const qc_template *parent, const qc_template_options *o,
                            qc_unixtime now, const qc_template **out)
{
    qc_chosen c;
    qc_make req = {
        .parent = parent, .kind = QC_TEMPLATE_FULL, .why = QC_TEMPLATE_REQUEST, .now = now};
    *out = NULL;
    qc_err err = begin(m, &o, &req.tip);
    if (err)
        return err;
    uint32_t interval = m->params->pow_timespan / m->params->pow_spacing;
    if (parent->parent || (!m->params->no_retarget && (parent->height + 1) % interval == 0))
        return QC_EPERM;
    if (parent->tip != req.tip)
        return QC_EBUSY;
    req.o = o;
    err = qc_choose_with(m->mempool, o, NULL, parent, parent->height + 1, mtp_on(parent), &c);
    return err ? err : finish(m, &req, &c, out);
}

qc_err qc_miner_template_of(qc_miner *m, const qc_template_options *o,
                            const qc_mempool_entry *const *e, size_t n, qc_unixtime now,
                            const qc_template **out)
{
    qc_chosen c;
    qc_make req = {.kind = QC_TEMPLATE_FULL, .why = QC_TEMPLATE_REQUEST, .now = now};
    *out = NULL;
    qc_err err = begin(m, &o, &req.tip);
    if (err)
        return err;
    req.o = o;
    err = qc_choose_these(o, e, n, &c);
    return err ? err : finish(m, &req, &c, out);
}
