/* The pool and a chain that grows, turns back and grows elsewhere: by hand, and at random against a
 * plain model of what must be waiting. */
#include "core/mempool/pool.h"

#include "core/mempool/accept.h"
#include "tests/unit/pool_kit.h"

static pool_kit p;

static int start(void **state)
{
    (void)state;
    pk_start(&p);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pk_end(&p);
    return 0;
}

static void invalidate_tip(void)
{
    assert_int_equal(qc_chain_invalidate(p.k.c, qc_chain_tip(p.k.c)), QC_OK);
    qc_mempool_check(p.m);
}

/* Sequence numbers go up by one. */
static void check_sequence(void)
{
    uint64_t last = 0;
    for (size_t i = 0; i < p.n_news; i++)
        if (p.news[i].kind == PK_ADDED || p.news[i].kind == PK_REMOVED) {
            assert_int_equal(p.news[i].sequence, last + 1);
            last = p.news[i].sequence;
        }
    assert_int_equal(qc_mempool_sequence(p.m), last + 1);
}

static void test_block__takes_its_transactions_and_their_rivals(void **state)
{
    (void)state;
    tb_tx *a = pk_spend(&p.coin[0], 1, 1000, 1), *b = pk_spend(&p.coin[1], 1, 1000, 1);
    tb_tx *rival = pk_spend(&p.coin[1], 1, 2000, 2);
    pk_coin of_a = pk_out(a, 0), of_b = pk_out(b, 0);
    tb_tx *child_a = pk_spend(&of_a, 1, 1000, 1), *child_b = pk_spend(&of_b, 1, 1000, 1);
    qc_hash ids[] = {tb_txid(a), tb_txid(b), tb_txid(child_a), tb_txid(child_b)};
    pk_add(&p, tb_tx_copy(a));
    pk_add(&p, b);
    pk_add(&p, child_a);
    pk_add(&p, child_b);
    qc_mempool_prioritise(p.m, &ids[0], 10);
    qc_mempool_prioritise(p.m, &ids[1], 10);
    qc_mempool_prioritise(p.m, &ids[2], 10);
    size_t from = p.n_news;
    tb_tx *mined[] = {a, rival};
    pk_mine(&p, mined, 2);
    qc_mempool_check(p.m);
    assert_int_equal(qc_mempool_count(p.m), 1);
    assert_true(pk_has(&p, &ids[2]));
    assert_int_equal(qc_mempool_delta(p.m, &ids[0]), 0);
    assert_int_equal(qc_mempool_delta(p.m, &ids[1]), 0);
    assert_int_equal(qc_mempool_delta(p.m, &ids[2]), 10);
    /* The block's tip first, then what it took, then that it is over. */
    const qc_hash *tip = &qc_chain_tip(p.k.c)->hash;
    assert_int_equal(p.news[from].kind, PK_TIP);
    size_t gone = pk_find_news(&p, from, PK_REMOVED, &ids[0]);
    assert_int_equal(p.news[gone].why, QC_GONE_BLOCK);
    assert_true(p.news[gone].has_by && qc_hash_eq(&p.news[gone].by, tip));
    for (size_t i = 1; i < 4; i += 2) {
        gone = pk_find_news(&p, from, PK_REMOVED, &ids[i]);
        assert_int_equal(p.news[gone].why, QC_GONE_CONFLICT);
        assert_true(qc_hash_eq(&p.news[gone].by, tip));
    }
    assert_int_equal(p.news[p.n_news - 1].kind, PK_BLOCK);
    assert_int_equal(p.n_news, from + 5);
    check_sequence();
    tb_tx_free(a);
    tb_tx_free(rival);
}

static void test_reorg__what_was_in_a_block_comes_back_with_its_children(void **state)
{
    (void)state;
    tb_tx *a = pk_spend(&p.coin[0], 1, 0, 1); /* too cheap to come by itself */
    pk_coin out = pk_out(a, 0);
    tb_tx *child = pk_spend(&out, 1, 1000, 1);
    qc_hash ids[] = {tb_txid(a), tb_txid(child)};
    pk_mine(&p, &a, 1);
    pk_add(&p, child);
    size_t from = p.n_news;
    invalidate_tip();
    assert_int_equal(qc_mempool_count(p.m), 2);
    const qc_mempool_entry *e = qc_mempool_find(p.m, &ids[0]);
    assert_int_equal(e->sequence, 0);
    qc_mempool_family f;
    qc_mempool_family_of(p.m, e, &f);
    assert_int_equal(f.descendants, 2);
    size_t came = pk_find_news(&p, from, PK_ADDED, &ids[0]);
    assert_true(p.news[came].added.limits_bypassed);
    assert_int_equal(p.news[from].kind, PK_TIP);
    check_sequence();
    tb_tx_free(a);
}

