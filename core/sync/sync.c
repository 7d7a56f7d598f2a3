/* Peers and their messages: each peer's are processed one at a time and in order, peers take turns.
 * The net thread hands over by posts to the chain thread; a block is parsed on the pool before its
 * turn comes, and read for a peer there. */
#include "core/sync/sync.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/sync/serving.h"

#include <stdio.h>

#define STALLING_TIMEOUT (2 * QC_SECOND)
#define DONE_BYTES 16384u /* the net hears of this many at once at most */
#define DONE_MESSAGES 64u
#define DONE_EVERY INT64_C(1000000000) /* ns */
#define CARE_EVERY INT64_C(10000000)   /* ns */

/* ---- small things ---- */

size_t qc_sync_held(const qc_sync *s)
{
    return atomic_load(&s->held);
}

qc_peer_state *qc_sync_peer_find(const qc_sync *s, qc_peer_id id)
{
    qc_peer_state *p = s->peers;
    while (p && p->id != id)
        p = p->next;
    return p;
}

void qc_sync_send(qc_sync *s, qc_peer_state *p, const char *name, qc_bytes *payload)
{
    if (p->closing) {
        qc_bytes_free(payload);
        return;
    }
    p->unsent += payload->len + 24;
    qc_net_send(s->net, p->id, name, payload);
}

void qc_sync_send_empty(qc_sync *s, qc_peer_state *p, const char *name)
{
    qc_bytes none = QC_BYTES_INIT;
    qc_sync_send(s, p, name, &none);
}

void qc_sync_drop(qc_sync *s, qc_peer_state *p, const char *why)
{
    if (p->closing)
        return;
    p->closing = true;
    qc_net_drop(s->net, p->id, why);
}

void qc_sync_misbehaving(qc_sync *s, qc_peer_state *p, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qc_log(QC_LOG_DEBUG, "net", "Misbehaving: peer=%lld%s%s", (long long)p->id, *text ? ": " : "",
           text);
    if (qc_peer_may(p, QC_PERMIT_NOBAN)) {
        qc_log(QC_LOG_WARN, "net", "Not punishing noban peer %lld!", (long long)p->id);
        return;
    }
    if (p->info.type == QC_CONN_MANUAL) {
        qc_log(QC_LOG_WARN, "net", "Not punishing manually connected peer %lld!", (long long)p->id);
        return;
    }
    if (qc_netaddr_in(&p->info.where.addr, QC_RANGE_LOCAL)) {
        qc_log(QC_LOG_DEBUG, "net", "Warning: disconnecting but not discouraging local peer %lld!",
               (long long)p->id);
    } else {
        qc_log(QC_LOG_DEBUG, "net", "Disconnecting and discouraging peer %lld!", (long long)p->id);
        char at[QC_PEER_ADDR_TEXT];
        qc_peer_addr_text(&p->info.where, at);
        if (s->discourage)
            s->discourage(s->discourage_arg, at);
    }
    qc_sync_drop(s, p, "misbehaving");
}

void qc_sync_punish(qc_sync *s, qc_peer_state *p, const qc_verdict *v, bool compact,
                    const char *message)
{
    bool bad = false;
    switch (v->code) {
    case QC_V_OK:
    case QC_V_LOW_WORK:
    case QC_V_TIME_FUTURE:
        break;
    case QC_V_CONSENSUS:
    case QC_V_MUTATED:
        bad = !compact;
        break;
    case QC_V_CACHED_INVALID:
        bad = !compact && !p->info.inbound;
        break;
    case QC_V_INVALID_HEADER:
    case QC_V_INVALID_PREV:
    case QC_V_MISSING_PREV:
        bad = true;
        break;
    case QC_V_INPUTS_NOT_STANDARD:
    case QC_V_NOT_STANDARD:
    case QC_V_MISSING_INPUTS:
    case QC_V_PREMATURE_SPEND:
    case QC_V_WITNESS_MUTATED:
    case QC_V_WITNESS_STRIPPED:
    case QC_V_CONFLICT:
    case QC_V_MEMPOOL_POLICY:
    case QC_V_NO_MEMPOOL:
    case QC_V_RECONSIDERABLE:
    case QC_V_UNKNOWN:
    case QC_V_PACKAGE_POLICY:
    case QC_V_PACKAGE_TX:
        break; /* of no block */
    }
    if (bad)
        qc_sync_misbehaving(s, p, "%s", message);
    else if (*message)
        qc_log(QC_LOG_DEBUG, "net", "peer=%lld: %s", (long long)p->id, message);
}

