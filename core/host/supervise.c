#include "core/host/supervise.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/host/book.h"
#include "core/host/internal.h"
#include "core/host/scans.h"
#include "core/host/isolated.h"
#include "core/host/trace.h"
#include "core/os/file.h"

#include <stdarg.h>
#include <stdio.h>

#define SECOND INT64_C(1000000000)
#define BACKOFF_MAX_S 300
#define HEALTHY (600 * SECOND) /* running this long, a crash is the first one again */
#define POISON 3u              /* deaths at the same block */
#define TICK_MS 2000

struct qc_supervisor {
    qc_host *host;
    qc_loop *loop;
    qc_thread *thread;
    qc_timer *tick;
    _Atomic bool stopped;
};

/* ---- actions ---- */

qc_action *qc_action_new(qc_host *h, qc_action_kind kind, const char *name, const char *value)
{
    qc_action *a = qc_alloc(sizeof *a);
    atomic_init(&a->refs, 1);
    a->host = h;
    a->kind = kind;
    a->name = qc_strdup(name);
    a->value = value ? qc_strdup(value) : NULL;
    return a;
}

void qc_action_unref(qc_action *a)
{
    if (!a || atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    qc_free(a->name);
    qc_free(a->value);
    qc_free(a->text);
    qc_free(a);
}

/* Takes the supervisor's reference. fmt NULL: it succeeded. */
static void end_action(qc_action *a, const char *fmt, ...) QC_PRINTF(2, 3);
static void end_action(qc_action *a, const char *fmt, ...)
{
    char *text = NULL;
    if (!a)
        return;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        QC_ASSERT(vasprintf(&text, fmt, ap) >= 0);
        va_end(ap);
        a->text = qc_strdup(text);
        a->failed = true;
        free(text);
    }
    atomic_store(&a->done, true);
    if (a->host->changes)
        qc_rpc_waitlist_wake(a->host->changes);
    qc_action_unref(a);
}

/* Before end_action(): of what is new nothing is kept. */
static void refuse(qc_action *a)
{
    if (a)
        a->goes_on = true;
}

static void set_action(qc_plugin *p, qc_action *a)
{
    end_action(p->action, "%s: another command came first", p->label);
    p->action = a;
}

static qc_action *take_action(qc_plugin *p)
{
    qc_action *a = p->action;
    p->action = NULL;
    return a;
}

/* ---- the list ---- */

static size_t place_of(const qc_host *h, const qc_plugin *p)
{
    size_t i = 0;
    while (i < h->n_plugin && h->plugin[i] != p)
        i++;
    return i;
}

/* The new one takes the old one's place in the list, and its history. The old one is the caller's.
 */
static void take_place(qc_host *h, qc_plugin *old, qc_plugin *now)
{
    pthread_mutex_lock(&h->list_lock);
    size_t i = place_of(h, old);
    h->plugin[i] = now;
    pthread_mutex_unlock(&h->list_lock);
    now->restarts = old->restarts;
    now->log_level = old->log_level;
    atomic_store(&now->trace, atomic_load(&old->trace));
    now->action = take_action(old);
}

static void replace(qc_host *h, qc_plugin *old, qc_plugin *now)
{
    take_place(h, old, now);
    qc_plugin_free(old);
}

static void drop(qc_host *h, qc_plugin *p)
{
    pthread_mutex_lock(&h->list_lock);
    size_t i = place_of(h, p);
    h->plugin[i] = h->plugin[--h->n_plugin];
    pthread_mutex_unlock(&h->list_lock);
    qc_plugin_free(p);
}

/* One without a grant is what its file is, like those that nobody has enabled yet. */
static void forget(qc_host *h, qc_plugin *p)
{
    drop(h, p);
    qc_host_look(h);
}

/* The name comes from whoever may start plugins, perhaps another plugin. One with a slash would
 * lead out of the grants' folder: to a grant that a plugin has written for itself in its store. */
static bool is_name(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(name);
}

