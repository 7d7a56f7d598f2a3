/* Blocks received as compact ones: BIP152 version 2, low and high bandwidth (Core
 * net_processing.cpp, messages "sendcmpct", "cmpctblock" and "blocktxn", and
 * MaybeSetPeerAsAnnouncingHeaderAndIDs). */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/sync/internal.h"

#define HB_MAX 3u       /* peers asked to announce by compact blocks */
#define PARALLEL_MAX 3u /* downloads of one block (Core MAX_CMPCTBLOCKS_INFLIGHT_PER_BLOCK) */
#define PARTIALS_MAX 4u /* unfinished blocks of one peer: bounds what is kept for it */
#define NEAR_TIP 2u     /* blocks above the tip: further ones are fetched whole */

/* ---- who announces ---- */

void qc_compact_hello(qc_sync *s, qc_peer_state *p, bool announce)
{
    qc_bytes b = QC_BYTES_INIT;
    if (!qc_cmpct_hello_write(&b, announce))
        qc_sync_send(s, p, "sendcmpct", &b);
    qc_bytes_free(&b);
}

void qc_compact_heard(qc_sync *s, qc_peer_state *p, uint8_t announce)
{
    if (announce > 1) {
        qc_sync_misbehaving(s, p, "invalid sendcmpct announce field");
        return;
    }
    p->compact = true;
    p->hb_from = announce == 1;
}

void qc_on_sendcmpct(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    uint8_t announce;
    uint64_t version;
    if (!qc_cmpct_hello_read(payload, &announce, &version)) {
        qc_sync_unread(p, "sendcmpct", payload.len, QC_WIRE_END);
        return;
    }
    if (announce > 1 || version == QC_CMPCT_VERSION)
        qc_compact_heard(s, p, announce);
}

/* Places of the list stay taken by peers that are gone until others need them, as in Core. */
static bool is_outbound(const qc_sync *s, qc_peer_id id)
{
    const qc_peer_state *p = qc_sync_peer_find(s, id);
    return p && !p->info.inbound;
}

static void move_to_end(qc_sync *s, size_t at)
{
    qc_peer_id id = s->hb[at];
    for (; at + 1 < s->n_hb; at++)
        s->hb[at] = s->hb[at + 1];
    s->hb[at] = id;
}

static void demote_oldest(qc_sync *s)
{
    qc_peer_state *p = qc_sync_peer_find(s, s->hb[0]);
    if (p && !p->closing) {
        qc_compact_hello(s, p, false);
        p->hb_to = false;
    }
    move_to_end(s, 0);
    s->n_hb--;
}

void qc_compact_prefer(qc_sync *s, qc_peer_state *p)
{
    size_t outbound = 0;
    /* Without a pool of transactions a compact block is no use. */
    if (s->blocks_only || !p->compact || p->closing)
        return;
    for (size_t k = 0; k < s->n_hb; k++) {
        if (s->hb[k] == p->id) {
            move_to_end(s, k);
            return;
        }
        outbound += is_outbound(s, s->hb[k]);
    }
    /* Inbound peers come as they like: one that we chose keeps a place. */
    if (p->info.inbound && s->n_hb >= HB_MAX && outbound == 1 && is_outbound(s, s->hb[0])) {
        qc_peer_id id = s->hb[0];
        s->hb[0] = s->hb[1];
        s->hb[1] = id;
    }
    qc_compact_hello(s, p, true);
    p->hb_to = true;
    s->hb[s->n_hb++] = p->id;
    if (s->n_hb > HB_MAX)
        demote_oldest(s);
}

/* ---- the header ---- */

static bool heard(const qc_sync *s, const qc_peer_state *p)
{
    const char *why = !qc_sync_loaded(s) ? "even though we are still loading blocks"
                      : s->blocks_only   ? "even though we are blocksonly"
                      : !p->compact      ? "despite never having sent us a SENDCMPCT"
                                         : NULL;
    if (why)
        qc_log(QC_LOG_DEBUG, "cmpctblock", "peer=%lld sent us a compact block %s!",
               (long long)p->id, why);
    return !why;
}

/* NULL: nothing more is to be done with it. */
static const qc_index *take_header(qc_sync *s, qc_peer_state *p, const qc_cmpct *c)
{
    const qc_index *parent = qc_chain_find(s->chain, &c->header.prev), *i = NULL, *best;
    if (!parent) {
        qc_best_header_of(s, &best);
        if (!qc_chain_initial_download(s->chain))
            (void)qc_ask_headers(s, p, NULL, best);
        return NULL;
    }
    if (!qc_work_suffices(s, &c->header, parent)) {
        qc_log(QC_LOG_DEBUG, "net", "Ignoring low-work compact block from peer %lld",
               (long long)p->id);
        return NULL;
    }
    bool fresh = !qc_chain_find(s->chain, &c->hash);
    qc_verdict v = {.code = QC_V_OK};
    bool good = qc_chain_accept_header(s->chain, &c->header, true, &i, &v);
    qc_chain_headers_done(s->chain, good ? i : NULL);
    if (!good) {
        qc_sync_punish(s, p, &v, true, "invalid header via cmpctblock");
        return NULL;
    }
    if (fresh) {
        qc_log_header(s, i, p->id, true);
        qc_peer_announced(s, p, i);
    }
    qc_peer_has(s, p, &c->hash);
    return i;
}

