/* What is taken in and what is not, what is remembered about it, and what is logged. */
#include "core/chain/chain.h"

#include "core/base/clock.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

struct fix {
    chain_kit k;
    tb_chain *t;
};

static void fix_init(struct fix *f, uint32_t blocks)
{
    kit_init(&f->k, QC_CHAIN_REGTEST);
    f->t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    kit_must_open(&f->k);
    kit_log_clear();
    for (uint32_t n = 0; n < blocks; n++) {
        tb_block *b = tb_chain_next(f->t, 0);
        tb_block_finish(b, f->k.params);
        qc_bytes raw = tb_block_bytes(b);
        assert_true(kit_submit(&f->k, qc_bytes_span(&raw), NULL));
        tb_chain_push(f->t, b);
        tb_block_free(b);
        qc_bytes_free(&raw);
    }
    assert_int_equal(kit_height(&f->k), blocks);
}

static void fix_end(struct fix *f)
{
    tb_chain_free(f->t);
    kit_end(&f->k);
    qc_clock_set_mock(0);
}

/* Finish and offer a block; it is freed. Returns whether it was accepted; *is_new: stored. */
static bool offer(struct fix *f, tb_block *b, bool force, bool *is_new, qc_verdict *v)
{
    qc_block *p = tb_block_parse(b);
    assert_int_equal(qc_chain_process_block(f->k.c, p, force, true, is_new, v), QC_OK);
    qc_block_unref(p);
    tb_block_free(b);
    return qc_verdict_ok(v);
}

static tb_block *next_finished(struct fix *f)
{
    tb_block *b = tb_chain_next(f->t, 0);
    tb_block_finish(b, f->k.params);
    return b;
}

static void push_header(struct fix *f, qc_verdict *v)
{
    tb_block *b = next_finished(f);
    const qc_index *i;
    assert_true(qc_chain_accept_header(f->k.c, &b->header, true, &i, v));
    tb_chain_push(f->t, b);
    tb_block_free(b);
}

/* ---- unasked bodies (Core AcceptBlock) ---- */

static void test_process_block__unasked_with_less_work_is_not_stored(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 5);
    tb_chain_cut(f.t, 3);
    f.t->salt = 9;
    assert_true(offer(&f, next_finished(&f), false, &is_new, &v));
    assert_false(is_new);
    assert_true(offer(&f, next_finished(&f), true, &is_new, &v));
    assert_true(is_new);
    assert_true(offer(&f, next_finished(&f), true, &is_new, &v)); /* again */
    assert_false(is_new);
    fix_end(&f);
}

static void test_process_block__unasked_of_equal_work_is_stored(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 5);
    tb_chain_cut(f.t, 4);
    f.t->salt = 9;
    assert_true(offer(&f, next_finished(&f), false, &is_new, &v));
    assert_true(is_new);
    fix_end(&f);
}

static void test_process_block__unasked_and_too_far_ahead_is_not_stored(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 1);
    for (uint32_t n = 0; n < 287; n++)
        push_header(&f, &v);
    tb_block *at_limit = next_finished(&f); /* height 289 = 1 + 288 */
    tb_chain_push(f.t, at_limit);
    assert_true(offer(&f, next_finished(&f), false, &is_new, &v) || !is_new);
    assert_string_equal(v.reason, "prev-blk-not-found");
    tb_block *beyond = next_finished(&f);
    assert_true(offer(&f, at_limit, false, &is_new, &v));
    assert_true(is_new);
    assert_true(offer(&f, beyond, false, &is_new, &v));
    assert_false(is_new);
    fix_end(&f);
}

static void test_process_block__unasked_below_minimum_work_is_not_stored(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 1);
    kit_close(&f.k);
    f.k.o.min_work.w[0] = 10; /* each regtest block is worth 2 */
    kit_must_open(&f.k);
    for (uint32_t n = 2; n <= 4; n++) {
        tb_block *b = next_finished(&f);
        tb_chain_push(f.t, b);
        bool stored = n >= 4; /* genesis and four blocks: 10 */
        tb_block *again = tb_block_copy(b);
        assert_true(offer(&f, b, false, &is_new, &v));
        assert_int_equal(is_new, stored);
        assert_true(offer(&f, again, true, &is_new, &v));
    }
    fix_end(&f);
}

/* ---- headers ---- */

