#include "core/host/trace.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/frame/wire.h"
#include "core/host/isolated.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LINES_PER_S 200.0 /* nobody reads more, and the disk is the node's */
#define SHOWN_HEX 24u
#define SHOWN_TEXT 160u

/* ---- interfaces whose messages are written by hand ---- */

#define END                                                                                        \
    {                                                                                              \
        NULL, QC_TRACE_U, 0, 0, 0                                                                  \
    }
static const qc_trace_part LOG[] = {
    {"level", QC_TRACE_U, 1, 0, 4}, {"message", QC_TRACE_LINE, 1, 0, 0}, END};
static const qc_trace_part FAIL[] = {
    {"why", QC_TRACE_I, 1, 0, 4}, {"message", QC_TRACE_LINE, 1, 0, 0}, END};
static const qc_trace_part PROGRESS[] = {
    {"permille", QC_TRACE_U, 1, 0, 4}, {"what", QC_TRACE_LINE, 1, 0, 0}, END};
static const qc_trace_part OPEN[] = {{"options", QC_TRACE_SIZED, 1, 0, 0},
                                     {"locator", QC_TRACE_HASHES, 1, 0, 32},
                                     {"start", QC_TRACE_FIXED, 1, 0, sizeof(qn_block_ref)},
                                     {"follow", QC_TRACE_U, 0, 1, 8},
                                     {"window", QC_TRACE_U, 0, 1, 4},
                                     {"start", QC_TRACE_FIXED, 0, 1, sizeof(qn_block_ref)},
                                     END};
static const qc_trace_part FOLLOW[] = {{"follow", QC_TRACE_U, 1, 0, 4}, END};
static const qc_trace_part ACK[] = {
    {"follow", QC_TRACE_U, 1, 0, 4}, {"seq", QC_TRACE_U, 1, 0, 8}, END};
static const qc_trace_part VIEW[] = {{"view", QC_TRACE_U, 1, 0, 4}, END};
static const qc_trace_part VIEWS[] = {{"hashes", QC_TRACE_HASHES, 1, 0, 32},
                                      {"flags", QC_TRACE_U, 1, 0, 4},
                                      {"max_views", QC_TRACE_U, 1, 0, 4},
                                      END};
static const qc_trace_part VIEWS_AT[] = {{"from", QC_TRACE_U, 1, 0, 4},
                                         {"flags", QC_TRACE_U, 1, 0, 4},
                                         {"max_views", QC_TRACE_U, 1, 0, 4},
                                         END};
static const struct {
    const char *id;
    uint16_t method;
    qc_trace_method m;
} BY_HAND[] = {{"host/1", 1, {"log", LOG}},
               {"host/1", 2, {"fail", FAIL}},
               {"host/1", 6, {"progress", PROGRESS}},
               {"host/1", QC_CAST_LOG_DROPPED, {"(lines dropped)", PROGRESS}},
               {"chain.follow/1", 0, {"open", OPEN}},
               {"chain.follow/1", 1, {"next", FOLLOW}},
               {"chain.follow/1", 2, {"ack", ACK}},
               {"chain.follow/1", 3, {"close", FOLLOW}},
               {"chain.follow/1", 4, {"go on", FOLLOW}},
               {"chain.follow/1", 5, {"release", VIEW}},
               {"block.read/1", 0, {"views", VIEWS}},
               {"block.read/1", 1, {"views_at", VIEWS_AT}},
               {"block.read/1", 2, {"release", VIEW}}};

static qc_trace_method method_of(const char *id, uint16_t method)
{
    for (size_t i = 0; i < QC_COUNTOF(BY_HAND); i++)
        if (BY_HAND[i].method == method && strcmp(BY_HAND[i].id, id) == 0)
            return BY_HAND[i].m;
    for (const qc_trace_table *t = QC_TRACES; t->id; t++)
        if (strcmp(t->id, id) == 0 && method < t->n)
            return t->method[method];
    return (qc_trace_method){NULL, NULL};
}

/* ---- text ---- */

typedef struct text {
    char *to;
    size_t cap, n;
    bool comma;
} text;

