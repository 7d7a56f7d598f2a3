/* Packed outputs, coins and undo data. */
#include "core/store/coding.h"

#include "core/crypto/sha256.h"
#include "core/store/blockfiles.h"
#include "tests/unit/store_util.h"

#include "core/os/file.h"

/* A point (the generator), and its negation. */
#define GX "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define GY_EVEN "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
#define GY_ODD "b7c52588d95c3b9aa25b0403f1eef75702e84bb7597aabe663b82f6f04ef2777"

/* ---- outputs ---- */

static void expect_pack(qc_amount value, const char *script_hex, const char *packed_hex)
{
    qc_bytes script = hex_bytes(script_hex), want = hex_bytes(packed_hex);
    qc_bytes got = QC_BYTES_INIT, back = QC_BYTES_INIT;
    assert_int_equal(qc_txout_compress(&got, value, qc_bytes_span(&script)), QC_OK);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    qc_reader r = qc_reader_of(qc_bytes_span(&got));
    qc_amount v;
    assert_int_equal(qc_txout_decompress(&r, &v, &back), QC_OK);
    assert_int_equal(qc_reader_left(&r), 0);
    assert_int_equal(v, value);
    assert_true(qc_span_eq(qc_bytes_span(&back), qc_bytes_span(&script)));
    qc_bytes_free(&script);
    qc_bytes_free(&want);
    qc_bytes_free(&got);
    qc_bytes_free(&back);
}

static void test_compress__amounts_are_those_of_core(void **state)
{
    (void)state;
    expect_pack(0, "", "0006");
    expect_pack(1, "", "0106");
    expect_pack(1000000, "", "0706");
    expect_pack(QC_COIN, "", "0906");
    expect_pack(50 * QC_COIN, "", "3206");
    expect_pack(QC_MAX_MONEY, "", "8980dd4006");
}

static void test_compress__six_kinds_of_scripts_have_a_form_of_their_own(void **state)
{
    (void)state;
    expect_pack(1, "76a914816115944e077fe7c803cfa57f29b36bf87c1d3588ac",
                "0100816115944e077fe7c803cfa57f29b36bf87c1d35");
    expect_pack(1, "a914816115944e077fe7c803cfa57f29b36bf87c1d3587",
                "0101816115944e077fe7c803cfa57f29b36bf87c1d35");
    expect_pack(1, "2102" GX "ac", "0102" GX);
    expect_pack(1, "2103" GX "ac", "0103" GX);
    expect_pack(1, "4104" GX GY_EVEN "ac", "0104" GX);
    expect_pack(1, "4104" GX GY_ODD "ac", "0105" GX);
}

static void test_compress__other_scripts_are_kept_whole(void **state)
{
    (void)state;
    expect_pack(1, "51", "010751");
    /* nearly one of the six: wrong opcode, length, key prefix; a key that is no point */
    expect_pack(1, "76a914816115944e077fe7c803cfa57f29b36bf87c1d3588ad",
                "011f76a914816115944e077fe7c803cfa57f29b36bf87c1d3588ad");
    expect_pack(1, "a914816115944e077fe7c803cfa57f29b36bf87c1d3588",
                "011da914816115944e077fe7c803cfa57f29b36bf87c1d3588");
    expect_pack(1, "2104" GX "ac", "01292104" GX "ac");
    expect_pack(1, "4106" GX GY_EVEN "ac", "01494106" GX GY_EVEN "ac");
    expect_pack(1, "4104" GX GX "ac", "01494104" GX GX "ac");
}

static void test_compress__round_trips_amounts(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        uint64_t scale[] = {1, 10, 1000, 1000000, 100000000};
        qc_amount v = (qc_amount)(test_rand(&seed) % (uint64_t)QC_MAX_MONEY);
        v = v / (qc_amount)scale[i % 5] * (qc_amount)scale[i % 5];
        qc_bytes b = QC_BYTES_INIT, s = QC_BYTES_INIT;
        assert_int_equal(qc_txout_compress(&b, v, qc_span_of("", 0)), QC_OK);
        qc_reader r = qc_reader_of(qc_bytes_span(&b));
        qc_amount back;
        assert_int_equal(qc_txout_decompress(&r, &back, &s), QC_OK);
        assert_int_equal(back, v);
        qc_bytes_free(&b);
        qc_bytes_free(&s);
    }
}

