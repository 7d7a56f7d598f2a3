/* An output script is solved step by step, as an interpreter would run it: a template says what
 * must lie on the stack, a script hash or witness program leads to the next script. What is learned
 * on the way is gathered, and goes into the input when the end is known. */
#include "lib/psbt_sign.h"

#include "lib/address.h"
#include "lib/descriptor_impl.h"
#include "lib/hash.h"
#include "lib/miniscript_satisfy.h"
#include "lib/psbt_learn_impl.h"
#include "lib/script.h"

#include <stdlib.h>
#include <string.h>

#define TAPSCRIPT 0xc0u
#define FINAL UINT32_MAX
#define THRESHOLD 500000000u
#define SEQUENCE_OFF (1u << 31) /* BIP112 */
#define SEQUENCE_TIME (1u << 22)
#define SEQUENCE_MASK 0xffffu
#define PREIMAGE 32u /* bytes of each (BIP379) */

typedef qn_psbt_stack stack;
typedef qn_psbt_solver solver;

void qn_psbt_missing_clear(qn_psbt_missing *m)
{
    free(m->key);
    free(m->sig);
    *m = (qn_psbt_missing){.n_keys = 0};
}

static qn_psbt_bytes bytes(const void *data, size_t len)
{
    return (qn_psbt_bytes){data, len};
}

static void want(solver *s, uint8_t (**list)[20], size_t *n, const uint8_t *id)
{
    uint8_t(*more)[20] = realloc(*list, (*n + 1) * sizeof *more);
    if (!more) {
        s->failed = true;
        return;
    }
    memcpy(more[*n], id, 20);
    *list = more;
    ++*n;
}

static void push(solver *s, stack *st, qn_psbt_bytes b)
{
    if (st->n == st->cap) {
        size_t cap = st->cap ? 2 * st->cap : 16;
        qn_psbt_bytes *more = qn_psbt_room(s->p, cap, sizeof *more);
        if (!more) {
            s->failed = true;
            return;
        }
        if (st->n)
            memcpy(more, st->item, st->n * sizeof *more);
        st->item = more;
        st->cap = cap;
    }
    st->item[st->n++] = b;
}

/* ---- what is known ---- */

static qn_psbt_bytes value_of(const solver *s, uint8_t type)
{
    const qn_psbt_record *r = qn_psbt_known(s, type, bytes(NULL, 0));
    return r ? r->value : bytes(NULL, 0);
}

/* ---- signatures ---- */

static bool ecdsa(solver *s, qn_psbt_bytes key, qn_psbt_bytes code, bool v0, qn_psbt_bytes *out)
{
    uint8_t sig[QN_PSBT_SIG_MAX], id[20];
    const qn_psbt_record *r = qn_psbt_known(s, QN_PSBT_IN_SIG, key);
    if (r) {
        *out = r->value;
        return true;
    }
    qn_psbt_learn_origin(s, key);
    size_t len = s->h->ecdsa ? s->h->ecdsa(s->h->arg, s->i, key, code, v0, sig) : 0;
    if (!len) {
        qn_hash160(key.data, key.len, id);
        want(s, &s->missing.sig, &s->missing.n_sigs, id);
        return false;
    }
    qn_psbt_learn(s, QN_PSBT_IN_SIG, key, bytes(sig, len));
    r = qn_psbt_known(s, QN_PSBT_IN_SIG, key);
    *out = r ? r->value : bytes(NULL, 0);
    return r != NULL;
}

static bool tap_sig(solver *s, const uint8_t *x, const uint8_t *leaf, qn_psbt_bytes *out)
{
    uint8_t key[64], sig[QN_PSBT_SIG_MAX];
    memcpy(key, x, 32);
    memcpy(key + 32, leaf, 32);
    qn_psbt_learn_tap_origin(s, x, leaf);
    const qn_psbt_record *r = qn_psbt_known(s, QN_PSBT_IN_TAP_SCRIPT_SIG, bytes(key, 64));
    size_t len = r || !s->h->schnorr ? 0 : s->h->schnorr(s->h->arg, s->i, x, leaf, NULL, sig);
    if (len) {
        qn_psbt_learn(s, QN_PSBT_IN_TAP_SCRIPT_SIG, bytes(key, 64), bytes(sig, len));
        r = qn_psbt_known(s, QN_PSBT_IN_TAP_SCRIPT_SIG, bytes(key, 64));
    }
    *out = r ? r->value : bytes(NULL, 0);
    return r != NULL;
}

