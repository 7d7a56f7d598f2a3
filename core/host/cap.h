/* core/host/cap.h: the handle that every table method takes first, and what stands behind one.
 * Internal to core/host. */
#pragma once
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/ownstore/ownstore.h"
#include "quoin/types.h"

#include <stdatomic.h>

typedef struct qc_plugin qc_plugin;
typedef struct qc_adapter qc_adapter;

struct qn_cap {
    union {
        qc_cap_head head; /* for a table that the runner uses too */
        void *state;      /* the adapter's own */
    };
    const qc_adapter *adapter;
    qc_plugin *plugin;
    const char *params; /* of the grant; borrowed */
    _Atomic uint64_t calls;
    _Atomic bool revoked;
    double act_tokens; /* of qc_cap_turn() */
    qc_mono act_at;    /* when they were counted */
};

/** One interface's implementation. A table in adapters[] (plugin.c). */
struct qc_adapter {
    const char *id;
    const void *table;
    /** Make the state. On the plugin's loop, before init(). *why (static text) on failure. */
    qc_err (*open)(qn_cap *cap, const char **why);
    /** End what is under way: subscriptions, methods, requests. On the plugin's loop, after stop();
     *  the cap is revoked already. May be NULL. */
    void (*quiesce)(qn_cap *cap);
    /** Free the state. On the plugin's loop, after fini(). */
    void (*close)(qn_cap *cap);
};

/** All of them; ends with NULL. */
extern const qc_adapter *const QC_ADAPTERS[];
extern const qc_adapter QC_ADAPTER_CHAIN_READ, QC_ADAPTER_CHAIN_FOLLOW, QC_ADAPTER_BLOCK_READ,
    QC_ADAPTER_STORE_OWN, QC_ADAPTER_RPC_SERVE, QC_ADAPTER_NET_LISTEN, QC_ADAPTER_NET_CONNECT,
    QC_ADAPTER_HTTP_SERVE, QC_ADAPTER_NODE_READ, QC_ADAPTER_NODE_CONTROL, QC_ADAPTER_PEERS_READ,
    QC_ADAPTER_PEERS_CONTROL, QC_ADAPTER_MEMPOOL_READ, QC_ADAPTER_MEMPOOL_FOLLOW,
    QC_ADAPTER_MEMPOOL_FOLLOW_UNSTABLE, QC_ADAPTER_TX_SUBMIT, QC_ADAPTER_FEES_ESTIMATE,
    QC_ADAPTER_MINING_TEMPLATE, QC_ADAPTER_MINING_TEMPLATE_UNSTABLE, QC_ADAPTER_MINING_SUBMIT,
    QC_ADAPTER_MINING_CHECK, QC_ADAPTER_COINS_READ, QC_ADAPTER_WATCH, QC_ADAPTER_WATCH_UNSTABLE;

/** The plugin whose loop runs on this thread, or NULL. */
extern _Thread_local qc_plugin *qc_plugin_here;

/** First thing in every method that belongs to the loop: right thread, not revoked; counted. */
static inline qn_status qc_cap_enter(qn_cap *cap)
{
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    if (atomic_load_explicit(&cap->revoked, memory_order_relaxed))
        return QN_E_REVOKED;
    uint64_t n = atomic_load_explicit(&cap->calls, memory_order_relaxed);
    atomic_store_explicit(&cap->calls, n + 1, memory_order_relaxed); /* one writer: this thread */
    return QN_OK;
}

/** The same for qc_cap_head. */
qn_status qc_cap_enter_head(qn_cap *cap, int closing);
/** A node error as the plugin sees it. */
qn_status qc_status_of(qc_err err);
/** A parameter of the grant as text, else its default. False: neither. */
bool qc_cap_text(const qn_cap *cap, const char *key, char *out, size_t size);
/** A FLAG parameter says yes. */
bool qc_cap_flag(const qn_cap *cap, const char *key);
/** Is it this cap's turn for what costs the node more than a copy? Up to 50 times in a second. */
bool qc_cap_turn(qn_cap *cap);
/** First thing in a method that acts on the node: as qc_cap_enter(), then QN_E_DENIED unless it
 *  `may`, and QN_E_BUSY when it acts too often. The log says that it did, or would have:
 *  "<what> <on>". acting.c. */
qn_status qc_cap_act(qn_cap *cap, bool may, const char *what, const char *on);
/** The two halves of it, for a method that must not look at its arguments before: what it answers,
 *  with a line for what is denied; and the line for what it then does. */
qn_status qc_cap_may_act(qn_cap *cap, bool may, const char *what, const char *on);
void qc_cap_acted(const qn_cap *cap, const char *what, const char *on);
/** First thing in a method that asks the chain thread: as qc_cap_enter(), then QN_E_BUSY when too
 *  much was asked: 500 times in a second, or for work that is not paid off (qc_cap_worked()). */
qn_status qc_cap_ask(qn_cap *cap);
/** It cost that thread about so many microseconds: up to 5 in 100 may be had. */
void qc_cap_worked(qn_cap *cap, uint64_t us);
/** Number of a COUNT or BYTES parameter of the grant, else `dflt`. */
uint64_t qc_cap_number(const qn_cap *cap, const char *key, uint64_t dflt);
