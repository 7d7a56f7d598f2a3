/* quoin/node_control.h: acting on the node: stop, prune, log levels, life of
 * other plugins.
 *
 * Each way to act is a parameter of the grant of its own, and none is granted
 * by default: a plain "yes" grants nothing. Every use, also one that is
 * refused, is a line in the node's log that names the plugin. More than 50 uses
 * a second are not made: QN_E_BUSY, try again later.
 *
 * Made by api/generate.py from api/interfaces/node.control.toml: change that, then run it. */
#ifndef QUOIN_NODE_CONTROL_H
#define QUOIN_NODE_CONTROL_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The end of one prune(), on the plugin's loop. QN_OK: blocks up to pruned_to
 *  are gone. QN_E_UNSUPPORTED: the node does not prune. */
typedef void qn_pruned_fn(void *arg, int32_t status, uint32_t pruned_to);

/** node.control/1, revision 1. Frozen. */
typedef struct qn_node_control_1_r1 {
    qn_head h;

    /** Ask the node to shut down. Returns at once; this plugin's own stop()
     *  follows.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*stop)(qn_cap *cap);

    /** Remove old blocks up to a height, as far as the node's rules and other
     *  plugins' pins allow. Returns at once; the end comes by on_end. One at a
     *  time: QN_E_BUSY, which too many uses answer too.
     *  on_end: called once.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_INVAL, QN_E_UNSUPPORTED,
     *    QN_E_REVOKED. */
    qn_status (*prune)(qn_cap *cap, uint32_t height, qn_pruned_fn *on_end, void *arg);

    /** Log an area ("net", "validation", "rpc" ...; "all") from a level up:
     *  QN_LOG_DEBUG or QN_LOG_INFO.
     *  area: as in the RPC logging.
     *  level: QN_LOG_DEBUG, or QN_LOG_INFO for no debug lines.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_NOTFOUND, QN_E_INVAL,
     *    QN_E_REVOKED. */
    qn_status (*log_level)(qn_cap *cap, const char *area, uint32_t level);

    /** Start a plugin that is ready or has ended, by its id. Returns at once;
     *  node.read tells its state.
     *  id: not this plugin's own.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_NOTFOUND, QN_E_BUSY, QN_E_UNSUPPORTED,
     *    QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*plugin_start)(qn_cap *cap, const char *id);

    /** Stop a plugin. Returns at once; node.read tells its state.
     *  id: not this plugin's own.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_NOTFOUND, QN_E_BUSY, QN_E_UNSUPPORTED,
     *    QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*plugin_stop)(qn_cap *cap, const char *id);

    /** Load a plugin's file again, as it lies there now, and let the new one
     *  take over. Returns at once; node.read tells its state.
     *  id: not this plugin's own.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_NOTFOUND, QN_E_BUSY, QN_E_UNSUPPORTED,
     *    QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*plugin_reload)(qn_cap *cap, const char *id);
} qn_node_control_1_r1;

/** The newest revision. */
typedef qn_node_control_1_r1 qn_node_control_1;
#define QN_NODE_CONTROL_1_ID "node.control/1"
#define QN_NODE_CONTROL_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
