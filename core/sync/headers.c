/* Headers: asking, judging, and what a peer is known to have (Core net_processing.cpp
 * ProcessHeadersMessage and around it). */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/sync/internal.h"

#define RESPONSE_TIME (120 * QC_SECOND)     /* Core HEADERS_RESPONSE_TIME */
#define DOWNLOAD_BASE (15 * 60 * QC_SECOND) /* Core HEADERS_DOWNLOAD_TIMEOUT_BASE */
#define PER_HEADER INT64_C(1000)
#define DAY (24 * 3600)
#define CHAIN_TIMEOUT (20 * 60) /* seconds; Core CHAIN_SYNC_TIMEOUT */
#define PROTECT_MAX 4u          /* Core MAX_OUTBOUND_PEERS_TO_PROTECT_FROM_DISCONNECT */
#define NEAR_TIP 144u

/* ---- what a peer has ---- */

static void known(qc_peer_state *p, const qc_index *i)
{
    if (!p->best_known || qc_u256_cmp(&i->chain_work, &p->best_known->chain_work) >= 0)
        p->best_known = i;
}

void qc_peer_has_again(qc_sync *s, qc_peer_state *p)
{
    if (qc_hash_is_zero(&p->last_unknown))
        return;
    const qc_index *i = qc_chain_find(s->chain, &p->last_unknown);
    if (!i)
        return;
    known(p, i);
    p->last_unknown = (qc_hash){{0}};
}

void qc_peer_has(qc_sync *s, qc_peer_state *p, const qc_hash *hash)
{
    qc_peer_has_again(s, p);
    const qc_index *i = qc_chain_find(s->chain, hash);
    if (i)
        known(p, i);
    else
        p->last_unknown = *hash;
}

/* ---- asking ---- */

void qc_best_header_of(qc_sync *s, const qc_index **out)
{
    const qc_index *best = qc_chain_best_header(s->chain);
    *out = best ? best : qc_chain_tip(s->chain);
}

bool qc_ask_headers(qc_sync *s, qc_peer_state *p, const qc_hash *first, const qc_index *i)
{
    int64_t now = qc_clock_now_us();
    qc_bytes b = QC_BYTES_INIT;
    if (now - p->getheaders_sent <= RESPONSE_TIME || qc_locator_write(&b, first, i)) {
        qc_bytes_free(&b);
        return false;
    }
    qc_sync_send(s, p, "getheaders", &b);
    p->getheaders_sent = now;
    return true;
}

qc_u256 qc_work_threshold(const qc_sync *s)
{
    const qc_index *tip = qc_chain_tip(s->chain);
    qc_u256 near = qc_u256_from64(0), buffer;
    if (tip) {
        near = tip->chain_work;
        qc_header_work(tip->header.bits, &buffer);
        qc_u256_mul32(&buffer, NEAR_TIP);
        if (qc_u256_cmp(&buffer, &near) > 0)
            buffer = near;
        qc_u256_sub(&near, &buffer);
    }
    const qc_u256 *least = qc_chain_min_work(s->chain);
    return qc_u256_cmp(&near, least) > 0 ? near : *least;
}

bool qc_can_direct_fetch(const qc_sync *s)
{
    return (int64_t)qc_chain_tip(s->chain)->header.time >
           qc_clock_now() - (int64_t)s->params->pow_spacing * 20;
}

/* ---- presync ---- */

static void presync_over(qc_sync *s, qc_peer_state *p)
{
    qc_presync_free(p->presync);
    p->presync = NULL;
    if (s->presync_best == p->id)
        s->presync_best = -1;
}

/* Told for one peer only: the one that is furthest. */
static void presync_progress(qc_sync *s, const qc_peer_state *p)
{
    const qc_peer_state *best = qc_sync_peer_find(s, s->presync_best);
    int64_t height = qc_presync_height(p->presync);
    if (height < 0 ||
        (best && best->presync && best != p && qc_presync_height(best->presync) >= height))
        return;
    s->presync_best = p->id;
    if (!qc_chain_initial_download(s->chain))
        return;
    int64_t left =
        (qc_clock_now() - (int64_t)qc_presync_time(p->presync)) / (int64_t)s->params->pow_spacing;
    int64_t share = 10000 * height / QC_MAX(height + QC_MAX(left, 0), 1);
    qc_log(QC_LOG_INFO, "validation", "Pre-synchronizing blockheaders, height: %lld (~%d.%02d%%)",
           (long long)height, (int)(share / 100), (int)(share % 100));
}

