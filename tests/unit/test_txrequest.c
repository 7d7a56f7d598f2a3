/* Requests of transactions: the rules one by one, then random histories beside a list that is
 * searched from end to end. */
#include "core/sync/txrequest.h"
#include "tests/unit/harness.h"

#define SECOND INT64_C(1000000)
#define MODEL_MAX 4000

static const qc_siphash_key KEY = {1, 2};

static qc_tx_name name(unsigned i, bool wtxid)
{
    return (qc_tx_name){{{(uint8_t)i, (uint8_t)(i >> 8)}}, wtxid};
}

static void heard(qc_txreq *t, qc_peer_id peer, unsigned i, bool preferred, int64_t at)
{
    const qc_tx_name n = name(i, true);
    qc_txreq_announced(t, peer, &n, preferred, at);
}

static unsigned n_late;

static void late(void *arg, qc_peer_id peer, const qc_tx_name *n)
{
    (void)arg;
    (void)peer;
    (void)n;
    n_late++;
}

/* The numbers of what is to be asked of `peer` now, as text. */
static const char *due(qc_txreq *t, qc_peer_id peer, int64_t now)
{
    static char text[400];
    qc_tx_name *list;
    size_t n, at = 0;
    assert_int_equal(qc_txreq_due(t, peer, now, late, NULL, &list, &n), QC_OK);
    text[0] = 0;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%u ", list[i].hash.b[0]);
    qc_free(list);
    qc_txreq_check(t);
    return text;
}

static void asked(qc_txreq *t, qc_peer_id peer, unsigned i, int64_t until)
{
    const qc_tx_name n = name(i, true);
    qc_txreq_asked(t, peer, &n.hash, until);
    qc_txreq_check(t);
}

static void answered(qc_txreq *t, qc_peer_id peer, unsigned i)
{
    const qc_tx_name n = name(i, true);
    qc_txreq_answered(t, peer, &n.hash);
    qc_txreq_check(t);
}

static void test_due__in_order_once_its_time_has_come(void **state)
{
    qc_txreq *t = qc_txreq_new(&KEY);
    (void)state;
    heard(t, 1, 9, true, 5 * SECOND);
    heard(t, 1, 3, true, 5 * SECOND);
    heard(t, 1, 7, true, 6 * SECOND);
    assert_string_equal(due(t, 1, 5 * SECOND - 1), "");
    assert_string_equal(due(t, 1, 5 * SECOND), "9 3 ");
    assert_string_equal(due(t, 2, 9 * SECOND), "");
    assert_string_equal(due(t, 1, 9 * SECOND), "9 3 7 ");
    assert_string_equal(due(t, 1, 5 * SECOND), "9 3 "); /* the clock went back */
    assert_string_equal(due(t, 1, 0), "");
    qc_txreq_free(t);
}

static void test_announced__counts_once_by_either_name(void **state)
{
    qc_txreq *t = qc_txreq_new(&KEY);
    const qc_tx_name other = name(1, false);
    (void)state;
    heard(t, 1, 1, true, 10);
    qc_txreq_announced(t, 1, &other, true, 0);
    assert_string_equal(due(t, 1, 5), "");
    assert_int_equal(qc_txreq_size(t), 1);
    assert_int_equal(qc_txreq_count_of(t, 1).candidates, 1);
    qc_txreq_free(t);
}

static void test_due__preferred_peers_come_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        qc_txreq *t = qc_txreq_new(&KEY);
        heard(t, 1, i, false, 0);
        heard(t, 2, i, true, 0);
        heard(t, 3, i, false, 0);
        assert_string_equal(due(t, 1, 1), "");
        assert_string_equal(due(t, 3, 1), "");
        assert_true(*due(t, 2, 1) != 0);
        qc_txreq_free(t);
    }
}

