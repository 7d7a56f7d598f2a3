/* The built-in indexes over the recorded regtest chain, whose blocks come as they did then: two
 * branches are connected and left again. What Bitcoin Core found is compared with what they say. */
#include "core/index/coinstats.h"
#include "core/index/spenders.h"
#include "core/index/txindex.h"

#include "core/base/endian.h"
#include "core/btc/wire.h"
#include "core/crypto/siphash.h"
#include "core/index/coinstats_set.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#include <jansson.h>

#define WAIT_MS 60000
#define FRAME 8 /* magic, length */

typedef struct rig {
    chain_kit k;
    qc_txindex *tx;
    qc_spenders *spend;
    qc_coinstatsindex *stats;
} rig;

static void start_all(rig *r, bool wipe)
{
    char why[256] = "";
    assert_int_equal(qc_txindex_start(&r->tx, r->k.c, r->k.dir, 1 << 20, wipe, why, sizeof why),
                     QC_OK);
    assert_int_equal(qc_spenders_start(&r->spend, r->k.c, r->k.dir, 1 << 20, wipe, why, sizeof why),
                     QC_OK);
    assert_int_equal(
        qc_coinstatsindex_start(&r->stats, r->k.c, r->k.dir, 1 << 20, wipe, why, sizeof why),
        QC_OK);
}

static void stop_all(rig *r)
{
    qc_txindex_stop(r->tx);
    qc_spenders_stop(r->spend);
    qc_coinstatsindex_stop(r->stats);
}

static void free_all(rig *r)
{
    qc_txindex_free(r->tx);
    qc_spenders_free(r->spend);
    qc_coinstatsindex_free(r->stats);
}

static void wait_all(const rig *r)
{
    assert_true(qc_keeper_wait(qc_txindex_keeper(r->tx), WAIT_MS));
    assert_true(qc_keeper_wait(qc_spenders_keeper(r->spend), WAIT_MS));
    assert_true(qc_keeper_wait(qc_coinstatsindex_keeper(r->stats), WAIT_MS));
}

static void rig_open(rig *r)
{
    kit_init(&r->k, QC_CHAIN_REGTEST);
    kit_must_open(&r->k);
    start_all(r, false);
}

static void rig_reopen(rig *r)
{
    assert_int_equal(qc_chain_sync(r->k.c), QC_OK);
    stop_all(r);
    kit_close(&r->k);
    free_all(r);
    kit_must_open(&r->k);
    start_all(r, false);
}

static void rig_end(rig *r)
{
    stop_all(r);
    kit_close(&r->k);
    free_all(r);
    kit_end(&r->k);
}

/* Submit the file; after each block wait when `every`, and reopen all at each `restart`-th. */
static void replay(rig *r, bool every, unsigned restart)
{
    qc_bytes file = tmp_read(vectors_path("regtest-mixed/blocks.dat"));
    unsigned n = 0;
    for (size_t pos = 0; pos + FRAME < file.len; n++) {
        uint32_t len = qc_read_le32(file.data + pos + 4);
        qc_verdict v;
        assert_true(kit_submit(&r->k, qc_span_of(file.data + pos + FRAME, len), &v));
        pos += FRAME + len;
        if (every)
            wait_all(r);
        if (restart && n % restart == restart - 1)
            rig_reopen(r);
    }
    qc_bytes_free(&file);
    wait_all(r);
}

static json_t *expected(void)
{
    json_t *j = json_load_file(vectors_path("regtest-mixed/expected.json"), 0, NULL);
    assert_non_null(j);
    return j;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    assert_non_null(s);
    return s;
}

/* ---- checks ---- */

