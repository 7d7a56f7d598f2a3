/* The set of what is watched, against a plain list of it. */
#include "core/watch/match.h"

#include "core/base/alloc.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#include <pthread.h>
#include <stdatomic.h>

#define OWNERS 5u
#define MOST 3000u

typedef struct thing {
    unsigned owner;
    qc_watch_kind kind;
    uint8_t bytes[40];
    size_t len;
    uint64_t cookie;
    uint32_t gen;
} thing;

/* The set and what is in it. */
typedef struct model {
    qc_watchset *set;
    qc_watch_owner owner[OWNERS];
    thing *t;
    size_t n;
    uint64_t seed;
    uint32_t gen;
} model;

static const qc_siphash_key SALT = {7, 8};

static void begin(model *m)
{
    *m = (model){.set = qc_watchset_new(&SALT), .seed = 3};
    m->t = qc_alloc(MOST * sizeof *m->t);
    for (unsigned i = 0; i < OWNERS; i++)
        assert_int_equal(qc_watchset_enter(m->set, &m->owner[i]), QC_OK);
}

static void end(model *m)
{
    for (unsigned i = 0; i < OWNERS; i++)
        qc_watchset_leave(m->set, &m->owner[i]);
    qc_watchset_free(m->set);
    qc_free(m->t);
}

/* Few different ones, so that owners share them and add them twice. */
static thing random_thing(model *m)
{
    thing t = {.owner = (unsigned)(test_rand(&m->seed) % OWNERS),
               .kind = test_rand(&m->seed) % 3 ? QC_WATCH_SCRIPT : QC_WATCH_OUTPOINT,
               .cookie = test_rand(&m->seed)};
    uint64_t x = test_rand(&m->seed) % 700;
    t.len = t.kind == QC_WATCH_OUTPOINT ? 36 : 1 + (size_t)(x % 36);
    for (size_t i = 0; i < t.len; i++)
        t.bytes[i] = (uint8_t)(x >> (i % 2 * 8));
    return t;
}

static qc_watch_key key_of(const thing *t)
{
    return (qc_watch_key){t->kind, qc_span_of(t->bytes, t->len), t->cookie};
}

static thing *find(model *m, const thing *t)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->t[i].owner == t->owner && m->t[i].kind == t->kind && m->t[i].len == t->len &&
            memcmp(m->t[i].bytes, t->bytes, t->len) == 0)
            return &m->t[i];
    return NULL;
}

static void add_some(model *m)
{
    qc_watch_key key[20];
    thing t[20];
    size_t n = 1 + (size_t)(test_rand(&m->seed) % 20);
    m->gen++;
    for (size_t i = 0; i < n; i++) {
        t[i] = random_thing(m);
        t[i].owner = t[0].owner;
        t[i].gen = m->gen;
        key[i] = key_of(&t[i]);
    }
    assert_int_equal(qc_watchset_add(m->set, &m->owner[t[0].owner], key, n, m->gen), QC_OK);
    for (size_t i = 0; i < n; i++) {
        thing *have = find(m, &t[i]);
        if (have && have->cookie != t[i].cookie) {
            have->cookie = t[i].cookie;
            have->gen = m->gen;
        } else if (!have)
            m->t[m->n++] = t[i];
    }
}

static void remove_one(model *m)
{
    thing t = random_thing(m), *have = find(m, &t);
    qc_watch_key key = key_of(&t);
    assert_int_equal(qc_watchset_remove(m->set, &m->owner[t.owner], &key), have != NULL);
    if (have)
        *have = m->t[--m->n];
}

static void leave(model *m, unsigned owner)
{
    size_t n = 0;
    qc_watchset_leave(m->set, &m->owner[owner]);
    assert_int_equal(qc_watchset_enter(m->set, &m->owner[owner]), QC_OK);
    for (size_t i = 0; i < m->n; i++)
        if (m->t[i].owner != owner)
            m->t[n++] = m->t[i];
    m->n = n;
}

typedef struct looked {
    model *m;
    const thing *t;
    size_t n;
} looked;

static void is_right(void *arg, const qc_watch_found *f)
{
    looked *l = arg;
    thing t = *l->t;
    for (t.owner = 0; l->m->owner[t.owner].id != f->owner;)
        t.owner++;
    const thing *have = find(l->m, &t);
    assert_non_null(have);
    assert_int_equal(have->cookie, f->cookie);
    assert_int_equal(have->gen, f->gen);
    l->n++;
}

