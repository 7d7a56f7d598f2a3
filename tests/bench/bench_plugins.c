/* What it costs to have a plugin in a process of its own: the same plugin is measured trusted and
 * isolated in one run. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/host/internal.h"
#include "core/os/file.h"
#include "core/rpc/engine.h"
#include "tests/bench/bench.h"
#include "tests/bench/chaingen.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 2000u
#define TOUCHES 64u
#define STARTS 15u
#define STEADY_US 50000u

typedef struct rig {
    char dir[64];
    qc_chain *chain;
    qc_chain_thread *thread;
    qc_rpc_registry *registry;
    qc_rpc_engine *engine;
    qc_host *host;
    uint64_t bytes;
    uint32_t first, last; /* heights of full blocks */
    const char *method, *params;
    int echo;
} rig;

/* ---- the chain ---- */

static void take_block(void *arg, qc_span framed)
{
    rig *r = arg;
    qc_block *b;
    bool is_new;
    qc_verdict v;
    if (qc_block_parse(qc_span_of(framed.data + 8, framed.len - 8), &b) ||
        qc_chain_process_block(r->chain, b, true, true, &is_new, &v) || !is_new)
        abort();
    uint32_t height = qc_chain_tip(r->chain)->height;
    if (framed.len > 1000000) {
        r->first = r->first ? r->first : height;
        r->last = height;
    }
    r->bytes += framed.len - 8;
    qc_block_unref(b);
}

static void open_chain(rig *r, cg_chain *g, unsigned mixed)
{
    char detail[256] = "", *dir = qc_asprintf("%s/regtest", r->dir);
    const qc_chain_options o = {.params = cg_params(g),
                                .dir = dir,
                                .dbcache = (size_t)450 << 20,
                                .par = 1,
                                .prefetch_threads = 1,
                                .max_tip_age = INT64_C(10000000000),
                                .sigcache_bytes = (size_t)1 << 20};
    if (qc_os_mkdirs(dir) || qc_chain_open(&r->chain, &o, NULL, detail, sizeof detail) ||
        qc_chain_activate(r->chain))
        abort();
    (void)cg_write(g, mixed, take_block, r);
    if (qc_chain_sync(r->chain))
        abort();
    qc_free(dir);
}

/* ---- the plugins ---- */

static void grant(rig *r, const char *way, bool trusted)
{
    const char *top = getenv("top_builddir");
    char *so = qc_asprintf("%s/tests/bench/plugin_%s.so", top ? top : ".", way);
    char *path = qc_asprintf("%s/org.quoin.bench.%s.grant", r->dir, way);
    char *full = realpath(so, NULL);
    qc_image m;
    qc_problems p = {0};
    if (!full || !qc_image_open(full, NULL, &m, &p))
        abort();
    char *text = qc_asprintf(
        "[plugin]\nfile = %s\nsha256 = %s\nmode = %s\n[grant]\nchain.read/1 = yes\n"
        "chain.follow/1 = window=16\nblock.read/1 = window=16\nrpc.serve/1 = prefix=%s.\n%s"
        "[limits]\ncpu = normal\ncalls = 1000000/s\n[failure]\nrestart = 0/10min\n",
        full, m.sha256, trusted ? "trusted" : "isolated", way,
        strcmp(way, "store") == 0 ? "store.own/1 = quota=1GB\n" : "");
    if (qc_os_write_file_atomic(path, qc_span_str(text), 0600))
        abort();
    qc_image_clear(&m);
    free(full);
    qc_free(text);
    qc_free(path);
    qc_free(so);
}

