/* One plugin: what is checked before anything of it runs, its thread, and its end. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/host/isolated.h"
#include "core/host/loader.h"
#include "core/host/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

const char *qc_plugin_state_name(qc_plugin_state s)
{
    static const char *const name[] = {
        "DISCOVERED", "REJECTED", "NEEDS-GRANT", "READY",   "STARTING",    "RUNNING", "STOPPING",
        "STOPPED",    "CRASHED",  "WEDGED",      "BACKOFF", "QUARANTINED", "LAGGING"};
    return name[s];
}

/* Of a reload both the one that runs and the new one have this label. */
static void log_change(const qc_plugin *p, qc_plugin_state was, qc_plugin_state s, const char *why)
{
    bool bad = s == QC_PLUGIN_CRASHED || s == QC_PLUGIN_WEDGED || s == QC_PLUGIN_QUARANTINED;
    bool incoming = atomic_load(&p->incoming);
    if (incoming && (s == QC_PLUGIN_REJECTED || s == QC_PLUGIN_NEEDS_GRANT))
        qc_log(QC_LOG_WARN, "plugin", "%s: the reload was refused: %s; the old one goes on",
               p->label, why);
    else
        qc_log(bad ? QC_LOG_ERROR : QC_LOG_INFO, "plugin", "%s%s: %s -> %s%s%s", p->label,
               incoming ? ", the new one" : "", qc_plugin_state_name(was), qc_plugin_state_name(s),
               *why ? ": " : "", why);
}

/* `from` NULL: from whatever it is. */
static bool change(qc_plugin *p, const qc_plugin_state *from, qc_plugin_state s, const char *fmt,
                   va_list ap)
{
    char why[QC_PLUGIN_REASON_MAX] = "";
    if (fmt)
        vsnprintf(why, sizeof why, fmt, ap);
    qc_clean_text(why);
    pthread_mutex_lock(&p->lock);
    qc_plugin_state was = p->state;
    if (from && was != *from) {
        pthread_mutex_unlock(&p->lock);
        return false;
    }
    p->state = s;
    p->state_since = qc_clock_mono();
    if (fmt) {
        qc_free(p->reason);
        p->reason = qc_strdup(why);
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    log_change(p, was, s, why);
    qc_host_event(p->host, p, s, why);
    qc_supervise(p->host->supervisor, p);
    return true;
}

void qc_plugin_set_state(qc_plugin *p, qc_plugin_state s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)change(p, NULL, s, fmt, ap);
    va_end(ap);
}

