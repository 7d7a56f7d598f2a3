/* Compact filters served to light clients: BIP157 (Core net_processing.cpp ProcessGetCFilters,
 * ProcessGetCFHeaders, ProcessGetCFCheckPt). The index is read on the pool, a piece at a time, so
 * that neither the chain thread waits for the disk nor a request of a thousand filters fills the
 * memory; the peer's next message waits meanwhile. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/index/filterindex.h"
#include "core/sync/serving.h"

#define BASIC 0u
#define CFILTERS_MAX 1000u            /* Core MAX_GETCFILTERS_SIZE */
#define CFHEADERS_MAX 2000u           /* Core MAX_GETCFHEADERS_SIZE */
#define CHECKPOINT_EVERY 1000u        /* Core CFCHECKPT_INTERVAL */
#define PIECE_BYTES ((size_t)1 << 18) /* filters read at once, about */
#define PIECE_FILTERS 100u

/* ---- requests ---- */

qc_wire_fail qc_filter_ask_read(qc_span payload, bool starts, qc_filter_ask *out)
{
    qc_reader r = qc_reader_of(payload);
    *out = (qc_filter_ask){.type = qc_r_u8(&r)};
    if (starts)
        out->start = qc_r_le32(&r);
    qc_r_hash(&r, &out->stop);
    return r.fail;
}

static void refuse(qc_sync *s, qc_peer_state *p, const char *text)
{
    qc_log(QC_LOG_DEBUG, "net", "%s, disconnecting peer=%lld", text, (long long)p->id);
    qc_sync_drop(s, p, "filter request");
}

/* The block at the end of the request. NULL: it was refused. */
static const qc_index *judge(qc_sync *s, qc_peer_state *p, const qc_filter_ask *q, uint32_t most)
{
    char text[200], hex[QC_HASH_HEX_LEN + 1];
    const qc_index *stop = NULL;
    text[0] = 0;
    if (q->type != BASIC || !s->filters || !(s->services & QC_NODE_COMPACT_FILTERS))
        snprintf(text, sizeof text, "peer requested unsupported block filter type: %u", q->type);
    if (!text[0]) {
        stop = qc_chain_find(s->chain, &q->stop);
        qc_hash_hex(&q->stop, hex);
        if (!stop || !qc_chain_tip(s->chain) || !qc_block_allowed(s, stop))
            snprintf(text, sizeof text, "peer requested invalid block hash: %s", hex);
        else if (q->start > stop->height)
            snprintf(text, sizeof text,
                     "peer sent invalid getcfilters/getcfheaders with start height %u and stop "
                     "height %u",
                     q->start, stop->height);
        else if (stop->height - q->start >= most)
            snprintf(text, sizeof text, "peer requested too many cfilters/cfheaders: %u / %u",
                     stop->height - q->start + 1, most);
    }
    if (!text[0])
        return stop;
    refuse(s, p, text);
    return NULL;
}

/* ---- jobs ---- */

typedef enum what { FILTERS, HEADERS, CHECKPOINTS } what;

typedef struct job {
    qc_sync *sync;
    qc_peer_id peer;
    what what;
    const qc_index *stop;
    uint32_t next; /* height of the next filter; 0 of HEADERS: from genesis */
    bool first;    /* nothing has been sent yet */
    qc_err err;
    const qc_index *failed;      /* with err: which block's filter is not there */
    qc_bytes out[PIECE_FILTERS]; /* payloads */
    size_t n;
} job;

static qc_err put_head(qc_bytes *out, const qc_index *stop)
{
    qc_err err = qc_w_u8(out, BASIC);
    return err ? err : qc_bytes_append(out, &stop->hash, sizeof stop->hash);
}

static qc_err put_filter(job *j, const qc_index *i, qc_bytes *out)
{
    qc_bytes filter;
    qc_hash header;
    j->failed = i;
    qc_err err = qc_filterindex_get(j->sync->filters, i, &filter, &header);
    if (err)
        return err;
    err = put_head(out, i);
    if (!err)
        err = qc_w_var(out, qc_bytes_span(&filter));
    qc_bytes_free(&filter);
    return err;
}

static qc_err put_header(job *j, const qc_index *i, qc_bytes *out)
{
    qc_hash header;
    j->failed = i;
    qc_err err = qc_filterindex_get(j->sync->filters, i, NULL, &header);
    return err ? err : qc_bytes_append(out, &header, sizeof header);
}

/* All or nothing, as far as can be told: the filters below one that is there are there as well. */
static void read_filters(job *j)
{
    qc_hash ignored;
    size_t bytes = 0;
    j->failed = j->stop;
    if (j->first)
        j->err = qc_filterindex_get(j->sync->filters, j->stop, NULL, &ignored);
    while (!j->err && j->next <= j->stop->height && j->n < PIECE_FILTERS && bytes < PIECE_BYTES) {
        qc_bytes *b = &j->out[j->n++];
        j->err = put_filter(j, qc_index_ancestor(j->stop, j->next++), b);
        bytes += b->len;
    }
    j->first = false;
}

