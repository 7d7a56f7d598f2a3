#include "plugins/stratum/jobs.h"

#include <string.h>

/* Of the layout below, and of how coinbases are made of it; another one makes what was stored
 * unreadable, and miners get a new job. The job's number follows in each, and the upper byte is the
 * same: numbers go on all the same. */
#define FORMAT (UINT32_C(0x51540000) + (uint32_t)sizeof(st_job))
#define FORMAT_BYTE 0x51u

static st_job *slot(st_jobs *j, uint64_t number)
{
    return &j->job[number % ST_JOBS];
}

const st_job *st_job_add(st_jobs *j, const qn_template_view *v, const st_recipe *r, uint64_t now)
{
    st_job *job = slot(j, ++j->last);
    memset(job, 0, sizeof *job);
    job->number = j->last;
    job->made = now;
    job->recipe = *r;
    memcpy(&job->v, v, v->size < sizeof job->v ? v->size : sizeof job->v);
    return job;
}

const st_job *st_job_find(const st_jobs *j, uint64_t number)
{
    const st_job *job = &j->job[number % ST_JOBS];
    return number && job->number == number ? job : NULL;
}

bool st_job_lost(const st_jobs *j, uint64_t number)
{
    return number && number <= j->restored && number + ST_JOBS > j->last && !st_job_find(j, number);
}

const st_job *st_job_newest(const st_jobs *j)
{
    return st_job_find(j, j->last);
}

bool st_job_same_tip(const st_job *a, const st_job *b)
{
    return memcmp(a->v.prev.b, b->v.prev.b, 32) == 0;
}

bool st_job_stale(const st_jobs *j, const st_job *job)
{
    const st_job *newest = st_job_newest(j);
    return newest && !st_job_same_tip(newest, job);
}

void st_job_write(const st_job *job, uint8_t *out)
{
    const uint32_t format = FORMAT;
    memcpy(out, &format, sizeof format);
    memcpy(out + sizeof format, job, sizeof *job);
}

/* Bytes that a disk gave back: nothing in them may lead a reader out of its bounds. */
static bool sane(const st_job *job)
{
    const qn_template_view *v = &job->v;
    if (!job->number || job->number > ST_JOB_MAX || job->recipe.n_payout > ST_PAYOUTS ||
        job->recipe.tag_len > ST_TAG_MAX || v->coinbase_prefix_len > sizeof v->coinbase_prefix ||
        v->coinbase_outputs_len > sizeof v->coinbase_outputs ||
        v->n_path > sizeof v->path / sizeof *v->path)
        return false;
    for (uint32_t i = 0; i < job->recipe.n_payout; i++)
        if (job->recipe.payout[i].len > ST_SCRIPT_MAX || job->recipe.payout[i].permille > 1000)
            return false;
    return true;
}

void st_job_went_to(st_jobs *j, uint64_t number)
{
    j->last = number > j->last ? number : j->last;
    j->restored = j->last;
}

static void pass_over(st_jobs *j, uint32_t format, const uint8_t *data, size_t len)
{
    uint64_t number;
    if (format >> 24 != FORMAT_BYTE || len < sizeof format + sizeof number)
        return;
    memcpy(&number, data + sizeof format, sizeof number);
    if (number <= ST_JOB_MAX)
        st_job_went_to(j, number);
}

bool st_job_restore(st_jobs *j, const uint8_t *data, size_t len)
{
    uint32_t format;
    st_job job;
    if (len < sizeof format)
        return false;
    memcpy(&format, data, sizeof format);
    if (format != FORMAT)
        pass_over(j, format, data, len);
    if (len != ST_JOB_BYTES)
        return false;
    memcpy(&job, data + sizeof format, sizeof job);
    if (format != FORMAT || !sane(&job))
        return false;
    if (slot(j, job.number)->number > job.number) /* from when there were fewer slots */
        return true;
    *slot(j, job.number) = job;
    st_job_went_to(j, job.number);
    return true;
}
