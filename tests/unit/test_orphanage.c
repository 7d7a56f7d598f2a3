/* The orphanage: its rules one by one, floods, and random histories beside lists that are searched
 * from end to end. */
#include "core/sync/orphanage.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define MANY 64

static uint64_t seed;

static uint64_t chance(void *arg)
{
    (void)arg;
    return test_rand(&seed);
}

static qc_orphanage *begin(uint32_t score, int64_t weight)
{
    const qc_orphanage_options o = {
        .key = {1, 2}, .score = score, .weight = weight, .random = chance};
    seed = 7;
    return qc_orphanage_new(&o);
}

static qc_hash id_of(unsigned n)
{
    return (qc_hash){{(uint8_t)n, (uint8_t)(n >> 8), 0xaa}};
}

/* Spends output `from` .. `from + n_in - 1` of transaction number `parent`; salt makes others. */
static void make(qc_txbuf *out, unsigned parent, uint32_t from, uint32_t n_in, uint32_t salt)
{
    tb_tx *t = tb_tx_new();
    const qc_hash id = id_of(parent);
    for (uint32_t i = 0; i < n_in; i++)
        tb_tx_in(t, &id, from + i, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(t, 1000 + salt, qc_span_of("\x51", 1));
    tb_tx_parse(t, out);
    tb_tx_free(t);
}

/* A child of `parent`, or a transaction with that many outputs whose child it could be. */
static void make_child(qc_txbuf *out, const qc_tx *parent, uint32_t n, uint32_t salt)
{
    tb_tx *t = tb_tx_new();
    tb_tx_in(t, (const qc_hash *)parent->rec->txid, n, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(t, 1000 + salt, qc_span_of("\x51", 1));
    tb_tx_parse(t, out);
    tb_tx_free(t);
}

static void make_parent(qc_txbuf *out, uint32_t n_out)
{
    tb_tx *t = tb_tx_new();
    const qc_hash id = id_of(60000);
    tb_tx_in(t, &id, 0, qc_span_of("", 0), TB_FINAL);
    for (uint32_t i = 0; i < n_out; i++)
        tb_tx_out(t, 5000 + i, qc_span_of("\x51", 1));
    tb_tx_parse(t, out);
    tb_tx_free(t);
}

static const qc_hash *wtxid(const qc_txbuf *b)
{
    return (const qc_hash *)b->tx.rec->wtxid;
}

/* Add one that nobody needs again; returns whether it is there afterwards. */
static bool add(qc_orphanage *o, qc_peer_id peer, unsigned parent, uint32_t n_in, uint32_t salt)
{
    qc_txbuf b;
    make(&b, parent, 0, n_in, salt);
    qc_orphanage_add(o, &b.tx, peer);
    bool there = qc_orphanage_has_from(o, wtxid(&b), peer);
    qc_txbuf_clear(&b);
    qc_orphanage_check(o);
    return there;
}

static void test_add__every_peer_is_on_record_once(void **state)
{
    qc_orphanage *o = begin(0, 0);
    qc_txbuf b;
    (void)state;
    make(&b, 1, 0, 25, 0);
    assert_true(qc_orphanage_add(o, &b.tx, 1));
    assert_false(qc_orphanage_add(o, &b.tx, 1));
    assert_false(qc_orphanage_add(o, &b.tx, 2));
    assert_true(qc_orphanage_add_peer(o, wtxid(&b), 3));
    assert_false(qc_orphanage_add_peer(o, wtxid(&b), 3));
    assert_false(qc_orphanage_add_peer(o, &(qc_hash){{9}}, 3));
    qc_orphanage_check(o);
    qc_orphanage_usage all = qc_orphanage_used(o), one = qc_orphanage_used_by(o, 2);
    assert_int_equal(all.orphans, 1);
    assert_int_equal(all.announcements, 3);
    assert_int_equal(all.score, 3 + 2); /* 25 inputs, once */
    assert_int_equal(all.weight, b.tx.rec->weight);
    assert_int_equal(one.score, 3);
    assert_int_equal(one.weight, b.tx.rec->weight);
    assert_int_equal(qc_orphanage_limit(o).weight, 3 * 404000);
    assert_int_equal(qc_orphanage_limit(o).score, 3000);
    const qc_orphan *x = qc_orphan_ref(qc_orphanage_find(o, wtxid(&b)));
    qc_orphanage_forget_peer(o, 1);
    qc_orphanage_forget_peer(o, 3);
    assert_true(qc_orphanage_has_from(o, wtxid(&b), 2));
    assert_false(qc_orphanage_has_from(o, wtxid(&b), 1));
    qc_orphanage_forget_peer(o, 2);
    assert_null(qc_orphanage_find(o, wtxid(&b)));
    assert_int_equal(qc_orphanage_used(o).weight, 0);
    assert_true(qc_hash_eq(qc_orphan_wtxid(x), wtxid(&b))); /* it outlives its place */
    qc_orphan_unref(x);
    qc_orphanage_check(o);
    qc_txbuf_clear(&b);
    qc_orphanage_free(o);
}

static void test_add__not_what_is_too_heavy_for_anybody(void **state)
{
    qc_orphanage *o = begin(0, 0);
    (void)state;
    assert_true(add(o, 1, 1, 2400, 0)); /* 164 weight an input */
    assert_false(add(o, 1, 1, 2450, 0));
    qc_orphanage_free(o);
}

static void test_add__without_memory_it_is_not_there(void **state)
{
    qc_orphanage *o = begin(0, 0);
    qc_txbuf b;
    unsigned runs;
    (void)state;
    make(&b, 1, 0, 1, 0);
    FOR_EACH_FAULT (runs) {
        bool added = qc_orphanage_add(o, &b.tx, 1);
        assert_true(added == !fault_was_hit());
        qc_orphanage_check(o);
    }
    assert_in_range(runs, 4, 5);
    assert_int_equal(qc_orphanage_used(o).orphans, 1);
    qc_txbuf_clear(&b);
    qc_orphanage_free(o);
}

static void test_parent_came__one_of_the_peers_gets_the_work(void **state)
{
    qc_orphanage *o = begin(0, 0);
    qc_txbuf parent, child[3], other;
    unsigned got[4] = {0};
    (void)state;
    make_parent(&parent, 3);
    make_parent(&other, 4);
    for (uint32_t i = 0; i < 3; i++)
        make_child(&child[i], &parent.tx, i + 1, i); /* output 3 is not there */
    for (qc_peer_id p = 1; p <= 3; p++)
        for (int i = 0; i < 3; i++)
            qc_orphanage_add(o, &child[i].tx, p);
    assert_int_equal(qc_orphanage_parent_came(o, &other.tx), 0);
    assert_false(qc_orphanage_any_work(o));
    for (int round = 0; round < 60; round++) {
        assert_int_equal(qc_orphanage_parent_came(o, &parent.tx), 2);
        assert_int_equal(qc_orphanage_parent_came(o, &parent.tx), 0); /* it is work already */
        assert_true(qc_orphanage_any_work(o));
        qc_orphanage_check(o);
        for (qc_peer_id p = 1; p <= 3; p++)
            while (qc_orphanage_has_work(o, p)) {
                qc_orphan_unref(qc_orphanage_take_work(o, p));
                got[p]++;
            }
        assert_null(qc_orphanage_take_work(o, 1));
        assert_false(qc_orphanage_any_work(o));
        qc_orphanage_check(o);
    }
    for (int p = 1; p <= 3; p++)
        assert_in_range(got[p], 20, 60);
    assert_int_equal(got[1] + got[2] + got[3], 120);
    qc_orphanage_parent_came(o, &parent.tx);
    for (qc_peer_id p = 1; p <= 3; p++)
        qc_orphanage_forget_peer(o, p);
    assert_false(qc_orphanage_any_work(o));
    for (int i = 0; i < 3; i++)
        qc_txbuf_clear(&child[i]);
    qc_txbuf_clear(&parent);
    qc_txbuf_clear(&other);
    qc_orphanage_free(o);
}

/* Who has work now; -1: nobody. */
static qc_peer_id worker(const qc_orphanage *o, qc_peer_id n)
{
    qc_peer_id p = 0;
    while (p < n && !qc_orphanage_has_work(o, p))
        p++;
    return p < n ? p : -1;
}

static void test_forget_peer__its_work_is_passed_on(void **state)
{
    qc_orphanage *o = begin(0, 0);
    qc_txbuf parent, child;
    (void)state;
    make_parent(&parent, 1);
    make_child(&child, &parent.tx, 0, 0);
    for (qc_peer_id p = 0; p < 4; p++)
        qc_orphanage_add(o, &child.tx, p);
    qc_orphanage_parent_came(o, &parent.tx);
    for (int left = 4; left > 0; left--) {
        assert_in_range(worker(o, 4), 0, 3);
        qc_orphanage_forget_peer(o, worker(o, 4));
        qc_orphanage_check(o);
    }
    assert_int_equal(worker(o, 4), -1);
    assert_false(qc_orphanage_any_work(o));
    for (qc_peer_id p = 0; p < 4; p++)
        qc_orphanage_add(o, &child.tx, p);
    qc_orphanage_parent_came(o, &parent.tx);
    qc_peer_id idle = worker(o, 4) ? 0 : 1;
    qc_orphanage_forget_peer(o, idle); /* it had none */
    qc_orphan_unref(qc_orphanage_take_work(o, worker(o, 4)));
    assert_false(qc_orphanage_any_work(o));
    qc_orphanage_forget_peer(o, idle + 1); /* nobody's any more */
    assert_false(qc_orphanage_any_work(o));
    qc_orphanage_parent_came(o, &parent.tx);
    assert_true(qc_orphanage_erase(o, wtxid(&child)));
    assert_false(qc_orphanage_any_work(o));
    qc_orphanage_check(o);
    qc_txbuf_clear(&parent);
    qc_txbuf_clear(&child);
    qc_orphanage_free(o);
}

static void test_flood__who_loses_work_passes_it_on(void **state)
{
    qc_orphanage *o = begin(4, 0);
    qc_txbuf parent, child[4];
    (void)state;
    make_parent(&parent, 4);
    for (uint32_t i = 0; i < 4; i++) {
        make_child(&child[i], &parent.tx, i, 0);
        qc_orphanage_add(o, &child[i].tx, 1);
    }
    qc_orphanage_parent_came(o, &parent.tx); /* all the work of peer 1 */
    qc_orphanage_add(o, &child[0].tx, 2);    /* its oldest, for which it loses its place */
    qc_orphanage_check(o);
    assert_false(qc_orphanage_has_from(o, wtxid(&child[0]), 1));
    assert_true(qc_orphanage_has_work(o, 2));
    for (int i = 0; i < 4; i++)
        qc_txbuf_clear(&child[i]);
    qc_txbuf_clear(&parent);
    qc_orphanage_free(o);
}

static void test_take_work__the_oldest_first(void **state)
{
    qc_orphanage *o = begin(0, 0);
    qc_txbuf parent, child[5];
    (void)state;
    make_parent(&parent, 5);
    for (uint32_t i = 0; i < 5; i++) {
        make_child(&child[i], &parent.tx, 4 - i, 0);
        qc_orphanage_add(o, &child[i].tx, 1);
    }
    assert_int_equal(qc_orphanage_parent_came(o, &parent.tx), 5);
    for (int i = 0; i < 5; i++) {
        const qc_orphan *x = qc_orphanage_take_work(o, 1);
        assert_true(qc_hash_eq(qc_orphan_wtxid(x), wtxid(&child[i])));
        qc_orphan_unref(x);
    }
    for (int i = 0; i < 5; i++)
        qc_txbuf_clear(&child[i]);
    qc_txbuf_clear(&parent);
    qc_orphanage_free(o);
}

static void test_children__of_one_peer_the_newest_first(void **state)
{
    qc_orphanage *o = begin(0, 0);
    qc_txbuf parent, child[4];
    const qc_orphan **list;
    size_t n;
    (void)state;
    make_parent(&parent, 2);
    for (uint32_t i = 0; i < 4; i++) {
        make_child(&child[i], &parent.tx, i & 1, i);
        qc_orphanage_add(o, &child[i].tx, i == 3 ? 2 : 1);
    }
    assert_true(add(o, 1, 5, 1, 0));
    const qc_hash *id = (const qc_hash *)parent.tx.rec->txid;
    assert_int_equal(qc_orphanage_children(o, id, 1, &list, &n), QC_OK);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(qc_hash_eq(qc_orphan_wtxid(list[i]), wtxid(&child[2 - i])));
    qc_free(list);
    qc_orphanage_parent_came(o, &parent.tx);
    qc_orphan_unref(qc_orphanage_take_work(o, 1)); /* of the first no more */
    qc_orphan_unref(qc_orphanage_take_work(o, 1)); /* nor of the second */
    assert_int_equal(qc_orphanage_parent_came(o, &parent.tx), 2);
    qc_orphan_unref(qc_orphanage_take_work(o, 1));
    assert_int_equal(qc_orphanage_children(o, id, 1, &list, &n), QC_OK);
    assert_true(qc_hash_eq(qc_orphan_wtxid(list[0]), wtxid(&child[2])));
    assert_true(qc_hash_eq(qc_orphan_wtxid(list[2]), wtxid(&child[0])));
    qc_free(list);
    assert_int_equal(qc_orphanage_children(o, id, 9, &list, &n), QC_OK);
    assert_int_equal(n, 0);
    qc_free(list);
    for (int i = 0; i < 4; i++)
        qc_txbuf_clear(&child[i]);
    qc_txbuf_clear(&parent);
    qc_orphanage_free(o);
}

static void test_forget_block__what_it_holds_and_what_it_rules_out(void **state)
{
    qc_orphanage *o = begin(0, 0);
    qc_txbuf held, rival, twin, other;
    (void)state;
    make(&held, 1, 0, 1, 0);
    make(&rival, 1, 0, 2, 1); /* spends the same, and another output */
    make(&twin, 1, 0, 1, 2);
    make(&other, 1, 2, 1, 0);
    qc_orphanage_add(o, &held.tx, 1);
    qc_orphanage_add(o, &rival.tx, 2);
    qc_orphanage_add(o, &twin.tx, 2);
    qc_orphanage_add(o, &other.tx, 2);
    tb_block *b = qc_alloc(sizeof *b);
    tb_block_add(b, tb_coinbase(5, 1, 50, qc_span_of("\x51", 1)));
    tb_tx *t = tb_tx_new();
    const qc_hash id = id_of(1);
    tb_tx_in(t, &id, 0, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(t, 1000, qc_span_of("\x51", 1));
    tb_block_add(b, t);
    qc_block *block = tb_block_parse(b);
    assert_int_equal(qc_orphanage_forget_block(o, block), 3);
    qc_orphanage_check(o);
    assert_non_null(qc_orphanage_find(o, wtxid(&other)));
    assert_int_equal(qc_orphanage_forget_block(o, block), 0);
    assert_true(qc_orphanage_erase(o, wtxid(&other)));
    assert_false(qc_orphanage_erase(o, wtxid(&other)));
    qc_block_unref(block);
    tb_block_free(b);
    qc_txbuf_clear(&held);
    qc_txbuf_clear(&rival);
    qc_txbuf_clear(&twin);
    qc_txbuf_clear(&other);
    qc_orphanage_free(o);
}

/* ---- floods ---- */

static void test_flood__takes_no_place_of_others(void **state)
{
    qc_orphanage *o = begin(60, 40000);
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        assert_true(add(o, 1, i, 1, 0)); /* well within a share */
    for (unsigned i = 0; i < 500; i++)
        assert_true(add(o, 2, 100 + i, 1, 0));
    for (unsigned i = 0; i < 300; i++)
        add(o, 3, 1000 + i, 30, 0); /* many inputs, much weight */
    assert_int_equal(qc_orphanage_used_by(o, 1).orphans, 10);
    assert_true(qc_orphanage_used(o).score <= 60);
    assert_true(qc_orphanage_used(o).weight <= 3 * 40000);
    assert_true(qc_orphanage_used_by(o, 2).orphans >= 1);
    assert_true(qc_orphanage_used_by(o, 3).orphans >= 1);
    qc_orphanage_free(o);
}

static void test_flood__the_oldest_idle_one_goes_first(void **state)
{
    qc_orphanage *o = begin(4, 0);
    qc_txbuf parent, child;
    (void)state;
    make_parent(&parent, 1);
    make_child(&child, &parent.tx, 0, 0);
    qc_orphanage_add(o, &child.tx, 1);
    qc_orphanage_parent_came(o, &parent.tx);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(add(o, 1, i, 1, 0));
        assert_true(qc_orphanage_has_from(o, wtxid(&child), 1)); /* it is work */
    }
    qc_orphan_unref(qc_orphanage_take_work(o, 1));
    assert_true(add(o, 1, 20, 1, 0));
    assert_null(qc_orphanage_find(o, wtxid(&child)));
    qc_txbuf_clear(&parent);
    qc_txbuf_clear(&child);
    qc_orphanage_free(o);
}

/* Both use one and a half times their share, one of work, the other of memory. */
static void test_flood__of_equals_who_makes_work_loses(void **state)
{
    qc_txbuf light, heavy;
    (void)state;
    make(&light, 1, 0, 1, 0);
    make(&heavy, 1, 0, 9, 0);
    assert_true(5 * light.tx.rec->weight < heavy.tx.rec->weight);
    qc_orphanage *o = begin(8, 2 * heavy.tx.rec->weight);
    for (unsigned i = 0; i < 5; i++)
        assert_true(add(o, 1, i, 1, 0));
    for (unsigned i = 0; i < 3; i++)
        assert_true(add(o, 2, 10 + i, 9, 0));
    assert_int_equal(qc_orphanage_used(o).score, 8);
    assert_true(add(o, 1, 6, 1, 0));
    assert_int_equal(qc_orphanage_used_by(o, 1).orphans, 5);
    assert_int_equal(qc_orphanage_used_by(o, 2).orphans, 3);
    qc_txbuf_clear(&light);
    qc_txbuf_clear(&heavy);
    qc_orphanage_free(o);
}

static void test_erase__with_fewer_peers_there_is_less_room(void **state)
{
    qc_txbuf one;
    (void)state;
    make(&one, 50, 0, 1, 0);
    qc_orphanage *o = begin(100, 4 * one.tx.rec->weight);
    qc_orphanage_add(o, &one.tx, 2);
    for (unsigned i = 0; i < 7; i++)
        assert_true(add(o, 1, i, 1, 0));
    assert_int_equal(qc_orphanage_used_by(o, 1).orphans, 7);
    assert_true(qc_orphanage_erase(o, wtxid(&one)));
    assert_int_equal(qc_orphanage_used_by(o, 1).orphans, 4);
    qc_orphanage_add(o, &one.tx, 2);
    for (unsigned i = 10; i < 13; i++)
        assert_true(add(o, 1, i, 1, 0));
    assert_int_equal(qc_orphanage_used_by(o, 1).orphans, 7);
    qc_orphanage_forget_peer(o, 2);
    assert_int_equal(qc_orphanage_used_by(o, 1).orphans, 4);
    qc_txbuf_clear(&one);
    qc_orphanage_free(o);
}

static void test_flood__work_is_bounded_for_each_orphan(void **state)
{
    qc_orphanage *o = begin(0, 0);
    uint64_t before, most = 0;
    (void)state;
    for (unsigned i = 0; i < 6000; i++) {
        qc_txbuf b;
        before = qc_orphanage_steps(o);
        make(&b, i, 0, 1 + i % 3, 0);
        qc_orphanage_add(o, &b.tx, i % 100);
        qc_txbuf_clear(&b);
        if (qc_orphanage_steps(o) - before > most)
            most = qc_orphanage_steps(o) - before;
    }
    qc_orphanage_check(o);
    assert_int_equal(qc_orphanage_used(o).announcements, 3000);
    assert_true(most <= 2 * 100 + 2); /* once or twice through the peers */
    before = qc_orphanage_steps(o);
    for (qc_peer_id p = 0; p < 100; p++)
        qc_orphanage_forget_peer(o, p);
    assert_true(qc_orphanage_steps(o) - before <= 3000 + 100 * 101);
    qc_orphanage_free(o);
}

/* ---- random histories ---- */

typedef struct note {
    int tx;
    qc_peer_id peer;
} note;

static note notes[20000]; /* in the order of announcing */
static size_t n_notes;
static qc_txbuf pool[MANY];

static void model_drop(int tx, qc_peer_id peer)
{
    size_t k = 0;
    for (size_t i = 0; i < n_notes; i++)
        if ((tx >= 0 && notes[i].tx != tx) || (peer >= 0 && notes[i].peer != peer))
            notes[k++] = notes[i];
    n_notes = k;
}

static size_t find_note(int tx, qc_peer_id peer)
{
    size_t i = 0;
    while (i < n_notes && (notes[i].tx != tx || (peer >= 0 && notes[i].peer != peer)))
        i++;
    return i;
}

typedef struct use {
    int64_t score, weight, n;
} use;

static use model_use(qc_peer_id peer)
{
    use u = {0, 0, 0};
    bool seen[MANY] = {false};
    for (size_t i = 0; i < n_notes; i++) {
        const qn_tx_rec *r = pool[notes[i].tx].tx.rec;
        if (peer >= 0 && notes[i].peer != peer)
            continue;
        u.n++;
        u.score += 1 + (seen[notes[i].tx] ? 0 : r->n_in / 10);
        u.weight += seen[notes[i].tx] ? 0 : r->weight;
        seen[notes[i].tx] = true;
    }
    return u;
}

static int64_t model_peers(void)
{
    int64_t n = 0;
    for (qc_peer_id p = 0; p < 8; p++)
        n += model_use(p).n > 0;
    return n ? n : 1;
}

/* Multiples of the shares, as exact fractions. */
static bool worse(use a, use b, qc_peer_id pa, qc_peer_id pb, int64_t score, int64_t weight)
{
    bool as = a.score * weight >= a.weight * score, bs = b.score * weight >= b.weight * score;
    int64_t an = as ? a.score : a.weight, ad = as ? score : weight;
    int64_t bn = bs ? b.score : b.weight, bd = bs ? score : weight;
    if (an * bd != bn * ad)
        return an * bd > bn * ad;
    return ad != bd ? ad < bd : pa > pb;
}

static void model_trim(int64_t score, int64_t weight)
{
    int64_t share = score / model_peers();
    while (model_use(-1).score > score || model_use(-1).weight > weight * model_peers()) {
        qc_peer_id worst = -1;
        for (qc_peer_id p = 0; p < 8; p++)
            if (model_use(p).n &&
                (worst < 0 || worse(model_use(p), model_use(worst), p, worst, share, weight)))
                worst = p;
        size_t i = 0;
        while (notes[i].peer != worst)
            i++;
        memmove(&notes[i], &notes[i + 1], (--n_notes - i) * sizeof *notes);
    }
}

static void compare(const qc_orphanage *o)
{
    for (int t = 0; t < MANY; t++)
        for (qc_peer_id p = 0; p < 8; p++)
            assert_int_equal(qc_orphanage_has_from(o, wtxid(&pool[t]), p),
                             find_note(t, p) < n_notes);
    use all = model_use(-1);
    qc_orphanage_usage u = qc_orphanage_used(o);
    assert_int_equal(u.announcements, all.n);
    assert_int_equal(u.score, all.score);
    assert_int_equal(u.weight, all.weight);
}

static void random_step(qc_orphanage *o, uint64_t r)
{
    int tx = (int)(r >> 8) & (MANY - 1);
    qc_peer_id peer = (qc_peer_id)(r >> 16 & 7);
    if ((r & 63) == 0) {
        qc_orphanage_forget_peer(o, peer);
        model_drop(-1, peer);
    } else if ((r & 7) == 1) {
        qc_orphanage_erase(o, wtxid(&pool[tx]));
        model_drop(tx, -1);
    } else if ((r & 7) == 2) {
        if (find_note(tx, peer) == n_notes && find_note(tx, -1) < n_notes)
            notes[n_notes++] = (note){tx, peer};
        qc_orphanage_add_peer(o, wtxid(&pool[tx]), peer);
    } else {
        if (find_note(tx, peer) == n_notes)
            notes[n_notes++] = (note){tx, peer};
        qc_orphanage_add(o, &pool[tx].tx, peer);
    }
}

static void test_histories__as_the_slow_lists(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        make(&pool[i], i / 2, i, 1 + (i * 7) % 45, i);
    for (uint64_t s = 1; s <= 8; s++) {
        int64_t score = s & 1 ? 30 : 200, weight = s & 2 ? 9000 : 40000;
        qc_orphanage *o = begin((uint32_t)score, weight);
        uint64_t own = s;
        n_notes = 0;
        for (int i = 0; i < 300; i++) {
            random_step(o, test_rand(&own));
            model_trim(score, weight);
            compare(o);
            qc_orphanage_check(o);
        }
        qc_orphanage_free(o);
    }
    for (unsigned i = 0; i < MANY; i++)
        qc_txbuf_clear(&pool[i]);
}

QC_TEST_MAIN(cmocka_unit_test(test_add__every_peer_is_on_record_once),
             cmocka_unit_test(test_add__not_what_is_too_heavy_for_anybody),
             cmocka_unit_test(test_add__without_memory_it_is_not_there),
             cmocka_unit_test(test_parent_came__one_of_the_peers_gets_the_work),
             cmocka_unit_test(test_forget_peer__its_work_is_passed_on),
             cmocka_unit_test(test_flood__who_loses_work_passes_it_on),
             cmocka_unit_test(test_take_work__the_oldest_first),
             cmocka_unit_test(test_children__of_one_peer_the_newest_first),
             cmocka_unit_test(test_forget_block__what_it_holds_and_what_it_rules_out),
             cmocka_unit_test(test_flood__takes_no_place_of_others),
             cmocka_unit_test(test_flood__the_oldest_idle_one_goes_first),
             cmocka_unit_test(test_flood__of_equals_who_makes_work_loses),
             cmocka_unit_test(test_erase__with_fewer_peers_there_is_less_room),
             cmocka_unit_test(test_flood__work_is_bounded_for_each_orphan),
             cmocka_unit_test(test_histories__as_the_slow_lists))