/* ---- Miniscript ---- */

typedef struct mini {
    solver *s;
    qn_psbt_bytes script;
    const uint8_t *leaf; /* hash; NULL: a witness script */
    qn_psbt_bytes *key;  /* by number */
    size_t n, cap;
} mini;

static bool add_key(mini *m, qn_psbt_bytes key)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        qn_psbt_bytes *more = qn_psbt_room(m->s->p, cap, sizeof *more);
        if (!more) {
            m->s->failed = true;
            return false;
        }
        if (m->n)
            memcpy(more, m->key, m->n * sizeof *more);
        m->key = more;
        m->cap = cap;
    }
    m->key[m->n++] = key;
    return true;
}

static bool ms_key_text(void *arg, qn_text t)
{
    (void)arg;
    (void)t;
    return false;
}

static bool ms_key_bytes(void *arg, const uint8_t *key, size_t len)
{
    mini *m = arg;
    return len == (m->leaf ? 32u : 33u) && add_key(m, bytes(key, len));
}

static bool ms_key_hash(void *arg, const uint8_t *id)
{
    mini *m = arg;
    qn_psbt_bytes key;
    if (!qn_psbt_find_key(m->s, id, &key)) {
        want(m->s, &m->s->missing.key, &m->s->missing.n_keys, id);
        return false;
    }
    if (m->leaf && key.len == 33)
        key = bytes(key.data + 1, 32);
    return key.len == (m->leaf ? 32u : 33u) && add_key(m, key);
}

static bool ms_sig(void *arg, uint32_t key, qn_ms_item *out)
{
    mini *m = arg;
    qn_psbt_bytes sig;
    bool there = m->leaf ? tap_sig(m->s, m->key[key].data, m->leaf, &sig)
                         : ecdsa(m->s, m->key[key], m->script, true, &sig);
    *out = (qn_ms_item){sig.data, sig.len};
    return there;
}

static qn_ms_item ms_key(void *arg, uint32_t key)
{
    const mini *m = arg;
    return (qn_ms_item){m->key[key].data, m->key[key].len};
}

/* What is none, of which a script would find out, must not stand in the way of another solution. */
static bool ms_preimage(void *arg, qn_ms_kind kind, const uint8_t *hash, qn_ms_item *out)
{
    static const struct {
        uint8_t type;
        size_t len;
        void (*hash)(const void *data, size_t len, uint8_t *out);
    } KIND[] = {[QN_MS_SHA256] = {QN_PSBT_IN_SHA256, 32, qn_sha256},
                [QN_MS_HASH256] = {QN_PSBT_IN_HASH256, 32, qn_sha256d},
                [QN_MS_RIPEMD160] = {QN_PSBT_IN_RIPEMD160, 20, qn_ripemd160},
                [QN_MS_HASH160] = {QN_PSBT_IN_HASH160, 20, qn_hash160}};
    const mini *m = arg;
    const qn_psbt_record *r = qn_psbt_known(m->s, KIND[kind].type, bytes(hash, KIND[kind].len));
    uint8_t is[32];
    if (!r || r->value.len != PREIMAGE)
        return false;
    KIND[kind].hash(r->value.data, r->value.len, is);
    *out = (qn_ms_item){r->value.data, r->value.len};
    return memcmp(is, hash, KIND[kind].len) == 0;
}

static uint32_t sequence_of(const solver *s)
{
    const qn_psbt_in *in = &s->p->in[s->i];
    return in->has_sequence ? in->sequence : FINAL;
}

