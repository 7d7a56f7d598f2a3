/* The built-in indexes of quoind: -txindex, -txospenderindex, -coinstatsindex, -blockfilterindex.
 */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/log.h"

#define CACHE ((size_t)8 << 20)

/* The values Core takes: nothing, 1 and basic turn it on, 0 off. */
static bool wanted(qc_app *a, bool *on)
{
    const char **list = qc_settings_list(a->settings, "blockfilterindex", NULL);
    bool ok = true;
    *on = false;
    for (size_t i = 0; list[i] && ok; i++) {
        bool yes = list[i][0] == 0 || strcmp(list[i], "1") == 0 || strcmp(list[i], "basic") == 0;
        *on |= yes;
        if (!yes && strcmp(list[i], "0") != 0)
            ok = qc_app_error(a, "Unknown -blockfilterindex value %s.", list[i]);
    }
    qc_free(list);
    return ok;
}

static bool is_on(const qc_app *a, const char *name)
{
    return qc_settings_bool(a->settings, name, false);
}

bool qc_app_indexes_check(qc_app *a)
{
    bool on;
    if (!wanted(a, &on))
        return false;
    if (qc_settings_int(a->settings, "prune", 0)) {
        if (is_on(a, "txindex"))
            return qc_app_error(a, "Prune mode is incompatible with -txindex.");
        if (is_on(a, "txospenderindex"))
            return qc_app_error(a, "Prune mode is incompatible with -txospenderindex.");
    }
    return on || !qc_settings_bool(a->settings, "peerblockfilters", false) ||
           qc_app_error(a, "Cannot set -peerblockfilters without -blockfilterindex.");
}

static bool started(qc_app *a, qc_err err, const char *what, const char *detail)
{
    if (err == QC_EPRUNED)
        return qc_app_error(a, "%s", detail);
    return !err ||
           qc_app_error(a, "Cannot open the %s: %s", what, detail[0] ? detail : qc_err_text(err));
}

bool qc_app_indexes_start(qc_app *a)
{
    bool filters, ok = true;
    char detail[512] = "";
    qc_node *n = &a->node;
    if (!wanted(a, &filters))
        return false;
    /* A -reindex that goes on after a stop keeps what it has built so far. */
    bool wipe = qc_settings_bool(a->settings, "reindex", false);
    if (is_on(a, "txindex"))
        ok = started(
            a,
            qc_txindex_start(&n->txindex, n->chain, a->net_dir, CACHE, wipe, detail, sizeof detail),
            "transaction index", detail);
    if (ok && is_on(a, "txospenderindex"))
        ok = started(a,
                     qc_spenders_start(&n->spenders, n->chain, a->net_dir, CACHE, wipe, detail,
                                       sizeof detail),
                     "transaction output spender index", detail);
    if (ok && filters)
        ok = started(a,
                     qc_filterindex_start(&n->filters, n->chain, a->net_dir, CACHE, wipe, detail,
                                          sizeof detail),
                     "block filter index", detail);
    if (ok && is_on(a, "coinstatsindex"))
        ok = started(a,
                     qc_coinstatsindex_start(&n->coinstats, n->chain, a->net_dir, CACHE, wipe,
                                             detail, sizeof detail),
                     "coin statistics index", detail);
    return ok;
}

/* They commit no more than what is durable: let that be all. */
static void make_durable(qc_node *n)
{
    if (!n->txindex && !n->spenders && !n->filters && !n->coinstats)
        return;
    qc_err err = qc_chain_sync(n->chain);
    if (err)
        qc_log(QC_LOG_WARN, "base", "The indexes fall back by some blocks: %s", qc_err_text(err));
}

void qc_app_indexes_stop(qc_app *a)
{
    make_durable(&a->node);
    qc_txindex_stop(a->node.txindex);
    qc_spenders_stop(a->node.spenders);
    qc_filterindex_stop(a->node.filters);
    qc_coinstatsindex_stop(a->node.coinstats);
}

void qc_app_indexes_free(qc_app *a)
{
    qc_txindex_free(a->node.txindex);
    qc_spenders_free(a->node.spenders);
    qc_filterindex_free(a->node.filters);
    qc_coinstatsindex_free(a->node.coinstats);
    a->node.txindex = NULL;
    a->node.spenders = NULL;
    a->node.filters = NULL;
    a->node.coinstats = NULL;
}
