#include "core/consensus/check.h"
#include "core/script/verify.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define NOTHING ((qc_span){NULL, 0})

/* A regtest chain of a few blocks, and a valid one to come. */
typedef struct fixture {
    tb_chain *c;
    tb_block *b;
} fixture;

static fixture setup(const qc_params_override *o)
{
    fixture f;
    f.c = tb_chain_new(QC_CHAIN_REGTEST, o);
    tb_chain_grow(f.c, 5, NULL);
    f.b = tb_chain_next(f.c, 0);
    return f;
}

static void teardown(fixture *f)
{
    tb_block_free(f->b);
    tb_chain_free(f->c);
}

static tb_tx *add_tx(tb_block *b, uint32_t n)
{
    qc_hash id = {{9}};
    tb_tx *tx = tb_block_add(b, tb_tx_new());
    tb_tx_in(tx, &id, n, NOTHING, TB_FINAL);
    tb_tx_out(tx, 1000, qc_span_str("\x51"));
    return tx;
}

static void check_text(bool ok, const qc_verdict *v, const char *want)
{
    char text[QC_VERDICT_REASON_LEN + QC_VERDICT_DEBUG_LEN + 3];
    assert_string_equal(qc_verdict_text(v, text, sizeof text), want);
    assert_int_equal(ok, strcmp(want, "Valid") == 0);
}

/* Verdict of the context-free and, when that passes, the contextual checks on the block as is. */
static void expect_raw(const fixture *f, qc_vcode code, const char *want)
{
    qc_verdict v = {0};
    qc_block *p = tb_block_parse(f->b);
    bool ok = qc_check_block(f->c->params, p, true, true, &v) &&
              qc_check_block_context(f->c->params, p, f->b->height,
                                     tb_chain_mtp(f->c, f->b->height - 1), &v);
    check_text(ok, &v, want);
    assert_int_equal(v.code, code);
    qc_block_unref(p);
}

/* The same after merkle root and nonce have been made to fit. */
static void expect(fixture *f, qc_vcode code, const char *want)
{
    tb_block_merkle(f->b);
    tb_block_mine(f->b, f->c->params, true);
    expect_raw(f, code, want);
}

static void test_check_block__accepts_a_plain_block(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    add_tx(f.b, 0);
    expect(&f, QC_V_OK, "Valid");
    teardown(&f);
}

static void test_check_block__proof_of_work(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    tb_block_merkle(f.b);
    tb_block_mine(f.b, f.c->params, false);
    expect_raw(&f, QC_V_INVALID_HEADER, "high-hash, proof of work failed");
    qc_verdict v = {0};
    qc_block *p = tb_block_parse(f.b);
    assert_true(qc_check_block(f.c->params, p, false, true, &v));
    qc_block_unref(p);
    teardown(&f);
}

static void test_check_block__merkle_root(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    tb_block_merkle(f.b);
    f.b->header.merkle_root.b[7] ^= 1;
    tb_block_mine(f.b, f.c->params, true);
    expect_raw(&f, QC_V_MUTATED, "bad-txnmrklroot, hashMerkleRoot mismatch");
    qc_verdict v = {0};
    qc_block *p = tb_block_parse(f.b);
    assert_true(qc_check_block(f.c->params, p, true, false, &v));
    qc_block_unref(p);
    teardown(&f);
}

static void test_check_block__duplicated_end_of_the_list(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    add_tx(f.b, 0);
    const tb_tx *last = add_tx(f.b, 1);
    expect(&f, QC_V_OK, "Valid");
    qc_hash root = f.b->header.merkle_root;
    tb_block_add(f.b, tb_tx_copy(last)); /* three leaves and four have the same root */
    expect(&f, QC_V_MUTATED, "bad-txns-duplicate, duplicate transaction");
    assert_true(qc_hash_eq(&root, &f.b->header.merkle_root));
    teardown(&f);
}

static void test_check_block__size(void **state)
{
    (void)state;
    static uint8_t script[1000000];
    for (size_t over = 0; over < 2; over++) {
        fixture f = setup(NULL);
        tb_tx *tx = add_tx(f.b, 0);
        qc_bytes raw = tb_block_bytes(f.b);
        tb_tx_set_script(tx, 0, qc_span_of(script, 1000000 - raw.len - 4 + over));
        qc_bytes_free(&raw);
        expect(&f, over ? QC_V_CONSENSUS : QC_V_OK,
               over ? "bad-blk-length, size limits failed" : "Valid");
        teardown(&f);
    }
}

static void test_check_block__empty(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    tb_tx_free(f.b->tx[0]);
    f.b->n_tx = 0;
    expect(&f, QC_V_CONSENSUS, "bad-blk-length, size limits failed");
    teardown(&f);
}

