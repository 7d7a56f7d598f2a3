/* Which bits of versions warn of rules that are not known here, on branches of made-up headers. */
#include "core/chain/newrules.h"

#include "core/chain/tree.h"
#include "core/consensus/versionbits.h"
#include "tests/unit/harness.h"

#define PERIOD 144
#define ENOUGH 108
#define SILENT ((int32_t)QC_VB_TOP_BITS)
#define BIT(n) (SILENT | (int32_t)(1u << (n)))

static qc_tree *tree;
static uint32_t salt;

static void begin(qc_params **p, qc_chain_id id)
{
    assert_int_equal(qc_params_new(id, NULL, p), QC_OK);
    assert_int_equal(qc_tree_new(&tree), QC_OK);
}

static void end(qc_params *p)
{
    qc_tree_free(tree);
    qc_params_free(p);
}

/* `n` blocks of this version on `parent`. */
static qc_index *grow(qc_index *parent, uint32_t n, int32_t version)
{
    while (n--) {
        qc_index *i;
        qc_hash h = {{0}};
        salt++;
        memcpy(h.b, &salt, sizeof salt);
        h.b[31] = 1;
        qc_header hdr = {.bits = 0x207fffff, .time = 1600000000, .version = version};
        assert_int_equal(qc_tree_add(tree, &h, &hdr, &i), QC_OK);
        qc_tree_link(i, parent);
        qc_tree_raise(tree, i, QC_BLOCK_VALID_TREE);
        assert_int_equal(qc_tree_publish(tree, i), QC_OK);
        parent = i;
    }
    return parent;
}

static void expect_bits(qc_newrules *n, const qc_params *p, const qc_index *tip, uint32_t locked_in,
                        uint32_t active)
{
    qc_newrules fresh = {.end = NULL};
    qc_newrules_look(n, p, tip);
    qc_newrules_look(&fresh, p, tip);
    assert_int_equal(n->locked_in, locked_in);
    assert_int_equal(n->active, active);
    assert_int_equal(fresh.locked_in, locked_in);
    assert_int_equal(fresh.active, active);
}

static void test_look__a_bit_locks_in_and_becomes_active(void **state)
{
    qc_params *p;
    qc_newrules n = {.end = NULL};
    (void)state;
    begin(&p, QC_CHAIN_REGTEST);
    qc_index *i = grow(NULL, PERIOD, BIT(3)); /* the first period does not count */
    expect_bits(&n, p, i, 0, 0);
    i = grow(i, ENOUGH - 1, BIT(2));
    i = grow(i, PERIOD - ENOUGH + 1, SILENT);
    expect_bits(&n, p, i, 0, 0);
    i = grow(i, ENOUGH, BIT(2));
    i = grow(i, PERIOD - ENOUGH - 1, (int32_t)(1u << 2)); /* not a version with bits */
    expect_bits(&n, p, i, 0, 0);
    qc_index *fork = i;
    i = grow(i, 1, SILENT);
    expect_bits(&n, p, i, 1u << 2, 0);
    i = grow(i, PERIOD - 1, SILENT);
    expect_bits(&n, p, i, 1u << 2, 0);
    i = grow(i, 1, SILENT);
    expect_bits(&n, p, i, 0, 1u << 2);
    i = grow(i, 3 * PERIOD, BIT(4));
    expect_bits(&n, p, i, 0, 1u << 2 | 1u << 4);
    i = grow(fork, PERIOD, SILENT); /* another branch: what was seen on the first is forgotten */
    expect_bits(&n, p, i, 1u << 2, 0);
    i = grow(qc_tree_at(tree, PERIOD - 1), 3 * PERIOD, SILENT);
    expect_bits(&n, p, i, 0, 0);
    end(p);
}

static void test_look__bits_that_miners_roll_do_not_warn(void **state)
{
    qc_params *p;
    qc_newrules n = {.end = NULL};
    (void)state;
    begin(&p, QC_CHAIN_REGTEST);
    qc_index *i = grow(NULL, 4 * PERIOD, BIT(5) | BIT(13) | BIT(28));
    expect_bits(&n, p, i, 0, 0);
    i = grow(i, PERIOD, BIT(4) | BIT(0));
    expect_bits(&n, p, i, 1u << 4 | 1, 0);
    end(p);
}

static void test_look__old_blocks_of_the_main_chain_do_not_count(void **state)
{
    qc_params *p;
    qc_newrules n = {.end = NULL};
    (void)state;
    begin(&p, QC_CHAIN_MAIN);
    assert_int_equal(p->bip9_warning_height, 711648);
    p->bip9_warning_height = 2 * 2016;
    qc_index *i = grow(NULL, 2 * 2016, BIT(1));
    expect_bits(&n, p, i, 0, 0);
    i = grow(i, 1814, BIT(2));
    i = grow(i, 202, SILENT);
    expect_bits(&n, p, i, 0, 0);
    i = grow(i, 1815, BIT(2));
    i = grow(i, 201, SILENT);
    expect_bits(&n, p, i, 1u << 2, 0);
    end(p);
}

QC_TEST_MAIN(cmocka_unit_test(test_look__a_bit_locks_in_and_becomes_active),
             cmocka_unit_test(test_look__bits_that_miners_roll_do_not_warn),
             cmocka_unit_test(test_look__old_blocks_of_the_main_chain_do_not_count))
