/* core/base/bytes.h: borrowed and owned byte ranges. Thread: any, one at a time per object. */
#pragma once
#include "core/base/err.h"

#include <string.h>

/** Borrowed bytes. Who lends them, and until when, is said where one is handed out. */
typedef struct qc_span {
    const uint8_t *data;
    size_t len;
} qc_span;

static inline qc_span qc_span_of(const void *data, size_t len)
{
    return (qc_span){(const uint8_t *)data, len};
}
static inline qc_span qc_span_str(const char *s)
{
    return qc_span_of(s, strlen(s));
}
static inline bool qc_span_eq(qc_span a, qc_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/** Zero what was secret; a memset() that the compiler may not drop. */
static inline void qc_wipe(void *p, size_t len)
{
    memset(p, 0, len);
    __asm__ volatile("" : : "r"(p) : "memory");
}

/** Owned, growable bytes. Zero-initialised (QC_BYTES_INIT) is a valid empty value. */
typedef struct qc_bytes {
    uint8_t *data;
    size_t len, cap;
} qc_bytes;
#define QC_BYTES_INIT                                                                              \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

static inline qc_span qc_bytes_span(const qc_bytes *b)
{
    return (qc_span){b->data, b->len};
}
/** `len` uninitialised bytes. Returns: QC_OK; QC_ENOMEM (*b is then empty). */
QC_MUST_CHECK qc_err qc_bytes_alloc(qc_bytes *b, size_t len);
/** Make room for `more` bytes after len. Returns: QC_OK; QC_ENOMEM (b untouched). */
QC_MUST_CHECK qc_err qc_bytes_reserve(qc_bytes *b, size_t more);
/** Append. Returns: QC_OK; QC_ENOMEM (b untouched). */
QC_MUST_CHECK qc_err qc_bytes_append(qc_bytes *b, const void *data, size_t len);
/** Free and reset to empty. NULL is allowed. */
void qc_bytes_free(qc_bytes *b);
