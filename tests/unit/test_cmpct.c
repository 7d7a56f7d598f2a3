/* BIP152's messages: a real one, and every way in which one can be wrong. */
#include "core/btc/cmpct.h"
#include "tests/unit/harness.h"

#include "core/base/alloc.h"
#include "tests/unit/builder.h"

static qc_bytes bytes_of(const char *hex)
{
    return hex_bytes(hex);
}

static void put(qc_bytes *b, const void *data, size_t len)
{
    assert_int_equal(qc_bytes_append(b, data, len), QC_OK);
}

static void put_count(qc_bytes *b, uint64_t n)
{
    assert_int_equal(qc_w_compact(b, n), QC_OK);
}

static qc_block *block_of(size_t n)
{
    tb_chain *c = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    qc_block *b = tb_chain_block_of(c, n);
    tb_chain_free(c);
    return b;
}

static qc_hash wtxid_at(const qc_block *b, uint32_t i)
{
    qc_hash h;
    memcpy(h.b, qc_block_tx(b, i).rec->wtxid, sizeof h.b);
    return h;
}

/* ---- blocks of which ids are known ---- */

static void test_known__ids_are_taken_and_the_others_computed(void **state)
{
    (void)state;
    qc_block *b = block_of(9), *again;
    qc_tx_ids ids[9] = {{NULL, NULL}};
    for (uint32_t i = 0; i < 9; i += 2) {
        qc_tx tx = qc_block_tx(b, i);
        ids[i] = (qc_tx_ids){tx.rec->txid, tx.rec->wtxid};
    }
    assert_int_equal(qc_block_parse_known(qc_block_bytes(b), ids, &again), QC_WIRE_OK);
    assert_true(qc_hash_eq(qc_block_merkle_root(b, NULL), qc_block_merkle_root(again, NULL)));
    assert_true(qc_hash_eq(qc_block_witness_root(b), qc_block_witness_root(again)));
    for (uint32_t i = 0; i < 9; i++) {
        qc_tx one = qc_block_tx(b, i), other = qc_block_tx(again, i);
        assert_memory_equal(one.rec, other.rec, sizeof *one.rec);
    }
    qc_block_unref(again);
    ids[2] = ids[4]; /* believed, so that a lie shows in the root */
    assert_int_equal(qc_block_parse_known(qc_block_bytes(b), ids, &again), QC_WIRE_OK);
    assert_false(qc_hash_eq(qc_block_merkle_root(b, NULL), qc_block_merkle_root(again, NULL)));
    qc_block_unref(again);
    qc_block_unref(b);
}

/* ---- cmpctblock ---- */

/* Of Bitcoin's main chain; no block had witnesses yet. */
static void test_cmpct__a_real_one_names_the_transactions_of_its_block(void **state)
{
    (void)state;
    qc_bytes raw = tmp_read(vectors_path("mainnet/block_426884.raw"));
    qc_bytes msg = tmp_read(vectors_path("mainnet/cmpctblock_426884.raw"));
    qc_block *b;
    qc_cmpct c;
    assert_int_equal(qc_block_parse(qc_bytes_span(&raw), &b), QC_WIRE_OK);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&msg), &c), QC_WIRE_OK);
    assert_true(qc_hash_eq(&c.hash, qc_block_hash(b)));
    assert_int_equal(c.n_ids + c.n_prefilled, qc_block_n_tx(b));
    assert_int_equal(c.n_prefilled, 1);
    for (uint32_t i = 0; i < c.n_ids; i++) {
        qc_hash id = wtxid_at(b, i + 1);
        assert_int_equal(qc_cmpct_id_at(&c, i), qc_cmpct_id(&c.key, &id));
    }
    /* Written with the same nonce it is the same message. */
    qc_bytes again = QC_BYTES_INIT;
    assert_int_equal(qc_cmpct_write(&again, b, qc_read_le64(msg.data + QC_HEADER_LEN)), QC_OK);
    assert_int_equal(again.len, msg.len);
    assert_memory_equal(again.data, msg.data, msg.len);
    qc_bytes_free(&again);
    qc_bytes_free(&msg);
    qc_bytes_free(&raw);
    qc_block_unref(b);
}

static void test_cmpct__ids_are_of_the_transactions_with_witness(void **state)
{
    (void)state;
    qc_block *b = block_of(5);
    qc_bytes msg = QC_BYTES_INIT;
    qc_cmpct c;
    qc_span tx;
    assert_int_equal(qc_cmpct_write(&msg, b, 99), QC_OK);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&msg), &c), QC_WIRE_OK);
    assert_int_equal(c.n_ids, 4);
    for (uint32_t i = 0; i < 4; i++) {
        qc_hash id = wtxid_at(b, i + 1);
        assert_int_equal(qc_cmpct_id_at(&c, i), qc_cmpct_id(&c.key, &id));
    }
    qc_cmpct_walk w = qc_cmpct_walk_of(&c);
    assert_true(qc_cmpct_next(&w, &tx));
    assert_int_equal(w.place, 0);
    qc_tx coinbase = qc_block_tx(b, 0);
    assert_true(qc_span_eq(tx, qc_tx_bytes(&coinbase)));
    assert_false(qc_cmpct_is_null(tx));
    assert_false(qc_cmpct_next(&w, &tx));
    qc_bytes_free(&msg);
    qc_block_unref(b);
}

