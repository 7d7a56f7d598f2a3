/* plugins/stratum/workers.h: who mines here, and how much. */
#pragma once
#include "plugins/stratum/message.h"

/* More than all connections together can name (session.h): nobody keeps others out. */
#define ST_WORKERS_MAX 131072u

/** What became of a share. */
typedef enum st_verdict {
    ST_ACCEPTED,
    ST_STALE,
    ST_DUPLICATE,
    ST_LOW,
    ST_OTHER, /* time or version out of bounds, no such job */
    ST_VERDICTS
} st_verdict;

typedef struct st_worker {
    char name[ST_NAME_MAX + 1];
    uint32_t connections;
    uint64_t count[ST_VERDICTS];
    uint64_t blocks;
    double work;               /* sum of the accepted shares' difficulties */
    double difficulty;         /* of one of its connections, as methods.c found it last */
    double best;               /* highest difficulty that a share of it reached */
    double rate[2];            /* difficulty per second, over a minute and over an hour */
    uint64_t rate_ms, last_ms; /* of the last share; 0: none */
    uint64_t first_ms;         /* of the first that was accepted */
} st_worker;

/** Zero-initialised is empty. Pointers to workers stay good as long as they are connected. */
typedef struct st_workers {
    st_worker **list;
    uint32_t n, cap;
    st_worker **slot; /* by name */
    uint32_t n_slots;
    uint8_t secret[16]; /* places names where nobody can foresee it; set before the first */
} st_workers;

/** The worker of this name, made if need be, with one connection more. NULL: too many are
 *  connected, or there is no memory. */
st_worker *st_worker_join(st_workers *w, const char *name);
/** The one of this name, or NULL. */
st_worker *st_worker_find(const st_workers *w, const char *name);
void st_worker_leave(st_worker *w);
/** Count a share of `difficulty` whose hash reached `reached`. */
void st_worker_share(st_worker *w, st_verdict v, double difficulty, double reached,
                     uint64_t now_ms);
/** Hashes per second over about a minute (0) or an hour (1), as of now; where it has not mined for
 *  so long, over that time, but no less than a minute. */
double st_worker_rate(const st_worker *w, unsigned which, uint64_t now_ms);
/** All of them: most work first, and by name where that is equal. Returns: owned, free(); NULL: no
 *  memory. */
st_worker **st_workers_by_work(const st_workers *w);
void st_workers_clear(st_workers *w);