static void test_reorg__what_is_too_early_again_goes(void **state)
{
    (void)state;
    tb_tx *by_height = pk_spend(&p.coin[0], 1, 1000, 1);
    by_height->locktime = PK_BLOCKS + 1;
    by_height->in[0].sequence = 0xfffffffe;
    tb_tx *relative = pk_spend(&p.coin[1], 1, 1000, 1);
    relative->in[0].sequence = PK_BLOCKS + 2 - 2;
    pk_mine(&p, NULL, 0);
    qc_hash ids[3] = {tb_txid(by_height), tb_txid(relative)};
    pk_add(&p, by_height);
    pk_add(&p, relative);
    tb_tx *young = NULL;
    qc_block *b; /* coinbase of height 32 can be spent in block 132 for the first time */
    assert_int_equal(qc_chain_read_block(p.k.c, qc_chain_at(p.k.c, 32), &b), QC_OK);
    qc_tx cb = qc_block_tx(b, 0);
    pk_coin c = {.value = cb.out[0].value};
    memcpy(c.o.txid.b, cb.rec->txid, 32);
    young = pk_spend(&c, 1, 1000, 1);
    ids[2] = tb_txid(young);
    pk_coin next = pk_out(young, 0);
    qc_block_unref(b);
    pk_add(&p, young);
    pk_add(&p, pk_spend(&next, 1, 1000, 1));
    pk_add(&p, pk_spend(&p.coin[3], 1, 1000, 1));
    assert_int_equal(qc_mempool_count(p.m), 5);
    size_t from = p.n_news;
    invalidate_tip();
    assert_int_equal(qc_mempool_count(p.m), 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(p.news[pk_find_news(&p, from, PK_REMOVED, &ids[i])].why, QC_GONE_REORG);
    check_sequence();
}

static void test_reorg__children_of_a_lost_coinbase_go(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        pk_mine(&p, NULL, 0);
    qc_block *b;
    assert_int_equal(qc_chain_read_block(p.k.c, qc_chain_at(p.k.c, PK_BLOCKS + 1), &b), QC_OK);
    qc_tx cb = qc_block_tx(b, 0);
    pk_coin c = {.value = cb.out[0].value};
    memcpy(c.o.txid.b, cb.rec->txid, 32);
    qc_block_unref(b);
    pk_add(&p, pk_spend(&c, 1, 1000, 1));
    assert_int_equal(qc_chain_invalidate(p.k.c, qc_chain_at(p.k.c, PK_BLOCKS + 1)), QC_OK);
    assert_int_equal(kit_height(&p.k), PK_BLOCKS);
    assert_int_equal(qc_mempool_count(p.m), 0);
    qc_mempool_check(p.m);
    check_sequence();
}

static void test_invalidate__only_ten_blocks_give_back(void **state)
{
    (void)state;
    qc_hash ids[12];
    for (unsigned i = 0; i < 12; i++) {
        tb_tx *tx = pk_spend(&p.coin[i], 1, 1000, 1);
        ids[i] = tb_txid(tx);
        pk_mine(&p, &tx, 1);
        tb_tx_free(tx);
    }
    assert_int_equal(qc_chain_invalidate(p.k.c, qc_chain_at(p.k.c, PK_BLOCKS + 1)), QC_OK);
    assert_int_equal(qc_mempool_count(p.m), 10);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(pk_has(&p, &ids[i]), i >= 2);
    qc_mempool_check(p.m);
}

static void test_reorg__clusters_that_became_too_large_are_trimmed(void **state)
{
    (void)state;
    tb_tx *fan = pk_spend(&p.coin[0], 1, 10000, QC_MEMPOOL_CLUSTER_COUNT + 6);
    pk_mine(&p, &fan, 1);
    for (uint32_t i = 0; i < QC_MEMPOOL_CLUSTER_COUNT + 6; i++) {
        const pk_coin c = pk_out(fan, i);
        pk_add(&p, pk_spend(&c, 1, 1000 + i, 1));
    }
    size_t from = p.n_news;
    invalidate_tip();
    assert_int_equal(qc_mempool_count(p.m), QC_MEMPOOL_CLUSTER_COUNT);
    qc_hash id = tb_txid(fan);
    assert_true(pk_has(&p, &id));
    assert_int_equal(p.news[pk_find_news(&p, from, PK_REMOVED, NULL)].why, QC_GONE_SIZELIMIT);
    check_sequence();
    tb_tx_free(fan);
}

#define HEAVY 21u /* blocks of about a megabyte each: more than are kept for a reorganisation */
#define PER_BLOCK 11u

static void test_reorg__only_so_much_is_kept_to_be_given_back(void **state)
{
    (void)state;
    tb_tx *fan = pk_spend(&p.coin[0], 1, 100000, HEAVY * PER_BLOCK);
    pk_mine(&p, &fan, 1);
    uint32_t base = kit_height(&p.k);
    static qc_hash ids[HEAVY][PER_BLOCK];
    for (uint32_t h = 0; h < HEAVY; h++) {
        tb_tx *tx[PER_BLOCK];
        for (uint32_t i = 0; i < PER_BLOCK; i++) {
            const pk_coin c = pk_out(fan, h * PER_BLOCK + i);
            tx[i] = pk_spend(&c, 1, 100000, 1);
            pk_pad(tx[i], 89000);
            ids[h][i] = tb_txid(tx[i]);
        }
        pk_mine(&p, tx, PER_BLOCK);
        for (uint32_t i = 0; i < PER_BLOCK; i++)
            tb_tx_free(tx[i]);
    }
    pk_fork(&p, base);
    for (uint32_t h = 0; h <= HEAVY; h++)
        pk_mine(&p, NULL, 0);
    assert_int_equal(kit_height(&p.k), base + HEAVY + 1);
    size_t n = qc_mempool_count(p.m);
    assert_true(n < HEAVY * PER_BLOCK && n > (HEAVY - 2) * PER_BLOCK);
    for (size_t i = 0; i < HEAVY * PER_BLOCK; i++) /* the oldest are kept */
        assert_int_equal(pk_has(&p, &ids[i / PER_BLOCK][i % PER_BLOCK]), i < n);
    tb_tx_free(fan);
}

/* ---- at random ---- */

#define N_TX 400u
#define N_FAN 60u
#define MAX_HEIGHT 400u

/* Everything there is: transactions made so far, and which of them each block of the active chain
 * has. */
struct model {
    tb_tx *tx[N_TX];
    qc_hash id[N_TX];
    size_t n;
    bool wait[N_TX];    /* in the pool */
    size_t block[N_TX]; /* height, 0: not confirmed */
    uint32_t height;
    uint64_t seed;
};
static struct model g;

static size_t maker(const qc_hash *txid)
{
    for (size_t i = 0; i < g.n; i++)
        if (qc_hash_eq(&g.id[i], txid))
            return i;
    return SIZE_MAX;
}

static bool spends(size_t t, const qc_outpoint *o)
{
    for (size_t i = 0; i < g.tx[t]->n_in; i++)
        if (g.tx[t]->in[i].prev.n == o->n && qc_hash_eq(&g.tx[t]->in[i].prev.txid, &o->txid))
            return true;
    return false;
}

/* Does a transaction of the chain spend it? */
static bool spent_in_chain(const qc_outpoint *o)
{
    for (size_t t = 0; t < g.n; t++)
        if (g.block[t] && spends(t, o))
            return true;
    return false;
}

static bool inputs_there(size_t t, bool pool_too)
{
    for (size_t i = 0; i < g.tx[t]->n_in; i++) {
        const qc_outpoint *o = &g.tx[t]->in[i].prev;
        size_t m = maker(&o->txid);
        if (m == SIZE_MAX)
            continue; /* a coinbase that only the fan spends */
        if (!g.block[m] && !(pool_too && g.wait[m]))
            return false;
        if (spent_in_chain(o))
            return false;
    }
    return true;
}

/* What waits is not in the chain, and has all inputs. */
static void settle_model(void)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t t = 0; t < g.n; t++)
            if (g.wait[t] && (g.block[t] || !inputs_there(t, true))) {
                g.wait[t] = false;
                again = true;
            }
    }
}

