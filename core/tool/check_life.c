/* Cases about life: many lives in one process, and an end in every state. */
#include "core/tool/check.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#define CYCLES 100u
#define WARM 10u       /* after that many, what is kept for ever has been taken */
#define LEAK_BYTES 16u /* per cycle; the smallest piece that malloc gives is larger */
#define RSS_PAGES 256u /* of growth that noise may explain */

static unsigned descriptors(void)
{
    qc_os_list list = {0};
    unsigned n = 0;
    if (!qc_os_list_dir("/proc/self/fd", &list))
        n = (unsigned)list.n;
    qc_os_list_free(&list);
    return n;
}

static uint64_t rss_pages(void)
{
    unsigned long size = 0, rss = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%lu %lu", &size, &rss) != 2)
            rss = 0;
        fclose(f);
    }
    return rss;
}

typedef struct footprint {
    uint64_t heap, rss;
    unsigned fds, threads;
} footprint;

static footprint measure(void)
{
    footprint f = {.fds = descriptors(), .threads = qc_drive_threads()};
    if (QC_CHECK_NO_MEMORY)
        return f;
    f.rss = rss_pages();
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    f.heap = mallinfo2().uordblks;
#endif
    return f;
}

static bool one_life(qc_check *c, const qc_history *h, unsigned i)
{
    qc_chain_state state = {0};
    qn_mock *m = qc_target_mock(&c->target);
    qc_check_doing(c, "life %u of %u in one process", i + 1, CYCLES);
    qn_status st = qc_drive(&c->target, m, h, 0, h->n, &state);
    if (st == QN_OK)
        st = qn_mock_stop(m);
    bool ok = st == QN_OK;
    if (!ok) {
        qc_check_keep_log(c, m);
        (void)qc_check_fail(c, "every life to go as the first one",
                            "life %u in one process ends with %s", i + 1, qn_mock_status_name(st));
    }
    qn_mock_free(m);
    return ok;
}

void qc_case_cycles(qc_check *c)
{
    qc_history h;
    footprint warm = {0};
    if (!qc_check_load(c))
        return;
    qc_history_make(&h, c->seed, 6, true);
    for (unsigned i = 0; i < CYCLES; i++) {
        if (i == WARM)
            warm = measure();
        if (!one_life(c, &h, i))
            return;
    }
    const footprint now = measure();
    uint64_t lives = CYCLES - WARM;
    if (now.threads > warm.threads)
        (void)qc_check_fail(c, "fini() to end what init() and start() began",
                            "%u threads are left after %llu lives", now.threads - warm.threads,
                            (unsigned long long)lives);
    else if (now.fds > warm.fds)
        (void)qc_check_fail(c, "fini() to close what was opened",
                            "%u descriptors are left after %llu lives", now.fds - warm.fds,
                            (unsigned long long)lives);
    else if (now.heap > warm.heap + LEAK_BYTES * lives)
        (void)qc_check_fail(c, "fini() to free everything (valgrind says what)",
                            "about %llu bytes of memory are lost in each life",
                            (unsigned long long)((now.heap - warm.heap) / lives));
    else if (now.rss > warm.rss + RSS_PAGES)
        (void)qc_check_fail(
            c, "memory that stays flat", "the process grew by %llu kB in %llu lives",
            (unsigned long long)((now.rss - warm.rss) * 4), (unsigned long long)lives);
    qc_check_note(c, "%lld bytes more on the heap after %llu lives",
                  (long long)(now.heap - warm.heap), (unsigned long long)lives);
}

/* ---- stop ---- */

typedef enum stop_state {
    STOP_INIT,     /* start() did not come: only fini() does */
    STOP_START,    /* nothing of it has run yet */
    STOP_CATCH_UP, /* in the middle of many blocks */
    STOP_IDLE,     /* at the tip */
    STOP_TURN,     /* in the middle of a reorganisation */
    STOP_REQUEST,  /* a caller waits for its answer */
    STOP_FAILED,   /* after it gave up: its next call answers an error */
    STOP_STATES
} stop_state;

static const char *const STATE_NAME[] = {
    "after init()",   "after start(), before anything of it ran", "in the middle of catching up",
    "while idle",     "in the middle of a reorganisation",        "while a request waits",
    "after a failure"};

/* A long time passes in every call, so that loops which yield do. */
static qn_status slow(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)k;
    (void)interface;
    (void)method;
    qn_mock_sleep(arg, 20);
    return QN_OK;
}

static qn_status broken(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    (void)interface;
    (void)method;
    return QN_E_IO;
}

static qn_status start_fails(void *self)
{
    (void)self;
    return QN_E_CANCELED;
}

/* A start() that fails, in the place of its own: fini() follows, and nothing else. */
static void only_init(qc_check *c, qn_mock *m)
{
    qn_plugin_1 e = *c->target.entry;
    e.start = start_fails;
    if (qn_mock_start(m, &e) != QN_E_CANCELED)
        (void)qc_check_fail(c, "it to start", "init() fails");
}

static void ask_something(qn_mock *m)
{
    const char *name = qn_mock_method(m, 0);
    qn_mock_steps(m, 0); /* the answer, if it comes later, does not come */
    if (name)
        free(qn_mock_rpc(m, name, "[]"));
}

static void stop_in(qc_check *c, void *arg)
{
    const stop_state state = *(const stop_state *)arg;
    qn_mock *m = qc_target_mock(&c->target);
    if (state == STOP_INIT) {
        only_init(c, m);
        qn_mock_free(m);
        return;
    }
    if (state == STOP_CATCH_UP)
        qn_mock_mine(m, 40);
    qn_mock_on_call(m, slow, m);
    qn_mock_steps(m, state == STOP_START ? 0 : state == STOP_CATCH_UP ? 5 : UINT32_MAX);
    qn_status st = qn_mock_start(m, c->target.entry);
    if (st != QN_OK) {
        (void)qc_check_fail(c, "it to start", "start answers %s", qn_mock_status_name(st));
        qn_mock_free(m);
        return;
    }
    if (state == STOP_TURN) {
        qn_mock_mine(m, 10);
        (void)qn_mock_run(m);
        qn_mock_reorg(m, 6, 8);
        qn_mock_steps(m, 3);
        (void)qn_mock_run(m);
    }
    if (state == STOP_REQUEST)
        ask_something(m);
    if (state == STOP_FAILED) {
        qn_mock_on_call(m, broken, NULL);
        qn_mock_mine(m, 3);
        (void)qn_mock_run(m);
    }
    bool gave_up = qn_mock_failure(m) != NULL;
    st = gave_up ? QN_OK : qn_mock_stop(m);
    qc_check_keep_log(c, m);
    if (st != QN_OK && state != STOP_FAILED)
        (void)qc_check_fail(c, "stop() to answer QN_OK", "%s stop() answers %s", STATE_NAME[state],
                            qn_mock_status_name(st));
    qn_mock_free(m);
    if (qc_drive_threads() > c->threads)
        (void)qc_check_fail(c, "no thread of its own after fini()",
                            "%s and fini() a thread of it is left", STATE_NAME[state]);
}

void qc_case_stop(qc_check *c)
{
    if (!qc_check_load(c))
        return;
    for (stop_state i = 0; i < STOP_STATES; i++) {
        qc_check_doing(c, "stopped %s", STATE_NAME[i]);
        if (qc_check_point(c, i) && !qc_check_sub(c, stop_in, &i, 10, 0))
            return;
    }
}
