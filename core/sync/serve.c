/* What peers ask of us: headers from the tree, blocks from the block files. A block is read by the
 * pool; until it is on its way its peer's next message waits, everybody else goes on (Core
 * net_processing.cpp ProcessGetBlockData and the messages around it). */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/sync/serving.h"

#define STALE_AGE (30 * 24 * 3600) /* seconds; Core STALE_RELAY_AGE_LIMIT */
#define GETBLOCKS_MAX 500u
#define EARLY_MAX 4096u /* bytes; the longest locator has 3,300 */
#define KEEP_BLOCKS 288u
#define CMPCT_DEPTH 5              /* Core MAX_CMPCTBLOCK_DEPTH */
#define HISTORICAL (7 * 24 * 3600) /* seconds; Core HISTORICAL_BLOCK_AGE */

/* ---- may it be had ---- */

/* How long the difference in work of two entries would take at today's difficulty (Core
 * GetBlockProofEquivalentTime), from above. */
static int64_t work_seconds(const qc_sync *s, const qc_index *a, const qc_index *b)
{
    qc_u256 diff = a->chain_work, work;
    qc_u256_sub(&diff, &b->chain_work);
    qc_header_work(a->header.bits, &work);
    qc_u256_mul32(&diff, s->params->pow_spacing);
    qc_u256_div(&diff, &work, &diff);
    return qc_u256_bits(&diff) > 62 ? INT64_MAX : (int64_t)diff.w[0];
}

/* A block off the active chain is given only while it is recent: which old forks a node has seen
 * would tell who it is. */
bool qc_block_allowed(qc_sync *s, const qc_index *i)
{
    const qc_index *best;
    if (qc_chain_contains(s->chain, i))
        return true;
    qc_best_header_of(s, &best);
    if (!qc_index_valid(i, QC_BLOCK_VALID_SCRIPTS) || !best ||
        (int64_t)best->header.time - (int64_t)i->header.time >= STALE_AGE)
        return false;
    return qc_u256_cmp(&best->chain_work, &i->chain_work) < 0 ||
           work_seconds(s, best, i) < STALE_AGE;
}

/* ---- blocks ---- */

static qc_err strip(const qc_serve *j, const qc_block *b, qc_bytes *out)
{
    (void)j;
    qc_err err = qc_bytes_append(out, qc_block_bytes(b).data, QC_HEADER_LEN);
    if (!err)
        err = qc_w_compact(out, qc_block_n_tx(b));
    for (uint32_t k = 0; !err && k < qc_block_n_tx(b); k++) {
        qc_tx tx = qc_block_tx(b, k);
        err = qc_tx_write_stripped(&tx, out);
    }
    return err;
}

static qc_err compact(const qc_serve *j, const qc_block *b, qc_bytes *out)
{
    (void)j;
    return qc_cmpct_of(b, out);
}

/* Thread: any. */
static void read_body(qc_serve *j)
{
    qc_block *b;
    j->err = qc_chain_read_raw(j->sync->chain, j->index, &j->bytes);
    if (j->err || !j->make)
        return;
    qc_bytes raw = j->bytes;
    j->bytes = (qc_bytes)QC_BYTES_INIT;
    j->err = qc_block_parse(qc_bytes_span(&raw), &b) ? QC_ECORRUPT : QC_OK;
    qc_bytes_free(&raw);
    if (j->err)
        return;
    j->err = j->make(j, b, &j->bytes);
    qc_block_unref(b);
}

static void tell_continuation(qc_sync *s, qc_peer_state *p, const qc_index *i)
{
    qc_bytes b = QC_BYTES_INIT;
    if (!qc_hash_eq(&i->hash, &p->continuation))
        return;
    const qc_inv inv = {QC_INV_BLOCK, qc_chain_tip(s->chain)->hash};
    p->continuation = (qc_hash){{0}};
    if (!qc_inv_write(&b, &inv, 1))
        qc_sync_send(s, p, "inv", &b);
    qc_bytes_free(&b);
}

