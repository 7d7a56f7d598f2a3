/* lib/arena_impl.h: memory that is freed as a whole, for parsed texts and what is made of them. */
#ifndef QUOIN_LIB_ARENA_IMPL_H
#define QUOIN_LIB_ARENA_IMPL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Set memory that held a secret to zero, for certain. */
void qn_wipe(void *p, size_t len);

/** Starts as {NULL, false}. */
typedef struct qn_arena {
    struct qn_arena_chunk *chunk;
    bool failed; /* memory ran out once: every later request fails */
} qn_arena;

/** Zeroed memory for any type. Returns: NULL when memory is short or the size overflows; n 0 gives
 * a valid pointer. */
void *qn_arena_get(qn_arena *a, size_t n, size_t size);
/** A copy of `len` bytes. */
void *qn_arena_copy(qn_arena *a, const void *data, size_t len);
/** Wipe and free all of it. */
void qn_arena_clear(qn_arena *a);

/** Bytes that grow. After a failed request `failed` stays set and nothing is added. */
typedef struct qn_grow {
    uint8_t *data;
    size_t len, cap;
    bool failed;
} qn_grow;
void qn_grow_put(qn_grow *g, const void *data, size_t len);
void qn_grow_byte(qn_grow *g, uint8_t b);
/** Wipe and free. */
void qn_grow_clear(qn_grow *g);
#endif
