/* A plugin that behaves and uses all that there is about mining: it does what good.do is told, in
 * words, and answers in JSON, so that both modes can be compared. */
#define QN_ALLOW_UNSTABLE
#include "quoin/mining_check.h"
#include "quoin/mining_submit.h"
#include "quoin/mining_template_unstable.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"org.quoin.test.plugin\",\"version\":\"1.0.0\","
                   "\"requires\":[\"rpc.serve/1\"],\"optional\":[\"mining.template/1\","
                   "\"mining.template.unstable/1\",\"mining.submit/1\",\"mining.check/1\"]}");

#define TXS 4096
#define RAW 200000

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap, *rpc_cap, *mining_cap, *trial_cap, *submit_cap, *check_cap;
    const qn_rpc_serve_1 *rpc;
    const qn_mining_template_1 *mining;
    const qn_mining_template_unstable_1 *trial;
    const qn_mining_submit_1 *submit;
    const qn_mining_check_1 *check;
    qn_mining_options options;
    qn_mining_throttle throttle;
    int64_t ready[64]; /* statuses of on_ready */
    uint32_t n_ready;
    int64_t last_ms; /* machine's clock at the last on_ready */
    qn_template_tx tx[TXS];
    qn_template_place place[TXS];
    uint8_t raw[RAW];
} state;

/* ---- saying ---- */

static void say_view(qn_json *j, const qn_template_view *v)
{
    qn_json_int(j, "id", (int64_t)v->id);
    qn_json_int(j, "kind", v->kind);
    qn_json_int(j, "why", v->why);
    qn_json_int(j, "flags", v->flags);
    qn_json_int(j, "height", v->height);
    qn_json_int(j, "n_tx", v->n_tx);
    qn_json_int(j, "fees", v->fees);
    qn_json_int(j, "reward", v->reward);
    qn_json_int(j, "weight", v->weight);
    qn_json_int(j, "bits", v->bits);
    qn_json_int(j, "path", v->n_path);
    qn_json_int(j, "t_tip", (int64_t)v->t_tip_ns);
    qn_json_int(j, "t_built", (int64_t)v->t_built_ns);
    qn_json_hex(j, "prev", &v->prev, 32, 1);
}

static void say_result(qn_json *j, const qn_mining_result *r)
{
    qn_json_int(j, "is", r->is);
    qn_json_text(j, "reason", r->reason);
    qn_json_hex(j, "hash", &r->hash, 32, 1);
}

/* Hex behind the last space. */
static uint32_t bytes_of(const char *text, uint8_t *out, uint32_t max)
{
    const char *p = strrchr(text, ' ');
    uint32_t n = 0;
    unsigned x;
    for (p = p ? p + 1 : ""; n < max && sscanf(p, "%2x", &x) == 1 && *p != '"'; p += 2)
        out[n++] = (uint8_t)x;
    return n;
}

/* ---- coinbases ---- */

static uint32_t put(uint8_t *to, uint32_t at, const void *bytes, uint32_t n)
{
    memcpy(to + at, bytes, n);
    return at + n;
}

static uint32_t put_le(uint8_t *to, uint32_t at, uint64_t v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[at++] = (uint8_t)(v >> 8 * i);
    return at;
}

/* To a script that anybody can spend; `extra` makes it another. */
static uint32_t coinbase(const qn_template_view *v, uint32_t extra, int witness, int64_t more,
                         uint8_t *to)
{
    static const uint8_t in[37] = {1, [33] = 0xff, 0xff, 0xff, 0xff};
    uint32_t n = put_le(to, 0, v->coinbase_version, 4);
    if (witness)
        n = put(to, n, "\x00\x01", 2);
    n = put(to, n, in, sizeof in);
    n = put_le(to, n, v->coinbase_prefix_len + 4u, 1);
    n = put(to, n, v->coinbase_prefix, v->coinbase_prefix_len);
    n = put_le(to, n, extra, 4);
    n = put_le(to, n, v->coinbase_sequence, 4);
    n = put_le(to, n, v->n_coinbase_outputs + 1u, 1);
    n = put_le(to, n, (uint64_t)(v->reward + more), 8);
    n = put(to, n, "\x01\x51", 2);
    n = put(to, n, v->coinbase_outputs, v->coinbase_outputs_len);
    if (witness) {
        n = put(to, n, "\x01\x20", 2);
        n = put(to, n, v->coinbase_witness, 32);
    }
    return put_le(to, n, v->coinbase_locktime, 4);
}

