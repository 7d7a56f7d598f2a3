#include "core/sync/txdownload.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/table.h"
#include "core/crypto/sha256.h"
#include "core/sync/rejects.h"

#include <stdlib.h>

#define SPARE_MAX 100000u /* bytes kept for compact blocks */

typedef struct person {
    qc_table_link by_id;
    qc_txdl_peer p;
} person;

struct qc_txdl {
    qc_txdl_pool pool;
    qc_txreq *req;
    qc_orphanage *orphans;
    qc_rejects rejects;
    qc_table peers;
    size_t n_wtxid_peers;
};

static const qc_hash *txid_of(const qc_tx *tx)
{
    return (const qc_hash *)tx->rec->txid;
}

static const qc_hash *wtxid_of(const qc_tx *tx)
{
    return (const qc_hash *)tx->rec->wtxid;
}

static person *find_peer(const qc_txdl *d, qc_peer_id id)
{
    qc_table_link *l = qc_table_find(&d->peers, (uint64_t)id);
    return l ? QC_HOLDER(person, by_id, l) : NULL;
}

/* ---- life ---- */

qc_txdl *qc_txdl_new(const qc_txdl_options *o)
{
    qc_txdl *d = qc_alloc(sizeof *d);
    qc_orphanage_options orphans = {.score = 0};
    if (o->orphans)
        orphans = *o->orphans;
    orphans.key = o->key;
    orphans.random = o->random;
    orphans.random_arg = o->random_arg;
    d->pool = o->pool;
    d->req = qc_txreq_new(&o->key);
    d->orphans = qc_orphanage_new(&orphans);
    d->rejects.random = o->random;
    d->rejects.random_arg = o->random_arg;
    d->rejects.most = o->rejects;
    return d;
}

void qc_txdl_free(qc_txdl *d)
{
    qc_table_link *l;
    if (!d)
        return;
    while ((l = qc_table_any(&d->peers)) != NULL)
        qc_txdl_closed(d, QC_HOLDER(person, by_id, l)->p.id);
    qc_table_clear(&d->peers);
    qc_txreq_free(d->req);
    qc_orphanage_free(d->orphans);
    qc_rejects_clear(&d->rejects);
    qc_free(d);
}

void qc_txdl_opened(qc_txdl *d, const qc_txdl_peer *p)
{
    if (find_peer(d, p->id))
        return;
    person *x = qc_alloc(sizeof *x);
    x->p = *p;
    qc_table_add(&d->peers, &x->by_id, (uint64_t)p->id);
    d->n_wtxid_peers += p->wtxids;
}

void qc_txdl_closed(qc_txdl *d, qc_peer_id id)
{
    person *x = find_peer(d, id);
    qc_orphanage_forget_peer(d->orphans, id);
    qc_txreq_forget_peer(d->req, id);
    if (!x)
        return;
    d->n_wtxid_peers -= x->p.wtxids;
    qc_table_remove(&d->peers, &x->by_id);
    qc_free(x);
}

/* ---- asking ---- */

/* The orphanage is asked by wtxid only: an orphan with the same txid may have been given another
 * witness so that the true one is not asked for. A txid that is also a wtxid, without witness, is
 * found all the same. */
bool qc_txdl_knows(const qc_txdl *d, const qc_tx_name *name, bool alone)
{
    return qc_orphanage_find(d->orphans, &name->hash) ||
           (alone && qc_rejects_has(&d->rejects, QC_REJECT_ALONE, &name->hash)) ||
           qc_rejects_has(&d->rejects, QC_REJECT_CONFIRMED, &name->hash) ||
           qc_rejects_has(&d->rejects, QC_REJECT_FINAL, &name->hash) ||
           d->pool.has(d->pool.arg, name);
}

static int64_t delay_for(const qc_txdl *d, const qc_txdl_peer *p, bool by_txid)
{
    bool busy = !p->trusted && qc_txreq_count_of(d->req, p->id).in_flight >= QC_TXDL_IN_FLIGHT;
    return QC_TXDL_DELAY * (!p->preferred + (by_txid && d->n_wtxid_peers > 0) + busy);
}

/* ---- parents ---- */

/** The parents of a transaction, each once, by txid. */
typedef struct parents {
    qc_hash *txid; /* owned */
    size_t n;
} parents;

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(qc_hash));
}

