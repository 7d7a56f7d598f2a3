/* Miniscript as script. A V wrapper has no opcode of its own where the last one inside has a VERIFY
 * form: the flag of the walk says that it is wanted. */
#include "lib/miniscript.h"

#include "lib/hash.h"
#include "lib/scriptnum_impl.h"

typedef struct maker {
    qn_grow *out;
    qn_ms_key_fn *key;
    void *arg;
    bool tap;
} maker;

static void op(const maker *k, uint8_t code)
{
    qn_grow_byte(k->out, code);
}

static void put_key(const maker *k, uint32_t number)
{
    size_t len;
    const uint8_t *p = k->key(k->arg, number, &len);
    qn_script_put(k->out, p, len);
}

static void put_key_hash(const maker *k, uint32_t number)
{
    size_t len;
    uint8_t id[20];
    const uint8_t *p = k->key(k->arg, number, &len);
    qn_hash160(p, len, id);
    op(k, QN_OP_DUP);
    op(k, QN_OP_HASH160);
    qn_script_put(k->out, id, sizeof id);
    op(k, QN_OP_EQUALVERIFY);
}

static void put_hash(const maker *k, const qn_ms_node *n, bool verify)
{
    const bool wide = n->kind == QN_MS_SHA256 || n->kind == QN_MS_HASH256;
    op(k, QN_OP_SIZE);
    qn_script_put_number(k->out, 32);
    op(k, QN_OP_EQUALVERIFY);
    op(k, n->kind == QN_MS_SHA256      ? QN_OP_SHA256
          : n->kind == QN_MS_HASH256   ? QN_OP_HASH256
          : n->kind == QN_MS_RIPEMD160 ? QN_OP_RIPEMD160
                                       : QN_OP_HASH160);
    qn_script_put(k->out, n->hash, wide ? 32 : 20);
    op(k, verify ? QN_OP_EQUALVERIFY : QN_OP_EQUAL);
}

static void put_multi(const maker *k, const qn_ms_node *n, bool verify)
{
    const bool leaf = n->kind == QN_MS_MULTI_A;
    if (!leaf)
        qn_script_put_number(k->out, n->k);
    for (uint32_t i = 0; i < n->n_keys; i++) {
        put_key(k, n->key[i]);
        if (leaf)
            op(k, i ? QN_OP_CHECKSIGADD : QN_OP_CHECKSIG);
    }
    qn_script_put_number(k->out, leaf ? n->k : n->n_keys);
    if (leaf)
        op(k, verify ? QN_OP_NUMEQUALVERIFY : QN_OP_NUMEQUAL);
    else
        op(k, verify ? QN_OP_CHECKMULTISIGVERIFY : QN_OP_CHECKMULTISIG);
}

static void put_leaf(const maker *k, const qn_ms_node *n, bool verify)
{
    switch (n->kind) {
    case QN_MS_0:
        op(k, QN_OP_0);
        break;
    case QN_MS_1:
        op(k, QN_OP_1);
        break;
    case QN_MS_PK_K:
        put_key(k, n->key[0]);
        break;
    case QN_MS_PK_H:
        put_key_hash(k, n->key[0]);
        break;
    case QN_MS_OLDER:
    case QN_MS_AFTER:
        qn_script_put_number(k->out, n->k);
        op(k, n->kind == QN_MS_OLDER ? QN_OP_CHECKSEQUENCEVERIFY : QN_OP_CHECKLOCKTIMEVERIFY);
        break;
    case QN_MS_MULTI:
    case QN_MS_MULTI_A:
        put_multi(k, n, verify);
        break;
    default:
        put_hash(k, n, verify);
        break;
    }
}

/* What stands around the children, in the order of the script: as many pieces as children, and one.
 */
static const uint8_t *piece(const qn_ms_node *n, size_t place, bool verify, size_t *len)
{
    static const uint8_t alt[] = {QN_OP_TOALTSTACK, QN_OP_FROMALTSTACK};
    static const uint8_t swap[] = {QN_OP_SWAP};
    static const uint8_t check[] = {QN_OP_CHECKSIG, QN_OP_CHECKSIGVERIFY};
    static const uint8_t dup_if[] = {QN_OP_DUP, QN_OP_IF};
    static const uint8_t size_if[] = {QN_OP_SIZE, QN_OP_0NOTEQUAL, QN_OP_IF};
    static const uint8_t ends[] = {QN_OP_ENDIF, QN_OP_VERIFY, QN_OP_0NOTEQUAL};
    static const uint8_t two[] = {QN_OP_BOOLAND, QN_OP_BOOLOR};
    static const uint8_t choice[] = {QN_OP_IFDUP, QN_OP_NOTIF, QN_OP_ELSE, QN_OP_IF};
    const bool last = place == n->n_subs;
    *len = 1;
    switch (n->kind) {
    case QN_MS_A:
        return alt + last;
    case QN_MS_S:
        *len = !last;
        return swap;
    case QN_MS_C:
        *len = last;
        return check + verify;
    case QN_MS_D:
        *len = last ? 1 : sizeof dup_if;
        return last ? ends : dup_if;
    case QN_MS_J:
        *len = last ? 1 : sizeof size_if;
        return last ? ends : size_if;
    case QN_MS_V:
        *len = last && (n->sub[0]->type & QN_MS_TX);
        return ends + 1;
    case QN_MS_N:
        *len = last;
        return ends + 2;
    case QN_MS_AND_B:
    case QN_MS_OR_B:
        *len = last;
        return two + (n->kind == QN_MS_OR_B);
    case QN_MS_OR_C:
        *len = place > 0;
        return last ? ends : choice + 1;
    case QN_MS_OR_D:
        *len = place == 1 ? 2 : place > 0;
        return last ? ends : choice;
    case QN_MS_OR_I:
        return last ? ends : place ? choice + 2 : choice + 3;
    case QN_MS_ANDOR:
        *len = place > 0;
        return last ? ends : choice + place;
    default:
        *len = 0; /* and_v() has none; thresh() is handled apart */
        return two;
    }
}

static bool step(void *arg, const qn_ms_node *n, size_t place, bool verify)
{
    const maker *k = arg;
    size_t len;
    if (n->n_subs == 0) {
        put_leaf(k, n, verify);
        return false;
    }
    if (n->kind == QN_MS_THRESH) {
        if (place > 1)
            op(k, QN_OP_ADD);
        if (place == n->n_subs) {
            qn_script_put_number(k->out, n->k);
            op(k, verify ? QN_OP_EQUALVERIFY : QN_OP_EQUAL);
        }
        return false;
    }
    const uint8_t *p = piece(n, place, verify, &len);
    qn_grow_put(k->out, p, len);
    return n->kind == QN_MS_V ||
           (verify && (n->kind == QN_MS_S || (n->kind == QN_MS_AND_V && place == 1)));
}

static size_t order(const qn_ms_node *n, size_t place)
{
    return n->kind == QN_MS_ANDOR && place > 0 ? 3 - place : place;
}

bool qn_ms_script(const qn_ms *m, qn_ms_key_fn *key, void *arg, qn_grow *out)
{
    maker k = {out, key, arg, m->tap};
    return qn_ms_walk(m->root, step, order, &k) && !out->failed;
}
