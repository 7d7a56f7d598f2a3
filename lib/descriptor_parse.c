/* Descriptors as text: the functions of BIP380 to 387, and the object as such. */
#include "lib/descriptor_impl.h"

#include "lib/address.h"
#include "lib/hex.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BARE_KEYS 3
#define MAX_REDEEM_SCRIPT 520

bool qn_desc_fail(qn_desc_parser *ps, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (ps->err_cap)
        vsnprintf(ps->err, ps->err_cap, fmt, ap);
    va_end(ap);
    return false;
}

bool qn_desc_prefix(qn_desc_parser *ps, const char *prefix)
{
    size_t n = strlen(prefix) + 2, len = ps->err_cap ? strlen(ps->err) : 0;
    if (n + 1 >= ps->err_cap)
        return false;
    if (len > ps->err_cap - 1 - n)
        len = ps->err_cap - 1 - n;
    memmove(ps->err + n, ps->err, len);
    ps->err[n + len] = '\0';
    memcpy(ps->err, prefix, n - 2);
    memcpy(ps->err + n - 2, ": ", 2);
    return false;
}

bool qn_desc_no_memory(qn_desc_parser *ps)
{
    return qn_desc_fail(ps, "Out of memory");
}

qn_expr *qn_desc_new_expr(qn_desc_parser *ps, qn_expr_kind kind)
{
    qn_descriptor *d = ps->d;
    if (d->n_exprs == QN_DESC_MAX_LEAVES) {
        qn_desc_fail(ps, "More than %u scripts", QN_DESC_MAX_LEAVES);
        return NULL;
    }
    if (d->n_exprs == d->exprs_cap) {
        size_t cap = d->exprs_cap ? 2 * d->exprs_cap : 1;
        qn_expr *more = realloc(d->expr, cap * sizeof *more);
        if (!more) {
            qn_desc_no_memory(ps);
            return NULL;
        }
        d->expr = more;
        d->exprs_cap = cap;
    }
    qn_expr *e = &d->expr[d->n_exprs++];
    *e = (qn_expr){kind, 0, NULL, 0, NULL, 0};
    return e;
}

bool qn_desc_set_keys(qn_desc_parser *ps, qn_expr *e, const uint32_t *key, size_t n)
{
    e->key = qn_arena_copy(&ps->d->arena, key, n * sizeof *key);
    e->n_keys = n;
    return e->key || qn_desc_no_memory(ps);
}

/* name(KEY). */
static bool one_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_expr_kind kind,
                    size_t *branches)
{
    uint32_t key;
    char name[24];
    snprintf(name, sizeof name, "%s()", qn_expr_name(kind));
    if (!qn_desc_parse_key(ps, t, ctx, &key))
        return kind == QN_EXPR_UNUSED ? false : qn_desc_prefix(ps, name);
    *branches = ps->d->key[key].branches;
    if (kind == QN_EXPR_UNUSED && qn_key_is_range(ps->d, &ps->d->key[key]))
        return qn_desc_fail(ps, "unused(): key cannot be ranged");
    qn_expr *e = qn_desc_new_expr(ps, kind);
    return e && qn_desc_set_keys(ps, e, &key, 1);
}

/* ---- multi and its kin ---- */

typedef struct multi {
    bool leaf; /* multi_a: up to 999 keys */
    uint64_t threshold;
    size_t n, script_size;
    uint32_t key[QN_MS_MAX_MULTI_A];
    size_t branches;
} multi;

static bool check_multi(qn_desc_parser *ps, qn_desc_context ctx, const multi *m)
{
    const unsigned max = m->leaf ? QN_MS_MAX_MULTI_A : QN_MS_MAX_MULTI;
    if (m->n == 0 || m->n > max)
        return qn_desc_fail(ps,
                            "Cannot have %zu keys in %s; must have between 1 and %u keys, "
                            "inclusive",
                            m->n, m->leaf ? "multi_a" : "multisig", max);
    if (m->threshold < 1)
        return qn_desc_fail(ps, "Multisig threshold cannot be %u, must be at least 1",
                            (unsigned)m->threshold);
    if (m->threshold > m->n)
        return qn_desc_fail(ps,
                            "Multisig threshold cannot be larger than the number of keys; "
                            "threshold is %u but only %zu keys specified",
                            (unsigned)m->threshold, m->n);
    if (ctx == QN_CTX_TOP && m->n > MAX_BARE_KEYS)
        return qn_desc_fail(ps, "Cannot have %zu pubkeys in bare multisig; only at most 3 pubkeys",
                            m->n);
    if (ctx == QN_CTX_SH && m->script_size + 3 > MAX_REDEEM_SCRIPT)
        return qn_desc_fail(ps, "P2SH script is too large, %zu bytes is larger than %d bytes",
                            m->script_size + 3, MAX_REDEEM_SCRIPT);
    return true;
}