static void deliver(qc_sync *s, qc_peer_state *p, qc_serve *j)
{
    if (j->err == QC_EINVAL) {
        qc_sync_misbehaving(s, p, "getblocktxn with out-of-bounds tx indices");
    } else if (j->err) {
        qc_log(j->err == QC_EPRUNED ? QC_LOG_DEBUG : QC_LOG_ERROR, "net",
               "%s, disconnecting peer=%lld",
               j->err == QC_EPRUNED ? "Block was pruned before it could be read"
                                    : "Cannot load block from disk",
               (long long)p->id);
        qc_sync_drop(s, p, "block not readable");
    } else {
        if (j->filter)
            qc_filtered_send(s, p, qc_bytes_span(&j->bytes));
        else
            qc_sync_send(s, p, j->message, &j->bytes);
        if (j->inventory)
            tell_continuation(s, p, j->index);
    }
}

static void served(qc_chain *c, void *arg)
{
    qc_serve *j = arg;
    qc_sync *s = j->sync;
    qc_peer_state *p = s->stopped ? NULL : qc_sync_peer_find(s, j->peer);
    (void)c;
    if (p) {
        p->serving = false;
        deliver(s, p, j);
        if (j->filter)
            p->filter = j->filter;
        j->filter = NULL;
        p->filter_lent = false;
        qc_sync_go_on(s, p);
    }
    qc_bytes_free(&j->bytes);
    qc_free(j->ask.place);
    qc_peer_filter_free(j->filter);
    qc_free(j);
}

static void serve_job(void *arg)
{
    qc_serve *j = arg;
    qc_sync *s = j->sync;
    read_body(j);
    qc_chain_post(s->thread, served, j);
    qc_sync_job_end(s);
}

/* The newest block needs no disk. */
static void serve_recent(qc_sync *s, qc_peer_state *p, const qc_block *b, qc_serve *j)
{
    qc_span raw = qc_block_bytes(b);
    if (j->make == compact && qc_recent_send(s, p, j->index)) {
        tell_continuation(s, p, j->index);
        return;
    }
    j->err = j->make ? j->make(j, b, &j->bytes) : qc_bytes_append(&j->bytes, raw.data, raw.len);
    deliver(s, p, j);
    qc_bytes_free(&j->bytes);
}

void qc_serve_start(qc_sync *s, qc_peer_state *p, const qc_serve *what)
{
    qc_serve own = *what;
    /* A filter takes a while: not here. */
    const qc_block *b = own.filter ? NULL : qc_recent_block(s, own.index);
    own.sync = s;
    own.peer = p->id;
    if (b) {
        serve_recent(s, p, b, &own);
        qc_free(own.ask.place);
        return;
    }
    qc_serve *j = qc_alloc(sizeof *j);
    *j = own;
    p->serving = true;
    qc_sync_job_begin(s);
    qc_pool_post(qc_chain_pool(s->chain), serve_job, j);
}

/* BIP159: a node that keeps few blocks tells who it is by those that it has beyond. */
static bool beyond_limit(const qc_sync *s, const qc_index *i)
{
    const qc_index *tip = qc_chain_tip(s->chain);
    bool limited =
        (s->services & (QC_NODE_NETWORK | QC_NODE_NETWORK_LIMITED)) == QC_NODE_NETWORK_LIMITED;
    return limited && (int64_t)tip->height - (int64_t)i->height > QC_LIMITED_BLOCKS + 2;
}

/* Blocks further down have little in them that a pool of today knows. */
static bool near_tip(const qc_sync *s, const qc_index *i)
{
    return qc_can_direct_fetch(s) &&
           (int64_t)i->height >= (int64_t)qc_chain_tip(s->chain)->height - CMPCT_DEPTH;
}

/* -maxuploadtarget: old blocks are to be had elsewhere, new ones are what we are there for. */
static bool over_target(qc_sync *s, const qc_peer_state *p, const qc_index *i, bool filtered)
{
    const qc_index *best;
    if (qc_peer_may(p, QC_PERMIT_DOWNLOAD) || !qc_net_upload(s->net).historical_reached)
        return false;
    qc_best_header_of(s, &best);
    return filtered || (best && (int64_t)best->header.time - (int64_t)i->header.time > HISTORICAL);
}

