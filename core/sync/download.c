/* Which blocks are asked of whom (Core net_processing.cpp FindNextBlocksToDownload, BlockRequested,
 * HeadersDirectFetchBlocks, and the time-outs of SendMessages). */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/sync/internal.h"

#define WINDOW 1024u                  /* Core BLOCK_DOWNLOAD_WINDOW */
#define STALLING_MAX (64 * QC_SECOND) /* Core BLOCK_STALLING_TIMEOUT_MAX */
#define PIECE 128u

/* ---- what is on its way ---- */

static qc_flight **slot_of(const qc_sync *s, const qc_hash *hash)
{
    qc_sync *w = (qc_sync *)(uintptr_t)s; /* a reader does not write through it */
    return &w->slot[(hash->b[0] | (uint32_t)hash->b[1] << 8) % QC_FLIGHT_SLOTS];
}

static const qc_flight *find_flight(const qc_sync *s, const qc_hash *hash)
{
    const qc_flight *f = *slot_of(s, hash);
    while (f && !qc_hash_eq(&f->index->hash, hash))
        f = f->same_slot;
    return f;
}

const qc_flight *qc_request_after(const qc_flight *f)
{
    const qc_index *i = f->index;
    do
        f = f->same_slot;
    while (f && f->index != i);
    return f;
}

uint32_t qc_requests(const qc_sync *s, const qc_hash *hash, const qc_flight **first)
{
    const qc_flight *f = find_flight(s, hash);
    uint32_t n = 0;
    if (first)
        *first = f;
    for (; f; f = qc_request_after(f))
        n++;
    return n;
}

qc_flight *qc_request_of(const qc_sync *s, const qc_hash *hash, const qc_peer_state *p)
{
    qc_flight *f = *slot_of(s, hash);
    while (f && (f->peer != p || !qc_hash_eq(&f->index->hash, hash)))
        f = f->same_slot;
    return f;
}

bool qc_requested(const qc_sync *s, const qc_hash *hash)
{
    return find_flight(s, hash) != NULL;
}

bool qc_request(qc_sync *s, qc_peer_state *p, const qc_index *i)
{
    for (const qc_flight *f = p->flight; f; f = f->next)
        if (f->index == i)
            return false;
    qc_flight *f = qc_alloc(sizeof *f), **at = &p->flight, **slot = slot_of(s, &i->hash);
    *f = (qc_flight){.peer = p, .index = i};
    while (*slot) /* in order of asking, here too */
        slot = &(*slot)->same_slot;
    *slot = f;
    while (*at)
        at = &(*at)->next;
    *at = f;
    s->n_flight++;
    if (p->n_flight++ == 0) {
        p->downloading_since = qc_clock_now_us();
        s->n_downloading++;
    }
    return true;
}

static void remove_flight(qc_sync *s, qc_flight **link)
{
    qc_flight *f = *link, **at;
    qc_peer_state *p = f->peer;
    *link = f->same_slot;
    if (p->flight == f) /* the clock of the next one starts now */
        p->downloading_since = QC_MAX(p->downloading_since, qc_clock_now_us());
    for (at = &p->flight; *at != f;)
        at = &(*at)->next;
    *at = f->next;
    p->stalling_since = 0;
    s->n_flight--;
    if (--p->n_flight == 0)
        s->n_downloading--;
    qc_partial_free(f->partial);
    qc_free(f);
}

void qc_request_over(qc_sync *s, const qc_hash *hash, const qc_peer_state *p)
{
    for (qc_flight **at = slot_of(s, hash); *at;) {
        if (qc_hash_eq(&(*at)->index->hash, hash) && (!p || (*at)->peer == p))
            remove_flight(s, at);
        else
            at = &(*at)->same_slot;
    }
}

void qc_download_forget(qc_sync *s, qc_peer_state *p)
{
    while (p->flight)
        qc_request_over(s, &p->flight->index->hash, p);
}

static uint32_t whole_block(const qc_peer_state *p)
{
    return QC_INV_BLOCK | (qc_peer_serves_witnesses(p) ? QC_INV_WITNESS : 0);
}

