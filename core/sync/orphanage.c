#include "core/sync/orphanage_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include <stdlib.h>

#define SCORE 3000u
#define WEIGHT 404000

const qc_orphan *qc_orphan_ref(const qc_orphan *o)
{
    ((qc_orphan *)(uintptr_t)o)->refs++;
    return o;
}

void qc_orphan_unref(const qc_orphan *o)
{
    qc_orphan *own = (qc_orphan *)(uintptr_t)o;
    if (!own || --own->refs)
        return;
    qc_txbuf_clear(&own->buf);
    qc_free(own);
}

/* ---- finding ---- */

uint64_t qc_orphanage_input_key(const qc_orphanage *o, const uint8_t txid[static 32], uint32_t n)
{
    return qc_siphash_hash_u32(&o->o.key, (const qc_hash *)txid, n);
}

qc_orphan_entry *qc_orphanage_entry(const qc_orphanage *o, const qc_hash *wtxid)
{
    qc_table_link *l = qc_table_find(&o->entries, qc_siphash_hash(&o->o.key, wtxid));
    for (; l; l = qc_table_next(l)) {
        qc_orphan_entry *e = QC_HOLDER(qc_orphan_entry, by_wtxid, l);
        if (qc_hash_eq(qc_orphan_wtxid(e->orphan), wtxid))
            return e;
    }
    return NULL;
}

qc_orphan_peer *qc_orphanage_peer(const qc_orphanage *o, qc_peer_id id)
{
    qc_table_link *l = qc_table_find(&o->peers, (uint64_t)id);
    return l ? QC_HOLDER(qc_orphan_peer, by_id, l) : NULL;
}

static qc_orphan_ann *find_ann(const qc_orphan_entry *e, qc_peer_id peer)
{
    qc_orphan_ann *a = e ? e->anns : NULL;
    while (a && a->peer->id != peer)
        a = a->next_of_entry;
    return a;
}

/* ---- coming ---- */

static bool older(const qc_heap_node *a, const qc_heap_node *b)
{
    return QC_HOLDER(qc_orphan_ann, in_age, a)->seq < QC_HOLDER(qc_orphan_ann, in_age, b)->seq;
}

static qc_orphan_peer *peer_of(qc_orphanage *o, qc_peer_id id)
{
    qc_orphan_peer *p = qc_orphanage_peer(o, id);
    if (!p) {
        p = qc_alloc(sizeof *p);
        p->id = id;
        p->idle.before = p->work.before = older;
        qc_table_add(&o->peers, &p->by_id, (uint64_t)id);
    }
    return p;
}

static void add_ann(qc_orphanage *o, qc_orphan_entry *e, qc_peer_id peer)
{
    qc_orphan_peer *p = peer_of(o, peer);
    qc_orphan_ann *a = qc_alloc(sizeof *a);
    a->entry = e;
    a->next_of_entry = e->anns;
    a->at_of_entry = &e->anns;
    if (a->next_of_entry)
        a->next_of_entry->at_of_entry = &a->next_of_entry;
    e->anns = a;
    e->n_anns++;
    a->peer = p;
    a->next_of_peer = p->anns;
    a->at_of_peer = &p->anns;
    if (a->next_of_peer)
        a->next_of_peer->at_of_peer = &a->next_of_peer;
    p->anns = a;
    p->n++;
    p->score += 1 + qc_orphan_input_score(e);
    p->weight += qc_orphan_entry_tx(e)->rec->weight;
    a->seq = o->seq++;
    qc_heap_push(&p->idle, &a->in_age);
    o->n_anns++;
}

/* NULL: no memory. */
static qc_orphan_entry *new_entry(qc_orphanage *o, const qc_tx *tx)
{
    uint32_t n = tx->rec->n_in;
    qc_orphan *x = qc_try_alloc(sizeof *x);
    qc_orphan_entry *e = x ? qc_try_alloc(sizeof *e + n * sizeof e->in[0]) : NULL;
    if (!e || qc_tx_parse(qc_tx_bytes(tx), true, &x->buf)) {
        qc_free(x);
        qc_free(e);
        return NULL;
    }
    x->refs = 1;
    e->orphan = x;
    qc_table_add(&o->entries, &e->by_wtxid, qc_siphash_hash(&o->o.key, qc_orphan_wtxid(x)));
    for (uint32_t i = 0; i < n; i++) {
        const qn_in_rec *in = &x->buf.tx.in[i];
        e->in[i].entry = e;
        qc_table_add(&o->inputs, &e->in[i].link,
                     qc_orphanage_input_key(o, in->prev_txid, in->prev_n));
    }
    o->weight += tx->rec->weight;
    o->input_score += qc_orphan_input_score(e);
    return e;
}

bool qc_orphanage_add(qc_orphanage *o, const qc_tx *tx, qc_peer_id peer)
{
    if (tx->rec->weight > QC_ORPHAN_WEIGHT_MAX)
        return false;
    qc_orphan_entry *e = qc_orphanage_entry(o, (const qc_hash *)tx->rec->wtxid);
    bool fresh = !e;
    if (fresh)
        e = new_entry(o, tx);
    if (!e || find_ann(e, peer))
        return false;
    add_ann(o, e, peer);
    qc_orphanage_trim(o);
    return fresh;
}

