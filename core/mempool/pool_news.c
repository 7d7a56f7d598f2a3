/* Telling listeners, in order. While the chain moves news are kept, so that a block's removals come
 * after the block's own. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/mempool/pool_internal.h"

#define FEES_MAX_TIP_AGE (3 * 3600) /* seconds; Core MAX_FEE_ESTIMATION_TIP_AGE */

void qc_mempool_listen(qc_mempool *m, const qc_mempool_events *ev)
{
    QC_ASSERT(m->n_listener < QC_MEMPOOL_LISTENERS);
    m->listener[m->n_listener++] = *ev;
}

const char *qc_mempool_why_text(qc_mempool_why why)
{
    switch (why) {
    case QC_GONE_EXPIRY:
        return "expiry";
    case QC_GONE_SIZELIMIT:
        return "sizelimit";
    case QC_GONE_REORG:
        return "reorg";
    case QC_GONE_BLOCK:
        return "block";
    case QC_GONE_CONFLICT:
        return "conflict";
    case QC_GONE_REPLACED:
        return "replaced";
    }
    return "unknown";
}

static void keep(qc_mempool *m, qc_mempool_news n)
{
    if (m->n_news == m->cap_news) {
        size_t cap = m->cap_news * 2 + 16;
        qc_mempool_news *v = qc_alloc(cap * sizeof *v);
        if (m->n_news)
            memcpy(v, m->news, m->n_news * sizeof *v);
        qc_free(m->news);
        m->news = v;
        m->cap_news = cap;
    }
    if (n.e)
        qc_mempool_entry_ref(n.e);
    m->news[m->n_news++] = n;
}

/* Core validation.cpp IsCurrentForFeeEstimation. */
static bool chain_current(const qc_mempool *m)
{
    const qc_index *best = qc_chain_best_header(m->chain);
    return !qc_chain_initial_download(m->chain) &&
           (int64_t)m->tip->header.time >= qc_clock_now() - FEES_MAX_TIP_AGE &&
           (int64_t)m->tip->height >= (int64_t)best->height - 1;
}

void qc_pool_news_added(qc_mempool *m, qc_mempool_entry *e, bool limits_bypassed, bool in_package,
                        bool no_parents)
{
    e->told = true;
    keep(m, (qc_mempool_news){.kind = QC_NEWS_ADDED,
                              .e = e,
                              .sequence = m->sequence++,
                              .limits_bypassed = limits_bypassed,
                              .in_package = in_package,
                              .chain_current = chain_current(m),
                              .no_parents = no_parents});
}

void qc_pool_news_removed(qc_mempool *m, const qc_mempool_entry *e, qc_mempool_why why,
                          const qc_hash *by)
{
    uint64_t sequence = m->sequence++;
    if (!e->told)
        return; /* its arrival has evicted it: nobody knows it */
    qc_mempool_news n = {.kind = QC_NEWS_REMOVED, .e = e, .sequence = sequence, .why = why};
    if (by) {
        n.has_by = true;
        n.by = *by;
    }
    keep(m, n);
}

void qc_pool_news_block(qc_mempool *m, const qc_index *i)
{
    if (m->n_listener)
        keep(m, (qc_mempool_news){.kind = QC_NEWS_BLOCK, .block = i});
}

static void tell_one(const qc_mempool_events *l, const qc_mempool_news *n)
{
    const qc_mempool_added a = {n->e,          n->sequence,      n->limits_bypassed,
                                n->in_package, n->chain_current, n->no_parents};
    const qc_mempool_removed r = {n->e, n->sequence, n->why, n->has_by ? &n->by : NULL};
    switch (n->kind) {
    case QC_NEWS_ADDED:
        if (l->added)
            l->added(l->arg, &a);
        break;
    case QC_NEWS_REMOVED:
        if (l->removed)
            l->removed(l->arg, &r);
        break;
    case QC_NEWS_BLOCK:
        if (l->block)
            l->block(l->arg, n->block);
        break;
    }
}

void qc_pool_tell(qc_mempool *m)
{
    if (m->chain_moves || m->telling)
        return;
    m->telling = true;
    for (size_t i = 0; i < m->n_news; i++) {
        for (unsigned l = 0; l < m->n_listener; l++)
            tell_one(&m->listener[l], &m->news[i]);
        qc_mempool_entry_unref(m->news[i].e);
    }
    m->n_news = 0;
    m->telling = false;
}

void qc_pool_news_clear(qc_mempool *m)
{
    for (size_t i = 0; i < m->n_news; i++)
        qc_mempool_entry_unref(m->news[i].e);
    qc_free(m->news);
    m->news = NULL;
    m->n_news = m->cap_news = 0;
}
