#include "core/consensus/check.h"
#include "core/script/verify.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define NOTHING ((qc_span){NULL, 0})

typedef struct connect_case {
    qc_params *p;
    qc_connect_env e;
    qc_spent spent;
    tb_tx *tx;
    uint64_t cost;
    qc_amount fees;
    uint32_t legacy;
} connect_case;

static uint32_t mtp_at(void *arg, uint32_t height)
{
    (void)arg;
    return 1000000 + height;
}

static connect_case setup(void)
{
    connect_case c = {0};
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, NULL, &c.p), QC_OK);
    c.e = (qc_connect_env){c.p, 200, 1000199, QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS, mtp_at, NULL};
    c.spent = (qc_spent){.value = 1500, .height = 150};
    qc_hash id = {{3}};
    c.tx = tb_tx_new();
    tb_tx_in(c.tx, &id, 0, NOTHING, TB_FINAL);
    tb_tx_out(c.tx, 1000, NOTHING);
    return c;
}

/* `want`: the verdict's text; %s is the txid. */
static void expect(connect_case *c, const char *want)
{
    char text[400], filled[400], hex[QC_HASH_HEX_LEN + 1];
    qc_verdict v = {0};
    qc_txbuf t;
    qc_hash id = tb_txid(c->tx);
    qc_hash_hex(&id, hex);
    const char *mark = strstr(want, "TXID");
    snprintf(filled, sizeof filled, "%.*s%s%s", mark ? (int)(mark - want) : (int)strlen(want), want,
             mark ? hex : "", mark ? mark + 4 : "");
    tb_tx_parse(c->tx, &t);
    bool ok = qc_check_connect_tx(&c->e, &t.tx, &c->spent, c->legacy, &c->cost, &c->fees, &v);
    assert_string_equal(qc_verdict_text(&v, text, sizeof text), filled);
    assert_int_equal(ok, strcmp(want, "Valid") == 0);
    assert_int_equal(v.code, ok ? QC_V_OK : QC_V_CONSENSUS);
    qc_txbuf_clear(&t);
}

static void teardown(connect_case *c)
{
    tb_tx_free(c->tx);
    qc_params_free(c->p);
}

static void test_check_connect_tx__adds_up(void **state)
{
    (void)state;
    connect_case c = setup();
    c.legacy = 3;
    expect(&c, "Valid");
    expect(&c, "Valid");
    assert_int_equal(c.fees, 1000);
    assert_int_equal(c.cost, 24);
    teardown(&c);
}

static void test_check_connect_tx__inputs(void **state)
{
    (void)state;
    connect_case c = setup();
    c.spent.coinbase = true;
    expect(&c, "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 50 in "
               "transaction TXID");
    c.spent.height = 100;
    expect(&c, "Valid");
    c.spent.value = 999;
    expect(&c, "bad-txns-in-belowout, value in (0.00000999) < value out (0.00001) in transaction "
               "TXID");
    c.spent.value = -1;
    expect(&c, "bad-txns-inputvalues-outofrange,  in transaction TXID");
    teardown(&c);
}

static void test_check_connect_tx__fees_in_range(void **state)
{
    (void)state;
    connect_case c = setup();
    c.fees = QC_MAX_MONEY - 500;
    expect(&c, "Valid");
    expect(&c, "bad-txns-accumulated-fee-outofrange, accumulated fee in the block out of range");
    teardown(&c);
}

static void test_check_connect_tx__relative_locks(void **state)
{
    (void)state;
    connect_case c = setup();
    c.tx->in[0].sequence = 50;
    expect(&c, "Valid");
    c.tx->in[0].sequence = 51;
    expect(&c, "bad-txns-nonfinal, contains a non-BIP68-final transaction TXID");
    c.p->dep_height[QC_DEP_CSV] = 201; /* not yet in force */
    expect(&c, "Valid");
    teardown(&c);
}

