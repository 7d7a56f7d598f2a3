/* The two passes over headers that may be worthless, and locators. */
#include "core/sync/presync.h"
#include "tests/unit/harness.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/chain/tree.h"
#include "core/sync/locator.h"

#define FULL 2000u

typedef struct line {
    qc_params *params;
    qc_header *h;
    qc_hash *hash;
    size_t n;
} line;

/* n headers on top of genesis, all with genesis' bits; `salt` makes others. */
static line line_of(qc_chain_id id, size_t n, uint32_t salt)
{
    line l = {.n = n};
    assert_int_equal(qc_params_new(id, NULL, &l.params), QC_OK);
    l.h = qc_try_calloc(n, sizeof *l.h);
    l.hash = qc_try_calloc(n, sizeof *l.hash);
    qc_header at;
    qc_header_read(qc_params_genesis(l.params).data, &at);
    for (size_t k = 0; k < n; k++) {
        qc_header_hash(&at, &at.prev);
        at.time += 600;
        at.nonce = salt;
        l.h[k] = at;
        qc_header_hash(&at, &l.hash[k]);
    }
    return l;
}

static void line_free(line *l)
{
    qc_params_free(l->params);
    qc_free(l->h);
    qc_free(l->hash);
}

/* A presync that wants the work of `blocks` of them. */
static qc_presync *begin(const line *l, uint32_t blocks, int64_t age)
{
    qc_presync_start s = {.params = l->params, .now = 0, .salt = {3, 4}, .offset = 17, .peer = 1};
    qc_header_read(qc_params_genesis(l->params).data, &s.header);
    s.hash = l->params->genesis_hash;
    s.mtp = s.header.time;
    s.now = (int64_t)s.mtp + age;
    qc_header_work(s.header.bits, &s.work);
    s.want = s.work;
    qc_u256_mul32(&s.want, blocks + 1);
    return qc_presync_new(&s);
}

/* Feed headers [*at, *at + up to 2000). */
static qc_presync_result feed(qc_presync *p, const line *l, size_t *at)
{
    qc_presync_result r;
    size_t n = QC_MIN(FULL, l->n - *at);
    qc_presync_next(p, l->h + *at, l->hash + *at, n, n == FULL, &r);
    *at += n;
    return r;
}

#define YEARS ((int64_t)10 * 365 * 86400)

static void test_next__a_worthy_chain_comes_out_whole_and_in_order(void **state)
{
    line l = line_of(QC_CHAIN_REGTEST, 25000, 0);
    qc_presync *p = begin(&l, 18500, YEARS);
    size_t at = 0, got = 0;
    qc_presync_result r;
    (void)state;
    while (qc_presync_height(p) >= 0) {
        r = feed(p, &l, &at);
        assert_true(r.ok && r.more && r.n_released == 0);
        assert_true(qc_presync_bytes(p) < 4096);
    }
    assert_int_equal(at, 20000); /* the message in which the work was reached */
    assert_true(qc_hash_eq(&r.from, &l.params->genesis_hash));
    for (at = 0, r.more = true; r.more;) {
        r = feed(p, &l, &at);
        assert_true(r.ok);
        assert_true(!r.more || qc_hash_eq(&r.from, &l.hash[at - 1]));
        for (size_t k = 0; k < r.n_released; k++)
            assert_memory_equal(&r.released[k], &l.h[got + k], sizeof l.h[0]);
        got += r.n_released;
        qc_free(r.released);
        assert_int_equal(got, !r.more ? 20000 : at > 7017 ? at - 7017 : 0);
    }
    assert_int_equal(got, 20000);
    qc_presync_free(p);
    line_free(&l);
}

static void test_next__another_chain_in_the_second_pass_is_found_out(void **state)
{
    line l = line_of(QC_CHAIN_REGTEST, 20000, 0), other = line_of(QC_CHAIN_REGTEST, 20000, 1);
    qc_presync *p = begin(&l, 19000, YEARS);
    size_t at = 0, got = 0;
    qc_presync_result r;
    (void)state;
    while (qc_presync_height(p) >= 0)
        r = feed(p, &l, &at);
    for (at = 0, r.more = true; r.more; got += r.n_released) {
        r = feed(p, &other, &at);
        qc_free(r.released);
    }
    assert_false(r.ok);
    assert_int_equal(got, 0); /* 25 bits must agree before the first is let go */
    qc_presync_free(p);
    line_free(&l);
    line_free(&other);
}

