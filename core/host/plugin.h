/* core/host/plugin.h: one plugin in trusted mode: its thread, its loop, its life. Internal to
 * core/host. */
#pragma once
#include "core/host/cap.h"
#include "core/host/host.h"
#include "core/host/image.h"
#include "core/host/resolve.h"
#include "core/loop/loop.h"
#include "quoin/plugin.h"

#define QC_PLUGIN_TIMERS 1024u
#define QC_PLUGIN_POSTS 65536u
#define QC_PLUGIN_CAPS 16u

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
    QC_PLUGIN_WEDGED
} qc_plugin_state;
const char *qc_plugin_state_name(qc_plugin_state s);

typedef struct qc_plugin_timer {
    qc_plugin *plugin;
    qc_timer *timer; /* NULL: never used */
    qn_task_fn *fn;  /* NULL: not set */
    void *arg;
    uint32_t generation;
} qc_plugin_timer;

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
    bool inited, started;
    bool callable; /* callbacks may run (loop) */
    qn_cap host_cap;
    qn_cap cap[QC_PLUGIN_CAPS];
    size_t n_cap;
    qc_plugin_timer timer[QC_PLUGIN_TIMERS];
    _Atomic uint32_t posted;
    _Atomic bool left; /* WEDGED: the node goes on to its end without it */

    pthread_mutex_t lock; /* the rest */
    pthread_cond_t changed;
    qc_plugin_state state;
    qc_mono state_since, progress_at;
    char *reason;
    char progress[64];
    uint32_t progress_permille;
    bool ended; /* the thread is about to return */
    bool stop_asked;
    double log_tokens;
    qc_mono log_at;
    uint64_t log_dropped, log_lines;
};

/** Steps 1 to 8 for one grant file. Never fails: the outcome is its state. */
qc_plugin *qc_plugin_new(qc_host *h, const char *grant_path);
/** A file without a grant: listed, never run. */
qc_plugin *qc_plugin_new_found(qc_host *h, const char *file);
/** Refuse it after the fact (a duplicate id). */
void qc_plugin_reject(qc_plugin *p);
/** Steps 9 to 14 on a thread of its own. Only when READY. */
void qc_plugin_start(qc_plugin *p);
/** Ask it to stop; returns at once. Thread: any. */
void qc_plugin_stop(qc_plugin *p, const char *reason);
/** Wait for its end after qc_plugin_stop(). Returns false: WEDGED, its thread is left behind. */
bool qc_plugin_join(qc_plugin *p);
void qc_plugin_free(qc_plugin *p);
void qc_plugin_set_state(qc_plugin *p, qc_plugin_state s, const char *fmt, ...) QC_PRINTF(3, 4);
qc_plugin_state qc_plugin_get_state(qc_plugin *p);
/** One log block: step and every problem. */
void qc_plugin_log_problems(qc_plugin *p);
/** Run fn(arg) on the plugin's loop unless it is past stop(). Thread: any. */
void qc_plugin_call(qc_plugin *p, void (*fn)(void *arg), void *arg);

extern const qn_host_1 QC_HOST_TABLE;
/** Cancel every timer. Loop. */
void qc_plugin_timers_clear(qc_plugin *p);
