/* core/script/pattern.h: walking a script, and the few templates that consensus knows.
 * Facts: Core script/script.cpp. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/endian.h"
#include "core/script/opcode.h"

#define QC_MAX_SCRIPT_SIZE 10000u
#define QC_MAX_SCRIPT_ELEMENT_SIZE 520u

/** Read the operation at *pc and step over it. Out: *op; *data is what it pushes (empty for an
 *  operation that pushes nothing or a constant), borrowed from the script.
 *  Returns false at the end, or when the operand is cut off; *pc then stands behind the opcode and
 *  any complete length field, as in Core's GetScriptOp(), which signature hashing depends on. */
static inline bool qc_op_read(const uint8_t **pc, const uint8_t *end, uint8_t *op, qc_span *data)
{
    const uint8_t *p = *pc;
    *op = QC_OP_INVALID;
    *data = (qc_span){NULL, 0};
    if (p >= end)
        return false;
    uint8_t code = *p++;
    if (code <= QC_OP_PUSHDATA4) {
        size_t left = (size_t)(end - p), width = 0, len = code;
        if (code >= QC_OP_PUSHDATA1) {
            width = (size_t)1 << (code - QC_OP_PUSHDATA1);
            if (left < width) {
                *pc = p;
                return false;
            }
            len = width == 1 ? *p : width == 2 ? qc_read_le16(p) : qc_read_le32(p);
            p += width;
            left -= width;
        }
        if (left < len) {
            *pc = p;
            return false;
        }
        *data = (qc_span){p, len};
        p += len;
    }
    *op = code;
    *pc = p;
    return true;
}

/** Exactly HASH160 <20 bytes> EQUAL (BIP16). */
static inline bool qc_script_is_p2sh(qc_span s)
{
    return s.len == 23 && s.data[0] == QC_OP_HASH160 && s.data[1] == 20 &&
           s.data[22] == QC_OP_EQUAL;
}

/** A version opcode and one direct push of 2 to 40 bytes (BIP141). Out: version 0..16, program. */
bool qc_script_witness_program(qc_span s, unsigned *version, qc_span *program);
/** Decodes to the end and holds no opcode above OP_16. */
bool qc_script_is_push_only(qc_span s);
/** What the last operation of a push-only script pushes (an empty span for OP_0 and the constants,
 *  as Core's P2SH sigop counting sees it). Returns false if it does not decode or is not push-only.
 */
bool qc_script_last_push(qc_span s, qc_span *data);
/** Can never be spent: starts with OP_RETURN or is over-long (CScript::IsUnspendable). */
bool qc_script_is_unspendable(qc_span s);
/** Pay-to-anchor: OP_1 <4e73>. */
bool qc_script_is_anchor(qc_span s);
/** Is `op` with `data` the shortest way to push `data`? (CheckMinimalPush; op <= OP_PUSHDATA4) */
bool qc_push_is_minimal(uint8_t op, qc_span data);
/** Write the header of a push of `len` bytes as CScript << does. Returns its size, <= 5. */
size_t qc_push_header(size_t len, uint8_t out[static 5]);
