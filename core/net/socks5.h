/* core/net/socks5.h: the client's side of SOCKS5 (RFC 1928, RFC 1929) as bytes in and bytes out.
 * Internal to core/net. Thread: any, one at a time per object. */
#pragma once
#include "core/base/err.h"

#define QC_SOCKS5_IN 262u  /* longest answer */
#define QC_SOCKS5_OUT 520u /* longest message */

typedef enum qc_socks5_result {
    QC_SOCKS5_MORE,    /* send `out` if it is not empty, then read `need` bytes more */
    QC_SOCKS5_DONE,    /* connected */
    QC_SOCKS5_REFUSED, /* the proxy says that the target refused or cannot be reached */
    QC_SOCKS5_FAILED   /* the proxy itself refused, or does not speak SOCKS5 */
} qc_socks5_result;

typedef enum qc_socks5_at {
    QC_S5_START,
    QC_S5_METHOD,
    QC_S5_AUTH,
    QC_S5_HEAD,
    QC_S5_TAIL
} qc_socks5_at;

typedef struct qc_socks5 {
    qc_socks5_at step;
    const char *host; /* borrowed */
    uint16_t port;
    char user[17]; /* also the password; empty: none is offered */
    uint8_t in[QC_SOCKS5_IN];
    size_t have, need; /* of `in`: need is never more than the answer is long */
    uint8_t out[QC_SOCKS5_OUT];
    size_t out_len;
    uint8_t reply; /* the proxy's verdict, once `step` is past it */
} qc_socks5;

/** `host`: a numeric address or a name of at most 255 bytes; it always travels as a name, as with
 *  Core, so that the proxy alone looks it up. user NULL: without authentication. */
void qc_socks5_init(qc_socks5 *s, const char *host, uint16_t port, const char *user);
/** Go on: called first with nothing read, then whenever have == need. */
qc_socks5_result qc_socks5_step(qc_socks5 *s);
/** What a proxy's reply means, for the log: RFC 1928, and Tor's own (socks-extensions). */
const char *qc_socks5_reply_text(uint8_t reply);
