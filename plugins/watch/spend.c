/* watch.psbt: an unsigned transaction of a wallet's coins. Nothing is changed before it is made:
 * then its coins are locked and its change has an address of its own, and both are stored before it
 * is answered. */
#include "plugins/watch/spend.h"

#include "lib/script.h"
#include "plugins/watch/ask.h"
#include "plugins/watch/fund.h"
#include "plugins/watch/psbt.h"

#define DUST_RATE 3000u /* -dustrelayfee, unless the node says another one */
#define LEAST_RATE 100u /* -minrelaytxfee, unless the node says another one */
#define COSTS 64u
#define DEPTH_MAX 64u /* unconfirmed parents of parents; the mempool lets no more in */
/* Weight of an input with a signature and a key, in the witness or not. */
#define WITNESS_INPUT 272u
#define BARE_INPUT 592u

/* What it costs to spend a coin of a source, once it was found out. */
typedef struct cost {
    const wt_source *source;
    uint8_t sub;
    bool witness;
    uint32_t sequence, weight;
    qn_status st;
} cost;

typedef struct spend {
    wt *x;
    wt_wallet *wallet;
    wt_ask ask;
    wt_fund fund;
    wt_coin **coin; /* as fund.coin */
    uint32_t *sequence;
    cost cost[COSTS];
    size_t n_costs;
    uint64_t dust_rate, least_rate;
    int64_t locked;           /* sum of coins that were left out for being locked */
    int64_t unsolvable;       /* sum of those whose script is known, but not how to spend it */
    wt_source *change_source; /* NULL: an address that was given, or none */
    const uint8_t *change;
    uint32_t change_len; /* 0: there can be no change */
    uint32_t change_at;
    bool replaces;   /* a coin that was named is spent in the mempool */
    qn_status taken; /* of the address for change */
    qn_psbt *psbt;
    int32_t code; /* of the refusal */
    char why[400];
} spend;

static bool bad(spend *s, int32_t code, const char *message)
{
    s->code = code;
    snprintf(s->why, sizeof s->why, "%s", message);
    return false;
}

static bool bad_status(spend *s, qn_status st)
{
    return st == QN_E_NOMEM ? bad(s, -7, "Out of memory")
                            : bad(s, WT_RPC_INTERNAL, "The store or the node could not be read");
}

static bool bad_coin(spend *s, const qn_mempool_outpoint *at, const char *what)
{
    char id[65];
    for (int i = 0; i < 32; i++)
        snprintf(id + 2 * i, 3, "%02x", at->txid.b[31 - i]);
    s->code = WT_RPC_INVALID;
    snprintf(s->why, sizeof s->why, "%s:%u %s", id, at->n, what);
    return false;
}

static void clear(spend *s)
{
    wt_ask_clear(&s->ask);
    free(s->fund.coin);
    free(s->coin);
    free(s->sequence);
    qn_psbt_free(s->psbt);
}

/* ---- the rate ---- */

static bool estimate(spend *s)
{
    qn_fees_estimate e;
    const wt *x = s->x;
    QN_INIT(&e);
    if (!x->fees.t)
        return bad(s, WT_RPC_INVALID,
                   "fee_rate is missing, and there is no estimate: fees.estimate/1 is not granted");
    qn_status st = x->fees.t->estimate(x->fees.cap, s->ask.conf_target,
                                       s->ask.conservative ? QN_FEES_CONSERVATIVE : 0, &e);
    if (st != QN_OK || e.feerate <= 0 || (uint64_t)e.feerate > WT_RATE_MAX)
        return bad(
            s, WT_RPC_WALLET,
            "Fee estimation failed: too little is known, or the node is busy. Give fee_rate");
    s->fund.rate = (uint64_t)e.feerate;
    return true;
}

/* What no node would relay (Core wallet/spend.cpp). */
static bool high_enough(spend *s)
{
    unsigned long long is = s->fund.rate, least = s->least_rate;
    if (is >= least)
        return true;
    s->code = WT_RPC_WALLET;
    snprintf(
        s->why, sizeof s->why,
        "Fee rate (%llu.%03llu sat/vB) is lower than the minimum fee rate setting (%llu.%03llu "
        "sat/vB)",
        is / 1000, is % 1000, least / 1000, least % 1000);
    return false;
}