static void put(text *t, const char *fmt, ...) QC_PRINTF(2, 3);
static void put(text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->to + t->n, t->cap - t->n, fmt, ap);
    va_end(ap);
    t->n += n > 0 ? (size_t)n : 0;
    t->n = t->n < t->cap ? t->n : t->cap - 1;
}

static void put_hex(text *t, const uint8_t *b, uint64_t len, bool hash)
{
    uint64_t shown = !b ? 0 : hash || len <= SHOWN_HEX ? len : SHOWN_HEX;
    for (uint64_t i = 0; i < shown; i++)
        put(t, "%02x", b[hash ? len - 1 - i : i]);
    if (shown < len || !len)
        put(t, "%s(%" PRIu64 " bytes)", shown ? "..." : "", len);
}

static void put_words(text *t, const uint8_t *b, uint64_t len)
{
    put(t, "\"");
    for (uint64_t i = 0; b && i < len && i < SHOWN_TEXT; i++)
        put(t, "%c", b[i] < 32 || b[i] >= 127 ? '.' : b[i]);
    put(t, len > SHOWN_TEXT ? "\"... (%" PRIu64 " bytes)" : "\"", len);
}

static uint64_t number(const uint8_t *p, size_t size)
{
    uint64_t v = 0; /* as it lies in memory: both sides are one machine */
    uint32_t v4;
    if (p && size == 1)
        return *p;
    if (p && size == 4) {
        memcpy(&v4, p, 4);
        return v4;
    }
    if (p && size == 8)
        memcpy(&v, p, 8);
    return v;
}

static void put_number(text *t, qc_unpack *u, const qc_trace_part *p)
{
    uint64_t v = p->size == 1   ? qc_unpack_u8(u)
                 : p->size == 4 ? qc_unpack_u32(u)
                                : qc_unpack_u64(u);
    if (p->kind == QC_TRACE_I)
        put(t, "%" PRId64, p->size == 4 ? (int32_t)(uint32_t)v : (int64_t)v);
    else
        put(t, "%" PRIu64, v);
}

static void put_fixed(text *t, qc_unpack *u, const qc_trace_part *p)
{
    const uint8_t *at = qc_unpack_u8(u) ? qc_unpack_raw(u, p->size) : NULL;
    if (!at)
        put(t, "NULL");
    else if (p->kind == QC_TRACE_NUMBER)
        put(t, "%" PRIu64, number(at, p->size));
    else
        put_hex(t, at, p->size, p->kind == QC_TRACE_HASH);
}

static void put_sized(text *t, qc_unpack *u, bool reply)
{
    if (!qc_unpack_u8(u)) {
        put(t, "NULL");
        return;
    }
    if (!reply)
        (void)qc_unpack_u32(u);
    qc_span b = qc_unpack_bytes(u);
    put_hex(t, b.data, b.len, false);
}

/* A count, and the first record of `size` bytes. */
static void put_items(text *t, const uint8_t *at, uint32_t n, size_t size, bool hash)
{
    put(t, "%u", n);
    if (!n || !at)
        return;
    put(t, " {");
    put_hex(t, at, size == 1 ? n : size, hash);
    put(t, "}");
}

static void put_array(text *t, qc_unpack *u, const qc_trace_part *p)
{
    bool given = qc_unpack_u8(u) != 0;
    uint32_t n = qc_unpack_u32(u);
    const uint8_t *at = given ? qc_unpack_raw(u, (uint64_t)n * p->size) : NULL;
    put_items(t, at, n, p->size, p->kind == QC_TRACE_HASHES);
}

/* Room that is offered, or what was put into it. */
static void put_room(text *t, qc_unpack *u, const qc_trace_part *p, bool reply)
{
    if (!reply) {
        (void)qc_unpack_u8(u);
        if (p->kind == QC_TRACE_ROOM) {
            put(t, "room for %u", qc_unpack_u32(u));
            (void)(qc_unpack_u8(u) && qc_unpack_raw(u, 4));
        }
        return;
    }
    if (p->kind == QC_TRACE_ROOM)
        (void)(qc_unpack_u8(u) && qc_unpack_raw(u, 4));
    uint32_t n = qc_unpack_u32(u);
    put_items(t, qc_unpack_raw(u, (uint64_t)n * p->size), n, p->size, false);
}

