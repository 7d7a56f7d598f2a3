/* Letting in one transaction, and what single ones and packages share (Core validation.cpp
 * AcceptSingleTransaction, FinalizeSubpackage). Everything is staged first; the pool itself changes
 * in one step that cannot fail. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/mempool/accept_internal.h"

/* ---- results ---- */

void qc_accept_result_clear(qc_accept_result *r)
{
    for (size_t i = 0; i < r->n_replaced; i++)
        qc_mempool_entry_unref(r->replaced[i]);
    qc_free(r->replaced);
    qc_free(r->fee_wtxids);
    *r = (qc_accept_result){0};
}

void qc_result_start(qc_accept_result *r, const qc_tx *tx)
{
    *r = (qc_accept_result){0};
    memcpy(r->txid.b, tx->rec->txid, sizeof r->txid.b);
    memcpy(r->wtxid.b, tx->rec->wtxid, sizeof r->wtxid.b);
}

static void set_rate(qc_try *t, qc_candidate *c)
{
    qc_accept_result *r = c->r;
    r->has_feerate = true;
    r->n_fee_wtxids = t->wtxids ? t->n : 1;
    r->fee_wtxids = qc_alloc(r->n_fee_wtxids * sizeof *r->fee_wtxids);
    memcpy(r->fee_wtxids, t->wtxids ? t->wtxids : &r->wtxid,
           r->n_fee_wtxids * sizeof *r->fee_wtxids);
    r->feerate = t->wtxids ? qc_feerate_paid(t->fees, t->vsize)
                           : qc_feerate_paid(c->e->modified_fee, c->e->vsize);
}

void qc_try_failed(qc_try *t, qc_candidate *c)
{
    if (t->err)
        return;
    c->r->kind = QC_ACCEPT_INVALID;
    if (c->r->v.code == QC_V_RECONSIDERABLE && c->e)
        set_rate(t, c);
}

void qc_try_valid(qc_try *t, qc_candidate *c)
{
    c->r->kind = QC_ACCEPT_VALID;
    c->r->vsize = c->e->vsize;
    c->r->fee = c->e->fee;
    set_rate(t, c);
}

/* ---- a try ---- */

qc_err qc_try_open(qc_try *t, qc_mempool *m, const qc_try_rules *rules, size_t n,
                   qc_fetched *fetched)
{
    *t = (qc_try){.m = m, .rules = *rules, .n = n, .fetched = fetched};
    t->c = qc_try_calloc(n, sizeof *t->c);
    return t->c ? QC_OK : QC_ENOMEM;
}

void qc_try_close(qc_try *t)
{
    if (qc_graph_staged(t->m->graph))
        qc_graph_abort(t->m->graph);
    for (size_t i = 0; t->c && i < t->n; i++) {
        qc_free(t->c[i].spent);
        qc_mempool_list_clear(&t->c[i].conflicts);
        qc_mempool_list_clear(&t->c[i].parents);
        qc_mempool_entry_unref(t->c[i].e);
    }
    qc_mempool_list_clear(&t->leaving);
    qc_free(t->wtxids);
    qc_free(t->c);
}

void qc_fetched_clear(qc_mempool *m, qc_fetched *f, bool forget)
{
    for (size_t i = 0; forget && i < f->n; i++)
        if (!qc_mempool_spender(m, &f->o[i])) /* another has come in that needs it */
            qc_coins_uncache(m->coins, &f->o[i]);
    qc_free(f->o);
    *f = (qc_fetched){0};
}

static void relate(qc_try *t, const qc_candidate *c)
{
    qc_graph *g = t->m->graph;
    for (size_t p = 0; p < c->parents.n; p++)
        qc_graph_depend(g, c->parents.e[p]->ref, c->e->ref);
    for (uint32_t i = 0; i < c->tx->rec->n_in && t->n > 1; i++)
        for (const qc_candidate *k = t->c; k < c; k++)
            if (memcmp(k->r->txid.b, c->tx->in[i].prev_txid, sizeof k->r->txid.b) == 0)
                qc_graph_depend(g, k->e->ref, c->e->ref);
}