/* solve ID held|kept EXTRA WITNESS MORE: nonces until the hash will do. The view of a template that
 * is not held any more is what `raw` has kept of it. */
static void do_solve(state *s, const char *words, qn_json *j)
{
    unsigned long long id;
    char how[8];
    unsigned extra, witness;
    long more;
    uint8_t cb[600];
    static qn_template_view last;
    qn_template_view v = {.size = sizeof v};
    if (sscanf(words, "%llu %7s %u %u %ld", &id, how, &extra, &witness, &more) != 5)
        return;
    if (s->mining->view(s->mining_cap, id, &v) == QN_OK)
        last = v;
    uint32_t len = coinbase(&last, extra, (int)witness, more, cb);
    qn_mining_solution x = {.size = sizeof x, .version = last.version, .time = last.cur_time};
    qn_mining_result r;
    qn_status st;
    do {
        QN_INIT(&r);
        st = strcmp(how, "held") == 0
                 ? s->submit->solution(s->submit_cap, id, &x, cb, len, &r)
                 : s->submit->solution_by_id(s->submit_cap, id, &x, cb, len, &r);
    } while (st == QN_OK && strcmp(r.reason, "high-hash") == 0 && ++x.nonce < 300);
    qn_json_int(j, "status", st);
    say_result(j, &r);
}

/* raw ID VERSION TIME HEX: a solution with this coinbase, whatever was given to whom. */
static void do_raw(state *s, const char *words, qn_json *j)
{
    unsigned long long id;
    long version;
    unsigned time;
    qn_mining_result r = {.size = sizeof r};
    uint32_t n = bytes_of(words, s->raw, RAW);
    if (sscanf(words, "%llu %ld %u", &id, &version, &time) != 3)
        return;
    qn_mining_solution x = {.size = sizeof x, .version = (int32_t)version, .time = time};
    qn_status st;
    do {
        QN_INIT(&r);
        st = s->submit->solution_by_id(s->submit_cap, id, &x, s->raw, n, &r);
    } while (st == QN_OK && strcmp(r.reason, "high-hash") == 0 && ++x.nonce < 300);
    qn_json_int(j, "status", st);
    say_result(j, &r);
}

/* ---- subscriptions ---- */

static void on_ready(void *arg, uint64_t id, int32_t status)
{
    state *s = arg;
    (void)id;
    if (s->n_ready < 64)
        s->ready[s->n_ready++] = status;
    s->last_ms = (int64_t)s->host->now_ms(s->cap);
}

/* drain SUB release|keep: all that is there; the last status is what ended it. */
static void do_drain(state *s, const char *words, qn_json *j)
{
    unsigned long long id;
    char how[8];
    qn_status st = QN_E_INVAL;
    qn_template_view v = {.size = sizeof v};
    if (sscanf(words, "%llu %7s", &id, how) != 2)
        return;
    qn_json_open(j, "templates", '[');
    while ((st = s->mining->next(s->mining_cap, id, &v)) == QN_OK) {
        qn_json_open(j, NULL, '{');
        say_view(j, &v);
        qn_json_close(j, '}');
        if (strcmp(how, "release") == 0)
            s->mining->release(s->mining_cap, v.id);
    }
    qn_json_close(j, ']');
    qn_json_int(j, "status", st);
}

static void do_ready(state *s, const char *words, qn_json *j)
{
    (void)words;
    qn_json_open(j, "ready", '[');
    for (uint32_t i = 0; i < s->n_ready; i++)
        qn_json_int(j, NULL, s->ready[i]);
    qn_json_close(j, ']');
    s->n_ready = 0;
}

