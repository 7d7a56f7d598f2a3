/* plugins/stratum/session.h: the protocol with one client, without its socket: lines go in, text
 * comes out. What only a host can do is behind hooks, and the time is told. */
#pragma once
#include "plugins/stratum/share.h"
#include "plugins/stratum/vardiff.h"
#include "plugins/stratum/workers.h"

#define ST_SESSION_ID 24u      /* hex digits: extranonce and a proof that it was given by us */
#define ST_SESSION_WORKERS 8u  /* names that each connection may have counted by themselves */
#define ST_SESSION_NAMES 1024u /* as many where ST_EXTRA_NAMES leaves room: a proxy's */
#define ST_EXTRA_NAMES 32768u  /* beyond the eighth, of all connections */
#define ST_STEPS 8u            /* difficulties that are remembered; a job of before is stale */
#define ST_BAD_RUN 100u        /* bad shares with no good one between, before each costs a point */
#define ST_LINES 500u  /* that may come at once, accepted shares aside; more cost a point each */
#define ST_LINES_S 10u /* as many more with each second */
#define ST_HANDED 256u /* solutions that are remembered, whatever the tip */
#define ST_AGAIN_MS 60000u   /* after which a refused one may be tried again */
#define ST_FUTURE_S 7200u    /* by which a share's time may be ahead */
#define ST_PENDING_MS 30000u /* so long a new difficulty waits for a new job */
#define ST_GRACE_MS 45000u   /* so long an easier one holds after a harder one was told */
/* Shares of easier ones that cost nothing; each of the present adds one. */
#define ST_FLIGHT 4000u
#define ST_FLIGHT_AGAIN 100u /* of a session that comes back: else coming back would be the way */

struct st_session;

/** From when on a difficulty holds. */
typedef struct st_step {
    uint64_t from; /* job << 8 | variant; UINT64_MAX: not yet */
    double difficulty;
    uint64_t told;   /* when a job was told that it holds for, in seconds since 1970 */
    int64_t told_ms; /* the same as of now_ms, may be below 0; ST_UNTOLD: not yet */
} st_step;
#define ST_UNTOLD INT64_MAX

/** A share for the log. */
typedef struct st_record {
    uint64_t time; /* seconds since 1970 */
    uint64_t job;  /* its id */
    double difficulty, reached;
    uint8_t verdict; /* st_verdict */
    uint8_t block;   /* it was one, and was accepted */
    char worker[ST_NAME_MAX + 1];
} st_record;

/** What only a host can do. */
typedef struct st_hooks {
    void *arg;
    /** A solution: hand it in; the coinbase is whole. Returns: 1 accepted, 0 refused, -1 the node
     *  had no time to answer or could not take it now: it is tried again, and st_pool_block() says
     *  what became of it; -2 it is lost. */
    int (*solve)(void *arg, const st_share *s, const uint8_t *coinbase, size_t len,
                 const char *worker);
    /** Somebody proved that he had this extranonce before: whoever has it now loses it. */
    void (*displace)(void *arg, const uint8_t en1[ST_EN1_LEN], const struct st_session *by);
    /** Every share that was judged. */
    void (*log)(void *arg, const st_record *r);
    /** It is about to be told with these difficulties: keep them by its extranonce. NULL: nobody
     *  keeps them. Returns: false: they are not kept, nor those of before. */
    bool (*keep)(void *arg, const struct st_session *s);
    /** Difficulties that were kept, without told_ms. Out: step, ST_STEPS of them. Returns: how
     *  many; 0: none are. */
    uint32_t (*recall)(void *arg, const uint8_t en1[ST_EN1_LEN], st_step *step);
    /** It may not mine under this name; user: empty where it was none. NULL: nobody hears of it. */
    void (*refused)(void *arg, const struct st_session *s, const char *user, const char *why);
    /** A share of a job that cannot be read any more: st_job_lost(). NULL: nobody hears of it. */
    void (*lost)(void *arg, const struct st_session *s, const char *user, uint64_t job);
} st_hooks;

