#include "lib/scriptnum_impl.h"

void qn_script_put(qn_grow *out, const uint8_t *data, size_t len)
{
    if (len > 0xff) {
        qn_grow_byte(out, QN_OP_PUSHDATA2);
        qn_grow_byte(out, (uint8_t)len);
        qn_grow_byte(out, (uint8_t)(len >> 8));
    } else {
        if (len >= QN_OP_PUSHDATA1)
            qn_grow_byte(out, QN_OP_PUSHDATA1);
        qn_grow_byte(out, (uint8_t)len);
    }
    qn_grow_put(out, data, len);
}

void qn_script_put_number(qn_grow *out, uint64_t v)
{
    uint8_t b[8];
    size_t n = 0;
    if (v <= 16) {
        qn_grow_byte(out, v ? (uint8_t)(QN_OP_1 - 1 + v) : QN_OP_0);
        return;
    }
    for (; v; v >>= 8)
        b[n++] = (uint8_t)v;
    if (b[n - 1] & 0x80) /* the sign's bit */
        b[n++] = 0;
    qn_script_put(out, b, n);
}

bool qn_script_shortest_push(const qn_script_op *op)
{
    const size_t n = op->data_len;
    if (n == 0)
        return op->code == QN_OP_0;
    if (n == 1 && ((op->data[0] >= 1 && op->data[0] <= 16) || op->data[0] == 0x81))
        return false;
    if (n < QN_OP_PUSHDATA1)
        return op->code == n;
    return op->code == (n <= 0xff     ? QN_OP_PUSHDATA1
                        : n <= 0xffff ? QN_OP_PUSHDATA2
                                      : QN_OP_PUSHDATA4);
}

bool qn_script_get_number(const qn_script_op *op, int64_t *v)
{
    const size_t n = op->data_len;
    if (op->code == QN_OP_0 || (op->code >= QN_OP_1 && op->code <= QN_OP_16)) {
        *v = op->code == QN_OP_0 ? 0 : op->code - QN_OP_1 + 1;
        return true;
    }
    if (op->code > QN_OP_PUSHDATA4 || n == 0 || n > 4 || !qn_script_shortest_push(op))
        return false;
    const uint8_t top = op->data[n - 1];
    if ((top & 0x7f) == 0 && (n == 1 || !(op->data[n - 2] & 0x80)))
        return false; /* a byte more than needed */
    int64_t r = 0;
    for (size_t i = 0; i < n; i++)
        r |= (int64_t)(i + 1 == n ? top & 0x7f : op->data[i]) << 8 * i;
    *v = top & 0x80 ? -r : r;
    return true;
}