static void test_cmpct__every_shorter_one_ends_too_early(void **state)
{
    (void)state;
    qc_block *b = block_of(3);
    qc_bytes msg = QC_BYTES_INIT;
    qc_cmpct c;
    assert_int_equal(qc_cmpct_write(&msg, b, 1), QC_OK);
    for (size_t n = 0; n < msg.len; n++)
        assert_int_equal(qc_cmpct_read(qc_span_of(msg.data, n), &c), QC_WIRE_END);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&msg), &c), QC_WIRE_OK);
    qc_bytes_free(&msg);
    qc_block_unref(b);
}

/* Header and nonce, then `ids` short ids. */
static qc_bytes begin(uint64_t ids)
{
    static const uint8_t head[QC_HEADER_LEN + 8];
    qc_bytes b = QC_BYTES_INIT;
    put(&b, head, sizeof head);
    put_count(&b, ids);
    for (uint64_t i = 0; i < ids; i++) {
        uint8_t id[8];
        qc_write_le64(id, i);
        put(&b, id, QC_CMPCT_ID_LEN);
    }
    return b;
}

static const uint8_t NULL_TX[10] = {2};

static void test_cmpct__no_more_transactions_than_places(void **state)
{
    (void)state;
    qc_cmpct c;
    qc_bytes most = begin(QC_CMPCT_TX_MAX), over = begin(QC_CMPCT_TX_MAX);
    put_count(&most, 0);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&most), &c), QC_WIRE_OK);
    put_count(&over, 1);
    put_count(&over, 0);
    put(&over, NULL_TX, sizeof NULL_TX);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&over), &c), QC_WIRE_INDEXES);
    qc_bytes_free(&most);
    qc_bytes_free(&over);
}

static void test_cmpct__huge_counts_and_distances_are_refused(void **state)
{
    (void)state;
    qc_cmpct c;
    qc_bytes ids = begin(0), filled = begin(1), far = begin(1);
    ids.len--;
    put_count(&ids, 0x2000000);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&ids), &c), QC_WIRE_END);
    put_count(&filled, 0x1000000);
    put_count(&filled, 0);
    put(&filled, NULL_TX, sizeof NULL_TX);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&filled), &c), QC_WIRE_END);
    put_count(&far, 1);
    put_count(&far, 0x10000);
    put(&far, NULL_TX, sizeof NULL_TX);
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&far), &c), QC_WIRE_LIMIT);
    qc_bytes_free(&ids);
    qc_bytes_free(&filled);
    qc_bytes_free(&far);
}

static void test_cmpct__places_add_up(void **state)
{
    (void)state;
    static const uint32_t distance[3] = {2, 0, 0xffff}, place[3] = {2, 3, 0x10003};
    qc_cmpct c;
    qc_span tx;
    qc_bytes b = begin(1);
    put_count(&b, 3);
    for (int k = 0; k < 3; k++) {
        put_count(&b, distance[k]);
        put(&b, NULL_TX, sizeof NULL_TX);
    }
    assert_int_equal(qc_cmpct_read(qc_bytes_span(&b), &c), QC_WIRE_OK);
    qc_cmpct_walk w = qc_cmpct_walk_of(&c);
    for (int k = 0; k < 3; k++) {
        assert_true(qc_cmpct_next(&w, &tx));
        assert_int_equal(w.place, place[k]);
        assert_true(qc_cmpct_is_null(tx));
    }
    qc_bytes_free(&b);
}

/* ---- getblocktxn ---- */

static void test_ask__is_read_as_it_was_written(void **state)
{
    (void)state;
    static const uint16_t place[] = {0, 1, 7, 300, 0xffff};
    qc_hash hash = {{1, 2, 3}};
    qc_bytes b = QC_BYTES_INIT;
    qc_cmpct_ask a;
    assert_int_equal(qc_cmpct_ask_write(&b, &hash, place, 5), QC_OK);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(qc_cmpct_ask_read(qc_span_of(b.data, n), &a), QC_WIRE_END);
    assert_int_equal(qc_cmpct_ask_read(qc_bytes_span(&b), &a), QC_WIRE_OK);
    assert_true(qc_hash_eq(&a.hash, &hash));
    assert_int_equal(a.n, 5);
    assert_memory_equal(a.place, place, sizeof place);
    qc_free(a.place);
    qc_bytes_free(&b);
}

/* distances after a hash: what comes of it */
static qc_wire_fail ask_of(const char *hex)
{
    qc_bytes b = bytes_of(hex), msg = QC_BYTES_INIT;
    qc_hash hash = {{9}};
    qc_cmpct_ask a = {.n = 0};
    put(&msg, &hash, sizeof hash);
    put(&msg, b.data, b.len);
    qc_wire_fail f = qc_cmpct_ask_read(qc_bytes_span(&msg), &a);
    qc_free(a.place);
    qc_bytes_free(&b);
    qc_bytes_free(&msg);
    return f;
}

