/* The set of peers: its life, and the calls of other threads. Those run on the loop by
 * qc_loop_call(), so that nothing here is locked. */
#include "core/net/net.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/net/internal.h"
#include "core/net/resolve.h"
#include "core/os/file.h"

#include <stdio.h>

#define ALONE_MS 1000     /* between ticks while there is nobody */
#define LIMITED_DEPTH 144 /* blocks; Core NODE_NETWORK_LIMITED_ALLOW_CONN_BLOCKS */
#define CONNECT_MS 5000   /* Core DEFAULT_CONNECT_TIMEOUT */

/* ---- life ---- */

static void on_timer(void *arg)
{
    qc_net *n = arg;
    qc_mono now = qc_peer_clock();
    for (qc_peer *p = n->peers, *next; p; p = next) {
        next = p->next;
        qc_peer_tick(p, now);
    }
    qc_net_added_tick(n, qc_clock_mono());
    qc_automate_tick(n, qc_clock_mono());
    qc_private_connect(n, qc_clock_mono());
    if (n->owner.tick)
        n->owner.tick(n->owner.arg);
    qc_timer_set(n->timer, n->peers ? QC_NET_TICK_MS : ALONE_MS);
}

static void log_active(bool on)
{
    qc_log(QC_LOG_INFO, "net", "SetNetworkActive: %s", on ? "true" : "false");
}

qc_err qc_net_new(qc_net **out, const qc_net_options *o)
{
    qc_net *n = qc_alloc(sizeof *n);
    qc_err err = qc_loop_new(&n->loop);
    if (err) {
        qc_free(n);
        return err;
    }
    memcpy(n->magic, o->magic, sizeof n->magic);
    n->user_agent = qc_strdup(o->user_agent);
    n->slots = o->slots;
    n->book = o->book;
    n->block_spacing = o->block_spacing;
    n->peer_timeout = o->peer_timeout;
    n->services = o->services;
    n->recv_max = o->recv_max ? o->recv_max : QC_NET_RECV_MAX;
    n->held_pause = o->held_pause ? o->held_pause : QC_NET_HELD_PAUSE;
    n->held_max = o->held_max ? o->held_max : QC_NET_HELD_MAX;
    n->relay = o->relay;
    uint8_t seed[32];
    qc_os_random(seed, sizeof seed);
    n->signer = qc_signer_new(seed);
    qc_wipe(seed, sizeof seed);
    n->upload.target = o->upload_target;
    n->capture_dir = o->capture_dir ? qc_strdup(o->capture_dir) : NULL;
    n->default_port = o->default_port;
    n->proxies = o->proxies;
    n->cjdns = o->cjdns;
    n->no_dns = o->no_dns;
    n->connect_ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS;
    n->permit = qc_alloc((o->n_permit + 1) * sizeof *n->permit);
    n->n_permit = o->n_permit;
    if (o->n_permit)
        memcpy(n->permit, o->permit, o->n_permit * sizeof *n->permit);
    qc_os_random(&n->key, sizeof n->key);
    atomic_store(&n->active, o->active);
    log_active(o->active);
    err = qc_timer_new(n->loop, on_timer, n, &n->timer);
    if (!err)
        err = qc_net_i2p_start(n, o);
    if (err) {
        qc_timer_free(n->timer);
        qc_resolver_free(n->resolver);
        qc_loop_free(n->loop);
        qc_signer_free(n->signer);
        qc_free(n->user_agent);
        qc_free(n->capture_dir);
        qc_free(n->permit);
        qc_free(n);
        return err;
    }
    qc_timer_set(n->timer, QC_NET_TICK_MS);
    *out = n;
    return QC_OK;
}

static void close_all(qc_net *n, const char *why)
{
    while (n->peers)
        qc_peer_close(n->peers, why);
}

static void run(void *arg)
{
    qc_net *n = arg;
    qc_loop_run(n->loop);
}

qc_err qc_net_start(qc_net *n)
{
    return qc_thread_start(&n->thread, "net", run, n);
}

void qc_net_set_owner(qc_net *n, const qc_net_owner *o)
{
    n->owner = *o;
}

void qc_net_stop(qc_net *n)
{
    if (!n || n->stopped)
        return;
    if (n->thread) {
        qc_loop_stop(n->loop);
        qc_thread_join(n->thread);
    }
    n->stopped = true;
    qc_automate_stop(n);
    close_all(n, "shutdown");
    qc_i2p_free(n->i2p);
    n->i2p = NULL;
    qc_net_added_free(n);
}

void qc_net_free(qc_net *n)
{
    if (!n)
        return;
    qc_net_stop(n);
    qc_net_listeners_free(n);
    qc_timer_free(n->timer);
    qc_loop_free(n->loop);
    qc_signer_free(n->signer);
    qc_free(n->user_agent);
    qc_free(n->capture_dir);
    qc_free(n->permit);
    qc_free(n);
}

