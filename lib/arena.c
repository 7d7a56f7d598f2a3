#include "lib/arena_impl.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 4096u
#define ALIGN (sizeof(max_align_t))

struct qn_arena_chunk {
    struct qn_arena_chunk *next;
    size_t used, size;
    max_align_t data[];
};

void qn_wipe(void *p, size_t len)
{
    memset(p, 0, len);
    __asm__ volatile("" : : "r"(p) : "memory"); /* the memset stays */
}

/* What is freed may have held secret keys. */
static void wipe_free(void *p, size_t len)
{
    if (p)
        qn_wipe(p, len);
    free(p);
}

void *qn_arena_get(qn_arena *a, size_t n, size_t size)
{
    if (a->failed || (size && n > (SIZE_MAX / 4) / size)) {
        a->failed = true;
        return NULL;
    }
    size_t need = (n * size + ALIGN - 1) / ALIGN * ALIGN;
    struct qn_arena_chunk *c = a->chunk;
    if (!c || c->size - c->used < need) {
        size_t room = need > CHUNK ? need : CHUNK;
        c = calloc(1, sizeof *c + room);
        if (!c) {
            a->failed = true;
            return NULL;
        }
        c->size = room;
        c->next = a->chunk;
        a->chunk = c;
    }
    void *p = (uint8_t *)c->data + c->used;
    c->used += need;
    return p;
}

void *qn_arena_copy(qn_arena *a, const void *data, size_t len)
{
    void *p = qn_arena_get(a, len, 1);
    if (p && len)
        memcpy(p, data, len);
    return p;
}

void qn_arena_clear(qn_arena *a)
{
    while (a->chunk) {
        struct qn_arena_chunk *next = a->chunk->next;
        wipe_free(a->chunk, sizeof *a->chunk + a->chunk->size);
        a->chunk = next;
    }
    a->failed = false;
}

void qn_grow_put(qn_grow *g, const void *data, size_t len)
{
    if (g->failed || len == 0)
        return;
    if (g->cap - g->len < len) {
        size_t cap = g->cap ? g->cap * 2 : 128;
        while (cap - g->len < len)
            cap *= 2;
        uint8_t *p = malloc(cap);
        if (!p) {
            g->failed = true;
            return;
        }
        if (g->len)
            memcpy(p, g->data, g->len);
        wipe_free(g->data, g->cap);
        g->data = p;
        g->cap = cap;
    }
    memcpy(g->data + g->len, data, len);
    g->len += len;
}

void qn_grow_byte(qn_grow *g, uint8_t b)
{
    qn_grow_put(g, &b, 1);
}

void qn_grow_clear(qn_grow *g)
{
    wipe_free(g->data, g->cap);
    *g = (qn_grow){NULL, 0, 0, false};
}
