/* What mempool.follow.unstable/1 has beside the stable table: clusters and the diagram. */
#include "core/host/adapter_mempool.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/graph.h"

#define US_PER_MEMBER 5u /* of the chain thread */

typedef struct cluster_job {
    qc_host *host;
    qn_hash txid;
    uint32_t n;
    qn_mempool_at at;
    qn_mempool_member member[QC_GRAPH_MAX_COUNT];
} cluster_job;

static void find_cluster(qc_chain *c, void *arg)
{
    cluster_job *j = arg;
    const qc_mempool *m = j->host->pool;
    const qc_mempool_entry *e = qc_mempool_find(m, (const qc_hash *)j->txid.b);
    qc_mempool_list l;
    qc_mempool_family f;
    uint32_t chunk = 0;
    (void)c;
    qc_host_pool_moment(j->host, &j->at);
    if (!e)
        return;
    qc_mempool_cluster(m, e, &l);
    int64_t left = 0; /* weight of the chunk in hand that is still to come */
    for (size_t i = 0; i < l.n && i < QC_GRAPH_MAX_COUNT; i++) {
        qc_mempool_family_of(m, l.e[i], &f);
        if (i && left <= 0)
            chunk++;
        if (left <= 0)
            left = f.chunk_weight;
        left -= l.e[i]->adjusted_weight;
        j->member[j->n] = (qn_mempool_member){
            .fee = l.e[i]->modified_fee, .weight = l.e[i]->adjusted_weight, .chunk = chunk};
        memcpy(j->member[j->n++].txid.b, l.e[i]->tx.rec->txid, 32);
    }
    qc_mempool_list_clear(&l);
}

qn_status qc_mempool_trial_cluster(qn_cap *cap, const qn_hash *txid, qn_mempool_member *out,
                                   uint32_t max, uint32_t *n, qn_mempool_at *at)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!txid || !n || (!out && max))
        return QN_E_INVAL;
    cluster_job *j = qc_alloc(sizeof *j);
    j->host = cap->plugin->host;
    j->txid = *txid;
    st = qc_host_ask(j->host, 0, find_cluster, j, qc_free);
    if (st != QN_OK)
        return st;
    qc_cap_worked(cap, (uint64_t)j->n * US_PER_MEMBER);
    if (at)
        *at = j->at;
    *n = j->n;
    if (out)
        memcpy(out, j->member, QC_MIN(j->n, max) * sizeof *out);
    st = !j->n ? QN_E_NOTFOUND : j->n > max ? QN_E_SPACE : QN_OK;
    qc_free(j);
    return st;
}

typedef struct diagram_job {
    qc_host *host;
    qn_mempool_at at;
    qc_mempool_point *point;
    size_t n;
    uint64_t count; /* transactions that were walked over */
} diagram_job;

static void drop_diagram(void *arg)
{
    diagram_job *j = arg;
    qc_free(j->point);
    qc_free(j);
}

static void find_diagram(qc_chain *c, void *arg)
{
    diagram_job *j = arg;
    (void)c;
    qc_host_pool_moment(j->host, &j->at);
    j->count = qc_mempool_count(j->host->pool);
    j->n = qc_mempool_diagram(j->host->pool, &j->point);
}

qn_status qc_mempool_trial_diagram(qn_cap *cap, qn_mempool_point *out, uint32_t max, uint32_t *n,
                                   qn_mempool_at *at)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!n || (!out && max))
        return QN_E_INVAL;
    diagram_job *j = qc_alloc(sizeof *j);
    j->host = cap->plugin->host;
    st = qc_host_ask(j->host, 0, find_diagram, j, drop_diagram);
    if (st != QN_OK)
        return st;
    qc_cap_worked(cap, j->count);
    if (at)
        *at = j->at;
    for (size_t i = 0; i < j->n && i < max; i++)
        out[i] = (qn_mempool_point){j->point[i].fee, j->point[i].weight};
    *n = (uint32_t)j->n;
    drop_diagram(j);
    return *n > max ? QN_E_SPACE : QN_OK;
}
