/* One table call of the plugin: judged, counted, perhaps failed, and said when somebody traces. */
#include "lib/mock/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAID_MAX 24u /* bytes of a key or value that a trace shows */

static void say(qn_mk_line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(qn_mk_line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->len, sizeof l->text - l->len, fmt, ap);
    va_end(ap);
    l->len += n > 0 ? (size_t)n : 0;
    if (l->len >= sizeof l->text)
        l->len = sizeof l->text - 1;
}

static void sep(qn_mk_line *l)
{
    say(l, "%s", l->comma ? ", " : "");
    l->comma = true;
}

void qn_mk_u64(qn_mk_line *l, const char *name, uint64_t value)
{
    sep(l);
    say(l, "%s=%" PRIu64, name, value);
}

void qn_mk_i64(qn_mk_line *l, const char *name, int64_t value)
{
    sep(l);
    say(l, "%s=%" PRId64, name, value);
}

void qn_mk_words(qn_mk_line *l, const char *name, const char *text, uint64_t len)
{
    sep(l);
    say(l, "%s=\"", name);
    for (uint64_t i = 0; text && i < len && i < 200; i++)
        say(l, "%c", (unsigned char)text[i] < 32 || text[i] == 127 ? ' ' : text[i]);
    say(l, len > 200 ? "...\" (%" PRIu64 " bytes)" : "\"", len);
}

void qn_mk_hex(qn_mk_line *l, const char *name, const void *bytes, uint64_t len, bool hash)
{
    const uint8_t *b = bytes;
    uint64_t shown = hash || len <= SAID_MAX ? len : SAID_MAX;
    sep(l);
    say(l, "%s=", name);
    for (uint64_t i = 0; b && i < shown; i++)
        say(l, "%02x", b[hash ? len - 1 - i : i]);
    if (shown < len || len == 0)
        say(l, "%s(%" PRIu64 " bytes)", len ? "..." : "", len);
}

void qn_mk_open(qn_mk_line *l, const char *name)
{
    sep(l);
    say(l, "%s={", name);
    l->comma = false;
}

void qn_mk_close(qn_mk_line *l)
{
    say(l, "}");
    l->comma = true;
}

void qn_mk_view(qn_mk_line *l, const char *name, const qn_block_view *v)
{
    qn_mk_open(l, name);
    if (v) {
        qn_mk_u64(l, "height", v->height);
        qn_mk_hex(l, "hash", v->hash, 32, true);
        qn_mk_u64(l, "tx", v->tx.count);
    }
    qn_mk_close(l);
}

void qn_mk_arrow(qn_mk_line *l)
{
    say(l, ") -> (");
    l->comma = false;
}

void qn_mk_note(qn_mock *m, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    if (!m->trace)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    m->trace(m->trace_arg, text);
}

qn_status qn_mk_begin(qn_mk_line *l, qn_cap *cap, const qn_mk_slot *slot)
{
    qn_mock *m = cap->mock;
    bool wrong = !slot->any && !pthread_equal(m->thread, pthread_self());
    pthread_mutex_lock(&m->lock);
    l->mock = m;
    l->on = m->trace != NULL;
    l->comma = false;
    l->len = 0;
    l->text[0] = 0;
    if (l->on)
        say(l, "%s %s(", slot->interface, slot->method);
    if (wrong) {
        if (!m->wrong_thread[0])
            snprintf(m->wrong_thread, sizeof m->wrong_thread, "%s %s", slot->interface,
                     slot->method);
        return QN_E_THREAD;
    }
    if (!slot->status)
        return QN_OK;
    m->calls++;
    if (m->fail_at && --m->fail_at == 0)
        return m->fail_with;
    return m->on_call ? m->on_call(m->on_call_arg, m->calls, slot->interface, slot->method) : QN_OK;
}

qn_status qn_mk_end(qn_mk_line *l, const qn_status *st)
{
    if (l->on && st && *st != QN_OK)
        say(l, ") = %s (%d)", qn_mock_status_name(*st), (int)*st);
    else if (l->on)
        say(l, ")%s", st ? " = QN_OK" : "");
    if (l->on)
        l->mock->trace(l->mock->trace_arg, l->text);
    pthread_mutex_unlock(&l->mock->lock);
    return st ? *st : QN_OK;
}

void qn_mock_on_call(qn_mock *m, qn_mock_call_fn *fn, void *arg)
{
    m->on_call = fn;
    m->on_call_arg = arg;
}

void qn_mock_trace(qn_mock *m, qn_mock_line_fn *fn, void *arg)
{
    m->trace = fn;
    m->trace_arg = arg;
}

const char *qn_mock_wrong_thread(const qn_mock *m)
{
    return m->wrong_thread[0] ? m->wrong_thread : NULL;
}
