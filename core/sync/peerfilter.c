#include "core/sync/peerfilter.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/net/bloom.h"
#include "core/script/pattern.h"

/* Flags. */
#define UPDATE_MASK 3u
#define UPDATE_ALL 1u
#define UPDATE_KEYS                                                                                \
    2u /* outputs that pay to bare keys: no other push would tell who spends them                  \
        */

qc_wire_fail qc_peer_filter_read(qc_span payload, qc_peer_filter **out, bool *too_large)
{
    qc_reader r = qc_reader_of(payload);
    qc_span bits = qc_r_var(&r);
    uint32_t functions = qc_r_le32(&r), tweak = qc_r_le32(&r);
    uint8_t flags = qc_r_u8(&r);
    *too_large = false;
    if (r.fail)
        return r.fail;
    *too_large = bits.len > QC_FILTER_BYTES_MAX || functions > QC_FILTER_FUNCTIONS_MAX;
    if (*too_large)
        return QC_WIRE_OK;
    qc_peer_filter *f = qc_alloc(sizeof *f);
    *f = (qc_peer_filter){QC_BYTES_INIT, functions, tweak, flags};
    if (qc_bytes_append(&f->bits, bits.data, bits.len)) {
        qc_free(f);
        return QC_WIRE_NOMEM;
    }
    *out = f;
    return QC_WIRE_OK;
}

void qc_peer_filter_free(qc_peer_filter *f)
{
    if (f)
        qc_bytes_free(&f->bits);
    qc_free(f);
}

static uint32_t position(const qc_peer_filter *f, uint32_t n, qc_span element)
{
    return qc_murmur3(n * 0xfba4c795u + f->tweak, element) % (uint32_t)(8 * f->bits.len);
}

void qc_peer_filter_add(qc_peer_filter *f, qc_span element)
{
    for (uint32_t n = 0; f->bits.len && n < f->functions; n++) {
        uint32_t at = position(f, n, element);
        f->bits.data[at / 8] |= (uint8_t)(1u << at % 8);
    }
}

bool qc_peer_filter_has(const qc_peer_filter *f, qc_span element)
{
    for (uint32_t n = 0; f->bits.len && n < f->functions; n++) {
        uint32_t at = position(f, n, element);
        if (!(f->bits.data[at / 8] >> at % 8 & 1))
            return false;
    }
    return true;
}

static bool has_push(const qc_peer_filter *f, qc_span script)
{
    const uint8_t *p = script.data, *end = p + script.len;
    uint8_t op;
    qc_span data;
    while (script.len && qc_op_read(&p, end, &op, &data))
        if (data.len && qc_peer_filter_has(f, data))
            return true;
    return false;
}

static bool is_key(qc_span data)
{
    return (data.len == 33 && (data.data[0] == 2 || data.data[0] == 3)) ||
           (data.len == 65 && (data.data[0] == 4 || data.data[0] == 6 || data.data[0] == 7));
}

/* "key CHECKSIG", or "m key ... n CHECKMULTISIG". */
static bool pays_keys(qc_span script)
{
    const uint8_t *p = script.data, *end = p + script.len;
    uint8_t op, first;
    qc_span data;
    unsigned keys = 0;
    if (!script.len || !qc_op_read(&p, end, &first, &data))
        return false;
    if (is_key(data))
        return p + 1 == end && *p == QC_OP_CHECKSIG;
    while (qc_op_read(&p, end, &op, &data) && is_key(data))
        keys++;
    return first >= QC_OP_1 && first <= QC_OP_16 && op >= first && op <= QC_OP_16 &&
           op - QC_OP_1 + 1u == keys && p + 1 == end && *p == QC_OP_CHECKMULTISIG;
}

static void outpoint(const uint8_t txid[static 32], uint32_t n, uint8_t out[static 36])
{
    memcpy(out, txid, 32);
    qc_write_le32(out + 32, n);
}

bool qc_peer_filter_match(qc_peer_filter *f, const qc_tx *tx)
{
    uint8_t point[36];
    if (f->bits.len == 0)
        return true;
    bool found = qc_peer_filter_has(f, qc_span_of(tx->rec->txid, 32));
    for (uint32_t o = 0; o < tx->rec->n_out; o++) {
        qc_span script = qc_tx_script(tx, o);
        if (!has_push(f, script))
            continue;
        found = true;
        if ((f->flags & UPDATE_MASK) == UPDATE_ALL ||
            ((f->flags & UPDATE_MASK) == UPDATE_KEYS && pays_keys(script))) {
            outpoint(tx->rec->txid, o, point);
            qc_peer_filter_add(f, qc_span_of(point, sizeof point));
        }
    }
    for (uint32_t i = 0; !found && i < tx->rec->n_in; i++) {
        qc_outpoint spent = qc_tx_prevout(tx, i);
        outpoint(spent.txid.b, spent.n, point);
        found = qc_peer_filter_has(f, qc_span_of(point, sizeof point)) ||
                has_push(f, qc_tx_script_sig(tx, i));
    }
    return found;
}
