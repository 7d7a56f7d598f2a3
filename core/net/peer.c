/* One peer: its bytes and pings; the handshake is in handshake.c, other messages go to the owner. A
 * peer that breaks a rule of the transport is dropped with a line that says which. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/net/capture.h"
#include "core/net/internal.h"
#include "core/net/sockaddr.h"
#include "core/os/file.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND ((qc_mono)1000000000)
#define PING_EVERY (120 * SECOND)    /* Core PING_INTERVAL */
#define PING_TIMEOUT (1200 * SECOND) /* Core TIMEOUT_INTERVAL */
#define STUCK_TIMEOUT (20 * SECOND)
#define PRIVATE_TIMEOUT (180 * SECOND) /* Core PRIVATE_BROADCAST_MAX_CONNECTION_LIFETIME */
#define FETCH_TIMEOUT (300 * SECOND)   /* Core 10 * AVG_ADDRESS_BROADCAST_INTERVAL */

/* ---- accounting ---- */

static void count(qc_net_count *list, size_t *n, const char *name, size_t bytes)
{
    size_t i = 0;
    while (i < *n && strcmp(list[i].name, name) != 0)
        i++;
    if (i == *n) {
        if (*n == QC_NET_KINDS)
            i = QC_NET_KINDS - 1; /* the rest is counted with the last */
        else
            memcpy(list[(*n)++].name, name, strlen(name) + 1);
    }
    list[i].bytes += bytes;
}

/* ---- sending ---- */

static void on_write(void *arg, int fd, unsigned events);

static bool want_write(qc_peer *p)
{
    return p->write || !qc_io_watch(p->net->loop, p->fd, QC_IO_WRITE, on_write, p, &p->write);
}

/* On a private connection anything else would tell something of us. */
static bool may_send(const qc_peer *p, const char *name)
{
    static const char *const PRIVATE[] = {"version", "verack", "inv", "tx", "ping"};
    bool may = p->info.type != QC_CONN_PRIVATE;
    for (size_t i = 0; i < QC_COUNTOF(PRIVATE); i++)
        may |= strcmp(name, PRIVATE[i]) == 0;
    if (!may)
        qc_log(QC_LOG_DEBUG, "privatebroadcast", "Omitting send of message '%s', peer=%lld", name,
               (long long)p->info.id);
    return may;
}

void qc_peer_send(qc_peer *p, const char *name, qc_span payload)
{
    size_t wire;
    if (p->closing || !may_send(p, name))
        return;
    if (qc_transport_send(p->transport, name, payload, &wire) || !want_write(p)) {
        p->closing = true;
        return;
    }
    if (p->net->capture_dir)
        qc_capture(p->net->capture_dir, p->info.addr, name, payload, false);
    p->undrained = true;
    p->info.last_send = qc_clock_now();
    count(p->info.sent_by, &p->info.n_sent_by, name, wire);
    qc_log(QC_LOG_DEBUG, "net", "sending %s (%zu bytes) peer=%lld", name, payload.len,
           (long long)p->info.id);
    if (qc_transport_pending(p->transport).len > QC_PEER_SEND_MAX)
        p->closing = true;
}

void qc_peer_ping(qc_peer *p)
{
    uint8_t nonce[8];
    if (!p->info.handshaken || p->ping_sent)
        return;
    qc_os_random(nonce, sizeof nonce);
    p->ping_nonce = qc_read_le64(nonce);
    p->ping_sent = p->last_ping = qc_peer_clock();
    qc_peer_send(p, "ping", qc_span_of(nonce, sizeof nonce));
}

/* ---- messages ---- */

static void on_private_pong(qc_peer *p)
{
    const qc_net_owner *o = &p->net->owner;
    qc_log(QC_LOG_DEBUG, "privatebroadcast",
           "Got a PONG (the transaction will probably reach the network), marking for disconnect, "
           "peer=%lld",
           (long long)p->info.id);
    if (o->pong)
        o->pong(o->arg, p->info.id);
    p->closing = true;
}

