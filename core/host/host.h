/* core/host/host.h: the plugin host as app/ and the RPC see it. A host finds plugins and grants,
 * checks them without running anything, runs each granted one on a thread of its own, and keeps
 * the node going whatever becomes of them. */
#pragma once
#include "core/chain/chain.h"
#include "core/chain/thread.h"
#include "core/methods/context.h"
#include "core/net/dial.h"
#include "core/rpc/mount.h"
#include "core/rpc/rpc.h"

typedef struct qc_host qc_host;

typedef struct qc_host_options {
    qc_chain *chain;
    qc_rpc_registry *registry;
    qc_node *node;          /* for interfaces about the node, its peers and its mempool, which is
                               made before the host; NULL: none of these is served */
    qc_http_mounts *mounts; /* where plugins serve HTTP; NULL: nowhere */
    const char *network;    /* "main" "test" "testnet4" "signet" "regtest" */
    const char *plugin_dir; /* -plugindir: where file names of grants are looked up */
    const char *grant_dir;  /* -plugingrants, else <datadir>/<chain>/plugins.d */
    const qc_proxy *proxy;  /* -proxy, for connections that plugins make; NULL: none */
    const char *data_dir;   /* <datadir>/<chain>/plugins: made when a plugin holds store.own */
    const char *tool;       /* quoin-plugin with the options that name this node, to be typed as it
                               is; NULL: without any */
    const char *runner;     /* path of quoin-runner; NULL: no isolated plugin can run */
    uint32_t uid_base;      /* -pluginuids: users of plugins when the node is root */
    uint32_t uid_count;
    uint32_t backoff_ms;  /* first pause before a crashed plugin comes back; 0: a second */
    uint32_t lagging_ms;  /* with a full window this long it is LAGGING; 0: half a minute */
    uint32_t feed_events; /* of the pool that are kept for who follows it; 0: 32,768 */
    uint32_t ask_ms;      /* how long a plugin waits for the chain thread; 0: five seconds */
    uint32_t grace_ms;    /* so long templates can be read after their tip; 0: ten seconds */
    /** A granted plugin cannot run any more, as qc_host_each_warning() says it. NULL: nobody is
     * told. Thread: any, with locks of the host held: it must come back at once. */
    void (*alert)(void *arg, const char *text);
    void *alert_arg;
} qc_host_options;

/** Read all grants and check their plugins (steps 1 to 8 of the load sequence); each that cannot be
 *  loaded is logged as one block and stays listed. Runs no plugin code. Registers its listener with
 *  the chain: call it before the chain thread starts. May block on disk.
 *  Out: owned, qc_host_free(). */
qc_host *qc_host_new(const qc_host_options *o);
/** Load and start what is READY, each on its own thread; does not wait for them. Call it when the
 *  chain has activated its best tip. `thread` may be NULL when the caller itself is the chain
 *  thread (tests). */
void qc_host_start(qc_host *h, qc_chain_thread *thread);
/** Stop every plugin and wait for each at most its stop deadline. Before the RPC server and the
 *  chain stop. False: a plugin did not come back, which was logged; whatever its thread may be in
 *  the middle of (host, chain, chain thread, registry) must not be freed any more. */
bool qc_host_stop(qc_host *h);
/** After qc_host_stop() and after qc_chain_close(), which tells listeners of its last sync; before
 *  the registry goes. NULL is allowed. */
void qc_host_free(QC_OWN qc_host *h);

/** Add listplugins and getplugininfo to the registry given in the options. */
void qc_host_register_rpc(qc_host *h);
/** What the operator should know: a line for each plugin that is granted and REJECTED, NEEDS-GRANT,
 *  QUARANTINED, WEDGED, BACKOFF or, unless it was told to stop, CRASHED. Thread: any, without locks
 * of the host. */
void qc_host_each_warning(qc_host *h, void (*fn)(void *arg, const char *text), void *arg);
/** Wait until no plugin is STARTING, at most `ms`. True: none is. Thread: any but a plugin's. */
bool qc_host_settle(qc_host *h, int64_t ms);
