/* REST: blocks, headers, filters. */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/rest_impl.h"
#include "core/methods/tx_json.h"

#define MAX_HEADERS 2000u /* Core MAX_REST_HEADERS_RESULTS */

/* ---- blocks ---- */

/* The block of the path, whose body is here. NULL: the call has ended. */
static const qc_index *block_with_data(qc_rest_call *c, const char *text)
{
    qc_hash hash;
    if (!qc_rest_hash(c, text, &hash))
        return NULL;
    const qc_index *i = qc_chain_find(c->n->chain, &hash);
    if (!i) {
        qc_rest_fail(c, 404, "%s not found", text);
        return NULL;
    }
    if (atomic_load(&i->status) & QC_BLOCK_HAVE_DATA)
        return i;
    bool pruned = atomic_load(&i->n_tx) > 0 && qc_chain_is_pruned_mode(c->n->chain, NULL);
    qc_rest_fail(c, 404, "%s not available (%s)", text,
                 pruned ? "pruned data" : "not fully downloaded");
    return NULL;
}

static bool read_raw(qc_rest_call *c, const qc_index *i, qc_bytes *out)
{
    qc_err err = qc_chain_read_raw(c->n->chain, i, out);
    return !err || qc_rest_fail(c, 500, "I/O error reading %s", c->param);
}

static void put_block(qc_rest_call *c, const qc_index *i, int32_t verbosity)
{
    qc_jw w = QC_JW_INIT;
    qc_block *b;
    bool spent =
        verbosity >= 2 && (i->height == 0 || (atomic_load(&i->status) & QC_BLOCK_HAVE_UNDO));
    qc_err err = spent ? qc_chain_read_block_spent(c->n->chain, i, &b)
                       : qc_chain_read_block(c->n->chain, i, &b);
    if (err) {
        qc_rest_fail(c, 500, "I/O error reading %s", c->param);
        return;
    }
    qc_m_put_block(&w, c->n, i, b, verbosity);
    qc_block_unref(b);
    qc_rest_json(c, &w, false);
}

static void block(qc_rest_call *c, int32_t verbosity)
{
    qc_bytes raw;
    const qc_index *i = block_with_data(c, c->param);
    if (!i)
        return;
    if (c->format == QC_REST_JSON)
        put_block(c, i, verbosity);
    else if (read_raw(c, i, &raw))
        qc_rest_bytes(c, raw, true);
}

void qc_rest_block(qc_rest_call *c)
{
    block(c, 3);
}

void qc_rest_block_notxdetails(qc_rest_call *c)
{
    block(c, 1);
}

static bool number_of(qc_rest_call *c, const char *key, uint64_t *out)
{
    char *text = qc_rest_query(c, key);
    bool ok = text && qc_rest_number(text, SIZE_MAX, out);
    qc_free(text);
    return ok || qc_rest_fail(c, 400, "Block part %s missing or invalid", key);
}

void qc_rest_block_part(qc_rest_call *c)
{
    uint64_t offset, size;
    qc_bytes raw;
    if (!number_of(c, "offset", &offset) || !number_of(c, "size", &size))
        return;
    const qc_index *i = block_with_data(c, c->param);
    if (!i || !read_raw(c, i, &raw))
        return;
    if (size == 0 || offset >= raw.len || size > raw.len - offset) {
        qc_bytes_free(&raw);
        qc_rest_fail(c, 400, "Bad block part offset/size %llu/%llu for %s",
                     (unsigned long long)offset, (unsigned long long)size, c->param);
        return;
    }
    memmove(raw.data, raw.data + offset, (size_t)size);
    raw.len = (size_t)size;
    if (c->format == QC_REST_JSON) {
        qc_bytes_free(&raw);
        qc_rest_fail(c, 400, "JSON output is not supported for this request type");
    } else {
        qc_rest_bytes(c, raw, true);
    }
}

/* ---- spent outputs ---- */

