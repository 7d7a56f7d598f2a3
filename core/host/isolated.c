#include "core/host/isolated.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/frame/hello.h"
#include "core/host/internal.h"
#include "core/host/spare.h"
#include "core/host/trace.h"
#include "core/os/file.h"
#include "core/os/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define TICK_MS 1000
#define MESSAGES_PER_S 50000.0 /* what a plugin may send when its grant says nothing */
#define PAUSE_MS 10            /* how long reading rests when it sends more */
#define CLOSED_S 1             /* what a process may take to end when its socket is closed */
#define BATCH 64u              /* messages that are read in one turn of the loop */
#define FILES_PLAIN 64u        /* descriptors of a plugin without a store */
#define FILES_STORE 512u

/* ---- ends ---- */

static void unwatch_all(qc_isolated *iso)
{
    qc_unwatch(iso->reading);
    qc_unwatch(iso->writing);
    qc_unwatch(iso->ended);
    iso->reading = iso->writing = iso->ended = NULL;
    if (iso->timer)
        qc_timer_cancel(iso->timer);
    if (iso->pause)
        qc_timer_cancel(iso->pause);
}

/* Kill it, wait for the kernel to say so (a killed process ends at once), and tell. */
static void finish(qc_isolated *iso, const char *fmt, ...)
{
    char why[QC_PLUGIN_REASON_MAX] = "", how[128] = "";
    int status = 0;
    if (iso->dead)
        return;
    iso->dead = true;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(why, sizeof why, fmt, ap);
        va_end(ap);
    }
    unwatch_all(iso);
    if (!qc_child_reap(&iso->child, &status)) {
        qc_child_kill(&iso->child);
        qc_child_wait(&iso->child, &status);
    }
    qc_child_status_text(status, how, sizeof how);
    /* A call that no plugin needs: what it is after is not what it was granted. */
    iso->violated |= WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    bool refused = iso->plugin->problems.n > 0;
    if (refused && !iso->violated)
        qc_plugin_iso_refused(iso->plugin);
    else if (fmt)
        qc_plugin_iso_ended(iso->plugin, why);
    else if (iso->step == QC_ISO_STOPPING && (status == 0 || iso->unwanted))
        qc_plugin_iso_ended(iso->plugin, NULL);
    else
        qc_plugin_iso_ended(iso->plugin, how);
}

