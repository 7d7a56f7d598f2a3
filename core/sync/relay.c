/* Messages about transactions: inv, tx, getdata, notfound, feefilter (BIP133). Their manners are
 * kept here, whether or not there is a pool behind relay.h that takes an interest. */
#include "core/sync/relay.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/chance.h"
#include "core/base/log.h"
#include "core/mempool/ahead.h"
#include "core/os/file.h"
#include "core/sync/serving.h"

#define FEE_FILTER_VERSION 70013 /* BIP133 */
#define FEE_EVERY (600 * QC_SECOND)
#define FEE_DELAY (300 * QC_SECOND) /* of a large change, at most */
#define AHEAD_OF_PEER 16u           /* messages that are looked at before their turn */
#define NOTFOUND_MAX 5016u          /* that a peer may be asked for at once */
#define GETDATA_MAX 1000u           /* that it is asked for in one message (Core MAX_GETDATA_SZ) */

bool qc_relay_refuses(const qc_sync *s, const qc_peer_state *p)
{
    return p->info.type == QC_CONN_BLOCK_ONLY || p->info.type == QC_CONN_FEELER ||
           (s->blocks_only && !qc_peer_may(p, QC_PERMIT_RELAY));
}

static qc_tx_name name_of(const qc_inv *i)
{
    return (qc_tx_name){i->hash, i->type == QC_INV_WTX};
}

bool qc_relay_is_tx(uint32_t type)
{
    return type == QC_INV_TX || type == QC_INV_WTX || type == (QC_INV_TX | QC_INV_WITNESS);
}

static const char *kind_text(uint32_t type)
{
    return type == QC_INV_WTX ? "wtx" : type == QC_INV_TX ? "tx" : "witness-tx";
}

/* Are transactions spoken of at all (Core Peer::TxRelay)? */
static bool speaks(const qc_sync *s, const qc_peer_state *p)
{
    return p->info.type != QC_CONN_BLOCK_ONLY && p->info.type != QC_CONN_FEELER &&
           (p->info.relay || qc_offers_bloom(s, p));
}

void qc_relay_opened(qc_sync *s, const qc_peer_state *p)
{
    if (s->relay.opened)
        s->relay.opened(s->relay.arg, &p->info, p->preferred);
}

void qc_relay_closed(qc_sync *s, const qc_peer_state *p)
{
    if (s->relay.closed)
        s->relay.closed(s->relay.arg, p->id);
    qc_relay_wake(s); /* others have its work now */
}

/* ---- theirs ---- */

bool qc_relay_announced(qc_sync *s, qc_peer_state *p, const qc_inv *inv, qc_inv_seen *seen)
{
    char hex[QC_HASH_HEX_LEN + 1];
    /* Only the kind of name that was agreed upon (BIP339). */
    if (inv->type == (p->info.wtxid_relay ? QC_INV_TX : QC_INV_WTX))
        return true;
    qc_hash_hex(&inv->hash, hex);
    if (!qc_relay_is_tx(inv->type)) {
        qc_log(QC_LOG_DEBUG, "net", "Unknown inv type \"%u\" received from peer=%lld", inv->type,
               (long long)p->id);
        return true;
    }
    if (qc_relay_refuses(s, p)) {
        qc_log(QC_LOG_DEBUG, "net",
               "transaction (%s) inv sent in violation of protocol, disconnecting peer=%lld", hex,
               (long long)p->id);
        qc_sync_drop(s, p, "transaction inv");
        return false;
    }
    qc_tx_name name = name_of(inv);
    if (qc_inv_seen_before(seen, inv) || !s->relay.announced || qc_chain_initial_download(s->chain))
        return true;
    bool have = s->relay.announced(s->relay.arg, p->id, &name);
    qc_log(QC_LOG_DEBUG, "net", "got inv: %s %s %s peer=%lld", kind_text(inv->type), hex,
           have ? "have" : "new", (long long)p->id);
    return true;
}

/* ---- transactions, before and in their turn ---- */

static void look_at(qc_sync *s, qc_sync_msg *m)
{
    m->looked_at = true;
    if (strcmp(m->name, "tx") != 0 || m->payload.len > QC_AHEAD_BYTES)
        return;
    qc_txbuf buf;
    if (qc_tx_parse(qc_bytes_span(&m->payload), true, &buf))
        return; /* it is told in its turn */
    m->tx = qc_alloc(sizeof *m->tx);
    *m->tx = buf;
    s->n_ahead++;
    m->ahead = s->relay.ahead(s->relay.arg, &m->tx->tx);
}

