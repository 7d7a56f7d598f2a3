#include "core/mempool/graph.h"
#include "tests/unit/graph_model.h"
#include "tests/unit/harness.h"

static void test_history__agrees_with_the_model(void **state)
{
    (void)state;
    static uint8_t data[3000];
    uint64_t seed = 1;
    qc_model_met met = {0};
    for (unsigned run = 0; run < 150; run++) {
        size_t len = 200 + test_rand(&seed) % (sizeof data - 200);
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)test_rand(&seed);
        qc_model_run(data, len, &met);
    }
    /* Or the histories are not worth much. */
    assert_true(met.commits > 500 && met.aborts > 500 && met.merges > 5000);
    assert_true(met.trims > 100 && met.trimmed > 300);
    assert_true(met.diagrams > 500 && met.better > 50 && met.crossing > 20);
}

QC_TEST_MAIN(cmocka_unit_test(test_history__agrees_with_the_model))
