/* plugins/watch: watch-only wallets. model.h is what is known; stream.c takes the node's events in,
 * store.c keeps it, import.c and methods.c serve RPC, wait.c and hook.c deliver events. Everything
 * runs on the plugin's one loop. */
#pragma once
#include "plugins/watch/model.h"
#include "quoin/chain_read.h"
#include "quoin/fees_estimate.h"
#include "quoin/net_connect.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"
#include "quoin/tx_submit.h"

#include <jansson.h>

#define WT_SLICE_MS 10u
#define WT_ADD_MAX 65536u        /* scripts of one call */
#define WT_ADD_BYTES (16u << 20) /* their bytes */
#define WT_RESCANS_MAX 64u
#define WT_WISHES_MAX 1000u /* behind which nobody may ask for a rescan */
#define WT_WALLETS_MAX 1000u

#define WT_RPC_MISC (-1)
#define WT_RPC_TYPE (-3)
#define WT_RPC_WALLET (-4)
#define WT_RPC_KEY (-5)
#define WT_RPC_INVALID (-8)
#define WT_RPC_NO_WALLET (-18)
#define WT_RPC_INTERNAL (-32603)

/** An interface that was granted: its table and handle. */
#define WT_GRANT(name)                                                                             \
    struct {                                                                                       \
        const qn_##name##_1 *t;                                                                    \
        qn_cap *cap;                                                                               \
    }

/** One who wants blocks looked through. It has a number and an end of its own, though several share
 *  a rescan; kept until that is done. */
typedef struct wt_wish {
    struct wt_wish *next;
    uint64_t id, first_cookie;
    uint32_t from;
    uint32_t wallet; /* that it was begun for; 0: for all */
    bool stored;     /* it has a row, and as it is now */
    bool canceled;   /* its end is to be told, after a restart too */
    bool pruned;     /* what it wanted below `from` is: said at its end */
} wt_wish;

/** Blocks that have to be looked through. */
typedef struct wt_rescan {
    struct wt_rescan *next;
    wt_wish *wish; /* the oldest first; NULL: it was given up, and the node has still to say so */
    uint64_t host; /* the node's number of it; 0: it waits */
    uint64_t first_cookie; /* the lowest of the wishes' */
    uint32_t at;           /* next height */
    uint64_t found;        /* transactions */
    uint64_t found_at;     /* below `at`: from there they are counted again after a restart */
    qn_hash last;          /* of these */
    const char *over; /* how it ended, at `stop`; NULL: it goes on. Told when its block is whole */
    uint32_t stop;
    bool anew;  /* the node gives it up, and it begins again with what is left to do */
    bool dirty; /* the store has another `at` */
} wt_rescan;

/** The latest time that a header says, of the blocks up to the end of each step of 100. */
typedef struct wt_times {
    uint32_t *most; /* seconds since 1970; owned */
    uint32_t n, cap;
    qn_hash last; /* block at the end of the last one */
} wt_times;

typedef struct wt_waiter wt_waiter;
typedef struct wt_later wt_later;
typedef struct wt_job wt_job;
typedef struct wt_hook wt_hook;

