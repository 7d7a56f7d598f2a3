/* plugins/watch/model.h: what is watched, and what became of it. Wallets own sources (a descriptor,
 * a script, an outpoint); sources own scripts; transactions touch coins of those scripts. Events of
 * watch/1 go in; balances, coins and histories come out, and what has to be told. It knows no host,
 * no store and no clock. Whatever fails with QN_E_NOMEM or QN_E_CORRUPT leaves a model that can
 * only be freed.
 *
 * Thread: any, one at a time. */
#pragma once
#include "lib/chain.h"
#include "lib/descriptor.h"
#include "plugins/watch/map.h"
#include "quoin/watch.h"

#define WT_NO_HEIGHT 0xffffffffu
#define WT_NAME_MAX 64u   /* bytes of a wallet's name */
#define WT_LABEL_MAX 255u /* bytes of a label */
#define WT_MATURITY 100u  /* blocks on top of a coinbase before it can be spent */
#define WT_MONEY_MAX INT64_C(2100000000000000)

typedef struct wt_wallet {
    uint32_t id;
    char name[WT_NAME_MAX + 1];
    int64_t created;  /* seconds since 1970 */
    bool dirty;       /* not stored yet */
    uint64_t settled; /* sum of its coins that are, see wt_count() */
} wt_wallet;

typedef enum wt_kind { WT_DESCRIPTOR = 1, WT_SCRIPT = 2, WT_OUTPOINT = 3 } wt_kind;

struct wt_owner;

/** Something that was imported. */
typedef struct wt_source {
    uint32_t id;
    wt_wallet *wallet;
    wt_kind kind;
    bool active;     /* newaddress takes its addresses */
    bool internal;   /* change */
    bool ranged;     /* it has a script for each index */
    bool building;   /* its import is under way: not watched, not stored */
    bool dirty;      /* not stored yet */
    uint32_t first;  /* lowest index */
    uint32_t end;    /* indexes below are derived */
    uint32_t next;   /* index that newaddress gives out next */
    uint32_t used;   /* one past the highest index that was paid */
    uint32_t height; /* birthday; WT_NO_HEIGHT: nothing before the import matters */
    int64_t timestamp;
    char *text;               /* descriptor with checksum, or address; NULL for an outpoint */
    char *label;              /* "" when there is none */
    qn_descriptor *parsed;    /* of text, once it was needed */
    qn_mempool_outpoint coin; /* of an outpoint */
    struct wt_owner **owner;  /* its scripts, in the order of their indexes */
    size_t n_owners, cap_owners;
    size_t n_stored;  /* of them, rows that are in the store */
    size_t n_watched; /* of them, scripts that the node was told of */
    bool relabeled;   /* an owner among the stored ones is dirty */
    bool taken;       /* the node was told of its outpoint */
} wt_source;

/** That a source stands for a script. */
typedef struct wt_owner {
    struct wt_owner *next; /* of the same script */
    struct wt_script *script;
    wt_source *source;
    uint32_t index;
    uint8_t sub; /* which script of the index: combo() has several */
    bool dirty;
    char *label; /* NULL: its source's */
} wt_owner;

typedef struct wt_script {
    wt_node node;
    uint64_t cookie; /* its number */
    wt_owner *owner; /* NULL: nobody watches it any more */
    uint32_t refs;   /* coins that have it */
    uint32_t len;
    uint8_t bytes[];
} wt_script;

/** That a source watches a coin by its outpoint. */
typedef struct wt_watcher {
    struct wt_watcher *next;
    wt_source *source;
} wt_watcher;

typedef struct wt_coin {
    wt_node node;
    qn_mempool_outpoint at;
    wt_script *script;   /* NULL: it is watched by its outpoint and nothing is known of it yet */
    int64_t value;       /* satoshis */
    struct wt_tx *maker; /* NULL: not known */
    struct wt_tx **spender;
    uint32_t n_spenders;
    wt_watcher *watcher;
    bool locked;     /* an open PSBT spends it */
    bool contested;  /* one that spends it is gone and forgotten, and may return */
    uint8_t counted; /* see wt_count() */
    struct wt_coin *loose_before, *loose_after;
} wt_coin;

typedef enum wt_state {
    WT_NEW = 0,
    WT_MEMPOOL,
    WT_CONFIRMED,
    WT_UNCONFIRMED, /* its block has left the chain; what becomes of it follows */
    WT_GONE,        /* neither in a block nor in the mempool */
} wt_state;

