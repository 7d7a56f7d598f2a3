/* Random block trees in random order of arrival, with invalid blocks among them, held against a
 * plain model of the coins and against a fresh chain that only ever saw the winning branch. */
#include "core/chain/chain.h"

#include "tests/unit/block_tree.h"
#include "tests/unit/chain_kit.h"

#include <sys/wait.h>
#include <unistd.h>

#define BASE 103u
#define EXTRA 45u

static const qc_index *entry(const chain_kit *k, const bt_tree *t, size_t n)
{
    return qc_chain_find(k->c, &t->node[n].hash);
}

static void deliver(chain_kit *k, const bt_tree *t, size_t n)
{
    kit_submit(k, qc_bytes_span(&t->node[n].raw), NULL);
}

static void deliver_header(chain_kit *k, const bt_tree *t, size_t n)
{
    qc_verdict v;
    const qc_index *i;
    qc_chain_accept_header(k->c, &t->node[n].header, true, &i, &v);
}

static size_t node_of(const bt_tree *t, const qc_index *i)
{
    for (size_t n = 0; n < t->n; n++)
        if (qc_hash_eq(&t->node[n].hash, &i->hash))
            return n;
    fail_msg("an unknown block at height %u", i->height);
    return 0;
}

/* The coins at the tip are the model's, one by one and in number. */
static void check_coins(chain_kit *k, const bt_tree *t)
{
    const bt_node *n = &t->node[node_of(t, qc_chain_tip(k->c))];
    qc_utxo_stats s;
    for (size_t c = 0; c < n->n_coins; c++) {
        qc_coin coin;
        assert_int_equal(qc_chain_coin(k->c, &n->coin[c].o, &coin), QC_OK);
        assert_int_equal(coin.value, n->coin[c].value);
        assert_int_equal(coin.height, n->coin[c].height);
        assert_int_equal(coin.coinbase, n->coin[c].coinbase);
        qc_coin_clear(&coin);
    }
    assert_int_equal(qc_chain_flush(k->c), QC_OK);
    assert_int_equal(qc_utxo_stats_compute(qc_chain_coinsdb(k->c), QC_UTXO_NONE, NULL, &s), QC_OK);
    assert_int_equal(s.txouts, n->n_coins);
}

/* The same branch on a fresh chain, block after block. */
static void check_against_fresh(chain_kit *k, const bt_tree *t)
{
    chain_kit f;
    kit_init(&f, QC_CHAIN_REGTEST);
    kit_must_open(&f);
    for (uint32_t h = 1; h <= kit_height(k); h++)
        deliver(&f, t, node_of(t, qc_chain_at(k->c, h)));
    assert_ptr_not_equal(qc_chain_tip(f.c), NULL);
    assert_true(qc_hash_eq(&qc_chain_tip(f.c)->hash, &qc_chain_tip(k->c)->hash));
    assert_int_equal(f.disconnected, 0);
    qc_hash a = kit_coins_hash(k, QC_UTXO_HASH3), b = kit_coins_hash(&f, QC_UTXO_HASH3);
    assert_true(qc_hash_eq(&a, &b));
    kit_end(&f);
}

/* Height of the best branch of valid blocks that have all arrived. */
static uint32_t best_height(const bt_tree *t, const bool *have)
{
    uint32_t best = 0;
    for (size_t n = 0; n < t->n; n++) {
        size_t k = n;
        while (k && have[k])
            k = t->node[k].parent;
        if (!k && t->node[n].valid && t->node[n].height > best)
            best = t->node[n].height;
    }
    return best;
}

static void grow_randomly(bt_tree *t, uint64_t *seed)
{
    for (unsigned k = 0; k < EXTRA; k++) {
        size_t tip = t->n - 1, parent = tip;
        uint64_t r = test_rand(seed);
        if (r % 4 == 0)
            parent = BASE - 4 + r / 4 % (t->n - BASE + 4);
        bt_fault fault = r >> 40 & 7 ? BT_GOOD : (bt_fault)(1 + (r >> 50) % (BT_FAULTS - 1));
        bt_grow(t, parent, fault);
    }
}

struct round {
    chain_kit k;
    bt_tree *t;
    bool have[BASE + EXTRA + 1];
    uint64_t seed;
};

static void round_init(struct round *r, uint64_t seed)
{
    memset(r, 0, sizeof *r);
    r->seed = seed;
    kit_init(&r->k, QC_CHAIN_REGTEST);
    kit_must_open(&r->k);
    r->t = bt_new(r->k.params, BASE, seed);
    grow_randomly(r->t, &r->seed);
    r->have[0] = true;
    for (size_t n = 1; n <= BASE; n++) {
        deliver(&r->k, r->t, n);
        r->have[n] = true;
    }
    assert_int_equal(kit_height(&r->k), BASE);
}

