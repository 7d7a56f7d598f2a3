#include "core/consensus/check.h"
#include "core/script/verify.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define NOTHING ((qc_span){NULL, 0})

static qc_hash txid_of(uint32_t i)
{
    qc_hash h = {{0}};
    memcpy(h.b, &i, sizeof i);
    h.b[31] = 1;
    return h;
}

static tb_tx *plain_tx(void)
{
    tb_tx *tx = tb_tx_new();
    qc_hash id = txid_of(1);
    tb_tx_in(tx, &id, 0, NOTHING, TB_FINAL);
    tb_tx_out(tx, 1000, qc_span_str("\x51"));
    return tx;
}

/* Takes tx; reason NULL: valid. */
static void expect_tx(tb_tx *tx, const char *reason)
{
    qc_verdict v = {0};
    qc_txbuf t;
    tb_tx_parse(tx, &t);
    bool ok = qc_check_tx(&t.tx, &v);
    assert_int_equal(ok, !reason);
    assert_string_equal(v.reason, reason ? reason : "");
    assert_int_equal(v.code, reason ? QC_V_CONSENSUS : QC_V_OK);
    qc_txbuf_clear(&t);
    tb_tx_free(tx);
}

static void test_check_tx__needs_inputs_and_outputs(void **state)
{
    (void)state;
    expect_tx(plain_tx(), NULL);
    expect_tx(tb_tx_new(), "bad-txns-vin-empty");
    tb_tx *tx = tb_tx_new();
    tb_tx_out(tx, 1000, NOTHING);
    expect_tx(tx, "bad-txns-vin-empty");
    tx = tb_tx_new();
    qc_hash id = txid_of(1);
    tb_tx_in(tx, &id, 0, NOTHING, TB_FINAL);
    expect_tx(tx, "bad-txns-vout-empty");
}

static void test_check_tx__size(void **state)
{
    (void)state;
    static uint8_t script[1000000];
    for (int over = 0; over < 2; over++) {
        tb_tx *tx = plain_tx();
        qc_bytes b = tb_tx_bytes(tx, false);
        /* The script's length takes four bytes more than the one it has. */
        size_t room = 1000000 - b.len - 4 + (size_t)over;
        qc_bytes_free(&b);
        tb_tx_set_script(tx, 0, qc_span_of(script, room));
        expect_tx(tx, over ? "bad-txns-oversize" : NULL);
    }
}

static void test_check_tx__size_ignores_witness(void **state)
{
    (void)state;
    static uint8_t item[1100000];
    tb_tx *tx = plain_tx();
    tb_tx_witness(tx, 0, qc_span_of(item, sizeof item));
    expect_tx(tx, NULL);
}

static void test_check_tx__values(void **state)
{
    (void)state;
    static const struct {
        qc_amount a, b;
        const char *reason;
    } c[] = {
        {0, QC_MAX_MONEY, NULL},
        {-1, 0, "bad-txns-vout-negative"},
        {QC_MAX_MONEY + 1, 0, "bad-txns-vout-toolarge"},
        {INT64_MAX, 0, "bad-txns-vout-toolarge"},
        {INT64_MIN, 0, "bad-txns-vout-negative"},
        {QC_MAX_MONEY, 1, "bad-txns-txouttotal-toolarge"},
        {1, QC_MAX_MONEY, "bad-txns-txouttotal-toolarge"},
        {QC_MAX_MONEY, QC_MAX_MONEY, "bad-txns-txouttotal-toolarge"},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        tb_tx *tx = plain_tx();
        tx->out[0].value = c[i].a;
        tb_tx_out(tx, c[i].b, NOTHING);
        expect_tx(tx, c[i].reason);
    }
}

