/* Cases about limits and manners: window, quota, memory, log, threads, answers; and what it costs.
 */
#include "core/tool/check.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"

#include <jansson.h>
#include <sys/resource.h>
#include <time.h>

#define LOG_FREE 100u    /* lines that anybody may write ... */
#define LOG_PER_S 2u     /* ... and so many more per second of the mock's time ... */
#define LOG_PER_BLOCK 2u /* ... and so many more per block */
#define COST_BLOCKS 300u
#define MEMORY_MB 512u /* when the manifest names nothing */

static uint64_t lines_of(const char *text)
{
    uint64_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void compare_with_chain(qc_check *c, qn_mock *m, const qc_history *h, qn_status st,
                               const char *when)
{
    if (st == QN_OK)
        st = qn_mock_stop(m);
    qn_mock *want = st == QN_OK ? qc_check_reference(c, h, h->n) : NULL;
    if (st != QN_OK) {
        qc_check_keep_log(c, m);
        (void)qc_check_fail(c, "it to go on", "%s it gives up (%s)", when,
                            qn_mock_failure(m) ? qn_mock_failure(m) : qn_mock_status_name(st));
    }
    if (want)
        (void)qc_check_same(c, m, want, when);
    qn_mock_free(want);
}

/* ---- window ---- */

static void narrow(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    (void)arg;
    qc_history_make(&h, c->seed, 20, true);
    qn_mock *m = qc_target_mock(&c->target);
    qn_mock_window(m, 1);
    qn_status st = qc_drive(&c->target, m, &h, 0, h.n, &state);
    compare_with_chain(c, m, &h, st, "with window=1 in its grant");
    qn_mock_free(m);
}

void qc_case_window(qc_check *c)
{
    if (!qc_target_wants(&c->target, QN_CHAIN_FOLLOW_1_ID)) {
        (void)qc_check_skip(c, "it does not follow the chain");
        return;
    }
    if (!qc_check_load(c))
        return;
    qc_check_doing(c, "following with window=1");
    (void)qc_check_sub(c, narrow, NULL, 20, 0);
}

/* ---- quota ---- */

static uint64_t bytes_of(const qn_mock *m)
{
    const void *k, *v;
    uint32_t nk, nv;
    uint64_t n = 0;
    for (uint64_t i = 0; qn_mock_store_row(m, i, &k, &nk, &v, &nv); i++)
        n += nk + nv;
    return n;
}

static void full(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    (void)arg;
    qc_history_make(&h, c->seed, 20, true);
    qn_mock *want = qc_check_reference(c, &h, h.n), *m = qc_target_mock(&c->target);
    if (want) {
        qn_mock_quota(m, bytes_of(want) * 6 / 10 + 1);
        qn_status st = qc_drive(&c->target, m, &h, 0, h.n, &state);
        qc_check_note(c, "it %s\n", st == QN_OK ? "goes on" : "gives up, as it may");
        if (st == QN_OK && (st = qn_mock_stop(m)) != QN_OK)
            qc_check_note(c, "stop() answers %s\n", qn_mock_status_name(st));
        if (qn_mock_height(m) == 0)
            qc_drive_chain(m, &h, 0, h.n, &state);
        qn_mock_quota(m, 0);
        st = qc_drive(&c->target, m, &h, h.n, h.n, &state);
        compare_with_chain(c, m, &h, st, "after its quota was reached, and then raised");
    }
    qn_mock_free(want);
    qn_mock_free(m);
}

void qc_case_quota(qc_check *c)
{
    if (!qc_target_wants(&c->target, QN_STORE_OWN_1_ID)) {
        (void)qc_check_skip(c, "it keeps nothing (no store.own)");
        return;
    }
    if (!qc_check_load(c))
        return;
    qc_check_doing(c, "reaching its quota");
    (void)qc_check_sub(c, full, NULL, 20, 0);
}

/* ---- memory ---- */

static void bounded(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    unsigned long pages = 0;
    const uint64_t mb = *(const uint64_t *)arg;
    FILE *f = fopen("/proc/self/statm", "re");
    bool known = f && fscanf(f, "%lu", &pages) == 1;
    if (f)
        fclose(f);
    qc_history_make(&h, c->seed, 60, true);
    qn_mock *m = qc_target_mock(&c->target);
    const struct rlimit limit = {pages * 4096 + (mb << 20), pages * 4096 + (mb << 20)};
    if (known)
        (void)!setrlimit(RLIMIT_AS, &limit);
    qn_status st = qc_drive(&c->target, m, &h, 0, h.n, &state);
    if (st == QN_OK)
        st = qn_mock_stop(m);
    if (st != QN_OK) {
        qc_check_keep_log(c, m);
        (void)qc_check_fail(c, "memory_mb below resources in the manifest to say what it needs",
                            "with %llu MB more than it had when it was loaded it ends: %s",
                            (unsigned long long)mb,
                            qn_mock_failure(m) ? qn_mock_failure(m) : qn_mock_status_name(st));
    }
    qn_mock_free(m);
}

void qc_case_memory(qc_check *c)
{
    uint64_t mb = c->target.image.manifest.memory_mb;
    mb = mb ? mb : MEMORY_MB;
    if (QC_CHECK_NO_MEMORY) {
        (void)qc_check_skip(c, "this build's sanitizer needs the address space");
        return;
    }
    if (!qc_check_load(c))
        return;
    qc_check_doing(c, "running with %llu MB of memory", (unsigned long long)mb);
    bool in_process = c->in_process;
    c->in_process = false; /* the limit would stay */
    (void)qc_check_sub(c, bounded, &mb, 20, 0);
    c->in_process = in_process;
    qc_check_note(c, "%llu MB", (unsigned long long)mb);
}

/* ---- rate ---- */

static void chatty(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    (void)arg;
    qc_history_make(&h, c->seed, 60, true);
    qn_mock *m = qc_target_mock(&c->target);
    (void)qc_drive(&c->target, m, &h, 0, h.n, &state);
    uint64_t lines = lines_of(qn_mock_log(m)), may = LOG_FREE + LOG_PER_BLOCK * qn_mock_height(m);
    may += LOG_PER_S * (qn_mock_now(m) / 1000);
    qc_check_note(c, "%llu lines", (unsigned long long)lines);
    if (lines > may) {
        qc_check_keep_log(c, m);
        (void)qc_check_fail(
            c, "less: a grant lets 50 lines a second through, and an operator reads",
            "it logs %llu lines over %u blocks", (unsigned long long)lines, qn_mock_height(m));
    }
    qn_mock_free(m);
}

void qc_case_rate(qc_check *c)
{
    if (!qc_check_load(c))
        return;
    qc_check_doing(c, "counting what it logs");
    (void)qc_check_sub(c, chatty, NULL, 20, 0);
}

/* ---- threads ---- */

static void call_all(qn_mock *m)
{
    const char *name;
    for (unsigned i = 0; (name = qn_mock_method(m, i)); i++) {
        char *copy = qc_strdup(name);
        free(qn_mock_rpc(m, copy, "[]"));
        qc_free(copy);
    }
}

static void own_loop(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    (void)arg;
    qc_history_make(&h, c->seed, 20, true);
    qn_mock *m = qc_target_mock(&c->target);
    (void)qc_drive(&c->target, m, &h, 0, h.n, &state);
    call_all(m);
    qc_drive_run(m);
    if (!qn_mock_failure(m))
        (void)qn_mock_stop(m);
    qc_check_keep_log(c, m);
    if (qn_mock_wrong_thread(m))
        (void)qc_check_fail(c, "post() from that thread, and the call from the posted task",
                            "%s is called from a thread of its own", qn_mock_wrong_thread(m));
    qn_mock_free(m);
}

void qc_case_threads(qc_check *c)
{
    if (!qc_check_load(c))
        return;
    qc_check_doing(c, "watching which thread calls");
    (void)qc_check_sub(c, own_loop, NULL, 30, 0);
}

/* ---- rpc ---- */

static bool reply_ok(const char *reply)
{
    json_error_t e;
    if (strncmp(reply, "error", 5) == 0)
        return true;
    json_t *v = json_loads(reply, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
    json_decref(v);
    return v != NULL;
}

static void ask(qc_check *c, qn_mock *m, const char *method, const char *params)
{
    qc_check_doing(c, "asked %s %s", method, params);
    char *reply = qn_mock_rpc(m, method, params);
    if (!reply_ok(reply))
        (void)qc_check_fail(c, "one JSON value, or reply_error()", "%s %s is answered with %.200s",
                            method, params, reply);
    else if (strcmp(reply, "error: no answer") == 0)
        c->box->number[1]++;
    free(reply);
}

const char *const QC_CHECK_PARAMS[] = {"[]",
                                       "[null]",
                                       "[true]",
                                       "[-1]",
                                       "[\"\"]",
                                       "[\"xyz\", \"xyz\", \"xyz\"]",
                                       "[1e300, {}, [[[]]]]",
                                       "[\"\\u0000\\uffff\\\"\"]",
                                       "[99999999999999999999]",
                                       "[\"5100000000000000000000000000000000\", 0, 1]",
                                       "[\"xyz\", \"xyz\"]",
                                       "[{\"xyz\": 1}, [[]]]",
                                       "[-1, null, true, \"\"]",
                                       "[null, {}, 1e300, [], \"xyz\", 0]",
                                       NULL};

static void ask_everything(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    const char *name;
    (void)arg;
    qc_history_make(&h, c->seed, 20, true);
    qn_mock *m = qc_target_mock(&c->target);
    qn_status st = qc_drive(&c->target, m, &h, 0, h.n, &state);
    if (st != QN_OK)
        (void)qc_check_fail(c, "it to run", "it does not: %s", qn_mock_status_name(st));
    for (unsigned i = 0; st == QN_OK && (name = qn_mock_method(m, i)); i++) {
        char *copy = qc_strdup(name);
        for (size_t k = 0; QC_CHECK_PARAMS[k] && !qn_mock_failure(m); k++)
            ask(c, m, copy, QC_CHECK_PARAMS[k]);
        c->box->number[0]++;
        qc_free(copy);
        if (qn_mock_failure(m)) {
            (void)qc_check_fail(c, "an error as reply: a caller's mistake ends nobody",
                                "it gives up when asked (%s)", qn_mock_failure(m));
            break;
        }
    }
    qc_check_keep_log(c, m);
    qn_mock_free(m);
}

void qc_case_rpc(qc_check *c)
{
    if (!qc_target_wants(&c->target, QN_RPC_SERVE_1_ID)) {
        (void)qc_check_skip(c, "it answers no calls (no rpc.serve)");
        return;
    }
    if (!qc_check_load(c))
        return;
    qc_check_doing(c, "asking its methods");
    if (!qc_check_sub(c, ask_everything, NULL, 30, 0))
        return;
    qc_check_note(c, "%llu methods", (unsigned long long)c->box->number[0]);
    if (c->box->number[1])
        qc_check_note(c, "; %llu calls got no answer within a minute, and would get the host's",
                      (unsigned long long)c->box->number[1]);
}

/* ---- cost ---- */

typedef struct tally {
    struct tally_row {
        char name[64];
        uint64_t n;
    } row[64];
    size_t n;
} tally;

static qn_status count(void *arg, uint64_t k, const char *interface, const char *method)
{
    tally *t = arg;
    char name[64];
    (void)k;
    snprintf(name, sizeof name, "%s %s", interface, method);
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->row[i].name, name) == 0) {
            t->row[i].n++;
            return QN_OK;
        }
    if (t->n < QC_COUNTOF(t->row)) {
        snprintf(t->row[t->n].name, sizeof name, "%s", name);
        t->row[t->n++].n = 1;
    }
    return QN_OK;
}