static void round_end(struct round *r)
{
    kit_end(&r->k);
    bt_free(r->t);
}

/* A block that has not been delivered; its parent has, unless `any`. */
static size_t next_block(struct round *r, bool any)
{
    for (;;) {
        size_t n = BASE + 1 + test_rand(&r->seed) % EXTRA;
        if (!r->have[n] && (any || r->have[r->t->node[n].parent]))
            return n;
    }
}

static void run_round(uint64_t seed, bool headers_first, bool reopen)
{
    static struct round r;
    round_init(&r, seed);
    for (size_t n = BASE + 1; headers_first && n < r.t->n; n++)
        deliver_header(&r.k, r.t, n);
    for (unsigned k = 0; k < EXTRA; k++) {
        size_t n = next_block(&r, headers_first);
        deliver(&r.k, r.t, n);
        r.have[n] = true;
        assert_int_equal(kit_height(&r.k), best_height(r.t, r.have));
        if (test_rand(&r.seed) % 4 == 0)
            check_coins(&r.k, r.t);
        if (reopen && test_rand(&r.seed) % 8 == 0) {
            const qc_hash tip = qc_chain_tip(r.k.c)->hash;
            kit_reopen(&r.k);
            assert_true(qc_hash_eq(&tip, &qc_chain_tip(r.k.c)->hash));
        }
    }
    check_coins(&r.k, r.t);
    check_against_fresh(&r.k, r.t);
    assert_int_equal(r.k.fatals, 0);
    round_end(&r);
}

static void test_chain__random_trees_parents_first(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run_round(seed, false, false);
}

static void test_chain__random_trees_headers_first(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 14; seed++)
        run_round(seed, true, false);
}

static void test_chain__random_trees_reopened(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 24; seed++)
        run_round(seed, seed & 1, true);
}

/* ---- the operator's say ---- */

/* To reconsider a block is to reconsider its ancestors and descendants too. */
static void forget_related(const bt_tree *t, size_t n, size_t *invalid, size_t *n_invalid)
{
    size_t kept = 0;
    for (size_t x = 0; x < *n_invalid; x++)
        if (!bt_above(t, invalid[x], n) && !bt_above(t, n, invalid[x]))
            invalid[kept++] = invalid[x];
    *n_invalid = kept;
}

static void say_something(struct round *r, size_t *invalid, size_t *n_invalid)
{
    size_t n = BASE - 3 + test_rand(&r->seed) % (EXTRA + 3);
    const qc_index *i = entry(&r->k, r->t, n);
    if (!i)
        return;
    switch (test_rand(&r->seed) % 3) {
    case 0:
        assert_int_equal(qc_chain_invalidate(r->k.c, i), QC_OK);
        invalid[(*n_invalid)++] = n;
        break;
    case 1:
        assert_int_equal(qc_chain_precious(r->k.c, i), QC_OK);
        break;
    default:
        if (!*n_invalid)
            return;
        n = invalid[*n_invalid - 1];
        assert_int_equal(qc_chain_reconsider(r->k.c, entry(&r->k, r->t, n)), QC_OK);
        forget_related(r->t, n, invalid, n_invalid);
    }
}

static void test_chain_invalidate__any_sequence_keeps_the_coins_right(void **state)
{
    (void)state;
    static struct round r;
    for (uint64_t seed = 31; seed <= 33; seed++) {
        size_t invalid[200], n_invalid = 0;
        round_init(&r, seed);
        for (size_t n = BASE + 1; n < r.t->n; n++) {
            deliver(&r.k, r.t, n);
            r.have[n] = true;
        }
        for (unsigned k = 0; k < 60; k++) {
            say_something(&r, invalid, &n_invalid);
            for (size_t x = 0; x < n_invalid; x++)
                assert_false(qc_chain_contains(r.k.c, entry(&r.k, r.t, invalid[x])));
            if (k % 5 == 0)
                check_coins(&r.k, r.t);
            if (k % 15 == 14)
                kit_reopen(&r.k);
        }
        /* All of them: what hung on an invalid block is marked on its own. */
        for (size_t n = BASE - 3; n < r.t->n; n++)
            if (entry(&r.k, r.t, n))
                assert_int_equal(qc_chain_reconsider(r.k.c, entry(&r.k, r.t, n)), QC_OK);
        assert_int_equal(kit_height(&r.k), best_height(r.t, r.have));
        check_coins(&r.k, r.t);
        check_against_fresh(&r.k, r.t);
        round_end(&r);
    }
}

