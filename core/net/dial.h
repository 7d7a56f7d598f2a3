/* core/net/dial.h: one outgoing TCP connection, without blocking: look-up, proxy (SOCKS5), connect,
 * all under one deadline. Thread: the loop given, unless said otherwise. */
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
/** Bytes of an address of either family. Thread: any. */
socklen_t qc_sockaddr_len(const struct sockaddr_storage *a);

/** A SOCKS5 proxy (-proxy). */
typedef struct qc_proxy {
    struct sockaddr_storage addr;
    socklen_t len;  /* 0: none */
    bool randomize; /* other credentials each time, so that Tor keeps connections apart */
} qc_proxy;
/** "IP[:PORT]", port 9050 by default. Returns: QC_OK; QC_EINVAL. Thread: any. */
QC_MUST_CHECK qc_err qc_proxy_parse(const char *text, qc_proxy *out);

typedef struct qc_dial_options {
    const char *host; /* a numeric address or a name */
    uint16_t port;
    int64_t timeout_ms;
    const qc_proxy *proxy; /* used unless the host is an address of this machine or of a private
                              network; NULL: none */
    qc_resolver *resolver;
} qc_dial_options;

typedef enum qc_dial_end {
    QC_DIAL_OK,
    QC_DIAL_RESOLVE, /* no address for the name */
    QC_DIAL_REFUSED, /* refused or unreachable */
    QC_DIAL_TIMEOUT,
    QC_DIAL_PROXY /* the proxy cannot be reached, or does not let us */
} qc_dial_end;

typedef struct qc_dial qc_dial;
/** Called once, never inside qc_dial_start(). fd is the receiver's with QC_DIAL_OK (non-blocking,
 *  close-on-exec), else -1. The dial is freed already. */
typedef void qc_dial_fn(void *arg, qc_dial_end end, int fd);
/** Returns NULL when the system has no timer. */
qc_dial *qc_dial_start(qc_loop *l, const qc_dial_options *o, qc_dial_fn *fn, void *arg);
/** Give it up; fn is not called. */
void qc_dial_cancel(QC_OWN qc_dial *d);
