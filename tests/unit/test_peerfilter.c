/* Bloom filters of peers, and what they leave of a block. */
#include "core/sync/peerfilter.h"

#include "core/btc/merkleproof.h"
#include "core/crypto/sha256.h"
#include "core/net/bloom.h"
#include "tests/unit/harness.h"

static qc_peer_filter *loaded(const char *hex)
{
    qc_bytes b = hex_bytes(hex);
    qc_peer_filter *f = NULL;
    bool too_large = true;
    assert_int_equal(qc_peer_filter_read(qc_bytes_span(&b), &f, &too_large), QC_WIRE_OK);
    assert_false(too_large);
    qc_bytes_free(&b);
    return f;
}

static void add_hex(qc_peer_filter *f, const char *hex)
{
    qc_bytes b = hex_bytes(hex);
    qc_peer_filter_add(f, qc_bytes_span(&b));
    qc_bytes_free(&b);
}

static bool has_hex(const qc_peer_filter *f, const char *hex)
{
    qc_bytes b = hex_bytes(hex);
    bool has = qc_peer_filter_has(f, qc_bytes_span(&b));
    qc_bytes_free(&b);
    return has;
}

/* The example of BIP37, and the same with a tweak (Core test/bloom_tests.cpp). */
static void test_add__sets_the_bits_that_everybody_sets(void **state)
{
    static const struct {
        const char *empty, *full;
    } CASE[] = {{"03000000050000000000000001", "614e9b"}, {"03000000050000000100008001", "ce4299"}};
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        qc_peer_filter *f = loaded(CASE[i].empty);
        qc_bytes want = hex_bytes(CASE[i].full);
        assert_false(has_hex(f, "99108ad8ed9bb6274d3980bab5a85c048f0950c8"));
        add_hex(f, "99108ad8ed9bb6274d3980bab5a85c048f0950c8");
        assert_true(has_hex(f, "99108ad8ed9bb6274d3980bab5a85c048f0950c8"));
        assert_false(has_hex(f, "19108ad8ed9bb6274d3980bab5a85c048f0950c8"));
        add_hex(f, "b5a2c786d9ef4658287ced5914b37a1b4aa32eee");
        add_hex(f, "b9300670b4c5366e95b2699e8b18bc75e5f729c5");
        assert_int_equal(f->bits.len, 3);
        assert_memory_equal(f->bits.data, want.data, 3);
        qc_bytes_free(&want);
        qc_peer_filter_free(f);
    }
}

static void test_read__knows_the_limits(void **state)
{
    qc_bytes b = QC_BYTES_INIT;
    static const uint8_t zero[36001];
    qc_peer_filter *f = NULL;
    bool too_large;
    (void)state;
    for (unsigned more = 0; more < 2; more++) { /* bytes */
        b.len = 0;
        assert_int_equal(qc_w_var(&b, qc_span_of(zero, 36000 + more)), QC_OK);
        assert_int_equal(qc_bytes_append(&b, "\x32\0\0\0\0\0\0\0\0", 9), QC_OK);
        assert_int_equal(qc_peer_filter_read(qc_bytes_span(&b), &f, &too_large), QC_WIRE_OK);
        assert_int_equal(too_large, more);
    }
    qc_peer_filter_free(f);
    qc_bytes_free(&b);
    b = hex_bytes("0100330000000000000000"); /* 51 functions */
    assert_int_equal(qc_peer_filter_read(qc_bytes_span(&b), &f, &too_large), QC_WIRE_OK);
    assert_true(too_large);
    for (size_t n = 0; n < b.len; n++)
        assert_int_not_equal(qc_peer_filter_read(qc_span_of(b.data, n), &f, &too_large),
                             QC_WIRE_OK);
    qc_bytes_free(&b);
}

/* CVE-2013-5700: no bits. */
static void test_match__everything_when_the_filter_is_empty(void **state)
{
    qc_peer_filter *f = loaded("00010000000000000000");
    (void)state;
    add_hex(f, "00");
    assert_true(has_hex(f, "1234"));
    qc_peer_filter_free(f);
}

/* One input that pushes aabb; outputs that pay to a key, to two of three keys, and to a hash. */
static const char TX[] =
    "01000000011111111111111111111111111111111111111111111111111111111111111111070000000302aabb"
    "ffffffff03"
    "01000000000000002321022222222222222222222222222222222222222222222222222222222222222222ac"
    "020000000000000069522102444444444444444444444444444444444444444444444444444444444444444421"
    "025555555555555555555555555555555555555555555555555555555555555555"
    "2102666666666666666666666666666666666666666666666666666666666666666653ae"
    "03000000000000001976a914777777777777777777777777777777777777777788ac"
    "00000000";

/* Out: the outpoints 0, 1, 2 that the filter knows after it matched by `element`, as bits. */
static unsigned known_after(const char *element, unsigned flags, bool *matched)
{
    qc_peer_filter *f = loaded("14"
                               "0000000000000000000000000000000000000000"
                               "0500000000000000"
                               "00");
    qc_bytes raw = hex_bytes(TX), e = hex_bytes(element);
    qc_txbuf tx;
    uint8_t point[36] = {0};
    unsigned known = 0;
    f->flags = (uint8_t)flags;
    assert_int_equal(qc_tx_parse(qc_bytes_span(&raw), true, &tx), QC_WIRE_OK);
    qc_peer_filter_add(f, qc_bytes_span(&e));
    *matched = qc_peer_filter_match(f, &tx.tx);
    memcpy(point, tx.tx.rec->txid, 32);
    for (unsigned n = 0; n < 3; n++) {
        point[32] = (uint8_t)n;
        known |= (unsigned)qc_peer_filter_has(f, qc_span_of(point, sizeof point)) << n;
    }
    qc_txbuf_clear(&tx);
    qc_bytes_free(&raw);
    qc_bytes_free(&e);
    qc_peer_filter_free(f);
    return known;
}

