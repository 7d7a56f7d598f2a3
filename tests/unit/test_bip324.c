/* The ciphers of v2 connections. The published packets are in tests/vectors; these hold without. */
#include "core/crypto/bip324.h"

#include "tests/unit/harness.h"

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda}, SECRET[32] = {1, 2, 3};
static const qc_span NOTHING = {NULL, 0};

/* RFC 8439, 2.8.2, with the nonce 07000000 4041424344454647 as our two counters. */
static void test_aead__is_that_of_rfc_8439(void **state)
{
    char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
                  "the future, sunscreen would be it.";
    uint8_t tag[QC_TAG_LEN], *data = (uint8_t *)text;
    size_t len = strlen(text);
    (void)state;
    qc_bytes key = hex_bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    qc_bytes aad = hex_bytes("50515253c0c1c2c3c4c5c6c7");
    qc_bytes start = hex_bytes("d31a8d34648e60db7b86afbc53ef7ec2");
    qc_bytes want = hex_bytes("1ae10b594f09e26a7e902ecbd0600691");
    qc_fsaead c;
    qc_fsaead_init(&c, key.data);
    c.used = 7;
    c.epoch = UINT64_C(0x4746454443424140);
    qc_fsaead_encrypt(&c, qc_bytes_span(&aad), data, len, tag);
    assert_memory_equal(data, start.data, start.len);
    assert_memory_equal(tag, want.data, sizeof tag);
    qc_bytes_free(&key);
    qc_bytes_free(&aad);
    qc_bytes_free(&start);
    qc_bytes_free(&want);
}

static void pair(qc_bip324 *a, qc_bip324 *b)
{
    qc_bip324_init(a, SECRET, MAGIC, true);
    qc_bip324_init(b, SECRET, MAGIC, false);
}

static void test_pair__thousands_of_packets_over_many_keys(void **state)
{
    qc_bip324 a, b;
    uint8_t packet[300 + QC_BIP324_EXPANSION];
    (void)state;
    pair(&a, &b);
    for (size_t i = 0; i < 3000; i++) {
        size_t len = i % 300;
        bool decoy = i % 7 == 0, got = !decoy;
        qc_span aad = qc_span_of("associated", i % 11);
        memset(packet + QC_BIP324_HEAD, (int)i, len);
        qc_bip324_seal(&a, packet, len, aad, decoy);
        assert_int_equal(qc_bip324_length(&b, packet), len);
        assert_true(qc_bip324_open(&b, packet, len, aad, &got));
        assert_int_equal(got, decoy);
        for (size_t k = 0; k < len; k++)
            assert_int_equal(packet[QC_BIP324_HEAD + k], (uint8_t)i);
    }
    assert_int_equal(a.send_packet.epoch, 3000 / QC_REKEY);
    assert_int_equal(a.send_length.epoch, 3000 / QC_REKEY);
}

static void test_open__any_flipped_bit_is_refused_and_nothing_is_left(void **state)
{
    static const uint8_t zero[9];
    qc_bip324 a, b;
    uint8_t packet[8 + QC_BIP324_EXPANSION];
    bool decoy = false;
    (void)state;
    for (size_t bit = 8 * QC_LENGTH_LEN; bit < 8 * sizeof packet; bit++) {
        pair(&a, &b);
        memcpy(packet + QC_BIP324_HEAD, "contents", 8);
        qc_bip324_seal(&a, packet, 8, NOTHING, false);
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(qc_bip324_length(&b, packet), 8);
        assert_false(qc_bip324_open(&b, packet, 8, NOTHING, &decoy));
        assert_memory_equal(packet + QC_LENGTH_LEN, zero, sizeof zero);
    }
    pair(&a, &b);
    qc_bip324_seal(&a, packet, 8, qc_span_str("aad"), false);
    assert_int_equal(qc_bip324_length(&b, packet), 8);
    assert_false(qc_bip324_open(&b, packet, 8, qc_span_str("aae"), &decoy));
}

static void test_init__sides_mirror_and_networks_differ(void **state)
{
    static const uint8_t other[4] = {0xf9, 0xbe, 0xb4, 0xd9};
    qc_bip324 a, b, c;
    (void)state;
    pair(&a, &b);
    assert_memory_equal(a.session_id, b.session_id, 32);
    assert_memory_equal(a.send_terminator, b.recv_terminator, QC_TERMINATOR_LEN);
    assert_memory_equal(a.recv_terminator, b.send_terminator, QC_TERMINATOR_LEN);
    assert_memory_not_equal(a.send_terminator, a.recv_terminator, QC_TERMINATOR_LEN);
    assert_memory_not_equal(a.send_packet.key, a.recv_packet.key, 32);
    qc_bip324_init(&c, SECRET, other, true);
    assert_memory_not_equal(a.session_id, c.session_id, 32);
}

/* What was used is gone, so a stolen state does not read the past. */
static void test_rekey__forgets(void **state)
{
    static const uint8_t zero[QC_LENGTH_LEN];
    qc_fschacha20 c;
    uint8_t length[QC_LENGTH_LEN] = {0}, before[32], first[QC_LENGTH_LEN];
    (void)state;
    qc_fschacha20_init(&c, SECRET);
    memcpy(first, c.stream, sizeof first);
    memcpy(before, c.stream + QC_REKEY * QC_LENGTH_LEN, sizeof before);
    qc_fschacha20_crypt(&c, length);
    assert_memory_equal(length, first, sizeof length);
    assert_memory_equal(c.stream, zero, sizeof zero);
    for (unsigned i = 1; i < QC_REKEY; i++) {
        assert_int_equal(c.epoch, 0);
        qc_fschacha20_crypt(&c, length);
    }
    assert_int_equal(c.epoch, 1);
    assert_memory_not_equal(c.stream + QC_REKEY * QC_LENGTH_LEN, before, sizeof before);
    assert_memory_not_equal(c.stream, first, sizeof first);
}

QC_TEST_MAIN(cmocka_unit_test(test_aead__is_that_of_rfc_8439),
             cmocka_unit_test(test_pair__thousands_of_packets_over_many_keys),
             cmocka_unit_test(test_open__any_flipped_bit_is_refused_and_nothing_is_left),
             cmocka_unit_test(test_init__sides_mirror_and_networks_differ),
             cmocka_unit_test(test_rekey__forgets))
