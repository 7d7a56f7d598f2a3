#include "core/consensus/check.h"
#include "core/crypto/sha256.h"
#include "core/script/opcode.h"
#include "core/script/pattern.h"
#include "tests/unit/builder_sign.h"
#include "tests/unit/harness.h"

static const uint8_t g_marker[] = {0xec, 0xc7, 0xda, 0xa2};

static tb_chain *chain_of(qc_span challenge)
{
    qc_params_override o = {.signet_challenge = challenge};
    return tb_chain_new(QC_CHAIN_SIGNET, &o);
}

static bool judge(const tb_chain *c, const tb_block *b)
{
    qc_block *p = tb_block_parse(b);
    bool ok = qc_check_signet(c->params, p);
    qc_block_unref(p);
    return ok;
}

/* Put the push of marker and solution behind the commitment; NULL data: nothing at all. */
static void set_solution(tb_block *b, qc_span solution, bool present)
{
    uint8_t head[5];
    qc_bytes push = QC_BYTES_INIT;
    qc_bytes *script = &b->tx[0]->out[b->tx[0]->n_out - 1].script;
    script->len = 38;
    if (!present)
        return;
    assert_int_equal(qc_bytes_append(&push, g_marker, sizeof g_marker), QC_OK);
    assert_int_equal(qc_bytes_append(&push, solution.data, solution.len), QC_OK);
    assert_int_equal(qc_bytes_append(script, head, qc_push_header(push.len, head)), QC_OK);
    assert_int_equal(qc_bytes_append(script, push.data, push.len), QC_OK);
    qc_bytes_free(&push);
}

static void test_check_signet__anybody_may_sign(void **state)
{
    (void)state;
    tb_chain *c = chain_of(qc_span_str("\x51"));
    tb_block *b = tb_chain_next(c, 0);
    assert_false(judge(c, b)); /* no commitment to carry a solution */
    tb_block_commit(b);
    assert_true(judge(c, b)); /* none needed */
    set_solution(b, qc_span_of("\0\0", 2), true);
    assert_true(judge(c, b)); /* empty script and stack */
    set_solution(b, qc_span_of("\0\0\0", 3), true);
    assert_false(judge(c, b)); /* something left over */
    set_solution(b, qc_span_of("\0", 1), true);
    assert_false(judge(c, b)); /* no stack */
    set_solution(b, qc_span_of("\5\0", 2), true);
    assert_false(judge(c, b)); /* script cut off */
    set_solution(b, qc_span_of("\0\1\0", 3), true);
    assert_false(judge(c, b)); /* a witness that the challenge does not want */
    set_solution(b, (qc_span){NULL, 0}, true);
    assert_true(judge(c, b)); /* the marker alone is no solution */
    tb_block_free(b);
    tb_chain_free(c);
}

static void test_check_signet__genesis_needs_none(void **state)
{
    (void)state;
    tb_chain *c = chain_of(qc_span_str("\x6a"));
    qc_block *b;
    assert_int_equal(qc_block_parse(qc_params_genesis(c->params), &b), QC_WIRE_OK);
    assert_true(qc_check_signet(c->params, b));
    qc_block_unref(b);
    tb_chain_free(c);
}

/* The two transactions of BIP325, built with other code than the rule's. Returns the one to sign.
 */
static tb_tx *to_sign(const tb_block *b, qc_span challenge)
{
    tb_block *bare = tb_block_copy(b);
    set_solution(bare, (qc_span){NULL, 0}, true);
    tb_block_merkle(bare);
    uint8_t head[QC_HEADER_LEN], sig[74] = {QC_OP_0, 72};
    qc_header_write(&bare->header, head);
    memcpy(sig + 2, head, 72);
    tb_tx *spend = tb_tx_new(), *sign = tb_tx_new();
    spend->version = sign->version = 0;
    tb_tx_in(spend, &(qc_hash){{0}}, UINT32_MAX, qc_span_of(sig, sizeof sig), 0);
    tb_tx_out(spend, 0, challenge);
    qc_hash id = tb_txid(spend);
    tb_tx_in(sign, &id, 0, (qc_span){NULL, 0}, 0);
    tb_tx_out(sign, 0, qc_span_str("\x6a"));
    tb_tx_free(spend);
    tb_block_free(bare);
    return sign;
}

static void sign_block(tb_block *b, tb_kind kind, const tb_key *k, qc_span challenge)
{
    tb_tx *tx = to_sign(b, challenge);
    qc_spent spent = {.script = challenge};
    tb_sign(tx, 0, kind, k, &spent);
    qc_bytes s = QC_BYTES_INIT;
    assert_int_equal(qc_w_var(&s, qc_bytes_span(&tx->in[0].script)), QC_OK);
    assert_int_equal(qc_w_compact(&s, tx->in[0].n_items), QC_OK);
    assert_int_equal(qc_bytes_append(&s, tx->in[0].items.data, tx->in[0].items.len), QC_OK);
    set_solution(b, qc_bytes_span(&s), true);
    qc_bytes_free(&s);
    tb_tx_free(tx);
}

static void test_check_signet__signed_by_the_right_key(void **state)
{
    (void)state;
    static const tb_kind kinds[] = {TB_P2PK, TB_P2PKH, TB_P2SH_MULTISIG, TB_P2WPKH, TB_P2WSH};
    tb_key right = tb_key_at(1), wrong = tb_key_at(2);
    for (size_t i = 0; i < QC_COUNTOF(kinds); i++) {
        qc_bytes script = tb_script(kinds[i], &right);
        qc_span challenge = qc_bytes_span(&script);
        tb_chain *c = chain_of(challenge);
        tb_block *b = tb_chain_next(c, 0);
        tb_block_commit(b);
        assert_false(judge(c, b));
        sign_block(b, kinds[i], &wrong, challenge);
        assert_false(judge(c, b));
        sign_block(b, kinds[i], &right, challenge);
        assert_true(judge(c, b));
        b->header.time++;
        assert_false(judge(c, b));
        b->header.time--;
        b->header.nonce++; /* found after signing */
        assert_true(judge(c, b));
        tb_tx *tx = tb_block_add(b, tb_tx_new());
        tb_tx_in(tx, &(qc_hash){{1}}, 0, (qc_span){NULL, 0}, 0);
        assert_false(judge(c, b));
        tb_block_free(b);
        tb_chain_free(c);
        qc_bytes_free(&script);
    }
}

static void test_check_block__wants_the_solution(void **state)
{
    (void)state;
    for (int good = 0; good < 2; good++) {
        tb_chain *c = chain_of(qc_span_str(good ? "\x51" : "\x6a"));
        /* The target is too hard to mine here: let the limit be regtest's. */
        memset(c->params->pow_limit.b, 0xff, 31);
        c->params->pow_limit.b[31] = 0x7f;
        tb_block *b = tb_chain_next(c, 0);
        b->header.bits = 0x207fffff;
        tb_block_commit(b);
        tb_block_finish(b, c->params);
        qc_verdict v = {0};
        qc_block *p = tb_block_parse(b);
        assert_int_equal(qc_check_block(c->params, p, true, true, &v), good);
        assert_string_equal(v.reason, good ? "" : "bad-signet-blksig");
        v = (qc_verdict){0};
        assert_true(qc_check_block(c->params, p, false, true, &v)); /* templates have none yet */
        qc_block_unref(p);
        tb_block_free(b);
        tb_chain_free(c);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_check_signet__anybody_may_sign),
             cmocka_unit_test(test_check_signet__genesis_needs_none),
             cmocka_unit_test(test_check_signet__signed_by_the_right_key),
             cmocka_unit_test(test_check_block__wants_the_solution))