/* `sequence`: the number that the step's first event has. */
static void compare(uint64_t sequence)
{
    size_t n = 0;
    for (size_t t = 0; t < g.n; t++) {
        n += g.wait[t];
        if (pk_has(&p, &g.id[t]) != g.wait[t])
            fail_msg("transaction %zu: model says %d", t, g.wait[t]);
    }
    assert_int_equal(qc_mempool_count(p.m), n);
    assert_int_equal(kit_height(&p.k), g.height);
    for (size_t i = 0; i < p.n_news; i++)
        if (p.news[i].kind == PK_ADDED || p.news[i].kind == PK_REMOVED)
            assert_int_equal(p.news[i].sequence, sequence++);
    assert_int_equal(qc_mempool_sequence(p.m), sequence);
}

static uint64_t dice(uint64_t n)
{
    return test_rand(&g.seed) % n;
}

/* A coin that nobody spends yet, in pool or chain. */
static bool free_coin(pk_coin *out)
{
    for (unsigned k = 0; k < 50; k++) {
        size_t t = dice(g.n);
        if (!g.block[t] && !g.wait[t])
            continue;
        *out = pk_out(g.tx[t], (uint32_t)dice(g.tx[t]->n_out));
        if (!spent_in_chain(&out->o) && !qc_mempool_spender(p.m, &out->o) && out->value > 40000)
            return true;
    }
    return false;
}

