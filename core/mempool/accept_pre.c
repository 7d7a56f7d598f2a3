/* What is asked of a candidate before scripts and replacement, cheap things first (Core
 * validation.cpp PreChecks). Anybody may have it done for nothing. */
#include "core/base/alloc.h"
#include "core/mempool/accept_internal.h"

#include <stdlib.h>

static bool known(qc_try *t, qc_candidate *c)
{
    const qc_mempool *m = t->m;
    qc_verdict *v = &c->r->v;
    if (qc_mempool_find_wtxid(m, &c->r->wtxid))
        return !qc_verdict_fail(v, QC_V_CONFLICT, "txn-already-in-mempool", NULL);
    if (qc_mempool_find(m, &c->r->txid))
        return !qc_verdict_fail(v, QC_V_CONFLICT, "txn-same-nonwitness-data-in-mempool", NULL);
    return false;
}

static bool find_conflicts(qc_try *t, qc_candidate *c)
{
    qc_pool_walk(t->m);
    for (uint32_t i = 0; i < c->tx->rec->n_in; i++) {
        const qc_mempool_entry *e = qc_keymap_get(&t->m->spent, &c->tx->in[i]);
        if (!e)
            continue;
        if (!t->rules.allow_replacement)
            return qc_verdict_fail(&c->r->v, QC_V_MEMPOOL_POLICY, "bip125-replacement-disallowed",
                                   NULL);
        if (qc_pool_mark(t->m, e))
            qc_list_add(&c->conflicts, e);
    }
    return true;
}

/* ---- inputs ---- */

static bool note_fetch(qc_try *t, const qc_outpoint *o)
{
    qc_fetched *f = t->fetched;
    if (qc_coins_peek(t->m->coins, o, NULL) != QC_COINS_MISS)
        return true;
    if (f->n == f->cap) {
        size_t cap = f->cap * 2 + 16;
        qc_outpoint *v = qc_try_realloc(f->o, cap * sizeof *v);
        if (!v) {
            t->err = QC_ENOMEM;
            return false;
        }
        f->o = v;
        f->cap = cap;
    }
    f->o[f->n++] = *o;
    return true;
}

/* An output of a candidate before this one. */
static const qc_candidate *maker(const qc_try *t, const qc_candidate *c, const qc_outpoint *o)
{
    for (const qc_candidate *k = t->c; k < c; k++)
        if (qc_hash_eq(&k->r->txid, &o->txid))
            return k;
    return NULL;
}

static qc_err find_coin(qc_try *t, const qc_candidate *c, const qc_outpoint *o, qc_spent *out)
{
    const qc_candidate *k = maker(t, c, o);
    if (!k)
        return qc_mempool_coin(t->m, o, out);
    if (o->n >= k->tx->rec->n_out)
        return QC_ENOENT;
    *out = (qc_spent){k->tx->out[o->n].value, qc_tx_script(k->tx, o->n), QC_MEMPOOL_HEIGHT, false};
    return QC_OK;
}

/* Inputs are missing: because it has been confirmed already? */
static bool missing(qc_try *t, qc_candidate *c)
{
    qc_outpoint o = {.txid = c->r->txid};
    for (; o.n < c->tx->rec->n_out; o.n++)
        if (qc_coins_peek(t->m->coins, &o, NULL) == QC_COINS_UNSPENT)
            return qc_verdict_fail(&c->r->v, QC_V_CONFLICT, "txn-already-known", NULL);
    return qc_verdict_fail(&c->r->v, QC_V_MISSING_INPUTS, "bad-txns-inputs-missingorspent", NULL);
}

static bool find_inputs(qc_try *t, qc_candidate *c)
{
    c->spent = qc_try_calloc(c->tx->rec->n_in, sizeof *c->spent);
    if (!c->spent) {
        t->err = QC_ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < c->tx->rec->n_in; i++) {
        qc_outpoint o = qc_tx_prevout(c->tx, i);
        if (!note_fetch(t, &o))
            return false;
        qc_err err = find_coin(t, c, &o, &c->spent[i]);
        if (err == QC_ENOENT)
            return missing(t, c);
        if (err) {
            t->err = err;
            return false;
        }
    }
    return true;
}

