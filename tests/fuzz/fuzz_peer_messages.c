/* The decoders of what peers send. What was understood must be written back as it came, and no list
 * is longer than its bytes. The first byte chooses the message. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/net/message.h"
#include "core/net/permit.h"
#include "core/sync/internal.h"

static void try_inv(qc_span in)
{
    qc_inv *list;
    size_t n;
    qc_bytes back = QC_BYTES_INIT;
    if (qc_inv_read(in, &list, &n) == QC_WIRE_OK && n <= QC_INV_MAX) {
        QC_ASSERT(n * 36 < in.len);
        QC_ASSERT(!qc_inv_write(&back, list, n));
        QC_ASSERT(back.len <= in.len && memcmp(back.data, in.data, back.len) == 0);
    }
    qc_bytes_free(&back);
    qc_free(list);
}

static void try_locator(qc_span in)
{
    qc_locator l;
    if (qc_locator_read(in, &l) != QC_WIRE_OK)
        return;
    QC_ASSERT(l.n * sizeof(qc_hash) < in.len);
    if (l.n > QC_LOCATOR_MAX)
        return;
    size_t at = 4 + qc_compact_size(l.n);
    QC_ASSERT(memcmp(l.hash, in.data + at, l.n * sizeof(qc_hash)) == 0);
    QC_ASSERT(memcmp(&l.stop, in.data + at + l.n * sizeof(qc_hash), sizeof l.stop) == 0);
}

static void try_version(qc_span in)
{
    qc_version v, again;
    qc_bytes b = QC_BYTES_INIT;
    if (!qc_version_read(in, &v))
        return;
    for (const char *c = v.user_agent; *c; c++)
        QC_ASSERT(*c >= 32 && *c < 127);
    QC_ASSERT(!qc_version_write(&b, &v));
    QC_ASSERT(qc_version_read(qc_bytes_span(&b), &again));
    QC_ASSERT(again.version == v.version && again.nonce == v.nonce);
    qc_bytes_free(&b);
}

static void try_frame(qc_span in)
{
    static const uint8_t magic[4] = {0xfa, 0xbf, 0xb5, 0xda};
    qc_message m;
    qc_bytes b = QC_BYTES_INIT;
    if (qc_message_read(in, magic, &m) != QC_MSG_OK)
        return;
    QC_ASSERT(m.total <= in.len && m.payload.len + QC_MSG_HEADER == m.total);
    QC_ASSERT(!qc_message_write(&b, magic, m.name, m.payload));
    QC_ASSERT(b.len == m.total && memcmp(b.data, in.data, b.len) == 0);
    qc_bytes_free(&b);
}

static void try_permit(qc_span in)
{
    char text[200];
    qc_permit p;
    char why[QC_PERMIT_WHY];
    uint32_t flags;
    const char *address;
    size_t n = QC_MIN(in.len, sizeof text - 1);
    memcpy(text, in.data, n);
    text[n] = 0;
    if (!qc_permit_parse_bind(text, &flags, &address, why))
        QC_ASSERT(address >= text && address < text + n);
    if (qc_permit_parse(text, &p, why))
        return;
    QC_ASSERT(p.in || p.out);
    (void)qc_permit_of(&p, 1, "127.0.0.1:8333", true);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len == 0)
        return -1;
    qc_span in = {data + 1, len - 1};
    switch (data[0] % 5) {
    case 0:
        try_inv(in);
        break;
    case 1:
        try_locator(in);
        break;
    case 2:
        try_version(in);
        break;
    case 3:
        try_frame(in);
        break;
    case 4:
        try_permit(in);
        break;
    }
    return 0;
}