bool qc_orphanage_add_peer(qc_orphanage *o, const qc_hash *wtxid, qc_peer_id peer)
{
    qc_orphan_entry *e = qc_orphanage_entry(o, wtxid);
    if (!e || find_ann(e, peer))
        return false;
    add_ann(o, e, peer);
    qc_orphanage_trim(o);
    return true;
}

/* ---- going ---- */

static void erase_entry(qc_orphanage *o, qc_orphan_entry *e)
{
    for (uint32_t i = 0; i < qc_orphan_entry_tx(e)->rec->n_in; i++)
        qc_table_remove(&o->inputs, &e->in[i].link);
    qc_table_remove(&o->entries, &e->by_wtxid);
    o->weight -= qc_orphan_entry_tx(e)->rec->weight;
    o->input_score -= qc_orphan_input_score(e);
    qc_orphan_unref(e->orphan);
    qc_free(e);
}

static void erase_ann(qc_orphanage *o, qc_orphan_ann *a)
{
    qc_orphan_entry *e = a->entry;
    qc_orphan_peer *p = a->peer;
    o->steps++;
    qc_heap_remove(a->work ? &p->work : &p->idle, &a->in_age);
    if (a->work) {
        e->work = NULL;
        o->n_work--;
    }
    *a->at_of_entry = a->next_of_entry;
    if (a->next_of_entry)
        a->next_of_entry->at_of_entry = a->at_of_entry;
    *a->at_of_peer = a->next_of_peer;
    if (a->next_of_peer)
        a->next_of_peer->at_of_peer = a->at_of_peer;
    p->score -= 1 + qc_orphan_input_score(e);
    p->weight -= qc_orphan_entry_tx(e)->rec->weight;
    qc_free(a);
    o->n_anns--;
    if (--p->n == 0) {
        qc_table_remove(&o->peers, &p->by_id);
        qc_free(p);
    }
    if (--e->n_anns == 0)
        erase_entry(o, e);
}

/* Its work is passed on, or whoever has it could keep the orphan from being tried by leaving. */
void qc_orphanage_erase_ann(qc_orphanage *o, qc_orphan_ann *a)
{
    qc_orphan_entry *e = a->work && a->entry->n_anns > 1 ? a->entry : NULL;
    erase_ann(o, a);
    if (e)
        qc_orphanage_make_work(o, e);
}

/* It is gone with its last announcement. */
static void erase_all_of(qc_orphanage *o, qc_orphan_entry *e)
{
    for (size_t n = e->n_anns; n; n--)
        erase_ann(o, e->anns);
}

bool qc_orphanage_erase(qc_orphanage *o, const qc_hash *wtxid)
{
    qc_orphan_entry *e = qc_orphanage_entry(o, wtxid);
    if (e)
        erase_all_of(o, e);
    qc_orphanage_trim(o); /* with fewer peers there is less room */
    return e != NULL;
}

void qc_orphanage_forget_peer(qc_orphanage *o, qc_peer_id peer)
{
    qc_orphan_peer *p = qc_orphanage_peer(o, peer);
    for (size_t n = p ? p->n : 0; n; n--)
        qc_orphanage_erase_ann(o, p->anns);
    qc_orphanage_trim(o);
}

static bool spends(const qc_orphan_input *i, const uint8_t txid[static 32], uint32_t n)
{
    const qn_in_rec *in = &qc_orphan_entry_tx(i->entry)->in[i - i->entry->in];
    return in->prev_n == n && memcmp(in->prev_txid, txid, 32) == 0;
}

/* An entry that spends this output, or NULL. */
static qc_orphan_entry *spender(qc_orphanage *o, const uint8_t txid[static 32], uint32_t n)
{
    qc_table_link *l = qc_table_find(&o->inputs, qc_orphanage_input_key(o, txid, n));
    for (; l; l = qc_table_next(l)) {
        qc_orphan_input *i = QC_HOLDER(qc_orphan_input, link, l);
        o->steps++;
        if (spends(i, txid, n))
            return i->entry;
    }
    return NULL;
}

size_t qc_orphanage_forget_block(qc_orphanage *o, const qc_block *b)
{
    size_t n = 0;
    qc_orphan_entry *e;
    for (uint32_t k = 0; o->n_anns && k < qc_block_n_tx(b); k++) {
        qc_tx tx = qc_block_tx(b, k);
        for (uint32_t i = 0; i < tx.rec->n_in; i++)
            while ((e = spender(o, tx.in[i].prev_txid, tx.in[i].prev_n)) != NULL) {
                erase_all_of(o, e);
                n++;
            }
    }
    qc_orphanage_trim(o);
    return n;
}

/* ---- life ---- */

qc_orphanage *qc_orphanage_new(const qc_orphanage_options *options)
{
    qc_orphanage *o = qc_alloc(sizeof *o);
    o->o = *options;
    if (!o->o.score)
        o->o.score = SCORE;
    if (!o->o.weight)
        o->o.weight = WEIGHT;
    return o;
}

void qc_orphanage_free(qc_orphanage *o)
{
    qc_table_link *l;
    if (!o)
        return;
    while ((l = qc_table_any(&o->entries)) != NULL)
        erase_all_of(o, QC_HOLDER(qc_orphan_entry, by_wtxid, l));
    qc_table_clear(&o->entries);
    qc_table_clear(&o->peers);
    qc_table_clear(&o->inputs);
    qc_free(o);
}
