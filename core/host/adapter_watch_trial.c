/* watch.unstable/1: waiting for depth, and descriptors. */
#include "core/host/adapter_watch.h"

#include "core/base/alloc.h"
#include "core/methods/descriptors.h"

#define TEXT_MAX 16384u
#define INDEXES_MAX 1000u
#define BRANCHES_MAX 2u
#define SCRIPTS_MAX 4u /* of one index: combo() */

qn_status qc_watch_trial_deep(qn_cap *cap, uint64_t id, const qn_watch_deep *list, uint32_t n)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    if (st != QN_OK)
        return st;
    if (n && !list)
        return QN_E_INVAL;
    st = qc_watch_stream_deep(w->stream, list, n);
    if (st == QN_OK)
        qc_watcher_nudge(w);
    return st;
}

/* Scripts as they are derived. */
typedef struct scripts {
    qc_bytes bytes;
    struct one {
        size_t at, len;
        uint64_t cookie;
    } * one;
    size_t n;
} scripts;

static qn_status derive(qn_descriptor *d, size_t branch, uint32_t index, uint64_t cookie,
                        scripts *s)
{
    qn_derived v;
    qn_derive_result r = qn_descriptor_derive(d, branch, index, &v);
    qn_status st = r == QN_DERIVE_OK ? QN_OK : r == QN_DERIVE_NO_MEMORY ? QN_E_NOMEM : QN_E_INVAL;
    for (size_t i = 0; st == QN_OK && i < v.n_scripts; i++) {
        const qn_desc_bytes *b = &v.script[i].script;
        s->one[s->n++] = (struct one){s->bytes.len, b->len, cookie};
        if (!b->len || b->len > QC_WATCH_SCRIPT_MAX)
            st = QN_E_INVAL;
        else if (qc_bytes_append(&s->bytes, b->data, b->len))
            st = QN_E_NOMEM;
    }
    qn_derived_clear(&v);
    return st;
}

static qn_status derive_all(qn_descriptor *d, uint32_t from, uint32_t n, uint64_t cookie,
                            scripts *s)
{
    size_t branches = qn_descriptor_branches(d);
    if (branches > BRANCHES_MAX || qn_descriptor_has_secret(d) || !qn_descriptor_is_public(d) ||
        (!qn_descriptor_is_range(d) && n != 1))
        return QN_E_INVAL;
    s->one = qc_try_calloc(n * branches * SCRIPTS_MAX, sizeof *s->one);
    qn_status st = s->one ? QN_OK : QN_E_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        for (size_t b = 0; st == QN_OK && b < branches; b++)
            st = derive(d, b, from + i, cookie + 2 * (uint64_t)i + b, s);
    return st;
}

static qn_status add_derived(qc_watcher *w, const scripts *s, uint32_t flags, uint64_t *armed)
{
    qc_watch_key *key = qc_try_calloc(s->n + 1, sizeof *key);
    if (!key)
        return QN_E_NOMEM;
    for (size_t i = 0; i < s->n; i++)
        key[i] =
            (qc_watch_key){QC_WATCH_SCRIPT, qc_span_of(s->bytes.data + s->one[i].at, s->one[i].len),
                           s->one[i].cookie};
    qn_status st = qc_watch_fits(w, key, s->n);
    if (st == QN_OK)
        st = qc_watch_stream_add(w->stream, key, s->n, (flags & QN_WATCH_ADD_FRESH) != 0, armed);
    qc_free(key);
    if (st == QN_OK)
        qc_watcher_nudge(w);
    return st;
}

qn_status qc_watch_trial_descriptor(qn_cap *cap, uint64_t id, const char *descriptor, uint32_t len,
                                    const qn_watch_range *range, uint64_t *armed)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    char error[QC_M_DESC_ERROR], text[TEXT_MAX + 1];
    scripts s = {.n = 0};
    qc_m_desc m;
    if (st != QN_OK)
        return st;
    if (!descriptor || !range || !len || len > TEXT_MAX || !range->n || range->n > INDEXES_MAX ||
        range->from > QN_DESC_MAX_INDEX - (range->n - 1) || (range->flags & ~QN_WATCH_ADD_FRESH) ||
        memchr(descriptor, 0, len))
        return QN_E_INVAL;
    memcpy(text, descriptor, len);
    text[len] = 0;
    if (!qc_m_desc_open(qc_chain_params(cap->plugin->host->o.chain), text, false, &m, error,
                        sizeof error))
        return QN_E_INVAL;
    st = derive_all(m.d, range->from, range->n, range->cookie, &s);
    if (st == QN_OK)
        st = add_derived(w, &s, range->flags, armed);
    qc_wipe(text, sizeof text);
    qc_m_desc_close(&m);
    qc_bytes_free(&s.bytes);
    qc_free(s.one);
    return st;
}