static bool set_rates(spend *s)
{
    qn_fees_floors f;
    const wt *x = s->x;
    QN_INIT(&f);
    s->dust_rate = DUST_RATE;
    if (x->fees.t && x->fees.t->floors(x->fees.cap, &f) == QN_OK && f.dust_relay >= 0 &&
        (uint64_t)f.dust_relay <= WT_RATE_MAX)
        s->dust_rate = (uint64_t)f.dust_relay;
    s->least_rate = f.min_relay > 0 && (uint64_t)f.min_relay <= WT_RATE_MAX ? (uint64_t)f.min_relay
                                                                            : LEAST_RATE;
    s->fund.rate = s->ask.rate;
    return s->fund.rate ? high_enough(s) : estimate(s);
}

/* ---- coins ---- */

static cost *cost_of(spend *s, const wt_owner *o, uint32_t sequence)
{
    for (size_t i = 0; i < s->n_costs && i < COSTS; i++)
        if (s->cost[i].source == o->source && s->cost[i].sub == o->sub &&
            s->cost[i].sequence == sequence)
            return &s->cost[i];
    cost *c = &s->cost[s->n_costs++ % COSTS];
    *c = (cost){.source = o->source, .sub = o->sub, .sequence = sequence};
    c->st = wt_psbt_weigh(s->x, o, sequence, s->ask.locktime, &c->weight, &c->witness);
    return c;
}

static bool spent_for_good(const wt_coin *c)
{
    for (uint32_t i = 0; i < c->n_spenders; i++)
        if (c->spender[i]->state == WT_CONFIRMED || c->spender[i]->state == WT_UNCONFIRMED)
            return true;
    return false;
}

static void take(spend *s, wt_coin *c, const cost *k, uint8_t tier, uint32_t sequence, bool given)
{
    size_t n = s->fund.n++;
    s->coin[n] = c;
    s->sequence[n] = sequence;
    s->fund.coin[n] = (wt_fund_coin){.value = c->value,
                                     .weight = k->weight,
                                     .witness = k->witness,
                                     .given = given,
                                     .tier = tier};
}

/* A coin that was named. One that a transaction in the mempool spends can be named: that is how a
 * replacement is made. */
static bool take_given(spend *s, const wt_pick *p)
{
    wt_coin *c = wt_coin_find(&s->x->m, &p->at);
    const wt_owner *o = c ? wt_claim(&s->x->m, c, s->wallet) : NULL;
    if (!o || !c->maker || !wt_alive(c->maker))
        return bad_coin(s, &p->at, "is no coin of the wallet");
    if (spent_for_good(c))
        return bad_coin(s, &p->at, "is spent");
    if (wt_immature(&s->x->m, c->maker))
        return bad_coin(s, &p->at, "is immature");
    if (c->locked && !wt_is_spent(c))
        return bad_coin(s, &p->at, "is locked: let it go with watch.lockunspent");
    if (c->maker->dirty)
        return bad_coin(s, &p->at, "is being told, and not stored yet: try again");
    const cost *k = cost_of(s, o, p->sequence);
    if (k->st == QN_E_UNSUPPORTED)
        return bad_coin(s, &p->at,
                        "cannot be spent so: its descriptor is not known, or wants another "
                        "sequence or locktime");
    if (k->st != QN_OK)
        return bad_status(s, k->st);
    s->replaces = s->replaces || wt_is_spent(c);
    take(s, c, k, 0, p->sequence, true);
    return true;
}

static bool is_given(const spend *s, const wt_coin *c)
{
    for (size_t i = 0; i < s->ask.n_pick; i++)
        if (memcmp(&s->ask.pick[i].at, &c->at, sizeof c->at) == 0)
            return true;
    return false;
}

/* One that replaces others can spend nothing of theirs, and no further unconfirmed coin (BIP125).
 */