static void test_due__among_equals_the_key_decides(void **state)
{
    unsigned first = 0, other_key = 0;
    (void)state;
    for (unsigned i = 0; i < 400; i++) {
        const qc_siphash_key second = {i, 77};
        qc_txreq *a = qc_txreq_new(&KEY), *b = qc_txreq_new(&second);
        for (qc_peer_id p = 1; p <= 2; p++) {
            heard(a, p, i, true, 0);
            heard(b, p, 5, true, 0);
        }
        bool one = *due(a, 1, 1) != 0, two = *due(a, 2, 1) != 0;
        assert_true(one != two);
        first += one;
        other_key += *due(b, 1, 1) != 0;
        qc_txreq_free(a);
        qc_txreq_free(b);
    }
    assert_in_range(first, 140, 260);
    assert_in_range(other_key, 140, 260);
}

static void test_asked__nobody_else_until_it_failed(void **state)
{
    qc_txreq *t = qc_txreq_new(&KEY);
    (void)state;
    heard(t, 1, 1, true, 0);
    heard(t, 2, 1, false, 0);
    heard(t, 3, 1, false, 100 * SECOND);
    assert_string_equal(due(t, 1, 1), "1 ");
    asked(t, 1, 1, 60 * SECOND);
    assert_int_equal(qc_txreq_count_of(t, 1).in_flight, 1);
    assert_string_equal(due(t, 2, 59 * SECOND), "");
    n_late = 0;
    assert_string_equal(due(t, 2, 60 * SECOND), "1 ");
    assert_int_equal(n_late, 1);
    assert_int_equal(qc_txreq_count_of(t, 1).in_flight, 0);
    assert_int_equal(qc_txreq_count_of(t, 1).all, 1);
    heard(t, 1, 1, true, 0); /* not a second time */
    assert_string_equal(due(t, 1, 70 * SECOND), "");
    asked(t, 1, 1, 200 * SECOND); /* nor so */
    assert_int_equal(qc_txreq_count_of(t, 1).in_flight, 0);
    asked(t, 2, 1, 120 * SECOND);
    answered(t, 2, 1);
    assert_string_equal(due(t, 3, 99 * SECOND), "");
    assert_int_equal(qc_txreq_size(t), 3);
    assert_string_equal(due(t, 3, 100 * SECOND), "1 ");
    asked(t, 3, 1, 200 * SECOND);
    answered(t, 3, 1); /* nobody is left: all is forgotten */
    assert_int_equal(qc_txreq_size(t), 0);
    heard(t, 1, 1, true, 0);
    assert_string_equal(due(t, 1, 200 * SECOND), "1 ");
    qc_txreq_free(t);
}

static void test_asked__of_another_the_first_is_over(void **state)
{
    qc_txreq *t = qc_txreq_new(&KEY);
    (void)state;
    heard(t, 1, 1, true, 0);
    heard(t, 2, 1, true, 1000);
    assert_string_equal(due(t, 1, 1), "1 ");
    asked(t, 1, 1, 500);
    asked(t, 2, 1, 900); /* before its time */
    assert_int_equal(qc_txreq_count_of(t, 1).in_flight, 0);
    assert_int_equal(qc_txreq_count_of(t, 2).in_flight, 1);
    n_late = 0;
    assert_string_equal(due(t, 1, 600), "");
    assert_int_equal(n_late, 0);
    assert_string_equal(due(t, 1, 900), "");
    assert_int_equal(n_late, 1);
    assert_int_equal(qc_txreq_size(t), 0);
    qc_txreq_free(t);
}

static void collect(void *arg, qc_peer_id peer)
{
    *(unsigned *)arg |= 1u << peer;
}