static void test_accept_header__unproven_work_is_not_added(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    const qc_index *i;
    fix_init(&f, 1);
    tb_block *b = next_finished(&f);
    qc_hash hash = tb_block_hash(b);
    assert_false(qc_chain_accept_header(f.k.c, &b->header, false, &i, &v));
    assert_int_equal(v.code, QC_V_LOW_WORK);
    assert_string_equal(v.reason, "too-little-chainwork");
    assert_null(qc_chain_find(f.k.c, &hash));
    assert_true(qc_chain_accept_header(f.k.c, &b->header, true, &i, &v));
    assert_ptr_equal(qc_chain_find(f.k.c, &hash), i);
    assert_true(qc_chain_accept_header(f.k.c, &b->header, false, &i, &v)); /* known by now */
    tb_block_free(b);
    fix_end(&f);
}

static void test_accept_header__unknown_parent(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    const qc_index *i;
    fix_init(&f, 1);
    tb_block *b = tb_chain_next(f.t, 0);
    b->header.prev.b[3] ^= 1;
    tb_block_finish(b, f.k.params);
    assert_false(qc_chain_accept_header(f.k.c, &b->header, true, &i, &v));
    assert_int_equal(v.code, QC_V_MISSING_PREV);
    assert_string_equal(v.reason, "prev-blk-not-found");
    tb_block_free(b);
    fix_end(&f);
}

/* ---- what is remembered ---- */

static void test_process_block__an_invalid_block_and_its_children_stay_out(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 3);
    tb_block *bad = tb_chain_next(f.t, 1); /* pays one satoshi too much */
    tb_block_finish(bad, f.k.params);
    tb_block *again = tb_block_copy(bad);
    tb_chain_push(f.t, bad);
    assert_true(offer(&f, bad, true, &is_new, &v)); /* taken in; connecting finds it out */
    assert_string_equal(f.k.last.reason, "bad-cb-amount");
    assert_true(kit_logged("Block validation error: bad-cb-amount, coinbase pays too much "
                           "(actual=5000000001 vs limit=5000000000)"));
    assert_int_equal(kit_height(&f.k), 3);
    assert_false(offer(&f, again, true, &is_new, &v));
    assert_int_equal(v.code, QC_V_CACHED_INVALID);
    assert_string_equal(v.reason, "duplicate-invalid");
    assert_false(offer(&f, next_finished(&f), true, &is_new, &v));
    assert_string_equal(v.reason, "bad-prevblk");
    assert_true(kit_logged("ProcessNewBlock: AcceptBlock FAILED (bad-prevblk)"));
    kit_reopen(&f.k);
    assert_false(offer(&f, next_finished(&f), true, &is_new, &v));
    assert_string_equal(v.reason, "bad-prevblk");
    fix_end(&f);
}

static void test_process_block__headers_above_an_invalid_block_fail_with_it(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 3);
    tb_block *bad = tb_chain_next(f.t, 1);
    tb_block_finish(bad, f.k.params);
    const qc_index *i;
    assert_true(qc_chain_accept_header(f.k.c, &bad->header, true, &i, &v));
    tb_chain_push(f.t, bad);
    for (uint32_t n = 0; n < 5; n++)
        push_header(&f, &v);
    qc_chain_headers_done(f.k.c, NULL);
    assert_int_equal(qc_chain_best_header(f.k.c)->height, 9);
    assert_true(offer(&f, bad, true, &is_new, &v));
    assert_int_equal(qc_chain_best_header(f.k.c)->height, 3);
    i = qc_chain_find(f.k.c, &f.t->hash[9]);
    assert_false(qc_index_valid(i, QC_BLOCK_VALID_TREE));
    fix_end(&f);
}

