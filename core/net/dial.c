#include "core/net/dial.h"

#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/net/resolve.h"
#include "core/net/socks5.h"
#include "core/os/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROXY_PORT 9050

struct qc_dial {
    qc_loop *loop;
    qc_dial_fn *fn;
    void *arg;
    char *host;
    bool proxied, randomize;
    bool ended; /* `end` is told by the timer: never inside qc_dial_start() */
    qc_dial_end end;
    qc_timer *timer; /* the deadline */
    qc_lookup *lookup;
    struct sockaddr_storage addr[QC_LOOKUP_MAX];
    size_t n_addr, at; /* the next address to try */
    int fd;
    qc_watch *watch;
    qc_socks5 socks;
};

socklen_t qc_sockaddr_len(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

bool qc_sockaddr_numeric(const char *host, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (void *)out;
    struct sockaddr_in6 *six = (void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return true;
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return inet_pton(AF_INET6, host, &six->sin6_addr) == 1;
}

/* What Core calls unroutable, and never sends through a proxy: this machine, private and
 * link-local networks (netaddress.cpp). */
static bool is_near(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET) {
        uint32_t ip = ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr);
        return ip >> 24 == 127 || ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 ||
               ip >> 16 == 0xa9fe;
    }
    const uint8_t *b = ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr;
    static const uint8_t loopback[16] = {[15] = 1};
    return memcmp(b, loopback, 16) == 0 || (b[0] & 0xfe) == 0xfc ||
           (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

qc_err qc_proxy_parse(const char *text, qc_proxy *out)
{
    char host[256];
    uint16_t port = PROXY_PORT;
    qc_proxy p = {.len = 0};
    if (qc_split_host_port(text, host, sizeof host, &port) ||
        !qc_sockaddr_numeric(host, port, &p.addr))
        return QC_EINVAL;
    p.len = qc_sockaddr_len(&p.addr);
    *out = p;
    return QC_OK;
}

/* ---- ends ---- */

static void hang_up(qc_dial *d)
{
    qc_unwatch(d->watch);
    d->watch = NULL;
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

void qc_dial_cancel(qc_dial *d)
{
    if (!d)
        return;
    if (d->lookup)
        qc_lookup_cancel(d->lookup);
    hang_up(d);
    qc_timer_free(d->timer);
    qc_free(d->host);
    qc_free(d);
}

static void finish(qc_dial *d, qc_dial_end end)
{
    qc_dial_fn *fn = d->fn;
    void *arg = d->arg;
    int fd = -1;
    qc_unwatch(d->watch);
    d->watch = NULL;
    if (end == QC_DIAL_OK) {
        fd = d->fd;
        d->fd = -1;
    }
    qc_dial_cancel(d);
    fn(arg, end, fd);
}

static void end_soon(qc_dial *d, qc_dial_end end)
{
    hang_up(d);
    d->ended = true;
    d->end = end;
    qc_timer_set(d->timer, 0);
}

static void on_timer(void *arg)
{
    qc_dial *d = arg;
    finish(d, d->ended ? d->end : QC_DIAL_TIMEOUT);
}

/* ---- proxy ---- */

static void on_proxy(void *arg, int fd, unsigned events)
{
    qc_dial *d = arg;
    qc_socks5 *s = &d->socks;
    (void)events;
    ssize_t n = recv(fd, s->in + s->have, s->need - s->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        finish(d, QC_DIAL_PROXY);
        return;
    }
    s->have += (size_t)n;
    if (s->have < s->need)
        return;
    switch (qc_socks5_step(s)) {
    case QC_SOCKS5_MORE:
        /* A few hundred bytes on an idle connection fit its buffer, or the proxy is no proxy. */
        if (s->out_len && send(fd, s->out, s->out_len, MSG_NOSIGNAL) != (ssize_t)s->out_len)
            finish(d, QC_DIAL_PROXY);
        return;
    case QC_SOCKS5_DONE:
        finish(d, QC_DIAL_OK);
        return;
    case QC_SOCKS5_REFUSED:
        finish(d, QC_DIAL_REFUSED);
        return;
    case QC_SOCKS5_FAILED:
        finish(d, QC_DIAL_PROXY);
        return;
    }
}

static void talk_to_proxy(qc_dial *d)
{
    qc_socks5 *s = &d->socks;
    qc_socks5_result r = qc_socks5_step(s);
    QC_ASSERT(r == QC_SOCKS5_MORE);
    if (send(d->fd, s->out, s->out_len, MSG_NOSIGNAL) != (ssize_t)s->out_len ||
        qc_io_watch(d->loop, d->fd, QC_IO_READ, on_proxy, d, &d->watch))
        finish(d, QC_DIAL_PROXY);
}

/* ---- connecting ---- */

static void try_next(qc_dial *d);

static void on_connect(void *arg, int fd, unsigned events)
{
    qc_dial *d = arg;
    int error = 0, on = 1;
    socklen_t len = sizeof error;
    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
        hang_up(d);
        try_next(d);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    qc_unwatch(d->watch);
    d->watch = NULL;
    if (d->proxied)
        talk_to_proxy(d);
    else
        finish(d, QC_DIAL_OK);
}

static void try_next(qc_dial *d)
{
    while (d->at < d->n_addr) {
        const struct sockaddr_storage *a = &d->addr[d->at++];
        d->fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
        if (d->fd >= 0 &&
            (!connect(d->fd, (const struct sockaddr *)a, qc_sockaddr_len(a)) ||
             errno == EINPROGRESS) &&
            !qc_io_watch(d->loop, d->fd, QC_IO_WRITE, on_connect, d, &d->watch))
            return;
        hang_up(d);
    }
    end_soon(d, d->proxied ? QC_DIAL_PROXY : QC_DIAL_REFUSED);
}

static void on_addresses(void *arg, const struct sockaddr_storage *addr, size_t n)
{
    qc_dial *d = arg;
    d->lookup = NULL;
    if (n == 0) {
        finish(d, QC_DIAL_RESOLVE);
        return;
    }
    memcpy(d->addr, addr, n * sizeof *addr);
    d->n_addr = n;
    try_next(d);
}

static void begin_proxied(qc_dial *d, const qc_dial_options *o)
{
    char user[17];
    uint64_t r;
    qc_os_random(&r, sizeof r);
    snprintf(user, sizeof user, "%016llx", (unsigned long long)r);
    qc_socks5_init(&d->socks, d->host, o->port, o->proxy->randomize ? user : NULL);
    d->addr[0] = o->proxy->addr;
    d->n_addr = 1;
    d->proxied = true;
    try_next(d);
}

qc_dial *qc_dial_start(qc_loop *l, const qc_dial_options *o, qc_dial_fn *fn, void *arg)
{
    qc_dial *d = qc_alloc(sizeof *d);
    *d = (qc_dial){.loop = l, .fn = fn, .arg = arg, .host = qc_strdup(o->host), .fd = -1};
    if (qc_timer_new(l, on_timer, d, &d->timer)) {
        qc_free(d->host);
        qc_free(d);
        return NULL;
    }
    qc_timer_set(d->timer, o->timeout_ms);
    bool numeric = qc_sockaddr_numeric(o->host, o->port, &d->addr[0]);
    bool near = numeric ? is_near(&d->addr[0]) : strcmp(o->host, "localhost") == 0;
    if (o->proxy && o->proxy->len && !near) {
        begin_proxied(d, o);
    } else if (numeric) {
        d->n_addr = 1;
        try_next(d);
    } else {
        d->lookup = qc_lookup_start(o->resolver, l, o->host, o->port, on_addresses, d);
    }
    return d;
}
