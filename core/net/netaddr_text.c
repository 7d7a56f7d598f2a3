/* Text forms of network addresses. Onion names: Tor's rend-spec version 3; I2P: the hash of a
 * destination in base32 without padding. */
#include "core/net/netaddr.h"

#include "core/base/endian.h"
#include "core/crypto/hashes.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ONION_LEN 35u /* public key, two bytes of checksum, version */
#define ONION_VERSION 3u
#define ONION_CHARS 56u
#define I2P_CHARS 52u

/* ---- base32 (RFC 4648), lower case ---- */

static size_t base32_encode(const uint8_t *in, size_t len, char *out)
{
    static const char DIGIT[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        acc = acc << 8 | in[i];
        for (bits += 8; bits >= 5; bits -= 5)
            out[n++] = DIGIT[acc >> (bits - 5) & 31];
    }
    if (bits > 0)
        out[n++] = DIGIT[acc << (5 - bits) & 31];
    return n;
}

static int base32_digit(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

/* Exactly `len` bytes from `chars` digits. Bits left over must be zero. */
static bool base32_decode(const char *in, size_t chars, uint8_t *out, size_t len)
{
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < chars; i++) {
        int d = base32_digit(in[i]);
        if (d < 0)
            return false;
        acc = acc << 5 | (uint32_t)d;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            if (n == len)
                return false;
            out[n++] = (uint8_t)(acc >> bits);
        }
    }
    return n == len && (acc & ((1u << bits) - 1)) == 0;
}

/* ---- printing ---- */

static void base32_text(const uint8_t *b, size_t len, const char *tail,
                        char out[static QC_NETADDR_TEXT])
{
    size_t n = base32_encode(b, len, out);
    snprintf(out + n, QC_NETADDR_TEXT - n, "%s", tail);
}

static void onion_bytes(const uint8_t key[static 32], uint8_t out[static ONION_LEN])
{
    static const char PREFIX[] = ".onion checksum";
    uint8_t in[sizeof PREFIX - 1 + 33], h[32];
    memcpy(in, PREFIX, sizeof PREFIX - 1);
    memcpy(in + sizeof PREFIX - 1, key, 32);
    in[sizeof in - 1] = ONION_VERSION;
    qc_sha3_256(qc_span_of(in, sizeof in), h);
    memcpy(out, key, 32);
    memcpy(out + 32, h, 2);
    out[34] = ONION_VERSION;
}

/* RFC 5952: the longest run of two or more zero groups, the first of equals, becomes "::". */
static void ipv6_text(const uint8_t *b, uint32_t scope, char out[static QC_NETADDR_TEXT])
{
    size_t from = 8, best = 1, at = 0;
    for (size_t i = 0; i < 8; i++) {
        size_t run = 0;
        while (i + run < 8 && qc_read_be16(b + 2 * (i + run)) == 0)
            run++;
        if (run > best) {
            best = run;
            from = i;
        }
    }
    for (size_t i = 0; i < 8; i++) {
        if (i == from) {
            at += (size_t)snprintf(out + at, QC_NETADDR_TEXT - at, "::");
            i += best - 1;
            continue;
        }
        bool colon = at > 0 && out[at - 1] != ':';
        at += (size_t)snprintf(out + at, QC_NETADDR_TEXT - at, "%s%x", colon ? ":" : "",
                               qc_read_be16(b + 2 * i));
    }
    if (scope)
        snprintf(out + at, QC_NETADDR_TEXT - at, "%%%u", scope);
}

void qc_netaddr_text(const qc_netaddr *a, char out[static QC_NETADDR_TEXT])
{
    uint8_t onion[ONION_LEN];
    switch ((qc_network)a->net) {
    case QC_NETWORK_IPV4:
        snprintf(out, QC_NETADDR_TEXT, "%u.%u.%u.%u", a->b[0], a->b[1], a->b[2], a->b[3]);
        return;
    case QC_NETWORK_IPV6:
        ipv6_text(a->b, a->scope, out);
        return;
    case QC_NETWORK_CJDNS:
        ipv6_text(a->b, 0, out);
        return;
    case QC_NETWORK_ONION:
        onion_bytes(a->b, onion);
        base32_text(onion, sizeof onion, ".onion", out);
        return;
    case QC_NETWORK_I2P:
        base32_text(a->b, 32, ".b32.i2p", out);
        return;
    case QC_NETWORK_INTERNAL:
        base32_text(a->b, 10, ".internal", out);
        return;
    case QC_NETWORK_UNROUTABLE:
    case QC_NETWORK_COUNT:
        break;
    }
    snprintf(out, QC_NETADDR_TEXT, "?");
}

/* ---- parsing ---- */

static bool ends_with(const char *text, size_t len, const char *tail)
{
    size_t n = strlen(tail);
    return len >= n && strcasecmp(text + len - n, tail) == 0;
}

static bool parse_onion(const char *text, size_t len, qc_netaddr *out)
{
    uint8_t b[ONION_LEN], again[ONION_LEN];
    if (len != ONION_CHARS + 6 || strcmp(text + ONION_CHARS, ".onion") != 0)
        return false;
    if (!base32_decode(text, ONION_CHARS, b, sizeof b))
        return false;
    onion_bytes(b, again);
    if (memcmp(b, again, sizeof b) != 0)
        return false;
    *out = qc_netaddr_of(QC_NETWORK_ONION, b);
    return true;
}

static bool parse_i2p(const char *text, size_t len, qc_netaddr *out)
{
    uint8_t b[32];
    if (len != I2P_CHARS + 8 || !ends_with(text, len, ".b32.i2p") ||
        !base32_decode(text, I2P_CHARS, b, sizeof b))
        return false;
    *out = qc_netaddr_of(QC_NETWORK_I2P, b);
    return true;
}

/* getaddrinfo() reads numbers as Core's users know them, scopes by interface name included. */
static bool parse_numeric(const char *text, qc_netaddr *out)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *list;
    bool ok = false;
    if (getaddrinfo(text, NULL, &hints, &list))
        return false;
    if (list->ai_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, list->ai_addr, sizeof v4);
        *out = qc_netaddr_of(QC_NETWORK_IPV4, (const uint8_t *)&v4.sin_addr);
        ok = true;
    } else if (list->ai_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, list->ai_addr, sizeof v6);
        *out = qc_netaddr_of_v1(v6.sin6_addr.s6_addr);
        out->scope = v6.sin6_scope_id;
        ok = true;
    }
    freeaddrinfo(list);
    return ok;
}

qc_err qc_netaddr_parse(const char *text, qc_netaddr *out)
{
    char inner[256];
    size_t len = strlen(text);
    if (len == 0 || len >= sizeof inner)
        return QC_EINVAL;
    bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
    snprintf(inner, sizeof inner, "%.*s", (int)(bracketed ? len - 2 : len),
             bracketed ? text + 1 : text);
    len = strlen(inner);
    if (parse_onion(inner, len, out) || parse_i2p(inner, len, out) || parse_numeric(inner, out))
        return QC_OK;
    return QC_EINVAL;
}