void qc_isolated_violation(qc_isolated *iso, const char *fmt, ...)
{
    char why[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (iso->dead)
        return;
    iso->violated = true;
    finish(iso, "killed: its process broke the protocol: %s", why);
}

void qc_isolated_kill(qc_isolated *iso, const char *why)
{
    iso->violated = !iso->dead;
    finish(iso, "killed: %s", why);
}

/* ---- messages from the runner ---- */

uint32_t qc_isolated_cap_number(const qn_cap *cap)
{
    const qc_plugin *p = cap->plugin;
    return cap == &p->host_cap ? 0 : (uint32_t)(cap - p->cap) + 1;
}

static qn_cap *cap_at(qc_plugin *p, uint32_t number)
{
    if (number == 0)
        return &p->host_cap;
    return number <= p->n_cap ? &p->cap[number - 1] : NULL;
}

/* What the node has no memory for is no fault of the plugin: it hears so, instead of outputs. */
static void not_run(qc_stub_call *c, uint16_t method)
{
    if (!c->in->no_memory) {
        qc_isolated_violation(c->iso, "method %u of %s: malformed", method,
                              c->cap->adapter ? c->cap->adapter->id : "host/1");
        return;
    }
    c->status = QN_E_NOMEM;
    qc_pack_clear(c->out);
    *c->out = (qc_pack)QC_PACK_INIT;
}

static void serve_call(qc_isolated *iso, const qc_frame *f)
{
    qc_unpack in = qc_unpack_of(f->payload);
    qc_pack out = QC_PACK_INIT, reply = QC_PACK_INIT;
    qc_stub_call c = {.iso = iso,
                      .cap = cap_at(iso->plugin, f->cap),
                      .in = &in,
                      .out = &out,
                      .status = QN_E_INTERNAL,
                      .cast = f->kind == QC_FRAME_CAST};
    if (f->seq != (c.cast ? 0 : iso->call_seq + 1))
        qc_isolated_violation(iso, "a call with number %u out of turn", f->seq);
    else if (!c.cap)
        qc_isolated_violation(iso, "capability %u was never granted", f->cap);
    else if (!c.cast && iso->replying)
        qc_isolated_violation(iso, "a call while the one before is being answered");
    else if (!qc_stub_run(&c, f->method) && !iso->dead)
        not_run(&c, f->method);
    iso->call_seq += !c.cast;
    if (!iso->dead && atomic_load(&iso->plugin->trace))
        qc_trace_call(&c, f->method, f->payload);
    if (!iso->dead && !c.cast) {
        qc_pack_u32(&reply, (uint32_t)c.status);
        qc_pack_raw(&reply, out.out.data, out.out.len);
        reply.failed |= out.failed;
        qc_isolated_send(iso, QC_FRAME_REPLY, f->method, f->seq, f->cap, &reply, c.fd, c.n_fd);
        if (!iso->queue)
            qc_spin_expect(&iso->spin, qc_clock_mono());
    } else {
        for (uint32_t i = 0; i < c.n_fd; i++)
            close(c.fd[i]);
    }
    qc_pack_clear(&out);
}

static void send_config(qc_isolated *iso, qc_life what)
{
    const qc_plugin *p = iso->plugin;
    const qc_manifest *m = &p->image.manifest;
    qc_pack out = QC_PACK_INIT;
    if (what == QC_LIFE_INIT) {
        qc_pack_u8(&out, iso->store_later);
        qc_pack_u32(&out, p->grant.log_per_s);
    }
    qc_pack_u32(&out, (uint32_t)m->n_config);
    for (size_t i = 0; i < m->n_config; i++) {
        qc_pack_str(&out, m->config[i].name);
        qc_pack_str(&out, p->resolution.config[i]);
    }
    qc_isolated_send(iso, QC_FRAME_LIFE, (uint16_t)what, 0, 0, &out, NULL, 0);
}

static void set_deadline(qc_isolated *iso, uint32_t seconds)
{
    iso->deadline = qc_clock_mono() + (qc_mono)seconds * SECOND;
    qc_grace_anew(&iso->grace, (qc_mono)seconds * SECOND);
    qc_timer_set(iso->timer, TICK_MS);
}

static void on_ready(qc_isolated *iso, const qc_frame *f)
{
    qc_plugin *p = iso->plugin;
    qc_unpack in = qc_unpack_of(f->payload);
    iso->held = qc_unpack_u32(&in);
    iso->landlock_abi = qc_unpack_u32(&in);
    char *missing = qc_unpack_str(&in);
    uint64_t load_ns = qc_unpack_u64(&in);
    bool crossed = iso->step == QC_ISO_STOPPING && iso->unwanted; /* it was on its way already */
    if ((iso->step != QC_ISO_STARTING && !crossed) || !qc_unpack_end(&in)) {
        qc_free(missing);
        qc_isolated_violation(iso, "READY: malformed or out of turn");
        return;
    }
    if (crossed) {
        qc_free(missing);
        return;
    }
    if (missing && *missing)
        qc_log(QC_LOG_INFO, "plugin", "%s: sandbox without %s", p->label, qc_printable(missing));
    pthread_mutex_lock(&p->lock);
    qc_free(p->sandbox_missing);
    p->sandbox_missing = missing ? missing : qc_strdup("");
    pthread_mutex_unlock(&p->lock);
    if (load_ns > 100000000)
        qc_log(QC_LOG_WARN, "plugin", "%s: it took %llu ms to load, wanted less than 100", p->label,
               (unsigned long long)(load_ns / 1000000));
    iso->step = QC_ISO_INIT;
    send_config(iso, QC_LIFE_INIT);
}

static void on_problem(qc_isolated *iso, const qc_frame *f)
{
    qc_unpack in = qc_unpack_of(f->payload);
    char *step = qc_unpack_str(&in), *line = qc_unpack_str(&in);
    bool ok = qc_unpack_end(&in) && step && line &&
              (iso->step <= QC_ISO_START || iso->step == QC_ISO_STOPPING);
    if (ok && iso->step != QC_ISO_STOPPING)
        qc_plugin_problem(iso->plugin, iso->step == QC_ISO_STARTING ? "load" : "caps", "%s: %s",
                          qc_printable(step), line);
    qc_free(step);
    qc_free(line);
    if (!ok)
        qc_isolated_violation(iso, "PROBLEM: malformed or out of turn");
    else if (iso->step != QC_ISO_STOPPING) /* asked to stop while it failed: no matter any more */
        finish(iso, NULL);                 /* it has nothing to say after that */
}

static bool has_store(const qc_plugin *p)
{
    for (size_t i = 0; i < p->resolution.n; i++)
        if (p->resolution.item[i].answer == QC_ANSWER_GRANTED &&
            strcmp(p->resolution.item[i].want->id, "store.own/1") == 0)
            return p->host->store_fd >= 0;
    return false;
}

static qc_spare_kind spare_of(const qc_plugin *p)
{
    return has_store(p) ? QC_SPARE_STORE : QC_SPARE_PLAIN;
}

static bool in_background(const qc_isolated *iso)
{
    const char *cpu = iso->plugin->grant.cpu;
    return !cpu || strcmp(cpu, "background") == 0;
}

/* It yields to everything else for good, since its sandbox forbids it to change that. Until here it
 * was as others are: on a busy machine it would not have started in time. Threads that it starts
 * meanwhile are found by looking again. */
static void yield(qc_isolated *iso)
{
    qc_yields how = QC_YIELDS_NOW;
    if (!iso->to_yield)
        return;
    for (int look = 0; look < 4 && how == QC_YIELDS_NOW; look++)
        how = qc_os_process_yields(iso->child.pid);
    iso->to_yield = how == QC_YIELDS_NOW;
    iso->class_refused = how == QC_YIELDS_NOT;
    if (iso->class_refused)
        qc_log(QC_LOG_WARN, "plugin",
               "%s: cpu = background has no effect: the node may not change it",
               iso->plugin->label);
}

static void begin_to_yield(qc_isolated *iso)
{
    iso->to_yield = in_background(iso) && !iso->class_refused;
    yield(iso);
}

static void on_done(qc_isolated *iso, const qc_frame *f)
{
    static const char *const name[] = {"", "init", "start"};
    qc_plugin *p = iso->plugin;
    qc_unpack in = qc_unpack_of(f->payload);
    qn_status st = (qn_status)qc_unpack_u32(&in);
    bool ok = qc_unpack_end(&in);
    if (ok && f->method == QC_LIFE_INIT && iso->step == QC_ISO_INIT && st == QN_OK) {
        iso->step = QC_ISO_READY;
        iso->deadline = 0;
        qc_plugin_iso_ready(p);
    } else if (ok && f->method == QC_LIFE_START && iso->step == QC_ISO_START && st == QN_OK) {
        iso->step = QC_ISO_RUNNING;
        iso->deadline = 0;
        begin_to_yield(iso);
        qc_spare_want(p->host->spare, spare_of(p)); /* it may want to come back, or be followed */
        qc_plugin_iso_running(p);
    } else if (ok && ((f->method == QC_LIFE_INIT && iso->step == QC_ISO_INIT) ||
                      (f->method == QC_LIFE_START && iso->step == QC_ISO_START))) {
        char *why = qc_plugin_start_failed(p, name[f->method], st);
        finish(iso, "%s", why);
        qc_free(why);
    } else if (ok && f->method == QC_LIFE_RECONFIGURE && iso->reconfigure_until) {
        iso->reconfigure_until = 0;
        if (iso->step == QC_ISO_RUNNING) /* else nobody wants to know any more */
            qc_plugin_reconfigured(p, st);
    } else if (ok && f->method == QC_LIFE_STOP && iso->step == QC_ISO_STOPPING) {
        qc_log(QC_LOG_DEBUG, "plugin", "%s: stop() answered %s (%d)", p->label, qc_status_name(st),
               (int)st);
    } else if (iso->step != QC_ISO_STOPPING) { /* asked to stop while init or start ran: expected */
        qc_isolated_violation(iso, "DONE: malformed or out of turn");
    }
}

/* While nothing is awaited of it there is nothing to look at until it is to be asked. */
static int64_t next_tick(const qc_isolated *iso, qc_mono now)
{
    if (iso->step != QC_ISO_RUNNING || iso->pinged || iso->reconfigure_until || iso->closed)
        return TICK_MS;
    qc_mono rest = iso->deadline + iso->late - now;
    return QC_MAX(rest / (SECOND / 1000) + 1, (qc_mono)TICK_MS);
}

static void set_tick(qc_isolated *iso)
{
    qc_mono now = qc_clock_mono();
    int64_t ms = next_tick(iso, now);
    iso->grace.due = now + ms * (SECOND / 1000);
    qc_timer_set(iso->timer, ms);
}

static void answered(qc_isolated *iso)
{
    iso->pinged = 0;
    set_tick(iso);
}

static void take(qc_isolated *iso, const qc_frame *f)
{
    atomic_fetch_add_explicit(&iso->plugin->messages, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&iso->plugin->bytes, f->payload.len, memory_order_relaxed);
    if (f->n_fd)
        qc_isolated_violation(iso, "a descriptor, which no message of it carries");
    else if ((f->kind == QC_FRAME_CALL || f->kind == QC_FRAME_CAST) && iso->step != QC_ISO_STARTING)
        serve_call(iso, f);
    else if (f->kind == QC_FRAME_CAST && f->cap == 0) /* a constructor has nothing to log with */
        qc_isolated_violation(iso, "a call before it was loaded");
    else if (f->kind == QC_FRAME_READY)
        on_ready(iso, f);
    else if (f->kind == QC_FRAME_PROBLEM)
        on_problem(iso, f);
    else if (f->kind == QC_FRAME_DONE)
        on_done(iso, f);
    else if (f->kind == QC_FRAME_PONG && iso->pinged && f->seq == iso->ping_seq && !f->payload.len)
        answered(iso);
    else
        qc_isolated_violation(iso, "message of kind %u out of turn", f->kind);
}

/* ---- reading ---- */

static void on_readable(void *arg, int fd, unsigned events);

static void resume(void *arg)
{
    qc_isolated *iso = arg;
    if (!iso->dead && !iso->closed && !iso->reading &&
        qc_io_watch(iso->plugin->loop, iso->chan.fd, QC_IO_READ, on_readable, iso, &iso->reading))
        finish(iso, "no descriptor to watch its process with");
}

/* A plugin that sends more than it may is read more slowly: the socket fills, and it waits. */
static bool pay(qc_isolated *iso)
{
    double rate = iso->plugin->grant.calls_per_s;
    rate = rate > 0 ? rate : MESSAGES_PER_S;
    qc_mono now = qc_clock_mono();
    iso->tokens += (double)(now - iso->token_at) * 1e-9 * rate;
    iso->token_at = now;
    if (iso->tokens > rate)
        iso->tokens = rate;
    iso->tokens -= 1;
    if (iso->tokens >= 0)
        return true;
    qc_unwatch(iso->reading);
    iso->reading = NULL;
    qc_timer_set(iso->pause, PAUSE_MS);
    return false;
}

/* Read what is there. False: nothing more, or the end. */
static bool read_one(qc_isolated *iso)
{
    const qc_frame *f;
    qc_err err = qc_chan_recv_soon(&iso->chan, &iso->spin, &f);
    if (!err)
        take(iso, f);
    else if (err == QC_ECORRUPT)
        qc_isolated_violation(iso, "what it sent is no message");
    else if (err == QC_ENOENT && !iso->dead) { /* it closed its end: it ends, or it will */
        qc_unwatch(iso->reading);
        iso->reading = NULL;
        if (iso->step != QC_ISO_STOPPING && !iso->closed)
            set_deadline(iso, CLOSED_S);
        iso->closed = true;
    } else if (err == QC_EIO || err == QC_ENOMEM) {
        finish(iso, "killed: its messages cannot be read: %s", qc_err_text(err));
    }
    return (!err || err == QC_ECANCELED) && !iso->dead;
}

static void on_readable(void *arg, int fd, unsigned events)
{
    qc_isolated *iso = arg;
    (void)fd;
    (void)events;
    for (unsigned i = 0; i < BATCH && iso->reading; i++)
        if (!read_one(iso) || !pay(iso))
            return;
}

/* The process has ended: what it said before still counts. */
static void on_ended(void *arg, int fd, unsigned events)
{
    qc_isolated *iso = arg;
    (void)fd;
    (void)events;
    while (!iso->dead && read_one(iso))
        ;
    finish(iso, NULL);
}

/* ---- time ---- */

#define QUIET_MAX 2 /* doublings of the time between two pings */

/* How long until the next ping. One that has nothing to do and says nothing is asked more and more
 * rarely: being asked would be most of what it costs. A block or a call sets it back. */
static qc_mono ping_pause(qc_isolated *iso)
{
    uint64_t heard = atomic_load_explicit(&iso->plugin->messages, memory_order_relaxed);
    bool quiet = heard == iso->heard + 1; /* the pong */
    iso->heard = heard;
    iso->quiet = quiet ? QC_MIN(iso->quiet + 1, QUIET_MAX) : 0;
    return ((qc_mono)iso->plugin->grant.ping_s * SECOND) << iso->quiet;
}

static void ping(qc_isolated *iso, qc_mono now)
{
    const qc_grant *g = &iso->plugin->grant;
    if (iso->pinged) {
        if (now - iso->pinged - iso->late > (qc_mono)g->ping_dead_s * SECOND)
            finish(iso, "killed: its loop did not come back for %u s", g->ping_dead_s);
    } else if (now - iso->late >= iso->deadline) {
        iso->pinged = now;
        iso->late = 0;
        qc_grace_anew(&iso->grace, (qc_mono)g->ping_dead_s * SECOND);
        iso->deadline = now + ping_pause(iso);
        qc_isolated_send(iso, QC_FRAME_PING, 0, ++iso->ping_seq, 0, NULL, NULL, 0);
    }
}

static bool progressed(const qc_isolated *iso, qc_mono now)
{
    qc_plugin *p = iso->plugin;
    pthread_mutex_lock(&p->lock);
    bool yes = now - p->progress_at < (qc_mono)p->grant.start_s * SECOND;
    pthread_mutex_unlock(&p->lock);
    return yes;
}

/* Deadlines count only while our own loop is on time and the plugin may run: of a machine that is
 * busy with other work one of the background class gets next to nothing. */
static void forgive(qc_isolated *iso, qc_mono now)
{
    int64_t waited;
    if (!qc_os_process_waited(iso->child.pid, &waited))
        waited = -1;
    qc_mono d = qc_grace_take(&iso->grace, now, now + TICK_MS * (SECOND / 1000), waited);
    iso->late += d;
    if (iso->deadline)
        iso->deadline += d;
    if (iso->reconfigure_until)
        iso->reconfigure_until += d;
}

static void on_tick(void *arg)
{
    qc_isolated *iso = arg;
    const qc_grant *g = &iso->plugin->grant;
    qc_mono now = qc_clock_mono();
    if (iso->dead)
        return;
    forgive(iso, now);
    /* While reading rests, an answer may well lie behind what was sent too fast. */
    if (!iso->reading && !iso->closed && iso->pinged)
        iso->late += TICK_MS * (SECOND / 1000);
    if (iso->closed && iso->step != QC_ISO_STOPPING) {
        if (now > iso->deadline)
            finish(iso, "killed: it closed its socket and did not end");
    } else if (iso->step == QC_ISO_RUNNING && iso->reconfigure_until &&
               now > iso->reconfigure_until) {
        finish(iso, "killed: reconfigure() did not return in %u s", g->start_s);
    } else if (iso->step == QC_ISO_RUNNING) {
        yield(iso);
        ping(iso, now);
    } else if (iso->deadline && now > iso->deadline) {
        if (iso->step == QC_ISO_STOPPING)
            finish(iso, "killed: it did not stop in %u s", g->stop_s);
        else if (progressed(iso, now))
            begin_to_yield(iso); /* whoever takes longer has no claim on more */
        else
            finish(iso, "killed: it did not start in %u s", g->start_s);
    }
    if (!iso->dead)
        set_tick(iso);
}

/* ---- begin ---- */

/* The folder of the plugin, for store.own. When the node is root it belongs to the plugin's user,
 * also what a trusted run of it has left there. */
static int open_folder(const qc_plugin *p, uid_t uid, gid_t gid)
{
    char *dir = qc_asprintf("%s/%s", p->host->data_dir, p->image.manifest.id);
    int fd = -1;
    if (!qc_os_mkdirs_synced(dir))
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && geteuid() == 0 && uid && qc_os_own_tree(dir, uid, gid)) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        qc_log(QC_LOG_ERROR, "plugin", "%s: %s: the folder cannot be made", p->label, dir);
    qc_free(dir);
    return fd;
}

