/* The indexer over the recorded regtest chain: histories of scripts and spenders of outputs as
 * Bitcoin Core found them. The blocks arrive as they did then, stale branches included. */
#include "tests/unit/harness.h"
#include "tests/unit/plugin_mock.h"

#include "core/base/endian.h"

#define FRAME 8 /* magic, length */

static json_t *expected(void)
{
    json_t *j = json_load_file(vectors_path("regtest-mixed/expected.json"), 0, NULL);
    assert_non_null(j);
    return j;
}

static json_t *ask(mock *m, const char *method, const char *params)
{
    int code;
    json_t *v = mock_ask(m, method, params, &code);
    if (code)
        fail_msg("%s %s: %s", method, params, json_string_value(v));
    return v;
}

static void start(mock *m)
{
    static const char *const config[] = {"batch_mb", "1", "data_outputs", "true", "max_results",
                                         "1000",     NULL};
    mock_config(m, config);
    assert_int_equal(mock_start(m, &qn_plugin_entry), QN_OK);
    mock_run(m);
}

/* Follow the blocks one by one; at every `restart`-th stop and start, or kill, the plugin. */
static void replay(mock *m, unsigned restart)
{
    qc_bytes file = tmp_read(vectors_path("regtest-mixed/blocks.dat"));
    bool first = true;
    unsigned n = 0;
    for (size_t pos = 0; pos + FRAME < file.len; n++) {
        uint32_t len = qc_read_le32(file.data + pos + 4);
        qc_hash hash = mock_add_block(m, qc_span_of(file.data + pos + FRAME, len));
        pos += FRAME + len;
        if (first || mock_height_of(m, &hash) > mock_height(m))
            mock_set_tip(m, &hash);
        if (first)
            start(m);
        first = false;
        mock_run(m);
        if (restart && n % restart == 0) {
            if (n % 2)
                assert_int_equal(mock_stop(m), QN_OK);
            mock_kill(m);
            start(m);
        }
    }
    qc_bytes_free(&file);
    assert_true(mock_running(m));
}

static void check_script(mock *m, const json_t *script)
{
    char params[300];
    const json_t *want = json_object_get(script, "history");
    snprintf(params, sizeof params, "[\"script:%s\"]",
             json_string_value(json_object_get(script, "script")));
    json_t *v = ask(m, "indexer.history", params);
    const json_t *got = json_object_get(v, "history");
    assert_int_equal(json_array_size(got), json_array_size(want));
    for (size_t i = 0; i < json_array_size(want); i++) {
        const json_t *g = json_array_get(got, i), *w = json_array_get(want, i);
        assert_true(json_equal(json_object_get(g, "height"), json_array_get(w, 0)));
        assert_true(json_equal(json_object_get(g, "position"), json_array_get(w, 1)));
        assert_true(json_equal(json_object_get(g, "txid"), json_array_get(w, 2)));
    }
    json_decref(v);
}

static void check_spend(mock *m, const json_t *spend)
{
    char params[100], *colon;
    snprintf(params, sizeof params, "[\"%s]",
             json_string_value(json_object_get(spend, "outpoint")));
    assert_non_null(colon = strchr(params, ':'));
    memmove(colon + 2, colon + 1, strlen(colon));
    memcpy(colon, "\",", 2);
    json_t *v = ask(m, "indexer.spender", params);
    assert_true(json_equal(json_object_get(v, "txid"), json_object_get(spend, "spent_by")));
    assert_true(json_equal(json_object_get(v, "input"), json_object_get(spend, "input")));
    assert_true(json_equal(json_object_get(v, "height"), json_object_get(spend, "height")));
    json_decref(v);
}

static void check(mock *m)
{
    json_t *want = expected();
    const json_t *scripts = json_object_get(want, "scripts");
    const json_t *spends = json_object_get(want, "spends");
    json_t *v = ask(m, "indexer.status", "[]");
    const json_t *tip = json_object_get(v, "tip");
    assert_true(json_equal(json_object_get(tip, "hash"), json_object_get(want, "tip")));
    assert_true(json_equal(json_object_get(v, "transactions"),
                           json_object_get(json_object_get(want, "counts"), "transactions")));
    json_decref(v);
    assert_true(json_array_size(scripts) >= 43 && json_array_size(spends) >= 40);
    for (size_t i = 0; i < json_array_size(scripts); i++)
        check_script(m, json_array_get(scripts, i));
    for (size_t i = 0; i < json_array_size(spends); i++)
        check_spend(m, json_array_get(spends, i));
    json_decref(want);
}

static void test_indexer__answers_as_bitcoin_core_about_a_recorded_chain(void **state)
{
    (void)state;
    (void)vectors_path("regtest-mixed/blocks.dat");
    mock *m = mock_new("regtest");
    replay(m, 0);
    check(m);
    assert_int_equal(mock_stop(m), QN_OK);
    mock_free(m);
}

static void test_indexer__answers_so_too_after_restarts_and_kills(void **state)
{
    (void)state;
    (void)vectors_path("regtest-mixed/blocks.dat");
    mock *m = mock_new("regtest");
    replay(m, 5);
    check(m);
    assert_int_equal(mock_stop(m), QN_OK);
    mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_indexer__answers_as_bitcoin_core_about_a_recorded_chain),
             cmocka_unit_test(test_indexer__answers_so_too_after_restarts_and_kills))
