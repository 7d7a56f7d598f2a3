/* The mempool inside quoind: made before the chain thread runs, filled from its file after the
 * import, written back at the end. What peers have to do with it is wired in peers.c. */
#include "core/app/poolfees.h"

#include "core/app/app.h"
#include "core/app/poolopts.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/mempool/persist.h"

#define LOAD_STEP 100u /* transactions between two looks at what else waits */
#define FILE_NAME "mempool.dat"

static bool persistent(const qc_app *a)
{
    return qc_settings_bool(a->settings, "persistmempool", true);
}

bool qc_app_pool_check(qc_app *a)
{
    char *error = NULL;
    if (!qc_app_pool_options(a->settings, a->params, &a->pool_options, &error))
        return true;
    qc_app_error(a, "%s", error);
    qc_free(error);
    return false;
}

/* ---- for methods that know no pool ---- */

static bool view_tx(void *arg, const qc_hash *txid, qc_span *raw, uint32_t *vsize)
{
    const qc_mempool_entry *e = qc_mempool_find(arg, txid);
    if (!e)
        return false;
    *raw = qc_tx_bytes(&e->tx);
    *vsize = (uint32_t)e->vsize;
    return true;
}

static bool view_spender(void *arg, const qc_outpoint *o, qc_hash *txid, qc_span *raw)
{
    const qc_mempool_entry *e = qc_mempool_spender(arg, o);
    if (!e)
        return false;
    *txid = *qc_entry_txid(e);
    *raw = qc_tx_bytes(&e->tx);
    return true;
}

/* ---- life ---- */

bool qc_app_pool_new(qc_app *a)
{
    qc_node *n = &a->node;
    a->pool_options.chain = n->chain;
    qc_err err = qc_mempool_new(&n->pool, &a->pool_options);
    if (err)
        return qc_app_error(a, "Cannot make the transaction pool: %s", qc_err_text(err));
    a->pool_view = (qc_pool_view){n->pool, view_tx, view_spender};
    n->pool_view = &a->pool_view;
    n->persist_v1 = qc_settings_bool(a->settings, "persistmempoolv1", false);
    return qc_app_fees_new(a);
}

static void end_load(qc_app *a, qc_err err)
{
    qc_mempool_load_log(a->pool_loader, err);
    qc_mempool_load_end(a->pool_loader);
    a->pool_loader = NULL;
    qc_mempool_set_load_tried(a->node.pool);
}

/* A piece of the file, then whatever else waits, then the next. */
static void load_job(qc_chain *c, void *arg)
{
    qc_app *a = arg;
    bool done = false;
    (void)c;
    if (atomic_load(&a->node.stopping))
        return; /* the file is as it was */
    qc_err err = qc_mempool_load_step(a->pool_loader, LOAD_STEP, &done);
    if (err || done)
        end_load(a, err);
    else
        qc_chain_post(a->node.chain_thread, load_job, a);
}

void qc_app_pool_load(qc_app *a)
{
    static const qc_mempool_load_opts ALL = {.current_time = false};
    if (!persistent(a)) {
        qc_mempool_set_load_tried(a->node.pool);
        return;
    }
    char *path = qc_conf_path_in(a->net_dir, FILE_NAME);
    qc_err err = qc_mempool_load_start(&a->pool_loader, a->node.pool, path, &ALL);
    qc_free(path);
    if (err)
        end_load(a, err);
    else
        qc_chain_post(a->node.chain_thread, load_job, a);
}

static void save(qc_app *a)
{
    qc_mempool_info info;
    qc_mempool_info_of(a->node.pool, &info);
    qc_mempool_load_end(a->pool_loader);
    a->pool_loader = NULL;
    if (!info.load_tried || !persistent(a))
        return;
    char *path = qc_conf_path_in(a->net_dir, FILE_NAME);
    qc_err err = qc_mempool_save(a->node.pool, path, a->node.persist_v1, NULL);
    if (err)
        qc_log(QC_LOG_WARN, "mempool", "Failed to dump mempool: %s. Continuing anyway.",
               qc_err_text(err));
    qc_free(path);
}

void qc_app_pool_stop(qc_app *a)
{
    if (!a->node.pool)
        return;
    save(a);
    qc_app_fees_stop(a);
}

void qc_app_pool_free(qc_app *a)
{
    qc_mempool_free(a->node.pool);
    a->node.pool = NULL;
    qc_app_fees_free(a);
}
