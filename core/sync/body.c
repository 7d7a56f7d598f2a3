/* Blocks received: parsed on the pool while others are being connected, judged in the peer's turn
 * (Core net_processing.cpp, message "block", and BlockChecked). */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/consensus/check.h"
#include "core/sync/internal.h"

/* ---- parsing ---- */

/* The smallest transaction, one input and one output without scripts, takes 60 bytes of the million
 * that a block has without witnesses. A message that says it has more transactions than fit would
 * take twenty times its size when parsed, and is no block that any rule would let pass. */
#define SMALLEST_TX 60u
#define MOST_TX (QC_MAX_BLOCK_WEIGHT / QC_WITNESS_SCALE / SMALLEST_TX)

void qc_body_free(qc_body *b)
{
    if (b)
        qc_block_unref(b->block);
    qc_free(b);
}

static bool crowded(qc_body *b, qc_span payload)
{
    qc_reader r = qc_reader_of(payload);
    qc_r_span(&r, QC_HEADER_LEN);
    b->n_tx = qc_r_compact(&r);
    b->crowded = !r.fail && b->n_tx > MOST_TX;
    return b->crowded;
}

/* From the bytes of a message to a block, which has its own copy of them. Thread: any. */
static void parse(qc_sync_msg *m)
{
    size_t where, had = m->payload.cap, has = 0;
    qc_body *b = m->body;
    if (!crowded(b, qc_bytes_span(&m->payload)))
        b->fail = qc_block_parse_at(qc_bytes_span(&m->payload), &b->block, &where);
    if (b->block) {
        has = (size_t)qc_block_view(b->block)->total;
        (void)qc_check_block(m->sync->params, b->block, true, true, &b->found);
    }
    qc_bytes_free(&m->payload);
    m->charged += has - had;
    atomic_fetch_add(&m->sync->held, has - had); /* wraps when it is less */
}

static void parsed(qc_chain *c, void *arg)
{
    qc_sync_msg *m = arg;
    qc_sync *s = m->sync;
    (void)c;
    m->parsing = false;
    if (m->orphan) {
        qc_sync_msg_free(m);
        return;
    }
    qc_peer_state *p = qc_sync_peer_find(s, m->peer);
    if (p)
        qc_sync_go_on(s, p);
}

static void parse_job(void *arg)
{
    qc_sync_msg *m = arg;
    qc_sync *s = m->sync;
    parse(m);
    qc_chain_post(s->thread, parsed, m);
    qc_sync_job_end(s);
}

static void parse_here(qc_chain *c, void *arg)
{
    qc_sync_msg *m = arg;
    qc_sync *s = m->sync;
    parse(m);
    parsed(c, m);
    qc_sync_job_end(s);
}

void qc_body_prepare(qc_sync *s, qc_sync_msg *m)
{
    if (qc_pool_workers(qc_chain_pool(s->chain)))
        qc_pool_post(qc_chain_pool(s->chain), parse_job, m);
    else
        qc_chain_post(s->thread, parse_here, m);
}

/* ---- who sent what ---- */

void qc_source_add(qc_sync *s, const qc_hash *hash, qc_peer_id id, bool punish)
{
    for (const qc_source *x = s->sources; x; x = x->next)
        if (qc_hash_eq(&x->hash, hash))
            return; /* the first one counts */
    qc_source *x = qc_alloc(sizeof *x);
    *x = (qc_source){s->sources, *hash, id, punish};
    s->sources = x;
}

void qc_source_over(qc_sync *s, const qc_hash *hash)
{
    for (qc_source **at = &s->sources; *at; at = &(*at)->next)
        if (qc_hash_eq(&(*at)->hash, hash)) {
            qc_source *x = *at;
            *at = x->next;
            qc_free(x);
            return;
        }
}

void qc_sources_forget(qc_sync *s, qc_peer_id id)
{
    for (qc_source **at = &s->sources; *at;) {
        qc_source *x = *at;
        if (x->peer == id) {
            *at = x->next;
            qc_free(x);
        } else {
            at = &x->next;
        }
    }
}

