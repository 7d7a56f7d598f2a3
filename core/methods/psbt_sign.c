/* finalizepsbt and analyzepsbt (Core rpc/rawtransaction.cpp, node/psbt.cpp). */
#include "core/methods/psbt_sign.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/consensus/check.h"
#include "core/mempool/policy.h"
#include "core/methods/common.h"
#include "core/script/pattern.h"
#include "core/script/sign.h"
#include "lib/script.h"

#include <stdlib.h>

#define MAX_MONEY INT64_C(2100000000000000)
#define BYTES_PER_SIGOP 20
#define DUMMY_ECDSA 71u /* bytes of a signature that nobody has made yet, with its type */
#define DUMMY_SCHNORR 64u

/* ---- the helper ---- */

static qc_span span(qn_psbt_bytes b)
{
    return qc_m_psbt_span(b);
}

static bool is_taproot(qc_span script)
{
    return script.len == 34 && script.data[0] == QN_OP_1 && script.data[1] == 32;
}

static bool verify(void *arg, size_t in, qn_psbt_bytes sig, qn_psbt_bytes wit)
{
    const qc_m_psbt_helper *x = arg;
    const qc_script_check c = {.tx = &x->tx.tx,
                               .in = (uint32_t)in,
                               .spent = x->spent,
                               .hashes = &x->hashes,
                               .flags = QC_SIGN_FLAGS};
    /* A signature of taproot covers all coins. */
    if (is_taproot(x->spent[in].script) && !x->all_known)
        return false;
    return qc_script_verify(span(sig), x->spent[in].script, span(wit), &c) == QC_SE_OK;
}

void qc_m_psbt_helper_clear(qc_m_psbt_helper *x)
{
    if (x->has_tx)
        qc_txbuf_clear(&x->tx);
    qc_free(x->spent);
    *x = (qc_m_psbt_helper){.has_tx = false};
}

static bool take_tx(qc_rpc_req *r, const qn_psbt *p, qc_m_psbt_helper *x)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    qn_psbt_result res = qn_psbt_tx(p, false, &raw, &len);
    if (res)
        return res == QN_PSBT_NO_LOCKTIME
                   ? qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                                 "PSBT does not represent a valid transaction")
                   : qc_m_fail_memory(r);
    qc_wire_fail fail = qc_tx_parse(qc_span_of(raw, len), false, &x->tx);
    free(raw);
    if (fail)
        return fail == QC_WIRE_NOMEM
                   ? qc_m_fail_memory(r)
                   : qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "TX decode failed");
    x->has_tx = true;
    return true;
}

bool qc_m_psbt_helper_new(qc_rpc_req *r, const qn_psbt *p, qc_m_psbt_helper *x)
{
    *x = (qc_m_psbt_helper){.all_known = true, .sighash = -1};
    if (!take_tx(r, p, x))
        return false;
    x->spent = qc_try_calloc(p->n_in + 1, sizeof *x->spent);
    if (!x->spent)
        return qc_m_fail_memory(r);
    for (size_t i = 0; i < p->n_in; i++) {
        qn_psbt_coin coin;
        bool known = qn_psbt_coin_of(&p->in[i], &coin);
        x->all_known &= known;
        if (known)
            x->spent[i] = (qc_spent){.value = coin.value, .script = span(coin.script), .height = 1};
    }
    qc_sighash_cache_force(&x->hashes, &x->tx.tx, x->spent);
    x->h = (qn_psbt_helper){.arg = x, .verify = verify};
    return true;
}

bool qc_m_psbt_complete(const qn_psbt *p, const qc_m_psbt_helper *x)
{
    bool all = true;
    for (size_t i = 0; i < p->n_in && all; i++) {
        qn_psbt_coin coin;
        const qn_psbt_map *m = &p->in[i].map;
        all = qn_psbt_coin_of(&p->in[i], &coin) &&
              x->h.verify(x->h.arg, i, qn_psbt_value(m, QN_PSBT_IN_FINAL_SIG),
                          qn_psbt_value(m, QN_PSBT_IN_FINAL_WITNESS));
    }
    return all;
}

/* ---- finalizepsbt ---- */

static bool put_final_tx(qc_rpc_req *r, const qn_psbt *p)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    if (qn_psbt_tx(p, true, &raw, &len))
        return qc_m_fail_memory(r);
    qc_jw_khex(qc_rpc_out(r), "hex", qc_span_of(raw, len));
    free(raw);
    return true;
}