static size_t owners_of(model *m, const thing *t)
{
    size_t n = 0;
    thing one = *t;
    for (one.owner = 0; one.owner < OWNERS; one.owner++)
        n += find(m, &one) != NULL;
    return n;
}

static void compare(model *m)
{
    uint64_t count[OWNERS][2] = {{0}};
    for (size_t i = 0; i < m->n; i++) {
        looked l = {m, &m->t[i], 0};
        const qc_span bytes = qc_span_of(m->t[i].bytes, m->t[i].len);
        size_t found = qc_watchset_find(m->set, m->t[i].kind, bytes, is_right, &l);
        assert_int_equal(found, l.n);
        assert_int_equal(found, owners_of(m, &m->t[i]));
        count[m->t[i].owner][m->t[i].kind]++;
    }
    for (unsigned i = 0; i < OWNERS; i++)
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(m->owner[i].count[k], count[i][k]);
}

static void count_one(void *arg, const qc_watch_key *key, uint32_t gen)
{
    uint64_t *n = arg;
    (void)gen;
    n[key->kind]++;
}

static void test_watchset__holds_what_a_list_holds(void **state)
{
    (void)state;
    model m;
    begin(&m);
    for (unsigned round = 0; round < 400 && m.n + 20 < MOST; round++) {
        uint64_t before = qc_watchset_version(m.set);
        add_some(&m);
        for (uint64_t k = test_rand(&m.seed) % 12; k; k--)
            remove_one(&m);
        if (round % 50 == 49)
            leave(&m, (unsigned)(test_rand(&m.seed) % OWNERS));
        assert_true(qc_watchset_version(m.set) > before);
        if (round % 10 == 0)
            compare(&m);
    }
    compare(&m);
    for (unsigned i = 0; i < OWNERS; i++) {
        uint64_t n[2] = {0, 0};
        qc_watchset_each(m.set, &m.owner[i], count_one, n);
        assert_int_equal(n[0], m.owner[i].count[0]);
        assert_int_equal(n[1], m.owner[i].count[1]);
    }
    end(&m);
}

static void ignore(void *arg, const qc_watch_found *f)
{
    (void)arg;
    (void)f;
}

static void test_watchset__what_is_removed_costs_nothing(void **state)
{
    (void)state;
    model m;
    begin(&m);
    while (m.n < 1000)
        add_some(&m);
    for (unsigned i = 0; i < OWNERS; i++)
        assert_true(m.owner[i].bytes > 0);
    while (m.n) {
        thing t = m.t[--m.n];
        qc_watch_key key = key_of(&t);
        assert_true(qc_watchset_remove(m.set, &m.owner[t.owner], &key));
        assert_false(qc_watchset_remove(m.set, &m.owner[t.owner], &key));
    }
    for (unsigned i = 0; i < OWNERS; i++)
        assert_int_equal(m.owner[i].bytes, 0);
    thing t = random_thing(&m);
    assert_int_equal(qc_watchset_find(m.set, t.kind, qc_span_of(t.bytes, t.len), ignore, NULL), 0);
    end(&m);
}

static void test_add__all_or_nothing_without_memory(void **state)
{
    (void)state;
    unsigned runs;
    model m;
    begin(&m);
    qc_watch_key key[300];
    uint32_t bytes[300];
    for (uint32_t i = 0; i < 300; i++) {
        bytes[i] = i;
        key[i] = (qc_watch_key){QC_WATCH_SCRIPT, qc_span_of(&bytes[i], 4), i};
    }
    FOR_EACH_FAULT (runs) {
        qc_err err = qc_watchset_add(m.set, &m.owner[0], key, 300, ++m.gen);
        assert_int_equal(err, fault_was_hit() ? QC_ENOMEM : QC_OK);
        assert_int_equal(m.owner[0].count[0], err ? 0 : 300);
        assert_true(err == QC_OK || m.owner[0].bytes == 0);
    }
    assert_true(runs > 3); /* what a failed run has made room for stays */
    end(&m);
}

static void test_enter__ids_are_given_again(void **state)
{
    (void)state;
    model m;
    qc_watch_owner o;
    unsigned n = 0;
    begin(&m);
    uint16_t id = m.owner[2].id;
    qc_watchset_leave(m.set, &m.owner[2]);
    assert_int_equal(qc_watchset_enter(m.set, &m.owner[2]), QC_OK);
    assert_int_equal(m.owner[2].id, id);
    while (qc_watchset_enter(m.set, &o) == QC_OK)
        n++;
    assert_int_equal(n, QC_WATCH_OWNERS - 1 - OWNERS);
    end(&m);
}

