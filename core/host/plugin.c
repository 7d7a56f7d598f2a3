/* One plugin: what is checked before anything of it runs, its thread, and its end. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/host/loader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

static const qc_adapter *const ADAPTERS[] = {&QC_ADAPTER_CHAIN_READ, &QC_ADAPTER_CHAIN_FOLLOW,
                                             &QC_ADAPTER_BLOCK_READ, &QC_ADAPTER_STORE_OWN,
                                             &QC_ADAPTER_RPC_SERVE};

const char *qc_plugin_state_name(qc_plugin_state s)
{
    static const char *const name[] = {"DISCOVERED", "REJECTED", "NEEDS-GRANT", "READY",
                                       "STARTING",   "RUNNING",  "STOPPING",    "STOPPED",
                                       "CRASHED",    "WEDGED"};
    return name[s];
}

void qc_plugin_set_state(qc_plugin *p, qc_plugin_state s, const char *fmt, ...)
{
    char why[256] = "";
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(why, sizeof why, fmt, ap);
        va_end(ap);
    }
    pthread_mutex_lock(&p->lock);
    qc_plugin_state was = p->state;
    p->state = s;
    p->state_since = qc_clock_mono();
    if (fmt) {
        qc_free(p->reason);
        p->reason = qc_strdup(why);
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    qc_log_level level =
        s == QC_PLUGIN_CRASHED || s == QC_PLUGIN_WEDGED ? QC_LOG_ERROR : QC_LOG_INFO;
    qc_log(level, "plugin", "%s: %s -> %s%s%s", p->label, qc_plugin_state_name(was),
           qc_plugin_state_name(s), *why ? ": " : "", qc_printable(why));
}

qc_plugin_state qc_plugin_get_state(qc_plugin *p)
{
    pthread_mutex_lock(&p->lock);
    qc_plugin_state s = p->state;
    pthread_mutex_unlock(&p->lock);
    return s;
}

void qc_plugin_log_problems(qc_plugin *p)
{
    char *text = qc_asprintf("%s: not loaded at step '%s' (%s):", p->label, p->problems.step,
                             p->grant_path ? p->grant_path : p->file);
    for (size_t i = 0; i < p->problems.n; i++) {
        char *longer = qc_asprintf("%s\n    %s", text, p->problems.line[i]);
        qc_free(text);
        text = longer;
    }
    /* One call, so that no other line comes between. */
    qc_log(QC_LOG_WARN, "plugin", "%s", text);
    qc_free(text);
}

void qc_plugin_reject(qc_plugin *p)
{
    bool needs = p->resolution.needs_grant;
    qc_plugin_log_problems(p);
    qc_plugin_set_state(p, needs ? QC_PLUGIN_NEEDS_GRANT : QC_PLUGIN_REJECTED, "%s: %s",
                        p->problems.step, p->problems.line[0]);
}

static qc_plugin *plugin_alloc(qc_host *h)
{
    qc_plugin *p = qc_alloc(sizeof *p);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    p->host = h;
    p->image.fd = -1;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    return p;
}

/* "dir/org.quoin.x.grant": "org.quoin.x". */
static char *name_of(const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/');
    char *name = qc_strdup(slash ? slash + 1 : path);
    size_t n = strlen(name), e = strlen(ending);
    if (n > e && strcmp(name + n - e, ending) == 0)
        name[n - e] = 0;
    return name;
}

static void check_name(qc_plugin *p)
{
    if (strcmp(p->label, p->image.manifest.id) != 0)
        qc_problem(&p->problems, "manifest", "id: found %s in %s, wanted %s (the grant's name)",
                   p->image.manifest.id, p->file, p->label);
}

qc_plugin *qc_plugin_new(qc_host *h, const char *grant_path)
{
    qc_plugin *p = plugin_alloc(h);
    p->grant_path = qc_strdup(grant_path);
    p->label = name_of(grant_path, ".grant");
    if (qc_grant_load(grant_path, &p->grant, &p->problems)) {
        bool absolute = p->grant.file[0] == '/';
        p->file = absolute ? qc_strdup(p->grant.file)
                           : qc_asprintf("%s/%s", h->plugin_dir, p->grant.file);
        if (qc_image_open(p->file, p->grant.sha256, &p->image, &p->problems)) {
            check_name(p);
            (void)qc_resolve(&p->image.manifest, &p->grant, h->network, &p->resolution,
                             &p->problems);
        }
    }
    if (p->problems.n)
        qc_plugin_reject(p);
    else
        qc_plugin_set_state(p, QC_PLUGIN_READY, NULL);
    return p;
}

