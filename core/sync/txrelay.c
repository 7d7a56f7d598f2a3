#include "core/sync/txrelay_internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/crypto/siphash.h"
#include "core/net/permit.h"
#include "core/sync/feeround.h"

#define SECOND INT64_C(1000000)
#define UNASKED_EVERY (600 * SECOND)
#define UNASKED_MORE (300 * SECOND) /* by chance */
#define TIMERS_MAX 256u

/* Of 50,000 names that the peer knows surely, one in a million others by mistake. */
static const qc_bloom_shape KNOWN = {50000, 20, 2156646};

qc_relay_peer *qc_relay_peer_find(const qc_txrelay *r, qc_peer_id id)
{
    qc_table_link *l = qc_table_find(&r->peers, (uint64_t)id);
    return l ? QC_HOLDER(qc_relay_peer, by_id, l) : NULL;
}

void qc_relay_peer_knows(qc_txrelay *r, qc_relay_peer *p, const qc_hash *name)
{
    if (!p->known.data && qc_rolling_bloom_init(&p->known, &KNOWN, (uint32_t)qc_relay_random(r)))
        return;
    qc_rolling_bloom_add(&p->known, qc_span_of(name->b, sizeof name->b));
}

/* ---- the pool, for the downloads ---- */

static bool dl_has(void *arg, const qc_tx_name *name)
{
    const qc_txrelay *r = arg;
    qc_pool_tx tx;
    return r->o.pool.find(r->o.pool.arg, name, &tx);
}

static void dl_take(void *arg, const qc_tx *tx, qc_tx_answer *out)
{
    const qc_txrelay *r = arg;
    r->o.pool.take(r->o.pool.arg, tx, out);
}

static bool dl_take_pair(void *arg, const qc_tx *parent, const qc_tx *child, qc_tx_answer out[2])
{
    const qc_txrelay *r = arg;
    return r->o.pool.take_pair(r->o.pool.arg, parent, child, out);
}

static void dl_taken(void *arg, qc_peer_id from, const qc_tx *tx)
{
    char txid[QC_HASH_HEX_LEN + 1], wtxid[QC_HASH_HEX_LEN + 1];
    qc_hash_hex((const qc_hash *)tx->rec->txid, txid);
    qc_hash_hex((const qc_hash *)tx->rec->wtxid, wtxid);
    qc_log(QC_LOG_DEBUG, "mempool", "AcceptToMemoryPool: peer=%lld: accepted %s (wtxid=%s)",
           (long long)from, txid, wtxid);
    qc_txrelay_announce(arg, (const qc_hash *)tx->rec->wtxid);
}

static void spare(void *arg, const qc_tx *tx)
{
    const qc_txrelay *r = arg;
    const qc_known_tx known = {(const qc_hash *)tx->rec->txid, (const qc_hash *)tx->rec->wtxid,
                               qc_tx_bytes(tx)};
    if (r->extra)
        qc_extra_add(r->extra, &known);
}

static void dl_knows(void *arg, qc_peer_id peer, const qc_hash *txid)
{
    qc_relay_peer *p = qc_relay_peer_find(arg, peer);
    if (p)
        qc_relay_peer_knows(arg, p, txid);
}

/* ---- life ---- */

static void plan_unasked(qc_txrelay *r, int64_t now)
{
    r->next_unasked = now + UNASKED_EVERY + (int64_t)(qc_relay_random(r) % (uint64_t)UNASKED_MORE);
}

qc_txrelay *qc_txrelay_new(const qc_txrelay_options *o)
{
    qc_txrelay *r = qc_alloc(sizeof *r);
    r->o = *o;
    const qc_txdl_options dl = {
        .pool = {r, dl_has, dl_take, dl_take_pair, dl_taken, spare, dl_knows},
        .key = o->key,
        .random = o->random,
        .random_arg = o->random_arg};
    r->dl = qc_txdl_new(&dl);
    qc_inv_bucket_init(&r->bucket[0], o->send_rate, false);
    qc_inv_bucket_init(&r->bucket[1], o->send_rate, true);
    plan_unasked(r, qc_relay_now(r));
    o->pool.spare_to(o->pool.arg, spare, r);
    return r;
}