bool qc_plugin_change_state(qc_plugin *p, qc_plugin_state from, qc_plugin_state to, const char *fmt,
                            ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool changed = change(p, &from, to, fmt, ap);
    va_end(ap);
    return changed;
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
    char *text = qc_asprintf("%s: not %sloaded at step '%s' (%s):", p->label,
                             atomic_load(&p->incoming) ? "re" : "", p->problems.step,
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

static qc_plugin *new_plugin(qc_host *h, const char *grant_path, qc_plugin *predecessor)
{
    qc_plugin *p = plugin_alloc(h);
    p->predecessor = predecessor;
    atomic_store(&p->incoming, predecessor != NULL);
    p->grant_path = qc_strdup(grant_path);
    p->label = name_of(grant_path, ".grant");
    if (qc_grant_load(grant_path, &p->grant, &p->problems)) {
        bool absolute = p->grant.file[0] == '/';
        p->file = absolute ? qc_strdup(p->grant.file)
                           : qc_asprintf("%s/%s", h->plugin_dir, p->grant.file);
        char *command = qc_asprintf("%s pin %s", h->tool, p->label);
        const qc_image_pin pin = {p->grant.sha256, command};
        bool ok = qc_image_open(p->file, &pin, &p->image, &p->problems);
        qc_free(command);
        if (ok) {
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

qc_plugin *qc_plugin_new(qc_host *h, const char *grant_path)
{
    return new_plugin(h, grant_path, NULL);
}

qc_plugin *qc_plugin_new_successor(qc_plugin *p)
{
    return new_plugin(p->host, p->grant_path, p);
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

/* getplugininfo looks at them meanwhile. */
void qc_plugin_problem(qc_plugin *p, const char *step, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&p->lock);
    qc_problem(&p->problems, step, "%s", text);
    pthread_mutex_unlock(&p->lock);
}

static bool open_caps(qc_plugin *p)
{
    p->host_cap.plugin = p;
    p->host_cap.head.enter = qc_cap_enter_head;
    for (size_t i = 0; i < p->resolution.n; i++) {
        const qc_resolved *r = &p->resolution.item[i];
        if (r->answer != QC_ANSWER_GRANTED || strcmp(r->want->id, "host/1") == 0)
            continue;
        if (r->iface->local && !p->grant.trusted)
            continue; /* it lies in the plugin's own process */
        for (size_t k = 0; QC_ADAPTERS[k]; k++) {
            if (strcmp(QC_ADAPTERS[k]->id, r->want->id) != 0 || p->n_cap == QC_PLUGIN_CAPS)
                continue;
            qn_cap *cap = &p->cap[p->n_cap];
            const char *why = "";
            *cap = (qn_cap){.adapter = QC_ADAPTERS[k], .plugin = p, .params = r->params};
            cap->head.enter = qc_cap_enter_head;
            qc_err err = cap->adapter->open(cap, &why);
            if (err) {
                qc_plugin_problem(p, "caps", "%s: found %s%s%s, wanted it to open", r->want->id,
                                  qc_err_text(err), *why ? ": " : "", why);
                return false;
            }
            pthread_mutex_lock(&p->lock); /* listplugins looks at them */
            p->n_cap++;
            pthread_mutex_unlock(&p->lock);
        }
    }
    return true;
}

static void close_caps(qc_plugin *p)
{
    for (size_t i = p->n_cap; i > 0; i--)
        p->cap[i - 1].adapter->close(&p->cap[i - 1]);
    pthread_mutex_lock(&p->lock);
    p->n_cap = 0;
    pthread_mutex_unlock(&p->lock);
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
    atomic_store(&p->pid, 0);
    qc_supervise(p->host->supervisor, p);
    qc_loop_stop(p->loop);
}

static void reject_here(qc_plugin *p)
{
    qc_plugin_log_problems(p);
    char *why = qc_asprintf("%s: %s", p->problems.step, p->problems.line[0]);
    end_here(p, QC_PLUGIN_REJECTED, why);
    qc_free(why);
}

qn_config qc_plugin_config(const qc_plugin *p, qn_config_item *item)
{
    const qc_manifest *m = &p->image.manifest;
    for (size_t i = 0; i < m->n_config; i++)
        item[i] = (qn_config_item){m->config[i].name, p->resolution.config[i]};
    return (qn_config){sizeof(qn_config), (uint32_t)m->n_config, item};
}

static void run_init(qc_plugin *p)
{
    qn_config_item item[QC_MANIFEST_LIST_MAX];
    qn_config config = qc_plugin_config(p, item);
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
        char *why = qc_plugin_start_failed(p, p->inited ? "start" : "init", st);
        end_here(p, QC_PLUGIN_CRASHED, why);
        qc_free(why);
    } else if (!stop_asked) {
        (void)qc_plugin_change_state(p, QC_PLUGIN_STARTING, QC_PLUGIN_RUNNING, NULL);
    }
}

static void begin(void *arg)
{
    qc_plugin *p = arg;
    if (p->ended) /* it got no thread: this is run by who frees the loop */
        return;
    if (!open_caps(p)) {
        reject_here(p);
    } else if (!p->grant.trusted) {
        p->callable = true;
        qc_isolated_begin(p);
    } else if (!qc_loader_open(&p->image, &p->library, &p->entry, &p->problems)) {
        reject_here(p);
    } else {
        run_init(p);
    }
}

/* ---- what an isolated one's process does ---- */

void qc_plugin_iso_ready(qc_plugin *p)
{
    pthread_mutex_lock(&p->lock);
    bool hold = p->hold, stop_asked = p->stop_asked;
    p->waits = hold;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (hold)
        qc_supervise(p->host->supervisor, p);
    else if (!stop_asked)
        qc_isolated_start(p->iso);
}

void qc_plugin_iso_running(qc_plugin *p)
{
    (void)qc_plugin_change_state(p, QC_PLUGIN_STARTING, QC_PLUGIN_RUNNING, NULL);
}

void qc_plugin_iso_refused(qc_plugin *p)
{
    reject_here(p);
}

void qc_plugin_iso_ended(qc_plugin *p, const char *reason)
{
    pthread_mutex_lock(&p->lock);
    bool gave_up = p->reason != NULL && p->stop_asked;
    pthread_mutex_unlock(&p->lock);
    if (p->iso->violated)
        end_here(p, QC_PLUGIN_QUARANTINED, reason);
    else if (reason && !gave_up)
        end_here(p, QC_PLUGIN_CRASHED, reason);
    else
        end_here(p, gave_up ? QC_PLUGIN_CRASHED : QC_PLUGIN_STOPPED, NULL);
}

static void go_here(void *arg)
{
    qc_plugin *p = arg;
    pthread_mutex_lock(&p->lock);
    bool go = p->waits && !p->stop_asked;
    p->waits = p->hold = false;
    pthread_mutex_unlock(&p->lock);
    if (go && p->iso)
        qc_isolated_start(p->iso);
}

void qc_plugin_go(qc_plugin *p)
{
    qc_loop_post(p->loop, go_here, p);
}

static void thread_main(void *arg)
{
    qc_plugin *p = arg;
    qc_plugin_here = p;
    qc_loop_run(p->loop);
    if (p->iso)
        qc_isolated_let_go(p->iso);
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
    if (p->iso) { /* its end will be told */
        qc_isolated_stop(p->iso);
        return;
    }
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
    for (size_t i = 0; i < p->resolution.n; i++) {
        const char *warning = qc_resolved_warning(&p->resolution.item[i]);
        if (warning)
            qc_log(QC_LOG_WARN, "plugin", "%s: %s", p->label, warning);
    }
    p->said[0] = 0;
    p->said_weight = 0;
    qc_plugin_set_state(p, QC_PLUGIN_STARTING, NULL);
    p->log_tokens = p->grant.log_per_s;
    p->progress_at = p->log_at = qc_clock_mono();
    qc_err err = qc_loop_new(&p->loop);
    if (!err) {
        qc_loop_post(p->loop, begin, p);
        pthread_mutex_lock(&p->lock); /* nobody sees its end before its name */
        err = qc_thread_start(&p->thread, name, thread_main, p);
        pthread_mutex_unlock(&p->lock);
    }
    if (err) {
        p->ended = p->no_thread = true;
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

/* Two may wait for the end: one of them joins. */
static bool join_thread(qc_plugin *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->joining)
        pthread_cond_wait(&p->changed, &p->lock);
    qc_thread *t = p->thread;
    p->joining = t != NULL;
    pthread_mutex_unlock(&p->lock);
    if (!t)
        return true;
    qc_thread_join(t);
    pthread_mutex_lock(&p->lock);
    p->thread = NULL;
    p->joining = false;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return true;
}

bool qc_plugin_join(qc_plugin *p)
{
    const qc_host *h = p->host;
    if (!pthread_equal(pthread_self(), h->owner) && !qc_supervisor_is_here(h->supervisor))
        atomic_fetch_add(&p->awaited, 1);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)p->grant.stop_s + (p->grant.trusted ? 1 : 5);
    pthread_mutex_lock(&p->lock);
    int late = 0;
    while (p->thread && !p->ended && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    bool ended = !p->thread || p->ended;
    pthread_mutex_unlock(&p->lock);
    if (!ended) {
        leave_behind(p);
        return false;
    }
    return join_thread(p);
}

/* What one run of it leaves behind. */
static void clear_run(qc_plugin *p)
{
    qc_plugin_timers_clear(p);
    qc_isolated_free(p->iso);
    p->iso = NULL;
    qc_loop_free(p->loop);
    p->loop = NULL;
}

void qc_plugin_reset(qc_plugin *p)
{
    clear_run(p);
    pthread_mutex_lock(&p->lock);
    qc_free(p->reason);
    p->reason = NULL;
    p->ended = p->stop_asked = p->waits = false;
    p->progress[0] = 0;
    p->progress_permille = 0;
    atomic_store(&p->host_cap.revoked, false);
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_lock(&p->lock);
    qc_problems_clear(&p->problems);
    pthread_mutex_unlock(&p->lock);
    p->hold = p->store_later = p->comes_back = false;
    atomic_store(&p->stop_ordered, false);
    p->ran_since = 0;
    for (unsigned i = 0; i < QC_PLUGIN_FOLLOWS; i++)
        atomic_store(&p->handed[i].given, false);
}

typedef struct kill_order {
    qc_plugin *plugin;
    char *why;
} kill_order;

static void kill_here(void *arg)
{
    kill_order *k = arg;
    if (k->plugin->iso)
        qc_isolated_kill(k->plugin->iso, k->why);
    qc_free(k->why);
    qc_free(k);
}

void qc_plugin_kill(qc_plugin *p, const char *fmt, ...)
{
    char why[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    kill_order *k = qc_alloc(sizeof *k);
    *k = (kill_order){p, qc_strdup(why)};
    qc_loop_post(p->loop, kill_here, k);
}

bool qc_plugin_ask_begin(qc_plugin *p, size_t bytes, size_t held)
{
    size_t before = atomic_fetch_add(&p->asked, bytes);
    if (held <= QC_PLUGIN_ASKED_MAX && before + atomic_load(&p->queued) <= QC_PLUGIN_ASKED_ALL)
        return true;
    qc_plugin_ask_end(p, bytes);
    return false;
}

void qc_plugin_ask_end(qc_plugin *p, size_t bytes)
{
    atomic_fetch_sub(&p->asked, bytes);
}

void qc_plugin_free(qc_plugin *p)
{
    if (!p)
        return;
    if (p->thread) /* wedged: its thread may still use all of this */
        return;
    clear_run(p);
    qc_plugin_free(p->next_config);
    qc_plugin_free(p->fallback);
    qc_timer_free(p->again);
    qc_image_clear(&p->image);
    qc_grant_clear(&p->grant);
    qc_problems_clear(&p->problems);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    qc_free(p->sandbox_missing);
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
