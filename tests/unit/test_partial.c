/* Blocks put together from compact ones, and the transactions kept for that. */
#include "core/sync/partial.h"
#include "tests/unit/harness.h"

#include "core/base/alloc.h"
#include "core/sync/extra.h"
#include "tests/unit/builder.h"

#define N_TX 40u

/* ---- a block, and what is known of it ---- */

typedef struct kit {
    tb_chain *chain;
    qc_block *block;
    qc_bytes msg; /* its compact form */
    qc_cmpct c;
    qc_hash txid[N_TX], wtxid[N_TX]; /* the source lends them */
    bool known[N_TX];
    qc_span other; /* shown as the transaction at other_as */
    uint32_t other_as;
    unsigned shown;
} kit;

static qc_span tx_at(const kit *k, uint32_t i)
{
    qc_tx tx = qc_block_tx(k->block, i);
    return qc_tx_bytes(&tx);
}

static void show(void *arg, qc_tx_taker *take, void *to)
{
    static const qc_hash none;
    kit *k = arg;
    for (uint32_t i = 0; i < N_TX; i++) {
        const qc_known_tx tx = {&k->txid[i], &k->wtxid[i], tx_at(k, i)};
        const qc_known_tx other = {&none, &k->wtxid[i], k->other};
        k->shown++;
        if (k->known[i] && !take(to, &tx))
            return;
        if (k->other.data && i == k->other_as && !take(to, &other))
            return;
    }
}

static kit kit_new(void)
{
    kit k = {.shown = 0};
    k.chain = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    k.block = tb_chain_block_of(k.chain, N_TX);
    assert_int_equal(qc_cmpct_write(&k.msg, k.block, 5), QC_OK);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&k.msg), &k.c), QC_WIRE_OK);
    for (uint32_t i = 0; i < N_TX; i++) {
        const qn_tx_rec *rec = qc_block_tx(k.block, i).rec;
        memcpy(k.txid[i].b, rec->txid, sizeof rec->txid);
        memcpy(k.wtxid[i].b, rec->wtxid, sizeof rec->wtxid);
        k.known[i] = i > 0;
    }
    return k;
}

static void kit_free(kit *k)
{
    qc_block_unref(k->block);
    qc_bytes_free(&k->msg);
    tb_chain_free(k->chain);
}

static qc_partial_status begin(kit *k, qc_partial **p)
{
    const qc_tx_source pool = {k, show};
    return qc_partial_new(p, &k->c, &pool, NULL);
}

/* A blocktxn with these transactions. */
static qc_bytes txs_of(const kit *k, const uint16_t *place, size_t n, qc_cmpct_txs *t)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_cmpct_txs_write(&b, k->block, place, n), QC_OK);
    assert_int_equal(qc_cmpct_txs_read(qc_bytes_span(&b), t), QC_WIRE_OK);
    return b;
}

static void assert_same_block(const kit *k, const qc_block *b)
{
    assert_non_null(b);
    assert_true(qc_span_eq(qc_block_bytes(b), qc_block_bytes(k->block)));
}

/* ---- all is known ---- */

static void test_partial__known_transactions_make_the_block(void **state)
{
    (void)state;
    kit k = kit_new();
    qc_partial *p;
    qc_block *b;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_missing(p, NULL), 0);
    qc_partial_counts n = qc_partial_count(p);
    assert_int_equal(n.prefilled, 1);
    assert_int_equal(n.known, N_TX - 1);
    assert_int_equal(n.extra, 0);
    assert_false(qc_partial_is_spent(p));
    assert_int_equal(qc_partial_fill(p, NULL, true, &b), QC_PARTIAL_OK);
    assert_true(qc_partial_is_spent(p));
    assert_same_block(&k, b);
    qc_block_unref(b);
    qc_partial_free(p);
    kit_free(&k);
}