static void free_peer(qc_txrelay *r, qc_relay_peer *p)
{
    qc_table_remove(&r->peers, &p->by_id);
    qc_rolling_bloom_clear(&p->known);
    qc_free(p->to_send);
    qc_free(p);
}

void qc_txrelay_free(qc_txrelay *r)
{
    qc_table_link *l;
    if (!r)
        return;
    while ((l = qc_table_any(&r->peers)) != NULL)
        free_peer(r, QC_HOLDER(qc_relay_peer, by_id, l));
    while ((l = qc_table_any(&r->timers)) != NULL) {
        qc_table_remove(&r->timers, l);
        qc_free(QC_HOLDER(qc_relay_timer, by_key, l));
    }
    qc_table_clear(&r->peers);
    qc_table_clear(&r->timers);
    qc_inv_bucket_clear(&r->bucket[0]);
    qc_inv_bucket_clear(&r->bucket[1]);
    qc_txdl_free(r->dl);
    qc_free(r);
}

static void begin(void *arg, qc_extra *extra)
{
    ((qc_txrelay *)arg)->extra = extra;
}

/* Peers that came the same way share a timer: by network, and by which of our addresses. */
static qc_relay_timer *timer_for(qc_txrelay *r, const qc_peer_info *p)
{
    char way[sizeof p->addr_bind + 2] = {(char)('a' + (int)p->network), p->onion ? 'o' : '-'};
    size_t len = strlen(p->addr_bind);
    memcpy(way + 2, p->addr_bind, len);
    uint64_t key = qc_siphash(&r->o.key, way, 2 + len);
    qc_table_link *l = qc_table_find(&r->timers, key);
    if (!l && r->timers.n >= TIMERS_MAX)
        l = qc_table_any(&r->timers);
    if (l)
        return QC_HOLDER(qc_relay_timer, by_key, l);
    qc_relay_timer *t = qc_alloc(sizeof *t);
    qc_table_add(&r->timers, &t->by_key, key);
    return t;
}

static void opened(void *arg, const qc_peer_info *info, bool preferred)
{
    qc_txrelay *r = arg;
    const qc_txdl_peer d = {.id = info->id,
                            .preferred = preferred,
                            .trusted = (info->permissions & QC_PERMIT_RELAY) == QC_PERMIT_RELAY,
                            .wtxids = info->wtxid_relay};
    qc_txdl_opened(r->dl, &d);
    if (qc_relay_peer_find(r, info->id))
        return;
    qc_relay_peer *p = qc_alloc(sizeof *p);
    p->id = info->id;
    p->inbound = info->inbound;
    p->at_once = (info->permissions & QC_PERMIT_NOBAN) == QC_PERMIT_NOBAN;
    p->forced = (info->permissions & QC_PERMIT_FORCERELAY) == QC_PERMIT_FORCERELAY;
    p->wtxids = info->wtxid_relay;
    p->inv_sequence = 1;
    if (p->inbound)
        p->timer = timer_for(r, info);
    qc_table_add(&r->peers, &p->by_id, (uint64_t)p->id);
}

static void closed(void *arg, qc_peer_id id)
{
    qc_txrelay *r = arg;
    qc_relay_peer *p = qc_relay_peer_find(r, id);
    qc_txdl_closed(r->dl, id);
    if (p)
        free_peer(r, p);
}

/* ---- theirs ---- */

static bool announced(void *arg, qc_peer_id id, const qc_tx_name *name)
{
    qc_txrelay *r = arg;
    qc_relay_peer *p = qc_relay_peer_find(r, id);
    if (!p)
        return false;
    qc_relay_peer_knows(r, p, &name->hash);
    return qc_txdl_announced(r->dl, id, name, qc_relay_now(r));
}

