#include "plugins/stratum/ban.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define FORGET_MS 6000u /* for each point */

/* A network of IPv6 is one customer's: its addresses are as cheap as ports. */
void st_ban_name(const char *peer, size_t len, char out[static 48])
{
    char host[64];
    uint8_t b[16];
    const char *from = peer, *end = memchr(peer, ']', len);
    if (len && *peer == '[' && end) {
        from++;
    } else {
        end = peer + len;
        while (end > peer && *end != ':')
            end--;
        if (end == peer)
            end = peer + len;
    }
    size_t n = (size_t)(end - from) < sizeof host ? (size_t)(end - from) : sizeof host - 1;
    memcpy(host, from, n);
    host[n] = 0;
    if (inet_pton(AF_INET6, host, b) == 1)
        snprintf(out, 48, "%02x%02x:%02x%02x:%02x%02x:%02x%02x::/64", b[0], b[1], b[2], b[3], b[4],
                 b[5], b[6], b[7]);
    else
        snprintf(out, 48, "%.46s", host);
}

static const st_ban_row *find(const st_bans *b, const char *name)
{
    for (uint32_t i = 0; i < ST_BAN_ROWS && b->row[i].address[0]; i++)
        if (strcmp(b->row[i].address, name) == 0)
            return &b->row[i];
    return NULL;
}

/* Rows fill from the front; when all are taken, the one that is banned the least long goes. */
static st_ban_row *row_for(st_bans *b, const char *name)
{
    st_ban_row *least = &b->row[0];
    for (uint32_t i = 0; i < ST_BAN_ROWS; i++) {
        st_ban_row *r = &b->row[i];
        if (!r->address[0] || strcmp(r->address, name) == 0)
            return r;
        if (r->until_ms < least->until_ms ||
            (r->until_ms == least->until_ms && r->seen_ms < least->seen_ms))
            least = r;
    }
    *least = (st_ban_row){.points = 0};
    return least;
}

uint32_t st_ban_faded(uint32_t points, uint64_t seen_ms, uint64_t now_ms)
{
    uint64_t less = (now_ms - seen_ms) / FORGET_MS;
    return less < points ? points - (uint32_t)less : 0;
}

bool st_ban_add(st_bans *b, const char *name, uint32_t points, uint64_t now_ms, uint32_t seconds)
{
    if (!seconds)
        return false;
    st_ban_row *r = row_for(b, name);
    if (!r->address[0])
        snprintf(r->address, sizeof r->address, "%s", name);
    r->points = st_ban_faded(r->points, r->seen_ms, now_ms) + points;
    r->seen_ms = now_ms;
    if (r->points < ST_BAN_POINTS)
        return now_ms < r->until_ms;
    r->points = 0;
    r->until_ms = now_ms + (uint64_t)seconds * 1000;
    b->total++;
    return true;
}

bool st_banned(const st_bans *b, const char *name, uint64_t now_ms)
{
    const st_ban_row *r = find(b, name);
    return r && now_ms < r->until_ms;
}

uint32_t st_ban_count(const st_bans *b, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ST_BAN_ROWS && b->row[i].address[0]; i++)
        n += now_ms < b->row[i].until_ms;
    return n;
}
