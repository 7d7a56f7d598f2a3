/* A port of its own: as much of HTTP/1.1 as a scrape needs. One request per connection, which is
 * closed behind the answer; who takes longer than ten seconds is dropped. */
#include "plugins/metrics/metrics.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void drop(mx_conn *c)
{
    mx *x = c->x;
    (void)x->listen->io_unwatch(x->listen_cap, c->fd);
    close(c->fd);
    (void)x->listen->done(x->listen_cap, c->id);
    free(c->out.data);
    c->out = (mx_text){0};
    c->fd = -1;
}

static void on_writable(void *arg, int32_t fd, uint32_t events)
{
    mx_conn *c = arg;
    (void)events;
    ssize_t n = send(fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->sent += (size_t)n;
    if (n <= 0 || c->sent == c->out.len)
        drop(c);
}

/* "GET /metrics", with or without a query. */
static int asks_for_metrics(const char *head)
{
    static const char WANT[] = "GET /metrics";
    const char *end = head + sizeof WANT - 1;
    return strncmp(head, WANT, sizeof WANT - 1) == 0 && (*end == ' ' || *end == '?');
}

/* Status line and, where it has more, a header; what the body says when it is none of the metrics.
 */
static const char *collect(mx_conn *c, mx_text *body)
{
    if (strncmp(c->head, "GET ", 4) != 0) {
        mx_puts(body, "Found another method, wanted GET /metrics\n");
        return "405 Method Not Allowed\r\nAllow: GET";
    }
    if (!asks_for_metrics(c->head)) {
        mx_puts(body, "Nothing is here: the metrics are at /metrics\n");
        return "404 Not Found";
    }
    return mx_collect(c->x, body) == QN_OK ? "200 OK" : "503 Service Unavailable";
}

static void answer(mx_conn *c)
{
    mx *x = c->x;
    mx_text body = {0};
    const char *status = collect(c, &body);
    int found = *status == '2';
    size_t cap = body.len + 256;
    c->out.data = malloc(cap);
    if (c->out.data) {
        int n = snprintf(c->out.data, cap,
                         "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                         "Connection: close\r\n\r\n",
                         status, found ? MX_TYPE : "text/plain; charset=utf-8", body.len);
        if (body.len)
            memcpy(c->out.data + n, body.data, body.len);
        c->out.len = (size_t)n + body.len;
    }
    free(body.data);
    c->sent = 0;
    if (!c->out.data || x->listen->io_watch(x->listen_cap, c->fd, QN_IO_WRITE, on_writable, c))
        drop(c);
}

static void on_readable(void *arg, int32_t fd, uint32_t events)
{
    mx_conn *c = arg;
    (void)events;
    ssize_t n = recv(fd, c->head + c->have, sizeof c->head - 1 - c->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(c);
        return;
    }
    c->have += (size_t)n;
    c->head[c->have] = 0;
    if (strstr(c->head, "\r\n\r\n"))
        answer(c);
    else if (c->have == sizeof c->head - 1)
        drop(c); /* a scrape asks in fewer words */
}

static void on_accept(void *arg, uint64_t listener, uint64_t connection, int32_t fd,
                      const char *peer, uint32_t len)
{
    mx *x = arg;
    mx_conn *c = NULL;
    (void)listener;
    (void)peer;
    (void)len;
    for (int i = 0; i < MX_CONNS && !c; i++)
        if (x->conn[i].fd < 0)
            c = &x->conn[i];
    if (c) {
        *c = (mx_conn){.x = x, .fd = fd, .id = connection, .since = x->host->now_ms(x->cap)};
        if (x->listen->io_watch(x->listen_cap, fd, QN_IO_READ, on_readable, c) == QN_OK)
            return;
        c->fd = -1;
    }
    close(fd);
    (void)x->listen->done(x->listen_cap, connection);
}

static void on_tick(void *arg)
{
    mx *x = arg;
    uint64_t now = x->host->now_ms(x->cap);
    for (int i = 0; i < MX_CONNS; i++)
        if (x->conn[i].fd >= 0 && now - x->conn[i].since > MX_PATIENCE)
            drop(&x->conn[i]);
    (void)x->host->timer_set(x->cap, MX_PATIENCE / 2, on_tick, x, &x->timer);
}

qn_status mx_port_open(mx *x)
{
    qn_status st = x->listen->open(x->listen_cap, x->address, on_accept, x, &x->listener);
    if (st == QN_OK)
        st = x->host->timer_set(x->cap, MX_PATIENCE / 2, on_tick, x, &x->timer);
    return st;
}

void mx_port_close(mx *x)
{
    if (x->listener)
        (void)x->listen->close(x->listen_cap, x->listener);
    for (int i = 0; i < MX_CONNS; i++)
        if (x->conn[i].fd >= 0)
            drop(&x->conn[i]);
    x->listener = 0;
}
