/* getblocktemplate (BIP22, BIP23, BIP9, BIP145; Core rpc/mining.cpp). A long poll parks: no thread
 * is held. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/methods/common.h"
#include "core/methods/submit.h"
#include "lib/gbt.h"

#include <stdlib.h>

#define FIRST_LOOK ((qc_mono)60 * 1000000000) /* at new transactions */
#define NEXT_LOOK ((qc_mono)10 * 1000000000)

/* One call that asks for a template. Lives until its answer. */
typedef struct gbt_call {
    qc_node *n;
    const char **rule; /* of the request */
    size_t n_rules;
    /* of a long poll */
    qc_hash watched; /* answer when the tip is another one */
    uint64_t updates;
    qc_mono look_at;
} gbt_call;

static void call_free(gbt_call *c)
{
    qc_free(c->rule);
    qc_free(c);
}

/* ---- a template, on the chain thread ---- */

typedef struct gbt_job {
    qc_node *n;
    const qc_template *t; /* out, with a reference */
    bool fresh;           /* out: to be judged when it is delivered */
    qc_err err;
    qc_verdict v;
} gbt_job;

static void run_template(qc_chain *chain, void *arg)
{
    gbt_job *j = arg;
    j->err =
        qc_offer_take(&j->n->offer, j->n->miner, chain, qc_clock_now(), &j->t, &j->fresh, &j->v);
}

/* Out: fresh, as qc_offer_take(). */
static const qc_template *get_template(qc_rpc_req *r, qc_node *n, bool *fresh)
{
    gbt_job j = {.n = n};
    char text[512];
    qc_chain_call(n->chain_thread, run_template, &j);
    if (j.err)
        qc_m_fail_err(r, j.err, "Cannot make a template");
    else if (!j.t)
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "TestBlockValidity failed: %s",
                    qc_verdict_text(&j.v, text, sizeof text));
    *fresh = j.fresh;
    return j.t;
}

static void run_judge(qc_chain *chain, void *arg)
{
    gbt_job *j = arg;
    if (!qc_offer_judge(&j->n->offer, chain, j->t))
        qc_rpc_waitlist_wake(j->n->tip_waiters);
    qc_template_unref(j->t);
    qc_free(j);
}

/* The template passes on. */
static void judge_later(qc_node *n, const qc_template *t)
{
    gbt_job *j = qc_alloc(sizeof *j);
    *j = (gbt_job){.n = n, .t = t};
    qc_chain_post(n->chain_thread, run_judge, j);
}

/* ---- its JSON ---- */

static void view_tx(const void *arg, uint32_t i, qn_gbt_tx *out)
{
    qc_template_tx tx;
    qc_template_tx_at(arg, i, &tx);
    *out = (qn_gbt_tx){
        .txid = tx.txid,
        .wtxid = tx.wtxid,
        .fee = tx.fee,
        .weight = tx.weight,
        .sigops = tx.sigops,
        .depends = tx.depends,
        .n_depends = tx.n_depends,
        .raw = tx.bytes.data,
        .raw_len = tx.bytes.len,
    };
}

static void set_time(const qc_template *t, qn_gbt_view *v)
{
    qc_u256 target;
    qc_hash h;
    qc_template_time(t, qc_clock_now(), &v->cur_time, &v->bits);
    qc_compact_decode(v->bits, &target, NULL, NULL);
    qc_u256_to_hash(&target, &h);
    memcpy(v->target, h.b, 32);
}

static void set_view(const qc_template *t, qn_gbt_rule rule[static 1], qn_gbt_view *v)
{
    const qc_bytes *challenge = &t->params->signet_challenge;
    *v = (qn_gbt_view){
        .height = (int32_t)t->height,
        .version = t->version,
        .min_time = t->min_time,
        .updates = t->updates,
        .reward = t->coinbase.reward,
        .outputs = t->coinbase.outputs,
        .outputs_len = sizeof t->coinbase.outputs,
        .n_outputs = t->coinbase.n_outputs,
        .segwit = t->segwit,
        .challenge = challenge->len ? challenge->data : NULL,
        .challenge_len = challenge->len,
        .rule = rule,
        .n_rules = t->n_rules,
        .n_tx = t->n_tx,
        .tx = view_tx,
        .arg = t,
    };
    for (unsigned i = 0; i < t->n_rules; i++)
        rule[i] = (qn_gbt_rule){t->rule[i].name, t->rule[i].bit, t->rule[i].state == QC_VB_ACTIVE,
                                t->rule[i].optional};
    memcpy(v->prev, t->prev.b, 32);
    set_time(t, v);
}

