/* What is paid to whom, from where and at which rate. Options have the names that bitcoind's
 * walletcreatefundedpsbt gives them, where it has them. */
#include "plugins/watch/ask.h"

#include "lib/address.h"
#include "lib/elsewhere.h"
#include "lib/hex.h"
#include "lib/script.h"
#include "plugins/watch/item.h"

#include "plugins/watch/fund.h"

#define REPLACEABLE 0xfffffffdu /* BIP125 */
#define FINAL 0xfffffffeu       /* lock times still hold */

static bool bad(wt_ask *a, int32_t code, const char *message)
{
    a->code = code;
    snprintf(a->why, sizeof a->why, "%s", message);
    return false;
}

static bool bad_option(wt_ask *a, const char *name, const char *must)
{
    a->code = WT_RPC_TYPE;
    snprintf(a->why, sizeof a->why, "%s must be %s", name, must);
    return false;
}

void wt_ask_clear(wt_ask *a)
{
    for (size_t i = 0; i < a->n_pay; i++)
        free(a->pay[i].script);
    free(a->pay);
    free(a->pick);
    a->pay = NULL;
    a->pick = NULL;
    a->n_pay = a->n_pick = 0;
}

/* ---- numbers ---- */

/* Digits with at most one point among them, as a decimal number. */
static bool digits(const char *text, unsigned places, uint64_t *out)
{
    uint64_t n = 0;
    unsigned after = 0, seen = 0;
    bool point = false;
    for (const char *p = text; *p; p++) {
        if (*p == '.' && !point) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9' || (point && ++after > places) || ++seen > 18)
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    for (; after < places; after++) {
        if (n > UINT64_MAX / 10)
            return false;
        n *= 10;
    }
    *out = n;
    return seen > 0;
}

bool wt_decimal(const json_t *v, unsigned places, uint64_t max, uint64_t *out)
{
    char text[64];
    const char *p = text;
    uint64_t n;
    if (json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v)) {
        p = json_string_value(v);
    } else if (json_is_integer(v)) {
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v) && json_real_value(v) >= 0 && json_real_value(v) < 1e15) {
        /* The reader makes a binary fraction of it: it is the decimal one that reads the same. */
        snprintf(text, sizeof text, "%.*f", (int)places, json_real_value(v));
        double back = strtod(text, NULL);
        if (back < json_real_value(v) || back > json_real_value(v))
            return false;
    } else {
        return false;
    }
    if (!digits(p, places, &n) || n > max)
        return false;
    *out = n;
    return true;
}

const char *wt_unknown_member(const json_t *o, const char *const *known)
{
    for (void *i = json_object_iter((json_t *)(uintptr_t)o); i;
         i = json_object_iter_next((json_t *)(uintptr_t)o, i)) {
        const char *const *k = known;
        while (*k && strcmp(*k, json_object_iter_key(i)) != 0)
            k++;
        if (!*k)
            return json_object_iter_key(i);
    }
    return NULL;
}

/* A member, or NULL when it is missing or null. */
static const json_t *option(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_null(v) ? NULL : v;
}

static bool flag(wt_ask *a, const json_t *o, const char *name, bool *out)
{
    const json_t *v = option(o, name);
    if (!v)
        return true;
    *out = json_is_true(v);
    return json_is_boolean(v) || bad_option(a, name, "true or false");
}

static bool whole(wt_ask *a, const json_t *o, const char *name, uint32_t max, uint32_t *out)
{
    const json_t *v = option(o, name);
    uint64_t n = 0;
    char must[64];
    if (!v)
        return true;
    if (wt_decimal(v, 0, max, &n)) {
        *out = (uint32_t)n;
        return true;
    }
    snprintf(must, sizeof must, "a whole number from 0 to %u", max);
    return bad_option(a, name, must);
}

static bool rate_of(wt_ask *a, const json_t *o, const char *name, uint64_t *out)
{
    const json_t *v = option(o, name);
    if (!v)
        return true;
    return (wt_decimal(v, 3, WT_RATE_MAX, out) && *out > 0) ||
           bad_option(a, name,
                      "more than 0 satoshis per virtual byte, with at most three decimals");
}

/* ---- outputs ---- */

static wt_pay *new_pay(wt_ask *a, const uint8_t *script, size_t len)
{
    wt_pay *p = &a->pay[a->n_pay];
    *p = (wt_pay){.script = malloc(len), .len = (uint32_t)len};
    if (!p->script) {
        bad(a, -7, "Out of memory");
        return NULL;
    }
    memcpy(p->script, script, len);
    a->n_pay++;
    return p;
}

