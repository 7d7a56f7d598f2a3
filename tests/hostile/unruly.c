/* One plugin that does what its configuration says: crashes, hangs, eats, forks, floods, or nothing
 * of the kind. For tests of the supervision. */
#define _POSIX_C_SOURCE 200809L
#include "quoin/chain_follow.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ID "org.quoin.test.plugin"

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"1.2.3\",\"license\":\"MIT\","
                   "\"requires\":[\"chain.follow/1\",\"rpc.serve/1\"],"
                   "\"config\":[{\"name\":\"what\",\"type\":\"text\",\"default\":\"nothing\"},"
                   "{\"name\":\"at\",\"type\":\"int\",\"min\":0,\"max\":1000000,\"default\":1,"
                   "\"live\":true}]}");

static struct {
    const qn_host_1 *host;
    const qn_chain_follow_1 *follow;
    const qn_rpc_serve_1 *rpc;
    qn_cap *host_cap, *follow_cap, *rpc_cap;
    uint64_t id, other, seq;
    uint32_t height, at;
    char what[32];
} g;

static void crash(void)
{
    __builtin_trap();
}

#if defined(SHAPE_CTOR)
__attribute__((constructor)) static void early(void)
{
    crash();
}
#endif

static int is(const char *what)
{
    return strcmp(g.what, what) == 0;
}

static void spin(void)
{
    for (volatile int on = 1; on;)
        continue;
}

static void deadlock(void)
{
    static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&m);
    pthread_mutex_lock(&m);
}

static void nap(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* Until there is none left; then as most programs do. */
static void eat(void)
{
    for (;;) {
        char *p = malloc(1 << 20);
        if (!p)
            abort();
        memset(p, 1, 1 << 20);
    }
}

static void *wait_for_the_end(void *arg)
{
    for (;;)
        pause();
    return arg;
}

/* As many as its grant allows, beside the loop. */
static void threads(void)
{
    pthread_t t;
    for (int i = 0; i < 10; i++)
        if (pthread_create(&t, NULL, wait_for_the_end, NULL))
            crash();
}

static void flood(void)
{
    for (int i = 0; i < 3000; i++)
        g.host->log(g.host_cap, QN_LOG_WARN, "and again", 9);
}

/* What may happen at any step: "crash" in "start" is "crash-start". */
static void misbehave(const char *step)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } act[] = {{"crash", crash}, {"spin", spin},   {"deadlock", deadlock}, {"eat", eat},
               {"flood", flood}, {"abort", abort}, {"threads", threads}};
    const char *dash = strchr(g.what, '-');
    if (!dash || strcmp(dash + 1, step) != 0)
        return;
    for (size_t i = 0; i < sizeof act / sizeof act[0]; i++)
        if (strlen(act[i].name) == (size_t)(dash - g.what) &&
            memcmp(act[i].name, g.what, (size_t)(dash - g.what)) == 0)
            act[i].fn();
    if (strncmp(g.what, "exit-", 5) == 0)
        exit(0);
    if (strncmp(g.what, "_exit-", 6) == 0)
        _exit(7);
    if (strncmp(g.what, "close-", 6) == 0)
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
    while (strncmp(g.what, "fork-", 5) == 0)
        if (fork() < 0)
            return;
    if (strncmp(g.what, "sleep-", 6) == 0)
        nap(10000);
}

/* ---- blocks ---- */

/* A second subscription, which acknowledges whatever there is. */
static void on_other(void *arg, uint64_t id)
{
    const qn_follow_event *ev;
    const qn_block_view *view;
    (void)arg;
    while (g.follow->next(g.follow_cap, id, &ev, &view) == QN_OK)
        (void)g.follow->ack(g.follow_cap, id, ev->seq);
}

static void on_ready(void *arg, uint64_t id)
{
    const qn_follow_event *ev;
    const qn_block_view *view;
    (void)arg;
    while (g.follow->next(g.follow_cap, id, &ev, &view) == QN_OK) {
        g.height = ev->ref.height;
        g.seq = ev->seq;
        if (is("crash-beside") && g.height == g.at)
            on_other(NULL, g.other);
        if (g.height == g.at || !g.at) /* 0: at every one */
            misbehave(is("crash-beside") ? "beside" : "block");
        if (!is("hold"))
            (void)g.follow->ack(g.follow_cap, id, ev->seq);
    }
}