void qc_sync_unread(const qc_peer_state *p, const char *name, size_t len, qc_wire_fail why)
{
    const char *where = why == QC_WIRE_END ? "DataStream::read(): " : ""; /* as Core says it */
    qc_log(QC_LOG_DEBUG, "net",
           "ProcessMessages(%s, %zu bytes): Exception '%s%s' caught, peer=%lld", name, len, where,
           qc_wire_text(why), (long long)p->id);
}

void qc_sync_job_begin(qc_sync *s)
{
    pthread_mutex_lock(&s->lock);
    s->jobs++;
    pthread_mutex_unlock(&s->lock);
}

void qc_sync_job_end(qc_sync *s)
{
    pthread_mutex_lock(&s->lock);
    if (--s->jobs == 0)
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

/* ---- messages, in turn ---- */

void qc_sync_msg_free(qc_sync_msg *m)
{
    qc_relay_ahead_over(m->sync, m);
    atomic_fetch_sub(&m->sync->held, m->charged);
    qc_body_free(m->body);
    qc_bytes_free(&m->payload);
    qc_free(m);
}

/* Who has a pong may take it that whatever was due CARE_EVERY before has been done, for all peers,
 * and where time stands still whatever was due at all: Core's message handler goes over all of them
 * when one has spoken. */
static void on_ping(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_bytes pong = QC_BYTES_INIT;
    qc_sync_care_now(s);
    if (payload.len >= 8 && !qc_bytes_append(&pong, payload.data, 8))
        qc_sync_send(s, p, "pong", &pong);
}

static void on_sendheaders(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    (void)s;
    (void)payload;
    p->prefers_headers = true;
}

typedef struct handler {
    const char *name;
    void (*fn)(qc_sync *s, qc_peer_state *p, qc_span payload);
} handler;

static const handler HANDLERS[] = {
    {"headers", qc_on_headers},
    {"inv", qc_on_inv},
    {"getdata", qc_on_getdata},
    {"getheaders", qc_on_getheaders},
    {"getblocks", qc_on_getblocks},
    {"ping", on_ping},
    {"sendheaders", on_sendheaders},
    {"sendcmpct", qc_on_sendcmpct},
    {"cmpctblock", qc_on_cmpctblock},
    {"blocktxn", qc_on_blocktxn},
    {"getblocktxn", qc_on_getblocktxn},
    {"getcfilters", qc_on_getcfilters},
    {"getcfheaders", qc_on_getcfheaders},
    {"getcfcheckpt", qc_on_getcfcheckpt},
    {"notfound", qc_on_notfound},
    {"feefilter", qc_on_feefilter},
    {"addr", qc_on_addr},
    {"addrv2", qc_on_addrv2},
    {"getaddr", qc_on_getaddr},
    {"filterload", qc_on_filterload},
    {"filteradd", qc_on_filteradd},
    {"filterclear", qc_on_filterclear},
    {"mempool", qc_on_mempool},
};

static void process(qc_sync *s, qc_peer_state *p, qc_sync_msg *m)
{
    if (strcmp(m->name, "block") == 0) {
        qc_on_block(s, p, m);
        return;
    }
    if (strcmp(m->name, "tx") == 0) {
        qc_on_tx(s, p, m);
        return;
    }
    for (size_t i = 0; i < QC_COUNTOF(HANDLERS); i++)
        if (strcmp(m->name, HANDLERS[i].name) == 0) {
            HANDLERS[i].fn(s, p, qc_bytes_span(&m->payload));
            return;
        }
}

static void take_turn(qc_chain *c, void *arg);

typedef struct turn {
    qc_sync *sync;
    qc_peer_id peer;
} turn;

/* May it be answered? Not before the block it waits for, nor while it does not read. */
static bool may_answer(const qc_sync *s, const qc_peer_state *p)
{
    return !p->serving && p->unsent <= s->send_pause;
}

/* Orphans say nothing to whoever announced them, who could otherwise hold them up for everybody by
 * not reading. */
void qc_sync_go_on(qc_sync *s, qc_peer_state *p)
{
    bool more = (p->head && !p->head->parsing) || p->at_wanted < p->n_wanted || p->filters_stop;
    if (p->turn || p->closing || s->stopped)
        return;
    if (!may_answer(s, p))
        qc_relay_look_away(s, p);
    if (!qc_relay_has_work(s, p) && !(more && may_answer(s, p)))
        return;
    turn *t = qc_alloc(sizeof *t);
    *t = (turn){s, p->id};
    p->turn = true;
    s->n_turns++;
    qc_chain_post(s->thread, take_turn, t);
}

/* While more is to be done there is no hurry to wake the net up. But it takes a peer of which
 * nothing is done for one that is in the way: where others' turns are long, each is told. */
static void done(qc_sync *s, qc_peer_state *p, size_t len)
{
    p->n_done++;
    p->done_bytes += len;
    qc_mono now = qc_clock_mono();
    if (p->head && p->done_bytes < DONE_BYTES && p->n_done < DONE_MESSAGES &&
        now - p->told < DONE_EVERY)
        return;
    p->told = now;
    qc_net_done(s->net, p->id, p->n_done, p->done_bytes);
    p->n_done = p->done_bytes = 0;
}

static void take_turn(qc_chain *c, void *arg)
{
    turn t = *(turn *)arg;
    qc_sync *s = t.sync;
    qc_peer_state *p = s->stopped ? NULL : qc_sync_peer_find(s, t.peer);
    (void)c;
    qc_free(arg);
    s->n_turns--;
    if (!p)
        return;
    p->turn = false;
    if (p->closing)
        return;
    if (qc_relay_has_work(s, p)) {
        qc_relay_work(s, p);
    } else if (!may_answer(s, p)) {
        return; /* until the block is there, or the queue is low */
    } else if (p->at_wanted < p->n_wanted) {
        qc_serve_on(s, p);
    } else if (p->filters_stop) {
        qc_filters_on(s, p);
    } else if (p->head && !p->head->parsing) {
        qc_sync_msg *m = p->head;
        p->head = m->next;
        if (!p->head)
            p->tail = &p->head;
        qc_relay_look_ahead(s, p);
        process(s, p, m);
        done(s, p, m->len);
        qc_sync_msg_free(m);
        qc_sync_care(s, p);
    }
    qc_sync_go_on(s, p);
}

static void arrived(qc_chain *c, void *arg)
{
    qc_sync_msg *m = arg;
    qc_sync *s = m->sync;
    qc_peer_state *p = s->stopped ? NULL : qc_sync_peer_find(s, m->peer);
    (void)c;
    if (!p && m->parsing) {
        m->orphan = true;
    } else if (!p) {
        if (s->priv && !s->stopped && strcmp(m->name, "getdata") == 0) {
            qc_private_getdata(s->priv, m->peer, qc_bytes_span(&m->payload));
            qc_net_done(s->net, m->peer, 1, m->len);
        }
        qc_sync_msg_free(m);
    } else {
        bool waits = p->head || s->n_turns; /* with nothing before it, its turn is now */
        *p->tail = m;
        p->tail = &m->next;
        if (waits && may_answer(s, p))
            qc_relay_look_ahead(s, p);
        qc_sync_go_on(s, p);
    }
}

/* ---- what the net tells, on its thread ---- */

/* The chain may be busy for long, and peers that are gone by then have left what they said behind:
 * what goes to it is counted whoever it is from, and core/net stops taking more
 * (qc_net_owner.held).
 */
static size_t net_held(void *arg)
{
    return qc_sync_held(arg);
}

static void net_message(void *arg, qc_peer_id id, const char *name, qc_span payload)
{
    qc_sync *s = arg;
    bool block = strcmp(name, "block") == 0;
    qc_sync_msg *m = qc_alloc(sizeof *m);
    m->sync = s;
    m->peer = id;
    m->len = payload.len;
    snprintf(m->name, sizeof m->name, "%s", name);
    if (qc_bytes_append(&m->payload, payload.data, payload.len)) {
        qc_free(m);
        qc_net_drop(s->net, id, "out of memory");
        return;
    }
    m->charged = sizeof *m + m->payload.cap + (block ? sizeof *m->body : 0);
    atomic_fetch_add(&s->held, m->charged);
    m->parsing = block;
    if (block) {
        m->body = qc_alloc(sizeof *m->body);
        qc_sync_job_begin(s);
    }
    qc_chain_post(s->thread, arrived, m);
    if (block)
        qc_body_prepare(s, m);
}

typedef struct note {
    qc_sync *sync;
    qc_peer_info info;
} note;

/* It has no part in any conversation. */
static void opened_private(qc_sync *s, note *n)
{
    if (s->priv && !s->stopped)
        qc_private_opened(s->priv, &n->info);
    else
        qc_net_drop(s->net, n->info.id, "nothing is sent in private");
    qc_free(n);
    atomic_fetch_sub(&s->held, sizeof *n);
}

static void opened(qc_chain *c, void *arg)
{
    note *n = arg;
    qc_sync *s = n->sync;
    (void)c;
    if (n->info.type == QC_CONN_PRIVATE) {
        opened_private(s, n);
        return;
    }
    qc_peer_state *p = qc_alloc(sizeof *p), **at = &s->peers;
    p->info = n->info;
    p->id = n->info.id;
    p->tail = &p->head;
    p->headers_timeout = INT64_MAX;
    p->relay_txs = p->info.relay && p->info.type != QC_CONN_BLOCK_ONLY;
    p->prefers_headers = p->info.early_headers;
    p->preferred = (!p->info.inbound || qc_peer_may(p, QC_PERMIT_NOBAN)) &&
                   p->info.type != QC_CONN_ADDR_FETCH && qc_peer_serves_blocks(p);
    s->n_preferred += p->preferred;
    while (*at)
        at = &(*at)->next;
    *at = p;
    qc_free(n);
    atomic_fetch_sub(&s->held, sizeof *n);
    qc_compact_hello(s, p, false);
    qc_addr_opened(s, p);
    qc_relay_opened(s, p);
    if (p->info.early_cmpct)
        qc_compact_heard(s, p, p->info.cmpct_announce);
    qc_sync_care(s, p);
}

static void net_opened(void *arg, const qc_peer_info *info)
{
    qc_sync *s = arg;
    note *n = qc_alloc(sizeof *n);
    *n = (note){s, *info};
    atomic_fetch_add(&s->held, sizeof *n);
    qc_chain_post(s->thread, opened, n);
}

static void forget_messages(qc_peer_state *p)
{
    for (qc_sync_msg *m = p->head, *next; m; m = next) {
        next = m->next;
        if (m->parsing)
            m->orphan = true;
        else
            qc_sync_msg_free(m);
    }
}

/* Its requests may name entries that are gone already: the chain is closed first. */
static void free_peer(qc_peer_state *p)
{
    for (qc_flight *f = p->flight, *next; f; f = next) {
        next = f->next;
        qc_partial_free(f->partial);
        qc_free(f);
    }
    forget_messages(p);
    qc_presync_free(p->presync);
    qc_peer_filter_free(p->filter);
    qc_bytes_free(&p->early_ask);
    qc_free(p->announce);
    qc_free(p->wanted);
    qc_free(p);
}

static void closed(qc_chain *c, void *arg)
{
    turn t = *(turn *)arg;
    qc_sync *s = t.sync;
    (void)c;
    qc_free(arg);
    atomic_fetch_sub(&s->held, sizeof t);
    if (s->priv && !s->stopped)
        qc_private_closed(s->priv, t.peer);
    for (qc_peer_state **at = &s->peers; *at; at = &(*at)->next) {
        qc_peer_state *p = *at;
        if (p->id != t.peer)
            continue;
        *at = p->next;
        s->n_sync_started -= p->sync_started;
        s->n_preferred -= p->preferred;
        s->n_protected -= p->protect;
        qc_download_forget(s, p);
        qc_sources_forget(s, p->id);
        qc_gossip_leave(s->gossip, p->gossip);
        qc_relay_closed(s, p);
        free_peer(p);
        break;
    }
    qc_sync_care_for_all(s);
}

static void net_closed(void *arg, qc_peer_id id)
{
    qc_sync *s = arg;
    turn *t = qc_alloc(sizeof *t);
    *t = (turn){s, id};
    atomic_fetch_add(&s->held, sizeof *t);
    qc_chain_post(s->thread, closed, t);
}

static void ponged(qc_chain *c, void *arg)
{
    turn t = *(turn *)arg;
    (void)c;
    qc_free(arg);
    if (t.sync->priv && !t.sync->stopped)
        qc_private_pong(t.sync->priv, t.peer);
}

static void net_pong(void *arg, qc_peer_id id)
{
    turn *t = qc_alloc(sizeof *t);
    *t = (turn){arg, id};
    qc_chain_post(t->sync->thread, ponged, t);
}

static void drained(qc_chain *c, void *arg)
{
    turn t = *(turn *)arg;
    qc_peer_state *p = t.sync->stopped ? NULL : qc_sync_peer_find(t.sync, t.peer);
    (void)c;
    qc_free(arg);
    if (!p)
        return;
    p->unsent = 0;
    qc_sync_go_on(t.sync, p);
}

static void net_drained(void *arg, qc_peer_id id)
{
    qc_sync *s = arg;
    turn *t = qc_alloc(sizeof *t);
    *t = (turn){s, id};
    qc_chain_post(s->thread, drained, t);
}

/* ---- due work ---- */

void qc_sync_care(qc_sync *s, qc_peer_state *p)
{
    int64_t now = qc_clock_now_us();
    if (s->stopped || p->closing)
        return;
    qc_addr_care(s, p, now);
    if (!qc_sync_loaded(s))
        return;
    qc_serve_early(s, p);
    if (qc_headers_care(s, p, now)) {
        qc_announce_care(s, p);
        qc_download_care(s, p, now);
        qc_relay_care(s, p, now);
    }
}

static void care_for_all(qc_sync *s)
{
    s->cared = qc_clock_mono();
    for (qc_peer_state *p = s->peers; p; p = p->next)
        qc_sync_care(s, p);
}

/* A pass over all peers is worth more than the message that asks for one. What is posted anyway is
 * done now instead. */
void qc_sync_care_now(qc_sync *s)
{
    bool late = qc_clock_mock() || qc_clock_mono() - s->cared >= CARE_EVERY;
    if (s->stopped || !(late || s->flush_posted))
        return;
    s->flush_posted = false;
    care_for_all(s);
}

static void flush(qc_chain *c, void *arg)
{
    qc_sync *s = arg;
    (void)c;
    if (!s->flush_posted)
        return;
    s->flush_posted = false;
    care_for_all(s);
}

void qc_sync_care_for_all(qc_sync *s)
{
    if (s->flush_posted || s->stopped)
        return;
    s->flush_posted = true;
    qc_chain_post(s->thread, flush, s);
}

static void tick(qc_chain *c, void *arg)
{
    qc_sync *s = arg;
    (void)c;
    atomic_store(&s->tick_posted, false);
    if (s->stopped)
        return;
    qc_stale_care(s);
    if (s->relay.tick)
        s->relay.tick(s->relay.arg, qc_clock_now_us());
    if (s->priv)
        qc_private_tick(s->priv);
    qc_relay_wake(s); /* work that was passed on for want of room */
    care_for_all(s);
}

static void net_tick(void *arg)
{
    qc_sync *s = arg;
    if (!atomic_exchange(&s->tick_posted, true)) /* a busy chain gets no backlog of ticks */
        qc_chain_post(s->thread, tick, s);
}

/* ---- what the chain tells ---- */

static void chain_tip(void *arg, const qc_index *tip, const qc_index *fork, bool initial)
{
    qc_sync *s = arg;
    if (!atomic_load(&s->started) || s->stopped)
        return;
    if (!initial)
        qc_announce(s, tip, fork);
    if (!initial && s->relay.tip) {
        s->relay.tip(s->relay.arg);
        qc_relay_wake(s);
    }
    qc_sync_care_for_all(s);
}

/* A time-out that was raised for one peer goes down again while blocks come. */
static void chain_connected(void *arg, const qc_index *i, const qc_block *b)
{
    qc_sync *s = arg;
    if (atomic_load(&s->started) && !s->stopped && !qc_chain_initial_download(s->chain)) {
        qc_recent_set(s, i, b);
        if (s->relay.connected)
            s->relay.connected(s->relay.arg, b);
    }
    s->last_connected = qc_clock_now_us();
    if (s->stalling_timeout == STALLING_TIMEOUT)
        return;
    int64_t seconds = s->stalling_timeout / QC_SECOND * 85 / 100;
    s->stalling_timeout = QC_MAX(seconds * QC_SECOND, STALLING_TIMEOUT);
    qc_log(QC_LOG_DEBUG, "net", "Decreased stalling timeout to %d seconds",
           (int)(s->stalling_timeout / QC_SECOND));
}

static void chain_pow_valid(void *arg, const qc_index *i, const qc_block *b)
{
    qc_sync *s = arg;
    if (atomic_load(&s->started) && !s->stopped)
        qc_on_pow_valid(s, i, b);
}

/* What was confirmed will be again, more often than not in the next block. */
static void chain_disconnected(void *arg, const qc_index *i, const qc_block *b)
{
    qc_sync *s = arg;
    (void)i;
    if (s->relay.disconnected)
        s->relay.disconnected(s->relay.arg);
    for (uint32_t k = 1; k < qc_block_n_tx(b); k++) {
        qc_tx tx = qc_block_tx(b, k);
        qc_hash txid, wtxid;
        memcpy(txid.b, tx.rec->txid, sizeof txid.b);
        memcpy(wtxid.b, tx.rec->wtxid, sizeof wtxid.b);
        qc_extra_add(s->extra, &(qc_known_tx){&txid, &wtxid, qc_tx_bytes(&tx)});
    }
}

static void chain_checked(void *arg, const qc_hash *hash, const qc_verdict *v)
{
    qc_on_checked(arg, hash, v);
}

/* ---- life ---- */

void qc_sync_new(qc_sync **out, const qc_sync_options *o)
{
    qc_sync *s = qc_alloc(sizeof *s);
    s->chain = o->chain;
    s->net = o->net;
    s->params = qc_chain_params(o->chain);
    s->services = o->services;
    s->loaded = o->loaded;
    s->send_pause = o->send_pause ? o->send_pause : QC_SEND_PAUSE;
    s->discourage = o->discourage;
    s->discourage_arg = o->discourage_arg;
    s->stalling_timeout = STALLING_TIMEOUT;
    s->presync_best = -1;
    s->blocks_only = o->blocks_only;
    s->pool = o->pool;
    s->filters = o->filters;
    s->extra = qc_extra_new(o->extra_txs);
    s->relay = o->relay;
    s->priv = o->priv;
    if (s->relay.begin)
        s->relay.begin(s->relay.arg, s->extra);
    qc_addr_begin(s, o->book);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    qc_report_init(&s->report);
    const qc_chain_events ev = {.arg = s,
                                .tip = chain_tip,
                                .connected = chain_connected,
                                .disconnected = chain_disconnected,
                                .pow_valid = chain_pow_valid,
                                .checked = chain_checked};
    qc_chain_listen(o->chain, &ev);
    const qc_net_owner owner = {s,          net_opened, net_message, net_drained,
                                net_closed, net_tick,   net_held,    net_pong};
    qc_net_set_owner(o->net, &owner);
    *out = s;
}

void qc_sync_start(qc_sync *s, qc_chain_thread *t)
{
    s->thread = t;
    atomic_store(&s->started, true);
}

static void stop(qc_chain *c, void *arg)
{
    qc_sync *s = arg;
    (void)c;
    s->stopped = true;
    for (qc_peer_state *p = s->peers; p; p = p->next)
        for (qc_sync_msg *m = p->head; m; m = m->next)
            qc_relay_ahead_over(s, m);
}

void qc_sync_stop(qc_sync *s)
{
    if (!s || !atomic_load(&s->started))
        return;
    qc_chain_call(s->thread, stop, s);
    pthread_mutex_lock(&s->lock);
    while (s->jobs)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void qc_sync_free(qc_sync *s)
{
    if (!s)
        return;
    while (s->peers) {
        qc_peer_state *p = s->peers;
        s->peers = p->next;
        qc_sources_forget(s, p->id);
        qc_gossip_leave(s->gossip, p->gossip);
        free_peer(p);
    }
    qc_recent_clear(s);
    qc_extra_free(s->extra);
    qc_gossip_free(s->gossip);
    qc_report_clear(&s->report);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    qc_free(s);
}
