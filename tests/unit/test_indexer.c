/* The indexer against a host in memory. What it answers is compared with what a plain walk over the
 * active chain finds, after random reorganisations, crashes and failing calls. */
#include "tests/unit/plugin_mock.h"
#include "tests/unit/harness.h"

#include "core/crypto/sha256.h"
#include "lib/address.h"
#include "lib/hex.h"
#include "tests/unit/builder.h"

#define SCRIPTS 7
#define MAX_NODES 600
#define MAX_COINS 256
#define NONE UINT32_MAX

static qc_span script_at(size_t i)
{
    static const char *const hex[SCRIPTS] = {
        "76a914a31c06bd463e3923bc1aadbde48b16976c08071788ac",
        "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "a914373b819a068f32b7a6b38b6b38729647cfde01c287",
        "", /* anybody can spend it, nobody has an address for it */
        "6a0568656c6c6f",
        "51",
    };
    static uint8_t bytes[SCRIPTS][40];
    size_t len = strlen(hex[i]);
    assert_true(qn_hex_decode(hex[i], len, bytes[i], sizeof bytes[i]));
    return qc_span_of(bytes[i], len / 2);
}

/* ---- random trees of blocks ---- */

typedef struct coin {
    qc_hash txid;
    uint32_t n;
    int64_t value;
    uint8_t script;
} coin;

typedef struct leaf {
    qc_hash hash;
    qc_bytes bytes;
    uint32_t parent, height, n_coins;
    coin coin[MAX_COINS]; /* unspent after this block */
} leaf;

typedef struct tree {
    mock *m;
    leaf *node;
    uint32_t n, tip;
    uint64_t seed;
} tree;

static uint32_t pick(tree *t, uint32_t n)
{
    return (uint32_t)(test_rand(&t->seed) % n);
}

static void pay(tree *t, leaf *l, tb_tx *tx, coin *made, size_t *n)
{
    uint8_t s = (uint8_t)pick(t, SCRIPTS);
    int64_t value = 1000 + pick(t, 100000);
    size_t out = tb_tx_out(tx, value, script_at(s));
    (void)l;
    made[(*n)++] = (coin){.n = (uint32_t)out, .value = value, .script = s};
}

static void keep(leaf *l, const tb_tx *tx, coin *made, size_t n)
{
    qc_hash txid = tb_txid(tx);
    for (size_t i = 0; i < n; i++) {
        made[i].txid = txid;
        if (l->n_coins < MAX_COINS && made[i].script != 5)
            l->coin[l->n_coins++] = made[i];
    }
}

static tb_tx *random_tx(tree *t, leaf *l)
{
    coin made[3];
    size_t n = 0, ins = 1 + pick(t, 3), outs = 1 + pick(t, 3);
    tb_tx *tx = tb_tx_new();
    for (size_t i = 0; i < ins && l->n_coins; i++) {
        uint32_t k = pick(t, l->n_coins);
        tb_tx_in(tx, &l->coin[k].txid, l->coin[k].n, qc_span_of(NULL, 0), TB_FINAL);
        l->coin[k] = l->coin[--l->n_coins];
    }
    for (size_t i = 0; i < outs; i++)
        pay(t, l, tx, made, &n);
    keep(l, tx, made, n);
    return tx;
}

/* A block on `parent` (NONE: genesis) with a few transactions. Returns its index. */
static uint32_t grow(tree *t, uint32_t parent)
{
    assert_true(t->n < MAX_NODES);
    leaf *l = &t->node[t->n];
    tb_block *b = qc_alloc(sizeof *b);
    coin made[3];
    size_t n = 0;
    if (parent != NONE) {
        l->n_coins = t->node[parent].n_coins;
        memcpy(l->coin, t->node[parent].coin, sizeof l->coin);
        b->header.prev = t->node[parent].hash;
    }
    l->parent = parent;
    l->height = parent == NONE ? 0 : t->node[parent].height + 1;
    b->height = l->height;
    tb_tx *cb = tb_coinbase(l->height, t->n, 5000, script_at(0));
    made[n++] = (coin){.n = 0, .value = 5000, .script = 0};
    if (pick(t, 2))
        pay(t, l, cb, made, &n);
    if (parent == NONE)
        n = 0; /* its outputs never enter the set of coins */
    keep(l, cb, made, n);
    tb_block_add(b, cb);
    for (uint32_t i = pick(t, 5); l->n_coins > 4 && i > 0; i--)
        tb_block_add(b, random_tx(t, l));
    tb_block_merkle(b);
    l->bytes = tb_block_bytes(b);
    l->hash = mock_add_block(t->m, qc_bytes_span(&l->bytes));
    tb_block_free(b);
    return t->n++;
}