char *qc_host_grant_of(const qc_host *h, const char *name)
{
    if (!is_name(name))
        return NULL;
    char *exact = qc_asprintf("%s/%s.grant", h->grant_dir, name), *found = NULL;
    qc_os_list list = {0};
    if (qc_os_exists(exact))
        return exact;
    qc_free(exact);
    if (qc_os_list_dir(h->grant_dir, &list))
        return NULL;
    for (size_t i = 0; i < list.n; i++) {
        const char *ending = strstr(list.name[i], ".grant");
        size_t n = ending && !ending[6] ? (size_t)(ending - list.name[i]) : 0, k = strlen(name);
        bool last =
            n > k && list.name[i][n - k - 1] == '.' && memcmp(list.name[i] + n - k, name, k) == 0;
        if (last && found) { /* not unique */
            qc_free(found);
            found = NULL;
            break;
        }
        if (last)
            found = qc_asprintf("%s/%s", h->grant_dir, list.name[i]);
    }
    qc_os_list_free(&list);
    return found;
}

/* ---- start ---- */

static bool is_up(qc_plugin_state s)
{
    return s == QC_PLUGIN_STARTING || s == QC_PLUGIN_RUNNING || s == QC_PLUGIN_LAGGING ||
           s == QC_PLUGIN_STOPPING;
}

static bool is_refused(const qc_plugin *p)
{
    return p->problems.n > 0;
}

/* All that stands against it: what one line is wrong about, such as a misspelt name in its grant,
 * another explains. */
static void tell_refused(qc_action *a, const qc_plugin *p)
{
    char *all = qc_strdup(p->problems.line[0]);
    for (size_t i = 1; i < p->problems.n; i++) {
        char *more = qc_asprintf("%s; %s", all, p->problems.line[i]);
        qc_free(all);
        all = more;
    }
    end_action(a, "%s: not loaded at step '%s': %s", p->label, p->problems.step, all);
    qc_free(all);
}

static void tell_ungranted(qc_action *a, const char *label)
{
    end_action(a, "%s: found no grant, wanted one (%s enable %s)", label, a->host->tool, label);
}

/* Its file may have come since the node's start. */
static void tell_unknown(qc_host *h, qc_action *a)
{
    qc_host_look(h);
    const qc_plugin *p = qc_host_by_name(h, a->name);
    if (p) {
        tell_ungranted(a, p->label);
        return;
    }
    char *hint = qc_host_did_you_mean(h, a->name);
    end_action(a, "%s: found no plugin and no grant of that name%s", qc_printable(a->name), hint);
    qc_free(hint);
}

/* A plugin that is down starts as its grant and file are now. */
static void start_fresh(qc_supervisor *s, qc_plugin *old, qc_action *a)
{
    qc_host *h = s->host;
    char *path = old && old->grant_path ? qc_strdup(old->grant_path) : qc_host_grant_of(h, a->name);
    if (!path || !qc_os_exists(path)) {
        qc_free(path);
        char *label = old ? qc_strdup(old->label) : NULL;
        if (old && old->grant_path)
            forget(h, old); /* first: who has the answer sees it so */
        if (label)
            tell_ungranted(a, label);
        else
            tell_unknown(h, a);
        qc_free(label);
        return;
    }
    qc_plugin *p = qc_plugin_new(h, path);
    qc_free(path);
    if (old) {
        replace(h, old, p);
    } else if (!qc_host_add(h, p)) {
        end_action(a, "%s: found more than %u plugins", a->name, QC_HOST_PLUGINS);
        return;
    }
    if (is_refused(p)) {
        tell_refused(a, p);
        return;
    }
    set_action(p, a);
    qc_plugin_start(p);
}

