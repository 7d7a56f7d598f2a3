/* plugins/stratum/share.h: what a share is worth. */
#pragma once
#include "plugins/stratum/coinbase.h"

/** Difficulty 1 is the target 0xffff * 2^208. d > 0. Out: 32 bytes in wire order; all ones where
 *  that is more than 256 bits. */
void st_target_of(double d, uint8_t out[32]);
/** The difficulty that a hash, or a target, stands for. */
double st_difficulty_of(const uint8_t hash[32]);

/** What was submitted, with where it came from. */
typedef struct st_share {
    const st_job *job;
    const uint8_t *secret; /* ST_SECRET_LEN bytes of the pool */
    uint8_t variant;
    uint8_t en1[ST_EN1_LEN], en2[ST_EN2_LEN];
    uint32_t version, time, nonce;
    uint8_t header[80]; /* as st_share_hash() made it */
} st_share;

/** Put the header together and hash it. Out: s->header; the coinbase with its extranonces; hash.
 *  Returns: false: there is no such coinbase. */
bool st_share_hash(st_share *s, const st_payout *user, st_coinbase *cb, uint8_t hash[32]);

/** Hashes that were seen, as long as a tip lasts: two generations of up to ST_SEEN_MAX. When the
 * younger is full the older one is forgotten, and with it what the shares of its jobs may still be
 * worth. Zero-initialised is empty. */
#define ST_SEEN_MAX (1u << 21) /* ten thousand clients make as many in ten minutes */
typedef struct st_set {
    uint64_t *slot;
    uint32_t cap, n;
    uint64_t job; /* the newest when it began */
} st_set;
typedef struct st_seen {
    st_set young, old;
    uint64_t gone; /* shares of jobs up to this one may have been forgotten */
} st_seen;
/** job: the newest one. Returns: whether it was there already. What no memory can be had for is
 *  not. */
bool st_seen_add(st_seen *s, const uint8_t hash[32], uint64_t job);
bool st_seen_has(const st_seen *s, const uint8_t hash[32]);
void st_seen_clear(st_seen *s);
