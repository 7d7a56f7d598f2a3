/* The newest block, kept at hand: it is told to high-bandwidth peers as soon as its header, its
 * proof of work and its form have been checked, and whatever they then ask of it is answered from
 * memory (Core net_processing.cpp NewPoWValidBlock, m_most_recent_block). */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/sync/serving.h"

#include <stdlib.h>

#define CMPCT_SINCE                                                                                \
    70015 /* protocol; older peers would ban for an invalid block (Core                            \
             INVALID_CB_NO_BAN_VERSION) */

void qc_recent_set(qc_sync *s, const qc_index *i, const qc_block *b)
{
    if (s->recent == i || !qc_deployment_active(s->params, QC_DEP_SEGWIT, i->height))
        return;
    qc_recent_clear(s);
    s->recent = i;
    s->recent_block = qc_block_ref(b);
}

void qc_recent_clear(qc_sync *s)
{
    qc_block_unref(s->recent_block);
    qc_bytes_free(&s->recent_cmpct);
    qc_free(s->recent_names);
    s->recent_names = NULL;
    s->recent = NULL;
    s->recent_block = NULL;
}

const qc_block *qc_recent_block(const qc_sync *s, const qc_index *i)
{
    return s->recent == i ? s->recent_block : NULL;
}

qc_err qc_cmpct_of(const qc_block *b, qc_bytes *out)
{
    uint64_t nonce;
    qc_os_random(&nonce, sizeof nonce);
    return qc_cmpct_write(out, b, nonce);
}

bool qc_recent_send(qc_sync *s, qc_peer_state *p, const qc_index *i)
{
    qc_bytes copy = QC_BYTES_INIT;
    qc_bytes *made = &s->recent_cmpct;
    if (s->recent != i || (made->len == 0 && qc_cmpct_of(s->recent_block, made)))
        return false;
    bool ok = !qc_bytes_append(&copy, made->data, made->len);
    if (ok)
        qc_sync_send(s, p, "cmpctblock", &copy);
    qc_bytes_free(&copy);
    return ok;
}

void qc_recent_announce(qc_sync *s, qc_peer_state *p, const qc_index *i, const char *who)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&i->hash, hex);
    qc_log(QC_LOG_DEBUG, "net", "%s sending header-and-ids %s to peer=%lld", who, hex,
           (long long)p->id);
    if (qc_recent_send(s, p, i))
        p->best_sent = i;
}

void qc_on_pow_valid(qc_sync *s, const qc_index *i, const qc_block *b)
{
    if (i->height <= s->announced_height)
        return;
    s->announced_height = i->height;
    qc_recent_set(s, i, b);
    if (s->recent != i)
        return;
    for (qc_peer_state *p = s->peers; p; p = p->next) {
        if (p->closing || !p->hb_from || p->info.version < CMPCT_SINCE)
            continue;
        qc_peer_has_again(s, p);
        if (!qc_peer_has_header(p, i) && qc_peer_has_header(p, i->parent))
            qc_recent_announce(s, p, i, "PeerManager::NewPoWValidBlock");
    }
}

/* ---- transactions of the block at hand ---- */

typedef struct qc_recent_name {
    qc_hash id; /* a copy: the block's view may move while it is being connected */
    uint32_t tx;
    bool wtxid;
} qc_recent_name;

static int by_name(const void *x, const void *y)
{
    const qc_recent_name *a = x, *b = y;
    int d = memcmp(a->id.b, b->id.b, sizeof a->id.b);
    return d ? d : (int)a->wtxid - (int)b->wtxid;
}

/* Made at the first question: most blocks are never asked for so. */
static bool name_all(qc_sync *s)
{
    uint32_t n = qc_block_n_tx(s->recent_block);
    if (s->recent_names)
        return true;
    s->recent_names = qc_try_calloc(2 * (size_t)n, sizeof *s->recent_names);
    for (uint32_t k = 0; s->recent_names && k < n; k++) {
        qc_tx tx = qc_block_tx(s->recent_block, k);
        qc_recent_name *two = &s->recent_names[2 * (size_t)k];
        two[0].tx = two[1].tx = k;
        two[1].wtxid = true;
        memcpy(two[0].id.b, tx.rec->txid, sizeof two[0].id.b);
        memcpy(two[1].id.b, tx.rec->wtxid, sizeof two[1].id.b);
    }
    if (s->recent_names)
        qsort(s->recent_names, 2 * (size_t)n, sizeof *s->recent_names, by_name);
    return s->recent_names != NULL;
}

bool qc_recent_tx(qc_sync *s, const qc_tx_name *name, bool witness, qc_bytes *out)
{
    if (!s->recent_block || !name_all(s))
        return false;
    const qc_recent_name key = {name->hash, 0, name->wtxid};
    const qc_recent_name *found = bsearch(
        &key, s->recent_names, 2 * (size_t)qc_block_n_tx(s->recent_block), sizeof key, by_name);
    if (!found)
        return false;
    qc_tx tx = qc_block_tx(s->recent_block, found->tx);
    qc_span all = qc_tx_bytes(&tx);
    return witness ? !qc_bytes_append(out, all.data, all.len) : !qc_tx_write_stripped(&tx, out);
}

/* ---- transactions of a block ---- */

static qc_err make_blocktxn(const qc_serve *j, const qc_block *b, qc_bytes *out)
{
    return qc_cmpct_txs_write(out, b, j->ask.place, j->ask.n);
}

void qc_on_getblocktxn(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_cmpct_ask ask;
    qc_wire_fail fail = qc_cmpct_ask_read(payload, &ask);
    if (fail) {
        qc_sync_unread(p, "getblocktxn", payload.len, fail);
        return;
    }
    const qc_index *i = qc_chain_find(s->chain, &ask.hash), *tip = qc_chain_tip(s->chain);
    if (!tip) { /* a chain that is being loaded has none at first */
        qc_free(ask.place);
        return;
    }
    if (ask.n == 0) {
        qc_log(QC_LOG_DEBUG, "net",
               "getblocktxn received with no transaction indexes, disconnecting peer=%lld",
               (long long)p->id);
        qc_sync_drop(s, p, "empty getblocktxn");
    } else if (!i || !(atomic_load(&i->status) & QC_BLOCK_HAVE_DATA)) {
        qc_log(QC_LOG_DEBUG, "net", "Peer %lld sent us a getblocktxn for a block we don't have",
               (long long)p->id);
    } else if (qc_recent_block(s, i) ||
               (int64_t)i->height >= (int64_t)tip->height - QC_BLOCKTXN_DEPTH) {
        const qc_serve j = {.index = i, .message = "blocktxn", .make = make_blocktxn, .ask = ask};
        qc_serve_start(s, p, &j);
        return;
    } else {
        /* The whole block: who makes us read from the disk shall pay for it in bandwidth. */
        qc_log(QC_LOG_DEBUG, "net", "Peer %lld sent us a getblocktxn for a block > %d deep",
               (long long)p->id, QC_BLOCKTXN_DEPTH);
        qc_want(s, p, &(qc_inv){QC_INV_BLOCK | QC_INV_WITNESS, ask.hash});
    }
    qc_free(ask.place);
}
