/* runner/rt.h: the run time behind the proxies: one plugin, one socket to the node, one loop.
 *
 * The plugin's callbacks run on the main thread, one at a time, never inside a call of the plugin:
 * what arrives while a call waits for its reply is queued. Threads of the plugin may only log, post
 * and give back views. */
#pragma once
#include "core/frame/frame.h"
#include "core/frame/pack.h"
#include "core/ownstore/ownstore.h"
#include "quoin/plugin.h"

#include <pthread.h>
#include <stdatomic.h>

#define QC_RT_TIMERS 1024u
#define QC_RT_POSTS 65536u
#define QC_RT_CALLBACKS 65536u
#define QC_RT_CAPS 32u
#define QC_RT_WATCHES 16384u /* descriptors below this number can be watched */

typedef struct qc_rt qc_rt;
typedef void qc_rt_fn(void);
/** Decode a callback's parameters and run it; *fd came with it. False: malformed. */
typedef bool qc_rt_dispatch(qc_rt_fn *fn, void *arg, qc_unpack *in, int *fd);

/** One interface that the runner can carry. Ended by id NULL. */
typedef struct qc_rt_interface {
    const char *id;
    const void *table;
    uint32_t revision;
    qc_rt_dispatch *const *callback;
    uint32_t n_callback;
} qc_rt_interface;
extern const qc_rt_interface QC_RT_INTERFACES[]; /* proxies.c */

struct qn_cap {
    qc_cap_head head;
    qc_rt *rt;
    const char *id;
    const void *table;
    const qc_rt_interface *iface; /* NULL: served here altogether */
    uint32_t number, revision;
};

/* ---- what the proxies call ---- */

/** Right thread, and not revoked (unless closing). */
qn_status qc_rt_enter(qn_cap *cap, int closing);
/** Number of (fn, arg) on the wire; 0 for NULL. */
uint32_t qc_rt_callback(qn_cap *cap, qc_rt_fn *fn, void *arg);
/** Send `in` (taken) as a call and wait for the reply. Out: *out behind the status, borrowed until
 *  the next call. */
qn_status qc_rt_call(qn_cap *cap, uint16_t method, qc_pack *in, qc_unpack *out);
/** `st`, or QN_E_INTERNAL when the reply was malformed. */
qn_status qc_rt_end(qn_cap *cap, qn_status st, const qc_unpack *out);
/** Drop queued callbacks number `callback` of this interface whose first parameter is `handle`.
 * What they hand over is given back: method `done` (-1: none) is called with their second
 * parameter. */
void qc_rt_forget(qn_cap *cap, uint16_t callback, uint64_t handle, int done);

/* ---- what the proxies that are written by hand call ---- */

/** Send `in` (taken) without waiting for an answer. Thread: any. */
void qc_rt_cast(qn_cap *cap, uint16_t method, qc_pack *in);
/** Wait for one message and take it in. */
void qc_rt_wait(qc_rt *rt);
/** The message whose reply qc_rt_call() has just given, for its descriptors. */
qc_frame *qc_rt_reply_frame(qc_rt *rt);

/** A view that the node has lent. */
typedef struct qc_rt_view {
    struct qc_rt_view *next;
    const qn_cap *cap; /* through which it came */
    uint32_t id;
    uint32_t refs;
    uint32_t kept; /* of them, by retain() */
    const struct qn_block_view *view;
    size_t mapped; /* bytes, when it has a mapping of its own */
} qc_rt_view;
/** Read a view's place from a message and map it if need be; `fd` is taken out when used. NULL: no
 *  view was sent. refs is 1. */
qc_rt_view *qc_rt_view_read(qn_cap *cap, qc_unpack *in, int *fd);
/** Lent through `cap`, or NULL. Thread: any. */
qc_rt_view *qc_rt_view_find(qn_cap *cap, const struct qn_block_view *view);
/** One reference less; the last one tells the node, by a cast of `method`. Thread: any. */
void qc_rt_view_unref(qn_cap *cap, qc_rt_view *v, uint16_t method);

/** A message of chain.follow has come (px_follow.c). False: malformed. */
bool qc_rt_follow_event(qn_cap *cap, qc_frame *f);
/** on_ready of subscription `id`, from the queue. */
void qc_rt_follow_ready(qn_cap *cap, uint64_t id);