static void test_forget__by_transaction_and_by_peer(void **state)
{
    qc_txreq *t = qc_txreq_new(&KEY);
    const qc_tx_name one = name(1, true);
    unsigned who = 0;
    (void)state;
    for (qc_peer_id p = 1; p <= 3; p++)
        for (unsigned i = 1; i <= 5; i++)
            heard(t, p, i, p == 1, 0);
    due(t, 1, 1);
    asked(t, 1, 1, 100);
    answered(t, 1, 1);
    qc_txreq_each_peer(t, &one.hash, collect, &who);
    assert_int_equal(who, 1u << 2 | 1u << 3);
    qc_txreq_forget(t, &one.hash);
    qc_txreq_check(t);
    assert_int_equal(qc_txreq_size(t), 12);
    asked(t, 1, 2, 100);
    qc_txreq_forget_peer(t, 1);
    qc_txreq_check(t);
    assert_int_equal(qc_txreq_size(t), 8);
    assert_int_equal(strlen(due(t, 2, 1)) / 2 + strlen(due(t, 3, 1)) / 2, 4);
    qc_txreq_forget_peer(t, 3);
    assert_string_equal(due(t, 2, 1), "2 3 4 5 ");
    qc_txreq_forget_peer(t, 2);
    qc_txreq_forget_peer(t, 9);
    assert_int_equal(qc_txreq_size(t), 0);
    qc_txreq_free(t);
}

static void test_due__without_memory_nothing_is_lost(void **state)
{
    qc_txreq *t = qc_txreq_new(&KEY);
    qc_tx_name *list;
    size_t n;
    unsigned runs;
    (void)state;
    heard(t, 1, 1, true, 0);
    FOR_EACH_FAULT (runs) {
        qc_err err = qc_txreq_due(t, 1, 1, NULL, NULL, &list, &n);
        assert_true(!err == !fault_was_hit());
        if (!err) {
            assert_int_equal(n, 1);
            qc_free(list);
        }
    }
    assert_int_equal(runs, 3);
    qc_txreq_free(t);
}

/* ---- the same, slowly ---- */

typedef struct record {
    qc_peer_id peer;
    unsigned hash;
    bool wtxid, preferred;
    char state; /* c: candidate, a: asked, d: done */
    int64_t time;
} record;

static record model[MODEL_MAX]; /* in the order of announcing */
static size_t n_model;

static record *model_find(qc_peer_id peer, unsigned hash)
{
    for (size_t i = 0; i < n_model; i++)
        if (model[i].peer == peer && model[i].hash == hash)
            return &model[i];
    return NULL;
}

/* Take out what is of this hash, of this peer, or of a hash with nobody left to ask. */
static void model_drop(int hash, qc_peer_id peer)
{
    size_t k = 0;
    static bool open[65536];
    memset(open, 0, sizeof open);
    for (size_t i = 0; i < n_model; i++)
        open[model[i].hash] |= model[i].state != 'd' && model[i].peer != peer;
    for (size_t i = 0; i < n_model; i++)
        if ((int)model[i].hash != hash && model[i].peer != peer && open[model[i].hash])
            model[k++] = model[i];
    n_model = k;
}

static size_t model_due(const qc_txreq *t, qc_peer_id peer, int64_t now, unsigned *out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_model; i++)
        if (model[i].state == 'a' && model[i].time <= now)
            model[i].state = 'd';
    model_drop(-1, -1);
    for (size_t i = 0; i < n_model; i++) {
        const record *r = &model[i];
        bool best = r->peer == peer && r->state == 'c' && r->time <= now;
        const qc_tx_name nm = name(r->hash, false);
        uint64_t rank = qc_txreq_priority(t, &nm.hash, peer, r->preferred);
        for (size_t j = 0; best && j < n_model; j++)
            if (j != i && model[j].hash == r->hash)
                best = model[j].state != 'a' &&
                       (model[j].state != 'c' || model[j].time > now ||
                        qc_txreq_priority(t, &nm.hash, model[j].peer, model[j].preferred) < rank);
        if (best)
            out[n++] = r->hash;
    }
    return n;
}

static void model_ask(qc_peer_id peer, unsigned hash, int64_t until)
{
    record *r = model_find(peer, hash);
    if (!r || r->state != 'c')
        return;
    for (size_t i = 0; i < n_model; i++)
        if (model[i].hash == hash && model[i].state == 'a')
            model[i].state = 'd';
    r->state = 'a';
    r->time = until;
}