static qc_err write_spent(const qc_block *b, qc_bytes *out)
{
    const qn_block_view *v = qc_block_view(b);
    qc_err err = qc_w_compact(out, qc_block_n_tx(b));
    for (uint32_t t = 0; t < qc_block_n_tx(b) && !err; t++) {
        qc_tx tx = qc_block_tx(b, t);
        uint32_t n = t ? tx.rec->n_in : 0; /* the first one spends nothing */
        err = qc_w_compact(out, n);
        for (uint32_t k = 0; k < n && !err; k++) {
            const qn_spent_rec *s = qn_view_spent(v, tx.rec->in0 + k);
            err = qc_w_le64(out, (uint64_t)s->value);
            if (!err)
                err = qc_w_var(out, qc_span_of(qn_view_spent_script(v, s), s->script_len));
        }
    }
    return err;
}

static void put_spent(qc_jw *w, const qc_params *p, const qc_block *b)
{
    const qn_block_view *v = qc_block_view(b);
    qc_jw_arr(w);
    for (uint32_t t = 0; t < qc_block_n_tx(b); t++) {
        qc_tx tx = qc_block_tx(b, t);
        qc_jw_arr(w);
        for (uint32_t k = 0; t && k < tx.rec->n_in; k++) {
            const qn_spent_rec *s = qn_view_spent(v, tx.rec->in0 + k);
            qc_jw_obj(w);
            qc_jw_kamount(w, "value", s->value);
            qc_jw_kobj(w, "scriptPubKey");
            qc_m_script_members(w, p, qc_span_of(qn_view_spent_script(v, s), s->script_len), true,
                                true);
            qc_jw_obj_end(w);
            qc_jw_obj_end(w);
        }
        qc_jw_arr_end(w);
    }
    qc_jw_arr_end(w);
}

static void answer_spent(qc_rest_call *c, const qc_block *b)
{
    qc_jw w = QC_JW_INIT;
    qc_bytes raw = QC_BYTES_INIT;
    if (c->format == QC_REST_JSON) {
        put_spent(&w, c->n->params, b);
        qc_rest_json(c, &w, true);
    } else if (write_spent(b, &raw)) {
        qc_bytes_free(&raw);
        qc_rest_no_memory(c);
    } else {
        qc_rest_bytes(c, raw, true);
    }
}

void qc_rest_spent_txouts(qc_rest_call *c)
{
    qc_hash hash;
    qc_block *b;
    if (c->n_parts != 1) {
        qc_rest_fail(c, 400, "Invalid URI format. Expected /rest/spenttxouts/<hash>.<ext>");
        return;
    }
    if (!qc_rest_hash(c, c->param, &hash))
        return;
    const qc_index *i = qc_chain_find(c->n->chain, &hash);
    if (!i) {
        qc_rest_fail(c, 404, "%s not found", c->param);
        return;
    }
    uint32_t need = i->height ? QC_BLOCK_HAVE_UNDO : QC_BLOCK_HAVE_DATA;
    if (!(atomic_load(&i->status) & need) || qc_chain_read_block_spent(c->n->chain, i, &b)) {
        qc_rest_fail(c, 404, "%s undo not available", c->param);
        return;
    }
    answer_spent(c, b);
    qc_block_unref(b);
}

/* ---- headers ---- */

/* Blocks of the active chain from `first` on. */
typedef struct range {
    const qc_index *first; /* NULL: none */
    uint32_t n;
} range;

static bool read_range(qc_rest_call *c, const char *count, const char *text, range *out)
{
    uint64_t n = 0;
    qc_hash hash;
    char *query = count ? NULL : qc_rest_query(c, "count");
    const char *raw = count ? count : query ? query : "5";
    bool ok = qc_rest_number(raw, SIZE_MAX, &n) && n >= 1 && n <= MAX_HEADERS;
    if (!ok)
        qc_rest_fail(c, 400, "Header count is invalid or out of acceptable range (1-%u): %s",
                     MAX_HEADERS, raw);
    qc_free(query);
    if (!ok || !qc_rest_hash(c, text, &hash))
        return false;
    const qc_index *i = qc_chain_find(c->n->chain, &hash), *tip = qc_chain_tip(c->n->chain);
    *out = (range){NULL, 0};
    if (i && qc_index_ancestor(tip, i->height) == i) {
        uint64_t there = (uint64_t)tip->height - i->height + 1;
        *out = (range){i, (uint32_t)(n < there ? n : there)};
    }
    return true;
}