static void send_getdata(qc_sync *s, qc_peer_state *p, uint32_t type, const qc_index *const *list,
                         size_t n)
{
    qc_inv inv[QC_SYNC_IN_FLIGHT];
    qc_bytes b = QC_BYTES_INIT;
    QC_ASSERT(n <= QC_COUNTOF(inv));
    for (size_t k = 0; k < n; k++) {
        char hex[QC_HASH_HEX_LEN + 1];
        inv[k].type = type;
        inv[k].hash = list[k]->hash;
        qc_hash_hex(&list[k]->hash, hex);
        qc_log(QC_LOG_DEBUG, "net", "Requesting block %s (%u) peer=%lld", hex, list[k]->height,
               (long long)p->id);
    }
    if (n && !qc_inv_write(&b, inv, n))
        qc_sync_send(s, p, "getdata", &b);
    qc_bytes_free(&b);
}

void qc_send_getdata(qc_sync *s, qc_peer_state *p, const qc_index *const *list, size_t n)
{
    send_getdata(s, p, whole_block(p), list, n);
}

/* ---- what to ask for ---- */

static bool can_give(const qc_sync *s, const qc_peer_state *p, const qc_index *i)
{
    return qc_peer_serves_witnesses(p) ||
           !qc_deployment_active(s->params, QC_DEP_SEGWIT, i->height);
}

static bool has_body(const qc_index *i)
{
    return (atomic_load(&i->status) & QC_BLOCK_HAVE_DATA) != 0;
}

/* Search for blocks to ask `p` for. */
typedef struct search {
    qc_sync *s;
    qc_peer_state *p;
    const qc_index *list[QC_SYNC_IN_FLIGHT];
    size_t n, want;
    uint32_t window_end;
    const qc_peer_state *waiting_for; /* who has the first block on its way */
    const qc_peer_state *staller;
} search;

/* One block in the order of the branch. False: the search is over. */
static bool consider(search *q, const qc_index *i)
{
    qc_peer_state *p = q->p;
    if (!qc_index_valid(i, QC_BLOCK_VALID_TREE) || !can_give(q->s, p, i))
        return false;
    if (has_body(i) || qc_chain_contains(q->s->chain, i)) {
        if (atomic_load(&i->chain_tx))
            p->last_common = i;
        return true;
    }
    const qc_flight *f = find_flight(q->s, &i->hash);
    if (f) {
        if (!q->waiting_for)
            q->waiting_for = f->peer;
        return true;
    }
    if (i->height > q->window_end) {
        if (q->n == 0 && q->waiting_for != p)
            q->staller = q->waiting_for;
        return false;
    }
    /* Two blocks to spare, should its chain grow meanwhile. */
    if (qc_peer_is_limited(p) && p->best_known->height - i->height >= QC_LIMITED_BLOCKS - 2)
        return true;
    q->list[q->n++] = i;
    return q->n < q->want;
}

static void walk(search *q)
{
    const qc_index *piece[PIECE], *best = q->p->best_known, *at = q->p->last_common;
    uint32_t top = QC_MIN(best->height, q->window_end + 1);
    while (at->height < top) {
        uint32_t n = QC_MIN(top - at->height, PIECE);
        at = qc_index_ancestor(best, at->height + n);
        piece[n - 1] = at;
        for (uint32_t k = n - 1; k > 0; k--)
            piece[k - 1] = piece[k]->parent;
        for (uint32_t k = 0; k < n; k++)
            if (!consider(q, piece[k]))
                return;
    }
}

static void find_next(search *q)
{
    qc_peer_state *p = q->p;
    const qc_index *tip = qc_chain_tip(q->s->chain), *best;
    qc_peer_has_again(q->s, p);
    best = p->best_known;
    if (!best || qc_u256_cmp(&best->chain_work, &tip->chain_work) < 0 ||
        qc_u256_cmp(&best->chain_work, qc_chain_min_work(q->s->chain)) < 0)
        return;
    const qc_index *fork = qc_index_fork(best, tip);
    if (!p->last_common || qc_u256_cmp(&fork->chain_work, &p->last_common->chain_work) > 0 ||
        qc_index_ancestor(best, p->last_common->height) != p->last_common)
        p->last_common = fork;
    if (p->last_common == best)
        return;
    q->window_end = p->last_common->height + WINDOW;
    walk(q);
}