static bool read_data(wt_ask *a, const json_t *v)
{
    uint8_t script[WT_DATA_MAX + 4] = {QN_OP_RETURN};
    const char *hex = json_string_value(v);
    size_t n = hex ? strlen(hex) / 2 : 0, at = 1;
    if (!n || n > WT_DATA_MAX || strlen(hex) != json_string_length(v))
        return bad(a, WT_RPC_INVALID, "data must be 1 to 10,000 bytes in hex");
    if (n >= QN_OP_PUSHDATA1)
        script[at++] = n <= 0xff ? QN_OP_PUSHDATA1 : QN_OP_PUSHDATA2;
    script[at++] = (uint8_t)n;
    if (n > 0xff)
        script[at++] = (uint8_t)(n >> 8);
    if (!qn_hex_decode(hex, strlen(hex), script + at, WT_DATA_MAX))
        return bad(a, WT_RPC_INVALID, "data must be 1 to 10,000 bytes in hex");
    return new_pay(a, script, at + n) != NULL;
}

static bool bad_address(wt_ask *a, const char *address, const qn_address_error *err)
{
    char where[QN_ELSEWHERE_MAX];
    if (!qn_address_elsewhere(a->x->m.chain, address, strlen(address), where))
        return bad(a, WT_RPC_KEY, err->text[0] ? err->text : "Invalid address");
    a->code = WT_RPC_KEY;
    snprintf(a->why, sizeof a->why, "The address is %s", where);
    return false;
}

static bool read_output(wt_ask *a, const char *key, const json_t *v)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len;
    qn_address_error err;
    uint64_t value;
    if (a->n_pay == WT_PAYS_MAX)
        return bad(a, WT_RPC_INVALID, "There are more than 3,000 outputs");
    if (strcmp(key, "data") == 0)
        return read_data(a, v);
    if (!qn_address_decode(a->x->m.chain, key, strlen(key), script, &len, &err))
        return bad_address(a, key, &err);
    if (!wt_decimal(v, 8, WT_MONEY_MAX, &value))
        return bad(a, WT_RPC_TYPE, "Invalid amount");
    for (size_t i = 0; i < a->n_pay; i++)
        if (a->pay[i].len == len && memcmp(a->pay[i].script, script, len) == 0)
            return bad(a, WT_RPC_INVALID, "Invalid parameter, duplicated address");
    wt_pay *p = new_pay(a, script, len);
    if (p)
        p->value = (int64_t)value;
    return p != NULL;
}

static bool read_object(wt_ask *a, json_t *o)
{
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i))
        if (!read_output(a, json_object_iter_key(i), json_object_iter_value(i)))
            return false;
    return true;
}

/* {address: amount, ...}, or a list of such in the order they are to have. */
static bool read_outputs(wt_ask *a, const json_t *v)
{
    a->pay = calloc(WT_PAYS_MAX, sizeof *a->pay);
    if (!a->pay)
        return bad(a, -7, "Out of memory");
    if (!json_is_object(v) && !json_is_array(v))
        return bad(a, WT_RPC_TYPE, "outputs must be an object or an array of objects");
    if (json_is_object(v) && !read_object(a, (json_t *)(uintptr_t)v))
        return false;
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
        json_t *o = json_array_get(v, i);
        if (!json_is_object(o) || json_object_size(o) != 1)
            return bad(a, WT_RPC_INVALID,
                       "Invalid parameter, key-value pair must contain exactly one key");
        if (!read_object(a, o))
            return false;
    }
    return a->n_pay > 0 || bad(a, WT_RPC_INVALID, "TX must have at least one output");
}

static bool read_subtract(wt_ask *a, const json_t *o)
{
    const json_t *v = option(o, "subtractFeeFromOutputs");
    if (v && !json_is_array(v))
        return bad_option(a, "subtractFeeFromOutputs", "a list of places of outputs");
    for (size_t i = 0; i < json_array_size(v); i++) {
        uint64_t at;
        if (!wt_decimal(json_array_get(v, i), 0, a->n_pay - 1, &at))
            return bad(a, WT_RPC_INVALID,
                       "subtractFeeFromOutputs: there is no output at this place");
        if (a->pay[at].subtract)
            return bad(a, WT_RPC_INVALID, "subtractFeeFromOutputs: a place is there twice");
        a->pay[at].subtract = true;
        a->n_subtract++;
    }
    return true;
}

/* ---- inputs ---- */

static bool read_pick(wt_ask *a, const json_t *v)
{
    static const char *const KNOWN[] = {"txid", "vout", "sequence", NULL};
    wt_pick *p = &a->pick[a->n_pick];
    p->sequence = a->sequence;
    if (wt_unknown_member(v, KNOWN) || !wt_outpoint_read(v, &p->at))
        return bad(a, WT_RPC_INVALID,
                   "An input must be \"TXID:N\" or {\"txid\":...,\"vout\":N,\"sequence\":N}");
    for (size_t i = 0; i < a->n_pick; i++)
        if (memcmp(&a->pick[i].at, &p->at, sizeof p->at) == 0)
            return bad(a, WT_RPC_INVALID, "An input is there twice");
    a->n_pick++;
    return whole(a, v, "sequence", UINT32_MAX, &p->sequence);
}

