/* How much of the stack the executions of an expression take, and how many keys of
 * OP_CHECKMULTISIG they count: the worst over those that satisfy it, and over those that do not. */
#include "lib/miniscript.h"

#include <stdlib.h>

void qn_ms_limits(qn_ms_node *n);

typedef qn_ms_trace trace;

static const trace NONE = {false, 0, 0, 0}, EMPTY = {true, 0, 0, 0};
/* Opcodes by what they do to the stack: one more, one less, two less. */
static const trace PUSH = {true, -1, 0, 0}, POP = {true, 1, 1, 0}, POP2 = {true, 2, 2, 0};

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* First a, then b. */
static trace then(trace a, trace b)
{
    if (!a.possible || !b.possible)
        return NONE;
    return (trace){true, a.net + b.net, larger(b.most, b.net + a.most), a.multi + b.multi};
}

static trace then3(trace a, trace b, trace c)
{
    return then(then(a, b), c);
}

/* The worse of the two. */
static trace either(trace a, trace b)
{
    if (!a.possible || !b.possible)
        return a.possible ? a : b;
    return (trace){true, larger(a.net, b.net), larger(a.most, b.most), larger(a.multi, b.multi)};
}

static void set(qn_ms_node *n, trace sat, trace dsat)
{
    n->sat = sat;
    n->dsat = dsat;
}

static void leaf_limits(qn_ms_node *n)
{
    const int32_t k = (int32_t)n->k, keys = (int32_t)n->n_keys;
    switch (n->kind) {
    case QN_MS_0:
        set(n, NONE, PUSH);
        break;
    case QN_MS_1:
    case QN_MS_OLDER:
    case QN_MS_AFTER:
        set(n, PUSH, NONE);
        break;
    case QN_MS_PK_K:
        set(n, PUSH, PUSH);
        break;
    case QN_MS_PK_H: /* DUP HASH160 push EQUALVERIFY */
        n->sat = n->dsat = then3(PUSH, PUSH, POP2);
        break;
    case QN_MS_MULTI:
        n->sat = n->dsat = (trace){true, k, k + keys + 2, keys};
        break;
    case QN_MS_MULTI_A:
        n->sat = n->dsat = (trace){true, keys - 1, keys, 0};
        break;
    default: /* SIZE push EQUALVERIFY hash push EQUAL */
        set(n, then(then3(PUSH, PUSH, POP2), then(PUSH, POP)), NONE);
        break;
    }
}

static void wrapper_limits(qn_ms_node *n)
{
    const trace x = n->sub[0]->sat, not_x = n->sub[0]->dsat;
    switch (n->kind) {
    case QN_MS_C:
        set(n, then(x, POP), then(not_x, POP));
        break;
    case QN_MS_D: /* DUP IF; J has SIZE 0NOTEQUAL IF */
    case QN_MS_J:
        set(n, then3(PUSH, POP, x), then(PUSH, POP));
        break;
    case QN_MS_V:
        set(n, then(x, POP), NONE);
        break;
    default:
        set(n, x, not_x);
        break;
    }
}

static void pair_limits(qn_ms_node *n)
{
    const trace x = n->sub[0]->sat, not_x = n->sub[0]->dsat;
    const trace y = n->sub[1]->sat, not_y = n->sub[1]->dsat;
    switch (n->kind) {
    case QN_MS_AND_V:
        set(n, then(x, y), NONE);
        break;
    case QN_MS_AND_B:
        set(n, then3(x, y, POP), then3(not_x, not_y, POP));
        break;
    case QN_MS_OR_B:
        set(n, then(either(then(x, not_y), then(not_x, y)), POP), then3(not_x, not_y, POP));
        break;
    case QN_MS_OR_C:
        set(n, either(then(x, POP), then3(not_x, POP, y)), NONE);
        break;
    case QN_MS_OR_D: /* IFDUP doubles what is true */
        set(n, either(then3(x, PUSH, POP), then3(not_x, POP, y)), then3(not_x, POP, not_y));
        break;
    default: /* QN_MS_OR_I */
        set(n, then(POP, either(x, y)), then(POP, either(not_x, not_y)));
        break;
    }
}

static void andor_limits(qn_ms_node *n)
{
    const qn_ms_node *x = n->sub[0], *y = n->sub[1], *z = n->sub[2];
    trace no = then(x->dsat, POP);
    set(n, either(then3(x->sat, POP, y->sat), then(no, z->sat)), then(no, z->dsat));
}

/* at[j]: the worst with j of the subs so far satisfied. */
static void thresh_limits(qn_ms_node *n)
{
    trace *at = calloc(n->k + 1u, sizeof *at);
    n->sat = n->dsat = NONE;
    if (!at) {
        n->type = 0; /* refused, never misjudged */
        return;
    }
    at[0] = EMPTY;
    for (uint32_t i = 0; i < n->n_subs; i++) {
        const qn_ms_node *s = n->sub[i];
        uint32_t top = i + 1 < n->k ? i + 1 : n->k;
        for (uint32_t j = top + 1; j-- > 0;) {
            trace t = then(at[j], s->dsat);
            if (j > 0)
                t = either(t, then(at[j - 1], s->sat));
            at[j] = i ? then(t, POP) : t; /* ADD */
        }
    }
    set(n, then3(at[n->k], PUSH, POP), then3(at[0], PUSH, POP));
    free(at);
}

void qn_ms_limits(qn_ms_node *n)
{
    if (n->n_subs == 0)
        leaf_limits(n);
    else if (n->kind == QN_MS_THRESH)
        thresh_limits(n);
    else if (n->n_subs == 1)
        wrapper_limits(n);
    else if (n->n_subs == 2)
        pair_limits(n);
    else
        andor_limits(n);
}
