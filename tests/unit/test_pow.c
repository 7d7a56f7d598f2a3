#include "core/consensus/check.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

static void expect(bool ok, const qc_verdict *v, qc_vcode code, const char *reason)
{
    char text[QC_VERDICT_REASON_LEN + QC_VERDICT_DEBUG_LEN + 3];
    if (!reason) {
        if (!ok)
            fail_msg("rejected: %s", qc_verdict_text(v, text, sizeof text));
        return;
    }
    assert_false(ok);
    assert_string_equal(qc_verdict_text(v, text, sizeof text), reason);
    assert_int_equal(v->code, code);
}

/* A branch of which only few headers matter. */
typedef struct sparse {
    uint32_t first_height, first_time, first_bits;
    uint32_t last_height, last_time, last_bits;
} sparse;

static void sparse_get(void *arg, uint32_t height, uint32_t *time, uint32_t *bits, int32_t *version)
{
    const sparse *s = arg;
    assert_in_range(height, s->first_height, s->last_height);
    bool first = height == s->first_height;
    *time = first ? s->first_time : s->last_time;
    *bits = first ? s->first_bits : s->last_bits;
    *version = 4;
}

/* Steps of the main chain, from Core's pow_tests. */
static void test_next_bits__steps_of_the_main_chain(void **state)
{
    (void)state;
    static const struct {
        uint32_t first_time, last, last_time, bits, next;
    } c[] = {
        {1261130161, 32255, 1262152739, 0x1d00ffff, 0x1d00d86a},
        {1231006505, 2015, 1233061996, 0x1d00ffff, 0x1d00ffff},  /* not above the limit */
        {1279008237, 68543, 1279297671, 0x1c05a3f4, 0x1c0168fd}, /* a quarter */
        {1263163443, 46367, 1269211443, 0x1c387f6f, 0x1d00e1fd}, /* four times */
    };
    qc_params *p;
    assert_int_equal(qc_params_new(QC_CHAIN_MAIN, NULL, &p), QC_OK);
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        sparse s = {c[i].last - 2015, c[i].first_time, c[i].bits,
                    c[i].last,        c[i].last_time,  c[i].bits};
        qc_ancestors a = {&s, sparse_get};
        assert_int_equal(qc_next_bits(p, &a, c[i].last + 1, 0), c[i].next);
        assert_true(qc_permitted_transition(p, c[i].last + 1, c[i].bits, c[i].next));
        /* Within the period nothing changes. */
        s.last_height--;
        assert_int_equal(qc_next_bits(p, &a, c[i].last, 0), c[i].bits);
    }
    qc_params_free(p);
}

static void test_permitted_transition__bounds(void **state)
{
    (void)state;
    qc_params *p;
    assert_int_equal(qc_params_new(QC_CHAIN_MAIN, NULL, &p), QC_OK);
    assert_true(qc_permitted_transition(p, 68544, 0x1c05a3f4, 0x1c0168fd));
    assert_false(qc_permitted_transition(p, 68544, 0x1c05a3f4, 0x1c0168fd - 1));
    assert_true(qc_permitted_transition(p, 46368, 0x1c387f6f, 0x1d00e1fd));
    assert_false(qc_permitted_transition(p, 46368, 0x1c387f6f, 0x1d00e1fd + 1));
    assert_false(qc_permitted_transition(p, 46369, 0x1c387f6f, 0x1c387f6e));
    assert_true(qc_permitted_transition(p, 46369, 0x1c387f6f, 0x1c387f6f));
    qc_params_free(p);
    assert_int_equal(qc_params_new(QC_CHAIN_TESTNET3, NULL, &p), QC_OK);
    assert_true(qc_permitted_transition(p, 46369, 0x1c387f6f, 0x1d00ffff));
    qc_params_free(p);
}

/* Arrays of times and bits. */
typedef struct dense {
    uint32_t n;
    uint32_t time[4100], bits[4100];
} dense;

static void dense_get(void *arg, uint32_t height, uint32_t *time, uint32_t *bits, int32_t *version)
{
    const dense *d = arg;
    assert_true(height < d->n);
    *time = d->time[height];
    *bits = d->bits[height];
    *version = 4;
}

static dense *dense_new(uint32_t n, uint32_t bits)
{
    dense *d = calloc(1, sizeof *d);
    d->n = n;
    for (uint32_t i = 0; i < n; i++) {
        d->time[i] = 1700000000 + 600 * i;
        d->bits[i] = bits;
    }
    return d;
}