static void set_tip(tree *t, uint32_t node)
{
    t->tip = node;
    mock_set_tip(t->m, &t->node[node].hash);
}

static void extend(tree *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        set_tip(t, grow(t, t->tip));
}

/* Leave the chain `deep` blocks below its tip for a longer branch. */
static void reorganise(tree *t, uint32_t deep)
{
    uint32_t at = t->tip;
    for (uint32_t i = 0; i < deep && t->node[at].parent != NONE; i++)
        at = t->node[at].parent;
    for (uint32_t i = 0; i <= deep; i++)
        at = grow(t, at);
    set_tip(t, at);
}

static void tree_new(tree *t, uint64_t seed)
{
    static const char *const config[] = {"batch_mb", "1", "data_outputs", "true", "max_results",
                                         "1000",     NULL};
    *t = (tree){.m = mock_new("regtest"), .node = qc_alloc(MAX_NODES * sizeof(leaf))};
    t->seed = seed;
    t->tip = NONE;
    mock_config(t->m, config);
    extend(t, 1);
}

static void tree_free(tree *t)
{
    mock_free(t->m);
    for (uint32_t i = 0; i < t->n; i++)
        qc_bytes_free(&t->node[i].bytes);
    qc_free(t->node);
}

/* ---- the answers of a plain walk ---- */

static void script_hash_text(size_t i, char out[80])
{
    uint8_t h[32];
    qc_sha256(script_at(i), h);
    memcpy(out, "[\"", 2);
    qn_hex_encode_reversed(h, 32, out + 2);
    memcpy(out + 66, "\"]", 3);
}

static json_t *ask(tree *t, const char *method, const char *params)
{
    int code;
    json_t *v = mock_ask(t->m, method, params, &code);
    if (code)
        fail_msg("%s %s: %s", method, params, json_string_value(v));
    return v;
}

static int64_t amount(const json_t *v)
{
    /* Eight places: exact in a double at these sizes, once rounded. */
    double coins = json_number_value(v);
    return (int64_t)(coins * 100000000.0 + 0.5);
}

/* Coins of script s that the tip's branch leaves unspent, as its maker counted them. */
static void check_coins(tree *t, size_t s, const json_t *utxos, const json_t *balance)
{
    const leaf *l = &t->node[t->tip];
    const json_t *list = json_object_get(utxos, "utxos");
    int64_t sum = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < l->n_coins; i++) {
        if (l->coin[i].script != s)
            continue;
        char txid[65];
        qc_hash_hex(&l->coin[i].txid, txid);
        bool found = false;
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *u = json_array_get(list, k);
            if (!strcmp(json_string_value(json_object_get(u, "txid")), txid) &&
                json_integer_value(json_object_get(u, "vout")) == l->coin[i].n)
                found = amount(json_object_get(u, "value")) == l->coin[i].value;
        }
        assert_true(found);
        sum += l->coin[i].value;
        n++;
    }
    assert_int_equal(json_array_size(list), n);
    assert_int_equal(amount(json_object_get(balance, "balance")), sum);
    assert_int_equal(json_integer_value(json_object_get(balance, "utxos")), n);
}

static bool touches(const qc_block *b, uint32_t i, size_t s)
{
    const qn_block_view *v = qc_block_view(b);
    qc_tx tx = qc_block_tx(b, i);
    for (uint32_t o = 0; o < tx.rec->n_out; o++)
        if (qc_span_eq(qc_tx_script(&tx, o), script_at(s)))
            return true;
    (void)v;
    return false;
}