static void test_chain__of_equal_work_the_first_body_wins(void **state)
{
    (void)state;
    static struct round r;
    round_init(&r, 41);
    size_t a = bt_grow(r.t, BASE, BT_GOOD), b = bt_grow(r.t, BASE, BT_GOOD);
    deliver_header(&r.k, r.t, a);
    deliver_header(&r.k, r.t, b);
    deliver(&r.k, r.t, b);
    deliver(&r.k, r.t, a);
    assert_true(qc_hash_eq(&qc_chain_tip(r.k.c)->hash, &r.t->node[b].hash));
    kit_reopen(&r.k); /* and stays the tip */
    assert_true(qc_hash_eq(&qc_chain_tip(r.k.c)->hash, &r.t->node[b].hash));
    assert_int_equal(qc_chain_precious(r.k.c, entry(&r.k, r.t, a)), QC_OK);
    assert_true(qc_hash_eq(&qc_chain_tip(r.k.c)->hash, &r.t->node[a].hash));
    assert_int_equal(qc_chain_precious(r.k.c, entry(&r.k, r.t, b)), QC_OK);
    assert_true(qc_hash_eq(&qc_chain_tip(r.k.c)->hash, &r.t->node[b].hash));
    round_end(&r);
}

/* ---- a call that fails ---- */

/* Open, take what is missing, reorganise. The first failure ends it. */
static void work(chain_kit *k, const bt_tree *t, const size_t *order, size_t n)
{
    qc_err err = kit_open(k);
    for (size_t x = 0; x < n && !err; x++) {
        qc_block *b;
        bool is_new;
        qc_verdict v;
        if (qc_block_parse(qc_bytes_span(&t->node[order[x]].raw), &b))
            return;
        err = qc_chain_process_block(k->c, b, true, true, &is_new, &v);
        if (!err && x % 7 == 6)
            err = qc_chain_flush(k->c);
        qc_block_unref(b);
    }
}

/* In a process that ends without closing anything, as a crash does. Returns whether the fault was
 * met. */
static bool work_and_die(chain_kit *k, const bt_tree *t, const size_t *order, size_t n, uint64_t at)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fault_arm(at);
        work(k, t, order, n);
        _exit(fault_was_hit());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) != 0;
}

static bool work_and_close(chain_kit *k, const bt_tree *t, const size_t *order, size_t n,
                           uint64_t at)
{
    fault_arm(at);
    work(k, t, order, n);
    bool hit = fault_was_hit();
    fault_arm(0);
    kit_close(k);
    return hit;
}

/* 103 blocks, then a branch of three and one of four that takes over. */
static size_t story(bt_tree *t, size_t *order)
{
    size_t n = 0, branch = BASE;
    for (size_t x = 1; x <= BASE; x++)
        order[n++] = x;
    for (unsigned x = 0; x < 3; x++)
        order[n++] = branch = bt_grow(t, branch, BT_GOOD);
    branch = BASE;
    for (unsigned x = 0; x < 4; x++)
        order[n++] = branch = bt_grow(t, branch, BT_GOOD);
    return n;
}

static void fail_each_call(bool crash)
{
    chain_kit k, want;
    size_t order[BASE + 7];
    kit_init(&want, QC_CHAIN_REGTEST);
    bt_tree *t = bt_new(want.params, BASE, 51);
    size_t n = story(t, order);
    kit_must_open(&want);
    for (size_t x = 0; x < n; x++)
        deliver(&want, t, order[x]);
    const qc_hash tip = qc_chain_tip(want.c)->hash;
    const qc_hash coins = kit_coins_hash(&want, QC_UTXO_HASH3);
    bool hit = true;
    for (uint64_t at = 1; hit; at += 1 + at / 4) {
        kit_init(&k, QC_CHAIN_REGTEST);
        k.o.par = k.o.prefetch_threads = 0;
        k.o.flush_batch_bytes = 60; /* every coin is a part of its own */
        hit = (crash ? work_and_die : work_and_close)(&k, t, order, n, at);
        kit_must_open(&k);
        if (qc_chain_reindexing(k.c)) /* the index had not been written yet */
            kit_reindex(&k);
        for (size_t x = 0; x < n; x++)
            deliver(&k, t, order[x]);
        assert_true(qc_hash_eq(&tip, &qc_chain_tip(k.c)->hash));
        qc_hash h = kit_coins_hash(&k, QC_UTXO_HASH3);
        assert_true(qc_hash_eq(&coins, &h));
        kit_end(&k);
    }
    bt_free(t);
    kit_end(&want);
}

static void test_chain__reopens_after_any_single_failing_call(void **state)
{
    (void)state;
    fail_each_call(false);
}

static void test_chain__reopens_after_a_crash_at_any_failing_call(void **state)
{
    (void)state;
    fail_each_call(true);
}

/* Asked to stop at the n-th question. */
static bool stop_soon(void *arg)
{
    return --*(unsigned *)arg == 0;
}