/* The k-th of the range, on the branch of `tip`. */
static const qc_index *nth(const range *r, const qc_index *tip, uint32_t k)
{
    return qc_index_ancestor(tip, r->first->height + k);
}

void qc_rest_headers(qc_rest_call *c)
{
    range r;
    qc_jw w = QC_JW_INIT;
    qc_bytes raw = QC_BYTES_INIT;
    qc_err err = QC_OK;
    if (c->n_parts != 1 && c->n_parts != 2) {
        qc_rest_fail(c, 400,
                     "Invalid URI format. Expected /rest/headers/<hash>.<ext>?count=<count>");
        return;
    }
    if (!read_range(c, c->n_parts == 2 ? c->part[0] : NULL, c->part[c->n_parts - 1], &r))
        return;
    const qc_index *tip = qc_chain_tip(c->n->chain);
    qc_jw_arr(&w);
    for (uint32_t k = 0; k < r.n && !err; k++) {
        const qc_index *i = nth(&r, tip, k);
        uint8_t header[QC_HEADER_LEN];
        if (!i)
            break;
        qc_header_write(&i->header, header);
        err = qc_bytes_append(&raw, header, sizeof header);
        qc_jw_obj(&w);
        qc_m_header_members(&w, tip, i);
        qc_jw_obj_end(&w);
    }
    qc_jw_arr_end(&w);
    if (c->format == QC_REST_JSON) {
        qc_bytes_free(&raw);
        qc_rest_json(c, &w, false);
        return;
    }
    qc_jw_clear(&w);
    if (err) {
        qc_bytes_free(&raw);
        qc_rest_no_memory(c);
    } else {
        qc_rest_bytes(c, raw, false);
    }
}

void qc_rest_blockhash(qc_rest_call *c)
{
    uint64_t height;
    qc_jw w = QC_JW_INIT;
    if (!qc_rest_number(c->param, INT32_MAX, &height)) {
        qc_rest_fail(c, 400, "Invalid height: %s", c->param);
        return;
    }
    const qc_index *i = qc_chain_at(c->n->chain, (uint32_t)height);
    if (!i) {
        qc_rest_fail(c, 404, "Block height out of range");
        return;
    }
    if (c->format == QC_REST_JSON) {
        qc_jw_obj(&w);
        qc_jw_khash(&w, "blockhash", &i->hash);
        qc_jw_obj_end(&w);
        qc_rest_json(c, &w, false);
        return;
    }
    /* In hex it is shown as everywhere, which is not the order of its bytes. */
    qc_hash h = i->hash;
    for (size_t k = 0; k < 32 && c->format == QC_REST_HEX; k++)
        h.b[k] = i->hash.b[31 - k];
    qc_bytes raw = QC_BYTES_INIT;
    if (qc_bytes_append(&raw, h.b, sizeof h.b))
        qc_rest_no_memory(c);
    else
        qc_rest_bytes(c, raw, false);
}

/* ---- filters ---- */

static bool filter_type(qc_rest_call *c, const char *type)
{
    if (strcmp(type, "basic") != 0)
        return qc_rest_fail(c, 400, "Unknown filtertype %s", type);
    return c->n->filters || qc_rest_fail(c, 400, "Index is not enabled for filtertype %s", type);
}

static void filter_missing(qc_rest_call *c, const qc_index *i, bool ready, bool may_be_stale)
{
    const char *why = may_be_stale && !qc_index_valid(i, QC_BLOCK_VALID_SCRIPTS)
                          ? "Block was not connected to active chain."
                      : !ready ? "Block filters are still in the process of being indexed."
                               : "This error is unexpected and indicates index corruption.";
    qc_rest_fail(c, 404, "Filter not found. %s", why);
}

