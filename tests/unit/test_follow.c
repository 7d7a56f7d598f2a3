/* The rules of chain.follow over random histories, and the proof that the histories would find a
 * host that breaks them. */
#include "tests/unit/follow_model.h"
#include "tests/unit/harness.h"

#define HISTORIES 20000u
#define MUTANT_HISTORIES 2000u

static void test_follow__rows_equal_the_active_chain_over_random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        const char *bad = model_run(seed, MODEL_SOUND);
        if (bad)
            fail_msg("history %llu: %s", (unsigned long long)seed, bad);
    }
}

static unsigned found(model_mutant mutant)
{
    unsigned n = 0;
    for (uint64_t seed = 1; seed <= MUTANT_HISTORIES; seed++)
        n += model_run(seed, mutant) != NULL;
    return n;
}

static void test_follow__histories_find_a_host_that_delivers_before_durable(void **state)
{
    (void)state;
    assert_true(found(MODEL_NO_D1) > MUTANT_HISTORIES / 20);
}

static void test_follow__histories_find_a_host_whose_own_record_wins(void **state)
{
    (void)state;
    assert_true(found(MODEL_HOST_RECORD) > MUTANT_HISTORIES / 20);
}

static void test_follow__histories_find_a_host_that_does_not_wait_for_the_replay(void **state)
{
    (void)state;
    assert_true(found(MODEL_NO_WAIT_ABOVE) > MUTANT_HISTORIES / 100);
}

/* ---- single rules ---- */

typedef struct line {
    qc_index block[8];
    unsigned durable; /* index of the durable block; 8: none */
    uint32_t prune;
} line;

static const qc_index *line_durable(void *arg)
{
    const line *l = arg;
    return l->durable < 8 ? &l->block[l->durable] : NULL;
}
static const qc_index *line_find(void *arg, const qc_hash *h)
{
    line *l = arg;
    for (unsigned i = 0; i < 8; i++)
        if (qc_hash_eq(&l->block[i].hash, h))
            return &l->block[i];
    return NULL;
}
static uint32_t line_prune(void *arg)
{
    return ((const line *)arg)->prune;
}
static uint64_t line_seq(void *arg, const qc_index *at)
{
    (void)at;
    (void)arg;
    return 7;
}

static qc_follow_source line_init(line *l, unsigned durable)
{
    *l = (line){.durable = durable};
    for (unsigned i = 0; i < 8; i++) {
        l->block[i].height = i;
        l->block[i].chain_work.w[0] = i;
        l->block[i].parent = i ? &l->block[i - 1] : NULL;
        l->block[i].status = QC_BLOCK_VALID_SCRIPTS | QC_BLOCK_HAVE_DATA;
        memset(l->block[i].hash.b, (int)i + 1, 32);
    }
    return (qc_follow_source){l, line_durable, line_find, line_prune, line_seq, 5};
}

static qn_hash hash_at(unsigned height)
{
    qn_hash h;
    memset(h.b, (int)height + 1, 32);
    return h;
}

static void test_follow_open__unknown_tip_names_the_common_ancestor(void **state)
{
    (void)state;
    line l;
    qc_follow f;
    qn_block_ref start;
    qc_follow_source src = line_init(&l, 7);
    qn_hash locator[2] = {hash_at(99), hash_at(3)};
    assert_int_equal(qc_follow_open(&f, &src, locator, 2, 0, 4, &start), QN_E_UNKNOWN_TIP);
    assert_int_equal(start.height, 3);
    qc_follow_clear(&f);
    assert_int_equal(qc_follow_open(&f, &src, locator, 1, 0, 4, &start), QN_E_UNKNOWN_TIP);
    assert_int_equal(start.height, QC_BEFORE_GENESIS);
    qc_follow_clear(&f);
}

static void test_follow_open__header_without_body_on_no_chain_is_unknown(void **state)
{
    (void)state;
    line l;
    qc_follow f;
    qn_block_ref start;
    qc_follow_source src = line_init(&l, 5);
    l.block[7].parent = &l.block[2]; /* a branch of which only the header is known */
    l.block[7].height = 3;
    l.block[7].chain_work.w[0] = 3;
    l.block[7].status = QC_BLOCK_VALID_TREE;
    qn_hash locator[2] = {hash_at(7), hash_at(2)};
    assert_int_equal(qc_follow_open(&f, &src, locator, 2, 0, 4, &start), QN_E_UNKNOWN_TIP);
    assert_int_equal(start.height, 2);
    qc_follow_clear(&f);
}