static void test_match__each_way_and_what_it_adds(void **state)
{
    static const char KEY[] = "022222222222222222222222222222222222222222222222222222222222222222";
    static const char MULTI[] =
        "025555555555555555555555555555555555555555555555555555555555555555";
    static const char HASH[] = "7777777777777777777777777777777777777777";
    bool matched;
    (void)state;
    assert_int_equal(known_after(KEY, 0, &matched), 0);
    assert_true(matched);
    assert_int_equal(known_after(KEY, 1, &matched), 1);
    assert_int_equal(known_after(KEY, 2, &matched), 1);
    assert_int_equal(known_after(MULTI, 1, &matched), 2);
    assert_int_equal(known_after(MULTI, 2, &matched), 2);
    assert_true(matched);
    assert_int_equal(known_after(HASH, 1, &matched), 4);
    assert_int_equal(known_after(HASH, 2, &matched), 0); /* a hash is found again by the key */
    assert_true(matched);
    known_after("aabb", 1, &matched); /* what the input pushes */
    assert_true(matched);
    known_after("111111111111111111111111111111111111111111111111111111111111111107000000", 1,
                &matched); /* what it spends */
    assert_true(matched);
    known_after("aabc", 1, &matched);
    assert_false(matched);
}

/* ---- merkle proofs ---- */

typedef struct proof {
    qc_reader r;
    uint32_t n;
    const qc_hash *hash;
    const uint8_t *bits;
    size_t at_hash, n_hash, at_bit, n_bits;
    const qc_hash *leaf;
    const bool *match;
} proof;

static qc_hash walk(proof *p, unsigned level, size_t at)
{
    size_t width = (p->n + ((size_t)1 << level) - 1) >> level;
    assert_true(at < width && p->at_bit < p->n_bits);
    bool below = p->bits[p->at_bit / 8] >> p->at_bit % 8 & 1;
    p->at_bit++;
    if (!below || level == 0) {
        assert_true(p->at_hash < p->n_hash);
        if (level == 0) {
            assert_int_equal(below, p->match[at]);
            assert_true(qc_hash_eq(&p->hash[p->at_hash], &p->leaf[at]));
        }
        return p->hash[p->at_hash++];
    }
    qc_hash pair[2];
    size_t next = (p->n + ((size_t)1 << (level - 1)) - 1) >> (level - 1);
    pair[0] = walk(p, level - 1, 2 * at);
    pair[1] = 2 * at + 1 < next ? walk(p, level - 1, 2 * at + 1) : pair[0];
    qc_sha256d64_many(pair[0].b, pair->b, 1);
    return pair[0];
}

static void check_proof(const qc_hash *leaf, const bool *match, uint32_t n, const qc_hash *root)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_merkle_proof_write(&b, leaf, match, n), QC_OK);
    qc_reader r = qc_reader_of(qc_bytes_span(&b));
    proof p = {.n = qc_r_le32(&r), .leaf = leaf, .match = match};
    unsigned top = 0;
    p.n_hash = (size_t)qc_r_compact(&r);
    p.hash = (const void *)qc_r_span(&r, p.n_hash * sizeof(qc_hash)).data;
    qc_span bits = qc_r_var(&r);
    p.bits = bits.data;
    p.n_bits = 8 * bits.len;
    assert_true(!r.fail && qc_reader_left(&r) == 0 && p.n == n);
    while (((n + ((size_t)1 << top) - 1) >> top) > 1)
        top++;
    qc_hash got = walk(&p, top, 0);
    assert_true(qc_hash_eq(&got, root));
    assert_int_equal(p.at_hash, p.n_hash);
    assert_true(p.n_bits - p.at_bit < 8);
    qc_bytes_free(&b);
}

static void test_merkle_proof__proves_what_matches(void **state)
{
    qc_hash leaf[40], copy[40];
    bool match[40];
    uint64_t seed = 7;
    (void)state;
    for (uint32_t n = 1; n <= 40; n++)
        for (unsigned round = 0; round < 12; round++) {
            for (uint32_t i = 0; i < n; i++) {
                uint64_t x = test_rand(&seed);
                qc_sha256(qc_span_of(&x, sizeof x), leaf[i].b);
                match[i] = round == 0 ? false : round == 1 ? true : x % round == 0;
            }
            memcpy(copy, leaf, sizeof copy);
            qc_hash root = qc_merkle_root(copy, n, NULL);
            check_proof(leaf, match, n, &root);
        }
}

QC_TEST_MAIN(cmocka_unit_test(test_add__sets_the_bits_that_everybody_sets),
             cmocka_unit_test(test_read__knows_the_limits),
             cmocka_unit_test(test_match__everything_when_the_filter_is_empty),
             cmocka_unit_test(test_match__each_way_and_what_it_adds),
             cmocka_unit_test(test_merkle_proof__proves_what_matches))
