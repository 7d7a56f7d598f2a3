/* Cases about the chain: whatever happened on the way, the store must be what the chain is. */
#include "core/tool/check.h"

#include "core/base/alloc.h"

#include <signal.h>
#include <unistd.h>

#define SEEDS 8u
#define BLOCKS 30u
#define KILLS 60u /* at most; every call when there are not more */

/* ---- stores ---- */

static int order(const void *a, uint32_t a_len, const void *b, uint32_t b_len)
{
    uint32_t n = a_len < b_len ? a_len : b_len;
    int c = n ? memcmp(a, b, n) : 0;
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

static void hex(const void *bytes, uint32_t len, char out[100])
{
    const uint8_t *b = bytes;
    size_t n = 0;
    for (uint32_t i = 0; i < len && i < 40; i++)
        n += (size_t)snprintf(out + n, 100 - n, "%02x", b[i]);
    snprintf(out + n, 100 - n, "%s", len > 40 ? "..." : len ? "" : "(empty)");
}

/* The first difference: a sentence about one key, or false. */
static bool difference(const qn_mock *m, const qn_mock *want, char *out, size_t cap)
{
    char key[100], found[100], wanted[100];
    for (uint64_t i = 0;; i++) {
        const void *ka, *va, *kb, *vb;
        uint32_t nka = 0, nva = 0, nkb = 0, nvb = 0;
        bool a = qn_mock_store_row(m, i, &ka, &nka, &va, &nva);
        bool b = qn_mock_store_row(want, i, &kb, &nkb, &vb, &nvb);
        if (!a && !b)
            return false;
        int c = !a ? 1 : !b ? -1 : order(ka, nka, kb, nkb);
        if (c == 0 && nva == nvb && (nva == 0 || memcmp(va, vb, nva) == 0))
            continue;
        hex(c <= 0 ? ka : kb, c <= 0 ? nka : nkb, key);
        if (c < 0) {
            snprintf(out, cap, "key %s is there, and should not be", key);
        } else if (c > 0) {
            snprintf(out, cap, "key %s is missing", key);
        } else {
            hex(va, nva, found);
            hex(vb, nvb, wanted);
            snprintf(out, cap, "key %s has value %s instead of %s", key, found, wanted);
        }
        return true;
    }
}

/* What a plugin keeps that does not follow the chain is of its own, and as good as any other. */
static bool any_will_do(const qc_check *c)
{
    return c->any_store || !qc_target_wants(&c->target, QN_CHAIN_FOLLOW_1_ID);
}

bool qc_check_rows_equal(const qc_check *c, const qn_mock *m, const qn_mock *reference)
{
    char text[400];
    return any_will_do(c) || !difference(m, reference, text, sizeof text);
}

bool qc_check_same(qc_check *c, const qn_mock *m, const qn_mock *reference, const char *when)
{
    char text[400];
    if (any_will_do(c) || !difference(m, reference, text, sizeof text))
        return true;
    qc_check_keep_log(c, m);
    return qc_check_fail(c,
                         "the store of a plugin that was given the same chain at once, undisturbed",
                         "its store %s: %s", when, text);
}

qn_mock *qc_check_reference(qc_check *c, const qc_history *h, size_t to)
{
    qc_chain_state state = {0};
    qn_mock *m = qc_target_mock(&c->target);
    qc_drive_chain(m, h, 0, to, &state);
    qn_status st = qn_mock_start(m, c->target.entry);
    if (st == QN_OK) {
        qc_drive_run(m);
        qc_check_keep_log(c, m);
        st = qn_mock_failure(m) ? QN_E_CLOSED : qn_mock_stop(m);
    }
    if (st == QN_OK)
        return m;
    (void)qc_check_fail(c, "it to follow a chain that is there from its start to its end",
                        "on a chain of %u blocks it %s (%s)", qn_mock_height(m) + 1,
                        qn_mock_failure(m) ? "gives up" : "does not start or stop",
                        qn_mock_failure(m) ? qn_mock_failure(m) : qn_mock_status_name(st));
    qn_mock_free(m);
    return NULL;
}

static void say_trouble(qc_check *c, const qn_mock *m, qn_status st, const char *when)
{
    qc_check_keep_log(c, m);
    (void)qc_check_fail(c, "it to go on", "%s it %s (%s)", when,
                        qn_mock_failure(m) ? "gives up" : "does not start or stop",
                        qn_mock_failure(m) ? qn_mock_failure(m) : qn_mock_status_name(st));
}

/* Stop, and compare with what the chain says. */
static void stop_and_compare(qc_check *c, qn_mock *m, const qc_history *h, qn_status st,
                             const char *when)
{
    if (st == QN_OK)
        st = qn_mock_stop(m);
    if (st != QN_OK) {
        say_trouble(c, m, st, when);
        return;
    }
    qn_mock *want = qc_check_reference(c, h, h->n);
    if (want)
        (void)qc_check_same(c, m, want, when);
    qn_mock_free(want);
}

/* ---- history ---- */

static void one_history(qc_check *c, void *arg)
{
    qc_history h;
    qc_chain_state state = {0};
    uint64_t seed = c->seed * 100 + *(const unsigned *)arg;
    qc_history_make(&h, seed, BLOCKS, true);
    qn_mock *m = qc_target_mock(&c->target);
    qn_status st = qc_drive(&c->target, m, &h, 0, h.n, &state);
    stop_and_compare(c, m, &h, st, "after reorganisations that it followed");
    qn_mock_free(m);
}

void qc_case_history(qc_check *c)
{
    if (!qc_check_load(c))
        return;
    for (unsigned i = 0; i < SEEDS; i++) {
        qc_check_doing(c, "following a chain with reorganisations");
        if (qc_check_point(c, i) && !qc_check_sub(c, one_history, &i, 20, 0))
            return;
    }
    qc_check_note(c, "%u histories of about %u blocks", SEEDS, BLOCKS);
}

/* ---- restart ---- */

/* At each step it is stopped or crashed, perhaps in the middle of its work; the chain goes on
 * meanwhile. */
static void with_restarts(qc_check *c, void *arg)
{
    const unsigned variant = *(const unsigned *)arg;
    qc_history h;
    qc_chain_state state = {0};
    qn_mock *m = qc_target_mock(&c->target);
    qn_status st = QN_OK;
    const bool crash = variant % 2, middle = variant / 2 % 2;
    qc_history_make(&h, c->seed * 100 + variant, BLOCKS, true);
    for (size_t i = 0; i < h.n && st == QN_OK; i++) {
        qn_mock_steps(m, UINT32_MAX);
        if ((st = qn_mock_start(m, c->target.entry)) != QN_OK)
            break;
        qc_drive_run(m);
        qn_mock_steps(m, middle ? 1 : UINT32_MAX);
        qc_history_apply(&h, i, m, &state);
        qc_drive_run(m);
        if (qn_mock_failure(m))
            st = QN_E_CLOSED;
        else if (crash)
            qn_mock_crash(m);
        else
            st = qn_mock_stop(m);
    }
    qn_mock_steps(m, UINT32_MAX);
    if (st == QN_OK)
        st = qc_drive(&c->target, m, &h, h.n, h.n, &state);
    stop_and_compare(c, m, &h, st,
                     crash ? "after crashes and new starts" : "after it was stopped and started");
    qn_mock_free(m);
}

void qc_case_restart(qc_check *c)
{
    if (!qc_check_load(c))
        return;
    for (unsigned i = 0; i < SEEDS; i++) {
        qc_check_doing(c, "%s and started again", i % 2 ? "crashed" : "stopped");
        if (qc_check_point(c, i) && !qc_check_sub(c, with_restarts, &i, 20, 0))
            return;
    }
}

/* ---- midway ---- */

typedef enum midway {
    MIDWAY_THERE,   /* the first start is on a long chain with branches behind it */
    MIDWAY_OFF,     /* its position has left the active chain while it was down */
    MIDWAY_FOREIGN, /* another chain: nothing that it knows is there */
    MIDWAYS
} midway;

static void start_midway(qc_check *c, void *arg)
{
    const midway how = *(const midway *)arg;
    qc_history h, other;
    qc_chain_state state = {0}, foreign = {0};
    char *folder = qc_check_folder(c, "store");
    qc_history_make(&h, c->seed, BLOCKS, true);
    qc_history_make(&other, c->seed + 7777, BLOCKS / 2, false);
    qn_mock *m = qc_target_mock(&c->target);
    QC_ASSERT(qn_mock_store_folder(m, folder) == QN_OK);
    size_t first = how == MIDWAY_THERE ? h.n / 2 : 0;
    qc_drive_chain(m, &h, 0, first, &state);
    qn_status st = qc_drive(&c->target, m, &h, first, h.n, &state);
    if (how == MIDWAY_OFF && st == QN_OK && (st = qn_mock_stop(m)) == QN_OK) {
        h.step[h.n++] = (qc_step){.back = 9, .n = 12};
        qc_history_apply(&h, h.n - 1, m, &state);
        st = qc_drive(&c->target, m, &h, h.n, h.n, &state);
    }
    if (how == MIDWAY_FOREIGN && st == QN_OK && (st = qn_mock_stop(m)) == QN_OK) {
        qn_mock_free(m);
        m = qc_target_mock(&c->target);
        QC_ASSERT(qn_mock_store_folder(m, folder) == QN_OK);
        qc_drive_chain(m, &other, 0, other.n, &foreign);
        st = qc_drive(&c->target, m, &other, other.n, other.n, &foreign);
        if (st != QN_OK) { /* to give up is right too, when it says why */
            qc_check_note(c, "on a foreign chain it gives up: %s\n",
                          qn_mock_failure(m) ? qn_mock_failure(m) : qn_mock_status_name(st));
            goto done;
        }
        stop_and_compare(c, m, &other, st, "on a chain that is not the one it knew");
        goto done;
    }
    stop_and_compare(c, m, &h, st,
                     how == MIDWAY_OFF ? "when its position left the chain while it was down"
                                       : "when it started on a long chain");
done:
    qn_mock_free(m);
    qc_free(folder);
}

void qc_case_midway(qc_check *c)
{
    if (!qc_check_load(c))
        return;
    for (midway i = 0; i < MIDWAYS; i++) {
        qc_check_doing(c, "starting on a chain that is there (way %d)", (int)i);
        if (qc_check_point(c, i) && !qc_check_sub(c, start_midway, &i, 20, 0))
            return;
    }
}

/* ---- gap ---- */

static void over_gap(qc_check *c, void *arg)
{
    const bool later = *(const bool *)arg;
    qn_status st = QN_OK;
    qn_mock *m = qc_target_mock(&c->target);
    qn_mock_mine(m, 10);
    if (later) { /* it was down too long */
        st = qn_mock_start(m, c->target.entry);
        if (st == QN_OK)
            st = qn_mock_stop(m);
        qn_mock_mine(m, 20);
    }
    qn_mock_prune(m, later ? 25 : 8);
    if (st != QN_OK) {
        say_trouble(c, m, st, "on a short chain");
        qn_mock_free(m);
        return;
    }
    st = qn_mock_start(m, c->target.entry);
    if (st == QN_OK)
        qc_drive_run(m);
    const char *gave_up = qn_mock_failure(m);
    if (st != QN_OK || gave_up) {
        qc_check_note(c, "%s: it gives up: %s\n", later ? "down too long" : "at first start",
                      gave_up ? gave_up : qn_mock_status_name(st));
        if (!gave_up && !*qn_mock_log(m))
            (void)qc_check_fail(c, "a reason: in the log or in fail()",
                                "with blocks pruned start() answers %s and says nothing",
                                qn_mock_status_name(st));
    } else {
        qc_check_note(c, "%s: it goes on behind the gap\n",
                      later ? "down too long" : "at first start");
        if ((st = qn_mock_stop(m)) != QN_OK)
            say_trouble(c, m, st, "behind a gap");
    }
    qn_mock_free(m);
}

void qc_case_gap(qc_check *c)
{
    if (!qc_target_wants(&c->target, QN_CHAIN_FOLLOW_1_ID)) {
        (void)qc_check_skip(c, "it does not follow the chain");
        return;
    }
    if (!qc_check_load(c))
        return;
    for (unsigned i = 0; i < 2; i++) {
        bool later = i == 1;
        qc_check_doing(c, "going over a gap");
        if (qc_check_point(c, i) && !qc_check_sub(c, over_gap, &later, 20, 0))
            return;
    }
}

/* ---- kill ---- */

enum { AT_STEP, CALLS };

typedef struct killing {
    const qc_history *h;
    const char *folder;
    uint64_t k; /* before this call; 0: never */
    size_t from;
} killing;

static qn_status kill_at(void *arg, uint64_t k, const char *interface, const char *method)
{
    const killing *x = arg;
    (void)interface;
    (void)method;
    if (k == x->k)
        (void)!kill(getpid(), SIGKILL);
    return QN_OK;
}

/* One life from step x->from on, on what lies in the folder. */
static void live(qc_check *c, void *arg)
{
    killing *x = arg;
    qc_chain_state state = {0};
    qn_mock *m = qc_target_mock(&c->target);
    if (qn_mock_store_folder(m, x->folder) != QN_OK) {
        (void)qc_check_fail(c, "a scratch folder", "%s cannot be written", x->folder);
        return;
    }
    qc_drive_chain(m, x->h, 0, x->from, &state);
    qn_mock_on_call(m, kill_at, x);
    qn_status st = qn_mock_start(m, c->target.entry);
    if (st == QN_OK)
        qc_drive_run(m);
    for (size_t i = x->from; st == QN_OK && i < x->h->n; i++) {
        c->box->number[AT_STEP] = i + 1;
        qc_history_apply(x->h, i, m, &state);
        qc_drive_run(m);
    }
    if (st == QN_OK && qn_mock_failure(m))
        st = QN_E_CLOSED;
    if (st == QN_OK)
        st = qn_mock_stop(m);
    c->box->number[CALLS] = qn_mock_calls(m);
    if (st != QN_OK)
        say_trouble(c, m, st, x->from || x->k == 0 ? "after a kill" : "undisturbed");
    qn_mock_free(m);
}

static bool kill_and_compare(qc_check *c, const qc_history *h, const qn_mock *want, uint64_t k)
{
    char when[64];
    char *folder = qc_check_folder(c, "store");
    killing x = {.h = h, .folder = folder, .k = k};
    qc_check_doing(c, "killed before its call %llu, then started again", (unsigned long long)k);
    c->box->number[AT_STEP] = 0;
    bool ok = qc_check_sub(c, live, &x, 20, SIGKILL);
    x.k = 0;
    x.from = (size_t)c->box->number[AT_STEP];
    ok = ok && qc_check_sub(c, live, &x, 20, 0);
    qn_mock *m = qn_mock_new();
    if (ok && qn_mock_store_folder(m, folder) == QN_OK) {
        snprintf(when, sizeof when, "after a kill before call %llu", (unsigned long long)k);
        ok = qc_check_same(c, m, want, when);
    }
    qn_mock_free(m);
    qc_free(folder);
    return ok;
}

void qc_case_kill(qc_check *c)
{
    qc_history h;
    if (!qc_target_wants(&c->target, QN_STORE_OWN_1_ID)) {
        (void)qc_check_skip(c, "it keeps nothing (no store.own)");
        return;
    }
    if (!qc_check_load(c))
        return;
    qc_history_make(&h, c->seed, 12, true);
    char *folder = qc_check_folder(c, "whole");
    killing whole = {.h = &h, .folder = folder};
    bool ok = qc_check_sub(c, live, &whole, 20, 0);
    uint64_t calls = c->box->number[CALLS], step = calls / KILLS + 1;
    qn_mock *want = qn_mock_new();
    ok = ok && qn_mock_store_folder(want, folder) == QN_OK;
    if (ok && c->at < 0 && qn_mock_store_count(want) == 0)
        qc_check_note(c, "its store stays empty: there is nothing to compare\n");
    for (uint64_t k = 1 + c->seed % step; ok && k <= calls; k += step)
        if (c->at < 0 || k == (uint64_t)c->at)
            ok = qc_check_point(c, k) && kill_and_compare(c, &h, want, k);
    qn_mock_free(want);
    qc_free(folder);
    qc_check_note(c, "%llu calls; 1 of %llu is a point", (unsigned long long)calls,
                  (unsigned long long)step);
}