static void test_check_tx__duplicate_inputs(void **state)
{
    (void)state;
    /* Around the sizes where the way of looking changes; the twin at the ends and inside. */
    static const uint32_t size[] = {2, 3, 8, 9, 16, 17, 33, 400, 5000};
    for (size_t i = 0; i < QC_COUNTOF(size); i++)
        for (int kind = 0; kind < 4; kind++) {
            tb_tx *tx = tb_tx_new();
            uint32_t n = size[i];
            for (uint32_t k = 0; k < n; k++) {
                qc_hash id = txid_of(k / 2);
                tb_tx_in(tx, &id, k % 2, NOTHING, k); /* sequences do not matter */
            }
            tb_tx_out(tx, 1, NOTHING);
            if (kind == 1)
                tx->in[n - 1].prev = tx->in[0].prev;
            if (kind == 2)
                tx->in[n / 2].prev = tx->in[n / 2 - 1].prev;
            if (kind == 3)
                tx->in[0].prev = tx->in[n / 2].prev;
            expect_tx(tx, kind ? "bad-txns-inputs-duplicate" : NULL);
        }
}

static void test_check_tx__most_inputs_that_fit(void **state)
{
    (void)state;
    tb_tx *tx = tb_tx_new();
    qc_hash id = txid_of(1);
    /* 10 bytes around, 3 for the count, 9 for the output. */
    for (uint32_t k = 0; k < (1000000 - 22) / 41; k++)
        tb_tx_in(tx, &id, k, NOTHING, 0);
    tb_tx_out(tx, 1, NOTHING);
    tb_tx *twin = tb_tx_copy(tx);
    twin->in[24000].prev.n = 7;
    expect_tx(tx, NULL);
    expect_tx(twin, "bad-txns-inputs-duplicate");
}

static void test_check_tx__coinbase_script_length(void **state)
{
    (void)state;
    static const uint8_t script[101];
    static const struct {
        size_t len;
        const char *reason;
    } c[] = {{1, "bad-cb-length"}, {2, NULL}, {100, NULL}, {101, "bad-cb-length"}};
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        tb_tx *tx = tb_coinbase(1, 0, 5, NOTHING);
        tb_tx_set_script(tx, 0, qc_span_of(script, c[i].len));
        expect_tx(tx, c[i].reason);
    }
}

static void test_check_tx__null_prevout(void **state)
{
    (void)state;
    tb_tx *tx = plain_tx();
    qc_hash zero = {{0}};
    tb_tx_in(tx, &zero, UINT32_MAX, NOTHING, TB_FINAL);
    expect_tx(tx, "bad-txns-prevout-null");
    tx = plain_tx();
    tb_tx_in(tx, &zero, UINT32_MAX - 1, NOTHING, TB_FINAL);
    expect_tx(tx, NULL);
    tx = plain_tx();
    qc_hash id = txid_of(1);
    tb_tx_in(tx, &id, UINT32_MAX, NOTHING, TB_FINAL);
    expect_tx(tx, NULL);
}

static void test_tx_is_final__lock_times(void **state)
{
    (void)state;
    static const struct {
        uint32_t lock, sequence, height;
        int64_t time;
        bool final;
    } c[] = {
        {0, 0, 0, 0, true},
        {100, 0, 101, 0, true},
        {100, 0, 100, INT64_MAX, false},
        {100, TB_FINAL, 100, 0, true},
        {100, TB_FINAL - 1, 100, 0, false},
        {499999999, 0, 500000000, 0, true},
        {499999999, 0, 5, 1700000000, false}, /* a height */
        {500000000, 0, UINT32_MAX, 500000000, false},
        {500000000, 0, 5, 500000001, true}, /* a time */
        {UINT32_MAX, 0, UINT32_MAX, UINT32_MAX, false},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        tb_tx *tx = plain_tx();
        qc_hash id = txid_of(2);
        tb_tx_in(tx, &id, 0, NOTHING, TB_FINAL);
        tx->locktime = c[i].lock;
        tx->in[0].sequence = c[i].sequence;
        qc_txbuf t;
        tb_tx_parse(tx, &t);
        assert_int_equal(qc_tx_is_final(&t.tx, c[i].height, c[i].time), c[i].final);
        qc_txbuf_clear(&t);
        tb_tx_free(tx);
    }
}

