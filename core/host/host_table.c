/* host/1: what every plugin is given. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/host/trace.h"
#include "core/os/file.h"

#define LINE_MAX_BYTES 1024u
#define RANDOM_MAX (1u << 20)

static qn_status host_get(qn_cap *host, const char *id, uint32_t min_revision, const void **table,
                          qn_cap **handle)
{
    qc_plugin *p = host->plugin;
    qn_status st = qc_cap_enter(host);
    if (st != QN_OK)
        return st;
    if (!id || !table || !handle)
        return QN_E_INVAL;
    const qc_interface *f = qc_interface_find(id);
    if (!f)
        return QN_E_NOSUCH;
    if (f->revision < min_revision)
        return QN_E_OLDHOST;
    for (size_t i = 0; i < p->n_cap; i++)
        if (strcmp(p->cap[i].adapter->id, id) == 0) {
            *table = p->cap[i].adapter->table;
            *handle = &p->cap[i];
            return QN_OK;
        }
    if (strcmp(id, "host/1") == 0) {
        *table = &QC_HOST_TABLE;
        *handle = host;
        return QN_OK;
    }
    return QN_E_DENIED;
}

/* One token per line, refilled at the rate of the grant, at most a second's worth. */
bool qc_plugin_may_log(qc_plugin *p)
{
    pthread_mutex_lock(&p->lock);
    qc_mono now = qc_clock_mono();
    p->log_tokens += (double)(now - p->log_at) * 1e-9 * p->grant.log_per_s;
    p->log_at = now;
    if (p->log_tokens > p->grant.log_per_s)
        p->log_tokens = p->grant.log_per_s;
    bool ok = p->log_tokens >= 1;
    if (ok)
        p->log_tokens -= 1;
    p->log_lines += ok;
    p->log_dropped += !ok;
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void qc_plugin_log_dropped(qc_plugin *p, uint32_t n)
{
    pthread_mutex_lock(&p->lock);
    p->log_dropped += n;
    pthread_mutex_unlock(&p->lock);
}

static void clean_copy(char *out, size_t cap, const char *text, uint32_t len)
{
    size_t n = text ? (len < cap - 1 ? len : cap - 1) : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] ? text[i] : '?';
    out[n] = 0;
    qc_clean_text(out);
}

/* A plugin that fails to start has most likely said why: the first error, which is the cause of
 * those behind it; or, when there was none, the last warning, or the last line of any kind. */
static void remember(qc_plugin *p, uint32_t level, const char *line)
{
    int weight = level == QN_LOG_ERROR ? 3 : level == QN_LOG_WARN ? 2 : 1;
    pthread_mutex_lock(&p->lock);
    if (p->state == QC_PLUGIN_STARTING &&
        (weight > p->said_weight || (weight == p->said_weight && weight < 3))) {
        snprintf(p->said, sizeof p->said, "%.*s", (int)sizeof p->said - 1, line);
        p->said_weight = weight;
    }
    pthread_mutex_unlock(&p->lock);
}

char *qc_plugin_start_failed(qc_plugin *p, const char *step, qn_status st)
{
    pthread_mutex_lock(&p->lock);
    char *why = qc_asprintf("%s() answered %s (%d)%s%s", step, qc_status_name(st), (int)st,
                            *p->said ? "; it said: " : "", p->said);
    pthread_mutex_unlock(&p->lock);
    return why;
}

static void host_log(qn_cap *host, uint32_t level, const char *message, uint32_t len)
{
    static const qc_log_level map[] = {QC_LOG_INFO, QC_LOG_ERROR, QC_LOG_WARN, QC_LOG_INFO,
                                       QC_LOG_DEBUG};
    char line[LINE_MAX_BYTES + 1];
    uint32_t known = level < QC_COUNTOF(map) ? level : QN_LOG_INFO;
    qc_log_level l = map[known];
    uint32_t wanted = (uint32_t)atomic_load(&host->plugin->log_level);
    if (qc_plugin_get_state(host->plugin) == QC_PLUGIN_STARTING) {
        clean_copy(line, sizeof line, message, len);
        remember(host->plugin, known, line);
    }
    if (wanted && known > wanted)
        return;
    if (wanted == QN_LOG_DEBUG && known == QN_LOG_DEBUG)
        l = QC_LOG_INFO; /* the operator asked for this plugin's, whatever the node's log keeps */
    if (atomic_load(&host->plugin->left) || !qc_log_enabled(l, "plugin") ||
        !qc_plugin_may_log(host->plugin))
        return;
    clean_copy(line, sizeof line, message, len);
    qc_log(l, "plugin", "%s: %s%s", host->plugin->label, known == QN_LOG_DEBUG ? "debug: " : "",
           line);
}

static void host_fail(qn_cap *host, qn_status why, const char *message, uint32_t len)
{
    char line[201];
    clean_copy(line, sizeof line, message, len);
    char *text = qc_asprintf("it gave up: %s: %s (%d)", line, qc_status_name(why), (int)why);
    qc_plugin_stop(host->plugin, text);
    qc_free(text);
}