static void open_host(rig *r)
{
    const char *top = getenv("top_builddir");
    char *runner = qc_asprintf("%s/quoin-runner", top ? top : ".");
    char *data = qc_asprintf("%s/data", r->dir);
    const qc_host_options o = {.chain = r->chain,
                               .registry = r->registry,
                               .network = "regtest",
                               .plugin_dir = r->dir,
                               .grant_dir = r->dir,
                               .data_dir = data,
                               .runner = runner,
                               .uid_base = 61184,
                               .uid_count = 256};
    r->host = qc_host_new(&o);
    qc_host_register_rpc(r->host);
    if (qc_chain_thread_start(&r->thread, r->chain))
        abort();
    qc_host_start(r->host, r->thread);
    qc_free(runner);
    qc_free(data);
    if (!qc_host_settle(r->host, 20000))
        abort();
    for (size_t i = 0; i < r->host->n_plugin; i++)
        if (qc_plugin_get_state(r->host->plugin[i]) != QC_PLUGIN_RUNNING) {
            fprintf(stderr, "%s: %s\n", r->host->plugin[i]->label, r->host->plugin[i]->reason);
            abort();
        }
}

static void close_rig(rig *r)
{
    qc_host_stop(r->host);
    qc_rpc_engine_free(r->engine);
    qc_chain_thread_stop(r->thread);
    qc_chain_close(r->chain);
    qc_host_free(r->host);
    qc_rpc_registry_free(r->registry);
    if (qc_os_remove_tree(r->dir))
        fprintf(stderr, "%s is left behind\n", r->dir);
}

/* ---- calls ---- */

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t got;
    bool done, ok;
} waiter;

static void on_done(void *arg, int status, qc_bytes reply)
{
    waiter *w = arg;
    (void)status;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    w->ok = reply.len && !memmem(reply.data, reply.len, "\"error\":{", 9);
    if (!w->ok)
        fprintf(stderr, "%.*s\n", (int)reply.len, (const char *)reply.data);
    pthread_cond_signal(&w->got);
    pthread_mutex_unlock(&w->lock);
    qc_bytes_free(&reply);
}

static void call(rig *r, const char *method, const char *params)
{
    waiter w = {.done = false};
    char *body = qc_asprintf("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
                             method, params);
    const qc_rpc_call c = {
        .body = body, .len = strlen(body), .user = "u", .peer = "p", .done = on_done, .arg = &w};
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.got, NULL);
    if (!qc_rpc_engine_submit(r->engine, &c))
        abort();
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.got, &w.lock);
    pthread_mutex_unlock(&w.lock);
    if (!w.ok)
        abort();
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.got);
    qc_free(body);
}

static void do_call(void *arg)
{
    rig *r = arg;
    call(r, r->method, r->params);
}

/* The same without blocks that the host still holds. */
static void do_cold(void *arg)
{
    rig *r = arg;
    pthread_mutex_lock(&r->host->lock);
    qc_blocks *old = r->host->blocks;
    r->host->blocks = qc_blocks_new(r->chain, (size_t)64 << 20);
    pthread_mutex_unlock(&r->host->lock);
    qc_blocks_free(old);
    do_call(arg);
}

static void set(rig *r, const char *method, const char *params)
{
    r->method = method;
    r->params = params;
}

/* ---- references ---- */

static void echo(void *arg)
{
    const rig *r = arg;
    char b[64] = {0};
    for (unsigned i = 0; i < CALLS; i++)
        if (send(r->echo, b, sizeof b, 0) < 0 || recv(r->echo, b, sizeof b, 0) < 0)
            abort();
}

static pid_t start_echo(rig *r)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        char b[64];
        close(fd[0]);
        while (recv(fd[1], b, sizeof b, 0) > 0)
            if (send(fd[1], b, sizeof b, 0) < 0)
                break;
        _exit(0);
    }
    close(fd[1]);
    r->echo = fd[0];
    return pid;
}

/* ---- life ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double ms_since(qc_mono t)
{
    return (double)(qc_clock_mono() - t) * 1e-6;
}

static qc_plugin *plugin_of(const rig *r, const char *way)
{
    qc_plugin *p = qc_host_by_name(r->host, way);
    if (!p)
        abort();
    return p;
}

/* Command to answer: the grant is read, the file checked and hashed, the process made and locked
 * down, the plugin loaded, init() and start() run. */