static void do_start(qc_supervisor *s, qc_plugin *p, qc_action *a)
{
    qc_plugin_state st = p ? qc_plugin_get_state(p) : QC_PLUGIN_STOPPED;
    if ((st == QC_PLUGIN_RUNNING || st == QC_PLUGIN_LAGGING) && !p->grant.trusted)
        end_action(a, "%s: it is %s ('plugin reload %s' takes up a changed grant)", p->label,
                   qc_plugin_state_name(st), p->label);
    else if (is_up(st))
        end_action(a, "%s: it is %s", p->label, qc_plugin_state_name(st));
    else if (st == QC_PLUGIN_WEDGED)
        end_action(a, "%s: it is WEDGED: the node must be restarted", p->label);
    else if (st == QC_PLUGIN_QUARANTINED)
        end_action(a, "%s: it is QUARANTINED (%s): plugin quarantine-clear first", p->label,
                   p->reason ? p->reason : "");
    else if (p && p->library)
        end_action(a, "%s: a trusted plugin runs once: the node must be restarted", p->label);
    else
        start_fresh(s, p, a);
}

/* ---- stop ---- */

/* Once its grant is taken away, one that is down is nobody's any more; but what a trusted one has
 * left in the process keeps its name from another start. */
static bool may_leave(const qc_plugin *p)
{
    return p->grant_path && !qc_os_exists(p->grant_path) && !p->library && !p->successor;
}

/* It is down, as was asked for. */
static void end_stop(qc_plugin *p, qc_action *a)
{
    if (may_leave(p)) {
        qc_log(QC_LOG_INFO, "plugin", "%s: its grant is gone, and so is it", p->label);
        forget(p->host, p);
    }
    end_action(a, NULL);
}

static void do_stop(qc_plugin *p, qc_action *a)
{
    qc_plugin_state st = qc_plugin_get_state(p);
    if (p->successor) { /* both: the new one may be at init() for as long as it likes */
        p->successor->stop_ordered = true;
        qc_plugin_stop(p->successor, NULL);
    }
    if (st == QC_PLUGIN_BACKOFF) {
        qc_timer_cancel(p->again);
        qc_plugin_set_state(p, QC_PLUGIN_STOPPED, NULL);
        end_stop(p, a);
    } else if (!is_up(st) && st != QC_PLUGIN_WEDGED && may_leave(p)) {
        end_stop(p, a);
    } else if (st == QC_PLUGIN_DISCOVERED) {
        end_action(a, "%s: it is DISCOVERED: it has no grant, and nothing of it runs", p->label);
    } else if (!is_up(st)) {
        end_action(a, "%s: it is %s", p->label, qc_plugin_state_name(st));
    } else {
        set_action(p, a);
        p->stop_ordered = true;
        qc_plugin_stop(p, NULL);
    }
}

/* ---- reload: the new one proves itself up to init() before the old one is touched ---- */

static void drop_fallback(qc_plugin *p)
{
    qc_plugin_free(p->fallback);
    p->fallback = NULL;
}

static void begin_successor(qc_plugin *p, qc_plugin *now)
{
    p->successor = now;
    now->hold = now->store_later = true;
    qc_plugin_start(now);
}

static void do_reload(qc_supervisor *s, qc_plugin *p, qc_action *a)
{
    qc_plugin_state st = qc_plugin_get_state(p);
    if (st != QC_PLUGIN_RUNNING && st != QC_PLUGIN_LAGGING) {
        do_start(s, p, a);
        return;
    }
    drop_fallback(p); /* it runs, though that may not have been heard yet */
    qc_plugin *now = qc_plugin_new_successor(p);
    if (is_refused(now)) {
        refuse(a);
        tell_refused(a, now);
        qc_plugin_free(now);
        return;
    }
    if (qc_plugin_only_live(p, now)) {
        set_action(p, a);
        qc_plugin_reconfigure(p, now);
        return;
    }
    if (p->grant.trusted || now->grant.trusted) {
        end_action(a, "%s: a trusted plugin cannot be reloaded: the node must be restarted",
                   p->label);
        qc_plugin_free(now);
        return;
    }
    set_action(p, a);
    begin_successor(p, now);
}

