/* Bytes as a block on regtest. What parses is covered by its records without a gap; sums and roots
 * are computed again; every rule runs on it, and its spent coins are attached. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/btc/sigops.h"
#include "core/consensus/check.h"

#define HEIGHT 1u

static uint32_t sigops_of(const qc_tx *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->rec->n_in; i++)
        n += qc_sigops_count(qc_tx_script_sig(t, i), false);
    for (uint32_t i = 0; i < t->rec->n_out; i++)
        n += qc_sigops_count(qc_tx_script(t, i), false);
    return n;
}

static void check_view(const qc_block *b)
{
    const qn_block_view *v = qc_block_view(b);
    uint32_t in = 0, out = 0, n = qc_block_n_tx(b);
    uint64_t at = QC_HEADER_LEN + qc_compact_size(n), stripped = at;
    qc_hash *id = qc_alloc((n + 1) * sizeof *id);
    for (uint32_t t = 0; t < n; t++) {
        qc_tx tx = qc_block_tx(b, t);
        QC_ASSERT(tx.rec->off == at && tx.rec->in0 == in && tx.rec->out0 == out);
        QC_ASSERT(qc_block_legacy_sigops(b, t) == sigops_of(&tx));
        at += tx.rec->len;
        stripped += tx.rec->stripped;
        in += tx.rec->n_in;
        out += tx.rec->n_out;
        memcpy(id[t].b, tx.rec->txid, sizeof id[t].b);
    }
    QC_ASSERT(at == v->raw.len && in == v->in.count && out == v->out.count);
    QC_ASSERT(stripped == qc_block_stripped_size(b));
    QC_ASSERT(qc_block_weight(b) == 3 * stripped + at);
    bool twins, said;
    qc_hash root = qc_merkle_root(id, n, &twins);
    QC_ASSERT(qc_hash_eq(&root, qc_block_merkle_root(b, &said)) && twins == said);
    qc_free(id);
}

static void check_rules(const qc_block *b)
{
    qc_params *p;
    qc_err err = qc_params_new(QC_CHAIN_REGTEST, NULL, &p);
    QC_ASSERT(!err);
    qc_verdict v = {0};
    /* Mutated blocks may be anything; a block that passes all checks is not mutated. */
    bool ok = qc_check_block(p, b, false, true, &v) &&
              qc_check_block_context(p, b, HEIGHT, 1700000000, &v);
    QC_ASSERT(ok == qc_verdict_ok(&v));
    qc_verdict m = {0};
    bool mutated = qc_block_is_mutated(b, true, &m);
    QC_ASSERT(mutated == !qc_verdict_ok(&m) && !(ok && mutated));
    if (v.code == QC_V_MUTATED)
        QC_ASSERT(mutated);
    qc_params_free(p);
    err = qc_params_new(QC_CHAIN_SIGNET, NULL, &p);
    QC_ASSERT(!err);
    if (qc_check_signet(p, b)) /* nobody here has the keys */
        QC_ASSERT(qc_hash_eq(qc_block_hash(b), &p->genesis_hash));
    qc_params_free(p);
}

static void check_spent(qc_block *b)
{
    static const uint8_t script[] = {1, 2, 3, 4, 5};
    uint32_t n = qc_block_view(b)->in.count;
    qc_spent *coin = qc_alloc((n + 1) * sizeof *coin);
    for (uint32_t i = 0; i < n; i++)
        coin[i] = (qc_spent){i * 1000, {script, i % sizeof script}, i, i % 2};
    qc_err err = qc_block_attach_spent(b, coin);
    QC_ASSERT(!err);
    const qn_block_view *v = qc_block_view(b);
    uint32_t first = v->tx.count ? qn_view_tx(v, 0)->n_in : 0;
    for (uint32_t i = first; i < n; i++) {
        const qn_spent_rec *s = qn_view_spent(v, i);
        QC_ASSERT(s->value == coin[i].value && s->script_len == coin[i].script.len);
        QC_ASSERT(memcmp(qn_view_spent_script(v, s), script, s->script_len) == 0);
    }
    qc_free(coin);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_block *b, *exact;
    size_t where;
    qc_wire_fail f = qc_block_parse_at((qc_span){data, len}, &b, &where);
    QC_ASSERT(where <= len && !f == !!b);
    qc_wire_fail g = qc_block_parse((qc_span){data, len}, &exact);
    QC_ASSERT(g == (f ? f : where == len ? QC_WIRE_OK : QC_WIRE_TRAILING));
    qc_block_unref(exact);
    if (f)
        return 0;
    check_view(b);
    check_rules(b);
    check_spent(b);
    qc_block_unref(b);
    return 0;
}
