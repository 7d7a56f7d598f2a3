#include "lib/descriptor_impl.h"

#include "lib/address.h"
#include "lib/hex.h"
#include "lib/script.h"

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
    char was[256];
    if (ps->err_cap == 0)
        return false;
    snprintf(was, sizeof was, "%s", ps->err);
    return qn_desc_fail(ps, "%s: %s", prefix, was);
}

static bool take_const(qn_text *t, char c)
{
    if (t->len == 0 || t->p[0] != c)
        return false;
    t->p++;
    t->len--;
    return true;
}

/* "name(...)" as a whole: leaves what is between the brackets. */
static bool take_function(qn_text *t, const char *name)
{
    size_t n = strlen(name);
    if (t->len < n + 2 || memcmp(t->p, name, n) != 0 || t->p[n] != '(' || t->p[t->len - 1] != ')')
        return false;
    t->p += n + 1;
    t->len -= n + 2;
    return true;
}

/* The text up to a comma or closing bracket that belongs to the level above. */
static qn_text take_expression(qn_text *t)
{
    int level = 0;
    size_t i = 0;
    for (; i < t->len; i++) {
        char c = t->p[i];
        if (c == '(' || c == '{') {
            level++;
        } else if (c == ')' || c == '}') {
            if (level == 0)
                break;
            level--;
        } else if (c == ',' && level == 0) {
            break;
        }
    }
    qn_text e = {t->p, i};
    t->p += i;
    t->len -= i;
    return e;
}

static bool one_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_desc_kind kind,
                    const char *name)
{
    ps->d->kind = kind;
    return qn_desc_parse_key(ps, t, ctx) || qn_desc_prefix(ps, name);
}

static bool parse_threshold(qn_desc_parser *ps, qn_text t)
{
    uint32_t v = 0;
    char mark;
    if (!qn_desc_path_element(t, &v, &mark) || mark)
        return qn_desc_fail(ps, "Multi threshold '%.*s' is not valid", QN_SHOWN(t));
    ps->d->threshold = v;
    return true;
}

static bool check_multi(qn_desc_parser *ps, qn_desc_context ctx, size_t n, size_t script_size)
{
    unsigned m = ps->d->threshold;
    if (n == 0 || n > QN_DESC_MAX_KEYS)
        return qn_desc_fail(ps,
                            "Cannot have %zu keys in multisig; must have between 1 and %d keys, "
                            "inclusive",
                            n, QN_DESC_MAX_KEYS);
    if (m < 1)
        return qn_desc_fail(ps, "Multisig threshold cannot be %u, must be at least 1", m);
    if (m > n)
        return qn_desc_fail(ps,
                            "Multisig threshold cannot be larger than the number of keys; "
                            "threshold is %u but only %zu keys specified",
                            m, n);
    if (ctx == QN_CTX_TOP && n > MAX_BARE_KEYS)
        return qn_desc_fail(ps, "Cannot have %zu pubkeys in bare multisig; only at most 3 pubkeys",
                            n);
    if (ctx == QN_CTX_SH && script_size + 3 > MAX_REDEEM_SCRIPT)
        return qn_desc_fail(ps, "P2SH script is too large, %zu bytes is larger than %d bytes",
                            script_size + 3, MAX_REDEEM_SCRIPT);
    return true;
}

static bool parse_multi(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, bool sorted)
{
    size_t n = 0, script_size = 0;
    if (ctx != QN_CTX_TOP && ctx != QN_CTX_SH && ctx != QN_CTX_WSH)
        return qn_desc_fail(ps,
                            "Can only have multi/sortedmulti at top level, in sh(), or in wsh()");
    ps->d->kind = QN_DESC_MULTI;
    ps->d->sorted = sorted;
    if (!parse_threshold(ps, take_expression(&t)))
        return false;
    for (; t.len; n++) {
        if (!take_const(&t, ','))
            return qn_desc_fail(ps, "Multi: expected ',', got '%c'", t.p[0]);
        qn_text key = take_expression(&t);
        if (n >= QN_DESC_MAX_KEYS)
            continue; /* counted for the error only */
        if (!qn_desc_parse_key(ps, key, ctx))
            return qn_desc_prefix(ps, "Multi");
        script_size += ps->d->key[n].len + 1u;
    }
    return check_multi(ps, ctx, n, script_size);
}

static bool parse_address(qn_desc_parser *ps, qn_text t)
{
    qn_descriptor *d = ps->d;
    d->kind = QN_DESC_ADDR;
    d->script = malloc(QN_ADDRESS_SCRIPT_MAX);
    if (!d->script)
        return qn_desc_fail(ps, "Out of memory");
    if (!qn_address_decode(ps->chain, t.p, t.len, d->script, &d->script_len, NULL))
        return qn_desc_fail(ps, "Address is not valid");
    return true;
}

static bool parse_raw(qn_desc_parser *ps, qn_text t)
{
    qn_descriptor *d = ps->d;
    d->kind = QN_DESC_RAW;
    d->script = malloc(t.len / 2 + 1);
    if (!d->script)
        return qn_desc_fail(ps, "Out of memory");
    if (t.len == 0 || !qn_hex_decode(t.p, t.len, d->script, t.len / 2))
        return qn_desc_fail(ps, "Raw script is not hex");
    d->script_len = t.len / 2;
    return true;
}

