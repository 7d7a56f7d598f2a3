/* Steps of keys: numbers, hardened or not, one of them perhaps with alternatives (BIP389). */
#include "lib/descriptor_impl.h"

#include <string.h>

static bool parse_step(qn_desc_parser *ps, qn_text t, bool *apostrophe, bool *hardened,
                       uint32_t *out)
{
    uint64_t v;
    bool mark = t.len && (t.p[t.len - 1] == '\'' || t.p[t.len - 1] == 'h');
    if (mark)
        *apostrophe = t.p[--t.len] == '\'';
    if (!qn_text_number(t, UINT32_MAX, &v))
        return qn_desc_fail(ps, "Key path value '%.*s' is not a valid uint32", QN_SHOWN(t));
    if (v >= QN_HARDENED)
        return qn_desc_fail(ps, "Key path value %lu is out of range", (unsigned long)v);
    *hardened = *hardened || mark;
    *out = (uint32_t)v | (mark ? QN_HARDENED : 0);
    return true;
}

static bool parse_alternatives(qn_desc_parser *ps, qn_text t, bool *apostrophe, bool *hardened,
                               qn_path *out)
{
    uint32_t alt[QN_DESC_MAX_BRANCHES];
    size_t n = 0;
    qn_text rest = {t.p + 1, t.len - 2};
    if (!memchr(rest.p, ';', rest.len))
        return qn_desc_fail(ps, "Multipath key path specifiers must have at least two items");
    while (rest.p) {
        qn_text item = qn_text_split(rest, ';', &rest);
        if (n == QN_DESC_MAX_BRANCHES)
            return qn_desc_fail(ps, "Multipath key path specifiers have more than %u items",
                                QN_DESC_MAX_BRANCHES);
        if (!parse_step(ps, item, apostrophe, hardened, &alt[n]))
            return false;
        for (size_t i = 0; i < n; i++)
            if (alt[i] == alt[n])
                return qn_desc_fail(ps, "Duplicated key path value %u in multipath specifier",
                                    alt[n]);
        n++;
    }
    out->alt = qn_arena_copy(&ps->d->arena, alt, n * sizeof *alt);
    out->n_alt = n;
    out->multi = out->n;
    return out->alt || qn_desc_no_memory(ps);
}

bool qn_desc_parse_path(qn_desc_parser *ps, qn_text t, bool multipath, bool *apostrophe,
                        bool *hardened, qn_path *out)
{
    uint32_t step[QN_DESC_MAX_PATH];
    *out = (qn_path){NULL, 0, 0, NULL, 1};
    *hardened = false;
    while (t.p) {
        qn_text e = qn_text_split(t, '/', &t);
        if (out->n == QN_DESC_MAX_PATH)
            return qn_desc_fail(ps, "Key path has more than %u steps", QN_DESC_MAX_PATH);
        if (e.len > 1 && e.p[0] == '<' && e.p[e.len - 1] == '>') {
            if (!multipath)
                return qn_desc_fail(ps,
                                    "Key path value '%.*s' specifies multipath in a section where "
                                    "multipath is not allowed",
                                    QN_SHOWN(e));
            if (out->alt)
                return qn_desc_fail(ps, "Multiple multipath key path specifiers found");
            if (!parse_alternatives(ps, e, apostrophe, hardened, out))
                return false;
            step[out->n] = out->alt[0];
        } else if (!parse_step(ps, e, apostrophe, hardened, &step[out->n])) {
            return false;
        }
        out->n++;
    }
    out->step = qn_arena_copy(&ps->d->arena, step, out->n * sizeof *step);
    return out->step || qn_desc_no_memory(ps);
}

qn_range qn_desc_take_range(qn_text *t, bool *apostrophe)
{
    size_t at = t->len;
    while (at > 0 && t->p[at - 1] != '/')
        at--;
    qn_text last = {t->p + at, t->len - at};
    if (!t->p || last.len == 0 || last.len > 2 || last.p[0] != '*' ||
        (last.len == 2 && last.p[1] != 'h' && last.p[1] != '\''))
        return QN_RANGE_NONE;
    if (last.len == 2)
        *apostrophe = last.p[1] == '\'';
    *t = at ? (qn_text){t->p, at - 1} : (qn_text){NULL, 0};
    return last.len == 2 ? QN_RANGE_HARDENED : QN_RANGE_PLAIN;
}
