/* What a miner asks: rules, long poll, proposal (BIP22, BIP23, BIP9). */
#include "plugins/gbt/gbt.h"

#include "lib/hex.h"

#define RULES_MAX 256u
#define HEX_LONG 4096u /* digits: fewer are not worth it */
#define LEFT_OUT "left out"
#define GB_MARGIN 5000u /* ms before a request's deadline at which a poll is answered */

/* ---- parameters ---- */

/* A block is nearly all of the text that it comes in. It stands first, or is the "data" of an
 * object; the host writes JSON without spaces, and what is written otherwise is read as it is. */
static bool find_hex(const char *params, uint32_t len, gb_params *out)
{
    static const char key[] = "\"data\":\"";
    const char *at = len > 2 && memcmp(params, "[\"", 2) == 0 ? params : NULL;
    at = at ? at + 2 : memmem(params, len, key, sizeof key - 1);
    if (!at)
        return false;
    at += at == params + 2 ? 0 : sizeof key - 1;
    const char *end = memchr(at, '"', (size_t)(params + len - at));
    if (!end || (size_t)(end - at) < HEX_LONG || memchr(at, '\\', (size_t)(end - at)))
        return false;
    out->hex = at;
    out->n_hex = (size_t)(end - at);
    return true;
}

/* The same with a text in its place that is no hex digits. */
static json_t *load_without_hex(const char *params, uint32_t len, const gb_params *p)
{
    const size_t before = (size_t)(p->hex - params), after = len - before - p->n_hex;
    char *text = malloc(before + sizeof LEFT_OUT + after);
    if (!text)
        return NULL;
    memcpy(text, params, before);
    memcpy(text + before, LEFT_OUT, sizeof LEFT_OUT - 1);
    memcpy(text + before + sizeof LEFT_OUT - 1, p->hex + p->n_hex, after);
    json_t *a = json_loadb(text, before + sizeof LEFT_OUT - 1 + after, 0, NULL);
    free(text);
    return a;
}

bool gb_params_read(const gb *g, uint64_t request, const char *params, uint32_t len, gb_params *out)
{
    *out = (gb_params){.hex = NULL};
    json_t *a = find_hex(params, len, out) ? load_without_hex(params, len, out)
                                           : json_loadb(params, len, 0, NULL);
    if (json_is_array(a)) {
        out->array = a;
        return true;
    }
    json_decref(a);
    gb_fail(g, request, GB_PARAMETER, "Parameters must be an array");
    return false;
}

const char *gb_params_text(const gb_params *p, const json_t *v, size_t *len)
{
    const char *text = json_string_value(v);
    *len = json_string_length(v);
    if (!text || !p->hex || strcmp(text, LEFT_OUT) != 0)
        return text;
    *len = p->n_hex;
    return p->hex;
}

/* ---- templates and proposals ---- */

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        return "null";
    }
    return "unknown";
}

static bool wrong_type(const gb *g, uint64_t request, const json_t *v, const char *want)
{
    gb_fail(g, request, GB_TYPE, "JSON value of type %s is not of expected type %s", type_name(v),
            want);
    return false;
}

/* Pointers and texts in one block, which outlives the request. */
static bool read_rules(const gb *g, const json_t *rules, gb_poll *p)
{
    size_t n = json_is_array(rules) ? json_array_size(rules) : 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(rules, i);
        if (!json_is_string(v))
            return wrong_type(g, p->request, v, "string");
        bytes += json_string_length(v) + 1;
    }
    p->rule = n <= RULES_MAX ? malloc((n + 1) * sizeof *p->rule + bytes) : NULL;
    if (!p->rule) {
        gb_fail(g, p->request, n <= RULES_MAX ? GB_NOMEM : GB_PARAMETER, "Too many rules");
        return false;
    }
    char *text = (char *)(p->rule + n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(rules, i);
        p->rule[i] = memcpy(text, json_string_value(v), json_string_length(v) + 1);
        text += json_string_length(v) + 1;
    }
    p->n_rules = n;
    return true;
}