static void bench_start(qc_bench *b, rig *r, const char *way, const char *name, unsigned n)
{
    double ms[STARTS];
    char *params_stop = qc_asprintf("[\"stop\",\"%s\"]", way);
    char *params_start = qc_asprintf("[\"start\",\"%s\"]", way);
    for (unsigned i = 0; i < n; i++) {
        call(r, "plugin", params_stop);
        qc_mono t = qc_clock_mono();
        call(r, "plugin", params_start);
        ms[i] = ms_since(t);
    }
    qsort(ms, n, sizeof ms[0], by_size);
    qc_bench_note(b, name, ms[n / 2], "ms");
    qc_free(params_stop);
    qc_free(params_start);
}

/* What the machine takes by itself to end a process and to wake who waits for it. */
static void bench_bare(qc_bench *b, unsigned n)
{
    char *const argv[] = {(char[]){"sleep"}, (char[]){"1000"}, NULL};
    double ms[STARTS];
    for (unsigned i = 0; i < n; i++) {
        pid_t pid;
        if (posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ))
            abort();
        usleep(STEADY_US);
        qc_mono t = qc_clock_mono();
        kill(pid, SIGKILL);
        if (waitpid(pid, NULL, 0) != pid)
            abort();
        ms[i] = ms_since(t);
    }
    qsort(ms, n, sizeof ms[0], by_size);
    qc_bench_note(b, "  from kill to crash, a process that sleeps", ms[n / 2], "ms");
}

/* Wait, awake, for the end of a child of ours that another thread reaps. */
static void await_end(int pidfd)
{
    struct pollfd f = {.fd = pidfd, .events = POLLIN};
    while (poll(&f, 1, 0) == 0)
        sched_yield();
}

/* Until its state has changed: from the kill, most of which the kernel takes to end the process
 * (see bench_bare()), and from that end. Of a plugin that has run for a while: the runner that
 * waits for the next start is there. */
static void bench_crash(qc_bench *b, rig *r, unsigned n)
{
    double whole[STARTS], noticed[STARTS];
    for (unsigned i = 0; i < n; i++) {
        qc_plugin *p = plugin_of(r, "isolated");
        pid_t pid = atomic_load(&p->pid);
        int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        usleep(STEADY_US);
        qc_mono t = qc_clock_mono();
        kill(pid, SIGKILL);
        await_end(pidfd);
        qc_mono end = qc_clock_mono();
        pthread_mutex_lock(&p->lock);
        while (p->state != QC_PLUGIN_CRASHED)
            pthread_cond_wait(&p->changed, &p->lock);
        whole[i] = ms_since(t);
        noticed[i] = ms_since(end);
        pthread_mutex_unlock(&p->lock);
        close(pidfd);
        call(r, "plugin", "[\"start\",\"isolated\"]");
    }
    qsort(whole, n, sizeof whole[0], by_size);
    qsort(noticed, n, sizeof noticed[0], by_size);
    qc_bench_note(b, "crash noticed", noticed[n / 2], "ms");
    qc_bench_note(b, "  from kill to crash noticed", whole[n / 2], "ms");
}

static void bench_memory(qc_bench *b, const rig *r, const char *way, const char *name)
{
    char path[64], line[256];
    double kb = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", atomic_load(&plugin_of(r, way)->pid));
    FILE *f = fopen(path, "r");
    if (!f) {
        qc_bench_skip(b, name, "smaps_rollup cannot be read");
        return;
    }
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Private_Dirty:", 14) == 0 || strncmp(line, "Private_Clean:", 14) == 0)
            kb += strtod(line + 14, NULL);
    fclose(f);
    qc_bench_note(b, name, kb / 1000, "MB");
}

/* ---- all ---- */

