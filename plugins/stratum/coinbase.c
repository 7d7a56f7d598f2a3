#include "plugins/stratum/coinbase.h"

#include "lib/address.h"
#include "lib/hash.h"
#include "lib/mining.h"

#include <stdio.h>
#include <string.h>

#define ST_ADDRESS_MIN 26 /* characters */

static const st_payout *rest_of(const st_recipe *r)
{
    for (uint32_t i = 0; i < r->n_payout; i++)
        if (!r->payout[i].permille)
            return &r->payout[i];
    return NULL;
}

bool st_recipe_complete(const st_recipe *r)
{
    return rest_of(r) != NULL;
}

#define SCRIPT_SIG_MAX 100u
#define SCALE 4u /* of what is no witness: bytes to weight, checks to their cost */

void st_recipe_needs(const st_recipe *r, uint32_t *weight, uint32_t *sigops)
{
    const uint32_t commitment = sizeof((qn_template_view){0}.coinbase_outputs);
    /* header and count; version, count, outpoint, script, sequence, count, locktime */
    uint32_t bytes = 80 + 3 + 4 + 1 + 36 + 1 + SCRIPT_SIG_MAX + 4 + 3 + 4 + commitment, outs = 0;
    bool rest = false;
    for (uint32_t i = 0; i < r->n_payout; i++, outs++) {
        const bool user = r->solo && !r->payout[i].permille; /* or his script, of any length */
        bytes += 8 + 1 + (user ? ST_SCRIPT_MAX : r->payout[i].len);
        rest |= !r->payout[i].permille;
    }
    if (!rest) {
        bytes += 8 + 1 + ST_SCRIPT_MAX;
        outs++;
    }
    *weight = SCALE * bytes + 2 + 2 + 32; /* and the witness */
    *sigops = SCALE * outs;               /* one check in each at most: P2PKH */
}

/* Out: room for ST_PAYOUTS + 1. Returns how many. */
static size_t split(const st_job *job, const st_payout *rest, qn_coinbase_out *out)
{
    const st_recipe *r = &job->recipe;
    int64_t left = job->v.reward;
    size_t n = 1; /* the first is who gets what is left */
    for (uint32_t i = 0; i < r->n_payout; i++) {
        const st_payout *p = &r->payout[i];
        if (!p->permille)
            continue;
        int64_t part =
            job->v.reward / 1000 * p->permille + job->v.reward % 1000 * p->permille / 1000;
        out[n++] = (qn_coinbase_out){part, p->script, p->len};
        left -= part;
    }
    out[0] = (qn_coinbase_out){left, rest->script, rest->len};
    return n;
}

bool st_coinbase_make(const st_job *job, const st_payout *user, uint8_t variant, st_coinbase *out)
{
    const qn_template_view *v = &job->v;
    qn_coinbase_out outs[ST_PAYOUTS + 1];
    const st_payout *rest = job->recipe.solo && user ? user : rest_of(&job->recipe);
    if (!rest)
        return false;
    const qn_coinbase c = {.version = v->coinbase_version,
                           .sequence = v->coinbase_sequence,
                           .locktime = v->coinbase_locktime,
                           .prefix = v->coinbase_prefix,
                           .prefix_len = v->coinbase_prefix_len,
                           .space = ST_SPACE,
                           .tag = job->recipe.tag,
                           .tag_len = job->recipe.tag_len,
                           .out = outs,
                           .n_out = split(job, rest, outs),
                           .last = v->coinbase_outputs,
                           .last_len = v->coinbase_outputs_len,
                           .n_last = v->n_coinbase_outputs};
    out->len = qn_coinbase_write(&c, out->data, sizeof out->data, &out->space);
    if (!out->len)
        return false;
    out->data[out->space] = variant;
    for (uint32_t i = 1; i < ST_MARK; i++)
        out->data[out->space + i] = (uint8_t)(job->number >> 8 * (i - 1));
    return true;
}

