/* core/host/plugin.h: one plugin in trusted mode: its thread, its loop, its life. Internal to
 * core/host. */
#pragma once
#include "core/host/cap.h"
#include "core/host/grant.h"
#include "core/host/host.h"
#include "core/host/image.h"
#include "core/host/resolve.h"
#include "core/loop/loop.h"
#include "quoin/plugin.h"

#define QC_PLUGIN_TIMERS 1024u
#define QC_PLUGIN_REASON_MAX 640u /* bytes with the NUL: the step and a whole line of a problem */
#define QC_PLUGIN_POSTS 65536u
#define QC_PLUGIN_CAPS 32u
/* Bytes of requests that wait for it at once: of one method or route, which is not to take the room
 * of others (what asks for much goes by another name than what must get through), and of all. */
#define QC_PLUGIN_ASKED_MAX ((size_t)64 << 20)
#define QC_PLUGIN_ASKED_ALL ((size_t)160 << 20)
#define QC_PLUGIN_FOLLOWS 16u /* subscriptions of an isolated one */

typedef enum qc_plugin_state {
    QC_PLUGIN_DISCOVERED,
    QC_PLUGIN_REJECTED,
    QC_PLUGIN_NEEDS_GRANT,
    QC_PLUGIN_READY,
    QC_PLUGIN_STARTING,
    QC_PLUGIN_RUNNING,
    QC_PLUGIN_STOPPING,
    QC_PLUGIN_STOPPED,
    QC_PLUGIN_CRASHED,
    QC_PLUGIN_WEDGED,
    QC_PLUGIN_BACKOFF,     /* crashed; will be started again */
    QC_PLUGIN_QUARANTINED, /* will not be started again until an operator says so */
    QC_PLUGIN_LAGGING      /* RUNNING, with its window full for a while */
} qc_plugin_state;
const char *qc_plugin_state_name(qc_plugin_state s);

typedef struct qc_plugin_timer {
    qc_plugin *plugin;
    qc_timer *timer; /* NULL: never used */
    qn_task_fn *fn;  /* NULL: not set */
    void *arg;
    uint32_t generation;
} qc_plugin_timer;

/** The blocks that a plugin had in hand when it died last, and how often it has died so in a row.
 */
typedef struct qc_plugin_deaths {
    struct {
        qn_block_ref at;
        unsigned times;
    } block[QC_PLUGIN_FOLLOWS];
    unsigned n;
} qc_plugin_deaths;

struct qc_plugin {
    qc_host *host;
    char *label;      /* id, or the grant's name while the id is not known */
    char *grant_path; /* NULL: found in the plugin folder without a grant */
    char *file;       /* path of the shared object */
    qc_grant grant;
    qc_image image;
    qc_resolution resolution;
    qc_problems problems;

    qc_thread *thread;
    qc_loop *loop;
    void *library;
    const qn_plugin_1 *entry;
    void *self;
    bool inited, started;    /* trusted */
    struct qc_isolated *iso; /* isolated: its process; NULL before and in trusted mode */
    bool hold;               /* isolated: wait with start() until qc_plugin_go() */
    bool store_later;        /* isolated: a former self still holds the store */
    bool waits;              /* init() has run and hold is set; under the lock */
    bool callable;           /* callbacks may run (loop) */
    unsigned pool_snapshots; /* of mempool.follow that it has not read to the end (loop) */
    qn_cap host_cap;
    qn_cap cap[QC_PLUGIN_CAPS];
    size_t n_cap;
    qc_plugin_timer timer[QC_PLUGIN_TIMERS];
    _Atomic uint32_t posted;
    _Atomic size_t asked;  /* bytes of requests of others that its loop has not come to */
    _Atomic size_t queued; /* isolated: bytes of messages that it has not read */
    _Atomic bool left;     /* WEDGED: the node goes on to its end without it */