static void give_up_successor(qc_plugin *now)
{
    qc_plugin *p = now->predecessor;
    if (!qc_plugin_join(now))
        return;
    pthread_mutex_lock(&p->lock);
    bool stopping = p->stop_asked;
    pthread_mutex_unlock(&p->lock);
    p->successor = NULL;
    if (!p->stop_ordered) {
        refuse(p->action);
        end_action(take_action(p), "%s: the new one did not get through init(): %s; the old one %s",
                   p->label, now->reason ? now->reason : "it ended",
                   stopping ? "is started again" : "runs on");
    }
    /* It was told to make room already: nobody is left to take its place. */
    p->comes_back = stopping && !p->stop_ordered;
    qc_plugin_free(now);
}

/* start() of the new one comes only now that the old one has closed its store. Should it fail, the
 * old one, whose file is in memory still, comes back. */
static void hand_over(qc_host *h, qc_plugin *p)
{
    qc_plugin *now = p->successor;
    now->predecessor = NULL;
    atomic_store(&now->incoming, false);
    p->successor = NULL;
    take_place(h, p, now);
    if (qc_plugin_get_state(p) == QC_PLUGIN_QUARANTINED) {
        qc_plugin_free(p);
    } else {
        qc_plugin_reset(p);
        qc_timer_free(p->again);
        p->again = NULL;
        atomic_store(&p->handing_over, false);
        now->fallback = p;
    }
    qc_plugin_go(now);
}

/* What an operator has taken away meanwhile does not come back by a file that fails. */
static bool may_roll_back(const qc_plugin *now, qc_plugin_state st)
{
    if (!now->fallback || now->successor || now->stop_ordered)
        return false;
    if (st != QC_PLUGIN_CRASHED && st != QC_PLUGIN_REJECTED)
        return false;
    if (qc_plugin_may_still(now->fallback, &now->grant))
        return true;
    qc_log(QC_LOG_WARN, "plugin",
           "%s: the new one did not start, and the old one may do more than the grant allows now: "
           "it stays down",
           now->label);
    if (now->action)
        now->action->is_down = true;
    return false;
}

static void roll_back(qc_host *h, qc_plugin *now)
{
    qc_plugin *old = now->fallback;
    char *why = qc_strdup(now->reason ? now->reason : "it ended");
    now->fallback = NULL;
    refuse(now->action);
    end_action(take_action(now), "%s: the new one did not start: %s; the old one is started again",
               now->label, why);
    qc_log(QC_LOG_WARN, "plugin", "%s: the new one did not start; back to sha256 %s", now->label,
           old->image.sha256);
    replace(h, now, old);
    old->restarts++;
    pthread_mutex_lock(&old->lock); /* it says so while it runs */
    old->reason = qc_asprintf("back to the file from before the reload, since the new one did not "
                              "start: %s",
                              why);
    pthread_mutex_unlock(&old->lock);
    qc_free(why);
    qc_plugin_start(old);
}

/* ---- after the end ---- */

static void start_again(void *arg)
{
    qc_plugin *p = arg;
    p->restarts++;
    qc_plugin_reset(p);
    qc_plugin_start(p);
}

/* 1, 2, 4 ... 300 s, a fifth more or less, so that many plugins do not come back at once. */
static int64_t backoff_ms(const qc_host *h, unsigned crashes)
{
    uint32_t dice;
    int64_t s = crashes > 9 ? BACKOFF_MAX_S : (int64_t)1 << (crashes - 1);
    int64_t unit = h->o.backoff_ms ? h->o.backoff_ms : 1000;
    qc_os_random(&dice, sizeof dice);
    s = s < BACKOFF_MAX_S ? s : BACKOFF_MAX_S;
    return s * unit * (80 + dice % 41) / 100;
}

