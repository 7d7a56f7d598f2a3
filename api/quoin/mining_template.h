/* quoin/mining_template.h: block templates, made on request or pushed when the
 * tip or the fees change.
 *
 * A template is made of what the node has verified: every transaction when it
 * came into the mempool, and what depends on the tip again at each new one.
 * Unlike that of the node's own getblocktemplate it is not judged as a whole
 * block afterwards: that second opinion takes several times what the template
 * does, just when the chain thread is needed most, and is one on the node's own
 * work, so that it finds an error of the node, never an attack. Who wants it
 * asks mining.check with QN_CHECK_NO_POW. Templates of declared sets (on trial)
 * hold what the node has not verified, and are judged before they are given.
 *
 * A template is made once and never changes, whatever is submitted. It is named
 * by its id; whoever got it from next() or create() holds it until release().
 * Every answer about it comes from the template alone, so that it may be asked
 * at leisure.
 *
 * A subscription pushes: when the tip changes there is an EMPTY template at
 * once and a FULL one as soon as the mempool has followed, both with the same
 * t_tip_ns; no throttle delays either. While the tip stays, a template comes
 * when the fees differ by fee_delta from those of the last one, up or down, no
 * more often than min_interval_ms. All of a plugin's looks and templates take
 * at most a twentieth of the time of the node's chain thread: where they would
 * take more the interval is longer, and of one tip's FULL templates of
 * differing options the third and later ones come one by one. Templates that
 * were not fetched are replaced by newer ones, except that the newest of a
 * tip's EMPTY and FULL are both kept.
 *
 * A template whose tip has gone can be read for 10 s more and answers
 * QN_E_STALE then. It can be submitted while it is held and for 10 minutes
 * after that, also by a plugin that was restarted since, see mining.submit; of
 * those that are not held the newest 1,024 are kept, as far as the grant's
 * memory goes. While the node has no tip or is in its initial download nothing
 * is made, unless QN_MINING_IGNORE_SYNC asks for it: QN_E_NOTREADY. On networks
 * other than mainnet the initial download does not count.
 *
 * Made by api/generate.py from api/interfaces/mining.template.toml: change that, then run it. */
#ifndef QUOIN_MINING_TEMPLATE_H
#define QUOIN_MINING_TEMPLATE_H
#include "quoin/types.h"
#include "quoin/mining.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_mining_info. */
#define QN_MINING_INFO_READY 1u            /* templates are made */
#define QN_MINING_INFO_INITIAL_DOWNLOAD 2u /* the node is still catching up */
#define QN_MINING_INFO_TEST_CHAIN 4u       /* this is not mainnet */
#define QN_MINING_INFO_ON_DEMAND 8u        /* blocks are found at once here (regtest) */
#define QN_MINING_INFO_SIGNET 16u          /* blocks need a solution of challenge() */
/* what a block must prove depends on its time (testnets) */
#define QN_MINING_INFO_RULE_20_MINUTES 32u

/** Flags of qn_template_rule. */
#define QN_TEMPLATE_RULE_ACTIVE 1u   /* it holds for this block; else it is started or locked in */
#define QN_TEMPLATE_RULE_OPTIONAL 2u /* who does not know it may still use the template (BIP9) */

/** Flags of qn_mining_throttle. */
#define QN_MINING_THROTTLE_TIP_ONLY 1u /* nothing new while the tip stays */
#define QN_MINING_THROTTLE_NO_EMPTY 2u /* no EMPTY template at a new tip, only the FULL one */

/** Where the node stands, and what the next block must be. */
typedef struct qn_mining_info {
    uint32_t size;  /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t flags; /* QN_MINING_INFO_* */
    qn_block_ref tip;
    uint32_t bits;            /* of the next block, if it were found now */
    uint32_t min_time;        /* the least that its time may be */
    uint32_t peers;           /* connected ones */
    uint32_t reserved_weight; /* default of the option */
    uint32_t reserved_sigops; /* default of the option */
    uint32_t max_weight;      /* default of the option */
    uint32_t reserved;        /* 0 */
    int64_t min_feerate;      /* default of the option */
    uint64_t updates;         /* how often the mempool has changed since the node's start */
    qn_hash target;           /* for bits */
} qn_mining_info;

