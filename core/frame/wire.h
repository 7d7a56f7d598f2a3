/* core/frame/wire.h: how each kind of parameter of a table travels. The put_ and take_ functions
 * serve the proxies in the runner, the get_ and reply_ functions the stubs in the node. The node's
 * side believes nothing: counts are bounded by the bytes that came, and room that is asked for by
 * named limits. Outputs go both ways, so that what a method leaves untouched stays what it was. */
#pragma once
#include "core/frame/pack.h"

#define QC_WIRE_ITEMS 65536u               /* records in one array */
#define QC_WIRE_BYTES ((uint64_t)64 << 20) /* bytes of one text */
#define QC_WIRE_ROOM ((size_t)64 << 20)    /* bytes of room for one output */

static inline void qc_wire_put8(qc_pack *p, uint8_t v)
{
    qc_pack_u8(p, v);
}
static inline void qc_wire_put32(qc_pack *p, uint32_t v)
{
    qc_pack_u32(p, v);
}
static inline void qc_wire_put64(qc_pack *p, uint64_t v)
{
    qc_pack_u64(p, v);
}
static inline uint8_t qc_wire_get8(qc_unpack *u)
{
    return qc_unpack_u8(u);
}
static inline uint32_t qc_wire_get32(qc_unpack *u)
{
    return qc_unpack_u32(u);
}
static inline uint64_t qc_wire_get64(qc_unpack *u)
{
    return qc_unpack_u64(u);
}

/* ---- one value or struct of fixed size ---- */

static inline void qc_wire_put_fixed(qc_pack *p, const void *at, size_t size)
{
    qc_pack_u8(p, at != NULL);
    if (at)
        qc_pack_raw(p, at, size);
}
/** `into`, or NULL when NULL was given. */
static inline void *qc_wire_get_fixed(qc_unpack *u, void *into, size_t size)
{
    bool given = qc_unpack_u8(u) != 0;
    if (given)
        qc_unpack_copy(u, into, size);
    else
        memset(into, 0, size);
    return given ? into : NULL;
}
static inline void qc_wire_reply_fixed(qc_pack *p, const void *at, size_t size)
{
    qc_wire_put_fixed(p, at, size);
}
static inline void qc_wire_take_fixed(qc_unpack *u, void *into, size_t size)
{
    bool given = qc_unpack_u8(u) != 0;
    const uint8_t *at = given ? qc_unpack_raw(u, size) : NULL;
    if (at && into)
        memcpy(into, at, size);
}

/* ---- a struct that begins with its size: the plugin's may be older or newer than ours ---- */

static inline void qc_wire_put_sized(qc_pack *p, const void *at, uint32_t own, size_t ours)
{
    size_t n = own < ours ? own : ours;
    qc_pack_u8(p, at != NULL);
    if (!at)
        return;
    qc_pack_u32(p, own);
    qc_pack_bytes(p, at, n);
}
/** The struct's size member is what the plugin gave; what it did not give is zero. */
static inline void *qc_wire_get_sized(qc_unpack *u, void *into, size_t ours)
{
    bool given = qc_unpack_u8(u) != 0;
    memset(into, 0, ours);
    if (!given)
        return NULL;
    uint32_t own = qc_unpack_u32(u);
    qc_span b = qc_unpack_bytes(u);
    if (b.len > ours)
        u->failed = true;
    else if (b.len)
        memcpy(into, b.data, b.len);
    memcpy(into, &own, sizeof own); /* size is the first member */
    return into;
}
static inline void qc_wire_reply_sized(qc_pack *p, const void *at, size_t ours)
{
    uint32_t size;
    qc_pack_u8(p, at != NULL);
    if (!at)
        return;
    memcpy(&size, at, sizeof size);
    qc_pack_bytes(p, at, size < ours ? size : ours);
}
static inline void qc_wire_take_sized(qc_unpack *u, void *into, uint32_t own, size_t ours)
{
    bool given = qc_unpack_u8(u) != 0;
    qc_span b = given ? qc_unpack_bytes(u) : (qc_span){NULL, 0};
    size_t room = own < ours ? own : ours;
    if (into && b.len)
        memcpy(into, b.data, b.len < room ? b.len : room);
}

/* ---- arrays ---- */

