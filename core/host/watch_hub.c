/* What all watchers share: the set, the mempool's news, and the hits of the newest blocks that were
 * looked through, so that a block is so once for all of them. Whoever needs it first does it. */
#include "core/host/adapter_watch.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

qc_watch_hub *qc_watch_hub_new(uint32_t news)
{
    qc_watch_hub *u = qc_alloc(sizeof *u);
    qc_siphash_key salt;
    qc_os_random(&salt, sizeof salt);
    u->set = qc_watchset_new(&salt);
    u->pool = qc_watch_pool_new(u->set, news, 0);
    pthread_mutex_init(&u->lock, NULL);
    return u;
}

void qc_watch_hub_free(qc_watch_hub *u)
{
    if (!u)
        return;
    for (unsigned i = 0; i < QC_WATCH_PASSES; i++)
        qc_watch_hits_clear(&u->pass[i].hits);
    qc_watch_pool_free(u->pool);
    qc_watchset_free(u->set);
    pthread_mutex_destroy(&u->lock);
    qc_free(u);
}

/* Those of one watcher. */
static qc_err copy_own(const qc_watch_hits *from, uint16_t owner, qc_watch_hits *out)
{
    size_t n = 0;
    for (size_t i = 0; i < from->n; i++)
        n += from->hit[i].owner == owner;
    qc_watch_hits_clear(out);
    out->version = from->version;
    if (!n)
        return QC_OK;
    if (!(out->hit = qc_try_calloc(n, sizeof *out->hit)))
        return QC_ENOMEM;
    out->cap = n;
    for (size_t i = 0; i < from->n; i++)
        if (from->hit[i].owner == owner)
            out->hit[out->n++] = from->hit[i];
    return QC_OK;
}

static qc_watch_pass *find(qc_watch_hub *u, const qc_index *at)
{
    for (unsigned i = 0; i < QC_WATCH_PASSES; i++)
        if (u->pass[i].at == at)
            return &u->pass[i];
    return NULL;
}

/* Takes the hits. */
static void keep(qc_watch_hub *u, const qc_index *at, qc_watch_hits *all)
{
    pthread_mutex_lock(&u->lock);
    qc_watch_pass *p = find(u, at);
    if (!p)
        p = &u->pass[u->next++ % QC_WATCH_PASSES];
    qc_watch_hits old = p->hits;
    *p = (qc_watch_pass){at, *all};
    pthread_mutex_unlock(&u->lock);
    qc_watch_hits_clear(&old);
}

qc_err qc_watch_hub_hits(qc_watch_hub *u, const qc_index *at, const qc_block *b, uint16_t owner,
                         uint64_t since, qc_watch_hits *out)
{
    qc_watch_hits all = QC_WATCH_HITS_INIT;
    pthread_mutex_lock(&u->lock);
    const qc_watch_pass *p = find(u, at);
    bool have = p && p->hits.version >= since;
    qc_err err = have ? copy_own(&p->hits, owner, out) : QC_OK;
    pthread_mutex_unlock(&u->lock);
    if (have)
        return err;
    atomic_fetch_add(&u->passes, 1);
    err = qc_watch_match_block(u->set, b, 0, &all);
    if (!err)
        err = copy_own(&all, owner, out);
    if (err)
        qc_watch_hits_clear(&all);
    else
        keep(u, at, &all);
    return err;
}