/* Work on a real chain is only for who has peers and the newest blocks. */
static bool may_mine(const gb *g, uint64_t request, qn_mining_info *info)
{
    *info = (qn_mining_info){.size = sizeof *info};
    qn_status st = g->mining->info(g->mining_cap, info);
    if (st != QN_OK) {
        gb_fail_status(g, request, st, "Cannot ask the node");
        return false;
    }
    if (info->flags & QN_MINING_INFO_TEST_CHAIN)
        return true;
    if (!info->peers)
        gb_fail(g, request, GB_NOT_CONNECTED, "Quoin is not connected!");
    else if (info->flags & QN_MINING_INFO_INITIAL_DOWNLOAD)
        gb_fail(g, request, GB_DOWNLOADING, "Quoin is in initial sync and waiting for blocks...");
    else
        return true;
    return false;
}

static bool read_longpollid(const gb *g, const json_t *id, const qn_mining_info *now, gb_poll *p)
{
    if (!json_is_string(id)) { /* BIP22 does not say; it is taken as the tip of now */
        p->tip = now->tip.hash;
        p->updates = g->t.have ? g->t.v.updates : now->updates;
        return true;
    }
    const char *text = json_string_value(id);
    size_t len = strlen(text);
    if (len < 64) {
        gb_fail(g, p->request, GB_PARAMETER, "longpollid must be of length 64 (not %zu, for '%s')",
                len, text);
        return false;
    }
    if (!qn_hex_decode_reversed(text, 64, p->tip.b, 32)) {
        gb_fail(g, p->request, GB_PARAMETER, "longpollid must be hexadecimal string (not '%.64s')",
                text);
        return false;
    }
    long long n = strtoll(text + 64, NULL, 10);
    p->updates = n > 0 ? (uint64_t)n : 0;
    return true;
}

static void serve(gb *g, const json_t *request, gb_poll *p, bool is_template)
{
    const json_t *id = json_object_get(request, "longpollid");
    bool poll = id && !json_is_null(id);
    qn_mining_info now;
    bool ok = read_rules(g, json_object_get(request, "rules"), p);
    if (ok && !is_template) {
        gb_fail(g, p->request, GB_PARAMETER, "Invalid mode");
        ok = false;
    }
    ok = ok && may_mine(g, p->request, &now) && (!poll || read_longpollid(g, id, &now, p));
    if (ok && poll) {
        gb_poll_add(g, p);
        return;
    }
    if (ok) {
        const qn_gbt_client client = {p->rule, p->n_rules};
        gb_answer(g, p->request, &client, p->light);
    }
    free(p->rule);
}

static void with_mode(gb *g, const gb_params *params, const json_t *request, gb_poll *p)
{
    const json_t *mode = json_object_get(request, "mode");
    const char *name = json_string_value(mode);
    if (mode && !name && !json_is_null(mode))
        gb_fail(g, p->request, GB_PARAMETER, "Invalid mode");
    else if (name && strcmp(name, "proposal") == 0)
        gb_propose(g, p->request, params, json_object_get(request, "data"));
    else
        serve(g, request, p, !name || strcmp(name, "template") == 0);
}

static void on_call(gb *g, const qn_rpc_request *r, const char *params, uint32_t len, bool light)
{
    const uint64_t request = r->request;
    const uint64_t left =
        r->timeout_ms > 2 * GB_MARGIN ? r->timeout_ms - GB_MARGIN : r->timeout_ms / 2;
    gb_poll p = {.request = request, .light = light, .until = g->host->now_ms(g->cap) + left};
    gb_params a;
    if (!gb_params_read(g, request, params, len, &a))
        return;
    const json_t *what = json_array_get(a.array, 0);
    if (!what || json_is_null(what))
        gb_fail(g, request, GB_MISC,
                "%s {\"mode\":\"str\",\"capabilities\":[\"str\",...],"
                "\"rules\":[\"segwit\",\"str\",...],\"longpollid\":\"str\","
                "\"data\":\"hex\"}",
                light ? "gbt.light" : "getblocktemplate");
    else if (!json_is_object(what))
        (void)wrong_type(g, request, what, "object");
    else
        with_mode(g, &a, what, &p);
    json_decref(a.array);
}

void gb_on_template(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    on_call(arg, r, params, len, false);
}

void gb_on_template_light(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    on_call(arg, r, params, len, true);
}
