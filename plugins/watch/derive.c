/* From descriptors to scripts, and how far. */
#include "plugins/watch/model.h"

#include <stdio.h>
#include <string.h>

qn_descriptor *wt_parse(const wt_model *m, const char *text, size_t len, bool checksum, char *err,
                        size_t err_cap)
{
    return qn_descriptor_parse(m->chain, &m->curve, text, len,
                               checksum ? QN_DESC_NEED_CHECKSUM : 0u, err, err_cap);
}

static qn_status derive_one(wt_model *m, wt_source *s, uint32_t index)
{
    qn_derived d;
    qn_status st = QN_OK;
    qn_derive_result r = qn_descriptor_derive(s->parsed, 0, index, &d);
    if (r != QN_DERIVE_OK)
        return r == QN_DERIVE_NO_MEMORY ? QN_E_NOMEM : QN_E_INVAL;
    for (size_t i = 0; i < d.n_scripts && st == QN_OK; i++) {
        const qn_desc_bytes *b = &d.script[i].script;
        if (b->len == 0 || b->len > 10000)
            st = QN_E_INVAL;
        else
            st = wt_own(m, s, index, (uint8_t)i, b->data, (uint32_t)b->len, 0, NULL);
    }
    qn_derived_clear(&d);
    return st;
}

bool wt_use(const wt_owner *o)
{
    wt_source *s = o->source;
    if (!s->ranged || s->used > o->index)
        return false;
    s->used = o->index + 1;
    if (s->next < s->used)
        s->next = s->used;
    return s->dirty = true;
}

bool wt_is_derived(const wt_model *m, const wt_source *s, uint32_t to)
{
    return s->kind != WT_DESCRIPTOR || (s->end >= to && s->end >= wt_wanted_end(m, s));
}

/* An index that is derived may be found to be a paid one, and so ask for more of them. */
qn_status wt_derive(wt_model *m, wt_source *s, uint32_t to, uint32_t n)
{
    char err[256];
    qn_status st = QN_OK;
    if (s->kind != WT_DESCRIPTOR)
        return QN_OK;
    if (!s->parsed && !(s->parsed = wt_parse(m, s->text, strlen(s->text), true, err, sizeof err)))
        return QN_E_INVAL;
    for (; st == QN_OK && n > 0 && !wt_is_derived(m, s, to); n--) {
        st = derive_one(m, s, s->end);
        if (st == QN_OK) {
            s->end++;
            s->dirty = true;
        }
    }
    return st;
}

uint32_t wt_wanted_end(const wt_model *m, const wt_source *s)
{
    uint64_t from = s->next > s->used ? s->next : s->used;
    if (!s->ranged)
        return s->end;
    uint64_t end = from + m->gap;
    if (end > (uint64_t)QN_DESC_MAX_INDEX + 1)
        end = (uint64_t)QN_DESC_MAX_INDEX + 1;
    return end > s->end ? (uint32_t)end : s->end;
}