/* Open, stop at question `at` if there is one. True: it was stopped. */
static bool open_and_stop(chain_kit *k, unsigned at)
{
    k->o.stop = stop_soon;
    k->o.stop_arg = &at;
    qc_err err = kit_open(k);
    k->o.stop = NULL;
    assert_true(err == QC_OK || err == QC_ECANCELED);
    return err == QC_ECANCELED;
}

/* Stop the replay, if one is due, again and again until it comes through. Returns how often it was
 * begun anew. The chain is open then. */
static unsigned stop_replay(chain_kit *k)
{
    unsigned begun = 0;
    bool more = true, again = true;
    for (unsigned at = 2 * BASE; more && again; at++) { /* the index is read and linked first */
        unsigned before = begun;
        kit_log_clear();
        more = open_and_stop(k, at);
        begun += kit_logged("Replaying blocks") && kit_logged("Rolling back from");
        again = begun > before || (!begun && at < 2 * BASE + 30);
    }
    if (more)
        kit_must_open(k);
    return begun > 1 ? begun - 1 : 0;
}

/* The coins on disk are at the end of the branch of three; the process ends at the n-th call of the
 * flush that brings them to the end of the branch of four. */
static bool flush_and_die(chain_kit *k, const bt_tree *t, const size_t *order, uint64_t at)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        kit_must_open(k);
        for (size_t x = 0; x < BASE + 7; x++) {
            deliver(k, t, order[x]);
            if (x + 1 == BASE + 3 && qc_chain_flush(k->c))
                _exit(2);
        }
        fault_arm(at);
        qc_err err = qc_chain_flush(k->c);
        _exit(err && !fault_was_hit() ? 2 : fault_was_hit());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 1;
}

static void test_chain_open__stops_between_any_two_steps(void **state)
{
    (void)state;
    chain_kit k;
    size_t order[BASE + 7];
    kit_init(&k, QC_CHAIN_REGTEST);
    bt_tree *t = bt_new(k.params, BASE, 51);
    size_t n = story(t, order);
    kit_must_open(&k);
    for (size_t x = 0; x < n; x++)
        deliver(&k, t, order[x]);
    kit_close(&k);
    k.o.check_level = 4;
    k.o.check_blocks = 10;
    unsigned at = 1;
    while (open_and_stop(&k, at))
        at++;
    kit_close(&k);
    /* each record read, linked, made a candidate; ten blocks back and forth */
    assert_true(at > 3 * BASE + 2 * 10);
    kit_must_open(&k);
    assert_int_equal(kit_height(&k), BASE + 4);
    check_coins(&k, t);
    bt_free(t);
    kit_end(&k);
}

static void test_chain_open__finishes_a_flush_that_was_cut_anywhere(void **state)
{
    (void)state;
    chain_kit k;
    size_t order[BASE + 7];
    unsigned replays = 0, stopped = 0;
    bool cut = true;
    kit_init(&k, QC_CHAIN_REGTEST);
    bt_tree *t = bt_new(k.params, BASE, 51);
    story(t, order);
    kit_end(&k);
    for (uint64_t at = 1; cut; at += 2) {
        kit_init(&k, QC_CHAIN_REGTEST);
        k.o.par = k.o.prefetch_threads = 0;
        k.o.flush_batch_bytes = 60;
        cut = flush_and_die(&k, t, order, at);
        if (at % 10 == 1)
            stopped += stop_replay(&k);
        kit_log_clear();
        if (!k.c)
            kit_must_open(&k);
        replays += kit_logged("Replaying blocks") && kit_logged("Rolling back from");
        check_coins(&k, t);
        for (size_t x = BASE; x < BASE + 7; x++) /* the index may have been cut, too */
            deliver(&k, t, order[x]);
        assert_int_equal(kit_height(&k), BASE + 4);
        check_coins(&k, t);
        kit_end(&k);
    }
    assert_true(replays > 3);
    assert_true(stopped > 3);
    bt_free(t);
}

QC_TEST_MAIN(cmocka_unit_test(test_chain__random_trees_parents_first),
             cmocka_unit_test(test_chain__random_trees_headers_first),
             cmocka_unit_test(test_chain__random_trees_reopened),
             cmocka_unit_test(test_chain_invalidate__any_sequence_keeps_the_coins_right),
             cmocka_unit_test(test_chain__of_equal_work_the_first_body_wins),
             cmocka_unit_test(test_chain__reopens_after_any_single_failing_call),
             cmocka_unit_test(test_chain__reopens_after_a_crash_at_any_failing_call),
             cmocka_unit_test(test_chain_open__stops_between_any_two_steps),
             cmocka_unit_test(test_chain_open__finishes_a_flush_that_was_cut_anywhere))
