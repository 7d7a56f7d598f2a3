#include "core/net/permit.h"

#include "core/base/hostport.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

typedef struct name {
    const char *text;
    uint32_t flags;
} name;

/* In the order in which they are shown. */
static const name NAMES[] = {
    {"bloomfilter", QC_PERMIT_BLOOM},
    {"noban", QC_PERMIT_NOBAN},
    {"forcerelay", QC_PERMIT_FORCERELAY},
    {"relay", QC_PERMIT_RELAY},
    {"mempool", QC_PERMIT_MEMPOOL},
    {"download", QC_PERMIT_DOWNLOAD},
    {"addr", QC_PERMIT_ADDR},
};

/* One word of "noban,in,out". */
static bool add_word(qc_permit *p, const char *word, size_t len)
{
    if (len == 2 && memcmp(word, "in", 2) == 0)
        return p->in = true;
    if (len == 3 && memcmp(word, "out", 3) == 0)
        return p->out = true;
    bool all = len == 3 && memcmp(word, "all", 3) == 0;
    bool found = all || len == 0 || (len == 5 && memcmp(word, "bloom", 5) == 0);
    if (found && len == 5)
        p->flags |= QC_PERMIT_BLOOM;
    for (size_t i = 0; i < QC_COUNTOF(NAMES); i++)
        if (all || (strlen(NAMES[i].text) == len && memcmp(NAMES[i].text, word, len) == 0)) {
            p->flags |= NAMES[i].flags;
            found = true;
        }
    return found;
}

static bool read_words(qc_permit *p, const char *text, const char *end)
{
    while (text <= end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma ? comma : end;
        if (!add_word(p, text, (size_t)(stop - text)))
            return false;
        text = stop + 1;
    }
    return p->flags != 0;
}

static bool read_address(const char *host, uint8_t out[16], unsigned *offset)
{
    *offset = 0;
    if (inet_pton(AF_INET6, host, out) == 1)
        return true;
    memcpy(out, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    *offset = 96;
    return inet_pton(AF_INET, host, out + 12) == 1;
}

qc_err qc_permit_parse(const char *text, qc_permit *out)
{
    qc_permit p = {.flags = 0};
    const char *at = strchr(text, '@'), *rest = at ? at + 1 : text;
    char host[64];
    unsigned offset;
    if (at && !read_words(&p, text, at))
        return QC_EINVAL;
    if (!at)
        p.flags = QC_PERMIT_NOBAN | QC_PERMIT_RELAY | QC_PERMIT_MEMPOOL;
    if (!p.in && !p.out)
        p.in = true;
    const char *slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
    if (len >= sizeof host)
        return QC_EINVAL;
    memcpy(host, rest, len);
    host[len] = 0;
    if (!read_address(host, p.net, &offset))
        return QC_EINVAL;
    p.bits = 128;
    if (slash) {
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (!slash[1] || *end || bits > 128 - offset)
            return QC_EINVAL;
        p.bits = (unsigned)bits + offset;
    }
    *out = p;
    return QC_OK;
}

static bool within(const qc_permit *p, const uint8_t addr[16])
{
    unsigned whole = p->bits / 8, rest = p->bits % 8;
    if (memcmp(p->net, addr, whole) != 0)
        return false;
    return rest == 0 || ((p->net[whole] ^ addr[whole]) >> (8 - rest)) == 0;
}

uint32_t qc_permit_of(const qc_permit *list, size_t n, const char *addr, bool inbound)
{
    char host[256];
    uint8_t raw[16];
    unsigned offset;
    uint32_t flags = 0;
    uint16_t port;
    if (qc_split_host_port(addr, host, sizeof host, &port) || !read_address(host, raw, &offset))
        return 0;
    for (size_t i = 0; i < n; i++)
        if ((inbound ? list[i].in : list[i].out) && within(&list[i], raw))
            flags |= list[i].flags;
    return flags;
}

const char *qc_permit_name(uint32_t flags, size_t i)
{
    for (size_t k = 0; k < QC_COUNTOF(NAMES); k++)
        if ((flags & NAMES[k].flags) == NAMES[k].flags && i-- == 0)
            return NAMES[k].text;
    return NULL;
}