static void ask_for_more(qc_sync *s, qc_peer_state *p, int64_t now)
{
    bool from = qc_sync_from(s, p) && !qc_peer_is_limited(p);
    if (!qc_peer_serves_blocks(p) || p->n_flight >= QC_SYNC_IN_FLIGHT ||
        (!from && qc_chain_initial_download(s->chain)))
        return;
    search q = {.s = s, .p = p, .want = QC_SYNC_IN_FLIGHT - p->n_flight};
    find_next(&q);
    for (size_t k = 0; k < q.n; k++)
        (void)qc_request(s, p, q.list[k]);
    qc_send_getdata(s, p, q.list, q.n);
    if (p->n_flight == 0 && q.staller && q.staller->stalling_since == 0) {
        qc_peer_state *staller = qc_sync_peer_find(s, q.staller->id);
        staller->stalling_since = now;
        qc_log(QC_LOG_DEBUG, "net", "Stall started peer=%lld", (long long)staller->id);
    }
}

void qc_direct_fetch(qc_sync *s, qc_peer_state *p, const qc_index *last)
{
    const qc_index *tip = qc_chain_tip(s->chain), *list[QC_SYNC_IN_FLIGHT + 1], *at = last;
    const qc_index *ask[QC_SYNC_IN_FLIGHT];
    size_t n = 0, asked = 0;
    char hex[QC_HASH_HEX_LEN + 1];
    if (p->closing || !qc_can_direct_fetch(s) || !qc_index_valid(last, QC_BLOCK_VALID_TREE) ||
        qc_u256_cmp(&tip->chain_work, &last->chain_work) > 0)
        return;
    qc_hash_hex(&last->hash, hex);
    for (; at && !qc_chain_contains(s->chain, at) && n <= QC_SYNC_IN_FLIGHT; at = at->parent)
        if (!has_body(at) && !qc_requested(s, &at->hash) && can_give(s, p, at))
            list[n++] = at;
    if (at && !qc_chain_contains(s->chain, at)) {
        qc_log(QC_LOG_DEBUG, "net", "Large reorg, won't direct fetch to %s (%u)", hex,
               last->height);
        return;
    }
    while (n > 0 && p->n_flight < QC_SYNC_IN_FLIGHT) {
        n--;
        if (qc_request(s, p, list[n]))
            ask[asked++] = list[n];
    }
    if (asked > 1)
        qc_log(QC_LOG_DEBUG, "net", "Downloading blocks toward %s (%u) via headers direct fetch",
               hex, last->height);
    /* The only block on its way, and next in the chain: most of it may well be known here. */
    bool compact = asked == 1 && s->n_flight == 1 && p->compact && !s->blocks_only &&
                   last->parent && qc_index_valid(last->parent, QC_BLOCK_VALID_CHAIN);
    send_getdata(s, p, compact ? QC_INV_CMPCT : whole_block(p), ask, asked);
}

/* ---- time-outs ---- */

/* False: dropped. */
static bool timely(qc_sync *s, qc_peer_state *p, int64_t now)
{
    if (p->stalling_since && p->stalling_since < now - s->stalling_timeout) {
        qc_log(QC_LOG_INFO, "net", "Peer is stalling block download, disconnecting peer=%lld",
               (long long)p->id);
        qc_sync_drop(s, p, "stalling");
        /* Our own line may be what is slow: give the next one more time. */
        int64_t longer = QC_MIN(2 * s->stalling_timeout, STALLING_MAX);
        if (longer != s->stalling_timeout)
            qc_log(QC_LOG_DEBUG, "net", "Increased stalling timeout temporarily to %d seconds",
                   (int)(longer / QC_SECOND));
        s->stalling_timeout = longer;
        return false;
    }
    if (!p->n_flight)
        return true;
    int64_t spacing = (int64_t)s->params->pow_spacing * QC_SECOND;
    if (now <= p->downloading_since + spacing + spacing / 2 * ((int64_t)s->n_downloading - 1))
        return true;
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&p->flight->index->hash, hex);
    qc_log(QC_LOG_INFO, "net", "Timeout downloading block %s, disconnecting peer=%lld", hex,
           (long long)p->id);
    qc_sync_drop(s, p, "block timeout");
    return false;
}

void qc_download_care(qc_sync *s, qc_peer_state *p, int64_t now)
{
    if (timely(s, p, now))
        ask_for_more(s, p, now);
}
