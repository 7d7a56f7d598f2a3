/* core/btc/wire.h: Bitcoin's serialization. Sticky reader: after the first failure every read
 * yields zero; check once at the end. Thread: any, one at a time per reader or writer. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define QC_MAX_SIZE 0x02000000u /* Core serialize.h MAX_SIZE */

typedef enum qc_wire_fail {
    QC_WIRE_OK = 0,
    QC_WIRE_END,                 /* "end of data" */
    QC_WIRE_NON_CANONICAL,       /* "non-canonical ReadCompactSize()" */
    QC_WIRE_TOO_LARGE,           /* "ReadCompactSize(): size too large" */
    QC_WIRE_VARINT,              /* "ReadVarInt(): size too large" */
    QC_WIRE_SUPERFLUOUS_WITNESS, /* "Superfluous witness record" */
    QC_WIRE_UNKNOWN_TX_DATA,     /* "Unknown transaction optional data" */
    QC_WIRE_TRAILING,            /* bytes left over */
    QC_WIRE_LIMIT,               /* "CompactSize exceeds limit of type" */
    QC_WIRE_DIFFERENCE,          /* "differential value overflow" */
    QC_WIRE_INDEXES,             /* "indexes overflowed 16 bits" */
    QC_WIRE_NOMEM,
} qc_wire_fail;
/** Core's text for the failure. */
const char *qc_wire_text(qc_wire_fail f);

/** After a failure p stays where it was met and nothing is left to read. */
typedef struct qc_reader {
    const uint8_t *p, *end, *start;
    qc_wire_fail fail;
} qc_reader;

static inline qc_reader qc_reader_of(qc_span s)
{
    return (qc_reader){s.data, s.data + s.len, s.data, QC_WIRE_OK};
}
static inline size_t qc_reader_left(const qc_reader *r)
{
    return (size_t)(r->end - r->p);
}
uint8_t qc_r_u8(qc_reader *r);
uint16_t qc_r_le16(qc_reader *r);
uint32_t qc_r_le32(qc_reader *r);
uint64_t qc_r_le64(qc_reader *r);
void qc_r_hash(qc_reader *r, qc_hash *out);
/** Borrow `n` bytes; an empty span on failure. */
qc_span qc_r_span(qc_reader *r, size_t n);
/** Minimal CompactSize, <= QC_MAX_SIZE. */
uint64_t qc_r_compact(qc_reader *r);
/** Minimal CompactSize of any value: what is no length (the services of a peer). */
uint64_t qc_r_compact_any(qc_reader *r);
/** A count of records that each take at least `min_each` bytes: bounded by what remains. */
uint64_t qc_r_count(qc_reader *r, size_t min_each);
/** CompactSize length, then that many bytes. */
qc_span qc_r_var(qc_reader *r);
/** Core's VARINT (serialize.h), used in its databases and undo files. */
uint64_t qc_r_varint(qc_reader *r);

/* Writers append to owned bytes. They return QC_ENOMEM only. */
QC_MUST_CHECK qc_err qc_w_u8(qc_bytes *b, uint8_t v);
QC_MUST_CHECK qc_err qc_w_le32(qc_bytes *b, uint32_t v);
QC_MUST_CHECK qc_err qc_w_le64(qc_bytes *b, uint64_t v);
QC_MUST_CHECK qc_err qc_w_compact(qc_bytes *b, uint64_t v);
QC_MUST_CHECK qc_err qc_w_varint(qc_bytes *b, uint64_t v);
QC_MUST_CHECK qc_err qc_w_var(qc_bytes *b, qc_span s);
/** Bytes a CompactSize takes. */
size_t qc_compact_size(uint64_t v);
