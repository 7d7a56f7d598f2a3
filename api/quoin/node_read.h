/* quoin/node_read.h: the node itself: version, uptime, warnings, traffic,
 * mempool totals, plugins, counters.
 *
 * Everything is a snapshot of the moment of the call, and made for few calls:
 * one record of the node, one record per plugin, one record per counter.
 * Nothing here waits for validation. What this version of the node does not
 * have (a mempool, say) is a truthful zero.
 *
 * Made by api/generate.py from api/interfaces/node.read.toml: change that, then run it. */
#ifndef QUOIN_NODE_READ_H
#define QUOIN_NODE_READ_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_node_info. */
#define QN_NODE_LOADED 1u         /* start-up, import and reindex have ended */
#define QN_NODE_STOPPING 2u       /* the node is going down */
#define QN_NODE_P2P 4u            /* the peer layer runs */
#define QN_NODE_NETWORK_ACTIVE 8u /* peers may be talked to */

/** States of a plugin. */
#define QN_PLUGIN_STATE_DISCOVERED 1u  /* found without a grant */
#define QN_PLUGIN_STATE_REJECTED 2u    /* not loaded: see reason */
#define QN_PLUGIN_STATE_NEEDS_GRANT 3u /* asks for more than is granted */
#define QN_PLUGIN_STATE_READY 4u       /* checked, not started */
#define QN_PLUGIN_STATE_STARTING 5u
#define QN_PLUGIN_STATE_RUNNING 6u
#define QN_PLUGIN_STATE_STOPPING 7u
#define QN_PLUGIN_STATE_STOPPED 8u
#define QN_PLUGIN_STATE_CRASHED 9u      /* it gave up or died */
#define QN_PLUGIN_STATE_WEDGED 10u      /* it does not stop; its thread was left behind */
#define QN_PLUGIN_STATE_LAGGING 11u     /* runs, but does not keep up */
#define QN_PLUGIN_STATE_BACKOFF 12u     /* waits to be started again */
#define QN_PLUGIN_STATE_QUARANTINED 13u /* will not be started again by itself */

/** Types of qn_node_metric. */
#define QN_METRIC_COUNTER 1u /* only grows, from 0 at the start of the node */
#define QN_METRIC_GAUGE 2u   /* goes up and down */

/** The node at one moment. */
typedef struct qn_node_info {
    uint32_t size;             /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t flags;            /* QN_NODE_* */
    uint32_t version;          /* 10,000 is 0.1.0, as in getnetworkinfo */
    uint32_t protocol_version; /* of the peer protocol */
    char user_agent[256];      /* as told to peers */
    char network[16];          /* main, test, testnet4, signet or regtest */
    int64_t started;           /* seconds since 1970 */
    uint64_t uptime_s;         /* seconds */
    uint32_t n_warnings;       /* what warnings() gives */
    uint32_t n_plugins;        /* what plugins() gives */
    uint32_t connections_in;   /* peers that connected to us */
    uint32_t connections_out;  /* peers that we connected to */
    uint64_t bytes_received;   /* from peers since the start */
    uint64_t bytes_sent;       /* to peers since the start */
    uint64_t mempool_tx;       /* transactions in the mempool */
    uint64_t mempool_vsize;    /* their virtual size in bytes */
    uint64_t mempool_usage;    /* memory they take in bytes */
    int64_t mempool_fees;      /* satoshis they pay in all */
    uint64_t mempool_max;      /* memory they may take; 0: there is no mempool */
} qn_node_info;

/** One plugin. Texts end with a NUL and are cut to fit. Never changes. */
typedef struct qn_node_plugin {
    char id[64];          /* or the grant's name while the id is not known */
    char version[32];     /* empty: not known */
    char reason[256];     /* of the state, one sentence; empty: none */
    uint32_t state;       /* QN_PLUGIN_STATE_*; treat an unknown one as not running */
    uint32_t trusted;     /* 1: it runs inside the node */
    uint64_t state_s;     /* seconds in this state */
    uint64_t restarts;    /* times it was started again by the node */
    uint64_t calls;       /* calls of its tables, in all */
    uint64_t log_lines;   /* lines it has logged */
    uint64_t log_dropped; /* lines beyond its rate */
    uint64_t cpu_us;      /* microseconds of processor time; 0: not known */
    uint64_t memory;      /* bytes resident; 0: not known (a trusted one is part of the node) */
} qn_node_plugin;

/** A number of the node: value times 10 to the power of scale, in base units
 *  (seconds, bytes). Never changes. */
typedef struct qn_node_metric {
    char name[48]; /* as Prometheus names it, without a prefix: "rpc_requests_total" */
    char help[80]; /* what it is */
    int64_t value;
    int32_t scale; /* 0 or negative */
    uint32_t type; /* QN_METRIC_* */
} qn_node_metric;

/** node.read/1, revision 1. Frozen. */
typedef struct qn_node_read_1_r1 {
    qn_head h;

    /** The node at this moment.
     *  info: size must be set.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*info)(qn_cap *cap, qn_node_info *info);

    /** What the operator is warned of, one line each. QN_E_SPACE: *n_text says
     *  how much is needed.
     *  text: UTF-8 lines, each ended by a newline.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*warnings)(qn_cap *cap, void *text, uint32_t max_text, uint32_t *n_text);

    /** Every plugin that the node knows, this one included. QN_E_SPACE:
     *  *n_plugins says how many there are; what fits is filled in.
     *  plugins: 256 are always enough.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*plugins)(qn_cap *cap, qn_node_plugin *plugins, uint32_t max_plugins,
                         uint32_t *n_plugins);

    /** The node's own counters: what is there differs between versions, the
     *  name of one does not change. QN_E_SPACE as plugins().
     *  metrics: 128 are always enough.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*metrics)(qn_cap *cap, qn_node_metric *metrics, uint32_t max_metrics,
                         uint32_t *n_metrics);
} qn_node_read_1_r1;

/** The newest revision. */
typedef qn_node_read_1_r1 qn_node_read_1;
#define QN_NODE_READ_1_ID "node.read/1"
#define QN_NODE_READ_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