typedef struct wt_entry {
    wt_coin *coin;
    uint32_t io; /* which output, or which input */
    bool spent;  /* the transaction spends the coin */
    bool untold; /* it came since the transaction was told last */
} wt_entry;

/** What was told of a transaction to a wallet. */
typedef struct wt_told {
    uint32_t wallet, n_entries;
    wt_state state;
    uint32_t reason;
    qn_hash where; /* the block of a confirmed one, the culprit of one that is gone */
} wt_told;

typedef struct wt_tx {
    wt_node node;
    qn_hash txid, wtxid;
    wt_state state;
    bool coinbase, replaceable;
    bool dirty, touched;
    bool sought;        /* it was unconfirmed when this run began, and was not heard of since */
    uint32_t n_in;      /* inputs it has */
    uint32_t reason;    /* QN_WATCH_GONE_*, of one that is gone */
    qn_hash by;         /* its culprit; 0: not known */
    qn_block_ref block; /* of a confirmed one */
    uint32_t tx_index;
    int64_t block_time, received; /* seconds since 1970 */
    int64_t fee;                  /* satoshis; -1: not known */
    uint64_t order;               /* in which they were first heard of */
    wt_entry *entry;
    uint32_t n_entries;
    wt_told *told;
    uint32_t n_told;
    uint8_t *raw; /* its bytes, until they are stored */
    uint32_t raw_len;
    uint32_t mark;              /* see view.c */
    struct wt_tx *next_touched; /* in the order of touch */
    struct wt_tx *next_dirty;
    struct wt_tx **at_touched, **at_dirty;  /* what points to it, while it is in the list */
    struct wt_tx *gone_before, *gone_after; /* among those that are gone, as they went */
} wt_tx;

/** Rows that have to be removed from the store. */
typedef struct wt_grave {
    struct wt_grave *next;
    uint8_t kind; /* 'W', 'D', 'S' (all of a source), 'T' */
    uint32_t id;
    qn_hash txid;
} wt_grave;

/** That a coin was locked, unlocked or contested, and the store does not know yet. */
typedef struct wt_remark {
    struct wt_remark *next;
    qn_mempool_outpoint at;
} wt_remark;

typedef struct wt_model {
    const qn_chain_text *chain;
    qn_curve curve;
    wt_map scripts, coins, txs;
    wt_wallet **wallet;
    size_t n_wallets;
    wt_source **source;
    size_t n_sources;
    uint32_t next_wallet, next_source;
    uint64_t next_cookie, next_order;
    uint64_t n_watched; /* scripts with an owner */
    uint32_t gap;
    qn_block_ref tip; /* height WT_NO_HEIGHT: none yet */
    wt_tx *touched, **touched_end;
    wt_tx *dirty_txs, **dirty_end;
    wt_tx *gone_first, *gone_last;
    uint32_t n_gone;
    wt_grave *grave;
    wt_remark *remark;
    wt_coin *loose;  /* unspent coins whose place in a balance may change by itself */
    bool miscounted; /* sums have to be made anew */
    bool matured;    /* coinbases are among what is settled */
    uint32_t marks;
} wt_model;

/** `seed`: 16 random bytes. Out: *m, to be cleared. */
void wt_model_init(wt_model *m, const qn_chain_text *chain, const qn_curve *curve,
                   const uint8_t seed[16], uint32_t gap);
void wt_model_clear(wt_model *m);

/* ---- wallets and sources (model.c; what goes: forget.c) ---- */

wt_wallet *wt_wallet_find(const wt_model *m, const char *name);
wt_wallet *wt_wallet_by_id(const wt_model *m, uint32_t id);
/** `id` 0: the next one. Returns: the model's; NULL when memory is short. */
wt_wallet *wt_wallet_add(wt_model *m, uint32_t id, const char *name, int64_t created);
/** Forget a wallet, its sources, and what concerned nobody else. What is watched no more can be
 *  found with wt_each_orphan() until wt_sweep(). */
qn_status wt_wallet_remove(wt_model *m, wt_wallet *w);
/** A source without scripts; `id` 0: the next one. text and label are copied. Returns: the model's;
 *  NULL when memory is short. */
wt_source *wt_source_add(wt_model *m, uint32_t id, wt_wallet *w, wt_kind kind, const char *text,
                         const char *label);
/** One that the model does not have yet, or no more. */
void wt_source_free(wt_source *s);
wt_source *wt_source_by_id(const wt_model *m, uint32_t id);
qn_status wt_source_label(wt_source *s, const char *label);
/** Forget one source; see wt_wallet_remove(). */
qn_status wt_source_remove(wt_model *m, wt_source *s);
/** Say that source `s` stands for a script. `cookie` 0: the next one, also where it is another
 *  source's already: the node has to hear of it. Out: *out (may be NULL): the owner; if it was
 * there already that one. */