static bool read_multi_keys(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, multi *m)
{
    while (t.len) {
        uint32_t key;
        if (!qn_text_take(&t, ','))
            return qn_desc_fail(ps, "Multi: expected ',', got '%c'", t.p[0]);
        if (!qn_desc_parse_key(ps, qn_text_expression(&t), ctx, &key))
            return qn_desc_prefix(ps, "Multi");
        const qn_keyexpr *k = &ps->d->key[key];
        m->script_size += k->len + 1u;
        m->branches = k->branches > m->branches ? k->branches : m->branches;
        if (m->n < QN_MS_MAX_MULTI_A)
            m->key[m->n] = key;
        m->n++; /* what is above the limit is counted for the error only */
    }
    return true;
}

static bool parse_multi(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_expr_kind kind,
                        size_t *branches)
{
    multi m = {.leaf = kind == QN_EXPR_MULTI_A || kind == QN_EXPR_SORTEDMULTI_A, .branches = 1};
    if (m.leaf && ctx != QN_CTX_TR)
        return qn_desc_fail(ps, "Can only have multi_a/sortedmulti_a inside tr()");
    if (!m.leaf && ctx == QN_CTX_TR)
        return qn_desc_fail(ps,
                            "Can only have multi/sortedmulti at top level, in sh(), or in wsh()");
    qn_text threshold = qn_text_expression(&t);
    if (!qn_text_number(threshold, UINT32_MAX, &m.threshold))
        return qn_desc_fail(ps, "Multi threshold '%.*s' is not valid", QN_SHOWN(threshold));
    if (!read_multi_keys(ps, t, ctx, &m) || !check_multi(ps, ctx, &m))
        return false;
    for (size_t i = 0; i < m.n; i++) {
        size_t b = ps->d->key[m.key[i]].branches;
        if (b != 1 && b != m.branches)
            return qn_desc_fail(ps, "multi(): Multipath derivation paths have mismatched lengths");
    }
    qn_expr *e = qn_desc_new_expr(ps, kind);
    if (!e)
        return false;
    e->threshold = (uint32_t)m.threshold;
    *branches = m.branches;
    return qn_desc_set_keys(ps, e, m.key, m.n);
}

/* ---- the rest ---- */

static bool parse_address(qn_desc_parser *ps, qn_text t)
{
    qn_descriptor *d = ps->d;
    d->script = qn_arena_get(&d->arena, QN_ADDRESS_SCRIPT_MAX, 1);
    if (!d->script || !qn_desc_new_expr(ps, QN_EXPR_ADDR))
        return qn_desc_no_memory(ps);
    if (!qn_address_decode(d->chain, t.p, t.len, d->script, &d->script_len, NULL))
        return qn_desc_fail(ps, "Address is not valid");
    return true;
}

static bool parse_raw(qn_desc_parser *ps, qn_text t)
{
    qn_descriptor *d = ps->d;
    d->script = qn_arena_get(&d->arena, t.len / 2 + 1, 1);
    if (!d->script || !qn_desc_new_expr(ps, QN_EXPR_RAW))
        return qn_desc_no_memory(ps);
    if (t.len == 0 || !qn_hex_decode(t.p, t.len, d->script, t.len / 2))
        return qn_desc_fail(ps, "Raw script is not hex");
    d->script_len = t.len / 2;
    return true;
}

static bool parse_rawtr(qn_desc_parser *ps, qn_text t, size_t *branches)
{
    qn_text key = qn_text_expression(&t);
    if (t.len)
        return qn_desc_fail(ps, "rawtr(): only one key expected.");
    return one_key(ps, key, QN_CTX_TR, QN_EXPR_RAWTR, branches);
}

static bool parse_unused(qn_desc_parser *ps, qn_text t, size_t *branches)
{
    qn_text key = qn_text_expression(&t);
    if (t.len)
        return qn_desc_fail(ps, "unused(): only one key expected");
    return one_key(ps, key, QN_CTX_TOP, QN_EXPR_UNUSED, branches);
}