/* BIP65. */
static bool ms_after(void *arg, uint32_t k)
{
    solver *s = ((const mini *)arg)->s;
    if (s->h->any_time)
        return true;
    if (!s->asked_locktime) { /* all inputs are looked at: not for each lock of a script */
        s->has_locktime = qn_psbt_locktime(s->p, &s->locktime);
        s->asked_locktime = true;
    }
    const uint32_t at = s->locktime;
    return s->has_locktime && (k < THRESHOLD) == (at < THRESHOLD) && k <= at &&
           sequence_of(s) != FINAL;
}

/* BIP112. */
static bool ms_older(void *arg, uint32_t k)
{
    const solver *s = ((const mini *)arg)->s;
    uint32_t at = sequence_of(s);
    if (s->h->any_time)
        return true;
    if (s->p->tx_version < 2 || at & SEQUENCE_OFF)
        return false;
    return (k & SEQUENCE_TIME) == (at & SEQUENCE_TIME) &&
           (k & SEQUENCE_MASK) <= (at & SEQUENCE_MASK);
}

static bool satisfy(solver *s, qn_psbt_bytes script, const uint8_t *leaf, stack *st)
{
    mini m = {.s = s, .script = script, .leaf = leaf};
    const qn_ms_reader reader = {&m, ms_key_text, ms_key_bytes, ms_key_hash};
    const qn_ms_means means = {&m, ms_sig, ms_key, ms_preimage, ms_after, ms_older};
    qn_arena tree = {NULL, false};
    qn_ms ms;
    qn_ms_item *item;
    size_t n;
    qn_ms_init(&ms, &tree, leaf != NULL);
    bool ok = qn_ms_decode(&ms, script.data, script.len, &reader) &&
              qn_ms_satisfy(&ms, &means, &s->p->memory->arena, &item, &n);
    for (size_t i = 0; ok && i < n; i++)
        push(s, st, bytes(item[i].data, item[i].len));
    qn_arena_clear(&tree);
    return ok && !s->failed;
}

/* ---- taproot ---- */

static void learn_taproot(void *arg, uint8_t type, qn_psbt_bytes data, qn_psbt_bytes value)
{
    solver *s = arg;
    qn_psbt_learn(s, type, data, value);
}

static bool key_path(solver *s, const uint8_t *output, qn_psbt_bytes *out)
{
    static const uint8_t NO_TREE[32];
    uint8_t sig[QN_PSBT_SIG_MAX];
    qn_psbt_bytes key = value_of(s, QN_PSBT_IN_TAP_KEY), root = value_of(s, QN_PSBT_IN_TAP_ROOT);
    size_t len = 0;
    if (key.data)
        qn_psbt_learn_tap_origin(s, key.data, NULL);
    qn_psbt_learn_tap_origin(s, output, NULL);
    *out = value_of(s, QN_PSBT_IN_TAP_SIG);
    if (out->data)
        return true;
    if (key.data && s->h->schnorr)
        len = s->h->schnorr(s->h->arg, s->i, key.data, NULL, root.data ? root.data : NO_TREE, sig);
    if (!len && s->h->schnorr)
        len = s->h->schnorr(s->h->arg, s->i, output, NULL, NULL, sig);
    if (!len)
        return false;
    qn_psbt_learn(s, QN_PSBT_IN_TAP_SIG, bytes(NULL, 0), bytes(sig, len));
    *out = value_of(s, QN_PSBT_IN_TAP_SIG);
    return out->data != NULL;
}

static size_t size_of(const stack *st)
{
    size_t n = 1;
    for (size_t i = 0; i < st->n; i++)
        n += st->item[i].len + (st->item[i].len < 253 ? 1 : st->item[i].len <= 0xffff ? 3 : 5);
    return n;
}

