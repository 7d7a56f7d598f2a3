#include "core/net/upnp.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/net/portmap.h"
#include "core/net/upnphelper.h"
#include "core/net/upnptalk.h"
#include "core/os/file.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define ROUND_MS 30000 /* searches for six kinds of device take two seconds each */
#define REMOVE_MS 2000
/* IGD 2.0, AddPortMapping */
#define NOT_AUTHORIZED 606u
#define CONFLICT 718u
#define NO_SUCH_MAPPING 714u
#define FOR_EVER INT64_MAX

struct qc_upnp {
    qc_upnp_options o;
    qc_upnp_system sys;
    qc_upnp_helper helper;
    char *url;
    qc_timer *timer; /* the end of a round, or the next one */
    int fd;          /* to the helper; -1: none runs */
    qc_watch *watch;
    bool found; /* in this round: a gateway */
    qc_upnp_reply reply;
    char place[QC_UPNP_PLACE]; /* where we asked for a mapping last; "": nowhere */
    bool asked;                /* there, and no answer says what became of it */
    qc_mono ends;              /* when the mapping there does; 0: none stands */
    bool warned_denied, warned_unable;
};

/* ---- the round ---- */

static int hang_up(qc_upnp *u)
{
    if (u->fd < 0)
        return 0;
    qc_unwatch(u->watch);
    u->watch = NULL;
    u->fd = -1;
    return u->sys.end(u->sys.arg);
}

static void next_round(qc_upnp *u, int64_t ms)
{
    (void)hang_up(u);
    qc_timer_set(u->timer, ms * u->sys.second_ms / 1000);
}

/* Nothing came of it. */
static void give_up(qc_upnp *u, const char *why)
{
    qc_log(QC_LOG_DEBUG, "net", "upnp: %s", why);
    next_round(u, QC_PORTMAP_RETRY * 1000);
}

