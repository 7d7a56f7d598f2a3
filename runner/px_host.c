/* host/1 in the runner: loop and clocks are here; log, fail and progress go to the node. */
#include "runner/loop.h"
#include "runner/proxies.h"

#include <sys/random.h>
#include <time.h>

/* Slots of the table, as the wire counts them. */
enum { LOG = 1, FAIL = 2, PROGRESS = 6 };
#define SECOND 1000000000
#define LINE_MAX_BYTES 1024u
#define RANDOM_MAX (1u << 20)

static const qn_cap *by_id(const qc_rt *rt, const char *id)
{
    for (uint32_t i = 0; i < rt->n_cap; i++)
        if (strcmp(rt->cap[i].id, id) == 0)
            return &rt->cap[i];
    return strcmp(id, rt->host.id) == 0 ? &rt->host : NULL;
}

static const qc_rt_interface *known(const char *id)
{
    for (const qc_rt_interface *f = QC_RT_INTERFACES; f->id; f++)
        if (strcmp(f->id, id) == 0)
            return f;
    return NULL;
}

qn_status qc_px_host_1_get(qn_cap *cap, const char *id, uint32_t min_revision, const void **table,
                           qn_cap **handle)
{
    qn_status st = qc_rt_enter(cap, 0);
    if (st != QN_OK)
        return st;
    if (!id || !table || !handle)
        return QN_E_INVAL;
    const qn_cap *got = by_id(cap->rt, id);
    const qc_rt_interface *f = known(id);
    if (!got && !f && strcmp(id, "store.own/1") != 0)
        return QN_E_NOSUCH;
    if (got ? got->revision < min_revision : f && f->revision < min_revision)
        return QN_E_OLDHOST;
    if (!got)
        return QN_E_DENIED;
    *table = got->table;
    *handle = (qn_cap *)(uintptr_t)got;
    return QN_OK;
}

/* ---- log ---- */

void qc_rt_log_rate(qc_rt *rt, uint32_t per_s)
{
    pthread_mutex_lock(&rt->log.lock);
    rt->log.per_s = per_s;
    pthread_mutex_unlock(&rt->log.lock);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/* The node decides which lines are written, by level and rate, and it is what enforces them. Here
 * only those stay that it would drop in any case: more than twice its rate of one level. */
static bool may_log(qc_rt *rt, uint32_t level)
{
    qc_rt_log *l = &rt->log;
    uint32_t i = level < QC_RT_LOG_LEVELS ? level : 0;
    pthread_mutex_lock(&l->lock);
    bool ok = l->per_s <= 0;
    if (!ok) {
        int64_t now = now_ns();
        double most = 2 * l->per_s;
        double tokens = l->level[i].tokens + (double)(now - l->level[i].at) * 1e-9 * most;
        tokens = l->level[i].at && tokens < most ? tokens : most;
        l->level[i].at = now;
        ok = tokens >= 1;
        l->level[i].tokens = ok ? tokens - 1 : tokens;
        l->dropped += !ok && l->dropped < UINT32_MAX;
    }
    pthread_mutex_unlock(&l->lock);
    return ok;
}

void qc_rt_log_tell(qc_rt *rt)
{
    pthread_mutex_lock(&rt->log.lock);
    uint32_t n = rt->log.dropped;
    rt->log.dropped = 0;
    pthread_mutex_unlock(&rt->log.lock);
    if (n == 0)
        return;
    qc_pack in = QC_PACK_INIT;
    qc_pack_u32(&in, n);
    qc_pack_bytes(&in, "", 0);
    qc_rt_cast(&rt->host, QC_CAST_LOG_DROPPED, &in);
}

void qc_px_host_1_log(qn_cap *cap, uint32_t level, const char *message, uint32_t message_len)
{
    if (!may_log(cap->rt, level))
        return;
    qc_pack in = QC_PACK_INIT;
    uint32_t n = message ? (message_len < LINE_MAX_BYTES ? message_len : LINE_MAX_BYTES) : 0;
    qc_pack_u32(&in, level);
    qc_pack_bytes(&in, message, n);
    qc_rt_cast(cap, LOG, &in);
}

void qc_px_host_1_fail(qn_cap *cap, int32_t why, const char *message, uint32_t message_len)
{
    qc_pack in = QC_PACK_INIT;
    uint32_t n = message ? (message_len < LINE_MAX_BYTES ? message_len : LINE_MAX_BYTES) : 0;
    qc_pack_u32(&in, (uint32_t)why);
    qc_pack_bytes(&in, message, n);
    qc_rt_cast(cap, FAIL, &in);
}

void qc_px_host_1_progress(qn_cap *cap, uint32_t permille, const char *what, uint32_t what_len)
{
    qc_pack in = QC_PACK_INIT;
    uint32_t n = what ? (what_len < LINE_MAX_BYTES ? what_len : LINE_MAX_BYTES) : 0;
    qc_pack_u32(&in, permille);
    qc_pack_bytes(&in, what, n);
    qc_rt_cast(cap, PROGRESS, &in);
}

qn_status qc_px_host_1_post(qn_cap *cap, qn_task_fn *task, void *arg)
{
    return qc_rt_post(cap->rt, task, arg);
}

qn_status qc_px_host_1_timer_set(qn_cap *cap, uint32_t delay_ms, qn_task_fn *task, void *arg,
                                 uint64_t *timer)
{
    qn_status st = qc_rt_enter(cap, 0);
    return st == QN_OK ? qc_rt_timer_set(cap->rt, delay_ms, task, arg, timer) : st;
}

qn_status qc_px_host_1_timer_cancel(qn_cap *cap, uint64_t timer)
{
    qn_status st = qc_rt_enter(cap, 0);
    return st == QN_OK ? qc_rt_timer_cancel(cap->rt, timer) : st;
}

uint64_t qc_px_host_1_now_ms(qn_cap *cap)
{
    (void)cap;
    return qc_rt_now_ms();
}

int64_t qc_px_host_1_time(qn_cap *cap)
{
    const qc_rt_page *page = cap->rt->page;
    int64_t mock = page ? atomic_load(&page->mock_time) : 0;
    return mock ? mock : (int64_t)time(NULL);
}

qn_status qc_px_host_1_random(qn_cap *cap, void *buffer, uint32_t buffer_len)
{
    uint8_t *p = buffer;
    (void)cap;
    if ((!buffer && buffer_len) || buffer_len > RANDOM_MAX)
        return QN_E_INVAL;
    for (uint32_t done = 0; done < buffer_len;) {
        ssize_t n = getrandom(p + done, buffer_len - done, 0);
        if (n > 0)
            done += (uint32_t)n;
    }
    return QN_OK;
}
