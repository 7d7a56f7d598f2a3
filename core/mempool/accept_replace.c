/* Taking the place of others: BIP125 as Core has it (policy/rbf.cpp; validation.cpp
 * ReplacementChecks, PackageRBFChecks). More fees in all, enough for the bandwidth, and a better
 * pool for miners. */
#include "core/base/alloc.h"
#include "core/mempool/accept_internal.h"

#include <inttypes.h>

#define MONEY_TEXT 32

/* Core FormatMoney: at least two decimals, no more than are needed. */
static const char *money(qc_amount a, char out[static MONEY_TEXT])
{
    uint64_t abs = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
    int n = snprintf(out, MONEY_TEXT, "%s%" PRIu64 ".%08" PRIu64, a < 0 ? "-" : "",
                     abs / 100000000u, abs % 100000000u);
    for (int cut = 0; cut < 6 && out[n - 1] == '0'; cut++)
        out[--n] = 0;
    return out;
}

/* Members of the list as the graph names them. Owned: qc_free(). */
static qc_graph_ref *refs_of(const qc_mempool_list *l)
{
    qc_graph_ref *refs = qc_alloc((l->n + 1) * sizeof *refs);
    for (size_t i = 0; i < l->n; i++)
        refs[i] = l->e[i]->ref;
    return refs;
}

/* All direct conflicts, each once. Owned: qc_free(). */
static qc_graph_ref *direct_refs(const qc_try *t, size_t *n)
{
    qc_mempool_list all = {NULL, 0};
    qc_pool_walk(t->m);
    for (size_t k = 0; k < t->n; k++)
        for (size_t i = 0; i < t->c[k].conflicts.n; i++)
            if (qc_pool_mark(t->m, t->c[k].conflicts.e[i]))
                qc_list_add(&all, t->c[k].conflicts.e[i]);
    qc_graph_ref *refs = refs_of(&all);
    *n = all.n;
    qc_mempool_list_clear(&all);
    return refs;
}

/* Rule 5. Out: t->leaving. Returns how many clusters are in the way when they are too many. */
static size_t find_leaving(qc_try *t)
{
    qc_mempool *m = t->m;
    size_t n;
    qc_graph_ref *refs = direct_refs(t, &n);
    size_t clusters = qc_graph_count_clusters(m->graph, QC_GRAPH_MAIN, refs, n);
    if (clusters <= QC_MAX_REPLACED_CLUSTERS) {
        qc_pool_list(m, qc_graph_descendants(m->graph, QC_GRAPH_MAIN, refs, n), &t->leaving);
        clusters = 0;
    }
    qc_free(refs);
    for (size_t i = 0; i < t->leaving.n; i++) {
        t->leaving_fees = qc_fee_add(t->leaving_fees, t->leaving.e[i]->modified_fee);
        t->leaving_vsize += t->leaving.e[i]->vsize;
    }
    return clusters;
}

static void stage_leaving(qc_try *t)
{
    for (size_t i = 0; i < t->leaving.n; i++)
        qc_graph_remove(t->m->graph, t->leaving.e[i]->ref);
}

static void say_too_many(const qc_hash *txid, size_t clusters, char *out, size_t cap)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(txid, hex);
    snprintf(out, cap, "rejecting replacement %s; too many conflicting clusters (%zu > %u)", hex,
             clusters, QC_MAX_REPLACED_CLUSTERS);
}

/* Rules 3 and 4. False: `out` says why. */
static bool pays(const qc_try *t, const qc_hash *txid, qc_amount fees, int64_t vsize, char *out,
                 size_t cap)
{
    char hex[QC_HASH_HEX_LEN + 1], a[MONEY_TEXT], b[MONEY_TEXT];
    qc_hash_hex(txid, hex);
    if (fees < t->leaving_fees) {
        snprintf(out, cap, "rejecting replacement %s, less fees than conflicting txs; %s < %s", hex,
                 money(fees, a), money(t->leaving_fees, b));
        return false;
    }
    qc_amount more = qc_fee_add(fees, t->leaving_fees == INT64_MIN ? INT64_MAX : -t->leaving_fees);
    qc_amount least = qc_feerate_fee(t->m->o.policy.incremental, vsize);
    if (more >= least)
        return true;
    snprintf(out, cap, "rejecting replacement %s, not enough additional fees to relay; %s < %s",
             hex, money(more, a), money(least, b));
    return false;
}

static const char NOT_BETTER[] = "insufficient feerate: does not improve feerate diagram";

