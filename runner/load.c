#include "runner/load.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/frame/hello.h"
#include "runner/loop.h"
#include "runner/sandbox.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

void qc_rt_problem(qc_rt *rt, const char *step, const char *line)
{
    qc_pack out = QC_PACK_INIT;
    qc_pack_str(&out, step);
    qc_pack_str(&out, line);
    qc_rt_send(rt, QC_FRAME_PROBLEM, 0, 0, 0, &out);
}

static void __attribute__((noreturn, format(printf, 3, 4)))
refuse(qc_rt *rt, const char *step, const char *fmt, ...)
{
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    qc_rt_problem(rt, step, line);
    _exit(1);
}

static const void *map(qc_rt *rt, int fd, size_t size)
{
    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        refuse(rt, "runner", "memory of the node: found no way to map it, wanted %zu bytes", size);
    close(fd);
    return p;
}

/* ---- capabilities ---- */

static const qc_rt_interface *interface_of(const char *id)
{
    for (const qc_rt_interface *f = QC_RT_INTERFACES; f->id; f++)
        if (strcmp(f->id, id) == 0)
            return f;
    return NULL;
}

static void set_cap(qc_rt *rt, qn_cap *cap, const char *id, uint32_t number)
{
    const qc_rt_interface *f = interface_of(id);
    *cap = (qn_cap){.rt = rt, .id = id, .iface = f, .number = number};
    cap->head.enter = qc_rt_enter;
    if (f) {
        cap->table = f->table;
        cap->revision = f->revision;
    } else if (strcmp(id, "store.own/1") == 0 && rt->store) {
        cap->table = rt->store->table;
        cap->revision = QN_STORE_OWN_1_REVISION;
    } else {
        refuse(rt, "caps", "%s: found no such interface in the runner, wanted it", id);
    }
}

/* ---- what is loaded ---- */

static void complain(void *arg, const char *text)
{
    qc_rt *rt = arg;
    const qn_host_1 *host = rt->host.table;
    char line[300];
    snprintf(line, sizeof line, "store.own: %s", text);
    host->log(&rt->host, QN_LOG_ERROR, line, (uint32_t)strlen(line));
}

