/* The orphanage: what is to be tried again, who loses what when room is short, and what there is.
 */
#include "core/sync/orphanage_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include <stdlib.h>

/* ---- limits ---- */

/** A share of what is one's own: used / of. */
typedef struct share {
    int64_t used, of;
} share;

/* Of equal ones the one with the smaller whole is the larger. */
static bool larger(share a, share b)
{
    int64_t x = a.used * b.of, y = b.used * a.of; /* below 2^31 each */
    return x != y ? x > y : a.of < b.of;
}

static share worst_of(const qc_orphan_peer *p, int64_t score, int64_t weight)
{
    share s = {p->score, score}, w = {p->weight, weight};
    return larger(s, w) ? s : w;
}

static int64_t n_peers(const qc_orphanage *o)
{
    return o->peers.n ? (int64_t)o->peers.n : 1;
}

qc_orphanage_usage qc_orphanage_limit(const qc_orphanage *o)
{
    return (qc_orphanage_usage){.score = o->o.score, .weight = o->o.weight * n_peers(o)};
}

static bool too_much(const qc_orphanage *o)
{
    qc_orphanage_usage now = qc_orphanage_used(o), most = qc_orphanage_limit(o);
    return now.score > most.score || now.weight > most.weight;
}

/* Who uses the largest multiple of its share; of equals, who came last. *next: how much the second
 * one uses, or all of its share if nobody else uses more. */
static qc_orphan_peer *worst_peer(qc_orphanage *o, int64_t score, share *next)
{
    qc_orphan_peer *worst = NULL;
    share most = {0, 1};
    *next = (share){1, 1};
    for (size_t i = 0; i < o->peers.n_slots; i++)
        for (qc_table_link *l = o->peers.slot[i]; l; l = l->next) {
            qc_orphan_peer *p = QC_HOLDER(qc_orphan_peer, by_id, l);
            share s = worst_of(p, score, o->o.weight);
            bool first = !worst || larger(s, most) || (!larger(most, s) && p->id > worst->id);
            share second = first ? most : s;
            if (larger(second, *next))
                *next = second;
            if (first) {
                worst = p;
                most = s;
            }
            o->steps++;
        }
    return worst;
}

void qc_orphanage_trim(qc_orphanage *o)
{
    /* Shares stay as they are at first, even when peers lose all they have. */
    int64_t score = o->o.score / n_peers(o);
    score = QC_MAX(score, 1);
    while (too_much(o)) {
        share next;
        qc_orphan_peer *p = worst_peer(o, score, &next);
        qc_peer_id id = p->id;
        do {
            qc_heap_node *n = p->idle.top ? p->idle.top : p->work.top;
            qc_orphanage_erase_ann(o, QC_HOLDER(qc_orphan_ann, in_age, n));
            p = qc_orphanage_peer(o, id);
        } while (p && too_much(o) && larger(worst_of(p, score, o->o.weight), next));
    }
}

/* ---- work ---- */

void qc_orphanage_make_work(qc_orphanage *o, qc_orphan_entry *e)
{
    qc_orphan_ann *a = e->anns;
    for (uint64_t skip = o->o.random(o->o.random_arg) % e->n_anns; skip; skip--)
        a = a->next_of_entry;
    qc_heap_remove(&a->peer->idle, &a->in_age);
    qc_heap_push(&a->peer->work, &a->in_age);
    a->work = true;
    e->work = a;
    o->n_work++;
}

size_t qc_orphanage_parent_came(qc_orphanage *o, const qc_tx *parent)
{
    size_t made = 0;
    for (uint32_t n = 0; o->n_anns && n < parent->rec->n_out; n++) {
        uint64_t key = qc_orphanage_input_key(o, parent->rec->txid, n);
        for (qc_table_link *l = qc_table_find(&o->inputs, key); l; l = qc_table_next(l)) {
            qc_orphan_input *i = QC_HOLDER(qc_orphan_input, link, l);
            const qn_in_rec *in = &qc_orphan_entry_tx(i->entry)->in[i - i->entry->in];
            o->steps++;
            if (i->entry->work || in->prev_n != n || memcmp(in->prev_txid, parent->rec->txid, 32))
                continue;
            qc_orphanage_make_work(o, i->entry);
            made++;
        }
    }
    return made;
}

bool qc_orphanage_has_work(const qc_orphanage *o, qc_peer_id peer)
{
    const qc_orphan_peer *p = o->n_work ? qc_orphanage_peer(o, peer) : NULL;
    return p && p->work.top;
}

bool qc_orphanage_any_work(const qc_orphanage *o)
{
    return o->n_work > 0;
}

const qc_orphan *qc_orphanage_take_work(qc_orphanage *o, qc_peer_id peer)
{
    qc_orphan_peer *p = qc_orphanage_peer(o, peer);
    qc_heap_node *n = p ? qc_heap_pop(&p->work) : NULL;
    if (!n)
        return NULL;
    qc_orphan_ann *a = QC_HOLDER(qc_orphan_ann, in_age, n);
    a->work = false;
    a->entry->work = NULL;
    o->n_work--;
    qc_heap_push(&p->idle, n);
    return qc_orphan_ref(a->entry->orphan);
}

static bool spends_of(const qc_tx *tx, const qc_hash *txid)
{
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        if (memcmp(tx->in[i].prev_txid, txid->b, 32) == 0)
            return true;
    return false;
}

static int work_then_newest(const void *x, const void *y)
{
    const qc_orphan_ann *a = *(qc_orphan_ann *const *)x, *b = *(qc_orphan_ann *const *)y;
    if (a->work != b->work)
        return a->work ? -1 : 1;
    return a->seq > b->seq ? -1 : 1;
}