static void on_pong(qc_peer *p, qc_span payload)
{
    uint64_t nonce = payload.len >= 8 ? qc_read_le64(payload.data) : 0;
    const char *problem = payload.len < 8          ? "Short payload"
                          : !p->ping_sent          ? "Unsolicited pong without ping"
                          : nonce == p->ping_nonce ? NULL
                          : nonce == 0             ? "Nonce zero"
                                                   : "Nonce mismatch";
    if (problem) {
        qc_log(QC_LOG_DEBUG, "net", "pong peer=%lld: %s, %llx expected, %llx received, %zu bytes",
               (long long)p->info.id, problem,
               (unsigned long long)(p->ping_sent ? p->ping_nonce : 0), (unsigned long long)nonce,
               payload.len);
        if (payload.len < 8 || nonce == 0)
            p->ping_sent = 0; /* a fault of the other program: do not wait for it */
        return;
    }
    int64_t us = (qc_peer_clock() - p->ping_sent) / 1000;
    p->ping_sent = 0;
    p->info.ping_us = us;
    if (p->info.min_ping_us < 0 || us < p->info.min_ping_us)
        p->info.min_ping_us = us;
    if (p->info.type == QC_CONN_PRIVATE)
        on_private_pong(p);
}

/* Under pressure it is who has most waiting that stops; each goes on when its own is dealt with. So
 * does who does not read what we send: until it does, nothing of it is dealt with. */
static bool inbox_full(const qc_peer *p)
{
    const qc_net *n = p->net;
    bool pressed =
        qc_net_held(n) > n->held_pause || qc_transport_pending(p->transport).len > QC_PEER_SEND_LOW;
    return p->inbox > (pressed ? QC_MIN(n->recv_max, QC_INBOX_PRESSED) : n->recv_max);
}

/* Whom we or the operator chose may keep us busy: those are few. */
static bool is_chosen(const qc_peer *p)
{
    return !p->info.inbound || (p->info.permissions & QC_PERMIT_NOBAN) == QC_PERMIT_NOBAN;
}

/* The last resort: messages of peers that are gone count as well, so that not even reconnecting
 * helps. Who says little goes on being heard, or a few greedy peers would cost us all the others.
 */
static bool too_much_held(const qc_peer *p, const qc_message *m)
{
    const qc_net *n = p->net;
    return !is_chosen(p) && qc_net_held(n) > n->held_max &&
           QC_MAX(p->inbox, m->payload.len) > QC_INBOX_PRESSED;
}

/* Its messages fill what there is for all, and none of them can be dealt with. */
static bool is_in_the_way(const qc_peer *p, qc_mono now)
{
    return !is_chosen(p) && p->inbox > QC_INBOX_PRESSED && now - p->inbox_moved > STUCK_TIMEOUT &&
           qc_net_held(p->net) > p->net->held_pause;
}

/* Everything but the transport's own affairs. A ping too: its answer says that what came before it
 * has been dealt with. */
static void hand_over(qc_peer *p, const qc_message *m)
{
    const qc_net_owner *o = &p->net->owner;
    if (too_much_held(p, m)) {
        qc_log(QC_LOG_DEBUG, "net", "too much waits to be processed, disconnecting peer=%lld",
               (long long)p->info.id);
        p->closing = true;
    } else if (o->message) {
        if (p->inbox == 0)
            p->inbox_moved = qc_peer_clock();
        p->inbox += m->payload.len + QC_INBOX_EACH;
        o->message(o->arg, p->info.id, m->name, m->payload);
    } else if (strcmp(m->name, "ping") == 0 && m->payload.len >= 8) {
        qc_peer_send(p, "pong", qc_span_of(m->payload.data, 8));
    }
}

static void on_message(qc_peer *p, const qc_message *m)
{
    qc_log(QC_LOG_DEBUG, "net", "received: %s (%zu bytes) peer=%lld", m->name, m->payload.len,
           (long long)p->info.id);
    if (p->net->capture_dir)
        qc_capture(p->net->capture_dir, p->info.addr, m->name, m->payload, true);
    if (qc_handshake_takes(p, m))
        return;
    if (strcmp(m->name, "pong") == 0)
        on_pong(p, m->payload);
    else if (p->info.type == QC_CONN_PRIVATE && strcmp(m->name, "getdata") != 0)
        qc_log(QC_LOG_DEBUG, "privatebroadcast", "Ignoring incoming message '%s', peer=%lld",
               m->name, (long long)p->info.id);
    else if (qc_message_known(m->name))
        hand_over(p, m);
    else
        qc_log(QC_LOG_DEBUG, "net", "Unknown message type \"%s\" from peer=%lld", m->name,
               (long long)p->info.id);
}

/* ---- the transport ---- */

static void on_received(qc_peer *p, const qc_transport_event *e)
{
    bool known = e->what == QC_TR_MESSAGE && qc_message_known(e->m.name);
    count(p->info.received_by, &p->info.n_received_by, known ? e->m.name : QC_NET_OTHER,
          e->m.total);
    if (e->what == QC_TR_MESSAGE)
        on_message(p, &e->m);
}

