/* Which blocks' scripts are run under -assumevalid: Core's reasons, and what comes of them. */
#include "core/chain/chain.h"

#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#define BAD 102u  /* height of a block with a signature that does not hold */
#define ALL 2250u /* two weeks of blocks above it, and more */
#define STEP 600  /* seconds; regtest's spacing */

struct fix {
    chain_kit k;
    tb_chain *t;
    qc_bytes raw[BAD + 2]; /* bodies by height */
};

/* A chain whose block 102 spends block 1's coinbase with a script that fails. */
static void fix_init(struct fix *f)
{
    static const uint8_t anybody = 0x51, fails[] = {0x00, 0x6a};
    memset(f, 0, sizeof *f);
    kit_init(&f->k, QC_CHAIN_REGTEST);
    f->k.o.checkblockindex = false; /* thousands of headers, one after the other */
    f->t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    qc_hash coin = {{0}};
    for (uint32_t h = 1; h <= BAD + 1; h++) {
        tb_block *b = tb_chain_next(f->t, 0);
        if (h == BAD) {
            tb_tx *tx = tb_block_add(b, tb_tx_new());
            tb_tx_in(tx, &coin, 0, qc_span_of(fails, sizeof fails), TB_FINAL);
            tb_tx_out(tx, 1, qc_span_of(&anybody, 1));
        }
        tb_block_finish(b, f->k.params);
        if (h == 1)
            coin = tb_txid(b->tx[0]);
        f->raw[h] = tb_block_bytes(b);
        tb_chain_push(f->t, b);
        tb_block_free(b);
    }
    tb_chain_grow(f->t, ALL - BAD - 1, NULL);
}

static void fix_end(struct fix *f)
{
    for (uint32_t h = 1; h <= BAD + 1; h++)
        qc_bytes_free(&f->raw[h]);
    tb_chain_free(f->t);
    kit_end(&f->k);
}

static void give_headers(struct fix *f, uint32_t up_to)
{
    for (uint32_t h = 1; h <= up_to; h++) {
        qc_verdict v;
        const qc_index *i;
        assert_true(qc_chain_accept_header(f->k.c, &f->t->header[h], true, &i, &v));
    }
}

static void give_bodies(struct fix *f)
{
    for (uint32_t h = 1; h <= BAD + 1; h++)
        kit_submit(&f->k, qc_bytes_span(&f->raw[h]), NULL);
}

static const char *reason(struct fix *f, uint32_t height, bool *check)
{
    return qc_chain_script_check_reason(f->k.c, qc_chain_find(f->k.c, &f->t->hash[height]), check);
}

static void expect(struct fix *f, uint32_t height, const char *why)
{
    bool check;
    assert_string_equal(reason(f, height, &check), why);
    assert_true(check);
}

static void test_script_check_reason__always(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    kit_must_open(&f.k);
    give_headers(&f, ALL);
    expect(&f, 1, "assumevalid=0 (always verify)");
    kit_log_clear();
    give_bodies(&f);
    assert_int_equal(kit_height(&f.k), BAD - 1);
    char line[200], hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&f.t->hash[1], hex);
    snprintf(line, sizeof line,
             "Enabling script verification at block #1 (%s): assumevalid=0 (always verify).", hex);
    assert_true(kit_logged(line));
    assert_true(kit_logged("Block validation error: block-script-verify-flag-failed (OP_RETURN was "
                           "encountered), input 0 of "));
    fix_end(&f);
}

static void test_script_check_reason__deep_under_the_assumed_block(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.k.o.assume_valid = f.t->hash[BAD];
    kit_must_open(&f.k);
    give_headers(&f, ALL);
    bool check;
    reason(&f, BAD, &check);
    assert_false(check);
    kit_log_clear();
    give_bodies(&f);
    assert_int_equal(kit_height(&f.k), BAD + 1); /* the bad script was not run */
    char line[200], hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&f.t->hash[1], hex);
    snprintf(line, sizeof line, "Disabling script verification at block #1 (%s).", hex);
    assert_true(kit_logged(line));
    qc_hash_hex(&f.t->hash[BAD + 1], hex);
    snprintf(line, sizeof line,
             "Enabling script verification at block #%u (%s): block height above assumevalid "
             "height.",
             BAD + 1, hex);
    assert_true(kit_logged(line));
    fix_end(&f);
}

static void test_script_check_reason__too_recent(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.k.o.assume_valid = f.t->hash[BAD];
    kit_must_open(&f.k);
    const uint32_t two_weeks = 14 * 24 * 3600 / STEP;
    give_headers(&f, BAD + two_weeks);
    expect(&f, BAD, "block too recent relative to best header");
    bool check;
    give_headers(&f, BAD + two_weeks + 1);
    reason(&f, BAD, &check);
    assert_false(check);
    fix_end(&f);
}

static void test_script_check_reason__not_in_headers(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.k.o.assume_valid = f.t->hash[ALL];
    kit_must_open(&f.k);
    give_headers(&f, ALL - 1);
    expect(&f, BAD, "assumevalid hash not in headers");
    fix_end(&f);
}

static void test_script_check_reason__other_chains(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.k.o.assume_valid = f.t->hash[BAD];
    kit_must_open(&f.k);
    give_headers(&f, ALL);
    /* A short branch from block 50 on. */
    qc_verdict v;
    const qc_index *i = NULL;
    tb_chain_cut(f.t, 50);
    f.t->salt = 5;
    for (unsigned n = 0; n < 3; n++) {
        tb_block *b = tb_chain_next(f.t, 0);
        tb_block_finish(b, f.k.params);
        assert_true(qc_chain_accept_header(f.k.c, &b->header, true, &i, &v));
        tb_chain_push(f.t, b);
        tb_block_free(b);
    }
    expect(&f, 52, "block not in assumevalid chain");
    kit_close(&f.k);
    f.k.o.assume_valid = f.t->hash[53]; /* now the branch is the assumed one */
    kit_must_open(&f.k);
    expect(&f, 52, "block not in best header chain");
    fix_end(&f);
}

static void test_script_check_reason__below_minimum_work(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.k.o.assume_valid = f.t->hash[BAD];
    f.k.o.min_work.w[0] = 2 * (ALL + 1) + 1; /* one more than there is */
    kit_must_open(&f.k);
    give_headers(&f, ALL);
    expect(&f, BAD, "best header chainwork below minimumchainwork");
    fix_end(&f);
}

QC_TEST_MAIN(cmocka_unit_test(test_script_check_reason__always),
             cmocka_unit_test(test_script_check_reason__deep_under_the_assumed_block),
             cmocka_unit_test(test_script_check_reason__too_recent),
             cmocka_unit_test(test_script_check_reason__not_in_headers),
             cmocka_unit_test(test_script_check_reason__other_chains),
             cmocka_unit_test(test_script_check_reason__below_minimum_work))
