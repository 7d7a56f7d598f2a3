#include "tests/unit/watch_kit.h"
#include "tests/unit/harness.h"

#include "lib/descriptor.h"
#include "lib/secp/curve.h"

void add_checksum(const char *text, char *out, size_t cap)
{
    char sum[QN_DESC_CHECKSUM + 1];
    assert_true(qn_descriptor_checksum(text, strlen(text), sum));
    snprintf(out, cap, "%s#%s", text, sum);
}

keys *keys_of(const char *text)
{
    keys *k = qc_alloc(sizeof *k);
    const qn_curve curve = qn_secp_curve(NULL);
    char err[200];
    add_checksum(text, k->text, sizeof k->text);
    qn_descriptor *d = qn_descriptor_parse(qn_chain_by_name("regtest"), &curve, k->text,
                                           strlen(k->text), 0, err, sizeof err);
    if (!d)
        fail_msg("%s", err);
    for (uint32_t i = 0; i < KEYS; i++) {
        qn_derived v;
        assert_int_equal(qn_descriptor_derive(d, 0, i, &v), QN_DERIVE_OK);
        k->len = (uint32_t)v.script[0].script.len;
        assert_true(k->len <= 34);
        memcpy(k->script[i], v.script[0].script.data, k->len);
        qn_derived_clear(&v);
    }
    qn_descriptor_free(d);
    return k;
}

qn_mock *started(void)
{
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "gap_limit", "5");
    qn_mock_mine(m, 3);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    return m;
}

void expect(qn_mock *m, const char *method, const char *params, const char *want)
{
    char *got = qn_mock_rpc(m, method, params);
    if (!strstr(got, want))
        fail_msg("%s %s: '%s', not '%s'", method, params, got, want);
    free(got);
}

json_t *ask(qn_mock *m, const char *method, const char *params)
{
    char *got = qn_mock_rpc(m, method, params);
    json_t *j = json_loads(got, JSON_DECODE_ANY, NULL);
    if (!j)
        fail_msg("%s %s: %s", method, params, got);
    free(got);
    return j;
}

void import(qn_mock *m, const char *desc, const char *rest, const char *want)
{
    char params[1000];
    snprintf(params, sizeof params, "[\"w\",[{\"desc\":\"%s\",%s}]]", desc, rest);
    expect(m, "watch.import", params, want);
}

int64_t number(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    assert_true(json_is_integer(v));
    return json_integer_value(v);
}

const char *text(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s ? s : "";
}

int64_t sats(const json_t *j, const char *key)
{
    double v = json_number_value(json_object_get(j, key)) * 1e8;
    return (int64_t)(v < 0 ? v - 0.5 : v + 0.5);
}