/* False: the request has failed. */
static bool finalize(qc_rpc_req *r, qn_psbt *p, bool *complete)
{
    qc_m_psbt_helper x;
    uint32_t at;
    *complete = qn_psbt_locktime(p, &at);
    if (!*complete)
        return true;
    bool ok = qc_m_psbt_helper_new(r, p, &x);
    for (size_t i = 0; i < p->n_in && ok; i++) {
        qn_psbt_sign_result res = qn_psbt_sign(p, i, &x.h, qn_psbt_sighash(&p->in[i]), true, NULL);
        *complete &= res == QN_PSBT_SIGN_DONE;
        if (res == QN_PSBT_SIGN_NO_MEMORY)
            ok = qc_m_fail_memory(r);
    }
    qc_m_psbt_helper_clear(&x);
    return ok;
}

static void finalizepsbt(qc_rpc_req *r, void *arg)
{
    qn_psbt *p = NULL;
    bool extract = true, complete = false;
    (void)arg;
    if (!qc_rpc_bool(r, 1, &extract) || !qc_m_psbt_arg(r, qc_rpc_arg(r, 0), &p))
        return;
    if (finalize(r, p, &complete)) {
        qc_jw *w = qc_rpc_out(r);
        bool ok;
        qc_jw_obj(w);
        if (complete && extract) {
            ok = put_final_tx(r, p);
        } else {
            qc_jw_key(w, "psbt");
            ok = qc_m_put_psbt(r, p);
        }
        if (ok) {
            qc_jw_kbool(w, "complete", complete);
            qc_jw_obj_end(w);
        }
    }
    qn_psbt_free(p);
}

/* ---- analyzepsbt ---- */

typedef enum role { UPDATER, SIGNER, FINALIZER, EXTRACTOR } role;
static const char *const ROLE[] = {"updater", "signer", "finalizer", "extractor"};

typedef struct finding {
    bool has_utxo, is_final;
    role next;
    qn_psbt_missing missing;
} finding;

typedef struct analysis {
    qn_psbt *p;
    finding *in;
    int64_t value_in, fee, vsize, feerate;
    bool has_fee, has_size;
    role next;
    char error[80]; /* of the whole */
} analysis;

static bool in_range(int64_t v)
{
    return v >= 0 && v <= MAX_MONEY;
}

static bool nothing_but_sigs(const qn_psbt_missing *m)
{
    return !m->n_keys && !m->has_redeem && !m->has_witness && m->n_sigs;
}

/* False: the whole is invalid. */
static bool look_at_coin(analysis *a, size_t i, qn_psbt_coin coin)
{
    if (!in_range(coin.value) || !in_range(a->value_in + coin.value)) {
        snprintf(a->error, sizeof a->error, "PSBT is not valid. Input %zu has invalid value", i);
        return false;
    }
    a->value_in += coin.value;
    if (qn_script_unspendable(coin.script.data, coin.script.len)) {
        snprintf(a->error, sizeof a->error,
                 "PSBT is not valid. Input %zu spends unspendable output", i);
        return false;
    }
    return true;
}

static bool look_at_input(analysis *a, size_t i, const qc_m_psbt_helper *x)
{
    qn_psbt_in *in = &a->p->in[i];
    finding *f = &a->in[i];
    qn_psbt_coin coin;
    f->has_utxo = qn_psbt_coin_of(in, &coin);
    f->next = EXTRACTOR;
    if (f->has_utxo && !look_at_coin(a, i, coin))
        return false;
    a->has_fee &= f->has_utxo;
    f->is_final =
        f->has_utxo && x->h.verify(x->h.arg, i, qn_psbt_value(&in->map, QN_PSBT_IN_FINAL_SIG),
                                   qn_psbt_value(&in->map, QN_PSBT_IN_FINAL_WITNESS));
    if (f->is_final)
        return true;
    qn_psbt_sign_result res = qn_psbt_sign(a->p, i, &x->h, -1, true, &f->missing);
    f->next = res == QN_PSBT_SIGN_DONE        ? FINALIZER
              : nothing_but_sigs(&f->missing) ? SIGNER
                                              : UPDATER;
    return true;
}