/* Is outpoint `o` one of script s? By walking back over the branch. */
static bool spends_script(const tree *t, uint32_t node, const qc_outpoint *o, size_t s)
{
    for (uint32_t at = node; at != NONE; at = t->node[at].parent) {
        qc_block *b;
        bool hit = false, there = false;
        assert_int_equal(qc_block_parse(qc_bytes_span(&t->node[at].bytes), &b), QC_WIRE_OK);
        for (uint32_t i = 0; i < qc_block_n_tx(b) && !there; i++) {
            qc_tx tx = qc_block_tx(b, i);
            there = !memcmp(tx.rec->txid, o->txid.b, 32);
            hit = there && qc_span_eq(qc_tx_script(&tx, o->n), script_at(s));
        }
        qc_block_unref(b);
        if (there)
            return hit;
    }
    return false;
}

static void check_history(tree *t, size_t s, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "history");
    uint32_t path[MAX_NODES], n_path = 0;
    size_t k = 0;
    for (uint32_t at = t->tip; at != NONE; at = t->node[at].parent)
        path[n_path++] = at;
    while (n_path-- > 0) {
        const leaf *l = &t->node[path[n_path]];
        qc_block *b;
        assert_int_equal(qc_block_parse(qc_bytes_span(&l->bytes), &b), QC_WIRE_OK);
        for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
            qc_tx tx = qc_block_tx(b, i);
            bool in = touches(b, i, s);
            for (uint32_t p = 0; i && p < tx.rec->n_in && !in; p++) {
                qc_outpoint o = qc_tx_prevout(&tx, p);
                in = spends_script(t, path[n_path], &o, s);
            }
            if (!in)
                continue;
            const json_t *e = json_array_get(list, k++);
            char txid[65];
            qc_hash_hex((const qc_hash *)tx.rec->txid, txid);
            assert_non_null(e);
            assert_string_equal(json_string_value(json_object_get(e, "txid")), txid);
            assert_int_equal(json_integer_value(json_object_get(e, "height")), l->height);
            assert_int_equal(json_integer_value(json_object_get(e, "position")), i);
        }
        qc_block_unref(b);
    }
    assert_int_equal(json_array_size(list), k);
}

static void check_script(tree *t, size_t s, bool history)
{
    char params[80];
    script_hash_text(s, params);
    json_t *utxos = ask(t, "indexer.utxos", params), *bal = ask(t, "indexer.balance", params);
    check_coins(t, s, utxos, bal);
    json_decref(utxos);
    json_decref(bal);
    if (!history)
        return;
    json_t *h = ask(t, "indexer.history", params);
    check_history(t, s, h);
    json_decref(h);
}

static void check_all(tree *t, bool history)
{
    for (size_t s = 0; s < SCRIPTS; s++)
        check_script(t, s, history);
    assert_int_equal(mock_leases(t->m), 0);
}

/* An index built in one go has the same rows, to the byte. */
static void check_fresh(tree *t)
{
    mock *m = mock_new("regtest");
    static const char *const config[] = {"batch_mb", "256", "data_outputs", "true", "max_results",
                                         "1000",     NULL};
    uint32_t path[MAX_NODES], n = 0;
    for (uint32_t at = t->tip; at != NONE; at = t->node[at].parent)
        path[n++] = at;
    while (n-- > 0)
        mock_add_block(m, qc_bytes_span(&t->node[path[n]].bytes));
    mock_set_tip(m, &t->node[t->tip].hash);
    mock_config(m, config);
    assert_int_equal(mock_start(m, &qn_plugin_entry), QN_OK);
    mock_run(m);
    assert_int_equal(mock_store_count(m), mock_store_count(t->m));
    qc_hash a = mock_store_digest(m), b = mock_store_digest(t->m);
    assert_memory_equal(a.b, b.b, 32);
    assert_int_equal(mock_stop(m), QN_OK);
    mock_free(m);
}

