/* The host: finds grants and files, starts and stops what is ready, and hears from the chain. */
#include "core/host/adapter_watch.h"
#include "core/host/book.h"
#include "core/host/feed.h"
#include "core/host/internal.h"
#include "core/host/scans.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/nearest.h"
#include "core/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define CACHE_BYTES ((size_t)64 << 20)

/* ---- the chain's voice; chain thread ---- */

static void on_block(void *arg, const qc_index *i, const qc_block *b)
{
    qc_host *h = arg;
    pthread_mutex_lock(&h->lock);
    if ((h->n_followers || h->n_watchers) && h->blocks)
        qc_blocks_offer(h->blocks, i, b);
    pthread_mutex_unlock(&h->lock);
}

static void on_tip(void *arg, const qc_index *tip, const qc_index *fork, bool initial_download)
{
    qc_host *h = arg;
    size_t coins, bytes;
    (void)tip;
    (void)fork;
    (void)initial_download;
    qc_chain_cache_usage(h->o.chain, &coins, &bytes);
    atomic_store(&h->coins_cached, coins);
    atomic_store(&h->coins_bytes, bytes);
    qc_host_watch_tip(h);
    qc_followers_wake(h);
}

static void on_durable(void *arg, const qc_index *tip)
{
    qc_followers_wake(arg);
    qc_host_watch_durable(arg, tip);
    qc_host_pool_durable(arg, tip);
}

static void on_told(void *arg)
{
    qc_host_pool_told(arg);
    qc_host_watch_told(arg);
}

void qc_host_on_chain(qc_host *h, void (*fn)(qc_chain *c, void *arg), void *arg)
{
    if (h->chain_thread)
        qc_chain_post(h->chain_thread, fn, arg);
    else
        fn(h->o.chain, arg);
}

static void sync_now(qc_chain *c, void *arg)
{
    (void)arg;
    if (qc_chain_tip(c) != qc_chain_durable(c) && qc_chain_sync(c))
        qc_log(QC_LOG_ERROR, "plugin", "the chain could not be made durable for its followers");
}

/* The chain syncs per tip only while somebody follows. The number is told at once, since the chain
 * thread may be busy with an import for hours; what is there already is synced as soon as it can.
 */
void qc_host_followers_changed(qc_host *h)
{
    pthread_mutex_lock(&h->lock);
    unsigned n = h->n_followers + h->n_pool_followers + h->n_watchers;
    qc_chain_set_followers(h->o.chain, n);
    pthread_mutex_unlock(&h->lock);
    if (n)
        qc_host_on_chain(h, sync_now, h);
}

qc_err qc_host_resolver(qc_host *h, qc_resolver **out)
{
    pthread_mutex_lock(&h->lock);
    qc_err err = h->resolver ? QC_OK : qc_resolver_new(&h->resolver);
    if (!err && out)
        *out = h->resolver;
    pthread_mutex_unlock(&h->lock);
    return err;
}

/* ---- discovery ---- */

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), e = strlen(ending);
    return n > e && strcmp(name + n - e, ending) == 0;
}

bool qc_host_add(qc_host *h, qc_plugin *p)
{
    pthread_mutex_lock(&h->list_lock);
    bool room = h->n_plugin < QC_HOST_PLUGINS;
    if (room)
        h->plugin[h->n_plugin++] = p;
    pthread_mutex_unlock(&h->list_lock);
    if (room)
        return true;
    qc_log(QC_LOG_WARN, "plugin", "%s: not looked at: found more than %u plugins", p->label,
           QC_HOST_PLUGINS);
    qc_plugin_free(p);
    return false;
}

qc_plugin *qc_host_by_name(const qc_host *h, const char *name)
{
    qc_plugin *found = NULL;
    for (size_t i = 0; i < h->n_plugin; i++) {
        const char *dot = strrchr(h->plugin[i]->label, '.');
        if (strcmp(h->plugin[i]->label, name) == 0)
            return h->plugin[i];
        if (dot && strcmp(dot + 1, name) == 0) {
            if (found)
                return NULL;
            found = h->plugin[i];
        }
    }
    return found;
}

/* What an operator has stopped, or nobody granted, is no matter for a warning. Returns: owned text,
 * or NULL. */