/* Two inputs of these coins, one output. Returns the verdict's text ("Valid", fee in *fee). */
static const char *inputs_text(qc_spent spent[static 2], qc_amount out, uint32_t height,
                               qc_amount *fee)
{
    static char text[400];
    qc_verdict v = {0};
    qc_txbuf t;
    tb_tx *tx = plain_tx();
    qc_hash id = txid_of(2);
    tb_tx_in(tx, &id, 0, NOTHING, TB_FINAL);
    tx->out[0].value = out;
    tb_tx_parse(tx, &t);
    (void)qc_check_tx_inputs(&t.tx, spent, height, fee, &v);
    qc_txbuf_clear(&t);
    tb_tx_free(tx);
    return qc_verdict_text(&v, text, sizeof text);
}

static void test_check_tx_inputs__maturity(void **state)
{
    (void)state;
    qc_amount fee;
    qc_spent s[2] = {{.value = 10, .height = 5}, {.value = 10, .height = 5, .coinbase = true}};
    assert_string_equal(inputs_text(s, 1, 105, &fee), "Valid");
    assert_string_equal(
        inputs_text(s, 1, 104, &fee),
        "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99");
    s[1].coinbase = false;
    assert_string_equal(inputs_text(s, 1, 5, &fee), "Valid");
}

static void test_check_tx_inputs__values(void **state)
{
    (void)state;
    qc_amount fee = -1;
    qc_spent s[2] = {{.value = 150000000}, {.value = 1}};
    assert_string_equal(inputs_text(s, 150000000, 1, &fee), "Valid");
    assert_int_equal(fee, 1);
    assert_string_equal(inputs_text(s, 150000001, 1, &fee), "Valid");
    assert_int_equal(fee, 0);
    assert_string_equal(inputs_text(s, 200000000, 1, &fee),
                        "bad-txns-in-belowout, value in (1.50000001) < value out (2.00)");
    s[0].value = QC_MAX_MONEY;
    assert_string_equal(inputs_text(s, 1, 1, &fee), "bad-txns-inputvalues-outofrange");
    s[0].value = -1;
    assert_string_equal(inputs_text(s, 1, 1, &fee), "bad-txns-inputvalues-outofrange");
    s[0].value = QC_MAX_MONEY + 1;
    assert_string_equal(inputs_text(s, 1, 1, &fee), "bad-txns-inputvalues-outofrange");
}

static uint32_t fake_mtp(void *arg, uint32_t height)
{
    return *(uint32_t *)arg + 600 * height;
}

static bool locks_ok(uint32_t version, uint32_t sequence, uint32_t coin, uint32_t height,
                     uint32_t mtp_prev)
{
    uint32_t base = 1000000;
    qc_txbuf t;
    tb_tx *tx = plain_tx();
    tx->version = version;
    tx->in[0].sequence = sequence;
    tb_tx_parse(tx, &t);
    qc_spent s = {.height = coin};
    bool ok = qc_check_sequence_locks(&t.tx, &s, height, mtp_prev, fake_mtp, &base);
    qc_txbuf_clear(&t);
    tb_tx_free(tx);
    return ok;
}

