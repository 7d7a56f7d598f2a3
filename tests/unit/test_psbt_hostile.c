/* PSBTs that are made to take long: what they cost grows with their size, not with its square. Each
 * of these took minutes, or all memory, when it did. */
#include "lib/psbt_sign.h"
#include "tests/unit/harness.h"

#include "lib/hash.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define SECONDS 30 /* of processor time: a hundred times what it takes */

/* One input, which spends this script. */
static qn_psbt *spending(const uint8_t *script, size_t len)
{
    static const uint8_t TXID[32] = {1};
    const qn_psbt_in in = {.txid = TXID, .has_sequence = true};
    qn_psbt *p = qn_psbt_new_of(2, 2, 0, &in, 1, NULL, 0);
    uint8_t coin[64] = {1, [8] = (uint8_t)len};
    assert_non_null(p);
    memcpy(coin + 9, script, len);
    assert_true(qn_psbt_put(p, &p->in[0].map, QN_PSBT_IN_COIN, NULL, 0, coin, 9 + len));
    return p;
}

static qn_psbt *of_taproot(void)
{
    static const uint8_t SCRIPT[34] = {0x51, 32, 1};
    return spending(SCRIPT, sizeof SCRIPT);
}

static void put(qn_psbt *p, uint8_t type, const void *data, size_t data_len, const void *value,
                size_t value_len)
{
    assert_true(qn_psbt_put(p, &p->in[0].map, type, data, data_len, value, value_len));
}

/* A leaf of its own for each number. */
static void put_leaf(qn_psbt *p, uint32_t number, const uint8_t *script, size_t len)
{
    uint8_t control[33] = {0xc0}, value[128];
    memcpy(control + 1, &number, sizeof number);
    assert_true(len < sizeof value);
    memcpy(value, script, len);
    value[len] = 0xc0;
    put(p, QN_PSBT_IN_TAP_LEAF, control, sizeof control, value, len + 1);
}

static bool believe(void *arg, size_t in, qn_psbt_bytes sig, qn_psbt_bytes wit)
{
    (void)arg;
    (void)in;
    return sig.len || wit.len;
}

static size_t sign_all(void *arg, size_t in, const uint8_t *x, const uint8_t *leaf,
                       const uint8_t *root, uint8_t *out)
{
    (void)arg;
    (void)in;
    (void)x;
    (void)root;
    memset(out, 1, 64);
    return leaf ? 64 : 0;
}

static bool one_origin(void *arg, qn_psbt_bytes key, qn_psbt_bytes *out)
{
    (void)arg;
    (void)key;
    *out = (qn_psbt_bytes){(const uint8_t *)"ROOT", 4};
    return true;
}

static void in_time(clock_t since)
{
    assert_true((clock() - since) / CLOCKS_PER_SEC < SECONDS);
}

static void test_sign__takes_many_leaves_with_one_key(void **state)
{
    (void)state;
    enum { LEAVES = 12000 };
    const qn_psbt_helper h = {.schnorr = sign_all, .verify = believe, .origin = one_origin};
    const clock_t since = clock();
    qn_psbt *p = of_taproot();
    for (uint32_t i = 0; i < LEAVES; i++) { /* [i] CLTV VERIFY key CHECKSIG */
        uint8_t script[41] = {4, [1] = 0, [5] = 0xb1, [6] = 0x69, [7] = 32, [40] = 0xac};
        const uint32_t at = 0x01000000 + i;
        memcpy(script + 1, &at, 4);
        put_leaf(p, i, script, sizeof script);
    }
    p->in[0].sequence = 0;
    assert_int_equal(qn_psbt_sign(p, 0, &h, -1, false, NULL), QN_PSBT_SIGN_INCOMPLETE);
    size_t sigs = 0;
    for (size_t i = 0; i < p->in[0].map.n; i++)
        sigs += p->in[0].map.record[i].type == QN_PSBT_IN_TAP_SCRIPT_SIG;
    assert_int_equal(sigs, LEAVES);
    static const uint8_t KEY[33] = {QN_PSBT_IN_TAP_ORIGIN};
    const qn_psbt_record *r = qn_psbt_find(&p->in[0].map, KEY, sizeof KEY);
    assert_non_null(r); /* all its leaves, in order, and where it comes from */
    assert_int_equal(r->value.len, 3 + 32 * LEAVES + 4);
    for (size_t i = 1; i < LEAVES; i++)
        assert_true(memcmp(r->value.data + 3 + 32 * (i - 1), r->value.data + 3 + 32 * i, 32) < 0);
    assert_memory_equal(r->value.data + 3 + 32 * LEAVES, "ROOT", 4);
    in_time(since);
    qn_psbt_free(p);
}

