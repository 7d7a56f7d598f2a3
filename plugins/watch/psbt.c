#include "plugins/watch/psbt.h"

#include "lib/hash.h"
#include "lib/psbt_known.h"
#include "lib/script.h"

#include "plugins/watch/fund.h"

#define ECDSA_LEN 72u   /* the longest that nodes relay: low s, any r */
#define SCHNORR_LEN 64u /* with the default hash type */
#define OUTPOINT 36u
#define SEQUENCE 4u

/* ---- what descriptors tell ---- */

/* The claim that tells how it is spent: the wallet's, else any wallet's. */
static const wt_owner *described(const wt *x, const wt_script *s, const wt_wallet *w)
{
    const wt_owner *o = w ? wt_claim_on(&x->m, s, w) : NULL;
    if (!o || !wt_solvable(&x->m, o->source))
        o = wt_claim_on(&x->m, s, NULL);
    return o && o->source->kind == WT_DESCRIPTOR && !o->source->building ? o : NULL;
}

static qn_status parse(wt *x, wt_source *s)
{
    char err[256];
    if (s->kind != WT_DESCRIPTOR)
        return QN_E_UNSUPPORTED;
    if (!s->parsed)
        s->parsed = wt_parse(&x->m, s->text, strlen(s->text), true, err, sizeof err);
    return s->parsed ? QN_OK : QN_E_NOMEM;
}

/* Out: *v, to be given on or cleared. */
static qn_status derive(wt *x, const wt_owner *o, qn_derived *v)
{
    qn_status st = parse(x, o->source);
    if (st != QN_OK)
        return st;
    switch (qn_descriptor_derive(o->source->parsed, 0, o->index, v)) {
    case QN_DERIVE_OK:
        return QN_OK;
    case QN_DERIVE_NO_MEMORY:
        return QN_E_NOMEM;
    case QN_DERIVE_NO_SECRET:
    case QN_DERIVE_IMPOSSIBLE:
        break;
    }
    return QN_E_UNSUPPORTED;
}

static bool is_program(const uint8_t *script, size_t len)
{
    int version;
    qn_script_part program;
    return qn_script_witness_program(script, len, &version, &program);
}

/* It is spent by a witness: the script itself or the one behind its hash says so. */
static bool has_witness(const wt_owner *o, const qn_derived *v)
{
    const qn_desc_script *d = o->sub < v->n_scripts ? &v->script[o->sub] : NULL;
    return is_program(o->script->bytes, o->script->len) ||
           (d && d->redeem.data && is_program(d->redeem.data, d->redeem.len));
}

/* ---- weights ---- */

typedef struct cost {
    uint32_t weight; /* of an input, its witness included */
    bool witness;    /* it has one */
} cost;

static size_t any_ecdsa(void *arg, size_t in, qn_psbt_bytes key, qn_psbt_bytes code, bool v0,
                        uint8_t *out)
{
    (void)arg;
    (void)in;
    (void)key;
    (void)code;
    (void)v0;
    memset(out, 1, ECDSA_LEN);
    return ECDSA_LEN;
}

static size_t any_schnorr(void *arg, size_t in, const uint8_t *x, const uint8_t *leaf,
                          const uint8_t *root, uint8_t *out)
{
    (void)arg;
    (void)in;
    (void)x;
    (void)leaf;
    (void)root;
    memset(out, 1, SCHNORR_LEN);
    return SCHNORR_LEN;
}

static size_t leaf_schnorr(void *arg, size_t in, const uint8_t *x, const uint8_t *leaf,
                           const uint8_t *root, uint8_t *out)
{
    return leaf ? any_schnorr(arg, in, x, leaf, root, out) : 0;
}

/* No script is run here. The node judges what is handed in. */
static bool any_verify(void *arg, size_t in, qn_psbt_bytes script_sig, qn_psbt_bytes witness)
{
    (void)arg;
    (void)in;
    return script_sig.len || witness.len;
}

/* The point that has no secret key (BIP341): a tr() of it is spent by its scripts. */
static bool has_no_key(const qn_derived *v)
{
    static const uint8_t NUMS[32] = {0x50, 0x92, 0x9b, 0x74, 0xc1, 0xa0, 0x49, 0x54,
                                     0xb7, 0x8b, 0x4b, 0x60, 0x35, 0xe9, 0x7a, 0x5e,
                                     0x07, 0x8a, 0x5a, 0x0f, 0x28, 0xec, 0x96, 0xd5,
                                     0x47, 0xbf, 0xee, 0x9a, 0xce, 0x80, 0x3a, 0xc0};
    return v->taproot && memcmp(v->internal, NUMS, sizeof NUMS) == 0;
}