static bool take_other(spend *s, wt_coin *c)
{
    const wt_owner *o = wt_claim(&s->x->m, c, s->wallet);
    uint32_t depth = wt_depth(&s->x->m, c->maker);
    if (!o || c->maker->dirty || depth < s->ask.minconf || wt_immature(&s->x->m, c->maker))
        return true;
    if (!depth && s->replaces)
        return true;
    uint8_t tier = !wt_safe_coin(&s->x->m, c, s->wallet) ? 2 : depth ? 0 : 1;
    if ((tier == 2 && !s->ask.unsafe) || is_given(s, c))
        return true;
    if (c->locked) {
        s->locked += c->value;
        return true;
    }
    const cost *k = cost_of(s, o, s->ask.sequence);
    if (k->st == QN_OK)
        take(s, c, k, tier, s->ask.sequence, false);
    else
        s->unsolvable += wt_solvable(&s->x->m, o->source) ? 0 : c->value;
    return k->st == QN_OK || k->st == QN_E_UNSUPPORTED || bad_status(s, k->st);
}

/* Whether an unconfirmed transaction, or one that it comes of, spends a coin that was named.
 * `mark` keeps what was found in this walk, as in view.c. */
static bool is_replaced(spend *s, wt_tx *t, unsigned depth)
{
    const uint32_t marks = s->x->m.marks;
    if (t->state == WT_CONFIRMED || depth > DEPTH_MAX)
        return false;
    if (t->mark / 2 == marks)
        return t->mark & 1;
    t->mark = marks * 2;
    bool found = false;
    for (uint32_t i = 0; i < t->n_entries && !found; i++) {
        const wt_coin *c = t->entry[i].coin;
        if (t->entry[i].spent)
            found = is_given(s, c) || (c->maker && is_replaced(s, c->maker, depth + 1));
    }
    t->mark |= found;
    return found;
}

/* What is named can be replaced, or what comes of it spent: not both. */
static bool check_given(spend *s)
{
    wt_next_mark(&s->x->m);
    for (size_t i = 0; i < s->fund.n && s->replaces; i++)
        if (is_replaced(s, s->coin[i]->maker, 0))
            return bad_coin(s, &s->coin[i]->at,
                            "is made by a transaction that this one would replace");
    return true;
}

static bool take_coins(spend *s)
{
    wt_coin **list = NULL;
    size_t n = 0;
    qn_status st = s->ask.more ? wt_coins_of(&s->x->m, s->wallet, &list, &n) : QN_OK;
    if (st != QN_OK)
        return bad_status(s, st);
    size_t cap = n + s->ask.n_pick + 1;
    s->coin = calloc(cap, sizeof *s->coin);
    s->sequence = calloc(cap, sizeof *s->sequence);
    s->fund.coin = calloc(cap, sizeof *s->fund.coin);
    bool good = s->coin && s->sequence && s->fund.coin ? true : bad_status(s, QN_E_NOMEM);
    for (size_t i = 0; i < s->ask.n_pick && good; i++)
        good = take_given(s, &s->ask.pick[i]);
    good = good && check_given(s);
    for (size_t i = 0; i < n && good; i++)
        good = take_other(s, list[i]);
    free(list);
    return good;
}

/* ---- outputs ---- */

static bool add_outputs(spend *s)
{
    s->fund.n_out = (uint32_t)s->ask.n_pay;
    for (size_t i = 0; i < s->ask.n_pay; i++) {
        const wt_pay *p = &s->ask.pay[i];
        if (p->value < wt_dust_of(p->script, p->len, s->dust_rate))
            return bad(s, WT_RPC_INVALID, "Transaction amount too small: nodes do not relay it");
        s->fund.out_weight += 4u * (8u + wt_compact(p->len) + p->len);
        s->fund.target += p->value;
        if (s->fund.target > WT_MONEY_MAX)
            return bad(s, WT_RPC_TYPE, "Invalid amount");
    }
    return true;
}

/* There can be no change: what would be below the dust of any output that a key spends is the
 * miner's. */
static void no_change(spend *s)
{
    static const uint8_t key_hash[22] = {0, 20};
    s->fund.change_spend = WITNESS_INPUT;
    s->fund.dust = wt_dust_of(key_hash, sizeof key_hash, s->dust_rate);
}