static void test_partial__the_search_ends_when_nothing_is_missing(void **state)
{
    (void)state;
    kit k = kit_new();
    k.c.n_ids = 3; /* coinbase, and the next three */
    qc_partial *p;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(k.shown, 4);
    qc_partial_free(p);
    kit_free(&k);
}

/* ---- some are missing ---- */

static void test_partial__missing_ones_are_named_and_filled_in(void **state)
{
    (void)state;
    static const uint16_t lost[] = {3, 17, 39};
    kit k = kit_new();
    qc_partial *p;
    qc_block *b;
    uint16_t *place;
    qc_cmpct_txs t;
    for (size_t i = 0; i < 3; i++)
        k.known[lost[i]] = false;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_missing(p, &place), 3);
    assert_memory_equal(place, lost, sizeof lost);
    qc_free(place);
    assert_int_equal(qc_partial_hold(p), QC_PARTIAL_OK);
    memset(k.msg.data, 0xee, k.msg.len); /* nothing is borrowed any more */
    memset(k.txid, 0xee, sizeof k.txid);
    memset(k.wtxid, 0xee, sizeof k.wtxid);
    qc_bytes answer = txs_of(&k, lost, 3, &t);
    assert_int_equal(qc_partial_fill(p, &t, true, &b), QC_PARTIAL_OK);
    assert_same_block(&k, b);
    qc_block_unref(b);
    qc_bytes_free(&answer);
    qc_partial_free(p);
    kit_free(&k);
}

static void test_partial__too_few_or_too_many_are_an_offence(void **state)
{
    (void)state;
    static const uint16_t lost[] = {3, 17, 39};
    kit k = kit_new();
    k.known[3] = k.known[17] = false;
    for (size_t n = 0; n <= 3; n++) {
        qc_partial *p;
        qc_block *b;
        qc_cmpct_txs t;
        qc_bytes answer = txs_of(&k, lost, n, &t);
        assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
        assert_int_equal(qc_partial_fill(p, &t, true, &b),
                         n == 2 ? QC_PARTIAL_OK : QC_PARTIAL_INVALID);
        assert_true((b != NULL) == (n == 2));
        qc_block_unref(b);
        qc_partial_free(p);
        qc_bytes_free(&answer);
    }
    kit_free(&k);
}

static void test_partial__a_wrong_transaction_is_found_by_the_merkle_root(void **state)
{
    (void)state;
    static const uint16_t wrong[] = {18};
    kit k = kit_new();
    qc_partial *p;
    qc_block *b;
    qc_cmpct_txs t;
    k.known[17] = false;
    qc_bytes answer = txs_of(&k, wrong, 1, &t);
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_fill(p, &t, true, &b), QC_PARTIAL_FAILED);
    assert_null(b);
    qc_partial_free(p);
    qc_bytes_free(&answer);
    kit_free(&k);
}

/* A peer that leaves a witness away: the txids agree, the witness root does not. */
static void test_partial__a_lost_witness_is_found_by_the_commitment(void **state)
{
    (void)state;
    kit k = kit_new();
    qc_partial *p;
    qc_block *b;
    qc_cmpct_txs t;
    qc_bytes answer = QC_BYTES_INIT;
    qc_tx tx = qc_block_tx(k.block, 5);
    assert_int_equal(qc_bytes_append(&answer, &k.c.hash, sizeof k.c.hash), QC_OK);
    assert_int_equal(qc_w_compact(&answer, 1), QC_OK);
    assert_int_equal(qc_tx_write_stripped(&tx, &answer), QC_OK);
    assert_int_equal(qc_cmpct_txs_read(qc_bytes_span(&answer), &t), QC_WIRE_OK);
    k.known[5] = false;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_fill(p, &t, true, &b), QC_PARTIAL_FAILED);
    assert_null(b);
    qc_partial_free(p);
    qc_bytes_free(&answer);
    kit_free(&k);
}