static char *warning_of(const qc_plugin *p, qc_plugin_state s, const char *why)
{
    bool is_down = s == QC_PLUGIN_REJECTED || s == QC_PLUGIN_NEEDS_GRANT ||
                   s == QC_PLUGIN_QUARANTINED || s == QC_PLUGIN_WEDGED || s == QC_PLUGIN_BACKOFF ||
                   (s == QC_PLUGIN_CRASHED && !atomic_load(&p->stop_ordered));
    /* Once its grant is taken away it is what it should be. */
    if (!is_down || atomic_load(&p->incoming) || !p->grant_path || !qc_os_exists(p->grant_path))
        return NULL;
    return qc_asprintf("Plugin %s is %s: %s", p->label, qc_plugin_state_name(s), why);
}

void qc_host_each_warning(qc_host *h, void (*fn)(void *arg, const char *text), void *arg)
{
    pthread_mutex_lock(&h->list_lock);
    for (size_t i = 0; i < h->n_plugin; i++) {
        qc_plugin *p = h->plugin[i];
        pthread_mutex_lock(&p->lock);
        char *text = warning_of(p, p->state, p->reason ? p->reason : "");
        pthread_mutex_unlock(&p->lock);
        if (text)
            fn(arg, text);
        qc_free(text);
    }
    pthread_mutex_unlock(&h->list_lock);
}

char *qc_host_did_you_mean(const qc_host *h, const char *name)
{
    qc_nearest near;
    unsigned called = 0;
    qc_nearest_init(&near, name);
    for (size_t i = 0; i < h->n_plugin; i++) {
        const char *label = h->plugin[i]->label, *dot = strrchr(label, '.');
        called += dot && strcmp(dot + 1, name) == 0;
        qc_nearest_try(&near, label);
        if (dot)
            qc_nearest_try(&near, dot + 1);
    }
    if (called > 1)
        return qc_strdup(" (several are called that: give the whole id)");
    return near.best ? qc_asprintf(" (did you mean %s?)", near.best) : qc_strdup("");
}

/* Of its changes into one state only the first since it last ran: whoever may start plugins,
 * another plugin perhaps, could have the alert run as often as it likes. */
static bool is_new(qc_host *h, const qc_plugin *p, qc_plugin_state s)
{
    const char *id = p->label ? p->label : "";
    bool told = false;
    pthread_mutex_lock(&h->event_lock);
    qc_told_state *free_place = NULL;
    for (size_t i = 0; i < QC_HOST_PLUGINS; i++) {
        qc_told_state *t = &h->told[i];
        if (!*t->id && !free_place)
            free_place = t;
        if (strcmp(t->id, id) != 0)
            continue;
        free_place = t;
        told = (t->states >> s & 1) != 0;
        break;
    }
    if (free_place) {
        snprintf(free_place->id, sizeof free_place->id, "%s", id);
        free_place->states = s == QC_PLUGIN_RUNNING ? 0 : free_place->states | 1u << s;
    }
    pthread_mutex_unlock(&h->event_lock);
    return !told && free_place;
}

void qc_host_alert(qc_host *h, const qc_plugin *p, qc_plugin_state s, const char *why)
{
    char *warning = h->o.alert && is_new(h, p, s) ? warning_of(p, s, why) : NULL;
    if (warning)
        h->o.alert(h->o.alert_arg, warning);
    qc_free(warning);
}

void qc_host_event(qc_host *h, const qc_plugin *p, qc_plugin_state s, const char *why)
{
    /* What crashed comes back, as a rule; who knows that it does not, tells of it. */
    if (s != QC_PLUGIN_CRASHED && s != QC_PLUGIN_BACKOFF)
        qc_host_alert(h, p, s, why);
    pthread_mutex_lock(&h->event_lock);
    qc_plugin_event *e = &h->event[++h->n_event % QC_HOST_EVENTS];
    *e = (qc_plugin_event){.seq = h->n_event,
                           .time = qc_clock_now(),
                           .state = s,
                           .incoming = atomic_load(&p->incoming)};
    snprintf(e->id, sizeof e->id, "%s", p->label ? p->label : "");
    snprintf(e->reason, sizeof e->reason, "%s", why);
    pthread_mutex_unlock(&h->event_lock);
    qc_rpc_waitlist_wake(h->changes);
    if (h->o.registry)
        qc_rpc_absent_changed(h->o.registry);
}

