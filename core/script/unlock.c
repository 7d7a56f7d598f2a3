/* A transaction written anew with other scriptSigs and witnesses. */
#include "core/script/sighash_parts.h"
#include "core/script/sign.h"

void qc_unlock_clear(qc_unlock *u)
{
    qc_bytes_free(&u->script_sig);
    qc_bytes_free(&u->witness);
}

static qc_err write_input(const qc_tx *tx, uint32_t i, const qc_unlock *u, qc_bytes *out)
{
    uint8_t prevout[36];
    qc_put_prevout(&tx->in[i], prevout);
    qc_err err = qc_bytes_append(out, prevout, sizeof prevout);
    if (!err)
        err = qc_w_var(out, qc_bytes_span(&u->script_sig));
    return err ? err : qc_w_le32(out, tx->in[i].sequence);
}

static qc_err write_witnesses(const qc_tx *tx, const qc_unlock *u, qc_bytes *out)
{
    qc_err err = QC_OK;
    for (uint32_t i = 0; i < tx->rec->n_in && !err; i++)
        err = u[i].witness.len ? qc_bytes_append(out, u[i].witness.data, u[i].witness.len)
                               : qc_w_u8(out, 0);
    return err;
}

qc_err qc_tx_write_unlocked(const qc_tx *tx, const qc_unlock *u, qc_bytes *out)
{
    static const uint8_t MARKER[2] = {0, 1};
    bool witness = false;
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        witness |= u[i].witness.len > 0;
    qc_err err = qc_w_le32(out, tx->rec->version);
    if (!err && witness)
        err = qc_bytes_append(out, MARKER, sizeof MARKER);
    if (!err)
        err = qc_w_compact(out, tx->rec->n_in);
    for (uint32_t i = 0; i < tx->rec->n_in && !err; i++)
        err = write_input(tx, i, &u[i], out);
    if (!err)
        err = qc_w_compact(out, tx->rec->n_out);
    qc_span outs = qc_tx_output_bytes(tx, 0, tx->rec->n_out);
    if (!err && outs.len)
        err = qc_bytes_append(out, outs.data, outs.len);
    if (!err && witness)
        err = write_witnesses(tx, u, out);
    return err ? err : qc_w_le32(out, tx->rec->locktime);
}