static void begin(void *arg)
{
    on_ready(arg, g.id);
}

/* ---- calls ---- */

static void answer(const qn_rpc_request *r, uint32_t n)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%u", n);
    (void)g.rpc->reply(g.rpc_cap, r->request, text, (uint64_t)len);
}

static void rpc_height(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    (void)arg;
    (void)params;
    (void)len;
    misbehave("call");
    answer(r, g.height);
}

static void rpc_at(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    (void)arg;
    (void)params;
    (void)len;
    answer(r, g.at);
}

/* Acknowledge what was held back, and hold nothing back any more. */
static void rpc_ack(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    (void)params;
    (void)len;
    g.what[0] = 0;
    (void)g.follow->ack(g.follow_cap, g.id, g.seq);
    on_ready(arg, g.id);
    answer(r, g.height);
}

/* ---- life ---- */

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *t;
    g.host = host;
    g.host_cap = cap;
    *self = &g;
    snprintf(g.what, sizeof g.what, "%s", qn_config_text(config, "what"));
    g.at = (uint32_t)qn_config_u64(config, "at", 0);
    if (is("fail-init"))
        return QN_E_IO;
    misbehave("init");
    if (host->get(cap, "chain.follow/1", 1, &t, &g.follow_cap) != QN_OK)
        return QN_E_DENIED;
    g.follow = t;
    if (host->get(cap, "rpc.serve/1", 1, &t, &g.rpc_cap) != QN_OK)
        return QN_E_DENIED;
    g.rpc = t;
    return QN_OK;
}

static qn_status start(void *self)
{
    qn_block_ref at;
    (void)self;
    if (is("fail-start")) {
        g.host->log(g.host_cap, QN_LOG_WARN, "it looks bad", 12);
        g.host->log(g.host_cap, QN_LOG_ERROR, "no port is free", 15);
        g.host->log(g.host_cap, QN_LOG_ERROR, "cannot start", 12);
        g.host->log(g.host_cap, QN_LOG_INFO, "good bye", 8);
        return QN_E_IO;
    }
    for (int i = 0; is("slow-start") && i < 25; i++) {
        g.host->progress(g.host_cap, (uint32_t)i * 40, "rebuilding", 10);
        nap(100);
    }
    misbehave("start");
    if (g.rpc->add(g.rpc_cap, NULL, "good.height", "", "", rpc_height, NULL) != QN_OK ||
        g.rpc->add(g.rpc_cap, NULL, "good.at", "", "", rpc_at, NULL) != QN_OK ||
        g.rpc->add(g.rpc_cap, NULL, "good.ack", "", "", rpc_ack, NULL) != QN_OK)
        return QN_E_EXISTS;
    if (is("crash-beside") &&
        g.follow->open(g.follow_cap, NULL, NULL, 0, on_other, NULL, &g.other, &at) != QN_OK)
        return QN_E_IO;
    qn_status st = g.follow->open(g.follow_cap, NULL, NULL, 0, on_ready, NULL, &g.id, &at);
    return st == QN_OK ? g.host->post(g.host_cap, begin, NULL) : st;
}

static qn_status reconfigure(void *self, const qn_config *config)
{
    (void)self;
    if (is("fail-reconfigure"))
        return QN_E_IO;
    if (is("old-reconfigure")) /* as one that has no such function */
        return QN_E_UNSUPPORTED;
    misbehave("reconfigure");
    g.at = (uint32_t)qn_config_u64(config, "at", 0);
    return QN_OK;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    misbehave("stop");
    return QN_OK;
}

static void fini(void *self)
{
    (void)self;
    misbehave("fini");
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = ID,
                                     .version = "1.2.3",
                                     .init = init,
                                     .start = start,
                                     .reconfigure = reconfigure,
                                     .stop = stop,
                                     .fini = fini};