/* Without memory there are none, and the orphan is not kept. */
static parents parents_of(const qc_tx *tx)
{
    uint32_t n = tx->rec->n_in;
    parents p = {qc_try_calloc(n, sizeof *p.txid), 0};
    for (uint32_t i = 0; p.txid && i < n; i++)
        memcpy(p.txid[i].b, tx->in[i].prev_txid, sizeof p.txid[i].b);
    if (p.txid)
        qsort(p.txid, n, sizeof *p.txid, by_hash);
    for (uint32_t i = 0; p.txid && i < n; i++)
        if (i == 0 || !qc_hash_eq(&p.txid[i], &p.txid[p.n - 1]))
            p.txid[p.n++] = p.txid[i];
    return p;
}

static void keep_missing(const qc_txdl *d, parents *p)
{
    size_t k = 0;
    for (size_t i = 0; i < p->n; i++) {
        const qc_tx_name name = {p->txid[i], false};
        if (!qc_txdl_knows(d, &name, false))
            p->txid[k++] = p->txid[i];
    }
    p->n = k;
}

/* Whoever announced an orphan has announced its parents. False: not of this one. */
static bool ask_parents_of(qc_txdl *d, const parents *p, const qc_hash *wtxid, qc_peer_id peer,
                           int64_t now)
{
    const person *x = find_peer(d, peer);
    if (!x || qc_orphanage_has_from(d->orphans, wtxid, peer))
        return false;
    if (!x->p.trusted && qc_txreq_count_of(d->req, peer).all + p->n > QC_TXDL_ANNOUNCEMENTS)
        return false;
    int64_t at = now + delay_for(d, &x->p, true);
    for (size_t i = 0; i < p->n; i++) {
        const qc_tx_name name = {p->txid[i], false};
        qc_txreq_announced(d->req, peer, &name, x->p.preferred, at);
    }
    return true;
}

/* ---- announcements ---- */

static void announced_orphan(qc_txdl *d, const qc_orphan *orphan, qc_peer_id peer, int64_t now)
{
    parents p = parents_of(&orphan->buf.tx);
    const qc_hash wtxid = *qc_orphan_wtxid(orphan);
    keep_missing(d, &p);
    if (p.n && ask_parents_of(d, &p, &wtxid, peer, now))
        qc_orphanage_add_peer(d->orphans, &wtxid, peer);
    qc_free(p.txid);
}

bool qc_txdl_announced(qc_txdl *d, qc_peer_id peer, const qc_tx_name *name, int64_t now)
{
    const qc_orphan *orphan = name->wtxid ? qc_orphanage_find(d->orphans, &name->hash) : NULL;
    if (orphan) {
        announced_orphan(d, orphan, peer, now);
        return true;
    }
    if (qc_txdl_knows(d, name, true))
        return true;
    const person *x = find_peer(d, peer);
    if (!x || (!x->p.trusted && qc_txreq_count_of(d->req, peer).all >= QC_TXDL_ANNOUNCEMENTS))
        return false;
    qc_txreq_announced(d->req, peer, name, x->p.preferred, now + delay_for(d, &x->p, !name->wtxid));
    return false;
}

static void log_late(void *arg, qc_peer_id peer, const qc_tx_name *name)
{
    char hex[QC_HASH_HEX_LEN + 1];
    (void)arg;
    qc_hash_hex(&name->hash, hex);
    qc_log(QC_LOG_DEBUG, "net", "timeout of inflight %s %s from peer=%lld",
           name->wtxid ? "wtx" : "tx", hex, (long long)peer);
}

qc_err qc_txdl_ask(qc_txdl *d, qc_peer_id peer, int64_t now, qc_tx_name **list, size_t *n)
{
    size_t k = 0, found;
    char hex[QC_HASH_HEX_LEN + 1];
    qc_err err = qc_txreq_due(d->req, peer, now, log_late, NULL, list, &found);
    if (err)
        return err;
    for (size_t i = 0; i < found; i++) {
        const qc_tx_name name = (*list)[i];
        if (qc_txdl_knows(d, &name, false)) {
            qc_txreq_forget(d->req, &name.hash);
            continue;
        }
        qc_hash_hex(&name.hash, hex);
        qc_log(QC_LOG_DEBUG, "net", "Requesting %s %s peer=%lld", name.wtxid ? "wtx" : "tx", hex,
               (long long)peer);
        qc_txreq_asked(d->req, peer, &name.hash, now + QC_TXDL_PATIENCE);
        (*list)[k++] = name;
    }
    *n = k;
    return QC_OK;
}