static const qc_plugin *same_id(const qc_host *h, const qc_plugin *p)
{
    for (size_t i = 0; i < h->n_plugin; i++) {
        const char *id = h->plugin[i]->image.manifest.id;
        if (id && p->image.manifest.id && strcmp(id, p->image.manifest.id) == 0)
            return h->plugin[i];
    }
    return NULL;
}

static void read_grants(qc_host *h)
{
    qc_os_list list = {0};
    if (!qc_os_exists(h->grant_dir) || qc_os_list_dir(h->grant_dir, &list))
        return;
    for (size_t i = 0; i < list.n; i++) {
        if (!ends_with(list.name[i], ".grant"))
            continue;
        char *path = qc_asprintf("%s/%s", h->grant_dir, list.name[i]);
        qc_plugin *p = qc_plugin_new(h, path);
        const qc_plugin *other = same_id(h, p);
        if (other) {
            qc_problem(&p->problems, "resolve",
                       "id %s: found it in %s too, wanted one plugin of it", p->image.manifest.id,
                       other->grant_path);
            p->resolution.needs_grant = false;
            qc_plugin_reject(p);
        }
        (void)qc_host_add(h, p);
        qc_free(path);
    }
    qc_os_list_free(&list);
}

static bool granted(const qc_host *h, const char *file, const qc_plugin *p)
{
    for (size_t i = 0; i < h->n_plugin; i++)
        if (h->plugin[i]->file && strcmp(h->plugin[i]->file, file) == 0)
            return true;
    return same_id(h, p) != NULL;
}

/* The node's own: in a build folder it lies among the plugins. */
static bool is_own(const char *name)
{
    return strcmp(name, "quoin-store.so") == 0;
}

/* Files without a grant are listed, so that an operator sees what could be enabled. */
void qc_host_look(qc_host *h)
{
    qc_os_list list = {0};
    if (!qc_os_exists(h->plugin_dir) || qc_os_list_dir(h->plugin_dir, &list))
        return;
    for (size_t i = 0; i < list.n; i++) {
        if (!ends_with(list.name[i], ".so") || is_own(list.name[i]))
            continue;
        char *path = qc_asprintf("%s/%s", h->plugin_dir, list.name[i]);
        qc_plugin *p = qc_plugin_new_found(h, path);
        if (granted(h, path, p)) {
            qc_plugin_free(p);
        } else if (!p->image.manifest.id) {
            qc_log(h->supervisor ? QC_LOG_DEBUG : QC_LOG_WARN, "plugin",
                   "%s: passed over, it is no plugin: %s", qc_printable(path),
                   p->problems.n ? p->problems.line[0] : "no manifest");
            qc_plugin_free(p);
        } else {
            qc_log(QC_LOG_INFO, "plugin", "%s: found without a grant (%s enable %s)", path, h->tool,
                   p->label);
            (void)qc_host_add(h, p);
        }
        qc_free(path);
    }
    qc_os_list_free(&list);
    if (h->supervisor && h->o.registry) /* their methods, too, say now how they are had */
        qc_rpc_absent_changed(h->o.registry);
}

qc_host *qc_host_new(const qc_host_options *o)
{
    qc_host *h = qc_alloc(sizeof *h);
    qc_chain_events ev = {.arg = h,
                          .tip = on_tip,
                          .connected = on_block,
                          .disconnected = on_block,
                          .told = on_told,
                          .durable = on_durable};
    h->o = *o;
    h->owner = pthread_self();
    h->network = qc_strdup(o->network);
    h->plugin_dir = qc_strdup(o->plugin_dir);
    h->grant_dir = qc_strdup(o->grant_dir);
    h->data_dir = qc_strdup(o->data_dir);
    h->tool = qc_strdup(o->tool ? o->tool : "quoin-plugin");
    if (o->proxy)
        h->proxy = *o->proxy;
    pthread_mutex_init(&h->lock, NULL);
    pthread_mutex_init(&h->list_lock, NULL);
    pthread_mutex_init(&h->event_lock, NULL);
    h->changes = qc_rpc_waitlist_new();
    qc_os_random(&h->epoch, sizeof h->epoch);
    h->epoch |= 1; /* never 0 */
    h->blocks = qc_blocks_new(o->chain, CACHE_BYTES);
    h->ahead = qc_watch_ahead_new(o->chain);
    h->book = qc_book_new(qc_clock_mono);
    h->scans = qc_scans_new();
    h->watch = qc_watch_hub_new(o->feed_events);
    qc_host_runner_open(h);
    qc_chain_listen(o->chain, &ev);
    qc_host_hear_pool(h);
    read_grants(h);
    qc_host_look(h);
    return h;
}

