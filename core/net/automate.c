/* Connections that nobody asked for: outbound.c decides, here it is shown what there is and its
 * wishes are done. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/net/addrfile.h"
#include "core/net/internal.h"
#include "core/net/outbound.h"
#include "core/net/proxies.h"
#include "core/net/resolve.h"
#include "core/net/sockaddr.h"
#include "core/os/file.h"

#define EVERY ((qc_mono)500000000) /* Core's pace */

/* ---- wishes ---- */

static uint64_t op_random(void *arg)
{
    uint64_t r;
    (void)arg;
    qc_os_random(&r, sizeof r);
    return r;
}

static void op_dial(void *arg, const qc_peer_addr *a, qc_conn_type type, bool v2, bool count)
{
    const qc_target t = {.at = *a, .type = type, .v2 = v2, .count = count};
    qc_err err = qc_net_dial(arg, &t);
    if (err)
        qc_log(QC_LOG_DEBUG, "net", "cannot connect: %s", qc_err_text(err));
}

static void op_fetch(void *arg, const char *node)
{
    const qc_target t = {.name = node, .type = QC_CONN_ADDR_FETCH, .v2 = true};
    qc_err err = qc_net_dial(arg, &t);
    if (err)
        qc_log(QC_LOG_DEBUG, "net", "cannot ask %s for addresses: %s", node, qc_err_text(err));
}

static void looked_up(void *arg, const struct sockaddr_storage *addr, size_t count)
{
    qc_net *n = arg;
    qc_netaddr list[QC_LOOKUP_MAX];
    size_t k = 0;
    n->seed = NULL;
    for (size_t i = 0; i < count; i++) {
        qc_peer_addr a;
        if (qc_sockaddr_read(&addr[i], n->cjdns, &a))
            list[k++] = a.addr;
    }
    qc_outbound_found(n->outbound, list, k, qc_clock_now());
}

static void op_look_up(void *arg, const char *host)
{
    qc_net *n = arg;
    if (qc_net_resolver(n))
        n->seed = qc_lookup_start(n->resolver, n->loop, host, n->default_port, looked_up, n);
    else
        looked_up(n, NULL, 0);
}

static uint64_t op_desirable(void *arg, uint64_t services)
{
    return qc_net_desirable(arg, services);
}

static bool op_is_added(void *arg, const qc_peer_addr *a)
{
    return qc_net_is_added(arg, a);
}

static bool op_is_own(void *arg, const qc_netaddr *a)
{
    return qc_local_has(((const qc_net *)arg)->book->local, a);
}

static unsigned op_networks(void *arg)
{
    const unsigned known = (1u << QC_NETWORK_INTERNAL) - (1u << QC_NETWORK_IPV4);
    return qc_local_reachable(((const qc_net *)arg)->book->local) & known;
}

static bool op_has_name_proxy(void *arg)
{
    const qc_net *n = arg;
    qc_proxy proxy;
    return n->proxies && qc_proxies_get_names(n->proxies, &proxy);
}

/* ---- what there is ---- */

static size_t collect(const qc_net *n, qc_outbound_conn **list)
{
    size_t k = 0;
    *list = qc_alloc((n->n_peers + 1) * sizeof **list);
    for (const qc_peer *p = n->peers; p; p = p->next)
        (*list)[k++] = (qc_outbound_conn){.type = p->info.type,
                                          .made = !p->connecting,
                                          .handshaken = p->info.handshaken,
                                          .where = p->info.where};
    return k;
}

void qc_automate_tick(qc_net *n, qc_mono now)
{
    qc_outbound_conn *list;
    if (!n->outbound || now < n->outbound_next)
        return;
    if (!n->outbound_next)
        qc_log(QC_LOG_INFO, "net", "addcon thread start"); /* in Core's words; there is none */
    n->outbound_next = now + EVERY;
    size_t count = collect(n, &list);
    const qc_outbound_view v = {.now = qc_clock_now_us(),
                                .mono = now,
                                .active = atomic_load(&n->active),
                                .conn = list,
                                .n = count};
    qc_outbound_try_another(n->outbound, atomic_load(&n->try_another));
    if (atomic_load(&n->extra_block_only))
        qc_outbound_extra_block_only(n->outbound);
    qc_outbound_tick(n->outbound, &v);
    qc_free(list);
}

/* ---- the beginning and the end ---- */

void qc_net_automate(qc_net *n, const qc_outbound_options *opt)
{
    const qc_outbound_ops ops = {.arg = n,
                                 .random = op_random,
                                 .dial = op_dial,
                                 .fetch = op_fetch,
                                 .look_up = op_look_up,
                                 .desirable = op_desirable,
                                 .is_added = op_is_added,
                                 .is_own = op_is_own,
                                 .networks = op_networks,
                                 .has_name_proxy = op_has_name_proxy};
    qc_outbound_options o = *opt;
    qc_peer_addr anchors[QC_ANCHORS_MAX];
    n->automatic = o.automatic;
    if (o.automatic && o.anchors_path) {
        n->anchors_path = qc_strdup(o.anchors_path);
        o.n_anchors = qc_anchors_take(o.anchors_path, n->magic, anchors);
        o.anchors = anchors;
        qc_log(QC_LOG_INFO, "net", "%zu block-relay-only anchors will be tried for connections.",
               o.n_anchors);
    }
    n->outbound = qc_outbound_new(&o, &ops);
}

static void save_anchors(const qc_net *n)
{
    qc_peer_addr list[QC_ANCHORS_MAX];
    size_t k = 0;
    for (const qc_peer *p = n->peers; p && k < QC_ANCHORS_MAX; p = p->next)
        if (p->info.type == QC_CONN_BLOCK_ONLY && !p->connecting)
            list[k++] = p->info.where;
    qc_log(QC_LOG_INFO, "net",
           "DumpAnchors: Flush %zu outbound block-relay-only peer addresses to anchors.dat", k);
    qc_err err = qc_anchors_save(n->anchors_path, n->magic, list, k);
    if (err)
        qc_log(QC_LOG_ERROR, "net", "Cannot write %s: %s", n->anchors_path, qc_err_text(err));
}

void qc_automate_stop(qc_net *n)
{
    if (n->seed)
        qc_lookup_cancel(n->seed);
    n->seed = NULL;
    if (n->anchors_path && n->thread)
        save_anchors(n);
    qc_free(n->anchors_path);
    n->anchors_path = NULL;
    qc_outbound_free(n->outbound);
    n->outbound = NULL;
}

/* ---- for others ---- */

void qc_net_try_another(qc_net *n, bool on)
{
    atomic_store(&n->try_another, on);
    qc_log(QC_LOG_DEBUG, "net", "setting try another outbound peer=%s", on ? "true" : "false");
}

bool qc_net_tries_another(const qc_net *n)
{
    return atomic_load(&n->try_another);
}

void qc_net_extra_block_only(qc_net *n)
{
    qc_log(QC_LOG_DEBUG, "net", "enabling extra block-relay-only peers");
    atomic_store(&n->extra_block_only, true);
}

bool qc_net_is_automatic(const qc_net *n)
{
    return n->automatic;
}