static bool find_change(spend *s)
{
    uint32_t weight = 0;
    bool witness;
    if (s->ask.change_len) {
        int version;
        qn_script_part program;
        s->change = s->ask.change;
        s->change_len = (uint32_t)s->ask.change_len;
        weight = qn_script_witness_program(s->change, s->change_len, &version, &program)
                     ? WITNESS_INPUT
                     : BARE_INPUT;
    } else {
        wt_source *source = wt_address_source(s->x, s->wallet, true);
        const wt_owner *o = source ? wt_owner_at(source, source->next) : NULL;
        if (!o || source->next >= QN_DESC_MAX_INDEX || !wt_is_watched(o)) {
            no_change(s);
            return true; /* there may be no need */
        }
        qn_status st = wt_psbt_weigh(s->x, o, s->ask.sequence, s->ask.locktime, &weight, &witness);
        if (st == QN_E_NOMEM)
            return bad_status(s, st);
        if (st != QN_OK)
            weight = BARE_INPUT;
        s->change_source = source;
        s->change = o->script->bytes;
        s->change_len = o->script->len;
    }
    s->fund.change = 4u * (8u + wt_compact(s->change_len) + s->change_len);
    s->fund.change_spend = weight;
    s->fund.dust = wt_dust_of(s->change, s->change_len, s->dust_rate);
    return true;
}

/* Outputs pay the fee in equal parts, the first one what cannot be parted. */
static bool subtract(spend *s)
{
    int64_t each, first;
    if (!s->ask.n_subtract)
        return true;
    each = s->fund.short_of / (int64_t)s->ask.n_subtract;
    first = s->fund.short_of % (int64_t)s->ask.n_subtract;
    for (size_t i = 0; i < s->ask.n_pay; i++) {
        wt_pay *p = &s->ask.pay[i];
        if (!p->subtract)
            continue;
        p->value -= each + first;
        first = 0;
        if (p->value < 0 || p->value < wt_dust_of(p->script, p->len, s->dust_rate))
            return bad(s, WT_RPC_WALLET, "The transaction amount is too small to pay the fee");
    }
    return true;
}

/* "TEXT 0.12345678" at the end of what is said. */
static void say_amount(spend *s, const char *text, int64_t v)
{
    const size_t at = strlen(s->why);
    snprintf(s->why + at, sizeof s->why - at, "%s %lld.%08lld", text, (long long)(v / 100000000),
             (long long)(v % 100000000));
}

static void say(spend *s, const char *text)
{
    const size_t at = strlen(s->why);
    snprintf(s->why + at, sizeof s->why - at, "%s", text);
}

/* Coins that wait in another PSBT, or cannot be spent from here, are in the balance all the same:
 * they are said apart, for they need not be the reason. */
static bool bad_funds(spend *s)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->fund.n && sum <= WT_MONEY_MAX; i++)
        sum += s->fund.coin[i].value;
    (void)bad(s, -6, "Insufficient funds:");
    say_amount(s, " wanted", s->fund.target);
    say(s, s->fund.subtract ? "" : " and the fee");
    say_amount(s, ", available", sum);
    if (s->locked) {
        say_amount(s, ", locked", s->locked);
        say(s, " (watch.listlockunspent; until it is spent or let go with watch.lockunspent)");
    }
    if (s->unsolvable) {
        say_amount(s, ", known by address only", s->unsolvable);
        say(s, " (import the descriptor that spends it)");
    }
    return false;
}

/* It is what was asked for or estimated that has a limit. Change that is no output because it would
 * be dust does not count, more of it does. */
static bool low_enough(spend *s)
{
    int64_t over = s->fund.fee - wt_fee_of(s->fund.rate, s->fund.weight);
    if (s->fund.rate > s->ask.max_rate)
        return bad(s, WT_RPC_WALLET, "The fee rate is above max_fee_rate");
    if (over > s->fund.dust && wt_rate_of(s->fund.fee, wt_vsize(s->fund.weight)) > s->ask.max_rate)
        return bad(s, WT_RPC_WALLET,
                   "The fee rate is above max_fee_rate with what is left: it is less than it would "
                   "cost to spend as change");
    return true;
}

