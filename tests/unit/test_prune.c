/* Pruning: what goes, what stays, who holds it back, what a restart makes of it. */
#include "core/chain/chain.h"

#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 420u
#define LIMIT (BLOCKS - 288u) /* Core MIN_BLOCKS_TO_KEEP */

struct fix {
    chain_kit k;
    tb_chain *t;
};

static void add_blocks(struct fix *f, uint32_t n)
{
    static uint8_t ballast[9000] = {0x6a};
    while (n-- > 0) {
        tb_block *b = tb_chain_next(f->t, 0);
        tb_tx_out(b->tx[0], 0, qc_span_of(ballast, sizeof ballast));
        tb_block_finish(b, f->k.params);
        qc_bytes raw = tb_block_bytes(b);
        assert_true(kit_submit(&f->k, qc_bytes_span(&raw), NULL));
        tb_chain_push(f->t, b);
        tb_block_free(b);
        qc_bytes_free(&raw);
    }
}

static void fix_options(struct fix *f)
{
    const qc_params_override fast = {.fastprune = true};
    kit_init(&f->k, QC_CHAIN_REGTEST);
    qc_params_free(f->k.params);
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, &fast, &f->k.params), QC_OK);
    f->k.o.params = f->k.params;
    f->k.o.fastprune = true;
    f->k.o.prune_target = 1;
}

/* A chain over some sixty files of 64 KiB. */
static void fix_blocks(struct fix *f)
{
    f->t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    kit_must_open(&f->k);
    add_blocks(f, BLOCKS);
    assert_int_equal(kit_height(&f->k), BLOCKS);
}

static void fix_init(struct fix *f)
{
    fix_options(f);
    fix_blocks(f);
}

static void fix_end(struct fix *f)
{
    tb_chain_free(f->t);
    kit_end(&f->k);
}

static qc_err read_at(struct fix *f, uint32_t height)
{
    qc_block *b;
    qc_err err = qc_chain_read_block_spent(f->k.c, qc_chain_at(f->k.c, height), &b);
    if (!err) {
        assert_true(qc_block_view(b)->flags & QN_VIEW_SPENT);
        qc_block_unref(b);
    }
    return err;
}

/* Everything from the prune height up is there, everything below is gone. */
static void check_range(struct fix *f)
{
    uint32_t first = qc_chain_prune_height(f->k.c);
    for (uint32_t h = first ? 1 : 0; h <= BLOCKS; h++)
        assert_int_equal(read_at(f, h), h < first ? QC_EPRUNED : QC_OK);
}

static void test_chain_prune__files_up_to_the_height_go(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    uint64_t target;
    fix_init(&f);
    assert_int_equal(qc_chain_prune_height(f.k.c), 0);
    uint64_t before = qc_chain_disk_usage(f.k.c);
    assert_int_equal(qc_chain_prune(f.k.c, 100, &to), QC_OK);
    assert_int_equal(to, 100);
    assert_in_range(qc_chain_prune_height(f.k.c), 92, 101);
    assert_true(qc_chain_disk_usage(f.k.c) < before - 80 * 9000);
    assert_true(qc_chain_is_pruned_mode(f.k.c, &target));
    check_range(&f);
    kit_reopen(&f.k);
    assert_in_range(qc_chain_prune_height(f.k.c), 92, 101);
    check_range(&f);
    char *path = qc_asprintf("%s/blocks/blk00000.dat", f.k.dir);
    assert_false(qc_os_exists(path));
    qc_free(path);
    bool ok;
    assert_int_equal(qc_chain_verify(f.k.c, 3, 50, &ok), QC_OK);
    assert_true(ok);
    assert_int_equal(qc_chain_verify(f.k.c, 3, 0, &ok), QC_OK);
    assert_false(ok); /* not all of them could be looked at */
    fix_end(&f);
}

