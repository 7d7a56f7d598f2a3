/* Bytes as a transaction. The first byte says whether witness data is allowed. What parses is made
 * again from its parsed fields and must give the same bytes; the rules must not depend on how the
 * duplicate check looks for them. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/consensus/check.h"
#include "core/crypto/sha256.h"
#include "tests/unit/builder.h"

#define MAX_PAIRS 300 /* inputs that are compared each with each */

static tb_tx *rebuild(const qc_tx *t)
{
    tb_tx *tx = tb_tx_new();
    tx->version = t->rec->version;
    tx->locktime = t->rec->locktime;
    for (uint32_t i = 0; i < t->rec->n_in; i++) {
        qc_outpoint o = qc_tx_prevout(t, i);
        tb_tx_in(tx, &o.txid, o.n, qc_tx_script_sig(t, i), t->in[i].sequence);
        qc_reader r = qc_reader_of(qc_tx_witness(t, i));
        uint64_t n = r.p < r.end ? qc_r_compact(&r) : 0;
        for (uint64_t k = 0; k < n; k++)
            tb_tx_witness(tx, i, qc_r_var(&r));
        QC_ASSERT(!r.fail && qc_reader_left(&r) == 0);
    }
    for (uint32_t i = 0; i < t->rec->n_out; i++)
        tb_tx_out(tx, t->out[i].value, qc_tx_script(t, i));
    return tx;
}

static void check_same(const qc_tx *t)
{
    tb_tx *tx = rebuild(t);
    qc_hash id = tb_txid(tx);
    qc_bytes full = tb_tx_bytes(tx, true), bare = tb_tx_bytes(tx, false), stripped = {0};
    QC_ASSERT(qc_span_eq(qc_bytes_span(&full), qc_tx_bytes(t)));
    QC_ASSERT(memcmp(id.b, t->rec->txid, sizeof id.b) == 0);
    qc_sha256d(qc_bytes_span(&full), id.b);
    QC_ASSERT(memcmp(id.b, t->rec->wtxid, sizeof id.b) == 0);
    qc_err err = qc_tx_write_stripped(t, &stripped);
    QC_ASSERT(!err && qc_span_eq(qc_bytes_span(&stripped), qc_bytes_span(&bare)));
    QC_ASSERT(t->rec->stripped == bare.len && t->rec->weight == 3 * bare.len + full.len);
    QC_ASSERT(qc_tx_has_witness(t) == tb_tx_has_witness(tx));
    qc_bytes_free(&full);
    qc_bytes_free(&bare);
    qc_bytes_free(&stripped);
    tb_tx_free(tx);
}

static bool has_twins(const qc_tx *t)
{
    for (uint32_t i = 0; i < t->rec->n_in; i++)
        for (uint32_t k = 0; k < i; k++) {
            qc_outpoint a = qc_tx_prevout(t, i), b = qc_tx_prevout(t, k);
            if (a.n == b.n && qc_hash_eq(&a.txid, &b.txid))
                return true;
        }
    return false;
}

static void check_rules(const qc_tx *t)
{
    qc_verdict v = {0};
    bool ok = qc_check_tx(t, &v);
    QC_ASSERT(ok == qc_verdict_ok(&v) && ok == !v.reason[0]);
    if (t->rec->n_in < MAX_PAIRS) {
        bool said = strcmp(v.reason, "bad-txns-inputs-duplicate") == 0;
        bool later = ok || strcmp(v.reason, "bad-cb-length") == 0 ||
                     strcmp(v.reason, "bad-txns-prevout-null") == 0;
        QC_ASSERT(said || later ? said == has_twins(t) : true);
    }
    (void)qc_tx_is_final(t, 500000, 1700000000);
    if (ok)
        QC_ASSERT(qc_money_range(qc_tx_value_out(t)));
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_txbuf t;
    if (len == 0)
        return -1;
    qc_span s = {data + 1, len - 1};
    bool witness = data[0] & 1;
    if (qc_tx_parse(s, witness, &t)) {
        QC_ASSERT(!t.mem);
        return 0;
    }
    check_same(&t.tx);
    check_rules(&t.tx);
    if (!witness) /* then no reader may see a witness in it */
        QC_ASSERT(!qc_tx_has_witness(&t.tx));
    qc_txbuf_clear(&t);
    return 0;
}