typedef struct posted_task {
    qc_plugin *plugin;
    qn_task_fn *fn;
    void *arg;
} posted_task;

static void run_posted(void *arg)
{
    posted_task *t = arg;
    atomic_fetch_sub(&t->plugin->posted, 1);
    if (t->plugin->callable)
        t->fn(t->arg);
    qc_free(t);
}

static qn_status host_post(qn_cap *host, qn_task_fn *task, void *arg)
{
    qc_plugin *p = host->plugin;
    if (atomic_load(&host->revoked))
        return QN_E_REVOKED;
    if (!task)
        return QN_E_INVAL;
    if (atomic_fetch_add(&p->posted, 1) >= QC_PLUGIN_POSTS) {
        atomic_fetch_sub(&p->posted, 1);
        return QN_E_LIMIT;
    }
    posted_task *t = qc_alloc(sizeof *t);
    *t = (posted_task){p, task, arg};
    qc_loop_post(p->loop, run_posted, t);
    return QN_OK;
}

static void on_timer(void *arg)
{
    qc_plugin_timer *t = arg;
    qn_task_fn *fn = t->fn;
    if (!fn)
        return;
    t->fn = NULL;
    t->generation++;
    if (t->plugin->callable)
        fn(t->arg);
}

/* A timer's id is its slot and a generation, so that an old id never hits a new timer. */
static uint64_t timer_id(const qc_plugin *p, const qc_plugin_timer *t)
{
    return (uint64_t)t->generation << 32 | (uint64_t)(t - p->timer + 1);
}

static qn_status host_timer_set(qn_cap *host, uint32_t delay_ms, qn_task_fn *task, void *arg,
                                uint64_t *timer)
{
    qc_plugin *p = host->plugin;
    qn_status st = qc_cap_enter(host);
    if (st != QN_OK)
        return st;
    if (!task || !timer || delay_ms > INT32_MAX)
        return QN_E_INVAL;
    qc_plugin_timer *t = p->timer;
    while (t < p->timer + QC_PLUGIN_TIMERS && t->fn)
        t++;
    if (t == p->timer + QC_PLUGIN_TIMERS)
        return QN_E_LIMIT;
    t->plugin = p;
    if (!t->timer && qc_timer_new(p->loop, on_timer, t, &t->timer))
        return QN_E_LIMIT;
    t->fn = task;
    t->arg = arg;
    t->generation++;
    qc_timer_set(t->timer, delay_ms);
    *timer = timer_id(p, t);
    return QN_OK;
}

static qn_status host_timer_cancel(qn_cap *host, uint64_t timer)
{
    qc_plugin *p = host->plugin;
    qn_status st = qc_cap_enter(host);
    if (st != QN_OK)
        return st;
    uint32_t slot = (uint32_t)timer;
    if (slot == 0 || slot > QC_PLUGIN_TIMERS)
        return QN_E_NOTFOUND;
    qc_plugin_timer *t = &p->timer[slot - 1];
    if (!t->fn || timer_id(p, t) != timer)
        return QN_E_NOTFOUND;
    qc_timer_cancel(t->timer);
    t->fn = NULL;
    return QN_OK;
}

void qc_plugin_timers_clear(qc_plugin *p)
{
    for (size_t i = 0; i < QC_PLUGIN_TIMERS; i++) {
        qc_timer_free(p->timer[i].timer);
        p->timer[i] = (qc_plugin_timer){0};
    }
}

static void host_progress(qn_cap *host, uint32_t permille, const char *what, uint32_t len)
{
    qc_plugin *p = host->plugin;
    char text[sizeof p->progress];
    clean_copy(text, sizeof text, what, len);
    pthread_mutex_lock(&p->lock);
    memcpy(p->progress, text, sizeof text);
    p->progress_permille = permille < 1000 ? permille : 1000;
    p->progress_at = qc_clock_mono();
    pthread_mutex_unlock(&p->lock);
}

static uint64_t host_now_ms(qn_cap *host)
{
    (void)host;
    return (uint64_t)(qc_clock_mono() / 1000000);
}

static int64_t host_time(qn_cap *host)
{
    (void)host;
    return qc_clock_now();
}

static qn_status host_random(qn_cap *host, void *buffer, uint32_t len)
{
    (void)host;
    if ((!buffer && len) || len > RANDOM_MAX)
        return QN_E_INVAL;
    qc_os_random(buffer, len);
    return QN_OK;
}

const qn_host_1 QC_HOST_TABLE = {.h = {sizeof(qn_host_1), QN_HOST_1_REVISION},
                                 .get = host_get,
                                 .log = host_log,
                                 .fail = host_fail,
                                 .post = host_post,
                                 .timer_set = host_timer_set,
                                 .timer_cancel = host_timer_cancel,
                                 .progress = host_progress,
                                 .now_ms = host_now_ms,
                                 .time = host_time,
                                 .random = host_random};