static bool fund(spend *s)
{
    s->fund.subtract = s->ask.n_subtract > 0;
    s->fund.more = s->ask.more;
    switch (wt_fund_choose(&s->fund)) {
    case QN_OK:
        break;
    case QN_E_NOTFOUND:
        return bad_funds(s);
    case QN_E_END:
        return bad(s, WT_RPC_WALLET,
                   "The wallet has no address for change: import a descriptor with internal, or "
                   "give changeAddress");
    case QN_E_LIMIT:
        return bad(s, WT_RPC_WALLET, "Transaction too large");
    case QN_E_NOMEM:
        return bad_status(s, QN_E_NOMEM);
    default:
        return bad(s, WT_RPC_WALLET, "The sum of the coins is no amount of money");
    }
    return low_enough(s) && subtract(s);
}

/* ---- the transaction ---- */

/* A number below n. */
static uint32_t below(const spend *s, uint32_t n)
{
    uint64_t v = 0;
    (void)s->x->host->random(s->x->cap, &v, sizeof v); /* it never fails for so little */
    return n ? (uint32_t)(v % n) : 0;
}

/* Those that were named first, as they were named; the others in no order. Out: *n; owned. */
static qn_psbt_in *make_inputs(const spend *s, size_t *n)
{
    qn_psbt_in *in = calloc(s->fund.n + 1, sizeof *in);
    size_t given = 0;
    *n = 0;
    for (size_t i = 0; in && i < s->fund.n; i++) {
        if (!s->fund.coin[i].chosen)
            continue;
        given += s->fund.coin[i].given;
        in[(*n)++] = (qn_psbt_in){.txid = s->coin[i]->at.txid.b,
                                  .vout = s->coin[i]->at.n,
                                  .has_sequence = true,
                                  .sequence = s->sequence[i]};
    }
    for (size_t i = *n; in && i > given + 1; i--) {
        size_t k = given + below(s, (uint32_t)(i - given));
        qn_psbt_in swap = in[i - 1];
        in[i - 1] = in[k];
        in[k] = swap;
    }
    return in;
}

static qn_psbt_out *make_outputs(spend *s, size_t *n)
{
    qn_psbt_out *out = calloc(s->ask.n_pay + 1, sizeof *out);
    bool change = s->fund.left > 0;
    s->change_at = !change                      ? WT_ANY
                   : s->ask.change_at == WT_ANY ? below(s, (uint32_t)s->ask.n_pay + 1)
                                                : s->ask.change_at;
    *n = 0;
    for (size_t i = 0; out && i <= s->ask.n_pay; i++) {
        if (i == s->change_at)
            out[(*n)++] = (qn_psbt_out){.coin = {s->fund.left, {s->change, s->change_len}}};
        if (i < s->ask.n_pay)
            out[(*n)++] = (qn_psbt_out){
                .coin = {s->ask.pay[i].value, {s->ask.pay[i].script, s->ask.pay[i].len}}};
    }
    return out;
}

static bool make(spend *s)
{
    size_t n_in, n_out;
    qn_psbt_in *in = make_inputs(s, &n_in);
    qn_psbt_out *out = make_outputs(s, &n_out);
    if (in && out)
        s->psbt = qn_psbt_new_of(s->ask.version, 2, s->ask.locktime, in, n_in, out, n_out);
    free(in);
    free(out);
    qn_status st = s->psbt ? wt_psbt_fill(s->x, s->psbt, s->wallet) : QN_E_NOMEM;
    if (st != QN_OK)
        return bad_status(s, st);
    for (size_t i = 0; i < s->psbt->n_in; i++) {
        qn_psbt_coin coin;
        if (!qn_psbt_coin_of(&s->psbt->in[i], &coin))
            return bad(s, WT_RPC_WALLET,
                       "A transaction that made one of the coins is not there any more");
    }
    return true;
}