/* A known transaction that has the short id of another one. */
static void test_partial__a_wrong_guess_is_found_by_the_merkle_root(void **state)
{
    (void)state;
    kit k = kit_new();
    qc_partial *p;
    qc_block *b;
    k.known[9] = false;
    k.other = tx_at(&k, 8);
    k.other_as = 9;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_missing(p, NULL), 0);
    assert_int_equal(qc_partial_fill(p, NULL, true, &b), QC_PARTIAL_FAILED);
    qc_partial_free(p);
    kit_free(&k);
}

/* ---- collisions ---- */

static void test_partial__two_that_fit_are_both_left_out(void **state)
{
    (void)state;
    kit k = kit_new();
    qc_partial *p;
    uint16_t *place;
    k.other = tx_at(&k, 8);
    k.other_as = 9;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_missing(p, &place), 1);
    assert_int_equal(place[0], 9);
    qc_free(place);
    qc_partial_free(p);
    kit_free(&k);
}

static void test_partial__the_same_one_from_both_sources_is_no_collision(void **state)
{
    (void)state;
    kit k = kit_new();
    k.known[39] = false; /* so that the search goes on to the second source */
    const qc_tx_source pool = {&k, show};
    qc_extra *x = qc_extra_new(10);
    const qc_tx_source extra = {x, qc_extra_each};
    for (uint32_t i = 9; i < N_TX; i += 30) {
        qc_extra_add(x, &(qc_known_tx){&k.txid[i], &k.wtxid[i], tx_at(&k, i)});
    }
    qc_partial *p;
    assert_int_equal(qc_partial_new(&p, &k.c, &pool, &extra), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_missing(p, NULL), 0);
    assert_int_equal(qc_partial_count(p).extra, 1);
    assert_int_equal(qc_partial_count(p).known, N_TX - 1);
    qc_partial_free(p);
    qc_extra_free(x);
    kit_free(&k);
}

static void set_id(kit *k, uint32_t i, uint64_t id)
{
    uint8_t raw[8];
    qc_write_le64(raw, id);
    memcpy(k->msg.data + (k->c.ids - k->msg.data) + (size_t)i * QC_CMPCT_ID_LEN, raw,
           QC_CMPCT_ID_LEN);
}

static void test_partial__equal_short_ids_need_the_whole_block(void **state)
{
    (void)state;
    kit k = kit_new();
    qc_partial *p;
    set_id(&k, 20, qc_cmpct_id_at(&k.c, 4));
    assert_int_equal(begin(&k, &p), QC_PARTIAL_FAILED);
    assert_null(p);
    kit_free(&k);
}

/* ---- made to harm ---- */

/* Header and nonce of a real one, then ids. */
static qc_bytes made(uint64_t n, uint64_t step)
{
    kit k = kit_new();
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_bytes_append(&b, k.msg.data, QC_HEADER_LEN + 8), QC_OK);
    assert_int_equal(qc_w_compact(&b, n), QC_OK);
    for (uint64_t i = 0; i < n; i++) {
        uint8_t id[8];
        qc_write_le64(id, (i * step) & 0xffffffffffff);
        assert_int_equal(qc_bytes_append(&b, id, QC_CMPCT_ID_LEN), QC_OK);
    }
    kit_free(&k);
    return b;
}

static void test_partial__crowded_short_ids_are_given_up(void **state)
{
    (void)state;
    qc_partial *p;
    qc_cmpct c;
    qc_bytes crowd = made(200, 1 << 20); /* all in one place of a small table */
    assert_int_equal(qc_w_compact(&crowd, 0), QC_OK);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&crowd), &c), QC_WIRE_OK);
    assert_int_equal(qc_partial_new(&p, &c, NULL, NULL), QC_PARTIAL_FAILED);
    assert_null(p);
    qc_bytes_free(&crowd);
}

static void test_partial__as_many_ids_as_there_can_be_fit(void **state)
{
    (void)state;
    qc_partial *p;
    qc_cmpct c;
    qc_bytes most = made(QC_CMPCT_TX_MAX, 0x9e3779b97f4a7c15);
    assert_int_equal(qc_w_compact(&most, 0), QC_OK);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&most), &c), QC_WIRE_OK);
    assert_int_equal(qc_partial_new(&p, &c, NULL, NULL), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_missing(p, NULL), QC_CMPCT_TX_MAX);
    qc_partial_free(p);
    qc_bytes_free(&most);
}