void qc_txdl_missing(qc_txdl *d, qc_peer_id peer, const qc_hash *hash)
{
    qc_txreq_answered(d->req, peer, hash);
}

/* ---- what the pool said ---- */

static void forget_both(qc_txdl *d, const qc_tx *tx)
{
    qc_txreq_forget(d->req, txid_of(tx));
    qc_txreq_forget(d->req, wtxid_of(tx));
}

static void taken(qc_txdl *d, qc_peer_id peer, const qc_tx *tx)
{
    forget_both(d, tx);
    qc_orphanage_parent_came(d->orphans, tx);
    d->pool.taken(d->pool.arg, peer, tx);
    qc_orphanage_erase(d->orphans, wtxid_of(tx));
}

/* Can it never come in, whatever its witness? So when a parent was refused for good, or two by
 * themselves: more than one is never tried with a child. */
static bool hopeless(const qc_txdl *d, const parents *p)
{
    size_t alone = 0;
    for (size_t i = 0; i < p->n; i++) {
        const qc_tx_name name = {p->txid[i], false};
        if (qc_rejects_has(&d->rejects, QC_REJECT_FINAL, &name.hash))
            return true;
        alone += qc_rejects_has(&d->rejects, QC_REJECT_ALONE, &name.hash) &&
                 !d->pool.has(d->pool.arg, &name);
    }
    return alone > 1;
}

typedef struct who {
    qc_peer_id *id; /* owned; NULL: no memory */
    size_t n, most;
} who;

static void note(void *arg, qc_peer_id id)
{
    who *w = arg;
    if (w->id && w->n < w->most)
        w->id[w->n++] = id;
}

/* Everybody who could be asked for the orphan can be asked for its parents. */
static void keep_orphan(qc_txdl *d, const qc_tx *tx, const parents *p, qc_peer_id from, int64_t now)
{
    who w = {.most = 1 + 2 * d->peers.n};
    w.id = qc_try_calloc(w.most, sizeof *w.id);
    note(&w, from);
    qc_txreq_each_peer(d->req, txid_of(tx), note, &w);
    if (qc_tx_has_witness(tx))
        qc_txreq_each_peer(d->req, wtxid_of(tx), note, &w);
    for (size_t i = 0; i < w.n; i++)
        if (ask_parents_of(d, p, wtxid_of(tx), w.id[i], now))
            qc_orphanage_add(d->orphans, tx, w.id[i]);
    qc_free(w.id);
    forget_both(d, tx);
}

