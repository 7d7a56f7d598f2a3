/* Miniscript from script. The script is read from its end, where each expression shows what it is,
 * with a stack of what is expected next: the way BIP379 outlines and Core goes, so that both read
 * the same expression where several have the same script. */
#include "lib/miniscript.h"

#include "lib/scriptnum_impl.h"

#include <stdlib.h>
#include <string.h>

/* What is expected. Those from MAKE on only join expressions that were read. */
typedef enum goal_kind {
    ONE,        /* an expression that is no W and no and_v() */
    CHAIN,      /* one, or several joined by and_v() */
    MAYBE_MORE, /* another one in front, if there may be one */
    W,          /* an expression of type W */
    AFTER_ENDIF,
    AFTER_NOTIF, /* ... NOTIF x ENDIF */
    AFTER_ELSE,  /* ... ELSE x ENDIF */
    THRESH_MORE, /* n: arguments read; k */
    OPCODE,      /* n: the opcode that must stand here; then wrap with k */
    WRAP,        /* k: kind of the node around the last one */
    PAIR,        /* k: kind of the node of the last two */
    TRIPLE,      /* andor() */
    THRESH,      /* n arguments, k */
} goal_kind;

typedef struct goal {
    goal_kind kind;
    uint32_t n, k;
} goal;

typedef struct decoder {
    qn_ms *m;
    const qn_ms_reader *r;
    const qn_script_op *op; /* from the end of the script: op[at] is the next */
    size_t n_ops, at;
    goal *goal;
    size_t n_goals, goals_cap;
    qn_ms_node **value;
    size_t n_values, values_cap;
} decoder;

static bool expect(decoder *d, goal_kind kind, uint32_t n, uint32_t k)
{
    if (d->n_goals == d->goals_cap) {
        size_t cap = d->goals_cap ? 2 * d->goals_cap : 64;
        goal *more = realloc(d->goal, cap * sizeof *more);
        if (!more)
            return false;
        d->goal = more;
        d->goals_cap = cap;
    }
    d->goal[d->n_goals++] = (goal){kind, n, k};
    return true;
}

/* First `then`, and with what that gives `kind`. */
static bool expect2(decoder *d, goal_kind kind, uint32_t k, goal_kind then)
{
    return expect(d, kind, 0, k) && expect(d, then, 0, 0);
}

/* What is no valid expression is no part of one either. */
static bool got(decoder *d, qn_ms_node *v)
{
    if (!v || !qn_ms_valid(d->m, v))
        return false;
    if (d->n_values == d->values_cap) {
        size_t cap = d->values_cap ? 2 * d->values_cap : 64;
        qn_ms_node **more = realloc(d->value, cap * sizeof *more);
        if (!more)
            return false;
        d->value = more;
        d->values_cap = cap;
    }
    d->value[d->n_values++] = v;
    return true;
}

/* Join the last n values, the one read last first. */
static bool join(decoder *d, qn_ms_kind kind, size_t n, uint32_t k)
{
    if (d->n_values < n)
        return false;
    qn_ms_node **v = d->value + d->n_values - n;
    for (size_t i = 0; i < n / 2; i++) {
        qn_ms_node *t = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = t;
    }
    d->n_values -= n;
    return got(d, qn_ms_join(d->m, kind, v, n, k));
}

static size_t left(const decoder *d)
{
    return d->n_ops - d->at;
}

static bool is_op(const decoder *d, size_t ahead, uint8_t code)
{
    return ahead < left(d) && d->op[d->at + ahead].code == code;
}

static bool number_at(const decoder *d, size_t ahead, int64_t *v)
{
    return ahead < left(d) && qn_script_get_number(&d->op[d->at + ahead], v);
}

static bool take(decoder *d, uint8_t code)
{
    bool ok = is_op(d, 0, code);
    d->at += ok;
    return ok;
}

static bool read_key(decoder *d, const qn_script_op *o)
{
    if (!d->r->bytes(d->r->arg, o->data, o->data_len))
        return false;
    d->m->n_keys++;
    return true;
}

static bool read_key_hash(decoder *d)
{
    if (!d->r->hash(d->r->arg, d->op[d->at + 2].data))
        return false;
    d->m->n_keys++;
    d->at += 5;
    return got(d, qn_ms_keys(d->m, QN_MS_PK_H, 1, 0, false));
}