static size_t dummy_ecdsa(void *arg, size_t in, qn_psbt_bytes key, qn_psbt_bytes code, bool v0,
                          uint8_t *out)
{
    (void)arg;
    (void)in;
    (void)key;
    (void)code;
    (void)v0;
    memset(out, 0, DUMMY_ECDSA);
    out[DUMMY_ECDSA - 1] = QC_SIGHASH_ALL;
    return DUMMY_ECDSA;
}

static size_t dummy_schnorr(void *arg, size_t in, const uint8_t *x, const uint8_t *leaf,
                            const uint8_t *root, uint8_t *out)
{
    (void)arg;
    (void)in;
    (void)x;
    (void)leaf;
    (void)root;
    memset(out, 0, DUMMY_SCHNORR);
    return DUMMY_SCHNORR;
}

typedef struct dummy {
    const qn_psbt *p;
    const qc_m_psbt_helper *x;
} dummy;

/* What is final is judged by itself: of taproot it is not, as in Core. */
static bool dummy_verify(void *arg, size_t in, qn_psbt_bytes sig, qn_psbt_bytes wit)
{
    const dummy *d = arg;
    if (qn_psbt_is_final(&d->p->in[in]))
        return !is_taproot(d->x->spent[in].script) && d->x->h.verify(d->x->h.arg, in, sig, wit);
    /* What wants nothing (P2A) can be run as it is. */
    return sig.len || wit.len || d->x->h.verify(d->x->h.arg, in, sig, wit);
}

static void measure(analysis *a, const qc_m_psbt_helper *x, qc_span raw)
{
    qc_txbuf t;
    if (qc_tx_parse(raw, a->p->n_in > 0, &t)) /* without inputs it would read as another form */
        return;
    uint64_t cost = qc_tx_sigop_cost(&t.tx, x->spent, qc_tx_legacy_sigops(&t.tx), QC_SIGN_FLAGS);
    uint64_t weight = QC_MAX((uint64_t)t.tx.rec->weight, cost * BYTES_PER_SIGOP);
    a->vsize = (int64_t)((weight + 3) / 4);
    int64_t rate = a->fee * 1000;
    a->feerate = rate / a->vsize - (rate % a->vsize < 0);
    a->has_size = true;
    qc_txbuf_clear(&t);
}

/* With signatures that are as long as real ones. */
static void estimate(analysis *a, const qc_m_psbt_helper *x)
{
    dummy d = {a->p, x};
    const qn_psbt_helper h = {.arg = &d,
                              .ecdsa = dummy_ecdsa,
                              .schnorr = dummy_schnorr,
                              .verify = dummy_verify,
                              .any_time = true};
    bool ok = true;
    uint8_t *raw = NULL;
    size_t len = 0;
    for (size_t i = 0; i < a->p->n_in && ok; i++)
        ok = qn_psbt_sign(a->p, i, &h, -1, true, NULL) == QN_PSBT_SIGN_DONE;
    if (ok && !qn_psbt_tx(a->p, true, &raw, &len))
        measure(a, x, qc_span_of(raw, len));
    free(raw);
}

static void reckon_fee(analysis *a)
{
    int64_t out = 0;
    for (size_t i = 0; i < a->p->n_out; i++) {
        int64_t v = a->p->out[i].coin.value;
        if (!in_range(v) || !in_range(out + v)) {
            snprintf(a->error, sizeof a->error, "PSBT is not valid. Output amount invalid");
            return;
        }
        out += v;
    }
    a->fee = a->value_in - out;
}

/* Core forgets what it has found when the whole is invalid, but for the next role. */
static void analyze(analysis *a, const qc_m_psbt_helper *x)
{
    bool ok = true;
    a->has_fee = true;
    a->next = EXTRACTOR;
    for (size_t i = 0; i < a->p->n_in && ok; i++) {
        ok = look_at_input(a, i, x);
        a->next = QC_MIN(a->next, a->in[i].next);
    }
    if (ok && a->has_fee) {
        reckon_fee(a);
        if (!a->error[0])
            estimate(a, x);
    }
}

static void put_ids(qc_jw *w, const char *name, uint8_t (*id)[20], size_t n)
{
    if (!n)
        return;
    qc_jw_karr(w, name);
    for (size_t i = 0; i < n; i++)
        qc_jw_hex(w, qc_span_of(id[i], 20));
    qc_jw_arr_end(w);
}

