/* Block files without their databases: taken in where they lie, or refused with a sentence, never
 * written over. */
#include "core/chain/chain.h"

#include "core/base/log.h"
#include "core/os/file.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 60u
#define KILLED 9

struct fix {
    chain_kit k;
    qc_hash coins;
};

/* A chain over several files of 64 KiB, closed. */
static void fix_init(struct fix *f, uint32_t blocks)
{
    static uint8_t ballast[9000] = {0x6a};
    const qc_params_override fast = {.fastprune = true};
    tb_chain *t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    kit_init(&f->k, QC_CHAIN_REGTEST);
    qc_params_free(f->k.params);
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, &fast, &f->k.params), QC_OK);
    f->k.o.params = f->k.params;
    f->k.o.fastprune = true;
    kit_must_open(&f->k);
    for (uint32_t n = 0; n < blocks; n++) {
        tb_block *b = tb_chain_next(t, 0);
        tb_tx_out(b->tx[0], 0, qc_span_of(ballast, sizeof ballast));
        tb_block_finish(b, f->k.params);
        qc_bytes raw = tb_block_bytes(b);
        assert_true(kit_submit(&f->k, qc_bytes_span(&raw), NULL));
        tb_chain_push(t, b);
        tb_block_free(b);
        qc_bytes_free(&raw);
    }
    f->coins = kit_coins_hash(&f->k, QC_UTXO_HASH3);
    tb_chain_free(t);
    kit_close(&f->k);
}

static void drop(const struct fix *f, const char *name)
{
    char *path = qc_asprintf("%s/%s", f->k.dir, name);
    assert_true(qc_os_exists(path));
    assert_int_equal(qc_os_remove_tree(path), QC_OK);
    qc_free(path);
}

static void drop_databases(const struct fix *f)
{
    drop(f, "blocks/index");
    drop(f, "chainstate");
}

static qc_bytes first_file(const struct fix *f)
{
    char *path = qc_asprintf("%s/blocks/blk00000.dat", f->k.dir);
    qc_bytes b = tmp_read(path);
    qc_free(path);
    return b;
}

/* The first file is as it was. */
static void check_kept(const struct fix *f, qc_bytes *before)
{
    qc_bytes now = first_file(f);
    assert_int_equal(now.len, before->len);
    assert_memory_equal(now.data, before->data, now.len);
    qc_bytes_free(&now);
    qc_bytes_free(before);
}

static void check_all_there(struct fix *f)
{
    assert_false(qc_chain_reindexing(f->k.c));
    assert_int_equal(kit_height(&f->k), BLOCKS);
    qc_hash h = kit_coins_hash(&f->k, QC_UTXO_HASH3);
    assert_true(qc_hash_eq(&h, &f->coins));
    for (uint32_t n = 1; n <= BLOCKS; n++) {
        qc_block *b;
        assert_int_equal(qc_chain_read_block_spent(f->k.c, qc_chain_at(f->k.c, n), &b), QC_OK);
        qc_block_unref(b);
    }
}

static void test_open__blocks_without_databases_are_taken_in_again(void **state)
{
    (void)state;
    for (uint64_t prune = 0; prune < 2; prune++) {
        struct fix f;
        fix_init(&f, BLOCKS);
        drop_databases(&f);
        qc_bytes before = first_file(&f);
        f.k.o.prune_target = prune;
        kit_log_clear();
        kit_must_open(&f.k);
        assert_true(kit_logged("Block index and chainstate are empty, but there are blocks in"));
        kit_reindex(&f.k);
        check_all_there(&f);
        kit_reopen(&f.k);
        check_all_there(&f);
        check_kept(&f, &before);
        kit_end(&f.k);
    }
}

/* As a kill right after they were made leaves them. */
static void test_open__empty_databases_are_none(void **state)
{
    (void)state;
    struct fix f;
    qc_indexdb *i;
    qc_coinsdb *d;
    fix_init(&f, BLOCKS);
    drop_databases(&f);
    char *index = qc_asprintf("%s/blocks/index", f.k.dir);
    char *coins = qc_asprintf("%s/chainstate", f.k.dir);
    assert_int_equal(qc_indexdb_open(&i, index, 1 << 20, true, NULL, 0), QC_OK);
    assert_int_equal(qc_coinsdb_open(&d, coins, 1 << 20, true, NULL, 0), QC_OK);
    qc_indexdb_close(i);
    qc_coinsdb_close(d);
    kit_must_open(&f.k);
    kit_reindex(&f.k);
    check_all_there(&f);
    qc_free(index);
    qc_free(coins);
    kit_end(&f.k);
}

static void test_open__a_folder_with_genesis_alone_is_new(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f, 0);
    drop_databases(&f);
    kit_must_open(&f.k);
    assert_false(qc_chain_reindexing(f.k.c));
    assert_int_equal(kit_height(&f.k), 0);
    kit_end(&f.k);
}

static void test_open__a_file_of_zeros_is_new(void **state)
{
    (void)state;
    struct fix f;
    static const uint8_t zero[4096];
    fix_init(&f, 0);
    drop_databases(&f);
    char *path = qc_asprintf("%s/blocks/blk00000.dat", f.k.dir);
    assert_int_equal(qc_os_write_file_atomic(path, qc_span_of(zero, sizeof zero), 0600), QC_OK);
    kit_must_open(&f.k);
    assert_false(qc_chain_reindexing(f.k.c));
    qc_free(path);
    kit_end(&f.k);
}