/* [number] CHECKSEQUENCEVERIFY or CHECKLOCKTIMEVERIFY. */
static bool read_lock(decoder *d, int64_t v)
{
    qn_ms_kind kind = is_op(d, 0, QN_OP_CHECKSEQUENCEVERIFY) ? QN_MS_OLDER : QN_MS_AFTER;
    d->at += 2;
    return v >= 1 && v <= 0x7fffffff && got(d, qn_ms_leaf(d->m, kind, (uint32_t)v));
}

/* SIZE 32 EQUALVERIFY hash [bytes] EQUAL. */
static bool is_hash(const decoder *d, qn_ms_kind *kind)
{
    static const struct {
        uint8_t code;
        size_t len;
        qn_ms_kind kind;
    } hashes[] = {{QN_OP_SHA256, 32, QN_MS_SHA256},
                  {QN_OP_RIPEMD160, 20, QN_MS_RIPEMD160},
                  {QN_OP_HASH256, 32, QN_MS_HASH256},
                  {QN_OP_HASH160, 20, QN_MS_HASH160}};
    int64_t v;
    if (!is_op(d, 0, QN_OP_EQUAL) || !is_op(d, 3, QN_OP_VERIFY) || !is_op(d, 4, QN_OP_EQUAL) ||
        !number_at(d, 5, &v) || v != 32 || !is_op(d, 6, QN_OP_SIZE))
        return false;
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        *kind = hashes[i].kind;
        if (is_op(d, 2, hashes[i].code) && d->op[d->at + 1].data_len == hashes[i].len)
            return true;
    }
    return false;
}

static bool read_hash(decoder *d, qn_ms_kind kind)
{
    const qn_script_op *o = &d->op[d->at + 1];
    d->at += 7;
    return got(d, qn_ms_hash(d->m, kind, o->data, o->data_len));
}

/* [k] key ... key [n] CHECKMULTISIG */
static bool read_multi(decoder *d)
{
    int64_t n, k;
    if (d->m->tap || !number_at(d, 1, &n) || n < 1 || n > (int64_t)QN_MS_MAX_MULTI ||
        left(d) < 3u + (size_t)n)
        return false;
    for (int64_t i = 0; i < n; i++) {
        const qn_script_op *o = &d->op[d->at + 2 + (size_t)i];
        if (o->data_len != 33 || !read_key(d, o))
            return false;
    }
    if (!number_at(d, 2 + (size_t)n, &k) || k < 1 || k > n)
        return false;
    d->at += 3 + (size_t)n;
    return got(d, qn_ms_keys(d->m, QN_MS_MULTI, (size_t)n, (uint32_t)k, true));
}

/* key CHECKSIG key CHECKSIGADD ... [k] NUMEQUAL */
static bool read_multi_a(decoder *d)
{
    int64_t k;
    size_t n = 0;
    bool first = false;
    if (!d->m->tap || !number_at(d, 1, &k) || k < 1 || k > (int64_t)QN_MS_MAX_MULTI_A)
        return false;
    for (; !first; n++) {
        first = is_op(d, 2 + 2 * n, QN_OP_CHECKSIG);
        if (n == QN_MS_MAX_MULTI_A || left(d) < 4 + 2 * n ||
            !(first || is_op(d, 2 + 2 * n, QN_OP_CHECKSIGADD)))
            return false;
        const qn_script_op *o = &d->op[d->at + 3 + 2 * n];
        if (o->data_len != 32 || !read_key(d, o))
            return false;
    }
    d->at += 2 + 2 * n;
    return (uint64_t)k <= n && got(d, qn_ms_keys(d->m, QN_MS_MULTI_A, n, (uint32_t)k, true));
}

static bool is_key_hash(const decoder *d)
{
    return is_op(d, 0, QN_OP_VERIFY) && is_op(d, 1, QN_OP_EQUAL) && is_op(d, 3, QN_OP_HASH160) &&
           is_op(d, 4, QN_OP_DUP) && d->op[d->at + 2].data_len == 20;
}

/* What holds other expressions. and_v() commutes with the wrappers and with and_b() and or_b(), and
 * is left outside of them. */
