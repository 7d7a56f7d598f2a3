#include "tests/vectors/testtx.h"

void testwit_add(testwit *w, qc_span item)
{
    put_compact(&w->items, item.len);
    w->last_off = w->items.len;
    put_span(&w->items, item);
    w->n++;
}

qc_span testwit_top(const testwit *w)
{
    return qc_span_of(w->items.data + w->last_off, w->items.len - w->last_off);
}

void testwit_clear(testwit *w)
{
    qc_bytes_free(&w->items);
    *w = (testwit){.n = 0};
}

void testtx_add_input(testtx *t, const uint8_t txid[static 32], uint32_t n, qc_span script_sig,
                      uint32_t sequence)
{
    put(&t->in, txid, 32);
    put_le32(&t->in, n);
    put_var(&t->in, script_sig);
    put_le32(&t->in, sequence);
    t->n_in++;
}

void testtx_add_output(testtx *t, int64_t value, qc_span script)
{
    put_le64(&t->out, (uint64_t)value);
    put_var(&t->out, script);
    t->n_out++;
}

qc_bytes testtx_bytes(const testtx *t, const testwit *witness)
{
    static const uint8_t MARKER[2] = {0, 1};
    bool any = false;
    for (size_t i = 0; witness && i < t->n_in; i++)
        any = any || witness[i].n > 0;
    qc_bytes b = QC_BYTES_INIT;
    put_le32(&b, t->version);
    if (any)
        put(&b, MARKER, sizeof MARKER);
    put_compact(&b, t->n_in);
    put_span(&b, qc_bytes_span(&t->in));
    put_compact(&b, t->n_out);
    put_span(&b, qc_bytes_span(&t->out));
    for (size_t i = 0; any && i < t->n_in; i++) {
        put_compact(&b, witness[i].n);
        put_span(&b, qc_bytes_span(&witness[i].items));
    }
    put_le32(&b, t->locktime);
    return b;
}

void testtx_clear(testtx *t)
{
    qc_bytes_free(&t->in);
    qc_bytes_free(&t->out);
    *t = (testtx){.version = 0};
}

void testtx_parse(qc_span raw, qc_txbuf *out)
{
    qc_wire_fail f = qc_tx_parse(raw, true, out);
    if (f)
        bad_vectors("a transaction does not parse: %s", qc_wire_text(f));
}

void testtx_with_input(const qc_tx *tx, uint32_t in, qc_span script_sig, const testwit *witness,
                       qc_txbuf *out)
{
    testtx t = {.version = tx->rec->version, .locktime = tx->rec->locktime};
    testwit *wit = calloc(tx->rec->n_in, sizeof *wit);
    if (!wit)
        bad_vectors("out of memory");
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        testtx_add_input(&t, tx->in[i].prev_txid, tx->in[i].prev_n,
                         i == in ? script_sig : qc_tx_script_sig(tx, i), tx->in[i].sequence);
    for (uint32_t i = 0; i < tx->rec->n_out; i++)
        testtx_add_output(&t, tx->out[i].value, qc_tx_script(tx, i));
    wit[in] = *witness;
    qc_bytes raw = testtx_bytes(&t, wit);
    testtx_parse(qc_bytes_span(&raw), out);
    qc_bytes_free(&raw);
    testtx_clear(&t);
    free(wit);
}
