/* core/net/dial.h: one outgoing connection, without blocking: look-up, proxy (SOCKS5), connect, all
 * under a deadline. Names that only Tor or I2P know (".onion", ".i2p") are never looked up. Thread:
 * the loop given, unless said otherwise. */
#pragma once
#include "core/base/err.h"
#include "core/loop/loop.h"

#include <netinet/in.h>

/** Where names are looked up: threads that may block on it. Thread: any. */
typedef struct qc_resolver qc_resolver;
QC_MUST_CHECK qc_err qc_resolver_new(qc_resolver **out);
/** Waits for look-ups in progress; none may be wanted any more. NULL is allowed. */
void qc_resolver_free(QC_OWN qc_resolver *r);

/** A numeric IPv4 or IPv6 address and a port. False: neither, and *out is of no use. Thread: any.
 */
bool qc_sockaddr_numeric(const char *host, uint16_t port, struct sockaddr_storage *out);
/** Bytes of an address of IPv4 or IPv6. Thread: any. */
socklen_t qc_sockaddr_len(const struct sockaddr_storage *a);
/** Is this a name that only Tor or I2P can reach: ".onion", ".i2p", in any case? Thread: any. */
bool qc_host_is_hidden(const char *host);
/** Look a name up, or read a number, on the calling thread. Out: the first address. False: none.
 *  Blocks as long as the system's resolver does. Thread: any but net. */
bool qc_resolve_now(const char *host, uint16_t port, struct sockaddr_storage *out);

#define QC_PROXY_PORT 9050u
#define QC_PROXY_TEXT 128u
/** A SOCKS5 proxy (-proxy), or an I2P router's SAM port, or Tor's control port. */
typedef struct qc_proxy {
    struct sockaddr_storage addr; /* IPv4, IPv6, or the path of a Unix socket */
    socklen_t len;                /* 0: none */
    bool randomize; /* other credentials each time, so that Tor keeps connections apart */
} qc_proxy;
/** "IP[:PORT]" or "unix:PATH". Returns: QC_OK; QC_EINVAL. Thread: any. */
QC_MUST_CHECK qc_err qc_proxy_parse(const char *text, uint16_t default_port, qc_proxy *out);
/** "127.0.0.1:9050", "[::1]:9050", "unix:/run/tor/socks"; "" for none. Thread: any. */
void qc_proxy_text(const qc_proxy *p, char out[static QC_PROXY_TEXT]);

typedef struct qc_dial_options {
    const char *host; /* a numeric address or a name; not looked at with `to` */
    uint16_t port;
    int64_t timeout_ms;    /* of the whole; with a proxy and proxy_ms: until the proxy is reached */
    const qc_proxy *proxy; /* used unless the host is an address of this machine or of a private
                              network; NULL: none */
    qc_resolver *resolver; /* NULL: names are not looked up */
    bool always;           /* through the proxy, whatever the host */
    int64_t proxy_ms;      /* for each answer of the proxy; 0: timeout_ms covers it */
    const qc_proxy *to;    /* not NULL: connect here, and nothing else */
} qc_dial_options;

typedef enum qc_dial_end {
    QC_DIAL_OK,
    QC_DIAL_RESOLVE, /* no address for the name */
    QC_DIAL_REFUSED, /* refused or unreachable */
    QC_DIAL_TIMEOUT,
    QC_DIAL_PROXY,   /* the proxy does not let us, or is none */
    QC_DIAL_NO_PROXY /* the proxy cannot be reached */
} qc_dial_end;
/** A few words for the log. Thread: any. */
const char *qc_dial_end_text(qc_dial_end end);

typedef struct qc_dial qc_dial;
/** Called once, never inside qc_dial_start(). fd is the receiver's with QC_DIAL_OK (non-blocking,
 *  close-on-exec), else -1. The dial is freed already. */
typedef void qc_dial_fn(void *arg, qc_dial_end end, int fd);
/** Returns NULL when the system has no timer. */
qc_dial *qc_dial_start(qc_loop *l, const qc_dial_options *o, qc_dial_fn *fn, void *arg);
/** Give it up; fn is not called. */
void qc_dial_cancel(QC_OWN qc_dial *d);