static void test_follow_take__first_event_is_genesis_and_tip_flags_the_last(void **state)
{
    (void)state;
    line l;
    qc_follow f;
    qn_block_ref start;
    const qc_index *at;
    uint32_t type;
    qc_follow_source src = line_init(&l, 2);
    assert_int_equal(qc_follow_open(&f, &src, NULL, 0, 0, 8, &start), QN_OK);
    for (uint32_t h = 0; h <= 2; h++) {
        assert_int_equal(qc_follow_peek(&f, &at, &type), QN_OK);
        qc_follow_take(&f, at, type);
        assert_int_equal(f.event.type, QN_EV_CONNECT);
        assert_int_equal(f.event.ref.height, h);
        assert_int_equal(f.event.prev.height, h ? h - 1 : QC_BEFORE_GENESIS);
        assert_int_equal(f.event.flags, h == 2 ? QN_EVF_TIP : 0);
        assert_int_equal(f.event.chain_seq, h == 2 ? 7 : 0);
        assert_int_equal(f.event.lag, 2 - h);
        assert_int_equal(f.event.seq, h + 1);
        assert_int_equal(f.event.epoch, 5);
    }
    assert_int_equal(qc_follow_peek(&f, &at, &type), QN_E_AGAIN);
    qc_follow_clear(&f);
}

static void test_follow_peek__a_full_window_waits_for_ack(void **state)
{
    (void)state;
    line l;
    qc_follow f;
    qn_block_ref start;
    const qc_index *at;
    uint32_t type;
    qc_follow_source src = line_init(&l, 7);
    assert_int_equal(qc_follow_open(&f, &src, NULL, 0, 0, 2, &start), QN_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(qc_follow_peek(&f, &at, &type), QN_OK);
        qc_follow_take(&f, at, type);
    }
    assert_int_equal(qc_follow_peek(&f, &at, &type), QN_E_LIMIT);
    assert_int_equal(qc_follow_ack(&f, 3), QN_E_INVAL);
    assert_int_equal(qc_follow_ack(&f, 1), QN_OK);
    assert_ptr_equal(f.acked_at, &l.block[0]);
    assert_int_equal(qc_follow_peek(&f, &at, &type), QN_OK);
    qc_follow_clear(&f);
}

static void test_follow_peek__pruned_bodies_are_a_gap_and_never_passed_over(void **state)
{
    (void)state;
    line l;
    qc_follow f;
    qn_block_ref start;
    const qc_index *at;
    uint32_t type;
    qc_follow_source src = line_init(&l, 7);
    for (unsigned i = 2; i < 5; i++)
        l.block[i].status = QC_BLOCK_VALID_SCRIPTS;
    l.prune = 5;
    qn_hash locator[1] = {hash_at(1)};
    assert_int_equal(qc_follow_open(&f, &src, locator, 1, 0, 8, &start), QN_OK);
    assert_int_equal(qc_follow_peek(&f, &at, &type), QN_OK);
    assert_int_equal(type, QN_EV_GAP);
    qc_follow_take(&f, at, type);
    assert_int_equal(f.event.prev.height, 1);
    assert_int_equal(f.event.ref.height, 5);
    assert_int_equal(qc_follow_peek(&f, &at, &type), QN_OK);
    assert_int_equal(type, QN_EV_CONNECT);
    assert_int_equal(at->height, 5);
    qc_follow_clear(&f);
}

static void test_follow_peek__a_failed_block_above_the_tip_is_disconnected(void **state)
{
    (void)state;
    line l;
    qc_follow f;
    qn_block_ref start;
    const qc_index *at;
    uint32_t type;
    qc_follow_source src = line_init(&l, 4);
    qn_hash locator[1] = {hash_at(6)};
    assert_int_equal(qc_follow_open(&f, &src, locator, 1, 0, 8, &start), QN_OK);
    assert_int_equal(qc_follow_peek(&f, &at, &type), QN_E_AGAIN);
    l.block[6].status |= QC_BLOCK_FAILED_VALID;
    assert_int_equal(qc_follow_peek(&f, &at, &type), QN_OK);
    assert_int_equal(type, QN_EV_DISCONNECT);
    assert_ptr_equal(at, &l.block[6]);
    qc_follow_clear(&f);
}

QC_TEST_MAIN(cmocka_unit_test(test_follow__rows_equal_the_active_chain_over_random_histories),
             cmocka_unit_test(test_follow__histories_find_a_host_that_delivers_before_durable),
             cmocka_unit_test(test_follow__histories_find_a_host_whose_own_record_wins),
             cmocka_unit_test(test_follow__histories_find_a_host_that_does_not_wait_for_the_replay),
             cmocka_unit_test(test_follow_open__unknown_tip_names_the_common_ancestor),
             cmocka_unit_test(test_follow_open__header_without_body_on_no_chain_is_unknown),
             cmocka_unit_test(test_follow_take__first_event_is_genesis_and_tip_flags_the_last),
             cmocka_unit_test(test_follow_peek__a_full_window_waits_for_ack),
             cmocka_unit_test(test_follow_peek__pruned_bodies_are_a_gap_and_never_passed_over),
             cmocka_unit_test(test_follow_peek__a_failed_block_above_the_tip_is_disconnected))
