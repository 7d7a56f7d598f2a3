/* The webhook: events as POSTs of signed JSON to one address, in order, each at least once. The
 * next delivery is made of what follows the last one that was answered with 2xx; its position is
 * stored. A failure is tried again after 1, 2, 4 ... seconds, at most 5 minutes. */
#include "lib/hex.h"
#include "plugins/watch/hmac.h"
#include "plugins/watch/watch.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 100u
#define PATIENCE_MS 30000u
#define BACKOFF_MAX_MS 300000u
#define STATUS_LEN 12u /* "HTTP/1.1 200" */

struct wt_hook {
    wt *x;
    char target[264], path[512], *secret;
    uint64_t last;    /* newest of the delivery under way */
    uint64_t request; /* of net.connect; 0: none */
    uint64_t timer;   /* of the next try, or of patience; 0: none */
    uint32_t backoff_ms;
    int fd; /* -1: none */
    bool busy;
    qn_json out;
    size_t sent;
    char status[STATUS_LEN + 1];
    size_t have;
};

static void next_delivery(wt_hook *h);

static void cancel_timer(wt_hook *h)
{
    if (h->timer)
        (void)h->x->host->timer_cancel(h->x->cap, h->timer);
    h->timer = 0;
}

static void drop(wt_hook *h)
{
    const wt *x = h->x;
    if (h->fd >= 0) {
        (void)x->net.t->io_unwatch(x->net.cap, h->fd);
        close(h->fd);
        (void)x->net.t->done(x->net.cap, h->request);
    } else if (h->request) {
        (void)x->net.t->cancel(x->net.cap, h->request);
    }
    h->fd = -1;
    h->request = 0;
    cancel_timer(h);
}

static void on_retry(void *arg)
{
    wt_hook *h = arg;
    h->timer = 0;
    h->busy = false;
    next_delivery(h);
}

static void again_later(wt_hook *h, const char *why)
{
    const wt *x = h->x;
    drop(h);
    h->backoff_ms = h->backoff_ms ? h->backoff_ms * 2 : 1000;
    if (h->backoff_ms > BACKOFF_MAX_MS)
        h->backoff_ms = BACKOFF_MAX_MS;
    qn_logf(x->host, x->cap, QN_LOG_WARN, "the webhook at %s %s: again in %u seconds", h->target,
            why, h->backoff_ms / 1000);
    if (x->host->timer_set(x->cap, h->backoff_ms, on_retry, h, &h->timer) != QN_OK)
        h->busy = false; /* the next event tries again */
}

static void on_patience(void *arg)
{
    wt_hook *h = arg;
    h->timer = 0;
    again_later(h, "does not answer");
}

static void delivered(wt_hook *h)
{
    drop(h);
    h->backoff_ms = 0;
    h->busy = false;
    h->x->hook_at = h->last;
    h->x->hook_lost = false;
    qn_status st = wt_store_hook_set(h->x, h->last);
    if (st != QN_OK)
        wt_fail(h->x, st, "cannot keep what was delivered");
    else
        next_delivery(h);
}

static void on_readable(void *arg, int32_t fd, uint32_t events)
{
    wt_hook *h = arg;
    (void)events;
    ssize_t n = recv(fd, h->status + h->have, STATUS_LEN - h->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        again_later(h, "closed the connection");
        return;
    }
    h->have += (size_t)n;
    if (h->have < STATUS_LEN)
        return;
    if (memcmp(h->status, "HTTP/1.", 7) == 0 && h->status[8] == ' ' && h->status[9] == '2')
        delivered(h);
    else
        again_later(h, "did not take the events");
}

static void on_writable(void *arg, int32_t fd, uint32_t events)
{
    wt_hook *h = arg;
    const wt *x = h->x;
    (void)events;
    ssize_t n = send(fd, h->out.data + h->sent, h->out.len - h->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        again_later(h, "closed the connection");
        return;
    }
    h->sent += (size_t)n;
    if (h->sent == h->out.len &&
        x->net.t->io_watch(x->net.cap, fd, QN_IO_READ, on_readable, h) != QN_OK)
        again_later(h, "cannot be heard");
}

static void on_connected(void *arg, uint64_t request, int32_t status, int32_t fd)
{
    wt_hook *h = arg;
    const wt *x = h->x;
    (void)request;
    if (status != QN_OK) {
        h->request = 0;
        again_later(h, "cannot be reached");
        return;
    }
    h->fd = fd;
    h->sent = h->have = 0;
    if (x->net.t->io_watch(x->net.cap, fd, QN_IO_WRITE, on_writable, h) != QN_OK)
        again_later(h, "cannot be written to");
}

