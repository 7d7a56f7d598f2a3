#include "core/base/heap.h"

static qc_heap_node *merge(const qc_heap *h, qc_heap_node *a, qc_heap_node *b)
{
    if (h->before(b, a)) {
        qc_heap_node *t = a;
        a = b;
        b = t;
    }
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* Brothers into one heap: by pairs from the left, then all from the right. */
static qc_heap_node *merge_all(const qc_heap *h, qc_heap_node *first)
{
    qc_heap_node *pairs = NULL, *all;
    while (first) {
        qc_heap_node *a = first, *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b) {
            b->next = b->prev = NULL;
            a = merge(h, a, b);
        }
        a->next = pairs;
        pairs = a;
    }
    for (all = pairs; all && all->next;) {
        qc_heap_node *a = all, *b = a->next, *rest = b->next;
        a->next = b->next = NULL;
        all = merge(h, a, b);
        all->next = rest;
    }
    return all;
}

void qc_heap_push(qc_heap *h, qc_heap_node *n)
{
    *n = (qc_heap_node){NULL, NULL, NULL};
    h->top = h->top ? merge(h, h->top, n) : n;
}

void qc_heap_remove(qc_heap *h, qc_heap_node *n)
{
    qc_heap_node *below = merge_all(h, n->child);
    if (n == h->top) {
        h->top = below;
    } else {
        if (n->prev->child == n)
            n->prev->child = n->next;
        else
            n->prev->next = n->next;
        if (n->next)
            n->next->prev = n->prev;
        if (below)
            h->top = merge(h, h->top, below);
    }
    *n = (qc_heap_node){NULL, NULL, NULL};
}

qc_heap_node *qc_heap_pop(qc_heap *h)
{
    qc_heap_node *n = h->top;
    if (n)
        qc_heap_remove(h, n);
    return n;
}