/* A peer that sends many has others' work begun later, not left out: nobody waits for this. */
void qc_relay_look_ahead(qc_sync *s, qc_peer_state *p)
{
    qc_sync_msg *m = p->head;
    if (!s->relay.ahead || s->stopped || p->closing || qc_relay_refuses(s, p) ||
        qc_chain_initial_download(s->chain))
        return;
    for (unsigned i = 0; m && i < AHEAD_OF_PEER && s->n_ahead < QC_AHEAD_MAX; i++, m = m->next)
        if (!m->looked_at)
            look_at(s, m);
}

void qc_relay_ahead_over(qc_sync *s, qc_sync_msg *m)
{
    if (!m->tx)
        return;
    if (m->ahead)
        s->relay.ahead_over(s->relay.arg, &m->tx->tx);
    s->n_ahead--;
    qc_txbuf_clear(m->tx);
    qc_free(m->tx);
    m->tx = NULL;
    m->ahead = false;
}

/* Who is not answered has no turn, and may not keep places from others. */
void qc_relay_look_away(qc_sync *s, qc_peer_state *p)
{
    qc_sync_msg *m = p->head;
    for (unsigned i = 0; m && i < AHEAD_OF_PEER; i++, m = m->next) {
        qc_relay_ahead_over(s, m);
        m->looked_at = false;
    }
}

static void take(qc_sync *s, const qc_peer_state *p, const qc_tx *tx)
{
    if (s->priv)
        qc_private_heard(s->priv, p->id, tx);
    s->relay.received(s->relay.arg, p->id, tx);
}

void qc_on_tx(qc_sync *s, qc_peer_state *p, qc_sync_msg *m)
{
    qc_txbuf buf;
    if (qc_relay_refuses(s, p)) {
        qc_sync_drop(s, p, "transaction sent in violation of protocol");
        return;
    }
    if (!s->relay.received || qc_chain_initial_download(s->chain))
        return;
    if (m->tx) {
        take(s, p, &m->tx->tx);
        qc_relay_ahead_over(s, m);
        qc_relay_wake(s);
        return;
    }
    qc_wire_fail fail = qc_tx_parse(qc_bytes_span(&m->payload), true, &buf);
    if (fail) {
        qc_sync_unread(p, "tx", m->payload.len, fail);
        return;
    }
    take(s, p, &buf.tx);
    qc_txbuf_clear(&buf);
    qc_relay_wake(s);
}

void qc_on_notfound(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_inv *list;
    size_t n;
    qc_wire_fail fail = qc_inv_read(payload, &list, &n);
    if (fail) {
        qc_sync_unread(p, "notfound", payload.len, fail);
        return;
    }
    for (size_t i = 0; s->relay.missing && n <= NOTFOUND_MAX && i < n; i++) {
        qc_tx_name name = name_of(&list[i]);
        if (qc_relay_is_tx(list[i].type))
            s->relay.missing(s->relay.arg, p->id, &name);
    }
    qc_free(list);
}

void qc_on_feefilter(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_reader r = qc_reader_of(payload);
    int64_t fee = (int64_t)qc_r_le64(&r);
    (void)s;
    if (r.fail) {
        qc_sync_unread(p, "feefilter", payload.len, r.fail);
        return;
    }
    if (!qc_money_range(fee))
        return;
    if (p->info.type != QC_CONN_BLOCK_ONLY && p->info.type != QC_CONN_FEELER)
        p->fee_filter = fee;
    qc_log(QC_LOG_DEBUG, "net", "received: feefilter of %lld.%08lld BTC/kvB from peer=%lld",
           (long long)(fee / 100000000), (long long)(fee % 100000000), (long long)p->id);
}

/* ---- ours ---- */

bool qc_relay_give(qc_sync *s, qc_peer_state *p, const qc_inv *inv)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_tx_name name = name_of(inv);
    bool witness = inv->type != QC_INV_TX;
    if (!speaks(s, p))
        return true; /* such a request gets no answer at all */
    bool given = s->relay.give && s->relay.give(s->relay.arg, p->id, &name, witness, &b);
    if (!given) {
        b.len = 0;
        given = qc_recent_tx(s, &name, witness, &b);
    }
    if (given)
        qc_sync_send(s, p, "tx", &b);
    qc_bytes_free(&b);
    return given;
}

static uint64_t chance(void)
{
    uint64_t r;
    qc_os_random(&r, sizeof r);
    return r;
}