/* Leaves in order; of each the first control block, which is the smallest. */
static void script_path(solver *s, const qn_psbt_map *m, stack *best)
{
    const qn_psbt_record *last = NULL;
    for (size_t i = 0; i < m->n && !s->failed; i++) {
        const qn_psbt_record *r = &m->record[i];
        uint8_t version = TAPSCRIPT, leaf[32];
        stack st = {.n = 0};
        bool again = last && qn_psbt_compare(last->value, r->value) == 0;
        if (r->type != QN_PSBT_IN_TAP_LEAF || again)
            continue;
        last = r;
        const qn_psbt_bytes script = bytes(r->value.data, r->value.len - 1);
        if (script.data[script.len] != version)
            continue;
        qn_grow head = {.data = NULL};
        qn_grow_byte(&head, version);
        qn_psbt_put_size(&head, script.len);
        s->failed |= head.failed;
        qn_tagged_hash("TapLeaf", head.data, head.len, script.data, script.len, leaf);
        qn_grow_clear(&head);
        if (!satisfy(s, script, leaf, &st))
            continue;
        push(s, &st, script);
        push(s, &st, r->data);
        if (!best->n || size_of(&st) < size_of(best))
            *best = st;
    }
}

static bool solve_taproot(solver *s, const uint8_t *output, stack *st)
{
    qn_psbt_bytes sig;
    if (s->h->taproot)
        s->h->taproot(s->h->arg, output, learn_taproot, s);
    if (key_path(s, output, &sig)) {
        push(s, st, sig);
        return true;
    }
    /* All leaves in one order, though some may have been learned. */
    qn_psbt_map all = {.kind = QN_PSBT_INPUT};
    s->failed |= !qn_psbt_merge(s->p, &all, s->have) || !qn_psbt_merge(s->p, &all, &s->add);
    script_path(s, &all, st);
    return st->n > 0;
}

/* ---- templates ---- */

static bool solve_multisig(solver *s, const qn_script_info *info, qn_psbt_bytes code, bool v0,
                           stack *st)
{
    qn_psbt_bytes sig;
    push(s, st, bytes(NULL, 0)); /* CHECKMULTISIG takes one item more than it needs */
    for (unsigned i = 0; i < info->n_parts; i++)
        if (ecdsa(s, bytes(info->part[i].data, info->part[i].len), code, v0, &sig) &&
            st->n <= info->required)
            push(s, st, sig);
    bool all = st->n == info->required + 1;
    while (st->n <= info->required && !s->failed)
        push(s, st, bytes(NULL, 0));
    return all;
}

static bool solve_key_hash(solver *s, const uint8_t *id, qn_psbt_bytes code, bool v0, stack *st)
{
    qn_psbt_bytes key, sig;
    if (!qn_psbt_find_key(s, id, &key)) {
        want(s, &s->missing.key, &s->missing.n_keys, id);
        return false;
    }
    if (!ecdsa(s, key, code, v0, &sig))
        return false;
    push(s, st, sig);
    push(s, st, key);
    return true;
}

static bool solve_hash(solver *s, const uint8_t *hash, bool witness, stack *st)
{
    uint8_t id[20];
    qn_psbt_bytes script;
    if (witness)
        qn_ripemd160(hash, 32, id);
    if (qn_psbt_find_script(s, witness ? id : hash, &script)) {
        push(s, st, script);
        return true;
    }
    if (witness)
        memcpy(s->missing.witness, hash, 32);
    else
        memcpy(s->missing.redeem, hash, 20);
    *(witness ? &s->missing.has_witness : &s->missing.has_redeem) = true;
    return false;
}

