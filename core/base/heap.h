/* core/base/heap.h: a priority queue whose members can leave from anywhere: a pairing heap of nodes
 * that lie in the caller's own objects, so that it needs no memory. Thread: one at a time. */
#pragma once
#include "core/base/err.h"

#include <stddef.h>

typedef struct qc_heap_node {
    struct qc_heap_node *child, *next;
    struct qc_heap_node *prev; /* of the first child: its parent */
} qc_heap_node;

typedef struct qc_heap {
    qc_heap_node *top; /* NULL: empty */
    /* Does a come before b? A strict order that does not change while both are in. */
    bool (*before)(const qc_heap_node *a, const qc_heap_node *b);
} qc_heap;

/** In one step. `n` is in no heap. */
void qc_heap_push(qc_heap *h, qc_heap_node *n);
/** In steps logarithmic on average. `n` is in this heap; it may be the top. */
void qc_heap_remove(qc_heap *h, qc_heap_node *n);
/** Take the top out. NULL: there is none. */
qc_heap_node *qc_heap_pop(qc_heap *h);
