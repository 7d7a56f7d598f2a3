/* Which coins are chosen: sums against a plain count, exact sums without change, change and dust,
 * who pays the fee, tiers, and what is refused. */
#include "plugins/watch/fund.h"
#include "tests/unit/harness.h"

#define IN 272u     /* an input of P2WPKH */
#define LEGACY 592u /* of P2PKH */
#define OUT 124u    /* an output of P2WPKH */
#define RATE 10000u /* 10 satoshis per virtual byte */
#define DUST 294

static wt_fund ask(wt_fund_coin *coin, size_t n, int64_t target)
{
    return (wt_fund){.coin = coin,
                     .n = n,
                     .rate = RATE,
                     .target = target,
                     .n_out = 1,
                     .out_weight = OUT,
                     .change = OUT,
                     .change_spend = IN,
                     .dust = DUST,
                     .more = true};
}

static void fill(wt_fund_coin *coin, const int64_t *value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        coin[i] = (wt_fund_coin){.value = value[i], .weight = IN, .witness = true};
}

/* All that must hold of an answer, counted by hand. */
static void check(const wt_fund *f)
{
    uint64_t w = f->out_weight + (f->left ? f->change : 0);
    int64_t in = 0;
    size_t n = 0, n_witness = 0;
    for (size_t i = 0; i < f->n; i++) {
        assert_true(f->coin[i].chosen || !f->coin[i].given);
        if (!f->coin[i].chosen)
            continue;
        in += f->coin[i].value;
        w += f->coin[i].weight;
        n++;
        n_witness += f->coin[i].witness;
    }
    w += 4u * (4u + 4u + (n > 252 ? 3u : 1u) + (f->n_out + !!f->left > 252 ? 3u : 1u));
    w += n_witness ? 2 + n - n_witness : 0;
    assert_int_equal(f->weight, w);
    assert_int_equal(in, f->target - f->short_of + f->fee + f->left);
    uint64_t vsize = (w + 3) / 4;
    int64_t least = (int64_t)((f->rate * vsize + 999) / 1000);
    assert_true(f->fee >= least);
    if (f->left) {
        assert_true(f->left >= f->dust);
        assert_int_equal(f->fee, least);
    }
}

static size_t chosen(const wt_fund *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        n += f->coin[i].chosen;
    return n;
}

static void test_choose__takes_the_largest_and_gives_change(void **state)
{
    (void)state;
    wt_fund_coin coin[3];
    fill(coin, (const int64_t[]){100000, 500000, 200000}, 3);
    wt_fund f = ask(coin, 3, 300000);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_true(coin[1].chosen);
    assert_int_equal(chosen(&f), 1);
    /* 4 * 10 + 2 + 272 + 2 * 124 = 562 units are 141 bytes */
    assert_int_equal(f.fee, 1410);
    assert_int_equal(f.left, 500000 - 300000 - 1410);
    f = ask(coin, 3, 600000);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_int_equal(chosen(&f), 2);
    assert_false(coin[0].chosen);
}

static void test_choose__finds_the_sum_that_needs_no_change(void **state)
{
    (void)state;
    wt_fund_coin coin[6];
    fill(coin, (const int64_t[]){900000, 70000, 30000, 21000, 11000, 5000}, 6);
    /* 30000 + 11000, two inputs and an output: 40 + 2 + 2 * 272 + 124 = 710 units, 178 bytes. */
    wt_fund f = ask(coin, 6, 41000 - 1780);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_true(coin[2].chosen && coin[4].chosen);
    assert_int_equal(chosen(&f), 2);
    assert_int_equal(f.left, 0);
    assert_int_equal(f.fee, 1780);
    /* A little less is found too, and goes to the miner; with less than change would cost. */
    f = ask(coin, 6, 41000 - 1780 - 600);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_int_equal(f.left, 0);
    assert_int_equal(f.fee, 2380);
}