/* A run of headers; `h` may come to be what a presync released. */
typedef struct run {
    qc_header *h;  /* owned */
    qc_hash *hash; /* owned; of what was received */
    size_t n;
} run;

/* Let a presync that runs have them. True: their work is proved. */
static bool presync_takes(qc_sync *s, qc_peer_state *p, run *r)
{
    qc_presync_result res;
    if (!p->presync)
        return false;
    qc_presync_next(p->presync, r->h, r->hash, r->n, r->n == QC_HEADERS_MAX, &res);
    if (res.ok)
        p->getheaders_sent = 0;
    if (res.more) {
        char hex[QC_HASH_HEX_LEN + 1];
        const qc_index *base = qc_chain_find(s->chain, qc_presync_base(p->presync));
        qc_hash_hex(&res.from, hex);
        if (qc_ask_headers(s, p, &res.from, base))
            qc_log(QC_LOG_DEBUG, "net", "more getheaders (from %s) to peer=%lld", hex,
                   (long long)p->id);
        presync_progress(s, p);
    } else {
        presync_over(s, p);
    }
    if (!res.ok) {
        qc_free(res.released);
        return false;
    }
    qc_free(r->h);
    r->h = res.released;
    r->n = res.n_released;
    return true;
}

/* Too little work to be kept? Then a presync is begun, if there may be more. */
static bool low_work(qc_sync *s, qc_peer_state *p, run *r, const qc_index *parent)
{
    qc_u256 total = parent->chain_work, want = qc_work_threshold(s), work;
    for (size_t k = 0; k < r->n; k++) {
        qc_header_work(r->h[k].bits, &work);
        qc_u256_add(&total, &work);
    }
    if (qc_u256_cmp(&total, &want) >= 0)
        return false;
    if (r->n < QC_HEADERS_MAX) {
        qc_log(QC_LOG_DEBUG, "net", "Ignoring low-work chain (height=%zu) from peer=%lld",
               parent->height + r->n, (long long)p->id);
        return true;
    }
    qc_presync_start start = {.params = s->params,
                              .header = parent->header,
                              .hash = parent->hash,
                              .height = parent->height,
                              .mtp = qc_index_mtp(parent),
                              .work = parent->chain_work,
                              .want = want,
                              .now = qc_clock_now(),
                              .peer = p->id};
    qc_os_random(&start.salt, sizeof start.salt);
    qc_os_random(&start.offset, sizeof start.offset);
    presync_over(s, p);
    p->presync = qc_presync_new(&start);
    presync_takes(s, p, r);
    return true;
}

/* ---- receiving ---- */

static bool read_run(qc_sync *s, qc_peer_state *p, qc_span payload, run *r)
{
    qc_reader in = qc_reader_of(payload);
    uint64_t n = qc_r_compact(&in);
    if (n > QC_HEADERS_MAX) {
        qc_sync_misbehaving(s, p, "headers message size = %llu", (unsigned long long)n);
        return false;
    }
    r->h = qc_try_calloc(n + 1, sizeof *r->h);
    r->hash = qc_try_calloc(n + 1, sizeof *r->hash);
    for (uint64_t k = 0; r->h && r->hash && k < n && !in.fail; k++) {
        qc_span raw = qc_r_span(&in, QC_HEADER_LEN);
        (void)qc_r_compact(&in); /* number of transactions: always 0 */
        if (in.fail)
            break;
        qc_header_read(raw.data, &r->h[k]);
        qc_header_hash(&r->h[k], &r->hash[k]);
    }
    if (in.fail)
        qc_sync_unread(p, "headers", payload.len, in.fail);
    r->n = (size_t)n;
    return !in.fail && r->h && r->hash;
}