static void test_chain_prune__the_last_288_blocks_stay(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    fix_init(&f);
    assert_int_equal(qc_chain_prune(f.k.c, BLOCKS, &to), QC_OK);
    assert_int_equal(to, LIMIT);
    assert_true(qc_chain_prune_height(f.k.c) <= LIMIT + 1);
    check_range(&f);
    assert_int_equal(qc_chain_invalidate(f.k.c, qc_chain_at(f.k.c, LIMIT + 2)), QC_OK);
    assert_int_equal(kit_height(&f.k), LIMIT + 1); /* a reorganisation that deep is possible */
    fix_end(&f);
}

static void test_chain_pin__holds_files_back(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    fix_init(&f);
    qc_chain_pin(f.k.c, "reader", 60, UINT64_MAX);
    qc_chain_pin(f.k.c, "other", 90, UINT64_MAX);
    assert_int_equal(qc_chain_prune(f.k.c, 100, &to), QC_OK);
    assert_int_equal(to, 49); /* ten blocks below the lowest pin, and one */
    assert_int_equal(read_at(&f, 50), QC_OK);
    check_range(&f);
    qc_chain_pin(f.k.c, "reader", UINT32_MAX, 0);
    assert_int_equal(qc_chain_prune(f.k.c, 100, &to), QC_OK);
    assert_int_equal(to, 79);
    fix_end(&f);
}

static void test_chain_open__pruned_folders_stay_pruned(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    fix_init(&f);
    assert_int_equal(qc_chain_prune(f.k.c, 100, &to), QC_OK);
    kit_close(&f.k);
    f.k.o.prune_target = 0;
    assert_int_equal(kit_open(&f.k), QC_EINVAL);
    assert_non_null(strstr(f.k.detail, "You need to rebuild the database using -reindex to go back "
                                       "to unpruned mode."));
    f.k.o.prune_target = 1;
    f.k.o.reindex_chainstate = true;
    assert_int_equal(kit_open(&f.k), QC_EINVAL);
    f.k.o.reindex_chainstate = false;
    kit_must_open(&f.k);
    assert_int_equal(kit_height(&f.k), BLOCKS);
    fix_end(&f);
}

static void test_chain_prune__not_without_prune_mode(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    kit_init(&f.k, QC_CHAIN_REGTEST);
    f.t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    kit_must_open(&f.k);
    assert_int_equal(qc_chain_prune(f.k.c, 1, &to), QC_EINVAL);
    fix_end(&f);
}

/* A pruned chain cannot be reindexed: what is left is removed, and the chain starts again. */
static void test_chain_reindex__of_a_pruned_folder_starts_again(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    qc_import_stats st;
    const _Atomic bool stop = false;
    fix_init(&f);
    assert_int_equal(qc_chain_prune(f.k.c, 100, &to), QC_OK);
    kit_close(&f.k);
    f.k.o.reindex = true;
    kit_must_open(&f.k);
    assert_int_equal(qc_chain_reindex(f.k.c, &stop, &st), QC_OK);
    assert_int_equal(st.blocks, 0);
    assert_int_equal(kit_height(&f.k), 0);
    char *path = qc_asprintf("%s/blocks/blk00050.dat", f.k.dir);
    assert_false(qc_os_exists(path));
    qc_free(path);
    fix_end(&f);
}

/* ---- automatically ---- */

#define FILE_BYTES ((uint64_t)64 << 10)
#define TARGET ((uint64_t)3 << 20) /* some 330 blocks */

static void fix_auto(struct fix *f, uint64_t target)
{
    fix_options(f);
    f->k.o.prune_target = target;
    f->k.o.prune_least = 1;
    f->k.o.max_tip_age = INT64_C(10000000000); /* an initial download prunes further */
    f->t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    kit_must_open(&f->k);
}