static bool read_inputs(wt_ask *a, const json_t *o)
{
    const json_t *v = option(o, "inputs");
    size_t n = json_array_size(v);
    if ((v && !json_is_array(v)) || n > WT_PICKS_MAX)
        return bad_option(a, "inputs", "a list of at most 2,000");
    a->more = n == 0;
    a->pick = calloc(n + 1, sizeof *a->pick);
    if (!a->pick)
        return bad(a, -7, "Out of memory");
    for (size_t i = 0; i < n; i++)
        if (!read_pick(a, json_array_get(v, i)))
            return false;
    return flag(a, o, "add_inputs", &a->more);
}

static bool read_sequence(wt_ask *a, const json_t *o)
{
    bool replaceable = true;
    if (!flag(a, o, "replaceable", &replaceable))
        return false;
    a->sequence = replaceable ? REPLACEABLE : FINAL;
    return whole(a, o, "sequence", UINT32_MAX, &a->sequence);
}

/* ---- change and fee ---- */

static bool read_change(wt_ask *a, const json_t *o)
{
    const json_t *v = option(o, "changeAddress");
    const char *text = json_string_value(v);
    qn_address_error err;
    if (v && !text)
        return bad_option(a, "changeAddress", "an address");
    if (text && !qn_address_decode(a->x->m.chain, text, json_string_length(v), a->change,
                                   &a->change_len, &err))
        return bad(a, WT_RPC_KEY, "changeAddress must be a valid address of this chain");
    a->change_at = WT_ANY;
    if (!whole(a, o, "changePosition", UINT32_MAX - 1, &a->change_at))
        return false;
    return a->change_at == WT_ANY || a->change_at <= a->n_pay ||
           bad(a, WT_RPC_INVALID, "changePosition out of bounds");
}

static bool read_fee(wt_ask *a, const json_t *o)
{
    const json_t *mode = option(o, "estimate_mode");
    const char *text = mode ? json_string_value(mode) : "economical";
    a->conf_target = 6;
    a->max_rate = WT_MAX_RATE;
    if (!text || (strcmp(text, "economical") != 0 && strcmp(text, "conservative") != 0))
        return bad_option(a, "estimate_mode", "\"economical\" or \"conservative\"");
    a->conservative = text[0] == 'c';
    if (!whole(a, o, "conf_target", 1008, &a->conf_target) ||
        !rate_of(a, o, "fee_rate", &a->rate) || !rate_of(a, o, "max_fee_rate", &a->max_rate))
        return false;
    if (a->rate && (option(o, "conf_target") || mode))
        return bad(a, WT_RPC_INVALID,
                   "fee_rate says it all: neither conf_target nor estimate_mode");
    return a->conf_target > 0 || bad_option(a, "conf_target", "1 to 1,008 blocks");
}

bool wt_ask_read(wt_ask *a, const wt *x, const json_t *outputs, const json_t *options)
{
    static const char *const KNOWN[] = {"inputs",
                                        "add_inputs",
                                        "include_unsafe",
                                        "minconf",
                                        "changeAddress",
                                        "changePosition",
                                        "subtractFeeFromOutputs",
                                        "lockUnspents",
                                        "fee_rate",
                                        "max_fee_rate",
                                        "conf_target",
                                        "estimate_mode",
                                        "replaceable",
                                        "sequence",
                                        "locktime",
                                        "psbt_version",
                                        NULL};
    *a = (wt_ask){.x = x, .lock = true, .version = 2};
    if (options && json_is_null(options))
        options = NULL;
    if (options && !json_is_object(options))
        return bad(a, WT_RPC_TYPE, "options must be an object");
    const char *unknown = wt_unknown_member(options, KNOWN);
    if (unknown) {
        a->code = WT_RPC_INVALID;
        snprintf(a->why, sizeof a->why, "Unexpected key %.60s", unknown);
        return false;
    }
    if (!read_outputs(a, outputs) || !read_subtract(a, options) || !read_sequence(a, options) ||
        !read_inputs(a, options) || !read_change(a, options) || !read_fee(a, options) ||
        !flag(a, options, "include_unsafe", &a->unsafe) ||
        !flag(a, options, "lockUnspents", &a->lock) ||
        !whole(a, options, "minconf", 9999999, &a->minconf) ||
        !whole(a, options, "locktime", UINT32_MAX, &a->locktime) ||
        !whole(a, options, "psbt_version", 2, &a->version))
        return false;
    return a->version != 1 || bad(a, WT_RPC_INVALID, "The PSBT version can only be 2 or 0");
}