void qc_on_checked(qc_sync *s, const qc_hash *hash, const qc_verdict *v)
{
    const qc_source *x = s->sources;
    while (x && !qc_hash_eq(&x->hash, hash))
        x = x->next;
    if (!x)
        return;
    qc_peer_state *p = qc_sync_peer_find(s, x->peer);
    if (!qc_verdict_ok(v) && p)
        qc_sync_punish(s, p, v, !x->punish, "");
    else if (p && !qc_chain_initial_download(s->chain) && qc_requests(s, hash, NULL) == s->n_flight)
        qc_compact_prefer(s, p); /* nothing else is on its way: this is the newest block */
    qc_source_over(s, hash);
}

/* ---- the turn of a block ---- */

static bool mutated(qc_sync *s, qc_peer_state *p, const qc_block *b, const qc_index *prev)
{
    qc_verdict v;
    char text[QC_VERDICT_REASON_LEN + QC_VERDICT_DEBUG_LEN + 4];
    bool segwit = prev && qc_deployment_active(s->params, QC_DEP_SEGWIT, prev->height + 1);
    if (!prev || !qc_block_is_mutated(b, segwit, &v))
        return false;
    qc_log(QC_LOG_DEBUG, "validation", "Block mutated: %s", qc_verdict_text(&v, text, sizeof text));
    qc_log(QC_LOG_DEBUG, "net", "Received mutated block from peer=%lld", (long long)p->id);
    qc_sync_misbehaving(s, p, "mutated block");
    qc_request_over(s, qc_block_hash(b), p);
    return true;
}

bool qc_work_suffices(const qc_sync *s, const qc_header *h, const qc_index *parent)
{
    qc_u256 want = qc_work_threshold(s), work;
    qc_header_work(h->bits, &work);
    qc_u256_add(&work, &parent->chain_work);
    return qc_u256_cmp(&work, &want) >= 0;
}

void qc_process_block(qc_sync *s, qc_peer_state *p, qc_block *b, const qc_verdict *found,
                      bool asked, bool work_suffices)
{
    const qc_hash hash = *qc_block_hash(b);
    bool fresh = false;
    qc_verdict v;
    qc_err err = qc_chain_process_checked(s->chain, b, found, asked, work_suffices, &fresh, &v);
    if (!err && fresh) {
        p->last_block = qc_clock_now();
        qc_net_useful(s->net, p->id, true);
        qc_request_over(s, &hash, NULL); /* whoever else was asked */
    } else {
        qc_source_over(s, &hash);
    }
}

void qc_on_block(qc_sync *s, qc_peer_state *p, qc_sync_msg *m)
{
    char hex[QC_HASH_HEX_LEN + 1];
    if (!qc_sync_loaded(s)) {
        qc_log(QC_LOG_DEBUG, "net", "Unexpected block message received from peer %lld",
               (long long)p->id);
        return;
    }
    if (m->body->crowded) {
        qc_sync_misbehaving(s, p, "block with %llu transactions",
                            (unsigned long long)m->body->n_tx);
        return;
    }
    if (m->body->fail) {
        qc_sync_unread(p, "block", m->len, m->body->fail);
        return;
    }
    qc_block *b = m->body->block;
    const qc_hash hash = *qc_block_hash(b);
    qc_hash_hex(&hash, hex);
    qc_log(QC_LOG_DEBUG, "net", "received block %s peer=%lld", hex, (long long)p->id);
    const qc_index *prev = qc_chain_find(s->chain, &qc_block_header(b)->prev);
    if (mutated(s, p, b, prev))
        return;
    bool asked = qc_requested(s, &hash);
    qc_request_over(s, &hash, p);
    qc_source_add(s, &hash, p->id, true);
    qc_process_block(s, p, b, &m->body->found, asked,
                     prev && qc_work_suffices(s, qc_block_header(b), prev));
}
