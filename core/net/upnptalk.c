#include "core/net/upnptalk.h"

#include "core/base/arith.h"

#include <stdio.h>

#define WORDS 5u

/* Cut `text` at its spaces, into `max` words at most: the last one holds the rest.
 * Returns how many; 0: an empty word. */
static size_t split(char *text, char *word[static WORDS], size_t max)
{
    size_t n = 0;
    while (n < max) {
        if (!*text || *text == ' ')
            return 0;
        word[n++] = text;
        char *space = strchr(text, ' ');
        if (!space || n == max)
            break;
        *space = 0;
        text = space + 1;
    }
    return n;
}

static bool number(const char *text, uint64_t most, uint64_t *out)
{
    uint64_t v = 0;
    size_t n = strlen(text);
    if (n < 1 || n > 10 || strspn(text, "0123456789") != n)
        return false;
    for (; *text; text++)
        v = v * 10 + (uint64_t)(*text - '0');
    *out = v;
    return v <= most;
}

static bool ipv4(const char *text, qc_netaddr *out)
{
    return qc_netaddr_parse(text, out) == QC_OK && out->net == QC_NETWORK_IPV4;
}

static qc_upnp_word read_found(char *const word[static WORDS], qc_upnp_reply *out)
{
    qc_netaddr external, lan;
    size_t control = strlen(word[3]), service = strlen(word[4]);
    if (!ipv4(word[1], &external) || !ipv4(word[2], &lan) || strchr(word[4], ' ') ||
        control + 1 + service + 1 > QC_UPNP_PLACE)
        return QC_UPNP_GARBAGE;
    out->external = external;
    out->lan = lan;
    memcpy(out->place, word[3], control);
    out->place[control] = ' ';
    memcpy(out->place + control + 1, word[4], service + 1);
    return QC_UPNP_FOUND;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static void keep_why(qc_upnp_reply *out, const char *why)
{
    snprintf(out->why, sizeof out->why, "%.*s", (int)sizeof out->why - 1, why);
}

/* Of the words whose last one is a reason, how many there are. */
static size_t words_of(const char *text)
{
    if (strncmp(text, "unable ", 7) == 0)
        return 2;
    return strncmp(text, "failed ", 7) == 0 ? 3 : WORDS;
}

qc_upnp_word qc_upnp_read(qc_span m, qc_upnp_reply *out)
{
    char text[QC_UPNP_MESSAGE_MAX + 1], *word[WORDS];
    uint64_t v;
    if (m.len > QC_UPNP_MESSAGE_MAX || m.len == 0 || memchr(m.data, 0, m.len))
        return QC_UPNP_GARBAGE;
    memcpy(text, m.data, m.len);
    text[m.len] = 0;
    if (!is_printable(text))
        return QC_UPNP_GARBAGE;
    if (strcmp(text, "unmapped") == 0)
        return QC_UPNP_UNMAPPED;
    size_t n = split(text, word, words_of(text));
    if (n == 5 && strcmp(word[0], "found") == 0)
        return read_found(word, out);
    if (n == 2 && strcmp(word[0], "mapped") == 0 && number(word[1], UINT32_MAX, &v)) {
        out->lease = (uint32_t)v;
        return QC_UPNP_MAPPED;
    }
    if (n == 3 && strcmp(word[0], "failed") == 0 && number(word[1], UINT16_MAX, &v)) {
        out->code = (unsigned)v;
        keep_why(out, word[2]);
        return QC_UPNP_FAILED;
    }
    if (n == 2 && strcmp(word[0], "unable") == 0) {
        keep_why(out, word[1]);
        return QC_UPNP_UNABLE;
    }
    return QC_UPNP_GARBAGE;
}