static void note_transport(qc_peer *p)
{
    const uint8_t *id = qc_transport_session_id(p->transport);
    p->info.transport = qc_transport_get_kind(p->transport);
    for (size_t i = 0; id && i < QC_SESSION_ID_LEN; i++)
        snprintf(p->info.session_id + 2 * i, 3, "%02x", id[i]);
}

/* Everything that can be done now; when the owner has too much, the transport keeps the rest. What
 * the transport drops costs the message only, as in Core. True: it keeps some. The caller goes by
 * that, for the answer to inbox_full() changes with what other threads do. */
static bool pump(qc_peer *p)
{
    qc_transport_event e;
    bool full = false;
    while (!p->closing && !(full = inbox_full(p))) {
        qc_transport_what what = qc_transport_next(p->transport, &e);
        if (p->info.transport == QC_TRANSPORT_DETECTING)
            note_transport(p);
        if (e.why[0])
            qc_log(QC_LOG_DEBUG, "net", "%s, peer=%lld", e.why, (long long)p->info.id);
        if (what == QC_TR_MORE)
            break;
        if (what == QC_TR_FAILED || what == QC_TR_NOMEM)
            p->closing = true;
        else if (what == QC_TR_READY && !p->info.inbound)
            qc_handshake_begin(p);
        else if (what == QC_TR_MESSAGE || what == QC_TR_DROPPED)
            on_received(p, &e);
    }
    if (qc_transport_pending(p->transport).len == 0)
        return full;
    if (p->info.transport == QC_TRANSPORT_DETECTING && !p->v2_said) {
        p->v2_said = true;
        qc_log(QC_LOG_DEBUG, "net", "start sending v2 handshake to peer=%lld",
               (long long)p->info.id);
    }
    if (!want_write(p))
        p->closing = true;
    return full;
}

/* The connection ends, and not because we were told to. */
static void lose(qc_peer *p, const char *why)
{
    qc_net *n = p->net;
    bool again = qc_transport_should_try_v1(p->transport);
    qc_peer_id id = p->info.id;
    char addr[sizeof p->info.addr];
    memcpy(addr, p->info.addr, sizeof addr);
    const qc_target t = {.name = p->named ? addr : NULL, .at = p->info.where, .type = p->info.type};
    qc_peer_close(p, why);
    if (!again)
        return;
    qc_log(QC_LOG_DEBUG, "net", "retrying with v1 transport protocol for peer=%lld", (long long)id);
    qc_err err = qc_net_dial(n, &t);
    if (err)
        qc_log(QC_LOG_DEBUG, "net", "cannot retry %s: %s", addr, qc_err_text(err));
}

/* ---- descriptors ---- */

static void on_read(void *arg, int fd, unsigned events)
{
    qc_peer *p = arg;
    uint8_t *buf = p->net->scratch;
    (void)events;
    ssize_t n = recv(fd, buf, QC_PEER_READ, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose(p, n == 0 ? "socket closed" : "socket receive error");
        return;
    }
    p->info.received += (uint64_t)n;
    p->info.last_recv = qc_clock_now();
    p->heard = qc_peer_clock();
    atomic_fetch_add(&p->net->received, (uint64_t)n);
    if (qc_transport_receive(p->transport, qc_span_of(buf, (size_t)n))) {
        qc_peer_close(p, "receive buffer");
        return;
    }
    bool full = pump(p);
    if (p->closing) {
        qc_peer_close(p, "protocol");
    } else if (full) {
        qc_unwatch(p->read);
        p->read = NULL;
    }
}

bool qc_peer_done(qc_peer *p, size_t bytes)
{
    p->inbox -= QC_MIN(bytes, p->inbox);
    p->inbox_moved = qc_peer_clock();
    if (p->read)
        return false;
    bool full = pump(p);
    if (!p->closing && !full && qc_io_watch(p->net->loop, p->fd, QC_IO_READ, on_read, p, &p->read))
        p->closing = true;
    bool closing = p->closing;
    if (closing)
        qc_peer_close(p, "protocol");
    return closing;
}