/* Core's BlockFilter: type, block hash, filter with its length. */
static qc_err write_filter(const qc_index *i, qc_span filter, qc_bytes *out)
{
    qc_err err = qc_w_u8(out, 0);
    if (!err)
        err = qc_bytes_append(out, i->hash.b, sizeof i->hash.b);
    return err ? err : qc_w_var(out, filter);
}

static void answer_filter(qc_rest_call *c, const qc_index *i, qc_span filter)
{
    qc_jw w = QC_JW_INIT;
    qc_bytes raw = QC_BYTES_INIT;
    if (c->format == QC_REST_JSON) {
        qc_jw_obj(&w);
        qc_jw_khex(&w, "filter", filter);
        qc_jw_obj_end(&w);
        qc_rest_json(c, &w, true);
    } else if (write_filter(i, filter, &raw)) {
        qc_bytes_free(&raw);
        qc_rest_no_memory(c);
    } else {
        qc_rest_bytes(c, raw, true);
    }
}

void qc_rest_filter(qc_rest_call *c)
{
    qc_hash hash, header;
    qc_bytes filter;
    if (c->n_parts != 2) {
        qc_rest_fail(c, 400,
                     "Invalid URI format. Expected /rest/blockfilter/<filtertype>/<blockhash>");
        return;
    }
    if (!qc_rest_hash(c, c->part[1], &hash) || !filter_type(c, c->part[0]))
        return;
    const qc_index *i = qc_chain_find(c->n->chain, &hash);
    if (!i) {
        qc_rest_fail(c, 404, "%s not found", c->part[1]);
        return;
    }
    bool ready = qc_m_index_ready(c->n, qc_filterindex_keeper(c->n->filters));
    if (qc_filterindex_get(c->n->filters, i, &filter, &header)) {
        filter_missing(c, i, ready, true);
        return;
    }
    answer_filter(c, i, qc_bytes_span(&filter));
    qc_bytes_free(&filter);
}

/* Out: hashes one after the other. False: the call has ended. */
static bool filter_headers(qc_rest_call *c, const range *r, qc_bytes *out)
{
    const qc_index *tip = qc_chain_tip(c->n->chain);
    bool ready = qc_m_index_ready(c->n, qc_filterindex_keeper(c->n->filters));
    for (uint32_t k = 0; k < r->n; k++) {
        const qc_index *i = nth(r, tip, k);
        qc_hash header;
        if (!i)
            break;
        if (qc_filterindex_get(c->n->filters, i, NULL, &header)) {
            filter_missing(c, i, ready, false);
            return false;
        }
        if (qc_bytes_append(out, header.b, sizeof header.b)) {
            qc_rest_no_memory(c);
            return false;
        }
    }
    return true;
}

static void put_hashes(qc_jw *w, qc_span hashes)
{
    qc_jw_arr(w);
    for (size_t at = 0; at < hashes.len; at += sizeof(qc_hash)) {
        qc_hash h;
        memcpy(h.b, hashes.data + at, sizeof h.b);
        qc_jw_hash(w, &h);
    }
    qc_jw_arr_end(w);
}

void qc_rest_filter_headers(qc_rest_call *c)
{
    range r;
    qc_jw w = QC_JW_INIT;
    qc_bytes raw = QC_BYTES_INIT;
    if (c->n_parts != 2 && c->n_parts != 3) {
        qc_rest_fail(c, 400,
                     "Invalid URI format. Expected "
                     "/rest/blockfilterheaders/<filtertype>/<blockhash>.<ext>?count=<count>");
        return;
    }
    if (!read_range(c, c->n_parts == 3 ? c->part[1] : NULL, c->part[c->n_parts - 1], &r) ||
        !filter_type(c, c->part[0]))
        return;
    if (!filter_headers(c, &r, &raw)) {
        qc_bytes_free(&raw);
    } else if (c->format == QC_REST_JSON) {
        put_hashes(&w, qc_bytes_span(&raw));
        qc_bytes_free(&raw);
        qc_rest_json(c, &w, false);
    } else {
        qc_rest_bytes(c, raw, false);
    }
}