static void check_tx(rig *r, const qc_index *i, const qc_block *b, uint32_t n)
{
    qc_tx tx = qc_block_tx(b, n);
    const qc_index *at = NULL;
    qc_hash txid;
    qc_bytes raw;
    memcpy(txid.b, tx.rec->txid, 32);
    assert_int_equal(qc_txindex_find(r->tx, &txid, &at, &raw), QC_OK);
    assert_ptr_equal(at, i);
    assert_true(qc_span_eq(qc_bytes_span(&raw), qc_tx_bytes(&tx)));
    qc_bytes_free(&raw);
    for (uint32_t k = 0; n > 0 && k < tx.rec->n_in; k++) {
        qc_outpoint o = qc_tx_prevout(&tx, k);
        qc_hash block;
        assert_int_equal(qc_spenders_find(r->spend, &o, &raw, &block), QC_OK);
        assert_true(qc_hash_eq(&block, &i->hash));
        assert_true(qc_span_eq(qc_bytes_span(&raw), qc_tx_bytes(&tx)));
        qc_bytes_free(&raw);
    }
}

static void check_txs(rig *r)
{
    for (uint32_t h = 1; h <= kit_height(&r->k); h++) {
        const qc_index *i = qc_chain_at(r->k.c, h);
        qc_block *b;
        assert_int_equal(qc_chain_read_block(r->k.c, i, &b), QC_OK);
        for (uint32_t n = 0; n < qc_block_n_tx(b); n++)
            check_tx(r, i, b, n);
        qc_block_unref(b);
    }
}

static void check_known_spends(rig *r, const json_t *list)
{
    size_t k;
    json_t *s;
    json_array_foreach(list, k, s)
    {
        char hex[65];
        const char *text = text_of(s, "outpoint");
        qc_outpoint o;
        qc_hash block;
        qc_bytes raw;
        qc_txbuf t;
        snprintf(hex, sizeof hex, "%.64s", text);
        assert_int_equal(qc_hash_parse(hex, &o.txid), QC_OK);
        o.n = (uint32_t)strtoul(text + 65, NULL, 10);
        assert_int_equal(qc_spenders_find(r->spend, &o, &raw, &block), QC_OK);
        assert_int_equal(qc_tx_parse(qc_bytes_span(&raw), true, &t), QC_WIRE_OK);
        qc_hash id;
        memcpy(id.b, t.tx.rec->txid, 32);
        assert_hash_is(&id, text_of(s, "spent_by"));
        assert_int_equal(qc_chain_find(r->k.c, &block)->height,
                         json_integer_value(json_object_get(s, "height")));
        qc_txbuf_clear(&t);
        qc_bytes_free(&raw);
    }
    assert_true(json_array_size(list) >= 40);
}

static void check_stats(rig *r, const json_t *utxo)
{
    const qc_index *tip = qc_chain_tip(r->k.c);
    qc_coinstats s;
    qc_utxo_stats all;
    assert_int_equal(qc_coinstatsindex_get(r->stats, tip, &s), QC_OK);
    assert_hash_is(&s.muhash, text_of(utxo, "muhash"));
    assert_int_equal(s.txouts, json_integer_value(json_object_get(utxo, "txouts")));
    assert_int_equal(s.bogosize, json_integer_value(json_object_get(utxo, "bogosize")));
    assert_int_equal(qc_chain_flush(r->k.c), QC_OK);
    assert_int_equal(qc_utxo_stats_compute(qc_chain_coinsdb(r->k.c), QC_UTXO_NONE, NULL, &all),
                     QC_OK);
    assert_int_equal(s.total_amount, all.total);
    /* Nothing is lost: what was created is there, was spent, or can never be. */
    qc_u256 made = qc_u256_from64((uint64_t)s.total_subsidy);
    qc_u256 there =
        qc_u256_from64((uint64_t)(s.total_amount + s.unspendable_genesis + s.unspendable_bip30 +
                                  s.unspendable_scripts + s.unspendable_unclaimed));
    assert_int_equal(qc_u256_cmp(&made, &there), 0);
    assert_int_equal(s.unspendable_genesis, INT64_C(5000000000));
}

