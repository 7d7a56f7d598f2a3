#include "core/net/permit.h"

#include "core/base/arith.h"
#include "core/base/hostport.h"

#include <stdio.h>
#include <string.h>

typedef struct name {
    const char *text;
    uint32_t flags;
} name;

#define ALL                                                                                        \
    (QC_PERMIT_BLOOM | QC_PERMIT_FORCERELAY | QC_PERMIT_NOBAN | QC_PERMIT_MEMPOOL | QC_PERMIT_ADDR)

/* The first seven in the order in which they are shown. */
static const name NAMES[] = {
    {"bloomfilter", QC_PERMIT_BLOOM},
    {"noban", QC_PERMIT_NOBAN},
    {"forcerelay", QC_PERMIT_FORCERELAY},
    {"relay", QC_PERMIT_RELAY},
    {"mempool", QC_PERMIT_MEMPOOL},
    {"download", QC_PERMIT_DOWNLOAD},
    {"addr", QC_PERMIT_ADDR},
    {"bloom", QC_PERMIT_BLOOM},
    {"all", ALL},
};
#define SHOWN 7u

/* What the words before the @ say. */
typedef struct words {
    uint32_t flags;
    bool in, out;
} words;

static bool is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

/* One word of "noban,in,out"; an empty one says nothing. */
static bool add_word(words *w, const char *text, size_t len)
{
    if (is_word(text, len, "in"))
        return w->in = true;
    if (is_word(text, len, "out"))
        return w->out = true;
    for (size_t i = 0; i < QC_COUNTOF(NAMES); i++)
        if (is_word(text, len, NAMES[i].text)) {
            w->flags |= NAMES[i].flags;
            return true;
        }
    return len == 0;
}

/* NULL: refused, and why says so. Else what follows the @. */
static const char *read_words(words *w, const char *text, char why[static QC_PERMIT_WHY])
{
    const char *at = strchr(text, '@');
    *w = (words){.flags = at ? 0 : QC_PERMIT_DEFAULT, .in = !at};
    if (!at)
        return text;
    for (const char *word = text; word < at;) {
        size_t len = strcspn(word, ",@");
        if (!add_word(w, word, len)) {
            snprintf(why, QC_PERMIT_WHY, "Invalid P2P permission: '%.*s'", (int)QC_MIN(len, 100u),
                     word);
            return NULL;
        }
        word += len + (word[len] == ',');
    }
    if (!w->in && !w->out) {
        w->in = true;
    } else if (!w->flags) {
        snprintf(why, QC_PERMIT_WHY, "Only direction was set, no permissions: '%.100s'", text);
        return NULL;
    }
    return at + 1;
}

qc_err qc_permit_parse(const char *text, qc_permit *out, char why[static QC_PERMIT_WHY])
{
    words w;
    qc_netrange range;
    const char *net = read_words(&w, text, why);
    if (!net)
        return QC_EINVAL;
    if (qc_netrange_parse(net, false, &range)) {
        snprintf(why, QC_PERMIT_WHY, "Invalid netmask specified in -whitelist: '%.100s'", net);
        return QC_EINVAL;
    }
    *out = (qc_permit){w.flags, w.in, w.out, range};
    return QC_OK;
}

qc_err qc_permit_parse_bind(const char *text, uint32_t *flags, const char **address,
                            char why[static QC_PERMIT_WHY])
{
    words w;
    char host[256];
    uint16_t port = 0;
    qc_netaddr a;
    const char *rest = read_words(&w, text, why);
    if (!rest)
        return QC_EINVAL;
    if (w.out) {
        snprintf(why, QC_PERMIT_WHY,
                 "whitebind may only be used for incoming connections (\"out\" was passed)");
        return QC_EINVAL;
    }
    if (qc_split_host_port(rest, host, sizeof host, &port) || qc_netaddr_parse(host, &a)) {
        snprintf(why, QC_PERMIT_WHY, "Cannot resolve -whitebind address: '%.100s'", rest);
        return QC_EINVAL;
    }
    if (!port) {
        snprintf(why, QC_PERMIT_WHY, "Need to specify a port with -whitebind: '%.100s'", rest);
        return QC_EINVAL;
    }
    *flags = w.flags;
    *address = rest;
    return QC_OK;
}

uint32_t qc_permit_settle(uint32_t flags, bool relay, bool forcerelay)
{
    if (!(flags & QC_PERMIT_DEFAULT))
        return flags;
    return (flags & ~QC_PERMIT_DEFAULT) | QC_PERMIT_NOBAN | QC_PERMIT_MEMPOOL |
           (relay ? QC_PERMIT_RELAY : 0) | (forcerelay ? QC_PERMIT_FORCERELAY : 0);
}

uint32_t qc_permit_of(const qc_permit *list, size_t n, const char *addr, bool inbound)
{
    char host[256];
    qc_netaddr a;
    uint32_t flags = 0;
    uint16_t port;
    /* Peers of I2P have port 0. */
    if (qc_split_host_port0(addr, host, sizeof host, &port) || qc_netaddr_parse(host, &a))
        return 0;
    for (size_t i = 0; i < n; i++)
        if ((inbound ? list[i].in : list[i].out) && qc_netrange_has(&list[i].range, &a))
            flags |= list[i].flags;
    return flags;
}

const char *qc_permit_name(uint32_t flags, size_t i)
{
    for (size_t k = 0; k < SHOWN; k++)
        if ((flags & NAMES[k].flags) == NAMES[k].flags && i-- == 0)
            return NAMES[k].text;
    return NULL;
}
