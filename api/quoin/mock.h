/* quoin/mock.h: libquoin-mock, a host in a box to unit-test a plugin against: a chain made to order
 * with reorganisations, a store in memory that can crash, calls of RPC methods, and failures on
 * demand. Everything runs in qn_mock_run(), on the caller's thread; time stands still between
 * events, so no test sleeps. Link with `pkg-config --libs quoin-mock`.
 *
 *     qn_mock *m = qn_mock_new();
 *     assert(qn_mock_start(m, &qn_plugin_entry) == QN_OK);
 *     qn_mock_mine(m, 3);
 *     qn_mock_run(m);
 *     char *reply = qn_mock_rpc(m, "hello.height", "[]");
 */
#ifndef QUOIN_MOCK_H
#define QUOIN_MOCK_H
#include "quoin/block.h"
#include "quoin/block_read.h"
#include "quoin/chain_follow.h"
#include "quoin/chain_read.h"
#include "quoin/coins_read.h"
#include "quoin/fees_estimate.h"
#include "quoin/http_serve.h"
#include "quoin/mempool_follow.h"
#include "quoin/mempool_read.h"
#include "quoin/mining_check.h"
#include "quoin/mining_submit.h"
#include "quoin/mining_template.h"
#include "quoin/net_connect.h"
#include "quoin/net_listen.h"
#include "quoin/node_control.h"
#include "quoin/node_read.h"
#include "quoin/peers_control.h"
#include "quoin/peers_read.h"
#include "quoin/plugin.h"
#include "quoin/rpc_serve.h"
#include "quoin/store_own.h"
#include "quoin/tx_submit.h"
#include "quoin/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qn_mock qn_mock;

/** A regtest chain that consists of genesis; everything is granted. Ends the program when memory
 *  runs out, as do all functions here. Owned: qn_mock_free(). */
qn_mock *qn_mock_new(void);
void qn_mock_free(qn_mock *m);

/** Do not grant this id ("store.own/1") from the next start on. */
void qn_mock_deny(qn_mock *m, const char *id);
/** The same with another answer of get(): QN_E_NOSUCH, QN_E_OLDHOST. */
void qn_mock_refuse(qn_mock *m, const char *id, qn_status with);
/** A configuration value for the next start. */
void qn_mock_config(qn_mock *m, const char *name, const char *value);
/** Window of chain.follow (default 16). */
void qn_mock_window(qn_mock *m, uint32_t window);

/* ---- life ---- */
/** init() and start(); then runs what is due. Returns what the plugin answered. */
qn_status qn_mock_start(qn_mock *m, const qn_plugin_1 *entry);
/** stop() and fini(). */
qn_status qn_mock_stop(qn_mock *m);
/** As kill -9: stop() is not called, and writes that were not synced are lost. fini() is called
 *  with every table revoked, only so that its memory does not count as leaked. */
void qn_mock_crash(qn_mock *m);
/** Run posted tasks, timers (time jumps to each), on_ready and so on until nothing is left to do
 *  or a minute of the mock's time has passed. Returns the number of callbacks. Stops the plugin
 * when it called fail(). */
unsigned qn_mock_run(qn_mock *m);
/** What the plugin gave to fail(), or NULL. Borrowed. */
const char *qn_mock_failure(const qn_mock *m);
/** Everything logged so far, one line each. Borrowed until the next call. */
const char *qn_mock_log(const qn_mock *m);
/** The k-th table call from now (1: the next) answers `st` and does nothing; 0: none does.
 *  Calls without a status do not count. */
void qn_mock_fail_call(qn_mock *m, uint64_t k, qn_status st);
/** Table calls so far. */
uint64_t qn_mock_calls(const qn_mock *m);

/* ---- looking in, and interfering ---- */
/** Called before each table call that answers a status, the k-th (from 1) since the mock was made.
 *  QN_OK lets it through; anything else is what the call answers, and it does nothing. It must not
 *  call into the mock except qn_mock_sleep(). */
typedef qn_status qn_mock_call_fn(void *arg, uint64_t k, const char *interface, const char *method);
void qn_mock_on_call(qn_mock *m, qn_mock_call_fn *fn, void *arg);
/** One line per table call with what went in and came out, and one per callback; NULL: none. */
typedef void qn_mock_line_fn(void *arg, const char *line);
void qn_mock_trace(qn_mock *m, qn_mock_line_fn *fn, void *arg);
/** The first call that came from a thread that may not make it ("chain.follow/1 next"); it was
 *  answered with QN_E_THREAD. NULL: none. Borrowed. */