/* What a peer need not announce: during the initial download nothing is of use. */
static int64_t fee_floor(const qc_sync *s)
{
    if (!s->relay.fee_floor || qc_chain_initial_download(s->chain))
        return QC_RELAY_NOTHING;
    return s->relay.fee_floor(s->relay.arg);
}

static void tell_fee(qc_sync *s, qc_peer_state *p, int64_t fee)
{
    qc_bytes b = QC_BYTES_INIT;
    if (s->relay.fee_round && fee != QC_RELAY_NOTHING)
        fee = s->relay.fee_round(s->relay.arg, fee);
    if (fee == p->fee_told)
        return;
    if (!qc_w_le64(&b, (uint64_t)fee))
        qc_sync_send(s, p, "feefilter", &b);
    qc_bytes_free(&b);
    p->fee_told = fee;
}

/* A few names in each message. */
static void send_names(qc_sync *s, qc_peer_state *p, const char *message, const qc_tx_name *list,
                       size_t n, size_t most, uint32_t flags)
{
    while (n) {
        qc_bytes b = QC_BYTES_INIT;
        size_t k = QC_MIN(n, most);
        qc_err err = qc_w_compact(&b, k);
        for (size_t i = 0; !err && i < k; i++) {
            err = qc_w_le32(&b, list[i].wtxid ? QC_INV_WTX : QC_INV_TX | flags);
            if (!err)
                err = qc_bytes_append(&b, &list[i].hash, sizeof list[i].hash);
        }
        if (!err)
            qc_sync_send(s, p, message, &b);
        qc_bytes_free(&b);
        list += k;
        n -= k;
    }
}

static void say_due(qc_sync *s, qc_peer_state *p, int64_t now)
{
    qc_relay_say out = {.tell = NULL};
    const qc_relay_view v = {p->id, p->relay_txs, p->fee_filter, p->filter};
    if (!s->relay.say || !speaks(s, p) || p->filter_lent)
        return;
    s->relay.say(s->relay.arg, &v, now, &out);
    send_names(s, p, "inv", out.tell, out.n_tell, QC_INV_MAX, 0);
    qc_free(out.tell);
}

/* Who wants to hear of none may announce some, and while it is not asked nobody else is (Core asks
 * outside of Peer::TxRelay). */
static void ask_due(qc_sync *s, qc_peer_state *p, int64_t now)
{
    qc_relay_say out = {.ask = NULL};
    if (!s->relay.ask || qc_relay_refuses(s, p))
        return;
    s->relay.ask(s->relay.arg, p->id, now, &out);
    send_names(s, p, "getdata", out.ask, out.n_ask, GETDATA_MAX,
               qc_peer_serves_witnesses(p) ? QC_INV_WITNESS : 0);
    qc_free(out.ask);
}

/* Core MaybeSendFeefilter: at times by chance, or a pool could be watched by its floor. */
static void fee_care(qc_sync *s, qc_peer_state *p, int64_t now)
{
    if (s->blocks_only || p->info.version < FEE_FILTER_VERSION ||
        p->info.type == QC_CONN_BLOCK_ONLY || qc_peer_may(p, QC_PERMIT_FORCERELAY))
        return;
    int64_t fee = fee_floor(s);
    if (fee != QC_RELAY_NOTHING && p->fee_told == QC_RELAY_NOTHING)
        p->fee_next = 0;
    if (now > p->fee_next) {
        tell_fee(s, p, fee);
        p->fee_next = now + qc_chance_wait(FEE_EVERY, chance());
    } else if (now + FEE_DELAY < p->fee_next &&
               (fee < 3 * p->fee_told / 4 || fee > 4 * p->fee_told / 3)) {
        p->fee_next = now + (int64_t)(chance() % (uint64_t)FEE_DELAY);
    }
}

void qc_relay_care(qc_sync *s, qc_peer_state *p, int64_t now)
{
    say_due(s, p, now);
    ask_due(s, p, now);
    fee_care(s, p, now);
}

/* ---- work before the next message ---- */

bool qc_relay_has_work(const qc_sync *s, const qc_peer_state *p)
{
    return s->relay.has_work && s->relay.has_work(s->relay.arg, p->id);
}

void qc_relay_work(qc_sync *s, const qc_peer_state *p)
{
    s->relay.work(s->relay.arg, p->id);
    qc_relay_wake(s);
}

void qc_relay_wake(qc_sync *s)
{
    if (!s->relay.has_work || !s->relay.has_work(s->relay.arg, QC_RELAY_ANYBODY))
        return;
    for (qc_peer_state *p = s->peers; p; p = p->next)
        qc_sync_go_on(s, p);
}