qc_plugin *qc_plugin_new_found(qc_host *h, const char *file)
{
    qc_plugin *p = plugin_alloc(h);
    p->file = qc_strdup(file);
    p->label = name_of(file, ".so");
    if (qc_image_open(file, NULL, &p->image, &p->problems)) {
        qc_free(p->label);
        p->label = qc_strdup(p->image.manifest.id);
    }
    return p;
}

/* ---- on the plugin's thread ---- */

static bool open_caps(qc_plugin *p)
{
    p->host_cap.plugin = p;
    for (size_t i = 0; i < p->resolution.n; i++) {
        const qc_resolved *r = &p->resolution.item[i];
        if (r->answer != QC_ANSWER_GRANTED || strcmp(r->want->id, "host/1") == 0)
            continue;
        for (size_t k = 0; k < QC_COUNTOF(ADAPTERS); k++) {
            if (strcmp(ADAPTERS[k]->id, r->want->id) != 0 || p->n_cap == QC_PLUGIN_CAPS)
                continue;
            qn_cap *cap = &p->cap[p->n_cap];
            const char *why = "";
            *cap = (qn_cap){.adapter = ADAPTERS[k], .plugin = p, .params = r->params};
            cap->head.enter = qc_cap_enter_head;
            qc_err err = cap->adapter->open(cap, &why);
            if (err) {
                qc_problem(&p->problems, "caps", "%s: found %s%s%s, wanted it to open", r->want->id,
                           qc_err_text(err), *why ? ": " : "", why);
                return false;
            }
            p->n_cap++;
        }
    }
    return true;
}

static void close_caps(qc_plugin *p)
{
    while (p->n_cap) {
        qn_cap *cap = &p->cap[--p->n_cap];
        cap->adapter->close(cap);
    }
}

/* After this nothing of the plugin is called any more but stop() and fini(). */
static void revoke(qc_plugin *p)
{
    p->callable = false;
    for (size_t i = 0; i < p->n_cap; i++)
        atomic_store(&p->cap[i].revoked, true);
    for (size_t i = 0; i < p->n_cap; i++)
        if (p->cap[i].adapter->quiesce)
            p->cap[i].adapter->quiesce(&p->cap[i]);
    atomic_store(&p->host_cap.revoked, true);
    qc_plugin_timers_clear(p);
}

static void end_here(qc_plugin *p, qc_plugin_state s, const char *why)
{
    revoke(p);
    if (p->inited)
        p->entry->fini(p->self);
    p->inited = p->started = false;
    close_caps(p);
    qc_plugin_set_state(p, s, why ? "%s" : NULL, why);
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    qc_loop_stop(p->loop);
}

static void reject_here(qc_plugin *p)
{
    qc_plugin_log_problems(p);
    char *why = qc_asprintf("%s: %s", p->problems.step, p->problems.line[0]);
    end_here(p, QC_PLUGIN_REJECTED, why);
    qc_free(why);
}

static void run_init(qc_plugin *p)
{
    qn_config_item item[QC_MANIFEST_LIST_MAX];
    const qc_manifest *m = &p->image.manifest;
    for (size_t i = 0; i < m->n_config; i++)
        item[i] = (qn_config_item){m->config[i].name, p->resolution.config[i]};
    qn_config config = {sizeof config, (uint32_t)m->n_config, item};
    p->callable = true;
    qn_status st = p->entry->init(&p->host_cap, &QC_HOST_TABLE, &config, &p->self);
    p->inited = st == QN_OK;
    if (p->inited) {
        st = p->entry->start(p->self);
        p->started = st == QN_OK;
    }
    pthread_mutex_lock(&p->lock);
    bool stop_asked = p->stop_asked;
    pthread_mutex_unlock(&p->lock);
    if (st != QN_OK && !stop_asked) {
        char *why = qc_asprintf("%s() answered status %d", p->inited ? "start" : "init", (int)st);
        end_here(p, QC_PLUGIN_CRASHED, why);
        qc_free(why);
    } else if (!stop_asked) {
        qc_plugin_set_state(p, QC_PLUGIN_RUNNING, NULL);
    }
}

static void begin(void *arg)
{
    qc_plugin *p = arg;
    if (!open_caps(p) || !qc_loader_open(&p->image, &p->library, &p->entry, &p->problems))
        reject_here(p);
    else
        run_init(p);
}

