#include "core/host/trace.h"
#include "tests/unit/harness.h"

#include "core/frame/pack.h"

static const char *said(char text[400], const char *id, uint16_t method, const qc_pack *in,
                        qn_status st, const qc_pack *out)
{
    return qc_trace_text(text, 400, id, method, false, qc_bytes_span(&in->out), st,
                         out ? qc_bytes_span(&out->out) : (qc_span){NULL, 0});
}

static void test_text__names_what_goes_in_and_comes_out(void **state)
{
    char text[400];
    qc_pack in = QC_PACK_INIT, out = QC_PACK_INIT;
    (void)state;
    qc_pack_str(&in, "127.0.0.1:7007");
    qc_pack_u32(&in, 3); /* callback */
    qc_pack_u8(&in, 1);  /* room for the listener's id */
    qc_pack_u64(&in, 0);
    qc_pack_u8(&out, 1);
    qc_pack_u64(&out, 42);
    assert_string_equal(said(text, "net.listen/1", 0, &in, QN_OK, &out),
                        "net.listen/1 open(address=\"127.0.0.1:7007\", on_accept=3, listener=0) = "
                        "QN_OK (0) -> listener=42");
    assert_string_equal(said(text, "net.listen/1", 0, &in, QN_E_DENIED, NULL),
                        "net.listen/1 open(address=\"127.0.0.1:7007\", on_accept=3, listener=0) = "
                        "QN_E_DENIED (-1)");
    assert_string_equal(said(text, "no.such/1", 7, &in, -99, NULL),
                        "no.such/1 method 7() = status (-99)");
    qc_pack_clear(&in);
    qc_pack_clear(&out);
}

static void test_text__shows_no_control_characters(void **state)
{
    char text[400];
    qc_pack in = QC_PACK_INIT;
    (void)state;
    qc_pack_u32(&in, 3);
    qc_pack_bytes(&in, "a\n\x1b[2J\xff", 7);
    assert_string_equal(qc_trace_text(text, sizeof text, "host/1", 1, true, qc_bytes_span(&in.out),
                                      QN_OK, (qc_span){NULL, 0}),
                        "host/1 log(level=3, message=\"a..[2J.\")");
    qc_pack_clear(&in);
}

/* Whatever comes, and however little room there is. Sanitizers see the rest. */
static void test_text__survives_any_bytes(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        char text[300];
        uint8_t b[120];
        size_t n = round % sizeof b, cap = 1 + round % sizeof text;
        for (size_t i = 0; i < n; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            b[i] = seed >> 60 ? (uint8_t)(seed >> 62) : (uint8_t)(seed >> 33);
        }
        uint8_t *exact = malloc(n + 1); /* so that a byte too many is seen */
        memcpy(exact, b, n);
        for (const qc_trace_table *t = QC_TRACES; t->id; t++) {
            qc_span s = {exact, n};
            qc_trace_text(text, cap, t->id, (uint16_t)(round % (t->n + 1)), false, s, QN_OK, s);
            assert_true(memchr(text, 0, cap) != NULL);
        }
        free(exact);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_text__names_what_goes_in_and_comes_out),
             cmocka_unit_test(test_text__shows_no_control_characters),
             cmocka_unit_test(test_text__survives_any_bytes))
