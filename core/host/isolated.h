/* core/host/isolated.h: a plugin in a process of its own, as its thread in the node sees it: the
 * runner, the messages to and from it, and what the plugin holds. The adapters are the same as in
 * trusted mode; they run on this thread, on behalf of the runner.
 *
 * Everything that comes from the runner is hostile. Whoever finds something wrong in it says so
 * with qc_isolated_violation(): the process is killed and the plugin is not started again until an
 * operator says so. Thread: the plugin's, if nothing else is said. Internal to core/host. */
#pragma once
#include "core/frame/frame.h"
#include "core/host/grace.h"
#include "core/host/arena.h"
#include "core/host/plugin.h"
#include "core/host/spawn.h"
#include "core/host/stub.h"

#define QC_ISO_VIEWS 8192u /* views held by one plugin, whatever its grants say */
#define QC_ISO_VIEW_BYTES ((uint64_t)2 << 30)
#define QC_ISO_OWN_FILES 256u /* of them in files of their own: each is a descriptor of ours */

/** A view that the plugin may read. */
typedef struct qc_iso_view {
    uint32_t id;
    const qn_cap *cap; /* through which it was lent */
    bool in_arena;
    uint32_t slot; /* of the arena */
    int fd;        /* of its own file, ours, or -1 */
    uint64_t bytes;
} qc_iso_view;

/** (function, argument) of the plugin as an argument of our thunks. Lives as long as the runner. */
typedef struct qc_iso_callback {
    struct qc_iso_callback *next;
    qc_isolated *iso;
    uint32_t cap, id;
} qc_iso_callback;
#define QC_ISO_CALLBACKS 65536u
#define QC_ISO_BUCKETS 256u

/** A message that waits for room in the socket. */
typedef struct qc_iso_message {
    struct qc_iso_message *next;
    qc_outgoing out;
    qc_bytes payload;
    bool is_reply;
    int fd[QC_FRAME_FDS]; /* ours; closed when sent */
} qc_iso_message;

struct qc_isolated {
    qc_plugin *plugin;
    qc_child child;
    qc_chan chan;
    qc_watch *reading, *writing, *ended;
    qc_timer *timer; /* deadline of what is under way, then pings */
    bool dead;       /* killed, or seen to have ended */
    bool violated;
    bool closed;   /* it has closed its end */
    bool unwanted; /* killed, for it was to stop before it was loaded */
    bool given_up; /* it will be killed: nothing is kept for it any more */
    bool replying; /* a reply waits for room: no further call may come */

    enum {
        QC_ISO_STARTING, /* HELLO sent */
        QC_ISO_INIT,
        QC_ISO_READY, /* init() has succeeded; start() was not asked for yet */
        QC_ISO_START,
        QC_ISO_RUNNING,
        QC_ISO_STOPPING
    } step;
    bool started;
    bool to_yield;             /* it is not known yet to be of the background class altogether */
    bool class_refused;        /* the kernel did not let us: told once */
    qc_mono reconfigure_until; /* reconfigure() was asked for, and must have returned; 0: no */
    bool store_later; /* the store is opened with start(), for a former self still holds it */
    qc_mono deadline; /* of the step; 0: none */
    qc_mono pinged;   /* when the ping that is not answered was sent; 0: none */
    qc_mono late;     /* how much of that time does not count */
    qc_grace grace;
    uint32_t ping_seq, call_seq; /* of the last one */
    uint32_t quiet;              /* pings in a row between which it said nothing but pong */
    uint64_t heard;              /* its messages at the last ping */
    qc_spin spin;                /* a plugin that has its reply may call again at once */

    qc_iso_message *queue, **queue_end;
    size_t queued; /* bytes */

    qc_iso_view *view;
    uint32_t n_view, cap_view, next_view;
    uint64_t view_bytes;
    uint64_t own_bytes, own_max; /* of them in files of its own; what it is granted as memory */
    uint32_t n_own;              /* such files */
    qc_iso_callback *callback[QC_ISO_BUCKETS];
    uint32_t n_callback;
    void *follows; /* serve_follow.c */

    double tokens; /* messages that may come before reading pauses */
    qc_mono token_at;
    qc_timer *pause;

    double trace_tokens; /* lines of the trace that may be written now */
    qc_mono trace_at;
    uint64_t trace_dropped;

    uint32_t held, landlock_abi; /* layers of the sandbox */
};

/** Spawn, say hello, and go on as answers come. The outcome is told to plugin.c by
 *  qc_plugin_iso_*(). */
void qc_isolated_begin(qc_plugin *p);
/** Ask init() to run start(), when it is READY. */
void qc_isolated_start(qc_isolated *iso);
/** Ask for reconfigure() with p's values as they are now; qc_plugin_reconfigured() is told. */
void qc_isolated_reconfigure(qc_isolated *iso);
/** Ask for stop() and fini(); the end is told by qc_plugin_iso_ended(). */
void qc_isolated_stop(qc_isolated *iso);
/** Give back what a process that has ended held: descriptors, views, messages. On the plugin's
 *  thread when its loop is over, so that nobody who waits for that finds any of it. */
void qc_isolated_let_go(qc_isolated *iso);
/** Free; the process has ended. NULL is allowed. */
void qc_isolated_free(QC_OWN qc_isolated *iso);

/** Something from the runner was wrong: kill it. */
void qc_isolated_violation(qc_isolated *iso, const char *fmt, ...) QC_PRINTF(2, 3);
/** Kill it for what it does outside its messages; as a violation. */
void qc_isolated_kill(qc_isolated *iso, const char *why);
/** Send; `out` (may be NULL) and the descriptors are taken. */
void qc_isolated_send(qc_isolated *iso, qc_frame_kind kind, uint16_t method, uint32_t seq,
                      uint32_t cap, qc_pack *out, const int *fd, uint32_t n_fd);
/** Number of a capability on the wire. */
uint32_t qc_isolated_cap_number(const qn_cap *cap);

/** Have the plugin see a view: in the arena, or in a file of its own. Writes its place to `out`;
 *  *fd is that file, owned, or -1. False: neither could be had (QN_E_NOMEM for the plugin).
 *  A NULL view writes 'no view'. */
bool qc_isolated_lend(qc_isolated *iso, const qn_cap *cap, const qn_block_view *view, qc_pack *out,
                      int *fd);
/** Has it as much in files of its own as it may? What comes on top for one view is let be. */
bool qc_isolated_is_full(const qc_isolated *iso);
/** The plugin has given a view back: it can read it no more, whatever it still holds (a file of its
 *  own is empty from now on). False: it never had it. */
bool qc_isolated_unlend(qc_isolated *iso, const qn_cap *cap, uint32_t id);
/** How many views it holds through `cap`. */
uint32_t qc_isolated_views(const qc_isolated *iso, const qn_cap *cap);

/** There is room for views again: subscriptions that waited for it go on. */
void qc_serve_follow_wake(qc_isolated *iso);
/** Subscriptions, views, callbacks and messages end. */
void qc_serve_follow_clear(qc_isolated *iso);
void qc_iso_views_clear(qc_isolated *iso);
void qc_iso_callbacks_clear(qc_isolated *iso);
void qc_iso_queue_clear(qc_isolated *iso);

/* What plugin.c hears of it; on the plugin's thread. */
void qc_plugin_iso_ready(qc_plugin *p);                     /* init() has succeeded */
void qc_plugin_iso_running(qc_plugin *p);                   /* start() has succeeded */
void qc_plugin_iso_refused(qc_plugin *p);                   /* problems were added: not loaded */
void qc_plugin_iso_ended(qc_plugin *p, const char *reason); /* NULL: after stop(), as asked */
