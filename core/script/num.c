#include "core/script/num.h"

static bool is_minimal(const qc_item *it)
{
    if (it->len == 0 || (it->p[it->len - 1] & 0x7f) != 0)
        return true;
    /* A top byte of only a sign is needed when the byte below uses its own top bit. */
    return it->len > 1 && (it->p[it->len - 2] & 0x80) != 0;
}

qc_script_err qc_num_read(const qc_vm *v, const qc_item *it, size_t max, int64_t *out)
{
    if (it->len > max)
        return QC_SE_SCRIPTNUM;
    if ((v->flags & QC_SCRIPT_MINIMALDATA) && !is_minimal(it))
        return QC_SE_SCRIPTNUM;
    uint64_t n = 0;
    for (uint32_t i = 0; i < it->len; i++)
        n |= (uint64_t)it->p[i] << (8 * i);
    bool negative = it->len > 0 && (it->p[it->len - 1] & 0x80);
    if (negative)
        n &= ~((uint64_t)0x80 << (8 * (it->len - 1)));
    *out = negative ? -(int64_t)n : (int64_t)n;
    return QC_SE_OK;
}

size_t qc_num_write(int64_t n, uint8_t out[static 9])
{
    uint64_t abs = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    size_t len = 0;
    for (; abs; abs >>= 8)
        out[len++] = (uint8_t)abs;
    if (len == 0)
        return 0;
    uint8_t sign = (uint8_t)(n < 0 ? 0x80 : 0);
    if (out[len - 1] & 0x80)
        out[len++] = sign;
    else
        out[len - 1] = (uint8_t)(out[len - 1] | sign);
    return len;
}

void qc_push_num(qc_vm *v, int64_t n)
{
    qc_item *it = qc_push_slot(v);
    it->p = it->own;
    it->len = (uint32_t)qc_num_write(n, it->own);
}
