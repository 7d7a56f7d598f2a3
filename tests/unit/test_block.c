#include "core/btc/block.h"
#include "core/btc/sigops.h"
#include "core/crypto/sha256.h"
#include "tests/unit/harness.h"

#include "core/base/alloc.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define IN_1                                                                                       \
    "111111111111111111111111111111111111111111111111111111111111111103000000"                     \
    "0351acaefdffffff"
#define IN_2                                                                                       \
    "222222222222222222222222222222222222222222222222222222222222222200000000"                     \
    "00ffffffff"
#define OUT_1 "88130000000000000200ac"
#define BODY "02" IN_1 IN_2 "01" OUT_1
#define STACKS "000201aa02bbcc"
#define TX_WITNESS                                                                                 \
    "02000000"                                                                                     \
    "0001" BODY STACKS "f4010000"
#define TX_STRIPPED "02000000" BODY "f4010000"
#define TXID "2b2bf24f1fbfacd90f9b283bd947765100421e9b9b1424d0109fa3e97169e17a"
#define WTXID "e38be65e5890d1ab92a42cca7273405fc28fd01f58d76a14eb1b4dda274c132d"
#define HEADER                                                                                     \
    "010000000000000000000000000000000000000000000000000000000000000000000000"                     \
    "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"                             \
    "29ab5f49ffff001d1dac2b7c"

static void expect_hash(const uint8_t *bytes, const char *want)
{
    qc_hash h;
    char hex[QC_HASH_HEX_LEN + 1];
    memcpy(h.b, bytes, 32);
    qc_hash_hex(&h, hex);
    assert_string_equal(hex, want);
}

static qc_wire_fail parse_tx(const char *hex, bool allow_witness, qc_txbuf *out)
{
    qc_bytes b = hex_bytes(hex);
    qc_wire_fail f = qc_tx_parse(qc_bytes_span(&b), allow_witness, out);
    qc_bytes_free(&b);
    return f;
}

static void test_tx_parse__witness_transaction(void **state)
{
    (void)state;
    qc_txbuf t;
    assert_int_equal(parse_tx(TX_WITNESS, true, &t), QC_WIRE_OK);
    const qn_tx_rec *r = t.tx.rec;
    expect_hash(r->txid, TXID);
    expect_hash(r->wtxid, WTXID);
    assert_int_equal(r->len, 115);
    assert_int_equal(r->stripped, 106);
    assert_int_equal(r->weight, 106 * 3 + 115);
    assert_int_equal(r->version, 2);
    assert_int_equal(r->locktime, 500);
    assert_int_equal(r->n_in, 2);
    assert_int_equal(r->n_out, 1);
    assert_true(qc_tx_has_witness(&t.tx));
    assert_false(qc_tx_is_coinbase(&t.tx));
    assert_int_equal(qc_tx_prevout(&t.tx, 0).n, 3);
    assert_int_equal(t.tx.in[0].sequence, 0xfffffffd);
    assert_true(qc_span_eq(qc_tx_script_sig(&t.tx, 0), qc_span_of("\x51\xac\xae", 3)));
    assert_int_equal(qc_tx_script_sig(&t.tx, 1).len, 0);
    assert_int_equal(qc_tx_witness(&t.tx, 0).len, 0); /* its stack is empty */
    assert_true(qc_span_eq(qc_tx_witness(&t.tx, 1), qc_span_of("\2\1\xaa\2\xbb\xcc", 6)));
    assert_int_equal(t.tx.out[0].value, 5000);
    assert_true(qc_span_eq(qc_tx_script(&t.tx, 0), qc_span_of("\0\xac", 2)));
    qc_txbuf_clear(&t);
}

static void test_tx_parse__same_id_without_witness(void **state)
{
    (void)state;
    for (int allow = 0; allow < 2; allow++) {
        qc_txbuf t;
        assert_int_equal(parse_tx(TX_STRIPPED, allow, &t), QC_WIRE_OK);
        expect_hash(t.tx.rec->txid, TXID);
        expect_hash(t.tx.rec->wtxid, TXID);
        assert_false(qc_tx_has_witness(&t.tx));
        assert_int_equal(t.tx.rec->weight, 4 * 106);
        qc_txbuf_clear(&t);
    }
}

