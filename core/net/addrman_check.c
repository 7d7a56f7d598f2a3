/* What must always hold in an address manager. The numbers are those of Core's CheckAddrman, which
 * operators find in its error texts. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/net/addrman_internal.h"

static int check_entry(qc_addrman *m, uint32_t slot, size_t *in_new, size_t *in_tried)
{
    info *i = &m->info[slot];
    i->mark = i->tried ? 1 : i->refs; /* places still to be found */
    ++*(i->tried ? in_tried : in_new);
    if (i->tried && !i->last_success)
        return -1;
    if (i->tried && i->refs)
        return -2;
    if (!i->tried && (i->refs < 0 || i->refs > ADDRMAN_REFS_MAX))
        return -3;
    if (!i->tried && !i->refs)
        return -4;
    if (qc_addrman_lookup(m, &i->a) != slot)
        return -5;
    if (i->last_try < 0)
        return -6;
    return i->last_success < 0 ? -8 : 0;
}

static int check_tried(qc_addrman *m)
{
    for (int b = 0; b < QC_ADDRMAN_TRIED_BUCKETS; b++)
        for (int p = 0; p < QC_ADDRMAN_BUCKET; p++) {
            uint32_t s = m->in_tried[b][p];
            if (!s)
                continue;
            if (!m->info[s].tried || m->info[s].mark-- == 0)
                return -11;
            if (qc_addrman_tried_bucket(m, &m->info[s]) != b)
                return -17;
            if (qc_addrman_position(m, &m->info[s], false, b) != p)
                return -18;
        }
    return 0;
}

static int check_new(qc_addrman *m)
{
    for (int b = 0; b < QC_ADDRMAN_NEW_BUCKETS; b++)
        for (int p = 0; p < QC_ADDRMAN_BUCKET; p++) {
            uint32_t s = m->in_new[b][p];
            if (!s)
                continue;
            if (m->info[s].tried || m->info[s].mark-- == 0)
                return -12;
            if (qc_addrman_position(m, &m->info[s], true, b) != p)
                return -19;
        }
    return 0;
}

static int check_counts(qc_addrman *m)
{
    struct {
        size_t in_new, in_tried;
    } count[QC_NETWORK_COUNT] = {{0, 0}};
    for (uint32_t k = 0; k < m->n; k++) {
        const info *i = &m->info[m->order[k]];
        qc_network net = qc_netaddr_network(&i->a.addr);
        ++*(i->tried ? &count[net].in_tried : &count[net].in_new);
        if (i->mark)
            return i->tried ? -13 : -15;
    }
    for (unsigned n = 0; n < QC_NETWORK_COUNT; n++)
        if (count[n].in_new != m->count[n].in_new || count[n].in_tried != m->count[n].in_tried)
            return -21;
    return 0;
}

int qc_addrman_check(qc_addrman *m)
{
    size_t in_new = 0, in_tried = 0;
    int code = 0;
    if (m->n != (uint32_t)(m->n_tried + m->n_new))
        return -7;
    for (uint32_t k = 0; k < m->n && !code; k++) {
        if (m->order[k] == 0 || m->order[k] > m->used || m->info[m->order[k]].at != k)
            return -14;
        code = check_entry(m, m->order[k], &in_new, &in_tried);
    }
    if (!code && in_tried != (size_t)m->n_tried)
        code = -9;
    if (!code && in_new != (size_t)m->n_new)
        code = -10;
    if (!code)
        code = check_tried(m);
    if (!code)
        code = check_new(m);
    if (!code)
        code = check_counts(m);
    if (!code && qc_hash_is_zero(&m->o.key))
        code = -16;
    return code;
}

void qc_addrman_sometimes_check(qc_addrman *m)
{
    if (m->o.check_ratio == 0 || qc_addrman_range(m, m->o.check_ratio) > 0)
        return;
    qc_mono from = qc_clock_mono();
    qc_log(QC_LOG_DEBUG, "addrman", "CheckAddrman: new %d, tried %d, total %u started", m->n_new,
           m->n_tried, m->n);
    int code = qc_addrman_check(m);
    if (code)
        qc_log(QC_LOG_ERROR, "addrman", "ADDRMAN CONSISTENCY CHECK FAILED!!! err=%d", code);
    QC_ASSERT(code == 0);
    qc_log(QC_LOG_DEBUG, "addrman", "CheckAddrman: completed (%.2fms)",
           (double)(qc_clock_mono() - from) / 1e6);
}