static void on_write(void *arg, int fd, unsigned events)
{
    qc_peer *p = arg;
    (void)events;
    qc_span out = qc_transport_pending(p->transport);
    if (out.len) {
        ssize_t n = send(fd, out.data, out.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            lose(p, "socket send error");
            return;
        }
        if (n > 0) {
            qc_transport_sent(p->transport, (size_t)n);
            p->info.sent += (uint64_t)n;
            p->info.last_send = qc_clock_now();
            atomic_fetch_add(&p->net->sent, (uint64_t)n);
            qc_upload_add(&p->net->upload, (uint64_t)n);
        }
    }
    size_t left = qc_transport_pending(p->transport).len;
    if (p->undrained && left <= QC_PEER_SEND_LOW) {
        const qc_net_owner *o = &p->net->owner;
        p->undrained = false;
        if (o->drained && p->info.handshaken)
            o->drained(o->arg, p->info.id);
    }
    if (left == 0) {
        qc_unwatch(p->write);
        p->write = NULL;
    }
}

/* ---- life ---- */

static qc_transport *new_transport(const qc_net *n, bool inbound, bool v2)
{
    qc_v2_secrets s;
    qc_transport_options o = {.initiating = !inbound};
    memcpy(o.magic, n->magic, sizeof o.magic);
    if (v2) {
        o.signer = n->signer;
        o.secrets = &s;
        qc_os_random(&s, sizeof s);
        s.garbage_len %= QC_GARBAGE_MAX + 1; /* a power of two: no length is likelier */
    }
    qc_transport *t = qc_transport_new(&o);
    if (v2)
        qc_wipe(&s, sizeof s);
    return t;
}

const char *qc_conn_type_text(qc_conn_type t)
{
    switch (t) {
    case QC_CONN_INBOUND:
        return "inbound";
    case QC_CONN_MANUAL:
        return "manual";
    case QC_CONN_FEELER:
        return "feeler";
    case QC_CONN_FULL:
        return "outbound-full-relay";
    case QC_CONN_BLOCK_ONLY:
        return "block-relay-only";
    case QC_CONN_ADDR_FETCH:
        return "addr-fetch";
    case QC_CONN_PRIVATE:
        return "private-broadcast";
    }
    return "";
}

static void append(qc_net *n, qc_peer *p)
{
    qc_peer **at = &n->peers;
    while (*at)
        at = &(*at)->next;
    p->next = NULL;
    *at = p;
}

static void unlink_peer(qc_net *n, const qc_peer *p)
{
    qc_peer **at = &n->peers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

/* What a range of addresses may, connections do that they make, and those that an operator asked
 * for. Behind Tor everybody has the same address, so it says nothing. */
static uint32_t permissions_of(const qc_net *n, const qc_peer_info *i)
{
    char text[QC_PEER_ADDR_TEXT];
    if (i->onion || (!i->inbound && i->type != QC_CONN_MANUAL))
        return 0;
    qc_peer_addr_text(&i->where, text);
    return qc_permit_of(n->permit, n->n_permit, text, i->inbound);
}

void qc_peer_settle_at(qc_peer *p, const qc_peer_addr *at)
{
    p->info.where = *at;
    p->info.network = p->info.onion ? QC_NETWORK_ONION : qc_netaddr_class(&at->addr);
    p->info.permissions = p->born_with | permissions_of(p->net, &p->info);
    qc_netgroup g = qc_netgroups_of(&p->net->book->groups, &at->addr);
    p->keyed_group = qc_siphash(&p->net->key, g.b, g.len);
}

qc_peer *qc_peer_new(qc_net *n, const qc_peer_birth *b)
{
    bool inbound = b->type == QC_CONN_INBOUND;
    qc_peer *p = qc_alloc(sizeof *p);
    p->net = n;
    p->fd = -1;
    p->connecting = true;
    p->named = b->name != NULL;
    p->transport = new_transport(n, inbound, b->v2);
    p->opened = qc_peer_clock();
    qc_os_random(&p->nonce, sizeof p->nonce);
    p->info = (qc_peer_info){.id = -1, .inbound = inbound, .type = b->type, .ping_us = -1};
    p->info.min_ping_us = -1;
    p->info.onion = b->onion;
    p->info.permissions = p->born_with = b->permissions;
    if (b->name)
        snprintf(p->info.addr, sizeof p->info.addr, "%s", b->name);
    else
        qc_peer_addr_text(&b->at, p->info.addr);
    qc_peer_settle_at(p, &b->at);
    note_transport(p);
    append(n, p);
    if (n->n_peers++ == 0)
        qc_timer_set(n->timer, QC_NET_TICK_MS);
    return p;
}

static void note_our_end(qc_peer *p, const qc_peer_addr *to)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    qc_peer_addr own;
    if (!to && !getsockname(p->fd, (struct sockaddr *)&a, &len) &&
        qc_sockaddr_read(&a, p->net->cjdns, &own))
        to = &own;
    if (to)
        qc_peer_addr_text(to, p->info.addr_bind);
}

