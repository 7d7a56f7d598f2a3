/* Rescans: a second cursor over blocks that the stream has passed, on the stream's own chain. Block
 * filters say which blocks need not be read, where there are some and the set is small: each is
 * hashed anew for each block, and a large set matches nearly every filter by chance. */
#include "core/host/watch_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/index/gcs.h"

#define PROGRESS_EVERY ((qc_mono)1000000000)
#define PROGRESS_BLOCKS 10000u
#define OP_RETURN 0x6au
#define AHEAD 8u /* blocks */
#define DENSE 4u /* blocks in a row that filters want, behind which they are taken to want more */

void qc_watch_rescan_clear(qc_watch_scan *r)
{
    qc_watch_stage_clear(&r->stage);
    qc_free(r->script);
    qc_bytes_free(&r->bytes);
    *r = (qc_watch_scan){.id = 0};
}

/* Blocks that were named ahead are not wanted after all. */
static void forget_ahead(const qc_watch_stream *w, qc_watch_scan *r)
{
    if (r->asked > r->next)
        w->src.ahead(w->src.arg, NULL, w->owner.id);
    r->asked = 0;
}

static uint32_t below(uint32_t height, const qc_index *at)
{
    return at->height && height >= at->height ? at->height - 1 : height;
}

/* Of the branch that comes instead the stream tells what is watched by then; a rescan that has to
 * go beyond `to` looks for what it adds later there too. */
static void scan_left(qc_watch_stream *w, qc_watch_scan *r, const qc_index *at)
{
    if (r->stage.at == at) {
        r->wait = r->stage.wait;
        qc_watch_stage_clear(&r->stage);
    }
    r->to = below(r->to, at);
    r->told_to = below(r->told_to, at);
    if (r->next > at->height) {
        forget_ahead(w, r);
        r->next = at->height;
    }
}

void qc_watch_rescan_left(qc_watch_stream *w, const qc_index *at)
{
    for (size_t i = 0; i < QC_WATCH_RESCANS; i++)
        if (w->scan[i].id)
            scan_left(w, &w->scan[i], at);
}

/* ---- what is added while it goes on ---- */

static bool means(const qc_watch_scan *r, uint64_t cookie)
{
    return cookie >= r->first && cookie <= r->last;
}

void qc_watch_rescan_grow(qc_watch_stream *w, const qc_watch_key *key, size_t n)
{
    for (size_t i = 0; i < QC_WATCH_RESCANS; i++) {
        qc_watch_scan *r = &w->scan[i];
        for (size_t k = 0; r->id && r->open && !r->grown && k < n; k++)
            r->grown = means(r, key[k].cookie);
    }
}

/* The stream went on meanwhile, without what was added since: so does the rescan, up to where the
 * stream stands now. Behind that the stream tells of it. */
static bool follows(const qc_watch_stream *w, qc_watch_scan *r)
{
    const qc_index *top = w->follow.cursor;
    if (!r->grown || !top || r->to >= top->height)
        return false;
    r->grown = false;
    r->to = top->height;
    return true;
}

/* ---- the hits of one block ---- */

static void keep_wanted(qc_watch_hits *h, uint32_t gen, const qc_watch_scan *r)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        if (h->hit[i].gen > gen && (!r || means(r, h->hit[i].cookie)))
            h->hit[n++] = h->hit[i];
    h->n = n;
}

/* Only what is told needs ids. */
static void make_ids(qc_block *b, const qc_watch_hits *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (!i || h->hit[i].tx != h->hit[i - 1].tx)
            qc_block_make_ids(b, h->hit[i].tx);
}

qn_status qc_watch_again(qc_watch_stream *w, qc_watch_stage *stage, const qc_watch_scan *r)
{
    qc_watch_hits hits = QC_WATCH_HITS_INIT;
    if (stage->gen == w->gen)
        return QN_E_AGAIN;
    if (qc_watch_match_block(w->src.set, stage->block, w->owner.id, &hits)) {
        qc_watch_hits_clear(&hits);
        return QN_E_NOMEM;
    }
    keep_wanted(&hits, stage->gen, r);
    stage->gen = w->gen;
    if (!hits.n) {
        qc_watch_hits_clear(&hits);
        return QN_E_AGAIN;
    }
    make_ids(stage->block, &hits);
    stage->wait = UINT64_MAX;
    qc_watch_tell_block(w, QN_WATCH_EV_CONFIRMED, QN_WATCH_EVF_AGAIN, stage->at, stage->block,
                        &hits, stage);
    w->tell.rescan = r ? r->id : 0;
    return QN_OK;
}