static void give_block(qc_sync *s, qc_peer_state *p, const qc_inv *inv)
{
    const qc_index *i = qc_chain_find(s->chain, &inv->hash);
    bool filtered = inv->type == QC_INV_FILTERED;
    if (filtered && !qc_offers_bloom(s, p)) {
        qc_log(QC_LOG_DEBUG, "net",
               "filtered block request received when NODE_BLOOM service disabled, disconnecting "
               "peer=%lld",
               (long long)p->id);
        qc_sync_drop(s, p, "filtered block");
        return;
    }
    if (!i || !qc_sync_loaded(s))
        return;
    if (!qc_block_allowed(s, i)) {
        qc_log(QC_LOG_DEBUG, "net",
               "ProcessGetBlockData: ignoring request from peer=%lld for old block that isn't in "
               "the main chain",
               (long long)p->id);
        return;
    }
    if (over_target(s, p, i, filtered)) {
        qc_log(QC_LOG_DEBUG, "net",
               "historical block serving limit reached, disconnecting peer=%lld", (long long)p->id);
        qc_sync_drop(s, p, "upload target");
        return;
    }
    if (beyond_limit(s, i) && !qc_peer_may(p, QC_PERMIT_NOBAN)) {
        qc_log(QC_LOG_DEBUG, "net",
               "Ignore block request below NODE_NETWORK_LIMITED threshold, disconnecting "
               "peer=%lld",
               (long long)p->id);
        qc_sync_drop(s, p, "below NODE_NETWORK_LIMITED threshold");
        return;
    }
    if (!(atomic_load(&i->status) & QC_BLOCK_HAVE_DATA) || (filtered && !p->filter))
        return;
    qc_serve j = {.index = i, .message = "block", .inventory = true};
    if (filtered) {
        j.make = qc_filtered_make;
        j.filter = p->filter;
        p->filter = NULL; /* it comes back with the answer */
        p->filter_lent = true;
    } else if (inv->type == QC_INV_BLOCK) {
        j.make = strip;
    } else if (inv->type == QC_INV_CMPCT && near_tip(s, i)) {
        j.message = "cmpctblock";
        j.make = compact;
    }
    qc_serve_start(s, p, &j);
}

static bool is_block(uint32_t type)
{
    return type == QC_INV_BLOCK || type == (QC_INV_BLOCK | QC_INV_WITNESS) ||
           type == QC_INV_FILTERED || type == QC_INV_CMPCT;
}

/* Transactions, as far as the send queue allows; then which of them there are not. */
static void give_txs(qc_sync *s, qc_peer_state *p)
{
    size_t from = p->at_wanted, missing = from;
    qc_bytes b = QC_BYTES_INIT;
    while (p->at_wanted < p->n_wanted && qc_relay_is_tx(p->wanted[p->at_wanted].type) &&
           p->unsent <= QC_SEND_PAUSE) {
        qc_inv inv = p->wanted[p->at_wanted++];
        if (!qc_relay_give(s, p, &inv))
            p->wanted[missing++] = inv;
    }
    if (missing > from && !qc_inv_write(&b, p->wanted + from, missing - from))
        qc_sync_send(s, p, "notfound", &b);
    qc_bytes_free(&b);
}

void qc_serve_on(qc_sync *s, qc_peer_state *p)
{
    give_txs(s, p);
    if (p->at_wanted < p->n_wanted && !qc_relay_is_tx(p->wanted[p->at_wanted].type)) {
        qc_inv inv = p->wanted[p->at_wanted++];
        if (is_block(inv.type))
            give_block(s, p, &inv);
    }
    if (p->at_wanted < p->n_wanted)
        return;
    qc_free(p->wanted);
    p->wanted = NULL;
    p->n_wanted = p->at_wanted = 0;
}