static void test_check_connect_tx__sigop_cost(void **state)
{
    (void)state;
    connect_case c = setup();
    c.cost = 79996;
    c.legacy = 1;
    expect(&c, "Valid");
    assert_int_equal(c.cost, 80000);
    static const uint8_t v0_key[22] = {0, 20};
    c.spent.script = qc_span_of(v0_key, sizeof v0_key);
    c.legacy = 0;
    expect(&c, "bad-blk-sigops, too many sigops");
    teardown(&c);
}

static void test_check_connect_tx__errors_in_order(void **state)
{
    (void)state;
    /* Everything is wrong at once: mend it step by step. */
    connect_case c = setup();
    c.spent = (qc_spent){.value = -1, .height = 150, .coinbase = true};
    c.tx->in[0].sequence = 51;
    c.cost = 80000;
    c.legacy = 1;
    c.fees = QC_MAX_MONEY;
    expect(&c, "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 50 in "
               "transaction TXID");
    c.spent.coinbase = false;
    expect(&c, "bad-txns-inputvalues-outofrange,  in transaction TXID");
    c.spent.value = 999;
    expect(&c, "bad-txns-in-belowout, value in (0.00000999) < value out (0.00001) in transaction "
               "TXID");
    c.spent.value = 1001;
    expect(&c, "bad-txns-accumulated-fee-outofrange, accumulated fee in the block out of range");
    c.fees = 0;
    expect(&c, "bad-txns-nonfinal, contains a non-BIP68-final transaction TXID");
    c.tx->in[0].sequence = 50;
    expect(&c, "bad-blk-sigops, too many sigops");
    teardown(&c);
}

static void test_check_connect_end__coinbase_value(void **state)
{
    (void)state;
    connect_case c = setup();
    tb_chain *chain = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    tb_block *b = tb_chain_next(chain, 0);
    /* Height 200: one halving on regtest. */
    tb_tx_out(b->tx[0], 0, NOTHING);
    for (int over = 0; over < 2; over++) {
        char text[300];
        qc_verdict v = {0};
        b->tx[0]->out[0].value = 25 * QC_COIN + 77;
        b->tx[0]->out[1].value = over;
        qc_block *p = tb_block_parse(b);
        assert_int_equal(qc_check_connect_end(&c.e, p, 77, &v), !over);
        assert_string_equal(qc_verdict_text(&v, text, sizeof text),
                            over ? "bad-cb-amount, coinbase pays too much (actual=2500000078 vs "
                                   "limit=2500000077)"
                                 : "Valid");
        qc_block_unref(p);
    }
    tb_block_free(b);
    tb_chain_free(chain);
    teardown(&c);
}

static void test_subsidy__halvings(void **state)
{
    (void)state;
    qc_params *p;
    assert_int_equal(qc_params_new(QC_CHAIN_MAIN, NULL, &p), QC_OK);
    assert_int_equal(qc_subsidy(p, 0), 5000000000);
    assert_int_equal(qc_subsidy(p, 209999), 5000000000);
    assert_int_equal(qc_subsidy(p, 210000), 2500000000);
    assert_int_equal(qc_subsidy(p, 840000), 312500000);
    assert_int_equal(qc_subsidy(p, 32 * 210000), 1);
    assert_int_equal(qc_subsidy(p, 33 * 210000), 0);
    assert_int_equal(qc_subsidy(p, 64 * 210000), 0);
    assert_int_equal(qc_subsidy(p, UINT32_MAX), 0);
    qc_amount sum = 0;
    for (uint32_t h = 0; h < 34 * 210000; h += 1000)
        sum += qc_subsidy(p, h) * 1000;
    assert_int_equal(sum, 2099999997690000);
    qc_params_free(p);
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, NULL, &p), QC_OK);
    assert_int_equal(qc_subsidy(p, 150), 2500000000);
    qc_params_free(p);
}