/* ---- the sieve ---- */

/* As scripts go: what tells them apart lies anywhere in them, and some are short. */
static qc_watch_key numbered(uint64_t i, uint8_t bytes[40])
{
    const uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    const size_t len = i % 7 == 0 ? 9 : 22 + i % 3 * 6;
    memset(bytes, 0x51, 40);
    memcpy(bytes + (len == 9 ? 1 : 2 + i % 5), &x, sizeof x);
    return (qc_watch_key){i % 11 ? QC_WATCH_SCRIPT : QC_WATCH_OUTPOINT, qc_span_of(bytes, len), i};
}

static void add_numbered(model *m, uint64_t from, uint64_t n)
{
    uint8_t bytes[500][40];
    qc_watch_key key[500];
    for (uint64_t i = 0; i < n; i++)
        key[i] = numbered(from + i, bytes[i]);
    assert_int_equal(qc_watchset_add(m->set, &m->owner[0], key, n, ++m->gen), QC_OK);
}

static unsigned pass(const qc_sieve *f, uint64_t from, uint64_t n)
{
    uint8_t bytes[40];
    unsigned passed = 0;
    for (uint64_t i = from; i < from + n; i++) {
        const qc_watch_key key = numbered(i, bytes);
        passed += qc_sieve_may(f, key.kind, key.bytes);
    }
    return passed;
}

static void test_sieve__lets_pass_what_is_there_and_little_else(void **state)
{
    (void)state;
    model m;
    begin(&m);
    qc_sieve *f = qc_watchset_sieve(m.set), *first = f;
    assert_int_equal(pass(f, 0, 1000), 0);
    for (uint64_t n = 0; n < 60000; n += 500) {
        add_numbered(&m, n, 500);
        qc_sieve_unref(f);
        f = qc_watchset_sieve(m.set);
        assert_int_equal(pass(f, n, 500), 500);
        assert_true(pass(f, 1000000, 1000) < 10);
    }
    assert_int_equal(pass(f, 0, 60000), 60000);
    assert_ptr_not_equal(f, first);
    qc_sieve_unref(f);
    end(&m);
}

/* The old one is told what is added until the next one, which is filled meanwhile, is. */
static void test_sieve__grows_over_many_small_calls(void **state)
{
    (void)state;
    model m;
    unsigned growths = 0;
    begin(&m);
    qc_sieve *f = qc_watchset_sieve(m.set);
    for (uint64_t n = 0; n < 60000; n += 50) {
        add_numbered(&m, n, 50);
        qc_sieve *now = qc_watchset_sieve(m.set);
        if (now != f) {
            growths++;
            assert_in_range(n, f->room + 300, f->room + f->room / 5);
            assert_int_equal(pass(f, 0, n + 50), n + 50);
            assert_int_equal(pass(now, 0, n + 50), n + 50);
        }
        qc_sieve_unref(f);
        f = now;
    }
    assert_int_equal(growths, 2);
    qc_sieve_unref(f);
    end(&m);
}

/* Those of a shard change places when one is taken out: many are, while few are added. */
static void test_sieve__misses_nothing_of_what_changes_places_while_it_grows(void **state)
{
    (void)state;
    enum { FULL = 16000, ALL = FULL + 1000, GONE_EACH = 20 };
    model m;
    uint8_t bytes[40], gone[ALL] = {0};
    unsigned missed = 0;
    begin(&m);
    for (uint64_t n = 0; n < FULL; n += 500)
        add_numbered(&m, n, 500);
    qc_sieve *full = qc_watchset_sieve(m.set), *now = qc_sieve_ref(full);
    uint64_t n = FULL;
    for (; now == full && n < ALL; n++) {
        add_numbered(&m, n, 1);
        for (unsigned i = 0; n > full->room && i < GONE_EACH; i++) {
            const uint64_t x = test_rand(&m.seed) % n;
            const qc_watch_key key = numbered(x, bytes);
            assert_int_equal(qc_watchset_remove(m.set, &m.owner[0], &key), !gone[x]);
            gone[x] = 1;
        }
        qc_sieve_unref(now);
        now = qc_watchset_sieve(m.set);
    }
    assert_ptr_not_equal(now, full);
    for (uint64_t i = 0; i < n; i++)
        missed += !gone[i] && !pass(now, i, 1);
    assert_int_equal(missed, 0);
    qc_sieve_unref(now);
    qc_sieve_unref(full);
    end(&m);
}

