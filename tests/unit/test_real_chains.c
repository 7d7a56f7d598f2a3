/* The beginnings of the public chains: every rule but those that need a disk. */
#include "core/crypto/secp.h"
#include "core/os/file.h"
#include "core/script/pattern.h"
#include "core/script/verify.h"
#include "tests/unit/builder.h"
#include "tests/unit/coinmap.h"
#include "tests/unit/harness.h"

#include <jansson.h>

#define MAX_FILE (16u << 20)

static qc_bytes read_vectors(const char *name)
{
    qc_bytes b;
    assert_int_equal(qc_os_read_file(vectors_path(name), MAX_FILE, &b), QC_OK);
    return b;
}

static void expect(bool ok, const qc_verdict *v, uint32_t height)
{
    char text[300];
    if (!ok)
        fail_msg("height %u: %s", height, qc_verdict_text(v, text, sizeof text));
}

/* ---- headers ---- */

static void check_headers(qc_chain_id id, const char *file, uint32_t last)
{
    qc_bytes raw = read_vectors(file);
    tb_chain *c = tb_chain_new(id, NULL);
    assert_int_equal(raw.len, QC_HEADER_LEN * (last + 1));
    assert_memory_equal(raw.data, qc_params_genesis(c->params).data, QC_HEADER_LEN);
    for (uint32_t h = 1; h <= last; h++) {
        qc_header header;
        qc_verdict v = {0};
        qc_header_read(raw.data + (size_t)h * QC_HEADER_LEN, &header);
        expect(tb_chain_connect(c, &header, header.time, &v), &v, h);
        assert_true(qc_permitted_transition(c->params, h, c->header[h - 1].bits, header.bits));
    }
    tb_chain_free(c);
    qc_bytes_free(&raw);
}

static void test_headers__of_the_main_chain(void **state)
{
    (void)state;
    check_headers(QC_CHAIN_MAIN, "mainnet/headers_0_10236.bin", 10236);
}

static void test_headers__of_signet(void **state)
{
    (void)state;
    check_headers(QC_CHAIN_SIGNET, "signet/headers_0_2015.bin", 2015);
}

/* ---- blocks ---- */

typedef struct run {
    tb_chain *c;
    coinmap *coins;
    qc_block **block; /* by height */
    qc_spent **undo;  /* by height: coins of all inputs, scripts owned */
    unsigned long inputs;
} run;

static qc_outpoint outpoint_of(const qc_tx *tx, uint32_t n)
{
    qc_outpoint o = {.n = n};
    memcpy(o.txid.b, tx->rec->txid, sizeof o.txid.b);
    return o;
}

static void check_scripts(const qc_tx *tx, const qc_spent *spent, uint32_t flags)
{
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, tx, spent);
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_script_check check = {
            .tx = tx, .in = i, .spent = spent, .hashes = &hashes, .flags = flags};
        qc_script_err e = qc_script_verify_input(&check);
        assert_string_equal(qc_script_err_text(e), qc_script_err_text(QC_SE_OK));
    }
}

static void add_outputs(run *r, const qc_tx *tx, uint32_t height)
{
    for (uint32_t o = 0; o < tx->rec->n_out; o++) {
        qc_outpoint name = outpoint_of(tx, o);
        qc_spent coin = {tx->out[o].value, qc_tx_script(tx, o), height, qc_tx_is_coinbase(tx)};
        if (!qc_script_is_unspendable(coin.script))
            coinmap_add(r->coins, &name, &coin);
    }
}

static void connect(run *r, qc_block *b, uint32_t height)
{
    qc_verdict v = {0};
    qc_amount fees = 0;
    uint64_t sigops = 0;
    qc_connect_env e = {.params = r->c->params,
                        .height = height,
                        .mtp_prev = tb_chain_mtp(r->c, height - 1),
                        .flags = qc_block_script_flags(r->c->params, height, qc_block_hash(b)),
                        .mtp_at = tb_chain_mtp,
                        .arg = r->c};
    const qc_header *h = qc_block_header(b);
    expect(qc_check_block(r->c->params, b, true, true, &v), &v, height);
    expect(qc_check_block_context(r->c->params, b, height, e.mtp_prev, &v), &v, height);
    expect(tb_chain_connect(r->c, h, h->time, &v), &v, height);
    qc_spent *undo = calloc(qc_block_view(b)->in.count, sizeof *undo);
    for (uint32_t t = 0; t < qc_block_n_tx(b); t++) {
        qc_tx tx = qc_block_tx(b, t);
        qc_spent *spent = undo + tx.rec->in0;
        for (uint32_t i = 0; t && i < tx.rec->n_in; i++) {
            qc_outpoint prev = qc_tx_prevout(&tx, i);
            assert_true(coinmap_take(r->coins, &prev, &spent[i]));
            r->inputs++;
        }
        expect(
            qc_check_connect_tx(&e, &tx, spent, qc_block_legacy_sigops(b, t), &sigops, &fees, &v),
            &v, height);
        if (t)
            check_scripts(&tx, spent, e.flags);
        add_outputs(r, &tx, height);
    }
    expect(qc_check_connect_end(&e, b, fees, &v), &v, height);
    r->block[height] = b;
    r->undo[height] = undo;
}

static void free_coin(const qc_spent *coin)
{
    free((void *)(uintptr_t)coin->script.data);
}