/* Bytes of the block files; each has its undo file, and neither is there without the other. */
static uint64_t look_at_files(const struct fix *f, unsigned *first)
{
    uint64_t sum = 0;
    bool any = false;
    char *blocks = qc_asprintf("%s/blocks", f->k.dir);
    for (unsigned n = 0; n < 200; n++) {
        char *blk = qc_asprintf("%s/blk%05u.dat", blocks, n);
        char *rev = qc_asprintf("%s/rev%05u.dat", blocks, n);
        assert_int_equal(qc_os_exists(blk), qc_os_exists(rev));
        if (qc_os_exists(blk)) {
            qc_bytes b = tmp_read(blk);
            sum += b.len;
            qc_bytes_free(&b);
            *first = any ? *first : n;
            any = true;
        }
        qc_free(blk);
        qc_free(rev);
    }
    qc_free(blocks);
    return sum;
}

static uint32_t blocks_kept(const struct fix *f)
{
    return kit_height(&f->k) - qc_chain_prune_height(f->k.c) + 1;
}

/* What is said of the chain is what is there. */
static void check_pruned(struct fix *f)
{
    unsigned first = 0;
    uint32_t height = qc_chain_prune_height(f->k.c);
    for (uint32_t h = 1; h <= kit_height(&f->k); h++)
        assert_int_equal(read_at(f, h), h < height ? QC_EPRUNED : QC_OK);
    uint64_t usage = qc_chain_disk_usage(f->k.c); /* with undo data, without preallocation */
    assert_in_range(look_at_files(f, &first), usage - FILE_BYTES, usage + FILE_BYTES);
    assert_true((first > 0) == (height > 0));
}

static void test_prune_auto__files_stay_below_the_target(void **state)
{
    (void)state;
    struct fix f;
    unsigned first;
    fix_auto(&f, TARGET);
    uint64_t most = 0;
    for (uint32_t n = 0; n < 500; n++) {
        add_blocks(&f, 1);
        uint64_t usage = qc_chain_disk_usage(f.k.c);
        most = usage > most ? usage : most;
        assert_true(blocks_kept(&f) >= QC_MIN(n + 1, 288u));
    }
    assert_in_range(most, TARGET - TARGET / 32 - FILE_BYTES, TARGET - TARGET / 32 + FILE_BYTES);
    assert_true(qc_chain_disk_usage(f.k.c) > TARGET - TARGET / 32 - 2 * FILE_BYTES);
    assert_in_range(qc_chain_prune_height(f.k.c), 150, 500 - 288);
    check_pruned(&f);
    (void)look_at_files(&f, &first);
    assert_true(first > 20);
    uint32_t height = qc_chain_prune_height(f.k.c);
    kit_reopen(&f.k);
    assert_int_equal(qc_chain_prune_height(f.k.c), height);
    assert_int_equal(kit_height(&f.k), 500);
    check_pruned(&f);
    fix_end(&f);
}

static void test_prune_auto__288_blocks_stay_whatever_the_target(void **state)
{
    (void)state;
    struct fix f;
    fix_auto(&f, 2);
    for (uint32_t n = 0; n < 400; n++) {
        add_blocks(&f, 1);
        assert_true(blocks_kept(&f) >= QC_MIN(n + 1, 288u));
    }
    assert_in_range(blocks_kept(&f), 288, 288 + 2 * 8); /* a file holds seven */
    check_pruned(&f);
    /* A reorganisation that deep is possible. */
    assert_int_equal(qc_chain_invalidate(f.k.c, qc_chain_at(f.k.c, 400 - 287)), QC_OK);
    assert_int_equal(kit_height(&f.k), 400 - 288);
    fix_end(&f);
}

static void test_prune_auto__core_least_target_is_the_default(void **state)
{
    (void)state;
    struct fix f;
    fix_auto(&f, 2);
    f.k.o.prune_least = 0;
    kit_reopen(&f.k);
    add_blocks(&f, 400);
    assert_int_equal(qc_chain_prune_height(f.k.c), 0);
    fix_end(&f);
}

