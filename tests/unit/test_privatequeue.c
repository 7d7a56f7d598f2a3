/* Which of our own transactions goes to which peer, and when it should have come back. */
#include "core/sync/privatequeue.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define MINUTE INT64_C(60000000)
#define NOW INT64_C(1700000000000000)
#define TXS 4

static qc_txbuf tx[TXS];

static int make(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TXS; i++) {
        tb_tx *t = tb_tx_new();
        tb_tx_in(t, &(qc_hash){{1}}, i, qc_span_of("", 0), TB_FINAL);
        tb_tx_out(t, 1000, qc_span_of("\x51", 1));
        tb_tx_witness(t, 0, qc_span_of("w", 1));
        tb_tx_parse(t, &tx[i]);
        tb_tx_free(t);
    }
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    for (int i = 0; i < TXS; i++)
        qc_txbuf_clear(&tx[i]);
    return 0;
}

static qc_privq *begin(size_t most, size_t sends)
{
    return qc_privq_new(&(qc_siphash_key){1, 2}, most, sends);
}

static const qc_hash *wtxid(int i)
{
    return (const qc_hash *)tx[i].tx.rec->wtxid;
}

/* Which one is picked for the peer; -1: none. */
static int pick(qc_privq *q, qc_peer_id peer, int64_t now)
{
    const qc_tx *t = qc_privq_pick(q, peer, "x.onion:8333", now);
    for (int i = 0; t && i < TXS; i++)
        if (memcmp(t->rec->wtxid, wtxid(i)->b, 32) == 0)
            return i;
    return -1;
}