static void test_check_block__coinbase_first_and_alone(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    tb_tx *tx = add_tx(f.b, 0), *cb = f.b->tx[0];
    f.b->tx[0] = tx;
    f.b->tx[1] = cb;
    expect(&f, QC_V_CONSENSUS, "bad-cb-missing, first tx is not coinbase");
    f.b->tx[0] = cb;
    f.b->tx[1] = tx;
    tb_block_add(f.b, tb_coinbase(f.b->height, 5, 0, NOTHING));
    expect(&f, QC_V_CONSENSUS, "bad-cb-multiple, more than one coinbase");
    teardown(&f);
}

static void test_check_block__names_the_bad_transaction(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    tb_tx *tx = add_tx(f.b, 0);
    tx->out[0].value = -1;
    char want[200], hex[QC_HASH_HEX_LEN + 1];
    qc_hash id = tb_txid(tx);
    qc_hash_hex(&id, hex);
    snprintf(want, sizeof want, "bad-txns-vout-negative, Transaction check failed (tx hash %s) ",
             hex);
    expect(&f, QC_V_CONSENSUS, want);
    teardown(&f);
}

static void test_check_block__legacy_sigops(void **state)
{
    (void)state;
    static uint8_t script[20001];
    memset(script, 0xac, sizeof script);
    for (size_t over = 0; over < 2; over++) {
        fixture f = setup(NULL);
        tb_tx_out(f.b->tx[0], 0, qc_span_of(script, 10000));
        tb_tx_out(add_tx(f.b, 0), 0, qc_span_of(script, 10000 + over));
        expect(&f, over ? QC_V_CONSENSUS : QC_V_OK,
               over ? "bad-blk-sigops, out-of-bounds SigOpCount" : "Valid");
        teardown(&f);
    }
}

static void test_check_block_context__finality(void **state)
{
    (void)state;
    /* Before CSV the block's own time counts, from then on the median time past (BIP113). */
    for (int csv = 0; csv < 2; csv++) {
        qc_params_override o = {0};
        o.has_dep_height[QC_DEP_CSV] = true;
        o.dep_height[QC_DEP_CSV] = csv ? 6 : 7;
        fixture f = setup(&o);
        tb_tx *tx = add_tx(f.b, 0);
        uint32_t mtp = tb_chain_mtp(f.c, 5), cutoff = csv ? mtp : f.b->header.time;
        assert_true(mtp < f.b->header.time);
        tx->in[0].sequence = 0;
        tx->locktime = cutoff - 1;
        expect(&f, QC_V_OK, "Valid");
        tx->locktime = cutoff;
        expect(&f, QC_V_CONSENSUS, "bad-txns-nonfinal, non-final transaction");
        tx->locktime = f.b->height - 1;
        expect(&f, QC_V_OK, "Valid");
        tx->locktime = f.b->height;
        expect(&f, QC_V_CONSENSUS, "bad-txns-nonfinal, non-final transaction");
        teardown(&f);
    }
}

static void test_check_block_context__height_in_coinbase(void **state)
{
    (void)state;
    static const struct {
        uint32_t height;
        const char *hex; /* shortest push of it, and two bytes more */
    } c[] = {{1, "510000"},       {16, "600000"},          {17, "01110000"},
             {127, "017f0000"},   {128, "0280000000"},     {255, "02ff000000"},
             {256, "0200010000"}, {32767, "02ff7f0000"},   {32768, "030080000000"},
             {500, "02f4010000"}, {840000, "0340d10c0000"}};
    qc_params *p;
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, NULL, &p), QC_OK);
    fixture f = setup(NULL);
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_verdict v = {0};
        qc_bytes script = hex_bytes(c[i].hex);
        tb_tx_set_script(f.b->tx[0], 0, qc_bytes_span(&script));
        qc_block *b = tb_block_parse(f.b);
        check_text(qc_check_block_context(p, b, c[i].height, 0, &v), &v, "Valid");
        check_text(qc_check_block_context(p, b, c[i].height + 1, 0, &v), &v,
                   "bad-cb-height, block height mismatch in coinbase");
        qc_block_unref(b);
        qc_bytes_free(&script);
    }
    /* A push that is not the shortest one; a script that ends inside it. */
    static const char *bad[] = {"0101", "03f40100", "02f4", ""};
    static const uint32_t at[] = {1, 500, 500, 500};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        qc_verdict v = {0};
        qc_bytes script = hex_bytes(bad[i]);
        tb_tx_set_script(f.b->tx[0], 0, qc_bytes_span(&script));
        qc_block *b = tb_block_parse(f.b);
        assert_false(qc_check_block_context(p, b, at[i], 0, &v));
        p->dep_height[QC_DEP_BIP34] = at[i] + 1; /* not yet in force */
        assert_true(qc_check_block_context(p, b, at[i], 0, &v));
        p->dep_height[QC_DEP_BIP34] = 1;
        qc_block_unref(b);
        qc_bytes_free(&script);
    }
    teardown(&f);
    qc_params_free(p);
}