static void test_tx_write_stripped__drops_marker_and_stacks(void **state)
{
    (void)state;
    qc_bytes want = hex_bytes(TX_STRIPPED);
    for (int i = 0; i < 2; i++) {
        qc_txbuf t;
        qc_bytes got = QC_BYTES_INIT;
        assert_int_equal(parse_tx(i ? TX_WITNESS : TX_STRIPPED, true, &t), QC_WIRE_OK);
        assert_int_equal(qc_tx_write_stripped(&t.tx, &got), QC_OK);
        assert_true(qc_span_eq(qc_bytes_span(&got), qc_bytes_span(&want)));
        qc_bytes_free(&got);
        qc_txbuf_clear(&t);
    }
    qc_bytes_free(&want);
}

static const struct {
    const char *hex;
    bool allow;
    qc_wire_fail fail;
} g_bad_tx[] = {
    {"", true, QC_WIRE_END},
    {TX_STRIPPED "00", true, QC_WIRE_TRAILING},
    {"02000000"
     "0001" BODY "0000"
     "f4010000",
     true, QC_WIRE_SUPERFLUOUS_WITNESS},
    {"02000000"
     "0001"
     "00"
     "01" OUT_1 "f4010000",
     true, QC_WIRE_SUPERFLUOUS_WITNESS},
    {"02000000"
     "0002" BODY "f4010000",
     true, QC_WIRE_UNKNOWN_TX_DATA},
    {"02000000"
     "0003" BODY STACKS "f4010000",
     true, QC_WIRE_UNKNOWN_TX_DATA},
    {"02000000"
     "0003" BODY "0000"
     "f4010000",
     true, QC_WIRE_SUPERFLUOUS_WITNESS},
    {"02000000"
     "0080" BODY,
     true, QC_WIRE_UNKNOWN_TX_DATA},
    {TX_WITNESS, false, QC_WIRE_TRAILING}, /* read as no inputs and one output */
    {"02000000"
     "fd0100",
     true, QC_WIRE_NON_CANONICAL},
    {"02000000"
     "fe01000002",
     true, QC_WIRE_TOO_LARGE},
    {"02000000"
     "fe00000002" IN_1,
     true, QC_WIRE_END},
    {"02000000"
     "01"
     "111111111111111111111111111111111111111111111111111111111111111103000000"
     "fd0000",
     true, QC_WIRE_NON_CANONICAL},
    {"02000000"
     "01" IN_1 "01"
     "8813000000000000"
     "ff0000000001000000",
     true, QC_WIRE_TOO_LARGE},
};

static void test_tx_parse__names_the_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(g_bad_tx); i++) {
        qc_txbuf t;
        qc_wire_fail f = parse_tx(g_bad_tx[i].hex, g_bad_tx[i].allow, &t);
        if (f != g_bad_tx[i].fail)
            fail_msg("case %zu: %s, wanted %s", i, qc_wire_text(f), qc_wire_text(g_bad_tx[i].fail));
        assert_null(t.mem);
    }
    assert_string_equal(qc_wire_text(QC_WIRE_SUPERFLUOUS_WITNESS), "Superfluous witness record");
    assert_string_equal(qc_wire_text(QC_WIRE_UNKNOWN_TX_DATA), "Unknown transaction optional data");
}

static void test_tx_parse__every_prefix_ends_early(void **state)
{
    (void)state;
    qc_bytes b = hex_bytes(TX_WITNESS);
    for (size_t n = 0; n < b.len; n++) {
        qc_txbuf t;
        uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, b.data, n);
        assert_int_equal(qc_tx_parse(qc_span_of(exact, n), true, &t), QC_WIRE_END);
        free(exact);
    }
    qc_bytes_free(&b);
}

static void test_tx_parse__no_inputs_depends_on_the_caller(void **state)
{
    (void)state;
    qc_txbuf t;
    /* Two zero counts: a transaction of nothing, for both callers. */
    assert_int_equal(parse_tx("01000000000000000000", true, &t), QC_WIRE_OK);
    assert_int_equal(t.tx.rec->n_in + t.tx.rec->n_out, 0);
    qc_txbuf_clear(&t);
    /* No inputs and one output: only without witness. */
    const char *one_out = "01000000"
                          "0001" OUT_1 "00000000";
    assert_int_equal(parse_tx(one_out, false, &t), QC_WIRE_OK);
    assert_int_equal(t.tx.rec->n_in, 0);
    assert_int_equal(t.tx.rec->n_out, 1);
    qc_txbuf_clear(&t);
    assert_int_not_equal(parse_tx(one_out, true, &t), QC_WIRE_OK);
}