qn_status wt_own(wt_model *m, wt_source *s, uint32_t index, uint8_t sub, const uint8_t *script,
                 uint32_t len, uint64_t cookie, wt_owner **out);
qn_status wt_owner_label(wt_owner *o, const char *label);
/** Watch the coin of an outpoint source. */
qn_status wt_watch_coin(wt_model *m, wt_source *s);
wt_script *wt_script_find(const wt_model *m, const uint8_t *script, uint32_t len);
wt_coin *wt_coin_find(const wt_model *m, const qn_mempool_outpoint *at);
wt_tx *wt_tx_find(const wt_model *m, const qn_hash *txid);
/** Keep a coin for a PSBT, or let it go. A transaction that spends it lets it go too. */
qn_status wt_lock(wt_model *m, wt_coin *c, bool locked);
/** See wt_coin. */
qn_status wt_contest(wt_model *m, wt_coin *c, bool contested);
/** A transaction's state is never set in another way. */
void wt_set_state(wt_model *m, wt_tx *t, wt_state state);
/** Forget transactions that are gone, the first to go first, until `keep` are left: they were told,
 *  and what they would have paid is nobody's. One that comes again is told as new. What one that
 *  may return has spent is contested from then on. */
qn_status wt_forget_gone(wt_model *m, uint32_t keep);
/** Put those that are gone into the order in which they were first heard of, after a load. */
qn_status wt_order_gone(wt_model *m);
/** Drop coins, scripts and transactions that concern nobody. */
qn_status wt_sweep(wt_model *m);

/* ---- derivation (derive.c) ---- */

/** Parse a descriptor without secrets. Out: err as qn_descriptor_parse(). */
qn_descriptor *wt_parse(const wt_model *m, const char *text, size_t len, bool checksum, char *err,
                        size_t err_cap);
/** Derive a source's scripts from its `end` on, at most `n`, up to `to` and as far as the gap limit
 *  asks. QN_E_INVAL: an index has none. */
qn_status wt_derive(wt_model *m, wt_source *s, uint32_t to, uint32_t n);
/** It is derived so far. */
bool wt_is_derived(const wt_model *m, const wt_source *s, uint32_t to);
/** The script of an index was paid. Returns: whether that is new, and it was a range's: more may
 *  have to be derived. */
bool wt_use(const wt_owner *o);
/** Where a ranged source has to be derived to. */
uint32_t wt_wanted_end(const wt_model *m, const wt_source *s);

/* ---- events (apply.c) ---- */

/** SEEN, CONFIRMED, UNCONFIRMED. tx may be NULL. Out: *used (may be NULL) is set to true when an
 *  index was paid for the first time: sources may want to be derived further. */
qn_status wt_apply_hit(wt_model *m, const qn_watch_event *ev, const uint8_t *tx,
                       const uint8_t *script, bool *used);
qn_status wt_apply_gone(wt_model *m, const qn_watch_event *ev);
/** MEMPOOL_SYNCED: what is still sought is gone, but for what the node was not told to watch. */
qn_status wt_apply_synced(wt_model *m);
/** The chain ends in `tip` now. */
void wt_apply_tip(wt_model *m, const qn_block_ref *tip);
/** A block has left the chain, and what was told of it is applied: whatever is still taken to be in
 *  it was not told of, and has to be heard of again. */
void wt_apply_unblock(wt_model *m, const qn_block_ref *block);
/** A new stream begins: whatever is unconfirmed has to be heard of again. */
void wt_seek(wt_model *m);
/** Blocks above `height` (WT_NO_HEIGHT: all) are not on the chain, whatever they were. */
qn_status wt_roll_back(wt_model *m, uint32_t height);
/** Note that a transaction changed: it is to be told of, and to be stored. */
void wt_touch(wt_model *m, wt_tx *t);
/** It is to be stored, and nothing is to be told. */
void wt_dirty(wt_model *m, wt_tx *t);
/** Put an entry there, and the coin it speaks of; for who loads them. */
qn_status wt_tx_entry(wt_model *m, wt_tx *t, const qn_mempool_outpoint *at, bool spent, uint32_t io,
                      int64_t value, const uint8_t *script, uint32_t len);
/** A transaction that is not there yet. NULL: memory is short. */
wt_tx *wt_tx_add(wt_model *m, const qn_hash *txid);