static void test_choose__change_that_is_dust_is_left_to_the_miner(void **state)
{
    (void)state;
    wt_fund_coin coin[1];
    fill(coin, (const int64_t[]){100000}, 1);
    coin[0].given = true;
    /* One input and output: 40 + 2 + 272 + 124 = 438 units, 110 bytes; with change 141. */
    const struct {
        int64_t target, left, fee;
    } ROW[] = {{100000 - 1100, 0, 1100},
               {100000 - 1410 - 679, 0, 2089}, /* its input would cost 680 */
               {100000 - 1410 - 680, 680, 1410},
               {50000, 100000 - 50000 - 1410, 1410}};
    for (size_t i = 0; i < QC_COUNTOF(ROW); i++) {
        wt_fund f = ask(coin, 1, ROW[i].target);
        assert_int_equal(wt_fund_choose(&f), QN_OK);
        check(&f);
        assert_int_equal(f.left, ROW[i].left);
        assert_int_equal(f.fee, ROW[i].fee);
    }
    wt_fund f = ask(coin, 1, 100000 - 1099);
    assert_int_equal(wt_fund_choose(&f), QN_E_NOTFOUND);
    f = ask(coin, 1, 100000 - 1410 - 5000);
    f.dust = 5001;
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    assert_int_equal(f.left, 0);
    f.change = 0; /* there can be none */
    f.dust = DUST;
    assert_int_equal(wt_fund_choose(&f), QN_E_END);
}

static void test_choose__outputs_pay_the_fee(void **state)
{
    (void)state;
    wt_fund_coin coin[2];
    fill(coin, (const int64_t[]){100000, 40000}, 2);
    wt_fund f = ask(coin, 2, 140000); /* all there is */
    f.subtract = true;
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_int_equal(f.left, 0);
    assert_int_equal(f.fee, 1780);
    assert_int_equal(f.short_of, 1780);
    f = ask(coin, 2, 90000);
    f.subtract = true;
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_int_equal(f.left, 10000);
    assert_int_equal(f.short_of, 1410);
    f = ask(coin, 2, 99900); /* a hundred is no change: the outputs pay so much less */
    f.subtract = true;
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_int_equal(f.left, 0);
    assert_int_equal(f.fee, 1100);
    assert_int_equal(f.short_of, 1000);
    f = ask(coin, 2, 140001);
    f.subtract = true;
    assert_int_equal(wt_fund_choose(&f), QN_E_NOTFOUND);
}

static void test_choose__tiers_in_their_order(void **state)
{
    (void)state;
    wt_fund_coin coin[3];
    fill(coin, (const int64_t[]){900000, 50000, 800000}, 3);
    coin[0].tier = 2;
    coin[2].tier = 1;
    wt_fund f = ask(coin, 3, 40000);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_true(coin[1].chosen && chosen(&f) == 1);
    f = ask(coin, 3, 400000);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_false(coin[0].chosen);
    f = ask(coin, 3, 1000000);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_true(coin[0].chosen);
    /* What was named is spent though it is not needed, and nothing is added that may not be. */
    coin[2].given = true;
    f = ask(coin, 3, 40000);
    f.more = false;
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_true(coin[2].chosen && chosen(&f) == 1);
    f = ask(coin, 3, 810000);
    f.more = false;
    assert_int_equal(wt_fund_choose(&f), QN_E_NOTFOUND);
}

static void test_choose__leaves_what_costs_more_than_it_is_worth(void **state)
{
    (void)state;
    wt_fund_coin coin[101];
    int64_t value[101];
    for (size_t i = 0; i < 101; i++)
        value[i] = 600; /* its input costs 680 */
    value[7] = 50000;
    fill(coin, value, 101);
    wt_fund f = ask(coin, 101, 60000);
    assert_int_equal(wt_fund_choose(&f), QN_E_NOTFOUND);
    f = ask(coin, 101, 20000);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f);
    assert_int_equal(chosen(&f), 1);
}