/* Proof of work, and each on top of the one before: nothing less is looked at any further. */
static bool plausible(qc_sync *s, qc_peer_state *p, const run *r)
{
    for (size_t k = 0; k < r->n; k++)
        if (!qc_pow_ok(s->params, &r->hash[k], r->h[k].bits)) {
            qc_sync_misbehaving(s, p, "header with invalid proof of work");
            return false;
        }
    for (size_t k = 1; k < r->n; k++)
        if (!qc_hash_eq(&r->h[k].prev, &r->hash[k - 1])) {
            qc_sync_misbehaving(s, p, "non-continuous headers sequence");
            return false;
        }
    return true;
}

static void unconnecting(qc_sync *s, qc_peer_state *p, const run *r)
{
    const qc_index *best;
    char hex[QC_HASH_HEX_LEN + 1], prev[QC_HASH_HEX_LEN + 1];
    /* Not r->hash: what a presync released is longer than the message it came with. */
    qc_hash first, tail;
    qc_header_hash(&r->h[0], &first);
    qc_header_hash(&r->h[r->n - 1], &tail);
    qc_best_header_of(s, &best);
    if (qc_ask_headers(s, p, NULL, best)) {
        qc_hash_hex(&first, hex);
        qc_hash_hex(&r->h[0].prev, prev);
        qc_log(QC_LOG_DEBUG, "net",
               "received header %s: missing prev block %s, sending getheaders (%u) to end "
               "(peer=%lld)",
               hex, prev, best->height, (long long)p->id);
    }
    qc_peer_has(s, p, &tail);
}

static bool is_ours(qc_sync *s, const qc_index *i)
{
    const qc_index *best;
    if (!i)
        return false;
    qc_best_header_of(s, &best);
    return qc_index_ancestor(best, i->height) == i || qc_chain_contains(s->chain, i);
}

void qc_log_header(const qc_sync *s, const qc_index *i, qc_peer_id id, bool compact)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&i->hash, hex);
    qc_log(qc_chain_initial_download(s->chain) ? QC_LOG_DEBUG : QC_LOG_INFO, "validation",
           "Saw new %sheader hash=%s height=%u peer=%lld", compact ? "cmpctblock " : "", hex,
           i->height, (long long)id);
}

/* All of a run into the tree. NULL: one was refused, and the peer judged for it. */
static const qc_index *accept_run(qc_sync *s, qc_peer_state *p, const run *r)
{
    const qc_index *last = NULL;
    qc_verdict v = {.code = QC_V_OK};
    size_t k = 0;
    while (k < r->n && qc_chain_accept_header(s->chain, &r->h[k], true, &last, &v))
        k++;
    qc_chain_headers_done(s->chain, last);
    if (k == r->n)
        return last;
    if (v.code == QC_V_CACHED_INVALID && !p->info.inbound)
        qc_log(QC_LOG_WARN, "net",
               "%s (received from peer=%lld). If this happens with all peers, consider database "
               "corruption (that -reindex may fix) or a potential consensus incompatibility.",
               v.debug, (long long)p->id);
    qc_sync_punish(s, p, &v, false, "invalid header received");
    return NULL;
}

void qc_peer_announced(const qc_sync *s, qc_peer_state *p, const qc_index *fresh)
{
    if (qc_u256_cmp(&fresh->chain_work, &qc_chain_tip(s->chain)->chain_work) > 0)
        p->last_announcement = qc_clock_now();
}

/* Is this an outbound peer worth having (Core UpdatePeerStateForReceivedHeaders)? */
static void judge_chain(qc_sync *s, qc_peer_state *p, const qc_index *fresh, bool more)
{
    const qc_index *tip = qc_chain_tip(s->chain), *best = p->best_known;
    if (fresh)
        qc_peer_announced(s, p, fresh);
    if (qc_chain_initial_download(s->chain) && !more && best && qc_peer_is_outbound(p) &&
        qc_u256_cmp(&best->chain_work, qc_chain_min_work(s->chain)) < 0) {
        qc_log(QC_LOG_INFO, "net",
               "outbound peer headers chain has insufficient work, disconnecting peer=%lld",
               (long long)p->id);
        qc_sync_drop(s, p, "insufficient work");
        return;
    }
    if (p->info.type == QC_CONN_FULL && best && !p->protect && s->n_protected < PROTECT_MAX &&
        qc_u256_cmp(&best->chain_work, &tip->chain_work) >= 0) {
        qc_log(QC_LOG_DEBUG, "net", "Protecting outbound peer=%lld from eviction",
               (long long)p->id);
        p->protect = true;
        s->n_protected++;
    }
}

