/* core/host/internal.h: the host object as its parts see it. */
#pragma once
#include "core/host/blocks.h"
#include "core/host/plugin.h"
#include "core/host/supervise.h"

#define QC_HOST_PLUGINS 256u
#define QC_HOST_EVENTS 256u /* that are remembered */

/** A change of a plugin's state. */
typedef struct qc_plugin_event {
    uint64_t seq; /* from 1; 0: none */
    int64_t time;
    char id[72];
    qc_plugin_state state;
    bool incoming; /* of one that is to take the place of that of the same id in the list */
    char reason[QC_PLUGIN_REASON_MAX];
} qc_plugin_event;

/** Of which states of a plugin the operator was told since it last ran. */
typedef struct qc_told_state {
    char id[72];     /* "": free */
    uint32_t states; /* bit s: state s */
} qc_told_state;

struct qc_follower;      /* adapter_chain_follow.c */
struct qc_pool_follower; /* adapter_mempool_follow.c */
struct qc_watcher;       /* adapter_watch.h */

struct qc_host {
    qc_host_options o;
    char *network, *plugin_dir, *grant_dir, *data_dir, *tool;
    char *runner;           /* path */
    int runner_fd;          /* open since the start; -1: isolated plugins cannot run */
    int store_fd;           /* the module of store.own, sealed; -1: none */
    struct qc_spare *spare; /* NULL: no runner waits */
    struct qc_arena *arena;
    int page_fd; /* memory that runners read: see qc_host_page */
    void *page;
    qc_chain_thread *chain_thread;
    pthread_t owner; /* the thread that made it */
    uint64_t epoch;
    qc_blocks *blocks;
    struct qc_watch_ahead *ahead;
    qc_plugin *plugin[QC_HOST_PLUGINS];
    size_t n_plugin;
    bool rpc_registered;
    pthread_mutex_t list_lock; /* plugin[] and n_plugin, for readers; written by the supervisor */
    qc_supervisor *supervisor; /* NULL before qc_host_start() */
    qc_rpc_waitlist *changes;  /* an event, or an action is done */

    pthread_mutex_t event_lock;
    qc_plugin_event event[QC_HOST_EVENTS]; /* seq % QC_HOST_EVENTS */
    uint64_t n_event;
    qc_told_state told[QC_HOST_PLUGINS]; /* under event_lock */

    qc_proxy proxy;
    _Atomic uint64_t coins_cached, coins_bytes; /* as of the last change of the tip */

    pthread_mutex_t lock;  /* followers, resolver */
    qc_resolver *resolver; /* NULL until it is wanted */
    struct qc_follower *followers;
    unsigned n_followers;
    struct qc_pool_follower *pool_followers;
    unsigned n_pool_followers;
    struct qc_scans *scans; /* walks over all coins */
    struct qc_watcher *watchers;
    unsigned n_watchers;
    struct qc_watch_hub *watch;                       /* what they share */
    struct qc_book *book;                             /* templates that plugins were given */
    qc_mempool *pool;                                 /* of the node; NULL: there is none */
    struct qc_feed *feed;                             /* NULL with it */
    _Atomic uint64_t pool_tx, pool_vsize, pool_usage; /* as node.read last heard */
    _Atomic int64_t pool_fees;
};

/** What runners read without asking: the first bytes of their page. */
typedef struct qc_host_page {
    _Atomic int64_t mock_time; /* 0: none */
} qc_host_page;
/** Who a plugin's process is to be when the node runs as root: a user of its own, the same at every
 *  start as long as it has a folder. 0: the node is not root, or all users are taken. Thread: any.
 */
uint32_t qc_host_plugin_uid(qc_plugin *p);
/** Open the runner and make what all runners share; what cannot be had is logged. */
void qc_host_runner_open(qc_host *h);
void qc_host_runner_close(qc_host *h);

/** Add to the list. False: it is full, and p is freed. Thread: owner or supervisor. */
bool qc_host_add(qc_host *h, QC_OWN qc_plugin *p);
/** Add to the list what lies in the plugins' folder, has no grant, and is not in the list. Thread:
 *  owner before qc_host_start(), or supervisor. */