static bool parse_taproot(qn_desc_parser *ps, qn_text t, qn_desc_kind kind)
{
    const char *name = kind == QN_DESC_TR ? "tr()" : "rawtr()";
    qn_text key = take_expression(&t);
    if (t.len && kind == QN_DESC_RAWTR)
        return qn_desc_fail(ps, "rawtr(): only one key expected.");
    if (!one_key(ps, key, QN_CTX_TR, kind, name))
        return false;
    return t.len == 0 || qn_desc_fail(ps, "tr(): script trees are not supported");
}

static bool parse_script(qn_desc_parser *ps, qn_text *t, qn_desc_context ctx);

static bool parse_wrapped(qn_desc_parser *ps, qn_text t, qn_desc_context ctx)
{
    if (ctx == QN_CTX_SH)
        ps->d->sh = true;
    else
        ps->d->wsh = true;
    if (!parse_script(ps, &t, ctx))
        return false;
    return t.len == 0 || qn_desc_fail(ps, "Unexpected text '%.*s' after the script", QN_SHOWN(t));
}

/* What stands at the top only. *done: one of them was met, and the result is final. */
static bool parse_top_only(qn_desc_parser *ps, qn_text e, qn_desc_context ctx, bool *done)
{
    static const struct {
        const char *name, *elsewhere;
    } top[] = {
        {"combo", "Can only have combo() at top level"},
        {"sh", "Can only have sh() at top level"},
        {"addr", "Can only have addr() at top level"},
        {"tr", "Can only have tr at top level"},
        {"rawtr", "Can only have rawtr at top level"},
        {"raw", "Can only have raw() at top level"},
    };
    size_t i = 0;
    while (i < sizeof top / sizeof top[0] && !take_function(&e, top[i].name))
        i++;
    *done = i < sizeof top / sizeof top[0];
    if (!*done)
        return false;
    if (ctx != QN_CTX_TOP)
        return qn_desc_fail(ps, "%s", top[i].elsewhere);
    switch (i) {
    case 0:
        return one_key(ps, e, ctx, QN_DESC_COMBO, "combo()");
    case 1:
        return parse_wrapped(ps, e, QN_CTX_SH);
    case 2:
        return parse_address(ps, e);
    case 3:
        return parse_taproot(ps, e, QN_DESC_TR);
    case 4:
        return parse_taproot(ps, e, QN_DESC_RAWTR);
    default:
        return parse_raw(ps, e);
    }
}

static bool parse_script(qn_desc_parser *ps, qn_text *t, qn_desc_context ctx)
{
    qn_text e = take_expression(t);
    bool done;
    if (take_function(&e, "pk"))
        return one_key(ps, e, ctx, QN_DESC_PK, "pk()");
    if (take_function(&e, "pkh"))
        return one_key(ps, e, ctx, QN_DESC_PKH, "pkh()");
    if (take_function(&e, "multi"))
        return parse_multi(ps, e, ctx, false);
    if (take_function(&e, "sortedmulti"))
        return parse_multi(ps, e, ctx, true);
    if (take_function(&e, "multi_a") || take_function(&e, "sortedmulti_a"))
        return qn_desc_fail(ps, "Can only have multi_a/sortedmulti_a inside tr()");
    if (take_function(&e, "wpkh")) {
        if (ctx == QN_CTX_WSH)
            return qn_desc_fail(ps, "Can only have wpkh() at top level or inside sh()");
        return one_key(ps, e, QN_CTX_WPKH, QN_DESC_WPKH, "wpkh()");
    }
    if (take_function(&e, "wsh")) {
        if (ctx == QN_CTX_WSH)
            return qn_desc_fail(ps, "Can only have wsh() at top level or inside sh()");
        return parse_wrapped(ps, e, QN_CTX_WSH);
    }
    bool ok = parse_top_only(ps, e, ctx, &done);
    if (done)
        return ok;
    if (ctx == QN_CTX_SH)
        return qn_desc_fail(ps, "A function is needed within P2SH");
    if (ctx == QN_CTX_WSH)
        return qn_desc_fail(ps, "A function is needed within P2WSH (Miniscript is not supported)");
    return qn_desc_fail(ps, "'%.*s' is not a valid descriptor function", QN_SHOWN(e));
}

/* Check the checksum, and leave the text in front of it. */
static bool take_checksum(qn_desc_parser *ps, qn_text *t, bool need)
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
    } else if (need) {
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

bool qn_descriptor_parse(const qn_chain_text *chain, const qn_curve *curve, const char *text,
                         size_t len, bool need_checksum, qn_descriptor *d, char *err,
                         size_t err_cap)
{
    qn_desc_parser ps = {chain, curve, d, err, err_cap};
    qn_text t = {text, len};
    memset(d, 0, sizeof *d);
    d->chain = chain;
    if (err_cap)
        err[0] = '\0';
    bool ok = take_checksum(&ps, &t, need_checksum) && parse_script(&ps, &t, QN_CTX_TOP);
    if (ok && t.len)
        ok = qn_desc_fail(&ps, "Unexpected text '%.*s' after the descriptor", QN_SHOWN(t));
    if (!ok)
        qn_descriptor_clear(d);
    return ok;
}

void qn_descriptor_clear(qn_descriptor *d)
{
    free(d->script);
    memset(d, 0, sizeof *d);
    __asm__ volatile("" : : "r"(d) : "memory"); /* the secrets' memset stays */
}

bool qn_descriptor_has_secret(const qn_descriptor *d)
{
    for (unsigned i = 0; i < d->n_keys; i++)
        if (d->key[i].has_secret)
            return true;
    return false;
}

bool qn_descriptor_is_solvable(const qn_descriptor *d)
{
    return d->kind != QN_DESC_ADDR && d->kind != QN_DESC_RAW;
}
