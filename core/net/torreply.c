#include "core/net/torreply.h"

#include "core/base/alloc.h"

#include <stdio.h>

/* ---- lines ---- */

qc_err qc_tor_feed(qc_tor_reader *r, qc_span data)
{
    return qc_bytes_append(&r->in, data.data, data.len);
}

static void forget(qc_tor_reader *r)
{
    for (size_t i = 0; i < r->reply.n; i++)
        qc_free(r->reply.line[i]);
    qc_free(r->reply.line);
    r->reply = (qc_tor_reply){.code = 0};
    r->kept = 0;
    r->whole = false;
}

void qc_tor_reader_clear(qc_tor_reader *r)
{
    forget(r);
    qc_bytes_free(&r->in);
    r->at = 0;
}

/* What has been read goes, so that the buffer holds one line and what came with it. */
static void compact(qc_tor_reader *r)
{
    if (r->at == 0)
        return;
    memmove(r->in.data, r->in.data + r->at, r->in.len - r->at);
    r->in.len -= r->at;
    r->at = 0;
}

static int code_of(const char *line)
{
    int code = 0;
    for (int i = 0; i < 3; i++) {
        if (line[i] < '0' || line[i] > '9')
            return 0;
        code = code * 10 + (line[i] - '0');
    }
    return code;
}

/* "250-TEXT". Lines that are too short to be one are passed over. */
static qc_tor_result take(qc_tor_reader *r, const char *line, size_t len)
{
    char *room, **list;
    if (r->reply.n == QC_TOR_LINES_MAX)
        return QC_TOR_BAD;
    if (len < 4)
        return QC_TOR_MORE;
    r->kept += len;
    if (r->kept > QC_TOR_REPLY_MAX)
        return QC_TOR_BAD;
    list = qc_try_realloc(r->reply.line, (r->reply.n + 1) * sizeof *list);
    if (!list)
        return QC_TOR_BAD;
    r->reply.line = list;
    room = qc_try_alloc(len - 3);
    if (!room)
        return QC_TOR_BAD;
    memcpy(room, line + 4, len - 4);
    room[len - 4] = 0;
    list[r->reply.n++] = room;
    r->reply.code = code_of(line);
    r->whole = line[3] == ' ';
    return r->whole ? QC_TOR_REPLY : QC_TOR_MORE;
}

qc_tor_result qc_tor_next(qc_tor_reader *r, const qc_tor_reply **out)
{
    qc_tor_result result = QC_TOR_MORE;
    if (r->whole)
        forget(r);
    while (result == QC_TOR_MORE) {
        const char *line = (const char *)r->in.data + r->at;
        size_t left = r->in.len - r->at;
        const char *end = left ? memchr(line, '\n', left) : NULL;
        size_t len = end ? (size_t)(end - line) : left;
        if (len > QC_TOR_LINE_MAX)
            return QC_TOR_BAD;
        if (!end)
            break;
        r->at += len + 1;
        if (len && line[len - 1] == '\r')
            len--;
        result = take(r, line, len);
    }
    compact(r);
    if (result == QC_TOR_REPLY)
        *out = &r->reply;
    return result;
}

/* ---- words ---- */

const char *qc_tor_after(const char *line, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(line, word, n) != 0 || (line[n] && line[n] != ' '))
        return NULL;
    return line + n + (line[n] == ' ');
}

/* Where a value goes; `out` NULL: nowhere. */
typedef struct sink {
    char *out;
    size_t cap, n;
    bool bad;
} sink;

static void put(sink *s, char c)
{
    if (!s->out)
        return;
    if (c == 0 || s->n + 1 >= s->cap)
        s->bad = true;
    else
        s->out[s->n++] = c;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Up to three digits, and no more than a byte. */
static const char *put_octal(sink *s, const char *p)
{
    unsigned v = (unsigned)(*p++ - '0');
    int most = v > 3 ? 1 : 2;
    for (int i = 0; i < most && is_octal(*p); i++)
        v = v * 8 + (unsigned)(*p++ - '0');
    put(s, (char)v);
    return p;
}

/* Behind the opening quote. Returns what follows the closing one, NULL: there is none. */
static const char *put_quoted(sink *s, const char *p)
{
    for (; *p && *p != '"';) {
        if (*p != '\\') {
            put(s, *p++);
        } else if (is_octal(*++p)) {
            p = put_octal(s, p);
        } else if (!*p) {
            return NULL;
        } else {
            put(s, (char)(*p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'r' ? '\r' : *p));
            p++;
        }
    }
    return *p ? p + 1 : NULL;
}

bool qc_tor_value(const char *args, const char *key, char *out, size_t cap)
{
    bool found = false;
    QC_ASSERT(cap > 0);
    for (const char *p = args; *p;) {
        size_t n = strcspn(p, "= ");
        if (!p[n])
            return false;
        if (p[n] == ' ') /* the rest is of another kind */
            break;
        bool wanted = strlen(key) == n && memcmp(p, key, n) == 0;
        sink s = {.out = wanted ? out : NULL, .cap = cap};
        p += n + 1;
        if (*p == '"')
            p = put_quoted(&s, p + 1);
        else
            for (; *p && *p != ' '; p++)
                put(&s, *p);
        if (!p)
            return false;
        if (*p == ' ')
            p++;
        if (wanted) {
            out[s.n] = 0;
            found = !s.bad;
        }
    }
    return found;
}

bool qc_tor_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    while (*list) {
        size_t len = strcspn(list, ",");
        if (len == n && memcmp(list, word, n) == 0)
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

bool qc_tor_socks(const char *line, char *out, size_t cap)
{
    static const char KEY[] = "net/listeners/socks=", LOCAL[] = "127.0.0.1:";
    bool found = false;
    if (strncmp(line, KEY, sizeof KEY - 1) != 0)
        return false;
    for (const char *p = line + sizeof KEY - 1; *p;) {
        size_t n = strcspn(p, " ");
        const char *w = p;
        size_t len = n;
        if (len >= 2 && (*w == '"' || *w == '\'') && w[len - 1] == *w) {
            w++;
            len -= 2;
        }
        p += n + (p[n] == ' ');
        if (len == 0 || len >= cap)
            continue;
        snprintf(out, cap, "%.*s", (int)len, w);
        found = true;
        if (strncmp(out, LOCAL, sizeof LOCAL - 1) == 0)
            break;
    }
    return found;
}