static void expect_refused(const char *hex, const char *reason)
{
    qc_bytes b = hex_bytes(hex), s = QC_BYTES_INIT;
    qc_reader r = qc_reader_of(qc_bytes_span(&b));
    qc_amount v;
    const char *why = "";
    assert_int_equal(qc_txout_read(&r, &v, &s, &why), QC_ECORRUPT);
    assert_string_equal(why, reason);
    qc_bytes_free(&b);
    qc_bytes_free(&s);
}

static void test_decompress__malformed_input_is_corrupt_with_a_reason(void **state)
{
    (void)state;
    expect_refused("", "amount is not a number");
    expect_refused("80", "amount is not a number");
    expect_refused("8980dd4a0751", "amount above 21 million");
    expect_refused("01", "script length is not a number");
    expect_refused("018efefeff060751", "script length is not a number");
    expect_refused("010081", "data ends inside a script");
    expect_refused("010881", "data ends inside a script");
}

static void test_decompress__a_key_off_the_curve_is_corrupt(void **state)
{
    (void)state;
    expect_refused("01040000000000000000000000000000000000000000000000000000000000000005",
                   "packed public key is not on the curve");
}

static void test_decompress__a_script_that_cannot_be_spent_becomes_op_return(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT, s = QC_BYTES_INIT, script = QC_BYTES_INIT;
    for (unsigned i = 0; i < 10001; i++)
        put_u8(&script, 0x61);
    assert_int_equal(qc_txout_compress(&b, 5, qc_bytes_span(&script)), QC_OK);
    put_u8(&b, 0xee);
    qc_reader r = qc_reader_of(qc_bytes_span(&b));
    qc_amount v;
    assert_int_equal(qc_txout_decompress(&r, &v, &s), QC_OK);
    assert_int_equal(s.len, 1);
    assert_int_equal(s.data[0], 0x6a);
    assert_int_equal(qc_r_u8(&r), 0xee); /* all of it was passed over */
    s.len = 0;
    b.len = 0;
    script.len = 10000;
    assert_int_equal(qc_txout_compress(&b, 5, qc_bytes_span(&script)), QC_OK);
    r = qc_reader_of(qc_bytes_span(&b));
    assert_int_equal(qc_txout_decompress(&r, &v, &s), QC_OK);
    assert_int_equal(s.len, 10000);
    qc_bytes_free(&b);
    qc_bytes_free(&s);
    qc_bytes_free(&script);
}

/* ---- coins: the records of Core's own test of its format ---- */

static void expect_coin(const char *hex, uint32_t height, bool coinbase, qc_amount value,
                        const char *script_hex)
{
    qc_bytes b = hex_bytes(hex), s = QC_BYTES_INIT, want = hex_bytes(script_hex);
    qc_bytes again = QC_BYTES_INIT;
    qc_reader r = qc_reader_of(qc_bytes_span(&b));
    qc_coin_code code;
    qc_amount v;
    const char *why;
    assert_int_equal(qc_coin_read(&r, false, &code, &v, &s, &why), QC_OK);
    assert_int_equal(code.height, height);
    assert_int_equal(code.coinbase, coinbase);
    assert_int_equal(v, value);
    assert_true(qc_span_eq(qc_bytes_span(&s), qc_bytes_span(&want)));
    assert_int_equal(qc_coin_write(&again, code, false, v, qc_bytes_span(&s)), QC_OK);
    assert_true(qc_span_eq(qc_bytes_span(&again), qc_bytes_span(&b)));
    qc_bytes_free(&b);
    qc_bytes_free(&s);
    qc_bytes_free(&want);
    qc_bytes_free(&again);
}

static void test_coin__reads_and_writes_the_records_of_core(void **state)
{
    (void)state;
    expect_coin("97f23c835800816115944e077fe7c803cfa57f29b36bf87c1d35", 203998, false, 60000000000,
                "76a914816115944e077fe7c803cfa57f29b36bf87c1d3588ac");
    expect_coin("8ddf77bbd123008c988f1a4a4de2161e0f50aac7f17e7f9555caa4", 120891, true, 110397,
                "76a9148c988f1a4a4de2161e0f50aac7f17e7f9555caa488ac");
    expect_coin("000006", 0, false, 0, "");
    expect_coin("8efefefe7f000751", 0x7fffffff, true, 0, "51"); /* 2^32 - 1 */
}

