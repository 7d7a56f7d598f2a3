/* plugins/watch/fund.h: which coins pay for a transaction, what it pays in fees and what is left.
 * Nothing but arithmetic, exact and checked: satoshis, weight units (BIP141), and fee rates in
 * satoshis per 1,000 virtual bytes. Thread: any, one at a time per object. */
#pragma once
#include "quoin/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WT_WEIGHT_MAX 400000u   /* of a transaction that nodes relay */
#define WT_RATE_MAX 1000000000u /* satoshis per 1,000 virtual bytes */
#define WT_FUND_TRIES 100000u   /* steps of the search for a sum without change */
#define WT_FUND_TIERS 3u

/** A coin that may be spent. */
typedef struct wt_fund_coin {
    int64_t value;   /* satoshis, an amount of money */
    uint32_t weight; /* of the input that spends it, its witness included */
    bool witness;    /* it has one */
    bool given;      /* it has to be spent */
    uint8_t tier;    /* below WT_FUND_TIERS: those of a lower one are taken first */
    bool chosen;     /* out */
} wt_fund_coin;

typedef struct wt_fund {
    wt_fund_coin *coin;
    size_t n;
    uint64_t rate;         /* at most WT_RATE_MAX */
    int64_t target;        /* sum of the outputs */
    uint32_t n_out;        /* their number */
    uint64_t out_weight;   /* and weight, change not among them */
    uint32_t change;       /* weight of an output for change; 0: there is none to be */
    uint32_t change_spend; /* weight of the input that will (or would) spend it */
    int64_t dust;          /* smallest value of it; what is less is the miner's, change or not */
    bool subtract;         /* outputs pay the fee */
    bool more;             /* coins that were not given may be added */
    /* out */
    int64_t fee;      /* all that no output gets */
    int64_t left;     /* value of the change; 0: there is none */
    int64_t short_of; /* subtract: what outputs have to give up */
    uint64_t weight;  /* of the transaction when it is signed, at most */
} wt_fund;

/** Bytes of a CompactSize. */
unsigned wt_compact(uint64_t n);
uint64_t wt_vsize(uint64_t weight);
/** The fee of a transaction of this weight, rounded up. */
int64_t wt_fee_of(uint64_t rate, uint64_t weight);
/** The smallest value of an output with this script that nodes relay (Core policy/policy.cpp).
 *  rate: -dustrelayfee. */
int64_t wt_dust_of(const uint8_t *script, size_t len, uint64_t rate);

/** Choose. Coins of a lower tier come first; among those that are allowed a sum that needs no
 * change is looked for (branch and bound), then the largest are taken until it is enough. What
 * change would be dust, or cost more than it is worth, goes to the miner. Out: coin[].chosen, fee,
 * left, short_of, weight. Returns: QN_OK; QN_E_NOTFOUND: the coins do not suffice; QN_E_END: there
 * would be change and may be none; QN_E_LIMIT: it would be above WT_WEIGHT_MAX; QN_E_CORRUPT: a sum
 * is no amount of money; QN_E_NOMEM. */
qn_status wt_fund_choose(wt_fund *f);