static inline void qc_wire_put_array(qc_pack *p, const void *at, uint32_t n, size_t size)
{
    qc_pack_u8(p, at != NULL);
    qc_pack_u32(p, n);
    if (at)
        qc_pack_raw(p, at, n * size);
}
/** An aligned copy, or NULL (NULL was given, or nothing). Owned: qc_free(). */
static inline void *qc_wire_get_array(qc_unpack *u, uint32_t *n, size_t size)
{
    bool given = qc_unpack_u8(u) != 0;
    *n = qc_unpack_u32(u);
    if (*n > QC_WIRE_ITEMS) {
        u->failed = true;
        *n = 0;
    }
    const uint8_t *at = given ? qc_unpack_raw(u, (uint64_t)*n * size) : NULL;
    if (!at)
        return NULL;
    void *copy = qc_try_malloc((size_t)*n * size + 1);
    if (!copy)
        qc_unpack_no_memory(u);
    else if (*n)
        memcpy(copy, at, (size_t)*n * size);
    return copy;
}
/** Room for n records, or NULL when NULL was given. Owned: qc_free(). */
static inline void *qc_wire_get_each(qc_unpack *u, uint32_t n, size_t size)
{
    bool given = qc_unpack_u8(u) != 0;
    void *room = given ? qc_try_calloc((size_t)n + 1, size) : NULL;
    if (given && !room)
        qc_unpack_no_memory(u);
    return room;
}
static inline void qc_wire_reply_items(qc_pack *p, const void *at, uint32_t n, size_t size)
{
    n = at ? n : 0;
    qc_pack_u32(p, n);
    qc_pack_raw(p, at, n * size);
}
static inline void qc_wire_take_items(qc_unpack *u, void *into, uint32_t n, size_t size)
{
    uint32_t have = qc_unpack_u32(u);
    const uint8_t *at = qc_unpack_raw(u, (uint64_t)have * size);
    if (at && into && have && have <= n)
        memcpy(into, at, (size_t)have * size);
}

/* ---- room that the plugin offers for an output, and the count that comes back ---- */

/** How much room of `max` records is asked for at all. */
static inline uint32_t qc_wire_items(uint32_t max, size_t size)
{
    size_t most = QC_WIRE_ROOM / size;
    return max < most ? max : (uint32_t)most;
}
static inline void qc_wire_put_room(qc_pack *p, const void *at, uint32_t max, const uint32_t *n)
{
    qc_pack_u8(p, at != NULL);
    qc_pack_u32(p, max);
    qc_wire_put_fixed(p, n, sizeof *n);
}
typedef struct qc_wire_room {
    uint32_t max, count;
    uint32_t *n; /* &count, or NULL when NULL was given */
} qc_wire_room;
/** The room, all zero, or NULL when NULL was given. Owned: qc_free(). */
static inline void *qc_wire_get_room(qc_unpack *u, qc_wire_room *r, size_t size)
{
    bool given = qc_unpack_u8(u) != 0;
    r->max = qc_unpack_u32(u);
    r->n = qc_wire_get_fixed(u, &r->count, sizeof r->count);
    if (r->max > qc_wire_items(UINT32_MAX, size))
        u->failed = true;
    void *room = given && !u->failed ? qc_try_calloc((size_t)r->max + 1, size) : NULL;
    if (given && !room)
        qc_unpack_no_memory(u);
    return room;
}
/** `filled`: as many of the records as there are, or there is room for, have been filled in. */
static inline void qc_wire_reply_room(qc_pack *p, const void *at, const qc_wire_room *r,
                                      bool filled, size_t size)
{
    qc_wire_put_fixed(p, r->n, sizeof r->count);
    uint32_t n = !filled || !at || !r->n ? 0 : r->count < r->max ? r->count : r->max;
    qc_pack_u32(p, n);
    qc_pack_raw(p, at, n * size);
}
static inline void qc_wire_take_room(qc_unpack *u, void *into, uint32_t max, uint32_t *n,
                                     size_t size)
{
    qc_wire_take_fixed(u, n, sizeof *n);
    uint32_t have = qc_unpack_u32(u);
    const uint8_t *at = qc_unpack_raw(u, (uint64_t)have * size);
    if (at && into && have && have <= max)
        memcpy(into, at, (size_t)have * size);
}

/* ---- texts and bytes ---- */

/** As a table takes them: a pointer that may be NULL, and a length. */
typedef struct qc_wire_span {
    const uint8_t *data;
    uint64_t len;
} qc_wire_span;
static inline void qc_wire_put_bytes(qc_pack *p, const void *at, uint64_t len)
{
    qc_pack_u8(p, at != NULL);
    qc_pack_u64(p, len);
    if (at)
        qc_pack_raw(p, at, (size_t)len);
}
/** In place. */
static inline qc_wire_span qc_wire_get_bytes(qc_unpack *u)
{
    bool given = qc_unpack_u8(u) != 0;
    uint64_t len = qc_unpack_u64(u);
    const uint8_t *at = given ? qc_unpack_raw(u, len) : NULL;
    return (qc_wire_span){at, len};
}

/** A text for a callback: a copy with a NUL behind it. Owned: qc_free(data). */
typedef struct qc_wire_string {
    char *data;
    uint64_t len;
} qc_wire_string;
static inline qc_wire_string qc_wire_get_string(qc_unpack *u)
{
    qc_span b = qc_unpack_bytes(u);
    char *s = u->failed ? NULL : qc_try_malloc(b.len + 1);
    if (!s) {
        qc_unpack_no_memory(u);
        return (qc_wire_string){NULL, 0};
    }
    if (b.len)
        memcpy(s, b.data, b.len);
    s[b.len] = 0;
    return (qc_wire_string){s, b.len};
}
/** Take a descriptor out of a message; -1 when there is none. */
static inline int qc_wire_take_fd(int *fd)
{
    int got = *fd;
    *fd = -1;
    return got;
}
