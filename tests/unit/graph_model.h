/* tests/unit/graph_model.h: a history of operations on a graph, read off bytes, beside a model of
 * it that is nothing but tables of who is related to whom. Any difference aborts. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** What a history met, so that a test can see that it is worth something. */
typedef struct qc_model_met {
    unsigned commits, aborts, trims, trimmed, diagrams, merges, better, crossing;
} qc_model_met;

/** Run one history. met: counts are added up, NULL is allowed. */
void qc_model_run(const uint8_t *data, size_t len, qc_model_met *met);
