/* Proofs of leaves of a merkle tree: what is written is read back, and nothing else holds. */
#include "core/btc/merkleproof.h"

#include "core/btc/merkle.h"
#include "tests/unit/harness.h"

#define MAX 40

static qc_hash LEAF[MAX];

static void make_leaves(void)
{
    for (uint32_t i = 0; i < MAX; i++) {
        memset(LEAF[i].b, (int)(i + 1), sizeof LEAF[i].b);
        LEAF[i].b[0] = (uint8_t)(7 * i);
    }
}

static qc_hash root_of(uint32_t n)
{
    qc_hash copy[MAX];
    memcpy(copy, LEAF, n * sizeof *copy);
    return qc_merkle_root(copy, n, NULL);
}

static qc_bytes proof_of(uint32_t n, uint64_t set)
{
    bool match[MAX];
    qc_bytes b = QC_BYTES_INIT;
    for (uint32_t i = 0; i < n; i++)
        match[i] = set >> i & 1;
    assert_int_equal(qc_merkle_proof_write(&b, LEAF, match, n), QC_OK);
    return b;
}

static qc_wire_fail read(qc_span s, qc_merkle_proof *p, size_t *left)
{
    qc_reader r = qc_reader_of(s);
    qc_merkle_proof_read(&r, p);
    *left = r.fail ? 0 : qc_reader_left(&r);
    return r.fail;
}

static void check(uint32_t n, uint64_t set)
{
    qc_bytes b = proof_of(n, set);
    qc_merkle_proof p;
    size_t left, k = 0;
    qc_hash root = root_of(n);
    assert_int_equal(read(qc_bytes_span(&b), &p, &left), QC_WIRE_OK);
    assert_true(p.holds && p.n == n && left == 0);
    assert_memory_equal(p.root.b, root.b, 32);
    for (uint32_t i = 0; i < n; i++)
        if (set >> i & 1)
            assert_memory_equal(p.match[k++].b, LEAF[i].b, 32);
    assert_int_equal(p.n_match, k);
    qc_merkle_proof_clear(&p);
    qc_bytes_free(&b);
}

static void test_read__gives_back_what_was_written(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (uint32_t n = 1; n <= MAX; n++) {
        check(n, 0);
        check(n, (UINT64_C(1) << n) - 1);
        for (uint32_t i = 0; i < n; i++)
            check(n, UINT64_C(1) << i);
        for (int i = 0; i < 20; i++)
            check(n, test_rand(&seed) & ((UINT64_C(1) << n) - 1));
    }
}

static void test_read__every_cut_is_the_end_of_the_data(void **state)
{
    (void)state;
    qc_bytes b = proof_of(9, 0x12);
    for (size_t i = 0; i < b.len; i++) {
        qc_merkle_proof p;
        size_t left;
        assert_int_not_equal(read(qc_span_of(b.data, i), &p, &left), QC_WIRE_OK);
        assert_true(!p.holds && !p.match && p.n == 0);
    }
    qc_bytes_free(&b);
}

/* A changed byte changes the root or the matches, or does not hold; padding bits are the exception
 * (Core does not look at them either). */
static void test_read__no_changed_byte_goes_unseen(void **state)
{
    (void)state;
    qc_bytes b = proof_of(9, 0x12);
    qc_hash root = root_of(9);
    size_t seen = 0;
    for (size_t i = 0; i < b.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            qc_merkle_proof p;
            size_t left;
            b.data[i] ^= (uint8_t)(1 << bit);
            bool same = read(qc_bytes_span(&b), &p, &left) == QC_WIRE_OK && p.holds && p.n == 9 &&
                        left == 0 && qc_hash_eq(&p.root, &root) && p.n_match == 2 &&
                        qc_hash_eq(&p.match[0], &LEAF[1]) && qc_hash_eq(&p.match[1], &LEAF[4]);
            assert_true(!same || i == b.len - 1);
            seen += !same;
            qc_merkle_proof_clear(&p);
            b.data[i] ^= (uint8_t)(1 << bit);
        }
    assert_true(seen > 8 * (b.len - 2));
    qc_bytes_free(&b);
}

/* n, hashes, bits: by hand. */
static bool holds(uint32_t n, size_t n_hashes, const qc_hash *hash, qc_span bits)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_merkle_proof p;
    size_t left;
    assert_int_equal(qc_w_le32(&b, n), QC_OK);
    assert_int_equal(qc_w_compact(&b, n_hashes), QC_OK);
    assert_int_equal(qc_bytes_append(&b, hash, n_hashes * sizeof *hash), QC_OK);
    assert_int_equal(qc_w_var(&b, bits), QC_OK);
    assert_int_equal(read(qc_bytes_span(&b), &p, &left), QC_WIRE_OK);
    bool ok = p.holds;
    qc_merkle_proof_clear(&p);
    qc_bytes_free(&b);
    return ok;
}

static void test_read__sizes_must_fit(void **state)
{
    (void)state;
    static const uint8_t ONE[] = {1}, TWO[] = {1, 0}, ALL[] = {7}, NONE[] = {0};
    const qc_span one = {ONE, 1}, two = {TWO, 2}, all = {ALL, 1}, none = {NONE, 1};
    assert_true(holds(1, 1, LEAF, one));
    assert_true(holds(2, 1, LEAF, none));
    assert_false(holds(0, 0, LEAF, one));               /* no leaves */
    assert_false(holds(1, 0, LEAF, one));               /* no hash */
    assert_false(holds(1, 2, LEAF, one));               /* more hashes than leaves */
    assert_false(holds(2, 2, LEAF, none));              /* a hash left over */
    assert_false(holds(1, 1, LEAF, two));               /* bits left over */
    assert_false(holds(2, 1, LEAF, (qc_span){ONE, 0})); /* no bits */
    assert_true(holds(2, 2, LEAF, all));
    assert_true(holds(QC_MERKLE_PROOF_MAX, 1, LEAF, none));
    assert_false(holds(QC_MERKLE_PROOF_MAX + 1, 1, LEAF, none));
    qc_hash twins[2] = {LEAF[3], LEAF[3]};
    assert_false(holds(2, 2, twins, all)); /* two ways to tell one tree */
}

static void test_read__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    qc_bytes b = proof_of(9, 0x12);
    FOR_EACH_FAULT (runs) {
        qc_merkle_proof p;
        size_t left;
        qc_wire_fail fail = read(qc_bytes_span(&b), &p, &left);
        assert_int_equal(fail, fault_was_hit() ? QC_WIRE_NOMEM : QC_WIRE_OK);
        assert_int_equal(p.holds, !fail);
        qc_merkle_proof_clear(&p);
    }
    assert_int_equal(runs, 2);
    qc_bytes_free(&b);
}

static int setup(void **state)
{
    (void)state;
    make_leaves();
    return 0;
}

QC_TEST_MAIN_GROUP(setup, NULL, cmocka_unit_test(test_read__gives_back_what_was_written),
                   cmocka_unit_test(test_read__every_cut_is_the_end_of_the_data),
                   cmocka_unit_test(test_read__no_changed_byte_goes_unseen),
                   cmocka_unit_test(test_read__sizes_must_fit),
                   cmocka_unit_test(test_read__survives_each_single_fault))
