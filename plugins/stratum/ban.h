/* plugins/stratum/ban.h: addresses that misbehave. Points are forgotten with time; too many, and
 * the address is refused for a while. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ST_BAN_ROWS 4096u /* the least guilty makes room */
#define ST_BAN_POINTS 100u

/** What is counted. */
enum {
    ST_POINTS_NO_MESSAGE = 25, /* a line that is no message */
    ST_POINTS_TOO_LONG = 50,
    ST_POINTS_SILENT = 5, /* connected and never subscribed */
    ST_POINTS_OWN = 25, /* of a connection itself, for which it goes where its address is banned */
    ST_POINTS_BAD_SHARE = 1 /* one in a long run of nothing else */
};

typedef struct st_ban_row {
    char address[48]; /* without its port; of IPv6 the first 64 bits; empty: free */
    uint32_t points;
    uint64_t seen_ms, until_ms; /* banned while now < until */
} st_ban_row;

typedef struct st_bans {
    st_ban_row row[ST_BAN_ROWS];
    uint64_t total; /* bans so far */
} st_bans;

/** "192.0.2.1:34567" or "[2001:db8::1]:5" to what is counted as one. */
void st_ban_name(const char *peer, size_t len, char out[static 48]);
/** Points that are left of those of seen_ms. */
uint32_t st_ban_faded(uint32_t points, uint64_t seen_ms, uint64_t now_ms);
/** seconds: of a ban; 0: there are none. Returns: whether it is banned now. */
bool st_ban_add(st_bans *b, const char *name, uint32_t points, uint64_t now_ms, uint32_t seconds);
bool st_banned(const st_bans *b, const char *name, uint64_t now_ms);
/** How many are at present. */
uint32_t st_ban_count(const st_bans *b, uint64_t now_ms);
