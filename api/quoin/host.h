/* quoin/host.h: what every plugin gets: the other interfaces, log, loop,
 * clocks, randomness.
 *
 * Handed to every plugin's init(). Nothing else is ambient: no files, no
 * network, no environment, no other plugin. All callbacks of a plugin (timers,
 * posts, on_ready, RPC handlers) run on the one loop of that plugin, one at a
 * time, never inside another call. Methods are called from that loop unless
 * marked 'any thread'.
 *
 * Made by api/generate.py from api/interfaces/host.toml: change that, then run it. */
#ifndef QUOIN_HOST_H
#define QUOIN_HOST_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Levels of log(). */
#define QN_LOG_ERROR 1u /* something is lost or the plugin cannot go on */
#define QN_LOG_WARN 2u  /* the operator should look */
#define QN_LOG_INFO 3u  /* worth a line in normal operation */
#define QN_LOG_DEBUG 4u /* written only when the operator asks for it */

/** A posted task or a timer. */
typedef void qn_task_fn(void *arg);

/** host/1, revision 1. Frozen. */
typedef struct qn_host_1_r1 {
    qn_head h;

    /** The table of an interface, and the handle (capability) that every method
     *  of it takes first. Only ids that are in the manifest and in the
     *  operator's grant are given. The table is const and valid until fini()
     *  has returned; asking again gives the same pointers.
     *  id: "name/MAJOR".
     *  min_revision: lowest revision the plugin can work with; 1 for any.
     *  table: the table; untouched on failure.
     *  handle: its handle; untouched on failure.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_NOSUCH, QN_E_OLDHOST, QN_E_INVAL. */
    qn_status (*get)(qn_cap *cap, const char *id, uint32_t min_revision, const void **table,
                     qn_cap **handle);

    /** Write one line, prefixed with the plugin's name. Control characters are
     *  escaped; the part beyond 1,024 bytes and lines beyond the rate of the
     *  grant are dropped (and counted).
     *  level: QN_LOG_*.
     *  message: UTF-8, no newline at the end.
     *  Thread: any. */
    void (*log)(qn_cap *cap, uint32_t level, const char *message, uint32_t message_len);

    /** Stop me, because. Returns at once; stop() and fini() follow on the loop,
     *  then the plugin is in state CRASHED with this reason. A plugin in a
     *  process of its own is restarted as the grant's [failure] section says; a
     *  trusted one stays down until the node is started again.
     *  why: a status, QN_E_*.
     *  message: one sentence for the operator.
     *  Thread: any. */
    void (*fail)(qn_cap *cap, int32_t why, const char *message, uint32_t message_len);

    /** Run task(arg) on my loop, after what is queued there. Never runs it
     *  inside the call.
     *  task: what to run.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_LIMIT.
     *  Thread: any. */
    qn_status (*post)(qn_cap *cap, qn_task_fn *task, void *arg);

    /** Run task(arg) once on my loop, not before delay_ms milliseconds have
     *  passed.
     *  delay_ms: at most 2^31-1.
     *  task: what to run.
     *  timer: its id; never 0.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_LIMIT, QN_E_INVAL. */
    qn_status (*timer_set)(qn_cap *cap, uint32_t delay_ms, qn_task_fn *task, void *arg,
                           uint64_t *timer);

    /** Forget a timer. Its task does not run after this returns.
     *  timer: id from timer_set.
     *  Returns: QN_OK, QN_E_NOTFOUND. */
    qn_status (*timer_cancel)(qn_cap *cap, uint64_t timer);

    /** Say how far long work has come. Extends the start-up deadline; shown by
     *  listplugins.
     *  permille: 0 to 1000.
     *  what: a few words.
     *  Thread: any. */
    void (*progress)(qn_cap *cap, uint32_t permille, const char *what, uint32_t what_len);

    /** Milliseconds of a monotonic clock without a defined start.
     *  Thread: any. */
    uint64_t (*now_ms)(qn_cap *cap);

    /** Seconds since 1970 as the node sees them (RPC setmocktime moves it).
     *  Thread: any. */
    int64_t (*time)(qn_cap *cap);

    /** Fill a buffer with entropy fit for keys.
     *  buffer: where to put it.
     *  Returns: QN_OK, QN_E_INVAL.
     *  Thread: any. */
    qn_status (*random)(qn_cap *cap, void *buffer, uint32_t buffer_len);
} qn_host_1_r1;

/** The newest revision. */
typedef qn_host_1_r1 qn_host_1;
#define QN_HOST_1_ID "host/1"
#define QN_HOST_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
