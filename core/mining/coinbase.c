#include "core/mining/coinbase.h"

#include "core/base/endian.h"
#include "core/btc/wire.h"
#include "core/consensus/check.h"
#include "core/crypto/sha256.h"

#define SEQUENCE_NONFINAL_MAX 0xfffffffeu /* so that the lock time is enforced */

/* Returns the length. */
static uint8_t height_script(uint32_t height, uint8_t out[static 6])
{
    if (height <= 16) {
        out[0] = (uint8_t)(height ? 0x50 + height : 0);
        return 1;
    }
    uint8_t n = 0;
    for (uint32_t v = height; v; v >>= 8)
        out[1 + n++] = (uint8_t)v;
    if (out[n] & 0x80) /* the top bit is a script number's sign */
        out[1 + n++] = 0;
    out[0] = n;
    return (uint8_t)(n + 1);
}

qc_err qc_mining_height_script(uint32_t height, qc_bytes *out)
{
    uint8_t buf[6];
    return qc_bytes_append(out, buf, height_script(height, buf));
}

/* The root hashed with the reserved value, which is zero (BIP141). */
static void write_commitment(const qc_hash *witness_root, uint8_t out[static 47])
{
    static const uint8_t head[] = {QC_COMMITMENT_SCRIPT_LEN, 0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
    uint8_t pair[64] = {0};
    memcpy(pair, witness_root->b, 32);
    memset(out, 0, 8);
    memcpy(out + 8, head, sizeof head);
    qc_sha256d(qc_span_of(pair, sizeof pair), out + 8 + sizeof head);
}

void qc_coinbase_fix(const qc_params *p, uint32_t height, qc_amount fees,
                     const qc_hash *witness_root, qc_coinbase *out)
{
    *out = (qc_coinbase){
        .version = 2,
        .sequence = SEQUENCE_NONFINAL_MAX,
        .locktime = height - 1,
        .reward = qc_subsidy(p, height) + fees,
        .n_outputs = 1,
        /* Before segwit is active, witness data in a block is invalid (unexpected-witness). */
        .has_witness = qc_deployment_active(p, QC_DEP_SEGWIT, height),
    };
    out->prefix_len = height_script(height, out->prefix);
    write_commitment(witness_root, out->outputs);
}

static qc_err write_input(const qc_coinbase *c, qc_span extra, qc_bytes *b)
{
    static const uint8_t head[37] = {1, [33] = 0xff, 0xff, 0xff, 0xff};
    static const uint8_t zero[1];
    if (c->locktime < 16 && extra.len == 0)
        extra = qc_span_of(zero, 1);
    qc_err err = qc_bytes_append(b, head, sizeof head);
    if (!err)
        err = qc_w_compact(b, c->prefix_len + extra.len);
    if (!err)
        err = qc_bytes_append(b, c->prefix, c->prefix_len);
    if (!err)
        err = qc_bytes_append(b, extra.data, extra.len);
    return err ? err : qc_w_le32(b, c->sequence);
}

static qc_err write_outputs(const qc_coinbase *c, qc_span script, qc_bytes *b)
{
    qc_err err = qc_w_compact(b, c->n_outputs + 1u);
    if (!err)
        err = qc_w_le64(b, (uint64_t)c->reward);
    if (!err)
        err = qc_w_var(b, script);
    return err ? err : qc_bytes_append(b, c->outputs, sizeof c->outputs);
}

qc_err qc_coinbase_write(const qc_coinbase *c, qc_span script, qc_span extra, qc_bytes *out)
{
    static const uint8_t marker[2] = {0, 1}, items[2] = {1, 32};
    qc_err err = qc_w_le32(out, c->version);
    if (!err && c->has_witness)
        err = qc_bytes_append(out, marker, sizeof marker);
    if (!err)
        err = write_input(c, extra, out);
    if (!err)
        err = write_outputs(c, script, out);
    if (!err && c->has_witness)
        err = qc_bytes_append(out, items, sizeof items);
    if (!err && c->has_witness)
        err = qc_bytes_append(out, c->witness, sizeof c->witness);
    return err ? err : qc_w_le32(out, c->locktime);
}
