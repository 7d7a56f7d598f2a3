/* plugins/stratum/jobs.h: what miners were told to do: templates by the number of the job, and how
 * the coinbase of each is made, so that a solution can be put together long after. */
#pragma once
#include "quoin/mining.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With one a second, and two with each tip: those of more than ten minutes, for which the node
 * takes solutions. */
#define ST_JOBS 1024u
#define ST_JOB_MAX (UINT64_MAX >> 9) /* a number that was read and is higher is none */
#define ST_TAG_MAX 40u
#define ST_PAYOUTS 16u
#define ST_SCRIPT_MAX 42u

/** Who gets a part of the reward. */
typedef struct st_payout {
    uint8_t script[ST_SCRIPT_MAX];
    uint8_t len;
    uint16_t permille; /* of the reward; 0: what is left */
} st_payout;

/** How coinbases are made, besides the template. Flat: it is kept in the store as it is. */
typedef struct st_recipe {
    st_payout payout[ST_PAYOUTS];
    uint32_t n_payout;
    uint32_t solo; /* a user's address takes the place of what is left */
    uint8_t tag[ST_TAG_MAX];
    uint32_t tag_len;
} st_recipe;

typedef struct st_job {
    uint64_t number; /* 0: none */
    uint64_t made;   /* seconds since 1970 */
    st_recipe recipe;
    qn_template_view v;
} st_job;

typedef struct st_jobs {
    st_job job[ST_JOBS];
    uint64_t last;     /* number of the newest; numbers go on over restarts */
    uint64_t restored; /* those up to it are of a former life: nobody is told them any more */
} st_jobs;

/** The next job, of a template. Returns: it; borrowed until ST_JOBS more have come. */
const st_job *st_job_add(st_jobs *j, const qn_template_view *v, const st_recipe *r, uint64_t now);
/** What miners call a variant of it. */
static inline uint64_t st_job_id(uint64_t number, uint8_t variant)
{
    return number << 8 | variant;
}
/** By number, or NULL. */
const st_job *st_job_find(const st_jobs *j, uint64_t number);
/** Somebody was told it in a former life, not long ago, and it could not be read any more: nobody
 *  knows what a share of it is. */
bool st_job_lost(const st_jobs *j, uint64_t number);
/** The newest, or NULL. */
const st_job *st_job_newest(const st_jobs *j);
/** It stands on another tip than the newest. */
bool st_job_stale(const st_jobs *j, const st_job *job);
/** The same tip, but not the same fees: what a miner need not change to at once. */
bool st_job_same_tip(const st_job *a, const st_job *b);

/* ---- as bytes, for the store ---- */
#define ST_JOB_BYTES (sizeof(uint32_t) + sizeof(st_job))
/** Out: ST_JOB_BYTES. */
void st_job_write(const st_job *job, uint8_t *out);
/** Put one back that was written before. Returns: false: it is of another version, or damaged; its
 *  number, where that can be read, is not given out again. */
bool st_job_restore(st_jobs *j, const uint8_t *data, size_t len);
/** Numbers up to this one were given out in a former life. */
void st_job_went_to(st_jobs *j, uint64_t number);
