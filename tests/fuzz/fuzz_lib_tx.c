/* Any bytes as a transaction: every part handed out lies within them, and the parts add up. */
#include "tests/fuzz/fuzz.h"

#include "lib/tx.h"

static void inside(const uint8_t *data, size_t len, const uint8_t *p, size_t n)
{
    QC_ASSERT(n == 0 || (p >= data && p <= data + len && n <= (size_t)(data + len - p)));
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qn_tx_view tx;
    qn_tx_cursor in = {0}, out = {0};
    qn_tx_in i;
    qn_tx_out o;
    uint8_t id[32], wid[32];
    if (!qn_tx_read(data, len, &tx))
        return 0;
    QC_ASSERT(tx.len <= len && tx.len >= 10);
    size_t n = 0, parts = 0;
    for (; qn_tx_next_in(&tx, &in, &i); n++) {
        inside(data, tx.len, i.prev_txid, 32);
        inside(data, tx.len, i.script, i.script_len);
        inside(data, tx.len, i.witness, i.witness_len);
        parts += i.script_len + i.witness_len;
    }
    QC_ASSERT(n == tx.n_in);
    for (n = 0; qn_tx_next_out(&tx, &out, &o); n++) {
        inside(data, tx.len, o.script, o.script_len);
        parts += o.script_len;
    }
    QC_ASSERT(n == tx.n_out && parts < tx.len);
    qn_tx_id(&tx, id);
    qn_tx_witness_id(&tx, wid);
    QC_ASSERT((memcmp(id, wid, 32) != 0) == tx.has_witness);
    return 0;
}