static void test_pick__by_sends_then_receipts_then_age(void **state)
{
    qc_privq *q = begin(0, 0);
    (void)state;
    assert_false(qc_privq_pending(q));
    assert_int_equal(pick(q, 1, NOW), -1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(qc_privq_add(q, &tx[i].tx, NOW), QC_PRIVQ_ADDED);
    assert_int_equal(qc_privq_add(q, &tx[0].tx, NOW), QC_PRIVQ_THERE);
    int a = pick(q, 1, NOW), b = pick(q, 2, NOW + 1), c = pick(q, 3, NOW + 2);
    assert_true(a != b && b != c && a != c);
    assert_int_equal(pick(q, 1, NOW + 3), -1); /* no second one for a peer */
    qc_privq_received(q, 1, NOW + 3);          /* so it can wait */
    assert_int_equal(pick(q, 4, NOW + 4), b);
    assert_int_equal(pick(q, 5, NOW + 5), c);
    assert_int_equal(pick(q, 6, NOW + 6), a);
    qc_privq_free(q);
}

static void test_received__of_whom_and_how_many(void **state)
{
    qc_privq *q = begin(0, 0);
    (void)state;
    qc_privq_add(q, &tx[0].tx, NOW);
    pick(q, 1, NOW);
    pick(q, 2, NOW);
    pick(q, 3, NOW);
    qc_privq_received(q, 2, NOW + 1);
    qc_privq_received(q, 2, NOW + 2);
    qc_privq_received(q, 9, NOW + 2);
    assert_true(qc_privq_has_received(q, 2));
    assert_false(qc_privq_has_received(q, 1));
    assert_false(qc_privq_has_received(q, 9));
    assert_memory_equal(qc_privq_of(q, 1)->rec->wtxid, wtxid(0)->b, 32);
    assert_int_equal(qc_privq_remove(q, wtxid(0)), 1);
    assert_int_equal(qc_privq_remove(q, wtxid(0)), -1);
    assert_null(qc_privq_of(q, 1));
    assert_false(qc_privq_pending(q));
    qc_privq_received(q, 1, NOW + 3); /* too late to count */
    qc_privq_free(q);
}

static void test_add__no_more_than_may_be_and_rest_after_many_sends(void **state)
{
    qc_privq *q = begin(2, 3);
    (void)state;
    assert_int_equal(qc_privq_add(q, &tx[0].tx, NOW), QC_PRIVQ_ADDED);
    assert_int_equal(qc_privq_add(q, &tx[1].tx, NOW), QC_PRIVQ_ADDED);
    assert_int_equal(qc_privq_add(q, &tx[2].tx, NOW), QC_PRIVQ_FULL);
    for (qc_peer_id p = 1; p <= 6; p++)
        assert_true(pick(q, p, NOW + p) >= 0);
    assert_false(qc_privq_pending(q));
    assert_int_equal(pick(q, 7, NOW + 7), -1);
    qc_privq_received(q, 1, NOW + 8);
    assert_int_equal(qc_privq_add(q, &tx[0].tx, NOW), QC_PRIVQ_ADDED); /* begins again */
    assert_int_equal(qc_privq_add(q, &tx[2].tx, NOW), QC_PRIVQ_FULL);
    assert_true(qc_privq_pending(q));
    assert_int_equal(pick(q, 8, NOW + 9), 0);
    assert_int_equal(qc_privq_remove(q, wtxid(1)) >= 0, 1);
    assert_int_equal(qc_privq_add(q, &tx[2].tx, NOW), QC_PRIVQ_ADDED);
    qc_privq_free(q);
}

static void test_add__without_memory_it_is_not_there(void **state)
{
    qc_privq *q = begin(0, 0);
    unsigned runs;
    (void)state;
    FOR_EACH_FAULT (runs) {
        qc_privq_added a = qc_privq_add(q, &tx[0].tx, NOW);
        assert_true((a == QC_PRIVQ_ADDED) == !fault_was_hit());
        assert_int_equal(qc_privq_pending(q), a == QC_PRIVQ_ADDED);
    }
    assert_true(runs > 2);
    qc_privq_free(q);
}

typedef struct seen {
    size_t n, stale, sends, left, received;
} seen;

static void look(void *arg, const qc_privq_info *i)
{
    seen *s = arg;
    s->n++;
    s->stale += i->stale;
    s->left += i->sends_left;
    for (const qc_privq_send *k = i->first; k; k = k->next) {
        assert_string_equal(k->at, "x.onion:8333");
        assert_true(!k->next || k->sent <= k->next->sent);
        s->received += k->received != 0;
        s->sends++;
    }
}

static seen see(const qc_privq *q, int64_t now)
{
    seen s = {0, 0, 0, 0, 0};
    qc_privq_each(q, now, look, &s);
    return s;
}

static void test_each__needs_no_memory(void **state)
{
    qc_privq *q = begin(0, 0);
    unsigned runs;
    qc_privq_info info;
    (void)state;
    for (int i = 0; i < TXS; i++)
        qc_privq_add(q, &tx[i].tx, NOW);
    pick(q, 1, NOW);
    FOR_EACH_FAULT (runs) {
        const seen s = see(q, NOW);
        assert_int_equal(s.n, TXS);
        assert_int_equal(s.sends, 1);
    }
    assert_true(qc_privq_get(q, wtxid(1), NOW, &info));
    assert_memory_equal(info.tx->rec->wtxid, wtxid(1)->b, 32);
    qc_privq_remove(q, wtxid(1));
    assert_false(qc_privq_get(q, wtxid(1), NOW, &info));
    qc_privq_free(q);
}

static void test_each__says_what_is_stale(void **state)
{
    qc_privq *q = begin(0, 4);
    (void)state;
    qc_privq_add(q, &tx[0].tx, NOW);
    pick(q, 1, NOW + 4 * MINUTE);
    assert_int_equal(see(q, NOW + 5 * MINUTE).stale, 0);
    assert_int_equal(see(q, NOW + 5 * MINUTE + 1).stale, 1);
    qc_privq_received(q, 1, NOW + 6 * MINUTE);
    assert_int_equal(see(q, NOW + 7 * MINUTE).stale, 0);
    assert_int_equal(see(q, NOW + 7 * MINUTE + 1).stale, 1);
    pick(q, 2, NOW + 7 * MINUTE);
    pick(q, 3, NOW + 8 * MINUTE);
    seen s = see(q, NOW + 8 * MINUTE);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.sends, 3);
    assert_int_equal(s.left, 1);
    assert_int_equal(s.received, 1);
    pick(q, 4, NOW + 8 * MINUTE); /* at rest */
    assert_int_equal(see(q, NOW + 80 * MINUTE).stale, 0);
    qc_privq_free(q);
}

QC_TEST_MAIN_GROUP(make, unmake, cmocka_unit_test(test_pick__by_sends_then_receipts_then_age),
                   cmocka_unit_test(test_received__of_whom_and_how_many),
                   cmocka_unit_test(test_add__no_more_than_may_be_and_rest_after_many_sends),
                   cmocka_unit_test(test_add__without_memory_it_is_not_there),
                   cmocka_unit_test(test_each__needs_no_memory),
                   cmocka_unit_test(test_each__says_what_is_stale))
