/* The log: areas, levels and one replaceable sink, all under one short lock. */
#include "core/base/log.h"

#include "core/base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Core's categories, then ours, in sorted order. */
static const char *const AREA[] = {
    "addrman",
    "base",
    "bench",
    "blockstorage",
    "cmpctblock",
    "coindb",
    "estimatefee",
    "http",
    "i2p",
    "ipc",
    "kernel",
    "leveldb",
    "libevent",
    "mempool",
    "mempoolrej",
    "net",
    "plugin",
    "privatebroadcast",
    "proxy",
    "prune",
    "qt",
    "rand",
    "reindex",
    "rpc",
    "scan",
    "selectcoins",
    "tor",
    "txpackages",
    "txreconciliation",
    "validation",
    "walletdb",
    "zmq",
};
#define N_AREA QC_COUNTOF(AREA)
#define LINE_MAX_LEN 4096

static _Atomic bool g_on[N_AREA];
static _Atomic int g_level = QC_LOG_DEBUG;
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

static void sink_stderr(void *arg, qc_log_level level, const char *area, const char *line,
                        size_t len)
{
    (void)arg;
    (void)area;
    (void)len;
    if (level <= QC_LOG_ERROR)
        fprintf(stderr, "%s\n", line);
}
static qc_log_sink *g_sink = sink_stderr;
static void *g_sink_arg;

static int area_find(const char *area)
{
    for (size_t i = 0; i < N_AREA; i++)
        if (strcmp(AREA[i], area) == 0)
            return (int)i;
    return -1;
}

bool qc_log_enabled(qc_log_level level, const char *area)
{
    if (level <= QC_LOG_INFO)
        return true;
    if ((int)level > atomic_load_explicit(&g_level, memory_order_relaxed))
        return false;
    int i = area_find(area);
    return i >= 0 && atomic_load_explicit(&g_on[i], memory_order_relaxed);
}

void qc_logv(qc_log_level level, const char *area, const char *fmt, va_list ap)
{
    char buf[LINE_MAX_LEN];
    char *line = buf;
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    if (n >= (int)sizeof buf) {
        line = qc_alloc((size_t)n + 1);
        vsnprintf(line, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    if (n < 0)
        return;
    pthread_mutex_lock(&g_lock);
    g_sink(g_sink_arg, level, area, line, (size_t)n);
    pthread_mutex_unlock(&g_lock);
    if (line != buf)
        qc_free(line);
}

void qc_log(qc_log_level level, const char *area, const char *fmt, ...)
{
    if (!qc_log_enabled(level, area))
        return;
    va_list ap;
    va_start(ap, fmt);
    qc_logv(level, area, fmt, ap);
    va_end(ap);
}

void qc_log_set_sink(qc_log_sink *sink, void *arg)
{
    pthread_mutex_lock(&g_lock);
    g_sink = sink ? sink : sink_stderr;
    g_sink_arg = arg;
    pthread_mutex_unlock(&g_lock);
}

qc_err qc_log_area_set(const char *area, bool on)
{
    bool all = strcmp(area, "1") == 0 || strcmp(area, "all") == 0 || *area == 0;
    int one = area_find(area);
    if (!all && one < 0)
        return QC_EINVAL;
    for (size_t i = 0; i < N_AREA; i++)
        if (all || (int)i == one)
            atomic_store(&g_on[i], on);
    return QC_OK;
}

const char *qc_log_area_at(size_t i, bool *on)
{
    if (i >= N_AREA)
        return NULL;
    *on = atomic_load(&g_on[i]);
    return AREA[i];
}

void qc_log_set_level(qc_log_level level)
{
    atomic_store(&g_level, (int)level);
}
