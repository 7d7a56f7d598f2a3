#include "core/consensus/versionbits.h"

const char *qc_vb_state_name(qc_vb_state s)
{
    switch (s) {
    case QC_VB_DEFINED:
        return "defined";
    case QC_VB_STARTED:
        return "started";
    case QC_VB_LOCKED_IN:
        return "locked_in";
    case QC_VB_ACTIVE:
        return "active";
    case QC_VB_FAILED:
        return "failed";
    }
    return "invalid";
}

static bool signals(const qc_bip9 *d, const qc_ancestors *a, uint32_t height)
{
    uint32_t time, bits;
    int32_t version;
    a->get(a->arg, height, &time, &bits, &version);
    return ((uint32_t)version & QC_VB_TOP_MASK) == QC_VB_TOP_BITS &&
           ((uint32_t)version >> d->bit & 1);
}

static uint32_t count_signals(const qc_bip9 *d, const qc_ancestors *a, uint32_t from, uint32_t end)
{
    uint32_t n = 0;
    for (uint32_t h = from; h < end; h++)
        n += signals(d, a, h);
    return n;
}

/* State of the period that starts at `start`, given that of the one before. */
static qc_vb_state step(const qc_bip9 *d, const qc_ancestors *a, uint32_t start, qc_vb_state s)
{
    switch (s) {
    case QC_VB_DEFINED:
        return qc_median_time_past(a, start - 1) >= d->start_time ? QC_VB_STARTED : s;
    case QC_VB_STARTED:
        if (count_signals(d, a, start - d->period, start) >= d->threshold)
            return QC_VB_LOCKED_IN;
        return qc_median_time_past(a, start - 1) >= d->timeout ? QC_VB_FAILED : s;
    case QC_VB_LOCKED_IN:
        return (int64_t)start >= d->min_activation_height ? QC_VB_ACTIVE : s;
    case QC_VB_ACTIVE:
    case QC_VB_FAILED:
        break;
    }
    return s;
}

qc_vb_state qc_vb_state_at(const qc_bip9 *d, const qc_ancestors *a, uint32_t height,
                           uint32_t *since)
{
    uint32_t from = 0;
    qc_vb_state s = QC_VB_DEFINED; /* the genesis block's, by definition */
    if (d->start_time == QC_BIP9_ALWAYS_ACTIVE) {
        s = QC_VB_ACTIVE;
    } else if (d->start_time == QC_BIP9_NEVER_ACTIVE) {
        s = QC_VB_FAILED;
    } else {
        /* All blocks of a period share a state: go from period to period. */
        for (uint32_t start = d->period; start <= height; start += d->period) {
            qc_vb_state next = step(d, a, start, s);
            if (next != s)
                from = start;
            s = next;
        }
    }
    if (since)
        *since = from;
    return s;
}

static void fill_stats(const qc_bip9 *d, const qc_ancestors *a, uint32_t height, qc_vb_info *out,
                       char *signalling)
{
    uint32_t start = height - height % d->period;
    out->has_stats = true;
    out->period = d->period;
    out->threshold = d->threshold;
    out->elapsed = height - start + 1;
    out->count = count_signals(d, a, start, height + 1);
    out->possible = d->period - d->threshold >= out->elapsed - out->count;
    if (out->current == QC_VB_LOCKED_IN) {
        out->threshold = 0;
        out->possible = false;
    }
    if (!signalling)
        return;
    for (uint32_t i = 0; i < out->elapsed; i++)
        signalling[i] = signals(d, a, start + i) ? '#' : '-';
    signalling[out->elapsed] = 0;
}

void qc_vb_info_at(const qc_bip9 *d, const qc_ancestors *a, uint32_t height, qc_vb_info *out,
                   char *signalling)
{
    *out = (qc_vb_info){0};
    out->current = qc_vb_state_at(d, a, height, &out->since);
    out->next = qc_vb_state_at(d, a, height + 1, NULL);
    if (signalling)
        signalling[0] = 0;
    if (out->current == QC_VB_STARTED || out->current == QC_VB_LOCKED_IN)
        fill_stats(d, a, height, out, signalling);
    if (out->current == QC_VB_ACTIVE) {
        out->has_active_since = true;
        out->active_since = out->since;
    } else if (out->next == QC_VB_ACTIVE) {
        out->has_active_since = true;
        out->active_since = height + 1;
    }
}

int32_t qc_vb_block_version(const qc_params *p, const qc_ancestors *a, uint32_t height)
{
    uint32_t version = QC_VB_TOP_BITS;
    qc_vb_state s = qc_vb_state_at(&p->testdummy, a, height, NULL);
    if (s == QC_VB_STARTED || s == QC_VB_LOCKED_IN)
        version |= 1u << p->testdummy.bit;
    return (int32_t)version;
}