static void test_tx_is_coinbase__needs_one_null_outpoint(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool yes;
    } c[] = {
#define NULL_TXID "0000000000000000000000000000000000000000000000000000000000000000"
        {"0100000001" NULL_TXID "ffffffff00ffffffff00"
         "00000000",
         true},
        {"0100000001" NULL_TXID "fffffffe00ffffffff00"
         "00000000",
         false},
        {"0100000002" NULL_TXID "ffffffff00ffffffff" NULL_TXID "ffffffff00ffffffff00"
         "00000000",
         false},
        {TX_STRIPPED, false},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_txbuf t;
        assert_int_equal(parse_tx(c[i].hex, true, &t), QC_WIRE_OK);
        assert_int_equal(qc_tx_is_coinbase(&t.tx), c[i].yes);
        qc_txbuf_clear(&t);
    }
}

static qc_block *block_of(const char *hex)
{
    qc_block *b;
    qc_bytes raw = hex_bytes(hex);
    assert_int_equal(qc_block_parse(qc_bytes_span(&raw), &b), QC_WIRE_OK);
    assert_true(qc_span_eq(qc_block_bytes(b), qc_bytes_span(&raw)));
    qc_bytes_free(&raw);
    return b;
}

static void test_block_parse__view_and_sums(void **state)
{
    (void)state;
    qc_block *b = block_of(HEADER "02" TX_STRIPPED TX_WITNESS);
    const qn_block_view *v = qc_block_view(b);
    assert_int_equal(qc_block_n_tx(b), 2);
    assert_int_equal(v->in.count, 4);
    assert_int_equal(v->out.count, 2);
    assert_int_equal(v->flags, QN_VIEW_WITNESS);
    assert_int_equal(v->height, UINT32_MAX);
    assert_int_equal(v->raw.len, 81 + 106 + 115);
    assert_int_equal(v->total, v->raw.off + v->raw.len);
    expect_hash(v->hash, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
    assert_int_equal(qc_block_stripped_size(b), 81 + 106 * 2);
    assert_int_equal(qc_block_weight(b), (81 + 106 * 2) * 3 + 81 + 106 + 115);
    /* 0351acae is OP_1 CHECKSIG CHECKMULTISIG: 1 + 20; the output adds CHECKSIG. */
    assert_int_equal(qc_block_legacy_sigops(b, 0), 22);
    assert_int_equal(qc_block_legacy_sigops(b, 1), 22);
    qc_tx t = qc_block_tx(b, 1);
    expect_hash(t.rec->wtxid, WTXID);
    assert_int_equal(t.rec->in0, 2);
    assert_int_equal(t.rec->out0, 1);
    assert_int_equal(t.rec->off, 81 + 106);
    assert_true(qc_span_eq(qc_tx_witness(&t, 1), qc_span_of("\2\1\xaa\2\xbb\xcc", 6)));
    qc_block_unref(b);
}

static void test_block_parse__roots(void **state)
{
    (void)state;
    qc_block *b = block_of(HEADER "02" TX_STRIPPED TX_WITNESS);
    bool mutated = false;
    qc_hash pair[2], want;
    assert_int_equal(qc_hash_parse(TXID, &pair[0]), QC_OK);
    pair[1] = pair[0];
    qc_sha256d(qc_span_of(pair, 64), want.b);
    assert_true(qc_hash_eq(qc_block_merkle_root(b, &mutated), &want));
    assert_true(mutated); /* two transactions of the same id */
    memset(&pair[0], 0, sizeof pair[0]);
    assert_int_equal(qc_hash_parse(WTXID, &pair[1]), QC_OK);
    qc_sha256d(qc_span_of(pair, 64), want.b);
    assert_true(qc_hash_eq(qc_block_witness_root(b), &want));
    qc_block_unref(b);

    b = block_of(HEADER "02" TX_STRIPPED TX_STRIPPED); /* no witness data at all */
    assert_int_equal(qc_hash_parse(TXID, &pair[1]), QC_OK);
    qc_sha256d(qc_span_of(pair, 64), want.b);
    assert_true(qc_hash_eq(qc_block_witness_root(b), &want));
    assert_int_equal(qc_block_view(b)->flags, 0);
    qc_block_unref(b);
}

static void test_block_parse__without_transactions(void **state)
{
    (void)state;
    qc_block *b = block_of(HEADER "00");
    assert_int_equal(qc_block_n_tx(b), 0);
    assert_true(qc_hash_is_zero(qc_block_merkle_root(b, NULL)));
    assert_true(qc_hash_is_zero(qc_block_witness_root(b)));
    assert_int_equal(qc_block_attach_spent(b, NULL), QC_OK);
    qc_block_unref(b);
}

/* Bodies as a rescan reads them: the same view, and ids for those that ask. */
static void test_block_parse_bare__hashes_what_is_asked_for(void **state)
{
    (void)state;
    static const uint8_t none[32];
    qc_bytes raw = hex_bytes(HEADER "02" TX_WITNESS TX_STRIPPED);
    qc_block *whole, *bare;
    assert_int_equal(qc_block_parse(qc_bytes_span(&raw), &whole), QC_WIRE_OK);
    assert_int_equal(qc_block_parse_bare(qc_bytes_span(&raw), &bare), QC_WIRE_OK);
    assert_memory_equal(qc_block_hash(bare), qc_block_hash(whole), 32);
    assert_int_equal(qc_block_stripped_size(bare), qc_block_stripped_size(whole));
    for (uint32_t i = 0; i < 2; i++) {
        assert_memory_equal(qc_block_tx(bare, i).rec->txid, none, 32);
        assert_memory_equal(qc_block_tx(bare, i).rec->wtxid, none, 32);
    }
    assert_memory_equal(qc_block_merkle_root(bare, NULL), none, 32);
    assert_memory_equal(qc_block_witness_root(bare), none, 32);
    qc_block_make_ids(bare, 0);
    assert_memory_equal(qc_block_tx(bare, 1).rec->txid, none, 32);
    qc_block_make_ids(bare, 1);
    qc_block_make_ids(whole, 1);
    assert_int_equal(qc_block_view(bare)->total, qc_block_view(whole)->total);
    assert_memory_equal(qc_block_view(bare), qc_block_view(whole), qc_block_view(whole)->total);
    qc_block_unref(bare);
    bare = NULL;
    raw.len--;
    assert_int_not_equal(qc_block_parse_bare(qc_bytes_span(&raw), &bare), QC_WIRE_OK);
    assert_null(bare);
    raw.len++;
    assert_int_equal(qc_bytes_append(&raw, none, 1), QC_OK);
    assert_int_equal(qc_block_parse_bare(qc_bytes_span(&raw), &bare), QC_WIRE_TRAILING);
    qc_block_unref(whole);
    qc_bytes_free(&raw);
}

static void test_block_parse_at__says_where(void **state)
{
    (void)state;
    qc_block *b;
    size_t where;
    qc_bytes raw = hex_bytes(HEADER "01" TX_WITNESS "aabb");
    assert_int_equal(qc_block_parse(qc_bytes_span(&raw), &b), QC_WIRE_TRAILING);
    assert_null(b);
    assert_int_equal(qc_block_parse_at(qc_bytes_span(&raw), &b, &where), QC_WIRE_OK);
    assert_int_equal(where, 81 + 115);
    assert_int_equal(qc_block_bytes(b).len, 81 + 115);
    qc_block_unref(b);
    assert_int_equal(qc_block_parse_at(qc_span_of(raw.data, 150), &b, &where), QC_WIRE_END);
    assert_null(b);
    assert_in_range(where, 81, 150);
    qc_bytes_free(&raw);
}

static void test_block_parse__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    qc_bytes raw = hex_bytes(HEADER "01" TX_WITNESS);
    FOR_EACH_FAULT (runs) {
        qc_block *b;
        qc_wire_fail f = qc_block_parse(qc_bytes_span(&raw), &b);
        assert_true(f == QC_WIRE_OK ? b != NULL : f == QC_WIRE_NOMEM && !b);
        qc_block_unref(b);
    }
    assert_int_equal(runs, 5);
    qc_bytes_free(&raw);
}

