#include "core/btc/sigops.h"

#include "core/base/endian.h"

enum {
    OP_PUSHDATA1 = 0x4c,
    OP_PUSHDATA2 = 0x4d,
    OP_PUSHDATA4 = 0x4e,
    OP_1 = 0x51,
    OP_16 = 0x60,
    OP_CHECKSIG = 0xac,
    OP_CHECKSIGVERIFY = 0xad,
    OP_CHECKMULTISIG = 0xae,
    OP_CHECKMULTISIGVERIFY = 0xaf,
    OP_INVALID = 0xff,
    MAX_PUBKEYS_PER_MULTISIG = 20
};

/* Step over the data that push opcode `op` announces. False: it does not fit. */
static bool skip_push(uint8_t op, const uint8_t **p, const uint8_t *end)
{
    size_t left = (size_t)(end - *p), head = 0, len = op;
    if (op >= OP_PUSHDATA1) {
        head = op == OP_PUSHDATA1 ? 1 : op == OP_PUSHDATA2 ? 2 : 4;
        if (left < head)
            return false;
        len = head == 1 ? **p : head == 2 ? qc_read_le16(*p) : qc_read_le32(*p);
    }
    if (left - head < len)
        return false;
    *p += head + len;
    return true;
}

uint32_t qc_sigops_count(qc_span script, bool accurate)
{
    uint32_t n = 0;
    uint8_t last = OP_INVALID;
    const uint8_t *p = script.data, *end = p + script.len;
    while (p < end) {
        uint8_t op = *p++;
        if (op <= OP_PUSHDATA4) {
            if (!skip_push(op, &p, end))
                break;
        } else if (op == OP_CHECKSIG || op == OP_CHECKSIGVERIFY) {
            n++;
        } else if (op == OP_CHECKMULTISIG || op == OP_CHECKMULTISIGVERIFY) {
            if (accurate && last >= OP_1 && last <= OP_16)
                n += last - OP_1 + 1u;
            else
                n += MAX_PUBKEYS_PER_MULTISIG;
        }
        last = op;
    }
    return n;
}