const char *qn_mock_wrong_thread(const qn_mock *m);
/** "QN_E_IO" for QN_E_IO. Borrowed, for ever. */
const char *qn_mock_status_name(qn_status st);
/** Let run() and what uses it make at most n callbacks from now on; UINT32_MAX: as many as it
 * takes. With 0 nothing runs: so a plugin can be stopped or killed in the middle of its work. */
void qn_mock_steps(qn_mock *m, unsigned n);
/** The mock's clock in milliseconds, as now_ms() tells it. */
uint64_t qn_mock_now(const qn_mock *m);
/** Let the mock's clock go on, as a long call would. */
void qn_mock_sleep(qn_mock *m, uint32_t ms);
/** For a plugin with threads of its own: run, and wait at most `ms` of real time for a first task
 *  that another thread posts. Returns the number of callbacks. */
unsigned qn_mock_wait(qn_mock *m, uint32_t ms);

/* ---- the chain ---- */
/** An output of the next block's transaction that pays `value` satoshis to a script.
 *  Returns its number there. */
uint32_t qn_mock_pay(qn_mock *m, const void *script, uint32_t script_len, int64_t value);
/** An input of the next block's transaction: any output of an earlier block. */
void qn_mock_spend(qn_mock *m, const qn_hash *txid, uint32_t n);
/** n blocks on the tip. The first holds what was queued by pay and spend, as one transaction. */
void qn_mock_mine(qn_mock *m, uint32_t n);
/** Forget the bodies of blocks below `below`: followers get a GAP, block.read QN_E_PRUNED; a rescan
 *  that comes to one ends with QN_E_PRUNED, and its ref is the lowest that is there. */
void qn_mock_prune(qn_mock *m, uint32_t below);
/** The body of the block of this height cannot be read by rescans, which end there with QN_E_IO. */
void qn_mock_damage(qn_mock *m, uint32_t height);
/** Leave the newest `back` blocks (they become stale), then mine n others. */
void qn_mock_reorg(qn_mock *m, uint32_t back, uint32_t n);
/** Make the branch that ends in this block (by its hash) the active one again: blocks that had left
 *  come back. Returns: QN_OK; QN_E_NOTFOUND. */
qn_status qn_mock_activate(qn_mock *m, const qn_hash *tip);
/** The active block at `height`, part B included; NULL above the tip. Borrowed. */
const qn_block_view *qn_mock_block(const qn_mock *m, uint32_t height);
uint32_t qn_mock_height(const qn_mock *m);
/** The time of the walks of coins.read that are open is over. Up to 4 may be open, and opening
 * costs nothing. */
void qn_mock_scans_expire(qn_mock *m);

/* ---- the node ---- */
/** What node.read tells from now on. `warnings` (lines; may be NULL) and the lists are borrowed
 *  until they are set anew. What node.control is asked to do succeeds, and is a line of
 *  qn_mock_log(): "control: stop", "control: prune 100", "control: debug on net" ... */
void qn_mock_node(qn_mock *m, const qn_node_info *info, const char *warnings);
void qn_mock_node_plugins(qn_mock *m, const qn_node_plugin *list, uint32_t n);
void qn_mock_node_metrics(qn_mock *m, const qn_node_metric *list, uint32_t n);

/* ---- its peers ---- */
/** What peers.read tells from now on (info NULL: as before). The lists are borrowed until they are
 *  set anew; messages() gives its list for every peer. What peers.control is asked to do succeeds,
 *  and is a line of qn_mock_log(): "peers: connect 1.2.3.4:8333", "peers: disconnect 3",
 *  "peers: ban 1.2.3.0/24", "peers: network off" ... */
void qn_mock_peers(qn_mock *m, const qn_peers_info *info, const qn_peer *list, uint32_t n);
void qn_mock_peer_messages(qn_mock *m, const qn_peer_message *list, uint32_t n);
void qn_mock_peer_networks(qn_mock *m, const qn_peer_network *list, uint32_t n);
void qn_mock_peer_local(qn_mock *m, const qn_peer_local *list, uint32_t n);
void qn_mock_peer_bans(qn_mock *m, const qn_peer_ban *list, uint32_t n);
void qn_mock_peer_added(qn_mock *m, const qn_peer_added *list, uint32_t n);

/* ---- its mempool ---- */
/** A transaction there. wtxid all zero: the same as txid. Bytes and spends may be NULL, and are
 *  borrowed while it is there. */
typedef struct qn_mock_tx {
    qn_hash txid, wtxid;
    int64_t fee, vsize;
    const void *bytes;
    uint32_t len;
    const qn_mempool_outpoint *spends;
    uint32_t n_spends;
} qn_mock_tx;
/** What mempool.read tells and mempool.follow follows. The mempool does not follow the chain by
 *  itself: take out what a block has mined (reason QN_MEMPOOL_GONE_BLOCK, by its hash).
 *  Returns: QN_OK; QN_E_NOTFOUND. */