static qc_partial_status one_prefilled(uint64_t ids, uint64_t place, qc_span tx)
{
    qc_partial *p;
    qc_cmpct c;
    qc_bytes b = made(ids, 0x9e3779b97f4a7c15);
    assert_int_equal(qc_w_compact(&b, 1), QC_OK);
    assert_int_equal(qc_w_compact(&b, place), QC_OK);
    assert_int_equal(qc_bytes_append(&b, tx.data, tx.len), QC_OK);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&b), &c), QC_WIRE_OK);
    qc_partial_status st = qc_partial_new(&p, &c, NULL, NULL);
    qc_partial_free(p);
    qc_bytes_free(&b);
    return st;
}

static void test_partial__a_prefilled_place_may_not_leave_a_gap(void **state)
{
    (void)state;
    static const uint8_t null_tx[10] = {2};
    kit k = kit_new();
    assert_int_equal(one_prefilled(2, 2, tx_at(&k, 0)), QC_PARTIAL_OK);
    assert_int_equal(one_prefilled(2, 3, tx_at(&k, 0)), QC_PARTIAL_INVALID);
    assert_int_equal(one_prefilled(0, 1, tx_at(&k, 0)), QC_PARTIAL_INVALID);
    assert_int_equal(one_prefilled(2, 0xffff, tx_at(&k, 0)), QC_PARTIAL_INVALID);
    assert_int_equal(one_prefilled(2, 0, qc_span_of(null_tx, 10)), QC_PARTIAL_INVALID);
    kit_free(&k);
}

static void test_partial__an_empty_one_is_no_block(void **state)
{
    (void)state;
    kit k = kit_new();
    qc_partial *p;
    qc_cmpct none = {.header = k.c.header, .hash = k.c.hash, .key = k.c.key};
    assert_int_equal(qc_partial_new(&p, &none, NULL, NULL), QC_PARTIAL_INVALID);
    k.c.header.bits = 0;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_INVALID);
    kit_free(&k);
}

/* ---- memory ---- */

static void test_partial__holds_no_more_than_a_block_can_have(void **state)
{
    (void)state;
    kit k = kit_new();
    qc_partial *p;
    qc_bytes large = QC_BYTES_INIT;
    assert_int_equal(qc_bytes_alloc(&large, QC_PARTIAL_HELD), QC_OK);
    memset(large.data, 1, large.len);
    k.known[7] = false;
    k.other = qc_bytes_span(&large);
    k.other_as = 7;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_hold(p), QC_PARTIAL_FAILED);
    qc_partial_free(p);
    k.other.len = 100;
    assert_int_equal(begin(&k, &p), QC_PARTIAL_OK);
    assert_int_equal(qc_partial_hold(p), QC_PARTIAL_OK);
    assert_true(qc_partial_bytes(p) < 20000);
    qc_partial_free(p);
    qc_bytes_free(&large);
    kit_free(&k);
}

static void test_partial__survives_want_of_memory(void **state)
{
    (void)state;
    unsigned runs;
    kit k = kit_new();
    FOR_EACH_FAULT (runs) {
        qc_partial *p;
        qc_block *b = NULL;
        qc_partial_status st = begin(&k, &p);
        if (st == QC_PARTIAL_OK)
            st = qc_partial_hold(p);
        if (st == QC_PARTIAL_OK)
            st = qc_partial_fill(p, NULL, true, &b);
        assert_int_equal(st, fault_was_hit() ? QC_PARTIAL_FAILED : QC_PARTIAL_OK);
        assert_true((b != NULL) == (st == QC_PARTIAL_OK));
        qc_block_unref(b);
        qc_partial_free(p);
    }
    assert_true(runs > 5);
    kit_free(&k);
}

