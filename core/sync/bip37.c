/* Peers that keep no chain and ask for what concerns them (BIP37, BIP35, BIP111): who is served,
 * and what offends. Served when -peerbloomfilters or the permission bloomfilter says so. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/sync/serving.h"

bool qc_offers_bloom(const qc_sync *s, const qc_peer_state *p)
{
    return (s->services & QC_NODE_BLOOM) || qc_peer_may(p, QC_PERMIT_BLOOM);
}

static bool offered(qc_sync *s, qc_peer_state *p, const char *name)
{
    if (qc_offers_bloom(s, p))
        return true;
    qc_log(QC_LOG_DEBUG, "net",
           "%s received despite not offering bloom services, disconnecting peer=%lld", name,
           (long long)p->id);
    qc_sync_drop(s, p, "bloom filters are off");
    return false;
}

void qc_on_filterload(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_peer_filter *f = NULL;
    bool too_large;
    if (!offered(s, p, "filterload"))
        return;
    qc_wire_fail fail = qc_peer_filter_read(payload, &f, &too_large);
    if (fail) {
        qc_sync_unread(p, "filterload", payload.len, fail);
    } else if (too_large) {
        qc_sync_misbehaving(s, p, "too-large bloom filter");
    } else {
        qc_peer_filter_free(p->filter);
        p->filter = f;
        p->relay_txs = true;
        qc_net_relays(s->net, p->id, true, "filterload");
    }
}

void qc_on_filteradd(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    if (!offered(s, p, "filteradd"))
        return;
    qc_reader r = qc_reader_of(payload);
    qc_span element = qc_r_var(&r);
    if (r.fail)
        qc_sync_unread(p, "filteradd", payload.len, r.fail);
    else if (element.len > QC_FILTER_ELEMENT_MAX || !p->filter)
        qc_sync_misbehaving(s, p, "bad filteradd message");
    else
        qc_peer_filter_add(p->filter, element);
}

void qc_on_filterclear(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    (void)payload;
    if (!offered(s, p, "filterclear"))
        return;
    qc_peer_filter_free(p->filter);
    p->filter = NULL;
    p->relay_txs = true;
    qc_net_relays(s->net, p->id, false, "filterclear");
}

void qc_on_mempool(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    const char *why = NULL;
    bool may = qc_peer_may(p, QC_PERMIT_MEMPOOL);
    (void)payload;
    if (!may && !qc_offers_bloom(s, p))
        why = "mempool request with bloom filters disabled";
    else if (!may && qc_net_upload(s->net).reached)
        why = "mempool request with bandwidth limit reached";
    if (!why && s->relay.wants_all)
        s->relay.wants_all(s->relay.arg, p->id);
    if (!why || qc_peer_may(p, QC_PERMIT_NOBAN))
        return;
    qc_log(QC_LOG_DEBUG, "net", "%s, disconnecting peer=%lld", why, (long long)p->id);
    qc_sync_drop(s, p, "mempool");
}

/* ---- filtered blocks ---- */

qc_err qc_filtered_make(const qc_serve *j, const qc_block *b, qc_bytes *out)
{
    uint32_t n = qc_block_n_tx(b);
    qc_bytes head = QC_BYTES_INIT, txs = QC_BYTES_INIT;
    bool *match = qc_try_calloc(n, sizeof *match);
    qc_hash *leaf = qc_try_calloc(n, sizeof *leaf);
    qc_err err =
        match && leaf ? qc_bytes_append(&head, qc_block_bytes(b).data, QC_HEADER_LEN) : QC_ENOMEM;
    for (uint32_t k = 0; !err && k < n; k++) {
        qc_tx tx = qc_block_tx(b, k);
        qc_bytes one = QC_BYTES_INIT;
        memcpy(leaf[k].b, tx.rec->txid, sizeof leaf[k].b);
        match[k] = qc_peer_filter_match(j->filter, &tx);
        if (match[k])
            err = qc_tx_write_stripped(&tx, &one);
        if (!err && match[k])
            err = qc_w_var(&txs, qc_bytes_span(&one));
        qc_bytes_free(&one);
    }
    if (!err)
        err = qc_merkle_proof_write(&head, leaf, match, n);
    if (!err)
        err = qc_w_var(out, qc_bytes_span(&head));
    if (!err)
        err = qc_bytes_append(out, txs.data, txs.len);
    qc_bytes_free(&head);
    qc_bytes_free(&txs);
    qc_free(match);
    qc_free(leaf);
    return err;
}

void qc_filtered_send(qc_sync *s, qc_peer_state *p, qc_span made)
{
    const char *name = "merkleblock";
    qc_reader r = qc_reader_of(made);
    while (qc_reader_left(&r)) {
        qc_bytes one = QC_BYTES_INIT;
        qc_span part = qc_r_var(&r);
        if (r.fail || qc_bytes_append(&one, part.data, part.len))
            break;
        qc_sync_send(s, p, name, &one);
        name = "tx";
    }
}
