#include "core/cli/http.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REPLY ((size_t)1 << 31)

static void add_base64(qc_bytes *out, const char *s)
{
    static const char ALPHABET[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)(unsigned char)s[i] << 16;
        v |= i + 1 < n ? (uint32_t)(unsigned char)s[i + 1] << 8 : 0;
        v |= i + 2 < n ? (uint32_t)(unsigned char)s[i + 2] : 0;
        qc_text_addf(out, "%c%c%c%c", ALPHABET[v >> 18], ALPHABET[v >> 12 & 63],
                     i + 1 < n ? ALPHABET[v >> 6 & 63] : '=', i + 2 < n ? ALPHABET[v & 63] : '=');
    }
}

/* Wait for the socket. False: the time is over. */
static bool wait_ready(int fd, short events, qc_mono deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int64_t left = deadline ? (deadline - qc_clock_mono()) / 1000000 : -1;
        if (deadline && left <= 0)
            return false;
        int n = poll(&p, 1, left > 3600000 ? 3600000 : (int)left);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static int connect_one(const struct addrinfo *ai, qc_mono deadline)
{
    int e = 0;
    socklen_t len = sizeof e;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
    if (fd < 0)
        return -1;
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return fd;
    if (errno == EINPROGRESS && wait_ready(fd, POLLOUT, deadline) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 && e == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_any(const char *host, uint16_t port, qc_mono deadline, char **why)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &list)) {
        *why = qc_asprintf("Could not resolve host: %s", host);
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
        fd = connect_one(ai, deadline);
    freeaddrinfo(list);
    if (fd < 0)
        *why = qc_strdup("Could not connect to the server");
    return fd;
}

static bool send_all(int fd, const qc_bytes *b, qc_mono deadline)
{
    for (size_t i = 0; i < b->len;) {
        ssize_t n = send(fd, b->data + i, b->len - i, MSG_NOSIGNAL);
        if (n > 0)
            i += (size_t)n;
        else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_ready(fd, POLLOUT, deadline))
                return false;
        } else
            return false;
    }
    return true;
}

/* Read until the server closes the connection: that is what we asked it for. */
static qc_err read_all(int fd, qc_bytes *b, qc_mono deadline, char **why)
{
    for (;;) {
        if (b->len > MAX_REPLY || qc_bytes_reserve(b, 65536)) {
            *why = qc_strdup("reply too large");
            return QC_EIO;
        }
        ssize_t n = recv(fd, b->data + b->len, b->cap - b->len, 0);
        if (n > 0) {
            b->len += (size_t)n;
        } else if (n == 0) {
            return QC_OK;
        } else if (errno == EAGAIN || errno == EINTR) {
            if (!wait_ready(fd, POLLIN, deadline)) {
                *why = qc_strdup("timeout");
                return QC_EIO;
            }
        } else if (errno == ECONNRESET && b->len) {
            return QC_OK; /* what came may be whole: the length tells */
        } else {
            *why = qc_asprintf("Read error: %s", qc_err_text(qc_err_from_errno(errno)));
            return QC_EIO;
        }
    }
}

/* The value of a header, or NULL. Borrowed from the head, which is NUL-terminated. */
static const char *header(const char *head, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = strstr(head, "\r\n"); p; p = strstr(p, "\r\n")) {
        p += 2;
        if (strncasecmp(p, name, n) == 0 && p[n] == ':')
            return p + n + 1 + strspn(p + n + 1, " \t");
    }
    return NULL;
}

static bool unchunk(qc_span in, qc_bytes *out)
{
    size_t i = 0;
    for (;;) {
        char size[20] = "", *end;
        const uint8_t *eol = memchr(in.data + i, '\n', in.len - i);
        size_t n = eol ? (size_t)(eol - in.data) - i : 0;
        if (!eol || n >= sizeof size)
            return false;
        memcpy(size, in.data + i, n);
        size_t len = strtoull(size, &end, 16);
        i += n + 1;
        if (end == size || len > in.len - i)
            return false;
        if (len == 0)
            return true;
        qc_text_add(out, (const char *)in.data + i, len);
        i += len;
        if (in.len - i < 2)
            return false;
        i += 2;
    }
}

static qc_err parse_reply(const qc_bytes *raw, qc_http_reply *r, char **why)
{
    qc_bytes head = QC_BYTES_INIT;
    const char *end = NULL;
    for (size_t i = 0; i + 4 <= raw->len && !end; i++)
        if (memcmp(raw->data + i, "\r\n\r\n", 4) == 0)
            end = (const char *)raw->data + i + 4;
    size_t n = end ? (size_t)(end - (const char *)raw->data) : 0;
    qc_text_add(&head, (const char *)raw->data, n);
    qc_text_add(&head, "", 1);
    const char *text = (const char *)head.data;
    qc_span body = {raw->data + n, raw->len - n};
    const char *length = header(text, "Content-Length");
    const char *coding = header(text, "Transfer-Encoding");
    *r = (qc_http_reply){0};
    bool ok = end && sscanf(text, "HTTP/%*d.%*d %3d", &r->status) == 1;
    if (ok && coding && strncasecmp(coding, "chunked", 7) == 0) {
        ok = unchunk(body, &r->body);
    } else if (ok) {
        if (length) {
            size_t want = strtoull(length, NULL, 10);
            ok = want <= body.len;
            body.len = want;
        }
        if (ok)
            qc_text_add(&r->body, (const char *)body.data, body.len);
    }
    qc_bytes_free(&head);
    if (ok)
        return QC_OK;
    qc_bytes_free(&r->body);
    *why = qc_strdup(raw->len ? "HTTP error: incomplete reply" : "EOF");
    return QC_EIO;
}

qc_err qc_http_post(const char *host, uint16_t port, const char *path, const char *credentials,
                    qc_span body, int64_t timeout_s, qc_http_reply *r, char **why)
{
    qc_mono deadline = timeout_s > 0 ? qc_clock_mono() + timeout_s * INT64_C(1000000000) : 0;
    qc_bytes b = QC_BYTES_INIT;
    int fd = connect_any(host, port, deadline, why);
    if (fd < 0)
        return QC_EIO;
    qc_text_addf(&b,
                 "POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %zu\r\n"
                 "Content-Type: application/json\r\nAuthorization: Basic ",
                 path, host, body.len);
    add_base64(&b, credentials);
    qc_text_add(&b, "\r\n\r\n", 4);
    qc_text_add(&b, (const char *)body.data, body.len);
    qc_err err = QC_OK;
    if (!send_all(fd, &b, deadline)) {
        *why = qc_strdup("Failed to send HTTP request");
        err = QC_EIO;
    }
    b.len = 0;
    if (!err)
        err = read_all(fd, &b, deadline, why);
    close(fd);
    if (!err)
        err = parse_reply(&b, r, why);
    qc_bytes_free(&b);
    return err;
}
