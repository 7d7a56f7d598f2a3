/* lib/gbt.h: the JSON of getblocktemplate, made of a block template alone (BIP22, BIP23, BIP9,
 * BIP145, as Core prints it). Thread: any. */
#ifndef QUOIN_LIB_GBT_H
#define QUOIN_LIB_GBT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A transaction of the template, without the coinbase. Borrowed. */
typedef struct qn_gbt_tx {
    const uint8_t *txid, *wtxid; /* 32 bytes each, as on the wire */
    int64_t fee;                 /* satoshis */
    uint32_t weight;
    uint32_t sigops;         /* as cost */
    const uint32_t *depends; /* places in the block of those it spends; the first transaction is 1
                              */
    uint32_t n_depends;
    const uint8_t *raw; /* with witness */
    size_t raw_len;
} qn_gbt_tx;

/** A version bits deployment that is under way or active. */
typedef struct qn_gbt_rule {
    const char *name; /* of letters, digits and _ alone */
    uint8_t bit;
    bool active;   /* else it is started or locked in */
    bool optional; /* a miner who does not know it may still use the template */
} qn_gbt_rule;

typedef struct qn_gbt_view {
    int32_t height;
    int32_t version;
    uint32_t bits;
    uint32_t cur_time, min_time; /* seconds since 1970 */
    uint8_t prev[32], target[32];
    uint64_t updates; /* how often the mempool had changed: with `prev` it is the longpollid */
    int64_t reward;   /* satoshis that the coinbase may claim */
    /** The outputs that the coinbase must end with, serialized; n_outputs 0: none. */
    const uint8_t *outputs;
    size_t outputs_len;
    uint32_t n_outputs;
    bool segwit;              /* active for this block */
    const uint8_t *challenge; /* of a signet; NULL: this is none */
    size_t challenge_len;
    const qn_gbt_rule *rule; /* sorted by name */
    uint32_t n_rules;
    uint32_t n_tx;
    /** Transaction i < n_tx. */
    void (*tx)(const void *arg, uint32_t i, qn_gbt_tx *out);
    const void *arg;
} qn_gbt_view;

/** Rules that the client says it knows. */
typedef struct qn_gbt_client {
    const char *const *rule;
    size_t n_rules;
} qn_gbt_client;

/** Must a client that knows just these rules be refused? Out: why (may be NULL), a sentence.
 *  Returns: true when it must. */
bool qn_gbt_refuse(bool signet, const qn_gbt_client *client, char *why, size_t cap);
/** The same for the rules of a template. */
bool qn_gbt_refuse_view(const qn_gbt_view *v, const qn_gbt_client *client, char *why, size_t cap);

/** Write the JSON object, without a NUL. Returns: its length; when that is more than `cap`, what
 *  was written is useless: ask with cap 0 first, which costs little. */
size_t qn_gbt_json(const qn_gbt_view *v, const qn_gbt_client *client, char *out, size_t cap);

/** Longest text of a longpollid: 64 digits of the block, 20 of the count, NUL. */
#define QN_GBT_LONGPOLLID 85
/** The longpollid of a template on `prev`. */
void qn_gbt_longpollid(const uint8_t prev[32], uint64_t updates, char *out);

#ifdef __cplusplus
}
#endif
#endif
