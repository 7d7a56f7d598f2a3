/* -privatebroadcast: what is said on its connections, and how many of them are wanted. */
#include "core/sync/private.h"
#include "core/sync/internal.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define MINUTE INT64_C(60000000)
#define TXS 3

static qc_txbuf tx[TXS];

typedef struct rig {
    qc_private *p;
    int64_t now, wanted;
    char said[256]; /* i: inv, t: tx, p: ping, d: dropped; each with the peer */
    qc_inv inv;     /* of the last inv */
    bool welcome;
    unsigned judged;
} rig;

static int make(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TXS; i++) {
        tb_tx *t = tb_tx_new();
        tb_tx_in(t, &(qc_hash){{1}}, i / 2, qc_span_of("", 0), TB_FINAL);
        tb_tx_out(t, 1000, qc_span_of("\x51", 1));
        tb_tx_witness(t, 0, qc_span_of(i % 2 ? "v" : "w", 1)); /* 0 and 1 have one txid */
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

static uint64_t op_random(void *arg)
{
    (void)arg;
    return 5;
}

static int64_t op_now(void *arg)
{
    return ((rig *)arg)->now;
}

static void op_want(void *arg, int64_t more)
{
    rig *r = arg;
    r->wanted = r->wanted + more < 0 ? 0 : r->wanted + more;
}

static void say(rig *r, char what, qc_peer_id id)
{
    size_t n = strlen(r->said);
    snprintf(r->said + n, sizeof r->said - n, "%c%d ", what, (int)id);
}

static void op_send(void *arg, qc_peer_id id, const char *name, qc_bytes *payload)
{
    rig *r = arg;
    say(r, name[0], id);
    if (strcmp(name, "inv") == 0) {
        qc_inv *list;
        size_t n;
        assert_int_equal(qc_inv_read(qc_bytes_span(payload), &list, &n), QC_WIRE_OK);
        assert_int_equal(n, 1);
        r->inv = list[0];
        qc_free(list);
    } else {
        assert_string_equal(name, "tx");
        bool known = false;
        for (int i = 0; i < TXS; i++)
            known |= qc_span_eq(qc_bytes_span(payload), qc_tx_bytes(&tx[i].tx));
        assert_true(known);
    }
}

static void op_ping(void *arg, qc_peer_id id)
{
    say(arg, 'p', id);
}

static void op_drop(void *arg, qc_peer_id id, const char *why)
{
    assert_non_null(why);
    say(arg, 'd', id);
}

static bool op_is_welcome(void *arg, const qc_tx *t, char *why, size_t cap)
{
    (void)t;
    snprintf(why, cap, "spent");
    ((rig *)arg)->judged++;
    return ((rig *)arg)->welcome;
}

static void begin(rig *r)
{
    *r = (rig){.now = 1000 * MINUTE, .welcome = true};
    const qc_private_options o = {.arg = r,
                                  .key = {1, 2},
                                  .random = op_random,
                                  .now = op_now,
                                  .want = op_want,
                                  .send = op_send,
                                  .ping = op_ping,
                                  .drop = op_drop,
                                  .is_welcome = op_is_welcome};
    r->p = qc_private_new(&o);
}

static void open_peer(rig *r, qc_peer_id id)
{
    qc_peer_info info = {.id = id, .type = QC_CONN_PRIVATE};
    r->wanted--; /* as the net counts */
    qc_private_opened(r->p, &info);
}

static void ask(rig *r, qc_peer_id id, uint32_t type, const uint8_t *hash, size_t n)
{
    qc_inv list[2] = {{.type = type}};
    qc_bytes b = QC_BYTES_INIT;
    memcpy(list[0].hash.b, hash, 32);
    list[1] = list[0];
    assert_int_equal(qc_inv_write(&b, list, n), QC_OK);
    qc_private_getdata(r->p, id, qc_bytes_span(&b));
    qc_bytes_free(&b);
}

static void expect_said(rig *r, const char *text)
{
    assert_string_equal(r->said, text);
    r->said[0] = 0;
}

static void test_peer__gets_one_transaction_and_a_ping(void **state)
{
    rig r;
    (void)state;
    begin(&r);
    assert_int_equal(qc_private_add(r.p, &tx[0].tx), QC_PRIVQ_ADDED);
    assert_int_equal(r.wanted, 3);
    assert_int_equal(qc_private_add(r.p, &tx[0].tx), QC_PRIVQ_THERE);
    assert_int_equal(r.wanted, 3);
    open_peer(&r, 1);
    expect_said(&r, "i1 ");
    assert_int_equal(r.inv.type, QC_INV_TX); /* by txid: what nobody else does tells nothing */
    assert_memory_equal(r.inv.hash.b, tx[0].tx.rec->txid, 32);
    ask(&r, 1, QC_INV_TX | QC_INV_WITNESS, tx[0].tx.rec->txid, 1);
    expect_said(&r, "t1 p1 ");
    qc_private_pong(r.p, 1);
    qc_private_closed(r.p, 1);
    assert_int_equal(r.wanted, 2);
    open_peer(&r, 2);
    qc_private_closed(r.p, 2); /* without an answer: another one is needed */
    assert_int_equal(r.wanted, 2);
    qc_private_closed(r.p, 77); /* none of ours */
    assert_int_equal(r.wanted, 2);
    qc_private_free(r.p);
}

static void test_getdata__of_anything_else_ends_it(void **state)
{
    rig r;
    (void)state;
    begin(&r);
    assert_int_equal(qc_private_add(r.p, &tx[0].tx), QC_PRIVQ_ADDED);
    for (qc_peer_id id = 1; id <= 4; id++)
        open_peer(&r, id);
    expect_said(&r, "i1 i2 i3 i4 ");
    ask(&r, 1, QC_INV_TX, tx[2].tx.rec->txid, 1);
    ask(&r, 2, QC_INV_WTX, tx[0].tx.rec->txid, 1);
    ask(&r, 3, QC_INV_TX, tx[0].tx.rec->txid, 2);
    qc_private_getdata(r.p, 4, qc_span_of("\x01", 1));
    expect_said(&r, "d1 d2 d3 d4 ");
    ask(&r, 5, QC_INV_TX, tx[0].tx.rec->txid, 1); /* no connection of ours */
    expect_said(&r, "");
    qc_private_free(r.p);
}

static void test_getdata__is_answered_once(void **state)
{
    rig r;
    (void)state;
    begin(&r);
    assert_int_equal(qc_private_add(r.p, &tx[0].tx), QC_PRIVQ_ADDED);
    open_peer(&r, 1);
    open_peer(&r, 2);
    expect_said(&r, "i1 i2 ");
    ask(&r, 1, QC_INV_TX, tx[0].tx.rec->txid, 1);
    expect_said(&r, "t1 p1 ");
    ask(&r, 1, QC_INV_TX, tx[0].tx.rec->txid, 1);
    expect_said(&r, "d1 ");
    ask(&r, 2, QC_INV_TX, tx[0].tx.rec->txid, 1); /* each peer has one */
    expect_said(&r, "t2 p2 ");
    qc_private_free(r.p);
}

static void test_heard__it_is_done(void **state)
{
    rig r;
    (void)state;
    begin(&r);
    assert_int_equal(qc_private_add(r.p, &tx[0].tx), QC_PRIVQ_ADDED);
    open_peer(&r, 1);
    qc_private_pong(r.p, 1);
    open_peer(&r, 2);
    r.said[0] = 0;
    qc_private_heard(r.p, 9, &tx[1].tx); /* the same txid, another witness */
    assert_true(qc_privq_pending(qc_private_queue(r.p)));
    qc_private_heard(r.p, 9, &tx[0].tx);
    assert_false(qc_privq_pending(qc_private_queue(r.p)));
    assert_int_equal(r.wanted, 0);
    ask(&r, 2, QC_INV_TX, tx[0].tx.rec->txid, 1);
    expect_said(&r, "d2 ");
    qc_private_closed(r.p, 2);
    assert_int_equal(r.wanted, 0);
    open_peer(&r, 3); /* in vain */
    expect_said(&r, "d3 ");
    qc_private_free(r.p);
}

static void test_tick__sends_again_what_is_still_welcome(void **state)
{
    rig r;
    (void)state;
    begin(&r);
    qc_private_tick(r.p);
    assert_int_equal(qc_private_add(r.p, &tx[0].tx), QC_PRIVQ_ADDED);
    r.wanted = 0;
    r.now += 3 * MINUTE;
    qc_private_tick(r.p); /* it has not waited long enough */
    assert_int_equal(r.wanted, 0);
    r.now += 3 * MINUTE;
    qc_private_tick(r.p);
    assert_int_equal(r.wanted, 1);
    r.now += MINUTE;
    qc_private_tick(r.p); /* not so soon again */
    assert_int_equal(r.wanted, 1);
    qc_private_hurry(r.p, 2 * MINUTE);
    qc_private_tick(r.p);
    assert_int_equal(r.wanted, 2);
    r.welcome = false;
    r.now += 3 * MINUTE;
    qc_private_tick(r.p);
    assert_int_equal(r.wanted, 2);
    assert_false(qc_privq_pending(qc_private_queue(r.p)));
    qc_private_free(r.p);
}

static void add_many(rig *r, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        qc_txbuf b;
        tb_tx *t = tb_tx_new();
        tb_tx_in(t, &(qc_hash){{3}}, i, qc_span_of("", 0), TB_FINAL);
        tb_tx_out(t, 1000, qc_span_of("\x51", 1));
        tb_tx_parse(t, &b);
        assert_int_equal(qc_private_add(r->p, &b.tx), QC_PRIVQ_ADDED);
        qc_txbuf_clear(&b);
        tb_tx_free(t);
    }
}