static void take_run(qc_sync *s, qc_peer_state *p, run *r)
{
    size_t received = r->n;
    bool full = received == QC_HEADERS_MAX;
    bool proved = presync_takes(s, p, r), syncing = p->presync != NULL;
    if (r->n == 0)
        return;
    const qc_index *parent = qc_chain_find(s->chain, &r->h[0].prev);
    if (!parent) {
        unconnecting(s, p, r);
        return;
    }
    p->getheaders_sent = syncing ? p->getheaders_sent : 0;
    qc_hash tail;
    qc_header_hash(&r->h[r->n - 1], &tail);
    const qc_index *had = qc_chain_find(s->chain, &tail);
    proved = proved || qc_peer_may(p, QC_PERMIT_NOBAN);
    if (!proved && !is_ours(s, had) && low_work(s, p, r, parent))
        return;
    const qc_index *last = accept_run(s, p, r);
    if (!last) {
        presync_over(s, p); /* what follows a refused header is refused as well */
        return;
    }
    if (!had)
        qc_log_header(s, last, p->id, false);
    if (full && !syncing && qc_ask_headers(s, p, NULL, last))
        qc_log(QC_LOG_DEBUG, "net", "more getheaders (%u) to end to peer=%lld", last->height,
               (long long)p->id);
    qc_peer_has(s, p, &last->hash);
    judge_chain(s, p, had ? NULL : last, full);
    qc_direct_fetch(s, p, last);
}

void qc_take_header(qc_sync *s, qc_peer_state *p, const qc_header *h)
{
    run r = {qc_alloc(sizeof *r.h), qc_alloc(sizeof *r.hash), 1};
    *r.h = *h;
    qc_header_hash(h, r.hash);
    if (plausible(s, p, &r))
        take_run(s, p, &r);
    qc_free(r.h);
    qc_free(r.hash);
}

void qc_on_headers(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    run r = {.n = 0};
    if (!qc_sync_loaded(s)) {
        qc_log(QC_LOG_DEBUG, "net", "Unexpected headers message received from peer %lld",
               (long long)p->id);
        return;
    }
    if (read_run(s, p, payload, &r)) {
        if (r.n == 0) {
            /* It has nothing (more) for us. */
            presync_over(s, p);
            p->getheaders_sent = 0;
        } else if (plausible(s, p, &r)) {
            take_run(s, p, &r);
        }
    }
    qc_free(r.h);
    qc_free(r.hash);
}

/* ---- due work ---- */

bool qc_sync_from(const qc_sync *s, const qc_peer_state *p)
{
    if (p->preferred)
        return true;
    return qc_peer_serves_blocks(p) && p->info.type != QC_CONN_ADDR_FETCH &&
           (s->n_preferred == 0 || s->n_flight == 0);
}

static void start(qc_sync *s, qc_peer_state *p, int64_t now)
{
    const qc_index *best;
    qc_best_header_of(s, &best);
    bool recent = (int64_t)best->header.time > qc_clock_now() - DAY;
    if (p->sync_started || !qc_peer_serves_blocks(p))
        return;
    if (!recent && (s->n_sync_started > 0 || !qc_sync_from(s, p)))
        return;
    /* From the one before, so that a peer that has nothing new still shows what it has. */
    const qc_index *from = best->parent ? best->parent : best;
    if (!qc_ask_headers(s, p, NULL, from))
        return;
    qc_log(QC_LOG_DEBUG, "net", "initial getheaders (%u) to peer=%lld", from->height,
           (long long)p->id);
    p->sync_started = true;
    s->n_sync_started++;
    int64_t missing = (qc_clock_now() - (int64_t)best->header.time) / s->params->pow_spacing;
    p->headers_timeout = now + DOWNLOAD_BASE + PER_HEADER * missing;
}