typedef struct wt {
    const qn_host_1 *host;
    qn_cap *cap;
    WT_GRANT(chain_read) chain;
    WT_GRANT(watch) watch;
    WT_GRANT(store_own) store;
    WT_GRANT(rpc_serve) rpc;      /* t NULL: not granted */
    WT_GRANT(net_connect) net;    /* t NULL: not granted */
    WT_GRANT(fees_estimate) fees; /* t NULL: not granted */
    WT_GRANT(tx_submit) submit;   /* t NULL: not granted */
    wt_model m;
    qn_watcher w;
    bool open;          /* the model is set up */
    char *url, *secret; /* of the webhook; "none": none */

    qn_batch batch;
    qn_batch events;                  /* rows of what was told and is not stored yet */
    uint64_t first_event, next_event; /* kept: first to next - 1 */
    uint64_t stored_event;            /* of these, below this one are durable */
    uint32_t events_max;              /* kept */
    uint64_t hook_at;                 /* newest that the webhook took; UINT64_MAX: there is none */
    bool hook_lost;                   /* it was said that it misses some */
    uint32_t gone_max;                /* transactions that are kept */
    uint64_t next_rescan;
    bool inside;        /* hits of a block came, and its end did not yet */
    bool within;        /* the same of a transaction */
    bool part_posted;   /* whether more of it comes is looked for, */
    uint64_t part_hits; /* since `hits` were these */
    uint64_t hits;      /* all that came */
    bool flush_posted;
    bool flush_due;        /* it came while `within` */
    bool flush_sync;       /* what is flushed is waited for: more than finds of a rescan */
    uint32_t unstored;     /* blocks and hits since the last commit, */
    size_t unstored_bytes; /* and bytes of their transactions */
    wt_rescan *rescan;
    wt_wish *dead_wish;    /* whose rows are to be removed */
    bool is_short;         /* the node has no room for all scripts */
    bool short_dirty;      /* not stored yet */
    uint32_t short_from;   /* blocks that were not looked through for them begin here */
    uint64_t short_cookie; /* the lowest of theirs */
    wt_times times;
    wt_waiter *waiter;
    wt_later *later; /* the first to come first */
    bool later_posted;
    wt_job *job;
    wt_hook *hook;
} wt;

/** 0 where there is no tip yet. */
static inline uint32_t wt_tip_height(const wt *x)
{
    return x->m.tip.height == WT_NO_HEIGHT ? 0 : x->m.tip.height;
}

/* ---- store.c ---- */

/** Read everything. QN_E_CORRUPT, QN_E_UNSUPPORTED: said in the log. Out: the locator to open the
 *  stream with; n 0: none. */
qn_status wt_store_load(wt *x, qn_hash locator[static 48], uint32_t *n_locator);
/** Make durable what was asked for: wallets, sources, scripts, locks, new rescans. */
qn_status wt_store_set(wt *x);
/** Keep everything, with where the stream stands, not inside a block. sync: it is durable, and all
 *  that was kept before; else a crash of the machine takes all of it back, or none. */
qn_status wt_store_all(wt *x, bool sync);
/** The bytes of a transaction. Out: *raw owned: free(). QN_E_NOTFOUND: they are not kept. */
qn_status wt_store_raw(const wt *x, const qn_hash *txid, uint8_t **raw, uint32_t *len);
/** Up to `limit` durable events behind `after` of a wallet (0: all) into the open array of j.
 *  Out: *last is the newest that was looked at, *n how many were put. */
qn_status wt_store_events(const wt *x, uint64_t after, uint32_t wallet, uint32_t limit, qn_json *j,
                          uint64_t *last, uint32_t *n);
/** The webhook's position: what is behind it was not delivered. */
qn_status wt_store_hook(const wt *x, uint64_t *at);
qn_status wt_store_hook_set(wt *x, uint64_t at);

/* ---- event.c ---- */

/** Tell what has changed; durable with the next wt_store_all(). */
qn_status wt_events_tell(wt *x);
/** Tell of a rescan's end, or of blocks that are pruned. */
void wt_event_rescan(wt *x, const wt_wish *w, uint64_t found, const char *status, uint32_t height);
void wt_event_gap(wt *x, const qn_watch_event *ev);
/** Members that describe a transaction for a wallet, and one coin of its list. */
qn_status wt_put_tx(const wt *x, qn_json *j, const wt_wallet *w, const wt_tx *t);
void wt_put_address(const wt *x, qn_json *j, const wt_script *s);

/* ---- stream.c, rescan.c, watched.c, grow.c ---- */