/* A node behind others may have no way out but through us. */
static void force(qc_txrelay *r, const qc_relay_peer *p, const qc_tx *tx)
{
    char txid[QC_HASH_HEX_LEN + 1], wtxid[QC_HASH_HEX_LEN + 1];
    qc_tx_name name = {.wtxid = false};
    memcpy(name.hash.b, tx->rec->txid, sizeof name.hash.b);
    bool have = dl_has(r, &name);
    qc_hash_hex(&name.hash, txid);
    qc_hash_hex((const qc_hash *)tx->rec->wtxid, wtxid);
    if (!have) {
        qc_log(QC_LOG_INFO, "net",
               "Not relaying non-mempool transaction %s (wtxid=%s) from forcerelay peer=%lld", txid,
               wtxid, (long long)p->id);
        return;
    }
    qc_log(QC_LOG_INFO, "net", "Force relaying tx %s (wtxid=%s) from peer=%lld", txid, wtxid,
           (long long)p->id);
    qc_txrelay_announce(r, (const qc_hash *)tx->rec->wtxid);
}

static void received(void *arg, qc_peer_id id, const qc_tx *tx)
{
    qc_txrelay *r = arg;
    qc_relay_peer *p = qc_relay_peer_find(r, id);
    int64_t now = qc_relay_now(r);
    if (!p)
        return;
    qc_relay_peer_knows(r, p, (const qc_hash *)(p->wtxids ? tx->rec->wtxid : tx->rec->txid));
    qc_txdl_fate fate = qc_txdl_received(r->dl, id, tx, now);
    if (fate == QC_TXDL_TAKEN && p->last_tx != now / SECOND) {
        p->last_tx = now / SECOND;
        if (r->o.taken)
            r->o.taken(r->o.taken_arg, id);
    }
    if (fate == QC_TXDL_KNOWN && p->forced)
        force(r, p, tx);
}

/* What was refused lately is not looked at again. */
static bool ahead(void *arg, const qc_tx *tx)
{
    const qc_txrelay *r = arg;
    const qc_tx_name txid = {*(const qc_hash *)tx->rec->txid, false},
                     wtxid = {*(const qc_hash *)tx->rec->wtxid, true};
    return !qc_txdl_knows(r->dl, &wtxid, true) && !qc_txdl_knows(r->dl, &txid, true) &&
           r->o.pool.ahead(r->o.pool.arg, tx);
}

static void ahead_over(void *arg, const qc_tx *tx)
{
    const qc_txrelay *r = arg;
    r->o.pool.ahead_over(r->o.pool.arg, tx);
}

static void missing(void *arg, qc_peer_id id, const qc_tx_name *name)
{
    qc_txdl_missing(((qc_txrelay *)arg)->dl, id, &name->hash);
}

static bool has_work(void *arg, qc_peer_id id)
{
    const qc_txrelay *r = arg;
    return id == QC_RELAY_ANYBODY ? qc_txdl_any_work(r->dl) : qc_txdl_has_work(r->dl, id);
}

static void work(void *arg, qc_peer_id id)
{
    qc_txrelay *r = arg;
    (void)qc_txdl_work(r->dl, id, qc_relay_now(r));
}

static void ask(void *arg, qc_peer_id id, int64_t now, qc_relay_say *out)
{
    qc_txrelay *r = arg;
    if (qc_txdl_ask(r->dl, id, now, &out->ask, &out->n_ask))
        out->n_ask = 0;
}

/* ---- ours ---- */

static void wants_all(void *arg, qc_peer_id id)
{
    qc_relay_peer *p = qc_relay_peer_find(arg, id);
    if (p)
        p->wants_all = true;
}