static void test_prune_auto__a_pin_holds_up_to_its_bytes(void **state)
{
    (void)state;
    struct fix f;
    fix_auto(&f, 2);
    qc_chain_pin(f.k.c, "reader", 40, (uint64_t)330 * 9200);
    add_blocks(&f, 340);
    /* ten blocks below the pin, and one, and what shares a file with those */
    assert_in_range(qc_chain_prune_height(f.k.c), 40 - 11 - 7, 40 - 10);
    check_pruned(&f);
    kit_log_clear();
    add_blocks(&f, 80);
    assert_true(kit_logged("reader: its pin at height 40 holds"));
    assert_in_range(qc_chain_prune_height(f.k.c), 420 - 287 - 2 * 8, 420 - 287);
    check_pruned(&f);
    /* What was released stays so, whatever becomes of the chain. */
    assert_int_equal(qc_chain_invalidate(f.k.c, qc_chain_at(f.k.c, 400)), QC_OK);
    tb_chain_cut(f.t, 399);
    f.t->salt++;
    add_blocks(&f, 300);
    assert_int_equal(kit_height(&f.k), 699);
    assert_in_range(qc_chain_prune_height(f.k.c), 699 - 287 - 2 * 8, 699 - 287);
    fix_end(&f);
}

static void test_chain_pin__there_is_room_for_any_number(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    char name[32];
    fix_init(&f);
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned n = 0; n < 300; n++) {
            snprintf(name, sizeof name, "reader %u", n);
            qc_chain_pin(f.k.c, name, 350 - n, UINT64_MAX);
        }
        assert_int_equal(qc_chain_prune(f.k.c, 100, &to), QC_OK);
        assert_int_equal(to, 40);
        for (unsigned n = 0; n < 300; n++) {
            snprintf(name, sizeof name, "reader %u", n);
            qc_chain_pin(f.k.c, name, UINT32_MAX, 0);
        }
    }
    assert_int_equal(qc_chain_prune(f.k.c, 100, &to), QC_OK);
    assert_int_equal(to, 100);
    fix_end(&f);
}

#define KILLED 9

static void die_at_first_deletion(void *arg, qc_log_level level, const char *area, const char *line,
                                  size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)len;
    if (strstr(line, "Prune: deleted"))
        _exit(KILLED);
}

/* No block has been flushed to the coins before: those that are deleted are needed no more. */
static void test_chain_prune__a_crash_while_deleting_loses_nothing(void **state)
{
    (void)state;
    struct fix f;
    uint32_t to;
    int status;
    fix_options(&f);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fix_blocks(&f);
        qc_log_set_sink(die_at_first_deletion, NULL);
        (void)!qc_log_area_set("prune", true);
        (void)!qc_chain_prune(f.k.c, 100, &to);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), KILLED);
    kit_must_open(&f.k);
    assert_int_equal(qc_chain_activate(f.k.c), QC_OK);
    assert_int_equal(kit_height(&f.k), BLOCKS);
    assert_in_range(qc_chain_prune_height(f.k.c), 92, 101);
    kit_end(&f.k);
}

QC_TEST_MAIN(cmocka_unit_test(test_chain_prune__files_up_to_the_height_go),
             cmocka_unit_test(test_chain_prune__the_last_288_blocks_stay),
             cmocka_unit_test(test_chain_prune__a_crash_while_deleting_loses_nothing),
             cmocka_unit_test(test_chain_pin__holds_files_back),
             cmocka_unit_test(test_prune_auto__files_stay_below_the_target),
             cmocka_unit_test(test_prune_auto__288_blocks_stay_whatever_the_target),
             cmocka_unit_test(test_prune_auto__core_least_target_is_the_default),
             cmocka_unit_test(test_prune_auto__a_pin_holds_up_to_its_bytes),
             cmocka_unit_test(test_chain_pin__there_is_room_for_any_number),
             cmocka_unit_test(test_chain_open__pruned_folders_stay_pruned),
             cmocka_unit_test(test_chain_prune__not_without_prune_mode),
             cmocka_unit_test(test_chain_reindex__of_a_pruned_folder_starts_again))