static void test_sign__looks_many_keys_up(void **state)
{
    (void)state;
    enum { ORIGINS = 20000, HASHES = 9000 };
    const qn_psbt_helper h = {.verify = believe};
    const clock_t since = clock();
    qn_psbt *p = of_taproot();
    for (uint32_t i = 0; i < ORIGINS; i++) {
        uint8_t key[32] = {0};
        memcpy(key, &i, sizeof i);
        put(p, QN_PSBT_IN_TAP_ORIGIN, key, sizeof key, "\0ROOT", 5);
    }
    for (uint32_t i = 0; i < HASHES; i++) { /* DUP HASH160 [i] EQUALVERIFY CHECKSIG */
        uint8_t script[25] = {0x76, 0xa9, 20, [23] = 0x88, [24] = 0xac};
        memcpy(script + 3, &i, sizeof i);
        put_leaf(p, i, script, sizeof script);
    }
    qn_psbt_missing m;
    assert_int_equal(qn_psbt_sign(p, 0, &h, -1, true, &m), QN_PSBT_SIGN_INCOMPLETE);
    assert_int_equal(m.n_keys, HASHES);
    in_time(since);
    qn_psbt_missing_clear(&m);
    qn_psbt_free(p);
}

static void test_sign__leaves_out_what_is_no_preimage(void **state)
{
    (void)state;
    enum { LEAVES = 100, SIZE = 1000000 };
    const qn_psbt_helper h = {.schnorr = sign_all, .verify = believe};
    struct rusage before, after;
    uint8_t *x = calloc(1, SIZE), hash[32] = {7};
    assert_non_null(x);
    qn_psbt *p = of_taproot();
    put(p, QN_PSBT_IN_SHA256, hash, sizeof hash, x, SIZE);
    for (uint32_t i = 0; i < LEAVES; i++) {
        /* key CHECKSIGVERIFY SIZE 32 EQUALVERIFY SHA256 hash EQUAL */
        uint8_t script[73] = {32,          [33] = 0xad, [34] = 0x82, [35] = 1, [36] = 32,
                              [37] = 0x88, [38] = 0xa8, [39] = 32,   [40] = 7, [72] = 0x87};
        memcpy(script + 1, &i, sizeof i);
        put_leaf(p, i, script, sizeof script);
    }
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(qn_psbt_sign(p, 0, &h, -1, false, NULL), QN_PSBT_SIGN_INCOMPLETE);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024); /* KiB; it was a GiB and a half */
    put(p, QN_PSBT_IN_SHA256, hash, sizeof hash, x, 32);         /* another value */
    assert_int_equal(qn_psbt_sign(p, 0, &h, -1, false, NULL), QN_PSBT_SIGN_INCOMPLETE);
    qn_sha256(x, 32, hash);
    put(p, QN_PSBT_IN_SHA256, hash, sizeof hash, x, 32);
    uint8_t script[73] = {32,          [33] = 0xad, [34] = 0x82, [35] = 1,   [36] = 32,
                          [37] = 0x88, [38] = 0xa8, [39] = 32,   [72] = 0x87};
    memcpy(script + 40, hash, sizeof hash);
    put_leaf(p, LEAVES, script, sizeof script);
    assert_int_equal(qn_psbt_sign(p, 0, &h, -1, true, NULL), QN_PSBT_SIGN_DONE);
    assert_true(qn_psbt_value(&p->in[0].map, QN_PSBT_IN_FINAL_WITNESS).len < 300);
    qn_psbt_free(p);
    free(x);
}