bool qc_try_fits(qc_try *t)
{
    for (size_t i = 0; i < t->n && !t->related; i++)
        relate(t, &t->c[i]);
    t->related = true;
    return !qc_graph_oversized(t->m->graph, QC_GRAPH_TOP);
}

static void log_replaced(const qc_try *t, const qc_mempool_entry *e)
{
    char old[QC_HASH_HEX_LEN + 1], by[QC_HASH_HEX_LEN + 1];
    if (!qc_log_enabled(QC_LOG_DEBUG, "mempool"))
        return;
    qc_hash_hex(qc_entry_txid(e), old);
    qc_hash_hex(&t->c[0].r->txid, by);
    qc_log(QC_LOG_DEBUG, "mempool",
           "replacing mempool tx %s (fees=%lld, vsize=%lld). New tx %s (fees=%lld, vsize=%lld)",
           old, (long long)e->fee, (long long)e->vsize, by, (long long)t->fees,
           (long long)t->vsize);
}

/* The staging is main by now: what is replaced is out of the graph already. */
static void remove_replaced(qc_try *t)
{
    qc_accept_result *r = t->c[0].r;
    for (size_t i = 0; i < t->leaving.n; i++) {
        qc_mempool_entry *e = (qc_mempool_entry *)(uintptr_t)t->leaving.e[i];
        log_replaced(t, e);
        r->replaced[r->n_replaced++] = qc_mempool_entry_ref(e);
        e->ref = QC_GRAPH_NONE;
        qc_pool_remove(t->m, e, QC_GONE_REPLACED, &r->txid);
    }
    t->leaving.n = 0;
}

bool qc_try_commit(qc_try *t)
{
    size_t inputs = 0;
    for (size_t i = 0; i < t->n; i++)
        inputs += t->c[i].tx->rec->n_in;
    t->c[0].r->replaced = qc_try_calloc(t->leaving.n + 1, sizeof(const qc_mempool_entry *));
    if (!t->c[0].r->replaced || qc_pool_reserve(t->m, t->n, inputs)) {
        t->err = QC_ENOMEM;
        return false;
    }
    qc_graph_commit(t->m->graph);
    remove_replaced(t);
    for (size_t i = 0; i < t->n; i++) {
        qc_mempool_entry_ref(t->c[i].e);
        qc_pool_insert(t->m, t->c[i].e);
    }
    if (!qc_graph_work(t->m->graph, QC_WORK_AFTER_CHANGE))
        qc_log(QC_LOG_DEBUG, "mempool", "Mempool in non-optimal ordering after addition(s).");
    return true;
}

void qc_try_announce(qc_try *t, const qc_candidate *c)
{
    bool parents = false;
    for (uint32_t i = 0; i < c->tx->rec->n_in && !parents; i++)
        parents = qc_keymap_get(&t->m->by_txid, c->tx->in[i].prev_txid) != NULL;
    qc_pool_news_added(t->m, c->e, t->rules.bypass_limits, t->rules.in_package, !parents);
}

/* ---- one transaction ---- */

static const qc_tx *find_tx(void *arg, const qc_hash *txid)
{
    const qc_mempool_entry *e = qc_mempool_find(arg, txid);
    return e ? &e->tx : NULL;
}

static bool dust_spent(qc_try *t, qc_candidate *c)
{
    const qc_policy *p = &t->m->o.policy;
    const qc_package one = {&c->tx, 1};
    const qc_tx_finder pool = {t->m, find_tx};
    return t->rules.bypass_limits || !p->require_standard ||
           qc_package_check_dust_spends(&one, p->dust, &pool, NULL, &c->r->v);
}

bool qc_try_affordable(const qc_try *t, qc_candidate *c)
{
    return !t->rules.max_fee || c->e->fee <= *t->rules.max_fee ||
           qc_verdict_fail(&c->r->v, QC_V_MEMPOOL_POLICY, QC_MAX_FEE_EXCEEDED, NULL);
}

