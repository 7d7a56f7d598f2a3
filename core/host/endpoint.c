#include "core/host/endpoint.h"

#include "core/base/hostport.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* A name as DNS has it: labels of letters, digits, '-' and '_', separated by single dots. The last
 * one does not begin with a digit, or "1.2.3" would be looked up as the address 1.2.0.3. */
static bool name_ok(const char *host)
{
    const char *label = host;
    for (const char *p = host;; p++) {
        if (*p && *p != '.') {
            if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", *p))
                return false;
            continue;
        }
        if (p == label || p - label > 63 || *label == '-' || p[-1] == '-')
            return false;
        if (!*p)
            return *label < '0' || *label > '9';
        label = p + 1;
    }
}

bool qc_endpoint_parse(const char *text, size_t len, qc_endpoint *out)
{
    char whole[300];
    qc_endpoint e = {.port = 0};
    struct in6_addr six;
    struct in_addr four;
    if (len >= sizeof whole || memchr(text, 0, len))
        return false;
    memcpy(whole, text, len);
    whole[len] = 0;
    bool bracketed = whole[0] == '[';
    if (qc_split_host_port(whole, e.host, sizeof e.host, &e.port) || e.port == 0)
        return false;
    for (char *p = e.host; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    e.numeric = true;
    if (bracketed && inet_pton(AF_INET6, e.host, &six) == 1) {
        inet_ntop(AF_INET6, &six, e.host, sizeof e.host);
    } else if (bracketed) {
        return false;
    } else if (inet_pton(AF_INET, e.host, &four) == 1) {
        inet_ntop(AF_INET, &four, e.host, sizeof e.host);
    } else {
        e.numeric = false;
        if (!name_ok(e.host))
            return false;
    }
    *out = e;
    return true;
}

bool qc_endpoint_eq(const qc_endpoint *a, const qc_endpoint *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void qc_endpoint_text(const qc_endpoint *e, char *out, size_t cap)
{
    bool six = strchr(e->host, ':') != NULL;
    snprintf(out, cap, "%s%s%s:%u", six ? "[" : "", e->host, six ? "]" : "", e->port);
}

void qc_endpoint_sockaddr(const qc_endpoint *e, struct sockaddr_storage *out, socklen_t *len)
{
    struct sockaddr_in *four = (void *)out;
    struct sockaddr_in6 *six = (void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, e->host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(e->port);
        *len = sizeof *four;
        return;
    }
    int ok = inet_pton(AF_INET6, e->host, &six->sin6_addr);
    QC_ASSERT(ok == 1);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(e->port);
    *len = sizeof *six;
}

bool qc_endpoint_list(const char *text, bool numeric, qc_endpoint *out, size_t max, size_t *n)
{
    *n = 0;
    for (const char *p = text + strspn(text, " \t"); *p; p += strspn(p, " \t")) {
        size_t len = strcspn(p, " \t");
        if (*n == max || !qc_endpoint_parse(p, len, &out[*n]) || (numeric && !out[*n].numeric))
            return false;
        p += len;
        ++*n;
    }
    return *n > 0;
}