void qc_host_look(qc_host *h);
/** By id, or by the last label of exactly one. Thread: supervisor, or under list_lock. */
qc_plugin *qc_host_by_name(const qc_host *h, const char *name);
/** Remember a change and wake whoever waits for one. Thread: any. */
void qc_host_event(qc_host *h, const qc_plugin *p, qc_plugin_state s, const char *why);
/** Tell whoever wants alerts that it does not run and does not come back by itself. */
void qc_host_alert(qc_host *h, const qc_plugin *p, qc_plugin_state s, const char *why);
/** A qc_rpc_ask_absent: whose the name is, or would be, and what to do. `arg`: the host. absent.c.
 */
qc_rpc_absent qc_host_ask_absent(void *arg, const char *name, char *why, size_t cap);
/** Methods of rpc_plugin.c. */
extern const qc_rpc_method QC_HOST_ACTIONS[];

/** A follower came or went: tells the chain how many there are. Thread: any. */
void qc_host_followers_changed(qc_host *h);
/** Run fn on the chain thread, or here when the caller is it. */
void qc_host_on_chain(qc_host *h, void (*fn)(qc_chain *c, void *arg), void *arg);
/** The resolver, made when it is first wanted. Out: *out (may be NULL) is borrowed for the host's
 *  life. Thread: any. */
QC_MUST_CHECK qc_err qc_host_resolver(qc_host *h, qc_resolver **out);
/** What node.control asks for another plugin. Returns at once: QN_OK (it will be done);
 * QN_E_NOTFOUND; QN_E_BUSY (its state is not for that); QN_E_INVAL (itself); QN_E_UNSUPPORTED
 * (trusted: the node must be restarted). Thread: any. */
qn_status qc_host_plugin_act(qc_host *h, const qc_plugin *by, const char *id, qc_action_kind kind);
/** Of a name by which qc_host_by_name() finds none: " (did you mean NAME?)", or whatever else
 * helps; empty: nothing does. Owned: qc_free(). Thread: supervisor, or under list_lock. */
char *qc_host_did_you_mean(const qc_host *h, const char *name);
/** Path of the grant of a plugin by id or unique last label, or NULL. Owned: qc_free(). */
char *qc_host_grant_of(const qc_host *h, const char *name);
/** Text into a record that is all zero: cut to fit at the start of a UTF-8 character; NULL: none.
 *  record.c. Thread: any. */
void qc_host_text(char *out, size_t cap, const char *text);
/** warnings() of node.read and peers.read. adapter_node_read.c. */
qn_status qc_host_warnings(qn_cap *cap, void *text, uint32_t max, uint32_t *used);
/** What the kernel says of a plugin's process. */
typedef struct qc_plugin_usage {
    int pid; /* 0: none */
    bool known;
    uint64_t cpu_ms, rss;
} qc_plugin_usage;
/** Ask the kernel about the pids of `used`. Holds no lock, and nobody may who calls. Thread: any.
 */
void qc_plugin_usage_read(qc_plugin_usage *used, size_t n);
/** One plugin's record for node.read; `used` as read for its pid of a moment ago. record.c. Thread:
 *  any. */
struct qn_node_plugin;
void qc_plugin_record(qc_plugin *p, const qc_plugin_usage *used, struct qn_node_plugin *out);
/** Wake every follower that waits. Thread: any. */
void qc_followers_wake(qc_host *h);
/** The same for those of the mempool. */
void qc_pool_followers_wake(qc_host *h);
/** The same for watchers. */
void qc_watchers_wake(qc_host *h);
/** How many blocks the slowest of a plugin's watchers is behind `top`, and whether one has not
 * taken what there is for it for half a minute. Under the host's lock. */
uint32_t qc_watchers_behind(const qc_plugin *p, uint32_t top);
bool qc_watchers_lag(const qc_plugin *p);
/** Hear from the pool, and tell its followers: pool_voice.c. Before the chain thread runs. */
void qc_host_hear_pool(qc_host *h);
/** The chain has told all of a change; what is durable may be more by now. Thread: chain. */
void qc_host_pool_told(qc_host *h);
void qc_host_pool_durable(qc_host *h, const qc_index *durable);