static void bench_calls(qc_bench *b, rig *r)
{
    set(r, "trusted.calls", "[100000]"); /* so many that the call of ours does not count */
    qc_bench_run(b, "table call from a plugin, trusted", do_call, r, 100000);
    qc_bench_run(b, "socket pair, there and back", echo, r, CALLS);
    set(r, "isolated.calls", "[2000]");
    qc_bench_vs(b, "table call from a plugin, isolated", do_call, r, CALLS);
}

static void bench_blocks(qc_bench *b, rig *r)
{
    char same[64], other[64];
    uint32_t one = r->first + 1 < r->last ? r->first + 1 : r->first;
    snprintf(same, sizeof same, "[%u,%u,%u]", one, TOUCHES, one);
    snprintf(other, sizeof other, "[%u,%u,%u]", r->first, TOUCHES, r->last);
    set(r, "trusted.touch", same);
    qc_bench_run(b, "a block, each cache line, trusted", do_call, r, TOUCHES);
    double trusted = qc_bench_last_ns(b);
    set(r, "isolated.touch", same);
    qc_bench_vs(b, "a block, each cache line, isolated", do_call, r, TOUCHES);
    qc_bench_note(b, "  isolated is longer by", (qc_bench_last_ns(b) - trusted) * 1e-3, "us");
    set(r, "trusted.touch", other);
    qc_bench_run(b, "another block each time, trusted", do_call, r, TOUCHES);
    trusted = qc_bench_last_ns(b);
    set(r, "isolated.touch", other);
    qc_bench_vs(b, "another block each time, isolated", do_call, r, TOUCHES);
    qc_bench_note(b, "  isolated is longer by", (qc_bench_last_ns(b) - trusted) * 1e-3, "us");
}

static void bench_follow(qc_bench *b, rig *r)
{
    uint64_t mb = r->bytes / 1000000 ? r->bytes / 1000000 : 1;
    set(r, "trusted.follow", "[]");
    qc_bench_run(b, "chain.follow from genesis, per MB, trusted", do_cold, r, mb);
    set(r, "isolated.follow", "[]");
    qc_bench_vs(b, "chain.follow from genesis, per MB, isolated", do_cold, r, mb);
}

static void no_log(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)area;
    if (level <= QC_LOG_ERROR && !strstr(line, "CRASHED"))
        fprintf(stderr, "%.*s\n", (int)len, line);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "plugins");
    unsigned n = qc_bench_is_smoke(b) ? 1 : STARTS;
    rig r = {.dir = "/tmp/quoin-bench-XXXXXX"};
    qc_pool *pool;
    pid_t child = start_echo(&r);
    qc_log_set_sink(no_log, NULL);
    if (!mkdtemp(r.dir) || qc_pool_new(&pool, 1, "bench"))
        abort();
    cg_chain *g = cg_new(1, pool);
    open_chain(&r, g, qc_bench_is_smoke(b) ? 1 : 8);
    r.registry = qc_rpc_registry_new();
    if (qc_rpc_engine_new(&r.engine, r.registry, 2, 16))
        abort();
    qc_rpc_engine_warmup(r.engine, NULL);
    grant(&r, "trusted", true);
    grant(&r, "isolated", false);
    grant(&r, "store", false);
    open_host(&r);
    bench_memory(b, &r, "isolated", "private memory, idle");
    bench_memory(b, &r, "store", "private memory, idle, with a store");
    bench_calls(b, &r);
    bench_blocks(b, &r);
    bench_follow(b, &r);
    bench_start(b, &r, "isolated", "start", n);
    bench_start(b, &r, "store", "start with a store", n);
    bench_crash(b, &r, n);
    bench_bare(b, n);
    close_rig(&r);
    close(r.echo);
    waitpid(child, NULL, 0);
    cg_free(g);
    qc_pool_free(pool);
    return qc_bench_end(b);
}