static void test_next__a_chain_that_ends_early_is_given_up(void **state)
{
    line l = line_of(QC_CHAIN_REGTEST, 5000, 0);
    qc_presync *p = begin(&l, 6000, YEARS);
    size_t at = 0;
    (void)state;
    assert_true(feed(p, &l, &at).more);
    assert_true(feed(p, &l, &at).more);
    qc_presync_result r = feed(p, &l, &at);
    assert_true(r.ok && !r.more);
    qc_presync_free(p);
    /* ... and so is one that is not served again to its end. */
    p = begin(&l, 4500, YEARS);
    at = 0;
    while (qc_presync_height(p) >= 0)
        r = feed(p, &l, &at);
    at = 0;
    assert_true(feed(p, &l, &at).more);
    at = 4000;
    r = feed(p, &l, &at); /* does not follow on what came before */
    assert_false(r.ok);
    qc_presync_free(p);
    line_free(&l);
}

static void test_next__no_more_is_kept_than_time_allows(void **state)
{
    line l = line_of(QC_CHAIN_REGTEST, 60000, 0);
    qc_presync *p = begin(&l, 1000000, 0); /* two hours at six blocks a second: 157 bits */
    size_t at = 0;
    (void)state;
    qc_presync_result r;
    do
        r = feed(p, &l, &at);
    while (r.ok);
    assert_in_range(at, 157 * 275, 159 * 275 + FULL);
    qc_presync_free(p);
    line_free(&l);
}

static void test_next__headers_must_follow_and_difficulty_may_not_jump(void **state)
{
    line l = line_of(QC_CHAIN_MAIN, 4000, 0);
    qc_presync *p = begin(&l, 3500, YEARS);
    size_t at = 2000;
    (void)state;
    assert_false(feed(p, &l, &at).ok);
    qc_presync_free(p);
    p = begin(&l, 3500, YEARS);
    l.h[100].bits = 0x1c00ffff; /* not at the end of a period */
    at = 0;
    assert_false(feed(p, &l, &at).ok);
    qc_presync_free(p);
    line_free(&l);
}

/* ---- locators ---- */

static void test_locator_of__ten_in_a_row_then_doubling(void **state)
{
    static const uint32_t want[] = {100, 99, 98, 97, 96, 95, 94, 93, 92,
                                    91,  90, 89, 87, 83, 75, 59, 27, 0};
    static qc_index chain[101];
    qc_hash list[QC_LOCATOR_OWN];
    (void)state;
    for (uint32_t h = 0; h < QC_COUNTOF(chain); h++) {
        qc_tree_link(&chain[h], h ? &chain[h - 1] : NULL);
        chain[h].hash.b[0] = (uint8_t)h;
    }
    assert_int_equal(qc_locator_of(&chain[100], list), QC_COUNTOF(want));
    for (size_t k = 0; k < QC_COUNTOF(want); k++)
        assert_int_equal(list[k].b[0], want[k]);
    assert_int_equal(qc_locator_of(&chain[0], list), 1);
    assert_int_equal(qc_locator_of(&chain[3], list), 4);
}

static void test_locator_read__reads_what_was_written_and_bounds_the_count(void **state)
{
    static qc_index genesis;
    qc_hash first = {{7}};
    qc_bytes b = QC_BYTES_INIT;
    qc_locator l;
    (void)state;
    genesis.hash.b[0] = 9;
    assert_int_equal(qc_locator_write(&b, &first, &genesis), QC_OK);
    assert_int_equal(qc_locator_read(qc_bytes_span(&b), &l), QC_WIRE_OK);
    assert_int_equal(l.n, 2);
    assert_true(l.hash[0].b[0] == 7 && l.hash[1].b[0] == 9 && qc_hash_is_zero(&l.stop));
    assert_int_equal(qc_locator_read(qc_span_of(b.data, b.len - 1), &l), QC_WIRE_END);
    b.len = 0;
    static const uint8_t zero[102 * 32 + 32];
    assert_int_equal(qc_w_le32(&b, 1), QC_OK);
    assert_int_equal(qc_w_compact(&b, 102), QC_OK);
    assert_int_equal(qc_bytes_append(&b, zero, sizeof zero), QC_OK);
    assert_int_equal(qc_locator_read(qc_bytes_span(&b), &l), QC_WIRE_OK);
    assert_int_equal(l.n, 102);
    qc_bytes_free(&b);
}

QC_TEST_MAIN(cmocka_unit_test(test_next__a_worthy_chain_comes_out_whole_and_in_order),
             cmocka_unit_test(test_next__another_chain_in_the_second_pass_is_found_out),
             cmocka_unit_test(test_next__a_chain_that_ends_early_is_given_up),
             cmocka_unit_test(test_next__no_more_is_kept_than_time_allows),
             cmocka_unit_test(test_next__headers_must_follow_and_difficulty_may_not_jump),
             cmocka_unit_test(test_locator_of__ten_in_a_row_then_doubling),
             cmocka_unit_test(test_locator_read__reads_what_was_written_and_bounds_the_count))