static bool read_outer(decoder *d)
{
    int64_t v;
    if (take(d, QN_OP_CHECKSIG))
        return expect2(d, WRAP, QN_MS_C, ONE);
    if (take(d, QN_OP_VERIFY))
        return expect2(d, WRAP, QN_MS_V, ONE);
    if (take(d, QN_OP_0NOTEQUAL))
        return expect2(d, WRAP, QN_MS_N, ONE);
    if (left(d) >= 3 && is_op(d, 0, QN_OP_EQUAL) && number_at(d, 1, &v)) {
        d->at += 2;
        return v >= 1 && expect(d, THRESH_MORE, 0, (uint32_t)v);
    }
    if (take(d, QN_OP_ENDIF))
        return expect2(d, AFTER_ENDIF, 0, CHAIN);
    if (take(d, QN_OP_BOOLAND))
        return expect2(d, PAIR, QN_MS_AND_B, ONE) && expect(d, W, 0, 0);
    if (take(d, QN_OP_BOOLOR))
        return expect2(d, PAIR, QN_MS_OR_B, ONE) && expect(d, W, 0, 0);
    return false;
}

static bool read_one(decoder *d)
{
    int64_t v;
    qn_ms_kind kind;
    if (left(d) == 0)
        return false;
    if (take(d, QN_OP_1))
        return got(d, qn_ms_leaf(d->m, QN_MS_1, 0));
    if (take(d, QN_OP_0))
        return got(d, qn_ms_leaf(d->m, QN_MS_0, 0));
    const qn_script_op *o = &d->op[d->at];
    if (o->data_len == 33 || o->data_len == 32) {
        d->at++;
        return read_key(d, o) && got(d, qn_ms_keys(d->m, QN_MS_PK_K, 1, 0, false));
    }
    if (is_key_hash(d))
        return read_key_hash(d);
    if ((is_op(d, 0, QN_OP_CHECKSEQUENCEVERIFY) || is_op(d, 0, QN_OP_CHECKLOCKTIMEVERIFY)) &&
        number_at(d, 1, &v))
        return read_lock(d, v);
    if (is_hash(d, &kind))
        return read_hash(d, kind);
    if (left(d) >= 3 && is_op(d, 0, QN_OP_CHECKMULTISIG))
        return read_multi(d);
    if (left(d) >= 4 && is_op(d, 0, QN_OP_NUMEQUAL))
        return read_multi_a(d);
    return read_outer(d);
}

static bool read_w(decoder *d)
{
    if (left(d) == 0)
        return false;
    bool alt = take(d, QN_OP_FROMALTSTACK);
    return expect(d, OPCODE, alt ? QN_OP_TOALTSTACK : QN_OP_SWAP, alt ? QN_MS_A : QN_MS_S) &&
           expect(d, CHAIN, 0, 0);
}

/* Between the front of an expression and what it is the argument of stands one of few opcodes. */
static bool maybe_more(decoder *d)
{
    static const uint8_t fronts[] = {QN_OP_IF, QN_OP_ELSE, QN_OP_NOTIF, QN_OP_TOALTSTACK,
                                     QN_OP_SWAP};
    if (left(d) == 0 || memchr(fronts, d->op[d->at].code, sizeof fronts))
        return true;
    return expect2(d, PAIR, QN_MS_AND_V, CHAIN);
}

static bool after_endif(decoder *d)
{
    if (take(d, QN_OP_ELSE))
        return expect2(d, AFTER_ELSE, 0, CHAIN);
    if (take(d, QN_OP_NOTIF))
        return expect(d, AFTER_NOTIF, 0, 0);
    if (!take(d, QN_OP_IF))
        return false;
    if (take(d, QN_OP_DUP))
        return expect(d, WRAP, 0, QN_MS_D);
    return take(d, QN_OP_0NOTEQUAL) && take(d, QN_OP_SIZE) && expect(d, WRAP, 0, QN_MS_J);
}

static bool after_notif(decoder *d)
{
    if (left(d) == 0)
        return false;
    return expect2(d, PAIR, take(d, QN_OP_IFDUP) ? QN_MS_OR_D : QN_MS_OR_C, ONE);
}

static bool after_else(decoder *d)
{
    if (take(d, QN_OP_IF))
        return join(d, QN_MS_OR_I, 2, 0);
    return take(d, QN_OP_NOTIF) && expect2(d, TRIPLE, 0, ONE);
}

/* The script has x, z, y; they were read y, z, x. */
static bool andor(decoder *d)
{
    if (d->n_values < 3)
        return false;
    qn_ms_node **v = d->value + d->n_values - 3, *y = v[0];
    v[0] = v[1];
    v[1] = y;
    return join(d, QN_MS_ANDOR, 3, 0);
}