static void measure(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    struct timespec t0, t1;
    tally t = {.n = 0};
    (void)arg;
    qc_history_make(&h, c->seed, COST_BLOCKS, false);
    qn_mock *m = qc_target_mock(&c->target);
    qc_drive_chain(m, &h, 0, h.n, &state);
    qn_mock_on_call(m, count, &t);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
    qn_status st = qc_drive(&c->target, m, &h, h.n, h.n, &state);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
    if (st == QN_OK)
        st = qn_mock_stop(m);
    double us = (double)(t1.tv_sec - t0.tv_sec) * 1e6 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e3;
    double blocks = qn_mock_height(m) + 1;
    if (st != QN_OK)
        (void)qc_check_fail(c, "it to run", "it does not: %s", qn_mock_status_name(st));
    qc_check_note(
        c, "per block, over %.0f small ones: %.2f calls, %.0f bytes kept, %.0f us of CPU\n", blocks,
        (double)qn_mock_calls(m) / blocks, (double)bytes_of(m) / blocks, us / blocks);
    for (size_t i = 0; i < t.n; i++)
        if ((double)t.row[i].n >= blocks / 20)
            qc_check_note(c, "  %.2f %s\n", (double)t.row[i].n / blocks, t.row[i].name);
    qn_mock_free(m);
}

void qc_case_cost(qc_check *c)
{
    if (!qc_check_load(c))
        return;
    qc_check_doing(c, "measuring");
    (void)qc_check_sub(c, measure, NULL, 60, 0);
}