static void thread_main(void *arg)
{
    qc_plugin *p = arg;
    qc_plugin_here = p;
    qc_loop_run(p->loop);
    qc_plugin_here = NULL;
}

static void stop_here(void *arg)
{
    qc_plugin *p = arg;
    if (p->ended)
        return;
    pthread_mutex_lock(&p->lock);
    bool failed = p->reason != NULL;
    pthread_mutex_unlock(&p->lock);
    if (p->started)
        (void)p->entry->stop(p->self, p->grant.stop_s * 1000);
    end_here(p, failed ? QC_PLUGIN_CRASHED : QC_PLUGIN_STOPPED, NULL);
}

/* ---- from other threads ---- */

void qc_plugin_start(qc_plugin *p)
{
    char name[16];
    const char *last = strrchr(p->label, '.');
    snprintf(name, sizeof name, "p.%s", last ? last + 1 : p->label);
    qc_log(QC_LOG_INFO, "plugin", "%s: version %s, sha256 %s, from %s", p->label,
           p->image.manifest.version, p->image.sha256, p->file);
    qc_plugin_set_state(p, QC_PLUGIN_STARTING, NULL);
    p->log_tokens = p->grant.log_per_s;
    p->progress_at = p->log_at = qc_clock_mono();
    qc_err err = qc_loop_new(&p->loop);
    if (!err) {
        qc_loop_post(p->loop, begin, p);
        err = qc_thread_start(&p->thread, name, thread_main, p);
    }
    if (err) {
        p->ended = true;
        qc_plugin_set_state(p, QC_PLUGIN_CRASHED, "no thread: %s", qc_err_text(err));
    }
}

/* May be called by the plugin itself before qc_plugin_start() has come back: it looks at the loop,
 * which was there before the thread. */
void qc_plugin_stop(qc_plugin *p, const char *reason)
{
    if (!p->loop)
        return;
    pthread_mutex_lock(&p->lock);
    bool first = !p->stop_asked && !p->ended;
    p->stop_asked = true;
    if (first && !reason) {
        qc_free(p->reason);
        p->reason = NULL;
    }
    pthread_mutex_unlock(&p->lock);
    if (!first)
        return;
    qc_plugin_set_state(p, QC_PLUGIN_STOPPING, reason ? "%s" : NULL, reason);
    qc_loop_post(p->loop, stop_here, p);
}

/* From here on its thread gets nothing any more. A call that is under way ends as it can. */
static void leave_behind(qc_plugin *p)
{
    atomic_store(&p->left, true);
    for (size_t i = 0; i < QC_PLUGIN_CAPS; i++)
        atomic_store(&p->cap[i].revoked, true);
    atomic_store(&p->host_cap.revoked, true);
    qc_plugin_set_state(p, QC_PLUGIN_WEDGED, "it did not stop in %u s; its thread is left behind",
                        p->grant.stop_s);
}

bool qc_plugin_join(qc_plugin *p)
{
    if (!p->thread)
        return true;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)p->grant.stop_s + 1;
    pthread_mutex_lock(&p->lock);
    int late = 0;
    while (!p->ended && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    bool ended = p->ended;
    pthread_mutex_unlock(&p->lock);
    if (!ended) {
        leave_behind(p);
        return false;
    }
    qc_thread_join(p->thread);
    p->thread = NULL;
    return true;
}

void qc_plugin_free(qc_plugin *p)
{
    if (!p)
        return;
    if (p->thread) /* wedged: its thread may still use all of this */
        return;
    for (size_t i = 0; i < QC_PLUGIN_TIMERS; i++)
        qc_timer_free(p->timer[i].timer);
    if (p->loop)
        qc_loop_free(p->loop);
    qc_image_clear(&p->image);
    qc_grant_clear(&p->grant);
    qc_problems_clear(&p->problems);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    qc_free(p->reason);
    qc_free(p->label);
    qc_free(p->grant_path);
    qc_free(p->file);
    qc_free(p);
}

typedef struct guarded_call {
    qc_plugin *plugin;
    void (*fn)(void *arg);
    void *arg;
} guarded_call;

static void run_guarded(void *arg)
{
    guarded_call *c = arg;
    if (c->plugin->callable)
        c->fn(c->arg);
    qc_free(c);
}

void qc_plugin_call(qc_plugin *p, void (*fn)(void *arg), void *arg)
{
    guarded_call *c = qc_alloc(sizeof *c);
    *c = (guarded_call){p, fn, arg};
    qc_loop_post(p->loop, run_guarded, c);
}
