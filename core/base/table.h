/* core/base/table.h: a hash table of links that lie in the caller's own objects. The caller makes
 * the keys: with a keyed hash where others choose what is hashed. Several links may have one key.
 * Thread: one at a time. */
#pragma once
#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct qc_table_link {
    struct qc_table_link *next, **at;
    uint64_t key;
} qc_table_link;

/** Zeroed it is empty and owns nothing. */
typedef struct qc_table {
    qc_table_link **slot; /* owned */
    size_t n_slots, n;
} qc_table;

/** Frees the slots; links are the caller's. */
void qc_table_clear(qc_table *t);
/** It grows as it must; without memory for that it only gets slower. `l` is in no table. */
void qc_table_add(qc_table *t, qc_table_link *l, uint64_t key);
void qc_table_remove(qc_table *t, qc_table_link *l);
/** The first link with this key, the one added last, or NULL. */
qc_table_link *qc_table_find(const qc_table *t, uint64_t key);
/** The next with the same key, or NULL. */
qc_table_link *qc_table_next(const qc_table_link *l);
/** Any link, or NULL when it is empty: to take all out. */
qc_table_link *qc_table_any(const qc_table *t);
/** The object that holds `member`. */
#define QC_HOLDER(type, member, ptr) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))
