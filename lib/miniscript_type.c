/* What an expression may stand for and what it costs (BIP379): each from what it is made of. */
#include "lib/miniscript.h"

#define LOCKTIME_THRESHOLD 500000000u /* lock times below are heights (BIP65) */
#define SEQUENCE_IS_TIME (1u << 22)   /* BIP112 */
#define LOCKS (QN_MS_LG | QN_MS_LH | QN_MS_LI | QN_MS_LJ)

static bool all(uint32_t t, uint32_t mask)
{
    return (t & mask) == mask;
}

static uint32_t when(bool c, uint32_t flags)
{
    return c ? flags : 0;
}

/* Both are satisfied together: a lock in time and one in blocks would never open at once. */
static bool clash(uint32_t a, uint32_t b)
{
    return (all(a, QN_MS_LG) && all(b, QN_MS_LH)) || (all(a, QN_MS_LH) && all(b, QN_MS_LG)) ||
           (all(a, QN_MS_LI) && all(b, QN_MS_LJ)) || (all(a, QN_MS_LJ) && all(b, QN_MS_LI));
}

static uint32_t locks_together(uint32_t x, uint32_t y)
{
    return ((x | y) & LOCKS) | when(all(x & y, QN_MS_LK) && !clash(x, y), QN_MS_LK);
}

static uint32_t locks_apart(uint32_t x, uint32_t y)
{
    return ((x | y) & LOCKS) | (x & y & QN_MS_LK);
}

/* One argument in sum: one of the two takes it, the other none. */
static uint32_t one_of(uint32_t x, uint32_t y)
{
    return when(all(x | y, QN_MS_TZ) && ((x | y) & QN_MS_TO), QN_MS_TO);
}

static uint32_t leaf_type(const qn_ms_node *n)
{
    const uint32_t any = QN_MS_TM | QN_MS_LK,
                   lock = QN_MS_TB | QN_MS_TZ | QN_MS_TF | QN_MS_TX | any;
    const uint32_t sig = QN_MS_TN | QN_MS_TU | QN_MS_TD | QN_MS_TE | QN_MS_TS | any;
    switch (n->kind) {
    case QN_MS_0:
        return QN_MS_TB | QN_MS_TZ | QN_MS_TU | QN_MS_TD | QN_MS_TE | QN_MS_TS | QN_MS_TX | any;
    case QN_MS_1:
        return lock | QN_MS_TU;
    case QN_MS_PK_K:
        return QN_MS_TK | QN_MS_TO | QN_MS_TX | sig;
    case QN_MS_PK_H:
        return QN_MS_TK | QN_MS_TX | sig;
    case QN_MS_OLDER:
        return lock | (n->k & SEQUENCE_IS_TIME ? QN_MS_LG : QN_MS_LH);
    case QN_MS_AFTER:
        return lock | (n->k >= LOCKTIME_THRESHOLD ? QN_MS_LI : QN_MS_LJ);
    case QN_MS_MULTI:
        return QN_MS_TB | sig;
    case QN_MS_MULTI_A:
        return QN_MS_TB | (sig & ~(uint32_t)QN_MS_TN);
    default:
        return QN_MS_TB | QN_MS_TO | QN_MS_TN | QN_MS_TU | QN_MS_TD | any; /* the hashes */
    }
}

static uint32_t wrapper_type(const qn_ms_node *n, bool tap)
{
    const uint32_t x = n->sub[0]->type, kept = x & (LOCKS | QN_MS_LK | QN_MS_TM | QN_MS_TS);
    const uint32_t inner = QN_MS_TU | QN_MS_TD | QN_MS_TF | QN_MS_TE;
    switch (n->kind) {
    case QN_MS_A:
        return when(all(x, QN_MS_TB), QN_MS_TW) | kept | (x & inner) | QN_MS_TX;
    case QN_MS_S:
        return when(all(x, QN_MS_TB | QN_MS_TO), QN_MS_TW) | kept | (x & (inner | QN_MS_TX));
    case QN_MS_C:
        return when(all(x, QN_MS_TK), QN_MS_TB) | kept | QN_MS_TU | QN_MS_TS |
               (x & (QN_MS_TO | QN_MS_TN | QN_MS_TD | QN_MS_TF | QN_MS_TE));
    case QN_MS_D:
        return when(all(x, QN_MS_TV | QN_MS_TZ), QN_MS_TB) | when(all(x, QN_MS_TZ), QN_MS_TO) |
               when(all(x, QN_MS_TF), QN_MS_TE) | when(tap, QN_MS_TU) | kept | QN_MS_TN | QN_MS_TD |
               QN_MS_TX;
    case QN_MS_V:
        return when(all(x, QN_MS_TB), QN_MS_TV) | kept | QN_MS_TF | QN_MS_TX |
               (x & (QN_MS_TZ | QN_MS_TO | QN_MS_TN));
    case QN_MS_J:
        return when(all(x, QN_MS_TB | QN_MS_TN), QN_MS_TB) | when(all(x, QN_MS_TF), QN_MS_TE) |
               kept | (x & (QN_MS_TO | QN_MS_TU)) | QN_MS_TN | QN_MS_TD | QN_MS_TX;
    default: /* QN_MS_N */
        return (x & (QN_MS_TB | QN_MS_TZ | QN_MS_TO | QN_MS_TN | QN_MS_TD | QN_MS_TF | QN_MS_TE)) |
               kept | QN_MS_TU | QN_MS_TX;
    }
}