static fixture witness_setup(const qc_params_override *o)
{
    fixture f = setup(o);
    tb_tx_witness(add_tx(f.b, 0), 0, qc_span_str("abc"));
    tb_block_commit(f.b);
    return f;
}

static void test_check_block_context__witness_commitment(void **state)
{
    (void)state;
    fixture f = witness_setup(NULL);
    expect(&f, QC_V_OK, "Valid");
    tb_tx *cb = f.b->tx[0];
    size_t at = cb->n_out - 1;
    cb->out[at].script.data[20] ^= 1;
    expect(&f, QC_V_MUTATED,
           "bad-witness-merkle-match, CheckWitnessMalleation : witness merkle commitment mismatch");
    cb->out[at].script.data[20] ^= 1;
    /* The last one counts; what follows the hash is ignored; 37 bytes are no commitment. */
    qc_bytes good = QC_BYTES_INIT;
    assert_int_equal(qc_bytes_append(&good, cb->out[at].script.data, 38), QC_OK);
    tb_tx_out(cb, 0, qc_span_of(good.data, 37));
    expect(&f, QC_V_OK, "Valid");
    good.data[37] ^= 1;
    tb_tx_out(cb, 0, qc_bytes_span(&good));
    expect(&f, QC_V_MUTATED,
           "bad-witness-merkle-match, CheckWitnessMalleation : witness merkle commitment mismatch");
    good.data[37] ^= 1;
    assert_int_equal(qc_bytes_append(&good, "xyz", 3), QC_OK);
    tb_tx_out(cb, 0, qc_bytes_span(&good));
    expect(&f, QC_V_OK, "Valid");
    qc_bytes_free(&good);
    teardown(&f);
}

static void test_check_block_context__witness_reserved_value(void **state)
{
    (void)state;
    static const uint8_t zero[33];
    const char *want = "bad-witness-nonce-size, CheckWitnessMalleation : invalid witness reserved "
                       "value size";
    fixture f = witness_setup(NULL);
    tb_tx_clear_witness(f.b->tx[0], 0);
    expect(&f, QC_V_MUTATED, want);
    for (size_t len = 31; len <= 33; len++) {
        tb_tx_clear_witness(f.b->tx[0], 0);
        tb_tx_witness(f.b->tx[0], 0, qc_span_of(zero, len));
        expect(&f, len == 32 ? QC_V_OK : QC_V_MUTATED, len == 32 ? "Valid" : want);
    }
    tb_tx_clear_witness(f.b->tx[0], 0);
    tb_tx_witness(f.b->tx[0], 0, qc_span_of(zero, 32));
    tb_tx_witness(f.b->tx[0], 0, NOTHING);
    expect(&f, QC_V_MUTATED, want);
    teardown(&f);
}

static void test_check_block_context__witness_without_commitment(void **state)
{
    (void)state;
    const char *want = "unexpected-witness, CheckWitnessMalleation : unexpected witness data found";
    fixture f = setup(NULL);
    tb_tx_witness(add_tx(f.b, 0), 0, qc_span_str("abc"));
    expect(&f, QC_V_MUTATED, want);
    teardown(&f);
    /* Before segwit a commitment does not help. */
    qc_params_override o = {0};
    o.has_dep_height[QC_DEP_SEGWIT] = true;
    o.dep_height[QC_DEP_SEGWIT] = 7;
    f = witness_setup(&o);
    expect(&f, QC_V_MUTATED, want);
    teardown(&f);
    o.dep_height[QC_DEP_SEGWIT] = 6;
    f = witness_setup(&o);
    expect(&f, QC_V_OK, "Valid");
    teardown(&f);
    /* From segwit on a commitment without any witness data still wants its reserved value. */
    f = setup(NULL);
    tb_block_commit(f.b);
    expect(&f, QC_V_OK, "Valid");
    tb_tx_clear_witness(f.b->tx[0], 0);
    expect(&f, QC_V_MUTATED,
           "bad-witness-nonce-size, CheckWitnessMalleation : invalid witness reserved value size");
    teardown(&f);
}