qn_status wt_stream_open(wt *x, const qn_hash *locator, uint32_t n_locator);
void wt_stream_close(wt *x);
/** Make durable what was told, so that coins can be locked: a lock whose coin the store does not
 *  know would be lost. Inside a block nothing is stored: the makers of its coins stay dirty. */
qn_status wt_stream_settle(wt *x);
/** Make durable what was asked for; and what was told, which inside a block comes later. */
qn_status wt_stream_keep(wt *x);
/** Scripts were removed: of a transaction that is told in part there may come no more. Whether that
 *  is so is seen at the next turns of the loop: its other coins may be on their way still. */
qn_status wt_stream_part_over(wt *x);
/** Tell and store what has changed with the next turn of the loop. sync: it is waited for. */
qn_status wt_stream_flush_soon(wt *x, bool sync);
/** Tell the node of what a source has gained. QN_E_LIMIT: the grant has no room for all of it; the
 *  first ones are watched. */
qn_status wt_stream_add(wt *x, wt_source *s);
/** The same, and what there is no room for waits, missed from block `height` on. Out: *all (may be
 *  NULL): there was room for all of it. */
qn_status wt_stream_add_or_wait(wt *x, wt_source *s, uint32_t height, bool *all);
/** Derive what a source lacks of index `to` and the gap limit, and watch it as above. Where that
 * comes to a script that was paid before, blocks since the birthday are looked through for what is
 * new. */
qn_status wt_stream_derive(wt *x, wt_source *s, uint32_t to, uint32_t height, bool *all);
/** The same with its outpoint, if it has one. */
qn_status wt_stream_add_coin(wt *x, wt_source *s);
/** The gap limit: derive behind what was paid, and have it watched, before the block is done. What
 *  there is no room for is missed from block `height` on. */
qn_status wt_stream_extend(wt *x, uint32_t height);
/** Derive what ranges lack of the gap limit of this start, have it watched, and blocks since their
 *  birthdays looked through for it. */
qn_status wt_stream_grow(wt *x);
/** Note that there is no room for what a source has: blocks from `height` on are not looked through
 *  for it. */
void wt_stream_short(wt *x, const wt_source *s, uint32_t height);
/** Note that blocks from `height` on have to be looked through for scripts from this number on,
 * though they are watched: it could not be begun. */
void wt_stream_missed(wt *x, uint32_t height, uint64_t cookie);
/** Have everything watched, as far as there is room; when all is, what was missed is looked for. */
qn_status wt_stream_feed(wt *x);
/** The same where there was no room before: one script is tried first. */
qn_status wt_stream_retry(wt *x);
/** Scripts that there is no room for. */
uint64_t wt_stream_unwatched(const wt *x);
/** Take what nobody watches any more from the node, and forget it. */
qn_status wt_stream_sweep(wt *x);
/** What is looked through, and for whom. */
typedef struct wt_rescan_for {
    uint32_t from;         /* height */
    uint64_t first_cookie; /* of the scripts */
    uint32_t wallet;       /* whose import it follows; 0: no single one */
} wt_rescan_for;
/** Have blocks from `what->from` on looked through. Out: *id; *lowest is above that height when
 * what lies below is pruned. Where WT_RESCANS_MAX are there one that waits takes it on; of one
 * wallet's imports that do so all have one number. QN_E_LIMIT: they are about to end, or to begin.
 */
qn_status wt_rescan_want(wt *x, const wt_rescan_for *what, uint64_t *id, uint32_t *lowest);
/** The wish of this number is given up, and durably so; what others want goes on. QN_E_NOTFOUND:
 *  there is none with this id. */
