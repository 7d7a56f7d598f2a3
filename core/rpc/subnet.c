#include "core/rpc/subnet.h"

#include <arpa/inet.h>
#include <string.h>

static size_t addr_len(int family)
{
    return family == AF_INET ? 4 : 16;
}

static bool parse_addr(const char *text, int *family, uint8_t out[16])
{
    *family = strchr(text, ':') ? AF_INET6 : AF_INET;
    return inet_pton(*family, text, out) == 1;
}

static qc_err parse_bits(const char *text, int family, uint8_t mask[16])
{
    unsigned bits = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || bits > 128)
            return QC_EINVAL;
        bits = bits * 10 + (unsigned)(*p - '0');
    }
    if (!*text || bits > addr_len(family) * 8)
        return QC_EINVAL;
    for (unsigned i = 0; i < bits; i++)
        mask[i / 8] = (uint8_t)(mask[i / 8] | 0x80u >> (i % 8));
    return QC_OK;
}

/* A netmask is ones followed by zeros. */
static bool is_netmask(const uint8_t *mask, size_t n)
{
    bool zero = false;
    for (size_t i = 0; i < n * 8; i++) {
        bool bit = mask[i / 8] >> (7 - i % 8) & 1;
        if (bit && zero)
            return false;
        zero |= !bit;
    }
    return true;
}

qc_err qc_subnet_parse(const char *text, qc_subnet *out)
{
    char addr[INET6_ADDRSTRLEN + 1];
    qc_subnet s = {0};
    size_t n = strcspn(text, "/");
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    size_t len = brackets ? n - 2 : n;
    if (len >= sizeof addr)
        return QC_EINVAL;
    memcpy(addr, text + brackets, len);
    addr[len] = 0;
    if (!parse_addr(addr, &s.family, s.addr))
        return QC_EINVAL;
    int mask_family;
    qc_err err = QC_OK;
    if (text[n] == 0)
        memset(s.mask, 0xff, addr_len(s.family));
    else if (strpbrk(text + n + 1, ".:"))
        err = parse_addr(text + n + 1, &mask_family, s.mask) && mask_family == s.family &&
                      is_netmask(s.mask, addr_len(s.family))
                  ? QC_OK
                  : QC_EINVAL;
    else
        err = parse_bits(text + n + 1, s.family, s.mask);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof s.addr; i++)
        s.addr[i] &= s.mask[i];
    *out = s;
    return QC_OK;
}

bool qc_subnet_has(const qc_subnet *s, const struct sockaddr *sa)
{
    static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t addr[16] = {0};
    int family = sa->sa_family;
    if (family == AF_INET) {
        memcpy(addr, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (family == AF_INET6) {
        memcpy(addr, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
        if (memcmp(addr, MAPPED, sizeof MAPPED) == 0) {
            family = AF_INET;
            memmove(addr, addr + 12, 4);
        }
    }
    if (family != s->family)
        return false;
    for (size_t i = 0; i < addr_len(family); i++)
        if ((addr[i] & s->mask[i]) != s->addr[i])
            return false;
    return true;
}