void qc_net_set_tip(qc_net *n, uint32_t height, qc_unixtime time)
{
    atomic_store(&n->height, height);
    atomic_store(&n->tip_time, time);
}

/* Who keeps the last blocks only is of use to a node that needs no others (Core
 * GetDesirableServiceFlags). */
uint64_t qc_net_desirable(const qc_net *n, uint64_t services)
{
    int64_t behind = (qc_clock_now() - atomic_load(&n->tip_time)) / n->block_spacing;
    if ((services & QC_NODE_NETWORK_LIMITED) && behind < LIMITED_DEPTH)
        return QC_NODE_NETWORK_LIMITED | QC_NODE_WITNESS;
    return QC_NODE_NETWORK | QC_NODE_WITNESS;
}

qc_slots qc_net_slots(const qc_net *n)
{
    return n->slots;
}

uint64_t qc_net_services(const qc_net *n)
{
    return n->services;
}

qc_upload_state qc_net_upload(const qc_net *n)
{
    return qc_upload_now(&n->upload);
}

bool qc_net_wants_txs(const qc_net *n)
{
    return n->relay;
}

bool qc_net_active(const qc_net *n)
{
    return atomic_load(&n->active);
}

void qc_net_totals(const qc_net *n, uint64_t *received, uint64_t *sent)
{
    *received = atomic_load(&n->received);
    *sent = atomic_load(&n->sent);
}

/* ---- the owner's wishes ---- */

typedef struct wish {
    qc_net *n;
    qc_peer_id id;
    char name[QC_MSG_NAME + 1];
    qc_bytes payload;
    size_t len;
    const char *why;
    bool flag;
    qc_unixtime when;
} wish;

qc_peer *qc_net_find(const qc_net *n, qc_peer_id id, const char *addr)
{
    for (qc_peer *p = n->peers; p; p = p->next)
        if (addr ? strcmp(p->info.addr, addr) == 0 : !p->connecting && p->info.id == id)
            return p;
    return NULL;
}

qc_peer *qc_net_find_at(const qc_net *n, const qc_peer_addr *at)
{
    bool valid = qc_netaddr_is_valid(&at->addr);
    for (qc_peer *p = n->peers; valid && p; p = p->next)
        if (qc_peer_addr_same(&p->info.where, at))
            return p;
    return NULL;
}

static void do_send(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p)
        qc_peer_send(p, w->name, qc_bytes_span(&w->payload));
    qc_bytes_free(&w->payload);
    qc_free(w);
}

static void do_done(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p)
        qc_peer_done(p, w->len);
    qc_free(w);
}

static void do_drop(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p)
        qc_peer_close(p, w->why);
    qc_free(w);
}

static void do_ping_peer(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p)
        qc_peer_ping(p);
    qc_free(w);
}

static void do_useful(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    if (p && w->flag)
        p->last_block = w->when;
    else if (p)
        p->last_tx = w->when;
    qc_free(w);
}

static void do_relays(void *arg)
{
    wish *w = arg;
    qc_peer *p = qc_net_find(w->n, w->id, NULL);
    bool fresh = p && !p->relays_txs;
    if (p) {
        p->relays_txs = true;
        p->has_filter = w->flag;
    }
    if (fresh && !qc_room_to_relay(p, w->why))
        qc_peer_close(p, "too many peers that relay transactions");
    qc_free(w);
}

void qc_net_send(qc_net *n, qc_peer_id id, const char *name, qc_bytes *payload)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .payload = *payload};
    snprintf(w->name, sizeof w->name, "%s", name);
    *payload = (qc_bytes)QC_BYTES_INIT;
    qc_loop_post(n->loop, do_send, w);
}

void qc_net_done(qc_net *n, qc_peer_id id, size_t messages, size_t payload_len)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .len = payload_len + messages * QC_INBOX_EACH};
    qc_loop_post(n->loop, do_done, w);
}

void qc_net_drop(qc_net *n, qc_peer_id id, const char *why)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .why = why};
    qc_loop_post(n->loop, do_drop, w);
}

void qc_net_ping_peer(qc_net *n, qc_peer_id id)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id};
    qc_loop_post(n->loop, do_ping_peer, w);
}

void qc_net_useful(qc_net *n, qc_peer_id id, bool block)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .flag = block, .when = qc_clock_now()};
    qc_loop_post(n->loop, do_useful, w);
}

void qc_net_relays(qc_net *n, qc_peer_id id, bool filter, const char *message)
{
    wish *w = qc_alloc(sizeof *w);
    *w = (wish){.n = n, .id = id, .flag = filter, .why = message};
    qc_loop_post(n->loop, do_relays, w);
}

/* ---- calls from other threads ---- */