static bool check_inputs(qc_try *t, qc_candidate *c, qc_lock_points *locks, qc_amount *fee)
{
    const qc_index *tip = t->m->tip;
    *locks = qc_locks_of(c->tx, c->spent, tip);
    if (!qc_locks_open(locks, tip))
        return qc_verdict_fail(&c->r->v, QC_V_PREMATURE_SPEND, "non-BIP68-final", NULL);
    if (!qc_check_tx_inputs(c->tx, c->spent, tip->height + 1, fee, &c->r->v)) {
        /* In a block that is a breach of consensus; here it is just too early. */
        if (strcmp(c->r->v.reason, "bad-txns-premature-spend-of-coinbase") == 0)
            c->r->v.code = QC_V_PREMATURE_SPEND;
        return false;
    }
    return !t->m->o.policy.require_standard ||
           qc_policy_check_inputs(&t->m->o.policy, c->tx, c->spent, &c->r->v);
}

/* ---- staging ---- */

uint32_t qc_tx_legacy_sigops(const qc_tx *tx)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        n += qc_script_sigops(qc_tx_script_sig(tx, i), false);
    for (uint32_t o = 0; o < tx->rec->n_out; o++)
        n += qc_script_sigops(qc_tx_script(tx, o), false);
    return n;
}

static bool spends_coinbase(const qc_candidate *c)
{
    for (uint32_t i = 0; i < c->tx->rec->n_in; i++)
        if (c->spent[i].coinbase)
            return true;
    return false;
}

/* Make the entry, and let the graph's staging have it. */
static bool stage(qc_try *t, qc_candidate *c, const qc_lock_points *locks, qc_amount fee)
{
    qc_mempool *m = t->m;
    qc_mempool_entry *e = c->e = qc_entry_new(m->slab, c->tx);
    if (!e) {
        t->err = QC_ENOMEM;
        return false;
    }
    e->fee = fee;
    e->modified_fee = qc_fee_add(fee, qc_mempool_delta(m, &c->r->txid));
    e->sequence = t->rules.bypass_limits ? 0 : m->sequence;
    e->time = t->rules.time;
    e->height = m->tip->height;
    e->spends_coinbase = spends_coinbase(c);
    e->locks = *locks;
    e->sigop_cost =
        (uint32_t)qc_tx_sigop_cost(c->tx, c->spent, qc_tx_legacy_sigops(c->tx), QC_POLICY_FLAGS);
    e->adjusted_weight =
        qc_adjusted_weight(c->tx->rec->weight, e->sigop_cost, m->o.policy.bytes_per_sigop);
    e->vsize = qc_vsize(e->adjusted_weight);
    if (!qc_graph_staged(m->graph))
        qc_graph_stage(m->graph);
    e->ref = qc_graph_add(m->graph, e->modified_fee,
                          (int32_t)QC_MIN(e->adjusted_weight, (int64_t)INT32_MAX), e);
    return true;
}

static bool check_fees(qc_try *t, qc_candidate *c)
{
    const qc_policy *p = &t->m->o.policy;
    qc_mempool_entry *e = c->e;
    if (p->require_standard &&
        !qc_policy_check_dust_fee(p, c->tx, e->fee, e->modified_fee, &c->r->v))
        return false;
    if (!qc_policy_check_sigops(e->sigop_cost, &c->r->v))
        return false;
    return t->rules.bypass_limits || t->rules.package_feerates ||
           qc_policy_check_fee(p, qc_mempool_min_fee(t->m), e->vsize, e->modified_fee, &c->r->v);
}

/* ---- BIP431 ---- */

/* The one other descendant of a parent, or NULL. */
static const qc_mempool_entry *only_child(const qc_mempool *m, const qc_mempool_entry *p)
{
    qc_graph_refs down = qc_graph_descendants(m->graph, QC_GRAPH_MAIN, &p->ref, 1);
    if (down.n != 2)
        return NULL;
    const qc_mempool_entry *a = qc_entry_of(m, down.ref[0]);
    return a == p ? qc_entry_of(m, down.ref[1]) : a;
}

