/* The original signature hash: the transaction with the other inputs' scripts blanked and the
 * script code in place of the own one. Facts: Core CTransactionSignatureSerializer. */
#include "core/script/pattern.h"
#include "core/script/sighash_parts.h"

#define BLANK_INPUT 41 /* prevout, empty script, sequence */
#define CHUNK_RECORDS 64

/* The script code without its CODESEPARATORs. Where it stops decoding, Core's serializer announces
 * the whole length but leaves out what lies behind the cut-off push: kept to the bit. */
static void write_code(qc_sha256_ctx *c, qc_span code)
{
    const uint8_t *end = code.data + code.len, *pc = code.data;
    uint8_t op;
    qc_span data;
    size_t separators = 0;
    while (qc_op_read(&pc, end, &op, &data))
        separators += op == QC_OP_CODESEPARATOR;
    qc_hash_compact(c, code.len - separators);
    if (separators == 0) {
        qc_sha256_update(c, code.data, (size_t)(pc - code.data));
        return;
    }
    const uint8_t *from = code.data;
    pc = code.data;
    while (qc_op_read(&pc, end, &op, &data)) {
        if (op == QC_OP_CODESEPARATOR) {
            qc_sha256_update(c, from, (size_t)(pc - from - 1));
            from = pc;
        }
    }
    qc_sha256_update(c, from, (size_t)(pc - from));
}

/* Inputs [from, to) with empty scripts; sequences are zero when others may update them. */
static void write_blank_inputs(qc_sha256_ctx *c, const qc_tx *tx, uint32_t from, uint32_t to,
                               bool zero_sequence)
{
    uint8_t buf[BLANK_INPUT * CHUNK_RECORDS];
    while (from < to) {
        uint8_t *p = buf;
        for (; p < buf + sizeof buf && from < to; from++, p += BLANK_INPUT) {
            qc_put_prevout(&tx->in[from], p);
            p[36] = 0;
            qc_write_le32(p + 37, zero_sequence ? 0 : tx->in[from].sequence);
        }
        qc_sha256_update(c, buf, (size_t)(p - buf));
    }
}

static void write_outputs(qc_sha256_ctx *c, const qc_tx *tx, uint32_t in, uint32_t type)
{
    static const uint8_t BLANK[9] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    if (qc_sighash_is_none(type)) {
        qc_hash_compact(c, 0);
    } else if (qc_sighash_is_single(type)) {
        qc_hash_compact(c, (uint64_t)in + 1);
        for (uint32_t i = 0; i < in; i++)
            qc_sha256_update(c, BLANK, sizeof BLANK);
        qc_hash_bytes(c, qc_tx_output_bytes(tx, in, in + 1));
    } else {
        qc_hash_compact(c, tx->rec->n_out);
        qc_hash_bytes(c, qc_tx_output_bytes(tx, 0, tx->rec->n_out));
    }
}

void qc_sighash_legacy_write(qc_sha256_ctx *c, const qc_tx *tx, uint32_t in, qc_span code,
                             uint32_t type)
{
    bool alone = type & QC_SIGHASH_ANYONECANPAY;
    bool zero_sequence = qc_sighash_is_none(type) || qc_sighash_is_single(type);
    qc_hash_le32(c, tx->rec->version);
    qc_hash_compact(c, alone ? 1 : tx->rec->n_in);
    if (!alone)
        write_blank_inputs(c, tx, 0, in, zero_sequence);
    qc_hash_prevout(c, &tx->in[in]);
    write_code(c, code);
    qc_hash_le32(c, tx->in[in].sequence);
    if (!alone)
        write_blank_inputs(c, tx, in + 1, tx->rec->n_in, zero_sequence);
    write_outputs(c, tx, in, type);
    qc_hash_le32(c, tx->rec->locktime);
}

void qc_sighash_finish(qc_sha256_ctx *c, uint32_t type, qc_hash *out)
{
    qc_hash_le32(c, type);
    qc_sha256d_final(c, out->b);
}

void qc_sighash_legacy(const qc_tx *tx, uint32_t in, qc_span code, uint32_t type, qc_hash *out)
{
    if (qc_sighash_is_single(type) && in >= tx->rec->n_out) {
        *out = (qc_hash){{1}};
        return;
    }
    qc_sha256_ctx c;
    qc_sha256_init(&c);
    qc_sighash_legacy_write(&c, tx, in, code, type);
    qc_sighash_finish(&c, type, out);
}
