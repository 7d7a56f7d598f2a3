#include "core/methods/tx_json.h"

#include "core/btc/wire.h"
#include "core/methods/common.h"
#include "core/methods/script_text.h"

void qc_m_script_members(qc_jw *w, const qc_params *p, qc_span script, bool hex, bool address)
{
    qc_m_kasm(w, script, false);
    if (address)
        qc_m_kinferred_descriptor(w, p, script);
    if (hex)
        qc_jw_khex(w, "hex", script);
    if (address)
        qc_m_kaddress_if_any(w, p, script);
    qc_jw_kstr(w, "type", qc_m_script_type(script));
}

void qc_m_witness_items(qc_jw *w, qc_span witness)
{
    qc_reader r = qc_reader_of(witness);
    uint64_t n = qc_r_count(&r, 1);
    for (uint64_t k = 0; k < n; k++)
        qc_jw_hex(w, qc_r_var(&r));
}

static void put_prevout(qc_jw *w, const qc_params *p, const qn_block_view *view,
                        const qn_spent_rec *coin)
{
    qc_jw_kobj(w, "prevout");
    qc_jw_kbool(w, "generated", coin->coinbase != 0);
    qc_jw_kuint(w, "height", coin->height);
    qc_jw_kamount(w, "value", coin->value);
    qc_jw_kobj(w, "scriptPubKey");
    qc_span script = {qn_view_spent_script(view, coin), coin->script_len};
    qc_m_script_members(w, p, script, true, true);
    qc_jw_obj_end(w);
    qc_jw_obj_end(w);
}

static void put_input(qc_jw *w, const qc_tx *tx, uint32_t i)
{
    if (qc_tx_is_coinbase(tx)) {
        qc_jw_khex(w, "coinbase", qc_tx_script_sig(tx, i));
    } else {
        qc_outpoint o = qc_tx_prevout(tx, i);
        qc_jw_khash(w, "txid", &o.txid);
        qc_jw_kuint(w, "vout", o.n);
        qc_jw_kobj(w, "scriptSig");
        qc_m_kasm(w, qc_tx_script_sig(tx, i), true);
        qc_jw_khex(w, "hex", qc_tx_script_sig(tx, i));
        qc_jw_obj_end(w);
    }
    /* A stack without items is no witness. */
    qc_span witness = qc_tx_witness(tx, i);
    if (witness.len > 0 && witness.data[0] != 0) {
        qc_jw_karr(w, "txinwitness");
        qc_m_witness_items(w, witness);
        qc_jw_arr_end(w);
    }
}

static void put_inputs(qc_jw *w, const qc_params *p, const qc_tx *tx, const qn_block_view *view,
                       qc_tx_detail detail)
{
    qc_jw_karr(w, "vin");
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_jw_obj(w);
        put_input(w, tx, i);
        if (detail == QC_TX_PREVOUT)
            put_prevout(w, p, view, qn_view_spent(view, tx->rec->in0 + i));
        qc_jw_kuint(w, "sequence", tx->in[i].sequence);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static void put_outputs(qc_jw *w, const qc_params *p, const qc_tx *tx)
{
    qc_jw_karr(w, "vout");
    for (uint32_t i = 0; i < tx->rec->n_out; i++) {
        qc_jw_obj(w);
        qc_jw_kamount(w, "value", tx->out[i].value);
        qc_jw_kuint(w, "n", i);
        qc_jw_kobj(w, "scriptPubKey");
        qc_m_script_members(w, p, qc_tx_script(tx, i), true, true);
        qc_jw_obj_end(w);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static int64_t fee_of(const qc_tx *tx, const qn_block_view *view)
{
    int64_t fee = 0;
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        fee += qn_view_spent(view, tx->rec->in0 + i)->value;
    for (uint32_t i = 0; i < tx->rec->n_out; i++)
        fee -= tx->out[i].value;
    return fee;
}

void qc_m_tx_members(qc_jw *w, const qc_params *p, const qc_tx *tx, const qn_block_view *view,
                     qc_tx_detail detail, bool hex)
{
    qc_hash id;
    memcpy(id.b, tx->rec->txid, sizeof id.b);
    qc_jw_khash(w, "txid", &id);
    memcpy(id.b, tx->rec->wtxid, sizeof id.b);
    qc_jw_khash(w, "hash", &id);
    qc_jw_kuint(w, "version", tx->rec->version);
    qc_jw_kuint(w, "size", tx->rec->len);
    qc_jw_kuint(w, "vsize", (tx->rec->weight + 3) / 4);
    qc_jw_kuint(w, "weight", tx->rec->weight);
    qc_jw_kuint(w, "locktime", tx->rec->locktime);
    if (qc_tx_is_coinbase(tx))
        detail = QC_TX_PLAIN;
    put_inputs(w, p, tx, view, detail);
    put_outputs(w, p, tx);
    if (detail != QC_TX_PLAIN)
        qc_jw_kamount(w, "fee", fee_of(tx, view));
    if (hex)
        qc_jw_khex(w, "hex", qc_tx_bytes(tx));
}

void qc_m_header_members(qc_jw *w, const qc_index *tip, const qc_index *i)
{
    const qc_index *next;
    const qc_header *h = &i->header;
    qc_jw_khash(w, "hash", &i->hash);
    qc_jw_kint(w, "confirmations", qc_m_confirmations(tip, i, &next));
    qc_jw_kuint(w, "height", i->height);
    qc_jw_kint(w, "version", h->version);
    qc_jw_key(w, "versionHex");
    qc_jw_strf(w, "%08x", (uint32_t)h->version);
    qc_jw_khash(w, "merkleroot", &h->merkle_root);
    qc_jw_kuint(w, "time", h->time);
    qc_jw_kuint(w, "mediantime", qc_index_mtp(i));
    qc_jw_kuint(w, "nonce", h->nonce);
    qc_m_kbits(w, h->bits);
    qc_m_ktarget(w, h->bits);
    qc_jw_kdouble(w, "difficulty", qc_m_difficulty(h->bits));
    qc_m_ku256(w, "chainwork", &i->chain_work);
    qc_jw_kuint(w, "nTx", atomic_load(&i->n_tx));
    if (i->parent)
        qc_jw_khash(w, "previousblockhash", &i->parent->hash);
    if (next)
        qc_jw_khash(w, "nextblockhash", &next->hash);
}
