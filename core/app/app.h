/* core/app/app.h: the state of quoind. Made by main(), reached by callbacks through their args. */
#pragma once
#include "core/app/chainopts.h"
#include "core/app/logfile.h"
#include "core/app/nets.h"
#include "core/app/progress.h"
#include "core/chain/newrules.h"
#include "core/conf/load.h"
#include "core/host/host.h"
#include "core/loop/loop.h"
#include "core/mempool/persist.h"
#include "core/methods/context.h"
#include "core/net/localaddr.h"
#include "core/os/file.h"
#include "core/rpc/server.h"
#include "core/sync/txpool.h"

typedef struct qc_app {
    qc_settings *settings;
    qc_conf_paths paths;
    char *net_dir;    /* folder of the chain */
    char *blocks_dir; /* folder of the block files */
    char *log_path;   /* NULL: no file */
    char *pid_path;   /* set once it was written */
    char *cookie;     /* set once it was written */
    char *user_agent_comment, *user_agent;
    qc_logfile *log;
    qc_params *params;
    qc_cache_sizes cache;
    qc_chain_options chain_options;
    qc_mempool_options pool_options;
    qc_template_options template_options;
    qc_dirlock *lock, *blocks_lock;
    qc_loop *loop;
    qc_watch *signals[3];
    qc_timer *tick, *disk, *book_timer;
    unsigned book_writes; /* chain thread */
    qc_mono next_poll;    /* of the loop, while the chain is being opened; INT64_MAX: stop */
    int daemon_fd;        /* -1: no parent waits */
    int exit_code;
    bool canceled_start; /* stopped while the chain was being opened */
    bool left_behind;    /* a plugin's thread is still about: nothing it may use is freed */

    qc_node node;
    qc_rpc_auth *auth;
    qc_rpc_engine *engine;
    qc_rpc_server *server;
    qc_rest rest;
    qc_http_mounts *mounts;
    qc_host *host; /* NULL: -plugins=0 */
    qc_app_nets *nets;
    struct qc_torcontrol *tor;
    struct qc_portmap *portmap;
    struct qc_upnp *upnp;
    qc_proxy proxy; /* of connections that plugins make: the one that names go through */

    qc_pool_view pool_view;
    qc_mempool_loader *pool_loader; /* chain thread; NULL: nothing is being loaded */
    struct qc_app_fees *fees;       /* NULL: no estimates are made */
    qc_txpool txpool;

    qc_progress progress;  /* chain thread */
    qc_newrules new_rules; /* chain thread */
    qc_timer *sync_timer;  /* this and what follows: loop */
    qc_mono sync_began;    /* 0: not in initial download */
    uint32_t sync_told;    /* height of the last line about it */
    unsigned lonely;       /* samples without peers */
    _Atomic bool warm;     /* warm-up is over */
    _Atomic bool import_ended;
    char **warning;
    size_t n_warning;
    pthread_mutex_t warning_lock;
} qc_app;

/** "Error: <text>" on stderr and in the log. Always false. */
bool qc_app_error(qc_app *a, const char *fmt, ...) QC_PRINTF(2, 3);
/** The same without "Error: ": Core asks a question here, which a daemon cannot. Always false. */
bool qc_app_advise(qc_app *a, const char *fmt, ...) QC_PRINTF(2, 3);
/** "Warning: <text>" on stderr and in the log. */
void qc_app_warn(qc_app *a, const char *fmt, ...) QC_PRINTF(2, 3);
/** Phase of the start: in the log and in warm-up answers. */
void qc_app_phase(qc_app *a, const char *text);
/** A condition the operator must know of: getblockchaininfo "warnings", -alertnotify. Thread: any.
 */
void qc_app_alert(qc_app *a, const char *text);
/** -alertnotify alone, for what is told among the warnings for as long as it is so. Thread: any. */
void qc_app_alert_notify(qc_app *a, const char *text);

/** Everything that can be checked without touching the data folder: parameters, options. */
bool qc_app_check(qc_app *a);
/** Lock the folders, write the pid file, open the log. */
bool qc_app_claim(qc_app *a);
/** Make the folders and see whether they can be locked: before the fork, so that errors show. */
bool qc_app_probe(qc_app *a);
/** Start the RPC server in warm-up (rpcstart.c). */
bool qc_app_rpc_start(qc_app *a);
void qc_app_rpc_stop(qc_app *a);
/** Open the chain, start its thread and the import (node.c). */
bool qc_app_node_start(qc_app *a);
void qc_app_node_stop(qc_app *a);
/** What is known of addresses (addresses.c): opened before the peer layer, written and freed after
 * it. */
