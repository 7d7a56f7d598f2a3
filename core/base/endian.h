/* core/base/endian.h: unaligned fixed-width integers in a named byte order. Thread: any. */
#pragma once
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define QC_LE16(x) (x)
#define QC_LE32(x) (x)
#define QC_LE64(x) (x)
#define QC_BE16(x) __builtin_bswap16(x)
#define QC_BE32(x) __builtin_bswap32(x)
#define QC_BE64(x) __builtin_bswap64(x)
#else
#define QC_LE16(x) __builtin_bswap16(x)
#define QC_LE32(x) __builtin_bswap32(x)
#define QC_LE64(x) __builtin_bswap64(x)
#define QC_BE16(x) (x)
#define QC_BE32(x) (x)
#define QC_BE64(x) (x)
#endif

#define QC_ENDIAN_PAIR(name, type, conv)                                                           \
    static inline type qc_read_##name(const void *p)                                               \
    {                                                                                              \
        type v;                                                                                    \
        memcpy(&v, p, sizeof v);                                                                   \
        return (type)conv(v);                                                                      \
    }                                                                                              \
    static inline void qc_write_##name(void *p, type v)                                            \
    {                                                                                              \
        v = (type)conv(v);                                                                         \
        memcpy(p, &v, sizeof v);                                                                   \
    }
QC_ENDIAN_PAIR(le16, uint16_t, QC_LE16)
QC_ENDIAN_PAIR(le32, uint32_t, QC_LE32)
QC_ENDIAN_PAIR(le64, uint64_t, QC_LE64)
QC_ENDIAN_PAIR(be16, uint16_t, QC_BE16)
QC_ENDIAN_PAIR(be32, uint32_t, QC_BE32)
QC_ENDIAN_PAIR(be64, uint64_t, QC_BE64)
#undef QC_ENDIAN_PAIR