static void start(tree *t)
{
    assert_int_equal(mock_start(t->m, &qn_plugin_entry), QN_OK);
    mock_run(t->m);
    if (!mock_running(t->m))
        fail_msg("%s\n%s", mock_failure(t->m), mock_log(t->m));
}

/* ---- tests ---- */

static void test_indexer__answers_as_a_walk_over_the_chain(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 1);
    extend(&t, 60);
    start(&t);
    check_all(&t, true);
    assert_int_equal(mock_stop(t.m), QN_OK);
    check_fresh(&t);
    tree_free(&t);
}

static void test_indexer__follows_reorganisations(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        tree t;
        tree_new(&t, seed);
        extend(&t, 5);
        start(&t);
        for (int i = 0; i < 25; i++) {
            if (pick(&t, 3))
                extend(&t, 1 + pick(&t, 3));
            else
                reorganise(&t, 1 + pick(&t, 6));
            if (pick(&t, 2))
                mock_run(t.m);
        }
        mock_run(t.m);
        check_all(&t, seed == 1);
        check_fresh(&t);
        assert_int_equal(mock_stop(t.m), QN_OK);
        tree_free(&t);
    }
}

/* A branch is left before its blocks were committed: rows are set and removed in one batch. */
static void test_indexer__leaves_a_branch_in_the_middle_of_catching_up(void **state)
{
    (void)state;
    for (uint64_t seed = 40; seed < 60; seed++) {
        tree t;
        tree_new(&t, seed);
        extend(&t, 40);
        assert_int_equal(mock_start(t.m, &qn_plugin_entry), QN_OK);
        for (uint32_t k = 1 + pick(&t, 10); k > 0; k--)
            (void)mock_step(t.m);
        reorganise(&t, 30 + pick(&t, 9));
        mock_run(t.m);
        check_fresh(&t);
        assert_int_equal(mock_stop(t.m), QN_OK);
        tree_free(&t);
    }
}

/* Kill it at every call of a run with reorganisations; each time it starts again, it finishes with
 * the same rows. */
static void test_indexer__survives_a_kill_at_any_call(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 77);
    extend(&t, 20);
    for (unsigned kills = 0; kills < 200 && t.n < MAX_NODES - 20;) {
        /* Opening takes a call for each height; then comes the work. */
        mock_crash_at(t.m, 1 + pick(&t, 2 * t.node[t.tip].height + 60));
        if (mock_start(t.m, &qn_plugin_entry) == QN_OK) {
            mock_run(t.m);
            if (pick(&t, 2))
                extend(&t, 1);
            else
                reorganise(&t, 1 + pick(&t, 3));
            mock_run(t.m);
        }
        kills += mock_crashed(t.m);
        mock_kill(t.m);
    }
    start(&t);
    check_all(&t, false);
    check_fresh(&t);
    assert_null(strstr(mock_log(t.m), "built again")); /* it went on from where it was */
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

/* Let each call fail in turn: the plugin gives up with a reason or works, and the next run is
 * right. */
static void test_indexer__survives_each_failing_call(void **state)
{
    (void)state;
    static const qn_status how[] = {QN_E_IO, QN_E_FULL, QN_E_NOMEM, QN_E_REVOKED};
    tree t;
    tree_new(&t, 5);
    extend(&t, 12);
    reorganise(&t, 3);
    bool hit = true;
    for (uint64_t n = 1; hit; n++) {
        mock_store_put(t.m, "C", 1, NULL, 0); /* from the beginning */
        mock_fail_at(t.m, n, how[n % QC_COUNTOF(how)]);
        if (mock_start(t.m, &qn_plugin_entry) == QN_OK)
            mock_run(t.m);
        if (mock_running(t.m))
            (void)mock_stop(t.m);
        hit = mock_fault_was_hit(t.m);
        mock_fail_at(t.m, 0, QN_OK);
        start(&t);
        check_script(&t, n % SCRIPTS, false);
        assert_int_equal(mock_stop(t.m), QN_OK);
        assert_true(n < 500);
    }
    check_fresh(&t);
    tree_free(&t);
}

