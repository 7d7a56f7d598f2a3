/* plugins/stratum/coinbase.h: the coinbase of a job, and who is paid by it. */
#pragma once
#include "lib/chain.h"
#include "plugins/stratum/jobs.h"
#include "plugins/stratum/message.h"

#define ST_COINBASE_MAX 2048u
/* The variant and the number of the job: no two jobs are the same work, also where their templates
 * are, so that what was counted for one is nothing for the other. */
#define ST_MARK (1u + 4u)
#define ST_SPACE (ST_MARK + ST_EN1_LEN + ST_EN2_LEN) /* the mark, then the two extranonces */

/** The transaction without its witness: what miners hash. */
typedef struct st_coinbase {
    uint8_t data[ST_COINBASE_MAX];
    size_t len;
    size_t space; /* where the ST_SPACE bytes begin */
} st_coinbase;

/** Make it. user: who gets what is left, in solo mode (may be NULL).
 *  Returns: false: nobody gets what is left, or it is too long. */
bool st_coinbase_make(const st_job *job, const st_payout *user, uint8_t variant, st_coinbase *out);
/** Of a variant but the first one: make it that of one session alone, which nobody can know who was
 *  not told. */
#define ST_SECRET_LEN 16u
void st_coinbase_mark(st_coinbase *c, const uint8_t secret[ST_SECRET_LEN],
                      const uint8_t en1[ST_EN1_LEN]);
/** Put both extranonces in. */
void st_coinbase_fill(st_coinbase *c, const uint8_t en1[ST_EN1_LEN], const uint8_t en2[ST_EN2_LEN]);

/** The configuration's "ADDRESS[=PERMILLE] ...", or "none". Out: r->payout; why (a sentence for the
 *  operator) on failure. */
bool st_payouts_read(st_recipe *r, const qn_chain_text *chain, const char *text, char *why,
                     size_t cap);
/** The address of the chain in a user name: the first run of letters and digits that is one
 *  ("bitcoin:ADDRESS", "ADDRESS.rig", "pool/ADDRESS_1"). Out: *out; *mistyped: there is none, but
 *  something that looks as if it was meant to be one, before any. */
bool st_user_payout(const qn_chain_text *chain, const char *user, st_payout *out, bool *mistyped);
/** What the heaviest coinbase of the recipe needs of a block. Out: *weight, with the header and the
 *  count of transactions; *sigops, their cost. */
void st_recipe_needs(const st_recipe *r, uint32_t *weight, uint32_t *sigops);
/** Somebody gets what is left even if no user is named. */
bool st_recipe_complete(const st_recipe *r);