    pthread_mutex_t lock; /* the rest */
    pthread_cond_t changed;
    qc_plugin_state state;
    qc_mono state_since, progress_at;
    char *reason;
    char progress[64];
    uint32_t progress_permille;
    bool ended; /* the thread is about to return */
    bool joining;
    bool stop_asked;
    _Atomic bool handing_over; /* a successor waits for what it leaves */
    _Atomic bool incoming;     /* it is the successor, and not in the list */
    double log_tokens;
    qc_mono log_at;
    uint64_t log_dropped, log_lines;
    char said[256];  /* in its log since it is STARTING */
    int said_weight; /* 3: that is an error, 2: a warning, 1: another line, 0: nothing */

    _Atomic int log_level; /* 1 error to 4 debug; 0: as the node's log */
    _Atomic bool trace;    /* isolated: its calls are logged */
    _Atomic int pid;       /* of its process; 0: none */
    uint32_t uid;          /* of its process, when the node is root; under host->list_lock */
    _Atomic uint64_t messages, bytes; /* that its process has sent, over all its runs */
    _Atomic uint64_t own_view_bytes;  /* of blocks that the arena had no room for */
    char *sandbox_missing;            /* layers that do not hold, and why; under the lock */
    /* How often a thread has waited for it that must not: any but the host's owner and the
     * supervisor, the chain's, the net's and rpc's above all. 0 for ever. */
    _Atomic uint64_t awaited;
    /* Per subscription of a process: the block that it took last, unless it has acknowledged it.
     * Plugin's loop; `ref` is read when it has ended. */
    struct {
        _Atomic bool given;
        qn_block_ref ref;
    } handed[QC_PLUGIN_FOLLOWS];

    /* the supervisor's */
    uint32_t restarts;
    qc_mono crash[QC_GRANT_RESTARTS_MAX + 1]; /* the last ones */
    int64_t measured_ran;                     /* supervisor: see qc_plugin_measure() */
    qc_mono measured_at;
    unsigned n_crash, backoff;
    qc_plugin_deaths died;
    bool no_thread;            /* it could not be had, and the supervisor has not heard of it yet */
    _Atomic bool stop_ordered; /* by an operator: however it ends, it stays down */
    bool comes_back;           /* it made room for a new one that has died since */
    qc_mono ran_since;         /* RUNNING since; 0: not yet */
    qc_timer *again;
    struct qc_action *action;                  /* what an operator waits for */
    struct qc_plugin *successor, *predecessor; /* while it is being reloaded */
    struct qc_plugin *fallback;    /* what it was reloaded from, until it runs itself; owned */
    struct qc_plugin *next_config; /* what its configuration is to be, then what it was; owned */
};

/** Steps 1 to 8 for one grant file. Never fails: the outcome is its state. */
qc_plugin *qc_plugin_new(qc_host *h, const char *grant_path);
/** The same for one that is to take the place of `p`. */
qc_plugin *qc_plugin_new_successor(qc_plugin *p);
/** A file without a grant: listed, never run. */
qc_plugin *qc_plugin_new_found(qc_host *h, const char *file);
/** Refuse it after the fact (a duplicate id). */
void qc_plugin_reject(qc_plugin *p);
/** Steps 9 to 14 on a thread of its own. Only when READY. */
void qc_plugin_start(qc_plugin *p);
/** Ask it to stop; returns at once. Thread: any. */
void qc_plugin_stop(qc_plugin *p, const char *reason);
/** Run start() of a plugin that was started with `hold`. Thread: any. */
void qc_plugin_go(qc_plugin *p);
/** Would the grant as it is now let p run as it ran: this file, no interface, parameter or bound
 * more than `g` gives? */
bool qc_plugin_may_still(const qc_plugin *p, const qc_grant *g);
/** Does `next`, made of the same grant's file, differ from p, which runs, by live values only? */
bool qc_plugin_only_live(const qc_plugin *p, const qc_plugin *next);
/** Hand p the values of `next`, which is kept as p->next_config. The outcome is told by
 *  qc_supervise_reconfigured(). Thread: supervisor. */
