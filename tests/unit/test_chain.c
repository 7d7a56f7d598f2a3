/* Real blocks from genesis and back: mainnet, testnet3, signet; a recorded regtest chain with stale
 * branches, submitted and imported. */
#include "core/chain/chain.h"

#include "tests/unit/chain_kit.h"

#include <jansson.h>

/* Double SHA-256 of nothing: hash_serialized_3 of a set without coins. */
#define NO_COINS_HASH "56944c5d3f98413ef45cf54545538103cc9f298e0575820ad3591376e2e0f65d"

/* Connect, close, open, look again, then take everything back. */
static void there_and_back(qc_chain_id id, const char *file, uint32_t height, bool with_genesis)
{
    const char *path = vectors_path(file);
    chain_kit k;
    kit_init(&k, id);
    kit_must_open(&k);
    assert_int_equal(kit_height(&k), 0);
    assert_int_equal(kit_submit_hex_lines(&k, path), height + (with_genesis ? 1 : 0));
    assert_int_equal(kit_height(&k), height);
    assert_int_equal(k.connected, height + 1);
    qc_hash full = kit_coins_hash(&k, QC_UTXO_HASH3);
    kit_reopen(&k);
    assert_int_equal(kit_height(&k), height);
    qc_hash again = kit_coins_hash(&k, QC_UTXO_HASH3);
    assert_true(qc_hash_eq(&full, &again));
    assert_int_equal(qc_chain_invalidate(k.c, qc_chain_at(k.c, 1)), QC_OK);
    assert_int_equal(kit_height(&k), 0);
    assert_int_equal(k.disconnected, height);
    qc_hash empty = kit_coins_hash(&k, QC_UTXO_HASH3);
    assert_hash_is(&empty, NO_COINS_HASH);
    kit_reopen(&k);
    assert_int_equal(kit_height(&k), 0);
    assert_int_equal(k.fatals, 0);
    kit_end(&k);
}

static void test_chain__mainnet_2100_blocks_and_back(void **state)
{
    (void)state;
    there_and_back(QC_CHAIN_MAIN, "mainnet/blocks_1_2100.hex", 2100, false);
}

static void test_chain__testnet3_2100_blocks_and_back(void **state)
{
    (void)state;
    there_and_back(QC_CHAIN_TESTNET3, "testnet3/blocks_1_2100.hex", 2100, false);
}

static void test_chain__signet_120_blocks_and_back(void **state)
{
    (void)state;
    there_and_back(QC_CHAIN_SIGNET, "signet/blocks_0_120.json", 120, true);
}

/* ---- the recorded regtest chain ---- */

static json_t *expected(void)
{
    json_error_t e;
    json_t *j = json_load_file(vectors_path("regtest-mixed/expected.json"), 0, &e);
    assert_non_null(j);
    return j;
}

static void check_recorded(chain_kit *k)
{
    json_t *j = expected(), *utxo = json_object_get(j, "utxo");
    qc_utxo_stats s;
    assert_int_equal(kit_height(k), json_integer_value(json_object_get(j, "height")));
    assert_hash_is(&qc_chain_tip(k->c)->hash, json_string_value(json_object_get(j, "tip")));
    qc_hash h = kit_coins_hash(k, QC_UTXO_MUHASH);
    assert_hash_is(&h, json_string_value(json_object_get(utxo, "muhash")));
    h = kit_coins_hash(k, QC_UTXO_HASH3);
    assert_hash_is(&h, json_string_value(json_object_get(utxo, "hash_serialized_3")));
    assert_int_equal(qc_utxo_stats_compute(qc_chain_coinsdb(k->c), QC_UTXO_NONE, NULL, &s), QC_OK);
    assert_int_equal(s.txouts, json_integer_value(json_object_get(utxo, "txouts")));
    assert_int_equal(s.bogosize, json_integer_value(json_object_get(utxo, "bogosize")));
    json_t *blocks = json_object_get(j, "blocks");
    for (uint32_t n = 0; n <= kit_height(k); n++) {
        json_t *b = json_array_get(blocks, n);
        const qc_index *i = qc_chain_at(k->c, n);
        assert_hash_is(&i->hash, json_string_value(json_object_get(b, "hash")));
        assert_int_equal(i->n_tx, json_integer_value(json_object_get(b, "ntx")));
    }
    json_decref(j);
}

