/* The case that fails each host call: the plugin copes, or says so and can be started again. What
 * it may not do is go on as if nothing had happened with a store that is wrong. */
#include "core/tool/check.h"

#include "core/base/alloc.h"

#define CALLS_MAX 400u /* of one run; beyond that only every n-th fails */

static const qn_status CODES[] = {QN_E_IO, QN_E_NOMEM, QN_E_LIMIT, QN_E_REVOKED, -999};

typedef struct fault {
    const qc_history *h;
    const qn_mock *want;
    uint64_t k;
    qn_status with;
    char name[80]; /* of the call that failed */
    bool hit;
} fault;

static qn_status fail_kth(void *arg, uint64_t k, const char *interface, const char *method)
{
    fault *f = arg;
    if (k < f->k || (k > f->k && f->with != QN_E_REVOKED)) /* what is revoked stays so */
        return QN_OK;
    if (!f->hit)
        snprintf(f->name, sizeof f->name, "%s %s", interface, method);
    f->hit = true;
    return f->with;
}

static void say(qc_check *c, const qn_mock *m, const fault *f, const char *wanted, const char *what,
                const char *detail)
{
    qc_check_keep_log(c, m);
    (void)qc_check_fail(c, wanted, "call %llu, %s, answered %s: %s%s%s%s", (unsigned long long)f->k,
                        f->name, qn_mock_status_name(f->with), what, *detail ? " (" : "", detail,
                        *detail ? ")" : "");
}

static void count_calls(qc_check *c, void *arg)
{
    const fault *f = arg;
    qc_chain_state state = {0};
    qn_mock *m = qc_target_mock(&c->target);
    qn_status st = qc_drive(&c->target, m, f->h, 0, f->h->n, &state);
    if (st == QN_OK)
        st = qn_mock_stop(m);
    c->box->number[0] = qn_mock_calls(m);
    if (st != QN_OK)
        (void)qc_check_fail(c, "it to run when nothing fails", "it does not: %s",
                            qn_mock_status_name(st));
    qn_mock_free(m);
}

/* With the fault; then without, on what the first life left. */
static void with_fault(qc_check *c, void *arg)
{
    fault *f = arg;
    qc_chain_state state = {0};
    qn_mock *m = qc_target_mock(&c->target);
    qn_mock_on_call(m, fail_kth, f);
    qn_status st = qc_drive(&c->target, m, f->h, 0, f->h->n, &state);
    bool said = st != QN_OK;
    if (!said)
        said = qn_mock_stop(m) != QN_OK;
    if (!f->hit) {
        qn_mock_free(m);
        return;
    }
    if (!said && f->with != QN_E_REVOKED && !qc_check_rows_equal(c, m, f->want)) {
        say(c, m, f,
            "it to try again, to answer a failure from init(), start() or stop(), or to call "
            "fail()",
            "it went on without a word, and its store is not that of the chain", "");
        qn_mock_free(m);
        return;
    }
    /* What of the chain did not happen yet, because it did not start. */
    if (qn_mock_height(m) == 0)
        qc_drive_chain(m, f->h, 0, f->h->n, &state);
    qn_mock_on_call(m, NULL, NULL);
    st = qc_drive(&c->target, m, f->h, f->h->n, f->h->n, &state);
    if (st == QN_OK)
        st = qn_mock_stop(m);
    if (st != QN_OK)
        say(c, m, f, "the next start, with nothing failing, to work", "after it, it does not start",
            qn_mock_failure(m) ? qn_mock_failure(m) : qn_mock_status_name(st));
    else if (!qc_check_rows_equal(c, m, f->want))
        say(c, m, f, "the next start to come to the store of the chain",
            "its store stays wrong, also after a new start", "");
    qn_mock_free(m);
}

void qc_case_faults(qc_check *c)
{
    qc_history h;
    fault f = {.h = &h};
    if (!qc_check_load(c))
        return;
    qc_history_make(&h, c->seed, 8, true);
    qc_check_doing(c, "counting its calls");
    if (!qc_check_sub(c, count_calls, &f, 20, 0))
        return;
    uint64_t calls = c->box->number[0], step = calls / CALLS_MAX + 1, n = 0;
    qn_mock *want = qc_check_reference(c, &h, h.n);
    f.want = want;
    bool ok = want != NULL;
    for (f.k = 1 + c->seed % step; ok && f.k <= calls; f.k += step)
        for (size_t i = 0; ok && i < QC_COUNTOF(CODES); i++) {
            if (!qc_check_point(c, f.k * 10 + i))
                continue;
            f.with = CODES[i];
            f.hit = false;
            qc_check_doing(c, "when its call %llu answers %s", (unsigned long long)f.k,
                           qn_mock_status_name(f.with));
            ok = qc_check_sub(c, with_fault, &f, 10, 0);
            n++;
        }
    qn_mock_free(want);
    qc_check_note(c, "%llu calls, %llu faults", (unsigned long long)calls, (unsigned long long)n);
}
