/* The coins cache against a plain model, and the meaning of its flags. */
#include "core/chain/coins.h"

#include "tests/unit/harness.h"

#define N_KEYS 300u
#define DEPTH 3u

static qc_outpoint key(uint32_t n)
{
    qc_outpoint o = {.n = n % 7};
    memset(o.txid.b, (int)(n / 7 % 251), 32);
    o.txid.b[0] = (uint8_t)(n / 7);
    o.txid.b[1] = (uint8_t)(n / 7 >> 8);
    return o;
}

/* A coin that its version number determines, script lengths on both sides of the inline limit. */
static uint8_t bytes[256];
static qc_spent coin(uint32_t version)
{
    return (qc_spent){version, {bytes, version % 97}, version % 1000 + 1, version & 1};
}

static bool same(const qc_spent *a, const qc_spent *b)
{
    return a->value == b->value && a->height == b->height && a->coinbase == b->coinbase &&
           qc_span_eq(a->script, b->script);
}

struct model {
    uint32_t version[DEPTH][N_KEYS]; /* 0: no coin */
    qc_coins *view[DEPTH];
    unsigned top;
    uint32_t next;
};

static void check_all(struct model *m)
{
    for (unsigned d = 0; d <= m->top; d++) {
        assert_true(qc_coins_sane(m->view[d]));
        for (uint32_t k = 0; k < N_KEYS; k++) {
            qc_outpoint o = key(k);
            qc_spent got, want = coin(m->version[d][k]);
            qc_err err = qc_coins_get(m->view[d], &o, &got);
            assert_int_equal(err, m->version[d][k] ? QC_OK : QC_ENOENT);
            assert_int_equal(qc_coins_peek(m->view[d], &o, NULL) == QC_COINS_UNSPENT, !err);
            if (!err)
                assert_true(same(&got, &want));
        }
    }
}

static void change_one(struct model *m, uint32_t k, bool spend)
{
    qc_outpoint o = key(k);
    uint32_t *v = &m->version[m->top][k];
    if (spend) {
        assert_int_equal(qc_coins_spend(m->view[m->top], &o, false), *v ? QC_OK : QC_ENOENT);
        *v = 0;
        return;
    }
    qc_spent s = coin(++m->next);
    qc_err err = qc_coins_add(m->view[m->top], &o, &s, *v != 0);
    assert_int_equal(err, QC_OK);
    *v = m->next;
}

static void push(struct model *m)
{
    assert_int_equal(qc_coins_new_over(&m->view[m->top + 1], m->view[m->top]), QC_OK);
    m->top++;
    memcpy(m->version[m->top], m->version[m->top - 1], sizeof m->version[0]);
}

static void pop(struct model *m, bool merge)
{
    if (merge) {
        assert_int_equal(qc_coins_merge(m->view[m->top]), QC_OK);
        memcpy(m->version[m->top - 1], m->version[m->top], sizeof m->version[0]);
    }
    qc_coins_free(m->view[m->top--]);
}

static void test_coins__stacked_caches_agree_with_a_plain_table(void **state)
{
    (void)state;
    static struct model m;
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(qc_coins_new(&m.view[0], NULL), QC_OK);
    for (unsigned round = 0; round < 60000; round++) {
        uint64_t r = test_rand(&seed);
        change_one(&m, (uint32_t)(r >> 8) % N_KEYS, (r & 3) < 2);
        if (r >> 40 & 63)
            continue;
        if (m.top + 1 < DEPTH && (r >> 50 & 1))
            push(&m);
        else if (m.top)
            pop(&m, (r >> 51 & 3) != 0);
        check_all(&m);
    }
    while (m.top)
        pop(&m, true);
    check_all(&m);
    qc_coins_free(m.view[0]);
}

static void test_coins_spend__made_and_spent_leaves_nothing_to_write(void **state)
{
    (void)state;
    qc_coins *c;
    qc_outpoint o = key(1);
    qc_spent s = coin(60);
    assert_int_equal(qc_coins_new(&c, NULL), QC_OK);
    assert_int_equal(qc_coins_add(c, &o, &s, false), QC_OK);
    assert_int_equal(qc_coins_dirty(c), 1);
    assert_int_equal(qc_coins_spend(c, &o, true), QC_OK);
    assert_int_equal(qc_coins_count(c), 0);
    assert_int_equal(qc_coins_dirty(c), 0);
    qc_coins_free(c);
}