static void test_indexer__goes_back_when_the_node_lost_blocks(void **state)
{
    (void)state;
    static const char *const config[] = {"batch_mb", "0", "data_outputs", "true", "max_results",
                                         "1000",     NULL};
    tree t;
    tree_new(&t, 9);
    extend(&t, 30);
    start(&t);
    assert_int_equal(mock_stop(t.m), QN_OK);
    uint32_t old = t.tip;
    reorganise(&t, 4);
    for (int i = 0; i < 4; i++) {
        uint32_t parent = t.node[old].parent;
        mock_forget(t.m, &t.node[old].hash);
        old = parent;
    }
    mock_config(t.m, config);           /* each row is a batch of its own */
    for (uint64_t n = 1; n < 60; n++) { /* and each call fails once */
        mock_fail_at(t.m, n, QN_E_IO);
        bool ok = mock_start(t.m, &qn_plugin_entry) == QN_OK;
        mock_fail_at(t.m, 0, QN_OK);
        if (ok)
            break;
    }
    if (mock_running(t.m))
        (void)mock_stop(t.m);
    start(&t);
    check_all(&t, false);
    check_fresh(&t);
    assert_null(strstr(mock_log(t.m), "built again"));
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

static void test_indexer__stops_with_a_sentence_where_blocks_are_pruned(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 3);
    extend(&t, 10);
    mock_prune(t.m, 5);
    assert_int_equal(mock_start(t.m, &qn_plugin_entry), QN_OK);
    mock_run(t.m);
    assert_false(mock_running(t.m));
    assert_non_null(strstr(mock_log(t.m), "blocks 0 to 4 are pruned"));
    tree_free(&t);
}

static void test_indexer__builds_anew_what_does_not_fit(void **state)
{
    (void)state;
    static const char *const without[] = {"batch_mb", "1", "data_outputs", "false", "max_results",
                                          "5",        NULL};
    tree t;
    tree_new(&t, 4);
    extend(&t, 30);
    start(&t);
    size_t all = mock_store_count(t.m);
    assert_int_equal(mock_stop(t.m), QN_OK);

    mock_config(t.m, without); /* fewer rows: no OP_RETURN outputs */
    start(&t);
    assert_in_range(mock_store_count(t.m), 50, all - 1);
    check_script(&t, 0, false);
    assert_int_equal(mock_stop(t.m), QN_OK);

    static const char *const bad[] = {"", "\0\0\0\2", "\0\0\0\1 rubbish that is not a cursor"};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        mock_store_put(t.m, "C", 1, bad[i], i == 0 ? 0 : (uint32_t)(i == 1 ? 4 : 30));
        start(&t);
        check_script(&t, 1, false);
        assert_int_equal(mock_stop(t.m), QN_OK);
    }
    uint8_t row[5] = {'B', 0, 0, 0, 7}, value[36] = {1}; /* a hole among the heights */
    mock_store_put(t.m, row, sizeof row, NULL, 0);
    start(&t);
    check_script(&t, 2, false);
    assert_int_equal(mock_stop(t.m), QN_OK);
    mock_store_put(t.m, row, sizeof row, NULL, 0); /* and one too many behind them */
    row[4] = 200;
    memcpy(value, t.node[t.tip].hash.b, 32);
    mock_store_put(t.m, row, sizeof row, value, sizeof value);
    start(&t);
    check_all(&t, false);
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

