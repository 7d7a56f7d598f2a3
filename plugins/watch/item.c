/* One item of watch.import as it was given: its members, their types and bounds. */
#include "plugins/watch/item.h"

#include "lib/hex.h"

#include <limits.h>

#define NAME_SHOWN 64u

static bool bad(wt_reading *in, int32_t code, const char *message)
{
    in->code = code;
    snprintf(in->why, sizeof in->why, "%s", message);
    return false;
}

static bool known_member(const char *key)
{
    static const char *const KNOWN[] = {"desc",      "address",  "script", "outpoint",
                                        "timestamp", "birthday", "range",  "next_index",
                                        "active",    "internal", "label"};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        if (strcmp(key, KNOWN[i]) == 0)
            return true;
    return false;
}

/* Its name, as far as it is one that somebody may have misspelt. */
static bool unknown_member(wt_reading *in, const char *key)
{
    char why[160];
    size_t n = 0;
    while (n < NAME_SHOWN && key[n] > 32 && key[n] < 127)
        n++;
    snprintf(why, sizeof why, "An item has a member that is not known%s%.*s%s", n ? ": " : "",
             (int)n, key, n && key[n] ? "..." : "");
    return bad(in, WT_RPC_INVALID, why);
}

/* A member of a type, or nothing. False: refused. */
static bool text_of(wt_reading *in, const json_t *o, const char *key, const char **out)
{
    const json_t *v = json_object_get(o, key);
    char why[64];
    if (!v || json_is_null(v))
        return true;
    *out = json_string_value(v);
    if (*out && strlen(*out) == json_string_length(v))
        return true;
    snprintf(why, sizeof why, "%s must be a string", key);
    return bad(in, WT_RPC_TYPE, why);
}

static bool flag_of(wt_reading *in, const json_t *o, const char *key, bool *out, bool *given)
{
    const json_t *v = json_object_get(o, key);
    char why[64];
    if (!v || json_is_null(v))
        return true;
    *given = true;
    *out = json_is_true(v);
    snprintf(why, sizeof why, "%s must be true or false", key);
    return json_is_boolean(v) || bad(in, WT_RPC_TYPE, why);
}

static bool index_of(const json_t *v, int64_t max, uint32_t *out)
{
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    if (n < 0 || n > max)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool read_time(wt_reading *in, const json_t *o, wt_item *it)
{
    const json_t *t = json_object_get(o, "timestamp"), *b = json_object_get(o, "birthday");
    it->height = WT_NO_HEIGHT;
    if (b && !json_is_null(b))
        return index_of(b, INT32_MAX, &it->height) ||
               bad(in, WT_RPC_INVALID, "birthday must be the height of a block");
    if (!t || json_is_null(t))
        return bad(in, WT_RPC_TYPE, "Missing required timestamp field for key");
    if (json_is_string(t) && strcmp(json_string_value(t), "now") == 0) {
        it->timestamp = in->x->host->time(in->x->cap);
        return true;
    }
    if (!json_is_integer(t) || json_integer_value(t) < 0)
        return bad(in, WT_RPC_TYPE, "Expected number or \"now\" timestamp value for key");
    it->timestamp = json_integer_value(t);
    if (!in->time_known || in->time != it->timestamp) {
        if (wt_height_of_time(in->x, it->timestamp, &in->time_height) != QN_OK)
            return bad(in, WT_RPC_INTERNAL, "The chain could not be read");
        in->time = it->timestamp;
        in->time_known = true;
    }
    it->height = in->time_height;
    return true;
}

static bool read_range(wt_reading *in, const json_t *o, wt_item *it)
{
    const json_t *r = json_object_get(o, "range"), *next = json_object_get(o, "next_index");
    uint32_t last = in->x->m.gap - 1;
    it->range = r && !json_is_null(r) ? r : NULL;
    if (json_is_array(r) && json_array_size(r) == 2) {
        if (!index_of(json_array_get(r, 0), QN_DESC_MAX_INDEX, &it->begin) ||
            !index_of(json_array_get(r, 1), QN_DESC_MAX_INDEX, &last))
            return bad(in, WT_RPC_INVALID, "End of range is too high");
    } else if (it->range && !index_of(r, QN_DESC_MAX_INDEX, &last)) {
        return bad(in, WT_RPC_INVALID, "Range must be specified as end or as [begin,end]");
    }
    if (last < it->begin)
        return bad(in, WT_RPC_INVALID,
                   "Range specified as [begin,end] must not have begin after "
                   "end");
    if (last - it->begin >= 1000000)
        return bad(in, WT_RPC_INVALID, "Range is too large");
    it->end = last + 1;
    it->next = it->begin;
    it->next_given = next && !json_is_null(next);
    if (it->next_given && (!index_of(next, QN_DESC_MAX_INDEX, &it->next) || it->next < it->begin ||
                           it->next >= it->end))
        return bad(in, WT_RPC_INVALID, "next_index is out of range");
    return true;
}

bool wt_item_read(wt_reading *in, json_t *o, wt_item *it)
{
    bool given = false;
    *it = (wt_item){.label = NULL};
    if (!json_is_object(o))
        return bad(in, WT_RPC_TYPE, "An item must be an object");
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i))
        if (!known_member(json_object_iter_key(i)))
            return unknown_member(in, json_object_iter_key(i));
    const json_t *point = json_object_get(o, "outpoint");
    it->outpoint = point && !json_is_null(point) ? point : NULL;
    if (!text_of(in, o, "desc", &it->desc) || !text_of(in, o, "address", &it->address) ||
        !text_of(in, o, "script", &it->script) || !text_of(in, o, "label", &it->label) ||
        !flag_of(in, o, "active", &it->active, &given) ||
        !flag_of(in, o, "internal", &it->internal, &it->internal_given))
        return false;
    if (!!it->desc + !!it->address + !!it->script + !!it->outpoint != 1)
        return bad(in, WT_RPC_INVALID,
                   "An item needs one of desc, address, script and outpoint, and only one");
    if (it->label && strlen(it->label) > WT_LABEL_MAX)
        return bad(in, WT_RPC_INVALID, "label is longer than 255 bytes");
    if (it->internal && it->label && it->label[0])
        return bad(in, WT_RPC_INVALID, "Internal addresses should not have a label");
    if (!it->desc &&
        (it->active || json_object_get(o, "range") || json_object_get(o, "next_index")))
        return bad(in, WT_RPC_INVALID, "active, range and next_index are for descriptors");
    return read_time(in, o, it) && read_range(in, o, it);
}

/* "TXID:N", or {"txid": ..., "vout": n}. */
bool wt_outpoint_read(const json_t *v, qn_mempool_outpoint *out)
{
    const char *text = json_string_value(v);
    if (json_is_object(v)) {
        text = json_string_value(json_object_get(v, "txid"));
        return text && qn_hex_decode_reversed(text, strlen(text), out->txid.b, 32) &&
               index_of(json_object_get(v, "vout"), UINT32_MAX - 1, &out->n);
    }
    if (!text || strlen(text) < 66 || text[64] != ':' ||
        !qn_hex_decode_reversed(text, 64, out->txid.b, 32))
        return false;
    const char *digits = text + 65;
    size_t n = strlen(digits);
    if (n > 9 || strspn(digits, "0123456789") != n)
        return false;
    out->n = (uint32_t)strtoul(digits, NULL, 10);
    return true;
}
