/* Scripts that are run before their transaction's turn: the answers stay the same, the work is done
 * where it should be, and nothing of it is left behind. */
#include "core/mempool/ahead.h"

#include "core/chain/coins.h"
#include "core/mempool/accept_internal.h"
#include "core/script/sigcache.h"
#include "tests/unit/pool_kit.h"

static pool_kit p;

/* A pool on a chain with a worker, whose coins are in the database only. */
static int start(void **state)
{
    (void)state;
    pk_init(&p);
    p.k.o.par = 2;
    kit_reopen(&p.k);
    p.o.chain = p.k.c;
    pk_open(&p);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pk_end(&p);
    return 0;
}

static qc_txbuf parsed(QC_OWN tb_tx *t)
{
    qc_txbuf buf;
    tb_tx_parse(t, &buf);
    tb_tx_free(t);
    return buf;
}

static qc_accept_result offer(const qc_txbuf *buf)
{
    const qc_accept_opts o = {.test_only = false};
    qc_accept_result r;
    assert_int_equal(qc_mempool_accept(p.m, &buf->tx, &o, &r), QC_OK);
    return r;
}

static bool scripts_known(const qc_txbuf *buf)
{
    return qc_script_cache_has(qc_chain_script_cache(p.k.c), (const qc_hash *)buf->tx.rec->wtxid,
                               qc_next_block_flags(p.m), false);
}

static bool in_cache(const pk_coin *c)
{
    return qc_coins_peek(qc_chain_coins(p.k.c), &c->o, NULL) == QC_COINS_UNSPENT;
}

static tb_tx *plain(size_t i)
{
    return pk_spend(&p.coin[i], 1, 1000, 2);
}

/* Not worth it, and no trace of it. */
static void not_begun(QC_OWN tb_tx *t)
{
    qc_script_err err;
    uint32_t in;
    qc_txbuf buf = parsed(t);
    assert_false(qc_mempool_ahead(p.m, &buf.tx));
    assert_false(qc_ahead_result(p.m, (const qc_hash *)buf.tx.rec->wtxid, &err, &in));
    qc_txbuf_clear(&buf);
}

static void test_ahead__scripts_are_known_before_the_turn(void **state)
{
    (void)state;
    qc_script_err err;
    uint32_t in;
    qc_txbuf buf = parsed(plain(0));
    assert_true(qc_mempool_ahead(p.m, &buf.tx));
    assert_true(qc_ahead_result(p.m, (const qc_hash *)buf.tx.rec->wtxid, &err, &in));
    assert_int_equal(err, QC_SE_OK);
    assert_true(scripts_known(&buf));
    qc_accept_result r = offer(&buf);
    assert_int_equal(r.kind, QC_ACCEPT_VALID);
    qc_accept_result_clear(&r);
    qc_mempool_ahead_over(p.m, &buf.tx);
    assert_false(qc_ahead_result(p.m, (const qc_hash *)buf.tx.rec->wtxid, &err, &in));
    assert_true(in_cache(&p.coin[0]));
    qc_txbuf_clear(&buf);
}

static void test_ahead__a_script_that_fails_is_told_as_ever(void **state)
{
    (void)state;
    qc_accept_result r[2];
    for (int ahead = 0; ahead < 2; ahead++) {
        tb_tx *t = pk_spend(p.coin, 2, 1000, 1);
        tb_tx_witness(t, 1, qc_span_str("x"));
        qc_txbuf buf = parsed(t);
        if (ahead)
            assert_true(qc_mempool_ahead(p.m, &buf.tx));
        r[ahead] = offer(&buf);
        if (ahead)
            qc_mempool_ahead_over(p.m, &buf.tx);
        assert_false(scripts_known(&buf));
        qc_txbuf_clear(&buf);
        assert_false(in_cache(&p.coin[0]));
    }
    assert_int_equal(r[0].kind, QC_ACCEPT_INVALID);
    assert_non_null(strstr(r[0].v.debug, "input 1 of"));
    assert_int_equal(r[0].v.code, r[1].v.code);
    assert_string_equal(r[0].v.reason, r[1].v.reason);
    assert_string_equal(r[0].v.debug, r[1].v.debug);
    qc_accept_result_clear(&r[0]);
    qc_accept_result_clear(&r[1]);
}