static void test_tick__takes_a_few_at_once_and_all_in_the_end(void **state)
{
    rig r;
    (void)state;
    begin(&r);
    qc_private_tick(r.p);
    add_many(&r, 20);
    r.wanted = 0;
    r.now += 6 * MINUTE;
    qc_private_tick(r.p);
    assert_int_equal(r.judged, 8);
    qc_private_tick(r.p);
    assert_int_equal(r.judged, 16);
    r.welcome = false;
    qc_private_tick(r.p);
    assert_int_equal(r.judged, 20);
    qc_private_tick(r.p);
    assert_int_equal(r.judged, 20);
    assert_int_equal(r.wanted, 16);
    r.now += 3 * MINUTE;
    for (int i = 0; i < 4; i++)
        qc_private_tick(r.p);
    assert_int_equal(r.judged, 36); /* four were given up */
    qc_private_free(r.p);
}

static void count_gone(void *arg, const qc_tx *t)
{
    (void)t;
    ++*(unsigned *)arg;
}

static void test_abort__by_either_name(void **state)
{
    rig r;
    unsigned gone = 0;
    (void)state;
    begin(&r);
    for (int i = 0; i < TXS; i++)
        assert_int_equal(qc_private_add(r.p, &tx[i].tx), QC_PRIVQ_ADDED);
    assert_int_equal(r.wanted, 9);
    qc_hash id = {{7}};
    assert_int_equal(qc_private_abort(r.p, &id, count_gone, &gone), 0);
    memcpy(id.b, tx[2].tx.rec->wtxid, 32);
    assert_int_equal(qc_private_abort(r.p, &id, count_gone, &gone), 1);
    assert_int_equal(r.wanted, 6);
    memcpy(id.b, tx[0].tx.rec->txid, 32);
    assert_int_equal(qc_private_abort(r.p, &id, count_gone, &gone), 2);
    assert_int_equal(r.wanted, 0);
    assert_int_equal(gone, 3);
    qc_private_free(r.p);
}

QC_TEST_MAIN_GROUP(make, unmake, cmocka_unit_test(test_peer__gets_one_transaction_and_a_ping),
                   cmocka_unit_test(test_getdata__of_anything_else_ends_it),
                   cmocka_unit_test(test_getdata__is_answered_once),
                   cmocka_unit_test(test_heard__it_is_done),
                   cmocka_unit_test(test_tick__sends_again_what_is_still_welcome),
                   cmocka_unit_test(test_tick__takes_a_few_at_once_and_all_in_the_end),
                   cmocka_unit_test(test_abort__by_either_name))
