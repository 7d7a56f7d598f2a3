#include "core/crypto/hashes.h"
#include "core/script/ops.h"

qc_script_err qc_op_hash(qc_vm *v, uint8_t op)
{
    QC_NEED(v, 1);
    qc_item *it = qc_top(v, 1);
    qc_span data = qc_item_span(it);
    uint8_t digest[32];
    uint32_t len = 20;
    switch (op) {
    case QC_OP_RIPEMD160:
        qc_ripemd160(data, digest);
        break;
    case QC_OP_SHA1:
        qc_sha1(data, digest);
        break;
    case QC_OP_HASH160:
        qc_hash160(data, digest);
        break;
    case QC_OP_SHA256:
        qc_sha256(data, digest);
        len = 32;
        break;
    default: /* HASH256 */
        qc_sha256d(data, digest);
        len = 32;
        break;
    }
    memcpy(it->own, digest, len);
    it->p = it->own;
    it->len = len;
    return QC_SE_OK;
}