/* ---- the loop (loop.c) ---- */

/** Call fn on the loop when fd is ready for one of `mask` (POLLIN, POLLOUT). */
typedef struct qc_rt_watch {
    uint64_t id; /* 0: free */
    int fd;
    short mask;
    void (*fn)(void *arg, const struct qc_rt_watch *w, short ready);
    qc_rt_fn *user;
    void *arg;
} qc_rt_watch;

typedef struct qc_rt_timer {
    qn_task_fn *fn; /* NULL: free */
    void *arg;
    uint64_t due; /* ms */
    uint32_t generation;
} qc_rt_timer;

/** Something to do, in the order in which it came. */
typedef struct qc_rt_item {
    struct qc_rt_item *next;
    qc_frame frame; /* kind 0: a task or the end of waiting of a follower */
    qc_bytes payload;
    qn_task_fn *task;
    void *arg;
    qn_cap *ready; /* chain.follow whose subscription `follow` is ready */
    uint64_t follow;
} qc_rt_item;

#define QC_RT_LOG_LEVELS 5u
/** Lines that the plugin may log: what is far beyond its rate does not bother the node. */
typedef struct qc_rt_log {
    pthread_mutex_t lock;
    double per_s; /* 0: not told yet, all pass */
    struct {
        double tokens;
        int64_t at; /* ns */
    } level[QC_RT_LOG_LEVELS];
    uint32_t dropped; /* which the node has not been told of */
} qc_rt_log;

/** What the node tells without a message: read-only memory of both. */
typedef struct qc_rt_page {
    _Atomic int64_t mock_time; /* 0: none */
} qc_rt_page;

struct qc_rt {
    qc_chan chan;
    pthread_mutex_t send_lock;
    pthread_t thread;
    uint32_t seq;
    qc_spin spin;    /* for replies */
    qc_frame *reply; /* borrowed from chan */
    bool bare;       /* it was a failure without outputs, which stay as they are */

    qn_cap host;
    qn_cap cap[QC_RT_CAPS];
    uint32_t n_cap;
    _Atomic bool revoked;
    const qc_rt_page *page;
    const uint8_t *arena;
    size_t arena_size;

    struct {
        qc_rt_fn *fn;
        void *arg;
    } * callback;
    uint32_t n_callback;

    pthread_mutex_t lock; /* posts, views */
    qc_rt_item *posts, **posts_end;
    uint32_t n_posts;
    int wake, epoll; /* the first an eventfd */
    qc_rt_view *views;

    qc_rt_item *queue, **queue_end; /* main thread */
    qc_rt_timer timer[QC_RT_TIMERS];
    uint32_t n_timer;
    qc_rt_watch *watch; /* by descriptor: QC_RT_WATCHES of them, when one is used */
    uint64_t next_watch;

    char *title; /* the bytes of argv[0], to tell others whose process it is */
    size_t title_len;
    const qn_plugin_1 *entry;
    void *self;
    bool inited, store_later;
    qc_rt_log log;
    qn_config config;
    void *warm; /* the store's module, loaded before it was known for whom */
    int warm_fd;
    const qc_store_module *store;
    qc_ownstore_options store_options;
};

void qc_rt_init(qc_rt *rt, int socket);
/** Serve until the process ends. */
void qc_rt_run(qc_rt *rt) __attribute__((noreturn));
/** Queue one message that has come, or handle what needs no callback. */
void qc_rt_take(qc_rt *rt, qc_frame *f);
/** Append to the queue (main thread). */
void qc_rt_enqueue(qc_rt *rt, qc_rt_item *i);
void qc_rt_send(qc_rt *rt, qc_frame_kind kind, uint16_t method, uint32_t seq, uint32_t cap,
                qc_pack *in);
uint64_t qc_rt_now_ms(void);
/** Lines a second that the node writes of this plugin. */
void qc_rt_log_rate(qc_rt *rt, uint32_t per_s);
/** Tell the node how many lines were dropped, if any. */
void qc_rt_log_tell(qc_rt *rt);
/** LIFE (life.c). */
void qc_rt_life(qc_rt *rt, const qc_frame *f, qc_span payload);
