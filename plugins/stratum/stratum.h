/* plugins/stratum: a Stratum V1 server. The protocol (session.h and what is below it) knows no
 * socket and no clock; server.c has the connections, store.c what outlives a crash, templates.c
 * makes jobs, blocks.c hands in what was found, methods.c answers RPC, stratum.c is the plugin. All
 * on the plugin's loop. */
#pragma once
#include "plugins/stratum/ban.h"
#include "plugins/stratum/line.h"
#include "plugins/stratum/rows.h"
#include "plugins/stratum/session.h"
#include "quoin/mining_submit.h"
#include "quoin/mining_template.h"
#include "quoin/net_listen.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#define ST_LISTENERS 16u
#define ST_PAYOUT_TEXT 2048u /* as in the manifest */
#define ST_HELD 16u  /* templates: the others can be submitted all the same, while memory allows */
#define ST_FOUND 16u /* blocks that are tried again at the same time */

struct stratum;
typedef struct st_found st_found; /* blocks.c */

typedef struct st_conn {
    struct stratum *t;
    int fd;
    uint64_t id;
    uint32_t at;     /* its place in the list */
    uint32_t events; /* QN_IO_*: watched for */
    bool heard;      /* of anything */
    uint32_t points; /* of its own, as of points_ms */
    uint64_t points_ms;
    bool owed, owed_clean;   /* it is to hear of the newest job once it has read what there is */
    char peer[56], name[48]; /* name: what bans count */
    st_line line;
    st_session session;
} st_conn;

typedef struct st_config {
    char listen[512];
    uint32_t refresh_s, max_connections, per_address, ban_seconds, share_log;
    char payout[ST_PAYOUT_TEXT + 1];
} st_config;

typedef struct stratum {
    const qn_host_1 *host;
    const qn_mining_template_1 *mining;
    const qn_mining_submit_1 *submit;
    const qn_net_listen_1 *net;
    const qn_store_own_1 *store;
    const qn_rpc_serve_1 *rpc; /* NULL: not granted */
    qn_cap *cap, *mining_cap, *submit_cap, *net_cap, *store_cap, *rpc_cap;
    st_config c;
    qn_mining_options options; /* of templates: room for the coinbases that we make */
    st_pool pool;
    st_bans bans;
    st_conn **conn;
    uint32_t n_conn, cap_conn;
    uint64_t listener[ST_LISTENERS];
    uint32_t n_listeners;
    uint64_t subscription, tick, spread; /* timers; 0: none */
    uint64_t held[ST_HELD];
    uint32_t n_held;
    st_found *found[ST_FOUND]; /* that the node could not take yet */
    uint32_t n_found;
    uint64_t job_ms; /* when there was a new job last */
    uint64_t started_ms, accepted_conns, refused_conns;
    uint64_t told_ms; /* how long it took to tell all of the newest tip, from hearing of it on */
    uint32_t n_told;
    st_rows rows;                     /* that the store has of sessions */
    qn_batch batch;                   /* of the store */
    uint64_t next_share, first_share; /* numbers in the share log */
    uint64_t max_shares;    /* in it: as configured, or as many as the quota has room for */
    uint64_t complained_ms; /* about the store; 0: never */
    uint64_t tls_ms;        /* about TLS; 0: never */
    uint64_t user_ms;       /* about a user who was refused; 0: never */
    uint64_t users_said;    /* refused users, when that was */
    uint64_t lost_ms;       /* about shares of lost jobs; 0: never */
    char last_block[65];
} stratum;

/** Set what the pool is told of the time. */
void st_clock(stratum *t);

/* ---- server.c ---- */
qn_status st_server_open(stratum *t);
void st_server_close(stratum *t);
/** Tell everybody the newest job: now, or one after the other. */
void st_server_tell(stratum *t, bool clean);
void st_server_tell_slowly(stratum *t);
/** hooks.displace */
void st_server_displace(void *arg, const uint8_t en1[ST_EN1_LEN], const st_session *by);
/** hooks.refused, hooks.lost */
void st_server_refused(void *arg, const st_session *s, const char *user, const char *why);
void st_server_lost(void *arg, const st_session *s, const char *user, uint64_t job);

/* ---- store.c ---- */
/** Read what is there, or begin. */
qn_status st_store_open(stratum *t);
/** Keep a job before anybody is told of it: a kill of this process does not lose it. */
void st_store_job(stratum *t, const st_job *job);
/** What was kept survives a crash of the machine too, once this returns. */
void st_store_sync(stratum *t);
/** hooks.keep, hooks.recall */
bool st_store_keep(void *arg, const st_session *s);
uint32_t st_store_recall(void *arg, const uint8_t en1[ST_EN1_LEN], st_step *step);
/** It goes, and may come back. */
void st_store_left(stratum *t, const st_session *s);
/** hooks.log */
void st_store_share(void *arg, const st_record *r);
/** Make sure that there are extranonces to give out. */
void st_store_reserve(stratum *t);
/** The newest `limit` shares of the log, newest first, as JSON. */
qn_status st_store_shares(stratum *t, uint32_t limit, qn_json *j);

/* ---- templates.c ---- */
qn_status st_templates_open(stratum *t);
void st_templates_close(stratum *t);
/** Time has passed: the newest job once more, with a fresh time, where none has come for long.
 *  awaited: there is somebody for whom nothing counts until it comes. */
void st_templates_tick(stratum *t, bool awaited);

/* ---- blocks.c ---- */
/** Time has passed: try what is due to be tried again. */
void st_blocks_tick(stratum *t);
/** Try all that is left once more, for so long, and give up the rest. */
void st_blocks_close(stratum *t, uint32_t within_ms);
/** hooks.solve */
int st_solve(void *arg, const st_share *s, const uint8_t *coinbase, size_t len, const char *worker);

/* ---- methods.c ---- */
qn_status st_methods_add(stratum *t);
