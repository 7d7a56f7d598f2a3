#include "core/net/portmap.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/net/gateway.h"
#include "core/net/pcp.h"
#include "core/net/sockaddr.h"
#include "core/os/file.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES 3

typedef enum step { PCP, NATPMP_ADDRESS, NATPMP_PORT } step;

/* One router, and the address of ours that it is asked about. */
typedef struct target {
    qc_netaddr gateway, own;
} target;

struct qc_portmap {
    qc_portmap_options o;
    qc_portmap_system sys;
    qc_timer *timer; /* the end of a try, or the next round */
    int fd;
    qc_watch *watch;
    target list[1 + QC_PORTMAP_OWN];
    size_t n, at;
    step step;
    int tries;
    qc_pcp_ask ask;
    qc_pcp_answer answer;
    qc_peer_addr internal;
    uint8_t request[QC_PCP_REQUEST];
    size_t request_len;
    /* of the round */
    bool mapped, no_resources;
    uint32_t lifetime;
    bool warned_denied;
};

static void try_again(qc_portmap *m);
static void next_target(qc_portmap *m);

static const char *protocol(const qc_portmap *m)
{
    return m->step == PCP ? "pcp" : "natpmp";
}

int64_t qc_portmap_renew_ms(uint32_t lifetime, uint32_t chance)
{
    int64_t least = (int64_t)lifetime * 1000 / 2, most = (int64_t)lifetime * 5000 / 8;
    return least + (int64_t)((uint64_t)(most - least) * chance >> 32);
}

/* ---- the round ---- */

static void hang_up(qc_portmap *m)
{
    qc_unwatch(m->watch);
    m->watch = NULL;
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}

static void end_round(qc_portmap *m)
{
    uint32_t chance;
    int64_t ms = QC_PORTMAP_RETRY * 1000;
    if (m->no_resources)
        qc_log(QC_LOG_WARN, "net",
               "portmap: At least one mapping failed because of a NO_RESOURCES error: the port is "
               "probably used already on the router, by another node if there is one. Otherwise "
               "choose another one with -port.");
    if (m->lifetime < QC_PORTMAP_LIFETIME_MIN) {
        qc_log(QC_LOG_WARN, "net", "portmap: Got impossibly short mapping lifetime of %u seconds",
               m->lifetime);
    } else if (m->mapped) {
        qc_os_random(&chance, sizeof chance);
        ms = qc_portmap_renew_ms(m->lifetime, chance);
    }
    qc_timer_set(m->timer, ms * m->sys.second_ms / 1000);
}

static void add(qc_portmap *m, const qc_netaddr *gateway, const qc_netaddr *own)
{
    m->list[m->n++] = (target){*gateway, *own};
}

static void begin_round(qc_portmap *m)
{
    static const uint8_t ANY[4];
    qc_netaddr gateway, own[QC_PORTMAP_OWN], any = qc_netaddr_of(QC_NETWORK_IPV4, ANY);
    m->n = m->at = 0;
    m->mapped = m->no_resources = false;
    m->lifetime = QC_PORTMAP_LIFETIME;
    if (m->sys.gateway(m->sys.arg, false, &gateway))
        add(m, &gateway, &any);
    else
        qc_log(QC_LOG_DEBUG, "net", "portmap: Could not determine IPv4 default gateway");
    if (m->sys.gateway(m->sys.arg, true, &gateway)) {
        size_t k = m->sys.own_v6(m->sys.arg, own, QC_PORTMAP_OWN);
        for (size_t i = 0; i < k; i++)
            add(m, &gateway, &own[i]);
    } else {
        qc_log(QC_LOG_DEBUG, "net", "portmap: Could not determine IPv6 default gateway");
    }
    next_target(m);
}

/* ---- one router ---- */

static void finish(qc_portmap *m, qc_pcp_end end)
{
    bool natpmp = m->step != PCP;
    const char *name = qc_pcp_code_text(m->answer.code, natpmp);
    char external[QC_PEER_ADDR_TEXT], internal[QC_PEER_ADDR_TEXT];
    hang_up(m);
    if (end == QC_PCP_OK) {
        qc_peer_addr_text(&m->answer.external, external);
        qc_peer_addr_text(&m->internal, internal);
        qc_log(QC_LOG_INFO, "net", "portmap: Added mapping %s:%s -> %s (for %us)", protocol(m),
               external, internal, m->answer.lifetime);
        m->mapped = true;
        m->lifetime = QC_MIN(m->lifetime, m->answer.lifetime);
        m->o.mapped(m->o.arg, &m->answer.external);
    } else {
        /* Many routers forbid it for good: said once. */
        bool again = end == QC_PCP_DENIED && m->warned_denied;
        m->warned_denied |= end == QC_PCP_DENIED;
        m->no_resources |= end == QC_PCP_NO_RESOURCES;
        qc_log(again ? QC_LOG_DEBUG : QC_LOG_WARN, "net",
               "%s: Mapping failed with result %s (code %u)", protocol(m), name, m->answer.code);
    }
    m->at++;
    next_target(m);
}

/* Nothing came of it, and the router has not said why. */
static void give_up(qc_portmap *m, const char *why)
{
    qc_log(QC_LOG_DEBUG, "net", "%s: %s", protocol(m), why);
    hang_up(m);
    m->at++;
    next_target(m);
}