static void put_json(qc_rpc_req *r, const qn_gbt_view *v, const qn_gbt_client *client)
{
    size_t n = qn_gbt_json(v, client, NULL, 0);
    char *text = qc_jw_room(qc_rpc_out(r), n);
    if (text)
        qn_gbt_json(v, client, text, n);
}

static void answer(qc_rpc_req *r, gbt_call *c)
{
    const qn_gbt_client client = {c->rule, c->n_rules};
    bool signet = c->n->params->signet_challenge.len > 0;
    char why[200];
    const qc_template *t = NULL;
    bool fresh = false;
    if (qn_gbt_refuse(signet, &client, why, sizeof why))
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "%s", why);
    else
        t = get_template(r, c->n, &fresh);
    if (t) {
        qn_gbt_rule rule[QC_COUNTOF(t->rule)];
        qn_gbt_view v;
        set_view(t, rule, &v);
        if (qn_gbt_refuse_view(&v, &client, why, sizeof why))
            qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "%s", why);
        else
            put_json(r, &v, &client);
    }
    if (fresh && t)
        judge_later(c->n, t);
    else
        qc_template_unref(t);
    call_free(c);
}

/* ---- long polls ---- */

typedef struct updates_job {
    const qc_miner *miner;
    uint64_t updates;
} updates_job;

static void run_updates(qc_chain *c, void *arg)
{
    updates_job *j = arg;
    (void)c;
    j->updates = qc_miner_updates(j->miner);
}

static bool pool_changed(const gbt_call *c)
{
    updates_job j = {c->n->miner, 0};
    qc_chain_call(c->n->chain_thread, run_updates, &j);
    return j.updates != c->updates;
}

static void resume(qc_rpc_req *r, void *arg, qc_rpc_why why);

/* Until the tip is another one or the template was none after all; every now and then, whether the
 * pool has changed. */
static void wait_more(qc_rpc_req *r, gbt_call *c)
{
    qc_rpc_waitlist_join(c->n->tip_waiters, r);
    if (!qc_hash_eq(&qc_chain_tip(c->n->chain)->hash, &c->watched) ||
        qc_offer_is_withdrawn(&c->n->offer, c->updates)) {
        answer(r, c);
        return;
    }
    qc_mono now = qc_clock_mono();
    if (now >= c->look_at) {
        if (pool_changed(c)) {
            answer(r, c);
            return;
        }
        c->look_at = now + NEXT_LOOK;
    }
    qc_rpc_park(r, (c->look_at - now + 999999) / 1000000, resume, c);
}

static void resume(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    if (why != QC_RPC_SHUTDOWN) {
        wait_more(r, arg);
        return;
    }
    qc_rpc_fail(r, QC_RPC_CLIENT_NOT_CONNECTED, "Shutting down");
    call_free(arg);
}

/* As atoi() reads it; what is no number is 0, what is too large the largest. */
static uint64_t read_count(const char *s)
{
    long long v = strtoll(s, NULL, 10);
    return v > 0 ? (uint64_t)v : 0;
}

static bool read_longpollid(qc_rpc_req *r, const json_t *id, gbt_call *c)
{
    if (!json_is_string(id)) { /* BIP22 does not say; Core takes what it knows itself */
        c->watched = qc_chain_tip(c->n->chain)->hash;
        c->updates = c->n->offer.updates;
        return true;
    }
    const char *text = json_string_value(id);
    size_t len = strlen(text);
    json_t *block = json_stringn(text, QC_MIN(len, (size_t)64));
    bool ok = qc_rpc_v_hash(r, block ? block : id, "longpollid", &c->watched);
    json_decref(block);
    if (ok)
        c->updates = read_count(text + 64);
    return ok;
}

/* ---- proposals ---- */

typedef struct proposal_job {
    qc_block *b;
    qc_verdict v;
} proposal_job;

static void run_proposal(qc_chain *c, void *arg)
{
    proposal_job *j = arg;
    qc_chain_test_block(c, j->b, false, true, &j->v);
}

static void proposal(qc_rpc_req *r, qc_node *n, const json_t *data)
{
    if (!json_is_string(data)) {
        qc_rpc_fail(r, QC_RPC_TYPE_ERROR, "Missing data String key for proposal");
        return;
    }
    proposal_job j = {.b = qc_m_parse_block(json_string_value(data))};
    if (!j.b) {
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "Block decode failed");
        return;
    }
    const qc_index *known = qc_chain_find(n->chain, qc_block_hash(j.b));
    if (known) {
        qc_jw_str(qc_rpc_out(r), qc_m_known_as(known));
    } else {
        qc_chain_call(n->chain_thread, run_proposal, &j);
        if (!qc_verdict_ok(&j.v))
            qc_jw_str(qc_rpc_out(r), *j.v.reason ? j.v.reason : "rejected");
    }
    qc_block_unref(j.b);
}

