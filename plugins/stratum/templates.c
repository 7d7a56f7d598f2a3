/* From templates to jobs. */
#include "plugins/stratum/stratum.h"

#define REPEAT_MS 60000u
#define AWAITED_MS 5000u /* so seldom that jobs are remembered as long as the node takes them */

/* The newest templates are held; those before can be submitted all the same, while the node has
 * room for them. */
static bool release_oldest(stratum *t)
{
    if (!t->n_held)
        return false;
    (void)t->mining->release(t->mining_cap, t->held[0]);
    memmove(t->held, t->held + 1, --t->n_held * sizeof *t->held);
    return true;
}

static void hold(stratum *t, uint64_t id)
{
    if (t->n_held == ST_HELD)
        (void)release_oldest(t);
    t->held[t->n_held++] = id;
}

/* Bits of the version that miners may roll are theirs, and are told as clear: some submit what
 * differs from what they were told, others what they have set. */
static const st_job *add_job(stratum *t, const qn_template_view *v)
{
    qn_template_view x = *v;
    x.version = (int32_t)((uint32_t)x.version & ~t->pool.mask);
    t->job_ms = t->pool.now_ms;
    return st_job_add(&t->pool.jobs, &x, &t->pool.recipe, t->pool.time);
}

static void take(stratum *t, const qn_template_view *v)
{
    const st_job *before = st_job_newest(&t->pool.jobs);
    const st_job old = before ? *before : (st_job){.number = 0};
    hold(t, v->id);
    const st_job *job = add_job(t, v);
    bool clean = !old.number || !st_job_same_tip(&old, job);
    if (clean)
        st_pool_new_tip(&t->pool);
    st_store_job(t, job);
    /* A tip is told at once, and so are the first transactions on it; mere fees may take a moment.
     */
    if (clean || (old.v.kind == QN_TEMPLATE_KIND_EMPTY && v->kind == QN_TEMPLATE_KIND_FULL))
        st_server_tell(t, clean);
    else
        st_server_tell_slowly(t);
}

/* There are miners that take a server for dead from which they have heard nothing for 90 s. */
void st_templates_tick(stratum *t, bool awaited)
{
    uint32_t time, bits;
    const uint64_t after = awaited ? AWAITED_MS : REPEAT_MS;
    const st_job *job = st_job_newest(&t->pool.jobs);
    if (!job || job->number <= t->pool.jobs.restored || t->pool.now_ms - t->job_ms < after ||
        t->mining->now(t->mining_cap, job->v.id, &time, &bits) != QN_OK || bits != job->v.bits)
        return;
    qn_template_view v = job->v;
    v.cur_time = time;
    st_store_job(t, add_job(t, &v));
    st_server_tell_slowly(t);
}

/* Where the grant has less room than we would hold, older ones are let go: the new one matters. */
static qn_status next(stratum *t, uint64_t subscription, qn_template_view *v)
{
    qn_status st;
    do {
        *v = (qn_template_view){.size = sizeof *v};
        st = t->mining->next(t->mining_cap, subscription, v);
    } while (st == QN_E_LIMIT && release_oldest(t));
    return st;
}

static void on_ready(void *arg, uint64_t subscription, int32_t status)
{
    stratum *t = arg;
    qn_template_view v;
    qn_status st = status;
    st_clock(t);
    while (st == QN_OK && (st = next(t, subscription, &v)) == QN_OK)
        take(t, &v);
    if (st != QN_E_AGAIN && st != QN_E_NOTREADY && st != QN_E_REVOKED)
        t->host->fail(t->cap, st, "cannot get templates", 20);
}

qn_status st_templates_open(stratum *t)
{
    const qn_mining_throttle how = {.size = sizeof how,
                                    .set = QN_SET_MINING_THROTTLE_MIN_INTERVAL_MS,
                                    .min_interval_ms = t->c.refresh_s * 1000};
    return t->mining->open(t->mining_cap, &t->options, &how, on_ready, t, &t->subscription);
}

void st_templates_close(stratum *t)
{
    if (t->subscription)
        (void)t->mining->close(t->mining_cap, t->subscription);
    t->subscription = 0;
    for (; t->n_held; t->n_held--)
        (void)t->mining->release(t->mining_cap, t->held[t->n_held - 1]);
}