static unsigned count_crash(qc_plugin *p)
{
    qc_mono now = qc_clock_mono(), window = (qc_mono)p->grant.restart_window_s * SECOND;
    unsigned kept = 0;
    if (p->ran_since && now - p->ran_since > HEALTHY)
        p->backoff = 0;
    for (unsigned i = 0; i < p->n_crash; i++)
        if (now - p->crash[i] < window)
            p->crash[kept++] = p->crash[i];
    if (kept == QC_COUNTOF(p->crash))
        memmove(p->crash, p->crash + 1, --kept * sizeof p->crash[0]);
    p->crash[kept++] = now;
    p->n_crash = kept;
    p->backoff++;
    return kept;
}

static unsigned deaths_at(const qc_plugin_deaths *d, const qn_block_ref *at)
{
    for (unsigned i = 0; i < d->n; i++)
        if (memcmp(&d->block[i].at, at, sizeof *at) == 0)
            return d->block[i].times;
    return 0;
}

/* A block that one of its subscriptions had been handed and had not acknowledged, the third time in
 * a row. Out: *at, and how often. */
static unsigned poison(qc_plugin *p, qn_block_ref *at)
{
    qc_plugin_deaths now = {.n = 0};
    unsigned most = 0;
    for (unsigned i = 0; i < QC_PLUGIN_FOLLOWS; i++) {
        const qn_block_ref *ref = &p->handed[i].ref;
        if (!atomic_load(&p->handed[i].given) || deaths_at(&now, ref))
            continue;
        unsigned times = deaths_at(&p->died, ref) + 1;
        now.block[now.n].at = *ref;
        now.block[now.n++].times = times;
        if (times > most) {
            most = times;
            *at = *ref;
        }
    }
    p->died = now;
    return most >= POISON ? most : 0;
}

static void crashed(qc_supervisor *s, qc_plugin *p)
{
    char *why = qc_strdup(p->reason ? p->reason : "");
    unsigned crashes = count_crash(p), deaths;
    qn_block_ref at;
    if (p->grant.trusted || p->grant.restarts == 0 || p->stop_ordered) {
        qc_host_alert(s->host, p, QC_PLUGIN_CRASHED, why);
        qc_free(why);
        return;
    }
    if ((deaths = poison(p, &at))) {
        qc_plugin_set_state(p, QC_PLUGIN_QUARANTINED,
                            "it died %u times at the block of height %u: %s", deaths, at.height,
                            why);
    } else if (crashes > p->grant.restarts) {
        qc_plugin_set_state(p, QC_PLUGIN_QUARANTINED, "it crashed %u times in %u s: %s", crashes,
                            p->grant.restart_window_s, why);
    } else if (!p->again && qc_timer_new(s->loop, start_again, p, &p->again)) {
        qc_log(QC_LOG_ERROR, "plugin", "%s: no timer to start it again with", p->label);
    } else {
        int64_t ms = backoff_ms(s->host, p->backoff);
        qc_plugin_set_state(p, QC_PLUGIN_BACKOFF, "%s; again in %lld.%lld s", why,
                            (long long)(ms / 1000), (long long)(ms % 1000 / 100));
        qc_timer_set(p->again, ms);
    }
    qc_free(why);
}

static void drop_next_config(qc_plugin *p)
{
    qc_plugin_free(p->next_config);
    p->next_config = NULL;
}

static bool is_same_file(const qc_plugin *a, const qc_plugin *b)
{
    return strcmp(a->image.sha256, b->image.sha256) == 0;
}