static bool parse_wrapped(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, size_t *branches)
{
    if (ctx == QN_CTX_SH)
        ps->d->sh = true;
    else
        ps->d->wsh = true;
    if (!qn_desc_parse_script(ps, &t, ctx, branches))
        return false;
    return t.len == 0 || qn_desc_fail(ps, "Unexpected text '%.*s' after the script", QN_SHOWN(t));
}

/* What stands at the top only. *met: it is one of them, and the result is final. */
static bool parse_top_only(qn_desc_parser *ps, qn_text e, qn_desc_context ctx, bool *met,
                           size_t *branches)
{
    static const struct {
        const char *name, *elsewhere;
    } top[] = {
        {"combo", "Can only have combo() at top level"},
        {"sh", "Can only have sh() at top level"},
        {"addr", "Can only have addr() at top level"},
        {"tr", "Can only have tr at top level"},
        {"rawtr", "Can only have rawtr at top level"},
        {"unused", "Can only have unused at top level"},
        {"raw", "Can only have raw() at top level"},
    };
    size_t i = 0;
    while (i < sizeof top / sizeof top[0] && !qn_text_function(&e, top[i].name))
        i++;
    *met = i < sizeof top / sizeof top[0];
    if (!*met)
        return false;
    if (ctx != QN_CTX_TOP)
        return qn_desc_fail(ps, "%s", top[i].elsewhere);
    switch (i) {
    case 0:
        return one_key(ps, e, ctx, QN_EXPR_COMBO, branches);
    case 1:
        return parse_wrapped(ps, e, QN_CTX_SH, branches);
    case 2:
        return parse_address(ps, e);
    case 3:
        return qn_desc_parse_taproot(ps, e, branches);
    case 4:
        return parse_rawtr(ps, e, branches);
    case 5:
        return parse_unused(ps, e, branches);
    default:
        return parse_raw(ps, e);
    }
}

/* What else may stand in some places. */
static bool parse_nested(qn_desc_parser *ps, qn_text e, qn_desc_context ctx, bool *met,
                         size_t *branches)
{
    const bool outer = ctx == QN_CTX_TOP || ctx == QN_CTX_SH;
    *met = true;
    if (qn_text_function(&e, "pk"))
        return one_key(ps, e, ctx, QN_EXPR_PK, branches);
    if (ctx != QN_CTX_TR && qn_text_function(&e, "pkh"))
        return one_key(ps, e, ctx, QN_EXPR_PKH, branches);
    if (qn_text_function(&e, "multi"))
        return parse_multi(ps, e, ctx, QN_EXPR_MULTI, branches);
    if (qn_text_function(&e, "sortedmulti"))
        return parse_multi(ps, e, ctx, QN_EXPR_SORTEDMULTI, branches);
    if (qn_text_function(&e, "multi_a"))
        return parse_multi(ps, e, ctx, QN_EXPR_MULTI_A, branches);
    if (qn_text_function(&e, "sortedmulti_a"))
        return parse_multi(ps, e, ctx, QN_EXPR_SORTEDMULTI_A, branches);
    if (qn_text_function(&e, "wpkh"))
        return outer ? one_key(ps, e, QN_CTX_WPKH, QN_EXPR_WPKH, branches)
                     : qn_desc_fail(ps, "Can only have wpkh() at top level or inside sh()");
    if (qn_text_function(&e, "wsh"))
        return outer ? parse_wrapped(ps, e, QN_CTX_WSH, branches)
                     : qn_desc_fail(ps, "Can only have wsh() at top level or inside sh()");
    *met = false;
    return false;
}

bool qn_desc_parse_script(qn_desc_parser *ps, qn_text *t, qn_desc_context ctx, size_t *branches)
{
    qn_text e = qn_text_expression(t);
    bool met, ok;
    *branches = 1;
    ok = parse_nested(ps, e, ctx, &met, branches);
    if (!met)
        ok = parse_top_only(ps, e, ctx, &met, branches);
    if (!met)
        ok = qn_desc_parse_miniscript(ps, e, ctx, &met, branches);
    if (met)
        return ok;
    if (ctx == QN_CTX_SH)
        return qn_desc_fail(ps, "A function is needed within P2SH");
    if (ctx == QN_CTX_WSH)
        return qn_desc_fail(ps, "A function is needed within P2WSH");
    return qn_desc_fail(ps, "'%.*s' is not a valid descriptor function", QN_SHOWN(e));
}

