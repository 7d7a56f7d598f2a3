/* The address manager, asked: which address to connect to, which to tell others. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/net/addrman_internal.h"

#define CHANCE_ONE (1u << 30)
#define FACTOR_ONE (1u << 20)
#define FACTOR_MAX ((uint64_t)1 << 32) /* by then the least chance is certain */

static bool in_set(unsigned networks, const info *i)
{
    return networks == 0 || networks >> qc_netaddr_network(&i->a.addr) & 1;
}

/* In 2^-30: a third less for each failure, at most eight; a hundredth right after a try. */
static uint64_t chance(const info *i, qc_unixtime now)
{
    uint64_t c = CHANCE_ONE;
    for (int32_t k = QC_MIN(i->attempts, 8); k > 0; k--)
        c = c * 66 / 100;
    return now - i->last_try < 10 * MINUTE ? c / 100 : c;
}

static uint32_t at_place(const qc_addrman *m, bool tried, uint32_t bucket, uint32_t position)
{
    return tried ? m->in_tried[bucket][position] : m->in_new[bucket][position];
}

/* The first entry of the set in a random bucket from a random place on. 0: none there. */
static uint32_t draw(qc_addrman *m, bool tried, unsigned networks)
{
    uint32_t buckets = tried ? QC_ADDRMAN_TRIED_BUCKETS : QC_ADDRMAN_NEW_BUCKETS;
    uint32_t bucket = qc_addrman_range(m, buckets), from = qc_addrman_range(m, QC_ADDRMAN_BUCKET);
    for (uint32_t k = 0; k < QC_ADDRMAN_BUCKET; k++) {
        uint32_t s = at_place(m, tried, bucket, (from + k) % QC_ADDRMAN_BUCKET);
        if (s && in_set(networks, &m->info[s]))
            return s;
    }
    return 0;
}

bool qc_addrman_select(qc_addrman *m, bool new_only, unsigned networks, qc_unixtime now,
                       qc_peer_addr *out, qc_unixtime *last_try)
{
    size_t in_new = 0, in_tried = 0;
    qc_addrman_sometimes_check(m);
    for (unsigned n = 0; n < QC_NETWORK_COUNT; n++) {
        if (networks == 0 || networks >> n & 1) {
            in_new += m->count[n].in_new;
            in_tried += m->count[n].in_tried;
        }
    }
    if (new_only)
        in_tried = 0;
    if (in_new + in_tried == 0)
        return false;
    bool tried = in_tried > 0 && (in_new == 0 || qc_addrman_range(m, 2) == 1);
    uint64_t factor = FACTOR_ONE;
    for (;;) {
        uint32_t s = draw(m, tried, networks);
        if (!s)
            continue;
        const info *i = &m->info[s];
        if (qc_addrman_range(m, CHANCE_ONE) < chance(i, now) * factor / FACTOR_ONE) {
            *out = i->a;
            *last_try = i->last_try;
            return true;
        }
        factor = QC_MIN(factor * 6 / 5, FACTOR_MAX);
    }
}

qc_err qc_addrman_get(qc_addrman *m, const qc_addrman_ask *ask, qc_unixtime now,
                      qc_peer_addr **list, size_t *n)
{
    size_t most = m->n, got = 0;
    qc_addrman_sometimes_check(m);
    if (ask->percent)
        most = QC_MIN(ask->percent, 100) * most / 100;
    if (ask->max)
        most = QC_MIN(most, ask->max);
    qc_peer_addr *out = qc_try_calloc(most + 1, sizeof *out);
    if (!out)
        return QC_ENOMEM;
    for (uint32_t k = 0; k < m->n && got < most; k++) {
        qc_addrman_swap(m, k, k + qc_addrman_range(m, m->n - k));
        const info *i = &m->info[m->order[k]];
        if (ask->net != QC_NETWORK_ALL && qc_netaddr_class(&i->a.addr) != ask->net)
            continue;
        if (ask->all_qualities || !qc_addrman_is_terrible(i, now))
            out[got++] = i->a;
    }
    qc_addrman_sometimes_check(m);
    *list = out;
    *n = got;
    return QC_OK;
}

size_t qc_addrman_size(qc_addrman *m, qc_network net, qc_addrman_table table)
{
    size_t in_new = (size_t)m->n_new, in_tried = (size_t)m->n_tried;
    qc_addrman_sometimes_check(m);
    if (net != QC_NETWORK_ALL) {
        in_new = m->count[net].in_new;
        in_tried = m->count[net].in_tried;
    }
    return (table == QC_TABLE_TRIED ? 0 : in_new) + (table == QC_TABLE_NEW ? 0 : in_tried);
}

bool qc_addrman_find(qc_addrman *m, const qc_peer_addr *a, qc_addrman_place *out)
{
    uint32_t s = qc_addrman_lookup(m, a);
    if (!s)
        return false;
    const info *i = &m->info[s];
    int bucket = i->tried ? qc_addrman_tried_bucket(m, i) : qc_addrman_new_bucket(m, i, &i->source);
    *out = (qc_addrman_place){i->tried, i->tried ? 1 : i->refs, bucket,
                              qc_addrman_position(m, i, !i->tried, bucket)};
    return true;
}

void qc_addrman_each(qc_addrman *m, bool tried, qc_addrman_fn *fn, void *arg)
{
    int buckets = tried ? QC_ADDRMAN_TRIED_BUCKETS : QC_ADDRMAN_NEW_BUCKETS;
    qc_addrman_sometimes_check(m);
    for (int b = 0; b < buckets; b++)
        for (int p = 0; p < QC_ADDRMAN_BUCKET; p++) {
            uint32_t s = at_place(m, tried, (uint32_t)b, (uint32_t)p);
            if (s)
                fn(arg, &m->info[s].a, &m->info[s].source, b, p);
        }
}