static void test_open__files_behind_a_missing_one_are_refused_and_kept(void **state)
{
    (void)state;
    static const char *const gone[] = {"blk00000.dat", "blk00003.dat"};
    for (unsigned n = 0; n < 4; n++) {
        struct fix f;
        fix_init(&f, BLOCKS);
        drop_databases(&f);
        char *name = qc_asprintf("blocks/%s", gone[n / 2]);
        drop(&f, name);
        f.k.o.prune_target = n % 2;
        assert_int_equal(kit_open(&f.k), QC_EINVAL);
        char *want = qc_asprintf("but %s is missing", gone[n / 2]);
        assert_non_null(strstr(f.k.detail, want));
        char *path = qc_asprintf("%s/%s", f.k.dir, name);
        assert_false(qc_os_exists(path)); /* none was begun in its place */
        char *rev = qc_asprintf("%s/blocks/rev00002.dat", f.k.dir);
        assert_true(qc_os_exists(rev));
        qc_free(rev);
        qc_free(path);
        qc_free(want);
        qc_free(name);
        kit_end(&f.k);
    }
}

static void test_open__another_chains_blocks_are_refused_and_kept(void **state)
{
    (void)state;
    for (int reindex = 0; reindex < 2; reindex++) {
        struct fix f;
        chain_kit main;
        fix_init(&f, BLOCKS);
        drop_databases(&f);
        qc_bytes before = first_file(&f);
        kit_init(&main, QC_CHAIN_MAIN);
        main.o.dir = f.k.dir;
        main.o.reindex = reindex;
        assert_int_equal(kit_open(&main), QC_EINVAL);
        char *want = qc_asprintf("%s/blocks/blk00000.dat, offset 0: found the magic bytes fabfb5da "
                                 "(regtest), wanted f9beb4d9 (main)",
                                 f.k.dir);
        assert_non_null(strstr(main.detail, want));
        check_kept(&f, &before);
        qc_free(want);
        kit_end(&main);
        kit_end(&f.k);
    }
}

static void test_open__garbage_is_not_written_over(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f, 0);
    drop_databases(&f);
    char *path = qc_asprintf("%s/blocks/blk00000.dat", f.k.dir);
    assert_int_equal(qc_os_write_file_atomic(path, qc_span_str("something else"), 0600), QC_OK);
    qc_bytes before = first_file(&f);
    assert_int_equal(kit_open(&f.k), QC_EINVAL);
    assert_non_null(strstr(f.k.detail, "blk00000.dat, offset 0: found the magic bytes"));
    check_kept(&f, &before);
    qc_free(path);
    kit_end(&f.k);
}

static void test_open__coins_without_an_index_are_no_reason_to_begin_anew(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f, BLOCKS);
    drop(&f, "blocks/index");
    qc_bytes before = first_file(&f);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(kit_open(&f.k), QC_ECORRUPT);
        assert_non_null(
            strstr(f.k.detail, "blocks/index is empty, but block files and chainstate"));
    }
    f.k.o.reindex = true;
    kit_must_open(&f.k);
    kit_reindex(&f.k);
    check_all_there(&f);
    check_kept(&f, &before);
    kit_end(&f.k);
}

/* ---- killed on the way ---- */

static const char *g_die_at;

static void die(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)len;
    if (strstr(line, g_die_at))
        _exit(KILLED);
}

static void open_and_die(struct fix *f, const char *at)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        g_die_at = at;
        qc_log_set_sink(die, NULL);
        if (!kit_open(&f->k) && qc_chain_reindexing(f->k.c))
            kit_reindex(&f->k);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), KILLED);
}

static void test_reindex__goes_on_after_each_kill(void **state)
{
    (void)state;
    static const char *const at[] = {"Block index and chainstate are empty",
                                     "Loading block index db: last block file",
                                     "Reindexing block file blk00000.dat",
                                     "Reindexing block file blk00003.dat", "Reindexing finished"};
    struct fix f;
    fix_init(&f, BLOCKS);
    for (size_t n = 0; n < QC_COUNTOF(at); n++) {
        char *index = qc_asprintf("%s/blocks/index", f.k.dir);
        char *coins = qc_asprintf("%s/chainstate", f.k.dir);
        assert_int_equal(qc_os_remove_tree(index), QC_OK);
        assert_int_equal(qc_os_remove_tree(coins), QC_OK);
        open_and_die(&f, at[n]);
        kit_must_open(&f.k);
        if (n + 1 < QC_COUNTOF(at))
            kit_reindex(&f.k);
        assert_false(qc_chain_reindexing(f.k.c)); /* what was found was in the index by then */
        assert_int_equal(qc_chain_activate(f.k.c), QC_OK);
        check_all_there(&f);
        kit_close(&f.k);
        qc_free(index);
        qc_free(coins);
    }
    kit_end(&f.k);
}

QC_TEST_MAIN(cmocka_unit_test(test_reindex__goes_on_after_each_kill),
             cmocka_unit_test(test_open__blocks_without_databases_are_taken_in_again),
             cmocka_unit_test(test_open__empty_databases_are_none),
             cmocka_unit_test(test_open__a_folder_with_genesis_alone_is_new),
             cmocka_unit_test(test_open__a_file_of_zeros_is_new),
             cmocka_unit_test(test_open__files_behind_a_missing_one_are_refused_and_kept),
             cmocka_unit_test(test_open__another_chains_blocks_are_refused_and_kept),
             cmocka_unit_test(test_open__garbage_is_not_written_over),
             cmocka_unit_test(test_open__coins_without_an_index_are_no_reason_to_begin_anew))