/* Blocks that were left behind can still be asked for. */
static void check_stale(rig *r, const json_t *stale, bool connected)
{
    size_t k, n;
    json_t *branch, *hash;
    json_array_foreach(stale, k, branch)
    {
        json_array_foreach(json_object_get(branch, "hashes"), n, hash)
        {
            qc_hash h;
            qc_coinstats s;
            assert_int_equal(qc_hash_parse(json_string_value(hash), &h), QC_OK);
            const qc_index *i = qc_chain_find(r->k.c, &h);
            assert_non_null(i);
            assert_false(qc_chain_contains(r->k.c, i));
            assert_int_equal(qc_coinstatsindex_get(r->stats, i, &s), connected ? QC_OK : QC_ENOENT);
        }
    }
}

static void check_all(rig *r, bool connected)
{
    json_t *j = expected();
    check_txs(r);
    check_known_spends(r, json_object_get(j, "spends"));
    check_stats(r, json_object_get(j, "utxo"));
    if (connected)
        check_stale(r, json_object_get(j, "stale"), true);
    qc_outpoint nobody = {.n = 5};
    qc_hash none = {{7}};
    const qc_index *at;
    qc_bytes raw;
    assert_int_equal(qc_spenders_find(r->spend, &nobody, &raw, &none), QC_ENOENT);
    assert_int_equal(qc_txindex_find(r->tx, &none, &at, &raw), QC_ENOENT);
    json_decref(j);
}

static void test_indexes__follow_reorganisations(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    replay(&r, true, 0);
    check_all(&r, true);
    rig_reopen(&r);
    wait_all(&r);
    check_all(&r, true);
    rig_end(&r);
}

static void test_indexes__go_on_after_each_restart(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    replay(&r, false, 9);
    check_all(&r, false);
    rig_end(&r);
}

static void test_indexes__are_built_over_a_chain_that_is_there(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    replay(&r, false, 0);
    assert_int_equal(qc_chain_sync(r.k.c), QC_OK);
    stop_all(&r);
    kit_close(&r.k);
    free_all(&r);
    kit_must_open(&r.k);
    start_all(&r, true);
    wait_all(&r);
    check_all(&r, false);
    rig_end(&r);
}

/* Nothing is committed that a crash could take from the chain: without a sync the index falls back
 * to what was durable, and does the rest again. */
static void test_indexes__commit_no_more_than_is_durable(void **state)
{
    (void)state;
    rig r;
    char path[512];
    qc_kv *kv;
    qc_bookmark l;
    const qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = 1 << 20};
    rig_open(&r);
    replay(&r, true, 0);
    const qc_index *durable = qc_chain_durable(r.k.c);
    qc_hash safe = durable ? durable->hash : (qc_hash){{0}};
    stop_all(&r);
    kit_close(&r.k);
    free_all(&r);
    snprintf(path, sizeof path, "%s/indexes/coinstatsindex/db", r.k.dir);
    assert_int_equal(qc_kv_open(&kv, path, &o, NULL, 0), QC_OK);
    assert_int_equal(qc_bookmark_get(kv, qc_span_str("B"), &l), QC_OK);
    qc_kv_close(kv);
    kit_must_open(&r.k);
    if (l.n) {
        const qc_index *at = qc_chain_find(r.k.c, &l.hash[0]), *end = qc_chain_find(r.k.c, &safe);
        assert_true(at && end);
        assert_ptr_equal(qc_index_ancestor(end, at->height), at);
        assert_true(at->height < 184); /* the last blocks were not synced */
    }
    kit_end(&r.k);
}

/* ---- a chain that only goes back ---- */

/* A block on the chain made so far, which spends `coin`, or nothing. */
static void grow_one(rig *r, tb_chain *made, const qc_outpoint *coin)
{
    tb_block *b = tb_chain_next(made, 0);
    if (coin) {
        tb_tx *t = tb_block_add(b, tb_tx_new());
        tb_tx_in(t, &coin->txid, coin->n, qc_span_of("", 0), TB_FINAL);
        tb_tx_out(t, 1000, qc_span_of("\x51", 1));
    }
    tb_block_finish(b, r->k.params);
    qc_bytes raw = tb_block_bytes(b);
    assert_true(kit_submit(&r->k, qc_bytes_span(&raw), NULL));
    tb_chain_push(made, b);
    tb_block_free(b);
    qc_bytes_free(&raw);
}

