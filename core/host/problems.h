/* core/host/problems.h: what stands against loading a plugin, all of it at once. Thread: any, one
 * at a time per list. */
#pragma once
#include "core/base/bytes.h"

typedef struct qc_problems {
    const char
        *step;   /* of the load sequence: "grant" "open" "pin" "elf" "manifest" "resolve" ... */
    char **line; /* "what: found X, wanted Y" */
    size_t n;
} qc_problems;

#define QC_PROBLEMS_MAX 64u

/** Add a line; beyond QC_PROBLEMS_MAX they are dropped. The first one sets the step. */
void qc_problem(qc_problems *p, const char *step, const char *fmt, ...) QC_PRINTF(3, 4);
/** The file `path` could not be opened: `number` is errno. A link counts as an error. */
void qc_problem_file(qc_problems *p, const char *step, const char *path, int number);
/** Free and reset to empty. */
void qc_problems_clear(qc_problems *p);
/** A copy of `s` that is safe in one log line: control characters and bytes above 126 become '?',
 *  cut at 80. In a static ring of 8 per thread. */
const char *qc_printable(const char *s);
