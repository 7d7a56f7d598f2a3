/* Transactions for a block by a policy of its own, or on top of a block that is not found yet. The
 * pool's order holds for all clusters but those with a changed fee: these are put in order anew,
 * and both streams of chunks are merged by their rates. */
#include "core/mining/choose.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/graph.h"
#include "core/mempool/keymap.h"

#define MAX_MISSES 1000
/* So many chunks in a row that pay too little: what is left pays no better, but for those few whose
 * worst part is in already. */
#define MAX_POOR 1000

typedef struct picker {
    const qc_mempool *m;
    qc_template_options o;
    const qc_overlay *ov;
    uint32_t height, mtp;
    qc_chosen *c;
    qc_keymap changed;    /* by txid: qc_overlay_change */
    qc_keymap apart;      /* by txid: entries of clusters that are in order elsewhere */
    qc_keymap in, out;    /* by txid: entries that are chosen, and that will not be */
    qc_keymap under;      /* by txid: entries of the block below */
    qc_keymap spent;      /* by outpoint: what that block spends */
    qc_graph *graph;      /* of the clusters apart */
    uint8_t (*point)[36]; /* keys of `spent` */
} picker;

/* Out: *key as it lies in a keymap of outpoints. */
static void point_key(const uint8_t *txid, uint32_t n, uint8_t key[static 36])
{
    memcpy(key, txid, 32);
    for (int i = 0; i < 4; i++)
        key[32 + i] = (uint8_t)(n >> 8 * i);
}

static void note(qc_keymap *k, const qc_mempool_entry *e)
{
    if (qc_keymap_get(k, e->tx.rec->txid))
        return;
    qc_keymap_must_reserve(k, 1);
    qc_keymap_put(k, e->tx.rec->txid, (void *)(uintptr_t)e);
}

static const qc_overlay_change *change_of(const picker *p, const qc_mempool_entry *e)
{
    return p->changed.n ? qc_keymap_get(&p->changed, e->tx.rec->txid) : NULL;
}

/* It spends what the block below has spent already. */
static bool conflicts(const picker *p, const qc_tx *tx)
{
    for (uint32_t i = 0; i < tx->rec->n_in && p->spent.n; i++) {
        uint8_t key[36];
        point_key(tx->in[i].prev_txid, tx->in[i].prev_n, key);
        if (qc_keymap_get(&p->spent, key))
            return true;
    }
    return false;
}

/* May it go in, given what was decided about those that it spends? */
static bool allowed(const picker *p, const qc_mempool_entry *e)
{
    const qc_overlay_change *ch = change_of(p, e);
    if ((ch && ch->exclude) || (p->ov->newest && e->time > p->ov->newest) ||
        !qc_tx_is_final(&e->tx, p->height, p->mtp) || conflicts(p, &e->tx))
        return false;
    for (uint32_t i = 0; i < e->tx.rec->n_in && p->out.n; i++)
        if (qc_keymap_get(&p->out, e->tx.in[i].prev_txid))
            return false;
    return true;
}

static bool is_done(const picker *p, const qc_mempool_entry *e)
{
    return qc_keymap_get(&p->in, e->tx.rec->txid) || qc_keymap_get(&p->out, e->tx.rec->txid) ||
           qc_keymap_get(&p->under, e->tx.rec->txid);
}

/* What is left of a chunk goes in, or none of it ever. *missed: it did not fit. */
static qc_err settle(picker *p, const qc_mempool_entry *const *e, size_t n, bool forced,
                     bool *missed)
{
    const qc_mempool_entry *left[QC_GRAPH_MAX_COUNT];
    qc_mempool_point sum = {0, 0};
    size_t k = 0;
    *missed = false;
    for (size_t i = 0; i < n; i++) {
        if (is_done(p, e[i]))
            continue;
        if (!allowed(p, e[i])) {
            note(&p->out, e[i]);
            continue;
        }
        const qc_overlay_change *ch = change_of(p, e[i]);
        left[k++] = e[i];
        sum.fee = qc_fee_add(sum.fee, qc_fee_add(e[i]->modified_fee, ch ? ch->delta : 0));
        sum.weight += e[i]->adjusted_weight;
    }
    if (!k)
        return QC_OK;
    bool pays = forced || qc_feerate_cmp(qc_chosen_rate(&sum), p->o.min_feerate) >= 0;
    bool take = pays && qc_chosen_fits(p->c, &p->o, left, k, sum.weight);
    *missed = pays && !take;
    for (size_t i = 0; i < k; i++)
        note(take ? &p->in : &p->out, left[i]);
    return take ? qc_chosen_take(p->c, &p->o, left, k, &sum) : QC_OK;
}

/* ---- what must be in ---- */