/** A version bits deployment that is under way or active (BIP9). Never changes. */
typedef struct qn_template_rule {
    char name[32]; /* ends with a NUL */
    uint32_t bit;
    uint32_t flags; /* QN_TEMPLATE_RULE_* */
} qn_template_rule;

/** One transaction of a template. Never changes. */
typedef struct qn_template_tx {
    qn_hash txid;
    qn_hash wtxid;
    int64_t fee;  /* satoshis that it pays */
    int64_t time; /* when it came into the mempool: seconds since 1970; 0: it was not there */
    uint32_t weight;
    uint32_t sigops;    /* cost */
    uint32_t off;       /* of its first byte, see bytes() */
    uint32_t len;       /* bytes, with its witness */
    uint32_t depend;    /* its first entry of depends() */
    uint32_t n_depends; /* how many are its own */
} qn_template_tx;

/** A place in the block: 0 is the coinbase, 1 the first transaction. Never
 *  changes. */
typedef struct qn_template_place {
    uint32_t place;
} qn_template_place;

/** How often a subscription has something new while the tip stays. */
typedef struct qn_mining_throttle {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    uint32_t flags;           /* QN_MINING_THROTTLE_*; default 0 */
    uint32_t min_interval_ms; /* between two of them: 100 to 3,600,000; default 5,000 */
    /* satoshis by which the fees must differ, up or down; 0: any difference; default 0 */
    int64_t fee_delta;
} qn_mining_throttle;
/* Bits of `set`. */
#define QN_SET_MINING_THROTTLE_FLAGS 1u
#define QN_SET_MINING_THROTTLE_MIN_INTERVAL_MS 2u
#define QN_SET_MINING_THROTTLE_FEE_DELTA 4u

/** QN_OK: there is something for next() again, after it answered QN_E_AGAIN.
 *  QN_E_TIMEOUT, QN_E_CANCELED: the end of a wait(). On the plugin's loop. */
typedef void qn_template_ready_fn(void *arg, uint64_t subscription, int32_t status);