static void test_next_bits__twenty_minutes_on_testnet(void **state)
{
    (void)state;
    qc_params *p;
    assert_int_equal(qc_params_new(QC_CHAIN_TESTNET3, NULL, &p), QC_OK);
    dense *d = dense_new(100, 0x1c00ffff);
    qc_ancestors a = {d, dense_get};
    uint32_t last = d->time[99];
    assert_int_equal(qc_next_bits(p, &a, 100, last + 1200), 0x1c00ffff);
    assert_int_equal(qc_next_bits(p, &a, 100, last + 1201), 0x1d00ffff);
    assert_int_equal(qc_next_bits(p, &a, 100, last - 5000), 0x1c00ffff);
    /* Easy blocks are stepped over, back to the last real one ... */
    d->bits[99] = d->bits[98] = 0x1d00ffff;
    assert_int_equal(qc_next_bits(p, &a, 100, last + 1), 0x1c00ffff);
    free(d);
    /* ... but not beyond the start of the period. */
    d = dense_new(2020, 0x1c00ffff);
    a.arg = d;
    for (uint32_t i = 2016; i < 2020; i++)
        d->bits[i] = 0x1d00ffff;
    assert_int_equal(qc_next_bits(p, &a, 2020, d->time[2019] + 1), 0x1d00ffff);
    d->bits[2016] = 0x1c00fffe;
    assert_int_equal(qc_next_bits(p, &a, 2020, d->time[2019] + 1), 0x1c00fffe);
    free(d);
    qc_params_free(p);
}

static void test_next_bits__bip94_keeps_the_real_difficulty(void **state)
{
    (void)state;
    for (int bip94 = 0; bip94 < 2; bip94++) {
        qc_params *p;
        assert_int_equal(qc_params_new(bip94 ? QC_CHAIN_TESTNET4 : QC_CHAIN_TESTNET3, NULL, &p),
                         QC_OK);
        dense *d = dense_new(2016, 0x1b00ffff);
        qc_ancestors a = {d, dense_get};
        d->time[2015] = d->time[0] + 1209600; /* exactly two weeks: no change */
        d->bits[2015] = 0x1d00ffff;           /* the last one was an easy block */
        assert_int_equal(qc_next_bits(p, &a, 2016, 0), bip94 ? 0x1b00ffff : 0x1d00ffff);
        free(d);
        qc_params_free(p);
    }
}

static void test_next_bits__regtest_never_changes(void **state)
{
    (void)state;
    qc_params *p;
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, NULL, &p), QC_OK);
    dense *d = dense_new(288, 0x207fffff);
    qc_ancestors a = {d, dense_get};
    for (uint32_t h = 1; h <= 288; h++)
        assert_int_equal(qc_next_bits(p, &a, h, d->time[h - 1] + 9999), 0x207fffff);
    free(d);
    qc_params_free(p);
}

static void test_pow_ok__bits_and_hash(void **state)
{
    (void)state;
    qc_params *p;
    qc_hash h, over;
    assert_int_equal(qc_params_new(QC_CHAIN_MAIN, NULL, &p), QC_OK);
    assert_int_equal(
        qc_hash_parse("00000000ffff0000000000000000000000000000000000000000000000000000", &h),
        QC_OK);
    assert_int_equal(
        qc_hash_parse("00000000ffff0000000000000000000000000000000000000000000000000001", &over),
        QC_OK);
    assert_true(qc_pow_ok(p, &h, 0x1d00ffff)); /* equal is enough */
    assert_false(qc_pow_ok(p, &over, 0x1d00ffff));
    memset(&h, 0, sizeof h);
    h.b[0] = 1;
    assert_true(qc_pow_ok(p, &h, 0x1d00ffff));
    assert_true(qc_pow_ok(p, &h, 0x03000001));
    assert_false(qc_pow_ok(p, &h, 0x1d010000)); /* easier than the limit */
    assert_false(qc_pow_ok(p, &h, 0x1d80ffff)); /* negative */
    assert_false(qc_pow_ok(p, &h, 0));          /* zero */
    assert_false(qc_pow_ok(p, &h, 0xff123456)); /* overflow */
    qc_params_free(p);
}

static void test_median_time_past__eleven_or_fewer(void **state)
{
    (void)state;
    static const uint32_t time[] = {50, 10, 40, 20, 30, 90, 80, 70, 60, 100, 5, 200, 3};
    static const uint32_t want[] = {50, 50, 40, 40, 30, 40, 40, 50, 50, 60, 50, 60, 60};
    dense *d = dense_new(QC_COUNTOF(time), 0);
    memcpy(d->time, time, sizeof time);
    qc_ancestors a = {d, dense_get};
    for (uint32_t h = 0; h < QC_COUNTOF(time); h++)
        assert_int_equal(qc_median_time_past(&a, h), want[h]);
    free(d);
}

typedef struct header_case {
    tb_chain *c;
    tb_block *b;
} header_case;

static header_case header_setup(const qc_params_override *o)
{
    header_case h;
    h.c = tb_chain_new(QC_CHAIN_REGTEST, o);
    tb_chain_grow(h.c, 20, NULL);
    h.b = tb_chain_next(h.c, 0);
    return h;
}

static void header_expect(header_case *h, int64_t now, qc_vcode code, const char *reason)
{
    qc_verdict v = {0};
    qc_ancestors a = tb_chain_ancestors(h->c);
    bool ok = qc_check_header_context(h->c->params, &h->b->header, h->b->height, &a, now, &v);
    expect(ok, &v, code, reason);
}

static void header_teardown(header_case *h)
{
    tb_block_free(h->b);
    tb_chain_free(h->c);
}