static qc_err read_headers(job *j, qc_bytes *b)
{
    static const qc_hash none;
    const qc_index *before = j->next ? qc_index_ancestor(j->stop, j->next - 1) : NULL;
    qc_err err = put_head(b, j->stop);
    if (!err)
        err = before ? put_header(j, before, b) : qc_bytes_append(b, &none, sizeof none);
    if (!err)
        err = qc_w_compact(b, j->stop->height - j->next + 1);
    for (uint32_t h = j->next; h <= j->stop->height && !err; h++) {
        qc_hash hash;
        j->failed = qc_index_ancestor(j->stop, h);
        err = qc_filterindex_hash(j->sync->filters, j->failed, &hash);
        if (!err)
            err = qc_bytes_append(b, &hash, sizeof hash);
    }
    return err;
}

static qc_err read_checkpoints(job *j, qc_bytes *b)
{
    uint32_t n = j->stop->height / CHECKPOINT_EVERY;
    qc_err err = put_head(b, j->stop);
    if (!err)
        err = qc_w_compact(b, n);
    for (uint32_t k = 1; k <= n && !err; k++)
        err = put_header(j, qc_index_ancestor(j->stop, k * CHECKPOINT_EVERY), b);
    return err;
}

static void log_missing(const job *j)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&j->failed->hash, hex);
    qc_log(QC_LOG_DEBUG, "net",
           "Failed to find block filter in index: filter_type=basic, block_hash=%s: %s", hex,
           qc_err_text(j->err));
}

static const char *name_of(what w)
{
    return w == FILTERS ? "cfilter" : w == HEADERS ? "cfheaders" : "cfcheckpt";
}

static void free_job(job *j)
{
    for (size_t k = 0; k < PIECE_FILTERS; k++)
        qc_bytes_free(&j->out[k]);
    qc_free(j);
}

static void answered(qc_chain *c, void *arg)
{
    job *j = arg;
    qc_sync *s = j->sync;
    qc_peer_state *p = s->stopped ? NULL : qc_sync_peer_find(s, j->peer);
    (void)c;
    if (p) {
        p->serving = false;
        if (j->err)
            log_missing(j);
        for (size_t k = 0; k < j->n && !j->err; k++)
            qc_sync_send(s, p, name_of(j->what), &j->out[k]);
        bool more = !j->err && j->what == FILTERS && j->next <= j->stop->height;
        p->filters_stop = more ? j->stop : NULL;
        p->filters_next = j->next;
        qc_sync_go_on(s, p);
    }
    free_job(j);
}

static void run_job(void *arg)
{
    job *j = arg;
    qc_sync *s = j->sync;
    switch (j->what) {
    case FILTERS:
        read_filters(j);
        break;
    case HEADERS:
        j->err = read_headers(j, &j->out[j->n++]);
        break;
    case CHECKPOINTS:
        j->err = read_checkpoints(j, &j->out[j->n++]);
        break;
    }
    qc_chain_post(s->thread, answered, j);
    qc_sync_job_end(s);
}

static void begin(qc_sync *s, qc_peer_state *p, what w, const qc_index *stop, uint32_t next,
                  bool first)
{
    job *j = qc_alloc(sizeof *j);
    *j = (job){.sync = s, .peer = p->id, .what = w, .stop = stop, .next = next, .first = first};
    p->serving = true;
    qc_sync_job_begin(s);
    qc_pool_post(qc_chain_pool(s->chain), run_job, j);
}

void qc_filters_on(qc_sync *s, qc_peer_state *p)
{
    begin(s, p, FILTERS, p->filters_stop, p->filters_next, false);
}

/* ---- messages ---- */

static void answer(qc_sync *s, qc_peer_state *p, const char *name, qc_span payload, what w,
                   uint32_t most)
{
    qc_filter_ask q;
    qc_wire_fail fail = qc_filter_ask_read(payload, w != CHECKPOINTS, &q);
    if (fail) {
        qc_sync_unread(p, name, payload.len, fail);
        return;
    }
    const qc_index *stop = judge(s, p, &q, most);
    if (stop)
        begin(s, p, w, stop, q.start, true);
}

void qc_on_getcfilters(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    answer(s, p, "getcfilters", payload, FILTERS, CFILTERS_MAX);
}

void qc_on_getcfheaders(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    answer(s, p, "getcfheaders", payload, HEADERS, CFHEADERS_MAX);
}

void qc_on_getcfcheckpt(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    answer(s, p, "getcfcheckpt", payload, CHECKPOINTS, UINT32_MAX);
}