static bool say(qc_upnp *u, const char *text)
{
    size_t len = strlen(text);
    return send(u->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void on_found(qc_upnp *u)
{
    char text[64], external[QC_NETADDR_TEXT];
    qc_netaddr_text(&u->reply.external, external);
    if (!qc_netaddr_is_routable(&u->reply.external)) {
        qc_log(QC_LOG_WARN, "net",
               "upnp: The router's address %s is not one of the Internet: it is behind another "
               "router",
               external);
        next_round(u, QC_PORTMAP_RETRY * 1000);
        return;
    }
    qc_log(QC_LOG_DEBUG, "net", "upnp: Requesting port mapping for port %u from gateway at %s",
           u->o.port, external);
    u->found = true;
    snprintf(text, sizeof text, "map %u %u", u->o.port, QC_PORTMAP_LIFETIME);
    if (strcmp(u->place, u->reply.place) != 0) {
        memcpy(u->place, u->reply.place, sizeof u->place);
        u->ends = 0;
    }
    /* It may be done even if we never hear so. */
    u->asked = true;
    if (!say(u, text))
        give_up(u, "Could not send request");
}

static qc_mono end_of(const qc_upnp *u, uint32_t lease)
{
    return lease ? qc_clock_mono() + lease * u->sys.second_ms * INT64_C(1000000) : FOR_EVER;
}

static void on_mapped(qc_upnp *u)
{
    char external[QC_PEER_ADDR_TEXT], internal[QC_PEER_ADDR_TEXT];
    qc_peer_addr at = {.addr = u->reply.external, .port = u->o.port};
    qc_peer_addr own = {.addr = u->reply.lan, .port = u->o.port};
    uint32_t lease = u->reply.lease ? u->reply.lease : QC_PORTMAP_LIFETIME, chance;
    int64_t ms = QC_PORTMAP_RETRY * 1000;
    qc_peer_addr_text(&at, external);
    qc_peer_addr_text(&own, internal);
    if (u->reply.lease)
        qc_log(QC_LOG_INFO, "net", "portmap: Added mapping upnp:%s -> %s (for %us)", external,
               internal, lease);
    else
        qc_log(QC_LOG_INFO, "net", "portmap: Added mapping upnp:%s -> %s (until it is removed)",
               external, internal);
    u->asked = false;
    u->ends = end_of(u, u->reply.lease);
    if (lease < QC_PORTMAP_LIFETIME_MIN) {
        qc_log(QC_LOG_WARN, "net", "portmap: Got impossibly short mapping lifetime of %u seconds",
               lease);
    } else {
        qc_os_random(&chance, sizeof chance);
        ms = qc_portmap_renew_ms(lease, chance);
    }
    next_round(u, ms);
    u->o.mapped(u->o.arg, &at);
}

/* It works on no round, so it is said once. */
static void on_unable(qc_upnp *u, const char *why)
{
    qc_log(u->warned_unable ? QC_LOG_DEBUG : QC_LOG_WARN, "net",
           "upnp: -upnp has no effect: %s; tried again every %d minutes", why,
           QC_PORTMAP_RETRY / 60);
    u->warned_unable = true;
    next_round(u, QC_PORTMAP_RETRY * 1000);
}

/* The gateway has refused. Code 0: nobody knows what it has done. */
static void on_refused(qc_upnp *u)
{
    if (u->reply.code == 0)
        return;
    u->asked = false;
    if (u->reply.code == CONFLICT) /* the port is another machine's now: not ours to give back */
        u->ends = 0;
}

static void on_failed(qc_upnp *u)
{
    const qc_upnp_reply *r = &u->reply;
    if (!u->found) { /* most networks have none */
        qc_log(QC_LOG_DEBUG, "net", "upnp: No gateway: %s", r->why);
    } else {
        on_refused(u);
        /* Many routers forbid it for good: said once. */
        bool again = r->code == NOT_AUTHORIZED && u->warned_denied;
        u->warned_denied |= r->code == NOT_AUTHORIZED;
        qc_log(again ? QC_LOG_DEBUG : QC_LOG_WARN, "net",
               "upnp: Mapping failed with result %s (code %u)%s", r->why, r->code,
               r->code == CONFLICT ? ": the port is used already on the router, by another node if "
                                     "there is one. Otherwise choose another one with -port."
                                   : "");
    }
    next_round(u, QC_PORTMAP_RETRY * 1000);
}

/* The helper has gone, or says what it cannot. */
static void on_broken(qc_upnp *u, const char *why)
{
    int sig = hang_up(u);
    qc_log(QC_LOG_WARN, "net", "upnp: %s (signal %d)", why, sig);
    next_round(u, QC_PORTMAP_RETRY * 1000);
}

static void on_read(void *arg, int fd, unsigned events)
{
    qc_upnp *u = arg;
    uint8_t buf[QC_UPNP_MESSAGE_MAX + 1];
    (void)events;
    ssize_t n = recv(fd, buf, sizeof buf, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_broken(u, "The helper ended without an answer");
        return;
    }
    qc_upnp_word w = qc_upnp_read(qc_span_of(buf, (size_t)n), &u->reply);
    if (w == QC_UPNP_FOUND && !u->found)
        on_found(u);
    else if (w == QC_UPNP_MAPPED && u->found)
        on_mapped(u);
    else if (w == QC_UPNP_FAILED)
        on_failed(u);
    else if (w == QC_UPNP_UNABLE)
        on_unable(u, u->reply.why);
    else
        on_broken(u, "The helper gave no answer to what was asked");
}

static bool start(qc_upnp *u)
{
    int fd = -1;
    if (u->sys.start(u->sys.arg, &fd))
        return false;
    u->fd = fd;
    return true;
}

static void begin_round(qc_upnp *u)
{
    char *text = qc_asprintf("find %s", u->url);
    u->found = false;
    if (!start(u) || qc_io_watch(u->o.loop, u->fd, QC_IO_READ, on_read, u, &u->watch) ||
        !say(u, text))
        on_unable(u, "could not start the helper");
    else
        qc_timer_set(u->timer, u->sys.round_ms);
    qc_free(text);
}

static void on_timer(void *arg)
{
    qc_upnp *u = arg;
    if (u->fd >= 0) {
        qc_log(QC_LOG_WARN, "net", "upnp: No end of it within %lld ms: given up",
               (long long)u->sys.round_ms);
        next_round(u, QC_PORTMAP_RETRY * 1000);
    } else {
        begin_round(u);
    }
}

/* ---- the end ---- */

/* Its answer, or QC_UPNP_GARBAGE after `remove_ms`. */
static qc_upnp_word wait_reply(qc_upnp *u)
{
    uint8_t buf[QC_UPNP_MESSAGE_MAX + 1];
    struct pollfd p = {.fd = u->fd, .events = POLLIN};
    if (poll(&p, 1, (int)u->sys.remove_ms) != 1)
        return QC_UPNP_GARBAGE;
    ssize_t n = recv(u->fd, buf, sizeof buf, 0);
    return n > 0 ? qc_upnp_read(qc_span_of(buf, (size_t)n), &u->reply) : QC_UPNP_GARBAGE;
}

static void take_back(qc_upnp *u)
{
    char *text = qc_asprintf("unmap %s %u", u->place, u->o.port);
    qc_upnp_word got = start(u) && say(u, text) ? wait_reply(u) : QC_UPNP_GARBAGE;
    if (got == QC_UPNP_UNMAPPED)
        qc_log(QC_LOG_INFO, "net", "portmap: Removed mapping of port %u (upnp)", u->o.port);
    else if (got == QC_UPNP_FAILED && u->reply.code == NO_SUCH_MAPPING)
        qc_log(QC_LOG_DEBUG, "net", "upnp: The gateway has no mapping of port %u any more",
               u->o.port);
    else
        qc_log(QC_LOG_WARN, "net", "portmap: The mapping of port %u stays until it ends: %s",
               u->o.port,
               got == QC_UPNP_FAILED || got == QC_UPNP_UNABLE ? u->reply.why : "no answer in time");
    qc_free(text);
}

/* ---- life ---- */

static qc_err real_start(void *arg, int *socket)
{
    return qc_upnp_helper_start(arg, socket);
}

static int real_end(void *arg)
{
    return qc_upnp_helper_end(arg);
}

qc_err qc_upnp_new(qc_upnp **out, const qc_upnp_options *o)
{
    qc_upnp *u = qc_alloc(sizeof *u);
    *u = (qc_upnp){.o = *o,
                   .sys = {real_start, real_end, ROUND_MS, REMOVE_MS, 1000, &u->helper},
                   .helper = {-1, -1, -1, -1},
                   .fd = -1};
    if (o->system)
        u->sys = *o->system;
    qc_err err = o->system ? QC_OK : qc_upnp_helper_open(&u->helper, o->program);
    if (!err)
        err = qc_timer_new(o->loop, on_timer, u, &u->timer);
    if (err) {
        qc_upnp_helper_close(&u->helper);
        qc_free(u);
        return err;
    }
    u->url = qc_strdup(o->url ? o->url : "-");
    qc_timer_set(u->timer, 0);
    *out = u;
    return QC_OK;
}

void qc_upnp_free(qc_upnp *u)
{
    if (!u)
        return;
    (void)hang_up(u);
    qc_timer_free(u->timer);
    if (u->asked || u->ends > qc_clock_mono())
        take_back(u);
    (void)hang_up(u);
    qc_upnp_helper_close(&u->helper);
    qc_free(u->url);
    qc_free(u);
}