/* The number of the job gives way to a hash of it. */
void st_coinbase_mark(st_coinbase *c, const uint8_t secret[ST_SECRET_LEN],
                      const uint8_t en1[ST_EN1_LEN])
{
    uint8_t text[ST_SECRET_LEN + ST_MARK + ST_EN1_LEN], hash[32], *mark = c->data + c->space;
    if (!*mark)
        return;
    memcpy(text, secret, ST_SECRET_LEN);
    memcpy(text + ST_SECRET_LEN, mark, ST_MARK);
    memcpy(text + ST_SECRET_LEN + ST_MARK, en1, ST_EN1_LEN);
    qn_sha256d(text, sizeof text, hash);
    memcpy(mark + 1, hash, ST_MARK - 1);
}

void st_coinbase_fill(st_coinbase *c, const uint8_t en1[ST_EN1_LEN], const uint8_t en2[ST_EN2_LEN])
{
    memcpy(c->data + c->space + ST_MARK, en1, ST_EN1_LEN);
    memcpy(c->data + c->space + ST_MARK + ST_EN1_LEN, en2, ST_EN2_LEN);
}

/* ---- the configuration ---- */

static bool decode(const qn_chain_text *chain, const char *text, size_t len, st_payout *p)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t n = 0;
    if (!qn_address_decode(chain, text, len, script, &n, NULL) || n > sizeof p->script)
        return false;
    memcpy(p->script, script, n);
    p->len = (uint8_t)n;
    return true;
}

static bool in_address(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* What looks like an address and is none comes from somebody who has mistyped his own, or taken one
 * of another chain: he must not mine for somebody else. What follows an address is a machine's. */
bool st_user_payout(const qn_chain_text *chain, const char *user, st_payout *out, bool *mistyped)
{
    st_payout p = {.permille = 0};
    *mistyped = false;
    while (*user) {
        size_t len = 0;
        while (in_address(user[len]))
            len++;
        if (decode(chain, user, len, &p)) {
            *out = p;
            return true;
        }
        if (len >= ST_ADDRESS_MIN) {
            *mistyped = true;
            return false;
        }
        user += len + !len;
    }
    return false;
}

/* One "ADDRESS" or "ADDRESS=PERMILLE" of `len` characters. */
static bool read_one(const qn_chain_text *chain, const char *s, size_t len, st_payout *p)
{
    const char *eq = memchr(s, '=', len);
    size_t address = eq ? (size_t)(eq - s) : len;
    unsigned n = 0;
    *p = (st_payout){.permille = 0};
    for (size_t i = address + 1; eq && i < len; i++) {
        if (s[i] < '0' || s[i] > '9' || (n = n * 10 + (unsigned)(s[i] - '0')) > 1000)
            return false;
    }
    p->permille = (uint16_t)n;
    return (!eq || n) && decode(chain, s, address, p);
}

bool st_payouts_read(st_recipe *r, const qn_chain_text *chain, const char *text, char *why,
                     size_t cap)
{
    unsigned sum = 0, rest = 0;
    r->n_payout = 0;
    if (strcmp(text, "none") == 0)
        return true;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        if (r->n_payout == ST_PAYOUTS) {
            snprintf(why, cap, "payout: more than %u addresses", ST_PAYOUTS);
            return false;
        }
        st_payout *p = &r->payout[r->n_payout];
        if (!read_one(chain, text, len, p)) {
            snprintf(why, cap, "payout: '%.*s' is no address of this chain, or its part is none",
                     (int)(len < 120 ? len : 120), text);
            return false;
        }
        sum += p->permille;
        rest += !p->permille;
        r->n_payout++;
        text += len;
    }
    if (sum <= 1000 && rest <= 1)
        return true;
    snprintf(why, cap, "payout: %s", rest > 1 ? "more than one gets the rest" : "above 1000");
    return false;
}