/* All of an earlier one has been answered by now. */
static void set_wanted(qc_sync *s, qc_peer_state *p, QC_OWN qc_inv *list, size_t n)
{
    qc_free(p->wanted);
    p->wanted = list;
    p->n_wanted = n;
    p->at_wanted = 0;
    if (n)
        qc_serve_on(s, p);
}

void qc_want(qc_sync *s, qc_peer_state *p, const qc_inv *inv)
{
    qc_inv *list = qc_alloc(sizeof *list);
    *list = *inv;
    set_wanted(s, p, list, 1);
}

static const char *type_text(uint32_t type)
{
    switch (type) {
    case QC_INV_TX:
        return "tx";
    case QC_INV_BLOCK:
        return "block";
    case QC_INV_FILTERED:
        return "merkleblock";
    case QC_INV_CMPCT:
        return "cmpctblock";
    case QC_INV_WTX:
        return "wtx";
    case QC_INV_TX | QC_INV_WITNESS:
        return "witness-tx";
    case QC_INV_BLOCK | QC_INV_WITNESS:
        return "witness-block";
    }
    return "unknown";
}

static void log_getdata(const qc_peer_state *p, const qc_inv *list, size_t n)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_log(QC_LOG_DEBUG, "net", "received getdata (%zu invsz) peer=%lld", n, (long long)p->id);
    if (n == 0 || !qc_log_enabled(QC_LOG_DEBUG, "net"))
        return;
    qc_hash_hex(&list[0].hash, hex);
    qc_log(QC_LOG_DEBUG, "net", "received getdata for: %s %s peer=%lld", type_text(list[0].type),
           hex, (long long)p->id);
}

void qc_on_getdata(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_inv *list;
    size_t n;
    qc_wire_fail fail = qc_inv_read(payload, &list, &n);
    if (fail) {
        qc_sync_unread(p, "getdata", payload.len, fail);
        return;
    }
    if (n > QC_INV_MAX) {
        qc_sync_misbehaving(s, p, "getdata message size = %zu", n);
        return;
    }
    log_getdata(p, list, n);
    set_wanted(s, p, list, n);
}

/* ---- headers and inventories ---- */

static const qc_index *after(const qc_sync *s, const qc_index *i)
{
    return qc_chain_at(s->chain, i->height + 1);
}

/* False: the peer was dropped. */
static bool read_locator(qc_sync *s, qc_peer_state *p, const char *name, qc_span payload,
                         qc_locator *l)
{
    qc_wire_fail fail = qc_locator_read(payload, l);
    if (fail) {
        qc_sync_unread(p, name, payload.len, fail);
        return false;
    }
    if (l->n <= QC_LOCATOR_MAX)
        return true;
    qc_log(QC_LOG_DEBUG, "net", "%s locator size %zu > %u, disconnecting peer=%lld", name, l->n,
           QC_LOCATOR_MAX, (long long)p->id);
    qc_sync_drop(s, p, "locator size");
    return false;
}

static void log_request(const char *name, const qc_index *i, const qc_hash *stop, qc_peer_id id)
{
    char hex[QC_HASH_HEX_LEN + 1] = "end";
    if (!qc_hash_is_zero(stop))
        qc_hash_hex(stop, hex);
    qc_log(QC_LOG_DEBUG, "net", "%s %lld to %s from peer=%lld", name, i ? (long long)i->height : -1,
           hex, (long long)id);
}

static void send_headers(qc_sync *s, qc_peer_state *p, const qc_index *i, const qc_hash *stop)
{
    qc_bytes b = QC_BYTES_INIT, list = QC_BYTES_INIT;
    size_t n = 0;
    qc_err err = QC_OK;
    while (i && !err) {
        uint8_t raw[QC_HEADER_LEN + 1] = {0}; /* 0: number of transactions */
        qc_header_write(&i->header, raw);
        err = qc_bytes_append(&list, raw, sizeof raw);
        n++;
        if (n == QC_HEADERS_MAX || qc_hash_eq(&i->hash, stop))
            break;
        i = after(s, i);
    }
    p->best_sent = i ? i : qc_chain_tip(s->chain);
    if (!err)
        err = qc_w_compact(&b, n);
    if (!err)
        err = qc_bytes_append(&b, list.data, list.len);
    if (!err)
        qc_sync_send(s, p, "headers", &b);
    qc_bytes_free(&b);
    qc_bytes_free(&list);
}

