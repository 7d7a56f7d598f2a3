/* The legacy hash against a plain one that rebuilds the transaction as the first version did, over
 * random transactions; BIP143's own example; sigop counting. */
#include "core/script/sighash.h"

#include "core/script/opcode.h"
#include "tests/unit/harness.h"
#include "tests/unit/plain_sighash.h"
#include "tests/unit/script_spend.h"

#define ROUNDS 3000

/* A random script of whole operations, some of them separators. */
static qc_bytes random_script(uint64_t *seed)
{
    static const uint8_t OPS[] = {QC_OP_0, QC_OP_1, QC_OP_CHECKSIG, QC_OP_IF, QC_OP_CODESEPARATOR};
    qc_bytes b = QC_BYTES_INIT;
    for (uint64_t n = test_rand(seed) % 10; n > 0; n--) {
        if (test_rand(seed) % 4 == 0) /* a push that holds the byte of a separator */
            put_data(&b, "\xab\xab", 1 + test_rand(seed) % 2);
        else
            put_op(&b, OPS[test_rand(seed) % sizeof OPS]);
    }
    return b;
}

static void random_tx(uint64_t *seed, qc_txbuf *out)
{
    uint8_t txid[32];
    testtx t = {.version = (uint32_t)test_rand(seed), .locktime = (uint32_t)test_rand(seed)};
    for (uint64_t n = 1 + test_rand(seed) % 70; n > 0; n--) {
        qc_bytes s = random_script(seed);
        memset(txid, (int)(test_rand(seed) & 0xff), sizeof txid);
        testtx_add_input(&t, txid, (uint32_t)test_rand(seed), qc_bytes_span(&s),
                         (uint32_t)test_rand(seed));
        qc_bytes_free(&s);
    }
    for (uint64_t n = 1 + test_rand(seed) % 5; n > 0; n--) {
        qc_bytes s = random_script(seed);
        testtx_add_output(&t, (int64_t)(test_rand(seed) % 1000000), qc_bytes_span(&s));
        qc_bytes_free(&s);
    }
    qc_bytes raw = testtx_bytes(&t, NULL);
    testtx_parse(qc_bytes_span(&raw), out);
    qc_bytes_free(&raw);
    testtx_clear(&t);
}

static void test_sighash_legacy__equals_the_rebuilt_transaction(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < ROUNDS; i++) {
        qc_txbuf tx;
        random_tx(&seed, &tx);
        qc_bytes code = random_script(&seed);
        uint32_t in = (uint32_t)(test_rand(&seed) % tx.tx.rec->n_in);
        uint32_t type = (uint32_t)test_rand(&seed);
        qc_hash want = plain_sighash(&tx.tx, in, qc_bytes_span(&code), type), got;
        qc_sighash_legacy(&tx.tx, in, qc_bytes_span(&code), type, &got);
        assert_memory_equal(got.b, want.b, 32);
        qc_bytes_free(&code);
        qc_txbuf_clear(&tx);
    }
}

static void test_sighash_v0__bip143_example(void **state)
{
    (void)state;
    /* BIP143, native P2WPKH. */
    qc_bytes raw = unhex(
        "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffff"
        "ffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202c"
        "b206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143b"
        "de42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000");
    qc_bytes code = unhex("76a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac");
    qc_txbuf tx;
    qc_sighash_cache h;
    qc_hash got;
    testtx_parse(qc_bytes_span(&raw), &tx);
    qc_sighash_cache_force(&h, &tx.tx, NULL);
    assert_true(hex_is("96b827c8483d4e9b96712b6713a7b68d6e8003a781feba36c31143470b4efd37",
                       h.prevouts.b, 32));
    assert_true(hex_is("52b0a642eea2fb7ae638c36f6252b6750293dbe574a806984b8e4d8548339a3b",
                       h.sequences.b, 32));
    assert_true(hex_is("863ef3e1a92afbfdb97f31ad0fc7683ee943e9abcf2501590ff8f6551f47e5e5",
                       h.outputs.b, 32));
    qc_sighash_v0(&tx.tx, 1, qc_bytes_span(&code), 600000000, 1, &h, &got);
    assert_true(
        hex_is("c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670", got.b, 32));
    qc_txbuf_clear(&tx);
    qc_bytes_free(&raw);
    qc_bytes_free(&code);
}