/* ---- what is to be told (tell.c) ---- */

/** One thing to be told: `t` is not what the wallet last heard of it. */
typedef qn_status wt_tell_fn(void *arg, const wt_wallet *w, const wt_tx *t);
/** Everything that has changed for a wallet since it was told last, in the order of change. What
 *  came and went unheard is left out. */
qn_status wt_tell(wt_model *m, wt_tell_fn *fn, void *arg);

/* ---- what is known (view.c) ---- */

/** The coin's script is of this wallet. */
bool wt_owns(const wt_coin *c, const wt_wallet *w);
/** It is, or the wallet watches the outpoint. */
bool wt_knows(const wt_coin *c, const wt_wallet *w);
/** The node was told of its script. */
bool wt_is_watched(const wt_owner *o);
/** The node tells of a transaction with this coin. */
bool wt_is_told(const wt_coin *c);
/** It is a descriptor that says how its coins are spent. */
bool wt_solvable(const wt_model *m, wt_source *s);
/** It is a descriptor with one script for each index: no combo(). */
bool wt_is_single(const wt_model *m, wt_source *s);
/** The wallet's (NULL: any wallet's) claim on a script, which may be NULL. Of several one that is
 *  solvable, else one of a descriptor; of these the newest. NULL: none. */
const wt_owner *wt_claim_on(const wt_model *m, const wt_script *s, const wt_wallet *w);
/** The same of a coin's script. */
const wt_owner *wt_claim(const wt_model *m, const wt_coin *c, const wt_wallet *w);
/** What the wallet calls the coin's script: by that claim, or any other of its claims. "": nothing.
 */
const char *wt_label(const wt_model *m, const wt_coin *c, const wt_wallet *w);
/** In a block, in the mempool, or about to be one of the two: no coinbase whose block has left. */
bool wt_alive(const wt_tx *t);
/** Something alive spends it. */
bool wt_is_spent(const wt_coin *c);
/** Blocks from its own to the tip; 0: in none. */
uint32_t wt_depth(const wt_model *m, const wt_tx *t);
bool wt_immature(const wt_model *m, const wt_tx *t);
/** A walk over transactions begins that keeps what it finds in their `mark`: marks * 2, + 1: true.
 */
void wt_next_mark(wt_model *m);
/** Confirmed; or in the mempool, as this run has heard, and made of nothing but trusted coins of
 * this wallet. */
bool wt_trusted(wt_model *m, wt_tx *t, const wt_wallet *w);
/** One that is gone may come to be in a block all the same: other nodes may have it still, whatever
 *  ours let it go for. Not when a block has what conflicts with it. */
bool wt_may_return(const wt_model *m, const wt_tx *t);
/** The same, but no other spends a coin of an unconfirmed one, nor of what it comes of, that may
 * come to be in a block: its coins would be no more (Core wallet/spend.cpp asks only whether the
 * one has replaced another). */
bool wt_safe(wt_model *m, wt_tx *t, const wt_wallet *w);
/** The same of what made a coin; and the node would tell of what spends it. */
bool wt_safe_coin(wt_model *m, const wt_coin *c, const wt_wallet *w);
/** It has an entry that the wallet knows. */
bool wt_concerns(const wt_tx *t, const wt_wallet *w);

/** A coin, its maker or spenders have changed: count it anew. So balances need no walk over all
 *  coins: confirmed ones are in their wallets' sums, those that may yet change by what others do
 *  (unconfirmed, coinbases) in a list. */
void wt_count(wt_model *m, wt_coin *c);

typedef struct wt_balance {
    int64_t trusted, pending, immature; /* satoshis */
} wt_balance;
/** QN_E_CORRUPT: the sum is no amount of money. */
qn_status wt_balance_of(wt_model *m, const wt_wallet *w, wt_balance *out);

/** What a transaction does to a wallet. */
typedef struct wt_amounts {
    int64_t received, sent; /* satoshis */
    uint32_t n_entries, n_spent;
} wt_amounts;
qn_status wt_amounts_of(const wt_tx *t, const wt_wallet *w, wt_amounts *out);

/** Unspent coins of a wallet whose makers are alive, in the order of the chain, those of the
 *  mempool behind. Out: *list, owned: free(). */
qn_status wt_coins_of(const wt_model *m, const wt_wallet *w, wt_coin ***list, size_t *n);
/** Transactions of a wallet, in the order of the chain, those in no block behind. Out: as above. */
qn_status wt_txs_of(const wt_model *m, const wt_wallet *w, wt_tx ***list, size_t *n);