static void put_bytes(text *t, qc_unpack *u, const qc_trace_part *p)
{
    qc_wire_span b = {0};
    if (p->kind == QC_TRACE_STRING) { /* 0: NULL; else one more than its length */
        uint64_t n = qc_unpack_u64(u);
        b.len = n ? n - 1 : 0;
        b.data = qc_unpack_raw(u, b.len);
    } else if (p->kind == QC_TRACE_LINE) {
        qc_span s = qc_unpack_bytes(u);
        b = (qc_wire_span){s.data, s.len};
    } else {
        b = qc_wire_get_bytes(u);
    }
    b.len = u->failed ? 0 : b.len;
    if (p->kind == QC_TRACE_BYTES)
        put_hex(t, b.data, b.len, false);
    else
        put_words(t, b.data, b.len);
}

static void put_part(text *t, qc_unpack *u, const qc_trace_part *p, bool reply)
{
    put(t, "%s%s=", t->comma ? ", " : "", p->name);
    t->comma = true;
    switch (p->kind) {
    case QC_TRACE_U:
    case QC_TRACE_I:
    case QC_TRACE_CALLBACK:
        put_number(t, u, p);
        break;
    case QC_TRACE_NUMBER:
    case QC_TRACE_HASH:
    case QC_TRACE_FIXED:
        put_fixed(t, u, p);
        break;
    case QC_TRACE_SIZED:
        put_sized(t, u, reply);
        break;
    case QC_TRACE_ARRAY:
    case QC_TRACE_HASHES:
        put_array(t, u, p);
        break;
    case QC_TRACE_EACH:
    case QC_TRACE_ROOM:
        put_room(t, u, p, reply);
        break;
    case QC_TRACE_STRING:
    case QC_TRACE_TEXT:
    case QC_TRACE_BYTES:
    case QC_TRACE_LINE:
        put_bytes(t, u, p);
        break;
    }
}

const char *qc_trace_text(char *to, size_t cap, const char *id, uint16_t method, bool cast,
                          qc_span in, qn_status st, qc_span out)
{
    const qc_trace_method m = method_of(id, method);
    text t = {.to = to, .cap = cap};
    qc_unpack u = qc_unpack_of(in);
    if (m.name)
        put(&t, "%s %s(", id, m.name);
    else
        put(&t, "%s method %u(", id, method);
    for (const qc_trace_part *p = m.part; p && p->name && !u.failed; p++)
        if (p->in)
            put_part(&t, &u, p, false);
    put(&t, ")");
    if (cast)
        return to;
    put(&t, " = %s (%d)", qc_status_name(st), (int)st);
    u = qc_unpack_of(out);
    t.comma = false;
    bool any = false;
    for (const qc_trace_part *p = m.part; st == QN_OK && p && p->name && !u.failed; p++) {
        if (!p->out)
            continue;
        put(&t, "%s", any ? "" : " -> ");
        put_part(&t, &u, p, true);
        any = true;
    }
    return to;
}

void qc_trace_call(qc_stub_call *c, uint16_t method, qc_span in)
{
    char line[1000];
    qc_isolated *iso = c->iso;
    qc_mono now = qc_clock_mono();
    iso->trace_tokens += (double)(now - iso->trace_at) * 1e-9 * LINES_PER_S;
    if (iso->trace_tokens > LINES_PER_S || !iso->trace_at)
        iso->trace_tokens = LINES_PER_S;
    iso->trace_at = now;
    if (iso->trace_tokens < 1) {
        iso->trace_dropped++;
        return;
    }
    iso->trace_tokens -= 1;
    if (iso->trace_dropped)
        qc_log(QC_LOG_INFO, "plugin", "%s: call ... %llu more, too many to show",
               iso->plugin->label, (unsigned long long)iso->trace_dropped);
    iso->trace_dropped = 0;
    qc_log(QC_LOG_INFO, "plugin", "%s: call %s", iso->plugin->label,
           qc_trace_text(line, sizeof line, c->cap->adapter ? c->cap->adapter->id : "host/1",
                         method, c->cast, in, c->status, qc_bytes_span(&c->out->out)));
}