static void test_coin__every_prefix_of_a_record_is_corrupt(void **state)
{
    (void)state;
    qc_bytes b = hex_bytes("97f23c835800816115944e077fe7c803cfa57f29b36bf87c1d35");
    for (size_t n = 0; n < b.len; n++) {
        qc_bytes s = QC_BYTES_INIT;
        qc_reader r = qc_reader_of(qc_span_of(b.data, n));
        qc_coin_code code;
        qc_amount v;
        const char *why = NULL;
        assert_int_equal(qc_coin_read(&r, false, &code, &v, &s, &why), QC_ECORRUPT);
        assert_non_null(why);
        qc_bytes_free(&s);
    }
    qc_bytes_free(&b);
}

/* ---- undo data ---- */

static qc_block *parse(qc_bytes *bytes)
{
    qc_block *b;
    assert_int_equal(qc_block_parse(qc_bytes_span(bytes), &b), QC_WIRE_OK);
    qc_bytes_free(bytes);
    return b;
}

static qc_block *undo_block(void)
{
    qc_bytes bytes = small_block(1);
    return parse(&bytes);
}

static const uint8_t SCRIPT[5][3] = {{0x51}, {0x52, 0x53}, {0x54, 0x55, 0x56}, {0}, {0x57}};
static const qc_spent SPENT[6] = {
    {0},
    {.value = 50 * QC_COIN, .script = {SCRIPT[0], 1}, .height = 1, .coinbase = true},
    {.value = 7, .script = {SCRIPT[1], 2}, .height = 0, .coinbase = false},
    {.value = 0, .script = {SCRIPT[2], 3}, .height = 300000, .coinbase = false},
    {.value = 1, .script = {SCRIPT[3], 0}, .height = 2, .coinbase = false},
    {.value = 12345, .script = {SCRIPT[4], 1}, .height = 127, .coinbase = true},
};
/* A version byte follows the code unless the height is zero. */
#define UNDO_HEX                                                                                   \
    "02"                                                                                           \
    "02"                                                                                           \
    "03"                                                                                           \
    "00"                                                                                           \
    "32"                                                                                           \
    "07"                                                                                           \
    "51"                                                                                           \
    "00"                                                                                           \
    "3d"                                                                                           \
    "08"                                                                                           \
    "5253"                                                                                         \
    "03"                                                                                           \
    "a3ce40"                                                                                       \
    "00"                                                                                           \
    "00"                                                                                           \
    "09"                                                                                           \
    "545556"                                                                                       \
    "04"                                                                                           \
    "00"                                                                                           \
    "01"                                                                                           \
    "06"                                                                                           \
    "807f"                                                                                         \
    "00"                                                                                           \
    "85e27d"                                                                                       \
    "07"                                                                                           \
    "57"

static void test_undo__is_coded_as_core_codes_it(void **state)
{
    (void)state;
    qc_block *b = undo_block();
    qc_bytes got = QC_BYTES_INIT, want = hex_bytes(UNDO_HEX);
    assert_int_equal(qc_undo_encode(b, SPENT, &got), QC_OK);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    qc_spent *s;
    qc_bytes scripts;
    assert_int_equal(qc_undo_decode(b, qc_bytes_span(&got), &s, &scripts), QC_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(s[i].value, SPENT[i].value);
        assert_int_equal(s[i].height, SPENT[i].height);
        assert_int_equal(s[i].coinbase, SPENT[i].coinbase);
        assert_true(qc_span_eq(s[i].script, SPENT[i].script));
    }
    qc_free(s);
    qc_bytes_free(&scripts);
    qc_bytes_free(&got);
    qc_bytes_free(&want);
    qc_block_unref(b);
}

static qc_err decode(const qc_block *b, qc_span undo)
{
    qc_spent *s = NULL;
    qc_bytes scripts = QC_BYTES_INIT;
    qc_err err = qc_undo_decode(b, undo, &s, &scripts);
    assert_true(!err == (s != NULL));
    qc_free(s);
    qc_bytes_free(&scripts);
    return err;
}

