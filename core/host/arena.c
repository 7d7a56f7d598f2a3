#include "core/host/arena.h"

#include "core/base/alloc.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#define GRANULE ((size_t)64 << 10)
#define SLOTS 1024u
/* Views that nobody holds stay for the next plugin that asks, up to this much. Little, so that the
 * same pages are written again and again: a page that is touched for the first time costs ten times
 * what writing it costs. */
#define KEEP_BYTES ((size_t)24 << 20)

typedef struct slot {
    uint32_t granules; /* 0: free */
    uint32_t first;
    uint32_t refs;
    uint32_t generation;
    uint64_t total;
    uint64_t returned; /* when it was let go, for the order of eviction */
    uint8_t hash[32];
    uint32_t flags; /* QN_VIEW_* */
} slot;

struct qc_arena {
    pthread_mutex_t lock;
    int fd;
    uint8_t *base;
    size_t size;
    uint8_t *used; /* one per granule */
    size_t granules;
    slot slot[SLOTS];
    size_t top; /* slots from here on have never been used */
    uint64_t clock;
    size_t kept, lent;
};

static int sealed_memory(size_t bytes, uint8_t **base)
{
    int fd = memfd_create("quoin-blocks", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0)
        fd = memfd_create("quoin-blocks", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    void *p = MAP_FAILED;
    if (!ftruncate(fd, (off_t)bytes))
        p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    /* Only now: this mapping stays writable, no later one can be. */
    const int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    if (p == MAP_FAILED || fcntl(fd, F_ADD_SEALS, seals)) {
        if (p != MAP_FAILED)
            munmap(p, bytes);
        close(fd);
        return -1;
    }
    *base = p;
    return fd;
}

qc_err qc_arena_new(size_t bytes, qc_arena **out)
{
    qc_arena *a = qc_try_alloc(sizeof *a);
    if (!a)
        return QC_ENOMEM;
    a->granules = bytes / GRANULE;
    a->size = a->granules * GRANULE;
    a->used = qc_try_alloc(a->granules + 1);
    a->fd = a->used ? sealed_memory(a->size, &a->base) : -1;
    if (a->fd < 0) {
        qc_err err = a->used ? QC_EIO : QC_ENOMEM;
        qc_free(a->used);
        qc_free(a);
        return err;
    }
    pthread_mutex_init(&a->lock, NULL);
    *out = a;
    return QC_OK;
}

void qc_arena_free(qc_arena *a)
{
    if (!a)
        return;
    munmap(a->base, a->size);
    close(a->fd);
    pthread_mutex_destroy(&a->lock);
    qc_free(a->used);
    qc_free(a);
}

int qc_arena_fd(const qc_arena *a)
{
    return a->fd;
}

size_t qc_arena_size(const qc_arena *a)
{
    return a->size;
}

static size_t bytes_of(const slot *s)
{
    return (size_t)s->granules * GRANULE;
}

static void evict(qc_arena *a, slot *s)
{
    memset(a->used + s->first, 0, s->granules);
    a->kept -= bytes_of(s);
    s->granules = 0;
}

static slot *oldest_kept(qc_arena *a)
{
    slot *oldest = NULL;
    for (slot *s = a->slot; s < a->slot + a->top; s++)
        if (s->granules && !s->refs && (!oldest || s->returned < oldest->returned))
            oldest = s;
    return oldest;
}

/* The copy there is of this block, with part B if that is asked for. */
static slot *find(qc_arena *a, const qn_block_view *v)
{
    for (slot *s = a->slot; s < a->slot + a->top; s++)
        if (s->granules && memcmp(s->hash, v->hash, 32) == 0 && !(v->flags & ~s->flags))
            return s;
    return NULL;
}

/* The lowest run of free granules: low places are used again and again. */
static bool find_run(const qc_arena *a, size_t n, uint32_t *first)
{
    size_t run = 0;
    for (size_t i = 0; i < a->granules; i++) {
        run = a->used[i] ? 0 : run + 1;
        if (run == n) {
            *first = (uint32_t)(i + 1 - n);
            return true;
        }
    }
    return false;
}

static slot *make(qc_arena *a, const qn_block_view *v)
{
    size_t n = (size_t)((v->total + GRANULE - 1) / GRANULE);
    uint32_t first;
    slot *s = a->slot, *old;
    while (n > a->granules || !find_run(a, n, &first)) {
        if (n > a->granules || !(old = oldest_kept(a)))
            return NULL;
        evict(a, old);
    }
    while (s < a->slot + SLOTS && s->granules)
        s++;
    if (s == a->slot + SLOTS) {
        if (!(s = oldest_kept(a)))
            return NULL;
        evict(a, s);
    }
    if ((size_t)(s - a->slot) == a->top)
        a->top++;
    memset(a->used + first, 1, n);
    s->granules = (uint32_t)n;
    s->first = first;
    s->total = v->total;
    s->flags = v->flags;
    s->generation += s->generation == UINT32_MAX ? 2 : 1; /* 0 means: outside an arena */
    memcpy(s->hash, v->hash, 32);
    uint8_t *at = a->base + (size_t)first * GRANULE;
    memcpy(at, v, (size_t)v->total);
    memcpy(at + offsetof(qn_block_view, generation), &s->generation, sizeof s->generation);
    a->kept += bytes_of(s);
    return s;
}

bool qc_arena_lend(qc_arena *a, const qn_block_view *v, qc_arena_ref *out)
{
    pthread_mutex_lock(&a->lock);
    slot *s = find(a, v);
    if (!s)
        s = make(a, v);
    if (s) {
        if (s->refs++ == 0) {
            a->kept -= bytes_of(s);
            a->lent += bytes_of(s);
        }
        *out = (qc_arena_ref){(uint32_t)(s - a->slot), s->generation, (uint64_t)s->first * GRANULE,
                              s->total};
    }
    pthread_mutex_unlock(&a->lock);
    return s != NULL;
}

void qc_arena_return(qc_arena *a, uint32_t slot_no)
{
    QC_ASSERT(slot_no < SLOTS);
    slot *s = &a->slot[slot_no];
    pthread_mutex_lock(&a->lock);
    QC_ASSERT(s->refs > 0);
    if (--s->refs == 0) {
        s->returned = ++a->clock;
        a->lent -= bytes_of(s);
        a->kept += bytes_of(s);
        while (a->kept > KEEP_BYTES)
            evict(a, oldest_kept(a));
    }
    pthread_mutex_unlock(&a->lock);
}

size_t qc_arena_lent(qc_arena *a)
{
    pthread_mutex_lock(&a->lock);
    size_t n = a->lent;
    pthread_mutex_unlock(&a->lock);
    return n;
}