/* opt RESERVED SIGOPS MAX FEERATE FLAGS, each -1: not given. throttle MS DELTA FLAGS as well. */
static void do_opt(state *s, const char *words, qn_json *j)
{
    long long o[5];
    if (sscanf(words, "%lld %lld %lld %lld %lld", &o[0], &o[1], &o[2], &o[3], &o[4]) != 5)
        return;
    QN_INIT(&s->options);
    s->options.set =
        (o[0] >= 0) | (o[1] >= 0) << 1 | (o[2] >= 0) << 2 | (o[4] >= 0) << 3 | (o[3] >= 0) << 4;
    s->options.reserved_weight = (uint32_t)o[0];
    s->options.reserved_sigops = (uint32_t)o[1];
    s->options.max_weight = (uint32_t)o[2];
    s->options.min_feerate = o[3];
    s->options.flags = (uint32_t)o[4];
    qn_json_int(j, "set", s->options.set);
}

static void do_throttle(state *s, const char *words, qn_json *j)
{
    long long t[3];
    if (sscanf(words, "%lld %lld %lld", &t[0], &t[1], &t[2]) != 3)
        return;
    QN_INIT(&s->throttle);
    s->throttle.set = 7;
    s->throttle.min_interval_ms = (uint32_t)t[0];
    s->throttle.fee_delta = t[1];
    s->throttle.flags = (uint32_t)t[2];
    qn_json_int(j, "set", s->throttle.set);
}

static void do_open(state *s, const char *words, qn_json *j)
{
    uint64_t id = 0;
    (void)words;
    qn_json_int(j, "status",
                s->mining->open(s->mining_cap, &s->options, &s->throttle, on_ready, s, &id));
    qn_json_int(j, "sub", (int64_t)id);
}

/* close|cancel|reconf|wait SUB [MS] */
static void do_sub(state *s, const char *words, qn_json *j)
{
    char what[8];
    unsigned long long id;
    unsigned ms = 0;
    qn_status st = QN_E_INVAL;
    if (sscanf(words, "%7s %llu %u", what, &id, &ms) < 2)
        return;
    if (strcmp(what, "close") == 0)
        st = s->mining->close(s->mining_cap, id);
    if (strcmp(what, "cancel") == 0)
        st = s->mining->cancel(s->mining_cap, id);
    if (strcmp(what, "reconf") == 0)
        st = s->mining->reconfigure(s->mining_cap, id, &s->options, &s->throttle);
    if (strcmp(what, "wait") == 0)
        st = s->mining->wait(s->mining_cap, id, ms);
    qn_json_int(j, "status", st);
}

/* storm SUB N: reconfigure so often, as fast as it goes. */
static void do_storm(state *s, const char *words, qn_json *j)
{
    unsigned long long id;
    unsigned n, ok = 0, busy = 0;
    if (sscanf(words, "%llu %u", &id, &n) != 2)
        return;
    for (; n; n--) {
        qn_status st = s->mining->reconfigure(s->mining_cap, id, &s->options, &s->throttle);
        ok += st == QN_OK;
        busy += st == QN_E_BUSY;
    }
    qn_json_int(j, "ok", ok);
    qn_json_int(j, "busy", busy);
}

/* flood N HEX: the block so often, with room for nothing but the result's size. */
static void do_flood(state *s, const char *words, qn_json *j)
{
    unsigned n = (unsigned)strtoul(words, NULL, 10), ok = 0, busy = 0;
    uint32_t len = bytes_of(words, s->raw, RAW);
    for (; n; n--) {
        qn_mining_result r = {.size = sizeof r.size};
        qn_status st = s->submit->block(s->submit_cap, s->raw, len, 0, &r);
        ok += st == QN_OK;
        busy += st == QN_E_BUSY;
    }
    qn_json_int(j, "ok", ok);
    qn_json_int(j, "busy", busy);
}

/* junk N: ask so often about two megabytes that are no block. */
static void do_junk(state *s, const char *words, qn_json *j)
{
    const uint32_t len = 2000000;
    uint8_t *raw = calloc(1, len);
    unsigned invalid = 0, busy = 0;
    for (unsigned n = (unsigned)strtoul(words, NULL, 10); raw && n; n--) {
        qn_mining_result r = {.size = sizeof r};
        qn_status st = s->check->block(s->check_cap, raw, len, 0, &r);
        invalid += st == QN_E_INVAL;
        busy += st == QN_E_BUSY;
    }
    qn_json_int(j, "invalid", invalid);
    qn_json_int(j, "busy", busy);
    free(raw);
}