static void test_block_script_flags__heights_and_exceptions(void **state)
{
    (void)state;
    const uint32_t base = QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_TAPROOT;
    static const struct {
        uint32_t height, more;
    } c[] = {
        {0, 0},
        {363724, 0},
        {363725, QC_SCRIPT_DERSIG},
        {388380, QC_SCRIPT_DERSIG},
        {388381, QC_SCRIPT_DERSIG | QC_SCRIPT_CHECKLOCKTIMEVERIFY},
        {419327, QC_SCRIPT_DERSIG | QC_SCRIPT_CHECKLOCKTIMEVERIFY},
        {419328, QC_SCRIPT_DERSIG | QC_SCRIPT_CHECKLOCKTIMEVERIFY | QC_SCRIPT_CHECKSEQUENCEVERIFY},
        {481824, QC_SCRIPT_DERSIG | QC_SCRIPT_CHECKLOCKTIMEVERIFY | QC_SCRIPT_CHECKSEQUENCEVERIFY |
                     QC_SCRIPT_NULLDUMMY}};
    qc_params *p;
    qc_hash h = {{1}};
    assert_int_equal(qc_params_new(QC_CHAIN_MAIN, NULL, &p), QC_OK);
    for (size_t i = 0; i < QC_COUNTOF(c); i++)
        assert_int_equal(qc_block_script_flags(p, c[i].height, &h), base | c[i].more);
    assert_int_equal(
        qc_hash_parse("00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22", &h),
        QC_OK);
    assert_int_equal(qc_block_script_flags(p, 170060, &h), 0);
    assert_int_equal(
        qc_hash_parse("0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad", &h),
        QC_OK);
    assert_int_equal(qc_block_script_flags(p, 692261, &h),
                     QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | c[7].more);
    qc_params_free(p);
    assert_int_equal(qc_params_new(QC_CHAIN_TESTNET3, NULL, &p), QC_OK);
    assert_int_equal(
        qc_hash_parse("00000000dd30457c001f4095d208cc1296b0eed002427aa599874af7a432b105", &h),
        QC_OK);
    assert_int_equal(qc_block_script_flags(p, 514, &h), 0);
    qc_params_free(p);
}

static void test_bip30_applies__where(void **state)
{
    (void)state;
    qc_params *p;
    qc_hash other = {{1}}, repeat, first;
    assert_int_equal(
        qc_hash_parse("00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec", &repeat),
        QC_OK);
    assert_int_equal(
        qc_hash_parse("00000000000271a2dc26e7667f8419f2e15416dc6955e5a6c6cdf3f2574dd08e", &first),
        QC_OK);
    assert_int_equal(qc_params_new(QC_CHAIN_MAIN, NULL, &p), QC_OK);
    assert_true(qc_bip30_applies(p, 91841, &other, NULL));
    assert_true(qc_bip30_applies(p, 91842, &other, NULL));
    assert_false(qc_bip30_applies(p, 91842, &repeat, NULL));
    assert_true(qc_bip30_applies(p, 91880, &repeat, NULL));   /* the other one's height */
    assert_true(qc_bip30_applies(p, 300000, &other, &other)); /* another branch at BIP34 */
    assert_false(qc_bip30_applies(p, 300000, &other, &p->bip34_hash));
    assert_false(qc_bip30_applies(p, 1983701, &other, &p->bip34_hash));
    assert_true(qc_bip30_applies(p, 1983702, &other, &p->bip34_hash));
    assert_true(qc_bip30_overwritten(91722, &first));
    assert_false(qc_bip30_overwritten(91722, &other));
    assert_false(qc_bip30_overwritten(91723, &first));
    qc_params_free(p);
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, NULL, &p), QC_OK);
    assert_true(qc_bip30_applies(p, 500, &other, &other)); /* no known hash: always */
    qc_params_free(p);
}

QC_TEST_MAIN(cmocka_unit_test(test_check_connect_tx__adds_up),
             cmocka_unit_test(test_check_connect_tx__inputs),
             cmocka_unit_test(test_check_connect_tx__fees_in_range),
             cmocka_unit_test(test_check_connect_tx__relative_locks),
             cmocka_unit_test(test_check_connect_tx__sigop_cost),
             cmocka_unit_test(test_check_connect_tx__errors_in_order),
             cmocka_unit_test(test_check_connect_end__coinbase_value),
             cmocka_unit_test(test_subsidy__halvings),
             cmocka_unit_test(test_block_script_flags__heights_and_exceptions),
             cmocka_unit_test(test_bip30_applies__where))