/* What came to the pool after the peer was last told would tell it when that was. */
static bool give(void *arg, qc_peer_id id, const qc_tx_name *name, bool witness, qc_bytes *out)
{
    const qc_txrelay *r = arg;
    const qc_relay_peer *p = qc_relay_peer_find(r, id);
    qc_pool_tx e;
    if (!p || !r->o.pool.find(r->o.pool.arg, name, &e) || e.sequence >= p->inv_sequence)
        return false;
    qc_span all = qc_tx_bytes(e.tx);
    if (witness ? qc_bytes_append(out, all.data, all.len) : qc_tx_write_stripped(e.tx, out))
        return false;
    qc_hash txid;
    memcpy(txid.b, e.tx->rec->txid, sizeof txid.b);
    r->o.pool.asked(r->o.pool.arg, &txid);
    return true;
}

static int64_t fee_floor(void *arg)
{
    const qc_txrelay *r = arg;
    return r->o.pool.min_fee(r->o.pool.arg);
}

static int64_t fee_round(void *arg, int64_t fee)
{
    const qc_txrelay *r = arg;
    int64_t round = qc_fee_round(fee, (uint32_t)qc_relay_random(r));
    return round < r->o.pool.min_relay ? r->o.pool.min_relay : round;
}

static void stats(void *arg, qc_peer_id id, qc_relay_stats *out)
{
    const qc_relay_peer *p = qc_relay_peer_find(arg, id);
    if (p)
        *out = (qc_relay_stats){p->inv_sequence, p->n_to_send, p->last_tx};
}

/* ---- what nobody asked for ---- */

static void announce_unasked(qc_txrelay *r)
{
    qc_hash *list;
    size_t n = r->o.pool.unasked(r->o.pool.arg, &list);
    for (size_t i = 0; i < n; i++) {
        const qc_tx_name name = {list[i], false};
        qc_pool_tx e;
        if (r->o.pool.find(r->o.pool.arg, &name, &e))
            qc_txrelay_announce(r, (const qc_hash *)e.tx->rec->wtxid);
        else
            r->o.pool.asked(r->o.pool.arg, &list[i]);
    }
    qc_free(list);
}

void qc_txrelay_hurry(qc_txrelay *r, int64_t us)
{
    r->next_unasked -= us;
}

static void tick(void *arg, int64_t now)
{
    qc_txrelay *r = arg;
    if (now >= r->next_unasked) {
        announce_unasked(r);
        plan_unasked(r, now);
    }
    qc_relay_backlog(r, now, false);
}

/* ---- the chain ---- */

static void connected(void *arg, const qc_block *b)
{
    qc_txdl_connected(((qc_txrelay *)arg)->dl, b);
}

static void disconnected(void *arg)
{
    qc_txdl_disconnected(((qc_txrelay *)arg)->dl);
}

static void tip(void *arg)
{
    qc_txdl_tip(((qc_txrelay *)arg)->dl);
}

qc_relay_hooks qc_txrelay_hooks(qc_txrelay *r)
{
    return (qc_relay_hooks){.arg = r,
                            .begin = begin,
                            .opened = opened,
                            .closed = closed,
                            .announced = announced,
                            .received = received,
                            .ahead = ahead,
                            .ahead_over = ahead_over,
                            .missing = missing,
                            .wants_all = wants_all,
                            .give = give,
                            .say = qc_relay_say_due,
                            .ask = ask,
                            .has_work = has_work,
                            .work = work,
                            .fee_floor = fee_floor,
                            .fee_round = fee_round,
                            .stats = stats,
                            .tick = tick,
                            .connected = connected,
                            .disconnected = disconnected,
                            .tip = tip};
}

const qc_orphanage *qc_txrelay_orphans(const qc_txrelay *r)
{
    return qc_txdl_orphans(r->dl);
}

void qc_txrelay_info_of(const qc_txrelay *r, qc_txrelay_info *out)
{
    int64_t v[6];
    for (int i = 0; i < 6; i++)
        v[i] = atomic_load(&r->shown[i]);
    *out = (qc_txrelay_info){
        .send_rate = r->o.send_rate,
        .inbound = {v[0], v[1], v[2]},
        .outbound = {v[3], v[4], v[5]},
    };
}