static void test_sieve__forgets_what_was_removed_and_does_not_grow_for_it(void **state)
{
    (void)state;
    model m;
    uint8_t bytes[40];
    begin(&m);
    add_numbered(&m, 0, 500);
    const uint64_t before = qc_watchset_bytes(m.set);
    for (uint64_t n = 500; n < 200000; n += 500) {
        add_numbered(&m, n, 500);
        for (uint64_t i = n; i < n + 500; i++) {
            const qc_watch_key key = numbered(i, bytes);
            assert_true(qc_watchset_remove(m.set, &m.owner[0], &key));
        }
    }
    qc_sieve *f = qc_watchset_sieve(m.set);
    assert_true(qc_watchset_bytes(m.set) < 3 * before);
    assert_int_equal(pass(f, 0, 500), 500);
    assert_true(pass(f, 500, 100000) < 5000);
    qc_sieve_unref(f);
    end(&m);
}

/* ---- passes ---- */

static void add_key(model *m, unsigned owner, qc_watch_kind kind, qc_span bytes, uint64_t cookie)
{
    const qc_watch_key key = {kind, bytes, cookie};
    assert_int_equal(qc_watchset_add(m->set, &m->owner[owner], &key, 1, ++m->gen), QC_OK);
}

/* Two transactions; the second spends a coin of one script and pays to another. */
static void test_match__finds_coins_made_and_spent_in_order_for_each_owner(void **state)
{
    (void)state;
    static const uint8_t A[] = {1, 2, 3}, B[] = {4, 5}, C[] = {6};
    model m;
    qc_watch_hits h = QC_WATCH_HITS_INIT;
    tb_chain *chain = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    tb_block *draft = tb_chain_next(chain, 0);
    const qc_hash prev = {{9}};
    tb_tx *tx = tb_block_add(draft, tb_tx_new());
    tb_tx_in(tx, &prev, 1, qc_span_of("", 0), TB_FINAL);
    tb_tx_in(tx, &prev, 2, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(tx, 5, qc_span_of(C, sizeof C));
    tb_tx_out(tx, 6, qc_span_of(A, sizeof A));
    tb_block_finish(draft, chain->params);
    qc_block *b = tb_block_parse(draft);
    const qc_spent spent[] = {{0},
                              {.value = 7, .script = qc_span_of(B, sizeof B), .height = 3},
                              {.value = 8, .script = qc_span_of(A, sizeof A), .height = 4}};
    assert_int_equal(qc_block_attach_spent(b, spent), QC_OK);
    begin(&m);
    qc_outpoint o = {prev, 2};
    add_key(&m, 0, QC_WATCH_SCRIPT, qc_span_of(A, sizeof A), 10);
    add_key(&m, 0, QC_WATCH_OUTPOINT, qc_span_of(&o, sizeof o), 11);
    add_key(&m, 1, QC_WATCH_SCRIPT, qc_span_of(B, sizeof B), 12);
    o.n = 7;
    add_key(&m, 1, QC_WATCH_OUTPOINT, qc_span_of(&o, sizeof o), 13);
    add_key(&m, 2, QC_WATCH_SCRIPT, qc_span_of(&o, sizeof o), 14);
    assert_int_equal(qc_watch_match_block(m.set, b, 0, &h), QC_OK);
    const qc_watch_hit want[] = {
        {12, 3, 1, 0, m.owner[1].id, QC_HIT_SPENT},
        {10, 1, 1, 1, m.owner[0].id, QC_HIT_SPENT},
        {11, 2, 1, 1, m.owner[0].id, QC_HIT_SPENT | QC_HIT_OUTPOINT},
        {10, 1, 1, 1, m.owner[0].id, 0},
    };
    assert_int_equal(h.n, 4);
    assert_memory_equal(h.hit, want, sizeof want);
    assert_int_equal(qc_watch_match_block(m.set, b, m.owner[1].id, &h), QC_OK);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.version, qc_watchset_version(m.set));
    const qc_tx parsed = qc_block_tx(b, 1);
    assert_int_equal(qc_watch_match_tx(m.set, &parsed, spent + 1, m.owner[0].id, &h), QC_OK);
    assert_int_equal(h.n, 3);
    qc_watch_hits_clear(&h);
    end(&m);
    qc_block_unref(b);
    tb_block_free(draft);
    tb_chain_free(chain);
}