static void log_hopeless(const qc_tx *tx)
{
    char txid[QC_HASH_HEX_LEN + 1], wtxid[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(txid_of(tx), txid);
    qc_hash_hex(wtxid_of(tx), wtxid);
    qc_log(QC_LOG_DEBUG, "mempool", "not keeping orphan with rejected parents %s (wtxid=%s)", txid,
           wtxid);
}

/* Returns whether it is worth keeping for compact blocks. */
static bool new_orphan(qc_txdl *d, qc_peer_id peer, const qc_tx *tx, int64_t now)
{
    bool fresh = true;
    parents p = parents_of(tx);
    if (hopeless(d, &p)) {
        log_hopeless(tx);
        qc_rejects_add(&d->rejects, QC_REJECT_FINAL, txid_of(tx));
        qc_rejects_add(&d->rejects, QC_REJECT_FINAL, wtxid_of(tx));
        forget_both(d, tx);
    } else if (p.txid) {
        keep_missing(d, &p);
        fresh = !qc_orphanage_find(d->orphans, wtxid_of(tx));
        keep_orphan(d, tx, &p, peer, now);
        for (size_t i = 0; i < p.n; i++)
            d->pool.knows(d->pool.arg, peer, &p.txid[i]);
    }
    qc_free(p.txid);
    return fresh;
}

static void spare(qc_txdl *d, const qc_tx *tx)
{
    if (tx->rec->len < SPARE_MAX)
        d->pool.spare(d->pool.arg, tx);
}

static void log_refusal(qc_peer_id peer, const qc_tx *tx, const qc_verdict *v)
{
    char txid[QC_HASH_HEX_LEN + 1], wtxid[QC_HASH_HEX_LEN + 1];
    char text[QC_VERDICT_REASON_LEN + QC_VERDICT_DEBUG_LEN];
    if (!qc_log_enabled(QC_LOG_DEBUG, "mempoolrej"))
        return;
    qc_hash_hex(txid_of(tx), txid);
    qc_hash_hex(wtxid_of(tx), wtxid);
    qc_log(QC_LOG_DEBUG, "mempoolrej", "%s (wtxid=%s) from peer=%lld was not accepted: %s", txid,
           wtxid, (long long)peer, qc_verdict_text(v, text, sizeof text));
}

/* The txid of a transaction with a witness is remembered only where no witness would have helped:
 * else whoever changes the witness could keep the true one away. */
static void remember(qc_txdl *d, const qc_tx *tx, qc_vcode code)
{
    if (code == QC_V_RECONSIDERABLE)
        qc_rejects_add(&d->rejects, QC_REJECT_ALONE, wtxid_of(tx));
    else
        qc_rejects_add(&d->rejects, QC_REJECT_FINAL, wtxid_of(tx));
    qc_txreq_forget(d->req, wtxid_of(tx));
    if (code == QC_V_INPUTS_NOT_STANDARD && qc_tx_has_witness(tx)) {
        qc_rejects_add(&d->rejects, QC_REJECT_FINAL, txid_of(tx));
        qc_txreq_forget(d->req, txid_of(tx));
    }
}

/* again: it was in the orphanage, or in a pair. */
static void refused(qc_txdl *d, qc_peer_id peer, const qc_tx *tx, const qc_verdict *v, bool again,
                    int64_t now)
{
    bool keep = !again;
    log_refusal(peer, tx, v);
    if (v->code == QC_V_MISSING_INPUTS) {
        if (!again && !qc_rejects_has(&d->rejects, QC_REJECT_FINAL, wtxid_of(tx)))
            keep = new_orphan(d, peer, tx, now);
    } else if (v->code == QC_V_WITNESS_STRIPPED) {
        keep = false; /* with its witness it may be fine: nothing is remembered */
    } else {
        remember(d, tx, v->code);
    }
    if (keep)
        spare(d, tx);
    if (v->code != QC_V_MISSING_INPUTS)
        qc_orphanage_erase(d->orphans, wtxid_of(tx));
}

/* ---- parent and child ---- */

static qc_hash pair_id(const qc_tx *parent, const qc_tx *child)
{
    uint8_t both[64];
    qc_hash id;
    memcpy(both, parent->rec->wtxid, 32);
    memcpy(both + 32, child->rec->wtxid, 32);
    qc_sha256(qc_span_of(both, sizeof both), id.b);
    return id;
}

/* Only of the peer that sent the parent: else others could see to it that their own, useless
 * children are always chosen. Newest first: of those that replace each other, the best. */
static const qc_orphan *child_for(const qc_txdl *d, qc_peer_id peer, const qc_tx *parent)
{
    const qc_orphan **list, *found = NULL;
    size_t n;
    if (qc_orphanage_children(d->orphans, txid_of(parent), peer, &list, &n))
        return NULL;
    for (size_t i = 0; i < n && !found; i++) {
        const qc_tx *child = &list[i]->buf.tx;
        const qc_hash id = pair_id(parent, child);
        if (!qc_rejects_has(&d->rejects, QC_REJECT_ALONE, &id) &&
            !qc_rejects_has(&d->rejects, QC_REJECT_FINAL, txid_of(child)))
            found = qc_orphan_ref(list[i]);
    }
    qc_free(list);
    return found;
}

static void settle(qc_txdl *d, qc_peer_id peer, const qc_tx *tx, const qc_tx_answer *a, int64_t now)
{
    switch (a->kind) {
    case QC_TX_UNJUDGED:
        break;
    case QC_TX_IN:
        taken(d, peer, tx);
        break;
    case QC_TX_REFUSED:
        refused(d, peer, tx, &a->v, true, now);
        break;
    }
}

static void try_pair(qc_txdl *d, qc_peer_id peer, const qc_tx *parent, int64_t now)
{
    char a[QC_HASH_HEX_LEN + 1], b[QC_HASH_HEX_LEN + 1];
    qc_tx_answer answer[2] = {{.kind = QC_TX_UNJUDGED}, {.kind = QC_TX_UNJUDGED}};
    const qc_orphan *child = child_for(d, peer, parent);
    if (!child)
        return;
    const qc_tx *tx = &child->buf.tx;
    bool in = d->pool.take_pair(d->pool.arg, parent, tx, answer);
    qc_hash_hex(txid_of(parent), a);
    qc_hash_hex(txid_of(tx), b);
    qc_log(QC_LOG_DEBUG, "txpackages",
           "package evaluation for parent %s (sender=%lld) + child %s (sender=%lld): %s", a,
           (long long)peer, b, (long long)peer, in ? "package accepted" : "package rejected");
    if (!in) {
        const qc_hash id = pair_id(parent, tx);
        qc_rejects_add(&d->rejects, QC_REJECT_ALONE, &id);
    }
    /* The child first: it is no orphan any more when the parent calls for its children. */
    settle(d, peer, tx, &answer[1], now);
    settle(d, peer, parent, &answer[0], now);
    qc_orphan_unref(child);
}

/* ---- transactions ---- */

qc_txdl_fate qc_txdl_received(qc_txdl *d, qc_peer_id peer, const qc_tx *tx, int64_t now)
{
    const qc_tx_name name = {*wtxid_of(tx), true};
    qc_tx_answer a = {.kind = QC_TX_UNJUDGED};
    qc_txreq_answered(d->req, peer, txid_of(tx));
    if (qc_tx_has_witness(tx))
        qc_txreq_answered(d->req, peer, wtxid_of(tx));
    if (qc_txdl_knows(d, &name, false))
        return QC_TXDL_KNOWN;
    if (qc_rejects_has(&d->rejects, QC_REJECT_ALONE, &name.hash)) {
        try_pair(d, peer, tx, now);
        return QC_TXDL_KNOWN;
    }
    d->pool.take(d->pool.arg, tx, &a);
    if (a.kind == QC_TX_IN) {
        taken(d, peer, tx);
        return QC_TXDL_TAKEN;
    }
    if (a.kind == QC_TX_REFUSED) {
        refused(d, peer, tx, &a.v, false, now);
        if (a.v.code == QC_V_RECONSIDERABLE)
            try_pair(d, peer, tx, now);
    }
    return QC_TXDL_NOT_TAKEN;
}

bool qc_txdl_has_work(const qc_txdl *d, qc_peer_id peer)
{
    return qc_orphanage_has_work(d->orphans, peer);
}

bool qc_txdl_any_work(const qc_txdl *d)
{
    return qc_orphanage_any_work(d->orphans);
}

bool qc_txdl_work(qc_txdl *d, qc_peer_id peer, int64_t now)
{
    qc_tx_answer a = {.kind = QC_TX_UNJUDGED};
    const qc_orphan *orphan = qc_orphanage_take_work(d->orphans, peer);
    if (!orphan)
        return false;
    d->pool.take(d->pool.arg, &orphan->buf.tx, &a);
    if (a.kind != QC_TX_REFUSED || a.v.code != QC_V_MISSING_INPUTS)
        settle(d, peer, &orphan->buf.tx, &a, now);
    qc_orphan_unref(orphan);
    return true;
}

/* ---- the chain ---- */

void qc_txdl_connected(qc_txdl *d, const qc_block *b)
{
    size_t gone = qc_orphanage_forget_block(d->orphans, b);
    if (gone)
        qc_log(QC_LOG_DEBUG, "txpackages",
               "Erased %zu orphan transaction(s) included or conflicted by block", gone);
    for (uint32_t k = 0; k < qc_block_n_tx(b); k++) {
        qc_tx tx = qc_block_tx(b, k);
        qc_orphanage_parent_came(d->orphans, &tx);
        qc_rejects_add(&d->rejects, QC_REJECT_CONFIRMED, txid_of(&tx));
        if (qc_tx_has_witness(&tx))
            qc_rejects_add(&d->rejects, QC_REJECT_CONFIRMED, wtxid_of(&tx));
        forget_both(d, &tx);
    }
}

void qc_txdl_disconnected(qc_txdl *d)
{
    /* What has left the chain may be announced again. */
    qc_rejects_reset(&d->rejects, QC_REJECT_CONFIRMED);
}

void qc_txdl_tip(qc_txdl *d)
{
    qc_rejects_reset(&d->rejects, QC_REJECT_FINAL);
    qc_rejects_reset(&d->rejects, QC_REJECT_ALONE);
}

const qc_orphanage *qc_txdl_orphans(const qc_txdl *d)
{
    return d->orphans;
}

const qc_txreq *qc_txdl_requests(const qc_txdl *d)
{
    return d->req;
}