qn_status wt_rescan_cancel(wt *x, uint64_t id);
/** One that was stored. w is taken. QN_E_NOMEM. */
qn_status wt_rescan_load(wt *x, wt_wish *w, uint32_t at, uint64_t found);
/** The same of one that was given up: its end is told with wt_rescan_resume(). */
qn_status wt_rescan_load_canceled(wt *x, wt_wish *w, uint32_t at, uint64_t found);
void wt_rescans_free(wt *x);
/** Wishes that are not fulfilled. */
size_t wt_wishes(const wt *x);
/** Go on with what was under way before a restart. */
qn_status wt_rescan_resume(wt *x);
/** Tell the end of those that are over, behind what they found, and let others begin. */
qn_status wt_rescans_end(wt *x);
/** A transaction that a rescan has found. */
void wt_rescan_count(const wt *x, const qn_watch_event *ev);
/** RESCAN_PROGRESS, RESCAN_DONE. arg: x. */
qn_status wt_on_rescan_event(void *arg, const qn_watch_event *ev);
/** End the plugin for a failure that nothing else can be done about. */
void wt_fail(wt *x, qn_status st, const char *what);

/* ---- methods.c, import.c, wait.c ---- */

qn_status wt_methods_add(wt *x);
void wt_refuse(const wt *x, uint64_t request, int32_t code, const char *message);
void wt_refuse_status(const wt *x, uint64_t request, qn_status st);
/** Send what was written, or say that memory is short. Frees it. */
void wt_answer(const wt *x, uint64_t request, qn_json *j);
/** The parameters, an array of no more than the method has, as the node sees to. NULL: refused.
 *  Owned: json_decref(). */
json_t *wt_params(const wt *x, uint64_t request, const char *params, uint32_t len);
/** Parameter i as a number within bounds; stays as it is when it is missing. False: refused. */
bool wt_number(const wt *x, uint64_t request, const json_t *a, size_t i, const char *name,
               uint64_t max, uint64_t *out);
/** Parameter i as the name of a wallet; when it is missing and there is one wallet, that one. NULL:
 *  refused. */
wt_wallet *wt_wallet_arg(const wt *x, uint64_t request, const json_t *a, size_t i);
/** What was asked for is durable: answer; or it cannot be made so, which nothing can be done about.
 *  Frees j. */
void wt_done(wt *x, uint64_t request, qn_status st, qn_json *j);
/** Where the next address comes from: the newest active range, else the only one. NULL: none. */
wt_source *wt_address_source(const wt *x, const wt_wallet *w, bool internal);
/** Of an index. NULL: it is not derived. */
wt_owner *wt_owner_at(const wt_source *s, uint32_t index);
/** Take the next index of a range, and watch behind it. QN_E_END: the range has no more;
 *  QN_E_LIMIT: it is not watched, for the grant has no room: nothing is taken. Out: *o. */
qn_status wt_take_address(wt *x, wt_source *s, wt_owner **o);
void wt_on_import(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_waitevent(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
/** Durable events are there: who waits for them gets them. */
void wt_wait_wake(wt *x);
/** Answer everybody who waits or imports: the plugin is being stopped. */
void wt_wait_end(wt *x);
void wt_later_end(wt *x);
void wt_jobs_end(wt *x);

/* ---- later.c ---- */

/** What a handler asks first that tells what is known, or goes by it. True: it is called again when
 *  nothing is known in part only, or the request is answered; false: it is so now. */
bool wt_later_if(wt *x, const qn_rpc_request *r, const char *params, uint32_t len,
                 qn_rpc_handler_fn *fn);
/** A block or a transaction may be whole now: serve who waits for that. */
void wt_later_run(wt *x);

/* ---- since.c ---- */

/** First height to look through for what was there since `time` (seconds since 1970): that of the
 *  first block whose header says that time, but for two hours, or a later one. Behind the tip: none
 *  does. */
qn_status wt_height_of_time(wt *x, int64_t time, uint32_t *height);

/* ---- hook.c ---- */

/** `url`: http://HOST:PORT/PATH. QN_E_INVAL: said in the log. */
qn_status wt_hook_open(wt *x, const char *url, const char *secret);
void wt_hook_wake(wt *x);
void wt_hook_close(wt *x);
