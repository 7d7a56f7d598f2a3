#include "core/btc/params.h"
#include "core/btc/block.h"
#include "tests/unit/harness.h"

static qc_params *params_of(qc_chain_id id, const qc_params_override *o)
{
    qc_params *p;
    assert_int_equal(qc_params_new(id, o, &p), QC_OK);
    return p;
}

static const struct {
    const char *name, *genesis, *merkle;
    uint16_t p2p, rpc;
    uint32_t magic; /* as the bytes read */
} g_chain[] = {
    {"main", "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
     "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 8333, 8332, 0xf9beb4d9},
    {"test", "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
     "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 18333, 18332, 0x0b110907},
    {"testnet4", "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
     "7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e", 48333, 48332, 0x1c163f28},
    {"signet", "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
     "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 38333, 38332, 0x0a03cf40},
    {"regtest", "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
     "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 18444, 18443, 0xfabfb5da},
};

static void test_params_new__genesis_blocks_have_their_hashes(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(g_chain); i++) {
        qc_chain_id id;
        char hex[QC_HASH_HEX_LEN + 1];
        assert_int_equal(qc_chain_by_name(g_chain[i].name, &id), QC_OK);
        qc_params *p = params_of(id, NULL);
        assert_string_equal(p->name, g_chain[i].name);
        qc_hash_hex(&p->genesis_hash, hex);
        assert_string_equal(hex, g_chain[i].genesis);
        qc_block *b;
        assert_int_equal(qc_block_parse(qc_params_genesis(p), &b), QC_WIRE_OK);
        assert_true(qc_hash_eq(qc_block_hash(b), &p->genesis_hash));
        assert_true(qc_hash_eq(qc_block_merkle_root(b, NULL), &qc_block_header(b)->merkle_root));
        qc_hash_hex(qc_block_merkle_root(b, NULL), hex);
        assert_string_equal(hex, g_chain[i].merkle);
        qc_block_unref(b);
        qc_params_free(p);
    }
}

static void test_params_new__magic_and_ports(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(g_chain); i++) {
        qc_params *p = params_of((qc_chain_id)i, NULL);
        const uint8_t *m = p->magic;
        assert_int_equal((uint32_t)m[0] << 24 | (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3],
                         g_chain[i].magic);
        assert_int_equal(p->p2p_port, g_chain[i].p2p);
        assert_int_equal(p->rpc_port, g_chain[i].rpc);
        qc_params_free(p);
    }
}

static void test_params_new__target_limit_fits_the_genesis_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(g_chain); i++) {
        qc_params *p = params_of((qc_chain_id)i, NULL);
        qc_header h;
        qc_u256 limit;
        qc_header_read(qc_params_genesis(p).data, &h);
        qc_u256_from_hash(&p->pow_limit, &limit);
        assert_int_equal(qc_compact_encode(&limit), h.bits);
        qc_params_free(p);
    }
}

static void test_params_new__signet_is_named_by_its_challenge(void **state)
{
    (void)state;
    static const uint8_t op_true[] = {0x51};
    qc_params_override o = {.signet_challenge = {op_true, 1}};
    qc_params *p = params_of(QC_CHAIN_SIGNET, &o);
    static const uint8_t magic[] = {0x54, 0xd2, 0x6f, 0xbd}; /* sha256d of 01 51 */
    assert_memory_equal(p->magic, magic, 4);
    assert_true(qc_span_eq(qc_bytes_span(&p->signet_challenge), o.signet_challenge));
    assert_true(qc_u256_is_zero(&p->min_chain_work));
    assert_true(qc_hash_is_zero(&p->assume_valid));
    qc_params_free(p);
    p = params_of(QC_CHAIN_MAIN, &o);
    assert_int_equal(p->signet_challenge.len, 0);
    assert_false(qc_hash_is_zero(&p->assume_valid));
    qc_params_free(p);
}

static void test_params_new__overrides(void **state)
{
    (void)state;
    qc_params_override o = {.bip94 = true,
                            .fastprune = true,
                            .has_testdummy = true,
                            .td_start = QC_BIP9_ALWAYS_ACTIVE,
                            .td_timeout = 7,
                            .td_min_height = 9};
    o.has_dep_height[QC_DEP_SEGWIT] = true;
    o.dep_height[QC_DEP_SEGWIT] = 432;
    qc_params *p = params_of(QC_CHAIN_REGTEST, &o);
    assert_int_equal(p->dep_height[QC_DEP_SEGWIT], 432);
    assert_int_equal(p->dep_height[QC_DEP_CSV], 1);
    assert_true(p->bip94);
    assert_int_equal(p->prune_after_height, 100);
    assert_int_equal(p->testdummy.start_time, QC_BIP9_ALWAYS_ACTIVE);
    assert_int_equal(p->testdummy.timeout, 7);
    assert_int_equal(p->testdummy.min_activation_height, 9);
    assert_int_equal(p->testdummy.threshold, 108);
    qc_params_free(p);
    p = params_of(QC_CHAIN_TESTNET4, NULL);
    assert_true(p->bip94);
    qc_params_free(p);
}

static void test_params_new__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_params *p;
        qc_err err = qc_params_new(QC_CHAIN_SIGNET, NULL, &p);
        assert_true(err == QC_OK ? p != NULL : err == QC_ENOMEM && !p);
        qc_params_free(p);
    }
    assert_true(runs > 3);
}

static void test_chain_by_name__refuses_others(void **state)
{
    (void)state;
    qc_chain_id id;
    assert_int_equal(qc_chain_by_name("testnet3", &id), QC_EINVAL);
    assert_int_equal(qc_chain_by_name("", &id), QC_EINVAL);
}

QC_TEST_MAIN(cmocka_unit_test(test_params_new__genesis_blocks_have_their_hashes),
             cmocka_unit_test(test_params_new__magic_and_ports),
             cmocka_unit_test(test_params_new__target_limit_fits_the_genesis_bits),
             cmocka_unit_test(test_params_new__signet_is_named_by_its_challenge),
             cmocka_unit_test(test_params_new__overrides),
             cmocka_unit_test(test_params_new__survives_each_single_fault),
             cmocka_unit_test(test_chain_by_name__refuses_others))