void qc_plugin_reconfigure(qc_plugin *p, QC_OWN qc_plugin *next);
/** What reconfigure() has answered; its values stay only when that is QN_OK. Thread: the plugin's.
 */
void qc_plugin_reconfigured(qc_plugin *p, qn_status st);
/** The configuration as a plugin gets it, over `item` (QC_MANIFEST_LIST_MAX of them). Thread: the
 *  plugin's. */
qn_config qc_plugin_config(const qc_plugin *p, qn_config_item *item);
/** Wait for its end after qc_plugin_stop(). Returns false: WEDGED, its thread is left behind. */
bool qc_plugin_join(qc_plugin *p);
void qc_plugin_free(qc_plugin *p);
/** After qc_plugin_join(): as it was before qc_plugin_start(). */
void qc_plugin_reset(qc_plugin *p);
/** Kill an isolated plugin's process; it is then QUARANTINED for this reason. Thread: any. */
void qc_plugin_kill(qc_plugin *p, const char *fmt, ...) QC_PRINTF(2, 3);
/** The quota of its store; 0: none was set. Thread: any. */
uint64_t qc_plugin_quota(const qc_plugin *p);
/** Kill it if its store takes more than a tenth over its quota. Called every two seconds; while it
 *  takes next to no processor time, it is looked at every ten. Thread: supervisor. */
void qc_plugin_measure(qc_plugin *p);
/** Has it not taken what there is for it, its window full, for half a minute? Thread: any. */
bool qc_plugin_lags(qc_plugin *p);
/** How many blocks the slowest of its subscriptions is behind. Thread: any. */
uint32_t qc_plugin_lag(qc_plugin *p);
void qc_plugin_set_state(qc_plugin *p, qc_plugin_state s, const char *fmt, ...) QC_PRINTF(3, 4);
/** The same unless the state is another than `from` by now, for somebody who looked before.
 * Returns: whether it was changed. */
bool qc_plugin_change_state(qc_plugin *p, qc_plugin_state from, qc_plugin_state to, const char *fmt,
                            ...) QC_PRINTF(4, 5);
qc_plugin_state qc_plugin_get_state(qc_plugin *p);
/** Add a problem of a plugin that others can see already. */
void qc_plugin_problem(qc_plugin *p, const char *step, const char *fmt, ...) QC_PRINTF(3, 4);
/** May it cause one more line in the log? As many per second as its grant says; counted. Thread:
 * any.
 */
bool qc_plugin_may_log(qc_plugin *p);
/** Why it did not start: what init or start answered, and what the plugin last said in its log.
 *  Out: owned, qc_free(). Thread: any. */
char *qc_plugin_start_failed(qc_plugin *p, const char *step, qn_status st);
/** Its process dropped n lines itself, since they are far more than it may log. */
void qc_plugin_log_dropped(qc_plugin *p, uint32_t n);
/** One log block: step and every problem. */
void qc_plugin_log_problems(qc_plugin *p);
/** A request of somebody else, of so many bytes, is to wait for it; `held` bytes of the same kind
 *  wait for an answer. False: too much waits already, and it is to be refused: who asks decides how
 *  much that is, so it is no fault of the plugin. Given back by qc_plugin_ask_end() once its loop
 *  has come to it. Thread: any. */
bool qc_plugin_ask_begin(qc_plugin *p, size_t bytes, size_t held);
void qc_plugin_ask_end(qc_plugin *p, size_t bytes);
/** Run fn(arg) on the plugin's loop unless it is past stop(). Thread: any. */
void qc_plugin_call(qc_plugin *p, void (*fn)(void *arg), void *arg);

extern const qn_host_1 QC_HOST_TABLE;
/** Cancel every timer. Loop. */
void qc_plugin_timers_clear(qc_plugin *p);