static void send_no_headers(qc_sync *s, qc_peer_state *p)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_log(QC_LOG_DEBUG, "net",
           "Ignoring getheaders from peer=%lld because active chain has too little work; sending "
           "empty response",
           (long long)p->id);
    if (!qc_w_compact(&b, 0))
        qc_sync_send(s, p, "headers", &b);
    qc_bytes_free(&b);
}

void qc_on_getheaders(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_locator l;
    if (!read_locator(s, p, "getheaders", payload, &l))
        return;
    if (!qc_sync_loaded(s)) {
        qc_log(QC_LOG_DEBUG, "net", "Ignoring getheaders from peer=%lld while importing/reindexing",
               (long long)p->id);
        /* For now: who asked waits for minutes before it asks again. The locator is small. */
        p->early_ask.len = 0;
        if (qc_bytes_append(&p->early_ask, payload.data, QC_MIN(payload.len, EARLY_MAX)))
            qc_bytes_free(&p->early_ask);
        return;
    }
    const qc_index *tip = qc_chain_tip(s->chain), *i;
    if (qc_u256_cmp(&tip->chain_work, qc_chain_min_work(s->chain)) < 0 &&
        !qc_peer_may(p, QC_PERMIT_DOWNLOAD)) {
        send_no_headers(s, p);
        return;
    }
    if (l.n == 0) {
        i = qc_chain_find(s->chain, &l.stop);
        if (!i)
            return;
        if (!qc_block_allowed(s, i)) {
            qc_log(QC_LOG_DEBUG, "net",
                   "ProcessMessage: ignoring request from peer=%lld for old block header that "
                   "isn't in the main chain",
                   (long long)p->id);
            return;
        }
    } else {
        i = qc_locator_find(s->chain, l.hash, l.n);
        i = i ? after(s, i) : NULL;
    }
    log_request("getheaders", i, &l.stop, p->id);
    if (i && !qc_chain_contains(s->chain, i)) {
        send_headers(s, p, i, &i->hash);
        return;
    }
    send_headers(s, p, i, &l.stop);
}

void qc_serve_early(qc_sync *s, qc_peer_state *p)
{
    if (!p->early_ask.len)
        return;
    qc_bytes ask = p->early_ask;
    p->early_ask = (qc_bytes)QC_BYTES_INIT;
    qc_on_getheaders(s, p, qc_bytes_span(&ask));
    qc_bytes_free(&ask);
}

/* Those that a pruned node will not have for long are not offered. */
static bool too_old(const qc_sync *s, const qc_index *i)
{
    uint32_t safe = KEEP_BLOCKS - 3600 / s->params->pow_spacing;
    return qc_chain_is_pruned_mode(s->chain, NULL) &&
           (!(atomic_load(&i->status) & QC_BLOCK_HAVE_DATA) ||
            i->height + safe <= qc_chain_tip(s->chain)->height);
}

void qc_on_getblocks(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_locator l;
    if (!read_locator(s, p, "getblocks", payload, &l))
        return;
    const qc_index *i = qc_locator_find(s->chain, l.hash, l.n);
    i = i ? after(s, i) : NULL;
    log_request("getblocks", i, &l.stop, p->id);
    qc_inv list[GETBLOCKS_MAX];
    size_t n = 0;
    for (; i && n < GETBLOCKS_MAX; i = after(s, i)) {
        if (qc_hash_eq(&i->hash, &l.stop) || too_old(s, i))
            break;
        list[n++] = (qc_inv){QC_INV_BLOCK, i->hash};
    }
    if (n == GETBLOCKS_MAX)
        p->continuation = list[n - 1].hash;
    qc_bytes b = QC_BYTES_INIT;
    if (n && !qc_inv_write(&b, list, n))
        qc_sync_send(s, p, "inv", &b);
    qc_bytes_free(&b);
}
