#include "core/host/problems.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"

#include <errno.h>
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

void qc_problem_file(qc_problems *p, const char *step, const char *path, int number)
{
    if (number == ENOENT || number == ENOTDIR)
        qc_problem(p, step, "file %s: found none there, wanted one", path);
    else if (number == ELOOP)
        qc_problem(p, step, "file %s: found a symbolic link, wanted the file itself", path);
    else
        qc_problem(p, step, "file %s: found that it cannot be opened (%s), wanted to read it", path,
                   strerror(number));
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
