/* plugins/watch/ask.h: reading what watch.psbt is asked for. */
#pragma once
#include "plugins/watch/watch.h"

#define WT_PAYS_MAX 3000u    /* outputs of one transaction */
#define WT_PICKS_MAX 2000u   /* inputs that are named */
#define WT_DATA_MAX 10000u   /* bytes of an output with data */
#define WT_MAX_RATE 1000000u /* satoshis per 1,000 virtual bytes, unless another one is given */
#define WT_ANY UINT32_MAX    /* a place: wherever */

/** An output. */
typedef struct wt_pay {
    uint8_t *script;
    uint32_t len;
    int64_t value; /* satoshis */
    bool subtract; /* it pays a share of the fee */
} wt_pay;

/** An input that is named. */
typedef struct wt_pick {
    qn_mempool_outpoint at;
    uint32_t sequence;
} wt_pick;

typedef struct wt_ask {
    const wt *x;
    wt_pay *pay;
    size_t n_pay, n_subtract;
    wt_pick *pick;
    size_t n_pick;
    bool more;         /* coins that are not named may be added */
    bool unsafe;       /* also those that somebody else could take back */
    bool lock;         /* keep the coins from other PSBTs */
    bool conservative; /* of an estimate */
    uint64_t rate;     /* satoshis per 1,000 virtual bytes; 0: to be estimated */
    uint64_t max_rate;
    uint32_t conf_target, minconf;
    uint32_t sequence, locktime; /* of the inputs that are not named; of the transaction */
    uint32_t version;            /* of the PSBT: 0 or 2 */
    uint32_t change_at;          /* WT_ANY */
    uint8_t change[42];          /* script of the change that was named */
    size_t change_len;           /* 0: none was */
    int32_t code;                /* of the refusal */
    char why[200];
} wt_ask;

/** Out: *a, to be cleared whatever is returned. False: a->code and a->why say why not. */
bool wt_ask_read(wt_ask *a, const wt *x, const json_t *outputs, const json_t *options);
void wt_ask_clear(wt_ask *a);

/** A number that is not negative with at most `places` decimals, or a string of one, times ten to
 *  the power of `places`. False: it is none, or above max. */
bool wt_decimal(const json_t *v, unsigned places, uint64_t max, uint64_t *out);
/** Members of an options object that are none of `known`, which ends in NULL. NULL: there is no
 *  such. */
const char *wt_unknown_member(const json_t *o, const char *const *known);
