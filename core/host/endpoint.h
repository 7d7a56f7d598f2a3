/* core/host/endpoint.h: addresses in grants, "127.0.0.1:50001" or "db.example.org:5432". Thread:
 * any. */
#pragma once
#include "core/base/err.h"

#include <netinet/in.h>

#define QC_ENDPOINT_MAX 32u /* in one grant */

/** A host and a port, written in one way only, so that two that mean the same are equal. */
typedef struct qc_endpoint {
    char host[256]; /* a numeric address as inet_ntop() writes it, or a name in lower case */
    uint16_t port;
    bool numeric;
} qc_endpoint;

/** "HOST:PORT" with a port from 1 to 65535; IPv6 in brackets. False: it is not one. */
bool qc_endpoint_parse(const char *text, size_t len, qc_endpoint *out);
bool qc_endpoint_eq(const qc_endpoint *a, const qc_endpoint *b);
/** As it would be written. */
void qc_endpoint_text(const qc_endpoint *e, char *out, size_t cap);
/** Of a numeric one. */
void qc_endpoint_sockaddr(const qc_endpoint *e, struct sockaddr_storage *out, socklen_t *len);
/** A list separated by spaces. Out: *n of at most `max`. False: one does not parse, there are none
 *  or too many, or (numeric) one is a name. */
bool qc_endpoint_list(const char *text, bool numeric, qc_endpoint *out, size_t max, size_t *n);