static void ended(qc_supervisor *s, qc_plugin *p)
{
    if (!qc_plugin_join(p))
        return;
    p->no_thread = false; /* heard */
    if (p->predecessor) {
        give_up_successor(p);
        return;
    }
    qc_plugin_state st = qc_plugin_get_state(p);
    if (may_roll_back(p, st)) {
        roll_back(s->host, p);
        return;
    }
    drop_fallback(p);
    qc_action *a = take_action(p);
    drop_next_config(p);
    if (p->successor && st == QC_PLUGIN_QUARANTINED && is_same_file(p, p->successor)) {
        p->successor->stop_ordered = true; /* that is what an operator has to look at first */
        qc_plugin_stop(p->successor, NULL);
    } else if (p->successor && st != QC_PLUGIN_WEDGED) {
        p->action = a;
        hand_over(s->host, p);
        return;
    }
    if (!p->comes_back)
        qc_rpc_release_held(s->host->o.registry, p->label);
    if (a && a->kind == QC_ACTION_STOP && st == QC_PLUGIN_STOPPED) {
        end_stop(p, a);
        return;
    }
    if (a && a->kind == QC_ACTION_STOP)
        end_action(a, NULL);
    else
        end_action(a, "%s: %s: %s%s", p->label, qc_plugin_state_name(st),
                   p->reason ? p->reason : "it ended",
                   a && a->is_down ? "; the old one may do more than the grant allows now, and "
                                     "stays down"
                                   : "");
    if (st == QC_PLUGIN_CRASHED)
        crashed(s, p);
    else if (p->comes_back && !p->stop_ordered && st == QC_PLUGIN_STOPPED)
        start_again(p);
}

/* ---- what is heard ---- */

typedef struct notice {
    qc_supervisor *s;
    qc_plugin *p;
    qn_status st; /* of reconfigure() */
} notice;

static bool is_known(const qc_host *h, const qc_plugin *p)
{
    for (size_t i = 0; i < h->n_plugin; i++)
        if (h->plugin[i] == p || h->plugin[i]->successor == p)
            return true;
    return false; /* freed meanwhile */
}

static void look(void *arg)
{
    notice *n = arg;
    qc_supervisor *s = n->s;
    qc_plugin *p = n->p;
    qc_free(n);
    if (atomic_load(&s->stopped) || !is_known(s->host, p))
        return;
    pthread_mutex_lock(&p->lock);
    bool over = p->ended && (p->thread || p->no_thread), waits = p->waits;
    qc_plugin_state st = p->state;
    pthread_mutex_unlock(&p->lock);
    if (over) {
        ended(s, p);
    } else if (waits && p->predecessor) {
        atomic_store(&p->predecessor->handing_over, true); /* its names wait for the new one */
        qc_plugin_stop(p->predecessor, NULL);
    } else if (st == QC_PLUGIN_RUNNING) {
        if (!p->ran_since)
            p->ran_since = qc_clock_mono();
        drop_fallback(p);
        if (!p->successor)
            qc_rpc_release_held(s->host->o.registry, p->label);
        if (p->action && p->action->kind != QC_ACTION_STOP && !p->successor && !p->next_config)
            end_action(take_action(p), NULL);
    }
}

void qc_supervise(qc_supervisor *s, qc_plugin *p)
{
    if (!s || atomic_load(&s->stopped))
        return;
    notice *n = qc_alloc(sizeof *n);
    *n = (notice){s, p, QN_OK};
    qc_loop_post(s->loop, look, n);
}

/* One that knows no such thing is reloaded, where that can be. */
static void reconfigured(void *arg)
{
    notice n = *(notice *)arg;
    qc_plugin *p = n.p;
    qc_free(arg);
    if (atomic_load(&n.s->stopped) || !is_known(n.s->host, p) || !p->next_config)
        return;
    qc_plugin_state is = qc_plugin_get_state(p);
    if (p->stop_ordered || (is != QC_PLUGIN_RUNNING && is != QC_PLUGIN_LAGGING)) {
        drop_next_config(p); /* its end is the answer to whoever waits */
        return;
    }
    if (n.st == QN_E_UNSUPPORTED && !p->grant.trusted && !p->successor) {
        qc_plugin *now = p->next_config;
        p->next_config = NULL;
        qc_plugin *fresh = qc_plugin_new_successor(p); /* its values are the old ones by now */
        qc_plugin_free(now);
        if (is_refused(fresh)) {
            refuse(p->action);
            tell_refused(take_action(p), fresh);
            qc_plugin_free(fresh);
        } else {
            begin_successor(p, fresh);
        }
        return;
    }
    drop_next_config(p);
    if (n.st == QN_OK) {
        qc_log(QC_LOG_INFO, "plugin", "%s: it runs on with its new configuration", p->label);
        end_action(take_action(p), NULL);
    } else if (n.st == QN_E_UNSUPPORTED) { /* not refused: good for the next start */
        end_action(take_action(p),
                   "%s: it cannot be reconfigured while it runs, and a trusted "
                   "plugin cannot be reloaded: the node must be restarted",
                   p->label);
    } else {
        refuse(p->action);
        end_action(take_action(p), "%s: reconfigure() answered %s (%d); it runs on as it was",
                   p->label, qc_status_name(n.st), (int)n.st);
    }
}