bool qc_try_replacement(qc_try *t, qc_candidate *c)
{
    char why[QC_VERDICT_DEBUG_LEN];
    const char *note = c->sibling ? " (including sibling eviction)" : "";
    qc_verdict *v = &c->r->v;
    size_t too_many = find_leaving(t);
    if (too_many) {
        say_too_many(&c->r->txid, too_many, why, sizeof why);
        return qc_verdict_failf(v, QC_V_MEMPOOL_POLICY, why, "too many potential replacements%s",
                                note);
    }
    if (!pays(t, &c->r->txid, c->e->modified_fee, c->e->vsize, why, sizeof why))
        return qc_verdict_failf(v, QC_V_RECONSIDERABLE, why, "insufficient fee%s", note);
    stage_leaving(t);
    if (!qc_try_fits(t))
        return qc_verdict_fail(v, QC_V_MEMPOOL_POLICY, "too-large-cluster", NULL);
    if (qc_graph_replacement(t->m->graph) != QC_DIAGRAM_BETTER)
        return qc_verdict_fail(v, QC_V_RECONSIDERABLE, "replacement-failed", "%s", NOT_BETTER);
    return true;
}

bool qc_try_disjoint(qc_try *t, qc_candidate *c)
{
    qc_mempool *m = t->m;
    char hex[QC_HASH_HEX_LEN + 1], other[QC_HASH_HEX_LEN + 1];
    if (!c->conflicts.n || !c->parents.n)
        return true;
    qc_graph_ref *parents = refs_of(&c->parents);
    qc_graph_refs up = qc_graph_ancestors(m->graph, QC_GRAPH_MAIN, parents, c->parents.n);
    qc_free(parents);
    qc_pool_mark_all(m, &c->conflicts);
    for (size_t i = 0; i < up.n; i++) {
        const qc_mempool_entry *e = qc_entry_of(m, up.ref[i]);
        if (!qc_pool_marked(m, e))
            continue;
        qc_hash_hex(&c->r->txid, hex);
        qc_hash_hex(qc_entry_txid(e), other);
        return qc_verdict_fail(&c->r->v, QC_V_CONSENSUS, "bad-txns-spends-conflicting-tx",
                               "%s spends conflicting transaction %s", hex, other);
    }
    return true;
}

/* ---- packages: one parent and its child ---- */

static bool fail_package(qc_verdict *v, const char *debug, const char *what)
{
    return qc_verdict_failf(v, QC_V_PACKAGE_POLICY, debug, "package RBF failed: %s", what);
}

static bool package_shape(const qc_try *t, qc_verdict *v)
{
    const qc_tx *const tx[] = {t->c[0].tx, t->n > 1 ? t->c[1].tx : NULL};
    const qc_package p = {tx, 2};
    if (t->n != 2 || !qc_package_is_child_with_parents(&p))
        return fail_package(v, NULL, "package must be 1-parent-1-child");
    if (t->c[0].parents.n || t->c[1].parents.n)
        return fail_package(v, NULL, "new transaction cannot have mempool ancestors");
    return true;
}

/* The child must pay for the parent, not only for its own sake. */
static bool child_pays(const qc_try *t, qc_verdict *v)
{
    const qc_mempool_entry *p = t->c[0].e;
    char why[QC_VERDICT_DEBUG_LEN], a[QC_FEERATE_TEXT], b[QC_FEERATE_TEXT];
    qc_feerate parent = qc_feerate_paid(p->modified_fee, p->vsize);
    qc_feerate both = qc_feerate_paid(t->fees, t->vsize);
    if (qc_feerate_cmp(both, parent) > 0)
        return true;
    snprintf(why, sizeof why, "package feerate %s <= parent feerate is %s",
             qc_feerate_text(both, a), qc_feerate_text(parent, b));
    return fail_package(v, why, "package feerate is less than or equal to parent feerate");
}

bool qc_try_package_replacement(qc_try *t, qc_verdict *v)
{
    char why[QC_VERDICT_DEBUG_LEN];
    if (!package_shape(t, v))
        return false;
    const qc_hash *child = &t->c[1].r->txid;
    size_t too_many = find_leaving(t);
    if (too_many) {
        say_too_many(child, too_many, why, sizeof why);
        return fail_package(v, why, "too many potential replacements");
    }
    stage_leaving(t);
    if (!pays(t, child, t->fees, t->vsize, why, sizeof why))
        return fail_package(v, why, "insufficient anti-DoS fees");
    if (!child_pays(t, v))
        return false;
    if (!qc_try_fits(t))
        return qc_verdict_fail(v, QC_V_PACKAGE_POLICY, "too-large-cluster", NULL);
    if (qc_graph_replacement(t->m->graph) != QC_DIAGRAM_BETTER)
        return fail_package(v, NULL, NOT_BETTER);
    return true;
}