bool qc_try_before_scripts(qc_try *t, qc_candidate *c)
{
    qc_verdict *v = &c->r->v;
    if (!qc_try_pre_checks(t, c))
        return false;
    t->fees = c->e->modified_fee;
    t->vsize = c->e->vsize;
    if (t->replaces && !qc_try_replacement(t, c))
        return false;
    if (!qc_try_fits(t))
        return qc_verdict_fail(v, QC_V_MEMPOOL_POLICY, "too-large-cluster", NULL);
    if (!qc_try_disjoint(t, c))
        return false;
    if (t->rules.max_feerate &&
        qc_feerate_cmp(qc_feerate_paid(t->fees, t->vsize), *t->rules.max_feerate) > 0)
        return qc_verdict_fail(v, QC_V_MEMPOOL_POLICY, "max feerate exceeded", NULL);
    return dust_spent(t, c);
}

static bool judge(qc_try *t, qc_candidate *c)
{
    return qc_try_before_scripts(t, c) && qc_try_policy_scripts(t, c) &&
           qc_try_block_scripts(t, c) && qc_try_affordable(t, c);
}

void qc_try_single(qc_try *t)
{
    qc_candidate *c = &t->c[0];
    if (!judge(t, c) || (!t->rules.test_only && !qc_try_commit(t))) {
        qc_try_failed(t, c);
        return;
    }
    if (!t->rules.test_only && !t->rules.in_package && !t->rules.bypass_limits) {
        qc_mempool_trim(t->m);
        if (!c->e->inside) {
            qc_verdict_fail(&c->r->v, QC_V_RECONSIDERABLE, "mempool full", NULL);
            qc_try_failed(t, c);
            return;
        }
    }
    if (!t->rules.test_only)
        qc_try_announce(t, c);
    qc_try_valid(t, c);
}

static qc_err try_one(qc_mempool *m, const qc_tx *tx, const qc_try_rules *rules,
                      qc_accept_result *out)
{
    qc_fetched fetched = {0};
    qc_try t;
    qc_result_start(out, tx);
    qc_err err = qc_try_open(&t, m, rules, 1, &fetched);
    if (!err) {
        t.c[0].tx = tx;
        t.c[0].r = out;
        qc_try_single(&t);
        err = t.err;
    }
    qc_try_close(&t);
    qc_fetched_clear(m, &fetched, out->kind != QC_ACCEPT_VALID);
    return err;
}

void qc_flush_after_accept(qc_mempool *m)
{
    /* What was read may have filled the cache of coins; a failure is the chain's to tell. */
    qc_err err = qc_chain_tick(m->chain);
    (void)err;
}

qc_err qc_mempool_accept(qc_mempool *m, const qc_tx *tx, const qc_accept_opts *o,
                         qc_accept_result *out)
{
    const qc_try_rules rules = {
        .test_only = o->test_only,
        .allow_replacement = true,
        .allow_sibling = true,
        .time = o->time ? o->time : qc_clock_now(),
        .max_fee = o->has_max_fee ? &o->max_fee : NULL,
    };
    QC_ASSERT(m->tip);
    qc_err err = try_one(m, tx, &rules, out);
    qc_pool_tell(m);
    qc_flush_after_accept(m);
    return err;
}

bool qc_pool_take_back(qc_mempool *m, const qc_tx *tx)
{
    const qc_try_rules rules = {
        .bypass_limits = true,
        .allow_replacement = true,
        .allow_sibling = true,
        .time = qc_clock_now(),
    };
    qc_accept_result r;
    bool in = !try_one(m, tx, &rules, &r) && r.kind == QC_ACCEPT_VALID;
    qc_accept_result_clear(&r);
    return in;
}

bool qc_mempool_fits_cluster(qc_mempool *m, const qc_tx *tx)
{
    qc_mempool_entry *e = qc_entry_new(m->slab, tx);
    qc_mempool_list parents;
    QC_ASSERT(e);
    qc_mempool_parents(m, e, &parents);
    qc_graph_stage(m->graph);
    e->ref = qc_graph_add(m->graph, 0, (int32_t)tx->rec->weight, e);
    for (size_t p = 0; p < parents.n; p++)
        qc_graph_depend(m->graph, parents.e[p]->ref, e->ref);
    bool fits = !qc_graph_oversized(m->graph, QC_GRAPH_TOP);
    qc_graph_abort(m->graph);
    qc_mempool_list_clear(&parents);
    qc_mempool_entry_unref(e);
    return fits;
}