static void test_ahead__only_what_would_get_that_far_is_begun(void **state)
{
    (void)state;
    const pk_coin none = {{.n = 3}, 5000};
    not_begun(pk_spend(&none, 1, 1000, 1));
    not_begun(pk_spend(&p.coin[1], 1, 0, 1));
    assert_false(in_cache(&p.coin[1]));
    tb_tx *t = plain(1);
    t->locktime = PK_BLOCKS + 50;
    t->in[0].sequence = 0;
    not_begun(t);
    t = plain(1);
    t->version = 9;
    not_begun(t);
    assert_false(in_cache(&p.coin[1]));
    pk_add(&p, plain(2));
    not_begun(plain(2));
    not_begun(pk_spend(&p.coin[2], 1, 9000, 1)); /* a replacement is judged in its turn */
}

static void test_ahead__twice_is_once(void **state)
{
    (void)state;
    qc_txbuf a = parsed(plain(0)), b = parsed(plain(0));
    assert_true(qc_mempool_ahead(p.m, &a.tx));
    assert_false(qc_mempool_ahead(p.m, &b.tx));
    qc_mempool_ahead_over(p.m, &a.tx);
    assert_true(qc_mempool_ahead(p.m, &b.tx));
    qc_mempool_ahead_over(p.m, &b.tx);
    qc_txbuf_clear(&a);
    qc_txbuf_clear(&b);
}

static void test_ahead__what_is_called_off_leaves_no_coins_in_the_cache(void **state)
{
    (void)state;
    qc_txbuf buf[PK_COINS];
    for (size_t i = 0; i < PK_COINS; i++) {
        buf[i] = parsed(plain(i));
        assert_true(qc_mempool_ahead(p.m, &buf[i].tx));
        assert_true(in_cache(&p.coin[i]));
    }
    for (size_t i = PK_COINS; i-- > 0;) {
        qc_mempool_ahead_over(p.m, &buf[i].tx);
        assert_false(in_cache(&p.coin[i]));
        qc_txbuf_clear(&buf[i]);
    }
}

static void test_ahead__there_is_an_end(void **state)
{
    (void)state;
    pk_coin many[QC_AHEAD_MAX + 1];
    qc_txbuf buf[QC_AHEAD_MAX + 1];
    tb_tx *t = pk_spend(p.coin, 4, 10000, QC_AHEAD_MAX + 1);
    for (uint32_t i = 0; i <= QC_AHEAD_MAX; i++)
        many[i] = pk_out(t, i);
    pk_add(&p, t);
    for (size_t i = 0; i <= QC_AHEAD_MAX; i++) {
        buf[i] = parsed(pk_spend(&many[i], 1, 1000, 1));
        assert_int_equal(qc_mempool_ahead(p.m, &buf[i].tx), i < QC_AHEAD_MAX);
    }
    for (size_t i = 0; i <= QC_AHEAD_MAX; i++) {
        qc_accept_result r = offer(&buf[i]);
        assert_int_equal(r.kind, QC_ACCEPT_VALID);
        assert_true(scripts_known(&buf[i]));
        qc_accept_result_clear(&r);
        if (i < QC_AHEAD_MAX)
            qc_mempool_ahead_over(p.m, &buf[i].tx);
        qc_txbuf_clear(&buf[i]);
    }
    qc_mempool_check(p.m);
}

static void test_ahead__its_parent_may_be_gone_by_then(void **state)
{
    (void)state;
    tb_tx *t = plain(0);
    const pk_coin made = pk_out(t, 0);
    const qc_mempool_entry *parent = pk_add(&p, t);
    qc_txbuf buf = parsed(pk_spend(&made, 1, 1000, 1));
    assert_true(qc_mempool_ahead(p.m, &buf.tx));
    qc_pool_remove_tree(p.m, (qc_mempool_entry *)(uintptr_t)parent, QC_GONE_EXPIRY, NULL);
    qc_accept_result r = offer(&buf);
    assert_int_equal(r.kind, QC_ACCEPT_INVALID);
    assert_int_equal(r.v.code, QC_V_MISSING_INPUTS);
    qc_accept_result_clear(&r);
    qc_mempool_ahead_over(p.m, &buf.tx);
    qc_txbuf_clear(&buf);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, finish)
QC_TEST_MAIN(T(test_ahead__scripts_are_known_before_the_turn),
             T(test_ahead__a_script_that_fails_is_told_as_ever),
             T(test_ahead__only_what_would_get_that_far_is_begun), T(test_ahead__twice_is_once),
             T(test_ahead__what_is_called_off_leaves_no_coins_in_the_cache),
             T(test_ahead__there_is_an_end), T(test_ahead__its_parent_may_be_gone_by_then))
