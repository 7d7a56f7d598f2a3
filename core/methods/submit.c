/* Blocks that come in by RPC. The verdict on a block is told by the chain's `checked` event, during
 * the call; the job that waits for it is found through qc_node.submitting, which only the chain
 * thread uses. */
#include "core/methods/submit.h"

#include "core/base/alloc.h"
#include "core/methods/hexarg.h"

typedef struct submit_job {
    qc_node *node;
    qc_block *b;
    qc_submit_result *res;
} submit_job;

static void on_checked(void *arg, const qc_hash *hash, const qc_verdict *v)
{
    const qc_node *n = arg;
    const submit_job *j = n->submitting;
    if (!j || !qc_hash_eq(hash, qc_block_hash(j->b)))
        return;
    j->res->checked = true;
    j->res->verdict = *v;
}

qc_chain_events qc_m_submit_events(qc_node *n)
{
    return (qc_chain_events){.arg = n, .checked = on_checked};
}

static void run_submit(qc_chain *c, void *arg)
{
    submit_job *j = arg;
    qc_verdict v = {.code = QC_V_OK};
    j->node->submitting = j;
    j->res->err = qc_chain_process_block(c, j->b, true, true, &j->res->is_new, &v);
    j->node->submitting = NULL;
    j->res->accepted = qc_verdict_ok(&v);
}

void qc_m_submit_here(qc_node *n, qc_chain *c, qc_block *b, qc_submit_result *out)
{
    *out = (qc_submit_result){.err = QC_OK};
    submit_job j = {n, b, out};
    run_submit(c, &j);
}

const char *qc_m_known_as(const qc_index *i)
{
    if (qc_index_valid(i, QC_BLOCK_VALID_SCRIPTS))
        return "duplicate";
    return i->status & (QC_BLOCK_FAILED_VALID | QC_BLOCK_FAILED_CHILD) ? "duplicate-invalid"
                                                                       : "duplicate-inconclusive";
}

void qc_m_submit(qc_node *n, qc_block *b, qc_submit_result *out)
{
    *out = (qc_submit_result){.err = QC_OK};
    submit_job j = {n, b, out};
    qc_chain_call(n->chain_thread, run_submit, &j);
}

/* Rebuild the block with the zero reserved value in its coinbase's witness. */
static qc_err add_reserved_value(const qc_block *b, qc_bytes *out)
{
    static const uint8_t marker[2] = {0, 1};
    static const uint8_t witness[34] = {1, 32};
    qc_tx cb = qc_block_tx(b, 0);
    qc_span raw = qc_block_bytes(b), tx = qc_tx_bytes(&cb);
    size_t before = (size_t)(tx.data - raw.data);
    qc_err err = qc_bytes_append(out, raw.data, before + 4);
    if (!err)
        err = qc_bytes_append(out, marker, sizeof marker);
    if (!err)
        err = qc_bytes_append(out, tx.data + 4, tx.len - 8);
    if (!err)
        err = qc_bytes_append(out, witness, sizeof witness);
    if (!err)
        err = qc_bytes_append(out, tx.data + tx.len - 4, raw.len - before - tx.len + 4);
    return err;
}

qc_block *qc_m_with_reserved_value(const qc_node *n, qc_block *b)
{
    const qc_index *prev = qc_chain_find(n->chain, &qc_block_header(b)->prev);
    if (!prev || qc_block_n_tx(b) == 0 || qc_witness_commitment_index(b) < 0 ||
        !qc_deployment_active(n->params, QC_DEP_SEGWIT, prev->height + 1))
        return b;
    qc_tx cb = qc_block_tx(b, 0);
    if (qc_tx_has_witness(&cb))
        return b;
    qc_bytes bytes = QC_BYTES_INIT;
    qc_block *fixed = NULL;
    if (!add_reserved_value(b, &bytes) &&
        qc_block_parse(qc_bytes_span(&bytes), &fixed) == QC_WIRE_OK) {
        qc_block_unref(b);
        b = fixed;
    }
    qc_bytes_free(&bytes);
    return b;
}

qc_block *qc_m_parse_block(const char *hex)
{
    qc_bytes bytes;
    size_t end;
    if (!qc_m_hex_decode(hex, &bytes))
        return NULL;
    qc_block *b = NULL;
    qc_wire_fail fail = qc_block_parse_at(qc_bytes_span(&bytes), &b, &end);
    qc_bytes_free(&bytes);
    return fail == QC_WIRE_OK ? b : NULL;
}

qc_block *qc_m_decode_block(const qc_node *n, const char *hex)
{
    qc_block *b = qc_m_parse_block(hex);
    return b ? qc_m_with_reserved_value(n, b) : NULL;
}

bool qc_m_decode_header(const char *hex, qc_header *out)
{
    qc_bytes bytes;
    if (!qc_m_hex_decode(hex, &bytes))
        return false;
    bool ok = bytes.len >= QC_HEADER_LEN;
    if (ok)
        qc_header_read(bytes.data, out);
    qc_bytes_free(&bytes);
    return ok;
}
