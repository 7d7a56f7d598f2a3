/* Packages (Core validation.cpp AcceptMultipleTransactions, AcceptPackage, ProcessNewPackage). */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/mempool/accept_internal.h"

void qc_package_result_clear(qc_package_result *r)
{
    for (size_t i = 0; i < r->n; i++)
        qc_accept_result_clear(&r->tx[i]);
    qc_free(r->tx);
    *r = (qc_package_result){0};
}

static bool tx_failed(qc_verdict *v)
{
    return qc_verdict_fail(v, QC_V_PACKAGE_TX, "transaction failed", NULL);
}

/* ---- several together ---- */

static bool too_dear(const qc_try *t, const qc_candidate *c)
{
    return t->rules.max_feerate && qc_feerate_cmp(qc_feerate_paid(c->e->modified_fee, c->e->vsize),
                                                  *t->rules.max_feerate) > 0;
}

static bool pre_check_all(qc_try *t, qc_verdict *v)
{
    for (size_t i = 0; i < t->n; i++) {
        qc_candidate *c = &t->c[i];
        bool ok = qc_try_pre_checks(t, c) && qc_try_affordable(t, c);
        if (ok && too_dear(t, c))
            ok = qc_verdict_fail(&c->r->v, QC_V_MEMPOOL_POLICY, "max feerate exceeded", NULL);
        if (!ok) {
            qc_try_failed(t, c);
            return tx_failed(v);
        }
        t->fees = qc_fee_add(t->fees, c->e->modified_fee);
        t->vsize += c->e->vsize;
    }
    return true;
}

static bool check_truc(const qc_try *t, const qc_package *p, qc_verdict *v)
{
    bool ok = true;
    for (size_t i = 0; i < t->n && ok; i++) {
        const qc_candidate *c = &t->c[i];
        qc_truc_parent *parents = qc_truc_views(t->m, c);
        ok = qc_truc_check_package(p, i, c->e->vsize, parents, c->parents.n, v);
        qc_free(parents);
    }
    return ok;
}

/* When only the sum counts, the last transaction answers for it. */
static bool check_package_fee(qc_try *t, qc_verdict *v)
{
    qc_candidate *last = &t->c[t->n - 1];
    if (!t->rules.package_feerates)
        return true;
    t->wtxids = qc_try_calloc(t->n, sizeof *t->wtxids);
    if (!t->wtxids) {
        t->err = QC_ENOMEM;
        return false;
    }
    for (size_t i = 0; i < t->n; i++)
        t->wtxids[i] = t->c[i].r->wtxid;
    if (qc_policy_check_fee(&t->m->o.policy, qc_mempool_min_fee(t->m), t->vsize, t->fees,
                            &last->r->v))
        return true;
    qc_try_failed(t, last);
    return tx_failed(v);
}

static const qc_tx *find_tx(void *arg, const qc_hash *txid)
{
    const qc_mempool_entry *e = qc_mempool_find(arg, txid);
    return e ? &e->tx : NULL;
}

static bool check_dust(qc_try *t, const qc_package *p, qc_verdict *v)
{
    const qc_policy *policy = &t->m->o.policy;
    const qc_tx_finder pool = {t->m, find_tx};
    size_t which = 0;
    qc_verdict child = {0};
    if (!policy->require_standard ||
        qc_package_check_dust_spends(p, policy->dust, &pool, &which, &child))
        return true;
    t->c[which].r->v = child;
    qc_try_failed(t, &t->c[which]);
    return qc_verdict_fail(v, QC_V_PACKAGE_TX, "unspent-dust", NULL);
}

static bool check_scripts(qc_try *t, qc_verdict *v)
{
    for (size_t i = 0; i < t->n; i++) {
        qc_candidate *c = &t->c[i];
        if (!qc_try_policy_scripts(t, c) || (!t->rules.test_only && !qc_try_block_scripts(t, c))) {
            qc_try_failed(t, c);
            return tx_failed(v);
        }
        if (t->rules.test_only)
            qc_try_valid(t, c);
    }
    return true;
}

