#include "tests/unit/builder_sign.h"
#include "core/script/verify.h"
#include "tests/unit/harness.h"

static void test_chain_grow__headers_pass_every_rule(void **state)
{
    (void)state;
    tb_chain *c = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    qc_bytes raw = QC_BYTES_INIT;
    tb_chain_grow(c, 30, &raw);
    assert_int_equal(c->tip, 30);
    qc_ancestors a = tb_chain_ancestors(c);
    size_t at = 0;
    for (uint32_t h = 1; h <= c->tip; h++) {
        qc_verdict v = {0};
        qc_block *b;
        size_t used;
        assert_int_equal(qc_block_parse_at(qc_span_of(raw.data + at, raw.len - at), &b, &used),
                         QC_WIRE_OK);
        at += used;
        assert_true(qc_check_block(c->params, b, true, true, &v));
        assert_true(
            qc_check_header_context(c->params, qc_block_header(b), h, &a, c->header[h].time, &v));
        assert_true(qc_check_block_context(c->params, b, h, tb_chain_mtp(c, h - 1), &v));
        qc_block_unref(b);
    }
    assert_int_equal(at, raw.len);
    qc_bytes_free(&raw);
    tb_chain_free(c);
}

static void test_sign__every_kind_verifies(void **state)
{
    (void)state;
    const uint32_t flags = QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_TAPROOT |
                           QC_SCRIPT_DERSIG | QC_SCRIPT_NULLDUMMY;
    tb_tx *tx = tb_tx_new();
    qc_spent spent[TB_KINDS];
    qc_bytes script[TB_KINDS];
    for (int i = 0; i < TB_KINDS; i++) {
        tb_key k = tb_key_at((uint32_t)i);
        script[i] = tb_script((tb_kind)i, &k);
        spent[i] = (qc_spent){.value = 1000 + i, .script = qc_bytes_span(&script[i])};
        tb_tx_in(tx, &(qc_hash){{7}}, (uint32_t)i, (qc_span){NULL, 0}, TB_FINAL);
    }
    tb_tx_out(tx, 500, qc_span_str("\x51"));
    for (int i = 0; i < TB_KINDS; i++) {
        tb_key k = tb_key_at((uint32_t)i);
        tb_sign(tx, (size_t)i, (tb_kind)i, &k, spent);
    }
    for (int bad = 0; bad < 2; bad++) {
        qc_txbuf t;
        qc_sighash_cache hashes;
        tx->out[0].value += bad; /* then no signature fits any more */
        tb_tx_parse(tx, &t);
        qc_sighash_cache_init(&hashes, &t.tx, spent);
        for (uint32_t i = 0; i < TB_KINDS; i++) {
            qc_script_check check = {
                .tx = &t.tx, .in = i, .spent = spent, .hashes = &hashes, .flags = flags};
            assert_int_equal(qc_script_verify_input(&check) == QC_SE_OK, !bad);
        }
        qc_txbuf_clear(&t);
    }
    for (int i = 0; i < TB_KINDS; i++)
        qc_bytes_free(&script[i]);
    tb_tx_free(tx);
}

static void test_block_finish__commits_to_witness_data(void **state)
{
    (void)state;
    tb_chain *c = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    tb_block *b = tb_chain_next(c, 0);
    tb_tx *tx = tb_block_add(b, tb_tx_new());
    tb_tx_in(tx, &(qc_hash){{7}}, 0, (qc_span){NULL, 0}, TB_FINAL);
    tb_tx_out(tx, 500, qc_span_str("\x51"));
    tb_tx_witness(tx, 0, qc_span_str("abc"));
    tb_block_finish(b, c->params);
    tb_block_finish(b, c->params); /* again: the commitment is renewed, not added */
    qc_verdict v = {0};
    qc_block *p = tb_block_parse(b);
    assert_true(qc_check_block(c->params, p, true, true, &v));
    assert_true(qc_check_block_context(c->params, p, 1, c->header[0].time, &v));
    assert_int_equal(qc_witness_commitment_index(p), 1);
    qc_block_unref(p);
    tb_block *copy = tb_block_copy(b);
    qc_hash h = tb_block_hash(b), again = tb_block_hash(copy);
    assert_true(qc_hash_eq(&h, &again));
    tb_block_free(copy);
    tb_block_free(b);
    tb_chain_free(c);
}

QC_TEST_MAIN(cmocka_unit_test(test_chain_grow__headers_pass_every_rule),
             cmocka_unit_test(test_sign__every_kind_verifies),
             cmocka_unit_test(test_block_finish__commits_to_witness_data))
