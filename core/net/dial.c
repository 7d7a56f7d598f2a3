#include "core/net/dial.h"

#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/base/log.h"
#include "core/net/resolve.h"
#include "core/net/socks5.h"
#include "core/os/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"

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
    qc_proxy addr[QC_LOOKUP_MAX];
    size_t n_addr, at; /* the next address to try */
    int64_t proxy_ms;
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

bool qc_host_is_hidden(const char *host)
{
    static const char *const TAIL[] = {".onion", ".i2p"};
    size_t n = strlen(host);
    while (n && host[n - 1] == '.') /* "x.onion." is the same name */
        n--;
    for (size_t i = 0; i < QC_COUNTOF(TAIL); i++) {
        size_t t = strlen(TAIL[i]);
        if (n >= t && strncasecmp(host + n - t, TAIL[i], t) == 0)
            return true;
    }
    return false;
}

/* ---- where a proxy is ---- */

static qc_err parse_unix(const char *path, qc_proxy *out)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un.sun_path)
        return QC_EINVAL;
    memcpy(un.sun_path, path, n);
    *out = (qc_proxy){.len = sizeof un};
    memcpy(&out->addr, &un, sizeof un);
    return QC_OK;
}

qc_err qc_proxy_parse(const char *text, uint16_t default_port, qc_proxy *out)
{
    char host[256];
    uint16_t port = default_port;
    qc_proxy p = {.len = 0};
    if (strncmp(text, UNIX_PREFIX, sizeof UNIX_PREFIX - 1) == 0)
        return parse_unix(text + sizeof UNIX_PREFIX - 1, out);
    if (qc_split_host_port(text, host, sizeof host, &port) ||
        !qc_sockaddr_numeric(host, port, &p.addr))
        return QC_EINVAL;
    p.len = qc_sockaddr_len(&p.addr);
    *out = p;
    return QC_OK;
}

void qc_proxy_text(const qc_proxy *p, char out[static QC_PROXY_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_storage *a = &p->addr;
    const struct sockaddr_in *v4 = (const void *)a;
    const struct sockaddr_in6 *v6 = (const void *)a;
    *out = 0;
    if (p->len == 0)
        return;
    if (a->ss_family == AF_UNIX) {
        struct sockaddr_un un;
        memcpy(&un, a, sizeof un);
        snprintf(out, QC_PROXY_TEXT, UNIX_PREFIX "%.*s", (int)sizeof un.sun_path, un.sun_path);
    } else if (a->ss_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, QC_PROXY_TEXT, "%s:%u", host, ntohs(v4->sin_port));
    } else {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, QC_PROXY_TEXT, "[%s]:%u", host, ntohs(v6->sin6_port));
    }
}

const char *qc_dial_end_text(qc_dial_end end)
{
    switch (end) {
    case QC_DIAL_OK:
        return "connected";
    case QC_DIAL_RESOLVE:
        return "no address for the name";
    case QC_DIAL_REFUSED:
        return "refused or unreachable";
    case QC_DIAL_TIMEOUT:
        return "timed out";
    case QC_DIAL_PROXY:
        return "the proxy does not connect us";
    case QC_DIAL_NO_PROXY:
        return "the proxy cannot be reached";
    }
    return "";
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
    if (d->proxy_ms)
        qc_timer_set(d->timer, d->proxy_ms);
    qc_socks5_result r = qc_socks5_step(s);
    switch (r) {
    case QC_SOCKS5_MORE:
        /* A few hundred bytes on an idle connection fit its buffer, or the proxy is no proxy. */
        if (s->out_len && send(fd, s->out, s->out_len, MSG_NOSIGNAL) != (ssize_t)s->out_len)
            finish(d, QC_DIAL_PROXY);
        return;
    case QC_SOCKS5_DONE:
        qc_log(QC_LOG_DEBUG, "net", "SOCKS5 connected %s", d->host);
        finish(d, QC_DIAL_OK);
        return;
    case QC_SOCKS5_REFUSED:
    case QC_SOCKS5_FAILED:
        qc_log(QC_LOG_DEBUG, "net", "SOCKS5 connect to %s:%u failed: %s", d->host, s->port,
               s->reply ? qc_socks5_reply_text(s->reply) : "not a proxy that lets us");
        finish(d, r == QC_SOCKS5_REFUSED ? QC_DIAL_REFUSED : QC_DIAL_PROXY);
        return;
    }
}