/** A solution that was handed in. */
typedef struct st_handed {
    uint8_t hash[32];
    uint64_t again_ms; /* when it may be handed in again */
} st_handed;

/** Notifications as they were written last: who is told the same is not written to anew. No
 *  variants. */
typedef struct st_note {
    uint64_t job; /* of head and tail: those parts that all share */
    st_text head, tail;
    st_text line; /* a whole one, for: */
    uint64_t line_job;
    st_payout payout;
    bool has_payout, clean;
} st_note;

/** What all sessions share. */
typedef struct st_pool {
    /* configuration */
    const qn_chain_text *chain;
    st_recipe recipe;
    double start_difficulty, min_difficulty;
    uint32_t per_minute, mask;
    st_hooks hooks;
    uint8_t secret[ST_SECRET_LEN]; /* makes session ids that nobody can guess */
    uint32_t next_en1;
    uint32_t en1_limit; /* the first that may not be given out before the store was told */
    /* told before each call */
    uint64_t now_ms;
    uint64_t time; /* seconds since 1970 */
    /* state */
    st_jobs jobs;
    uint64_t doubt; /* jobs up to this one may have been told with difficulties that are not kept */
    st_seen seen;
    st_handed handed[ST_HANDED];
    uint32_t n_handed; /* so far */
    st_workers workers;
    uint32_t n_extra; /* names beyond the eighth of their connections */
    uint64_t count[ST_VERDICTS], blocks, refused_blocks;
    uint64_t refused_users; /* how often a name was */
    uint64_t lost_shares;   /* of jobs that cannot be read any more */
    uint64_t unauthorized;  /* shares of nobody who may mine; they are no verdict's */
    st_note note;
} st_pool;

typedef struct st_session {
    st_pool *pool;
    st_text out; /* to be sent */
    char agent[ST_NAME_MAX + 1];
    uint8_t en1[ST_EN1_LEN];
    bool subscribed, extranonce;
    uint32_t mask;      /* bits of the version that it may roll */
    st_worker **worker; /* the first counts what comes under names that have no room here */
    uint32_t n_workers, cap_workers;
    bool has_payout;
    st_payout payout;
    st_step step[ST_STEPS]; /* the newest last */
    uint32_t n_steps;
    double floor; /* what it asked not to fall below; 0: nothing */
    st_vardiff vardiff;
    uint64_t steered_ms; /* when the newest difficulty was chosen */
    uint8_t variant;     /* of the newest job as it was told */
    uint64_t told;       /* number of that job */
    uint64_t since_ms, last_share_ms;
    uint64_t accepted;
    uint32_t bad_run;
    uint32_t flight; /* shares of easier difficulties that may still come */
    uint32_t lines;  /* that may come before the next costs a point */
    uint64_t lines_ms;
    uint32_t points; /* to be put on the address */
} st_session;

void st_session_init(st_session *s, st_pool *p);
void st_session_clear(st_session *s);
/** A line of the client. Returns: false: close the connection. */
bool st_session_line(st_session *s, const char *line, size_t len);
/** Tell it the newest job; clean: what it does now is worth nothing any more. */
void st_session_notify(st_session *s, bool clean);
/** Time has passed. */
void st_session_tick(st_session *s);
/** Nothing that it can do counts until it is told a new job: what it was told before is forgotten.
 */
bool st_session_waits(const st_session *s);
/** It is told jobs. */
bool st_session_mines(const st_session *s);
/** The difficulty of what it is told next. */
double st_session_difficulty(const st_session *s);

/** Forget what belongs to a tip that has gone: the newest job stands on another. */
void st_pool_new_tip(st_pool *p);
/** What became of a block that was handed in; w: whose it is, or NULL. */
void st_pool_block(st_pool *p, const uint8_t hash[32], st_worker *w, bool accepted);
void st_pool_clear(st_pool *p);
