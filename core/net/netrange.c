#include "core/net/netrange.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool has_subnets(const qc_netaddr *a)
{
    return a->net == QC_NETWORK_IPV4 || a->net == QC_NETWORK_IPV6;
}

static void cut(qc_netrange *r)
{
    for (size_t i = 0; i < qc_network_len(r->base.net); i++)
        r->base.b[i] &= r->mask[i];
}

static bool of_bits(const qc_netaddr *a, unsigned bits, qc_netrange *out)
{
    if (!has_subnets(a) || bits > 8 * qc_network_len(a->net))
        return false;
    qc_netrange r = {.base = *a};
    for (unsigned i = 0; i < bits; i++)
        r.mask[i / 8] |= (uint8_t)(0x80u >> i % 8);
    cut(&r);
    *out = r;
    return true;
}

/* Ones, then zeros. */
static bool of_mask(const qc_netaddr *a, const qc_netaddr *mask, qc_netrange *out)
{
    unsigned bits = 0, total = 8 * (unsigned)qc_network_len(a->net);
    if (!has_subnets(a) || mask->net != a->net)
        return false;
    while (bits < total && mask->b[bits / 8] & 0x80u >> bits % 8)
        bits++;
    for (unsigned i = bits; i < total; i++)
        if (mask->b[i / 8] & 0x80u >> i % 8)
            return false;
    return of_bits(a, bits, out);
}

qc_err qc_netrange_of(const qc_netaddr *a, qc_netrange *out)
{
    if (has_subnets(a))
        return of_bits(a, 8 * (unsigned)qc_network_len(a->net), out) ? QC_OK : QC_EINVAL;
    if (a->net == QC_NETWORK_INTERNAL)
        return QC_EINVAL;
    *out = (qc_netrange){.base = *a};
    return QC_OK;
}

/* Decimal digits only, at most 255. */
static bool small_number(const char *text, unsigned *out)
{
    unsigned v = 0;
    size_t len = strlen(text);
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]) || v > 25)
            return false;
        v = 10 * v + (unsigned)(text[i] - '0');
    }
    *out = v;
    return v <= 255;
}

qc_err qc_netrange_parse(const char *text, bool cjdns_reachable, qc_netrange *out)
{
    char host[256];
    const char *slash = strrchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    qc_netaddr a, mask;
    unsigned bits;
    if (len >= sizeof host)
        return QC_EINVAL;
    memcpy(host, text, len);
    host[len] = 0;
    if (qc_netaddr_parse(host, &a))
        return QC_EINVAL;
    a = qc_netaddr_flip_cjdns(&a, cjdns_reachable);
    if (!slash)
        return qc_netrange_of(&a, out);
    if (small_number(slash + 1, &bits))
        return of_bits(&a, bits, out) ? QC_OK : QC_EINVAL;
    if (qc_netaddr_parse(slash + 1, &mask))
        return QC_EINVAL;
    return of_mask(&a, &mask, out) ? QC_OK : QC_EINVAL;
}

bool qc_netrange_has(const qc_netrange *r, const qc_netaddr *a)
{
    if (r->base.net != a->net || !qc_netaddr_is_valid(a))
        return false;
    if (!has_subnets(a))
        return qc_netaddr_eq(&r->base, a);
    for (size_t i = 0; i < qc_network_len(a->net); i++)
        if ((a->b[i] & r->mask[i]) != r->base.b[i])
            return false;
    return true;
}

int qc_netrange_cmp(const qc_netrange *a, const qc_netrange *b)
{
    int by_addr = qc_netaddr_cmp(&a->base, &b->base);
    return by_addr ? by_addr : memcmp(a->mask, b->mask, sizeof a->mask);
}

void qc_netrange_text(const qc_netrange *r, char out[static QC_NETRANGE_TEXT])
{
    char host[QC_NETADDR_TEXT];
    unsigned bits = 0;
    qc_netaddr_text(&r->base, host);
    while (bits < 128 && r->mask[bits / 8] & 0x80u >> bits % 8)
        bits++;
    if (has_subnets(&r->base))
        snprintf(out, QC_NETRANGE_TEXT, "%s/%u", host, bits);
    else
        snprintf(out, QC_NETRANGE_TEXT, "%s", host);
}