static void begin_step(qc_portmap *m, step s)
{
    m->step = s;
    m->tries = 0;
    switch (s) {
    case PCP:
        qc_pcp_write(&m->ask, m->request);
        m->request_len = QC_PCP_REQUEST;
        break;
    case NATPMP_ADDRESS:
        m->request_len = qc_natpmp_write_address(m->request);
        break;
    case NATPMP_PORT:
        m->request_len = qc_natpmp_write(&m->ask, m->request);
        break;
    }
    try_again(m);
}

static void on_packet(qc_portmap *m, qc_span p)
{
    bool v4 = m->ask.internal.net == QC_NETWORK_IPV4;
    qc_pcp_end end = m->step == PCP              ? qc_pcp_read(p, &m->ask, &m->answer)
                     : m->step == NATPMP_ADDRESS ? qc_natpmp_read_address(p, &m->answer)
                                                 : qc_natpmp_read(p, &m->ask, &m->answer);
    if (end == QC_PCP_OTHER)
        qc_log(QC_LOG_DEBUG, "net", "%s: not the answer to what was asked", protocol(m));
    else if (end == QC_PCP_VERSION && v4)
        begin_step(m, NATPMP_ADDRESS);
    else if (end == QC_PCP_VERSION)
        give_up(m, "the router knows no PCP");
    else if (end == QC_PCP_OK && m->step == NATPMP_ADDRESS)
        begin_step(m, NATPMP_PORT);
    else
        finish(m, end);
}

static void on_read(void *arg, int fd, unsigned events)
{
    qc_portmap *m = arg;
    uint8_t buf[QC_PCP_PACKET_MAX];
    (void)events;
    ssize_t n = recv(fd, buf, sizeof buf, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        give_up(m, "Could not receive response");
    else
        on_packet(m, qc_span_of(buf, (size_t)n));
}

static void try_again(qc_portmap *m)
{
    if (m->tries++ == TRIES)
        give_up(m, "Giving up, no answer");
    else if (send(m->fd, m->request, m->request_len, MSG_NOSIGNAL) != (ssize_t)m->request_len)
        give_up(m, "Could not send request");
    else
        qc_timer_set(m->timer, m->sys.try_ms);
}

/* From the address that is asked about: a careful router maps no other. */
static bool open_socket(qc_portmap *m, const target *t)
{
    qc_peer_addr own = {.addr = t->own}, router = {.addr = t->gateway, .port = m->sys.port};
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    qc_proxy from, to;
    if (!qc_sockaddr_write(&own, &from) || !qc_sockaddr_write(&router, &to))
        return false;
    m->fd = socket(to.addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (m->fd < 0 || bind(m->fd, (struct sockaddr *)&from.addr, from.len) ||
        connect(m->fd, (struct sockaddr *)&to.addr, to.len) ||
        getsockname(m->fd, (struct sockaddr *)&a, &len) ||
        !qc_sockaddr_read(&a, false, &m->internal))
        return false;
    m->internal.port = m->o.port;
    return !qc_io_watch(m->o.loop, m->fd, QC_IO_READ, on_read, m, &m->watch);
}

static void next_target(qc_portmap *m)
{
    char own[QC_NETADDR_TEXT], gateway[QC_NETADDR_TEXT];
    for (; m->at < m->n; m->at++) {
        const target *t = &m->list[m->at];
        qc_netaddr_text(&t->own, own);
        qc_netaddr_text(&t->gateway, gateway);
        qc_log(QC_LOG_DEBUG, "net",
               "pcp: Requesting port mapping for addr %s port %u from gateway %s", own, m->o.port,
               gateway);
        if (open_socket(m, t)) {
            m->ask.internal = m->internal.addr;
            m->ask.wanted = t->own;
            begin_step(m, PCP);
            return;
        }
        qc_log(QC_LOG_DEBUG, "net", "pcp: Could not connect to gateway: %s",
               qc_err_text(qc_err_from_errno(errno)));
        hang_up(m);
    }
    end_round(m);
}

static void on_timer(void *arg)
{
    qc_portmap *m = arg;
    if (m->fd >= 0)
        try_again(m);
    else
        begin_round(m);
}

/* ---- life ---- */

static bool real_gateway(void *arg, bool v6, qc_netaddr *out)
{
    (void)arg;
    return qc_gateway(v6, out);
}

static size_t real_own_v6(void *arg, qc_netaddr *out, size_t cap)
{
    (void)arg;
    return qc_gateway_own_v6(out, cap);
}

qc_err qc_portmap_new(qc_portmap **out, const qc_portmap_options *o)
{
    static const qc_portmap_system REAL = {.gateway = real_gateway,
                                           .own_v6 = real_own_v6,
                                           .port = QC_PCP_PORT,
                                           .try_ms = 1000,
                                           .second_ms = 1000};
    qc_portmap *m = qc_alloc(sizeof *m);
    *m = (qc_portmap){.o = *o, .sys = o->system ? *o->system : REAL, .fd = -1};
    qc_err err = qc_timer_new(o->loop, on_timer, m, &m->timer);
    if (err) {
        qc_free(m);
        return err;
    }
    /* One nonce for all that is asked for (RFC 6887 11.2 allows it). */
    qc_os_random(m->ask.nonce, sizeof m->ask.nonce);
    m->ask.port = o->port;
    m->ask.lifetime = QC_PORTMAP_LIFETIME;
    qc_timer_set(m->timer, 0);
    *out = m;
    return QC_OK;
}

void qc_portmap_free(qc_portmap *m)
{
    if (!m)
        return;
    hang_up(m);
    qc_timer_free(m->timer);
    qc_free(m);
}
