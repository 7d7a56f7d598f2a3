/* The relay of transactions inside quoind: between the mempool and the conversations with peers. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/sync/txrelay.h"

#define MAX_SEND_RATE 1000 /* transactions a second */

static uint64_t random_bits(void *arg)
{
    uint64_t v;
    (void)arg;
    qc_os_random(&v, sizeof v);
    return v;
}

static int64_t now_us(void *arg)
{
    (void)arg;
    return qc_clock_now_us();
}

static void announce(void *arg, const qc_hash *wtxid)
{
    const qc_app *a = arg;
    qc_txrelay_announce(a->node.relay, wtxid);
}

/* Who brings transactions is among those that are not evicted first. */
static void taken(void *arg, qc_peer_id id)
{
    const qc_app *a = arg;
    qc_net_useful(a->node.net, id, false);
}

void qc_app_relay_new(qc_app *a, qc_sync_options *o)
{
    int64_t rate = qc_settings_int(a->settings, "txsendrate", QC_INV_RATE);
    a->txpool.m = a->node.pool;
    qc_txrelay_options r = {.pool = qc_txpool_for_relay(&a->txpool),
                            .random = random_bits,
                            .now = now_us,
                            .taken = taken,
                            .taken_arg = a,
                            .send_rate = (uint32_t)QC_MIN(QC_MAX(rate, 1), (int64_t)MAX_SEND_RATE)};
    qc_os_random(&r.key, sizeof r.key);
    a->node.relay = qc_txrelay_new(&r);
    a->node.announce = announce;
    a->node.announce_arg = a;
    o->pool = qc_txpool_source(&a->txpool);
    o->relay = qc_txrelay_hooks(a->node.relay);
}

void qc_app_relay_free(qc_app *a)
{
    qc_txrelay_free(a->node.relay);
    a->node.relay = NULL;
}
