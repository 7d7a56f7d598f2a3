#include "core/mining/offer.h"

#include "core/base/log.h"

#define REUSE_SECONDS 5

static bool reusable(const qc_offer *o, const qc_miner *m, const qc_index *tip, qc_unixtime now)
{
    return o->t && o->t->tip == tip &&
           (o->t->updates == qc_miner_updates(m) || now - o->made <= REUSE_SECONDS);
}

static void withdraw(qc_offer *o, const qc_template *t, const qc_verdict *v)
{
    char text[512];
    qc_log(QC_LOG_ERROR, "mining", "Template %llu is no valid block: %s", (unsigned long long)t->id,
           qc_verdict_text(v, text, sizeof text));
    atomic_store(&o->withdrawn, t->updates + 1);
    o->doubt = true;
    if (o->t == t)
        qc_offer_clear(o);
}

qc_err qc_offer_take(qc_offer *o, qc_miner *m, qc_chain *c, qc_unixtime now,
                     const qc_template **out, bool *fresh, qc_verdict *v)
{
    *out = NULL;
    *fresh = false;
    if (reusable(o, m, qc_chain_tip(c), now)) {
        *out = qc_template_ref(o->t);
        return QC_OK;
    }
    const qc_template *t;
    qc_err err = qc_miner_template(m, NULL, QC_TEMPLATE_REQUEST, now, &t);
    if (err)
        return err;
    qc_offer_clear(o);
    o->t = t;
    o->made = now;
    atomic_store(&o->updates, t->updates);
    *fresh = !o->doubt;
    if (o->doubt && !qc_template_check(c, t, v)) {
        withdraw(o, t, v);
        return QC_OK;
    }
    if (o->doubt)
        atomic_store(&o->withdrawn, 0);
    o->doubt = false;
    *out = qc_template_ref(t);
    return QC_OK;
}

bool qc_offer_judge(qc_offer *o, qc_chain *c, const qc_template *t)
{
    qc_verdict v;
    if (t->tip != qc_chain_tip(c) || qc_template_check(c, t, &v))
        return true;
    withdraw(o, t, &v);
    return false;
}

bool qc_offer_is_withdrawn(const qc_offer *o, uint64_t updates)
{
    uint64_t w = atomic_load(&o->withdrawn);
    return w && updates <= w - 1;
}

void qc_offer_clear(qc_offer *o)
{
    qc_template_unref(o->t);
    o->t = NULL;
}
