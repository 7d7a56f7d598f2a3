/* A PSBT as JSON (Core rpc/rawtransaction.cpp, decodepsbt): one function for what records of a type
 * look like, in Core's order. */
#include "core/base/alloc.h"
#include "core/btc/wire.h"
#include "core/methods/common.h"
#include "core/methods/psbt.h"
#include "core/methods/script_text.h"
#include "core/methods/tx_json.h"
#include "lib/base58.h"
#include "lib/hex.h"

#define MAX_MONEY INT64_C(2100000000000000)
#define PUBKEY 33u

typedef struct out {
    qc_rpc_req *r;
    qc_jw *w;
    const qc_params *params;
} out;

static bool in_range(int64_t v)
{
    return v >= 0 && v <= MAX_MONEY;
}

static uint32_t le32(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static qc_span span(qn_psbt_bytes b)
{
    return qc_m_psbt_span(b);
}

/* A member whose name is bytes. */
static void khex(qc_jw *w, qn_psbt_bytes key, qn_psbt_bytes value)
{
    char *name = qc_alloc(2 * key.len + 1);
    qn_hex_encode(key.data, key.len, name);
    qc_jw_khex(w, name, span(value));
    qc_free(name);
}

static bool put_tx(const out *o, const char *name, qc_span raw, bool witness)
{
    qc_txbuf t;
    qc_wire_fail fail = qc_tx_parse(raw, witness, &t);
    if (fail)
        return fail == QC_WIRE_NOMEM
                   ? qc_m_fail_memory(o->r)
                   : qc_rpc_fail(o->r, QC_RPC_DESERIALIZATION_ERROR, "TX decode failed");
    qc_jw_kobj(o->w, name);
    qc_m_tx_members(o->w, o->params, &t.tx, NULL, QC_TX_PLAIN, false);
    qc_jw_obj_end(o->w);
    qc_txbuf_clear(&t);
    return true;
}

/* ---- records of one type ---- */

static const qn_psbt_record *first_of(const qn_psbt_map *m, unsigned type, size_t *n)
{
    const qn_psbt_record *r = qn_psbt_get(m, type);
    *n = 0;
    if (r)
        for (const qn_psbt_record *end = m->record + m->n; r + *n < end && r[*n].type == type;)
            ++*n;
    return r;
}

static void put_pairs(const out *o, const qn_psbt_map *m, uint64_t type, const char *name,
                      bool always)
{
    bool any = always || qn_psbt_get(m, type);
    if (any)
        qc_jw_kobj(o->w, name);
    for (size_t i = 0; i < m->n; i++)
        if (m->record[i].type == type)
            khex(o->w, type == QN_PSBT_UNKNOWN ? m->record[i].key : m->record[i].data,
                 m->record[i].value);
    if (any)
        qc_jw_obj_end(o->w);
}

static void put_bytes(const out *o, const qn_psbt_map *m, unsigned type, const char *name)
{
    const qn_psbt_record *r = qn_psbt_get(m, type);
    if (r)
        qc_jw_khex(o->w, name, span(r->value));
}

static void put_script(const out *o, const qn_psbt_map *m, unsigned type, const char *name)
{
    const qn_psbt_record *r = qn_psbt_get(m, type);
    if (!r)
        return;
    qc_jw_kobj(o->w, name);
    qc_m_script_members(o->w, o->params, span(r->value), true, false);
    qc_jw_obj_end(o->w);
}

/* Fingerprint and path. */
static void put_origin(qc_jw *w, const uint8_t *b, size_t len)
{
    qc_bytes path = QC_BYTES_INIT;
    char step[16];
    qc_err err = qc_bytes_append(&path, "m", 1);
    for (size_t i = 4; i + 4 <= len && !err; i += 4) {
        uint32_t v = le32(b + i);
        int n = snprintf(step, sizeof step, "/%u%s", v & 0x7fffffffu, v >> 31 ? "h" : "");
        err = qc_bytes_append(&path, step, (size_t)n);
    }
    qc_jw_khex(w, "master_fingerprint", qc_span_of(b, 4));
    qc_jw_key(w, "path");
    qc_jw_strn(w, err ? "" : (const char *)path.data, err ? 0 : path.len);
    qc_bytes_free(&path);
}

static void put_origins(const out *o, const qn_psbt_map *m, unsigned type)
{
    size_t n;
    const qn_psbt_record *r = first_of(m, type, &n);
    if (!n)
        return;
    qc_jw_karr(o->w, "bip32_derivs");
    for (size_t i = 0; i < n; i++) {
        qc_jw_obj(o->w);
        qc_jw_khex(o->w, "pubkey", span(r[i].data));
        put_origin(o->w, r[i].value.data, r[i].value.len);
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

static void put_tap_origin(const out *o, const qn_psbt_record *rec)
{
    qc_reader r = qc_reader_of(span(rec->value));
    uint64_t hashes = qc_r_count(&r, 32);
    const uint8_t *hash = qc_r_span(&r, (size_t)hashes * 32).data;
    qc_span rest = qc_r_span(&r, qc_reader_left(&r));
    qc_jw_obj(o->w);
    qc_jw_khex(o->w, "pubkey", span(rec->data));
    put_origin(o->w, rest.data, rest.len);
    qc_jw_karr(o->w, "leaf_hashes");
    for (uint64_t i = 0; i < hashes; i++)
        qc_jw_hex(o->w, qc_span_of(hash + 32 * i, 32));
    qc_jw_arr_end(o->w);
    qc_jw_obj_end(o->w);
}

static void put_tap_origins(const out *o, const qn_psbt_map *m, unsigned type)
{
    size_t n;
    const qn_psbt_record *r = first_of(m, type, &n);
    if (!n)
        return;
    qc_jw_karr(o->w, "taproot_bip32_derivs");
    for (size_t i = 0; i < n; i++)
        put_tap_origin(o, &r[i]);
    qc_jw_arr_end(o->w);
}

static void put_musig(const out *o, const qn_psbt_map *m, unsigned type)
{
    size_t n;
    const qn_psbt_record *r = first_of(m, type, &n);
    if (!n)
        return;
    qc_jw_karr(o->w, "musig2_participant_pubkeys");
    for (size_t i = 0; i < n; i++) {
        qc_jw_obj(o->w);
        qc_jw_khex(o->w, "aggregate_pubkey", span(r[i].data));
        qc_jw_karr(o->w, "participant_pubkeys");
        for (size_t k = 0; k + PUBKEY <= r[i].value.len; k += PUBKEY)
            qc_jw_hex(o->w, qc_span_of(r[i].value.data + k, PUBKEY));
        qc_jw_arr_end(o->w);
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

static void put_musig_parts(const out *o, const qn_psbt_map *m, unsigned type, const char *name,
                            const char *what)
{
    static const uint8_t zero[32];
    size_t n;
    const qn_psbt_record *r = first_of(m, type, &n);
    if (!n)
        return;
    qc_jw_karr(o->w, name);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *d = r[i].data.data;
        qc_jw_obj(o->w);
        qc_jw_khex(o->w, "participant_pubkey", qc_span_of(d, PUBKEY));
        qc_jw_khex(o->w, "aggregate_pubkey", qc_span_of(d + PUBKEY, PUBKEY));
        if (r[i].data.len > 2 * (size_t)PUBKEY && memcmp(d + 2 * (size_t)PUBKEY, zero, 32) != 0)
            qc_jw_khex(o->w, "leaf_hash", qc_span_of(d + 2 * (size_t)PUBKEY, 32));
        qc_jw_khex(o->w, what, span(r[i].value));
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

static void put_proprietary(const out *o, const qn_psbt_map *m, bool always)
{
    size_t n;
    const qn_psbt_record *rec = first_of(m, QN_PSBT_PROPRIETARY, &n);
    if (!n && !always)
        return;
    qc_jw_karr(o->w, "proprietary");
    for (size_t i = 0; i < n; i++) {
        qc_reader r = qc_reader_of(span(rec[i].data));
        qc_jw_obj(o->w);
        qc_jw_khex(o->w, "identifier", qc_r_var(&r));
        qc_jw_kuint(o->w, "subtype", qc_r_compact(&r));
        qc_jw_khex(o->w, "key", span(rec[i].key));
        qc_jw_khex(o->w, "value", span(rec[i].value));
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

/* ---- inputs ---- */

static void put_coin(const out *o, qn_psbt_coin coin)
{
    qc_jw_kobj(o->w, "witness_utxo");
    qc_jw_kamount(o->w, "amount", coin.value);
    qc_jw_kobj(o->w, "scriptPubKey");
    qc_m_script_members(o->w, o->params, span(coin.script), true, true);
    qc_jw_obj_end(o->w);
    qc_jw_obj_end(o->w);
}

static void put_sighash(const out *o, const qn_psbt_map *m)
{
    static const char *const NAME[] = {"", "ALL", "NONE", "SINGLE"};
    qn_psbt_bytes v = qn_psbt_value(m, QN_PSBT_IN_SIGHASH);
    if (!v.data)
        return;
    unsigned type = v.data[0] & 0x7fu;
    qc_jw_key(o->w, "sighash");
    if (type < 1 || type > 3)
        qc_jw_str(o->w, "");
    else
        qc_jw_strf(o->w, "%s%s", NAME[type], v.data[0] & 0x80 ? "|ANYONECANPAY" : "");
}

static void put_final(const out *o, const qn_psbt_map *m)
{
    qn_psbt_bytes sig = qn_psbt_value(m, QN_PSBT_IN_FINAL_SIG),
                  wit = qn_psbt_value(m, QN_PSBT_IN_FINAL_WITNESS);
    if (sig.data) {
        qc_jw_kobj(o->w, "final_scriptSig");
        qc_m_kasm(o->w, span(sig), true);
        qc_jw_khex(o->w, "hex", span(sig));
        qc_jw_obj_end(o->w);
    }
    if (wit.data) {
        qc_jw_karr(o->w, "final_scriptwitness");
        qc_m_witness_items(o->w, span(wit));
        qc_jw_arr_end(o->w);
    }
}

static void put_version_2(const out *o, const qn_psbt_in *in)
{
    qc_hash id;
    memcpy(id.b, in->txid, 32);
    qc_jw_khash(o->w, "previous_txid", &id);
    qc_jw_kuint(o->w, "previous_vout", in->vout);
    if (in->has_sequence)
        qc_jw_kuint(o->w, "sequence", in->sequence);
    if (in->has_time)
        qc_jw_kuint(o->w, "time_locktime", in->time);
    if (in->has_height)
        qc_jw_kuint(o->w, "height_locktime", in->height);
}

static void put_tap_sigs(const out *o, const qn_psbt_map *m)
{
    size_t n;
    const qn_psbt_record *r = first_of(m, QN_PSBT_IN_TAP_SCRIPT_SIG, &n);
    if (!n)
        return;
    qc_jw_karr(o->w, "taproot_script_path_sigs");
    for (size_t i = 0; i < n; i++) {
        qc_jw_obj(o->w);
        qc_jw_khex(o->w, "pubkey", qc_span_of(r[i].data.data, 32));
        qc_jw_khex(o->w, "leaf_hash", qc_span_of(r[i].data.data + 32, 32));
        qc_jw_khex(o->w, "sig", span(r[i].value));
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

/* Control blocks of one script stand behind each other. */
static void put_leaves(const out *o, const qn_psbt_map *m)
{
    size_t n;
    const qn_psbt_record *r = first_of(m, QN_PSBT_IN_TAP_LEAF, &n);
    if (!n)
        return;
    qc_jw_karr(o->w, "taproot_scripts");
    for (size_t i = 0; i < n;) {
        qc_span value = span(r[i].value);
        qc_jw_obj(o->w);
        qc_jw_khex(o->w, "script", qc_span_of(value.data, value.len - 1));
        qc_jw_kuint(o->w, "leaf_ver", value.data[value.len - 1]);
        qc_jw_karr(o->w, "control_blocks");
        for (; i < n && qc_span_eq(span(r[i].value), value); i++)
            qc_jw_hex(o->w, span(r[i].data));
        qc_jw_arr_end(o->w);
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

static void put_taproot(const out *o, const qn_psbt_map *m)
{
    put_bytes(o, m, QN_PSBT_IN_TAP_SIG, "taproot_key_path_sig");
    put_tap_sigs(o, m);
    put_leaves(o, m);
    put_tap_origins(o, m, QN_PSBT_IN_TAP_ORIGIN);
    put_bytes(o, m, QN_PSBT_IN_TAP_KEY, "taproot_internal_key");
    put_bytes(o, m, QN_PSBT_IN_TAP_ROOT, "taproot_merkle_root");
    put_musig(o, m, QN_PSBT_IN_MUSIG);
    put_musig_parts(o, m, QN_PSBT_IN_MUSIG_NONCE, "musig2_pubnonces", "pubnonce");
    put_musig_parts(o, m, QN_PSBT_IN_MUSIG_SIG, "musig2_partial_sigs", "partial_sig");
}

static bool put_input(const out *o, const qn_psbt *p, const qn_psbt_in *in)
{
    const qn_psbt_map *m = &in->map;
    qn_psbt_bytes tx = qn_psbt_value(m, QN_PSBT_IN_TX);
    qn_psbt_coin coin;
    qc_jw_obj(o->w);
    if (qn_psbt_witness_coin(in, &coin))
        put_coin(o, coin);
    if (tx.data && !put_tx(o, "non_witness_utxo", span(tx), true))
        return false;
    put_pairs(o, m, QN_PSBT_IN_SIG, "partial_signatures", false);
    put_sighash(o, m);
    put_script(o, m, QN_PSBT_IN_REDEEM, "redeem_script");
    put_script(o, m, QN_PSBT_IN_WITNESS, "witness_script");
    put_origins(o, m, QN_PSBT_IN_ORIGIN);
    put_final(o, m);
    put_pairs(o, m, QN_PSBT_IN_RIPEMD160, "ripemd160_preimages", false);
    put_pairs(o, m, QN_PSBT_IN_SHA256, "sha256_preimages", false);
    put_pairs(o, m, QN_PSBT_IN_HASH160, "hash160_preimages", false);
    put_pairs(o, m, QN_PSBT_IN_HASH256, "hash256_preimages", false);
    if (p->version == 2)
        put_version_2(o, in);
    put_taproot(o, m);
    put_proprietary(o, m, false);
    put_pairs(o, m, QN_PSBT_UNKNOWN, "unknown", false);
    qc_jw_obj_end(o->w);
    return true;
}

/* ---- outputs ---- */

static void put_tree(const out *o, const qn_psbt_map *m)
{
    qn_psbt_bytes v = qn_psbt_value(m, QN_PSBT_OUT_TAP_TREE);
    qc_reader r = qc_reader_of(span(v));
    if (!v.data)
        return;
    qc_jw_karr(o->w, "taproot_tree");
    while (qc_reader_left(&r) && !r.fail) {
        qc_jw_obj(o->w);
        qc_jw_kuint(o->w, "depth", qc_r_u8(&r));
        qc_jw_kuint(o->w, "leaf_ver", qc_r_u8(&r));
        qc_jw_khex(o->w, "script", qc_r_var(&r));
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

static void put_output(const out *o, const qn_psbt *p, const qn_psbt_out *x)
{
    const qn_psbt_map *m = &x->map;
    qc_jw_obj(o->w);
    put_script(o, m, QN_PSBT_OUT_REDEEM, "redeem_script");
    put_script(o, m, QN_PSBT_OUT_WITNESS, "witness_script");
    put_origins(o, m, QN_PSBT_OUT_ORIGIN);
    if (p->version == 2) {
        qc_jw_kamount(o->w, "amount", x->coin.value);
        qc_jw_kobj(o->w, "script");
        qc_m_script_members(o->w, o->params, span(x->coin.script), true, true);
        qc_jw_obj_end(o->w);
    }
    put_bytes(o, m, QN_PSBT_OUT_TAP_KEY, "taproot_internal_key");
    put_tree(o, m);
    put_tap_origins(o, m, QN_PSBT_OUT_TAP_ORIGIN);
    put_musig(o, m, QN_PSBT_OUT_MUSIG);
    put_proprietary(o, m, false);
    put_pairs(o, m, QN_PSBT_UNKNOWN, "unknown", false);
    qc_jw_obj_end(o->w);
}

/* ---- the whole ---- */

static void put_xpubs(const out *o, const qn_psbt_map *m)
{
    size_t n;
    const qn_psbt_record *r = first_of(m, QN_PSBT_G_XPUB, &n);
    char text[128];
    qc_jw_karr(o->w, "global_xpubs");
    for (size_t i = 0; i < n; i++) {
        qn_base58check_encode(r[i].data.data, r[i].data.len, text, sizeof text);
        qc_jw_obj(o->w);
        qc_jw_kstr(o->w, "xpub", text);
        put_origin(o->w, r[i].value.data, r[i].value.len);
        qc_jw_obj_end(o->w);
    }
    qc_jw_arr_end(o->w);
}

static void put_globals_2(const out *o, const qn_psbt *p)
{
    qc_jw_kuint(o->w, "tx_version", p->tx_version);
    if (p->has_locktime)
        qc_jw_kuint(o->w, "fallback_locktime", p->locktime);
    qc_jw_kuint(o->w, "input_count", p->n_in);
    qc_jw_kuint(o->w, "output_count", p->n_out);
    if (!p->has_modifiable)
        return;
    qc_jw_kbool(o->w, "inputs_modifiable", p->modifiable & QN_PSBT_INPUTS_MODIFIABLE);
    qc_jw_kbool(o->w, "outputs_modifiable", p->modifiable & QN_PSBT_OUTPUTS_MODIFIABLE);
    qc_jw_kbool(o->w, "has_sighash_single", p->modifiable & QN_PSBT_HAS_SINGLE);
}

static bool put_unsigned(const out *o, const qn_psbt *p)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    if (qn_psbt_tx(p, false, &raw, &len))
        return qc_m_fail_memory(o->r);
    bool ok = put_tx(o, "tx", qc_span_of(raw, len), false);
    free(raw);
    return ok;
}

static void put_fee(const out *o, const qn_psbt *p)
{
    int64_t in = 0, spent = 0;
    qn_psbt_coin coin;
    bool all = true;
    for (size_t i = 0; all && i < p->n_in; i++) {
        all =
            qn_psbt_coin_of(&p->in[i], &coin) && in_range(coin.value) && in_range(in + coin.value);
        in += all ? coin.value : 0;
    }
    for (size_t i = 0; all && i < p->n_out; i++) {
        int64_t v = p->out[i].coin.value;
        all = in_range(v) && in_range(spent + v);
        spent += all ? v : 0;
    }
    if (all)
        qc_jw_kamount(o->w, "fee", in - spent);
}

bool qc_m_psbt_members(qc_rpc_req *r, const qc_params *params, const qn_psbt *p)
{
    const out o = {r, qc_rpc_out(r), params};
    if (p->version < 2 && !put_unsigned(&o, p))
        return false;
    put_xpubs(&o, &p->map);
    if (p->version == 2)
        put_globals_2(&o, p);
    qc_jw_kuint(o.w, "psbt_version", p->version);
    put_proprietary(&o, &p->map, true);
    put_pairs(&o, &p->map, QN_PSBT_UNKNOWN, "unknown", true);
    qc_jw_karr(o.w, "inputs");
    for (size_t i = 0; i < p->n_in; i++)
        if (!put_input(&o, p, &p->in[i]))
            return false;
    qc_jw_arr_end(o.w);
    qc_jw_karr(o.w, "outputs");
    for (size_t i = 0; i < p->n_out; i++)
        put_output(&o, p, &p->out[i]);
    qc_jw_arr_end(o.w);
    put_fee(&o, p);
    return true;
}
