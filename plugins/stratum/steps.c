#include "plugins/stratum/steps.h"

#include <math.h>
#include <string.h>

/* Whole numbers where that is near enough: there is hardware that cuts off what is behind the
 * point.
 */
double st_steps_clamp(const st_session *s, double d)
{
    const st_pool *p = s->pool;
    const st_job *job = st_job_newest(&p->jobs);
    double low = s->floor > p->min_difficulty ? s->floor : p->min_difficulty;
    double high = job ? st_difficulty_of(job->v.target.b) : 1e18;
    d = d < low ? low : d;
    if (d > high)
        d = high; /* a share that is a block must always be one */
    return d > 1 && floor(d) >= low ? floor(d) : d;
}

double st_session_difficulty(const st_session *s)
{
    return s->n_steps ? s->step[s->n_steps - 1].difficulty : s->pool->start_difficulty;
}

bool st_steps_pending(const st_session *s)
{
    return s->n_steps && s->step[s->n_steps - 1].told_ms == ST_UNTOLD;
}

void st_steps_set(st_session *s, double d)
{
    if (st_steps_pending(s))
        s->n_steps--;
    if (s->n_steps == ST_STEPS) {
        memmove(s->step, s->step + 1, (ST_STEPS - 1) * sizeof *s->step);
        s->n_steps--;
    }
    s->step[s->n_steps++] = (st_step){UINT64_MAX, d, 0, ST_UNTOLD};
    st_putf(&s->out, "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[%.17g]}\n", d);
}

double st_steps_worth(const st_session *s, uint64_t job, uint8_t variant)
{
    const uint64_t at = job << 8 | variant;
    double d = s->n_steps ? s->step[0].difficulty : s->pool->start_difficulty;
    for (uint32_t i = 0; i < s->n_steps && s->step[i].from <= at; i++)
        d = s->step[i].difficulty;
    return d;
}

/* Who has long been told a harder one must not stay with what is easy. It is worth no more for
 * that: else the good ones would be kept back until then. */
double st_steps_least(const st_session *s, uint64_t job, uint8_t variant)
{
    const uint64_t at = job << 8 | variant;
    const int64_t now = (int64_t)s->pool->now_ms;
    double d = st_steps_worth(s, job, variant);
    for (uint32_t i = 0; i < s->n_steps; i++) {
        const st_step *x = &s->step[i];
        if (x->from > at && x->difficulty > d && x->told_ms <= now - ST_GRACE_MS)
            d = x->difficulty;
    }
    return d;
}

bool st_steps_forgot(const st_session *s, uint64_t job, uint8_t variant)
{
    return s->n_steps && (job << 8 | variant) < s->step[0].from;
}

/* Of its own is the variant so that nobody could work on it before: else the client would choose
 * how much a share is worth when it has it already. */
void st_steps_begin(st_session *s, bool own)
{
    st_pool *p = s->pool;
    const st_hooks *h = &p->hooks;
    st_step *x = &s->step[s->n_steps - 1];
    if (own && s->variant == 0xff)
        return; /* there is none left: with the next job */
    s->variant = (uint8_t)(s->variant + own);
    x->from = s->n_steps == 1 && !own ? 0 : s->told << 8 | s->variant;
    if (s->n_steps > 1 && x->from < x[-1].from)
        x->from = x[-1].from; /* nothing of this job counts: st_steps_recall() */
    x->told = p->time;
    x->told_ms = (int64_t)p->now_ms;
    if (!h->keep || !h->keep(h->arg, s))
        p->doubt = p->jobs.last;
}

/* A job that this life has not come to was told by one whose newest jobs were lost: what holds for
 * its number says nothing of the job that has it now. */
static bool from_nowhere(const st_session *s)
{
    return s->step[s->n_steps - 1].from > (s->pool->jobs.last + 1) << 8;
}

/* Nothing counts of jobs that it may have been told with who knows what: else it could be told the
 * same variant again, of which it has a good hash, at another difficulty. */
static void forget(st_session *s, double d)
{
    const st_pool *p = s->pool;
    uint64_t upto = p->jobs.restored > p->doubt ? p->jobs.restored : p->doubt;
    s->step[0] = (st_step){.from = (upto + 1) << 8, .difficulty = d, .told = p->time};
    s->n_steps = 1;
}

/* As long ago as it was, so that coming back prolongs nothing. */
static int64_t ago(const st_pool *p, uint64_t told)
{
    const uint64_t s = p->time > told ? p->time - told : 0;
    return (int64_t)p->now_ms - (int64_t)(s < ST_GRACE_MS / 1000 ? s * 1000 : ST_GRACE_MS);
}

void st_steps_recall(st_session *s)
{
    const st_pool *p = s->pool;
    const st_hooks *h = &p->hooks;
    s->n_steps = h->recall ? h->recall(h->arg, s->en1, s->step) : 0;
    if (!s->n_steps)
        forget(s, p->start_difficulty);
    else if (from_nowhere(s))
        forget(s, s->step[s->n_steps - 1].difficulty);
    for (uint32_t i = 0; i < s->n_steps; i++)
        s->step[i].told_ms = ago(p, s->step[i].told);
}

/* A session that goes on may have been told of this job before, up to a variant. */
bool st_steps_first(st_session *s)
{
    const bool goes_on = s->n_steps > 0;
    double d = goes_on ? st_session_difficulty(s) : s->pool->start_difficulty;
    if (s->floor > d || (s->floor > 0 && !goes_on))
        d = s->floor;
    for (uint32_t i = 0; i < s->n_steps; i++)
        if (s->step[i].from >> 8 == s->told)
            s->variant = (uint8_t)s->step[i].from;
    st_steps_set(s, st_steps_clamp(s, d));
    return s->floor > 0;
}