static void test_attach_spent__lies_in_the_view(void **state)
{
    (void)state;
    qc_block *b = block_of(HEADER "02" TX_STRIPPED TX_WITNESS);
    qc_spent spent[4] = {{.value = 99, .script = {(const uint8_t *)"ignored", 7}},
                         {0},
                         {.value = 4000, .script = {(const uint8_t *)"abc", 3}, .height = 7},
                         {.value = 1500, .script = {NULL, 0}, .height = 9, .coinbase = true}};
    fault_arm(1);
    assert_int_equal(qc_block_attach_spent(b, spent), QC_ENOMEM);
    fault_arm(0);
    assert_int_equal(qc_block_view(b)->flags, QN_VIEW_WITNESS);
    assert_int_equal(qc_block_attach_spent(b, spent), QC_OK);
    qc_block_set_height(b, 12);
    const qn_block_view *v = qc_block_view(b);
    assert_int_equal(v->flags, QN_VIEW_WITNESS | QN_VIEW_SPENT);
    assert_int_equal(v->height, 12);
    assert_int_equal(v->spent.count, 4);
    assert_int_equal(v->spent.off % 8, 0);
    assert_int_equal(v->total, v->spent_scripts.off + v->spent_scripts.len);
    assert_int_equal(v->spent_scripts.len, 3);
    assert_int_equal(qn_view_spent(v, 0)->value, 0);
    assert_int_equal(qn_view_spent(v, 2)->value, 4000);
    assert_int_equal(qn_view_spent(v, 2)->height, 7);
    assert_memory_equal(qn_view_spent_script(v, qn_view_spent(v, 2)), "abc", 3);
    assert_int_equal(qn_view_spent(v, 3)->coinbase, 1);
    assert_int_equal(qn_view_spent(v, 3)->script_len, 0);
    assert_int_equal(qn_view_fee(v, 0), 0);
    assert_int_equal(qn_view_fee(v, 1), 500);
    qc_tx t = qc_block_tx(b, 1);
    expect_hash(t.rec->wtxid, WTXID);
    qc_block_unref(b);
}