static qc_err include(picker *p, const qc_mempool_entry *e)
{
    qc_mempool_list up;
    bool missed;
    qc_err err = QC_OK;
    qc_mempool_ancestors(p->m, e, &up);
    for (size_t i = 0; i < up.n; i++) /* what was left out takes e with it */
        if (qc_keymap_get(&p->out, up.e[i]->tx.rec->txid))
            note(&p->out, e);
    const qc_mempool_entry *all[QC_GRAPH_MAX_COUNT];
    size_t n = 0;
    for (; n < up.n && n + 1 < QC_COUNTOF(all); n++)
        all[n] = up.e[n];
    all[n++] = e;
    bool ok = true;
    for (size_t i = 0; i < n; i++)
        ok = ok && (qc_keymap_get(&p->in, all[i]->tx.rec->txid) ||
                    qc_keymap_get(&p->under, all[i]->tx.rec->txid) || allowed(p, all[i]));
    if (ok)
        err = settle(p, all, n, true, &missed);
    qc_mempool_list_clear(&up);
    return err;
}

static qc_err include_all(picker *p)
{
    qc_err err = QC_OK;
    for (size_t i = 0; i < p->ov->n_changes && !err; i++) {
        const qc_overlay_change *ch = &p->ov->change[i];
        const qc_mempool_entry *e = ch->include ? qc_mempool_find(p->m, &ch->txid) : NULL;
        if (e && !is_done(p, e))
            err = include(p, e);
    }
    return err;
}

/* ---- clusters with a changed fee ---- */

static int by_txid(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    return memcmp(((const qc_mempool_entry *)a)->tx.rec->txid,
                  ((const qc_mempool_entry *)b)->tx.rec->txid, 32);
}

static void relate(picker *p, const qc_mempool_list *l, const qc_graph_ref *ref)
{
    for (size_t i = 0; i < l->n; i++)
        for (uint32_t k = 0; k < l->e[i]->tx.rec->n_in; k++)
            for (size_t j = 0; j < i; j++) /* in mining order: parents come before */
                if (memcmp(l->e[j]->tx.rec->txid, l->e[i]->tx.in[k].prev_txid, 32) == 0)
                    qc_graph_depend(p->graph, ref[j], ref[i]);
}

static void set_apart(picker *p, const qc_mempool_entry *e)
{
    qc_graph_ref ref[QC_GRAPH_MAX_COUNT];
    qc_mempool_list l;
    qc_mempool_cluster(p->m, e, &l);
    QC_ASSERT(l.n <= QC_COUNTOF(ref));
    for (size_t i = 0; i < l.n; i++) {
        const qc_overlay_change *ch = change_of(p, l.e[i]);
        int64_t fee = qc_fee_add(l.e[i]->modified_fee, ch ? ch->delta : 0);
        note(&p->apart, l.e[i]);
        ref[i] = qc_graph_add(p->graph, fee, (int32_t)l.e[i]->adjusted_weight,
                              (void *)(uintptr_t)l.e[i]);
    }
    relate(p, &l, ref);
    qc_mempool_list_clear(&l);
}

static void set_all_apart(picker *p)
{
    const qc_graph_config config = {
        .max_size =
            QC_MIN(qc_mempool_limits(p->m)->cluster_vbytes, INT32_MAX / (int64_t)QC_WITNESS_SCALE) *
            (int64_t)QC_WITNESS_SCALE,
        .order = by_txid,
        .seed = 1,
    };
    p->graph = qc_graph_new(&config);
    for (size_t i = 0; i < p->ov->n_changes; i++) {
        const qc_overlay_change *ch = &p->ov->change[i];
        const qc_mempool_entry *e = ch->delta ? qc_mempool_find(p->m, &ch->txid) : NULL;
        if (e && !qc_keymap_get(&p->apart, e->tx.rec->txid))
            set_apart(p, e);
    }
    (void)qc_graph_work(p->graph, 1000000);
}

/* ---- both streams ---- */

typedef struct stream {
    const qc_mempool_entry *e[QC_GRAPH_MAX_COUNT];
    size_t n; /* 0: at its end */
    qc_mempool_point sum;
} stream;

/* The pool's next chunk that is not of a cluster apart. */
static void read_pool(picker *p, qc_mempool_build *b, stream *s)
{
    const qc_mempool_entry *const *e;
    while ((s->n = qc_mempool_build_chunk(b, &e, &s->sum)) > 0) {
        if (!p->apart.n || !qc_keymap_get(&p->apart, e[0]->tx.rec->txid))
            break;
        qc_mempool_build_take(b);
    }
    if (s->n)
        memcpy(s->e, e, s->n * sizeof(const qc_mempool_entry *));
}

