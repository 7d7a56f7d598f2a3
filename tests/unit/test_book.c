/* What plugins were given of templates: for how long, whose it is, and what it may keep alive. */
#include "core/host/book.h"
#include "tests/unit/harness.h"

#include "core/base/arith.h"
#include "core/mempool/accept.h"
#include "core/mining/miner.h"
#include "tests/unit/pool_kit.h"

#include <pthread.h>

#define MINUTE ((qc_mono)60 * 1000000000)
#define MANY 24

static qc_mono clock_now = MINUTE;

static qc_mono now(void)
{
    return clock_now;
}

typedef struct rig {
    pool_kit p;
    qc_miner *miner;
    qc_book *book;
} rig;

static rig *rig_new(void)
{
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    pk_init(&r->p);
    const qc_miner_options o = {.chain = r->p.k.c, .template = qc_template_defaults()};
    assert_int_equal(qc_miner_new(&r->miner, &o), QC_OK);
    pk_open(&r->p);
    qc_miner_use_mempool(r->miner, r->p.m);
    r->book = qc_book_new(now);
    return r;
}

static void rig_end(rig *r)
{
    qc_book_free(r->book);
    pk_end(&r->p);
    qc_miner_free(r->miner);
    free(r);
}

/* Of the pool as it is, without what was excluded. */
static const qc_template *make(rig *r, const qc_overlay_change *ch, size_t n)
{
    const qc_template *t;
    const qc_overlay ov = {.change = ch, .n_changes = n};
    assert_int_equal(qc_miner_template_with(r->miner, NULL, &ov, r->p.now, &t), QC_OK);
    return t;
}

static bool can_find(rig *r, const char *who, const qc_template *t, bool held)
{
    const qc_template *got = qc_book_find(r->book, who, t->id, held);
    assert_true(!got || got == t);
    qc_template_unref(got);
    return got != NULL;
}

static void test_book__keeps_for_ten_minutes_what_was_released(void **state)
{
    rig *r = rig_new();
    const qc_book_limits l = {8, 1 << 20};
    (void)state;
    const qc_template *t = make(r, NULL, 0), *u = make(r, NULL, 0);
    assert_int_equal(qc_book_give(r->book, "a", &l, t), QN_OK);
    assert_int_equal(qc_book_give(r->book, "a", &l, u), QN_OK);
    assert_int_equal(qc_book_give(r->book, "a", &l, u), QN_OK); /* twice */
    assert_true(can_find(r, "a", t, true));
    assert_false(can_find(r, "b", t, false)); /* it is another's */
    assert_int_equal(qc_book_release(r->book, "b", t->id), QN_E_CLOSED);
    assert_int_equal(qc_book_release(r->book, "a", t->id), QN_OK);
    assert_int_equal(qc_book_release(r->book, "a", t->id), QN_E_CLOSED);
    assert_false(can_find(r, "a", t, true));
    clock_now += 10 * MINUTE - 1;
    assert_true(can_find(r, "a", t, false));
    clock_now += 1;
    assert_false(can_find(r, "a", t, false));
    assert_true(can_find(r, "a", u, true)); /* held: for as long as it is */
    assert_int_equal(qc_book_release(r->book, "a", u->id), QN_OK);
    assert_true(can_find(r, "a", u, true)); /* given twice */
    clock_now += 60 * MINUTE;
    assert_int_equal(qc_book_release(r->book, "a", u->id), QN_OK);
    assert_false(can_find(r, "a", u, true));
    clock_now += 10 * MINUTE - 1; /* from the end of holding, however long that was */
    assert_true(can_find(r, "a", u, false));
    clock_now += 1;
    assert_false(can_find(r, "a", u, false));
    const qc_template *v = make(r, NULL, 0); /* whoever comes next sweeps up */
    assert_int_equal(qc_book_give(r->book, "b", &l, v), QN_OK);
    assert_int_equal(qc_book_usage_of(r->book, "a").kept, 0);
    assert_int_equal(t->refs, 1);
    assert_int_equal(u->refs, 1);
    qc_template_unref(t);
    qc_template_unref(u);
    qc_template_unref(v);
    rig_end(r);
}

static void fill(rig *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tb_tx *tx = pk_spend(&r->p.coin[i], 1, (qc_amount)(40000 + 100 * i), 1);
        pk_pad(tx, 1000);
        pk_add(&r->p, tx);
    }
}

/* Any transactions of the pool but some. */
static const qc_template *make_any(rig *r, uint64_t *dice)
{
    qc_overlay_change ch[MANY] = {{.delta = 0}};
    size_t n = 0;
    for (size_t i = 0; i < qc_mempool_count(r->p.m); i++) {
        *dice = *dice * 6364136223846793005u + 1442695040888963407u;
        if (*dice >> 62)
            continue;
        ch[n].txid = *qc_entry_txid(qc_mempool_at(r->p.m, i));
        ch[n++].exclude = true;
    }
    return make(r, ch, n);
}