static void disconnect(run *r, uint32_t height)
{
    qc_block *b = r->block[height];
    for (uint32_t t = qc_block_n_tx(b); t-- > 0;) {
        qc_tx tx = qc_block_tx(b, t);
        for (uint32_t o = 0; o < tx.rec->n_out; o++) {
            qc_outpoint name = outpoint_of(&tx, o);
            qc_spent coin = {0};
            bool there = coinmap_take(r->coins, &name, &coin);
            assert_int_equal(there, !qc_script_is_unspendable(qc_tx_script(&tx, o)));
            free_coin(&coin);
        }
        for (uint32_t i = 0; t && i < tx.rec->n_in; i++) {
            qc_outpoint prev = qc_tx_prevout(&tx, i);
            coinmap_add(r->coins, &prev, &r->undo[height][tx.rec->in0 + i]);
            free_coin(&r->undo[height][tx.rec->in0 + i]);
        }
    }
    free(r->undo[height]);
    qc_block_unref(b);
    tb_chain_cut(r->c, height - 1);
}

static run run_new(qc_chain_id id, uint32_t last)
{
    run r = {.c = tb_chain_new(id, NULL), .coins = coinmap_new()};
    r.block = calloc(last + 1, sizeof(qc_block *));
    r.undo = calloc(last + 1, sizeof(qc_spent *));
    return r;
}

/* Back to the genesis block; nothing may be left. */
static void run_back(run *r)
{
    assert_true(coinmap_count(r->coins) > 0);
    for (uint32_t h = r->c->tip; h > 0; h--)
        disconnect(r, h);
    assert_int_equal(coinmap_count(r->coins), 0);
    coinmap_free(r->coins);
    free(r->block);
    free(r->undo);
    tb_chain_free(r->c);
}

static qc_block *block_of_hex(const char *hex)
{
    qc_block *b;
    qc_bytes raw = hex_bytes(hex);
    assert_int_equal(qc_block_parse(qc_bytes_span(&raw), &b), QC_WIRE_OK);
    qc_bytes_free(&raw);
    return b;
}

/* One block a line, from height 1. */
static void connect_lines(qc_chain_id id, const char *file, unsigned long inputs)
{
    qc_bytes text = read_vectors(file);
    assert_int_equal(qc_bytes_append(&text, "", 1), QC_OK);
    run r = run_new(id, 2100);
    uint32_t height = 0;
    char *save = NULL;
    for (char *line = strtok_r((char *)text.data, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        connect(&r, block_of_hex(line), ++height);
    assert_int_equal(height, 2100);
    assert_int_equal(r.inputs, inputs);
    run_back(&r);
    qc_bytes_free(&text);
}

static void test_blocks__of_the_main_chain_there_and_back(void **state)
{
    (void)state;
    connect_lines(QC_CHAIN_MAIN, "mainnet/blocks_1_2100.hex", 111);
}

static void test_blocks__of_testnet3_there_and_back(void **state)
{
    (void)state;
    connect_lines(QC_CHAIN_TESTNET3, "testnet3/blocks_1_2100.hex", 1919);
}

static json_t *signet_blocks(void)
{
    json_error_t e;
    json_t *list = json_load_file(vectors_path("signet/blocks_0_120.json"), 0, &e);
    assert_non_null(list);
    return list;
}

static const char *signet_hex(const json_t *list, size_t height)
{
    return json_string_value(json_object_get(json_array_get(list, height), "block"));
}

static void test_blocks__of_signet_there_and_back(void **state)
{
    (void)state;
    json_t *list = signet_blocks();
    run r = run_new(QC_CHAIN_SIGNET, 120);
    assert_int_equal(json_array_size(list), 121);
    for (uint32_t h = 1; h <= 120; h++)
        connect(&r, block_of_hex(signet_hex(list, h)), h);
    run_back(&r);
    json_decref(list);
}

static void test_check_signet__each_changed_field_breaks_the_solution(void **state)
{
    (void)state;
    json_t *list = signet_blocks();
    qc_params *p;
    qc_bytes raw = hex_bytes(signet_hex(list, 1));
    assert_int_equal(qc_params_new(QC_CHAIN_SIGNET, NULL, &p), QC_OK);
    /* Version, parent, time; not bits, nonce and merkle root, which the signer does not see. */
    static const struct {
        size_t at;
        bool counts;
    } c[] = {{0, true}, {4, true}, {35, true}, {40, false}, {68, true}, {72, false}, {76, false}};
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_block *b;
        raw.data[c[i].at] ^= 1;
        assert_int_equal(qc_block_parse(qc_bytes_span(&raw), &b), QC_WIRE_OK);
        assert_int_equal(qc_check_signet(p, b), !c[i].counts);
        qc_block_unref(b);
        raw.data[c[i].at] ^= 1;
    }
    qc_params_free(p);
    qc_bytes_free(&raw);
    json_decref(list);
}

QC_TEST_MAIN(cmocka_unit_test(test_headers__of_the_main_chain),
             cmocka_unit_test(test_headers__of_signet),
             cmocka_unit_test(test_blocks__of_the_main_chain_there_and_back),
             cmocka_unit_test(test_blocks__of_testnet3_there_and_back),
             cmocka_unit_test(test_blocks__of_signet_there_and_back),
             cmocka_unit_test(test_check_signet__each_changed_field_breaks_the_solution))