/* ahead N: change the priority of so many that nobody knows. */
static void do_ahead(state *s, const char *words, qn_json *j)
{
    static qn_mining_delta d[100];
    unsigned n = (unsigned)strtoul(words, NULL, 10);
    for (unsigned i = 0; i < n && i < 100; i++) {
        memset(d[i].txid.b, (int)i + 1, 32);
        d[i].delta = 1;
    }
    qn_json_int(j, "status", s->trial->prioritise(s->trial_cap, d, n));
    qn_json_int(j, "again", s->trial->prioritise(s->trial_cap, d, n));
}

/* ---- templates ---- */

static void do_create(state *s, const char *words, qn_json *j)
{
    qn_template_view v = {.size = sizeof v};
    (void)words;
    qn_json_int(j, "status", s->mining->create(s->mining_cap, &s->options, &v));
    say_view(j, &v);
}

static void do_release(state *s, const char *words, qn_json *j)
{
    qn_json_int(j, "status", s->mining->release(s->mining_cap, strtoull(words, NULL, 10)));
}

static void do_view(state *s, const char *words, qn_json *j)
{
    qn_template_view v = {.size = sizeof v};
    qn_json_int(j, "status", s->mining->view(s->mining_cap, strtoull(words, NULL, 10), &v));
    say_view(j, &v);
}

/* All that is in one: transactions with their places, and their bytes. */
static void do_all(state *s, const char *words, qn_json *j)
{
    uint64_t id = strtoull(words, NULL, 10);
    uint32_t n = 0, places = 0, bytes = 0, more = 0, time = 0, bits = 0;
    qn_template_view v = {.size = sizeof v};
    qn_template_rule rule[8];
    qn_json_int(j, "status", s->mining->view(s->mining_cap, id, &v));
    qn_json_int(j, "list", s->mining->transactions(s->mining_cap, id, s->tx, TXS, &n));
    qn_json_int(j, "short",
                n ? s->mining->transactions(s->mining_cap, id, s->tx, n - 1, &more) : 0);
    qn_json_int(j, "depends", s->mining->depends(s->mining_cap, id, s->place, TXS, &places));
    qn_json_int(j, "bytes_status",
                s->mining->bytes(s->mining_cap, id, 0, v.tx_bytes, s->raw, RAW, &bytes));
    qn_json_int(j, "past", s->mining->bytes(s->mining_cap, id, 1, v.tx_bytes, s->raw, RAW, &more));
    qn_json_int(j, "rules", s->mining->rules(s->mining_cap, id, rule, 8, &more));
    qn_json_int(j, "now", s->mining->now(s->mining_cap, id, &time, &bits));
    qn_json_int(j, "bits", bits);
    qn_json_open(j, "txs", '[');
    for (uint32_t i = 0; i < n && i < TXS; i++) {
        const qn_template_tx *t = &s->tx[i];
        qn_json_hex(j, NULL, &t->txid, 32, 1);
        qn_json_int(j, NULL, t->fee);
        qn_json_int(j, NULL, t->weight);
        qn_json_int(j, NULL, t->len);
        for (uint32_t k = 0; k < t->n_depends; k++)
            qn_json_int(j, NULL, -(int64_t)s->place[t->depend + k].place);
    }
    qn_json_close(j, ']');
    qn_json_hex(j, "bytes", s->raw, bytes, 0);
}

static void do_info(state *s, const char *words, qn_json *j)
{
    qn_mining_info i = {.size = sizeof i};
    uint32_t n = 0;
    (void)words;
    qn_json_int(j, "status", s->mining->info(s->mining_cap, &i));
    qn_json_int(j, "flags", i.flags);
    qn_json_int(j, "height", i.tip.height);
    qn_json_int(j, "bits", i.bits);
    qn_json_int(j, "reserved", i.reserved_weight);
    qn_json_int(j, "challenge", s->mining->challenge(s->mining_cap, s->raw, RAW, &n));
    qn_json_hex(j, "script", s->raw, n, 0);
}

/* ---- blocks ---- */

/* block FLAGS HEX, check FLAGS HEX */
static void do_block(state *s, const char *words, qn_json *j)
{
    unsigned flags = (unsigned)strtoul(words, NULL, 10);
    uint32_t n = bytes_of(words, s->raw, RAW);
    qn_mining_result r = {.size = sizeof r};
    qn_json_int(j, "status",
                s->submit ? s->submit->block(s->submit_cap, s->raw, n, flags, &r) : QN_E_DENIED);
    say_result(j, &r);
}

