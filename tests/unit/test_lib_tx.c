#include "lib/tx.h"
#include "tests/unit/harness.h"

#include "lib/hex.h"

/* BIP143's P2WPKH example, signed; and block 170's first payment. */
static const char SEGWIT[] = "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db"
                             "4e4ad969f00000000494830450221"
                             "008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022"
                             "040529b194ba3f9281a99f2b1c0a1"
                             "9c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d2796"
                             "55c3aa89e815b1b309fe287d9b2b5"
                             "5d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378d"
                             "b99f66f85c95a783a76ac7a6d5988"
                             "ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988a"
                             "c000247304402203609e17b84f6a7"
                             "d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331"
                             "561406f90300e8f3358f51928d43c"
                             "212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad"
                             "253f62fc70f07aeee635711000000";
static const char LEGACY[] = "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fc"
                             "d3704000000004847304402204e45"
                             "e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd41022018152"
                             "2ec8eca07de4860a4acdd12909d83"
                             "1cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a6"
                             "2fe09c5f51b13905f07f06b99a2f7"
                             "159b2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a062"
                             "6f1baded5c72a704f7e6cd84cac00"
                             "286bee0000000043410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ec"
                             "ad7b148a6909a5cb2e0eaddfb84cc"
                             "f9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00000000";

static void assert_id(const uint8_t *id, const char *want)
{
    char text[65];
    qn_hex_encode_reversed(id, 32, text);
    assert_string_equal(text, want);
}

static void test_tx_read__legacy(void **state)
{
    (void)state;
    qc_bytes raw = hex_bytes(LEGACY);
    qn_tx_view tx;
    uint8_t id[32];
    assert_true(qn_tx_read(raw.data, raw.len, &tx));
    assert_int_equal(tx.len, raw.len);
    assert_false(tx.has_witness);
    qn_tx_id(&tx, id);
    assert_id(id, "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
    qn_tx_witness_id(&tx, id);
    assert_id(id, "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
    qn_tx_cursor c = {0};
    qn_tx_out out;
    assert_true(qn_tx_next_out(&tx, &c, &out));
    assert_int_equal(out.value, 1000000000);
    assert_int_equal(out.script_len, 67);
    assert_true(qn_tx_next_out(&tx, &c, &out));
    assert_int_equal(out.value, 4000000000);
    assert_false(qn_tx_next_out(&tx, &c, &out));
    qc_bytes_free(&raw);
}

static void test_tx_read__segwit(void **state)
{
    (void)state;
    qc_bytes raw = hex_bytes(SEGWIT);
    qn_tx_view tx;
    uint8_t id[32];
    assert_true(qn_tx_read(raw.data, raw.len, &tx));
    assert_true(tx.has_witness);
    assert_int_equal(tx.version, 1);
    assert_int_equal(tx.locktime, 17);
    qn_tx_id(&tx, id);
    assert_id(id, "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609");
    qc_bytes_free(&raw);
}

static void test_tx_next_in__gives_scripts_and_witnesses(void **state)
{
    (void)state;
    qc_bytes raw = hex_bytes(SEGWIT);
    qn_tx_view tx;
    qn_tx_cursor c = {0};
    qn_tx_in in;
    assert_true(qn_tx_read(raw.data, raw.len, &tx));
    assert_true(qn_tx_next_in(&tx, &c, &in));
    assert_id(in.prev_txid, "9f96ade4b41d5433f4eda31e1738ec2b36f6e7d1420d94a6af99801a88f7f7ff");
    assert_int_equal(in.prev_n, 0);
    assert_int_equal(in.script_len, 73);
    assert_int_equal(in.sequence, 0xffffffee);
    assert_null(in.witness);
    assert_true(qn_tx_next_in(&tx, &c, &in));
    assert_int_equal(in.prev_n, 1);
    assert_int_equal(in.script_len, 0);
    assert_int_equal(in.sequence, 0xffffffff);
    assert_int_equal(in.witness_len, 107);
    assert_int_equal(in.witness[0], 2);
    assert_false(qn_tx_next_in(&tx, &c, &in));
    qc_bytes_free(&raw);
}

static void test_tx_read__refuses_every_truncation(void **state)
{
    (void)state;
    const char *const both[] = {LEGACY, SEGWIT};
    for (int k = 0; k < 2; k++) {
        qc_bytes raw = hex_bytes(both[k]);
        for (size_t len = 0; len < raw.len; len++) {
            qn_tx_view tx;
            uint8_t *cut = qc_alloc(len + 1); /* its own block: a read behind it is seen */
            memcpy(cut, raw.data, len);
            assert_false(qn_tx_read(cut, len, &tx));
            qc_free(cut);
        }
        qn_tx_view tx;
        assert_int_equal(qc_bytes_append(&raw, "more", 4), QC_OK);
        assert_true(qn_tx_read(raw.data, raw.len, &tx));
        assert_int_equal(tx.len, raw.len - 4);
        qc_bytes_free(&raw);
    }
}

static void test_tx_read__refuses_a_flag_without_witnesses(void **state)
{
    (void)state;
    /* One input, one output; the flag says there is witness data, the only stack is empty. */
    static const char head[] = "01000000"
                               "0001"
                               "01"
                               "0000000000000000000000000000000000000000000000000000000000000000"
                               "ffffffff"
                               "00"
                               "ffffffff"
                               "01"
                               "0000000000000000"
                               "00";
    const char *const tail[] = {"00"
                                "00000000",
                                "01"
                                "00"
                                "00000000"};
    for (int i = 0; i < 2; i++) {
        char hex[300];
        snprintf(hex, sizeof hex, "%s%s", head, tail[i]);
        qc_bytes raw = hex_bytes(hex);
        qn_tx_view tx;
        assert_int_equal(qn_tx_read(raw.data, raw.len, &tx), i == 1);
        qc_bytes_free(&raw);
    }
}

static void test_compact_read__wants_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint64_t value;
        bool ok;
    } v[] = {
        {"00", 0, true},
        {"fc", 0xfc, true},
        {"fdfd00", 0xfd, true},
        {"fdfc00", 0, false},
        {"fd", 0, false},
        {"fdff", 0, false},
        {"fe00000100", 0x10000, true},
        {"feffff0000", 0, false},
        {"fe000001", 0, false},
        {"ff0000000001000000", 0x100000000, true},
        {"ffffffffff00000000", 0, false},
        {"ffffffffffffffffff", UINT64_MAX, true},
        {"", 0, false},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qc_bytes b = hex_bytes(v[i].hex);
        size_t pos = 0;
        uint64_t got = 0;
        assert_int_equal(qn_compact_read(b.data, b.len, &pos, &got), v[i].ok);
        assert_int_equal(pos, v[i].ok ? b.len : 0);
        assert_int_equal(got, v[i].value);
        qc_bytes_free(&b);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_tx_read__legacy), cmocka_unit_test(test_tx_read__segwit),
             cmocka_unit_test(test_tx_next_in__gives_scripts_and_witnesses),
             cmocka_unit_test(test_tx_read__refuses_every_truncation),
             cmocka_unit_test(test_tx_read__refuses_a_flag_without_witnesses),
             cmocka_unit_test(test_compact_read__wants_the_shortest_form))