static bool solve(solver *s, qn_psbt_bytes script, bool v0, stack *st, qn_script_type *type)
{
    qn_script_info info;
    qn_psbt_bytes sig;
    *st = (stack){.n = 0};
    *type = qn_script_classify(script.data, script.len, &info);
    const qn_script_part *part = &info.part[0];
    switch (*type) {
    case QN_SCRIPT_PUBKEY:
        if (!ecdsa(s, bytes(part->data, part->len), script, v0, &sig))
            return false;
        push(s, st, sig);
        return true;
    case QN_SCRIPT_PUBKEYHASH:
        return solve_key_hash(s, part->data, script, v0, st);
    case QN_SCRIPT_MULTISIG:
        return solve_multisig(s, &info, script, v0, st);
    case QN_SCRIPT_SCRIPTHASH:
        return solve_hash(s, part->data, false, st);
    case QN_SCRIPT_WITNESS_V0_SCRIPTHASH:
        return solve_hash(s, part->data, true, st);
    case QN_SCRIPT_WITNESS_V0_KEYHASH:
        push(s, st, bytes(part->data, part->len));
        return true;
    case QN_SCRIPT_WITNESS_V1_TAPROOT:
        return solve_taproot(s, part->data, st);
    case QN_SCRIPT_ANCHOR:
        return true;
    case QN_SCRIPT_NONSTANDARD:
    case QN_SCRIPT_NULLDATA:
    case QN_SCRIPT_WITNESS_UNKNOWN:
        break;
    }
    return false;
}

static bool solve_witness_script(solver *s, qn_psbt_bytes script)
{
    qn_script_type inner;
    qn_psbt_learn(s, QN_PSBT_IN_WITNESS, bytes(NULL, 0), script);
    bool ok = solve(s, script, true, &s->wit, &inner) && inner != QN_SCRIPT_SCRIPTHASH &&
              inner != QN_SCRIPT_WITNESS_V0_SCRIPTHASH && inner != QN_SCRIPT_WITNESS_V0_KEYHASH;
    if (!ok && !s->wit.n)
        ok = satisfy(s, script, NULL, &s->wit);
    push(s, &s->wit, script);
    return ok;
}

/* Of a version 0 program that solve() has led to. */
static bool solve_program(solver *s, qn_script_type type)
{
    qn_script_type inner;
    qn_psbt_bytes item = s->sig.item[0];
    s->witness = true;
    s->sig = (stack){.n = 0};
    if (type == QN_SCRIPT_WITNESS_V0_SCRIPTHASH)
        return solve_witness_script(s, item);
    uint8_t code[QN_ADDRESS_SCRIPT_MAX];
    size_t len = qn_script_p2pkh(item.data, code);
    return solve(s, bytes(code, len), true, &s->wit, &inner);
}

/* Fills in sig and wit. True: that is all it wants. */
static bool solve_output(solver *s, qn_psbt_bytes script)
{
    qn_script_type type;
    qn_psbt_bytes redeem = {NULL, 0};
    bool ok = solve(s, script, false, &s->sig, &type);
    if (ok && type == QN_SCRIPT_SCRIPTHASH) {
        redeem = s->sig.item[0];
        qn_psbt_learn(s, QN_PSBT_IN_REDEEM, bytes(NULL, 0), redeem);
        ok = solve(s, redeem, false, &s->sig, &type) && type != QN_SCRIPT_SCRIPTHASH;
    }
    if (ok && (type == QN_SCRIPT_WITNESS_V0_KEYHASH || type == QN_SCRIPT_WITNESS_V0_SCRIPTHASH)) {
        ok = solve_program(s, type);
    } else if (type == QN_SCRIPT_WITNESS_V1_TAPROOT && !redeem.data) {
        s->witness = true;
        s->wit = s->sig;
        s->sig = (stack){.n = 0};
    }
    if (redeem.data)
        push(s, &s->sig, redeem);
    qn_psbt_learn_tap_origins(s);
    return ok && !s->failed;
}

/* ---- the end ---- */

static void put_push(qn_grow *g, qn_psbt_bytes b)
{
    if (b.len == 0) {
        qn_grow_byte(g, QN_OP_0);
    } else if (b.len == 1 && b.data[0] >= 1 && b.data[0] <= 16) {
        qn_grow_byte(g, (uint8_t)(QN_OP_1 + b.data[0] - 1));
    } else if (b.len == 1 && b.data[0] == 0x81) {
        qn_grow_byte(g, QN_OP_1NEGATE);
    } else {
        unsigned n = b.len < QN_OP_PUSHDATA1 ? 0 : b.len <= 0xff ? 1 : b.len <= 0xffff ? 2 : 4;
        if (n)
            qn_grow_byte(g, n == 1 ? QN_OP_PUSHDATA1 : n == 2 ? QN_OP_PUSHDATA2 : QN_OP_PUSHDATA4);
        qn_psbt_put_le(g, b.len, n ? n : 1);
        qn_grow_put(g, b.data, b.len);
    }
}