static void test_check_header__proof_of_work(void **state)
{
    (void)state;
    header_case h = header_setup(NULL);
    for (int meet = 0; meet < 2; meet++) {
        qc_verdict v = {0};
        tb_block_mine(h.b, h.c->params, meet);
        qc_hash hash = tb_block_hash(h.b);
        bool ok = qc_check_header(h.c->params, &h.b->header, &hash, &v);
        expect(ok, &v, QC_V_INVALID_HEADER, meet ? NULL : "high-hash, proof of work failed");
    }
    header_teardown(&h);
}

static void test_check_header_context__bits(void **state)
{
    (void)state;
    header_case h = header_setup(NULL);
    int64_t now = h.b->header.time;
    header_expect(&h, now, QC_V_OK, NULL);
    h.b->header.bits--;
    header_expect(&h, now, QC_V_INVALID_HEADER, "bad-diffbits, incorrect proof of work");
    header_teardown(&h);
}

static void test_check_header_context__time(void **state)
{
    (void)state;
    header_case h = header_setup(NULL);
    uint32_t mtp = tb_chain_mtp(h.c, 20);
    h.b->header.time = mtp + 1;
    header_expect(&h, mtp, QC_V_OK, NULL);
    h.b->header.time = mtp;
    header_expect(&h, mtp, QC_V_INVALID_HEADER, "time-too-old, block's timestamp is too early");
    h.b->header.time = mtp + 7300;
    header_expect(&h, mtp + 100, QC_V_OK, NULL);
    header_expect(&h, mtp + 99, QC_V_TIME_FUTURE,
                  "time-too-new, block timestamp too far in the future");
    header_teardown(&h);
}

static void test_check_header_context__versions(void **state)
{
    (void)state;
    /* Each deployment alone raises the lowest version. */
    static const struct {
        qc_deployment d;
        int32_t lowest;
    } c[] = {{QC_DEP_BIP34, 2}, {QC_DEP_BIP66, 3}, {QC_DEP_BIP65, 4}};
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_params_override o = {0};
        for (size_t k = 0; k < QC_COUNTOF(c); k++) {
            o.has_dep_height[c[k].d] = true;
            o.dep_height[c[k].d] = k == i ? 21 : 22;
        }
        header_case h = header_setup(&o);
        int64_t now = h.b->header.time;
        char reason[80];
        h.b->header.version = c[i].lowest;
        header_expect(&h, now, QC_V_OK, NULL);
        h.b->header.version = c[i].lowest - 1;
        snprintf(reason, sizeof reason, "bad-version(0x%08x), rejected nVersion=0x%08x block",
                 (unsigned)c[i].lowest - 1, (unsigned)c[i].lowest - 1);
        header_expect(&h, now, QC_V_INVALID_HEADER, reason);
        h.b->header.version = -1; /* versions are signed */
        header_expect(&h, now, QC_V_INVALID_HEADER,
                      "bad-version(0xffffffff), rejected nVersion=0xffffffff block");
        header_teardown(&h);
    }
    header_case h = header_setup(
        &(qc_params_override){.has_dep_height = {true, true, true}, .dep_height = {22, 22, 22}});
    h.b->header.version = 1;
    header_expect(&h, h.b->header.time, QC_V_OK, NULL);
    header_teardown(&h);
}

static void test_check_header_context__timewarp(void **state)
{
    (void)state;
    for (int bip94 = 0; bip94 < 2; bip94++) {
        qc_params_override o = {.bip94 = bip94};
        tb_chain *c = tb_chain_new(QC_CHAIN_REGTEST, &o);
        tb_chain_grow(c, 143, NULL); /* regtest's period is 144 */
        header_case h = {c, tb_chain_next(c, 0)};
        uint32_t prev = c->header[143].time;
        h.b->header.time = prev - 600;
        header_expect(&h, prev, QC_V_OK, NULL);
        h.b->header.time = prev - 601;
        header_expect(&h, prev, QC_V_INVALID_HEADER,
                      bip94 ? "time-timewarp-attack, block's timestamp is too early on diff "
                              "adjustment block"
                            : NULL);
        tb_chain_cut(c, 142); /* not the first of a period: allowed */
        h.b->height = 143;
        h.b->header.time = c->header[142].time - 2000;
        header_expect(&h, prev, QC_V_OK, NULL);
        header_teardown(&h);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_next_bits__steps_of_the_main_chain),
             cmocka_unit_test(test_permitted_transition__bounds),
             cmocka_unit_test(test_next_bits__twenty_minutes_on_testnet),
             cmocka_unit_test(test_next_bits__bip94_keeps_the_real_difficulty),
             cmocka_unit_test(test_next_bits__regtest_never_changes),
             cmocka_unit_test(test_pow_ok__bits_and_hash),
             cmocka_unit_test(test_median_time_past__eleven_or_fewer),
             cmocka_unit_test(test_check_header__proof_of_work),
             cmocka_unit_test(test_check_header_context__bits),
             cmocka_unit_test(test_check_header_context__time),
             cmocka_unit_test(test_check_header_context__versions),
             cmocka_unit_test(test_check_header_context__timewarp))
