#include "core/net/sam.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/crypto/sha256.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define ANSWER_MS 180000 /* the router may have to ask its network first; Core waits as long */
#define DEST_BASE 387u   /* keys and the head of the certificate */
#define CERT_LEN_AT 385u

/* ---- words ---- */

bool qc_sam_value(const char *line, const char *key, qc_span *value)
{
    size_t k = strlen(key);
    for (const char *p = line; *p;) {
        size_t n = strcspn(p, " ");
        if (n > k && memcmp(p, key, k) == 0 && p[k] == '=') {
            *value = qc_span_of(p + k + 1, n - k - 1);
            return true;
        }
        p += n + (p[n] == ' ');
    }
    return false;
}

bool qc_sam_result_is(const char *line, const char *result)
{
    qc_span v;
    return qc_sam_value(line, "RESULT", &v) && qc_span_eq(v, qc_span_str(result));
}

/* ---- base64 (RFC 4648 but for its last two digits) ---- */

static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~";

static bool digits(qc_span text, uint8_t *out, size_t *len)
{
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *d = text.data[i] ? memchr(DIGIT, text.data[i], sizeof DIGIT - 1) : NULL;
        if (!d)
            return false;
        acc = acc << 6 | (uint32_t)(d - DIGIT);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[(*len)++] = (uint8_t)(acc >> bits);
        }
    }
    return (acc & ((1u << bits) - 1)) == 0;
}

qc_err qc_i2p_decode(qc_span text, qc_bytes *out)
{
    size_t pad = 0;
    if (text.len % 4 || text.len == 0 || text.len > QC_SAM_KEY_MAX / 3 * 4)
        return QC_EINVAL;
    while (pad < 2 && text.data[text.len - 1 - pad] == '=')
        pad++;
    qc_bytes b;
    qc_err err = qc_bytes_alloc(&b, text.len / 4 * 3);
    if (err)
        return err;
    b.len = 0;
    if (!digits(qc_span_of(text.data, text.len - pad), b.data, &b.len)) {
        qc_bytes_free(&b);
        return QC_EINVAL;
    }
    *out = b;
    return QC_OK;
}

char *qc_i2p_encode(qc_span data)
{
    char *text = qc_alloc((data.len + 2) / 3 * 4 + 1), *p = text;
    for (size_t i = 0; i < data.len; i += 3) {
        size_t left = data.len - i;
        uint32_t v = (uint32_t)data.data[i] << 16;
        v |= left > 1 ? (uint32_t)data.data[i + 1] << 8 : 0;
        v |= left > 2 ? data.data[i + 2] : 0;
        *p++ = DIGIT[v >> 18];
        *p++ = DIGIT[v >> 12 & 63];
        *p++ = left > 1 ? DIGIT[v >> 6 & 63] : '=';
        *p++ = left > 2 ? DIGIT[v & 63] : '=';
    }
    return text;
}

qc_netaddr qc_i2p_address(qc_span destination)
{
    uint8_t hash[32];
    qc_sha256(destination, hash);
    return qc_netaddr_of(QC_NETWORK_I2P, hash);
}

bool qc_i2p_destination(qc_span key, qc_span *out)
{
    if (key.len < DEST_BASE)
        return false;
    size_t len = DEST_BASE + qc_read_be16(key.data + CERT_LEN_AT);
    if (len > key.len)
        return false;
    *out = qc_span_of(key.data, len);
    return true;
}

/* ---- the connection ---- */

void qc_sam_close(qc_sam *s)
{
    qc_dial_cancel(s->dial);
    s->dial = NULL;
    qc_unwatch(s->watch);
    s->watch = NULL;
    qc_timer_free(s->timer);
    s->timer = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    qc_bytes_free(&s->in);
}

int qc_sam_take(qc_sam *s)
{
    int fd = s->fd;
    s->fd = -1;
    qc_sam_close(s);
    return fd;
}

static void fail(qc_sam *s, const char *why)
{
    qc_sam_close(s);
    s->fn(s->arg, NULL, why);
}

/* The line is whole: its end is replaced. */
static void answer(qc_sam *s)
{
    qc_bytes line = s->in;
    s->in = (qc_bytes)QC_BYTES_INIT;
    qc_timer_cancel(s->timer);
    line.data[line.len - 1] = 0;
    bool first = !s->greeted;
    s->greeted = true;
    /* A NUL inside would hide what follows it. */
    if (strlen((char *)line.data) != line.len - 1)
        fail(s, "an answer with a NUL in it");
    else if (first && !qc_sam_result_is((char *)line.data, "OK"))
        fail(s, "the router does not speak SAM 3.1");
    else
        s->fn(s->arg, (char *)line.data, NULL);
    qc_bytes_free(&line);
}

/* Up to the end of the line and not one byte more: what follows may be of the stream. */
static void on_read(void *arg, int fd, unsigned events)
{
    qc_sam *s = arg;
    uint8_t buf[2048];
    (void)events;
    ssize_t n = recv(fd, buf, sizeof buf, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        fail(s, "connection closed by the router");
        return;
    }
    const uint8_t *end = memchr(buf, '\n', (size_t)n);
    size_t want = end ? (size_t)(end - buf) + 1 : (size_t)n;
    if (s->in.len + want > QC_SAM_LINE_MAX || qc_bytes_append(&s->in, buf, want) ||
        recv(fd, buf, want, 0) != (ssize_t)want) {
        fail(s, "an answer that is too long");
        return;
    }
    if (end)
        answer(s);
    else
        qc_timer_set(s->timer, ANSWER_MS);
}

void qc_sam_ask(qc_sam *s, const char *line)
{
    char *text = qc_asprintf("%s\n", line);
    size_t len = strlen(text);
    /* A few thousand bytes on an idle connection fit its buffer. What failed shows as its end. */
    ssize_t n = send(s->fd, text, len, MSG_NOSIGNAL);
    qc_wipe(text, len);
    qc_free(text);
    if (n != (ssize_t)len)
        shutdown(s->fd, SHUT_RDWR);
    qc_timer_set(s->timer, ANSWER_MS);
}

void qc_sam_be_patient(qc_sam *s)
{
    qc_timer_cancel(s->timer);
}

static void on_late(void *arg)
{
    fail(arg, "no answer in time");
}

static void on_dialed(void *arg, qc_dial_end end, int fd)
{
    qc_sam *s = arg;
    char why[QC_PROXY_TEXT + 32];
    s->dial = NULL;
    s->fd = fd;
    if (end == QC_DIAL_OK && !qc_io_watch(s->loop, fd, QC_IO_READ, on_read, s, &s->watch)) {
        qc_sam_ask(s, "HELLO VERSION MIN=3.1 MAX=3.1");
        return;
    }
    snprintf(why, sizeof why, "Cannot connect to %s", s->where);
    fail(s, why);
}

qc_err qc_sam_open(qc_sam *s, qc_loop *l, const qc_proxy *at, qc_sam_fn *fn, void *arg)
{
    const qc_dial_options d = {.to = at, .timeout_ms = CONNECT_MS};
    *s = (qc_sam){.loop = l, .fd = -1, .fn = fn, .arg = arg};
    qc_proxy_text(at, s->where);
    qc_err err = qc_timer_new(l, on_late, s, &s->timer);
    if (!err)
        s->dial = qc_dial_start(l, &d, on_dialed, s);
    if (!err && s->dial)
        return QC_OK;
    qc_sam_close(s);
    return QC_EIO;
}