/* Rows are found by eight bytes; a foreign transaction among them must not be believed. */
static void test_indexer__sees_through_equal_prefixes(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 6);
    extend(&t, 30);
    start(&t);
    qc_block *early; /* the foreign ones are looked at first, as they are newer */
    assert_int_equal(qc_block_parse(qc_bytes_span(&t.node[1].bytes), &early), QC_WIRE_OK);
    const uint8_t *txid = qc_block_tx(early, 0).rec->txid;
    for (uint8_t txnum = 0; txnum < 30; txnum++) {
        uint8_t h[32], row[13] = {'H', [12] = txnum};
        for (size_t s = 0; s < SCRIPTS; s++) {
            qc_sha256(script_at(s), h);
            memcpy(row + 1, h, 8);
            mock_store_put(t.m, row, sizeof row, "", 0);
        }
        row[0] = 'T';
        memcpy(row + 1, txid, 8);
        mock_store_put(t.m, row, sizeof row, "", 0);
    }
    char params[80] = "[\"";
    qc_hash_hex((const qc_hash *)txid, params + 2);
    memcpy(params + 66, "\"]", 3);
    json_t *v = ask(&t, "indexer.tx", params);
    assert_int_equal(json_integer_value(json_object_get(v, "height")), 1);
    json_decref(v);
    qc_block_unref(early);
    check_all(&t, true);
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

static void test_indexer_tx__gives_the_transaction(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 8);
    extend(&t, 20);
    start(&t);
    for (uint32_t at = t.tip; at != NONE; at = t.node[at].parent) {
        qc_block *b;
        assert_int_equal(qc_block_parse(qc_bytes_span(&t.node[at].bytes), &b), QC_WIRE_OK);
        for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
            qc_tx tx = qc_block_tx(b, i);
            char params[80] = "[\"", *hex = qc_alloc(2 * tx.rec->len + 1);
            qc_hash_hex((const qc_hash *)tx.rec->txid, params + 2);
            memcpy(params + 66, "\"]", 3);
            json_t *v = ask(&t, "indexer.tx", params);
            qn_hex_encode(tx.raw + tx.rec->off, tx.rec->len, hex);
            assert_string_equal(json_string_value(json_object_get(v, "hex")), hex);
            assert_int_equal(json_integer_value(json_object_get(v, "height")), t.node[at].height);
            assert_int_equal(json_integer_value(json_object_get(v, "confirmations")),
                             t.node[t.tip].height - t.node[at].height + 1);
            qc_free(hex);
            json_decref(v);
        }
        qc_block_unref(b);
    }
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

static void test_indexer_spender__finds_each_input(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 10);
    extend(&t, 40);
    start(&t);
    for (uint32_t at = t.tip; at != NONE; at = t.node[at].parent) {
        qc_block *b;
        assert_int_equal(qc_block_parse(qc_bytes_span(&t.node[at].bytes), &b), QC_WIRE_OK);
        for (uint32_t i = 1; i < qc_block_n_tx(b); i++) {
            qc_tx tx = qc_block_tx(b, i);
            for (uint32_t k = 0; k < tx.rec->n_in; k++) {
                qc_outpoint o = qc_tx_prevout(&tx, k);
                char txid[65], spender[65], params[100];
                qc_hash_hex(&o.txid, txid);
                qc_hash_hex((const qc_hash *)tx.rec->txid, spender);
                snprintf(params, sizeof params, "[\"%s\",%u]", txid, o.n);
                json_t *v = ask(&t, "indexer.spender", params);
                assert_true(json_is_true(json_object_get(v, "spent")));
                assert_string_equal(json_string_value(json_object_get(v, "txid")), spender);
                assert_int_equal(json_integer_value(json_object_get(v, "input")), k);
                assert_int_equal(json_integer_value(json_object_get(v, "height")),
                                 t.node[at].height);
                json_decref(v);
            }
        }
        qc_block_unref(b);
    }
    const leaf *l = &t.node[t.tip];
    for (uint32_t i = 0; i < l->n_coins; i++) {
        char txid[65], params[100];
        qc_hash_hex(&l->coin[i].txid, txid);
        snprintf(params, sizeof params, "[\"%s\",%u]", txid, l->coin[i].n);
        json_t *v = ask(&t, "indexer.spender", params);
        assert_true(json_is_false(json_object_get(v, "spent")));
        json_decref(v);
    }
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