static void test_check_sequence_locks__bip68(void **state)
{
    (void)state;
    const uint32_t by_time = 1u << 22, off = 1u << 31;
    assert_true(locks_ok(2, 10, 100, 110, 0));
    assert_false(locks_ok(2, 10, 100, 109, 0));
    assert_true(locks_ok(1, 10, 100, 109, 0));           /* version 1: no meaning */
    assert_false(locks_ok(UINT32_MAX, 10, 100, 109, 0)); /* versions are unsigned here */
    assert_true(locks_ok(2, off | 10, 100, 109, 0));
    assert_true(locks_ok(2, 0, 100, 100, 0));
    assert_true(locks_ok(2, 0xffbf0000 & ~off, 100, 100, 0)); /* bits without meaning */
    assert_false(locks_ok(2, 0xffff, 100, 65634, 0));
    assert_true(locks_ok(2, 0xffff, 100, 65635, 0));
    /* Two units of 512 s from the median time of block 99. */
    uint32_t start = 1000000 + 600 * 99;
    assert_true(locks_ok(2, by_time | 2, 100, 101, start + 1024));
    assert_false(locks_ok(2, by_time | 2, 100, 101, start + 1023));
    assert_true(locks_ok(2, by_time | 1, 0, 101, 1000000 + 512)); /* a coin of block 0 */
    assert_false(locks_ok(2, by_time | 1, 0, 101, 1000000 + 511));
}

static void test_tx_sigop_cost__three_kinds(void **state)
{
    (void)state;
    static const uint8_t p2sh[23] = {0xa9, 20, [22] = 0x87}, v0_key[22] = {0, 20};
    static const uint8_t v0_script[34] = {0, 32}, v1[34] = {0x51, 32};
    static const uint8_t redeem[] = {3, 0x52, 0xae, 0xac}; /* pushes: 2 CHECKMULTISIG CHECKSIG */
    const uint32_t all = QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS;
    qc_hash id = txid_of(1);
    tb_tx *tx = tb_tx_new();
    tb_tx_in(tx, &id, 0, qc_span_of(redeem, sizeof redeem), 0);
    tb_tx_in(tx, &id, 1, NOTHING, 0);
    tb_tx_in(tx, &id, 2, NOTHING, 0);
    tb_tx_in(tx, &id, 3, NOTHING, 0);
    tb_tx_out(tx, 1, qc_span_str("\xac"));
    tb_tx_witness(tx, 2, qc_span_of(redeem + 1, 3));
    tb_tx_witness(tx, 3, qc_span_of(redeem + 1, 3));
    qc_spent s[4] = {{.script = {p2sh, sizeof p2sh}},
                     {.script = {v0_key, sizeof v0_key}},
                     {.script = {v0_script, sizeof v0_script}},
                     {.script = {v1, sizeof v1}}};
    qc_txbuf t;
    tb_tx_parse(tx, &t);
    assert_int_equal(qc_tx_sigop_cost(&t.tx, s, 1, all), 4 + 3 * 4 + 1 + 3);
    assert_int_equal(qc_tx_sigop_cost(&t.tx, s, 1, QC_SCRIPT_P2SH), 4 + 3 * 4);
    assert_int_equal(qc_tx_sigop_cost(&t.tx, s, 1, 0), 4);
    qc_txbuf_clear(&t);
    tb_tx_free(tx);
    tx = tb_coinbase(1, 0, 5, NOTHING);
    tb_tx_parse(tx, &t);
    assert_int_equal(qc_tx_sigop_cost(&t.tx, NULL, 7, all), 28);
    qc_txbuf_clear(&t);
    tb_tx_free(tx);
}

QC_TEST_MAIN(cmocka_unit_test(test_check_tx__needs_inputs_and_outputs),
             cmocka_unit_test(test_check_tx__size),
             cmocka_unit_test(test_check_tx__size_ignores_witness),
             cmocka_unit_test(test_check_tx__values),
             cmocka_unit_test(test_check_tx__duplicate_inputs),
             cmocka_unit_test(test_check_tx__most_inputs_that_fit),
             cmocka_unit_test(test_check_tx__coinbase_script_length),
             cmocka_unit_test(test_check_tx__null_prevout),
             cmocka_unit_test(test_tx_is_final__lock_times),
             cmocka_unit_test(test_check_tx_inputs__maturity),
             cmocka_unit_test(test_check_tx_inputs__values),
             cmocka_unit_test(test_check_sequence_locks__bip68),
             cmocka_unit_test(test_tx_sigop_cost__three_kinds))