static void test_ask__places_past_16_bits_are_refused(void **state)
{
    (void)state;
    assert_int_equal(ask_of("01fdffff"), QC_WIRE_OK);
    assert_int_equal(ask_of("02fdffff00"), QC_WIRE_DIFFERENCE);   /* one after the last */
    assert_int_equal(ask_of("01fe00000100"), QC_WIRE_DIFFERENCE); /* 65536 */
    assert_int_equal(ask_of("0200fdffff"), QC_WIRE_DIFFERENCE);   /* 0, then 65536 */
    assert_int_equal(ask_of("01fe00000003"), QC_WIRE_TOO_LARGE);  /* no length of anything */
    assert_int_equal(ask_of("01ffffffffffffffffff"), QC_WIRE_TOO_LARGE);
    assert_int_equal(ask_of("01fd0100"), QC_WIRE_NON_CANONICAL);
    assert_int_equal(ask_of("00"), QC_WIRE_OK);
}

static void test_ask__a_count_larger_than_the_message_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ask_of("fe000000020000"), QC_WIRE_END);
    /* As many zeros as it says, but more places than there are. */
    qc_bytes msg = QC_BYTES_INIT;
    qc_hash hash = {{9}};
    qc_cmpct_ask a;
    put(&msg, &hash, sizeof hash);
    put_count(&msg, 0x10001);
    for (uint32_t k = 0; k < 0x10001; k++)
        put(&msg, "", 1);
    assert_int_equal(qc_cmpct_ask_read(qc_bytes_span(&msg), &a), QC_WIRE_DIFFERENCE);
    qc_bytes_free(&msg);
}

/* ---- blocktxn ---- */

static void test_txs__are_those_that_were_asked_for(void **state)
{
    (void)state;
    static const uint16_t place[] = {0, 3, 4};
    qc_block *b = block_of(5);
    qc_bytes msg = QC_BYTES_INIT;
    qc_cmpct_txs t;
    qc_span tx;
    assert_int_equal(qc_cmpct_txs_write(&msg, b, place, 3), QC_OK);
    for (size_t n = 0; n < msg.len; n++)
        assert_int_equal(qc_cmpct_txs_read(qc_span_of(msg.data, n), &t), QC_WIRE_END);
    assert_int_equal(qc_cmpct_txs_read(qc_bytes_span(&msg), &t), QC_WIRE_OK);
    assert_true(qc_hash_eq(&t.hash, qc_block_hash(b)));
    assert_int_equal(t.n, 3);
    qc_cmpct_walk w = qc_cmpct_walk_txs(&t);
    for (int k = 0; k < 3; k++) {
        qc_tx want = qc_block_tx(b, place[k]);
        assert_true(qc_cmpct_next(&w, &tx));
        assert_true(qc_span_eq(tx, qc_tx_bytes(&want)));
    }
    assert_false(qc_cmpct_next(&w, &tx));
    qc_bytes_free(&msg);
    qc_block_unref(b);
}

static void test_txs__a_place_behind_the_end_is_no_answer(void **state)
{
    (void)state;
    static const uint16_t place[] = {0, 5};
    qc_block *b = block_of(5);
    qc_bytes msg = QC_BYTES_INIT;
    assert_int_equal(qc_cmpct_txs_write(&msg, b, place, 2), QC_EINVAL);
    assert_int_equal(msg.len, 0);
    qc_block_unref(b);
}

/* ---- sendcmpct ---- */

static void test_hello__announce_and_version(void **state)
{
    (void)state;
    uint8_t announce;
    uint64_t version;
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_cmpct_hello_write(&b, true), QC_OK);
    assert_int_equal(b.len, 9);
    assert_true(qc_cmpct_hello_read(qc_bytes_span(&b), &announce, &version));
    assert_int_equal(announce, 1);
    assert_int_equal(version, 2);
    assert_false(qc_cmpct_hello_read(qc_span_of(b.data, 8), &announce, &version));
    qc_bytes_free(&b);
}

QC_TEST_MAIN(cmocka_unit_test(test_known__ids_are_taken_and_the_others_computed),
             cmocka_unit_test(test_cmpct__a_real_one_names_the_transactions_of_its_block),
             cmocka_unit_test(test_cmpct__ids_are_of_the_transactions_with_witness),
             cmocka_unit_test(test_cmpct__every_shorter_one_ends_too_early),
             cmocka_unit_test(test_cmpct__no_more_transactions_than_places),
             cmocka_unit_test(test_cmpct__huge_counts_and_distances_are_refused),
             cmocka_unit_test(test_cmpct__places_add_up),
             cmocka_unit_test(test_ask__is_read_as_it_was_written),
             cmocka_unit_test(test_ask__places_past_16_bits_are_refused),
             cmocka_unit_test(test_ask__a_count_larger_than_the_message_is_refused),
             cmocka_unit_test(test_txs__are_those_that_were_asked_for),
             cmocka_unit_test(test_txs__a_place_behind_the_end_is_no_answer),
             cmocka_unit_test(test_hello__announce_and_version))
