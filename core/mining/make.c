/* The parts of a template that follow from its tip and its transactions. */
#include "core/mining/make.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/btc/merkle.h"
#include "core/chain/tree.h"
#include "core/mining/assemble.h"

#define IDS_AHEAD 16u /* entries whose ids are asked of memory while others are hashed */

/* Out: the coinbase's path in the template. Returns the root over the witness ids. */
static qc_hash hash_trees(qc_template *t)
{
    static const uint8_t coinbase[32];
    qc_merkle_run txids, wtxids;
    qc_hash path[QC_MERKLE_MAX_DEPTH], root = {{0}};
    unsigned len;
    if (!t->n_tx)
        return root;
    qc_merkle_run_init(&txids);
    qc_merkle_run_init(&wtxids);
    qc_merkle_run_add(&txids, coinbase);
    qc_merkle_run_add(&wtxids, coinbase);
    for (uint32_t i = 0; i < t->n_tx; i++) {
        if (i + IDS_AHEAD < t->n_tx)
            __builtin_prefetch(t->entry[i + IDS_AHEAD]->rec.txid);
        qc_merkle_run_add(&txids, t->entry[i]->rec.txid);
        qc_merkle_run_add(&wtxids, t->entry[i]->rec.wtxid);
    }
    qc_merkle_run_end(&txids, t->path, &t->path_len, NULL);
    qc_merkle_run_end(&wtxids, path, &len, &root);
    return root;
}

/* The parent may be found with a later time than it has now, and never raises the median by more
 * than this. */
static int64_t least_on_late_parent(const qc_template *t)
{
    const qc_index late = {.parent = t->tip->parent, .header.time = UINT32_MAX};
    return t->parent ? (int64_t)qc_index_mtp(&late) + 1 : 0;
}

static void set_header(const qc_maker *m, qc_template *t, qc_unixtime now)
{
    int64_t least = QC_MAX(qc_mining_min_time(m->params, t->tip), least_on_late_parent(t));
    int64_t time = QC_MAX(least, now);
    qc_u256 target;
    t->min_time = (uint32_t)QC_MIN(least, (int64_t)UINT32_MAX);
    t->cur_time = (uint32_t)QC_MIN(time, (int64_t)UINT32_MAX);
    t->version = m->has_version && m->params->mine_on_demand ? m->version
                                                             : qc_mining_version(m->params, t->tip);
    t->bits = qc_mining_bits(m->params, t->tip, t->cur_time);
    qc_compact_decode(t->bits, &target, NULL, NULL);
    qc_u256_to_hash(&target, &t->target);
}

static void set_rules(const qc_maker *m, qc_template *t)
{
    const qc_bip9 *d = &m->params->testdummy;
    qc_ancestors a = qc_mining_ancestors(t->tip);
    qc_vb_state s = qc_vb_state_at(d, &a, t->height, NULL);
    if (s == QC_VB_STARTED || s == QC_VB_LOCKED_IN || s == QC_VB_ACTIVE)
        t->rule[t->n_rules++] = (qc_template_rule){d->name, d->bit, s, true};
    t->segwit = qc_deployment_active(m->params, QC_DEP_SEGWIT, t->height);
}

/* The entries pass to the template. */
static void set_chosen(qc_template *t, qc_chosen *c, const qc_template_options *o)
{
    t->entry = c->entry;
    t->n_tx = (uint32_t)c->n;
    t->chunk = c->chunk;
    t->n_chunks = (uint32_t)c->n_chunks;
    t->fees = c->fees;
    t->weight = (uint32_t)(c->weight - o->reserved_weight);
    t->sigops = (uint32_t)(c->sigops - o->reserved_sigops);
    t->tx_bytes = c->bytes;
    t->n_in = c->n_in;
    *c = (qc_chosen){.n = 0};
}

static void fill(const qc_maker *m, const qc_make *req, qc_template *t, qc_chosen *c)
{
    set_chosen(t, c, req->o);
    set_header(m, t, req->now);
    set_rules(m, t);
    qc_hash witness_root = hash_trees(t);
    qc_coinbase_fix(m->params, t->height, t->fees, &witness_root, &t->coinbase);
}

/* What the parent's block will be to its child, but for its hash. */
static const qc_index *stand_in(const qc_template *parent)
{
    qc_index *i = qc_alloc(sizeof *i);
    i->header.version = parent->version;
    i->header.prev = parent->prev;
    i->header.time = parent->cur_time;
    i->header.bits = parent->bits;
    qc_tree_link(i, (qc_index *)(uintptr_t)parent->tip);
    return i;
}

static qc_template *blank(const qc_maker *m, const qc_make *req)
{
    qc_template *t = qc_try_alloc(sizeof *t);
    if (!t)
        return NULL;
    t->id = req->id;
    t->refs = 1;
    t->params = m->params;
    t->why = req->why;
    t->kind = req->kind;
    t->updates = req->updates;
    t->t_tip = req->t_tip;
    if (req->parent) {
        t->parent = qc_template_ref(req->parent);
        t->tip = stand_in(req->parent);
    } else {
        t->tip = req->tip;
        t->prev = req->tip->hash;
    }
    t->height = t->tip->height + 1;
    return t;
}

qc_err qc_make_template(const qc_maker *m, const qc_make *req, qc_chosen *chosen,
                        const qc_template **out)
{
    *out = NULL;
    qc_template *t = blank(m, req);
    if (!t) {
        qc_chosen_clear(chosen);
        return QC_ENOMEM;
    }
    fill(m, req, t, chosen);
    t->t_built = qc_clock_mono();
    *out = t;
    return QC_OK;
}
