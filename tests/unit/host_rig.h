/* tests/unit/host_rig.h: a regtest chain on its own thread, an RPC engine and a plugin host over
 * scratch folders. */
#pragma once
#include "core/host/internal.h"
#include "core/rpc/engine.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

typedef struct host_rig {
    const char *dir;
    char *plugin_dir, *grant_dir, *data_dir;
    const char *runner;   /* below the build's root; NULL: quoin-runner */
    uint32_t backoff_ms;  /* 0: 10 */
    uint32_t feed_events; /* of the pool that are kept; 0: the default */
    int64_t max_tip_age;  /* seconds; 0: any age will do */
    uint32_t grace_ms;    /* of templates; 0: the default */
    tb_chain *made;       /* headers of the active chain as we built it */
    qc_chain *chain;
    qc_chain_thread *thread;
    qc_rpc_registry *registry;
    qc_rpc_engine *engine;
    qc_host *host;
    qc_http_mounts *mounts;
    qc_node node;
    _Atomic int shutdowns; /* asked for */
    _Atomic int alerts;    /* that were told */
    bool pruned;           /* open the chain in prune mode */
    bool unread;           /* the mempool's file is not read yet, until a test says so */
} host_rig;

/** Each test program of the host is built twice, so that everything is tried in both modes. */
#if defined(RIG_ISOLATED)
#define RIG_MODE "isolated"
#define RIG_TRUSTED false
#else
#define RIG_MODE "trusted"
#define RIG_TRUSTED true
#endif

/** Folders, chain and engine; no host yet. `dir` NULL: a new scratch folder. */
void rig_open(host_rig *r, const char *dir);
/** A mempool that takes what is not standard and `max_bytes` of memory, for the host that is
 *  started next: after rig_open(). */
void rig_pool(host_rig *r, size_t max_bytes);
/** What makes blocks, of that mempool: before the host is started. Freed with the chain. */
void rig_miner(host_rig *r, size_t max_bytes);
/** Stops everything; the folder stays. */
void rig_close(host_rig *r);
void rig_host_start(host_rig *r);
void rig_host_stop(host_rig *r);
/** After that: the chain, then what listened to it. */
void rig_chain_close(host_rig *r);
/** Copy tests/hostile/SHAPE.so into the plugin folder as `file`. */
void rig_plugin(host_rig *r, const char *shape, const char *file);
/** Write <id>.grant. `grants`: lines below [grant]; `extra`: anything else, may be NULL; the class
 * is normal unless it says more. The file's digest is pinned. */
void rig_grant(host_rig *r, const char *id, const char *file, const char *grants,
               const char *extra);
#define RIG_ID "org.quoin.test.plugin"
#define RIG_NOSTORE                                                                                \
    "chain.read/1 = yes\nchain.follow/1 = window=16\nblock.read/1 = window=16\n"                   \
    "rpc.serve/1 = prefix=good.\n"
#define RIG_ALL                                                                                    \
    "chain.read/1 = yes\nchain.follow/1 = window=16\nblock.read/1 = window=16\n"                   \
    "store.own/1 = quota=1GB\nrpc.serve/1 = prefix=good.\n"
/** Mine n blocks on the tip. */
void rig_grow(host_rig *r, uint32_t n);
/** Forget `back` blocks and mine n others instead. */
void rig_reorg(host_rig *r, uint32_t back, uint32_t n, uint32_t salt);
/** Result (or error member) of a call as text. Owned: free(). */
char *rig_call(host_rig *r, const char *method, const char *params);
/** Call good.status until it says that everything up to our tip is acknowledged. */
void rig_caught_up(host_rig *r);
/** good.rows equals our chain. */
void rig_rows_equal(host_rig *r);
/** Number of the last change of a plugin's state. */
uint64_t rig_events(host_rig *r);
/** Wait until a change after number `since` has come to `state`, for a reason that contains `text`;
 *  the test fails when none does within half a minute. Returns: its number. */
uint64_t rig_await(host_rig *r, uint64_t since, qc_plugin_state state, const char *text);
qc_plugin *rig_plugin_at(host_rig *r, size_t i);
/** A plugin that asks for services and does nothing, in a host that runs. Its own calls are made
 *  with rig_on_loop(). `grants`: lines below [grant], chain.read/1 comes by itself. */
void rig_services(host_rig *r, const char *grants);
/** Run fn(arg) on the first plugin's loop, as its own code would run, and wait. */
void rig_on_loop(host_rig *r, void (*fn)(void *arg), void *arg);
/** A table of the first plugin, and its handle. The test fails when it is not granted. */
const void *rig_table(host_rig *r, const char *id, qn_cap **cap);
/** Wait until *flag, at most ten seconds. */
void rig_until(const _Atomic int *flag, int value);
/** Some problem of the plugin contains `text`; else the test fails and prints them. */
void rig_refused(host_rig *r, size_t i, qc_plugin_state state, const char *text);

/** Keep what is logged from now on, from any thread. */
void rig_log_keep(void);
/** Was a line with `text` logged since? */
bool rig_logged(const char *text);