/* Spent here but still there below: made again and spent again, the spend must not be forgotten. */
static void test_coins_add__over_a_hidden_coin_is_never_fresh(void **state)
{
    (void)state;
    qc_coins *c;
    qc_outpoint o = key(1);
    qc_spent s = coin(60);
    assert_int_equal(qc_coins_new(&c, NULL), QC_OK);
    assert_int_equal(qc_coins_spend(c, &o, true), QC_OK); /* known to be in the database */
    assert_int_equal(qc_coins_dirty(c), 1);
    assert_int_equal(qc_coins_add(c, &o, &s, false), QC_OK);
    assert_int_equal(qc_coins_spend(c, &o, true), QC_OK);
    assert_int_equal(qc_coins_peek(c, &o, NULL), QC_COINS_SPENT);
    assert_int_equal(qc_coins_dirty(c), 1);
    qc_coins_free(c);
}

static void test_coins_add__an_unspent_coin_is_not_replaced_unasked(void **state)
{
    (void)state;
    qc_coins *c;
    qc_outpoint o = key(1);
    qc_spent a = coin(60), b = coin(80), got;
    assert_int_equal(qc_coins_new(&c, NULL), QC_OK);
    assert_int_equal(qc_coins_add(c, &o, &a, false), QC_OK);
    assert_int_equal(qc_coins_add(c, &o, &b, false), QC_EBUG);
    assert_int_equal(qc_coins_get(c, &o, &got), QC_OK);
    assert_true(same(&got, &a));
    assert_int_equal(qc_coins_add(c, &o, &b, true), QC_OK);
    assert_int_equal(qc_coins_get(c, &o, &got), QC_OK);
    assert_true(same(&got, &b));
    qc_coins_free(c);
}

static void test_coins__a_lent_script_stays_while_the_table_grows(void **state)
{
    (void)state;
    qc_coins *c;
    qc_outpoint o = key(50);
    qc_spent s = coin(90), got;
    assert_int_equal(qc_coins_new(&c, NULL), QC_OK);
    assert_int_equal(qc_coins_add(c, &o, &s, false), QC_OK);
    assert_int_equal(qc_coins_get(c, &o, &got), QC_OK);
    for (uint32_t n = 0; n < 100000; n++) {
        qc_outpoint p = {.n = n};
        assert_int_equal(qc_coins_add(c, &p, &s, false), QC_OK);
    }
    assert_int_equal(qc_coins_count(c), 100001);
    assert_true(same(&got, &s));
    assert_true(qc_coins_usage(c) > 100000 * 90);
    qc_coins_free(c);
}

static qc_err fill_some(qc_coins **out)
{
    qc_err err = qc_coins_new(out, NULL);
    for (uint32_t n = 0; n < 6000 && !err; n++) {
        qc_outpoint o = {.n = n};
        qc_spent s = coin(n % 500 == 0 ? 90 : 20);
        err = qc_coins_add(*out, &o, &s, false);
    }
    return err;
}

static void test_coins__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_coins *c = NULL;
        qc_err err = fill_some(&c);
        assert_true(!err == !fault_was_hit());
        assert_true(!err || err == QC_ENOMEM);
        if (c)
            assert_true(qc_coins_sane(c));
        qc_coins_free(c);
    }
    assert_true(runs > 10);
}

QC_TEST_MAIN(cmocka_unit_test(test_coins__stacked_caches_agree_with_a_plain_table),
             cmocka_unit_test(test_coins_spend__made_and_spent_leaves_nothing_to_write),
             cmocka_unit_test(test_coins_add__over_a_hidden_coin_is_never_fresh),
             cmocka_unit_test(test_coins_add__an_unspent_coin_is_not_replaced_unasked),
             cmocka_unit_test(test_coins__a_lent_script_stays_while_the_table_grows),
             cmocka_unit_test(test_coins__survives_each_single_fault))
