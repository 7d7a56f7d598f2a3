#include "core/base/bytes.h"

#include "core/base/alloc.h"

qc_err qc_bytes_alloc(qc_bytes *b, size_t len)
{
    *b = (qc_bytes)QC_BYTES_INIT;
    uint8_t *p = qc_try_malloc(len);
    if (!p)
        return QC_ENOMEM;
    *b = (qc_bytes){p, len, len};
    return QC_OK;
}

qc_err qc_bytes_reserve(qc_bytes *b, size_t more)
{
    if (b->cap - b->len >= more)
        return QC_OK;
    size_t want;
    if (__builtin_add_overflow(b->len, more, &want) || want > SIZE_MAX / 2)
        return QC_ENOMEM;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < want)
        cap *= 2;
    uint8_t *p = qc_try_realloc(b->data, cap);
    if (!p)
        return QC_ENOMEM;
    b->data = p;
    b->cap = cap;
    return QC_OK;
}

qc_err qc_bytes_append(qc_bytes *b, const void *data, size_t len)
{
    qc_err err = qc_bytes_reserve(b, len);
    if (err)
        return err;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return QC_OK;
}

void qc_bytes_free(qc_bytes *b)
{
    if (!b)
        return;
    qc_free(b->data);
    *b = (qc_bytes)QC_BYTES_INIT;
}