void qn_mock_pool_add(qn_mock *m, const qn_mock_tx *tx);
qn_status qn_mock_pool_remove(qn_mock *m, const qn_hash *txid, uint32_t reason, const qn_hash *by);
/** Whoever follows has fallen behind: a GAP, and a new snapshot. */
void qn_mock_pool_gap(qn_mock *m);
/** What becomes of the next n transactions that are submitted or tested; others are accepted. The
 *  list is borrowed until it is used up; txids are made from the bytes. Each is a line of
 *  qn_mock_log(): "tx: submit TXID", "tx: test TXID". */
void qn_mock_submit_with(qn_mock *m, const qn_submit_result *list, uint32_t n);
/** Fee rates (satoshis per 1,000 vbytes): what gets in (at first 100), and the estimate for every
 *  target (0, as at first: too little is known). */
void qn_mock_fees(qn_mock *m, int64_t floor, int64_t estimate);

/* ---- its mining ---- */
/** What mining.template tells of the node from now on; borrowed. NULL: ready, as at first.
 * Templates are made of the mock's chain and mempool by themselves: at qn_mock_mine() an EMPTY and
 * a FULL one, and when the mempool has changed a FULL one once the subscription's interval is over.
 */
void qn_mock_mining(qn_mock *m, const qn_mining_info *info);
/** What challenge() gives, borrowed; NULL: this is no signet, as at first. */
void qn_mock_challenge(qn_mock *m, const void *script, uint32_t len);
/** What becomes of the next n blocks that are handed in or checked; others are judged by their
 * proof of work alone (high-hash), and by whether they were accepted before (duplicate). The list
 * is borrowed until it is used up; hashes are those of the headers. Each is a line of
 * qn_mock_log(): "mining: solution ID HASH ok", "mining: block HASH high-hash", "mining: check HASH
 * ok". The chain does not follow: qn_mock_mine() does that. */
void qn_mock_blocks_with(qn_mock *m, const qn_mining_result *list, uint32_t n);

/* ---- what the plugin offers ---- */
/** Call a method and run until it has answered or nothing is left to do. The reply's text; for an
 *  error "error CODE: message"; "error: no such method"; "error: no answer". As the node it puts
 *  named parameters in order, and answers "error -8: " and why to one that the method does not
 * have, and "error -1: " and the help to more or fewer than it has, without calling it. Owned:
 * free(). */
char *qn_mock_rpc(qn_mock *m, const char *method, const char *params);
/** Ask a path ("/metrics?x=1", below the plugin's name) and run until it has answered or nothing is
 *  left to do. Out: *status (may be NULL); 404, 405 and 504 as the host would. Returns the reply's
 *  body as text. Owned: free(). */
char *qn_mock_http(qn_mock *m, const char *method, const char *target, const char *body,
                   uint32_t *status);
/** Somebody connects to an address that the plugin has opened; on_accept has run when this returns.
 *  Write what the client says before qn_mock_run(), where time passes. Returns the client's end, a
 * blocking socket, owned: close(); -1: nobody listens there, or 64 connections are out. */
int qn_mock_accept(qn_mock *m, const char *address, const char *peer);
/** How connect() of net.connect ends from now on: QN_OK (default), or QN_E_REFUSED and the like. */
void qn_mock_connect_with(qn_mock *m, qn_status st);
/** The far end of the oldest connection that the plugin has made, owned: close(); -1: none. */
int qn_mock_take(qn_mock *m);
/** Connections that are out, of both kinds: those whose done() was not called. */
uint32_t qn_mock_connections(const qn_mock *m);
/** Name of the i-th method that it offers, or NULL. Borrowed. */
const char *qn_mock_method(const qn_mock *m, unsigned i);

/* ---- the plugin's store ---- */
/** Keep it in a file of this folder too, so that it outlives the process; what is there already is
 *  read. What was written without QN_STORE_SYNC is lost in a crash or kill. Before the first start.
 *  Returns: QN_OK; QN_E_IO. */
qn_status qn_mock_store_folder(qn_mock *m, const char *folder);
/** Number of keys. */
uint64_t qn_mock_store_count(const qn_mock *m);
/** The i-th pair in the order of keys. Borrowed until the next write. 0: there is none. */
int qn_mock_store_row(const qn_mock *m, uint64_t i, const void **key, uint32_t *key_len,
                      const void **value, uint32_t *value_len);
/** Writes that would exceed this many bytes of keys and values answer QN_E_FULL. 0: no quota. */
void qn_mock_quota(qn_mock *m, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