void qc_host_start(qc_host *h, qc_chain_thread *thread)
{
    h->chain_thread = thread;
    if (qc_supervisor_new(h, &h->supervisor))
        qc_log(QC_LOG_ERROR, "plugin",
               "no thread to supervise plugins: none is started again when it crashes");
    for (size_t i = 0; i < h->n_plugin; i++)
        if (h->plugin[i]->state == QC_PLUGIN_READY)
            qc_plugin_start(h->plugin[i]);
}

bool qc_host_stop(qc_host *h)
{
    qc_supervisor_stop(h->supervisor);
    for (size_t i = 0; i < h->n_plugin; i++) {
        qc_plugin_stop(h->plugin[i], NULL);
        if (h->plugin[i]->successor)
            qc_plugin_stop(h->plugin[i]->successor, NULL);
    }
    bool all = true;
    for (size_t i = 0; i < h->n_plugin; i++) {
        all &= qc_plugin_join(h->plugin[i]);
        if (h->plugin[i]->successor)
            all &= qc_plugin_join(h->plugin[i]->successor);
    }
    qc_scans_end(h->scans);
    if (!all)
        return false;
    pthread_mutex_lock(&h->lock);
    qc_blocks *b = h->blocks;
    h->blocks = NULL;
    qc_watch_ahead *a = h->ahead;
    h->ahead = NULL;
    qc_resolver *r = h->resolver;
    h->resolver = NULL;
    pthread_mutex_unlock(&h->lock);
    qc_blocks_free(b);
    qc_watch_ahead_free(a);
    qc_resolver_free(r);
    return true;
}

void qc_host_free(qc_host *h)
{
    if (!h)
        return;
    if (h->rpc_registered) {
        qc_rpc_set_absent(h->o.registry, NULL, NULL);
        (void)!qc_rpc_unregister(h->o.registry, "listplugins");
        (void)!qc_rpc_unregister(h->o.registry, "getplugininfo");
        for (const qc_rpc_method *m = QC_HOST_ACTIONS; m->name; m++)
            (void)!qc_rpc_unregister(h->o.registry, m->name);
    }
    qc_supervisor_stop(h->supervisor);
    bool wedged = false;
    for (size_t i = 0; i < h->n_plugin; i++) {
        const qc_plugin *next = h->plugin[i]->successor;
        wedged |= h->plugin[i]->thread != NULL || (next && next->thread);
        if (h->plugin[i]->successor)
            qc_plugin_free(h->plugin[i]->successor);
        qc_plugin_free(h->plugin[i]);
    }
    if (wedged) /* a thread that was left behind may still call in, and tell the supervisor */
        return;
    qc_supervisor_free(h->supervisor);
    qc_blocks_free(h->blocks); /* only when it was never stopped */
    qc_watch_ahead_free(h->ahead);
    qc_feed_free(h->feed);
    qc_host_watch_forget_early(h);
    qc_watch_hub_free(h->watch);
    qc_book_free(h->book);
    qc_scans_free(h->scans);
    qc_host_runner_close(h);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->list_lock);
    pthread_mutex_destroy(&h->event_lock);
    qc_rpc_waitlist_free(h->changes);
    qc_free(h->network);
    qc_free(h->plugin_dir);
    qc_free(h->grant_dir);
    qc_free(h->data_dir);
    qc_free(h->tool);
    qc_free(h);
}

bool qc_host_settle(qc_host *h, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000) + 1;
    bool all = true;
    for (size_t i = 0; i < h->n_plugin; i++) {
        qc_plugin *p = h->plugin[i];
        int late = 0;
        if (!pthread_equal(pthread_self(), h->owner))
            atomic_fetch_add(&p->awaited, 1);
        pthread_mutex_lock(&p->lock);
        while (p->state == QC_PLUGIN_STARTING && late != ETIMEDOUT)
            late = pthread_cond_timedwait(&p->changed, &p->lock, &until);
        all &= p->state != QC_PLUGIN_STARTING;
        pthread_mutex_unlock(&p->lock);
    }
    return all;
}