qc_err qc_orphanage_children(const qc_orphanage *o, const qc_hash *txid, qc_peer_id peer,
                             const qc_orphan ***list, size_t *n)
{
    const qc_orphan_peer *p = qc_orphanage_peer(o, peer);
    size_t k = 0, most = p ? p->n : 0;
    const qc_orphan **out = qc_try_calloc(most + 1, sizeof(const qc_orphan *));
    qc_orphan_ann **found = qc_try_calloc(most + 1, sizeof(qc_orphan_ann *));
    if (!out || !found) {
        qc_free(out);
        qc_free(found);
        return QC_ENOMEM;
    }
    for (qc_orphan_ann *a = p ? p->anns : NULL; a; a = a->next_of_peer)
        if (spends_of(qc_orphan_entry_tx(a->entry), txid))
            found[k++] = a;
    qsort(found, k, sizeof(qc_orphan_ann *), work_then_newest);
    for (size_t i = 0; i < k; i++)
        out[i] = found[i]->entry->orphan;
    qc_free(found);
    *list = out;
    *n = k;
    return QC_OK;
}

/* ---- looking ---- */

const qc_orphan *qc_orphanage_find(const qc_orphanage *o, const qc_hash *wtxid)
{
    const qc_orphan_entry *e = qc_orphanage_entry(o, wtxid);
    return e ? e->orphan : NULL;
}

bool qc_orphanage_has_from(const qc_orphanage *o, const qc_hash *wtxid, qc_peer_id peer)
{
    const qc_orphan_entry *e = qc_orphanage_entry(o, wtxid);
    for (const qc_orphan_ann *a = e ? e->anns : NULL; a; a = a->next_of_entry)
        if (a->peer->id == peer)
            return true;
    return false;
}

qc_orphanage_usage qc_orphanage_used(const qc_orphanage *o)
{
    return (qc_orphanage_usage){o->entries.n, o->n_anns, o->input_score + (uint32_t)o->n_anns,
                                o->weight};
}

qc_orphanage_usage qc_orphanage_used_by(const qc_orphanage *o, qc_peer_id peer)
{
    const qc_orphan_peer *p = qc_orphanage_peer(o, peer);
    return p ? (qc_orphanage_usage){p->n, p->n, p->score, p->weight}
             : (qc_orphanage_usage){.weight = 0};
}

uint64_t qc_orphanage_steps(const qc_orphanage *o)
{
    return o->steps;
}

static int by_id(const void *x, const void *y)
{
    qc_peer_id a = *(const qc_peer_id *)x, b = *(const qc_peer_id *)y;
    return a < b ? -1 : a > b;
}

void qc_orphanage_each(const qc_orphanage *o,
                       void (*take)(void *arg, const qc_orphan *x, const qc_peer_id *peers,
                                    size_t n),
                       void *arg)
{
    qc_peer_id *peers = qc_try_calloc(o->peers.n + 1, sizeof *peers);
    for (size_t s = 0; peers && s < o->entries.n_slots; s++)
        for (qc_table_link *l = o->entries.slot[s]; l; l = l->next) {
            const qc_orphan_entry *e = QC_HOLDER(qc_orphan_entry, by_wtxid, l);
            size_t n = 0;
            for (const qc_orphan_ann *a = e->anns; a; a = a->next_of_entry)
                peers[n++] = a->peer->id;
            qsort(peers, n, sizeof *peers, by_id);
            take(arg, e->orphan, peers, n);
        }
    qc_free(peers);
}

static void check_entries(const qc_orphanage *o)
{
    size_t n_anns = 0, n_inputs = 0, n_work = 0;
    uint32_t score = 0;
    int64_t weight = 0;
    for (size_t s = 0; s < o->entries.n_slots; s++)
        for (qc_table_link *l = o->entries.slot[s]; l; l = l->next) {
            const qc_orphan_entry *e = QC_HOLDER(qc_orphan_entry, by_wtxid, l);
            size_t n = 0, work = 0;
            for (const qc_orphan_ann *a = e->anns; a; a = a->next_of_entry, n++)
                work += a->work && e->work == a;
            QC_ASSERT(n > 0 && n == e->n_anns && work == (e->work != NULL));
            n_anns += n;
            n_work += work;
            n_inputs += qc_orphan_entry_tx(e)->rec->n_in;
            score += qc_orphan_input_score(e);
            weight += qc_orphan_entry_tx(e)->rec->weight;
        }
    QC_ASSERT(n_anns == o->n_anns && n_inputs == o->inputs.n && n_work == o->n_work);
    QC_ASSERT(score == o->input_score && weight == o->weight);
}

void qc_orphanage_check(const qc_orphanage *o)
{
    size_t n_anns = 0;
    check_entries(o);
    for (size_t s = 0; s < o->peers.n_slots; s++)
        for (qc_table_link *l = o->peers.slot[s]; l; l = l->next) {
            const qc_orphan_peer *p = QC_HOLDER(qc_orphan_peer, by_id, l);
            size_t n = 0;
            uint32_t score = 0;
            int64_t weight = 0;
            for (const qc_orphan_ann *a = p->anns; a; a = a->next_of_peer, n++) {
                score += 1 + qc_orphan_input_score(a->entry);
                weight += qc_orphan_entry_tx(a->entry)->rec->weight;
            }
            QC_ASSERT(n > 0 && n == p->n && score == p->score && weight == p->weight);
            n_anns += n;
        }
    QC_ASSERT(n_anns == o->n_anns && !too_much(o));
}
