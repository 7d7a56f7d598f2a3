/* Addresses between peers: the connections' side of gossip.h. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/sync/internal.h"

/* "host:port" as core/net prints it; the address for none where there is none. */
static void read_address(const qc_sync *s, const char *text, qc_netaddr *a, uint16_t *port)
{
    *a = qc_netaddr_none();
    *port = 0;
    if (*text && !qc_peerbook_read(s->book, text, a, port))
        qc_log(QC_LOG_DEBUG, "net", "no address: %s", text);
}

static void send(void *arg, int64_t id, const char *name, qc_bytes *payload)
{
    qc_sync *s = arg;
    qc_peer_state *p = qc_sync_peer_find(s, id);
    if (p)
        qc_sync_send(s, p, name, payload);
    else
        qc_bytes_free(payload);
}

void qc_addr_begin(qc_sync *s, qc_peerbook *book)
{
    qc_gossip_options o = {.book = book, .services = s->services, .send = send, .arg = s};
    s->book = book;
    qc_os_random(&o.key, sizeof o.key);
    if (book)
        s->gossip = qc_gossip_new(&o);
}

void qc_addr_opened(qc_sync *s, qc_peer_state *p)
{
    const qc_peer_info *i = &p->info;
    if (!s->gossip)
        return;
    qc_gossip_who w = {
        .id = p->id,
        .local = {.addr = i->where.addr,
                  .through = i->network,
                  .inbound = i->inbound,
                  .told = i->told,
                  .told_port = i->told_port},
        .silent = i->type == QC_CONN_BLOCK_ONLY || i->type == QC_CONN_FEELER,
        .v2 = i->wants_addrv2,
        .unlimited = qc_peer_may(p, QC_PERMIT_ADDR),
    };
    read_address(s, i->addr_bind, &w.bind, &w.bind_port);
    if (i->inbound && qc_netaddr_is_routable(&i->told))
        qc_local_vote(s->book->local, &i->told);
    p->gossip = qc_gossip_join(s->gossip, &w, qc_clock_now_us());
}

/* ---- messages ---- */

static void hear(qc_sync *s, qc_peer_state *p, qc_span payload, bool v2)
{
    const char *name = v2 ? "addrv2" : "addr";
    long long id = (long long)p->id;
    qc_addr_fault why;
    size_t n;
    if (!p->gossip)
        return;
    qc_gossip_state was = qc_gossip_state_of(p->gossip);
    switch (qc_gossip_hear(s->gossip, p->gossip, v2, payload, qc_clock_now_us(), &n, &why)) {
    case QC_GOSSIP_SILENT:
        qc_log(QC_LOG_DEBUG, "net", "ignoring %s message from %s peer=%lld", name,
               qc_conn_type_text(p->info.type), id);
        return;
    case QC_GOSSIP_BAD:
        qc_log(QC_LOG_DEBUG, "net", "ProcessMessages(%s, %zu bytes): Exception '%s' caught", name,
               payload.len, why.text);
        return;
    case QC_GOSSIP_TOO_MANY:
        qc_sync_misbehaving(s, p, "%s", why.text);
        return;
    case QC_GOSSIP_OK:
        break;
    }
    qc_gossip_state is = qc_gossip_state_of(p->gossip);
    qc_log(QC_LOG_DEBUG, "net",
           "Received addr: %zu addresses (%llu processed, %llu rate-limited) from peer=%lld", n,
           (unsigned long long)(is.processed - was.processed),
           (unsigned long long)(is.limited - was.limited), id);
    /* One alone is likely the peer's own. */
    if (p->info.type == QC_CONN_ADDR_FETCH && n > 1)
        qc_sync_drop(s, p, "addrfetch connection completed");
}

void qc_on_addr(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    hear(s, p, payload, false);
}

void qc_on_addrv2(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    hear(s, p, payload, true);
}

void qc_on_getaddr(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    (void)payload;
    if (!p->gossip)
        return;
    switch (qc_gossip_answer(s->gossip, p->gossip, qc_clock_now_us())) {
    case QC_ASKED_OK:
        break;
    case QC_ASKED_OUTBOUND:
        qc_log(QC_LOG_DEBUG, "net", "Ignoring \"getaddr\" from %s connection. peer=%lld",
               qc_conn_type_text(p->info.type), (long long)p->id);
        break;
    case QC_ASKED_AGAIN:
        qc_log(QC_LOG_DEBUG, "net", "Ignoring repeated \"getaddr\". peer=%lld", (long long)p->id);
        break;
    }
}

/* ---- due work ---- */

void qc_addr_care(qc_sync *s, qc_peer_state *p, int64_t now)
{
    if (p->gossip)
        qc_gossip_care(s->gossip, p->gossip, !qc_chain_initial_download(s->chain), now);
}