void qc_supervise_reconfigured(qc_supervisor *s, qc_plugin *p, qn_status st)
{
    if (!s || atomic_load(&s->stopped))
        return;
    notice *n = qc_alloc(sizeof *n);
    *n = (notice){s, p, st};
    qc_loop_post(s->loop, reconfigured, n);
}

/* ---- commands ---- */

static void set_trace(qc_plugin *p, qc_action *a)
{
    bool on = strcmp(a->value, "on") == 0;
    if (!on && strcmp(a->value, "off") != 0) {
        end_action(a, "trace: found %s, wanted on or off", qc_printable(a->value));
        return;
    }
    if (p->grant.trusted) { /* its calls go straight to the tables */
        end_action(a, "%s: it is trusted: only the calls of an isolated plugin can be seen",
                   p->label);
        return;
    }
    atomic_store(&p->trace, on);
    end_action(a, NULL);
}

static void set_log_level(qc_plugin *p, qc_action *a)
{
    static const char *const name[] = {"", "error", "warn", "info", "debug"};
    for (int i = 1; i < (int)QC_COUNTOF(name); i++)
        if (strcmp(a->value, name[i]) == 0) {
            atomic_store(&p->log_level, i);
            end_action(a, NULL);
            return;
        }
    end_action(a, "loglevel: found %s, wanted error, warn, info or debug", qc_printable(a->value));
}

static void clear_quarantine(qc_supervisor *s, qc_plugin *p, qc_action *a)
{
    if (qc_plugin_get_state(p) != QC_PLUGIN_QUARANTINED) {
        end_action(a, "%s: it is %s, wanted QUARANTINED", p->label,
                   qc_plugin_state_name(qc_plugin_get_state(p)));
        return;
    }
    p->n_crash = p->died.n = p->backoff = 0;
    qc_plugin_set_state(p, QC_PLUGIN_STOPPED, "quarantine lifted by the operator");
    start_fresh(s, p, a);
}

/* Its end can be seen a moment before its thread has told of it, and whoever waits for it asks at
 * once for what comes next. */
static bool is_ending(qc_plugin *p)
{
    pthread_mutex_lock(&p->lock);
    bool yes = p->thread && (p->state == QC_PLUGIN_STOPPED || p->state == QC_PLUGIN_CRASHED ||
                             p->state == QC_PLUGIN_REJECTED || p->state == QC_PLUGIN_QUARANTINED);
    pthread_mutex_unlock(&p->lock);
    return yes;
}

/* For the end of a reload. */
static bool must_wait(const qc_plugin *p, qc_action_kind kind)
{
    bool only_looks = kind == QC_ACTION_TRACE || kind == QC_ACTION_LOGLEVEL;
    return kind != QC_ACTION_STOP && (p->successor || (p->next_config && !only_looks));
}

static void tell_not_found(qc_action *a)
{
    char *hint = qc_host_did_you_mean(a->host, a->name);
    end_action(a, "Plugin not found%s", hint);
    qc_free(hint);
}