#define FOUR_TX TX_STRIPPED TX_STRIPPED TX_STRIPPED TX_STRIPPED

/* A coin that the block makes and spends itself: its script lies in the view that moves. */
static void test_attach_spent__takes_scripts_of_its_own_view(void **state)
{
    (void)state;
    static uint8_t large[300000]; /* so that memory cannot grow where it is */
    uint8_t want[64];
    qc_block *b = block_of(HEADER "08" FOUR_TX FOUR_TX); /* too large to be kept for reuse */
    qc_tx first = qc_block_tx(b, 0);
    qc_span own = qc_tx_script(&first, 0);
    qc_spent spent[16] = {[2] = {.script = own}, [3] = {.script = {large, sizeof large}}};
    assert_in_range(own.len, 1, sizeof want);
    memcpy(want, own.data, own.len);
#ifdef __GLIBC__
    mallopt(M_PERTURB, 0xa5); /* what is freed is overwritten */
#endif
    assert_int_equal(qc_block_attach_spent(b, spent), QC_OK);
#ifdef __GLIBC__
    mallopt(M_PERTURB, 0);
#endif
    const qn_block_view *v = qc_block_view(b);
    assert_int_equal(qn_view_spent(v, 2)->script_len, own.len);
    assert_memory_equal(qn_view_spent_script(v, qn_view_spent(v, 2)), want, own.len);
    qc_block_unref(b);
}

static void test_merkle__branch_folds_to_the_root(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (size_t n = 1; n < 40; n++) {
        qc_hash leaf[40], work[40], branch[QC_MERKLE_MAX_DEPTH], root;
        unsigned depth;
        bool mutated;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < 32; j++)
                leaf[i].b[j] = (uint8_t)test_rand(&seed);
        memcpy(work, leaf, sizeof work);
        qc_hash want = qc_merkle_root(work, n, &mutated);
        assert_false(mutated);
        for (size_t i = 0; i < n; i++) {
            memcpy(work, leaf, sizeof work);
            qc_merkle_branch(work, n, i, branch, &depth, &root);
            assert_true(qc_hash_eq(&root, &want));
            qc_hash got = qc_merkle_fold(&leaf[i], i, branch, depth);
            assert_true(qc_hash_eq(&got, &want));
        }
    }
}