static void put_le(uint8_t *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

static size_t put_compact(uint8_t *p, uint64_t v)
{
    unsigned n = wt_compact(v);
    if (n == 1) {
        p[0] = (uint8_t)v;
        return 1;
    }
    p[0] = n == 3 ? 0xfd : 0xfe;
    put_le(p + 1, v, n - 1);
    return n;
}

/* A transaction whose only output has this script. Returns: its length; there is room for 80 bytes
 * more than the script has. */
static size_t stand_in(const wt_script *s, uint8_t *out)
{
    memset(out, 0, 60);
    out[0] = 2;
    out[4] = 1; /* an input, of anything */
    size_t at = 4 + 1 + OUTPOINT + 1 + SEQUENCE;
    out[at++] = 1;
    put_le(out + at, 1000, 8);
    at += 8;
    at += put_compact(out + at, s->len);
    memcpy(out + at, s->bytes, s->len);
    at += s->len;
    put_le(out + at, 0, 4);
    return at + 4;
}

/* A PSBT that spends a coin with this script. NULL: memory is short. */
static qn_psbt *spending(const wt_script *s, uint32_t sequence, uint32_t locktime)
{
    static const uint8_t ANY[1] = {QN_OP_1};
    uint8_t txid[32], *tx = malloc(80u + s->len);
    if (!tx)
        return NULL;
    size_t len = stand_in(s, tx);
    qn_sha256d(tx, len, txid);
    const qn_psbt_in in = {.txid = txid, .has_sequence = true, .sequence = sequence};
    const qn_psbt_out out = {.coin = {0, {ANY, sizeof ANY}}};
    qn_psbt *p = qn_psbt_new_of(0, 2, locktime, &in, 1, &out, 1);
    if (p && !qn_psbt_put(p, &p->in[0].map, QN_PSBT_IN_TX, NULL, 0, tx, len)) {
        qn_psbt_free(p);
        p = NULL;
    }
    free(tx);
    return p;
}

typedef size_t schnorr_fn(void *arg, size_t in, const uint8_t *x, const uint8_t *leaf,
                          const uint8_t *root, uint8_t *out);

/* An input that spends a coin with this script, signed. */
static qn_psbt_sign_result sign_one(qn_psbt_known *k, const wt_script *s, uint32_t sequence,
                                    uint32_t locktime, schnorr_fn *schnorr, cost *out)
{
    qn_psbt *p = spending(s, sequence, locktime);
    if (!p)
        return QN_PSBT_SIGN_NO_MEMORY;
    qn_psbt_helper h = qn_psbt_known_helper(k);
    h.ecdsa = any_ecdsa;
    h.schnorr = schnorr;
    h.verify = any_verify;
    qn_psbt_sign_result res = qn_psbt_sign(p, 0, &h, -1, true, NULL);
    if (res == QN_PSBT_SIGN_DONE) {
        size_t sig = qn_psbt_value(&p->in[0].map, QN_PSBT_IN_FINAL_SIG).len;
        size_t wit = qn_psbt_value(&p->in[0].map, QN_PSBT_IN_FINAL_WITNESS).len;
        *out = (cost){(uint32_t)(4 * (OUTPOINT + SEQUENCE + wt_compact(sig) + sig) + wit), wit > 0};
    }
    qn_psbt_free(p);
    return res;
}

/* Nobody knows here who has the internal key of a tr(), and a leaf may be larger: where one can be
 * spent by, the larger of the two counts. */
static qn_status signed_weight(const wt_owner *o, qn_derived *v, uint32_t sequence,
                               uint32_t locktime, cost *out)
{
    const bool by_leaf = v->taproot && (v->has_tree || has_no_key(v)), by_key = !has_no_key(v);
    qn_psbt_sign_result res = QN_PSBT_SIGN_NO_MEMORY;
    cost leaf = {0};
    qn_psbt_known *k = qn_psbt_known_new();
    if (!k)
        qn_derived_clear(v);
    bool good = k && qn_psbt_known_add(k, v);
    if (good && by_leaf)
        res = sign_one(k, o->script, sequence, locktime, leaf_schnorr, &leaf);
    if (good && by_key && !(by_leaf && res == QN_PSBT_SIGN_NO_MEMORY))
        res = sign_one(k, o->script, sequence, locktime, any_schnorr, out);
    qn_psbt_known_free(k);
    if (res == QN_PSBT_SIGN_DONE && leaf.weight > out->weight)
        *out = leaf;
    return res == QN_PSBT_SIGN_DONE        ? QN_OK
           : res == QN_PSBT_SIGN_NO_MEMORY ? QN_E_NOMEM
                                           : QN_E_UNSUPPORTED;
}

qn_status wt_psbt_weigh(wt *x, const wt_owner *o, uint32_t sequence, uint32_t locktime,
                        uint32_t *weight, bool *witness)
{
    qn_derived v;
    qn_status st = derive(x, o, &v);
    if (st != QN_OK)
        return st;
    cost c = {0};
    st = signed_weight(o, &v, sequence, locktime, &c);
    if (st == QN_OK) {
        *weight = c.weight;
        *witness = c.witness;
    }
    return st;
}

/* ---- filling in ---- */

/* The transaction that made a coin. */
static qn_status put_maker(wt *x, qn_psbt *p, qn_psbt_in *in, const wt_coin *c)
{
    uint8_t *raw = NULL;
    uint32_t len = 0;
    if (!c->maker || qn_psbt_get(&in->map, QN_PSBT_IN_TX))
        return QN_OK;
    if (c->maker->raw)
        return qn_psbt_put(p, &in->map, QN_PSBT_IN_TX, NULL, 0, c->maker->raw, c->maker->raw_len)
                   ? QN_OK
                   : QN_E_NOMEM;
    qn_status st = wt_store_raw(x, &c->at.txid, &raw, &len);
    if (st == QN_E_NOTFOUND)
        return QN_OK;
    if (st == QN_OK && !qn_psbt_put(p, &in->map, QN_PSBT_IN_TX, NULL, 0, raw, len))
        st = QN_E_NOMEM;
    free(raw);
    return st;
}

static qn_status put_coin(qn_psbt *p, qn_psbt_in *in, const wt_coin *c)
{
    const wt_script *s = c->script;
    if (qn_psbt_get(&in->map, QN_PSBT_IN_COIN))
        return QN_OK;
    uint8_t *b = malloc(8u + 5u + s->len);
    if (!b)
        return QN_E_NOMEM;
    put_le(b, (uint64_t)c->value, 8);
    size_t at = 8 + put_compact(b + 8, s->len);
    memcpy(b + at, s->bytes, s->len);
    bool good = qn_psbt_put(p, &in->map, QN_PSBT_IN_COIN, NULL, 0, b, at + s->len);
    free(b);
    return good ? QN_OK : QN_E_NOMEM;
}

/* QN_E_UNSUPPORTED: nothing of it is known. */
static qn_status know(wt *x, qn_psbt_known *k, const wt_script *s, const wt_wallet *w,
                      bool *witness)
{
    qn_derived v;
    const wt_owner *o = described(x, s, w);
    qn_status st = o ? derive(x, o, &v) : QN_E_UNSUPPORTED;
    if (st != QN_OK)
        return st;
    if (witness)
        *witness = has_witness(o, &v);
    return qn_psbt_known_add(k, &v) ? QN_OK : QN_E_NOMEM;
}

static qn_status know_input(wt *x, qn_psbt *p, qn_psbt_in *in, qn_psbt_known *k, const wt_wallet *w)
{
    qn_mempool_outpoint at = {.n = in->vout};
    memcpy(at.txid.b, in->txid, 32);
    const wt_coin *c = wt_coin_find(&x->m, &at);
    if (!c || !c->script || qn_psbt_is_final(in))
        return QN_OK;
    bool witness = is_program(c->script->bytes, c->script->len);
    qn_status st = know(x, k, c->script, w, &witness);
    if (st == QN_E_UNSUPPORTED)
        st = QN_OK;
    if (st == QN_OK)
        st = put_maker(x, p, in, c);
    if (st == QN_OK && witness)
        st = put_coin(p, in, c);
    return st;
}

static qn_status fill_with(qn_psbt *p, qn_psbt_known *k)
{
    const qn_psbt_helper h = qn_psbt_known_helper(k);
    for (size_t i = 0; i < p->n_in; i++)
        if (!qn_psbt_is_final(&p->in[i]) && qn_psbt_sign(p, i, &h, qn_psbt_sighash(&p->in[i]),
                                                         false, NULL) == QN_PSBT_SIGN_NO_MEMORY)
            return QN_E_NOMEM;
    for (size_t i = 0; i < p->n_out; i++)
        if (!qn_psbt_update_output(p, i, &h))
            return QN_E_NOMEM;
    qn_psbt_drop_transactions(p);
    return QN_OK;
}

qn_status wt_psbt_fill(wt *x, qn_psbt *p, const wt_wallet *w)
{
    qn_psbt_known *k = qn_psbt_known_new();
    qn_status st = k ? QN_OK : QN_E_NOMEM;
    for (size_t i = 0; i < p->n_in && st == QN_OK; i++)
        st = know_input(x, p, &p->in[i], k, w);
    for (size_t i = 0; i < p->n_out && st == QN_OK; i++) {
        const qn_psbt_bytes s = p->out[i].coin.script;
        st = s.len && s.len <= 10000
                 ? know(x, k, wt_script_find(&x->m, s.data, (uint32_t)s.len), w, NULL)
                 : QN_OK;
        if (st == QN_E_UNSUPPORTED)
            st = QN_OK;
    }
    if (st == QN_OK)
        st = fill_with(p, k);
    qn_psbt_known_free(k);
    return st;
}

/* ---- the end ---- */

bool wt_psbt_finish(qn_psbt *p, qn_status *st)
{
    const qn_psbt_helper h = {.verify = any_verify};
    bool all = p->n_in > 0;
    *st = QN_OK;
    for (size_t i = 0; i < p->n_in; i++) {
        qn_psbt_in *in = &p->in[i];
        if (qn_psbt_is_final(in))
            continue;
        qn_psbt_sign_result res = qn_psbt_sign(p, i, &h, qn_psbt_sighash(in), true, NULL);
        if (res == QN_PSBT_SIGN_NO_MEMORY)
            *st = QN_E_NOMEM;
        all = all && res == QN_PSBT_SIGN_DONE;
    }
    return all && *st == QN_OK;
}