static void fill_caps(const qc_plugin *p, qc_hello *h)
{
    for (size_t i = 0; i < p->resolution.n && h->n_cap < QC_HELLO_CAPS; i++) {
        const qc_resolved *r = &p->resolution.item[i];
        if (r->answer != QC_ANSWER_GRANTED || strcmp(r->want->id, "host/1") == 0)
            continue;
        uint32_t number = 0;
        for (size_t k = 0; k < p->n_cap; k++)
            if (strcmp(p->cap[k].adapter->id, r->want->id) == 0)
                number = (uint32_t)k + 1;
        h->cap[h->n_cap].id = r->want->id;
        h->cap[h->n_cap++].number = number;
        if (strcmp(r->want->id, "store.own/1") == 0) {
            h->has_store = true;
            h->quota = qc_plugin_quota(p);
        }
        if (strncmp(r->want->id, "net.", 4) == 0) /* connections are descriptors of its process */
            h->descriptors += (uint32_t)qc_cap_number(&p->cap[number - 1], "max_conns", 64);
        if (strcmp(r->want->id, "chain.follow/1") == 0 || strcmp(r->want->id, "block.read/1") == 0)
            h->arena_size = p->host->arena ? qc_arena_size(p->host->arena) : 0;
    }
}

static bool hello(qc_isolated *iso)
{
    qc_plugin *p = iso->plugin;
    qc_pack out = QC_PACK_INIT;
    qc_hello h = {.build = (char *)(uintptr_t)qc_hello_build(),
                  .id = p->image.manifest.id,
                  .version = p->image.manifest.version,
                  .best_effort = p->grant.best_effort,
                  .threads = qc_resolve_threads(&p->grant),
                  .memory = qc_resolve_memory(&p->image.manifest, &p->grant)};
    fill_caps(p, &h);
    h.descriptors += h.has_store ? FILES_STORE : FILES_PLAIN;
    h.uid = h.gid = qc_host_plugin_uid(p);
    int fd[5] = {fcntl(p->image.fd, F_DUPFD_CLOEXEC, 3),
                 fcntl(p->host->page_fd, F_DUPFD_CLOEXEC, 3)};
    uint32_t n = 2;
    if (h.arena_size)
        fd[n++] = fcntl(qc_arena_fd(p->host->arena), F_DUPFD_CLOEXEC, 3);
    if (h.has_store)
        fd[n++] = open_folder(p, h.uid, h.gid);
    if (h.has_store)
        fd[n++] = fcntl(p->host->store_fd, F_DUPFD_CLOEXEC, 3);
    bool ok = true;
    for (uint32_t i = 0; i < n; i++)
        ok &= fd[i] >= 0;
    if (ok) {
        qc_hello_write(&h, &out);
        qc_isolated_send(iso, QC_FRAME_HELLO, 0, 0, 0, &out, fd, n);
    }
    for (uint32_t i = 0; !ok && i < n; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return ok;
}

void qc_isolated_begin(qc_plugin *p)
{
    qc_isolated *iso = qc_alloc(sizeof *iso);
    iso->plugin = p;
    iso->queue_end = &iso->queue;
    iso->child = (qc_child)QC_CHILD_INIT;
    iso->chan.fd = -1;
    iso->store_later = p->store_later;
    iso->token_at = qc_clock_mono();
    iso->grace = QC_GRACE_INIT;
    iso->own_max = qc_resolve_memory(&p->image.manifest, &p->grant);
    iso->spin = (qc_spin)QC_SPIN_INIT(qc_cpu_count());
    p->iso = iso;
    qc_err err = p->host->runner_fd < 0 ? QC_ENOENT : QC_OK;
    if (!err && !qc_spare_take(p->host->spare, spare_of(p), &iso->child))
        err = qc_child_start(p->host->runner_fd, &iso->child);
    if (err) {
        iso->dead = true;
        qc_plugin_problem(p, "runner", "process: found %s, wanted %s to start", qc_err_text(err),
                          p->host->runner);
        qc_plugin_iso_refused(p);
        return;
    }
    qc_chan_init(&iso->chan, iso->child.socket, QC_MESSAGE_MAX);
    iso->child.socket = -1; /* the channel's now */
    atomic_store(&p->pid, (int)iso->child.pid);
    iso->spin.thrifty = in_background(iso); /* our thread does not wait for it with all its might */
    if (!qc_os_may_change_class())
        begin_to_yield(iso); /* while it is root's still; later it could not be done */
    if (qc_timer_new(p->loop, on_tick, iso, &iso->timer) ||
        qc_timer_new(p->loop, resume, iso, &iso->pause) ||
        qc_io_watch(p->loop, iso->child.pidfd, QC_IO_READ, on_ended, iso, &iso->ended)) {
        finish(iso, "no descriptor to watch its process with");
        return;
    }
    set_deadline(iso, p->grant.start_s);
    resume(iso);
    on_tick(iso);
    if (!iso->dead && !hello(iso))
        finish(iso, "nothing to start it with: see the lines above");
}

void qc_isolated_start(qc_isolated *iso)
{
    if (iso->dead || iso->step != QC_ISO_READY)
        return;
    iso->step = QC_ISO_START;
    iso->started = true;
    set_deadline(iso, iso->plugin->grant.start_s);
    qc_isolated_send(iso, QC_FRAME_LIFE, QC_LIFE_START, 0, 0, NULL, NULL, 0);
}

void qc_isolated_reconfigure(qc_isolated *iso)
{
    if (iso->dead || iso->step != QC_ISO_RUNNING)
        return;
    iso->reconfigure_until = qc_clock_mono() + (qc_mono)iso->plugin->grant.start_s * SECOND;
    qc_timer_set(iso->timer, TICK_MS);
    send_config(iso, QC_LIFE_RECONFIGURE);
}

void qc_isolated_stop(qc_isolated *iso)
{
    qc_pack out = QC_PACK_INIT;
    if (iso->dead || iso->step == QC_ISO_STOPPING)
        return;
    uint32_t stop_s = iso->plugin->grant.stop_s;
    bool loaded = iso->step != QC_ISO_STARTING;
    iso->step = QC_ISO_STOPPING;
    set_deadline(iso, stop_s);
    if (!loaded) { /* nothing of it has run that could want to finish */
        iso->unwanted = true;
        qc_child_kill(&iso->child);
        return;
    }
    qc_pack_u32(&out, stop_s * 1000);
    qc_pack_u8(&out, iso->started);
    qc_isolated_send(iso, QC_FRAME_LIFE, QC_LIFE_STOP, 0, 0, &out, NULL, 0);
}

void qc_isolated_let_go(qc_isolated *iso)
{
    qc_iso_queue_clear(iso);
    qc_iso_views_clear(iso);
    if (iso->chan.fd >= 0)
        qc_chan_clear(&iso->chan);
    qc_child_clear(&iso->child);
}

void qc_isolated_free(qc_isolated *iso)
{
    if (!iso)
        return;
    unwatch_all(iso);
    qc_isolated_let_go(iso);
    qc_serve_follow_clear(iso);
    qc_iso_callbacks_clear(iso);
    qc_timer_free(iso->timer);
    qc_timer_free(iso->pause);
    qc_free(iso);
}
