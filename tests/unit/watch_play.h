/* tests/unit/watch_play.h: a node with a mempool, whose transactions pay to a few scripts, and the
 * plugin of tests/hostile/watch.c, compared with what a walk over the whole chain and the whole
 * mempool finds. */
#pragma once
#include "tests/unit/host_rig.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/index/filterindex.h"
#include "core/mempool/accept.h"
#include "core/mempool/persist.h"
#include "core/os/file.h"

#define GRANTS                                                                                     \
    "watch/1 = yes\nstore.own/1 = quota=1GB\nrpc.serve/1 = prefix=good.\n"                         \
    "watch.unstable/1 = yes\nunstable = yes\n"
#define FAILURE "[limits]\ncpu = normal\n[failure]\nrestart = 100/10min\n"
#define ROOM 60000u /* bytes of the pool */
#define TXS 4000u
#define BLOCKS 130u
#define SCRIPTS 256u

typedef struct play {
    host_rig r;
    tb_tx *tx[TXS]; /* all that were ever made */
    unsigned n_tx;
    uint64_t seed;
    uint32_t salt, used; /* scripts below `used` are paid */
    bool set[SCRIPTS];   /* what the plugin is to watch */
    bool with_filters;
    unsigned kills;
} play;

uint64_t rnd(play *p, uint64_t below);
void play_begin(play *p, const char *grants);
void play_end(play *p);
/** The node goes down and comes back; its pool is read from the file. */
void play_restart(play *p);
void play_kill_runner(play *p);

/** Script i as the plugin knows it. */
qc_span play_script(uint32_t i, uint8_t room[4]);
/** One output to each of n scripts. */
tb_tx *play_spend(play *p, const qc_hash *txid, uint32_t n, qc_amount value, qc_amount fee,
                  const uint32_t *script, uint32_t n_scripts);
tb_tx *play_spend_coinbase(play *p, uint32_t height, qc_amount fee, const uint32_t *script,
                           uint32_t n_scripts);
/** Into the mempool. Returns: whether it is there. */
bool play_offer(play *p, const tb_tx *tx);
/** A few at random. */
void play_offer_some(play *p);
/** A block of some of the mempool, or of a transaction that conflicts with it. */
void play_mine(play *p);
/** A block with these alone. */
void play_mine_these(play *p, const tb_tx *const *tx, unsigned n);

/** Tell the plugin to watch, with a rescan, or no more. */
void play_watch(play *p, uint32_t i);
void play_unwatch(play *p, uint32_t i);
/** Wait until the plugin has what the walk finds, and met nothing wrong. */
void play_compare(play *p);
/** A number of good.counts. */
uint64_t play_count(play *p, const char *name);