bool qc_peer_connected(qc_peer *p, int fd, const qc_peer_addr *to)
{
    qc_net *n = p->net;
    p->fd = fd;
    p->connecting = false;
    qc_outgoing_free(p->out);
    p->out = NULL;
    p->opened = p->heard = p->last_ping = qc_peer_clock();
    p->info.connected = qc_clock_now();
    p->info.id = n->next_id++;
    note_our_end(p, to);
    unlink_peer(n, p); /* to where its number belongs */
    append(n, p);
    qc_log(QC_LOG_DEBUG, "net", "Added connection peer=%lld", (long long)p->info.id);
    if (qc_io_watch(n->loop, fd, QC_IO_READ, on_read, p, &p->read))
        p->closing = true;
    else
        pump(p);
    bool closing = p->closing;
    if (closing)
        qc_peer_close(p, "connection failed");
    return !closing;
}

void qc_peer_close(qc_peer *p, const char *why)
{
    qc_net *n = p->net;
    unlink_peer(n, p);
    n->n_peers--;
    if (!p->connecting)
        qc_log(QC_LOG_DEBUG, "net", "%s, disconnecting peer=%lld", why, (long long)p->info.id);
    /* Not of one that is for blocks only, or private: nobody shall see by the times of addresses
     * whom we have had such a connection to. */
    if (p->info.handshaken && !p->info.inbound && p->info.type != QC_CONN_BLOCK_ONLY &&
        p->info.type != QC_CONN_PRIVATE)
        qc_peerbook_connected(n->book, &p->info.where);
    if (p->info.handshaken && n->owner.closed && !n->stopped)
        n->owner.closed(n->owner.arg, p->info.id);
    qc_outgoing_free(p->out);
    qc_i2p_release(p->session);
    qc_unwatch(p->read);
    qc_unwatch(p->write);
    if (p->fd >= 0)
        close(p->fd);
    if (!p->connecting)
        qc_log(QC_LOG_DEBUG, "net", "Cleared nodestate for peer=%lld", (long long)p->info.id);
    qc_transport_free(p->transport);
    qc_free(p);
}

/* Core InactivityCheck: nothing at all went one of the ways. */
static const char *silent_text(const qc_peer *p, char *out, size_t cap)
{
    snprintf(out, cap, "socket no message in first %lld seconds%s%s",
             (long long)p->net->peer_timeout, p->info.last_recv ? "" : ", never received from peer",
             p->info.last_send ? "" : ", never sent to peer");
    return out;
}

static const char *ping_text(qc_mono wait, char *out, size_t cap)
{
    snprintf(out, cap, "ping timeout: %lld.%06llds", (long long)(wait / SECOND),
             (long long)(wait % SECOND / 1000));
    return out;
}

bool qc_peer_tick(qc_peer *p, qc_mono now)
{
    const char *why = NULL;
    char text[128];
    /* As in Core, nobody is judged before the time that the handshake may take is over. */
    if (p->connecting) /* has deadlines of its own */
        return false;
    bool judge = now - p->opened > p->net->peer_timeout * SECOND;
    if (p->closing)
        why = "send queue";
    else if (is_in_the_way(p, now))
        why = "too much of it waits to be processed";
    else if (judge && (!p->info.last_recv || !p->info.last_send))
        why = silent_text(p, text, sizeof text);
    else if (judge && !p->info.handshaken)
        why = p->info.transport == QC_TRANSPORT_DETECTING ? "V2 handshake timeout"
                                                          : "version handshake timeout";
    else if (judge && p->ping_sent && now - p->ping_sent > PING_TIMEOUT)
        why = ping_text(now - p->ping_sent, text, sizeof text);
    else if (judge && now - p->heard > PING_TIMEOUT)
        why = "socket receive timeout";
    else if (p->info.type == QC_CONN_ADDR_FETCH && now - p->opened > FETCH_TIMEOUT)
        why = "addrfetch connection timeout";
    else if (p->info.type == QC_CONN_PRIVATE && p->info.handshaken &&
             now - p->opened > PRIVATE_TIMEOUT)
        why = "did not complete the transaction send within 180 seconds";
    if (why)
        lose(p, why);
    else if (now - p->last_ping > PING_EVERY && p->info.type != QC_CONN_PRIVATE)
        qc_peer_ping(p);
    return why != NULL;
}