/* ---- the extra transactions ---- */

typedef struct seen {
    uint8_t first[200];
    size_t n, most;
} seen;

static bool note(void *to, const qc_known_tx *tx)
{
    seen *s = to;
    assert_int_equal(tx->wtxid->b[0], tx->bytes.data[0]);
    assert_int_equal(tx->txid->b[1], tx->bytes.data[0]);
    s->first[s->n++] = tx->bytes.data[0];
    return s->n < s->most;
}

static void add(qc_extra *x, uint8_t first, size_t len)
{
    uint8_t *tx = test_calloc(1, len);
    qc_hash wtxid = {{first}}, txid = {{0, first}};
    tx[0] = first;
    qc_extra_add(x, &(qc_known_tx){&txid, &wtxid, qc_span_of(tx, len)});
    test_free(tx);
}

static void test_extra__keeps_the_newest(void **state)
{
    (void)state;
    qc_extra *x = qc_extra_new(3);
    seen s = {.most = 10};
    for (uint8_t k = 1; k <= 5; k++)
        add(x, k, 60);
    assert_int_equal(qc_extra_count(x), 3);
    qc_extra_each(x, note, &s);
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.first, "\3\4\5", 3);
    s = (seen){.most = 2};
    qc_extra_each(x, note, &s);
    assert_int_equal(s.n, 2);
    qc_extra_free(x);
}

static void test_extra__is_bounded_in_bytes(void **state)
{
    (void)state;
    qc_extra *x = qc_extra_new(100);
    seen s = {.most = 10};
    add(x, 1, 50);
    add(x, 2, QC_EXTRA_BYTES - 40); /* the first must go */
    assert_int_equal(qc_extra_count(x), 1);
    add(x, 3, QC_EXTRA_BYTES + 1);
    qc_extra_each(x, note, &s);
    assert_memory_equal(s.first, "\2", 1);
    assert_int_equal(s.n, 1);
    qc_extra_free(x);
}

static void test_extra__none_are_kept_where_none_are_wanted(void **state)
{
    (void)state;
    qc_extra *x = qc_extra_new(0);
    add(x, 1, 50);
    assert_int_equal(qc_extra_count(x), 0);
    qc_extra_free(x);
    qc_extra_free(NULL);
}

QC_TEST_MAIN(cmocka_unit_test(test_partial__known_transactions_make_the_block),
             cmocka_unit_test(test_partial__the_search_ends_when_nothing_is_missing),
             cmocka_unit_test(test_partial__missing_ones_are_named_and_filled_in),
             cmocka_unit_test(test_partial__too_few_or_too_many_are_an_offence),
             cmocka_unit_test(test_partial__a_wrong_transaction_is_found_by_the_merkle_root),
             cmocka_unit_test(test_partial__a_lost_witness_is_found_by_the_commitment),
             cmocka_unit_test(test_partial__a_wrong_guess_is_found_by_the_merkle_root),
             cmocka_unit_test(test_partial__two_that_fit_are_both_left_out),
             cmocka_unit_test(test_partial__the_same_one_from_both_sources_is_no_collision),
             cmocka_unit_test(test_partial__equal_short_ids_need_the_whole_block),
             cmocka_unit_test(test_partial__crowded_short_ids_are_given_up),
             cmocka_unit_test(test_partial__as_many_ids_as_there_can_be_fit),
             cmocka_unit_test(test_partial__a_prefilled_place_may_not_leave_a_gap),
             cmocka_unit_test(test_partial__an_empty_one_is_no_block),
             cmocka_unit_test(test_partial__holds_no_more_than_a_block_can_have),
             cmocka_unit_test(test_partial__survives_want_of_memory),
             cmocka_unit_test(test_extra__keeps_the_newest),
             cmocka_unit_test(test_extra__is_bounded_in_bytes),
             cmocka_unit_test(test_extra__none_are_kept_where_none_are_wanted))
