/* Scripts that are run before their transaction's turn: the answers stay the same, the work is done
 * where it should be, and nothing of it is left behind. */
#include "core/mempool/ahead.h"

#include "core/chain/coins.h"
#include "core/crypto/sha256.h"
#include "core/mempool/accept_internal.h"
#include "core/os/thread.h"
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

static bool held_ahead(const qc_txbuf *buf)
{
    return qc_ahead_holds(p.m, (const qc_hash *)buf->tx.rec->wtxid, qc_next_block_flags(p.m));
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
    assert_true(held_ahead(&buf));
    assert_false(scripts_known(&buf)); /* that is for its turn */
    qc_accept_result r = offer(&buf);
    assert_int_equal(r.kind, QC_ACCEPT_VALID);
    assert_true(scripts_known(&buf));
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
    t = plain(3);
    t->version = 3;
    const pk_coin made = pk_out(t, 0);
    pk_add(&p, t);
    not_begun(pk_spend(&made, 1, 5000, 1)); /* TRUC: a child of another version */
}

/* Six coins whose script counts 3,800 signature operations and runs none. */
static void test_ahead__too_many_sigops_are_not_run(void **state)
{
    (void)state;
    uint8_t script[194] = {0x00, 0x63}, pays[34] = {0x00, 0x20};
    memset(script + 2, 0xae, 190);
    script[192] = 0x68;
    script[193] = 0x51;
    qc_sha256(qc_span_of(script, sizeof script), pays + 2);
    tb_tx *t = pk_spend(&p.coin[0], 1, 0, 0);
    for (int i = 0; i < 6; i++)
        tb_tx_out(t, 100000000, qc_span_of(pays, sizeof pays));
    pk_coin coin[6];
    for (uint32_t i = 0; i < 6; i++)
        coin[i] = pk_out(t, i);
    pk_add(&p, t);
    t = pk_spend(coin, 6, 1000000, 1);
    for (size_t i = 0; i < 6; i++) {
        tb_tx_clear_witness(t, i);
        tb_tx_witness(t, i, qc_span_of(script, sizeof script));
    }
    qc_txbuf buf = parsed(t);
    assert_false(qc_mempool_ahead(p.m, &buf.tx));
    qc_accept_result r = offer(&buf);
    assert_string_equal(r.v.reason, "bad-txns-too-many-sigops");
    qc_accept_result_clear(&r);
    qc_txbuf_clear(&buf);
}

/* One that is refused has read a coin which another, that has come in, spends. */
static void test_ahead__a_coin_that_the_pool_needs_stays_in_the_cache(void **state)
{
    (void)state;
    tb_tx *bad = plain(3);
    tb_tx_witness(bad, 0, qc_span_str("x"));
    qc_txbuf a = parsed(bad), b = parsed(plain(3));
    assert_true(qc_mempool_ahead(p.m, &a.tx));
    qc_accept_result r = offer(&b);
    assert_int_equal(r.kind, QC_ACCEPT_VALID);
    qc_accept_result_clear(&r);
    qc_mempool_ahead_over(p.m, &a.tx);
    assert_true(in_cache(&p.coin[3]));
    qc_txbuf_clear(&a);
    qc_txbuf_clear(&b);
}

/* ---- what else the pool of threads is for ---- */

#define COSTLY_IN 90u
#define FEED 300u /* transactions; each takes some milliseconds */
#define KEPT 16u  /* in the line */

static _Atomic bool posted_ran;

static void note_run(void *arg)
{
    (void)arg;
    posted_ran = true;
}

/* It hashes 520 bytes 66 times. */
static size_t costly_script(uint8_t script[static 1000])
{
    static const uint8_t step[3] = {0x76, 0xaa, 0x75}; /* DUP HASH256 DROP */
    size_t n = 523;
    memset(script, 0, 1000);
    memcpy(script, "\x4d\x08\x02", 3);
    for (int i = 0; i < 66; i++, n += sizeof step)
        memcpy(script + n, step, sizeof step);
    script[n++] = 0x75;
    script[n++] = 0x51;
    return n;
}

/* Whose last input fails, after all the others have held. */
static qc_txbuf costly(const pk_coin *coin, uint32_t salt)
{
    uint8_t script[1000], more[4] = {1, (uint8_t)salt, (uint8_t)(salt >> 8), 1};
    size_t n = costly_script(script);
    tb_tx *t = pk_spend(coin, COSTLY_IN, 1000000, 1);
    for (size_t i = 0; i < COSTLY_IN; i++) {
        tb_tx_clear_witness(t, i);
        if (i + 1 == COSTLY_IN)
            tb_tx_witness(t, i, qc_span_of(more, sizeof more));
        tb_tx_witness(t, i, qc_span_of(script, n));
    }
    return parsed(t);
}

static void make_costly_coins(pk_coin *coin)
{
    uint8_t script[1000], pays[34] = {0x00, 0x20};
    size_t n = costly_script(script);
    qc_sha256(qc_span_of(script, n), pays + 2);
    tb_tx *t = pk_spend(&p.coin[0], 1, 0, 0);
    for (uint32_t i = 0; i < COSTLY_IN; i++)
        tb_tx_out(t, p.coin[0].value / COSTLY_IN - 1000, qc_span_of(pays, sizeof pays));
    for (uint32_t i = 0; i < COSTLY_IN; i++)
        coin[i] = pk_out(t, i);
    pk_add(&p, t);
}

static void test_ahead__other_work_waits_for_one_transaction_at_most(void **state)
{
    (void)state;
    pk_coin coin[COSTLY_IN];
    qc_txbuf buf[FEED];
    uint32_t n = 0, turn = 0;
    make_costly_coins(coin);
    posted_ran = false;
    for (; turn < FEED && !posted_ran; turn++) {
        for (; n < FEED && n - turn < KEPT; n++) {
            buf[n] = costly(coin, n);
            assert_true(qc_mempool_ahead(p.m, &buf[n].tx));
        }
        if (turn == 0)
            qc_pool_post(qc_chain_pool(p.k.c), note_run, NULL);
        qc_accept_result r = offer(&buf[turn]);
        assert_int_equal(r.kind, QC_ACCEPT_INVALID);
        qc_accept_result_clear(&r);
        qc_mempool_ahead_over(p.m, &buf[turn].tx);
    }
    assert_true(turn < FEED / 2);
    for (uint32_t i = turn; i < n; i++)
        qc_mempool_ahead_over(p.m, &buf[i].tx);
    while (n > 0)
        qc_txbuf_clear(&buf[--n]);
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
             T(test_ahead__too_many_sigops_are_not_run),
             T(test_ahead__a_coin_that_the_pool_needs_stays_in_the_cache),
             T(test_ahead__other_work_waits_for_one_transaction_at_most),
             T(test_ahead__what_is_called_off_leaves_no_coins_in_the_cache),
             T(test_ahead__there_is_an_end), T(test_ahead__its_parent_may_be_gone_by_then))