static bool judge_all(qc_try *t, const qc_package *p, qc_verdict *v)
{
    if (!qc_package_check(p, v) || !pre_check_all(t, v))
        return false;
    if (!check_truc(t, p, v) || !check_package_fee(t, v))
        return false;
    if (t->replaces && !qc_try_package_replacement(t, v))
        return false;
    if (!qc_try_fits(t))
        return qc_verdict_fail(v, QC_V_PACKAGE_POLICY, "too-large-cluster", NULL);
    return check_dust(t, p, v) && check_scripts(t, v);
}

static void try_together(qc_try *t, qc_verdict *v)
{
    const qc_tx **tx = qc_alloc(t->n * sizeof(const qc_tx *));
    for (size_t i = 0; i < t->n; i++)
        tx[i] = t->c[i].tx;
    const qc_package p = {tx, t->n};
    if (judge_all(t, &p, v) && !t->rules.test_only && qc_try_commit(t))
        for (size_t i = 0; i < t->n; i++) {
            qc_try_valid(t, &t->c[i]);
            qc_try_announce(t, &t->c[i]);
        }
    qc_free(tx);
}

/* ---- a package ---- */

/* A package on its way. */
struct run {
    qc_mempool *m;
    const qc_tx *const *tx;
    qc_package_result *out;
    qc_try_rules rules; /* for several together */
    qc_fetched fetched;
    qc_err err;
    bool quit;
    size_t *later; /* those that may do together */
    size_t n_later;
};

/* Those named by `which`; one by itself may also evict a sibling, and pays for itself. */
static void try_some(struct run *r, const size_t *which, size_t n)
{
    qc_try t;
    qc_try_rules rules = r->rules;
    if (n == 1) {
        rules.allow_sibling = rules.allow_replacement;
        rules.package_feerates = false;
    }
    r->err = qc_try_open(&t, r->m, &rules, n, &r->fetched);
    for (size_t i = 0; i < n; i++) {
        qc_accept_result *res = &r->out->tx[which[i]];
        qc_accept_result_clear(res);
        qc_result_start(res, r->tx[which[i]]);
        if (!r->err)
            t.c[i] = (qc_candidate){.tx = r->tx[which[i]], .r = res};
    }
    if (!r->err) {
        if (n > 1) {
            try_together(&t, &r->out->v);
        } else {
            qc_try_single(&t);
            if (t.c[0].r->kind != QC_ACCEPT_VALID)
                tx_failed(&r->out->v);
        }
        r->err = t.err;
    }
    qc_try_close(&t);
}

/* May it do with the help of others? */
static bool worth_a_retry(const qc_verdict *v)
{
    return v->code == QC_V_RECONSIDERABLE || v->code == QC_V_MISSING_INPUTS;
}

static void try_alone(struct run *r, size_t i)
{
    qc_accept_result *res = &r->out->tx[i];
    const qc_mempool_entry *e = qc_mempool_find(r->m, &res->txid);
    if (e && qc_hash_eq(qc_entry_wtxid(e), &res->wtxid)) {
        res->kind = QC_ACCEPT_THERE;
        res->vsize = e->vsize;
        res->fee = e->fee;
        return;
    }
    if (e) {
        res->kind = QC_ACCEPT_OTHER_WITNESS;
        res->other_wtxid = *qc_entry_wtxid(e);
        return;
    }
    try_some(r, &i, 1);
    if (r->err || res->kind == QC_ACCEPT_VALID)
        return;
    if (r->out->n == 1 || !worth_a_retry(&res->v))
        r->quit = true;
    else
        r->later[r->n_later++] = i;
}

