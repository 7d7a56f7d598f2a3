/* Plugins for the proof of promotion, each compiled against the headers of one release:
 * STABLE     uses test.trial/1 alone; twice() too where the host's table has it
 * UNSTABLE   uses twice() and thrice() on trial: test.trial.unstable/1 of release 1
 * PROMOTED   requires test.trial/1.2, whose twice() is stable
 * LATER      uses what is still on trial in release 2: test.trial.unstable/2 */
#include "quoin/plugin.h"

#if defined(SHAPE_UNSTABLE) || defined(SHAPE_LATER)
#define QN_ALLOW_UNSTABLE
#include "quoin/test_trial_unstable.h"
#endif
#include "quoin/test_trial.h"

#if defined(SHAPE_UNSTABLE)
#define WANT "test.trial.unstable/1"
#define GET QN_TEST_TRIAL_UNSTABLE_1_ID
typedef qn_test_trial_unstable_1 trial;
#elif defined(SHAPE_LATER)
#define WANT "test.trial.unstable/2"
#define GET QN_TEST_TRIAL_UNSTABLE_2_ID
typedef qn_test_trial_unstable_2 trial;
#else
#define GET QN_TEST_TRIAL_1_ID
typedef qn_test_trial_1 trial;
#if defined(SHAPE_PROMOTED)
#define WANT "test.trial/1.2"
#else
#define WANT "test.trial/1"
#endif
#endif

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"org.quoin.test.plugin\",\"version\":\"1.0.0\","
                   "\"requires\":[\"" WANT "\"]}");

static qn_status stable_part(const qn_test_trial_1_r1 *t, qn_cap *cap)
{
    uint32_t y = 0;
    qn_status st = t->once(cap, 7, &y);
    return st == QN_OK && y != 7 ? QN_E_INTERNAL : st;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    qn_cap *handle;
    uint32_t y = 0;
    (void)config;
    *self = 0;
    qn_status st = host->get(cap, GET, 1, &table, &handle);
    if (st != QN_OK)
        return st;
    const trial *t = table;
    st = stable_part(table, handle); /* an unstable table begins with the stable one */
#if defined(SHAPE_UNSTABLE)
    qn_trial_answer a = {.size = sizeof a};
    if (!QN_HAS_STABLE(t, once) || !QN_HAS_U(t, thrice) || t->stable.h.revision != 1)
        return QN_E_OLDHOST;
    if (st == QN_OK && ((st = t->twice(handle, 7, &a)) != QN_OK || a.value != 14))
        return QN_E_INTERNAL;
    if (st == QN_OK && ((st = t->thrice(handle, 7, &y)) != QN_OK || y != 21))
        return QN_E_INTERNAL;
#elif defined(SHAPE_LATER)
    qn_trial_answer a = {.size = sizeof a};
    if (!QN_HAS_STABLE(t, twice) || !QN_HAS_U(t, thrice) || t->stable.h.revision != 2)
        return QN_E_OLDHOST;
    if (st == QN_OK && ((st = t->stable.twice(handle, 7, &a)) != QN_OK || a.value != 14))
        return QN_E_INTERNAL;
    if (st == QN_OK && ((st = t->thrice(handle, 7, &y)) != QN_OK || y != 21))
        return QN_E_INTERNAL;
#elif defined(RELEASE_1)
    (void)t;
    (void)y;
#else
    qn_trial_answer a = {.size = sizeof a};
    if (!QN_HAS(t, twice))
        (void)t->once(handle, 1000, &y); /* tells the test that it does without */
    else if (st == QN_OK && ((st = t->twice(handle, 7, &a)) != QN_OK || a.value != 14))
        return QN_E_INTERNAL;
#endif
    return st;
}

static qn_status start(void *self)
{
    (void)self;
    return QN_OK;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

static void fini(void *self)
{
    (void)self;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.quoin.test.plugin",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = fini};