/* False: dropped. */
static bool headers_timely(qc_sync *s, qc_peer_state *p, int64_t now)
{
    const qc_index *best;
    if (!p->sync_started || p->headers_timeout == INT64_MAX)
        return true;
    qc_best_header_of(s, &best);
    if ((int64_t)best->header.time > qc_clock_now() - DAY) {
        p->headers_timeout = INT64_MAX;
        return true;
    }
    if (now <= p->headers_timeout || s->n_sync_started != 1 || s->n_preferred <= p->preferred)
        return true;
    if (qc_peer_may(p, QC_PERMIT_NOBAN)) {
        qc_log(QC_LOG_INFO, "net",
               "Timeout downloading headers from noban peer, not disconnecting peer=%lld",
               (long long)p->id);
        p->sync_started = false; /* somebody else may have a try */
        s->n_sync_started--;
        p->headers_timeout = 0;
        return true;
    }
    qc_log(QC_LOG_INFO, "net", "Timeout downloading headers, disconnecting peer=%lld",
           (long long)p->id);
    qc_sync_drop(s, p, "headers timeout");
    return false;
}

static void put_best(const qc_index *i, char hex[static QC_HASH_HEX_LEN + 1])
{
    if (i)
        qc_hash_hex(&i->hash, hex);
    else
        memcpy(hex, "<none>", 7);
}

/* An outbound peer must show a chain as good as ours, sooner or later. False: dropped. */
static bool chain_timely(qc_sync *s, qc_peer_state *p, int64_t now)
{
    const qc_index *tip = qc_chain_tip(s->chain), *best = p->best_known;
    char hex[QC_HASH_HEX_LEN + 1], mark[QC_HASH_HEX_LEN + 1];
    if (p->protect || !qc_peer_is_outbound(p) || !p->sync_started)
        return true;
    if (best && qc_u256_cmp(&best->chain_work, &tip->chain_work) >= 0) {
        p->chain_timeout = 0;
        p->chain_mark = NULL;
        p->chain_asked = false;
        return true;
    }
    if (!p->chain_timeout || (p->chain_mark && best &&
                              qc_u256_cmp(&best->chain_work, &p->chain_mark->chain_work) >= 0)) {
        p->chain_timeout = now + CHAIN_TIMEOUT;
        p->chain_mark = tip;
        p->chain_asked = false;
        return true;
    }
    if (now <= p->chain_timeout)
        return true;
    put_best(best, hex);
    if (p->chain_asked) {
        qc_log(QC_LOG_INFO, "net",
               "Outbound peer has old chain, best known block = %s, disconnecting peer=%lld", hex,
               (long long)p->id);
        qc_sync_drop(s, p, "old chain");
        return false;
    }
    const qc_index *from = p->chain_mark->parent ? p->chain_mark->parent : p->chain_mark;
    (void)qc_ask_headers(s, p, NULL, from);
    qc_hash_hex(&p->chain_mark->hash, mark);
    qc_log(QC_LOG_DEBUG, "net",
           "sending getheaders to outbound peer=%lld to verify chain work (current best known "
           "block:%s, benchmark blockhash: %s)",
           (long long)p->id, hex, mark);
    p->chain_asked = true;
    p->chain_timeout = now + RESPONSE_TIME / QC_SECOND;
    return true;
}

bool qc_headers_care(qc_sync *s, qc_peer_state *p, int64_t now)
{
    start(s, p, now);
    if (!headers_timely(s, p, now) || !chain_timely(s, p, now / QC_SECOND))
        return false;
    /* Announcements by headers while the first ones are coming would only confuse. */
    if (!p->sent_sendheaders && p->best_known &&
        qc_u256_cmp(&p->best_known->chain_work, qc_chain_min_work(s->chain)) > 0) {
        qc_sync_send_empty(s, p, "sendheaders");
        p->sent_sendheaders = true;
    }
    return true;
}
