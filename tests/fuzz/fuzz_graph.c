/* tests/fuzz/fuzz_graph.c: histories of operations on the mempool's graph beside a naive model. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/graph_model.h"

#define MAX_LEN 4096 /* a longer history finds nothing that a shorter one does not, but slowly */

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len < 8 || len > MAX_LEN)
        return -1;
    qc_model_run(data, len, NULL);
    return 0;
}