static void put_finding(qc_jw *w, const finding *f)
{
    const qn_psbt_missing *m = &f->missing;
    qc_jw_obj(w);
    qc_jw_kbool(w, "has_utxo", f->has_utxo);
    qc_jw_kbool(w, "is_final", f->is_final);
    qc_jw_kstr(w, "next", ROLE[f->next]);
    if (m->n_keys || m->n_sigs || m->has_redeem || m->has_witness) {
        qc_jw_kobj(w, "missing");
        put_ids(w, "pubkeys", m->key, m->n_keys);
        if (m->has_redeem)
            qc_jw_khex(w, "redeemscript", qc_span_of(m->redeem, 20));
        if (m->has_witness)
            qc_jw_khex(w, "witnessscript", qc_span_of(m->witness, 32));
        put_ids(w, "signatures", m->sig, m->n_sigs);
        qc_jw_obj_end(w);
    }
    qc_jw_obj_end(w);
}

static void put_analysis(qc_jw *w, const analysis *a)
{
    qc_jw_obj(w);
    if (a->error[0]) {
        qc_jw_kstr(w, "next", "creator");
        qc_jw_kstr(w, "error", a->error);
        qc_jw_obj_end(w);
        return;
    }
    if (a->p->n_in) {
        qc_jw_karr(w, "inputs");
        for (size_t i = 0; i < a->p->n_in; i++)
            put_finding(w, &a->in[i]);
        qc_jw_arr_end(w);
    }
    if (a->has_size) {
        qc_jw_kint(w, "estimated_vsize", a->vsize);
        qc_jw_kamount(w, "estimated_feerate", a->feerate);
    }
    if (a->has_fee)
        qc_jw_kamount(w, "fee", a->fee);
    qc_jw_kstr(w, "next", ROLE[a->next]);
    qc_jw_obj_end(w);
}

static void analyzepsbt(qc_rpc_req *r, void *arg)
{
    analysis a = {.has_fee = false};
    qc_m_psbt_helper x;
    uint32_t at;
    (void)arg;
    if (!qc_m_psbt_arg(r, qc_rpc_arg(r, 0), &a.p))
        return;
    a.in = qc_try_calloc(a.p->n_in + 1, sizeof *a.in);
    if (!qn_psbt_locktime(a.p, &at))
        snprintf(a.error, sizeof a.error, "PSBT cannot be made into a valid transaction");
    if (!a.in) {
        qc_m_fail_memory(r);
    } else if (a.error[0]) {
        put_analysis(qc_rpc_out(r), &a);
    } else {
        if (qc_m_psbt_helper_new(r, a.p, &x)) {
            analyze(&a, &x);
            put_analysis(qc_rpc_out(r), &a);
        }
        qc_m_psbt_helper_clear(&x);
    }
    for (size_t i = 0; a.in && i < a.p->n_in; i++)
        qn_psbt_missing_clear(&a.in[i].missing);
    qc_free(a.in);
    qn_psbt_free(a.p);
}

static const qc_rpc_param P_FINALIZE[] = {
    {"psbt", QC_T_STR, true, .help = "In Base64"},
    {"extract", QC_T_BOOL, .dflt = "true",
     .help = "When it is complete: give the transaction (true), or the PSBT all the same"},
    {.names = NULL}};
static const qc_rpc_param P_ANALYZE[] = {{"psbt", QC_T_STR, true, .help = "In Base64"},
                                         {.names = NULL}};

const qc_rpc_method QC_METHODS_PSBTSIGN[] = {
    {"rawtransactions", "finalizepsbt",
     "Make what unlocks the inputs of a PSBT of the signatures that it holds.", P_FINALIZE,
     .result = "{ psbt, hex, complete }", .examples = "finalizepsbt \"psbt\"", .fn = finalizepsbt},
    {"rawtransactions", "analyzepsbt", "What a PSBT and its inputs still want.", P_ANALYZE,
     .result =
         "{ inputs: [ { has_utxo, is_final, next,\n  missing: { pubkeys: [...], redeemscript, "
         "witnessscript, signatures: [...] } }, ... ],\n  estimated_vsize, "
         "estimated_feerate, fee, next, error }",
     .examples = "analyzepsbt \"psbt\"", .fn = analyzepsbt},
    {.name = NULL}};
