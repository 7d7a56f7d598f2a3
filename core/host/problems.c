#include "core/host/problems.h"

#include "core/base/alloc.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOWN 80

void qc_problem(qc_problems *p, const char *step, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (p->n >= QC_PROBLEMS_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!p->line)
        p->line = qc_alloc(QC_PROBLEMS_MAX * sizeof *p->line);
    if (!p->n)
        p->step = step;
    qc_clean_text(text);
    p->line[p->n++] = qc_strdup(text);
}

/* Bytes of what a terminal takes for an order at the head of valid UTF-8; 0: of none. Beyond the
 * controls of ASCII: those of ISO 6429 (U+0080 to U+009F), what turns the direction of text
 * (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), and its two other ends of lines
 * (U+2028, U+2029). */
static size_t order_at(const char *s)
{
    const unsigned char *c = (const unsigned char *)s;
    if (c[0] < 32 || c[0] == 127)
        return c[0] != 0;
    if (c[0] == 0xc2 && c[1] <= 0x9f)
        return 2;
    if (c[0] == 0xd8 && c[1] == 0x9c)
        return 2;
    if (c[0] != 0xe2)
        return 0;
    bool marks = c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae));
    return marks || (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9) ? 3 : 0;
}

void qc_clean_text(char *s)
{
    json_t *utf8 = json_string(s); /* NULL when it is none */
    char *out = s;
    while (*s) {
        bool foreign = !utf8 && (unsigned char)*s > 127;
        size_t n = foreign ? 1 : order_at(s);
        *out++ = *s;
        if (n)
            out[-1] = '?';
        s += n ? n : 1;
    }
    *out = 0;
    json_decref(utf8);
}

bool qc_text_is_clean(const char *s)
{
    char *copy = qc_strdup(s);
    qc_clean_text(copy);
    bool clean = strcmp(copy, s) == 0;
    qc_free(copy);
    return clean;
}

void qc_problems_clear(qc_problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        qc_free(p->line[i]);
    qc_free(p->line);
    *p = (qc_problems){NULL, NULL, 0};
}

const char *qc_printable(const char *s)
{
    static _Thread_local char ring[8][SHOWN + 4];
    static _Thread_local unsigned next;
    char *out = ring[next++ % 8];
    size_t n = 0;
    for (; s[n] && n < SHOWN; n++)
        out[n] = s[n] >= 32 && s[n] < 127 ? s[n] : '?';
    memcpy(out + n, s[n] ? "..." : "", s[n] ? 4 : 1);
    return out;
}