/** mining.template/1, revision 1. Frozen. */
typedef struct qn_mining_template_1_r1 {
    qn_head h;

    /** Where the node stands. Answers at once, also when nothing can be mined.
     *  info: size must be set.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*info)(qn_cap *cap, qn_mining_info *info);

    /** The script that blocks of a signet must solve (BIP325). QN_E_NOTFOUND:
     *  this is no signet. QN_E_SPACE: *n_script says how much is needed.
     *  script: at most 10,000 bytes.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_SPACE, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*challenge)(qn_cap *cap, void *script, uint32_t max_script, uint32_t *n_script);

    /** A template on the tip of now. It does not wait for anything to become
     *  ready: QN_E_NOTREADY. QN_E_INVAL: an option is out of its limits.
     *  QN_E_LIMIT: too much is held, release something.
     *  options: NULL: all defaults.
     *  view: size must be set; held until release().
     *  Returns: QN_OK, QN_E_NOTREADY, QN_E_LIMIT, QN_E_TIMEOUT, QN_E_BUSY,
     *    QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*create)(qn_cap *cap, const qn_mining_options *options, qn_template_view *view);

    /** The view of a template that is held, as it was given. QN_E_STALE: its
     *  tip has gone more than 10 s ago. QN_E_CLOSED: it is not held.
     *  view: size must be set.
     *  Returns: QN_OK, QN_E_STALE, QN_E_CLOSED, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*view)(qn_cap *cap, uint64_t id, qn_template_view *view);

    /** All transactions in the order of the block, without the coinbase.
     *  QN_E_SPACE: *n_txs says how many there are; what fits is filled in.
     *  txs: n_tx of the view.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_STALE, QN_E_CLOSED, QN_E_INVAL,
     *    QN_E_REVOKED. */
    qn_status (*transactions)(qn_cap *cap, uint64_t id, qn_template_tx *txs, uint32_t max_txs,
                              uint32_t *n_txs);

    /** For each transaction in turn, and each input of it that spends one of
     *  the same block: the place of that one. QN_E_SPACE as transactions().
     *  places: n_depends of the view.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_STALE, QN_E_CLOSED, QN_E_INVAL,
     *    QN_E_REVOKED. */
    qn_status (*depends)(qn_cap *cap, uint64_t id, qn_template_place *places, uint32_t max_places,
                         uint32_t *n_places);

    /** A part of the serializations of all transactions, with witnesses, one
     *  after the other. QN_E_INVAL: past the end (tx_bytes of the view).
     *  QN_E_SPACE: *n_bytes is len, and nothing is given.
     *  off: first byte.
     *  len: how many.
     *  bytes: room for len.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_STALE, QN_E_CLOSED, QN_E_INVAL,
     *    QN_E_REVOKED. */
    qn_status (*bytes)(qn_cap *cap, uint64_t id, uint32_t off, uint32_t len, void *bytes,
                       uint32_t max_bytes, uint32_t *n_bytes);

    /** Deployments that are under way or active for the block. QN_E_SPACE as
     *  transactions().
     *  rules: n_rules of the view.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_STALE, QN_E_CLOSED, QN_E_INVAL,
     *    QN_E_REVOKED. */
    qn_status (*rules)(qn_cap *cap, uint64_t id, qn_template_rule *rules, uint32_t max_rules,
                       uint32_t *n_rules);

    /** The time that a header made now should carry, and what the block must
     *  prove at that time; they differ from the view's as time goes on.
     *  time: seconds since 1970.
     *  bits: target in compact form.
     *  Returns: QN_OK, QN_E_STALE, QN_E_CLOSED, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*now)(qn_cap *cap, uint64_t id, uint32_t *time, uint32_t *bits);

    /** Hold a template no more. It can be submitted all the same, see
     *  mining.submit.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*release)(qn_cap *cap, uint64_t id);

    /** Subscribe. The first template is made at once, or as soon as the node is
     *  ready; on_ready tells when it is there. QN_E_LIMIT: 16 are open.
     *  QN_E_INVAL: an option is out of its limits. QN_E_BUSY: too much was
     *  asked for in short time, come back in a second.
     *  options: NULL: all defaults.
     *  throttle: NULL: all defaults.
     *  on_ready: the edge signal.
     *  subscription: untouched on failure.
     *  Returns: QN_OK, QN_E_LIMIT, QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*open)(qn_cap *cap, const qn_mining_options *options,
                      const qn_mining_throttle *throttle, qn_template_ready_fn *on_ready, void *arg,
                      uint64_t *subscription);

    /** The oldest template that was not fetched; never waits. QN_E_AGAIN: none,
     *  on_ready will follow. QN_E_NOTREADY: none, for the node is not ready;
     *  on_ready will follow. QN_E_LIMIT: too much is held, release something;
     *  the template stays. It is held until release().
     *  view: size must be set.
     *  Returns: QN_OK, QN_E_AGAIN, QN_E_NOTREADY, QN_E_LIMIT, QN_E_CLOSED,
     *    QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*next)(qn_cap *cap, uint64_t subscription, qn_template_view *view);

    /** After next() answered QN_E_AGAIN or QN_E_NOTREADY: call on_ready with
     *  QN_E_TIMEOUT if nothing has come in that time. One wait at a time: a new
     *  one takes the place of the old.
     *  timeout_ms: 1 to 86,400,000.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_INVAL, QN_E_LIMIT, QN_E_REVOKED. */
    qn_status (*wait)(qn_cap *cap, uint64_t subscription, uint32_t timeout_ms);

    /** End a wait: on_ready is called with QN_E_CANCELED. The subscription goes
     *  on. QN_E_NOTFOUND: nothing waits.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*cancel)(qn_cap *cap, uint64_t subscription);

    /** Other options and another throttle from now on, what is not given at its
     *  default. What was not fetched is dropped, and a template is made at
     *  once; none of the old options comes any more. QN_E_INVAL, QN_E_BUSY (too
     *  much was asked for in short time, come back in a second): nothing has
     *  changed.
     *  options: NULL: all defaults.
     *  throttle: NULL: all defaults.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_BUSY, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*reconfigure)(qn_cap *cap, uint64_t subscription, const qn_mining_options *options,
                             const qn_mining_throttle *throttle);

    /** End the subscription. Its on_ready does not run after this returns. What
     *  was fetched stays held.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*close)(qn_cap *cap, uint64_t subscription);
} qn_mining_template_1_r1;

/** The newest revision. */
typedef qn_mining_template_1_r1 qn_mining_template_1;
#define QN_MINING_TEMPLATE_1_ID "mining.template/1"
#define QN_MINING_TEMPLATE_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