/* Check the checksum, and leave the text in front of it. */
static bool take_checksum(qn_desc_parser *ps, qn_text *t)
{
    char sum[QN_DESC_CHECKSUM + 1];
    qn_text behind, more, front = qn_text_split(*t, '#', &behind);
    if (behind.p) {
        (void)qn_text_split(behind, '#', &more);
        if (more.p)
            return qn_desc_fail(ps, "Multiple '#' symbols");
        if (behind.len != QN_DESC_CHECKSUM)
            return qn_desc_fail(ps, "Expected 8 character checksum, not %zu characters",
                                behind.len);
    } else if (ps->flags & QN_DESC_NEED_CHECKSUM) {
        return qn_desc_fail(ps, "Missing checksum");
    }
    if (!qn_descriptor_checksum(front.p, front.len, sum))
        return qn_desc_fail(ps, "Invalid characters in payload");
    if (behind.p && memcmp(sum, behind.p, QN_DESC_CHECKSUM) != 0)
        return qn_desc_fail(ps, "Provided checksum '%.*s' does not match computed checksum '%s'",
                            QN_SHOWN(behind), sum);
    *t = front;
    return true;
}

static bool parse_all(qn_desc_parser *ps, qn_text t)
{
    if (t.len > QN_DESC_MAX_TEXT)
        return qn_desc_fail(ps, "The descriptor is longer than %u characters", QN_DESC_MAX_TEXT);
    if (!take_checksum(ps, &t) || !qn_desc_parse_script(ps, &t, QN_CTX_TOP, &ps->d->branches))
        return false;
    if (ps->d->arena.failed)
        return qn_desc_no_memory(ps);
    return t.len == 0 ||
           qn_desc_fail(ps, "Unexpected text '%.*s' after the descriptor", QN_SHOWN(t));
}

qn_descriptor *qn_descriptor_parse(const qn_chain_text *chain, const qn_curve *curve,
                                   const char *text, size_t len, unsigned flags, char *err,
                                   size_t err_cap)
{
    qn_desc_parser ps = {calloc(1, sizeof(qn_descriptor)), flags, err, err_cap};
    if (err_cap)
        err[0] = '\0';
    if (!ps.d) {
        qn_desc_no_memory(&ps);
        return NULL;
    }
    ps.d->chain = chain;
    ps.d->has_curve = curve != NULL;
    if (curve)
        ps.d->curve = *curve;
    if (!parse_all(&ps, (qn_text){text, len})) {
        qn_descriptor_free(ps.d);
        return NULL;
    }
    return ps.d;
}

void qn_descriptor_free(qn_descriptor *d)
{
    if (!d)
        return;
    if (d->n_keys)
        qn_wipe(d->key, d->n_keys * sizeof *d->key);
    free(d->key);
    free(d->part);
    free(d->expr);
    qn_arena_clear(&d->arena);
    free(d);
}

size_t qn_descriptor_branches(const qn_descriptor *d)
{
    return d->branches;
}

bool qn_descriptor_is_range(const qn_descriptor *d)
{
    for (size_t i = 0; i < d->n_keys; i++)
        if (d->key[i].range != QN_RANGE_NONE)
            return true;
    return false;
}

bool qn_descriptor_has_secret(const qn_descriptor *d)
{
    for (size_t i = 0; i < d->n_keys; i++)
        if (d->key[i].has_secret)
            return true;
    return false;
}

bool qn_descriptor_is_public(const qn_descriptor *d)
{
    for (size_t i = 0; i < d->n_keys; i++)
        if (!qn_key_is_public(d, &d->key[i], SIZE_MAX))
            return false;
    return true;
}

static qn_expr_kind first_kind(const qn_descriptor *d)
{
    return d->n_exprs ? d->expr[0].kind : QN_EXPR_PK;
}

bool qn_descriptor_is_solvable(const qn_descriptor *d)
{
    return first_kind(d) != QN_EXPR_ADDR && first_kind(d) != QN_EXPR_RAW;
}

bool qn_descriptor_is_single(const qn_descriptor *d)
{
    return first_kind(d) != QN_EXPR_COMBO;
}