/* ---- the method ---- */

static bool read_rules(qc_rpc_req *r, const json_t *rules, gbt_call *c)
{
    if (!json_is_array(rules))
        return true;
    size_t n = json_array_size(rules);
    c->rule = qc_alloc((n + 1) * sizeof *c->rule);
    for (; c->n_rules < n; c->n_rules++)
        if (!qc_rpc_v_str(r, json_array_get(rules, c->n_rules), &c->rule[c->n_rules]))
            return false;
    return true;
}

/* Work on a real chain is only for who has peers and the newest blocks. */
static bool may_mine(qc_rpc_req *r, const qc_node *n)
{
    qc_peer_info *list = NULL;
    size_t peers = 0;
    if (n->params->id != QC_CHAIN_MAIN)
        return true;
    if (!qc_m_need_net(r, n))
        return false;
    qc_err err = qc_net_peers(n->net, &list, &peers);
    qc_free(list);
    if (err)
        return qc_m_fail_err(r, err, "Cannot count the peers");
    if (!peers)
        return qc_rpc_fail(r, QC_RPC_CLIENT_NOT_CONNECTED, "Quoin is not connected!");
    if (qc_chain_initial_download(n->chain))
        return qc_rpc_fail(r, QC_RPC_CLIENT_IN_INITIAL_DOWNLOAD,
                           "Quoin is in initial sync and waiting for blocks...");
    return true;
}

static void begin(qc_rpc_req *r, gbt_call *c, const json_t *request, bool is_template)
{
    const json_t *id = json_object_get(request, "longpollid");
    bool poll = id && !json_is_null(id);
    bool ok = read_rules(r, json_object_get(request, "rules"), c);
    if (ok && !is_template)
        ok = qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid mode");
    ok = ok && may_mine(r, c->n);
    if (ok && poll)
        ok = read_longpollid(r, id, c);
    if (!ok) {
        call_free(c);
        return;
    }
    c->look_at = qc_clock_mono() + FIRST_LOOK;
    if (poll)
        wait_more(r, c);
    else
        answer(r, c);
}

static void getblocktemplate(qc_rpc_req *r, void *arg)
{
    const json_t *request = qc_rpc_arg(r, 0), *mode = json_object_get(request, "mode");
    const char *name = json_is_string(mode) ? json_string_value(mode) : NULL;
    if (mode && !name && !json_is_null(mode)) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid mode");
        return;
    }
    if (name && strcmp(name, "proposal") == 0) {
        proposal(r, arg, json_object_get(request, "data"));
        return;
    }
    gbt_call *c = qc_alloc(sizeof *c);
    c->n = arg;
    begin(r, c, request, !name || strcmp(name, "template") == 0);
}

static const qc_rpc_param P_WORD[] = {{"str", QC_T_STR, .help = "A word"}, {.names = NULL}};
static const qc_rpc_param P_REQUEST[] = {
    {"mode", QC_T_STR, .help = "\"template\" (as if left out) or \"proposal\" (BIP23)"},
    {"capabilities", QC_T_ARR, .help = "What the client can do", .inner = P_WORD},
    {"rules", QC_T_ARR, true,
     .help = "Rules that the client knows; \"segwit\" must be there, on a signet \"signet\" too",
     .inner = P_WORD},
    {"longpollid", QC_T_STR,
     .help = "Answer when a template would be much better than the one with this id"},
    {"data", QC_T_HEX, .help = "The block that is proposed"},
    {.names = NULL}};
static const qc_rpc_param P_GBT[] = {
    {"template_request", QC_T_OBJ, true, .help = "What is wanted", .inner = P_REQUEST},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_GBT[] = {
    {"mining", "getblocktemplate",
     "What is needed to make a block, or a judgement on a proposed one. See BIP 22, 23, 9 and 145.",
     P_GBT,
     .result = "{ capabilities, version, rules, vbavailable, vbrequired, previousblockhash,\n"
               "  transactions: [ { data, txid, hash, depends, fee, sigops, weight }, ... ],\n"
               "  coinbaseaux, coinbasevalue, longpollid, target, mintime, mutable, noncerange,\n"
               "  sigoplimit, sizelimit, weightlimit, curtime, bits, height, signet_challenge,\n"
               "  default_witness_commitment }\n"
               "of a proposal: null, or the reason why not    (string)",
     .examples = "getblocktemplate '{\"rules\": [\"segwit\"]}'", .fn = getblocktemplate},
    {.name = NULL}};