/* thresh() of 2,000, ten times. */
static void test_sign__chooses_among_many(void **state)
{
    (void)state;
    enum { SUBS = 2000, TIMES = 10 };
    static const uint8_t FIRST[] = {0x63, 0, 0x67, 0x51, 0x68}, /* IF 0 ELSE 1 ENDIF */
        NEXT[] = {0x6b, 0x63, 0, 0x67, 0x51, 0x68, 0x6c, 0x93}, /* TOALTSTACK ... ADD */
        END[] = {2, SUBS / 2 & 0xff, SUBS / 2 >> 8, 0x88};      /* [1000] EQUALVERIFY */
    const qn_psbt_helper h = {.verify = believe};
    const size_t one = sizeof FIRST + (SUBS - 1) * sizeof NEXT + sizeof END, len = TIMES * one + 1;
    uint8_t *leaf = malloc(len + 1), *at = leaf, control[33] = {0xc0};
    struct rusage before, after;
    assert_non_null(leaf);
    for (int i = 0; i < TIMES; i++) {
        memcpy(at, FIRST, sizeof FIRST);
        at += sizeof FIRST;
        for (int k = 1; k < SUBS; k++, at += sizeof NEXT)
            memcpy(at, NEXT, sizeof NEXT);
        memcpy(at, END, sizeof END);
        at += sizeof END;
    }
    *at++ = 0x51;
    *at = 0xc0;
    qn_psbt *p = of_taproot();
    put(p, QN_PSBT_IN_TAP_LEAF, control, sizeof control, leaf, len + 1);
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(qn_psbt_sign(p, 0, &h, -1, true, NULL), QN_PSBT_SIGN_INCOMPLETE);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 256 * 1024); /* KiB; it was 640 MiB */
    qn_psbt_free(p);
    free(leaf);
}

/* ---- what is changed stays in order ---- */

static void test_put__keeps_the_order_of_writing(void **state)
{
    (void)state;
    qn_psbt *p = of_taproot();
    uint8_t key[33] = {0xc0};
    for (int i = 0; i < 200; i++) { /* of leaves the value comes first in it */
        uint8_t value[3] = {(uint8_t)(i * 77), (uint8_t)(i * 13), 0xc0};
        key[1] = (uint8_t)(i * 41 % 50);
        put(p, QN_PSBT_IN_TAP_LEAF, key, sizeof key, value, sizeof value);
        put(p, (uint8_t)(i % 2 ? QN_PSBT_IN_SHA256 : QN_PSBT_IN_HASH256), key, 32, value, 1);
        put(p, 0xee, value, 2, NULL, 0);
    }
    const qn_psbt_map *m = &p->in[0].map;
    size_t leaves = 0;
    for (size_t i = 0; i < m->n; i++) {
        const qn_psbt_record *r = &m->record[i];
        assert_ptr_equal(qn_psbt_find(m, r->key.data, r->key.len), r);
        if (r->type != QN_PSBT_IN_TAP_LEAF || leaves++ == 0)
            continue;
        assert_int_equal(r[-1].type, QN_PSBT_IN_TAP_LEAF);
        assert_true(memcmp(r[-1].value.data, r->value.data, 3) <= 0);
    }
    assert_int_equal(leaves, 50);
    qn_psbt_free(p);
}

QC_TEST_MAIN(cmocka_unit_test(test_sign__takes_many_leaves_with_one_key),
             cmocka_unit_test(test_sign__looks_many_keys_up),
             cmocka_unit_test(test_sign__leaves_out_what_is_no_preimage),
             cmocka_unit_test(test_sign__chooses_among_many),
             cmocka_unit_test(test_put__keeps_the_order_of_writing))