static void talk_to_proxy(qc_dial *d)
{
    qc_socks5 *s = &d->socks;
    qc_socks5_result r = qc_socks5_step(s);
    qc_log(QC_LOG_DEBUG, "net", "SOCKS5 connecting %s", d->host);
    if (d->proxy_ms)
        qc_timer_set(d->timer, d->proxy_ms);
    QC_ASSERT(r == QC_SOCKS5_MORE);
    if (send(d->fd, s->out, s->out_len, MSG_NOSIGNAL) != (ssize_t)s->out_len ||
        qc_io_watch(d->loop, d->fd, QC_IO_READ, on_proxy, d, &d->watch))
        finish(d, QC_DIAL_PROXY);
}

/* ---- connecting ---- */

static void try_next(qc_dial *d);

/* Of the address tried last. */
static void say_refused(const qc_dial *d, int error)
{
    char at[QC_PROXY_TEXT];
    qc_proxy_text(&d->addr[d->at - 1], at);
    qc_log(QC_LOG_DEBUG, "net", "connect() to %s failed: %s", at,
           qc_err_text(qc_err_from_errno(error)));
}

static void on_connect(void *arg, int fd, unsigned events)
{
    qc_dial *d = arg;
    int error = 0, on = 1;
    socklen_t len = sizeof error;
    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
        say_refused(d, error);
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
        const qc_proxy *a = &d->addr[d->at++];
        int family = a->addr.ss_family;
        d->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (d->fd >= 0 &&
            (!connect(d->fd, (const struct sockaddr *)&a->addr, a->len) || errno == EINPROGRESS) &&
            !qc_io_watch(d->loop, d->fd, QC_IO_WRITE, on_connect, d, &d->watch))
            return;
        say_refused(d, errno);
        hang_up(d);
    }
    end_soon(d, d->proxied ? QC_DIAL_NO_PROXY : QC_DIAL_REFUSED);
}

static void on_addresses(void *arg, const struct sockaddr_storage *addr, size_t n)
{
    qc_dial *d = arg;
    d->lookup = NULL;
    if (n == 0) {
        finish(d, QC_DIAL_RESOLVE);
        return;
    }
    for (size_t i = 0; i < n; i++)
        d->addr[i] = (qc_proxy){.addr = addr[i], .len = qc_sockaddr_len(&addr[i])};
    d->n_addr = n;
    try_next(d);
}

static void begin_at(qc_dial *d, const qc_proxy *where)
{
    d->addr[0] = *where;
    d->n_addr = 1;
    try_next(d);
}

static void begin_proxied(qc_dial *d, const qc_dial_options *o)
{
    char user[17];
    uint64_t r;
    qc_os_random(&r, sizeof r);
    snprintf(user, sizeof user, "%016llx", (unsigned long long)r);
    qc_socks5_init(&d->socks, d->host, o->port, o->proxy->randomize ? user : NULL);
    d->proxied = true;
    d->proxy_ms = o->proxy_ms;
    begin_at(d, o->proxy);
}

static void begin(qc_dial *d, const qc_dial_options *o)
{
    qc_proxy direct = {.len = 0};
    if (o->to) {
        begin_at(d, o->to);
        return;
    }
    bool numeric = qc_sockaddr_numeric(o->host, o->port, &direct.addr);
    bool near = numeric ? is_near(&direct.addr) : strcmp(o->host, "localhost") == 0;
    if (o->proxy && o->proxy->len && (o->always || !near)) {
        begin_proxied(d, o);
    } else if (numeric) {
        direct.len = qc_sockaddr_len(&direct.addr);
        begin_at(d, &direct);
    } else if (o->resolver && !qc_host_is_hidden(o->host)) {
        d->lookup = qc_lookup_start(o->resolver, d->loop, o->host, o->port, on_addresses, d);
    } else {
        end_soon(d, QC_DIAL_RESOLVE);
    }
}

qc_dial *qc_dial_start(qc_loop *l, const qc_dial_options *o, qc_dial_fn *fn, void *arg)
{
    qc_dial *d = qc_alloc(sizeof *d);
    *d = (qc_dial){.loop = l, .fn = fn, .arg = arg, .fd = -1};
    d->host = qc_strdup(o->host ? o->host : "");
    if (qc_timer_new(l, on_timer, d, &d->timer)) {
        qc_free(d->host);
        qc_free(d);
        return NULL;
    }
    qc_timer_set(d->timer, o->timeout_ms);
    begin(d, o);
    return d;
}