static bool child_conflicts(qc_mempool *m, const qc_candidate *c, const qc_mempool_entry *p)
{
    qc_pool_mark_all(m, &c->conflicts);
    qc_graph_refs down = qc_graph_descendants(m->graph, QC_GRAPH_MAIN, &p->ref, 1);
    for (size_t i = 0; i < down.n; i++) {
        const qc_mempool_entry *e = qc_entry_of(m, down.ref[i]);
        if (e != p && qc_pool_marked(m, e))
            return true;
    }
    return false;
}

static void count_relatives(qc_mempool *m, const qc_candidate *c, const qc_mempool_entry *p,
                            qc_truc_parent *v)
{
    const qc_mempool_entry *child = only_child(m, p);
    v->ancestors = (uint32_t)qc_graph_ancestors(m->graph, QC_GRAPH_MAIN, &p->ref, 1).n;
    v->descendants = (uint32_t)qc_graph_descendants(m->graph, QC_GRAPH_MAIN, &p->ref, 1).n;
    v->child_conflicts = child_conflicts(m, c, p);
    if (child)
        v->sibling_ancestors =
            (uint32_t)qc_graph_ancestors(m->graph, QC_GRAPH_MAIN, &child->ref, 1).n;
}

/* Which one of several is named first is told by the bytes of its txid. */
static int by_txid(const void *a, const void *b)
{
    const qc_truc_parent *x = a, *y = b;
    return memcmp(x->txid->b, y->txid->b, sizeof x->txid->b);
}

/* No limit has been looked at yet, and there may be thousands of parents. */
qc_truc_parent *qc_truc_views(qc_mempool *m, const qc_candidate *c)
{
    qc_truc_parent *v = qc_alloc((c->parents.n + 1) * sizeof *v);
    for (size_t i = 0; i < c->parents.n; i++) {
        const qc_mempool_entry *p = c->parents.e[i];
        v[i] = (qc_truc_parent){
            .txid = qc_entry_txid(p), .wtxid = qc_entry_wtxid(p), .version = p->tx.rec->version};
    }
    qsort(v, c->parents.n, sizeof *v, by_txid);
    if (c->tx->rec->version == QC_TRUC_VERSION && c->parents.n == 1)
        count_relatives(m, c, c->parents.e[0], &v[0]);
    return v;
}

static bool check_truc(qc_try *t, qc_candidate *c)
{
    bool evict = false;
    qc_truc_parent *parents = qc_truc_views(t->m, c);
    bool ok = qc_truc_check(c->tx, c->e->vsize, parents, c->parents.n, &evict, &c->r->v);
    qc_free(parents);
    if (ok || !evict || !t->rules.allow_sibling)
        return ok;
    const qc_mempool_entry *sibling = only_child(t->m, c->parents.e[0]);
    if (!sibling)
        return false;
    c->r->v = (qc_verdict){0};
    c->sibling = true;
    qc_list_add(&c->conflicts, sibling);
    return true;
}

bool qc_try_pre_checks(qc_try *t, qc_candidate *c)
{
    qc_mempool *m = t->m;
    qc_verdict *v = &c->r->v;
    qc_lock_points locks;
    qc_amount fee;
    if (!qc_check_tx(c->tx, v))
        return false;
    if (qc_tx_is_coinbase(c->tx))
        return qc_verdict_fail(v, QC_V_CONSENSUS, "coinbase", NULL);
    if (!qc_policy_check_tx(&m->o.policy, c->tx, v))
        return false;
    if (!qc_final_at(c->tx, m->tip))
        return qc_verdict_fail(v, QC_V_PREMATURE_SPEND, "non-final", NULL);
    if (known(t, c) || !find_conflicts(t, c) || !find_inputs(t, c))
        return false;
    if (!check_inputs(t, c, &locks, &fee) || !stage(t, c, &locks, fee) || !check_fees(t, c))
        return false;
    qc_mempool_parents(m, c->e, &c->parents);
    if (!t->rules.bypass_limits && !check_truc(t, c))
        return false;
    t->replaces = t->replaces || c->conflicts.n;
    return true;
}