static void test_sighash_cache__makes_only_what_the_inputs_need(void **state)
{
    (void)state;
    spend s;
    spend_init(&s);
    spend_coin(&s, 0, program_script(1, s.pub[0], 32));
    qc_sighash_cache h;
    qc_sighash_cache_init(&h, &s.tx.tx, s.spent);
    assert_false(h.bip143_ready || h.bip341_ready);
    testwit w = {.n = 0};
    testwit_add(&w, qc_span_of("x", 1));
    qc_txbuf tx;
    testtx_with_input(&s.tx.tx, 0, (qc_span){NULL, 0}, &w, &tx);
    qc_sighash_cache_init(&h, &tx.tx, s.spent);
    assert_true(h.bip341_ready);
    qc_sighash_cache_init(&h, &tx.tx, NULL);
    assert_false(h.bip341_ready);
    assert_true(h.bip143_ready);
    qc_txbuf_clear(&tx);
    testwit_clear(&w);
    spend_clear(&s);
}

static uint32_t count(const char *words, bool accurate)
{
    qc_bytes b = script_from_text(words);
    uint32_t n = qc_script_sigops(qc_bytes_span(&b), accurate);
    qc_bytes_free(&b);
    return n;
}

static void test_sigops__accurate_and_not(void **state)
{
    (void)state;
    assert_int_equal(count("CHECKSIG CHECKSIGVERIFY", false), 2);
    assert_int_equal(count("3 CHECKMULTISIG", false), 20);
    assert_int_equal(count("3 CHECKMULTISIG 16 CHECKMULTISIGVERIFY", true), 19);
    assert_int_equal(count("0 CHECKMULTISIG", true), 20);
    assert_int_equal(count("3 NOP CHECKMULTISIG", true), 20);
    assert_int_equal(count("0x01 0xac CHECKSIG", true), 1);
    assert_int_equal(count("CHECKSIG 0x4c 0xff CHECKSIG", true), 1); /* cut off behind the first */
    assert_int_equal(count("CHECKSIGADD", true), 0);
}

static void test_sigops__of_p2sh_and_witness(void **state)
{
    (void)state;
    uint32_t flags = QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS;
    qc_bytes script = script_from_text("1 2 CHECKMULTISIG CHECKSIG"), sig = QC_BYTES_INIT;
    qc_span none = {NULL, 0}, s = qc_bytes_span(&script);
    put_data_span(&sig, s);
    qc_bytes p2sh = p2sh_script(s), p2wsh = p2wsh_script(s);
    assert_int_equal(qc_script_p2sh_sigops(qc_bytes_span(&p2sh), qc_bytes_span(&sig)), 3);
    assert_int_equal(qc_script_p2sh_sigops(qc_bytes_span(&p2wsh), qc_bytes_span(&sig)), 0);
    put_op(&sig, QC_OP_NOP);
    assert_int_equal(qc_script_p2sh_sigops(qc_bytes_span(&p2sh), qc_bytes_span(&sig)), 0);
    testwit w = {.n = 0};
    testwit_add(&w, none);
    testwit_add(&w, s);
    qc_bytes wit = QC_BYTES_INIT;
    put_compact(&wit, w.n);
    put_span(&wit, qc_bytes_span(&w.items));
    qc_span ws = qc_bytes_span(&wit), program = qc_bytes_span(&p2wsh);
    assert_int_equal(qc_script_witness_sigops(none, program, ws, flags), 3);
    assert_int_equal(qc_script_witness_sigops(none, program, ws, QC_SCRIPT_P2SH), 0);
    assert_int_equal(qc_script_witness_sigops(none, program, none, flags), 0);
    qc_bytes nested = p2sh_script(program), nested_sig = QC_BYTES_INIT;
    put_data_span(&nested_sig, program);
    qc_span n = qc_bytes_span(&nested), ns = qc_bytes_span(&nested_sig);
    assert_int_equal(qc_script_witness_sigops(ns, n, ws, flags), 3);
    assert_int_equal(qc_script_p2sh_sigops(n, ns), 0);
    qc_bytes wpkh = program_script(0, "aaaaaaaaaaaaaaaaaaaa", 20);
    assert_int_equal(qc_script_witness_sigops(none, qc_bytes_span(&wpkh), none, flags), 1);
    qc_bytes future = program_script(1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 32);
    assert_int_equal(qc_script_witness_sigops(none, qc_bytes_span(&future), ws, flags), 0);
    qc_bytes *all[] = {&script, &sig, &p2sh, &p2wsh, &wit, &nested, &nested_sig, &wpkh, &future};
    for (size_t i = 0; i < QC_COUNTOF(all); i++)
        qc_bytes_free(all[i]);
    testwit_clear(&w);
}

QC_TEST_MAIN(cmocka_unit_test(test_sighash_legacy__equals_the_rebuilt_transaction),
             cmocka_unit_test(test_sighash_v0__bip143_example),
             cmocka_unit_test(test_sighash_cache__makes_only_what_the_inputs_need),
             cmocka_unit_test(test_sigops__accurate_and_not),
             cmocka_unit_test(test_sigops__of_p2sh_and_witness))