static void write_stacks(const solver *s, qn_grow *sig, qn_grow *wit)
{
    for (size_t i = 0; i < s->sig.n; i++)
        put_push(sig, s->sig.item[i]);
    if (s->witness && s->wit.n) {
        qn_psbt_put_size(wit, s->wit.n);
        for (size_t i = 0; i < s->wit.n; i++)
            qn_psbt_put_var(wit, s->wit.item[i].data, s->wit.item[i].len);
    }
}

static bool finalize(qn_psbt *p, qn_psbt_map *m, const qn_grow *sig, const qn_grow *wit)
{
    static const uint8_t DROP[] = {QN_PSBT_IN_SIG, QN_PSBT_IN_ORIGIN, QN_PSBT_IN_REDEEM,
                                   QN_PSBT_IN_WITNESS};
    for (size_t i = 0; i < sizeof DROP; i++)
        qn_psbt_drop(m, DROP[i]);
    return (!sig->len || qn_psbt_put(p, m, QN_PSBT_IN_FINAL_SIG, NULL, 0, sig->data, sig->len)) &&
           (!wit->len || qn_psbt_put(p, m, QN_PSBT_IN_FINAL_WITNESS, NULL, 0, wit->data, wit->len));
}

static bool put_coin(qn_psbt *p, qn_psbt_map *m, qn_psbt_coin coin)
{
    qn_grow g = {.data = NULL};
    qn_psbt_put_le(&g, (uint64_t)coin.value, 8);
    qn_psbt_put_var(&g, coin.script.data, coin.script.len);
    bool ok = !g.failed && qn_psbt_put(p, m, QN_PSBT_IN_COIN, NULL, 0, g.data, g.len);
    qn_grow_clear(&g);
    return ok;
}

int qn_psbt_sighash(const qn_psbt_in *in)
{
    qn_psbt_bytes v = qn_psbt_value(&in->map, QN_PSBT_IN_SIGHASH);
    qn_psbt_reader r = {v.data, v.len, NULL};
    return v.data ? (int)qn_psbt_u32(&r) : -1;
}

/* All signatures are of this type? */
static bool sigs_agree(const qn_psbt_map *m, int sighash)
{
    for (size_t i = 0; i < m->n; i++) {
        const qn_psbt_record *r = &m->record[i];
        bool tap = r->type == QN_PSBT_IN_TAP_SIG || r->type == QN_PSBT_IN_TAP_SCRIPT_SIG;
        if (tap && r->value.len != (sighash ? 65u : 64u))
            return false;
        if (sighash && (tap || r->type == QN_PSBT_IN_SIG) &&
            r->value.data[r->value.len - 1] != sighash)
            return false;
    }
    return true;
}

static bool is_taproot(qn_psbt_bytes script)
{
    return script.len == 34 && script.data[0] == QN_OP_1 && script.data[1] == 32;
}

/* Out: *sighash, set in the input when it says more than the default. */
static qn_psbt_sign_result agree(qn_psbt *p, qn_psbt_in *in, qn_psbt_coin coin, int *sighash)
{
    bool tap = is_taproot(coin.script);
    int set = qn_psbt_sighash(in);
    if (*sighash < 0)
        *sighash = tap ? 0 : 1;
    if (qn_psbt_get(&in->map, QN_PSBT_IN_SIGHASH) && set != *sighash)
        return QN_PSBT_SIGN_SIGHASH;
    const uint32_t v = (uint32_t)*sighash;
    const uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    if ((tap ? *sighash != 0 : *sighash != 0 && *sighash != 1) &&
        !qn_psbt_put(p, &in->map, QN_PSBT_IN_SIGHASH, NULL, 0, le, 4))
        return QN_PSBT_SIGN_NO_MEMORY;
    return sigs_agree(&in->map, *sighash) ? QN_PSBT_SIGN_DONE : QN_PSBT_SIGN_SIGHASH;
}