/* ---- threads ---- */

typedef struct racer {
    model *m;
    unsigned owner;
    _Atomic bool *stop;
    uint64_t hits;
} racer;

static void *add_and_remove(void *arg)
{
    racer *r = arg;
    uint32_t bytes[64];
    qc_watch_key key[64];
    for (unsigned round = 0; round < 300; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            bytes[i] = round * 64 + i;
            key[i] = (qc_watch_key){QC_WATCH_SCRIPT, qc_span_of(&bytes[i], 4), i};
        }
        assert_int_equal(qc_watchset_add(r->m->set, &r->m->owner[r->owner], key, 64, round + 1),
                         QC_OK);
        for (uint32_t i = 0; i < 64; i += 2)
            assert_true(qc_watchset_remove(r->m->set, &r->m->owner[r->owner], &key[i]));
    }
    return NULL;
}

static void count_hit(void *arg, const qc_watch_found *f)
{
    racer *r = arg;
    r->hits += f->gen > 0;
}

static void *look(void *arg)
{
    racer *r = arg;
    for (uint32_t i = 0; !atomic_load(r->stop); i = (i + 1) % 20000)
        (void)qc_watchset_find(r->m->set, QC_WATCH_SCRIPT, qc_span_of(&i, 4), count_hit, r);
    return NULL;
}

static void test_watchset__looking_goes_on_while_others_add_and_remove(void **state)
{
    (void)state;
    model m;
    _Atomic bool stop = false;
    pthread_t t[3];
    racer r[3] = {{&m, 0, &stop, 0}, {&m, 1, &stop, 0}, {&m, 2, &stop, 0}};
    begin(&m);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, add_and_remove, &r[i]), 0);
    assert_int_equal(pthread_create(&t[2], NULL, look, &r[2]), 0);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    atomic_store(&stop, true);
    pthread_join(t[2], NULL);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(m.owner[i].count[0], 300 * 32);
    end(&m);
}

typedef struct sifter {
    model *m;
    _Atomic uint64_t added;
    uint64_t missed;
} sifter;

static void *sift(void *arg)
{
    sifter *s = arg;
    for (uint64_t n = 0; n < 30000;) {
        n = atomic_load(&s->added);
        qc_sieve *f = qc_watchset_sieve(s->m->set);
        s->missed += n - pass(f, 0, n);
        qc_sieve_unref(f);
    }
    return NULL;
}

/* It is made anew several times under who looks and who adds. */
static void test_sieve__misses_nothing_while_it_grows(void **state)
{
    (void)state;
    model m;
    _Atomic bool stop = false;
    pthread_t t[2];
    racer r = {&m, 1, &stop, 0};
    sifter s = {.m = &m};
    begin(&m);
    assert_int_equal(pthread_create(&t[0], NULL, add_and_remove, &r), 0);
    assert_int_equal(pthread_create(&t[1], NULL, sift, &s), 0);
    for (uint64_t n = 0; n < 30000; n += 500) {
        add_numbered(&m, n, 500);
        atomic_store(&s.added, n + 500);
    }
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    assert_int_equal(s.missed, 0);
    end(&m);
}

QC_TEST_MAIN(cmocka_unit_test(test_watchset__holds_what_a_list_holds),
             cmocka_unit_test(test_watchset__what_is_removed_costs_nothing),
             cmocka_unit_test(test_add__all_or_nothing_without_memory),
             cmocka_unit_test(test_enter__ids_are_given_again),
             cmocka_unit_test(test_sieve__lets_pass_what_is_there_and_little_else),
             cmocka_unit_test(test_sieve__grows_over_many_small_calls),
             cmocka_unit_test(test_sieve__misses_nothing_of_what_changes_places_while_it_grows),
             cmocka_unit_test(test_sieve__forgets_what_was_removed_and_does_not_grow_for_it),
             cmocka_unit_test(test_match__finds_coins_made_and_spent_in_order_for_each_owner),
             cmocka_unit_test(test_watchset__looking_goes_on_while_others_add_and_remove),
             cmocka_unit_test(test_sieve__misses_nothing_while_it_grows))
