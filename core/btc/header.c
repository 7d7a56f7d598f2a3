#include "core/btc/header.h"

#include "core/base/endian.h"
#include "core/crypto/sha256.h"

void qc_header_read(const uint8_t p[static QC_HEADER_LEN], qc_header *out)
{
    out->version = (int32_t)qc_read_le32(p);
    memcpy(out->prev.b, p + 4, 32);
    memcpy(out->merkle_root.b, p + 36, 32);
    out->time = qc_read_le32(p + 68);
    out->bits = qc_read_le32(p + 72);
    out->nonce = qc_read_le32(p + 76);
}

void qc_header_write(const qc_header *h, uint8_t p[static QC_HEADER_LEN])
{
    qc_write_le32(p, (uint32_t)h->version);
    memcpy(p + 4, h->prev.b, 32);
    memcpy(p + 36, h->merkle_root.b, 32);
    qc_write_le32(p + 68, h->time);
    qc_write_le32(p + 72, h->bits);
    qc_write_le32(p + 76, h->nonce);
}

void qc_header_hash(const qc_header *h, qc_hash *out)
{
    uint8_t p[QC_HEADER_LEN];
    qc_header_write(h, p);
    qc_sha256d(qc_span_of(p, sizeof p), out->b);
}