/* ---- the block ---- */

static void ask_whole(qc_sync *s, qc_peer_state *p, const qc_index *i)
{
    qc_send_getdata(s, p, &i, 1);
}

static void log_made(const qc_partial_counts *n, const qc_hash *hash, const qc_cmpct_txs *t)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(hash, hex);
    qc_log(QC_LOG_DEBUG, "cmpctblock",
           "Successfully reconstructed block %s with %u txn prefilled, %u txn from mempool (incl "
           "at least %u from extra pool) and %u txn (%zu bytes) requested",
           hex, n->prefilled, n->known, n->extra, t ? t->n : 0, t ? t->txs.len : 0);
}

static qc_partial_status put_together(qc_sync *s, qc_partial *part, const qc_index *i,
                                      const qc_cmpct_txs *t, qc_block **b)
{
    bool segwit = qc_deployment_active(s->params, QC_DEP_SEGWIT, i->height);
    qc_partial_counts n = qc_partial_count(part);
    qc_partial_status st = qc_partial_fill(part, t, segwit, b);
    if (st == QC_PARTIAL_OK)
        log_made(&n, &i->hash, t);
    return st;
}

/* Whoever relays compact blocks may do so before it has judged them (BIP152), and is not to blame
 * for what is in them. */
static void process(qc_sync *s, qc_peer_state *p, qc_block *b)
{
    qc_verdict found = {.code = QC_V_OK};
    (void)qc_check_block(s->params, b, true, true, &found);
    qc_source_add(s, qc_block_hash(b), p->id, false);
    qc_process_block(s, p, b, &found, true, true);
    qc_block_unref(b);
}

/* All transactions of a requested block ought to be here (Core ProcessCompactBlockTxns). */
static void complete(qc_sync *s, qc_peer_state *p, const qc_hash *hash, const qc_cmpct_txs *t)
{
    const qc_flight *first;
    uint32_t n = qc_requests(s, hash, &first);
    qc_flight *f = qc_request_of(s, hash, p);
    qc_block *b = NULL;
    if (!f || !f->partial) {
        qc_log(QC_LOG_DEBUG, "net",
               "Peer %lld sent us block transactions for block we weren't expecting",
               (long long)p->id);
        return;
    }
    const qc_index *i = f->index;
    if (qc_partial_is_spent(f->partial)) {
        qc_request_over(s, hash, p);
        qc_sync_misbehaving(s, p, "previous compact block reconstruction attempt failed");
        return;
    }
    switch (put_together(s, f->partial, i, t, &b)) {
    case QC_PARTIAL_INVALID:
        qc_request_over(s, &i->hash, p);
        qc_sync_misbehaving(s, p, "invalid compact block/non-matching block transactions");
        break;
    case QC_PARTIAL_FAILED:
        /* The spent partial block stays, so that this peer cannot try the same once more. */
        if (n == 0 || first->peer == p) {
            ask_whole(s, p, i);
            break;
        }
        qc_request_over(s, &i->hash, p);
        qc_log(QC_LOG_DEBUG, "net",
               "Peer %lld sent us a compact block but it failed to reconstruct, waiting on first "
               "download to complete",
               (long long)p->id);
        break;
    case QC_PARTIAL_OK:
        qc_request_over(s, &i->hash, p);
        process(s, p, b);
        break;
    }
}

void qc_on_blocktxn(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_cmpct_txs t;
    if (!qc_sync_loaded(s)) {
        qc_log(QC_LOG_DEBUG, "net", "Unexpected blocktxn message received from peer %lld",
               (long long)p->id);
        return;
    }
    qc_wire_fail fail = qc_cmpct_txs_read(payload, &t);
    if (fail)
        qc_sync_unread(p, "blocktxn", payload.len, fail);
    else
        complete(s, p, &t.hash, &t);
}

/* ---- a compact block that is wanted ---- */

static qc_partial_status start(qc_sync *s, const qc_cmpct *c, qc_partial **out)
{
    const qc_tx_source extra = {s->extra, qc_extra_each};
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&c->hash, hex);
    qc_log(QC_LOG_DEBUG, "cmpctblock",
           "Initializing PartiallyDownloadedBlock for block %s with %u short ids and %u txn", hex,
           c->n_ids, c->n_prefilled);
    return qc_partial_new(out, c, &s->pool, &extra);
}

static size_t partials_of(const qc_peer_state *p)
{
    size_t n = 0;
    for (const qc_flight *f = p->flight; f; f = f->next)
        n += f->partial != NULL;
    return n;
}

static bool asked_of_outbound(const qc_sync *s, const qc_hash *hash)
{
    const qc_flight *f;
    for (qc_requests(s, hash, &f); f; f = qc_request_after(f))
        if (!f->peer->info.inbound)
            return true;
    return false;
}