/* What is asked while blocks come and go is true for the tip that the answer names. */
static void test_indexer__answers_name_the_tip_they_are_true_for(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 32; seed++) {
        tree t;
        tree_new(&t, seed);
        extend(&t, 30);
        start(&t);
        char params[80];
        script_hash_text(0, params);
        uint64_t request = mock_send(t.m, "indexer.balance", params);
        for (int i = 0; i < 3; i++) {
            if (pick(&t, 2))
                extend(&t, 1 + pick(&t, 3));
            else
                reorganise(&t, 1 + pick(&t, 4));
            for (uint32_t k = pick(&t, 12); k > 0; k--)
                (void)mock_step(t.m);
        }
        mock_run(t.m);
        int code = 0;
        json_t *v = mock_answer(t.m, request, &code);
        assert_non_null(v);
        assert_int_equal(code, 0);
        const json_t *tip = json_object_get(v, "tip");
        const char *hash = json_string_value(json_object_get(tip, "hash"));
        uint32_t at = 0;
        for (char hex[65]; at < t.n; at++) {
            qc_hash_hex(&t.node[at].hash, hex);
            if (!strcmp(hex, hash))
                break;
        }
        assert_true(at < t.n);
        int64_t sum = 0;
        for (uint32_t i = 0; i < t.node[at].n_coins; i++)
            sum += t.node[at].coin[i].script == 0 ? t.node[at].coin[i].value : 0;
        assert_int_equal(amount(json_object_get(v, "balance")), sum);
        json_decref(v);
        assert_int_equal(mock_stop(t.m), QN_OK);
        tree_free(&t);
    }
}

static void test_indexer_history__comes_in_pages(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 11);
    extend(&t, 40);
    start(&t);
    char one[80], params[120];
    script_hash_text(0, one);
    json_t *all = ask(&t, "indexer.history", one);
    size_t total = json_array_size(json_object_get(all, "history"));
    assert_int_equal(json_integer_value(json_object_get(all, "total")), total);
    assert_true(json_is_false(json_object_get(all, "more")));
    for (size_t from = 0; from <= total + 3; from += 3) {
        one[strlen(one) - 1] = '\0';
        snprintf(params, sizeof params, "%s,%zu,3]", one, from);
        one[strlen(one)] = ']';
        json_t *page = ask(&t, "indexer.history", params);
        const json_t *list = json_object_get(page, "history");
        size_t n = from >= total ? 0 : total - from < 3 ? total - from : 3;
        assert_int_equal(json_array_size(list), n);
        assert_int_equal(json_is_true(json_object_get(page, "more")), from + 3 < total);
        for (size_t i = 0; i < n; i++)
            assert_true(json_equal(json_array_get(list, i),
                                   json_array_get(json_object_get(all, "history"), from + i)));
        json_decref(page);
    }
    json_decref(all);
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

static void test_indexer__takes_a_script_in_each_form(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 12);
    extend(&t, 30);
    start(&t);
    const qn_chain_text *chain = qn_chain_by_name("regtest");
    for (size_t s = 0; s < 4; s++) {
        char hash[80], params[200], address[QN_ADDRESS_MAX], hex[100];
        script_hash_text(s, hash);
        json_t *want = ask(&t, "indexer.utxos", hash);
        assert_true(qn_address_encode(chain, script_at(s).data, script_at(s).len, address) > 0);
        qn_hex_encode(script_at(s).data, script_at(s).len, hex);
        const char *const form[] = {"[\"%s\"]", "[\"%s\"]", "[\"script:%s\"]"};
        for (size_t i = 0; i < 3; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(params, sizeof params, form[i], i ? hex : address);
#pragma GCC diagnostic pop
            json_t *got = ask(&t, "indexer.utxos", params);
            assert_true(json_equal(got, want));
            json_decref(got);
        }
        json_decref(want);
    }
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