static void run_action(void *arg)
{
    qc_action *a = arg;
    qc_supervisor *s = a->host->supervisor;
    qc_plugin *p = qc_host_by_name(a->host, a->name);
    if (p && !atomic_load(&s->stopped) && is_ending(p)) {
        ended(s, p);
        p = qc_host_by_name(a->host, a->name);
    }
    if (atomic_load(&s->stopped))
        end_action(a, "the node is stopping");
    else if (!p && a->kind != QC_ACTION_START)
        tell_not_found(a);
    else if (p && must_wait(p, a->kind))
        end_action(a, "%s: it is being reloaded", p->label);
    else if (a->kind == QC_ACTION_START)
        do_start(s, p, a);
    else if (a->kind == QC_ACTION_STOP)
        do_stop(p, a);
    else if (a->kind == QC_ACTION_RELOAD)
        do_reload(s, p, a);
    else if (a->kind == QC_ACTION_CLEAR)
        clear_quarantine(s, p, a);
    else if (a->kind == QC_ACTION_TRACE)
        set_trace(p, a);
    else
        set_log_level(p, a);
}

void qc_action_run(qc_action *a)
{
    atomic_fetch_add(&a->refs, 1);
    qc_loop_post(a->host->supervisor->loop, run_action, a);
}

/* ---- every two seconds ---- */

static void on_tick(void *arg)
{
    qc_supervisor *s = arg;
    qc_host *h = s->host;
    qc_book_sweep(h->book);
    qc_scans_expire(h->scans, qc_clock_mono());
    for (size_t i = 0; i < h->n_plugin; i++) {
        qc_plugin *p = h->plugin[i];
        qc_plugin_state st = qc_plugin_get_state(p);
        if (!p->grant.trusted && atomic_load(&p->pid)) /* in whatever state: it may write */
            qc_plugin_measure(p);
        if (st != QC_PLUGIN_RUNNING && st != QC_PLUGIN_LAGGING)
            continue;
        bool lags = qc_plugin_lags(p);
        /* Only from what was seen: it may have ended since. */
        if (lags && st == QC_PLUGIN_RUNNING)
            (void)qc_plugin_change_state(p, st, QC_PLUGIN_LAGGING,
                                         "its window has been full for a while");
        else if (!lags && st == QC_PLUGIN_LAGGING)
            (void)qc_plugin_change_state(p, st, QC_PLUGIN_RUNNING, NULL);
    }
    qc_timer_set(s->tick, TICK_MS);
}

/* ---- its own life ---- */

static _Thread_local const qc_supervisor *here;

static void thread_main(void *arg)
{
    qc_supervisor *s = arg;
    here = s;
    qc_loop_run(s->loop);
}

bool qc_supervisor_is_here(const qc_supervisor *s)
{
    return s && here == s;
}

qc_err qc_supervisor_new(qc_host *h, qc_supervisor **out)
{
    qc_supervisor *s = qc_alloc(sizeof *s);
    s->host = h;
    qc_err err = qc_loop_new(&s->loop);
    if (!err)
        err = qc_timer_new(s->loop, on_tick, s, &s->tick);
    if (!err) {
        qc_timer_set(s->tick, TICK_MS);
        err = qc_thread_start(&s->thread, "plugins", thread_main, s);
    }
    if (err) {
        qc_timer_free(s->tick);
        qc_loop_free(s->loop);
        qc_free(s);
        return err;
    }
    *out = s;
    return QC_OK;
}

void qc_supervisor_stop(qc_supervisor *s)
{
    if (!s || !s->thread)
        return;
    atomic_store(&s->stopped, true);
    qc_loop_stop(s->loop);
    qc_thread_join(s->thread);
    s->thread = NULL;
    for (size_t i = 0; i < s->host->n_plugin; i++) {
        qc_plugin *p = s->host->plugin[i];
        end_action(take_action(p), "the node is stopping");
        qc_timer_free(p->again);
        p->again = NULL;
    }
    qc_timer_free(s->tick);
    s->tick = NULL;
}

void qc_supervisor_free(qc_supervisor *s)
{
    if (!s)
        return;
    qc_supervisor_stop(s);
    qc_loop_free(s->loop);
    qc_free(s);
}