static size_t add_tx(tb_tx *tx)
{
    assert_true(g.n < N_TX);
    g.tx[g.n] = tx;
    g.id[g.n] = tb_txid(tx);
    g.wait[g.n] = false;
    g.block[g.n] = 0;
    return g.n++;
}

static void new_tx(void)
{
    pk_coin c[2];
    if (g.n == N_TX || !free_coin(&c[0]))
        return;
    bool two = dice(3) == 0 && free_coin(&c[1]) &&
               (c[0].o.n != c[1].o.n || !qc_hash_eq(&c[0].o.txid, &c[1].o.txid));
    tb_tx *tx = pk_spend(c, two ? 2 : 1, 2000 + (qc_amount)dice(5000), 1 + dice(3));
    size_t t = add_tx(tx);
    if (dice(5) == 0)
        return; /* known to miners alone */
    qc_accept_result r;
    pk_try(&p, tx, false, &r);
    if (r.kind == QC_ACCEPT_VALID)
        g.wait[t] = true;
    else
        assert_string_equal(r.v.reason, "too-large-cluster");
    qc_accept_result_clear(&r);
}

/* A transaction that conflicts with one that waits; only a miner has it. */
static void new_rival(void)
{
    for (size_t t = 1; t < g.n && g.n < N_TX; t++)
        if (g.wait[t] && dice(8) == 0) {
            tb_tx *tx = tb_tx_copy(g.tx[t]);
            tx->out[0].value -= 1 + (qc_amount)dice(500);
            add_tx(tx);
            return;
        }
}

/* A block of some that could be in it, on the model's chain. */
static void mine_some(uint64_t most)
{
    tb_tx *in[N_TX];
    size_t n = 0;
    g.height++;
    for (size_t t = 1; t < g.n && n < most; t++)
        if (!g.block[t] && dice(3) && inputs_there(t, false)) {
            g.block[t] = g.height;
            in[n++] = g.tx[t];
        }
    pk_mine(&p, in, n);
}

static void turn_back(void)
{
    uint32_t depth = 1 + (uint32_t)dice(4);
    if (g.height < PK_BLOCKS + 1 + depth)
        return;
    uint32_t to = g.height - depth;
    for (size_t t = 1; t < g.n; t++)
        if (g.block[t] > to) {
            g.block[t] = 0;
            g.wait[t] = true;
        }
    pk_fork(&p, to);
    g.height = to;
    for (uint32_t i = 0; i <= depth; i++)
        mine_some(dice(12));
}

static void begin_model(uint64_t seed)
{
    memset(&g, 0, sizeof g);
    g.seed = seed;
    g.height = PK_BLOCKS + 1;
    tb_tx *fan = pk_spend(&p.coin[0], 1, 1000, N_FAN);
    pk_mine(&p, &fan, 1);
    g.block[add_tx(fan)] = g.height;
}

static void run_history(uint64_t seed)
{
    pk_start(&p);
    begin_model(seed);
    for (unsigned step = 0; step < 250; step++) {
        uint64_t what = dice(20);
        p.n_news = 0;
        uint64_t sequence = qc_mempool_sequence(p.m);
        if (what < 14)
            new_tx();
        else if (what < 15)
            new_rival();
        else if (what < 18)
            mine_some(dice(15));
        else
            turn_back();
        settle_model();
        compare(sequence);
    }
    for (size_t t = 0; t < g.n; t++)
        tb_tx_free(g.tx[t]);
    pk_end(&p);
}

static void test_history__what_waits_is_what_the_model_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        run_history(seed);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, finish)
QC_TEST_MAIN(T(test_block__takes_its_transactions_and_their_rivals),
             T(test_reorg__what_was_in_a_block_comes_back_with_its_children),
             T(test_reorg__what_is_too_early_again_goes),
             T(test_reorg__children_of_a_lost_coinbase_go),
             T(test_invalidate__only_ten_blocks_give_back),
             T(test_reorg__clusters_that_became_too_large_are_trimmed),
             T(test_reorg__only_so_much_is_kept_to_be_given_back),
             cmocka_unit_test(test_history__what_waits_is_what_the_model_says))