/* CVE-2012-2459: the same hash with doubled transactions must not be remembered as invalid. */
static void test_process_block__a_mutation_never_marks_the_hash(void **state)
{
    (void)state;
    static const uint8_t anybody = 0x51;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 101);
    tb_block *b = tb_chain_next(f.t, 0);
    for (uint32_t n = 0; n < 2; n++) {
        tb_tx *tx = tb_block_add(b, tb_tx_new());
        qc_block *from;
        assert_int_equal(qc_chain_read_block(f.k.c, qc_chain_at(f.k.c, 1), &from), QC_OK);
        qc_hash id;
        memcpy(id.b, qc_block_tx(from, 0).rec->txid, 32);
        qc_block_unref(from);
        if (n)
            id = tb_txid(b->tx[1]);
        tb_tx_in(tx, &id, 0, (qc_span){NULL, 0}, TB_FINAL);
        tb_tx_out(tx, 5000000000 - (qc_amount)n, qc_span_of(&anybody, 1));
    }
    tb_block_finish(b, f.k.params);
    tb_block *twice = tb_block_copy(b);
    tb_block_add(twice,
                 tb_tx_copy(twice->tx[2])); /* three leaves: doubling the last keeps the root */
    qc_hash a = tb_block_hash(b), c = tb_block_hash(twice);
    assert_true(qc_hash_eq(&a, &c));
    assert_false(offer(&f, twice, true, &is_new, &v));
    assert_int_equal(v.code, QC_V_MUTATED);
    assert_string_equal(v.reason, "bad-txns-duplicate");
    assert_true(offer(&f, b, true, &is_new, &v));
    assert_int_equal(kit_height(&f.k), 102);
    fix_end(&f);
}

static void test_process_block__too_new_is_not_for_ever(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    bool is_new;
    fix_init(&f, 1);
    tb_block *b = tb_chain_next(f.t, 0);
    b->header.time = 1800000000 + 7201;
    tb_block_finish(b, f.k.params);
    tb_block *again = tb_block_copy(b);
    qc_clock_set_mock(1800000000);
    assert_false(offer(&f, b, true, &is_new, &v));
    assert_int_equal(v.code, QC_V_TIME_FUTURE);
    assert_string_equal(v.reason, "time-too-new");
    qc_clock_set_mock(1800000001);
    assert_true(offer(&f, again, true, &is_new, &v));
    assert_int_equal(kit_height(&f.k), 2);
    fix_end(&f);
}

/* ---- a block that is only tested ---- */

static void test_test_block__judges_and_changes_nothing(void **state)
{
    (void)state;
    struct fix f;
    qc_verdict v;
    fix_init(&f, 3);
    tb_block *b = tb_chain_next(f.t, 0);
    tb_block_merkle(b);
    tb_block_mine(b, f.k.params, false);
    qc_block *p = tb_block_parse(b);
    assert_false(qc_chain_test_block(f.k.c, p, true, true, &v));
    assert_string_equal(v.reason, "high-hash");
    assert_true(qc_chain_test_block(f.k.c, p, false, true, &v));
    qc_block_unref(p);
    b->tx[0]->out[0].value++;
    p = tb_block_parse(b);
    assert_false(qc_chain_test_block(f.k.c, p, false, true, &v));
    assert_string_equal(v.reason, "bad-txnmrklroot");
    assert_false(qc_chain_test_block(f.k.c, p, false, false, &v));
    assert_string_equal(v.reason, "bad-cb-amount");
    qc_block_unref(p);
    b->header.prev = f.t->hash[2];
    p = tb_block_parse(b);
    assert_false(qc_chain_test_block(f.k.c, p, false, false, &v));
    assert_string_equal(v.reason, "inconclusive-not-best-prevblk");
    qc_block_unref(p);
    qc_hash h = tb_block_hash(b);
    assert_null(qc_chain_find(f.k.c, &h));
    assert_int_equal(kit_height(&f.k), 3);
    tb_block_free(b);
    fix_end(&f);
}

QC_TEST_MAIN(cmocka_unit_test(test_process_block__unasked_with_less_work_is_not_stored),
             cmocka_unit_test(test_process_block__unasked_of_equal_work_is_stored),
             cmocka_unit_test(test_process_block__unasked_and_too_far_ahead_is_not_stored),
             cmocka_unit_test(test_process_block__unasked_below_minimum_work_is_not_stored),
             cmocka_unit_test(test_accept_header__unproven_work_is_not_added),
             cmocka_unit_test(test_accept_header__unknown_parent),
             cmocka_unit_test(test_process_block__an_invalid_block_and_its_children_stay_out),
             cmocka_unit_test(test_process_block__headers_above_an_invalid_block_fail_with_it),
             cmocka_unit_test(test_process_block__a_mutation_never_marks_the_hash),
             cmocka_unit_test(test_process_block__too_new_is_not_for_ever),
             cmocka_unit_test(test_test_block__judges_and_changes_nothing))
