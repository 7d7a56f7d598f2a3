#include "plugins/watch/fund.h"

#include "lib/script.h"

#include <stdlib.h>

#define MONEY_MAX INT64_C(2100000000000000)

unsigned wt_compact(uint64_t n)
{
    return n < 253 ? 1 : n <= 0xffff ? 3 : n <= 0xffffffffu ? 5 : 9;
}

uint64_t wt_vsize(uint64_t weight)
{
    return (weight + 3) / 4;
}

int64_t wt_fee_of(uint64_t rate, uint64_t weight)
{
    return (int64_t)((rate * wt_vsize(weight) + 999) / 1000);
}

int64_t wt_dust_of(const uint8_t *script, size_t len, uint64_t rate)
{
    int version;
    qn_script_part program;
    if (qn_script_unspendable(script, len))
        return 0;
    /* What it takes to spend: an input with a signature and a key, in the witness or not. */
    bool witness = qn_script_witness_program(script, len, &version, &program);
    uint64_t bytes = 8 + wt_compact(len) + len + (witness ? 67 : 148);
    return (int64_t)((rate * bytes + 999) / 1000);
}

/* ---- a sum under way ---- */

typedef struct sum {
    int64_t value;
    uint64_t weight; /* of the inputs */
    size_t n, n_witness;
} sum;

static bool add(sum *s, const wt_fund_coin *c)
{
    if (c->value < 0 || c->value > MONEY_MAX - s->value)
        return false;
    s->value += c->value;
    s->weight += c->weight;
    s->n++;
    s->n_witness += c->witness;
    return true;
}

/* Version, lock time, counts; with a witness two bytes more, and an empty one for each other input.
 */
static uint64_t weigh(const wt_fund *f, const sum *s, bool change)
{
    uint64_t w = 4u * (8u + wt_compact(s->n) + wt_compact(f->n_out + change)) + s->weight +
                 f->out_weight + (change ? f->change : 0);
    return s->n_witness ? w + 2 + (s->n - s->n_witness) : w;
}

static int64_t least_change(const wt_fund *f)
{
    int64_t spend = wt_fee_of(f->rate, f->change_spend);
    return spend > f->dust ? spend : f->dust;
}

/* Is this enough? Out: fee, left, short_of, weight. */
static qn_status settle(wt_fund *f, const sum *s)
{
    uint64_t bare = weigh(f, s, false), full = weigh(f, s, true);
    int64_t fee = wt_fee_of(f->rate, bare), more = wt_fee_of(f->rate, full);
    int64_t over = s->value - f->target;
    if (s->n == 0 || over < (f->subtract ? 0 : fee))
        return QN_E_NOTFOUND;
    if (bare > WT_WEIGHT_MAX)
        return QN_E_LIMIT;
    int64_t left = f->subtract ? over : over - more, least = least_change(f);
    if (left >= least && !f->change)
        return QN_E_END;
    if (left >= least && full > WT_WEIGHT_MAX)
        return QN_E_LIMIT;
    bool change = left >= least;
    f->left = change ? left : 0;
    f->weight = change ? full : bare;
    f->fee = f->subtract ? (change ? more : fee) : over - f->left;
    f->short_of = f->subtract ? f->fee - (over - f->left) : 0;
    if (f->short_of < 0) { /* what is too little for change pays more than the fee */
        f->fee -= f->short_of;
        f->short_of = 0;
    }
    return QN_OK;
}

/* ---- without change ---- */

typedef struct search {
    size_t *at;    /* coins, by what they are worth, the most first */
    int64_t *gain; /* what each is worth when its own input is paid */
    int64_t *rest; /* the sum of it and all behind it */
    size_t n;
    int64_t need, slack;
    size_t *path, *best;
    size_t n_best;
} search;

static void search_free(search *s)
{
    free(s->at);
    free(s->gain);
    free(s->rest);
    free(s->path);
    free(s->best);
}

static int64_t gain_of(const wt_fund *f, const wt_fund_coin *c)
{
    /* An input without a witness has an empty one where others have theirs. */
    uint64_t w = c->weight + !c->witness;
    return f->subtract ? c->value : c->value - (int64_t)((f->rate * w + 3999) / 4000);
}

typedef struct ranked {
    int64_t by;
    size_t at;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->by != y->by)
        return x->by > y->by ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

/* Coins that may be added, the best first. Out: *list owned: free(). */
static qn_status rank(const wt_fund *f, uint8_t tier, bool gain, ranked **list, size_t *n)
{
    ranked *l = malloc((f->n + 1) * sizeof *l);
    if (!l)
        return QN_E_NOMEM;
    *n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const wt_fund_coin *c = &f->coin[i];
        int64_t g = gain_of(f, c);
        if (c->given || c->tier > tier || g <= 0)
            continue; /* what costs more than it is worth is left where it is */
        /* Lower tiers first; there the largest. */
        l[*n] = (ranked){gain ? g : c->value - (int64_t)c->tier * (MONEY_MAX + 1), i};
        ++*n;
    }
    if (*n > 1)
        qsort(l, *n, sizeof *l, by_rank);
    *list = l;
    return QN_OK;
}

