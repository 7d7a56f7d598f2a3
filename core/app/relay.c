/* The relay of transactions inside quoind: between the mempool and the conversations with peers. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/accept.h"
#include "core/sync/txrelay.h"

#include <stdio.h>

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

/* ---- -privatebroadcast ---- */

static void want(void *arg, int64_t more)
{
    const qc_app *a = arg;
    qc_net_private(a->node.net, more);
}

static void send_to(void *arg, qc_peer_id id, const char *name, qc_bytes *payload)
{
    const qc_app *a = arg;
    qc_net_send(a->node.net, id, name, payload);
}

static void ping(void *arg, qc_peer_id id)
{
    const qc_app *a = arg;
    qc_net_ping_peer(a->node.net, id);
}

static void drop(void *arg, qc_peer_id id, const char *why)
{
    const qc_app *a = arg;
    qc_net_drop(a->node.net, id, why);
}

static bool is_welcome(void *arg, const qc_tx *tx, char *why, size_t cap)
{
    const qc_app *a = arg;
    const qc_accept_opts o = {.test_only = true};
    qc_accept_result res;
    char text[QC_VERDICT_REASON_LEN + QC_VERDICT_DEBUG_LEN];
    qc_err err = qc_mempool_accept(a->node.pool, tx, &o, &res);
    bool ok = !err && res.kind == QC_ACCEPT_VALID;
    if (!ok)
        snprintf(why, cap, "%s",
                 err ? qc_err_text(err) : qc_verdict_text(&res.v, text, sizeof text));
    qc_accept_result_clear(&res);
    return ok;
}

static qc_private *new_private(qc_app *a)
{
    qc_private_options o = {.arg = a,
                            .random = random_bits,
                            .now = now_us,
                            .want = want,
                            .send = send_to,
                            .ping = ping,
                            .drop = drop,
                            .is_welcome = is_welcome};
    if (!qc_settings_bool(a->settings, "privatebroadcast", false))
        return NULL;
    qc_os_random(&o.key, sizeof o.key);
    return qc_private_new(&o);
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
    o->priv = a->node.priv = new_private(a);
}

void qc_app_relay_free(qc_app *a)
{
    qc_txrelay_free(a->node.relay);
    a->node.relay = NULL;
    qc_private_free(a->node.priv);
    a->node.priv = NULL;
}
