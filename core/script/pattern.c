#include "core/script/pattern.h"

bool qc_script_witness_program(qc_span s, unsigned *version, qc_span *program)
{
    if (s.len < 4 || s.len > 42 || (size_t)s.data[1] + 2 != s.len)
        return false;
    uint8_t op = s.data[0];
    if (op != QC_OP_0 && (op < QC_OP_1 || op > QC_OP_16))
        return false;
    *version = op == QC_OP_0 ? 0 : op - QC_OP_1 + 1u;
    *program = (qc_span){s.data + 2, s.len - 2};
    return true;
}

bool qc_script_last_push(qc_span s, qc_span *data)
{
    const uint8_t *pc = s.data, *end = s.data + s.len;
    uint8_t op;
    qc_span last = {NULL, 0};
    /* OP_RESERVED counts as a push here, as it does in Core; running it fails anyway. */
    while (pc < end) {
        if (!qc_op_read(&pc, end, &op, &last) || op > QC_OP_16)
            return false;
    }
    *data = last;
    return true;
}

bool qc_script_is_push_only(qc_span s)
{
    qc_span last;
    return qc_script_last_push(s, &last);
}

bool qc_script_is_unspendable(qc_span s)
{
    return (s.len > 0 && s.data[0] == QC_OP_RETURN) || s.len > QC_MAX_SCRIPT_SIZE;
}

bool qc_script_is_anchor(qc_span s)
{
    static const uint8_t ANCHOR[4] = {QC_OP_1, 2, 0x4e, 0x73};
    return s.len == sizeof ANCHOR && memcmp(s.data, ANCHOR, sizeof ANCHOR) == 0;
}

bool qc_push_is_minimal(uint8_t op, qc_span data)
{
    if (data.len == 0)
        return op == QC_OP_0;
    if (data.len == 1 && ((data.data[0] >= 1 && data.data[0] <= 16) || data.data[0] == 0x81))
        return false; /* OP_1 .. OP_16 and OP_1NEGATE exist */
    if (data.len < QC_OP_PUSHDATA1)
        return op == data.len;
    if (data.len <= 0xff)
        return op == QC_OP_PUSHDATA1;
    if (data.len <= 0xffff)
        return op == QC_OP_PUSHDATA2;
    return true;
}

size_t qc_push_header(size_t len, uint8_t out[static 5])
{
    if (len < QC_OP_PUSHDATA1) {
        out[0] = (uint8_t)len;
        return 1;
    }
    if (len <= 0xff) {
        out[0] = QC_OP_PUSHDATA1;
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len <= 0xffff) {
        out[0] = QC_OP_PUSHDATA2;
        qc_write_le16(out + 1, (uint16_t)len);
        return 3;
    }
    out[0] = QC_OP_PUSHDATA4;
    qc_write_le32(out + 1, (uint32_t)len);
    return 5;
}