static void read_apart(picker *p, const qc_graph_walk *w, stream *s)
{
    qc_feesize sum;
    qc_graph_refs chunk = qc_graph_walk_chunk(w, &sum);
    s->n = chunk.n;
    s->sum = (qc_mempool_point){sum.fee, sum.size};
    for (size_t i = 0; i < chunk.n; i++)
        s->e[i] = qc_graph_user(p->graph, chunk.ref[i]);
}

static bool better(const stream *a, const stream *b)
{
    return b->n == 0 ||
           (a->n && qc_feesize_cmp((qc_feesize){a->sum.fee, (int32_t)a->sum.weight},
                                   (qc_feesize){b->sum.fee, (int32_t)b->sum.weight}) >= 0);
}

static qc_err merge(picker *p, qc_mempool_build *b)
{
    qc_graph_walk w;
    stream pool, apart;
    qc_err err = QC_OK;
    unsigned misses = 0, poor = 0;
    qc_graph_walk_start(p->graph, &w);
    read_pool(p, b, &pool);
    read_apart(p, &w, &apart);
    while (!err && (pool.n || apart.n) && misses <= MAX_MISSES && poor <= MAX_POOR) {
        bool first = better(&pool, &apart), missed;
        const stream *s = first ? &pool : &apart;
        err = settle(p, s->e, s->n, false, &missed);
        misses = missed ? misses + 1 : 0;
        poor = qc_feerate_cmp(qc_chosen_rate(&s->sum), p->o.min_feerate) < 0 ? poor + 1 : 0;
        if (first) {
            qc_mempool_build_take(b);
            read_pool(p, b, &pool);
        } else {
            qc_graph_walk_next(&w, false);
            read_apart(p, &w, &apart);
        }
    }
    return err;
}

/* ---- the whole ---- */

static void look_under(picker *p, const qc_template *under)
{
    size_t n = 0;
    for (uint32_t i = 0; i < under->n_tx; i++) {
        note(&p->under, under->entry[i]);
        n += under->entry[i]->tx.rec->n_in;
    }
    p->point = qc_alloc((n + 1) * sizeof *p->point);
    qc_keymap_must_reserve(&p->spent, n);
    n = 0;
    for (uint32_t i = 0; i < under->n_tx; i++) {
        const qc_tx *tx = &under->entry[i]->tx;
        for (uint32_t k = 0; k < tx->rec->n_in; k++, n++) {
            point_key(tx->in[k].prev_txid, tx->in[k].prev_n, p->point[n]);
            qc_keymap_put(&p->spent, p->point[n], p->point[n]);
        }
    }
}

static void learn_changes(picker *p)
{
    for (size_t i = 0; i < p->ov->n_changes; i++) {
        const qc_overlay_change *ch = &p->ov->change[i];
        if (qc_keymap_get(&p->changed, ch->txid.b))
            continue; /* the first of a txid counts */
        qc_keymap_must_reserve(&p->changed, 1);
        qc_keymap_put(&p->changed, ch->txid.b, (void *)(uintptr_t)ch);
    }
}

static void picker_clear(picker *p)
{
    qc_keymap_clear(&p->changed);
    qc_keymap_clear(&p->apart);
    qc_keymap_clear(&p->in);
    qc_keymap_clear(&p->out);
    qc_keymap_clear(&p->under);
    qc_keymap_clear(&p->spent);
    qc_graph_free(p->graph);
    qc_free(p->point);
}

qc_err qc_choose_with(const qc_mempool *m, const qc_template_options *o, const qc_overlay *ov,
                      const qc_template *under, uint32_t height, uint32_t mtp, qc_chosen *out)
{
    static const qc_overlay NONE;
    if (!m || o->no_mempool || (!ov && !under))
        return qc_choose(m, o, height, mtp, out);
    *out = (qc_chosen){.weight = o->reserved_weight, .sigops = o->reserved_sigops};
    picker p = {.m = m, .o = *o, .ov = ov ? ov : &NONE, .height = height, .mtp = mtp, .c = out};
    qc_keymap *const by_txid_maps[] = {&p.changed, &p.apart, &p.in, &p.out, &p.under};
    for (size_t i = 0; i < QC_COUNTOF(by_txid_maps); i++)
        qc_keymap_init(by_txid_maps[i], 32);
    qc_keymap_init(&p.spent, 36);
    p.o.max_weight = QC_MAX(p.o.max_weight - p.ov->reserved_space, 0);
    learn_changes(&p);
    if (under)
        look_under(&p, under);
    set_all_apart(&p);
    qc_err err = include_all(&p);
    qc_mempool_build *b = err ? NULL : qc_mempool_build_start(m);
    if (b)
        err = merge(&p, b);
    qc_mempool_build_end(b);
    picker_clear(&p);
    if (err)
        qc_chosen_clear(out);
    else
        qc_chosen_hold(out);
    return err;
}