/* Height of the block that spends the coin; 0: none does. */
static uint32_t spent_at(rig *r, const qc_outpoint *coin)
{
    qc_bytes raw;
    qc_hash block;
    qc_err err = qc_spenders_find(r->spend, coin, &raw, &block);
    if (err == QC_ENOENT)
        return 0;
    assert_int_equal(err, QC_OK);
    qc_bytes_free(&raw);
    return qc_chain_find(r->k.c, &block)->height;
}

static void check_stands_at(rig *r, int64_t height)
{
    bool synced = false;
    wait_all(r);
    assert_int_equal(qc_keeper_height(qc_spenders_keeper(r->spend), &synced), height);
    assert_true(synced);
}

static void test_indexes__keep_a_branch_until_the_chain_takes_another(void **state)
{
    rig r;
    qc_outpoint coin = {.n = 0};
    (void)state;
    kit_init(&r.k, QC_CHAIN_REGTEST);
    r.k.o.max_tip_age = INT32_MAX;
    kit_must_open(&r.k);
    start_all(&r, false);
    tb_chain *made = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    for (uint32_t h = 1; h <= 101; h++)
        grow_one(&r, made, NULL);
    qc_block *b;
    assert_int_equal(qc_chain_read_block(r.k.c, qc_chain_at(r.k.c, 1), &b), QC_OK);
    memcpy(coin.txid.b, qc_block_tx(b, 0).rec->txid, 32);
    qc_block_unref(b);
    grow_one(&r, made, &coin);
    check_stands_at(&r, 102);
    const qc_index *left = qc_chain_tip(r.k.c);
    assert_int_equal(qc_chain_invalidate(r.k.c, left), QC_OK);
    assert_int_equal(kit_height(&r.k), 101);
    check_stands_at(&r, 102);
    assert_int_equal(spent_at(&r, &coin), 102);
    tb_chain_cut(made, 101);
    made->salt++;
    grow_one(&r, made, NULL);
    check_stands_at(&r, 102);
    assert_int_equal(spent_at(&r, &coin), 0);
    /* Nothing of a branch that was left stays behind at the end. */
    grow_one(&r, made, &coin);
    check_stands_at(&r, 103);
    assert_int_equal(qc_chain_invalidate(r.k.c, qc_chain_tip(r.k.c)), QC_OK);
    assert_int_equal(spent_at(&r, &coin), 103);
    rig_reopen(&r);
    check_stands_at(&r, 102);
    assert_int_equal(spent_at(&r, &coin), 0);
    tb_chain_free(made);
    rig_end(&r);
}

/* ---- format ---- */

static size_t count_keys(qc_kv *kv, uint8_t first, size_t min, size_t max)
{
    size_t n = 0;
    qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
    for (qc_kv_iter_seek(it, qc_span_of(&first, 1));
         qc_kv_iter_valid(it) && qc_kv_iter_key(it).data[0] == first; qc_kv_iter_next(it)) {
        size_t len = qc_kv_iter_key(it).len;
        n += len >= min && len <= max;
    }
    qc_kv_iter_free(it);
    return n;
}

static qc_kv *open_db(const rig *r, const char *sub)
{
    qc_kv *kv;
    char path[512];
    const qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = 1 << 20};
    snprintf(path, sizeof path, "%s/indexes/%s", r->k.dir, sub);
    assert_int_equal(qc_kv_open(&kv, path, &o, NULL, 0), QC_OK);
    return kv;
}

static void expect_len(qc_kv *kv, const void *key, size_t key_len, size_t len)
{
    qc_bytes v = QC_BYTES_INIT;
    assert_int_equal(qc_kv_get(kv, NULL, qc_span_of(key, key_len), &v), QC_OK);
    assert_int_equal(v.len, len);
    qc_bytes_free(&v);
}

/* ---- after a crash ---- */