static qn_psbt_bytes final_of(const qn_psbt_in *in, uint8_t type)
{
    return qn_psbt_value(&in->map, type);
}

static bool holds(const qn_psbt_helper *h, size_t i, qn_psbt_bytes sig, qn_psbt_bytes wit)
{
    return h->verify && h->verify(h->arg, i, sig, wit);
}

/* What was learned, and what it comes to. */
static bool keep(solver *s, qn_psbt_in *in, qn_psbt_coin coin, bool end, const qn_grow *sig,
                 const qn_grow *wit)
{
    bool ok = end ? finalize(s->p, &in->map, sig, wit) : qn_psbt_merge(s->p, &in->map, &s->add);
    return ok && (!s->witness || put_coin(s->p, &in->map, coin));
}

qn_psbt_sign_result qn_psbt_sign(qn_psbt *p, size_t i, const qn_psbt_helper *h, int sighash,
                                 bool end, qn_psbt_missing *missing)
{
    qn_psbt_in *in = &p->in[i];
    qn_psbt_coin coin;
    qn_psbt_bytes final_sig = final_of(in, QN_PSBT_IN_FINAL_SIG),
                  final_wit = final_of(in, QN_PSBT_IN_FINAL_WITNESS);
    if (missing)
        *missing = (qn_psbt_missing){.n_keys = 0};
    if (!qn_psbt_coin_of(in, &coin))
        return QN_PSBT_SIGN_NO_COIN;
    if (holds(h, i, final_sig, final_wit))
        return QN_PSBT_SIGN_DONE;
    bool only_segwit = !qn_psbt_get(&in->map, QN_PSBT_IN_TX);
    qn_psbt_sign_result res = agree(p, in, coin, &sighash);
    if (res)
        return res;
    /* What is finalized is complete, whether it holds or not: so it is in Core. */
    if (final_sig.data || final_wit.data)
        return only_segwit ? QN_PSBT_SIGN_INCOMPLETE : QN_PSBT_SIGN_DONE;
    solver s = {.p = p, .i = i, .have = &in->map, .add = {.kind = QN_PSBT_INPUT}, .h = h};
    qn_grow sig = {.data = NULL}, wit = {.data = NULL};
    bool ok = solve_output(&s, coin.script);
    write_stacks(&s, &sig, &wit);
    ok = ok && !sig.failed && !wit.failed &&
         holds(h, i, bytes(sig.data, sig.len), bytes(wit.data, wit.len));
    bool refused = only_segwit && !s.witness;
    if (!refused && !s.failed)
        s.failed = !keep(&s, in, coin, ok && end, &sig, &wit);
    s.failed |= sig.failed || wit.failed;
    qn_grow_clear(&sig);
    qn_grow_clear(&wit);
    if (missing && !refused)
        *missing = s.missing;
    else
        qn_psbt_missing_clear(&s.missing);
    if (s.failed)
        return QN_PSBT_SIGN_NO_MEMORY;
    return ok && !refused ? QN_PSBT_SIGN_DONE : QN_PSBT_SIGN_INCOMPLETE;
}

/* ---- outputs ---- */

typedef struct output_job {
    qn_psbt *p;
    qn_psbt_out *out;
    bool failed;
} output_job;

static void put_tree(void *arg, uint8_t type, qn_psbt_bytes data, qn_psbt_bytes value)
{
    output_job *j = arg;
    if (!qn_psbt_put(j->p, &j->out->map, type, data.data, data.len, value.data, value.len))
        j->failed = true;
}

/* Records of an output as an input has them: what both have. */
static const uint8_t BOTH[][2] = {{QN_PSBT_OUT_REDEEM, QN_PSBT_IN_REDEEM},
                                  {QN_PSBT_OUT_WITNESS, QN_PSBT_IN_WITNESS},
                                  {QN_PSBT_OUT_ORIGIN, QN_PSBT_IN_ORIGIN},
                                  {QN_PSBT_OUT_TAP_KEY, QN_PSBT_IN_TAP_KEY},
                                  {QN_PSBT_OUT_TAP_ORIGIN, QN_PSBT_IN_TAP_ORIGIN}};