/* Results of single tries stand for those that were not judged together. */
static void try_later(struct run *r)
{
    qc_accept_result *kept = qc_alloc(r->n_later * sizeof *kept);
    for (size_t k = 0; k < r->n_later; k++) {
        kept[k] = r->out->tx[r->later[k]];
        r->out->tx[r->later[k]] = (qc_accept_result){0};
    }
    try_some(r, r->later, r->n_later);
    for (size_t k = 0; k < r->n_later; k++) {
        qc_accept_result *now = &r->out->tx[r->later[k]];
        if (now->kind == QC_ACCEPT_NONE) {
            qc_accept_result_clear(now);
            *now = kept[k];
        } else {
            qc_accept_result_clear(&kept[k]);
        }
    }
    qc_free(kept);
}

/* Trimming may have taken what was let in, or was there before. */
static void see_who_stayed(struct run *r)
{
    for (size_t i = 0; i < r->out->n; i++) {
        qc_accept_result *res = &r->out->tx[i];
        bool in = res->kind == QC_ACCEPT_VALID || res->kind == QC_ACCEPT_THERE ||
                  res->kind == QC_ACCEPT_OTHER_WITNESS;
        if (!in || qc_mempool_find(r->m, &res->txid))
            continue;
        qc_accept_result_clear(res);
        qc_result_start(res, r->tx[i]);
        res->kind = QC_ACCEPT_INVALID;
        qc_verdict_fail(&res->v, QC_V_MEMPOOL_POLICY, "mempool full", NULL);
        tx_failed(&r->out->v);
    }
}

static void submit(struct run *r)
{
    const qc_package p = {r->tx, r->out->n};
    qc_verdict *v = &r->out->v;
    if (!qc_package_check(&p, v))
        return;
    if (p.n > 1 && !qc_package_is_child_with_parents(&p)) {
        qc_verdict_fail(v, QC_V_PACKAGE_POLICY, "package-not-child-with-parents", NULL);
        return;
    }
    for (size_t i = 0; i < p.n && !r->err; i++)
        try_alone(r, i);
    *v = (qc_verdict){0};
    if (r->quit)
        tx_failed(v);
    else if (r->n_later && !r->err)
        try_later(r);
    qc_mempool_trim(r->m);
    see_who_stayed(r);
}

static void test_together(struct run *r)
{
    size_t n = r->out->n;
    qc_try t;
    r->err = qc_try_open(&t, r->m, &r->rules, n, &r->fetched);
    for (size_t i = 0; i < n && !r->err; i++)
        t.c[i] = (qc_candidate){.tx = r->tx[i], .r = &r->out->tx[i]};
    if (!r->err) {
        try_together(&t, &r->out->v);
        r->err = t.err;
    }
    qc_try_close(&t);
}

static qc_try_rules rules_for(const qc_package_opts *o)
{
    return (qc_try_rules){
        .test_only = o->test_only,
        .allow_replacement = !o->test_only,
        .in_package = !o->test_only,
        .package_feerates = !o->test_only,
        .max_feerate = o->has_max_feerate ? &o->max_feerate : NULL,
        .max_fee = o->has_max_fee ? &o->max_fee : NULL,
        .time = qc_clock_now(),
    };
}

qc_err qc_mempool_accept_package(qc_mempool *m, const qc_tx *const *tx, size_t n,
                                 const qc_package_opts *o, qc_package_result *out)
{
    QC_ASSERT(n >= 1 && m->tip);
    *out = (qc_package_result){0};
    out->tx = qc_try_calloc(n, sizeof *out->tx);
    struct run r = {.m = m, .tx = tx, .out = out, .rules = rules_for(o)};
    r.later = qc_try_calloc(n, sizeof *r.later);
    if (!out->tx || !r.later) {
        qc_free(r.later);
        return QC_ENOMEM;
    }
    out->n = n;
    for (size_t i = 0; i < n; i++)
        qc_result_start(&out->tx[i], tx[i]);
    if (o->test_only)
        test_together(&r);
    else
        submit(&r);
    qc_fetched_clear(m, &r.fetched, o->test_only || !qc_verdict_ok(&out->v));
    qc_free(r.later);
    qc_pool_tell(m);
    qc_flush_after_accept(m);
    return r.err;
}