static void compare_due(qc_txreq *t, qc_peer_id peer, int64_t now, bool ask)
{
    static unsigned want[MODEL_MAX];
    qc_tx_name *list;
    size_t n, n_want = model_due(t, peer, now, want);
    assert_int_equal(qc_txreq_due(t, peer, now, NULL, NULL, &list, &n), QC_OK);
    assert_int_equal(n, n_want);
    for (size_t i = 0; i < n; i++) {
        const qc_tx_name nm = name(want[i], false);
        assert_true(qc_hash_eq(&list[i].hash, &nm.hash));
        assert_int_equal(list[i].wtxid, model_find(peer, want[i])->wtxid);
        if (ask) {
            qc_txreq_asked(t, peer, &nm.hash, now + 60);
            model_ask(peer, want[i], now + 60);
        }
    }
    qc_free(list);
}

static void compare_counts(const qc_txreq *t, qc_peer_id peer)
{
    size_t of[3] = {0, 0, 0};
    for (size_t i = 0; i < n_model; i++)
        if (model[i].peer == peer)
            of[model[i].state == 'c' ? 0 : model[i].state == 'a' ? 1 : 2]++;
    qc_txreq_count c = qc_txreq_count_of(t, peer);
    assert_int_equal(c.candidates, of[0]);
    assert_int_equal(c.in_flight, of[1]);
    assert_int_equal(c.all, of[0] + of[1] + of[2]);
    assert_int_equal(qc_txreq_size(t), n_model);
}

static void random_step(qc_txreq *t, uint64_t r, int64_t *now)
{
    qc_peer_id peer = (qc_peer_id)(r >> 8 & 7);
    unsigned hash = r >> 16 & 15;
    qc_tx_name nm = name(hash, r >> 24 & 1);
    record *old = model_find(peer, hash);
    switch (r & 15) {
    case 0:
        *now += (int64_t)(r >> 32 & 63);
        break;
    case 1:
        *now -= (int64_t)(r >> 32 & 7);
        break;
    case 2:
        qc_txreq_forget(t, &nm.hash);
        model_drop((int)hash, -1);
        break;
    case 3:
        if ((r >> 32 & 7) == 0) {
            qc_txreq_forget_peer(t, peer);
            model_drop(-1, peer);
        }
        break;
    case 4:
        qc_txreq_answered(t, peer, &nm.hash);
        if (old)
            old->state = 'd';
        break;
    case 5:
        qc_txreq_asked(t, peer, &nm.hash, *now + (int64_t)(r >> 32 & 63));
        model_ask(peer, hash, *now + (int64_t)(r >> 32 & 63));
        break;
    case 6:
    case 7:
        compare_due(t, peer, *now, r >> 40 & 1);
        break;
    default:
        qc_txreq_announced(t, peer, &nm, r >> 25 & 1, *now + (int64_t)(r >> 32 & 15));
        if (!old)
            model[n_model++] =
                (record){peer, hash, nm.wtxid, r >> 25 & 1, 'c', *now + (int64_t)(r >> 32 & 15)};
        break;
    }
    model_drop(-1, -1);
    compare_counts(t, peer);
}

static void test_histories__as_the_slow_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        qc_txreq *t = qc_txreq_new(&(qc_siphash_key){seed, 3});
        uint64_t s = seed;
        int64_t now = 1000;
        n_model = 0;
        for (int i = 0; i < 2000; i++) {
            random_step(t, test_rand(&s), &now);
            if (i % 16 == 0)
                qc_txreq_check(t);
        }
        qc_txreq_free(t);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_due__in_order_once_its_time_has_come),
             cmocka_unit_test(test_announced__counts_once_by_either_name),
             cmocka_unit_test(test_due__preferred_peers_come_first),
             cmocka_unit_test(test_due__among_equals_the_key_decides),
             cmocka_unit_test(test_asked__nobody_else_until_it_failed),
             cmocka_unit_test(test_asked__of_another_the_first_is_over),
             cmocka_unit_test(test_forget__by_transaction_and_by_peer),
             cmocka_unit_test(test_due__without_memory_nothing_is_lost),
             cmocka_unit_test(test_histories__as_the_slow_list))