/* May a round trip be spent on it? On the first download always; on further ones with
 * high-bandwidth peers, where the last place is kept for one that we chose. */
static bool worth_asking(const qc_sync *s, const qc_peer_state *p, const qc_hash *hash, bool first,
                         uint32_t n)
{
    return first ||
           (p->hb_to && (!p->info.inbound || asked_of_outbound(s, hash) || n < PARALLEL_MAX - 1));
}

static bool ask_missing(qc_sync *s, qc_peer_state *p, const qc_flight *f)
{
    qc_bytes b = QC_BYTES_INIT;
    uint16_t *place;
    size_t n = qc_partial_missing(f->partial, &place);
    bool ok = place && qc_partial_hold(f->partial) == QC_PARTIAL_OK &&
              !qc_cmpct_ask_write(&b, &f->index->hash, place, n);
    if (ok)
        qc_sync_send(s, p, "getblocktxn", &b);
    qc_bytes_free(&b);
    qc_free(place);
    return ok;
}

/* It cannot be put together from this message: have all of it from the first peer that was asked,
 * or wait for that one. */
static void give_up(qc_sync *s, qc_peer_state *p, const qc_index *i, bool first)
{
    if (first)
        ask_whole(s, p, i);
    else
        qc_request_over(s, &i->hash, p);
}

static void take_up(qc_sync *s, qc_peer_state *p, const qc_cmpct *c, const qc_index *i)
{
    const qc_flight *oldest;
    uint32_t n = qc_requests(s, &i->hash, &oldest);
    bool first = n == 0 || oldest->peer == p;
    (void)qc_request(s, p, i);
    qc_flight *f = qc_request_of(s, &i->hash, p);
    if (f->tried) {
        qc_log(QC_LOG_DEBUG, "net", "Peer sent us compact block we were already syncing!");
        return;
    }
    f->tried = true;
    qc_partial_status st = start(s, c, &f->partial);
    if (st == QC_PARTIAL_INVALID) {
        qc_request_over(s, &i->hash, p);
        qc_sync_misbehaving(s, p, "invalid compact block");
    } else if (st == QC_PARTIAL_FAILED) {
        give_up(s, p, i, first);
    } else if (qc_partial_missing(f->partial, NULL) == 0) {
        complete(s, p, &i->hash, NULL);
    } else if (!worth_asking(s, p, &i->hash, first, n)) {
        qc_request_over(s, &i->hash, p);
    } else if (!ask_missing(s, p, f)) {
        qc_partial_free(f->partial);
        f->partial = NULL;
        give_up(s, p, i, first);
    }
}

/* Others have it on its way: perhaps nothing is missing. */
static void try_at_once(qc_sync *s, qc_peer_state *p, const qc_cmpct *c, const qc_index *i)
{
    qc_partial *part;
    qc_block *b = NULL;
    if (start(s, c, &part) != QC_PARTIAL_OK)
        return;
    qc_partial_status st = put_together(s, part, i, NULL, &b);
    qc_partial_free(part);
    if (st != QC_PARTIAL_OK)
        return;
    process(s, p, b);
    if (qc_index_valid(i, QC_BLOCK_VALID_TRANSACTIONS))
        qc_request_over(s, &i->hash, NULL);
}

static void wanted(qc_sync *s, qc_peer_state *p, const qc_cmpct *c, const qc_index *i)
{
    const qc_index *tip = qc_chain_tip(s->chain);
    uint32_t n = qc_requests(s, &i->hash, NULL);
    bool asked = qc_request_of(s, &i->hash, p) != NULL;
    if (!asked && !p->hb_to) {
        qc_log(QC_LOG_DEBUG, "cmpctblock",
               "peer=%lld, not marked as high-bandwidth, sent us an unsolicited compact block!",
               (long long)p->id);
        return;
    }
    bool better = qc_u256_cmp(&i->chain_work, &tip->chain_work) > 0;
    if (!better || atomic_load(&i->n_tx) != 0) {
        /* Not for the tip, so that little of it will be known. */
        if (asked)
            ask_whole(s, p, i);
        return;
    }
    if (n == 0 && !qc_can_direct_fetch(s))
        return;
    if (i->height > tip->height + NEAR_TIP) {
        if (asked)
            ask_whole(s, p, i);
        else
            qc_take_header(s, p, &c->header);
    } else if (asked || (n < PARALLEL_MAX && p->n_flight < QC_SYNC_IN_FLIGHT &&
                         partials_of(p) < PARTIALS_MAX)) {
        take_up(s, p, c, i);
    } else {
        try_at_once(s, p, c, i);
    }
}

void qc_on_cmpctblock(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_cmpct c;
    if (!heard(s, p))
        return;
    qc_wire_fail fail = qc_cmpct_read(payload, &c);
    if (fail) {
        qc_sync_unread(p, "cmpctblock", payload.len, fail);
        return;
    }
    const qc_index *i = take_header(s, p, &c);
    if (i && !(atomic_load(&i->status) & QC_BLOCK_HAVE_DATA))
        wanted(s, p, &c, i);
}
