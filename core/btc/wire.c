#include "core/btc/wire.h"

#include "core/base/endian.h"

#define VARINT_MAX_LEN 10 /* a 64-bit value in groups of seven bits */

const char *qc_wire_text(qc_wire_fail f)
{
    switch (f) {
    case QC_WIRE_OK:
        return "no error";
    case QC_WIRE_END:
        return "end of data";
    case QC_WIRE_NON_CANONICAL:
        return "non-canonical ReadCompactSize()";
    case QC_WIRE_TOO_LARGE:
        return "ReadCompactSize(): size too large";
    case QC_WIRE_VARINT:
        return "ReadVarInt(): size too large";
    case QC_WIRE_SUPERFLUOUS_WITNESS:
        return "Superfluous witness record";
    case QC_WIRE_UNKNOWN_TX_DATA:
        return "Unknown transaction optional data";
    case QC_WIRE_TRAILING:
        return "data left over";
    case QC_WIRE_LIMIT:
        return "CompactSize exceeds limit of type";
    case QC_WIRE_DIFFERENCE:
        return "differential value overflow";
    case QC_WIRE_INDEXES:
        return "indexes overflowed 16 bits";
    case QC_WIRE_NOMEM:
        return "out of memory";
    }
    return "unknown";
}

/* Sticky: the first failure stays and nothing can be read any more. */
static uint64_t fail(qc_reader *r, qc_wire_fail f)
{
    if (!r->fail)
        r->fail = f;
    r->end = r->p;
    return 0;
}

static const uint8_t *take(qc_reader *r, size_t n)
{
    if (n > (size_t)(r->end - r->p)) {
        (void)fail(r, QC_WIRE_END);
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}

uint8_t qc_r_u8(qc_reader *r)
{
    const uint8_t *p = take(r, 1);
    return p ? *p : 0;
}

uint16_t qc_r_le16(qc_reader *r)
{
    const uint8_t *p = take(r, 2);
    return p ? qc_read_le16(p) : 0;
}

uint32_t qc_r_le32(qc_reader *r)
{
    const uint8_t *p = take(r, 4);
    return p ? qc_read_le32(p) : 0;
}

uint64_t qc_r_le64(qc_reader *r)
{
    const uint8_t *p = take(r, 8);
    return p ? qc_read_le64(p) : 0;
}

void qc_r_hash(qc_reader *r, qc_hash *out)
{
    const uint8_t *p = take(r, sizeof out->b);
    if (p)
        memcpy(out->b, p, sizeof out->b);
    else
        memset(out->b, 0, sizeof out->b);
}

qc_span qc_r_span(qc_reader *r, size_t n)
{
    const uint8_t *p = take(r, n);
    return p ? (qc_span){p, n} : (qc_span){r->p, 0};
}

uint64_t qc_r_compact_any(qc_reader *r)
{
    uint64_t v = qc_r_u8(r), least = 0;
    if (v == 253) {
        v = qc_r_le16(r);
        least = 253;
    } else if (v == 254) {
        v = qc_r_le32(r);
        least = 0x10000;
    } else if (v == 255) {
        v = qc_r_le64(r);
        least = 0x100000000;
    }
    if (r->fail)
        return 0;
    if (v < least)
        return fail(r, QC_WIRE_NON_CANONICAL);
    return v;
}

uint64_t qc_r_compact(qc_reader *r)
{
    uint64_t v = qc_r_compact_any(r);
    if (v > QC_MAX_SIZE)
        return fail(r, QC_WIRE_TOO_LARGE);
    return v;
}

uint64_t qc_r_count(qc_reader *r, size_t min_each)
{
    uint64_t n = qc_r_compact(r);
    if (n > qc_reader_left(r) / min_each)
        return fail(r, QC_WIRE_END);
    return n;
}

qc_span qc_r_var(qc_reader *r)
{
    return qc_r_span(r, (size_t)qc_r_compact(r));
}

uint64_t qc_r_varint(qc_reader *r)
{
    /* Each continuation adds one, so that every value has exactly one encoding. */
    for (uint64_t v = 0;;) {
        uint8_t c = qc_r_u8(r);
        if (r->fail)
            return 0;
        if (v > UINT64_MAX >> 7)
            return fail(r, QC_WIRE_VARINT);
        v = v << 7 | (c & 0x7f);
        if (!(c & 0x80))
            return v;
        if (v == UINT64_MAX)
            return fail(r, QC_WIRE_VARINT);
        v++;
    }
}

qc_err qc_w_u8(qc_bytes *b, uint8_t v)
{
    return qc_bytes_append(b, &v, 1);
}

qc_err qc_w_le32(qc_bytes *b, uint32_t v)
{
    uint8_t p[4];
    qc_write_le32(p, v);
    return qc_bytes_append(b, p, sizeof p);
}

qc_err qc_w_le64(qc_bytes *b, uint64_t v)
{
    uint8_t p[8];
    qc_write_le64(p, v);
    return qc_bytes_append(b, p, sizeof p);
}

qc_err qc_w_compact(qc_bytes *b, uint64_t v)
{
    uint8_t p[9];
    size_t n = qc_compact_size(v);
    if (n == 1) {
        p[0] = (uint8_t)v;
    } else if (n == 3) {
        p[0] = 253;
        qc_write_le16(p + 1, (uint16_t)v);
    } else if (n == 5) {
        p[0] = 254;
        qc_write_le32(p + 1, (uint32_t)v);
    } else {
        p[0] = 255;
        qc_write_le64(p + 1, v);
    }
    return qc_bytes_append(b, p, n);
}

qc_err qc_w_varint(qc_bytes *b, uint64_t v)
{
    uint8_t p[VARINT_MAX_LEN];
    size_t at = sizeof p;
    p[--at] = v & 0x7f;
    while (v > 0x7f) {
        v = (v >> 7) - 1;
        p[--at] = (uint8_t)((v & 0x7f) | 0x80);
    }
    return qc_bytes_append(b, p + at, sizeof p - at);
}

qc_err qc_w_var(qc_bytes *b, qc_span s)
{
    qc_err err = qc_bytes_reserve(b, qc_compact_size(s.len) + s.len);
    if (!err)
        err = qc_w_compact(b, s.len);
    if (!err)
        err = qc_bytes_append(b, s.data, s.len);
    return err;
}

size_t qc_compact_size(uint64_t v)
{
    return v < 253 ? 1 : v <= 0xffff ? 3 : v <= 0xffffffff ? 5 : 9;
}