static bool translate(qn_psbt *p, const qn_psbt_map *from, qn_psbt_map *to, int way)
{
    bool ok = true;
    for (size_t i = 0; i < from->n && ok; i++) {
        const qn_psbt_record *r = &from->record[i];
        for (size_t k = 0; k < sizeof BOTH / sizeof BOTH[0] && ok; k++) {
            uint8_t key[100];
            if (r->type != BOTH[k][way] || r->data.len >= sizeof key)
                continue;
            key[0] = BOTH[k][!way];
            if (r->data.len)
                memcpy(key + 1, r->data.data, r->data.len);
            if (!qn_psbt_find(to, key, r->data.len + 1))
                ok = qn_psbt_put(p, to, key[0], r->data.data, r->data.len, r->value.data,
                                 r->value.len);
        }
    }
    return ok;
}

/* Leaves the other way round: as Core does with a tree that was there. */
static bool turn_tree(qn_psbt *p, qn_psbt_out *out)
{
    qn_psbt_bytes v = qn_psbt_value(&out->map, QN_PSBT_OUT_TAP_TREE);
    qn_psbt_reader r = {v.data, v.len, NULL};
    uint8_t *turned = qn_psbt_room(p, v.len, 1);
    size_t end = v.len;
    if (!turned)
        return false;
    while (r.left) {
        const uint8_t *from = r.p;
        qn_psbt_take(&r, 2);
        qn_psbt_var(&r);
        size_t n = (size_t)(r.p - from);
        if (r.fail || !n || n > end)
            return false;
        end -= n;
        memcpy(turned + end, from, n);
    }
    return qn_psbt_put(p, &out->map, QN_PSBT_OUT_TAP_TREE, NULL, 0, turned, v.len);
}

bool qn_psbt_update_output(qn_psbt *p, size_t i, const qn_psbt_helper *h)
{
    qn_psbt_out *out = &p->out[i];
    qn_psbt_helper quiet = *h; /* as if it were spent, by nobody */
    quiet.ecdsa = NULL;
    quiet.schnorr = NULL;
    qn_psbt_map had = {.kind = QN_PSBT_INPUT};
    output_job j = {p, out, false};
    if (!translate(p, &out->map, &had, 0))
        return false;
    solver s = {.p = p, .i = 0, .have = &had, .add = {.kind = QN_PSBT_INPUT}, .h = &quiet};
    quiet.any_time = true; /* no input stands for it */
    (void)solve_output(&s, out->coin.script);
    qn_psbt_missing_clear(&s.missing);
    bool ok = !s.failed && translate(p, &s.add, &out->map, 1);
    if (ok && qn_psbt_get(&out->map, QN_PSBT_OUT_TAP_TREE) &&
        qn_psbt_get(&out->map, QN_PSBT_OUT_TAP_KEY))
        ok = turn_tree(p, out);
    if (ok && h->tree && is_taproot(out->coin.script))
        h->tree(h->arg, out->coin.script.data + 2, put_tree, &j);
    return ok && !j.failed;
}

void qn_psbt_drop_transactions(qn_psbt *p)
{
    for (size_t i = 0; i < p->n_in; i++) {
        qn_psbt_coin coin;
        qn_script_part program;
        int version, sighash = qn_psbt_sighash(&p->in[i]);
        if (!qn_psbt_witness_coin(&p->in[i], &coin) ||
            !qn_script_witness_program(coin.script.data, coin.script.len, &version, &program) ||
            version == 0 ||
            (qn_psbt_get(&p->in[i].map, QN_PSBT_IN_SIGHASH) && (unsigned)sighash & 0x80u))
            return;
    }
    for (size_t i = 0; i < p->n_in; i++)
        qn_psbt_drop(&p->in[i].map, QN_PSBT_IN_TX);
}