/* The descriptor stays open: glibc knows a library by the name it was loaded under. */
static void *load(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static void load_store(qc_rt *rt, const qc_hello *h, int module)
{
    void *lib = rt->warm ? rt->warm : load(module);
    const qc_store_module *m = lib ? dlsym(lib, "qc_store_module") : NULL;
    if (!m) {
        const char *why = dlerror();
        refuse(rt, "load", "store.own/1: found %s, wanted its module to load",
               why ? why : "no entry");
    }
    if (strcmp(m->build, h->build) != 0)
        refuse(rt, "load", "store.own/1: found a module of build %s, wanted %s", m->build,
               h->build);
    rt->store = m;
    rt->store_options = (qc_ownstore_options){.dir = "store",
                                              .quota = h->quota,
                                              .floor = QC_OWNSTORE_FLOOR,
                                              .complain = complain,
                                              .arg = rt};
}

static bool text_eq(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static void check_entry(qc_rt *rt, const qn_plugin_1 *e, const qc_hello *h)
{
    if (e->h.size < sizeof(qn_plugin_1_r1) || e->h.revision < 1)
        refuse(rt, "entry", "size and revision: found %u and %u, wanted at least %zu and 1",
               e->h.size, e->h.revision, sizeof(qn_plugin_1_r1));
    if (!text_eq(e->id, h->id))
        refuse(rt, "entry", "id: found %.100s, wanted %s (as the manifest says)",
               e->id ? e->id : "none", h->id);
    if (!text_eq(e->version, h->version))
        refuse(rt, "entry", "version: found %.100s, wanted %s (as the manifest says)",
               e->version ? e->version : "none", h->version);
    if (!e->init || !e->start || !e->stop || !e->fini)
        refuse(rt, "entry", "functions: found one that is missing, wanted init, start, stop, fini");
    rt->entry = e;
}

static void load_plugin(qc_rt *rt, const qc_hello *h, int image)
{
    void *lib = load(image);
    if (!lib) {
        const char *why = dlerror();
        refuse(rt, "load", "library: found %.400s, wanted it to load", why ? why : "a failure");
    }
    const qn_plugin_1 *e = dlsym(lib, "qn_plugin_entry");
    if (!e)
        refuse(rt, "load", "entry: found no qn_plugin_entry, wanted it");
    check_entry(rt, e, h);
}

/* ---- hello ---- */

static void take_caps(qc_rt *rt, const qc_hello *h)
{
    set_cap(rt, &rt->host, "host/1", 0);
    for (uint32_t i = 0; i < h->n_cap && i < QC_RT_CAPS; i++)
        set_cap(rt, &rt->cap[rt->n_cap++], h->cap[i].id, h->cap[i].number);
}

static void say_ready(qc_rt *rt, const qc_sandbox_report *r, uint64_t load_ns)
{
    qc_pack out = QC_PACK_INIT;
    qc_pack_u32(&out, r->held);
    qc_pack_u32(&out, r->landlock_abi);
    qc_pack_str(&out, r->missing);
    qc_pack_u64(&out, load_ns);
    qc_rt_send(rt, QC_FRAME_READY, 0, 0, 0, &out);
}

static uint64_t now_ns(void)
{
    return (uint64_t)qc_clock_mono();
}

/* For ps and top: what is written over the command line is what they show, and the short name of a
 * program that was started by descriptor alone is that descriptor's number. */
static void tell_name(const qc_rt *rt, const char *id)
{
    char text[128];
    int n = snprintf(text, sizeof text, "quoin-runner %s", id);
    (void)prctl(PR_SET_NAME, "quoin-runner", 0, 0, 0);
    if (!rt->title || n < 0 || (size_t)n >= sizeof text || (size_t)n > rt->title_len)
        return;
    memset(rt->title, 0, rt->title_len);
    memcpy(rt->title, text, (size_t)n);
}

/* To wait for a plugin: what is the same for every one of them is done, and the store's module
 * loaded if it came along. Our own code, and nobody's data yet: the rest of the sandbox can wait.
 */
static void warm_up(qc_rt *rt, qc_frame *f, qc_sandbox_report *prepared)
{
    if (f->n_fd > 1 || rt->warm || prepared->held || qc_sandbox_prepare(prepared))
        _exit(1);
    if (!f->n_fd)
        return;
    rt->warm_fd = f->fd[0];
    f->n_fd = 0; /* it stays open: see load() */
    rt->warm = load(rt->warm_fd);
    if (!rt->warm)
        close(rt->warm_fd); /* whoever comes will hear why */
}

void qc_rt_hello(qc_rt *rt)
{
    const qc_frame *got;
    qc_hello h;
    qc_err err;
    qc_sandbox_report prepared = {0}, report;
    while ((err = qc_chan_recv(&rt->chan, &got)) == QC_ECANCELED ||
           (!err && got->kind == QC_FRAME_WARM))
        if (!err)
            warm_up(rt, &rt->chan.frame, &prepared);
    if (err || got->kind != QC_FRAME_HELLO || !qc_hello_read(got->payload, &h))
        _exit(1); /* not our node: nothing can be said to it */
    qc_frame *f = &rt->chan.frame;
    tell_name(rt, h.id);
    set_cap(rt, &rt->host, "host/1", 0);
    if (strcmp(h.build, QC_HELLO_BUILD) != 0)
        refuse(rt, "runner", "build: found quoin-runner %s, wanted %s (the node's)", QC_HELLO_BUILD,
               h.build);
    if (f->n_fd != qc_hello_fds(&h))
        refuse(rt, "runner", "descriptors: found %u, wanted %u", f->n_fd, qc_hello_fds(&h));
    int image = f->fd[0], next = 2;
    rt->page = map(rt, f->fd[1], 4096);
    if (h.arena_size) {
        rt->arena = map(rt, f->fd[next++], (size_t)h.arena_size);
        rt->arena_size = (size_t)h.arena_size;
    }
    int folder = h.has_store ? f->fd[next] : -1, module = h.has_store ? f->fd[next + 1] : -1;
    f->n_fd = 0; /* all are taken */
    if (!qc_rt_loop_open(rt))
        refuse(rt, "runner", "descriptors: found none left for the loop");
    if (rt->warm && module >= 0) {
        close(module);
        module = rt->warm_fd;
    }
    const int keep[] = {rt->chan.fd, rt->wake, rt->epoll, image, module};
    const qc_sandbox_options box = {.best_effort = h.best_effort,
                                    .threads = h.threads,
                                    .memory = h.memory,
                                    .descriptors = h.descriptors,
                                    .store_dir = folder,
                                    .quota = h.quota,
                                    .uid = h.uid,
                                    .gid = h.gid,
                                    .landlock_abi = h.landlock_abi,
                                    .keep = keep,
                                    .n_keep = folder >= 0 ? 5 : 4,
                                    .prepared = &prepared};
    if (qc_sandbox_enter(&box, &report))
        refuse(rt, "sandbox", "layers: found missing %s", report.missing);
    uint64_t before = now_ns();
    if (h.has_store)
        load_store(rt, &h, module);
    load_plugin(rt, &h, image);
    uint64_t loaded = now_ns() - before;
    if (qc_sandbox_seal(&box, &report))
        refuse(rt, "sandbox", "layers: found missing %s", report.missing);
    take_caps(rt, &h);
    say_ready(rt, &report, loaded);
    /* h's texts are borrowed by the capabilities: kept for the life of the process. */
}