static uint64_t alive(const qc_template *const *t, const bool *kept, size_t n)
{
    const qc_mempool_entry *seen[MANY];
    size_t k = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; kept[i] && j < t[i]->n_tx; j++) {
            size_t s = 0;
            while (s < k && seen[s] != t[i]->entry[j])
                s++;
            if (s < k)
                continue;
            seen[k++] = t[i]->entry[j];
            bytes += t[i]->entry[j]->tx.rec->len;
        }
    return bytes;
}

static void test_book__counts_no_less_than_what_is_alive(void **state)
{
    rig *r = rig_new();
    const qc_template *t[40];
    bool kept[40] = {false};
    uint64_t dice = 11;
    (void)state;
    fill(r, 20);
    qc_book_limits l = {100, 25000};
    for (size_t i = 0; i < QC_COUNTOF(t); i++) {
        t[i] = make_any(r, &dice);
        bool given = qc_book_give(r->book, "a", &l, t[i]) == QN_OK;
        qc_book_settle(r->book, "a", &l);
        if (i % 3) /* most are released again */
            assert_int_equal(qc_book_release(r->book, "a", t[i]->id), given ? QN_OK : QN_E_CLOSED);
        qc_book_usage u = qc_book_usage_of(r->book, "a");
        unsigned n = 0;
        for (size_t k = 0; k <= i; k++)
            n += kept[k] = can_find(r, "a", t[k], false);
        assert_int_equal(n, u.kept);
        uint64_t lists = 0;
        for (size_t k = 0; k <= i; k++)
            lists += kept[k] ? sizeof *t[k] + (uint64_t)t[k]->n_tx * 64 : 0;
        assert_int_equal(u.bytes, alive(t, kept, i + 1) + lists); /* each once, whose it may be */
        /* More than the limit only as far as it is held. */
        assert_true(u.bytes <= l.bytes || u.kept <= u.held + 1);
    }
    assert_int_equal(qc_book_give(r->book, "a", &l, t[39]), QN_E_LIMIT);
    for (size_t k = 0; k < QC_COUNTOF(t); k++)
        while (qc_book_release(r->book, "a", t[k]->id) == QN_OK)
            ;
    assert_int_equal(qc_book_give(r->book, "a", &l, t[39]), QN_OK); /* the rest goes for it */
    assert_true(qc_book_usage_of(r->book, "a").bytes <= l.bytes);
    l.bytes = 0;
    assert_int_equal(qc_book_release(r->book, "a", t[39]->id), QN_OK);
    qc_book_settle(r->book, "a", &l);
    assert_int_equal(qc_book_usage_of(r->book, "a").bytes, 0);
    assert_int_equal(qc_book_usage_of(r->book, "a").kept, 0);
    for (size_t k = 0; k < QC_COUNTOF(t); k++) {
        assert_int_equal(t[k]->refs, 1);
        qc_template_unref(t[k]);
    }
    rig_end(r);
}

/* Held for long and released in any order: where there is no room for all, the last released stay.
 */
static void test_book__the_last_released_stay_when_memory_is_short(void **state)
{
    rig *r = rig_new();
    qc_book_limits l = {8, 1 << 20};
    const qc_template *t[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        t[i] = make(r, NULL, 0);
        assert_int_equal(qc_book_give(r->book, "a", &l, t[i]), QN_OK);
        clock_now += 20 * MINUTE;
    }
    qc_book_settle(r->book, "a", &l);
    for (int i = 2; i >= 0; i--)
        assert_int_equal(qc_book_release(r->book, "a", t[i]->id), QN_OK);
    l.bytes = qc_book_usage_of(r->book, "a").bytes - 1;
    qc_book_settle(r->book, "a", &l);
    assert_false(can_find(r, "a", t[2], false));
    assert_true(can_find(r, "a", t[1], false));
    assert_true(can_find(r, "a", t[0], false));
    for (int i = 0; i < 3; i++)
        qc_template_unref(t[i]);
    rig_end(r);
}

static void test_book__a_child_keeps_its_parent_alive(void **state)
{
    rig *r = rig_new();
    const qc_template *parent, *child;
    const qc_book_limits l = {8, 1 << 20};
    (void)state;
    fill(r, 5);
    parent = make(r, NULL, 0);
    assert_int_equal(qc_miner_template_on(r->miner, parent, NULL, r->p.now, &child), QC_OK);
    assert_int_equal(qc_book_give(r->book, "a", &l, child), QN_OK);
    qc_book_settle(r->book, "a", &l);
    assert_true(qc_book_usage_of(r->book, "a").bytes >= parent->tx_bytes + 2 * sizeof *parent);
    qc_template_unref(parent);
    qc_template_unref(child);
    rig_end(r);
}