static bool thresh_more(decoder *d, const goal *g)
{
    if (left(d) == 0 || g->n == QN_MS_MAX_SUBS)
        return false;
    if (take(d, QN_OP_ADD))
        return expect(d, THRESH_MORE, g->n + 1, g->k) && expect(d, W, 0, 0);
    return expect(d, THRESH, g->n + 1, g->k) && expect(d, ONE, 0, 0);
}

static bool reach(decoder *d, const goal *g)
{
    switch (g->kind) {
    case ONE:
        return read_one(d);
    case CHAIN:
        return expect2(d, MAYBE_MORE, 0, ONE);
    case MAYBE_MORE:
        return maybe_more(d);
    case W:
        return read_w(d);
    case AFTER_ENDIF:
        return after_endif(d);
    case AFTER_NOTIF:
        return after_notif(d);
    case AFTER_ELSE:
        return after_else(d);
    case THRESH_MORE:
        return thresh_more(d, g);
    case OPCODE:
        return take(d, (uint8_t)g->n) && join(d, (qn_ms_kind)g->k, 1, 0);
    case WRAP:
        return join(d, (qn_ms_kind)g->k, 1, 0);
    case PAIR:
        return join(d, (qn_ms_kind)g->k, 2, 0);
    case TRIPLE:
        return andor(d);
    case THRESH:
        return g->k <= g->n && join(d, QN_MS_THRESH, g->n, g->k);
    }
    return false;
}

static bool decode(decoder *d)
{
    if (!expect(d, CHAIN, 0, 0))
        return false;
    while (d->n_goals) {
        goal g = d->goal[--d->n_goals];
        if (!reach(d, &g))
            return false;
    }
    return d->n_values == 1 && d->at == d->n_ops && (d->value[0]->type & QN_MS_TB);
}

/* An opcode that checks, as the one that answers and VERIFY. */
static uint8_t without_verify(uint8_t code)
{
    switch (code) {
    case QN_OP_CHECKSIGVERIFY:
        return QN_OP_CHECKSIG;
    case QN_OP_CHECKMULTISIGVERIFY:
        return QN_OP_CHECKMULTISIG;
    case QN_OP_EQUALVERIFY:
        return QN_OP_EQUAL;
    case QN_OP_NUMEQUALVERIFY:
        return QN_OP_NUMEQUAL;
    default:
        return 0;
    }
}

/* The opcodes, last first. Returns: their number; SIZE_MAX: no Miniscript has such a script. `out`
 * has room for two for each byte. */
static size_t take_apart(const uint8_t *script, size_t len, qn_script_op *out)
{
    static const uint8_t has_verify[] = {QN_OP_CHECKSIG, QN_OP_CHECKMULTISIG, QN_OP_EQUAL,
                                         QN_OP_NUMEQUAL};
    size_t pos = 0, n = 0;
    while (pos < len) {
        qn_script_op o;
        if (!qn_script_next(script, len, &pos, &o))
            return SIZE_MAX;
        const uint8_t plain = without_verify(o.code);
        if (o.code > QN_OP_0 && o.code <= QN_OP_PUSHDATA4 && !qn_script_shortest_push(&o))
            return SIZE_MAX;
        if (pos < len && script[pos] == QN_OP_VERIFY &&
            memchr(has_verify, o.code, sizeof has_verify))
            return SIZE_MAX; /* it would have been one opcode */
        if (plain) {
            out[n++] = (qn_script_op){plain, NULL, 0};
            o.code = QN_OP_VERIFY;
        }
        out[n++] = o;
    }
    for (size_t i = 0; i < n / 2; i++) {
        qn_script_op t = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = t;
    }
    return n;
}

bool qn_ms_decode(qn_ms *m, const uint8_t *script, size_t len, const qn_ms_reader *r)
{
    if (len > (m->tap ? QN_MS_MAX_TAP : QN_MS_MAX_WSH))
        return false;
    qn_script_op *op = malloc((2 * len + 1) * sizeof *op);
    if (!op)
        return false;
    decoder d = {m, r, op, take_apart(script, len, op), 0, NULL, 0, 0, NULL, 0, 0};
    m->root = NULL;
    if (d.n_ops != SIZE_MAX && decode(&d))
        m->root = d.value[0];
    free(d.goal);
    free(d.value);
    free(op);
    return m->root != NULL;
}
