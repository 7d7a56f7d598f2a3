/* core/methods/context.h: what the built-in RPC methods may reach. app/ fills it once, before the
 * registry serves; every method's `arg` is this. */
#pragma once
#include "core/chain/chain.h"
#include "core/chain/thread.h"
#include "core/index/coinstats.h"
#include "core/index/filterindex.h"
#include "core/index/spenders.h"
#include "core/index/txindex.h"
#include "core/mempool/pool.h"
#include "core/methods/pool_view.h"
#include "core/methods/rate.h"
#include "core/methods/scan.h"
#include "core/mining/offer.h"
#include "core/net/net.h"
#include "core/net/proxies.h"
#include "core/rpc/rpc.h"
#include "core/sync/sync.h"

#include <stdatomic.h>

typedef struct qc_node {
    qc_chain *chain;
    qc_chain_thread *chain_thread;
    const qc_params *params;
    qc_rpc_registry *registry;
    /** Woken after every tip change and at shutdown: for wait* methods. */
    qc_rpc_waitlist *tip_waiters;
    qc_unixtime started;
    size_t dbcache; /* bytes, as given */
    size_t coinsdb_cache, coinstip_cache;
    /** True once start-up import and reindex have ended (getmempoolinfo "loaded"). */
    _Atomic bool loaded;
    /** Set when the node is going down; long scans look at it. */
    _Atomic bool stopping;
    void *submitting; /* chain thread: see submit.c */
    qc_scan_state scan;
    /** Ask the node to shut down. Thread: any. */
    void (*request_shutdown)(void *arg);
    void *shutdown_arg;
    /** Current warnings for the operator: calls fn for each. May be NULL. Thread: any. */
    void (*each_warning)(void *arg, void (*fn)(void *fn_arg, const char *text), void *fn_arg);
    void *warning_arg;
    /** What waits for its time comes so much sooner (mockscheduler). May be NULL. Thread: chain. */
    void (*hurry)(void *arg, int64_t us);
    void *hurry_arg;
    const char *datadir; /* the chain's folder */
    const char *log_path;
    qc_rate rate;                  /* of the sync */
    qc_txindex *txindex;           /* NULL: -txindex is off */
    qc_spenders *spenders;         /* NULL: -txospenderindex is off */
    qc_coinstatsindex *coinstats;  /* NULL: -coinstatsindex is off */
    qc_filterindex *filters;       /* NULL: -blockfilterindex is off */
    qc_mempool *pool;              /* NULL: there is no mempool */
    const qc_pool_view *pool_view; /* NULL with it */
    struct qc_fees *fees;          /* chain thread; NULL: no estimates are made */
    bool persist_v1;               /* -persistmempoolv1 */
    qc_miner *miner;               /* makes the blocks */
    qc_offer offer;                /* of getblocktemplate */
    /** Tell peers of a transaction of the pool, soon. NULL: nobody is told. Thread: chain. */
    void (*announce)(void *arg, const qc_hash *wtxid);
    void *announce_arg;
    qc_net *net;              /* NULL: no peer layer runs */
    qc_sync *sync;            /* NULL with it */
    struct qc_txrelay *relay; /* NULL: no transactions are relayed */
    struct qc_private *priv;  /* -privatebroadcast; chain thread; NULL: off */
    qc_proxies *proxies;      /* NULL with it */
    struct qc_peerbook *book; /* known addresses and bans; NULL: none */
    const char *user_agent;   /* "/Quoin:0.1.0(comment)/" */
    bool has_block_version;   /* -blockversion */
    int32_t block_version;
    bool rpc_doc_check;
    bool deprecated_warnings; /* -deprecatedrpc=warnings */
    bool deprecated_bip125, deprecated_fullrbf;
} qc_node;

/** Register every built-in method with `n` as their argument. */
void qc_methods_register(qc_node *n);

/* One table per group; each ends with a NULL name. */
extern const qc_rpc_method QC_METHODS_BLOCKCHAIN[], QC_METHODS_BLOCK[], QC_METHODS_UTXO[],
    QC_METHODS_CHAINCTL[], QC_METHODS_WAIT[], QC_METHODS_MINING[], QC_METHODS_RAWTX[],
    QC_METHODS_OUTPUT[], QC_METHODS_NET[], QC_METHODS_PEERINFO[], QC_METHODS_SYNCINFO[],
    QC_METHODS_ADDRESSES[], QC_METHODS_NODES[], QC_METHODS_MEMPOOL[], QC_METHODS_CONTROL[],
    QC_METHODS_NODE[], QC_METHODS_SCAN[], QC_METHODS_INDEX[], QC_METHODS_CREATETX[],
    QC_METHODS_PSBT[], QC_METHODS_PSBTSIGN[], QC_METHODS_PSBTUPDATE[], QC_METHODS_SIGNTX[],
    QC_METHODS_TXPROOF[], QC_METHODS_MULTISIG[], QC_METHODS_SENDTX[], QC_METHODS_SPENDING[],
    QC_METHODS_POOLCTL[], QC_METHODS_FEES[], QC_METHODS_ORPHANS[], QC_METHODS_GENERATE[],
    QC_METHODS_GBT[], QC_METHODS_PRIVATE[];
