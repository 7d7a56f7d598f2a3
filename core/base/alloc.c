#include "core/base/alloc.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_EACH (32 << 20) /* glibc's largest: what is asked for at once and still kept */

void qc_alloc_keep(size_t most)
{
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_EACH);
    (void)mallopt(M_TRIM_THRESHOLD, (int)most);
}

/* Calls left until the armed fault; 0 = disarmed. */
static _Atomic uint64_t g_fault;

void qc_fault_arm(uint64_t n)
{
    atomic_store(&g_fault, n);
}

static bool count_down(uint64_t left)
{
    while (left && !atomic_compare_exchange_weak(&g_fault, &left, left - 1))
        ;
    return left == 1;
}

bool qc_fault_hit(void)
{
    uint64_t left = atomic_load_explicit(&g_fault, memory_order_relaxed);
    return __builtin_expect(left != 0, 0) && count_down(left);
}

uint64_t qc_fault_left(void)
{
    return atomic_load(&g_fault);
}

static QC_NORETURN void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: wanted %zu bytes\n", size);
    abort();
}

void *qc_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *qc_try_alloc(size_t size)
{
    return qc_try_calloc(1, size);
}

void *qc_try_calloc(size_t n, size_t size)
{
    size_t all;
    if (qc_fault_hit() || __builtin_mul_overflow(n, size, &all))
        return NULL;
    return calloc(1, all ? all : 1);
}

void *qc_try_malloc(size_t size)
{
    if (qc_fault_hit())
        return NULL;
    return malloc(size ? size : 1);
}

void *qc_try_realloc(void *p, size_t size)
{
    if (qc_fault_hit())
        return NULL;
    return realloc(p, size ? size : 1);
}

char *qc_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(qc_alloc(n), s, n);
}

char *qc_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    QC_ASSERT(n >= 0);
    char *s = qc_alloc((size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

void qc_free(void *p)
{
    free(p);
}