static void test_indexer__refuses_bad_requests_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *method, *params;
        int code;
    } v[] = {
        {"indexer.history", "[]", -8},
        {"indexer.history", "{}", -8},
        {"indexer.history", "[7]", -8},
        {"indexer.history", "[\"nonsense\"]", -8},
        {"indexer.history", "[\"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"]", -8},
        {"indexer.history", "[\"abc\"]", -8},
        {"indexer.history", "[\"scripthash:00\"]", -8},
        {"indexer.history", "[\"00\",-1]", -8},
        {"indexer.history", "[\"00\",1.5]", -8},
        {"indexer.history", "[\"00\",0,1000000]", -8},
        {"indexer.utxos", "[\"00\",\"0x\"]", -8},
        {"indexer.utxos", "[\"00\",true]", -8},
        {"indexer.balance", "[null]", -8},
        {"indexer.tx", "[]", -8},
        {"indexer.tx", "[\"00\"]", -8},
        {"indexer.tx", "[\"00000000000000000000000000000000000000000000000000000000000000aa\"]",
         -5},
        {"indexer.spender",
         "[\"00000000000000000000000000000000000000000000000000000000000000aa\"]", -8},
        {"indexer.spender",
         "[\"00000000000000000000000000000000000000000000000000000000000000aa\",0]", -5},
    };
    tree t;
    tree_new(&t, 13);
    extend(&t, 3);
    start(&t);
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        int code;
        json_t *r = mock_ask(t.m, v[i].method, v[i].params, &code);
        if (code != v[i].code)
            fail_msg("%s %s: code %d", v[i].method, v[i].params, code);
        assert_true(strlen(json_string_value(r)) > 10);
        json_decref(r);
    }
    assert_int_equal(mock_leases(t.m), 0);
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

static void test_indexer__needs_what_its_manifest_requires(void **state)
{
    (void)state;
    static const char *const needed[] = {"chain.read/1", "chain.follow/1", "block.read/1",
                                         "store.own/1"};
    tree t;
    tree_new(&t, 14);
    for (size_t i = 0; i < QC_COUNTOF(needed); i++) {
        mock_deny(t.m, needed[i]);
        assert_int_equal(mock_start(t.m, &qn_plugin_entry), QN_E_DENIED);
        assert_false(mock_running(t.m));
    }
    mock_deny(t.m, "rpc.serve/1"); /* optional: the index is kept all the same */
    start(&t);
    assert_true(mock_store_count(t.m) > 0);
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

static void test_indexer_status__tells_how_far_it_is(void **state)
{
    (void)state;
    tree t;
    tree_new(&t, 15);
    extend(&t, 10);
    start(&t);
    json_t *v = ask(&t, "indexer.status", "[]");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(v, "tip"), "height")), 10);
    assert_true(json_is_true(json_object_get(v, "synced")));
    assert_int_equal(json_integer_value(json_object_get(v, "behind")), 0);
    json_decref(v);
    assert_int_equal(mock_stop(t.m), QN_OK);
    tree_free(&t);
}

QC_TEST_MAIN(cmocka_unit_test(test_indexer__answers_as_a_walk_over_the_chain),
             cmocka_unit_test(test_indexer__follows_reorganisations),
             cmocka_unit_test(test_indexer__leaves_a_branch_in_the_middle_of_catching_up),
             cmocka_unit_test(test_indexer__survives_a_kill_at_any_call),
             cmocka_unit_test(test_indexer__survives_each_failing_call),
             cmocka_unit_test(test_indexer__goes_back_when_the_node_lost_blocks),
             cmocka_unit_test(test_indexer__stops_with_a_sentence_where_blocks_are_pruned),
             cmocka_unit_test(test_indexer__builds_anew_what_does_not_fit),
             cmocka_unit_test(test_indexer__sees_through_equal_prefixes),
             cmocka_unit_test(test_indexer_tx__gives_the_transaction),
             cmocka_unit_test(test_indexer_spender__finds_each_input),
             cmocka_unit_test(test_indexer__answers_name_the_tip_they_are_true_for),
             cmocka_unit_test(test_indexer_history__comes_in_pages),
             cmocka_unit_test(test_indexer__takes_a_script_in_each_form),
             cmocka_unit_test(test_indexer__refuses_bad_requests_with_a_sentence),
             cmocka_unit_test(test_indexer__needs_what_its_manifest_requires),
             cmocka_unit_test(test_indexer_status__tells_how_far_it_is))
