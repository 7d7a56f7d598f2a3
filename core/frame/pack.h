/* core/frame/pack.h: writing and reading payloads. The reader is sticky: after the first failure
 * every read yields zero, and qc_unpack_end() tells. Thread: any, one at a time. */
#pragma once
#include "core/base/alloc.h"
#include "core/base/bytes.h"
#include "core/base/endian.h"

/** A payload being written. Running out of memory is sticky too: ok is then false. */
typedef struct qc_pack {
    qc_bytes out;
    bool failed;
} qc_pack;
#define QC_PACK_INIT                                                                               \
    {                                                                                              \
        QC_BYTES_INIT, false                                                                       \
    }

static inline void qc_pack_raw(qc_pack *p, const void *data, size_t len)
{
    if (len && (p->failed || qc_bytes_append(&p->out, data, len)))
        p->failed = true;
}
static inline void qc_pack_u8(qc_pack *p, uint8_t v)
{
    qc_pack_raw(p, &v, 1);
}
static inline void qc_pack_u32(qc_pack *p, uint32_t v)
{
    uint8_t b[4];
    qc_write_le32(b, v);
    qc_pack_raw(p, b, sizeof b);
}
static inline void qc_pack_u64(qc_pack *p, uint64_t v)
{
    uint8_t b[8];
    qc_write_le64(b, v);
    qc_pack_raw(p, b, sizeof b);
}
/** Length and bytes. */
static inline void qc_pack_bytes(qc_pack *p, const void *data, size_t len)
{
    qc_pack_u64(p, len);
    qc_pack_raw(p, data, len);
}
/** A string, NULL allowed: one more than its length, or 0. */
static inline void qc_pack_str(qc_pack *p, const char *s)
{
    size_t n = s ? strlen(s) : 0;
    qc_pack_u64(p, s ? n + 1 : 0);
    qc_pack_raw(p, s, n);
}
static inline void qc_pack_clear(qc_pack *p)
{
    qc_bytes_free(&p->out);
}

/** A payload being read. */
typedef struct qc_unpack {
    qc_span left;
    bool failed;
    bool no_memory; /* it failed for want of ours, not for what was sent */
} qc_unpack;

static inline qc_unpack qc_unpack_of(qc_span payload)
{
    return (qc_unpack){payload, false, false};
}
/** What was read had no room here. */
static inline void qc_unpack_no_memory(qc_unpack *u)
{
    u->no_memory |= !u->failed;
    u->failed = true;
}
/** `len` bytes in place, or NULL. */
static inline const uint8_t *qc_unpack_raw(qc_unpack *u, uint64_t len)
{
    if (u->failed || len > u->left.len) {
        u->failed = true;
        return NULL;
    }
    const uint8_t *at = u->left.data;
    if (len) {
        u->left.data += len;
        u->left.len -= (size_t)len;
    }
    return at;
}
static inline uint8_t qc_unpack_u8(qc_unpack *u)
{
    const uint8_t *p = qc_unpack_raw(u, 1);
    return p ? *p : 0;
}
static inline uint32_t qc_unpack_u32(qc_unpack *u)
{
    const uint8_t *p = qc_unpack_raw(u, 4);
    return p ? qc_read_le32(p) : 0;
}
static inline uint64_t qc_unpack_u64(qc_unpack *u)
{
    const uint8_t *p = qc_unpack_raw(u, 8);
    return p ? qc_read_le64(p) : 0;
}
/** Length and bytes, in place. */
static inline qc_span qc_unpack_bytes(qc_unpack *u)
{
    uint64_t n = qc_unpack_u64(u);
    const uint8_t *p = qc_unpack_raw(u, n);
    return p ? qc_span_of(p, (size_t)n) : qc_span_of("", 0);
}
/** A copy of `len` bytes; zeros when they are not there. */
static inline void qc_unpack_copy(qc_unpack *u, void *out, size_t len)
{
    const uint8_t *p = qc_unpack_raw(u, len);
    if (p)
        memcpy(out, p, len);
    else
        memset(out, 0, len);
}
/** A string as a copy with its NUL, or NULL when NULL was sent. One with a NUL inside is refused.
 *  Owned: qc_free(). */
static inline char *qc_unpack_str(qc_unpack *u)
{
    uint64_t n = qc_unpack_u64(u);
    if (n == 0)
        return NULL;
    const uint8_t *p = qc_unpack_raw(u, n - 1);
    u->failed |= p && n > 1 && memchr(p, 0, (size_t)n - 1);
    char *s = u->failed ? NULL : qc_try_malloc((size_t)n);
    if (!s) {
        qc_unpack_no_memory(u);
        return NULL;
    }
    if (n > 1)
        memcpy(s, p, (size_t)n - 1);
    s[n - 1] = 0;
    return s;
}
/** True when everything was there and nothing is left over. */
static inline bool qc_unpack_end(const qc_unpack *u)
{
    return !u->failed && u->left.len == 0;
}
