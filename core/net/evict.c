#include "core/net/evict.h"

#include "core/base/arith.h"

#include <stdlib.h>

/* The peers in question: the best of an order stand last and are taken off. Those with equal rank
 * keep apart by id, so that the choice does not depend on the order they came in. */
typedef struct field {
    qc_evict_peer *p;
    size_t n;
} field;

typedef int order(const void *a, const void *b);
typedef bool filter(const qc_evict_peer *p, qc_network net);

#define ASCENDING(a, b) (((a) > (b)) - ((a) < (b)))

static int by_uptime(const void *a, const void *b) /* the oldest connection last */
{
    const qc_evict_peer *x = a, *y = b;
    int c = ASCENDING(y->connected, x->connected);
    return c ? c : ASCENDING(y->id, x->id);
}

static int by_group(const void *a, const void *b)
{
    const qc_evict_peer *x = a, *y = b;
    int c = ASCENDING(x->keyed_group, y->keyed_group);
    return c ? c : by_uptime(a, b);
}

static int by_ping(const void *a, const void *b)
{
    const qc_evict_peer *x = a, *y = b;
    int c = ASCENDING(y->min_ping_us, x->min_ping_us);
    return c ? c : by_uptime(a, b);
}

static int by_tx(const void *a, const void *b)
{
    const qc_evict_peer *x = a, *y = b;
    int c = ASCENDING(x->last_tx, y->last_tx);
    if (!c)
        c = ASCENDING(x->relays_txs, y->relays_txs);
    if (!c)
        c = ASCENDING(y->has_filter, x->has_filter);
    return c ? c : by_uptime(a, b);
}

static int by_block(const void *a, const void *b)
{
    const qc_evict_peer *x = a, *y = b;
    int c = ASCENDING(x->last_block, y->last_block);
    if (!c)
        c = ASCENDING(x->relevant_services, y->relevant_services);
    return c ? c : by_uptime(a, b);
}

static int by_block_only(const void *a, const void *b)
{
    const qc_evict_peer *x = a, *y = b;
    int c = ASCENDING(y->relays_txs, x->relays_txs);
    return c ? c : by_block(a, b);
}

static bool anybody(const qc_evict_peer *p, qc_network net)
{
    (void)p;
    (void)net;
    return true;
}

static bool is_block_only(const qc_evict_peer *p, qc_network net)
{
    (void)net;
    return !p->relays_txs && p->relevant_services;
}

/* QC_NETWORK_COUNT stands for this host. */
static bool is_of(const qc_evict_peer *p, qc_network net)
{
    return net == QC_NETWORK_COUNT ? p->is_local : p->net == net;
}

/* Take off those of the last k that pass the filter. Returns how many. */
static size_t take_last(field *f, size_t k, filter *wanted, qc_network net)
{
    size_t from = f->n - QC_MIN(k, f->n), kept = from;
    for (size_t i = from; i < f->n; i++)
        if (!wanted(&f->p[i], net))
            f->p[kept++] = f->p[i];
    size_t taken = f->n - kept;
    f->n = kept;
    return taken;
}

static void protect(field *f, order *by, size_t k, filter *wanted)
{
    qsort(f->p, f->n, sizeof *f->p, by);
    take_last(f, k, wanted, QC_NETWORK_UNROUTABLE);
}

/* The longest connected of a network: that network last, each part by uptime. */
static size_t protect_network(field *f, qc_network net, size_t k)
{
    qsort(f->p, f->n, sizeof *f->p, by_uptime);
    size_t taken = 0;
    for (size_t i = f->n; i-- > 0 && taken < k;) {
        if (!is_of(&f->p[i], net))
            continue;
        for (size_t j = i; j + 1 < f->n; j++)
            f->p[j] = f->p[j + 1];
        f->n--;
        taken++;
    }
    return taken;
}

typedef struct quota {
    qc_network net;
    size_t n;
} quota;

/* Half of those left stay for their uptime. Up to half of those places go to peers of networks that
 * are slow by nature, shared evenly, the network with fewest peers first. */
static void protect_by_ratio(field *f)
{
    quota q[] = {
        {QC_NETWORK_CJDNS, 0}, {QC_NETWORK_I2P, 0}, {QC_NETWORK_COUNT, 0}, {QC_NETWORK_ONION, 0}};
    size_t total = f->n / 2, for_networks = total / 2, done = 0;
    for (size_t k = 0; k < QC_COUNTOF(q); k++)
        for (size_t i = 0; i < f->n; i++)
            q[k].n += is_of(&f->p[i], q[k].net);
    for (size_t k = 1; k < QC_COUNTOF(q); k++) /* few: an insertion sort, which keeps equals */
        for (size_t j = k; j > 0 && q[j - 1].n > q[j].n; j--) {
            quota t = q[j];
            q[j] = q[j - 1];
            q[j - 1] = t;
        }
    for (bool any = true; any && done < for_networks;) {
        size_t networks = 0;
        any = false;
        for (size_t k = 0; k < QC_COUNTOF(q); k++)
            networks += q[k].n > 0;
        if (networks == 0)
            break;
        size_t each = QC_MAX((for_networks - done) / networks, 1);
        for (size_t k = 0; k < QC_COUNTOF(q) && done < for_networks; k++) {
            size_t taken = q[k].n ? protect_network(f, q[k].net, each) : 0;
            any |= taken > 0;
            done += taken;
            q[k].n -= QC_MIN(taken, q[k].n);
        }
    }
    protect(f, by_uptime, total - done, anybody);
}

/* The youngest peer of the group with most peers; of equal groups the one with the youngest. */
static int64_t of_largest_group(const field *f)
{
    size_t most = 0, best = 0;
    for (size_t i = 0; i < f->n; i++) {
        size_t members = 0;
        bool first = true;
        for (size_t j = 0; j < f->n; j++) {
            bool same = f->p[j].keyed_group == f->p[i].keyed_group;
            members += same;
            first &= !(same && j < i);
        }
        if (first && members > most) {
            most = members;
            best = i;
        }
    }
    return f->p[best].id;
}

bool qc_evict_choose(qc_evict_peer *list, size_t n, int64_t *id)
{
    field f = {list, 0};
    bool prefer = false;
    for (size_t i = 0; i < n; i++)
        if (list[i].inbound && !list[i].noban)
            list[f.n++] = list[i];
    protect(&f, by_group, 4, anybody);
    protect(&f, by_ping, 8, anybody);
    protect(&f, by_tx, 4, anybody);
    protect(&f, by_block_only, 8, is_block_only);
    protect(&f, by_block, 4, anybody);
    protect_by_ratio(&f);
    if (f.n == 0)
        return false;
    for (size_t i = 0; i < f.n; i++)
        prefer |= f.p[i].prefer_evict;
    size_t kept = 0;
    for (size_t i = 0; i < f.n; i++)
        if (!prefer || f.p[i].prefer_evict)
            f.p[kept++] = f.p[i];
    f.n = kept;
    qsort(f.p, f.n, sizeof *f.p, by_uptime); /* youngest first */
    *id = of_largest_group(&f);
    return true;
}
