/* What miners have found: whole blocks, solutions of templates, and proposals (BIP22, BIP23). */
#include "plugins/gbt/gbt.h"

#include "lib/hex.h"
#include "lib/mining.h"
#include "lib/tx.h"

#define BLOCK_MAX 16000000u /* as mining.submit takes it; the node says what is wrong with it */
#define COINBASE_MAX 1000000u
#define LATE_MS 100u
#define LATE_TRIES 12u

/* Bytes of hex digits. Out: owned, free(). NULL: they are none, or more than `max`. */
static uint8_t *decode(const char *hex, size_t digits, uint32_t max, uint32_t *len)
{
    uint8_t *bytes = digits / 2 <= max ? malloc(digits / 2 + 1) : NULL;
    if (!bytes || !digits || !qn_hex_decode(hex, digits, bytes, digits / 2)) {
        free(bytes);
        return NULL;
    }
    *len = (uint32_t)(digits / 2);
    return bytes;
}

/* null, or why not, as BIP22 has it. */
static void say(const gb *g, uint64_t request, const qn_mining_result *r)
{
    qn_json j = {0};
    if (r->is == QN_BLOCK_IS_ACCEPTED)
        qn_json_raw(&j, "null", 4);
    else
        qn_json_text(&j, NULL, r->reason[0] ? r->reason : "rejected");
    gb_send(g, request, &j);
}

static void finish(const gb *g, uint64_t request, qn_status st, const qn_mining_result *r)
{
    if (st == QN_OK)
        say(g, request, r);
    else if (st == QN_E_INVAL)
        gb_fail(g, request, GB_DECODE, "Block decode failed");
    else
        gb_fail_status(g, request, st, "Cannot process the block");
}

/* ---- blocks ---- */

static void drop(gb *g, gb_late *l)
{
    if (l->proposal) {
        g->unanswered--;
        g->unanswered_bytes -= l->len;
    }
    free(l->block);
}

/* Bytes of the block that these begin with; 0: none. */
static uint32_t block_len(const uint8_t *bytes, uint32_t len)
{
    size_t at = QN_HEADER_LEN;
    uint64_t n;
    qn_tx_view tx;
    if (len < at || !qn_compact_read(bytes, len, &at, &n))
        return 0;
    for (; n; n--, at += tx.len)
        if (!qn_tx_read(bytes + at, len - at, &tx))
            return 0;
    return (uint32_t)at;
}

static qn_status offer_it(const gb *g, const gb_late *l, uint32_t len, qn_mining_result *r)
{
    *r = (qn_mining_result){.size = sizeof *r};
    return l->proposal ? g->check->block(g->check_cap, l->block, len, QN_CHECK_NO_POW, r)
                       : g->submit->block(g->submit_cap, l->block, len, QN_BLOCK_ADD_WITNESS, r);
}

/* bitcoind takes a block whatever follows it: nothing that was found is lost for that. */
static qn_status offer(const gb *g, const gb_late *l, qn_mining_result *r)
{
    qn_status st = offer_it(g, l, l->len, r);
    uint32_t len = st == QN_E_INVAL ? block_len(l->block, l->len) : 0;
    return len && len < l->len ? offer_it(g, l, len, r) : st;
}

static void on_late(void *arg);

/* One timer for all. */
static qn_status wait_a_little(gb *g)
{
    if (!g->n_late || g->late_timer)
        return QN_OK;
    return g->host->timer_set(g->cap, LATE_MS, on_late, g, &g->late_timer);
}

static void end_late(gb *g, qn_status st)
{
    const qn_mining_result none = {.size = sizeof none};
    while (g->n_late) {
        gb_late *l = &g->late[--g->n_late];
        finish(g, l->request, st, &none);
        drop(g, l);
    }
}

static void on_late(void *arg)
{
    gb *g = arg;
    uint32_t n = 0;
    qn_mining_result r;
    g->late_timer = 0;
    for (uint32_t i = 0; i < g->n_late; i++) {
        gb_late l = g->late[i];
        qn_status st = offer(g, &l, &r);
        if (st == QN_E_BUSY && --l.tries) {
            g->late[n++] = l;
            continue;
        }
        finish(g, l.request, st, &r);
        drop(g, &l);
    }
    g->n_late = n;
    qn_status st = wait_a_little(g);
    if (st != QN_OK)
        end_late(g, QN_E_BUSY);
}

/* l->block is taken; NULL: it is none. */
static void take_block(gb *g, gb_late l)
{
    qn_mining_result r = {.size = sizeof r};
    qn_status st = l.block ? offer(g, &l, &r) : QN_E_INVAL;
    if (st == QN_E_BUSY && g->n_late < GB_LATE) {
        l.tries = LATE_TRIES;
        g->late[g->n_late++] = l;
        if (wait_a_little(g) != QN_OK)
            end_late(g, st);
        return;
    }
    finish(g, l.request, st, &r);
    drop(g, &l);
}

void gb_on_block(void *arg, const qn_rpc_request *req, const char *params, uint32_t params_len)
{
    gb *g = arg;
    gb_late l = {.request = req->request};
    gb_params p;
    size_t digits;
    if (!gb_params_read(g, req->request, params, params_len, &p))
        return;
    const char *hex = gb_params_text(&p, json_array_get(p.array, 0), &digits);
    if (!hex) {
        gb_fail(g, req->request, GB_MISC, "submitblock \"hexdata\" ( \"dummy\" )");
    } else {
        l.block = decode(hex, digits, BLOCK_MAX, &l.len);
        take_block(g, l);
    }
    json_decref(p.array);
}