static void test_check_block_context__weight(void **state)
{
    (void)state;
    static uint8_t item[4000000];
    for (size_t over = 0; over < 2; over++) {
        fixture f = witness_setup(NULL);
        tb_tx_clear_witness(f.b->tx[1], 0);
        tb_tx_witness(f.b->tx[1], 0, NOTHING);
        qc_block *p = tb_block_parse(f.b);
        size_t room = QC_MAX_BLOCK_WEIGHT - qc_block_weight(p) - 4;
        qc_block_unref(p);
        tb_tx_clear_witness(f.b->tx[1], 0);
        tb_tx_witness(f.b->tx[1], 0, qc_span_of(item, room + over));
        tb_block_commit(f.b);
        expect(&f, over ? QC_V_CONSENSUS : QC_V_OK,
               over ? "bad-blk-weight, ContextualCheckBlock : weight limit failed" : "Valid");
        /* Stuffing in the coinbase witness is damage, not a broken rule. */
        tb_tx_witness(f.b->tx[0], 0, qc_span_str("stuffing"));
        expect(&f, QC_V_MUTATED,
               "bad-witness-nonce-size, CheckWitnessMalleation : invalid witness reserved value "
               "size");
        teardown(&f);
    }
}

static bool is_mutated(const tb_block *b, bool witness_root, const char *reason)
{
    qc_verdict v = {0};
    qc_block *p = tb_block_parse(b);
    bool yes = qc_block_is_mutated(p, witness_root, &v);
    assert_string_equal(v.reason, reason);
    assert_int_equal(v.code, yes ? QC_V_MUTATED : QC_V_OK);
    qc_block_unref(p);
    return yes;
}

static void test_block_is_mutated__symptoms(void **state)
{
    (void)state;
    fixture f = witness_setup(NULL);
    tb_block_merkle(f.b);
    assert_false(is_mutated(f.b, true, ""));
    assert_true(is_mutated(f.b, false, "unexpected-witness"));
    f.b->tx[1]->in[0].items.data[1] ^= 1;
    assert_true(is_mutated(f.b, true, "bad-witness-merkle-match"));
    f.b->header.merkle_root.b[0] ^= 1;
    assert_true(is_mutated(f.b, true, "bad-txnmrklroot"));
    teardown(&f);
    f = setup(NULL);
    add_tx(f.b, 0);
    tb_block_add(f.b, tb_tx_copy(add_tx(f.b, 1)));
    tb_block_merkle(f.b);
    assert_true(is_mutated(f.b, true, "bad-txns-duplicate"));
    teardown(&f);
}

static void test_block_is_mutated__node_sized_transactions(void **state)
{
    (void)state;
    fixture f = setup(NULL);
    tb_tx *tx = add_tx(f.b, 0);
    tb_tx_set_script(tx, 0, qc_span_str("abc"));
    qc_bytes raw = tb_tx_bytes(tx, false);
    assert_int_equal(raw.len, 64);
    qc_bytes_free(&raw);
    tb_block_merkle(f.b);
    assert_false(is_mutated(f.b, true, "")); /* there is a coinbase */
    tb_tx_free(f.b->tx[0]);
    f.b->tx[0] = f.b->tx[1];
    f.b->n_tx = 1;
    tb_block_merkle(f.b);
    assert_true(is_mutated(f.b, true, "bad-txns-64-bytes"));
    tb_tx_set_script(f.b->tx[0], 0, qc_span_str("abcd"));
    tb_block_merkle(f.b);
    assert_false(is_mutated(f.b, true, ""));
    teardown(&f);
}

QC_TEST_MAIN(cmocka_unit_test(test_check_block__accepts_a_plain_block),
             cmocka_unit_test(test_check_block__proof_of_work),
             cmocka_unit_test(test_check_block__merkle_root),
             cmocka_unit_test(test_check_block__duplicated_end_of_the_list),
             cmocka_unit_test(test_check_block__size), cmocka_unit_test(test_check_block__empty),
             cmocka_unit_test(test_check_block__coinbase_first_and_alone),
             cmocka_unit_test(test_check_block__names_the_bad_transaction),
             cmocka_unit_test(test_check_block__legacy_sigops),
             cmocka_unit_test(test_check_block_context__finality),
             cmocka_unit_test(test_check_block_context__height_in_coinbase),
             cmocka_unit_test(test_check_block_context__witness_commitment),
             cmocka_unit_test(test_check_block_context__witness_reserved_value),
             cmocka_unit_test(test_check_block_context__witness_without_commitment),
             cmocka_unit_test(test_check_block_context__weight),
             cmocka_unit_test(test_block_is_mutated__symptoms),
             cmocka_unit_test(test_block_is_mutated__node_sized_transactions))
