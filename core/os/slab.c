#include "core/os/slab.h"

#include "core/base/alloc.h"
#include "core/os/privs.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#define LARGE ((size_t)2 << 20) /* the system's large page */
#define HEAD (2 * QC_CACHE_LINE)
#define PIECE_MAX 65536u

/* ---- pages ---- */

static size_t whole_pages(size_t bytes)
{
    return (bytes + LARGE - 1) & ~(LARGE - 1);
}

/* Zeroed, at a multiple of LARGE. What is mapped too much goes back. */
static void *map(size_t bytes)
{
    uint8_t *p =
        mmap(NULL, bytes + LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)p & (LARGE - 1);
    if (before)
        (void)munmap(p, before);
    if (before < LARGE)
        (void)munmap(p + before + bytes, LARGE - before);
    (void)madvise(p + before, bytes,
                  MADV_HUGEPAGE); /* a kernel without them does with small ones */
    return p + before;
}

static size_t whole_lines(size_t bytes)
{
    return (bytes + QC_CACHE_LINE - 1) & ~(size_t)(QC_CACHE_LINE - 1);
}

static void *lines(size_t bytes)
{
    return aligned_alloc(QC_CACHE_LINE, whole_lines(bytes));
}

void *qc_large_alloc(size_t bytes)
{
    void *p = bytes < LARGE ? lines(bytes ? bytes : 1) : map(whole_pages(bytes));
    if (!p)
        abort();
    return bytes < LARGE ? memset(p, 0, bytes) : p;
}

void qc_large_free(void *p, size_t bytes)
{
    if (bytes < LARGE)
        free(p);
    else if (p)
        (void)munmap(p, whole_pages(bytes));
}

/* ---- pieces ---- */

typedef struct block block;

typedef struct loose {
    struct loose *next;
} loose;

/* At the beginning of a large page, its pieces behind it. */
struct block {
    block *prev, *next; /* of those with room */
    loose *loose;       /* given back */
    uint32_t out;       /* pieces */
    uint32_t fresh;     /* the first of those that were never out */
};

struct qc_slab {
    pthread_mutex_t lock;
    size_t piece;
    uint32_t each; /* pieces of a block */
    block *roomy;  /* first of those with room */
    size_t out;
    bool closed;
};

qc_slab *qc_slab_new(size_t piece)
{
    QC_ASSERT(piece && piece <= PIECE_MAX);
    qc_slab *s = qc_alloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->piece = whole_lines(piece);
    s->each = (uint32_t)((LARGE - HEAD) / s->piece);
    return s;
}

static void link_block(qc_slab *s, block *b)
{
    b->prev = NULL;
    b->next = s->roomy;
    if (b->next)
        b->next->prev = b;
    s->roomy = b;
}

static void unlink_block(qc_slab *s, const block *b)
{
    *(b->prev ? &b->prev->next : &s->roomy) = b->next;
    if (b->next)
        b->next->prev = b->prev;
}

static void *take_from(qc_slab *s, block *b)
{
    void *p = b->loose;
    if (p)
        b->loose = b->loose->next;
    else
        p = (uint8_t *)b + HEAD + b->fresh++ * s->piece;
    if (++b->out == s->each)
        unlink_block(s, b);
    return p;
}

static block *with_room(qc_slab *s)
{
    if (!s->roomy) {
        block *b = map(LARGE);
        if (!b)
            return NULL;
        link_block(s, b);
    }
    return s->roomy;
}

/* With a sanitizer each is by itself: it sees what is done to one that was given back. */
void *qc_slab_take(qc_slab *s)
{
    if (qc_fault_hit())
        return NULL;
    pthread_mutex_lock(&s->lock);
    block *b = QC_PRIVS_SANITIZED ? NULL : with_room(s);
    void *p = QC_PRIVS_SANITIZED ? lines(s->piece) : b ? take_from(s, b) : NULL;
    s->out += p != NULL;
    pthread_mutex_unlock(&s->lock);
    return p;
}

/* One empty block stays: what comes next would ask for it again. */
static void give_to(qc_slab *s, loose *p)
{
    block *b = (block *)((uintptr_t)p & ~(uintptr_t)(LARGE - 1));
    p->next = b->loose;
    b->loose = p;
    if (b->out-- == s->each)
        link_block(s, b);
    if (b->out || (!b->prev && !b->next))
        return;
    unlink_block(s, b);
    (void)munmap(b, LARGE);
}

static void end(qc_slab *s)
{
    for (block *b; (b = s->roomy) != NULL;) {
        unlink_block(s, b);
        (void)munmap(b, LARGE);
    }
    pthread_mutex_destroy(&s->lock);
    qc_free(s);
}

void qc_slab_give(qc_slab *s, void *piece)
{
    pthread_mutex_lock(&s->lock);
    if (QC_PRIVS_SANITIZED)
        free(piece);
    else
        give_to(s, piece);
    bool last = --s->out == 0 && s->closed;
    pthread_mutex_unlock(&s->lock);
    if (last)
        end(s);
}

void qc_slab_close(qc_slab *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    bool last = s->out == 0;
    pthread_mutex_unlock(&s->lock);
    if (last)
        end(s);
}