/* The address of the change is this PSBT's. Before anything is locked, for there may be none. */
static bool take_change(spend *s)
{
    wt_owner *o;
    s->taken =
        s->fund.left > 0 && s->change_source ? wt_take_address(s->x, s->change_source, &o) : QN_OK;
    if (s->taken == QN_E_END || s->taken == QN_E_LIMIT || s->taken == QN_E_INVAL)
        return bad(s, WT_RPC_WALLET,
                   "No further address for change: the range or the grant of watch/1 is used up");
    return true;
}

/* And so are its coins. */
static qn_status commit(spend *s)
{
    qn_status st = s->taken;
    for (size_t i = 0; i < s->fund.n && st == QN_OK && s->ask.lock; i++)
        if (s->fund.coin[i].chosen)
            st = wt_lock(&s->x->m, s->coin[i], true);
    return st == QN_OK ? wt_store_set(s->x) : st;
}

/* ---- the answer ---- */

void wt_put_psbt(qn_json *j, const char *key, const qn_psbt *p)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    char *text = qn_psbt_write(p, &raw, &len) ? qn_base64_encode(raw, len) : NULL;
    if (text)
        qn_json_text(j, key, text);
    else
        j->failed = 1;
    free(raw);
    free(text);
}

uint64_t wt_rate_of(int64_t fee, uint64_t vsize)
{
    return vsize && fee > 0 ? (uint64_t)fee * 1000 / vsize : 0;
}

void wt_put_rate(qn_json *j, const char *key, uint64_t rate)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%llu.%03u", (unsigned long long)(rate / 1000),
                     (unsigned)(rate % 1000));
    qn_json_key_(j, key);
    qn_json_raw(j, text, (size_t)n);
}

static void put_spend(qn_json *j, const spend *s)
{
    qn_json_open(j, NULL, '{');
    wt_put_psbt(j, "psbt", s->psbt);
    qn_json_amount(j, "fee", s->fund.fee);
    qn_json_int(j, "changepos", s->fund.left > 0 ? (int64_t)s->change_at : -1);
    wt_put_rate(j, "fee_rate", wt_rate_of(s->fund.fee, wt_vsize(s->fund.weight)));
    qn_json_int(j, "vsize", (int64_t)wt_vsize(s->fund.weight));
    qn_json_bool(j, "locked", s->ask.lock);
    qn_json_open(j, "inputs", '[');
    for (size_t i = 0; i < s->fund.n; i++) {
        if (!s->fund.coin[i].chosen)
            continue;
        qn_json_open(j, NULL, '{');
        qn_json_hex(j, "txid", s->coin[i]->at.txid.b, 32, 1);
        qn_json_int(j, "vout", s->coin[i]->at.n);
        qn_json_amount(j, "amount", s->coin[i]->value);
        qn_json_close(j, '}');
    }
    qn_json_close(j, ']');
    qn_json_close(j, '}');
}

static bool read_ask(spend *s, const json_t *a)
{
    if (wt_ask_read(&s->ask, s->x, json_array_get(a, 1), json_array_get(a, 2)))
        return true;
    return bad(s, s->ask.code, s->ask.why);
}

void wt_on_psbt(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    qn_json j = {0};
    if (wt_later_if(x, r, params, len, wt_on_psbt))
        return;
    json_t *a = wt_params(x, r->request, params, len);
    wt_wallet *w = a ? wt_wallet_arg(x, r->request, a, 0) : NULL;
    qn_status st = w ? wt_stream_settle(x) : QN_OK;
    spend *s = w && st == QN_OK ? calloc(1, sizeof *s) : NULL;
    if (st != QN_OK)
        wt_done(x, r->request, st, &j);
    else if (w && !s)
        wt_refuse_status(x, r->request, QN_E_NOMEM);
    if (s) {
        s->x = x;
        s->wallet = w;
        if (!read_ask(s, a) || !set_rates(s) || !add_outputs(s) || !find_change(s) ||
            !take_coins(s) || !fund(s) || !make(s) || !take_change(s)) {
            wt_refuse(x, r->request, s->code, s->why);
        } else {
            put_spend(&j, s);
            wt_done(x, r->request, j.failed ? QN_OK : commit(s), &j);
        }
        clear(s);
        free(s);
    }
    json_decref(a);
}
