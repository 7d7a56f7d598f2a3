/* A plugin's record, as node.read gives it. */
#include "core/host/internal.h"

#include "core/base/clock.h"
#include "core/os/process.h"

#include "quoin/node_read.h"

#include <stdio.h>

static uint32_t state_of(qc_plugin_state s)
{
    switch (s) {
    case QC_PLUGIN_DISCOVERED:
        return QN_PLUGIN_STATE_DISCOVERED;
    case QC_PLUGIN_REJECTED:
        return QN_PLUGIN_STATE_REJECTED;
    case QC_PLUGIN_NEEDS_GRANT:
        return QN_PLUGIN_STATE_NEEDS_GRANT;
    case QC_PLUGIN_READY:
        return QN_PLUGIN_STATE_READY;
    case QC_PLUGIN_STARTING:
        return QN_PLUGIN_STATE_STARTING;
    case QC_PLUGIN_RUNNING:
        return QN_PLUGIN_STATE_RUNNING;
    case QC_PLUGIN_STOPPING:
        return QN_PLUGIN_STATE_STOPPING;
    case QC_PLUGIN_STOPPED:
        return QN_PLUGIN_STATE_STOPPED;
    case QC_PLUGIN_CRASHED:
        return QN_PLUGIN_STATE_CRASHED;
    case QC_PLUGIN_WEDGED:
        return QN_PLUGIN_STATE_WEDGED;
    case QC_PLUGIN_BACKOFF:
        return QN_PLUGIN_STATE_BACKOFF;
    case QC_PLUGIN_QUARANTINED:
        return QN_PLUGIN_STATE_QUARANTINED;
    case QC_PLUGIN_LAGGING:
        return QN_PLUGIN_STATE_LAGGING;
    }
    return 0;
}

void qc_host_text(char *out, size_t cap, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    if (n >= cap)
        n = cap - 1;
    while (n && text && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    if (n)
        memcpy(out, text, n);
}

void qc_plugin_usage_read(qc_plugin_usage *used, size_t n)
{
    for (size_t i = 0; i < n; i++)
        used[i].known =
            used[i].pid && qc_os_process_usage(used[i].pid, &used[i].cpu_ms, &used[i].rss);
}

void qc_plugin_record(qc_plugin *p, const qc_plugin_usage *used, struct qn_node_plugin *out)
{
    *out = (qn_node_plugin){0};
    pthread_mutex_lock(&p->lock);
    qc_host_text(out->id, sizeof out->id, p->label);
    qc_host_text(out->version, sizeof out->version, p->image.manifest.version);
    qc_host_text(out->reason, sizeof out->reason, p->reason);
    out->state = state_of(p->state);
    out->trusted = p->grant.trusted;
    if (p->state_since)
        out->state_s = (uint64_t)(qc_clock_mono() - p->state_since) / 1000000000;
    out->log_lines = p->log_lines;
    out->log_dropped = p->log_dropped;
    pthread_mutex_unlock(&p->lock);
    if (used->known && used->pid == atomic_load(&p->pid)) {
        out->memory = used->rss;
        out->cpu_us = used->cpu_ms * 1000;
    }
    out->restarts = p->restarts;
    out->calls = atomic_load_explicit(&p->host_cap.calls, memory_order_relaxed);
    for (size_t i = 0; i < QC_PLUGIN_CAPS; i++)
        out->calls += atomic_load_explicit(&p->cap[i].calls, memory_order_relaxed);
}