typedef struct call {
    qc_net *n;
    const char *addr; /* or: name of a message */
    const qc_bytes *payload;
    qc_peer_id id;
    qc_conn_type type;
    uint32_t most; /* connections of this type; 0: as many as there are places */
    bool on;       /* or: version 2 */
    qc_peer_info *list;
    size_t count;
    qc_err err;
} call;

uint32_t qc_net_count_type(const qc_net *n, qc_conn_type type, bool any_automatic)
{
    uint32_t count = 0;
    for (const qc_peer *p = n->peers; p; p = p->next)
        count += any_automatic ? qc_conn_is_automatic(p->info.type) : p->info.type == type;
    return count;
}

/* No place for one more automatic connection of this type (Core CConnman::AddConnection). */
static bool is_full(const qc_net *n, qc_conn_type type)
{
    uint32_t same = qc_net_count_type(n, type, false);
    return qc_conn_is_automatic(type) &&
           (qc_net_count_type(n, type, true) >= n->slots.outbound ||
            (type == QC_CONN_FULL && same >= n->slots.full) ||
            (type == QC_CONN_BLOCK_ONLY && same >= n->slots.block_only));
}

static void do_connect(void *arg)
{
    call *c = arg;
    const qc_target t = {.name = c->addr, .type = c->type, .v2 = c->on};
    bool full =
        c->most ? qc_net_count_type(c->n, c->type, false) >= c->most : is_full(c->n, c->type);
    c->err = full ? QC_EFULL : qc_net_dial(c->n, &t);
}

static void do_disconnect(void *arg)
{
    call *c = arg;
    qc_peer *p = qc_net_find(c->n, c->id, c->addr);
    c->err = p ? QC_OK : QC_ENOENT;
    if (p)
        qc_peer_close(p, "RPC disconnectnode");
}

static void do_push(void *arg)
{
    call *c = arg;
    qc_peer *p = qc_net_find(c->n, c->id, NULL);
    c->err = p && p->info.handshaken ? QC_OK : QC_ENOENT;
    if (!c->err && c->payload->len > QC_MSG_SEND_MAX)
        c->err = QC_EINVAL;
    if (!c->err)
        qc_peer_send(p, c->addr, qc_bytes_span(c->payload));
}

static void do_set_active(void *arg)
{
    call *c = arg;
    log_active(c->on);
    atomic_store(&c->n->active, c->on);
    if (!c->on)
        close_all(c->n, "network inactive");
}

static void do_ping(void *arg)
{
    call *c = arg;
    for (qc_peer *p = c->n->peers; p; p = p->next)
        if (p->info.type != QC_CONN_PRIVATE)
            qc_peer_ping(p);
}

static void do_list(void *arg)
{
    call *c = arg;
    c->list = qc_try_calloc(c->n->n_peers + 1, sizeof *c->list);
    c->err = c->list ? QC_OK : QC_ENOMEM;
    for (qc_peer *p = c->n->peers; c->list && p; p = p->next)
        if (!p->connecting) {
            c->list[c->count] = p->info;
            if (p->ping_sent)
                c->list[c->count].ping_wait_us = (qc_peer_clock() - p->ping_sent) / 1000;
            c->count++;
        }
}

qc_err qc_net_connect(qc_net *n, const char *addr, qc_conn_type type, bool v2)
{
    call c = {.n = n, .addr = addr, .type = type, .on = v2};
    qc_loop_call(n->loop, do_connect, &c);
    return c.err;
}

qc_err qc_net_connect_manual(qc_net *n, const char *addr, bool v2, uint32_t most)
{
    call c = {.n = n, .addr = addr, .type = QC_CONN_MANUAL, .most = most, .on = v2};
    qc_loop_call(n->loop, do_connect, &c);
    return c.err;
}

qc_err qc_net_disconnect(qc_net *n, qc_peer_id id, const char *addr)
{
    call c = {.n = n, .id = id, .addr = addr};
    qc_loop_call(n->loop, do_disconnect, &c);
    return c.err;
}

qc_err qc_net_push(qc_net *n, qc_peer_id id, const char *name, const qc_bytes *payload)
{
    call c = {.n = n, .id = id, .addr = name, .payload = payload};
    qc_loop_call(n->loop, do_push, &c);
    return c.err;
}

void qc_net_set_active(qc_net *n, bool on)
{
    call c = {.n = n, .on = on};
    qc_loop_call(n->loop, do_set_active, &c);
}

void qc_net_ping(qc_net *n)
{
    call c = {.n = n};
    qc_loop_call(n->loop, do_ping, &c);
}

qc_err qc_net_peers(qc_net *n, qc_peer_info **list, size_t *count)
{
    call c = {.n = n};
    qc_loop_call(n->loop, do_list, &c);
    *list = c.list;
    *count = c.count;
    return c.err;
}