static void test_chain_import_file__stale_branches_stay_aside(void **state)
{
    (void)state;
    const char *path = vectors_path("regtest-mixed/blocks.dat");
    _Atomic bool stop = false;
    qc_import_stats st;
    const qc_index **leaf;
    size_t n;
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    assert_int_equal(qc_chain_import_file(k.c, path, NULL, &stop, &st), QC_OK);
    check_recorded(&k);
    assert_int_equal(k.disconnected, 0);
    assert_int_equal(st.rejected, 0);
    assert_int_equal(qc_chain_leaves(k.c, &leaf, &n), QC_OK);
    assert_int_equal(n, 3);
    assert_ptr_equal(leaf[0], qc_chain_tip(k.c));
    qc_free(leaf);
    kit_reopen(&k);
    check_recorded(&k);
    kit_end(&k);
}

/* In the order of the file each stale branch is the best one for a while. */
static void submit_file(chain_kit *k, const char *path)
{
    qc_bytes all = tmp_read(path);
    size_t at = 0;
    while (at + 8 < all.len) {
        uint32_t len;
        memcpy(&len, all.data + at + 4, 4);
        qc_verdict v;
        assert_true(kit_submit(k, qc_span_of(all.data + at + 8, len), &v));
        at += 8 + len;
    }
    qc_bytes_free(&all);
}

static void test_chain_process_block__reorganises_in_file_order(void **state)
{
    (void)state;
    const char *path = vectors_path("regtest-mixed/blocks.dat");
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    submit_file(&k, path);
    check_recorded(&k);
    assert_int_equal(k.disconnected, 6);
    bool ok = false;
    assert_int_equal(qc_chain_verify(k.c, 4, 0, &ok), QC_OK);
    assert_true(ok);
    kit_reopen(&k);
    check_recorded(&k);
    kit_end(&k);
}

static void test_chain_reindex__finds_the_same_chain_in_its_own_files(void **state)
{
    (void)state;
    const char *path = vectors_path("regtest-mixed/blocks.dat");
    _Atomic bool stop = false;
    qc_import_stats st;
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    submit_file(&k, path);
    kit_close(&k);
    k.o.reindex = true;
    kit_must_open(&k);
    assert_true(qc_chain_reindexing(k.c));
    assert_null(qc_chain_tip(k.c));
    assert_int_equal(qc_chain_reindex(k.c, &stop, &st), QC_OK);
    assert_false(qc_chain_reindexing(k.c));
    check_recorded(&k);
    k.o.reindex = false;
    k.o.reindex_chainstate = true;
    kit_reopen(&k);
    check_recorded(&k);
    k.o.reindex_chainstate = false;
    kit_reopen(&k);
    check_recorded(&k);
    kit_end(&k);
}

/* A reindex that is stopped goes on after a restart without being asked to. */
static void test_chain_reindex__goes_on_after_a_stop(void **state)
{
    (void)state;
    const char *path = vectors_path("regtest-mixed/blocks.dat");
    _Atomic bool stop = false;
    qc_import_stats st;
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    submit_file(&k, path);
    kit_close(&k);
    k.o.reindex = true;
    kit_must_open(&k);
    stop = true;
    assert_int_equal(qc_chain_reindex(k.c, &stop, &st), QC_ECANCELED);
    k.o.reindex = false;
    kit_reopen(&k);
    assert_true(qc_chain_reindexing(k.c));
    stop = false;
    assert_int_equal(qc_chain_reindex(k.c, &stop, &st), QC_OK);
    check_recorded(&k);
    kit_reopen(&k);
    assert_false(qc_chain_reindexing(k.c));
    check_recorded(&k);
    kit_end(&k);
}

static void test_chain_open__another_chains_folder_is_refused(void **state)
{
    (void)state;
    chain_kit k, other;
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    kit_close(&k);
    kit_init(&other, QC_CHAIN_MAIN);
    other.o.dir = k.dir;
    assert_int_equal(kit_open(&other), QC_EINVAL);
    assert_string_equal(other.detail,
                        "Incorrect or no genesis block found. Wrong datadir for network?");
    kit_end(&other);
    kit_end(&k);
}

QC_TEST_MAIN(cmocka_unit_test(test_chain__mainnet_2100_blocks_and_back),
             cmocka_unit_test(test_chain__testnet3_2100_blocks_and_back),
             cmocka_unit_test(test_chain__signet_120_blocks_and_back),
             cmocka_unit_test(test_chain_import_file__stale_branches_stay_aside),
             cmocka_unit_test(test_chain_process_block__reorganises_in_file_order),
             cmocka_unit_test(test_chain_reindex__finds_the_same_chain_in_its_own_files),
             cmocka_unit_test(test_chain_reindex__goes_on_after_a_stop),
             cmocka_unit_test(test_chain_open__another_chains_folder_is_refused))
