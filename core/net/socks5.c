#include "core/net/socks5.h"

#include <stdio.h>
#include <string.h>

#define SOCKS_VERSION 5
#define NO_AUTH 0
#define USER_PASS 2
#define CONNECT 1
#define IPV4 1
#define NAME 3
#define IPV6 4

void qc_socks5_init(qc_socks5 *s, const char *host, uint16_t port, const char *user)
{
    *s = (qc_socks5){.host = host, .port = port};
    QC_ASSERT(strlen(host) <= 255);
    if (user)
        snprintf(s->user, sizeof s->user, "%s", user);
}

static void put(qc_socks5 *s, const void *data, size_t len)
{
    QC_ASSERT(len <= sizeof s->out - s->out_len);
    memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
}

static void put_u8(qc_socks5 *s, size_t v)
{
    uint8_t b = (uint8_t)v;
    put(s, &b, 1);
}

/* The next answer begins; `out` is sent before it is read. */
static qc_socks5_result await(qc_socks5 *s, qc_socks5_at step, size_t need)
{
    s->step = step;
    s->have = 0;
    s->need = need;
    return QC_SOCKS5_MORE;
}

static qc_socks5_result hello(qc_socks5 *s)
{
    s->out_len = 0;
    put_u8(s, SOCKS_VERSION);
    put_u8(s, *s->user ? 2 : 1);
    put_u8(s, NO_AUTH);
    if (*s->user)
        put_u8(s, USER_PASS);
    return await(s, QC_S5_METHOD, 2);
}

static qc_socks5_result authenticate(qc_socks5 *s)
{
    size_t n = strlen(s->user);
    s->out_len = 0;
    put_u8(s, 1);
    for (int i = 0; i < 2; i++) {
        put_u8(s, n);
        put(s, s->user, n);
    }
    return await(s, QC_S5_AUTH, 2);
}

static qc_socks5_result request(qc_socks5 *s)
{
    s->out_len = 0;
    put_u8(s, SOCKS_VERSION);
    put_u8(s, CONNECT);
    put_u8(s, 0);
    put_u8(s, NAME);
    put_u8(s, strlen(s->host));
    put(s, s->host, strlen(s->host));
    put_u8(s, s->port >> 8);
    put_u8(s, s->port & 255);
    return await(s, QC_S5_HEAD, 5);
}

/* version, reply, reserved, kind of address, and its first byte. */
static qc_socks5_result head(qc_socks5 *s)
{
    const uint8_t *a = s->in;
    if (a[0] != SOCKS_VERSION)
        return QC_SOCKS5_FAILED;
    s->reply = a[1];
    /* network, host, refused, too far; and what Tor says of onion services */
    if ((a[1] >= 3 && a[1] <= 6) || (a[1] >= 0xf0 && a[1] <= 0xf7))
        return QC_SOCKS5_REFUSED;
    if (a[1] != 0)
        return QC_SOCKS5_FAILED;
    if (a[3] != IPV4 && a[3] != IPV6 && a[3] != NAME)
        return QC_SOCKS5_FAILED;
    size_t addr = a[3] == IPV4 ? 4 : a[3] == IPV6 ? 16 : (size_t)a[4] + 1;
    s->step = QC_S5_TAIL;
    s->need = 4 + addr + 2; /* to the last byte of the answer, and not one of what follows */
    s->out_len = 0;
    return QC_SOCKS5_MORE;
}

qc_socks5_result qc_socks5_step(qc_socks5 *s)
{
    QC_ASSERT(s->have == s->need);
    switch (s->step) {
    case QC_S5_START:
        return hello(s);
    case QC_S5_METHOD:
        if (s->in[0] == SOCKS_VERSION && s->in[1] == NO_AUTH)
            return request(s);
        return s->in[0] == SOCKS_VERSION && s->in[1] == USER_PASS && *s->user ? authenticate(s)
                                                                              : QC_SOCKS5_FAILED;
    case QC_S5_AUTH:
        return s->in[0] == 1 && s->in[1] == 0 ? request(s) : QC_SOCKS5_FAILED;
    case QC_S5_HEAD:
        return head(s);
    case QC_S5_TAIL:
        return QC_SOCKS5_DONE;
    }
    return QC_SOCKS5_FAILED;
}

const char *qc_socks5_reply_text(uint8_t reply)
{
    static const char *const RFC[] = {
        "succeeded",           "general failure",  "connection not allowed",
        "network unreachable", "host unreachable", "connection refused",
        "TTL expired",         "protocol error",   "address type not supported"};
    static const char *const TOR[] = {"onion service descriptor can not be found",
                                      "onion service descriptor is invalid",
                                      "onion service introduction failed",
                                      "onion service rendezvous failed",
                                      "onion service missing client authorization",
                                      "onion service wrong client authorization",
                                      "onion service invalid address",
                                      "onion service introduction timed out"};
    if (reply < QC_COUNTOF(RFC))
        return RFC[reply];
    if (reply >= 0xf0 && reply - 0xf0u < QC_COUNTOF(TOR))
        return TOR[reply - 0xf0];
    return "unknown reply";
}