static void test_undo__what_does_not_fit_the_block_is_corrupt(void **state)
{
    (void)state;
    qc_block *b = undo_block();
    qc_bytes u = hex_bytes(UNDO_HEX);
    assert_int_equal(decode(b, qc_bytes_span(&u)), QC_OK);
    for (size_t n = 0; n < u.len; n++)
        assert_int_equal(decode(b, qc_span_of(u.data, n)), QC_ECORRUPT);
    size_t count[] = {0, 1, 12}; /* transactions, inputs of each */
    for (size_t i = 0; i < 3; i++) {
        u.data[count[i]]++;
        assert_int_equal(decode(b, qc_bytes_span(&u)), QC_ECORRUPT);
        u.data[count[i]] = (uint8_t)(u.data[count[i]] - 2);
        assert_int_equal(decode(b, qc_bytes_span(&u)), QC_ECORRUPT);
        u.data[count[i]]++;
    }
    put_u8(&u, 0);
    assert_int_equal(decode(b, qc_bytes_span(&u)), QC_ECORRUPT);
    qc_bytes_free(&u);
    qc_block_unref(b);
}

static void test_undo__a_transaction_version_of_old_files_is_passed_over(void **state)
{
    (void)state;
    qc_block *b = undo_block();
    qc_bytes u = hex_bytes("02"
                           "02"
                           "03"
                           "02"
                           "32"
                           "07"
                           "51"
                           "00"
                           "3d"
                           "08"
                           "5253"
                           "03"
                           "a3ce40"
                           "8efefefe7f"
                           "00"
                           "09"
                           "545556"
                           "04"
                           "00"
                           "01"
                           "06"
                           "807f"
                           "00"
                           "85e27d"
                           "07"
                           "57");
    assert_int_equal(decode(b, qc_bytes_span(&u)), QC_OK);
    qc_bytes_free(&u);
    qc_block_unref(b);
}

static void test_undo__survives_each_single_fault(void **state)
{
    (void)state;
    qc_block *b = undo_block();
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_bytes u = QC_BYTES_INIT;
        qc_err err = qc_undo_encode(b, SPENT, &u);
        if (!err)
            err = decode(b, qc_bytes_span(&u));
        assert_int_equal(err, fault_was_hit() ? QC_ENOMEM : QC_OK);
        qc_bytes_free(&u);
    }
    assert_true(runs > 3);
    qc_block_unref(b);
}

/* ---- undo data of a whole chain ---- */

#define TOP 184 /* of the mixed chain */

typedef struct made {
    qc_hash txid;
    const qc_block *b;
    uint32_t tx, height;
} made;

typedef struct chain {
    qc_block *b[400];
    uint32_t height[400];
    size_t n;
    made *tx;
    size_t n_tx;
} chain;

/* The block at `height` that the tip, the only one at the greatest height, descends from. */
static const qc_block *chain_at(const chain *c, uint32_t height)
{
    size_t at = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->height[i] > c->height[at])
            at = i;
    while (c->height[at] > height)
        for (size_t i = 0;; i++)
            if (qc_hash_eq(qc_block_hash(c->b[i]), &qc_block_header(c->b[at])->prev)) {
                at = i;
                break;
            }
    return c->b[at];
}

static int by_txid(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static void chain_load(chain *c, const char *path)
{
    static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};
    qc_blkscan *s;
    qc_span raw;
    uint64_t off;
    assert_int_equal(qc_blkscan_open(&s, path, MAGIC, NULL), QC_OK);
    while (qc_blkscan_next(s, &raw, &off) == QC_OK && c->n < 400) {
        assert_int_equal(qc_block_parse(raw, &c->b[c->n]), QC_WIRE_OK);
        for (size_t i = 0; i < c->n; i++)
            if (qc_hash_eq(qc_block_hash(c->b[i]), &qc_block_header(c->b[c->n])->prev))
                c->height[c->n] = c->height[i] + 1;
        c->n_tx += qc_block_n_tx(c->b[c->n++]);
    }
    assert_int_equal(qc_blkscan_skipped(s), 0);
    qc_blkscan_close(s);
    c->tx = qc_alloc(c->n_tx * sizeof *c->tx);
    c->n_tx = 0;
    for (uint32_t h = 0; h <= TOP; h++)
        for (uint32_t t = 0; t < qc_block_n_tx(chain_at(c, h)); t++) {
            made *m = &c->tx[c->n_tx++];
            *m = (made){.b = chain_at(c, h), .tx = t, .height = h};
            memcpy(m->txid.b, qc_block_tx(m->b, t).rec->txid, 32);
        }
    qsort(c->tx, c->n_tx, sizeof *c->tx, by_txid);
}