bool qc_app_addresses_open(qc_app *a);
void qc_app_addresses_close(qc_app *a);
/** What the options say of this node's own addresses (localaddr.c). */
qc_localaddrs_options qc_app_local_options(const qc_app *a);
/** Peers can reach us there, and may be told so: a socket is bound to it. The wildcard address
 *  stands for those of all interfaces. */
void qc_app_listens_on(qc_app *a, const qc_peer_addr *at);
/** The peer layer (peers.c): made and listening before the chain is opened, told of the chain
 * before its thread runs, run after; stopped before the chain thread is, freed after the chain. */
bool qc_app_peers_start(qc_app *a);
void qc_app_peers_listen_to_chain(qc_app *a);
bool qc_app_peers_run(qc_app *a);
void qc_app_peers_stop(qc_app *a);
void qc_app_peers_free(qc_app *a);
/** The relay of transactions (relay.c): made with the conversations, freed after them. Fills in the
 *  pool's members of *o. */
void qc_app_relay_new(qc_app *a, qc_sync_options *o);
void qc_app_relay_free(qc_app *a);
/** An onion service, if Tor is there (hidden.c): begun when peers may come, ended before the book
 * of addresses closes. */
bool qc_app_tor_start(qc_app *a);
void qc_app_tor_stop(qc_app *a);
/** The router is asked for our port (hidden.c): as for Tor. */
bool qc_app_portmap_start(qc_app *a);
void qc_app_portmap_stop(qc_app *a);
/** See qc_net_options. Thread: net. */
void qc_app_i2p_address(void *arg, const qc_netaddr *address, bool on);
/** Lines in the log while blocks come from peers (syncing.c). */
bool qc_app_syncing_start(qc_app *a);
void qc_app_syncing_stop(qc_app *a);
typedef struct qc_syncing {
    uint32_t height, headers;
    int64_t time; /* of the block */
    double share;
    uint32_t peers;
} qc_syncing;
void qc_syncing_line(const qc_syncing *s, const qc_rate_view *v, char *line, size_t cap);
/** The built-in indexes (indexes.c): options checked early, started before the chain thread,
 * stopped before the chain closes, freed after. */
bool qc_app_indexes_check(qc_app *a);
bool qc_app_indexes_start(qc_app *a);
void qc_app_indexes_stop(qc_app *a);
void qc_app_indexes_free(qc_app *a);
/** The mempool (mempool.c): options checked early, made before the chain thread starts; its file is
 * read on the chain thread once the import has ended, and written when that thread has; freed after
 * the chain. */
bool qc_app_pool_check(qc_app *a);
bool qc_app_pool_new(qc_app *a);
void qc_app_pool_load(qc_app *a);
void qc_app_pool_stop(qc_app *a);
void qc_app_pool_free(qc_app *a);
/** Above which number templates have their ids: higher than any of a run before, whatever the clock
 *  says, and below 2^53. Plugins keep ids longer than the node lives. It begins at the clock's
 *  microseconds; what this run may use is written to `folder`/template_id ahead. Returns: QC_OK; of
 *  qc_os_write_file_atomic(). Out: *out untouched on failure. */
QC_MUST_CHECK qc_err qc_app_first_template_id(const char *folder, int64_t now_us, uint64_t *out);
/** What makes blocks (mining.c): made before the pool is, which it is then told of; freed after the
 * chain. */
bool qc_app_miner_new(qc_app *a);
void qc_app_miner_free(qc_app *a);
/** The plugin host's life (plugins.c): made before the chain thread starts, started when the node
 *  is ready, stopped before the RPC server, freed after the chain. */
bool qc_app_plugins_new(qc_app *a);
void qc_app_plugins_start(qc_app *a);
void qc_app_plugins_stop(qc_app *a);
void qc_app_plugins_free(qc_app *a);
/** The node's warm-up has ended; on the loop. */
void qc_app_ready(qc_app *a);
/** Ask for shutdown. Thread: any. */
void qc_app_request_shutdown(void *arg);
