/* core/base/alloc.h: memory. Small fixed internal objects abort on exhaustion; sizes that come
 * from outside use the _try_ forms after a check against a named maximum. Thread: any. */
#pragma once
#include "core/base/err.h"

/** Zeroed memory for a small internal object. Never NULL: aborts. Owned: qc_free(). */
void *qc_alloc(size_t size);
/** Zeroed memory, or NULL. `n * size` is overflow-checked. Owned: qc_free(). */
void *qc_try_alloc(size_t size);
void *qc_try_calloc(size_t n, size_t size);
/** Uninitialised memory, or NULL. For large buffers that are filled at once. */
void *qc_try_malloc(size_t size);
/** As realloc(); NULL and `p` untouched on failure. Grown memory is uninitialised. */
void *qc_try_realloc(void *p, size_t size);
/** Copy of a string; aborts on exhaustion. Owned: qc_free(). */
char *qc_strdup(const char *s);
/** Formatted string; aborts on exhaustion. Owned: qc_free(). */
char *qc_asprintf(const char *fmt, ...) QC_PRINTF(1, 2);
/** NULL is allowed. */
void qc_free(void *p);

/** Have freed memory kept for what comes next. Blocks come and go by the megabyte, and on a virtual
 *  machine fresh pages of the system take longer than all the work on them. No more than `most`
 *  bytes stay unused at the end of each heap (there is one for every few threads). Before other
 *  threads run. */
void qc_alloc_keep(size_t most);
#define QC_KEEP_BLOCKS ((size_t)64 << 20)   /* of who works on blocks */
#define QC_KEEP_MESSAGES ((size_t)16 << 20) /* of who sends and takes messages */

/** Fault injection for tests: the n-th (1 = next) fallible call through core/base and core/os
 *  fails; 0 disarms. qc_fault_hit() is called by every fallible primitive and says "fail now".
 *  One load when disarmed. With several threads it is chance who meets the fault. Thread: any. */
void qc_fault_arm(uint64_t n);
bool qc_fault_hit(void);
/** Calls left until the armed fault fires; 0: it has fired, or none is armed. */
uint64_t qc_fault_left(void);