static void chain_free(chain *c)
{
    for (size_t i = 0; i < c->n; i++)
        qc_block_unref(c->b[i]);
    qc_free(c->tx);
}

static qc_spent *find_spent(const chain *c, const qc_block *b)
{
    const qn_block_view *v = qc_block_view(b);
    qc_spent *s = qc_alloc(v->in.count * sizeof *s);
    for (uint32_t i = qc_block_tx(b, 0).rec->n_in; i < v->in.count; i++) {
        const qn_in_rec *in = qn_view_in(v, i);
        const made *m = bsearch(in->prev_txid, c->tx, c->n_tx, sizeof *m, by_txid);
        assert_non_null(m);
        qc_tx tx = qc_block_tx(m->b, m->tx);
        s[i] = (qc_spent){tx.out[in->prev_n].value, qc_tx_script(&tx, in->prev_n), m->height,
                          m->tx == 0};
    }
    return s;
}

/* SHA-256 of the undo data that Bitcoin Core wrote for blocks 1 to 184, in height order. */
#define UNDO_SHA "f44a52f2946d3ff0bff4019f71f5d0154866f7eaa212daadf4abd26dfdc5eda8"

static void test_undo__of_a_mixed_chain_equals_what_core_wrote(void **state)
{
    (void)state;
    chain c = {0};
    chain_load(&c, vectors_path("regtest-mixed/blocks.dat"));
    qc_sha256_ctx sha;
    qc_sha256_init(&sha);
    for (uint32_t h = 1; h <= TOP; h++) {
        const qc_block *b = chain_at(&c, h);
        qc_spent *s = find_spent(&c, b), *back;
        qc_bytes u = QC_BYTES_INIT, again = QC_BYTES_INIT, scripts;
        assert_int_equal(qc_undo_encode(b, s, &u), QC_OK);
        qc_sha256_update(&sha, u.data, u.len);
        assert_int_equal(qc_undo_decode(b, qc_bytes_span(&u), &back, &scripts), QC_OK);
        assert_int_equal(qc_undo_encode(b, back, &again), QC_OK);
        assert_true(qc_span_eq(qc_bytes_span(&u), qc_bytes_span(&again)));
        qc_free(s);
        qc_free(back);
        qc_bytes_free(&scripts);
        qc_bytes_free(&u);
        qc_bytes_free(&again);
    }
    uint8_t got[32];
    qc_sha256_final(&sha, got);
    qc_bytes want = hex_bytes(UNDO_SHA);
    assert_memory_equal(got, want.data, 32);
    qc_bytes_free(&want);
    chain_free(&c);
}

QC_TEST_MAIN_GROUP(
    quiet, NULL, cmocka_unit_test(test_compress__amounts_are_those_of_core),
    cmocka_unit_test(test_compress__six_kinds_of_scripts_have_a_form_of_their_own),
    cmocka_unit_test(test_compress__other_scripts_are_kept_whole),
    cmocka_unit_test(test_compress__round_trips_amounts),
    cmocka_unit_test(test_decompress__malformed_input_is_corrupt_with_a_reason),
    cmocka_unit_test(test_decompress__a_key_off_the_curve_is_corrupt),
    cmocka_unit_test(test_decompress__a_script_that_cannot_be_spent_becomes_op_return),
    cmocka_unit_test(test_coin__reads_and_writes_the_records_of_core),
    cmocka_unit_test(test_coin__every_prefix_of_a_record_is_corrupt),
    cmocka_unit_test(test_undo__is_coded_as_core_codes_it),
    cmocka_unit_test(test_undo__what_does_not_fit_the_block_is_corrupt),
    cmocka_unit_test(test_undo__a_transaction_version_of_old_files_is_passed_over),
    cmocka_unit_test(test_undo__survives_each_single_fault),
    cmocka_unit_test(test_undo__of_a_mixed_chain_equals_what_core_wrote))