static uint32_t and_type(const qn_ms_node *n)
{
    const uint32_t x = n->sub[0]->type, y = n->sub[1]->type;
    uint32_t t = one_of(x, y) | (x & QN_MS_TN) | when(all(x, QN_MS_TZ), y & QN_MS_TN) |
                 (x & y & (QN_MS_TM | QN_MS_TZ)) | ((x | y) & QN_MS_TS) | locks_together(x, y);
    if (n->kind == QN_MS_AND_V)
        return t | when(all(x, QN_MS_TV), y & (QN_MS_TK | QN_MS_TV | QN_MS_TB)) |
               when(all(y, QN_MS_TF) || all(x, QN_MS_TS), QN_MS_TF) | (y & (QN_MS_TU | QN_MS_TX));
    bool forced =
        all(x & y, QN_MS_TF) || all(x, QN_MS_TS | QN_MS_TF) || all(y, QN_MS_TS | QN_MS_TF);
    return t | when(all(y, QN_MS_TW), x & QN_MS_TB) | when(all(x & y, QN_MS_TS), x & y & QN_MS_TE) |
           (x & y & QN_MS_TD) | when(forced, QN_MS_TF) | QN_MS_TU | QN_MS_TX;
}

static uint32_t or_type(const qn_ms_node *n)
{
    const uint32_t x = n->sub[0]->type, y = n->sub[1]->type, both = x & y, either = x | y;
    const uint32_t locks = locks_apart(x, y), bdu = QN_MS_TB | QN_MS_TD | QN_MS_TU;
    const bool first_unique = all(x, QN_MS_TE) && all(either, QN_MS_TS);
    switch (n->kind) {
    case QN_MS_OR_B:
        return locks | when(all(x, QN_MS_TB | QN_MS_TD) && all(y, QN_MS_TW | QN_MS_TD), QN_MS_TB) |
               one_of(x, y) | when(all(either, QN_MS_TS) && all(both, QN_MS_TE), both & QN_MS_TM) |
               (both & (QN_MS_TZ | QN_MS_TS | QN_MS_TE)) | QN_MS_TD | QN_MS_TU | QN_MS_TX;
    case QN_MS_OR_D:
        return locks | when(all(x, bdu), y & QN_MS_TB) | when(all(y, QN_MS_TZ), x & QN_MS_TO) |
               when(first_unique, both & QN_MS_TM) | (both & (QN_MS_TZ | QN_MS_TS)) |
               (y & (QN_MS_TU | QN_MS_TF | QN_MS_TD | QN_MS_TE)) | QN_MS_TX;
    case QN_MS_OR_C:
        return locks | when(all(x, bdu), y & QN_MS_TV) | when(all(y, QN_MS_TZ), x & QN_MS_TO) |
               when(first_unique, both & QN_MS_TM) | (both & (QN_MS_TZ | QN_MS_TS)) | QN_MS_TF |
               QN_MS_TX;
    default: /* QN_MS_OR_I */
        return locks | (both & (QN_MS_TV | QN_MS_TB | QN_MS_TK | QN_MS_TU | QN_MS_TF | QN_MS_TS)) |
               when(all(both, QN_MS_TZ), QN_MS_TO) |
               when(all(either, QN_MS_TF), either & QN_MS_TE) |
               when(all(either, QN_MS_TS), both & QN_MS_TM) | (either & QN_MS_TD) | QN_MS_TX;
    }
}

static uint32_t andor_type(const qn_ms_node *n)
{
    const uint32_t x = n->sub[0]->type, y = n->sub[1]->type, z = n->sub[2]->type;
    const uint32_t args = x | (y & z);
    const bool sure = all(x, QN_MS_TS) || all(y, QN_MS_TF);
    uint32_t t =
        when(all(x, QN_MS_TB | QN_MS_TD | QN_MS_TU), y & z & (QN_MS_TB | QN_MS_TK | QN_MS_TV));
    t |= (x & y & z & QN_MS_TZ) | when(all(args, QN_MS_TZ), args & QN_MS_TO) | (y & z & QN_MS_TU);
    t |= when(sure, z & (QN_MS_TF | QN_MS_TE)) | (z & QN_MS_TD) | (z & (x | y) & QN_MS_TS);
    t |= when(all(x, QN_MS_TE) && all(x | y | z, QN_MS_TS), x & y & z & QN_MS_TM) | QN_MS_TX;
    return t | ((x | y | z) & LOCKS) | when(all(x & y & z, QN_MS_LK) && !clash(x, y), QN_MS_LK);
}