static void test_merkle_run__is_the_branch_of_the_first_leaf(void **state)
{
    (void)state;
    enum { MOST = 1100 };
    uint64_t seed = 5;
    qc_merkle_run *r = qc_alloc(sizeof *r);
    qc_hash *leaf = qc_alloc(MOST * sizeof *leaf), *work = qc_alloc(MOST * sizeof *leaf);
    for (size_t i = 0; i < MOST * sizeof *leaf; i++)
        leaf->b[i] = (uint8_t)test_rand(&seed);
    for (size_t n = 1; n < MOST; n += n < 140 ? 1 : 31) {
        qc_hash want[QC_MERKLE_MAX_DEPTH], got[QC_MERKLE_MAX_DEPTH], root, got_root;
        unsigned depth, got_depth;
        memcpy(work, leaf, n * sizeof *leaf);
        qc_merkle_branch(work, n, 0, want, &depth, &root);
        qc_merkle_run_init(r);
        for (size_t i = 0; i < n; i++)
            qc_merkle_run_add(r, leaf[i].b);
        qc_merkle_run_end(r, got, &got_depth, &got_root);
        assert_int_equal(got_depth, depth);
        assert_memory_equal(got, want, depth * sizeof *want);
        assert_memory_equal(got_root.b, root.b, sizeof root.b);
    }
    qc_free(work);
    qc_free(leaf);
    qc_free(r);
}

static void test_merkle__sees_a_repeated_subtree(void **state)
{
    (void)state;
    qc_hash a[6], b[8];
    bool mutated;
    for (int i = 0; i < 6; i++)
        memset(a[i].b, i + 1, 32);
    memcpy(b, a, sizeof a);
    memcpy(b + 6, a + 4, 2 * sizeof *a); /* 1 2 3 4 5 6 5 6: same root as 1 2 3 4 5 6 */
    qc_hash plain = qc_merkle_root(a, 6, &mutated);
    assert_false(mutated);
    qc_hash twin = qc_merkle_root(b, 8, &mutated);
    assert_true(mutated);
    assert_true(qc_hash_eq(&plain, &twin));
}

static void test_sigops_count__cases(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint32_t loose, accurate;
    } c[] = {
        {"", 0, 0},
        {"ac", 1, 1},
        {"ad", 1, 1},
        {"ae", 20, 20},
        {"52ae", 20, 2},
        {"60af", 20, 16},
        {"00ae", 20, 20},
        {"6152ae", 20, 2},
        {"5261ae", 20, 20},
        {"01acac", 1, 1},
        {"4c02acacac", 1, 1},
        {"4d0200acacac", 1, 1},
        {"4e02000000acacac", 1, 1},
        {"ac4c05ac", 1, 1}, /* a push past the end stops the count */
        {"ac4dff", 1, 1},
        {"ac4effffffffac", 1, 1},
        {"ac02ac", 1, 1},
        {"bacebaac", 1, 1},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_bytes b = hex_bytes(c[i].hex);
        assert_int_equal(qc_sigops_count(qc_bytes_span(&b), false), c[i].loose);
        assert_int_equal(qc_sigops_count(qc_bytes_span(&b), true), c[i].accurate);
        qc_bytes_free(&b);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_tx_parse__witness_transaction),
             cmocka_unit_test(test_tx_parse__same_id_without_witness),
             cmocka_unit_test(test_tx_write_stripped__drops_marker_and_stacks),
             cmocka_unit_test(test_tx_parse__names_the_failure),
             cmocka_unit_test(test_tx_parse__every_prefix_ends_early),
             cmocka_unit_test(test_tx_parse__no_inputs_depends_on_the_caller),
             cmocka_unit_test(test_tx_is_coinbase__needs_one_null_outpoint),
             cmocka_unit_test(test_block_parse__view_and_sums),
             cmocka_unit_test(test_block_parse__roots),
             cmocka_unit_test(test_block_parse__without_transactions),
             cmocka_unit_test(test_block_parse_bare__hashes_what_is_asked_for),
             cmocka_unit_test(test_block_parse_at__says_where),
             cmocka_unit_test(test_block_parse__survives_each_single_fault),
             cmocka_unit_test(test_attach_spent__lies_in_the_view),
             cmocka_unit_test(test_attach_spent__takes_scripts_of_its_own_view),
             cmocka_unit_test(test_merkle__branch_folds_to_the_root),
             cmocka_unit_test(test_merkle_run__is_the_branch_of_the_first_leaf),
             cmocka_unit_test(test_merkle__sees_a_repeated_subtree),
             cmocka_unit_test(test_sigops_count__cases))