/* The request, head and body. QN_E_END: there is nothing to deliver. */
static qn_status write_request(wt_hook *h)
{
    qn_json body = {0};
    uint8_t mac[32];
    char hex[65], head[1200];
    uint32_t n;
    qn_json_open(&body, NULL, '{');
    qn_json_open(&body, "events", '[');
    const wt *x = h->x;
    qn_status st = wt_store_events(x, x->hook_at, 0, EVENTS_AT_ONCE, &body, &h->last, &n);
    qn_json_close(&body, ']');
    qn_json_int(&body, "cursor", (int64_t)h->last);
    qn_json_bool(&body, "missed", x->hook_at + 1 < x->first_event);
    qn_json_close(&body, '}');
    if (st == QN_OK && n == 0)
        st = QN_E_END;
    if (st == QN_OK &&
        (body.failed || !wt_hmac(h->secret, strlen(h->secret), body.data, body.len, mac)))
        st = QN_E_NOMEM;
    if (st == QN_OK) {
        qn_hex_encode(mac, sizeof mac, hex);
        int len = snprintf(head, sizeof head,
                           "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                           "Content-Length: %zu\r\nX-Quoin-Cursor: %llu\r\n"
                           "X-Quoin-Signature: sha256=%s\r\nConnection: close\r\n\r\n",
                           h->path, h->target, body.len, (unsigned long long)h->last, hex);
        qn_json_free(&h->out);
        qn_json_raw(&h->out, head, (size_t)len);
        qn_json_raw(&h->out, body.data, body.len);
        st = h->out.failed ? QN_E_NOMEM : QN_OK;
    }
    qn_json_free(&body);
    return st;
}

static void next_delivery(wt_hook *h)
{
    const wt *x = h->x;
    if (h->busy)
        return;
    qn_status st = write_request(h);
    if (st == QN_E_END || st == QN_E_REVOKED)
        return;
    h->busy = true;
    if (st == QN_OK)
        st = x->net.t->connect(x->net.cap, NULL, h->target, on_connected, h, &h->request);
    if (st == QN_OK)
        st = x->host->timer_set(x->cap, PATIENCE_MS, on_patience, h, &h->timer);
    if (st == QN_E_DENIED)
        again_later(h, "is not named in the grant of net.connect/1");
    else if (st != QN_OK)
        again_later(h, "cannot be called now");
}

void wt_hook_wake(wt *x)
{
    if (x->hook)
        next_delivery(x->hook);
}

/* "http://HOST:PORT/PATH". */
static bool read_url(wt_hook *h, const char *url)
{
    if (strncmp(url, "http://", 7) != 0)
        return false;
    const char *host = url + 7, *slash = strchr(host, '/');
    size_t n = slash ? (size_t)(slash - host) : strlen(host);
    for (const char *p = host; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '@' || *p == '#')
            return false;
    if (n == 0 || n >= sizeof h->target || !memchr(host, ':', n) ||
        strlen(slash ? slash : "/") >= sizeof h->path)
        return false;
    memcpy(h->target, host, n);
    snprintf(h->path, sizeof h->path, "%s", slash ? slash : "/");
    return true;
}

qn_status wt_hook_open(wt *x, const char *url, const char *secret)
{
    wt_hook *h = calloc(1, sizeof *h);
    if (!h)
        return QN_E_NOMEM;
    h->x = x;
    h->fd = -1;
    h->secret = strdup(secret);
    x->hook = h;
    if (!h->secret)
        return QN_E_NOMEM;
    if (!read_url(h, url) || strlen(secret) < 16) {
        qn_logf(x->host, x->cap, QN_LOG_ERROR,
                "webhook must be http://HOST:PORT/PATH, and webhook_secret have 16 characters or "
                "more");
        return QN_E_INVAL;
    }
    if (!x->net.t) {
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "a webhook needs net.connect/1 granted");
        return QN_E_DENIED;
    }
    uint64_t at;
    qn_status st = wt_store_hook(x, &at);
    if (st == QN_E_NOTFOUND) { /* it begins with what comes now */
        at = x->stored_event - 1;
        st = wt_store_hook_set(x, at);
    }
    if (st == QN_OK)
        x->hook_at = at;
    if (st == QN_OK)
        next_delivery(h);
    return st;
}

void wt_hook_close(wt *x)
{
    wt_hook *h = x->hook;
    if (!h)
        return;
    drop(h);
    qn_json_free(&h->out);
    if (h->secret)
        memset(h->secret, 0, strlen(h->secret));
    free(h->secret);
    free(h);
    x->hook = NULL;
}