static uint32_t thresh_type(const qn_ms_node *n)
{
    bool all_e = true, all_m = true;
    size_t args = 0, safe = 0;
    uint32_t locks = QN_MS_LK;
    for (uint32_t i = 0; i < n->n_subs; i++) {
        uint32_t t = n->sub[i]->type;
        if (!all(t, (i ? QN_MS_TW : QN_MS_TB) | QN_MS_TD | QN_MS_TU))
            return 0;
        all_e = all_e && all(t, QN_MS_TE);
        all_m = all_m && all(t, QN_MS_TM);
        safe += all(t, QN_MS_TS);
        args += all(t, QN_MS_TZ) ? 0 : all(t, QN_MS_TO) ? 1 : 2;
        locks = n->k > 1 ? locks_together(locks, t) : locks_apart(locks, t);
    }
    return QN_MS_TB | QN_MS_TD | QN_MS_TU | when(args == 0, QN_MS_TZ) | when(args == 1, QN_MS_TO) |
           when(all_e && safe == n->n_subs, QN_MS_TE) |
           when(all_e && all_m && safe + n->k >= n->n_subs, QN_MS_TM) |
           when(safe + n->k >= n->n_subs + 1u, QN_MS_TS) | locks;
}

static uint32_t type_of(const qn_ms_node *n, bool tap)
{
    uint32_t t = n->n_subs == 0                                     ? leaf_type(n)
                 : n->kind >= QN_MS_A && n->kind <= QN_MS_N         ? wrapper_type(n, tap)
                 : n->kind == QN_MS_AND_V || n->kind == QN_MS_AND_B ? and_type(n)
                 : n->kind == QN_MS_ANDOR                           ? andor_type(n)
                 : n->kind == QN_MS_THRESH                          ? thresh_type(n)
                                                                    : or_type(n);
    return t & (QN_MS_TB | QN_MS_TV | QN_MS_TK | QN_MS_TW) ? t : 0;
}

static size_t number_size(uint64_t v)
{
    return 1u + (v > 16) + (v > 0x7f) + (v > 0x7fff) + (v > 0x7fffff);
}

static size_t own_size(const qn_ms_node *n, bool tap)
{
    switch (n->kind) {
    case QN_MS_PK_K:
        return tap ? 33 : 34;
    case QN_MS_PK_H:
        return 24;
    case QN_MS_OLDER:
    case QN_MS_AFTER:
        return 1 + number_size(n->k);
    case QN_MS_SHA256:
    case QN_MS_HASH256:
        return 39;
    case QN_MS_RIPEMD160:
    case QN_MS_HASH160:
        return 27;
    case QN_MS_MULTI:
        return 1 + number_size(n->n_keys) + number_size(n->k) + 34u * n->n_keys;
    case QN_MS_MULTI_A:
        return 1 + number_size(n->k) + 34u * n->n_keys;
    case QN_MS_AND_V:
        return 0;
    case QN_MS_V:
        return all(n->sub[0]->type, QN_MS_TX);
    case QN_MS_A:
    case QN_MS_OR_C:
        return 2;
    case QN_MS_D:
    case QN_MS_OR_D:
    case QN_MS_OR_I:
    case QN_MS_ANDOR:
        return 3;
    case QN_MS_J:
        return 4;
    case QN_MS_THRESH:
        return n->n_subs + number_size(n->k);
    case QN_MS_0:
    case QN_MS_1:
    case QN_MS_S:
    case QN_MS_C:
    case QN_MS_N:
    case QN_MS_AND_B:
    case QN_MS_OR_B:
        return 1;
    }
    return 0;
}

/* Opcodes above OP_16 in the whole script, run or not (the limit of 201 counts them so). */
static size_t own_ops(const qn_ms_node *n)
{
    switch (n->kind) {
    case QN_MS_0:
    case QN_MS_1:
    case QN_MS_PK_K:
    case QN_MS_AND_V:
        return 0;
    case QN_MS_PK_H:
    case QN_MS_D:
    case QN_MS_OR_D:
    case QN_MS_OR_I:
    case QN_MS_ANDOR:
        return 3;
    case QN_MS_SHA256:
    case QN_MS_HASH256:
    case QN_MS_RIPEMD160:
    case QN_MS_HASH160:
    case QN_MS_J:
        return 4;
    case QN_MS_A:
    case QN_MS_OR_C:
        return 2;
    case QN_MS_V:
        return all(n->sub[0]->type, QN_MS_TX);
    case QN_MS_MULTI_A:
        return n->n_keys + 1u;
    case QN_MS_THRESH:
        return n->n_subs;
    case QN_MS_OLDER:
    case QN_MS_AFTER:
    case QN_MS_MULTI:
    case QN_MS_S:
    case QN_MS_C:
    case QN_MS_N:
    case QN_MS_AND_B:
    case QN_MS_OR_B:
        return 1;
    }
    return 0;
}

void qn_ms_limits(qn_ms_node *n); /* miniscript_limits.c */

void qn_ms_judge(const qn_ms *m, qn_ms_node *n)
{
    n->type = type_of(n, m->tap);
    n->size = own_size(n, m->tap);
    n->ops = own_ops(n);
    for (uint32_t i = 0; i < n->n_subs; i++) {
        n->size += n->sub[i]->size;
        n->ops += n->sub[i]->ops;
    }
    qn_ms_limits(n);
}