/* ---- filters ---- */

typedef struct lister {
    qc_watch_scan *r;
    size_t n;
    bool fits; /* filters know of all of them */
    qc_err err;
} lister;

static void list_one(void *arg, const qc_watch_key *key, uint32_t gen)
{
    lister *l = arg;
    (void)gen;
    if (!means(l->r, key->cookie) || !l->fits || l->err)
        return;
    l->fits = key->kind == QC_WATCH_SCRIPT && key->bytes.data[0] != OP_RETURN &&
              ++l->n <= QC_WATCH_FILTER_SCRIPTS;
    const uint32_t len = (uint32_t)key->bytes.len;
    if (!l->fits)
        return;
    l->err = qc_bytes_append(&l->r->bytes, &len, sizeof len);
    if (!l->err)
        l->err = qc_bytes_append(&l->r->bytes, key->bytes.data, len);
}

/* Anew when the set has changed. */
static void list_scripts(const qc_watch_stream *w, qc_watch_scan *r)
{
    lister l = {.r = r, .fits = true};
    if (r->listed_at == w->changed_at)
        return;
    r->listed_at = w->changed_at;
    r->bytes.len = 0;
    qc_free(r->script);
    r->script = NULL;
    qc_watchset_each(w->src.set, &w->owner, list_one, &l);
    if (l.fits && !l.err)
        r->script = qc_try_calloc(l.n + 1, sizeof *r->script);
    r->filters = r->script != NULL;
    r->n_script = l.n;
    const uint8_t *at = r->bytes.data;
    for (size_t i = 0; r->filters && i < l.n; i++) {
        uint32_t len;
        memcpy(&len, at, sizeof len);
        r->script[i] = qc_span_of(at + sizeof len, len);
        at += sizeof len + len;
    }
}

/* Does the filter say that nothing of the block is ours? One that is not there says nothing. */
static bool passes_by(const qc_watch_stream *w, qc_watch_scan *r, const qc_index *at)
{
    qc_bytes filter = QC_BYTES_INIT;
    bool hit = true;
    if (r->no_filters || !w->src.filter)
        return false;
    list_scripts(w, r);
    if (!r->filters || w->src.filter(w->src.arg, at, &filter))
        return false;
    if (qc_gcs_match_any(qc_bytes_span(&filter), &at->hash, r->script, r->n_script, &hit))
        hit = true;
    qc_bytes_free(&filter);
    return !hit;
}

/* ---- steps ---- */

static void say(qc_watch_stream *w, const qc_watch_scan *r, uint32_t type, qn_status status,
                const qc_index *at)
{
    const qn_watch_event ev = {
        .type = type,
        .flags = type == QN_WATCH_EV_RESCAN_DONE && r->filters ? QN_WATCH_EVF_FILTERS : 0u,
        .rescan = r->id,
        .status = status,
        .ref = qc_watch_ref(at)};
    qc_watch_say(w, &ev);
}

static const qc_index *passed(const qc_watch_stream *w, const qc_watch_scan *r)
{
    const qc_index *top = w->follow.cursor;
    if (!r->next || !top)
        return NULL;
    return qc_index_ancestor(top, QC_MIN(r->next - 1, top->height));
}

static qn_status end(qc_watch_stream *w, qc_watch_scan *r, qn_status st, const qc_index *at)
{
    say(w, r, QN_WATCH_EV_RESCAN_DONE, st, at);
    w->src.ahead(w->src.arg, NULL, w->owner.id);
    qc_watch_rescan_clear(r);
    return QN_OK;
}

static qn_status unreadable(qc_watch_stream *w, qc_watch_scan *r, qc_err err)
{
    if (err != QC_EPRUNED)
        return end(w, r,
                   err == QC_ENOMEM || err == QC_ECORRUPT
                       ? (err == QC_ENOMEM ? QN_E_NOMEM : QN_E_CORRUPT)
                       : QN_E_IO,
                   passed(w, r));
    uint32_t lowest = w->src.prune_height(w->src.arg);
    const qc_index *top = w->follow.cursor;
    return end(w, r, QN_E_PRUNED, lowest <= top->height ? qc_index_ancestor(top, lowest) : top);
}