static void do_check(state *s, const char *words, qn_json *j)
{
    unsigned flags = (unsigned)strtoul(words, NULL, 10);
    uint32_t n = bytes_of(words, s->raw, RAW);
    qn_mining_result r = {.size = sizeof r};
    qn_json_int(j, "status", s->check->block(s->check_cap, s->raw, n, flags, &r));
    say_result(j, &r);
}

/* ---- on trial ---- */

/* with AGE SPACE FLAGS DELTA TXID */
static void do_with(state *s, const char *words, qn_json *j)
{
    qn_mining_overlay o = {.size = sizeof o};
    qn_mining_change c = {.flags = 0};
    qn_template_view v = {.size = sizeof v};
    long long delta = 0;
    sscanf(words, "%u %u %u %lld", &o.min_age_ms, &o.reserved_space, &c.flags, &delta);
    c.delta = delta;
    bytes_of(words, c.txid.b, 32);
    qn_json_int(j, "status", s->trial->create_with(s->trial_cap, &s->options, &o, &c, 1, &v));
    say_view(j, &v);
}

static void do_on(state *s, const char *words, qn_json *j)
{
    qn_template_view v = {.size = sizeof v};
    qn_json_int(j, "status",
                s->trial->create_on(s->trial_cap, strtoull(words, NULL, 10), &s->options, &v));
    say_view(j, &v);
}

/* trial view of the same ids: the stable part of the unstable table */
static void do_tcreate(state *s, const char *words, qn_json *j)
{
    qn_template_view v = {.size = sizeof v};
    (void)words;
    qn_json_int(j, "status", s->trial->stable.create(s->trial_cap, &s->options, &v));
    say_view(j, &v);
}

static void do_chunks(state *s, const char *words, qn_json *j)
{
    qn_mining_chunk c[64], d[64];
    uint32_t n = 0, m = 0;
    qn_json_int(j, "status", s->trial->chunks(s->trial_cap, strtoull(words, NULL, 10), c, 64, &n));
    qn_json_int(j, "diagram", s->trial->diagram(s->trial_cap, d, 64, &m));
    qn_json_int(j, "n", n);
    qn_json_int(j, "m", m);
    qn_json_open(j, "chunks", '[');
    for (uint32_t i = 0; i < n && i < 64; i++) {
        qn_json_int(j, NULL, c[i].fee);
        qn_json_int(j, NULL, c[i].first);
        qn_json_int(j, NULL, i < m ? d[i].fee : -1);
    }
    qn_json_close(j, ']');
}

static void do_lookup(state *s, const char *words, qn_json *j)
{
    qn_hash id[2] = {{{0}}};
    qn_mining_found f[2];
    uint32_t n = 0, need = 0;
    bytes_of(words, id[0].b, 32);
    qn_json_int(j, "room", s->trial->lookup(s->trial_cap, id, 2, f, NULL, 0, &need));
    qn_json_int(j, "need", need);
    qn_json_int(j, "status", s->trial->lookup(s->trial_cap, id, 2, f, s->raw, RAW, &n));
    qn_json_int(j, "first", f[0].status);
    qn_json_int(j, "second", f[1].status);
    qn_json_hex(j, "bytes", s->raw, n, 0);
}

/* set PREV+WTXIDS: declare, say what is missing. add SET HEX: one transaction. */
static void do_set(state *s, const char *words, qn_json *j)
{
    uint32_t n = bytes_of(words, s->raw, RAW), missing = 0, places = 0;
    uint64_t set = 0;
    qn_template_place p[64];
    qn_status st = s->trial->set_new(s->trial_cap, (const qn_hash *)s->raw,
                                     (const qn_hash *)(s->raw + 32), n / 32 - 1, &set, &missing);
    qn_json_int(j, "status", st);
    qn_json_int(j, "set", (int64_t)set);
    qn_json_int(j, "missing", missing);
    if (st == QN_OK)
        st = s->trial->set_missing(s->trial_cap, set, p, 64, &places);
    qn_json_open(j, "places", '[');
    for (uint32_t i = 0; i < places && i < 64; i++)
        qn_json_int(j, NULL, p[i].place);
    qn_json_close(j, ']');
}