/* A coin that a block of the chain spends. */
static qc_outpoint some_spent(rig *r)
{
    for (uint32_t h = kit_height(&r->k);; h--) {
        qc_block *b;
        qc_outpoint o = {.n = 0};
        assert_int_equal(qc_chain_read_block(r->k.c, qc_chain_at(r->k.c, h), &b), QC_OK);
        bool found = qc_block_n_tx(b) > 1;
        if (found) {
            const qc_tx tx = qc_block_tx(b, 1);
            o = qc_tx_prevout(&tx, 0);
        }
        qc_block_unref(b);
        if (found)
            return o;
    }
}

static void put_stale_keys(rig *r, const qc_outpoint *o, bool drop_good)
{
    /* File 0, offset 0 of a block at 0 and at 1: no block lies there, or not this transaction. */
    static const uint8_t AT[][3] = {{0, 0, 0}, {0, 1, 0}};
    uint8_t key[9 + 3] = {'s'};
    qc_kv *kv = open_db(r, "txospenderindex/db");
    qc_bytes salt = QC_BYTES_INIT;
    assert_int_equal(qc_kv_get(kv, NULL, qc_span_of("siphash_key", 12), &salt), QC_OK);
    qc_siphash_key k = {qc_read_le64(salt.data), qc_read_le64(salt.data + 8)};
    qc_write_le64(key + 1, qc_siphash_hash_u32(&k, &o->txid, o->n));
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
    for (qc_kv_iter_seek(it, qc_span_of(key, 9));
         drop_good && qc_kv_iter_valid(it) && qc_kv_iter_key(it).len > 9 &&
         !memcmp(qc_kv_iter_key(it).data, key, 9);
         qc_kv_iter_next(it))
        qc_kv_batch_delete(b, qc_kv_iter_key(it));
    qc_kv_iter_free(it);
    for (size_t i = 0; i < QC_COUNTOF(AT); i++) {
        memcpy(key + 9, AT[i], 3);
        qc_kv_batch_put(b, qc_span_of(key, sizeof key), (qc_span){NULL, 0});
    }
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
    qc_bytes_free(&salt);
    qc_kv_close(kv);
}

/* Keys from before a crash may lead to what is no block any more: the right one is still found. */
static void test_spenders__stale_keys_do_not_hide_the_right_one(void **state)
{
    (void)state;
    rig r;
    for (int drop = 0; drop < 2; drop++) {
        qc_bytes raw;
        qc_hash block;
        rig_open(&r);
        replay(&r, false, 0);
        qc_outpoint o = some_spent(&r);
        assert_int_equal(qc_chain_sync(r.k.c), QC_OK);
        wait_all(&r);
        stop_all(&r);
        kit_close(&r.k);
        free_all(&r);
        put_stale_keys(&r, &o, drop);
        kit_must_open(&r.k);
        start_all(&r, false);
        qc_err err = qc_spenders_find(r.spend, &o, &raw, &block);
        if (drop)
            assert_true(err && err != QC_ENOENT);
        else
            assert_int_equal(err, QC_OK);
        qc_bytes_free(&raw);
        rig_end(&r);
    }
}

/* All keys of entries that lie on disk; `put` writes them again. The index is closed. */
static void entries(const rig *r, qc_bytes *keys, bool put)
{
    qc_kv *kv = open_db(r, "txospenderindex/db");
    qc_kv_batch *b = qc_kv_batch_new(kv);
    for (size_t pos = 0; put && pos < keys->len; pos += 1 + keys->data[pos])
        qc_kv_batch_put(b, qc_span_of(keys->data + pos + 1, keys->data[pos]), (qc_span){NULL, 0});
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
    qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
    for (qc_kv_iter_seek(it, qc_span_of("s", 1)); !put && qc_kv_iter_valid(it);
         qc_kv_iter_next(it)) {
        qc_span key = qc_kv_iter_key(it);
        uint8_t len = (uint8_t)key.len;
        if (key.data[0] != 's')
            break;
        if (qc_span_eq(key, qc_span_of("siphash_key", 12)))
            continue;
        assert_int_equal(qc_bytes_append(keys, &len, 1), QC_OK);
        assert_int_equal(qc_bytes_append(keys, key.data, key.len), QC_OK);
    }
    qc_kv_iter_free(it);
    qc_kv_close(kv);
}

