/* plugins/miner: mines with the processor. work.c hashes, on threads of its own or in slices of the
 * loop; miner.c takes templates, hands in what was found, and answers RPC. */
#pragma once
#include "lib/chain.h"
#include "lib/mining.h"
#include "quoin/mining_submit.h"
#include "quoin/mining_template.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define MN_THREADS 256u
#define MN_COINBASE 1024u
#define MN_SCRIPT 520u
#define MN_SPACE 8u /* bytes of the extranonce */

/** What to hash. Flat. */
typedef struct mn_work {
    uint64_t number;   /* 0: nothing */
    uint64_t template; /* id */
    qn_hash prev, target, path[24];
    uint32_t n_path, height, time, bits;
    int32_t version;
    bool witness;
    uint8_t coinbase_witness[32];
    uint8_t coinbase[MN_COINBASE];
    size_t len, space;
} mn_work;

/** A solution. */
typedef struct mn_found {
    mn_work work; /* with the extranonce in its coinbase */
    uint32_t nonce;
} mn_found;

/** Those that hash. Everything but the counters is under the lock. */
typedef struct mn_crew {
    pthread_mutex_t lock;
    pthread_cond_t more;
    mn_work work;
    mn_found found;
    bool have_found, quit;
    uint64_t extra;          /* the next extranonce */
    _Atomic uint64_t number; /* of the work, to be looked at without the lock */
    _Atomic uint64_t hashes;
    pthread_t thread[MN_THREADS];
    uint32_t n_threads;
    void (*tell)(void *arg); /* something was found; from any thread */
    void *arg;
} mn_crew;

void mn_crew_init(mn_crew *c, void (*tell)(void *arg), void *arg);
/** Begin with so many threads. Returns: how many there are, fewer where no more can be had. */
uint32_t mn_crew_start(mn_crew *c, uint32_t threads);
/** End them all. What they find until they have ended stays to be taken. */
void mn_crew_stop(mn_crew *c);
void mn_crew_clear(mn_crew *c);
/** What to hash from now on; NULL: nothing. What was found before stays to be taken. */
void mn_crew_set(mn_crew *c, const mn_work *w);
/** What was found, if anything was since the last call. Hashing pauses until work is set anew. */
bool mn_crew_take(mn_crew *c, mn_found *out);
/** Hash for a moment on the caller's thread. Returns: whether there is work. */
bool mn_crew_slice(mn_crew *c);

typedef struct mn {
    const qn_host_1 *host;
    const qn_mining_template_1 *mining;
    const qn_mining_submit_1 *submit;
    const qn_rpc_serve_1 *rpc; /* NULL: not granted */
    qn_cap *cap, *mining_cap, *submit_cap, *rpc_cap;
    const qn_chain_text *chain;
    uint8_t script[MN_SCRIPT];
    size_t script_len;                     /* 0: nobody is to be paid */
    char payto[1100], usual_payto[1100];   /* of this run; as configured, or empty */
    uint32_t threads, interval_ms, blocks; /* of this run */
    uint32_t usual[3];                     /* the same as configured */
    bool autostart, running, posted;
    mn_crew crew;
    uint32_t n_threads;
    uint64_t subscription, timer, started_ms, due_ms; /* due: when the next block may be found */
    uint64_t held;                                    /* template; 0: none */
    uint64_t count, refused, works;
    char last[65], why[160]; /* last block; why the last one was refused */
} mn;