static void do_add(state *s, const char *words, qn_json *j)
{
    uint32_t n = bytes_of(words, s->raw, RAW), missing = 99;
    const qn_mining_part part = {0, n};
    qn_json_int(
        j, "status",
        s->trial->set_add(s->trial_cap, strtoull(words, NULL, 10), s->raw, n, &part, 1, &missing));
    qn_json_int(j, "missing", missing);
}

static void do_setmake(state *s, const char *words, qn_json *j)
{
    qn_template_view v = {.size = sizeof v};
    qn_mining_result r = {.size = sizeof r};
    qn_json_int(
        j, "status",
        s->trial->set_template(s->trial_cap, strtoull(words, NULL, 10), &s->options, &r, &v));
    say_result(j, &r);
    say_view(j, &v);
}

static void do_setfree(state *s, const char *words, qn_json *j)
{
    qn_json_int(j, "status", s->trial->set_free(s->trial_cap, strtoull(words, NULL, 10)));
}

static void do_prior(state *s, const char *words, qn_json *j)
{
    qn_mining_delta d = {.delta = strtoll(words, NULL, 10)};
    bytes_of(words, d.txid.b, 32);
    qn_json_int(j, "status", s->trial->prioritise(s->trial_cap, &d, 1));
}

static void do_usage(state *s, const char *words, qn_json *j)
{
    qn_mining_usage u = {.size = sizeof u};
    (void)words;
    qn_json_int(j, "status", s->trial->usage(s->trial_cap, &u));
    qn_json_int(j, "held", u.held);
    qn_json_int(j, "kept", u.submittable);
    qn_json_int(j, "bytes", (int64_t)u.bytes);
    qn_json_int(j, "subs", u.subscriptions);
    qn_json_int(j, "sets", u.sets);
}

/* ---- words ---- */

static const struct {
    const char *word;
    void (*run)(state *s, const char *words, qn_json *j);
} WORDS[] = {{"opt", do_opt},         {"throttle", do_throttle},
             {"open", do_open},       {"sub", do_sub},
             {"drain", do_drain},     {"ready", do_ready},
             {"create", do_create},   {"view", do_view},
             {"all", do_all},         {"raw", do_raw},
             {"release", do_release}, {"solve", do_solve},
             {"block", do_block},     {"check", do_check},
             {"info", do_info},       {"with", do_with},
             {"on", do_on},           {"tcreate", do_tcreate},
             {"chunks", do_chunks},   {"lookup", do_lookup},
             {"set", do_set},         {"add", do_add},
             {"setmake", do_setmake}, {"setfree", do_setfree},
             {"prior", do_prior},     {"usage", do_usage},
             {"storm", do_storm},     {"flood", do_flood},
             {"ahead", do_ahead},     {"junk", do_junk}};

static void on_do(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    char word[16] = "";
    const char *text = strchr(params, '"');
    (void)len;
    qn_json_open(&j, NULL, '{');
    if (text && sscanf(text + 1, "%15[a-z]", word) == 1)
        for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
            if (strcmp(WORDS[i].word, word) == 0)
                WORDS[i].run(s, text + 1 + strlen(word), &j);
    qn_json_close(&j, '}');
    (void)s->rpc->reply(s->rpc_cap, r->request, j.data, j.len);
    qn_json_free(&j);
}

/* ---- life ---- */

static const void *optional(state *s, const char *id, qn_cap **cap)
{
    const void *t;
    return s->host->get(s->cap, id, 1, &t, cap) == QN_OK ? t : NULL;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *t;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    QN_INIT(&s->options);
    QN_INIT(&s->throttle);
    qn_status st = host->get(cap, QN_RPC_SERVE_1_ID, 1, &t, &s->rpc_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->rpc = t;
    s->mining = optional(s, QN_MINING_TEMPLATE_1_ID, &s->mining_cap);
    s->trial = optional(s, QN_MINING_TEMPLATE_UNSTABLE_1_ID, &s->trial_cap);
    s->submit = optional(s, QN_MINING_SUBMIT_1_ID, &s->submit_cap);
    s->check = optional(s, QN_MINING_CHECK_1_ID, &s->check_cap);
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->rpc->add(s->rpc_cap, NULL, "good.do", "words", "good\n", on_do, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.quoin.test.plugin",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