static void close_all(rig *r)
{
    assert_int_equal(qc_chain_sync(r->k.c), QC_OK);
    wait_all(r);
    stop_all(r);
    kit_close(&r->k);
    free_all(r);
}

/* A crash may leave the entries of a branch that the chain leaves meanwhile. */
static void test_spenders__the_active_chain_comes_first(void **state)
{
    rig r;
    qc_bytes old = QC_BYTES_INIT;
    qc_outpoint coin = {.n = 0};
    (void)state;
    rig_open(&r);
    tb_chain *made = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    for (uint32_t h = 1; h <= 120; h++)
        grow_one(&r, made, NULL);
    qc_block *b;
    assert_int_equal(qc_chain_read_block(r.k.c, qc_chain_at(r.k.c, 1), &b), QC_OK);
    memcpy(coin.txid.b, qc_block_tx(b, 0).rec->txid, 32);
    qc_block_unref(b);
    grow_one(&r, made, &coin);
    close_all(&r);
    entries(&r, &old, false);
    assert_true(old.len > 0);
    kit_must_open(&r.k);
    start_all(&r, false);
    assert_int_equal(spent_at(&r, &coin), 121);
    tb_chain_cut(made, 120);
    made->salt++;
    grow_one(&r, made, NULL);
    grow_one(&r, made, &coin);
    close_all(&r);
    entries(&r, &old, true);
    kit_must_open(&r.k);
    start_all(&r, false);
    assert_int_equal(spent_at(&r, &coin), 122);
    qc_bytes_free(&old);
    tb_chain_free(made);
    rig_end(&r);
}

static qc_hash spenders_place(const rig *r)
{
    qc_bookmark l;
    qc_kv *kv = open_db(r, "txospenderindex/db");
    assert_int_equal(qc_bookmark_get(kv, qc_span_str("B"), &l), QC_OK);
    qc_kv_close(kv);
    assert_true(l.n > 0);
    return l.hash[0];
}

/* Submit blocks of the file from *pos on until the chain leaves one; then *pos is after that one.
 * With `stop` not 0 only until there. */
static void submit_until(rig *r, qc_span file, size_t *pos, size_t stop)
{
    while (*pos + FRAME < file.len && (!stop || *pos < stop)) {
        uint32_t len = qc_read_le32(file.data + *pos + 4);
        const qc_index *old = qc_chain_tip(r->k.c);
        qc_verdict v;
        assert_true(kit_submit(&r->k, qc_span_of(file.data + *pos + FRAME, len), &v));
        *pos += FRAME + len;
        if (!qc_chain_contains(r->k.c, old))
            return;
    }
}

/* Place of the first block that makes the chain leave another. */
static size_t place_of_fork(qc_span file)
{
    rig r;
    size_t pos = 0, at;
    rig_open(&r);
    submit_until(&r, file, &pos, 0);
    rig_end(&r);
    assert_true(pos < file.len);
    for (at = 0;;) {
        size_t next = at + FRAME + qc_read_le32(file.data + at + 4);
        if (next == pos)
            return at;
        at = next;
    }
}

/* The index takes durable blocks back and ends before anything else is durable: what lies on disk
 * does not claim blocks whose entries are gone. */
static void test_spenders__a_block_taken_back_is_not_claimed(void **state)
{
    (void)state;
    rig r;
    qc_bytes file = tmp_read(vectors_path("regtest-mixed/blocks.dat"));
    qc_span all = qc_bytes_span(&file);
    size_t at = place_of_fork(all), pos = 0;
    rig_open(&r);
    submit_until(&r, all, &pos, at);
    rig_reopen(&r);
    wait_all(&r);
    const qc_index *fork = qc_chain_tip(r.k.c);
    submit_until(&r, all, &pos, 0);
    wait_all(&r);
    assert_false(qc_chain_contains(r.k.c, fork));
    while (!qc_chain_contains(r.k.c, fork))
        fork = fork->parent;
    qc_hash must = fork->hash;
    stop_all(&r);
    kit_close(&r.k);
    free_all(&r);
    qc_hash now = spenders_place(&r);
    assert_true(qc_hash_eq(&now, &must));
    kit_end(&r.k);
    qc_bytes_free(&file);
}

