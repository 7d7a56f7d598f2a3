/* The template that callers share: delivered first, judged then. */
#include "core/mining/offer.h"
#include "tests/unit/harness.h"

#include "tests/unit/pool_kit.h"

typedef struct rig {
    pool_kit p;
    qc_miner *miner;
    qc_offer o;
    size_t used; /* coins */
} rig;

static const qc_mempool_entry *add(rig *r)
{
    return pk_add(&r->p, pk_spend(&r->p.coin[r->used++], 1, 1000, 1));
}

static rig *rig_new(void)
{
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    pk_init(&r->p);
    const qc_miner_options mo = {.chain = r->p.k.c, .template = qc_template_defaults()};
    assert_int_equal(qc_miner_new(&r->miner, &mo), QC_OK);
    pk_open(&r->p);
    qc_miner_use_mempool(r->miner, r->p.m);
    add(r);
    return r;
}

static void rig_end(rig *r)
{
    qc_offer_clear(&r->o);
    pk_end(&r->p);
    qc_miner_free(r->miner);
    free(r);
}

/* NULL: it was judged, and was bad. */
static const qc_template *take(rig *r, bool want_fresh, qc_verdict *v)
{
    const qc_template *t;
    bool fresh;
    assert_int_equal(qc_offer_take(&r->o, r->miner, r->p.k.c, r->p.now, &t, &fresh, v), QC_OK);
    assert_int_equal(fresh, want_fresh);
    return t;
}

/* Nothing that comes from outside can do this to an entry: a block with it pays too much. Again: it
 * is as it was. */
static void spoil(const qc_mempool_entry *e)
{
    uint8_t *raw = (uint8_t *)(uintptr_t)e->tx.raw;
    raw[e->tx.out[0].script_off - 1 - 2] ^=
        0x01; /* of the value, in front of the script's length */
}

/* What a template is shared for is over. */
static void go_on(rig *r)
{
    add(r);
    pk_wait(&r->p, 10);
}

static void test_take__shares_while_nothing_happens_or_it_is_young(void **state)
{
    (void)state;
    rig *r = rig_new();
    qc_verdict v;
    const qc_template *a = take(r, true, &v), *b = take(r, false, &v);
    assert_ptr_equal(a, b);
    qc_template_unref(b);
    pk_wait(&r->p, 1000);
    b = take(r, false, &v);
    assert_ptr_equal(a, b);
    qc_template_unref(b);
    r->o.made = r->p.now - 5;
    add(r);
    b = take(r, false, &v);
    assert_ptr_equal(a, b);
    qc_template_unref(b);
    pk_wait(&r->p, 1);
    b = take(r, true, &v);
    assert_true(b->id > a->id);
    assert_int_equal(b->n_tx, 2);
    qc_template_unref(b);
    pk_mine(&r->p, NULL, 0);
    b = take(r, true, &v);
    assert_memory_equal(&b->prev, &qc_chain_tip(r->p.k.c)->hash, 32);
    assert_true(qc_offer_judge(&r->o, r->p.k.c, b));
    assert_true(
        qc_offer_judge(&r->o, r->p.k.c, a)); /* of a tip that is none any more: not judged */
    qc_template_unref(b);
    qc_template_unref(a);
    rig_end(r);
}

static void test_judge__withdraws_a_bad_one_and_the_next_are_judged_first(void **state)
{
    (void)state;
    rig *r = rig_new();
    qc_verdict v;
    const qc_mempool_entry *e = qc_mempool_at(r->p.m, 0);
    spoil(e);
    const qc_template *t = take(r, true, &v);
    assert_false(qc_offer_is_withdrawn(&r->o, t->updates));
    assert_false(qc_offer_judge(&r->o, r->p.k.c, t));
    assert_true(qc_offer_is_withdrawn(&r->o, t->updates));
    assert_false(qc_offer_is_withdrawn(&r->o, t->updates + 1));
    qc_template_unref(t);
    assert_null(take(r, false, &v)); /* not shared, and judged before anybody sees it */
    assert_string_equal(v.reason, "bad-txns-in-belowout");
    spoil(e);
    t = take(r, false, &v);
    assert_non_null(t);
    assert_false(qc_offer_is_withdrawn(&r->o, t->updates));
    qc_template_unref(t);
    go_on(r);
    t = take(r, true, &v);
    assert_true(qc_offer_judge(&r->o, r->p.k.c, t));
    qc_template_unref(t);
    rig_end(r);
}

static void test_judge__leaves_a_newer_one_alone(void **state)
{
    (void)state;
    rig *r = rig_new();
    qc_verdict v;
    const qc_mempool_entry *e = qc_mempool_at(r->p.m, 0);
    const qc_template *bad = take(r, true, &v);
    go_on(r);
    const qc_template *good = take(r, true, &v), *again;
    spoil(e);
    assert_false(qc_offer_judge(&r->o, r->p.k.c, bad));
    spoil(e);
    again = take(r, false, &v);
    assert_ptr_equal(again, good);
    qc_template_unref(again);
    qc_template_unref(good);
    qc_template_unref(bad);
    rig_end(r);
}

static void test_is_withdrawn__is_never_of_none(void **state)
{
    (void)state;
    qc_offer o = {0};
    assert_false(qc_offer_is_withdrawn(&o, 0));
    assert_false(qc_offer_is_withdrawn(&o, UINT64_MAX));
}

QC_TEST_MAIN(cmocka_unit_test(test_take__shares_while_nothing_happens_or_it_is_young),
             cmocka_unit_test(test_judge__withdraws_a_bad_one_and_the_next_are_judged_first),
             cmocka_unit_test(test_judge__leaves_a_newer_one_alone),
             cmocka_unit_test(test_is_withdrawn__is_never_of_none))
