#include "tests/unit/plain_sighash.h"

#include "core/crypto/sha256.h"
#include "core/script/pattern.h"
#include "tests/vectors/testtx.h"

static qc_bytes without_separators(qc_span s)
{
    qc_bytes b = QC_BYTES_INIT;
    const uint8_t *pc = s.data, *from = pc, *end = s.data + s.len;
    uint8_t op;
    qc_span data;
    for (; qc_op_read(&pc, end, &op, &data); from = pc) {
        if (op != QC_OP_CODESEPARATOR)
            put(&b, from, (size_t)(pc - from));
    }
    return b;
}

qc_hash plain_sighash(const qc_tx *tx, uint32_t in, qc_span code, uint32_t type)
{
    bool none = (type & 0x1f) == 2, single = (type & 0x1f) == 3, alone = type & 0x80;
    if (single && in >= tx->rec->n_out)
        return (qc_hash){{1}};
    qc_bytes clean = without_separators(code);
    testtx t = {.version = tx->rec->version, .locktime = tx->rec->locktime};
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        if (alone && i != in)
            continue;
        qc_span script = i == in ? qc_bytes_span(&clean) : (qc_span){NULL, 0};
        uint32_t sequence = i != in && (none || single) ? 0 : tx->in[i].sequence;
        testtx_add_input(&t, tx->in[i].prev_txid, tx->in[i].prev_n, script, sequence);
    }
    for (uint32_t i = 0; i < (none ? 0 : single ? in + 1 : tx->rec->n_out); i++) {
        if (single && i < in)
            testtx_add_output(&t, -1, (qc_span){NULL, 0});
        else
            testtx_add_output(&t, tx->out[i].value, qc_tx_script(tx, i));
    }
    qc_bytes raw = testtx_bytes(&t, NULL);
    put_le32(&raw, type);
    qc_hash h;
    qc_sha256d(qc_bytes_span(&raw), h.b);
    qc_bytes_free(&raw);
    qc_bytes_free(&clean);
    testtx_clear(&t);
    return h;
}
