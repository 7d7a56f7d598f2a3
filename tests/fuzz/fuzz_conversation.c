/* A peer that says anything, to a node that knows the first block of the main chain: whatever
 * comes, in whatever order, the node goes on, and nothing of it is held when the peer is gone. Each
 * message is a byte for its name, two for its length, and the payload; an odd name byte has the
 * block that the node knows put before it. */
#include "core/sync/sync.h"
#include "core/sync/txpool.h"
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/net/internal.h"
#include "core/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const NAMES[] = {
    "headers",     "inv",          "getdata",      "getheaders", "getblocks", "block",
    "ping",        "sendheaders",  "sendcmpct",    "cmpctblock", "blocktxn",  "getblocktxn",
    "getcfilters", "getcfheaders", "getcfcheckpt", "addr",       "addrv2",    "getaddr",
    "filterload",  "filteradd",    "filterclear",  "mempool",    "tx",        "feefilter",
    "notfound",    "merkleblock",  "cfilter",      "pong",
};

typedef struct world {
    char dir[64];
    qc_params *params;
    qc_chain *chain;
    qc_chain_thread *thread;
    qc_net *net;
    qc_sync *sync;
    qc_mempool *pool;
    qc_txpool txpool;
    qc_txrelay *relay;
    _Atomic bool loaded;
    qc_peer_id last;
    uint64_t seed;
} world;

static world W;

static void end(void)
{
    qc_net_stop(W.net);
    qc_sync_stop(W.sync);
    qc_chain_thread_end(W.thread);
    qc_sync_free(W.sync);
    qc_net_free(W.net);
    qc_chain_thread_stop(W.thread);
    qc_chain_close(W.chain);
    qc_txrelay_free(W.relay);
    qc_mempool_free(W.pool);
    qc_params_free(W.params);
    QC_ASSERT(!qc_os_remove_tree(W.dir));
}

static uint64_t chance(void *arg)
{
    uint64_t *s = arg;
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s ^ *s >> 29;
}

static int64_t clock_now(void *arg)
{
    (void)arg;
    return qc_clock_now_us();
}

static qc_relay_hooks make_relay(void)
{
    qc_mempool_options o = qc_mempool_defaults(W.chain);
    o.seed = 1;
    QC_ASSERT(!qc_mempool_new(&W.pool, &o));
    W.txpool.m = W.pool;
    const qc_txrelay_options r = {.pool = qc_txpool_for_relay(&W.txpool),
                                  .key = {1, 2},
                                  .random = chance,
                                  .random_arg = &W.seed,
                                  .now = clock_now,
                                  .send_rate = QC_INV_RATE};
    W.relay = qc_txrelay_new(&r);
    return qc_txrelay_hooks(W.relay);
}

static void begin(void)
{
    char detail[512];
    snprintf(W.dir, sizeof W.dir, "/tmp/quoin-fuzz-%ld", (long)getpid());
    QC_ASSERT(!qc_os_mkdirs(W.dir) && !qc_params_new(QC_CHAIN_MAIN, NULL, &W.params));
    const qc_chain_options o = {.params = W.params,
                                .dir = W.dir,
                                .dbcache = (size_t)8 << 20,
                                .par = 1,
                                .prefetch_threads = 1,
                                .has_min_work = true,
                                .max_tip_age = INT32_MAX, /* as if it were up to date */
                                .has_assume_valid = true};
    const qc_chain_events ev = {.arg = NULL};
    QC_ASSERT(!qc_chain_open(&W.chain, &o, &ev, detail, sizeof detail));
    QC_ASSERT(!qc_chain_activate(W.chain));
    qc_net_options n = {.user_agent = "/fuzz/", .peer_timeout = 60};
    n.services = QC_NODE_NETWORK | QC_NODE_WITNESS | QC_NODE_BLOOM;
    QC_ASSERT(!qc_net_new(&W.net, &n));
    atomic_store(&W.loaded, true);
    const qc_sync_options s = {.chain = W.chain,
                               .net = W.net,
                               .services = n.services,
                               .loaded = &W.loaded,
                               .extra_txs = 100,
                               .relay = make_relay(),
                               .pool = qc_txpool_source(&W.txpool)};
    qc_sync_new(&W.sync, &s);
    QC_ASSERT(!qc_chain_thread_start(&W.thread, W.chain));
    qc_sync_start(W.sync, W.thread);
    atexit(end);
}

static void pass(qc_chain *c, void *arg)
{
    (void)c;
    (void)arg;
}

/* Until all has been dealt with; what would be sent is thrown away. */
static void settle(void)
{
    for (unsigned k = 0; k < 4; k++) {
        qc_chain_call(W.thread, pass, NULL);
        (void)qc_loop_poll(W.net->loop);
    }
}

static void say(const qc_net_owner *o, const char *name, bool known, qc_span rest)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_span first = qc_params_genesis(W.params);
    if (known)
        QC_ASSERT(!qc_bytes_append(&b, first.data, first.len));
    QC_ASSERT(!qc_bytes_append(&b, rest.data, rest.len));
    o->message(o->arg, W.last, name, qc_bytes_span(&b));
    qc_bytes_free(&b);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fuzz_in in = {data, len};
    if (!W.net)
        begin();
    const qc_net_owner *o = &W.net->owner;
    uint8_t how = qc_fuzz_u8(&in);
    qc_peer_info info = {.id = ++W.last, .inbound = how & 1, .version = 70016, .relay = how & 2};
    info.type = info.inbound ? QC_CONN_INBOUND : how & 4 ? QC_CONN_MANUAL : QC_CONN_FULL;
    info.services = how & 8 ? QC_NODE_NETWORK | QC_NODE_WITNESS : 0;
    info.permissions = how & 16 ? QC_PERMIT_NOBAN : 0;
    info.handshaken = info.wants_addrv2 = true;
    info.wtxid_relay = (how & 64) == 0;
    snprintf(info.addr, sizeof info.addr, "1.2.3.4:8333");
    o->opened(o->arg, &info);
    for (unsigned k = 0; k < 16 && in.left; k++) {
        uint8_t name = qc_fuzz_u8(&in);
        size_t n = qc_fuzz_u8(&in);
        n |= (size_t)qc_fuzz_u8(&in) << 8;
        n = QC_MIN(n, in.left);
        say(o, NAMES[name / 2 % QC_COUNTOF(NAMES)], name & 1, qc_span_of(in.p, n));
        in.p += n;
        in.left -= n;
        if (how & 32)
            settle();
    }
    o->tick(o->arg);
    settle();
    o->closed(o->arg, info.id);
    for (unsigned k = 0; k < 1000 && qc_sync_held(W.sync); k++)
        settle();
    QC_ASSERT(qc_sync_held(W.sync) == 0);
    QC_ASSERT(qc_orphanage_used(qc_txrelay_orphans(W.relay)).announcements == 0);
    return 0;
}
