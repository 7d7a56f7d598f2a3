/* The test interface as a host of release TRIAL serves it: one set of functions, in the stable
 * table and in each unstable one that the release has. */
#define QN_ALLOW_UNSTABLE
#include "quoin/test_trial_unstable.h"

#include "core/host/cap.h"
#include "tests/abi/trial_host.h"

trial_calls trial_seen;

static qn_status once(qn_cap *cap, uint32_t x, uint32_t *y)
{
    qn_status st = qc_cap_enter(cap);
    trial_seen.once++;
    trial_seen.without += x == 1000;
    *y = x;
    return st;
}

static qn_status twice(qn_cap *cap, uint32_t x, qn_trial_answer *y)
{
    qn_status st = qc_cap_enter(cap);
    trial_seen.twice++;
    y->value = 2 * x;
    return st;
}

static qn_status thrice(qn_cap *cap, uint32_t x, uint32_t *y)
{
    qn_status st = qc_cap_enter(cap);
    trial_seen.thrice++;
    *y = 3 * x;
    return st;
}

static qc_err open_cap(qn_cap *cap, const char **why)
{
    (void)cap;
    (void)why;
    return QC_OK;
}

static void close_cap(qn_cap *cap)
{
    (void)cap;
}

#define HEAD_U(t)                                                                                  \
    {                                                                                              \
        (uint32_t)(sizeof(t) - offsetof(t, u)), 1                                                  \
    }

#if TRIAL == 1
static const qn_test_trial_1 STABLE = {.h = {sizeof STABLE, 1}, .once = once};
#else
static const qn_test_trial_1 STABLE = {.h = {sizeof STABLE, 2}, .once = once, .twice = twice};
static const qn_test_trial_unstable_2 TRIAL_2 = {
    .stable = {.h = {sizeof TRIAL_2.stable, 2}, .once = once, .twice = twice},
    .u = HEAD_U(qn_test_trial_unstable_2),
    .thrice = thrice};
static const qc_adapter ADAPTER_2 = {QN_TEST_TRIAL_UNSTABLE_2_ID, &TRIAL_2, open_cap, NULL,
                                     close_cap};
#endif
#if TRIAL < 3
static const qn_test_trial_unstable_1 TRIAL_1 = {
    .stable = {.h = {sizeof TRIAL_1.stable, 1}, .once = once},
    .u = HEAD_U(qn_test_trial_unstable_1),
    .twice = twice,
    .thrice = thrice};
static const qc_adapter ADAPTER_1 = {QN_TEST_TRIAL_UNSTABLE_1_ID, &TRIAL_1, open_cap, NULL,
                                     close_cap};
#endif

static const qc_adapter ADAPTER = {QN_TEST_TRIAL_1_ID, &STABLE, open_cap, NULL, close_cap};

const qc_adapter *const QC_ADAPTERS[] = {&ADAPTER,
#if TRIAL < 3
                                         &ADAPTER_1,
#endif
#if TRIAL > 1
                                         &ADAPTER_2,
#endif
                                         NULL};
