/* BIP143 (version 0) and BIP341/342 (taproot) signature hashes. */
#include "core/script/sighash_parts.h"

static const qc_hash ZERO;

/* The double hash of the outputs that the type commits to; zero if it commits to none. */
static void v0_outputs(const qc_tx *tx, uint32_t in, uint32_t type, const qc_sighash_cache *hashes,
                       qc_hash *out)
{
    if (!qc_sighash_is_single(type) && !qc_sighash_is_none(type)) {
        *out = hashes->outputs;
    } else if (qc_sighash_is_single(type) && in < tx->rec->n_out) {
        qc_sighash_output(tx, in, out);
        qc_sha256(qc_span_of(out->b, 32), out->b);
    } else {
        *out = ZERO;
    }
}

void qc_sighash_v0_write(qc_sha256_ctx *c, const qc_tx *tx, uint32_t in, qc_span code,
                         qc_amount value, uint32_t type, const qc_sighash_cache *hashes)
{
    bool alone = type & QC_SIGHASH_ANYONECANPAY;
    bool all = !qc_sighash_is_single(type) && !qc_sighash_is_none(type);
    qc_hash outputs;
    v0_outputs(tx, in, type, hashes, &outputs);
    qc_hash_le32(c, tx->rec->version);
    qc_hash_hash(c, alone ? &ZERO : &hashes->prevouts);
    qc_hash_hash(c, !alone && all ? &hashes->sequences : &ZERO);
    qc_hash_prevout(c, &tx->in[in]);
    qc_hash_compact(c, code.len);
    qc_hash_bytes(c, code);
    qc_hash_le64(c, (uint64_t)value);
    qc_hash_le32(c, tx->in[in].sequence);
    qc_hash_hash(c, &outputs);
    qc_hash_le32(c, tx->rec->locktime);
}

void qc_sighash_v0(const qc_tx *tx, uint32_t in, qc_span code, qc_amount value, uint32_t type,
                   const qc_sighash_cache *hashes, qc_hash *out)
{
    qc_sha256_ctx c;
    qc_sha256_init(&c);
    qc_sighash_v0_write(&c, tx, in, code, value, type, hashes);
    qc_sighash_finish(&c, type, out);
}

/* What all inputs share, as far as the type commits to it. */
static void taproot_common(qc_sha256_ctx *c, const qc_taproot_env *e, uint8_t type, bool alone,
                           uint8_t output_type)
{
    static const uint8_t EPOCH = 0;
    const qc_sighash_cache *h = e->hashes;
    qc_sha256_update(c, &EPOCH, 1);
    qc_sha256_update(c, &type, 1);
    qc_hash_le32(c, e->tx->rec->version);
    qc_hash_le32(c, e->tx->rec->locktime);
    if (!alone) {
        qc_hash_hash(c, &h->t_prevouts);
        qc_hash_hash(c, &h->t_amounts);
        qc_hash_hash(c, &h->t_scripts);
        qc_hash_hash(c, &h->t_sequences);
    }
    if (output_type == QC_SIGHASH_ALL)
        qc_hash_hash(c, &h->t_outputs);
}

static void taproot_input(qc_sha256_ctx *c, const qc_taproot_env *e, bool alone)
{
    const qn_in_rec *in = &e->tx->in[e->in];
    uint8_t spend_type = (uint8_t)((e->leaf ? 2 : 0) | (e->annex ? 1 : 0));
    qc_sha256_update(c, &spend_type, 1);
    if (alone) {
        const qc_spent *spent = &e->spent[e->in];
        qc_hash_prevout(c, in);
        qc_hash_le64(c, (uint64_t)spent->value);
        qc_hash_compact(c, spent->script.len);
        qc_hash_bytes(c, spent->script);
        qc_hash_le32(c, in->sequence);
    } else {
        qc_hash_le32(c, e->in);
    }
    if (e->annex)
        qc_hash_hash(c, e->annex);
}

bool qc_sighash_taproot_write(qc_sha256_ctx *c, const qc_taproot_env *e, uint8_t type)
{
    static const uint8_t KEY_VERSION = 0;
    bool alone = type & QC_SIGHASH_ANYONECANPAY;
    uint8_t output_type = type == QC_SIGHASH_DEFAULT ? QC_SIGHASH_ALL : type & 3;
    if (!(type <= 3 || (type >= 0x81 && type <= 0x83)))
        return false;
    if (output_type == QC_SIGHASH_SINGLE && e->in >= e->tx->rec->n_out)
        return false;
    taproot_common(c, e, type, alone, output_type);
    taproot_input(c, e, alone);
    if (output_type == QC_SIGHASH_SINGLE) {
        qc_hash output;
        if (e->output)
            output = *e->output;
        else
            qc_sighash_output(e->tx, e->in, &output);
        qc_hash_hash(c, &output);
    }
    if (e->leaf) {
        qc_hash_hash(c, e->leaf);
        qc_sha256_update(c, &KEY_VERSION, 1);
        qc_hash_le32(c, e->codesep_pos);
    }
    return true;
}

bool qc_sighash_taproot(const qc_taproot_env *e, uint8_t type, qc_hash *out)
{
    qc_sha256_ctx c;
    qc_sha256_init_tag(&c, QC_TAG_TAPSIGHASH);
    if (!qc_sighash_taproot_write(&c, e, type))
        return false;
    qc_sha256_final(&c, out->b);
    return true;
}