/* ---- proposals ---- */

static gb_late next_proposal(gb *g)
{
    gb_late l = g->proposal[0];
    memmove(g->proposal, g->proposal + 1, --g->n_proposals * sizeof *g->proposal);
    return l;
}

/* One at a time: a block that was found meanwhile is not to wait for all of them. */
static void on_proposal(void *arg)
{
    gb *g = arg;
    if (!g->n_proposals)
        return;
    take_block(g, next_proposal(g));
    while (g->n_proposals && g->host->post(g->cap, on_proposal, g) != QN_OK)
        take_block(g, next_proposal(g));
}

/* l.block is taken. */
static void put_off(gb *g, gb_late l)
{
    g->proposal[g->n_proposals++] = l;
    g->unanswered++;
    g->unanswered_bytes += l.len;
    if (g->n_proposals == 1 && g->host->post(g->cap, on_proposal, g) != QN_OK)
        take_block(g, next_proposal(g));
}

void gb_propose(gb *g, uint64_t request, const gb_params *p, const json_t *data)
{
    gb_late l = {.request = request, .proposal = true};
    const qn_mining_result none = {.size = sizeof none};
    size_t digits;
    const char *hex = gb_params_text(p, data, &digits);
    if (!hex) {
        gb_fail(g, request, GB_TYPE, "Missing data String key for proposal");
        return;
    }
    const bool room = !g->unanswered || (g->unanswered < GB_PROPOSALS &&
                                         g->unanswered_bytes + digits / 2 <= GB_PROPOSAL_BYTES);
    l.block = room ? decode(hex, digits, BLOCK_MAX, &l.len) : NULL;
    if (l.block)
        put_off(g, l);
    else
        finish(g, request, room ? QN_E_INVAL : QN_E_BUSY, &none);
}

/* ---- the end ---- */

void gb_late_end(gb *g)
{
    const qn_mining_result none = {.size = sizeof none};
    while (g->n_proposals) {
        gb_late l = next_proposal(g);
        finish(g, l.request, QN_E_BUSY, &none);
        drop(g, &l);
    }
    if (g->late_timer)
        (void)g->host->timer_cancel(g->cap, g->late_timer);
    g->late_timer = 0;
    end_late(g, QN_E_BUSY);
}

/* ---- the light variant ---- */

typedef struct solution {
    uint64_t id;
    qn_mining_solution s;
    uint8_t *coinbase; /* owned */
    uint32_t len;
} solution;

static bool number(const json_t *o, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const json_t *v = json_object_get(o, name);
    *out = json_integer_value(v);
    return json_is_integer(v) && *out >= min && *out <= max;
}

static bool read_solution(const json_t *o, solution *s)
{
    int64_t version, time, nonce;
    char *end = NULL;
    const char *id = json_string_value(json_object_get(o, "template")),
               *hex = json_string_value(json_object_get(o, "coinbase"));
    if (!id || !hex || *id < '0' || *id > '9' ||
        !number(o, "version", INT32_MIN, UINT32_MAX, &version) ||
        !number(o, "time", 0, UINT32_MAX, &time) || !number(o, "nonce", 0, UINT32_MAX, &nonce))
        return false;
    s->id = strtoull(id, &end, 10);
    s->s = (qn_mining_solution){.size = sizeof s->s,
                                .version = (int32_t)(uint32_t)version,
                                .time = (uint32_t)time,
                                .nonce = (uint32_t)nonce};
    s->coinbase = decode(hex, strlen(hex), COINBASE_MAX, &s->len);
    return !*end && s->coinbase;
}

/* As for submitblock, a coinbase may come without its witness: who hashes needs none. Before segwit
 * is active it must have none, which the block is refused for but not marked by. */
static qn_status solve(const gb *g, const solution *s, qn_mining_result *r)
{
    static const uint8_t zero[32];
    size_t cap = (size_t)s->len + 64, len = 0;
    uint8_t *whole = malloc(cap);
    qn_status st = QN_OK;
    if (whole)
        len = qn_coinbase_add_witness(s->coinbase, s->len, zero, whole, cap);
    if (len)
        st = g->submit->solution_by_id(g->submit_cap, s->id, &s->s, whole, (uint32_t)len, r);
    free(whole);
    if (len && (st != QN_OK || r->is == QN_BLOCK_IS_ACCEPTED ||
                strcmp(r->reason, "unexpected-witness") != 0))
        return st;
    return g->submit->solution_by_id(g->submit_cap, s->id, &s->s, s->coinbase, s->len, r);
}

void gb_on_solution(void *arg, const qn_rpc_request *req, const char *params, uint32_t params_len)
{
    const gb *g = arg;
    solution s = {.id = 0};
    qn_mining_result r = {.size = sizeof r};
    gb_params p;
    if (!gb_params_read(g, req->request, params, params_len, &p))
        return;
    if (!read_solution(json_array_get(p.array, 0), &s)) {
        gb_fail(g, req->request, GB_PARAMETER,
                "wanted: {\"template\":\"id\",\"version\":n,\"time\":n,\"nonce\":n,"
                "\"coinbase\":\"hex\"}");
    } else {
        qn_status st = solve(g, &s, &r);
        if (st == QN_E_NOTFOUND)
            gb_fail(g, req->request, GB_PARAMETER, "No template of this id was given out");
        else
            finish(g, req->request, st, &r);
    }
    free(s.coinbase);
    json_decref(p.array);
}