/* Which blocks filters will want is not known, but guessed. */
static void look_ahead(const qc_watch_stream *w, qc_watch_scan *r)
{
    if (r->filters && ++r->dense < DENSE)
        return;
    for (r->asked = QC_MAX(r->asked, r->next); r->asked < QC_MIN(r->to, r->next + AHEAD);)
        w->src.ahead(w->src.arg, qc_index_ancestor(w->follow.cursor, ++r->asked), w->owner.id);
}

/* One block. */
static qn_status look(qc_watch_stream *w, qc_watch_scan *r)
{
    const qc_index *at = qc_index_ancestor(w->follow.cursor, r->next);
    qc_watch_hits hits = QC_WATCH_HITS_INIT;
    qc_block *b;
    if (passes_by(w, r, at)) {
        forget_ahead(w, r);
        r->dense = 0;
        r->next++;
        return QC_WATCH_MORE;
    }
    look_ahead(w, r);
    qc_err err = w->src.seek(w->src.arg, at, w->owner.id, w->changed_at, &b);
    if (!err && b) {
        err = qc_watch_match_block(w->src.set, b, w->owner.id, &hits);
        if (err)
            qc_block_unref(b);
    }
    if (err) {
        qc_watch_hits_clear(&hits);
        return unreadable(w, r, err);
    }
    r->next++;
    keep_wanted(&hits, at->height > r->told_to ? r->gen : 0, r);
    if (hits.n) {
        make_ids(b, &hits);
        r->stage = (qc_watch_stage){b, at, UINT64_MAX, w->gen};
        qc_watch_tell_block(w, QN_WATCH_EV_CONFIRMED, 0, at, b, &hits, &r->stage);
        w->tell.rescan = r->id;
        return QN_OK;
    }
    qc_watch_hits_clear(&hits);
    qc_block_unref(b);
    return QC_WATCH_MORE;
}

/* Of the block only what was ours at that time is at hand. */
static qn_status look_again(qc_watch_stream *w, qc_watch_scan *r)
{
    qc_block *b;
    if (r->stage.gen == w->gen)
        return QN_E_AGAIN;
    qc_err err = w->src.seek(w->src.arg, r->stage.at, w->owner.id, w->changed_at, &b);
    if (err) {
        r->next = r->stage.at->height; /* what was added since is not looked for in it */
        return unreadable(w, r, err);
    }
    qc_block_unref(r->stage.block);
    r->stage.block = b;
    return b ? qc_watch_again(w, &r->stage, r) : QN_E_AGAIN;
}

static bool due(const qc_watch_stream *w, qc_watch_scan *r)
{
    qc_mono now = w->src.now();
    if (now - r->told_at < PROGRESS_EVERY && r->next - r->told < PROGRESS_BLOCKS)
        return false;
    r->told_at = now;
    r->told = r->next;
    return true;
}

static qn_status tell_progress(qc_watch_stream *w, const qc_watch_scan *r)
{
    say(w, r, QN_WATCH_EV_RESCAN_PROGRESS, QN_OK, passed(w, r));
    return QN_OK;
}

qn_status qc_watch_rescan_step(qc_watch_stream *w, qc_watch_scan *r, qc_mono until)
{
    if (!r->id)
        return QN_E_AGAIN;
    if (r->canceled) {
        if (r->stage.block && r->stage.gen != w->gen)
            r->next = r->stage.at->height; /* as above */
        return end(w, r, QN_E_CANCELED, passed(w, r));
    }
    if (QC_MAX(r->wait, r->stage.block ? r->stage.wait : 0) > w->acked)
        return QN_E_LIMIT;
    if (r->stage.block) {
        qn_status st = look_again(w, r);
        if (st != QN_E_AGAIN)
            return st;
        qc_watch_stage_clear(&r->stage);
        if (due(w, r))
            return tell_progress(w, r);
    }
    while (w->follow.cursor && (r->next <= r->to || follows(w, r))) {
        qn_status st = look(w, r);
        if (st != QC_WATCH_MORE)
            return st;
        if (due(w, r))
            return tell_progress(w, r);
        if (w->src.now() >= until)
            return QC_WATCH_MORE;
    }
    return end(w, r, QN_OK, passed(w, r));
}