/* Keys and sizes of values as Core's index/txindex_key.h, txospenderindex.cpp, coinstatsindex.cpp
 * and db_key.h have them. */
static void test_indexes__lie_on_disk_as_core_has_them(void **state)
{
    (void)state;
    rig r;
    json_t *j = expected(), *counts = json_object_get(j, "counts");
    uint64_t inputs = (uint64_t)json_integer_value(json_object_get(counts, "inputs"));
    uint64_t txs = (uint64_t)json_integer_value(json_object_get(counts, "transactions"));
    rig_open(&r);
    replay(&r, true, 0);
    assert_int_equal(qc_chain_sync(r.k.c), QC_OK);
    stop_all(&r);
    uint32_t height = kit_height(&r.k);
    kit_close(&r.k);
    free_all(&r);
    qc_kv *kv = open_db(&r, "txindex");
    /* 184 blocks of the chain and the 6 that were left: one number each. */
    assert_int_equal(count_keys(kv, 's', 2, 3), height + 6);
    assert_int_equal(count_keys(kv, 'h', 33, 33), height + 6);
    assert_true(count_keys(kv, 'x', 10, 11) >= txs - 1);
    expect_len(kv, "\x0enext_block_seq", 15, 4);
    expect_len(kv, "\x0etxid_hash_salt", 15, 16);
    expect_len(kv,
               "\x0d"
               "best_block_v2",
               14, 4 + 1 + 32 * 18);
    qc_kv_close(kv);
    kv = open_db(&r, "txospenderindex/db");
    size_t spends = count_keys(kv, 's', 9 + 3, 9 + 10);
    /* The salt's key begins with the same letter, and is as long as some. */
    assert_true(spends == inputs + 1 || spends == inputs);
    expect_len(kv, "siphash_key\0", 12, 16);
    qc_kv_close(kv);
    kv = open_db(&r, "coinstatsindex/db");
    assert_int_equal(count_keys(kv, 't', 5, 5), height + 1);
    assert_int_equal(count_keys(kv, 's', 33, 33), 6);
    expect_len(kv, "M", 1, 768);
    expect_len(kv, "t\0\0\0\x05", 5, 32 + 192);
    qc_kv_close(kv);
    json_decref(j);
    kit_end(&r.k);
}

static void test_coinstats__numbers_are_read_as_written(void **state)
{
    (void)state;
    uint8_t raw[QC_COINSTATS_LEN], again[QC_COINSTATS_LEN];
    qc_coinstats s;
    assert_int_equal(sizeof raw, 192);
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(3 * i + 1);
    qc_coinstats_read(raw, &s);
    qc_coinstats_write(&s, again);
    assert_memory_equal(raw, again, sizeof raw);
    assert_int_equal(s.txouts, qc_read_le64(raw + 32));
    assert_int_equal(s.unspendable_unclaimed, (int64_t)qc_read_le64(raw + 184));
}

QC_TEST_MAIN(cmocka_unit_test(test_indexes__follow_reorganisations),
             cmocka_unit_test(test_indexes__keep_a_branch_until_the_chain_takes_another),
             cmocka_unit_test(test_indexes__go_on_after_each_restart),
             cmocka_unit_test(test_indexes__are_built_over_a_chain_that_is_there),
             cmocka_unit_test(test_indexes__commit_no_more_than_is_durable),
             cmocka_unit_test(test_spenders__stale_keys_do_not_hide_the_right_one),
             cmocka_unit_test(test_spenders__the_active_chain_comes_first),
             cmocka_unit_test(test_spenders__a_block_taken_back_is_not_claimed),
             cmocka_unit_test(test_indexes__lie_on_disk_as_core_has_them),
             cmocka_unit_test(test_coinstats__numbers_are_read_as_written))