static void test_choose__is_limited_in_weight_and_money(void **state)
{
    (void)state;
    static wt_fund_coin coin[2000];
    static int64_t value[2000];
    for (size_t i = 0; i < 2000; i++)
        value[i] = 100000 + (int64_t)i;
    fill(coin, value, 2000);
    wt_fund f = ask(coin, 2000, 1600 * 100000);
    assert_int_equal(wt_fund_choose(&f), QN_E_LIMIT);
    f = ask(coin, 2000, 300 * 90000);
    assert_int_equal(wt_fund_choose(&f), QN_OK);
    check(&f); /* counts of three bytes */
    assert_true(chosen(&f) > 252);
    fill(coin, (const int64_t[]){INT64_C(2000000000000000), INT64_C(2000000000000000)}, 2);
    coin[0].given = coin[1].given = true;
    f = ask(coin, 2, 1000);
    assert_int_equal(wt_fund_choose(&f), QN_E_CORRUPT);
    f = ask(coin, 0, 1000);
    assert_int_equal(wt_fund_choose(&f), QN_E_NOTFOUND);
    f.rate = UINT64_MAX;
    assert_int_equal(wt_fund_choose(&f), QN_E_CORRUPT);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Whatever there is: the sums are right, and where the coins suffice with change they are taken. */
static void test_choose__random_coins_add_up(void **state)
{
    (void)state;
    uint64_t seed = 1;
    wt_fund_coin coin[40];
    for (int round = 0; round < 3000; round++) {
        size_t n = next(&seed) % 40;
        int64_t worth = 0;
        for (size_t i = 0; i < n; i++) {
            bool witness = next(&seed) % 3 != 0;
            coin[i] = (wt_fund_coin){.value = (int64_t)(next(&seed) % 100000),
                                     .weight = witness ? IN : LEGACY,
                                     .witness = witness,
                                     .given = next(&seed) % 20 == 0,
                                     .tier = (uint8_t)(next(&seed) % 3)};
            int64_t gain = coin[i].value - (int64_t)(RATE * (coin[i].weight + 1u) / 4000 + 1);
            worth += gain > 0 || coin[i].given ? gain : 0;
        }
        wt_fund f = ask(coin, n, (int64_t)(next(&seed) % 1000000));
        f.subtract = next(&seed) % 4 == 0;
        f.rate = next(&seed) % RATE;
        qn_status st = wt_fund_choose(&f);
        if (st == QN_OK)
            check(&f);
        else
            assert_int_equal(st, QN_E_NOTFOUND);
        if (worth > f.target + 3000)
            assert_int_equal(st, QN_OK);
    }
}

static void test_dust__is_what_nodes_say(void **state)
{
    (void)state;
    /* The values that bitcoind's -dustrelayfee of 3000 comes to (policy/policy.cpp). */
    uint8_t p2pkh[25] = {0x76, 0xa9, 20}, p2wpkh[22] = {0, 20}, p2tr[34] = {0x51, 32};
    uint8_t p2sh[23] = {0xa9, 20}, data[3] = {0x6a, 1, 1};
    p2pkh[23] = 0x88;
    p2pkh[24] = 0xac;
    p2sh[22] = 0x87;
    assert_int_equal(wt_dust_of(p2pkh, sizeof p2pkh, 3000), 546);
    assert_int_equal(wt_dust_of(p2sh, sizeof p2sh, 3000), 540);
    assert_int_equal(wt_dust_of(p2wpkh, sizeof p2wpkh, 3000), 294);
    assert_int_equal(wt_dust_of(p2tr, sizeof p2tr, 3000), 330);
    assert_int_equal(wt_dust_of(data, sizeof data, 3000), 0);
    assert_int_equal(wt_fee_of(1001, 561), 142); /* 141 bytes at 1.001 */
    assert_int_equal(wt_fee_of(1, 4), 1);
    assert_int_equal(wt_compact(252), 1);
    assert_int_equal(wt_compact(253), 3);
    assert_int_equal(wt_compact(65536), 5);
}

QC_TEST_MAIN(cmocka_unit_test(test_choose__takes_the_largest_and_gives_change),
             cmocka_unit_test(test_choose__finds_the_sum_that_needs_no_change),
             cmocka_unit_test(test_choose__change_that_is_dust_is_left_to_the_miner),
             cmocka_unit_test(test_choose__outputs_pay_the_fee),
             cmocka_unit_test(test_choose__tiers_in_their_order),
             cmocka_unit_test(test_choose__leaves_what_costs_more_than_it_is_worth),
             cmocka_unit_test(test_choose__is_limited_in_weight_and_money),
             cmocka_unit_test(test_choose__random_coins_add_up),
             cmocka_unit_test(test_dust__is_what_nodes_say))