static qn_status search_new(const wt_fund *f, uint8_t tier, search *s)
{
    ranked *l = NULL;
    size_t n = 0;
    *s = (search){.n = 0};
    qn_status st = rank(f, tier, true, &l, &n);
    if (st != QN_OK)
        return st;
    s->n = n;
    s->at = calloc(n + 1, sizeof *s->at);
    s->gain = calloc(n + 1, sizeof *s->gain);
    s->rest = calloc(n + 1, sizeof *s->rest);
    s->path = calloc(n + 1, sizeof *s->path);
    s->best = calloc(n + 1, sizeof *s->best);
    if (!s->at || !s->gain || !s->rest || !s->path || !s->best) {
        st = QN_E_NOMEM;
    } else {
        for (size_t i = n; i-- > 0;) {
            s->at[i] = l[i].at;
            s->gain[i] = l[i].by;
            int64_t rest = s->rest[i + 1];
            s->rest[i] = rest > MONEY_MAX ? rest : rest + l[i].by;
        }
    }
    free(l);
    if (st != QN_OK)
        search_free(s);
    return st;
}

/* With or without each coin in turn, the largest first. True: best has the sum that is the least
 * above need, by at most slack. */
static bool search_run(search *s)
{
    size_t depth = 0, i = 0;
    int64_t total = 0, best = s->slack + 1;
    for (unsigned tries = 0; tries < WT_FUND_TRIES && best > 0; tries++) {
        int64_t over = total - s->need;
        if (over < 0 && i < s->n && s->rest[i] >= -over) {
            s->path[depth++] = i;
            total += s->gain[i++];
            continue;
        }
        if (over >= 0 && over < best && depth) {
            best = over;
            s->n_best = depth;
            for (size_t k = 0; k < depth; k++)
                s->best[k] = s->path[k];
        }
        if (!depth)
            break;
        i = s->path[--depth];
        total -= s->gain[i++];
        while (i < s->n && s->gain[i] == s->gain[i - 1])
            i++; /* one like the one that was left out changes nothing */
    }
    return best <= s->slack;
}

/* Weight of all but the inputs to come, whichever these are. */
static uint64_t frame_of(const wt_fund *f, const search *s, const sum *given)
{
    uint64_t w = weigh(f, given, false);
    bool witness = false;
    for (size_t i = 0; i < s->n && !given->n_witness; i++)
        witness = witness || f->coin[s->at[i]].witness;
    if (witness)
        w += 2 + given->n;
    if (wt_compact(given->n + s->n) > wt_compact(given->n))
        w += 4u * (wt_compact(given->n + s->n) - wt_compact(given->n));
    return w;
}

static qn_status without_change(wt_fund *f, uint8_t tier, const sum *given)
{
    search s;
    qn_status st = search_new(f, tier, &s);
    if (st != QN_OK)
        return st;
    sum now = *given;
    s.need = f->target - now.value + (f->subtract ? 0 : wt_fee_of(f->rate, frame_of(f, &s, given)));
    s.slack = wt_fee_of(f->rate, f->change) + wt_fee_of(f->rate, f->change_spend);
    st = s.need > 0 && search_run(&s) ? QN_OK : QN_E_NOTFOUND;
    for (size_t k = 0; st == QN_OK && k < s.n_best; k++)
        if (!add(&now, &f->coin[s.at[s.best[k]]]))
            st = QN_E_CORRUPT;
    if (st == QN_OK)
        st = settle(f, &now);
    for (size_t k = 0; st == QN_OK && k < s.n_best; k++)
        f->coin[s.at[s.best[k]]].chosen = true;
    search_free(&s);
    return st;
}

/* ---- the largest first ---- */

static qn_status largest_first(wt_fund *f, uint8_t tier, const sum *given)
{
    ranked *l = NULL;
    size_t n = 0, used = 0;
    sum now = *given;
    qn_status st = rank(f, tier, false, &l, &n);
    if (st != QN_OK)
        return st;
    for (st = QN_E_NOTFOUND; st == QN_E_NOTFOUND && used < n; used++)
        st = add(&now, &f->coin[l[used].at]) ? settle(f, &now) : QN_E_CORRUPT;
    for (size_t i = 0; st == QN_OK && i < used; i++)
        f->coin[l[i].at].chosen = true;
    free(l);
    return st;
}

qn_status wt_fund_choose(wt_fund *f)
{
    sum given = {.n = 0};
    if (f->rate > WT_RATE_MAX || f->target < 0 || f->target > MONEY_MAX)
        return QN_E_CORRUPT;
    for (size_t i = 0; i < f->n; i++) {
        f->coin[i].chosen = f->coin[i].given;
        if (f->coin[i].given && !add(&given, &f->coin[i]))
            return QN_E_CORRUPT;
    }
    qn_status st = settle(f, &given);
    for (uint8_t tier = 0; st == QN_E_NOTFOUND && f->more && tier < WT_FUND_TIERS; tier++) {
        st = without_change(f, tier, &given);
        if (st != QN_OK && st != QN_E_NOMEM)
            st = largest_first(f, tier, &given);
    }
    return st;
}