static void test_book__keeps_no_crowd_and_is_swept_when_nobody_comes(void **state)
{
    rig *r = rig_new();
    const qc_book_limits l = {8, 1 << 30};
    const qc_template *first = NULL, *t;
    qc_template_options o = qc_template_defaults();
    (void)state;
    o.no_mempool = true;
    for (unsigned i = 0; i < QC_BOOK_IDLE + 50; i++) {
        assert_int_equal(qc_miner_template(r->miner, &o, QC_TEMPLATE_REQUEST, r->p.now, &t), QC_OK);
        assert_int_equal(qc_book_give(r->book, "a", &l, t), QN_OK);
        assert_int_equal(qc_book_release(r->book, "a", t->id), QN_OK);
        qc_book_settle(r->book, "a", &l);
        first = first ? first : qc_template_ref(t);
        qc_template_unref(t);
    }
    assert_int_equal(qc_book_usage_of(r->book, "a").kept, QC_BOOK_IDLE);
    assert_false(can_find(r, "a", first, false));
    clock_now += 10 * MINUTE;
    qc_book_sweep(r->book);
    assert_int_equal(qc_book_usage_of(r->book, "a").kept, 0);
    assert_int_equal(qc_book_usage_of(r->book, "a").bytes, 0);
    qc_template_unref(first);
    rig_end(r);
}

static void test_book__other_things_take_their_part(void **state)
{
    rig *r = rig_new();
    const qc_book_limits l = {8, 9000};
    (void)state;
    fill(r, 4);
    const qc_template *t = make(r, NULL, 0);
    assert_int_equal(qc_book_give(r->book, "a", &l, t), QN_OK);
    qc_book_settle(r->book, "a", &l);
    uint64_t bytes = qc_book_usage_of(r->book, "a").bytes;
    assert_int_equal(qc_book_charge(r->book, "a", &l, 9001 - bytes), QN_E_LIMIT);
    assert_int_equal(qc_book_charge(r->book, "a", &l, 9001), QN_E_LIMIT);
    assert_int_equal(qc_book_charge(r->book, "a", &l, 9000 - bytes), QN_OK);
    assert_int_equal(qc_book_usage_of(r->book, "a").bytes, 9000);
    assert_int_equal(qc_book_release(r->book, "a", t->id), QN_OK);
    assert_int_equal(qc_book_charge(r->book, "a", &l, 1), QN_OK); /* what is not held goes for it */
    assert_int_equal(qc_book_usage_of(r->book, "a").kept, 0);
    qc_book_uncharge(r->book, "a", 9001 - bytes);
    assert_int_equal(qc_book_usage_of(r->book, "a").bytes, 0);
    qc_template_unref(t);
    rig_end(r);
}

/* ---- many threads, one template ---- */

typedef struct solver {
    const qc_template *t;
    uint32_t number;
    bool ok;
} solver;

static void *solve_many(void *arg)
{
    solver *s = arg;
    s->ok = true;
    for (uint32_t i = 0; i < 20; i++) {
        qc_bytes cb = QC_BYTES_INIT;
        qc_block *b = NULL;
        const uint8_t extra[2] = {(uint8_t)s->number, (uint8_t)i};
        s->ok &= !qc_coinbase_write(&s->t->coinbase, pk_script(), qc_span_of(extra, 2), &cb);
        const qc_solution x = {.version = s->t->version,
                               .time = s->t->cur_time,
                               .bits = s->t->bits,
                               .nonce = s->number << 8 | i,
                               .coinbase = qc_bytes_span(&cb)};
        s->ok &= !qc_template_block(s->t, &x, &b) && qc_block_header(b)->nonce == x.nonce;
        s->ok &= qc_template_depends_of(s->t)->at[s->t->n_tx] == 0;
        const qc_tx tx = qc_block_tx(b, 0);
        s->ok &= memcmp(qc_tx_script_sig(&tx, 0).data + s->t->coinbase.prefix_len, extra, 2) == 0;
        qc_block_unref(b);
        qc_bytes_free(&cb);
    }
    return NULL;
}

static void test_template__many_solve_one_at_once(void **state)
{
    rig *r = rig_new();
    solver s[4];
    pthread_t thread[4];
    (void)state;
    fill(r, 10);
    const qc_template *t = make(r, NULL, 0);
    for (uint32_t i = 0; i < 4; i++) {
        s[i] = (solver){t, i, false};
        assert_int_equal(pthread_create(&thread[i], NULL, solve_many, &s[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_true(s[i].ok);
    }
    qc_template_unref(t);
    rig_end(r);
}

QC_TEST_MAIN(cmocka_unit_test(test_book__keeps_for_ten_minutes_what_was_released),
             cmocka_unit_test(test_book__counts_no_less_than_what_is_alive),
             cmocka_unit_test(test_book__the_last_released_stay_when_memory_is_short),
             cmocka_unit_test(test_book__a_child_keeps_its_parent_alive),
             cmocka_unit_test(test_book__keeps_no_crowd_and_is_swept_when_nobody_comes),
             cmocka_unit_test(test_book__other_things_take_their_part),
             cmocka_unit_test(test_template__many_solve_one_at_once))
